/* diagnose.c - see diagnose.h. The numbers of symptoms (H2, P9, ...) are the field guide's. */
#include "repair/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"

#define CLOSE_ENOUGH NT_TIME_MINUTE /* between a change at one end and its note at the other */

const char *nt_grade_name(enum nt_grade grade)
{
    static const char *const names[] = { "good", "warning", "critical", "unknown" };
    return names[grade];
}

enum nt_grade nt_grade_worse(enum nt_grade a, enum nt_grade b)
{
    static const int weight[] = {
        [NT_GRADE_GOOD] = 0, [NT_GRADE_WARNING] = 1, [NT_GRADE_UNKNOWN] = 2, [NT_GRADE_CRITICAL] = 3
    };
    return weight[a] >= weight[b] ? a : b;
}

const char *nt_group_name(enum nt_group_of group)
{
    static const char *const names[] = { "network",   "clock",  "crypto", "halves",
                                         "passwords", "policy", "" };
    return names[group];
}

/* --- writing a diagnosis --- */

#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

static void PRINTF(4, 5)
    find(struct nt_diagnosis *d, enum nt_group_of group, enum nt_grade grade, const char *fmt, ...)
{
    struct nt_finding *f = &d->group[group];
    va_list ap;
    f->looked = true;
    f->grade = grade;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    d->grade = nt_grade_worse(d->grade, grade);
}

static void PRINTF(3, 4) skip(struct nt_diagnosis *d, enum nt_group_of group, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->group[group].text, sizeof d->group[group].text, fmt, ap);
    va_end(ap);
}

static void PRINTF(2, 3) verdict(struct nt_diagnosis *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->verdict, sizeof d->verdict, fmt, ap);
    va_end(ap);
}

static void PRINTF(2, 3) cause(struct nt_diagnosis *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->cause, sizeof d->cause, fmt, ap);
    va_end(ap);
}

static void PRINTF(2, 3) remedy(struct nt_diagnosis *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->remedy, sizeof d->remedy, fmt, ap);
    va_end(ap);
}

static void blame(struct nt_diagnosis *d, const char *reason, const char *end)
{
    snprintf(d->reason, sizeof d->reason, "%s", reason);
    snprintf(d->end, sizeof d->end, "%s", end);
}

/* What stands behind a group that is not good is not judged. */
static void leave_rest(struct nt_diagnosis *d, enum nt_group_of after)
{
    for (enum nt_group_of g = after + 1; g < NT_GROUP_COUNT; g++)
        skip(d, g, "not judged until \"%s\" is good", nt_group_name(after));
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static nt_time age(nt_time then, nt_time now)
{
    return now > then ? now - then : 0;
}

/* --- the trusting end --- */

/* The field guide's group of a reason. */
static enum nt_group_of group_of(const char *reason)
{
    static const struct {
        const char *reason;
        enum nt_group_of group;
    } map[] = {
        { "peer-unreachable", NT_GROUP_NETWORK },
        { "name-unresolvable", NT_GROUP_NETWORK },
        { "time-skew", NT_GROUP_CLOCK },
        { "crypto-refused", NT_GROUP_CRYPTO },
        { "removed-at-trusted-end", NT_GROUP_HALVES },
        { "account-disabled", NT_GROUP_HALVES },
        { "wrong-account-type", NT_GROUP_HALVES },
        { "domain-changed", NT_GROUP_HALVES },
        { "password-mismatch", NT_GROUP_PASSWORDS },
        { "initial-password-burned", NT_GROUP_PASSWORDS },
        { "denied", NT_GROUP_POLICY },
    };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (is(reason, map[i].reason))
            return map[i].group;
    return *reason != '\0' ? NT_GROUP_POLICY : NT_GROUP_COUNT;
}

static void reset_remedy(struct nt_diagnosis *d, const struct nt_trust_facts *f)
{
    remedy(d, "ntrust reset %s -U '%s\\Administrator'", f->peer, f->peer);
}

/* H2: the one status says that the account is missing, disabled or of another type; who looked can
 * tell them apart. */
static const char *seen_reason(const struct nt_trust_facts *f)
{
    if (f->there != NT_LOOK_SEEN)
        return f->reason;
    if (!nt_sid_is_null(&f->sid) && !nt_sid_equal(&f->sid, &f->there_domain.sid))
        return "domain-changed";
    if (!f->account.exists)
        return "removed-at-trusted-end";
    if (f->account.type != NT_ADMIN_INTERDOMAIN)
        return "wrong-account-type";
    if (f->account.disabled)
        return "account-disabled";
    return is(f->reason, "removed-at-trusted-end") ? "password-mismatch" : f->reason;
}

/* P1, P4, H3: when each end last set the secret tells which one moved. */
static void judge_mismatch(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    char here[NT_TIME_TEXT], there[NT_TIME_TEXT];
    nt_time ours = f->changed != 0 ? f->changed : f->established, theirs = f->account.password_set;
    verdict(d, "the two ends hold different secrets");
    reset_remedy(d, f);
    if (f->restored_to != 0) {
        blame(d, "password-mismatch", f->own);
        cause(d,
              "this end was restored from a backup of %s, and %s holds a newer secret that nothing "
              "here can know: reset needed",
              nt_time_format(f->restored_to, here), f->peer);
        return;
    }
    if (f->missing_at != 0) {
        blame(d, "password-mismatch", f->peer);
        cause(d,
              "%s removed this trust and added it again alone, which does not repair it: on %s its "
              "account %s$ was missing, and now it has another secret",
              f->peer, nt_time_format(f->missing_at, there), f->own);
        return;
    }
    if (f->there != NT_LOOK_SEEN) {
        blame(d, "password-mismatch", "");
        cause(d,
              "one of the two ends was set back (a snapshot, a backup) or its half was removed and "
              "added again alone; which one cannot be seen from here without rights at %s: use "
              "-U '%s\\Administrator'",
              f->peer, f->peer);
        return;
    }
    nt_time_format(ours, here);
    nt_time_format(theirs, there);
    if (theirs == 0 || ours == 0) {
        blame(d, "password-mismatch", "");
        cause(d, "the secret was last set here: %s; at %s: %s", here, f->peer, there);
    } else if (theirs > ours + CLOSE_ENOUGH) {
        blame(d, "password-mismatch", f->peer);
        cause(d,
              "%s$ was set at %s on %s, and this end knows its secret of %s: it was removed and "
              "added again there alone, or this end went back to an older copy of itself",
              f->own, f->peer, there, here);
    } else if (ours > theirs + CLOSE_ENOUGH) {
        blame(d, "password-mismatch", f->peer);
        cause(d,
              "this end changed the secret on %s, and %s holds one of %s: %s went back to an older "
              "copy of itself (a snapshot, a backup)",
              here, f->peer, there, f->peer);
    } else {
        blame(d, "password-mismatch", "");
        cause(d, "both ends set it at about the same time (%s), and not to the same", here);
    }
}

/* The permission that the old secret has burned was a new one. */
static void judge_burned_anew(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT], before[120] = "";
    if (f->missing_at != 0)
        snprintf(before, sizeof before, " (on %s the account was missing there)",
                 nt_time_format(f->missing_at, when));
    blame(d, "initial-password-burned", f->peer);
    verdict(d, "%s has permitted this trust anew at its end alone, which does not repair it",
            f->peer);
    cause(d,
          "%s removed the account %s$ and permitted it anew%s; the secret that this end has, of "
          "the trust before, has burned the new initial password (%s)",
          f->peer, f->own, before, f->error_status);
    reset_remedy(d, f);
}

static void judge_reason(const struct nt_trust_facts *f, const char *reason, struct nt_diagnosis *d)
{
    blame(d, reason, f->peer);
    if (is(reason, "name-unresolvable")) {
        blame(d, reason, "the network");
        verdict(d, "no address is known for any controller of %s", f->peer);
        cause(d, "%s", f->error_text);
        remedy(d,
               "ntrust trust servers %s --server HOST[:PORT], with a name that resolves; 'ntrust "
               "locate %s' shows where it is looked for",
               f->peer, f->peer);
    } else if (is(reason, "peer-unreachable")) {
        blame(d, reason, "the network");
        verdict(d, "no controller of %s can be reached", f->peer);
        cause(d, "%s", f->error_text);
        remedy(d,
               "start ntrustd at %s, or open its endpoint mapper's and RPC ports on the way; if it "
               "moved: ntrust trust servers %s --server HOST[:PORT]",
               f->peer, f->peer);
    } else if (is(reason, "time-skew")) {
        blame(d, reason, "");
        verdict(d, "the clocks of the two ends differ too much");
        cause(d, "%s", f->error_text);
        remedy(d, "set the clock of the end that is off, then: ntrust trust verify %s", f->peer);
    } else if (is(reason, "crypto-refused")) {
        verdict(d, "the two ends do not agree on how to protect the channel");
        cause(d, "%s", f->error_text);
        remedy(d, "have %s offer AES and sealing, then: ntrust trust verify %s", f->peer, f->peer);
    } else if (is(reason, "removed-at-trusted-end")) {
        verdict(d, "%s does not permit this domain to trust it any more", f->peer);
        cause(d, "%s",
              *f->error_text != '\0' ? f->error_text
                                     : "the interdomain trust account is not there, or not fit");
        if (f->there == NT_LOOK_SEEN)
            cause(d, "the interdomain trust account %s$ is not there: it was removed at %s", f->own,
                  f->peer);
        reset_remedy(d, f);
    } else if (is(reason, "account-disabled")) {
        verdict(d, "%s has disabled the trust's account", f->peer);
        cause(d, "the interdomain trust account %s$ is disabled at %s: %s", f->own, f->peer,
              f->there == NT_LOOK_SEEN ? "its administrator's view says so" : f->error_text);
        remedy(d,
               "ask at %s why; then there: ntrust permit enable %s; here: ntrust trust verify %s",
               f->peer, f->own, f->peer);
    } else if (is(reason, "wrong-account-type")) {
        verdict(d, "the trust's account at %s is of another kind", f->peer);
        cause(d,
              "%s$ at %s is %s%s account, not an interdomain trust account: a computer there has "
              "this domain's name",
              f->own, f->peer, f->there == NT_LOOK_SEEN ? "a " : "another kind of",
              f->there == NT_LOOK_SEEN ? nt_admin_account_type_name(f->account.type) : "");
        remedy(d, "rename that computer at %s, then: ntrust reset %s -U '%s\\Administrator'",
               f->peer, f->peer, f->peer);
    } else if (is(reason, "domain-changed")) {
        char ours[NT_SID_TEXT], theirs[NT_SID_TEXT];
        verdict(d, "%s is not the domain that this one trusted", f->peer);
        cause(d, "%s was built anew with another SID: %s", f->peer, f->error_text);
        if (f->there == NT_LOOK_SEEN)
            cause(d, "%s was built anew: its SID is %s, this end trusts %s", f->peer,
                  nt_sid_format(&f->there_domain.sid, theirs), nt_sid_format(&f->sid, ours));
        reset_remedy(d, f);
    } else if (is(reason, "initial-password-burned")) {
        if (f->established != 0) {
            judge_burned_anew(f, d);
            return;
        }
        blame(d, reason, f->own);
        verdict(d, "the initial password was wrong, and its one chance is gone");
        cause(d,
              "the password typed at this end is not the one that %s set; the right one opens "
              "nothing any more either",
              f->peer);
        reset_remedy(d, f);
    } else if (is(reason, "password-mismatch") && f->established == 0) {
        blame(d, reason, "");
        verdict(d, "%s does not accept the initial password", f->peer);
        cause(d, "another one was typed there than here (%s); nothing was tried again since",
              f->error_status);
        remedy(d, "ntrust trust remove %s; ntrust trust add %s, with the right password", f->peer,
               f->peer);
    } else if (is(reason, "password-mismatch")) {
        judge_mismatch(f, d);
    } else {
        verdict(d, "%s refuses the trust", f->peer);
        cause(d, "%s: %s", f->error_status, f->error_text);
        remedy(d, "%s", *f->next != '\0' ? f->next : "look at the log of the other end");
    }
}

static void judge_there(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    if (f->there == NT_LOOK_SEEN)
        find(d, NT_GROUP_HALVES, NT_GRADE_GOOD,
             "%s$ is at %s: enabled, an interdomain trust account", f->own, f->peer);
    else if (f->there == NT_LOOK_FAILED)
        find(d, NT_GROUP_HALVES, NT_GRADE_UNKNOWN, "%s could not be looked at: %s", f->peer,
             f->there_error->text);
    else
        find(d, NT_GROUP_HALVES, NT_GRADE_GOOD, "both are there: each answers to the other");
}

static void judge_age(struct nt_diagnosis *d, const char *who, nt_time changed, uint64_t interval_s,
                      nt_time now)
{
    char text[32], when[NT_TIME_TEXT];
    nt_time old = age(changed, now);
    nt_time_format(changed, when);
    if (interval_s != 0 && old > 2 * interval_s * NT_TIME_SECOND) {
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_WARNING, "last changed %s, %s ago", when,
             nt_judge_span(old, text));
        if (*d->reason == '\0') {
            blame(d, "password-old", who);
            verdict(d, "the trust works, but its password is not changed any more");
            cause(d, "the last change was %s ago: more than two of its intervals", text);
        }
    } else {
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_GOOD, "they agree; last changed %s", when);
    }
}

static void judge_trust_passwords(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    if (is(f->state, "pending") || is(f->state, "establishing")) {
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_WARNING, "%s", f->text);
        blame(d, "not-established", "");
        verdict(d, "the trust is not established yet");
        cause(d, "%s", f->text);
        remedy(d, "ntrust trust verify %s", f->peer);
    } else if (is(f->state, "changing")) {
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_WARNING, "a change is under way: %s", f->text);
        blame(d, "changing", "");
        verdict(d, "the trust works; a change of its password has not been proven yet");
        cause(d, "%s", f->text);
        remedy(d, "it goes on by itself; at once: ntrust trust verify %s", f->peer);
    } else {
        judge_age(d, f->own, f->changed != 0 ? f->changed : f->established, f->change_interval_s,
                  f->now);
        if (is(d->reason, "password-old"))
            remedy(d, "ntrust trust rotate %s", f->peer);
    }
}

/* P6, P3: it works, and there is more to it. */
static void judge_seen(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    if (f->cloned) {
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_CRITICAL, "changed elsewhere, again and again");
        blame(d, "cloned", f->own);
        verdict(d, "the trust works, but another controller uses this one's identity");
        cause(d,
              "the password was changed several times, and not from here: two controllers run with "
              "this one's identity (a clone), or this one goes back to a snapshot again and again");
        remedy(d,
               "stop the other one (its address is in the events of %s: 'ntrust events "
               "--subject %s' there), then: ntrust trust rotate %s",
               f->peer, f->own, f->peer);
    } else if (*f->laggards != '\0') {
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_WARNING, "controllers of %s lag behind: %s", f->peer,
             f->laggards);
        blame(d, "controllers-lag", f->peer);
        verdict(d, "the trust works, but not with every controller of %s", f->peer);
        cause(d,
              "a change of the password has not reached them, or they went back alone; nothing is "
              "changed meanwhile: %s",
              f->laggards);
        remedy(d, "repair the replication of %s, then: ntrust trust verify %s", f->peer, f->peer);
    }
}

static void judge_good_trust(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    judge_there(f, d);
    judge_trust_passwords(f, d);
    judge_seen(f, d);
    if (f->changes_disabled)
        find(d, NT_GROUP_POLICY, NT_GRADE_WARNING,
             "this domain's policy disables changes of trust passwords (disable_password_change)");
    else
        find(d, NT_GROUP_POLICY, NT_GRADE_GOOD, "changes are not disabled here");
    if (*d->reason == '\0' && f->weak_allowed) {
        blame(d, "weak-crypto", f->own);
        verdict(d, "the trust works, but RC4 is allowed for it");
        cause(d, "--weak was given when it was added");
        remedy(d, "have %s offer AES, then reset the trust without --weak", f->peer);
    } else if (*d->reason == '\0' && f->changes_disabled) {
        blame(d, "changes-disabled", f->own);
        verdict(d, "the trust works, but this domain's policy disables changes of its password");
        cause(d, "disable_password_change is set");
        remedy(d, "ntrust policy set disable_password_change no");
    } else if (f->there == NT_LOOK_FAILED) {
        blame(d, nt_admin_fail_name(f->there_error->kind), "");
        verdict(d, "the trust works from here; %s could not be looked at", f->peer);
        cause(d, "%s", f->there_error->text);
        remedy(d, "run it again with an administrator of %s", f->peer);
    }
    if (*d->reason == '\0')
        verdict(d, "the trust works");
}

void nt_diagnose_trust(const struct nt_trust_facts *f, struct nt_diagnosis *d)
{
    bool broken = is(f->state, "broken");
    *d = (struct nt_diagnosis){ .grade = NT_GRADE_GOOD };
    const char *reason = seen_reason(f);
    enum nt_group_of bad = group_of(reason);

    if (bad > NT_GROUP_NETWORK)
        find(d, NT_GROUP_NETWORK, NT_GRADE_GOOD, "%s of %s answers",
             *f->controller != '\0' ? f->controller : "a controller", f->peer);
    if (bad > NT_GROUP_CLOCK)
        skip(d, NT_GROUP_CLOCK, "not compared; nothing was refused for the time");
    if (bad > NT_GROUP_CRYPTO && f->weak_allowed)
        find(d, NT_GROUP_CRYPTO, NT_GRADE_WARNING, "RC4 is allowed for this trust");
    else if (bad > NT_GROUP_CRYPTO)
        find(d, NT_GROUP_CRYPTO, NT_GRADE_GOOD, "AES, sealed");
    if (bad == NT_GROUP_COUNT) {
        judge_good_trust(f, d);
        return;
    }
    if (bad > NT_GROUP_HALVES)
        judge_there(f, d);
    if (bad > NT_GROUP_PASSWORDS)
        judge_trust_passwords(f, d);
    bool passing = bad == NT_GROUP_NETWORK && !broken;
    judge_reason(f, reason, d);
    find(d, bad, passing ? NT_GRADE_WARNING : NT_GRADE_CRITICAL, "%s", d->verdict);
    leave_rest(d, bad);
}

/* --- the trusted end --- */

static void permit_remedy(struct nt_diagnosis *d, const struct nt_permit_facts *f)
{
    remedy(d, "at %s: ntrust reset %s -U '%s\\Administrator'", f->peer, f->own, f->own);
}

static void judge_absent(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    char removed[NT_TIME_TEXT], tried[200] = "", when[NT_TIME_TEXT];
    skip(d, NT_GROUP_NETWORK, "not judged: there is nothing to connect to");
    skip(d, NT_GROUP_CLOCK, "not judged");
    skip(d, NT_GROUP_CRYPTO, "not judged");
    if (f->refused_at != 0)
        snprintf(tried, sizeof tried, " %s still tries: last refused on %s%s%s.", f->peer,
                 nt_time_format(f->refused_at, when), *f->refused_from != '\0' ? " from " : "",
                 f->refused_from);
    if (is(f->trouble, "wrong-account-type")) {
        blame(d, f->trouble, f->own);
        verdict(d, "%s$ here is no interdomain trust account", f->peer);
        cause(d, "%s", f->trouble_text);
        remedy(d, "%s", f->trouble_next);
    } else if (f->removed_at != 0 && f->removed_at >= f->untrusted_at) {
        blame(d, "removed-at-trusted-end", f->own);
        verdict(d, "%s is not permitted any more to trust this domain", f->peer);
        cause(d, "removed on %s: %s.%s", nt_time_format(f->removed_at, removed), f->removed_text,
              tried);
        permit_remedy(d, f);
    } else if (f->untrusted_at != 0) {
        blame(d, "removed-at-trusting-end", f->own);
        verdict(d, "this domain does not trust %s any more", f->peer);
        cause(d, "removed on %s: %s", nt_time_format(f->untrusted_at, removed), f->untrusted_text);
        remedy(d, "ntrust reset %s -U '%s\\Administrator' --server HOST", f->peer, f->peer);
        find(d, NT_GROUP_HALVES, NT_GRADE_CRITICAL, "there is no trusted domain object for %s here",
             f->peer);
        leave_rest(d, NT_GROUP_HALVES);
        return;
    } else {
        blame(d, "not-permitted", f->refused_at != 0 ? f->own : "");
        verdict(d, "there is no trust with %s, in neither direction", f->peer);
        cause(d,
              "%s was never permitted to trust this domain, nor is it trusted, as far as the "
              "events go back.%s",
              f->peer, tried);
        remedy(d,
               "to let %s trust this domain: ntrust permit add %s --generate; to trust it: "
               "ntrust trust add %s --server HOST",
               f->peer, f->peer, f->peer);
    }
    find(d, NT_GROUP_HALVES, NT_GRADE_CRITICAL, "the account %s$ is not here", f->peer);
    leave_rest(d, NT_GROUP_HALVES);
}

/* How long it has not been heard of. True when that is too long. */
static bool judge_silence(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT], text[32];
    nt_time quiet = age(f->last_ok, f->now);
    nt_time_format(f->last_ok, when);
    if (f->last_ok == 0) {
        skip(d, NT_GROUP_NETWORK, "%s has not opened a channel yet", f->peer);
        return false;
    }
    if (f->check_interval_s != 0 && quiet > 2 * f->check_interval_s * NT_TIME_SECOND) {
        find(d, NT_GROUP_NETWORK, NT_GRADE_WARNING,
             "%s last opened a channel on %s, %s ago: longer than two check intervals", f->peer,
             when, nt_judge_span(quiet, text));
        return true;
    }
    find(d, NT_GROUP_NETWORK, NT_GRADE_GOOD, "%s last opened a channel on %s", f->peer, when);
    return false;
}

/* What is known of the other end, as its administrator sees it. False: the verdict is given. */
static bool judge_tdo(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    char ours[NT_SID_TEXT], theirs[NT_SID_TEXT];
    if (f->there != NT_LOOK_SEEN)
        return true;
    if (!f->tdo.exists || (f->tdo.direction & NT_ADMIN_OUTBOUND) == 0) {
        blame(d, "removed-at-trusting-end", f->peer);
        verdict(d, "%s does not trust this domain", f->peer);
        cause(d,
              f->tdo.exists ? "its trusted domain object for %s has no outbound half"
                            : "it has no trusted domain object for %s",
              f->own);
        remedy(d, "at %s: ntrust reset %s -U '%s\\Administrator' --server HOST", f->peer, f->own,
               f->own);
    } else if (!nt_sid_is_null(&f->tdo.sid) && !nt_sid_equal(&f->tdo.sid, &f->own_sid)) {
        blame(d, "domain-changed", f->own);
        verdict(d, "%s trusts an older domain of this name", f->peer);
        cause(d, "this domain's SID is %s, %s trusts %s", nt_sid_format(&f->own_sid, ours), f->peer,
              nt_sid_format(&f->tdo.sid, theirs));
        permit_remedy(d, f);
    } else {
        return true;
    }
    find(d, NT_GROUP_HALVES, NT_GRADE_CRITICAL, "%s", d->verdict);
    leave_rest(d, NT_GROUP_HALVES);
    return false;
}

static void judge_permit_halves(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    if (f->there == NT_LOOK_FAILED)
        find(d, NT_GROUP_HALVES, NT_GRADE_UNKNOWN, "%s$ is here; %s could not be looked at: %s",
             f->peer, f->peer, f->there_error->text);
    else if (f->there == NT_LOOK_SEEN)
        find(d, NT_GROUP_HALVES, NT_GRADE_GOOD, "%s$ is here, and %s has its object for %s",
             f->peer, f->peer, f->own);
    else
        find(d, NT_GROUP_HALVES, NT_GRADE_GOOD,
             "%s$ is here, enabled; %s's half was not looked at (-U, --server)", f->peer, f->peer);
}

static void judge_burned(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT], removed[NT_TIME_TEXT], before[200] = "";
    blame(d, "initial-password-burned", f->peer);
    verdict(d, "the permission of %s is burned: nothing opens it any more", f->peer);
    if (f->removed_at != 0)
        snprintf(before, sizeof before,
                 ". This end had removed its half on %s and added it again: if %s did not, what it "
                 "offered was the secret of the trust before",
                 nt_time_format(f->removed_at, removed), f->peer);
    cause(d,
          "a wrong initial password was offered on %s from %s, before the right one was proven%s",
          nt_time_format(f->burned, when), *f->burned_from != '\0' ? f->burned_from : "?", before);
    remedy(d,
           "at %s: ntrust reset %s -U '%s\\Administrator'; or ntrust permit remove %s, then ntrust "
           "permit add %s, and add the trust again there",
           f->peer, f->own, f->own, f->peer, f->peer);
    find(d, NT_GROUP_PASSWORDS, NT_GRADE_CRITICAL, "%s", d->verdict);
    leave_rest(d, NT_GROUP_PASSWORDS);
}

/* A wrong password after the last right one: that of the partner, or somebody's who is not. */
static void judge_wrong(const struct nt_permit_facts *f, bool silent, struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT];
    nt_time_format(f->last_bad, when);
    blame(d, "password-mismatch", silent ? f->peer : "");
    cause(d, "a wrong password was offered on %s from %s, after the last right one", when,
          *f->last_from != '\0' ? f->last_from : "?");
    if (is(f->trouble, "password-mismatch"))
        cause(d, "%s", f->trouble_text);
    if (silent) {
        verdict(d, "%s comes with another secret than this domain holds", f->peer);
        permit_remedy(d, f);
    } else {
        verdict(d, "the trust works, but a wrong password was offered for it");
        remedy(d, "if that address is not %s's, somebody is guessing; at %s: ntrust check %s",
               f->peer, f->peer, f->own);
    }
    find(d, NT_GROUP_PASSWORDS, silent ? NT_GRADE_CRITICAL : NT_GRADE_WARNING,
         "last refused on %s from %s", when, *f->last_from != '\0' ? f->last_from : "?");
}

/* A system that replaces the initial password does so as soon as it has proven it. One that has not
 * done it a minute later never will: Samba's NT-style controllers, for one. */
static void judge_initial(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT];
    bool never = f->now > f->proven && f->now - f->proven > 60 * NT_TIME_SECOND;
    blame(d, "never-changed", f->peer);
    verdict(d, "the trust works with its initial password: %s %s", f->peer,
            never ? "never changes it" : "has not changed it");
    cause(d,
          "it was proven on %s, and a person may know it; a partner that replaces it does so at "
          "once, and Samba's NT-style controllers never do",
          nt_time_format(f->proven, when));
    remedy(d,
           "at %s: ntrust trust rotate %s; where its system never changes it, give it one that "
           "nobody keeps: ntrust permit remove %s; ntrust permit add %s --generate; and store "
           "that at %s",
           f->peer, f->own, f->peer, f->peer, f->peer);
}

static void judge_permit_passwords(const struct nt_permit_facts *f, bool silent,
                                   struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT];
    if (f->verified && f->werr != NT_WERR_OK) {
        blame(d, "refused", "");
        verdict(d, "%s asked, and the trust does not work", f->peer);
        cause(d, "%s answered %u %s when told to prove it", f->peer, f->werr,
              nt_werror_name(f->werr));
        remedy(d, "at %s: ntrust check %s", f->peer, f->own);
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_CRITICAL, "%s", d->cause);
    } else if (is(f->state, "permitted")) {
        blame(d, "never-used", "");
        verdict(d, "%s has not used its permission yet", f->peer);
        cause(d, "it was given on %s; attempts left: %llu", nt_time_format(f->permitted, when),
              (unsigned long long)f->attempts_left);
        remedy(d, "at %s: ntrust trust add %s --server HOST", f->peer, f->own);
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_WARNING, "the initial password waits for its use");
    } else if (f->last_bad > f->last_ok || is(f->trouble, "password-mismatch")) {
        judge_wrong(f, silent, d);
    } else if (is(f->state, "proven")) {
        judge_initial(f, d);
        find(d, NT_GROUP_PASSWORDS, NT_GRADE_WARNING, "%s", d->verdict);
    } else {
        judge_age(d, f->peer, f->changed, f->change_interval_s, f->now);
        if (is(d->reason, "password-old"))
            remedy(d, "at %s: ntrust trust rotate %s", f->peer, f->own);
    }
}

/* Nothing worse was found: what else is worth a word. */
static void judge_permit_rest(const struct nt_permit_facts *f, bool silent, struct nt_diagnosis *d)
{
    if (f->changes_refused)
        find(d, NT_GROUP_POLICY, NT_GRADE_WARNING,
             "this domain's policy refuses changes of passwords (refuse_password_change)");
    else
        find(d, NT_GROUP_POLICY, NT_GRADE_GOOD, "changes are not refused here");
    if (*d->reason != '\0')
        return;
    if (silent) {
        blame(d, "silent", f->peer);
        verdict(d, "%s has not been heard of for longer than two check intervals", f->peer);
        cause(d, "its controller is down, cannot reach this one, or does not check its trusts");
        remedy(d, "at %s: ntrust check %s", f->peer, f->own);
    } else if (f->weak_allowed) {
        blame(d, "weak-crypto", f->own);
        verdict(d, "the trust works, but RC4 is allowed for it");
        cause(d, "%s$ may open a channel without AES", f->peer);
        remedy(d, "have %s offer AES, then permit it anew", f->peer);
    } else if (f->changes_refused) {
        blame(d, "changes-refused", f->own);
        verdict(d, "the trust works, but this domain refuses changes of its password");
        cause(d, "refuse_password_change is set");
        remedy(d, "ntrust policy set refuse_password_change no");
    } else if (f->there == NT_LOOK_FAILED) {
        blame(d, nt_admin_fail_name(f->there_error->kind), "");
        verdict(d, "nothing is wrong here; %s could not be looked at", f->peer);
        cause(d, "%s", f->there_error->text);
        remedy(d, "run it again with an administrator of %s", f->peer);
    } else {
        verdict(d, "the trust works, as far as can be seen from here");
    }
}

void nt_diagnose_permit(const struct nt_permit_facts *f, struct nt_diagnosis *d)
{
    *d = (struct nt_diagnosis){ .grade = NT_GRADE_GOOD };
    if (!f->exists) {
        judge_absent(f, d);
        return;
    }
    bool silent = judge_silence(f, d);
    skip(d, NT_GROUP_CLOCK, "not compared; nothing was refused for the time");
    if (is(f->trouble, "crypto-refused")) {
        blame(d, f->trouble, f->peer);
        verdict(d, "%s was refused, since it does not offer AES", f->peer);
        cause(d, "%s", f->trouble_text);
        remedy(d, "%s", f->trouble_next);
        find(d, NT_GROUP_CRYPTO, NT_GRADE_CRITICAL, "%s", d->verdict);
        leave_rest(d, NT_GROUP_CRYPTO);
        return;
    }
    if (f->weak_allowed)
        find(d, NT_GROUP_CRYPTO, NT_GRADE_WARNING, "RC4 is allowed for this account");
    else
        find(d, NT_GROUP_CRYPTO, NT_GRADE_GOOD, "AES is required");
    if (f->disabled) {
        blame(d, "account-disabled", f->own);
        verdict(d, "the trust's account is disabled here");
        cause(d, "%s",
              *f->trouble_text != '\0' ? f->trouble_text : "a disabled account opens nothing");
        remedy(d, "ask why; then: ntrust permit enable %s; and at %s: ntrust trust verify %s",
               f->peer, f->peer, f->own);
        find(d, NT_GROUP_HALVES, NT_GRADE_CRITICAL, "%s", d->verdict);
        leave_rest(d, NT_GROUP_HALVES);
        return;
    }
    if (!judge_tdo(f, d))
        return;
    judge_permit_halves(f, d);
    if (is(f->state, "burned")) {
        judge_burned(f, d);
        return;
    }
    judge_permit_passwords(f, silent, d);
    judge_permit_rest(f, silent, d);
}
