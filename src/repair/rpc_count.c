/*
 * rpc_count.c - counts and discriminants, which stand in members of their own and need not be
 * written: each array tries to give the count that its expression asks for to an integer beside it
 * that was left out. Expressions are functions; so a few likely values are tried, and the one kept
 * that makes the expression right.
 */
#include <inttypes.h>

#include "repair/rpc_value_internal.h"

bool value_is_integer(const struct nt_ndr_type *t)
{
    return t->kind >= NDR_U8 && t->kind <= NDR_U64;
}

static bool holds(const struct nt_ndr_type *t, int64_t v)
{
    return v >= 0 && (t->size == 8 || v >> (8 * t->size) == 0) &&
           (!(t->flags & NDR_RANGE) || (v >= t->lo && v <= t->hi));
}

/* One value for one member that was left out. */
static bool suits(struct scope *s, size_t field, nt_ndr_expression *expression, int64_t v,
                  int64_t wanted)
{
    const struct nt_ndr_field *f = &s->type->fields[field];
    if (!holds(f->type, v))
        return false;
    ndr_store_number(s->mem + f->offset, f->type->size, (uint64_t)v);
    if (expression(s->mem) == wanted)
        return true;
    ndr_store_number(s->mem + f->offset, f->type->size, 0);
    return false;
}

void value_freeze(struct scope *s, nt_ndr_expression *expression)
{
    const int64_t now = expression(s->mem);
    for (size_t i = 0; i < s->type->count; i++) {
        const struct nt_ndr_field *f = &s->type->fields[i];
        if (s->given[i] || !value_is_integer(f->type))
            continue;
        ndr_store_number(s->mem + f->offset, f->type->size, 64);
        s->given[i] = expression(s->mem) != now;
        ndr_store_number(s->mem + f->offset, f->type->size, 0);
    }
}

bool value_settle(struct scope *s, nt_ndr_expression *expression, int64_t wanted)
{
    const int64_t likely[] = { wanted, wanted * 2, wanted * 8, wanted + 4, wanted - 1 };
    if (expression(s->mem) == wanted) {
        value_freeze(s, expression);
        return true;
    }
    for (size_t i = 0; i < s->type->count; i++)
        for (size_t k = 0;
             value_is_integer(s->type->fields[i].type) && !s->given[i] && k < NT_COUNT(likely); k++)
            if (suits(s, i, expression, likely[k], wanted)) {
                s->given[i] = true;
                value_freeze(s, expression);
                return true;
            }
    return false;
}

bool value_settle_count(struct reader *r, struct scope *s, const struct nt_ndr_type *t, size_t n)
{
    nt_ndr_expression *told = t->flags & NDR_VARYING ? t->length_is : t->size_is;
    if (told != NULL && !value_settle(s, told, (int64_t)n))
        return value_fail(r, "has %zu elements, but %s says %" PRId64, n, t->said, told(s->mem));
    if (t->flags & NDR_VARYING && t->size_is != NULL) {
        if (t->size_is(s->mem) < (int64_t)n && !value_settle(s, t->size_is, (int64_t)n))
            return value_fail(r, "has %zu elements, but there is room for %" PRId64, n,
                              t->size_is(s->mem));
        value_freeze(s, t->size_is);
    }
    if (t->kind == NDR_ARRAY && (t->flags & NDR_VARYING ? n > t->length : n != t->length))
        return value_fail(r, "has %zu elements, but %s%" PRIu32 " are wanted", n,
                          t->flags & NDR_VARYING ? "at most " : "", t->length);
    return true;
}
