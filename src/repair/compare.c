/* compare.c - see compare.h. The numbers of symptoms (N1, H3, ...) are the field guide's. */
#include "repair/compare_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKEW_CRITICAL (5 * (int64_t)NT_TIME_MINUTE) /* Kerberos refuses more: RFC 4120 3.1.3 */
#define SKEW_WARNING  ((int64_t)NT_TIME_MINUTE)

/* --- what was seen --- */

const struct nt_controller_facts *nt_end_main(const struct nt_end_facts *e)
{
    return e->main < e->count && e->dc[e->main].reached.look == NT_LOOK_SEEN ? &e->dc[e->main]
                                                                             : NULL;
}

const char *nt_end_name(const struct nt_end_facts *e)
{
    return e->names.name[0] != '\0' ? e->names.name : e->typed;
}

bool compare_saw_tdo(const struct nt_controller_facts *dc)
{
    return dc != NULL && dc->tdo_asked.look == NT_LOOK_SEEN;
}

bool compare_saw_account(const struct nt_controller_facts *dc)
{
    return dc != NULL && dc->account_asked.look == NT_LOOK_SEEN;
}

bool compare_is_away(const struct nt_controller_facts *dc)
{
    const struct nt_asked *r = &dc->reached;
    return r->look == NT_LOOK_FAILED &&
           (r->error.kind == NT_ADMIN_NETWORK || r->error.kind == NT_ADMIN_NAME_UNKNOWN);
}

bool compare_has(const struct nt_controller_facts *dc, uint32_t direction)
{
    return compare_saw_tdo(dc) && dc->tdo.tdo.exists && (dc->tdo.tdo.direction & direction) != 0;
}

bool nt_end_is_nt(const struct nt_end_facts *e)
{
    return nt_end_main(e) != NULL && e->names.dns[0] == '\0';
}

/* Its half says that the other end trusts it. */
static bool is_trusted(const struct nt_end_facts *e)
{
    const struct nt_controller_facts *dc = nt_end_main(e);
    return nt_end_is_nt(e) ? compare_saw_account(dc) && dc->account.exists &&
                                 dc->account.type == NT_ADMIN_INTERDOMAIN
                           : compare_has(dc, NT_ADMIN_INBOUND);
}

int nt_ends_direction(const struct nt_ends_facts *f, size_t trusting)
{
    const struct nt_controller_facts *out = nt_end_main(&f->end[trusting]),
                                     *in = nt_end_main(&f->end[1 - trusting]);
    if (compare_has(out, NT_ADMIN_OUTBOUND) || is_trusted(&f->end[1 - trusting]))
        return 1;
    return compare_saw_tdo(out) && compare_saw_tdo(in) ? 0 : -1;
}

/* --- writing --- */

/* An end that trusts, and takes no secret by any call: nt_admin_tdo_full.fixed. */
static bool needs_a_hand(const struct nt_ends_facts *f)
{
    for (size_t i = 0; i < 2; i++) {
        const struct nt_controller_facts *dc = nt_end_main(&f->end[i]);
        if (dc != NULL && dc->tdo.fixed && nt_ends_direction(f, i) == 1)
            return true;
    }
    return false;
}

void compare_remedy_reset(struct compare *j)
{
    REMEDY(j, "ntrust reset %s%s %s", needs_a_hand(j->f) ? "--generate " : "", j->f->end[0].typed,
           j->f->end[1].typed);
}

/* --- clock: T1 --- */

static const char *offset_text(int64_t ahead, char out[48])
{
    int64_t s =
        ((ahead < 0 ? -ahead : ahead) + (int64_t)NT_TIME_SECOND / 2) / (int64_t)NT_TIME_SECOND;
    if (s < 2)
        snprintf(out, 48, "right");
    else if (s < 120)
        snprintf(out, 48, "%lld s %s", (long long)s, ahead < 0 ? "behind" : "ahead");
    else
        snprintf(out, 48, "%lld min %s", (long long)((s + 30) / 60),
                 ahead < 0 ? "behind" : "ahead");
    return out;
}

/* The two farthest apart of all controllers whose clock is known: the first of them is the one that
 * is farther from ours. */
static int64_t farthest(const struct nt_ends_facts *f, const struct nt_controller_facts **off,
                        size_t *end)
{
    const struct nt_controller_facts *low = NULL, *high = NULL;
    size_t low_end = 0, high_end = 0, known = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < f->end[i].count; k++) {
            const struct nt_controller_facts *dc = &f->end[i].dc[k];
            if (!dc->clock_known)
                continue;
            known++;
            if (low == NULL || dc->ahead_100ns < low->ahead_100ns) {
                low = dc;
                low_end = i;
            }
            if (high == NULL || dc->ahead_100ns > high->ahead_100ns) {
                high = dc;
                high_end = i;
            }
        }
    if (known < 2)
        return -1;
    bool take_high = high->ahead_100ns > -low->ahead_100ns;
    *off = take_high ? high : low;
    *end = take_high ? high_end : low_end;
    return high->ahead_100ns - low->ahead_100ns;
}

static void judge_clock(struct compare *j)
{
    const struct nt_controller_facts *off = NULL;
    size_t end = 0;
    char text[48];
    int64_t apart = farthest(j->f, &off, &end);
    if (apart < 0) {
        compare_find(j, NT_GRADE_UNKNOWN, "the clocks of both ends are not known");
        return;
    }
    long long seconds = (long long)(apart / (int64_t)NT_TIME_SECOND);
    if (apart <= SKEW_WARNING) {
        compare_find(j, NT_GRADE_GOOD, "%lld s apart", seconds);
        return;
    }
    bool bad = apart > SKEW_CRITICAL;
    compare_find(j, bad ? NT_GRADE_CRITICAL : NT_GRADE_WARNING,
                 "%lld s apart: %s is %s of this computer's clock", seconds, off->host,
                 offset_text(off->ahead_100ns, text));
    if (!compare_blame(j, "time-skew", nt_end_name(&j->f->end[end])))
        return;
    VERDICT(j, "the clocks of the two ends are %lld seconds apart", seconds);
    CAUSE(j, "the clock of %s is %s, compared with the other end's and this computer's%s",
          off->host, offset_text(off->ahead_100ns, text),
          bad ? "; Kerberos takes no more than 5 minutes" : "");
    REMEDY(j, "set the clock of %s (chronyc makestep, w32tm /resync)", off->host);
}

/* --- crypto: C1, C2 --- */

/* What an object without a list stands for: [MS-KILE] 3.3.5.7 */
static uint32_t encryption(const struct nt_admin_tdo_full *t)
{
    return t->enc_types != 0 ? t->enc_types : NT_ENC_RC4;
}

static void judge_downgrade(struct compare *j)
{
    for (size_t i = 0; i < 2; i++) {
        const struct nt_controller_facts *dc = nt_end_main(&j->f->end[i]);
        const char *other = nt_end_name(&j->f->end[1 - i]);
        if (dc == NULL || dc->channel_asked.look != NT_LOOK_SEEN ||
            dc->channel.werr != COMPARE_DOWNGRADE)
            continue;
        compare_find(j, NT_GRADE_CRITICAL, "%s and %s do not agree on the channel's protection",
                     dc->host, other);
        if (compare_blame(j, "crypto-refused", "")) {
            VERDICT(j, "one end demands a protection that the other one does not offer");
            CAUSE(j,
                  "%s got DOWNGRADE_DETECTED from %s: compare their settings of AES, sealing and "
                  "strong keys",
                  dc->host, other);
            REMEDY(j, "bring the older of the two up to date; nothing is weakened by ntrust");
        }
    }
}

static void judge_crypto(struct compare *j)
{
    const struct nt_end_facts *e = j->f->end;
    const struct nt_controller_facts *a = nt_end_main(&e[0]), *b = nt_end_main(&e[1]);
    judge_downgrade(j);
    if (nt_end_is_nt(&e[0]) || nt_end_is_nt(&e[1])) {
        compare_find(j, NT_GRADE_GOOD,
                     "no channel was refused for its protection; an NT-style trust carries no "
                     "Kerberos");
        return;
    }
    bool both = compare_saw_tdo(a) && compare_saw_tdo(b) && a->tdo.tdo.exists && b->tdo.tdo.exists;
    if (!both || !a->tdo.enc_known || !b->tdo.enc_known) {
        compare_find(j, NT_GRADE_GOOD,
                     "no channel was refused for its protection; encryption types "
                     "cannot be compared");
        return;
    }
    uint32_t x = encryption(&a->tdo), y = encryption(&b->tdo);
    const char *old = nt_end_name((x & NT_ENC_AES) == 0 ? &e[0] : &e[1]);
    if ((x & y & (NT_ENC_AES | NT_ENC_RC4)) == 0) { /* C2 */
        compare_find(j, NT_GRADE_CRITICAL, "encryption types do not meet: 0x%x at %s, 0x%x at %s",
                     x, nt_end_name(&e[0]), y, nt_end_name(&e[1]));
        if (compare_blame(j, "encryption-types", old)) {
            VERDICT(j, "the two ends allow no encryption type in common");
            CAUSE(j,
                  "the trusted domain object of %s allows 0x%x, that of %s 0x%x: no Kerberos "
                  "ticket passes",
                  nt_end_name(&e[0]), x, nt_end_name(&e[1]), y);
            compare_remedy_reset(j);
        }
    } else if ((x & y & NT_ENC_AES) == 0) {
        compare_find(j, NT_GRADE_WARNING, "only RC4 in common (0x%x, 0x%x)", x, y);
        if (compare_blame(j, "rc4-only", old)) {
            VERDICT(j, "the trust works, but Kerberos has only RC4 on it");
            CAUSE(j, "the trusted domain object of %s lists no AES type", old);
            compare_remedy_reset(j);
        }
    } else {
        compare_find(j, NT_GRADE_GOOD, "AES at both ends (0x%x, 0x%x)", x, y);
    }
}

/* --- all of it --- */

/* An end that let nobody look: what would help. False: neither did so for the logon. */
static bool conclude_refused(struct compare *j)
{
    for (size_t i = 0; i < 2; i++) {
        const struct nt_end_facts *e = &j->f->end[i];
        const struct nt_asked *r = &e->dc[0].reached;
        const char *name = nt_end_name(e);
        if (e->count == 0 || nt_end_main(e) != NULL || r->look != NT_LOOK_FAILED)
            continue;
        bool ntlm = nt_status_is(r->error.status, NT_STATUS(NTLM_BLOCKED));
        if (!ntlm && r->error.kind != NT_ADMIN_CREDENTIALS)
            continue;
        compare_blame(j, ntlm ? "ntlm-blocked" : "credentials", "");
        VERDICT(j, "%s was not seen: it refuses the administrator's logon", name);
        CAUSE(j, "%s", r->error.text);
        if (ntlm)
            REMEDY(j, "kinit Administrator@REALM, then again with -k and %s@HOSTNAME", e->typed);
        else
            REMEDY(j, "again with -U '%s\\Administrator' and its password", name);
        return true;
    }
    return false;
}

/* Who has to be named so that all can be seen. */
static void remedy_see(struct compare *j)
{
    const char *a = nt_end_name(&j->f->end[0]), *b = nt_end_name(&j->f->end[1]);
    bool nobody[2];
    for (size_t i = 0; i < 2; i++)
        nobody[i] = j->f->end[i].count > 0 && j->f->end[i].dc[0].nobody;
    if (nobody[0] != nobody[1])
        REMEDY(j, "name an administrator of %s too: -U '%s\\Administrator', or NTRUST_USER_%s",
               nobody[0] ? a : b, nobody[0] ? a : b, nobody[0] ? a : b);
    else
        REMEDY(j, "give administrators of both ends: -U '%s\\Administrator' -U '%s\\Administrator'",
               a, b);
}

/* No fault was found; but was all of it seen? */
static void conclude(struct compare *j)
{
    struct nt_diagnosis *d = j->d;
    const char *a = nt_end_name(&j->f->end[0]), *b = nt_end_name(&j->f->end[1]);
    if (d->reason[0] != '\0')
        return;
    if (d->grade == NT_GRADE_GOOD) {
        VERDICT(j, "the trust between %s and %s is good", a, b);
        return;
    }
    if (conclude_refused(j))
        return;
    for (int g = 0; g < NT_GROUP_COUNT; g++)
        if (d->group[g].looked && d->group[g].grade == d->grade) {
            compare_blame(j, "not-seen", "");
            VERDICT(j, "nothing bad was seen, but not all could be seen");
            CAUSE(j, "%s", d->group[g].text);
            remedy_see(j);
            return;
        }
}

void nt_compare_ends(const struct nt_ends_facts *f, struct nt_diagnosis *out)
{
    static void (*const judges[NT_GROUP_COUNT])(struct compare *) = {
        [NT_GROUP_NETWORK] = compare_network,     [NT_GROUP_CLOCK] = judge_clock,
        [NT_GROUP_CRYPTO] = judge_crypto,         [NT_GROUP_HALVES] = compare_halves,
        [NT_GROUP_PASSWORDS] = compare_passwords, [NT_GROUP_POLICY] = compare_policy,
    };
    struct compare j = { .f = f, .d = out };
    *out = (struct nt_diagnosis){ .grade = NT_GRADE_GOOD };
    for (enum nt_group_of g = 0; g < NT_GROUP_COUNT; g++) {
        j.group = g;
        judges[g](&j);
        if (!nt_judge_goes_on(out, g))
            break;
    }
    conclude(&j);
}
