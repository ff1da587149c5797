/*
 * sqlite.c - the SQLite backend: transactions, events, and what SQLite's refusals mean.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf16.h"
#include "store/sqlite_internal.h"

#define SQLITE_STATEMENT_SQL(name, sql) [STMT_##name] = (sql),
static const char *const statements[] = { SQLITE_STATEMENTS(SQLITE_STATEMENT_SQL) };
#undef SQLITE_STATEMENT_SQL

/* What the system said when SQLite reports no more than "I/O error". SQLite keeps it in different
 * places: for the connection, for the log (where most writes go), for the database file; and for
 * the log's index not at all. 0: nobody knows. */
static int system_errno(sqlite3 *db)
{
    int now = errno, error = db != NULL ? sqlite3_system_errno(db) : 0;
    sqlite3_file *log = NULL;
    if (error == 0 && db != NULL &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    if (error == 0 && db != NULL)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
    if (error == 0 && nt_file_err(now) == NT_E_FULL)
        error = now;
    return error;
}

enum nt_err nt_sqlite_err(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return NT_OK;
    case SQLITE_FULL:
        return NT_E_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
        return NT_E_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return NT_E_LOCKED;
    case SQLITE_READONLY:
        return NT_E_READONLY;
    case SQLITE_NOMEM:
        return NT_E_NOMEM;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return NT_E_DENIED;
    case SQLITE_TOOBIG:
        return NT_E_LIMIT;
    case SQLITE_CONSTRAINT:
        return NT_E_CONFLICT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
        /* The disk's own reason, where SQLite knows one. */
        if (rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
            return NT_E_CORRUPT;
        enum nt_err err = nt_file_err(system_errno(db));
        return err == NT_E_FULL || err == NT_E_READONLY || err == NT_E_DENIED ? err : NT_E_IO;
    }
    default:
        return NT_E_IO;
    }
}

enum nt_err nt_sqlite_why(sqlite3 *db, int rc, const char *path, char *why, size_t why_size)
{
    enum nt_err err = nt_sqlite_err(db, rc);
    const char *text = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    switch ((int)err) {
    case NT_E_FULL:
        nt_store_why(why, why_size,
                     "no space left for the store %s: free some on its file system; nothing of the "
                     "change was kept",
                     path);
        break;
    case NT_E_CORRUPT:
        nt_store_why(why, why_size,
                     "the store %s is damaged (%s): stop the daemon and restore it from a backup",
                     path, text);
        break;
    case NT_E_LOCKED:
        nt_store_why(why, why_size,
                     "the store %s is locked by another program: end what has it open", path);
        break;
    case NT_E_READONLY:
        nt_store_why(why, why_size,
                     "the store %s cannot be written: its file, directory or file system is "
                     "read-only",
                     path);
        break;
    case NT_E_DENIED:
        nt_store_why(why, why_size,
                     "no permission for the store %s: its files must belong to the user that runs "
                     "this",
                     path);
        break;
    default:
        nt_store_why(why, why_size, "the store %s failed: %s (code %d, errno %d)", path, text, rc,
                     system_errno(db));
        break;
    }
    return err;
}

enum nt_err nt_sqlite_prepare(struct sqlite_store *s, char *why, size_t why_size)
{
    for (size_t i = 0; i < STMT_COUNT; i++) {
        int rc = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &s->stmt[i], NULL);
        if (rc == SQLITE_ERROR) { /* a table is not there, or is another one */
            nt_store_why(why, why_size,
                         "the store %s is damaged (%s): stop the daemon and restore it from a "
                         "backup",
                         s->path, sqlite3_errmsg(s->db));
            return NT_E_CORRUPT;
        }
        if (rc != SQLITE_OK)
            return nt_sqlite_why(s->db, rc, s->path, why, why_size);
    }
    return NT_OK;
}

bool nt_sqlite_key(const char *name, char out[NT_KEY_MAX])
{
    struct nt_arena arena;
    nt_arena_init(&arena, 4 * (size_t)NT_KEY_MAX);
    const char *key = nt_name_fold(&arena, name);
    if (key == NULL)
        key = name; /* an event's subject may have been cut inside a character */
    size_t len = strlen(key);
    bool fits = len < NT_KEY_MAX;
    if (fits)
        memcpy(out, key, len + 1);
    nt_arena_free(&arena);
    return fits;
}

/* --- transactions --- */

int nt_sqlite_run(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int save_all(struct sqlite_store *s, const struct nt_txn *txn, enum nt_err *err)
{
    const struct nt_change *changes;
    const struct nt_event *events;
    int rc = SQLITE_OK;
    uint64_t serial = nt_store_serial(nt_txn_dir(txn));
    size_t count = nt_txn_changes(txn, &changes);
    for (size_t i = 0; i < count && rc == SQLITE_OK && *err == NT_OK; i++) {
        rc = nt_sqlite_save(s, &changes[i], err);
        if (s->store.shared && rc == SQLITE_OK && *err == NT_OK)
            rc = nt_sqlite_save_changed(s, &changes[i], serial, err);
    }
    count = nt_txn_events(txn, &events);
    for (size_t i = 0; i < count && rc == SQLITE_OK && *err == NT_OK; i++)
        rc = nt_sqlite_save_event(s, &events[i]);
    return rc;
}

static enum nt_err sqlite_commit(struct nt_store *store, const struct nt_txn *txn, char *why,
                                 size_t why_size)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    enum nt_err err = NT_OK;
    int rc = SQLITE_OK;
    if (sqlite3_get_autocommit(s->db) != 0) /* else nt_store_begin has */
        rc = nt_sqlite_run(s->stmt[STMT_BEGIN]);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->db, rc, s->path, why, why_size);

    rc = nt_sqlite_live(s);
    if (rc == SQLITE_OK)
        rc = save_all(s, txn, &err);
    bool committing = rc == SQLITE_OK && err == NT_OK;
    if (committing)
        rc = nt_sqlite_run(s->stmt[STMT_COMMIT]);
    if (rc != SQLITE_OK)
        err = nt_sqlite_why(s->db, rc, s->path, why, why_size);
    else if (err != NT_OK)
        nt_store_why(why, why_size, "a record does not fit the store %s: %s", s->path,
                     nt_err_text(err));
    if (err == NT_OK) {
        nt_sqlite_moved(s, txn);
        return NT_OK;
    }

    if (sqlite3_get_autocommit(s->db) == 0)
        nt_sqlite_run(s->stmt[STMT_ROLLBACK]);
    /* When the sync of the log fails, all of the transaction may stand in the log, and a crash now
     * would bring it back although we deny it. Emptying the log behind what was committed before
     * takes it away; where even that fails, the next commit writes over it. */
    if (committing)
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return err;
}

/* --- events --- */

static int open_reader(struct sqlite_store *s)
{
    if (s->reader != NULL)
        return SQLITE_OK;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(s->path, &s->reader, flags, NULL);
    if (rc == SQLITE_OK)
        sqlite3_busy_timeout(s->reader, 2000);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->reader, "PRAGMA cache_size = -256", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        sqlite3_close(s->reader);
        s->reader = NULL;
    }
    return rc;
}

static void copy_text(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);
    memcpy(to, from, len);
    to[len] = '\0';
}

static void read_event(sqlite3_stmt *stmt, struct nt_event *event, bool *bad)
{
    memset(event, 0, sizeof *event);
    event->id = nt_column_u64(stmt, 0, bad);
    event->when = nt_column_u64(stmt, 1, bad);
    uint32_t level = nt_column_u32(stmt, 2, bad);
    *bad = *bad || level > NT_EVENT_ERROR;
    event->level = (enum nt_event_level)level;
    event->kind = nt_column_text(stmt, 3, bad);
    copy_text(event->subject, sizeof event->subject, nt_column_text(stmt, 4, bad));
    copy_text(event->peer, sizeof event->peer, nt_column_text(stmt, 5, bad));
    copy_text(event->text, sizeof event->text, nt_column_text(stmt, 6, bad));
}

#define EVENT_COLUMNS "SELECT id, at, level, kind, subject, peer, text FROM event "
/* Indexed by: newest asked for, subject given. ?1 after, ?2 subject, ?3 how many. */
static const char *const event_queries[2][2] = {
    { EVENT_COLUMNS "WHERE id > ?1 AND ?2 IS NOT NULL ORDER BY id LIMIT ?3",
      EVENT_COLUMNS "WHERE subject_key = ?2 AND id > ?1 ORDER BY id LIMIT ?3" },
    { "SELECT * FROM (" EVENT_COLUMNS "WHERE ?1 = ?1 AND ?2 IS NOT NULL ORDER BY id DESC LIMIT ?3)"
      " ORDER BY id",
      "SELECT * FROM (" EVENT_COLUMNS "WHERE subject_key = ?2 AND ?1 = ?1 ORDER BY id DESC"
      " LIMIT ?3) ORDER BY id" },
};

static enum nt_err sqlite_events(struct nt_store *store, uint64_t after, const char *subject,
                                 size_t max, nt_event_fn *fn, void *ctx)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    char key[NT_KEY_MAX];
    sqlite3_stmt *stmt = NULL;
    bool newest = after == UINT64_MAX, bad = false;
    if (!nt_sqlite_key(subject, key))
        return NT_E_INVALID;
    if (!newest && after > INT64_MAX)
        return NT_OK; /* ids never come that far */

    pthread_mutex_lock(&s->reader_lock);
    int rc = open_reader(s);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(s->reader, event_queries[newest][key[0] != '\0'], -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(stmt, 1, newest ? 0 : (sqlite3_int64)after);
        sqlite3_bind_text(stmt, 2, key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 3, max > INT64_MAX ? INT64_MAX : (sqlite3_int64)max);
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            struct nt_event event;
            read_event(stmt, &event, &bad);
            if (bad)
                break;
            fn(ctx, &event);
        }
    }
    enum nt_err err = bad ? NT_E_CORRUPT : nt_sqlite_err(s->reader, rc);
    if (err != NT_OK)
        nt_log(NT_LOG_ERROR, "store events cannot be read: %s",
               s->reader != NULL ? sqlite3_errmsg(s->reader) : sqlite3_errstr(rc));
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&s->reader_lock);
    return err;
}

/* --- the end --- */

void nt_sqlite_close(struct nt_store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    for (size_t i = 0; i < STMT_COUNT; i++)
        sqlite3_finalize(s->stmt[i]);
    sqlite3_finalize(s->version);
    sqlite3_close(s->watch);
    sqlite3_close(s->reader);
    sqlite3_close(s->db);
    nt_epoch_end(&s->epoch);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_mutex_destroy(&s->reader_lock);
    nt_secret_wipe(&s->key);
    free(s);
}

const struct nt_store_ops nt_sqlite_ops = {
    .load = nt_sqlite_load,
    .commit = sqlite_commit,
    .events = sqlite_events,
    .origin = nt_sqlite_origin,
    .accept = nt_sqlite_accept,
    .close = nt_sqlite_close,
    .begin = nt_sqlite_begin,
    .rollback = nt_sqlite_rollback,
    .catch_up = nt_sqlite_catch_up,
};
