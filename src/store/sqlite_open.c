/*
 * sqlite_open.c - the SQLite backend: what stands around the database. A store is opened only when
 * everything about it is right: file, permissions, lock, format, version, checks, master key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/rest.h"
#include "store/migrations.h"
#include "store/sqlite_internal.h"

#define UUID_LEN       16
#define BUSY_MS        2000
#define LOCK_STEP_MS   20
#define LARGEST_VALUE  (8 * 1024 * 1024) /* bytes of one column */
#define DAMAGED_ADVICE "restore it from a backup"

static const char check_aad[] = "meta/check";
static const char check_text[] = "this key opens this store";

/* --- before SQLite touches anything --- */

static enum nt_err check_dir(const char *path, char *why, size_t why_size)
{
    char dir[NT_STORE_PATH];
    nt_file_dir(path, dir);
    if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
        return NT_OK;
    enum nt_err err = nt_file_err(errno);
    if (err == NT_E_DENIED && faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) == 0)
        err = NT_E_READONLY;
    if (err == NT_E_NOT_FOUND)
        nt_store_why(why, why_size, "the directory %s for the store is missing: make it first",
                     dir);
    else if (err == NT_E_READONLY)
        nt_store_why(why, why_size,
                     "the directory %s is read-only for this user, and the store's log is written "
                     "there: make it writable",
                     dir);
    else
        nt_store_why(why, why_size, "no permission for the directory %s of the store", dir);
    return err;
}

/* The first bytes decide whether this is worth opening: SQLite would take an empty file for an
 * empty database, and might write beside a foreign one. */
static enum nt_err check_header(const char *path, char *why, size_t why_size)
{
    char head[100];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        nt_store_why(why, why_size, "the store %s cannot be read: %s", path, strerror(errno));
        return nt_file_err(errno);
    }
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    if (n == (ssize_t)sizeof head && memcmp(head, "SQLite format 3", 16) == 0)
        return NT_OK;
    nt_store_why(why, why_size, "%s is %s: " DAMAGED_ADVICE ", or name another file", path,
                 n == 0 ? "empty and not a store" : "not a store, or damaged");
    return NT_E_CORRUPT;
}

enum nt_err nt_sqlite_check_file(const char *path, bool to_write, char *why, size_t why_size)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        enum nt_err err = nt_file_err(errno);
        if (err == NT_E_NOT_FOUND)
            nt_store_why(why, why_size,
                         "there is no store at %s: make one with `ntrust domain init`, or restore "
                         "a backup",
                         path);
        else
            nt_store_why(why, why_size, "the store %s cannot be reached: %s", path,
                         strerror(errno));
        return err;
    }
    if (!S_ISREG(st.st_mode)) {
        nt_store_why(why, why_size, "%s is not a file, so it is not a store", path);
        return NT_E_CORRUPT;
    }
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) {
        nt_store_why(why, why_size,
                     "no permission to read the store %s: run this as its owner (uid %u)", path,
                     (unsigned)st.st_uid);
        return NT_E_DENIED;
    }
    if (to_write && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) {
        nt_store_why(why, why_size, "the store %s is read-only: make it writable for this user",
                     path);
        return NT_E_READONLY;
    }
    enum nt_err err = to_write ? check_dir(path, why, why_size) : NT_OK;
    return err != NT_OK ? err : check_header(path, why, why_size);
}

/* One process at a time, or all that share it. The lock is the system's on a file beside the store,
 * so it ends with the process, however that ends; the file names its holder (of several, the one
 * that came last) and stays. */
static bool lock(struct sqlite_store *s)
{
    if (!s->store.shared)
        return flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0;
    /* The first to open a shared store has it for itself until it is open; others wait for that. */
    for (unsigned waited_ms = 0;; waited_ms += LOCK_STEP_MS) {
        s->joined = flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0;
        if (!s->joined || flock(s->lock_fd, LOCK_SH | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK || waited_ms >= BUSY_MS)
            return false;
        usleep(LOCK_STEP_MS * 1000);
    }
}

enum nt_err nt_sqlite_take_lock(struct sqlite_store *s, char *why, size_t why_size)
{
    char path[NT_STORE_PATH + 8], holder[32] = "";
    snprintf(path, sizeof path, "%s.lock", s->path);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) {
        nt_store_why(why, why_size, "the lock file %s cannot be opened: %s", path, strerror(errno));
        return nt_file_err(errno);
    }
    if (!lock(s)) {
        int error = errno;
        ssize_t n = pread(s->lock_fd, holder, sizeof holder - 1, 0);
        holder[n > 0 ? strspn(holder, "0123456789") : 0] = '\0';
        if (error == EWOULDBLOCK) {
            nt_store_why(why, why_size,
                         "the store %s is in use by process %s%s: stop it first, or ask it through "
                         "its admin socket",
                         s->path, holder[0] != '\0' ? holder : "(unknown)",
                         s->store.shared ? ", which does not share it" : "");
            return NT_E_LOCKED;
        }
        nt_store_why(why, why_size, "the store %s cannot be locked: %s", s->path, strerror(error));
        return nt_file_err(error);
    }
    int n = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    /* Only for the message above: a full disk is found out elsewhere. */
    if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, holder, (size_t)n, 0) != n)
        errno = 0;
    return NT_OK;
}

/* --- the database --- */

static int exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int query_int(sqlite3 *db, const char *sql, int *value)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *value = sqlite3_column_int(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

static bool query_text_is(sqlite3 *db, const char *sql, const char *want, int *rc)
{
    sqlite3_stmt *stmt = NULL;
    bool is = false;
    *rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (*rc == SQLITE_OK)
        *rc = sqlite3_step(stmt);
    if (*rc == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(stmt, 0);
        is = text != NULL && strcmp((const char *)text, want) == 0;
        *rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return is;
}

/* Steps of the schema from the store's own version on, each whole or not at all. */
static int migrate(sqlite3 *db, int from)
{
    int rc = SQLITE_OK;
    for (int v = from; v < nt_migrations_count && rc == SQLITE_OK; v++) {
        char version[64];
        snprintf(version, sizeof version, "PRAGMA user_version = %d", v + 1);
        rc = exec(db, "BEGIN EXCLUSIVE");
        if (rc == SQLITE_OK)
            rc = exec(db, nt_migrations[v]);
        if (rc == SQLITE_OK)
            rc = exec(db, version);
        if (rc == SQLITE_OK)
            rc = exec(db, "COMMIT");
        if (rc != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
            exec(db, "ROLLBACK");
    }
    return rc;
}

/* Every store has a key of its own, so that no blob can be carried from one to another. */
static void derive_key(const struct nt_secret *master, const uint8_t uuid[UUID_LEN],
                       struct nt_secret *key)
{
    char hex[2 * UUID_LEN + 1], purpose[64];
    nt_hex(uuid, UUID_LEN, hex);
    snprintf(purpose, sizeof purpose, "ntrust store %s", hex);
    nt_rest_derive(master, purpose, key);
}

int nt_sqlite_put_meta(sqlite3 *db, const char *name, const uint8_t *value, size_t len)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)", -1,
                                &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_blob(stmt, 2, value, (int)len, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Copies exactly len bytes; false when the value is not there or of another size. */
bool nt_sqlite_get_meta(sqlite3 *db, const char *name, uint8_t *value, size_t len)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    if (sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key = ?", -1, &stmt, NULL) ==
        SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        found = sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == (int)len;
        if (found)
            memcpy(value, sqlite3_column_blob(stmt, 0), len);
    }
    sqlite3_finalize(stmt);
    return found;
}

enum nt_err nt_sqlite_check_key(struct sqlite_store *s, const struct nt_secret *master,
                                const char *path, const char *key_path, char *why, size_t why_size)
{
    uint8_t uuid[UUID_LEN], sealed[sizeof check_text + NT_REST_OVERHEAD], plain[sizeof check_text];
    if (!nt_sqlite_get_meta(s->db, "uuid", uuid, sizeof uuid) ||
        !nt_sqlite_get_meta(s->db, "check", sealed, sizeof sealed)) {
        nt_store_why(why, why_size, "the store %s is damaged (no key check): " DAMAGED_ADVICE,
                     path);
        return NT_E_CORRUPT;
    }
    derive_key(master, uuid, &s->key);
    enum nt_err err =
        nt_rest_open(&s->key, check_aad, sizeof check_aad, sealed, sizeof sealed, plain);
    if (err == NT_OK && memcmp(plain, check_text, sizeof plain) == 0)
        return NT_OK;
    nt_store_why(why, why_size,
                 "the master key %s does not open the store %s: it belongs to another one; use the "
                 "key that was kept with this store",
                 key_path, path);
    return NT_E_AUTH;
}

static int open_db(const char *path, sqlite3 **db)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, db, flags, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_busy_timeout(*db, BUSY_MS);
    sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, LARGEST_VALUE);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return exec(*db, "PRAGMA cell_size_check = ON; PRAGMA cache_size = -1024;");
}

enum nt_err nt_sqlite_check(sqlite3 *db, const char *path, int *version, char *why, size_t why_size)
{
    int app = 0;
    int rc = query_int(db, "PRAGMA application_id", &app);
    if (rc == SQLITE_OK)
        rc = query_int(db, "PRAGMA user_version", version);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(db, rc, path, why, why_size);
    if (app != NT_STORE_APP_ID || *version < 1) {
        nt_store_why(why, why_size, "%s is a database of another program, not a store", path);
        return NT_E_CORRUPT;
    }
    if (*version > nt_migrations_count) {
        nt_store_why(
            why, why_size,
            "the store %s has version %d and was written by a newer ntrust; this one knows "
            "up to %d: install the newer one again",
            path, *version, nt_migrations_count);
        return NT_E_TOO_NEW;
    }
    if (query_text_is(db, "PRAGMA quick_check(1)", "ok", &rc))
        return NT_OK;
    if (rc != SQLITE_OK)
        return nt_sqlite_why(db, rc, path, why, why_size);
    nt_store_why(
        why, why_size,
        "the store %s is damaged (its own check fails): stop the daemon and " DAMAGED_ADVICE, path);
    return NT_E_CORRUPT;
}

/* With the lock held. */
static enum nt_err open_store(struct sqlite_store *s, const struct nt_secret *master,
                              const char *key_path, char *why, size_t why_size)
{
    int version = 0;
    int rc = open_db(s->path, &s->db);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->db, rc, s->path, why, why_size);
    enum nt_err err = nt_sqlite_check(s->db, s->path, &version, why, why_size);
    if (err != NT_OK)
        return err;
    if (query_text_is(s->db, "PRAGMA journal_mode = WAL", "wal", &rc))
        rc = exec(s->db, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304;");
    else if (rc == SQLITE_OK)
        rc = SQLITE_IOERR;
    /* The key first: a migration may have to read what is sealed. */
    if (rc == SQLITE_OK)
        err = nt_sqlite_check_key(s, master, s->path, key_path, why, why_size);
    if (err != NT_OK)
        return err;
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->db, rc, s->path, why, why_size);
    if (s->joined && version != nt_migrations_count) {
        nt_store_why(why, why_size,
                     "the store %s has version %d and is to be brought to %d, but others have it "
                     "open: stop them first",
                     s->path, version, nt_migrations_count);
        return NT_E_LOCKED;
    }
    rc = migrate(s->db, version);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(s->db, rc, s->path, why, why_size);
    err = nt_sqlite_prepare(s, why, why_size);
    if (err != NT_OK)
        return err;
    nt_sqlite_epoch_open(s);
    if (s->store.shared && !s->joined && flock(s->lock_fd, LOCK_SH | LOCK_NB) != 0)
        return nt_sqlite_why(s->db, SQLITE_BUSY, s->path, why, why_size);
    return NT_OK;
}

/* All names of one file lead to one path, and so to one lock. NULL: no memory, or too long. */
static char *real_path(const char *path)
{
    char dir[NT_STORE_PATH], *whole = realpath(path, NULL);
    if (whole != NULL || errno != ENOENT)
        return whole;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char *real_dir = realpath(nt_file_dir(path, dir), NULL);
    if (real_dir != NULL && asprintf(&whole, "%s/%s", real_dir, name) < 0)
        whole = NULL;
    free(real_dir);
    return whole;
}

struct sqlite_store *nt_sqlite_new(const char *path, const struct nt_env *env, char *why,
                                   size_t why_size)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    char *real = real_path(path);
    size_t len = real != NULL ? strlen(real) : 0;
    if (s == NULL || len == 0 || len >= sizeof s->path - 32) {
        nt_store_why(why, why_size, "the path of the store is too long, or memory ran out");
        free(s);
        free(real);
        return NULL;
    }
    memcpy(s->path, real, len + 1);
    free(real);
    s->store.ops = &nt_sqlite_ops;
    s->env = env;
    s->lock_fd = s->epoch.fd = -1;
    pthread_mutex_init(&s->reader_lock, NULL);
    return s;
}

static enum nt_err open_as(bool shared, const char *path, const char *key_path,
                           const struct nt_env *env, struct nt_store **store, char *why,
                           size_t why_size)
{
    NT_SCOPED_SECRET master = { .len = 0 };
    *store = NULL;
    nt_store_why(why, why_size, "%s", "");
    enum nt_err err = nt_sqlite_check_file(path, true, why, why_size);
    if (err == NT_OK)
        err = nt_master_key_load(key_path, &master, why, why_size);
    if (err != NT_OK)
        return err;

    struct sqlite_store *s = nt_sqlite_new(path, env, why, why_size);
    if (s == NULL)
        return NT_E_NOMEM;
    s->store.shared = shared;
    err = nt_sqlite_take_lock(s, why, why_size);
    if (err == NT_OK)
        err = open_store(s, &master, key_path, why, why_size);
    if (err != NT_OK) {
        nt_sqlite_close(&s->store);
        return err;
    }
    *store = &s->store;
    return NT_OK;
}

enum nt_err nt_store_open(const char *path, const char *key_path, const struct nt_env *env,
                          struct nt_store **store, char *why, size_t why_size)
{
    return open_as(false, path, key_path, env, store, why, why_size);
}

enum nt_err nt_store_open_shared(const char *path, const char *key_path, const struct nt_env *env,
                                 struct nt_store **store, char *why, size_t why_size)
{
    return open_as(true, path, key_path, env, store, why, why_size);
}

/* --- a new store --- */

/* Fills the empty file `temp` with a whole store. */
static int build_db(sqlite3 *db, const struct nt_secret *master, const struct nt_env *env)
{
    char app[64];
    uint8_t uuid[UUID_LEN], nonce[NT_REST_NONCE], sealed[sizeof check_text + NT_REST_OVERHEAD];
    NT_SCOPED_SECRET key = { .len = 0 };
    nt_random(env, uuid, sizeof uuid);
    nt_random(env, nonce, sizeof nonce);
    derive_key(master, uuid, &key);
    nt_rest_seal(&key, nonce, check_aad, sizeof check_aad, check_text, sizeof check_text, sealed);

    snprintf(app, sizeof app, "PRAGMA application_id = %d", NT_STORE_APP_ID);
    int rc = exec(db, app);
    if (rc == SQLITE_OK)
        rc = migrate(db, 0);
    if (rc == SQLITE_OK)
        rc = nt_sqlite_put_meta(db, "uuid", uuid, sizeof uuid);
    if (rc == SQLITE_OK)
        rc = nt_sqlite_put_meta(db, "check", sealed, sizeof sealed);
    if (rc == SQLITE_OK)
        rc = exec(db, "PRAGMA journal_mode = WAL");
    return rc;
}

static enum nt_err build_store(const char *path, const struct nt_secret *master,
                               const struct nt_env *env, char *why, size_t why_size)
{
    char temp[NT_STORE_PATH];
    sqlite3 *db = NULL;
    if (!nt_file_temp(path, env, temp)) {
        nt_store_why(why, why_size, "the path of the store is too long");
        return NT_E_INVALID;
    }
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* SQLite would use 0644 */
    if (fd < 0) {
        nt_store_why(why, why_size, "the store %s cannot be made: %s", path, strerror(errno));
        return nt_file_err(errno);
    }
    close(fd);
    int rc = open_db(temp, &db);
    if (rc == SQLITE_OK)
        rc = build_db(db, master, env);
    enum nt_err err = NT_OK;
    if (rc != SQLITE_OK)
        err = nt_sqlite_why(db, rc, path, why, why_size);
    sqlite3_close(db);
    if (err != NT_OK) {
        unlink(temp);
        return err;
    }
    err = nt_file_publish(temp, path);
    if (err != NT_OK)
        nt_store_why(why, why_size, "the store %s cannot be made: %s", path, nt_err_text(err));
    return err;
}

enum nt_err nt_store_create(const char *path, const char *key_path, const struct nt_env *env,
                            struct nt_store **store, char *why, size_t why_size)
{
    NT_SCOPED_SECRET master = { .len = 0 };
    struct stat st;
    char stale[NT_STORE_PATH + 8];
    static const char *const beside[] = { "-wal", "-shm", ".epoch" };
    *store = NULL;
    nt_store_why(why, why_size, "%s", "");
    enum nt_err err = check_dir(path, why, why_size);
    if (err != NT_OK)
        return err;
    struct sqlite_store *s = nt_sqlite_new(path, env, why, why_size);
    if (s == NULL)
        return NT_E_NOMEM;
    err = nt_sqlite_take_lock(s, why, why_size);
    if (err == NT_OK && lstat(s->path, &st) == 0) {
        nt_store_why(why, why_size,
                     "there is something at %s already: name another file, or remove it if the "
                     "domain in it is no longer wanted",
                     path);
        err = NT_E_EXISTS;
    }
    if (err == NT_OK)
        err = nt_master_key_create(key_path, env, &master, why, why_size);
    if (err == NT_OK) {
        /* The log of a store that was removed: SQLite would take it for the new one's. */
        for (size_t i = 0; i < NT_COUNT(beside); i++) {
            snprintf(stale, sizeof stale, "%s%s", s->path, beside[i]);
            unlink(stale);
        }
        err = build_store(s->path, &master, env, why, why_size);
    }
    if (err == NT_OK)
        err = open_store(s, &master, key_path, why, why_size);
    if (err != NT_OK) {
        nt_sqlite_close(&s->store);
        return err;
    }
    *store = &s->store;
    return NT_OK;
}
