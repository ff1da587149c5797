/*
 * store.h - where a domain lasts: transactions on typed records. Backends: SQLite (sqlite.c) and
 * memory (memory.c). Opened by one process at a time, or by several that share it; used by one
 * thread at a time (the writer), except nt_store_events, which any thread may call, and
 * nt_store_catch_up, which one other may.
 */
#ifndef NT_STORE_STORE_H
#define NT_STORE_STORE_H

#include "domain/dir.h"

struct nt_store;

/*
 * Opens an existing store read-write and takes the lock on it.
 *   path        the database file; the master key is at `key_path` (mode 0600, else refused)
 *   why[]       on failure one line that says what is wrong and what to do
 * NT_E_NOT_FOUND, NT_E_LOCKED, NT_E_READONLY, NT_E_CORRUPT, NT_E_TOO_NEW, NT_E_FULL, NT_E_DENIED
 * (permissions of store or key), NT_E_AUTH (the key does not open this store), NT_E_IO.
 */
enum nt_err nt_store_open(const char *path, const char *key_path, const struct nt_env *env,
                          struct nt_store **store, char *why, size_t why_size) NT_MUST_USE;
/* The same, and others may have it open that share it, too: several controllers of one domain on
 * one machine. NT_E_LOCKED when somebody has it open for himself alone. */
enum nt_err nt_store_open_shared(const char *path, const char *key_path, const struct nt_env *env,
                                 struct nt_store **store, char *why, size_t why_size) NT_MUST_USE;
bool nt_store_shared(const struct nt_store *store);
/* Makes a new, empty one, with a new master key if there is none. NT_E_EXISTS when there is. */
enum nt_err nt_store_create(const char *path, const char *key_path, const struct nt_env *env,
                            struct nt_store **store, char *why, size_t why_size) NT_MUST_USE;
/*
 * Whether the store that was opened is what was here last. One that is not was restored from a
 * backup, or its file was copied over: found out by a file beside it, see epoch.h.
 */
enum nt_origin {
    NT_ORIGIN_OWN,
    NT_ORIGIN_RESTORED, /* it has gone back */
    NT_ORIGIN_UNKNOWN   /* the file beside it is missing or unusable, so it may have */
};
struct nt_store_origin {
    enum nt_origin what;
    nt_time
        as_of; /* to when it has gone back: of its newest change, or of the backup; 0: unknown */
    char text[512]; /* one or two sentences for people; "" for OWN */
};
void nt_store_origin(struct nt_store *store, struct nt_store_origin *origin);
/* What follows from that is durable: from now on this is the store's own past. Until then the next
 * opening finds the same. Writer's thread, or before there is one. */
void nt_store_accept(struct nt_store *store);

/* In memory, for tests and the simulator. */
struct nt_store *nt_store_memory(void);
void nt_store_close(struct nt_store *store);

/* Reads everything into a new directory. */
enum nt_err nt_store_load(struct nt_store *store, struct nt_dir **dir, char *why,
                          size_t why_size) NT_MUST_USE;

/*
 * Of a shared store, before a transaction is begun on its directory: nobody else commits until
 * nt_store_commit or nt_store_rollback. *newer: a directory with what others have committed behind
 * `have`; NULL when that is the newest. Not shared: nothing.
 */
enum nt_err nt_store_begin(struct nt_store *store, const struct nt_dir *have, struct nt_dir **newer,
                           char *why, size_t why_size) NT_MUST_USE;
void nt_store_rollback(struct nt_store *store); /* also when nothing was begun */
/* The same look without a transaction: everything that was committed before the call is in *newer
 * or in `have`. Waits for no writer. */
enum nt_err nt_store_catch_up(struct nt_store *store, const struct nt_dir *have,
                              struct nt_dir **newer, char *why, size_t why_size) NT_MUST_USE;

/* Makes the transaction's changes and events durable, all or nothing, before it returns.
 * NT_E_FULL, NT_E_IO, NT_E_READONLY, NT_E_CORRUPT: nothing of it was kept; why[] says it. */
enum nt_err nt_store_commit(struct nt_store *store, const struct nt_txn *txn, char *why,
                            size_t why_size) NT_MUST_USE;

/* Events with id > after, oldest first, or with after == UINT64_MAX the newest `max` (newest
 * last); subject NULL or "" for all. Calls fn for each; the event lives as long as that call, which
 * must not ask for events again. */
typedef void nt_event_fn(void *ctx, const struct nt_event *event);
enum nt_err nt_store_events(struct nt_store *store, uint64_t after, const char *subject, size_t max,
                            nt_event_fn *fn, void *ctx) NT_MUST_USE;

#endif
