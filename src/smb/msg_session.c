#include "smb/msg_internal.h"

enum nt_err nt_smb2_session_setup_req_read(const uint8_t *msg, size_t len,
                                           struct nt_smb2_session_setup_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 25);
    out->flags = nt_cursor_u8(&c);
    out->security_mode = nt_cursor_u8(&c);
    out->capabilities = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 4); /* Channel */
    size_t at = nt_cursor_u16le(&c), token_len = nt_cursor_u16le(&c);
    out->previous_session = nt_cursor_u64le(&c);
    out->token = nt_smb2_bytes_at(&c, at, token_len, 25);
    return c.err;
}

void nt_smb2_session_setup_req_write(struct nt_buf *b, const struct nt_smb2_session_setup_req *m)
{
    nt_buf_u16le(b, 25);
    nt_buf_u8(b, m->flags);
    nt_buf_u8(b, m->security_mode);
    nt_buf_u32le(b, m->capabilities);
    nt_buf_u32le(b, 0);
    nt_buf_u16le(b, NT_SMB2_BEHIND(25));
    nt_buf_u16le(b, nt_smb2_len16(b, m->token.len));
    nt_buf_u64le(b, m->previous_session);
    nt_smb2_bytes_write(b, m->token);
}

enum nt_err nt_smb2_session_setup_rsp_read(const uint8_t *msg, size_t len,
                                           struct nt_smb2_session_setup_rsp *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 9);
    out->session_flags = nt_cursor_u16le(&c);
    size_t at = nt_cursor_u16le(&c), token_len = nt_cursor_u16le(&c);
    out->token = nt_smb2_bytes_at(&c, at, token_len, 9);
    return c.err;
}

void nt_smb2_session_setup_rsp_write(struct nt_buf *b, const struct nt_smb2_session_setup_rsp *m)
{
    nt_buf_u16le(b, 9);
    nt_buf_u16le(b, m->session_flags);
    nt_buf_u16le(b, NT_SMB2_BEHIND(9));
    nt_buf_u16le(b, nt_smb2_len16(b, m->token.len));
    nt_smb2_bytes_write(b, m->token);
}

enum nt_err nt_smb2_tree_connect_req_read(const uint8_t *msg, size_t len,
                                          struct nt_smb2_tree_connect_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 9);
    out->flags = nt_cursor_u16le(&c);
    size_t at = nt_cursor_u16le(&c), path_len = nt_cursor_u16le(&c);
    out->path = nt_smb2_bytes_at(&c, at, path_len, 9);
    return c.err;
}

void nt_smb2_tree_connect_req_write(struct nt_buf *b, const struct nt_smb2_tree_connect_req *m)
{
    nt_buf_u16le(b, 9);
    nt_buf_u16le(b, m->flags);
    nt_buf_u16le(b, NT_SMB2_BEHIND(9));
    nt_buf_u16le(b, nt_smb2_len16(b, m->path.len));
    nt_smb2_bytes_write(b, m->path);
}

enum nt_err nt_smb2_tree_connect_rsp_read(const uint8_t *msg, size_t len,
                                          struct nt_smb2_tree_connect_rsp *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 16);
    out->share_type = nt_cursor_u8(&c);
    nt_cursor_skip(&c, 1);
    out->share_flags = nt_cursor_u32le(&c);
    out->capabilities = nt_cursor_u32le(&c);
    out->max_access = nt_cursor_u32le(&c);
    return c.err;
}

void nt_smb2_tree_connect_rsp_write(struct nt_buf *b, const struct nt_smb2_tree_connect_rsp *m)
{
    nt_buf_u16le(b, 16);
    nt_buf_u8(b, m->share_type);
    nt_buf_u8(b, 0);
    nt_buf_u32le(b, m->share_flags);
    nt_buf_u32le(b, m->capabilities);
    nt_buf_u32le(b, m->max_access);
}
