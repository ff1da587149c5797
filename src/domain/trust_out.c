/*
 * trust_out.c - what happened to the trusting end, and what that makes of its record.
 */
#include "domain/trust_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/sim_bugs.h"
#include "crypto/owf.h"
#include "domain/model.h"
#include "domain/trust_internal.h"

/* Between two tries while a reset code waits to be typed at the other end. */
#define CODE_RETRY_S 30

/* --- small things --- */

void nt_out_wipe(struct nt_trust_out *out)
{
    nt_wipe(out, sizeof *out);
}

void nt_out_session_wipe(struct nt_out_session *s)
{
    nt_wipe(s, sizeof *s);
}

void nt_out_closed(struct nt_out_session *s)
{
    nt_out_session_wipe(s);
}

static void clear_result(struct nt_out_result *result)
{
    memset(result, 0, sizeof *result);
}

static void raise_effect(struct nt_out_result *result, enum nt_out_effect effect)
{
    if (effect > result->effect)
        result->effect = effect;
}

static void note(struct nt_out_result *result, enum nt_event_level level, const char *kind,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void note(struct nt_out_result *result, enum nt_event_level level, const char *kind,
                 const char *fmt, ...)
{
    va_list args;
    result->level = (int)level;
    result->kind = kind;
    va_start(args, fmt);
    vsnprintf(result->text, sizeof result->text, fmt, args);
    va_end(args);
}

static bool holds(const struct nt_out_candidate *c, const struct nt_secret *hash)
{
    return c->set && nt_secret_equal(&c->hash, hash);
}

/* Which of ours has this hash: NULL for none. */
static struct nt_out_candidate *find(struct nt_trust_out *out, const struct nt_secret *hash)
{
    if (hash == NULL || hash->len == 0)
        return NULL;
    if (holds(&out->next, hash))
        return &out->next;
    if (holds(&out->current, hash))
        return &out->current;
    for (uint32_t i = 0; i < out->history_count; i++)
        if (holds(&out->history[i], hash))
            return &out->history[i];
    return NULL;
}

static void drop_candidate(struct nt_out_candidate *c)
{
    nt_wipe(c, sizeof *c);
}

/* --- schedule --- */

/* One of 2^16 places on the span: with ten thousand trusts few share a second, and nothing can
 * overflow. */
static uint64_t place_on(uint64_t span, uint32_t random)
{
    return span / 65536 * (random & 0xFFFFu);
}

static void schedule_change(struct nt_trust_out *out, const struct nt_out_when *when)
{
    uint64_t interval = when->policy->change_interval_s * NT_TIME_SECOND;
    uint64_t span = interval / 100 * when->policy->change_jitter_percent;
    out->next_change = when->now + interval - span + place_on(2 * span, when->random);
}

static void schedule_check(struct nt_trust_out *out, const struct nt_out_when *when)
{
    uint64_t interval = when->policy->check_interval_s * NT_TIME_SECOND;
    out->next_check = when->now + interval - place_on(interval / 10, when->random >> 16);
}

static void back_off(struct nt_trust_out *out, const struct nt_out_when *when)
{
    uint64_t first = when->policy->retry_first_s > 0 ? when->policy->retry_first_s : 1;
    uint64_t most = when->policy->retry_most_s > first ? when->policy->retry_most_s : first;
    uint64_t wait = out->backoff_s == 0 ? first : out->backoff_s * 2;
    out->backoff_s = wait < most ? wait : most;
    if (NT_SIM_BUG(NO_BACKOFF))
        out->backoff_s = 1;
    uint64_t wait_100ns = out->backoff_s * NT_TIME_SECOND;
    out->retry_at = when->now + wait_100ns - place_on(wait_100ns / 4, when->random >> 8);
}

void nt_out_resumed(struct nt_trust_out *out, const struct nt_out_when *when, size_t trusts)
{
    bool asked = out->next_check == 0 || out->change_wanted;
    bool under_way = out->state != NT_OUT_ACTIVE && out->state != NT_OUT_BROKEN;
    bool due = out->next_check <= when->now || out->next_change <= when->now || out->degraded;
    if (asked || under_way || !due || trusts < 2)
        return;
    nt_time at =
        when->now + place_on(trusts * (NT_TIME_SECOND / NT_OUT_BEGIN_A_SECOND), when->random);
    if (out->retry_at < at)
        out->retry_at = at;
}

static void forget_trouble(struct nt_trust_out *out)
{
    out->retry_at = 0;
    out->backoff_s = 0;
    out->rounds = 0;
}

static void set_error(struct nt_trust_out *out, const struct nt_out_when *when, ntstatus status,
                      const char *text)
{
    out->last_status = status;
    out->last_error = when->now;
    snprintf(out->last_text, sizeof out->last_text, "%s",
             text != NULL ? text : nt_status_text(status));
}

static void copy_dc(char to[NT_OUT_DC], const char *dc)
{
    char from[NT_OUT_DC]; /* dc may be `to` itself */
    snprintf(from, sizeof from, "%s", dc != NULL ? dc : "");
    memcpy(to, from, sizeof from);
}

/* --- a trust begins --- */

void nt_out_establish(struct nt_trust_out *out, const struct nt_password *initial, nt_time now)
{
    uint64_t epoch = out->epoch + 1;
    NT_SCOPED_PASSWORD clear = *initial; /* it may stand in the record that is wiped */
    /* Two establishments must not be taken for each other, also when the record was removed in
     * between: the time tells them apart. */
    if (epoch < now)
        epoch = now;
    nt_out_wipe(out);
    out->state = NT_OUT_PENDING;
    out->epoch = epoch;
    out->created_at = now;
    out->current.set = true;
    out->current.has_clear = true;
    out->current.initial = true;
    out->current.created = now;
    out->current.clear = clear;
    nt_owf(&clear, &out->current.hash);
}

bool nt_out_code_waits(const struct nt_trust_out *out, nt_time now)
{
    return out->initial_until != 0 && nt_out_untried(out) && now < out->initial_until;
}

bool nt_out_code_expired(const struct nt_trust_out *out, nt_time now)
{
    return out->initial_until != 0 && nt_out_untried(out) && now >= out->initial_until;
}

/* --- a channel opened --- */

static void push_history(struct nt_trust_out *out, const struct nt_policy *policy)
{
    uint32_t most =
        policy->history_kept < NT_OUT_HISTORY_MAX ? policy->history_kept : NT_OUT_HISTORY_MAX;
    if (NT_SIM_BUG(FORGET_HISTORY))
        most = 0;
    /* An initial password goes no further. It may be short or empty, and whoever guesses it could
     * pose as a controller of the trusted domain, be sent our new one, and vouch for anybody. */
    if (!out->current.initial && most > 0) {
        uint32_t keep = out->history_count < most ? out->history_count : most - 1;
        for (uint32_t i = keep; i > 0; i--)
            out->history[i] = out->history[i - 1];
        out->history[0] = out->current;
        out->history_count = keep + 1;
    }
    for (uint32_t i = most < out->history_count ? most : out->history_count; i < NT_OUT_HISTORY_MAX;
         i++)
        drop_candidate(&out->history[i]);
    if (out->history_count > most)
        out->history_count = most;
}

/* Two intervals: what was not set from here and lies closer together has one cause. */
static uint64_t clone_window(const struct nt_policy *policy)
{
    return 2 * policy->change_interval_s;
}

static void note_healed(const struct nt_trust_out *out, uint32_t behind,
                        struct nt_out_result *result)
{
    note(result, NT_EVENT_INFO, "trust-peer-healed",
         "The trusted end was %u change%s behind, and holds our current password again: version "
         "%u, proven.",
         behind, behind == 1 ? "" : "s", out->current.version);
}

/* By how many changes one of the history is behind the current one, and until when it was in use.
 */
static uint32_t steps_behind(const struct nt_trust_out *out, const struct nt_out_candidate *c,
                             nt_time *until)
{
    uint32_t i = (uint32_t)(c - out->history);
    *until = i == 0 ? out->current.created : out->history[i - 1].created;
    return i + 1;
}

/* `next` has opened a channel: it is the current one from now on. */
static void promote(struct nt_trust_out *out, const struct nt_out_when *when, const char *dc,
                    struct nt_out_result *result)
{
    bool first = !out->established;
    bool adopted = !out->next.has_clear;
    push_history(out, when->policy);
    out->current = out->next;
    out->current.proven = when->now;
    out->current.refused = 0;
    drop_candidate(&out->next);
    out->state = NT_OUT_ACTIVE;
    out->established = true;
    out->changes++;
    out->last_change = when->now;
    copy_dc(out->proven_dc, dc);
    out->lag_since = 0;
    forget_trouble(out);
    if (first)
        out->established_at = when->now;
    if (adopted && nt_seen_cloned(&out->seen)) {
        schedule_change(out, when); /* or both controllers would change it for ever */
    } else if (adopted) {
        out->next_change = when->now; /* its clear text is not known: no AES keys */
    } else {
        out->change_wanted = false;
        schedule_change(out, when);
        nt_seen_own(&out->seen, when->now, clone_window(when->policy));
    }
    nt_seen_leads(&out->seen, dc);
    uint32_t behind = nt_seen_healed(&out->seen);
    raise_effect(result, NT_OUT_COMMIT);
    if (behind > 0)
        note_healed(out, behind, result);
    else if (adopted)
        note(result, NT_EVENT_WARNING, "trust-password-adopted",
             "The trusted end's newer password is proven; it is replaced %s.",
             nt_seen_cloned(&out->seen) ? "at the next interval" : "at once");
    else if (first)
        note(result, NT_EVENT_INFO, "trust-established",
             "The trust is established: the initial password was replaced by one that no person "
             "knows, and that one is proven.");
    else
        note(result, NT_EVENT_INFO, "trust-password-changed",
             "Password version %u is proven and in use.", out->current.version);
}

/* offered_all: what the record holds now is what was offered. */
static void opened_by_current(struct nt_trust_out *out, struct nt_out_session *s,
                              const struct nt_out_when *when, const char *dc, bool offered_all,
                              struct nt_out_result *result)
{
    if (out->current.proven == 0) {
        raise_effect(result, NT_OUT_COMMIT);
        if (out->current.initial)
            note(result, NT_EVENT_INFO, "initial-password-proven",
                 "The initial password opened the secure channel; it is replaced now.");
    }
    out->current.proven = when->now;
    if (out->next.set && !out->next.has_clear && offered_all) {
        /* What we adopted does not open it: it was never ours to send, so it can go. One that
         * another controller adopted meanwhile was not tried here, and may be the only one left. */
        drop_candidate(&out->next);
        s->fallback_only = true;
        out->next_change = when->now;
        raise_effect(result, NT_OUT_COMMIT);
    }
    if (!out->next.set || out->next.refused != 0) {
        copy_dc(out->proven_dc, dc);
        out->lag_since = 0;
        forget_trouble(out);
        nt_seen_leads(&out->seen, dc);
        uint32_t behind = nt_seen_healed(&out->seen);
        if (behind > 0) {
            raise_effect(result, NT_OUT_COMMIT);
            note_healed(out, behind, result);
        }
    }
    if (out->current.initial)
        out->state = NT_OUT_ESTABLISHING;
    else
        out->state = out->next.set && out->next.refused == 0 ? NT_OUT_CHANGING : NT_OUT_ACTIVE;
}

static void opened_by_history(struct nt_trust_out *out, struct nt_out_session *s,
                              const struct nt_out_when *when, const struct nt_out_candidate *c,
                              const char *dc, struct nt_out_result *result)
{
    nt_time until;
    char time[NT_TIME_TEXT];
    uint32_t behind = steps_behind(out, c, &until);
    bool other_dc = out->proven_dc[0] != '\0' && strcmp(out->proven_dc, dc) != 0;
    out->state = out->next.set && out->next.refused == 0 ? NT_OUT_CHANGING : NT_OUT_ACTIVE;
    if (other_dc && out->lag_since == 0)
        out->lag_since = when->now;
    /* Another controller has taken our newest one. This one may simply not have heard of it yet,
     * and then there is nothing to repair; field-guide 2, P3. It is given one check interval. */
    if (other_dc && nt_out_ahead(out->lag_since + when->policy->check_interval_s * NT_TIME_SECOND,
                                 when->now, when->policy->check_interval_s)) {
        s->lagging = true;
        if (nt_seen_lags(&out->seen, dc, behind, when->now))
            note(result, NT_EVENT_WARNING, "trust-controller-lags",
                 "Controller %s is %u change%s behind: it knows the password that was in use until "
                 "%s, and %s a newer one. Nothing is changed for its sake.",
                 dc, behind, behind == 1 ? "" : "s", nt_time_format(until, time), out->proven_dc);
        back_off(out, when);
        return;
    }
    if (out->next.set && !out->next.has_clear) {
        /* Taken over from a trusted end that has gone back since: not ours to send, so it can go,
         * or proving it would never end. */
        drop_candidate(&out->next);
        out->state = NT_OUT_ACTIVE;
        raise_effect(result, NT_OUT_COMMIT);
    }
    s->resend = true;
    nt_seen_behind(&out->seen, behind, until, when->now);
    if (out->rounds == 0)
        note(result, NT_EVENT_WARNING, "trust-peer-behind",
             "The trusted end is %u change%s behind: it knows the password that was in use until "
             "%s. It has gone back to a copy of before, or a change did not arrive. Ours is sent "
             "again.",
             behind, behind == 1 ? "" : "s", nt_time_format(until, time));
}

void nt_out_opened(struct nt_trust_out *out, struct nt_out_session *s,
                   const struct nt_out_when *when, const struct nt_secret *hash, const char *dc,
                   struct nt_out_result *result)
{
    struct nt_out_candidate *c = find(out, hash);
    bool was_broken = out->state == NT_OUT_BROKEN, was_degraded = out->degraded;
    NT_SCOPED_SECRET with = *hash; /* it may stand in the session that is wiped */
    bool offered_all = s->offer == 0 || s->offer == nt_out_offer(out);
    char at[NT_OUT_DC];
    copy_dc(at, dc);
    clear_result(result);
    nt_out_session_wipe(s);
    if (c == NULL)
        return; /* the record has moved on since: the session begins anew */

    raise_effect(result, NT_OUT_NOTE);
    s->open = true;
    s->proven_at = when->now;
    s->opened_with = with;
    copy_dc(s->dc, at);
    copy_dc(out->last_dc, at);
    out->last_ok = when->now;
    out->degraded = false;
    out->trouble = NT_BROKEN_NONE;
    out->broken = NT_BROKEN_NONE;
    out->refusals = 0;
    schedule_check(out, when);
    if (c == &out->next)
        promote(out, when, at, result);
    else if (c == &out->current)
        opened_by_current(out, s, when, at, offered_all, result);
    else
        opened_by_history(out, s, when, c, at, result);
    if (was_broken)
        raise_effect(result, NT_OUT_COMMIT);
    if (result->kind == NULL && (was_broken || was_degraded))
        note(result, NT_EVENT_INFO, "trust-recovered", "The secure channel is open again at %s.",
             at);
}

/* --- what the trusted end says that it holds --- */

/* P6: not the first time that a password comes from elsewhere. */
static bool note_cloned(const struct nt_trust_out *out, const char *then,
                        struct nt_out_result *result)
{
    char first[NT_TIME_TEXT];
    if (!nt_seen_cloned(&out->seen))
        return false;
    note(result, NT_EVENT_ERROR, "trust-cloned",
         "The trusted end holds a password that was not set from here, %u times since %s: "
         "two controllers run with this one's identity (a clone), or this one goes back to a "
         "snapshot again and again. %s",
         out->seen.foreign, nt_time_format(out->seen.foreign_first, first), then);
    return true;
}

static void adopt(struct nt_trust_out *out, struct nt_out_session *s,
                  const struct nt_out_when *when, const struct nt_secret *hash,
                  struct nt_out_result *result)
{
    out->next = (struct nt_out_candidate){
        .set = true,
        .version = out->current.version + 1,
        .created = when->now,
        .hash = *hash,
    };
    if (!out->current.initial)
        out->state = NT_OUT_CHANGING;
    out->adoptions++;
    s->prove = true;
    result->verdict = NT_VERDICT_ADOPT;
    raise_effect(result, NT_OUT_COMMIT);
    nt_seen_foreign(&out->seen, when->now, clone_window(when->policy));
    if (note_cloned(out, "It is taken over and proven.", result))
        return;
    note(result, NT_EVENT_WARNING, "trust-end-reverted",
         "This end has gone back: the trusted end holds a newer password, and ours only as its "
         "previous one. The newer one is taken over, proven and replaced.");
}

/* theirs.new is none of ours: somebody has set it, or we have forgotten it. */
static void judge_unknown(struct nt_trust_out *out, struct nt_out_session *s,
                          const struct nt_out_when *when, const struct nt_secret *theirs_new,
                          const struct nt_out_candidate *old, struct nt_out_result *result)
{
    bool by_current = holds(&out->current, &s->opened_with);
    bool old_is_history = old != NULL && old != &out->current && old != &out->next;
    bool own_pending = out->next.set && out->next.has_clear;
    if (by_current && !old_is_history && !own_pending) {
        if (!s->fallback_only)
            adopt(out, s, when, theirs_new, result);
        return;
    }
    s->resend = true;
    result->verdict = NT_VERDICT_BOTH_MOVED;
    nt_seen_foreign(&out->seen, when->now, clone_window(when->policy));
    if (note_cloned(out, "Ours is sent again.", result))
        return;
    note(result, NT_EVENT_WARNING, "trust-changed-elsewhere",
         "The trusted end holds a password that was not set from here: somebody else uses this "
         "trust's account. Ours is sent again.");
}

void nt_out_evidence(struct nt_trust_out *out, struct nt_out_session *s,
                     const struct nt_out_when *when, const struct nt_secret *theirs_new,
                     const struct nt_secret *theirs_old, struct nt_out_result *result)
{
    clear_result(result);
    if (!s->open || find(out, &s->opened_with) == NULL) {
        nt_out_session_wipe(s);
        return;
    }
    s->evidence_read = true;
    raise_effect(result, NT_OUT_NOTE);
    schedule_check(out, when);
    out->last_ok = when->now;
    if (NT_SIM_BUG(IGNORE_EVIDENCE))
        return;
    if (theirs_new == NULL || theirs_new->len == 0) {
        /* No such call there: the password that opened the channel tells what can be told. */
        s->evidence_lacking = true;
        result->verdict = s->resend ? NT_VERDICT_RESEND : NT_VERDICT_HEALTHY;
        return;
    }
    if (s->lagging)
        return; /* it says what this controller holds, which is known to be old */

    const struct nt_out_candidate *now = find(out, theirs_new), *old = find(out, theirs_old);
    if (now == NULL) {
        judge_unknown(out, s, when, theirs_new, old, result);
    } else if (now == &out->next || now == &out->current) {
        if (now == &out->next && out->next.refused != 0) {
            /* It had arrived, and a repetition was refused: offered first again, it can be proven.
             */
            out->next.refused = 0;
            out->state = out->current.initial ? NT_OUT_ESTABLISHING : NT_OUT_CHANGING;
            raise_effect(result, NT_OUT_COMMIT);
        }
        s->resend = false;
        s->prove = now == &out->next || !nt_secret_equal(&s->opened_with, theirs_new);
        if (s->prove) {
            /* It says that it holds our newest, and another one opened the channel. Once that is a
             * change that came between; where it goes on, its word and its deed differ. */
            s->doubted = out->rounds > 0;
            out->rounds++;
            back_off(out, when);
        }
        result->verdict = NT_VERDICT_HEALTHY;
    } else {
        s->resend = true;
        result->verdict = NT_VERDICT_RESEND;
    }
}

/* --- a change --- */

void nt_out_store_next(struct nt_trust_out *out, struct nt_out_session *s,
                       const struct nt_out_when *when, const uint8_t random[NT_OUT_SECRET_BYTES],
                       struct nt_out_result *result)
{
    clear_result(result);
    if ((out->next.set && !NT_SIM_BUG(SECOND_SECRET)) || !s->open)
        return;
    struct nt_out_candidate *next = &out->next;
    next->set = true;
    next->has_clear = true;
    next->version = out->current.version + 1;
    next->created = when->now;
    next->clear.len = NT_OUT_SECRET_BYTES;
    /* Valid text without NUL, so that no peer that keeps it as text spoils it: each unit from
     * U+0100 to U+40FF, 14 random bits. 120 of them are 1680 bits. */
    for (size_t i = 0; i < NT_OUT_SECRET_BYTES; i += 2) {
        unsigned unit = 0x0100u + (((unsigned)random[i] | (unsigned)random[i + 1] << 8) & 0x3FFFu);
        next->clear.b[i] = (uint8_t)unit;
        next->clear.b[i + 1] = (uint8_t)(unit >> 8);
    }
    nt_owf(&next->clear, &next->hash);
    out->state = out->current.initial ? NT_OUT_ESTABLISHING : NT_OUT_CHANGING;
    raise_effect(result, NT_OUT_COMMIT);
}

void nt_out_sent(struct nt_trust_out *out, struct nt_out_session *s, const struct nt_out_when *when,
                 struct nt_out_result *result)
{
    clear_result(result);
    if (!s->open)
        return;
    s->prove = true;
    s->resend = false;
    /* Proving follows at once; another sending waits, should the proof fail. */
    out->rounds++;
    back_off(out, when);
    if (out->next.set)
        out->next.refused = 0;
    else
        out->resends++;
    raise_effect(result, NT_OUT_NOTE);
    if (NT_SIM_BUG(PROMOTE_UNPROVEN) && out->next.set)
        promote(out, when, s->dc, result);
}

/* Answers that mean "this end does not take changes", [MS-NRPC] 3.5.4.4.5: not tried in a loop. */
static bool declined(ntstatus status)
{
    return nt_status_is(status, NT_STATUS(WRONG_PASSWORD)) ||
           nt_status_is(status, NT_STATUS(PASSWORD_RESTRICTION)) ||
           nt_status_is(status, NT_STATUS(NOT_SUPPORTED)) ||
           nt_status_is(status, NT_STATUS(NOT_IMPLEMENTED)) ||
           nt_status_is(status, NT_STATUS(RPC_PROCNUM_OUT_OF_RANGE));
}

/* Answers that mean "not now": the channel is good, and carries logons until the next try. */
static bool postponed(ntstatus status)
{
    return nt_status_is(status, NT_STATUS(DISK_FULL)) ||
           nt_status_is(status, NT_STATUS(NO_MEMORY)) ||
           nt_status_is(status, NT_STATUS(INSUFFICIENT_RESOURCES)) ||
           nt_status_is(status, NT_STATUS(MEDIA_WRITE_PROTECTED));
}

void nt_out_send_refused(struct nt_trust_out *out, struct nt_out_session *s,
                         const struct nt_out_when *when, ntstatus status,
                         struct nt_out_result *result)
{
    char name[64];
    clear_result(result);
    set_error(out, when, status, NULL);
    raise_effect(result, NT_OUT_NOTE);
    if (!declined(status)) {
        if (postponed(status) && out->rounds == 0)
            note(result, NT_EVENT_WARNING, "trust-change-postponed",
                 "The trusted end cannot store the new password at present (%s). The old one stays "
                 "in use, and the change is tried again.",
                 nt_status_format(status, name));
        out->rounds++;
        back_off(out, when);
        /* ACCESS_DENIED asks for a new channel, and so may whatever else it is. */
        if (!postponed(status))
            nt_out_session_wipe(s);
        return;
    }
    out->change_refused_at = when->now;
    out->change_wanted = false;
    s->resend = false;
    forget_trouble(out);
    if (out->next.set) {
        /* Kept: should it have arrived all the same, it still opens the channel. */
        out->next.refused = when->now;
        out->state = out->current.initial ? NT_OUT_ESTABLISHING : NT_OUT_ACTIVE;
        schedule_change(out, when);
    }
    raise_effect(result, NT_OUT_COMMIT);
    note(result, NT_EVENT_WARNING, "trust-change-refused",
         "The trusted end refuses changes of the password (%s; RefusePasswordChange, or a rule "
         "about its length). The old one stays in use; next try at the next interval.",
         nt_status_format(status, name));
}

/* --- failures --- */

void nt_out_unreachable(struct nt_trust_out *out, struct nt_out_session *s,
                        const struct nt_out_when *when, ntstatus status, const char *text,
                        struct nt_out_result *result)
{
    enum nt_broken reason = nt_broken_of(status);
    clear_result(result);
    nt_out_session_wipe(s);
    set_error(out, when, status, text);
    if (out->next_check == 0) /* asked for by a person: that was it */
        schedule_check(out, when);
    out->trouble = reason == NT_BROKEN_NAME ? NT_BROKEN_NAME : NT_BROKEN_UNREACHABLE;
    back_off(out, when);
    raise_effect(result, NT_OUT_NOTE);
    if (!out->degraded)
        note(result, NT_EVENT_WARNING, "trust-degraded",
             "%s: no controller of the trusted domain could be reached: %.300s. It is tried "
             "again.",
             nt_broken_name(out->trouble), out->last_text);
    out->degraded = true;
}

static void set_broken(struct nt_trust_out *out, struct nt_out_session *s,
                       const struct nt_out_when *when, enum nt_broken reason, ntstatus status,
                       const char *text, struct nt_out_result *result)
{
    bool news = out->state != NT_OUT_BROKEN || out->broken != reason;
    nt_out_session_wipe(s);
    set_error(out, when, status, text);
    out->degraded = false;
    out->trouble = reason;
    out->refusals++;
    back_off(out, when);
    schedule_check(out, when);
    nt_time restored = reason == NT_BROKEN_MISMATCH ? nt_out_restored_to(out, when->domain) : 0;
    if (news) {
        char name[64], to[NT_TIME_TEXT];
        if (out->state != NT_OUT_BROKEN)
            out->broken_at = when->now;
        /* About the initial password the record knows more than the other end's answer says. */
        bool initial =
            reason == NT_BROKEN_BURNED || (reason == NT_BROKEN_MISMATCH && nt_out_untried(out));
        if (restored != 0)
            note(result, NT_EVENT_ERROR, "trust-broken",
                 "%s: this end %s restored from a backup of %s, and the other end has moved on "
                 "since; reset needed (%s)",
                 nt_broken_name(reason), when->domain->restored_surely ? "was" : "may have been",
                 nt_time_format(restored, to), nt_status_format(status, name));
        else
            note(result, NT_EVENT_ERROR, "trust-broken", "%s: %.160s (%s)", nt_broken_name(reason),
                 text == NULL || initial ? nt_out_reason_text(out, reason) : text,
                 nt_status_format(status, name));
    }
    out->state = NT_OUT_BROKEN;
    out->broken = reason;
    raise_effect(result, NT_OUT_COMMIT);
}

void nt_out_failed(struct nt_trust_out *out, struct nt_out_session *s,
                   const struct nt_out_when *when, enum nt_broken reason, ntstatus status,
                   const char *text, struct nt_out_result *result)
{
    clear_result(result);
    if (reason == NT_BROKEN_NONE || reason == NT_BROKEN_UNREACHABLE || reason == NT_BROKEN_NAME)
        nt_out_unreachable(out, s, when, status, text, result);
    else
        set_broken(out, s, when, reason, status, text, result);
}

/* The other end has not typed the reset code yet: asked again soon, since it may do so any time. */
static void wait_for_code(struct nt_trust_out *out, struct nt_out_session *s,
                          const struct nt_out_when *when, ntstatus status,
                          struct nt_out_result *result)
{
    clear_result(result);
    nt_out_session_wipe(s);
    set_error(out, when, status, NULL);
    out->state = NT_OUT_PENDING;
    out->degraded = false;
    out->trouble = NT_BROKEN_NONE;
    if (out->next_check == 0)
        schedule_check(out, when);
    back_off(out, when);
    if (out->backoff_s > CODE_RETRY_S) {
        out->backoff_s = CODE_RETRY_S;
        out->retry_at = when->now + CODE_RETRY_S * NT_TIME_SECOND;
    }
    raise_effect(result, NT_OUT_NOTE);
}

void nt_out_refused(struct nt_trust_out *out, struct nt_out_session *s,
                    const struct nt_out_when *when, ntstatus status, const char *text,
                    const char *dc, struct nt_out_result *result)
{
    enum nt_broken reason = nt_broken_of(status);
    if (s->offer != 0 && s->offer != nt_out_offer(out)) {
        /* What was refused is not all that we have by now: begin anew. */
        clear_result(result);
        nt_out_session_wipe(s);
        return;
    }
    copy_dc(out->last_dc, dc);
    if (nt_out_code_waits(out, when->now) &&
        (reason == NT_BROKEN_REMOVED || reason == NT_BROKEN_BURNED ||
         reason == NT_BROKEN_MISMATCH)) {
        wait_for_code(out, s, when, status, result);
        return;
    }
    nt_out_failed(out, s, when, reason, status, text, result);
    if (reason == NT_BROKEN_MISMATCH)
        result->verdict = NT_VERDICT_RESET;
}

/* --- a person asks --- */

void nt_out_want_check(struct nt_trust_out *out, nt_time now)
{
    (void)now;
    out->next_check = 0;
    out->retry_at = 0;
    out->backoff_s = 0;
    out->refusals = 0;
}

void nt_out_want_change(struct nt_trust_out *out, nt_time now)
{
    nt_out_want_check(out, now);
    out->change_wanted = true;
}
