/*
 * backup.c - see backup.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup.h"
#include "store/sqlite_internal.h"

#define BUSY_MS 5000

static int open_read(const char *path, sqlite3 **db)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, db, flags, NULL);
    if (rc == SQLITE_OK)
        sqlite3_busy_timeout(*db, BUSY_MS);
    return rc;
}

enum nt_err nt_store_check(const char *path, char *why, size_t why_size)
{
    sqlite3 *db = NULL;
    int version;
    nt_store_why(why, why_size, "%s", "");
    enum nt_err err = nt_sqlite_check_file(path, false, why, why_size);
    if (err != NT_OK)
        return err;
    int rc = open_read(path, &db);
    if (rc == SQLITE_OK)
        err = nt_sqlite_check(db, path, &version, why, why_size);
    else
        err = nt_sqlite_why(db, rc, path, why, why_size);
    sqlite3_close(db);
    return err;
}

/* All pages in one step: one read transaction, so one commit's state. */
static enum nt_err copy_pages(sqlite3 *from, const char *path, const char *temp, const char *to,
                              nt_time now, char *why, size_t why_size)
{
    sqlite3 *copy = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(temp, &copy, flags, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    sqlite3_backup *work = rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", from, "main") : NULL;
    if (work != NULL) {
        rc = sqlite3_backup_step(work, -1);
        int end = sqlite3_backup_finish(work);
        if (rc == SQLITE_DONE)
            rc = end;
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_errcode(copy);
    }
    enum nt_err err = NT_OK;
    /* Damage is the original's, everything else the copy's. */
    if (rc != SQLITE_OK)
        err = nt_sqlite_why(copy, rc, nt_sqlite_err(copy, rc) == NT_E_CORRUPT ? path : to, why,
                            why_size);
    /* One file that opens anywhere, without a log beside it. */
    if (err == NT_OK) {
        rc = sqlite3_exec(copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        if (rc == SQLITE_OK && now != 0 && nt_sqlite_stamp(copy, "copied", now) != NT_OK)
            rc = sqlite3_extended_errcode(copy);
        if (rc != SQLITE_OK)
            err = nt_sqlite_why(copy, rc, to, why, why_size);
    }
    sqlite3_close(copy);
    return err;
}

enum nt_err nt_sqlite_copy(const char *path, const char *to, const struct nt_env *env,
                           nt_time copied_at, char *why, size_t why_size)
{
    char temp[NT_STORE_PATH];
    struct stat st;
    sqlite3 *from = NULL;
    int version;
    nt_store_why(why, why_size, "%s", "");
    enum nt_err err = nt_sqlite_check_file(path, false, why, why_size);
    if (err != NT_OK)
        return err;
    if (lstat(to, &st) == 0) {
        nt_store_why(why, why_size, "there is something at %s already: name another file", to);
        return NT_E_EXISTS;
    }
    if (!nt_file_temp(to, env, temp)) {
        nt_store_why(why, why_size, "the path of the copy is too long");
        return NT_E_INVALID;
    }
    int rc = open_read(path, &from);
    if (rc == SQLITE_OK)
        err = nt_sqlite_check(from, path, &version, why, why_size);
    else
        err = nt_sqlite_why(from, rc, path, why, why_size);
    if (err != NT_OK) {
        sqlite3_close(from);
        return err;
    }

    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        nt_store_why(why, why_size, "the copy %s cannot be made: %s", to, strerror(errno));
        err = nt_file_err(errno);
        sqlite3_close(from);
        return err;
    }
    close(fd);
    err = copy_pages(from, path, temp, to, copied_at, why, why_size);
    sqlite3_close(from);
    if (err == NT_OK)
        err = nt_store_check(temp, why, why_size);
    if (err != NT_OK) {
        unlink(temp);
        return err;
    }
    err = nt_file_publish(temp, to);
    if (err != NT_OK)
        nt_store_why(why, why_size, "the copy %s cannot be made: %s", to, nt_err_text(err));
    return err;
}

enum nt_err nt_store_backup(const char *path, const char *to, const struct nt_env *env, char *why,
                            size_t why_size)
{
    return nt_sqlite_copy(path, to, env, nt_now(env), why, why_size);
}
