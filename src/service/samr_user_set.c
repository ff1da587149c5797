/*
 * samr_user_set.c - users change: create, delete, and the levels of SetInformationUser with their
 * passwords under the session key. [MS-SAMR] 3.1.5.4.4-5, 3.1.5.6.4-5, 3.1.5.7.3, 3.1.5.8.9
 */
#include <string.h>

#include "crypto/owf.h"
#include "crypto/samr.h"
#include "service/chains.h"
#include "service/samr_internal.h"

#define TYPE_BITS                                                                                  \
    ((uint32_t)(NT_ACB_NORMAL | NT_ACB_INTERDOMAIN | NT_ACB_WORKSTATION | NT_ACB_SERVER))

/* --- create --- */

struct create {
    struct samr_change change;
    uint32_t rid, granted;
    SAMPR_HANDLE handle;
};

static ntstatus decide_create(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct create *c = call->state;
    (void)args;
    ntstatus st = samr_recheck(call, &c->change, txn);
    if (!nt_status_ok(st))
        return st;
    /* Disabled until the client has set what belongs to it. */
    return nt_op_account_create(txn, c->change.name, c->change.value | NT_ACB_DISABLED,
                                call->token->name, nt_conn_peer(call->conn), &c->rid, NULL);
}

static ntstatus open_created(struct nt_call *call, struct create *c, ntstatus status)
{
    struct nt_handle like = { .kind = NT_HANDLE_SAM_USER, .rid = c->rid };
    if (!nt_status_ok(status))
        return status;
    const struct nt_account *account = nt_dir_account_rid(call->dir, c->rid);
    if (account == NULL)
        return NT_STATUS(NO_SUCH_USER);
    if (!nt_access_grant(c->change.desired, &samr_user_generic,
                         samr_user_allowed(call, call->dir, account), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    c->granted = like.access;
    return nt_access_open(call, &like, &c->handle);
}

/* SUCCESS: call->state is ready for the change. */
static ntstatus prepare_create(struct nt_call *call, const SAMPR_HANDLE *context,
                               const RPC_UNICODE_STRING *name, uint32_t type, uint32_t desired)
{
    ntstatus st;
    struct samr_change *base =
        samr_prepare(call, context, NT_HANDLE_SAM_DOMAIN, DOMAIN_CREATE_USER, &st);
    if (base == NULL)
        return st;
    if (base->builtin)
        return NT_STATUS(ACCESS_DENIED);
    if (type != NT_ACB_NORMAL && type != NT_ACB_INTERDOMAIN && type != NT_ACB_WORKSTATION &&
        type != NT_ACB_SERVER)
        return NT_STATUS(INVALID_PARAMETER);
    /* Who can make machines and trusts can pretend to be one. CVE-2014-8143 */
    if (type != NT_ACB_NORMAL && nt_caller_of(call) != NT_CALLER_ADMIN)
        return NT_STATUS(ACCESS_DENIED);
    struct create *c = nt_arena_alloc(&call->arena, sizeof *c);
    if (c == NULL)
        return nt_call_nomem(call);
    c->change = *base;
    c->change.name = nt_wire_text(call, name);
    c->change.value = type;
    c->change.desired = desired;
    if (c->change.name == NULL || c->change.name[0] == '\0')
        return NT_STATUS(INVALID_ACCOUNT_NAME);
    call->state = c;
    return NT_STATUS(SUCCESS);
}

static ntstatus created_user(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrCreateUserInDomain *a = args;
    struct create *c = call->state;
    ntstatus st = open_created(call, c, status);
    if (nt_status_ok(st)) {
        a->UserHandle = c->handle;
        a->RelativeId = c->rid;
    }
    return st;
}

/* [MS-SAMR] 3.1.5.4.5 */
ntstatus samr_create_user(struct nt_call *call, void *args)
{
    struct SamrCreateUserInDomain *a = args;
    ntstatus st = prepare_create(call, &a->DomainHandle, &a->Name, NT_ACB_NORMAL, a->DesiredAccess);
    return nt_status_ok(st) ? nt_call_change(call, decide_create, created_user) : st;
}

static ntstatus created_user2(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrCreateUser2InDomain *a = args;
    struct create *c = call->state;
    ntstatus st = open_created(call, c, status);
    if (nt_status_ok(st)) {
        a->UserHandle = c->handle;
        a->RelativeId = c->rid;
        a->GrantedAccess = c->granted;
    }
    return st;
}

/* [MS-SAMR] 3.1.5.4.4. Interdomain trust accounts can be made directly as well. */
ntstatus samr_create_user2(struct nt_call *call, void *args)
{
    struct SamrCreateUser2InDomain *a = args;
    ntstatus st =
        prepare_create(call, &a->DomainHandle, &a->Name, a->AccountType, a->DesiredAccess);
    return nt_status_ok(st) ? nt_call_change(call, decide_create, created_user2) : st;
}

/* --- delete --- */

static ntstatus decide_delete(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct samr_change *c = call->state;
    (void)args;
    ntstatus st = samr_recheck(call, c, txn);
    return nt_status_ok(st)
               ? nt_op_account_delete(txn, c->rid, call->token->name, nt_conn_peer(call->conn))
               : st;
}

static ntstatus deleted(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrDeleteUser *a = args;
    const struct samr_change *c = call->state;
    if (!nt_status_ok(status))
        return status;
    nt_chains_drop_account(call->service->chains, c->rid);
    nt_lockouts_clear(call->service->lockouts, c->rid);
    samr_close_changed(call, c, &a->UserHandle);
    return status;
}

/* [MS-SAMR] 3.1.5.7.3 */
ntstatus samr_delete_user(struct nt_call *call, void *args)
{
    struct SamrDeleteUser *a = args;
    ntstatus st;
    if (samr_prepare(call, &a->UserHandle, NT_HANDLE_SAM_USER, NT_ACCESS_DELETE, &st) == NULL)
        return st;
    return nt_call_change(call, decide_delete, deleted);
}

/* A SID leaves every alias of the domain; where the caller may not change one, all is refused. */
static ntstatus decide_leave(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct samr_change *c = call->state;
    const struct nt_alias *alias;
    (void)args;
    for (uint32_t rid = 0;
         (alias = nt_dir_alias_after(nt_txn_dir(txn), c->builtin, rid)) != NULL;) {
        rid = alias->rid;
        bool member = false;
        for (size_t i = 0; i < alias->member_count; i++)
            member = member || nt_sid_equal(&alias->members[i], &c->sids[0]);
        if (!member)
            continue;
        if ((samr_alias_allowed(call, alias) & ALIAS_REMOVE) == 0)
            return NT_STATUS(ACCESS_DENIED);
        ntstatus st = nt_op_alias_member(txn, c->builtin, rid, &c->sids[0], false,
                                         call->token->name, nt_conn_peer(call->conn));
        if (!nt_status_ok(st))
            return st;
    }
    return NT_STATUS(SUCCESS);
}

/*
 * [MS-SAMR] 3.1.5.8.9.
 * Deviation: a user handle does as well as a domain handle. `net rpc trustdom del` sends the handle
 * of the trust account that it is about to delete, and gives up when this call fails.
 */
ntstatus samr_remove_foreign_member(struct nt_call *call, void *args)
{
    struct SamrRemoveMemberFromForeignDomain *a = args;
    ntstatus st;
    struct nt_handle *handle = nt_handle_get(call, &a->DomainHandle, 0);
    if (handle == NULL)
        return NT_STATUS(INVALID_HANDLE);
    bool user = handle->kind == NT_HANDLE_SAM_USER;
    struct samr_change *c =
        samr_prepare(call, &a->DomainHandle, user ? NT_HANDLE_SAM_USER : NT_HANDLE_SAM_DOMAIN,
                     user ? (uint32_t)NT_ACCESS_DELETE : (uint32_t)DOMAIN_LOOKUP, &st);
    if (c == NULL)
        return st;
    struct nt_sid *sid = nt_arena_alloc(&call->arena, sizeof *sid);
    if (sid == NULL)
        return nt_call_nomem(call);
    if (!nt_rpc_sid_get(a->MemberSid, sid))
        return NT_STATUS(INVALID_SID);
    c->sids = sid;
    c->sid_count = 1;
    return nt_call_change(call, decide_leave, samr_as_decided);
}

/* --- set --- */

/* What one call wants of an account; decided as one. */
struct set {
    struct samr_change change;
    struct nt_account_fields fields;
    const char *rename;
    bool has_acb, has_hash, has_clear, must_change;
    uint32_t acb;
    struct nt_password clear; /* in the arena, which is wiped */
    struct nt_secret hash;
};

/* The control bits as they shall be: a client that names no type means the one it has. */
static uint32_t wanted_acb(const struct set *s, const struct nt_account *account)
{
    uint32_t type = s->acb & TYPE_BITS;
    return (s->acb & ~TYPE_BITS) | (type != 0 ? type : account->acb & TYPE_BITS);
}

static ntstatus decide_password(struct nt_call *call, const struct set *s,
                                const struct nt_account *account, struct nt_txn *txn)
{
    uint32_t acb = s->has_acb ? wanted_acb(s, account) : account->acb;
    if (s->has_clear && (acb & NT_ACB_NORMAL) != 0) {
        ntstatus st = nt_password_check(nt_dir_policy(nt_txn_dir(txn)), &s->clear);
        if (!nt_status_ok(st))
            return st;
    }
    return nt_op_account_password(txn, s->change.rid, &s->hash, s->must_change, call->token->name,
                                  nt_conn_peer(call->conn));
}

static ntstatus decide_set(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct set *s = call->state;
    const char *who = call->token->name, *peer = nt_conn_peer(call->conn);
    uint32_t rid = s->change.rid;
    (void)args;
    ntstatus st = samr_recheck(call, &s->change, txn);
    if (!nt_status_ok(st))
        return st;
    const struct nt_account *account = nt_dir_account_rid(nt_txn_dir(txn), rid);
    uint32_t acb = wanted_acb(s, account);
    bool other_type = s->has_acb && ((acb ^ account->acb) & TYPE_BITS) != 0;
    if (other_type && nt_caller_of(call) != NT_CALLER_ADMIN)
        return NT_STATUS(ACCESS_DENIED);

    if (s->has_hash)
        st = decide_password(call, s, account, txn);
    if (nt_status_ok(st) && s->rename != NULL)
        st = nt_op_account_rename(txn, rid, s->rename, who, peer, NULL);
    if (nt_status_ok(st) && s->fields.which != 0)
        st = nt_op_account_set(txn, rid, &s->fields, who, peer);
    if (nt_status_ok(st) && s->has_acb)
        st = nt_op_account_acb(txn, rid, acb, who, peer, NULL);
    return st;
}

static ntstatus was_set(struct nt_call *call, void *args, ntstatus status)
{
    const struct set *s = call->state;
    (void)args;
    if (!nt_status_ok(status))
        return status;
    const struct nt_account *account = nt_dir_account_rid(call->dir, s->change.rid);
    bool disabled = account == NULL || (account->acb & NT_ACB_DISABLED) != 0;
    if (s->has_hash || disabled)
        nt_chains_drop_account(call->service->chains, s->change.rid);
    if (s->has_hash || (s->has_acb && (s->acb & NT_ACB_AUTOLOCK) == 0))
        nt_lockouts_clear(call->service->lockouts, s->change.rid);
    return status;
}

static bool take_text(struct nt_call *call, struct set *s, const RPC_UNICODE_STRING *in,
                      const char **out, uint32_t field)
{
    *out = nt_wire_text(call, in);
    s->fields.which |= field;
    return *out != NULL;
}

static bool take_hours(struct set *s, const SAMPR_LOGON_HOURS *in)
{
    s->fields.which |= NT_FIELD_LOGON_HOURS;
    if (in->LogonHours == NULL || in->UnitsPerWeek == 0)
        return true; /* always */
    if (in->UnitsPerWeek != 168)
        return false;
    memcpy(s->fields.logon_hours, in->LogonHours, sizeof s->fields.logon_hours);
    s->fields.logon_hours_len = sizeof s->fields.logon_hours;
    return true;
}

static void take_expires(struct set *s, const OLD_LARGE_INTEGER *in)
{
    nt_time t = (nt_time)(uint32_t)in->HighPart << 32 | in->LowPart;
    s->fields.which |= NT_FIELD_EXPIRES;
    s->fields.expires = t >= NT_TIME_NEVER ? 0 : t;
}

static void take_acb(struct set *s, uint32_t acb)
{
    s->has_acb = true;
    s->acb = acb;
}

/* --- passwords --- */

static ntstatus password_result(struct set *s, enum nt_err err)
{
    if (err != NT_OK)
        return NT_STATUS(WRONG_PASSWORD); /* another session key than ours */
    nt_owf(&s->clear, &s->hash);
    s->has_clear = s->has_hash = true;
    return NT_STATUS(SUCCESS);
}

static ntstatus take_password(struct nt_call *call, struct set *s,
                              const SAMPR_ENCRYPTED_USER_PASSWORD *in)
{
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    return password_result(s, nt_samr_password_decode(call->session_key, in->Buffer, &s->clear));
}

static ntstatus take_password_new(struct nt_call *call, struct set *s,
                                  const SAMPR_ENCRYPTED_USER_PASSWORD_NEW *in)
{
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    return password_result(s, nt_samr_password_ex_decode(call->session_key, in->Buffer, &s->clear));
}

static ntstatus take_password_aes(struct nt_call *call, struct set *s,
                                  const SAMPR_ENCRYPTED_PASSWORD_AES *in)
{
    struct nt_samr_aes aes = { .cipher = in->Cipher, .cipher_len = in->cbCipher };
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    if (in->Cipher == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    memcpy(aes.auth_data, in->AuthData, sizeof aes.auth_data);
    memcpy(aes.salt, in->Salt, sizeof aes.salt);
    return password_result(s, nt_samr_aes_decode(call->session_key, &aes, &s->clear));
}

static ntstatus take_hash(struct nt_call *call, struct set *s, const uint8_t in[16])
{
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    nt_samr_hash_decrypt(call->session_key, in, &s->hash);
    s->has_hash = true;
    return NT_STATUS(SUCCESS);
}

/* --- the levels --- */

/* Told by the server only, or not kept at all, [MS-SAMR] 2.2.1.8 and 3.1.5.6.4.2 */
#define FIELDS_UNKNOWN 0xC0000000u
#define FIELDS_NOT_SETTABLE                                                                        \
    ((uint32_t)(FIELD_USERID | FIELD_LASTLOGON | FIELD_LASTLOGOFF | FIELD_BADPASSWORDCOUNT |       \
                FIELD_LOGONCOUNT | FIELD_PASSWORDCANCHANGE | FIELD_PASSWORDMUSTCHANGE |            \
                FIELD_PASSWORDLASTSET | FIELD_PRIVATEDATA | FIELD_SECURITYDESCRIPTOR))
#define FIELDS_PASSWORD  ((uint32_t)(FIELD_NTPASSWORDPRESENT | FIELD_LMPASSWORDPRESENT))
#define FIELDS_USERS_OWN ((uint32_t)(FIELD_USERCOMMENT | FIELD_COUNTRYCODE | FIELD_CODEPAGE))

static uint32_t fields_access(uint32_t which)
{
    uint32_t access = 0, rest = which & ~(FIELDS_PASSWORD | FIELDS_USERS_OWN);
    if ((which & FIELDS_PASSWORD) != 0)
        access |= USER_FORCE_PASSWORD;
    if ((which & FIELDS_USERS_OWN) != 0)
        access |= USER_WRITE_PREFERENCES;
    if ((rest & ~(uint32_t)FIELD_PASSWORDEXPIRED) != 0)
        access |= USER_WRITE_ACCOUNT;
    if ((rest & FIELD_PASSWORDEXPIRED) != 0)
        access |= USER_FORCE_PASSWORD;
    return access;
}

/* Country code and code page are accepted and not kept: nobody here reads them. */
static ntstatus take_all(struct nt_call *call, struct set *s, const SAMPR_USER_ALL_INFORMATION *in)
{
    struct nt_account_fields *f = &s->fields;
    uint32_t which = in->WhichFields;
    const struct {
        uint32_t bit;
        const RPC_UNICODE_STRING *text;
        const char **to;
        uint32_t field;
    } texts[] = {
        { FIELD_FULLNAME, &in->FullName, &f->full_name, NT_FIELD_FULL_NAME },
        { FIELD_ADMINCOMMENT, &in->AdminComment, &f->comment, NT_FIELD_COMMENT },
        { FIELD_USERCOMMENT, &in->UserComment, &f->user_comment, NT_FIELD_USER_COMMENT },
        { FIELD_HOMEDIRECTORY, &in->HomeDirectory, &f->home_dir, NT_FIELD_HOME_DIR },
        { FIELD_HOMEDIRECTORYDRIVE, &in->HomeDirectoryDrive, &f->home_drive, NT_FIELD_HOME_DRIVE },
        { FIELD_SCRIPTPATH, &in->ScriptPath, &f->script, NT_FIELD_SCRIPT },
        { FIELD_PROFILEPATH, &in->ProfilePath, &f->profile, NT_FIELD_PROFILE },
        { FIELD_WORKSTATIONS, &in->WorkStations, &f->workstations, NT_FIELD_WORKSTATIONS },
        { FIELD_PARAMETERS, &in->Parameters, &f->parameters, NT_FIELD_PARAMETERS },
        { FIELD_USERNAME, &in->UserName, &s->rename, 0 },
    };
    if (which == 0 || (which & FIELDS_UNKNOWN) != 0)
        return NT_STATUS(INVALID_PARAMETER);
    if ((which & FIELDS_NOT_SETTABLE) != 0)
        return NT_STATUS(ACCESS_DENIED);
    s->change.access |= fields_access(which);
    for (size_t i = 0; i < NT_COUNT(texts); i++)
        if ((which & texts[i].bit) != 0 &&
            !take_text(call, s, texts[i].text, texts[i].to, texts[i].field))
            return NT_STATUS(INVALID_PARAMETER);
    if ((which & FIELD_PRIMARYGROUPID) != 0) {
        f->which |= NT_FIELD_PRIMARY_RID;
        f->primary_rid = in->PrimaryGroupId;
    }
    if ((which & FIELD_LOGONHOURS) != 0 && !take_hours(s, &in->LogonHours))
        return NT_STATUS(INVALID_PARAMETER);
    if ((which & FIELD_ACCOUNTEXPIRES) != 0)
        take_expires(s, &in->AccountExpires);
    if ((which & FIELD_USERACCOUNTCONTROL) != 0)
        take_acb(s, in->UserAccountControl);
    if ((which & FIELD_PASSWORDEXPIRED) != 0) {
        s->must_change = in->PasswordExpired != 0;
        f->which |= NT_FIELD_MUST_CHANGE;
        f->must_change = s->must_change;
    }
    return NT_STATUS(SUCCESS);
}

/* Level 21 carries a hash, in the clear but for the session key. */
static ntstatus take_all_hash(struct nt_call *call, struct set *s,
                              const SAMPR_USER_ALL_INFORMATION *in)
{
    uint8_t raw[16];
    ntstatus st = take_all(call, s, in);
    if (!nt_status_ok(st) || (in->WhichFields & FIELDS_PASSWORD) == 0)
        return st;
    if ((in->WhichFields & FIELD_NTPASSWORDPRESENT) == 0 || in->NtPasswordPresent == 0)
        return NT_STATUS(SUCCESS); /* an LM hash alone is of no use here */
    if (in->NtOwfPassword.Buffer == NULL || in->NtOwfPassword.Length != sizeof raw)
        return NT_STATUS(INVALID_PARAMETER);
    for (size_t i = 0; i < sizeof raw / 2; i++) {
        raw[2 * i] = (uint8_t)in->NtOwfPassword.Buffer[i];
        raw[2 * i + 1] = (uint8_t)(in->NtOwfPassword.Buffer[i] >> 8);
    }
    return take_hash(call, s, raw);
}

static void must_change(struct set *s, bool expired)
{
    s->must_change = expired;
    s->change.access |= USER_FORCE_PASSWORD;
}

static ntstatus take_password_level(struct nt_call *call, struct set *s, uint32_t level,
                                    const SAMPR_USER_INFO_BUFFER *in)
{
    ntstatus st;
    switch (level) {
    case UserInternal1Information:
        must_change(s, in->Internal1.PasswordExpired != 0);
        return in->Internal1.NtPasswordPresent != 0
                   ? take_hash(call, s, in->Internal1.EncryptedNtOwfPassword.data)
                   : NT_STATUS(INVALID_PARAMETER);
    case UserInternal5Information:
        must_change(s, in->Internal5.PasswordExpired != 0);
        return take_password(call, s, &in->Internal5.UserPassword);
    case UserInternal5InformationNew:
        must_change(s, in->Internal5New.PasswordExpired != 0);
        return take_password_new(call, s, &in->Internal5New.UserPassword);
    case UserInternal7Information:
        must_change(s, in->Internal7.PasswordExpired != 0);
        return take_password_aes(call, s, &in->Internal7.UserPassword);
    case UserInternal4Information:
        st = take_all(call, s, &in->Internal4.I1);
        if (nt_status_ok(st) && (in->Internal4.I1.WhichFields & FIELDS_PASSWORD) != 0)
            st = take_password(call, s, &in->Internal4.UserPassword);
        return st;
    case UserInternal4InformationNew:
        st = take_all(call, s, &in->Internal4New.I1);
        if (nt_status_ok(st) && (in->Internal4New.I1.WhichFields & FIELDS_PASSWORD) != 0)
            st = take_password_new(call, s, &in->Internal4New.UserPassword);
        return st;
    case UserInternal8Information:
        st = take_all(call, s, &in->Internal8.I1);
        if (nt_status_ok(st) && (in->Internal8.I1.WhichFields & FIELDS_PASSWORD) != 0)
            st = take_password_aes(call, s, &in->Internal8.UserPassword);
        return st;
    default:
        return NT_STATUS(INVALID_INFO_CLASS);
    }
}

/* Fills *s by level; what it asks for is the access that the handle must have. */
static ntstatus take_level(struct nt_call *call, struct set *s, uint32_t level,
                           const SAMPR_USER_INFO_BUFFER *in)
{
    struct nt_account_fields *f = &s->fields;
    bool good = true;
    s->change.access = USER_WRITE_ACCOUNT;
    switch (level) {
    case UserPreferencesInformation:
        s->change.access = USER_WRITE_PREFERENCES;
        good = take_text(call, s, &in->Preferences.UserComment, &f->user_comment,
                         NT_FIELD_USER_COMMENT);
        break;
    case UserLogonHoursInformation:
        good = take_hours(s, &in->LogonHours.LogonHours);
        break;
    case UserNameInformation:
        good = take_text(call, s, &in->Name.UserName, &s->rename, 0) &&
               take_text(call, s, &in->Name.FullName, &f->full_name, NT_FIELD_FULL_NAME);
        break;
    case UserAccountNameInformation:
        good = take_text(call, s, &in->AccountName.UserName, &s->rename, 0);
        break;
    case UserFullNameInformation:
        good = take_text(call, s, &in->FullName.FullName, &f->full_name, NT_FIELD_FULL_NAME);
        break;
    case UserPrimaryGroupInformation:
        f->which |= NT_FIELD_PRIMARY_RID;
        f->primary_rid = in->PrimaryGroup.PrimaryGroupId;
        break;
    case UserHomeInformation:
        good =
            take_text(call, s, &in->Home.HomeDirectory, &f->home_dir, NT_FIELD_HOME_DIR) &&
            take_text(call, s, &in->Home.HomeDirectoryDrive, &f->home_drive, NT_FIELD_HOME_DRIVE);
        break;
    case UserScriptInformation:
        good = take_text(call, s, &in->Script.ScriptPath, &f->script, NT_FIELD_SCRIPT);
        break;
    case UserProfileInformation:
        good = take_text(call, s, &in->Profile.ProfilePath, &f->profile, NT_FIELD_PROFILE);
        break;
    case UserAdminCommentInformation:
        good = take_text(call, s, &in->AdminComment.AdminComment, &f->comment, NT_FIELD_COMMENT);
        break;
    case UserWorkStationsInformation:
        good = take_text(call, s, &in->WorkStations.WorkStations, &f->workstations,
                         NT_FIELD_WORKSTATIONS);
        break;
    case UserControlInformation:
        take_acb(s, in->Control.UserAccountControl);
        break;
    case UserExpiresInformation:
        take_expires(s, &in->Expires.AccountExpires);
        break;
    case UserParametersInformation:
        good = take_text(call, s, &in->Parameters.Parameters, &f->parameters, NT_FIELD_PARAMETERS);
        break;
    case UserAllInformation:
        s->change.access = 0;
        return take_all_hash(call, s, &in->All);
    default:
        s->change.access = 0;
        return take_password_level(call, s, level, in);
    }
    return good ? NT_STATUS(SUCCESS) : NT_STATUS(INVALID_PARAMETER);
}

static ntstatus set_user(struct nt_call *call, const SAMPR_HANDLE *context, uint32_t level,
                         const SAMPR_USER_INFO_BUFFER *in)
{
    ntstatus st;
    struct samr_change *base = samr_prepare(call, context, NT_HANDLE_SAM_USER, 0, &st);
    if (base == NULL)
        return st;
    struct set *s = nt_arena_alloc(&call->arena, sizeof *s);
    if (s == NULL)
        return nt_call_nomem(call);
    s->change = *base;
    st = take_level(call, s, level, in);
    if (!nt_status_ok(st))
        return st;
    if (nt_access_handle(call, context, NT_HANDLE_SAM_USER, s->change.access, &st) == NULL)
        return st;
    call->state = s;
    return nt_call_change(call, decide_set, was_set);
}

/* [MS-SAMR] 3.1.5.6.5 */
ntstatus samr_set_user(struct nt_call *call, void *args)
{
    struct SamrSetInformationUser *a = args;
    return set_user(call, &a->UserHandle, a->UserInformationClass, &a->Buffer);
}

/* [MS-SAMR] 3.1.5.6.4 */
ntstatus samr_set_user2(struct nt_call *call, void *args)
{
    struct SamrSetInformationUser2 *a = args;
    return set_user(call, &a->UserHandle, a->UserInformationClass, &a->Buffer);
}
