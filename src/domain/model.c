#include "domain/model.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The empty text, shared by all records that have none. */
static char empty[1];

/* Where a record has its owned texts, by kind. */
struct layout {
    size_t size;
    size_t count;
    size_t texts[10];
};
#define AT(type, field) offsetof(struct type, field)
static const struct layout layouts[NT_KIND_COUNT] = {
    [NT_KIND_DOMAIN] = { sizeof(struct nt_domain),
                         3,
                         { AT(nt_domain, name), AT(nt_domain, computer),
                           AT(nt_domain, dns_name) } },
    [NT_KIND_POLICY] = { sizeof(struct nt_policy), 0, { 0 } },
    [NT_KIND_ACCOUNT] = { sizeof(struct nt_account),
                          10,
                          { AT(nt_account, name), AT(nt_account, full_name),
                            AT(nt_account, comment), AT(nt_account, user_comment),
                            AT(nt_account, home_dir), AT(nt_account, home_drive),
                            AT(nt_account, script), AT(nt_account, profile),
                            AT(nt_account, workstations), AT(nt_account, parameters) } },
    [NT_KIND_GROUP] = { sizeof(struct nt_group), 2, { AT(nt_group, name), AT(nt_group, comment) } },
    [NT_KIND_ALIAS] = { sizeof(struct nt_alias), 2, { AT(nt_alias, name), AT(nt_alias, comment) } },
    [NT_KIND_TDO] = { sizeof(struct nt_tdo),
                      3,
                      { AT(nt_tdo, name), AT(nt_tdo, dns_name), AT(nt_tdo, servers) } },
    [NT_KIND_SECRET] = { sizeof(struct nt_lsa_secret), 1, { AT(nt_lsa_secret, name) } },
};

static char **text_at(void *record, const struct layout *l, size_t i)
{
    return (char **)(void *)((char *)record + l->texts[i]);
}

bool nt_text_set(char **text, const char *value)
{
    char *copy = empty;
    if (*value != '\0' && (copy = strdup(value)) == NULL)
        return false;
    if (*text != empty)
        free(*text);
    *text = copy;
    return true;
}

void *nt_record_new(enum nt_kind kind)
{
    const struct layout *l = &layouts[kind];
    struct nt_record *r = calloc(1, l->size);
    if (r == NULL)
        return NULL;
    r->kind = kind;
    atomic_init(&r->refs, 1);
    for (size_t i = 0; i < l->count; i++)
        *text_at(r, l, i) = empty;
    return r;
}

struct nt_trust_in *nt_account_in(struct nt_account *account)
{
    if (account->in == NULL)
        account->in = calloc(1, sizeof *account->in);
    return account->in;
}

struct nt_past *nt_account_past(struct nt_account *account)
{
    if (account->past == NULL)
        account->past = calloc(1, sizeof *account->past);
    return account->past;
}

/* What a record owns beside its texts. */
static void free_owned(struct nt_record *r)
{
    switch (r->kind) {
    case NT_KIND_ACCOUNT: {
        struct nt_account *a = (struct nt_account *)(void *)r;
        if (a->in != NULL)
            nt_wipe(a->in, sizeof *a->in);
        free(a->in);
        if (a->past != NULL)
            nt_wipe(a->past, sizeof *a->past);
        free(a->past);
        break;
    }
    case NT_KIND_GROUP:
        free(((struct nt_group *)(void *)r)->members);
        break;
    case NT_KIND_ALIAS:
        free(((struct nt_alias *)(void *)r)->members);
        break;
    case NT_KIND_SECRET: {
        struct nt_lsa_secret *s = (struct nt_lsa_secret *)(void *)r;
        if (s->current != NULL)
            nt_wipe(s->current, s->current_len);
        if (s->old != NULL)
            nt_wipe(s->old, s->old_len);
        free(s->current);
        free(s->old);
        break;
    }
    case NT_KIND_DOMAIN:
    case NT_KIND_POLICY:
    case NT_KIND_TDO:
    case NT_KIND_COUNT:
        break;
    }
}

/* A copy of len bytes; NULL for NULL, and *ok false when memory ran out. */
static void *copy_of(const void *data, size_t len, bool *ok)
{
    void *copy = data != NULL ? malloc(len > 0 ? len : 1) : NULL;
    if (copy != NULL && len > 0)
        memcpy(copy, data, len);
    *ok = *ok && (data == NULL || copy != NULL);
    return copy;
}

/* Puts copies in place of what a bitwise copy shares with its original. */
static bool copy_owned(struct nt_record *r)
{
    bool ok = true;
    switch (r->kind) {
    case NT_KIND_ACCOUNT: {
        struct nt_account *a = (struct nt_account *)(void *)r;
        a->in = copy_of(a->in, sizeof *a->in, &ok);
        a->past = copy_of(a->past, sizeof *a->past, &ok);
        break;
    }
    case NT_KIND_GROUP: {
        struct nt_group *g = (struct nt_group *)(void *)r;
        g->members = copy_of(g->members, g->member_count * sizeof *g->members, &ok);
        break;
    }
    case NT_KIND_ALIAS: {
        struct nt_alias *a = (struct nt_alias *)(void *)r;
        a->members = copy_of(a->members, a->member_count * sizeof *a->members, &ok);
        break;
    }
    case NT_KIND_SECRET: {
        struct nt_lsa_secret *s = (struct nt_lsa_secret *)(void *)r;
        s->current = copy_of(s->current, s->current_len, &ok);
        s->old = copy_of(s->old, s->old_len, &ok);
        break;
    }
    case NT_KIND_DOMAIN:
    case NT_KIND_POLICY:
    case NT_KIND_TDO:
    case NT_KIND_COUNT:
        break;
    }
    return ok;
}

void *nt_record_clone(const void *record)
{
    const struct nt_record *from = record;
    const struct layout *l = &layouts[from->kind];
    struct nt_record *r = malloc(l->size);
    if (r == NULL)
        return NULL;
    memcpy(r, from, l->size);
    atomic_init(&r->refs, 1);
    bool ok = copy_owned(r);
    for (size_t i = 0; i < l->count; i++) {
        char **text = text_at(r, l, i);
        const char *value = *text;
        *text = empty;
        ok = nt_text_set(text, value) && ok;
    }
    if (ok)
        return r;
    nt_record_unref(r);
    return NULL;
}

void *nt_record_ref(const void *record)
{
    union {
        const void *in;
        struct nt_record *out;
    } u = { record }; /* the count is not part of what is immutable */
    atomic_fetch_add_explicit(&u.out->refs, 1, memory_order_relaxed);
    return u.out;
}

void nt_record_unref(const void *record)
{
    union {
        const void *in;
        struct nt_record *out;
    } u = { record };
    struct nt_record *r = u.out;
    if (r == NULL || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    const struct layout *l = &layouts[r->kind];
    free_owned(r);
    for (size_t i = 0; i < l->count; i++)
        if (*text_at(r, l, i) != empty)
            free(*text_at(r, l, i));
    nt_wipe(r, l->size);
    free(r);
}

void nt_policy_default(struct nt_policy *p)
{
    struct nt_record record = p->record;
    *p = (struct nt_policy){
        .record = record,
        .lockout_duration_s = 30 * 60,
        .lockout_window_s = 30 * 60,
        .min_password_length = 0,
        .trust_attempts = 1,
        .change_interval_s = UINT64_C(7) * 24 * 3600,
        .change_jitter_percent = 10,
        .check_interval_s = 15 * 60,
        .retry_first_s = 5,
        .retry_most_s = 15 * 60,
        .previous_accepted = 1,
        .history_kept = 8,
        .reset_code_lifetime_s = UINT64_C(24) * 3600,
    };
}
