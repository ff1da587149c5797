/*
 * sqlite_share.c - a store that several processes have open: what each commits, the others find
 * before they decide and before they use a secret. SQLite's own locks order the writers; the table
 * `changed` says which records to read again.
 */
#include "store/sqlite_internal.h"

#define BUSY_MS 2000

enum nt_err nt_sqlite_begin(struct nt_store *store, const struct nt_dir *have,
                            struct nt_dir **newer, char *why, size_t why_size)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    int rc = nt_sqlite_run(s->stmt[STMT_BEGIN]);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->db, rc, s->path, why, why_size);
    enum nt_err err = nt_sqlite_load_newer(s, s->db, have, newer, why, why_size);
    if (err != NT_OK)
        nt_sqlite_rollback(store);
    return err;
}

void nt_sqlite_rollback(struct nt_store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (sqlite3_get_autocommit(s->db) == 0)
        nt_sqlite_run(s->stmt[STMT_ROLLBACK]);
}

static int open_watch(struct sqlite_store *s)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (s->version != NULL)
        return SQLITE_OK;
    int rc = sqlite3_open_v2(s->path, &s->watch, flags, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(s->watch, BUSY_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->watch, "PRAGMA cache_size = -256", NULL, NULL, NULL);
    /* Moves on whenever another connection has committed, of this process or another; reads the
     * shared index of the log, and no file. */
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(s->watch, "PRAGMA data_version", -1, SQLITE_PREPARE_PERSISTENT,
                                &s->version, NULL);
    if (rc != SQLITE_OK) {
        sqlite3_close(s->watch);
        s->watch = NULL;
    }
    return rc;
}

static int data_version(struct sqlite_store *s, int64_t *version)
{
    int rc = sqlite3_step(s->version);
    if (rc == SQLITE_ROW) {
        *version = sqlite3_column_int64(s->version, 0);
        rc = SQLITE_OK;
    }
    sqlite3_reset(s->version);
    return rc;
}

enum nt_err nt_sqlite_catch_up(struct nt_store *store, const struct nt_dir *have,
                               struct nt_dir **newer, char *why, size_t why_size)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    int64_t version = 0;
    int rc = open_watch(s);
    if (rc == SQLITE_OK)
        rc = data_version(s, &version);
    if (rc == SQLITE_OK && s->seen_any && version == s->seen)
        return NT_OK;
    /* One read transaction, so one commit's state; a later commit has a later version. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->watch, "BEGIN", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->watch, rc, s->path, why, why_size);
    enum nt_err err = nt_sqlite_load_newer(s, s->watch, have, newer, why, why_size);
    sqlite3_exec(s->watch, "ROLLBACK", NULL, NULL, NULL); /* nothing was written */
    if (err == NT_OK) {
        s->seen = version;
        s->seen_any = true;
    }
    return err;
}
