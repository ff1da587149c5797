/*
 * rpc_value.h - the parameters of a call as JSON, both ways, by the tables of idl/. For tools that
 * let a person write a call: what is read is a person's input, with a message for each mistake.
 * Pure; bounded by the arena, NT_NDR_MAX_DEPTH and the size of the JSON text.
 *
 * A value as JSON, in the form that nt_ndr_show writes and a few more:
 *   integers          a number, a text with one ("0x1F"), the name of an enumerator or NTSTATUS,
 *                     true or false
 *   text              a string; also of RPC_UNICODE_STRING and STRING
 *   SID, GUID         "S-1-5-32", "d5a7...-..."; a context handle is such a GUID
 *   time              "2026-11-21T07:20:37Z" (with up to seven digits of a fraction), a period
 *                     "90.5 s", "0", "never", "-never" (a period without end), or a number
 *   bytes             hexadecimal digits, or a list of numbers
 *   array             a list
 *   structure         an object; members that are left out are zero or NULL
 *   union             an object with one member: the arm by its name, its case or its number
 *   pointer           null, or what it leads to
 *
 * Counts and discriminants may be left out wherever the array or the arm tells them.
 */
#ifndef NT_REPAIR_RPC_VALUE_H
#define NT_REPAIR_RPC_VALUE_H

#include <jansson.h>

#include "ndr/ndr.h"

#define NT_RPC_VALUE_WHY  400
#define NT_RPC_VALUE_TEXT (1024u * 1024) /* bytes of JSON that a caller should take at most */

/*
 * Makes the struct of one direction of a call in the arena. [in] values that are no pointers must
 * be there, unless they are [out] too or follow from others.
 *
 *   parameters  an object
 *   why         receives one line, as "Buffer.Name: a text is wanted", when false
 */
bool nt_rpc_value_read(const struct nt_ndr_op *op, enum nt_ndr_dir dir, json_t *parameters,
                       struct nt_arena *arena, void **args, char why[NT_RPC_VALUE_WHY]);

/* What a parameter is, for who has to fill in what was left out. */
enum nt_rpc_kind {
    NT_RPC_HANDLE,
    NT_RPC_TEXT, /* a string behind a pointer */
    NT_RPC_NUMBER,
    NT_RPC_AUTHENTICATOR, /* NETLOGON_AUTHENTICATOR, or a pointer to one */
    NT_RPC_OTHER
};
struct nt_rpc_parameter {
    const char *name;
    bool in, out, wanted; /* wanted: no pointer that may be null */
    enum nt_rpc_kind kind;
};
/* The i-th, the result among them. False: there is none. */
bool nt_rpc_parameter(const struct nt_ndr_op *op, size_t i, struct nt_rpc_parameter *out);

/* What the call returned; by_nt: an NTSTATUS, else a plain number. False: it returns nothing. */
bool nt_rpc_result(const struct nt_ndr_op *op, const void *args, bool *by_nt, uint32_t *code);

/* The other way. Secrets are left out as in nt_ndr_show. NULL: no memory, or it would be larger
 * than 64 MiB. */
json_t *nt_rpc_value_write(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                           bool secrets, size_t *hidden);

#endif
