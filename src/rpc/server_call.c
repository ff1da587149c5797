/*
 * server_call.c - requests: security of each fragment, reassembly, limits, cancels.
 * Source: [C706] 12.6.4.6, 12.6.4.8-9; [MS-RPCE] 3.3.1.5.2, 3.1.3.3.
 */
#include <stdlib.h>
#include <string.h>

#include "rpc/server_internal.h"

struct call *server_call_find(struct nt_rpc_server *m, uint32_t call_id)
{
    for (struct call *c = m->calls; c != NULL; c = c->next)
        if (c->call_id == call_id)
            return c;
    return NULL;
}

void server_call_free(struct nt_rpc_server *m, struct call *call)
{
    struct call **at = &m->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    m->call_count--;
    m->complete_count -= call->complete;
    m->delivered_count -= call->delivered;
    m->held -= call->len;
    nt_rpc_block_free(call->block);
    nt_buf_free(&call->joined);
    free(call);
}

/* Bytes of a stub that callers who did not authenticate may send: their calls are short, and what
 * they leave unfinished stays until the idle limit. */
#define UNAUTHENTICATED_MAX ((size_t)128 * 1024)

static size_t max_call(const struct nt_rpc_server *m, const struct auth *auth)
{
    size_t most = m->config.limits.max_call;
    return auth == NULL && most > UNAUTHENTICATED_MAX ? UNAUTHENTICATED_MAX : most;
}

enum admission server_admit(struct nt_rpc_server *m, const struct nt_rpc_header *h)
{
    const struct nt_rpc_limits *lim = &m->config.limits;

    if (h->ptype != NT_PT_REQUEST)
        return ADMIT;
    /* What is incomplete needs its other fragments: only complete calls make room by waiting. */
    enum admission full = m->complete_count > 0 ? WAIT : REFUSE;
    if ((h->flags & NT_PFC_FIRST) != 0 && m->call_count >= lim->max_in_flight)
        return full;
    if (m->held + h->frag_len > 2 * (max_call(m, m->auths) + lim->max_frag))
        return full;
    return ADMIT;
}

static struct call *new_call(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu,
                             const uint8_t *data, struct auth *auth)
{
    struct call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->call_id = pdu->header.call_id;
    c->opnum = pdu->request.opnum;
    c->context_id = pdu->request.context_id;
    c->auth = auth;
    memcpy(c->drep, data + 4, sizeof c->drep);
    c->big_endian = pdu->header.big_endian;
    nt_buf_init(&c->joined, m->config.limits.max_call);

    struct call **end = &m->calls;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
    m->call_count++;
    return c;
}

/* Which security context must stand behind this fragment, and does it? False: it was refused. */
static bool open_fragment(struct nt_rpc_server *m, struct nt_rpc_pdu *pdu, uint8_t *data,
                          const struct presentation *context, struct auth **auth_out)
{
    struct auth *auth = context != NULL ? context->auth : m->default_auth;
    if (pdu->auth.present)
        auth = server_auth_find(m, pdu->auth.context_id);

    if (auth != NULL && auth->state != AUTH_READY) {
        server_refuse(m, &pdu->header, NT_FAULT_ACCESS_DENIED,
                      auth->state == AUTH_REFUSED ? "authentication failed"
                                                  : "protocol error: authentication unfinished");
        return false;
    }
    enum nt_err err = nt_rpc_frag_open(pdu, data, auth != NULL ? &auth->p : NULL);
    if (err != NT_OK) {
        server_refuse(
            m, &pdu->header, err == NT_E_AUTH ? NT_FAULT_SEC_PKG_ERROR : NT_FAULT_ACCESS_DENIED,
            err == NT_E_AUTH ? "a request's signature is not right"
                             : "protocol error: a request without the protection agreed on");
        return false;
    }
    *auth_out = auth;
    return true;
}

/* Joins a fragment to its call. False: refused. */
static bool add_fragment(struct nt_rpc_server *m, struct call *call, const struct nt_rpc_pdu *pdu,
                         struct nt_rpc_block **block)
{
    bool only = (pdu->header.flags & NT_PFC_FIRST) != 0 && (pdu->header.flags & NT_PFC_LAST) != 0;

    if (call->refused)
        return true;
    if (pdu->rest_len > max_call(m, call->auth) - call->len) {
        server_refuse(m, &pdu->header, NT_FAULT_NO_MEMORY, "limit: a request is too long");
        return false;
    }
    if (only) {
        call->block = *block;
        *block = NULL;
        call->stub = pdu->rest;
        call->len = pdu->rest_len;
        m->held += call->len;
        return true;
    }
    nt_buf_put(&call->joined, pdu->rest, pdu->rest_len);
    if (call->joined.err != NT_OK) {
        server_refuse(m, &pdu->header, NT_FAULT_NO_MEMORY, "out of memory");
        return false;
    }
    m->held += pdu->rest_len;
    call->stub = call->joined.data;
    call->len = call->joined.len;
    return true;
}

static bool trailer_ok(const struct call *call)
{
    struct nt_rpc_vt expect = {
        .client_signs_header = call->auth->p.sign_header,
        .abstract = { call->iface->uuid, call->iface->major, call->minor },
        .transfer = nt_rpc_ndr32,
        .ptype = NT_PT_REQUEST,
        .call_id = call->call_id,
        .context_id = call->context_id,
        .opnum = call->opnum,
    };
    memcpy(expect.drep, call->drep, sizeof expect.drep);
    return nt_rpc_vt_check(call->stub, call->len, &expect) == NT_OK;
}

/* The last fragment has come. */
static void finish_call(struct nt_rpc_server *m, struct call *call)
{
    if (call->refused) {
        server_call_free(m, call);
        return;
    }
    m->called = true;
    if (call->auth != NULL && nt_rpc_protects(&call->auth->p) && !trailer_ok(call)) {
        server_send_fault(m, call->call_id, call->context_id, NT_PFC_DID_NOT_EXECUTE,
                          NT_FAULT_ACCESS_DENIED);
        server_close(m, "the verification trailer contradicts the connection");
        return;
    }
    call->complete = true;
    m->complete_count++;
}

/* The call that a fragment begins or goes on with; NULL: refused. */
static struct call *find_or_begin(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu,
                                  const uint8_t *data, const struct presentation *context,
                                  struct auth *auth)
{
    struct call *call = server_call_find(m, pdu->header.call_id);
    bool first = (pdu->header.flags & NT_PFC_FIRST) != 0;

    if (!first) {
        if (call == NULL || call->complete || call->context_id != pdu->request.context_id ||
            call->opnum != pdu->request.opnum || call->auth != auth ||
            call->big_endian != pdu->header.big_endian) {
            server_refuse(m, &pdu->header, NT_FAULT_PROTO_ERROR,
                          "protocol error: a fragment that continues no call");
            return NULL;
        }
        return call;
    }
    bool open = false; /* without multiplexing a call's fragments stand together */
    for (const struct call *c = m->calls; c != NULL; c = c->next)
        open = open || !c->complete;
    if (call != NULL || (open && !m->multiplex)) {
        server_refuse(m, &pdu->header, NT_FAULT_PROTO_ERROR,
                      "protocol error: a call begins inside another");
        return NULL;
    }
    call = new_call(m, pdu, data, auth);
    if (call == NULL) {
        server_refuse(m, &pdu->header, NT_FAULT_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (context != NULL) {
        call->iface = context->iface;
        call->minor = context->minor;
        return call;
    }
    call->refused = true;
    server_send_fault(m, pdu->header.call_id, pdu->request.context_id, NT_PFC_DID_NOT_EXECUTE,
                      NT_FAULT_UNKNOWN_IF);
    return m->state != SERVER_CLOSED ? call : NULL;
}

void server_request(struct nt_rpc_server *m, struct nt_rpc_pdu *pdu, struct nt_rpc_block *block)
{
    const struct presentation *context = server_presentation_find(m, pdu->request.context_id);
    struct auth *auth = NULL;

    if (open_fragment(m, pdu, block->data, context, &auth)) {
        struct call *call = find_or_begin(m, pdu, block->data, context, auth);
        if (call != NULL && add_fragment(m, call, pdu, &block) &&
            (pdu->header.flags & NT_PFC_LAST) != 0)
            finish_call(m, call);
    }
    nt_rpc_block_free(block);
}

/* co_cancel and orphaned. A cancel is a wish, and our calls are short: they run to their end. */
void server_cancel(struct nt_rpc_server *m, struct nt_rpc_pdu *pdu, struct nt_rpc_block *block)
{
    struct call *call = server_call_find(m, pdu->header.call_id);
    struct auth *auth = pdu->auth.present ? server_auth_find(m, pdu->auth.context_id)
                        : call != NULL    ? call->auth
                                          : m->default_auth;
    bool bad = auth != NULL && auth->state != AUTH_READY;

    if (bad || nt_rpc_frag_open(pdu, block->data, auth != NULL ? &auth->p : NULL) != NT_OK) {
        server_refuse(m, &pdu->header, NT_FAULT_ACCESS_DENIED,
                      "protocol error: a cancel without the protection agreed on");
    } else if (pdu->header.ptype == NT_PT_ORPHANED && call != NULL && call->auth == auth) {
        if (call->delivered)
            call->orphaned = true;
        else
            server_call_free(m, call);
    }
    nt_rpc_block_free(block);
}
