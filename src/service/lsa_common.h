/*
 * lsa_common.h - what the LSARPC and SAMR methods share: texts and SIDs between the wire and the
 * model, who the caller is, and how a desired access becomes a granted one.
 * Sources: [MS-DTYP] 2.3.10, 2.4.2, 2.4.3 (access masks); [MS-SAMR] 3.1.5.1, [MS-LSAD] 3.1.4.2.1.
 */
#ifndef NT_SERVICE_LSA_COMMON_H
#define NT_SERVICE_LSA_COMMON_H

#include "idl/lsarpc.h"
#include "idl/samr.h"
#include "service/handles.h"
#include "service/service.h"
#include "service/wire.h"

/* --- who calls --- */

/* What the caller's SIDs amount to, weakest first: a later one may do all that an earlier one may.
 */
enum nt_caller {
    NT_CALLER_ANONYMOUS,
    NT_CALLER_USER,     /* authenticated: people, machines, users of trusted domains */
    NT_CALLER_OPERATOR, /* BUILTIN\Account Operators */
    NT_CALLER_ADMIN     /* BUILTIN\Administrators */
};
enum nt_caller nt_caller_of(const struct nt_call *call);

/* --- access --- */

enum nt_access {
    NT_ACCESS_DELETE = 0x00010000,
    NT_ACCESS_READ_CONTROL = 0x00020000,
    NT_ACCESS_WRITE_DAC = 0x00040000,
    NT_ACCESS_WRITE_OWNER = 0x00080000,
    NT_ACCESS_MAXIMUM = 0x02000000
};

/* What the generic bits mean for a kind of object, [MS-DTYP] 2.4.3. */
struct nt_generic {
    uint32_t read, write, execute, all;
};

/* False when `desired` asks for more than `allowed`, or when nothing at all could be granted. */
bool nt_access_grant(uint32_t desired, const struct nt_generic *map, uint32_t allowed,
                     uint32_t *granted);

/*
 * The handle of a call's argument, of that kind and with all of `access`; NULL with *status set
 * (INVALID_HANDLE, ACCESS_DENIED), or with a fault when the connection has no such handle.
 */
struct nt_handle *nt_access_handle(struct nt_call *call, const struct nt_ndr_context *context,
                                   enum nt_handle_kind kind, uint32_t access, ntstatus *status);
/* Opens a handle with the access granted; the call's status. */
ntstatus nt_access_open(struct nt_call *call, const struct nt_handle *like,
                        struct nt_ndr_context *out);

/* --- values on the wire --- */

/* From UTF-8 in the model; "" becomes an empty string with no buffer. False: no memory. */
bool nt_wire_string(struct nt_call *call, const char *text, RPC_UNICODE_STRING *out);
/* To UTF-8 in the call's arena, "" for an absent buffer; NULL when it is not text. */
const char *nt_wire_text(struct nt_call *call, const RPC_UNICODE_STRING *in);
/* In the arena; NULL: no memory. */
RPC_SID *nt_wire_sid(struct nt_call *call, const struct nt_sid *sid);
/* A time span as NT sends it: negative 100 ns steps; 0 seconds as `none`. */
int64_t nt_wire_span(uint64_t seconds);
uint64_t nt_wire_span_read(int64_t span);

/* Counts what an enumeration has put into its answer against the caller's preferred maximum. The
 * first entry always fits, so that every caller gets on. */
struct nt_wire_page {
    uint32_t max;
    uint32_t used;
    uint32_t count;
};
struct nt_wire_page nt_wire_page(uint32_t preferred_max);
bool nt_wire_page_fits(struct nt_wire_page *page, size_t bytes);

/* A self-relative security descriptor that says what nt_access_grant does, in the arena: owner and
 * group Administrators; a DACL of `count` entries. NULL: no memory. [MS-DTYP] 2.4.6 */
struct nt_wire_ace {
    struct nt_sid sid;
    uint32_t access;
};
uint8_t *nt_wire_descriptor(struct nt_call *call, const struct nt_wire_ace *aces, size_t count,
                            uint32_t *len);

/* Fails the call for lack of memory: a fault. */
ntstatus nt_call_nomem(struct nt_call *call);

#endif
