/*
 * memory.c - the memory backend. Records are immutable and shared, so a commit keeps the
 * transaction's directory itself; the trail of events is an array. Several stores may share one
 * memory, as several processes share a file.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "store/memory.h"
#include "store/store_internal.h"

struct memory {
    atomic_uint refs;
    pthread_mutex_t write_lock; /* of a shared one: from begin to commit or rollback */
    pthread_mutex_t dir_lock;
    struct nt_dir *dir;
    uint64_t commits;
    unsigned fail_in; /* commits until one fails; 0: none */
    enum nt_err fail_with;

    pthread_mutex_t events_lock;
    struct nt_event *events;
    char **kinds; /* of the events: owned copies */
    size_t count, room;
};

struct memory_store {
    struct nt_store store; /* first */
    struct memory *memory;
    bool begun;
};

static struct memory *memory_of(const struct nt_store *store)
{
    return ((const struct memory_store *)store)->memory;
}

static enum nt_err memory_load(struct nt_store *store, struct nt_dir **dir, char *why,
                               size_t why_size)
{
    struct memory *m = memory_of(store);
    (void)why;
    (void)why_size;
    pthread_mutex_lock(&m->dir_lock);
    *dir = nt_dir_ref(m->dir);
    pthread_mutex_unlock(&m->dir_lock);
    return NT_OK;
}

static enum nt_err memory_catch_up(struct nt_store *store, const struct nt_dir *have,
                                   struct nt_dir **newer, char *why, size_t why_size)
{
    struct nt_dir *now;
    enum nt_err err = memory_load(store, &now, why, why_size);
    if (nt_store_serial(now) > nt_store_serial(have))
        *newer = now;
    else
        nt_dir_unref(now);
    return err;
}

static enum nt_err memory_begin(struct nt_store *store, const struct nt_dir *have,
                                struct nt_dir **newer, char *why, size_t why_size)
{
    struct memory_store *s = (struct memory_store *)store;
    pthread_mutex_lock(&s->memory->write_lock);
    s->begun = true;
    return memory_catch_up(store, have, newer, why, why_size);
}

static void memory_rollback(struct nt_store *store)
{
    struct memory_store *s = (struct memory_store *)store;
    if (s->begun)
        pthread_mutex_unlock(&s->memory->write_lock);
    s->begun = false;
}

/* Room for `more` events, with their kinds copied; nothing counts yet. */
static bool add_events(struct memory *m, const struct nt_event *events, size_t more)
{
    if (more > m->room - m->count) {
        size_t room = 2 * m->room + more + 16;
        struct nt_event *e = reallocarray(m->events, room, sizeof *e);
        if (e == NULL)
            return false;
        m->events = e;
        char **k = reallocarray(m->kinds, room, sizeof *k);
        if (k == NULL)
            return false;
        m->kinds = k;
        m->room = room;
    }
    for (size_t i = 0; i < more; i++) {
        char *kind = strdup(events[i].kind);
        if (kind == NULL) {
            while (i > 0)
                free(m->kinds[m->count + --i]);
            return false;
        }
        m->events[m->count + i] = events[i];
        m->events[m->count + i].id = m->count + i + 1;
        m->events[m->count + i].kind = m->kinds[m->count + i] = kind;
    }
    m->count += more;
    return true;
}

static enum nt_err memory_commit(struct nt_store *store, const struct nt_txn *txn, char *why,
                                 size_t why_size)
{
    struct memory *m = memory_of(store);
    if (m->fail_in > 0 && --m->fail_in == 0) {
        nt_store_why(why, why_size, "a test made this commit fail: %s", nt_err_text(m->fail_with));
        return m->fail_with;
    }
    const struct nt_event *events;
    size_t count = nt_txn_events(txn, &events);
    pthread_mutex_lock(&m->events_lock);
    bool added = add_events(m, events, count);
    pthread_mutex_unlock(&m->events_lock);
    if (!added) {
        nt_store_why(why, why_size, "out of memory");
        return NT_E_NOMEM;
    }
    pthread_mutex_lock(&m->dir_lock);
    struct nt_dir *before = m->dir;
    m->dir = nt_dir_ref(nt_txn_dir(txn));
    pthread_mutex_unlock(&m->dir_lock);
    nt_dir_unref(before);
    m->commits++;
    memory_rollback(store); /* the end of what was begun */
    return NT_OK;
}

static bool is_about(const struct nt_event *event, const char *subject)
{
    return subject[0] == '\0' || strcmp(event->subject, subject) == 0 ||
           nt_name_equal(event->subject, subject);
}

static enum nt_err memory_events(struct nt_store *store, uint64_t after, const char *subject,
                                 size_t max, nt_event_fn *fn, void *ctx)
{
    struct memory *m = memory_of(store);
    pthread_mutex_lock(&m->events_lock);
    size_t from = after >= m->count ? m->count : (size_t)after; /* id is the index plus one */
    if (after == UINT64_MAX) {
        size_t left = max;
        while (from > 0 && left > 0) {
            from--;
            if (is_about(&m->events[from], subject))
                left--;
        }
    }
    for (size_t i = from; i < m->count && max > 0; i++) {
        if (!is_about(&m->events[i], subject))
            continue;
        fn(ctx, &m->events[i]);
        max--;
    }
    pthread_mutex_unlock(&m->events_lock);
    return NT_OK;
}

static void release(struct memory *m)
{
    if (atomic_fetch_sub(&m->refs, 1) != 1)
        return;
    nt_dir_unref(m->dir);
    for (size_t i = 0; i < m->count; i++)
        free(m->kinds[i]);
    free(m->kinds);
    free(m->events);
    pthread_mutex_destroy(&m->events_lock);
    pthread_mutex_destroy(&m->dir_lock);
    pthread_mutex_destroy(&m->write_lock);
    free(m);
}

static void memory_close(struct nt_store *store)
{
    release(memory_of(store));
    free(store);
}

static const struct nt_store_ops memory_ops = {
    .load = memory_load,
    .commit = memory_commit,
    .events = memory_events,
    .close = memory_close,
    .begin = memory_begin,
    .rollback = memory_rollback,
    .catch_up = memory_catch_up,
};

static struct memory *new_memory(struct nt_dir *dir)
{
    struct memory *m = dir != NULL ? calloc(1, sizeof *m) : NULL;
    if (m == NULL) {
        nt_dir_unref(dir);
        return NULL;
    }
    m->dir = dir;
    atomic_init(&m->refs, 1);
    pthread_mutex_init(&m->write_lock, NULL);
    pthread_mutex_init(&m->dir_lock, NULL);
    pthread_mutex_init(&m->events_lock, NULL);
    return m;
}

/* Takes the reference over. */
static struct nt_store *new_store(struct memory *m)
{
    struct memory_store *s = m != NULL ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        if (m != NULL)
            release(m);
        return NULL;
    }
    s->store.ops = &memory_ops;
    s->memory = m;
    return &s->store;
}

struct nt_store *nt_store_memory(void)
{
    return new_store(new_memory(nt_dir_new()));
}

struct nt_store *nt_store_memory_share(struct nt_store *store)
{
    struct memory *m = memory_of(store);
    atomic_fetch_add(&m->refs, 1);
    struct nt_store *other = new_store(m);
    if (other != NULL)
        other->shared = store->shared = true;
    return other;
}

void nt_store_memory_fail(struct nt_store *store, unsigned nth, enum nt_err err)
{
    struct memory *m = memory_of(store);
    m->fail_in = nth;
    m->fail_with = err;
}

uint64_t nt_store_memory_commits(const struct nt_store *store)
{
    return memory_of(store)->commits;
}

struct nt_store *nt_store_memory_copy(struct nt_store *store)
{
    struct memory *m = memory_of(store);
    struct memory *copy = new_memory(nt_dir_ref(m->dir));
    if (copy == NULL)
        return NULL;
    pthread_mutex_lock(&m->events_lock);
    bool added = add_events(copy, m->events, m->count);
    pthread_mutex_unlock(&m->events_lock);
    copy->commits = m->commits;
    if (added)
        return new_store(copy);
    release(copy);
    return NULL;
}
