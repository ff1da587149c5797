/*
 * The decoder's walk in the other direction: `scalars` writes what stands in place, `referents`
 * what pointers lead to. Offsets count from the start of the stub, wherever that is in the buffer.
 */
#include "ndr/ndr_internal.h"

#define FIRST_REFERENT 0x00020000u

struct encoder {
    struct nt_buf *out;
    size_t start; /* of the stub in out */
    const struct nt_ndr_notes *notes;
    uint32_t next_id;
    unsigned depth;
    enum nt_err err;
};

static bool fail(struct encoder *e, enum nt_err err)
{
    if (e->err == NT_OK)
        e->err = err;
    return false;
}

static bool enter(struct encoder *e)
{
    return ++e->depth <= NT_NDR_MAX_DEPTH || fail(e, NT_E_LIMIT);
}

/* Room for n bytes, not yet set when the buffer has them already. */
static inline uint8_t *room(struct encoder *e, size_t n)
{
    struct nt_buf *b = e->out;
    if (b->err == NT_OK && n <= b->cap - b->len && n <= b->limit - b->len && b->data != NULL) {
        b->len += n;
        return b->data + (b->len - n);
    }
    uint8_t *p = nt_buf_extend(b, n);
    if (p == NULL)
        fail(e, b->err);
    return p;
}

static size_t at(const struct encoder *e)
{
    return e->out->len - e->start;
}

static bool align(struct encoder *e, size_t to)
{
    size_t gap = (0 - at(e)) & (to - 1);
    if (gap == 0)
        return true;
    size_t from = at(e);
    uint8_t *p = room(e, gap);
    if (p == NULL)
        return false;
    if (e->notes != NULL && from + gap <= e->notes->len)
        memcpy(p, e->notes->stub + from, gap);
    else
        memset(p, 0, gap);
    return true;
}

/* The word that stood here in the message that the notes are of; 0 when there is none. */
static uint32_t noted(const struct encoder *e)
{
    const struct nt_ndr_notes *n = e->notes;
    if (n == NULL || at(e) + 4 > n->len)
        return 0;
    return n->big_endian ? nt_be32(n->stub + at(e)) : nt_le32(n->stub + at(e));
}

static bool put_u32(struct encoder *e, uint32_t v)
{
    uint8_t *p = align(e, 4) ? room(e, 4) : NULL;
    if (p != NULL)
        nt_put_le32(p, v);
    return p != NULL;
}

static bool evaluate(struct encoder *e, nt_ndr_expression *expression, const uint8_t *base,
                     uint32_t *value)
{
    int64_t v = expression(base);
    *value = (uint32_t)v;
    return (v >= 0 && v <= UINT32_MAX) || fail(e, NT_E_INVALID);
}

static bool number(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem)
{
    uint64_t v = ndr_load_number(mem, t->size);
    if (t->flags & NDR_RANGE && !ndr_in_range(t, v))
        return fail(e, NT_E_INVALID);
    uint8_t *p = align(e, t->size) ? room(e, t->size) : NULL;
    if (p == NULL)
        return false;
    switch (t->size) {
    case 1:
        p[0] = (uint8_t)v;
        break;
    case 2:
        nt_put_le16(p, (uint16_t)v);
        break;
    case 4:
        nt_put_le32(p, (uint32_t)v);
        break;
    default:
        nt_put_le64(p, v);
    }
    return true;
}

static bool guid(struct encoder *e, const uint8_t *mem)
{
    struct nt_uuid u;
    uint8_t *p = align(e, 4) ? room(e, 16) : NULL;
    if (p == NULL)
        return false;
    memcpy(&u, mem, sizeof u);
    nt_put_le32(p, u.a);
    nt_put_le16(p + 4, u.b);
    nt_put_le16(p + 6, u.c);
    memcpy(p + 8, u.d, sizeof u.d);
    return true;
}

static bool context(struct encoder *e, const uint8_t *mem)
{
    struct nt_ndr_context c;
    memcpy(&c, mem, sizeof c);
    return put_u32(e, c.attributes) && guid(e, mem + offsetof(struct nt_ndr_context, uuid));
}

static bool scalars(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                    const uint8_t *base);
static bool referents(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                      const uint8_t *base);

static bool integers(struct encoder *e, const struct nt_ndr_type *elem, const uint8_t *mem,
                     uint32_t count)
{
    if (count == 0)
        return true;
    uint8_t *p = align(e, elem->size) ? room(e, (size_t)count * elem->size) : NULL;
    if (p == NULL)
        return false;
    if (elem->kind == NDR_U8 || __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        memcpy(p, mem, (size_t)count * elem->size);
        return true;
    }
    for (uint32_t i = 0; i < count; i++, p += elem->size, mem += elem->size)
        for (size_t j = 0; j < elem->size; j++)
            p[j] = mem[elem->size - 1 - j];
    return true;
}

static bool elements(struct encoder *e, const struct nt_ndr_type *elem, const uint8_t *mem,
                     uint32_t count, const uint8_t *base)
{
    if (elem->kind >= NDR_U8 && elem->kind <= NDR_U64 && !(elem->flags & NDR_RANGE))
        return integers(e, elem, mem, count);
    for (uint32_t i = 0; i < count; i++, mem += elem->size)
        if (!scalars(e, elem, mem, base))
            return false;
    return true;
}

/* The actual count of a varying array, and on the wire its offset before it. */
static bool variance(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *base,
                     uint32_t max, uint32_t *count)
{
    *count = max;
    if (!(t->flags & NDR_VARYING))
        return true;
    if (!evaluate(e, t->length_is, base, count))
        return false;
    if (*count > max)
        return fail(e, NT_E_INVALID);
    return put_u32(e, 0) && put_u32(e, *count);
}

static bool string(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                   const uint8_t *base)
{
    const size_t size = t->elem->size;
    uint32_t count = 0, max;
    while (ndr_load_number(mem + count * size, size) != 0)
        if (++count == UINT32_MAX)
            return fail(e, NT_E_INVALID);
    max = ++count;
    if (t->size_is != NULL) {
        if (!evaluate(e, t->size_is, base, &max))
            return false;
        if (max < count)
            return fail(e, NT_E_INVALID);
    } else {
        if (!align(e, 4))
            return false;
        if (noted(e) > max)
            max = noted(e);
    }
    return put_u32(e, max) && put_u32(e, 0) && put_u32(e, count) &&
           integers(e, t->elem, mem, count);
}

static bool fixed_string(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem)
{
    uint32_t count = 0;
    while (count < t->length && ndr_load_number(mem + count * t->elem->size, t->elem->size) != 0)
        count++;
    if (count++ == t->length)
        return fail(e, NT_E_INVALID);
    return put_u32(e, 0) && put_u32(e, count) && integers(e, t->elem, mem, count);
}

static bool structure(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem)
{
    if (!enter(e) || !align(e, t->align))
        return false;
    for (const struct nt_ndr_field *f = t->fields, *end = f + t->count; f < end; f++)
        if (!scalars(e, f->type, mem + f->offset, mem))
            return false;
    e->depth--;
    return true;
}

/* The arm that the expression selects; NULL after a failure. */
static const struct nt_ndr_arm *selected(struct encoder *e, const struct nt_ndr_type *t,
                                         const uint8_t *base, uint32_t *value)
{
    const struct nt_ndr_type *tag = t->elem->elem;
    int64_t v = t->size_is(base);
    *value = ndr_cut(tag, (uint64_t)v);
    if (v != (int64_t)*value && v != ndr_signed(*value, tag->size)) {
        fail(e, NT_E_INVALID);
        return NULL;
    }
    const struct nt_ndr_arm *arm = ndr_arm(t->elem, *value);
    if (arm == NULL)
        fail(e, NT_E_INVALID);
    return arm;
}

static bool chosen(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                   const uint8_t *base)
{
    uint32_t value;
    uint8_t raw[8];
    const struct nt_ndr_arm *arm = selected(e, t, base, &value);
    if (arm == NULL || !enter(e))
        return false;
    ndr_store_number(raw, t->elem->elem->size, value);
    if (!number(e, t->elem->elem, raw) || !align(e, t->elem->arm_align))
        return false;
    if (arm->type != NULL && !scalars(e, arm->type, mem, base))
        return false;
    e->depth--;
    return true;
}

static bool array(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                  const uint8_t *base)
{
    uint32_t max = t->length, count;
    if (t->kind == NDR_CONFORMANT && !evaluate(e, t->size_is, base, &max))
        return false;
    return variance(e, t, base, max, &count) && elements(e, t->elem, mem, count, base);
}

static bool pointer(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem)
{
    bool there = ndr_load_pointer(mem) != NULL;
    if (t->flags & NDR_TOP)
        return true;
    if (!align(e, 4))
        return false;
    if (t->flags & NDR_REF) {
        uint32_t id = noted(e);
        if (!there)
            return fail(e, NT_E_INVALID);
        if (e->notes != NULL)
            return put_u32(e, id);
    }
    if (!there)
        return put_u32(e, 0);
    uint32_t id = noted(e);
    if (id == 0) {
        id = e->next_id;
        e->next_id += 4;
    }
    return put_u32(e, id);
}

static bool scalars(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                    const uint8_t *base)
{
    switch (t->kind) {
    case NDR_U8:
    case NDR_U16:
    case NDR_U32:
    case NDR_U64:
        return number(e, t, mem);
    case NDR_GUID:
        return guid(e, mem);
    case NDR_CONTEXT:
        return context(e, mem);
    case NDR_STRUCT:
        return structure(e, t, mem);
    case NDR_SWITCH:
        return chosen(e, t, mem, base);
    case NDR_POINTER:
        return pointer(e, t, mem);
    case NDR_ARRAY:
    case NDR_CONFORMANT:
        return array(e, t, mem, base);
    case NDR_FIXED_STRING:
        return fixed_string(e, t, mem);
    default:
        return fail(e, NT_E_INVALID);
    }
}

static bool pointee(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                    const uint8_t *base)
{
    uint32_t max, count;
    if (t->kind == NDR_CONFORMANT) {
        if (!evaluate(e, t->size_is, base, &max) || !put_u32(e, max) ||
            !variance(e, t, base, max, &count))
            return false;
        if (mem == NULL)
            return count == 0 || fail(e, NT_E_INVALID);
        if (!elements(e, t->elem, mem, count, base))
            return false;
        for (uint32_t i = 0; t->flags & NDR_POINTERS && i < count; i++, mem += t->elem->size)
            if (!referents(e, t->elem, mem, base))
                return false;
        return true;
    }
    if (mem == NULL)
        return fail(e, NT_E_INVALID);
    if (t->kind == NDR_STRING)
        return string(e, t, mem, base);
    if (t->flags & NDR_CONFORMANT_END &&
        (!evaluate(e, ndr_last(t)->type->size_is, mem, &max) || !put_u32(e, max)))
        return false;
    return scalars(e, t, mem, base) && referents(e, t, mem, base);
}

static bool referents(struct encoder *e, const struct nt_ndr_type *t, const uint8_t *mem,
                      const uint8_t *base)
{
    if (!(t->flags & NDR_POINTERS))
        return true;
    if (t->kind == NDR_POINTER && !(t->flags & NDR_TOP) && ndr_load_pointer(mem) == NULL)
        return true;
    if (!enter(e))
        return false;
    if (t->kind == NDR_POINTER) {
        if (!pointee(e, t->elem, ndr_load_pointer(mem), base))
            return false;
    } else if (t->kind == NDR_STRUCT) {
        for (const struct nt_ndr_field *f = t->fields, *end = f + t->count; f < end; f++)
            if (f->type->flags & NDR_POINTERS && !referents(e, f->type, mem + f->offset, mem))
                return false;
    } else if (t->kind == NDR_SWITCH) {
        uint32_t value;
        const struct nt_ndr_arm *arm = selected(e, t, base, &value);
        if (arm == NULL || (arm->type != NULL && !referents(e, arm->type, mem, base)))
            return false;
    } else {
        uint32_t count = t->length;
        nt_ndr_expression *expression = t->flags & NDR_VARYING ? t->length_is : t->size_is;
        if (expression != NULL && !evaluate(e, expression, base, &count))
            return false;
        for (uint32_t i = 0; i < count; i++, mem += t->elem->size)
            if (!referents(e, t->elem, mem, base))
                return false;
    }
    e->depth--;
    return true;
}

static enum nt_err finish(struct encoder *e)
{
    if (e->err != NT_OK && e->out->err == NT_OK)
        e->out->len = e->start;
    return e->err;
}

enum nt_err nt_ndr_encode(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                          const struct nt_ndr_notes *notes, struct nt_buf *out)
{
    const unsigned way = dir == NT_NDR_REQUEST ? NDR_IN : NDR_OUT;
    const struct nt_ndr_type *t = op->layout;
    const uint8_t *mem = args;
    struct encoder e = {
        .out = out, .start = out->len, .notes = notes, .next_id = FIRST_REFERENT, .err = out->err
    };
    for (int i = 0; i < t->count && e.err == NT_OK; i++) {
        const struct nt_ndr_field *f = &t->fields[i];
        if (f->ways & way && scalars(&e, f->type, mem + f->offset, mem))
            (void)referents(&e, f->type, mem + f->offset, mem);
    }
    return finish(&e);
}

enum nt_err nt_ndr_encode_type(const struct nt_ndr_type *type, const void *value,
                               struct nt_buf *out)
{
    struct encoder e = {
        .out = out, .start = out->len, .next_id = FIRST_REFERENT, .err = out->err
    };
    (void)pointee(&e, type, value, NULL);
    return finish(&e);
}
