/*
 * ndr.h - one engine that decodes, encodes and prints the calls of every interface by table. The
 * tables and the C types come from idl/ at build time (idl/compile.py). NDR32 only; both byte
 * orders on decode, little endian on encode. Source: [C706] 14; [MS-RPCE] 2.2.4, 2.2.5.
 *
 * How a call is seen from C. For the IDL method NetrServerReqChallenge of interface netlogon:
 *   struct NetrServerReqChallenge   all parameters, [in] and [out], by their IDL names, and
 *                                   `result` (ntstatus for NTSTATUS, uint32_t otherwise; absent
 *                                   for void)
 *   ndr_NetrServerReqChallenge      const struct nt_ndr_op
 *   ndr_netlogon                    const struct nt_ndr_interface
 * Types of the IDL are C typedefs of the same name. A top-level [ref] pointer parameter to anything
 * but an array or a string is the value itself in the struct (SAMPR_HANDLE UserHandle, not a
 * pointer); a structure that ends in a conformant array (RPC_SID) stays a pointer too, never NULL.
 * Other pointers are pointers into the arena and may be NULL where the IDL says
 * unique or ptr. A [string] is NUL terminated units in host order. handle_t is left out.
 * char and CHAR are uint8_t, char only in a [string]; wchar_t is uint16_t. OPNUM_<method> is its
 * number. Where length_is says less than size_is, only length_is elements are in memory.
 * Enumerations are uint16_t (uint32_t with v1_enum) with the IDL's constants beside them.
 * Context handles are struct nt_ndr_context.
 */
#ifndef NT_NDR_NDR_H
#define NT_NDR_NDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/status.h"
#include "base/uuid.h"

#define NT_NDR_MAX_DEPTH 32

/* What a decode of len bytes may take from its arena. */
#define NT_NDR_ARENA_LIMIT(len) (32 * (size_t)(len) + 4096)

struct nt_ndr_context {
    uint32_t attributes;
    struct nt_uuid uuid; /* nil: no handle */
};

enum nt_ndr_dir { NT_NDR_REQUEST, NT_NDR_RESPONSE };

struct nt_ndr_type; /* a layout; see ndr_table.h, which only generated code includes */

struct nt_ndr_op {
    const char *name; /* "NetrServerReqChallenge" */
    uint16_t opnum;
    uint32_t args_size;               /* sizeof(struct NetrServerReqChallenge) */
    const struct nt_ndr_type *layout; /* of the parameters and the result */
};

struct nt_ndr_interface {
    const char *name; /* "netlogon" */
    struct nt_uuid uuid;
    uint16_t major, minor;
    const struct nt_ndr_op *const *ops; /* by opnum; NULL where the IDL reserves the number */
    uint16_t op_count;
};

/* What a decode saw that the values do not tell: the referent ids and the bytes in alignment gaps.
 * With it an encode gives the very bytes again. All in the arena. */
struct nt_ndr_notes;

/*
 * Decodes one direction of a call.
 *
 *   args     receives a zeroed struct of op->args_size in the arena; [out]-only members stay zero
 *            for a request, [in]-only ones for a response (give the request's args in *args to
 *            have a response decoded into the same struct: needed where an [out] array's size is
 *            an [in] parameter; *args NULL otherwise). After a failure *args is NULL and the [out]
 *            members of such a struct are zero. Without the request, an [in] parameter that a
 *            response's size_is or switch_is names is filled in from what the response says
 *   used     bytes read; what is behind them (padding, the verification trailer) is not the
 *            engine's business; may be NULL
 *   notes    may be NULL
 *
 * NT_E_TRUNCATED, NT_E_MALFORMED (also: union discriminant disagrees with switch_is, a count with
 * size_is, a value outside [range]), NT_E_LIMIT (depth), NT_E_NOMEM (arena). Nothing the input
 * says makes it allocate more than NT_NDR_ARENA_LIMIT(len), if the arena was set so.
 */
enum nt_err nt_ndr_decode(const struct nt_ndr_op *op, enum nt_ndr_dir dir, bool big_endian,
                          const uint8_t *stub, size_t len, struct nt_arena *arena, void **args,
                          size_t *used, struct nt_ndr_notes **notes) NT_MUST_USE;

/* Encodes one direction; referent ids count from 0x00020000 in steps of 4 unless notes tell.
 * NT_E_INVALID: args break their own layout (a NULL [ref] pointer, a count outside its range). */
enum nt_err nt_ndr_encode(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                          const struct nt_ndr_notes *notes, struct nt_buf *out) NT_MUST_USE;

/*
 * Readable text, one value a line, indented; or one JSON object, whose "parameters"
 * nt_rpc_value_read (repair/rpc_value.h) takes back.
 * Sizes are bounded by `out`'s limit. What the IDL calls secret is shown by nt_ndr_print and
 * nt_ndr_print_json, a debugging tool's; nt_ndr_show does so only when asked.
 *
 *   hidden   counts the values that were left out; may be NULL
 */
enum nt_ndr_form { NT_NDR_TEXT, NT_NDR_JSON };
enum nt_err nt_ndr_show(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                        enum nt_ndr_form form, bool secrets, size_t *hidden,
                        struct nt_buf *out) NT_MUST_USE;
#define NT_NDR_HIDDEN "(hidden)" /* what stands in its place, in JSON as a string */
enum nt_err nt_ndr_print(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                         struct nt_buf *out) NT_MUST_USE;
enum nt_err nt_ndr_print_json(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                              struct nt_buf *out) NT_MUST_USE;

/* A single structure rather than a call (LSA and SAM structures that travel inside blobs, an
 * NDR-encoded PAC): ndr_type_NAME of its header, little endian. Same rules; `size`, sizeof(NAME),
 * is checked against the layout (NT_E_INVALID). */
enum nt_err nt_ndr_decode_type(const struct nt_ndr_type *type, size_t size, const uint8_t *data,
                               size_t len, struct nt_arena *arena, void **value) NT_MUST_USE;
enum nt_err nt_ndr_encode_type(const struct nt_ndr_type *type, const void *value,
                               struct nt_buf *out) NT_MUST_USE;
/* One value of such a type as text, without a newline at its end. */
enum nt_err nt_ndr_print_type(const struct nt_ndr_type *type, const void *value,
                              struct nt_buf *out) NT_MUST_USE;

/* The parameters of a call with their types, for people: lines such as
 *   [in] InformationClass: POLICY_INFORMATION_CLASS
 * with what is inside them indented below, once for each type. */
enum nt_err nt_ndr_describe(const struct nt_ndr_op *op, struct nt_buf *out) NT_MUST_USE;

/* Every interface that idl/ describes; for tools that look one up by name or uuid. NULL-terminated.
 */
extern const struct nt_ndr_interface *const nt_ndr_interfaces[];
const struct nt_ndr_interface *nt_ndr_interface_by_name(const char *name);
/* A method by its name, whatever the case, or its opnum; NULL: none. */
const struct nt_ndr_op *nt_ndr_op_by_name(const struct nt_ndr_interface *iface, const char *name);

#endif
