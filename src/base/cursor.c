#include "base/cursor.h"

#include <string.h>

#include "base/bytes.h"

void nt_cursor_init(struct nt_cursor *c, const void *buf, size_t len)
{
    *c = (struct nt_cursor){ .buf = buf, .len = len };
}

size_t nt_cursor_left(const struct nt_cursor *c)
{
    return c->err == NT_OK ? c->len - c->pos : 0;
}

void nt_cursor_fail(struct nt_cursor *c, enum nt_err err)
{
    if (c->err == NT_OK)
        c->err = err;
}

/* The one place that moves forward, and so the one place that checks bounds. */
const uint8_t *nt_cursor_take(struct nt_cursor *c, size_t n)
{
    static const uint8_t nothing;
    /* Compare by subtraction: n is the peer's number, and pos + n could wrap. */
    if (c->err == NT_OK && n > c->len - c->pos)
        c->err = NT_E_TRUNCATED;
    if (c->err != NT_OK)
        return NULL;
    const uint8_t *p = c->buf != NULL ? c->buf + c->pos : &nothing;
    c->pos += n;
    return p;
}

void nt_cursor_skip(struct nt_cursor *c, size_t n)
{
    (void)nt_cursor_take(c, n);
}

void nt_cursor_bytes(struct nt_cursor *c, void *to, size_t n)
{
    const uint8_t *p = nt_cursor_take(c, n);
    if (n == 0)
        return;
    if (p != NULL)
        memcpy(to, p, n);
    else
        memset(to, 0, n);
}

void nt_cursor_seek(struct nt_cursor *c, size_t pos)
{
    if (pos > c->len)
        nt_cursor_fail(c, NT_E_TRUNCATED);
    if (c->err == NT_OK)
        c->pos = pos;
}

void nt_cursor_align(struct nt_cursor *c, size_t to)
{
    nt_cursor_skip(c, (to - c->pos % to) % to);
}

uint8_t nt_cursor_u8(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 1);
    return p != NULL ? *p : 0;
}

uint16_t nt_cursor_u16le(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 2);
    return p != NULL ? nt_le16(p) : 0;
}

uint32_t nt_cursor_u32le(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 4);
    return p != NULL ? nt_le32(p) : 0;
}

uint64_t nt_cursor_u64le(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 8);
    return p != NULL ? nt_le64(p) : 0;
}

uint16_t nt_cursor_u16be(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 2);
    return p != NULL ? nt_be16(p) : 0;
}

uint32_t nt_cursor_u32be(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 4);
    return p != NULL ? nt_be32(p) : 0;
}

uint64_t nt_cursor_u64be(struct nt_cursor *c)
{
    const uint8_t *p = nt_cursor_take(c, 8);
    return p != NULL ? nt_be64(p) : 0;
}
