#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/owf.h"
#include "domain/ops.h"
#include "world.h"

#define GRACE                                                                                      \
    (2 * SIM_MINUTE) /* what was refused before it was mended may be written down after            \
                      */

static struct sim_hash of(const struct nt_secret *secret)
{
    struct sim_hash h = { { 0 } };
    memcpy(h.b, secret->b, sizeof h.b);
    return h;
}

static bool same(const struct sim_hash *a, const struct sim_hash *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static struct sim_core *core_of(const struct sim_trust *t)
{
    return &t->trusting->world->core;
}

static void fail(struct sim_trust *t, const char *what)
{
    char why[400];
    sim_ledger_explain(t, why, sizeof why);
    sim_fail(core_of(t), "%s trusts %s: %s (%s)", t->trusting->name, t->trusted->name, what, why);
}

/* --- what the trusted end accepts --- */

/* Newest first: the current one, then down to the one that is, counted with the current one, the
 * (P + 1)th that was proven. */
static unsigned accepted(const struct sim_view_in *in, unsigned policy,
                         struct sim_hash list[1 + SIM_PREVIOUS])
{
    unsigned count = 0, proven = in->current_proven ? 1 : 0;
    if (!in->there || in->state == NT_IN_NONE || in->state == NT_IN_BURNED)
        return 0;
    list[count++] = in->current;
    for (unsigned i = 0; in->state == NT_IN_ACTIVE && i < in->previous_count; i++) {
        if (proven > policy)
            break;
        proven += in->previous[i].proven ? 1 : 0;
        list[count++] = in->previous[i].hash;
    }
    return count;
}

static bool is_in(const struct sim_hash *h, const struct sim_hash *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (same(h, &list[i]))
            return true;
    return false;
}

static unsigned policy_of(const struct sim_trust *t)
{
    return nt_dir_policy(t->trusted->disk.platter)->previous_accepted;
}

static bool fits(const struct sim_view_out *out, const struct sim_view_in *in, unsigned policy)
{
    struct sim_hash list[1 + SIM_PREVIOUS];
    unsigned count = accepted(in, policy, list);
    if (!out->there)
        return false;
    bool any =
        is_in(&out->current, list, count) || (out->next_set && is_in(&out->next, list, count));
    for (unsigned i = 0; i < out->history_count; i++)
        any = any || is_in(&out->history[i], list, count);
    return any;
}

static bool sound(const struct sim_trust *t)
{
    return fits(&t->ledger.out, &t->ledger.in, policy_of(t));
}

/* I1. The trust was sound: it stays so, whatever code did. */
static void judge(struct sim_trust *t)
{
    struct sim_ledger *l = &t->ledger;
    bool is = sound(t);
    if (l->sound && !is && !l->excused)
        fail(t, "I1: no candidate of the trusting end is accepted by the trusted end any more");
    if (!is)
        l->unsound_until = core_of(t)->now;
    l->sound = is;
    /* That it is whole again shows when a channel was opened since. */
    bool whole = is && l->in.state == NT_IN_ACTIVE && l->out.state == NT_OUT_ACTIVE &&
                 l->opened_at > l->unsound_until;
    if (l->excused && !l->disturbed && whole)
        l->excused = false;
}

static bool was_unsound(const struct sim_trust *t)
{
    const struct sim_ledger *l = &t->ledger;
    return l->excused || !l->sound ||
           (l->unsound_until != 0 && core_of(t)->now - l->unsound_until < GRACE);
}

/* --- the trusting end --- */

static struct sim_view_out view_of_out(const struct nt_tdo *tdo)
{
    const struct nt_trust_out *o = &tdo->out;
    struct sim_view_out v = { .there = true,
                              .state = o->state,
                              .epoch = o->epoch,
                              .last_ok = o->last_ok,
                              .initial = o->current.initial,
                              .next_set = o->next.set,
                              .next_adopted = o->next.set && !o->next.has_clear,
                              .next_refused = o->next.set && o->next.refused != 0,
                              .current = of(&o->current.hash),
                              .history_count = o->history_count,
                              .lease = tdo->lease };
    if (v.next_set)
        v.next = of(&o->next.hash);
    for (unsigned i = 0; i < o->history_count && i < SIM_HISTORY; i++)
        v.history[i] = of(&o->history[i].hash);
    return v;
}

/* `next` became the current one. */
static struct sim_view_out promoted(const struct sim_view_out *v, unsigned kept)
{
    struct sim_view_out p = *v;
    if (!v->initial && kept > 0) {
        p.history_count = v->history_count < kept ? v->history_count + 1 : kept;
        for (unsigned i = p.history_count; i-- > 1;)
            p.history[i] = v->history[i - 1];
        p.history[0] = v->current;
    }
    if (p.history_count > kept)
        p.history_count = kept;
    p.current = v->next;
    p.initial = false;
    p.next_set = p.next_adopted = false;
    return p;
}

static bool same_history(const struct sim_view_out *a, const struct sim_view_out *b)
{
    return a->history_count == b->history_count &&
           memcmp(a->history, b->history, a->history_count * sizeof a->history[0]) == 0;
}

static void out_step(struct sim_trust *t, const struct sim_view_out *new, unsigned kept)
{
    const struct sim_view_out *old = &t->ledger.out;
    struct sim_view_out expect = *old;
    if (!same(&new->current, &old->current)) {
        if (!old->next_set || !same(&new->current, &old->next)) {
            fail(t, "a password is current that was never the next one");
            return;
        }
        if (!is_in(&new->current, t->ledger.proven, SIM_PROVEN)) {
            fail(t, "a password was promoted before the trusted end had it proven");
            return;
        }
        expect = promoted(old, kept);
        t->changes++;
        sim_world_of(core_of(t))->counts.changes++;
    }
    if (new->next_set && expect.next_set && !same(&new->next, &expect.next))
        fail(t, "a second new password was made while one is unproven");
    else if (!new->next_set && expect.next_set && !expect.next_adopted)
        fail(t, "an unproven password of our own was dropped");
    else if (!same_history(new, &expect))
        fail(t, "the history of passwords is not what was promoted so far");
}

/* Who writes the record holds its lease: nobody takes it before its end, and every write counts. */
static void lease_step(struct sim_trust *t, const struct sim_view_out *new)
{
    const struct sim_view_out *old = &t->ledger.out;
    const struct nt_lease *before = &old->lease, *lease = &new->lease;
    nt_time now = nt_now(&t->trusting->clock.env), most = NT_LEASE_S * NT_TIME_SECOND;
    bool written = new->state != old->state || new->next_set != old->next_set ||
                   new->next_refused != old->next_refused || !same(&new->next, &old->next) ||
                   !same(&new->current, &old->current);
    bool other = memcmp(before->holder, lease->holder, NT_LEASE_HOLDER) != 0;
    bool runs = before->until > now && before->until - now <= most;
    if (lease->number < before->number || (written && lease->number == before->number))
        fail(t, "the TDO was written, and its number has not moved on");
    else if (t->trusting->dc_count > 1 && lease->number == before->number + 1 && other && runs)
        fail(t, "a controller has written the TDO while another one has its lease");
}

void sim_ledger_out(struct sim_trust *t, const struct nt_tdo *tdo, const struct nt_policy *policy)
{
    struct sim_ledger *l = &t->ledger;
    if (tdo == NULL) {
        if (l->out.there && !l->disturbed)
            fail(t, "the TDO is gone, and nobody removed it");
        l->out.there = false;
        judge(t);
        return;
    }
    struct sim_view_out new = view_of_out(tdo);
    if (l->out.epoch != new.epoch) {
        if (!l->disturbed || !new.initial || new.next_set)
            fail(t, "an establishment of before has come back, or one that nobody began");
    } else if (!l->out.there) {
        fail(t, "a TDO that was removed has come back");
    } else {
        out_step(t, &new, policy->history_kept);
        lease_step(t, &new);
    }
    if (new.last_ok != l->out.last_ok)
        l->opened_at = core_of(t)->now;
    l->out = new;
    judge(t);
    if (tdo->out.state != NT_OUT_BROKEN)
        return;
    sim_world_of(core_of(t))->counts.broken_seen++;
    if (!was_unsound(t)) {
        char what[80];
        snprintf(what, sizeof what, "it is called broken (%s), and is not",
                 nt_broken_name(tdo->out.broken));
        fail(t, what);
    }
    l->excused = true; /* a person has to ask before it is tried again */
}

/* --- the trusted end --- */

static struct sim_view_in view_of_in(const struct nt_account *a, const struct sim_view_in *before)
{
    const struct nt_trust_in *in = a->in;
    struct sim_view_in v = { .there = true,
                             .rid = a->rid,
                             .state = in->state,
                             .permitted_at = in->permitted_at,
                             .current_proven = in->current_proven,
                             .current = of(&in->current),
                             .initial = before->initial,
                             .previous_count = in->previous_count };
    if (in->state == NT_IN_PERMITTED || in->state == NT_IN_PROVEN)
        v.initial = v.current;
    for (unsigned i = 0; i < in->previous_count && i < SIM_PREVIOUS; i++)
        v.previous[i] = (struct sim_previous){ of(&in->previous[i].hash), in->previous[i].proven };
    return v;
}

static void remember_proven(struct sim_trust *t, const struct sim_hash *h)
{
    struct sim_ledger *l = &t->ledger;
    if (!is_in(h, l->proven, SIM_PROVEN))
        l->proven[l->proven_count++ % SIM_PROVEN] = *h;
}

static void drop(struct sim_view_in *v, unsigned i)
{
    v->previous_count--;
    memmove(&v->previous[i], &v->previous[i + 1], (v->previous_count - i) * sizeof v->previous[0]);
}

/* A new current password came. False: no room is left to foretell. */
static bool set_view(struct sim_view_in *v, const struct sim_hash *h)
{
    bool first = v->state == NT_IN_PROVEN, proven = false;
    for (unsigned i = 0; i < v->previous_count; i++)
        if (same(&v->previous[i].hash, h)) {
            proven = v->previous[i].proven;
            drop(v, i);
            break;
        }
    if (!first && v->previous_count == SIM_PREVIOUS)
        return false;
    if (!first) {
        memmove(&v->previous[1], &v->previous[0], v->previous_count * sizeof v->previous[0]);
        v->previous[0] = (struct sim_previous){ v->current, v->current_proven };
        v->previous_count++;
    }
    v->state = NT_IN_ACTIVE;
    v->current = *h;
    v->current_proven = proven;
    return true;
}

/* The current one opened a channel: what was never proven goes, of the rest the policy's number
 * stays. */
static void prove_view(struct sim_view_in *v, unsigned policy)
{
    unsigned kept = 0;
    while (kept < v->previous_count)
        if (v->previous[kept].proven && kept < policy)
            kept++;
        else
            drop(v, kept);
    v->current_proven = true;
}

static bool same_previous(const struct sim_view_in *a, const struct sim_view_in *b)
{
    if (a->previous_count != b->previous_count)
        return false;
    for (unsigned i = 0; i < a->previous_count; i++)
        if (!same(&a->previous[i].hash, &b->previous[i].hash))
            return false;
    return true;
}

static bool state_follows(enum nt_in_state from, enum nt_in_state to)
{
    return from == to || (from == NT_IN_PERMITTED && (to == NT_IN_PROVEN || to == NT_IN_BURNED)) ||
           (from == NT_IN_PROVEN && to == NT_IN_ACTIVE);
}

static void in_step(struct sim_trust *t, const struct sim_view_in *new, unsigned policy)
{
    struct sim_view_in expect = t->ledger.in;
    if (!state_follows(expect.state, new->state)) {
        fail(t, "the trust account's state went where it cannot go");
        return;
    }
    if (new->state == NT_IN_BURNED)
        return;
    if (!same(&new->current, &expect.current) && !set_view(&expect, &new->current))
        expect = *new;
    if (new->current_proven && !expect.current_proven)
        prove_view(&expect, expect.state == NT_IN_ACTIVE ? policy : 0);
    if (expect.current_proven != new->current_proven)
        fail(t, "a password that was proven is so no more");
    else if (!same_previous(&expect, new))
        fail(t, "the trusted end's previous passwords are not those that were current");
}

/* What the code accepts is what the policy says. */
static void compare_accepted(struct sim_trust *t, const struct nt_account *a,
                             const struct nt_policy *policy)
{
    struct sim_hash list[1 + SIM_PREVIOUS];
    const struct nt_secret *theirs[NT_IN_CANDIDATES_MAX];
    unsigned count = accepted(&t->ledger.in, policy->previous_accepted, list);
    size_t their_count = nt_in_candidates(a->in, policy, theirs);
    bool equal = count == their_count;
    for (unsigned i = 0; i < count && equal; i++)
        equal = memcmp(theirs[i]->b, list[i].b, sizeof list[i].b) == 0;
    if (!equal)
        fail(t, "the trusted end accepts more or other passwords than the policy says");
    bool dead = a->in->state == NT_IN_ACTIVE || a->in->state == NT_IN_BURNED;
    for (size_t i = 0; i < their_count && dead; i++)
        if (memcmp(theirs[i]->b, t->ledger.in.initial.b, 16) == 0)
            fail(t, "I3: the initial password opens the channel though it was changed");
}

void sim_ledger_in(struct sim_trust *t, const struct nt_account *account,
                   const struct nt_policy *policy)
{
    struct sim_ledger *l = &t->ledger;
    if (account == NULL || account->in == NULL) {
        if (l->in.there && !l->disturbed)
            fail(t, "the trust account is gone, and nobody removed it");
        l->in.there = false;
        judge(t);
        return;
    }
    struct sim_view_in new = view_of_in(account, &l->in);
    if (!l->in.there || l->in.rid != new.rid) {
        /* It is made first, and permitted in the same transaction. */
        if (!l->disturbed)
            fail(t, "a permission that nobody gave");
    } else {
        in_step(t, &new, policy->previous_accepted);
    }
    if (new.state == NT_IN_BURNED && l->in.state != NT_IN_BURNED) {
        l->excused = true;
        sim_world_of(core_of(t))->counts.burns++;
    }
    if (new.current_proven)
        remember_proven(t, &new.current);
    for (unsigned i = 0; i < new.previous_count; i++)
        if (new.previous[i].proven)
            remember_proven(t, &new.previous[i].hash);
    l->in = new;
    compare_accepted(t, account, policy);
    judge(t);
}

/* --- transactions and restarts --- */

/* Of "D7" and of "D7$"; the number of domains when it is no domain's name. */
static size_t number_of(const struct sim_domain *d, const char *name)
{
    bool ours = name[0] == 'D' && name[1] >= '0' && name[1] <= '9';
    return ours ? strtoul(name + 1, NULL, 10) : d->world->domain_count;
}

/* The trust of an account; NULL: it is none. */
static struct sim_trust *trust_of_account(struct sim_domain *d, const char *name)
{
    size_t number = number_of(d, name);
    return strchr(name, '$') != NULL && number < d->world->domain_count ? d->by_trusting[number]
                                                                        : NULL;
}

static struct sim_trust *trust_of_tdo(struct sim_domain *d, const char *name)
{
    size_t number = number_of(d, name);
    return number < d->world->domain_count ? d->by_trusted[number] : NULL;
}

static void user_password(struct sim_domain *d, const struct nt_account *a)
{
    if ((a->acb & NT_ACB_NORMAL) == 0 || strcmp(a->name, "alice") != 0)
        return;
    for (unsigned i = 0; i < SIM_PASSWORDS_MAX; i++) {
        char text[48];
        struct nt_secret hash;
        sim_password_text(d, i, text, sizeof text);
        if (nt_owf_text(text, &hash) == NT_OK && nt_secret_equal(&hash, &a->nt_hash))
            d->password = i;
    }
}

static void deleted(struct sim_domain *d, const struct nt_change *c, const struct nt_policy *policy)
{
    if (c->kind == NT_KIND_TDO) {
        struct sim_trust *t = trust_of_tdo(d, c->name);
        if (t != NULL)
            sim_ledger_out(t, NULL, policy);
    } else if (c->kind == NT_KIND_ACCOUNT) {
        for (size_t i = 0; i < d->in_count; i++)
            if (d->in[i]->ledger.in.there && d->in[i]->ledger.in.rid == c->rid)
                sim_ledger_in(d->in[i], NULL, policy);
    }
}

void sim_ledger_durable(struct sim_domain *d, const struct nt_txn *txn)
{
    const struct nt_change *changes;
    size_t count = nt_txn_changes(txn, &changes);
    const struct nt_policy *policy = nt_dir_policy(nt_txn_dir(txn));
    for (size_t i = 0; i < count; i++) {
        const struct nt_change *c = &changes[i];
        if (c->record == NULL) {
            deleted(d, c, policy);
        } else if (c->kind == NT_KIND_TDO) {
            const struct nt_tdo *tdo = c->record;
            struct sim_trust *t = trust_of_tdo(d, tdo->name);
            if (t != NULL)
                sim_ledger_out(t, tdo, policy);
        } else if (c->kind == NT_KIND_ACCOUNT) {
            const struct nt_account *a = c->record;
            struct sim_trust *t = a->in != NULL ? trust_of_account(d, a->name) : NULL;
            if (t != NULL && a->in->state != NT_IN_NONE)
                sim_ledger_in(t, a, policy);
            user_password(d, a);
        }
    }
    sim_watch_events(d, txn);
}

void sim_ledger_reload(struct sim_domain *d, const struct nt_dir *dir, bool jump)
{
    const struct nt_policy *policy = nt_dir_policy(dir);
    const struct nt_domain *domain = nt_dir_domain(dir);
    if (domain != NULL && domain->serial < d->acked_serial)
        sim_fail(&d->world->core,
                 "%s: a change that was acknowledged is lost: its disk is at serial %llu, and %llu "
                 "was acknowledged",
                 d->name, (unsigned long long)domain->serial, (unsigned long long)d->acked_serial);
    for (size_t i = 0; i < d->out_count; i++) {
        struct sim_trust *t = d->out[i];
        const struct nt_tdo *tdo = nt_dir_tdo(dir, t->trusted->name);
        if (jump && tdo != NULL)
            t->ledger.out = view_of_out(tdo);
        if (jump || tdo != NULL || t->ledger.out.there)
            sim_ledger_out(t, tdo, policy);
    }
    for (size_t i = 0; i < d->in_count; i++) {
        struct sim_trust *t = d->in[i];
        const struct nt_account *a = nt_dir_permit(dir, t->trusting->name);
        if (jump && a != NULL)
            t->ledger.in = view_of_in(a, &t->ledger.in);
        if (jump || a != NULL || t->ledger.in.there)
            sim_ledger_in(t, a, policy);
    }
    const struct nt_account *alice = nt_dir_account(dir, "alice");
    if (alice != NULL)
        user_password(d, alice);
}

/* What the trusting end had sent before it went back may still arrive and be proven: then it has
 * gone back by that much more. */
static bool survives_the_past(const struct sim_trust *t, const struct sim_view_out *to)
{
    const struct sim_view_out *from = &t->ledger.out;
    struct sim_view_in in = t->ledger.in;
    unsigned policy = policy_of(t);
    if (!from->there || !in.there || in.state != NT_IN_ACTIVE)
        return true;
    const struct sim_hash *sent = from->next_set ? &from->next : &from->current;
    if (!same(&in.current, sent) && !set_view(&in, sent))
        return true;
    prove_view(&in, policy);
    return fits(to, &in, policy);
}

/* What the trusting end had proven, and not stored yet, before the trusted end went back, is the
 * current one there by now, and its history has moved on. */
static bool survives_the_unstored(const struct sim_trust *t, const struct sim_view_in *to)
{
    const struct sim_view_out *out = &t->ledger.out;
    if (!out->there || !out->next_set || !is_in(&out->next, t->ledger.proven, SIM_PROVEN))
        return true;
    struct sim_view_out then =
        promoted(out, nt_dir_policy(t->trusting->disk.platter)->history_kept);
    return fits(&then, to, policy_of(t));
}

void sim_ledger_revert(struct sim_domain *d, const struct sim_view_out *out,
                       const struct sim_view_in *in)
{
    for (size_t i = 0; i < d->out_count; i++) {
        if (!survives_the_past(d->out[i], &out[i]))
            d->out[i]->ledger.excused = true;
        d->out[i]->ledger.out = out[i];
    }
    for (size_t i = 0; i < d->in_count; i++) {
        if (!survives_the_unstored(d->in[i], &in[i]))
            d->in[i]->ledger.excused = true;
        d->in[i]->ledger.in = in[i];
    }
    for (size_t i = 0; i < d->out_count + d->in_count; i++) {
        struct sim_trust *t = i < d->out_count ? d->out[i] : d->in[i - d->out_count];
        bool is = sound(t);
        if (t->ledger.sound && !is) {
            t->ledger.excused = true; /* further back than the policy allows */
            d->world->counts.excused++;
        }
        if (t->ledger.out.state == NT_OUT_BROKEN)
            t->ledger.excused = true; /* it was broken then, and may have stopped to try */
        if (t->ledger.excused)
            t->ledger.unsound_until = core_of(t)->now;
        t->ledger.sound = is;
    }
}

/* --- the end --- */

bool sim_ledger_agrees(const struct sim_trust *t)
{
    const struct sim_ledger *l = &t->ledger;
    return l->out.there && l->in.there && !l->out.initial &&
           (!l->out.next_set || l->out.next_refused) && l->in.state == NT_IN_ACTIVE &&
           l->in.current_proven && same(&l->out.current, &l->in.current);
}

static void short_hash(const struct sim_hash *h, bool set, char out[12])
{
    if (set)
        snprintf(out, 12, "%02x%02x%02x", h->b[0], h->b[1], h->b[2]);
    else
        snprintf(out, 12, "-");
}

void sim_ledger_explain(const struct sim_trust *t, char *text, size_t size)
{
    const struct sim_ledger *l = &t->ledger;
    char current[12], next[12], theirs[12];
    short_hash(&l->out.current, l->out.there, current);
    short_hash(&l->out.next, l->out.next_set, next);
    short_hash(&l->in.current, l->in.there, theirs);
    int n = snprintf(text, size, "trusting: next %s current %s%s history", next, current,
                     l->out.initial ? " initial" : "");
    size_t at = n > 0 ? (size_t)n : 0;
    for (unsigned i = 0; i < l->out.history_count && at < size; i++) {
        char h[12];
        short_hash(&l->out.history[i], true, h);
        at += (size_t)snprintf(text + at, size - at, " %s", h);
    }
    if (at < size)
        at += (size_t)snprintf(text + at, size - at, "; trusted: %s current %s%s previous",
                               nt_in_state_name(l->in.state), theirs,
                               l->in.current_proven ? "" : " unproven");
    for (unsigned i = 0; i < l->in.previous_count && at < size; i++) {
        char h[12];
        short_hash(&l->in.previous[i].hash, true, h);
        at +=
            (size_t)snprintf(text + at, size - at, " %s%s", h, l->in.previous[i].proven ? "" : "?");
    }
}
