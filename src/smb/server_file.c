/*
 * server_file.c - what is asked of a pipe beside its bytes: control codes and information.
 * [MS-SMB2] 3.3.5.15, 3.3.5.20, 3.3.5.21; [MS-FSCC] 2.3, 2.4
 */
#include <string.h>

#include "base/bytes.h"
#include "smb/server_internal.h"

#define PIPE_CONNECTED   3u /* NamedPipeState: FILE_PIPE_CONNECTED_STATE, [MS-FSCC] 2.4.30 */
#define PIPE_MESSAGES    1u /* NamedPipeType: FILE_PIPE_MESSAGE_TYPE */
#define PIPE_FULL_DUPLEX 2u
#define PIPE_QUOTA       65536u

/* --- control codes --- */

static ntstatus pipe_wait(struct nt_smb_server *m, struct chain *c,
                          const struct nt_smb2_ioctl_req *req)
{
    struct nt_smb2_pipe_wait in;
    struct nt_smb2_ioctl_rsp rsp = { .code = req->code, .fid = req->fid };

    if (nt_smb2_pipe_wait_read(req->input.data, req->input.len, &in) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    if (smb_pipe_known(m, in.name) == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    /* There is always another instance. */
    nt_smb2_ioctl_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)), &rsp);
    return NT_STATUS(SUCCESS);
}

/* FSCTL_PIPE_PEEK, [MS-FSCC] 2.3.46: state, bytes that can be read, messages, length of the first,
 * and its beginning as far as it fits. */
static ntstatus pipe_peek(struct nt_smb_server *m, struct chain *c,
                          const struct nt_smb2_ioctl_req *req)
{
    enum { HEAD = 16 };
    struct nt_smb2_ioctl_rsp rsp = { .code = req->code };
    struct nt_buf out;
    struct pipe *p = NULL;

    ntstatus st = smb_pipe_resolve(m, c, req->fid, &p);
    if (!nt_status_ok(st))
        return st;
    if (req->max_output < HEAD)
        return NT_STATUS(INVALID_PARAMETER);
    if (p->ended && p->unread == NULL)
        return NT_STATUS(PIPE_DISCONNECTED);
    uint32_t count = 0;
    size_t bytes = 0;
    for (const struct message *msg = p->unread; msg != NULL; msg = msg->next) {
        bytes += msg->len - msg->taken;
        count++;
    }
    size_t first = p->unread != NULL ? p->unread->len - p->unread->taken : 0;
    size_t shown = first < req->max_output - HEAD ? first : req->max_output - HEAD;
    nt_buf_init(&out, HEAD + shown);
    nt_buf_u32le(&out, PIPE_CONNECTED);
    nt_buf_u32le(&out, (uint32_t)bytes);
    nt_buf_u32le(&out, count);
    nt_buf_u32le(&out, (uint32_t)first);
    if (shown > 0)
        nt_buf_put(&out, p->unread->data + p->unread->taken, shown);
    st = shown < first ? NT_STATUS(BUFFER_OVERFLOW) : NT_STATUS(SUCCESS);
    struct nt_buf *b = smb_chain_reply(m, c, st);
    if (out.err != NT_OK)
        nt_buf_fail(b, out.err);
    rsp.fid = (struct nt_smb2_fid){ p->id, p->id };
    rsp.output = (struct nt_smb2_bytes){ out.data, out.len };
    nt_smb2_ioctl_rsp_write(b, &rsp);
    nt_buf_free(&out);
    return st;
}

ntstatus smb_serve_ioctl(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_ioctl_req req;

    if (nt_smb2_ioctl_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    if (req.flags != NT_SMB2_IOCTL_IS_FSCTL) /* 3.3.5.15 */
        return NT_STATUS(NOT_SUPPORTED);
    size_t in = req.input.len;
    size_t most = in > req.max_output ? in : req.max_output;
    if (in > UINT32_MAX || req.max_input > m->max_transact || !smb_chain_paid(m, c, (uint32_t)most))
        return NT_STATUS(INVALID_PARAMETER);
    switch (req.code) {
    case NT_SMB2_FSCTL_PIPE_TRANSCEIVE:
        return smb_pipe_transceive(m, c, &req);
    case NT_SMB2_FSCTL_PIPE_WAIT:
        return pipe_wait(m, c, &req);
    case NT_SMB2_FSCTL_PIPE_PEEK:
        return pipe_peek(m, c, &req);
    case NT_SMB2_FSCTL_VALIDATE:
        return smb_validate_negotiate(m, c, &req);
    case NT_SMB2_FSCTL_DFS_REFERRALS: /* no DFS here, 3.3.5.15.2 */
    case NT_SMB2_FSCTL_DFS_REFERRALS_EX:
        return NT_STATUS(FS_DRIVER_REQUIRED);
    case NT_SMB2_FSCTL_INTERFACES: /* one channel a session, 3.3.5.15.11 */
        return NT_STATUS(NOT_SUPPORTED);
    default:
        return NT_STATUS(INVALID_DEVICE_REQUEST);
    }
}

/* --- information about files, [MS-FSCC] 2.4 --- */

static void put_basic(struct nt_buf *b)
{
    nt_buf_zero(b, 4 * 8); /* a pipe has no times */
    nt_buf_u32le(b, NT_SMB2_ATTRIBUTE_NORMAL);
    nt_buf_u32le(b, 0);
}

static void put_standard(struct nt_buf *b, const struct pipe *p)
{
    nt_buf_u64le(b, 4096);
    nt_buf_u64le(b, p->unread_bytes);
    nt_buf_u32le(b, 1); /* NumberOfLinks */
    nt_buf_u8(b, 1);    /* DeletePending, as pipes say */
    nt_buf_zero(b, 3);
}

static void put_name(struct nt_buf *b, const struct pipe *p)
{
    size_t len = strlen(p->name);

    nt_buf_u32le(b, (uint32_t)(2 * (1 + len)));
    nt_buf_u16le(b, '\\');
    for (size_t i = 0; i < len; i++)
        nt_buf_u16le(b, (uint8_t)p->name[i]);
}

static void put_all(struct nt_buf *b, const struct pipe *p)
{
    put_basic(b);
    put_standard(b, p);
    nt_buf_u64le(b, p->id);               /* FileInternalInformation */
    nt_buf_u32le(b, 0);                   /* EaSize */
    nt_buf_u32le(b, NT_SMB2_PIPE_ACCESS); /* AccessFlags */
    nt_buf_u64le(b, 0);                   /* CurrentByteOffset */
    nt_buf_u32le(b, 0);                   /* Mode */
    nt_buf_u32le(b, 0);                   /* AlignmentRequirement */
    put_name(b, p);
}

static void put_pipe(struct nt_buf *b, const struct pipe *p)
{
    nt_buf_u32le(b, p->byte_mode ? 0 : 1);
    nt_buf_u32le(b, p->completion_mode);
}

static void put_pipe_local(struct nt_buf *b, const struct pipe *p)
{
    nt_buf_u32le(b, PIPE_MESSAGES);
    nt_buf_u32le(b, PIPE_FULL_DUPLEX);
    nt_buf_u32le(b, UINT32_MAX); /* MaximumInstances: no limit */
    nt_buf_u32le(b, 1);          /* CurrentInstances */
    nt_buf_u32le(b, PIPE_QUOTA); /* InboundQuota */
    nt_buf_u32le(b, (uint32_t)p->unread_bytes);
    nt_buf_u32le(b, PIPE_QUOTA); /* OutboundQuota */
    nt_buf_u32le(b, PIPE_QUOTA); /* WriteQuotaAvailable */
    nt_buf_u32le(b, PIPE_CONNECTED);
    nt_buf_u32le(b, 0); /* NamedPipeEnd: the client's */
}

static void put_network_open(struct nt_buf *b)
{
    nt_buf_zero(b, 4 * 8 + 2 * 8);
    nt_buf_u32le(b, NT_SMB2_ATTRIBUTE_NORMAL);
    nt_buf_u32le(b, 0);
}

/* Appends it; returns the length below which the caller's buffer is too small altogether, and 0 for
 * a class that pipes do not have. */
static size_t put_info(struct nt_buf *b, uint8_t info_class, const struct pipe *p)
{
    switch (info_class) {
    case NT_SMB2_FILE_BASIC:
        put_basic(b);
        return b->len;
    case NT_SMB2_FILE_STANDARD:
        put_standard(b, p);
        return b->len;
    case NT_SMB2_FILE_NAME:
        put_name(b, p);
        return 4 + 2;
    case NT_SMB2_FILE_ALL:
        put_all(b, p);
        return 96 + 4 + 2;
    case NT_SMB2_FILE_PIPE:
        put_pipe(b, p);
        return b->len;
    case NT_SMB2_FILE_PIPE_LOCAL:
        put_pipe_local(b, p);
        return b->len;
    case NT_SMB2_FILE_NETWORK_OPEN:
        put_network_open(b);
        return b->len;
    default:
        return 0;
    }
}

/* 3.3.5.20.1 */
static ntstatus query_file(struct nt_smb_server *m, struct chain *c, const struct pipe *p,
                           const struct nt_smb2_query_info_req *req)
{
    struct nt_buf info;
    ntstatus st = NT_STATUS(SUCCESS);

    nt_buf_init(&info, SERVER_OVERHEAD);
    size_t least = put_info(&info, req->info_class, p);
    if (info.err != NT_OK)
        st = NT_STATUS(INSUFFICIENT_RESOURCES);
    else if (least == 0)
        st = NT_STATUS(INVALID_INFO_CLASS);
    else if (req->max_output < least)
        st = NT_STATUS(INFO_LENGTH_MISMATCH);
    else if (req->max_output < info.len)
        st = NT_STATUS(BUFFER_OVERFLOW);
    if (nt_status_ok(st) || nt_status_is(st, NT_STATUS(BUFFER_OVERFLOW))) {
        size_t n = info.len < req->max_output ? info.len : req->max_output;
        nt_smb2_query_info_rsp_write(smb_chain_reply(m, c, st),
                                     (struct nt_smb2_bytes){ info.data, n });
    }
    nt_buf_free(&info);
    return st;
}

ntstatus smb_serve_query_info(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_query_info_req req;
    struct pipe *p = NULL;

    if (nt_smb2_query_info_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK ||
        req.max_output > m->max_transact)
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus st = smb_pipe_resolve(m, c, req.fid, &p);
    if (!nt_status_ok(st))
        return st;
    switch (req.type) {
    case NT_SMB2_INFO_FILE:
        return query_file(m, c, p, &req);
    case NT_SMB2_INFO_FILESYSTEM: /* a pipe is on none, and has no owner or quota */
    case NT_SMB2_INFO_SECURITY:
    case NT_SMB2_INFO_QUOTA:
        return NT_STATUS(NOT_SUPPORTED);
    default:
        return NT_STATUS(INVALID_PARAMETER);
    }
}

/* 3.3.5.21.1; FilePipeInformation, [MS-FSCC] 2.4.29 */
ntstatus smb_serve_set_info(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_set_info_req req;
    struct pipe *p = NULL;

    if (nt_smb2_set_info_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus st = smb_pipe_resolve(m, c, req.fid, &p);
    if (!nt_status_ok(st))
        return st;
    if (req.type != NT_SMB2_INFO_FILE)
        return NT_STATUS(NOT_SUPPORTED);
    if (req.info_class != NT_SMB2_FILE_PIPE)
        return NT_STATUS(INVALID_INFO_CLASS);
    if (req.data.len < 8)
        return NT_STATUS(INFO_LENGTH_MISMATCH);
    uint32_t read_mode = nt_le32(req.data.data), completion_mode = nt_le32(req.data.data + 4);
    if (read_mode > 1 || completion_mode > 1)
        return NT_STATUS(INVALID_PARAMETER);
    p->byte_mode = read_mode == 0;
    p->completion_mode = completion_mode;
    nt_smb2_set_info_rsp_write(smb_chain_reply(m, c, NT_STATUS(SUCCESS)));
    return NT_STATUS(SUCCESS);
}
