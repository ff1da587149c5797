#include "domain/trust_in.h"

#include <stdio.h>
#include <string.h>

#include "base/sim_bugs.h"
#include "domain/model.h"

/* MD4 of nothing: the NT hash of the empty password. It may be an initial one, never a changed
 * one. */
static const uint8_t empty_hash[16] = { 0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31,
                                        0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0 };

void nt_in_wipe(struct nt_trust_in *in)
{
    nt_wipe(in, sizeof *in);
}

static void copy_from(char to[NT_IN_FROM], const char *from)
{
    snprintf(to, NT_IN_FROM, "%s", from != NULL ? from : "");
}

void nt_in_permit(struct nt_trust_in *in, const struct nt_secret *hash, uint32_t attempts,
                  nt_time now)
{
    NT_SCOPED_SECRET initial = *hash; /* it may stand in the record that is wiped */
    nt_in_wipe(in);
    in->state = NT_IN_PERMITTED;
    in->attempts_left = attempts > 0 ? attempts : 1;
    in->current = initial;
    in->permitted_at = now;
}

bool nt_in_expired(const struct nt_trust_in *in, nt_time now)
{
    return in->state == NT_IN_PERMITTED && in->initial_until != 0 && now >= in->initial_until;
}

/* How many of the previous ones are accepted. Passwords that nobody has proven do not count against
 * the policy's number: the one that the trusting end surely knows is behind them. */
static uint32_t accepted_previous(const struct nt_trust_in *in, const struct nt_policy *policy)
{
    uint32_t room =
        NT_SIM_BUG(ACCEPT_ANY_PREVIOUS) ? NT_IN_CANDIDATES_MAX : policy->previous_accepted + 1;
    uint32_t proven = in->current_proven ? 1 : 0;
    uint32_t count = 0;
    if (in->state != NT_IN_ACTIVE)
        return 0;
    while (count < in->previous_count && proven < room) {
        proven += in->previous[count].proven ? 1 : 0;
        count++;
    }
    return count;
}

size_t nt_in_candidates(const struct nt_trust_in *in, const struct nt_policy *policy,
                        const struct nt_secret *list[NT_IN_CANDIDATES_MAX])
{
    size_t count = 0;
    bool open =
        in->state == NT_IN_PERMITTED || in->state == NT_IN_PROVEN || in->state == NT_IN_ACTIVE;
    if (!open || in->current.len == 0)
        return 0;
    list[count++] = &in->current;
    uint32_t previous = accepted_previous(in, policy);
    for (uint32_t i = 0; i < previous; i++)
        list[count++] = &in->previous[i].hash;
    return count;
}

bool nt_in_accepts(const struct nt_trust_in *in, const struct nt_policy *policy,
                   const struct nt_secret *hash)
{
    const struct nt_secret *list[NT_IN_CANDIDATES_MAX];
    size_t count = nt_in_candidates(in, policy, list);
    for (size_t i = 0; i < count; i++)
        if (nt_secret_equal(list[i], hash))
            return true;
    return false;
}

void nt_in_evidence(const struct nt_trust_in *in, const struct nt_policy *policy,
                    struct nt_secret *new_hash, struct nt_secret *old_hash)
{
    const struct nt_secret *list[NT_IN_CANDIDATES_MAX];
    size_t count = nt_in_candidates(in, policy, list);
    *new_hash = count > 0 ? *list[0] : (struct nt_secret){ .len = 0 };
    *old_hash = count > 1 ? *list[1] : (struct nt_secret){ .len = 0 };
}

bool nt_in_opened_changes(const struct nt_trust_in *in, const struct nt_secret *hash)
{
    if (in->state == NT_IN_PERMITTED)
        return true;
    if (nt_secret_equal(&in->current, hash))
        return !in->current_proven;
    for (uint32_t i = 0; i < in->previous_count; i++)
        if (nt_secret_equal(&in->previous[i].hash, hash))
            return !in->previous[i].proven;
    return true; /* let the transaction decide */
}

bool nt_in_refused_changes(const struct nt_trust_in *in)
{
    return in->state == NT_IN_PERMITTED;
}

static void drop_previous(struct nt_trust_in *in, uint32_t at)
{
    for (uint32_t i = at; i + 1 < in->previous_count; i++)
        in->previous[i] = in->previous[i + 1];
    in->previous_count--;
    nt_wipe(&in->previous[in->previous_count], sizeof in->previous[0]);
}

/* The current one is proven: what was set and never proven before it is nobody's, and of the proven
 * ones the policy's number stays. */
static void trim_previous(struct nt_trust_in *in, const struct nt_policy *policy)
{
    uint32_t kept = 0;
    if (NT_SIM_BUG(ACCEPT_ANY_PREVIOUS))
        return;
    while (kept < in->previous_count) {
        if (in->previous[kept].proven && kept < policy->previous_accepted)
            kept++;
        else
            drop_previous(in, kept);
    }
}

ntstatus nt_in_opened(struct nt_trust_in *in, const struct nt_policy *policy,
                      const struct nt_secret *hash, const char *from, nt_time now,
                      enum nt_in_what *what)
{
    *what = NT_IN_NOTHING;
    if (!nt_in_accepts(in, policy, hash))
        return NT_STATUS(ACCESS_DENIED);
    if (nt_in_expired(in, now))
        return NT_STATUS(ACCOUNT_EXPIRED);
    in->last_ok = now;
    copy_from(in->last_from, from);
    if (nt_secret_equal(&in->current, hash)) {
        if (in->state == NT_IN_PERMITTED) {
            in->state = NT_IN_PROVEN;
            in->proven_at = now;
            *what = NT_IN_INITIAL_PROVEN;
        } else if (!in->current_proven) {
            trim_previous(in, policy);
            *what = NT_IN_CHANGE_PROVEN;
        }
        in->current_proven = true;
        return NT_STATUS(SUCCESS);
    }
    *what = NT_IN_USED_PREVIOUS;
    for (uint32_t i = 0; i < in->previous_count; i++) {
        if (!nt_secret_equal(&in->previous[i].hash, hash))
            continue;
        if (!in->previous[i].proven)
            *what = NT_IN_PREVIOUS_PROVEN;
        in->previous[i].proven = true;
        break;
    }
    return NT_STATUS(SUCCESS);
}

enum nt_in_what nt_in_refused(struct nt_trust_in *in, const char *from, nt_time now)
{
    in->last_bad = now;
    copy_from(in->last_from, from);
    if (in->state != NT_IN_PERMITTED || NT_SIM_BUG(NEVER_BURN))
        return NT_IN_NOTHING;
    if (in->attempts_left > 1) {
        in->attempts_left--;
        return NT_IN_ATTEMPT_LOST;
    }
    in->attempts_left = 0;
    in->state = NT_IN_BURNED;
    in->burned_at = now;
    copy_from(in->burned_from, from);
    nt_secret_wipe(&in->current);
    return NT_IN_NOW_BURNED;
}

/* The current password becomes the newest previous one. When there is no room, one that was never
 * proven goes first. */
static void push_previous(struct nt_trust_in *in, nt_time now)
{
    if (in->previous_count == NT_IN_PREVIOUS_MAX) {
        uint32_t victim = NT_IN_PREVIOUS_MAX - 1;
        for (uint32_t i = NT_IN_PREVIOUS_MAX; i-- > 0;) {
            if (!in->previous[i].proven) {
                victim = i;
                break;
            }
        }
        drop_previous(in, victim);
    }
    for (uint32_t i = in->previous_count; i > 0; i--)
        in->previous[i] = in->previous[i - 1];
    in->previous_count++;
    in->previous[0] = (struct nt_in_previous){
        .hash = in->current,
        .version = in->version,
        .proven = in->current_proven,
        .replaced_at = now,
    };
}

ntstatus nt_in_set(struct nt_trust_in *in, const struct nt_policy *policy,
                   const struct nt_secret *hash, uint32_t version, const char *from, nt_time now,
                   enum nt_in_what *what)
{
    *what = NT_IN_NOTHING;
    if (in->state != NT_IN_PROVEN && in->state != NT_IN_ACTIVE)
        return NT_STATUS(ACCESS_DENIED);
    bool empty = hash->len != sizeof empty_hash || nt_ct_equal(hash->b, empty_hash, hash->len);
    if (policy->refuse_password_change || empty)
        return NT_STATUS(WRONG_PASSWORD);
    if (nt_secret_equal(&in->current, hash)) {
        if (in->state == NT_IN_PROVEN) /* the initial one again: it serves once */
            return NT_STATUS(WRONG_PASSWORD);
        in->version = version;
        *what = NT_IN_SAME;
        return NT_STATUS(SUCCESS);
    }

    NT_SCOPED_SECRET fresh = *hash; /* it may stand in the list that moves */
    /* One that is set again (another controller's repetition came between) has opened a channel if
     * it had: proving it anew must not push out the one before it. */
    bool proven = false;
    for (uint32_t i = 0; i < in->previous_count; i++) {
        if (nt_secret_equal(&in->previous[i].hash, &fresh)) {
            proven = in->previous[i].proven;
            drop_previous(in, i);
            break;
        }
    }
    if (in->state == NT_IN_ACTIVE || NT_SIM_BUG(INITIAL_LIVES)) {
        push_previous(in, now);
        in->state = NT_IN_ACTIVE;
        if (NT_SIM_BUG(FORGET_PREVIOUS))
            in->previous_count = 0;
        *what = NT_IN_CHANGED;
    } else {
        in->state = NT_IN_ACTIVE; /* the initial one is gone for ever */
        *what = NT_IN_FIRST_CHANGED;
    }
    in->current = fresh;
    in->version = version;
    in->current_proven = proven;
    in->changed_at = now;
    copy_from(in->last_from, from);
    return NT_STATUS(SUCCESS);
}

const char *nt_in_state_name(enum nt_in_state state)
{
    static const char *const names[] = {
        [NT_IN_NONE] = "none",     [NT_IN_PERMITTED] = "permitted", [NT_IN_PROVEN] = "proven",
        [NT_IN_ACTIVE] = "active", [NT_IN_BURNED] = "burned",
    };
    return (unsigned)state < NT_COUNT(names) ? names[state] : "unknown";
}

const char *nt_in_describe(const struct nt_trust_in *in, const char *trusting, const char *own,
                           char *text, size_t size)
{
    char when[NT_TIME_TEXT], until[80] = "";
    if (in->initial_until != 0)
        snprintf(until, sizeof until, " It is a reset code, valid until %s.",
                 nt_time_format(in->initial_until, when));
    switch (in->state) {
    case NT_IN_NONE:
        snprintf(text, size, "%s has no password yet, so it cannot establish the trust.", trusting);
        break;
    case NT_IN_PERMITTED:
        snprintf(text, size,
                 "%s is permitted to trust %s; its initial password has not been used. %u wrong "
                 "password%s will burn it.%s",
                 trusting, own, in->attempts_left, in->attempts_left == 1 ? "" : "s", until);
        break;
    case NT_IN_PROVEN:
        snprintf(text, size,
                 "%s has proven the initial password (%s) and has not changed it yet. Until it "
                 "does, whoever knows the initial password can act as %s.",
                 trusting, nt_time_format(in->proven_at, when), trusting);
        break;
    case NT_IN_ACTIVE:
        snprintf(text, size, "%s trusts %s; its system changed the password last at %s.%s",
                 trusting, own, nt_time_format(in->changed_at, when),
                 in->current_proven ? "" : " It has not used the newest one yet.");
        break;
    case NT_IN_BURNED:
        snprintf(text, size,
                 "The initial password was burned at %s: a wrong one was offered from %s. The "
                 "right one opens nothing any more.",
                 nt_time_format(in->burned_at, when),
                 in->burned_from[0] != '\0' ? in->burned_from : "an unknown address");
        break;
    }
    return text;
}

const char *nt_in_next(const struct nt_trust_in *in, const char *trusting, const char *own,
                       char *text, size_t size)
{
    switch (in->state) {
    case NT_IN_NONE:
    case NT_IN_BURNED:
        snprintf(text, size,
                 "Here: ntrust permit remove %s, then ntrust permit add %s with a new initial "
                 "password. Then in %s: ntrust trust remove %s, and ntrust trust add %s with that "
                 "password.",
                 trusting, trusting, trusting, own, own);
        break;
    case NT_IN_PERMITTED:
        snprintf(text, size, "In %s: ntrust trust add %s with the initial password.", trusting,
                 own);
        break;
    case NT_IN_PROVEN:
        snprintf(text, size,
                 "In %s, if it does not happen within minutes: ntrust trust rotate %s (Samba: "
                 "wbinfo --change-secret --domain=%s).",
                 trusting, own, own);
        break;
    case NT_IN_ACTIVE:
        if (size > 0)
            text[0] = '\0';
        break;
    }
    return text;
}
