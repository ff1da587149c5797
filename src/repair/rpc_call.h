/*
 * rpc_call.h - calls written as JSON (rpc_value.h), made one after the other in a session: what a
 * person leaves out is filled in where it is obvious, handles are opened, values of earlier replies
 * are put in, authenticators of a secure channel are made and checked.
 *
 * In the parameters of a call a string that begins with
 *   $  is a value of an earlier reply: "$2.Buffer[0].RelativeId" of the second call, or
 *      "$who.Buffer" of the one remembered as "who"; "$$" stands for a dollar sign
 *   @  is, where a handle is wanted, one that is opened, once in the session:
 *      @policy, @trust:NAME, @trust:SID, @secret:NAME, @account:SID      (LSARPC)
 *      @server, @domain, @domain:NAME, @user:NAME, @group:NAME, @alias:NAME   (SAMR; a number
 *      instead of a name is a RID; @alias:Builtin/NAME is of another domain than the account's)
 */
#ifndef NT_REPAIR_RPC_CALL_H
#define NT_REPAIR_RPC_CALL_H

#include "repair/rpc_session.h"
#include "repair/rpc_value.h"

#define NT_RPC_CALL_WHY 600

struct nt_rpc_caller;

struct nt_rpc_caller_config {
    struct nt_rpc_session *session; /* kept; NULL: nothing is sent, every handle is nil */
    const char *host;               /* as calls name the server; copied */
    /* NULL account: no secure channel. Copied. */
    const char *account, *computer;
    uint16_t channel_type;
};
/* NULL: no memory. */
struct nt_rpc_caller *nt_rpc_caller_new(const struct nt_rpc_caller_config *config);
void nt_rpc_caller_free(struct nt_rpc_caller *c);

enum nt_rpc_call_state {
    NT_RPC_CALL_WRONG,    /* the parameters do not do: why */
    NT_RPC_CALL_PREPARED, /* not sent yet */
    NT_RPC_CALL_ANSWERED, /* has_result: result */
    NT_RPC_CALL_FAULT,    /* it did not run: fault, why */
    NT_RPC_CALL_LOST,     /* not reached, or no answer: why */
    NT_RPC_CALL_BAD       /* the answer does not decode, or is not by the channel's peer: why */
};

struct nt_rpc_call {
    const struct nt_ndr_interface *iface;
    const struct nt_ndr_op *op;
    enum nt_rpc_call_state state;
    struct nt_arena arena;
    void *request_args, *reply_args; /* the op's struct; NULL: none */
    struct nt_buf request, reply;    /* stubs */
    uint32_t fault;
    bool authenticated;     /* with an authenticator of the secure channel */
    bool has_result, by_nt; /* by_nt: an NTSTATUS, else a Win32 code, or for the endpoint mapper one
                               of its own */
    uint32_t result;
    char why[NT_RPC_CALL_WHY];
};

/*
 * Fills in and encodes. What it opens on the way is sent; when that fails, so does this, with the
 * state, result and why[] of the call that failed. True: PREPARED. To be freed in any case.
 *
 *   parameters  an object; not changed
 */
bool nt_rpc_call_prepare(struct nt_rpc_caller *c, const struct nt_ndr_interface *iface,
                         const struct nt_ndr_op *op, const json_t *parameters,
                         struct nt_rpc_call *out);
/* Sends it and takes the answer. True: ANSWERED, whatever the result. */
bool nt_rpc_call_make(struct nt_rpc_caller *c, struct nt_rpc_call *call);
void nt_rpc_call_free(struct nt_rpc_call *call); /* wipes */

/* True for success and what only informs; a warning such as NO_MORE_ENTRIES is no failure either.
 */
bool nt_rpc_call_good(const struct nt_rpc_call *call);

/* Keeps an answer for later "$": as the next number, and under a name unless it is NULL. False: no
 * memory. */
bool nt_rpc_call_remember(struct nt_rpc_caller *c, const struct nt_rpc_call *call,
                          const char *name);

#endif
