#include "netbios/getdc.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_PRIORITY    1 /* as NT's and Samba's controllers have it */
#define ACCOUNT_WSTRUST    0x80
#define ANSWER_SLOT_FORMAT "\\MAILSLOT\\NET\\GETDC%08X"

static enum nt_dgm_node node_of(const struct nt_nb_node *n)
{
    switch (n->config.mode) {
    case NT_NB_B:
        return NT_DGM_B_NODE;
    case NT_NB_P:
        return NT_DGM_P_NODE;
    case NT_NB_M:
    case NT_NB_H:
        break;
    }
    return NT_DGM_M_NODE;
}

/* Packs a NETLOGON message into the mailslot write and the datagram. */
static bool pack(struct nt_dgm *d, struct nt_mailslot *m, struct nt_buf *message,
                 struct nt_buf *out)
{
    struct nt_buf smb;
    nt_buf_init(&smb, NT_NB_PACKET_MAX);
    nt_buf_clear(out);
    m->data = message->data;
    m->len = message->len;
    nt_mailslot_write(&smb, m);
    d->data = smb.data;
    d->len = smb.len;
    if (message->err == NT_OK && smb.err == NT_OK)
        nt_dgm_write(out, d);
    else
        nt_buf_fail(out, NT_E_NOMEM);
    nt_buf_free(&smb);
    return out->err == NT_OK;
}

static bool is_netlogon(const char *slot)
{
    return strcasecmp(slot, NT_MAILSLOT_NETLOGON) == 0 ||
           strcasecmp(slot, NT_MAILSLOT_NTLOGON) == 0;
}

static void compose(const struct nt_getdc_self *self, const struct nt_nl_request *rq,
                    struct nt_buf *b)
{
    struct nt_nl_response r = { .oem_only = rq->oem_only };
    r.opcode = rq->opcode == NT_NL_SAM_LOGON ? NT_NL_SAM_LOGON_RESPONSE : NT_NL_PRIMARY_RESPONSE;
    snprintf(r.server, sizeof r.server, "%s", self->computer);
    snprintf(r.user, sizeof r.user, "%s", rq->user);
    snprintf(r.domain, sizeof r.domain, "%s", self->domain);
    nt_nl_response_write(b, &r);
}

bool nt_getdc_answer(const struct nt_getdc_self *self, uint32_t from, uint32_t local, uint16_t id,
                     const uint8_t *data, size_t len, struct nt_nb_packet *out)
{
    struct nt_dgm in, d = { .type = NT_DGM_UNIQUE,
                            .node = node_of(self->node),
                            .id = id,
                            .source_address = local,
                            .source_port = NT_NB_DGM_PORT };
    struct nt_mailslot slot, to = { .priority = ANSWER_PRIORITY };
    struct nt_nl_request rq;
    struct nt_buf message;

    if (nt_dgm_read(data, len, &in) != NT_OK || !nt_nb_node_is_own(self->node, &in.destination) ||
        nt_mailslot_read(in.data, in.len, &slot) != NT_OK || !is_netlogon(slot.name) ||
        nt_nl_request_read(slot.data, slot.len, &rq) != NT_OK)
        return false;
    if (!nt_sid_is_null(&rq.sid) && !nt_sid_equal(&rq.sid, &self->sid))
        return false;
    /* A mailslot that NETLOGON's clients make; never one of ours or another service's. */
    if (strncasecmp(rq.mailslot, "\\MAILSLOT\\NET\\GETDC", 19) != 0 &&
        strncasecmp(rq.mailslot, "\\MAILSLOT\\TEMP\\", 15) != 0)
        return false;
    if (!nt_nb_name_set(&d.source, self->computer, NT_NB_WORKSTATION))
        return false;
    d.destination = in.source;
    memcpy(to.name, rq.mailslot, sizeof to.name);
    nt_buf_init(&message, NT_NB_PACKET_MAX);
    compose(self, &rq, &message);
    bool ok = pack(&d, &to, &message, &out->data);
    nt_buf_free(&message);
    out->local = local;
    out->to = from;
    out->port = NT_NB_DGM_PORT;
    return ok;
}

static void answer_slot(const struct nt_getdc_question *q, char out[NT_MAILSLOT_NAME])
{
    snprintf(out, NT_MAILSLOT_NAME, ANSWER_SLOT_FORMAT, q->number);
}

bool nt_getdc_ask(const struct nt_getdc_question *q, uint32_t local, uint32_t to, uint16_t id,
                  struct nt_nb_packet *out)
{
    struct nt_dgm d = { .type = NT_DGM_GROUP,
                        .node = NT_DGM_M_NODE,
                        .id = id,
                        .source_address = local,
                        .source_port = NT_NB_DGM_PORT };
    struct nt_mailslot slot = { .name = NT_MAILSLOT_NTLOGON };
    struct nt_nl_request rq = { .opcode = NT_NL_SAM_LOGON,
                                .account_control = ACCOUNT_WSTRUST,
                                .version = NT_NL_VERSION_1 };
    struct nt_buf message;
    snprintf(rq.computer, sizeof rq.computer, "%s", q->computer);
    snprintf(rq.user, sizeof rq.user, "%s", q->account);
    answer_slot(q, rq.mailslot);
    if (q->sid != NULL)
        rq.sid = *q->sid;
    if (!nt_nb_name_set(&d.source, q->computer, NT_NB_WORKSTATION) ||
        !nt_nb_name_set(&d.destination, q->domain, NT_NB_CONTROLLERS))
        return false;
    nt_buf_init(&message, NT_NB_PACKET_MAX);
    nt_nl_request_write(&message, &rq);
    bool ok = pack(&d, &slot, &message, &out->data);
    nt_buf_free(&message);
    out->local = local;
    out->to = to;
    out->port = NT_NB_DGM_PORT;
    return ok;
}

bool nt_getdc_take(const struct nt_getdc_question *q, const uint8_t *data, size_t len,
                   struct nt_nl_response *r)
{
    struct nt_dgm in;
    struct nt_mailslot slot;
    char expected[NT_MAILSLOT_NAME];
    answer_slot(q, expected);
    return nt_dgm_read(data, len, &in) == NT_OK &&
           nt_mailslot_read(in.data, in.len, &slot) == NT_OK &&
           strcasecmp(slot.name, expected) == 0 &&
           nt_nl_response_read(slot.data, slot.len, r) == NT_OK && r->server[0] != '\0';
}
