/*
 * The SMB message codec: every reader on the same bytes; what reads is written, and reads again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "smb/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A writer keeps nothing that the reader gave up, so it may fail for no reason but its limit. */
#define ROUND(name)                                                                                \
    static void round_##name(const uint8_t *msg, size_t len)                                       \
    {                                                                                              \
        static struct nt_smb2_##name m, again;                                                     \
        struct nt_buf out;                                                                         \
        if (nt_smb2_##name##_read(msg, len, &m) != NT_OK)                                          \
            return;                                                                                \
        nt_buf_init(&out, 1u << 20);                                                               \
        nt_smb2_header_write(&out, &(const struct nt_smb2_header){ 0 });                           \
        nt_smb2_##name##_write(&out, &m);                                                          \
        assert(out.err == NT_OK);                                                                  \
        enum nt_err err = nt_smb2_##name##_read(out.data, out.len, &again);                        \
        assert(err == NT_OK);                                                                      \
        (void)err;                                                                                 \
        nt_buf_free(&out);                                                                         \
    }
ROUND(negotiate_req)
ROUND(negotiate_rsp)
ROUND(session_setup_req)
ROUND(session_setup_rsp)
ROUND(tree_connect_req)
ROUND(tree_connect_rsp)
ROUND(create_req)
ROUND(create_rsp)
ROUND(close_req)
ROUND(close_rsp)
ROUND(read_req)
ROUND(read_rsp)
ROUND(write_req)
ROUND(ioctl_req)
ROUND(ioctl_rsp)
ROUND(query_info_req)

/* Those without a writer, or with another kind of argument. */
static void rest(const uint8_t *msg, size_t len)
{
    struct nt_smb2_header header;
    struct nt_smb2_transform transform;
    struct nt_smb1_negotiate old;
    struct nt_smb2_fid fid;
    struct nt_smb2_set_info_req set;
    struct nt_smb2_pipe_wait wait;
    static struct nt_smb2_validate_req ask;
    struct nt_smb2_validate_rsp answer;
    struct nt_smb2_bytes bytes;
    uint32_t number;
    enum nt_err err = nt_smb2_header_read(msg, len, &header);
    assert(err != NT_OK || header.next < len);
    err = nt_smb2_transform_read(msg, len, &transform);
    assert(err != NT_OK || transform.size == len - 52);
    if (len >= NT_SMB_FRAME_LEN)
        (void)nt_smb_frame_read(msg, &number);
    (void)nt_smb_kind(msg, len);
    (void)!nt_smb1_negotiate_read(msg, len, &old);
    (void)!nt_smb2_flush_req_read(msg, len, &fid);
    (void)!nt_smb2_set_info_req_read(msg, len, &set);
    (void)!nt_smb2_pipe_wait_read(msg, len, &wait);
    (void)!nt_smb2_validate_req_read(msg, len, &ask);
    (void)!nt_smb2_validate_rsp_read(msg, len, &answer);
    (void)!nt_smb2_write_rsp_read(msg, len, &number);
    (void)!nt_smb2_query_info_rsp_read(msg, len, &bytes);
    (void)!nt_smb2_error_read(msg, len, &bytes);
    (void)!nt_smb2_empty_read(msg, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const rounds[])(const uint8_t *msg, size_t len) = {
        round_negotiate_req,
        round_negotiate_rsp,
        round_session_setup_req,
        round_session_setup_rsp,
        round_tree_connect_req,
        round_tree_connect_rsp,
        round_create_req,
        round_create_rsp,
        round_close_req,
        round_close_rsp,
        round_read_req,
        round_read_rsp,
        round_write_req,
        round_ioctl_req,
        round_ioctl_rsp,
        round_query_info_req,
        rest,
    };
    for (size_t i = 0; i < NT_COUNT(rounds); i++)
        rounds[i](data, size);
    return 0;
}
