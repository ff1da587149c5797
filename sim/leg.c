/*
 * leg.c - the trusts that a controller holds to others: a runner each, as the daemon's outbound.c
 * has them, on simulated connections.
 */
#include <stdlib.h>

#include "base/container.h"
#include "base/utf16.h"
#include "world.h"

#define SPIN_MOST     2000 /* times a minute that a runner wakes by itself, or it spins */
#define ATTEMPTS_MOST 400  /* connections an hour for one trust, or it does not back off */

struct sim_leg {
    struct sim_leg *next;
    struct sim_dc *dc;
    struct sim_trust *trust;
    struct nt_runner *runner;
    struct sim_wire wire;
    struct sim_event stored;
    bool ending;
};

static void leg_after(struct sim_leg *leg);

static struct sim_core *core_of(const struct sim_leg *leg)
{
    return &leg->dc->domain->world->core;
}

/* --- one leg --- */

/* A runner that spins, or hammers on a door, is broken though nothing is wrong in the end. */
static void watch(struct sim_leg *leg)
{
    struct sim_trust *t = leg->trust;
    struct sim_core *core = core_of(leg);
    if (core->now - t->busy_since > SIM_MINUTE) {
        t->busy_since = core->now;
        t->busy = 0;
    }
    if (++t->busy > SPIN_MOST * leg->dc->domain->dc_count)
        sim_fail(core, "%s: the trust to %s spins", leg->dc->host.name, t->trusted->name);
}

static void watch_attempts(struct sim_leg *leg)
{
    struct sim_trust *t = leg->trust;
    struct sim_core *core = core_of(leg);
    if (core->now - t->attempts_since > SIM_HOUR) {
        t->attempts_since = core->now;
        t->attempts = 0;
    }
    if (++t->attempts > ATTEMPTS_MOST * leg->dc->domain->dc_count)
        sim_fail(core, "%s: more than %d connections an hour for the trust to %s",
                 leg->dc->host.name, ATTEMPTS_MOST, t->trusted->name);
}

static void progress(void *ctx)
{
    struct sim_leg *leg = ctx;
    sim_people_hasten(leg->trust);
    nt_runner_step(leg->runner, sim_dc_ms(leg->dc));
    leg_after(leg);
}

static void leg_after(struct sim_leg *leg)
{
    if (!leg->ending) {
        unsigned before = leg->wire.number;
        sim_wire_drive(&leg->wire, nt_runner_link(leg->runner), nt_runner_deadline(leg->runner));
        watch(leg);
        if (leg->wire.number != before)
            watch_attempts(leg);
    }
    sim_domain_poke(leg->dc->domain);
}

/* Of one that is in no list any more. */
static void leg_free(struct sim_leg *leg, bool process_died)
{
    sim_cancel(core_of(leg), &leg->stored);
    sim_wire_done(&leg->wire, process_died);
    nt_runner_free(leg->runner);
    free(leg);
}

static void leg_release(struct sim_dc *dc, struct sim_leg *leg)
{
    struct sim_leg **at = &dc->legs;
    while (*at != leg)
        at = &(*at)->next;
    *at = leg->next;
    leg_free(leg, false);
}

static void leg_end(struct sim_dc *dc, struct sim_leg *leg)
{
    leg->ending = true;
    sim_wire_drive(&leg->wire, NULL, UINT64_MAX);
    if (nt_runner_stop(leg->runner))
        leg_release(dc, leg);
}

static void on_stored(struct sim_core *core, struct sim_event *event)
{
    struct sim_leg *leg = NT_CONTAINER(event, struct sim_leg, stored);
    if (sim_host_frozen(core, &leg->dc->host, event))
        return;
    nt_runner_stored(leg->runner, sim_dc_ms(leg->dc));
    if (leg->ending)
        leg_release(leg->dc, leg);
    else
        leg_after(leg);
}

/* In the engine. */
static void post_stored(void *ctx)
{
    struct sim_leg *leg = ctx;
    struct sim_world *w = leg->dc->domain->world;
    if (!leg->dc->domain->mute)
        sim_after(&w->core, &leg->stored, 10 + sim_below(&w->rng, 200));
}

static void leg_begin(struct sim_dc *dc, struct sim_trust *t)
{
    struct sim_leg *leg = sim_new(sizeof *leg);
    leg->dc = dc;
    leg->trust = t;
    leg->stored = (struct sim_event){ .run = on_stored, .kind = SIM_KIND_STORED };
    sim_wire_init(&leg->wire, dc, progress, leg);
    leg->runner = nt_runner_new(&(struct nt_runner_config){ .service = &dc->service,
                                                            .name = t->trusted->name,
                                                            .shared = dc->domain->dc_count > 1,
                                                            .post = post_stored,
                                                            .ctx = leg });
    if (leg->runner == NULL) {
        free(leg);
        return;
    }
    leg->next = dc->legs;
    dc->legs = leg;
    progress(leg);
}

/* --- all of them --- */

static struct sim_leg *leg_of(const struct sim_dc *dc, const struct sim_trust *t)
{
    for (struct sim_leg *leg = dc->legs; leg != NULL; leg = leg->next)
        if (leg->trust == t && !leg->ending)
            return leg;
    return NULL;
}

void sim_legs_refresh(struct sim_dc *dc)
{
    struct sim_domain *d = dc->domain;
    struct nt_dir *dir = nt_engine_dir(d->engine);
    for (struct sim_leg *leg = dc->legs, *next; leg != NULL; leg = next) {
        next = leg->next;
        const struct nt_tdo *tdo = nt_dir_tdo(dir, nt_runner_name(leg->runner));
        if (!leg->ending && (tdo == NULL || !nt_runner_is_for(leg->runner, tdo)))
            leg_end(dc, leg);
    }
    for (size_t i = 0; i < d->out_count; i++) {
        const struct nt_tdo *tdo = nt_dir_tdo(dir, d->out[i]->trusted->name);
        if (tdo == NULL)
            continue;
        struct sim_leg *leg = leg_of(dc, d->out[i]);
        if (leg == NULL)
            leg_begin(dc, d->out[i]);
        else if (nt_runner_refresh(leg->runner, tdo))
            progress(leg);
    }
    nt_dir_unref(dir);
}

void sim_legs_end(struct sim_dc *dc)
{
    for (struct sim_leg *leg; (leg = dc->legs) != NULL;) {
        (void)nt_runner_stop(leg->runner);
        dc->legs = leg->next;
        leg_free(leg, true);
    }
}

void sim_leg_forward(void *ctx, struct nt_forward *fwd)
{
    struct sim_dc *dc = ctx;
    for (struct sim_leg *leg = dc->legs; leg != NULL; leg = leg->next)
        if (!leg->ending && nt_name_equal(nt_runner_name(leg->runner), fwd->domain)) {
            nt_runner_forward(leg->runner, fwd, sim_dc_ms(dc));
            leg_after(leg);
            return;
        }
    fwd->status = NT_STATUS(NO_SUCH_DOMAIN);
    fwd->done(fwd);
}
