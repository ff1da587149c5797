/*
 * trust_out_plan.c - what the trusting end does next. Nothing is remembered here: the record and
 * the session decide, so a crash between any two steps resumes by asking again.
 */
#include <string.h>

#include "base/sim_bugs.h"
#include "domain/model.h"
#include "domain/trust_internal.h"

static void add(struct nt_out_action *action, const struct nt_out_candidate *c)
{
    if (c->set && action->count < NT_OUT_CANDIDATES_MAX)
        action->candidates[action->count++] = c;
}

/* Newest first; but one that the trusted end declined to take is not what it has. */
static void list_candidates(const struct nt_trust_out *out, struct nt_out_action *action)
{
    if (out->next.refused == 0)
        add(action, &out->next);
    add(action, &out->current);
    if (out->next.refused != 0)
        add(action, &out->next);
    for (uint32_t i = 0; i < out->history_count && i < NT_OUT_HISTORY_MAX; i++)
        add(action, &out->history[i]);
}

static void plan_wait(struct nt_out_action *action, nt_time until, const char *why)
{
    action->step = NT_OUT_WAIT;
    action->until = until;
    action->why = why;
}

static void plan_open(const struct nt_trust_out *out, struct nt_out_action *action,
                      enum nt_out_step step, const char *prefer_dc, const char *why)
{
    action->step = step;
    action->prefer_dc = prefer_dc;
    action->why = why;
    action->offer = nt_out_offer(out);
    list_candidates(out, action);
}

static void plan_send(struct nt_out_action *action, const struct nt_out_candidate *what,
                      const char *why)
{
    action->step = NT_OUT_SEND;
    action->why = why;
    add(action, what);
}

bool nt_out_retries(const struct nt_trust_out *out)
{
    switch (out->broken) {
    case NT_BROKEN_BURNED:
        return false; /* serves once */
    case NT_BROKEN_MISMATCH:
        /* Each try with a wrong initial password costs an attempt at the other end. */
        return !nt_out_untried(out) && out->refusals < NT_OUT_REFUSALS_MAX;
    case NT_BROKEN_REMOVED:
        /* Before the first proof nothing was offered yet: the permission may come later. */
        return out->current.proven == 0 || out->refusals < NT_OUT_REFUSALS_MAX;
    case NT_BROKEN_NONE:
    case NT_BROKEN_DISABLED:
    case NT_BROKEN_ACCOUNT_TYPE:
    case NT_BROKEN_UNREACHABLE:
    case NT_BROKEN_NAME:
    case NT_BROKEN_DOMAIN:
    case NT_BROKEN_CRYPTO:
    case NT_BROKEN_TIME:
    case NT_BROKEN_DENIED:
    case NT_BROKEN_COUNT:
        break;
    }
    return true;
}

/* P3: while controllers of the trusted end differ, another change would only make it worse. A
 * person may insist, and an initial password or one that is known by its hash alone does not wait.
 */
static bool held_by_laggards(const struct nt_trust_out *out, const struct nt_policy *policy,
                             nt_time now)
{
    return !out->change_wanted && !out->current.initial && out->current.has_clear &&
           nt_seen_lagging(&out->seen, now, NT_OUT_LAG_CHECKS * policy->check_interval_s);
}

static bool change_due(const struct nt_trust_out *out, const struct nt_policy *policy, nt_time now)
{
    /* The initial password is replaced whatever the policy says: it serves once. */
    if (policy->disable_password_change && !out->change_wanted && !out->current.initial)
        return false;
    if (held_by_laggards(out, policy, now))
        return false;
    return out->change_wanted || !nt_out_ahead(out->next_change, now, policy->change_interval_s);
}

static nt_time next_event(const struct nt_trust_out *out, const struct nt_policy *policy,
                          nt_time now)
{
    nt_time until = out->next_check;
    if (!policy->disable_password_change && !held_by_laggards(out, policy, now) &&
        out->next_change < until)
        until = out->next_change;
    return until;
}

/* No channel is open. */
static void plan_closed(const struct nt_trust_out *out, const struct nt_policy *policy, nt_time now,
                        struct nt_out_action *action)
{
    bool asked = out->next_check == 0;
    bool check_ahead = nt_out_ahead(out->next_check, now, policy->check_interval_s);
    const char *prefer = out->lag_since != 0 || out->state == NT_OUT_BROKEN ? out->proven_dc : "";
    if (out->state == NT_OUT_BROKEN && !nt_out_retries(out) && !asked) {
        plan_wait(action, NT_TIME_NEVER, "broken");
        return;
    }
    if (nt_out_ahead(out->retry_at, now, policy->retry_most_s)) {
        plan_wait(action, out->retry_at, "backoff");
        return;
    }
    switch (out->state) {
    case NT_OUT_PENDING:
        plan_open(out, action, NT_OUT_OPEN, prefer, "establish");
        return;
    case NT_OUT_ESTABLISHING:
    case NT_OUT_CHANGING:
        plan_open(out, action, NT_OUT_OPEN, prefer, "finish the change");
        return;
    case NT_OUT_BROKEN: {
        /* A first refusal is confirmed soon; afterwards at the pace of the checks. */
        bool confirm = (out->broken == NT_BROKEN_MISMATCH || out->broken == NT_BROKEN_REMOVED) &&
                       out->refusals < NT_OUT_REFUSALS_MAX;
        if (!confirm && check_ahead)
            plan_wait(action, out->next_check, "broken");
        else
            plan_open(out, action, NT_OUT_OPEN, prefer, "is it still broken");
        return;
    }
    case NT_OUT_ACTIVE:
        break;
    }
    if (out->degraded)
        plan_open(out, action, NT_OUT_OPEN, prefer, "reach it again");
    else if (change_due(out, policy, now))
        plan_open(out, action, NT_OUT_OPEN, prefer, "change due");
    else if (!check_ahead)
        plan_open(out, action, NT_OUT_OPEN, prefer, "check");
    else
        plan_wait(action, next_event(out, policy, now), "all well");
}

/* A channel is open and its evidence read. */
static void plan_opened(const struct nt_trust_out *out, const struct nt_policy *policy,
                        const struct nt_out_session *s, nt_time now, struct nt_out_action *action)
{
    bool held_back = nt_out_ahead(out->retry_at, now, policy->retry_most_s);
    bool due = change_due(out, policy, now);
    if (s->prove) {
        if (s->doubted && held_back)
            plan_wait(action, out->retry_at, "backoff");
        else
            plan_open(out, action, NT_OUT_PROVE, s->dc, "prove what it holds");
        return;
    }
    if (s->lagging) {
        if (held_back)
            plan_wait(action, out->retry_at, "this controller lags");
        else
            plan_open(out, action, NT_OUT_OPEN, out->proven_dc, "ask the controller that is ahead");
        return;
    }
    if (out->next.set && !out->next.has_clear) {
        plan_open(out, action, NT_OUT_PROVE, s->dc, "prove the adopted password");
        return;
    }
    if ((out->next.set && (out->next.refused == 0 || due)) || s->resend) {
        const struct nt_out_candidate *what = out->next.set ? &out->next : &out->current;
        if (held_back)
            plan_wait(action, out->retry_at, "backoff");
        else if (what->has_clear && !(NT_SIM_BUG(SECOND_SECRET) && out->rounds > 0))
            plan_send(action, what, out->next.set ? "send the change" : "send ours again");
        else
            action->step = NT_OUT_STORE_NEXT, action->why = "ours is known by its hash alone";
        return;
    }
    if (!out->next.set && due) {
        bool fresh = now >= s->proven_at && now - s->proven_at <= NT_OUT_PROOF_FRESH;
        if (held_back)
            plan_wait(action, out->retry_at, "backoff");
        else if (fresh)
            action->step = NT_OUT_STORE_NEXT, action->why = "change due";
        else
            plan_open(out, action, NT_OUT_OPEN, s->dc, "prove before the change");
        return;
    }
    if (nt_out_ahead(out->next_check, now, policy->check_interval_s))
        plan_wait(action, next_event(out, policy, now), "all well");
    else if (s->evidence_lacking)
        plan_open(out, action, NT_OUT_OPEN, s->dc, "check");
    else
        action->step = NT_OUT_READ_EVIDENCE, action->why = "check";
}

void nt_out_plan(const struct nt_trust_out *out, const struct nt_policy *policy,
                 const struct nt_out_session *s, nt_time now, struct nt_out_action *action)
{
    *action = (struct nt_out_action){ .step = NT_OUT_WAIT, .prefer_dc = "", .why = "" };
    if (!out->current.set) {
        plan_wait(action, NT_TIME_NEVER, "no password");
    } else if (nt_out_code_expired(out, now)) {
        plan_wait(action, NT_TIME_NEVER, "the reset code has expired");
    } else if (!s->open) {
        plan_closed(out, policy, now, action);
    } else if (!s->evidence_read) {
        action->step = NT_OUT_READ_EVIDENCE;
        action->why = "just opened";
    } else {
        plan_opened(out, policy, s, now, action);
    }
    /* "At once" was set by a person; a wait always names a moment. */
    if (action->step == NT_OUT_WAIT && action->until == 0)
        action->until = now;
}
