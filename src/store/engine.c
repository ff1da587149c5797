/*
 * engine.c - the writer: one queue of wishes, one transaction for all that wait, one commit.
 *
 * Two locks, never held together and never while a wish decides or the disk works: `queue_lock`
 * for the queue and the thread's state, `dir_lock` for the pointer to the current directory (held
 * for as long as it takes to count a reference). A third one, `look_lock`, is held by who looks for
 * what other processes have committed to a shared store, and around both.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/sim_bugs.h"
#include "store/engine.h"
#include "store/store_internal.h"

/* Bounds of one commit, so that a flood of wishes does not delay the first of them without end. */
#define BATCH_WISHES  512
#define BATCH_CHANGES 4096

struct nt_engine {
    struct nt_store *store;
    const struct nt_env *env;
    void (*on_commit)(void *ctx);
    void *on_commit_ctx;

    pthread_mutex_t dir_lock;
    struct nt_dir *dir; /* the newest committed one */

    pthread_mutex_t look_lock;
    bool look_failed; /* and that was said */

    pthread_mutex_t queue_lock;
    pthread_cond_t wake; /* the queue is not empty, or stopping */
    struct nt_wish *first, **last;
    bool started, stopping;
    pthread_t thread;
};

enum nt_err nt_engine_new(struct nt_store *store, const struct nt_env *env,
                          struct nt_engine **engine, char *why, size_t why_size)
{
    *engine = NULL;
    struct nt_engine *e = calloc(1, sizeof *e);
    if (e == NULL) {
        nt_store_why(why, why_size, "out of memory while the directory was loaded");
        nt_store_close(store);
        return NT_E_NOMEM;
    }
    enum nt_err err = nt_store_load(store, &e->dir, why, why_size);
    if (err != NT_OK) {
        nt_store_close(store);
        free(e);
        return err;
    }
    e->store = store;
    e->env = env;
    e->last = &e->first;
    /* With default attributes these cannot fail under glibc or musl. */
    pthread_mutex_init(&e->dir_lock, NULL);
    pthread_mutex_init(&e->look_lock, NULL);
    pthread_mutex_init(&e->queue_lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    *engine = e;
    return NT_OK;
}

struct nt_dir *nt_engine_dir(struct nt_engine *engine)
{
    pthread_mutex_lock(&engine->dir_lock);
    struct nt_dir *dir = nt_dir_ref(engine->dir);
    pthread_mutex_unlock(&engine->dir_lock);
    return dir;
}

/* Takes the reference. Of a shared store two threads may have built the next directory, one of them
 * from an older commit than the other. */
static void show(struct nt_engine *e, struct nt_dir *next)
{
    pthread_mutex_lock(&e->dir_lock);
    struct nt_dir *old = next;
    if (!nt_store_shared(e->store) || nt_store_serial(next) > nt_store_serial(e->dir)) {
        old = e->dir;
        e->dir = next;
    }
    pthread_mutex_unlock(&e->dir_lock);
    nt_dir_unref(old);
}

static void tell(struct nt_engine *e)
{
    pthread_mutex_lock(&e->queue_lock);
    void (*fn)(void *ctx) = e->on_commit;
    void *ctx = e->on_commit_ctx;
    pthread_mutex_unlock(&e->queue_lock);
    if (fn != NULL)
        fn(ctx);
}

bool nt_engine_shared(const struct nt_engine *engine)
{
    return nt_store_shared(engine->store);
}

struct nt_dir *nt_engine_dir_now(struct nt_engine *engine)
{
    if (!nt_store_shared(engine->store))
        return nt_engine_dir(engine);
    char why[NT_STORE_WHY * 2] = "";
    pthread_mutex_lock(&engine->look_lock);
    struct nt_dir *newer, *have = nt_engine_dir(engine);
    enum nt_err err = nt_store_catch_up(engine->store, have, &newer, why, sizeof why);
    bool found = newer != NULL;
    if (found)
        show(engine, newer);
    if (err != NT_OK && !engine->look_failed)
        nt_log(NT_LOG_ERROR, "what other controllers have stored cannot be read: %s", why);
    engine->look_failed = err != NT_OK;
    pthread_mutex_unlock(&engine->look_lock);
    nt_dir_unref(have);
    if (found)
        tell(engine);
    return nt_engine_dir(engine);
}

struct nt_store *nt_engine_store(struct nt_engine *engine)
{
    return engine->store;
}

void nt_engine_on_commit(struct nt_engine *engine, void (*fn)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&engine->queue_lock);
    engine->on_commit = fn;
    engine->on_commit_ctx = ctx;
    pthread_mutex_unlock(&engine->queue_lock);
}

void nt_engine_wish(struct nt_engine *engine, struct nt_wish *wish)
{
    wish->next = NULL;
    pthread_mutex_lock(&engine->queue_lock);
    *engine->last = wish;
    engine->last = &wish->next;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->queue_lock);
}

bool nt_engine_waiting(struct nt_engine *engine)
{
    pthread_mutex_lock(&engine->queue_lock);
    bool any = engine->first != NULL;
    pthread_mutex_unlock(&engine->queue_lock);
    return any;
}

/* Everything that waits, or NULL. With `block`, waits for something; NULL then means: stop. */
static struct nt_wish *take_queue(struct nt_engine *e, bool block)
{
    pthread_mutex_lock(&e->queue_lock);
    while (block && e->first == NULL && !e->stopping)
        pthread_cond_wait(&e->wake, &e->queue_lock);
    struct nt_wish *head = e->first;
    e->first = NULL;
    e->last = &e->first;
    pthread_mutex_unlock(&e->queue_lock);
    return head;
}

/* --- one batch --- */

struct batch {
    struct nt_wish *wish[BATCH_WISHES];
    size_t count;
};

/* Lets one wish decide; what it put is undone unless it was successful. NT_E_NOMEM: the transaction
 * cannot go on. */
static enum nt_err decide_one(struct nt_txn *txn, struct nt_wish *w)
{
    struct nt_txn_mark mark;
    enum nt_err err = nt_txn_mark(txn, &mark);
    if (err != NT_OK)
        return err;
    w->status = w->decide(w, txn);
    if (nt_txn_failed(txn))
        w->status = NT_STATUS(NO_MEMORY); /* no change without its line in the audit trail */
    if (nt_status_ok(w->status))
        nt_txn_keep(txn, &mark);
    else
        nt_txn_undo(txn, &mark);
    return NT_OK;
}

/* Fills the batch from the list and lets all decide. *rest is what did not fit any more. */
static enum nt_err decide_batch(struct nt_txn *txn, struct nt_wish *list, struct batch *b,
                                struct nt_wish **rest)
{
    const struct nt_change *changes;
    enum nt_err err = NT_OK;
    b->count = 0;
    while (list != NULL && b->count < BATCH_WISHES &&
           (b->count == 0 || nt_txn_changes(txn, &changes) < BATCH_CHANGES)) {
        struct nt_wish *w = list;
        list = w->next;
        b->wish[b->count++] = w;
        err = decide_one(txn, w);
        if (err != NT_OK)
            break;
    }
    *rest = list;
    return err;
}

/* The serial tells every commit that changed the domain apart from the one before. */
static enum nt_err put_serial(const struct nt_dir *base, struct nt_txn *txn)
{
    const struct nt_domain *now = nt_dir_domain(nt_txn_dir(txn));
    if (now == NULL)
        return NT_OK;
    const struct nt_domain *before = nt_dir_domain(base);
    uint64_t serial = before != NULL ? before->serial : now->serial;
    struct nt_domain *next = nt_record_clone(now);
    if (next == NULL)
        return NT_E_NOMEM;
    next->serial = serial + 1;
    next->changed = nt_txn_now(txn);
    return nt_txn_put(txn, next);
}

/* Makes the transaction durable and, after that, visible. *changed: readers have something new. */
static enum nt_err commit(struct nt_engine *e, const struct nt_dir *base, struct nt_txn *txn,
                          bool *changed)
{
    const struct nt_change *changes;
    const struct nt_event *events;
    char why[NT_STORE_WHY * 2] = "out of memory";
    bool change = nt_txn_changes(txn, &changes) > 0;
    if (!change && nt_txn_events(txn, &events) == 0)
        return NT_OK;

    enum nt_err err = change ? put_serial(base, txn) : NT_OK;
    if (err == NT_OK)
        err = nt_store_commit(e->store, txn, why, sizeof why);
    if (err != NT_OK) {
        nt_log(NT_LOG_ERROR, "store commit failed: %s", why);
        return err;
    }
    if (change) {
        show(e, nt_dir_ref(nt_txn_dir(txn)));
        *changed = true;
    }
    return NT_OK;
}

/* True for failures that may lie in what one wish asked, so that the others deserve a second try.
 * What lies in the disk or the store itself would only fail again. */
static bool concerns_one(enum nt_err err)
{
    switch (err) {
    case NT_E_NOMEM:
    case NT_E_TRUNCATED:
    case NT_E_MALFORMED:
    case NT_E_LIMIT:
    case NT_E_STATE:
    case NT_E_EXISTS:
    case NT_E_INVALID:
    case NT_E_CONFLICT:
    case NT_E_UNSUPPORTED:
        return true;
    case NT_OK:
    case NT_E_AUTH:
    case NT_E_TIMEOUT:
    case NT_E_NOT_FOUND:
    case NT_E_DENIED:
    case NT_E_IO:
    case NT_E_FULL:
    case NT_E_LOCKED:
    case NT_E_READONLY:
    case NT_E_CORRUPT:
    case NT_E_TOO_NEW:
        return false;
    }
    return false;
}

/* Readers first, then those who asked: an acknowledged change can be read back at once. */
static void finish(struct nt_engine *e, struct batch *b, bool changed)
{
    if (changed)
        tell(e);
    for (size_t i = 0; i < b->count; i++)
        if (b->wish[i]->done != NULL) /* the wish may be gone after this */
            b->wish[i]->done(b->wish[i]);
}

/* The directory to decide on, with a reference. Of a shared store the newest one, and from here on
 * it stays that: what a wish compares inside its transaction is what the commit will find. */
static struct nt_dir *begin(struct nt_engine *e, enum nt_err *err, bool *changed)
{
    char why[NT_STORE_WHY * 2];
    struct nt_dir *newer, *have = nt_engine_dir(e);
    *err = nt_store_begin(e->store, have, &newer, why, sizeof why);
    *changed = newer != NULL;
    if (*err != NT_OK)
        nt_log(NT_LOG_ERROR, "store cannot begin a change: %s", why);
    if (newer == NULL)
        return have;
    nt_dir_unref(have);
    show(e, nt_dir_ref(newer));
    return newer;
}

/* Decides and commits from the head of the list; gives the rest of it. The commit's outcome stands
 * in *err; `b` holds the wishes that were served, not yet told. */
static struct nt_wish *serve(struct nt_engine *e, struct nt_wish *list, struct batch *b,
                             enum nt_err *err, bool *changed)
{
    struct nt_wish *rest = list;
    struct nt_dir *base = begin(e, err, changed);
    struct nt_txn *txn = *err == NT_OK ? nt_txn_begin(base, e->env) : NULL;
    if (*err == NT_OK && txn == NULL)
        *err = NT_E_NOMEM;
    if (txn != NULL)
        *err = decide_batch(txn, list, b, &rest);
    else
        for (b->count = 0; rest != NULL && b->count < BATCH_WISHES; rest = rest->next)
            b->wish[b->count++] = rest;
    if (NT_SIM_BUG(ANSWER_EARLY) && *err == NT_OK) {
        finish(e, b, false);
        b->count = 0;
    }
    if (*err == NT_OK)
        *err = commit(e, base, txn, changed);
    nt_store_rollback(e->store); /* what was not committed */
    nt_txn_free(txn);
    nt_dir_unref(base);
    return rest;
}

static void serve_list(struct nt_engine *e, struct nt_wish *list)
{
    struct batch b;
    while (list != NULL) {
        enum nt_err err;
        bool changed;
        struct nt_wish *rest = serve(e, list, &b, &err, &changed);
        if (err != NT_OK && b.count > 1 && concerns_one(err)) {
            struct batch one;
            for (size_t i = 0; i < b.count; i++) {
                struct nt_wish *w = b.wish[i];
                w->next = NULL;
                serve(e, w, &one, &err, &changed);
                if (err != NT_OK)
                    w->status = nt_status_of(err);
                finish(e, &one, changed);
            }
        } else {
            for (size_t i = 0; err != NT_OK && i < b.count; i++)
                b.wish[i]->status = nt_status_of(err);
            finish(e, &b, changed);
        }
        list = rest;
    }
}

void nt_engine_run(struct nt_engine *engine)
{
    assert(!engine->started || pthread_equal(pthread_self(), engine->thread));
    for (;;) {
        struct nt_wish *list = take_queue(engine, false);
        if (list == NULL)
            return;
        serve_list(engine, list);
    }
}

/* --- the thread --- */

static void *writer(void *arg)
{
    struct nt_engine *e = arg;
    for (;;) {
        struct nt_wish *list = take_queue(e, true);
        if (list == NULL)
            return NULL;
        serve_list(e, list);
    }
}

enum nt_err nt_engine_start(struct nt_engine *engine)
{
    /* Signals are the main thread's business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&engine->thread, NULL, writer, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return NT_E_NOMEM;
    engine->started = true;
    return NT_OK;
}

struct waiter {
    struct nt_wish wish; /* first */
    struct nt_wish *inner;
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool finished;
};

static ntstatus waiter_decide(struct nt_wish *wish, struct nt_txn *txn)
{
    struct waiter *w = (struct waiter *)wish;
    return w->inner->decide(w->inner, txn);
}

static void waiter_done(struct nt_wish *wish)
{
    struct waiter *w = (struct waiter *)wish;
    w->inner->status = wish->status;
    if (w->inner->done != NULL)
        w->inner->done(w->inner);
    pthread_mutex_lock(&w->lock);
    w->finished = true;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

ntstatus nt_engine_wish_wait(struct nt_engine *engine, struct nt_wish *wish)
{
    struct waiter w = { .wish = { .decide = waiter_decide, .done = waiter_done }, .inner = wish };
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.told, NULL);
    nt_engine_wish(engine, &w.wish);
    if (!engine->started) {
        nt_engine_run(engine);
    } else {
        assert(!pthread_equal(pthread_self(), engine->thread)); /* it would wait for itself */
        pthread_mutex_lock(&w.lock);
        while (!w.finished)
            pthread_cond_wait(&w.told, &w.lock);
        pthread_mutex_unlock(&w.lock);
    }
    assert(w.finished || !engine->started);
    pthread_cond_destroy(&w.told);
    pthread_mutex_destroy(&w.lock);
    return w.wish.status;
}

void nt_engine_free(struct nt_engine *engine)
{
    if (engine == NULL)
        return;
    if (engine->started) {
        pthread_mutex_lock(&engine->queue_lock);
        engine->stopping = true;
        pthread_cond_signal(&engine->wake);
        pthread_mutex_unlock(&engine->queue_lock);
        pthread_join(engine->thread, NULL);
        engine->started = false;
    }
    nt_engine_run(engine);
    nt_dir_unref(engine->dir);
    nt_store_close(engine->store);
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->queue_lock);
    pthread_mutex_destroy(&engine->look_lock);
    pthread_mutex_destroy(&engine->dir_lock);
    free(engine);
}
