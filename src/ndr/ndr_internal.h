/*
 * ndr_internal.h - what the decoder, the encoder, the printer and repair/rpc_value.c share.
 */
#ifndef NT_NDR_NDR_INTERNAL_H
#define NT_NDR_NDR_INTERNAL_H

#include <string.h>

#include "base/bytes.h"
#include "ndr/ndr.h"
#include "ndr/ndr_table.h"

/* The stub as it came. An encode of the same values walks the same offsets, so whatever the values
 * do not tell is read from here by position. */
struct nt_ndr_notes {
    const uint8_t *stub;
    size_t len;
    bool big_endian;
};

/* Loads and stores that know nothing of C's types: a layout has only sizes. */
static inline void *ndr_load_pointer(const uint8_t *mem)
{
    void *p;
    memcpy(&p, mem, sizeof p);
    return p;
}

static inline void ndr_store_pointer(uint8_t *mem, void *p)
{
    memcpy(mem, &p, sizeof p);
}

static inline uint64_t ndr_load_number(const uint8_t *mem, size_t size)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (size) {
    case 1:
        return mem[0];
    case 2:
        memcpy(&v16, mem, 2);
        return v16;
    case 4:
        memcpy(&v32, mem, 4);
        return v32;
    default:
        memcpy(&v64, mem, 8);
        return v64;
    }
}

static inline void ndr_store_number(uint8_t *mem, size_t size, uint64_t v)
{
    uint16_t v16 = (uint16_t)v;
    uint32_t v32 = (uint32_t)v;
    switch (size) {
    case 1:
        mem[0] = (uint8_t)v;
        break;
    case 2:
        memcpy(mem, &v16, 2);
        break;
    case 4:
        memcpy(mem, &v32, 4);
        break;
    default:
        memcpy(mem, &v, 8);
    }
}

static inline int64_t ndr_signed(uint64_t v, size_t size)
{
    switch (size) {
    case 1:
        return (int8_t)v;
    case 2:
        return (int16_t)v;
    case 4:
        return (int32_t)v;
    default:
        return (int64_t)v;
    }
}

static inline bool ndr_in_range(const struct nt_ndr_type *t, uint64_t v)
{
    int64_t n = t->flags & NDR_SIGNED ? ndr_signed(v, t->size) : (int64_t)v;
    return n >= t->lo && n <= t->hi;
}

/* The discriminant's value cut to its width, as the rows of arms have it. */
static inline uint32_t ndr_cut(const struct nt_ndr_type *tag, uint64_t v)
{
    return tag->size == 4 ? (uint32_t)v : (uint32_t)(v & ((1u << (8 * tag->size)) - 1));
}

/* NULL when the union has no such case and no default. */
static inline const struct nt_ndr_arm *ndr_arm(const struct nt_ndr_type *u, uint32_t value)
{
    for (int i = 0; i < u->count; i++)
        if (u->arms[i].value == value && i != u->default_arm)
            return &u->arms[i];
    return u->default_arm >= 0 ? &u->arms[u->default_arm] : NULL;
}

/* The array at the end of a structure with NDR_CONFORMANT_END. */
static inline const struct nt_ndr_field *ndr_last(const struct nt_ndr_type *t)
{
    return &t->fields[t->count - 1];
}

#endif
