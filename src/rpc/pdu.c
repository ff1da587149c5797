#include "rpc/pdu.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"

const struct nt_rpc_syntax nt_rpc_ndr32 = {
    .uuid = { 0x8a885d04, 0x1ceb, 0x11c9, { 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60 } },
    .major = 2,
};

/* A PDU is in its sender's byte order. */
struct reader {
    struct nt_cursor c;
    bool big;
};

struct writer {
    struct nt_buf *b;
    size_t start; /* of the PDU in b */
    bool big;
};

static uint16_t get16(struct reader *r)
{
    return r->big ? nt_cursor_u16be(&r->c) : nt_cursor_u16le(&r->c);
}

static uint32_t get32(struct reader *r)
{
    return r->big ? nt_cursor_u32be(&r->c) : nt_cursor_u32le(&r->c);
}

static void put16(struct writer *w, uint16_t v)
{
    if (w->big)
        nt_buf_u16be(w->b, v);
    else
        nt_buf_u16le(w->b, v);
}

static void put32(struct writer *w, uint32_t v)
{
    if (w->big)
        nt_buf_u32be(w->b, v);
    else
        nt_buf_u32le(w->b, v);
}

static void put_align(struct writer *w, size_t to)
{
    nt_buf_zero(w->b, (to - (w->b->len - w->start) % to) % to);
}

/* Syntaxes. */

struct nt_rpc_syntax nt_rpc_syntax_read(const uint8_t bytes[NT_RPC_SYNTAX_LEN], bool big_endian)
{
    struct nt_rpc_syntax s;
    uint32_t version = big_endian ? nt_be32(bytes + 16) : nt_le32(bytes + 16);

    s.uuid.a = big_endian ? nt_be32(bytes) : nt_le32(bytes);
    s.uuid.b = big_endian ? nt_be16(bytes + 4) : nt_le16(bytes + 4);
    s.uuid.c = big_endian ? nt_be16(bytes + 6) : nt_le16(bytes + 6);
    memcpy(s.uuid.d, bytes + 8, 8);
    s.major = (uint16_t)version; /* the major version is the low half, [C706] 12.6.3.1 */
    s.minor = (uint16_t)(version >> 16);
    return s;
}

static void uuid_write(uint8_t bytes[16], const struct nt_uuid *u, bool big_endian)
{
    if (big_endian) {
        nt_put_be32(bytes, u->a);
        nt_put_be16(bytes + 4, u->b);
        nt_put_be16(bytes + 6, u->c);
    } else {
        nt_put_le32(bytes, u->a);
        nt_put_le16(bytes + 4, u->b);
        nt_put_le16(bytes + 6, u->c);
    }
    memcpy(bytes + 8, u->d, 8);
}

void nt_rpc_syntax_write(uint8_t bytes[NT_RPC_SYNTAX_LEN], const struct nt_rpc_syntax *syntax,
                         bool big_endian)
{
    uint32_t version = (uint32_t)syntax->minor << 16 | syntax->major;

    uuid_write(bytes, &syntax->uuid, big_endian);
    if (big_endian)
        nt_put_be32(bytes + 16, version);
    else
        nt_put_le32(bytes + 16, version);
}

bool nt_rpc_syntax_equal(const struct nt_rpc_syntax *a, const struct nt_rpc_syntax *b)
{
    return nt_uuid_equal(&a->uuid, &b->uuid) && a->major == b->major && a->minor == b->minor;
}

static struct nt_rpc_syntax syntax_get(struct reader *r)
{
    const uint8_t *p = nt_cursor_take(&r->c, NT_RPC_SYNTAX_LEN);
    if (p == NULL)
        return (struct nt_rpc_syntax){ .major = 0 };
    return nt_rpc_syntax_read(p, r->big);
}

static void syntax_put(struct writer *w, const struct nt_rpc_syntax *syntax)
{
    uint8_t *p = nt_buf_extend(w->b, NT_RPC_SYNTAX_LEN);
    if (p != NULL)
        nt_rpc_syntax_write(p, syntax, w->big);
}

/* The common header. */

enum nt_err nt_rpc_header_read(const uint8_t bytes[NT_RPC_HEADER_LEN], struct nt_rpc_header *h)
{
    h->minor = bytes[1];
    h->ptype = bytes[2];
    h->flags = bytes[3];
    h->big_endian = (bytes[4] & 0xF0) == 0;
    h->frag_len = h->big_endian ? nt_be16(bytes + 8) : nt_le16(bytes + 8);
    h->auth_len = h->big_endian ? nt_be16(bytes + 10) : nt_le16(bytes + 10);
    h->call_id = h->big_endian ? nt_be32(bytes + 12) : nt_le32(bytes + 12);
    if (bytes[0] != 5 || bytes[1] > 1)
        return NT_E_UNSUPPORTED;
    /* Data representation, [C706] 14.2.5: integers either way, ASCII, IEEE. */
    if ((bytes[4] & 0xEF) != 0 || bytes[5] != 0)
        return NT_E_MALFORMED;
    size_t verifier = h->auth_len > 0 ? (size_t)h->auth_len + NT_RPC_TRAILER_LEN : 0;
    if (h->frag_len < NT_RPC_HEADER_LEN + verifier)
        return NT_E_MALFORMED;
    return NT_OK;
}

static void header_put(struct writer *w, const struct nt_rpc_header *h, size_t auth_len)
{
    nt_buf_u8(w->b, 5);
    nt_buf_u8(w->b, h->minor);
    nt_buf_u8(w->b, h->ptype);
    nt_buf_u8(w->b, h->flags);
    nt_buf_u32le(w->b, h->big_endian ? 0 : 0x10);
    put16(w, 0); /* frag_len: known at the end */
    put16(w, (uint16_t)auth_len);
    put32(w, h->call_id);
}

/* bind, alter_context: [C706] 12.6.4.3, 12.6.4.1 */

static void bind_get(struct reader *r, struct nt_rpc_bind *b)
{
    b->max_xmit = get16(r);
    b->max_recv = get16(r);
    b->assoc_group = get32(r);
    b->count = nt_cursor_u8(&r->c);
    nt_cursor_skip(&r->c, 3);
    if (b->count > NT_RPC_MAX_ELEMENTS) {
        nt_cursor_fail(&r->c, NT_E_LIMIT);
        b->count = 0;
    }
    for (size_t i = 0; r->c.err == NT_OK && i < b->count; i++) {
        struct nt_rpc_element *e = &b->elements[i];
        e->id = get16(r);
        e->transfer_count = nt_cursor_u8(&r->c);
        e->reserved = nt_cursor_u8(&r->c);
        e->abstract = syntax_get(r);
        e->transfers = nt_cursor_take(&r->c, (size_t)e->transfer_count * NT_RPC_SYNTAX_LEN);
    }
}

static void bind_put(struct writer *w, const struct nt_rpc_bind *b)
{
    put16(w, b->max_xmit);
    put16(w, b->max_recv);
    put32(w, b->assoc_group);
    nt_buf_u8(w->b, b->count);
    nt_buf_zero(w->b, 3);
    for (size_t i = 0; i < b->count; i++) {
        const struct nt_rpc_element *e = &b->elements[i];
        put16(w, e->id);
        nt_buf_u8(w->b, e->transfer_count);
        nt_buf_u8(w->b, e->reserved);
        syntax_put(w, &e->abstract);
        nt_buf_put(w->b, e->transfers, (size_t)e->transfer_count * NT_RPC_SYNTAX_LEN);
    }
}

/* bind_ack, alter_context_resp: [C706] 12.6.4.4, 12.6.4.2 */

static void ack_get(struct reader *r, struct nt_rpc_bind_ack *a)
{
    a->max_xmit = get16(r);
    a->max_recv = get16(r);
    a->assoc_group = get32(r);
    a->sec_addr_len = get16(r);
    if (a->sec_addr_len > NT_RPC_MAX_SEC_ADDR)
        nt_cursor_fail(&r->c, NT_E_LIMIT);
    a->sec_addr = nt_cursor_take(&r->c, a->sec_addr_len);
    nt_cursor_align(&r->c, 4);
    a->count = nt_cursor_u8(&r->c);
    nt_cursor_skip(&r->c, 3);
    if (a->count > NT_RPC_MAX_ELEMENTS) {
        nt_cursor_fail(&r->c, NT_E_LIMIT);
        a->count = 0;
    }
    for (size_t i = 0; r->c.err == NT_OK && i < a->count; i++) {
        a->results[i].result = get16(r);
        a->results[i].reason = get16(r);
        a->results[i].transfer = syntax_get(r);
    }
}

static void ack_put(struct writer *w, const struct nt_rpc_bind_ack *a)
{
    put16(w, a->max_xmit);
    put16(w, a->max_recv);
    put32(w, a->assoc_group);
    put16(w, a->sec_addr_len);
    nt_buf_put(w->b, a->sec_addr, a->sec_addr_len);
    put_align(w, 4);
    nt_buf_u8(w->b, a->count);
    nt_buf_zero(w->b, 3);
    for (size_t i = 0; i < a->count; i++) {
        put16(w, a->results[i].result);
        put16(w, a->results[i].reason);
        syntax_put(w, &a->results[i].transfer);
    }
}

/* bind_nak: [C706] 12.6.4.5 */

static void nak_get(struct reader *r, struct nt_rpc_bind_nak *n)
{
    n->reason = get16(r);
    n->version_count = 0;
    n->versions = NULL;
    if (nt_cursor_left(&r->c) == 0) /* some leave the list of versions out */
        return;
    n->version_count = nt_cursor_u8(&r->c);
    n->versions = nt_cursor_take(&r->c, 2 * (size_t)n->version_count);
}

static void nak_put(struct writer *w, const struct nt_rpc_bind_nak *n)
{
    put16(w, n->reason);
    if (n->versions == NULL)
        return;
    nt_buf_u8(w->b, n->version_count);
    nt_buf_put(w->b, n->versions, 2 * (size_t)n->version_count);
}

/* request, response, fault: [C706] 12.6.4.9, 12.6.4.10, 12.6.4.7 */

static void request_get(struct reader *r, uint8_t flags, struct nt_rpc_request *q)
{
    q->alloc_hint = get32(r);
    q->context_id = get16(r);
    q->opnum = get16(r);
    if ((flags & NT_PFC_OBJECT) == 0)
        return;
    const uint8_t *p = nt_cursor_take(&r->c, 16);
    if (p == NULL)
        return;
    q->object.a = r->big ? nt_be32(p) : nt_le32(p);
    q->object.b = r->big ? nt_be16(p + 4) : nt_le16(p + 4);
    q->object.c = r->big ? nt_be16(p + 6) : nt_le16(p + 6);
    memcpy(q->object.d, p + 8, 8);
}

static void request_put(struct writer *w, uint8_t flags, const struct nt_rpc_request *q)
{
    put32(w, q->alloc_hint);
    put16(w, q->context_id);
    put16(w, q->opnum);
    if ((flags & NT_PFC_OBJECT) == 0)
        return;
    uint8_t *p = nt_buf_extend(w->b, 16);
    if (p != NULL)
        uuid_write(p, &q->object, w->big);
}

static void response_get(struct reader *r, struct nt_rpc_response *s)
{
    s->alloc_hint = get32(r);
    s->context_id = get16(r);
    s->cancel_count = nt_cursor_u8(&r->c);
    s->reserved = nt_cursor_u8(&r->c);
}

static void response_put(struct writer *w, const struct nt_rpc_response *s)
{
    put32(w, s->alloc_hint);
    put16(w, s->context_id);
    nt_buf_u8(w->b, s->cancel_count);
    nt_buf_u8(w->b, s->reserved);
}

static void fault_get(struct reader *r, struct nt_rpc_fault *f)
{
    f->alloc_hint = get32(r);
    f->context_id = get16(r);
    f->cancel_count = nt_cursor_u8(&r->c);
    f->reserved = nt_cursor_u8(&r->c);
    f->status = get32(r);
    f->reserved2 = get32(r);
}

static void fault_put(struct writer *w, const struct nt_rpc_fault *f)
{
    put32(w, f->alloc_hint);
    put16(w, f->context_id);
    nt_buf_u8(w->b, f->cancel_count);
    nt_buf_u8(w->b, f->reserved);
    put32(w, f->status);
    put32(w, f->reserved2);
}

/* sec_trailer: [MS-RPCE] 2.2.2.11 */

static void verifier_read(const uint8_t *p, bool big, size_t token_len, struct nt_rpc_verifier *v)
{
    v->present = true;
    v->trailer = p;
    v->type = p[0];
    v->level = p[1];
    v->pad_len = p[2];
    v->reserved = p[3];
    v->context_id = big ? nt_be32(p + 4) : nt_le32(p + 4);
    v->token = p + NT_RPC_TRAILER_LEN;
    v->token_len = token_len;
}

static void verifier_put(struct writer *w, const struct nt_rpc_verifier *v)
{
    nt_buf_u8(w->b, v->type);
    nt_buf_u8(w->b, v->level);
    nt_buf_u8(w->b, v->pad_len);
    nt_buf_u8(w->b, v->reserved);
    put32(w, v->context_id);
    nt_buf_put(w->b, v->token, v->token_len);
}

/* Fields of the PDU's own type; false for a type that is none. */
static bool body_get(struct reader *r, struct nt_rpc_pdu *pdu)
{
    switch (pdu->header.ptype) {
    case NT_PT_REQUEST:
        request_get(r, pdu->header.flags, &pdu->request);
        return true;
    case NT_PT_RESPONSE:
        response_get(r, &pdu->response);
        return true;
    case NT_PT_FAULT:
        fault_get(r, &pdu->fault);
        return true;
    case NT_PT_BIND:
    case NT_PT_ALTER:
        bind_get(r, &pdu->bind);
        return true;
    case NT_PT_BIND_ACK:
    case NT_PT_ALTER_RESP:
        ack_get(r, &pdu->ack);
        return true;
    case NT_PT_BIND_NAK:
        nak_get(r, &pdu->nak);
        return true;
    case NT_PT_AUTH3:
    case NT_PT_SHUTDOWN:
    case NT_PT_CO_CANCEL:
    case NT_PT_ORPHANED:
        return true;
    default:
        return false;
    }
}

static bool body_put(struct writer *w, const struct nt_rpc_pdu *pdu)
{
    switch (pdu->header.ptype) {
    case NT_PT_REQUEST:
        request_put(w, pdu->header.flags, &pdu->request);
        return true;
    case NT_PT_RESPONSE:
        response_put(w, &pdu->response);
        return true;
    case NT_PT_FAULT:
        fault_put(w, &pdu->fault);
        return true;
    case NT_PT_BIND:
    case NT_PT_ALTER:
        bind_put(w, &pdu->bind);
        return true;
    case NT_PT_BIND_ACK:
    case NT_PT_ALTER_RESP:
        ack_put(w, &pdu->ack);
        return true;
    case NT_PT_BIND_NAK:
        nak_put(w, &pdu->nak);
        return true;
    case NT_PT_AUTH3:
    case NT_PT_SHUTDOWN:
    case NT_PT_CO_CANCEL:
    case NT_PT_ORPHANED:
        return true;
    default:
        return false;
    }
}

enum nt_err nt_rpc_pdu_read(struct nt_rpc_pdu *pdu, const uint8_t *data, size_t len)
{
    struct nt_rpc_header *h = &pdu->header;

    pdu->auth = (struct nt_rpc_verifier){ .present = false };
    pdu->rest = NULL;
    pdu->rest_len = 0;
    if (len < NT_RPC_HEADER_LEN)
        return NT_E_TRUNCATED;
    enum nt_err err = nt_rpc_header_read(data, h);
    if (err != NT_OK)
        return err;
    if (h->frag_len != len)
        return NT_E_MALFORMED;

    size_t body_end = len; /* where the verifier begins, or the PDU ends */
    if (h->auth_len > 0) {
        body_end = len - h->auth_len - NT_RPC_TRAILER_LEN;
        verifier_read(data + body_end, h->big_endian, h->auth_len, &pdu->auth);
    }
    struct reader r = { .big = h->big_endian };
    nt_cursor_init(&r.c, data, body_end);
    nt_cursor_skip(&r.c, NT_RPC_HEADER_LEN);
    if (!body_get(&r, pdu))
        return NT_E_UNSUPPORTED;
    if (r.c.err != NT_OK)
        return r.c.err;
    pdu->rest = data + r.c.pos;
    pdu->rest_len = body_end - r.c.pos;
    if (pdu->auth.present && pdu->auth.pad_len > pdu->rest_len)
        return NT_E_MALFORMED;
    return NT_OK;
}

void nt_rpc_pdu_write(const struct nt_rpc_pdu *pdu, struct nt_buf *out)
{
    struct writer w = { .b = out, .start = out->len, .big = pdu->header.big_endian };
    size_t auth_len = pdu->auth.present ? pdu->auth.token_len : 0; /* 0: no verifier at all */

    if (auth_len > UINT16_MAX)
        nt_buf_fail(out, NT_E_LIMIT);
    header_put(&w, &pdu->header, auth_len);
    if (!body_put(&w, pdu))
        nt_buf_fail(out, NT_E_UNSUPPORTED);
    nt_buf_put(out, pdu->rest, pdu->rest_len);
    if (auth_len > 0)
        verifier_put(&w, &pdu->auth);
    if (out->err != NT_OK)
        return;
    size_t len = out->len - w.start;
    if (len > UINT16_MAX) {
        nt_buf_fail(out, NT_E_LIMIT);
        return;
    }
    uint8_t *frag_len = out->data + w.start + 8;
    if (w.big)
        nt_put_be16(frag_len, (uint16_t)len);
    else
        nt_put_le16(frag_len, (uint16_t)len);
}
