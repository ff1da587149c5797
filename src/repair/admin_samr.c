/*
 * admin_samr.c - the domain and its interdomain trust accounts, through SAMR.
 * [MS-SAMR] 3.1.5.1, 3.1.5.4.4, 3.1.5.5.5, 3.1.5.6.4, 3.1.5.7.3
 */
#include "repair/admin_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "crypto/samr.h"
#include "domain/model.h"
#include "idl/samr.h"
#include "service/wire.h"

/* [MS-SAMR] 2.2.1.3, 2.2.1.4, 2.2.1.7 */
#define SERVER_READ    0x00000031u /* connect, enumerate, look up */
#define FIELD_PASSWORD 0x01000000u
#define ENUMERATE_MAX  0xFFFFu

/* --- the domain --- */

static bool connect_server(struct nt_admin *a)
{
    struct SamrConnect5 args = { .DesiredAccess = SERVER_READ, .InVersion = 1 };
    uint16_t nothing[] = { 0 };
    if (!nt_uuid_is_nil(&a->sam_server.uuid))
        return true;
    args.ServerName = nothing;
    args.InRevisionInfo.V1.Revision = 3;
    if (!admin_call(a, &a->samr, &ndr_SamrConnect5, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrConnect5, args.result);
    a->sam_server = args.ServerHandle;
    return true;
}

/* The first domain that is not the built-in one. */
static bool find_name(struct nt_admin *a, RPC_UNICODE_STRING *name)
{
    struct SamrEnumerateDomainsInSamServer args = { .ServerHandle = a->sam_server,
                                                    .PreferedMaximumLength = ENUMERATE_MAX };
    if (!admin_call(a, &a->samr, &ndr_SamrEnumerateDomainsInSamServer, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrEnumerateDomainsInSamServer, args.result);
    uint32_t count =
        args.Buffer != NULL && args.Buffer->Buffer != NULL ? args.Buffer->EntriesRead : 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *text = nt_unicode_get(&a->arena, &args.Buffer->Buffer[i].Name);
        if (text == NULL || *text == '\0' || !nt_text_ok(text) || nt_name_equal(text, "Builtin") ||
            strlen(text) >= sizeof a->who.name)
            continue;
        memcpy(a->who.name, text, strlen(text) + 1);
        *name = args.Buffer->Buffer[i].Name;
        return true;
    }
    return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(NO_SUCH_DOMAIN), "%s names no domain of its own",
                      a->host);
}

static bool learn_domain(struct nt_admin *a)
{
    struct SamrLookupDomainInSamServer args = { 0 };
    if (a->who_known)
        return true;
    if (!find_name(a, &args.Name))
        return false;
    args.ServerHandle = a->sam_server;
    if (!admin_call(a, &a->samr, &ndr_SamrLookupDomainInSamServer, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrLookupDomainInSamServer, args.result);
    if (!nt_rpc_sid_get(args.DomainId, &a->who.sid))
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_SID),
                          "%s gives no SID for its domain", a->host);
    a->who_known = true;
    return true;
}

bool nt_admin_domain(struct nt_admin *a, struct nt_admin_domain *out)
{
    admin_begin(a);
    if (!connect_server(a) || !learn_domain(a))
        return false;
    *out = a->who;
    return true;
}

bool admin_open_domain(struct nt_admin *a, uint32_t access)
{
    if ((a->sam_domain_access & access) == access)
        return true;
    if (!connect_server(a) || !learn_domain(a))
        return false;
    struct SamrOpenDomain args = { .ServerHandle = a->sam_server, .DesiredAccess = access };
    args.DomainId = nt_rpc_sid_put(&a->arena, &a->who.sid);
    if (args.DomainId == NULL)
        return admin_nomem(a);
    if (!admin_call(a, &a->samr, &ndr_SamrOpenDomain, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrOpenDomain, args.result);
    a->sam_domain = args.DomainHandle;
    a->sam_domain_access = access;
    return true;
}

bool nt_admin_may_change_accounts(struct nt_admin *a)
{
    admin_begin(a);
    return admin_open_domain(a, ADMIN_DOMAIN_CHANGE);
}

/* --- the account --- */

bool admin_account_name(struct nt_admin *a, const char *trusting, RPC_UNICODE_STRING *out)
{
    char name[NT_ADMIN_NAME + 1];
    snprintf(name, sizeof name, "%.*s$", NT_ADMIN_NAME - 1, trusting);
    return nt_unicode_put(&a->arena, name, out) || admin_nomem(a);
}

bool admin_find_account(struct nt_admin *a, const char *trusting, uint32_t *rid)
{
    RPC_UNICODE_STRING name;
    struct SamrLookupNamesInDomain args = { .Count = 1, .Names = &name };
    *rid = 0;
    if (!admin_open_domain(a, ADMIN_DOMAIN_READ) || !admin_account_name(a, trusting, &name))
        return false;
    args.DomainHandle = a->sam_domain;
    if (!admin_call(a, &a->samr, &ndr_SamrLookupNamesInDomain, &args))
        return false;
    if (nt_status_is(args.result, NT_STATUS(NONE_MAPPED)))
        return true;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrLookupNamesInDomain, args.result);
    if (args.RelativeIds.Count > 0 && args.RelativeIds.Element != NULL)
        *rid = args.RelativeIds.Element[0];
    return true;
}

bool admin_open_user(struct nt_admin *a, uint32_t rid, uint32_t access, SAMPR_HANDLE *out)
{
    struct SamrOpenUser args = { .DomainHandle = a->sam_domain,
                                 .DesiredAccess = access,
                                 .UserId = rid };
    if (!admin_call(a, &a->samr, &ndr_SamrOpenUser, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrOpenUser, args.result);
    *out = args.UserHandle;
    return true;
}

void admin_close_handle(struct nt_admin *a, SAMPR_HANDLE handle)
{
    const struct SamrCloseHandle args = { .SamHandle = handle };
    admin_post(a, &a->samr, &ndr_SamrCloseHandle, &args);
}

bool admin_query_user(struct nt_admin *a, SAMPR_HANDLE user, struct nt_admin_account *out)
{
    struct SamrQueryInformationUser2 args = { .UserHandle = user,
                                              .UserInformationClass = UserAllInformation };
    if (!admin_call(a, &a->samr, &ndr_SamrQueryInformationUser2, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrQueryInformationUser2, args.result);
    if (args.Buffer == NULL)
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_NETWORK_RESPONSE),
                          "%s tells nothing about the account", a->host);
    const SAMPR_USER_ALL_INFORMATION *all = &args.Buffer->All;
    uint32_t acb = all->UserAccountControl;
    out->control = acb;
    out->disabled = (acb & NT_ACB_DISABLED) != 0;
    out->type = (acb & NT_ACB_INTERDOMAIN) != 0   ? NT_ADMIN_INTERDOMAIN
                : (acb & NT_ACB_WORKSTATION) != 0 ? NT_ADMIN_WORKSTATION
                : (acb & NT_ACB_SERVER) != 0      ? NT_ADMIN_SERVER
                                                  : NT_ADMIN_USER;
    out->password_set =
        (nt_time)(uint32_t)all->PasswordLastSet.HighPart << 32 | all->PasswordLastSet.LowPart;
    if (out->password_set >= NT_TIME_NEVER)
        out->password_set = 0;
    return true;
}

const char *nt_admin_account_type_name(enum nt_admin_account_type type)
{
    static const char *const names[] = {
        [NT_ADMIN_USER] = "user",
        [NT_ADMIN_INTERDOMAIN] = "interdomain trust",
        [NT_ADMIN_WORKSTATION] = "workstation",
        [NT_ADMIN_SERVER] = "server",
    };
    return names[type];
}

bool nt_admin_account_get(struct nt_admin *a, const char *trusting, struct nt_admin_account *out)
{
    SAMPR_HANDLE user;
    *out = (struct nt_admin_account){ 0 };
    admin_begin(a);
    if (!admin_find_account(a, trusting, &out->rid))
        return false;
    if (out->rid == 0)
        return true;
    out->exists = true;
    if (!admin_open_user(a, out->rid, ADMIN_USER_READ, &user))
        return false;
    bool ok = admin_query_user(a, user, out);
    admin_close_handle(a, user);
    return ok;
}

/* --- changes --- */

bool admin_set_info(struct nt_admin *a, SAMPR_HANDLE user, uint16_t level,
                    const SAMPR_USER_INFO_BUFFER *info)
{
    struct SamrSetInformationUser2 args = { .UserHandle = user,
                                            .UserInformationClass = level,
                                            .Buffer = *info };
    if (!admin_call(a, &a->samr, &ndr_SamrSetInformationUser2, &args))
        return false;
    return nt_status_ok(args.result) || admin_status(a, &ndr_SamrSetInformationUser2, args.result);
}

/* The status of a level that a controller does not know. */
static bool unknown_level(const struct nt_admin *a)
{
    return nt_status_is(a->error.status, NT_STATUS(INVALID_INFO_CLASS)) ||
           nt_status_is(a->error.status, NT_STATUS(RPC_CALL_FAILED)) ||
           nt_status_is(a->error.status, NT_STATUS(INVALID_PARAMETER)) ||
           nt_status_is(a->error.status, NT_STATUS(WRONG_PASSWORD));
}

bool admin_set_password(struct nt_admin *a, SAMPR_HANDLE user, const struct nt_password *password)
{
    const struct nt_secret *key;
    SAMPR_USER_INFO_BUFFER info = { 0 };
    if (!admin_key(a, &a->samr, &key))
        return false;
    nt_samr_password_ex_encode(key, a->env, password, info.Internal5New.UserPassword.Buffer);
    bool ok = admin_set_info(a, user, UserInternal5InformationNew, &info);
    if (!ok && !a->samr.failed && unknown_level(a)) {
        info = (SAMPR_USER_INFO_BUFFER){ 0 };
        nt_samr_password_encode(key, a->env, password, info.Internal5.UserPassword.Buffer);
        ok = admin_set_info(a, user, UserInternal5Information, &info);
    }
    nt_wipe(&info, sizeof info);
    return ok;
}

/* Level 25, or 23: the password and the type in one, for an account that was made as a user's.
 * [MS-SAMR] 2.2.6.23-24 */
static bool set_password_and_type(struct nt_admin *a, SAMPR_HANDLE user,
                                  const struct nt_password *password)
{
    const struct nt_secret *key;
    SAMPR_USER_ALL_INFORMATION all = {
        .WhichFields = FIELD_PASSWORD | 0x00100000u /* account control */,
        .UserAccountControl = NT_ACB_INTERDOMAIN | NT_ACB_DISABLED,
        .NtPasswordPresent = 1,
    };
    SAMPR_USER_INFO_BUFFER info = { 0 };
    if (!admin_key(a, &a->samr, &key))
        return false;
    info.Internal4New.I1 = all;
    nt_samr_password_ex_encode(key, a->env, password, info.Internal4New.UserPassword.Buffer);
    bool ok = admin_set_info(a, user, UserInternal4InformationNew, &info);
    if (!ok && !a->samr.failed && unknown_level(a)) {
        info = (SAMPR_USER_INFO_BUFFER){ 0 };
        info.Internal4.I1 = all;
        nt_samr_password_encode(key, a->env, password, info.Internal4.UserPassword.Buffer);
        ok = admin_set_info(a, user, UserInternal4Information, &info);
    }
    nt_wipe(&info, sizeof info);
    return ok;
}

bool admin_create_user(struct nt_admin *a, const RPC_UNICODE_STRING *name, uint32_t type,
                       SAMPR_HANDLE *out)
{
    struct SamrCreateUser2InDomain args = { .DomainHandle = a->sam_domain,
                                            .Name = *name,
                                            .AccountType = type,
                                            .DesiredAccess = ADMIN_USER_CHANGE };
    if (!admin_call(a, &a->samr, &ndr_SamrCreateUser2InDomain, &args))
        return false;
    if (!nt_status_ok(args.result))
        return admin_status(a, &ndr_SamrCreateUser2InDomain, args.result);
    *out = args.UserHandle;
    return true;
}

void admin_delete_user(struct nt_admin *a, SAMPR_HANDLE user)
{
    struct SamrDeleteUser args = { .UserHandle = user };
    struct nt_admin_error before = a->error;
    if (!a->samr.failed)
        (void)admin_call(a, &a->samr, &ndr_SamrDeleteUser, &args);
    a->error = before;
}

bool nt_admin_account_create(struct nt_admin *a, const char *trusting,
                             const struct nt_password *initial)
{
    RPC_UNICODE_STRING name;
    SAMPR_HANDLE user;
    bool ok, as_user = false;
    admin_begin(a);
    if (!admin_open_domain(a, ADMIN_DOMAIN_CHANGE) || !admin_account_name(a, trusting, &name))
        return false;
    ok = admin_create_user(a, &name, NT_ACB_INTERDOMAIN, &user);
    if (!ok && nt_status_is(a->error.status, NT_STATUS(INVALID_PARAMETER)))
        ok = as_user = admin_create_user(a, &name, NT_ACB_NORMAL, &user);
    if (!ok)
        return false;
    ok = as_user ? set_password_and_type(a, user, initial) : admin_set_password(a, user, initial);
    if (ok)
        admin_close_handle(a, user);
    else
        admin_delete_user(a, user); /* an account without its password is of no use to anybody */
    return ok;
}

bool admin_read_account(struct nt_admin *a, const char *name, struct nt_admin_account *out)
{
    SAMPR_HANDLE reading = { 0 };
    *out = (struct nt_admin_account){ 0 };
    if (!admin_find_account(a, name, &out->rid))
        return false;
    if (out->rid == 0)
        return admin_fail(a, NT_ADMIN_MISSING, NT_STATUS(NO_SUCH_USER), "there is no %s$ at %s",
                          name, a->host);
    if (!admin_open_user(a, out->rid, ADMIN_USER_READ, &reading))
        return false;
    bool ok = admin_query_user(a, reading, out);
    admin_close_handle(a, reading);
    return ok;
}

/* The account of that trust, opened to be changed, and nothing but that. */
static bool open_trust_account(struct nt_admin *a, const char *trusting, SAMPR_HANDLE *user,
                               struct nt_admin_account *account)
{
    if (!admin_open_domain(a, ADMIN_DOMAIN_CHANGE) || !admin_read_account(a, trusting, account))
        return false;
    if (account->type != NT_ADMIN_INTERDOMAIN)
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_PARAMETER),
                          "%s$ at %s is a %s account: a computer or user there has the name of the "
                          "trusting domain. It is left alone; rename it first",
                          trusting, a->host, nt_admin_account_type_name(account->type));
    return admin_open_user(a, account->rid, ADMIN_USER_CHANGE, user);
}

bool nt_admin_account_enable(struct nt_admin *a, const char *trusting)
{
    SAMPR_HANDLE user;
    struct nt_admin_account account;
    SAMPR_USER_INFO_BUFFER info = { 0 };
    admin_begin(a);
    if (!open_trust_account(a, trusting, &user, &account))
        return false;
    info.Control.UserAccountControl = NT_ACB_INTERDOMAIN;
    bool ok = admin_set_info(a, user, UserControlInformation, &info);
    admin_close_handle(a, user);
    return ok;
}

bool nt_admin_account_delete(struct nt_admin *a, const char *trusting)
{
    struct SamrDeleteUser args;
    struct nt_admin_account account;
    admin_begin(a);
    if (!open_trust_account(a, trusting, &args.UserHandle, &account) ||
        !admin_call(a, &a->samr, &ndr_SamrDeleteUser, &args))
        return false;
    return nt_status_ok(args.result) || admin_status(a, &ndr_SamrDeleteUser, args.result);
}
