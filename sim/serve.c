/*
 * serve.c - the connections that a controller serves: the real association machine and the real
 * services, as the daemon's rpc_listener.c has them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/container.h"
#include "idl/epm.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "rpc/sec_schannel.h"
#include "world.h"

#define OP_SET2 30
#define STASH   (256u * 1024)

struct task {
    struct task *next;
    struct sim_serving *serving;
    struct sim_event resume;
    uint32_t id;
    bool is_ask;
    struct nt_call call;
    struct nt_ask ask;
    /* PasswordSet2: whose account, and how it was on the disk when the call came */
    uint32_t rid;
    const struct nt_account *before;
};

struct sim_serving {
    struct sim_serving *next;
    struct sim_dc *dc;
    struct sim_flow *flow; /* NULL: closed */
    struct nt_rpc_server *rpc;
    struct nt_conn *conn;
    struct nt_buf stash; /* received, but not taken by the machine yet */
    struct task *tasks;
    struct sim_event tick;
    bool serving, dying;
};

static void serve_events(struct sim_serving *s);

static struct sim_core *core_of(const struct sim_serving *s)
{
    return &s->dc->domain->world->core;
}

/* --- the end of a connection --- */

/* Of one that is in no list any more. */
static void serving_end(struct sim_serving *s)
{
    sim_cancel(core_of(s), &s->tick);
    nt_rpc_server_free(s->rpc);
    nt_conn_free(s->conn);
    nt_buf_free(&s->stash);
    free(s);
}

static void serving_free(struct sim_serving *s)
{
    struct sim_serving **at = &s->dc->serving;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    serving_end(s);
}

/* It lives on for what is parked. */
static void serving_close(struct sim_serving *s)
{
    if (s->flow != NULL)
        sim_flow_close(s->flow, SIM_SERVER);
    s->flow = NULL;
}

static void release(struct sim_serving *s)
{
    if (s->flow == NULL && s->tasks == NULL && !s->serving && !s->dying)
        serving_free(s);
}

static void flush(struct sim_serving *s)
{
    const uint8_t *data;
    size_t len;
    const char *why = "";
    while (s->flow != NULL && (len = nt_rpc_server_pending(s->rpc, &data)) > 0) {
        sim_flow_send(s->flow, SIM_SERVER, data, len);
        nt_rpc_server_sent(s->rpc, len);
    }
    if (s->flow != NULL && nt_rpc_server_closed(s->rpc, &why))
        serving_close(s);
    if (s->flow != NULL) {
        uint64_t at = nt_rpc_server_deadline(s->rpc);
        if (at != UINT64_MAX)
            sim_at(core_of(s), &s->tick, at * SIM_MS);
    } else {
        sim_cancel(core_of(s), &s->tick);
    }
}

static void on_tick(struct sim_core *core, struct sim_event *event)
{
    struct sim_serving *s = NT_CONTAINER(event, struct sim_serving, tick);
    uint64_t now = sim_dc_ms(s->dc);
    if (sim_host_frozen(core, &s->dc->host, event))
        return;
    if (nt_rpc_server_deadline(s->rpc) <= now && nt_rpc_server_tick(s->rpc, now) != NT_OK)
        serving_close(s);
    else
        flush(s);
    release(s);
}

/* --- what a promise must rest on --- */

static const struct nt_account *on_disk(const struct sim_dc *dc, uint32_t rid)
{
    return nt_dir_account_rid(dc->domain->disk.platter, rid);
}

static void begin_set(struct task *t)
{
    const struct nt_token *token = t->call.token;
    t->rid = token->rid;
    const struct nt_account *a = on_disk(t->serving->dc, t->rid);
    t->before = a != NULL ? nt_record_ref(a) : NULL;
}

/* A new password was acknowledged: it is on the disk. */
static void check_set(struct task *t)
{
    const struct nt_buf *out = &t->call.out;
    struct sim_domain *d = t->serving->dc->domain;
    if (out->len < 4 || nt_le32(out->data + out->len - 4) != 0)
        return;
    if (on_disk(t->serving->dc, t->rid) == t->before && d->disk.cached == 0)
        sim_fail(core_of(t->serving),
                 "%s: a change of a password was acknowledged before it was durable", d->name);
}

/* --- calls and questions --- */

/* Of one that is in no list any more. */
static void task_end(struct task *t)
{
    sim_cancel(core_of(t->serving), &t->resume);
    if (t->before != NULL)
        nt_record_unref(t->before);
    if (t->is_ask) {
        nt_ask_free(&t->ask);
    } else {
        nt_token_unref(t->call.token);
        t->call.parked = false; /* of a process that ended: nothing will resume it */
        nt_call_free(&t->call);
    }
    free(t);
}

static void task_free(struct task *t)
{
    struct task **at = &t->serving->tasks;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    task_end(t);
}

static void finish_call(struct task *t, enum nt_serve how)
{
    struct sim_serving *s = t->serving;
    sim_dc_poke(s->dc);
    if (how == NT_SERVE_PENDING)
        return;
    if (t->call.iface == &ndr_netlogon && t->call.opnum == OP_SET2 && how == NT_SERVE_REPLY)
        check_set(t);
    if (s->flow != NULL) {
        enum nt_err err =
            how == NT_SERVE_REPLY
                ? nt_rpc_server_reply(s->rpc, t->id, t->call.out.data, t->call.out.len)
                : nt_rpc_server_fault(s->rpc, t->id, t->call.fault);
        if (err != NT_OK && err != NT_E_NOT_FOUND)
            serving_close(s);
    }
    task_free(t);
}

static void finish_ask(struct task *t)
{
    struct sim_serving *s = t->serving;
    if (s->flow != NULL) {
        if (nt_rpc_server_answer(s->rpc, t->id, &t->ask.answer) == NT_OK)
            t->ask.answer.caller = NULL;
        else
            serving_close(s);
    }
    task_free(t);
}

static void on_resume(struct sim_core *core, struct sim_event *event)
{
    struct task *t = NT_CONTAINER(event, struct task, resume);
    struct sim_serving *s = t->serving;
    if (sim_host_frozen(core, &s->dc->host, event))
        return;
    if (t->is_ask)
        finish_ask(t);
    else
        finish_call(t, nt_service_continue(&t->call));
    serve_events(s);
}

/* In the engine, or wherever it ended: only posts. */
static void resume(struct task *t)
{
    struct sim_dc *dc = t->serving->dc;
    struct sim_world *w = dc->domain->world;
    if (!dc->domain->mute && !t->serving->dying)
        sim_after(&w->core, &t->resume, 10 + sim_below(&w->rng, 200));
}

static void resume_call(struct nt_call *call)
{
    resume(call->owner);
}

static void resume_ask(struct nt_ask *ask)
{
    resume(ask->owner);
}

static struct task *task_new(struct sim_serving *s, uint32_t id)
{
    struct task *t = sim_new(sizeof *t);
    t->serving = s;
    t->id = id;
    t->resume = (struct sim_event){ .run = on_resume, .kind = SIM_KIND_RESUME };
    t->next = s->tasks;
    s->tasks = t;
    return t;
}

static void start_call(struct sim_serving *s, const struct nt_rpc_event *ev)
{
    struct task *t = task_new(s, ev->call_id);
    nt_call_init(&t->call, &s->dc->service, s->conn);
    t->call.iface = ev->iface;
    t->call.opnum = ev->opnum;
    t->call.auth_type = ev->auth_type;
    t->call.auth_level = ev->auth_level;
    t->call.token = nt_token_ref(ev->caller != NULL ? ev->caller : s->dc->anonymous);
    t->call.session_key = ev->session_key;
    t->call.resume = resume_call;
    t->call.owner = t;
    if (ev->iface == &ndr_netlogon && ev->opnum == OP_SET2)
        begin_set(t);
    finish_call(t, nt_service_serve(&t->call, ev->big_endian, ev->stub, ev->len));
}

static void start_ask(struct sim_serving *s, const struct nt_rpc_event *ev)
{
    struct task *t = task_new(s, ev->ask_id);
    t->is_ask = true;
    nt_ask_init(&t->ask, &s->dc->service, nt_conn_peer(s->conn));
    t->ask.done = resume_ask;
    t->ask.owner = t;
    if (nt_ask_start(&t->ask, ev->question))
        finish_ask(t);
}

/* Serves all that has arrived, then sends all that came of it. */
static void serve_events(struct sim_serving *s)
{
    struct nt_rpc_event ev;
    s->serving = true;
    for (bool more = true; more && s->flow != NULL;) {
        more = false;
        while (s->flow != NULL && nt_rpc_server_next(s->rpc, &ev)) {
            if (ev.kind == NT_RPC_CALL)
                start_call(s, &ev);
            else
                start_ask(s, &ev);
        }
        if (s->flow != NULL && s->stash.len > 0) {
            size_t took = nt_rpc_server_feed(s->rpc, s->stash.data, s->stash.len, sim_dc_ms(s->dc));
            nt_buf_drop(&s->stash, took);
            more = took > 0;
        }
    }
    s->serving = false;
    flush(s);
    release(s);
}

/* --- the connection's end --- */

static void on_data(void *ctx, const uint8_t *data, size_t len)
{
    struct sim_serving *s = ctx;
    size_t took = 0;
    if (s->stash.len == 0)
        took = nt_rpc_server_feed(s->rpc, data, len, sim_dc_ms(s->dc));
    if (took < len)
        nt_buf_put(&s->stash, data + took, len - took);
    if (s->stash.err != NT_OK)
        serving_close(s);
    serve_events(s);
}

static void on_lost(void *ctx, ntstatus status, const char *why)
{
    struct sim_serving *s = ctx;
    (void)status;
    (void)why;
    s->flow = NULL;
    flush(s);
    release(s);
}

static const struct sim_end_ops ops = { NULL, on_data, on_lost };

/* --- accepting --- */

static struct nt_sec *make_sec(void *ctx, enum nt_auth_type type)
{
    const struct sim_dc *dc = ctx;
    return type == NT_AUTH_SCHANNEL ? nt_sec_schannel_server(&dc->clock.env) : NULL;
}

static void give_back_caller(void *ctx, void *caller)
{
    (void)ctx;
    nt_token_unref(caller);
}

bool sim_serve(void *ctx, struct sim_flow *flow, uint16_t port, const char *peer)
{
    static const struct nt_ndr_interface *const mapper[] = { &ndr_epm };
    static const struct nt_ndr_interface *const ifaces[] = { &ndr_netlogon, &ndr_samr };
    struct sim_dc *dc = ctx;
    struct sim_world *w = dc->domain->world;
    bool epm = port == SIM_EPM_PORT;
    if (!epm && port != SIM_RPC_PORT)
        return false;
    struct sim_serving *s = sim_new(sizeof *s);
    s->dc = dc;
    s->flow = flow;
    s->rpc = nt_rpc_server_new(
        &(struct nt_rpc_server_config){ .ifaces = epm ? mapper : ifaces,
                                        .iface_count = epm ? NT_COUNT(mapper) : NT_COUNT(ifaces),
                                        .secondary_address = epm ? "135" : "49153",
                                        .assoc_group = 1 + (uint32_t)sim_below(&w->rng, 1u << 30),
                                        .make_sec = make_sec,
                                        .ctx = dc,
                                        .caller_free = give_back_caller,
                                        .limits = nt_rpc_limits_default },
        sim_dc_ms(dc));
    s->conn = nt_conn_new(&dc->service, peer, epm ? "192.0.2.1:135" : "192.0.2.1:49153");
    if (s->rpc == NULL || s->conn == NULL)
        sim_fail(core_of(s), "no memory");
    nt_buf_init(&s->stash, STASH);
    s->tick = (struct sim_event){ .run = on_tick, .kind = SIM_KIND_TICK };
    s->next = dc->serving;
    dc->serving = s;
    sim_flow_serve(flow, &ops, s);
    flush(s);
    return true;
}

void sim_serve_end(struct sim_dc *dc)
{
    for (struct sim_serving *s; (s = dc->serving) != NULL;) {
        s->dying = true;
        s->flow = NULL; /* the network closes it: sim_net_host_died */
        for (struct task *t; (t = s->tasks) != NULL;) {
            s->tasks = t->next;
            task_end(t);
        }
        dc->serving = s->next;
        serving_end(s);
    }
}
