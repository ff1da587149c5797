/*
 * rpc_session.h - any call of any interface of one server, one after the other: over TCP or named
 * pipes, as a user, as nobody, or through a secure channel. At the edge: each call runs an event
 * loop of its own until it is answered or its time is over. Not for use from two threads.
 * Sources: [MS-RPCE] 3.3; [MS-NRPC] 3.1.4, 3.4.
 */
#ifndef NT_REPAIR_RPC_SESSION_H
#define NT_REPAIR_RPC_SESSION_H

#include "channel/channel.h"

struct nt_rpc_session;

/* Texts and secrets are copied; env is kept. */
struct nt_rpc_session_config {
    const char *host;
    enum nt_road road; /* NT_ROAD_ANY: pipes, but TCP for the endpoint mapper */
    uint16_t port;     /* of the endpoint mapper for NT_ROAD_TCP, else of SMB; 0: the usual one */
    /* The user; "": nobody, which goes by NT_ROAD_SMB as an anonymous session, by TCP without
     * authentication. */
    const char *domain, *user;
    const struct nt_secret *hash;
    bool kerberos; /* instead, by the ticket cache; over SMB only */
    /* Protection of the associations themselves by NTLM. 0: sealed over TCP; over SMB none, since
     * the session protects what is in it. */
    enum nt_auth_level level;
    /* NULL: none. A secure channel for the calls of Netlogon, and without a user for those of the
     * other interfaces too, but the endpoint mapper's. domain, computer, account, type, allow_weak
     * and candidates are looked at. */
    const struct nt_channel_config *channel;
    const struct nt_env *env;
    uint32_t call_ms; /* for a call and what has to be opened for it; 0: one minute */
};

/* Prepares; connects when a call needs it. NULL: no memory. */
struct nt_rpc_session *nt_rpc_session_new(const struct nt_rpc_session_config *config);
void nt_rpc_session_free(struct nt_rpc_session *s); /* closes, wipes */

enum nt_rpc_end {
    NT_RPC_END_ANSWER, /* stub */
    NT_RPC_END_FAULT,  /* the call did not run: fault, why */
    NT_RPC_END_LOST    /* the interface was not reached, or the connection ended: status, why */
};
struct nt_rpc_answer {
    enum nt_rpc_end end;
    const uint8_t *stub; /* until the next call */
    size_t len;
    bool big_endian;
    uint32_t fault;
    ntstatus status;
    const char *why; /* one sentence; until the next call */
};
void nt_rpc_session_call(struct nt_rpc_session *s, const struct nt_ndr_interface *iface,
                         const struct nt_ndr_op *op, const void *args, struct nt_rpc_answer *out);

/* Opens the secure channel unless it is. False: out tells why, as NT_RPC_END_LOST. */
bool nt_rpc_session_channel(struct nt_rpc_session *s, struct nt_rpc_answer *out);
/* Its authenticators; see channel.h. Only while it is open. */
void nt_rpc_session_step(struct nt_rpc_session *s, struct nt_authenticator *out);
bool nt_rpc_session_step_check(struct nt_rpc_session *s, const struct nt_authenticator *returned);
void nt_rpc_session_step_back(struct nt_rpc_session *s);

/* The session key that passwords in calls of that interface are hidden under; NULL: none yet. */
const struct nt_secret *nt_rpc_session_key(const struct nt_rpc_session *s,
                                           const struct nt_ndr_interface *iface);

#endif
