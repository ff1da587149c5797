/*
 * support.h - what the tests of the store share: a directory of their own, stores in it, and short
 * ways to change and read them.
 */
#ifndef NT_TESTS_STORE_SUPPORT_H
#define NT_TESTS_STORE_SUPPORT_H

#include "../test.h"

#include "crypto/sysenv.h"
#include "store/engine.h"
#include "store/store.h"

struct place {
    char dir[64], store[96], key[96];
};

void place_make(struct place *p);
void place_remove(struct place *p); /* with everything in it */

/* Fail the test when the store cannot be made or opened. */
struct nt_store *must_create(const struct place *p);
struct nt_store *must_open(const struct place *p);
struct nt_dir *must_load(struct nt_store *store);
struct nt_engine *must_run(struct nt_store *store); /* an engine without its thread */

/* One transaction that puts (takes over) or deletes one record; *dir moves on with it. */
void commit_put(struct nt_store *store, struct nt_dir **dir, void *record);
void commit_delete(struct nt_store *store, struct nt_dir **dir, const void *record);
/* One transaction with `count` accounts "userN" from RID `first` on. */
void commit_accounts(struct nt_store *store, struct nt_dir **dir, uint32_t first, uint32_t count);
/* The same, for commits that are expected to fail; *dir stays. */
enum nt_err try_put(struct nt_store *store, struct nt_dir *dir, void *record, char *why,
                    size_t why_size);

/* Records with plain contents. */
struct nt_domain *new_domain(void);
struct nt_account *new_account(uint32_t rid, const char *name, uint8_t hash_byte);

/* A wish that puts one account and adds an event. */
struct account_wish {
    struct nt_wish wish; /* first */
    uint32_t rid;
    uint8_t hash_byte;
    bool told;
};
void account_wish(struct account_wish *w, uint32_t rid, uint8_t hash_byte);

/* Reads or changes a file. */
size_t file_size(const char *path);
void file_flip(const char *path, size_t at, size_t count);
bool file_exists(const char *path);
void run_sql(const char *path, const char *sql);

#endif
