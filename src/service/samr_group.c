/*
 * samr_group.c - global groups. [MS-SAMR] 3.1.5.1.7, 3.1.5.4.2, 3.1.5.5.3, 3.1.5.6.2, 3.1.5.7.1,
 * 3.1.5.8
 *
 * An account belongs to its primary group without being listed in it; both ways of belonging are
 * shown to clients as membership.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "service/samr_internal.h"

/* [MS-SAMR] 3.1.5.1.7 */
ntstatus samr_open_group(struct nt_call *call, void *args)
{
    struct SamrOpenGroup *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_SAM_GROUP, .rid = a->GroupId };
    ntstatus st;
    struct nt_handle *domain =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LOOKUP, &st);
    if (domain == NULL)
        return st;
    const struct nt_group *group = domain->builtin ? NULL : nt_dir_group_rid(call->dir, a->GroupId);
    if (group == NULL)
        return NT_STATUS(NO_SUCH_GROUP);
    if (!nt_access_grant(a->DesiredAccess, &samr_group_generic,
                         samr_group_allowed(call, call->dir, group), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->GroupHandle);
}

static const struct nt_group *opened(struct nt_call *call, const SAMPR_HANDLE *context,
                                     uint32_t access, struct nt_handle **handle, ntstatus *status)
{
    *handle = nt_access_handle(call, context, NT_HANDLE_SAM_GROUP, access, status);
    if (*handle == NULL)
        return NULL;
    const struct nt_group *group = nt_dir_group_rid(call->dir, (*handle)->rid);
    if (group == NULL)
        *status = NT_STATUS(NO_SUCH_GROUP);
    return group;
}

/* --- members --- */

static int by_rid(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool listed(const struct nt_group *group, uint32_t rid)
{
    return group->member_count > 0 && bsearch(&rid, group->members, group->member_count,
                                              sizeof *group->members, by_rid) != NULL;
}

/* Writes at most `max` members, both kinds; returns how many there are. */
static size_t members_of(const struct nt_dir *dir, const struct nt_group *group, uint32_t *out,
                         size_t max)
{
    const struct nt_account *account;
    size_t count = 0;
    for (uint32_t rid = 0; (account = nt_dir_account_after(dir, rid)) != NULL;) {
        rid = account->rid;
        if (account->primary_rid != group->rid && !listed(group, rid))
            continue;
        if (count < max)
            out[count] = rid;
        count++;
    }
    return count;
}

static bool has_primary_members(const struct nt_dir *dir, uint32_t group)
{
    const struct nt_account *account;
    for (uint32_t rid = 0; (account = nt_dir_account_after(dir, rid)) != NULL; rid = account->rid)
        if (account->primary_rid == group)
            return true;
    return false;
}

/* [MS-SAMR] 3.1.5.8.3 */
ntstatus samr_get_members_in_group(struct nt_call *call, void *args)
{
    struct SamrGetMembersInGroup *a = args;
    struct nt_handle *handle;
    ntstatus st;
    const struct nt_group *group = opened(call, &a->GroupHandle, GROUP_LIST, &handle, &st);
    if (group == NULL)
        return st;
    size_t max = nt_dir_count(call->dir, NT_KIND_ACCOUNT);
    SAMPR_GET_MEMBERS_BUFFER *buffer = nt_arena_alloc(&call->arena, sizeof *buffer);
    uint32_t *rids = nt_arena_array(&call->arena, max, sizeof *rids);
    uint32_t *attributes = nt_arena_array(&call->arena, max, sizeof *attributes);
    if (buffer == NULL || rids == NULL || attributes == NULL)
        return nt_call_nomem(call);
    buffer->MemberCount = (uint32_t)members_of(call->dir, group, rids, max);
    for (uint32_t i = 0; i < buffer->MemberCount; i++)
        attributes[i] = group->attributes;
    buffer->Members = rids;
    buffer->Attributes = attributes;
    a->Members = buffer;
    return NT_STATUS(SUCCESS);
}

/* --- information --- */

/* [MS-SAMR] 3.1.5.5.3 */
ntstatus samr_query_group(struct nt_call *call, void *args)
{
    struct SamrQueryInformationGroup *a = args;
    struct nt_handle *handle;
    ntstatus st;
    bool good = true;
    const struct nt_group *group = opened(call, &a->GroupHandle, GROUP_READ, &handle, &st);
    if (group == NULL)
        return st;
    SAMPR_GROUP_INFO_BUFFER *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL)
        return nt_call_nomem(call);
    switch (a->GroupInformationClass) {
    case GroupGeneralInformation:
    case GroupReplicationInformation:
        info->General.Attributes = group->attributes;
        if (a->GroupInformationClass == GroupGeneralInformation)
            info->General.MemberCount = (uint32_t)members_of(call->dir, group, NULL, 0);
        good = nt_wire_string(call, group->name, &info->General.Name) &&
               nt_wire_string(call, group->comment, &info->General.AdminComment);
        break;
    case GroupNameInformation:
        good = nt_wire_string(call, group->name, &info->Name.Name);
        break;
    case GroupAttributeInformation:
        info->Attribute.Attributes = group->attributes;
        break;
    case GroupAdminCommentInformation:
        good = nt_wire_string(call, group->comment, &info->AdminComment.AdminComment);
        break;
    default:
        return NT_STATUS(INVALID_INFO_CLASS);
    }
    if (!good)
        return nt_call_nomem(call);
    a->Buffer = info;
    return NT_STATUS(SUCCESS);
}

/* --- changes --- */

static ntstatus decide_set(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct samr_change *c = call->state;
    (void)args;
    ntstatus st = samr_recheck(call, c, txn);
    return nt_status_ok(st) ? nt_op_group_set(txn, c->rid, c->name, c->comment, call->token->name,
                                              nt_conn_peer(call->conn))
                            : st;
}

/* [MS-SAMR] 3.1.5.6.2. Attributes are the same for every group here and can only be confirmed. */
ntstatus samr_set_group(struct nt_call *call, void *args)
{
    struct SamrSetInformationGroup *a = args;
    const struct nt_group *group;
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, &a->GroupHandle, NT_HANDLE_SAM_GROUP, GROUP_WRITE, &st);
    if (c == NULL)
        return st;
    switch (a->GroupInformationClass) {
    case GroupNameInformation:
        c->name = nt_wire_text(call, &a->Buffer.Name.Name);
        if (c->name == NULL || c->name[0] == '\0')
            return NT_STATUS(INVALID_ACCOUNT_NAME);
        break;
    case GroupAdminCommentInformation:
        c->comment = nt_wire_text(call, &a->Buffer.AdminComment.AdminComment);
        if (c->comment == NULL)
            return NT_STATUS(INVALID_PARAMETER);
        break;
    case GroupAttributeInformation:
        group = nt_dir_group_rid(call->dir, c->rid);
        return group != NULL && group->attributes == a->Buffer.Attribute.Attributes
                   ? NT_STATUS(SUCCESS)
                   : NT_STATUS(NOT_SUPPORTED);
    default:
        return NT_STATUS(INVALID_INFO_CLASS);
    }
    return nt_call_change(call, decide_set, samr_as_decided);
}

static ntstatus decide_member(struct nt_call *call, struct nt_txn *txn, bool add)
{
    const struct samr_change *c = call->state;
    ntstatus st = samr_recheck(call, c, txn);
    return nt_status_ok(st) ? nt_op_group_member(txn, c->rid, c->value, add, call->token->name,
                                                 nt_conn_peer(call->conn))
                            : st;
}

static ntstatus decide_add(struct nt_call *call, void *args, struct nt_txn *txn)
{
    (void)args;
    return decide_member(call, txn, true);
}

static ntstatus decide_remove(struct nt_call *call, void *args, struct nt_txn *txn)
{
    (void)args;
    return decide_member(call, txn, false);
}

/* [MS-SAMR] 3.1.5.8.1 */
ntstatus samr_add_member_to_group(struct nt_call *call, void *args)
{
    struct SamrAddMemberToGroup *a = args;
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, &a->GroupHandle, NT_HANDLE_SAM_GROUP, GROUP_ADD, &st);
    if (c == NULL)
        return st;
    c->value = a->MemberId;
    return nt_call_change(call, decide_add, samr_as_decided);
}

/* [MS-SAMR] 3.1.5.8.2 */
ntstatus samr_remove_member_from_group(struct nt_call *call, void *args)
{
    struct SamrRemoveMemberFromGroup *a = args;
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, &a->GroupHandle, NT_HANDLE_SAM_GROUP, GROUP_REMOVE, &st);
    if (c == NULL)
        return st;
    c->value = a->MemberId;
    return nt_call_change(call, decide_remove, samr_as_decided);
}

/* [MS-SAMR] 3.1.5.8.7: accepted and without effect, as the specification asks. */
ntstatus samr_set_member_attributes(struct nt_call *call, void *args)
{
    struct SamrSetMemberAttributesOfGroup *a = args;
    struct nt_handle *handle;
    ntstatus st;
    const struct nt_group *group = opened(call, &a->GroupHandle, GROUP_ADD, &handle, &st);
    if (group == NULL)
        return st;
    return NT_STATUS(SUCCESS);
}

static ntstatus decide_create(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct SamrCreateGroupInDomain *a = args;
    const struct samr_change *c = call->state;
    ntstatus st = samr_recheck(call, c, txn);
    return nt_status_ok(st) ? nt_op_group_create(txn, c->name, "", call->token->name,
                                                 nt_conn_peer(call->conn), &a->RelativeId, NULL)
                            : st;
}

static ntstatus created(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrCreateGroupInDomain *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_SAM_GROUP, .rid = a->RelativeId };
    if (!nt_status_ok(status)) {
        a->RelativeId = 0;
        return status;
    }
    const struct nt_group *group = nt_dir_group_rid(call->dir, a->RelativeId);
    if (group == NULL)
        return NT_STATUS(NO_SUCH_GROUP);
    if (!nt_access_grant(a->DesiredAccess, &samr_group_generic,
                         samr_group_allowed(call, call->dir, group), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->GroupHandle);
}

/* [MS-SAMR] 3.1.5.4.2 */
ntstatus samr_create_group(struct nt_call *call, void *args)
{
    struct SamrCreateGroupInDomain *a = args;
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_CREATE_GROUP, &st);
    if (c == NULL)
        return st;
    if (c->builtin)
        return NT_STATUS(ACCESS_DENIED);
    c->name = nt_wire_text(call, &a->Name);
    if (c->name == NULL || c->name[0] == '\0')
        return NT_STATUS(INVALID_ACCOUNT_NAME);
    return nt_call_change(call, decide_create, created);
}

static ntstatus decide_delete(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct samr_change *c = call->state;
    (void)args;
    ntstatus st = samr_recheck(call, c, txn);
    if (nt_status_ok(st) && has_primary_members(nt_txn_dir(txn), c->rid))
        return NT_STATUS(MEMBERS_PRIMARY_GROUP);
    return nt_status_ok(st)
               ? nt_op_group_delete(txn, c->rid, call->token->name, nt_conn_peer(call->conn))
               : st;
}

static ntstatus deleted(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrDeleteGroup *a = args;
    if (nt_status_ok(status))
        samr_close_changed(call, call->state, &a->GroupHandle);
    return status;
}

/* [MS-SAMR] 3.1.5.7.1 */
ntstatus samr_delete_group(struct nt_call *call, void *args)
{
    struct SamrDeleteGroup *a = args;
    ntstatus st;
    if (samr_prepare(call, &a->GroupHandle, NT_HANDLE_SAM_GROUP, NT_ACCESS_DELETE, &st) == NULL)
        return st;
    return nt_call_change(call, decide_delete, deleted);
}
