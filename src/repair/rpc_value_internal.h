/*
 * rpc_value_internal.h - what rpc_value.c (the walk) and rpc_scalar.c (single values) share.
 */
#ifndef NT_REPAIR_RPC_VALUE_INTERNAL_H
#define NT_REPAIR_RPC_VALUE_INTERNAL_H

#include "ndr/ndr_internal.h"
#include "repair/rpc_value.h"

#define VALUE_PATH 200

struct reader {
    struct nt_arena *arena;
    unsigned depth;
    char path[VALUE_PATH]; /* of the value that is read: "Buffer.Names[2]" */
    size_t path_len;
    char *why; /* "" until the first mistake */
};

#define VALUE_FIELDS 128

/* What expressions look into: a structure or a call's parameters. */
struct scope {
    const struct nt_ndr_type *type;
    uint8_t *mem;
    bool given[VALUE_FIELDS]; /* set already, by the person or by an array */
};

/* Keeps the first mistake, behind the path. Always false. */
bool value_fail(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool value_no_memory(struct reader *r);

bool value_is_integer(const struct nt_ndr_type *t);
/* The member of that name, whatever the case; -1: none. */
int value_find_field(const struct nt_ndr_type *t, const char *name);

/* rpc_count.c. True when the expression gives `wanted`, perhaps after a member was filled in, and
 * whatever it depends on is settled then. */
bool value_settle(struct scope *s, nt_ndr_expression *expression, int64_t wanted);
/* What the expression depends on stays from now on, also where 0 was left out: an array may be
 * there by that count. */
void value_freeze(struct scope *s, nt_ndr_expression *expression);
/* n elements are there: says so to the members that count them. False: told. */
bool value_settle_count(struct reader *r, struct scope *s, const struct nt_ndr_type *t, size_t n);

/* Into mem as the table has it. False: told. */
bool value_number(struct reader *r, const struct nt_ndr_type *t, const json_t *j, uint8_t *mem);
bool value_guid(struct reader *r, const json_t *j, uint8_t *mem);
bool value_handle(struct reader *r, const json_t *j, uint8_t *mem);
bool value_time(struct reader *r, const json_t *j, uint64_t *out);
/* A SID with room for its sub-authorities behind it, in the arena; t: its structure. */
bool value_sid(struct reader *r, const struct nt_ndr_type *t, const json_t *j, uint8_t **out);

/* Text in units of 1 or 2 bytes: how many, and then the units themselves. */
bool value_units(struct reader *r, const json_t *j, size_t size, size_t *count);
void value_put_units(const json_t *j, size_t size, uint8_t *mem);
/* Hexadecimal digits. */
bool value_hex(struct reader *r, const json_t *j, size_t *count);
void value_put_hex(const json_t *j, uint8_t *mem);

#endif
