/*
 * client.h - the client half of SMB 2 and 3 on one connection, for named pipes, without I/O:
 * negotiates 2.0.2 to 3.1.1, sets one session up, connects to IPC$ and carries pipes. Bytes in,
 * events and bytes out; time is an argument. One struct a connection; one thread.
 *
 * A session that is authenticated signs everything, or encrypts it where that is asked for here or
 * by the server, and takes nothing that is neither. What the peer said before there was a key is
 * proven afterwards: by the hash over it (3.1.1) or by asking again (VALIDATE_NEGOTIATE_INFO).
 * Source: [MS-SMB2] 3.2; pipes [MS-RPCE] 2.1.1.2.
 */
#ifndef NT_SMB_CLIENT_H
#define NT_SMB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/status.h"
#include "crypto/smb.h"
#include "rpc/sec.h"

#define NT_SMB_CLIENT_PIPES    8     /* open at once */
#define NT_SMB_CLIENT_MAX_DATA 65536 /* bytes of one write or read: one credit's worth */

struct nt_smb_client;

enum nt_smb_encrypt {
    NT_SMB_ENCRYPT_IF_ASKED,    /* when the server demands it for the session or the share */
    NT_SMB_ENCRYPT_IF_POSSIBLE, /* also when the agreed dialect and the session can */
    NT_SMB_ENCRYPT_ALWAYS       /* or fail */
};

struct nt_smb_client_config {
    const char *host;   /* as in \\host\IPC$; copied */
    struct nt_sec *sec; /* client context, SPNEGO; taken over, also on failure */
    bool anonymous;     /* it carries no credentials: such a session can neither sign nor encrypt */
    enum nt_smb_encrypt encrypt;
    const struct nt_env *env; /* kept */
    uint32_t setup_ms;        /* until NT_SMB_CLIENT_READY; 0: 10 s */
    uint16_t max_dialect;     /* NT_SMB2_202 .. NT_SMB2_311; 0: 3.1.1 */
};

/* Starts at once: there are bytes to send. NULL: no memory. */
struct nt_smb_client *nt_smb_client_new(const struct nt_smb_client_config *config, uint64_t now_ms);
void nt_smb_client_free(struct nt_smb_client *m);

/* Takes bytes up to the end of one message, and none while one waits for nt_smb_client_next or
 * after a failure. Returns how many: call next until it is false, then feed the rest. */
size_t nt_smb_client_feed(struct nt_smb_client *m, const uint8_t *data, size_t len,
                          uint64_t now_ms);

enum nt_smb_client_event_kind {
    NT_SMB_CLIENT_READY,  /* the session and the tree are there: pipes may be opened */
    NT_SMB_CLIENT_OPENED, /* pipe */
    NT_SMB_CLIENT_DATA,   /* pipe, data, len, more */
    NT_SMB_CLIENT_CLOSED, /* pipe, status, why: it could not be opened, or has ended; its id is free
                           */
    NT_SMB_CLIENT_FAILED  /* the connection is of no use any more: status, why, step */
};

/* Where a connection failed: each has another cure. */
enum nt_smb_step {
    NT_SMB_STEP_NETWORK,     /* broken off, silent, or not this protocol */
    NT_SMB_STEP_DIALECT,     /* no version or algorithm that both ends want */
    NT_SMB_STEP_CREDENTIALS, /* the session set-up was refused */
    NT_SMB_STEP_SIGNING,     /* a signature is wrong or missing, or encryption is */
    NT_SMB_STEP_SHARE        /* IPC$ was refused: rights, or anonymous sessions are not let in */
};

struct nt_smb_client_event {
    enum nt_smb_client_event_kind kind;
    uint32_t pipe;
    const uint8_t *data; /* DATA: until the next call of next or feed */
    size_t len;
    bool more; /* DATA: the message goes on, and another read is under way */
    ntstatus status;
    const char *why; /* CLOSED, FAILED: in words; until the next such event or free */
    enum nt_smb_step step;
};
/* False: nothing more until bytes come. */
bool nt_smb_client_next(struct nt_smb_client *m, struct nt_smb_client_event *ev, uint64_t now_ms);

/* Opens a pipe by its name without "\pipe\". NT_E_STATE before READY and after FAILED, NT_E_LIMIT:
 * too many are open, NT_E_INVALID: the name is not text or too long. */
enum nt_err nt_smb_client_open(struct nt_smb_client *m, const char *name, uint32_t timeout_ms,
                               uint64_t now_ms, uint32_t *pipe) NT_MUST_USE;

/*
 * Sends one message through a pipe that is OPENED: with expect_answer by FSCTL_PIPE_TRANSCEIVE,
 * whose answer comes as DATA, else by WRITE. Messages of a pipe go out in their order. An answer
 * that does not come within timeout_ms fails the connection. NT_E_NOT_FOUND: no such pipe,
 * NT_E_LIMIT: len is 0 or above NT_SMB_CLIENT_MAX_DATA, or too much waits to be sent.
 */
enum nt_err nt_smb_client_write(struct nt_smb_client *m, uint32_t pipe, const uint8_t *data,
                                size_t len, bool expect_answer, uint32_t timeout_ms,
                                uint64_t now_ms) NT_MUST_USE;
/* Asks for the next message of a pipe, when the last one announced another (a fragment). The rest
 * of a message that was longer than a read is asked for without this. */
enum nt_err nt_smb_client_read(struct nt_smb_client *m, uint32_t pipe, uint32_t timeout_ms,
                               uint64_t now_ms) NT_MUST_USE;
/* No event of the pipe comes any more. */
void nt_smb_client_close(struct nt_smb_client *m, uint32_t pipe, uint64_t now_ms);

/* For the blobs of SAMR and LSA: in 3.x the application key. NULL before READY and without a key
 * (anonymous). Lives as long as m. */
const struct nt_secret *nt_smb_client_session_key(const struct nt_smb_client *m);
uint16_t nt_smb_client_dialect(const struct nt_smb_client *m);            /* 0 until agreed */
enum nt_smb_signing nt_smb_client_signing(const struct nt_smb_client *m); /* as agreed */
bool nt_smb_client_is_signed(const struct nt_smb_client *m);
bool nt_smb_client_is_encrypted(const struct nt_smb_client *m);

/* What the server says of itself in its answer to the negotiation, before anybody logs on: good for
 * telling a person. False: there is no answer yet. */
struct nt_smb_offer {
    uint16_t dialect;
    bool signing_required;
    bool can_encrypt;
    bool mechs_known;    /* it listed the ways to log on: [MS-SPNG] 3.2.5.2 */
    bool ntlm, kerberos; /* of them */
};
bool nt_smb_client_offer(const struct nt_smb_client *m, struct nt_smb_offer *out);

/* How far the server's clock is ahead of ours (env), as its answer to the negotiation said, which
 * nobody has signed when it matters: good for telling a person. False: it did not say. */
bool nt_smb_client_clock(const struct nt_smb_client *m, int64_t *ahead_100ns);

/* The peer closed the connection: next gives the failure. */
void nt_smb_client_eof(struct nt_smb_client *m);

size_t nt_smb_client_pending(const struct nt_smb_client *m, const uint8_t **data);
void nt_smb_client_sent(struct nt_smb_client *m, size_t len);
uint64_t nt_smb_client_deadline(const struct nt_smb_client *m); /* UINT64_MAX: none */
void nt_smb_client_tick(struct nt_smb_client *m, uint64_t now_ms);

#endif
