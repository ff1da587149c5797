/*
 * protocol_smb.c - SMB with DCE/RPC on its named pipes: the SMB machine (smb/server.h) speaks with
 * the client, and each open pipe has an association. [MS-RPCE] 2.1.1.2
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "daemon/assoc.h"
#include "daemon/protocol.h"
#include "daemon/question.h"
#include "idl/dssetup.h"
#include "idl/epm.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "idl/srvsvc.h"
#include "idl/wkssvc.h"
#include "smb/server.h"

#define NEVER_MS     UINT32_MAX /* an idle pipe lives as long as its session */
#define PDU_HEAD     16         /* bytes of a PDU's common header; its length is at 8 */
#define PDU_FRAG_LEN 8

/* --- which pipes there are, and what is spoken on them --- */

static const struct nt_ndr_interface *const lsass_ifaces[] = { &ndr_netlogon, &ndr_lsarpc,
                                                               &ndr_samr, &ndr_dssetup };
static const struct nt_ndr_interface *const ntsvcs_ifaces[] = { &ndr_srvsvc, &ndr_wkssvc };
static const struct nt_ndr_interface *const epm_ifaces[] = { &ndr_epm };

/* Each pipe: its name, which of the lists above is spoken on it, and the pipe's own name, of which
 * the first may be an alias. */
#define PIPES(P)                                                                                   \
    P("netlogon", lsass_ifaces, "\\PIPE\\lsass")                                                   \
    P("lsarpc", lsass_ifaces, "\\PIPE\\lsass")                                                     \
    P("samr", lsass_ifaces, "\\PIPE\\lsass")                                                       \
    P("lsass", lsass_ifaces, "\\PIPE\\lsass")                                                      \
    P("srvsvc", ntsvcs_ifaces, "\\PIPE\\ntsvcs")                                                   \
    P("wkssvc", ntsvcs_ifaces, "\\PIPE\\ntsvcs")                                                   \
    P("ntsvcs", ntsvcs_ifaces, "\\PIPE\\ntsvcs")                                                   \
    P("epmapper", epm_ifaces, "\\PIPE\\epmapper")

static const struct pipe_kind {
    const char *name;
    const struct nt_ndr_interface *const *ifaces;
    size_t iface_count;
    const char *secondary;
} kinds[] = {
#define KIND(name, ifaces, secondary) { name, ifaces, NT_COUNT(ifaces), secondary },
    PIPES(KIND)
#undef KIND
};

/* The names alone, for the SMB machine. */
static const char *const pipe_names[] = {
#define NAME(name, ifaces, secondary) name,
    PIPES(NAME)
#undef NAME
        NULL
};

static const struct pipe_kind *kind_of(const char *name)
{
    size_t i = 0;
    while (strcmp(kinds[i].name, name) != 0) /* the machine opens only what it was given */
        i++;
    return &kinds[i];
}

/* --- a connection --- */

struct pipe {
    struct pipe *next;
    uint32_t id;
    struct conn *conn;
    struct nt_assoc *assoc;
    bool held;    /* written bytes wait until the association takes them */
    bool blocked; /* calls or answers wait until the client reads */
    bool ended;
};

struct conn {
    const struct nt_protocol_host *host;
    struct nt_stream *stream; /* NULL: it has gone */
    struct nt_smb_server *smb;
    struct pipe *pipes;
    unsigned asking; /* questions under way: they need this struct */
    bool failed;
    char peer[80], local[80];
};

static void conn_free(struct conn *c)
{
    nt_smb_server_free(c->smb);
    free(c);
}

static struct nt_sec *make_sec(void *ctx)
{
    return nt_question_context(ctx, NT_AUTH_SPNEGO);
}

static void *smb_open(void *ctx, struct nt_stream *stream, const char *peer, const char *local)
{
    const struct nt_protocol_host *host = ctx;
    const struct nt_config *settings = host->config;
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    struct nt_smb_server_config config = {
        .env = host->service->env,
        .pipes = pipe_names,
        .make_sec = make_sec,
        .caller_free = nt_question_forget,
        .ctx = host->service,
        .limits = nt_smb_limits_default,
    };
    memcpy(config.guid, host->guid, sizeof config.guid);
    config.limits.max_sessions = (uint16_t)settings->sessions_per_connection;
    config.limits.max_setups = (uint16_t)settings->setups_per_connection;
    config.limits.max_pipes = (uint16_t)settings->pipes_per_session;
    config.limits.max_in_flight = settings->smb_in_flight_kib * 1024;
    config.limits.idle_ms = settings->anonymous_timeout_s * 1000;
    config.limits.auth_ms = settings->handshake_timeout_s * 1000;
    c->host = host;
    c->stream = stream;
    strncpy(c->peer, peer, sizeof c->peer - 1);
    strncpy(c->local, local, sizeof c->local - 1);
    c->smb = nt_smb_server_new(&config, nt_loop_now(nt_stream_loop(stream)));
    if (c->smb == NULL) {
        free(c);
        return NULL;
    }
    atomic_fetch_add_explicit(&host->counts->connections, 1, memory_order_relaxed);
    return c;
}

/* Somebody has authenticated, in a session or on a pipe. */
static void keep_longer(struct conn *c)
{
    nt_smb_server_set_idle(c->smb, c->host->config->idle_timeout_s * 1000);
}

/* --- pipes --- */

static bool pipe_ready(void *ctx)
{
    struct pipe *p = ctx;
    bool ready = nt_stream_ready(p->conn->stream) && nt_smb_server_pipe_ready(p->conn->smb, p->id);
    if (!ready)
        p->blocked = true; /* served again when the client has read */
    return ready;
}

static void pipe_known(void *ctx)
{
    struct pipe *p = ctx;
    keep_longer(p->conn);
}

static void pipe_end(struct pipe *p, const char *why)
{
    if (p->ended)
        return;
    p->ended = true;
    if (*why != '\0')
        nt_log(NT_LOG_INFO, "pipe ended peer=%s reason=%s", p->conn->peer, why);
    nt_smb_server_pipe_end(p->conn->smb, p->id);
}

/* What the association has to say, each PDU a message of its own. */
static void pipe_drain(struct pipe *p)
{
    const uint8_t *data;
    size_t len;
    const char *why = "";
    while (!p->ended && (len = nt_assoc_pending(p->assoc, &data)) >= PDU_HEAD) {
        size_t pdu = nt_le16(data + PDU_FRAG_LEN);
        assert(pdu <= len); /* it is sent whole */
        enum nt_err err = nt_smb_server_pipe_put(p->conn->smb, p->id, data, pdu);
        if (err == NT_E_LIMIT && !nt_smb_server_pipe_ready(p->conn->smb, p->id)) {
            p->blocked = true;
            return;
        }
        if (err != NT_OK)
            pipe_end(p, nt_err_text(err));
        nt_assoc_sent(p->assoc, pdu);
    }
    if (!p->ended && nt_assoc_closed(p->assoc, &why))
        pipe_end(p, why);
}

static void pipe_serve(struct pipe *p)
{
    p->blocked = false;
    nt_assoc_serve(p->assoc);
    pipe_drain(p);
}

/* Something has moved; true: bytes that were held are shown again. */
static bool pipe_go_on(struct pipe *p)
{
    pipe_serve(p);
    if (!p->held)
        return false;
    p->held = false;
    nt_smb_server_pipe_resume(p->conn->smb, p->id);
    return true;
}

/* A call or question of the pipe is answered that had to wait. */
static void pipe_wake(void *ctx)
{
    struct pipe *p = ctx;
    (void)pipe_go_on(p);
    nt_stream_wake(p->conn->stream);
}

static struct pipe *pipe_find(const struct conn *c, uint32_t id)
{
    struct pipe *p = c->pipes;
    while (p != NULL && p->id != id)
        p = p->next;
    return p;
}

static void pipe_open(struct conn *c, const struct nt_smb_event *ev)
{
    const struct pipe_kind *kind = kind_of(ev->name);
    struct pipe *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->id = ev->pipe;
        p->conn = c;
        p->assoc = nt_assoc_new(&(struct nt_assoc_config){
            .service = c->host->service,
            .loop = nt_stream_loop(c->stream),
            .parked = c->host->parked,
            .ifaces = kind->ifaces,
            .iface_count = kind->iface_count,
            .secondary = kind->secondary,
            .idle_ms = NEVER_MS,
            .anonymous_idle_ms = NEVER_MS,
            .auth_ms = NEVER_MS,
            .peer = c->peer,
            .local = c->local,
            .transport = NT_TRANSPORT_PIPE,
            .is_signed = ev->is_signed,
            .is_encrypted = ev->is_encrypted,
            .caller = ev->caller != NULL ? ev->caller : c->host->anonymous,
            .session_key = ev->session_key,
            .ready = pipe_ready,
            .wake = pipe_wake,
            .known = pipe_known,
            .ctx = p,
        });
    }
    if (p == NULL || p->assoc == NULL) {
        free(p);
        nt_smb_server_pipe_end(c->smb, ev->pipe);
        return;
    }
    p->next = c->pipes;
    c->pipes = p;
    atomic_fetch_add_explicit(&c->host->counts->pipes, 1, memory_order_relaxed);
}

static void pipe_data(struct conn *c, const struct nt_smb_event *ev)
{
    struct pipe *p = pipe_find(c, ev->pipe);
    size_t at = 0, took = 1;
    if (p == NULL || p->ended) /* it is read to its end and gone: nobody wants the bytes */
        return;
    while (took > 0 && at < ev->len) {
        took = nt_assoc_feed(p->assoc, ev->data + at, ev->len - at);
        at += took;
        pipe_serve(p);
    }
    if (at < ev->len && !p->ended) {
        p->held = true;
        nt_smb_server_pipe_took(c->smb, p->id, at);
    }
}

static void pipe_close(struct conn *c, uint32_t id)
{
    for (struct pipe **at = &c->pipes; *at != NULL; at = &(*at)->next) {
        struct pipe *p = *at;
        if (p->id != id)
            continue;
        *at = p->next;
        atomic_fetch_sub_explicit(&c->host->counts->pipes, 1, memory_order_relaxed);
        nt_assoc_close(p->assoc);
        free(p);
        return;
    }
}

/* --- questions of session set-ups --- */

static bool on_answered(void *ctx, uint32_t ask_id, const struct nt_sec_answer *answer)
{
    struct conn *c = ctx;
    const struct nt_token *caller = answer->caller;
    if (c->stream == NULL || nt_smb_server_answer(c->smb, ask_id, answer) != NT_OK)
        return false;
    if (caller != NULL && !nt_token_is_anonymous(caller))
        keep_longer(c);
    return true;
}

static void on_late_answer(void *ctx)
{
    struct conn *c = ctx;
    c->asking--;
    if (c->stream != NULL)
        nt_stream_wake(c->stream);
    else if (c->asking == 0)
        conn_free(c);
}

static void ask(struct conn *c, const struct nt_smb_event *ev)
{
    struct nt_question_config config = { .service = c->host->service,
                                         .loop = nt_stream_loop(c->stream),
                                         .parked = c->host->parked,
                                         .peer = c->peer,
                                         .answered = on_answered,
                                         .wake = on_late_answer,
                                         .ctx = c };
    bool at_once;
    c->asking++;
    if (!nt_question_ask(&config, ev->ask_id, ev->question, &at_once))
        c->failed = true;
    if (at_once)
        c->asking--;
}

/* --- the protocol's functions --- */

static void serve_events(struct conn *c)
{
    struct nt_smb_event ev;
    while (!c->failed && nt_stream_ready(c->stream) && nt_smb_server_next(c->smb, &ev))
        switch (ev.kind) {
        case NT_SMB_ASK:
            ask(c, &ev);
            break;
        case NT_SMB_OPEN:
            pipe_open(c, &ev);
            break;
        case NT_SMB_DATA:
            pipe_data(c, &ev);
            break;
        case NT_SMB_CLOSE:
            pipe_close(c, ev.pipe);
            break;
        }
}

static void smb_serve(void *conn)
{
    struct conn *c = conn;
    bool more = true;
    while (more) {
        more = false;
        serve_events(c);
        for (struct pipe *p = c->pipes; p != NULL; p = p->next)
            if (p->blocked && pipe_ready(p))
                more = pipe_go_on(p) || more;
    }
}

static size_t smb_feed(void *conn, const uint8_t *data, size_t len, uint64_t now_ms)
{
    return nt_smb_server_feed(((struct conn *)conn)->smb, data, len, now_ms);
}

static size_t smb_pending(const void *conn, const uint8_t **data)
{
    return nt_smb_server_pending(((const struct conn *)conn)->smb, data);
}

static void smb_sent(void *conn, size_t len)
{
    nt_smb_server_sent(((struct conn *)conn)->smb, len);
}

static uint64_t smb_deadline(const void *conn)
{
    return nt_smb_server_deadline(((const struct conn *)conn)->smb);
}

static bool smb_tick(void *conn, uint64_t now_ms)
{
    return nt_smb_server_tick(((struct conn *)conn)->smb, now_ms) == NT_OK;
}

static bool smb_closed(const void *conn, const char **why)
{
    const struct conn *c = conn;
    if (c->failed) {
        *why = "out of memory";
        return true;
    }
    return nt_smb_server_closed(c->smb, why);
}

static void smb_close(void *conn)
{
    struct conn *c = conn;
    c->stream = NULL;
    atomic_fetch_sub_explicit(&c->host->counts->connections, 1, memory_order_relaxed);
    while (c->pipes != NULL)
        pipe_close(c, c->pipes->id);
    if (c->asking == 0)
        conn_free(c);
}

const struct nt_protocol nt_protocol_smb = {
    .open = smb_open,
    .feed = smb_feed,
    .serve = smb_serve,
    .pending = smb_pending,
    .sent = smb_sent,
    .deadline = smb_deadline,
    .tick = smb_tick,
    .closed = smb_closed,
    .close = smb_close,
};
