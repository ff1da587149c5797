#include "base/container.h"
#include "world.h"

static void step(struct sim_wire *wire);

static struct sim_core *core_of(const struct sim_wire *wire)
{
    return &wire->dc->domain->world->core;
}

static void on_connected(void *ctx)
{
    struct sim_wire *wire = ctx;
    wire->connected = true;
    nt_link_connected(wire->link, sim_dc_ms(wire->dc));
    step(wire);
}

static void on_data(void *ctx, const uint8_t *data, size_t len)
{
    struct sim_wire *wire = ctx;
    nt_link_feed(wire->link, data, len, sim_dc_ms(wire->dc));
    step(wire);
}

static void on_lost(void *ctx, ntstatus status, const char *why)
{
    struct sim_wire *wire = ctx;
    wire->flow = NULL;
    wire->connected = false;
    nt_link_lost(wire->link, status, why);
    step(wire);
}

static const struct sim_end_ops ops = { on_connected, on_data, on_lost };

static void hang_up(struct sim_wire *wire)
{
    if (wire->flow != NULL)
        sim_flow_close(wire->flow, SIM_CLIENT);
    wire->flow = NULL;
    wire->connected = false;
}

static void flush(struct sim_wire *wire)
{
    const uint8_t *data;
    size_t len;
    while (wire->connected && (len = nt_link_pending(wire->link, &data)) > 0) {
        sim_flow_send(wire->flow, SIM_CLIENT, data, len);
        nt_link_sent(wire->link, len);
    }
}

static void on_timer(struct sim_core *core, struct sim_event *event)
{
    struct sim_wire *wire = NT_CONTAINER(event, struct sim_wire, timer);
    uint64_t now = sim_dc_ms(wire->dc);
    if (sim_host_frozen(core, &wire->dc->host, event))
        return;
    wire->wakes++;
    if (wire->link != NULL && nt_link_deadline(wire->link) <= now)
        nt_link_tick(wire->link, now);
    step(wire);
}

/* After anything happened: the owner does what is to be done, and calls drive. */
static void step(struct sim_wire *wire)
{
    wire->progress(wire->ctx);
}

void sim_wire_drive(struct sim_wire *wire, struct nt_link *link, uint64_t owner_deadline_ms)
{
    struct sim_world *w = wire->dc->domain->world;
    uint64_t now = sim_dc_ms(wire->dc), at = owner_deadline_ms;
    const char *host;
    uint16_t port;
    unsigned number;
    bool wants = link != NULL && nt_link_wants(link, &host, &port, &number);
    if (!wants || number != wire->number)
        hang_up(wire);
    wire->link = link;
    if (wants && number != wire->number) {
        wire->number = number;
        wire->flow = sim_flow_connect(&w->net, &wire->dc->host, host, port, &ops, wire);
    }
    if (link != NULL) {
        flush(wire);
        if (nt_link_deadline(link) < at)
            at = nt_link_deadline(link);
    }
    if (at == UINT64_MAX)
        sim_cancel(core_of(wire), &wire->timer);
    else
        sim_at(core_of(wire), &wire->timer, (at > now ? at : now + 1) * SIM_MS);
}

void sim_wire_init(struct sim_wire *wire, struct sim_dc *dc, void (*progress)(void *ctx), void *ctx)
{
    *wire = (struct sim_wire){ .dc = dc, .progress = progress, .ctx = ctx };
    wire->timer = (struct sim_event){ .run = on_timer, .kind = SIM_KIND_WIRE };
}

void sim_wire_done(struct sim_wire *wire, bool process_died)
{
    sim_cancel(core_of(wire), &wire->timer);
    wire->link = NULL;
    if (!process_died)
        hang_up(wire);
    /* else sim_net_host_died closes its connections, as a machine does that loses a process */
}
