/*
 * netlogon_control.c - NetrLogonControl, 2 and 2Ex: the state of the trusts, and what an
 * administrator can order done about one. Source: [MS-NRPC] 3.5.4.9.1-3, 2.2.1.7.
 */
#include <string.h>

#include "base/log.h"
#include "base/utf16.h"
#include "service/logon.h"
#include "service/lsa_common.h"
#include "service/netlogon_internal.h"

enum function {
    CONTROL_QUERY = 1,
    CONTROL_REDISCOVER = 5,
    CONTROL_TC_QUERY = 6,
    CONTROL_CHANGE_PASSWORD = 9,
    CONTROL_TC_VERIFY = 10
};

enum { INFO_VERIFIED = 0x80 }; /* netlog2_pdc_connection_status is what verifying gave */

#define DIRECTION_OUTBOUND 2u

/* One call, whichever of the three it is. */
struct control {
    uint32_t function, level;
    NETLOGON_CONTROL_QUERY_INFORMATION *out;
    struct nt_forward fwd;
};

uint32_t nl_werr_of(ntstatus status)
{
    static const struct {
        int status;
        uint32_t werr;
    } map[] = {
        { NT_STATUS_CODE_SUCCESS, NT_WERR_OK },
        { NT_STATUS_CODE_ACCESS_DENIED, NT_WERR_ACCESS_DENIED },
        { NT_STATUS_CODE_NO_MEMORY, NT_WERR_NOT_ENOUGH_MEMORY },
        { NT_STATUS_CODE_NOT_SUPPORTED, NT_WERR_NOT_SUPPORTED },
        { NT_STATUS_CODE_INVALID_PARAMETER, NT_WERR_INVALID_PARAMETER },
        { NT_STATUS_CODE_WRONG_PASSWORD, 86 },
        { NT_STATUS_CODE_LOGON_FAILURE, NT_WERR_LOGON_FAILURE },
        { NT_STATUS_CODE_ACCOUNT_DISABLED, 1331 },
        { NT_STATUS_CODE_NO_SUCH_DOMAIN, NT_WERR_NO_SUCH_DOMAIN },
        { NT_STATUS_CODE_DOMAIN_CONTROLLER_NOT_FOUND, 1908 },
        { NT_STATUS_CODE_NO_TRUST_LSA_SECRET, NT_WERR_NO_TRUST_LSA_SECRET },
        { NT_STATUS_CODE_NO_TRUST_SAM_ACCOUNT, NT_WERR_NO_TRUST_SAM_ACCOUNT },
        { NT_STATUS_CODE_TRUSTED_DOMAIN_FAILURE, NT_WERR_TRUSTED_DOMAIN_FAILURE },
        { NT_STATUS_CODE_TRUSTED_RELATIONSHIP_FAILURE, NT_WERR_TRUSTED_RELATIONSHIP_FAILURE },
        { NT_STATUS_CODE_TRUST_FAILURE, 1790 },
        { NT_STATUS_CODE_DOMAIN_TRUST_INCONSISTENT, 1810 },
        { NT_STATUS_CODE_DOWNGRADE_DETECTED, 1265 },
        { NT_STATUS_CODE_TIME_DIFFERENCE_AT_DC, 1398 },
    };
    for (size_t i = 0; i < NT_COUNT(map); i++)
        if ((uint32_t)map[i].status == status.code)
            return map[i].werr;
    return NT_WERR_NO_LOGON_SERVERS;
}

/* Fills the answer of the level that was asked for. */
static ntstatus put_info(struct nt_call *call, const struct control *c, uint32_t tc_status,
                         const char *dc_name)
{
    bool verified = c->function == CONTROL_TC_VERIFY;
    const char *unc = dc_name[0] != '\0' ? nt_arena_printf(&call->arena, "\\\\%s", dc_name) : "";
    uint16_t *name = unc != NULL ? nt_call_utf16(call, unc) : NULL;
    if (name == NULL)
        return nl_nomem(call);

    switch (c->level) {
    case 1: {
        NETLOGON_INFO_1 *info = nt_arena_alloc(&call->arena, sizeof *info);
        if (info == NULL)
            return nl_nomem(call);
        info->netlog1_flags = verified ? INFO_VERIFIED : 0;
        info->netlog1_pdc_connection_status = tc_status;
        c->out->NetlogonInfo1 = info;
        break;
    }
    case 2: {
        NETLOGON_INFO_2 *info = nt_arena_alloc(&call->arena, sizeof *info);
        if (info == NULL)
            return nl_nomem(call);
        info->netlog2_flags = verified ? INFO_VERIFIED : 0;
        info->netlog2_pdc_connection_status = verified ? tc_status : 0;
        info->netlog2_trusted_dc_name = name;
        info->netlog2_tc_connection_status = tc_status;
        c->out->NetlogonInfo2 = info;
        break;
    }
    default: {
        NETLOGON_INFO_3 *info = nt_arena_alloc(&call->arena, sizeof *info);
        if (info == NULL)
            return nl_nomem(call);
        c->out->NetlogonInfo3 = info;
        break;
    }
    }
    return nt_werr(NT_WERR_OK);
}

static ntstatus forwarded(struct nt_call *call, void *args, ntstatus status)
{
    struct control *c = call->state;
    (void)args;
    nt_log(NT_LOG_INFO, "control function=%u domain=%s peer=%s result=%s", c->function,
           c->fwd.domain, nt_conn_peer(call->conn), nt_status_name(status));
    /* The order was carried out; what came of it stands in the answer. */
    return put_info(call, c, nl_werr_of(status), c->fwd.dc_name);
}

/* What names a trusted domain: rediscover may carry a controller behind a backslash, which is left
 * out, since no caller's text decides whom we connect to. */
static const struct nt_tdo *find_trust(struct nt_call *call, const uint16_t *text)
{
    const char *given = nt_call_text(call, text);
    char *name = given != NULL ? nt_arena_strdup(&call->arena, given) : NULL;
    if (name == NULL)
        return NULL;
    char *slash = strchr(name, '\\');
    if (slash != NULL)
        *slash = '\0';
    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, name);
    return tdo != NULL && (tdo->direction & DIRECTION_OUTBOUND) != 0 ? tdo : NULL;
}

static ntstatus of_trust(struct nt_call *call, struct control *c, const uint16_t *domain)
{
    static const enum nt_forward_kind kinds[] = {
        [CONTROL_REDISCOVER] = NT_FORWARD_REDISCOVER,
        [CONTROL_TC_QUERY] = NT_FORWARD_QUERY,
        [CONTROL_CHANGE_PASSWORD] = NT_FORWARD_ROTATE,
        [CONTROL_TC_VERIFY] = NT_FORWARD_VERIFY,
    };
    /* Asking is for every authenticated caller, ordering for administrators. */
    enum nt_caller least = c->function == CONTROL_TC_QUERY ? NT_CALLER_USER : NT_CALLER_ADMIN;
    if (nt_caller_of(call) < least)
        return nt_werr(NT_WERR_ACCESS_DENIED);
    if (c->function == CONTROL_CHANGE_PASSWORD ? c->level != 1 : c->level > 2)
        return nt_werr(NT_WERR_INVALID_PARAMETER);
    if (domain == NULL)
        return nt_werr(NT_WERR_INVALID_PARAMETER);

    const struct nt_tdo *tdo = find_trust(call, domain);
    if (tdo == NULL)
        return c->function == CONTROL_CHANGE_PASSWORD
                   ? nt_werr(NT_WERR_NO_SUCH_DOMAIN)
                   : put_info(call, c, NT_WERR_NO_SUCH_DOMAIN, "");
    c->fwd.kind = kinds[c->function];
    c->fwd.domain = nt_arena_strdup(&call->arena, tdo->name);
    c->fwd.arena = &call->arena;
    if (c->fwd.domain == NULL)
        return nl_nomem(call);
    return nt_call_forward(call, &c->fwd, forwarded);
}

static ntstatus control(struct nt_call *call, uint32_t function, uint32_t level,
                        const uint16_t *domain, NETLOGON_CONTROL_QUERY_INFORMATION *out)
{
    struct control *c = nt_arena_alloc(&call->arena, sizeof *c);
    if (c == NULL)
        return nl_nomem(call);
    c->function = function;
    c->level = level;
    c->out = out;
    call->state = c;

    if (level < 1 || level > 4)
        return nt_werr(NT_WERR_INVALID_LEVEL);
    switch (function) {
    case CONTROL_QUERY:
        return level <= 3 ? put_info(call, c, NT_WERR_OK, "") : nt_werr(NT_WERR_INVALID_PARAMETER);
    case CONTROL_REDISCOVER:
    case CONTROL_TC_QUERY:
    case CONTROL_CHANGE_PASSWORD:
    case CONTROL_TC_VERIFY:
        return of_trust(call, c, domain);
    default:
        return nt_werr(NT_WERR_NOT_SUPPORTED);
    }
}

/* The oldest form knows queries of level 1; NT-style controllers answer level 2 with
 * ERROR_NOT_SUPPORTED, which winbindd takes as a sign of life. */
ntstatus nl_control(struct nt_call *call, void *args)
{
    struct NetrLogonControl *a = args;
    if (a->FunctionCode != CONTROL_QUERY || a->QueryLevel != 1)
        return nt_werr(NT_WERR_NOT_SUPPORTED);
    return control(call, a->FunctionCode, a->QueryLevel, NULL, &a->Buffer);
}

static bool names_domain(uint32_t function)
{
    return function == CONTROL_REDISCOVER || function == CONTROL_TC_QUERY ||
           function == CONTROL_CHANGE_PASSWORD || function == CONTROL_TC_VERIFY;
}

ntstatus nl_control2(struct nt_call *call, void *args)
{
    struct NetrLogonControl2 *a = args;
    return control(call, a->FunctionCode, a->QueryLevel,
                   names_domain(a->FunctionCode) ? a->Data.TrustedDomainName : NULL, &a->Buffer);
}

ntstatus nl_control2_ex(struct nt_call *call, void *args)
{
    struct NetrLogonControl2Ex *a = args;
    return control(call, a->FunctionCode, a->QueryLevel,
                   names_domain(a->FunctionCode) ? a->Data.TrustedDomainName : NULL, &a->Buffer);
}
