/* rpc_scalar.c - single values from JSON: numbers and their names, times, SIDs, text, bytes. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/nttime.h"
#include "base/sid.h"
#include "repair/rpc_value_internal.h"

/* --- numbers --- */

/* Sign and magnitude, so that both 64-bit kinds fit. */
struct number {
    bool negative;
    uint64_t magnitude;
};

/* Decimal or 0x..., with '-' before it; nothing else in the text. */
static bool parse_number(const char *text, struct number *out)
{
    char *end;
    out->negative = *text == '-';
    const char *digits = text + (out->negative ? 1 : 0);
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (!isxdigit((unsigned char)digits[hex ? 2 : 0]))
        return false;
    errno = 0;
    out->magnitude = strtoull(hex ? digits + 2 : digits, &end, hex ? 16 : 10);
    return errno == 0 && *end == '\0';
}

static bool named_status(const char *text, uint64_t *out)
{
#define ROW(name, code, words) { #name, code },
    static const struct {
        const char *name;
        uint32_t code;
    } rows[] = { NT_STATUS_TABLE(ROW) };
#undef ROW
    for (size_t i = 0; i < NT_COUNT(rows); i++)
        if (strcmp(rows[i].name, text) == 0) {
            *out = rows[i].code;
            return true;
        }
    return false;
}

static bool named(const struct nt_ndr_type *t, const char *text, struct number *out)
{
    out->negative = false;
    if (t->format == NDR_FORMAT_NTSTATUS)
        return named_status(text, &out->magnitude);
    for (int i = 0; t->enumerators != NULL && i < t->count; i++)
        if (strcasecmp(t->enumerators[i].name, text) == 0) {
            out->magnitude = t->enumerators[i].value;
            return true;
        }
    return false;
}

static bool fits(const struct nt_ndr_type *t, const struct number *n)
{
    unsigned bits = 8 * (unsigned)t->size;
    uint64_t most = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    if (t->flags & NDR_SIGNED)
        return n->magnitude <= most / 2 + (n->negative ? 1 : 0);
    return (!n->negative || n->magnitude == 0) && n->magnitude <= most;
}

bool value_number(struct reader *r, const struct nt_ndr_type *t, const json_t *j, uint8_t *mem)
{
    struct number n = { 0 };
    if (json_is_integer(j)) {
        json_int_t v = json_integer_value(j);
        n = (struct number){ v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v };
    } else if (json_is_boolean(j)) {
        n.magnitude = json_is_true(j);
    } else if (!json_is_string(j)) {
        return value_fail(r, "a number%s is wanted", t->enumerators != NULL ? " or a name" : "");
    } else if (!parse_number(json_string_value(j), &n) && !named(t, json_string_value(j), &n)) {
        if (t->enumerators != NULL)
            return value_fail(r, "'%.60s' is no number, and no name of %s", json_string_value(j),
                              t->name != NULL ? t->name : "the enumeration");
        return value_fail(r, "a number is wanted, not '%.60s'", json_string_value(j));
    }
    if (!fits(t, &n))
        return value_fail(r, "%s%" PRIu64 " does not fit into %s%zu bits", n.negative ? "-" : "",
                          n.magnitude, t->flags & NDR_SIGNED ? "a sign and " : "",
                          8 * t->size - (t->flags & NDR_SIGNED ? 1 : 0));
    uint64_t v = n.negative ? 0 - n.magnitude : n.magnitude;
    if (t->flags & NDR_RANGE && ((int64_t)v < t->lo || (int64_t)v > t->hi))
        return value_fail(r, "has to be from %" PRId64 " to %" PRId64, t->lo, t->hi);
    ndr_store_number(mem, t->size, v);
    return true;
}

/* --- identifiers --- */

bool value_guid(struct reader *r, const json_t *j, uint8_t *mem)
{
    struct nt_uuid u;
    if (!json_is_string(j) || !nt_uuid_parse(json_string_value(j), &u))
        return value_fail(r, "a GUID is wanted, as 12345678-1234-1234-1234-123456789abc");
    memcpy(mem, &u, sizeof u);
    return true;
}

/* "GUID", or "GUID/attributes" where they are not 0. */
bool value_handle(struct reader *r, const json_t *j, uint8_t *mem)
{
    struct nt_ndr_context c = { 0 };
    struct number attributes = { 0 };
    char text[NT_UUID_TEXT + 12] = "";
    size_t len = json_string_length(j);
    if (json_is_null(j)) {
        memcpy(mem, &c, sizeof c);
        return true;
    }
    if (len < sizeof text && json_is_string(j))
        memcpy(text, json_string_value(j), len + 1);
    char *slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    if (!nt_uuid_parse(text, &c.uuid) ||
        (slash != NULL && (!parse_number(slash + 1, &attributes) || attributes.negative ||
                           attributes.magnitude > UINT32_MAX)))
        return value_fail(r, "a handle is wanted, as another call gave it");
    c.attributes = (uint32_t)attributes.magnitude;
    memcpy(mem, &c, sizeof c);
    return true;
}

bool value_sid(struct reader *r, const struct nt_ndr_type *t, const json_t *j, uint8_t **out)
{
    struct nt_sid s;
    const struct nt_ndr_field *subs = ndr_last(t);
    if (!json_is_string(j) || !nt_sid_parse(json_string_value(j), &s))
        return value_fail(r, "a SID is wanted, as S-1-5-21-1-2-3");
    size_t len = s.sub_count * sizeof s.sub[0];
    *out = nt_arena_alloc(r->arena, t->size + len);
    if (*out == NULL)
        return value_no_memory(r);
    (*out)[t->fields[0].offset] = s.revision;
    (*out)[t->fields[1].offset] = s.sub_count;
    memcpy(*out + t->fields[2].offset, s.authority, sizeof s.authority);
    memcpy(*out + subs->offset, s.sub, len);
    return true;
}

/* --- times --- */

/* A fraction of a second behind '.', in steps of 100 ns; *text moves on. */
static bool fraction(const char **text, uint64_t *out)
{
    uint64_t unit = NT_TIME_SECOND;
    *out = 0;
    if (**text != '.')
        return true;
    for (++*text; isdigit((unsigned char)**text); ++*text) {
        unit /= 10;
        *out += unit * (uint64_t)(**text - '0');
    }
    return unit < NT_TIME_SECOND && unit > 0;
}

static bool digits(const char **text, size_t count, char behind, int *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++, ++*text) {
        if (!isdigit((unsigned char)**text))
            return false;
        *out = *out * 10 + (**text - '0');
    }
    return behind == '\0' || *(*text)++ == behind;
}

/* Days from 1601-01-01, which began a cycle of 400 years, to a date. */
static int64_t days_from_1601(int year, int month, int day)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t y = year - 1601;
    return y * 365 + y / 4 - y / 100 + y / 400 + before[month - 1] + (leap && month > 2) + day - 1;
}

/* RFC 3339 in UTC. */
static bool date(const char *text, uint64_t *out)
{
    int year, month, day, hour, minute, second;
    uint64_t part;
    if (!digits(&text, 4, '-', &year) || !digits(&text, 2, '-', &month) ||
        !digits(&text, 2, '\0', &day) || (*text != 'T' && *text != ' '))
        return false;
    text++;
    if (!digits(&text, 2, ':', &hour) || !digits(&text, 2, ':', &minute) ||
        !digits(&text, 2, '\0', &second) || !fraction(&text, &part) || strcmp(text, "Z") != 0)
        return false;
    if (year < 1601 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    int64_t seconds = ((days_from_1601(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    *out = (uint64_t)seconds * NT_TIME_SECOND + part;
    return true;
}

/* "90.5 s": a period of time, which is negative. [MS-DTYP] 2.3.3 */
static bool period(const char *text, uint64_t *out)
{
    uint64_t seconds = 0, part;
    if (!isdigit((unsigned char)*text))
        return false;
    for (; isdigit((unsigned char)*text); text++) {
        seconds = seconds * 10 + (uint64_t)(*text - '0');
        if (seconds > (uint64_t)INT64_MAX / NT_TIME_SECOND - 1)
            return false;
    }
    if (!fraction(&text, &part) || strcmp(text, " s") != 0)
        return false;
    *out = 0 - (seconds * NT_TIME_SECOND + part);
    return true;
}

bool value_time(struct reader *r, const json_t *j, uint64_t *out)
{
    const char *text = json_string_value(j);
    struct number n;
    if (json_is_integer(j)) {
        *out = (uint64_t)json_integer_value(j);
        return true;
    }
    if (text != NULL && strcmp(text, "never") == 0)
        *out = NT_TIME_NEVER;
    else if (text != NULL && strcmp(text, "-never") == 0)
        *out = UINT64_C(1) << 63;
    else if (text != NULL && parse_number(text, &n))
        *out = n.negative ? 0 - n.magnitude : n.magnitude;
    else if (text == NULL || (!date(text, out) && !period(text, out)))
        return value_fail(r, "a time is wanted, as 2026-11-21T07:20:37Z, \"90 s\" or never");
    return true;
}

/* --- text and bytes --- */

/* The next code point of text that jansson has found to be UTF-8. */
static uint32_t next_code(const uint8_t **p)
{
    static const struct {
        uint8_t least, bits;
    } kinds[] = { { 0xF0, 0x07 }, { 0xE0, 0x0F }, { 0xC0, 0x1F }, { 0x00, 0x7F } };
    size_t kind = 0;
    while (**p < kinds[kind].least)
        kind++;
    uint32_t code = *(*p)++ & kinds[kind].bits;
    for (; kind < 3; kind++)
        code = code << 6 | (*(*p)++ & 0x3F);
    return code;
}

bool value_units(struct reader *r, const json_t *j, size_t size, size_t *count)
{
    if (!json_is_string(j))
        return value_fail(r, "a text is wanted");
    const uint8_t *p = (const uint8_t *)json_string_value(j), *end = p + json_string_length(j);
    *count = 0;
    while (p < end) {
        uint32_t code = next_code(&p);
        if (size == 1 && code > 0xFF)
            return value_fail(r, "only characters up to U+00FF have a place here");
        *count += size == 2 && code >= 0x10000 ? 2 : 1;
    }
    return true;
}

void value_put_units(const json_t *j, size_t size, uint8_t *mem)
{
    const uint8_t *p = (const uint8_t *)json_string_value(j), *end = p + json_string_length(j);
    while (p < end) {
        uint32_t code = next_code(&p);
        if (code >= 0x10000) {
            ndr_store_number(mem, size, 0xD800 + ((code - 0x10000) >> 10));
            mem += size;
            code = 0xDC00 + ((code - 0x10000) & 0x3FF);
        }
        ndr_store_number(mem, size, code);
        mem += size;
    }
}

bool value_hex(struct reader *r, const json_t *j, size_t *count)
{
    const char *text = json_string_value(j);
    size_t len = json_string_length(j);
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)text[i]))
            return value_fail(r, "bytes are wanted as hexadecimal digits");
    if (len % 2 != 0)
        return value_fail(r, "hexadecimal digits come in pairs");
    *count = len / 2;
    return true;
}

void value_put_hex(const json_t *j, uint8_t *mem)
{
    (void)nt_unhex(json_string_value(j), mem, json_string_length(j) / 2);
}
