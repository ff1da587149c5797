/* One DCE/RPC association: who it is bound as, and its calls. [C706] 12.6, [MS-RPCE] 2.2.2 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/capture_internal.h"
#include "rpc/pdu.h"
#include "rpc/sec.h"
#include "rpc/sec_schannel.h"

#define CONTEXTS     16
#define CALLS        32
#define SEALED       16           /* kinds of sealed calls that are counted */
#define STUB_MAX     (64u * 1024) /* of a call that is read; a longer one is only named */
#define LEVEL_SEALED 6

struct context {
    bool used, accepted;
    uint16_t id;
    const struct nt_ndr_interface *interface; /* NULL: none that we know */
    char name[40];
};

struct call {
    bool used, sealed;
    uint32_t id;
    nt_time at;
    const struct nt_ndr_op *op;
    const char *interface;
    bool big_endian;
    struct nt_buf request, response;
};

struct nt_rpc_talk {
    struct nt_ends ends;
    const char *road;
    char who[NT_CAPTURE_NAME * 3];
    struct nt_claim claim;
    uint8_t auth_type, auth_level;
    bool told_bound;
    nt_time bind_at;
    struct context contexts[CONTEXTS];
    struct call calls[CALLS];
    size_t call_at;
    struct nt_buf in, out; /* begun PDUs from the client; to it */
    struct {
        const struct nt_ndr_op *op;
        const char *interface;
        unsigned count;
    } sealed[SEALED];
};

struct nt_rpc_talk *nt_rpc_talk_new(const struct nt_ends *ends, const char *road, const char *who)
{
    struct nt_rpc_talk *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->ends = *ends;
    t->road = road;
    snprintf(t->who, sizeof t->who, "%s", who);
    nt_buf_init(&t->in, STUB_MAX * 2);
    nt_buf_init(&t->out, STUB_MAX * 2);
    return t;
}

static void forget(struct call *call)
{
    nt_buf_free(&call->request);
    nt_buf_free(&call->response);
    *call = (struct call){ .used = false };
}

static const char *protection(const struct nt_rpc_talk *t)
{
    return t->auth_level >= LEVEL_SEALED ? "sealed" : t->auth_level == 5 ? "signed" : "unprotected";
}

/* What could not be read is at least counted. */
static void tell_sealed(struct nt_capture *c, struct nt_rpc_talk *t, nt_time at)
{
    char list[NT_CAPTURE_TEXT / 2];
    size_t len = 0;
    list[0] = '\0';
    for (size_t i = 0; i < SEALED && t->sealed[i].count > 0 && len < sizeof list; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%u %s", i > 0 ? ", " : "",
                                t->sealed[i].count, t->sealed[i].op->name);
    if (len > 0)
        nt_capture_tell(c, &t->ends, at, t->sealed[0].interface, NT_CAPTURE_PLAIN,
                        "sealed calls of %s: %s; what they say cannot be read", t->who, list);
    memset(t->sealed, 0, sizeof t->sealed);
}

void nt_rpc_talk_end(struct nt_capture *c, struct nt_rpc_talk *t, nt_time at)
{
    if (t == NULL)
        return;
    tell_sealed(c, t, at);
    for (size_t i = 0; i < CALLS; i++) {
        const struct call *call = &t->calls[i];
        if (call->used && call->op != NULL && at - call->at > NT_TIME_SECOND &&
            nt_call_matters(call->op->name))
            nt_capture_tell(c, &t->ends, call->at, call->interface, NT_CAPTURE_BAD,
                            "%s was not answered", call->op->name);
        forget(&t->calls[i]);
    }
    nt_buf_free(&t->in);
    nt_buf_free(&t->out);
    free(t);
}

void nt_rpc_talk_gap(struct nt_rpc_talk *t, bool from_client)
{
    nt_buf_clear(from_client ? &t->in : &t->out);
}

/* --- binding --- */

static void take_token(struct nt_capture *c, struct nt_rpc_talk *t, const struct nt_rpc_pdu *pdu)
{
    struct nt_nl_auth nl;
    struct nt_claim claim;
    if (!pdu->auth.present)
        return;
    t->auth_type = pdu->auth.type;
    t->auth_level = pdu->auth.level;
    if (pdu->auth.type == NT_AUTH_SCHANNEL) {
        if (nt_nl_auth_read(pdu->auth.token, pdu->auth.token_len, &nl) != NT_OK ||
            nl.type != NT_NL_AUTH_REQUEST)
            return;
        snprintf(t->who, sizeof t->who, "%.60s of %.100s",
                 *nl.computer != '\0' ? nl.computer : nl.computer_utf8,
                 *nl.domain != '\0' ? nl.domain : nl.dns_domain);
        t->claim = (struct nt_claim){ .how = "its secure channel", .final = true };
        return;
    }
    nt_claim_read(&c->arena, pdu->auth.token, pdu->auth.token_len, &claim);
    if (claim.how == NULL)
        return;
    t->claim = claim;
    snprintf(t->who, sizeof t->who, "%s", claim.who);
}

static void propose(struct nt_rpc_talk *t, const struct nt_rpc_bind *bind)
{
    for (size_t i = 0; i < bind->count; i++) {
        const struct nt_rpc_element *e = &bind->elements[i];
        struct context *slot = NULL;
        for (size_t n = 0; n < CONTEXTS && slot == NULL; n++)
            if (!t->contexts[n].used || t->contexts[n].id == e->id)
                slot = &t->contexts[n];
        if (slot == NULL)
            return;
        *slot = (struct context){ .used = true, .accepted = true, .id = e->id };
        nt_uuid_format(&e->abstract.uuid, slot->name);
        for (size_t n = 0; nt_ndr_interfaces[n] != NULL; n++)
            if (nt_uuid_equal(&nt_ndr_interfaces[n]->uuid, &e->abstract.uuid)) {
                slot->interface = nt_ndr_interfaces[n];
                snprintf(slot->name, sizeof slot->name, "%s", slot->interface->name);
            }
    }
}

static const char *first_name(const struct nt_rpc_talk *t)
{
    return t->contexts[0].used ? t->contexts[0].name : "RPC";
}

/* Told once it is known to hold: with the answer of the bind, or of the first call. */
static void tell_bound(struct nt_capture *c, struct nt_rpc_talk *t)
{
    if (t->told_bound || t->claim.how == NULL)
        return;
    t->told_bound = true;
    nt_capture_tell(c, &t->ends, t->bind_at, first_name(t),
                    t->claim.weak ? NT_CAPTURE_BAD : NT_CAPTURE_GOOD, "%s is bound by %s, %s%s",
                    t->who, t->claim.how, protection(t),
                    t->claim.weak ? ": a weak form that no end should take" : "");
}

static const char *nak_text(uint16_t reason)
{
    switch (reason) {
    case NT_NAK_NOT_SPECIFIED:
        return "no reason is given";
    case NT_NAK_CONGESTION:
        return "the server is too busy";
    case NT_NAK_LOCAL_LIMIT:
        return "a limit of the server";
    case NT_NAK_VERSION:
        return "another protocol version";
    case NT_NAK_AUTH_TYPE:
        return "it does not know this kind of authentication";
    case NT_NAK_INVALID_CHECKSUM:
        return "the authentication does not hold: the server knows no such secure channel, or has "
               "another key for it";
    default:
        return "an unknown reason";
    }
}

static void bind_refused(struct nt_capture *c, struct nt_rpc_talk *t, uint16_t reason)
{
    nt_capture_tell(c, &t->ends, t->bind_at, first_name(t), NT_CAPTURE_BAD,
                    "binding as %s is refused: %s", t->who, nak_text(reason));
}

static void acknowledged(struct nt_capture *c, struct nt_rpc_talk *t,
                         const struct nt_rpc_bind_ack *ack)
{
    for (size_t i = 0; i < ack->count && i < CONTEXTS; i++)
        if (ack->results[i].result == NT_RESULT_PROVIDER_REJECT &&
            ack->results[i].reason == NT_REASON_ABSTRACT_SYNTAX && t->contexts[i].used &&
            c->config.all)
            nt_capture_tell(c, &t->ends, t->bind_at, t->contexts[i].name, NT_CAPTURE_BAD,
                            "the server does not offer this interface %s", t->road);
    if (t->auth_type == NT_AUTH_SCHANNEL)
        tell_bound(c, t);
}

/* --- calls --- */

static const struct context *context_of(const struct nt_rpc_talk *t, uint16_t id)
{
    for (size_t i = 0; i < CONTEXTS; i++)
        if (t->contexts[i].used && t->contexts[i].id == id)
            return &t->contexts[i];
    return NULL;
}

static struct call *call_of(struct nt_rpc_talk *t, uint32_t id)
{
    for (size_t i = 0; i < CALLS; i++)
        if (t->calls[i].used && t->calls[i].id == id)
            return &t->calls[i];
    return NULL;
}

static void put_stub(struct nt_buf *b, const struct nt_rpc_pdu *pdu)
{
    size_t pad = pdu->auth.present ? pdu->auth.pad_len : 0;
    if (pad <= pdu->rest_len)
        nt_buf_put(b, pdu->rest, pdu->rest_len - pad);
}

static bool is_sealed(const struct nt_rpc_pdu *pdu)
{
    return pdu->auth.present && pdu->auth.level >= LEVEL_SEALED;
}

static void count_sealed(struct nt_rpc_talk *t, const struct call *call)
{
    if (call->op == NULL || !nt_call_matters(call->op->name))
        return;
    for (size_t i = 0; i < SEALED; i++) {
        if (t->sealed[i].count > 0 && t->sealed[i].op != call->op)
            continue;
        t->sealed[i].op = call->op;
        t->sealed[i].interface = call->interface;
        t->sealed[i].count++;
        return;
    }
}

static void request(struct nt_rpc_talk *t, nt_time at, const struct nt_rpc_pdu *pdu)
{
    struct call *call = call_of(t, pdu->header.call_id);
    if (call == NULL || (pdu->header.flags & NT_PFC_FIRST) != 0) {
        if (call == NULL)
            call = &t->calls[t->call_at++ % CALLS];
        forget(call);
        const struct context *ctx = context_of(t, pdu->request.context_id);
        const struct nt_ndr_interface *known = ctx != NULL ? ctx->interface : NULL;
        *call = (struct call){ .used = true,
                               .sealed = is_sealed(pdu),
                               .id = pdu->header.call_id,
                               .at = at,
                               .interface = ctx != NULL ? ctx->name : "RPC",
                               .big_endian = pdu->header.big_endian };
        if (known != NULL && pdu->request.opnum < known->op_count)
            call->op = known->ops[pdu->request.opnum];
        nt_buf_init(&call->request, STUB_MAX);
        nt_buf_init(&call->response, STUB_MAX);
    }
    if (!call->sealed)
        put_stub(&call->request, pdu);
    if (call->sealed && (pdu->header.flags & NT_PFC_LAST) != 0)
        count_sealed(t, call);
}

/* NTSTATUS: errors alone, not warnings such as NO_MORE_ENTRIES. Win32: all but the two by which a
 * list says that it goes on or ends. */
static bool is_refusal(uint32_t result)
{
    if (result >= 0x80000000u)
        return result >= 0xC0000000u;
    return result != 0 && result != 0x105 && result != 234 && result != 259;
}

static const char *describe(struct nt_capture *c, struct nt_rpc_talk *t, struct call *call,
                            struct nt_call_seen *seen)
{
    void *request = NULL, *args = NULL;
    const struct nt_buf *in = &call->request, *out = &call->response;
    *seen = (struct nt_call_seen){ .op = call->op, .ends = &t->ends, .at = call->at };
    if (in->err == NT_OK && nt_ndr_decode(call->op, NT_NDR_REQUEST, call->big_endian, in->data,
                                          in->len, &c->arena, &request, NULL, NULL) == NT_OK) {
        seen->request = args = request;
        if (out->err == NT_OK &&
            nt_ndr_decode(call->op, NT_NDR_RESPONSE, call->big_endian, out->data, out->len,
                          &c->arena, &args, NULL, NULL) == NT_OK)
            seen->response = args;
    }
    /* The result is the last thing in a response. */
    if (out->err == NT_OK && out->len >= 4) {
        const uint8_t *last = out->data + out->len - 4;
        seen->has_result = true;
        seen->result = call->big_endian ? nt_be32(last) : nt_le32(last);
    }
    seen->bad = seen->has_result && is_refusal(seen->result);
    return nt_call_tell(c, seen);
}

static void answered(struct nt_capture *c, struct nt_rpc_talk *t, struct call *call)
{
    struct nt_call_seen seen;
    if (call->op == NULL)
        return;
    const char *text = describe(c, t, call, &seen);
    if (text == NULL && (c->config.all || (seen.bad && nt_call_matters(call->op->name))))
        text = nt_arena_printf(&c->arena, "%s%s%s", call->op->name, seen.bad ? " is refused: " : "",
                               seen.bad ? nt_capture_status(c, seen.result) : "");
    if (text != NULL)
        nt_capture_tell(c, &t->ends, call->at, call->interface,
                        seen.bad ? NT_CAPTURE_BAD : NT_CAPTURE_GOOD, "%s", text);
}

static void response(struct nt_capture *c, struct nt_rpc_talk *t, const struct nt_rpc_pdu *pdu)
{
    struct call *call = call_of(t, pdu->header.call_id);
    tell_bound(c, t);
    if (call == NULL)
        return;
    if (!call->sealed)
        put_stub(&call->response, pdu);
    if ((pdu->header.flags & NT_PFC_LAST) == 0)
        return;
    if (!call->sealed)
        answered(c, t, call);
    forget(call);
}

static void fault(struct nt_capture *c, struct nt_rpc_talk *t, const struct nt_rpc_pdu *pdu)
{
    struct call *call = call_of(t, pdu->header.call_id);
    uint32_t status = pdu->fault.status;
    const char *name = nt_fault_name(status);
    if (call == NULL)
        return;
    bool refused = status == NT_FAULT_ACCESS_DENIED || status == NT_FAULT_SEC_PKG_ERROR;
    if (c->config.all || refused ||
        (call->op != NULL && nt_call_matters(call->op->name) && status != NT_FAULT_OP_RANGE))
        nt_capture_tell(c, &t->ends, call->at, call->interface, NT_CAPTURE_BAD,
                        "%s did not run: fault 0x%08X %s%s",
                        call->op != NULL ? call->op->name : "a call", status, name,
                        refused && !t->told_bound && t->claim.how != NULL
                            ? "; the logon with which it was bound was not accepted"
                            : "");
    forget(call);
}

/* --- PDUs --- */

static void take(struct nt_capture *c, struct nt_rpc_talk *t, nt_time at,
                 const struct nt_rpc_pdu *pdu)
{
    switch (pdu->header.ptype) {
    case NT_PT_BIND:
    case NT_PT_ALTER:
        t->bind_at = at;
        propose(t, &pdu->bind);
        take_token(c, t, pdu);
        break;
    case NT_PT_AUTH3:
        take_token(c, t, pdu);
        break;
    case NT_PT_BIND_ACK:
    case NT_PT_ALTER_RESP:
        acknowledged(c, t, &pdu->ack);
        break;
    case NT_PT_BIND_NAK:
        bind_refused(c, t, pdu->nak.reason);
        break;
    case NT_PT_REQUEST:
        request(t, at, pdu);
        break;
    case NT_PT_RESPONSE:
        response(c, t, pdu);
        break;
    case NT_PT_FAULT:
        fault(c, t, pdu);
        break;
    default:
        break;
    }
}

void nt_rpc_talk_feed(struct nt_capture *c, struct nt_rpc_talk *t, nt_time at, bool from_client,
                      const uint8_t *data, size_t len)
{
    struct nt_buf *bytes = from_client ? &t->in : &t->out;
    struct nt_rpc_header h;
    struct nt_rpc_pdu pdu;
    size_t pos = 0;
    nt_buf_put(bytes, data, len);
    if (bytes->err != NT_OK) {
        nt_buf_clear(bytes);
        return;
    }
    while (bytes->len - pos >= NT_RPC_HEADER_LEN) {
        if (nt_rpc_header_read(bytes->data + pos, &h) != NT_OK || h.frag_len < NT_RPC_HEADER_LEN) {
            nt_buf_clear(bytes); /* not where a PDU begins: until the next message */
            return;
        }
        if (bytes->len - pos < h.frag_len)
            break;
        if (nt_rpc_pdu_read(&pdu, bytes->data + pos, h.frag_len) == NT_OK)
            take(c, t, at, &pdu);
        pos += h.frag_len;
    }
    nt_buf_drop(bytes, pos);
}
