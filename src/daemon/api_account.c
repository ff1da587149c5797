#include "daemon/api_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "crypto/owf.h"
#include "domain/logon.h"
#include "service/chains.h"
#include "service/lockouts.h"

#define GROUPS_MAX  512
#define MACHINE_ACB ((uint32_t)NT_ACB_WORKSTATION | (uint32_t)NT_ACB_SERVER)

/* What one request asks to change of an account; fields that it does not name are left. */
struct account_change {
    const char *name, *who;
    uint32_t acb; /* create: its type */
    struct nt_account_fields fields;
    bool has_password, has_disabled, disabled, unlock;
    struct nt_secret hash;
    struct nt_password clear;
    const json_t *groups; /* create */
    uint32_t rid;         /* found or made */
};

/* --- showing --- */

static json_t *group_names(const struct nt_dir *dir, const struct nt_account *a)
{
    uint32_t rids[GROUPS_MAX];
    size_t n = nt_dir_groups_of(dir, a, rids, GROUPS_MAX);
    json_t *names = json_array();
    for (size_t i = 0; i < n && i < GROUPS_MAX; i++) {
        const struct nt_group *g = nt_dir_group_rid(dir, rids[i]);
        if (g != NULL)
            json_array_append_new(names, json_string(g->name));
    }
    return names;
}

static json_t *user_json(struct nt_request *rq, const struct nt_dir *dir,
                         const struct nt_account *a)
{
    struct nt_sid sid = { 0 };
    const struct nt_policy *policy = nt_dir_policy(dir);
    nt_time now = nt_now(rq->service->env);
    nt_sid_with_rid(&nt_dir_domain(dir)->sid, a->rid, &sid);
    return json_pack("{s:s,s:I,s:o,s:s,s:s,s:b,s:b,s:o,s:o,s:o,s:o}", "name", a->name, "rid",
                     (json_int_t)a->rid, "sid", nt_api_sid(&sid), "full_name", a->full_name,
                     "comment", a->comment, "disabled", (a->acb & NT_ACB_DISABLED) != 0, "locked",
                     nt_account_locked(a, policy, now), "created", nt_api_time(a->created),
                     "password_set", nt_api_time(a->password_set), "expires",
                     nt_api_time(a->expires), "groups", group_names(dir, a));
}

static json_t *computer_json(const struct nt_account *a)
{
    char text[300];
    const struct nt_past *past = a->past;
    const char *password = past == NULL || (past->behind == 0 && past->ahead_at == 0) ? ""
                           : past->behind != 0                                        ? "behind"
                                                                                      : "ahead";
    return json_pack(
        "{s:s,s:I,s:s,s:b,s:o,s:o,s:b,s:s,s:s}", "name", a->name, "rid", (json_int_t)a->rid, "kind",
        (a->acb & NT_ACB_SERVER) != 0 ? "server" : "workstation", "disabled",
        (a->acb & NT_ACB_DISABLED) != 0, "created", nt_api_time(a->created), "password_set",
        nt_api_time(a->password_set), "allow_weak_crypto", a->allow_weak_crypto, "password",
        password, "text", nt_past_describe(a, text, sizeof text));
}

/* A page of the accounts with any of these type bits. */
static void show_accounts(struct nt_request *rq, uint32_t types, const char *key)
{
    struct nt_dir *dir = nt_api_dir(rq);
    uint64_t max = nt_api_number(rq, "max", 1000), after = nt_api_number(rq, "after", 0);
    json_t *list = json_array();
    bool more = false;
    if (max == 0 || max > 1000)
        max = 1000;
    for (const struct nt_account *a =
             nt_dir_account_after(dir, after < UINT32_MAX ? (uint32_t)after : UINT32_MAX);
         a != NULL && !more; a = nt_dir_account_after(dir, a->rid)) {
        if ((a->acb & types) == 0)
            continue;
        more = json_array_size(list) == max;
        if (!more)
            json_array_append_new(list, types == NT_ACB_NORMAL ? user_json(rq, dir, a)
                                                               : computer_json(a));
    }
    nt_dir_unref(dir);
    nt_api_ok(rq, json_pack("{s:o,s:b}", key, list, "more", more));
}

/* Computers may be named with or without their '$'. */
static const struct nt_account *find(const struct nt_dir *dir, const char *name, uint32_t types)
{
    char with_dollar[NT_API_NAME + 1];
    const struct nt_account *a = nt_dir_account(dir, name);
    if (a == NULL && types != NT_ACB_NORMAL) {
        snprintf(with_dollar, sizeof with_dollar, "%s$", name);
        a = nt_dir_account(dir, with_dollar);
    }
    return a != NULL && (a->acb & types) != 0 ? a : NULL;
}

static void show_account(struct nt_request *rq, const char *name, uint32_t types)
{
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_account *a = find(dir, name, types);
    if (a != NULL)
        nt_api_ok(rq, types == NT_ACB_NORMAL ? user_json(rq, dir, a) : computer_json(a));
    else
        nt_api_fail(rq, NT_STATUS(NO_SUCH_USER),
                    types == NT_ACB_NORMAL ? "no such user" : "no such computer", "");
    nt_dir_unref(dir);
}

/* --- changing --- */

static ntstatus check_password(struct nt_txn *txn, const struct account_change *c,
                               struct nt_why *why)
{
    const struct nt_policy *policy = nt_dir_policy(nt_txn_dir(txn));
    ntstatus status = nt_password_check(policy, &c->clear);
    if (!nt_status_ok(status))
        snprintf(why->text, sizeof why->text,
                 "the password is shorter than the policy's %u characters",
                 policy->min_password_length);
    return status;
}

static ntstatus put_password(struct nt_txn *txn, const struct account_change *c, bool check,
                             struct nt_why *why)
{
    ntstatus status = check ? check_password(txn, c, why) : NT_STATUS(SUCCESS);
    if (nt_status_ok(status))
        status = nt_op_account_password(txn, c->rid, &c->hash, false, c->who, "");
    return status;
}

static ntstatus join_groups(struct nt_txn *txn, const struct account_change *c, struct nt_why *why)
{
    ntstatus status = NT_STATUS(SUCCESS);
    for (size_t i = 0; i < json_array_size(c->groups) && nt_status_ok(status); i++) {
        const char *name = json_string_value(json_array_get(c->groups, i));
        const struct nt_group *g = name != NULL ? nt_dir_group(nt_txn_dir(txn), name) : NULL;
        if (g == NULL) {
            snprintf(why->text, sizeof why->text, "there is no group '%.60s'",
                     name != NULL ? name : "");
            return NT_STATUS(NO_SUCH_GROUP);
        }
        if (g->rid != NT_RID_DOMAIN_USERS)
            status = nt_op_group_member(txn, g->rid, c->rid, true, c->who, "");
    }
    return status;
}

static ntstatus create(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    struct account_change *c = ctx;
    ntstatus status = nt_op_account_create(txn, c->name, c->acb, c->who, "", &c->rid, why);
    if (nt_status_ok(status) && c->has_password)
        status = put_password(txn, c, c->acb == NT_ACB_NORMAL, why);
    if (nt_status_ok(status) && c->fields.which != 0)
        status = nt_op_account_set(txn, c->rid, &c->fields, c->who, "");
    if (nt_status_ok(status))
        status = join_groups(txn, c, why);
    return status;
}

static ntstatus change(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    struct account_change *c = ctx;
    const struct nt_account *a = find(nt_txn_dir(txn), c->name, c->acb);
    if (a == NULL)
        return NT_STATUS(NO_SUCH_USER);
    c->rid = a->rid;
    ntstatus status = NT_STATUS(SUCCESS);
    if (c->has_password)
        status = put_password(txn, c, c->acb == NT_ACB_NORMAL, why);
    if (nt_status_ok(status) && c->fields.which != 0)
        status = nt_op_account_set(txn, c->rid, &c->fields, c->who, "");
    if (nt_status_ok(status) && c->has_disabled)
        status = nt_op_account_disable(txn, c->rid, c->disabled, c->who, "");
    if (nt_status_ok(status) && c->unlock)
        status = nt_op_account_unlock(txn, c->rid, c->who, "");
    return status;
}

static ntstatus delete_account(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    struct account_change *c = ctx;
    const struct nt_account *a = find(nt_txn_dir(txn), c->name, c->acb);
    (void)why;
    if (a == NULL)
        return NT_STATUS(NO_SUCH_USER);
    c->rid = a->rid;
    return nt_op_account_delete(txn, a->rid, c->who, "");
}

/* The keys that creating and changing share. */
static bool take_fields(struct nt_request *rq, struct account_change *c)
{
    c->fields.full_name = nt_api_text(rq, "full_name", false);
    if (c->fields.full_name != NULL)
        c->fields.which |= NT_FIELD_FULL_NAME;
    c->fields.comment = nt_api_text(rq, "comment", false);
    if (c->fields.comment != NULL)
        c->fields.which |= NT_FIELD_COMMENT;
    if (nt_api_bool(rq, "allow_weak_crypto", &c->fields.allow_weak_crypto))
        c->fields.which |= NT_FIELD_WEAK_CRYPTO;
    c->has_disabled = nt_api_bool(rq, "disabled", &c->disabled);
    bool locked = true;
    if (nt_api_bool(rq, "locked", &locked)) {
        c->unlock = !locked;
        if (locked)
            nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER),
                        "an account cannot be locked by hand, only unlocked",
                        "To shut it, set \"disabled\": true.");
    }
    if (!nt_api_failed(rq) && json_object_get(rq->body, "password") != NULL)
        c->has_password = nt_api_password(rq, "password", &c->hash, &c->clear);
    return !nt_api_failed(rq);
}

static void wipe(struct account_change *c)
{
    nt_secret_wipe(&c->hash);
    nt_password_wipe(&c->clear);
}

static void after_change(struct nt_request *rq, const struct account_change *c)
{
    if (c->unlock)
        nt_lockouts_clear(rq->service->lockouts, c->rid);
    if ((c->has_disabled && c->disabled) || c->has_password)
        nt_chains_drop_account(rq->service->chains, c->rid);
}

static void patch(struct nt_request *rq, uint32_t types)
{
    struct account_change c = { .name = rq->name, .who = rq->who, .acb = types };
    if (take_fields(rq, &c) && nt_api_change(rq, change, &c)) {
        after_change(rq, &c);
        show_account(rq, rq->name, types);
    }
    wipe(&c);
}

static void remove_account(struct nt_request *rq, uint32_t types)
{
    struct account_change c = { .name = rq->name, .who = rq->who, .acb = types };
    if (nt_api_change(rq, delete_account, &c)) {
        nt_chains_drop_account(rq->service->chains, c.rid);
        nt_api_ok(rq, json_object());
    }
}

/* --- users --- */

void nt_api_users_get(struct nt_request *rq)
{
    show_accounts(rq, NT_ACB_NORMAL, "users");
}

void nt_api_users_post(struct nt_request *rq)
{
    static const char *const keys[] = {
        "name", "password", "full_name", "comment", "groups", NULL
    };
    struct account_change c = { .who = rq->who, .acb = NT_ACB_NORMAL };
    if (!nt_api_only(rq, keys) || (c.name = nt_api_text(rq, "name", true)) == NULL ||
        nt_api_text(rq, "password", true) == NULL)
        return;
    c.groups = json_object_get(rq->body, "groups");
    if (c.groups != NULL && !json_is_array(c.groups))
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "'groups' must be an array of names", "");
    else if (take_fields(rq, &c) && nt_api_change(rq, create, &c))
        show_account(rq, c.name, c.acb);
    wipe(&c);
}

void nt_api_user_get(struct nt_request *rq)
{
    show_account(rq, rq->name, NT_ACB_NORMAL);
}

void nt_api_user_patch(struct nt_request *rq)
{
    static const char *const keys[] = { "password", "full_name", "comment",
                                        "disabled", "locked",    NULL };
    if (nt_api_only(rq, keys))
        patch(rq, NT_ACB_NORMAL);
}

void nt_api_user_delete(struct nt_request *rq)
{
    remove_account(rq, NT_ACB_NORMAL);
}

/* --- computers --- */

void nt_api_computers_get(struct nt_request *rq)
{
    show_accounts(rq, MACHINE_ACB, "computers");
}

void nt_api_computers_post(struct nt_request *rq)
{
    static const char *const keys[] = { "name", "kind", "password", "allow_weak_crypto", NULL };
    struct account_change c = { .who = rq->who };
    char name[NT_API_NAME];
    const char *given, *kind;
    if (!nt_api_only(rq, keys) || (given = nt_api_text(rq, "name", true)) == NULL ||
        (kind = nt_api_text(rq, "kind", true)) == NULL)
        return;
    size_t len = strlen(given);
    if (len > 0 && given[len - 1] == '$')
        len--;
    if (len >= sizeof name - 1)
        len = sizeof name - 2;
    snprintf(name, sizeof name, "%.*s", (int)len, given);
    if (!nt_netbios_name_ok(name)) {
        nt_api_fail(rq, NT_STATUS(INVALID_ACCOUNT_NAME), "that is no computer's name",
                    "1 to 15 characters, without \\ / : * ? \" < > | , and spaces.");
        return;
    }
    memcpy(name + len, "$", 2);
    c.name = name;
    if (strcmp(kind, "workstation") == 0)
        c.acb = NT_ACB_WORKSTATION;
    else if (strcmp(kind, "server") == 0)
        c.acb = NT_ACB_SERVER;
    else
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER),
                    "'kind' must be \"workstation\" or \"server\"", "");
    if (c.acb != 0 && take_fields(rq, &c)) {
        /* Without one, the first password is the name in lower case, as NT has always set it. */
        if (!c.has_password) {
            char lower[NT_API_NAME];
            for (size_t i = 0; i <= len; i++)
                lower[i] = i == len ? '\0'
                                    : (char)(given[i] >= 'A' && given[i] <= 'Z' ? given[i] + 32
                                                                                : given[i]);
            c.has_password = nt_password_from_utf8(&c.clear, lower);
            nt_owf(&c.clear, &c.hash);
        }
        if (nt_api_change(rq, create, &c))
            show_account(rq, name, MACHINE_ACB);
    }
    wipe(&c);
}

void nt_api_computer_get(struct nt_request *rq)
{
    show_account(rq, rq->name, MACHINE_ACB);
}

void nt_api_computer_patch(struct nt_request *rq)
{
    static const char *const keys[] = { "password", "disabled", "allow_weak_crypto", NULL };
    if (nt_api_only(rq, keys))
        patch(rq, MACHINE_ACB);
}

void nt_api_computer_delete(struct nt_request *rq)
{
    remove_account(rq, MACHINE_ACB);
}
