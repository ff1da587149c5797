#include "daemon/assoc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/question.h"

struct nt_assoc {
    struct nt_assoc_config config; /* texts and secrets: the copies below; caller: a reference */
    struct nt_secret session_key;
    char *peer;
    struct nt_rpc_server *rpc;
    struct nt_conn *state;
    unsigned parked; /* calls and questions that are not finished */
    bool failed;     /* out of memory: to be closed */
    bool closed;     /* by its owner */
    bool serving;
};

/* A call, alive until it is answered, also when its association is not. */
struct task {
    struct nt_post post; /* first: it is the post */
    struct nt_assoc *assoc;
    uint32_t call_id;
    struct nt_call call;
};

static void assoc_free(struct nt_assoc *a)
{
    nt_rpc_server_free(a->rpc);
    nt_conn_free(a->state);
    nt_token_unref(a->config.caller);
    nt_secret_wipe(&a->session_key);
    free(a->peer);
    free(a);
}

static void park(struct nt_assoc *a)
{
    a->parked++;
    assert(a->parked > 0);
    atomic_fetch_add(a->config.parked, 1);
}

static void unpark(struct nt_assoc *a)
{
    a->parked--;
    atomic_fetch_sub(a->config.parked, 1);
#ifndef __clang_analyzer__ /* it cannot count, and sees the association freed too early */
    if (a->closed && a->parked == 0)
        assoc_free(a);
#endif
}

/* After something that had to wait; the association may end in it. */
static void wake_and_unpark(struct nt_assoc *a)
{
    if (!a->closed)
        a->config.wake(a->config.ctx);
    unpark(a);
}

/* --- calls --- */

/* False: parked; the task goes on later. Otherwise it is gone, and its park is the caller's. */
static bool finish_call(struct task *t, enum nt_serve how)
{
    struct nt_assoc *a = t->assoc;
    if (how == NT_SERVE_PENDING)
        return false;
    if (!a->closed) {
        enum nt_err err =
            how == NT_SERVE_REPLY
                ? nt_rpc_server_reply(a->rpc, t->call_id, t->call.out.data, t->call.out.len)
                : nt_rpc_server_fault(a->rpc, t->call_id, t->call.fault);
        if (err != NT_OK && err != NT_E_NOT_FOUND)
            a->failed = true;
    }
    nt_token_unref(t->call.token);
    nt_call_free(&t->call);
    free(t);
    return true;
}

static void continue_call(struct nt_post *post)
{
    struct task *t = (struct task *)post;
    struct nt_assoc *a = t->assoc;
    assert(a->parked > 0);                             /* by this very task */
    if (finish_call(t, nt_service_continue(&t->call))) /* the count kept a so far, which */
        wake_and_unpark(a); // NOLINT(clang-analyzer-unix.Malloc) - the analyzer cannot follow
}

static void resume_call(struct nt_call *call)
{
    struct task *t = call->owner;
    nt_loop_post(t->assoc->config.loop, &t->post);
}

/* SAMR and LSA encrypt their blobs with the key of the SMB session: [MS-SAMR] 3.1.2,
 * [MS-LSAD] 5.1.1. Deviation: where the association inside has a security context of its own, with
 * that one's. The documents do not think of both at once; Samba's client and server do it so. */
static const struct nt_secret *session_key(const struct nt_assoc *a, const struct nt_rpc_event *ev)
{
    bool own = ev->session_key != NULL && ev->session_key->len > 0;
    return own || a->session_key.len == 0 ? ev->session_key : &a->session_key;
}

static void start_call(struct nt_assoc *a, const struct nt_rpc_event *ev)
{
    struct task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        if (nt_rpc_server_fault(a->rpc, ev->call_id, NT_FAULT_NO_MEMORY) != NT_OK)
            a->failed = true;
        return;
    }
    t->post.run = continue_call;
    t->assoc = a;
    t->call_id = ev->call_id;
    nt_call_init(&t->call, a->config.service, a->state);
    t->call.iface = ev->iface;
    t->call.opnum = ev->opnum;
    t->call.transport = a->config.transport;
    t->call.is_signed = a->config.is_signed;
    t->call.is_encrypted = a->config.is_encrypted;
    t->call.auth_type = ev->auth_type;
    t->call.auth_level = ev->auth_level;
    t->call.token = nt_token_ref(ev->caller != NULL ? ev->caller : a->config.caller);
    t->call.session_key = session_key(a, ev);
    t->call.resume = resume_call;
    t->call.owner = t;
    park(a);
    if (finish_call(t, nt_service_serve(&t->call, ev->big_endian, ev->stub, ev->len)))
        unpark(a);
}

/* --- questions of security contexts --- */

static bool on_answered(void *ctx, uint32_t ask_id, const struct nt_sec_answer *answer)
{
    struct nt_assoc *a = ctx;
    if (a->closed)
        return false;
    const struct nt_token *caller = answer->caller;
    if (nt_rpc_server_answer(a->rpc, ask_id, answer) != NT_OK) {
        a->failed = true;
        return false;
    }
    if (caller != NULL && !nt_token_is_anonymous(caller)) {
        nt_rpc_server_set_idle(a->rpc, a->config.idle_ms);
        if (a->config.known != NULL)
            a->config.known(a->config.ctx);
    }
    return true;
}

static void on_late_answer(void *ctx)
{
    wake_and_unpark(ctx);
}

static void start_question(struct nt_assoc *a, const struct nt_rpc_event *ev)
{
    struct nt_question_config config = { .service = a->config.service,
                                         .loop = a->config.loop,
                                         .parked = a->config.parked,
                                         .peer = a->peer,
                                         .answered = on_answered,
                                         .wake = on_late_answer,
                                         .ctx = a };
    bool at_once = false;
    park(a);
    if (!nt_question_ask(&config, ev->ask_id, ev->question, &at_once))
        a->failed = true;
    if (at_once)
        unpark(a);
}

/* --- the association --- */

struct nt_assoc *nt_assoc_new(const struct nt_assoc_config *config)
{
    static atomic_uint groups;
    struct nt_assoc *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    uint32_t group = (atomic_fetch_add(&groups, 1) + 1) & 0x7FFFFFFF;
    struct nt_rpc_server_config rpc = {
        .ifaces = config->ifaces,
        .iface_count = config->iface_count,
        .secondary_address = config->secondary,
        .assoc_group = group != 0 ? group : 1,
        .make_sec = nt_question_context,
        .ctx = config->service,
        .caller_free = nt_question_forget,
        .limits = nt_rpc_limits_default,
    };
    rpc.limits.idle_ms = config->anonymous_idle_ms;
    rpc.limits.auth_ms = config->auth_ms;
    a->config = *config;
    a->config.caller = nt_token_ref(config->caller);
    a->config.session_key = NULL;
    a->config.secondary = NULL;
    if (config->session_key != NULL)
        a->session_key = *config->session_key;
    a->peer = strdup(config->peer);
    a->state = nt_conn_new(config->service, config->peer, config->local);
    a->rpc = nt_rpc_server_new(&rpc, nt_loop_now(config->loop));
    if (a->peer != NULL && a->state != NULL && a->rpc != NULL)
        return a;
    assoc_free(a);
    return NULL;
}

void nt_assoc_close(struct nt_assoc *a)
{
    if (a == NULL)
        return;
    a->closed = true;
    if (a->parked == 0)
        assoc_free(a);
}

size_t nt_assoc_feed(struct nt_assoc *a, const uint8_t *data, size_t len)
{
    return nt_rpc_server_feed(a->rpc, data, len, nt_loop_now(a->config.loop));
}

void nt_assoc_serve(struct nt_assoc *a)
{
    struct nt_rpc_event ev;
    if (a->serving)
        return; /* the loop below, further out, goes on */
    a->serving = true;
    while (!a->failed && a->config.ready(a->config.ctx) && nt_rpc_server_next(a->rpc, &ev)) {
        if (ev.kind == NT_RPC_CALL)
            start_call(a, &ev);
        else
            start_question(a, &ev);
    }
    a->serving = false;
}

size_t nt_assoc_pending(const struct nt_assoc *a, const uint8_t **data)
{
    return nt_rpc_server_pending(a->rpc, data);
}

void nt_assoc_sent(struct nt_assoc *a, size_t len)
{
    nt_rpc_server_sent(a->rpc, len);
}

uint64_t nt_assoc_deadline(const struct nt_assoc *a)
{
    return nt_rpc_server_deadline(a->rpc);
}

bool nt_assoc_tick(struct nt_assoc *a, uint64_t now_ms)
{
    return nt_rpc_server_tick(a->rpc, now_ms) == NT_OK;
}

bool nt_assoc_closed(const struct nt_assoc *a, const char **why)
{
    if (a->failed) {
        *why = "out of memory";
        return true;
    }
    return nt_rpc_server_closed(a->rpc, why);
}
