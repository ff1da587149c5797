/*
 * client.c - the client machine: binds one interface, then carries calls, one on the wire at a
 * time: without concurrent multiplexing a server need not take more ([C706] 9.3.3.1), and the
 * secure channel counts both directions in one.
 */
#include "rpc/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/rpc_internal.h"

#define DEFAULT_MAX_REPLY (4u * 1024 * 1024)
#define DEFAULT_BIND_MS   10000u
#define AUTH_CONTEXT_ID   1u
#define CONTEXT_ID        0u

enum client_state {
    CLIENT_BIND,  /* waits for bind_ack */
    CLIENT_ALTER, /* waits for alter_context_resp: the authentication goes on */
    CLIENT_BOUND,
    CLIENT_FAILED
};

struct client_call {
    struct client_call *next;
    uint32_t call_id;
    uint16_t opnum;
    uint64_t deadline_ms;
    struct nt_buf stub; /* to send; then what has come of the response */
    bool begun;         /* a first fragment of the response has come */
    bool big_endian;
    bool is_fault;
    uint32_t fault;
};

struct nt_rpc_client {
    const struct nt_ndr_interface *iface;
    struct nt_rpc_protection p; /* p.sec NULL: none */
    uint16_t max_recv, max_xmit;
    uint32_t max_reply;
    enum client_state state;
    bool sec_done;       /* the security context has all it needs */
    bool verified;       /* the verification trailer was sent */
    bool offered_sign;   /* header signing, in the bind */
    bool bound_unshown;  /* NT_RPC_BOUND is to be told */
    bool failed_unshown; /* NT_RPC_FAILED is to be told */
    ntstatus status;
    const char *why;
    char text[96]; /* behind `why` where it has numbers */
    uint64_t bind_deadline_ms;
    uint32_t next_call_id;
    struct nt_rpc_reader reader;
    struct nt_rpc_out out;
    struct client_call *calls; /* to be answered; the first one is on the wire */
    struct client_call *done;  /* answered, to be told */
    struct client_call *shown; /* told: its stub lives until the next feed or next */
};

static void call_free(struct client_call *c)
{
    if (c != NULL)
        nt_buf_free(&c->stub);
    free(c);
}

static void calls_free(struct client_call **list)
{
    while (*list != NULL) {
        struct client_call *c = *list;
        *list = c->next;
        call_free(c);
    }
}

static void fail(struct nt_rpc_client *m, ntstatus status, const char *why)
{
    if (m->state == CLIENT_FAILED)
        return;
    m->state = CLIENT_FAILED;
    m->status = status;
    m->why = why;
    m->bound_unshown = false;
    m->failed_unshown = true;
    calls_free(&m->calls);
    nt_rpc_reader_free(&m->reader);
    nt_buf_free(&m->out.buf);
    m->out.sent = 0;
}

static void fail_code(struct nt_rpc_client *m, ntstatus status, const char *what, uint32_t code)
{
    if (m->state == CLIENT_FAILED)
        return;
    (void)snprintf(m->text, sizeof m->text, "%s 0x%08X", what, (unsigned)code);
    fail(m, status, m->text);
}

static void begin_pdu(const struct nt_rpc_client *m, struct nt_rpc_pdu *pdu, uint8_t ptype,
                      uint32_t call_id)
{
    pdu->header = (struct nt_rpc_header){
        .ptype = ptype,
        .flags = NT_PFC_FIRST | NT_PFC_LAST,
        .call_id = call_id,
    };
    pdu->rest = NULL;
    pdu->rest_len = 0;
    pdu->auth = (struct nt_rpc_verifier){
        .type = m->p.type,
        .level = (uint8_t)m->p.level,
        .context_id = m->p.context_id,
    };
}

/* bind, alter_context or AUTH3 with the token, which may be empty. */
static void send_leg(struct nt_rpc_client *m, uint8_t ptype, const struct nt_buf *token)
{
    static const uint8_t auth3_pad[4] = { 0 };
    uint8_t ndr32[NT_RPC_SYNTAX_LEN];
    struct nt_rpc_pdu pdu;

    begin_pdu(m, &pdu, ptype, 1);
    if (token != NULL && token->len > 0) {
        pdu.auth.present = true;
        pdu.auth.token = token->data;
        pdu.auth.token_len = token->len;
    }
    if (ptype == NT_PT_AUTH3) {
        pdu.rest = auth3_pad; /* [MS-RPCE] 2.2.2.5 */
        pdu.rest_len = sizeof auth3_pad;
    } else {
        if (ptype == NT_PT_BIND && m->offered_sign)
            pdu.header.flags |= NT_PFC_HEADER_SIGN;
        nt_rpc_syntax_write(ndr32, &nt_rpc_ndr32, false);
        pdu.bind.max_xmit = m->max_recv;
        pdu.bind.max_recv = m->max_recv;
        pdu.bind.assoc_group = 0;
        pdu.bind.count = 1;
        pdu.bind.elements[0] = (struct nt_rpc_element){
            .id = CONTEXT_ID,
            .transfer_count = 1,
            .abstract = { m->iface->uuid, m->iface->major, m->iface->minor },
            .transfers = ndr32,
        };
    }
    nt_rpc_pdu_write(&pdu, &m->out.buf);
    if (m->out.buf.err != NT_OK)
        fail(m, nt_status_of(m->out.buf.err), "the bind could not be built");
}

static void now_bound(struct nt_rpc_client *m)
{
    m->state = CLIENT_BOUND;
    m->bound_unshown = true;
}

/* Hands the server's token (NULL: the first leg) to the security context and acts on the outcome.
 */
static void leg(struct nt_rpc_client *m, const uint8_t *in, size_t len)
{
    bool first = in == NULL;
    struct nt_buf token;

    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = m->p.sec->ops->step(m->p.sec, in, len, &token);
    if (token.err != NT_OK) {
        fail(m, nt_status_of(token.err), "the authentication token could not be built");
    } else if (step == NT_SEC_FAILED || step == NT_SEC_ASK) {
        ntstatus st = m->p.sec->ops->status(m->p.sec);
        fail(m, nt_status_ok(st) ? NT_STATUS(ACCESS_DENIED) : st,
             "the server's part of the authentication is not right");
    } else {
        m->sec_done = step == NT_SEC_DONE;
        if (first) {
            send_leg(m, NT_PT_BIND, &token);
        } else if (step == NT_SEC_CONTINUE) {
            m->state = CLIENT_ALTER;
            send_leg(m, NT_PT_ALTER, &token);
        } else {
            if (token.len > 0) /* the last word is ours, and has no answer */
                send_leg(m, NT_PT_AUTH3, &token);
            if (m->state != CLIENT_FAILED)
                now_bound(m);
        }
    }
    nt_buf_free(&token);
}

struct nt_rpc_client *nt_rpc_client_new(const struct nt_rpc_client_config *config, uint64_t now_ms)
{
    struct nt_rpc_client *m = calloc(1, sizeof *m);
    if (m == NULL) {
        if (config->sec != NULL)
            config->sec->ops->free(config->sec);
        return NULL;
    }
    uint32_t bind_ms = config->bind_ms != 0 ? config->bind_ms : DEFAULT_BIND_MS;
    m->iface = config->iface;
    m->max_recv = config->max_frag != 0 ? config->max_frag : NT_RPC_DEFAULT_FRAG;
    if (m->max_recv < NT_RPC_MUST_RECV)
        m->max_recv = NT_RPC_MUST_RECV;
    m->max_xmit = m->max_recv;
    m->max_reply = config->max_reply != 0 ? config->max_reply : DEFAULT_MAX_REPLY;
    m->why = "";
    m->bind_deadline_ms = now_ms + bind_ms;
    m->next_call_id = 2;
    m->p = (struct nt_rpc_protection){ .sec = config->sec, .level = NT_LEVEL_NONE };
    nt_buf_init(&m->out.buf, NT_RPC_OUT_MAX);
    if (config->sec == NULL) {
        m->sec_done = true;
        send_leg(m, NT_PT_BIND, NULL);
        return m;
    }
    m->p.type = (uint8_t)config->auth_type;
    m->p.level = nt_rpc_level((uint8_t)config->auth_level);
    m->p.context_id = AUTH_CONTEXT_ID;
    m->offered_sign = true;
    if (m->p.level == NT_LEVEL_NONE)
        fail(m, NT_STATUS(INVALID_PARAMETER), "a security context without a level");
    else
        leg(m, NULL, 0);
    return m;
}

void nt_rpc_client_free(struct nt_rpc_client *m)
{
    if (m == NULL)
        return;
    calls_free(&m->calls);
    calls_free(&m->done);
    calls_free(&m->shown);
    nt_rpc_reader_free(&m->reader);
    nt_buf_free(&m->out.buf);
    if (m->p.sec != NULL)
        m->p.sec->ops->free(m->p.sec);
    free(m);
}

/* bind_ack and alter_context_resp */

static bool result_ok(struct nt_rpc_client *m, const struct nt_rpc_bind_ack *ack)
{
    if (ack->count < 1) {
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server's bind_ack has no result");
        return false;
    }
    const struct nt_rpc_result *r = &ack->results[0];
    if (r->result == NT_RESULT_ACCEPT) {
        if (nt_rpc_syntax_equal(&r->transfer, &nt_rpc_ndr32))
            return true;
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server chose a syntax that was not offered");
    } else if (r->result == NT_RESULT_PROVIDER_REJECT && r->reason == NT_REASON_ABSTRACT_SYNTAX) {
        fail(m, NT_STATUS(RPC_UNKNOWN_IF), "the server does not offer the interface");
    } else if (r->result == NT_RESULT_PROVIDER_REJECT && r->reason == NT_REASON_TRANSFER_SYNTAX) {
        fail(m, NT_STATUS(NOT_SUPPORTED), "the server does not speak NDR");
    } else if (r->result == NT_RESULT_PROVIDER_REJECT && r->reason == NT_REASON_LOCAL_LIMIT) {
        fail(m, NT_STATUS(INSUFFICIENT_RESOURCES), "the server is at a limit of its own");
    } else {
        fail_code(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server rejected the interface: result",
                  (uint32_t)r->result << 16 | r->reason);
    }
    return false;
}

static void serve_ack(struct nt_rpc_client *m, const struct nt_rpc_pdu *pdu)
{
    if (!result_ok(m, &pdu->ack))
        return;
    if (m->state == CLIENT_BIND) {
        uint16_t theirs = pdu->ack.max_recv;
        if (theirs < NT_RPC_MUST_RECV)
            theirs = NT_RPC_MUST_RECV;
        m->max_xmit = theirs < m->max_xmit ? theirs : m->max_xmit;
        m->p.sign_header = m->offered_sign && (pdu->header.flags & NT_PFC_HEADER_SIGN) != 0;
    }
    const struct nt_rpc_verifier *v = &pdu->auth;
    if (m->p.sec == NULL) {
        if (v->present)
            fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server authenticates without being asked");
        else
            now_bound(m);
        return;
    }
    if (!v->present) {
        if (m->sec_done)
            now_bound(m);
        else
            fail(m, NT_STATUS(ACCESS_DENIED), "the server left its authentication out");
        return;
    }
    if (!nt_rpc_same_context(&m->p, v))
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server answered for another security context");
    else
        leg(m, v->token, v->token_len);
}

static void serve_nak(struct nt_rpc_client *m, uint16_t reason)
{
    bool auth = m->p.sec != NULL;

    switch (reason) {
    case NT_NAK_CONGESTION:
    case NT_NAK_LOCAL_LIMIT:
        fail(m, NT_STATUS(INSUFFICIENT_RESOURCES), "the server is at a limit of its own");
        return;
    case NT_NAK_VERSION:
        fail(m, NT_STATUS(NOT_SUPPORTED), "the server speaks another version of RPC");
        return;
    case NT_NAK_AUTH_TYPE:
        fail(m, NT_STATUS(RPC_SEC_PKG_ERROR),
             "the server does not offer this kind of authentication");
        return;
    case NT_NAK_INVALID_CHECKSUM:
        fail(m, NT_STATUS(ACCESS_DENIED), "the server refused the authentication");
        return;
    default:
        fail_code(m, auth ? NT_STATUS(ACCESS_DENIED) : NT_STATUS(RPC_PROTOCOL_ERROR),
                  "the server refused the bind: reason", reason);
        return;
    }
}

static ntstatus status_of_fault(uint32_t fault)
{
    switch (fault) {
    case NT_FAULT_ACCESS_DENIED:
        return NT_STATUS(ACCESS_DENIED);
    case NT_FAULT_SEC_PKG_ERROR:
        return NT_STATUS(RPC_SEC_PKG_ERROR);
    case NT_FAULT_PROTO_ERROR:
        return NT_STATUS(RPC_PROTOCOL_ERROR);
    case NT_FAULT_UNKNOWN_IF:
        return NT_STATUS(RPC_UNKNOWN_IF);
    case NT_FAULT_SERVER_BUSY:
    case NT_FAULT_NO_MEMORY:
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    default:
        return NT_STATUS(RPC_CALL_FAILED);
    }
}

/* Calls */

static enum nt_err add_trailer(struct nt_rpc_client *m, struct client_call *c)
{
    const struct nt_rpc_vt vt = {
        .client_signs_header = m->offered_sign,
        .abstract = { m->iface->uuid, m->iface->major, m->iface->minor },
        .transfer = nt_rpc_ndr32,
    };
    nt_rpc_vt_write(&c->stub, &vt);
    m->verified = true;
    return c->stub.err;
}

/* Puts the first call on the wire. Its stub then makes room for the response. */
static void send_first(struct nt_rpc_client *m)
{
    struct client_call *c = m->calls;
    struct nt_rpc_pdu pdu;
    enum nt_err err = NT_OK;

    if (c == NULL || m->state != CLIENT_BOUND)
        return;
    if (nt_rpc_protects(&m->p) && !m->verified)
        err = add_trailer(m, c);
    begin_pdu(m, &pdu, NT_PT_REQUEST, c->call_id);
    pdu.request = (struct nt_rpc_request){ .context_id = CONTEXT_ID, .opnum = c->opnum };
    if (err == NT_OK)
        err = nt_rpc_frags_write(&m->out.buf, &pdu, c->stub.data, c->stub.len, m->max_xmit,
                                 m->p.sec != NULL ? &m->p : NULL);
    if (err != NT_OK)
        fail(m, nt_status_of(err), "a request could not be built");
    else {
        nt_buf_free(&c->stub);
        nt_buf_init(&c->stub, m->max_reply);
    }
}

/* The call on the wire has its answer: to be told, and the next one's turn. */
static void call_done(struct nt_rpc_client *m)
{
    struct client_call *c = m->calls;
    struct client_call **end = &m->done;

    m->calls = c->next;
    c->next = NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
    send_first(m);
}

static void serve_response(struct nt_rpc_client *m, struct nt_rpc_pdu *pdu, uint8_t *data)
{
    struct client_call *c = m->calls;
    bool first = (pdu->header.flags & NT_PFC_FIRST) != 0;

    if (c == NULL || pdu->header.call_id != c->call_id || first == c->begun) {
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "a response that answers no call");
        return;
    }
    enum nt_err err = nt_rpc_frag_open(pdu, data, m->p.sec != NULL ? &m->p : NULL);
    if (err == NT_E_AUTH) {
        fail(m, NT_STATUS(ACCESS_DENIED), "a response's signature is not right");
        return;
    }
    if (err != NT_OK) {
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "a response without the protection agreed on");
        return;
    }
    if (!first && c->big_endian != pdu->header.big_endian) {
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "a response in two byte orders");
        return;
    }
    c->begun = true;
    c->big_endian = pdu->header.big_endian;
    nt_buf_put(&c->stub, pdu->rest, pdu->rest_len);
    if (c->stub.err != NT_OK)
        fail(m, nt_status_of(c->stub.err), "a response is too long");
    else if ((pdu->header.flags & NT_PFC_LAST) != 0)
        call_done(m);
}

static void serve_fault(struct nt_rpc_client *m, struct nt_rpc_pdu *pdu, uint8_t *data)
{
    struct client_call *c = m->calls;

    if (m->state != CLIENT_BOUND) { /* of the alter_context */
        fail_code(m, status_of_fault(pdu->fault.status),
                  "the server refused the authentication: fault", pdu->fault.status);
        return;
    }
    if (c == NULL || pdu->header.call_id != c->call_id) {
        fail_code(m, status_of_fault(pdu->fault.status), "the server ended the association: fault",
                  pdu->fault.status);
        return;
    }
    /* Most servers send faults without protection; where there is some it must be right. */
    if (pdu->auth.present &&
        nt_rpc_frag_open(pdu, data, m->p.sec != NULL ? &m->p : NULL) != NT_OK) {
        fail(m, NT_STATUS(ACCESS_DENIED), "a fault's signature is not right");
        return;
    }
    c->is_fault = true;
    c->fault = pdu->fault.status;
    call_done(m);
}

/* PDU types each state accepts. Whatever is not here ends the association. */
static const uint32_t accepts[] = {
    [CLIENT_BIND] = 1u << NT_PT_BIND_ACK | 1u << NT_PT_BIND_NAK | 1u << NT_PT_FAULT,
    [CLIENT_ALTER] = 1u << NT_PT_ALTER_RESP | 1u << NT_PT_FAULT,
    [CLIENT_BOUND] = 1u << NT_PT_RESPONSE | 1u << NT_PT_FAULT | 1u << NT_PT_SHUTDOWN,
    [CLIENT_FAILED] = 0,
};

static void process(struct nt_rpc_client *m, struct nt_rpc_block *block)
{
    struct nt_rpc_pdu pdu;
    enum nt_err err = nt_rpc_pdu_read(&pdu, block->data, block->len);

    if (err != NT_OK || pdu.header.ptype > 31 ||
        (accepts[m->state] >> pdu.header.ptype & 1u) == 0) {
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server's answer breaks the RPC protocol");
    } else if (m->state != CLIENT_BOUND && pdu.header.call_id != 1) {
        fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "the server answered another call than the bind");
    } else if (pdu.header.ptype == NT_PT_RESPONSE) {
        serve_response(m, &pdu, block->data);
    } else if (pdu.header.ptype == NT_PT_FAULT) {
        serve_fault(m, &pdu, block->data);
    } else if (pdu.header.ptype == NT_PT_BIND_NAK) {
        serve_nak(m, pdu.nak.reason);
    } else if (pdu.header.ptype == NT_PT_SHUTDOWN) {
        fail(m, NT_STATUS(CONNECTION_ABORTED), "the server shuts the association down");
    } else {
        serve_ack(m, &pdu);
    }
    nt_rpc_block_free(block);
}

size_t nt_rpc_client_feed(struct nt_rpc_client *m, const uint8_t *data, size_t len, uint64_t now_ms)
{
    size_t taken = 0;

    (void)now_ms; /* deadlines are the calls' own: bytes alone do not move them */
    calls_free(&m->shown);
    while (m->state != CLIENT_FAILED && taken < len) {
        size_t max = m->max_recv;
        if (m->state != CLIENT_BOUND && max < NT_RPC_BIND_FRAG_MAX)
            max = NT_RPC_BIND_FRAG_MAX;
        taken += nt_rpc_reader_feed(&m->reader, max, data + taken, len - taken);
        if (m->reader.err == NT_E_NOMEM)
            fail(m, NT_STATUS(NO_MEMORY), "out of memory");
        else if (m->reader.err != NT_OK)
            fail(m, NT_STATUS(RPC_PROTOCOL_ERROR), "what the server sends is not RPC");
        else if (nt_rpc_reader_ready(&m->reader))
            process(m, nt_rpc_reader_take(&m->reader));
    }
    return len;
}

bool nt_rpc_client_next(struct nt_rpc_client *m, struct nt_rpc_client_event *ev)
{
    calls_free(&m->shown);
    *ev = (struct nt_rpc_client_event){ .status = NT_STATUS(SUCCESS) };
    if (m->bound_unshown) {
        m->bound_unshown = false;
        ev->kind = NT_RPC_BOUND;
        return true;
    }
    if (m->done != NULL) {
        struct client_call *c = m->done;
        m->done = c->next;
        c->next = NULL;
        m->shown = c;
        ev->kind = c->is_fault ? NT_RPC_FAULT : NT_RPC_RESPONSE;
        ev->call_id = c->call_id;
        ev->fault = c->fault;
        ev->big_endian = c->big_endian;
        if (!c->is_fault) {
            ev->stub = c->stub.data;
            ev->len = c->stub.len;
        }
        return true;
    }
    if (m->failed_unshown) {
        m->failed_unshown = false;
        ev->kind = NT_RPC_FAILED;
        ev->status = m->status;
        ev->why = m->why;
        return true;
    }
    return false;
}

enum nt_err nt_rpc_client_call(struct nt_rpc_client *m, uint16_t opnum, const uint8_t *stub,
                               size_t len, uint32_t timeout_ms, uint64_t now_ms, uint32_t *call_id)
{
    if (m->state != CLIENT_BOUND)
        return NT_E_STATE;
    struct client_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NT_E_NOMEM;
    nt_buf_init(&c->stub, NT_RPC_OUT_MAX / 2);
    nt_buf_put(&c->stub, stub, len);
    if (c->stub.err != NT_OK) {
        enum nt_err err = c->stub.err;
        call_free(c);
        return err;
    }
    c->opnum = opnum;
    c->call_id = m->next_call_id++;
    c->deadline_ms = now_ms + timeout_ms;
    *call_id = c->call_id;
    struct client_call **end = &m->calls;
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
    if (m->calls == c)
        send_first(m);
    return NT_OK;
}

const struct nt_secret *nt_rpc_client_session_key(const struct nt_rpc_client *m)
{
    return m->p.sec != NULL && m->sec_done ? m->p.sec->ops->session_key(m->p.sec) : NULL;
}

void nt_rpc_client_eof(struct nt_rpc_client *m)
{
    fail(m, NT_STATUS(CONNECTION_ABORTED),
         m->state == CLIENT_BOUND ? "the server closed the connection"
                                  : "the server closed the connection during the bind");
}

size_t nt_rpc_client_pending(const struct nt_rpc_client *m, const uint8_t **data)
{
    return nt_rpc_out_pending(&m->out, data);
}

void nt_rpc_client_sent(struct nt_rpc_client *m, size_t len)
{
    nt_rpc_out_sent(&m->out, len);
}

uint64_t nt_rpc_client_deadline(const struct nt_rpc_client *m)
{
    uint64_t at = NT_RPC_NEVER;

    if (m->state == CLIENT_BIND || m->state == CLIENT_ALTER)
        return m->bind_deadline_ms;
    for (const struct client_call *c = m->calls; c != NULL; c = c->next)
        at = c->deadline_ms < at ? c->deadline_ms : at;
    return at;
}

void nt_rpc_client_tick(struct nt_rpc_client *m, uint64_t now_ms)
{
    if (m->state != CLIENT_FAILED && now_ms >= nt_rpc_client_deadline(m))
        fail(m, NT_STATUS(IO_TIMEOUT),
             m->state == CLIENT_BOUND ? "the server did not answer the call in time"
                                      : "the server did not answer the bind in time");
}
