/*
 * msg.h - the messages of SMB 2 and 3 that named pipes need: readers beside writers, for both ends.
 *
 * A reader takes one whole message, from its header on and without its neighbours in a compound;
 * what it gives points into that. NT_E_TRUNCATED: a field or buffer is not inside the message;
 * NT_E_MALFORMED: StructureSize or another rule of the layout is broken; NT_E_LIMIT: more entries
 * than are looked at. A server answers any of them with INVALID_PARAMETER.
 *
 * A writer appends a body behind the header, which was written just before; variable parts follow
 * the fixed ones, and offsets are counted from the header. The buffer's sticky error tells failure.
 *
 * Texts are UTF-16LE bytes as on the wire. Source: [MS-SMB2] 2.2; each struct names its section.
 */
#ifndef NT_SMB_MSG_H
#define NT_SMB_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/status.h"
#include "smb/smb2.h"

#define NT_SMB2_MAX_DIALECTS   64 /* of an offer that are looked at */
#define NT_SMB2_MAX_CONTEXTS   32
#define NT_SMB2_MAX_ALGORITHMS 16 /* of one context */

/* A stretch of a received message, or of what is to be written. */
struct nt_smb2_bytes {
    const uint8_t *data;
    size_t len;
};

struct nt_smb2_fid {
    uint64_t persistent;
    uint64_t temporary; /* "Volatile" in the document */
};

/* --- framing on TCP, 2.1: a zero byte and 24 bits of length, big endian ------------------- */

#define NT_SMB_FRAME_LEN 4
#define NT_SMB_FRAME_MAX 0x00FFFFFFu

/* False when the first byte is not zero (a NetBIOS session packet: not ours). */
bool nt_smb_frame_read(const uint8_t head[NT_SMB_FRAME_LEN], uint32_t *len);
void nt_smb_frame_write(uint8_t head[NT_SMB_FRAME_LEN], uint32_t len);

/* --- headers ------------------------------------------------------------------------------ */

/* What the first four bytes of a frame say. */
enum nt_smb_kind {
    NT_SMB_KIND_NONE,
    NT_SMB_KIND_SMB1,      /* FF 'SMB' */
    NT_SMB_KIND_SMB2,      /* FE 'SMB' */
    NT_SMB_KIND_TRANSFORM, /* FD 'SMB': encrypted */
    NT_SMB_KIND_COMPRESSED /* FC 'SMB': never negotiated here */
};
enum nt_smb_kind nt_smb_kind(const uint8_t *msg, size_t len);

/* 2.2.1. One struct for both forms: with NT_SMB2_FLAG_ASYNC async_id counts, else tree_id. */
struct nt_smb2_header {
    uint16_t credit_charge;
    ntstatus status; /* requests of 3.x: the channel sequence in its low half */
    uint16_t command;
    uint16_t credits; /* asked for, or granted */
    uint32_t flags;
    uint32_t next; /* offset of the next message of a compound; 0: the last */
    uint64_t message_id;
    uint32_t tree_id;
    uint64_t async_id;
    uint64_t session_id;
    uint8_t signature[16];
};
/* Also NT_E_MALFORMED when it is not SMB2, `next` is no multiple of 8 or leads outside. */
enum nt_err nt_smb2_header_read(const uint8_t *msg, size_t len,
                                struct nt_smb2_header *out) NT_MUST_USE;
void nt_smb2_header_write(struct nt_buf *b, const struct nt_smb2_header *h);

/* TRANSFORM_HEADER, 2.2.41; the encrypted message follows its 52 bytes. */
struct nt_smb2_transform {
    uint8_t signature[16]; /* written by nt_smb_encrypt */
    uint8_t nonce[16];
    uint32_t size;  /* of the message inside, as it says */
    uint16_t flags; /* 1: encrypted. 3.0: the algorithm, 1 too */
    uint64_t session_id;
};
enum nt_err nt_smb2_transform_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_transform *out) NT_MUST_USE;
void nt_smb2_transform_write(struct nt_buf *b, const struct nt_smb2_transform *t);

/* SMB_COM_NEGOTIATE of clients that may speak SMB1, [MS-CIFS] 2.2.4.52.1, [MS-SMB2] 3.3.5.3. */
struct nt_smb1_negotiate {
    bool smb2_002;  /* "SMB 2.002": answer with that dialect */
    bool smb2_wild; /* "SMB 2.???": answer with NT_SMB2_WILD, a real negotiate follows */
    uint16_t flags2, pid_low, mid;
};
enum nt_err nt_smb1_negotiate_read(const uint8_t *msg, size_t len,
                                   struct nt_smb1_negotiate *out) NT_MUST_USE;
/* The whole message; dialects as given, for example "SMB 2.002". */
void nt_smb1_negotiate_write(struct nt_buf *b, const char *const *dialects, size_t count);

/* --- negotiate, 2.2.3-4 ------------------------------------------------------------------- */

/* Contexts of 3.1.1. Algorithms in the sender's order; ones that we do not know are kept. */
struct nt_smb2_contexts {
    bool has_preauth, has_ciphers, has_signing;
    uint16_t hashes[NT_SMB2_MAX_ALGORITHMS];
    size_t hash_count;
    struct nt_smb2_bytes salt; /* of the preauthentication context */
    uint16_t ciphers[NT_SMB2_MAX_ALGORITHMS];
    size_t cipher_count;
    uint16_t signings[NT_SMB2_MAX_ALGORITHMS];
    size_t signing_count;
    struct nt_smb2_bytes netname; /* data NULL: not there */
};

struct nt_smb2_negotiate_req {
    uint16_t security_mode;
    uint32_t capabilities;
    uint8_t guid[16];
    uint16_t dialects[NT_SMB2_MAX_DIALECTS];
    size_t dialect_count;
    struct nt_smb2_contexts contexts; /* read and written when 3.1.1 is among the dialects */
};
enum nt_err nt_smb2_negotiate_req_read(const uint8_t *msg, size_t len,
                                       struct nt_smb2_negotiate_req *out) NT_MUST_USE;
void nt_smb2_negotiate_req_write(struct nt_buf *b, const struct nt_smb2_negotiate_req *m);

struct nt_smb2_negotiate_rsp {
    uint16_t security_mode;
    uint16_t dialect;
    uint8_t guid[16];
    uint32_t capabilities;
    uint32_t max_transact, max_read, max_write;
    uint64_t system_time, start_time; /* nt_time */
    struct nt_smb2_bytes token;
    struct nt_smb2_contexts contexts; /* 3.1.1 */
};
enum nt_err nt_smb2_negotiate_rsp_read(const uint8_t *msg, size_t len,
                                       struct nt_smb2_negotiate_rsp *out) NT_MUST_USE;
void nt_smb2_negotiate_rsp_write(struct nt_buf *b, const struct nt_smb2_negotiate_rsp *m);

/* VALIDATE_NEGOTIATE_INFO, the input and output of its control code, 2.2.31.4 and 2.2.32.6. */
struct nt_smb2_validate_req {
    uint32_t capabilities;
    uint8_t guid[16];
    uint16_t security_mode;
    uint16_t dialects[NT_SMB2_MAX_DIALECTS];
    size_t dialect_count;
};
enum nt_err nt_smb2_validate_req_read(const uint8_t *in, size_t len,
                                      struct nt_smb2_validate_req *out) NT_MUST_USE;
void nt_smb2_validate_req_write(struct nt_buf *b, const struct nt_smb2_validate_req *m);

struct nt_smb2_validate_rsp {
    uint32_t capabilities;
    uint8_t guid[16];
    uint16_t security_mode;
    uint16_t dialect;
};
#define NT_SMB2_VALIDATE_RSP_LEN 24
enum nt_err nt_smb2_validate_rsp_read(const uint8_t *in, size_t len,
                                      struct nt_smb2_validate_rsp *out) NT_MUST_USE;
void nt_smb2_validate_rsp_write(struct nt_buf *b, const struct nt_smb2_validate_rsp *m);

/* --- session, 2.2.5-6 --------------------------------------------------------------------- */

struct nt_smb2_session_setup_req {
    uint8_t flags; /* NT_SMB2_SESSION_BINDING */
    uint8_t security_mode;
    uint32_t capabilities;
    uint64_t previous_session;
    struct nt_smb2_bytes token;
};
enum nt_err nt_smb2_session_setup_req_read(const uint8_t *msg, size_t len,
                                           struct nt_smb2_session_setup_req *out) NT_MUST_USE;
void nt_smb2_session_setup_req_write(struct nt_buf *b, const struct nt_smb2_session_setup_req *m);

struct nt_smb2_session_setup_rsp {
    uint16_t session_flags;
    struct nt_smb2_bytes token;
};
enum nt_err nt_smb2_session_setup_rsp_read(const uint8_t *msg, size_t len,
                                           struct nt_smb2_session_setup_rsp *out) NT_MUST_USE;
void nt_smb2_session_setup_rsp_write(struct nt_buf *b, const struct nt_smb2_session_setup_rsp *m);

/* --- tree, 2.2.9-10 ----------------------------------------------------------------------- */

struct nt_smb2_tree_connect_req {
    uint16_t flags;
    struct nt_smb2_bytes path; /* \\server\share */
};
enum nt_err nt_smb2_tree_connect_req_read(const uint8_t *msg, size_t len,
                                          struct nt_smb2_tree_connect_req *out) NT_MUST_USE;
void nt_smb2_tree_connect_req_write(struct nt_buf *b, const struct nt_smb2_tree_connect_req *m);

struct nt_smb2_tree_connect_rsp {
    uint8_t share_type;
    uint32_t share_flags;
    uint32_t capabilities;
    uint32_t max_access;
};
enum nt_err nt_smb2_tree_connect_rsp_read(const uint8_t *msg, size_t len,
                                          struct nt_smb2_tree_connect_rsp *out) NT_MUST_USE;
void nt_smb2_tree_connect_rsp_write(struct nt_buf *b, const struct nt_smb2_tree_connect_rsp *m);

/* --- files, 2.2.13-18 --------------------------------------------------------------------- */

struct nt_smb2_create_req {
    uint8_t oplock;
    uint32_t impersonation;
    uint32_t access;
    uint32_t attributes;
    uint32_t share;
    uint32_t disposition;
    uint32_t options;
    struct nt_smb2_bytes name;     /* without "\pipe\" */
    struct nt_smb2_bytes contexts; /* as they stand, not looked at; not written */
};
enum nt_err nt_smb2_create_req_read(const uint8_t *msg, size_t len,
                                    struct nt_smb2_create_req *out) NT_MUST_USE;
void nt_smb2_create_req_write(struct nt_buf *b, const struct nt_smb2_create_req *m);

/* What the answers to create and close tell alike of a file. */
struct nt_smb2_file_facts {
    uint64_t created, accessed, written, changed; /* nt_time */
    uint64_t allocation, size;
    uint32_t attributes;
};

struct nt_smb2_create_rsp {
    uint8_t oplock;
    uint32_t action;
    struct nt_smb2_file_facts facts;
    struct nt_smb2_fid fid;
};
enum nt_err nt_smb2_create_rsp_read(const uint8_t *msg, size_t len,
                                    struct nt_smb2_create_rsp *out) NT_MUST_USE;
void nt_smb2_create_rsp_write(struct nt_buf *b, const struct nt_smb2_create_rsp *m);

struct nt_smb2_close_req {
    uint16_t flags; /* NT_SMB2_CLOSE_QUERY */
    struct nt_smb2_fid fid;
};
enum nt_err nt_smb2_close_req_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_close_req *out) NT_MUST_USE;
void nt_smb2_close_req_write(struct nt_buf *b, const struct nt_smb2_close_req *m);

struct nt_smb2_close_rsp {
    uint16_t flags;
    struct nt_smb2_file_facts facts;
};
enum nt_err nt_smb2_close_rsp_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_close_rsp *out) NT_MUST_USE;
void nt_smb2_close_rsp_write(struct nt_buf *b, const struct nt_smb2_close_rsp *m);

enum nt_err nt_smb2_flush_req_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_fid *fid) NT_MUST_USE;
void nt_smb2_flush_req_write(struct nt_buf *b, const struct nt_smb2_fid *fid);

/* --- data, 2.2.19-22, 2.2.31-32 ------------------------------------------------------------ */

struct nt_smb2_read_req {
    uint8_t flags;
    uint32_t length;
    uint64_t offset;
    struct nt_smb2_fid fid;
    uint32_t min_count;
    uint32_t channel;
    uint32_t remaining;
};
enum nt_err nt_smb2_read_req_read(const uint8_t *msg, size_t len,
                                  struct nt_smb2_read_req *out) NT_MUST_USE;
void nt_smb2_read_req_write(struct nt_buf *b, const struct nt_smb2_read_req *m);

struct nt_smb2_read_rsp {
    struct nt_smb2_bytes data;
    uint32_t remaining;
};
enum nt_err nt_smb2_read_rsp_read(const uint8_t *msg, size_t len,
                                  struct nt_smb2_read_rsp *out) NT_MUST_USE;
void nt_smb2_read_rsp_write(struct nt_buf *b, const struct nt_smb2_read_rsp *m);

struct nt_smb2_write_req {
    uint64_t offset;
    struct nt_smb2_fid fid;
    uint32_t channel;
    uint32_t remaining;
    uint32_t flags;
    struct nt_smb2_bytes data;
};
enum nt_err nt_smb2_write_req_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_write_req *out) NT_MUST_USE;
void nt_smb2_write_req_write(struct nt_buf *b, const struct nt_smb2_write_req *m);

enum nt_err nt_smb2_write_rsp_read(const uint8_t *msg, size_t len, uint32_t *count) NT_MUST_USE;
void nt_smb2_write_rsp_write(struct nt_buf *b, uint32_t count);

struct nt_smb2_ioctl_req {
    uint32_t code;
    struct nt_smb2_fid fid; /* all ones: none */
    struct nt_smb2_bytes input;
    uint32_t max_input;
    struct nt_smb2_bytes output; /* read only: clients send none */
    uint32_t max_output;
    uint32_t flags; /* NT_SMB2_IOCTL_IS_FSCTL */
};
enum nt_err nt_smb2_ioctl_req_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_ioctl_req *out) NT_MUST_USE;
void nt_smb2_ioctl_req_write(struct nt_buf *b, const struct nt_smb2_ioctl_req *m);

struct nt_smb2_ioctl_rsp {
    uint32_t code;
    struct nt_smb2_fid fid;
    struct nt_smb2_bytes input; /* read only */
    struct nt_smb2_bytes output;
    uint32_t flags;
};
enum nt_err nt_smb2_ioctl_rsp_read(const uint8_t *msg, size_t len,
                                   struct nt_smb2_ioctl_rsp *out) NT_MUST_USE;
void nt_smb2_ioctl_rsp_write(struct nt_buf *b, const struct nt_smb2_ioctl_rsp *m);

/* The input of FSCTL_PIPE_WAIT, [MS-FSCC] 2.3.49. */
struct nt_smb2_pipe_wait {
    bool has_timeout;
    uint64_t timeout_100ns;
    struct nt_smb2_bytes name;
};
enum nt_err nt_smb2_pipe_wait_read(const uint8_t *in, size_t len,
                                   struct nt_smb2_pipe_wait *out) NT_MUST_USE;

/* --- information, 2.2.37-40 ---------------------------------------------------------------- */

struct nt_smb2_query_info_req {
    uint8_t type, info_class;
    uint32_t max_output;
    struct nt_smb2_bytes input;
    uint32_t additional;
    uint32_t flags;
    struct nt_smb2_fid fid;
};
enum nt_err nt_smb2_query_info_req_read(const uint8_t *msg, size_t len,
                                        struct nt_smb2_query_info_req *out) NT_MUST_USE;
void nt_smb2_query_info_req_write(struct nt_buf *b, const struct nt_smb2_query_info_req *m);

enum nt_err nt_smb2_query_info_rsp_read(const uint8_t *msg, size_t len,
                                        struct nt_smb2_bytes *data) NT_MUST_USE;
void nt_smb2_query_info_rsp_write(struct nt_buf *b, struct nt_smb2_bytes data);

struct nt_smb2_set_info_req {
    uint8_t type, info_class;
    uint32_t additional;
    struct nt_smb2_fid fid;
    struct nt_smb2_bytes data;
};
enum nt_err nt_smb2_set_info_req_read(const uint8_t *msg, size_t len,
                                      struct nt_smb2_set_info_req *out) NT_MUST_USE;
/* The response's body is the two bytes of its StructureSize alone. */
void nt_smb2_set_info_rsp_write(struct nt_buf *b);

/* --- what has no content, and errors ------------------------------------------------------- */

/* Bodies of four bytes: LOGOFF, TREE_DISCONNECT, ECHO both ways, CANCEL, and the response of
 * FLUSH. */
enum nt_err nt_smb2_empty_read(const uint8_t *msg, size_t len) NT_MUST_USE;
void nt_smb2_empty_write(struct nt_buf *b);

/* ERROR Response, 2.2.2; data is written as it is (none: one zero byte, as the layout wants). */
enum nt_err nt_smb2_error_read(const uint8_t *msg, size_t len,
                               struct nt_smb2_bytes *data) NT_MUST_USE;
void nt_smb2_error_write(struct nt_buf *b, struct nt_smb2_bytes data);

#endif
