/*
 * sqlite_internal.h - seen by the files of the SQLite backend only: sqlite_open.c (what stands
 * around the database), sqlite.c (transactions and events), sqlite_save.c and sqlite_load.c
 * (records to rows and back).
 */
#ifndef NT_STORE_SQLITE_INTERNAL_H
#define NT_STORE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/blob.h"
#include "store/epoch.h"
#include "store/files.h"
#include "store/store_internal.h"

/* clang-format off: SQL */
#define SQLITE_STATEMENTS(X)                                                                       \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(DOMAIN_PUT, "INSERT OR REPLACE INTO domain (one, name, computer, dns_name, sid, next_rid,"   \
                  " created, serial, store_id, changed, restored_at, restored_to,"                 \
                  " restored_surely) VALUES (1,?,?,?,?,?,?,?,?,?,?,?,?)")                          \
    X(DOMAIN_DROP, "DELETE FROM domain")                                                           \
    X(POLICY_PUT, "INSERT OR REPLACE INTO policy (name, value) VALUES (?,?)")                      \
    X(POLICY_DROP, "DELETE FROM policy")                                                           \
    X(ACCOUNT_PUT,                                                                                 \
      "INSERT OR REPLACE INTO account (rid, name, acb, primary_rid, full_name, comment,"           \
      " user_comment, home_dir, home_drive, script, profile, workstations, parameters,"            \
      " created, password_set, expires, locked_at, logon_hours, allow_weak_crypto, sealed)"        \
      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")                                         \
    X(ACCOUNT_DROP, "DELETE FROM account WHERE rid = ?")                                           \
    X(GROUP_PUT, "INSERT OR REPLACE INTO grp (rid, attributes, name, comment) VALUES (?,?,?,?)")   \
    X(GROUP_DROP, "DELETE FROM grp WHERE rid = ?")                                                 \
    X(GROUP_MEMBERS, "SELECT member FROM grp_member WHERE rid = ? ORDER BY member")                \
    X(GROUP_MEMBER_PUT, "INSERT OR IGNORE INTO grp_member (rid, member) VALUES (?,?)")             \
    X(GROUP_MEMBER_DROP, "DELETE FROM grp_member WHERE rid = ? AND member = ?")                    \
    X(GROUP_MEMBERS_DROP, "DELETE FROM grp_member WHERE rid = ?")                                  \
    X(ALIAS_PUT, "INSERT OR REPLACE INTO alias (builtin, rid, name, comment) VALUES (?,?,?,?)")    \
    X(ALIAS_DROP, "DELETE FROM alias WHERE builtin = ? AND rid = ?")                               \
    X(ALIAS_MEMBER_PUT, "INSERT OR IGNORE INTO alias_member (builtin, rid, sid) VALUES (?,?,?)")   \
    X(ALIAS_MEMBERS_DROP, "DELETE FROM alias_member WHERE builtin = ? AND rid = ?")                \
    X(TDO_PUT,                                                                                     \
      "INSERT OR REPLACE INTO tdo (key, name, dns_name, sid, direction, type, attributes,"         \
      " enc_types, servers, created, allow_weak_crypto, sealed)"                                   \
      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")                                                         \
    X(TDO_DROP, "DELETE FROM tdo WHERE key = ?")                                                   \
    X(SECRET_PUT, "INSERT OR REPLACE INTO secret (key, name, current_set, old_set, sealed)"        \
                  " VALUES (?,?,?,?,?)")                                                           \
    X(SECRET_DROP, "DELETE FROM secret WHERE key = ?")                                             \
    X(CHANGED_PUT, "INSERT OR REPLACE INTO changed (kind, name, rid, serial) VALUES (?,?,?,?)")    \
    X(EVENT_ADD, "INSERT INTO event (at, level, kind, subject, subject_key, peer, text)"           \
                 " VALUES (?,?,?,?,?,?,?)")
/* clang-format on */

#define SQLITE_STATEMENT_ENUM(name, sql) STMT_##name,
enum sqlite_statement { SQLITE_STATEMENTS(SQLITE_STATEMENT_ENUM) STMT_COUNT };
#undef SQLITE_STATEMENT_ENUM

struct sqlite_store {
    struct nt_store store; /* first */
    const struct nt_env *env;
    sqlite3 *db; /* the writer's */
    sqlite3_stmt *stmt[STMT_COUNT];
    struct nt_secret key; /* of this store's blobs: derived from the master key */
    int lock_fd;
    bool joined; /* shared, and others had it open before */
    char path[NT_STORE_PATH];
    struct nt_epoch epoch;
    struct nt_epoch_mark own; /* how far the store itself was when it was opened */
    struct nt_store_origin origin;
    bool begun, life_due; /* a new life: in the file; and not yet in the store */

    pthread_mutex_t reader_lock;
    sqlite3 *reader; /* events are read beside the writer; opened when first asked for */

    /* shared: what others commit is looked for beside the writer (sqlite_share.c) */
    sqlite3 *watch;
    sqlite3_stmt *version; /* of what `watch` saw */
    int64_t seen;          /* the version up to which everything was handed over */
    bool seen_any;
};

/* What an extended result code of SQLite means for us. */
enum nt_err nt_sqlite_err(sqlite3 *db, int rc);
/* Says in one line what the code means and what to do about it; returns nt_sqlite_err. */
enum nt_err nt_sqlite_why(sqlite3 *db, int rc, const char *path, char *why, size_t why_size);

/* There, readable (and writable) for us, and not obviously something else. */
enum nt_err nt_sqlite_check_file(const char *path, bool to_write, char *why,
                                 size_t why_size) NT_MUST_USE;
/* A store that is not open yet, with its real path. NULL: why says it. Freed by nt_sqlite_close. */
struct sqlite_store *nt_sqlite_new(const char *path, const struct nt_env *env, char *why,
                                   size_t why_size);
enum nt_err nt_sqlite_take_lock(struct sqlite_store *s, char *why, size_t why_size) NT_MUST_USE;
/* Derives s->key, and tries it on s->db, which is named `path` in why. */
enum nt_err nt_sqlite_check_key(struct sqlite_store *s, const struct nt_secret *master,
                                const char *path, const char *key_path, char *why,
                                size_t why_size) NT_MUST_USE;
/* As nt_store_backup; the copy remembers when it was made, unless that is 0. */
enum nt_err nt_sqlite_copy(const char *path, const char *to, const struct nt_env *env,
                           nt_time copied_at, char *why, size_t why_size) NT_MUST_USE;
/* Ours, of a version that we know, and sound in itself. */
enum nt_err nt_sqlite_check(sqlite3 *db, const char *path, int *version, char *why,
                            size_t why_size) NT_MUST_USE;

/* Values of the table meta. get copies exactly len bytes; false when the value is not there or of
 * another size. put gives an SQLite result code. */
int nt_sqlite_put_meta(sqlite3 *db, const char *name, const uint8_t *value, size_t len);
bool nt_sqlite_get_meta(sqlite3 *db, const char *name, uint8_t *value, size_t len);
enum nt_err nt_sqlite_stamp(sqlite3 *db, const char *name, nt_time when) NT_MUST_USE;

/* Finds out about the store's past; never fails, but warns. */
void nt_sqlite_epoch_open(struct sqlite_store *s);
/* Inside a transaction: a new life begins with the first one. An SQLite result code. */
int nt_sqlite_live(struct sqlite_store *s);
void nt_sqlite_moved(struct sqlite_store *s, const struct nt_txn *txn); /* after a commit */
void nt_sqlite_origin(struct nt_store *store, struct nt_store_origin *origin);
void nt_sqlite_accept(struct nt_store *store);

extern const struct nt_store_ops nt_sqlite_ops;
enum nt_err nt_sqlite_prepare(struct sqlite_store *s, char *why, size_t why_size) NT_MUST_USE;
void nt_sqlite_close(struct nt_store *store);

/* Inside an open transaction. Returns an SQLite result code; or SQLITE_OK with *err set when the
 * record itself cannot be stored. */
int nt_sqlite_save(struct sqlite_store *s, const struct nt_change *change, enum nt_err *err);
int nt_sqlite_save_event(struct sqlite_store *s, const struct nt_event *event);

/* The key of a changed record, and the serial of the commit, for nt_sqlite_load_newer. */
int nt_sqlite_save_changed(struct sqlite_store *s, const struct nt_change *change, uint64_t serial,
                           enum nt_err *err);

enum nt_err nt_sqlite_load(struct nt_store *store, struct nt_dir **dir, char *why, size_t why_size);
/* Inside a transaction of `db`: *newer is `have` with what was committed behind it, or NULL. */
enum nt_err nt_sqlite_load_newer(struct sqlite_store *s, sqlite3 *db, const struct nt_dir *have,
                                 struct nt_dir **newer, char *why, size_t why_size);

/* sqlite_share.c: see nt_store_begin and the others. */
enum nt_err nt_sqlite_begin(struct nt_store *store, const struct nt_dir *have,
                            struct nt_dir **newer, char *why, size_t why_size);
void nt_sqlite_rollback(struct nt_store *store);
enum nt_err nt_sqlite_catch_up(struct nt_store *store, const struct nt_dir *have,
                               struct nt_dir **newer, char *why, size_t why_size);
/* A statement that gives no rows. */
int nt_sqlite_run(sqlite3_stmt *stmt);

/* Columns of a result row; what does not fit its type sets *bad. */
uint32_t nt_column_u32(sqlite3_stmt *stmt, int i, bool *bad);
uint64_t nt_column_u64(sqlite3_stmt *stmt, int i, bool *bad);
const char *nt_column_text(sqlite3_stmt *stmt, int i, bool *bad); /* lives until the next step */

/* The form of a name that serves as key; raw where it is not UTF-8. False: no memory, too long. */
#define NT_KEY_MAX 1024
bool nt_sqlite_key(const char *name, char out[NT_KEY_MAX]);

#endif
