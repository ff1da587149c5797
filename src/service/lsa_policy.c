/*
 * lsa_policy.c - the policy object: open, what it tells about the domain, who the caller is.
 * [MS-LSAD] 3.1.4.4, 3.1.4.9; [MS-LSAT] 3.1.4.2
 */
#include <string.h>

#include "service/lsa_internal.h"

/* [MS-LSAD] 2.2.1.1.2-5, the GENERIC rows */
const struct nt_generic lsa_policy_generic = { 0x00020006, 0x000207F8, 0x00020801, POLICY_ALL };
const struct nt_generic lsa_account_generic = { 0x00020001, 0x0002000E, 0x00020000, ACCOUNT_ALL };
const struct nt_generic lsa_secret_generic = { 0x00020002, 0x00020001, 0x00020000, SECRET_ALL };
const struct nt_generic lsa_tdo_generic = { 0x00020001, 0x00020034, 0x0002000A, TDO_ALL };

bool lsa_is_admin(const struct nt_call *call)
{
    return nt_caller_of(call) == NT_CALLER_ADMIN;
}

uint32_t lsa_policy_allowed(const struct nt_call *call)
{
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return POLICY_ALL;
    case NT_CALLER_OPERATOR:
    case NT_CALLER_USER:
        return NT_ACCESS_READ_CONTROL | POLICY_VIEW_LOCAL | POLICY_LOOKUP_NAMES;
    case NT_CALLER_ANONYMOUS:
        /* The name and SID of the domain are what the trusting end needs to set a trust up. */
        return POLICY_VIEW_LOCAL;
    }
    return 0;
}

static ntstatus open_policy(struct nt_call *call, uint32_t desired, LSAPR_HANDLE *out)
{
    struct nt_handle like = { .kind = NT_HANDLE_LSA_POLICY };
    if (!lsa_policy_reachable(call))
        return nt_call_fault(call, NT_FAULT_ACCESS_DENIED);
    if (!nt_access_grant(desired, &lsa_policy_generic, lsa_policy_allowed(call), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, out);
}

/* [MS-LSAD] 3.1.4.4.2 */
ntstatus lsa_open_policy(struct nt_call *call, void *args)
{
    struct LsarOpenPolicy *a = args;
    return open_policy(call, a->DesiredAccess, &a->PolicyHandle);
}

/* [MS-LSAD] 3.1.4.4.1 */
ntstatus lsa_open_policy2(struct nt_call *call, void *args)
{
    struct LsarOpenPolicy2 *a = args;
    return open_policy(call, a->DesiredAccess, &a->PolicyHandle);
}

static bool is_lsa_kind(enum nt_handle_kind kind)
{
    return kind >= NT_HANDLE_LSA_POLICY && kind <= NT_HANDLE_LSA_SECRET;
}

/* [MS-LSAD] 3.1.4.9.4 */
ntstatus lsa_close(struct nt_call *call, void *args)
{
    struct LsarClose *a = args;
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    if (handle == NULL || !is_lsa_kind(handle->kind))
        return NT_STATUS(INVALID_HANDLE);
    nt_handle_close(call, handle);
    a->ObjectHandle = (struct nt_ndr_context){ 0 };
    return NT_STATUS(SUCCESS);
}

/* --- information --- */

/* The access a level needs; 0: it cannot be asked for. [MS-LSAD] 3.1.4.4.4 */
static uint32_t level_access(uint32_t level)
{
    switch (level) {
    case PolicyAuditLogInformation:
    case PolicyAuditEventsInformation:
        return POLICY_VIEW_AUDIT;
    case PolicyPdAccountInformation:
        return POLICY_GET_PRIVATE;
    case PolicyPrimaryDomainInformation:
    case PolicyAccountDomainInformation:
    case PolicyLsaServerRoleInformation:
    case PolicyReplicaSourceInformation:
    case PolicyDnsDomainInformation:
    case PolicyDnsDomainInformationInt:
    case PolicyLocalAccountDomainInformation:
        return POLICY_VIEW_LOCAL;
    default:
        return 0;
    }
}

static bool is_dns_level(uint32_t level)
{
    return level == PolicyDnsDomainInformation || level == PolicyDnsDomainInformationInt;
}

static bool name_and_sid(struct nt_call *call, RPC_UNICODE_STRING *name, RPC_SID **sid)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    *sid = nt_wire_sid(call, &domain->sid);
    return *sid != NULL && nt_wire_string(call, domain->name, name);
}

static bool dns_info(struct nt_call *call, LSAPR_POLICY_DNS_DOMAIN_INFO *out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    return nt_wire_string(call, domain->dns_name, &out->DnsDomainName) &&
           nt_wire_string(call, domain->dns_name, &out->DnsForestName) &&
           name_and_sid(call, &out->Name, &out->Sid);
}

#define AUDIT_CATEGORIES 9 /* [MS-LSAD] 2.2.4.20 */

static bool fill(struct nt_call *call, uint32_t level, LSAPR_POLICY_INFORMATION *out)
{
    switch (level) {
    case PolicyAuditEventsInformation: /* this controller keeps its own audit trail instead */
        out->PolicyAuditEventsInfo.MaximumAuditEventCount = AUDIT_CATEGORIES;
        out->PolicyAuditEventsInfo.EventAuditingOptions =
            nt_arena_array(&call->arena, AUDIT_CATEGORIES, sizeof(ULONG));
        return out->PolicyAuditEventsInfo.EventAuditingOptions != NULL;
    case PolicyPrimaryDomainInformation:
        return name_and_sid(call, &out->PolicyPrimaryDomainInfo.Name,
                            &out->PolicyPrimaryDomainInfo.Sid);
    case PolicyAccountDomainInformation:
        return name_and_sid(call, &out->PolicyAccountDomainInfo.DomainName,
                            &out->PolicyAccountDomainInfo.DomainSid);
    case PolicyLocalAccountDomainInformation:
        return name_and_sid(call, &out->PolicyLocalAccountDomainInfo.DomainName,
                            &out->PolicyLocalAccountDomainInfo.DomainSid);
    case PolicyLsaServerRoleInformation:
        out->PolicyServerRoleInfo.LsaServerRole = PolicyServerRolePrimary;
        return true;
    case PolicyDnsDomainInformation:
        return dns_info(call, &out->PolicyDnsDomainInfo);
    case PolicyDnsDomainInformationInt:
        return dns_info(call, &out->PolicyDnsDomainInfoInt);
    default:
        return true; /* audit log, PD account, replica source: empty */
    }
}

static ntstatus query_policy(struct nt_call *call, const LSAPR_HANDLE *context, uint32_t level,
                             LSAPR_POLICY_INFORMATION **out)
{
    ntstatus st;
    uint32_t access = level_access(level);
    if (nt_access_handle(call, context, NT_HANDLE_LSA_POLICY, access, &st) == NULL)
        return st;
    if (access == 0)
        return NT_STATUS(INVALID_PARAMETER);
    /* Who answers this level is an AD controller in the eyes of its clients. */
    if (is_dns_level(level) && nt_dir_domain(call->dir)->dns_name[0] == '\0')
        return NT_STATUS(INVALID_INFO_CLASS);
    LSAPR_POLICY_INFORMATION *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL || !fill(call, level, info))
        return nt_call_nomem(call);
    *out = info;
    return NT_STATUS(SUCCESS);
}

/* [MS-LSAD] 3.1.4.4.4 */
ntstatus lsa_query_policy(struct nt_call *call, void *args)
{
    struct LsarQueryInformationPolicy *a = args;
    return query_policy(call, &a->PolicyHandle, a->InformationClass, &a->PolicyInformation);
}

/* [MS-LSAD] 3.1.4.4.3. NT-style controllers do not have this call at all, and clients that ask it
 * for the DNS names take the fault, not a status, as the sign to fall back on the older call. */
ntstatus lsa_query_policy2(struct nt_call *call, void *args)
{
    struct LsarQueryInformationPolicy2 *a = args;
    if (is_dns_level(a->InformationClass) && nt_dir_domain(call->dir)->dns_name[0] == '\0')
        return nt_call_fault(call, NT_FAULT_OP_RANGE);
    return query_policy(call, &a->PolicyHandle, a->InformationClass, &a->PolicyInformation);
}

/* --- security descriptors --- */

/* [MS-LSAD] 3.1.4.9.1; made from the fixed rule of who may do what. */
ntstatus lsa_query_security(struct nt_call *call, void *args)
{
    static const struct {
        uint32_t users, admins;
    } rights[] = {
        [NT_HANDLE_LSA_POLICY] = { 0x00020801, POLICY_ALL },
        [NT_HANDLE_LSA_ACCOUNT] = { 0x00020001, ACCOUNT_ALL },
        [NT_HANDLE_LSA_TDO] = { 0x0002000B, TDO_ALL },
        [NT_HANDLE_LSA_SECRET] = { 0x00000000, SECRET_ALL },
    };
    struct LsarQuerySecurityObject *a = args;
    struct nt_wire_ace aces[2];
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    uint32_t len;
    if (handle == NULL || !is_lsa_kind(handle->kind))
        return NT_STATUS(INVALID_HANDLE);
    if ((handle->access & NT_ACCESS_READ_CONTROL) == 0)
        return NT_STATUS(ACCESS_DENIED);
    aces[0] = (struct nt_wire_ace){ nt_sid_authenticated, rights[handle->kind].users };
    aces[1].access = rights[handle->kind].admins;
    if (!nt_sid_with_rid(&nt_sid_builtin, NT_RID_ALIAS_ADMINS, &aces[1].sid))
        return NT_STATUS(INTERNAL_ERROR);
    a->SecurityDescriptor = nt_arena_alloc(&call->arena, sizeof *a->SecurityDescriptor);
    if (a->SecurityDescriptor == NULL)
        return nt_call_nomem(call);
    a->SecurityDescriptor->SecurityDescriptor =
        nt_wire_descriptor(call, aces, NT_COUNT(aces), &len);
    a->SecurityDescriptor->Length = len;
    return a->SecurityDescriptor->SecurityDescriptor != NULL ? NT_STATUS(SUCCESS)
                                                             : nt_call_nomem(call);
}

/* --- who am I --- */

/* [MS-LSAT] 3.1.4.2. Nothing is read from what the client may have put into the two names. */
ntstatus lsa_get_user_name(struct nt_call *call, void *args)
{
    struct LsarGetUserName *a = args;
    bool anonymous = nt_token_is_anonymous(call->token);
    const char *name = anonymous ? "ANONYMOUS LOGON" : call->token->name;
    const char *domain = anonymous ? "NT AUTHORITY" : call->token->domain;
    if (!lsa_policy_reachable(call))
        return nt_call_fault(call, NT_FAULT_ACCESS_DENIED);
    a->UserName = nt_arena_alloc(&call->arena, sizeof *a->UserName);
    if (a->UserName == NULL || !nt_wire_string(call, name, a->UserName))
        return nt_call_nomem(call);
    if (a->DomainName == NULL)
        return NT_STATUS(SUCCESS);
    *a->DomainName = nt_arena_alloc(&call->arena, sizeof **a->DomainName);
    if (*a->DomainName == NULL || !nt_wire_string(call, domain, *a->DomainName))
        return nt_call_nomem(call);
    return NT_STATUS(SUCCESS);
}
