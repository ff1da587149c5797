/*
 * frag.c - PDUs out of a stream, and the protection of fragments. [C706] 12.6.3, [MS-RPCE]
 * 2.2.2.11-12, 3.3.1.5.2.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "rpc/rpc_internal.h"

/* What Samba and Windows pad protected stubs to; 4 is the least, [MS-RPCE] 2.2.2.11 */
#define AUTH_ALIGN 16u

void nt_rpc_block_free(struct nt_rpc_block *b)
{
    if (b != NULL)
        nt_wipe(b->data, b->len);
    free(b);
}

bool nt_rpc_reader_ready(const struct nt_rpc_reader *r)
{
    return r->block != NULL && r->have == r->block->len;
}

/* The header is complete: is the PDU worth its memory? */
static void begin_block(struct nt_rpc_reader *r, size_t max_frag)
{
    r->err = nt_rpc_header_read(r->head, &r->header);
    if (r->err == NT_OK && r->header.frag_len > max_frag)
        r->err = NT_E_LIMIT;
    if (r->err != NT_OK)
        return;
    r->block = malloc(sizeof *r->block + r->header.frag_len);
    if (r->block == NULL) {
        r->err = NT_E_NOMEM;
        return;
    }
    r->block->len = r->header.frag_len;
    memcpy(r->block->data, r->head, NT_RPC_HEADER_LEN);
}

size_t nt_rpc_reader_feed(struct nt_rpc_reader *r, size_t max_frag, const uint8_t *data, size_t len)
{
    size_t taken = 0;

    if (r->err != NT_OK || nt_rpc_reader_ready(r))
        return 0;
    if (r->have < NT_RPC_HEADER_LEN) {
        size_t n = NT_RPC_HEADER_LEN - r->have;
        n = n < len ? n : len;
        memcpy(r->head + r->have, data, n);
        r->have += n;
        taken = n;
        if (r->have < NT_RPC_HEADER_LEN)
            return taken;
        begin_block(r, max_frag);
        if (r->block == NULL)
            return taken;
    }
    size_t n = r->block->len - r->have;
    n = n < len - taken ? n : len - taken;
    memcpy(r->block->data + r->have, data + taken, n);
    r->have += n;
    return taken + n;
}

struct nt_rpc_block *nt_rpc_reader_take(struct nt_rpc_reader *r)
{
    struct nt_rpc_block *b = r->block;
    r->block = NULL;
    r->have = 0;
    return b;
}

void nt_rpc_reader_free(struct nt_rpc_reader *r)
{
    nt_rpc_block_free(r->block);
    r->block = NULL;
}

enum nt_auth_level nt_rpc_level(uint8_t wire)
{
    switch (wire) {
    case NT_LEVEL_CONNECT:
        return NT_LEVEL_CONNECT;
    case NT_LEVEL_CALL: /* connection-oriented transports have no CALL, [MS-RPCE] 2.2.1.1.8 */
    case NT_LEVEL_PACKET:
        return NT_LEVEL_PACKET;
    case NT_LEVEL_INTEGRITY:
        return NT_LEVEL_INTEGRITY;
    case NT_LEVEL_PRIVACY:
        return NT_LEVEL_PRIVACY;
    default:
        return NT_LEVEL_NONE;
    }
}

bool nt_rpc_protects(const struct nt_rpc_protection *p)
{
    return p != NULL && p->level >= NT_LEVEL_PACKET;
}

bool nt_rpc_same_context(const struct nt_rpc_protection *p, const struct nt_rpc_verifier *v)
{
    return v->present && v->type == p->type && nt_rpc_level(v->level) == p->level &&
           v->context_id == p->context_id;
}

enum nt_err nt_rpc_frag_open(struct nt_rpc_pdu *pdu, uint8_t *data,
                             const struct nt_rpc_protection *p)
{
    const struct nt_rpc_verifier *v = &pdu->auth;

    if (!v->present)
        return nt_rpc_protects(p) ? NT_E_MALFORMED : NT_OK;
    if (p == NULL || !nt_rpc_same_context(p, v))
        return NT_E_MALFORMED;
    if (nt_rpc_protects(p)) {
        size_t head_len = (size_t)(pdu->rest - data);
        enum nt_err err = p->sec->ops->unprotect(p->sec, p->level, p->sign_header, data, head_len,
                                                 data + head_len, pdu->rest_len, v->trailer,
                                                 v->token, v->token_len);
        if (err != NT_OK)
            return err;
    }
    pdu->rest_len -= v->pad_len; /* nt_rpc_pdu_read saw that it fits */
    return NT_OK;
}

/* One fragment of n bytes of stub; the PDU's header already says everything but lengths. */
static enum nt_err frag_write(struct nt_buf *out, struct nt_rpc_pdu *pdu, const uint8_t *stub,
                              size_t n, size_t token_len, const struct nt_rpc_protection *p)
{
    size_t start = out->len;
    pdu->rest = stub;
    pdu->rest_len = n;
    nt_rpc_pdu_write(pdu, out);
    if (token_len == 0)
        return out->err;

    size_t pad = (AUTH_ALIGN - n % AUTH_ALIGN) % AUTH_ALIGN;
    nt_buf_zero(out, pad);
    nt_buf_u8(out, p->type);
    nt_buf_u8(out, (uint8_t)p->level);
    nt_buf_u8(out, (uint8_t)pad);
    nt_buf_u8(out, 0);
    nt_buf_u32le(out, p->context_id);
    nt_buf_zero(out, token_len);
    if (out->err != NT_OK)
        return out->err;
    uint8_t *frag = out->data + start;
    nt_put_le16(frag + 8, (uint16_t)(out->len - start));
    nt_put_le16(frag + 10, (uint16_t)token_len);
    uint8_t *trailer = frag + NT_RPC_HEAD_LEN + n + pad;
    return p->sec->ops->protect(p->sec, p->level, p->sign_header, frag, NT_RPC_HEAD_LEN,
                                frag + NT_RPC_HEAD_LEN, n + pad, trailer,
                                trailer + NT_RPC_TRAILER_LEN);
}

enum nt_err nt_rpc_frags_write(struct nt_buf *out, struct nt_rpc_pdu *pdu, const uint8_t *stub,
                               size_t len, size_t max_frag, const struct nt_rpc_protection *p)
{
    size_t token_len = nt_rpc_protects(p) ? p->sec->ops->token_size(p->sec, p->level) : 0;
    size_t around = NT_RPC_HEAD_LEN + (token_len > 0 ? NT_RPC_TRAILER_LEN + token_len : 0);
    size_t begin = out->len;

    assert(max_frag >= NT_RPC_MUST_RECV && max_frag <= UINT16_MAX);
    assert((pdu->header.flags & NT_PFC_OBJECT) == 0);
    if (around + AUTH_ALIGN > max_frag || len > UINT32_MAX)
        return NT_E_LIMIT;
    size_t room = (max_frag - around) / AUTH_ALIGN * AUTH_ALIGN;
    size_t count = len / room + 1;
    /* All the memory at once. */
    if (nt_buf_extend(out, len + count * (around + AUTH_ALIGN)) == NULL)
        return out->err;
    out->len = begin;

    pdu->auth.present = false;
    uint8_t keep = pdu->header.flags & (uint8_t) ~(NT_PFC_FIRST | NT_PFC_LAST);
    size_t done = 0;
    do {
        size_t n = len - done < room ? len - done : room;
        unsigned ends = (done == 0 ? NT_PFC_FIRST : 0) | (done + n == len ? NT_PFC_LAST : 0);
        pdu->header.flags = (uint8_t)(keep | ends);
        /* alloc_hint stands first in requests and responses alike. */
        if (pdu->header.ptype == NT_PT_REQUEST)
            pdu->request.alloc_hint = (uint32_t)(len - done);
        else
            pdu->response.alloc_hint = (uint32_t)(len - done);
        enum nt_err err = frag_write(out, pdu, stub != NULL ? stub + done : NULL, n, token_len, p);
        if (err != NT_OK) {
            out->len = begin; /* nothing half-written is ever sent */
            return err;
        }
        done += n;
    } while (done < len);
    return NT_OK;
}

size_t nt_rpc_out_pending(const struct nt_rpc_out *o, const uint8_t **data)
{
    *data = o->buf.data != NULL ? o->buf.data + o->sent : NULL;
    return o->buf.len - o->sent;
}

void nt_rpc_out_sent(struct nt_rpc_out *o, size_t len)
{
    assert(len <= o->buf.len - o->sent);
    o->sent += len;
    if (o->sent < o->buf.len)
        return;
    nt_buf_free(&o->buf); /* an idle association holds no buffers */
    o->sent = 0;
}
