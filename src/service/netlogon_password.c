/*
 * netlogon_password.c - the calls by which the other end changes, reads back and compares the
 * secret of its own account. Source: [MS-NRPC] 3.5.4.4.4-9.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/utf16.h"
#include "crypto/owf.h"
#include "domain/ops.h"
#include "service/netlogon_internal.h"

/* --- setting --- */

/* One change on its way to the writer. */
struct change {
    uint32_t rid;
    struct nt_secret hash;
    bool has_version;
    uint32_t version;
    char computer[64];
};

/* The account's own channel, or INVALID_PARAMETER: a channel may read and set its own account
 * only. */
static bool own_account(struct nt_call *call, const struct nt_chain_entry *entry,
                        const uint16_t *account, uint16_t channel_type)
{
    const char *name = nt_call_text(call, account);
    return name != NULL && channel_type == entry->channel_type &&
           nt_name_equal(name, entry->account);
}

/* In the writer, against the newest state. */
static ntstatus decide_set(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct change *change = call->state;
    (void)args;
    return nt_op_machine_password(txn, change->rid, &change->hash,
                                  change->has_version ? &change->version : NULL,
                                  nt_conn_peer(call->conn));
}

static ntstatus set_done(struct nt_call *call, void *args, ntstatus status)
{
    struct change *change = call->state;
    char text[64];
    (void)args;
    nt_secret_wipe(&change->hash);
    nt_log(nt_status_ok(status) ? NT_LOG_INFO : NT_LOG_WARN,
           "password change rid=%u computer=%s peer=%s status=\"%s\"", change->rid,
           change->computer, nt_conn_peer(call->conn), nt_status_format(status, text));
    return status;
}

static ntstatus set(struct nt_call *call, const struct nt_chain_entry *entry,
                    const struct nt_secret *hash, const struct nt_nl_password *clear)
{
    /* [MS-NRPC] 3.5.4.4.6: a controller with RefusePasswordChange answers WRONG_PASSWORD. */
    if (nt_dir_policy(call->dir)->refuse_password_change)
        return NT_STATUS(WRONG_PASSWORD);
    struct change *change = nt_arena_alloc(&call->arena, sizeof *change);
    if (change == NULL)
        return nl_nomem(call);
    change->rid = entry->rid;
    change->hash = *hash;
    if (clear != NULL && clear->has_version) {
        change->has_version = true;
        change->version = clear->version;
    }
    memcpy(change->computer, entry->computer, sizeof change->computer);
    call->state = change;
    return nt_call_change(call, decide_set, set_done);
}

ntstatus nl_password_set2(struct nt_call *call, void *args)
{
    struct NetrServerPasswordSet2 *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    /* The authenticator before anything else is touched, CVE-2015-0240. */
    ntstatus status = nl_verify(call, computer, &a->Authenticator, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    if (!own_account(call, &entry, a->AccountName, a->SecureChannelType))
        return NT_STATUS(INVALID_PARAMETER);

    uint8_t wire[NT_NL_PASSWORD_LEN];
    for (size_t i = 0; i < NT_COUNT(a->ClearNewPassword.Buffer); i++)
        nt_put_le16(wire + 2 * i, a->ClearNewPassword.Buffer[i]);
    nt_put_le32(wire + 512, a->ClearNewPassword.Length);

    struct nt_nl_password clear;
    enum nt_err err = nt_nl_password_decode(&entry.chain, wire, &clear);
    nt_wipe(wire, sizeof wire);
    if (err == NT_OK) {
        NT_SCOPED_SECRET hash = { 0 };
        nt_owf(&clear.password, &hash);
        status = set(call, &entry, &hash, &clear);
    } else {
        /* An unencrypted buffer is an attack (CVE-2020-1472); a length that cannot be, a mistake.
         */
        status = err == NT_E_AUTH ? NT_STATUS(ACCESS_DENIED) : NT_STATUS(WRONG_PASSWORD);
        nt_log(NT_LOG_WARN, "password refused account=%s computer=%s peer=%s reason=\"%s\"",
               entry.account, entry.computer, nt_conn_peer(call->conn), nt_err_text(err));
    }
    nt_wipe(&clear, sizeof clear);
    return status;
}

ntstatus nl_password_set(struct nt_call *call, void *args)
{
    struct NetrServerPasswordSet *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    ntstatus status = nl_verify(call, computer, &a->Authenticator, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    if (!own_account(call, &entry, a->AccountName, a->SecureChannelType))
        return NT_STATUS(INVALID_PARAMETER);

    NT_SCOPED_SECRET hash = { .len = 16 };
    nt_nl_owf_decrypt(&entry.chain, a->UasNewPassword.data, hash.b);
    return set(call, &entry, &hash, NULL);
}

/* --- reading --- */

/* The hashes of an account: the new one and the one before, or the same where there is none. */
static bool hashes_of(const struct nt_account *account, const struct nt_policy *policy,
                      struct nt_secret *new_hash, struct nt_secret *old_hash)
{
    *new_hash = account->nt_hash;
    *old_hash = (struct nt_secret){ 0 };
    if (account->in != NULL)
        nt_in_evidence(account->in, policy, new_hash, old_hash);
    if (old_hash->len == 0)
        *old_hash = *new_hash;
    return new_hash->len == 16;
}

/* Both hashes of the caller's own account, encrypted for its channel. */
static ntstatus own_hashes(struct nt_call *call, const uint16_t *account_name, uint16_t type,
                           const struct nt_chain_entry *entry, ENCRYPTED_NT_OWF_PASSWORD *new_owf,
                           ENCRYPTED_NT_OWF_PASSWORD *old_owf)
{
    NT_SCOPED_SECRET new_hash = { 0 }, old_hash = { 0 };
    if (!own_account(call, entry, account_name, type))
        return NT_STATUS(INVALID_PARAMETER);
    const struct nt_account *account = nt_dir_account_rid(call->dir, entry->rid);
    if (account == NULL || !hashes_of(account, nt_dir_policy(call->dir), &new_hash, &old_hash))
        return NT_STATUS(ACCESS_DENIED);
    nt_nl_owf_encrypt(&entry->chain, new_hash.b, new_owf->data);
    nt_nl_owf_encrypt(&entry->chain, old_hash.b, old_owf->data);
    return NT_STATUS(SUCCESS);
}

static ntstatus note_seen(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const uint32_t *rid = call->state;
    const struct nt_account *now = nt_dir_account_rid(nt_txn_dir(txn), *rid);
    (void)args;
    struct nt_account *a = now != NULL && now->in != NULL ? nt_record_clone(now) : NULL;
    if (a == NULL)
        return NT_STATUS(SUCCESS);
    a->in->last_ok = nt_txn_now(txn);
    snprintf(a->in->last_from, sizeof a->in->last_from, "%s", nt_conn_peer(call->conn));
    return nt_status_of(nt_txn_put(txn, a));
}

/* For people alone: the answer does not depend on it. */
static ntstatus was_noted(struct nt_call *call, void *args, ntstatus status)
{
    (void)call;
    (void)args;
    (void)status;
    return NT_STATUS(SUCCESS);
}

/* A partner that keeps its channel open checks the trust with these calls: it was heard of. */
static ntstatus seen(struct nt_call *call, const struct nt_chain_entry *entry)
{
    const struct nt_account *account = nt_dir_account_rid(call->dir, entry->rid);
    uint32_t *rid = nt_arena_dup(&call->arena, &entry->rid, sizeof entry->rid);
    if (account == NULL || rid == NULL ||
        !nl_worth_noting(account, nt_dir_policy(call->dir), nt_now(call->service->env)))
        return NT_STATUS(SUCCESS);
    call->state = rid;
    return nt_call_change(call, note_seen, was_noted);
}

ntstatus nl_trust_passwords_get(struct nt_call *call, void *args)
{
    struct NetrServerTrustPasswordsGet *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    ntstatus status = nl_verify(call, computer, &a->Authenticator, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    status = own_hashes(call, a->AccountName, a->SecureChannelType, &entry,
                        &a->EncryptedNewOwfPassword, &a->EncryptedOldOwfPassword);
    return nt_status_ok(status) ? seen(call, &entry) : status;
}

ntstatus nl_get_trust_info(struct nt_call *call, void *args)
{
    struct NetrServerGetTrustInfo *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    ntstatus status = nl_verify(call, computer, &a->Authenticator, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    NL_GENERIC_RPC_DATA *info = nt_arena_alloc(&call->arena, sizeof *info);
    ULONG *attributes = nt_arena_alloc(&call->arena, sizeof *attributes);
    if (info == NULL || attributes == NULL)
        return nl_nomem(call);
    status = own_hashes(call, a->AccountName, a->SecureChannelType, &entry,
                        &a->EncryptedNewOwfPassword, &a->EncryptedOldOwfPassword);
    if (!nt_status_ok(status) || entry.channel_type != TrustedDomainSecureChannel)
        return status;

    /* The trust's attributes, where an LSA client has described the partner. 3.5.4.4.9 */
    size_t len = strlen(entry.account);
    char *domain = nt_arena_dup(&call->arena, entry.account, len > 0 ? len - 1 : 0);
    if (domain == NULL)
        return nl_nomem(call);
    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, domain);
    *attributes = tdo != NULL ? tdo->attributes : 0;
    info->UlongEntryCount = 1;
    info->UlongData = attributes;
    a->TrustInfo = info;
    return seen(call, &entry);
}

/* A BDC's way to a member's password that its replication has not brought yet: "every controller
 * of both domains, and nobody else, knows the current password". 3.5.4.4.7 */
ntstatus nl_password_get(struct nt_call *call, void *args)
{
    struct NetrServerPasswordGet *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    const char *name = nt_call_text(call, a->AccountName);
    if (computer == NULL || name == NULL)
        return nl_nomem(call);
    ntstatus status = nl_verify(call, computer, &a->Authenticator, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    if (entry.channel_type != ServerSecureChannel)
        return NT_STATUS(ACCESS_DENIED);

    NT_SCOPED_SECRET new_hash = { 0 }, old_hash = { 0 };
    const struct nt_account *account = nt_dir_account(call->dir, name);
    if (account == NULL || !nl_account_fits(account, a->AccountType) ||
        !hashes_of(account, nt_dir_policy(call->dir), &new_hash, &old_hash))
        return NT_STATUS(NO_TRUST_SAM_ACCOUNT);
    nt_nl_owf_encrypt(&entry.chain, new_hash.b, a->EncryptedNtOwfPassword.data);
    return NT_STATUS(SUCCESS);
}
