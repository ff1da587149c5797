/*
 * server_internal.h - the server machine's insides, shared by server.c (stream, events, answers),
 * server_call.c (requests) and server_bind.c (negotiation).
 */
#ifndef NT_RPC_SERVER_INTERNAL_H
#define NT_RPC_SERVER_INTERNAL_H

#include "rpc/rpc_internal.h"
#include "rpc/server.h"

enum server_state { SERVER_NEW, SERVER_BOUND, SERVER_CLOSED };

enum auth_state {
    AUTH_LEGS,   /* more tokens to come */
    AUTH_READY,  /* protects and names its caller */
    AUTH_REFUSED /* a logon that failed where no answer could be given: AUTH3 */
};

/* A security context of the connection. */
struct auth {
    struct auth *next;
    struct nt_rpc_protection p;
    enum auth_state state;
    void *caller;
};

struct presentation {
    uint16_t id;
    uint16_t minor; /* of the interface, as the client asked for it */
    const struct nt_ndr_interface *iface;
    struct auth *auth; /* what its requests must be protected by; NULL: unauthenticated */
};

struct call {
    struct call *next;
    uint32_t call_id;
    uint16_t opnum;
    uint16_t context_id;
    uint16_t minor;
    const struct nt_ndr_interface *iface;
    struct auth *auth; /* NULL: none */
    uint8_t drep[4];
    bool big_endian;
    bool complete;  /* its last fragment is here */
    bool delivered; /* the owner has it */
    bool orphaned;  /* the client does not want the answer any more */
    bool refused;   /* answered with a fault already: the rest of its fragments is dropped */
    struct nt_rpc_block *block; /* of a call in one fragment: the stub is in it */
    struct nt_buf joined;       /* the stub of a call in several fragments */
    const uint8_t *stub;
    size_t len;
};

struct nt_rpc_server {
    struct nt_rpc_server_config config; /* secondary_address: the copy behind this struct */
    enum server_state state;
    const char *why;
    uint64_t start_ms, last_ms; /* connect; last byte */
    bool called;                /* a call has come */

    struct nt_rpc_reader reader;
    struct nt_rpc_out out;

    uint16_t max_xmit;
    uint32_t assoc_group;
    bool sign_header; /* negotiated */
    bool multiplex;   /* negotiated: calls may overlap */
    struct presentation *presentations;
    size_t presentation_count;
    struct auth *auths;
    size_t auth_count;
    struct auth *default_auth; /* of the bind itself; NULL: it was not authenticated */

    struct call *calls; /* in order of arrival */
    size_t call_count, complete_count, delivered_count;
    size_t held; /* bytes of stub in `calls` */

    /* The leg that waits for its owner's answer, and what is sent after it. */
    struct auth *asking;
    uint32_t ask_id;
    bool ask_shown;
    uint8_t leg_ptype;
    uint32_t leg_call_id;
    struct nt_buf ack; /* a bind_ack or alter_context_resp without its verifier */
};

/* server.c */
void server_close(struct nt_rpc_server *m, const char *why);
/* A fault for a call that did not run. flags: NT_PFC_DID_NOT_EXECUTE or 0. */
void server_send_fault(struct nt_rpc_server *m, uint32_t call_id, uint16_t context_id,
                       uint8_t flags, uint32_t status);
/* The peer broke the protocol: the answer its PDU type has (bind_nak or fault), and the end. */
void server_refuse(struct nt_rpc_server *m, const struct nt_rpc_header *h, uint32_t status,
                   const char *why);
struct auth *server_auth_find(struct nt_rpc_server *m, uint32_t context_id);
struct presentation *server_presentation_find(struct nt_rpc_server *m, uint16_t id);

/* server_bind.c */
void server_bind_nak(struct nt_rpc_server *m, uint32_t call_id, enum nt_rpc_nak_reason reason,
                     const char *why);
void server_negotiate(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu);
void server_auth3(struct nt_rpc_server *m, const struct nt_rpc_pdu *pdu);
void server_leg_answer(struct nt_rpc_server *m, const struct nt_sec_answer *answer);

/* server_call.c */
/* May the PDU whose header the reader has be processed now? */
enum admission { ADMIT, WAIT, REFUSE };
enum admission server_admit(struct nt_rpc_server *m, const struct nt_rpc_header *h);
/* Takes the block over. */
void server_request(struct nt_rpc_server *m, struct nt_rpc_pdu *pdu, struct nt_rpc_block *block);
void server_cancel(struct nt_rpc_server *m, struct nt_rpc_pdu *pdu, struct nt_rpc_block *block);
void server_call_free(struct nt_rpc_server *m, struct call *call); /* unlinks */
struct call *server_call_find(struct nt_rpc_server *m, uint32_t call_id);

#endif
