/*
 * generate.h - makes the arguments of any method from its table: every number is the one asked for,
 * every pointer points to something, except the n-th nullable one. Header only.
 */
#ifndef NT_TESTS_SERVICE_GENERATE_H
#define NT_TESTS_SERVICE_GENERATE_H

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ndr/ndr_table.h"

struct generate {
    struct nt_arena *arena;
    uint64_t value;                /* of every number */
    int null_at;                   /* which nullable pointer is NULL; -1: none */
    int pointers;                  /* nullable ones met */
    struct nt_ndr_context context; /* every context handle */
};

#define GENERATE_MAX_COUNT 1024
#define GENERATE_MAX_DEPTH 12

static void generate_value(struct generate *g, const struct nt_ndr_type *t, uint8_t *to,
                           const void *base, unsigned depth);

static size_t generate_count(const struct nt_ndr_type *t, const void *base)
{
    int64_t n = t->size_is != NULL ? t->size_is(base) : 1;
    return n < 0 ? 0 : n > GENERATE_MAX_COUNT ? GENERATE_MAX_COUNT : (size_t)n;
}

static void generate_fields(struct generate *g, const struct nt_ndr_type *t, uint8_t *to,
                            unsigned depth)
{
    for (int pass = 0; pass < 2; pass++) /* numbers first: counts and discriminants need them */
        for (size_t i = 0; i < t->count; i++) {
            const struct nt_ndr_field *field = &t->fields[i];
            bool number = field->type->kind >= NDR_U8 && field->type->kind <= NDR_U64;
            if (t->kind == NDR_CALL && (field->ways & NDR_IN) == 0)
                continue;
            if (number == (pass == 0))
                generate_value(g, field->type, to + field->offset, to, depth);
        }
}

static void *generate_alloc(struct generate *g, size_t n)
{
    void *p = nt_arena_alloc(g->arena, n + 256); /* room for a conformant end */
    if (p == NULL)
        abort();
    return p;
}

static void generate_pointee(struct generate *g, const struct nt_ndr_type *t, uint8_t *to,
                             const void *base, unsigned depth)
{
    const struct nt_ndr_type *elem = t->elem;
    bool nullable = (t->flags & (NDR_REF | NDR_TOP)) == 0;
    void *pointee = NULL;
    if (nullable && (g->pointers++ == g->null_at || depth >= GENERATE_MAX_DEPTH)) {
        memset(to, 0, sizeof(void *));
        return;
    }
    if (elem->kind == NDR_STRING) {
        pointee = generate_alloc(g, 64);
        for (size_t i = 0; i < 3; i++)
            memset((uint8_t *)pointee + i * elem->size, 0, elem->size),
                ((uint8_t *)pointee)[i * elem->size] = 'A';
    } else if (elem->kind == NDR_CONFORMANT) {
        size_t count = generate_count(elem, base);
        pointee = generate_alloc(g, (count + 1) * (elem->elem->size + elem->size));
        for (size_t i = 0; i < count; i++)
            generate_value(g, elem->elem, (uint8_t *)pointee + i * elem->size, base, depth + 1);
    } else {
        pointee = generate_alloc(g, elem->size);
        generate_value(g, elem, pointee, base, depth + 1);
    }
    memcpy(to, &pointee, sizeof pointee);
}

static void generate_value(struct generate *g, const struct nt_ndr_type *t, uint8_t *to,
                           const void *base, unsigned depth)
{
    switch ((enum nt_ndr_kind)t->kind) {
    case NDR_U8:
    case NDR_U16:
    case NDR_U32:
    case NDR_U64:
        memcpy(to, &g->value, t->size); /* little endian hosts are what tests run on */
        break;
    case NDR_CONTEXT:
        memcpy(to, &g->context, sizeof g->context);
        break;
    case NDR_STRUCT:
    case NDR_CALL:
        generate_fields(g, t, to, depth + 1);
        break;
    case NDR_SWITCH: {
        int64_t tag = t->size_is(base);
        const struct nt_ndr_type *u = t->elem;
        int arm = u->default_arm;
        for (size_t i = 0; i < u->count; i++)
            if (u->arms[i].value == (uint32_t)tag && (int)i != u->default_arm)
                arm = (int)i;
        if (arm >= 0 && u->arms[arm].type != NULL)
            generate_value(g, u->arms[arm].type, to, base, depth + 1);
        break;
    }
    case NDR_POINTER:
        generate_pointee(g, t, to, base, depth);
        break;
    case NDR_ARRAY:
        for (size_t i = 0; i < t->length; i++)
            generate_value(g, t->elem, to + i * t->elem->size, base, depth + 1);
        break;
    case NDR_CONFORMANT: { /* at the end of a structure, in place */
        size_t count = generate_count(t, base);
        for (size_t i = 0; i < count; i++)
            generate_value(g, t->elem, to + i * t->size, base, depth + 1);
        break;
    }
    case NDR_NONE:
    case NDR_GUID:
    case NDR_UNION:
    case NDR_STRING:
    case NDR_FIXED_STRING:
        break;
    }
}

/* A parameter's place by its name; NULL: the method has none. */
static void *generate_param(const struct nt_ndr_op *op, void *args, const char *name)
{
    for (size_t i = 0; i < op->layout->count; i++)
        if (strcmp(op->layout->fields[i].name, name) == 0)
            return (uint8_t *)args + op->layout->fields[i].offset;
    return NULL;
}

static void *generate_call(struct generate *g, const struct nt_ndr_op *op)
{
    void *args = generate_alloc(g, op->args_size);
    g->pointers = 0;
    generate_value(g, op->layout, args, args, 0);
    return args;
}

#endif
