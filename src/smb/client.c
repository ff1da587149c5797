#include "smb/client.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/utf16.h"
#include "smb/client_internal.h"

#define WANTED_CREDITS 32

/* Offsets in the header of what is filled in when a request is sent, [MS-SMB2] 2.2.1.2 */
#define AT_CREDITS    14
#define AT_FLAGS      16
#define AT_MESSAGE_ID 24

/* --- life --------------------------------------------------------------------------------- */

static void request_free(struct request *r)
{
    if (r == NULL)
        return;
    nt_buf_free(&r->body);
    free(r);
}

struct nt_smb_client *nt_smb_client_new(const struct nt_smb_client_config *config, uint64_t now_ms)
{
    struct nt_smb_client *m = calloc(1, sizeof *m);
    char *host = strdup(config->host);
    if (m == NULL || host == NULL) {
        config->sec->ops->free(config->sec);
        free(host);
        free(m);
        return NULL;
    }
    m->config = *config;
    m->config.host = host;
    m->sec = config->sec;
    m->setup_deadline = now_ms + (config->setup_ms != 0 ? config->setup_ms : SETUP_MS);
    m->credits = 1;
    nt_buf_init(&m->in, MAX_FRAME);
    nt_buf_init(&m->out, 2 * MAX_WAITING);
    nt_smb_client_start(m);
    return m;
}

static char *host_of(struct nt_smb_client *m)
{
    union {
        const char *kept;
        char *ours;
    } host = { .kept = m->config.host };
    return host.ours;
}

void nt_smb_client_free(struct nt_smb_client *m)
{
    if (m == NULL)
        return;
    while (m->requests != NULL) {
        struct request *r = m->requests;
        m->requests = r->next;
        request_free(r);
    }
    m->sec->ops->free(m->sec);
    nt_buf_free(&m->in);
    nt_buf_free(&m->out);
    free(host_of(m));
    nt_wipe(m, sizeof *m);
    free(m);
}

void nt_smb_client_fail(struct nt_smb_client *m, enum nt_smb_step step, ntstatus status,
                        const char *fmt, ...)
{
    if (m->stage == FAILED)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->why, sizeof m->why, fmt, ap);
    va_end(ap);
    m->stage = FAILED;
    m->status = status;
    m->step = step;
}

void nt_smb_client_put_text(struct nt_buf *b, const char *text)
{
    struct nt_arena arena;
    uint16_t *units = NULL;
    size_t count = 0;
    nt_arena_init(&arena, 4 * strlen(text) + 4096);
    enum nt_err err = nt_utf16_from_utf8(&arena, text, &units, &count);
    if (err != NT_OK)
        nt_buf_fail(b, err);
    for (size_t i = 0; i < count; i++)
        nt_buf_u16le(b, units[i]);
    nt_arena_free(&arena);
}

/* --- out ---------------------------------------------------------------------------------- */

struct request *nt_smb_client_request(struct nt_smb_client *m, uint16_t command, uint32_t pipe,
                                      uint64_t deadline)
{
    bool room = m->request_count < MAX_REQUESTS && m->waiting_bytes + m->out.len < MAX_WAITING;
    struct request *r = m->stage != FAILED && room ? calloc(1, sizeof *r) : NULL;
    if (r == NULL)
        return NULL;
    const struct nt_smb2_header h = {
        .credit_charge = m->dialect > NT_SMB2_202 ? 1 : 0,
        .command = command,
        .tree_id = m->tree_id,
        .session_id = m->session_id,
    };
    r->command = command;
    r->pipe = pipe;
    r->deadline = deadline;
    nt_buf_init(&r->body, NT_SMB_CLIENT_MAX_DATA + 4096);
    nt_smb2_header_write(&r->body, &h);
    return r;
}

/* A message's bytes, protected as the session wants it, into the stream. */
static void send_message(struct nt_smb_client *m, uint8_t *msg, size_t len)
{
    uint8_t frame[NT_SMB_FRAME_LEN];
    bool seal = m->must_encrypt;

    nt_smb_frame_write(frame, (uint32_t)(seal ? len + NT_SMB_TRANSFORM_LEN : len));
    nt_buf_put(&m->out, frame, sizeof frame);
    if (!seal) {
        if (m->must_sign) {
            nt_put_le32(msg + AT_FLAGS, nt_le32(msg + AT_FLAGS) | NT_SMB2_FLAG_SIGNED);
            nt_smb_sign(&m->keys, msg, len, false);
        }
        nt_buf_put(&m->out, msg, len);
        return;
    }
    struct nt_smb2_transform t = { .size = (uint32_t)len, .flags = 1, .session_id = m->session_id };
    nt_put_le64(t.nonce, m->nonce++); /* counted: never twice under these keys */
    size_t start = m->out.len;
    nt_smb2_transform_write(&m->out, &t);
    nt_buf_put(&m->out, msg, len);
    if (m->out.err == NT_OK)
        nt_smb_encrypt(&m->keys, m->out.data + start, m->out.len - start);
}

/* A pipe's messages go one at a time: a server may work at what it was sent in any order. */
static bool must_wait(const struct nt_smb_client *m, const struct request *r)
{
    if (r->pipe == 0 || r->command == NT_SMB2_CLOSE)
        return false;
    for (const struct request *before = m->requests; before != r; before = before->next)
        if (before->pipe == r->pipe)
            return true;
    return false;
}

/* Sends what waits, as far as there are credits. One message id costs one, [MS-SMB2] 3.2.4.1.5. */
static void pump(struct nt_smb_client *m)
{
    for (struct request *r = m->requests; r != NULL; r = r->next) {
        if (r->sent || must_wait(m, r))
            continue;
        if (m->credits == 0 || m->stage == FAILED)
            return;
        m->credits--;
        r->message_id = m->next_message_id++;
        r->sent = true;
        uint32_t ask = m->credits < WANTED_CREDITS ? WANTED_CREDITS - m->credits : 1;
        nt_put_le16(r->body.data + AT_CREDITS, (uint16_t)ask);
        nt_put_le64(r->body.data + AT_MESSAGE_ID, r->message_id);
        if (r->command == NT_SMB2_NEGOTIATE || r->command == NT_SMB2_SESSION_SETUP)
            nt_smb_preauth_update(m->preauth, r->body.data, r->body.len);
        send_message(m, r->body.data, r->body.len);
        m->waiting_bytes -= r->body.len;
        nt_buf_free(&r->body);
        if (m->out.err != NT_OK)
            nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(NO_MEMORY), "out of memory");
    }
}

enum nt_err nt_smb_client_submit(struct nt_smb_client *m, struct request *r)
{
    enum nt_err err = r->body.err;
    if (err != NT_OK) {
        request_free(r);
        return err;
    }
    struct request **end = &m->requests;
    while (*end != NULL)
        end = &(*end)->next;
    *end = r;
    m->request_count++;
    m->waiting_bytes += r->body.len;
    pump(m);
    return NT_OK;
}

void nt_smb_client_must_submit(struct nt_smb_client *m, struct request *r)
{
    if (r == NULL || nt_smb_client_submit(m, r) != NT_OK)
        nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(NO_MEMORY), "out of memory");
}

size_t nt_smb_client_pending(const struct nt_smb_client *m, const uint8_t **data)
{
    *data = m->out.data;
    return m->stage == FAILED ? 0 : m->out.len;
}

void nt_smb_client_sent(struct nt_smb_client *m, size_t len)
{
    nt_buf_drop(&m->out, len);
}

/* --- in: frames --------------------------------------------------------------------------- */

static void broken(struct nt_smb_client *m, const char *what)
{
    nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(INVALID_NETWORK_RESPONSE), "%s", what);
}

/* Opens an encrypted frame in place. */
static void open_frame(struct nt_smb_client *m)
{
    struct nt_smb2_transform t;
    if (nt_smb2_transform_read(m->in.data, m->in.len, &t) != NT_OK) {
        broken(m, "it sent a broken encryption header");
    } else if (!m->has_keys || m->keys.cipher == NT_SMB_NO_CIPHER ||
               t.session_id != m->session_id) {
        broken(m, "it sent an encrypted message outside of any session");
    } else if (nt_smb_decrypt(&m->keys, m->in.data, m->in.len) != NT_OK) {
        nt_smb_client_fail(m, NT_SMB_STEP_SIGNING, NT_STATUS(ACCESS_DENIED),
                           "an encrypted message was not made with the session's key");
    }
    m->in_sealed = true;
    m->in_at = NT_SMB_TRANSFORM_LEN;
}

static void frame_arrived(struct nt_smb_client *m)
{
    m->in_whole = true;
    m->in_sealed = false;
    m->in_at = 0;
    switch (nt_smb_kind(m->in.data, m->in.len)) {
    case NT_SMB_KIND_SMB2:
        break;
    case NT_SMB_KIND_TRANSFORM:
        open_frame(m);
        break;
    case NT_SMB_KIND_SMB1:
        nt_smb_client_fail(m, NT_SMB_STEP_DIALECT, NT_STATUS(NOT_SUPPORTED),
                           "it speaks SMB 1 only, which is not spoken here");
        break;
    case NT_SMB_KIND_COMPRESSED:
    case NT_SMB_KIND_NONE:
        broken(m, "it does not speak SMB");
        break;
    }
}

/* The frame's length has arrived. */
static void head_arrived(struct nt_smb_client *m)
{
    if (!nt_smb_frame_read(m->head, &m->frame_len))
        broken(m, "it does not speak SMB");
    else if (m->frame_len > MAX_FRAME)
        broken(m, "it sent a message longer than was asked for");
    else if (m->frame_len < NT_SMB_FRAME_LEN)
        broken(m, "it sent an empty message");
}

size_t nt_smb_client_feed(struct nt_smb_client *m, const uint8_t *data, size_t len, uint64_t now_ms)
{
    size_t took = 0;
    (void)now_ms;
    if (m->stage == FAILED || m->in_whole)
        return 0;
    while (took < len && m->head_len < NT_SMB_FRAME_LEN) {
        m->head[m->head_len++] = data[took++];
        if (m->head_len == NT_SMB_FRAME_LEN)
            head_arrived(m);
    }
    if (m->stage == FAILED || m->head_len < NT_SMB_FRAME_LEN)
        return took;
    size_t lack = m->frame_len - m->in.len, n = len - took < lack ? len - took : lack;
    nt_buf_put(&m->in, data + took, n);
    if (m->in.err != NT_OK)
        nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(NO_MEMORY), "out of memory");
    else if (m->in.len == m->frame_len)
        frame_arrived(m);
    return took + n;
}

/* --- in: messages ------------------------------------------------------------------------- */

static struct request *find(struct nt_smb_client *m, const struct nt_smb2_header *h)
{
    for (struct request *r = m->requests; r != NULL; r = r->next)
        if (r->sent && r->message_id == h->message_id && r->command == h->command)
            return r;
    return NULL;
}

static void unlink_request(struct nt_smb_client *m, const struct request *r)
{
    struct request **at = &m->requests;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    m->request_count--;
}

/* What stands in for a key: sealed, or signed by it. The session set-up's last answer brings the
 * key and is looked at there; an interim answer is never signed, [MS-SMB2] 3.2.5.1.3. */
static bool protected_enough(struct nt_smb_client *m, const struct answer *a, bool interim)
{
    if (!m->has_keys || !m->must_sign || m->in_sealed)
        return true;
    if (m->must_encrypt) {
        nt_smb_client_fail(m, NT_SMB_STEP_SIGNING, NT_STATUS(ACCESS_DENIED),
                           "an answer is not encrypted though the session is");
        return false;
    }
    if (interim)
        return true;
    if (!(a->header.flags & NT_SMB2_FLAG_SIGNED)) {
        char text[64];
        nt_smb_client_fail(
            m, NT_SMB_STEP_SIGNING,
            nt_status_ok(a->header.status) ? NT_STATUS(ACCESS_DENIED) : a->header.status,
            "an answer is not signed; it says %s", nt_status_format(a->header.status, text));
        return false;
    }
    if (nt_smb_sign_check(&m->keys, a->msg, a->len, true) != NT_OK) {
        nt_smb_client_fail(m, NT_SMB_STEP_SIGNING, NT_STATUS(ACCESS_DENIED),
                           "an answer's signature is wrong");
        return false;
    }
    return true;
}

/* The next message of the frame. False: it broke the protocol. */
static bool cut(struct nt_smb_client *m, struct answer *a)
{
    a->msg = m->in.data + m->in_at;
    a->len = m->in.len - m->in_at;
    if (nt_smb2_header_read(a->msg, a->len, &a->header) != NT_OK ||
        !(a->header.flags & NT_SMB2_FLAG_RESPONSE)) {
        broken(m, "it sent what is no answer");
        return false;
    }
    if (a->header.next != 0)
        a->len = a->header.next;
    m->in_at += a->len;
    return true;
}

static void grant(struct nt_smb_client *m, uint16_t credits)
{
    m->credits += credits;
    if (m->credits > MAX_CREDITS)
        m->credits = MAX_CREDITS;
}

static bool dispatch(struct nt_smb_client *m, const struct request *r, const struct answer *a,
                     struct nt_smb_client_event *ev, uint64_t now_ms)
{
    if (m->stage == READY)
        return r->pipe != 0 && nt_smb_client_pipe_answer(m, r, a, ev, now_ms);
    if (!nt_smb_client_set_up(m, a))
        return false;
    *ev = (struct nt_smb_client_event){ .kind = NT_SMB_CLIENT_READY };
    return true;
}

/* One message; true: it makes an event. */
static bool take_message(struct nt_smb_client *m, struct nt_smb_client_event *ev, uint64_t now_ms)
{
    struct answer a;
    if (!cut(m, &a))
        return false;
    if (a.header.message_id == UINT64_MAX)
        return false; /* an oplock break: pipes have none */
    struct request *r = find(m, &a.header);
    bool in_session = m->session_id == 0 || a.header.session_id == m->session_id;
    if (r == NULL || !in_session) {
        broken(m, "it answered what was not asked");
        return false;
    }
    bool interim =
        nt_status_is(a.header.status, NT_STATUS(PENDING)) && (a.header.flags & NT_SMB2_FLAG_ASYNC);
    if (!protected_enough(m, &a, interim))
        return false;
    grant(m, a.header.credits);
    if (interim) {
        if (r->async)
            broken(m, "it put a request off twice");
        r->async = true;
        r->async_id = a.header.async_id;
        return false;
    }
    if (r->async && (!(a.header.flags & NT_SMB2_FLAG_ASYNC) || a.header.async_id != r->async_id)) {
        broken(m, "it answered what was not asked");
        return false;
    }
    unlink_request(m, r);
    bool event = dispatch(m, r, &a, ev, now_ms);
    request_free(r);
    return event;
}

bool nt_smb_client_next(struct nt_smb_client *m, struct nt_smb_client_event *ev, uint64_t now_ms)
{
    while (m->stage != FAILED && m->in_whole) {
        if (m->in_at >= m->in.len) { /* the last event's data went with it */
            nt_buf_clear(&m->in);
            m->in_whole = false;
            m->head_len = 0;
            break;
        }
        bool event = take_message(m, ev, now_ms);
        pump(m);
        if (event)
            return true;
    }
    if (m->stage != FAILED || m->told)
        return false;
    m->told = true;
    *ev = (struct nt_smb_client_event){
        .kind = NT_SMB_CLIENT_FAILED, .status = m->status, .why = m->why, .step = m->step
    };
    return true;
}

/* --- the end, and time -------------------------------------------------------------------- */

void nt_smb_client_eof(struct nt_smb_client *m)
{
    static const char *const doing[] = {
        [NEGOTIATE] = "during the negotiation: it may speak SMB 1 only, or refuse this address",
        [SESSION] = "during the session set-up",
        [TREE] = "instead of opening IPC$",
        [VALIDATE] = "when the negotiation was to be proven: somebody may have changed it",
        [READY] = "in an open session",
    };
    if (m->stage != FAILED)
        nt_smb_client_fail(m, m->stage == VALIDATE ? NT_SMB_STEP_SIGNING : NT_SMB_STEP_NETWORK,
                           NT_STATUS(CONNECTION_ABORTED), "it closed the connection %s",
                           doing[m->stage]);
}

uint64_t nt_smb_client_deadline(const struct nt_smb_client *m)
{
    if (m->stage == FAILED)
        return UINT64_MAX;
    if (m->stage != READY)
        return m->setup_deadline;
    uint64_t first = UINT64_MAX;
    for (const struct request *r = m->requests; r != NULL; r = r->next)
        if (r->deadline < first)
            first = r->deadline;
    return first;
}

void nt_smb_client_tick(struct nt_smb_client *m, uint64_t now_ms)
{
    static const char *const doing[] = {
        [NEGOTIATE] = "to the negotiation", [SESSION] = "to the session set-up",
        [TREE] = "to opening IPC$",         [VALIDATE] = "to the proof of the negotiation",
        [READY] = "to a request",
    };
    if (m->stage != FAILED && now_ms >= nt_smb_client_deadline(m))
        nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(IO_TIMEOUT), "no answer in time %s",
                           doing[m->stage]);
}

/* --- what it is ---------------------------------------------------------------------------- */

const struct nt_secret *nt_smb_client_session_key(const struct nt_smb_client *m)
{
    return m->has_keys && m->stage == READY ? &m->keys.application : NULL;
}

uint16_t nt_smb_client_dialect(const struct nt_smb_client *m)
{
    return m->dialect;
}

enum nt_smb_signing nt_smb_client_signing(const struct nt_smb_client *m)
{
    return m->signing;
}

bool nt_smb_client_offer(const struct nt_smb_client *m, struct nt_smb_offer *out)
{
    *out =
        (struct nt_smb_offer){ .dialect = m->dialect,
                               .signing_required = (m->server_mode & NT_SMB2_SIGNING_REQUIRED) != 0,
                               .can_encrypt = m->cipher != NT_SMB_NO_CIPHER,
                               .mechs_known = m->names_mechs,
                               .ntlm = m->ntlm,
                               .kerberos = m->kerberos };
    return m->dialect != 0;
}

bool nt_smb_client_clock(const struct nt_smb_client *m, int64_t *ahead_100ns)
{
    *ahead_100ns = m->ahead_100ns;
    return m->has_clock;
}

bool nt_smb_client_is_signed(const struct nt_smb_client *m)
{
    return m->must_sign;
}

bool nt_smb_client_is_encrypted(const struct nt_smb_client *m)
{
    return m->must_encrypt;
}
