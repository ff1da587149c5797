/*
 * server.h - the server half of a DCE/RPC association on one connection, without I/O: bytes in,
 * events and bytes out. Source: [C706] 12, [MS-RPCE] 3.3. One struct a connection; one thread.
 */
#ifndef NT_RPC_SERVER_H
#define NT_RPC_SERVER_H

#include "ndr/ndr.h"
#include "rpc/sec.h"

struct nt_rpc_server;

struct nt_rpc_limits {
    uint16_t max_frag; /* bytes of a PDU, both ways; 4280 is what clients offer */
    uint32_t max_call; /* bytes of a reassembled request stub; 128 KiB at most without security */
    uint16_t max_contexts;  /* presentation contexts */
    uint16_t max_auth;      /* security contexts on one connection */
    uint16_t max_in_flight; /* calls received and not yet answered */
    uint32_t idle_ms;       /* no byte for so long, and nothing in flight: close */
    uint32_t auth_ms;       /* from connect to the first call: close */
};
extern const struct nt_rpc_limits nt_rpc_limits_default;

struct nt_rpc_server_config {
    const struct nt_ndr_interface *const *ifaces; /* offered here; kept */
    size_t iface_count;
    const char *secondary_address; /* bind_ack: "49153" or "\\pipe\\lsass"; copied */
    uint32_t assoc_group;          /* not 0; echoed or given in bind_ack */
    /* A new server context of that type for a bind, or NULL: the type is not offered. */
    struct nt_sec *(*make_sec)(void *ctx, enum nt_auth_type type);
    void *ctx;
    /* Gives back a `caller` that an answer brought in. */
    void (*caller_free)(void *ctx, void *caller);
    struct nt_rpc_limits limits;
};

/* NULL: no memory. */
struct nt_rpc_server *nt_rpc_server_new(const struct nt_rpc_server_config *config, uint64_t now_ms);
void nt_rpc_server_free(struct nt_rpc_server *m);

/* Takes bytes as they arrive; returns how many it took (fewer: full until events are served). */
size_t nt_rpc_server_feed(struct nt_rpc_server *m, const uint8_t *data, size_t len,
                          uint64_t now_ms);

enum nt_rpc_event_kind {
    NT_RPC_CALL, /* serve it, then reply or fault with its call_id */
    NT_RPC_ASK   /* a security context asks; then nt_rpc_server_answer */
};

struct nt_rpc_event {
    enum nt_rpc_event_kind kind;
    uint32_t call_id;
    const struct nt_ndr_interface *iface;
    uint16_t opnum;
    bool big_endian;
    const uint8_t *stub; /* until the call is answered */
    size_t len;
    enum nt_auth_type auth_type;
    enum nt_auth_level auth_level;
    void *caller;                        /* from the security context's answer; NULL without one */
    const struct nt_secret *session_key; /* NULL without one; until the call is answered */
    const struct nt_sec_question *question; /* NT_RPC_ASK */
    uint32_t ask_id;                        /* NT_RPC_ASK: for the answer */
};

/* The next event. One NT_RPC_CALL at a time unless the client negotiated concurrent multiplexing;
 * calls are answered in any order. */
bool nt_rpc_server_next(struct nt_rpc_server *m, struct nt_rpc_event *ev);

/* Each returns NT_E_NOT_FOUND when the id is no longer known (the connection closed meanwhile). */
enum nt_err nt_rpc_server_answer(struct nt_rpc_server *m, uint32_t ask_id,
                                 const struct nt_sec_answer *answer);
enum nt_err nt_rpc_server_reply(struct nt_rpc_server *m, uint32_t call_id, const uint8_t *stub,
                                size_t len);
enum nt_err nt_rpc_server_fault(struct nt_rpc_server *m, uint32_t call_id, uint32_t code);

size_t nt_rpc_server_pending(const struct nt_rpc_server *m, const uint8_t **data); /* to send */
void nt_rpc_server_sent(struct nt_rpc_server *m, size_t len);

/* Another limits.idle_ms from now on: as for a peer that has authenticated. */
void nt_rpc_server_set_idle(struct nt_rpc_server *m, uint32_t idle_ms);
/* The next moment tick must be called, in the caller's milliseconds. */
uint64_t nt_rpc_server_deadline(const struct nt_rpc_server *m);
enum nt_err nt_rpc_server_tick(struct nt_rpc_server *m, uint64_t now_ms); /* NT_E_TIMEOUT: close */

/* True when the connection is to be closed once nothing is pending; why has a short reason
 * ("protocol error: ...") or "" for an orderly end. */
bool nt_rpc_server_closed(const struct nt_rpc_server *m, const char **why);

#endif
