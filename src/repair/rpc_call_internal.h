/*
 * rpc_call_internal.h - what rpc_call.c (the call) and rpc_fill.c (what goes into it) share.
 */
#ifndef NT_REPAIR_RPC_CALL_INTERNAL_H
#define NT_REPAIR_RPC_CALL_INTERNAL_H

#include "repair/rpc_call.h"

#define CALLER_DEPTH 8 /* handles that must be opened for one handle */

struct nt_rpc_caller {
    struct nt_rpc_session *session;
    char *host, *account, *computer;
    uint16_t channel_type;
    json_t *replies; /* list of what was remembered */
    json_t *named;   /* object of the same */
    json_t *handles; /* "@policy" and so on, as they were opened */
    unsigned depth;
};

/* By its name, whatever the case; NULL: none. Borrowed. */
json_t *caller_member(json_t *object, const char *name, size_t len);

/* Why a call cannot be prepared, in call->why. Always false. */
bool caller_wrong(struct nt_rpc_call *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A copy of the parameters with everything put in. NULL: told in call, whose state says what kind
 * of failure it is. */
json_t *caller_fill(struct nt_rpc_caller *c, struct nt_rpc_call *call, const json_t *parameters);

/* Replaces every "$" in *value, and in what is in it. False: told. */
bool caller_refer(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t **value);

#endif
