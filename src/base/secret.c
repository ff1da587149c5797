#include "base/secret.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

void nt_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

void nt_secret_wipe(struct nt_secret *s)
{
    nt_wipe(s, sizeof *s);
}

void nt_password_wipe(struct nt_password *p)
{
    nt_wipe(p, sizeof *p);
}

bool nt_ct_equal(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t differ = 0;
    for (size_t i = 0; i < n; i++)
        differ |= (uint8_t)(x[i] ^ y[i]);
    return differ == 0;
}

bool nt_secret_equal(const struct nt_secret *a, const struct nt_secret *b)
{
    return a->len == b->len && nt_ct_equal(a->b, b->b, a->len);
}

void nt_secret_set(struct nt_secret *s, const void *b, size_t len)
{
    assert(len <= sizeof s->b);
    memcpy(s->b, b, len);
    s->len = len;
}

/* The next code point of valid UTF-8 at *s, which moves on; UINT32_MAX where it is not valid. */
static uint32_t next_code_point(const uint8_t **s)
{
    const uint8_t *p = *s;
    unsigned more = p[0] < 0x80       ? 0
                    : p[0] >> 5 == 6  ? 1
                    : p[0] >> 4 == 14 ? 2
                    : p[0] >> 3 == 30 ? 3
                                      : 4;
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    static const uint8_t mask[] = { 0x7F, 0x1F, 0x0F, 0x07 };
    if (more == 4)
        return UINT32_MAX;
    uint32_t c = p[0] & mask[more];
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return UINT32_MAX;
        c = c << 6 | (p[i] & 0x3F);
    }
    if (c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return UINT32_MAX;
    *s = p + more + 1;
    return c;
}

bool nt_password_from_utf8(struct nt_password *p, const char *text)
{
    /* By hand and not through utf16.h: a typed password leaves no copy behind. */
    const uint8_t *s = (const uint8_t *)text;
    p->len = 0;
    while (*s != 0) {
        uint32_t c = next_code_point(&s);
        size_t units = c >= 0x10000 ? 2 : 1;
        if (c == UINT32_MAX || p->len + 2 * units > sizeof p->b) {
            nt_password_wipe(p);
            return false;
        }
        if (units == 2) {
            nt_put_le16(p->b + p->len, (uint16_t)(0xD800 + ((c - 0x10000) >> 10)));
            nt_put_le16(p->b + p->len + 2, (uint16_t)(0xDC00 + ((c - 0x10000) & 0x3FF)));
        } else {
            nt_put_le16(p->b + p->len, (uint16_t)c);
        }
        p->len = (uint16_t)(p->len + 2 * units);
    }
    return true;
}
