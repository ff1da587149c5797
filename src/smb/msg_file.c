#include "smb/msg_internal.h"

/* --- create and close --------------------------------------------------------------------- */

enum nt_err nt_smb2_create_req_read(const uint8_t *msg, size_t len, struct nt_smb2_create_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 57);
    nt_cursor_skip(&c, 1); /* SecurityFlags */
    out->oplock = nt_cursor_u8(&c);
    out->impersonation = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 16); /* SmbCreateFlags, reserved */
    out->access = nt_cursor_u32le(&c);
    out->attributes = nt_cursor_u32le(&c);
    out->share = nt_cursor_u32le(&c);
    out->disposition = nt_cursor_u32le(&c);
    out->options = nt_cursor_u32le(&c);
    size_t name_at = nt_cursor_u16le(&c), name_len = nt_cursor_u16le(&c);
    size_t contexts_at = nt_cursor_u32le(&c), contexts_len = nt_cursor_u32le(&c);
    out->name = nt_smb2_bytes_at(&c, name_at, name_len, 57);
    out->contexts = nt_smb2_bytes_at(&c, contexts_at, contexts_len, 57);
    return c.err;
}

void nt_smb2_create_req_write(struct nt_buf *b, const struct nt_smb2_create_req *m)
{
    nt_buf_u16le(b, 57);
    nt_buf_u8(b, 0);
    nt_buf_u8(b, m->oplock);
    nt_buf_u32le(b, m->impersonation);
    nt_buf_zero(b, 16);
    nt_buf_u32le(b, m->access);
    nt_buf_u32le(b, m->attributes);
    nt_buf_u32le(b, m->share);
    nt_buf_u32le(b, m->disposition);
    nt_buf_u32le(b, m->options);
    nt_buf_u16le(b, NT_SMB2_BEHIND(57));
    nt_buf_u16le(b, nt_smb2_len16(b, m->name.len));
    nt_buf_u64le(b, 0); /* no contexts */
    nt_smb2_bytes_write(b, m->name);
}

static struct nt_smb2_file_facts facts_read(struct nt_cursor *c)
{
    struct nt_smb2_file_facts f;
    f.created = nt_cursor_u64le(c);
    f.accessed = nt_cursor_u64le(c);
    f.written = nt_cursor_u64le(c);
    f.changed = nt_cursor_u64le(c);
    f.allocation = nt_cursor_u64le(c);
    f.size = nt_cursor_u64le(c);
    f.attributes = nt_cursor_u32le(c);
    return f;
}

static void facts_write(struct nt_buf *b, const struct nt_smb2_file_facts *f)
{
    nt_buf_u64le(b, f->created);
    nt_buf_u64le(b, f->accessed);
    nt_buf_u64le(b, f->written);
    nt_buf_u64le(b, f->changed);
    nt_buf_u64le(b, f->allocation);
    nt_buf_u64le(b, f->size);
    nt_buf_u32le(b, f->attributes);
}

enum nt_err nt_smb2_create_rsp_read(const uint8_t *msg, size_t len, struct nt_smb2_create_rsp *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 89);
    out->oplock = nt_cursor_u8(&c);
    nt_cursor_skip(&c, 1);
    out->action = nt_cursor_u32le(&c);
    out->facts = facts_read(&c);
    nt_cursor_skip(&c, 4);
    out->fid = nt_smb2_fid_read(&c);
    nt_cursor_skip(&c, 8); /* contexts: none was asked for */
    return c.err;
}

void nt_smb2_create_rsp_write(struct nt_buf *b, const struct nt_smb2_create_rsp *m)
{
    nt_buf_u16le(b, 89);
    nt_buf_u8(b, m->oplock);
    nt_buf_u8(b, 0);
    nt_buf_u32le(b, m->action);
    facts_write(b, &m->facts);
    nt_buf_u32le(b, 0);
    nt_smb2_fid_write(b, &m->fid);
    nt_buf_u64le(b, 0);
}

enum nt_err nt_smb2_close_req_read(const uint8_t *msg, size_t len, struct nt_smb2_close_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 24);
    out->flags = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 4);
    out->fid = nt_smb2_fid_read(&c);
    return c.err;
}

void nt_smb2_close_req_write(struct nt_buf *b, const struct nt_smb2_close_req *m)
{
    nt_buf_u16le(b, 24);
    nt_buf_u16le(b, m->flags);
    nt_buf_u32le(b, 0);
    nt_smb2_fid_write(b, &m->fid);
}

enum nt_err nt_smb2_close_rsp_read(const uint8_t *msg, size_t len, struct nt_smb2_close_rsp *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 60);
    out->flags = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 4);
    out->facts = facts_read(&c);
    return c.err;
}

void nt_smb2_close_rsp_write(struct nt_buf *b, const struct nt_smb2_close_rsp *m)
{
    nt_buf_u16le(b, 60);
    nt_buf_u16le(b, m->flags);
    nt_buf_u32le(b, 0);
    facts_write(b, &m->facts);
}

enum nt_err nt_smb2_flush_req_read(const uint8_t *msg, size_t len, struct nt_smb2_fid *fid)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 24);
    nt_cursor_skip(&c, 6);
    *fid = nt_smb2_fid_read(&c);
    return c.err;
}

void nt_smb2_flush_req_write(struct nt_buf *b, const struct nt_smb2_fid *fid)
{
    nt_buf_u16le(b, 24);
    nt_buf_zero(b, 6);
    nt_smb2_fid_write(b, fid);
}

/* --- read and write ----------------------------------------------------------------------- */

enum nt_err nt_smb2_read_req_read(const uint8_t *msg, size_t len, struct nt_smb2_read_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 49);
    nt_cursor_skip(&c, 1); /* Padding: where the answer's data is wished */
    out->flags = nt_cursor_u8(&c);
    out->length = nt_cursor_u32le(&c);
    out->offset = nt_cursor_u64le(&c);
    out->fid = nt_smb2_fid_read(&c);
    out->min_count = nt_cursor_u32le(&c);
    out->channel = nt_cursor_u32le(&c);
    out->remaining = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 4);
    return c.err;
}

void nt_smb2_read_req_write(struct nt_buf *b, const struct nt_smb2_read_req *m)
{
    nt_buf_u16le(b, 49);
    nt_buf_u8(b, NT_SMB2_BEHIND(17));
    nt_buf_u8(b, m->flags);
    nt_buf_u32le(b, m->length);
    nt_buf_u64le(b, m->offset);
    nt_smb2_fid_write(b, &m->fid);
    nt_buf_u32le(b, m->min_count);
    nt_buf_u32le(b, m->channel);
    nt_buf_u32le(b, m->remaining);
    nt_buf_u32le(b, 0);
    nt_buf_u8(b, 0);
}

enum nt_err nt_smb2_read_rsp_read(const uint8_t *msg, size_t len, struct nt_smb2_read_rsp *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 17);
    size_t at = nt_cursor_u8(&c);
    nt_cursor_skip(&c, 1);
    size_t data_len = nt_cursor_u32le(&c);
    out->remaining = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 4);
    out->data = nt_smb2_bytes_at(&c, at, data_len, 17);
    return c.err;
}

void nt_smb2_read_rsp_write(struct nt_buf *b, const struct nt_smb2_read_rsp *m)
{
    nt_buf_u16le(b, 17);
    nt_buf_u8(b, NT_SMB2_BEHIND(17));
    nt_buf_u8(b, 0);
    nt_buf_u32le(b, nt_smb2_len32(b, m->data.len));
    nt_buf_u32le(b, m->remaining);
    nt_buf_u32le(b, 0);
    nt_smb2_bytes_write(b, m->data);
}

enum nt_err nt_smb2_write_req_read(const uint8_t *msg, size_t len, struct nt_smb2_write_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 49);
    size_t at = nt_cursor_u16le(&c), data_len = nt_cursor_u32le(&c);
    out->offset = nt_cursor_u64le(&c);
    out->fid = nt_smb2_fid_read(&c);
    out->channel = nt_cursor_u32le(&c);
    out->remaining = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 4);
    out->flags = nt_cursor_u32le(&c);
    out->data = nt_smb2_bytes_at(&c, at, data_len, 49);
    return c.err;
}

void nt_smb2_write_req_write(struct nt_buf *b, const struct nt_smb2_write_req *m)
{
    nt_buf_u16le(b, 49);
    nt_buf_u16le(b, NT_SMB2_BEHIND(49));
    nt_buf_u32le(b, nt_smb2_len32(b, m->data.len));
    nt_buf_u64le(b, m->offset);
    nt_smb2_fid_write(b, &m->fid);
    nt_buf_u32le(b, m->channel);
    nt_buf_u32le(b, m->remaining);
    nt_buf_u32le(b, 0);
    nt_buf_u32le(b, m->flags);
    nt_smb2_bytes_write(b, m->data);
}

enum nt_err nt_smb2_write_rsp_read(const uint8_t *msg, size_t len, uint32_t *count)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 17);
    nt_cursor_skip(&c, 2);
    *count = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 8);
    return c.err;
}

void nt_smb2_write_rsp_write(struct nt_buf *b, uint32_t count)
{
    nt_buf_u16le(b, 17);
    nt_buf_u16le(b, 0);
    nt_buf_u32le(b, count);
    nt_buf_zero(b, 8); /* what remains, and no channel information */
}

/* --- ioctl -------------------------------------------------------------------------------- */

enum nt_err nt_smb2_ioctl_req_read(const uint8_t *msg, size_t len, struct nt_smb2_ioctl_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 57);
    nt_cursor_skip(&c, 2);
    out->code = nt_cursor_u32le(&c);
    out->fid = nt_smb2_fid_read(&c);
    size_t in_at = nt_cursor_u32le(&c), in_len = nt_cursor_u32le(&c);
    out->max_input = nt_cursor_u32le(&c);
    size_t out_at = nt_cursor_u32le(&c), out_len = nt_cursor_u32le(&c);
    out->max_output = nt_cursor_u32le(&c);
    out->flags = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 4);
    out->input = nt_smb2_bytes_at(&c, in_at, in_len, 57);
    out->output = nt_smb2_bytes_at(&c, out_at, out_len, 57);
    return c.err;
}

void nt_smb2_ioctl_req_write(struct nt_buf *b, const struct nt_smb2_ioctl_req *m)
{
    nt_buf_u16le(b, 57);
    nt_buf_u16le(b, 0);
    nt_buf_u32le(b, m->code);
    nt_smb2_fid_write(b, &m->fid);
    nt_buf_u32le(b, NT_SMB2_BEHIND(57));
    nt_buf_u32le(b, nt_smb2_len32(b, m->input.len));
    nt_buf_u32le(b, m->max_input);
    nt_buf_u32le(b, 0);
    nt_buf_u32le(b, 0);
    nt_buf_u32le(b, m->max_output);
    nt_buf_u32le(b, m->flags);
    nt_buf_u32le(b, 0);
    nt_smb2_bytes_write(b, m->input);
}

enum nt_err nt_smb2_ioctl_rsp_read(const uint8_t *msg, size_t len, struct nt_smb2_ioctl_rsp *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 49);
    nt_cursor_skip(&c, 2);
    out->code = nt_cursor_u32le(&c);
    out->fid = nt_smb2_fid_read(&c);
    size_t in_at = nt_cursor_u32le(&c), in_len = nt_cursor_u32le(&c);
    size_t out_at = nt_cursor_u32le(&c), out_len = nt_cursor_u32le(&c);
    out->flags = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 4);
    out->input = nt_smb2_bytes_at(&c, in_at, in_len, 49);
    out->output = nt_smb2_bytes_at(&c, out_at, out_len, 49);
    return c.err;
}

void nt_smb2_ioctl_rsp_write(struct nt_buf *b, const struct nt_smb2_ioctl_rsp *m)
{
    nt_buf_u16le(b, 49);
    nt_buf_u16le(b, 0);
    nt_buf_u32le(b, m->code);
    nt_smb2_fid_write(b, &m->fid);
    nt_buf_u32le(b, NT_SMB2_BEHIND(49));
    nt_buf_u32le(b, 0);
    nt_buf_u32le(b, NT_SMB2_BEHIND(49));
    nt_buf_u32le(b, nt_smb2_len32(b, m->output.len));
    nt_buf_u32le(b, m->flags);
    nt_buf_u32le(b, 0);
    nt_smb2_bytes_write(b, m->output);
}

enum nt_err nt_smb2_pipe_wait_read(const uint8_t *in, size_t len, struct nt_smb2_pipe_wait *out)
{
    struct nt_cursor c;
    nt_cursor_init(&c, in, len);
    out->timeout_100ns = nt_cursor_u64le(&c);
    size_t name_len = nt_cursor_u32le(&c);
    out->has_timeout = nt_cursor_u8(&c) != 0;
    nt_cursor_skip(&c, 1);
    const uint8_t *name = nt_cursor_take(&c, name_len);
    out->name = (struct nt_smb2_bytes){ name, name != NULL ? name_len : 0 };
    return c.err;
}

/* --- information -------------------------------------------------------------------------- */

enum nt_err nt_smb2_query_info_req_read(const uint8_t *msg, size_t len,
                                        struct nt_smb2_query_info_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 41);
    out->type = nt_cursor_u8(&c);
    out->info_class = nt_cursor_u8(&c);
    out->max_output = nt_cursor_u32le(&c);
    size_t in_at = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 2);
    size_t in_len = nt_cursor_u32le(&c);
    out->additional = nt_cursor_u32le(&c);
    out->flags = nt_cursor_u32le(&c);
    out->fid = nt_smb2_fid_read(&c);
    out->input = nt_smb2_bytes_at(&c, in_at, in_len, 41);
    return c.err;
}

void nt_smb2_query_info_req_write(struct nt_buf *b, const struct nt_smb2_query_info_req *m)
{
    nt_buf_u16le(b, 41);
    nt_buf_u8(b, m->type);
    nt_buf_u8(b, m->info_class);
    nt_buf_u32le(b, m->max_output);
    nt_buf_u16le(b, m->input.len > 0 ? NT_SMB2_BEHIND(41) : 0);
    nt_buf_u16le(b, 0);
    nt_buf_u32le(b, nt_smb2_len32(b, m->input.len));
    nt_buf_u32le(b, m->additional);
    nt_buf_u32le(b, m->flags);
    nt_smb2_fid_write(b, &m->fid);
    nt_smb2_bytes_write(b, m->input);
}

enum nt_err nt_smb2_query_info_rsp_read(const uint8_t *msg, size_t len, struct nt_smb2_bytes *data)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 9);
    size_t at = nt_cursor_u16le(&c), data_len = nt_cursor_u32le(&c);
    *data = nt_smb2_bytes_at(&c, at, data_len, 9);
    return c.err;
}

void nt_smb2_query_info_rsp_write(struct nt_buf *b, struct nt_smb2_bytes data)
{
    nt_buf_u16le(b, 9);
    nt_buf_u16le(b, NT_SMB2_BEHIND(9));
    nt_buf_u32le(b, nt_smb2_len32(b, data.len));
    nt_smb2_bytes_write(b, data);
}

enum nt_err nt_smb2_set_info_req_read(const uint8_t *msg, size_t len,
                                      struct nt_smb2_set_info_req *out)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 33);
    out->type = nt_cursor_u8(&c);
    out->info_class = nt_cursor_u8(&c);
    size_t data_len = nt_cursor_u32le(&c), at = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 2);
    out->additional = nt_cursor_u32le(&c);
    out->fid = nt_smb2_fid_read(&c);
    out->data = nt_smb2_bytes_at(&c, at, data_len, 33);
    return c.err;
}

void nt_smb2_set_info_rsp_write(struct nt_buf *b)
{
    nt_buf_u16le(b, 2);
}
