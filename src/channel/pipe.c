#include "channel/pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rpc/pdu.h"

#define OPEN_MS   10000
#define ANSWER_MS 20000 /* the association's own limits are shorter and say more */

#define HEADER_LEN 16 /* of a PDU; what is needed of it */
#define AT_PTYPE   2
#define AT_FLAGS   3
#define AT_DREP    4
#define AT_FRAG    8

struct nt_pipe {
    enum nt_pipe_state state;
    const char *name;
    struct nt_smb_client *smb; /* of the host, where there is one */
    struct nt_pipe *host;      /* whose session this one shares; NULL: it has its own */
    struct nt_pipe *guests;    /* that share this one's, by `next` */
    struct nt_pipe *next;
    struct nt_rpc_client *rpc; /* of the last nt_pipe_move */
    bool session;              /* is set up: pipes can be opened */
    uint32_t id;
    bool asked; /* an answer is awaited or not yet whole */
    /* the PDU that is arriving */
    uint8_t head[HEADER_LEN];
    size_t head_len;
    size_t left; /* bytes of it behind the header */
    ntstatus status;
    enum nt_smb_step step;
    char why[256];
};

/* An interface and its pipe, [MS-NRPC] 2.1, [MS-LSAD] 2.1, [MS-SAMR] 2.1, [MS-SRVS] 2.1,
 * [MS-WKST] 2.1; [MS-DSSP] 2.1 shares LSARPC's. */
const char *nt_pipe_name(const struct nt_ndr_interface *iface)
{
    static const char *const own[] = { "netlogon", "lsarpc", "samr", "srvsvc", "wkssvc" };
    for (size_t i = 0; i < NT_COUNT(own); i++)
        if (strcmp(iface->name, own[i]) == 0)
            return own[i];
    if (strcmp(iface->name, "dssetup") == 0)
        return "lsarpc";
    return strcmp(iface->name, "epm") == 0 ? "epmapper" : NULL;
}

static void open_pipe(struct nt_pipe *p, uint64_t now_ms);

static struct nt_pipe *new_guest(struct nt_pipe *host, const char *name, uint64_t now_ms)
{
    struct nt_pipe *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->name = name;
    p->smb = host->smb;
    p->host = host;
    p->next = host->guests;
    host->guests = p;
    if (host->session)
        open_pipe(p, now_ms);
    return p;
}

struct nt_pipe *nt_pipe_new(const struct nt_pipe_config *config, uint64_t now_ms)
{
    struct nt_sec *sec = config->sec;
    if (config->beside != NULL)
        return new_guest(config->beside, nt_pipe_name(config->iface), now_ms);
    if (sec == NULL) {
        const struct nt_ntlm_client_config nobody = {
            .domain = "", .user = "", .computer = "", .env = config->env
        };
        struct nt_sec *inner = nt_sec_ntlm_client(&nobody);
        sec = inner != NULL ? nt_sec_spnego_client(inner) : NULL;
    }
    struct nt_pipe *p = sec != NULL ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        if (sec != NULL)
            sec->ops->free(sec);
        return NULL;
    }
    p->name = nt_pipe_name(config->iface);
    p->smb = nt_smb_client_new(&(struct nt_smb_client_config){ .host = config->host,
                                                               .sec = sec,
                                                               .anonymous = config->sec == NULL,
                                                               .encrypt = config->encrypt,
                                                               .env = config->env },
                               now_ms);
    if (p->smb == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

/* The first failure stays. */
static void fail(struct nt_pipe *p, enum nt_smb_step step, ntstatus status, const char *why)
{
    if (p->state == NT_PIPE_FAILED)
        return;
    p->state = NT_PIPE_FAILED;
    p->step = step;
    p->status = status;
    snprintf(p->why, sizeof p->why, "%s", why);
}

static void fail_err(struct nt_pipe *p, enum nt_err err)
{
    fail(p, NT_SMB_STEP_NETWORK, nt_status_of(err), nt_err_text(err));
}

static void leave(struct nt_pipe *p)
{
    struct nt_pipe **at = &p->host->guests;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (p->state != NT_PIPE_FAILED && p->session)
        nt_smb_client_close(p->smb, p->id, 0);
}

void nt_pipe_free(struct nt_pipe *p)
{
    if (p == NULL)
        return;
    for (struct nt_pipe *g = p->guests; g != NULL; g = g->next) {
        fail(g, NT_SMB_STEP_NETWORK, NT_STATUS(CONNECTION_ABORTED), "the connection was closed");
        g->host = NULL;
        g->smb = NULL;
    }
    if (p->host != NULL)
        leave(p);
    else
        nt_smb_client_free(p->smb);
    free(p);
}

/* --- what comes --------------------------------------------------------------------------- */

/* Length of a PDU, in its own byte order. */
static size_t frag_len(const uint8_t *head)
{
    return head[AT_DREP] & 0x10 ? nt_le16(head + AT_FRAG) : nt_be16(head + AT_FRAG);
}

/* Follows the PDUs in what arrives; an answer has ended with the last fragment's last byte. */
static void follow(struct nt_pipe *p, const uint8_t *data, size_t len)
{
    while (len > 0) {
        if (p->left == 0) {
            size_t lack = HEADER_LEN - p->head_len, n = len < lack ? len : lack;
            memcpy(p->head + p->head_len, data, n);
            p->head_len += n;
            data += n;
            len -= n;
            if (p->head_len < HEADER_LEN)
                return;
            size_t whole = frag_len(p->head);
            p->left = whole > HEADER_LEN ? whole - HEADER_LEN : 0;
        }
        size_t n = len < p->left ? len : p->left;
        data += n;
        len -= n;
        p->left -= n;
        if (p->left > 0)
            return;
        p->head_len = 0;
        if (p->head[AT_FLAGS] & NT_PFC_LAST)
            p->asked = false;
    }
}

static void take_data(struct nt_pipe *p, const struct nt_smb_client_event *ev, uint64_t now_ms)
{
    const uint8_t *data = ev->data;
    size_t len = ev->len;
    while (p->rpc != NULL && len > 0) {
        size_t took = nt_rpc_client_feed(p->rpc, data, len, now_ms);
        if (took == 0)
            break; /* the association has ended */
        follow(p, data, took);
        data += took;
        len -= took;
    }
    if (!ev->more && p->asked && len == 0) { /* more fragments, or the rest of one */
        enum nt_err err =
            ev->len > 0 ? nt_smb_client_read(p->smb, p->id, ANSWER_MS, now_ms) : NT_E_MALFORMED;
        if (err != NT_OK)
            fail_err(p, err);
    }
}

static void open_pipe(struct nt_pipe *p, uint64_t now_ms)
{
    enum nt_err err = p->name == NULL
                          ? NT_E_UNSUPPORTED
                          : nt_smb_client_open(p->smb, p->name, OPEN_MS, now_ms, &p->id);
    p->session = err == NT_OK;
    if (err != NT_OK)
        fail_err(p, err);
}

/* An event of one pipe. */
static void take_event(struct nt_pipe *p, const struct nt_smb_client_event *ev, uint64_t now_ms)
{
    switch (ev->kind) {
    case NT_SMB_CLIENT_READY:
        open_pipe(p, now_ms);
        break;
    case NT_SMB_CLIENT_OPENED:
        p->state = NT_PIPE_OPEN;
        break;
    case NT_SMB_CLIENT_DATA:
        take_data(p, ev, now_ms);
        break;
    case NT_SMB_CLIENT_CLOSED:
        /* Not opened: a matter of rights to it, or it is not there. */
        fail(p, p->state == NT_PIPE_OPENING ? NT_SMB_STEP_SHARE : NT_SMB_STEP_NETWORK, ev->status,
             ev->why);
        break;
    case NT_SMB_CLIENT_FAILED:
        fail(p, ev->step, ev->status, ev->why);
        break;
    }
}

static bool is_for(const struct nt_pipe *p, const struct nt_smb_client_event *ev)
{
    bool all = ev->kind == NT_SMB_CLIENT_READY || ev->kind == NT_SMB_CLIENT_FAILED;
    return p->state != NT_PIPE_FAILED && (all || (p->session && p->id == ev->pipe));
}

static enum nt_pipe_state drain(struct nt_pipe *p, uint64_t now_ms)
{
    struct nt_smb_client_event ev;
    while (p->state != NT_PIPE_FAILED && nt_smb_client_next(p->smb, &ev, now_ms)) {
        for (struct nt_pipe *g = p->guests; g != NULL; g = g->next)
            if (is_for(g, &ev))
                take_event(g, &ev, now_ms);
        if (is_for(p, &ev))
            take_event(p, &ev, now_ms);
    }
    return p->state;
}

enum nt_pipe_state nt_pipe_feed(struct nt_pipe *p, const uint8_t *data, size_t len, uint64_t now_ms)
{
    while (len > 0 && p->state != NT_PIPE_FAILED) {
        size_t took = nt_smb_client_feed(p->smb, data, len, now_ms);
        drain(p, now_ms);
        data += took;
        len -= took;
    }
    return p->state;
}

enum nt_pipe_state nt_pipe_tick(struct nt_pipe *p, uint64_t now_ms)
{
    if (p->host != NULL || p->smb == NULL)
        return p->state;
    nt_smb_client_tick(p->smb, now_ms);
    return drain(p, now_ms);
}

enum nt_pipe_state nt_pipe_eof(struct nt_pipe *p)
{
    if (p->host != NULL || p->smb == NULL)
        return p->state;
    nt_smb_client_eof(p->smb);
    return drain(p, 0); /* nothing is begun any more */
}

enum nt_pipe_state nt_pipe_state_of(const struct nt_pipe *p)
{
    return p->state;
}

/* --- what goes ---------------------------------------------------------------------------- */

/* True for a PDU that is answered: not a third leg of the security context, and not a fragment that
 * others follow. */
static bool is_answered(const uint8_t *pdu)
{
    return pdu[AT_PTYPE] != NT_PT_AUTH3 && (pdu[AT_FLAGS] & NT_PFC_LAST);
}

enum nt_pipe_state nt_pipe_move(struct nt_pipe *p, struct nt_rpc_client *rpc, uint64_t now_ms)
{
    const uint8_t *data;
    size_t len;
    p->rpc = rpc;
    /* One question at a time: a pipe with unread data takes no other. [MS-FSCC] 2.3.45 */
    while (p->state == NT_PIPE_OPEN && !p->asked &&
           (len = nt_rpc_client_pending(rpc, &data)) >= HEADER_LEN) {
        size_t pdu = frag_len(data);
        if (pdu > len || pdu < HEADER_LEN)
            break;
        bool ask = is_answered(data);
        enum nt_err err = nt_smb_client_write(p->smb, p->id, data, pdu, ask, ANSWER_MS, now_ms);
        if (err != NT_OK) {
            fail_err(p, err);
            break;
        }
        p->asked = ask;
        nt_rpc_client_sent(rpc, pdu);
    }
    return p->state;
}

/* --- the rest ----------------------------------------------------------------------------- */

const char *nt_pipe_failure(const struct nt_pipe *p, ntstatus *status, enum nt_smb_step *step)
{
    *status = p->status;
    *step = p->step;
    return p->state == NT_PIPE_FAILED ? p->why : NULL;
}

size_t nt_pipe_pending(const struct nt_pipe *p, const uint8_t **data)
{
    return p->host == NULL && p->smb != NULL ? nt_smb_client_pending(p->smb, data) : 0;
}

void nt_pipe_sent(struct nt_pipe *p, size_t len)
{
    nt_smb_client_sent(p->smb, len);
}

uint64_t nt_pipe_deadline(const struct nt_pipe *p)
{
    return p->host == NULL && p->smb != NULL ? nt_smb_client_deadline(p->smb) : UINT64_MAX;
}

const struct nt_secret *nt_pipe_session_key(const struct nt_pipe *p)
{
    return p->smb != NULL ? nt_smb_client_session_key(p->smb) : NULL;
}

const struct nt_smb_client *nt_pipe_smb(const struct nt_pipe *p)
{
    return p->smb;
}
