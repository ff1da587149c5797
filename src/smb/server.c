/*
 * server.c - the server machine: the stream in, events to the owner, its answers, and time.
 */
#include "smb/server.h"

#include <stdlib.h>
#include <string.h>

#include "smb/server_internal.h"

/* Bytes waiting to be sent above which no further message is looked at: a peer that asks and does
 * not read fills its own buffers, not ours. */
#define OUT_HIGH ((size_t)256 * 1024)
#define OUT_MAX  ((size_t)64 * 1024 * 1024)
#define OUT_KEEP 2048u /* a buffer up to this size stays for the next answer */

/* NetBIOS session service, RFC 1002 4.3: what comes before and between messages on port 139. */
#define NETBIOS_REQUEST   0x81
#define NETBIOS_POSITIVE  0x82
#define NETBIOS_KEEPALIVE 0x85
#define NETBIOS_NAMES_MAX 512u /* bytes of the two names in a request */

const struct nt_smb_limits nt_smb_limits_default = {
    .max_sessions = 64,
    .max_setups = 8,
    .max_pipes = 64,
    .max_credits = 512,
    .max_transact = 256 * 1024,
    .max_in_flight = 1024 * 1024,
    .idle_ms = 15 * 60 * 1000,
    .auth_ms = 30 * 1000,
    .interim_ms = 100,
};

struct nt_smb_server *nt_smb_server_new(const struct nt_smb_server_config *config, uint64_t now_ms)
{
    struct nt_smb_server *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->config = *config;
    if (m->config.limits.max_transact < 65536) /* what clients insist on, [MS-SMB2] 3.2.5.2 */
        m->config.limits.max_transact = 65536;
    m->why = "";
    m->now_ms = m->last_ms = m->alone_ms = now_ms;
    m->told_end = &m->told_first;
    m->ready_end = &m->ready;
    nt_buf_init(&m->out, OUT_MAX);
    nt_smb_credits_init(&m->credits);
    return m;
}

static void free_chains(struct nt_smb_server *m, struct chain *c)
{
    while (c != NULL) {
        struct chain *next = c->next;
        smb_chain_free(m, c);
        c = next;
    }
}

void nt_smb_server_free(struct nt_smb_server *m)
{
    if (m == NULL)
        return;
    smb_frame_abandon(m);
    for (struct session *s = m->sessions; s != NULL; s = s->next)
        if (s->setup != NULL)
            s->setup->chain = NULL;
    free_chains(m, m->waiting);
    free_chains(m, m->ready);
    smb_chain_free(m, m->incoming);
    while (m->pipes != NULL)
        smb_pipe_free(m, m->pipes);
    while (m->sessions != NULL)
        smb_session_end(m, m->sessions);
    nt_buf_free(&m->out);
    free(m);
}

void smb_close(struct nt_smb_server *m, const char *why)
{
    if (m->closed)
        return;
    smb_frame_abandon(m);
    m->closed = true;
    m->why = why;
}

void smb_pump(struct nt_smb_server *m, struct pipe *p)
{
    if (m->shown != NULL) {
        p->dirty = m->dirty = true;
        return;
    }
    smb_pipe_pump(m, p);
    smb_chain_go_on(m);
}

/* The owner is done with the event that it got last. */
static void settle(struct nt_smb_server *m)
{
    struct pipe *p = m->shown;

    if (m->closing != NULL) {
        smb_pipe_free(m, m->closing);
        m->closing = NULL;
    }
    m->shown = NULL;
    if (p == NULL || m->closed)
        return;
    smb_pipe_taken(m, p, m->shown_took);
    smb_pipe_pump(m, p);
    for (struct pipe *q = m->dirty ? m->pipes : NULL; q != NULL; q = q->next) {
        if (q->dirty)
            smb_pipe_pump(m, q);
        q->dirty = false;
    }
    m->dirty = false;
    smb_chain_go_on(m);
}

/* --- the stream --- */

static void session_request(struct nt_smb_server *m)
{
    static const uint8_t positive[NT_SMB_FRAME_LEN] = { NETBIOS_POSITIVE };

    nt_buf_put(&m->out, positive, sizeof positive);
    if (m->out.err != NT_OK)
        smb_close(m, "out of memory");
}

/* The four bytes before a message are here: is it worth its memory? */
static void begin_frame(struct nt_smb_server *m)
{
    uint32_t len;
    bool message = nt_smb_frame_read(m->head, &len);
    size_t most =
        (m->valid_count > 0 ? m->config.limits.max_transact : NT_SEC_MAX_TOKEN) + SERVER_OVERHEAD;

    if (message && len >= 4 && len <= most) {
        m->incoming = smb_chain_new(len);
        if (m->incoming == NULL)
            smb_close(m, "out of memory");
    } else if (message) {
        smb_close(m, len < 4 ? "protocol error: an empty message" : "limit: a message is too long");
    } else if (m->head[0] == NETBIOS_KEEPALIVE && len == 0) {
        m->have = 0;
    } else if (m->head[0] == NETBIOS_REQUEST && !m->netbios && m->dialect == 0 && !m->wild &&
               len <= NETBIOS_NAMES_MAX) {
        m->netbios = true;
        m->have = 0;
        m->skip = len;
        if (len == 0)
            session_request(m);
    } else {
        smb_close(m, "protocol error: not a frame of SMB");
    }
}

/* Takes bytes up to the end of what is being read; at least one. */
static size_t take(struct nt_smb_server *m, const uint8_t *data, size_t len)
{
    if (m->skip > 0) {
        size_t n = len < m->skip ? len : m->skip;
        m->skip -= (uint32_t)n;
        if (m->skip == 0)
            session_request(m);
        return n;
    }
    if (m->have < NT_SMB_FRAME_LEN) {
        size_t n = NT_SMB_FRAME_LEN - m->have;
        n = n < len ? n : len;
        memcpy(m->head + m->have, data, n);
        m->have += n;
        if (m->have == NT_SMB_FRAME_LEN)
            begin_frame(m);
        return n;
    }
    struct chain *c = m->incoming;
    size_t at = m->have - NT_SMB_FRAME_LEN;
    size_t n = c->len - at;
    n = n < len ? n : len;
    memcpy(c->data + at, data, n);
    m->have += n;
    if (at + n == c->len) {
        m->incoming = NULL;
        m->have = 0;
        smb_chain_begin(m, c);
    }
    return n;
}

size_t nt_smb_server_feed(struct nt_smb_server *m, const uint8_t *data, size_t len, uint64_t now_ms)
{
    size_t taken = 0;

    if (now_ms > m->now_ms)
        m->now_ms = now_ms;
    if (len > 0)
        m->last_ms = m->now_ms;
    settle(m);
    while (!m->closed && taken < len && m->out.len - m->sent <= OUT_HIGH)
        taken += take(m, data + taken, len - taken);
    return m->closed ? len : taken;
}

size_t nt_smb_server_pending(const struct nt_smb_server *m, const uint8_t **data)
{
    *data = m->out.data != NULL ? m->out.data + m->sent : NULL;
    return m->out.len - m->sent;
}

void nt_smb_server_sent(struct nt_smb_server *m, size_t len)
{
    m->sent += len;
    if (m->sent < m->out.len) {
        if (m->sent > m->out.len / 2) {
            nt_buf_drop(&m->out, m->sent);
            m->sent = 0;
        }
        return;
    }
    m->sent = 0;
    if (m->out.cap <= OUT_KEEP && m->out.err == NT_OK)
        nt_buf_clear(&m->out);
    else
        nt_buf_free(&m->out);
}

/* --- events --- */

static void show_ask(struct nt_smb_server *m, struct nt_smb_event *ev)
{
    struct session *s = m->sessions;
    while (s->setup == NULL || s->setup->ask_id == 0 || s->setup->told)
        s = s->next;
    s->setup->told = true;
    m->untold--;
    *ev = (struct nt_smb_event){
        .kind = NT_SMB_ASK,
        .session = s->id,
        .ask_id = s->setup->ask_id,
        .question = s->setup->sec->ops->question(s->setup->sec),
    };
}

static void show_open(struct nt_smb_server *m, struct pipe *p, struct nt_smb_event *ev)
{
    const struct session *s = p->session;

    p->opened = true;
    ev->kind = NT_SMB_OPEN;
    ev->name = p->name;
    ev->dialect = m->dialect;
    ev->caller = p->identity != NULL ? p->identity->caller : NULL;
    ev->session_key = s->anonymous ? NULL : &s->keys.application;
    ev->anonymous = s->anonymous;
    ev->is_signed = p->is_signed;
    ev->is_encrypted = p->is_encrypted;
    if (smb_pipe_has_data(p) || p->gone)
        smb_pipe_tell(m, p);
}

static void show_data(struct nt_smb_server *m, struct pipe *p, struct nt_smb_event *ev)
{
    const struct chain *c = p->writers;

    ev->kind = NT_SMB_DATA;
    ev->data = c->payload + c->taken;
    ev->len = c->payload_len - c->taken;
    m->shown = p;
    m->shown_len = m->shown_took = ev->len;
}

bool nt_smb_server_next(struct nt_smb_server *m, struct nt_smb_event *ev)
{
    settle(m);
    if (m->closed)
        return false;
    if (m->untold > 0) {
        show_ask(m, ev);
        return true;
    }
    while (m->told_first != NULL) {
        struct pipe *p = m->told_first;
        m->told_first = p->next_told;
        if (m->told_first == NULL)
            m->told_end = &m->told_first;
        p->queued = false;
        *ev = (struct nt_smb_event){ .session = p->session->id, .pipe = p->id };
        if (!p->opened && !p->gone) {
            show_open(m, p, ev);
            return true;
        }
        if (p->gone && p->opened) {
            ev->kind = NT_SMB_CLOSE;
            m->closing = p;
            return true;
        }
        if (p->gone) {
            smb_pipe_free(m, p); /* closed in the same turn: nobody has seen it */
        } else if (smb_pipe_has_data(p)) {
            show_data(m, p, ev);
            return true;
        }
    }
    return false;
}

void nt_smb_server_pipe_took(struct nt_smb_server *m, uint32_t pipe, size_t n)
{
    if (m->shown != NULL && m->shown->id == pipe && n < m->shown_len)
        m->shown_took = n;
}

void nt_smb_server_pipe_resume(struct nt_smb_server *m, uint32_t pipe)
{
    settle(m);
    struct pipe *p = m->closed ? NULL : smb_pipe_find(m, pipe);
    if (p == NULL || !p->held)
        return;
    p->held = false;
    if (smb_pipe_has_data(p))
        smb_pipe_tell(m, p);
}

enum nt_err nt_smb_server_answer(struct nt_smb_server *m, uint32_t ask_id,
                                 const struct nt_sec_answer *answer)
{
    struct nt_sec_answer none = { .status = NT_STATUS(INSUFFICIENT_RESOURCES) };
    struct identity *who = NULL;

    settle(m);
    struct session *s = m->closed || ask_id == 0 ? NULL : smb_session_asking(m, ask_id);
    if (s == NULL)
        return NT_E_NOT_FOUND;
    if (answer->caller != NULL) {
        who = calloc(1, sizeof *who);
        if (who != NULL)
            *who = (struct identity){ .refs = 1, .caller = answer->caller };
    }
    bool kept = answer->caller == NULL || who != NULL;
    smb_session_answer(m, s, kept ? answer : &none, who);
    smb_chain_go_on(m);
    return kept ? NT_OK : NT_E_NOMEM;
}

/* --- time --- */

static uint64_t later(uint64_t ms, uint32_t by)
{
    return ms > SERVER_NEVER - by ? SERVER_NEVER : ms + by;
}

/* The owner is at work on something that the client waits for. Where answers are there that the
 * client does not read, it is the client's turn. */
static bool owes(const struct nt_smb_server *m)
{
    for (const struct chain *c = m->waiting; c != NULL; c = c->next) {
        if (c->wait == WAIT_ANSWER)
            return true;
        if (c->pipe->unread == NULL && (c->wait == WAIT_WRITE || c->h.command == NT_SMB2_IOCTL))
            return true;
    }
    return false;
}

static bool wants_interim(const struct chain *c)
{
    return c->wait != WAIT_ANSWER && c->async_id == 0;
}

/* When the connection ends, if nothing happens. */
static uint64_t last_moment(const struct nt_smb_server *m)
{
    uint64_t end =
        m->closed || !owes(m) ? later(m->last_ms, m->config.limits.idle_ms) : SERVER_NEVER;
    uint64_t alone = later(m->alone_ms, m->config.limits.auth_ms);

    if (!m->closed && m->valid_count == 0 && m->asking == 0 && alone < end)
        end = alone;
    return end;
}

void nt_smb_server_set_idle(struct nt_smb_server *m, uint32_t idle_ms)
{
    m->config.limits.idle_ms = idle_ms;
}

uint64_t nt_smb_server_deadline(const struct nt_smb_server *m)
{
    uint64_t first = last_moment(m);

    if (m->closed) /* what is left to send may take so long */
        return first;
    uint64_t setup = smb_session_oldest_setup(m);
    if (setup != SERVER_NEVER && later(setup, m->config.limits.auth_ms) < first)
        first = later(setup, m->config.limits.auth_ms);
    for (const struct chain *c = m->waiting; c != NULL; c = c->next) {
        if (!wants_interim(c))
            continue;
        uint64_t due = later(c->since_ms, m->config.limits.interim_ms);
        return due < first ? due : first;
    }
    return first;
}

enum nt_err nt_smb_server_tick(struct nt_smb_server *m, uint64_t now_ms)
{
    if (now_ms > m->now_ms)
        m->now_ms = now_ms;
    settle(m);
    if (now_ms < nt_smb_server_deadline(m))
        return NT_OK;
    if (now_ms >= last_moment(m)) {
        smb_close(m, m->valid_count > 0 ? "idle for too long" : "no session in time");
        return NT_E_TIMEOUT;
    }
    smb_session_expire(m);
    for (struct chain *c = m->waiting; c != NULL && !m->closed; c = c->next)
        if (wants_interim(c) && now_ms >= later(c->since_ms, m->config.limits.interim_ms))
            smb_chain_interim(m, c);
    smb_chain_go_on(m);
    return NT_OK;
}

bool nt_smb_server_closed(const struct nt_smb_server *m, const char **why)
{
    if (why != NULL)
        *why = m->why;
    return m->closed;
}
