#include "daemon/api_internal.h"

#include <stdio.h>
#include <string.h>

/* A name of this domain, or what a SID says, for people; the SID's text for all others. */
static const char *name_of(const struct nt_dir *dir, const struct nt_sid *sid,
                           char text[NT_SID_TEXT])
{
    uint32_t rid;
    if (nt_sid_in_domain(sid, &nt_dir_domain(dir)->sid, &rid)) {
        const struct nt_account *a = nt_dir_account_rid(dir, rid);
        const struct nt_group *g = nt_dir_group_rid(dir, rid);
        if (a != NULL)
            return a->name;
        if (g != NULL)
            return g->name;
    }
    return nt_sid_format(sid, text);
}

static void add_member(const struct nt_dir *dir, json_t *list, const struct nt_sid *sid)
{
    char text[NT_SID_TEXT];
    json_array_append_new(
        list, json_pack("{s:s,s:o}", "name", name_of(dir, sid, text), "sid", nt_api_sid(sid)));
}

static json_t *group_json(const struct nt_dir *dir, const struct nt_group *g)
{
    json_t *members = json_array();
    for (size_t i = 0; i < g->member_count; i++) {
        struct nt_sid sid;
        if (nt_sid_with_rid(&nt_dir_domain(dir)->sid, g->members[i], &sid))
            add_member(dir, members, &sid);
    }
    return json_pack("{s:s,s:I,s:s,s:s,s:b,s:o}", "name", g->name, "rid", (json_int_t)g->rid,
                     "kind", "group", "comment", g->comment, "builtin", g->rid < NT_RID_FIRST,
                     "members", members);
}

static json_t *alias_json(const struct nt_dir *dir, const struct nt_alias *a)
{
    json_t *members = json_array();
    for (size_t i = 0; i < a->member_count; i++)
        add_member(dir, members, &a->members[i]);
    return json_pack("{s:s,s:I,s:s,s:s,s:b,s:o}", "name", a->name, "rid", (json_int_t)a->rid,
                     "kind", "alias", "comment", a->comment, "builtin", a->builtin, "members",
                     members);
}

void nt_api_groups_get(struct nt_request *rq)
{
    struct nt_dir *dir = nt_api_dir(rq);
    json_t *list = json_array();
    for (const struct nt_group *g = nt_dir_group_after(dir, 0); g != NULL;
         g = nt_dir_group_after(dir, g->rid))
        json_array_append_new(list, group_json(dir, g));
    for (int builtin = 1; builtin >= 0; builtin--)
        for (const struct nt_alias *a = nt_dir_alias_after(dir, builtin != 0, 0); a != NULL;
             a = nt_dir_alias_after(dir, builtin != 0, a->rid))
            json_array_append_new(list, alias_json(dir, a));
    nt_dir_unref(dir);
    nt_api_ok(rq, json_pack("{s:o}", "groups", list));
}

/* A group, an alias of the domain, or one of BUILTIN, by its name; false: none. */
struct found {
    const struct nt_group *group;
    const struct nt_alias *alias;
};

static bool find(const struct nt_dir *dir, const char *name, struct found *f)
{
    f->group = nt_dir_group(dir, name);
    f->alias = f->group == NULL ? nt_dir_alias(dir, false, name) : NULL;
    if (f->group == NULL && f->alias == NULL)
        f->alias = nt_dir_alias(dir, true, name);
    return f->group != NULL || f->alias != NULL;
}

static void show(struct nt_request *rq, const char *name)
{
    struct nt_dir *dir = nt_api_dir(rq);
    struct found f;
    if (find(dir, name, &f))
        nt_api_ok(rq, f.group != NULL ? group_json(dir, f.group) : alias_json(dir, f.alias));
    else
        nt_api_fail(rq, NT_STATUS(NO_SUCH_GROUP), "no such group or alias", "");
    nt_dir_unref(dir);
}

void nt_api_group_get(struct nt_request *rq)
{
    show(rq, rq->name);
}

struct group_change {
    const char *name, *comment, *who;
    bool alias;
    const json_t *add, *remove;
};

static ntstatus create(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct group_change *c = ctx;
    uint32_t rid;
    return c->alias ? nt_op_alias_create(txn, c->name, c->comment, c->who, "", &rid, why)
                    : nt_op_group_create(txn, c->name, c->comment, c->who, "", &rid, why);
}

void nt_api_groups_post(struct nt_request *rq)
{
    static const char *const keys[] = { "name", "comment", "kind", NULL };
    struct group_change c = { .who = rq->who };
    if (!nt_api_only(rq, keys) || (c.name = nt_api_text(rq, "name", true)) == NULL)
        return;
    c.comment = nt_api_text(rq, "comment", false);
    if (c.comment == NULL)
        c.comment = "";
    const char *kind = nt_api_text(rq, "kind", false);
    if (kind != NULL && strcmp(kind, "group") != 0 && strcmp(kind, "alias") != 0)
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "'kind' must be \"group\" or \"alias\"", "");
    c.alias = kind != NULL && strcmp(kind, "alias") == 0;
    if (!nt_api_failed(rq) && nt_api_change(rq, create, &c))
        show(rq, c.name);
}

static ntstatus remove_group(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct group_change *c = ctx;
    struct found f;
    (void)why;
    if (!find(nt_txn_dir(txn), c->name, &f))
        return NT_STATUS(NO_SUCH_GROUP);
    return f.group != NULL ? nt_op_group_delete(txn, f.group->rid, c->who, "")
                           : nt_op_alias_delete(txn, f.alias->builtin, f.alias->rid, c->who, "");
}

void nt_api_group_delete(struct nt_request *rq)
{
    struct group_change c = { .name = rq->name, .who = rq->who };
    if (nt_api_change(rq, remove_group, &c))
        nt_api_ok(rq, json_object());
}

/* A member by account or group name of this domain, or by SID. */
static bool member_sid(const struct nt_dir *dir, const char *text, struct nt_sid *sid)
{
    const struct nt_sid *own = &nt_dir_domain(dir)->sid;
    if (nt_sid_parse(text, sid))
        return true;
    const struct nt_account *a = nt_dir_account(dir, text);
    const struct nt_group *g = nt_dir_group(dir, text);
    return (a != NULL && nt_sid_with_rid(own, a->rid, sid)) ||
           (g != NULL && nt_sid_with_rid(own, g->rid, sid));
}

static ntstatus change_members(struct nt_txn *txn, const struct group_change *c,
                               const json_t *names, bool add, struct nt_why *why)
{
    ntstatus status = NT_STATUS(SUCCESS);
    for (size_t i = 0; i < json_array_size(names) && nt_status_ok(status); i++) {
        const struct nt_dir *dir = nt_txn_dir(txn);
        const char *text = json_string_value(json_array_get(names, i));
        struct found f;
        struct nt_sid sid;
        uint32_t rid = 0;
        if (!find(dir, c->name, &f))
            return NT_STATUS(NO_SUCH_GROUP);
        if (text == NULL || !member_sid(dir, text, &sid) ||
            (f.group != NULL && !nt_sid_in_domain(&sid, &nt_dir_domain(dir)->sid, &rid))) {
            snprintf(why->text, sizeof why->text,
                     f.group != NULL ? "'%.80s' is no account of this domain"
                                     : "'%.80s' is no account or group of this domain, nor a SID",
                     text != NULL ? text : "");
            return NT_STATUS(NO_SUCH_MEMBER);
        }
        status = f.group != NULL ? nt_op_group_member(txn, f.group->rid, rid, add, c->who, "")
                                 : nt_op_alias_member(txn, f.alias->builtin, f.alias->rid, &sid,
                                                      add, c->who, "");
    }
    return status;
}

static ntstatus members(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct group_change *c = ctx;
    ntstatus status = change_members(txn, c, c->add, true, why);
    return nt_status_ok(status) ? change_members(txn, c, c->remove, false, why) : status;
}

void nt_api_group_members(struct nt_request *rq)
{
    static const char *const keys[] = { "add", "remove", NULL };
    struct group_change c = { .name = rq->name, .who = rq->who };
    if (!nt_api_only(rq, keys))
        return;
    c.add = json_object_get(rq->body, "add");
    c.remove = json_object_get(rq->body, "remove");
    if ((c.add != NULL && !json_is_array(c.add)) || (c.remove != NULL && !json_is_array(c.remove)))
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "'add' and 'remove' must be arrays of names",
                    "");
    else if (nt_api_change(rq, members, &c))
        show(rq, rq->name);
}
