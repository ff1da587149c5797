/* computer_passwords.c - does the member's secret open the channel, and if not, which side changed
 * last? Field guide 1.3, 2 (P1 to P4). */
#include "repair/computer_internal.h"

/* One change, noted at both sides: their clocks are compared first, where both are known. */
#define CLOSE_ENOUGH (10 * NT_TIME_SECOND)
#define CLOCK_UNSEEN (2 * NT_TIME_MINUTE)

/* By this computer's clock; 0: not known. */
static nt_time set_there(const struct nt_computer_dc *dc)
{
    if (!judge_saw_account(dc) || dc->account.password_set == 0)
        return 0;
    return dc->account.password_set - (nt_time)(dc->clock_known ? dc->ahead_100ns : 0);
}

/* Which side changed last cannot be told. */
static void blame_neither(struct nt_judge *j, const char *cause)
{
    if (!judge_blame(j, "secrets-differ", ""))
        return;
    VERDICT(j, "the secret of %s is not the one that %s has for it", j->f->computer,
            nt_computer_domain(j->f));
    CAUSE(j, "%s", cause);
    judge_remedy_reset(j, "");
}

/* P1 */
static void blame_computer(struct nt_judge *j, const char *ours, const char *theirs,
                           const char *apart)
{
    const char *computer = j->f->computer;
    if (!judge_blame(j, "computer-behind", computer))
        return;
    VERDICT(j, "%s has an older secret than the one that %s has for it", computer,
            nt_computer_domain(j->f));
    CAUSE(j,
          "the domain's side changed last: the account's password was set %s, %s after %s stored "
          "its own (%s). Either the computer was set back (a snapshot, a backup, an old "
          "secrets.tdb), or the account was reset in the domain only, or a second computer uses "
          "its name",
          theirs, apart, computer, ours);
    judge_remedy_reset(j, "");
}

/* P2 */
static void blame_domain(struct nt_judge *j, const char *ours, const char *theirs,
                         const char *apart)
{
    const char *domain = nt_computer_domain(j->f);
    if (!judge_blame(j, "domain-behind", domain))
        return;
    VERDICT(j, "%s has an older password for %s$ than the computer's secret", domain,
            j->f->computer);
    CAUSE(j,
          "the computer's side changed last: it stored its secret %s, %s after the account's "
          "password was set (%s). Either the domain was restored from a backup (then other "
          "computers are affected as well), or the secret was changed at the computer only",
          ours, apart, theirs);
    judge_remedy_reset(j, "");
}

/* Which side changed last, from the times that both noted. */
static void blame_by_time(struct nt_judge *j, const struct nt_computer_dc *dc)
{
    const struct nt_computer_facts *f = j->f;
    char ours[NT_TIME_TEXT], theirs[NT_TIME_TEXT], apart[32], cause[400];
    nt_time there = set_there(dc), close = dc->clock_known ? CLOSE_ENOUGH : CLOCK_UNSEEN;
    if (f->changed == 0 || there == 0) {
        nt_judge_put(cause, sizeof cause, "%s refuses it. Which side changed last is not known: %s",
                     dc->host,
                     f->changed == 0
                         ? "when the computer stored its secret was not seen"
                         : "only an administrator of the domain sees when the account's "
                           "password was set");
        blame_neither(j, cause);
        return;
    }
    nt_time_format(f->changed, ours);
    nt_time_format(there, theirs);
    judge_span(f->changed, there, apart);
    if ((there > f->changed ? there - f->changed : f->changed - there) <= close) {
        nt_judge_put(
            cause, sizeof cause,
            "both were set within %s (%s has its own from %s, %s the account's from %s), so "
            "the times do not tell which side changed last: a change that went wrong half "
            "way, or two in a row",
            apart, f->computer, ours, nt_computer_domain(f), theirs);
        blame_neither(j, cause);
    } else if (there > f->changed) {
        blame_computer(j, ours, theirs, apart);
    } else {
        blame_domain(j, ours, theirs, apart);
    }
}

/* P4, P2: the domain is one change behind, and the member has kept what it had before. */
static void judge_previous(struct nt_judge *j, const struct nt_computer_dc *dc)
{
    const char *domain = nt_computer_domain(j->f);
    judge_find(j, NT_GRADE_CRITICAL, "%s knows the secret that %s had before its present one",
               dc->host, j->f->computer);
    if (judge_blame(j, "domain-behind", domain)) {
        VERDICT(j, "%s is one change behind: it knows the secret that %s had before", domain,
                j->f->computer);
        CAUSE(j,
              "%s opens the channel with the previous secret and refuses the present one: the "
              "computer's last change did not arrive, or the domain was restored from before it "
              "(then other computers are affected as well)",
              dc->host);
        judge_remedy_reset(j, "");
    }
}

/* The controller lets it in with the one before its newest. */
static void judge_fallback(struct nt_judge *j, const struct nt_computer_dc *dc)
{
    judge_find(j, NT_GRADE_WARNING, "%s still accepts the secret of %s, but has a newer one",
               dc->host, j->f->computer);
    if (judge_blame(j, "computer-behind", j->f->computer)) {
        VERDICT(j, "%s is one change behind, and let in all the same", j->f->computer);
        CAUSE(j,
              "%s holds a newer password for the account, and keeps the one of the computer as "
              "the one before: the computer was set back by one change",
              dc->host);
        judge_remedy_reset(j, "");
    }
}

static void judge_split(struct nt_judge *j, const struct nt_computer_dc *takes,
                        const struct nt_computer_dc *refuses)
{
    const char *domain = nt_computer_domain(j->f);
    judge_find(j, NT_GRADE_CRITICAL, "%s accepts the secret, %s does not", takes->host,
               refuses->host);
    if (judge_blame(j, "not-replicated", domain)) { /* P3 */
        VERDICT(j, "only some controllers of %s know the secret of %s", domain, j->f->computer);
        CAUSE(j, "%s accepts it, %s does not: a change of the password is not replicated",
              takes->host, refuses->host);
        REMEDY(j, "have the controllers of %s replicate, then check again; do not reset before",
               domain);
    }
}

/* Seen from elsewhere: the member's Netlogon proves its channel by itself. */
static bool judge_there(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    if (f->channel_asked.look != NT_LOOK_SEEN)
        return false;
    uint32_t werr = f->channel.werr;
    if (werr == NT_WERR_OK) {
        judge_find(j, NT_GRADE_GOOD, "%s proves its secure channel to %s", f->computer,
                   f->channel.controller[0] != '\0' ? f->channel.controller
                                                    : nt_computer_domain(f));
        return true;
    }
    judge_find(j, NT_GRADE_CRITICAL, "%s fails to prove its secure channel: %u %s", f->computer,
               werr, nt_werror_name(werr));
    if (judge_blame(j, "channel-fails", "")) {
        VERDICT(j, "%s has no secure channel with %s: %u %s", f->computer, nt_computer_domain(f),
                werr, nt_werror_name(werr));
        CAUSE(j,
              "its own Netlogon says so. The account is there and enabled; whether its secret is "
              "older or newer than the domain's cannot be seen from elsewhere");
        judge_remedy_reset(j, "");
    }
    return true;
}

static bool refuses_secret(const struct nt_trial *t)
{
    return t->end == NT_TRIAL_REFUSED && nt_status_is(t->status, NT_STATUS(ACCESS_DENIED));
}

static void judge_trials(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    const struct nt_computer_dc *takes = NULL, *refuses = NULL, *previous = NULL, *fallback = NULL;
    size_t count = 0;
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_computer_dc *dc = &f->dc[k];
        const struct nt_trial *t = &dc->trial;
        if (t->end == NT_TRIAL_CURRENT) {
            takes = takes != NULL ? takes : dc;
            fallback = t->kept_current ? dc : fallback;
            count++;
        } else if (t->end == NT_TRIAL_PREVIOUS) {
            previous = dc;
        } else if (refuses_secret(t)) {
            /* The one whose account was seen tells more. */
            refuses = refuses == NULL || dc == nt_computer_main(f) ? dc : refuses;
        }
    }
    if (takes != NULL && (refuses != NULL || previous != NULL)) {
        judge_split(j, takes, refuses != NULL ? refuses : previous);
    } else if (previous != NULL) {
        judge_previous(j, previous);
    } else if (refuses != NULL) {
        judge_find(j, NT_GRADE_CRITICAL, "%s refuses the secret of %s", refuses->host, f->computer);
        blame_by_time(j, refuses);
    } else if (fallback != NULL) {
        judge_fallback(j, fallback);
    } else if (takes != NULL) {
        judge_find(j, NT_GRADE_GOOD, "%zu controller%s accept%s the secret of %s", count,
                   count == 1 ? "" : "s", count == 1 ? "s" : "", f->computer);
    }
}

void judge_passwords(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    judge_trials(j);
    if (j->d->group[j->group].looked || judge_there(j))
        return;
    for (size_t k = 0; k < f->count; k++)
        if (f->dc[k].trial.end == NT_TRIAL_FAILED || f->dc[k].trial.end == NT_TRIAL_REFUSED)
            judge_find(j, NT_GRADE_UNKNOWN, "the secret could not be tried: %s",
                       f->dc[k].trial.why);
    if (!j->d->group[j->group].looked)
        judge_find(j, NT_GRADE_UNKNOWN, "the secret of %s was not seen%s%s", f->computer,
                   f->unseen[0] != '\0' ? ": " : "", f->unseen);
}
