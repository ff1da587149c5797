/*
 * server_internal.h - the server machine's insides, shared by server.c (stream, events, time),
 * server_chain.c (requests of a message in, their answers out), server_negotiate.c,
 * server_session.c, server_pipe.c (pipes and what moves through them) and server_file.c (the rest
 * that is asked about a file).
 */
#ifndef NT_SMB_SERVER_INTERNAL_H
#define NT_SMB_SERVER_INTERNAL_H

#include "base/buf.h"
#include "crypto/smb.h"
#include "smb/credits.h"
#include "smb/msg.h"
#include "smb/server.h"
#include "smb/smb2.h"

#define SERVER_NEVER     UINT64_MAX
#define SERVER_MAX_TREES 16u   /* tree connects of a session */
#define SERVER_OVERHEAD  1024u /* of a message beside its data: headers, padding, contexts */

/* A set-up under way, of a new session or again of an established one. */
struct setup {
    struct nt_sec *sec;
    uint64_t since_ms;
    uint32_t ask_id;                     /* not 0: the owner is asked */
    bool told;                           /* and knows */
    char *user;                          /* DOMAIN\user, of the question */
    bool anonymous;                      /* likewise */
    struct chain *chain;                 /* of the request that waits for the answer */
    uint64_t previous_id;                /* PreviousSessionId */
    uint8_t preauth[NT_SMB_PREAUTH_LEN]; /* 3.1.1: Session.PreauthIntegrityHashValue */
};

/* Whom the owner has recognized; counted: by the session and by the pipes opened as this one. */
struct identity {
    unsigned refs;
    void *caller;
};

struct tree {
    struct tree *next;
    uint32_t id;
};

/* Counted: by the table, by pipes until their CLOSE is told, by the message being answered. */
struct session {
    struct session *next;
    unsigned refs;
    uint64_t id;
    bool valid;     /* Session.State: Valid, else InProgress */
    bool gone;      /* not in the table any more */
    bool anonymous; /* need not sign */
    bool has_keys;  /* can sign and encrypt */
    uint16_t pipe_count;
    uint64_t nonce;            /* of the next encrypted message */
    char *user;                /* NULL: none known */
    struct identity *identity; /* NULL: the owner gave none */
    struct setup *setup;       /* NULL: none under way */
    struct tree *trees;
    struct nt_smb_keys keys;
};

/* What the client may read from a pipe: one DCE/RPC PDU. */
struct message {
    struct message *next;
    size_t len, taken;
    uint8_t data[];
};

struct pipe {
    struct pipe *next;      /* of the connection */
    struct pipe *next_told; /* in the queue of those that have an event */
    uint32_t id;            /* its FileId */
    uint32_t tree_id;
    struct session *session;   /* a reference */
    struct identity *identity; /* a reference */
    const char *name;
    bool queued;    /* has an event to be told */
    bool opened;    /* OPEN was told */
    bool gone;      /* closed by the client; only CLOSE is left to tell */
    bool ended;     /* closed by its owner */
    bool held;      /* its owner takes no more for now */
    bool dirty;     /* see the server's */
    bool byte_mode; /* reads do not end at messages, [MS-FSCC] 2.4.29 */
    uint32_t completion_mode;
    bool is_signed, is_encrypted;
    struct chain *writers; /* whose bytes are not all taken: WRITE, TRANSCEIVE; oldest first */
    struct chain *readers; /* that wait for a message: READ, TRANSCEIVE; oldest first */
    struct message *unread, **unread_end;
    size_t unread_bytes;
};

enum wait { WAIT_NOTHING, WAIT_ANSWER, WAIT_WRITE, WAIT_READ };

/*
 * A message of the client: one request, or several in a compound that are worked on in their
 * order. Where one has to wait, the chain waits with it, and the answers so far are sent.
 */
struct chain {
    struct chain *prev, *next; /* of those that wait, oldest first; of those to go on with */
    uint8_t *data;             /* the requests, inside the block behind this struct */
    size_t len;
    size_t at, part_len;       /* the current request's place */
    struct nt_smb2_header h;   /* its header; ids as resolved for a related one */
    struct session *session;   /* the current request's, a reference; NULL: none */
    struct session *encrypted; /* it came encrypted with this one's keys, a reference; NULL: not */
    bool sign;                 /* the answer is signed */
    bool replied;              /* the answer is written */

    /* for related requests, 3.3.5.2.7.2 */
    bool has_session, has_tree, has_fid;
    uint64_t last_session;
    uint32_t last_tree;
    struct nt_smb2_fid last_fid;
    ntstatus last_status;

    /* waiting */
    enum wait wait;
    struct pipe *pipe;       /* NULL: not for one */
    struct chain *pipe_next; /* in writers or readers */
    uint64_t since_ms;
    uint64_t async_id;         /* not 0: STATUS_PENDING was sent */
    ntstatus status;           /* how it ended */
    const uint8_t *payload;    /* written bytes */
    size_t payload_len, taken; /* of which were taken */
    uint32_t max_output;       /* READ, TRANSCEIVE */

    size_t block_len;
    uint8_t block[];
};

struct nt_smb_server {
    struct nt_smb_server_config config;
    bool closed;
    const char *why;
    uint64_t now_ms, last_ms; /* as last told; of the last byte */
    uint64_t alone_ms;        /* since when no session is established */

    /* stream */
    uint8_t head[NT_SMB_FRAME_LEN];
    size_t have;            /* bytes of the current frame, its head included */
    uint32_t skip;          /* of a NetBIOS session request's body: bytes to ignore */
    bool netbios;           /* the client began with one */
    struct chain *incoming; /* NULL: the head is not complete */
    struct nt_buf out;
    size_t sent;

    /* the frame being written into `out` */
    bool framed;
    size_t frame_at, part_at; /* where it and its last answer begin */
    bool part_sign;
    uint8_t *part_hash;            /* the preauthentication hash that the answer goes into */
    struct session *part_session;  /* a reference: signs the last answer */
    struct session *frame_session; /* a reference: encrypts the frame; NULL: plain */

    /* connection, [MS-SMB2] 3.3.1.7 */
    uint16_t dialect; /* 0: not negotiated */
    bool wild;        /* SMB1's form was answered with 0x02FF */
    bool multi_credit;
    enum nt_smb_cipher cipher;
    enum nt_smb_signing signing;
    uint32_t max_transact;
    uint32_t capabilities;
    uint32_t client_capabilities;
    uint16_t client_mode;
    uint8_t client_guid[16];
    uint16_t client_dialects[NT_SMB2_MAX_DIALECTS];
    size_t client_dialect_count;
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
    struct nt_smb_credits credits;

    struct session *sessions;
    size_t session_count, setup_count, valid_count;
    struct pipe *pipes;
    uint32_t last_pipe, last_tree, last_ask;
    uint64_t last_async;
    struct pipe *told_first, **told_end; /* pipes with events, in order */
    struct pipe *shown;                  /* its DATA is with the owner */
    size_t shown_len, shown_took;
    struct pipe *closing;                 /* its CLOSE is with the owner */
    bool dirty;                           /* pipes got messages or ended while DATA was shown */
    struct chain *waiting, *waiting_last; /* unanswered requests, oldest first */
    struct chain *ready, **ready_end;     /* answered or failed: to go on with */
    size_t held_bytes;                    /* of `waiting` */
    size_t unread_bytes;                  /* of all pipes */
    size_t asking;                        /* set-ups that wait for the owner */
    size_t untold;                        /* of which it does not know yet */
};

/* --- server.c --- */
/* The connection cannot be used any more: what is being answered is not sent. What the owner or a
 * caller may still look at stays until nt_smb_server_free. */
void smb_close(struct nt_smb_server *m, const char *why);
/* A pipe has a message or has ended: those that wait for it are answered, now or, while the owner
 * looks at written bytes, at its next call. */
void smb_pump(struct nt_smb_server *m, struct pipe *p);

/* --- server_chain.c --- */
struct chain *smb_chain_new(size_t len);                       /* NULL: no memory */
void smb_chain_free(struct nt_smb_server *m, struct chain *c); /* not linked anywhere; wipes */
/* A whole message; takes the chain over. */
void smb_chain_begin(struct nt_smb_server *m, struct chain *c);
/* `bytes` of payload, asked or offered, are within limits and paid for by CreditCharge, 3.3.5.2.5.
 */
bool smb_chain_paid(const struct nt_smb_server *m, const struct chain *c, uint32_t bytes);
/* Requests that wait may take so much more memory. */
bool smb_chain_may_wait(const struct nt_smb_server *m, const struct chain *c);
/* The current request waits: for `what`, with its pipe or none. */
void smb_chain_wait(struct nt_smb_server *m, struct chain *c, enum wait what, struct pipe *p);
/* A waiting request was answered with that status, or is to be: goes on at the next
 * smb_chain_go_on. */
void smb_chain_done(struct nt_smb_server *m, struct chain *c, ntstatus status);
void smb_chain_go_on(struct nt_smb_server *m);
void smb_chain_interim(struct nt_smb_server *m, struct chain *c); /* STATUS_PENDING */
/* The current request as it stands in the message. */
const uint8_t *smb_chain_part(const struct chain *c);
/* Begins the answer to the current request; the caller writes the body. */
struct nt_buf *smb_chain_reply(struct nt_smb_server *m, struct chain *c, ntstatus status);
void smb_frame_end(struct nt_smb_server *m);
void smb_frame_abandon(struct nt_smb_server *m);

/*
 * How a command is served: SUCCESS with the answer written; PENDING: smb_chain_wait was called, or
 * there is none at all (CANCEL); another status, for an error response unless an answer is written.
 */
typedef ntstatus serve_fn(struct nt_smb_server *m, struct chain *c);

/* --- server_negotiate.c --- */
serve_fn smb_serve_negotiate;
/* SMB_COM_NEGOTIATE of a client that may speak SMB1. */
void smb_negotiate_smb1(struct nt_smb_server *m, const uint8_t *msg, size_t len);
/* FSCTL_VALIDATE_NEGOTIATE_INFO */
ntstatus smb_validate_negotiate(struct nt_smb_server *m, struct chain *c,
                                const struct nt_smb2_ioctl_req *req);

/* --- server_session.c --- */
serve_fn smb_serve_session_setup, smb_serve_logoff, smb_serve_tree_connect,
    smb_serve_tree_disconnect;
struct session *smb_session_find(struct nt_smb_server *m, uint64_t id);
struct session *smb_session_ref(struct session *s);                 /* NULL is fine */
void smb_session_unref(struct nt_smb_server *m, struct session *s); /* NULL is fine */
struct tree *smb_tree_find(struct session *s, uint32_t id);
void smb_session_end(struct nt_smb_server *m, struct session *s); /* and all it has */
struct session *smb_session_asking(struct nt_smb_server *m, uint32_t ask_id);
/* The owner's answer to a set-up. */
void smb_session_answer(struct nt_smb_server *m, struct session *s,
                        const struct nt_sec_answer *answer,
                        struct identity *who); /* takes the reference over */
struct identity *smb_identity_ref(struct identity *i);
void smb_identity_unref(struct nt_smb_server *m, struct identity *i);
/* Since when the oldest set-up waits for its client; SERVER_NEVER: none does. */
uint64_t smb_session_oldest_setup(const struct nt_smb_server *m);
void smb_session_expire(struct nt_smb_server *m); /* drops set-ups that take too long */

/* --- server_pipe.c --- */
serve_fn smb_serve_create, smb_serve_close, smb_serve_flush, smb_serve_read, smb_serve_write;
ntstatus smb_pipe_transceive(struct nt_smb_server *m, struct chain *c,
                             const struct nt_smb2_ioctl_req *req);
const char *smb_pipe_known(const struct nt_smb_server *m, struct nt_smb2_bytes name);
/* The request's pipe by its FileId, that of the request before for a related one. */
ntstatus smb_pipe_resolve(struct nt_smb_server *m, struct chain *c, struct nt_smb2_fid fid,
                          struct pipe **out);
struct pipe *smb_pipe_find(const struct nt_smb_server *m, uint32_t id);
void smb_pipe_close(struct nt_smb_server *m, struct pipe *p);
void smb_pipes_close(struct nt_smb_server *m, const struct session *s, const struct tree *t);
void smb_pipe_free(struct nt_smb_server *m, struct pipe *p);
void smb_pipe_forget(struct pipe *p,
                     struct chain *c); /* takes a waiting request out of its lists */
/* The first `took` of the bytes that DATA showed were taken. */
void smb_pipe_taken(struct nt_smb_server *m, struct pipe *p, size_t took);
void smb_pipe_pump(struct nt_smb_server *m,
                   struct pipe *p); /* messages to those that wait for them */
void smb_pipe_tell(struct nt_smb_server *m, struct pipe *p); /* it has an event */
/* Bytes that the owner may take now. */
bool smb_pipe_has_data(const struct pipe *p);

/* --- server_file.c --- */
serve_fn smb_serve_ioctl, smb_serve_query_info, smb_serve_set_info;

#endif
