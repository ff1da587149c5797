/* computer.c - see computer.h. The numbers of symptoms (H2, P1, ...) are the field guide's. */
#include "repair/computer_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"

#define SKEW_WARNING  (60 * (int64_t)NT_TIME_SECOND)
#define SKEW_CRITICAL (300 * (int64_t)NT_TIME_SECOND) /* Kerberos' limit */
#define GRACE         (7 * 86400 * NT_TIME_SECOND)

/* --- what was seen --- */

const struct nt_computer_dc *nt_computer_main(const struct nt_computer_facts *f)
{
    return f->main < f->count ? &f->dc[f->main] : NULL;
}

const char *nt_computer_domain(const struct nt_computer_facts *f)
{
    return f->names.name[0] != '\0' ? f->names.name : f->typed_domain;
}

bool judge_fits(const struct nt_computer_facts *f, const struct nt_admin_account *a)
{
    return a->type == NT_ADMIN_WORKSTATION || (!f->here && a->type == NT_ADMIN_SERVER);
}

bool judge_is_elsewhere(const struct nt_computer_facts *f)
{
    return (f->here || f->there.look == NT_LOOK_SEEN) && f->names.name[0] != '\0' &&
           f->it_says.name[0] != '\0' && !nt_name_equal(f->it_says.name, f->names.name);
}

bool judge_is_ad(const struct nt_computer_facts *f)
{
    return f->names.dns[0] != '\0';
}

void judge_remedy_reset(struct nt_judge *j, const char *more)
{
    const struct nt_computer_facts *f = j->f;
    const char *domain = nt_computer_domain(f);
    if (f->here)
        REMEDY(j, "ntrust computer reset -U Administrator%s", more);
    else if (more[0] != '\0')
        REMEDY(j, "on %s: ntrust computer reset -U Administrator%s (Windows: join it again)",
               f->computer, more);
    else
        REMEDY(j,
               "on %s: ntrust computer reset -U Administrator (Windows: netdom resetpwd /s:%s "
               "/ud:%s\\Administrator /pd:*)",
               f->computer, f->count > 0 ? f->dc[0].host : "CONTROLLER", domain);
}

void judge_remedy_join(struct nt_judge *j)
{
    REMEDY(j, "%s%s%snet %s join -U Administrator", j->f->here ? "" : "on ",
           j->f->here ? "" : j->f->computer, j->f->here ? "" : ": ",
           judge_is_ad(j->f) && (j->f->ads || !j->f->here) ? "ads" : "rpc");
}

const char *judge_span(nt_time a, nt_time b, char out[32])
{
    return nt_judge_span(a > b ? a - b : b - a, out);
}

/* --- network --- */

static bool tried(const struct nt_computer_dc *dc)
{
    return dc->trial.end != NT_TRIAL_NOT_MADE && dc->trial.end != NT_TRIAL_FAILED;
}

bool judge_is_away(const struct nt_asked *a)
{
    return a->look == NT_LOOK_FAILED &&
           (a->error.kind == NT_ADMIN_NETWORK || a->error.kind == NT_ADMIN_NAME_UNKNOWN);
}

/* It said something, to us or to the member's secret. */
static bool answers(const struct nt_computer_dc *dc)
{
    return tried(dc) || (dc->reached.look != NT_LOOK_NOT_ASKED && !judge_is_away(&dc->reached));
}

static bool asked_at_all(const struct nt_computer_dc *dc)
{
    return dc->reached.look != NT_LOOK_NOT_ASKED || dc->trial.end != NT_TRIAL_NOT_MADE;
}

static const char *why_silent(const struct nt_computer_dc *dc)
{
    return dc->reached.look == NT_LOOK_FAILED ? dc->reached.error.text : dc->trial.why;
}

static void judge_network(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    const char *domain = nt_computer_domain(f);
    size_t good = 0, silent = f->count;
    for (size_t k = 0; k < f->count; k++)
        if (answers(&f->dc[k]))
            good++;
        else if (asked_at_all(&f->dc[k]))
            silent = k;
    if (f->count == 0) {
        judge_find(j, NT_GRADE_CRITICAL, "%s", f->lost);
        if (judge_blame(j, "name-unresolvable", domain)) {
            VERDICT(j, "no controller of %s is known", domain);
            CAUSE(j, "%s", f->lost);
            REMEDY(j, "name one: -d %s@SERVER", f->typed_domain);
        }
    } else if (good == 0 && silent == f->count) {
        judge_find(j, NT_GRADE_UNKNOWN, "%s was asked nothing: no administrator of %s was named",
                   domain, domain);
    } else if (good == 0) {
        judge_find(j, NT_GRADE_CRITICAL, "%s", why_silent(&f->dc[silent]));
        if (judge_blame(j, "unreachable", domain)) {
            VERDICT(j, "no controller of %s can be reached", domain);
            CAUSE(j, "%s", why_silent(&f->dc[silent]));
            REMEDY(j, "start the controller of %s, or name one that runs: -d %s@SERVER", domain,
                   f->typed_domain);
        }
    } else if (silent < f->count) {
        judge_find(j, NT_GRADE_WARNING, "%s", why_silent(&f->dc[silent]));
    } else {
        judge_find(j, NT_GRADE_GOOD, "%zu of %zu controller%s of %s answer%s", good, f->count,
                   f->count == 1 ? "" : "s", domain, f->count == 1 ? "s" : "");
    }
}

/* Told last: a controller that is down is no news beside a secret that is wrong. */
static void blame_silent(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    for (size_t k = 0; k < f->count; k++)
        if (asked_at_all(&f->dc[k]) && !answers(&f->dc[k]) &&
            judge_blame(j, "controller-down", nt_computer_domain(f))) {
            VERDICT(j, "a controller of %s does not answer", nt_computer_domain(f));
            CAUSE(j, "%s", why_silent(&f->dc[k]));
            REMEDY(j, "start %s, or remove its records from DNS", f->dc[k].host);
        }
}

/* --- clock: T1 --- */

static void judge_clock(struct nt_judge *j)
{
    const struct nt_computer_dc *off = NULL;
    int64_t worst = 0;
    for (size_t k = 0; k < j->f->count; k++) {
        const struct nt_computer_dc *dc = &j->f->dc[k];
        int64_t apart = dc->ahead_100ns < 0 ? -dc->ahead_100ns : dc->ahead_100ns;
        if (dc->clock_known && (off == NULL || apart > worst)) {
            off = dc;
            worst = apart;
        }
    }
    if (off == NULL) {
        judge_find(j, NT_GRADE_GOOD, "not known; the secure channel does without");
        return;
    }
    long long s = (long long)(worst / (int64_t)NT_TIME_SECOND);
    if (worst <= SKEW_WARNING) {
        judge_find(j, NT_GRADE_GOOD, "%lld s apart", s);
        return;
    }
    bool bad = worst > SKEW_CRITICAL;
    const char *way = off->ahead_100ns < 0 ? "behind" : "ahead of";
    judge_find(j, NT_GRADE_WARNING, "%s is %lld s %s this computer", off->host, s, way);
    if (!bad || !j->f->ads)
        return; /* NTLM's secure channel works all the same */
    if (judge_blame(j, "time-skew", "")) {
        VERDICT(j, "the clocks of %s and this computer are %lld seconds apart", off->host, s);
        CAUSE(j, "%s is %lld s %s this computer; Kerberos takes no more than 5 minutes", off->host,
              s, way);
        REMEDY(j, "set the clock of the one that is wrong (chronyc makestep, w32tm /resync)");
    }
}

/* --- crypto: C1 --- */

static void judge_crypto(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_trial *t = &f->dc[k].trial;
        if (t->end != NT_TRIAL_REFUSED || !nt_status_is(t->status, NT_STATUS(DOWNGRADE_DETECTED)))
            continue;
        judge_find(j, NT_GRADE_CRITICAL, "%s: %s", f->dc[k].host, t->why);
        if (judge_blame(j, "crypto-refused", nt_computer_domain(f))) {
            VERDICT(j, "%s offers no protection of the secure channel that may be taken",
                    f->dc[k].host);
            CAUSE(j, "%s", t->why);
            REMEDY(j, "bring %s up to date; nothing is weakened by ntrust", f->dc[k].host);
        }
    }
    judge_find(j, NT_GRADE_GOOD, "no channel was refused for its protection");
}

/* --- policy: what else keeps it from working, and P9 --- */

static void judge_winbind(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    judge_find(j, NT_GRADE_CRITICAL, "winbindd has no channel: %s", f->winbind_text);
    if (judge_blame(j, "winbindd", f->computer)) {
        VERDICT(j, "the secret is good, but the winbindd of %s does not use it", f->computer);
        CAUSE(j,
              "wbinfo -t fails (%s), and the controllers accept the stored secret: winbindd finds "
              "no controller, or clings to one that is gone",
              f->winbind_text);
        REMEDY(j, "systemctl restart winbind, then: wbinfo -t");
    }
}

/* P8 */
static void judge_keytab(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    judge_find(j, NT_GRADE_WARNING, "the keytab of %s has keys of another secret", f->computer);
    if (judge_blame(j, "keytab-behind", f->computer)) {
        VERDICT(j, "the secret is good, but the keytab of %s is not made of it", f->computer);
        CAUSE(j, "kinit -k is refused (preauthentication), and the controllers accept the stored "
                 "secret: services that use the keytab take no ticket");
        REMEDY(j, "net ads keytab create -P");
    }
}

/* P9 */
static void judge_age(struct nt_judge *j, nt_time set)
{
    const struct nt_computer_facts *f = j->f;
    nt_time limit = 2 * (nt_time)f->interval_s * NT_TIME_SECOND + GRACE;
    char text[32];
    if (set == 0 || f->now <= set) {
        judge_find(j, NT_GRADE_GOOD, "nothing found");
        return;
    }
    judge_span(f->now, set, text);
    if (f->interval_s == 0 || f->now - set <= limit) {
        judge_find(j, NT_GRADE_GOOD, "the password is %s old%s", text,
                   f->winbind == NT_WINBIND_GOOD   ? "; winbindd proves its channel"
                   : f->winbind == NT_WINBIND_DOWN ? "; winbindd does not run"
                                                   : "");
        return;
    }
    judge_find(j, NT_GRADE_WARNING, "the password is %s old", text);
    if (judge_blame(j, "password-old", f->computer)) {
        VERDICT(j, "%s has stopped changing its password", f->computer);
        CAUSE(j, "it is %s old, and the configuration says to change it every %u days", text,
              f->interval_s / 86400u);
        REMEDY(j, "wbinfo --change-secret, and have winbindd run");
    }
}

static void judge_policy(struct nt_judge *j)
{
    const struct nt_computer_dc *main = nt_computer_main(j->f);
    bool good = j->d->group[NT_GROUP_PASSWORDS].grade == NT_GRADE_GOOD;
    if (good && j->f->winbind == NT_WINBIND_BAD)
        judge_winbind(j);
    if (good && j->f->keytab == NT_KEYTAB_BAD)
        judge_keytab(j);
    judge_age(j, judge_saw_account(main) ? main->account.password_set : j->f->changed);
}

/* --- all of it --- */

/* The administrator was refused: that comes before what he could not see. */
static bool conclude_refused(struct nt_judge *j)
{
    const struct nt_computer_facts *f = j->f;
    const struct nt_asked *r = &f->dc[0].reached;
    if (f->count == 0 || nt_computer_main(f) != NULL || r->look != NT_LOOK_FAILED ||
        judge_is_away(r))
        return false;
    bool ntlm = nt_status_is(r->error.status, NT_STATUS(NTLM_BLOCKED));
    judge_blame(j, ntlm ? "ntlm-blocked" : nt_admin_fail_name(r->error.kind), "");
    VERDICT(j, "%s was not seen: it refuses the administrator", nt_computer_domain(f));
    CAUSE(j, "%s", r->error.text);
    if (ntlm)
        REMEDY(j, "kinit Administrator@REALM, then again with -k and -d %s@HOSTNAME",
               f->typed_domain);
    else
        REMEDY(j, "again with -U '%s\\Administrator' and its password", nt_computer_domain(f));
    return true;
}

static void conclude(struct nt_judge *j)
{
    struct nt_diagnosis *d = j->d;
    const struct nt_computer_facts *f = j->f;
    const char *domain = nt_computer_domain(f);
    blame_silent(j);
    if (d->reason[0] != '\0')
        return;
    if (d->grade == NT_GRADE_GOOD) {
        VERDICT(j, "the secure channel between %s and %s is good", f->computer, domain);
        return;
    }
    if (conclude_refused(j))
        return;
    for (int g = 0; g < NT_GROUP_COUNT; g++) {
        if (!d->group[g].looked || d->group[g].grade != d->grade)
            continue;
        judge_blame(j, "not-seen", "");
        VERDICT(j, "nothing bad was seen, but not all could be seen");
        CAUSE(j, "%s", d->group[g].text);
        if (f->source == NT_COMPUTER_UNSEEN)
            REMEDY(j, "%s%s%ssudo ntrust computer check -U Administrator", f->here ? "" : "on ",
                   f->here ? "" : f->computer, f->here ? "" : ": ");
        else
            REMEDY(j, "again with -U '%s\\Administrator'", domain);
        return;
    }
}

void nt_computer_judge(const struct nt_computer_facts *f, struct nt_diagnosis *out)
{
    static void (*const judges[NT_GROUP_COUNT])(struct nt_judge *) = {
        [NT_GROUP_NETWORK] = judge_network,     [NT_GROUP_CLOCK] = judge_clock,
        [NT_GROUP_CRYPTO] = judge_crypto,       [NT_GROUP_HALVES] = judge_halves,
        [NT_GROUP_PASSWORDS] = judge_passwords, [NT_GROUP_POLICY] = judge_policy,
    };
    struct nt_judge j = { .f = f, .d = out };
    *out = (struct nt_diagnosis){ .grade = NT_GRADE_GOOD };
    for (enum nt_group_of g = 0; g < NT_GROUP_COUNT; g++) {
        j.group = g;
        judges[g](&j);
        if (!nt_judge_goes_on(out, g))
            break;
    }
    conclude(&j);
}
