/*
 * wire.h - texts, SIDs and times between Netlogon's structures and the model, in any arena.
 * Sources: [MS-DTYP] 2.3.10, 2.4.2; [MS-SAMR] 2.2.2.1-2.
 */
#ifndef NT_SERVICE_WIRE_H
#define NT_SERVICE_WIRE_H

#include "base/arena.h"
#include "base/nttime.h"
#include "base/sid.h"
#include "idl/netlogon.h"

/* From UTF-8; "" becomes an empty string without a buffer. False: no memory. */
bool nt_unicode_put(struct nt_arena *a, const char *text, RPC_UNICODE_STRING *out);
/* To UTF-8, up to a NUL if there is one; "" for an absent buffer; NULL: not text, or no memory. */
const char *nt_unicode_get(struct nt_arena *a, const RPC_UNICODE_STRING *in);
/* In the arena; NULL: no memory. */
RPC_SID *nt_rpc_sid_put(struct nt_arena *a, const struct nt_sid *sid);
/* False: absent, or not a SID. */
bool nt_rpc_sid_get(const RPC_SID *in, struct nt_sid *out);
OLD_LARGE_INTEGER nt_old_time(nt_time t);

#endif
