/*
 * server.c - the server machine: the stream in, events to the owner, its answers out.
 */
#include "rpc/server.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/server_internal.h"

/* Bytes waiting to be sent above which no further PDU is looked at: a peer that asks and does not
 * read fills its own buffers, not ours. */
#define OUT_HIGH ((size_t)256 * 1024)

const struct nt_rpc_limits nt_rpc_limits_default = {
    .max_frag = NT_RPC_DEFAULT_FRAG,
    .max_call = 1024 * 1024,
    .max_contexts = 32,
    .max_auth = 8,
    .max_in_flight = 32,
    .idle_ms = 15 * 60 * 1000,
    .auth_ms = 30 * 1000,
};

struct nt_rpc_server *nt_rpc_server_new(const struct nt_rpc_server_config *config, uint64_t now_ms)
{
    const char *address = config->secondary_address != NULL ? config->secondary_address : "";
    size_t len = strlen(address);
    if (len >= NT_RPC_MAX_SEC_ADDR)
        len = NT_RPC_MAX_SEC_ADDR - 1;
    struct nt_rpc_server *m = calloc(1, sizeof *m + len + 1);
    if (m == NULL)
        return NULL;
    char *copy = (char *)(m + 1);
    memcpy(copy, address, len);
    m->config = *config;
    m->config.secondary_address = copy;
    if (m->config.limits.max_frag < NT_RPC_MUST_RECV)
        m->config.limits.max_frag = NT_RPC_MUST_RECV;
    if (m->config.limits.max_in_flight == 0)
        m->config.limits.max_in_flight = 1;
    m->max_xmit = NT_RPC_MUST_RECV;
    m->why = "";
    m->start_ms = m->last_ms = now_ms;
    nt_buf_init(&m->out.buf, NT_RPC_OUT_MAX);
    nt_buf_init(&m->ack, UINT16_MAX);
    return m;
}

void nt_rpc_server_free(struct nt_rpc_server *m)
{
    if (m == NULL)
        return;
    while (m->calls != NULL)
        server_call_free(m, m->calls);
    while (m->auths != NULL) {
        struct auth *auth = m->auths;
        m->auths = auth->next;
        auth->p.sec->ops->free(auth->p.sec);
        if (auth->caller != NULL && m->config.caller_free != NULL)
            m->config.caller_free(m->config.ctx, auth->caller);
        free(auth);
    }
    free(m->presentations);
    nt_rpc_reader_free(&m->reader);
    nt_buf_free(&m->out.buf);
    nt_buf_free(&m->ack);
    free(m);
}

void server_close(struct nt_rpc_server *m, const char *why)
{
    if (m->state == SERVER_CLOSED)
        return;
    m->state = SERVER_CLOSED;
    m->why = why;
    m->asking = NULL;
    nt_buf_free(&m->ack);
    nt_rpc_reader_free(&m->reader);
    /* What the owner holds stays until it answers. */
    for (struct call *c = m->calls, *next; c != NULL; c = next) {
        next = c->next;
        if (!c->delivered)
            server_call_free(m, c);
    }
}

void server_send_fault(struct nt_rpc_server *m, uint32_t call_id, uint16_t context_id,
                       uint8_t flags, uint32_t status)
{
    /* Deviation: never with a verifier, though [MS-RPCE] allows one. Samba's clients do not look
     * at it, and a secure channel whose counter moved at one end only is lost. */
    struct nt_rpc_pdu pdu;
    pdu.header = (struct nt_rpc_header){
        .ptype = NT_PT_FAULT,
        .flags = (uint8_t)(NT_PFC_FIRST | NT_PFC_LAST | flags),
        .call_id = call_id,
    };
    pdu.fault = (struct nt_rpc_fault){
        .alloc_hint = 24,
        .context_id = context_id,
        .status = status,
    };
    pdu.rest = NULL;
    pdu.rest_len = 0;
    pdu.auth.present = false;
    nt_rpc_pdu_write(&pdu, &m->out.buf);
    if (m->out.buf.err != NT_OK)
        server_close(m, "out of memory");
}

void server_refuse(struct nt_rpc_server *m, const struct nt_rpc_header *h, uint32_t status,
                   const char *why)
{
    if (h->ptype == NT_PT_BIND)
        server_bind_nak(m, h->call_id, NT_NAK_NOT_SPECIFIED, why);
    else
        server_send_fault(m, h->call_id, 0, NT_PFC_DID_NOT_EXECUTE, status);
    server_close(m, why);
}

struct auth *server_auth_find(struct nt_rpc_server *m, uint32_t context_id)
{
    for (struct auth *a = m->auths; a != NULL; a = a->next)
        if (a->p.context_id == context_id)
            return a;
    return NULL;
}

struct presentation *server_presentation_find(struct nt_rpc_server *m, uint16_t id)
{
    for (size_t i = 0; i < m->presentation_count; i++)
        if (m->presentations[i].id == id)
            return &m->presentations[i];
    return NULL;
}

/* PDU types each state accepts, [C706] 12.6.4. Whatever is not here ends the association. */
static const uint32_t accepts[] = {
    [SERVER_NEW] = 1u << NT_PT_BIND,
    [SERVER_BOUND] = 1u << NT_PT_REQUEST | 1u << NT_PT_ALTER | 1u << NT_PT_AUTH3 |
                     1u << NT_PT_CO_CANCEL | 1u << NT_PT_ORPHANED,
    [SERVER_CLOSED] = 0,
};

/* One whole PDU; takes the block over. */
static void process(struct nt_rpc_server *m, struct nt_rpc_block *block)
{
    struct nt_rpc_pdu pdu;
    enum nt_err err = nt_rpc_pdu_read(&pdu, block->data, block->len);
    uint8_t ptype = pdu.header.ptype;

    if (ptype > 31 || (accepts[m->state] >> ptype & 1u) == 0) {
        server_refuse(m, &pdu.header, NT_FAULT_PROTO_ERROR,
                      "protocol error: a PDU at the wrong moment");
    } else if (err == NT_E_LIMIT && ptype == NT_PT_BIND) {
        server_bind_nak(m, pdu.header.call_id, NT_NAK_LOCAL_LIMIT,
                        "limit: too many presentation contexts");
    } else if (err != NT_OK) {
        server_refuse(m, &pdu.header, NT_FAULT_PROTO_ERROR, "protocol error: a malformed PDU");
    } else if (ptype == NT_PT_REQUEST) {
        server_request(m, &pdu, block);
        return;
    } else if (ptype == NT_PT_CO_CANCEL || ptype == NT_PT_ORPHANED) {
        server_cancel(m, &pdu, block);
        return;
    } else if (ptype == NT_PT_AUTH3) {
        server_auth3(m, &pdu);
    } else {
        server_negotiate(m, &pdu);
    }
    nt_rpc_block_free(block);
}

/* Works on the PDU that is ready, if there is one; false while it has to wait. */
static bool pump(struct nt_rpc_server *m)
{
    const uint8_t *unused;

    if (m->state == SERVER_CLOSED || !nt_rpc_reader_ready(&m->reader))
        return true;
    if (m->asking != NULL || nt_rpc_out_pending(&m->out, &unused) > OUT_HIGH)
        return false;
    switch (server_admit(m, &m->reader.header)) {
    case ADMIT:
        process(m, nt_rpc_reader_take(&m->reader));
        return true;
    case WAIT:
        return false;
    case REFUSE:
        break;
    }
    server_refuse(m, &m->reader.header, NT_FAULT_SERVER_BUSY,
                  "limit: too many or too long unfinished requests");
    return true;
}

/* The stream cannot be cut into PDUs any further. */
static void refuse_stream(struct nt_rpc_server *m)
{
    struct nt_rpc_reader *r = &m->reader;

    if (r->err == NT_E_NOMEM)
        server_close(m, "out of memory");
    else if (r->err == NT_E_LIMIT)
        server_refuse(m, &r->header, NT_FAULT_PROTO_ERROR, "limit: a PDU is too long");
    else if (r->err == NT_E_MALFORMED)
        server_refuse(m, &r->header, NT_FAULT_PROTO_ERROR, "protocol error: a malformed header");
    else if (m->state == SERVER_NEW && r->header.ptype == NT_PT_BIND)
        server_bind_nak(m, r->header.call_id, NT_NAK_VERSION, "protocol error: not RPC version 5");
    else
        server_close(m, "protocol error: not RPC version 5");
}

size_t nt_rpc_server_feed(struct nt_rpc_server *m, const uint8_t *data, size_t len, uint64_t now_ms)
{
    size_t taken = 0;

    if (len > 0 && now_ms > m->last_ms)
        m->last_ms = now_ms;
    while (m->state != SERVER_CLOSED && taken < len) {
        size_t max = m->config.limits.max_frag;
        if (m->state == SERVER_NEW && max < NT_RPC_BIND_FRAG_MAX)
            max = NT_RPC_BIND_FRAG_MAX;
        taken += nt_rpc_reader_feed(&m->reader, max, data + taken, len - taken);
        if (m->reader.err != NT_OK) {
            refuse_stream(m);
            break;
        }
        if (!pump(m))
            return taken;
    }
    return m->state == SERVER_CLOSED ? len : taken;
}

static bool next_call(struct nt_rpc_server *m, struct nt_rpc_event *ev)
{
    if (m->delivered_count > 0 && !m->multiplex)
        return false;
    struct call *c = m->calls;
    while (c != NULL && (!c->complete || c->delivered))
        c = c->next;
    if (c == NULL)
        return false;
    c->delivered = true;
    m->delivered_count++;
    *ev = (struct nt_rpc_event){
        .kind = NT_RPC_CALL,
        .call_id = c->call_id,
        .iface = c->iface,
        .opnum = c->opnum,
        .big_endian = c->big_endian,
        .stub = c->stub,
        .len = c->len,
        .auth_type = NT_AUTH_NONE,
        .auth_level = NT_LEVEL_NONE,
    };
    if (c->auth != NULL) {
        struct nt_sec *sec = c->auth->p.sec;
        ev->auth_type = (enum nt_auth_type)c->auth->p.type;
        ev->auth_level = c->auth->p.level;
        ev->caller = c->auth->caller;
        ev->session_key = sec->ops->session_key(sec);
    }
    return true;
}

bool nt_rpc_server_next(struct nt_rpc_server *m, struct nt_rpc_event *ev)
{
    if (m->state == SERVER_CLOSED)
        return false;
    if (m->asking != NULL && !m->ask_shown) {
        struct nt_sec *sec = m->asking->p.sec;
        m->ask_shown = true;
        *ev = (struct nt_rpc_event){
            .kind = NT_RPC_ASK,
            .ask_id = m->ask_id,
            .auth_type = (enum nt_auth_type)m->asking->p.type,
            .auth_level = m->asking->p.level,
            .question = sec->ops->question(sec),
        };
        return true;
    }
    return next_call(m, ev);
}

enum nt_err nt_rpc_server_answer(struct nt_rpc_server *m, uint32_t ask_id,
                                 const struct nt_sec_answer *answer)
{
    if (m->state == SERVER_CLOSED || m->asking == NULL || ask_id != m->ask_id)
        return NT_E_NOT_FOUND;
    server_leg_answer(m, answer);
    (void)pump(m);
    return NT_OK;
}

/* The call that an answer names, if it still wants one; frees it otherwise. */
static struct call *answerable(struct nt_rpc_server *m, uint32_t call_id, enum nt_err *err)
{
    struct call *c = server_call_find(m, call_id);
    *err = NT_E_NOT_FOUND;
    if (c == NULL || !c->delivered)
        return NULL;
    if (m->state != SERVER_CLOSED && !c->orphaned)
        return c;
    if (m->state != SERVER_CLOSED)
        *err = NT_OK;
    server_call_free(m, c);
    return NULL;
}

enum nt_err nt_rpc_server_reply(struct nt_rpc_server *m, uint32_t call_id, const uint8_t *stub,
                                size_t len)
{
    enum nt_err err;
    struct call *c = answerable(m, call_id, &err);
    if (c != NULL) {
        struct nt_rpc_pdu pdu;
        pdu.header = (struct nt_rpc_header){ .ptype = NT_PT_RESPONSE, .call_id = call_id };
        pdu.response = (struct nt_rpc_response){ .context_id = c->context_id };
        err = nt_rpc_frags_write(&m->out.buf, &pdu, stub, len, m->max_xmit,
                                 c->auth != NULL ? &c->auth->p : NULL);
        server_call_free(m, c);
        if (err != NT_OK) /* the security context's counters may have moved: no way back */
            server_close(m, "a response could not be built");
    }
    (void)pump(m);
    return err;
}

enum nt_err nt_rpc_server_fault(struct nt_rpc_server *m, uint32_t call_id, uint32_t code)
{
    enum nt_err err;
    struct call *c = answerable(m, call_id, &err);
    if (c != NULL) {
        server_send_fault(m, call_id, c->context_id, 0, code);
        server_call_free(m, c);
        err = NT_OK;
    }
    (void)pump(m);
    return err;
}

size_t nt_rpc_server_pending(const struct nt_rpc_server *m, const uint8_t **data)
{
    return nt_rpc_out_pending(&m->out, data);
}

void nt_rpc_server_sent(struct nt_rpc_server *m, size_t len)
{
    nt_rpc_out_sent(&m->out, len);
    (void)pump(m);
}

static uint64_t later(uint64_t ms, uint32_t by)
{
    return ms > NT_RPC_NEVER - by ? NT_RPC_NEVER : ms + by;
}

void nt_rpc_server_set_idle(struct nt_rpc_server *m, uint32_t idle_ms)
{
    m->config.limits.idle_ms = idle_ms;
}

uint64_t nt_rpc_server_deadline(const struct nt_rpc_server *m)
{
    const struct nt_rpc_limits *lim = &m->config.limits;
    uint64_t idle = later(m->last_ms, lim->idle_ms);
    uint64_t first = later(m->start_ms, lim->auth_ms);

    if (m->state == SERVER_CLOSED) /* what is left to send may take so long */
        return idle;
    if (m->complete_count > 0 || m->asking != NULL)
        idle = NT_RPC_NEVER;
    if (m->called)
        return idle;
    return first < idle ? first : idle;
}

enum nt_err nt_rpc_server_tick(struct nt_rpc_server *m, uint64_t now_ms)
{
    if (now_ms < nt_rpc_server_deadline(m))
        return NT_OK;
    server_close(m, m->called ? "idle for too long" : "no call in time");
    return NT_E_TIMEOUT;
}

bool nt_rpc_server_closed(const struct nt_rpc_server *m, const char **why)
{
    if (why != NULL)
        *why = m->why;
    return m->state == SERVER_CLOSED;
}
