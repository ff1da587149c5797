/* renew_run.c - a plan carried out: see renew.h. At the edge. */
#include "repair/renew_internal.h"

#include <time.h>

#include "repair/crew.h"

#define PAUSE_MS 250 /* between two looks */

/* --- the steps --- */

static bool lacks_object(const struct renew_change *c)
{
    return c->plan->goal != NT_RENEW_ESTABLISH && c->end->object == NT_RENEW_MAKE;
}

/* Active Directory's account without its object is in the way of a new one. */
static bool has_orphan(const struct renew_change *c)
{
    return !c->end->nt && c->end->account == NT_RENEW_DELETE;
}

static bool has_account(const struct renew_change *c)
{
    return c->end->nt && c->end->account != NT_RENEW_NOTHING;
}

static bool has_directory_object(const struct renew_change *c)
{
    return !c->end->nt && c->end->object != NT_RENEW_NOTHING && !lacks_object(c);
}

static bool has_nt_object(const struct renew_change *c)
{
    return c->end->nt && c->end->object != NT_RENEW_NOTHING && !lacks_object(c);
}

static bool has_enabling(const struct renew_change *c)
{
    const struct nt_renew_end *e = c->end;
    return e->enable || e->account == NT_RENEW_MAKE || e->account == NT_RENEW_REMAKE;
}

enum done { NOTHING, ACCOUNT, OBJECT };

struct step {
    bool (*due)(const struct renew_change *c);
    bool (*run)(struct renew_change *c);
    enum done done;
    const char *what;
};

/* A half that is missing comes first: it says what trust this is, should the other one be gone for
 * a moment. Otherwise a password is at the trusted end before the trusting one; at an NT-style end
 * it opens nothing before both have it, so no wrong one that the trusting end still has burns it.
 */
static const struct step making[] = {
    { has_orphan, renew_account, NOTHING, "deleting an account without its half" },
    { lacks_object, renew_object, OBJECT, "making its half" },
    { has_account, renew_account, NOTHING, "making the account of the other end" },
    { has_directory_object, renew_object, OBJECT, "changing its half" },
    { has_nt_object, renew_object, OBJECT, "changing its half" },
    { has_enabling, renew_enable, ACCOUNT, "enabling the account of the other end" },
    { 0 },
};

/* Nobody is left knocking at a door that is gone. */
static const struct step removing[] = {
    { has_nt_object, renew_object, OBJECT, "deleting its half" },
    { has_directory_object, renew_object, OBJECT, "deleting its half" },
    { has_orphan, renew_account, ACCOUNT, "deleting the account of the other end" },
    { has_account, renew_account, ACCOUNT, "deleting the account of the other end" },
    { 0 },
};

struct run {
    const struct nt_look_config *config;
    const struct nt_renew_plan *plan;
    struct nt_ends_facts *f;
    struct nt_renew_result *out;
    struct renew_change change[2];
    bool noted;
};

static bool note(struct run *r, size_t i, bool ok)
{
    struct renew_change *c = &r->change[i];
    c->failed = !ok;
    if (!ok && r->out->failed == 2) {
        r->out->failed = i;
        r->out->error = c->own.kind != NT_ADMIN_FINE ? c->own : *nt_admin_error(c->admin);
    }
    return ok;
}

static bool begin_step(struct run *r, const struct step *s, size_t i)
{
    if (!s->due(&r->change[i]))
        return false;
    if (r->config->step != NULL)
        r->config->step(r->config->ctx, nt_end_main(&r->f->end[i])->host, s->what);
    r->out->touched = true;
    return true;
}

static bool end_step(struct run *r, const struct step *s, size_t i, bool ok)
{
    if (ok && s->run == renew_account)
        r->change[i].made_account = true;
    if (ok && s->done == OBJECT)
        r->out->object[i] = true;
    else if (ok && s->done == ACCOUNT)
        r->out->account[i] = true;
    return note(r, i, ok);
}

static bool take_step(struct run *r, const struct step *s, size_t i)
{
    return !begin_step(r, s, i) || end_step(r, s, i, s->run(&r->change[i]));
}

/* At both ends at once, which have a session and a thread each. */
struct together {
    struct run *r;
    const struct step *s;
    bool due[2], ok[2];
};

static void run_one(void *ctx, size_t i)
{
    struct together *t = ctx;
    if (t->due[i])
        t->ok[i] = t->s->run(&t->r->change[i]);
}

static bool take_together(struct run *r, const struct step *s)
{
    struct together t = { .r = r, .s = s };
    bool good = true;
    for (size_t i = 0; i < 2; i++)
        t.due[i] = begin_step(r, s, i);
    nt_crew_run(2, 2, run_one, &t);
    for (size_t i = 0; i < 2; i++)
        good = (!t.due[i] || end_step(r, s, i, t.ok[i])) && good;
    return good;
}

/* Only where there is nothing to lose: while both halves are deleted to be made anew, one that is
 * killed leaves nothing that tells of the trust but notes. Nor where one session serves both ends:
 * a new forest trust takes the other's names. */
static bool goes_together(const struct run *r, const struct step *s)
{
    return s->run == renew_object && s->due == has_directory_object && !r->plan->forest &&
           (r->plan->goal == NT_RENEW_ESTABLISH || r->noted);
}

/* The trusted end of a trust of one direction first; when it is removed, last. */
static size_t first_end(const struct nt_renew_plan *plan)
{
    bool one = plan->trusts[0] != plan->trusts[1];
    if (!one)
        return 0;
    return plan->trusts[plan->goal == NT_RENEW_REMOVE ? 0 : 1] ? 0 : 1;
}

static bool take_steps(struct run *r)
{
    bool remove = r->plan->goal == NT_RENEW_REMOVE;
    size_t first = first_end(r->plan);
    for (const struct step *s = remove ? removing : making; s->due != NULL; s++)
        if (goes_together(r, s) ? !take_together(r, s)
                                : !take_step(r, s, first) || !take_step(r, s, 1 - first))
            return false;
    for (size_t i = 0; i < 2; i++)
        if (!note(r, i, renew_make_sure(&r->change[i])))
            return false;
    return true;
}

static bool is_gone(const struct renew_change *c, bool deleted)
{
    return deleted || nt_admin_error(c->admin)->kind == NT_ADMIN_MISSING;
}

/* What was made of a new trust that cannot be finished is taken back; so is what a call may have
 * made that failed, since nothing was there before. */
static void undo(struct run *r)
{
    bool ok = true;
    for (size_t i = 0; i < 2; i++) {
        const struct renew_change *c = &r->change[i];
        bool maybe = c->failed && nt_admin_error(c->admin)->kind != NT_ADMIN_EXISTS;
        if (c->end->object == NT_RENEW_MAKE && (r->out->object[i] || maybe))
            ok = is_gone(c, nt_admin_tdo_delete(c->admin, c->end->want.tdo.name)) && ok;
        if (c->end->account == NT_RENEW_MAKE && (c->made_account || maybe))
            ok = is_gone(c, nt_admin_account_delete(c->admin, c->other)) && ok;
    }
    r->out->undone = ok;
}

/* --- all of it --- */

static bool carry_out(struct run *r, struct nt_admin *const admin[2])
{
    NT_SCOPED_PASSWORD first = { .len = 0 };
    NT_SCOPED_PASSWORD second = { .len = 0 };
    const struct nt_password *const secret[2] = { &first, &second };
    const struct nt_renew_plan *plan = r->plan;
    renew_secret(r->config->env, plan, &first);
    renew_secret(r->config->env, plan, &second);
    for (size_t i = 0; i < 2; i++) {
        r->change[i] = (struct renew_change){
            .admin = admin[i],
            .plan = plan,
            .end = &plan->end[i],
            .outgoing = plan->trusts[i] ? secret[i] : NULL,
            .incoming = plan->trusts[1 - i] ? secret[1 - i] : NULL,
            .other = nt_end_name(&r->f->end[1 - i]),
            .before = nt_end_main(&r->f->end[i])->account.password_set,
            .partner = admin[1 - i],
        };
        if (plan->end[i].object == NT_RENEW_BY_HAND)
            r->out->by_hand[i] = *secret[i];
    }
    if (plan->notes != NULL && (plan->goal == NT_RENEW_RESET || plan->goal == NT_RENEW_RECREATE))
        r->noted = renew_note(plan, r->f);
    if (take_steps(r)) {
        renew_forget(plan);
        return true;
    }
    nt_renew_wipe(r->out);
    if (plan->goal == NT_RENEW_ESTABLISH)
        undo(r);
    return false;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* An order that was obeyed shows by the date of the account at the trusted end. */
static bool is_shown(const struct run *r, size_t i, size_t k)
{
    bool ordered = r->plan->end[1 - i].object == NT_RENEW_ORDER;
    const struct nt_controller_facts *dc = &r->f->end[i].dc[k];
    return nt_renew_shown(r->f, r->plan, i, k) && (!ordered || dc->reached.look != NT_LOOK_SEEN ||
                                                   dc->account.password_set != r->change[i].before);
}

static bool all_shown(struct run *r, uint64_t ms)
{
    bool all = true;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < r->f->end[i].count; k++) {
            bool shown = is_shown(r, i, k), before = r->out->dc[i][k].shown;
            if (shown && !before)
                r->out->dc[i][k].ms = ms;
            r->out->dc[i][k].shown = shown;
            all = all && shown;
        }
    return all;
}

static void watch(struct run *r, struct nt_look_end ends[2], uint32_t patience_ms)
{
    struct nt_look_config config = *r->config;
    uint64_t began = now_ms();
    config.anew = true; /* a channel from before the change proves nothing */
    config.halves = r->plan->goal == NT_RENEW_REMOVE;
    config.bare = true;
    for (;;) {
        nt_look_trust(&config, ends, r->f);
        r->out->proven_ms = now_ms() - began;
        r->out->proven = all_shown(r, r->out->proven_ms);
        if (r->out->proven || r->out->proven_ms >= patience_ms)
            break;
        renew_pause(PAUSE_MS);
    }
    config.bare = false; /* the cause may be around it */
    if (!r->out->proven)
        nt_look_trust(&config, ends, r->f);
}

void nt_renew_run(const struct nt_look_config *config, struct nt_look_end ends[2],
                  const struct nt_renew_plan *plan, uint32_t patience_ms, struct nt_ends_facts *f,
                  struct nt_renew_result *out)
{
    struct nt_admin *const admin[2] = { ends[0].admin[f->end[0].main],
                                        ends[1].admin[f->end[1].main] };
    struct run r = { .config = config, .plan = plan, .f = f, .out = out };
    size_t end;
    *out = (struct nt_renew_result){ .failed = 2 };
    if (!nt_renew_ready(ends, f, plan, &end, &out->error)) {
        out->failed = end;
        return;
    }
    if (carry_out(&r, admin))
        watch(&r, ends, patience_ms);
}

void nt_renew_wipe(struct nt_renew_result *r)
{
    for (size_t i = 0; i < 2; i++)
        nt_password_wipe(&r->by_hand[i]);
}
