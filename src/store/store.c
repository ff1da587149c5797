/*
 * store.c - hands the calls of store.h to the backend that was opened.
 */
#include <stdarg.h>
#include <stdio.h>

#include "store/store_internal.h"

void nt_store_why(char *why, size_t why_size, const char *fmt, ...)
{
    if (why == NULL || why_size == 0)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, why_size, fmt, args);
    va_end(args);
}

enum nt_err nt_store_load(struct nt_store *store, struct nt_dir **dir, char *why, size_t why_size)
{
    nt_store_why(why, why_size, "%s", "");
    return store->ops->load(store, dir, why, why_size);
}

enum nt_err nt_store_commit(struct nt_store *store, const struct nt_txn *txn, char *why,
                            size_t why_size)
{
    nt_store_why(why, why_size, "%s", "");
    return store->ops->commit(store, txn, why, why_size);
}

enum nt_err nt_store_events(struct nt_store *store, uint64_t after, const char *subject, size_t max,
                            nt_event_fn *fn, void *ctx)
{
    return store->ops->events(store, after, subject != NULL ? subject : "", max, fn, ctx);
}

void nt_store_origin(struct nt_store *store, struct nt_store_origin *origin)
{
    *origin = (struct nt_store_origin){ .what = NT_ORIGIN_OWN };
    if (store->ops->origin != NULL)
        store->ops->origin(store, origin);
}

void nt_store_accept(struct nt_store *store)
{
    if (store->ops->accept != NULL)
        store->ops->accept(store);
}

bool nt_store_shared(const struct nt_store *store)
{
    return store->shared;
}

enum nt_err nt_store_begin(struct nt_store *store, const struct nt_dir *have, struct nt_dir **newer,
                           char *why, size_t why_size)
{
    *newer = NULL;
    nt_store_why(why, why_size, "%s", "");
    return store->shared ? store->ops->begin(store, have, newer, why, why_size) : NT_OK;
}

void nt_store_rollback(struct nt_store *store)
{
    if (store->shared)
        store->ops->rollback(store);
}

enum nt_err nt_store_catch_up(struct nt_store *store, const struct nt_dir *have,
                              struct nt_dir **newer, char *why, size_t why_size)
{
    *newer = NULL;
    nt_store_why(why, why_size, "%s", "");
    return store->shared ? store->ops->catch_up(store, have, newer, why, why_size) : NT_OK;
}

void nt_store_close(struct nt_store *store)
{
    if (store != NULL)
        store->ops->close(store);
}
