#include "service/refusals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"

struct nt_refusals {
    pthread_mutex_t lock;
    size_t count;
    struct nt_refusal list[NT_REFUSALS_MAX];
};

struct nt_refusals *nt_refusals_new(void)
{
    struct nt_refusals *t = calloc(1, sizeof *t);
    if (t != NULL && pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        return NULL;
    }
    return t;
}

void nt_refusals_free(struct nt_refusals *t)
{
    if (t == NULL)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct nt_refusal *find(struct nt_refusals *t, const char *account)
{
    for (size_t i = 0; i < t->count; i++)
        if (nt_name_equal(t->list[i].account, account))
            return &t->list[i];
    return NULL;
}

/* A free place, or the oldest of those that may go; NULL: none may. */
static struct nt_refusal *place(struct nt_refusals *t, bool known)
{
    struct nt_refusal *oldest = NULL;
    if (t->count < NT_REFUSALS_MAX)
        return &t->list[t->count++];
    for (size_t i = 0; i < t->count; i++) {
        struct nt_refusal *r = &t->list[i];
        bool may = known || !r->known;
        if (may && (oldest == NULL || (oldest->known && !r->known) ||
                    (oldest->known == r->known && r->last < oldest->last)))
            oldest = r;
    }
    return oldest;
}

void nt_refusals_note(struct nt_refusals *t, const struct nt_refusal *refusal)
{
    pthread_mutex_lock(&t->lock);
    struct nt_refusal *r = find(t, refusal->account);
    uint64_t before = r != NULL ? r->count : 0;
    if (r == NULL)
        r = place(t, refusal->known);
    if (r != NULL) {
        *r = *refusal;
        r->count = before + 1;
    }
    pthread_mutex_unlock(&t->lock);
}

void nt_refusals_forget(struct nt_refusals *t, const char *account)
{
    pthread_mutex_lock(&t->lock);
    struct nt_refusal *r = find(t, account);
    if (r != NULL)
        *r = t->list[--t->count];
    pthread_mutex_unlock(&t->lock);
}

bool nt_refusals_get(struct nt_refusals *t, const char *account, struct nt_refusal *out)
{
    pthread_mutex_lock(&t->lock);
    const struct nt_refusal *r = find(t, account);
    if (r != NULL)
        *out = *r;
    pthread_mutex_unlock(&t->lock);
    return r != NULL;
}

size_t nt_refusals_list(struct nt_refusals *t, struct nt_refusal out[NT_REFUSALS_MAX])
{
    pthread_mutex_lock(&t->lock);
    size_t count = t->count;
    memcpy(out, t->list, count * sizeof out[0]);
    pthread_mutex_unlock(&t->lock);
    return count;
}
