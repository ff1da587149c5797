/*
 * sqlite_epoch.c - the SQLite backend: whether the store that was opened is the one that was here
 * last, or one that has gone back (epoch.h).
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "store/sqlite_internal.h"

/* Rows of the table meta:
 *   life      of the store since it was opened last; 16 bytes
 *   copied    when this copy was made (nt_store_backup); 8 bytes
 *   restored  when this copy was put in a store's place (nt_store_restore); 8 bytes
 */

enum nt_err nt_sqlite_stamp(sqlite3 *db, const char *name, nt_time when)
{
    uint8_t value[8];
    nt_put_le64(value, when);
    return nt_sqlite_put_meta(db, name, value, sizeof value) == SQLITE_OK ? NT_OK : NT_E_IO;
}

static nt_time stamp(sqlite3 *db, const char *name)
{
    uint8_t value[8];
    return nt_sqlite_get_meta(db, name, value, sizeof value) ? nt_le64(value) : 0;
}

/* The newest commit of the database, and when it was. */
static void read_newest(sqlite3 *db, uint64_t *serial, nt_time *changed)
{
    sqlite3_stmt *stmt = NULL;
    *serial = *changed = 0;
    if (sqlite3_prepare_v2(db, "SELECT serial, changed FROM domain", -1, &stmt, NULL) ==
            SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        *serial = (uint64_t)sqlite3_column_int64(stmt, 0);
        *changed = (uint64_t)sqlite3_column_int64(stmt, 1);
    }
    sqlite3_finalize(stmt);
}

static bool is_zero(const uint8_t id[NT_EPOCH_ID])
{
    static const uint8_t zero[NT_EPOCH_ID];
    return memcmp(id, zero, NT_EPOCH_ID) == 0;
}

static bool same(const uint8_t a[NT_EPOCH_ID], const uint8_t b[NT_EPOCH_ID])
{
    return memcmp(a, b, NT_EPOCH_ID) == 0;
}

/* What the file beside the store says about it: NT_ORIGIN_OWN, or another one with the reason. */
static enum nt_origin compare(struct sqlite_store *s, const struct nt_epoch_mark *own, char *text,
                              size_t size)
{
    const struct nt_epoch_mark *mark = &s->epoch.mark;
    char when[NT_TIME_TEXT];
    enum nt_epoch_found found = nt_epoch_read(&s->epoch);
    /* Opened for the first time: a crash in the middle of that leaves half a file at most. */
    if (is_zero(own->life) && (found == NT_EPOCH_MISSING || found == NT_EPOCH_DAMAGED))
        return NT_ORIGIN_OWN;
    switch (found) {
    case NT_EPOCH_MISSING:
        nt_store_why(text, size,
                     "Whether this store has gone back cannot be known: its epoch file %.120s is "
                     "missing. The store was copied here, or somebody removed the file.",
                     s->epoch.path);
        return NT_ORIGIN_UNKNOWN;
    case NT_EPOCH_DAMAGED:
        nt_store_why(text, size,
                     "Whether this store has gone back cannot be known: its epoch file %.120s is "
                     "damaged.",
                     s->epoch.path);
        return NT_ORIGIN_UNKNOWN;
    case NT_EPOCH_UNREADABLE:
        nt_store_why(text, size,
                     "Whether this store has gone back cannot be known: its epoch file %.120s "
                     "cannot be read (%s). Make it readable and writable for the user of ntrustd.",
                     s->epoch.path, strerror(s->epoch.error));
        return NT_ORIGIN_UNKNOWN;
    case NT_EPOCH_FOUND:
        break;
    }
    if (!same(mark->store, own->store)) {
        nt_store_why(text, size,
                     "Whether this store has gone back cannot be known: the epoch file %.120s is "
                     "of another store, which was here before.",
                     s->epoch.path);
        return NT_ORIGIN_UNKNOWN;
    }
    if (own->serial < mark->serial ||
        !(same(own->life, mark->life) || same(own->life, mark->before))) {
        nt_store_why(text, size,
                     "This store has gone back: it had come to change %llu at %s, and is at "
                     "change %llu now.",
                     (unsigned long long)mark->serial, nt_time_format(mark->at, when),
                     (unsigned long long)own->serial);
        return NT_ORIGIN_RESTORED;
    }
    return NT_ORIGIN_OWN;
}

/* A new life begins: the file knows it before the store does. False: the file cannot be written. */
static bool begin_life(struct sqlite_store *s)
{
    struct nt_epoch_mark mark = s->own;
    memcpy(mark.before, s->own.life, NT_EPOCH_ID);
    nt_random(s->env, mark.life, NT_EPOCH_ID);
    s->begun = true;
    if (nt_epoch_begin(&s->epoch, &mark) == NT_OK)
        return true;
    nt_log(NT_LOG_WARN,
           "epoch file cannot be written: until it can, whether this store is restored later will "
           "not be noticed file=%s reason=%s",
           s->epoch.path, strerror(s->epoch.error));
    return false;
}

/* Where the disk is full the store keeps its life before, which the file knows, too. */
static void begin_now(struct sqlite_store *s)
{
    if (begin_life(s))
        (void)nt_sqlite_put_meta(s->db, "life", s->epoch.mark.life, NT_EPOCH_ID);
}

void nt_sqlite_epoch_open(struct sqlite_store *s)
{
    nt_time changed, copied = stamp(s->db, "copied"), restored = stamp(s->db, "restored");
    struct nt_store_origin *origin = &s->origin;
    nt_epoch_init(&s->epoch, s->path);
    s->epoch.shared = s->store.shared;
    if (s->joined) { /* who was first has judged it */
        s->origin = (struct nt_store_origin){ .what = NT_ORIGIN_OWN };
        if (nt_epoch_join(&s->epoch) != NT_OK)
            nt_log(NT_LOG_WARN, "epoch file cannot be written file=%s reason=%s", s->epoch.path,
                   strerror(s->epoch.error));
        return;
    }
    memset(&s->own, 0, sizeof s->own);
    if (!nt_sqlite_get_meta(s->db, "uuid", s->own.store, NT_EPOCH_ID))
        memset(s->own.store, 0, NT_EPOCH_ID);
    if (!nt_sqlite_get_meta(s->db, "life", s->own.life, NT_EPOCH_ID))
        memset(s->own.life, 0, NT_EPOCH_ID);
    read_newest(s->db, &s->own.serial, &changed);
    s->own.at = changed;

    *origin = (struct nt_store_origin){ .as_of = copied > changed ? copied : changed };
    origin->what = compare(s, &s->own, origin->text, sizeof origin->text);
    if (origin->what != NT_ORIGIN_RESTORED && restored != 0) {
        char when[NT_TIME_TEXT];
        nt_store_why(origin->text, sizeof origin->text,
                     "This store was put here by 'ntrust restore' at %s.",
                     nt_time_format(restored, when));
        origin->what = NT_ORIGIN_RESTORED;
    }
    if (origin->what == NT_ORIGIN_OWN && s->store.shared)
        begin_now(s); /* who opens it next joins */
}

int nt_sqlite_live(struct sqlite_store *s)
{
    if (s->origin.what == NT_ORIGIN_OWN && !s->begun && !s->joined)
        s->life_due = begin_life(s);
    return s->life_due ? nt_sqlite_put_meta(s->db, "life", s->epoch.mark.life, NT_EPOCH_ID)
                       : SQLITE_OK;
}

void nt_sqlite_accept(struct nt_store *store)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    if (s->origin.what == NT_ORIGIN_OWN)
        return;
    s->origin.what = NT_ORIGIN_OWN;
    read_newest(s->db, &s->own.serial, &s->own.at);
    (void)sqlite3_exec(s->db, "DELETE FROM meta WHERE key IN ('copied', 'restored')", NULL, NULL,
                       NULL);
    begin_now(s);
}

void nt_sqlite_origin(struct nt_store *store, struct nt_store_origin *origin)
{
    *origin = ((struct sqlite_store *)store)->origin;
}

void nt_sqlite_moved(struct sqlite_store *s, const struct nt_txn *txn)
{
    const struct nt_domain *domain = nt_dir_domain(nt_txn_dir(txn));
    s->life_due = false;
    if (domain != NULL && (s->store.shared || domain->serial != s->epoch.mark.serial))
        nt_epoch_move(&s->epoch, domain->serial, nt_txn_now(txn));
}
