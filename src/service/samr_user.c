/*
 * samr_user.c - the SAM user object: open, its information levels, its groups. Setting is in
 * samr_user_set.c. [MS-SAMR] 3.1.5.1.9, 3.1.5.5.5, 3.1.5.9.1, 3.1.5.13
 */
#include <string.h>

#include "service/samr_internal.h"

const struct nt_account *samr_user_of(struct nt_call *call, const struct nt_handle *handle,
                                      ntstatus *status)
{
    const struct nt_account *account = nt_dir_account_rid(call->dir, handle->rid);
    *status = account != NULL ? NT_STATUS(SUCCESS) : NT_STATUS(NO_SUCH_USER);
    return account;
}

/* [MS-SAMR] 3.1.5.1.9 */
ntstatus samr_open_user(struct nt_call *call, void *args)
{
    struct SamrOpenUser *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_SAM_USER, .rid = a->UserId };
    ntstatus st;
    struct nt_handle *domain =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LOOKUP, &st);
    if (domain == NULL)
        return st;
    const struct nt_account *account =
        domain->builtin ? NULL : nt_dir_account_rid(call->dir, a->UserId);
    if (account == NULL)
        return NT_STATUS(NO_SUCH_USER);
    if (!nt_access_grant(a->DesiredAccess, &samr_user_generic,
                         samr_user_allowed(call, call->dir, account), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->UserHandle);
}

/* --- what a level shows --- */

/* The derived times of a password, [MS-SAMR] 3.1.5.14.3-4. */
struct times {
    nt_time set, can_change, must_change, expires;
    bool expired;
};

static struct times times_of(const struct nt_account *account, const struct nt_policy *policy,
                             nt_time now)
{
    struct times t = { .set = account->password_set };
    t.can_change = nt_account_can_change(account, policy);
    t.must_change = nt_account_must_change(account, policy);
    t.expires = account->expires != 0 ? account->expires : NT_TIME_NEVER;
    t.expired = now >= t.must_change;
    return t;
}

/* What all levels are filled from; "bad" collects the failures of the arena. */
struct source {
    struct nt_call *call;
    const struct nt_account *account;
    struct times times;
    uint32_t control;
    uint16_t bad_count;
    bool failed;
};

static RPC_UNICODE_STRING text(struct source *s, const char *value)
{
    RPC_UNICODE_STRING out;
    if (!nt_wire_string(s->call, value, &out))
        s->failed = true;
    return out;
}

#define HOURS_UNITS 168 /* hours of a week */

static SAMPR_LOGON_HOURS hours(struct source *s)
{
    SAMPR_LOGON_HOURS out = { .UnitsPerWeek = HOURS_UNITS };
    const struct nt_account *account = s->account;
    out.LogonHours = nt_arena_alloc(&s->call->arena, 1260); /* size_is of the specification */
    if (out.LogonHours == NULL) {
        s->failed = true;
        return out;
    }
    memset(out.LogonHours, 0xFF, sizeof account->logon_hours);
    if (account->logon_hours_len != 0)
        memcpy(out.LogonHours, account->logon_hours, sizeof account->logon_hours);
    return out;
}

static void fill_logon(struct source *s, SAMPR_USER_LOGON_INFORMATION *out)
{
    const struct nt_account *u = s->account;
    out->UserName = text(s, u->name);
    out->FullName = text(s, u->full_name);
    out->UserId = u->rid;
    out->PrimaryGroupId = u->primary_rid;
    out->HomeDirectory = text(s, u->home_dir);
    out->HomeDirectoryDrive = text(s, u->home_drive);
    out->ScriptPath = text(s, u->script);
    out->ProfilePath = text(s, u->profile);
    out->WorkStations = text(s, u->workstations);
    out->PasswordLastSet = nt_old_time(s->times.set);
    out->PasswordCanChange = nt_old_time(s->times.can_change);
    out->PasswordMustChange = nt_old_time(s->times.must_change);
    out->LogonHours = hours(s);
    out->BadPasswordCount = s->bad_count;
    out->UserAccountControl = s->control;
}

static void fill_account(struct source *s, SAMPR_USER_ACCOUNT_INFORMATION *out)
{
    const struct nt_account *u = s->account;
    out->UserName = text(s, u->name);
    out->FullName = text(s, u->full_name);
    out->UserId = u->rid;
    out->PrimaryGroupId = u->primary_rid;
    out->HomeDirectory = text(s, u->home_dir);
    out->HomeDirectoryDrive = text(s, u->home_drive);
    out->ScriptPath = text(s, u->script);
    out->ProfilePath = text(s, u->profile);
    out->AdminComment = text(s, u->comment);
    out->WorkStations = text(s, u->workstations);
    out->LogonHours = hours(s);
    out->BadPasswordCount = s->bad_count;
    out->PasswordLastSet = nt_old_time(s->times.set);
    out->AccountExpires = nt_old_time(s->times.expires);
    out->UserAccountControl = s->control;
}

/* Level 21 shows what the handle's access covers, and says in WhichFields what that is. */
static void fill_all(struct source *s, uint32_t access, SAMPR_USER_ALL_INFORMATION *out)
{
    const struct nt_account *u = s->account;
    if ((access & USER_READ_GENERAL) != 0) {
        out->UserName = text(s, u->name);
        out->FullName = text(s, u->full_name);
        out->UserId = u->rid;
        out->PrimaryGroupId = u->primary_rid;
        out->AdminComment = text(s, u->comment);
        out->UserComment = text(s, u->user_comment);
        out->WhichFields |= FIELD_USERNAME | FIELD_FULLNAME | FIELD_USERID | FIELD_PRIMARYGROUPID |
                            FIELD_ADMINCOMMENT | FIELD_USERCOMMENT;
    }
    if ((access & USER_READ_PREFERENCES) != 0)
        out->WhichFields |= FIELD_COUNTRYCODE | FIELD_CODEPAGE;
    if ((access & USER_READ_LOGON) != 0) {
        out->HomeDirectory = text(s, u->home_dir);
        out->HomeDirectoryDrive = text(s, u->home_drive);
        out->ScriptPath = text(s, u->script);
        out->ProfilePath = text(s, u->profile);
        out->WorkStations = text(s, u->workstations);
        out->LogonHours = hours(s);
        out->BadPasswordCount = s->bad_count;
        out->PasswordCanChange = nt_old_time(s->times.can_change);
        out->PasswordMustChange = nt_old_time(s->times.must_change);
        out->WhichFields |= FIELD_HOMEDIRECTORY | FIELD_HOMEDIRECTORYDRIVE | FIELD_SCRIPTPATH |
                            FIELD_PROFILEPATH | FIELD_WORKSTATIONS | FIELD_LASTLOGON |
                            FIELD_LASTLOGOFF | FIELD_LOGONHOURS | FIELD_BADPASSWORDCOUNT |
                            FIELD_LOGONCOUNT | FIELD_PASSWORDCANCHANGE | FIELD_PASSWORDMUSTCHANGE;
    }
    if ((access & USER_READ_ACCOUNT) != 0) {
        out->PasswordLastSet = nt_old_time(s->times.set);
        out->AccountExpires = nt_old_time(s->times.expires);
        out->UserAccountControl = s->control;
        out->Parameters = text(s, u->parameters);
        out->PasswordExpired = s->times.expired;
        out->WhichFields |= FIELD_PASSWORDLASTSET | FIELD_ACCOUNTEXPIRES |
                            FIELD_USERACCOUNTCONTROL | FIELD_PARAMETERS | FIELD_PASSWORDEXPIRED;
    }
}

#define READ_ALL_KINDS                                                                             \
    (USER_READ_GENERAL | USER_READ_PREFERENCES | USER_READ_LOGON | USER_READ_ACCOUNT)

/* The access a level needs; 0: it cannot be queried. [MS-SAMR] 3.1.5.5.5 */
static uint32_t level_access(uint32_t level)
{
    switch (level) {
    case UserGeneralInformation:
    case UserNameInformation:
    case UserAccountNameInformation:
    case UserFullNameInformation:
    case UserPrimaryGroupInformation:
    case UserAdminCommentInformation:
        return USER_READ_GENERAL;
    case UserPreferencesInformation:
        return USER_READ_GENERAL | USER_READ_PREFERENCES;
    case UserLogonInformation:
    case UserAccountInformation:
        return READ_ALL_KINDS;
    case UserLogonHoursInformation:
    case UserHomeInformation:
    case UserScriptInformation:
    case UserProfileInformation:
    case UserWorkStationsInformation:
        return USER_READ_LOGON;
    case UserControlInformation:
    case UserExpiresInformation:
    case UserParametersInformation:
        return USER_READ_ACCOUNT;
    default:
        return 0;
    }
}

static void fill(struct source *s, uint32_t level, SAMPR_USER_INFO_BUFFER *out)
{
    const struct nt_account *u = s->account;
    switch (level) {
    case UserGeneralInformation:
        out->General.UserName = text(s, u->name);
        out->General.FullName = text(s, u->full_name);
        out->General.PrimaryGroupId = u->primary_rid;
        out->General.AdminComment = text(s, u->comment);
        out->General.UserComment = text(s, u->user_comment);
        break;
    case UserPreferencesInformation:
        out->Preferences.UserComment = text(s, u->user_comment);
        break;
    case UserLogonInformation:
        fill_logon(s, &out->Logon);
        break;
    case UserLogonHoursInformation:
        out->LogonHours.LogonHours = hours(s);
        break;
    case UserAccountInformation:
        fill_account(s, &out->Account);
        break;
    case UserNameInformation:
        out->Name.UserName = text(s, u->name);
        out->Name.FullName = text(s, u->full_name);
        break;
    case UserAccountNameInformation:
        out->AccountName.UserName = text(s, u->name);
        break;
    case UserFullNameInformation:
        out->FullName.FullName = text(s, u->full_name);
        break;
    case UserPrimaryGroupInformation:
        out->PrimaryGroup.PrimaryGroupId = u->primary_rid;
        break;
    case UserHomeInformation:
        out->Home.HomeDirectory = text(s, u->home_dir);
        out->Home.HomeDirectoryDrive = text(s, u->home_drive);
        break;
    case UserScriptInformation:
        out->Script.ScriptPath = text(s, u->script);
        break;
    case UserProfileInformation:
        out->Profile.ProfilePath = text(s, u->profile);
        break;
    case UserAdminCommentInformation:
        out->AdminComment.AdminComment = text(s, u->comment);
        break;
    case UserWorkStationsInformation:
        out->WorkStations.WorkStations = text(s, u->workstations);
        break;
    case UserControlInformation:
        out->Control.UserAccountControl = s->control;
        break;
    case UserExpiresInformation:
        out->Expires.AccountExpires = nt_old_time(s->times.expires);
        break;
    case UserParametersInformation:
        out->Parameters.Parameters = text(s, u->parameters);
        break;
    default:
        break;
    }
}

static ntstatus query(struct nt_call *call, const SAMPR_HANDLE *context, uint32_t level,
                      SAMPR_USER_INFO_BUFFER **out)
{
    ntstatus st;
    uint32_t access = level_access(level);
    struct nt_handle *handle = nt_access_handle(call, context, NT_HANDLE_SAM_USER, access, &st);
    if (handle == NULL)
        return st;
    if (access == 0 && level != UserAllInformation)
        return NT_STATUS(INVALID_INFO_CLASS);
    if (level == UserAllInformation && (handle->access & READ_ALL_KINDS) == 0)
        return NT_STATUS(ACCESS_DENIED);
    const struct nt_account *account = samr_user_of(call, handle, &st);
    if (account == NULL)
        return st;

    nt_time now = nt_now(call->service->env), last_bad;
    const struct nt_policy *policy = nt_dir_policy(call->dir);
    uint32_t bad = nt_lockouts_count(call->service->lockouts, account->rid, &last_bad);
    struct source s = {
        .call = call,
        .account = account,
        .times = times_of(account, policy, now),
        .control = nt_account_acb(account, policy, now),
        .bad_count = bad < UINT16_MAX ? (uint16_t)bad : UINT16_MAX,
    };
    SAMPR_USER_INFO_BUFFER *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL)
        return nt_call_nomem(call);
    if (level == UserAllInformation)
        fill_all(&s, handle->access, &info->All);
    else
        fill(&s, level, info);
    if (s.failed)
        return nt_call_nomem(call);
    *out = info;
    return NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.5.6 */
ntstatus samr_query_user(struct nt_call *call, void *args)
{
    struct SamrQueryInformationUser *a = args;
    return query(call, &a->UserHandle, a->UserInformationClass, &a->Buffer);
}

/* [MS-SAMR] 3.1.5.5.5 */
ntstatus samr_query_user2(struct nt_call *call, void *args)
{
    struct SamrQueryInformationUser2 *a = args;
    return query(call, &a->UserHandle, a->UserInformationClass, &a->Buffer);
}

#define SE_GROUP_DEFAULT 7 /* mandatory, enabled by default, enabled */

/* [MS-SAMR] 3.1.5.9.1 */
ntstatus samr_get_groups_for_user(struct nt_call *call, void *args)
{
    struct SamrGetGroupsForUser *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->UserHandle, NT_HANDLE_SAM_USER, USER_LIST_GROUPS, &st);
    if (handle == NULL)
        return st;
    const struct nt_account *account = samr_user_of(call, handle, &st);
    if (account == NULL)
        return st;
    size_t count = nt_dir_groups_of(call->dir, account, NULL, 0);
    uint32_t *rids = nt_arena_array(&call->arena, count, sizeof *rids);
    GROUP_MEMBERSHIP *list = nt_arena_array(&call->arena, count, sizeof *list);
    a->Groups = nt_arena_alloc(&call->arena, sizeof *a->Groups);
    if (rids == NULL || list == NULL || a->Groups == NULL)
        return nt_call_nomem(call);
    count = nt_dir_groups_of(call->dir, account, rids, count);
    for (size_t i = 0; i < count; i++) {
        const struct nt_group *group = nt_dir_group_rid(call->dir, rids[i]);
        list[i].RelativeId = rids[i];
        list[i].Attributes = group != NULL ? group->attributes : SE_GROUP_DEFAULT;
    }
    a->Groups->MembershipCount = (uint32_t)count;
    a->Groups->Groups = list;
    return NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.13.5. Machines' passwords are random; the rule of length is for people. */
ntstatus samr_get_user_pw_info(struct nt_call *call, void *args)
{
    struct SamrGetUserDomainPasswordInformation *a = args;
    ntstatus st;
    struct nt_handle *handle = nt_access_handle(call, &a->UserHandle, NT_HANDLE_SAM_USER, 0, &st);
    if (handle == NULL)
        return st;
    const struct nt_account *account = samr_user_of(call, handle, &st);
    if (account == NULL)
        return st;
    if ((account->acb & NT_ACB_NORMAL) != 0)
        a->PasswordInformation.MinPasswordLength =
            (uint16_t)nt_dir_policy(call->dir)->min_password_length;
    return NT_STATUS(SUCCESS);
}
