/*
 * net.h - the simulated network: hosts, and connections between them that behave as TCP does.
 * Bytes come in order or not at all; they come late, in pieces, after their sender has given up,
 * or end in the middle of a PDU. What the ends do is up to their owners.
 */
#ifndef NT_SIM_NET_H
#define NT_SIM_NET_H

#include "base/status.h"
#include "core.h"

struct sim_net;
struct sim_flow;

/* What an owner of an end wants to hear. After `lost` the end is closed. */
struct sim_end_ops {
    void (*connected)(void *ctx); /* the client's end only */
    void (*data)(void *ctx, const uint8_t *data, size_t len);
    void (*lost)(void *ctx, ntstatus status, const char *why);
};

enum sim_side { SIM_CLIENT, SIM_SERVER };

struct sim_host {
    char name[32];
    unsigned site;         /* hosts of one domain are never parted from each other */
    bool up;               /* the process runs */
    bool off;              /* the machine is without power: it does not even refuse */
    sim_time frozen_until; /* the process is stopped */
    /* The server's owner for a new connection; false: nobody listens on that port. */
    bool (*accept)(void *ctx, struct sim_flow *flow, uint16_t port, const char *peer);
    void *ctx;
};

#define SIM_PARTS_MAX 16

struct sim_net {
    struct sim_core *core;
    struct sim_rng rng;
    struct sim_host **hosts;
    size_t host_count;
    struct sim_flow *flows;

    /* how it is just now */
    sim_time latency, jitter;
    unsigned cut_per_mille;   /* of the segments: arrives in part, and the connection is reset */
    unsigned chop_per_mille;  /* of the writes: sent in pieces of any size */
    unsigned stall_per_mille; /* of the segments: lost on the way, and sent again much later */
    sim_time stall;
    unsigned unnamed_per_mille; /* of the look-ups: the name is not found */

    struct sim_part {
        unsigned site, other;
        sim_time until;
    } parts[SIM_PARTS_MAX];

    uint64_t connections, refused, bytes, cuts, stalls; /* counted */
};

void sim_net_init(struct sim_net *net, struct sim_core *core, struct sim_host **hosts,
                  size_t host_count);
void sim_net_done(struct sim_net *net);
/* As in good times. */
void sim_net_calm(struct sim_net *net);
/* No packet passes between the two sites for so long; SIM_ANYWHERE for either. */
#define SIM_ANYWHERE UINT32_MAX
void sim_net_part(struct sim_net *net, unsigned site, unsigned other, sim_time how_long);

struct sim_flow *sim_flow_connect(struct sim_net *net, struct sim_host *from, const char *to,
                                  uint16_t port, const struct sim_end_ops *ops, void *ctx);
/* For accept: who owns the server's end. */
void sim_flow_serve(struct sim_flow *flow, const struct sim_end_ops *ops, void *ctx);
void sim_flow_send(struct sim_flow *flow, enum sim_side side, const uint8_t *data, size_t len);
/* This end is closed by its owner, who hears nothing more. What is on the way still arrives,
 * unless chance has it that the connection is reset. */
void sim_flow_close(struct sim_flow *flow, enum sim_side side);
/* A process ends and takes its ends of connections along. lost_power: nobody is told. */
void sim_net_host_died(struct sim_net *net, struct sim_host *host, bool lost_power);

/* True when the host is stopped: the event comes again when it goes on. */
bool sim_host_frozen(struct sim_core *core, const struct sim_host *host, struct sim_event *event);

#endif
