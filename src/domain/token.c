#include "domain/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIASES_MAX 256

static struct nt_token *token_new(size_t room)
{
    if (room > NT_TOKEN_SIDS_MAX)
        return NULL;
    struct nt_token *t = calloc(1, sizeof *t + room * sizeof t->sids[0]);
    if (t != NULL)
        atomic_init(&t->refs, 1);
    return t;
}

bool nt_token_has(const struct nt_token *token, const struct nt_sid *sid)
{
    for (size_t i = 0; i < token->sid_count; i++)
        if (nt_sid_equal(&token->sids[i], sid))
            return true;
    return false;
}

/* Each SID once; the room was counted when the token was made. */
static void add(struct nt_token *t, const struct nt_sid *sid)
{
    if (!nt_token_has(t, sid))
        t->sids[t->sid_count++] = *sid;
}

struct nt_token *nt_token_anonymous(void)
{
    struct nt_token *t = token_new(2);
    if (t == NULL)
        return NULL;
    t->anonymous = true;
    add(t, &nt_sid_anonymous);
    add(t, &nt_sid_network);
    return t;
}

struct nt_token *nt_token_system(void)
{
    static const struct nt_sid local_system = { 1, 1, { 0, 0, 0, 0, 0, 5 }, { 18 } };
    struct nt_token *t = token_new(2);
    struct nt_sid admins;
    if (t == NULL)
        return NULL;
    t->system = true;
    add(t, &local_system);
    nt_sid_with_rid(&nt_sid_builtin, NT_RID_ALIAS_ADMINS, &admins);
    add(t, &admins);
    return t;
}

/* Gives a token its aliases, of the domain and of BUILTIN, by the SIDs that it has so far; the
 * result may have moved. NULL: no memory or too many, and `t` is gone. */
static struct nt_token *with_aliases(const struct nt_dir *dir, struct nt_token *t)
{
    uint32_t rids[2][ALIASES_MAX];
    size_t counts[2];
    for (int builtin = 0; builtin < 2; builtin++)
        counts[builtin] =
            nt_dir_aliases_of(dir, builtin != 0, t->sids, t->sid_count, rids[builtin], ALIASES_MAX);
    struct nt_token *all = NULL;
    if (counts[0] <= ALIASES_MAX && counts[1] <= ALIASES_MAX)
        all = token_new(t->sid_count + counts[0] + counts[1]);
    if (all != NULL) {
        size_t count = t->sid_count;
        *all = *t;
        atomic_init(&all->refs, 1);
        memcpy(all->sids, t->sids, count * sizeof t->sids[0]);
        for (int builtin = 0; builtin < 2; builtin++) {
            const struct nt_sid *base = builtin ? &nt_sid_builtin : &nt_dir_domain(dir)->sid;
            for (size_t i = 0; i < counts[builtin]; i++) {
                struct nt_sid sid;
                if (nt_sid_with_rid(base, rids[builtin][i], &sid))
                    add(all, &sid);
            }
        }
    }
    free(t);
    return all;
}

struct nt_token *nt_token_account(const struct nt_dir *dir, const struct nt_account *account)
{
    uint32_t rids[NT_TOKEN_SIDS_MAX];
    const struct nt_domain *domain = nt_dir_domain(dir);
    size_t groups = nt_dir_groups_of(dir, account, rids, NT_COUNT(rids));
    struct nt_token *t = token_new(groups + 4);
    struct nt_sid sid;
    if (t == NULL)
        return NULL;
    t->local = true;
    t->rid = account->rid;
    t->acb = account->acb;
    t->machine = (account->acb & ((uint32_t)NT_ACB_WORKSTATION | (uint32_t)NT_ACB_SERVER |
                                  (uint32_t)NT_ACB_INTERDOMAIN)) != 0;
    snprintf(t->domain, sizeof t->domain, "%s", domain->name);
    snprintf(t->name, sizeof t->name, "%s", account->name);
    if (nt_sid_with_rid(&domain->sid, account->rid, &sid))
        add(t, &sid);
    for (size_t i = 0; i < groups; i++)
        if (nt_sid_with_rid(&domain->sid, rids[i], &sid))
            add(t, &sid);
    add(t, &nt_sid_everyone);
    add(t, &nt_sid_authenticated);
    add(t, &nt_sid_network);
    return with_aliases(dir, t);
}

bool nt_sid_passes(const struct nt_sid *sid, const struct nt_sid *trusted)
{
    /* Nothing that is not directly below the trusted domain: not ours, not BUILTIN's, not a third
     * domain's, not a well-known one. */
    return !nt_sid_is_null(trusted) && nt_sid_in_domain(sid, trusted, NULL);
}

struct nt_token *nt_token_foreign(const struct nt_dir *dir, const struct nt_sid *trusted,
                                  const struct nt_foreign_user *user, size_t *filtered,
                                  bool *refused)
{
    struct nt_sid sid;
    size_t dropped = 0;
    if (filtered != NULL)
        *filtered = 0;
    if (refused != NULL)
        *refused = false;
    if (nt_sid_is_null(trusted) || !nt_sid_equal(&user->domain_sid, trusted)) {
        if (refused != NULL)
            *refused = true;
        return NULL;
    }
    if (user->group_count > NT_TOKEN_SIDS_MAX || user->extra_count > NT_TOKEN_SIDS_MAX)
        return NULL;
    struct nt_token *t = token_new(user->group_count + user->extra_count + 5);
    if (t == NULL)
        return NULL;
    snprintf(t->domain, sizeof t->domain, "%s", user->domain);
    snprintf(t->name, sizeof t->name, "%s", user->name);
    if (nt_sid_with_rid(trusted, user->user_rid, &sid))
        add(t, &sid);
    if (nt_sid_with_rid(trusted, user->primary_rid, &sid))
        add(t, &sid);
    for (size_t i = 0; i < user->group_count; i++)
        if (nt_sid_with_rid(trusted, user->group_rids[i], &sid))
            add(t, &sid);
    for (size_t i = 0; i < user->extra_count; i++) {
        if (nt_sid_passes(&user->extra_sids[i], trusted))
            add(t, &user->extra_sids[i]);
        else
            dropped++;
    }
    add(t, &nt_sid_everyone);
    add(t, &nt_sid_authenticated);
    add(t, &nt_sid_network);
    if (filtered != NULL)
        *filtered = dropped;
    return with_aliases(dir, t);
}

struct nt_token *nt_token_ref(const struct nt_token *token)
{
    union {
        const struct nt_token *in;
        struct nt_token *out;
    } u = { token };
    atomic_fetch_add_explicit(&u.out->refs, 1, memory_order_relaxed);
    return u.out;
}

void nt_token_unref(struct nt_token *token)
{
    if (token != NULL && atomic_fetch_sub_explicit(&token->refs, 1, memory_order_acq_rel) == 1)
        free(token);
}

bool nt_token_is_anonymous(const struct nt_token *token)
{
    return token->anonymous;
}

bool nt_token_is_admin(const struct nt_token *token)
{
    struct nt_sid admins;
    nt_sid_with_rid(&nt_sid_builtin, NT_RID_ALIAS_ADMINS, &admins);
    return token->system || nt_token_has(token, &admins);
}

const struct nt_sid *nt_token_user(const struct nt_token *token)
{
    return &token->sids[0];
}
