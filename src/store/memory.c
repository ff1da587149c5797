/*
 * memory.c - the memory backend. Records are immutable and shared, so a commit keeps the
 * transaction's directory itself; the trail of events is an array.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "store/memory.h"
#include "store/store_internal.h"

struct memory_store {
    struct nt_store store; /* first */
    struct nt_dir *dir;
    uint64_t commits;
    unsigned fail_in; /* commits until one fails; 0: none */
    enum nt_err fail_with;

    pthread_mutex_t events_lock;
    struct nt_event *events;
    char **kinds; /* of the events: owned copies */
    size_t count, room;
};

static enum nt_err memory_load(struct nt_store *store, struct nt_dir **dir, char *why,
                               size_t why_size)
{
    struct memory_store *s = (struct memory_store *)store;
    (void)why;
    (void)why_size;
    *dir = nt_dir_ref(s->dir);
    return NT_OK;
}

/* Room for `more` events, with their kinds copied; nothing counts yet. */
static bool add_events(struct memory_store *s, const struct nt_event *events, size_t more)
{
    if (more > s->room - s->count) {
        size_t room = 2 * s->room + more + 16;
        struct nt_event *e = reallocarray(s->events, room, sizeof *e);
        if (e == NULL)
            return false;
        s->events = e;
        char **k = reallocarray(s->kinds, room, sizeof *k);
        if (k == NULL)
            return false;
        s->kinds = k;
        s->room = room;
    }
    for (size_t i = 0; i < more; i++) {
        char *kind = strdup(events[i].kind);
        if (kind == NULL) {
            while (i > 0)
                free(s->kinds[s->count + --i]);
            return false;
        }
        s->events[s->count + i] = events[i];
        s->events[s->count + i].id = s->count + i + 1;
        s->events[s->count + i].kind = s->kinds[s->count + i] = kind;
    }
    s->count += more;
    return true;
}

static enum nt_err memory_commit(struct nt_store *store, const struct nt_txn *txn, char *why,
                                 size_t why_size)
{
    struct memory_store *s = (struct memory_store *)store;
    if (s->fail_in > 0 && --s->fail_in == 0) {
        nt_store_why(why, why_size, "a test made this commit fail: %s", nt_err_text(s->fail_with));
        return s->fail_with;
    }
    const struct nt_event *events;
    size_t count = nt_txn_events(txn, &events);
    pthread_mutex_lock(&s->events_lock);
    bool added = add_events(s, events, count);
    pthread_mutex_unlock(&s->events_lock);
    if (!added) {
        nt_store_why(why, why_size, "out of memory");
        return NT_E_NOMEM;
    }
    struct nt_dir *before = s->dir;
    s->dir = nt_dir_ref(nt_txn_dir(txn));
    nt_dir_unref(before);
    s->commits++;
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
    struct memory_store *s = (struct memory_store *)store;
    pthread_mutex_lock(&s->events_lock);
    size_t from = after >= s->count ? s->count : (size_t)after; /* id is the index plus one */
    if (after == UINT64_MAX) {
        size_t left = max;
        while (from > 0 && left > 0) {
            from--;
            if (is_about(&s->events[from], subject))
                left--;
        }
    }
    for (size_t i = from; i < s->count && max > 0; i++) {
        if (!is_about(&s->events[i], subject))
            continue;
        fn(ctx, &s->events[i]);
        max--;
    }
    pthread_mutex_unlock(&s->events_lock);
    return NT_OK;
}

static void memory_close(struct nt_store *store)
{
    struct memory_store *s = (struct memory_store *)store;
    nt_dir_unref(s->dir);
    for (size_t i = 0; i < s->count; i++)
        free(s->kinds[i]);
    free(s->kinds);
    free(s->events);
    pthread_mutex_destroy(&s->events_lock);
    free(s);
}

static const struct nt_store_ops memory_ops = {
    .load = memory_load,
    .commit = memory_commit,
    .events = memory_events,
    .close = memory_close,
};

static struct memory_store *new_memory(struct nt_dir *dir)
{
    struct memory_store *s = dir != NULL ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        nt_dir_unref(dir);
        return NULL;
    }
    s->store.ops = &memory_ops;
    s->dir = dir;
    pthread_mutex_init(&s->events_lock, NULL);
    return s;
}

struct nt_store *nt_store_memory(void)
{
    struct memory_store *s = new_memory(nt_dir_new());
    return s != NULL ? &s->store : NULL;
}

void nt_store_memory_fail(struct nt_store *store, unsigned nth, enum nt_err err)
{
    struct memory_store *s = (struct memory_store *)store;
    s->fail_in = nth;
    s->fail_with = err;
}

uint64_t nt_store_memory_commits(const struct nt_store *store)
{
    return ((const struct memory_store *)store)->commits;
}

struct nt_store *nt_store_memory_copy(struct nt_store *store)
{
    struct memory_store *s = (struct memory_store *)store;
    struct memory_store *copy = new_memory(nt_dir_ref(s->dir));
    if (copy == NULL)
        return NULL;
    pthread_mutex_lock(&s->events_lock);
    bool added = add_events(copy, s->events, s->count);
    pthread_mutex_unlock(&s->events_lock);
    copy->commits = s->commits;
    if (added)
        return &copy->store;
    memory_close(&copy->store);
    return NULL;
}
