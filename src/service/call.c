/*
 * call.c - one call from its stub to its answer: what it needs, decode, method, waits, encode.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/utf16.h"
#include "service/logon.h"
#include "service/service_internal.h"

#define ANSWER_MAX (8u << 20) /* bytes of an answer, and of what is built for it */

#define CALL_OF_WISH(w) ((struct nt_call *)(void *)((char *)(w)-offsetof(struct nt_call, wish)))

struct nt_conn *nt_conn_new(struct nt_service *s, const char *peer, const char *local)
{
    struct nt_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->service = s;
    strncpy(conn->peer, peer, sizeof conn->peer - 1);
    strncpy(conn->local, local, sizeof conn->local - 1);
    return conn;
}

void nt_conn_free(struct nt_conn *conn)
{
    if (conn == NULL)
        return;
    nt_handles_free(conn);
    nt_wipe(conn->challenges, sizeof conn->challenges);
    free(conn);
}

const char *nt_conn_peer(const struct nt_conn *conn)
{
    return conn->peer;
}

const char *nt_conn_local(const struct nt_conn *conn)
{
    return conn->local;
}

void nt_call_init(struct nt_call *call, struct nt_service *s, struct nt_conn *conn)
{
    *call = (struct nt_call){ .service = s, .conn = conn };
    nt_arena_init(&call->arena, 0);
    nt_buf_init(&call->out, ANSWER_MAX);
}

void nt_call_free(struct nt_call *call)
{
    assert(!call->parked);
    if (call->dir != NULL)
        nt_dir_unref(call->dir);
    call->dir = NULL;
    nt_arena_free(&call->arena);
    nt_buf_free(&call->out);
}

/* What protects the call: its association, or the SMB session under its pipe. */
static bool has_integrity(const struct nt_call *call)
{
    bool under = call->transport == NT_TRANSPORT_PIPE && (call->is_signed || call->is_encrypted);
    return under || call->auth_level >= NT_LEVEL_INTEGRITY;
}

static bool satisfied(const struct nt_call *call, unsigned needs)
{
    bool schannel = call->auth_type == NT_AUTH_SCHANNEL;
    bool anonymous = nt_token_is_anonymous(call->token);
    bool tcp = call->transport == NT_TRANSPORT_TCP;
    if ((needs & NT_NEEDS_AUTH) != 0 && anonymous)
        return false;
    if ((needs & NT_NEEDS_INTEGRITY) != 0 && !has_integrity(call))
        return false;
    if ((needs & NT_NEEDS_TCP_SEALED) != 0 && tcp &&
        (anonymous || call->auth_level < NT_LEVEL_PRIVACY))
        return false;
    return (needs & NT_NEEDS_SCHANNEL) == 0 || schannel;
}

static enum nt_serve fault(struct nt_call *call, uint32_t code)
{
    call->fault = code;
    nt_buf_clear(&call->out);
    return NT_SERVE_FAULT;
}

static uint32_t fault_of(enum nt_err err)
{
    return err == NT_E_NOMEM ? NT_FAULT_NO_MEMORY : NT_FAULT_BAD_STUB;
}

/* The method's word is final: its answer goes out. The status is the last thing of every response
 * that we serve, be it the result or a status parameter, [C706] 14.2.3. */
static enum nt_serve answer(struct nt_call *call, ntstatus status)
{
    if (call->fault != NT_FAULT_NONE)
        return fault(call, call->fault);

    nt_buf_clear(&call->out);
    enum nt_err err = nt_ndr_encode(call->op, NT_NDR_RESPONSE, call->args, NULL, &call->out);
    if (err == NT_OK && call->out.len < 4)
        err = NT_E_INVALID;
    if (err != NT_OK) {
        nt_log(NT_LOG_ERROR, "call not answered interface=%s method=%s reason=\"%s\"",
               call->iface->name, call->op->name, nt_err_text(err));
        return fault(call, fault_of(err));
    }
    nt_buf_set_u32le(&call->out, call->out.len - 4, status.code);
    return NT_SERVE_REPLY;
}

/* --- waits --- */

ntstatus nt_call_fault(struct nt_call *call, uint32_t code)
{
    call->fault = code;
    return NT_STATUS(UNSUCCESSFUL);
}

ntstatus nt_call_park(struct nt_call *call,
                      ntstatus (*then)(struct nt_call *call, void *args, ntstatus status))
{
    call->then = then;
    call->parked = true;
    return NT_STATUS(PENDING);
}

/* In the writer's thread. */
static ntstatus wish_decide(struct nt_wish *wish, struct nt_txn *txn)
{
    struct nt_call *call = CALL_OF_WISH(wish);
    return call->decide(call, call->args, txn);
}

static void wish_done(struct nt_wish *wish)
{
    struct nt_call *call = CALL_OF_WISH(wish);
    call->waited = wish->status;
    call->resume(call);
}

ntstatus nt_call_change(struct nt_call *call,
                        ntstatus (*decide)(struct nt_call *call, void *args, struct nt_txn *txn),
                        ntstatus (*then)(struct nt_call *call, void *args, ntstatus status))
{
    call->decide = decide;
    return nt_call_park(call, then);
}

/* In any thread. */
static void forward_done(struct nt_forward *fwd)
{
    struct nt_call *call = fwd->owner;
    call->waited = fwd->status;
    call->resume(call);
}

ntstatus nt_call_forward(struct nt_call *call, struct nt_forward *fwd,
                         ntstatus (*then)(struct nt_call *call, void *args, ntstatus status))
{
    fwd->done = forward_done;
    fwd->owner = call;
    call->waiting = fwd;
    return nt_call_park(call, then);
}

/* Goes on until the call is answered or really waits. A wish or forward starts only here, when
 * the method has returned: from that moment the call belongs to other threads. */
static enum nt_serve go_on(struct nt_call *call, ntstatus status)
{
    for (;;) {
        if (!call->parked)
            return answer(call, status);
        if (call->decide != NULL) {
            call->wish = (struct nt_wish){ .decide = wish_decide, .done = wish_done };
            nt_engine_wish(call->service->engine, &call->wish);
            return NT_SERVE_PENDING;
        }
        if (call->waiting == NULL)
            return NT_SERVE_PENDING;
        if (call->service->forward != NULL) {
            call->service->forward(call->service->forward_ctx, call->waiting);
            return NT_SERVE_PENDING;
        }
        call->waiting->status = NT_STATUS(NO_LOGON_SERVERS);
        call->waiting = NULL;
        call->parked = false;
        status = call->then(call, call->args, NT_STATUS(NO_LOGON_SERVERS));
    }
}

enum nt_serve nt_service_continue(struct nt_call *call)
{
    assert(call->parked);
    call->parked = false;
    call->decide = NULL;
    call->waiting = NULL;

    /* What the wait changed is to be seen from here on. */
    nt_dir_unref(call->dir);
    call->dir = nt_engine_dir(call->service->engine);
    return go_on(call, call->then(call, call->args, call->waited));
}

enum nt_serve nt_service_serve(struct nt_call *call, bool big_endian, const uint8_t *stub,
                               size_t len)
{
    const struct nt_interface *iface = nt_interface_of(call->iface);
    if (iface == NULL)
        return fault(call, NT_FAULT_UNKNOWN_IF);
    if (call->opnum >= iface->op_count || iface->ops[call->opnum].layout == NULL)
        return fault(call, NT_FAULT_OP_RANGE);
    const struct nt_op *op = &iface->ops[call->opnum];
    if (!satisfied(call, op->needs))
        return fault(call, NT_FAULT_ACCESS_DENIED);

    call->op = op->layout;
    call->arena.limit = call->arena.used + NT_NDR_ARENA_LIMIT(len);
    enum nt_err err = nt_ndr_decode(op->layout, NT_NDR_REQUEST, big_endian, stub, len, &call->arena,
                                    &call->args, NULL, NULL);
    if (err != NT_OK) /* nothing has happened yet, so nothing to undo */
        return fault(call, fault_of(err));

    call->arena.limit += ANSWER_MAX;
    call->dir = nt_engine_dir_now(call->service->engine);
    return go_on(call, op->serve(call, call->args));
}

/* --- texts --- */

size_t nt_units_len(const uint16_t *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n] != 0)
        n++;
    return n;
}

const char *nt_call_text(struct nt_call *call, const uint16_t *s)
{
    char *text = NULL;
    if (s == NULL)
        return "";
    enum nt_err err = nt_utf8_from_utf16(&call->arena, s, nt_units_len(s, SIZE_MAX), &text);
    if (err == NT_E_NOMEM) {
        call->fault = NT_FAULT_NO_MEMORY;
        return NULL;
    }
    return err == NT_OK ? text : "";
}

uint16_t *nt_call_utf16(struct nt_call *call, const char *s)
{
    uint16_t *units = NULL;
    size_t count;
    return nt_utf16_from_utf8(&call->arena, s, &units, &count) == NT_OK ? units : NULL;
}
