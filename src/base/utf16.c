#include "base/utf16.h"

#include <string.h>

#include <unicase.h>
#include <unistr.h>

#include "base/bytes.h"

enum nt_err nt_utf16_from_utf8(struct nt_arena *a, const char *s, uint16_t **out, size_t *units)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t left = strlen(s), n = 0;
    /* Never more units than bytes. */
    uint16_t *r = nt_arena_array(a, left + 1, sizeof *r);
    if (r == NULL)
        return NT_E_NOMEM;
    while (left > 0) {
        ucs4_t c;
        int took = u8_mbtoucr(&c, p, left);
        if (took <= 0)
            return NT_E_MALFORMED;
        p += took;
        left -= (size_t)took;
        n += (size_t)u16_uctomb(r + n, c, 2);
    }
    *out = r;
    if (units != NULL)
        *units = n;
    return NT_OK;
}

enum nt_err nt_utf8_from_utf16(struct nt_arena *a, const uint16_t *s, size_t units, char **out)
{
    if (units > SIZE_MAX / 4)
        return NT_E_LIMIT;
    uint8_t *r = nt_arena_alloc(a, units * 3 + 1); /* a pair of units makes 4 bytes */
    size_t n = 0;
    if (r == NULL)
        return NT_E_NOMEM;
    for (size_t i = 0; i < units;) {
        ucs4_t c;
        int took = u16_mbtoucr(&c, s + i, units - i);
        if (took <= 0 || c == 0)
            return NT_E_MALFORMED;
        i += (size_t)took;
        n += (size_t)u8_uctomb(r + n, c, 4);
    }
    *out = (char *)r;
    return NT_OK;
}

enum nt_err nt_utf8_from_utf16le(struct nt_arena *a, const uint8_t *s, size_t len, char **out)
{
    if (len % 2 != 0)
        return NT_E_MALFORMED;
    uint16_t *units = nt_arena_array(a, len / 2, sizeof *units);
    if (units == NULL)
        return NT_E_NOMEM;
    for (size_t i = 0; i < len / 2; i++)
        units[i] = nt_le16(s + 2 * i);
    return nt_utf8_from_utf16(a, units, len / 2, out);
}

char *nt_utf8_show(struct nt_arena *a, const uint16_t *s, size_t units)
{
    uint8_t *r = units < SIZE_MAX / 4 ? nt_arena_alloc(a, units * 3 + 1) : NULL;
    size_t n = 0;
    if (r == NULL)
        return NULL;
    for (size_t i = 0; i < units;) {
        ucs4_t c;
        int took = u16_mbtoucr(&c, s + i, units - i);
        if (took <= 0) {
            c = 0xFFFD;
            took = 1;
        } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
            c = '?';
        }
        i += (size_t)took;
        n += (size_t)u8_uctomb(r + n, c, 4);
    }
    return (char *)r;
}

uint32_t nt_upcase(uint32_t code_point)
{
    if (code_point < 0x80)
        return code_point >= 'a' && code_point <= 'z' ? code_point - 32 : code_point;
    return uc_toupper(code_point);
}

char *nt_name_fold(struct nt_arena *a, const char *s)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t left = strlen(s), n = 0;
    uint8_t *r = nt_arena_alloc(a, left * 2 + 1); /* an upper case form is at most twice as long */
    if (r == NULL)
        return NULL;
    while (left > 0) {
        ucs4_t c;
        int took = u8_mbtoucr(&c, p, left);
        if (took <= 0)
            return NULL;
        p += took;
        left -= (size_t)took;
        n += (size_t)u8_uctomb(r + n, nt_upcase(c), 4);
    }
    return (char *)r;
}

bool nt_name_equal(const char *a, const char *b)
{
    const uint8_t *p = (const uint8_t *)a, *q = (const uint8_t *)b;
    size_t p_left = strlen(a), q_left = strlen(b);
    while (p_left > 0 && q_left > 0) {
        ucs4_t c, d;
        int took = u8_mbtoucr(&c, p, p_left), other = u8_mbtoucr(&d, q, q_left);
        if (took <= 0 || other <= 0 || nt_upcase(c) != nt_upcase(d))
            return false;
        p += took;
        p_left -= (size_t)took;
        q += other;
        q_left -= (size_t)other;
    }
    return p_left == 0 && q_left == 0;
}

/* True when all of `s` is UTF-8 without control characters and the `bad` ones; counts it. */
static bool name_chars(const char *s, const char *bad, size_t *chars)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t left = strlen(s);
    *chars = 0;
    while (left > 0) {
        ucs4_t c;
        int took = u8_mbtoucr(&c, p, left);
        if (took <= 0 || c < 0x20 || (c >= 0x7F && c < 0xA0) ||
            (c < 0x80 && strchr(bad, (int)c) != NULL))
            return false;
        p += took;
        left -= (size_t)took;
        (*chars)++;
    }
    return true;
}

bool nt_text_ok(const char *s)
{
    size_t chars;
    return name_chars(s, "", &chars);
}

bool nt_netbios_name_ok(const char *s)
{
    size_t chars;
    return s[0] != '.' && strlen(s) <= 15 && name_chars(s, "\\/:*?\"<>|, ", &chars) && chars >= 1;
}

bool nt_account_name_ok(const char *s)
{
    size_t chars;
    if (!name_chars(s, "\"/\\[]:|<>+=;?,*@", &chars) || chars < 1 || chars > 20)
        return false;
    /* Only dots or spaces is no name, [MS-SAMR] 3.1.1.8.4. */
    return strspn(s, ". ") < strlen(s);
}
