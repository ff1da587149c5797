/*
 * dssetup.c - which role this computer has: clients that find no directory service here go on as
 * with an NT-style domain. [MS-DSSP] 3.2.5.1
 */
#include "idl/dssetup.h"

#include "service/service_internal.h"

static ntstatus put_basic(struct nt_call *call, DSROLER_PRIMARY_DOMAIN_INFO_BASIC *out)
{
    /* No flag: no directory service runs, and an NT-style domain has no GUID. */
    *out = (DSROLER_PRIMARY_DOMAIN_INFO_BASIC){
        .MachineRole = DsRole_RolePrimaryDomainController,
        .DomainNameFlat = nt_call_utf16(call, nt_dir_domain(call->dir)->name),
    };
    return out->DomainNameFlat != NULL ? nt_werr(NT_WERR_OK)
                                       : nt_call_fault(call, NT_FAULT_NO_MEMORY);
}

/* The first level is for everybody, who may ask before a logon; the others are for administrators.
 */
static ntstatus get_primary_domain_information(struct nt_call *call, void *args)
{
    struct DsRolerGetPrimaryDomainInformation *a = args;
    bool basic = a->InfoLevel == DsRolePrimaryDomainInfoBasic;
    if (!basic && !nt_token_is_admin(call->token))
        return nt_werr(NT_WERR_ACCESS_DENIED);
    a->DomainInfo = nt_arena_alloc(&call->arena, sizeof *a->DomainInfo);
    if (a->DomainInfo == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    switch (a->InfoLevel) {
    case DsRolePrimaryDomainInfoBasic:
        return put_basic(call, &a->DomainInfo->DomainInfoBasic);
    case DsRoleUpgradeStatus: /* zeros: none is under way, from no earlier role */
    case DsRoleOperationState:
        return nt_werr(NT_WERR_OK);
    default:
        a->DomainInfo = NULL;
        return nt_werr(NT_WERR_INVALID_PARAMETER);
    }
}

static const struct nt_op ops[] = {
    [0] = { &ndr_DsRolerGetPrimaryDomainInformation, get_primary_domain_information,
            NT_NEEDS_NOTHING },
};

const struct nt_interface nt_dssetup_interface = { &ndr_dssetup, ops, NT_COUNT(ops) };
