/*
 * samr_access.c - who may do what with the objects of the SAM: a fixed rule by the caller's groups
 * instead of a security descriptor on each object. Administrators may do all; account operators
 * manage users and groups that give no administrator's rights; whoever authenticated may read;
 * anonymous callers may nothing. [MS-SAMR] 3.1.5.1, 3.1.1.6 (default descriptors)
 */
#include "service/samr_internal.h"

#define DOMAIN_READ                                                                                \
    (NT_ACCESS_READ_CONTROL | DOMAIN_READ_PASSWORD | DOMAIN_READ_OTHER | DOMAIN_GET_ALIASES |      \
     DOMAIN_LIST | DOMAIN_LOOKUP)
#define DOMAIN_CREATE (DOMAIN_CREATE_USER | DOMAIN_CREATE_GROUP | DOMAIN_CREATE_ALIAS)
#define USER_READ                                                                                  \
    (NT_ACCESS_READ_CONTROL | USER_READ_GENERAL | USER_READ_PREFERENCES | USER_READ_LOGON |        \
     USER_READ_ACCOUNT | USER_CHANGE_PASSWORD | USER_LIST_GROUPS | 0x200)

/* [MS-SAMR] 2.2.1.3-7, the GENERIC rows */
const struct nt_generic samr_server_generic = { 0x00020010, 0x0002000E, 0x00020021, SERVER_ALL };
const struct nt_generic samr_domain_generic = { 0x00020084, 0x0002047A, 0x00020301, DOMAIN_ALL };
const struct nt_generic samr_user_generic = { 0x0002031A, 0x00020044, 0x00020041, USER_ALL };
const struct nt_generic samr_group_generic = { 0x00020010, 0x0002000E, 0x00020001, GROUP_ALL };
const struct nt_generic samr_alias_generic = { 0x00020004, 0x00020013, 0x00020008, ALIAS_ALL };

uint32_t samr_server_allowed(const struct nt_call *call)
{
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return SERVER_ALL;
    case NT_CALLER_OPERATOR:
    case NT_CALLER_USER:
        return NT_ACCESS_READ_CONTROL | SERVER_CONNECT | SERVER_ENUMERATE | SERVER_LOOKUP;
    case NT_CALLER_ANONYMOUS:
        break;
    }
    return 0;
}

uint32_t samr_domain_allowed(const struct nt_call *call, bool builtin)
{
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return DOMAIN_ALL;
    case NT_CALLER_OPERATOR:
        return builtin ? DOMAIN_READ : DOMAIN_READ | DOMAIN_CREATE;
    case NT_CALLER_USER:
        return DOMAIN_READ;
    case NT_CALLER_ANONYMOUS:
        break;
    }
    return 0;
}

/* Groups and aliases whose members manage the domain: not for operators to touch. */
static bool group_is_privileged(uint32_t rid)
{
    return rid == NT_RID_DOMAIN_ADMINS || rid == NT_RID_DOMAIN_CONTROLLERS;
}

static bool alias_is_privileged(bool builtin, uint32_t rid)
{
    return builtin && rid >= NT_RID_ALIAS_ADMINS && rid != NT_RID_ALIAS_USERS &&
           rid != NT_RID_ALIAS_GUESTS;
}

static bool sids_are_privileged(const struct nt_dir *dir, const struct nt_sid *sids, size_t count)
{
    uint32_t rids[64];
    size_t found = nt_dir_aliases_of(dir, true, sids, count, rids, NT_COUNT(rids));
    if (found > NT_COUNT(rids))
        return true; /* more than we look at: rather too careful */
    for (size_t i = 0; i < found; i++)
        if (alias_is_privileged(true, rids[i]))
            return true;
    return false;
}

bool samr_is_privileged(const struct nt_dir *dir, const struct nt_account *account)
{
    uint32_t groups[128];
    struct nt_sid sids[NT_COUNT(groups) + 1];
    const struct nt_domain *domain = nt_dir_domain(dir);
    if (account->rid == NT_RID_ADMINISTRATOR ||
        (account->acb & (NT_ACB_INTERDOMAIN | NT_ACB_SERVER | NT_ACB_WORKSTATION)) != 0)
        return true;
    size_t count = nt_dir_groups_of(dir, account, groups, NT_COUNT(groups));
    if (domain == NULL || count > NT_COUNT(groups) ||
        !nt_sid_with_rid(&domain->sid, account->rid, &sids[0]))
        return true;
    for (size_t i = 0; i < count; i++)
        if (group_is_privileged(groups[i]) ||
            !nt_sid_with_rid(&domain->sid, groups[i], &sids[i + 1]))
            return true;
    return sids_are_privileged(dir, sids, count + 1);
}

static bool caller_is(const struct nt_call *call, const struct nt_dir *dir, uint32_t rid)
{
    struct nt_sid sid;
    const struct nt_domain *domain = nt_dir_domain(dir);
    return domain != NULL && nt_sid_with_rid(&domain->sid, rid, &sid) &&
           nt_sid_equal(nt_token_user(call->token), &sid);
}

uint32_t samr_user_allowed(const struct nt_call *call, const struct nt_dir *dir,
                           const struct nt_account *account)
{
    uint32_t allowed = USER_READ;
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return USER_ALL;
    case NT_CALLER_OPERATOR:
        if (!samr_is_privileged(dir, account))
            return USER_ALL;
        break;
    case NT_CALLER_USER:
        break;
    case NT_CALLER_ANONYMOUS:
        return 0;
    }
    if (caller_is(call, dir, account->rid))
        allowed |= USER_WRITE_PREFERENCES;
    return allowed;
}

uint32_t samr_group_allowed(const struct nt_call *call, const struct nt_dir *dir,
                            const struct nt_group *group)
{
    const struct nt_domain *domain = nt_dir_domain(dir);
    struct nt_sid sid;
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return GROUP_ALL;
    case NT_CALLER_OPERATOR:
        if (!group_is_privileged(group->rid) && domain != NULL &&
            nt_sid_with_rid(&domain->sid, group->rid, &sid) && !sids_are_privileged(dir, &sid, 1))
            return GROUP_ALL;
        break;
    case NT_CALLER_USER:
        break;
    case NT_CALLER_ANONYMOUS:
        return 0;
    }
    return NT_ACCESS_READ_CONTROL | GROUP_READ | GROUP_LIST;
}

uint32_t samr_alias_allowed(const struct nt_call *call, const struct nt_alias *alias)
{
    switch (nt_caller_of(call)) {
    case NT_CALLER_ADMIN:
        return ALIAS_ALL;
    case NT_CALLER_OPERATOR:
        if (!alias_is_privileged(alias->builtin, alias->rid))
            return ALIAS_ALL;
        break;
    case NT_CALLER_USER:
        break;
    case NT_CALLER_ANONYMOUS:
        return 0;
    }
    return NT_ACCESS_READ_CONTROL | ALIAS_READ | ALIAS_LIST;
}

/* --- changes --- */

struct samr_change *samr_prepare(struct nt_call *call, const SAMPR_HANDLE *context,
                                 enum nt_handle_kind kind, uint32_t access, ntstatus *status)
{
    struct nt_handle *handle = nt_access_handle(call, context, kind, access, status);
    if (handle == NULL)
        return NULL;
    struct samr_change *change = nt_arena_alloc(&call->arena, sizeof *change);
    if (change == NULL) {
        *status = nt_call_nomem(call);
        return NULL;
    }
    change->kind = kind;
    change->rid = handle->rid;
    change->builtin = handle->builtin;
    change->access = access;
    change->handle = handle->uuid;
    call->state = change;
    return change;
}

ntstatus samr_recheck(struct nt_call *call, const struct samr_change *change, struct nt_txn *txn)
{
    const struct nt_dir *dir = nt_txn_dir(txn);
    uint32_t allowed = 0;
    if (change->kind == NT_HANDLE_SAM_USER) {
        const struct nt_account *account = nt_dir_account_rid(dir, change->rid);
        if (account == NULL)
            return NT_STATUS(NO_SUCH_USER);
        allowed = samr_user_allowed(call, dir, account);
    } else if (change->kind == NT_HANDLE_SAM_GROUP) {
        const struct nt_group *group = nt_dir_group_rid(dir, change->rid);
        if (group == NULL)
            return NT_STATUS(NO_SUCH_GROUP);
        allowed = samr_group_allowed(call, dir, group);
    } else if (change->kind == NT_HANDLE_SAM_ALIAS) {
        const struct nt_alias *alias = nt_dir_alias_rid(dir, change->builtin, change->rid);
        if (alias == NULL)
            return NT_STATUS(NO_SUCH_ALIAS);
        allowed = samr_alias_allowed(call, alias);
    } else {
        allowed = samr_domain_allowed(call, change->builtin);
    }
    return (allowed & change->access) == change->access ? NT_STATUS(SUCCESS)
                                                        : NT_STATUS(ACCESS_DENIED);
}

ntstatus samr_as_decided(struct nt_call *call, void *args, ntstatus status)
{
    (void)call;
    (void)args;
    return status;
}

void samr_close_changed(struct nt_call *call, const struct samr_change *change, SAMPR_HANDLE *out)
{
    struct nt_ndr_context context = { .uuid = change->handle };
    struct nt_handle *handle = nt_handle_get(call, &context, change->kind);
    if (handle != NULL)
        nt_handle_close(call, handle);
    call->fault = NT_FAULT_NONE; /* closed by its owner meanwhile: that is no failure */
    *out = (struct nt_ndr_context){ 0 };
}
