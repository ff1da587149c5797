/*
 * lsa.c - the LSARPC interface: every opnum that is served, with what it needs of its caller.
 * [MS-LSAD] 3.1.4, [MS-LSAT] 3.1.4
 */
#include <string.h>

#include "service/lsa_internal.h"

/*
 * How a call may have come in to reach the policy: over a named pipe, [MS-LSAD] 2.1. Over TCP:
 * Deviation: other controllers offer policy handles over named pipes only ([MS-LSAD] 2.1). Here
 * they are open over TCP too, for callers that authenticated by NTLM and seal, unless a setting
 * turns that off; a secure channel reaches the two lookups without a handle and nothing else.
 */
bool lsa_policy_reachable(const struct nt_call *call)
{
    if (call->transport == NT_TRANSPORT_PIPE)
        return true;
    return call->service->settings.lsa_over_tcp && call->auth_type != NT_AUTH_SCHANNEL &&
           call->auth_level >= NT_LEVEL_PRIVACY && !nt_token_is_anonymous(call->token);
}

ntstatus lsa_as_decided(struct nt_call *call, void *args, ntstatus status)
{
    (void)call;
    (void)args;
    return status;
}

static ntstatus object_deleted(struct nt_call *call, void *args, ntstatus status)
{
    struct LsarDeleteObject *a = args;
    if (!nt_status_ok(status))
        return status;
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    if (handle != NULL && handle->kind == NT_HANDLE_LSA_TDO)
        lsa_trust_deleted(call);
    if (handle != NULL)
        nt_handle_close(call, handle);
    call->fault = NT_FAULT_NONE; /* closed by its owner meanwhile: that is no failure */
    a->ObjectHandle = (struct nt_ndr_context){ 0 };
    return status;
}

/* [MS-LSAD] 3.1.4.9.3. The rights of LSA accounts are fixed: those cannot go. */
ntstatus lsa_delete_object(struct nt_call *call, void *args)
{
    struct LsarDeleteObject *a = args;
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    if (handle == NULL)
        return NT_STATUS(INVALID_HANDLE);
    if (handle->kind != NT_HANDLE_LSA_TDO && handle->kind != NT_HANDLE_LSA_SECRET &&
        handle->kind != NT_HANDLE_LSA_ACCOUNT)
        return NT_STATUS(INVALID_HANDLE);
    if ((handle->access & NT_ACCESS_DELETE) == 0)
        return NT_STATUS(ACCESS_DENIED);
    if (handle->kind == NT_HANDLE_LSA_ACCOUNT)
        return NT_STATUS(NOT_SUPPORTED);
    ntstatus st = handle->kind == NT_HANDLE_LSA_TDO ? lsa_delete_trust(call, handle->name)
                                                    : lsa_delete_secret(call, handle->name);
    if (nt_status_is(st, NT_STATUS(PENDING)))
        call->then = object_deleted;
    return st;
}

/* Over a pipe, where secrets are encrypted under the session's key, signing is enough. Without a
 * logon the trusting end learns there the name and SID of the domain, to set a trust up. */
#define SEALED (NT_NEEDS_AUTH | NT_NEEDS_INTEGRITY | NT_NEEDS_TCP_SEALED)
#define OPEN   NT_NEEDS_TCP_SEALED

/* clang-format off: a table */
static const struct nt_op ops[] = {
    [0] = { &ndr_LsarClose, lsa_close, OPEN },
    [2] = { &ndr_LsarEnumeratePrivileges, lsa_enumerate_privileges, SEALED },
    [3] = { &ndr_LsarQuerySecurityObject, lsa_query_security, SEALED },
    [6] = { &ndr_LsarOpenPolicy, lsa_open_policy, OPEN },
    [7] = { &ndr_LsarQueryInformationPolicy, lsa_query_policy, OPEN },
    [11] = { &ndr_LsarEnumerateAccounts, lsa_enumerate_accounts, SEALED },
    [12] = { &ndr_LsarCreateTrustedDomain, lsa_create_trusted, SEALED },
    [13] = { &ndr_LsarEnumerateTrustedDomains, lsa_enumerate_trusted, SEALED },
    [14] = { &ndr_LsarLookupNames, lsa_lookup_names, SEALED },
    [15] = { &ndr_LsarLookupSids, lsa_lookup_sids, SEALED },
    [16] = { &ndr_LsarCreateSecret, lsa_create_secret, SEALED },
    [17] = { &ndr_LsarOpenAccount, lsa_open_account, SEALED },
    [18] = { &ndr_LsarEnumeratePrivilegesAccount, lsa_enumerate_privileges_account, SEALED },
    [23] = { &ndr_LsarGetSystemAccessAccount, lsa_get_system_access, SEALED },
    [25] = { &ndr_LsarOpenTrustedDomain, lsa_open_trusted, SEALED },
    [26] = { &ndr_LsarQueryInfoTrustedDomain, lsa_query_trusted, SEALED },
    [27] = { &ndr_LsarSetInformationTrustedDomain, lsa_set_trusted, SEALED },
    [28] = { &ndr_LsarOpenSecret, lsa_open_secret, SEALED },
    [29] = { &ndr_LsarSetSecret, lsa_set_secret, SEALED },
    [30] = { &ndr_LsarQuerySecret, lsa_query_secret, SEALED },
    [31] = { &ndr_LsarLookupPrivilegeValue, lsa_lookup_privilege_value, SEALED },
    [32] = { &ndr_LsarLookupPrivilegeName, lsa_lookup_privilege_name, SEALED },
    [33] = { &ndr_LsarLookupPrivilegeDisplayName, lsa_lookup_privilege_display_name, SEALED },
    [34] = { &ndr_LsarDeleteObject, lsa_delete_object, SEALED },
    [35] = { &ndr_LsarEnumerateAccountsWithUserRight, lsa_enumerate_accounts_with_right, SEALED },
    [36] = { &ndr_LsarEnumerateAccountRights, lsa_enumerate_account_rights, SEALED },
    [39] = { &ndr_LsarQueryTrustedDomainInfo, lsa_query_trusted_by_sid, SEALED },
    [40] = { &ndr_LsarSetTrustedDomainInfo, lsa_set_trusted_by_sid, SEALED },
    [41] = { &ndr_LsarDeleteTrustedDomain, lsa_delete_trusted, SEALED },
    [42] = { &ndr_LsarStorePrivateData, lsa_store_private_data, SEALED },
    [43] = { &ndr_LsarRetrievePrivateData, lsa_retrieve_private_data, SEALED },
    [44] = { &ndr_LsarOpenPolicy2, lsa_open_policy2, OPEN },
    [45] = { &ndr_LsarGetUserName, lsa_get_user_name, SEALED },
    [46] = { &ndr_LsarQueryInformationPolicy2, lsa_query_policy2, OPEN },
    [48] = { &ndr_LsarQueryTrustedDomainInfoByName, lsa_query_trusted_by_name, SEALED },
    [49] = { &ndr_LsarSetTrustedDomainInfoByName, lsa_set_trusted_by_name, SEALED },
    [50] = { &ndr_LsarEnumerateTrustedDomainsEx, lsa_enumerate_trusted_ex, SEALED },
    [51] = { &ndr_LsarCreateTrustedDomainEx, lsa_create_trusted_ex, SEALED },
    [55] = { &ndr_LsarOpenTrustedDomainByName, lsa_open_trusted_by_name, SEALED },
    [57] = { &ndr_LsarLookupSids2, lsa_lookup_sids2, SEALED },
    [58] = { &ndr_LsarLookupNames2, lsa_lookup_names2, SEALED },
    [59] = { &ndr_LsarCreateTrustedDomainEx2, lsa_create_trusted_ex2, SEALED },
    [68] = { &ndr_LsarLookupNames3, lsa_lookup_names3, SEALED },
    [73] = { &ndr_LsarQueryForestTrustInformation, lsa_query_forest_trust, SEALED },
    [74] = { &ndr_LsarSetForestTrustInformation, lsa_set_forest_trust, SEALED },
    [76] = { &ndr_LsarLookupSids3, lsa_lookup_sids3, SEALED | NT_NEEDS_SCHANNEL },
    [77] = { &ndr_LsarLookupNames4, lsa_lookup_names4, SEALED | NT_NEEDS_SCHANNEL },
    [129] = { &ndr_LsarCreateTrustedDomainEx3, lsa_create_trusted_ex3, SEALED },
};
/* clang-format on */

const struct nt_interface nt_lsarpc_interface = { &ndr_lsarpc, ops, NT_COUNT(ops) };
