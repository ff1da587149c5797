/*
 * domain.c - the processes of a domain: they start from what the disk has, work, and end at any
 * moment. The engine runs without its thread: a commit is an event like any other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "crypto/owf.h"
#include "domain/ops.h"
#include "world.h"

#define FIRST_MOMENT 1800000000 /* Unix time at which worlds begin */

/* --- clocks --- */

static nt_time clock_now(void *ctx)
{
    const struct sim_clock *c = ctx;
    int64_t us = (int64_t)c->core->now + c->off_us;
    return nt_time_from_unix(FIRST_MOMENT, 0) + (uint64_t)us * 10;
}

static void clock_random(void *ctx, void *to, size_t len)
{
    struct sim_clock *c = ctx;
    sim_fill(&c->rng, to, len);
}

void sim_clock_init(struct sim_clock *clock, struct sim_core *core, uint64_t number)
{
    clock->core = core;
    clock->rng = sim_stream(core, number);
    clock->env = (struct nt_env){ clock_now, clock_random, clock };
}

uint64_t sim_dc_ms(const struct sim_dc *dc)
{
    return dc->domain->world->core.now / SIM_MS;
}

/* --- the engine --- */

void sim_domain_poke(struct sim_domain *d)
{
    struct sim_world *w = d->world;
    if (d->engine == NULL || d->work.place != 0 || !nt_engine_waiting(d->engine))
        return;
    sim_after(&w->core, &d->work, d->commit_time / 2 + sim_below(&w->rng, d->commit_time));
}

void sim_dc_poke(struct sim_dc *dc)
{
    struct sim_world *w = dc->domain->world;
    sim_domain_poke(dc->domain);
    if (dc->own != NULL && dc->own_work.place == 0 && nt_engine_waiting(dc->own))
        sim_after(&w->core, &dc->own_work, 1 + sim_below(&w->rng, SIM_MS));
}

static void on_own_work(struct sim_core *core, struct sim_event *event)
{
    struct sim_dc *dc = NT_CONTAINER(event, struct sim_dc, own_work);
    if (!sim_host_frozen(core, &dc->host, event))
        nt_engine_run(dc->own);
}

/* All controllers of a domain that share a process with the engine stop with it. */
static bool engine_frozen(struct sim_domain *d)
{
    return d->dc_count == 1 && sim_host_frozen(&d->world->core, &d->dcs[0].host, &d->work);
}

static void on_work(struct sim_core *core, struct sim_event *event)
{
    struct sim_domain *d = NT_CONTAINER(event, struct sim_domain, work);
    (void)core;
    if (d->engine == NULL || engine_frozen(d))
        return;
    nt_engine_run(d->engine);
    sim_domain_poke(d);
}

/* In a commit: the disk has stopped, and nothing that comes of it is told. The loops go on for a
 * moment with what was there before. */
static void on_disk_crash(void *ctx)
{
    struct sim_domain *d = ctx;
    d->mute = true;
    d->world->counts.disk_crashes++;
    sim_after(&d->world->core, &d->stop, sim_between(&d->world->rng, 0, 50 * SIM_MS));
}

static void on_stop(struct sim_core *core, struct sim_event *event)
{
    struct sim_domain *d = NT_CONTAINER(event, struct sim_domain, stop);
    (void)core;
    sim_say(&d->world->core, "%s: crashes in a commit", d->name);
    sim_domain_crash(d, sim_chance(&d->world->rng, 500));
}

static void on_durable(void *ctx, const struct nt_txn *txn)
{
    sim_ledger_durable(ctx, txn);
}

/* One with a copy of its own lags, and takes no part. */
static bool runs_trusts(const struct sim_dc *dc)
{
    return dc->host.up && dc->own == NULL;
}

/* As the daemon after each commit. */
static void on_commit(void *ctx)
{
    struct sim_domain *d = ctx;
    for (unsigned i = 0; i < d->dc_count && !d->mute; i++)
        if (runs_trusts(&d->dcs[i]) && d->dcs[i].refresh.place == 0)
            sim_after(&d->world->core, &d->dcs[i].refresh, 10 + sim_below(&d->world->rng, 200));
}

static void on_refresh(struct sim_core *core, struct sim_event *event)
{
    struct sim_dc *dc = NT_CONTAINER(event, struct sim_dc, refresh);
    if (!sim_host_frozen(core, &dc->host, event))
        sim_legs_refresh(dc);
}

/* --- starting --- */

struct sim_dc *sim_domain_runner(struct sim_domain *d)
{
    unsigned first = d->dc_count > 1 ? (unsigned)sim_below(&d->world->rng, d->dc_count) : 0;
    for (unsigned i = 0; i < d->dc_count; i++)
        if (runs_trusts(&d->dcs[(first + i) % d->dc_count]))
            return &d->dcs[(first + i) % d->dc_count];
    return NULL;
}

void sim_dc_boot(struct sim_dc *dc)
{
    struct sim_domain *d = dc->domain;
    if (dc->host.up || d->engine == NULL)
        return;
    sim_cancel(&d->world->core, &dc->start);
    dc->service = (struct nt_service){ .engine = dc->own != NULL ? dc->own : d->engine,
                                       .env = &dc->clock.env };
    dc->service.settings.rpc_port = SIM_RPC_PORT;
    if (d->dc_count > 1) /* so that their secure channels do not replace each other's */
        snprintf(dc->service.settings.computer, sizeof dc->service.settings.computer, "%.15s",
                 dc->host.name);
    dc->service.forward = sim_leg_forward;
    dc->service.forward_ctx = dc;
    if (!nt_service_init(&dc->service))
        sim_fail(&d->world->core, "no memory");
    dc->anonymous = nt_token_anonymous();
    dc->host.up = true;
    dc->host.off = false;
    if (runs_trusts(dc))
        sim_legs_refresh(dc);
}

/* As the daemon does when the file beside the store says that it has gone back. */
static ntstatus do_restored(struct nt_txn *txn, void *ctx)
{
    const bool *surely = ctx;
    return nt_op_store_restored(txn, nt_dir_domain(nt_txn_dir(txn))->changed, *surely,
                                "The store has gone back.");
}

static void open_engine(struct sim_domain *d)
{
    char why[256];
    bool ghost = sim_disk_settle(&d->disk);
    d->mute = false;
    struct nt_store *store = sim_disk_open(&d->disk);
    if (nt_engine_new(store, &d->clock.env, &d->engine, why, sizeof why) != NT_OK) {
        sim_fail(&d->world->core, "%s cannot start: %s", d->name, why);
        return;
    }
    nt_engine_on_commit(d->engine, on_commit, d);
    struct nt_dir *dir = nt_engine_dir(d->engine);
    sim_ledger_reload(d, dir, ghost);
    nt_dir_unref(dir);
    bool surely = sim_chance(&d->world->rng, 800); /* else that file is missing */
    if (d->restored)
        sim_domain_change(d, do_restored, NULL, &surely, sizeof surely);
    d->restored = false;
}

void sim_domain_boot(struct sim_domain *d)
{
    if (d->engine == NULL)
        open_engine(d);
    for (unsigned i = 0; i < d->dc_count; i++)
        sim_dc_boot(&d->dcs[i]);
}

static void end_process(struct sim_dc *dc, bool lost_power);

static void on_start(struct sim_core *core, struct sim_event *event)
{
    struct sim_dc *dc = NT_CONTAINER(event, struct sim_dc, start);
    sim_say(core, "%s starts", dc->host.name);
    if (dc->own != NULL)
        end_process(dc, false);
    if (dc->domain->engine == NULL)
        open_engine(dc->domain);
    sim_dc_boot(dc);
}

/* --- ending --- */

/* What is of this process alone. The engine's queue holds nothing of it any more. */
static void end_process(struct sim_dc *dc, bool lost_power)
{
    struct sim_world *w = dc->domain->world;
    sim_cancel(&w->core, &dc->refresh);
    sim_cancel(&w->core, &dc->own_work);
    if (dc->own != NULL)
        nt_engine_run(dc->own);
    sim_legs_end(dc);
    sim_serve_end(dc);
    sim_net_host_died(&w->net, &dc->host, lost_power);
    nt_service_done(&dc->service);
    nt_token_unref(dc->anonymous);
    dc->host.up = false;
    dc->host.off = lost_power;
    dc->host.frozen_until = 0;
    if (dc->own != NULL)
        dc->domain->lagged_at = w->core.now;
    nt_engine_free(dc->own);
    dc->own = NULL;
}

void sim_domain_crash(struct sim_domain *d, bool lost_power)
{
    struct sim_world *w = d->world;
    sim_cancel(&w->core, &d->stop);
    sim_cancel(&w->core, &d->work);
    if (d->engine == NULL)
        return;
    w->counts.crashes++;
    d->mute = true;
    d->disk.dead = true;
    nt_engine_run(d->engine); /* what waits is told that nothing was kept, and tells nobody */
    for (unsigned i = 0; i < d->dc_count; i++)
        if (d->dcs[i].host.up)
            end_process(&d->dcs[i], lost_power);
    nt_engine_free(d->engine);
    d->engine = NULL;
    d->life++;
    for (unsigned i = 0; i < d->dc_count; i++)
        if (!w->calm)
            sim_after(&w->core, &d->dcs[i].start,
                      sim_between(&w->rng, SIM_SECOND, 10 * SIM_MINUTE));
}

void sim_dc_crash(struct sim_dc *dc, bool lost_power)
{
    struct sim_domain *d = dc->domain;
    struct sim_world *w = d->world;
    if (!dc->host.up)
        return;
    if (d->dc_count == 1) {
        sim_domain_crash(d, lost_power);
        return;
    }
    sim_say(&w->core, "%s crashes; its domain's store goes on", dc->host.name);
    w->counts.crashes++;
    /* What it had sent to the common store is kept there, and its callers never hear of it. */
    nt_engine_run(d->engine);
    if (d->stop.place != 0)
        return; /* the common store has stopped in that very commit */
    end_process(dc, lost_power);
    sim_after(&w->core, &dc->start, sim_between(&w->rng, SIM_SECOND, 10 * SIM_MINUTE));
}

/* --- a controller that lags --- */

void sim_dc_lag(struct sim_dc *dc, sim_time how_long)
{
    struct sim_domain *d = dc->domain;
    struct sim_world *w = d->world;
    char why[256];
    unsigned others = 0;
    for (unsigned i = 0; i < d->dc_count; i++)
        others += &d->dcs[i] != dc && runs_trusts(&d->dcs[i]);
    if (d->engine == NULL || others == 0 || !runs_trusts(dc))
        return;
    nt_engine_run(d->engine);
    if (d->stop.place != 0)
        return;
    end_process(dc, false);
    if (nt_engine_new(sim_disk_open_copy(&d->disk), &dc->clock.env, &dc->own, why, sizeof why) !=
        NT_OK)
        sim_fail(&w->core, "%s cannot start: %s", dc->host.name, why);
    sim_dc_boot(dc);
    w->counts.lags++;
    sim_say(&w->core, "%s lags from now on", dc->host.name);
    sim_after(&w->core, &dc->start, how_long);
}

bool sim_domain_lags(const struct sim_domain *d, sim_time since)
{
    bool now = false;
    for (unsigned i = 0; i < d->dc_count; i++)
        now = now || d->dcs[i].own != NULL;
    return now || (d->lagged_at != 0 && d->lagged_at >= since);
}

/* --- snapshots --- */

static void drop_snapshot(struct sim_snapshot *s)
{
    if (s->dir != NULL)
        nt_dir_unref(s->dir);
    free(s->out);
    free(s->in);
    *s = (struct sim_snapshot){ 0 };
}

void sim_domain_snapshot(struct sim_domain *d)
{
    struct sim_world *w = d->world;
    struct sim_snapshot *s = &d->snapshots[sim_below(&w->rng, SIM_SNAPSHOTS_MAX)];
    drop_snapshot(s);
    s->dir = nt_dir_ref(d->disk.platter);
    s->when = w->core.now;
    s->out = sim_new((d->out_count + 1) * sizeof *s->out);
    s->in = sim_new((d->in_count + 1) * sizeof *s->in);
    for (size_t i = 0; i < d->out_count; i++)
        s->out[i] = d->out[i]->ledger.out;
    for (size_t i = 0; i < d->in_count; i++)
        s->in[i] = d->in[i]->ledger.in;
}

void sim_domain_revert(struct sim_domain *d, size_t place)
{
    struct sim_snapshot *s = &d->snapshots[place];
    if (s->dir == NULL)
        return;
    sim_domain_crash(d, sim_chance(&d->world->rng, 500));
    (void)sim_disk_settle(&d->disk);
    sim_disk_revert(&d->disk, s->dir);
    d->acked_serial = nt_dir_domain(s->dir)->serial;
    sim_ledger_revert(d, s->out, s->in);
    d->restored = sim_chance(&d->world->rng, 300); /* else a machine was put back */
}

/* --- changes by administrators --- */

struct change {
    struct nt_wish wish; /* first */
    struct sim_event tell;
    struct sim_domain *domain;
    unsigned life; /* in which it was done: what comes later tells nothing of it */
    sim_change_fn *fn;
    sim_told_fn *told;
    uint64_t ctx[]; /* aligned for anything */
};

static ntstatus change_decide(struct nt_wish *wish, struct nt_txn *txn)
{
    struct change *c = (struct change *)wish;
    return c->fn(txn, c->ctx);
}

static void on_tell(struct sim_core *core, struct sim_event *event)
{
    struct change *c = NT_CONTAINER(event, struct change, tell);
    (void)core;
    bool lives = c->domain->engine != NULL && c->life == c->domain->life;
    struct nt_dir *dir = lives ? nt_engine_dir(c->domain->engine) : NULL;
    if (dir != NULL && nt_status_ok(c->wish.status) &&
        nt_dir_domain(dir)->serial > c->domain->acked_serial)
        c->domain->acked_serial = nt_dir_domain(dir)->serial;
    if (dir != NULL) {
        nt_dir_unref(dir);
        if (c->told != NULL)
            c->told(c->domain, c->ctx, c->wish.status);
    }
    free(c);
}

static void change_done(struct nt_wish *wish)
{
    struct change *c = (struct change *)wish;
    c->life = c->domain->life;
    if (c->domain->mute)
        free(c);
    else
        sim_after(&c->domain->world->core, &c->tell, 20);
}

void sim_domain_change(struct sim_domain *d, sim_change_fn *fn, sim_told_fn *told, const void *ctx,
                       size_t ctx_size)
{
    if (d->engine == NULL)
        return;
    struct change *c = sim_new(sizeof *c + ctx_size + 8);
    c->wish = (struct nt_wish){ .decide = change_decide, .done = change_done };
    c->tell = (struct sim_event){ .run = on_tell, .kind = SIM_KIND_ACK };
    c->domain = d;
    c->fn = fn;
    c->told = told;
    memcpy(c->ctx, ctx, ctx_size);
    nt_engine_wish(d->engine, &c->wish);
    sim_domain_poke(d);
}

/* --- life --- */

static ntstatus do_init(struct nt_txn *txn, void *ctx)
{
    struct sim_domain *d = *(struct sim_domain **)ctx;
    const struct sim_world *w = d->world;
    char text[48], computer[24];
    struct nt_secret hash;
    struct nt_why why;
    uint32_t rid;
    sim_password_text(d, 0, text, sizeof text);
    snprintf(computer, sizeof computer, "%sPDC", d->name);
    if (nt_owf_text(text, &hash) != NT_OK)
        return NT_STATUS(INTERNAL_ERROR);
    ntstatus status = nt_op_domain_init(
        txn, &(struct nt_domain_new){ .name = d->name, .computer = computer }, &why);
    if (nt_status_ok(status))
        status = nt_op_account_create(txn, "alice", NT_ACB_NORMAL, "sim", "", &rid, &why);
    if (nt_status_ok(status))
        status = nt_op_account_password(txn, rid, &hash, false, "sim", "");
    struct sim_rng rng = sim_stream(&w->core, 5000 + d->number);
    static const unsigned kept[] = { 8, 8, 8, 4, 16, 2, 1 };
    struct {
        const char *name;
        uint64_t value;
    } set[] = { { "check_interval_s", w->check_interval_s },
                { "change_interval_s", w->change_interval_s },
                { "retry_most_s", w->retry_most_s },
                { "history_kept", w->config.faults ? kept[sim_below(&rng, NT_COUNT(kept))] : 8 },
                { "previous_accepted", w->config.faults ? 1 + sim_below(&rng, 10) / 8 : 1 } };
    for (size_t i = 0; i < NT_COUNT(set) && nt_status_ok(status); i++)
        status = nt_op_policy_set(txn, set[i].name, set[i].value, "sim", "", &why);
    return status;
}

void sim_domain_init(struct sim_world *w, struct sim_domain *d, unsigned number)
{
    d->world = w;
    d->number = number;
    snprintf(d->name, sizeof d->name, "D%u", number);
    sim_clock_init(&d->clock, &w->core, 1000 + number);
    sim_disk_init(&d->disk, &w->core, 2000 + number, &d->clock.env);
    d->disk.on_durable = on_durable;
    d->disk.on_crash = on_disk_crash;
    d->disk.ctx = d;
    d->work = (struct sim_event){ .run = on_work, .kind = SIM_KIND_ENGINE };
    d->stop = (struct sim_event){ .run = on_stop, .kind = SIM_KIND_CRASH };
    d->commit_time = 2 * SIM_MS;
    for (unsigned i = 0; i < d->dc_count; i++) {
        struct sim_dc *dc = &d->dcs[i];
        dc->domain = d;
        snprintf(dc->host.name, sizeof dc->host.name, "d%udc%u", number, i);
        dc->host.site = number;
        dc->host.accept = sim_serve;
        dc->host.ctx = dc;
        sim_clock_init(&dc->clock, &w->core, 10000 + number * SIM_DCS_MAX + i);
        dc->start = (struct sim_event){ .run = on_start, .kind = SIM_KIND_START };
        dc->own_work = (struct sim_event){ .run = on_own_work, .kind = SIM_KIND_ENGINE };
        dc->refresh = (struct sim_event){ .run = on_refresh, .kind = SIM_KIND_REFRESH };
        w->hosts[w->host_count++] = &dc->host;
    }
    d->by_trusted = sim_new(w->domain_count * sizeof(struct sim_trust *));
    d->by_trusting = sim_new(w->domain_count * sizeof(struct sim_trust *));
    d->out = sim_new(w->domain_count * sizeof(struct sim_trust *));
    d->in = sim_new(w->domain_count * sizeof(struct sim_trust *));
    sim_domain_boot(d);
    sim_domain_change(d, do_init, NULL, &d, sizeof d);
    if (d->engine != NULL)
        nt_engine_run(d->engine);
}

void sim_domain_done(struct sim_domain *d)
{
    sim_domain_crash(d, true);
    for (unsigned i = 0; i < d->dc_count; i++)
        sim_cancel(&d->world->core, &d->dcs[i].start);
    for (size_t i = 0; i < SIM_SNAPSHOTS_MAX; i++)
        drop_snapshot(&d->snapshots[i]);
    sim_disk_done(&d->disk);
    free(d->by_trusted);
    free(d->by_trusting);
    free(d->out);
    free(d->in);
}
