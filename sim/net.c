#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

#define RETRANSMIT  (400 * SIM_MS)
#define ORPHAN_MOST (15 * SIM_MINUTE) /* so long TCP tries to deliver what is not acknowledged */

struct segment {
    struct segment *next;
    sim_time sent, at;
    bool end; /* nothing comes behind it */
    size_t len;
    uint8_t data[];
};

/* One end, and what is on its way to it. */
struct end {
    struct sim_flow *flow;
    struct sim_host *host;
    const struct sim_end_ops *ops;
    void *ctx;
    bool open;
    struct segment *first, **last;
    struct sim_event arrive;
    sim_time last_at; /* nothing overtakes */
};

struct sim_flow {
    struct sim_net *net;
    struct sim_flow *next, **prev;
    struct end end[2];
    struct sim_event dial;
    uint16_t port;
    bool dialling, busy;
    char peer[48];
};

static void on_dial(struct sim_core *core, struct sim_event *event);
static void on_arrive(struct sim_core *core, struct sim_event *event);

/* --- the network --- */

void sim_net_calm(struct sim_net *net)
{
    net->latency = 400;
    net->jitter = 600;
    net->cut_per_mille = net->chop_per_mille = net->stall_per_mille = net->unnamed_per_mille = 0;
    memset(net->parts, 0, sizeof net->parts);
}

void sim_net_init(struct sim_net *net, struct sim_core *core, struct sim_host **hosts,
                  size_t host_count)
{
    *net = (struct sim_net){
        .core = core, .rng = sim_stream(core, 2), .hosts = hosts, .host_count = host_count
    };
    sim_net_calm(net);
}

void sim_net_part(struct sim_net *net, unsigned site, unsigned other, sim_time how_long)
{
    for (size_t i = 0; i < SIM_PARTS_MAX; i++)
        if (net->parts[i].until <= net->core->now) {
            net->parts[i] = (struct sim_part){ site, other, net->core->now + how_long };
            return;
        }
}

static bool concerns(const struct sim_part *p, const struct sim_host *a, const struct sim_host *b)
{
    return (p->site == SIM_ANYWHERE || p->site == a->site || p->site == b->site) &&
           (p->other == SIM_ANYWHERE || p->other == a->site || p->other == b->site);
}

/* Until when nothing passes between them; 0: now it does. */
static sim_time parted(const struct sim_net *net, const struct sim_host *a,
                       const struct sim_host *b)
{
    sim_time until = 0;
    for (size_t i = 0; a->site != b->site && i < SIM_PARTS_MAX; i++)
        if (net->parts[i].until > net->core->now && net->parts[i].until > until &&
            concerns(&net->parts[i], a, b))
            until = net->parts[i].until;
    return until;
}

static sim_time travel(struct sim_net *net)
{
    return net->latency + sim_below(&net->rng, net->jitter + 1);
}

bool sim_host_frozen(struct sim_core *core, const struct sim_host *host, struct sim_event *event)
{
    if (host->frozen_until <= core->now)
        return false;
    sim_at(core, event, host->frozen_until);
    return true;
}

/* --- segments --- */

static void drop_segments(struct end *e)
{
    while (e->first != NULL) {
        struct segment *s = e->first;
        e->first = s->next;
        free(s);
    }
    e->last = &e->first;
    sim_cancel(e->flow->net->core, &e->arrive);
}

static void expect(struct end *e)
{
    if (e->first != NULL && e->arrive.place == 0)
        sim_at(e->flow->net->core, &e->arrive, e->first->at);
}

static void send_segment(struct end *to, const uint8_t *data, size_t len, bool end)
{
    struct sim_net *net = to->flow->net;
    struct segment *s = sim_new(sizeof *s + len);
    sim_time at = net->core->now + travel(net);
    if (sim_chance(&net->rng, net->stall_per_mille)) {
        net->stalls++;
        at += RETRANSMIT + sim_below(&net->rng, net->stall + 1);
    }
    s->sent = net->core->now;
    s->at = at > to->last_at ? at : to->last_at;
    s->end = end;
    s->len = len;
    if (len > 0)
        memcpy(s->data, data, len);
    to->last_at = s->at;
    *to->last = s;
    to->last = &s->next;
    expect(to);
}

void sim_flow_send(struct sim_flow *flow, enum sim_side side, const uint8_t *data, size_t len)
{
    struct sim_net *net = flow->net;
    struct end *to = &flow->end[1 - side];
    sim_note(net->core, SIM_KIND_BYTES, len, side);
    sim_note_bytes(net->core, data, len);
    net->bytes += len;
    while (len > 0) {
        size_t n = len;
        if (len > 1 && sim_chance(&net->rng, net->chop_per_mille))
            n = 1 + sim_below(&net->rng, len - 1);
        send_segment(to, data, n, false);
        data += n;
        len -= n;
    }
}

/* --- ends --- */

/* Of one that is in no list any more. */
static void flow_free(struct sim_flow *f)
{
    sim_cancel(f->net->core, &f->dial);
    drop_segments(&f->end[0]);
    drop_segments(&f->end[1]);
    free(f);
}

/* When both ends are closed and nothing is on the way. */
static void release(struct sim_flow *f)
{
    bool waits = f->dialling || f->busy || f->end[0].first != NULL || f->end[1].first != NULL;
    if (waits || f->end[0].open || f->end[1].open)
        return;
    *f->prev = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    flow_free(f);
}

static void lose(struct end *e, ntstatus status, const char *why)
{
    if (!e->open)
        return;
    e->open = false;
    e->ops->lost(e->ctx, status, why);
}

/* A reset: what is on the way to that end is gone, and it hears of it after a while. */
static void reset(struct end *e)
{
    drop_segments(e);
    if (e->open)
        send_segment(e, NULL, 0, true);
}

void sim_flow_close(struct sim_flow *flow, enum sim_side side)
{
    struct end *own = &flow->end[side], *other = &flow->end[1 - side];
    if (!own->open)
        return;
    own->open = false;
    drop_segments(own);
    if (flow->dialling) {
        flow->dialling = false;
        sim_cancel(flow->net->core, &flow->dial);
    } else if (sim_chance(&flow->net->rng, 100)) {
        reset(other);
    } else if (other->open) {
        send_segment(other, NULL, 0, true);
    }
    release(flow);
}

void sim_flow_serve(struct sim_flow *flow, const struct sim_end_ops *ops, void *ctx)
{
    flow->end[SIM_SERVER].ops = ops;
    flow->end[SIM_SERVER].ctx = ctx;
    flow->end[SIM_SERVER].open = true;
}

/* --- arriving --- */

/* The connection breaks here and now, in the middle of what arrives. */
static void cut(struct end *e, struct segment *s)
{
    struct sim_net *net = e->flow->net;
    struct end *other = &e->flow->end[e == &e->flow->end[0] ? 1 : 0];
    size_t part = s->len > 0 ? sim_below(&net->rng, s->len) : 0;
    net->cuts++;
    drop_segments(e);
    if (part > 0 && e->open)
        e->ops->data(e->ctx, s->data, part);
    lose(e, NT_STATUS(CONNECTION_ABORTED), "connection reset");
    if (sim_chance(&net->rng, 800)) /* else it finds out by itself */
        reset(other);
    else
        drop_segments(other);
}

static void take(struct end *e, struct segment *s)
{
    struct sim_net *net = e->flow->net;
    struct end *other = &e->flow->end[e == &e->flow->end[0] ? 1 : 0];
    if (!e->open) {
        /* Nobody is there: whoever still sends is told, if the machine runs. */
        if (!e->host->off && !s->end && other->open)
            reset(other);
    } else if (s->end) {
        lose(e, NT_STATUS(CONNECTION_ABORTED), "the peer closed the connection");
        if (other->open)
            send_segment(other, NULL, 0, true);
    } else if (sim_chance(&net->rng, net->cut_per_mille)) {
        cut(e, s);
    } else {
        e->ops->data(e->ctx, s->data, s->len);
    }
}

static void on_arrive(struct sim_core *core, struct sim_event *event)
{
    struct end *e = NT_CONTAINER(event, struct end, arrive);
    struct sim_flow *f = e->flow;
    struct end *other = &f->end[e == &f->end[0] ? 1 : 0];
    if (sim_host_frozen(core, e->host, event))
        return;
    struct segment *s = e->first;
    sim_time until = parted(f->net, e->host, other->host);
    f->busy = true;
    if (until != 0 && until - s->sent > ORPHAN_MOST) {
        /* TCP gives up. */
        drop_segments(e);
        reset(other);
        lose(e, NT_STATUS(IO_TIMEOUT), "the connection timed out");
    } else if (until != 0) {
        sim_at(core, event, until + sim_below(&f->net->rng, 2 * RETRANSMIT));
    } else {
        e->first = s->next;
        if (e->first == NULL)
            e->last = &e->first;
        take(e, s);
        free(s);
        expect(e);
    }
    f->busy = false;
    release(f);
}

/* --- connecting --- */

static struct sim_host *host_named(const struct sim_net *net, const char *name)
{
    for (size_t i = 0; i < net->host_count; i++)
        if (strcmp(net->hosts[i]->name, name) == 0)
            return net->hosts[i];
    return NULL;
}

struct sim_flow *sim_flow_connect(struct sim_net *net, struct sim_host *from, const char *to,
                                  uint16_t port, const struct sim_end_ops *ops, void *ctx)
{
    struct sim_flow *f = sim_new(sizeof *f);
    f->net = net;
    f->port = port;
    for (size_t i = 0; i < 2; i++) {
        f->end[i].flow = f;
        f->end[i].last = &f->end[i].first;
        f->end[i].arrive = (struct sim_event){ .run = on_arrive, .kind = SIM_KIND_FLOW };
    }
    f->end[SIM_CLIENT].host = from;
    f->end[SIM_CLIENT].ops = ops;
    f->end[SIM_CLIENT].ctx = ctx;
    f->end[SIM_CLIENT].open = true;
    if (!sim_chance(&net->rng, net->unnamed_per_mille))
        f->end[SIM_SERVER].host = host_named(net, to);
    snprintf(f->peer, sizeof f->peer, "%s:%u", from->name,
             (unsigned)sim_between(&net->rng, 49152, 65535));
    f->next = net->flows;
    f->prev = &net->flows;
    if (f->next != NULL)
        f->next->prev = &f->next;
    net->flows = f;
    net->connections++;
    f->dialling = true;
    f->dial = (struct sim_event){ .run = on_dial, .kind = SIM_KIND_FLOW };
    sim_after(net->core, &f->dial, 2 * travel(net));
    return f;
}

static void refuse(struct sim_flow *f, ntstatus status, const char *why)
{
    f->net->refused++;
    lose(&f->end[SIM_CLIENT], status, why);
}

static void on_dial(struct sim_core *core, struct sim_event *event)
{
    struct sim_flow *f = NT_CONTAINER(event, struct sim_flow, dial);
    struct sim_net *net = f->net;
    struct end *client = &f->end[SIM_CLIENT];
    struct sim_host *to = f->end[SIM_SERVER].host;
    if (sim_host_frozen(core, client->host, event))
        return;
    if (to != NULL && (to->off || parted(net, client->host, to) != 0)) {
        /* Silence, until the client gives up; or a router knows better. */
        if (sim_chance(&net->rng, 300)) {
            f->dialling = false;
            refuse(f, NT_STATUS(HOST_UNREACHABLE), "no route to the host");
            release(f);
        } else {
            sim_after(core, event, RETRANSMIT);
        }
        return;
    }
    if (to != NULL && sim_host_frozen(core, to, event))
        return;
    f->dialling = false;
    f->busy = true;
    if (to == NULL)
        refuse(f, NT_STATUS(DOMAIN_CONTROLLER_NOT_FOUND), "unknown node or service");
    else if (!to->up || !to->accept(to->ctx, f, f->port, f->peer))
        refuse(f, NT_STATUS(CONNECTION_REFUSED), "connection refused");
    else
        client->ops->connected(client->ctx);
    f->busy = false;
    release(f);
}

/* --- the end of a process --- */

void sim_net_host_died(struct sim_net *net, struct sim_host *host, bool lost_power)
{
    for (struct sim_flow *f = net->flows, *next; f != NULL; f = next) {
        next = f->next;
        for (size_t i = 0; i < 2; i++) {
            struct end *e = &f->end[i], *other = &f->end[1 - i];
            if (e->host != host || !e->open)
                continue;
            e->open = false;
            drop_segments(e);
            if (f->dialling && i == SIM_CLIENT) {
                f->dialling = false;
                sim_cancel(net->core, &f->dial);
            } else if (lost_power) {
                if (sim_chance(&net->rng, 500)) /* it had not left the machine */
                    drop_segments(other);
            } else if (other->open) {
                if (sim_chance(&net->rng, 300))
                    reset(other);
                else
                    send_segment(other, NULL, 0, true);
            }
        }
        release(f);
    }
}

void sim_net_done(struct sim_net *net)
{
    for (struct sim_flow *f; (f = net->flows) != NULL;) {
        net->flows = f->next;
        flow_free(f);
    }
}
