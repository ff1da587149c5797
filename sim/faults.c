/*
 * faults.c - what goes wrong in a world, drawn from the seed.
 */
#include "base/container.h"
#include "world.h"

static struct sim_domain *any_domain(struct sim_world *w)
{
    return &w->domains[sim_below(&w->rng, w->domain_count)];
}

static struct sim_dc *any_dc(struct sim_world *w)
{
    struct sim_domain *d = any_domain(w);
    return &d->dcs[sim_below(&w->rng, d->dc_count)];
}

static void crash(struct sim_world *w)
{
    struct sim_dc *dc = any_dc(w);
    bool power = sim_chance(&w->rng, 400);
    sim_say(&w->core, "%s crashes%s", dc->host.name, power ? ", without power" : "");
    sim_dc_crash(dc, power);
}

/* At the worst place: in the middle of the next commit. */
static void crash_in_commit(struct sim_world *w)
{
    static const enum sim_disk_crash how[] = { SIM_DISK_CRASH_BEFORE, SIM_DISK_CRASH_TORN,
                                               SIM_DISK_CRASH_AFTER };
    any_domain(w)->disk.crash = how[sim_below(&w->rng, NT_COUNT(how))];
}

static void freeze(struct sim_world *w)
{
    struct sim_dc *dc = any_dc(w);
    dc->host.frozen_until = w->core.now + sim_between(&w->rng, SIM_SECOND, 5 * SIM_MINUTE);
    w->counts.freezes++;
    sim_say(&w->core, "%s is stopped for a while", dc->host.name);
}

static void part(struct sim_world *w)
{
    unsigned a = any_domain(w)->number, b = any_domain(w)->number;
    if (a == b)
        b = SIM_ANYWHERE;
    w->counts.partitions++;
    sim_net_part(&w->net, a, b, sim_between(&w->rng, SIM_SECOND, 3 * SIM_HOUR));
}

static void bad_network(struct sim_world *w)
{
    struct sim_net *n = &w->net;
    n->latency = sim_between(&w->rng, 200, 80 * SIM_MS);
    n->jitter = sim_between(&w->rng, 0, 50 * SIM_MS);
    n->cut_per_mille = (unsigned)sim_below(&w->rng, 40);
    n->chop_per_mille = (unsigned)sim_below(&w->rng, 400);
    n->stall_per_mille = (unsigned)sim_below(&w->rng, 60);
    n->stall = sim_between(&w->rng, SIM_SECOND, 2 * SIM_MINUTE);
    n->unnamed_per_mille = sim_chance(&w->rng, 200) ? 200 : 0;
    sim_say(&w->core, "the network is bad");
}

static void good_network(struct sim_world *w)
{
    struct sim_net *n = &w->net;
    n->latency = 400;
    n->jitter = 600;
    n->cut_per_mille = n->chop_per_mille = n->stall_per_mille = n->unnamed_per_mille = 0;
}

static void bad_disk(struct sim_world *w)
{
    struct sim_domain *d = any_domain(w);
    switch (sim_below(&w->rng, 3)) {
    case 0:
        d->disk.full = true;
        w->counts.fulls++;
        break;
    case 1:
        d->disk.fail_per_mille = (unsigned)sim_between(&w->rng, 50, 700);
        break;
    default:
        d->commit_time = sim_between(&w->rng, 10 * SIM_MS, 20 * SIM_SECOND);
        break;
    }
    sim_say(&w->core, "%s has a bad disk", d->name);
}

static void good_disk(struct sim_domain *d)
{
    d->disk.full = false;
    d->disk.fail_per_mille = 0;
    d->commit_time = 2 * SIM_MS;
}

static void lag(struct sim_world *w)
{
    for (int tries = 0; tries < 4; tries++)
        sim_dc_lag(any_dc(w),
                   sim_between(&w->rng, SIM_MINUTE, 4 * w->check_interval_s * SIM_SECOND));
}

static void jump(struct sim_world *w)
{
    static const uint64_t most[] = { SIM_MINUTE, SIM_HOUR, SIM_DAY, 3 * SIM_DAY };
    struct sim_domain *d = any_domain(w);
    int64_t by = (int64_t)sim_below(&w->rng, most[sim_below(&w->rng, NT_COUNT(most))]);
    if (sim_chance(&w->rng, 500))
        by = -by;
    d->clock.off_us += by;
    for (unsigned i = 0; i < d->dc_count; i++)
        d->dcs[i].clock.off_us += by;
    w->counts.jumps++;
    w->clocks_jumped = true;
    sim_say(&w->core, "%s: the clock jumps by %lld s", d->name, (long long)(by / 1000000));
}

static size_t newest_snapshot(const struct sim_domain *d)
{
    size_t newest = 0;
    for (size_t i = 1; i < SIM_SNAPSHOTS_MAX; i++)
        if (d->snapshots[i].dir != NULL && d->snapshots[i].when >= d->snapshots[newest].when)
            newest = i;
    return newest;
}

static void revert(struct sim_world *w)
{
    struct sim_domain *d = any_domain(w);
    size_t place = newest_snapshot(d);
    if (sim_chance(&w->rng, 300))
        place = sim_below(&w->rng, SIM_SNAPSHOTS_MAX);
    if (d->snapshots[place].dir == NULL)
        return;
    w->counts.reverts++;
    sim_say(&w->core, "%s goes back to a snapshot of %llu s ago", d->name,
            (unsigned long long)((w->core.now - d->snapshots[place].when) / SIM_SECOND));
    sim_domain_revert(d, place);
}

static void do_one(struct sim_world *w)
{
    unsigned what = (unsigned)sim_below(&w->rng, 100);
    if (what < 12)
        crash(w);
    else if (what < 28)
        crash_in_commit(w);
    else if (what < 34)
        freeze(w);
    else if (what < 44)
        part(w);
    else if (what < 56)
        bad_network(w);
    else if (what < 66)
        good_network(w);
    else if (what < 72)
        bad_disk(w);
    else if (what < 80)
        good_disk(any_domain(w));
    else if (what < 83)
        jump(w);
    else if (what < 87)
        lag(w);
    else if (what < 96)
        sim_domain_snapshot(any_domain(w));
    else
        revert(w);
}

static void on_fault(struct sim_core *core, struct sim_event *event)
{
    struct sim_world *w = sim_world_of(core);
    do_one(w);
    sim_after(core, event, 1 + sim_below(&w->rng, 2 * w->fault_every / w->domain_count + 1));
}

void sim_faults_begin(struct sim_world *w)
{
    w->fault.run = on_fault;
    w->fault.kind = SIM_KIND_FAULT;
    sim_after(&w->core, &w->fault, SIM_MINUTE);
}

void sim_faults_end(struct sim_world *w)
{
    sim_cancel(&w->core, &w->fault);
    if (w->config.faults && sim_chance(&w->rng, 700))
        revert(w); /* the last thing that goes wrong, and nothing else hides it */
    sim_net_calm(&w->net);
    for (size_t i = 0; i < w->domain_count; i++) {
        struct sim_domain *d = &w->domains[i];
        good_disk(d);
        d->disk.crash = SIM_DISK_WORKS;
        for (unsigned k = 0; k < d->dc_count; k++)
            d->dcs[k].host.frozen_until = 0;
        for (unsigned k = 0; k < d->dc_count; k++)
            if (d->dcs[k].own != NULL)
                sim_dc_crash(&d->dcs[k], false);
        if (d->stop.place != 0)
            sim_domain_crash(d, false);
        sim_domain_boot(d);
    }
}
