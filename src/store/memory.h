/*
 * memory.h - what tests and the simulator may do with a memory store beyond store.h.
 */
#ifndef NT_STORE_MEMORY_H
#define NT_STORE_MEMORY_H

#include "store/store.h"

/* The nth commit from now on (1: the next) fails with `err`, keeping nothing; 0: none. */
void nt_store_memory_fail(struct nt_store *store, unsigned nth, enum nt_err err);
/* How many commits were kept so far. */
uint64_t nt_store_memory_commits(const struct nt_store *store);
/* Another store on the same memory, as another process opens the same file: both are shared from
 * now on; to be called before an engine has this one. NULL: no memory. */
struct nt_store *nt_store_memory_share(struct nt_store *store);
/* A store of its own with what is committed in this one: the disk after a crash, or a snapshot to
 * go back to. NULL: no memory. */
struct nt_store *nt_store_memory_copy(struct nt_store *store);

#endif
