/*
 * handles.h - context handles of one connection: they belong to it alone, are bounded in number,
 * and carry the access that was granted when they were opened. [C706] 6.1.6, [MS-RPCE] 3.3.1.4.1
 */
#ifndef NT_SERVICE_HANDLES_H
#define NT_SERVICE_HANDLES_H

#include "ndr/ndr.h"
#include "service/service.h"

#define NT_HANDLES_MAX 256 /* open at once on one connection */

enum nt_handle_kind {
    NT_HANDLE_LSA_POLICY = 1,
    NT_HANDLE_LSA_ACCOUNT,
    NT_HANDLE_LSA_TDO,
    NT_HANDLE_LSA_SECRET,
    NT_HANDLE_SAM_SERVER,
    NT_HANDLE_SAM_DOMAIN,
    NT_HANDLE_SAM_USER,
    NT_HANDLE_SAM_GROUP,
    NT_HANDLE_SAM_ALIAS,
    NT_HANDLE_EPM
};

struct nt_handle {
    enum nt_handle_kind kind;
    struct nt_uuid uuid;
    uint32_t access;   /* granted, specific bits (generic ones mapped) */
    bool builtin;      /* SAM domain, alias: of BUILTIN */
    uint32_t rid;      /* SAM user, group, alias */
    char name[80];     /* LSA TDO, secret: the key */
    struct nt_sid sid; /* LSA account */
    uint32_t cursor;   /* EPM */
};

/* A new handle of the call's connection, copied from `like` (its uuid is made here, from env's
 * randomness); NULL: too many or no memory. */
struct nt_handle *nt_handle_open(struct nt_call *call, const struct nt_handle *like,
                                 struct nt_ndr_context *out);
/* The handle, or NULL with call->fault set to CONTEXT_MISMATCH when it is not of this connection;
 * NULL without a fault (answer INVALID_HANDLE) when it is of another kind. kind 0: any. */
struct nt_handle *nt_handle_get(struct nt_call *call, const struct nt_ndr_context *context,
                                enum nt_handle_kind kind);
void nt_handle_close(struct nt_call *call, struct nt_handle *handle);

#endif
