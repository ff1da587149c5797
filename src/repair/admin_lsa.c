/*
 * admin_lsa.c - trusted domain objects, through LSARPC, and the order to prove a trust, through
 * Netlogon. [MS-LSAD] 3.1.4.4.1, 3.1.4.7, [MS-NRPC] 3.5.4.9.1
 */
#include "repair/admin_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "crypto/lsa.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "service/wire.h"

#define TDO_READ       0x00000001u /* [MS-LSAD] 2.2.1.1.5: query the name */
#define TDO_CHANGE     0x00010031u /* and delete, set the controllers, set the passwords */
#define TYPE_DOWNLEVEL 1u
#define AUTH_BYTES     4096u
#define CONTROL_VERIFY 10u

/* Many controllers refuse this call over TCP to everybody, by its status or by a fault. When the
 * pipe cannot be reached either, what TCP said stands. */
static bool call_first(struct nt_admin *a, struct LsarOpenPolicy2 *args)
{
    const struct LsarOpenPolicy2 asked = *args;
    enum nt_road road = a->road;
    uint16_t port = a->port;
    bool ran = admin_call(a, &a->lsa, &ndr_LsarOpenPolicy2, args);
    ntstatus status = ran ? args->result : a->error.status;
    if (road != NT_ROAD_ANY || a->road != road || !nt_status_is(status, NT_STATUS(ACCESS_DENIED)))
        return ran;

    const struct LsarOpenPolicy2 answered = *args;
    const struct nt_admin_error error = a->error;
    *args = asked;
    admin_reroute(a, &a->lsa, NT_ROAD_SMB, 0);
    bool again = admin_call(a, &a->lsa, &ndr_LsarOpenPolicy2, args);
    if (again || a->error.kind != NT_ADMIN_NETWORK)
        return again;
    admin_reroute(a, &a->lsa, road, port);
    *args = answered;
    a->error = error;
    return ran;
}

bool admin_open_policy(struct nt_admin *a, uint32_t access)
{
    uint16_t nothing[] = { 0 };
    struct LsarOpenPolicy2 args = { .SystemName = nothing, .DesiredAccess = access };
    if ((a->policy_access & access) == access)
        return true;
    if (!call_first(a, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarOpenPolicy2, args.result);
    a->policy = args.PolicyHandle;
    a->policy_access = access;
    return true;
}

bool nt_admin_may_change_trusts(struct nt_admin *a)
{
    admin_begin(a);
    return admin_open_policy(a, ADMIN_POLICY_CHANGE);
}

static bool text(struct nt_admin *a, const char *value, RPC_UNICODE_STRING *out)
{
    return nt_unicode_put(&a->arena, value, out) || admin_nomem(a);
}

bool nt_admin_tdo_get(struct nt_admin *a, const char *trusted, struct nt_admin_tdo *out)
{
    struct LsarQueryTrustedDomainInfoByName args = { .InformationClass =
                                                         TrustedDomainInformationEx };
    *out = (struct nt_admin_tdo){ 0 };
    admin_begin(a);
    if (!admin_open_policy(a, ADMIN_POLICY_READ) || !text(a, trusted, &args.TrustedDomainName))
        return false;
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarQueryTrustedDomainInfoByName, &args))
        return false;
    if (nt_status_is(args.result, NT_STATUS(OBJECT_NAME_NOT_FOUND)) ||
        nt_status_is(args.result, NT_STATUS(NO_SUCH_DOMAIN)))
        return true;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarQueryTrustedDomainInfoByName, args.result);
    if (args.TrustedDomainInformation == NULL)
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_NETWORK_RESPONSE),
                          "%s tells nothing about its trust with %s", a->host, trusted);
    const LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *ex =
        &args.TrustedDomainInformation->TrustedDomainInfoEx;
    out->exists = true;
    if (!admin_take_name(a, &ex->FlatName, out->name, sizeof out->name))
        snprintf(out->name, sizeof out->name, "%s", trusted);
    if (!nt_rpc_sid_get(ex->Sid, &out->sid))
        out->sid = (struct nt_sid){ 0 };
    out->direction = ex->TrustDirection;
    out->type = ex->TrustType;
    out->attributes = ex->TrustAttributes;
    return true;
}

/* --- changes --- */

static void put_half(const struct nt_admin *a, const struct nt_password *password,
                     struct nt_trust_auth_half *out)
{
    if (password == NULL)
        return;
    out->current.count = 1;
    out->current.info[0] = (struct nt_trust_auth_info){
        .last_update = nt_now(a->env),
        .type = NT_TRUST_AUTH_CLEAR,
        .data = password->b,
        .len = password->len,
    };
}

bool admin_put_auth(struct nt_admin *a, const struct nt_password *outgoing,
                    const struct nt_password *incoming, LSAPR_TRUSTED_DOMAIN_AUTH_BLOB *out)
{
    const struct nt_secret *key;
    struct nt_buf blob;
    struct nt_trust_auth auth = { 0 };
    if (!admin_key(a, &a->lsa, &key))
        return false;
    put_half(a, outgoing, &auth.outgoing);
    put_half(a, incoming, &auth.incoming);
    nt_buf_init(&blob, AUTH_BYTES);
    enum nt_err err = nt_lsa_auth_blob_encode(key, a->env, &auth, &blob);
    out->AuthBlob = err == NT_OK ? nt_arena_dup(&a->arena, blob.data, blob.len) : NULL;
    out->AuthSize = (uint32_t)blob.len;
    nt_buf_free(&blob);
    return out->AuthBlob != NULL || admin_nomem(a);
}

static bool open_tdo(struct nt_admin *a, const char *trusted, LSAPR_HANDLE *out)
{
    struct LsarOpenTrustedDomainByName args = { .DesiredAccess = TDO_CHANGE };
    if (!admin_open_policy(a, ADMIN_POLICY_CHANGE) || !text(a, trusted, &args.TrustedDomainName))
        return false;
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarOpenTrustedDomainByName, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarOpenTrustedDomainByName, args.result);
    *out = args.TrustedDomainHandle;
    return true;
}

static void close_handle(struct nt_admin *a, LSAPR_HANDLE handle)
{
    struct LsarClose args = { .ObjectHandle = handle };
    struct nt_admin_error before = a->error;
    if (!a->lsa.failed)
        (void)admin_call(a, &a->lsa, &ndr_LsarClose, &args);
    a->error = before;
}

bool nt_admin_trust_may_delete(struct nt_admin *a, const char *trusted)
{
    LSAPR_HANDLE handle;
    admin_begin(a);
    if (!open_tdo(a, trusted, &handle))
        return nt_status_is(a->error.status, NT_STATUS(OBJECT_NAME_NOT_FOUND)) ||
               nt_status_is(a->error.status, NT_STATUS(NO_SUCH_DOMAIN));
    close_handle(a, handle);
    return true;
}

bool nt_admin_tdo_set_password(struct nt_admin *a, const char *trusted,
                               const struct nt_password *initial)
{
    struct LsarSetInformationTrustedDomain args = { .InformationClass =
                                                        TrustedDomainAuthInformationInternal };
    admin_begin(a);
    if (!open_tdo(a, trusted, &args.TrustedDomainHandle))
        return false;
    bool ok = admin_put_auth(a, initial, NULL,
                             &args.TrustedDomainInformation.TrustedAuthInfoInternal.AuthBlob) &&
              admin_call(a, &a->lsa, &ndr_LsarSetInformationTrustedDomain, &args);
    if (ok && !nt_status_ok(args.result))
        ok = admin_status(a, &ndr_LsarSetInformationTrustedDomain, args.result);
    close_handle(a, args.TrustedDomainHandle);
    return ok;
}

bool nt_admin_tdo_create(struct nt_admin *a, const char *trusted, const struct nt_sid *sid,
                         const struct nt_password *initial)
{
    struct LsarCreateTrustedDomainEx2 args = { .DesiredAccess = TDO_READ };
    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *ex = &args.TrustedDomainInformation;
    admin_begin(a);
    if (!admin_open_policy(a, ADMIN_POLICY_CHANGE) || !text(a, trusted, &ex->Name) ||
        !text(a, trusted, &ex->FlatName))
        return false;
    args.PolicyHandle = a->policy;
    ex->Sid = nt_rpc_sid_put(&a->arena, sid);
    ex->TrustDirection = NT_ADMIN_OUTBOUND;
    ex->TrustType = TYPE_DOWNLEVEL;
    if (ex->Sid == NULL)
        return admin_nomem(a);
    if (!admin_put_auth(a, initial, NULL, &args.AuthenticationInformation.AuthBlob) ||
        !admin_call(a, &a->lsa, &ndr_LsarCreateTrustedDomainEx2, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarCreateTrustedDomainEx2, args.result);
    close_handle(a, args.TrustedDomainHandle);
    return true;
}

bool admin_tdo_delete(struct nt_admin *a, const char *trusted)
{
    struct LsarDeleteObject args;
    if (!open_tdo(a, trusted, &args.ObjectHandle) ||
        !admin_call(a, &a->lsa, &ndr_LsarDeleteObject, &args))
        return false;
    return nt_status_ok(args.result) || admin_status(a, &ndr_LsarDeleteObject, args.result);
}

bool nt_admin_tdo_delete(struct nt_admin *a, const char *trusted)
{
    admin_begin(a);
    return admin_tdo_delete(a, trusted);
}

/* --- prove it --- */

static void take_controller(struct nt_admin *a, const uint16_t *name, char out[NT_ADMIN_NAME])
{
    size_t units = 0;
    while (name != NULL && units < NT_ADMIN_NAME && name[units] != 0)
        units++;
    const char *utf8 = units > 0 ? nt_utf8_show(&a->arena, name, units) : NULL;
    while (utf8 != NULL && *utf8 == '\\')
        utf8++;
    snprintf(out, NT_ADMIN_NAME, "%s", utf8 != NULL ? utf8 : "");
}

bool nt_admin_trust_verify(struct nt_admin *a, const char *trusted, uint32_t *werr,
                           char controller[NT_ADMIN_NAME])
{
    struct NetrLogonControl2Ex args = { .FunctionCode = CONTROL_VERIFY, .QueryLevel = 2 };
    size_t units;
    controller[0] = '\0';
    *werr = NT_WERR_OK;
    admin_begin(a);
    if (nt_utf16_from_utf8(&a->arena, trusted, &args.Data.TrustedDomainName, &units) != NT_OK)
        return admin_nomem(a);
    if (!admin_call(a, &a->netlogon, &ndr_NetrLogonControl2Ex, &args))
        return false;
    if (args.result == NT_WERR_ACCESS_DENIED)
        return admin_status(a, &ndr_NetrLogonControl2Ex, NT_STATUS(ACCESS_DENIED));
    if (args.result != NT_WERR_OK || args.Buffer.NetlogonInfo2 == NULL)
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(NOT_SUPPORTED),
                          "NetrLogonControl2Ex at %s answered %u %s", a->host, args.result,
                          nt_werror_name(args.result));
    const NETLOGON_INFO_2 *info = args.Buffer.NetlogonInfo2;
    *werr = info->netlog2_pdc_connection_status != NT_WERR_OK ? info->netlog2_pdc_connection_status
                                                              : info->netlog2_tc_connection_status;
    take_controller(a, info->netlog2_trusted_dc_name, controller);
    return true;
}
