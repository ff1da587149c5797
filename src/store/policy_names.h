/*
 * policy_names.h - the fields of struct nt_policy by name, as the store keeps them.
 */
#ifndef NT_STORE_POLICY_NAMES_H
#define NT_STORE_POLICY_NAMES_H

#include "domain/model.h"

struct nt_policy_name {
    const char *name;
    size_t offset, size; /* of the field; 1 (a bool), 4 or 8 bytes */
};

extern const struct nt_policy_name nt_policy_names[];
extern const size_t nt_policy_names_count;

uint64_t nt_policy_value(const struct nt_policy *p, size_t index);
/* False when the value does not fit the field. */
bool nt_policy_value_set(struct nt_policy *p, size_t index, uint64_t value);

#endif
