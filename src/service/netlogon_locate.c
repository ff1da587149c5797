/*
 * netlogon_locate.c - where a domain's controller is, as an NT-style domain answers: this
 * controller for its own domain, the one that is known for a trusted domain.
 * Source: [MS-NRPC] 3.5.4.3, 2.2.1.2.1.
 */
#include "base/utf16.h"
#include "service/logon.h"
#include "service/netlogon_internal.h"
#include "service/tower.h"

/* Flags that a caller may ask for, [MS-NRPC] 3.5.4.3.1: those that only a directory service has. */
enum locate_flags {
    DS_DIRECTORY_SERVICE_REQUIRED = 0x00000010,
    DS_GC_SERVER_REQUIRED = 0x00000040,
    DS_KDC_REQUIRED = 0x00000400,
    DS_ONLY_LDAP_NEEDED = 0x00008000,
    DS_WEB_SERVICE_REQUIRED = 0x00100000,
    DS_DIRECTORY_ONLY = DS_DIRECTORY_SERVICE_REQUIRED | DS_GC_SERVER_REQUIRED | DS_KDC_REQUIRED |
                        DS_ONLY_LDAP_NEEDED | DS_WEB_SERVICE_REQUIRED
};

enum { DS_PDC_FLAG = 1, ADDRESS_INET = 1, ADDRESS_NETBIOS = 2, DIRECTION_OUTBOUND = 2 };

/* A question on its way to the outbound side. */
struct locate {
    struct nt_forward fwd;
    uint16_t **name;                /* GetDCName, GetAnyDCName */
    DOMAIN_CONTROLLER_INFOW **info; /* DsrGetDcName */
    enum nt_werror missing;
};

static bool own_domain(const struct nt_domain *domain, const char *name)
{
    return name[0] == '\0' || nt_name_equal(name, domain->name) ||
           (domain->dns_name[0] != '\0' && nt_name_equal(name, domain->dns_name));
}

static ntstatus put_name(struct nt_call *call, const char *dc, uint16_t **out)
{
    char *unc = nt_arena_printf(&call->arena, "\\\\%s", dc);
    *out = unc != NULL ? nt_call_utf16(call, unc) : NULL;
    return *out != NULL ? nt_werr(NT_WERR_OK) : nl_nomem(call);
}

static ntstatus put_info(struct nt_call *call, const char *dc, const char *domain, bool own,
                         DOMAIN_CONTROLLER_INFOW **out)
{
    uint32_t ip = 0;
    bool inet = own && nt_tower_address(nt_conn_local(call->conn), &ip);
    DOMAIN_CONTROLLER_INFOW *info = nt_arena_alloc(&call->arena, sizeof *info);
    char *address = inet ? nt_arena_printf(&call->arena, "\\\\%u.%u.%u.%u", ip >> 24,
                                           ip >> 16 & 255, ip >> 8 & 255, ip & 255)
                         : nt_arena_printf(&call->arena, "\\\\%s", dc);
    if (info == NULL || address == NULL)
        return nl_nomem(call);
    ntstatus status = put_name(call, dc, &info->DomainControllerName);
    info->DomainControllerAddress = nt_call_utf16(call, address);
    info->DomainControllerAddressType = inet ? ADDRESS_INET : ADDRESS_NETBIOS;
    info->DomainName = nt_call_utf16(call, domain);
    if (info->DomainControllerAddress == NULL || info->DomainName == NULL)
        return nl_nomem(call);
    info->Flags = own ? DS_PDC_FLAG : 0;
    *out = info;
    return status;
}

static ntstatus located(struct nt_call *call, void *args, ntstatus status)
{
    struct locate *l = call->state;
    (void)args;
    (void)status; /* a controller may be known though the channel to it is not up */
    if (l->fwd.dc_name[0] == '\0')
        return nt_werr(l->missing);
    if (l->name != NULL)
        return put_name(call, l->fwd.dc_name, l->name);
    return put_info(call, l->fwd.dc_name, l->fwd.domain, false, l->info);
}

/* Answers from what is known; nothing is looked for on the network on a caller's word. */
static ntstatus locate(struct nt_call *call, const uint16_t *domain_name, uint16_t **name,
                       DOMAIN_CONTROLLER_INFOW **info, enum nt_werror missing)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    const char *asked = nt_call_text(call, domain_name);
    if (asked == NULL)
        return nl_nomem(call);
    if (domain == NULL)
        return nt_werr(missing);
    const char *own = nt_service_computer(call->service, call->dir);
    if (own_domain(domain, asked))
        return name != NULL ? put_name(call, own, name)
                            : put_info(call, own, domain->name, true, info);

    const struct nt_tdo *tdo = nt_dir_tdo(call->dir, asked);
    if (tdo == NULL || (tdo->direction & DIRECTION_OUTBOUND) == 0)
        return nt_werr(missing);
    struct locate *l = nt_arena_alloc(&call->arena, sizeof *l);
    char *tdo_name = nt_arena_strdup(&call->arena, tdo->name);
    if (l == NULL || tdo_name == NULL)
        return nl_nomem(call);
    *l = (struct locate){ .name = name, .info = info, .missing = missing };
    l->fwd = (struct nt_forward){ .kind = NT_FORWARD_QUERY, .domain = tdo_name };
    l->fwd.arena = &call->arena;
    call->state = l;
    return nt_call_forward(call, &l->fwd, located);
}

ntstatus nl_get_dc_name(struct nt_call *call, void *args)
{
    struct NetrGetDCName *a = args;
    return locate(call, a->DomainName, &a->Buffer, NULL, NT_WERR_DCNOTFOUND);
}

ntstatus nl_get_any_dc_name(struct nt_call *call, void *args)
{
    struct NetrGetAnyDCName *a = args;
    return locate(call, a->DomainName, &a->Buffer, NULL, NT_WERR_NO_SUCH_DOMAIN);
}

static ntstatus dsr_get_dc_name(struct nt_call *call, const uint16_t *domain, uint32_t flags,
                                DOMAIN_CONTROLLER_INFOW **info)
{
    if ((flags & DS_DIRECTORY_ONLY) != 0)
        return nt_werr(NT_WERR_NO_SUCH_DOMAIN); /* no directory service here */
    return locate(call, domain, NULL, info, NT_WERR_NO_SUCH_DOMAIN);
}

ntstatus nl_dsr_get_dc_name(struct nt_call *call, void *args)
{
    struct DsrGetDcName *a = args;
    return dsr_get_dc_name(call, a->DomainName, a->Flags, &a->DomainControllerInfo);
}

ntstatus nl_dsr_get_dc_name_ex(struct nt_call *call, void *args)
{
    struct DsrGetDcNameEx *a = args;
    return dsr_get_dc_name(call, a->DomainName, a->Flags, &a->DomainControllerInfo);
}

/* Deviation: AccountName is not looked up, since anonymous callers could learn by it which
 * accounts exist. */
ntstatus nl_dsr_get_dc_name_ex2(struct nt_call *call, void *args)
{
    struct DsrGetDcNameEx2 *a = args;
    return dsr_get_dc_name(call, a->DomainName, a->Flags, &a->DomainControllerInfo);
}

ntstatus nl_dsr_get_site_name(struct nt_call *call, void *args)
{
    (void)call;
    (void)args;
    return nt_werr(NT_WERR_NO_SITENAME);
}
