/*
 * netlogon_domain.c - what a controller tells about itself and its trusts over Netlogon.
 * Source: [MS-NRPC] 3.5.4.4.10-11, 3.5.4.7.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/utf16.h"
#include "service/netlogon_internal.h"

/* Flags of DS_DOMAIN_TRUSTSW, [MS-NRPC] 2.2.1.6.2 */
enum trust_flags {
    TRUST_DIRECT_OUTBOUND = 0x02,
    TRUST_PRIMARY = 0x08,
    TRUST_DIRECT_INBOUND = 0x20
};

enum { DIRECTION_INBOUND = 1, DIRECTION_OUTBOUND = 2, TYPE_DOWNLEVEL = 1 };

#define TRUSTS_MAX 4096 /* named in one answer */

ntstatus nl_get_capabilities(struct nt_call *call, void *args)
{
    struct NetrLogonGetCapabilities *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    /* An unknown level is a fault and never a half-filled answer: clients tell an old server from
     * a forged answer by it. 3.5.4.4.10 */
    if (a->QueryLevel != 1 && a->QueryLevel != 2)
        return nt_call_fault(call, NT_FAULT_INVALID_TAG);

    NETLOGON_AUTHENTICATOR given = a->Authenticator;
    ntstatus status = nl_verify(call, computer, &given, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    if (a->QueryLevel == 1)
        a->Capabilities.ServerCapabilities = entry.flags;
    else
        a->Capabilities.RequestedFlags = entry.requested;
    return NT_STATUS(SUCCESS);
}

/* --- trusts --- */

static uint32_t flags_of(const struct nt_tdo *tdo)
{
    return ((tdo->direction & DIRECTION_OUTBOUND) != 0 ? TRUST_DIRECT_OUTBOUND : 0u) |
           ((tdo->direction & DIRECTION_INBOUND) != 0 ? TRUST_DIRECT_INBOUND : 0u);
}

static bool put_trust(struct nt_call *call, DS_DOMAIN_TRUSTSW *out, const char *name,
                      const char *dns, const struct nt_sid *sid)
{
    out->NetbiosDomainName = nt_call_utf16(call, name);
    if (out->NetbiosDomainName == NULL)
        return false;
    if (dns[0] != '\0' && (out->DnsDomainName = nt_call_utf16(call, dns)) == NULL)
        return false;
    if (!nt_sid_is_null(sid) && (out->DomainSid = nt_rpc_sid_put(&call->arena, sid)) == NULL)
        return false;
    return true;
}

/* The trusts with any of `flags`; counts are set once the array is filled. */
static ntstatus list_trusts(struct nt_call *call, uint32_t flags, bool with_own,
                            NETLOGON_TRUSTED_DOMAIN_ARRAY *out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    size_t max = nt_dir_count(call->dir, NT_KIND_TDO) + 1;
    if (max > TRUSTS_MAX)
        max = TRUSTS_MAX;
    DS_DOMAIN_TRUSTSW *list = nt_arena_array(&call->arena, max, sizeof *list);
    uint32_t n = 0;
    if (list == NULL)
        return nl_nomem(call);
    if (domain == NULL)
        return nt_werr(NT_WERR_NO_SUCH_DOMAIN);

    const struct nt_tdo *tdo = nt_dir_tdo_after(call->dir, "");
    for (; tdo != NULL && n + 1 < max; tdo = nt_dir_tdo_after(call->dir, tdo->name)) {
        if ((flags_of(tdo) & flags) == 0)
            continue;
        if (!put_trust(call, &list[n], tdo->name, tdo->dns_name, &tdo->sid))
            return nl_nomem(call);
        list[n].Flags = flags_of(tdo);
        list[n].TrustType = tdo->type;
        list[n].TrustAttributes = tdo->attributes;
        n++;
    }
    if (with_own) {
        if (!put_trust(call, &list[n], domain->name, domain->dns_name, &domain->sid))
            return nl_nomem(call);
        list[n].Flags = TRUST_PRIMARY;
        list[n].TrustType = TYPE_DOWNLEVEL;
        n++;
    }
    out->Domains = list;
    out->DomainCount = n;
    return nt_werr(NT_WERR_OK);
}

ntstatus nl_dsr_enumerate_domain_trusts(struct nt_call *call, void *args)
{
    struct DsrEnumerateDomainTrusts *a = args;
    uint32_t flags = a->Flags;
    /* An NT-style domain is no part of a forest: asked for the forest, it names itself. */
    bool own = (flags & ~(uint32_t)(TRUST_DIRECT_OUTBOUND | TRUST_DIRECT_INBOUND)) != 0;
    return list_trusts(call, flags, own, &a->Domains);
}

ntstatus nl_enumerate_trusted_domains_ex(struct nt_call *call, void *args)
{
    struct NetrEnumerateTrustedDomainsEx *a = args;
    return list_trusts(call, TRUST_DIRECT_OUTBOUND, false, &a->Domains);
}

/* Names one behind the other, each with its NUL, and one more at the end. 2.2.1.6.1 */
ntstatus nl_enumerate_trusted_domains(struct nt_call *call, void *args)
{
    struct NetrEnumerateTrustedDomains *a = args;
    struct nt_buf names;
    nt_buf_init(&names, TRUSTS_MAX * 64);
    for (const struct nt_tdo *tdo = nt_dir_tdo_after(call->dir, ""); tdo != NULL;
         tdo = nt_dir_tdo_after(call->dir, tdo->name)) {
        const uint16_t *units;
        if ((tdo->direction & DIRECTION_OUTBOUND) == 0)
            continue;
        if ((units = nt_call_utf16(call, tdo->name)) == NULL) {
            nt_buf_fail(&names, NT_E_NOMEM);
            break;
        }
        for (size_t i = 0; i == 0 || units[i - 1] != 0; i++)
            nt_buf_u16le(&names, units[i]);
    }
    if (names.len == 0)
        nt_buf_u16le(&names, 0);
    nt_buf_u16le(&names, 0);

    UCHAR *copy = names.err == NT_OK ? nt_arena_dup(&call->arena, names.data, names.len) : NULL;
    uint32_t len = (uint32_t)names.len;
    nt_buf_free(&names);
    if (copy == NULL)
        return nl_nomem(call);
    a->DomainNameBuffer.DomainNames = copy;
    a->DomainNameBuffer.DomainNameByteCount = len;
    return NT_STATUS(SUCCESS);
}

/* The RID of the account by which that domain's controllers reach us. 3.5.4.7.4 */
ntstatus nl_get_trust_rid(struct nt_call *call, void *args)
{
    struct NetrLogonGetTrustRid *a = args;
    const char *domain = nt_call_text(call, a->DomainName);
    char *name = domain != NULL ? nt_arena_printf(&call->arena, "%s$", domain) : NULL;
    if (name == NULL)
        return nl_nomem(call);
    const struct nt_account *account = nt_dir_account(call->dir, name);
    if (account == NULL || (account->acb & NT_ACB_INTERDOMAIN) == 0)
        return nt_werr(NT_WERR_NO_SUCH_DOMAIN);
    a->Rid = account->rid;
    return nt_werr(NT_WERR_OK);
}

/* --- NetrLogonGetDomainInfo --- */

/* The same four numbers as in DS_DOMAIN_TRUSTSW, as bytes in a string. 2.2.1.3.10 */
static bool put_extension(struct nt_arena *a, uint32_t flags, uint32_t type, uint32_t attributes,
                          RPC_UNICODE_STRING *out)
{
    const uint32_t fields[] = { flags, 0, type, attributes };
    uint16_t *units = nt_arena_array(a, 8, sizeof *units);
    if (units == NULL)
        return false;
    for (size_t i = 0; i < NT_COUNT(fields); i++) {
        units[2 * i] = (uint16_t)fields[i];
        units[2 * i + 1] = (uint16_t)(fields[i] >> 16);
    }
    *out = (RPC_UNICODE_STRING){ .Length = 16, .MaximumLength = 16, .Buffer = units };
    return true;
}

static bool put_one(struct nt_call *call, NETLOGON_ONE_DOMAIN_INFO *out, const char *name,
                    const char *dns, const struct nt_sid *sid)
{
    if (!nt_unicode_put(&call->arena, name, &out->DomainName) ||
        !nt_unicode_put(&call->arena, dns, &out->DnsDomainName))
        return false;
    if (!nt_sid_is_null(sid) && (out->DomainSid = nt_rpc_sid_put(&call->arena, sid)) == NULL)
        return false;
    return true;
}

static bool fill_domain_info(struct nt_call *call, NETLOGON_DOMAIN_INFO *info)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    size_t max = nt_dir_count(call->dir, NT_KIND_TDO) + 1;
    if (max > TRUSTS_MAX)
        max = TRUSTS_MAX;
    NETLOGON_ONE_DOMAIN_INFO *list = nt_arena_array(&call->arena, max, sizeof *list);
    uint32_t n = 0;
    if (list == NULL || domain == NULL ||
        !put_one(call, &info->PrimaryDomain, domain->name, domain->dns_name, &domain->sid))
        return false;

    const struct nt_tdo *tdo = nt_dir_tdo_after(call->dir, "");
    for (; tdo != NULL && n + 1 < max; tdo = nt_dir_tdo_after(call->dir, tdo->name)) {
        if ((tdo->direction & DIRECTION_OUTBOUND) == 0)
            continue;
        if (!put_one(call, &list[n], tdo->name, tdo->dns_name, &tdo->sid) ||
            !put_extension(&call->arena, flags_of(tdo), tdo->type, tdo->attributes,
                           &list[n].TrustExtension))
            return false;
        n++;
    }
    list[n] = info->PrimaryDomain;
    if (!put_extension(&call->arena, TRUST_PRIMARY, TYPE_DOWNLEVEL, 0, &list[n].TrustExtension))
        return false;
    info->TrustedDomains = list;
    info->TrustedDomainCount = n + 1;
    return true;
}

ntstatus nl_get_domain_info(struct nt_call *call, void *args)
{
    struct NetrLogonGetDomainInfo *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    if (a->Level != 1 && a->Level != 2)
        return nt_call_fault(call, NT_FAULT_INVALID_TAG);
    NETLOGON_AUTHENTICATOR given = a->Authenticator;
    ntstatus status = nl_verify(call, computer, &given, &a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;

    if (a->Level == 2) {
        a->DomBuffer.LsaPolicyInfo = nt_arena_alloc(&call->arena, sizeof(NETLOGON_LSA_POLICY_INFO));
        return a->DomBuffer.LsaPolicyInfo != NULL ? NT_STATUS(SUCCESS) : nl_nomem(call);
    }
    NETLOGON_DOMAIN_INFO *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL || !fill_domain_info(call, info))
        return nl_nomem(call);
    a->DomBuffer.DomainInfo = info;
    return NT_STATUS(SUCCESS);
}
