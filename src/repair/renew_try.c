/* renew_try.c - what the plan could not see, tried without a change: see renew.h. At the edge. */
#include "repair/renew.h"

#include <stdio.h>

#include "repair/crew.h"

static bool may(struct nt_admin *a, const struct nt_renew_end *e)
{
    bool object = e->object != NT_RENEW_NOTHING && e->object != NT_RENEW_ORDER;
    bool account = e->account != NT_RENEW_NOTHING || e->enable;
    if (object && !nt_admin_may_change_trusts(a))
        return false;
    if (object && e->old_name[0] != '\0' && !nt_admin_trust_may_delete(a, e->old_name))
        return false;
    return !account || nt_admin_may_change_accounts(a);
}

/* H7: a computer of the one domain that has the name of the other's controller. */
static bool computers_differ(struct nt_admin *const admin[2], const struct nt_ends_facts *f,
                             size_t i, struct nt_admin_error *error)
{
    char name[NT_ADMIN_NAME];
    struct nt_admin_account account;
    if (!nt_admin_computer(admin[1 - i], name))
        return true; /* it does not tell: not every one does */
    if (!nt_admin_account_get(admin[i], name, &account)) {
        *error = *nt_admin_error(admin[i]);
        return false;
    }
    if (!account.exists)
        return true;
    error->kind = NT_ADMIN_EXISTS;
    error->status = NT_STATUS(USER_EXISTS);
    snprintf(error->text, sizeof error->text,
             "%s has a computer named %s, as the controller of %s is: the two would be mistaken "
             "for each other. Rename one of them first",
             nt_end_name(&f->end[i]), name, nt_end_name(&f->end[1 - i]));
    return false;
}

struct trying {
    struct nt_admin *admin[2];
    const struct nt_renew_plan *plan;
    bool ok[2];
};

static void try_one(void *ctx, size_t i)
{
    struct trying *t = ctx;
    t->ok[i] = may(t->admin[i], &t->plan->end[i]);
}

bool nt_renew_ready(struct nt_look_end ends[2], const struct nt_ends_facts *f,
                    const struct nt_renew_plan *plan, size_t *end, struct nt_admin_error *error)
{
    struct nt_admin *const admin[2] = { ends[0].admin[f->end[0].main],
                                        ends[1].admin[f->end[1].main] };
    struct trying t = { .admin = { admin[0], admin[1] }, .plan = plan };
    nt_crew_run(2, 2, try_one, &t);
    for (*end = 0; *end < 2; ++*end)
        if (!t.ok[*end]) {
            *error = *nt_admin_error(admin[*end]);
            return false;
        }
    for (*end = 0; *end < 2 && plan->goal == NT_RENEW_ESTABLISH; ++*end)
        if (!computers_differ(admin, f, *end, error))
            return false;
    return true;
}
