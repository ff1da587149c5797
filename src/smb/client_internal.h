/*
 * client_internal.h - the client machine's struct, for its three files: client.c moves messages
 * (framing, credits, signatures, time), client_setup.c brings the session up, client_pipe.c
 * carries pipes. Source: [MS-SMB2] 3.2.1 (what a client keeps).
 */
#ifndef NT_SMB_CLIENT_INTERNAL_H
#define NT_SMB_CLIENT_INTERNAL_H

#include "base/buf.h"
#include "crypto/smb.h"
#include "smb/client.h"
#include "smb/msg.h"

#define SETUP_MS     10000
#define MAX_FRAME    (NT_SMB_CLIENT_MAX_DATA + 4096) /* we ask for no more data in one answer */
#define MAX_REQUESTS 64                              /* waiting and in flight */
#define MAX_WAITING  (1u << 20) /* bytes of requests and of what is not yet sent */
#define MAX_CREDITS  128        /* more of them are not counted */
#define MAX_TOKENS   8          /* round trips of a session set-up */

enum stage { NEGOTIATE, SESSION, TREE, VALIDATE, READY, FAILED };

/* A request, from its making to its final answer. */
struct request {
    struct request *next;
    uint16_t command;
    bool sent;
    bool async; /* an interim answer came: the final one carries async_id */
    uint64_t message_id, async_id;
    uint32_t pipe;      /* 0: of none */
    uint64_t deadline;  /* UINT64_MAX: none of its own, the set-up's counts */
    struct nt_buf body; /* with its header; freed when sent */
};

struct pipe {
    uint32_t id; /* 0: free */
    char name[64];
    bool opened, closing;
    struct nt_smb2_fid fid;
    uint32_t timeout_ms; /* of what is under way, for reads that follow by themselves */
};

struct nt_smb_client {
    enum stage stage;
    struct nt_smb_client_config config; /* host: ours */
    struct nt_sec *sec;
    uint8_t guid[16];
    uint64_t setup_deadline;

    uint8_t head[NT_SMB_FRAME_LEN]; /* of the frame that is arriving */
    size_t head_len;
    uint32_t frame_len;
    struct nt_buf in; /* the frame; whole when in.len == frame_len */
    size_t in_at;     /* what of it is not yet read: next message of a compound */
    bool in_whole;    /* the frame is there and, if it was encrypted, opened */
    bool in_sealed;   /* it came encrypted */
    struct nt_buf out;
    struct request *requests; /* oldest first */
    size_t request_count, waiting_bytes;
    uint64_t next_message_id;
    uint32_t credits;

    /* what was agreed */
    uint16_t dialect;
    uint16_t server_mode;
    bool names_mechs, ntlm, kerberos; /* what its first token says it takes */
    uint32_t server_capabilities;
    uint8_t server_guid[16];
    bool has_clock;      /* the server told its time */
    int64_t ahead_100ns; /* it was so much ahead of ours when that arrived */
    enum nt_smb_cipher cipher;
    enum nt_smb_signing signing;
    uint32_t max_data;
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
    unsigned tokens;
    bool sec_done;

    uint64_t session_id;
    uint32_t tree_id;
    bool has_keys, must_sign, must_encrypt;
    struct nt_smb_keys keys;
    uint64_t nonce;

    struct pipe pipes[NT_SMB_CLIENT_PIPES];
    uint32_t last_pipe;

    bool told; /* FAILED was given out */
    ntstatus status;
    enum nt_smb_step step;
    char why[256], pipe_why[160];
};

/* One answer: its header, and the message with it (len: of this one of a compound). */
struct answer {
    struct nt_smb2_header header;
    uint8_t *msg;
    size_t len;
};

/* --- client.c --- */

/* The first failure stays. why: a sentence without the host, which is put before it. */
void nt_smb_client_fail(struct nt_smb_client *m, enum nt_smb_step step, ntstatus status,
                        const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A new request, with its header written and the body to be appended to ->body. NULL: no memory, or
 * too much waits. Then nt_smb_client_submit, which takes it over; NT_E_NOMEM: it is gone. */
struct request *nt_smb_client_request(struct nt_smb_client *m, uint16_t command, uint32_t pipe,
                                      uint64_t deadline);
enum nt_err nt_smb_client_submit(struct nt_smb_client *m, struct request *r) NT_MUST_USE;
/* Submits one that must get through: else the machine fails. r may be NULL. */
void nt_smb_client_must_submit(struct nt_smb_client *m, struct request *r);
/* UTF-8 as UTF-16LE at the end of `b`; NT_E_MALFORMED fails it. */
void nt_smb_client_put_text(struct nt_buf *b, const char *text);

/* --- client_setup.c --- */

void nt_smb_client_start(struct nt_smb_client *m);
/* An answer of NEGOTIATE, SESSION_SETUP, TREE_CONNECT or of the validation; true: READY. */
bool nt_smb_client_set_up(struct nt_smb_client *m, const struct answer *a);

/* --- client_pipe.c --- */

/* An answer of a pipe's request; true: *ev is to be given out. */
bool nt_smb_client_pipe_answer(struct nt_smb_client *m, const struct request *r,
                               const struct answer *a, struct nt_smb_client_event *ev,
                               uint64_t now_ms);

#endif
