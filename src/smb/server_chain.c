/*
 * server_chain.c - one message of the client, from its decryption to the frame of its answers:
 * what stands before every request ([MS-SMB2] 3.3.5.2) and behind every answer (3.3.4.1).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "smb/server_internal.h"

#define PAYLOAD_OF_A_CREDIT 65536u /* 3.1.5.2 */
#define NEXT_COMMAND_AT     20u    /* 2.2.1: in the header */
#define ORIGINAL_SIZE_AT    36u    /* 2.2.41: in the transform header */

/* --- the chain itself --- */

struct chain *smb_chain_new(size_t len)
{
    struct chain *c = malloc(sizeof *c + len);
    if (c == NULL)
        return NULL;
    memset(c, 0, sizeof *c);
    c->data = c->block;
    c->len = c->block_len = len;
    return c;
}

/* It holds passwords' proofs and, decrypted, whatever clients hide. */
void smb_chain_free(struct nt_smb_server *m, struct chain *c)
{
    if (c == NULL)
        return;
    smb_session_unref(m, c->session);
    smb_session_unref(m, c->encrypted);
    nt_wipe(c->block, c->block_len);
    free(c);
}

const uint8_t *smb_chain_part(const struct chain *c)
{
    return c->data + c->at;
}

bool smb_chain_paid(const struct nt_smb_server *m, const struct chain *c, uint32_t bytes)
{
    if (bytes > m->max_transact)
        return false;
    uint32_t charge = m->multi_credit && c->h.credit_charge > 0 ? c->h.credit_charge : 1;
    return bytes <= (uint64_t)charge * PAYLOAD_OF_A_CREDIT;
}

/* --- waiting --- */

bool smb_chain_may_wait(const struct nt_smb_server *m, const struct chain *c)
{
    return c->block_len <= m->config.limits.max_in_flight &&
           m->held_bytes <= m->config.limits.max_in_flight - c->block_len;
}

void smb_chain_wait(struct nt_smb_server *m, struct chain *c, enum wait what, struct pipe *p)
{
    c->wait = what;
    c->pipe = p;
    c->since_ms = m->now_ms;
    c->prev = m->waiting_last;
    c->next = NULL;
    if (m->waiting_last != NULL)
        m->waiting_last->next = c;
    else
        m->waiting = c;
    m->waiting_last = c;
    m->held_bytes += c->block_len;
}

void smb_chain_done(struct nt_smb_server *m, struct chain *c, ntstatus status)
{
    if (c->pipe != NULL)
        smb_pipe_forget(c->pipe, c);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        m->waiting = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        m->waiting_last = c->prev;
    m->held_bytes -= c->block_len;
    c->wait = WAIT_NOTHING;
    c->pipe = NULL;
    c->status = status;
    c->prev = c->next = NULL;
    *m->ready_end = c;
    m->ready_end = &c->next;
}

/* --- answers --- */

static void frame_begin(struct nt_smb_server *m, struct session *encrypted)
{
    struct nt_buf *b = &m->out;

    m->framed = true;
    m->frame_at = b->len;
    m->frame_session = smb_session_ref(encrypted);
    nt_buf_zero(b, NT_SMB_FRAME_LEN);
    if (encrypted != NULL) {
        struct nt_smb2_transform t = { .flags = 1, .session_id = encrypted->id };
        nt_put_le64(t.nonce, encrypted->nonce++);
        nt_smb2_transform_write(b, &t);
    }
    m->part_at = b->len;
}

/* The last answer is complete; another follows it in the compound, or none. 3.3.4.1.1, .3 */
static void part_end(struct nt_smb_server *m, bool more)
{
    struct nt_buf *b = &m->out;

    if (more) {
        nt_buf_zero(b, (8 - (b->len - m->part_at) % 8) % 8);
        if (b->err == NT_OK)
            nt_buf_set_u32le(b, m->part_at + NEXT_COMMAND_AT, (uint32_t)(b->len - m->part_at));
    }
    if (b->err == NT_OK && m->part_sign)
        nt_smb_sign(&m->part_session->keys, b->data + m->part_at, b->len - m->part_at, true);
    if (b->err == NT_OK && m->part_hash != NULL)
        nt_smb_preauth_update(m->part_hash, b->data + m->part_at, b->len - m->part_at);
    m->part_sign = false;
    m->part_hash = NULL;
    smb_session_unref(m, m->part_session);
    m->part_session = NULL;
}

void smb_frame_abandon(struct nt_smb_server *m)
{
    if (!m->framed)
        return;
    if (m->out.err == NT_OK)
        m->out.len = m->frame_at;
    m->framed = m->part_sign = false;
    m->part_hash = NULL;
    smb_session_unref(m, m->part_session);
    smb_session_unref(m, m->frame_session);
    m->part_session = m->frame_session = NULL;
}

void smb_frame_end(struct nt_smb_server *m)
{
    struct nt_buf *b = &m->out;

    if (!m->framed)
        return;
    part_end(m, false);
    if (b->err != NT_OK) {
        smb_close(m, "out of memory");
        return;
    }
    uint8_t *frame = b->data + m->frame_at;
    size_t len = b->len - m->frame_at - NT_SMB_FRAME_LEN;
    nt_smb_frame_write(frame, (uint32_t)len);
    if (m->frame_session != NULL) {
        uint8_t *msg = frame + NT_SMB_FRAME_LEN;
        nt_put_le32(msg + ORIGINAL_SIZE_AT, (uint32_t)(len - NT_SMB_TRANSFORM_LEN));
        nt_smb_encrypt(&m->frame_session->keys, msg, len);
        smb_session_unref(m, m->frame_session);
        m->frame_session = NULL;
    }
    m->framed = false;
}

struct nt_buf *smb_chain_reply(struct nt_smb_server *m, struct chain *c, ntstatus status)
{
    struct nt_smb2_header h = {
        .credit_charge = c->h.credit_charge,
        .status = status,
        .command = c->h.command,
        .flags = NT_SMB2_FLAG_RESPONSE | (c->h.flags & NT_SMB2_FLAG_RELATED),
        .message_id = c->h.message_id,
        .tree_id = c->h.tree_id,
        .session_id = c->h.session_id,
    };

    if (m->framed)
        part_end(m, true);
    else
        frame_begin(m, c->encrypted);
    if (c->async_id == 0) {
        h.credits = nt_smb_credits_grant(&m->credits, c->h.credits, m->config.limits.max_credits);
    } else { /* the interim response has granted, 3.3.4.1.2 */
        h.flags |= NT_SMB2_FLAG_ASYNC;
        h.async_id = c->async_id;
    }
    m->part_sign = c->sign && c->encrypted == NULL && c->session != NULL;
    if (m->part_sign)
        h.flags |= NT_SMB2_FLAG_SIGNED;
    m->part_session = smb_session_ref(c->session);
    m->part_at = m->out.len;
    nt_smb2_header_write(&m->out, &h);
    c->replied = true;
    return &m->out;
}

static void reply_error(struct nt_smb_server *m, struct chain *c, ntstatus status)
{
    nt_smb2_error_write(smb_chain_reply(m, c, status), (struct nt_smb2_bytes){ NULL, 0 });
}

/* 3.3.4.2. Not signed: clients do not look, and with GMAC the same nonce would be used twice. */
void smb_chain_interim(struct nt_smb_server *m, struct chain *c)
{
    bool sign = c->sign;

    c->sign = false;
    struct nt_buf *b = smb_chain_reply(m, c, NT_STATUS(PENDING));
    c->async_id = ++m->last_async;
    if (b->err == NT_OK) {
        nt_put_le32(b->data + m->part_at + 16,
                    nt_le32(b->data + m->part_at + 16) | NT_SMB2_FLAG_ASYNC);
        nt_put_le64(b->data + m->part_at + 32, c->async_id);
    }
    nt_smb2_error_write(b, (struct nt_smb2_bytes){ NULL, 0 });
    smb_frame_end(m);
    c->sign = sign;
    c->replied = false;
}

/* --- requests --- */

/* 3.3.5.16: no answer, whatever comes of it. */
static ntstatus serve_cancel(struct nt_smb_server *m, struct chain *c)
{
    for (struct chain *w = m->waiting; w != NULL; w = w->next) {
        bool meant = (c->h.flags & NT_SMB2_FLAG_ASYNC) != 0
                         ? w->async_id != 0 && w->async_id == c->h.async_id
                         : w->h.message_id == c->h.message_id;
        if (!meant || w->session != c->session)
            continue;
        /* What was written in part must be written whole: the pipe is a stream. */
        if (w->wait == WAIT_READ || (w->wait == WAIT_WRITE && w->taken == 0))
            smb_chain_done(m, w, NT_STATUS(CANCELLED));
        break;
    }
    return NT_STATUS(PENDING);
}

static ntstatus serve_echo(struct nt_smb_server *m, struct chain *c)
{
    if (nt_smb2_empty_read(smb_chain_part(c), c->part_len) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    nt_smb2_empty_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)));
    return NT_STATUS(SUCCESS);
}

/* Named pipes cannot be locked, [MS-SMB2] 3.3.5.14 by way of the pipe's driver. */
static ntstatus refuse_device(struct nt_smb_server *m, struct chain *c)
{
    (void)m;
    (void)c;
    return NT_STATUS(INVALID_DEVICE_REQUEST);
}

/* There is no directory, 3.3.5.18 and 3.3.5.19. */
static ntstatus refuse_parameter(struct nt_smb_server *m, struct chain *c)
{
    (void)m;
    (void)c;
    return NT_STATUS(INVALID_PARAMETER);
}

/* No lock or lease was ever given that could break, 3.3.5.22.1. */
static ntstatus refuse_oplock(struct nt_smb_server *m, struct chain *c)
{
    (void)m;
    (void)c;
    return NT_STATUS(INVALID_DEVICE_STATE);
}

enum need { NEED_NOTHING, NEED_ANY_SESSION, NEED_SESSION, NEED_TREE };

/* [MS-SMB2] 3.3.5: by command. */
static const struct command {
    serve_fn *serve;
    enum need need;
    bool on_file; /* has a FileId, that a related request takes over */
} commands[NT_SMB2_COMMANDS] = {
    [NT_SMB2_NEGOTIATE] = { smb_serve_negotiate, NEED_NOTHING, false },
    [NT_SMB2_SESSION_SETUP] = { smb_serve_session_setup, NEED_NOTHING, false },
    [NT_SMB2_LOGOFF] = { smb_serve_logoff, NEED_ANY_SESSION, false },
    [NT_SMB2_TREE_CONNECT] = { smb_serve_tree_connect, NEED_SESSION, false },
    [NT_SMB2_TREE_DISCONNECT] = { smb_serve_tree_disconnect, NEED_TREE, false },
    [NT_SMB2_CREATE] = { smb_serve_create, NEED_TREE, true },
    [NT_SMB2_CLOSE] = { smb_serve_close, NEED_TREE, true },
    [NT_SMB2_FLUSH] = { smb_serve_flush, NEED_TREE, true },
    [NT_SMB2_READ] = { smb_serve_read, NEED_TREE, true },
    [NT_SMB2_WRITE] = { smb_serve_write, NEED_TREE, true },
    [NT_SMB2_LOCK] = { refuse_device, NEED_TREE, true },
    [NT_SMB2_IOCTL] = { smb_serve_ioctl, NEED_TREE, true },
    [NT_SMB2_CANCEL] = { serve_cancel, NEED_NOTHING, false },
    [NT_SMB2_ECHO] = { serve_echo, NEED_NOTHING, false },
    [NT_SMB2_QUERY_DIRECTORY] = { refuse_parameter, NEED_TREE, true },
    [NT_SMB2_CHANGE_NOTIFY] = { refuse_parameter, NEED_TREE, true },
    [NT_SMB2_QUERY_INFO] = { smb_serve_query_info, NEED_TREE, true },
    [NT_SMB2_SET_INFO] = { smb_serve_set_info, NEED_TREE, true },
    [NT_SMB2_OPLOCK_BREAK] = { refuse_oplock, NEED_TREE, true },
};

/* A related request takes over the ids of the one before, 3.3.5.2.7.2. */
static ntstatus relate(struct chain *c, const struct command *cmd)
{
    if ((c->h.flags & NT_SMB2_FLAG_RELATED) == 0) {
        c->last_status = NT_STATUS(SUCCESS);
        c->has_fid = false;
        return NT_STATUS(SUCCESS);
    }
    if (c->at == 0 || (cmd->need >= NEED_ANY_SESSION && !c->has_session) ||
        (cmd->need == NEED_TREE && !c->has_tree))
        return NT_STATUS(INVALID_PARAMETER);
    c->h.session_id = c->last_session;
    c->h.tree_id = c->last_tree;
    return NT_STATUS(SUCCESS);
}

/* 3.3.5.2.4. What is not signed in an authenticated session is not looked at. */
static ntstatus check_signature(struct nt_smb_server *m, struct chain *c)
{
    struct session *s = c->session;

    if (c->encrypted != NULL)
        return NT_STATUS(SUCCESS);
    if ((c->h.flags & NT_SMB2_FLAG_SIGNED) == 0)
        return s != NULL && s->valid && !s->anonymous ? NT_STATUS(ACCESS_DENIED)
                                                      : NT_STATUS(SUCCESS);
    if (c->h.command == NT_SMB2_NEGOTIATE)
        return NT_STATUS(INVALID_PARAMETER);
    if (s == NULL) /* to bind a session of elsewhere, perhaps: smb_serve_session_setup knows */
        return c->h.command == NT_SMB2_SESSION_SETUP ? NT_STATUS(SUCCESS)
                                                     : NT_STATUS(USER_SESSION_DELETED);
    if (!s->has_keys || nt_smb_sign_check(&s->keys, smb_chain_part(c), c->part_len, false) != NT_OK)
        return NT_STATUS(ACCESS_DENIED);
    c->sign = true;
    (void)m;
    return NT_STATUS(SUCCESS);
}

/* 3.3.5.2.4, 3.3.5.2.9, 3.3.5.2.11 */
static ntstatus admit(struct nt_smb_server *m, struct chain *c, const struct command *cmd)
{
    bool async = (c->h.flags & NT_SMB2_FLAG_ASYNC) != 0;
    ntstatus st = relate(c, cmd);
    if (!nt_status_ok(st))
        return st;
    if (async && c->h.command != NT_SMB2_CANCEL)
        return NT_STATUS(INVALID_PARAMETER);
    c->session = smb_session_ref(smb_session_find(m, c->h.session_id));
    if (c->encrypted != NULL && c->session != c->encrypted) { /* 3.3.5.2.1.1 */
        smb_close(m, "protocol error: encrypted with another session's key");
        return NT_STATUS(ACCESS_DENIED);
    }
    st = check_signature(m, c);
    if (!nt_status_ok(st))
        return st;
    if (cmd->need == NEED_NOTHING)
        return NT_STATUS(SUCCESS);
    if (c->session == NULL || (cmd->need >= NEED_SESSION && !c->session->valid))
        return NT_STATUS(USER_SESSION_DELETED);
    if (cmd->need == NEED_TREE && smb_tree_find(c->session, c->h.tree_id) == NULL)
        return NT_STATUS(NETWORK_NAME_DELETED);
    return NT_STATUS(SUCCESS);
}

/* What a related request after this one takes over. */
static void remember(struct chain *c, const struct command *cmd, ntstatus status)
{
    bool failed = status.code >= 0xC0000000u;

    c->has_session = c->session != NULL && c->session->valid &&
                     !(failed && c->h.command == NT_SMB2_SESSION_SETUP);
    c->has_tree = c->has_session && !(failed && c->h.command == NT_SMB2_TREE_CONNECT) &&
                  smb_tree_find(c->session, c->h.tree_id) != NULL;
    c->last_session = c->h.session_id;
    c->last_tree = c->h.tree_id;
    c->last_status = cmd->on_file && failed ? status : NT_STATUS(SUCCESS);
}

/* The header, and what ends the connection: 3.3.5.2, 3.3.5.2.3. */
static bool begin_part(struct nt_smb_server *m, struct chain *c)
{
    size_t left = c->len - c->at;

    if (nt_smb2_header_read(smb_chain_part(c), left, &c->h) != NT_OK) {
        smb_close(m, "protocol error: a malformed header");
        return false;
    }
    c->part_len = c->h.next != 0 ? c->h.next : left;
    if ((c->h.flags & NT_SMB2_FLAG_RESPONSE) != 0) {
        smb_close(m, "protocol error: a response from a client");
        return false;
    }
    if (m->dialect == 0 && c->h.command != NT_SMB2_NEGOTIATE) {
        smb_close(m, "protocol error: a request before negotiation");
        return false;
    }
    uint32_t charge = m->multi_credit && c->h.credit_charge > 0 ? c->h.credit_charge : 1;
    if (c->h.command != NT_SMB2_CANCEL &&
        !nt_smb_credits_take(&m->credits, c->h.message_id, charge)) {
        smb_close(m, "protocol error: a message id that was not granted");
        return false;
    }
    smb_session_unref(m, c->session);
    c->session = NULL;
    c->sign = c->replied = false;
    return true;
}

/* The request at c->at; false when the chain waits. */
static bool serve_part(struct nt_smb_server *m, struct chain *c)
{
    static const struct command unknown = { refuse_parameter, NEED_NOTHING, false };

    if (!begin_part(m, c))
        return true;
    const struct command *cmd =
        c->h.command < NT_SMB2_COMMANDS ? &commands[c->h.command] : &unknown;
    ntstatus st = admit(m, c, cmd);
    if (nt_status_ok(st))
        st = cmd->serve(m, c);
    else if (c->h.command == NT_SMB2_CANCEL)
        return true;
    if (c->wait != WAIT_NOTHING)
        return false;
    if (!m->closed && !c->replied && !nt_status_is(st, NT_STATUS(PENDING)))
        reply_error(m, c, st);
    remember(c, cmd, st);
    return true;
}

static void run(struct nt_smb_server *m, struct chain *c)
{
    while (!m->closed && c->at < c->len) {
        if (!serve_part(m, c)) {
            smb_frame_end(m);
            return;
        }
        c->at += c->part_len;
    }
    if (!m->closed)
        smb_frame_end(m);
    smb_chain_free(m, c);
}

void smb_chain_go_on(struct nt_smb_server *m)
{
    while (m->ready != NULL && !m->closed) {
        struct chain *c = m->ready;
        m->ready = c->next;
        if (m->ready == NULL)
            m->ready_end = &m->ready;
        c->next = NULL;
        if (!c->replied)
            reply_error(m, c, c->status);
        c->async_id = 0;
        remember(c, &commands[c->h.command], c->status);
        c->at += c->part_len;
        run(m, c);
    }
}

/* 3.3.5.2.1.1 */
static bool decrypt(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_transform t;

    if (nt_smb2_transform_read(c->data, c->len, &t) != NT_OK || t.flags != 1 ||
        t.size != c->len - NT_SMB_TRANSFORM_LEN)
        return false;
    struct session *s = smb_session_find(m, t.session_id);
    if (s == NULL || !s->valid || !s->has_keys || s->keys.cipher == NT_SMB_NO_CIPHER ||
        nt_smb_decrypt(&s->keys, c->data, c->len) != NT_OK)
        return false;
    c->encrypted = smb_session_ref(s);
    c->data += NT_SMB_TRANSFORM_LEN;
    c->len -= NT_SMB_TRANSFORM_LEN;
    return true;
}

void smb_chain_begin(struct nt_smb_server *m, struct chain *c)
{
    enum nt_smb_kind kind = nt_smb_kind(c->data, c->len);

    if (kind == NT_SMB_KIND_TRANSFORM) {
        if (!decrypt(m, c)) {
            smb_close(m, "protocol error: a message that cannot be decrypted");
            smb_chain_free(m, c);
            return;
        }
        kind = nt_smb_kind(c->data, c->len);
        if (kind != NT_SMB_KIND_SMB2)
            kind = NT_SMB_KIND_NONE;
    }
    if (kind == NT_SMB_KIND_SMB2) {
        run(m, c);
        smb_chain_go_on(m);
        return;
    }
    if (kind == NT_SMB_KIND_SMB1)
        smb_negotiate_smb1(m, c->data, c->len);
    else
        smb_close(m, "protocol error: not a message of SMB 2");
    smb_chain_free(m, c);
}
