/*
 * admin_machine.c - the accounts of member computers, through SAMR.
 * [MS-SAMR] 3.1.5.4.4, 3.1.5.6.4; 2.2.1.12 (control bits). And a member's own word, by LSARPC.
 */
#include "repair/admin_internal.h"

#include <stdio.h>

#include "domain/model.h"
#include "service/wire.h"

/* Force password, write and read account: no more, so that who may reset passwords may do this. */
#define MACHINE_CHANGE 0x000000B0u

static bool is_machine(const struct nt_admin_account *account)
{
    return account->type == NT_ADMIN_WORKSTATION || account->type == NT_ADMIN_SERVER;
}

/* The account is looked at before it is opened to be changed: it has to be a computer's. */
static bool open_machine(struct nt_admin *a, const char *computer, SAMPR_HANDLE *user,
                         struct nt_admin_account *account)
{
    if (!admin_open_domain(a, ADMIN_DOMAIN_READ) || !admin_read_account(a, computer, account))
        return false;
    if (!is_machine(account))
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_PARAMETER),
                          "%s$ at %s is a %s account, not a computer's: it is left alone", computer,
                          a->host, nt_admin_account_type_name(account->type));
    return admin_open_user(a, account->rid, MACHINE_CHANGE, user);
}

/* Its control bits stay, but for the one that shuts it out. */
static bool enable(struct nt_admin *a, SAMPR_HANDLE user, uint32_t control)
{
    SAMPR_USER_INFO_BUFFER info = { 0 };
    info.Control.UserAccountControl = control & ~(uint32_t)NT_ACB_DISABLED;
    return admin_set_info(a, user, UserControlInformation, &info);
}

bool nt_admin_machine_may_set(struct nt_admin *a, const char *computer)
{
    SAMPR_HANDLE user = { 0 };
    struct nt_admin_account account;
    admin_begin(a);
    bool ok = open_machine(a, computer, &user, &account);
    if (ok)
        admin_close_handle(a, user);
    else if (a->error.kind == NT_ADMIN_MISSING)
        ok = admin_open_domain(a, ADMIN_DOMAIN_CHANGE);
    return ok;
}

bool nt_admin_machine_set(struct nt_admin *a, const char *computer,
                          const struct nt_password *password)
{
    SAMPR_HANDLE user = { 0 };
    struct nt_admin_account account;
    admin_begin(a);
    if (!open_machine(a, computer, &user, &account))
        return false;
    bool ok = admin_set_password(a, user, password) &&
              (!account.disabled || enable(a, user, account.control));
    admin_close_handle(a, user);
    return ok;
}

bool nt_admin_machine_create(struct nt_admin *a, const char *computer,
                             const struct nt_password *password)
{
    RPC_UNICODE_STRING name;
    SAMPR_HANDLE user = { 0 };
    admin_begin(a);
    if (!admin_open_domain(a, ADMIN_DOMAIN_CHANGE) || !admin_account_name(a, computer, &name) ||
        !admin_create_user(a, &name, NT_ACB_WORKSTATION, &user))
        return false;
    bool ok = admin_set_password(a, user, password) && enable(a, user, NT_ACB_WORKSTATION);
    if (ok)
        admin_close_handle(a, user);
    else
        admin_delete_user(a, user); /* an account without its password is of no use to anybody */
    return ok;
}

bool nt_admin_member_of(struct nt_admin *a, struct nt_admin_domain *out)
{
    const LSAPR_POLICY_INFORMATION *info;
    *out = (struct nt_admin_domain){ .name = "" };
    admin_begin(a);
    if (!admin_query_policy(a, PolicyPrimaryDomainInformation, &info))
        return false;
    if (info == NULL ||
        !admin_take_name(a, &info->PolicyPrimaryDomainInfo.Name, out->name, sizeof out->name) ||
        !nt_rpc_sid_get(info->PolicyPrimaryDomainInfo.Sid, &out->sid))
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_NETWORK_RESPONSE),
                          "%s does not say which domain it belongs to", a->host);
    return true;
}
