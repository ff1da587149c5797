/*
 * lsa_account.c - accounts as the LSA sees them: SIDs that hold rights on this controller. The
 * rights are fixed, as what a caller may do here is decided by membership in the built-in aliases.
 * [MS-LSAD] 3.1.4.5, 3.1.4.8
 */
#include <string.h>

#include "base/utf16.h"
#include "service/lsa_internal.h"

/* [MS-LSAD] 3.1.1.2.1; the privileges that mean something to a domain controller */
static const struct privilege {
    uint32_t luid;
    const char *name, *display;
} privileges[] = {
    { 6, "SeMachineAccountPrivilege", "Add workstations to domain" },
    { 8, "SeSecurityPrivilege", "Manage auditing and security log" },
    { 9, "SeTakeOwnershipPrivilege", "Take ownership of files or other objects" },
    { 12, "SeSystemtimePrivilege", "Change the system time" },
    { 17, "SeBackupPrivilege", "Back up files and directories" },
    { 18, "SeRestorePrivilege", "Restore files and directories" },
    { 19, "SeShutdownPrivilege", "Shut down the system" },
    { 24, "SeRemoteShutdownPrivilege", "Force shutdown from a remote system" },
};

/* System access rights, [MS-LSAD] 2.2.1.2 */
#define MODE_INTERACTIVE 0x1u
#define MODE_NETWORK     0x2u

static const struct {
    uint32_t mode;
    const char *name;
} logon_rights[] = {
    { MODE_INTERACTIVE, "SeInteractiveLogonRight" },
    { MODE_NETWORK, "SeNetworkLogonRight" },
};

#define PRIVILEGE(n) (1u << (n)) /* a row of privileges[] */

static const struct holder {
    const char *sid;
    uint32_t privileges, modes;
} holders[] = {
    { "S-1-1-0", 0, MODE_NETWORK },
    { "S-1-5-11", 0, MODE_NETWORK },
    { "S-1-5-32-544", (1u << NT_COUNT(privileges)) - 1, MODE_INTERACTIVE | MODE_NETWORK },
    { "S-1-5-32-545", 0, MODE_NETWORK },
    { "S-1-5-32-548", PRIVILEGE(0), MODE_INTERACTIVE | MODE_NETWORK },
};

static const struct holder *holder_of(const RPC_SID *wire)
{
    struct nt_sid sid, known;
    if (!nt_rpc_sid_get(wire, &sid))
        return NULL;
    for (size_t i = 0; i < NT_COUNT(holders); i++)
        if (nt_sid_parse(holders[i].sid, &known) && nt_sid_equal(&known, &sid))
            return &holders[i];
    return NULL;
}

static bool put_sid(struct nt_call *call, const struct holder *holder, RPC_SID **out)
{
    struct nt_sid sid;
    *out = nt_sid_parse(holder->sid, &sid) ? nt_wire_sid(call, &sid) : NULL;
    return *out != NULL;
}

/* [MS-LSAD] 3.1.4.8.1 */
ntstatus lsa_enumerate_privileges(struct nt_call *call, void *args)
{
    struct LsarEnumeratePrivileges *a = args;
    struct nt_wire_page page = nt_wire_page(a->PreferedMaximumLength);
    ntstatus st;
    uint32_t first = a->EnumerationContext, total = (uint32_t)NT_COUNT(privileges);
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    if (first >= total)
        return NT_STATUS(NO_MORE_ENTRIES);
    LSAPR_POLICY_PRIVILEGE_DEF *list = nt_arena_array(&call->arena, total - first, sizeof *list);
    if (list == NULL)
        return nt_call_nomem(call);
    for (uint32_t i = first; i < total; i++) {
        if (!nt_wire_page_fits(&page, sizeof *list + 2 * strlen(privileges[i].name)))
            break;
        LSAPR_POLICY_PRIVILEGE_DEF *entry = &list[page.count - 1];
        entry->LocalValue.LowPart = privileges[i].luid;
        if (!nt_wire_string(call, privileges[i].name, &entry->Name))
            return nt_call_nomem(call);
    }
    a->EnumerationBuffer.Entries = page.count;
    a->EnumerationBuffer.Privileges = list;
    a->EnumerationContext = first + page.count;
    return a->EnumerationContext < total ? NT_STATUS(MORE_ENTRIES) : NT_STATUS(SUCCESS);
}

/* [MS-LSAD] 3.1.4.8.2 */
ntstatus lsa_lookup_privilege_value(struct nt_call *call, void *args)
{
    struct LsarLookupPrivilegeValue *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    const char *name = nt_wire_text(call, &a->Name);
    for (size_t i = 0; name != NULL && i < NT_COUNT(privileges); i++) {
        if (nt_name_equal(privileges[i].name, name)) {
            a->Value.LowPart = privileges[i].luid;
            return NT_STATUS(SUCCESS);
        }
    }
    return NT_STATUS(NO_SUCH_PRIVILEGE);
}

static ntstatus answer_text(struct nt_call *call, const char *text, RPC_UNICODE_STRING **out)
{
    *out = nt_arena_alloc(&call->arena, sizeof **out);
    if (*out == NULL || !nt_wire_string(call, text, *out))
        return nt_call_nomem(call);
    return NT_STATUS(SUCCESS);
}

/* [MS-LSAD] 3.1.4.8.3 */
ntstatus lsa_lookup_privilege_name(struct nt_call *call, void *args)
{
    struct LsarLookupPrivilegeName *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    for (size_t i = 0; i < NT_COUNT(privileges); i++)
        if (a->Value.HighPart == 0 && a->Value.LowPart == privileges[i].luid)
            return answer_text(call, privileges[i].name, &a->Name);
    return NT_STATUS(NO_SUCH_PRIVILEGE);
}

#define LANGUAGE_ENGLISH_US 0x0409

/* [MS-LSAD] 3.1.4.8.4 */
ntstatus lsa_lookup_privilege_display_name(struct nt_call *call, void *args)
{
    struct LsarLookupPrivilegeDisplayName *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_LOOKUP_NAMES, &st) ==
        NULL)
        return st;
    const char *name = nt_wire_text(call, &a->Name);
    for (size_t i = 0; name != NULL && i < NT_COUNT(privileges); i++) {
        if (!nt_name_equal(privileges[i].name, name))
            continue;
        a->LanguageReturned = LANGUAGE_ENGLISH_US;
        return answer_text(call, privileges[i].display, &a->DisplayName);
    }
    return NT_STATUS(NO_SUCH_PRIVILEGE);
}

/* [MS-LSAD] 3.1.4.5.2 */
ntstatus lsa_enumerate_accounts(struct nt_call *call, void *args)
{
    struct LsarEnumerateAccounts *a = args;
    struct nt_wire_page page = nt_wire_page(a->PreferedMaximumLength);
    ntstatus st;
    uint32_t first = a->EnumerationContext, total = (uint32_t)NT_COUNT(holders);
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    if (first >= total)
        return NT_STATUS(NO_MORE_ENTRIES);
    LSAPR_ACCOUNT_INFORMATION *list = nt_arena_array(&call->arena, total - first, sizeof *list);
    if (list == NULL)
        return nt_call_nomem(call);
    for (uint32_t i = first; i < total && nt_wire_page_fits(&page, 4 + 28); i++)
        if (!put_sid(call, &holders[i], &list[i - first].Sid))
            return nt_call_nomem(call);
    a->EnumerationBuffer.EntriesRead = page.count;
    a->EnumerationBuffer.Information = list;
    a->EnumerationContext = first + page.count;
    return a->EnumerationContext < total ? NT_STATUS(MORE_ENTRIES) : NT_STATUS(SUCCESS);
}

static bool holds(const struct holder *holder, const char *right, bool *known)
{
    for (size_t i = 0; i < NT_COUNT(privileges); i++) {
        if (!nt_name_equal(privileges[i].name, right))
            continue;
        *known = true;
        return (holder->privileges & PRIVILEGE(i)) != 0;
    }
    for (size_t i = 0; i < NT_COUNT(logon_rights); i++) {
        if (!nt_name_equal(logon_rights[i].name, right))
            continue;
        *known = true;
        return (holder->modes & logon_rights[i].mode) != 0;
    }
    return false;
}

/* [MS-LSAD] 3.1.4.5.10; without a right all accounts. */
ntstatus lsa_enumerate_accounts_with_right(struct nt_call *call, void *args)
{
    struct LsarEnumerateAccountsWithUserRight *a = args;
    ntstatus st;
    bool known = a->UserRight == NULL;
    uint32_t count = 0;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY,
                         POLICY_VIEW_LOCAL | POLICY_LOOKUP_NAMES, &st) == NULL)
        return st;
    const char *right = a->UserRight != NULL ? nt_wire_text(call, a->UserRight) : "";
    LSAPR_ACCOUNT_INFORMATION *list = nt_arena_array(&call->arena, NT_COUNT(holders), sizeof *list);
    if (list == NULL)
        return nt_call_nomem(call);
    for (size_t i = 0; right != NULL && i < NT_COUNT(holders); i++) {
        if (a->UserRight != NULL && !holds(&holders[i], right, &known))
            continue;
        if (!put_sid(call, &holders[i], &list[count++].Sid))
            return nt_call_nomem(call);
    }
    if (!known)
        return NT_STATUS(NO_SUCH_PRIVILEGE);
    a->EnumerationBuffer.EntriesRead = count;
    a->EnumerationBuffer.Information = list;
    return count > 0 ? NT_STATUS(SUCCESS) : NT_STATUS(NO_MORE_ENTRIES);
}

/* [MS-LSAD] 3.1.4.5.9 */
ntstatus lsa_enumerate_account_rights(struct nt_call *call, void *args)
{
    struct LsarEnumerateAccountRights *a = args;
    ntstatus st;
    uint32_t count = 0;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    const struct holder *holder = holder_of(a->AccountSid);
    if (holder == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    RPC_UNICODE_STRING *list =
        nt_arena_array(&call->arena, NT_COUNT(privileges) + NT_COUNT(logon_rights), sizeof *list);
    if (list == NULL)
        return nt_call_nomem(call);
    for (size_t i = 0; i < NT_COUNT(privileges); i++)
        if ((holder->privileges & PRIVILEGE(i)) != 0 &&
            !nt_wire_string(call, privileges[i].name, &list[count++]))
            return nt_call_nomem(call);
    for (size_t i = 0; i < NT_COUNT(logon_rights); i++)
        if ((holder->modes & logon_rights[i].mode) != 0 &&
            !nt_wire_string(call, logon_rights[i].name, &list[count++]))
            return nt_call_nomem(call);
    a->UserRights.Entries = count;
    a->UserRights.UserRights = list;
    return NT_STATUS(SUCCESS);
}

/* [MS-LSAD] 3.1.4.5.3 */
ntstatus lsa_open_account(struct nt_call *call, void *args)
{
    struct LsarOpenAccount *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_LSA_ACCOUNT };
    ntstatus st;
    uint32_t allowed =
        lsa_is_admin(call) ? (uint32_t)ACCOUNT_ALL : NT_ACCESS_READ_CONTROL | ACCOUNT_VIEW;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_VIEW_LOCAL, &st) ==
        NULL)
        return st;
    if (!nt_rpc_sid_get(a->AccountSid, &like.sid))
        return NT_STATUS(INVALID_SID);
    if (holder_of(a->AccountSid) == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    if (!nt_access_grant(a->DesiredAccess, &lsa_account_generic, allowed, &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->AccountHandle);
}

static const struct holder *opened(struct nt_call *call, const LSAPR_HANDLE *context, ntstatus *st)
{
    struct nt_handle *handle =
        nt_access_handle(call, context, NT_HANDLE_LSA_ACCOUNT, ACCOUNT_VIEW, st);
    if (handle == NULL)
        return NULL;
    const RPC_SID *sid = nt_wire_sid(call, &handle->sid);
    const struct holder *holder = holder_of(sid);
    if (holder == NULL)
        *st = NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return holder;
}

/* [MS-LSAD] 3.1.4.5.4 */
ntstatus lsa_enumerate_privileges_account(struct nt_call *call, void *args)
{
    struct LsarEnumeratePrivilegesAccount *a = args;
    ntstatus st;
    const struct holder *holder = opened(call, &a->AccountHandle, &st);
    if (holder == NULL)
        return st;
    LSAPR_PRIVILEGE_SET *set = nt_arena_alloc(
        &call->arena, sizeof *set + NT_COUNT(privileges) * sizeof(LSAPR_LUID_AND_ATTRIBUTES));
    if (set == NULL)
        return nt_call_nomem(call);
    for (size_t i = 0; i < NT_COUNT(privileges); i++)
        if ((holder->privileges & PRIVILEGE(i)) != 0)
            set->Privilege[set->PrivilegeCount++].Luid.LowPart = privileges[i].luid;
    a->Privileges = set;
    return NT_STATUS(SUCCESS);
}

/* [MS-LSAD] 3.1.4.5.7 */
ntstatus lsa_get_system_access(struct nt_call *call, void *args)
{
    struct LsarGetSystemAccessAccount *a = args;
    ntstatus st;
    const struct holder *holder = opened(call, &a->AccountHandle, &st);
    if (holder == NULL)
        return st;
    a->SystemAccess = holder->modes;
    return NT_STATUS(SUCCESS);
}
