#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

struct nt_uuid nt_uuid_read(struct nt_cursor *c)
{
    struct nt_uuid u;
    u.a = nt_cursor_u32le(c);
    u.b = nt_cursor_u16le(c);
    u.c = nt_cursor_u16le(c);
    nt_cursor_bytes(c, u.d, sizeof u.d);
    return u;
}

void nt_uuid_write(struct nt_buf *b, const struct nt_uuid *u)
{
    nt_buf_u32le(b, u->a);
    nt_buf_u16le(b, u->b);
    nt_buf_u16le(b, u->c);
    nt_buf_put(b, u->d, sizeof u->d);
}

bool nt_uuid_equal(const struct nt_uuid *a, const struct nt_uuid *b)
{
    return a->a == b->a && a->b == b->b && a->c == b->c && memcmp(a->d, b->d, sizeof a->d) == 0;
}

bool nt_uuid_is_nil(const struct nt_uuid *u)
{
    static const struct nt_uuid nil;
    return nt_uuid_equal(u, &nil);
}

const char *nt_uuid_format(const struct nt_uuid *u, char out[NT_UUID_TEXT])
{
    snprintf(out, NT_UUID_TEXT, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", u->a, u->b,
             u->c, u->d[0], u->d[1], u->d[2], u->d[3], u->d[4], u->d[5], u->d[6], u->d[7]);
    return out;
}

bool nt_uuid_parse(const char *text, struct nt_uuid *u)
{
    char digits[33];
    uint8_t b[16];
    size_t n = 0;
    if (strlen(text) != NT_UUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < NT_UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-'))
            return false;
        if (!dash)
            digits[n++] = text[i];
    }
    digits[n] = '\0';
    if (!nt_unhex(digits, b, sizeof b))
        return false;
    *u = (struct nt_uuid){ .a = nt_be32(b), .b = nt_be16(b + 4), .c = nt_be16(b + 6) };
    memcpy(u->d, b + 8, sizeof u->d);
    return true;
}
