/* computer_halves.c - the account in the domain, and the member's half. Field guide 2, H and P3. */
#include "repair/computer_internal.h"

#include <stdio.h>

#include "base/utf16.h"

bool judge_saw_account(const struct nt_computer_dc *dc)
{
    return dc != NULL && dc->account_asked.look == NT_LOOK_SEEN;
}

static void judge_member_half(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    char theirs[NT_SID_TEXT], ours[NT_SID_TEXT];
    if (f->source == NT_COMPUTER_STORED && !f->joined) {
        judge_find(j, NT_GRADE_CRITICAL, "%s has no secret for %s", f->computer,
                   nt_computer_domain(f));
        if (judge_blame(j, "not-joined", f->computer)) {
            VERDICT(j, "%s is no member of %s: it has no secret", f->computer,
                    nt_computer_domain(f));
            CAUSE(j, "%s", f->unseen);
            judge_remedy_join(j);
        }
    }
    if (nt_sid_is_null(&f->sid) || nt_sid_is_null(&f->names.sid) ||
        nt_sid_equal(&f->sid, &f->names.sid))
        return;
    judge_find(j, NT_GRADE_CRITICAL, "%s belongs to another domain of that name", f->computer);
    if (judge_blame(j, "other-domain", f->computer)) { /* H4 */
        VERDICT(j, "%s joined another domain %s than the one that answers", f->computer,
                nt_computer_domain(f));
        CAUSE(j, "the domain has the SID %s, and %s joined %s: it was built anew since",
              nt_sid_format(&f->names.sid, theirs), f->computer, nt_sid_format(&f->sid, ours));
        judge_remedy_join(j);
    }
}

static void blame_missing(struct nt_judge *j, const char *cause)
{
    if (!judge_blame(j, "account-missing", nt_computer_domain(j->f)))
        return;
    VERDICT(j, "%s has no account %s$", nt_computer_domain(j->f), j->f->computer);
    CAUSE(j, "%s", cause);
    if (judge_is_ad(j->f))
        judge_remedy_join(j); /* which also gives the new account its names of services */
    else
        judge_remedy_reset(j, " --create");
}

static void blame_disabled(struct nt_judge *j, const char *host)
{
    if (!judge_blame(j, "account-disabled", nt_computer_domain(j->f)))
        return;
    VERDICT(j, "the account %s$ is disabled in %s", j->f->computer, nt_computer_domain(j->f));
    CAUSE(j,
          "%s says so. Somebody shut the computer out, perhaps for a good reason: a reset lets it "
          "in again, with a new secret",
          host);
    judge_remedy_reset(j, "");
}

static void blame_type(struct nt_judge *j, const struct nt_computer_dc *dc)
{
    const char *type = nt_admin_account_type_name(dc->account.type);
    if (!judge_blame(j, "wrong-type", nt_computer_domain(j->f)))
        return;
    VERDICT(j, "%s$ in %s is a %s account, not a computer's", j->f->computer,
            nt_computer_domain(j->f), type);
    CAUSE(j, "%s says so: someone else's account has the name that the computer needs", dc->host);
    if (judge_is_ad(j->f))
        REMEDY(j, "delete or rename that account in %s, then: net ads join -U Administrator",
               nt_computer_domain(j->f));
    else
        REMEDY(j,
               "delete or rename that account in %s, then: ntrust computer reset -U Administrator "
               "--create",
               nt_computer_domain(j->f));
}

static void judge_account(struct nt_judge *j, const struct nt_computer_dc *dc)
{
    const struct nt_admin_account *a = &dc->account;
    char cause[NT_ADMIN_WHY];
    if (!a->exists) {
        judge_find(j, NT_GRADE_CRITICAL, "there is no account %s$ at %s", j->f->computer, dc->host);
        snprintf(cause, sizeof cause,
                 "%.200s knows no %s$: it was removed, or the domain was restored from before it",
                 dc->host, j->f->computer);
        blame_missing(j, cause);
    } else if (!judge_fits(j->f, a)) {
        judge_find(j, NT_GRADE_CRITICAL, "%s$ at %s is a %s account", j->f->computer, dc->host,
                   nt_admin_account_type_name(a->type));
        blame_type(j, dc);
    } else if (a->disabled) {
        judge_find(j, NT_GRADE_CRITICAL, "the account %s$ is disabled at %s", j->f->computer,
                   dc->host);
        blame_disabled(j, dc->host);
    } else {
        judge_find(j, NT_GRADE_GOOD, "%s$ is a %s account, enabled", j->f->computer,
                   nt_admin_account_type_name(a->type));
    }
}

/* The member itself says that it belongs to another domain. */
static void judge_elsewhere(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    if (!judge_is_elsewhere(f))
        return;
    judge_find(j, NT_GRADE_CRITICAL, "%s says that it belongs to %s", f->computer, f->it_says.name);
    if (judge_blame(j, "not-joined", f->computer)) {
        VERDICT(j, "%s is no member of %s", f->computer, nt_computer_domain(f));
        CAUSE(j, "%s it belongs to %s", f->here ? "by its configuration" : "as it says itself",
              f->it_says.name);
        if (f->here)
            REMEDY(j, "ntrust computer check -d %s -U Administrator", f->it_says.name);
        else
            judge_remedy_join(j);
    }
}

/* Without an administrator the account is seen by what Netlogon answers. */
static bool judge_refusal(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_trial *t = &f->dc[k].trial;
        bool gone = nt_status_is(t->status, NT_STATUS(NO_TRUST_SAM_ACCOUNT));
        if (t->end != NT_TRIAL_REFUSED ||
            (!gone && !nt_status_is(t->status, NT_STATUS(ACCOUNT_DISABLED))))
            continue;
        judge_find(j, NT_GRADE_CRITICAL, "%s takes %s$ for no account of a member", f->dc[k].host,
                   f->computer);
        if (judge_blame(j, "account-unfit", nt_computer_domain(f))) {
            VERDICT(j, "%s has no account %s$ that is fit for a member", nt_computer_domain(f),
                    f->computer);
            CAUSE(j,
                  "%s answers that it is missing, disabled or of another type; which of these "
                  "only an administrator can see",
                  f->dc[k].host);
            REMEDY(j, "ntrust computer check -U Administrator");
        }
        return true;
    }
    return false;
}

/* The controllers do not agree: P3. */
static void judge_agreement(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    const struct nt_computer_dc *main = nt_computer_main(f);
    for (size_t k = 0; k < f->count; k++) { /* P3 */
        const struct nt_computer_dc *dc = &f->dc[k];
        if (!judge_saw_account(main) || dc == main || !judge_saw_account(dc) ||
            (dc->account.exists == main->account.exists &&
             dc->account.disabled == main->account.disabled))
            continue;
        judge_find(j, NT_GRADE_CRITICAL, "%s and %s do not agree on the account", main->host,
                   dc->host);
        if (judge_blame(j, "not-replicated", nt_computer_domain(f))) {
            VERDICT(j, "the controllers of %s do not agree on the account %s$",
                    nt_computer_domain(f), f->computer);
            CAUSE(j, "%s has it %s, %s %s: a change is not replicated", main->host,
                  !main->account.exists    ? "not"
                  : main->account.disabled ? "disabled"
                                           : "enabled",
                  dc->host,
                  !dc->account.exists    ? "not"
                  : dc->account.disabled ? "disabled"
                                         : "enabled");
            REMEDY(j, "have the controllers of %s replicate, then check again",
                   nt_computer_domain(f));
        }
    }
}

/* Nobody has shown us the account. */
static void judge_unseen_account(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    const struct nt_computer_dc *main = nt_computer_main(f);
    if (judge_refusal(j))
        return;
    if (main != NULL)
        judge_find(j, NT_GRADE_UNKNOWN, "%s", main->account_asked.error.text);
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_computer_dc *dc = &f->dc[k];
        if (dc->reached.look == NT_LOOK_FAILED && !judge_is_away(&dc->reached))
            judge_find(j, NT_GRADE_UNKNOWN, "the account %s$ was not seen: %s", f->computer,
                       dc->reached.error.text);
        else if (dc->trial.end == NT_TRIAL_CURRENT || dc->trial.end == NT_TRIAL_PREVIOUS)
            judge_find(j, NT_GRADE_GOOD, "%s knows the account %s$", dc->host, f->computer);
    }
    if (!j->d->group[j->group].looked)
        judge_find(j, NT_GRADE_UNKNOWN,
                   "the account %s$ was not seen: no administrator of %s could look", f->computer,
                   nt_computer_domain(f));
}

void judge_halves(struct nt_judge *j)
{
    const struct nt_computer_dc *main = nt_computer_main(j->f);
    judge_elsewhere(j);
    judge_member_half(j);
    if (judge_saw_account(main))
        judge_account(j, main);
    else
        judge_unseen_account(j);
    judge_agreement(j);
}
