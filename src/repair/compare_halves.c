/* compare_halves.c - the two halves, their passwords, and what policy leaves of the trust. */
#include "repair/compare_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"

#define TOGETHER NT_TIME_MINUTE     /* between two changes that one action made */
#define OLD      (60 * NT_TIME_DAY) /* twice the longer one of the usual intervals */

/* One trust of one direction, by its ends. */
struct way {
    const struct nt_end_facts *trusting, *trusted;
    const struct nt_controller_facts *out, *in; /* the views of the two; NULL: not seen */
};

static struct way way_of(const struct nt_ends_facts *f, size_t trusting)
{
    const struct nt_end_facts *a = &f->end[trusting], *b = &f->end[1 - trusting];
    return (struct way){ a, b, nt_end_main(a), nt_end_main(b) };
}

/* --- halves --- */

/* H4: the object of `e` is for a domain of that name with another SID. */
static void judge_sid(struct compare *j, const struct nt_end_facts *e,
                      const struct nt_end_facts *other)
{
    const struct nt_controller_facts *dc = nt_end_main(e);
    char old[NT_SID_TEXT], now[NT_SID_TEXT];
    if (!compare_saw_tdo(dc) || !dc->tdo.tdo.exists || nt_end_main(other) == NULL ||
        nt_sid_is_null(&dc->tdo.tdo.sid) || nt_sid_equal(&dc->tdo.tdo.sid, &other->names.sid))
        return;
    nt_sid_format(&dc->tdo.tdo.sid, old);
    nt_sid_format(&other->names.sid, now);
    compare_find(j, NT_GRADE_CRITICAL, "%s trusts a %s of the SID %s, but its SID is %s",
                 nt_end_name(e), nt_end_name(other), old, now);
    if (!compare_blame(j, "domain-changed", nt_end_name(e)))
        return;
    VERDICT(j, "%s is not the domain that %s has a trust with", nt_end_name(other), nt_end_name(e));
    CAUSE(j,
          "the trusted domain object at %s has the SID %s, and %s has %s: that domain was made "
          "anew",
          nt_end_name(e), old, nt_end_name(other), now);
    REMEDY(j, "ntrust reset --recreate %s %s", j->f->end[0].typed, j->f->end[1].typed);
}

static void judge_names(struct compare *j, const struct nt_end_facts *e,
                        const struct nt_end_facts *other)
{
    const struct nt_controller_facts *dc = nt_end_main(e);
    if (!compare_saw_tdo(dc) || !dc->tdo.tdo.exists || nt_end_main(other) == NULL)
        return;
    const struct nt_admin_tdo_full *t = &dc->tdo;
    bool flat = nt_name_equal(t->tdo.name, other->names.name);
    bool dns =
        t->dns[0] == '\0' || other->names.dns[0] == '\0' || nt_name_equal(t->dns, other->names.dns);
    if (flat && dns)
        return;
    compare_find(j, NT_GRADE_CRITICAL, "%s knows %s as %s (%s)", nt_end_name(e), nt_end_name(other),
                 t->tdo.name, t->dns);
    if (!compare_blame(j, "domain-changed", nt_end_name(e)))
        return;
    VERDICT(j, "%s has another name than %s knows it by", nt_end_name(other), nt_end_name(e));
    CAUSE(j, "the trusted domain object at %s says %s (%s), the domain itself %s (%s)",
          nt_end_name(e), t->tdo.name, t->dns, other->names.name, other->names.dns);
    REMEDY(j, "ntrust reset --recreate %s %s", j->f->end[0].typed, j->f->end[1].typed);
}

/* H1, H3: an end has no object although the other one has its half. NT-style trusted ends keep an
 * account only. */
static void judge_missing(struct compare *j, size_t i)
{
    const struct nt_end_facts *e = &j->f->end[i], *other = &j->f->end[1 - i];
    const struct nt_controller_facts *here = nt_end_main(e), *there = nt_end_main(other);
    if (!compare_saw_tdo(here) || here->tdo.tdo.exists || !compare_saw_tdo(there) ||
        (!there->tdo.tdo.exists && !nt_end_is_nt(other)))
        return;
    if (nt_ends_direction(j->f, i) != 1 && (nt_end_is_nt(e) || nt_ends_direction(j->f, 1 - i) != 1))
        return;
    compare_find(j, NT_GRADE_CRITICAL, "%s has no trusted domain object for %s", nt_end_name(e),
                 nt_end_name(other));
    if (!compare_blame(j, "removed", nt_end_name(e)))
        return;
    VERDICT(j, "the trust was removed at %s", nt_end_name(e));
    CAUSE(j,
          "%s still has its half, %s has none: it was deleted there, or that domain came back "
          "from a backup that is older than the trust",
          nt_end_name(other), nt_end_name(e));
    compare_remedy_reset(j);
}

static void wrong_direction(struct compare *j, const struct way *w, const struct nt_end_facts *e,
                            const char *lacks)
{
    compare_find(j, NT_GRADE_CRITICAL, "the object at %s is not %s", nt_end_name(e), lacks);
    if (!compare_blame(j, "wrong-direction", nt_end_name(e)))
        return;
    VERDICT(j, "the two ends do not agree that %s trusts %s", nt_end_name(w->trusting),
            nt_end_name(w->trusted));
    CAUSE(j,
          "the trusted domain object at %s lacks the direction \"%s\", which the other end's "
          "counterpart needs",
          nt_end_name(e), lacks);
    compare_remedy_reset(j);
}

/* H2 */
static void judge_account(struct compare *j, const struct way *w)
{
    const struct nt_admin_account *account = &w->in->account;
    const char *owner = nt_end_name(w->trusted), *of = nt_end_name(w->trusting);
    const char *what = NULL, *reason = NULL;
    if (!account->exists) {
        what = "is missing";
        reason = "account-missing";
    } else if (account->type != NT_ADMIN_INTERDOMAIN) {
        what = "is no interdomain trust account";
        reason = "wrong-account-type";
    } else if (account->disabled) {
        what = "is disabled";
        reason = "account-disabled";
    } else {
        return;
    }
    compare_find(j, NT_GRADE_CRITICAL, "the account %s$ at %s %s", of, owner, what);
    if (!compare_blame(j, reason, owner))
        return;
    VERDICT(j, "%s cannot prove itself to %s", of, owner);
    CAUSE(j, "the interdomain trust account %s$ at %s %s", of, owner, what);
    if (account->exists && account->type != NT_ADMIN_INTERDOMAIN)
        REMEDY(j, "rename the account %s$ at %s, then: ntrust reset %s %s", of, owner,
               j->f->end[0].typed, j->f->end[1].typed);
    else
        compare_remedy_reset(j);
}

static void judge_way(struct compare *j, const struct way *w)
{
    if (compare_saw_tdo(w->out) && w->out->tdo.tdo.exists &&
        !compare_has(w->out, NT_ADMIN_OUTBOUND))
        wrong_direction(j, w, w->trusting, "outbound");
    if (!nt_end_is_nt(w->trusted) && compare_saw_tdo(w->in) && w->in->tdo.tdo.exists &&
        !compare_has(w->in, NT_ADMIN_INBOUND))
        wrong_direction(j, w, w->trusted, "inbound");
    if (compare_saw_account(w->in))
        judge_account(j, w);
}

static void judge_kind(struct compare *j)
{
    const struct nt_controller_facts *a = nt_end_main(&j->f->end[0]),
                                     *b = nt_end_main(&j->f->end[1]);
    if (!compare_saw_tdo(a) || !compare_saw_tdo(b) || !a->tdo.tdo.exists || !b->tdo.tdo.exists)
        return;
    bool type = a->tdo.tdo.type != b->tdo.tdo.type;
    bool forest = ((a->tdo.tdo.attributes ^ b->tdo.tdo.attributes) & NT_TRUST_FOREST) != 0;
    if (!type && !forest)
        return;
    compare_find(j, NT_GRADE_CRITICAL, "the two objects are of different kinds");
    if (!compare_blame(j, "kinds-differ", ""))
        return;
    VERDICT(j, "the two ends disagree about the kind of the trust");
    CAUSE(j, "type %u and attributes 0x%x at %s, type %u and 0x%x at %s: %s", a->tdo.tdo.type,
          a->tdo.tdo.attributes, nt_end_name(&j->f->end[0]), b->tdo.tdo.type, b->tdo.tdo.attributes,
          nt_end_name(&j->f->end[1]),
          forest ? "a forest trust at one end only" : "NT-style at one end only");
    REMEDY(j, "ntrust reset --recreate %s %s", j->f->end[0].typed, j->f->end[1].typed);
}

static bool is_address(const char *host)
{
    return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

/* samba-tool wants the source by name: as it was named, or as it says itself, which is told only
 * where it is plain enough for a command line. NULL: not known. */
static const char *name_of(const struct nt_controller_facts *dc)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
    const char *own = dc->ping.answer.host;
    if (!is_address(dc->host))
        return dc->host;
    bool known = dc->ping.look == NT_LOOK_SEEN && own[0] != '\0' && own[0] != '-' &&
                 own[strspn(own, plain)] == '\0';
    return known ? own : NULL;
}

/* "east.example" as "DC=east,DC=example", which samba-tool wants for a domain. */
static void domain_dn(const char *dns, char *out, size_t size)
{
    size_t at = 0;
    *out = '\0';
    while (*dns != '\0' && at < size) {
        size_t len = strcspn(dns, ".");
        int n = snprintf(out + at, size - at, "%sDC=%.*s", at > 0 ? "," : "", (int)len, dns);
        at += (size_t)n;
        dns += len + (dns[len] == '.' ? 1 : 0);
    }
}

static void remedy_replicate(struct compare *j, const struct nt_end_facts *e,
                             const struct nt_controller_facts *good,
                             const struct nt_controller_facts *bad)
{
    char dn[NT_ADMIN_DNS * 2];
    const char *source = name_of(good);
    domain_dn(e->names.dns, dn, sizeof dn);
    if (source == NULL)
        REMEDY(j,
               "samba-tool drs replicate %s SOURCE %s, SOURCE being the name of %s (or repadmin "
               "/syncall %s), then check again",
               bad->host, dn, good->host, bad->host);
    else
        REMEDY(j, "samba-tool drs replicate %s %s %s (or repadmin /syncall %s), then check again",
               bad->host, source, dn, bad->host);
}

/* P3: a controller to which a change of the object itself has not come. */
static void judge_replicas(struct compare *j, const struct nt_end_facts *e)
{
    const struct nt_controller_facts *first = nt_end_main(e);
    for (size_t k = 0; compare_saw_tdo(first) && k < e->count; k++) {
        const struct nt_controller_facts *dc = &e->dc[k];
        const struct nt_admin_tdo *x = &first->tdo.tdo, *y = &dc->tdo.tdo;
        if (dc == first || !compare_saw_tdo(dc) ||
            (x->exists == y->exists &&
             (!x->exists || (x->direction == y->direction && nt_sid_equal(&x->sid, &y->sid)))))
            continue;
        compare_find(j, NT_GRADE_CRITICAL, "%s and %s do not have the same object", first->host,
                     dc->host);
        if (!compare_blame(j, "not-replicated", nt_end_name(e)))
            continue;
        VERDICT(j, "the controllers of %s do not have the same trusted domain object",
                nt_end_name(e));
        CAUSE(j, "a change at %s has not reached %s%s", first->host, dc->host,
              x->exists && !y->exists ? ", which has no such object" : "");
        remedy_replicate(j, e, first, dc);
    }
}

/* What of an end was not told, and why. */
static void judge_untold(struct compare *j, const struct nt_end_facts *e)
{
    const struct nt_controller_facts *dc = nt_end_main(e);
    bool untold = dc != NULL && (dc->tdo_asked.look == NT_LOOK_FAILED ||
                                 dc->account_asked.look == NT_LOOK_FAILED);
    if (dc == NULL)
        compare_find(j, NT_GRADE_UNKNOWN, "the half at %s was not seen", nt_end_name(e));
    else if (untold && dc->nobody)
        compare_find(j, NT_GRADE_UNKNOWN,
                     "the half at %s was not seen: no administrator of it was named",
                     nt_end_name(e));
    else if (dc->tdo_asked.look == NT_LOOK_FAILED)
        compare_find(j, NT_GRADE_UNKNOWN, "%s", dc->tdo_asked.error.text);
    else if (dc->account_asked.look == NT_LOOK_FAILED)
        compare_find(j, NT_GRADE_UNKNOWN, "%s", dc->account_asked.error.text);
}

static void judge_none(struct compare *j)
{
    const char *a = nt_end_name(&j->f->end[0]), *b = nt_end_name(&j->f->end[1]);
    compare_find(j, NT_GRADE_CRITICAL, "neither %s nor %s has a trusted domain object", a, b);
    if (!compare_blame(j, "no-trust", ""))
        return;
    VERDICT(j, "there is no trust between %s and %s", a, b);
    CAUSE(j, "neither end has a trusted domain object for the other one");
    REMEDY(j, "ntrust establish %s %s", j->f->end[0].typed, j->f->end[1].typed);
}

void compare_halves(struct compare *j)
{
    const struct nt_end_facts *e = j->f->end;
    int wanted[2] = { nt_ends_direction(j->f, 0), nt_ends_direction(j->f, 1) };
    if (wanted[0] == 0 && wanted[1] == 0) {
        judge_none(j);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        judge_sid(j, &e[i], &e[1 - i]);
        judge_names(j, &e[i], &e[1 - i]);
    }
    for (size_t i = 0; i < 2; i++)
        judge_missing(j, i);
    for (size_t i = 0; i < 2; i++)
        if (wanted[i] == 1) {
            const struct way w = way_of(j->f, i);
            judge_way(j, &w);
        }
    judge_kind(j);
    for (size_t i = 0; i < 2; i++) {
        judge_replicas(j, &e[i]);
        judge_untold(j, &e[i]);
    }
    compare_find(j, NT_GRADE_GOOD, "names, SIDs, directions and accounts agree");
}

/* --- passwords --- */

/* Which end's secrets were set anew alone: each account tells when its own end last set one. */
static void judge_mismatch(struct compare *j, const struct way *w)
{
    const struct nt_controller_facts *a = w->in, *b = w->out;
    char here[NT_TIME_TEXT], there[NT_TIME_TEXT];
    bool told = compare_saw_account(a) && compare_saw_account(b) && a->account.password_set != 0 &&
                b->account.password_set != 0;
    nt_time x = told ? a->account.password_set : 0, y = told ? b->account.password_set : 0;
    bool apart = told && (x > y ? x - y : y - x) > TOGETHER;
    const char *end = !apart ? "" : nt_end_name(x > y ? w->trusted : w->trusting);
    const char *other = nt_end_name(x > y ? w->trusting : w->trusted);
    if (!compare_blame(j, "password-mismatch", end))
        return;
    VERDICT(j, "%s and %s hold different secrets", nt_end_name(w->trusting),
            nt_end_name(w->trusted));
    compare_remedy_reset(j);
    if (apart)
        CAUSE(j,
              "the account at %s was given its secret on %s, the one at %s on %s: %s set its half "
              "later and alone, or %s came back from a backup",
              nt_end_name(w->trusted), nt_time_format(x, here), nt_end_name(w->trusting),
              nt_time_format(y, there), end, other);
    else if (compare_saw_account(a))
        CAUSE(j,
              "the account at %s was given its secret on %s; %s proves another one. Which end "
              "moved alone (a backup, a half that was made anew) cannot be told",
              nt_end_name(w->trusted), nt_time_format(a->account.password_set, here),
              nt_end_name(w->trusting));
    else
        CAUSE(j, "one end came back from a backup, or its half was made anew alone");
}

/* [MS-NRPC] 2.2.1.3.13, TrustedDnsDomainSecureChannel, towards one that knows the other channel
 * alone: the account is there and fit, and the trusted end does not find it. */
static bool names_itself_by_dns(const struct way *w)
{
    if (!nt_end_is_nt(w->trusted) || nt_end_is_nt(w->trusting) || w->in == NULL ||
        !compare_saw_account(w->in))
        return false;
    const struct nt_admin_account *a = &w->in->account;
    return a->exists && a->type == NT_ADMIN_INTERDOMAIN && !a->disabled;
}

static void judge_failed(struct compare *j, const struct way *w, uint32_t werr)
{
    const char *from = nt_end_name(w->trusting), *to = nt_end_name(w->trusted);
    const char *name = nt_werror_name(werr);
    compare_find(j, NT_GRADE_CRITICAL, "%s cannot open its secure channel to %s: %u %s", from, to,
                 werr, name);
    switch (werr) {
    case NT_WERR_NO_TRUST_LSA_SECRET:
        if (compare_blame(j, "no-secret", from)) {
            VERDICT(j, "%s has no secret for its trust with %s", from, to);
            CAUSE(j, "the trusted domain object at %s has no outgoing password", from);
            compare_remedy_reset(j);
        }
        break;
    case NT_WERR_NO_TRUST_SAM_ACCOUNT:
    case COMPARE_ACCOUNT_DISABLED:
        if (names_itself_by_dns(w) && compare_blame(j, "unsupported", from)) {
            VERDICT(j, "%s cannot trust an NT-style domain", from);
            CAUSE(j,
                  "the account %s$ at %s is as it should be, but the controller asks for one of "
                  "its DNS name, as Samba's Active Directory does, which NT-style domains do not "
                  "have: with it only %s can trust %s",
                  from, to, to, from);
            REMEDY(j, "ntrust remove %s %s", j->f->end[0].typed, j->f->end[1].typed);
        }
        if (compare_blame(j, "account-missing", to)) {
            VERDICT(j, "%s does not accept the account of %s", to, from);
            CAUSE(j,
                  "%s says that the account %s$ is missing, disabled, of another type or without "
                  "an incoming password",
                  to, from);
            compare_remedy_reset(j);
        }
        break;
    case NT_WERR_ACCESS_DENIED:
    case COMPARE_WRONG_PASSWORD:
    case NT_WERR_LOGON_FAILURE:
    case NT_WERR_TRUSTED_RELATIONSHIP_FAILURE:
    case NT_WERR_TRUSTED_DOMAIN_FAILURE:
        judge_mismatch(j, w);
        break;
    case COMPARE_INCONSISTENT:
        if (compare_blame(j, "domain-changed", from)) {
            VERDICT(j, "%s has its trust with another domain named %s", from, to);
            CAUSE(j, "its controller says that name and SID do not belong together");
            REMEDY(j, "ntrust reset --recreate %s %s", j->f->end[0].typed, j->f->end[1].typed);
        }
        break;
    case COMPARE_TIME_SKEW:
        if (compare_blame(j, "time-skew", "")) {
            VERDICT(j, "%s and %s refuse each other for their clocks", from, to);
            CAUSE(j,
                  "seen from here the clocks agree, but the controllers that talk may be others");
            REMEDY(j, "compare the clocks of all controllers of %s and %s", from, to);
        }
        break;
    case COMPARE_NTLM_BLOCKED:
        if (compare_blame(j, "ntlm-blocked", "")) {
            VERDICT(j, "NTLM is forbidden between %s and %s", from, to);
            CAUSE(j, "a policy of either end blocks it (Restrict NTLM, ntlm auth)");
            REMEDY(j, "see the NTLM policies and their log at %s and %s", from, to);
        }
        break;
    default:
        if (compare_blame(j, "channel-failed", "")) {
            VERDICT(j, "%s cannot open its secure channel to %s", from, to);
            CAUSE(j, "its controller answered %u %s", werr, name);
            compare_remedy_reset(j);
        }
    }
}

/* P3 */
static void judge_some(struct compare *j, const struct way *w,
                       const struct nt_controller_facts *good,
                       const struct nt_controller_facts *bad)
{
    const char *end = nt_end_name(w->trusting);
    compare_find(j, NT_GRADE_CRITICAL, "%s opens its secure channel to %s, %s does not: %u %s",
                 good->host, nt_end_name(w->trusted), bad->host, bad->channel.werr,
                 nt_werror_name(bad->channel.werr));
    if (!compare_blame(j, "not-replicated", end))
        return;
    VERDICT(j, "the controllers of %s do not all have the present secret", end);
    CAUSE(j,
          "%s proves the trust, %s is refused: a change has not reached it. Changing the secret "
          "again would make it worse",
          good->host, bad->host);
    remedy_replicate(j, w->trusting, good, bad);
}

static void judge_channel(struct compare *j, const struct way *w)
{
    const struct nt_controller_facts *good = NULL, *bad = NULL, *untold = NULL;
    for (size_t k = 0; k < w->trusting->count; k++) {
        const struct nt_controller_facts *dc = &w->trusting->dc[k];
        if (compare_is_away(dc)) /* the network's finding */
            continue;
        if (dc->channel_asked.look != NT_LOOK_SEEN)
            untold = dc;
        else if (dc->channel.werr == NT_WERR_OK)
            good = dc;
        else
            bad = dc;
    }
    if (bad != NULL && good != NULL)
        judge_some(j, w, good, bad);
    else if (bad != NULL)
        judge_failed(j, w, bad->channel.werr);
    else if (untold != NULL || good == NULL)
        compare_find(j, NT_GRADE_UNKNOWN, "whether %s can open its secure channel to %s: %s",
                     nt_end_name(w->trusting), nt_end_name(w->trusted),
                     untold == NULL   ? "not known"
                     : untold->nobody ? "no administrator of it was named"
                     : untold->channel_asked.look == NT_LOOK_FAILED
                         ? untold->channel_asked.error.text
                         : "not known");
}

/* P9: nothing is broken yet. */
static void judge_age(struct compare *j, const struct way *w)
{
    if (!compare_saw_account(w->in) || w->in->account.password_set == 0 ||
        j->f->now < w->in->account.password_set + OLD)
        return;
    unsigned days = (unsigned)((j->f->now - w->in->account.password_set) / NT_TIME_DAY);
    compare_find(j, NT_GRADE_WARNING, "the secret that %s proves to %s is %u days old",
                 nt_end_name(w->trusting), nt_end_name(w->trusted), days);
    if (!compare_blame(j, "rotation-stopped", nt_end_name(w->trusting)))
        return;
    VERDICT(j, "the trust works, but %s does not change its secret any more",
            nt_end_name(w->trusting));
    CAUSE(j, "it was last changed %u days ago; it should be after 7 (NT, Samba) or 30 (AD)", days);
    compare_remedy_reset(j);
}

void compare_passwords(struct compare *j)
{
    for (size_t i = 0; i < 2; i++) {
        const struct way w = way_of(j->f, i);
        int wanted = nt_ends_direction(j->f, i);
        if (wanted == 1)
            judge_channel(j, &w);
        else if (wanted < 0)
            compare_find(j, NT_GRADE_UNKNOWN, "whether %s trusts %s is not known",
                         nt_end_name(w.trusting), nt_end_name(w.trusted));
    }
    for (size_t i = 0; i < 2; i++) {
        const struct way w = way_of(j->f, i);
        if (nt_ends_direction(j->f, i) == 1)
            judge_age(j, &w);
    }
    compare_find(j, NT_GRADE_GOOD, "every controller that was asked proves its secure channel");
}

/* --- policy --- */

/* Settings that are somebody's will: told, not judged. */
void compare_policy(struct compare *j)
{
    char text[300] = "";
    for (size_t i = 0, at = 0; i < 2; i++) {
        const struct nt_controller_facts *dc = nt_end_main(&j->f->end[i]);
        if (!compare_saw_tdo(dc) || at >= sizeof text)
            continue;
        uint32_t a = dc->tdo.tdo.attributes;
        if ((a & (NT_TRUST_SELECTIVE | NT_TRUST_QUARANTINED)) == 0)
            continue;
        at += (size_t)snprintf(
            text + at, sizeof text - at, "%s%s at %s: %s%s%s", at > 0 ? "; " : "", "in force",
            nt_end_name(&j->f->end[i]), (a & NT_TRUST_QUARANTINED) != 0 ? "SID filter" : "",
            (a & NT_TRUST_QUARANTINED) != 0 && (a & NT_TRUST_SELECTIVE) != 0 ? ", " : "",
            (a & NT_TRUST_SELECTIVE) != 0 ? "selective authentication" : "");
    }
    compare_find(j, NT_GRADE_GOOD, "%s", text[0] != '\0' ? text : "nothing that limits it is set");
}
