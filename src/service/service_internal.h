/*
 * service_internal.h - what the files of src/service share about a connection, and the general way
 * to park a call. Not for other layers.
 */
#ifndef NT_SERVICE_SERVICE_INTERNAL_H
#define NT_SERVICE_SERVICE_INTERNAL_H

#include "service/handles.h"
#include "service/service.h"

#define NT_CHALLENGES_MAX 4 /* set-ups of a secure channel begun on one connection */

/* One half-done set-up: ReqChallenge came, Authenticate did not yet. [MS-NRPC] 3.5.4.4.1 */
struct nt_challenge {
    bool used;
    char computer[64];
    uint8_t client[8], server[8];
    uint64_t order; /* the oldest makes room */
};

struct nt_conn {
    struct nt_service *service;
    char peer[96], local[96];
    struct nt_challenge challenges[NT_CHALLENGES_MAX];
    uint64_t challenge_order;
    struct nt_handle *handles[NT_HANDLES_MAX];
    size_t handle_count;
};

/* Parks the call for a wait that its method has begun by itself (a logon): whoever ends the wait
 * sets call->waited and calls call->resume(call). Returns PENDING. */
ntstatus nt_call_park(struct nt_call *call,
                      ntstatus (*then)(struct nt_call *call, void *args, ntstatus status));

/* The result of a call whose methods return Win32 codes. */
static inline ntstatus nt_werr(enum nt_werror werr)
{
    return (ntstatus){ (uint32_t)werr };
}

/* Texts of the peer as UTF-8 in the call's arena; NULL with call->fault set when memory ran out,
 * "" for NULL and for what is not text. */
const char *nt_call_text(struct nt_call *call, const uint16_t *s);
/* Not more than `max` units are looked at. */
size_t nt_units_len(const uint16_t *s, size_t max);
/* UTF-16 with a NUL, in the call's arena; NULL: no memory. */
uint16_t *nt_call_utf16(struct nt_call *call, const char *s);

/* Closes and wipes all handles of a connection. */
void nt_handles_free(struct nt_conn *conn);

#endif
