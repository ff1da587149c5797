/*
 * srvsvc.c - the Server Service: the one share there is, what kind of server this is, the time of
 * day. [MS-SRVS] 3.1.4
 */
#include <time.h>

#include "base/utf16.h"
#include "idl/srvsvc.h"

#include "service/service_internal.h"

#define SHARE_NAME   "IPC$"
#define SHARE_REMARK "Named pipes of the domain controller"

/* [MS-SRVS] 2.2.2.4 (STYPE_IPC | STYPE_SPECIAL), 2.2.2.7 (workstation, server, domain controller,
 * Windows NT), 2.2.2.6; the version is that of an NT-style controller. */
enum { STYPE_IPC_SPECIAL = (int)0x80000003, UNLIMITED = -1 };
enum { SV_TYPE = 0x0000100B, PLATFORM_NT = 500, VERSION_MAJOR = 4, VERSION_MINOR = 0 };
enum { NO_DISCONNECT = -1, ANNOUNCE_S = 240, ANNOUNCE_DELTA_MS = 3000 };

/* --- shares --- */

/* IPC$ with all that is told of it; the levels take their parts. False: no memory. */
static bool ipc(struct nt_call *call, SHARE_INFO_502_I *out)
{
    *out = (SHARE_INFO_502_I){
        .shi502_netname = nt_call_utf16(call, SHARE_NAME),
        .shi502_type = (DWORD)STYPE_IPC_SPECIAL,
        .shi502_remark = nt_call_utf16(call, SHARE_REMARK),
        .shi502_max_uses = (DWORD)UNLIMITED,
        .shi502_path = nt_call_utf16(call, ""),
    };
    return out->shi502_netname != NULL && out->shi502_remark != NULL && out->shi502_path != NULL;
}

/* One of what a level describes, in the arena; NULL: no memory. */
static void *share_of_level(struct nt_call *call, uint32_t level)
{
    SHARE_INFO_502_I s;
    union {
        SHARE_INFO_0 level0;
        SHARE_INFO_1 level1;
        SHARE_INFO_2 level2;
        SHARE_INFO_501 level501;
        SHARE_INFO_502_I level502;
        SHARE_INFO_1005 level1005;
    } *out = nt_arena_alloc(&call->arena, sizeof *out);
    if (out == NULL || !ipc(call, &s))
        return NULL;
    switch (level) {
    case 0:
        out->level0 = (SHARE_INFO_0){ s.shi502_netname };
        break;
    case 1:
        out->level1 = (SHARE_INFO_1){ s.shi502_netname, s.shi502_type, s.shi502_remark };
        break;
    case 2:
        out->level2 = (SHARE_INFO_2){ .shi2_netname = s.shi502_netname,
                                      .shi2_type = s.shi502_type,
                                      .shi2_remark = s.shi502_remark,
                                      .shi2_max_uses = s.shi502_max_uses,
                                      .shi2_path = s.shi502_path };
        break;
    case 501:
        out->level501 = (SHARE_INFO_501){ s.shi502_netname, s.shi502_type, s.shi502_remark, 0 };
        break;
    case 502:
        out->level502 = s;
        break;
    default: /* 1005: no flags */
        break;
    }
    return out;
}

/* Levels with paths are for administrators, 3.1.4.8 and 3.1.4.10. */
static enum nt_werror may_see(const struct nt_call *call, uint32_t level)
{
    switch (level) {
    case 0:
    case 1:
    case 501:
    case 1005:
        return nt_token_is_anonymous(call->token) ? NT_WERR_ACCESS_DENIED : NT_WERR_OK;
    case 2:
    case 502:
        return nt_token_is_admin(call->token) ? NT_WERR_OK : NT_WERR_ACCESS_DENIED;
    default:
        return NT_WERR_INVALID_LEVEL;
    }
}

/* 3.1.4.8. Only one share: it always fits, and there is nothing to resume behind it. */
static ntstatus share_enum(struct nt_call *call, SHARE_ENUM_STRUCT *list, DWORD *total,
                           DWORD *resume)
{
    enum nt_werror werr = may_see(call, list->Level);
    SHARE_ENUM_UNION *u = &list->ShareInfo;
    if (werr == NT_WERR_OK && list->Level == 1005)
        werr = NT_WERR_INVALID_LEVEL;
    if (werr == NT_WERR_OK && u->Level0 == NULL) /* a pointer at every level */
        werr = NT_WERR_INVALID_PARAMETER;
    if (werr != NT_WERR_OK) {
        *u = (SHARE_ENUM_UNION){ 0 };
        return nt_werr(werr);
    }
    void *share = share_of_level(call, list->Level);
    uint32_t count = resume != NULL && *resume > 0 ? 0 : 1;
    if (share == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    switch (list->Level) {
    case 0:
        *u->Level0 = (SHARE_INFO_0_CONTAINER){ count, share };
        break;
    case 1:
        *u->Level1 = (SHARE_INFO_1_CONTAINER){ count, share };
        break;
    case 2:
        *u->Level2 = (SHARE_INFO_2_CONTAINER){ count, share };
        break;
    case 501:
        *u->Level501 = (SHARE_INFO_501_CONTAINER){ count, share };
        break;
    default:
        *u->Level502 = (SHARE_INFO_502_CONTAINER){ count, share };
        break;
    }
    *total = count;
    if (resume != NULL)
        *resume = 0;
    return nt_werr(NT_WERR_OK);
}

static ntstatus serve_share_enum(struct nt_call *call, void *args)
{
    struct NetrShareEnum *a = args;
    return share_enum(call, &a->InfoStruct, &a->TotalEntries, a->ResumeHandle);
}

/* 3.1.4.9: those that outlive a restart; IPC$ is made anew at each. */
static ntstatus serve_share_enum_sticky(struct nt_call *call, void *args)
{
    struct NetrShareEnumSticky *a = args;
    ntstatus status = share_enum(call, &a->InfoStruct, &a->TotalEntries, a->ResumeHandle);
    if (status.code == NT_WERR_OK && call->fault == NT_FAULT_NONE) {
        a->InfoStruct.ShareInfo.Level0->EntriesRead = 0; /* the first member at every level */
        a->TotalEntries = 0;
    }
    return status;
}

/* 3.1.4.10 */
static ntstatus serve_share_get_info(struct nt_call *call, void *args)
{
    struct NetrShareGetInfo *a = args;
    enum nt_werror werr = may_see(call, a->Level);
    if (werr != NT_WERR_OK)
        return nt_werr(werr);
    const char *name = nt_call_text(call, a->NetName);
    if (name == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    if (!nt_name_equal(name, SHARE_NAME))
        return nt_werr(NT_WERR_NET_NAME_NOT_FOUND);
    a->InfoStruct.ShareInfo0 = share_of_level(call, a->Level); /* a pointer at every level */
    return a->InfoStruct.ShareInfo0 != NULL ? nt_werr(NT_WERR_OK)
                                            : nt_call_fault(call, NT_FAULT_NO_MEMORY);
}

/* --- sessions --- */

/* 3.1.4.5. The sessions of others are for administrators, and those have `ntrust status`: no list
 * is kept for this call. */
static ntstatus serve_session_enum(struct nt_call *call, void *args)
{
    struct NetrSessionEnum *a = args;
    a->InfoStruct.SessionInfo = (SESSION_ENUM_UNION){ 0 };
    return nt_werr(nt_token_is_admin(call->token) ? NT_WERR_NOT_SUPPORTED : NT_WERR_ACCESS_DENIED);
}

/* --- the server --- */

/* 3.1.4.17 */
static ntstatus serve_server_get_info(struct nt_call *call, void *args)
{
    struct NetrServerGetInfo *a = args;
    if (nt_token_is_anonymous(call->token) || (a->Level == 102 && !nt_token_is_admin(call->token)))
        return nt_werr(NT_WERR_ACCESS_DENIED);
    SERVER_INFO_102 *all = nt_arena_alloc(&call->arena, sizeof *all);
    SERVER_INFO_101 *some = nt_arena_alloc(&call->arena, sizeof *some);
    SERVER_INFO_100 *least = nt_arena_alloc(&call->arena, sizeof *least);
    uint16_t *name = nt_call_utf16(call, nt_service_computer(call->service, call->dir));
    uint16_t *empty = nt_call_utf16(call, "");
    if (all == NULL || some == NULL || least == NULL || name == NULL || empty == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    switch (a->Level) {
    case 100:
        *least = (SERVER_INFO_100){ PLATFORM_NT, name };
        a->InfoStruct.ServerInfo100 = least;
        return nt_werr(NT_WERR_OK);
    case 101:
        *some =
            (SERVER_INFO_101){ PLATFORM_NT, name, VERSION_MAJOR, VERSION_MINOR, SV_TYPE, empty };
        a->InfoStruct.ServerInfo101 = some;
        return nt_werr(NT_WERR_OK);
    case 102:
        *all = (SERVER_INFO_102){ .sv102_platform_id = PLATFORM_NT,
                                  .sv102_name = name,
                                  .sv102_version_major = VERSION_MAJOR,
                                  .sv102_version_minor = VERSION_MINOR,
                                  .sv102_type = SV_TYPE,
                                  .sv102_comment = empty,
                                  .sv102_users = (DWORD)UNLIMITED,
                                  .sv102_disc = NO_DISCONNECT,
                                  .sv102_announce = ANNOUNCE_S,
                                  .sv102_anndelta = ANNOUNCE_DELTA_MS,
                                  .sv102_userpath = empty };
        a->InfoStruct.ServerInfo102 = all;
        return nt_werr(NT_WERR_OK);
    default:
        return nt_werr(NT_WERR_INVALID_LEVEL);
    }
}

/* 3.1.4.21, in UTC: the server's zone is not told. 2.2.4.105 for the units. */
static ntstatus serve_remote_tod(struct nt_call *call, void *args)
{
    struct NetrRemoteTOD *a = args;
    nt_time now = nt_now(call->service->env);
    time_t unix_s = (time_t)nt_time_to_unix(now);
    uint32_t ms = (uint32_t)(now / (NT_TIME_SECOND / 1000) % 1000);
    struct tm tm;
    a->BufferPtr = nt_arena_alloc(&call->arena, sizeof *a->BufferPtr);
    if (a->BufferPtr == NULL || gmtime_r(&unix_s, &tm) == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    *a->BufferPtr = (TIME_OF_DAY_INFO){ .tod_elapsedt = (DWORD)unix_s,
                                        .tod_msecs = (DWORD)((uint64_t)unix_s * 1000 + ms),
                                        .tod_hours = (DWORD)tm.tm_hour,
                                        .tod_mins = (DWORD)tm.tm_min,
                                        .tod_secs = (DWORD)tm.tm_sec,
                                        .tod_hunds = ms / 10,
                                        .tod_timezone = -1,
                                        .tod_tinterval = 10, /* 0.1 ms each */
                                        .tod_day = (DWORD)tm.tm_mday,
                                        .tod_month = (DWORD)tm.tm_mon + 1,
                                        .tod_year = (DWORD)tm.tm_year + 1900,
                                        .tod_weekday = (DWORD)tm.tm_wday };
    return nt_werr(NT_WERR_OK);
}

/* clang-format off: a table */
static const struct nt_op ops[] = {
    [12] = { &ndr_NetrSessionEnum, serve_session_enum, NT_NEEDS_NOTHING },
    [15] = { &ndr_NetrShareEnum, serve_share_enum, NT_NEEDS_NOTHING },
    [16] = { &ndr_NetrShareGetInfo, serve_share_get_info, NT_NEEDS_NOTHING },
    [21] = { &ndr_NetrServerGetInfo, serve_server_get_info, NT_NEEDS_NOTHING },
    [28] = { &ndr_NetrRemoteTOD, serve_remote_tod, NT_NEEDS_AUTH },
    [36] = { &ndr_NetrShareEnumSticky, serve_share_enum_sticky, NT_NEEDS_NOTHING },
};
/* clang-format on */

const struct nt_interface nt_srvsvc_interface = { &ndr_srvsvc, ops, NT_COUNT(ops) };
