/*
 * pdu.h - the connection-oriented PDUs: bytes to structs and back. Both byte orders are read and
 * written; characters are ASCII. No heap of its own: what is read points into the PDU.
 * Source: [C706] 12.6; [MS-RPCE] 2.2.2 (sec_trailer 2.2.2.11, feature negotiation 2.2.2.14).
 */
#ifndef NT_RPC_PDU_H
#define NT_RPC_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

enum nt_rpc_ptype {
    NT_PT_REQUEST = 0,
    NT_PT_RESPONSE = 2,
    NT_PT_FAULT = 3,
    NT_PT_BIND = 11,
    NT_PT_BIND_ACK = 12,
    NT_PT_BIND_NAK = 13,
    NT_PT_ALTER = 14,
    NT_PT_ALTER_RESP = 15,
    NT_PT_AUTH3 = 16,
    NT_PT_SHUTDOWN = 17,
    NT_PT_CO_CANCEL = 18,
    NT_PT_ORPHANED = 19
};

/* pfc_flags, [C706] 12.6.3.1. 0x04 means header signing where contexts are negotiated and a
 * pending cancel elsewhere, [MS-RPCE] 2.2.2.3. */
#define NT_PFC_FIRST           0x01u
#define NT_PFC_LAST            0x02u
#define NT_PFC_HEADER_SIGN     0x04u
#define NT_PFC_CONC_MPX        0x10u
#define NT_PFC_DID_NOT_EXECUTE 0x20u
#define NT_PFC_OBJECT          0x80u

#define NT_RPC_HEADER_LEN    16u
#define NT_RPC_TRAILER_LEN   8u
#define NT_RPC_SYNTAX_LEN    ((size_t)20)
#define NT_RPC_MUST_RECV     1432u /* bytes of a PDU that everybody must accept, [C706] 12.6.2 */
#define NT_RPC_MAX_ELEMENTS  64u   /* presentation contexts, or results, in one PDU */
#define NT_RPC_MAX_SEC_ADDR  260u
#define NT_RPC_DEFAULT_FRAG  4280u
#define NT_RPC_BIND_FRAG_MAX 5840u /* a bind may come before sizes are agreed */

struct nt_rpc_header {
    uint8_t minor; /* rpc_vers_minor; rpc_vers is 5 */
    uint8_t ptype;
    uint8_t flags;
    bool big_endian;
    uint16_t frag_len;
    uint16_t auth_len;
    uint32_t call_id;
};

/* Reads the 16 bytes that every PDU begins with. NT_E_UNSUPPORTED: another protocol version;
 * NT_E_MALFORMED: EBCDIC, non-IEEE numbers, or lengths that contradict each other. `h` is filled
 * in as far as possible in either case, so that a refusal can name the call. */
enum nt_err nt_rpc_header_read(const uint8_t bytes[NT_RPC_HEADER_LEN],
                               struct nt_rpc_header *h) NT_MUST_USE;

/* An interface or a transfer syntax with its version, p_syntax_id_t. */
struct nt_rpc_syntax {
    struct nt_uuid uuid;
    uint16_t major, minor;
};
extern const struct nt_rpc_syntax nt_rpc_ndr32;
bool nt_rpc_syntax_equal(const struct nt_rpc_syntax *a, const struct nt_rpc_syntax *b);
/* 20 bytes each; the reader takes them in the byte order of their PDU. */
struct nt_rpc_syntax nt_rpc_syntax_read(const uint8_t bytes[NT_RPC_SYNTAX_LEN], bool big_endian);
void nt_rpc_syntax_write(uint8_t bytes[NT_RPC_SYNTAX_LEN], const struct nt_rpc_syntax *syntax,
                         bool big_endian);

/* p_cont_elem_t: what a bind or an alter_context proposes. */
struct nt_rpc_element {
    uint16_t id;
    uint8_t transfer_count;
    uint8_t reserved;
    struct nt_rpc_syntax abstract;
    const uint8_t *transfers; /* transfer_count times 20 bytes in the PDU's order */
};

/* p_result_t */
enum nt_rpc_result_code {
    NT_RESULT_ACCEPT = 0,
    NT_RESULT_USER_REJECT = 1,
    NT_RESULT_PROVIDER_REJECT = 2,
    NT_RESULT_NEGOTIATE_ACK = 3
};
enum nt_rpc_result_reason {
    NT_REASON_NONE = 0,
    NT_REASON_ABSTRACT_SYNTAX = 1,
    NT_REASON_TRANSFER_SYNTAX = 2,
    NT_REASON_LOCAL_LIMIT = 3
};
struct nt_rpc_result {
    uint16_t result;
    uint16_t reason; /* NEGOTIATE_ACK: the bitmask of features */
    struct nt_rpc_syntax transfer;
};

/* p_reject_reason_t, [C706] 12.6.4.5, [MS-RPCE] 2.2.2.5 */
enum nt_rpc_nak_reason {
    NT_NAK_NOT_SPECIFIED = 0,
    NT_NAK_CONGESTION = 1,
    NT_NAK_LOCAL_LIMIT = 2,
    NT_NAK_PADDR_UNKNOWN = 3,
    NT_NAK_VERSION = 4,
    NT_NAK_AUTH_TYPE = 8,
    NT_NAK_INVALID_CHECKSUM = 9
};

/* bind and alter_context */
struct nt_rpc_bind {
    uint16_t max_xmit, max_recv;
    uint32_t assoc_group;
    uint8_t count;
    struct nt_rpc_element elements[NT_RPC_MAX_ELEMENTS];
};

/* bind_ack and alter_context_resp */
struct nt_rpc_bind_ack {
    uint16_t max_xmit, max_recv;
    uint32_t assoc_group;
    uint16_t sec_addr_len;   /* with its NUL */
    const uint8_t *sec_addr; /* not terminated beyond what sec_addr_len counts */
    uint8_t count;
    struct nt_rpc_result results[NT_RPC_MAX_ELEMENTS];
};

struct nt_rpc_bind_nak {
    uint16_t reason;
    uint8_t version_count;
    const uint8_t *versions; /* major and minor each; NULL: the list is left out */
};

struct nt_rpc_request {
    uint32_t alloc_hint;
    uint16_t context_id;
    uint16_t opnum;
    struct nt_uuid object; /* with NT_PFC_OBJECT */
};

struct nt_rpc_response {
    uint32_t alloc_hint;
    uint16_t context_id;
    uint8_t cancel_count;
    uint8_t reserved;
};

struct nt_rpc_fault {
    uint32_t alloc_hint;
    uint16_t context_id;
    uint8_t cancel_count;
    uint8_t reserved; /* [MS-RPCE] 2.2.2.10: bit 0 says that extended information follows */
    uint32_t status;
    uint32_t reserved2;
};

/* sec_trailer and the token behind it, [MS-RPCE] 2.2.2.11 */
struct nt_rpc_verifier {
    bool present;
    uint8_t type;
    uint8_t level;
    uint8_t pad_len; /* bytes of `rest` that are padding */
    uint8_t reserved;
    uint32_t context_id;
    const uint8_t *trailer; /* as received: the 8 bytes */
    const uint8_t *token;
    size_t token_len;
};

struct nt_rpc_pdu {
    struct nt_rpc_header header;
    union {
        struct nt_rpc_bind bind;
        struct nt_rpc_bind_ack ack;
        struct nt_rpc_bind_nak nak;
        struct nt_rpc_request request;
        struct nt_rpc_response response;
        struct nt_rpc_fault fault;
    };
    /* What stands between the fields above and the verifier (or the end): the stub with its
     * padding for request and response; padding or nothing for the others. */
    const uint8_t *rest;
    size_t rest_len;
    struct nt_rpc_verifier auth;
};

/*
 * Reads one whole PDU; len is its frag_len. Only the members of its type are set.
 * NT_E_MALFORMED, NT_E_TRUNCATED; NT_E_LIMIT: more than NT_RPC_MAX_ELEMENTS;
 * NT_E_UNSUPPORTED: protocol version or PDU type.
 */
enum nt_err nt_rpc_pdu_read(struct nt_rpc_pdu *pdu, const uint8_t *data, size_t len) NT_MUST_USE;

/* Appends a PDU; frag_len and auth_len come out right whatever header says. A failure leaves the
 * reason in out->err (NT_E_LIMIT: longer than 65535 bytes). */
void nt_rpc_pdu_write(const struct nt_rpc_pdu *pdu, struct nt_buf *out);

#endif
