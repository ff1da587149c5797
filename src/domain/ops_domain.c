#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "domain/ops_internal.h"

ntstatus nt_op_because(ntstatus status, struct nt_why *why, const char *fmt, ...)
{
    if (why != NULL) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why->text, sizeof why->text, fmt, ap);
        va_end(ap);
    }
    return status;
}

ntstatus nt_op_put(struct nt_txn *txn, void *record, ntstatus exists)
{
    enum nt_err err = nt_txn_put(txn, record);
    return err == NT_E_EXISTS ? exists : nt_status_of(err);
}

const char *nt_op_by(const char *who, char out[80])
{
    out[0] = '\0';
    if (*who != '\0')
        snprintf(out, 80, " (by %.70s)", who);
    return out;
}

ntstatus nt_op_new_rid(struct nt_txn *txn, uint32_t *rid)
{
    const struct nt_domain *now = nt_dir_domain(nt_txn_dir(txn));
    if (now == NULL || now->next_rid >= 0x3FFFFFFF)
        return NT_STATUS(INSUFFICIENT_RESOURCES);
    struct nt_domain *next = nt_record_clone(now);
    if (next == NULL)
        return NT_STATUS(NO_MEMORY);
    *rid = next->next_rid++;
    return nt_op_put(txn, next, NT_STATUS(INTERNAL_ERROR));
}

ntstatus nt_op_name_free(const struct nt_dir *dir, const char *name)
{
    if (nt_dir_account(dir, name) != NULL)
        return NT_STATUS(USER_EXISTS);
    if (nt_dir_group(dir, name) != NULL)
        return NT_STATUS(GROUP_EXISTS);
    if (nt_dir_alias(dir, false, name) != NULL)
        return NT_STATUS(ALIAS_EXISTS);
    return NT_STATUS(SUCCESS);
}

/* --- the first records --- */

static ntstatus put_domain(struct nt_txn *txn, const struct nt_domain_new *in)
{
    struct nt_domain *d = nt_record_new(NT_KIND_DOMAIN);
    struct nt_arena arena;
    nt_arena_init(&arena, 4096);
    const char *name = nt_name_fold(&arena, in->name),
               *computer = nt_name_fold(&arena, in->computer);
    bool ok = d != NULL && name != NULL && computer != NULL && nt_text_set(&d->name, name) &&
              nt_text_set(&d->computer, computer) &&
              nt_text_set(&d->dns_name, in->dns_name != NULL ? in->dns_name : "");
    nt_arena_free(&arena);
    if (!ok) {
        nt_record_unref(d);
        return NT_STATUS(NO_MEMORY);
    }
    const struct nt_env *env = nt_txn_env(txn);
    if (in->sid != NULL) {
        d->sid = *in->sid;
    } else {
        d->sid =
            (struct nt_sid){ .revision = 1, .sub_count = 4, .authority = { 0, 0, 0, 0, 0, 5 } };
        d->sid.sub[0] = 21;
        nt_random(env, &d->sid.sub[1], 3 * sizeof d->sid.sub[0]);
    }
    nt_random(env, d->store_id, sizeof d->store_id);
    d->next_rid = NT_RID_FIRST;
    d->created = nt_txn_now(txn);
    return nt_op_put(txn, d, NT_STATUS(INTERNAL_ERROR));
}

static ntstatus put_policy(struct nt_txn *txn)
{
    struct nt_policy *p = nt_record_new(NT_KIND_POLICY);
    if (p == NULL)
        return NT_STATUS(NO_MEMORY);
    nt_policy_default(p);
    return nt_op_put(txn, p, NT_STATUS(INTERNAL_ERROR));
}

static ntstatus put_account(struct nt_txn *txn, uint32_t rid, const char *name, const char *comment,
                            uint32_t acb, uint32_t primary, const struct nt_secret *hash)
{
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    if (a == NULL || !nt_text_set(&a->name, name) || !nt_text_set(&a->comment, comment)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    a->rid = rid;
    a->acb = acb;
    a->primary_rid = primary;
    a->created = a->password_set = nt_txn_now(txn);
    if (hash != NULL)
        a->nt_hash = *hash;
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

static ntstatus put_group(struct nt_txn *txn, uint32_t rid, const char *name, const char *comment,
                          uint32_t member)
{
    struct nt_group *g = nt_record_new(NT_KIND_GROUP);
    if (g == NULL || !nt_text_set(&g->name, name) || !nt_text_set(&g->comment, comment)) {
        nt_record_unref(g);
        return NT_STATUS(NO_MEMORY);
    }
    g->rid = rid;
    g->attributes = 7;
    if (member != 0) {
        g->members = malloc(sizeof *g->members);
        if (g->members == NULL) {
            nt_record_unref(g);
            return NT_STATUS(NO_MEMORY);
        }
        g->members[g->member_count++] = member;
    }
    return nt_op_put(txn, g, NT_STATUS(GROUP_EXISTS));
}

static ntstatus put_builtin(struct nt_txn *txn, uint32_t rid, const char *name, const char *comment,
                            const uint32_t *members, size_t count)
{
    struct nt_alias *a = nt_record_new(NT_KIND_ALIAS);
    if (a == NULL || !nt_text_set(&a->name, name) || !nt_text_set(&a->comment, comment) ||
        (count > 0 && (a->members = calloc(count, sizeof *a->members)) == NULL)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    a->builtin = true;
    a->rid = rid;
    /* Given in ascending order. */
    for (size_t i = 0; i < count; i++)
        if (nt_sid_with_rid(&nt_dir_domain(nt_txn_dir(txn))->sid, members[i],
                            &a->members[a->member_count]))
            a->member_count++;
    return nt_op_put(txn, a, NT_STATUS(ALIAS_EXISTS));
}

static ntstatus put_groups(struct nt_txn *txn)
{
    static const struct {
        uint32_t rid;
        const char *name, *comment;
        uint32_t member;
    } groups[] = {
        { NT_RID_DOMAIN_ADMINS, "Domain Admins", "Administrators of the domain",
          NT_RID_ADMINISTRATOR },
        { NT_RID_DOMAIN_USERS, "Domain Users", "All users of the domain", 0 },
        { NT_RID_DOMAIN_GUESTS, "Domain Guests", "Guests of the domain", NT_RID_GUEST },
        { NT_RID_DOMAIN_COMPUTERS, "Domain Computers", "Workstations and servers of the domain",
          0 },
        { NT_RID_DOMAIN_CONTROLLERS, "Domain Controllers", "Controllers of the domain", 0 },
    };
    ntstatus status = NT_STATUS(SUCCESS);
    for (size_t i = 0; i < NT_COUNT(groups) && nt_status_ok(status); i++)
        status = put_group(txn, groups[i].rid, groups[i].name, groups[i].comment, groups[i].member);
    return status;
}

static ntstatus put_builtins(struct nt_txn *txn)
{
    static const uint32_t admins[] = { NT_RID_ADMINISTRATOR, NT_RID_DOMAIN_ADMINS };
    static const uint32_t users[] = { NT_RID_DOMAIN_USERS };
    static const uint32_t guests[] = { NT_RID_DOMAIN_GUESTS };
    ntstatus status = put_builtin(txn, NT_RID_ALIAS_ADMINS, "Administrators",
                                  "May do everything in the domain", admins, NT_COUNT(admins));
    if (nt_status_ok(status))
        status =
            put_builtin(txn, NT_RID_ALIAS_USERS, "Users", "Ordinary users", users, NT_COUNT(users));
    if (nt_status_ok(status))
        status =
            put_builtin(txn, NT_RID_ALIAS_GUESTS, "Guests", "Guests", guests, NT_COUNT(guests));
    if (nt_status_ok(status))
        status = put_builtin(txn, NT_RID_ALIAS_ACCOUNT_OPS, "Account Operators",
                             "May manage users and groups that are not administrators", NULL, 0);
    return status;
}

ntstatus nt_op_domain_init(struct nt_txn *txn, const struct nt_domain_new *domain,
                           struct nt_why *why)
{
    if (nt_dir_domain(nt_txn_dir(txn)) != NULL)
        return nt_op_because(NT_STATUS(DOMAIN_EXISTS), why, "the store holds the domain %s already",
                             nt_dir_domain(nt_txn_dir(txn))->name);
    if (!nt_netbios_name_ok(domain->name) || !nt_netbios_name_ok(domain->computer))
        return nt_op_because(NT_STATUS(OBJECT_NAME_INVALID), why,
                             "a NetBIOS name has 1 to 15 characters, without \\ / : * ? \" < > | , "
                             "and spaces");
    if (nt_name_equal(domain->name, domain->computer))
        return nt_op_because(NT_STATUS(OBJECT_NAME_INVALID), why,
                             "domain and controller must have different names");
    ntstatus status = put_domain(txn, domain);
    if (nt_status_ok(status))
        status = put_policy(txn);
    if (nt_status_ok(status))
        status = put_account(txn, NT_RID_ADMINISTRATOR, "Administrator",
                             "Built-in administrator of the domain",
                             (uint32_t)NT_ACB_NORMAL | (uint32_t)NT_ACB_PWNOEXP |
                                 (domain->administrator == NULL ? (uint32_t)NT_ACB_DISABLED : 0),
                             NT_RID_DOMAIN_USERS, domain->administrator);
    if (nt_status_ok(status))
        status = put_account(txn, NT_RID_GUEST, "Guest", "Built-in account for guests",
                             (uint32_t)NT_ACB_NORMAL | (uint32_t)NT_ACB_DISABLED |
                                 (uint32_t)NT_ACB_PWNOTREQ | (uint32_t)NT_ACB_PWNOEXP,
                             NT_RID_DOMAIN_GUESTS, NULL);
    if (nt_status_ok(status))
        status = put_groups(txn);
    if (nt_status_ok(status))
        status = put_builtins(txn);
    if (nt_status_ok(status))
        nt_txn_event(txn, NT_EVENT_INFO, "domain-made", domain->name, "",
                     "the domain was made, with the controller %s", domain->computer);
    return status;
}

/* --- a restored store --- */

/* An initial password that was refused would only be tried in vain, and may burn a permission. */
static bool worth_a_check(const struct nt_tdo *tdo)
{
    const struct nt_trust_out *out = &tdo->out;
    bool untried = out->current.initial && out->current.proven == 0;
    bool refused = out->state == NT_OUT_BROKEN && (out->broken == NT_BROKEN_BURNED ||
                                                   (out->broken == NT_BROKEN_MISMATCH && untried));
    return (tdo->direction & 2) != 0 && !refused;
}

ntstatus nt_op_store_restored(struct nt_txn *txn, nt_time as_of, bool surely, const char *text)
{
    const struct nt_dir *dir = nt_txn_dir(txn); /* walks on while records are put into it */
    const struct nt_domain *now = nt_dir_domain(dir);
    unsigned checks = 0;
    char when[NT_TIME_TEXT];
    if (now == NULL)
        return NT_STATUS(SUCCESS); /* there is nothing in it */
    struct nt_domain *next = nt_record_clone(now);
    if (next == NULL)
        return NT_STATUS(NO_MEMORY);
    next->restored_at = nt_txn_now(txn);
    next->restored_to = as_of;
    next->restored_surely = surely;
    ntstatus status = nt_op_put(txn, next, NT_STATUS(INTERNAL_ERROR));
    for (const struct nt_tdo *tdo = nt_dir_tdo_after(dir, ""); tdo != NULL && nt_status_ok(status);
         tdo = nt_dir_tdo_after(dir, tdo->name)) {
        if (!worth_a_check(tdo))
            continue;
        struct nt_tdo *wanted = nt_record_clone(tdo);
        if (wanted == NULL)
            return NT_STATUS(NO_MEMORY);
        nt_out_want_check(&wanted->out, nt_txn_now(txn));
        nt_seen_restored(&wanted->out.seen);
        status = nt_op_put(txn, wanted, NT_STATUS(INTERNAL_ERROR));
        checks++;
    }
    char then[96] = "The domains that trust this one set right what they find.";
    if (checks > 0)
        snprintf(then, sizeof then, "%u trust%s checked now.", checks,
                 checks == 1 ? " is" : "s are");
    nt_txn_event(txn, NT_EVENT_WARNING, surely ? "store-restored" : "store-epoch-missing",
                 now->name, "", "%.220s Its newest change is of %s. %s", text,
                 nt_time_format(as_of, when), then);
    return status;
}
