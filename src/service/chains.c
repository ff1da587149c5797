/*
 * chains.c - the table of secure channels: hashed by computer name, in the order of their last use.
 */
#include "service/chains.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"

#define BUCKETS 8192u /* a power of two */

struct slot {
    struct nt_chain_entry entry;
    struct slot *next;            /* of the bucket */
    struct slot *newer, *quieter; /* in the order of use */
};

struct nt_chains {
    pthread_mutex_t lock;
    struct slot *buckets[BUCKETS];
    struct slot *newest, *quietest;
    size_t count;
};

/* ASCII letters in one case, all else left out: names that differ in case share a bucket. */
static size_t bucket_of(const char *computer)
{
    uint32_t h = 2166136261u;
    for (const char *p = computer; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80)
            continue;
        if (c >= 'a' && c <= 'z')
            c = (unsigned char)(c - 'a' + 'A');
        h = (h ^ c) * 16777619u;
    }
    return h & (BUCKETS - 1);
}

static struct slot *find(struct nt_chains *t, const char *computer)
{
    struct slot *s = t->buckets[bucket_of(computer)];
    while (s != NULL && !nt_name_equal(s->entry.computer, computer))
        s = s->next;
    return s;
}

static void unlink_use(struct nt_chains *t, struct slot *s)
{
    if (s->newer != NULL)
        s->newer->quieter = s->quieter;
    else
        t->newest = s->quieter;
    if (s->quieter != NULL)
        s->quieter->newer = s->newer;
    else
        t->quietest = s->newer;
}

static void link_use(struct nt_chains *t, struct slot *s)
{
    s->newer = NULL;
    s->quieter = t->newest;
    if (t->newest != NULL)
        t->newest->newer = s;
    else
        t->quietest = s;
    t->newest = s;
}

static void used(struct nt_chains *t, struct slot *s)
{
    if (t->newest == s)
        return;
    unlink_use(t, s);
    link_use(t, s);
}

static void drop(struct nt_chains *t, struct slot *s)
{
    struct slot **at = &t->buckets[bucket_of(s->entry.computer)];
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    unlink_use(t, s);
    t->count--;
    nt_wipe(s, sizeof *s);
    free(s);
}

struct nt_chains *nt_chains_new(void)
{
    struct nt_chains *t = calloc(1, sizeof *t);
    if (t != NULL && pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

void nt_chains_free(struct nt_chains *t)
{
    if (t == NULL)
        return;
    while (t->newest != NULL)
        drop(t, t->newest);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

enum nt_err nt_chains_put(struct nt_chains *t, const struct nt_chain_entry *entry)
{
    enum nt_err err = NT_OK;
    pthread_mutex_lock(&t->lock);
    struct slot *s = find(t, entry->computer);
    if (s != NULL) {
        s->entry = *entry;
        used(t, s);
        goto out;
    }
    if (t->count == NT_CHAINS_MAX)
        drop(t, t->quietest);
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        err = NT_E_NOMEM;
        goto out;
    }
    s->entry = *entry;
    size_t b = bucket_of(entry->computer);
    s->next = t->buckets[b];
    t->buckets[b] = s;
    link_use(t, s);
    t->count++;
out:
    pthread_mutex_unlock(&t->lock);
    return err;
}

enum nt_err nt_chains_get(struct nt_chains *t, const char *computer, struct nt_chain_entry *entry)
{
    pthread_mutex_lock(&t->lock);
    struct slot *s = find(t, computer);
    if (s != NULL) {
        *entry = s->entry;
        used(t, s);
    }
    pthread_mutex_unlock(&t->lock);
    return s != NULL ? NT_OK : NT_E_NOT_FOUND;
}

enum nt_err nt_chains_verify(struct nt_chains *t, const char *computer,
                             const struct nt_authenticator *in, struct nt_authenticator *out,
                             struct nt_chain_entry *entry)
{
    enum nt_err err = NT_E_NOT_FOUND;
    pthread_mutex_lock(&t->lock);
    struct slot *s = find(t, computer);
    if (s != NULL)
        err = nt_chain_verify(&s->entry.chain, in, out);
    if (err == NT_OK) {
        *entry = s->entry;
        used(t, s);
    }
    pthread_mutex_unlock(&t->lock);
    return err;
}

void nt_chains_drop_account(struct nt_chains *t, uint32_t rid)
{
    pthread_mutex_lock(&t->lock);
    for (struct slot *s = t->newest, *next; s != NULL; s = next) {
        next = s->quieter;
        if (s->entry.rid == rid)
            drop(t, s);
    }
    pthread_mutex_unlock(&t->lock);
}

size_t nt_chains_count(struct nt_chains *t)
{
    pthread_mutex_lock(&t->lock);
    size_t count = t->count;
    pthread_mutex_unlock(&t->lock);
    return count;
}
