/*
 * server.h - the server half of SMB 2/3 on one connection, for IPC$ and its named pipes only,
 * without I/O: bytes in, events and bytes out. What clients write to a pipe goes to the pipe's
 * owner, who runs a DCE/RPC association (rpc/server.h) on it; what the owner puts in comes out of
 * the client's reads. One struct a connection; one thread.
 * Source: [MS-SMB2] 3.3; named pipes under RPC: [MS-RPCE] 2.1.1.2; transport [MS-SMB2] 2.1.
 *
 * The owner's turn is always the same: feed what arrived, take events until there are none, send
 * what is pending, ask for the deadline.
 */
#ifndef NT_SMB_SERVER_H
#define NT_SMB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"
#include "rpc/sec.h"

struct nt_smb_server;

struct nt_smb_limits {
    uint16_t max_sessions;  /* on one connection, those being set up included */
    uint16_t max_setups;    /* of these, not yet established */
    uint16_t max_pipes;     /* open at once in one session */
    uint16_t max_credits;   /* that the client may hold, [MS-SMB2] 3.3.1.2 */
    uint32_t max_transact;  /* bytes of a read, a write or a transceive; 64 KiB before 2.1 */
    uint32_t max_in_flight; /* bytes of unanswered requests and unread answers, of the connection */
    uint32_t idle_ms;       /* no byte for so long, and no answer owed: close */
    uint32_t auth_ms;       /* for a session set-up, and from connect to the first session: drop */
    uint32_t interim_ms;    /* unanswered for so long: STATUS_PENDING is sent, 3.3.4.2 */
};
extern const struct nt_smb_limits nt_smb_limits_default;

struct nt_smb_server_config {
    uint8_t guid[16];         /* this server's, the same on every connection */
    const struct nt_env *env; /* kept */
    /* The pipes that exist, aliases too: lower case, without "\pipe\"; NULL-terminated; kept. */
    const char *const *pipes;
    /* A new SPNEGO server context for a session set-up (taken over); NULL: no memory. */
    struct nt_sec *(*make_sec)(void *ctx);
    /* Gives back a `caller` that an answer brought in; not called for NULL. May be NULL. */
    void (*caller_free)(void *ctx, void *caller);
    void *ctx;
    struct nt_smb_limits limits;
};

/* The config is copied, but for what it says is kept. NULL: no memory. */
struct nt_smb_server *nt_smb_server_new(const struct nt_smb_server_config *config, uint64_t now_ms);
/* Gives back all callers, without CLOSE events: the owner ends its associations itself. */
void nt_smb_server_free(struct nt_smb_server *m);

/* Takes bytes as they arrive, direct-TCP framing included; returns how many it took (fewer: full
 * until events are taken and answers given; offer the rest again then). */
size_t nt_smb_server_feed(struct nt_smb_server *m, const uint8_t *data, size_t len,
                          uint64_t now_ms);

enum nt_smb_event_kind {
    NT_SMB_ASK,  /* a session set-up asks: then nt_smb_server_answer, at once or later */
    NT_SMB_OPEN, /* a pipe was opened: begin an association */
    NT_SMB_DATA, /* bytes were written to a pipe: feed the association */
    NT_SMB_CLOSE /* an opened pipe is gone (close, tree disconnect, logoff): end the association */
};

struct nt_smb_event {
    enum nt_smb_event_kind kind;
    uint64_t session; /* its id on the wire: for logs */

    uint32_t ask_id;                        /* ASK: for the answer */
    const struct nt_sec_question *question; /* ASK: until answered; its texts too */

    uint32_t pipe; /* OPEN, DATA, CLOSE: unique on the connection, never reused */

    const char *name; /* OPEN: the entry of config.pipes */
    uint16_t dialect; /* OPEN: 0x0202 .. 0x0311 */
    /* OPEN: the session's, of the answer that established it; both until CLOSE is the event. The
     * key is what SAMR and LSA encrypt their blobs with: Session.SessionKey before 3.0, the
     * application key from there on ([MS-SMB2] 3.3.4.6); NULL: none. */
    void *caller;
    const struct nt_secret *session_key;
    bool anonymous;               /* OPEN: NULL session */
    bool is_signed, is_encrypted; /* OPEN: the request that opened it was */

    /* DATA: bytes in the order of the writes, of any length and cut anywhere; until the next call
     * of any function but nt_smb_server_pipe_took, _pipe_put, _pipe_end and _pipe_ready. */
    const uint8_t *data;
    size_t len;
};

/* The next event; false: none until more is fed, answered or put. */
bool nt_smb_server_next(struct nt_smb_server *m, struct nt_smb_event *ev);

/* Answers an ASK. The answer's caller is taken over when, and only when, NT_OK is returned; it is
 * given back when the logon fails after all. NT_E_NOT_FOUND: the set-up is no longer known. */
enum nt_err nt_smb_server_answer(struct nt_smb_server *m, uint32_t ask_id,
                                 const struct nt_sec_answer *answer);

/*
 * Says that of the DATA event just given only the first n bytes were taken. The pipe is then held:
 * its write stays unanswered and no more of it is shown, until nt_smb_server_pipe_resume; the next
 * DATA begins with the rest. Not called: all was taken.
 */
void nt_smb_server_pipe_took(struct nt_smb_server *m, uint32_t pipe, size_t n);
void nt_smb_server_pipe_resume(struct nt_smb_server *m, uint32_t pipe);

/*
 * One message (a DCE/RPC PDU) for the pipe's reader; copied. It answers the oldest waiting
 * transceive or read, or waits. NT_E_NOT_FOUND: the pipe is gone; NT_E_LIMIT: more would wait
 * unread than max_in_flight, or it is longer than max_transact; NT_E_NOMEM.
 */
enum nt_err nt_smb_server_pipe_put(struct nt_smb_server *m, uint32_t pipe, const uint8_t *data,
                                   size_t len);
/* The association has ended: what was put is still read, then STATUS_PIPE_DISCONNECTED. */
void nt_smb_server_pipe_end(struct nt_smb_server *m, uint32_t pipe);
/* False while so much of the pipe is unread that its owner should not put more, or it is gone. */
bool nt_smb_server_pipe_ready(const struct nt_smb_server *m, uint32_t pipe);

size_t nt_smb_server_pending(const struct nt_smb_server *m, const uint8_t **data); /* to send */
void nt_smb_server_sent(struct nt_smb_server *m, size_t len);

/* Another limits.idle_ms from now on: as for a client that has authenticated. */
void nt_smb_server_set_idle(struct nt_smb_server *m, uint32_t idle_ms);
/* The next moment tick must be called, in the caller's milliseconds; UINT64_MAX: none. */
uint64_t nt_smb_server_deadline(const struct nt_smb_server *m);
/* After a tick there may be something to send. NT_E_TIMEOUT: close. */
enum nt_err nt_smb_server_tick(struct nt_smb_server *m, uint64_t now_ms);

/* True when the connection is to be closed once nothing is pending; why has a short reason
 * ("protocol error: ...") or "" for an orderly end. No more events come then, not even CLOSE: the
 * owner ends its associations itself. */
bool nt_smb_server_closed(const struct nt_smb_server *m, const char **why);

#endif
