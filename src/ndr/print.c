/*
 * Values as text for people and as JSON for programs: one walk, and a sink that knows how a name,
 * a beginning and an end look in each.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/nttime.h"
#include "base/sid.h"
#include "ndr/ndr_internal.h"

#define MAX_HEX_TEXT 64 /* bytes of an array shown to people; programs get all */

/* The year 1632: smaller values in a LARGE_INTEGER are sequence numbers and the like. */
#define NOT_A_DATE UINT64_C(10000000000000000)
/* The year 10000, which the text of a date has no room for. */
#define NO_DATE_ANY_MORE UINT64_C(2650467744000000000)

struct printer {
    struct nt_buf *out;
    bool json, secrets;
    size_t hidden;
    bool first; /* nothing stands yet in the innermost braces */
    unsigned indent, depth;
};

static void value(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem,
                  const uint8_t *base);

static void put(struct printer *p, const char *text)
{
    nt_buf_put(p->out, text, strlen(text));
}

static void new_line(struct printer *p)
{
    put(p, "\n");
    for (unsigned i = 0; i < p->indent; i++)
        put(p, "  ");
}

/* What stands before a member's or an element's value. */
static void name(struct printer *p, const char *member)
{
    if (p->json && !p->first)
        put(p, ",");
    p->first = false;
    if (!p->json)
        new_line(p);
    if (p->json && member != NULL)
        nt_buf_printf(p->out, "\"%s\":", member);
    else if (!p->json)
        nt_buf_printf(p->out, member != NULL ? "%s: " : "%s ", member != NULL ? member : "-");
}

static void begin(struct printer *p, char bracket)
{
    if (p->json)
        nt_buf_put(p->out, &bracket, 1);
    else if (p->out->len > 0 && p->out->data[p->out->len - 1] == ' ')
        p->out->len--; /* the value stands on the lines below */
    p->first = true;
    p->indent++;
}

static void end(struct printer *p, char bracket)
{
    if (p->json)
        nt_buf_put(p->out, &bracket, 1);
    else if (p->first)
        put(p, bracket == ']' ? " none" : " nothing");
    p->first = false;
    p->indent--;
}

static void character(struct printer *p, uint32_t c)
{
    char utf8[5] = { 0 };
    if (c == '"' || c == '\\') {
        nt_buf_printf(p->out, p->json || c == '"' ? "\\%c" : "%c", (int)c);
        return;
    }
    if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
        nt_buf_printf(p->out, "\\u%04" PRIx32, c);
        return;
    }
    if (c < 0x80) {
        utf8[0] = (char)c;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xC0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xE0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 0x3F));
        utf8[2] = (char)(0x80 | (c & 0x3F));
    } else {
        utf8[0] = (char)(0xF0 | c >> 18);
        utf8[1] = (char)(0x80 | (c >> 12 & 0x3F));
        utf8[2] = (char)(0x80 | (c >> 6 & 0x3F));
        utf8[3] = (char)(0x80 | (c & 0x3F));
    }
    put(p, utf8);
}

/* Units of 1 or 2 bytes in quotes; half a surrogate pair becomes U+FFFD. */
static void text(struct printer *p, const uint8_t *mem, size_t count, size_t size)
{
    put(p, "\"");
    for (size_t i = 0; i < count; i++) {
        uint32_t c = (uint32_t)ndr_load_number(mem + i * size, size);
        uint32_t low =
            size == 2 && i + 1 < count ? (uint32_t)ndr_load_number(mem + (i + 1) * size, size) : 0;
        if (c >= 0xD800 && c < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            i++;
        } else if (c >= 0xD800 && c < 0xE000) {
            c = 0xFFFD;
        }
        character(p, c);
    }
    put(p, "\"");
}

static void hex(struct printer *p, const uint8_t *mem, size_t count)
{
    size_t most = p->json ? count : MAX_HEX_TEXT;
    if (p->json)
        put(p, "\"");
    for (size_t i = 0; i < count && i < most; i++)
        nt_buf_printf(p->out, "%02x", mem[i]);
    if (count > most)
        put(p, "...");
    if (p->json)
        put(p, "\"");
    else
        nt_buf_printf(p->out, "%s(%zu bytes)", count > 0 ? " " : "", count);
}

/* The second, and for programs what is behind it. */
static void date(struct printer *p, uint64_t v)
{
    char buf[NT_TIME_TEXT];
    if (!p->json) {
        put(p, nt_time_format(v, buf));
        return;
    }
    nt_time_rfc3339(v, buf);
    if (v % NT_TIME_SECOND != 0)
        nt_buf_printf(p->out, "\"%.*s.%07" PRIu64 "Z\"", (int)strlen(buf) - 1, buf,
                      v % NT_TIME_SECOND);
    else
        nt_buf_printf(p->out, "\"%s\"", buf);
}

/* A time is a count from 1601, a negative one a period of time. [MS-DTYP] 2.3.3 */
static void time_of(struct printer *p, uint64_t v)
{
    int64_t n = (int64_t)v;
    const char *q = p->json ? "\"" : "";
    if (n == INT64_MIN && p->json) /* a period without end is another value than no date */
        put(p, "\"-never\"");
    else if (n == 0 || v == NT_TIME_NEVER || n == INT64_MIN)
        nt_buf_printf(p->out, "%s%s%s", q, n == 0 ? "0" : "never", q);
    else if (n < 0)
        nt_buf_printf(p->out, "%s%" PRIu64 ".%07" PRIu64 " s%s", q, (0 - v) / NT_TIME_SECOND,
                      (0 - v) % NT_TIME_SECOND, q);
    else if (v < NOT_A_DATE || v >= NO_DATE_ANY_MORE)
        nt_buf_printf(p->out, "%s%" PRIu64 "%s", q, v, q);
    else
        date(p, v);
}

static void uuid(struct printer *p, const struct nt_uuid *u)
{
    char buf[NT_UUID_TEXT];
    const char *q = p->json ? "\"" : "";
    nt_buf_printf(p->out, "%s%s%s", q, nt_uuid_format(u, buf), q);
}

/* Its attributes come behind it when there are any: Samba's handles have some. [C706] 14.3.13 */
static void handle(struct printer *p, const struct nt_ndr_context *c)
{
    char buf[NT_UUID_TEXT];
    const char *q = p->json ? "\"" : "";
    nt_buf_printf(p->out, "%s%s", q, nt_uuid_format(&c->uuid, buf));
    if (c->attributes != 0)
        nt_buf_printf(p->out, "/%" PRIu32, c->attributes);
    put(p, q);
}

static void number(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem)
{
    uint64_t v = ndr_load_number(mem, t->size);
    const char *q = p->json ? "\"" : "";
    for (int i = 0; t->enumerators != NULL && i < t->count; i++)
        if (t->enumerators[i].value == v) {
            nt_buf_printf(p->out, p->json ? "\"%s\"" : "%s", t->enumerators[i].name);
            if (!p->json)
                nt_buf_printf(p->out, " (%" PRIu64 ")", v);
            return;
        }
    if (t->format == NDR_FORMAT_NTSTATUS) {
        ntstatus st = { (uint32_t)v };
        bool known = strcmp(nt_status_name(st), "UNKNOWN") != 0;
        if (known)
            nt_buf_printf(p->out, "%s%s%s", q, nt_status_name(st), q);
        if (!known)
            nt_buf_printf(p->out, "%s0x%08" PRIx64 "%s", q, v, q);
        else if (!p->json)
            nt_buf_printf(p->out, " (0x%08" PRIx64 ")", v);
    } else if (t->format == NDR_FORMAT_WERROR && !p->json) {
        const char *known = v == 0 ? "OK" : nt_werror_name((uint32_t)v);
        nt_buf_printf(p->out, *known != '\0' ? "%s (%" PRIu64 ")" : "%s%" PRIu64, known, v);
    } else if (t->format == NDR_FORMAT_HEX) {
        nt_buf_printf(p->out, "%s0x%08" PRIx64 "%s", q, v, q);
    } else if (t->kind == NDR_U64 && p->json) {
        /* A JSON reader may keep only 53 bits of a number. */
        nt_buf_printf(p->out, t->flags & NDR_SIGNED ? "\"%" PRId64 "\"" : "\"%" PRIu64 "\"", v);
    } else if (t->flags & NDR_SIGNED) {
        nt_buf_printf(p->out, "%" PRId64, ndr_signed(v, t->size));
    } else {
        nt_buf_printf(p->out, "%" PRIu64, v);
        if (!p->json && v > 0xFFFF)
            nt_buf_printf(p->out, " (0x%" PRIx64 ")", v);
    }
}

static void array(struct printer *p, const struct nt_ndr_type *elem, const uint8_t *mem,
                  size_t count, const uint8_t *base)
{
    if (elem->kind == NDR_U8 && elem->format == NDR_FORMAT_PLAIN && elem->enumerators == NULL) {
        hex(p, mem, count);
        return;
    }
    if (elem->format == NDR_FORMAT_TEXT) {
        text(p, mem, count, elem->size);
        return;
    }
    begin(p, '[');
    for (size_t i = 0; i < count && p->out->err == NT_OK; i++, mem += elem->size) {
        name(p, NULL);
        value(p, elem, mem, base);
    }
    end(p, ']');
}

/* How many elements are in memory; none when the expressions make no sense. */
static size_t count_of(const struct nt_ndr_type *t, const uint8_t *base)
{
    int64_t max = t->kind == NDR_CONFORMANT ? t->size_is(base) : (int64_t)t->length;
    int64_t n = t->flags & NDR_VARYING ? t->length_is(base) : max;
    return n < 0 || n > max || n > UINT32_MAX ? 0 : (size_t)n;
}

static size_t units_before_nul(const uint8_t *mem, size_t most, size_t size)
{
    size_t n = 0;
    while (n < most && ndr_load_number(mem + n * size, size) != 0)
        n++;
    return n;
}

static void sid(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem)
{
    struct nt_sid s = { .revision = mem[0], .sub_count = mem[t->fields[1].offset] };
    char buf[NT_SID_TEXT];
    const char *q = p->json ? "\"" : "";
    if (s.sub_count > NT_SID_MAX_SUBS)
        s.sub_count = NT_SID_MAX_SUBS;
    memcpy(s.authority, mem + t->fields[2].offset, sizeof s.authority);
    memcpy(s.sub, mem + ndr_last(t)->offset, s.sub_count * sizeof s.sub[0]);
    nt_buf_printf(p->out, "%s%s%s", q, nt_sid_format(&s, buf), q);
}

/* The structures whose meaning is one value; false for all others. */
static bool as_one_value(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem)
{
    const struct nt_ndr_field *last;
    uint64_t v;
    switch (t->format) {
    case NDR_FORMAT_SID:
        sid(p, t, mem);
        return true;
    case NDR_FORMAT_TIME:
        v = t->count == 1 ? ndr_load_number(mem, 8)
                          : ndr_load_number(mem, 4) | ndr_load_number(mem + 4, 4) << 32;
        time_of(p, v);
        return true;
    case NDR_FORMAT_NUMBER:
        number(p, t->fields[0].type, mem);
        return true;
    case NDR_FORMAT_UNICODE:
    case NDR_FORMAT_ANSI:
        last = ndr_last(t);
        mem += last->offset;
        if (ndr_load_pointer(mem) == NULL)
            put(p, p->json ? "null" : "NULL");
        else
            text(p, ndr_load_pointer(mem), count_of(last->type->elem, mem - last->offset),
                 last->type->elem->elem->size);
        return true;
    default:
        return false;
    }
}

static void hide(struct printer *p)
{
    put(p, p->json ? "\"" NT_NDR_HIDDEN "\"" : NT_NDR_HIDDEN);
    p->hidden++;
}

static void structure(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem,
                      unsigned ways)
{
    begin(p, '{');
    for (int i = 0; i < t->count; i++) {
        const struct nt_ndr_field *f = &t->fields[i];
        if (ways != 0 && !(f->ways & ways))
            continue;
        name(p, f->name);
        if (f->ways & NDR_SECRET && !p->secrets)
            hide(p);
        else
            value(p, f->type, mem + f->offset, mem);
    }
    end(p, '}');
}

static void chosen(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem,
                   const uint8_t *base)
{
    uint32_t tag = ndr_cut(t->elem->elem, (uint64_t)t->size_is(base));
    const struct nt_ndr_arm *arm = ndr_arm(t->elem, tag);
    begin(p, '{');
    if (arm != NULL && arm->type != NULL) {
        name(p, arm->name);
        if (arm->ways & NDR_SECRET && !p->secrets)
            hide(p);
        else
            value(p, arm->type, mem, base);
    }
    end(p, '}');
}

static void pointee(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem,
                    const uint8_t *base)
{
    if (mem == NULL)
        put(p, p->json ? "null" : "NULL");
    else if (t->kind == NDR_STRING)
        text(p, mem, units_before_nul(mem, SIZE_MAX, t->elem->size), t->elem->size);
    else if (t->kind == NDR_CONFORMANT)
        array(p, t->elem, mem, count_of(t, base), base);
    else
        value(p, t, mem, base);
}

static void value(struct printer *p, const struct nt_ndr_type *t, const uint8_t *mem,
                  const uint8_t *base)
{
    struct nt_uuid u;
    struct nt_ndr_context c;
    if (++p->depth > 2 * NT_NDR_MAX_DEPTH)
        nt_buf_fail(p->out, NT_E_LIMIT);
    if (p->out->err != NT_OK)
        return;
    switch (t->kind) {
    case NDR_GUID:
        memcpy(&u, mem, sizeof u);
        uuid(p, &u);
        break;
    case NDR_CONTEXT:
        memcpy(&c, mem, sizeof c);
        handle(p, &c);
        break;
    case NDR_STRUCT:
        if (!as_one_value(p, t, mem))
            structure(p, t, mem, 0);
        break;
    case NDR_SWITCH:
        chosen(p, t, mem, base);
        break;
    case NDR_POINTER:
        pointee(p, t->elem, ndr_load_pointer(mem), base);
        break;
    case NDR_ARRAY:
    case NDR_CONFORMANT:
        array(p, t->elem, mem, count_of(t, base), base);
        break;
    case NDR_FIXED_STRING:
        text(p, mem, units_before_nul(mem, t->length, t->elem->size), t->elem->size);
        break;
    default:
        number(p, t, mem);
    }
    p->depth--;
}

enum nt_err nt_ndr_show(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                        enum nt_ndr_form form, bool secrets, size_t *hidden, struct nt_buf *out)
{
    struct printer p = { .out = out, .json = form == NT_NDR_JSON, .secrets = secrets };
    const char *way = dir == NT_NDR_REQUEST ? "request" : "response";
    nt_buf_printf(out,
                  p.json ? "{\"method\":\"%s\",\"opnum\":%u,\"direction\":\"%s\",\"parameters\":"
                         : "%s (opnum %u) %s:",
                  op->name, op->opnum, way);
    structure(&p, op->layout, args, dir == NT_NDR_REQUEST ? NDR_IN : NDR_OUT);
    put(&p, p.json ? "}" : "\n");
    if (hidden != NULL)
        *hidden = p.hidden;
    return out->err;
}

enum nt_err nt_ndr_print(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                         struct nt_buf *out)
{
    return nt_ndr_show(op, dir, args, NT_NDR_TEXT, true, NULL, out);
}

enum nt_err nt_ndr_print_json(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                              struct nt_buf *out)
{
    return nt_ndr_show(op, dir, args, NT_NDR_JSON, true, NULL, out);
}

enum nt_err nt_ndr_print_type(const struct nt_ndr_type *type, const void *v, struct nt_buf *out)
{
    struct printer p = { .out = out, .secrets = true };
    value(&p, type, v, NULL);
    return out->err;
}
