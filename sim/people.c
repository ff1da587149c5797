/*
 * people.c - users who log on through trusts, and administrators who establish, change and reset
 * them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/container.h"
#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "domain/ops.h"
#include "world.h"

#define ANSWER_MOST (30 * SIM_MINUTE) /* a logon is answered within, or never */

/* --- users --- */

void sim_password_text(const struct sim_domain *d, unsigned index, char *text, size_t size)
{
    snprintf(text, size, SIM_TEXT_MARK ".alice.%u.%u", d->number, index);
}

struct sim_logon {
    struct sim_logon *next;
    struct sim_world *world;
    struct sim_trust *trust;
    struct sim_event ended;
    bool done, must, wrong;
    sim_time began;
    unsigned password; /* as it was when the logon began */
    struct nt_logon logon;
    struct nt_dir *dir;
    struct nt_arena arena;
    struct nt_buf response;
    struct nt_secret key;
};

/* Of one that is in no list any more. */
static void logon_end(struct sim_logon *l)
{
    sim_cancel(&l->world->core, &l->ended);
    nt_buf_free(&l->response);
    nt_arena_free(&l->arena);
    nt_dir_unref(l->dir);
    free(l);
}

static void logon_free(struct sim_logon *l)
{
    struct sim_logon **at = &l->world->logons;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    logon_end(l);
}

static void judge_logon(struct sim_logon *l)
{
    struct sim_world *w = l->world;
    struct sim_trust *t = l->trust;
    bool good = nt_status_ok(l->logon.status);
    bool unchanged = l->password == t->trusted->password;
    bool denied =
        (nt_status_is(l->logon.status, NT_STATUS(NO_SUCH_USER)) && l->logon.authoritative) ||
        nt_status_is(l->logon.status, NT_STATUS(WRONG_PASSWORD)) ||
        nt_status_is(l->logon.status, NT_STATUS(ACCOUNT_LOCKED_OUT));
    sim_note(&w->core, SIM_KIND_STATUS, l->logon.status.code, good);
    w->counts.logons++;
    w->counts.logons_good += good;
    w->counts.denied += denied;
    if (good && l->wrong)
        sim_fail(&w->core, "a wrong password let a user of %s log on in %s", t->trusted->name,
                 t->trusting->name);
    else if (good && !nt_secret_equal(&l->key, &l->logon.session_key))
        sim_fail(&w->core, "the session key of a user of %s in %s is wrong", t->trusted->name,
                 t->trusting->name);
    else if (denied && !l->wrong && unchanged && !sim_domain_lags(t->trusted, l->began))
        sim_fail(&w->core, "a user of %s with the right password is refused in %s: %s",
                 t->trusted->name, t->trusting->name, nt_status_name(l->logon.status));
    else if (l->must && !good && !l->wrong)
        sim_fail(&w->core, "a user of %s cannot log on in %s: %s (%s)", t->trusted->name,
                 t->trusting->name, nt_status_name(l->logon.status), l->logon.fwd.text);
}

static void on_ended(struct sim_core *core, struct sim_event *event)
{
    struct sim_logon *l = NT_CONTAINER(event, struct sim_logon, ended);
    if (!l->done) {
        sim_fail(core, "a logon of a user of %s in %s is never answered", l->trust->trusted->name,
                 l->trust->trusting->name);
        return;
    }
    judge_logon(l);
    logon_free(l);
}

static void logon_done(struct nt_logon *logon)
{
    struct sim_logon *l = logon->owner;
    l->done = true;
    sim_after(&l->world->core, &l->ended, 1);
}

static bool respond(struct sim_logon *l, struct sim_rng *rng, const struct nt_env *env)
{
    uint8_t client[8];
    char text[48];
    struct nt_secret hash;
    struct nt_buf pairs;
    sim_fill(rng, client, sizeof client);
    sim_fill(rng, l->logon.challenge, sizeof l->logon.challenge);
    sim_password_text(l->trust->trusted, l->wrong ? SIM_PASSWORDS_MAX : l->password, text,
                      sizeof text);
    nt_buf_init(&pairs, 64);
    nt_buf_init(&l->response, 4096);
    nt_av_put(&pairs, NT_AV_EOL, NULL, 0);
    bool good =
        nt_owf_text(text, &hash) == NT_OK &&
        nt_ntlmv2_respond(&hash, "alice", l->trust->trusted->name, l->logon.challenge, client,
                          nt_now(env), pairs.data, pairs.len, &l->response, &l->key) == NT_OK;
    nt_buf_free(&pairs);
    l->logon.nt = l->response.data;
    l->logon.nt_len = l->response.len;
    return good;
}

void sim_logon(struct sim_trust *t, bool must)
{
    struct sim_world *w = t->trusting->world;
    struct sim_dc *dc = sim_domain_runner(t->trusting);
    if (dc == NULL || dc->host.frozen_until > w->core.now)
        return; /* nobody answers: the user sees it at once */
    struct sim_logon *l = sim_new(sizeof *l);
    l->world = w;
    l->trust = t;
    l->must = must;
    l->began = w->core.now;
    l->wrong = !must && sim_chance(&w->rng, 100);
    l->password = t->trusted->password;
    l->dir = nt_engine_dir(t->trusting->engine);
    l->ended = (struct sim_event){ .run = on_ended, .kind = SIM_KIND_LOGON };
    l->next = w->logons;
    w->logons = l;
    nt_arena_init(&l->arena, 1u << 20);
    l->logon = (struct nt_logon){ .service = &dc->service,
                                  .dir = l->dir,
                                  .arena = &l->arena,
                                  .domain = t->trusted->name,
                                  .user = "alice",
                                  .workstation = "DESK",
                                  .peer = "sim",
                                  .pass_through = true,
                                  .done = logon_done,
                                  .owner = l };
    if (!respond(l, &w->rng, &dc->clock.env)) {
        sim_fail(&w->core, "no memory");
        return;
    }
    sim_after(&w->core, &l->ended, ANSWER_MOST);
    if (nt_logon_start(&l->logon))
        logon_done(&l->logon);
    sim_domain_poke(t->trusting);
}

static void on_use(struct sim_core *core, struct sim_event *event)
{
    struct sim_trust *t = NT_CONTAINER(event, struct sim_trust, use);
    struct sim_world *w = sim_world_of(core);
    sim_logon(t, !w->config.faults && sim_ledger_agrees(t));
    sim_after(core, event, sim_between(&w->rng, 12 * SIM_HOUR, 36 * SIM_HOUR));
}

/* --- establishing, at both ends --- */

struct establish {
    struct sim_trust *trust;
    unsigned attempt;
};

static void initial_text(const struct sim_trust *t, unsigned attempt, char *text, size_t size)
{
    if (attempt % 7 == 0)
        text[0] = '\0'; /* it may be empty */
    else
        snprintf(text, size, SIM_TEXT_MARK ".%u.%u.%u", t->trusting->number, t->trusted->number,
                 attempt);
}

static void servers_of(const struct sim_domain *d, char *text, size_t size)
{
    size_t at = 0;
    for (unsigned i = 0; i < d->dc_count && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s", i > 0 ? " " : "", d->dcs[i].host.name);
}

static ntstatus do_trust(struct nt_txn *txn, void *ctx)
{
    const struct establish *e = ctx;
    char text[48], servers[80];
    struct nt_password initial = { .len = 0 };
    struct nt_why why;
    const char *name = e->trust->trusted->name;
    initial_text(e->trust, e->attempt, text, sizeof text);
    servers_of(e->trust->trusted, servers, sizeof servers);
    if (!nt_password_from_utf8(&initial, text))
        return NT_STATUS(INTERNAL_ERROR);
    if (nt_dir_tdo(nt_txn_dir(txn), name) != NULL)
        return nt_op_trust_reset(txn, name, &initial, "sim", "", &why);
    return nt_op_trust_add(
        txn, &(struct nt_trust_new){ .name = name, .servers = servers, .initial = &initial }, "sim",
        "", &why);
}

static ntstatus do_untrust(struct nt_txn *txn, void *ctx)
{
    const struct establish *e = ctx;
    struct nt_why why;
    const char *name = e->trust->trusted->name;
    return nt_dir_tdo(nt_txn_dir(txn), name) != NULL
               ? nt_op_trust_remove(txn, name, "sim", "", &why)
               : NT_STATUS(SUCCESS);
}

static ntstatus do_permit(struct nt_txn *txn, void *ctx)
{
    const struct establish *e = ctx;
    char text[48];
    struct nt_secret hash;
    struct nt_why why;
    uint32_t rid;
    ntstatus status = NT_STATUS(SUCCESS);
    const char *name = e->trust->trusting->name;
    initial_text(e->trust, e->attempt, text, sizeof text);
    if (nt_owf_text(text, &hash) != NT_OK)
        return NT_STATUS(INTERNAL_ERROR);
    if (nt_dir_permit(nt_txn_dir(txn), name) != NULL)
        status = nt_op_permit_remove(txn, name, "sim", "", &why);
    return nt_status_ok(status) ? nt_op_permit_add(txn, name, &hash, 0, "sim", "", &rid, &why)
                                : status;
}

static bool stale(const struct establish *e, ntstatus status)
{
    return e->attempt != e->trust->attempt || !nt_status_ok(status);
}

static void trust_told(struct sim_domain *d, void *ctx, ntstatus status)
{
    struct establish *e = ctx;
    if (stale(e, status))
        return;
    sim_say(&d->world->core, "%s trusts %s: established at both ends", d->name,
            e->trust->trusted->name);
    e->trust->establishing = false;
    e->trust->ledger.disturbed = false;
}

static void go_on(struct sim_trust *t)
{
    struct establish e = { .trust = t, .attempt = t->attempt };
    sim_domain_change(t->trusting, do_trust, trust_told, &e, sizeof e);
}

static void on_later(struct sim_core *core, struct sim_event *event)
{
    struct sim_trust *t = NT_CONTAINER(event, struct sim_trust, later);
    (void)core;
    if (t->establishing)
        go_on(t);
}

static void permit_told(struct sim_domain *d, void *ctx, ntstatus status)
{
    struct establish *e = ctx;
    struct sim_trust *t = e->trust;
    struct sim_world *w = d->world;
    if (stale(e, status))
        return;
    if (w->calm || !sim_chance(&w->rng, 200)) {
        go_on(t);
        return;
    }
    /* The other administrator is not at once at hand, and somebody else may be. */
    if (sim_chance(&w->rng, 500))
        sim_guess(t);
    t->later = (struct sim_event){ .run = on_later, .kind = SIM_KIND_ADMIN };
    sim_after(&w->core, &t->later, sim_between(&w->rng, SIM_SECOND, 10 * SIM_MINUTE));
}

static void untrust_told(struct sim_domain *d, void *ctx, ntstatus status)
{
    struct establish *e = ctx;
    (void)d;
    if (!stale(e, status))
        sim_domain_change(e->trust->trusted, do_permit, permit_told, e, sizeof *e);
}

void sim_trust_establish(struct sim_trust *t)
{
    struct sim_world *w = t->trusting->world;
    struct establish e = { .trust = t, .attempt = ++t->attempt };
    t->ledger.excused = t->ledger.disturbed = true;
    t->establishing = true;
    t->began_at = w->core.now;
    sim_cancel(&w->core, &t->later);
    w->counts.resets++;
    /* Taking it away first is the careful way: the old passwords are not offered to what is
     * permitted anew, which would burn it. */
    if (w->calm || sim_chance(&w->rng, 700))
        sim_domain_change(t->trusting, do_untrust, untrust_told, &e, sizeof e);
    else
        sim_domain_change(t->trusted, do_permit, permit_told, &e, sizeof e);
}

void sim_people_hasten(struct sim_trust *t)
{
    struct sim_world *w = t->trusting->world;
    if (!w->config.faults || w->calm || t->establishing || sim_below(&w->rng, 3000) != 0)
        return;
    struct establish e = { .trust = t, .attempt = t->attempt + 1 };
    t->ledger.excused = t->ledger.disturbed = true;
    sim_domain_change(t->trusting, do_trust, NULL, &e, sizeof e);
    sim_trust_establish(t);
}

/* --- the daily work of administrators --- */

struct password_change {
    struct sim_domain *domain;
    unsigned password;
};

static ntstatus do_password(struct nt_txn *txn, void *ctx)
{
    const struct password_change *c = ctx;
    char text[48];
    struct nt_secret hash;
    const struct nt_account *alice = nt_dir_account(nt_txn_dir(txn), "alice");
    sim_password_text(c->domain, c->password, text, sizeof text);
    if (alice == NULL || nt_owf_text(text, &hash) != NT_OK)
        return NT_STATUS(INTERNAL_ERROR);
    return nt_op_account_password(txn, alice->rid, &hash, false, "sim", "");
}

static void password_told(struct sim_domain *d, void *ctx, ntstatus status)
{
    const struct password_change *c = ctx;
    if (nt_status_ok(status) && d->password != c->password)
        sim_fail(&d->world->core, "%s: a change of a user's password was acknowledged and is lost",
                 d->name);
}

struct want {
    struct sim_trust *trust;
    bool change;
};

static ntstatus do_want(struct nt_txn *txn, void *ctx)
{
    const struct want *want = ctx;
    return nt_op_trust_want(txn, want->trust->trusted->name, want->change, "sim", "");
}

struct setting {
    const char *name;
    bool value;
};

static ntstatus do_policy(struct nt_txn *txn, void *ctx)
{
    const struct setting *s = ctx;
    struct nt_why why;
    return nt_op_policy_set(txn, s->name, s->value, "sim", "", &why);
}

/* The two policies that keep a password as it is. */
static void set_policy(struct sim_domain *d, bool refuse, bool value)
{
    struct setting s = { refuse ? "refuse_password_change" : "disable_password_change", value };
    sim_domain_change(d, do_policy, NULL, &s, sizeof s);
}

static void do_something(struct sim_trust *t)
{
    struct sim_world *w = t->trusting->world;
    struct want want = { t, sim_chance(&w->rng, 500) };
    unsigned what = (unsigned)sim_below(&w->rng, 100);
    if (what < 40) {
        sim_domain_change(t->trusting, do_want, NULL, &want, sizeof want);
    } else if (what < 90) {
        struct password_change c = { t->trusted, (unsigned)sim_below(&w->rng, SIM_PASSWORDS_MAX) };
        /* One at a time: two that wait would each find the other's. */
        if (t->trusted->engine != NULL && !nt_engine_waiting(t->trusted->engine))
            sim_domain_change(t->trusted, do_password, password_told, &c, sizeof c);
    } else if (what < 93) {
        sim_trust_establish(t);
    } else if (what < 96) {
        set_policy(t->trusted, true, sim_chance(&w->rng, 400));
    } else if (what < 98) {
        set_policy(t->trusting, false, sim_chance(&w->rng, 400));
    }
}

static void on_admin(struct sim_core *core, struct sim_event *event)
{
    struct sim_trust *t = NT_CONTAINER(event, struct sim_trust, admin);
    struct sim_world *w = sim_world_of(core);
    bool stuck = t->establishing && core->now - t->began_at > 20 * SIM_MINUTE;
    bool broken = t->ledger.excused && !t->establishing;
    if (stuck || broken)
        sim_trust_establish(t);
    else if (!w->calm && !t->establishing)
        do_something(t);
    if (w->calm)
        sim_after(core, event, SIM_MINUTE);
    else
        sim_after(core, event, sim_between(&w->rng, SIM_HOUR, SIM_DAY));
}

/* --- all of them --- */

static void on_intruder(struct sim_core *core, struct sim_event *event)
{
    struct sim_trust *t = NT_CONTAINER(event, struct sim_trust, intruder);
    sim_intrude(t);
    sim_after(core, event, sim_between(&sim_world_of(core)->rng, SIM_HOUR, 4 * SIM_DAY));
}

void sim_people_begin(struct sim_world *w)
{
    for (size_t i = 0; i < w->trust_count; i++) {
        struct sim_trust *t = &w->trusts[i];
        t->use.run = on_use;
        t->use.kind = SIM_KIND_USE;
        t->admin.run = on_admin;
        t->admin.kind = SIM_KIND_ADMIN;
        t->intruder.run = on_intruder;
        t->intruder.kind = SIM_KIND_INTRUDER;
        sim_after(&w->core, &t->use, sim_below(&w->rng, SIM_DAY));
        if (w->config.faults) {
            sim_after(&w->core, &t->admin, sim_below(&w->rng, SIM_DAY));
            sim_after(&w->core, &t->intruder, sim_below(&w->rng, SIM_DAY));
        }
    }
}

void sim_people_rest(struct sim_world *w)
{
    for (size_t i = 0; w->config.faults && i < w->domain_count; i++) {
        set_policy(&w->domains[i], true, false);
        set_policy(&w->domains[i], false, false);
    }
    for (size_t i = 0; i < w->trust_count; i++) {
        struct sim_trust *t = &w->trusts[i];
        sim_cancel(&w->core, &t->use);
        sim_cancel(&w->core, &t->intruder);
        if (t->admin.run != NULL)
            sim_after(&w->core, &t->admin, sim_below(&w->rng, SIM_MINUTE));
    }
}

void sim_people_done(struct sim_world *w)
{
    for (struct sim_logon *l; (l = w->logons) != NULL;) {
        w->logons = l->next;
        logon_end(l);
    }
}
