/*
 * Two passes over each construct, [C706] 14.3.12.3: `scalars` reads what stands in place, and
 * `referents` what its pointers lead to, which follows the whole construct. Between the two a
 * pointer that is not NULL holds `present`. Conformance stands before the construct (14.3.3.1).
 *
 * The input decides nothing but counts and arms: the walk follows the tables, depth is counted, and
 * an array's count meets the bytes that are left before it sizes a loop or an allocation.
 */
#include "ndr/ndr_internal.h"

#define MAX_PENDING 32

/* A count or discriminant of a parameter, compared with its expression when all are there. */
struct pending {
    nt_ndr_expression *expression;
    uint32_t value;
    bool discriminant;
};

struct decoder {
    const uint8_t *buf;
    size_t len, pos;
    struct nt_arena *arena;
    uint8_t *call; /* the call's struct; NULL for a single type */
    bool alone;    /* a response without its request: fill in what the request told */
    bool big_endian;
    enum nt_err err;
    unsigned depth, pending_count;
    struct pending pending[MAX_PENDING];
};

static char present;
static const uint8_t nothing; /* an empty input has an address too */

static bool fail(struct decoder *d, enum nt_err err)
{
    if (d->err == NT_OK)
        d->err = err;
    return false;
}

static inline const uint8_t *take(struct decoder *d, size_t align, size_t n)
{
    size_t gap = (0 - d->pos) & (align - 1);
    if (gap > d->len - d->pos || n > d->len - d->pos - gap) {
        fail(d, NT_E_TRUNCATED);
        return NULL;
    }
    const uint8_t *p = d->buf + d->pos + gap;
    d->pos += gap + n;
    return p;
}

static inline bool take_u32(struct decoder *d, uint32_t *v)
{
    const uint8_t *p = take(d, 4, 4);
    if (p != NULL)
        *v = d->big_endian ? nt_be32(p) : nt_le32(p);
    return p != NULL;
}

static void *allocate(struct decoder *d, size_t count, size_t size)
{
    void *p = nt_arena_array(d->arena, count, size);
    if (p == NULL)
        fail(d, NT_E_NOMEM);
    return p;
}

static bool enter(struct decoder *d)
{
    return ++d->depth <= NT_NDR_MAX_DEPTH || fail(d, NT_E_LIMIT);
}

/* True when the bytes left can hold `count` such elements. */
static bool fits(struct decoder *d, uint32_t count, const struct nt_ndr_type *elem)
{
    size_t least = elem->least > 0 ? elem->least : 1;
    return count <= (d->len - d->pos) / least || fail(d, NT_E_TRUNCATED);
}

/* A discriminant may be signed in memory; a count may not. */
static bool agrees(bool discriminant, int64_t have, uint32_t value)
{
    return have == (int64_t)value || (discriminant && have == (int64_t)(int32_t)value);
}

/* A parameter's expression may name a parameter that comes later, so it waits. */
static bool settle_later(struct decoder *d, const struct nt_ndr_type *t,
                         nt_ndr_expression *expression, uint32_t value)
{
    for (unsigned i = 0; i < d->pending_count; i++)
        if (d->pending[i].expression == expression)
            return d->pending[i].value == value || fail(d, NT_E_MALFORMED);
    if (d->pending_count == MAX_PENDING)
        return fail(d, NT_E_LIMIT);
    d->pending[d->pending_count++] = (struct pending){ expression, value, t->kind == NDR_SWITCH };
    if (d->alone && t->fill_size > 0 &&
        expression == (t->size_is != NULL ? t->size_is : t->length_is))
        ndr_store_number(d->call + t->fill_offset, t->fill_size, value);
    return true;
}

/* What the wire says must be what the expression says. */
static bool settle(struct decoder *d, const struct nt_ndr_type *t, nt_ndr_expression *expression,
                   const uint8_t *base, uint32_t value)
{
    if (base == d->call)
        return settle_later(d, t, expression, value);
    return agrees(t->kind == NDR_SWITCH, expression(base), value) || fail(d, NT_E_MALFORMED);
}

/* The value of an expression that was settled before. */
static uint32_t settled(const struct decoder *d, nt_ndr_expression *expression, const uint8_t *base)
{
    if (base == d->call)
        for (unsigned i = 0; i < d->pending_count; i++)
            if (d->pending[i].expression == expression)
                return d->pending[i].value;
    return (uint32_t)expression(base);
}

static bool number(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem)
{
    const uint8_t *p = take(d, t->size, t->size);
    if (p == NULL)
        return false;
    uint64_t v;
    switch (t->size) {
    case 1:
        v = mem[0] = p[0];
        break;
    case 2:
        v = d->big_endian ? nt_be16(p) : nt_le16(p);
        break;
    case 4:
        v = d->big_endian ? nt_be32(p) : nt_le32(p);
        break;
    default:
        v = d->big_endian ? nt_be64(p) : nt_le64(p);
    }
    ndr_store_number(mem, t->size, v);
    return !(t->flags & NDR_RANGE) || ndr_in_range(t, v) || fail(d, NT_E_MALFORMED);
}

static void uuid_from(const struct decoder *d, const uint8_t *p, struct nt_uuid *u)
{
    u->a = d->big_endian ? nt_be32(p) : nt_le32(p);
    u->b = d->big_endian ? nt_be16(p + 4) : nt_le16(p + 4);
    u->c = d->big_endian ? nt_be16(p + 6) : nt_le16(p + 6);
    memcpy(u->d, p + 8, sizeof u->d);
}

static bool guid(struct decoder *d, uint8_t *mem)
{
    const uint8_t *p = take(d, 4, 16);
    struct nt_uuid u;
    if (p == NULL)
        return false;
    uuid_from(d, p, &u);
    memcpy(mem, &u, sizeof u);
    return true;
}

static bool context(struct decoder *d, uint8_t *mem)
{
    const uint8_t *p = take(d, 4, 20);
    struct nt_ndr_context c;
    if (p == NULL)
        return false;
    c.attributes = d->big_endian ? nt_be32(p) : nt_le32(p);
    uuid_from(d, p + 4, &c.uuid);
    memcpy(mem, &c, sizeof c);
    return true;
}

static bool scalars(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem,
                    const uint8_t *base, uint32_t conformance);
static bool referents(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem,
                      const uint8_t *base);

/* Integers in a row need no look at each. */
static bool integers(struct decoder *d, const struct nt_ndr_type *elem, uint8_t *mem,
                     uint32_t count)
{
    const uint8_t *p = take(d, elem->size, (size_t)count * elem->size);
    if (p == NULL)
        return false;
    if (count == 0)
        return true;
    bool same_order = d->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    if (elem->kind == NDR_U8 || same_order) {
        memcpy(mem, p, (size_t)count * elem->size);
        return true;
    }
    for (uint32_t i = 0; i < count; i++, p += elem->size, mem += elem->size)
        for (size_t j = 0; j < elem->size; j++)
            mem[j] = p[elem->size - 1 - j];
    return true;
}

static bool elements(struct decoder *d, const struct nt_ndr_type *elem, uint8_t *mem,
                     uint32_t count, const uint8_t *base)
{
    if (!fits(d, count, elem))
        return false;
    if (elem->kind >= NDR_U8 && elem->kind <= NDR_U64 && !(elem->flags & NDR_RANGE) && count > 0)
        return integers(d, elem, mem, count);
    for (uint32_t i = 0; i < count; i++, mem += elem->size)
        if (!scalars(d, elem, mem, base, 0))
            return false;
    return true;
}

/* Offset and actual count of a varying array; arrays that start elsewhere are not sent by anybody.
 */
static bool variance(struct decoder *d, uint32_t max, uint32_t *actual)
{
    uint32_t offset;
    if (!take_u32(d, &offset) || !take_u32(d, actual))
        return false;
    return (offset == 0 && *actual <= max) || fail(d, NT_E_MALFORMED);
}

/* The units of a [string]: exactly one NUL, at their end. */
static bool units(struct decoder *d, const struct nt_ndr_type *unit, uint8_t *mem, uint32_t count)
{
    if (!integers(d, unit, mem, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if ((ndr_load_number(mem + i * unit->size, unit->size) == 0) != (i == count - 1))
            return fail(d, NT_E_MALFORMED);
    return true;
}

static bool string(struct decoder *d, const struct nt_ndr_type *t, const uint8_t *base,
                   uint8_t **out)
{
    uint32_t max, actual;
    if (!take_u32(d, &max) || !variance(d, max, &actual))
        return false;
    if (t->size_is != NULL && !settle(d, t, t->size_is, base, max))
        return false;
    if (actual == 0)
        return fail(d, NT_E_MALFORMED);
    if (!fits(d, actual, t->elem) || (*out = allocate(d, actual, t->elem->size)) == NULL)
        return false;
    return units(d, t->elem, *out, actual);
}

static bool structure(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem,
                      uint32_t conformance)
{
    if (!enter(d) || take(d, t->align, 0) == NULL)
        return false;
    for (const struct nt_ndr_field *f = t->fields, *end = f + t->count; f < end; f++) {
        const struct nt_ndr_type *ft = f->type;
        bool ok = ft->kind >= NDR_U8 && ft->kind <= NDR_U64
                      ? number(d, ft, mem + f->offset)
                      : scalars(d, ft, mem + f->offset, mem, conformance);
        if (!ok)
            return false;
    }
    d->depth--;
    return true;
}

/* The discriminant aligns by itself, then the arm as the strictest arm would. [C706] 14.3.8 */
static bool chosen(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem,
                   const uint8_t *base)
{
    const struct nt_ndr_type *u = t->elem;
    uint8_t raw[8];
    if (!enter(d) || !number(d, u->elem, raw))
        return false;
    uint32_t tag = (uint32_t)ndr_load_number(raw, u->elem->size);
    /* Expressions give signed values of signed members; compare what the wire can carry. */
    uint32_t value = u->elem->flags & NDR_SIGNED && u->elem->size < 4
                         ? (uint32_t)ndr_signed(tag, u->elem->size)
                         : tag;
    if (!settle(d, t, t->size_is, base, value))
        return false;
    const struct nt_ndr_arm *arm = ndr_arm(u, tag);
    if (arm == NULL)
        return fail(d, NT_E_MALFORMED);
    if (take(d, u->arm_align, 0) == NULL)
        return false;
    if (arm->type != NULL && !scalars(d, arm->type, mem, base, 0))
        return false;
    d->depth--;
    return true;
}

/* Arrays in place: of fixed bounds, or the conformant end of a structure. */
static bool array(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem, const uint8_t *base,
                  uint32_t count)
{
    if (t->kind == NDR_CONFORMANT && !settle(d, t, t->size_is, base, count))
        return false;
    if (t->flags & NDR_VARYING &&
        (!variance(d, count, &count) || !settle(d, t, t->length_is, base, count)))
        return false;
    return elements(d, t->elem, mem, count, base);
}

static bool fixed_string(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem)
{
    uint32_t actual;
    if (!variance(d, t->length, &actual))
        return false;
    return actual > 0 ? units(d, t->elem, mem, actual) : fail(d, NT_E_MALFORMED);
}

static bool scalars(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem,
                    const uint8_t *base, uint32_t conformance)
{
    uint32_t id;
    switch (t->kind) {
    case NDR_U8:
    case NDR_U16:
    case NDR_U32:
    case NDR_U64:
        return number(d, t, mem);
    case NDR_GUID:
        return guid(d, mem);
    case NDR_CONTEXT:
        return context(d, mem);
    case NDR_STRUCT:
        return structure(d, t, mem, conformance);
    case NDR_SWITCH:
        return chosen(d, t, mem, base);
    case NDR_POINTER:
        id = 1;
        if (!(t->flags & NDR_TOP) && !take_u32(d, &id))
            return false;
        ndr_store_pointer(mem, id != 0 || t->flags & NDR_REF ? &present : NULL);
        return true;
    case NDR_ARRAY:
        return array(d, t, mem, base, t->length);
    case NDR_CONFORMANT:
        return array(d, t, mem, base, conformance);
    case NDR_FIXED_STRING:
        return fixed_string(d, t, mem);
    default:
        return fail(d, NT_E_MALFORMED);
    }
}

/* What a pointer leads to, whole: conformance, what stands in place, what lies behind it. */
static bool pointee(struct decoder *d, const struct nt_ndr_type *t, const uint8_t *base,
                    uint8_t **out)
{
    uint32_t max = 0, count;
    if (t->kind == NDR_STRING)
        return string(d, t, base, out);
    if (t->kind == NDR_CONFORMANT) {
        if (!take_u32(d, &max) || !settle(d, t, t->size_is, base, max))
            return false;
        count = max;
        if (t->flags & NDR_VARYING &&
            (!variance(d, max, &count) || !settle(d, t, t->length_is, base, count)))
            return false;
        if (!fits(d, count, t->elem) || (*out = allocate(d, count, t->elem->size)) == NULL ||
            !elements(d, t->elem, *out, count, base))
            return false;
        uint8_t *mem = *out;
        for (uint32_t i = 0; t->flags & NDR_POINTERS && i < count; i++, mem += t->elem->size)
            if (!referents(d, t->elem, mem, base))
                return false;
        return true;
    }
    size_t size = t->size;
    if (t->flags & NDR_CONFORMANT_END) {
        const struct nt_ndr_type *end = ndr_last(t)->type;
        /* A varying end may be shorter than its bound says, and only that much is kept. */
        if (!take_u32(d, &max))
            return false;
        size_t room = (d->len - d->pos) / (end->elem->least > 0 ? end->elem->least : 1);
        if (max > room && !(end->flags & NDR_VARYING))
            return fail(d, NT_E_TRUNCATED);
        size += (max < room ? max : room) * end->elem->size;
    }
    if (t->least > d->len - d->pos)
        return fail(d, NT_E_TRUNCATED);
    *out = allocate(d, 1, size);
    return *out != NULL && scalars(d, t, *out, base, max) && referents(d, t, *out, base);
}

static bool referents(struct decoder *d, const struct nt_ndr_type *t, uint8_t *mem,
                      const uint8_t *base)
{
    if (!(t->flags & NDR_POINTERS))
        return true;
    if (t->kind == NDR_POINTER) {
        uint8_t *to = NULL;
        if (ndr_load_pointer(mem) == NULL)
            return true;
        if (!enter(d) || !pointee(d, t->elem, base, &to))
            return false;
        ndr_store_pointer(mem, to);
        d->depth--;
        return true;
    }
    if (!enter(d))
        return false;
    if (t->kind == NDR_STRUCT) {
        for (const struct nt_ndr_field *f = t->fields, *end = f + t->count; f < end; f++)
            if (f->type->flags & NDR_POINTERS && !referents(d, f->type, mem + f->offset, mem))
                return false;
    } else if (t->kind == NDR_SWITCH) {
        uint32_t tag = ndr_cut(t->elem->elem, settled(d, t->size_is, base));
        const struct nt_ndr_arm *arm = ndr_arm(t->elem, tag);
        if (arm != NULL && arm->type != NULL && !referents(d, arm->type, mem, base))
            return false;
    } else {
        uint32_t count = t->flags & NDR_VARYING      ? settled(d, t->length_is, base)
                         : t->kind == NDR_CONFORMANT ? settled(d, t->size_is, base)
                                                     : t->length;
        for (uint32_t i = 0; i < count; i++, mem += t->elem->size)
            if (!referents(d, t->elem, mem, base))
                return false;
    }
    d->depth--;
    return true;
}

static bool parameters(struct decoder *d, const struct nt_ndr_type *t, unsigned way)
{
    for (const struct nt_ndr_field *f = t->fields, *end = f + t->count; f < end; f++) {
        uint8_t *mem = d->call + f->offset;
        if (!(f->ways & way))
            continue;
        memset(mem, 0, f->type->size);
        if (!scalars(d, f->type, mem, d->call, 0) || !referents(d, f->type, mem, d->call))
            return false;
    }
    for (const struct pending *p = d->pending, *end = p + d->pending_count; p < end; p++)
        if (!agrees(p->discriminant, p->expression(d->call), p->value))
            return fail(d, NT_E_MALFORMED);
    return true;
}

/* The caller's struct must not keep half a response: its pointers may lead nowhere. */
static void clear_results(const struct nt_ndr_type *t, uint8_t *call)
{
    for (const struct nt_ndr_field *f = t->fields, *end = f + t->count; f < end; f++)
        if (f->ways & NDR_OUT)
            memset(call + f->offset, 0, f->type->size);
}

static struct nt_ndr_notes *note(struct decoder *d)
{
    struct nt_ndr_notes *n = allocate(d, 1, sizeof *n);
    uint8_t *copy = n != NULL ? allocate(d, 1, d->pos) : NULL;
    if (copy == NULL)
        return NULL;
    if (d->pos > 0)
        memcpy(copy, d->buf, d->pos);
    *n = (struct nt_ndr_notes){ copy, d->pos, d->big_endian };
    return n;
}

enum nt_err nt_ndr_decode(const struct nt_ndr_op *op, enum nt_ndr_dir dir, bool big_endian,
                          const uint8_t *stub, size_t len, struct nt_arena *arena, void **args,
                          size_t *used, struct nt_ndr_notes **notes)
{
    struct decoder d = {
        .buf = len > 0 ? stub : &nothing, .len = len, .arena = arena, .big_endian = big_endian
    };
    struct nt_ndr_notes *n = NULL;

    d.alone = dir == NT_NDR_RESPONSE && *args == NULL;
    d.call = dir == NT_NDR_RESPONSE && *args != NULL ? *args : allocate(&d, 1, op->args_size);
    if (d.call != NULL && parameters(&d, op->layout, dir == NT_NDR_REQUEST ? NDR_IN : NDR_OUT) &&
        notes != NULL)
        n = note(&d);
    if (d.err != NT_OK && dir == NT_NDR_RESPONSE && d.call != NULL)
        clear_results(op->layout, d.call);
    *args = d.err == NT_OK ? d.call : NULL;
    if (used != NULL)
        *used = d.pos;
    if (notes != NULL)
        *notes = n;
    return d.err;
}

enum nt_err nt_ndr_decode_type(const struct nt_ndr_type *type, size_t size, const uint8_t *data,
                               size_t len, struct nt_arena *arena, void **value)
{
    struct decoder d = { .buf = len > 0 ? data : &nothing, .len = len, .arena = arena };
    uint8_t *mem = NULL;
    *value = NULL;
    if (type->kind != NDR_STRUCT || size != type->size)
        return NT_E_INVALID;
    *value = pointee(&d, type, NULL, &mem) ? mem : NULL;
    return d.err;
}
