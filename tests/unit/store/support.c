#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

void place_make(struct place *p)
{
    strcpy(p->dir, "/tmp/ntrust-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->store, sizeof p->store, "%s/domain.db", p->dir);
    snprintf(p->key, sizeof p->key, "%s/master.key", p->dir);
}

void place_remove(struct place *p)
{
    chmod(p->dir, 0700);
    DIR *d = opendir(p->dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    assert_int_equal(rmdir(p->dir), 0);
}

struct nt_store *must_create(const struct place *p)
{
    struct nt_store *store;
    char why[512] = "";
    enum nt_err err = nt_store_create(p->store, p->key, nt_env_system(), &store, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(err, NT_OK);
    return store;
}

struct nt_store *must_open(const struct place *p)
{
    struct nt_store *store;
    char why[512] = "";
    enum nt_err err = nt_store_open(p->store, p->key, nt_env_system(), &store, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(err, NT_OK);
    return store;
}

struct nt_dir *must_load(struct nt_store *store)
{
    struct nt_dir *dir;
    char why[512] = "";
    enum nt_err err = nt_store_load(store, &dir, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(err, NT_OK);
    return dir;
}

struct nt_engine *must_run(struct nt_store *store)
{
    struct nt_engine *engine;
    char why[512] = "";
    assert_int_equal(nt_engine_new(store, nt_env_system(), &engine, why, sizeof why), NT_OK);
    return engine;
}

static enum nt_err commit(struct nt_store *store, struct nt_dir *dir, void *put, const void *delete,
                          struct nt_dir **next, char *why, size_t why_size)
{
    struct nt_txn *txn = nt_txn_begin(dir, nt_env_system());
    assert_non_null(txn);
    if (put != NULL)
        assert_int_equal(nt_txn_put(txn, put), NT_OK);
    if (delete != NULL)
        assert_int_equal(nt_txn_delete(txn, delete), NT_OK);
    enum nt_err err = nt_store_commit(store, txn, why, why_size);
    *next = err == NT_OK ? nt_dir_ref(nt_txn_dir(txn)) : NULL;
    nt_txn_free(txn);
    return err;
}

static void must_commit(struct nt_store *store, struct nt_dir **dir, void *put, const void *delete)
{
    struct nt_dir *next;
    char why[512] = "";
    enum nt_err err = commit(store, *dir, put, delete, &next, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(err, NT_OK);
    nt_dir_unref(*dir);
    *dir = next;
}

void commit_put(struct nt_store *store, struct nt_dir **dir, void *record)
{
    must_commit(store, dir, record, NULL);
}

void commit_delete(struct nt_store *store, struct nt_dir **dir, const void *record)
{
    must_commit(store, dir, NULL, record);
}

void commit_accounts(struct nt_store *store, struct nt_dir **dir, uint32_t first, uint32_t count)
{
    char name[24], why[512] = "";
    struct nt_txn *txn = nt_txn_begin(*dir, nt_env_system());
    assert_non_null(txn);
    for (uint32_t rid = first; rid < first + count; rid++) {
        snprintf(name, sizeof name, "user%u", rid);
        assert_int_equal(nt_txn_put(txn, new_account(rid, name, (uint8_t)rid)), NT_OK);
    }
    assert_int_equal(nt_store_commit(store, txn, why, sizeof why), NT_OK);
    nt_dir_unref(*dir);
    *dir = nt_dir_ref(nt_txn_dir(txn));
    nt_txn_free(txn);
}

enum nt_err try_put(struct nt_store *store, struct nt_dir *dir, void *record, char *why,
                    size_t why_size)
{
    struct nt_dir *next;
    enum nt_err err = commit(store, dir, record, NULL, &next, why, why_size);
    nt_dir_unref(next);
    return err;
}

struct nt_domain *new_domain(void)
{
    struct nt_domain *d = nt_record_new(NT_KIND_DOMAIN);
    assert_non_null(d);
    assert_true(nt_text_set(&d->name, "ACCOUNTS"));
    assert_true(nt_text_set(&d->computer, "DC1"));
    assert_true(nt_sid_parse("S-1-5-21-1-2-3", &d->sid));
    d->next_rid = NT_RID_FIRST;
    return d;
}

struct nt_account *new_account(uint32_t rid, const char *name, uint8_t hash_byte)
{
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    assert_non_null(a);
    a->rid = rid;
    a->acb = NT_ACB_NORMAL;
    a->primary_rid = NT_RID_DOMAIN_USERS;
    assert_true(nt_text_set(&a->name, name));
    a->nt_hash.len = 16;
    memset(a->nt_hash.b, hash_byte, 16);
    return a;
}

static ntstatus decide_account(struct nt_wish *wish, struct nt_txn *txn)
{
    struct account_wish *w = (struct account_wish *)wish;
    char name[24];
    snprintf(name, sizeof name, "user%u", w->rid);
    nt_txn_event(txn, NT_EVENT_INFO, "password-set", name, "", "byte %u", w->hash_byte);
    return nt_status_of(nt_txn_put(txn, new_account(w->rid, name, w->hash_byte)));
}

static void tell(struct nt_wish *wish)
{
    ((struct account_wish *)wish)->told = true;
}

void account_wish(struct account_wish *w, uint32_t rid, uint8_t hash_byte)
{
    *w = (struct account_wish){ .wish = { .decide = decide_account, .done = tell },
                                .rid = rid,
                                .hash_byte = hash_byte };
}

size_t file_size(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

void file_flip(const char *path, size_t at, size_t count)
{
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, (off_t)(at + i)), 1);
        byte ^= 0x55;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)(at + i)), 1);
    }
    close(fd);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(rc, SQLITE_OK);
    sqlite3_close(db);
}
