/*
 * sec_support.h - drives security contexts in tests: an environment that hands out chosen bytes,
 * steps with hexadecimal tokens, PDUs cut into the parts that protect and unprotect take.
 */
#ifndef NT_TESTS_RPC_SEC_SUPPORT_H
#define NT_TESTS_RPC_SEC_SUPPORT_H

#include <stdlib.h>

#include "../crypto/support.h"

#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "rpc/sec.h"
#include "rpc/sec_ntlm.h"
#include "rpc/sec_schannel.h"
#include "rpc/sec_spnego.h"

/* Gives out `bytes` first, then test_random's. */
struct script {
    nt_time now;
    uint8_t bytes[64];
    size_t len, used;
};

static inline nt_time script_now(void *ctx)
{
    return ((struct script *)ctx)->now;
}

static inline void script_random(void *ctx, void *to, size_t len)
{
    struct script *s = ctx;
    if (s->used + len <= s->len) {
        memcpy(to, s->bytes + s->used, len);
        s->used += len;
    } else {
        test_random(NULL, to, len);
    }
}

static inline struct nt_buf new_buf(void)
{
    struct nt_buf b;
    nt_buf_init(&b, 65536);
    return b;
}

/* Steps with an exact heap copy, so that a read past the end is noticed. `out` is emptied first. */
static inline enum nt_sec_step step_bytes(struct nt_sec *s, const uint8_t *in, size_t len,
                                          struct nt_buf *out)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    if (len > 0)
        memcpy(exact, in, len);
    nt_buf_clear(out);
    enum nt_sec_step step = s->ops->step(s, exact, len, out);
    free(exact);
    return step;
}

static inline enum nt_sec_step step_hex(struct nt_sec *s, const char *hex, struct nt_buf *out)
{
    uint8_t data[2048];
    return step_bytes(s, data, from_hex(hex, data, sizeof data), out);
}

/* The owner of a server context: knows one NT hash for everybody. */
static inline enum nt_sec_step answer_with(struct nt_sec *s, const struct nt_secret *nt_hash,
                                           struct nt_buf *out)
{
    const struct nt_sec_question *q = s->ops->question(s);
    struct nt_sec_answer a = { .status = NT_STATUS(SUCCESS) };

    assert_non_null(q);
    if (!q->anonymous && nt_ntlmv2_verify(nt_hash, q->user, q->domain, q->challenge, q->nt,
                                          q->nt_len, &a.key) != NT_OK)
        a.status = NT_STATUS(WRONG_PASSWORD);
    nt_buf_clear(out);
    return s->ops->answer(s, &a, out);
}

/* A PDU cut up. Both kinds here have 24 bytes before the stub. */
struct cut {
    uint8_t bytes[4096];
    size_t len, token_len, stub_len;
    uint8_t *head, *stub, *trailer, *token;
};

static inline void cut_pdu(const char *hex, struct cut *c)
{
    c->len = from_hex(hex, c->bytes, sizeof c->bytes);
    c->token_len = nt_le16(c->bytes + 10);
    c->stub_len = c->len - 24 - 8 - c->token_len;
    c->head = c->bytes;
    c->stub = c->bytes + 24;
    c->trailer = c->stub + c->stub_len;
    c->token = c->trailer + 8;
}

static inline enum nt_err open_pdu(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                   struct cut *c)
{
    return s->ops->unprotect(s, level, sign_header, c->head, 24, c->stub, c->stub_len, c->trailer,
                             c->token, c->token_len);
}

/* One message from a to b; true when it arrives as it was. */
static inline bool carry(struct nt_sec *a, struct nt_sec *b, enum nt_auth_level level,
                         bool sign_header, size_t len)
{
    uint8_t head[24] = { 5, 0, 0, 3 }, trailer[8] = { 10, 6 }, stub[256], copy[256], token[64];
    size_t token_len = a->ops->token_size(a, level);

    assert_true(len <= sizeof stub && token_len <= sizeof token);
    test_random(NULL, stub, sizeof stub);
    memcpy(copy, stub, sizeof copy);
    if (a->ops->protect(a, level, sign_header, head, 24, stub, len, trailer, token) != NT_OK)
        return false;
    if (level == NT_LEVEL_PRIVACY && len >= 8)
        assert_memory_not_equal(stub, copy, len);
    return b->ops->unprotect(b, level, sign_header, head, 24, stub, len, trailer, token,
                             token_len) == NT_OK &&
           memcmp(stub, copy, sizeof copy) == 0;
}

static inline void end(struct nt_sec *s)
{
    s->ops->free(s);
}

#endif
