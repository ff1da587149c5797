/* rpc_value.c - the walk through a layout and a JSON value side by side. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "repair/rpc_value_internal.h"

#define MAX_JSON (64u * 1024 * 1024)

bool value_fail(struct reader *r, const char *fmt, ...)
{
    char what[NT_RPC_VALUE_WHY - VALUE_PATH - 2];
    va_list ap;
    if (r->why[0] != '\0')
        return false;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(r->why, NT_RPC_VALUE_WHY, "%s%s%s", r->path, r->path_len > 0 ? ": " : "", what);
    return false;
}

bool value_no_memory(struct reader *r)
{
    return value_fail(r, "this is more than fits into one call");
}

static void *allocate(struct reader *r, size_t count, size_t size)
{
    void *p = nt_arena_array(r->arena, count, size);
    if (p == NULL)
        value_no_memory(r);
    return p;
}

/* --- the path --- */

/* Returns the length to go back to. */
static size_t enter(struct reader *r, const char *name, size_t index)
{
    size_t before = r->path_len, room = sizeof r->path - before;
    int n = name != NULL ? snprintf(r->path + before, room, "%s%s", before > 0 ? "." : "", name)
                         : snprintf(r->path + before, room, "[%zu]", index);
    r->path_len += (size_t)n < room ? (size_t)n : room - 1;
    return before;
}

static void leave(struct reader *r, size_t before)
{
    if (r->why[0] != '\0')
        return;
    r->path[before] = '\0';
    r->path_len = before;
}

/* --- values --- */

static bool value(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem,
                  struct scope *s);
static bool structure(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem);

static bool is_bytes(const struct nt_ndr_type *elem)
{
    return elem->kind == NDR_U8 && elem->format == NDR_FORMAT_PLAIN && elem->enumerators == NULL;
}

/* How many elements a JSON value is for an array of those. */
static bool count_elements(struct reader *r, const struct nt_ndr_type *elem, json_t *j,
                           size_t *count)
{
    *count = json_array_size(j);
    if (json_is_array(j))
        return true;
    if (elem->format == NDR_FORMAT_TEXT)
        return value_units(r, j, elem->size, count);
    if (is_bytes(elem) && json_is_string(j))
        return value_hex(r, j, count);
    return value_fail(r, is_bytes(elem) ? "bytes are wanted" : "a list is wanted");
}

static bool put_elements(struct reader *r, const struct nt_ndr_type *elem, json_t *j, uint8_t *mem,
                         struct scope *s)
{
    size_t i;
    json_t *item;
    if (!json_is_array(j)) {
        if (elem->format == NDR_FORMAT_TEXT)
            value_put_units(j, elem->size, mem);
        else
            value_put_hex(j, mem);
        return true;
    }
    json_array_foreach(j, i, item)
    {
        size_t before = enter(r, NULL, i);
        if (!value(r, elem, item, mem + i * elem->size, s))
            return false;
        leave(r, before);
    }
    return true;
}

/* A string of its own, with a NUL behind it. */
static bool string(struct reader *r, const struct nt_ndr_type *t, json_t *j, struct scope *s,
                   uint8_t **out)
{
    size_t count, len = json_string_length(j);
    if (!value_units(r, j, t->elem->size, &count))
        return false;
    if (memchr(json_string_value(j), '\0', len) != NULL)
        return value_fail(r, "this text cannot hold U+0000");
    if (t->size_is != NULL) {
        if (t->size_is(s->mem) <= (int64_t)count &&
            !value_settle(s, t->size_is, (int64_t)count + 1))
            return value_fail(r, "the text is longer than %s says", t->said);
        value_freeze(s, t->size_is);
    }
    *out = allocate(r, count + 1, t->elem->size);
    if (*out == NULL)
        return false;
    value_put_units(j, t->elem->size, *out);
    return true;
}

/* A structure that ends in an array is as long as that. */
static bool open_structure(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t **out)
{
    const struct nt_ndr_field *end = ndr_last(t);
    size_t count = 0, before = enter(r, end->name, 0);
    const char *name;
    json_t *item, *elements = NULL;
    json_object_foreach(j, name, item)
    {
        if (strcasecmp(name, end->name) == 0)
            elements = item;
    }
    if (elements != NULL && !count_elements(r, end->type->elem, elements, &count))
        return false;
    leave(r, before);
    if (count > UINT32_MAX / end->type->elem->size)
        return value_no_memory(r);
    *out = allocate(r, 1, t->size + count * end->type->elem->size);
    return *out != NULL && structure(r, t, j, *out);
}

/* What a pointer leads to, in memory of its own. */
static bool pointee(struct reader *r, const struct nt_ndr_type *t, json_t *j, struct scope *s,
                    uint8_t **out)
{
    size_t count;
    if (t->kind == NDR_STRING)
        return string(r, t, j, s, out);
    if (t->kind == NDR_CONFORMANT) {
        if (!count_elements(r, t->elem, j, &count) || !value_settle_count(r, s, t, count))
            return false;
        *out = allocate(r, count, t->elem->size);
        return *out != NULL && put_elements(r, t->elem, j, *out, s);
    }
    if (t->kind == NDR_STRUCT && t->format == NDR_FORMAT_SID && !json_is_object(j))
        return value_sid(r, t, j, out);
    if (t->kind == NDR_STRUCT && t->flags & NDR_CONFORMANT_END)
        return open_structure(r, t, j, out);
    *out = allocate(r, 1, t->size);
    return *out != NULL && value(r, t, j, *out, s);
}

static bool pointer(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem,
                    struct scope *s)
{
    uint8_t *to = NULL;
    if (json_is_null(j) && t->flags & (NDR_REF | NDR_TOP))
        return value_fail(r, "may not be null");
    if (!json_is_null(j) && !pointee(r, t->elem, j, s, &to))
        return false;
    ndr_store_pointer(mem, to);
    return true;
}

/* RPC_UNICODE_STRING and STRING: both lengths in bytes, and the units. */
static bool counted_text(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem)
{
    const struct nt_ndr_field *buffer = ndr_last(t);
    const struct nt_ndr_type *unit = buffer->type->elem->elem;
    size_t count;
    if (json_is_null(j))
        return true;
    if (!value_units(r, j, unit->size, &count))
        return false;
    if (count * unit->size > UINT16_MAX - 1)
        return value_fail(r, "the text is too long");
    uint8_t *to = allocate(r, count, unit->size);
    if (to == NULL)
        return false;
    value_put_units(j, unit->size, to);
    for (int i = 0; i < t->count - 1; i++)
        ndr_store_number(mem + t->fields[i].offset, t->fields[i].type->size, count * unit->size);
    ndr_store_pointer(mem + buffer->offset, to);
    return true;
}

static bool moment(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem)
{
    uint64_t v;
    if (!value_time(r, j, &v))
        return false;
    if (t->count == 1) {
        ndr_store_number(mem, 8, v);
    } else {
        ndr_store_number(mem, 4, v);
        ndr_store_number(mem + 4, 4, v >> 32);
    }
    return true;
}

/* A structure, or the one value that stands for it. */
static bool any_structure(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem)
{
    if (json_is_object(j))
        return structure(r, t, j, mem);
    switch (t->format) {
    case NDR_FORMAT_UNICODE:
    case NDR_FORMAT_ANSI:
        return counted_text(r, t, j, mem);
    case NDR_FORMAT_TIME:
        return moment(r, t, j, mem);
    case NDR_FORMAT_NUMBER:
        return value_number(r, t->fields[0].type, j, mem);
    default:
        return value_fail(r, "an object is wanted: a %s", t->name);
    }
}

/* --- unions --- */

/* Whether the person's name for an arm is that one's: its own, its case's, or its number. */
static bool names_arm(const struct nt_ndr_type *u, const struct nt_ndr_arm *arm, const char *name)
{
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, arm->value);
    if ((arm->name != NULL && strcasecmp(arm->name, name) == 0) || strcmp(number, name) == 0)
        return true;
    const struct nt_ndr_type *tag = u->elem;
    for (int i = 0; tag->enumerators != NULL && i < tag->count; i++)
        if (tag->enumerators[i].value == arm->value &&
            strcasecmp(tag->enumerators[i].name, name) == 0)
            return true;
    return false;
}

static bool no_such_name(struct reader *r, const struct nt_ndr_type *u, const char *name)
{
    char list[120] = "";
    size_t len = 0;
    for (int i = 0; i < u->count && len + 1 < sizeof list; i++)
        if (u->arms[i].type != NULL)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len > 0 ? ", " : "",
                                    u->arms[i].name);
    return value_fail(r, "there is no arm '%.60s' here, but %s%s", name, list,
                      len >= sizeof list ? "..." : "");
}

static bool no_such_arm(struct reader *r, const struct nt_ndr_type *t, const struct scope *s,
                        const char *name)
{
    int64_t tag = t->size_is(s->mem);
    bool known = *name == '\0';
    for (int i = 0; i < t->elem->count && !known; i++)
        known = names_arm(t->elem, &t->elem->arms[i], name);
    if (!known)
        return no_such_name(r, t->elem, name);
    const struct nt_ndr_arm *arm = ndr_arm(t->elem, ndr_cut(t->elem->elem, (uint64_t)tag));
    if (arm == NULL)
        return value_fail(r, "there is no arm for %s = %" PRId64, t->said, tag);
    return value_fail(r, "'%.60s' is not the arm of %s = %" PRId64 ": that has %s", name, t->said,
                      tag, arm->type != NULL ? arm->name : "nothing");
}

/* The arm of that name, and the discriminant to it. NULL: told. */
static const struct nt_ndr_arm *choose(struct reader *r, const struct nt_ndr_type *t,
                                       struct scope *s, const char *name)
{
    const struct nt_ndr_type *u = t->elem;
    const struct nt_ndr_arm *arm = ndr_arm(u, ndr_cut(u->elem, (uint64_t)t->size_is(s->mem)));
    if (arm != NULL && names_arm(u, arm, name)) {
        value_freeze(s, t->size_is);
        return arm;
    }
    arm = NULL;
    for (int i = 0; i < u->count; i++) {
        if (i == u->default_arm || !names_arm(u, &u->arms[i], name))
            continue;
        if (arm != NULL) {
            value_fail(r, "'%.60s' is the arm of several cases: give %s too", name, t->said);
            return NULL;
        }
        arm = &u->arms[i];
    }
    if (arm != NULL && value_settle(s, t->size_is, (int64_t)arm->value))
        return arm;
    no_such_arm(r, t, s, name);
    return NULL;
}

static bool chosen(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem,
                   struct scope *s)
{
    void *first = json_object_iter(j);
    if (!json_is_object(j) || json_object_size(j) > 1)
        return value_fail(r, "a union is wanted: an object with one member, the arm");
    if (first == NULL) {
        const struct nt_ndr_arm *arm =
            ndr_arm(t->elem, ndr_cut(t->elem->elem, (uint64_t)t->size_is(s->mem)));
        return arm != NULL && arm->type == NULL ? true : no_such_arm(r, t, s, "");
    }
    const char *name = json_object_iter_key(first);
    const struct nt_ndr_arm *arm = choose(r, t, s, name);
    if (arm == NULL)
        return false;
    if (arm->type == NULL)
        return value_fail(r, "the arm of %s = %" PRId64 " holds nothing", t->said,
                          t->size_is(s->mem));
    size_t before = enter(r, arm->name, 0);
    if (!value(r, arm->type, json_object_iter_value(first), mem, s))
        return false;
    leave(r, before);
    return true;
}

/* --- structures and calls --- */

static bool hidden(const struct nt_ndr_field *f, json_t *j)
{
    return f->ways & NDR_SECRET && json_is_string(j) &&
           strcmp(json_string_value(j), NT_NDR_HIDDEN) == 0;
}

static bool member(struct reader *r, struct scope *s, size_t i, json_t *j)
{
    const struct nt_ndr_field *f = &s->type->fields[i];
    size_t before = enter(r, f->name, 0);
    if (hidden(f, j))
        return value_fail(r, "this value was hidden where it comes from");
    if (!value(r, f->type, j, s->mem + f->offset, s))
        return false;
    leave(r, before);
    return true;
}

int value_find_field(const struct nt_ndr_type *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (strcasecmp(t->fields[i].name, name) == 0)
            return i;
    return -1;
}

static bool unknown_member(struct reader *r, const struct nt_ndr_type *t, unsigned way,
                           const char *name)
{
    char list[120] = "";
    size_t len = 0;
    for (int i = 0; i < t->count && len + 1 < sizeof list; i++)
        if (way == 0 || t->fields[i].ways & way)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len > 0 ? ", " : "",
                                    t->fields[i].name);
    return value_fail(r, "there is no '%.60s' here, but %s%s", name,
                      list[0] != '\0' ? list : "nothing", len >= sizeof list ? "..." : "");
}

/* Sorts the members given into the rows of the layout; way 0: a structure. */
static bool sort(struct reader *r, const struct nt_ndr_type *t, unsigned way, json_t *j,
                 json_t **given)
{
    const char *name;
    json_t *item;
    json_object_foreach(j, name, item)
    {
        int i = value_find_field(t, name);
        if (i < 0 || (way != 0 && !(t->fields[i].ways & way)))
            return unknown_member(r, t, way, name);
        if (given[i] != NULL)
            return value_fail(r, "%s is there twice", t->fields[i].name);
        given[i] = item;
    }
    return true;
}

static bool left_out(struct reader *r, struct scope *s, size_t i, unsigned way);

/* Integers first, since what others count by may be given behind them; then all the others; then
 * what was left out. */
static bool fill(struct reader *r, struct scope *s, unsigned way, json_t *j)
{
    json_t *given[VALUE_FIELDS] = { NULL };
    const struct nt_ndr_type *t = s->type;
    if (t->count > VALUE_FIELDS)
        return value_fail(r, "%s has more members than this tool can write", t->name);
    if (!sort(r, t, way, j, given))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        s->given[i] = given[i] != NULL;
        if (s->given[i] && value_is_integer(t->fields[i].type) && !member(r, s, i, given[i]))
            return false;
    }
    for (size_t i = 0; i < t->count; i++)
        if (given[i] != NULL && !value_is_integer(t->fields[i].type) && !member(r, s, i, given[i]))
            return false;
    for (size_t i = 0; i < t->count; i++)
        if (!s->given[i] && (way == 0 || t->fields[i].ways & way) && !left_out(r, s, i, way))
            return false;
    return true;
}

static bool structure(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem)
{
    struct scope s = { .type = t, .mem = mem };
    if (!json_is_object(j))
        return value_fail(r, "an object is wanted: a %s", t->name);
    return fill(r, &s, 0, j);
}

/* An array that is not there is fine when its count is 0. */
static bool may_be_null(const struct nt_ndr_type *t, const struct scope *s)
{
    return !(t->flags & (NDR_REF | NDR_TOP)) ||
           (t->elem->kind == NDR_CONFORMANT && t->elem->size_is(s->mem) == 0);
}

static bool left_out(struct reader *r, struct scope *s, size_t i, unsigned way)
{
    const struct nt_ndr_field *f = &s->type->fields[i];
    bool wanted = way == NDR_IN && !(f->ways & NDR_OUT);
    if (f->type->kind == NDR_POINTER)
        wanted = !may_be_null(f->type, s);
    if (f->type->kind == NDR_SWITCH) {
        const struct nt_ndr_arm *arm = ndr_arm(
            f->type->elem, ndr_cut(f->type->elem->elem, (uint64_t)f->type->size_is(s->mem)));
        wanted = wanted && (arm == NULL || arm->type != NULL);
    }
    if (wanted) {
        enter(r, f->name, 0);
        return value_fail(r, "is missing");
    }
    if (f->type->kind == NDR_CONFORMANT) { /* no room was made for any element */
        size_t before = enter(r, f->name, 0);
        if (!value_settle_count(r, s, f->type, 0))
            return false;
        leave(r, before);
        return true;
    }
    if (f->type->kind != NDR_STRUCT || f->type->format != NDR_FORMAT_PLAIN)
        return true;
    /* It may have members that must not be zero. */
    json_t *nothing = json_object();
    size_t before = enter(r, f->name, 0);
    bool ok =
        nothing != NULL ? value(r, f->type, nothing, s->mem + f->offset, s) : value_no_memory(r);
    json_decref(nothing);
    if (ok)
        leave(r, before);
    return ok;
}

static bool fixed_string(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem)
{
    size_t count;
    if (!value_units(r, j, t->elem->size, &count))
        return false;
    if (count >= t->length)
        return value_fail(r, "there is room for %" PRIu32 " units", t->length - 1);
    if (memchr(json_string_value(j), '\0', json_string_length(j)) != NULL)
        return value_fail(r, "this text cannot hold U+0000");
    value_put_units(j, t->elem->size, mem);
    return true;
}

static bool by_kind(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem,
                    struct scope *s)
{
    size_t count;
    switch (t->kind) {
    case NDR_GUID:
        return value_guid(r, j, mem);
    case NDR_CONTEXT:
        return value_handle(r, j, mem);
    case NDR_STRUCT:
        return any_structure(r, t, j, mem);
    case NDR_SWITCH:
        return chosen(r, t, j, mem, s);
    case NDR_POINTER:
        return pointer(r, t, j, mem, s);
    case NDR_ARRAY:
    case NDR_CONFORMANT: /* at a structure's end, whose memory has room for it */
        return count_elements(r, t->elem, j, &count) && value_settle_count(r, s, t, count) &&
               put_elements(r, t->elem, j, mem, s);
    case NDR_FIXED_STRING:
        return fixed_string(r, t, j, mem);
    default:
        return value_number(r, t, j, mem);
    }
}

static bool value(struct reader *r, const struct nt_ndr_type *t, json_t *j, uint8_t *mem,
                  struct scope *s)
{
    if (++r->depth > 2 * NT_NDR_MAX_DEPTH)
        return value_fail(r, "this is nested too deeply");
    bool ok = by_kind(r, t, j, mem, s);
    r->depth--;
    return ok;
}

/* --- both ways --- */

bool nt_rpc_value_read(const struct nt_ndr_op *op, enum nt_ndr_dir dir, json_t *parameters,
                       struct nt_arena *arena, void **args, char why[NT_RPC_VALUE_WHY])
{
    struct reader r = { .arena = arena, .why = why };
    struct scope s = { .type = op->layout };
    why[0] = '\0';
    *args = NULL;
    if (!json_is_object(parameters))
        return value_fail(&r, "the parameters have to be an object");
    s.mem = allocate(&r, 1, op->args_size);
    if (s.mem == NULL || !fill(&r, &s, dir == NT_NDR_REQUEST ? NDR_IN : NDR_OUT, parameters))
        return false;
    *args = s.mem;
    return true;
}

json_t *nt_rpc_value_write(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                           bool secrets, size_t *hidden_count)
{
    struct nt_buf text;
    json_t *whole = NULL, *parameters = NULL;
    nt_buf_init(&text, MAX_JSON);
    if (nt_ndr_show(op, dir, args, NT_NDR_JSON, secrets, hidden_count, &text) == NT_OK)
        whole = json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL, NULL);
    parameters = json_incref(json_object_get(whole, "parameters"));
    json_decref(whole);
    nt_buf_free(&text);
    return parameters;
}
