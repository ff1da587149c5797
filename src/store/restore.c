/*
 * restore.c - a backup takes the place of a store. See backup.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup.h"
#include "store/sqlite_internal.h"

#define RESTORE_SUFFIX 48 /* bytes of ".before-2026-11-29T10:54:28Z-wal" and some */

/* The copy opens with this key, and is sound. It remembers that it was restored. */
static enum nt_err prepare_copy(struct sqlite_store *s, const char *temp, const char *from,
                                const struct nt_secret *master, const char *key_path, char *why,
                                size_t why_size)
{
    int version;
    int rc = sqlite3_open_v2(
        temp, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->db, rc, temp, why, why_size);
    enum nt_err err = nt_sqlite_check(s->db, from, &version, why, why_size);
    if (err == NT_OK)
        err = nt_sqlite_check_key(s, master, from, key_path, why, why_size);
    if (err == NT_OK) {
        err = nt_sqlite_stamp(s->db, "restored", nt_now(s->env));
        if (err != NT_OK)
            (void)nt_sqlite_why(s->db, sqlite3_errcode(s->db), temp, why, why_size);
    }
    sqlite3_close(s->db);
    s->db = NULL;
    return err;
}

/* What the log of the old store still holds goes into it, so that one file is all of it. A store
 * that is damaged cannot do that, and keeps its log beside it. */
static void fold_log(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(db);
}

/* A name with the time, and a number when there is one of this second already. */
static enum nt_err second_name(const struct sqlite_store *s, char aside[NT_STORE_PATH])
{
    char when[NT_TIME_TEXT];
    nt_time_rfc3339(nt_now(s->env), when);
    for (unsigned n = 1; n < 100; n++) {
        int at = snprintf(aside, NT_STORE_PATH, "%.*s.before-%s", NT_STORE_PATH - RESTORE_SUFFIX,
                          s->path, when);
        if (n > 1)
            snprintf(aside + at, NT_STORE_PATH - (size_t)at, "-%u", n);
        if (link(s->path, aside) == 0)
            return NT_OK;
        if (errno != EEXIST)
            return nt_file_err(errno);
    }
    return NT_E_EXISTS;
}

/* The old store gets another name beside its own; its log must not meet the new one. */
static enum nt_err put_aside(const struct sqlite_store *s, char aside[NT_STORE_PATH], char *why,
                             size_t why_size)
{
    char log[NT_STORE_PATH + 8], log_aside[NT_STORE_PATH + 8];
    struct stat st;
    if (lstat(s->path, &st) != 0 && errno == ENOENT) {
        aside[0] = '\0';
        return NT_OK;
    }
    if (strlen(s->path) + RESTORE_SUFFIX >= NT_STORE_PATH) {
        nt_store_why(why, why_size, "the path of the store is too long");
        return NT_E_INVALID;
    }
    fold_log(s->path);
    enum nt_err err = second_name(s, aside);
    snprintf(log, sizeof log, "%s-wal", s->path);
    snprintf(log_aside, sizeof log_aside, "%s-wal", aside);
    if (err == NT_OK && stat(log, &st) == 0)
        err = rename(log, log_aside) == 0 ? NT_OK : nt_file_err(errno);
    snprintf(log, sizeof log, "%s-shm", s->path);
    if (err == NT_OK && unlink(log) != 0 && errno != ENOENT)
        err = nt_file_err(errno);
    if (err == NT_OK)
        err = nt_file_sync_dir(s->path);
    if (err != NT_OK)
        nt_store_why(why, why_size, "the store %s cannot be put aside as %s: %s", s->path, aside,
                     nt_err_text(err));
    return err;
}

static enum nt_err swap(struct sqlite_store *s, const char *temp, char aside[NT_STORE_PATH],
                        char *why, size_t why_size)
{
    enum nt_err err = put_aside(s, aside, why, why_size);
    if (err != NT_OK)
        return err;
    if (rename(temp, s->path) != 0)
        err = nt_file_err(errno);
    else
        err = nt_file_sync_dir(s->path);
    if (err != NT_OK)
        nt_store_why(why, why_size, "the store %s cannot be put in its place: %s", s->path,
                     nt_err_text(err));
    return err;
}

enum nt_err nt_store_restore(const char *from, const char *path, const char *key_path,
                             const struct nt_env *env, char aside[NT_STORE_PATH], char *why,
                             size_t why_size)
{
    NT_SCOPED_SECRET master = { .len = 0 };
    char temp[NT_STORE_PATH];
    struct stat a, b;
    aside[0] = '\0';
    nt_store_why(why, why_size, "%s", "");
    if (stat(from, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino) {
        nt_store_why(why, why_size, "%s is the store itself, not a backup of it", from);
        return NT_E_INVALID;
    }
    enum nt_err err = nt_master_key_load(key_path, &master, why, why_size);
    if (err != NT_OK)
        return err;
    struct sqlite_store *s = nt_sqlite_new(path, env, why, why_size);
    if (s == NULL)
        return NT_E_NOMEM;
    err = nt_sqlite_take_lock(s, why, why_size);
    if (err == NT_OK && !nt_file_temp(s->path, env, temp)) {
        nt_store_why(why, why_size, "the path of the store is too long");
        err = NT_E_INVALID;
    }
    if (err == NT_OK)
        err = nt_sqlite_copy(from, temp, env, 0, why, why_size);
    if (err == NT_OK) {
        err = prepare_copy(s, temp, from, &master, key_path, why, why_size);
        if (err == NT_OK)
            err = swap(s, temp, aside, why, why_size);
        if (err != NT_OK)
            unlink(temp);
    }
    nt_sqlite_close(&s->store);
    return err;
}
