/*
 * engine.h - the living domain: the current directory, and the one way to change it. Requests for
 * change are decided one after the other against the newest state, made durable together (group
 * commit: one fsync for all that wait), and only then shown to readers and acknowledged.
 */
#ifndef NT_STORE_ENGINE_H
#define NT_STORE_ENGINE_H

#include "base/status.h"
#include "store/store.h"

struct nt_engine;

/*
 * One wish for change. `decide` runs in the writer's thread on a transaction that holds all earlier
 * wishes; what it put is undone when it returns an error status. It must not block, and it may run
 * a second time, on a newer transaction: when a commit fails for a reason that may lie in one wish
 * of several, each gets a commit of its own. So it sets what it leaves behind, and adds to nothing.
 * `done` runs after the commit (in the writer's thread: post it to where it belongs) with `status`
 * set: what decide said, or why it could not be stored (nothing was kept then).
 */
struct nt_wish {
    ntstatus (*decide)(struct nt_wish *wish, struct nt_txn *txn);
    void (*done)(struct nt_wish *wish); /* may be NULL */
    ntstatus status;
    struct nt_wish *next; /* the queue's */
};

/* Takes the store over, also on failure; loads the directory. Without a thread of its own
 * (nt_engine_run commits). */
enum nt_err nt_engine_new(struct nt_store *store, const struct nt_env *env,
                          struct nt_engine **engine, char *why, size_t why_size) NT_MUST_USE;
/* Commits what waits, stops the thread, closes the store. */
void nt_engine_free(struct nt_engine *engine);

/* Starts the writer's thread: from then on wishes are committed as they come. */
enum nt_err nt_engine_start(struct nt_engine *engine) NT_MUST_USE;

/* The newest committed directory, with a reference for the caller. Any thread. */
struct nt_dir *nt_engine_dir(struct nt_engine *engine);
/* The same for who uses a secret: with all that other processes have committed to a shared store
 * before this call. That costs two microseconds there (bench/README.md), nothing otherwise. */
struct nt_dir *nt_engine_dir_now(struct nt_engine *engine);
bool nt_engine_shared(const struct nt_engine *engine);

/* Queues a wish; any thread; never blocks. */
void nt_engine_wish(struct nt_engine *engine, struct nt_wish *wish);
/* Without a thread: commits all that wait as one (a great many as several), and calls done for
 * each. From one thread only. */
void nt_engine_run(struct nt_engine *engine);
/* Without a thread: whether anything waits, so that an owner who steps it knows when. */
bool nt_engine_waiting(struct nt_engine *engine);
/* For a thread that may block: queues, waits until durable, gives the status. Not from a decide or
 * done. */
ntstatus nt_engine_wish_wait(struct nt_engine *engine, struct nt_wish *wish);

/* Called after each commit that changed something: one of ours in the writer's thread, before the
 * done's; one of another process in the thread that found it. */
void nt_engine_on_commit(struct nt_engine *engine, void (*fn)(void *ctx), void *ctx);

struct nt_store *nt_engine_store(struct nt_engine *engine); /* for nt_store_events */

#endif
