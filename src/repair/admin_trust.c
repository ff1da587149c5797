/*
 * admin_trust.c - what an administrator reads of a trust between two domains that are not ours: the
 * domain's names, all of the trusted domain object, the secure channel as the controller sees it.
 * [MS-LSAD] 3.1.4.4.4 and 3.1.4.7.5, [MS-NRPC] 3.5.4.9.1
 */
#include "repair/admin_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "service/wire.h"

#define CONTROL_CHANGE 9u /* [MS-NRPC] 3.5.4.9.1 */
#define LISTED_BYTES   0x10000u
#define TYPE_DOWNLEVEL 1u /* [MS-ADTS] 6.1.6.7.15 */

/* A name of the wire; false when it does not fit. */

bool admin_take_name(struct nt_admin *a, const RPC_UNICODE_STRING *from, char *out, size_t size)
{
    const char *text = nt_unicode_get(&a->arena, from);
    bool ok = text != NULL && nt_text_ok(text) && strlen(text) < size;
    snprintf(out, size, "%s", ok ? text : "");
    return ok;
}

static bool nonsense(struct nt_admin *a, const char *what)
{
    return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_NETWORK_RESPONSE),
                      "what %s tells of %s makes no sense", a->host, what);
}

/* --- the domain --- */

/* The older call, for controllers that lack the newer one: Samba's NT-style ones. */
static bool query_old_policy(struct nt_admin *a, uint16_t class,
                             const LSAPR_POLICY_INFORMATION **out)
{
    struct LsarQueryInformationPolicy args = { .InformationClass = class };
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarQueryInformationPolicy, &args))
        return nt_status_is(a->error.status, NT_STATUS(RPC_CALL_FAILED));
    if (nt_status_ok(args.result))
        *out = args.PolicyInformation;
    return true;
}

bool admin_query_policy(struct nt_admin *a, uint16_t class, const LSAPR_POLICY_INFORMATION **out)
{
    struct LsarQueryInformationPolicy2 args = { .InformationClass = class };
    *out = NULL;
    if (!admin_open_policy(a, ADMIN_POLICY_READ))
        return false;
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarQueryInformationPolicy2, &args))
        return nt_status_is(a->error.status, NT_STATUS(RPC_CALL_FAILED)) &&
               query_old_policy(a, class, out);
    if (nt_status_is(args.result, NT_STATUS(INVALID_PARAMETER)) ||
        nt_status_is(args.result, NT_STATUS(INVALID_INFO_CLASS)) ||
        nt_status_is(args.result, NT_STATUS(NOT_SUPPORTED)))
        return true;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_LsarQueryInformationPolicy2, args.result);
    *out = args.PolicyInformation;
    return true;
}

/* So that SAMR is not asked for it: of a controller, the accounts' domain is the same. */
static void know_domain(struct nt_admin *a, const struct nt_admin_names *names)
{
    if (!a->all_pipes)
        return;
    memcpy(a->who.name, names->name, sizeof a->who.name);
    a->who.sid = names->sid;
    a->who_known = true;
}

bool nt_admin_names(struct nt_admin *a, struct nt_admin_names *out)
{
    const LSAPR_POLICY_INFORMATION *info;
    *out = (struct nt_admin_names){ 0 };
    admin_begin(a);
    if (!admin_query_policy(a, PolicyDnsDomainInformation, &info))
        return false;
    if (info != NULL) {
        const LSAPR_POLICY_DNS_DOMAIN_INFO *dns = &info->PolicyDnsDomainInfo;
        bool fits = admin_take_name(a, &dns->Name, out->name, sizeof out->name) &&
                    admin_take_name(a, &dns->DnsDomainName, out->dns, sizeof out->dns) &&
                    admin_take_name(a, &dns->DnsForestName, out->forest, sizeof out->forest);
        if (!fits || !nt_rpc_sid_get(dns->Sid, &out->sid))
            return nonsense(a, "its domain");
        know_domain(a, out);
        return true;
    }
    if (!admin_query_policy(a, PolicyAccountDomainInformation, &info))
        return false;
    if (info == NULL)
        return nonsense(a, "its domain");
    const LSAPR_POLICY_ACCOUNT_DOM_INFO *account = &info->PolicyAccountDomainInfo;
    if (!admin_take_name(a, &account->DomainName, out->name, sizeof out->name) ||
        !nt_rpc_sid_get(account->DomainSid, &out->sid))
        return nonsense(a, "its domain");
    know_domain(a, out);
    return true;
}

/* --- the trusted domain object --- */

/* *out NULL: there is no such object, or the controller does not know the class; *plain: so it may
 * be either. */
static bool query_tdo(struct nt_admin *a, const char *trusted, uint16_t class,
                      const LSAPR_TRUSTED_DOMAIN_INFO **out, bool *plain)
{
    *plain = false;
    struct LsarQueryTrustedDomainInfoByName args = { .InformationClass = class };
    *out = NULL;
    if (!admin_open_policy(a, ADMIN_POLICY_READ))
        return false;
    if (!nt_unicode_put(&a->arena, trusted, &args.TrustedDomainName))
        return admin_nomem(a);
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarQueryTrustedDomainInfoByName, &args))
        return class != TrustedDomainInformationEx &&
               nt_status_is(a->error.status, NT_STATUS(RPC_CALL_FAILED));
    if (nt_status_is(args.result, NT_STATUS(OBJECT_NAME_NOT_FOUND)) ||
        nt_status_is(args.result, NT_STATUS(NO_SUCH_DOMAIN)))
        return true;
    *plain = nt_status_is(args.result, NT_STATUS(NOT_IMPLEMENTED)) ||
             nt_status_is(args.result, NT_STATUS(UNSUCCESSFUL));
    if (!nt_status_ok(args.result))
        return *plain || class != TrustedDomainInformationEx ||
               admin_status(a, &ndr_LsarQueryTrustedDomainInfoByName, args.result);
    *out = args.TrustedDomainInformation;
    return *out != NULL || nonsense(a, trusted);
}

/* Where the classes of a trusted domain's information are not known it is still in the list of
 * those that are trusted: [MS-LSAD] 3.1.4.7.8. */
static bool find_listed(struct nt_admin *a, const char *trusted, struct nt_admin_tdo *out)
{
    struct LsarEnumerateTrustedDomains args = { .PreferedMaximumLength = LISTED_BYTES };
    args.PolicyHandle = a->policy;
    if (!admin_call(a, &a->lsa, &ndr_LsarEnumerateTrustedDomains, &args))
        return false;
    if (nt_status_is(args.result, NT_STATUS(NO_MORE_ENTRIES)))
        return true;
    if (!nt_status_ok(args.result) && args.result.code != NT_STATUS_CODE_MORE_ENTRIES)
        return admin_status(a, &ndr_LsarEnumerateTrustedDomains, args.result);
    for (uint32_t i = 0; i < args.EnumerationBuffer.EntriesRead; i++) {
        const LSAPR_TRUST_INFORMATION *t = &args.EnumerationBuffer.Information[i];
        const char *name = nt_unicode_get(&a->arena, &t->Name);
        if (name == NULL || !nt_name_equal(name, trusted))
            continue;
        out->exists = admin_take_name(a, &t->Name, out->name, sizeof out->name);
        if (!nt_rpc_sid_get(t->Sid, &out->sid))
            out->sid = (struct nt_sid){ 0 };
        out->direction = NT_ADMIN_OUTBOUND;
        out->type = TYPE_DOWNLEVEL;
    }
    return true;
}

bool nt_admin_tdo_read(struct nt_admin *a, const char *trusted, struct nt_admin_tdo_full *out)
{
    const LSAPR_TRUSTED_DOMAIN_INFO *info;
    bool plain;
    *out = (struct nt_admin_tdo_full){ .enc_known = false };
    admin_begin(a);
    if (!query_tdo(a, trusted, TrustedDomainInformationEx, &info, &out->fixed))
        return false;
    if (info == NULL)
        return !out->fixed || find_listed(a, trusted, &out->tdo);
    const LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *ex = &info->TrustedDomainInfoEx;
    if (!admin_take_name(a, &ex->FlatName, out->tdo.name, sizeof out->tdo.name) ||
        !admin_take_name(a, &ex->Name, out->dns, sizeof out->dns))
        return nonsense(a, trusted);
    if (strcmp(out->dns, out->tdo.name) == 0)
        out->dns[0] = '\0';
    if (!nt_rpc_sid_get(ex->Sid, &out->tdo.sid))
        out->tdo.sid = (struct nt_sid){ 0 };
    out->tdo.exists = true;
    out->tdo.direction = ex->TrustDirection;
    out->tdo.type = ex->TrustType;
    out->tdo.attributes = ex->TrustAttributes;
    if (!query_tdo(a, trusted, TrustedDomainSupportedEncryptionTypes, &info, &plain))
        return false;
    out->enc_known = info != NULL;
    if (info != NULL)
        out->enc_types = info->TrustedDomainSETs.SupportedEncryptionTypes;
    return true;
}

/* --- the secure channel --- */

static void take_controller(struct nt_admin *a, const uint16_t *name, char *out, size_t size)
{
    size_t units = 0;
    while (name != NULL && units < size && name[units] != 0)
        units++;
    const char *utf8 = units > 0 ? nt_utf8_show(&a->arena, name, units) : NULL;
    while (utf8 != NULL && *utf8 == '\\')
        utf8++;
    snprintf(out, size, "%s", utf8 != NULL ? utf8 : "");
}

/* The call's own result is either why the order was not carried out, or, with Samba, what came of
 * it: an answer about the trust is told from one about the order by its meaning. */
static bool is_refusal(uint32_t werr)
{
    return werr == NT_WERR_ACCESS_DENIED || werr == NT_WERR_NOT_SUPPORTED ||
           werr == NT_WERR_INVALID_PARAMETER || werr == NT_WERR_INVALID_LEVEL ||
           werr == NT_WERR_NOT_ENOUGH_MEMORY;
}

bool nt_admin_channel_begin(struct nt_admin *a, enum nt_admin_control what, const char *trusted)
{
    size_t units;
    a->order = (struct NetrLogonControl2Ex){ .FunctionCode = (uint32_t)what, .QueryLevel = 2 };
    admin_begin(a);
    nt_arena_reset(&a->later);
    if (nt_utf16_from_utf8(&a->later, trusted, &a->order.Data.TrustedDomainName, &units) != NT_OK)
        return admin_nomem(a);
    a->netlogon.later = true;
    return admin_call_begin(a, &a->netlogon, &ndr_NetrLogonControl2Ex, &a->order);
}

bool nt_admin_channel_end(struct nt_admin *a, struct nt_admin_channel *out)
{
    const struct NetrLogonControl2Ex *args = &a->order;
    *out = (struct nt_admin_channel){ .werr = NT_WERR_OK };
    admin_begin(a);
    if (!admin_call_end(a, &a->netlogon))
        return false;
    if (is_refusal(args->result) && args->Buffer.NetlogonInfo2 == NULL) {
        bool denied = args->result == NT_WERR_ACCESS_DENIED;
        return admin_status(a, &ndr_NetrLogonControl2Ex,
                            denied ? NT_STATUS(ACCESS_DENIED) : NT_STATUS(NOT_SUPPORTED));
    }
    out->werr = args->result;
    const NETLOGON_INFO_2 *info = args->Buffer.NetlogonInfo2;
    if (info == NULL)
        return args->result != NT_WERR_OK || nonsense(a, "its secure channel");
    if (out->werr == NT_WERR_OK)
        out->werr = info->netlog2_pdc_connection_status;
    if (out->werr == NT_WERR_OK)
        out->werr = info->netlog2_tc_connection_status;
    take_controller(a, info->netlog2_trusted_dc_name, out->controller, sizeof out->controller);
    return true;
}

bool nt_admin_channel(struct nt_admin *a, enum nt_admin_control what, const char *trusted,
                      struct nt_admin_channel *out)
{
    *out = (struct nt_admin_channel){ .werr = NT_WERR_OK };
    return nt_admin_channel_begin(a, what, trusted) && nt_admin_channel_end(a, out);
}

bool nt_admin_order_change(struct nt_admin *a, const char *trusted, uint32_t *werr)
{
    struct NetrLogonControl2Ex args = { .FunctionCode = CONTROL_CHANGE, .QueryLevel = 1 };
    size_t units;
    admin_begin(a);
    if (nt_utf16_from_utf8(&a->arena, trusted, &args.Data.TrustedDomainName, &units) != NT_OK)
        return admin_nomem(a);
    if (!admin_call(a, &a->netlogon, &ndr_NetrLogonControl2Ex, &args))
        return false;
    if (is_refusal(args.result) && args.Buffer.NetlogonInfo1 == NULL) {
        bool denied = args.result == NT_WERR_ACCESS_DENIED;
        return admin_status(a, &ndr_NetrLogonControl2Ex,
                            denied ? NT_STATUS(ACCESS_DENIED) : NT_STATUS(NOT_SUPPORTED));
    }
    *werr = args.result;
    if (args.result == NT_WERR_OK && args.Buffer.NetlogonInfo1 != NULL)
        *werr = args.Buffer.NetlogonInfo1->netlog1_pdc_connection_status;
    return true;
}

bool nt_admin_computer(struct nt_admin *a, char out[NT_ADMIN_NAME])
{
    uint16_t nothing[] = { 0 };
    struct NetrGetDCName args = { .ServerName = nothing };
    out[0] = '\0';
    admin_begin(a);
    if (!admin_call(a, &a->netlogon, &ndr_NetrGetDCName, &args))
        return false;
    if (args.result != NT_WERR_OK)
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(NOT_SUPPORTED),
                          "NetrGetDCName at %s answered %u %s", a->host, args.result,
                          nt_werror_name(args.result));
    take_controller(a, args.Buffer, out, NT_ADMIN_NAME);
    return true;
}
