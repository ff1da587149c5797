/* One SMB connection: sessions, pipes, and the RPC associations in them. [MS-SMB2] 2.2, 3.2.5 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture_internal.h"
#include "smb/msg.h"

#define SESSIONS 16
#define PIPES    32
#define PENDING  64

struct session {
    uint64_t id;
    char who[NT_CAPTURE_NAME * 3];
};

struct pipe {
    struct nt_smb2_fid fid;
    struct nt_rpc_talk *rpc;
};

/* A request without its answer yet. */
struct pending {
    uint64_t message_id;
    uint16_t command;
    uint64_t session_id;
    nt_time at;
    struct nt_smb2_fid fid;
    char name[64]; /* of a pipe or share */
    struct nt_claim claim;
};

/* Each of the three is a ring: the oldest makes room. */
struct nt_smb_talk {
    struct nt_ends ends;
    struct session sessions[SESSIONS];
    struct pipe pipes[PIPES];
    struct pending pending[PENDING];
    size_t session_at, pipe_at, pending_at;
    bool negotiated, encrypted;
};

struct nt_smb_talk *nt_smb_talk_new(const struct nt_ends *ends)
{
    struct nt_smb_talk *t = calloc(1, sizeof *t);
    if (t != NULL)
        t->ends = *ends;
    return t;
}

void nt_smb_talk_end(struct nt_capture *c, struct nt_smb_talk *t, nt_time at)
{
    for (size_t i = 0; i < PIPES; i++)
        nt_rpc_talk_end(c, t->pipes[i].rpc, at);
    free(t);
}

void nt_smb_talk_gap(struct nt_smb_talk *t, bool from_client)
{
    for (size_t i = 0; i < PIPES; i++)
        if (t->pipes[i].rpc != NULL)
            nt_rpc_talk_gap(t->pipes[i].rpc, from_client);
}

/* --- what is remembered --- */

static struct session *session_of(struct nt_smb_talk *t, uint64_t id)
{
    for (size_t i = 0; i < SESSIONS; i++)
        if (t->sessions[i].id == id && id != 0)
            return &t->sessions[i];
    return NULL;
}

static void remember_session(struct nt_smb_talk *t, uint64_t id, const char *who)
{
    struct session *s = session_of(t, id);
    if (s == NULL)
        s = &t->sessions[t->session_at++ % SESSIONS];
    s->id = id;
    snprintf(s->who, sizeof s->who, "%s", who);
}

static struct pipe *pipe_of(struct nt_smb_talk *t, const struct nt_smb2_fid *fid)
{
    for (size_t i = 0; i < PIPES; i++)
        if (t->pipes[i].rpc != NULL && t->pipes[i].fid.persistent == fid->persistent &&
            t->pipes[i].fid.temporary == fid->temporary)
            return &t->pipes[i];
    return NULL;
}

static struct pending *pending_of(struct nt_smb_talk *t, uint64_t message_id, uint16_t command)
{
    for (size_t i = 0; i < PENDING; i++)
        if (t->pending[i].at != 0 && t->pending[i].message_id == message_id &&
            t->pending[i].command == command)
            return &t->pending[i];
    return NULL;
}

/* --- requests --- */

static void feed_pipe(struct nt_capture *c, struct nt_smb_talk *t, nt_time at,
                      const struct nt_smb2_fid *fid, bool from_client, struct nt_smb2_bytes data)
{
    const struct pipe *p = pipe_of(t, fid);
    if (p != NULL && data.len > 0)
        nt_rpc_talk_feed(c, p->rpc, at, from_client, data.data, data.len);
}

static void name_of(struct nt_capture *c, struct nt_smb2_bytes text, char *out, size_t size)
{
    const char *name = nt_capture_utf16le(&c->arena, text.data, text.len);
    snprintf(out, size, "%s", *name == '\\' && name[1] != '\\' ? name + 1 : name);
}

static void request(struct nt_capture *c, struct nt_smb_talk *t, nt_time at,
                    const struct nt_smb2_header *h, const uint8_t *msg, size_t len)
{
    struct pending p = {
        .message_id = h->message_id, .command = h->command, .session_id = h->session_id, .at = at
    };
    struct nt_smb2_session_setup_req setup;
    struct nt_smb2_tree_connect_req tree;
    struct nt_smb2_create_req create;
    struct nt_smb2_close_req close;
    struct nt_smb2_read_req read;
    struct nt_smb2_write_req write;
    struct nt_smb2_ioctl_req ioctl;
    switch (h->command) {
    case NT_SMB2_SESSION_SETUP:
        if (nt_smb2_session_setup_req_read(msg, len, &setup) == NT_OK)
            nt_claim_read(&c->arena, setup.token.data, setup.token.len, &p.claim);
        break;
    case NT_SMB2_TREE_CONNECT:
        if (nt_smb2_tree_connect_req_read(msg, len, &tree) == NT_OK)
            name_of(c, tree.path, p.name, sizeof p.name);
        break;
    case NT_SMB2_CREATE:
        if (nt_smb2_create_req_read(msg, len, &create) == NT_OK)
            name_of(c, create.name, p.name, sizeof p.name);
        break;
    case NT_SMB2_CLOSE:
        if (nt_smb2_close_req_read(msg, len, &close) == NT_OK)
            p.fid = close.fid;
        break;
    case NT_SMB2_READ:
        if (nt_smb2_read_req_read(msg, len, &read) == NT_OK)
            p.fid = read.fid;
        break;
    case NT_SMB2_WRITE:
        if (nt_smb2_write_req_read(msg, len, &write) == NT_OK)
            feed_pipe(c, t, at, &write.fid, true, write.data);
        break;
    case NT_SMB2_IOCTL:
        if (nt_smb2_ioctl_req_read(msg, len, &ioctl) == NT_OK &&
            ioctl.code == NT_SMB2_FSCTL_PIPE_TRANSCEIVE)
            feed_pipe(c, t, at, &ioctl.fid, true, ioctl.input);
        break;
    default:
        break;
    }
    t->pending[t->pending_at++ % PENDING] = p;
}

/* --- responses --- */

static const char *dialect_name(uint16_t dialect)
{
    switch (dialect) {
    case NT_SMB2_202:
        return "2.0.2";
    case NT_SMB2_210:
        return "2.1";
    case NT_SMB2_300:
        return "3.0";
    case NT_SMB2_302:
        return "3.0.2";
    case NT_SMB2_311:
        return "3.1.1";
    default:
        return "2.???";
    }
}

static void negotiated(struct nt_capture *c, struct nt_smb_talk *t, const struct pending *p,
                       const uint8_t *msg, size_t len)
{
    struct nt_smb2_negotiate_rsp rsp;
    if (t->negotiated || nt_smb2_negotiate_rsp_read(msg, len, &rsp) != NT_OK ||
        rsp.dialect == NT_SMB2_WILD)
        return;
    t->negotiated = true;
    bool required = (rsp.security_mode & NT_SMB2_SIGNING_REQUIRED) != 0;
    if (c->config.all)
        nt_capture_tell(c, &t->ends, p->at, "SMB", NT_CAPTURE_PLAIN,
                        "the server speaks SMB %s and %s", dialect_name(rsp.dialect),
                        required ? "requires signing" : "does not require signing");
}

/* What a correct logon of a trust's or computer's account is answered with. */
static bool is_machine_proof(ntstatus status)
{
    return nt_status_is(status, NT_STATUS(NOLOGON_INTERDOMAIN_TRUST_ACCOUNT)) ||
           nt_status_is(status, NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT)) ||
           nt_status_is(status, NT_STATUS(NOLOGON_SERVER_TRUST_ACCOUNT));
}

static void set_up(struct nt_capture *c, struct nt_smb_talk *t, const struct nt_smb2_header *h,
                   const struct pending *p, const uint8_t *msg, size_t len)
{
    struct nt_smb2_session_setup_rsp rsp;
    if (nt_status_is(h->status, NT_STATUS(MORE_PROCESSING_REQUIRED)) || p->claim.how == NULL)
        return;
    if (is_machine_proof(h->status)) {
        nt_capture_tell(c, &t->ends, p->at, "SMB", NT_CAPTURE_GOOD,
                        "%s has the right password (%s); accounts of its kind do not log on: %s",
                        p->claim.who, p->claim.how, nt_status_name(h->status));
        return;
    }
    if (!nt_status_ok(h->status)) {
        nt_capture_tell(c, &t->ends, p->at, "SMB", NT_CAPTURE_BAD,
                        "the logon of %s (%s) is refused: %s", p->claim.who, p->claim.how,
                        nt_capture_status(c, h->status.code));
        return;
    }
    bool guest = nt_smb2_session_setup_rsp_read(msg, len, &rsp) == NT_OK &&
                 (rsp.session_flags & NT_SMB2_SESSION_GUEST) != 0;
    remember_session(t, h->session_id, p->claim.who);
    nt_capture_tell(c, &t->ends, p->at, "SMB", p->claim.weak ? NT_CAPTURE_BAD : NT_CAPTURE_GOOD,
                    "%s is logged on (%s)%s%s", p->claim.who, p->claim.how,
                    guest ? ", as a guest only" : "",
                    p->claim.weak ? ": a weak form that no end should take" : "");
}

static void created(struct nt_capture *c, struct nt_smb_talk *t, const struct nt_smb2_header *h,
                    const struct pending *p, const uint8_t *msg, size_t len)
{
    struct nt_smb2_create_rsp rsp;
    if (!nt_status_ok(h->status)) {
        if (c->config.all || !nt_status_is(h->status, NT_STATUS(OBJECT_NAME_NOT_FOUND)))
            nt_capture_tell(c, &t->ends, p->at, "SMB", NT_CAPTURE_BAD, "opening %s is refused: %s",
                            p->name, nt_capture_status(c, h->status.code));
        return;
    }
    if (nt_smb2_create_rsp_read(msg, len, &rsp) != NT_OK)
        return;
    const struct session *s = session_of(t, h->session_id);
    struct pipe *slot = &t->pipes[t->pipe_at++ % PIPES];
    nt_rpc_talk_end(c, slot->rpc, p->at);
    slot->fid = rsp.fid;
    slot->rpc = nt_rpc_talk_new(&t->ends, "over SMB", s != NULL ? s->who : "somebody");
}

static void closed(struct nt_capture *c, struct nt_smb_talk *t, const struct pending *p)
{
    struct pipe *gone = pipe_of(t, &p->fid);
    if (gone == NULL)
        return;
    nt_rpc_talk_end(c, gone->rpc, p->at);
    gone->rpc = NULL;
}

/* READ and FSCTL_PIPE_TRANSCEIVE with more to come are answered as warnings with data. */
static bool has_data(ntstatus status)
{
    return nt_status_ok(status) || nt_status_is(status, NT_STATUS(BUFFER_OVERFLOW));
}

static void respond(struct nt_capture *c, struct nt_smb_talk *t, nt_time at,
                    const struct nt_smb2_header *h, const uint8_t *msg, size_t len)
{
    struct nt_smb2_read_rsp read;
    struct nt_smb2_ioctl_rsp ioctl;
    struct pending *p = pending_of(t, h->message_id, h->command);
    if (p == NULL || nt_status_is(h->status, NT_STATUS(PENDING)))
        return;
    switch (h->command) {
    case NT_SMB2_NEGOTIATE:
        negotiated(c, t, p, msg, len);
        break;
    case NT_SMB2_SESSION_SETUP:
        set_up(c, t, h, p, msg, len);
        break;
    case NT_SMB2_TREE_CONNECT:
        if (!nt_status_ok(h->status))
            nt_capture_tell(c, &t->ends, p->at, "SMB", NT_CAPTURE_BAD,
                            "connecting to %s is refused: %s", p->name,
                            nt_capture_status(c, h->status.code));
        break;
    case NT_SMB2_CREATE:
        created(c, t, h, p, msg, len);
        break;
    case NT_SMB2_CLOSE:
        closed(c, t, p);
        break;
    case NT_SMB2_READ:
        if (has_data(h->status) && nt_smb2_read_rsp_read(msg, len, &read) == NT_OK)
            feed_pipe(c, t, at, &p->fid, false, read.data);
        break;
    case NT_SMB2_IOCTL:
        if (has_data(h->status) && nt_smb2_ioctl_rsp_read(msg, len, &ioctl) == NT_OK &&
            ioctl.code == NT_SMB2_FSCTL_PIPE_TRANSCEIVE)
            feed_pipe(c, t, at, &ioctl.fid, false, ioctl.output);
        break;
    default:
        break;
    }
    p->at = 0;
}

/* --- messages --- */

static void compound(struct nt_capture *c, struct nt_smb_talk *t, nt_time at, const uint8_t *msg,
                     size_t len)
{
    struct nt_smb2_header h;
    while (nt_smb2_header_read(msg, len, &h) == NT_OK) {
        size_t own = h.next != 0 ? h.next : len;
        if ((h.flags & NT_SMB2_FLAG_RESPONSE) != 0)
            respond(c, t, at, &h, msg, own);
        else
            request(c, t, at, &h, msg, own);
        if (h.next == 0)
            break;
        msg += h.next;
        len -= h.next;
    }
}

void nt_smb_talk_feed(struct nt_capture *c, struct nt_smb_talk *t, nt_time at, bool from_client,
                      const uint8_t *msg, size_t len)
{
    switch (nt_smb_kind(msg, len)) {
    case NT_SMB_KIND_SMB2:
        compound(c, t, at, msg, len);
        break;
    case NT_SMB_KIND_TRANSFORM:
        c->totals.encrypted++;
        if (!t->encrypted)
            nt_capture_tell(c, &t->ends, at, "SMB", NT_CAPTURE_PLAIN,
                            "from here on this connection is encrypted: no more of it can be read");
        t->encrypted = true;
        break;
    case NT_SMB_KIND_SMB1:
        /* The negotiation of SMB 2 may begin with one message of SMB 1 from the client. */
        if (!from_client && !t->negotiated) {
            t->negotiated = true;
            nt_capture_tell(c, &t->ends, at, "SMB", NT_CAPTURE_BAD,
                            "the server speaks SMB 1, which is not read here and should be off");
        }
        break;
    case NT_SMB_KIND_NONE:
    case NT_SMB_KIND_COMPRESSED:
        break;
    }
}
