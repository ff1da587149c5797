/*
 * lsa_trust_set.c - trusted domain objects change: create, set, delete. [MS-LSAD] 3.1.4.7.3-14
 *
 * What a client says about a trust's two halves becomes what this domain keeps of them: the
 * outgoing password is the typed initial password of the TDO, which serves once; the incoming one
 * makes (or permits anew) the interdomain trust account. Administrators only.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf16.h"
#include "crypto/lsa.h"
#include "crypto/owf.h"
#include "service/chains.h"
#include "service/lsa_internal.h"

#define INBOUND   0x1u
#define OUTBOUND  0x2u
#define BOTH_WAYS (INBOUND | OUTBOUND)

#define TYPE_DOWNLEVEL 1u
#define TYPE_UPLEVEL   2u

/* --- what came in --- */

/* The passwords of an AuthInformation, as far as they can be used. In the call's arena. */
struct auth {
    bool outgoing, incoming; /* given */
    struct nt_password initial;
    struct nt_secret permit; /* NT hash */
};

static ntstatus take_half(const struct nt_trust_auth_list *list, bool incoming, struct auth *auth)
{
    assert(auth != NULL);
    const struct nt_trust_auth_info *clear = nt_trust_auth_find(list, NT_TRUST_AUTH_CLEAR);
    const struct nt_trust_auth_info *hash = nt_trust_auth_find(list, NT_TRUST_AUTH_NT4OWF);
    struct nt_password *to = &auth->initial;
    NT_SCOPED_PASSWORD password = { .len = 0 };
    if (incoming)
        to = &password;
    if (clear != NULL) {
        if (clear->len > NT_PASSWORD_MAX || clear->len % 2 != 0)
            return NT_STATUS(INVALID_PARAMETER);
        if (clear->len > 0)
            memcpy(to->b, clear->data, clear->len);
        to->len = (uint16_t)clear->len;
        if (incoming)
            nt_owf(&password, &auth->permit);
    } else if (hash != NULL && incoming && hash->len == NT_HASH_LEN) {
        nt_secret_set(&auth->permit, hash->data, hash->len);
    } else {
        /* A trusting end that knows a hash alone could not go on to AES. */
        return list->count == 0 ? NT_STATUS(SUCCESS) : NT_STATUS(INVALID_PARAMETER);
    }
    if (incoming)
        auth->incoming = true;
    else
        auth->outgoing = true;
    return NT_STATUS(SUCCESS);
}

static ntstatus take_auth(const struct nt_trust_auth *in, struct auth *auth)
{
    ntstatus st = take_half(&in->outgoing.current, false, auth);
    return nt_status_ok(st) ? take_half(&in->incoming.current, true, auth) : st;
}

/* In the clear but for the sealing of the call itself. [MS-LSAD] 2.2.7.11 */
static ntstatus take_plain(const LSAPR_TRUSTED_DOMAIN_AUTH_INFORMATION *in, struct auth *auth)
{
    struct nt_trust_auth both = { 0 };
    const LSAPR_AUTH_INFORMATION *infos[] = { in->OutgoingAuthenticationInformation,
                                              in->IncomingAuthenticationInformation };
    struct nt_trust_auth_list *lists[] = { &both.outgoing.current, &both.incoming.current };
    uint32_t counts[] = { in->OutgoingAuthInfos, in->IncomingAuthInfos };
    for (size_t i = 0; i < NT_COUNT(infos); i++) {
        if (counts[i] == 0 || infos[i] == NULL)
            continue;
        if (infos[i]->AuthInfoLength > 0 && infos[i]->AuthInfo == NULL)
            return NT_STATUS(INVALID_PARAMETER);
        lists[i]->info[0] = (struct nt_trust_auth_info){ .type = infos[i]->AuthType,
                                                         .data = infos[i]->AuthInfo,
                                                         .len = infos[i]->AuthInfoLength };
        lists[i]->count = 1;
    }
    return take_auth(&both, auth);
}

/* [MS-LSAD] 2.2.7.16, 5.1.1 */
static ntstatus take_blob(struct nt_call *call, const LSAPR_TRUSTED_DOMAIN_AUTH_BLOB *in,
                          struct auth *auth)
{
    struct nt_trust_auth both;
    if (in->AuthSize == 0)
        return NT_STATUS(SUCCESS);
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    if (in->AuthBlob == NULL ||
        nt_lsa_auth_blob_decode(call->session_key, in->AuthBlob, in->AuthSize, &both) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    return take_auth(&both, auth);
}

/* [MS-LSAD] 2.2.7.30, 5.1.5 */
static ntstatus take_aes(struct nt_call *call,
                         const LSAPR_TRUSTED_DOMAIN_AUTH_INFORMATION_INTERNAL_AES *in,
                         struct auth *auth)
{
    struct nt_trust_auth both;
    struct nt_lsa_auth_aes aes = { .cipher = in->Cipher, .cipher_len = in->cbCipher };
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    if (in->Cipher == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    memcpy(aes.auth_data, in->AuthData, sizeof aes.auth_data);
    memcpy(aes.salt, in->Salt, sizeof aes.salt);
    if (nt_lsa_auth_aes_decode(call->session_key, &aes, &both) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    return take_auth(&both, auth);
}

/* --- create --- */

struct create {
    const char *name, *dns_name;
    struct nt_sid sid;
    uint32_t direction, type, attributes, desired;
    struct auth auth;
};

static ntstatus add_inbound(struct nt_call *call, const char *trusting, const struct auth *auth,
                            struct nt_txn *txn)
{
    const char *who = call->token->name, *peer = nt_conn_peer(call->conn);
    uint32_t rid;
    if (auth->incoming)
        return nt_op_permit_add(txn, trusting, &auth->permit, 0, who, peer, &rid, NULL);
    /* No password is not the empty password: such an account opens nothing until one is set. */
    char account[32];
    size_t len = strlen(trusting);
    if (len + 2 > sizeof account)
        return NT_STATUS(OBJECT_NAME_INVALID);
    snprintf(account, sizeof account, "%s$", trusting);
    return nt_op_account_create(txn, account, NT_ACB_INTERDOMAIN, who, peer, &rid, NULL);
}

static ntstatus decide_create(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct create *c = call->state;
    const struct nt_dir *dir = nt_txn_dir(txn);
    (void)args;
    if (nt_dir_tdo(dir, c->name) != NULL || nt_dir_tdo_sid(dir, &c->sid) != NULL ||
        (c->dns_name[0] != '\0' && nt_dir_tdo(dir, c->dns_name) != NULL))
        return NT_STATUS(OBJECT_NAME_COLLISION);
    struct nt_trust_new trust = {
        .name = c->name,
        .dns_name = c->dns_name,
        .sid = nt_sid_is_null(&c->sid) ? NULL : &c->sid,
        .direction = c->direction,
        .type = c->type,
        .attributes = c->attributes,
        .initial = c->auth.outgoing ? &c->auth.initial : NULL,
    };
    ntstatus st = nt_op_trust_add(txn, &trust, call->token->name, nt_conn_peer(call->conn), NULL);
    if (nt_status_ok(st) && (c->direction & INBOUND) != 0) {
        st = add_inbound(call, c->name, &c->auth, txn);
        if (nt_status_is(st, NT_STATUS(USER_EXISTS)))
            st = NT_STATUS(OBJECT_NAME_COLLISION);
    }
    return st;
}

static ntstatus open_created(struct nt_call *call, ntstatus status, LSAPR_HANDLE *out)
{
    const struct create *c = call->state;
    if (!nt_status_ok(status))
        return status;
    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, c->name);
    return tdo != NULL ? lsa_open_tdo(call, tdo, c->desired, out)
                       : NT_STATUS(OBJECT_NAME_NOT_FOUND);
}

/* Only S-1-5-21-x-y-z names a domain. */
static bool is_domain_sid(const struct nt_sid *sid)
{
    return sid->sub_count == 4 && sid->authority[5] == 5 && sid->sub[0] == 21;
}

/* The access and the description; call->state is set on success. */
static ntstatus prepare(struct nt_call *call, const LSAPR_HANDLE *policy,
                        const LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *in, uint32_t desired,
                        struct create **out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    ntstatus st;
    if (nt_access_handle(call, policy, NT_HANDLE_LSA_POLICY, POLICY_TRUST_ADMIN, &st) == NULL)
        return st;
    struct create *c = nt_arena_alloc(&call->arena, sizeof *c);
    if (c == NULL)
        return nt_call_nomem(call);
    const char *name = nt_wire_text(call, &in->Name);
    const char *flat = nt_wire_text(call, &in->FlatName);
    if (name == NULL || flat == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    c->name = flat[0] != '\0' ? flat : name;
    c->dns_name = nt_name_equal(name, c->name) ? "" : name;
    c->direction = in->TrustDirection;
    c->type = in->TrustType;
    c->attributes = in->TrustAttributes;
    c->desired = desired;
    if (!nt_netbios_name_ok(c->name) || c->direction == 0 || (c->direction & ~BOTH_WAYS) != 0 ||
        (c->type != TYPE_DOWNLEVEL && c->type != TYPE_UPLEVEL))
        return NT_STATUS(INVALID_PARAMETER);
    if (in->Sid != NULL && (!nt_rpc_sid_get(in->Sid, &c->sid) || !is_domain_sid(&c->sid)))
        return NT_STATUS(INVALID_PARAMETER);
    if (nt_name_equal(c->name, domain->name) || nt_sid_equal(&c->sid, &domain->sid))
        return NT_STATUS(INVALID_PARAMETER);
    call->state = *out = c;
    return NT_STATUS(SUCCESS);
}

static ntstatus created(struct nt_call *call, void *args, ntstatus status)
{
    struct LsarCreateTrustedDomain *a = args;
    return open_created(call, status, &a->TrustedDomainHandle);
}

/* [MS-LSAD] 3.1.4.7.10: outbound, NT-style, its password is set later. */
ntstatus lsa_create_trusted(struct nt_call *call, void *args)
{
    struct LsarCreateTrustedDomain *a = args;
    struct create *c = NULL;
    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX ex = { .Name = a->TrustedDomainInformation.Name,
                                               .FlatName = a->TrustedDomainInformation.Name,
                                               .Sid = a->TrustedDomainInformation.Sid,
                                               .TrustDirection = OUTBOUND,
                                               .TrustType = TYPE_DOWNLEVEL };
    ntstatus st = prepare(call, &a->PolicyHandle, &ex, a->DesiredAccess, &c);
    return nt_status_ok(st) ? nt_call_change(call, decide_create, created) : st;
}

static ntstatus created_ex(struct nt_call *call, void *args, ntstatus status)
{
    struct LsarCreateTrustedDomainEx *a = args;
    return open_created(call, status, &a->TrustedDomainHandle);
}

/* [MS-LSAD] 3.1.4.7.12 */
ntstatus lsa_create_trusted_ex(struct nt_call *call, void *args)
{
    struct LsarCreateTrustedDomainEx *a = args;
    struct create *c = NULL;
    ntstatus st =
        prepare(call, &a->PolicyHandle, &a->TrustedDomainInformation, a->DesiredAccess, &c);
    if (nt_status_ok(st))
        st = take_plain(&a->AuthenticationInformation, &c->auth);
    return nt_status_ok(st) ? nt_call_change(call, decide_create, created_ex) : st;
}

static ntstatus created_ex2(struct nt_call *call, void *args, ntstatus status)
{
    struct LsarCreateTrustedDomainEx2 *a = args;
    return open_created(call, status, &a->TrustedDomainHandle);
}

/* [MS-LSAD] 3.1.4.7.11 */
ntstatus lsa_create_trusted_ex2(struct nt_call *call, void *args)
{
    struct LsarCreateTrustedDomainEx2 *a = args;
    struct create *c = NULL;
    ntstatus st =
        prepare(call, &a->PolicyHandle, &a->TrustedDomainInformation, a->DesiredAccess, &c);
    if (nt_status_ok(st))
        st = take_blob(call, &a->AuthenticationInformation.AuthBlob, &c->auth);
    return nt_status_ok(st) ? nt_call_change(call, decide_create, created_ex2) : st;
}

static ntstatus created_ex3(struct nt_call *call, void *args, ntstatus status)
{
    struct LsarCreateTrustedDomainEx3 *a = args;
    return open_created(call, status, &a->TrustedDomainHandle);
}

/* [MS-LSAD] 3.1.4.7.18 */
ntstatus lsa_create_trusted_ex3(struct nt_call *call, void *args)
{
    struct LsarCreateTrustedDomainEx3 *a = args;
    struct create *c = NULL;
    ntstatus st =
        prepare(call, &a->PolicyHandle, &a->TrustedDomainInformation, a->DesiredAccess, &c);
    if (nt_status_ok(st))
        st = take_aes(call, &a->AuthenticationInformation, &c->auth);
    return nt_status_ok(st) ? nt_call_change(call, decide_create, created_ex3) : st;
}

/* --- set --- */

struct set {
    const char *name; /* the TDO's key */
    struct nt_trust_fields fields;
    struct auth auth;
    uint32_t rid; /* of the account whose channels end */
};

static ntstatus set_passwords(struct nt_call *call, struct set *s, const struct nt_tdo *tdo,
                              struct nt_txn *txn)
{
    const char *who = call->token->name, *peer = nt_conn_peer(call->conn);
    ntstatus st = NT_STATUS(SUCCESS);
    if (s->auth.outgoing) {
        if ((tdo->direction & OUTBOUND) == 0)
            return NT_STATUS(INVALID_PARAMETER);
        st = nt_op_trust_reset(txn, s->name, &s->auth.initial, who, peer, NULL);
    }
    if (nt_status_ok(st) && s->auth.incoming) {
        const struct nt_account *account = nt_dir_permit(nt_txn_dir(txn), s->name);
        if ((tdo->direction & INBOUND) == 0)
            return NT_STATUS(INVALID_PARAMETER);
        if (account == NULL)
            return add_inbound(call, s->name, &s->auth, txn);
        s->rid = account->rid;
        st = nt_op_account_password(txn, account->rid, &s->auth.permit, false, who, peer);
    }
    return st;
}

static ntstatus decide_set(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct set *s = call->state;
    const struct nt_tdo *tdo = nt_dir_tdo(nt_txn_dir(txn), s->name);
    ntstatus st = NT_STATUS(SUCCESS);
    (void)args;
    if (tdo == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    if ((s->fields.which & NT_TRUST_DIRECTION) != 0) {
        /* A half is added or removed by its own call, with its password. */
        if (s->fields.direction != tdo->direction)
            return NT_STATUS(NOT_SUPPORTED);
        s->fields.which &= ~(uint32_t)NT_TRUST_DIRECTION;
    }
    if (s->fields.which != 0)
        st = nt_op_trust_set(txn, s->name, &s->fields, call->token->name, nt_conn_peer(call->conn));
    return nt_status_ok(st) ? set_passwords(call, s, tdo, txn) : st;
}

static ntstatus was_set(struct nt_call *call, void *args, ntstatus status)
{
    const struct set *s = call->state;
    (void)args;
    if (nt_status_ok(status) && s->rid != 0)
        nt_chains_drop_account(call->service->chains, s->rid);
    return status;
}

/* The names and the SID of a trust are what it is: they are confirmed, not changed. */
static ntstatus take_ex(struct nt_call *call, const struct nt_tdo *tdo,
                        const LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *in, struct set *s)
{
    struct nt_sid sid;
    const char *flat = nt_wire_text(call, &in->FlatName), *name = nt_wire_text(call, &in->Name);
    if (flat == NULL || name == NULL || !nt_name_equal(flat, tdo->name) ||
        !nt_name_equal(name, lsa_tdo_name(tdo)))
        return NT_STATUS(INVALID_PARAMETER);
    if (in->Sid != NULL) {
        if (!nt_rpc_sid_get(in->Sid, &sid) || !is_domain_sid(&sid))
            return NT_STATUS(INVALID_PARAMETER);
        if (!nt_sid_is_null(&tdo->sid) && !nt_sid_equal(&sid, &tdo->sid))
            return NT_STATUS(DOMAIN_TRUST_INCONSISTENT);
    }
    if (in->TrustType != TYPE_DOWNLEVEL && in->TrustType != TYPE_UPLEVEL)
        return NT_STATUS(INVALID_PARAMETER);
    s->fields.which |= NT_TRUST_DIRECTION | NT_TRUST_TYPE | NT_TRUST_ATTRIBUTES;
    s->fields.direction = in->TrustDirection;
    s->fields.type = in->TrustType;
    s->fields.attributes = in->TrustAttributes;
    return NT_STATUS(SUCCESS);
}

/* The older form: the password alone, as a secret. [MS-LSAD] 2.2.7.6 */
static ntstatus take_secret(struct nt_call *call, const LSAPR_TRUSTED_PASSWORD_INFO *in,
                            struct auth *auth)
{
    struct lsa_plain plain;
    ntstatus st = lsa_decrypt(call, in->Password, &plain);
    if (!nt_status_ok(st))
        return st;
    if (plain.data == NULL || plain.len > NT_PASSWORD_MAX || plain.len % 2 != 0)
        return NT_STATUS(INVALID_PARAMETER);
    memcpy(auth->initial.b, plain.data, plain.len);
    auth->initial.len = (uint16_t)plain.len;
    auth->outgoing = true;
    return NT_STATUS(SUCCESS);
}

static ntstatus take_level(struct nt_call *call, const struct nt_tdo *tdo, uint32_t level,
                           const LSAPR_TRUSTED_DOMAIN_INFO *in, struct set *s)
{
    ntstatus st;
    switch (level) {
    case TrustedPasswordInformation:
        return take_secret(call, &in->TrustedPasswordInfo, &s->auth);
    case TrustedDomainInformationEx:
        return take_ex(call, tdo, &in->TrustedDomainInfoEx, s);
    case TrustedDomainAuthInformation:
        return take_plain(&in->TrustedAuthInfo, &s->auth);
    case TrustedDomainFullInformation:
        st = take_ex(call, tdo, &in->TrustedFullInfo.Information, s);
        return nt_status_ok(st) ? take_plain(&in->TrustedFullInfo.AuthInformation, &s->auth) : st;
    case TrustedDomainAuthInformationInternal:
        return take_blob(call, &in->TrustedAuthInfoInternal.AuthBlob, &s->auth);
    case TrustedDomainFullInformationInternal:
        st = take_ex(call, tdo, &in->TrustedFullInfoInternal.Information, s);
        return nt_status_ok(st)
                   ? take_blob(call, &in->TrustedFullInfoInternal.AuthInformation.AuthBlob,
                               &s->auth)
                   : st;
    case TrustedDomainAuthInformationInternalAes:
        return take_aes(call, &in->TrustedAuthInfoInternalAes, &s->auth);
    case TrustedDomainFullInformationInternalAes:
        st = take_ex(call, tdo, &in->TrustedFullInfoInternalAes.Information, s);
        return nt_status_ok(st)
                   ? take_aes(call, &in->TrustedFullInfoInternalAes.AuthInformation, &s->auth)
                   : st;
    case TrustedDomainSupportedEncryptionTypes:
        s->fields.which |= NT_TRUST_ENC_TYPES;
        s->fields.enc_types = in->TrustedDomainSETs.SupportedEncryptionTypes;
        return NT_STATUS(SUCCESS);
    default:
        return NT_STATUS(INVALID_PARAMETER);
    }
}

static ntstatus set_tdo(struct nt_call *call, const struct nt_tdo *tdo, uint32_t granted,
                        uint32_t level, const LSAPR_TRUSTED_DOMAIN_INFO *in)
{
    if ((granted & (TDO_SET_AUTH | TDO_SET_POSIX)) != (TDO_SET_AUTH | TDO_SET_POSIX))
        return NT_STATUS(ACCESS_DENIED);
    struct set *s = nt_arena_alloc(&call->arena, sizeof *s);
    if (s == NULL)
        return nt_call_nomem(call);
    s->name = nt_arena_strdup(&call->arena, tdo->name);
    if (s->name == NULL)
        return nt_call_nomem(call);
    ntstatus st = take_level(call, tdo, level, in, s);
    if (!nt_status_ok(st))
        return st;
    call->state = s;
    return nt_call_change(call, decide_set, was_set);
}

/* [MS-LSAD] 3.1.4.7.14 */
ntstatus lsa_set_trusted(struct nt_call *call, void *args)
{
    struct LsarSetInformationTrustedDomain *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->TrustedDomainHandle, NT_HANDLE_LSA_TDO, 0, &st);
    if (handle == NULL)
        return st;
    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, handle->name);
    if (tdo == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return set_tdo(call, tdo, handle->access, a->InformationClass, &a->TrustedDomainInformation);
}

/* [MS-LSAD] 3.1.4.7.3 */
ntstatus lsa_set_trusted_by_sid(struct nt_call *call, void *args)
{
    struct LsarSetTrustedDomainInfo *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, a->TrustedDomainSid, NULL, &st);
    if (tdo == NULL)
        return st;
    return set_tdo(call, tdo, lsa_tdo_allowed(call), a->InformationClass,
                   &a->TrustedDomainInformation);
}

/* [MS-LSAD] 3.1.4.7.6 */
ntstatus lsa_set_trusted_by_name(struct nt_call *call, void *args)
{
    struct LsarSetTrustedDomainInfoByName *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, NULL, &a->TrustedDomainName, &st);
    if (tdo == NULL)
        return st;
    return set_tdo(call, tdo, lsa_tdo_allowed(call), a->InformationClass,
                   &a->TrustedDomainInformation);
}

/* --- delete --- */

static ntstatus decide_delete(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct set *s = call->state;
    const char *who = call->token->name, *peer = nt_conn_peer(call->conn);
    const struct nt_tdo *tdo = nt_dir_tdo(nt_txn_dir(txn), s->name);
    (void)args;
    if (tdo == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    bool inbound = (tdo->direction & INBOUND) != 0;
    ntstatus st = nt_op_trust_remove(txn, s->name, who, peer, NULL);
    const struct nt_account *account = nt_dir_permit(nt_txn_dir(txn), s->name);
    if (!nt_status_ok(st) || !inbound || account == NULL)
        return st;
    s->rid = account->rid;
    return nt_op_permit_remove(txn, s->name, who, peer, NULL);
}

void lsa_trust_deleted(struct nt_call *call)
{
    const struct set *s = call->state;
    if (s->rid != 0)
        nt_chains_drop_account(call->service->chains, s->rid);
}

/* Both halves that the TDO stands for. A permission that was given apart from it stays. */
ntstatus lsa_delete_trust(struct nt_call *call, const char *name)
{
    struct set *s = nt_arena_alloc(&call->arena, sizeof *s);
    if (s == NULL)
        return nt_call_nomem(call);
    s->name = nt_arena_strdup(&call->arena, name);
    if (s->name == NULL)
        return nt_call_nomem(call);
    call->state = s;
    return nt_call_change(call, decide_delete, was_set);
}

/* [MS-LSAD] 3.1.4.7.4 */
ntstatus lsa_delete_trusted(struct nt_call *call, void *args)
{
    struct LsarDeleteTrustedDomain *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, a->TrustedDomainSid, NULL, &st);
    if (tdo == NULL)
        return st;
    if ((lsa_tdo_allowed(call) & NT_ACCESS_DELETE) == 0)
        return NT_STATUS(ACCESS_DENIED);
    return lsa_delete_trust(call, tdo->name);
}
