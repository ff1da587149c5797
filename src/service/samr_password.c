/*
 * samr_password.c - users change their own password, proving that they know the old one. No handle
 * and no rights are needed, so somebody whose password has expired can do it as well.
 * [MS-SAMR] 3.1.5.10
 *
 * Whoever asks learns nothing about accounts: an unknown name, a machine's or a trust's account and
 * a wrong old password are the same answer, and each try counts towards the lockout.
 */
#include <string.h>

#include "crypto/owf.h"
#include "crypto/samr.h"
#include "service/samr_internal.h"

struct change {
    uint32_t rid;
    struct nt_secret old_hash, new_hash; /* in the arena, which is wiped */
    struct nt_password clear;
    ntstatus verdict; /* of a refused try that must be recorded first */
};

/* The account whose password may be changed so, with *c begun; NULL with *status set. */
static const struct nt_account *begin(struct nt_call *call, const RPC_UNICODE_STRING *user,
                                      struct change **c, ntstatus *status)
{
    const struct nt_policy *policy = nt_dir_policy(call->dir);
    nt_time now = nt_now(call->service->env);
    const char *name = nt_wire_text(call, user);
    const struct nt_account *account =
        name != NULL && name[0] != '\0' ? nt_dir_account(call->dir, name) : NULL;
    *status = NT_STATUS(WRONG_PASSWORD);
    if (account == NULL || (account->acb & NT_ACB_NORMAL) == 0 || account->nt_hash.len == 0)
        return NULL;
    *status = nt_logon_check_before(account, policy, now);
    if (!nt_status_ok(*status))
        return NULL;
    if (!nt_lockouts_try(call->service->lockouts, policy, account->rid, now)) {
        *status = NT_STATUS(ACCOUNT_LOCKED_OUT);
        return NULL;
    }
    *c = nt_arena_alloc(&call->arena, sizeof **c);
    if (*c == NULL) {
        *status = nt_call_nomem(call);
        return NULL;
    }
    (*c)->rid = account->rid;
    (*c)->old_hash = account->nt_hash;
    call->state = *c;
    return account;
}

static ntstatus decide_lock(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct change *c = call->state;
    (void)args;
    return nt_op_account_lock(txn, c->rid, nt_conn_peer(call->conn));
}

static ntstatus locked(struct nt_call *call, void *args, ntstatus status)
{
    const struct change *c = call->state;
    (void)args;
    return nt_status_ok(status) ? c->verdict : status;
}

static ntstatus decide_change(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct change *c = call->state;
    (void)args;
    ntstatus st = nt_password_check(nt_dir_policy(nt_txn_dir(txn)), &c->clear);
    return nt_status_ok(st) ? nt_op_account_password_change(txn, c->rid, &c->old_hash, &c->new_hash,
                                                            nt_conn_peer(call->conn))
                            : st;
}

/* Ends a try: `proven` says whether the caller knew the old password. */
static ntstatus finish(struct nt_call *call, const struct nt_account *account, struct change *c,
                       bool proven,
                       ntstatus (*then)(struct nt_call *call, void *args, ntstatus status))
{
    bool lock = nt_lockouts_result(call->service->lockouts, nt_dir_policy(call->dir), c->rid,
                                   proven, nt_now(call->service->env));
    c->verdict = NT_STATUS(WRONG_PASSWORD);
    if (!proven)
        return lock ? nt_call_change(call, decide_lock, locked) : c->verdict;
    if ((account->acb & NT_ACB_DISABLED) != 0)
        return NT_STATUS(ACCOUNT_DISABLED);
    return nt_call_change(call, decide_change, then);
}

/* Opnums 55 and 63 carry the proof in the same way. */
static ntstatus change_rc4(struct nt_call *call, const RPC_UNICODE_STRING *user,
                           const SAMPR_ENCRYPTED_USER_PASSWORD *password,
                           const ENCRYPTED_NT_OWF_PASSWORD *verifier,
                           ntstatus (*then)(struct nt_call *call, void *args, ntstatus status))
{
    struct change *c = NULL;
    ntstatus st;
    if (password == NULL || verifier == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    const struct nt_account *account = begin(call, user, &c, &st);
    if (account == NULL)
        return st;
    enum nt_err err = nt_samr_change_decode(&c->old_hash, password->Buffer, verifier->data,
                                            &c->clear, &c->new_hash);
    return finish(call, account, c, err == NT_OK, then);
}

/* [MS-SAMR] 3.1.5.10.3. What is said about LM hashes is not looked at. */
ntstatus samr_change_password2(struct nt_call *call, void *args)
{
    struct SamrUnicodeChangePasswordUser2 *a = args;
    return change_rc4(call, &a->UserName, a->NewPasswordEncryptedWithOldNt,
                      a->OldNtOwfPasswordEncryptedWithNewNt, samr_as_decided);
}

/* Reasons of opnum 63 */
#define REASON_TOO_SHORT 1
#define REASON_OTHER     0

static ntstatus changed3(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrUnicodeChangePasswordUser3 *a = args;
    const struct change *c = call->state;
    const struct nt_policy *policy = nt_dir_policy(call->dir);
    if (!nt_status_is(status, NT_STATUS(PASSWORD_RESTRICTION)))
        return status;
    a->EffectivePasswordPolicy = nt_arena_alloc(&call->arena, sizeof *a->EffectivePasswordPolicy);
    a->ChangeFailure = nt_arena_alloc(&call->arena, sizeof *a->ChangeFailure);
    if (a->EffectivePasswordPolicy == NULL || a->ChangeFailure == NULL)
        return nt_call_nomem(call);
    samr_password_policy(policy, a->EffectivePasswordPolicy);
    a->ChangeFailure->ExtendedFailureReason =
        nt_status_ok(nt_password_check(policy, &c->clear)) ? REASON_OTHER : REASON_TOO_SHORT;
    return status;
}

/* Opnum 63: as 55, and says why a password was not taken. */
ntstatus samr_change_password3(struct nt_call *call, void *args)
{
    struct SamrUnicodeChangePasswordUser3 *a = args;
    return change_rc4(call, &a->UserName, a->NewPasswordEncryptedWithOldNt,
                      a->OldNtOwfPasswordEncryptedWithNewNt, changed3);
}

/* [MS-SAMR] 3.1.5.10.4. The key is derived in as many rounds as the client names, which costs up to
 * a second: only authenticated callers are served, and each try counts towards the lockout. */
ntstatus samr_change_password4(struct nt_call *call, void *args)
{
    struct SamrUnicodeChangePasswordUser4 *a = args;
    const SAMPR_ENCRYPTED_PASSWORD_AES *in = &a->EncryptedPassword;
    struct nt_samr_aes aes = { .cipher = in->Cipher,
                               .cipher_len = in->cbCipher,
                               .iterations = in->PBKDF2Iterations };
    NT_SCOPED_SECRET cek = { .len = 0 };
    struct change *c = NULL;
    ntstatus st;
    if (in->Cipher == NULL || in->PBKDF2Iterations < NT_SAMR_AES_ITERATIONS_MIN ||
        in->PBKDF2Iterations > NT_SAMR_AES_ITERATIONS_MAX)
        return NT_STATUS(INVALID_PARAMETER);
    const struct nt_account *account = begin(call, &a->UserName, &c, &st);
    if (account == NULL)
        return st;
    memcpy(aes.auth_data, in->AuthData, sizeof aes.auth_data);
    memcpy(aes.salt, in->Salt, sizeof aes.salt);
    enum nt_err err = nt_samr_aes_cek(&c->old_hash, aes.salt, aes.iterations, &cek);
    if (err == NT_OK)
        err = nt_samr_aes_decode(&cek, &aes, &c->clear);
    if (err == NT_OK)
        nt_owf(&c->clear, &c->new_hash);
    return finish(call, account, c, err == NT_OK, samr_as_decided);
}
