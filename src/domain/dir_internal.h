/*
 * dir_internal.h - the directory from the inside; seen by dir.c and txn.c only.
 */
#ifndef NT_DOMAIN_DIR_INTERNAL_H
#define NT_DOMAIN_DIR_INTERNAL_H

#include "domain/dir.h"
#include "domain/pmap.h"

enum nt_map {
    NT_MAP_ACCOUNT_NAME,
    NT_MAP_ACCOUNT_RID,
    NT_MAP_GROUP_NAME,
    NT_MAP_GROUP_RID,
    NT_MAP_ALIAS_NAME,
    NT_MAP_ALIAS_RID,
    NT_MAP_BUILTIN_NAME,
    NT_MAP_BUILTIN_RID,
    NT_MAP_TDO,
    NT_MAP_SECRET,
    NT_MAP_COUNT
};

struct nt_dir {
    atomic_uint refs;
    struct nt_domain *domain; /* NULL in an empty directory */
    struct nt_policy *policy;
    struct nt_pmap maps[NT_MAP_COUNT];
    size_t counts[NT_KIND_COUNT];
};

/* A name in the form that it is compared by; false: not UTF-8, or longer than any name here. */
struct nt_folded {
    char text[512];
};
bool nt_fold(const char *name, struct nt_folded *out);

/* A copy that a transaction may change; shares all maps. NULL: no memory. */
struct nt_dir *nt_dir_copy(const struct nt_dir *dir);

static inline struct nt_pmap_key nt_key_text(const char *text)
{
    return (struct nt_pmap_key){ .text = text };
}

static inline struct nt_pmap_key nt_key_number(uint32_t number)
{
    return (struct nt_pmap_key){ .number = number };
}

#endif
