#include "base/sid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct nt_sid nt_sid_builtin = { 1, 1, { 0, 0, 0, 0, 0, 5 }, { 32 } };
const struct nt_sid nt_sid_anonymous = { 1, 1, { 0, 0, 0, 0, 0, 5 }, { 7 } };
const struct nt_sid nt_sid_everyone = { 1, 1, { 0, 0, 0, 0, 0, 1 }, { 0 } };
const struct nt_sid nt_sid_authenticated = { 1, 1, { 0, 0, 0, 0, 0, 5 }, { 11 } };
const struct nt_sid nt_sid_network = { 1, 1, { 0, 0, 0, 0, 0, 5 }, { 2 } };

bool nt_sid_read(struct nt_cursor *c, struct nt_sid *sid)
{
    *sid = (struct nt_sid){ 0 };
    sid->revision = nt_cursor_u8(c);
    sid->sub_count = nt_cursor_u8(c);
    nt_cursor_bytes(c, sid->authority, sizeof sid->authority);
    if (sid->revision != 1 || sid->sub_count > NT_SID_MAX_SUBS)
        nt_cursor_fail(c, NT_E_MALFORMED);
    for (size_t i = 0; c->err == NT_OK && i < sid->sub_count; i++)
        sid->sub[i] = nt_cursor_u32le(c);
    return c->err == NT_OK;
}

void nt_sid_write(struct nt_buf *b, const struct nt_sid *sid)
{
    nt_buf_u8(b, sid->revision);
    nt_buf_u8(b, sid->sub_count);
    nt_buf_put(b, sid->authority, sizeof sid->authority);
    for (size_t i = 0; i < sid->sub_count && i < NT_SID_MAX_SUBS; i++)
        nt_buf_u32le(b, sid->sub[i]);
}

static uint64_t authority(const struct nt_sid *sid)
{
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof sid->authority; i++)
        v = v << 8 | sid->authority[i];
    return v;
}

const char *nt_sid_format(const struct nt_sid *sid, char out[NT_SID_TEXT])
{
    uint64_t auth = authority(sid);
    /* Authorities of 2^32 and more are written in hexadecimal, [MS-DTYP] 2.4.2.1. */
    int at = snprintf(out, NT_SID_TEXT, auth >> 32 ? "S-%u-0x%llx" : "S-%u-%llu", sid->revision,
                      (unsigned long long)auth);
    for (size_t i = 0; i < sid->sub_count && i < NT_SID_MAX_SUBS; i++)
        at += snprintf(out + at, NT_SID_TEXT - (size_t)at, "-%u", sid->sub[i]);
    return out;
}

/* Reads digits behind a '-' at *s, up to `most`. */
static bool parse_part(const char **s, unsigned long long most, unsigned long long *v)
{
    if (**s != '-' || (*s)[1] < '0' || (*s)[1] > '9')
        return false;
    char *end;
    const char *digits = *s + 1;
    *v = strtoull(digits, &end, digits[0] == '0' && digits[1] == 'x' ? 16 : 10);
    if (end - digits > 20 || *v > most)
        return false;
    *s = end;
    return true;
}

bool nt_sid_parse(const char *text, struct nt_sid *sid)
{
    struct nt_sid r = { .revision = 1 };
    unsigned long long v;
    if ((text[0] != 'S' && text[0] != 's') || strncmp(text + 1, "-1", 2) != 0)
        return false;
    const char *s = text + 3;
    if (!parse_part(&s, 0xFFFFFFFFFFFFULL, &v))
        return false;
    for (size_t i = 0; i < sizeof r.authority; i++)
        r.authority[i] = (uint8_t)(v >> (8 * (5 - i)));
    while (*s != '\0') {
        if (r.sub_count == NT_SID_MAX_SUBS || !parse_part(&s, UINT32_MAX, &v))
            return false;
        r.sub[r.sub_count++] = (uint32_t)v;
    }
    *sid = r;
    return true;
}

int nt_sid_compare(const struct nt_sid *a, const struct nt_sid *b)
{
    if (a->sub_count != b->sub_count)
        return a->sub_count < b->sub_count ? -1 : 1;
    uint64_t x = (uint64_t)a->revision << 48 | authority(a);
    uint64_t y = (uint64_t)b->revision << 48 | authority(b);
    if (x != y)
        return x < y ? -1 : 1;
    for (size_t i = 0; i < a->sub_count && i < NT_SID_MAX_SUBS; i++)
        if (a->sub[i] != b->sub[i])
            return a->sub[i] < b->sub[i] ? -1 : 1;
    return 0;
}

bool nt_sid_equal(const struct nt_sid *a, const struct nt_sid *b)
{
    return nt_sid_compare(a, b) == 0;
}

bool nt_sid_is_null(const struct nt_sid *sid)
{
    return sid->revision == 0;
}

bool nt_sid_with_rid(const struct nt_sid *domain, uint32_t rid, struct nt_sid *out)
{
    if (domain->sub_count >= NT_SID_MAX_SUBS)
        return false;
    *out = *domain;
    out->sub[out->sub_count++] = rid;
    return true;
}

bool nt_sid_in_domain(const struct nt_sid *sid, const struct nt_sid *domain, uint32_t *rid)
{
    if (sid->sub_count != domain->sub_count + 1 || sid->sub_count > NT_SID_MAX_SUBS)
        return false;
    struct nt_sid parent = *sid;
    parent.sub_count--;
    if (!nt_sid_equal(&parent, domain))
        return false;
    if (rid != NULL)
        *rid = sid->sub[sid->sub_count - 1];
    return true;
}
