/*
 * samr_alias.c - aliases (local groups) of the domain and of BUILTIN. Their members are SIDs, also
 * of trusted domains: this is how foreign users get rights here. [MS-SAMR] 3.1.5.1.8, 3.1.5.4.3,
 * 3.1.5.5.4, 3.1.5.6.3, 3.1.5.7.2, 3.1.5.8.4-8
 */
#include <string.h>

#include "service/samr_internal.h"

/* [MS-SAMR] 3.1.5.1.8 */
ntstatus samr_open_alias(struct nt_call *call, void *args)
{
    struct SamrOpenAlias *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_SAM_ALIAS, .rid = a->AliasId };
    ntstatus st;
    struct nt_handle *domain =
        nt_access_handle(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LOOKUP, &st);
    if (domain == NULL)
        return st;
    like.builtin = domain->builtin;
    const struct nt_alias *alias = nt_dir_alias_rid(call->dir, like.builtin, a->AliasId);
    if (alias == NULL)
        return NT_STATUS(NO_SUCH_ALIAS);
    if (!nt_access_grant(a->DesiredAccess, &samr_alias_generic, samr_alias_allowed(call, alias),
                         &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->AliasHandle);
}

static const struct nt_alias *opened(struct nt_call *call, const SAMPR_HANDLE *context,
                                     uint32_t access, ntstatus *status)
{
    struct nt_handle *handle = nt_access_handle(call, context, NT_HANDLE_SAM_ALIAS, access, status);
    if (handle == NULL)
        return NULL;
    const struct nt_alias *alias = nt_dir_alias_rid(call->dir, handle->builtin, handle->rid);
    if (alias == NULL)
        *status = NT_STATUS(NO_SUCH_ALIAS);
    return alias;
}

/* [MS-SAMR] 3.1.5.8.6 */
ntstatus samr_get_members_in_alias(struct nt_call *call, void *args)
{
    struct SamrGetMembersInAlias *a = args;
    ntstatus st;
    const struct nt_alias *alias = opened(call, &a->AliasHandle, ALIAS_LIST, &st);
    if (alias == NULL)
        return st;
    a->Members.Sids = nt_arena_array(&call->arena, alias->member_count, sizeof *a->Members.Sids);
    if (a->Members.Sids == NULL)
        return nt_call_nomem(call);
    for (size_t i = 0; i < alias->member_count; i++) {
        a->Members.Sids[i].SidPointer = nt_wire_sid(call, &alias->members[i]);
        if (a->Members.Sids[i].SidPointer == NULL)
            return nt_call_nomem(call);
    }
    a->Members.Count = (uint32_t)alias->member_count;
    return NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.5.4 */
ntstatus samr_query_alias(struct nt_call *call, void *args)
{
    struct SamrQueryInformationAlias *a = args;
    ntstatus st;
    bool good = true;
    const struct nt_alias *alias = opened(call, &a->AliasHandle, ALIAS_READ, &st);
    if (alias == NULL)
        return st;
    SAMPR_ALIAS_INFO_BUFFER *info = nt_arena_alloc(&call->arena, sizeof *info);
    if (info == NULL)
        return nt_call_nomem(call);
    switch (a->AliasInformationClass) {
    case AliasGeneralInformation:
        info->General.MemberCount = (uint32_t)alias->member_count;
        good = nt_wire_string(call, alias->name, &info->General.Name) &&
               nt_wire_string(call, alias->comment, &info->General.AdminComment);
        break;
    case AliasNameInformation:
        good = nt_wire_string(call, alias->name, &info->Name.Name);
        break;
    case AliasAdminCommentInformation:
        good = nt_wire_string(call, alias->comment, &info->AdminComment.AdminComment);
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
    return nt_status_ok(st) ? nt_op_alias_set(txn, c->builtin, c->rid, c->name, c->comment,
                                              call->token->name, nt_conn_peer(call->conn))
                            : st;
}

/* [MS-SAMR] 3.1.5.6.3 */
ntstatus samr_set_alias(struct nt_call *call, void *args)
{
    struct SamrSetInformationAlias *a = args;
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, &a->AliasHandle, NT_HANDLE_SAM_ALIAS, ALIAS_WRITE, &st);
    if (c == NULL)
        return st;
    switch (a->AliasInformationClass) {
    case AliasNameInformation:
        c->name = nt_wire_text(call, &a->Buffer.Name.Name);
        if (c->name == NULL || c->name[0] == '\0')
            return NT_STATUS(INVALID_ACCOUNT_NAME);
        break;
    case AliasAdminCommentInformation:
        c->comment = nt_wire_text(call, &a->Buffer.AdminComment.AdminComment);
        if (c->comment == NULL)
            return NT_STATUS(INVALID_PARAMETER);
        break;
    default:
        return NT_STATUS(INVALID_INFO_CLASS);
    }
    return nt_call_change(call, decide_set, samr_as_decided);
}

/* Several members at once succeed or fail together; one that is in already (or out already) is no
 * failure then. [MS-SAMR] 3.1.5.8.7-8 */
static ntstatus decide_members(struct nt_call *call, struct nt_txn *txn, bool add)
{
    const struct samr_change *c = call->state;
    ntstatus st = samr_recheck(call, c, txn);
    for (size_t i = 0; nt_status_ok(st) && i < c->sid_count; i++) {
        st = nt_op_alias_member(txn, c->builtin, c->rid, &c->sids[i], add, call->token->name,
                                nt_conn_peer(call->conn));
        bool already = nt_status_is(st, NT_STATUS(MEMBER_IN_ALIAS)) ||
                       nt_status_is(st, NT_STATUS(MEMBER_NOT_IN_ALIAS));
        if (c->value != 0 && already)
            st = NT_STATUS(SUCCESS);
    }
    return st;
}

static ntstatus decide_add(struct nt_call *call, void *args, struct nt_txn *txn)
{
    (void)args;
    return decide_members(call, txn, true);
}

static ntstatus decide_remove(struct nt_call *call, void *args, struct nt_txn *txn)
{
    (void)args;
    return decide_members(call, txn, false);
}

static ntstatus change_one(struct nt_call *call, const SAMPR_HANDLE *context, const RPC_SID *sid,
                           bool add)
{
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, context, NT_HANDLE_SAM_ALIAS, add ? ALIAS_ADD : ALIAS_REMOVE, &st);
    if (c == NULL)
        return st;
    struct nt_sid *member = nt_arena_alloc(&call->arena, sizeof *member);
    if (member == NULL)
        return nt_call_nomem(call);
    if (!nt_rpc_sid_get(sid, member))
        return NT_STATUS(INVALID_SID);
    c->sids = member;
    c->sid_count = 1;
    return nt_call_change(call, add ? decide_add : decide_remove, samr_as_decided);
}

static ntstatus change_many(struct nt_call *call, const SAMPR_HANDLE *context,
                            const SAMPR_PSID_ARRAY *list, bool add)
{
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, context, NT_HANDLE_SAM_ALIAS, add ? ALIAS_ADD : ALIAS_REMOVE, &st);
    if (c == NULL)
        return st;
    if (list->Count > 0 && list->Sids == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    struct nt_sid *members = nt_arena_array(&call->arena, list->Count, sizeof *members);
    if (members == NULL)
        return nt_call_nomem(call);
    for (uint32_t i = 0; i < list->Count; i++)
        if (!nt_rpc_sid_get(list->Sids[i].SidPointer, &members[i]))
            return NT_STATUS(INVALID_SID);
    c->sids = members;
    c->sid_count = list->Count;
    c->value = 1; /* many: see decide_members */
    return nt_call_change(call, add ? decide_add : decide_remove, samr_as_decided);
}

/* [MS-SAMR] 3.1.5.8.4 */
ntstatus samr_add_member_to_alias(struct nt_call *call, void *args)
{
    struct SamrAddMemberToAlias *a = args;
    return change_one(call, &a->AliasHandle, a->MemberId, true);
}

/* [MS-SAMR] 3.1.5.8.5 */
ntstatus samr_remove_member_from_alias(struct nt_call *call, void *args)
{
    struct SamrRemoveMemberFromAlias *a = args;
    return change_one(call, &a->AliasHandle, a->MemberId, false);
}

/* [MS-SAMR] 3.1.5.8.7 */
ntstatus samr_add_members_to_alias(struct nt_call *call, void *args)
{
    struct SamrAddMultipleMembersToAlias *a = args;
    return change_many(call, &a->AliasHandle, &a->MembersBuffer, true);
}

/* [MS-SAMR] 3.1.5.8.8 */
ntstatus samr_remove_members_from_alias(struct nt_call *call, void *args)
{
    struct SamrRemoveMultipleMembersFromAlias *a = args;
    return change_many(call, &a->AliasHandle, &a->MembersBuffer, false);
}

static ntstatus decide_create(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct SamrCreateAliasInDomain *a = args;
    const struct samr_change *c = call->state;
    ntstatus st = samr_recheck(call, c, txn);
    return nt_status_ok(st) ? nt_op_alias_create(txn, c->name, "", call->token->name,
                                                 nt_conn_peer(call->conn), &a->RelativeId, NULL)
                            : st;
}

static ntstatus created(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrCreateAliasInDomain *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_SAM_ALIAS, .rid = a->RelativeId };
    if (!nt_status_ok(status)) {
        a->RelativeId = 0;
        return status;
    }
    const struct nt_alias *alias = nt_dir_alias_rid(call->dir, false, a->RelativeId);
    if (alias == NULL)
        return NT_STATUS(NO_SUCH_ALIAS);
    if (!nt_access_grant(a->DesiredAccess, &samr_alias_generic, samr_alias_allowed(call, alias),
                         &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->AliasHandle);
}

/* [MS-SAMR] 3.1.5.4.3. BUILTIN's aliases are given once and for all. */
ntstatus samr_create_alias(struct nt_call *call, void *args)
{
    struct SamrCreateAliasInDomain *a = args;
    ntstatus st;
    struct samr_change *c =
        samr_prepare(call, &a->DomainHandle, NT_HANDLE_SAM_DOMAIN, DOMAIN_CREATE_ALIAS, &st);
    if (c == NULL)
        return st;
    if (c->builtin)
        return NT_STATUS(ACCESS_DENIED);
    c->name = nt_wire_text(call, &a->AccountName);
    if (c->name == NULL || c->name[0] == '\0')
        return NT_STATUS(INVALID_ACCOUNT_NAME);
    return nt_call_change(call, decide_create, created);
}

static ntstatus decide_delete(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct samr_change *c = call->state;
    (void)args;
    ntstatus st = samr_recheck(call, c, txn);
    return nt_status_ok(st) ? nt_op_alias_delete(txn, c->builtin, c->rid, call->token->name,
                                                 nt_conn_peer(call->conn))
                            : st;
}

static ntstatus deleted(struct nt_call *call, void *args, ntstatus status)
{
    struct SamrDeleteAlias *a = args;
    if (nt_status_ok(status))
        samr_close_changed(call, call->state, &a->AliasHandle);
    return status;
}

/* [MS-SAMR] 3.1.5.7.2 */
ntstatus samr_delete_alias(struct nt_call *call, void *args)
{
    struct SamrDeleteAlias *a = args;
    ntstatus st;
    if (samr_prepare(call, &a->AliasHandle, NT_HANDLE_SAM_ALIAS, NT_ACCESS_DELETE, &st) == NULL)
        return st;
    return nt_call_change(call, decide_delete, deleted);
}
