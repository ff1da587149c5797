/*
 * fixture.h - a toy security context (checksum and XOR, secure against nobody) in every style of
 * handshake, two toy interfaces, and a server and a client joined by bytes. For tests and fuzzers.
 */
#ifndef NT_TEST_RPC_FIXTURE_H
#define NT_TEST_RPC_FIXTURE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rpc/client.h"
#include "rpc/pdu.h"
#include "rpc/server.h"

#define FIXTURE __attribute__((unused)) static

/* --- the toy context --- */

#define TOY_TOKEN 16u

enum toy_style {
    TOY_TWO,   /* as the secure channel: one token each way */
    TOY_AUTH3, /* as NTLM: the client's second token ends it */
    TOY_ALTER  /* as SPNEGO: the server has the last word */
};

struct toy {
    struct nt_sec base;
    bool server;
    enum toy_style style;
    bool ask;   /* the server asks its owner before it is done */
    bool wrong; /* client: the second token is not right */
    int leg;    /* tokens taken */
    uint32_t sent, received;
    struct nt_secret key;
    struct nt_sec_question question;
    ntstatus status;
};

static int toy_live; /* contexts not freed yet */

static uint64_t toy_sum(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t toy_mac(const struct toy *t, uint32_t seq, bool from_server, bool sign_header,
                        const uint8_t *head, size_t head_len, const uint8_t *stub, size_t stub_len,
                        const uint8_t *trailer)
{
    uint8_t first[5] = { (uint8_t)from_server };
    nt_put_le32(first + 1, seq);
    uint64_t h = toy_sum(UINT64_C(0xcbf29ce484222325), t->key.b, t->key.len);
    h = toy_sum(h, first, sizeof first);
    if (sign_header)
        h = toy_sum(h, head, head_len);
    h = toy_sum(h, stub, stub_len);
    if (sign_header)
        h = toy_sum(h, trailer, 8);
    return h;
}

static void toy_seal(enum nt_auth_level level, uint8_t *stub, size_t len)
{
    for (size_t i = 0; level == NT_LEVEL_PRIVACY && i < len; i++)
        stub[i] ^= 0x5A;
}

static enum nt_err toy_protect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                               const uint8_t *head, size_t head_len, uint8_t *stub, size_t stub_len,
                               const uint8_t *trailer, uint8_t *token)
{
    struct toy *t = (struct toy *)s;
    nt_put_le64(token, toy_mac(t, t->sent++, t->server, sign_header, head, head_len, stub, stub_len,
                               trailer));
    nt_put_le64(token + 8, 0);
    toy_seal(level, stub, stub_len);
    return NT_OK;
}

static enum nt_err toy_unprotect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                 const uint8_t *head, size_t head_len, uint8_t *stub,
                                 size_t stub_len, const uint8_t *trailer, const uint8_t *token,
                                 size_t token_len)
{
    struct toy *t = (struct toy *)s;
    if (token_len != TOY_TOKEN)
        return NT_E_AUTH;
    toy_seal(level, stub, stub_len);
    uint64_t h =
        toy_mac(t, t->received, !t->server, sign_header, head, head_len, stub, stub_len, trailer);
    if (nt_le64(token) != h)
        return NT_E_AUTH;
    t->received++;
    return NT_OK;
}

static enum nt_sec_step toy_fail(struct toy *t, ntstatus st)
{
    t->status = st;
    return NT_SEC_FAILED;
}

static enum nt_sec_step toy_server_done(struct toy *t, struct nt_buf *out)
{
    if (t->style == TOY_TWO)
        nt_buf_put(out, "s-one", 5);
    else if (t->style == TOY_ALTER)
        nt_buf_put(out, "s-two", 5);
    return NT_SEC_DONE;
}

static enum nt_sec_step toy_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                 struct nt_buf *out)
{
    struct toy *t = (struct toy *)s;
    int leg = t->leg++;
    if (!t->server) {
        if (leg == 0) {
            nt_buf_put(out, "c-one", 5);
            return NT_SEC_CONTINUE;
        }
        if (leg == 1) {
            if (len != 5 || memcmp(in, "s-one", 5) != 0)
                return toy_fail(t, NT_STATUS(LOGON_FAILURE));
            if (t->style == TOY_TWO)
                return NT_SEC_DONE;
            nt_buf_put(out, t->wrong ? "c-bad" : "c-two", 5);
            return t->style == TOY_AUTH3 ? NT_SEC_DONE : NT_SEC_CONTINUE;
        }
        if (len != 5 || memcmp(in, "s-two", 5) != 0)
            return toy_fail(t, NT_STATUS(LOGON_FAILURE));
        return NT_SEC_DONE;
    }
    const char *want = leg == 0 ? "c-one" : "c-two";
    if (leg > 1 || len != 5 || memcmp(in, want, 5) != 0)
        return toy_fail(t, NT_STATUS(LOGON_FAILURE));
    if (leg == 0 && t->style != TOY_TWO) {
        nt_buf_put(out, "s-one", 5);
        return NT_SEC_CONTINUE;
    }
    if (!t->ask)
        return toy_server_done(t, out);
    t->question = (struct nt_sec_question){
        .type = NT_AUTH_NTLM, .domain = "EAST", .user = "alice", .computer = "PC1"
    };
    return NT_SEC_ASK;
}

static const struct nt_sec_question *toy_question(const struct nt_sec *s)
{
    return &((const struct toy *)s)->question;
}

static enum nt_sec_step toy_answer(struct nt_sec *s, const struct nt_sec_answer *a,
                                   struct nt_buf *out)
{
    struct toy *t = (struct toy *)s;
    if (!nt_status_ok(a->status))
        return toy_fail(t, a->status);
    return toy_server_done(t, out);
}

static size_t toy_token_size(const struct nt_sec *s, enum nt_auth_level level)
{
    (void)s;
    return level >= NT_LEVEL_PACKET ? TOY_TOKEN : 0;
}

static const struct nt_secret *toy_session_key(const struct nt_sec *s)
{
    return &((const struct toy *)s)->key;
}

static ntstatus toy_status(const struct nt_sec *s)
{
    return ((const struct toy *)s)->status;
}

static void toy_free(struct nt_sec *s)
{
    toy_live--;
    free(s);
}

static const struct nt_sec_ops toy_ops = {
    .step = toy_step,
    .question = toy_question,
    .answer = toy_answer,
    .token_size = toy_token_size,
    .protect = toy_protect,
    .unprotect = toy_unprotect,
    .session_key = toy_session_key,
    .status = toy_status,
    .free = toy_free,
};

FIXTURE struct toy *toy_new(bool server, enum toy_style style)
{
    struct toy *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->base.ops = &toy_ops;
    t->server = server;
    t->style = style;
    nt_secret_set(&t->key, "0123456789abcdef", 16);
    toy_live++;
    return t;
}

/* --- interfaces --- */

static const struct nt_ndr_interface toy_first = {
    .name = "first",
    .uuid = { 0x11111111, 0x2222, 0x3333, { 4, 4, 5, 5, 6, 6, 7, 7 } },
    .major = 1,
    .minor = 2,
};
static const struct nt_ndr_interface toy_second = {
    .name = "second",
    .uuid = { 0x99999999, 0x2222, 0x3333, { 4, 4, 5, 5, 6, 6, 7, 7 } },
    .major = 0,
};
static const struct nt_ndr_interface *const toy_ifaces[] = { &toy_first, &toy_second };

/* --- a server --- */

struct toy_owner {
    enum toy_style style; /* of NT_AUTH_NTLM: AUTH3; of SPNEGO: ALTER; of SCHANNEL: TWO */
    bool ask;
    int callers; /* brought in and not given back */
};

FIXTURE struct nt_sec *toy_make(void *ctx, enum nt_auth_type type)
{
    const struct toy_owner *o = ctx;
    enum toy_style style = type == NT_AUTH_SCHANNEL ? TOY_TWO
                           : type == NT_AUTH_NTLM   ? TOY_AUTH3
                                                    : TOY_ALTER;
    struct toy *t = toy_new(true, style);
    if (t == NULL)
        return NULL;
    t->ask = o->ask;
    return &t->base;
}

FIXTURE void toy_caller_free(void *ctx, void *caller)
{
    (void)caller;
    ((struct toy_owner *)ctx)->callers--;
}

FIXTURE struct nt_rpc_server *toy_server(struct toy_owner *o, const struct nt_rpc_limits *limits)
{
    const struct nt_rpc_server_config config = {
        .ifaces = toy_ifaces,
        .iface_count = NT_COUNT(toy_ifaces),
        .secondary_address = "49153",
        .assoc_group = 0x1234,
        .make_sec = toy_make,
        .ctx = o,
        .caller_free = toy_caller_free,
        .limits = limits != NULL ? *limits : nt_rpc_limits_default,
    };
    struct nt_rpc_server *m = nt_rpc_server_new(&config, 1000);
    assert(m != NULL);
    return m;
}

/* What the toy interfaces do: 0 echoes, 1 faults, 2 gives as many bytes as its argument says. */
FIXTURE void toy_serve(struct nt_rpc_server *s, const struct nt_rpc_event *ev)
{
    enum nt_err err = NT_OK;
    if (ev->opnum == 1) {
        err = nt_rpc_server_fault(s, ev->call_id, NT_FAULT_OP_RANGE);
    } else if (ev->opnum == 2 && ev->len >= 4) {
        size_t n = nt_le32(ev->stub) % 100000;
        static uint8_t big[100000];
        for (size_t i = 0; i < n; i++)
            big[i] = (uint8_t)(i * 7);
        err = nt_rpc_server_reply(s, ev->call_id, big, n);
    } else {
        err = nt_rpc_server_reply(s, ev->call_id, ev->stub, ev->len);
    }
    (void)err;
}

FIXTURE void toy_answer_ask(struct nt_rpc_server *s, struct toy_owner *o,
                            const struct nt_rpc_event *ev, ntstatus st)
{
    struct nt_sec_answer a = { .status = st, .caller = o };
    o->callers++;
    if (nt_rpc_server_answer(s, ev->ask_id, &a) != NT_OK)
        o->callers--;
}

/* --- PDUs by hand --- */

FIXTURE void pdu_begin(struct nt_rpc_pdu *p, uint8_t ptype, uint32_t call_id)
{
    memset(p, 0, sizeof *p);
    p->header.ptype = ptype;
    p->header.flags = NT_PFC_FIRST | NT_PFC_LAST;
    p->header.call_id = call_id;
}

FIXTURE void pdu_element(struct nt_rpc_pdu *p, uint16_t id, const struct nt_ndr_interface *iface,
                         const uint8_t *transfers, uint8_t count)
{
    struct nt_rpc_element *e = &p->bind.elements[p->bind.count++];
    e->id = id;
    e->abstract = (struct nt_rpc_syntax){ iface->uuid, iface->major, iface->minor };
    e->transfers = transfers;
    e->transfer_count = count;
}

/* NDR32 as it stands in a little-endian bind. */
static const uint8_t ndr32_le[20] = { 0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8,
                                      0x08, 0x00, 0x2b, 0x10, 0x48, 0x60, 0x02, 0,    0,    0 };

FIXTURE void pdu_bind(struct nt_rpc_pdu *p, uint8_t ptype, uint32_t call_id)
{
    pdu_begin(p, ptype, call_id);
    p->bind.max_xmit = p->bind.max_recv = 4280;
    pdu_element(p, 0, &toy_first, ndr32_le, 1);
}

FIXTURE void pdu_auth(struct nt_rpc_pdu *p, enum nt_auth_type type, enum nt_auth_level level,
                      uint32_t context_id, const char *token)
{
    p->auth = (struct nt_rpc_verifier){
        .present = true,
        .type = (uint8_t)type,
        .level = (uint8_t)level,
        .context_id = context_id,
        .token = (const uint8_t *)token,
        .token_len = strlen(token),
    };
}

#endif
