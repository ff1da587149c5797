/*
 * rpc_internal.h - what the server and the client machine share: PDUs out of a stream, protection
 * of fragments, bytes to send. Seen by the files of this folder only.
 */
#ifndef NT_RPC_INTERNAL_H
#define NT_RPC_INTERNAL_H

#include "base/buf.h"
#include "rpc/pdu.h"
#include "rpc/sec.h"

#define NT_RPC_NEVER    UINT64_MAX
#define NT_RPC_OUT_MAX  ((size_t)256 * 1024 * 1024) /* bytes waiting to be sent */
#define NT_RPC_HEAD_LEN 24u /* header and fields of a request or a response */

/* One whole PDU as received; decrypted in place. */
struct nt_rpc_block {
    size_t len;
    uint8_t data[];
};
void nt_rpc_block_free(struct nt_rpc_block *b); /* wipes; NULL is fine */

/* Cuts the stream into PDUs. Memory is taken only for a PDU whose header was read and passed. */
struct nt_rpc_reader {
    uint8_t head[NT_RPC_HEADER_LEN];
    size_t have;                 /* bytes of the current PDU so far */
    struct nt_rpc_header header; /* once have >= NT_RPC_HEADER_LEN */
    struct nt_rpc_block *block;
    enum nt_err err; /* the stream is of no use any more: as nt_rpc_header_read, or NT_E_LIMIT
                        (longer than max_frag), NT_E_NOMEM */
};
/* Takes bytes up to the end of the current PDU, and none while one is ready or after an error. */
size_t nt_rpc_reader_feed(struct nt_rpc_reader *r, size_t max_frag, const uint8_t *data,
                          size_t len);
bool nt_rpc_reader_ready(const struct nt_rpc_reader *r);
struct nt_rpc_block *nt_rpc_reader_take(struct nt_rpc_reader *r); /* the caller frees it */
void nt_rpc_reader_free(struct nt_rpc_reader *r);

/* How the fragments of a security context are protected. */
struct nt_rpc_protection {
    struct nt_sec *sec;
    uint8_t type;             /* enum nt_auth_type */
    enum nt_auth_level level; /* CALL is PACKET here */
    uint32_t context_id;
    bool sign_header;
};
/* The level as it is applied; NT_LEVEL_NONE for a number that is no level of a context. */
enum nt_auth_level nt_rpc_level(uint8_t wire);
bool nt_rpc_protects(const struct nt_rpc_protection *p); /* NULL: no */
/* The verifier names this very context, type and level. */
bool nt_rpc_same_context(const struct nt_rpc_protection *p, const struct nt_rpc_verifier *v);

/*
 * Checks and decrypts a received fragment in place and takes the padding off pdu->rest. data: the
 * PDU's bytes, that pdu was read from. NT_E_MALFORMED: no verifier where there must be one, or
 * that of another context, type or level (CVE-2021-23192); NT_E_AUTH: not the right signature.
 */
enum nt_err nt_rpc_frag_open(struct nt_rpc_pdu *pdu, uint8_t *data,
                             const struct nt_rpc_protection *p) NT_MUST_USE;

/*
 * Appends a request or response in as many fragments as max_frag asks for, protected by p (NULL:
 * not at all). pdu: header and fields of the first; flags, alloc_hint and lengths are set here.
 */
enum nt_err nt_rpc_frags_write(struct nt_buf *out, struct nt_rpc_pdu *pdu, const uint8_t *stub,
                               size_t len, size_t max_frag,
                               const struct nt_rpc_protection *p) NT_MUST_USE;

/* Bytes to send: appended at the end, sent from the front, no memory while empty. */
struct nt_rpc_out {
    struct nt_buf buf;
    size_t sent;
};
size_t nt_rpc_out_pending(const struct nt_rpc_out *o, const uint8_t **data);
void nt_rpc_out_sent(struct nt_rpc_out *o, size_t len);

/* The verification trailer behind a request's stub, [MS-RPCE] 2.2.2.13. */
struct nt_rpc_vt {
    bool client_signs_header; /* the client offered header signing in its bind */
    struct nt_rpc_syntax abstract, transfer;
    /* what header2 repeats */
    uint8_t ptype;
    uint8_t drep[4];
    uint32_t call_id;
    uint16_t context_id, opnum;
};
/* Appends alignment and a trailer of bitmask and pcontext; `stub` is the call's stub from its
 * beginning. */
void nt_rpc_vt_write(struct nt_buf *stub, const struct nt_rpc_vt *vt);
/* NT_OK also when there is none; NT_E_DENIED when it contradicts the connection or cannot be
 * understood. */
enum nt_err nt_rpc_vt_check(const uint8_t *stub, size_t len,
                            const struct nt_rpc_vt *expect) NT_MUST_USE;

#endif
