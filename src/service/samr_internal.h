/*
 * samr_internal.h - seen by the samr_*.c files only: access bits, who gets which, and the methods.
 * Sources: [MS-SAMR] 2.2.1.3-7 (access bits), 3.1.5 (methods).
 */
#ifndef NT_SERVICE_SAMR_INTERNAL_H
#define NT_SERVICE_SAMR_INTERNAL_H

#include "domain/logon.h"
#include "domain/ops.h"
#include "service/lockouts.h"
#include "service/lsa_common.h"

/* [MS-SAMR] 2.2.1.3 */
enum samr_server_access {
    SERVER_CONNECT = 0x01,
    SERVER_ENUMERATE = 0x10,
    SERVER_LOOKUP = 0x20,
    SERVER_ALL = 0x000F003F
};

/* [MS-SAMR] 2.2.1.4 */
enum samr_domain_access {
    DOMAIN_READ_PASSWORD = 0x001,
    DOMAIN_WRITE_PASSWORD = 0x002,
    DOMAIN_READ_OTHER = 0x004,
    DOMAIN_WRITE_OTHER = 0x008,
    DOMAIN_CREATE_USER = 0x010,
    DOMAIN_CREATE_GROUP = 0x020,
    DOMAIN_CREATE_ALIAS = 0x040,
    DOMAIN_GET_ALIASES = 0x080,
    DOMAIN_LIST = 0x100,
    DOMAIN_LOOKUP = 0x200,
    DOMAIN_ALL = 0x000F07FF
};

/* [MS-SAMR] 2.2.1.7 */
enum samr_user_access {
    USER_READ_GENERAL = 0x001,
    USER_READ_PREFERENCES = 0x002,
    USER_WRITE_PREFERENCES = 0x004,
    USER_READ_LOGON = 0x008,
    USER_READ_ACCOUNT = 0x010,
    USER_WRITE_ACCOUNT = 0x020,
    USER_CHANGE_PASSWORD = 0x040,
    USER_FORCE_PASSWORD = 0x080,
    USER_LIST_GROUPS = 0x100,
    USER_ALL = 0x000F07FF
};

/* [MS-SAMR] 2.2.1.5 */
enum samr_group_access {
    GROUP_READ = 0x01,
    GROUP_WRITE = 0x02,
    GROUP_ADD = 0x04,
    GROUP_REMOVE = 0x08,
    GROUP_LIST = 0x10,
    GROUP_ALL = 0x000F001F
};

/* [MS-SAMR] 2.2.1.6 */
enum samr_alias_access {
    ALIAS_ADD = 0x01,
    ALIAS_REMOVE = 0x02,
    ALIAS_LIST = 0x04,
    ALIAS_READ = 0x08,
    ALIAS_WRITE = 0x10,
    ALIAS_ALL = 0x000F001F
};

/* What the caller may do with each kind of object (samr_access.c). They are asked when a handle is
 * opened, and once more in the writer, against the state that a change really meets. */
uint32_t samr_server_allowed(const struct nt_call *call);
uint32_t samr_domain_allowed(const struct nt_call *call, bool builtin);
uint32_t samr_user_allowed(const struct nt_call *call, const struct nt_dir *dir,
                           const struct nt_account *account);
uint32_t samr_group_allowed(const struct nt_call *call, const struct nt_dir *dir,
                            const struct nt_group *group);
uint32_t samr_alias_allowed(const struct nt_call *call, const struct nt_alias *alias);
extern const struct nt_generic samr_server_generic, samr_domain_generic, samr_user_generic,
    samr_group_generic, samr_alias_generic;
/* True for an account that gives administrators' rights, through its groups and BUILTIN's aliases.
 */
bool samr_is_privileged(const struct nt_dir *dir, const struct nt_account *account);

/*
 * A method that changes something keeps here what its handle said: the writer runs in another
 * thread, and the handle may be closed meanwhile.
 */
struct samr_change {
    enum nt_handle_kind kind;
    uint32_t rid;
    bool builtin;
    uint32_t access; /* that the change needs, asked again in the writer */
    struct nt_uuid handle;
    /* what the method wants */
    const char *name, *comment;
    uint32_t value;   /* a member's RID, an account's type */
    uint32_t desired; /* of a handle to open behind it */
    const struct nt_sid *sids;
    size_t sid_count;
};
/* Checks the handle, makes call->state; NULL with *status set. */
struct samr_change *samr_prepare(struct nt_call *call, const SAMPR_HANDLE *context,
                                 enum nt_handle_kind kind, uint32_t access, ntstatus *status);
/* In the writer: is the object still there, and may the caller still do this to it? */
ntstatus samr_recheck(struct nt_call *call, const struct samr_change *change, struct nt_txn *txn);
/* `then` of a change that has nothing to add. */
ntstatus samr_as_decided(struct nt_call *call, void *args, ntstatus status);
/* Closes the handle of a deleted object. */
void samr_close_changed(struct nt_call *call, const struct samr_change *change, SAMPR_HANDLE *out);

/* The domain SID that a SAM domain handle means. */
struct nt_sid samr_domain_sid(const struct nt_call *call, bool builtin);
/* The account of a user handle; NULL with *status NO_SUCH_USER when it is gone. */
const struct nt_account *samr_user_of(struct nt_call *call, const struct nt_handle *handle,
                                      ntstatus *status);

void samr_password_policy(const struct nt_policy *policy, DOMAIN_PASSWORD_INFORMATION *out);

/* Which fields of SAMPR_USER_ALL_INFORMATION are meant, [MS-SAMR] 2.2.1.8 */
enum samr_field {
    FIELD_USERNAME = 0x00000001,
    FIELD_FULLNAME = 0x00000002,
    FIELD_USERID = 0x00000004,
    FIELD_PRIMARYGROUPID = 0x00000008,
    FIELD_ADMINCOMMENT = 0x00000010,
    FIELD_USERCOMMENT = 0x00000020,
    FIELD_HOMEDIRECTORY = 0x00000040,
    FIELD_HOMEDIRECTORYDRIVE = 0x00000080,
    FIELD_SCRIPTPATH = 0x00000100,
    FIELD_PROFILEPATH = 0x00000200,
    FIELD_WORKSTATIONS = 0x00000400,
    FIELD_LASTLOGON = 0x00000800,
    FIELD_LASTLOGOFF = 0x00001000,
    FIELD_LOGONHOURS = 0x00002000,
    FIELD_BADPASSWORDCOUNT = 0x00004000,
    FIELD_LOGONCOUNT = 0x00008000,
    FIELD_PASSWORDCANCHANGE = 0x00010000,
    FIELD_PASSWORDMUSTCHANGE = 0x00020000,
    FIELD_PASSWORDLASTSET = 0x00040000,
    FIELD_ACCOUNTEXPIRES = 0x00080000,
    FIELD_USERACCOUNTCONTROL = 0x00100000,
    FIELD_PARAMETERS = 0x00200000,
    FIELD_COUNTRYCODE = 0x00400000,
    FIELD_CODEPAGE = 0x00800000,
    FIELD_NTPASSWORDPRESENT = 0x01000000,
    FIELD_LMPASSWORDPRESENT = 0x02000000,
    FIELD_PRIVATEDATA = 0x04000000,
    FIELD_PASSWORDEXPIRED = 0x08000000,
    FIELD_SECURITYDESCRIPTOR = 0x10000000
};

/* The methods, by file. */
nt_method samr_connect, samr_connect2, samr_connect3, samr_connect4, samr_connect5,
    samr_close_handle, samr_enumerate_domains, samr_lookup_domain, samr_open_domain,
    samr_rid_to_sid, samr_query_security, samr_set_security;
nt_method samr_query_domain, samr_query_domain2, samr_set_domain, samr_get_domain_pw_info,
    samr_enumerate_users, samr_enumerate_groups, samr_enumerate_aliases, samr_lookup_names,
    samr_lookup_ids, samr_get_alias_membership;
nt_method samr_open_user, samr_query_user, samr_query_user2, samr_get_groups_for_user,
    samr_get_user_pw_info;
nt_method samr_create_user, samr_create_user2, samr_delete_user, samr_set_user, samr_set_user2,
    samr_remove_foreign_member;
nt_method samr_open_group, samr_create_group, samr_delete_group, samr_query_group, samr_set_group,
    samr_add_member_to_group, samr_remove_member_from_group, samr_get_members_in_group,
    samr_set_member_attributes;
nt_method samr_open_alias, samr_create_alias, samr_delete_alias, samr_query_alias, samr_set_alias,
    samr_add_member_to_alias, samr_remove_member_from_alias, samr_get_members_in_alias,
    samr_add_members_to_alias, samr_remove_members_from_alias;
nt_method samr_query_display, samr_query_display2, samr_query_display3, samr_get_display_index,
    samr_get_display_index2;
nt_method samr_change_password2, samr_change_password3, samr_change_password4;

#endif
