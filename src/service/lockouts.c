/*
 * lockouts.c - bad password counts by RID. A try counts from the moment it begins until its result
 * is known, so that any number of parallel guesses are as good as guesses in a row.
 */
#include "service/lockouts.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 1024u /* a power of two */

struct slot {
    struct slot *next;
    uint32_t rid;
    uint32_t bad;     /* wrong ones inside the window */
    uint32_t pending; /* comparisons in progress */
    nt_time last_bad;
};

struct nt_lockouts {
    pthread_mutex_t lock;
    pthread_cond_t settled; /* some comparison ended */
    struct slot *buckets[BUCKETS];
};

struct nt_lockouts *nt_lockouts_new(void)
{
    struct nt_lockouts *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return NULL;
    }
    if (pthread_cond_init(&t->settled, NULL) != 0) {
        pthread_mutex_destroy(&t->lock);
        free(t);
        return NULL;
    }
    return t;
}

void nt_lockouts_free(struct nt_lockouts *t)
{
    if (t == NULL)
        return;
    for (size_t b = 0; b < BUCKETS; b++)
        for (struct slot *s = t->buckets[b], *next; s != NULL; s = next) {
            next = s->next;
            free(s);
        }
    pthread_cond_destroy(&t->settled);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct slot **place(struct nt_lockouts *t, uint32_t rid)
{
    struct slot **at = &t->buckets[rid & (BUCKETS - 1)];
    while (*at != NULL && (*at)->rid != rid)
        at = &(*at)->next;
    return at;
}

static void forget_old(struct slot *s, const struct nt_policy *policy, nt_time now)
{
    nt_time window = policy->lockout_window_s * NT_TIME_SECOND;
    if (s->bad > 0 && now > s->last_bad && now - s->last_bad > window)
        s->bad = 0;
}

/* A slot that counts nothing goes. */
static void tidy(struct slot **at)
{
    struct slot *s = *at;
    if (s->bad == 0 && s->pending == 0) {
        *at = s->next;
        free(s);
    }
}

bool nt_lockouts_try(struct nt_lockouts *t, const struct nt_policy *policy, uint32_t rid,
                     nt_time now)
{
    if (policy->lockout_threshold == 0)
        return true;

    bool ok = false;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        struct slot **at = place(t, rid);
        if (*at == NULL)
            *at = calloc(1, sizeof **at);
        struct slot *s = *at;
        if (s == NULL)
            break; /* what cannot be counted is not tried */
        s->rid = rid;
        forget_old(s, policy, now);
        if (s->bad >= policy->lockout_threshold)
            break;
        if (s->bad + s->pending < policy->lockout_threshold) {
            s->pending++;
            ok = true;
            break;
        }
        /* Each of those in progress may turn out wrong; only then is this one too many. */
        pthread_cond_wait(&t->settled, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return ok;
}

bool nt_lockouts_result(struct nt_lockouts *t, const struct nt_policy *policy, uint32_t rid,
                        bool right, nt_time now)
{
    if (policy->lockout_threshold == 0)
        return false;

    bool reached = false;
    pthread_mutex_lock(&t->lock);
    struct slot **at = place(t, rid);
    if (*at != NULL) {
        struct slot *s = *at;
        if (s->pending > 0)
            s->pending--;
        s->bad = right ? 0 : s->bad + 1;
        s->last_bad = right ? s->last_bad : now;
        reached = s->bad >= policy->lockout_threshold;
        tidy(at);
        pthread_cond_broadcast(&t->settled);
    }
    pthread_mutex_unlock(&t->lock);
    return reached;
}

void nt_lockouts_clear(struct nt_lockouts *t, uint32_t rid)
{
    pthread_mutex_lock(&t->lock);
    struct slot **at = place(t, rid);
    if (*at != NULL) {
        (*at)->bad = 0;
        tidy(at);
        pthread_cond_broadcast(&t->settled);
    }
    pthread_mutex_unlock(&t->lock);
}

uint32_t nt_lockouts_count(struct nt_lockouts *t, uint32_t rid, nt_time *last_bad)
{
    uint32_t bad = 0;
    if (last_bad != NULL)
        *last_bad = 0;
    pthread_mutex_lock(&t->lock);
    const struct slot *s = *place(t, rid);
    if (s != NULL) {
        bad = s->bad;
        if (last_bad != NULL)
            *last_bad = s->last_bad;
    }
    pthread_mutex_unlock(&t->lock);
    return bad;
}
