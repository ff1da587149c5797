/*
 * client.h - the client half of a DCE/RPC association, without I/O. Binds one interface with at
 * most one security context, then carries calls. Source: [C706] 12, [MS-RPCE] 3.3.
 */
#ifndef NT_RPC_CLIENT_H
#define NT_RPC_CLIENT_H

#include "ndr/ndr.h"
#include "rpc/sec.h"

struct nt_rpc_client;

struct nt_rpc_client_config {
    const struct nt_ndr_interface *iface; /* kept */
    struct nt_sec *sec;                   /* taken over (freed also on failure); NULL: none */
    enum nt_auth_type auth_type;
    enum nt_auth_level auth_level;
    uint16_t max_frag;  /* 0: 4280 */
    uint32_t max_reply; /* bytes of a reassembled response stub; 0: 4 MiB */
    uint32_t bind_ms;   /* time for the bind; 0: 10 s */
};

/* Starts the bind at once: there are bytes to send. NULL: no memory. */
struct nt_rpc_client *nt_rpc_client_new(const struct nt_rpc_client_config *config, uint64_t now_ms);
void nt_rpc_client_free(struct nt_rpc_client *m);

size_t nt_rpc_client_feed(struct nt_rpc_client *m, const uint8_t *data, size_t len,
                          uint64_t now_ms);

enum nt_rpc_client_event_kind {
    NT_RPC_BOUND,    /* calls may be sent now */
    NT_RPC_RESPONSE, /* stub, len */
    NT_RPC_FAULT,    /* fault */
    NT_RPC_FAILED    /* the association is of no use any more: status, why */
};

struct nt_rpc_client_event {
    enum nt_rpc_client_event_kind kind;
    uint32_t call_id;
    const uint8_t *stub; /* until the next feed or next */
    size_t len;
    bool big_endian;
    uint32_t fault;
    ntstatus status; /* NT_RPC_FAILED: ACCESS_DENIED, LOGON_FAILURE, RPC_UNKNOWN_IF, ... */
    const char *why; /* in words, static or until free */
};

bool nt_rpc_client_next(struct nt_rpc_client *m, struct nt_rpc_client_event *ev);

/* Sends a call; *call_id names it in the response. NT_E_STATE before NT_RPC_BOUND or after
 * NT_RPC_FAILED. A call not answered within timeout_ms fails the association. */
enum nt_err nt_rpc_client_call(struct nt_rpc_client *m, uint16_t opnum, const uint8_t *stub,
                               size_t len, uint32_t timeout_ms, uint64_t now_ms, uint32_t *call_id);

/* The security context's session key; NULL without one. */
const struct nt_secret *nt_rpc_client_session_key(const struct nt_rpc_client *m);

/* The peer closed the connection: what is in flight fails. */
void nt_rpc_client_eof(struct nt_rpc_client *m);

size_t nt_rpc_client_pending(const struct nt_rpc_client *m, const uint8_t **data);
void nt_rpc_client_sent(struct nt_rpc_client *m, size_t len);
uint64_t nt_rpc_client_deadline(const struct nt_rpc_client *m);
void nt_rpc_client_tick(struct nt_rpc_client *m, uint64_t now_ms);

#endif
