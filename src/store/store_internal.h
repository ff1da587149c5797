/*
 * store_internal.h - what the backends share: the table of functions behind store.h.
 */
#ifndef NT_STORE_INTERNAL_H
#define NT_STORE_INTERNAL_H

#include "store/store.h"

struct nt_store_ops {
    enum nt_err (*load)(struct nt_store *store, struct nt_dir **dir, char *why, size_t why_size);
    enum nt_err (*commit)(struct nt_store *store, const struct nt_txn *txn, char *why,
                          size_t why_size);
    enum nt_err (*events)(struct nt_store *store, uint64_t after, const char *subject, size_t max,
                          nt_event_fn *fn, void *ctx);
    /* Both NULL: the store cannot have gone back. */
    void (*origin)(struct nt_store *store, struct nt_store_origin *origin);
    void (*accept)(struct nt_store *store);
    void (*close)(struct nt_store *store);
    /* called for shared stores only */
    enum nt_err (*begin)(struct nt_store *store, const struct nt_dir *have, struct nt_dir **newer,
                         char *why, size_t why_size);
    void (*rollback)(struct nt_store *store);
    enum nt_err (*catch_up)(struct nt_store *store, const struct nt_dir *have,
                            struct nt_dir **newer, char *why, size_t why_size);
};

/* First member of every backend's own struct. */
struct nt_store {
    const struct nt_store_ops *ops;
    bool shared;
};

/* The number of the commit that a directory shows; 0: of none. */
static inline uint64_t nt_store_serial(const struct nt_dir *dir)
{
    const struct nt_domain *domain = nt_dir_domain(dir);
    return domain != NULL ? domain->serial : 0;
}

#define NT_STORE_WHY 256 /* bytes that a line of why[] commonly needs */

/* Writes the one line that a failure is explained with; why may be NULL. */
void nt_store_why(char *why, size_t why_size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
