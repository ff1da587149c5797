/*
 * fixture.h - a domain in memory and a caller of its interfaces, for the tests and fuzzers of
 * src/service: calls go as stubs through nt_service_serve and come back decoded. Header only, since
 * fuzz targets are built from one file.
 */
#ifndef NT_TESTS_SERVICE_FIXTURE_H
#define NT_TESTS_SERVICE_FIXTURE_H

#include <assert.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/utf16.h"
#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "domain/ops.h"
#include "idl/dssetup.h"
#include "idl/epm.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "idl/srvsvc.h"
#include "idl/wkssvc.h"
#include "service/chains.h"
#include "service/lockouts.h"
#include "service/logon.h"
#include "service/service.h"

#define FIX __attribute__((unused)) static

struct fix {
    nt_time now;
    uint64_t seed;
    struct nt_env env;
    struct nt_engine *engine;
    struct nt_service service;
    struct nt_conn *conn;
    struct nt_arena arena; /* arguments and answers of a test */
    struct nt_call *resumed;
    struct nt_ask *asked;
    struct nt_forward *forwarded; /* the last one */
    void (*forward)(struct fix *f, struct nt_forward *fwd);
    sem_t *wake; /* the engine has a thread of its own: wait for it */
};

/* How a call is made. */
struct how {
    enum nt_auth_type type;
    enum nt_auth_level level;
    struct nt_token *token; /* NULL: anonymous */
    const struct nt_secret *session_key;
    enum nt_transport transport;
    bool is_signed, is_encrypted; /* the SMB session under a pipe */
};
static const struct how fix_plain = { .type = NT_AUTH_NONE, .level = NT_LEVEL_NONE };

/* Over a pipe without a security context of its own, as most clients call. */
FIX struct how fix_pipe(struct nt_token *token, const struct nt_secret *session_key)
{
    return (struct how){ .type = NT_AUTH_NONE,
                         .level = NT_LEVEL_NONE,
                         .token = token,
                         .session_key = session_key,
                         .transport = NT_TRANSPORT_PIPE,
                         .is_signed = token != NULL };
}

FIX nt_time fix_now(void *ctx)
{
    return ((struct fix *)ctx)->now;
}

FIX void fix_random(void *ctx, void *to, size_t len)
{
    struct fix *f = ctx;
    uint8_t *p = to;
    for (size_t i = 0; i < len; i++) {
        f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(f->seed >> 56);
    }
}

/* --- changes --- */

struct fix_wish {
    struct nt_wish wish;
    ntstatus (*fn)(struct nt_txn *txn, void *ctx);
    void *ctx;
};

FIX ntstatus fix_wish_decide(struct nt_wish *wish, struct nt_txn *txn)
{
    struct fix_wish *w = (struct fix_wish *)(void *)wish;
    return w->fn(txn, w->ctx);
}

FIX void fix_wish_done(struct nt_wish *wish)
{
    (void)wish;
}

FIX ntstatus fix_change(struct fix *f, ntstatus (*fn)(struct nt_txn *txn, void *ctx), void *ctx)
{
    struct fix_wish w = { .wish = { .decide = fix_wish_decide, .done = fix_wish_done } };
    w.fn = fn;
    w.ctx = ctx;
    nt_engine_wish(f->engine, &w.wish);
    nt_engine_run(f->engine);
    return w.wish.status;
}

FIX ntstatus fix_do_init(struct nt_txn *txn, void *ctx)
{
    NT_SCOPED_SECRET hash = { 0 };
    struct nt_domain_new domain = { .name = "ACCOUNTS", .computer = "ACCPDC" };
    struct nt_why why;
    (void)ctx;
    if (nt_owf_text("Admin.pw1", &hash) != NT_OK)
        abort();
    domain.administrator = &hash;
    return nt_op_domain_init(txn, &domain, &why);
}

struct fix_account {
    const char *name, *password;
    uint32_t acb, attempts, rid;
    bool weak;
};

FIX ntstatus fix_do_account(struct nt_txn *txn, void *ctx)
{
    struct fix_account *a = ctx;
    NT_SCOPED_SECRET hash = { 0 };
    struct nt_why why;
    ntstatus status;
    if (nt_owf_text(a->password, &hash) != NT_OK)
        abort();
    if (a->acb == NT_ACB_INTERDOMAIN)
        return nt_op_permit_add(txn, a->name, &hash, a->attempts, "test", "", &a->rid, &why);
    status = nt_op_account_create(txn, a->name, a->acb, "test", "", &a->rid, &why);
    if (nt_status_ok(status))
        status = nt_op_account_password(txn, a->rid, &hash, false, "test", "");
    if (nt_status_ok(status) && a->weak) {
        struct nt_account_fields fields = { .which = NT_FIELD_WEAK_CRYPTO };
        fields.allow_weak_crypto = true;
        status = nt_op_account_set(txn, a->rid, &fields, "test", "");
    }
    return status;
}

/* Makes an account (for INTERDOMAIN: name is the trusting domain's); its RID. */
FIX uint32_t fix_account(struct fix *f, const char *name, const char *password, uint32_t acb)
{
    struct fix_account a = { .name = name, .password = password, .acb = acb };
    if (!nt_status_ok(fix_change(f, fix_do_account, &a)))
        abort();
    return a.rid;
}

FIX ntstatus fix_do_trust(struct nt_txn *txn, void *ctx)
{
    struct nt_password initial;
    struct nt_sid sid;
    struct nt_trust_new trust = { .name = ctx, .sid = &sid, .direction = 2, .initial = &initial };
    struct nt_why why;
    nt_sid_parse("S-1-5-21-11-22-33", &sid);
    nt_password_from_utf8(&initial, "Initial.1");
    return nt_op_trust_add(txn, &trust, "test", "", &why);
}

struct fix_policy {
    const char *name;
    uint64_t value;
};

FIX ntstatus fix_do_policy(struct nt_txn *txn, void *ctx)
{
    const struct fix_policy *p = ctx;
    struct nt_why why;
    return nt_op_policy_set(txn, p->name, p->value, "test", "", &why);
}

FIX void fix_policy(struct fix *f, const char *name, uint64_t value)
{
    struct fix_policy p = { name, value };
    if (!nt_status_ok(fix_change(f, fix_do_policy, &p)))
        abort();
}

FIX ntstatus fix_do_disable(struct nt_txn *txn, void *ctx)
{
    return nt_op_account_disable(txn, *(uint32_t *)ctx, true, "test", "");
}

/* --- the domain --- */

FIX void fix_forward(void *ctx, struct nt_forward *fwd)
{
    struct fix *f = ctx;
    f->forwarded = fwd;
    if (f->forward != NULL) {
        f->forward(f, fwd);
        return;
    }
    fwd->status = NT_STATUS(NO_LOGON_SERVERS);
    fwd->authoritative = true;
    fwd->done(fwd);
}

FIX void fix_quiet(void *ctx, enum nt_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

/* ACCOUNTS with controller ACCPDC, user alice (Alice.pw1), workstation WKS$ (Wks.pw1), BDC BDC1$
 * (Bdc.pw1); it trusts PARTNER and permits RESOURCES to trust it with "Initial.pw1". */
FIX void fix_open(struct fix *f)
{
    char why[256];
    memset(f, 0, sizeof *f);
    nt_log_set(NT_LOG_ERROR, fix_quiet, NULL);
    f->now = nt_time_from_unix(1800000000, 0);
    f->seed = 42;
    f->env = (struct nt_env){ fix_now, fix_random, f };
    if (nt_engine_new(nt_store_memory(), &f->env, &f->engine, why, sizeof why) != NT_OK)
        abort();
    f->service = (struct nt_service){ .engine = f->engine, .env = &f->env };
    f->service.settings.rpc_port = 49153;
    f->service.settings.lsa_over_tcp = true;
    f->service.forward = fix_forward;
    f->service.forward_ctx = f;
    if (!nt_service_init(&f->service) || !nt_status_ok(fix_change(f, fix_do_init, NULL)))
        abort();
    char partner[] = "PARTNER";
    if (!nt_status_ok(fix_change(f, fix_do_trust, partner)))
        abort();
    fix_account(f, "alice", "Alice.pw1", NT_ACB_NORMAL);
    fix_account(f, "WKS$", "Wks.pw1", NT_ACB_WORKSTATION);
    fix_account(f, "BDC1$", "Bdc.pw1", NT_ACB_SERVER);
    fix_account(f, "RESOURCES", "Initial.pw1", NT_ACB_INTERDOMAIN);
    f->conn = nt_conn_new(&f->service, "192.0.2.7:51234", "192.0.2.1:49153");
    if (f->conn == NULL)
        abort();
    nt_arena_init(&f->arena, 64u << 20);
}

FIX void fix_close(struct fix *f)
{
    nt_conn_free(f->conn);
    nt_service_done(&f->service);
    nt_engine_free(f->engine);
    nt_arena_free(&f->arena);
}

FIX struct nt_dir *fix_dir(struct fix *f)
{
    return nt_engine_dir(f->engine);
}

FIX enum nt_in_state fix_trust_state(struct fix *f, const char *account)
{
    struct nt_dir *dir = fix_dir(f);
    const struct nt_account *a = nt_dir_account(dir, account);
    enum nt_in_state state = a != NULL && a->in != NULL ? a->in->state : NT_IN_NONE;
    nt_dir_unref(dir);
    return state;
}

/* --- calls --- */

FIX void fix_resume(struct nt_call *call)
{
    struct fix *f = call->owner;
    f->resumed = call;
    if (f->wake != NULL)
        sem_post(f->wake);
}

/* Serves a stub on a connection until it is answered; the stub of the answer is in `call`. */
FIX enum nt_serve fix_serve(struct fix *f, struct nt_conn *conn, struct nt_call *call,
                            const struct nt_ndr_interface *iface, uint16_t opnum, struct how how,
                            const uint8_t *stub, size_t len)
{
    struct nt_token *anonymous = how.token == NULL ? nt_token_anonymous() : NULL;
    nt_call_init(call, &f->service, conn);
    call->iface = iface;
    call->opnum = opnum;
    call->auth_type = how.type;
    call->auth_level = how.level;
    call->token = how.token != NULL ? how.token : anonymous;
    call->session_key = how.session_key;
    call->transport = how.transport;
    call->is_signed = how.is_signed;
    call->is_encrypted = how.is_encrypted;
    call->resume = fix_resume;
    call->owner = f;
    f->resumed = NULL;
    enum nt_serve got = nt_service_serve(call, false, stub, len);
    while (got == NT_SERVE_PENDING) {
        if (f->wake != NULL)
            sem_wait(f->wake);
        else
            nt_engine_run(f->engine);
        if (f->resumed != call)
            abort(); /* nobody would ever answer */
        f->resumed = NULL;
        got = nt_service_continue(call);
    }
    nt_token_unref(anonymous);
    return got;
}

/* A whole call: 0 and the result, or the fault. The answer is decoded into `args`. */
FIX uint32_t fix_call_on(struct fix *f, struct nt_conn *conn, const struct nt_ndr_interface *iface,
                         const struct nt_ndr_op *op, struct how how, void *args, ntstatus *status)
{
    struct nt_call call;
    struct nt_buf stub;
    nt_buf_init(&stub, 1u << 20);
    *status = NT_STATUS(INTERNAL_ERROR);
    if (nt_ndr_encode(op, NT_NDR_REQUEST, args, NULL, &stub) != NT_OK)
        abort();
    enum nt_serve got = fix_serve(f, conn, &call, iface, op->opnum, how, stub.data, stub.len);
    uint32_t fault = call.fault;
    if (got == NT_SERVE_REPLY) {
        fault = 0;
        if (nt_ndr_decode(op, NT_NDR_RESPONSE, false, call.out.data, call.out.len, &f->arena, &args,
                          NULL, NULL) != NT_OK)
            abort();
        status->code = nt_le32(call.out.data + call.out.len - 4);
    }
    nt_call_free(&call);
    nt_buf_free(&stub);
    return fault;
}

/* For netlogon on the fixture's connection: the result; a fault comes as it is, too. */
FIX ntstatus fix_call(struct fix *f, const struct nt_ndr_op *op, struct how how, void *args)
{
    ntstatus status;
    uint32_t fault = fix_call_on(f, f->conn, &ndr_netlogon, op, how, args, &status);
    return fault != 0 ? (ntstatus){ fault } : status;
}

/* Texts and bytes into a test's arguments. */
FIX uint16_t *fix_text(struct fix *f, const char *s)
{
    uint16_t *out = NULL;
    size_t units;
    if (nt_utf16_from_utf8(&f->arena, s, &out, &units) != NT_OK)
        abort();
    return out;
}

FIX RPC_UNICODE_STRING fix_unicode(struct fix *f, const char *s)
{
    uint16_t bytes = (uint16_t)(2 * strlen(s));
    return (
        RPC_UNICODE_STRING){ .Length = bytes, .MaximumLength = bytes, .Buffer = fix_text(f, s) };
}

/* --- the client's end of a secure channel --- */

struct client {
    const char *computer, *account;
    uint16_t type;
    struct nt_secret hash;
    uint32_t flags, rid;
    struct nt_chain chain;
    struct how how;     /* over the sealed secure channel */
    struct nt_ask *ask; /* keeps the token */
};

#define FIX_FLAGS 0x610FFFFFu

FIX struct client fix_client(const char *computer, const char *account, const char *password,
                             uint16_t type)
{
    struct client c = { .computer = computer, .account = account, .type = type };
    c.flags = FIX_FLAGS;
    if (nt_owf_text(password, &c.hash) != NT_OK)
        abort();
    return c;
}

/* ReqChallenge; the server's challenge. */
FIX ntstatus fix_challenge(struct fix *f, const char *computer, const uint8_t client[8],
                           uint8_t server[8])
{
    struct NetrServerReqChallenge a = { .ComputerName = fix_text(f, computer) };
    memcpy(a.ClientChallenge.data, client, 8);
    ntstatus status = fix_call(f, &ndr_NetrServerReqChallenge, fix_plain, &a);
    memcpy(server, a.ServerChallenge.data, 8);
    return status;
}

FIX ntstatus fix_authenticate3(struct fix *f, struct client *c, const uint8_t credential[8],
                               uint8_t server_credential[8])
{
    struct NetrServerAuthenticate3 a = {
        .AccountName = fix_text(f, c->account),
        .SecureChannelType = c->type,
        .ComputerName = fix_text(f, c->computer),
        .NegotiateFlags = c->flags,
    };
    memcpy(a.ClientCredential.data, credential, 8);
    ntstatus status = fix_call(f, &ndr_NetrServerAuthenticate3, fix_plain, &a);
    memcpy(server_credential, a.ServerCredential.data, 8);
    c->flags = a.NegotiateFlags;
    c->rid = a.AccountRid;
    return status;
}

/* A complete set-up as a client does it. */
FIX ntstatus fix_setup(struct fix *f, struct client *c)
{
    uint8_t ours[8], theirs[8], credential[8], answer[8];
    nt_nl_challenge(&f->env, ours);
    ntstatus status = fix_challenge(f, c->computer, ours, theirs);
    if (!nt_status_ok(status))
        return status;
    if (nt_chain_start(&c->chain, nt_nl_crypto_of_flags(c->flags), &c->hash, ours, theirs,
                       credential) != NT_OK)
        abort();
    status = fix_authenticate3(f, c, credential, answer);
    if (nt_status_ok(status) && nt_chain_accept(&c->chain, theirs, answer) != NT_OK)
        return NT_STATUS(INVALID_NETWORK_RESPONSE);
    return status;
}

FIX void fix_asked(struct nt_ask *ask)
{
    ((struct fix *)ask->owner)->asked = ask;
}

FIX ntstatus fix_ask(struct fix *f, struct nt_ask *ask, const struct nt_sec_question *q)
{
    nt_ask_init(ask, &f->service, "192.0.2.7:51234");
    ask->done = fix_asked;
    ask->owner = f;
    f->asked = NULL;
    if (!nt_ask_start(ask, q)) {
        nt_engine_run(f->engine);
        if (f->asked != ask)
            abort();
    }
    return ask->answer.status;
}

/* Binds with the secure channel: from then on c->how is how its calls are made. */
FIX ntstatus fix_bind(struct fix *f, struct client *c)
{
    struct nt_sec_question q = { .type = NT_AUTH_SCHANNEL,
                                 .domain = "ACCOUNTS",
                                 .computer = c->computer };
    c->ask = malloc(sizeof *c->ask);
    if (c->ask == NULL)
        abort();
    ntstatus status = fix_ask(f, c->ask, &q);
    c->how = (struct how){ .type = NT_AUTH_SCHANNEL,
                           .level = NT_LEVEL_PRIVACY,
                           .token = c->ask->answer.caller };
    return status;
}

FIX void fix_drop(struct client *c)
{
    if (c->ask != NULL)
        nt_ask_free(c->ask);
    free(c->ask);
    c->ask = NULL;
}

/* Set up and bound, or the test ends. */
FIX struct client fix_channel(struct fix *f, const char *computer, const char *account,
                              const char *password, uint16_t type)
{
    struct client c = fix_client(computer, account, password, type);
    if (!nt_status_ok(fix_setup(f, &c)) || !nt_status_ok(fix_bind(f, &c)))
        abort();
    return c;
}

FIX NETLOGON_AUTHENTICATOR fix_next(struct client *c)
{
    struct nt_authenticator next;
    NETLOGON_AUTHENTICATOR out = { 0 };
    nt_chain_next(&c->chain, 1800000000, &next);
    memcpy(out.Credential.data, next.credential, 8);
    out.Timestamp = next.timestamp;
    return out;
}

FIX bool fix_returned(struct client *c, const NETLOGON_AUTHENTICATOR *in)
{
    struct nt_authenticator returned = { .timestamp = in->Timestamp };
    memcpy(returned.credential, in->Credential.data, 8);
    return nt_chain_check(&c->chain, &returned) == NT_OK;
}

/* PasswordSet2 with this text; the account's own. */
FIX ntstatus fix_set_password(struct fix *f, struct client *c, const char *text, uint32_t version)
{
    struct NetrServerPasswordSet2 a = {
        .AccountName = fix_text(f, c->account),
        .SecureChannelType = c->type,
        .ComputerName = fix_text(f, c->computer),
    };
    struct nt_nl_password clear = { .has_version = version != 0, .version = version };
    uint8_t wire[NT_NL_PASSWORD_LEN];
    nt_password_from_utf8(&clear.password, text);
    if (nt_nl_password_encode(&c->chain, &f->env, &clear, wire) != NT_OK)
        abort();
    for (size_t i = 0; i < 256; i++)
        a.ClearNewPassword.Buffer[i] = nt_le16(wire + 2 * i);
    a.ClearNewPassword.Length = nt_le32(wire + 512);
    a.Authenticator = fix_next(c);
    ntstatus status = fix_call(f, &ndr_NetrServerPasswordSet2, c->how, &a);
    if (nt_status_ok(status) && !fix_returned(c, &a.ReturnAuthenticator))
        return NT_STATUS(INVALID_NETWORK_RESPONSE);
    return status;
}

#endif
