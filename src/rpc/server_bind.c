/*
 * server_bind.c - bind, alter_context and AUTH3: presentation contexts and security contexts.
 * Source: [C706] 12.6.4.1-5; [MS-RPCE] 2.2.2.4, 3.3.1.5.1-3.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rpc/server_internal.h"

/* Bind-time feature negotiation: the syntax whose UUID begins so and ends in the features that
 * the client knows. [MS-RPCE] 2.2.2.14, 3.3.1.5.3 */
#define FEATURE_SECURITY_MULTIPLEX 0x01u
#define FEATURE_KEEP_ON_ORPHAN     0x02u

void server_bind_nak(struct nt_rpc_server *m, uint32_t call_id, enum nt_rpc_nak_reason reason,
                     const char *why)
{
    static const uint8_t versions[] = { 5, 0 };
    static const uint8_t pad[3] = { 0 };
    struct nt_rpc_pdu pdu;

    pdu.header = (struct nt_rpc_header){
        .ptype = NT_PT_BIND_NAK,
        .flags = NT_PFC_FIRST | NT_PFC_LAST,
        .call_id = call_id,
    };
    pdu.nak = (struct nt_rpc_bind_nak){ .reason = (uint16_t)reason,
                                        .version_count = sizeof versions / 2,
                                        .versions = versions };
    pdu.rest = pad; /* to a multiple of four */
    pdu.rest_len = sizeof pad;
    pdu.auth.present = false;
    nt_rpc_pdu_write(&pdu, &m->out.buf);
    server_close(m, why);
}

static bool is_feature_syntax(const struct nt_rpc_syntax *s, uint16_t *features)
{
    if (s->uuid.a != 0x6cb71c2c || s->uuid.b != 0x9812 || s->uuid.c != 0x4540 || s->major != 1 ||
        s->minor != 0)
        return false;
    *features = nt_le16(s->uuid.d);
    return true;
}

static const struct nt_ndr_interface *find_interface(const struct nt_rpc_server *m,
                                                     const struct nt_rpc_syntax *s)
{
    for (size_t i = 0; i < m->config.iface_count; i++) {
        const struct nt_ndr_interface *iface = m->config.ifaces[i];
        /* A client of an older minor version is served, [C706] 12.6.4.3. */
        if (nt_uuid_equal(&iface->uuid, &s->uuid) && iface->major == s->major &&
            iface->minor >= s->minor)
            return iface;
    }
    return NULL;
}

static struct nt_rpc_result reject(enum nt_rpc_result_reason reason)
{
    return (struct nt_rpc_result){ .result = NT_RESULT_PROVIDER_REJECT,
                                   .reason = (uint16_t)reason };
}

/* Remembers an accepted context. False: no memory. */
static bool add_presentation(struct nt_rpc_server *m, const struct nt_rpc_element *e,
                             const struct nt_ndr_interface *iface)
{
    size_t count = m->presentation_count;
    struct presentation *p = realloc(m->presentations, (count + 1) * sizeof *p);
    if (p == NULL)
        return false;
    p[count] = (struct presentation){ .id = e->id, .minor = e->abstract.minor, .iface = iface };
    m->presentations = p;
    m->presentation_count = count + 1;
    return true;
}

static struct nt_rpc_result consider(struct nt_rpc_server *m, const struct nt_rpc_element *e,
                                     bool big_endian)
{
    bool ndr32 = false;
    for (size_t i = 0; i < e->transfer_count; i++) {
        struct nt_rpc_syntax t =
            nt_rpc_syntax_read(e->transfers + i * NT_RPC_SYNTAX_LEN, big_endian);
        uint16_t features;
        if (is_feature_syntax(&t, &features))
            return (struct nt_rpc_result){
                .result = NT_RESULT_NEGOTIATE_ACK,
                .reason = features & (FEATURE_SECURITY_MULTIPLEX | FEATURE_KEEP_ON_ORPHAN),
            };
        ndr32 = ndr32 || nt_rpc_syntax_equal(&t, &nt_rpc_ndr32);
    }
    const struct nt_ndr_interface *iface = find_interface(m, &e->abstract);
    if (iface == NULL)
        return reject(NT_REASON_ABSTRACT_SYNTAX);
    if (!ndr32)
        return reject(NT_REASON_TRANSFER_SYNTAX);

    const struct nt_rpc_result accept = { .result = NT_RESULT_ACCEPT, .transfer = nt_rpc_ndr32 };
    const struct presentation *known = server_presentation_find(m, e->id);
    if (known != NULL) /* proposed again, as with each leg of an alter_context; never changed */
        return known->iface == iface ? accept : reject(NT_REASON_NONE);
    if (m->presentation_count >= m->config.limits.max_contexts || !add_presentation(m, e, iface))
        return reject(NT_REASON_LOCAL_LIMIT);
    return accept;
}

static uint16_t smaller(uint16_t a, uint16_t b)
{
    uint16_t least = a < b ? a : b;
    return least < NT_RPC_MUST_RECV ? NT_RPC_MUST_RECV : least;
}

/* Puts the acknowledgement, so far without a verifier, into m->ack. */
static void prepare_ack(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu)
{
    const struct nt_rpc_bind *bind = &pdu->bind;
    bool is_bind = pdu->header.ptype == NT_PT_BIND;
    unsigned offered = pdu->header.flags;

    if (is_bind) {
        m->max_xmit = smaller(m->config.limits.max_frag, bind->max_recv);
        m->assoc_group = bind->assoc_group != 0 ? bind->assoc_group : m->config.assoc_group;
        m->multiplex = (offered & NT_PFC_CONC_MPX) != 0;
    }
    if ((offered & NT_PFC_HEADER_SIGN) != 0)
        m->sign_header = true;

    struct nt_rpc_pdu ack;
    unsigned agreed = offered & (NT_PFC_HEADER_SIGN | (is_bind ? NT_PFC_CONC_MPX : 0));
    ack.header = (struct nt_rpc_header){
        .ptype = is_bind ? NT_PT_BIND_ACK : NT_PT_ALTER_RESP,
        .flags = (uint8_t)(NT_PFC_FIRST | NT_PFC_LAST | agreed),
        .call_id = pdu->header.call_id,
    };
    const char *address = m->config.secondary_address;
    ack.ack.max_xmit = m->max_xmit;
    ack.ack.max_recv = smaller(m->config.limits.max_frag, bind->max_xmit);
    ack.ack.assoc_group = m->assoc_group;
    ack.ack.sec_addr = (const uint8_t *)address;
    ack.ack.sec_addr_len = is_bind ? (uint16_t)(strlen(address) + 1) : 0;
    ack.ack.count = bind->count;
    for (size_t i = 0; i < bind->count; i++)
        ack.ack.results[i] = consider(m, &bind->elements[i], pdu->header.big_endian);
    ack.rest = NULL;
    ack.rest_len = 0;
    ack.auth.present = false;
    nt_buf_free(&m->ack);
    nt_rpc_pdu_write(&ack, &m->ack);
}

static void send_ack(struct nt_rpc_server *m, const struct auth *auth, const struct nt_buf *token)
{
    if (token != NULL && token->len > 0) {
        nt_buf_u8(&m->ack, auth->p.type);
        nt_buf_u8(&m->ack, (uint8_t)auth->p.level);
        nt_buf_zero(&m->ack, 2);
        nt_buf_u32le(&m->ack, auth->p.context_id);
        nt_buf_put(&m->ack, token->data, token->len);
        if (m->ack.err == NT_OK) {
            nt_put_le16(m->ack.data + 8, (uint16_t)m->ack.len);
            nt_put_le16(m->ack.data + 10, (uint16_t)token->len);
        }
    }
    if (m->ack.err != NT_OK)
        nt_buf_fail(&m->out.buf, m->ack.err);
    else
        nt_buf_put(&m->out.buf, m->ack.data, m->ack.len);
    nt_buf_free(&m->ack);
    if (m->out.buf.err != NT_OK)
        server_close(m, "out of memory");
    else if (m->state == SERVER_NEW)
        m->state = SERVER_BOUND;
}

/* What a leg of the authentication came to. */
static void leg_done(struct nt_rpc_server *m, struct auth *auth, enum nt_sec_step step,
                     const struct nt_buf *token)
{
    bool auth3 = m->leg_ptype == NT_PT_AUTH3;

    if (token->err != NT_OK)
        step = NT_SEC_FAILED;
    switch (step) {
    case NT_SEC_ASK:
        if (auth->caller != NULL) /* each context asks once */
            break;
        m->asking = auth;
        m->ask_id++;
        m->ask_shown = false;
        return;
    case NT_SEC_DONE:
        auth->state = AUTH_READY;
        if (!auth3)
            send_ack(m, auth, token);
        return;
    case NT_SEC_CONTINUE:
        if (!auth3) {
            send_ack(m, auth, token);
            return;
        }
        break; /* AUTH3 is the last leg: what is not done now never will be */
    case NT_SEC_FAILED:
        break;
    }
    auth->state = AUTH_REFUSED;
    nt_buf_free(&m->ack);
    if (auth3) /* has no answer: the first request gets it */
        return;
    if (m->leg_ptype == NT_PT_BIND) {
        server_bind_nak(m, m->leg_call_id, NT_NAK_INVALID_CHECKSUM, "authentication failed");
        return;
    }
    server_send_fault(m, m->leg_call_id, 0, NT_PFC_DID_NOT_EXECUTE, NT_FAULT_ACCESS_DENIED);
    server_close(m, "authentication failed");
}

static void leg_step(struct nt_rpc_server *m, struct auth *auth, const struct nt_rpc_pdu *pdu)
{
    struct nt_buf token;

    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    m->leg_ptype = pdu->header.ptype;
    m->leg_call_id = pdu->header.call_id;
    enum nt_sec_step step =
        auth->p.sec->ops->step(auth->p.sec, pdu->auth.token, pdu->auth.token_len, &token);
    leg_done(m, auth, step, &token);
    nt_buf_free(&token);
}

void server_leg_answer(struct nt_rpc_server *m, const struct nt_sec_answer *answer)
{
    struct auth *auth = m->asking;
    struct nt_buf token;

    m->asking = NULL;
    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    auth->caller = answer->caller;
    enum nt_sec_step step = auth->p.sec->ops->answer(auth->p.sec, answer, &token);
    leg_done(m, auth, step, &token);
    nt_buf_free(&token);
}

/* A new security context for a bind or alter_context; NULL when the peer was refused. */
static struct auth *new_auth(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu)
{
    const struct nt_rpc_verifier *v = &pdu->auth;
    enum nt_auth_level level = nt_rpc_level(v->level);
    bool is_bind = pdu->header.ptype == NT_PT_BIND;

    if (m->auth_count >= m->config.limits.max_auth) {
        server_refuse(m, &pdu->header, NT_FAULT_ACCESS_DENIED, "limit: too many security contexts");
        return NULL;
    }
    struct nt_sec *sec = NULL;
    if (level != NT_LEVEL_NONE && m->config.make_sec != NULL &&
        (v->type == NT_AUTH_SPNEGO || v->type == NT_AUTH_NTLM || v->type == NT_AUTH_SCHANNEL))
        sec = m->config.make_sec(m->config.ctx, (enum nt_auth_type)v->type);
    if (sec == NULL) {
        const char *why = "authentication type or level not offered";
        if (is_bind)
            server_bind_nak(m, pdu->header.call_id, NT_NAK_AUTH_TYPE, why);
        else
            server_refuse(m, &pdu->header, NT_FAULT_ACCESS_DENIED, why);
        return NULL;
    }
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL) {
        sec->ops->free(sec);
        server_close(m, "out of memory");
        return NULL;
    }
    auth->p = (struct nt_rpc_protection){
        .sec = sec,
        .type = v->type,
        .level = level,
        .context_id = v->context_id,
        .sign_header = m->sign_header,
    };
    auth->next = m->auths;
    m->auths = auth;
    m->auth_count++;
    if (is_bind)
        m->default_auth = auth;
    return auth;
}

/* The security context that the verifier belongs to, new or on its next leg; NULL: refused. */
static struct auth *leg_auth(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu)
{
    struct auth *auth = server_auth_find(m, pdu->auth.context_id);
    if (auth == NULL)
        return new_auth(m, pdu);
    if (auth->state == AUTH_LEGS && nt_rpc_same_context(&auth->p, &pdu->auth))
        return auth;
    server_refuse(m, &pdu->header, NT_FAULT_ACCESS_DENIED,
                  "protocol error: authentication does not continue the security context");
    return NULL;
}

void server_negotiate(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu)
{
    const unsigned whole = NT_PFC_FIRST | NT_PFC_LAST;
    size_t before = m->presentation_count;

    if ((pdu->header.flags & whole) != whole || pdu->bind.count == 0) {
        server_refuse(m, &pdu->header, NT_FAULT_PROTO_ERROR,
                      "protocol error: no presentation contexts, or a bind in fragments");
        return;
    }
    prepare_ack(m, pdu);
    struct auth *auth = NULL;
    if (pdu->auth.present) {
        auth = leg_auth(m, pdu);
        if (auth == NULL)
            return;
    }
    /* A context agreed on beside an authentication, or on a connection that was authenticated from
     * its bind, is for protected requests only. */
    for (size_t i = before; i < m->presentation_count; i++)
        m->presentations[i].auth = auth != NULL ? auth : m->default_auth;
    if (auth != NULL)
        leg_step(m, auth, pdu);
    else
        send_ack(m, NULL, NULL);
}

void server_auth3(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu)
{
    struct auth *auth = pdu->auth.present ? server_auth_find(m, pdu->auth.context_id) : NULL;

    if (auth == NULL || auth->state != AUTH_LEGS || !nt_rpc_same_context(&auth->p, &pdu->auth)) {
        server_refuse(m, &pdu->header, NT_FAULT_ACCESS_DENIED,
                      "protocol error: AUTH3 does not continue a security context");
        return;
    }
    leg_step(m, auth, pdu);
}
