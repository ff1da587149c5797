/*
 * test_samr_world.h - the fixture's domain with four callers, from nobody to an administrator, and
 * short ways to the SAMR and LSARPC objects. Header only, as fixture.h is.
 */
#ifndef NT_TESTS_SAMR_WORLD_H
#define NT_TESTS_SAMR_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "service/wire.h"

#define MAXIMUM_ALLOWED 0x02000000u

enum role { ANONYMOUS, USER, OPERATOR, ADMIN, ROLES };

struct world {
    struct fix f;
    struct nt_token *tokens[ROLES];
    struct nt_secret key;
    struct how as[ROLES];
    struct nt_sid domain;
};

#define ASSERT_STATUS(got, name)                                                                   \
    do {                                                                                           \
        ntstatus got_ = (got);                                                                     \
        if (got_.code != NT_STATUS(name).code)                                                     \
            fail_msg("%s:%d: 0x%08X %s, not " #name, __FILE__, __LINE__, got_.code,                \
                     nt_status_name(got_));                                                        \
    } while (0)
#define ASSERT_FAULT(got, fault) assert_int_equal((got).code, NT_FAULT_##fault)

FIX ntstatus world_do_operator(struct nt_txn *txn, void *ctx)
{
    struct nt_sid sid;
    nt_sid_with_rid(&nt_dir_domain(nt_txn_dir(txn))->sid, *(uint32_t *)ctx, &sid);
    return nt_op_alias_member(txn, true, NT_RID_ALIAS_ACCOUNT_OPS, &sid, true, "test", "");
}

FIX void world_caller(struct world *w, enum role role, const char *name)
{
    struct nt_dir *dir = fix_dir(&w->f);
    w->tokens[role] =
        name == NULL ? nt_token_anonymous() : nt_token_account(dir, nt_dir_account(dir, name));
    assert_non_null(w->tokens[role]);
    w->as[role] = (struct how){ .type = NT_AUTH_NTLM,
                                .level = NT_LEVEL_PRIVACY,
                                .token = w->tokens[role],
                                .session_key = &w->key };
    nt_dir_unref(dir);
}

FIX struct world *world_open(void)
{
    struct world *w = calloc(1, sizeof *w);
    uint8_t key[16] = { 1, 2, 3 };
    assert_non_null(w);
    fix_open(&w->f);
    nt_secret_set(&w->key, key, sizeof key);
    uint32_t oper = fix_account(&w->f, "oper", "Oper.pw1", NT_ACB_NORMAL);
    assert_true(nt_status_ok(fix_change(&w->f, world_do_operator, &oper)));
    world_caller(w, ANONYMOUS, NULL);
    world_caller(w, USER, "alice");
    world_caller(w, OPERATOR, "oper");
    world_caller(w, ADMIN, "Administrator");
    struct nt_dir *dir = fix_dir(&w->f);
    w->domain = nt_dir_domain(dir)->sid;
    nt_dir_unref(dir);
    return w;
}

FIX void world_close(struct world *w)
{
    for (int i = 0; i < ROLES; i++)
        nt_token_unref(w->tokens[i]);
    fix_close(&w->f);
    free(w);
}

FIX void world_key(struct world *w, const char *hex)
{
    uint8_t key[16];
    assert_true(nt_unhex(hex, key, sizeof key));
    nt_secret_set(&w->key, key, sizeof key);
}

/* The result; a fault comes as it is, too. */
FIX ntstatus samr(struct world *w, enum role role, const struct nt_ndr_op *op, void *args)
{
    ntstatus st;
    uint32_t fault = fix_call_on(&w->f, w->f.conn, &ndr_samr, op, w->as[role], args, &st);
    return fault != 0 ? (ntstatus){ fault } : st;
}

FIX ntstatus lsa(struct world *w, enum role role, const struct nt_ndr_op *op, void *args)
{
    ntstatus st;
    uint32_t fault = fix_call_on(&w->f, w->f.conn, &ndr_lsarpc, op, w->as[role], args, &st);
    return fault != 0 ? (ntstatus){ fault } : st;
}

FIX RPC_SID *world_sid(struct world *w, const struct nt_sid *sid)
{
    RPC_SID *out = nt_rpc_sid_put(&w->f.arena, sid);
    assert_non_null(out);
    return out;
}

FIX struct nt_sid parsed(const char *text)
{
    struct nt_sid sid;
    assert_true(nt_sid_parse(text, &sid));
    return sid;
}

FIX const char *shown(struct world *w, const RPC_UNICODE_STRING *in)
{
    const char *text = nt_unicode_get(&w->f.arena, in);
    assert_non_null(text);
    return text;
}

FIX SAMPR_HANDLE open_server(struct world *w, enum role role)
{
    struct SamrConnect5 a = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    ASSERT_STATUS(samr(w, role, &ndr_SamrConnect5, &a), SUCCESS);
    return a.ServerHandle;
}

FIX SAMPR_HANDLE open_domain(struct world *w, enum role role, bool builtin)
{
    struct SamrOpenDomain a = { .ServerHandle = open_server(w, role),
                                .DesiredAccess = MAXIMUM_ALLOWED,
                                .DomainId = world_sid(w, builtin ? &nt_sid_builtin : &w->domain) };
    ASSERT_STATUS(samr(w, role, &ndr_SamrOpenDomain, &a), SUCCESS);
    return a.DomainHandle;
}

FIX ntstatus try_open_user(struct world *w, enum role role, uint32_t rid, uint32_t access,
                           SAMPR_HANDLE *out)
{
    struct SamrOpenUser a = { .DomainHandle = open_domain(w, role, false),
                              .DesiredAccess = access,
                              .UserId = rid };
    ntstatus st = samr(w, role, &ndr_SamrOpenUser, &a);
    *out = a.UserHandle;
    return st;
}

FIX SAMPR_HANDLE open_user(struct world *w, enum role role, uint32_t rid)
{
    SAMPR_HANDLE out;
    ASSERT_STATUS(try_open_user(w, role, rid, MAXIMUM_ALLOWED, &out), SUCCESS);
    return out;
}

FIX uint32_t rid_of(struct world *w, const char *name)
{
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_account(dir, name);
    uint32_t rid = account != NULL ? account->rid : 0;
    nt_dir_unref(dir);
    return rid;
}

/* True when the account's password is this one now. */
FIX bool has_password(struct world *w, const char *name, const char *password)
{
    struct nt_secret hash;
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_account(dir, name);
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    bool same = account != NULL && nt_secret_equal(&account->nt_hash, &hash);
    nt_dir_unref(dir);
    return same;
}

FIX LSAPR_HANDLE open_policy(struct world *w, enum role role)
{
    struct LsarOpenPolicy2 a = { .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, role, &ndr_LsarOpenPolicy2, &a), SUCCESS);
    return a.PolicyHandle;
}

#endif
