#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"

void nt_buf_init(struct nt_buf *b, size_t limit)
{
    *b = (struct nt_buf){ .limit = limit };
}

void nt_buf_free(struct nt_buf *b)
{
    if (b->data != NULL)
        nt_wipe(b->data, b->cap);
    free(b->data);
    *b = (struct nt_buf){ .limit = b->limit };
}

void nt_buf_clear(struct nt_buf *b)
{
    if (b->data != NULL)
        nt_wipe(b->data, b->len);
    b->len = 0;
    b->err = NT_OK;
}

void nt_buf_fail(struct nt_buf *b, enum nt_err err)
{
    if (b->err == NT_OK)
        b->err = err;
}

/* Not realloc: what moves away is wiped. */
static bool grow(struct nt_buf *b, size_t need)
{
    size_t cap = b->cap > 0 ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    if (cap > b->limit)
        cap = b->limit;
    uint8_t *data = malloc(cap);
    if (data == NULL)
        return false;
    if (b->data != NULL) {
        memcpy(data, b->data, b->len);
        nt_wipe(b->data, b->len);
        free(b->data);
    }
    b->data = data;
    b->cap = cap;
    return true;
}

/* Makes room for n more bytes and counts them; they are not set. */
static uint8_t *reserve(struct nt_buf *b, size_t n)
{
    if (b->err != NT_OK)
        return NULL;
    if (n > b->limit - b->len) {
        b->err = NT_E_LIMIT;
        return NULL;
    }
    if ((b->data == NULL || n > b->cap - b->len) && !grow(b, b->len + (n > 0 ? n : 1))) {
        b->err = NT_E_NOMEM;
        return NULL;
    }
    uint8_t *p = b->data + b->len;
    b->len += n;
    return p;
}

uint8_t *nt_buf_extend(struct nt_buf *b, size_t n)
{
    uint8_t *p = reserve(b, n);
    return p != NULL ? memset(p, 0, n) : NULL;
}

void nt_buf_put(struct nt_buf *b, const void *data, size_t n)
{
    uint8_t *p = reserve(b, n);
    if (p != NULL && n > 0)
        memcpy(p, data, n);
}

void nt_buf_zero(struct nt_buf *b, size_t n)
{
    (void)nt_buf_extend(b, n);
}

void nt_buf_align(struct nt_buf *b, size_t to)
{
    nt_buf_zero(b, (to - b->len % to) % to);
}

void nt_buf_drop(struct nt_buf *b, size_t n)
{
    assert(n <= b->len);
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    nt_wipe(b->data + (b->len - n), n);
    b->len -= n;
}

void nt_buf_u8(struct nt_buf *b, uint8_t v)
{
    nt_buf_put(b, &v, 1);
}

void nt_buf_u16le(struct nt_buf *b, uint16_t v)
{
    uint8_t *p = reserve(b, 2);
    if (p != NULL)
        nt_put_le16(p, v);
}

void nt_buf_u32le(struct nt_buf *b, uint32_t v)
{
    uint8_t *p = reserve(b, 4);
    if (p != NULL)
        nt_put_le32(p, v);
}

void nt_buf_u64le(struct nt_buf *b, uint64_t v)
{
    uint8_t *p = reserve(b, 8);
    if (p != NULL)
        nt_put_le64(p, v);
}

void nt_buf_u16be(struct nt_buf *b, uint16_t v)
{
    uint8_t *p = reserve(b, 2);
    if (p != NULL)
        nt_put_be16(p, v);
}

void nt_buf_u32be(struct nt_buf *b, uint32_t v)
{
    uint8_t *p = reserve(b, 4);
    if (p != NULL)
        nt_put_be32(p, v);
}

void nt_buf_set_u16le(struct nt_buf *b, size_t at, uint16_t v)
{
    if (b->err != NT_OK)
        return;
    assert(at + 2 <= b->len);
    nt_put_le16(b->data + at, v);
}

void nt_buf_set_u32le(struct nt_buf *b, size_t at, uint32_t v)
{
    if (b->err != NT_OK)
        return;
    assert(at + 4 <= b->len);
    nt_put_le32(b->data + at, v);
}

void nt_buf_printf(struct nt_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    /* Room for the NUL that vsnprintf insists on; it is then given back. */
    uint8_t *p = len >= 0 ? reserve(b, (size_t)len + 1) : NULL;
    if (p != NULL) {
        vsnprintf((char *)p, (size_t)len + 1, fmt, again);
        b->len--;
    }
    va_end(again);
}
