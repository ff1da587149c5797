#include <string.h>

#include "base/bytes.h"
#include "smb/msg_internal.h"

#define SMB1_HEADER_LEN 32
#define SMB1_NEGOTIATE  0x72

static const uint8_t magic_smb1[4] = { 0xFF, 'S', 'M', 'B' };
static const uint8_t magic_smb2[4] = { 0xFE, 'S', 'M', 'B' };
static const uint8_t magic_transform[4] = { 0xFD, 'S', 'M', 'B' };

bool nt_smb_frame_read(const uint8_t head[NT_SMB_FRAME_LEN], uint32_t *len)
{
    uint32_t v = nt_be32(head);
    *len = v & NT_SMB_FRAME_MAX;
    return head[0] == 0;
}

void nt_smb_frame_write(uint8_t head[NT_SMB_FRAME_LEN], uint32_t len)
{
    nt_put_be32(head, len & NT_SMB_FRAME_MAX);
}

enum nt_smb_kind nt_smb_kind(const uint8_t *msg, size_t len)
{
    if (len < 4 || memcmp(msg + 1, "SMB", 3) != 0)
        return NT_SMB_KIND_NONE;
    switch (msg[0]) {
    case 0xFF:
        return NT_SMB_KIND_SMB1;
    case 0xFE:
        return NT_SMB_KIND_SMB2;
    case 0xFD:
        return NT_SMB_KIND_TRANSFORM;
    case 0xFC:
        return NT_SMB_KIND_COMPRESSED;
    default:
        return NT_SMB_KIND_NONE;
    }
}

/* --- SMB2 header -------------------------------------------------------------------------- */

enum nt_err nt_smb2_header_read(const uint8_t *msg, size_t len, struct nt_smb2_header *out)
{
    struct nt_cursor c;

    *out = (struct nt_smb2_header){ 0 };
    nt_cursor_init(&c, msg, len);
    const uint8_t *magic = nt_cursor_take(&c, 4);
    if (magic != NULL && memcmp(magic, magic_smb2, 4) != 0)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    if (nt_cursor_u16le(&c) != NT_SMB2_HEADER_LEN)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    out->credit_charge = nt_cursor_u16le(&c);
    out->status.code = nt_cursor_u32le(&c);
    out->command = nt_cursor_u16le(&c);
    out->credits = nt_cursor_u16le(&c);
    out->flags = nt_cursor_u32le(&c);
    out->next = nt_cursor_u32le(&c);
    out->message_id = nt_cursor_u64le(&c);
    if (out->flags & NT_SMB2_FLAG_ASYNC) {
        out->async_id = nt_cursor_u64le(&c);
    } else {
        nt_cursor_skip(&c, 4);
        out->tree_id = nt_cursor_u32le(&c);
    }
    out->session_id = nt_cursor_u64le(&c);
    nt_cursor_bytes(&c, out->signature, sizeof out->signature);
    if (out->next % 8 != 0 || (out->next != 0 && out->next < NT_SMB2_HEADER_LEN) ||
        out->next >= len)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    return c.err;
}

void nt_smb2_header_write(struct nt_buf *b, const struct nt_smb2_header *h)
{
    nt_buf_put(b, magic_smb2, 4);
    nt_buf_u16le(b, NT_SMB2_HEADER_LEN);
    nt_buf_u16le(b, h->credit_charge);
    nt_buf_u32le(b, h->status.code);
    nt_buf_u16le(b, h->command);
    nt_buf_u16le(b, h->credits);
    nt_buf_u32le(b, h->flags);
    nt_buf_u32le(b, h->next);
    nt_buf_u64le(b, h->message_id);
    if (h->flags & NT_SMB2_FLAG_ASYNC) {
        nt_buf_u64le(b, h->async_id);
    } else {
        nt_buf_u32le(b, 0);
        nt_buf_u32le(b, h->tree_id);
    }
    nt_buf_u64le(b, h->session_id);
    nt_buf_put(b, h->signature, sizeof h->signature);
}

enum nt_err nt_smb2_transform_read(const uint8_t *msg, size_t len, struct nt_smb2_transform *out)
{
    struct nt_cursor c;

    nt_cursor_init(&c, msg, len);
    const uint8_t *magic = nt_cursor_take(&c, 4);
    if (magic != NULL && memcmp(magic, magic_transform, 4) != 0)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    nt_cursor_bytes(&c, out->signature, sizeof out->signature);
    nt_cursor_bytes(&c, out->nonce, sizeof out->nonce);
    out->size = nt_cursor_u32le(&c);
    nt_cursor_skip(&c, 2);
    out->flags = nt_cursor_u16le(&c);
    out->session_id = nt_cursor_u64le(&c);
    if (c.err == NT_OK && (out->flags != 1 || out->size != nt_cursor_left(&c)))
        nt_cursor_fail(&c, NT_E_MALFORMED);
    return c.err;
}

void nt_smb2_transform_write(struct nt_buf *b, const struct nt_smb2_transform *t)
{
    nt_buf_put(b, magic_transform, 4);
    nt_buf_put(b, t->signature, sizeof t->signature);
    nt_buf_put(b, t->nonce, sizeof t->nonce);
    nt_buf_u32le(b, t->size);
    nt_buf_u16le(b, 0);
    nt_buf_u16le(b, t->flags);
    nt_buf_u64le(b, t->session_id);
}

/* --- SMB1's negotiate --------------------------------------------------------------------- */

/* One dialect: the byte 2 and a text with its NUL. NULL after a failure. */
static const char *dialect_read(struct nt_cursor *c)
{
    if (nt_cursor_u8(c) != 2)
        nt_cursor_fail(c, NT_E_MALFORMED);
    size_t left = nt_cursor_left(c);
    const uint8_t *text = c->buf + c->pos;
    const uint8_t *end = left > 0 ? memchr(text, 0, left) : NULL;
    if (end == NULL) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return NULL;
    }
    nt_cursor_skip(c, (size_t)(end - text) + 1);
    return (const char *)text;
}

enum nt_err nt_smb1_negotiate_read(const uint8_t *msg, size_t len, struct nt_smb1_negotiate *out)
{
    struct nt_cursor c;

    *out = (struct nt_smb1_negotiate){ 0 };
    nt_cursor_init(&c, msg, len);
    const uint8_t *magic = nt_cursor_take(&c, 4);
    if (magic != NULL && memcmp(magic, magic_smb1, 4) != 0)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    if (nt_cursor_u8(&c) != SMB1_NEGOTIATE)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    nt_cursor_skip(&c, 5); /* status, flags */
    out->flags2 = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 14); /* the rest of the PID, signature, reserved, TID */
    out->pid_low = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 2); /* UID */
    out->mid = nt_cursor_u16le(&c);
    if (nt_cursor_u8(&c) != 0) /* WordCount */
        nt_cursor_fail(&c, NT_E_MALFORMED);
    size_t count = nt_cursor_u16le(&c);
    if (c.err == NT_OK && count > nt_cursor_left(&c))
        nt_cursor_fail(&c, NT_E_TRUNCATED);
    size_t end = c.pos + count;
    for (size_t i = 0; c.err == NT_OK && c.pos < end; i++) {
        const char *name = i < NT_SMB2_MAX_DIALECTS ? dialect_read(&c) : NULL;
        if (name == NULL) {
            nt_cursor_fail(&c, NT_E_LIMIT);
            break;
        }
        out->smb2_002 |= strcmp(name, "SMB 2.002") == 0;
        out->smb2_wild |= strcmp(name, "SMB 2.???") == 0;
    }
    return c.err;
}

void nt_smb1_negotiate_write(struct nt_buf *b, const char *const *dialects, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(dialects[i]) + 2;
    nt_buf_put(b, magic_smb1, 4);
    nt_buf_u8(b, SMB1_NEGOTIATE);
    nt_buf_u32le(b, 0);
    nt_buf_u8(b, 0x18);      /* names without regard to case, canonical paths */
    nt_buf_u16le(b, 0xC853); /* Unicode, NT statuses, extended security, long names, signing */
    nt_buf_zero(b, 12);      /* PID, signature, reserved */
    nt_buf_u16le(b, 0xFFFF); /* TID */
    nt_buf_u16le(b, 0);      /* PID */
    nt_buf_u32le(b, 0);      /* UID, MID */
    nt_buf_u8(b, 0);         /* WordCount */
    nt_buf_u16le(b, nt_smb2_len16(b, bytes));
    for (size_t i = 0; i < count; i++) {
        nt_buf_u8(b, 2);
        nt_buf_put(b, dialects[i], strlen(dialects[i]) + 1);
    }
}

/* --- what bodies share -------------------------------------------------------------------- */

void nt_smb2_body_begin(struct nt_cursor *c, const uint8_t *msg, size_t len, uint16_t size)
{
    nt_cursor_init(c, msg, len);
    nt_cursor_seek(c, NT_SMB2_HEADER_LEN);
    if (nt_cursor_u16le(c) != size)
        nt_cursor_fail(c, NT_E_MALFORMED);
}

struct nt_smb2_bytes nt_smb2_bytes_at(struct nt_cursor *c, size_t offset, size_t len,
                                      uint16_t fixed)
{
    struct nt_smb2_bytes none = { c->buf, 0 };
    if (c->err != NT_OK || len == 0)
        return none;
    if (offset < NT_SMB2_BEHIND(fixed)) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return none;
    }
    /* By subtraction: both numbers are the peer's, and their sum could wrap. */
    if (offset > c->len || len > c->len - offset) {
        nt_cursor_fail(c, NT_E_TRUNCATED);
        return none;
    }
    return (struct nt_smb2_bytes){ c->buf + offset, len };
}

struct nt_smb2_fid nt_smb2_fid_read(struct nt_cursor *c)
{
    struct nt_smb2_fid fid;
    fid.persistent = nt_cursor_u64le(c);
    fid.temporary = nt_cursor_u64le(c);
    return fid;
}

void nt_smb2_fid_write(struct nt_buf *b, const struct nt_smb2_fid *fid)
{
    nt_buf_u64le(b, fid->persistent);
    nt_buf_u64le(b, fid->temporary);
}

void nt_smb2_bytes_write(struct nt_buf *b, struct nt_smb2_bytes data)
{
    if (data.len > 0)
        nt_buf_put(b, data.data, data.len);
    else
        nt_buf_u8(b, 0);
}

uint16_t nt_smb2_len16(struct nt_buf *b, size_t len)
{
    if (len > UINT16_MAX)
        nt_buf_fail(b, NT_E_LIMIT);
    return (uint16_t)len;
}

uint32_t nt_smb2_len32(struct nt_buf *b, size_t len)
{
    if (len > NT_SMB_FRAME_MAX)
        nt_buf_fail(b, NT_E_LIMIT);
    return (uint32_t)len;
}

enum nt_err nt_smb2_empty_read(const uint8_t *msg, size_t len)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 4);
    nt_cursor_skip(&c, 2);
    return c.err;
}

void nt_smb2_empty_write(struct nt_buf *b)
{
    nt_buf_u16le(b, 4);
    nt_buf_u16le(b, 0);
}

enum nt_err nt_smb2_error_read(const uint8_t *msg, size_t len, struct nt_smb2_bytes *data)
{
    struct nt_cursor c;
    nt_smb2_body_begin(&c, msg, len, 9);
    nt_cursor_skip(&c, 2); /* ErrorContextCount, reserved */
    size_t count = nt_cursor_u32le(&c);
    *data = nt_smb2_bytes_at(&c, NT_SMB2_BEHIND(9), count, 9);
    return c.err;
}

void nt_smb2_error_write(struct nt_buf *b, struct nt_smb2_bytes data)
{
    nt_buf_u16le(b, 9);
    nt_buf_u16le(b, 0);
    nt_buf_u32le(b, nt_smb2_len32(b, data.len));
    nt_smb2_bytes_write(b, data);
}
