#include <stdio.h>
#include <string.h>

#include "smb/client_internal.h"

static struct pipe *find(struct nt_smb_client *m, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < NT_SMB_CLIENT_PIPES; i++)
        if (m->pipes[i].id == id)
            return &m->pipes[i];
    return NULL;
}

/* One that its owner may still use. */
static struct pipe *find_open(struct nt_smb_client *m, uint32_t id)
{
    struct pipe *p = find(m, id);
    return p != NULL && p->opened && !p->closing ? p : NULL;
}

/* --- requests ----------------------------------------------------------------------------- */

enum nt_err nt_smb_client_open(struct nt_smb_client *m, const char *name, uint32_t timeout_ms,
                               uint64_t now_ms, uint32_t *pipe)
{
    struct pipe *p = NULL;
    struct nt_buf text;

    if (m->stage != READY)
        return NT_E_STATE;
    for (size_t i = 0; p == NULL && i < NT_SMB_CLIENT_PIPES; i++)
        if (m->pipes[i].id == 0)
            p = &m->pipes[i];
    if (p == NULL)
        return NT_E_LIMIT;
    nt_buf_init(&text, sizeof p->name * 2);
    nt_smb_client_put_text(&text, name);
    if (text.err != NT_OK || strlen(name) >= sizeof p->name) {
        nt_buf_free(&text);
        return NT_E_INVALID;
    }
    const struct nt_smb2_create_req req = { .impersonation = NT_SMB2_IMPERSONATION,
                                            .access = NT_SMB2_PIPE_ACCESS,
                                            .share = NT_SMB2_SHARE_READ_WRITE,
                                            .disposition = NT_SMB2_FILE_OPEN,
                                            .name = { text.data, text.len } };
    uint32_t id = ++m->last_pipe;
    struct request *r = nt_smb_client_request(m, NT_SMB2_CREATE, id, now_ms + timeout_ms);
    if (r != NULL)
        nt_smb2_create_req_write(&r->body, &req);
    nt_buf_free(&text);
    enum nt_err err = r != NULL ? nt_smb_client_submit(m, r) : NT_E_NOMEM;
    if (err != NT_OK)
        return err;
    *p = (struct pipe){ .id = id, .timeout_ms = timeout_ms };
    memcpy(p->name, name, strlen(name) + 1);
    *pipe = id;
    return NT_OK;
}

enum nt_err nt_smb_client_write(struct nt_smb_client *m, uint32_t pipe, const uint8_t *data,
                                size_t len, bool expect_answer, uint32_t timeout_ms,
                                uint64_t now_ms)
{
    struct pipe *p = find_open(m, pipe);
    if (m->stage != READY)
        return NT_E_STATE;
    if (p == NULL)
        return NT_E_NOT_FOUND;
    if (len == 0 || len > m->max_data)
        return NT_E_LIMIT;
    struct request *r = nt_smb_client_request(m, expect_answer ? NT_SMB2_IOCTL : NT_SMB2_WRITE,
                                              pipe, now_ms + timeout_ms);
    if (r == NULL)
        return NT_E_LIMIT;
    if (expect_answer)
        nt_smb2_ioctl_req_write(
            &r->body, &(const struct nt_smb2_ioctl_req){ .code = NT_SMB2_FSCTL_PIPE_TRANSCEIVE,
                                                         .fid = p->fid,
                                                         .input = { data, len },
                                                         .max_output = m->max_data,
                                                         .flags = NT_SMB2_IOCTL_IS_FSCTL });
    else
        nt_smb2_write_req_write(
            &r->body, &(const struct nt_smb2_write_req){ .fid = p->fid, .data = { data, len } });
    p->timeout_ms = timeout_ms;
    return nt_smb_client_submit(m, r);
}

enum nt_err nt_smb_client_read(struct nt_smb_client *m, uint32_t pipe, uint32_t timeout_ms,
                               uint64_t now_ms)
{
    struct pipe *p = find_open(m, pipe);
    if (m->stage != READY)
        return NT_E_STATE;
    if (p == NULL)
        return NT_E_NOT_FOUND;
    struct request *r = nt_smb_client_request(m, NT_SMB2_READ, pipe, now_ms + timeout_ms);
    if (r == NULL)
        return NT_E_LIMIT;
    nt_smb2_read_req_write(
        &r->body, &(const struct nt_smb2_read_req){ .length = m->max_data, .fid = p->fid });
    p->timeout_ms = timeout_ms;
    return nt_smb_client_submit(m, r);
}

static void send_close(struct nt_smb_client *m, struct pipe *p, uint64_t now_ms)
{
    struct request *r = nt_smb_client_request(m, NT_SMB2_CLOSE, p->id, now_ms + p->timeout_ms);
    p->closing = true;
    if (r != NULL)
        nt_smb2_close_req_write(&r->body, &(const struct nt_smb2_close_req){ .fid = p->fid });
    nt_smb_client_must_submit(m, r);
}

void nt_smb_client_close(struct nt_smb_client *m, uint32_t pipe, uint64_t now_ms)
{
    struct pipe *p = find(m, pipe);
    if (p == NULL || p->closing || m->stage != READY)
        return;
    if (p->opened)
        send_close(m, p, now_ms);
    p->closing = true; /* not opened yet: closed when it is */
}

/* --- answers ------------------------------------------------------------------------------ */

static void broken(struct nt_smb_client *m, const char *what)
{
    nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(INVALID_NETWORK_RESPONSE), "%s", what);
}

static bool lost(struct nt_smb_client *m, const struct pipe *p, ntstatus status, const char *what,
                 struct nt_smb_client_event *ev)
{
    char text[64];
    snprintf(m->pipe_why, sizeof m->pipe_why, "the pipe %s %s: %s (%s)", p->name, what,
             nt_status_text(status), nt_status_format(status, text));
    *ev = (struct nt_smb_client_event){
        .kind = NT_SMB_CLIENT_CLOSED, .pipe = p->id, .status = status, .why = m->pipe_why
    };
    return true;
}

static bool created(struct nt_smb_client *m, struct pipe *p, const struct answer *a,
                    struct nt_smb_client_event *ev, uint64_t now_ms)
{
    struct nt_smb2_create_rsp rsp;
    if (!nt_status_is(a->header.status, NT_STATUS(SUCCESS))) {
        bool wanted = !p->closing;
        if (wanted)
            lost(m, p, a->header.status, "cannot be opened", ev);
        p->id = 0;
        return wanted;
    }
    if (nt_smb2_create_rsp_read(a->msg, a->len, &rsp) != NT_OK) {
        broken(m, "its answer to the opening of a pipe does not decode");
        return false;
    }
    p->fid = rsp.fid;
    p->opened = true;
    if (p->closing) {
        send_close(m, p, now_ms);
        return false;
    }
    *ev = (struct nt_smb_client_event){ .kind = NT_SMB_CLIENT_OPENED, .pipe = p->id };
    return true;
}

/* What a READ or a transceive brought. */
static bool data_in(struct nt_smb_client *m, const struct answer *a, struct nt_smb2_bytes *data)
{
    struct nt_smb2_ioctl_rsp ioctl;
    struct nt_smb2_read_rsp read;
    if (a->header.command == NT_SMB2_IOCTL) {
        enum nt_err err = nt_smb2_ioctl_rsp_read(a->msg, a->len, &ioctl);
        *data = ioctl.output;
        if (err == NT_OK)
            return true;
    } else {
        enum nt_err err = nt_smb2_read_rsp_read(a->msg, a->len, &read);
        *data = read.data;
        if (err == NT_OK)
            return true;
    }
    broken(m, "its answer to a read does not decode");
    return false;
}

static bool got_data(struct nt_smb_client *m, const struct pipe *p, const struct answer *a,
                     struct nt_smb_client_event *ev, uint64_t now_ms)
{
    struct nt_smb2_bytes data;
    bool more = nt_status_is(a->header.status, NT_STATUS(BUFFER_OVERFLOW));

    if (!data_in(m, a, &data))
        return false;
    if (more) {
        /* A server that gives nothing and promises more would keep us asking. */
        if (data.len == 0)
            broken(m, "it announced data and sent none");
        else if (nt_smb_client_read(m, p->id, p->timeout_ms, now_ms) != NT_OK)
            nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(NO_MEMORY), "out of memory");
        if (m->stage == FAILED)
            return false;
    }
    *ev = (struct nt_smb_client_event){
        .kind = NT_SMB_CLIENT_DATA, .pipe = p->id, .data = data.data, .len = data.len, .more = more
    };
    return true;
}

bool nt_smb_client_pipe_answer(struct nt_smb_client *m, const struct request *r,
                               const struct answer *a, struct nt_smb_client_event *ev,
                               uint64_t now_ms)
{
    struct pipe *p = find(m, r->pipe);
    bool ok = nt_status_is(a->header.status, NT_STATUS(SUCCESS));
    bool partial = nt_status_is(a->header.status, NT_STATUS(BUFFER_OVERFLOW)) &&
                   (r->command == NT_SMB2_IOCTL || r->command == NT_SMB2_READ);

    if (p == NULL)
        return false;
    if (r->command == NT_SMB2_CREATE)
        return created(m, p, a, ev, now_ms);
    if (r->command == NT_SMB2_CLOSE) {
        p->id = 0;
        return false;
    }
    if (p->closing)
        return false;
    if (!ok && !partial) {
        lost(m, p, a->header.status, "has ended", ev);
        send_close(m, p, now_ms);
        return true;
    }
    if (r->command == NT_SMB2_WRITE)
        return false;
    return got_data(m, p, a, ev, now_ms);
}
