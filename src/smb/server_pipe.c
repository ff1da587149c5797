/*
 * server_pipe.c - named pipes: opened and closed, bytes to their owners, messages from them.
 * [MS-SMB2] 3.3.5.9 (create), .10 (close), .11 (flush), .12 (read), .13 (write), .15.10
 * (transceive); message mode: [MS-FSCC] 2.4.29, [MS-RPCE] 2.1.1.2.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "smb/server_internal.h"

#define MAX_IMPERSONATION 3u /* Delegate, 2.2.13 */
#define MAX_DISPOSITION   5u /* OVERWRITE_IF */
#define OPTION_DIRECTORY  0x00000001u
#define PIPE_HIGH         ((size_t)64 * 1024) /* unread bytes above which an owner waits */

/* --- names and ids --- */

/* An ASCII name in UTF-16LE against one of ours, without regard to case. */
static bool same_name(const uint8_t *wide, size_t units, const char *ours)
{
    for (size_t i = 0; i < units; i++) {
        uint16_t unit = nt_le16(wide + 2 * i);
        if (unit >= 'A' && unit <= 'Z')
            unit = (uint16_t)(unit + ('a' - 'A'));
        if (ours[i] == '\0' || unit != (uint8_t)ours[i])
            return false;
    }
    return ours[units] == '\0';
}

const char *smb_pipe_known(const struct nt_smb_server *m, struct nt_smb2_bytes name)
{
    static const char prefix[] = "pipe\\";
    const uint8_t *wide = name.data;
    size_t units = name.len / 2;

    if (name.len % 2 != 0)
        return NULL;
    if (units > 0 && nt_le16(wide) == '\\') {
        wide += 2;
        units--;
    }
    if (units >= strlen(prefix) && same_name(wide, strlen(prefix), prefix)) {
        wide += 2 * strlen(prefix);
        units -= strlen(prefix);
    }
    for (const char *const *known = m->config.pipes; *known != NULL; known++)
        if (same_name(wide, units, *known))
            return *known;
    return NULL;
}

struct pipe *smb_pipe_find(const struct nt_smb_server *m, uint32_t id)
{
    struct pipe *p = m->pipes;
    while (p != NULL && (p->id != id || p->gone))
        p = p->next;
    return p;
}

ntstatus smb_pipe_resolve(struct nt_smb_server *m, struct chain *c, struct nt_smb2_fid fid,
                          struct pipe **out)
{
    if ((c->h.flags & NT_SMB2_FLAG_RELATED) != 0) {
        if (!nt_status_ok(c->last_status))
            return c->last_status;
        if (!c->has_fid)
            return NT_STATUS(INVALID_HANDLE);
        fid = c->last_fid;
    }
    c->has_fid = true;
    c->last_fid = fid;
    struct pipe *p = fid.persistent == fid.temporary && fid.temporary <= UINT32_MAX
                         ? smb_pipe_find(m, (uint32_t)fid.temporary)
                         : NULL;
    if (p == NULL || p->session != c->session || p->tree_id != c->h.tree_id)
        return NT_STATUS(FILE_CLOSED);
    *out = p;
    return NT_STATUS(SUCCESS);
}

/* --- lists --- */

static void append(struct chain **list, struct chain *c)
{
    while (*list != NULL)
        list = &(*list)->pipe_next;
    c->pipe_next = NULL;
    *list = c;
}

static void take_out(struct chain **list, const struct chain *c)
{
    while (*list != NULL && *list != c)
        list = &(*list)->pipe_next;
    if (*list != NULL)
        *list = c->pipe_next;
}

void smb_pipe_forget(struct pipe *p, struct chain *c)
{
    take_out(c->wait == WAIT_WRITE ? &p->writers : &p->readers, c);
}

void smb_pipe_tell(struct nt_smb_server *m, struct pipe *p)
{
    if (p->queued)
        return;
    p->queued = true;
    p->next_told = NULL;
    *m->told_end = p;
    m->told_end = &p->next_told;
}

bool smb_pipe_has_data(const struct pipe *p)
{
    return p->writers != NULL && !p->held && !p->gone && !p->ended;
}

static void drop_message(struct nt_smb_server *m, struct pipe *p)
{
    struct message *msg = p->unread;

    p->unread = msg->next;
    if (p->unread == NULL)
        p->unread_end = &p->unread;
    p->unread_bytes -= msg->len;
    m->unread_bytes -= msg->len;
    nt_wipe(msg->data, msg->len);
    free(msg);
}

/* Not in the queue of events any more. */
void smb_pipe_free(struct nt_smb_server *m, struct pipe *p)
{
    struct pipe **at = &m->pipes;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    while (p->unread != NULL)
        drop_message(m, p);
    smb_session_unref(m, p->session);
    smb_identity_unref(m, p->identity);
    free(p);
}

void smb_pipe_close(struct nt_smb_server *m, struct pipe *p)
{
    p->gone = true;
    p->session->pipe_count--;
    while (p->writers != NULL)
        smb_chain_done(m, p->writers, NT_STATUS(CANCELLED));
    while (p->readers != NULL)
        smb_chain_done(m, p->readers, NT_STATUS(CANCELLED));
    while (p->unread != NULL)
        drop_message(m, p);
    smb_pipe_tell(m, p);
}

void smb_pipes_close(struct nt_smb_server *m, const struct session *s, const struct tree *t)
{
    for (struct pipe *p = m->pipes; p != NULL; p = p->next)
        if (!p->gone && p->session == s && (t == NULL || p->tree_id == t->id))
            smb_pipe_close(m, p);
}

/* --- create, close, flush --- */

static struct pipe *pipe_new(struct nt_smb_server *m, const struct chain *c, const char *name)
{
    struct pipe *p = m->last_pipe < UINT32_MAX ? calloc(1, sizeof *p) : NULL;
    if (p == NULL)
        return NULL;
    p->id = ++m->last_pipe;
    p->tree_id = c->h.tree_id;
    p->session = smb_session_ref(c->session);
    p->identity = smb_identity_ref(c->session->identity);
    p->name = name;
    p->is_signed = c->sign;
    p->is_encrypted = c->encrypted != NULL;
    p->unread_end = &p->unread;
    p->next = m->pipes;
    m->pipes = p;
    c->session->pipe_count++;
    return p;
}

/* 3.3.5.9. Create contexts are for files: none is looked at. */
ntstatus smb_serve_create(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_create_req req;
    struct nt_smb2_create_rsp rsp = {
        .action = NT_SMB2_FILE_OPENED,
        .facts.attributes = NT_SMB2_ATTRIBUTE_NORMAL,
    };

    c->has_fid = false;
    if (nt_smb2_create_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK ||
        req.disposition > MAX_DISPOSITION)
        return NT_STATUS(INVALID_PARAMETER);
    if (req.impersonation > MAX_IMPERSONATION)
        return NT_STATUS(BAD_IMPERSONATION_LEVEL);
    const char *name = smb_pipe_known(m, req.name);
    if (name == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    if ((req.options & OPTION_DIRECTORY) != 0)
        return NT_STATUS(NOT_A_DIRECTORY);
    if (req.disposition == NT_SMB2_FILE_CREATE)
        return NT_STATUS(OBJECT_NAME_COLLISION);
    struct pipe *p =
        c->session->pipe_count < m->config.limits.max_pipes ? pipe_new(m, c, name) : NULL;
    if (p == NULL)
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    smb_pipe_tell(m, p);
    rsp.fid = c->last_fid = (struct nt_smb2_fid){ p->id, p->id };
    c->has_fid = true;
    nt_smb2_create_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)), &rsp);
    return NT_STATUS(SUCCESS);
}

ntstatus smb_serve_close(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_close_req req;
    struct nt_smb2_close_rsp rsp = { 0 };
    struct pipe *p = NULL;

    if (nt_smb2_close_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus st = smb_pipe_resolve(m, c, req.fid, &p);
    if (!nt_status_ok(st))
        return st;
    smb_pipe_close(m, p);
    if ((req.flags & NT_SMB2_CLOSE_QUERY) != 0) {
        rsp.flags = NT_SMB2_CLOSE_QUERY;
        rsp.facts.attributes = NT_SMB2_ATTRIBUTE_NORMAL;
    }
    nt_smb2_close_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)), &rsp);
    return NT_STATUS(SUCCESS);
}

/* Nothing is buffered but what the owner has not taken yet, and that is on its way. */
ntstatus smb_serve_flush(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_fid fid;
    struct pipe *p = NULL;

    if (nt_smb2_flush_req_read(smb_chain_part(c), c->part_len, &fid) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus st = smb_pipe_resolve(m, c, fid, &p);
    if (!nt_status_ok(st))
        return st;
    nt_smb2_empty_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)));
    return NT_STATUS(SUCCESS);
}

/* --- bytes to the owner --- */

/* The request's bytes wait until the owner has taken them. */
static ntstatus put_bytes(struct nt_smb_server *m, struct chain *c, struct pipe *p,
                          struct nt_smb2_bytes data)
{
    if (!smb_chain_may_wait(m, c))
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    c->payload = data.data;
    c->payload_len = data.len;
    c->taken = 0;
    smb_chain_wait(m, c, WAIT_WRITE, p);
    append(&p->writers, c);
    if (smb_pipe_has_data(p))
        smb_pipe_tell(m, p);
    return NT_STATUS(PENDING);
}

ntstatus smb_serve_write(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_write_req req;
    struct pipe *p = NULL;

    if (nt_smb2_write_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK ||
        req.data.len > UINT32_MAX || !smb_chain_paid(m, c, (uint32_t)req.data.len))
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus st = smb_pipe_resolve(m, c, req.fid, &p);
    if (!nt_status_ok(st))
        return st;
    if (p->ended)
        return NT_STATUS(PIPE_DISCONNECTED);
    if (req.data.len > 0)
        return put_bytes(m, c, p, req.data);
    nt_smb2_write_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)), 0);
    return NT_STATUS(SUCCESS);
}

void smb_pipe_taken(struct nt_smb_server *m, struct pipe *p, size_t took)
{
    struct chain *c = p->writers;

    c->taken += took;
    if (c->taken < c->payload_len) {
        p->held = true;
        return;
    }
    if (c->h.command == NT_SMB2_IOCTL) { /* now the read half of the transceive */
        take_out(&p->writers, c);
        c->wait = WAIT_READ;
        append(&p->readers, c);
    } else {
        nt_smb2_write_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)),
                                (uint32_t)c->payload_len);
        smb_frame_end(m);
        smb_chain_done(m, c, NT_STATUS(SUCCESS));
    }
    if (smb_pipe_has_data(p))
        smb_pipe_tell(m, p);
}

/* --- messages to the client --- */

/* The answer to a READ or TRANSCEIVE: as much of the first unread message as fits. */
static ntstatus give_message(struct nt_smb_server *m, struct chain *c, struct pipe *p)
{
    struct message *msg = p->unread;
    size_t left = msg->len - msg->taken;
    size_t n = left < c->max_output ? left : c->max_output;
    struct nt_smb2_bytes data = { msg->data + msg->taken, n };
    ntstatus st = n < left && !p->byte_mode ? NT_STATUS(BUFFER_OVERFLOW) : NT_STATUS(SUCCESS);

    struct nt_buf *b = smb_chain_reply(m, c, st);
    if (c->h.command == NT_SMB2_IOCTL) {
        struct nt_smb2_ioctl_rsp rsp = { .code = NT_SMB2_FSCTL_PIPE_TRANSCEIVE,
                                         .fid = { p->id, p->id },
                                         .output = data };
        nt_smb2_ioctl_rsp_write(b, &rsp);
    } else {
        struct nt_smb2_read_rsp rsp = { .data = data };
        nt_smb2_read_rsp_write(b, &rsp);
    }
    msg->taken += n;
    if (msg->taken == msg->len)
        drop_message(m, p);
    return st;
}

void smb_pipe_pump(struct nt_smb_server *m, struct pipe *p)
{
    while (p->ended && p->writers != NULL)
        smb_chain_done(m, p->writers, NT_STATUS(PIPE_DISCONNECTED));
    while (p->readers != NULL && (p->unread != NULL || p->ended) && !m->closed) {
        struct chain *c = p->readers;
        ntstatus st = NT_STATUS(PIPE_DISCONNECTED);
        if (p->unread != NULL) {
            st = give_message(m, c, p);
            smb_frame_end(m);
        }
        smb_chain_done(m, c, st);
    }
}

/* The request waits for a message, if none is there. */
static ntstatus get_message(struct nt_smb_server *m, struct chain *c, struct pipe *p)
{
    if (p->unread != NULL && p->readers == NULL)
        return give_message(m, c, p);
    if (p->ended)
        return NT_STATUS(PIPE_DISCONNECTED);
    if (!smb_chain_may_wait(m, c))
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    smb_chain_wait(m, c, WAIT_READ, p);
    append(&p->readers, c);
    return NT_STATUS(PENDING);
}

ntstatus smb_serve_read(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_read_req req;
    struct pipe *p = NULL;

    if (nt_smb2_read_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK ||
        !smb_chain_paid(m, c, req.length))
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus st = smb_pipe_resolve(m, c, req.fid, &p);
    if (!nt_status_ok(st))
        return st;
    c->max_output = req.length;
    return get_message(m, c, p);
}

/* 3.3.5.15.10; the sizes were checked. */
ntstatus smb_pipe_transceive(struct nt_smb_server *m, struct chain *c,
                             const struct nt_smb2_ioctl_req *req)
{
    struct pipe *p = NULL;

    ntstatus st = smb_pipe_resolve(m, c, req->fid, &p);
    if (!nt_status_ok(st))
        return st;
    if (p->ended)
        return NT_STATUS(PIPE_DISCONNECTED);
    if (p->unread != NULL)
        return NT_STATUS(PIPE_BUSY);
    c->max_output = req->max_output;
    return req->input.len > 0 ? put_bytes(m, c, p, req->input) : get_message(m, c, p);
}

/* --- the owner's side --- */

enum nt_err nt_smb_server_pipe_put(struct nt_smb_server *m, uint32_t pipe, const uint8_t *data,
                                   size_t len)
{
    struct pipe *p = m->closed ? NULL : smb_pipe_find(m, pipe);

    if (p == NULL || p->ended)
        return NT_E_NOT_FOUND;
    size_t limit = m->config.limits.max_in_flight;
    if (len == 0 || len > m->max_transact || len > limit || m->unread_bytes > limit - len)
        return NT_E_LIMIT;
    struct message *msg = malloc(sizeof *msg + len);
    if (msg == NULL)
        return NT_E_NOMEM;
    msg->next = NULL;
    msg->len = len;
    msg->taken = 0;
    memcpy(msg->data, data, len);
    *p->unread_end = msg;
    p->unread_end = &msg->next;
    p->unread_bytes += len;
    m->unread_bytes += len;
    smb_pump(m, p);
    return NT_OK;
}

void nt_smb_server_pipe_end(struct nt_smb_server *m, uint32_t pipe)
{
    struct pipe *p = m->closed ? NULL : smb_pipe_find(m, pipe);

    if (p == NULL)
        return;
    p->ended = true;
    smb_pump(m, p);
}

bool nt_smb_server_pipe_ready(const struct nt_smb_server *m, uint32_t pipe)
{
    const struct pipe *p = m->closed ? NULL : smb_pipe_find(m, pipe);

    return p != NULL && !p->ended && p->unread_bytes < PIPE_HIGH &&
           m->unread_bytes < m->config.limits.max_in_flight / 2;
}
