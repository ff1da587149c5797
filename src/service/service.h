/*
 * service.h - what the RPC interfaces mean: one call from its stub to its answer, over the domain's
 * directory. No socket and no thread in here. A call that must wait (for a durable change, for
 * another domain's controller) is parked with a `then`, and goes on when its owner resumes it.
 */
#ifndef NT_SERVICE_SERVICE_H
#define NT_SERVICE_SERVICE_H

#include <stdatomic.h>

#include "domain/token.h"
#include "ndr/ndr.h"
#include "rpc/server.h"
#include "store/engine.h"

struct nt_call;
struct nt_forward;
struct nt_chains;
struct nt_lockouts;

struct nt_service_settings {
    char computer[16];    /* this controller's NetBIOS name, where several share the domain's store;
                             "": the domain's record has it */
    bool lsa_over_tcp;    /* LSA policy handles over TCP for authenticated callers at privacy level.
                             Deviation: other controllers offer them over named pipes only. */
    bool smb;             /* named pipes are served: the endpoint mapper names them */
    uint16_t rpc_port;    /* the port that the endpoint mapper names */
    uint32_t rpc_address; /* IPv4, host order: what the endpoint mapper answers; 0: the one asked */
};

/* One a process; everything in it is safe to use from several loops. */
struct nt_service {
    struct nt_engine *engine;
    const struct nt_env *env;
    struct nt_service_settings settings;
    struct nt_chains *chains;     /* secure channels that peers hold to us, chains.h */
    struct nt_lockouts *lockouts; /* bad password counts, lockouts.h */
    struct nt_refusals *refusals; /* set-ups of trusts' channels, refusals.h */
    /* The outbound side (src/channel, behind us in the layers): carries out `fwd` and calls its
     * done. NULL: this process has none; forwards end with NO_LOGON_SERVERS. */
    void (*forward)(void *ctx, struct nt_forward *fwd);
    void *forward_ctx;
    /* private: when an account's failed set-ups were last worth an event */
    _Atomic nt_time last_event[256];
};

/* Makes the shared tables (chains, lockouts, refusals); false: no memory. */
bool nt_service_init(struct nt_service *s);
void nt_service_done(struct nt_service *s);

/* This controller's NetBIOS name; lives as long as both. */
static inline const char *nt_service_computer(const struct nt_service *s, const struct nt_dir *dir)
{
    return s->settings.computer[0] != '\0' ? s->settings.computer : nt_dir_domain(dir)->computer;
}

/* What one connection remembers between its calls: the challenges of Netlogon, context handles. */
struct nt_conn;
struct nt_conn *nt_conn_new(struct nt_service *s, const char *peer, const char *local);
void nt_conn_free(struct nt_conn *conn); /* only when no call of it is parked */

enum nt_serve {
    NT_SERVE_REPLY,  /* call->out has the response's stub */
    NT_SERVE_FAULT,  /* call->fault */
    NT_SERVE_PENDING /* parked; the owner's resume will be called, in any thread */
};

/* What a call's association runs over. */
enum nt_transport {
    NT_TRANSPORT_TCP,
    NT_TRANSPORT_PIPE /* a named pipe of an SMB session, [MS-RPCE] 2.1.1.2 */
};

/* One call in progress. The owner (the daemon) makes it, keeps it until it is answered, and frees
 * it afterwards, also when the connection has closed in between. */
struct nt_call {
    struct nt_service *service;
    struct nt_conn *conn;
    const struct nt_ndr_interface *iface;
    uint16_t opnum;
    enum nt_transport transport;
    bool is_signed, is_encrypted; /* the SMB session under a pipe */
    enum nt_auth_type auth_type;  /* of the association itself */
    enum nt_auth_level auth_level;
    struct nt_token *token;              /* who calls; never NULL (anonymous without any session) */
    const struct nt_secret *session_key; /* NULL: none */
    void (*resume)(struct nt_call *call); /* owner's: have nt_service_continue called, in the
                                             connection's own thread. Any thread may call it. */
    void *owner;

    /* filled while serving */
    struct nt_arena arena;    /* decoded arguments and the answer */
    const struct nt_dir *dir; /* the directory as it was when the call (or its last wait) began */
    const struct nt_ndr_op *op;
    void *args;     /* struct named as the method, see ndr.h */
    void *state;    /* the method's own between its waits, in the arena */
    uint32_t fault; /* set by a method: the call never ran */
    struct nt_buf out;
    ntstatus (*then)(struct nt_call *call, void *args, ntstatus status); /* after a wait */
    struct nt_wish wish;
    ntstatus (*decide)(struct nt_call *call, void *args, struct nt_txn *txn);
    struct nt_forward *waiting;
    ntstatus waited; /* how the wait ended */
    bool parked;
};

void nt_call_init(struct nt_call *call, struct nt_service *s, struct nt_conn *conn);
void nt_call_free(struct nt_call *call); /* wipes; not while pending */

/* Decodes and runs. The stub need not outlive the return. */
enum nt_serve nt_service_serve(struct nt_call *call, bool big_endian, const uint8_t *stub,
                               size_t len);
/* After resume. */
enum nt_serve nt_service_continue(struct nt_call *call);

/*
 * --- for the interfaces ---
 * A method: gets its decoded arguments, fills the [out] ones, returns the call's result (a Win32
 * code for NET_API_STATUS calls). It may set call->fault instead. To wait, it returns what
 * nt_call_change or nt_call_forward give.
 */
typedef ntstatus nt_method(struct nt_call *call, void *args);

struct nt_op {
    const struct nt_ndr_op *layout; /* NULL: not served, op_rng_error */
    nt_method *serve;
    unsigned needs; /* of enum nt_needs: otherwise fault ACCESS_DENIED */
};

enum nt_needs {
    NT_NEEDS_NOTHING = 0,
    NT_NEEDS_AUTH = 1,       /* an authenticated caller (not anonymous) */
    NT_NEEDS_INTEGRITY = 2,  /* auth level integrity or privacy, or a pipe of a signed session */
    NT_NEEDS_TCP_SEALED = 4, /* over TCP: an authenticated caller at auth level privacy */
    NT_NEEDS_SCHANNEL = 8    /* over a Netlogon secure channel */
};

/* Parks the call until `decide` has run in the writer and is durable; then runs `then` with the
 * outcome, whose return is the call's result (or another wait). Returns PENDING. */
ntstatus nt_call_change(struct nt_call *call,
                        ntstatus (*decide)(struct nt_call *call, void *args, struct nt_txn *txn),
                        ntstatus (*then)(struct nt_call *call, void *args, ntstatus status));
/* Parks the call until the forward is done; then runs `then` with fwd->status. */
ntstatus nt_call_forward(struct nt_call *call, struct nt_forward *fwd,
                         ntstatus (*then)(struct nt_call *call, void *args, ntstatus status));
/* Fails the call with an RPC fault. */
ntstatus nt_call_fault(struct nt_call *call, uint32_t fault);

const char *nt_conn_peer(const struct nt_conn *conn);  /* "192.0.2.7:51234" */
const char *nt_conn_local(const struct nt_conn *conn); /* our address as the peer sees it */

/* Interface tables, each in its own file. */
struct nt_interface {
    const struct nt_ndr_interface *layout;
    const struct nt_op *ops;
    size_t op_count;
};
extern const struct nt_interface nt_netlogon_interface, nt_lsarpc_interface, nt_samr_interface,
    nt_epm_interface, nt_srvsvc_interface, nt_wkssvc_interface, nt_dssetup_interface;
/* The table for a layout; NULL: not served. */
const struct nt_interface *nt_interface_of(const struct nt_ndr_interface *layout);

#endif
