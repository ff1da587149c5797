/*
 * intruder.c - somebody outside who calls himself a trusting domain's controller, with a password
 * that must not open the channel: one that is wrong, the initial one of before, one from long ago.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

struct sim_intruder {
    struct sim_intruder *next;
    struct sim_trust *trust;
    struct nt_channel *channel;
    struct sim_wire wire;
    struct sim_hash hash;
    sim_time began;
    uint32_t waits; /* the permission that waited for its one chance when this began; 0: none */
};

/* Of one that is in no list any more. */
static void intruder_end(struct sim_intruder *x)
{
    sim_wire_done(&x->wire, false);
    nt_channel_free(x->channel);
    free(x);
}

static void intruder_free(struct sim_intruder *x)
{
    struct sim_intruder **at = &x->trust->trusting->world->intruders;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    intruder_end(x);
}

static bool is_set(const struct sim_hash *h)
{
    static const struct sim_hash none;
    return memcmp(h, &none, sizeof none) != 0;
}

/* What the trusted end has as current or as a previous one, or has had a moment ago. */
static bool known(const struct sim_trust *t, const struct sim_hash *h)
{
    const struct sim_view_in *in = &t->ledger.in;
    if (!in->there || in->state == NT_IN_BURNED)
        return false;
    if (memcmp(&in->current, h, sizeof *h) == 0)
        return true;
    for (unsigned i = 0; i < in->previous_count; i++)
        if (memcmp(&in->previous[i].hash, h, sizeof *h) == 0)
            return true;
    return false;
}

static void progress(void *ctx)
{
    struct sim_intruder *x = ctx;
    struct sim_trust *t = x->trust;
    struct sim_world *w = t->trusting->world;
    struct nt_channel_event ev;
    uint64_t now = sim_dc_ms(x->wire.dc);
    if (!nt_channel_next(x->channel, &ev, now)) {
        sim_wire_drive(&x->wire, nt_channel_link(x->channel), UINT64_MAX);
        return;
    }
    if (ev.kind == NT_CHANNEL_OPEN && !known(t, &x->hash) && !sim_domain_lags(t->trusted, x->began))
        sim_fail(&w->core,
                 "%s: an intruder opened the channel of %s with a password that is not valid",
                 t->trusted->name, t->trusting->name);
    /* A wrong initial password was compared: that was its one chance. */
    bool compared = ev.kind == NT_CHANNEL_REFUSED &&
                    nt_status_is(ev.status, NT_STATUS(ACCESS_DENIED)) &&
                    strcmp(ev.step, "NetrServerAuthenticate3") == 0;
    const struct sim_view_in *in = &t->ledger.in;
    if (compared && x->waits != 0 && !sim_domain_lags(t->trusted, x->began) && in->there &&
        in->rid == x->waits && in->state == NT_IN_PERMITTED)
        sim_fail(&w->core,
                 "I3: %s: a wrong initial password was offered for %s, and the right one is not "
                 "burned",
                 t->trusted->name, t->trusting->name);
    intruder_free(x);
}

/* False: there is none of that kind, or it is one that may open the channel. */
static bool choose(struct sim_trust *t, struct sim_hash *h)
{
    struct sim_world *w = t->trusting->world;
    const struct sim_ledger *l = &t->ledger;
    bool waits = l->in.state == NT_IN_PERMITTED || l->in.state == NT_IN_PROVEN;
    switch (sim_below(&w->rng, 4)) {
    case 0: /* guessed; this burns a permission that waits for its one chance */
        sim_fill(&w->rng, h->b, sizeof h->b);
        break;
    case 1:
        *h = l->in.initial;
        break;
    default:
        *h = l->proven[sim_below(&w->rng, SIM_PROVEN)];
        break;
    }
    return is_set(h) && l->in.there && !known(t, h) && (!waits || sim_chance(&w->rng, 100));
}

static void begin(struct sim_trust *t, struct sim_hash h)
{
    struct sim_world *w = t->trusting->world;
    struct sim_dc *outside = &w->outside.dcs[0];
    const struct sim_view_in *in = &t->ledger.in;
    char account[24];
    w->counts.intrusions++;
    struct sim_intruder *x = sim_new(sizeof *x);
    struct nt_secret secret = { .len = sizeof h.b };
    memcpy(secret.b, h.b, sizeof h.b);
    snprintf(account, sizeof account, "%s$", t->trusting->name);
    x->trust = t;
    x->hash = h;
    x->began = w->core.now;
    x->waits = in->there && in->state == NT_IN_PERMITTED ? in->rid : 0;
    x->channel = nt_channel_new(&(struct nt_channel_config){ .domain = t->trusted->name,
                                                             .computer = "EVIL",
                                                             .account = account,
                                                             .type = 4,
                                                             .host = t->trusted->dcs[0].host.name,
                                                             .road = NT_ROAD_TCP,
                                                             .port = SIM_EPM_PORT,
                                                             .env = &outside->clock.env,
                                                             .candidates = &secret,
                                                             .candidate_count = 1 },
                                sim_dc_ms(outside));
    x->next = w->intruders;
    w->intruders = x;
    sim_wire_init(&x->wire, outside, progress, x);
    sim_wire_drive(&x->wire, nt_channel_link(x->channel), UINT64_MAX);
}

void sim_intrude(struct sim_trust *t)
{
    struct sim_hash h;
    if (choose(t, &h))
        begin(t, h);
}

void sim_guess(struct sim_trust *t)
{
    struct sim_hash h;
    sim_fill(&t->trusting->world->rng, h.b, sizeof h.b);
    begin(t, h);
}

void sim_intruders_done(struct sim_world *w)
{
    for (struct sim_intruder *x; (x = w->intruders) != NULL;) {
        w->intruders = x->next;
        intruder_end(x);
    }
}
