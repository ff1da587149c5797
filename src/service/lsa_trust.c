/*
 * lsa_trust.c - trusted domain objects: list, open, query. Creating and changing them is in
 * lsa_trust_set.c. [MS-LSAD] 3.1.1.5, 3.1.4.7
 *
 * No level gives a trust's secret away, not even to administrators: a trust heals and is reset by
 * other means, and who can read its secret can vouch for every user of the trusted domain.
 */
#include <string.h>

#include "service/lsa_internal.h"

#define OUTBOUND 0x2u

uint32_t lsa_tdo_allowed(const struct nt_call *call)
{
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return TDO_ALL;
    case NT_CALLER_OPERATOR:
    case NT_CALLER_USER:
        return NT_ACCESS_READ_CONTROL | TDO_QUERY_NAME | TDO_QUERY_CONTROLLERS | TDO_QUERY_POSIX;
    case NT_CALLER_ANONYMOUS:
        break;
    }
    return 0;
}

const char *lsa_tdo_name(const struct nt_tdo *tdo)
{
    return tdo->dns_name[0] != '\0' ? tdo->dns_name : tdo->name;
}

/* --- list --- */

/* The nth TDO behind those skipped; callers count in the order of names. */
static const struct nt_tdo *next(const struct nt_dir *dir, const struct nt_tdo *last, bool outbound)
{
    const struct nt_tdo *tdo = nt_dir_tdo_after(dir, last != NULL ? last->name : "");
    while (outbound && tdo != NULL &&
           ((tdo->direction & OUTBOUND) == 0 || nt_sid_is_null(&tdo->sid)))
        tdo = nt_dir_tdo_after(dir, tdo->name);
    return tdo;
}

static const struct nt_tdo *skip(const struct nt_dir *dir, uint32_t count, bool outbound)
{
    const struct nt_tdo *tdo = next(dir, NULL, outbound);
    while (count-- > 0 && tdo != NULL)
        tdo = next(dir, tdo, outbound);
    return tdo;
}

#define LIST_END 0xFFFFFFFFu /* the context that clients know a complete list by */

/* [MS-LSAD] 3.1.4.7.8: the domains that this one trusts and whose SID it knows. */
ntstatus lsa_enumerate_trusted(struct nt_call *call, void *args)
{
    struct LsarEnumerateTrustedDomains *a = args;
    struct nt_wire_page page = nt_wire_page(a->PreferedMaximumLength);
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    uint32_t first = a->EnumerationContext;
    size_t max = nt_dir_count(call->dir, NT_KIND_TDO);
    const struct nt_tdo *tdo = first < max ? skip(call->dir, first, true) : NULL;
    a->EnumerationContext = LIST_END;
    if (tdo == NULL)
        return NT_STATUS(NO_MORE_ENTRIES);
    LSAPR_TRUST_INFORMATION *list = nt_arena_array(&call->arena, max, sizeof *list);
    if (list == NULL)
        return nt_call_nomem(call);
    for (; tdo != NULL; tdo = next(call->dir, tdo, true)) {
        if (!nt_wire_page_fits(&page, 48 + 2 * strlen(tdo->name)))
            break;
        LSAPR_TRUST_INFORMATION *entry = &list[page.count - 1];
        entry->Sid = nt_wire_sid(call, &tdo->sid);
        if (entry->Sid == NULL || !nt_wire_string(call, tdo->name, &entry->Name))
            return nt_call_nomem(call);
    }
    a->EnumerationBuffer.EntriesRead = page.count;
    a->EnumerationBuffer.Information = list;
    if (tdo == NULL)
        return NT_STATUS(SUCCESS);
    a->EnumerationContext = first + page.count;
    return NT_STATUS(MORE_ENTRIES);
}

static bool fill_ex(struct nt_call *call, const struct nt_tdo *tdo,
                    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *out)
{
    out->TrustDirection = tdo->direction;
    out->TrustType = tdo->type;
    out->TrustAttributes = tdo->attributes;
    if (!nt_sid_is_null(&tdo->sid)) {
        out->Sid = nt_wire_sid(call, &tdo->sid);
        if (out->Sid == NULL)
            return false;
    }
    return nt_wire_string(call, lsa_tdo_name(tdo), &out->Name) &&
           nt_wire_string(call, tdo->name, &out->FlatName);
}

/* [MS-LSAD] 3.1.4.7.9: all TDOs. */
ntstatus lsa_enumerate_trusted_ex(struct nt_call *call, void *args)
{
    struct LsarEnumerateTrustedDomainsEx *a = args;
    struct nt_wire_page page = nt_wire_page(a->PreferedMaximumLength);
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    uint32_t first = a->EnumerationContext;
    size_t max = nt_dir_count(call->dir, NT_KIND_TDO);
    const struct nt_tdo *tdo = first < max ? skip(call->dir, first, false) : NULL;
    a->EnumerationContext = LIST_END;
    if (tdo == NULL)
        return NT_STATUS(NO_MORE_ENTRIES);
    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *list = nt_arena_array(&call->arena, max, sizeof *list);
    if (list == NULL)
        return nt_call_nomem(call);
    for (; tdo != NULL; tdo = next(call->dir, tdo, false)) {
        if (!nt_wire_page_fits(&page, 80 + 4 * strlen(lsa_tdo_name(tdo))))
            break;
        if (!fill_ex(call, tdo, &list[page.count - 1]))
            return nt_call_nomem(call);
    }
    a->EnumerationBuffer.EntriesRead = page.count;
    a->EnumerationBuffer.EnumerationBuffer = list;
    if (tdo == NULL)
        return NT_STATUS(SUCCESS);
    a->EnumerationContext = first + page.count;
    return NT_STATUS(MORE_ENTRIES);
}

/* --- open --- */

ntstatus lsa_open_tdo(struct nt_call *call, const struct nt_tdo *tdo, uint32_t desired,
                      LSAPR_HANDLE *out)
{
    struct nt_handle like = { .kind = NT_HANDLE_LSA_TDO };
    if (!nt_access_grant(desired, &lsa_tdo_generic, lsa_tdo_allowed(call), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    if (strlen(tdo->name) >= sizeof like.name)
        return NT_STATUS(INTERNAL_ERROR);
    memcpy(like.name, tdo->name, strlen(tdo->name) + 1);
    return nt_access_open(call, &like, out);
}

static const struct nt_tdo *by_sid(struct nt_call *call, const RPC_SID *wire, ntstatus *status)
{
    struct nt_sid sid;
    *status = NT_STATUS(INVALID_PARAMETER);
    if (!nt_rpc_sid_get(wire, &sid) || nt_sid_is_null(&sid))
        return NULL;
    const struct nt_tdo *tdo = nt_dir_tdo_sid(call->dir, &sid);
    *status = tdo != NULL ? NT_STATUS(SUCCESS) : NT_STATUS(NO_SUCH_DOMAIN);
    return tdo;
}

static const struct nt_tdo *by_name(struct nt_call *call, const RPC_UNICODE_STRING *wire,
                                    ntstatus *status)
{
    const char *name = nt_wire_text(call, wire);
    *status = NT_STATUS(INVALID_PARAMETER);
    if (name == NULL || name[0] == '\0')
        return NULL;
    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, name);
    *status = tdo != NULL ? NT_STATUS(SUCCESS) : NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return tdo;
}

const struct nt_tdo *lsa_tdo_of(struct nt_call *call, const LSAPR_HANDLE *policy,
                                const RPC_SID *sid, const RPC_UNICODE_STRING *name,
                                ntstatus *status)
{
    if (nt_access_handle(call, policy, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, status) == NULL)
        return NULL;
    return sid != NULL ? by_sid(call, sid, status) : by_name(call, name, status);
}

/* [MS-LSAD] 3.1.4.7.1 */
ntstatus lsa_open_trusted(struct nt_call *call, void *args)
{
    struct LsarOpenTrustedDomain *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, a->TrustedDomainSid, NULL, &st);
    return tdo != NULL ? lsa_open_tdo(call, tdo, a->DesiredAccess, &a->TrustedDomainHandle) : st;
}

/* [MS-LSAD] 3.1.4.7.15 */
ntstatus lsa_open_trusted_by_name(struct nt_call *call, void *args)
{
    struct LsarOpenTrustedDomainByName *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, NULL, &a->TrustedDomainName, &st);
    return tdo != NULL ? lsa_open_tdo(call, tdo, a->DesiredAccess, &a->TrustedDomainHandle) : st;
}

/* --- query --- */

/* The access of a level, [MS-LSAD] 3.1.4.7.13. Levels 2, 9, 10, 14 and 15 cannot be asked for. */
static ntstatus level_access(uint32_t level, uint32_t *access)
{
    *access = 0;
    switch (level) {
    case TrustedDomainNameInformation:
    case TrustedDomainInformationBasic:
    case TrustedDomainInformationEx:
    case TrustedDomainInformationEx2Internal:
    case TrustedDomainSupportedEncryptionTypes:
        *access = TDO_QUERY_NAME;
        return NT_STATUS(SUCCESS);
    case TrustedPosixOffsetInformation:
        *access = TDO_QUERY_POSIX;
        return NT_STATUS(SUCCESS);
    case TrustedDomainFullInformation:
    case TrustedDomainFullInformation2Internal:
        *access = TDO_ALL; /* administrators, who still see no secret */
        return NT_STATUS(SUCCESS);
    case TrustedPasswordInformation:
    case TrustedDomainAuthInformation:
        return NT_STATUS(ACCESS_DENIED);
    default:
        return NT_STATUS(INVALID_INFO_CLASS);
    }
}

static bool fill_ex2(struct nt_call *call, const struct nt_tdo *tdo,
                     LSAPR_TRUSTED_DOMAIN_INFORMATION_EX2 *out)
{
    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX ex = { 0 };
    if (!fill_ex(call, tdo, &ex))
        return false;
    *out = (LSAPR_TRUSTED_DOMAIN_INFORMATION_EX2){ .Name = ex.Name,
                                                   .FlatName = ex.FlatName,
                                                   .Sid = ex.Sid,
                                                   .TrustDirection = ex.TrustDirection,
                                                   .TrustType = ex.TrustType,
                                                   .TrustAttributes = ex.TrustAttributes };
    return true;
}

static bool fill(struct nt_call *call, const struct nt_tdo *tdo, uint32_t level,
                 LSAPR_TRUSTED_DOMAIN_INFO *out)
{
    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX ex = { 0 };
    switch (level) {
    case TrustedDomainNameInformation:
        return nt_wire_string(call, lsa_tdo_name(tdo), &out->TrustedDomainNameInfo.Name);
    case TrustedDomainInformationBasic:
        if (!fill_ex(call, tdo, &ex))
            return false;
        out->TrustedDomainInfoBasic.Name = ex.FlatName;
        out->TrustedDomainInfoBasic.Sid = ex.Sid;
        return true;
    case TrustedDomainInformationEx:
        return fill_ex(call, tdo, &out->TrustedDomainInfoEx);
    case TrustedDomainFullInformation:
        return fill_ex(call, tdo, &out->TrustedFullInfo.Information);
    case TrustedDomainInformationEx2Internal:
        return fill_ex2(call, tdo, &out->TrustedDomainInfoEx2);
    case TrustedDomainFullInformation2Internal:
        return fill_ex2(call, tdo, &out->TrustedFullInfo2.Information);
    case TrustedDomainSupportedEncryptionTypes:
        out->TrustedDomainSETs.SupportedEncryptionTypes = tdo->enc_types;
        return true;
    default:
        return true; /* POSIX offset: 0 */
    }
}

static ntstatus query(struct nt_call *call, const struct nt_tdo *tdo, uint32_t granted,
                      uint32_t level, LSAPR_TRUSTED_DOMAIN_INFO **out)
{
    uint32_t access;
    ntstatus st = level_access(level, &access);
    if (!nt_status_ok(st))
        return st;
    if ((granted & access) != access)
        return NT_STATUS(ACCESS_DENIED);
    LSAPR_TRUSTED_DOMAIN_INFO *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL || !fill(call, tdo, level, info))
        return nt_call_nomem(call);
    *out = info;
    return NT_STATUS(SUCCESS);
}

/* [MS-LSAD] 3.1.4.7.13 */
ntstatus lsa_query_trusted(struct nt_call *call, void *args)
{
    struct LsarQueryInfoTrustedDomain *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->TrustedDomainHandle, NT_HANDLE_LSA_TDO, 0, &st);
    if (handle == NULL)
        return st;
    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, handle->name);
    if (tdo == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return query(call, tdo, handle->access, a->InformationClass, &a->TrustedDomainInformation);
}

/* [MS-LSAD] 3.1.4.7.2 */
ntstatus lsa_query_trusted_by_sid(struct nt_call *call, void *args)
{
    struct LsarQueryTrustedDomainInfo *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, a->TrustedDomainSid, NULL, &st);
    if (tdo == NULL)
        return st;
    return query(call, tdo, lsa_tdo_allowed(call), a->InformationClass,
                 &a->TrustedDomainInformation);
}

/* [MS-LSAD] 3.1.4.7.5 */
ntstatus lsa_query_trusted_by_name(struct nt_call *call, void *args)
{
    struct LsarQueryTrustedDomainInfoByName *a = args;
    ntstatus st;
    const struct nt_tdo *tdo = lsa_tdo_of(call, &a->PolicyHandle, NULL, &a->TrustedDomainName, &st);
    if (tdo == NULL)
        return st;
    return query(call, tdo, lsa_tdo_allowed(call), a->InformationClass,
                 &a->TrustedDomainInformation);
}

/* [MS-LSAD] 3.1.4.7.16: an NT-style domain is not the root of a forest. */
ntstatus lsa_query_forest_trust(struct nt_call *call, void *args)
{
    struct LsarQueryForestTrustInformation *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    return NT_STATUS(INVALID_DOMAIN_STATE);
}

/* [MS-LSAD] 3.1.4.7.17 */
ntstatus lsa_set_forest_trust(struct nt_call *call, void *args)
{
    struct LsarSetForestTrustInformation *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_TRUST_ADMIN, &st) ==
        NULL)
        return st;
    return NT_STATUS(INVALID_DOMAIN_STATE);
}
