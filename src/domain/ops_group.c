#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "domain/ops_internal.h"

#define NAME_MAX_LEN 256 /* characters of a group's name, [MS-SAMR] 3.1.1.6 */

static ntstatus check_name(const struct nt_dir *dir, const char *name, struct nt_why *why)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_LEN || strpbrk(name, "\"/\\[]:|<>+=;?,*@\n\r\t") != NULL ||
        strspn(name, ". ") == len)
        return nt_op_because(NT_STATUS(INVALID_ACCOUNT_NAME), why, "'%.60s' is no group name",
                             name);
    ntstatus status = nt_op_name_free(dir, name);
    return nt_status_ok(status) ? status
                                : nt_op_because(status, why, "the name '%.60s' is taken", name);
}

/* --- global groups --- */

ntstatus nt_op_group_create(struct nt_txn *txn, const char *name, const char *comment,
                            const char *who, const char *peer, uint32_t *rid, struct nt_why *why)
{
    char by[80];
    ntstatus status = check_name(nt_txn_dir(txn), name, why);
    if (nt_status_ok(status))
        status = nt_op_new_rid(txn, rid);
    if (!nt_status_ok(status))
        return status;
    struct nt_group *g = nt_record_new(NT_KIND_GROUP);
    if (g == NULL || !nt_text_set(&g->name, name) || !nt_text_set(&g->comment, comment)) {
        nt_record_unref(g);
        return NT_STATUS(NO_MEMORY);
    }
    g->rid = *rid;
    g->attributes = 7;
    nt_txn_event(txn, NT_EVENT_INFO, "group-created", name, peer, "the group was created%s",
                 nt_op_by(who, by));
    return nt_op_put(txn, g, NT_STATUS(GROUP_EXISTS));
}

static bool is_primary_of_any(const struct nt_dir *dir, uint32_t rid)
{
    for (const struct nt_account *a = nt_dir_account_after(dir, 0); a != NULL;
         a = nt_dir_account_after(dir, a->rid))
        if (a->primary_rid == rid)
            return true;
    return false;
}

ntstatus nt_op_group_delete(struct nt_txn *txn, uint32_t rid, const char *who, const char *peer)
{
    char by[80];
    const struct nt_group *g = nt_dir_group_rid(nt_txn_dir(txn), rid);
    if (g == NULL)
        return NT_STATUS(NO_SUCH_GROUP);
    if (rid < NT_RID_FIRST)
        return NT_STATUS(SPECIAL_GROUP);
    if (is_primary_of_any(nt_txn_dir(txn), rid))
        return NT_STATUS(MEMBERS_PRIMARY_GROUP);
    nt_txn_event(txn, NT_EVENT_INFO, "group-deleted", g->name, peer, "the group was deleted%s",
                 nt_op_by(who, by));
    return nt_status_of(nt_txn_delete(txn, g));
}

ntstatus nt_op_group_set(struct nt_txn *txn, uint32_t rid, const char *name, const char *comment,
                         const char *who, const char *peer)
{
    char by[80];
    const struct nt_group *now = nt_dir_group_rid(nt_txn_dir(txn), rid);
    if (now == NULL)
        return NT_STATUS(NO_SUCH_GROUP);
    if (name != NULL && !nt_name_equal(name, now->name)) {
        ntstatus status =
            rid < NT_RID_FIRST ? NT_STATUS(SPECIAL_GROUP) : check_name(nt_txn_dir(txn), name, NULL);
        if (!nt_status_ok(status))
            return status;
    }
    struct nt_group *g = nt_record_clone(now);
    if (g == NULL || (name != NULL && !nt_text_set(&g->name, name)) ||
        (comment != NULL && !nt_text_set(&g->comment, comment))) {
        nt_record_unref(g);
        return NT_STATUS(NO_MEMORY);
    }
    nt_txn_event(txn, NT_EVENT_INFO, "group-changed", g->name, peer, "the group was changed%s",
                 nt_op_by(who, by));
    return nt_op_put(txn, g, NT_STATUS(GROUP_EXISTS));
}

static bool insert_rid(struct nt_group *g, uint32_t rid)
{
    uint32_t *more = realloc(g->members, (g->member_count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    g->members = more;
    size_t i = g->member_count;
    for (; i > 0 && more[i - 1] > rid; i--)
        more[i] = more[i - 1];
    more[i] = rid;
    g->member_count++;
    return true;
}

ntstatus nt_op_group_member(struct nt_txn *txn, uint32_t rid, uint32_t member, bool add,
                            const char *who, const char *peer)
{
    char by[80];
    const struct nt_dir *dir = nt_txn_dir(txn);
    const struct nt_group *now = nt_dir_group_rid(dir, rid);
    const struct nt_account *a = nt_dir_account_rid(dir, member);
    if (now == NULL)
        return NT_STATUS(NO_SUCH_GROUP);
    if (a == NULL)
        return NT_STATUS(NO_SUCH_USER);
    size_t i = 0;
    while (i < now->member_count && now->members[i] != member)
        i++;
    bool is = i < now->member_count;
    if (add && (is || a->primary_rid == rid))
        return NT_STATUS(MEMBER_IN_GROUP);
    if (!add && a->primary_rid == rid)
        return NT_STATUS(MEMBERS_PRIMARY_GROUP);
    if (!add && !is)
        return NT_STATUS(MEMBER_NOT_IN_GROUP);
    if (!add && rid == NT_RID_DOMAIN_ADMINS && member == NT_RID_ADMINISTRATOR)
        return NT_STATUS(LAST_ADMIN);
    struct nt_group *g = nt_record_clone(now);
    if (g == NULL)
        return NT_STATUS(NO_MEMORY);
    if (add && !insert_rid(g, member)) {
        nt_record_unref(g);
        return NT_STATUS(NO_MEMORY);
    }
    if (!add) {
        memmove(g->members + i, g->members + i + 1,
                (g->member_count - i - 1) * sizeof g->members[0]);
        g->member_count--;
    }
    nt_txn_event(txn, NT_EVENT_INFO, "group-member", g->name, peer, "%s %s the group%s", a->name,
                 add ? "joined" : "left", nt_op_by(who, by));
    return nt_op_put(txn, g, NT_STATUS(GROUP_EXISTS));
}

/* --- aliases --- */

ntstatus nt_op_alias_create(struct nt_txn *txn, const char *name, const char *comment,
                            const char *who, const char *peer, uint32_t *rid, struct nt_why *why)
{
    char by[80];
    ntstatus status = check_name(nt_txn_dir(txn), name, why);
    if (nt_status_ok(status))
        status = nt_op_new_rid(txn, rid);
    if (!nt_status_ok(status))
        return status;
    struct nt_alias *a = nt_record_new(NT_KIND_ALIAS);
    if (a == NULL || !nt_text_set(&a->name, name) || !nt_text_set(&a->comment, comment)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    a->rid = *rid;
    nt_txn_event(txn, NT_EVENT_INFO, "alias-created", name, peer, "the alias was created%s",
                 nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(ALIAS_EXISTS));
}

ntstatus nt_op_alias_delete(struct nt_txn *txn, bool builtin, uint32_t rid, const char *who,
                            const char *peer)
{
    char by[80];
    const struct nt_alias *a = nt_dir_alias_rid(nt_txn_dir(txn), builtin, rid);
    if (a == NULL)
        return NT_STATUS(NO_SUCH_ALIAS);
    if (builtin)
        return NT_STATUS(SPECIAL_GROUP);
    nt_txn_event(txn, NT_EVENT_INFO, "alias-deleted", a->name, peer, "the alias was deleted%s",
                 nt_op_by(who, by));
    return nt_status_of(nt_txn_delete(txn, a));
}

ntstatus nt_op_alias_set(struct nt_txn *txn, bool builtin, uint32_t rid, const char *name,
                         const char *comment, const char *who, const char *peer)
{
    char by[80];
    const struct nt_alias *now = nt_dir_alias_rid(nt_txn_dir(txn), builtin, rid);
    if (now == NULL)
        return NT_STATUS(NO_SUCH_ALIAS);
    if (name != NULL && !nt_name_equal(name, now->name)) {
        ntstatus status =
            builtin ? NT_STATUS(SPECIAL_GROUP) : check_name(nt_txn_dir(txn), name, NULL);
        if (!nt_status_ok(status))
            return status;
    }
    struct nt_alias *a = nt_record_clone(now);
    if (a == NULL || (name != NULL && !nt_text_set(&a->name, name)) ||
        (comment != NULL && !nt_text_set(&a->comment, comment))) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    nt_txn_event(txn, NT_EVENT_INFO, "alias-changed", a->name, peer, "the alias was changed%s",
                 nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(ALIAS_EXISTS));
}

static bool insert_sid(struct nt_alias *a, const struct nt_sid *sid)
{
    struct nt_sid *more = realloc(a->members, (a->member_count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    a->members = more;
    size_t i = a->member_count;
    for (; i > 0 && nt_sid_compare(&more[i - 1], sid) > 0; i--)
        more[i] = more[i - 1];
    more[i] = *sid;
    a->member_count++;
    return true;
}

/* A SID of this domain must be of an account or group that exists; others are taken as given. */
static bool member_exists(const struct nt_dir *dir, const struct nt_sid *sid)
{
    uint32_t rid;
    return !nt_sid_in_domain(sid, &nt_dir_domain(dir)->sid, &rid) ||
           nt_dir_account_rid(dir, rid) != NULL || nt_dir_group_rid(dir, rid) != NULL;
}

ntstatus nt_op_alias_member(struct nt_txn *txn, bool builtin, uint32_t rid,
                            const struct nt_sid *member, bool add, const char *who,
                            const char *peer)
{
    char by[80], text[NT_SID_TEXT];
    const struct nt_alias *now = nt_dir_alias_rid(nt_txn_dir(txn), builtin, rid);
    if (now == NULL)
        return NT_STATUS(NO_SUCH_ALIAS);
    if (nt_sid_is_null(member) || member->sub_count == 0)
        return NT_STATUS(INVALID_SID);
    size_t i = 0;
    while (i < now->member_count && !nt_sid_equal(&now->members[i], member))
        i++;
    bool is = i < now->member_count;
    if (add && is)
        return NT_STATUS(MEMBER_IN_ALIAS);
    if (!add && !is)
        return NT_STATUS(MEMBER_NOT_IN_ALIAS);
    if (add && !member_exists(nt_txn_dir(txn), member))
        return NT_STATUS(NO_SUCH_MEMBER);
    struct nt_alias *a = nt_record_clone(now);
    if (a == NULL)
        return NT_STATUS(NO_MEMORY);
    if (add && !insert_sid(a, member)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    if (!add) {
        memmove(a->members + i, a->members + i + 1,
                (a->member_count - i - 1) * sizeof a->members[0]);
        a->member_count--;
    }
    nt_txn_event(txn, NT_EVENT_INFO, "alias-member", a->name, peer, "%s %s the alias%s",
                 nt_sid_format(member, text), add ? "joined" : "left", nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(ALIAS_EXISTS));
}
