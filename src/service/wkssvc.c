/*
 * wkssvc.c - the Workstation Service: what this computer is and which domain it belongs to.
 * [MS-WKST] 3.2.4
 */
#include "idl/wkssvc.h"

#include "service/service_internal.h"

/* What an NT-style controller says it runs: Windows NT 4.0. [MS-WKST] 2.2.5.1 */
enum { PLATFORM_NT = 500, VERSION_MAJOR = 4, VERSION_MINOR = 0 };

/* All levels begin alike, in this order of members. */
static bool put_common(struct nt_call *call, WKSTA_INFO_102 *out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    out->wki102_platform_id = PLATFORM_NT;
    out->wki102_computername = nt_call_utf16(call, nt_service_computer(call->service, call->dir));
    out->wki102_langroup = nt_call_utf16(call, domain->name);
    out->wki102_ver_major = VERSION_MAJOR;
    out->wki102_ver_minor = VERSION_MINOR;
    out->wki102_lanroot = nt_call_utf16(call, "");
    return out->wki102_computername != NULL && out->wki102_langroup != NULL &&
           out->wki102_lanroot != NULL;
}

static ntstatus put_100(struct nt_call *call, const WKSTA_INFO_102 *all, WKSTA_INFO_100 **out)
{
    *out = nt_arena_alloc(&call->arena, sizeof **out);
    if (*out == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    **out = (WKSTA_INFO_100){ .wki100_platform_id = all->wki102_platform_id,
                              .wki100_computername = all->wki102_computername,
                              .wki100_langroup = all->wki102_langroup,
                              .wki100_ver_major = all->wki102_ver_major,
                              .wki100_ver_minor = all->wki102_ver_minor };
    return nt_werr(NT_WERR_OK);
}

static ntstatus put_101(struct nt_call *call, const WKSTA_INFO_102 *all, WKSTA_INFO_101 **out)
{
    *out = nt_arena_alloc(&call->arena, sizeof **out);
    if (*out == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    **out = (WKSTA_INFO_101){ .wki101_platform_id = all->wki102_platform_id,
                              .wki101_computername = all->wki102_computername,
                              .wki101_langroup = all->wki102_langroup,
                              .wki101_ver_major = all->wki102_ver_major,
                              .wki101_ver_minor = all->wki102_ver_minor,
                              .wki101_lanroot = all->wki102_lanroot };
    return nt_werr(NT_WERR_OK);
}

/* 3.2.4.1. The last level tells how many are logged on there, which is for administrators. */
static ntstatus get_info(struct nt_call *call, void *args)
{
    struct NetrWkstaGetInfo *a = args;
    WKSTA_INFO_102 *all = nt_arena_alloc(&call->arena, sizeof *all);
    if (nt_token_is_anonymous(call->token) || (a->Level == 102 && !nt_token_is_admin(call->token)))
        return nt_werr(NT_WERR_ACCESS_DENIED);
    if (all == NULL || !put_common(call, all))
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    switch (a->Level) {
    case 100:
        return put_100(call, all, &a->WkstaInfo.WkstaInfo100);
    case 101:
        return put_101(call, all, &a->WkstaInfo.WkstaInfo101);
    case 102:
        a->WkstaInfo.WkstaInfo102 = all;
        return nt_werr(NT_WERR_OK);
    default:
        return nt_werr(NT_WERR_INVALID_LEVEL);
    }
}

/* 3.2.4.3. Nobody is ever logged on at this computer itself: the list is empty. */
static ntstatus user_enum(struct nt_call *call, void *args)
{
    struct NetrWkstaUserEnum *a = args;
    WKSTA_USER_ENUM_UNION *list = &a->UserInfo.WkstaUserInfo;
    if (!nt_token_is_admin(call->token))
        return nt_werr(NT_WERR_ACCESS_DENIED);
    if (a->UserInfo.Level > 1)
        return nt_werr(NT_WERR_INVALID_LEVEL);
    bool there = a->UserInfo.Level == 0 ? list->Level0 != NULL : list->Level1 != NULL;
    if (!there)
        return nt_werr(NT_WERR_INVALID_PARAMETER);
    if (a->UserInfo.Level == 0)
        *list->Level0 = (WKSTA_USER_INFO_0_CONTAINER){ 0 };
    else
        *list->Level1 = (WKSTA_USER_INFO_1_CONTAINER){ 0 };
    if (a->ResumeHandle != NULL)
        *a->ResumeHandle = 0;
    return nt_werr(NT_WERR_OK);
}

/* 3.2.4.14 */
static ntstatus get_join_information(struct nt_call *call, void *args)
{
    struct NetrGetJoinInformation *a = args;
    a->NameBuffer = nt_call_utf16(call, nt_dir_domain(call->dir)->name);
    a->BufferType = NetSetupDomainName;
    return a->NameBuffer != NULL ? nt_werr(NT_WERR_OK) : nt_call_fault(call, NT_FAULT_NO_MEMORY);
}

static const struct nt_op ops[] = {
    [0] = { &ndr_NetrWkstaGetInfo, get_info, NT_NEEDS_NOTHING },
    [2] = { &ndr_NetrWkstaUserEnum, user_enum, NT_NEEDS_NOTHING },
    [20] = { &ndr_NetrGetJoinInformation, get_join_information, NT_NEEDS_AUTH },
};

const struct nt_interface nt_wkssvc_interface = { &ndr_wkssvc, ops, NT_COUNT(ops) };
