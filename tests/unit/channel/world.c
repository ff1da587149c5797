#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "crypto/ntlmv2.h"
#include "idl/epm.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "rpc/sec_ntlm.h"
#include "rpc/sec_schannel.h"
#include "service/chains.h"
#include "service/logon.h"
#include "world_smb.h"

#define EPM_PORT       135
#define SMB_PORT       445
#define RPC_PORT       49153
#define OP_AUTH3       26
#define OP_SET2        30
#define OP_DOMAIN_INFO 29
#define ROUNDS_MAX     100000 /* a world that never rests is broken */
#define FIRST_MOMENT   1800000000

/* --- clock and randomness --- */

static nt_time side_now(void *ctx)
{
    const struct side *s = ctx;
    return nt_time_from_unix(FIRST_MOMENT + s->world->skew_s, 0) + s->world->now_ms * 10000;
}

static void side_random(void *ctx, void *to, size_t len)
{
    struct side *s = ctx;
    uint8_t *p = to;
    for (size_t i = 0; i < len; i++) {
        s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(s->seed >> 56);
    }
}

static void quiet(void *ctx, enum nt_log_level level, const char *line)
{
    (void)ctx;
    if (getenv("WORLD_LOG") != NULL)
        fprintf(stderr, "%d %s\n", (int)level, line);
}

/* --- changes --- */

struct change {
    struct nt_wish wish;
    ntstatus (*fn)(struct nt_txn *txn, void *ctx);
    void *ctx;
};

static ntstatus change_decide(struct nt_wish *wish, struct nt_txn *txn)
{
    struct change *c = (struct change *)wish;
    return c->fn(txn, c->ctx);
}

ntstatus world_change(struct side *side, ntstatus (*fn)(struct nt_txn *txn, void *ctx), void *ctx)
{
    struct change c = { .wish.decide = change_decide, .fn = fn, .ctx = ctx };
    return nt_engine_wish_wait(side->engine, &c.wish);
}

struct setting {
    const char *name;
    uint64_t value;
};

static ntstatus do_policy(struct nt_txn *txn, void *ctx)
{
    const struct setting *s = ctx;
    struct nt_why why;
    return nt_op_policy_set(txn, s->name, s->value, "test", "", &why);
}

void world_policy(struct side *side, const char *name, uint64_t value)
{
    struct setting s = { name, value };
    assert_true(nt_status_ok(world_change(side, do_policy, &s)));
}

static ntstatus do_init(struct nt_txn *txn, void *ctx)
{
    struct nt_secret hash;
    struct nt_why why;
    struct nt_domain_new *domain = ctx;
    assert_int_equal(nt_owf_text("Admin.pw1", &hash), NT_OK);
    domain->administrator = &hash;
    return nt_op_domain_init(txn, domain, &why);
}

static ntstatus do_user(struct nt_txn *txn, void *ctx)
{
    struct nt_secret hash;
    struct nt_why why;
    uint32_t rid;
    assert_int_equal(nt_owf_text("Alice.pw1", &hash), NT_OK);
    ntstatus status = nt_op_account_create(txn, ctx, NT_ACB_NORMAL, "test", "", &rid, &why);
    return nt_status_ok(status) ? nt_op_account_password(txn, rid, &hash, false, "test", "")
                                : status;
}

static ntstatus do_permit(struct nt_txn *txn, void *ctx)
{
    struct nt_secret hash;
    struct nt_why why;
    uint32_t rid;
    assert_int_equal(nt_owf_text(ctx, &hash), NT_OK);
    return nt_op_permit_add(txn, "RESOURCES", &hash, 0, "test", "", &rid, &why);
}

void world_permit(struct world *w, const char *password)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", password);
    assert_true(nt_status_ok(world_change(&w->acc, do_permit, copy)));
}

static ntstatus do_unpermit(struct nt_txn *txn, void *ctx)
{
    struct nt_why why;
    (void)ctx;
    return nt_op_permit_remove(txn, "RESOURCES", "test", "", &why);
}

void world_unpermit(struct world *w)
{
    assert_true(nt_status_ok(world_change(&w->acc, do_unpermit, NULL)));
}

struct trust {
    const char *initial, *servers;
    bool allow_weak;
};

static ntstatus do_trust(struct nt_txn *txn, void *ctx)
{
    const struct trust *t = ctx;
    struct nt_password initial = { .len = 0 };
    struct nt_trust_new trust = { .name = "ACCOUNTS",
                                  .servers = t->servers,
                                  .initial = &initial,
                                  .allow_weak_crypto = t->allow_weak };
    struct nt_why why;
    assert_true(nt_password_from_utf8(&initial, t->initial));
    return nt_op_trust_add(txn, &trust, "test", "", &why);
}

/* --- the trusted end's server --- */

struct task {
    struct task *next;
    struct wire *wire;
    uint32_t id;
    bool is_ask, resumed;
    struct nt_call call;
    struct nt_ask ask;
};

/* One connection, seen from both ends. Lives on for its parked tasks after it was closed. */
struct wire {
    struct world *world;
    struct side *side;   /* whose server it is */
    struct front *front; /* on the SMB port */
    struct nt_rpc_server *rpc;
    struct nt_conn *conn;
    struct task *tasks;
    uint64_t answered; /* bytes */
    bool closed;       /* by the server, or cut */
    bool lost;         /* the client knows */
};

static struct nt_token *anonymous;

static struct nt_sec *make_sec(void *ctx, enum nt_auth_type type)
{
    const struct side *acc = ctx;
    return type == NT_AUTH_SCHANNEL ? nt_sec_schannel_server(&acc->env) : NULL;
}

static void give_back(void *ctx, void *caller)
{
    (void)ctx;
    nt_token_unref(caller);
}

static struct wire *wire_open(struct world *w, struct side *side, uint16_t port)
{
    static const struct nt_ndr_interface *const mapper[] = { &ndr_epm };
    static const struct nt_ndr_interface *const ifaces[] = { &ndr_netlogon, &ndr_samr,
                                                             &ndr_lsarpc };
    struct wire *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->world = w;
    c->side = side;
    struct nt_rpc_server_config config = {
        .ifaces = port == EPM_PORT ? mapper : ifaces,
        .iface_count = port == EPM_PORT ? NT_COUNT(mapper) : NT_COUNT(ifaces),
        .secondary_address = port == EPM_PORT ? "135" : "49153",
        .assoc_group = 1,
        .make_sec = make_sec,
        .ctx = side,
        .caller_free = give_back,
        .limits = nt_rpc_limits_default,
    };
    c->front = port == SMB_PORT ? front_new(&side->env, w->now_ms) : NULL;
    c->rpc = nt_rpc_server_new(&config, w->now_ms);
    c->conn = nt_conn_new(&side->service, "192.0.2.7:51234",
                          port == EPM_PORT ? "192.0.2.1:135" : "192.0.2.1:49153");
    assert_true(c->rpc != NULL && c->conn != NULL);
    w->connections++;
    return c;
}

static void task_free(struct task *t)
{
    struct task **at = &t->wire->tasks;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (t->is_ask) {
        nt_ask_free(&t->ask);
    } else {
        nt_token_unref(t->call.token);
        nt_call_free(&t->call);
    }
    free(t);
}

static struct task *task_new(struct wire *c, uint32_t id)
{
    struct task *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->wire = c;
    t->id = id;
    t->next = c->tasks;
    c->tasks = t;
    return t;
}

static void on_resume(struct nt_call *call)
{
    ((struct task *)call->owner)->resumed = true;
}

static void on_asked(struct nt_ask *ask)
{
    ((struct task *)ask->owner)->resumed = true;
}

/* Nobody has removed the trust, or begun it anew, under the runner. */
static bool runs_its_trust(struct world *w)
{
    struct nt_dir *dir = nt_engine_dir(w->res.engine);
    const struct nt_tdo *tdo = nt_dir_tdo(dir, "ACCOUNTS");
    bool yes = tdo != NULL && w->runner != NULL && nt_runner_is_for(w->runner, tdo);
    nt_dir_unref(dir);
    return yes;
}

static void finish_call(struct task *t, enum nt_serve how)
{
    struct wire *c = t->wire;
    if (how == NT_SERVE_PENDING)
        return;
    bool netlogon = t->call.iface == &ndr_netlogon;
    if (netlogon && c->world->drop_reply_of == (int)t->call.opnum) {
        c->world->drop_reply_of = -1;
        c->closed = true;
    }
    /* What it has made durable, we have made durable before. */
    if (netlogon && t->call.opnum == OP_SET2 && runs_its_trust(c->world))
        world_assert_i1(c->world);
    if (!c->closed) {
        enum nt_err err =
            how == NT_SERVE_REPLY
                ? nt_rpc_server_reply(c->rpc, t->id, t->call.out.data, t->call.out.len)
                : nt_rpc_server_fault(c->rpc, t->id, t->call.fault);
        assert_int_equal(err, NT_OK);
    }
    task_free(t);
}

static void finish_ask(struct task *t)
{
    if (!t->wire->closed) {
        assert_int_equal(nt_rpc_server_answer(t->wire->rpc, t->id, &t->ask.answer), NT_OK);
        t->ask.answer.caller = NULL;
    }
    task_free(t);
}

/* An older controller: an AES credential means nothing to it, and it says what it knows. */
static bool answer_without_aes(struct wire *c, const struct nt_rpc_event *ev)
{
    uint8_t answer[20] = { 0 }; /* credential, flags, RID, status */
    uint32_t flags = nt_le32(ev->stub + ev->len - 4);
    if ((flags & NT_NL_FLAG_AES) == 0)
        return false;
    nt_put_le32(answer + 8, flags & ~NT_NL_FLAG_AES);
    nt_put_le32(answer + 16, NT_STATUS(ACCESS_DENIED).code);
    assert_int_equal(nt_rpc_server_reply(c->rpc, ev->call_id, answer, sizeof answer), NT_OK);
    return true;
}

static void start_call(struct wire *c, const struct nt_rpc_event *ev)
{
    struct task *t = task_new(c, ev->call_id);
    struct world *w = c->world;
    nt_call_init(&t->call, &c->side->service, c->conn);
    t->call.iface = ev->iface;
    t->call.opnum = ev->opnum;
    t->call.auth_type = ev->auth_type;
    t->call.auth_level = ev->auth_level;
    t->call.token = nt_token_ref(ev->caller != NULL ? ev->caller : anonymous);
    t->call.session_key = ev->session_key;
    t->call.resume = on_resume;
    t->call.owner = t;
    if (ev->iface == &ndr_netlogon && ev->opnum == OP_AUTH3) {
        w->authenticates++;
        if (w->no_aes && answer_without_aes(c, ev)) {
            task_free(t);
            return;
        }
    }
    if (ev->iface == &ndr_netlogon && ev->opnum == OP_SET2)
        w->sets++;
    if ((w->no_domain_info && ev->iface == &ndr_netlogon && ev->opnum == OP_DOMAIN_INFO) ||
        (w->no_lsa && ev->iface == &ndr_lsarpc)) {
        assert_int_equal(nt_rpc_server_fault(c->rpc, t->id, NT_FAULT_OP_RANGE), NT_OK);
        task_free(t);
        return;
    }
    finish_call(t, nt_service_serve(&t->call, ev->big_endian, ev->stub, ev->len));
}

static void start_ask(struct wire *c, const struct nt_rpc_event *ev)
{
    struct task *t = task_new(c, ev->ask_id);
    t->is_ask = true;
    nt_ask_init(&t->ask, &c->side->service, "192.0.2.7:51234");
    t->ask.done = on_asked;
    t->ask.owner = t;
    if (nt_ask_start(&t->ask, ev->question))
        finish_ask(t);
}

/* Serves what has come; true: something happened. */
static bool wire_serve(struct wire *c)
{
    struct nt_rpc_event ev;
    bool any = false;
    nt_engine_run(c->side->engine);
    for (struct task *t = c->tasks, *next; t != NULL; t = next) {
        next = t->next;
        if (!t->resumed)
            continue;
        t->resumed = false;
        any = true;
        if (t->is_ask)
            finish_ask(t);
        else
            finish_call(t, nt_service_continue(&t->call));
    }
    while (!c->closed && nt_rpc_server_next(c->rpc, &ev)) {
        any = true;
        if (ev.kind == NT_RPC_CALL)
            start_call(c, &ev);
        else
            start_ask(c, &ev);
    }
    return any;
}

static void wire_free(struct wire *c)
{
    if (c == NULL)
        return;
    c->closed = true;
    while (c->tasks != NULL)
        wire_serve(c);
    nt_rpc_server_free(c->rpc);
    front_free(c->front);
    nt_conn_free(c->conn);
    free(c);
}

/* --- moving bytes --- */

/* How many of these bytes may move now; cuts the connection when it is time. */
static size_t allowance(struct world *w, size_t len)
{
    if (w->step != 0 && len > w->step)
        len = w->step;
    if (w->cut_at != 0 && w->moved + len >= w->cut_at) {
        len = w->cut_at - w->moved;
        w->cut_at = 0;
        w->wire->closed = true;
    }
    w->moved += len;
    return len;
}

static bool move_up(struct world *w, struct nt_link *link)
{
    const uint8_t *data;
    size_t len = nt_link_pending(link, &data);
    if (len == 0)
        return false;
    len = allowance(w, len);
    if (w->mute) {
        nt_link_sent(link, len);
        return true;
    }
    if (w->garbage) {
        static const uint8_t junk[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
        nt_link_sent(link, len);
        nt_link_feed(link, junk, sizeof junk, w->now_ms);
        return true;
    }
    struct wire *c = w->wire;
    size_t took = c->front != NULL ? front_feed(c->front, c->rpc, data, len, w->now_ms)
                                   : nt_rpc_server_feed(c->rpc, data, len, w->now_ms);
    nt_link_sent(link, took);
    return took > 0;
}

static bool move_down(struct world *w, struct nt_link *link)
{
    const uint8_t *data;
    const char *why;
    struct wire *c = w->wire;
    size_t len = c->closed          ? 0
                 : c->front != NULL ? front_pending(c->front, c->rpc, &data)
                                    : nt_rpc_server_pending(c->rpc, &data);
    if (len > 0) {
        len = allowance(w, len);
        nt_link_feed(link, data, len, w->now_ms);
        if (c->front != NULL)
            front_sent(c->front, len);
        else
            nt_rpc_server_sent(c->rpc, len);
        return true;
    }
    if (nt_rpc_server_closed(c->rpc, &why))
        c->closed = true;
    return false;
}

/* Gives the link the connection it wants. True: something happened. */
static bool serve_wish(struct world *w, struct nt_link *link)
{
    const char *host;
    uint16_t port;
    unsigned number;
    bool wants = link != NULL && nt_link_wants(link, &host, &port, &number);
    if (w->wire != NULL && (!wants || number != w->number)) {
        wire_free(w->wire);
        w->wire = NULL;
    }
    if (!wants || number == w->number)
        return false;
    w->number = number;
    w->attempts += port != SMB_PORT; /* which is the second road of the same attempt */
    bool old = w->old.engine != NULL && strcmp(host, "oldpdc") == 0;
    bool other = !old && strcmp(host, "accpdc") != 0;
    w->to_others += other && port != SMB_PORT;
    if ((w->unreachable && !old) || other || (port == SMB_PORT) != w->pipes_only) {
        nt_link_lost(link, NT_STATUS(CONNECTION_REFUSED), "connection refused");
    } else {
        w->wire = wire_open(w, old ? &w->old : w->trusted, port);
        nt_link_connected(link, w->now_ms);
    }
    return true;
}

bool world_drive(struct world *w, struct nt_link *link)
{
    bool any = serve_wish(w, link);
    struct wire *c = w->wire;
    if (c == NULL) {
        nt_engine_run(w->trusted->engine);
        return any;
    }
    any = (!c->closed && move_up(w, link)) || any;
    any = wire_serve(c) || any;
    any = move_down(w, link) || any;
    if (c->closed && !c->lost) {
        c->lost = any = true;
        nt_link_lost(link, NT_STATUS(CONNECTION_ABORTED), "the peer closed the connection");
    }
    return any;
}

bool world_round(struct world *w)
{
    bool any = world_drive(w, w->runner != NULL ? nt_runner_link(w->runner) : NULL);
    if (w->runner != NULL)
        nt_runner_step(w->runner, w->now_ms);
    if (w->res_full)
        nt_store_memory_fail(nt_engine_store(w->res.engine), 1, NT_E_FULL);
    nt_engine_run(w->res.engine);
    if (w->res_full)
        nt_store_memory_fail(nt_engine_store(w->res.engine), 0, NT_OK);
    if (w->stored) {
        w->stored = false;
        any = true;
        if (w->runner != NULL)
            nt_runner_stored(w->runner, w->now_ms);
    }
    struct nt_link *now = w->runner != NULL ? nt_runner_link(w->runner) : NULL;
    const char *host;
    uint16_t port;
    unsigned number;
    if (now != NULL && nt_link_wants(now, &host, &port, &number) && number != w->number)
        any = true;
    return any;
}

void world_settle(struct world *w)
{
    unsigned rounds = 0;
    while (world_round(w))
        assert_true(++rounds < ROUNDS_MAX);
}

void world_run(struct world *w, uint64_t ms)
{
    uint64_t end = w->now_ms + ms;
    unsigned rounds = 0;
    for (;;) {
        world_settle(w);
        struct nt_link *link = w->runner != NULL ? nt_runner_link(w->runner) : NULL;
        uint64_t at = w->runner != NULL ? nt_runner_deadline(w->runner) : UINT64_MAX;
        if (link != NULL && nt_link_deadline(link) < at)
            at = nt_link_deadline(link);
        if (at > end || w->now_ms >= end)
            break;
        assert_true(++rounds < ROUNDS_MAX);
        w->now_ms = at > w->now_ms ? at : w->now_ms + 1;
        if (link != NULL)
            nt_link_tick(link, w->now_ms);
    }
    if (w->now_ms < end)
        w->now_ms = end;
}

/* --- life --- */

static void on_post(void *ctx)
{
    ((struct world *)ctx)->stored = true;
}

static void forward(void *ctx, struct nt_forward *fwd)
{
    struct world *w = ctx;
    if (w->runner != NULL) {
        nt_runner_forward(w->runner, fwd, w->now_ms);
        return;
    }
    fwd->status = NT_STATUS(NO_SUCH_DOMAIN);
    fwd->done(fwd);
}

static void side_start(struct world *w, struct side *s, struct nt_store *store)
{
    char why[256];
    s->world = w;
    s->env = (struct nt_env){ side_now, side_random, s };
    assert_non_null(store);
    assert_int_equal(nt_engine_new(store, &s->env, &s->engine, why, sizeof why), NT_OK);
    s->service = (struct nt_service){ .engine = s->engine, .env = &s->env };
    s->service.settings.rpc_port = RPC_PORT;
    if (s == &w->res) {
        if (w->trusted != &w->acc)
            memcpy(s->service.settings.computer, "RES2", sizeof "RES2");
        s->service.forward = forward;
        s->service.forward_ctx = w;
    }
    assert_true(nt_service_init(&s->service));
}

static void side_stop(struct side *s)
{
    nt_engine_free(s->engine);
    nt_service_done(&s->service);
}

void world_open(struct world *w, uint64_t seed)
{
    char alice[] = "alice";
    memset(w, 0, sizeof *w);
    nt_log_set(NT_LOG_DEBUG, quiet, NULL);
    w->drop_reply_of = -1;
    w->acc.seed = seed;
    w->res.seed = seed ^ 0x5555;
    anonymous = nt_token_anonymous();
    w->trusted = &w->acc;
    side_start(w, &w->acc, nt_store_memory());
    side_start(w, &w->res, nt_store_memory());
    struct nt_domain_new acc = { .name = "ACCOUNTS", .computer = "ACCPDC" };
    struct nt_domain_new res = { .name = "RESOURCES", .computer = "RESPDC" };
    assert_true(nt_status_ok(world_change(&w->acc, do_init, &acc)));
    assert_true(nt_status_ok(world_change(&w->res, do_init, &res)));
    assert_true(nt_status_ok(world_change(&w->acc, do_user, alice)));
    world_permit(w, WORLD_INITIAL);
}

void world_second(struct world *w, struct world *first, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->drop_reply_of = -1;
    w->now_ms = first->now_ms;
    w->res.seed = seed;
    w->trusted = &first->acc;
    side_start(w, &w->res, nt_store_memory_share(nt_engine_store(first->res.engine)));
}

static void end_runner(struct world *w)
{
    if (w->runner != NULL && !nt_runner_stop(w->runner)) {
        nt_engine_run(w->res.engine);
        assert_true(w->stored);
        nt_runner_stored(w->runner, w->now_ms);
    }
    w->stored = false;
    nt_runner_free(w->runner);
    w->runner = NULL;
    wire_free(w->wire);
    w->wire = NULL;
}

void world_close(struct world *w)
{
    end_runner(w);
    if (w->trusted == &w->acc)
        side_stop(&w->acc);
    side_stop(&w->res);
    if (w->old.engine != NULL)
        side_stop(&w->old);
    if (w->trusted == &w->acc)
        nt_token_unref(anonymous);
}

void world_runner(struct world *w)
{
    assert_null(w->runner);
    w->runner = nt_runner_new(&(struct nt_runner_config){ .service = &w->res.service,
                                                          .name = "ACCOUNTS",
                                                          .post = on_post,
                                                          .locate = w->locate,
                                                          .ctx = w });
    assert_non_null(w->runner);
}

void world_trust(struct world *w, const char *initial, bool allow_weak)
{
    struct trust t = { initial, w->servers != NULL ? w->servers : "accpdc", allow_weak };
    assert_true(nt_status_ok(world_change(&w->res, do_trust, &t)));
    world_runner(w);
}

struct nt_store *world_copy(struct side *side)
{
    struct nt_store *copy = nt_store_memory_copy(nt_engine_store(side->engine));
    assert_non_null(copy);
    return copy;
}

void world_revert_res(struct world *w, struct nt_store *store)
{
    end_runner(w);
    side_stop(&w->res);
    side_start(w, &w->res, store);
    world_runner(w);
}

void world_crash_res(struct world *w)
{
    if (!nt_engine_shared(w->res.engine)) {
        /* The copy first: what the dying process still stores does not count. */
        world_revert_res(w, world_copy(&w->res));
        return;
    }
    /* The store goes on without it: nothing more of it is kept. */
    struct nt_store *store = nt_store_memory_share(nt_engine_store(w->res.engine));
    nt_store_memory_fail(store, 1, NT_E_FULL);
    end_runner(w);
    side_stop(&w->res);
    nt_store_memory_fail(store, 0, NT_OK);
    side_start(w, &w->res, store);
    world_runner(w);
}

void world_restart_acc(struct world *w, struct nt_store *store)
{
    struct nt_store *from = store != NULL ? store : world_copy(&w->acc);
    if (w->wire != NULL) {
        struct nt_link *link = w->runner != NULL ? nt_runner_link(w->runner) : NULL;
        if (link != NULL && !w->wire->lost && !w->wire_silent)
            nt_link_lost(link, NT_STATUS(CONNECTION_ABORTED), "the peer closed the connection");
        wire_free(w->wire);
        w->wire = NULL;
    }
    side_stop(&w->acc);
    side_start(w, &w->acc, from);
}

static ntstatus do_servers(struct nt_txn *txn, void *ctx)
{
    const struct nt_trust_fields fields = { .which = NT_TRUST_SERVERS, .servers = ctx };
    return nt_op_trust_set(txn, "ACCOUNTS", &fields, "test", "");
}

void world_lag(struct world *w, struct nt_store *store)
{
    char servers[] = "oldpdc accpdc";
    w->old.seed = w->acc.seed ^ 0x3333;
    side_start(w, &w->old, store);
    assert_true(nt_status_ok(world_change(&w->res, do_servers, servers)));
    struct nt_dir *dir = nt_engine_dir(w->res.engine);
    (void)nt_runner_refresh(w->runner, nt_dir_tdo(dir, "ACCOUNTS"));
    nt_dir_unref(dir);
}

/* --- looking --- */

struct nt_trust_out world_out(struct world *w)
{
    struct nt_dir *dir = nt_engine_dir(w->res.engine);
    const struct nt_tdo *tdo = nt_dir_tdo(dir, "ACCOUNTS");
    assert_non_null(tdo);
    struct nt_trust_out out = tdo->out;
    nt_dir_unref(dir);
    return out;
}

struct nt_trust_in world_in(struct world *w)
{
    struct nt_dir *dir = nt_engine_dir(w->trusted->engine);
    const struct nt_account *account = nt_dir_permit(dir, "RESOURCES");
    struct nt_trust_in in = { .state = NT_IN_NONE };
    if (account != NULL)
        in = *account->in;
    nt_dir_unref(dir);
    return in;
}

struct counting {
    const char *kind;
    size_t count;
};

static void count_event(void *ctx, const struct nt_event *event)
{
    struct counting *c = ctx;
    c->count += strcmp(event->kind, c->kind) == 0;
}

size_t world_events(struct side *side, const char *kind)
{
    struct counting c = { kind, 0 };
    assert_int_equal(nt_store_events(nt_engine_store(side->engine), 0, "", 100000, count_event, &c),
                     NT_OK);
    return c.count;
}

static void asked(struct nt_forward *fwd)
{
    ((struct ask *)fwd->owner)->done = true;
}

void world_ask(struct world *w, struct ask *ask, enum nt_forward_kind kind)
{
    *ask = (struct ask){ .fwd = { .kind = kind, .domain = "ACCOUNTS", .done = asked } };
    ask->fwd.owner = ask;
    nt_runner_forward(w->runner, &ask->fwd, w->now_ms);
}

static void logon_done(struct nt_logon *logon)
{
    ((struct flying *)logon->owner)->done = true;
}

void fly_start(struct world *w, struct flying *f, const char *user, const char *password)
{
    static const uint8_t client[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
    struct nt_secret hash;
    struct nt_buf pairs;
    memset(f, 0, sizeof *f);
    f->dir = nt_engine_dir(w->res.engine);
    f->logon = (struct nt_logon){ .service = &w->res.service,
                                  .dir = f->dir,
                                  .arena = &f->arena,
                                  .domain = "ACCOUNTS",
                                  .user = user,
                                  .workstation = "DESK",
                                  .peer = "test",
                                  .challenge = { 1, 2, 3, 4, 5, 6, 7, 8 },
                                  .pass_through = true,
                                  .done = logon_done,
                                  .owner = f };
    nt_arena_init(&f->arena, 1u << 20);
    nt_buf_init(&pairs, 64);
    nt_buf_init(&f->response, 4096);
    nt_av_put(&pairs, NT_AV_EOL, NULL, 0);
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    assert_int_equal(nt_ntlmv2_respond(&hash, user, "ACCOUNTS", f->logon.challenge, client,
                                       side_now(&w->res), pairs.data, pairs.len, &f->response,
                                       &f->key),
                     NT_OK);
    nt_buf_free(&pairs);
    f->logon.nt = f->response.data;
    f->logon.nt_len = f->response.len;
    if (nt_logon_start(&f->logon))
        f->done = true;
}

ntstatus fly_end(struct flying *f)
{
    assert_true(f->done);
    if (nt_status_ok(f->logon.status)) {
        assert_non_null(f->logon.info);
        assert_true(nt_secret_equal(&f->logon.session_key, &f->key));
    }
    nt_buf_free(&f->response);
    nt_arena_free(&f->arena);
    nt_dir_unref(f->dir);
    return f->logon.status;
}

ntstatus world_logon(struct world *w, const char *user, const char *password)
{
    struct flying f;
    fly_start(w, &f, user, password);
    for (int i = 0; i < 40 && !f.done; i++)
        world_run(w, 1000);
    return fly_end(&f);
}

/* --- the invariants --- */

static bool accepted(struct world *w, const struct nt_secret *hash)
{
    struct nt_dir *dir = nt_engine_dir(w->trusted->engine);
    const struct nt_account *account = nt_dir_permit(dir, "RESOURCES");
    bool yes = account != NULL && nt_in_accepts(account->in, nt_dir_policy(dir), hash);
    nt_dir_unref(dir);
    return yes;
}

void world_assert_i1(struct world *w)
{
    struct nt_trust_out out = world_out(w);
    bool any = (out.next.set && accepted(w, &out.next.hash)) || accepted(w, &out.current.hash);
    for (uint32_t i = 0; i < out.history_count; i++)
        any = any || accepted(w, &out.history[i].hash);
    assert_true(any);
}

void world_assert_i2(struct world *w)
{
    struct nt_trust_out out = world_out(w);
    struct nt_trust_in in = world_in(w);
    assert_string_equal(nt_out_state_name(out.state), "active");
    assert_string_equal(nt_in_state_name(in.state), "active");
    assert_true(nt_secret_equal(&out.current.hash, &in.current));
    assert_true(in.current_proven);
    assert_false(out.next.set);
}

void world_assert_i3(struct world *w)
{
    struct nt_secret initial;
    assert_int_equal(nt_owf_text(WORLD_INITIAL, &initial), NT_OK);
    assert_false(accepted(w, &initial));
}
