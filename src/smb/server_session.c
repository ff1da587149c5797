/*
 * server_session.c - sessions: their set-up by SPNEGO, their end, and their tree connects.
 * [MS-SMB2] 3.3.5.5 to 3.3.5.8
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/utf16.h"
#include "smb/server_internal.h"

/* --- the table --- */

struct session *smb_session_find(struct nt_smb_server *m, uint64_t id)
{
    struct session *s = m->sessions;
    while (s != NULL && s->id != id)
        s = s->next;
    return s;
}

struct session *smb_session_ref(struct session *s)
{
    if (s != NULL)
        s->refs++;
    return s;
}

struct identity *smb_identity_ref(struct identity *i)
{
    if (i != NULL)
        i->refs++;
    return i;
}

void smb_identity_unref(struct nt_smb_server *m, struct identity *i)
{
    if (i == NULL || --i->refs > 0)
        return;
    if (i->caller != NULL && m->config.caller_free != NULL)
        m->config.caller_free(m->config.ctx, i->caller);
    free(i);
}

void smb_session_unref(struct nt_smb_server *m, struct session *s)
{
    if (s == NULL || --s->refs > 0)
        return;
    smb_identity_unref(m, s->identity);
    nt_smb_keys_wipe(&s->keys);
    free(s->user);
    free(s);
}

static struct session *session_new(struct nt_smb_server *m)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    do /* 0 is none, all ones stand for "the one before" */
        nt_random(m->config.env, &s->id, sizeof s->id);
    while (s->id == 0 || s->id == UINT64_MAX || smb_session_find(m, s->id) != NULL);
    s->refs = 1;
    s->next = m->sessions;
    m->sessions = s;
    m->session_count++;
    return s;
}

static void setup_end(struct nt_smb_server *m, struct session *s)
{
    struct setup *u = s->setup;

    if (u == NULL)
        return;
    s->setup = NULL;
    m->setup_count--;
    if (u->ask_id != 0)
        m->asking--;
    if (u->ask_id != 0 && !u->told)
        m->untold--;
    if (m->part_hash == u->preauth)
        m->part_hash = NULL;
    u->sec->ops->free(u->sec);
    free(u->user);
    nt_wipe(u, sizeof *u);
    free(u);
}

void smb_session_end(struct nt_smb_server *m, struct session *s)
{
    if (s->gone)
        return;
    if (s->setup != NULL && s->setup->chain != NULL)
        smb_chain_done(m, s->setup->chain, NT_STATUS(USER_SESSION_DELETED));
    setup_end(m, s);
    smb_pipes_close(m, s, NULL);
    while (s->trees != NULL) {
        struct tree *t = s->trees;
        s->trees = t->next;
        free(t);
    }
    struct session **at = &m->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    m->session_count--;
    if (s->valid && --m->valid_count == 0)
        m->alone_ms = m->now_ms;
    s->valid = false;
    s->gone = true;
    smb_session_unref(m, s);
}

struct session *smb_session_asking(struct nt_smb_server *m, uint32_t ask_id)
{
    struct session *s = m->sessions;
    while (s != NULL && (s->setup == NULL || s->setup->ask_id != ask_id))
        s = s->next;
    return s;
}

uint64_t smb_session_oldest_setup(const struct nt_smb_server *m)
{
    uint64_t first = SERVER_NEVER;
    for (const struct session *s = m->sessions; m->setup_count > 0 && s != NULL; s = s->next)
        if (s->setup != NULL && s->setup->ask_id == 0 && s->setup->since_ms < first)
            first = s->setup->since_ms;
    return first;
}

void smb_session_expire(struct nt_smb_server *m)
{
    for (struct session *s = m->sessions, *next; m->setup_count > 0 && s != NULL; s = next) {
        next = s->next;
        if (s->setup == NULL || s->setup->ask_id != 0 ||
            m->now_ms - s->setup->since_ms < m->config.limits.auth_ms)
            continue;
        if (s->valid)
            setup_end(m, s);
        else
            smb_session_end(m, s);
    }
}

/* --- set-up, 3.3.5.5 --- */

static struct setup *setup_new(struct nt_smb_server *m)
{
    struct setup *u = calloc(1, sizeof *u);
    if (u == NULL)
        return NULL;
    u->sec = m->config.make_sec(m->config.ctx);
    if (u->sec == NULL) {
        free(u);
        return NULL;
    }
    u->since_ms = m->now_ms;
    memcpy(u->preauth, m->preauth, sizeof u->preauth);
    m->setup_count++;
    return u;
}

/* Who asks, for PreviousSessionId. */
static char *user_of(const struct nt_sec_question *q)
{
    size_t len = strlen(q->domain) + strlen(q->user) + 2;
    char *user = malloc(len);
    if (user != NULL)
        (void)snprintf(user, len, "%s\\%s", q->domain, q->user);
    return user;
}

/* The session that a client has lost, perhaps with its connection, and says so: 3.3.5.5.3. Those of
 * other connections are not known here; they end with theirs. */
static void end_previous(struct nt_smb_server *m, const struct session *s, uint64_t id)
{
    struct session *old = id != 0 && id != s->id ? smb_session_find(m, id) : NULL;

    if (old != NULL && old->valid && old->user != NULL && s->user != NULL &&
        nt_name_equal(old->user, s->user))
        smb_session_end(m, old);
}

/* A session never loses its user to nobody, nor is a user's without a key to sign with. */
static bool may_establish(const struct session *s)
{
    const struct setup *u = s->setup;
    const struct nt_secret *key = u->sec->ops->session_key(u->sec);

    if (s->valid)
        return s->anonymous == u->anonymous;
    return u->anonymous || (key != NULL && key->len > 0);
}

/* The security context is ready: its key becomes the session's, but not a second time: keys stay
 * what they are when a session is authenticated again. */
static void establish(struct nt_smb_server *m, struct session *s)
{
    struct setup *u = s->setup;
    const struct nt_secret *key = u->sec->ops->session_key(u->sec);

    if (!s->valid) {
        s->anonymous = u->anonymous;
        if (key != NULL && key->len > 0) {
            nt_smb_keys_derive(&s->keys, key, m->dialect, m->signing, m->cipher, u->preauth, true);
            s->has_keys = true;
        }
        s->valid = true;
        m->valid_count++;
    }
    free(s->user);
    s->user = u->user;
    u->user = NULL;
    uint64_t previous = u->previous_id;
    setup_end(m, s);
    end_previous(m, s, previous);
}

/* The end of a set-up that went wrong: also a session that was good before goes, 3.3.5.5.3. */
static ntstatus set_up_failed(struct nt_smb_server *m, struct session *s, ntstatus status)
{
    if (s->setup != NULL)
        s->setup->chain = NULL;
    smb_session_end(m, s);
    return nt_status_ok(status) ? NT_STATUS(INTERNAL_ERROR) : status;
}

/* Answers the request after a step of the security context. */
static ntstatus set_up_go_on(struct nt_smb_server *m, struct chain *c, struct session *s,
                             enum nt_sec_step step, struct nt_buf *token)
{
    struct setup *u = s->setup;
    struct nt_smb2_session_setup_rsp rsp = { 0 };
    ntstatus st = NT_STATUS(SUCCESS);

    if (token->err != NT_OK)
        return set_up_failed(m, s, NT_STATUS(NO_MEMORY));
    rsp.token = (struct nt_smb2_bytes){ token->data, token->len };
    switch (step) {
    case NT_SEC_CONTINUE:
        st = NT_STATUS(MORE_PROCESSING_REQUIRED);
        break;
    case NT_SEC_DONE:
        if (!may_establish(s))
            return set_up_failed(m, s, NT_STATUS(ACCESS_DENIED));
        if (!s->valid)
            c->sign = !u->anonymous;
        if (u->anonymous)
            rsp.session_flags = NT_SMB2_SESSION_NULL;
        establish(m, s);
        break;
    case NT_SEC_ASK:
    case NT_SEC_FAILED:
        return set_up_failed(m, s, u->sec->ops->status(u->sec));
    }
    nt_smb2_session_setup_rsp_write(smb_chain_reply(m, c, st), &rsp);
    if (step == NT_SEC_CONTINUE && m->dialect == NT_SMB2_311)
        m->part_hash = s->setup->preauth;
    return st;
}

static ntstatus set_up_step(struct nt_smb_server *m, struct chain *c, struct session *s,
                            struct nt_smb2_bytes token)
{
    struct setup *u = s->setup;
    struct nt_buf out;

    u->since_ms = m->now_ms;
    if (m->dialect == NT_SMB2_311)
        nt_smb_preauth_update(u->preauth, smb_chain_part(c), c->part_len);
    nt_buf_init(&out, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = u->sec->ops->step(u->sec, token.data, token.len, &out);
    if (step == NT_SEC_ASK) {
        const struct nt_sec_question *q = u->sec->ops->question(u->sec);
        u->anonymous = q->anonymous;
        free(u->user);
        u->user = user_of(q);
        u->ask_id = ++m->last_ask != 0 ? m->last_ask : ++m->last_ask;
        u->chain = c;
        u->told = false;
        m->asking++;
        m->untold++;
        smb_chain_wait(m, c, WAIT_ANSWER, NULL);
        nt_buf_free(&out);
        return NT_STATUS(PENDING);
    }
    ntstatus st = set_up_go_on(m, c, s, step, &out);
    nt_buf_free(&out);
    return st;
}

void smb_session_answer(struct nt_smb_server *m, struct session *s,
                        const struct nt_sec_answer *answer, struct identity *who)
{
    struct setup *u = s->setup;
    struct chain *c = u->chain;
    struct nt_buf out;

    u->ask_id = 0;
    u->chain = NULL;
    u->since_ms = m->now_ms;
    m->asking--;
    nt_buf_init(&out, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = u->sec->ops->answer(u->sec, answer, &out);
    if (step == NT_SEC_DONE) { /* pipes of the time before keep whom they were opened by */
        smb_identity_unref(m, s->identity);
        s->identity = who;
    } else {
        smb_identity_unref(m, who);
    }
    ntstatus st = set_up_go_on(m, c, s, step, &out);
    nt_buf_free(&out);
    smb_frame_end(m);
    smb_chain_done(m, c, st);
}

/* A session of this request's id, or a new one; with a set-up. */
static ntstatus set_up_begin(struct nt_smb_server *m, struct chain *c,
                             const struct nt_smb2_session_setup_req *req, struct session **out)
{
    struct session *s = c->session;

    if (s == NULL) {
        if (m->session_count >= m->config.limits.max_sessions ||
            m->setup_count >= m->config.limits.max_setups)
            return NT_STATUS(TOO_MANY_SESSIONS);
        s = session_new(m);
        if (s == NULL)
            return NT_STATUS(INSUFFICIENT_RESOURCES);
        c->session = smb_session_ref(s);
        c->h.session_id = s->id;
    }
    if (s->setup == NULL) {
        s->setup = m->setup_count < m->config.limits.max_setups ? setup_new(m) : NULL;
        if (s->setup == NULL) {
            if (!s->valid)
                smb_session_end(m, s);
            return NT_STATUS(INSUFFICIENT_RESOURCES);
        }
        s->setup->previous_id = req->previous_session;
    }
    *out = s;
    return NT_STATUS(SUCCESS);
}

ntstatus smb_serve_session_setup(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_session_setup_req req;
    struct session *s = NULL;

    if (nt_smb2_session_setup_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    if ((req.flags & NT_SMB2_SESSION_BINDING) != 0) /* one channel a session, 3.3.5.5 */
        return NT_STATUS(REQUEST_NOT_ACCEPTED);
    if (c->session == NULL && c->h.session_id != 0)
        return NT_STATUS(USER_SESSION_DELETED);
    if (c->session != NULL && c->session->setup != NULL && c->session->setup->ask_id != 0)
        return NT_STATUS(REQUEST_NOT_ACCEPTED); /* one leg at a time */
    if (!smb_chain_may_wait(m, c))
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    ntstatus st = set_up_begin(m, c, &req, &s);
    return nt_status_ok(st) ? set_up_step(m, c, s, req.token) : st;
}

ntstatus smb_serve_logoff(struct nt_smb_server *m, struct chain *c)
{
    if (nt_smb2_empty_read(smb_chain_part(c), c->part_len) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    smb_session_end(m, c->session);
    nt_smb2_empty_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)));
    return NT_STATUS(SUCCESS);
}

/* --- tree connects, 3.3.5.7-8 --- */

struct tree *smb_tree_find(struct session *s, uint32_t id)
{
    struct tree *t = s->trees;
    while (t != NULL && t->id != id)
        t = t->next;
    return t;
}

/* \\server\IPC$, whatever the server is called. */
static bool is_ipc(struct nt_smb2_bytes path)
{
    static const char share[] = "\\ipc$";
    size_t units = path.len / 2;

    if (path.len % 2 != 0 || units < 3 + strlen(share) || nt_le16(path.data) != '\\' ||
        nt_le16(path.data + 2) != '\\')
        return false;
    size_t at = units - strlen(share);
    for (size_t i = 2; i < at; i++)
        if (nt_le16(path.data + 2 * i) == '\\')
            return false;
    for (size_t i = 0; i < strlen(share); i++) {
        uint16_t unit = nt_le16(path.data + 2 * (at + i));
        if (unit >= 'A' && unit <= 'Z')
            unit = (uint16_t)(unit + ('a' - 'A'));
        if (unit != (uint8_t)share[i])
            return false;
    }
    return true;
}

ntstatus smb_serve_tree_connect(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_tree_connect_req req;
    struct nt_smb2_tree_connect_rsp rsp = {
        .share_type = NT_SMB2_SHARE_PIPE,
        .max_access = NT_SMB2_PIPE_ACCESS,
    };
    size_t count = 0;

    if (nt_smb2_tree_connect_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    if (!is_ipc(req.path))
        return NT_STATUS(BAD_NETWORK_NAME);
    for (const struct tree *t = c->session->trees; t != NULL; t = t->next)
        count++;
    struct tree *tree = count < SERVER_MAX_TREES ? calloc(1, sizeof *tree) : NULL;
    if (tree == NULL)
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    tree->id = ++m->last_tree;
    tree->next = c->session->trees;
    c->session->trees = tree;
    c->h.tree_id = tree->id;
    nt_smb2_tree_connect_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)), &rsp);
    return NT_STATUS(SUCCESS);
}

ntstatus smb_serve_tree_disconnect(struct nt_smb_server *m, struct chain *c)
{
    if (nt_smb2_empty_read(smb_chain_part(c), c->part_len) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    struct tree **at = &c->session->trees;
    while ((*at)->id != c->h.tree_id)
        at = &(*at)->next;
    struct tree *tree = *at;
    smb_pipes_close(m, c->session, tree);
    *at = tree->next;
    free(tree);
    nt_smb2_empty_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)));
    return NT_STATUS(SUCCESS);
}
