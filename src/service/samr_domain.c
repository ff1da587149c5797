/*
 * samr_domain.c - the SAM domain object: its information levels, who is in it, names against RIDs.
 * [MS-SAMR] 3.1.5.2, 3.1.5.5, 3.1.5.6.1, 3.1.5.9.1, 3.1.5.11
 */
#include <string.h>

#include "base/utf16.h"
#include "service/samr_internal.h"

/* --- information levels --- */

#define ROLE_PRIMARY   3 /* DomainServerRolePrimary */
#define SERVER_ENABLED 1

static OLD_LARGE_INTEGER old_span(uint64_t seconds)
{
    return nt_old_time((nt_time)nt_wire_span(seconds));
}

/* Normal accounts and those of machines and trusts count as users, [MS-SAMR] 3.1.5.5.1. */
static uint32_t count_of(const struct nt_dir *dir, enum nt_kind kind)
{
    size_t count = nt_dir_count(dir, kind);
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static uint32_t alias_count(const struct nt_dir *dir, bool builtin)
{
    uint32_t count = 0, rid = 0;
    const struct nt_alias *alias;
    while ((alias = nt_dir_alias_after(dir, builtin, rid)) != NULL) {
        rid = alias->rid;
        count++;
    }
    return count;
}

static void general(const struct nt_call *call, bool builtin, SAMPR_DOMAIN_GENERAL_INFORMATION *out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    out->ForceLogoff = nt_old_time((nt_time)INT64_MIN); /* never */
    out->DomainModifiedCount = nt_old_time(domain->serial);
    out->DomainServerState = SERVER_ENABLED;
    out->DomainServerRole = ROLE_PRIMARY;
    out->UasCompatibilityRequired = 1;
    out->UserCount = builtin ? 0 : count_of(call->dir, NT_KIND_ACCOUNT);
    out->GroupCount = builtin ? 0 : count_of(call->dir, NT_KIND_GROUP);
    out->AliasCount = alias_count(call->dir, builtin);
}

static bool general_texts(struct nt_call *call, bool builtin, SAMPR_DOMAIN_GENERAL_INFORMATION *out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    return nt_wire_string(call, "", &out->OemInformation) &&
           nt_wire_string(call, builtin ? "Builtin" : domain->name, &out->DomainName) &&
           nt_wire_string(call, "", &out->ReplicaSourceNodeName);
}

void samr_password_policy(const struct nt_policy *policy, DOMAIN_PASSWORD_INFORMATION *out)
{
    out->MinPasswordLength = (uint16_t)policy->min_password_length;
    out->PasswordHistoryLength = (uint16_t)policy->password_history;
    out->PasswordProperties = 0;
    /* "Never" is the most negative span here, not zero. [MS-SAMR] 3.1.1.6 */
    out->MaxPasswordAge = policy->max_password_age_s == 0 ? nt_old_time((nt_time)INT64_MIN)
                                                          : old_span(policy->max_password_age_s);
    out->MinPasswordAge = old_span(policy->min_password_age_s);
}

static LARGE_INTEGER span(uint64_t seconds)
{
    return (LARGE_INTEGER){ nt_wire_span(seconds) };
}

/* Duration 0 means "until an administrator unlocks": the most negative span. */
static LARGE_INTEGER lockout_duration(const struct nt_policy *policy)
{
    return policy->lockout_duration_s == 0 ? (LARGE_INTEGER){ INT64_MIN }
                                           : span(policy->lockout_duration_s);
}

/* The access that a level needs; 0: no such level. [MS-SAMR] 3.1.5.5.1 */
static uint32_t domain_level_access(uint32_t level)
{
    switch (level) {
    case DomainPasswordInformation:
    case DomainLockoutInformation:
        return DOMAIN_READ_PASSWORD;
    case DomainGeneralInformation2:
        return DOMAIN_READ_PASSWORD | DOMAIN_READ_OTHER;
    case DomainGeneralInformation:
    case DomainLogoffInformation:
    case DomainOemInformation:
    case DomainNameInformation:
    case DomainReplicationInformation:
    case DomainServerRoleInformation:
    case DomainModifiedInformation:
    case DomainStateInformation:
    case DomainModifiedInformation2:
        return DOMAIN_READ_OTHER;
    default:
        return 0;
    }
}

static bool fill_domain(struct nt_call *call, bool builtin, uint32_t level,
                        SAMPR_DOMAIN_INFO_BUFFER *out)
{
    const struct nt_domain *domain = nt_dir_domain(call->dir);
    const struct nt_policy *policy = nt_dir_policy(call->dir);
    const char *name = builtin ? "Builtin" : domain->name;
    switch (level) {
    case DomainPasswordInformation:
        samr_password_policy(policy, &out->Password);
        return true;
    case DomainGeneralInformation:
        general(call, builtin, &out->General);
        return general_texts(call, builtin, &out->General);
    case DomainLogoffInformation:
        out->Logoff.ForceLogoff = nt_old_time((nt_time)INT64_MIN);
        return true;
    case DomainOemInformation:
        return nt_wire_string(call, "", &out->Oem.OemInformation);
    case DomainNameInformation:
        return nt_wire_string(call, name, &out->Name.DomainName);
    case DomainReplicationInformation:
        return nt_wire_string(call, "", &out->Replication.ReplicaSourceNodeName);
    case DomainServerRoleInformation:
        out->Role.DomainServerRole = ROLE_PRIMARY;
        return true;
    case DomainModifiedInformation:
        out->Modified.DomainModifiedCount = nt_old_time(domain->serial);
        out->Modified.CreationTime = nt_old_time(domain->created);
        return true;
    case DomainStateInformation:
        out->State.DomainServerState = SERVER_ENABLED;
        return true;
    case DomainGeneralInformation2:
        general(call, builtin, &out->General2.I1);
        out->General2.LockoutDuration = lockout_duration(policy);
        out->General2.LockoutObservationWindow = span(policy->lockout_window_s);
        out->General2.LockoutThreshold = (uint16_t)policy->lockout_threshold;
        return general_texts(call, builtin, &out->General2.I1);
    case DomainLockoutInformation:
        out->Lockout.LockoutDuration = lockout_duration(policy);
        out->Lockout.LockoutObservationWindow = span(policy->lockout_window_s);
        out->Lockout.LockoutThreshold = (uint16_t)policy->lockout_threshold;
        return true;
    case DomainModifiedInformation2:
        out->Modified2.DomainModifiedCount = nt_old_time(domain->serial);
        out->Modified2.CreationTime = nt_old_time(domain->created);
        out->Modified2.ModifiedCountAtLastPromotion = nt_old_time(0);
        return true;
    default:
        return false;
    }
}

static ntstatus query_domain(struct nt_call *call, const SAMPR_HANDLE *context, uint32_t level,
                             SAMPR_DOMAIN_INFO_BUFFER **out)
{
    ntstatus st;
    uint32_t access = domain_level_access(level);
    struct nt_handle *handle = nt_access_handle(call, context, NT_HANDLE_SAM_DOMAIN, access, &st);
    if (handle == NULL)
        return st;
    if (access == 0)
        return NT_STATUS(INVALID_INFO_CLASS);
    SAMPR_DOMAIN_INFO_BUFFER *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL || !fill_domain(call, handle->builtin, level, info))
        return nt_call_nomem(call);
    *out = info;
    return NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.5.2 */
ntstatus samr_query_domain(struct nt_call *call, void *args)
{
    struct SamrQueryInformationDomain *a = args;
    return query_domain(call, &a->DomainHandle, a->DomainInformationClass, &a->Buffer);
}

/* [MS-SAMR] 3.1.5.5.1 */
ntstatus samr_query_domain2(struct nt_call *call, void *args)
{
    struct SamrQueryInformationDomain2 *a = args;
    return query_domain(call, &a->DomainHandle, a->DomainInformationClass, &a->Buffer);
}

/* --- setting the policy --- */

static uint64_t read_old_span(OLD_LARGE_INTEGER v)
{
    return nt_wire_span_read((int64_t)((uint64_t)(uint32_t)v.HighPart << 32 | v.LowPart));
}

struct setting {
    const char *name; /* in struct nt_policy */
    uint64_t value;
};

static ntstatus decide_policy(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct SamrSetInformationDomain *a = args;
    const SAMPR_DOMAIN_INFO_BUFFER *in = &a->DomainInformation;
    const struct setting password[] = {
        { "min_password_length", in->Password.MinPasswordLength },
        { "password_history", in->Password.PasswordHistoryLength },
        { "max_password_age_s", read_old_span(in->Password.MaxPasswordAge) },
        { "min_password_age_s", read_old_span(in->Password.MinPasswordAge) },
    };
    const struct setting lockout[] = {
        { "lockout_duration_s", nt_wire_span_read(in->Lockout.LockoutDuration.QuadPart) },
        { "lockout_window_s", nt_wire_span_read(in->Lockout.LockoutObservationWindow.QuadPart) },
        { "lockout_threshold", in->Lockout.LockoutThreshold },
    };
    bool is_password = a->DomainInformationClass == DomainPasswordInformation;
    const struct setting *list = is_password ? password : lockout;
    size_t count = is_password ? NT_COUNT(password) : NT_COUNT(lockout);
    ntstatus st = NT_STATUS(SUCCESS);
    if ((samr_domain_allowed(call, false) & DOMAIN_WRITE_PASSWORD) == 0)
        return NT_STATUS(ACCESS_DENIED);
    for (size_t i = 0; nt_status_ok(st) && i < count; i++)
        st = nt_op_policy_set(txn, list[i].name, list[i].value, call->token->name,
                              nt_conn_peer(call->conn), NULL);
    return st;
}

/* [MS-SAMR] 3.1.5.6.1. Only the password and lockout rules can be set, within the bounds that the
 * policy has for each; the rest of a domain is not the clients' to change. */
ntstatus samr_set_domain(struct nt_call *call, void *args)
{
    struct SamrSetInformationDomain *a = args;
    const SAMPR_DOMAIN_INFO_BUFFER *in = &a->DomainInformation;
    ntstatus st;
    bool password = a->DomainInformationClass == DomainPasswordInformation;
    bool lockout = a->DomainInformationClass == DomainLockoutInformation;
    uint32_t access = password || lockout ? DOMAIN_WRITE_PASSWORD : DOMAIN_WRITE_OTHER;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, access, &st);
    if (handle == NULL)
        return st;
    if (!password && !lockout)
        return domain_level_access(a->DomainInformationClass) == 0 ? NT_STATUS(INVALID_INFO_CLASS)
                                                                   : NT_STATUS(NOT_SUPPORTED);
    if (handle->builtin)
        return NT_STATUS(NOT_SUPPORTED);
    if (lockout && in->Lockout.LockoutDuration.QuadPart != INT64_MIN &&
        nt_wire_span_read(in->Lockout.LockoutDuration.QuadPart) <
            nt_wire_span_read(in->Lockout.LockoutObservationWindow.QuadPart))
        return NT_STATUS(INVALID_PARAMETER);
    return nt_call_change(call, decide_policy, samr_as_decided);
}

/* [MS-SAMR] 3.1.5.13.4; PasswordProperties as in DOMAIN_PASSWORD_INFORMATION. */
ntstatus samr_get_domain_pw_info(struct nt_call *call, void *args)
{
    struct SamrGetDomainPasswordInformation *a = args;
    a->PasswordInformation.MinPasswordLength =
        (uint16_t)nt_dir_policy(call->dir)->min_password_length;
    a->PasswordInformation.PasswordProperties = 0;
    return NT_STATUS(SUCCESS);
}

/* --- enumerations: users, groups, aliases by RID --- */

struct listed {
    uint32_t rid;
    const char *name;
};
typedef bool next_fn(const struct nt_dir *dir, uint32_t after, uint32_t filter, struct listed *out);

static bool next_user(const struct nt_dir *dir, uint32_t after, uint32_t mask, struct listed *out)
{
    const struct nt_account *account;
    while ((account = nt_dir_account_after(dir, after)) != NULL) {
        if (mask == 0 || (account->acb & mask) != 0) {
            *out = (struct listed){ account->rid, account->name };
            return true;
        }
        after = account->rid;
    }
    return false;
}

static bool next_group(const struct nt_dir *dir, uint32_t after, uint32_t filter,
                       struct listed *out)
{
    const struct nt_group *group = nt_dir_group_after(dir, after);
    (void)filter;
    if (group != NULL)
        *out = (struct listed){ group->rid, group->name };
    return group != NULL;
}

static bool next_alias(const struct nt_dir *dir, uint32_t after, uint32_t builtin,
                       struct listed *out)
{
    const struct nt_alias *alias = nt_dir_alias_after(dir, builtin != 0, after);
    if (alias != NULL)
        *out = (struct listed){ alias->rid, alias->name };
    return alias != NULL;
}

/* The context that goes on is the last RID given: it stays right whatever is added or removed
 * between two calls. */
static ntstatus enumerate(struct nt_call *call, next_fn *next, uint32_t filter, uint32_t *context,
                          uint32_t preferred_max, SAMPR_ENUMERATION_BUFFER **out,
                          uint32_t *returned)
{
    struct nt_wire_page page = nt_wire_page(preferred_max);
    struct listed found = { 0 };
    uint32_t after = *context, total = 0;
    bool more = false;

    while (next(call->dir, after, filter, &found)) {
        size_t bytes = sizeof(uint32_t) * 7 + 2 * strlen(found.name);
        if (!nt_wire_page_fits(&page, bytes)) {
            more = true;
            break;
        }
        after = found.rid;
    }
    total = page.count;
    SAMPR_ENUMERATION_BUFFER *buffer = nt_arena_alloc(&call->arena, sizeof *buffer);
    SAMPR_RID_ENUMERATION *list = nt_arena_array(&call->arena, total, sizeof *list);
    if (buffer == NULL || list == NULL)
        return nt_call_nomem(call);
    after = *context;
    for (uint32_t i = 0; i < total && next(call->dir, after, filter, &found); i++) {
        list[i].RelativeId = after = found.rid;
        if (!nt_wire_string(call, found.name, &list[i].Name))
            return nt_call_nomem(call);
    }
    buffer->EntriesRead = total;
    buffer->Buffer = list;
    *out = buffer;
    *returned = total;
    *context = after;
    return more ? NT_STATUS(MORE_ENTRIES) : NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.2.5. A mask shows the accounts that have any of its bits; 0 all. */
ntstatus samr_enumerate_users(struct nt_call *call, void *args)
{
    struct SamrEnumerateUsersInDomain *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LIST, &st);
    if (handle == NULL)
        return st;
    if (handle->builtin) /* no users there: nothing lies behind the highest RID */
        a->EnumerationContext = UINT32_MAX;
    return enumerate(call, next_user, a->UserAccountControl, &a->EnumerationContext,
                     a->PreferedMaximumLength, &a->Buffer, &a->CountReturned);
}

/* [MS-SAMR] 3.1.5.2.3 */
ntstatus samr_enumerate_groups(struct nt_call *call, void *args)
{
    struct SamrEnumerateGroupsInDomain *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LIST, &st);
    if (handle == NULL)
        return st;
    if (handle->builtin)
        a->EnumerationContext = UINT32_MAX;
    return enumerate(call, next_group, 0, &a->EnumerationContext, a->PreferedMaximumLength,
                     &a->Buffer, &a->CountReturned);
}

/* [MS-SAMR] 3.1.5.2.4 */
ntstatus samr_enumerate_aliases(struct nt_call *call, void *args)
{
    struct SamrEnumerateAliasesInDomain *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LIST, &st);
    if (handle == NULL)
        return st;
    return enumerate(call, next_alias, handle->builtin, &a->EnumerationContext,
                     a->PreferedMaximumLength, &a->Buffer, &a->CountReturned);
}

/* --- names and RIDs --- */

#define LOOKUP_MOST 1000 /* [MS-SAMR] 3.1.5.11.2 */

static bool find_name(const struct nt_dir *dir, bool builtin, const char *name, uint32_t *rid,
                      uint32_t *use)
{
    if (!builtin) {
        const struct nt_account *account = nt_dir_account(dir, name);
        const struct nt_group *group = nt_dir_group(dir, name);
        if (account != NULL) {
            *rid = account->rid;
            *use = SidTypeUser;
            return true;
        }
        if (group != NULL) {
            *rid = group->rid;
            *use = SidTypeGroup;
            return true;
        }
    }
    const struct nt_alias *alias = nt_dir_alias(dir, builtin, name);
    if (alias == NULL)
        return false;
    *rid = alias->rid;
    *use = SidTypeAlias;
    return true;
}

static const char *find_rid(const struct nt_dir *dir, bool builtin, uint32_t rid, uint32_t *use)
{
    if (!builtin) {
        const struct nt_account *account = nt_dir_account_rid(dir, rid);
        const struct nt_group *group = nt_dir_group_rid(dir, rid);
        if (account != NULL) {
            *use = SidTypeUser;
            return account->name;
        }
        if (group != NULL) {
            *use = SidTypeGroup;
            return group->name;
        }
    }
    const struct nt_alias *alias = nt_dir_alias_rid(dir, builtin, rid);
    if (alias != NULL)
        *use = SidTypeAlias;
    return alias != NULL ? alias->name : NULL;
}

static ntstatus mapped_status(uint32_t found, uint32_t asked)
{
    if (found == asked)
        return NT_STATUS(SUCCESS);
    return found == 0 ? NT_STATUS(NONE_MAPPED) : NT_STATUS(SOME_NOT_MAPPED);
}

/* [MS-SAMR] 3.1.5.11.2 */
ntstatus samr_lookup_names(struct nt_call *call, void *args)
{
    struct SamrLookupNamesInDomain *a = args;
    ntstatus st;
    uint32_t found = 0, count = a->Count;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LOOKUP, &st);
    if (handle == NULL)
        return st;
    if (count > LOOKUP_MOST)
        return NT_STATUS(INVALID_PARAMETER);
    a->RelativeIds.Element = nt_arena_array(&call->arena, count, sizeof(uint32_t));
    a->Use.Element = nt_arena_array(&call->arena, count, sizeof(uint32_t));
    if (a->RelativeIds.Element == NULL || a->Use.Element == NULL)
        return nt_call_nomem(call);
    a->RelativeIds.Count = a->Use.Count = count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = nt_wire_text(call, &a->Names[i]);
        uint32_t use = SidTypeUnknown;
        if (name != NULL && name[0] != '\0' &&
            find_name(call->dir, handle->builtin, name, &a->RelativeIds.Element[i], &use))
            found++;
        a->Use.Element[i] = use;
    }
    return mapped_status(found, count);
}

/* [MS-SAMR] 3.1.5.11.3 */
ntstatus samr_lookup_ids(struct nt_call *call, void *args)
{
    struct SamrLookupIdsInDomain *a = args;
    ntstatus st;
    uint32_t found = 0, count = a->Count;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LOOKUP, &st);
    if (handle == NULL)
        return st;
    if (count > LOOKUP_MOST)
        return NT_STATUS(INVALID_PARAMETER);
    a->Names.Element = nt_arena_array(&call->arena, count, sizeof *a->Names.Element);
    a->Use.Element = nt_arena_array(&call->arena, count, sizeof(uint32_t));
    if (a->Names.Element == NULL || a->Use.Element == NULL)
        return nt_call_nomem(call);
    a->Names.Count = a->Use.Count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t use = SidTypeUnknown;
        const char *name = find_rid(call->dir, handle->builtin, a->RelativeIds[i], &use);
        if (name != NULL && !nt_wire_string(call, name, &a->Names.Element[i]))
            return nt_call_nomem(call);
        found += name != NULL;
        a->Use.Element[i] = use;
    }
    return mapped_status(found, count);
}

/* [MS-SAMR] 3.1.5.9.1. Of a set of SIDs, from wherever they are: the domain's aliases that hold
 * any of them. */
ntstatus samr_get_alias_membership(struct nt_call *call, void *args)
{
    struct SamrGetAliasMembership *a = args;
    ntstatus st;
    uint32_t asked = a->SidArray.Count;
    struct nt_handle *handle =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_GET_ALIASES, &st);
    if (handle == NULL)
        return st;
    if (asked > 0 && a->SidArray.Sids == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    struct nt_sid *sids = nt_arena_array(&call->arena, asked, sizeof *sids);
    if (sids == NULL)
        return nt_call_nomem(call);
    for (uint32_t i = 0; i < asked; i++)
        if (!nt_rpc_sid_get(a->SidArray.Sids[i].SidPointer, &sids[i]))
            return NT_STATUS(INVALID_SID);
    size_t count = nt_dir_aliases_of(call->dir, handle->builtin, sids, asked, NULL, 0);
    uint32_t *rids = nt_arena_array(&call->arena, count, sizeof *rids);
    if (rids == NULL)
        return nt_call_nomem(call);
    a->Membership.Count =
        (uint32_t)nt_dir_aliases_of(call->dir, handle->builtin, sids, asked, rids, count);
    a->Membership.Element = rids;
    return NT_STATUS(SUCCESS);
}
