#include <string.h>

#include "smb/msg_internal.h"

/* --- contexts, 2.2.3.1 -------------------------------------------------------------------- */

/* Ids; those beyond the limit are skipped, they stand last by preference. */
static size_t ids_read(struct nt_cursor *c, size_t count, uint16_t *ids)
{
    size_t kept = 0;
    for (size_t i = 0; i < count && c->err == NT_OK; i++) {
        uint16_t id = nt_cursor_u16le(c);
        if (kept < NT_SMB2_MAX_ALGORITHMS)
            ids[kept++] = id;
    }
    return kept;
}

/* True for a context that was not there yet; one that comes twice is malformed, as servers must
 * refuse it (3.3.5.4). */
static bool first_one(struct nt_cursor *c, bool *has)
{
    if (*has)
        nt_cursor_fail(c, NT_E_MALFORMED);
    *has = true;
    return c->err == NT_OK;
}

static void context_read(struct nt_cursor *c, uint16_t type, struct nt_smb2_bytes data,
                         struct nt_smb2_contexts *out)
{
    struct nt_cursor in;
    nt_cursor_init(&in, data.data, data.len);
    if (type == NT_SMB2_CTX_PREAUTH && first_one(c, &out->has_preauth)) {
        size_t count = nt_cursor_u16le(&in), salt = nt_cursor_u16le(&in);
        out->hash_count = ids_read(&in, count, out->hashes);
        const uint8_t *bytes = nt_cursor_take(&in, salt);
        out->salt = (struct nt_smb2_bytes){ bytes, bytes != NULL ? salt : 0 };
    } else if (type == NT_SMB2_CTX_CIPHERS && first_one(c, &out->has_ciphers)) {
        out->cipher_count = ids_read(&in, nt_cursor_u16le(&in), out->ciphers);
    } else if (type == NT_SMB2_CTX_SIGNING && first_one(c, &out->has_signing)) {
        out->signing_count = ids_read(&in, nt_cursor_u16le(&in), out->signings);
    } else if (type == NT_SMB2_CTX_NETNAME) {
        out->netname = data;
    }
    if (in.err != NT_OK)
        nt_cursor_fail(c, in.err);
}

/* `count` contexts from an offset on, each at a multiple of 8. */
static void contexts_read(struct nt_cursor *c, size_t offset, size_t count,
                          struct nt_smb2_contexts *out)
{
    if (count > NT_SMB2_MAX_CONTEXTS)
        nt_cursor_fail(c, NT_E_LIMIT);
    if (count > 0 && offset < NT_SMB2_HEADER_LEN)
        nt_cursor_fail(c, NT_E_MALFORMED);
    if (count > 0)
        nt_cursor_seek(c, offset);
    for (size_t i = 0; i < count && c->err == NT_OK; i++) {
        if (i > 0)
            nt_cursor_align(c, 8);
        uint16_t type = nt_cursor_u16le(c);
        size_t len = nt_cursor_u16le(c);
        nt_cursor_skip(c, 4);
        const uint8_t *data = nt_cursor_take(c, len);
        if (data != NULL)
            context_read(c, type, (struct nt_smb2_bytes){ data, len }, out);
    }
}

/* Zeroes up to a multiple of 8 from the header, which begins at `start`. */
static void align_from(struct nt_buf *b, size_t start)
{
    while (b->err == NT_OK && (b->len - start) % 8 != 0)
        nt_buf_u8(b, 0);
}

static void context_head(struct nt_buf *b, size_t start, uint16_t type, size_t len)
{
    align_from(b, start);
    nt_buf_u16le(b, type);
    nt_buf_u16le(b, nt_smb2_len16(b, len));
    nt_buf_u32le(b, 0);
}

static void ids_write(struct nt_buf *b, const uint16_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nt_buf_u16le(b, ids[i]);
}

static void contexts_write(struct nt_buf *b, size_t start, const struct nt_smb2_contexts *m)
{
    if (m->has_preauth) {
        context_head(b, start, NT_SMB2_CTX_PREAUTH, 4 + 2 * m->hash_count + m->salt.len);
        nt_buf_u16le(b, (uint16_t)m->hash_count);
        nt_buf_u16le(b, nt_smb2_len16(b, m->salt.len));
        ids_write(b, m->hashes, m->hash_count);
        nt_buf_put(b, m->salt.data, m->salt.len);
    }
    if (m->has_ciphers) {
        context_head(b, start, NT_SMB2_CTX_CIPHERS, 2 + 2 * m->cipher_count);
        nt_buf_u16le(b, (uint16_t)m->cipher_count);
        ids_write(b, m->ciphers, m->cipher_count);
    }
    if (m->has_signing) {
        context_head(b, start, NT_SMB2_CTX_SIGNING, 2 + 2 * m->signing_count);
        nt_buf_u16le(b, (uint16_t)m->signing_count);
        ids_write(b, m->signings, m->signing_count);
    }
    if (m->netname.data != NULL) {
        context_head(b, start, NT_SMB2_CTX_NETNAME, m->netname.len);
        nt_buf_put(b, m->netname.data, m->netname.len);
    }
}

static uint16_t contexts_count(const struct nt_smb2_contexts *m)
{
    return (uint16_t)(m->has_preauth + m->has_ciphers + m->has_signing + (m->netname.data != NULL));
}

static bool offers_311(const uint16_t *dialects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (dialects[i] == NT_SMB2_311)
            return true;
    return false;
}

/* --- negotiate ---------------------------------------------------------------------------- */

enum nt_err nt_smb2_negotiate_req_read(const uint8_t *msg, size_t len,
                                       struct nt_smb2_negotiate_req *out)
{
    struct nt_cursor c;

    *out = (struct nt_smb2_negotiate_req){ 0 };
    nt_smb2_body_begin(&c, msg, len, 36);
    size_t count = nt_cursor_u16le(&c);
    out->security_mode = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 2);
    out->capabilities = nt_cursor_u32le(&c);
    nt_cursor_bytes(&c, out->guid, sizeof out->guid);
    size_t contexts_at = nt_cursor_u32le(&c);
    size_t contexts = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 2);
    if (count > NT_SMB2_MAX_DIALECTS)
        nt_cursor_fail(&c, NT_E_LIMIT);
    for (size_t i = 0; i < count && c.err == NT_OK; i++)
        out->dialects[out->dialect_count++] = nt_cursor_u16le(&c);
    if (c.err == NT_OK && offers_311(out->dialects, out->dialect_count))
        contexts_read(&c, contexts_at, contexts, &out->contexts);
    return c.err;
}

void nt_smb2_negotiate_req_write(struct nt_buf *b, const struct nt_smb2_negotiate_req *m)
{
    bool with_contexts = offers_311(m->dialects, m->dialect_count);
    size_t start = b->len - NT_SMB2_HEADER_LEN;
    size_t behind = NT_SMB2_HEADER_LEN + 36 + 2 * m->dialect_count;

    nt_buf_u16le(b, 36);
    nt_buf_u16le(b, (uint16_t)m->dialect_count);
    nt_buf_u16le(b, m->security_mode);
    nt_buf_u16le(b, 0);
    nt_buf_u32le(b, m->capabilities);
    nt_buf_put(b, m->guid, sizeof m->guid);
    nt_buf_u32le(b, with_contexts ? (uint32_t)((behind + 7) / 8 * 8) : 0);
    nt_buf_u16le(b, with_contexts ? contexts_count(&m->contexts) : 0);
    nt_buf_u16le(b, 0);
    ids_write(b, m->dialects, m->dialect_count);
    if (with_contexts)
        contexts_write(b, start, &m->contexts);
}

enum nt_err nt_smb2_negotiate_rsp_read(const uint8_t *msg, size_t len,
                                       struct nt_smb2_negotiate_rsp *out)
{
    struct nt_cursor c;

    *out = (struct nt_smb2_negotiate_rsp){ 0 };
    nt_smb2_body_begin(&c, msg, len, 65);
    out->security_mode = nt_cursor_u16le(&c);
    out->dialect = nt_cursor_u16le(&c);
    size_t contexts = nt_cursor_u16le(&c);
    nt_cursor_bytes(&c, out->guid, sizeof out->guid);
    out->capabilities = nt_cursor_u32le(&c);
    out->max_transact = nt_cursor_u32le(&c);
    out->max_read = nt_cursor_u32le(&c);
    out->max_write = nt_cursor_u32le(&c);
    out->system_time = nt_cursor_u64le(&c);
    out->start_time = nt_cursor_u64le(&c);
    size_t token_at = nt_cursor_u16le(&c), token_len = nt_cursor_u16le(&c);
    size_t contexts_at = nt_cursor_u32le(&c);
    out->token = nt_smb2_bytes_at(&c, token_at, token_len, 65);
    if (c.err == NT_OK && out->dialect == NT_SMB2_311)
        contexts_read(&c, contexts_at, contexts, &out->contexts);
    return c.err;
}

void nt_smb2_negotiate_rsp_write(struct nt_buf *b, const struct nt_smb2_negotiate_rsp *m)
{
    bool with_contexts = m->dialect == NT_SMB2_311;
    size_t start = b->len - NT_SMB2_HEADER_LEN;
    size_t behind = NT_SMB2_BEHIND(65) + m->token.len;

    nt_buf_u16le(b, 65);
    nt_buf_u16le(b, m->security_mode);
    nt_buf_u16le(b, m->dialect);
    nt_buf_u16le(b, with_contexts ? contexts_count(&m->contexts) : 0);
    nt_buf_put(b, m->guid, sizeof m->guid);
    nt_buf_u32le(b, m->capabilities);
    nt_buf_u32le(b, m->max_transact);
    nt_buf_u32le(b, m->max_read);
    nt_buf_u32le(b, m->max_write);
    nt_buf_u64le(b, m->system_time);
    nt_buf_u64le(b, m->start_time);
    nt_buf_u16le(b, NT_SMB2_BEHIND(65));
    nt_buf_u16le(b, nt_smb2_len16(b, m->token.len));
    nt_buf_u32le(b, with_contexts ? (uint32_t)((behind + 7) / 8 * 8) : 0);
    nt_buf_put(b, m->token.data, m->token.len);
    if (with_contexts)
        contexts_write(b, start, &m->contexts);
}

/* --- validate negotiate ------------------------------------------------------------------- */

enum nt_err nt_smb2_validate_req_read(const uint8_t *in, size_t len,
                                      struct nt_smb2_validate_req *out)
{
    struct nt_cursor c;

    *out = (struct nt_smb2_validate_req){ 0 };
    nt_cursor_init(&c, in, len);
    out->capabilities = nt_cursor_u32le(&c);
    nt_cursor_bytes(&c, out->guid, sizeof out->guid);
    out->security_mode = nt_cursor_u16le(&c);
    size_t count = nt_cursor_u16le(&c);
    if (count > NT_SMB2_MAX_DIALECTS)
        nt_cursor_fail(&c, NT_E_LIMIT);
    for (size_t i = 0; i < count && c.err == NT_OK; i++)
        out->dialects[out->dialect_count++] = nt_cursor_u16le(&c);
    return c.err;
}

void nt_smb2_validate_req_write(struct nt_buf *b, const struct nt_smb2_validate_req *m)
{
    nt_buf_u32le(b, m->capabilities);
    nt_buf_put(b, m->guid, sizeof m->guid);
    nt_buf_u16le(b, m->security_mode);
    nt_buf_u16le(b, (uint16_t)m->dialect_count);
    ids_write(b, m->dialects, m->dialect_count);
}

enum nt_err nt_smb2_validate_rsp_read(const uint8_t *in, size_t len,
                                      struct nt_smb2_validate_rsp *out)
{
    struct nt_cursor c;
    nt_cursor_init(&c, in, len);
    out->capabilities = nt_cursor_u32le(&c);
    nt_cursor_bytes(&c, out->guid, sizeof out->guid);
    out->security_mode = nt_cursor_u16le(&c);
    out->dialect = nt_cursor_u16le(&c);
    return c.err;
}

void nt_smb2_validate_rsp_write(struct nt_buf *b, const struct nt_smb2_validate_rsp *m)
{
    nt_buf_u32le(b, m->capabilities);
    nt_buf_put(b, m->guid, sizeof m->guid);
    nt_buf_u16le(b, m->security_mode);
    nt_buf_u16le(b, m->dialect);
}
