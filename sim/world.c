/*
 * world.c - a world is made from its seed, disturbed, calmed, and looked at, several times over.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define ROUNDS 4

/* --- making --- */

static void link_trust(struct sim_world *w, size_t trusting, size_t trusted)
{
    struct sim_domain *a = &w->domains[trusting], *b = &w->domains[trusted];
    if (a == b || a->by_trusted[trusted] != NULL || w->trust_count == w->trust_room)
        return;
    struct sim_trust *t = &w->trusts[w->trust_count++];
    t->trusting = a;
    t->trusted = b;
    a->by_trusted[trusted] = t;
    b->by_trusting[trusting] = t;
    a->out[a->out_count++] = t;
    b->in[b->in_count++] = t;
}

/* A ring, so that all are joined; then any two. */
static void make_trusts(struct sim_world *w)
{
    for (size_t i = 0; i < w->domain_count; i++)
        link_trust(w, i, (i + 1) % w->domain_count);
    while (w->trust_count < w->trust_room) {
        size_t a = sim_below(&w->rng, w->domain_count), b = sim_below(&w->rng, w->domain_count);
        size_t before = w->trust_count;
        link_trust(w, a, b);
        if (before == w->trust_count && sim_chance(&w->rng, 50))
            w->trust_room--; /* few domains have few pairs */
    }
}

static void choose(struct sim_world *w)
{
    static const uint64_t checks[] = { 900, 900, 3600, 6 * 3600 };
    static const uint64_t changes[] = { 6 * 3600, 24 * 3600, 7 * 24 * 3600 };
    static const size_t sizes[] = { 2, 2, 3, 4, 6, 10, 25 };
    static const uint64_t every[] = { 20 * SIM_MINUTE, 2 * SIM_HOUR, 12 * SIM_HOUR };
    w->domain_count =
        w->config.domains != 0 ? w->config.domains : sizes[sim_below(&w->rng, NT_COUNT(sizes))];
    if (w->domain_count < 2)
        w->domain_count = 2;
    if (w->domain_count > SIM_DOMAINS_MAX)
        w->domain_count = SIM_DOMAINS_MAX;
    w->trust_room = w->domain_count + w->domain_count / 2;
    w->fault_every = every[sim_below(&w->rng, NT_COUNT(every))];
    w->check_interval_s =
        w->config.faults ? checks[sim_below(&w->rng, NT_COUNT(checks))] : 6 * 3600;
    w->change_interval_s =
        w->config.faults ? changes[sim_below(&w->rng, NT_COUNT(changes))] : 7 * 24 * 3600;
    w->retry_most_s = 900;
}

static void make_outside(struct sim_world *w)
{
    struct sim_dc *dc = &w->outside.dcs[0];
    w->outside.world = w;
    dc->domain = &w->outside;
    dc->host = (struct sim_host){ .name = "outside", .site = SIM_DOMAINS_MAX, .up = true };
    sim_clock_init(&dc->clock, &w->core, 3);
}

struct sim_world *sim_world_new(const struct sim_config *config)
{
    struct sim_world *w = sim_new(sizeof *w);
    sim_core_init(&w->core, config->seed, config->verbose);
    w->config = *config;
    w->rng = sim_stream(&w->core, 1);
    sim_watch_log(&w->core);
    choose(w);
    w->domains = sim_new(w->domain_count * sizeof *w->domains);
    w->trusts = sim_new(w->trust_room * sizeof *w->trusts);
    sim_net_init(&w->net, &w->core, w->hosts, 0);
    make_outside(w);
    for (size_t i = 0; i < w->domain_count; i++) {
        bool several = config->faults && sim_chance(&w->rng, 250);
        w->domains[i].dc_count = several ? 2 + sim_chance(&w->rng, 300) : 1;
        sim_domain_init(w, &w->domains[i], (unsigned)i);
    }
    w->net.host_count = w->host_count;
    make_trusts(w);
    for (size_t i = 0; i < w->trust_count; i++)
        sim_trust_establish(&w->trusts[i]);
    return w;
}

/* --- calming and looking --- */

static void run_until(struct sim_world *w, sim_time end)
{
    while (sim_step(&w->core, end))
        continue;
    if (!w->core.failed && w->core.now < end)
        w->core.now = end;
}

static bool all_established(const struct sim_world *w)
{
    for (size_t i = 0; i < w->trust_count; i++)
        if (w->trusts[i].establishing || w->trusts[i].ledger.excused)
            return false;
    return true;
}

/* Administrators see to what a person has to see to; then nobody does anything. */
static void let_people_finish(struct sim_world *w)
{
    sim_time most = w->core.now + 3 * SIM_HOUR;
    while (!w->core.failed && !all_established(w) && w->core.now < most)
        run_until(w, w->core.now + SIM_MINUTE);
    if (!w->core.failed && !all_established(w))
        sim_fail(&w->core, "administrators cannot establish all trusts anew, though nothing is "
                           "disturbed");
    for (size_t i = 0; i < w->trust_count; i++)
        sim_cancel(&w->core, &w->trusts[i].admin);
}

/* I2: both ends agree within one check interval. Longer only where a clock went back, or where a
 * second controller has to be asked whether it knows better. */
static sim_time patience(const struct sim_world *w)
{
    bool several = false;
    for (size_t i = 0; i < w->domain_count; i++)
        several = several || w->domains[i].dc_count > 1;
    uint64_t intervals = 1u + several + w->clocks_jumped;
    return (intervals * w->check_interval_s + w->retry_most_s + 120) * SIM_SECOND;
}

static bool all_agree(const struct sim_world *w)
{
    for (size_t i = 0; i < w->trust_count; i++)
        if (!sim_ledger_agrees(&w->trusts[i]) || w->trusts[i].ledger.out.state != NT_OUT_ACTIVE)
            return false;
    return true;
}

static void look(struct sim_world *w)
{
    /* A change that is due just now is under way for some milliseconds. */
    for (int again = 0; again < 3 && !w->core.failed && !all_agree(w); again++)
        run_until(w, w->core.now + 20 * SIM_SECOND);
    for (size_t i = 0; i < w->trust_count && !w->core.failed; i++) {
        const struct sim_trust *t = &w->trusts[i];
        char why[400];
        sim_ledger_explain(t, why, sizeof why);
        if (!sim_ledger_agrees(t))
            sim_fail(&w->core, "I2: %s trusts %s: the ends do not agree though all is calm (%s)",
                     t->trusting->name, t->trusted->name, why);
        else if (t->ledger.out.state != NT_OUT_ACTIVE)
            sim_fail(&w->core, "%s trusts %s: it is %s though all is calm (%s)", t->trusting->name,
                     t->trusted->name, nt_out_state_name(t->ledger.out.state), why);
    }
}

static void calm_and_look(struct sim_world *w)
{
    w->calm = true;
    sim_say(&w->core, "calm");
    sim_faults_end(w);
    sim_people_rest(w);
    let_people_finish(w);
    run_until(w, w->core.now + patience(w));
    look(w);
    for (size_t i = 0; i < w->trust_count && !w->core.failed; i++)
        sim_logon(&w->trusts[i], true);
    run_until(w, w->core.now + SIM_MINUTE);
    w->calm = false;
    w->clocks_jumped = false;
}

/* --- a run --- */

static void disturb(struct sim_world *w, uint64_t steps, sim_time end)
{
    sim_people_begin(w);
    if (w->config.faults)
        sim_faults_begin(w);
    uint64_t last = w->core.steps + steps;
    while ((steps == 0 || w->core.steps < last) && sim_step(&w->core, end))
        continue;
}

void sim_world_run(struct sim_world *w)
{
    uint64_t days = w->config.days;
    calm_and_look(w); /* all are established */
    for (unsigned i = 0; i < ROUNDS && !w->core.failed; i++) {
        sim_time end = days != 0 ? w->core.now + days * SIM_DAY / ROUNDS : UINT64_MAX;
        disturb(w, days != 0 ? 0 : w->config.steps / ROUNDS + 1, end);
        if (!w->core.failed)
            calm_and_look(w);
    }
}

/* Acknowledgements that were on their way free themselves. */
static void drain(struct sim_world *w)
{
    for (;;) {
        struct sim_event *ack = NULL;
        for (size_t i = 0; i < w->core.count && ack == NULL; i++)
            if (w->core.queue[i]->kind == SIM_KIND_ACK)
                ack = w->core.queue[i];
        if (ack == NULL)
            return;
        sim_cancel(&w->core, ack);
        ack->run(&w->core, ack);
    }
}

void sim_world_free(struct sim_world *w)
{
    w->calm = true;
    for (size_t i = 0; i < w->domain_count; i++)
        sim_domain_crash(&w->domains[i], true);
    sim_intruders_done(w);
    sim_people_done(w);
    drain(w);
    for (size_t i = 0; i < w->domain_count; i++)
        sim_domain_done(&w->domains[i]);
    sim_net_done(&w->net);
    nt_log_set(NT_LOG_INFO, NULL, NULL);
    sim_core_done(&w->core);
    free(w->domains);
    free(w->trusts);
    free(w);
}
