#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "domain/logon.h"
#include "domain/ops_internal.h"

#define TYPE_BITS                                                                                  \
    ((uint32_t)NT_ACB_NORMAL | (uint32_t)NT_ACB_INTERDOMAIN | (uint32_t)NT_ACB_WORKSTATION |       \
     (uint32_t)NT_ACB_SERVER)
/* Bits that an administrator sets as such; AUTOLOCK is derived. */
#define FREE_BITS                                                                                  \
    ((uint32_t)NT_ACB_DISABLED | (uint32_t)NT_ACB_HOMEDIRREQ | (uint32_t)NT_ACB_PWNOTREQ |         \
     (uint32_t)NT_ACB_PWNOEXP)

static bool one_bit(uint32_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

static bool has_dollar(const char *name)
{
    size_t len = strlen(name);
    return len > 1 && name[len - 1] == '$';
}

static uint32_t primary_of(uint32_t type)
{
    return type == NT_ACB_WORKSTATION ? NT_RID_DOMAIN_COMPUTERS
           : type == NT_ACB_SERVER    ? NT_RID_DOMAIN_CONTROLLERS
                                      : NT_RID_DOMAIN_USERS;
}

static const char *kind_of(uint32_t acb)
{
    return (acb & NT_ACB_INTERDOMAIN) != 0   ? "interdomain trust account"
           : (acb & NT_ACB_WORKSTATION) != 0 ? "workstation trust account"
           : (acb & NT_ACB_SERVER) != 0      ? "server trust account"
                                             : "user";
}

struct nt_account *nt_op_account_copy(struct nt_txn *txn, uint32_t rid, ntstatus *status)
{
    const struct nt_account *now = nt_dir_account_rid(nt_txn_dir(txn), rid);
    struct nt_account *a = now != NULL ? nt_record_clone(now) : NULL;
    *status = a != NULL     ? NT_STATUS(SUCCESS)
              : now == NULL ? NT_STATUS(NO_SUCH_USER)
                            : NT_STATUS(NO_MEMORY);
    return a;
}

/* --- making and removing --- */

ntstatus nt_op_account_create(struct nt_txn *txn, const char *name, uint32_t acb, const char *who,
                              const char *peer, uint32_t *rid, struct nt_why *why)
{
    char by[80];
    uint32_t type = acb & TYPE_BITS;
    if (!one_bit(type))
        return nt_op_because(NT_STATUS(INVALID_PARAMETER), why, "an account has one type");
    if (!nt_account_name_ok(name))
        return nt_op_because(
            NT_STATUS(INVALID_ACCOUNT_NAME), why,
            "an account name has 1 to 20 characters, without \" / \\ [ ] : | < > + "
            "= ; ? , * @");
    if (type != NT_ACB_NORMAL && !has_dollar(name))
        return nt_op_because(NT_STATUS(INVALID_ACCOUNT_NAME), why, "the name of a %s ends in '$'",
                             kind_of(type));
    ntstatus status = nt_op_name_free(nt_txn_dir(txn), name);
    if (!nt_status_ok(status))
        return nt_op_because(status, why, "the name '%s' is taken by a user, group or computer",
                             name);
    status = nt_op_new_rid(txn, rid);
    if (!nt_status_ok(status))
        return status;
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    if (a == NULL || !nt_text_set(&a->name, name) ||
        (type == NT_ACB_INTERDOMAIN && nt_account_in(a) == NULL)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    a->rid = *rid;
    a->acb = type | (acb & FREE_BITS);
    a->primary_rid = primary_of(type);
    a->created = nt_txn_now(txn);
    status = nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
    if (nt_status_ok(status))
        nt_txn_event(txn, NT_EVENT_INFO, "account-created", name, peer, "the %s was created%s",
                     kind_of(acb), nt_op_by(who, by));
    return status;
}

/* Takes a RID out of all groups, or its SID out of all aliases. */
static ntstatus leave_groups(struct nt_txn *txn, uint32_t rid)
{
    uint32_t after = 0;
    for (;;) {
        const struct nt_group *g = nt_dir_group_after(nt_txn_dir(txn), after);
        if (g == NULL)
            return NT_STATUS(SUCCESS);
        after = g->rid;
        size_t i = 0;
        while (i < g->member_count && g->members[i] != rid)
            i++;
        if (i == g->member_count)
            continue;
        struct nt_group *next = nt_record_clone(g);
        if (next == NULL)
            return NT_STATUS(NO_MEMORY);
        memmove(next->members + i, next->members + i + 1,
                (next->member_count - i - 1) * sizeof next->members[0]);
        next->member_count--;
        ntstatus status = nt_op_put(txn, next, NT_STATUS(INTERNAL_ERROR));
        if (!nt_status_ok(status))
            return status;
    }
}

static ntstatus leave_aliases(struct nt_txn *txn, bool builtin, const struct nt_sid *sid)
{
    uint32_t after = 0;
    for (;;) {
        const struct nt_alias *a = nt_dir_alias_after(nt_txn_dir(txn), builtin, after);
        if (a == NULL)
            return NT_STATUS(SUCCESS);
        after = a->rid;
        size_t i = 0;
        while (i < a->member_count && !nt_sid_equal(&a->members[i], sid))
            i++;
        if (i == a->member_count)
            continue;
        struct nt_alias *next = nt_record_clone(a);
        if (next == NULL)
            return NT_STATUS(NO_MEMORY);
        memmove(next->members + i, next->members + i + 1,
                (next->member_count - i - 1) * sizeof next->members[0]);
        next->member_count--;
        ntstatus status = nt_op_put(txn, next, NT_STATUS(INTERNAL_ERROR));
        if (!nt_status_ok(status))
            return status;
    }
}

ntstatus nt_op_account_delete(struct nt_txn *txn, uint32_t rid, const char *who, const char *peer)
{
    char by[80];
    struct nt_sid sid;
    const struct nt_account *a = nt_dir_account_rid(nt_txn_dir(txn), rid);
    if (a == NULL)
        return NT_STATUS(NO_SUCH_USER);
    if (rid == NT_RID_ADMINISTRATOR || rid == NT_RID_GUEST)
        return NT_STATUS(SPECIAL_ACCOUNT);
    ntstatus status = leave_groups(txn, rid);
    if (nt_status_ok(status) && nt_sid_with_rid(&nt_dir_domain(nt_txn_dir(txn))->sid, rid, &sid)) {
        status = leave_aliases(txn, false, &sid);
        if (nt_status_ok(status))
            status = leave_aliases(txn, true, &sid);
    }
    if (!nt_status_ok(status))
        return status;
    nt_txn_event(txn, NT_EVENT_INFO, "account-deleted", a->name, peer, "the %s was deleted%s",
                 kind_of(a->acb), nt_op_by(who, by));
    return nt_status_of(nt_txn_delete(txn, a));
}

ntstatus nt_op_account_rename(struct nt_txn *txn, uint32_t rid, const char *name, const char *who,
                              const char *peer, struct nt_why *why)
{
    char by[80];
    const struct nt_account *now = nt_dir_account_rid(nt_txn_dir(txn), rid);
    if (now == NULL)
        return NT_STATUS(NO_SUCH_USER);
    if (strcmp(now->name, name) == 0)
        return NT_STATUS(SUCCESS);
    if (!nt_account_name_ok(name) || (nt_account_is_machine(now) && !has_dollar(name)))
        return nt_op_because(NT_STATUS(INVALID_ACCOUNT_NAME), why, "'%.60s' is no account name",
                             name);
    ntstatus status = nt_name_equal(now->name, name) ? NT_STATUS(SUCCESS)
                                                     : nt_op_name_free(nt_txn_dir(txn), name);
    if (!nt_status_ok(status))
        return nt_op_because(status, why, "the name '%s' is taken", name);
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    nt_txn_event(txn, NT_EVENT_INFO, "account-renamed", a->name, peer, "the %s was renamed to %s%s",
                 kind_of(a->acb), name, nt_op_by(who, by));
    if (!nt_text_set(&a->name, name)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

/* --- fields --- */

static bool set_texts(struct nt_account *a, const struct nt_account_fields *f)
{
    const struct {
        uint32_t bit;
        char **to;
        const char *from;
    } texts[] = {
        { NT_FIELD_FULL_NAME, &a->full_name, f->full_name },
        { NT_FIELD_COMMENT, &a->comment, f->comment },
        { NT_FIELD_USER_COMMENT, &a->user_comment, f->user_comment },
        { NT_FIELD_HOME_DIR, &a->home_dir, f->home_dir },
        { NT_FIELD_HOME_DRIVE, &a->home_drive, f->home_drive },
        { NT_FIELD_SCRIPT, &a->script, f->script },
        { NT_FIELD_PROFILE, &a->profile, f->profile },
        { NT_FIELD_WORKSTATIONS, &a->workstations, f->workstations },
        { NT_FIELD_PARAMETERS, &a->parameters, f->parameters },
    };
    for (size_t i = 0; i < NT_COUNT(texts); i++)
        if ((f->which & texts[i].bit) != 0 &&
            !nt_text_set(texts[i].to, texts[i].from != NULL ? texts[i].from : ""))
            return false;
    return true;
}

static bool in_group(const struct nt_dir *dir, const struct nt_account *a, uint32_t group)
{
    const struct nt_group *g = nt_dir_group_rid(dir, group);
    return a->primary_rid == group || (g != NULL && nt_group_has(g, a->rid));
}

ntstatus nt_op_account_set(struct nt_txn *txn, uint32_t rid, const struct nt_account_fields *fields,
                           const char *who, const char *peer)
{
    char by[80];
    ntstatus status;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if ((fields->which & NT_FIELD_PRIMARY_RID) != 0 &&
        !in_group(nt_txn_dir(txn), a, fields->primary_rid)) {
        nt_record_unref(a);
        return NT_STATUS(MEMBER_NOT_IN_GROUP);
    }
    if (!set_texts(a, fields)) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    if ((fields->which & NT_FIELD_EXPIRES) != 0)
        a->expires = fields->expires;
    if ((fields->which & NT_FIELD_LOGON_HOURS) != 0) {
        memcpy(a->logon_hours, fields->logon_hours, sizeof a->logon_hours);
        a->logon_hours_len = fields->logon_hours_len < sizeof a->logon_hours
                                 ? fields->logon_hours_len
                                 : (uint8_t)sizeof a->logon_hours;
    }
    if ((fields->which & NT_FIELD_PRIMARY_RID) != 0)
        a->primary_rid = fields->primary_rid;
    if ((fields->which & NT_FIELD_WEAK_CRYPTO) != 0)
        a->allow_weak_crypto = fields->allow_weak_crypto;
    if ((fields->which & NT_FIELD_MUST_CHANGE) != 0)
        a->password_set = fields->must_change ? 0 : nt_txn_now(txn);
    nt_txn_event(txn,
                 (fields->which & NT_FIELD_WEAK_CRYPTO) != 0 && fields->allow_weak_crypto
                     ? NT_EVENT_WARNING
                     : NT_EVENT_INFO,
                 "account-changed", a->name, peer, "the %s was changed%s%s", kind_of(a->acb),
                 (fields->which & NT_FIELD_WEAK_CRYPTO) != 0 && fields->allow_weak_crypto
                     ? " (weak cryptography allowed)"
                     : "",
                 nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

/* Turns an account into another type; see ops.h. */
static ntstatus change_type(struct nt_txn *txn, struct nt_account *a, uint32_t type,
                            struct nt_why *why)
{
    if (a->rid == NT_RID_ADMINISTRATOR || a->rid == NT_RID_GUEST)
        return NT_STATUS(SPECIAL_ACCOUNT);
    if ((a->acb & NT_ACB_INTERDOMAIN) != 0)
        return nt_op_because(NT_STATUS(ACCESS_DENIED), why,
                             "an interdomain trust account stays one; remove it instead");
    if (type != NT_ACB_NORMAL && !has_dollar(a->name))
        return nt_op_because(NT_STATUS(INVALID_ACCOUNT_NAME), why, "the name of a %s ends in '$'",
                             kind_of(type));
    if (type == NT_ACB_INTERDOMAIN) {
        if (nt_account_in(a) == NULL)
            return NT_STATUS(NO_MEMORY);
        if (a->nt_hash.len != 0)
            nt_in_permit(a->in, &a->nt_hash, nt_dir_policy(nt_txn_dir(txn))->trust_attempts,
                         nt_txn_now(txn));
        nt_secret_wipe(&a->nt_hash);
    }
    a->acb = (a->acb & ~TYPE_BITS) | type;
    a->primary_rid = primary_of(type);
    return NT_STATUS(SUCCESS);
}

ntstatus nt_op_account_acb(struct nt_txn *txn, uint32_t rid, uint32_t acb, const char *who,
                           const char *peer, struct nt_why *why)
{
    char by[80];
    ntstatus status;
    uint32_t type = acb & TYPE_BITS;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    uint32_t was = a->acb;
    if (type != 0 && !one_bit(type))
        status = NT_STATUS(INVALID_PARAMETER);
    else if (type != 0 && type != (a->acb & TYPE_BITS))
        status = change_type(txn, a, type, why);
    if (!nt_status_ok(status)) {
        nt_record_unref(a);
        return status;
    }
    a->acb = (a->acb & ~FREE_BITS) | (acb & FREE_BITS);
    if ((acb & NT_ACB_AUTOLOCK) == 0)
        a->locked_at = 0;
    if ((was & TYPE_BITS) != (a->acb & TYPE_BITS))
        nt_txn_event(txn, NT_EVENT_INFO, "account-type", a->name, peer, "the %s became a %s%s",
                     kind_of(was), kind_of(a->acb), nt_op_by(who, by));
    else if (was != a->acb)
        nt_txn_event(txn, NT_EVENT_INFO, "account-changed", a->name, peer, "the %s was %s%s",
                     kind_of(was),
                     (a->acb & NT_ACB_DISABLED) != 0 ? "disabled"
                     : (was & NT_ACB_DISABLED) != 0  ? "enabled"
                                                     : "changed",
                     nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

/* --- passwords --- */

ntstatus nt_op_account_password(struct nt_txn *txn, uint32_t rid, const struct nt_secret *nt_hash,
                                bool must_change, const char *who, const char *peer)
{
    char by[80];
    ntstatus status;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if ((a->acb & NT_ACB_INTERDOMAIN) != 0 && nt_account_in(a) != NULL)
        nt_in_permit(a->in, nt_hash, nt_dir_policy(nt_txn_dir(txn))->trust_attempts,
                     nt_txn_now(txn));
    else {
        /* A computer that is joined anew: what it had before is known if it comes with it. */
        if ((a->acb & ((uint32_t)NT_ACB_WORKSTATION | (uint32_t)NT_ACB_SERVER)) != 0 &&
            nt_account_past(a) != NULL)
            nt_past_push(a->past, &a->nt_hash, nt_hash, nt_txn_now(txn));
        a->nt_hash = *nt_hash;
    }
    a->password_set = must_change ? 0 : nt_txn_now(txn);
    nt_txn_event(
        txn, NT_EVENT_INFO, "password-set", a->name, peer, "the password of the %s was set%s%s",
        kind_of(a->acb), nt_op_by(who, by),
        (a->acb & NT_ACB_INTERDOMAIN) != 0 ? ": a fresh initial password, which serves once" : "");
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

ntstatus nt_op_account_password_change(struct nt_txn *txn, uint32_t rid,
                                       const struct nt_secret *old, const struct nt_secret *nt_hash,
                                       const char *peer)
{
    ntstatus status;
    const struct nt_policy *policy = nt_dir_policy(nt_txn_dir(txn));
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if ((a->acb & NT_ACB_INTERDOMAIN) != 0)
        status = NT_STATUS(ACCESS_DENIED);
    else if (a->nt_hash.len == 0 || !nt_secret_equal(&a->nt_hash, old))
        status = NT_STATUS(WRONG_PASSWORD);
    else if (nt_secret_equal(old, nt_hash) || nt_account_can_change(a, policy) > nt_txn_now(txn))
        status = NT_STATUS(PASSWORD_RESTRICTION);
    if (!nt_status_ok(status)) {
        nt_record_unref(a);
        return status;
    }
    a->nt_hash = *nt_hash;
    a->password_set = nt_txn_now(txn);
    nt_txn_event(txn, NT_EVENT_INFO, "password-changed", a->name, peer,
                 "the %s changed its own password", kind_of(a->acb));
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

ntstatus nt_password_check(const struct nt_policy *policy, const struct nt_password *clear)
{
    /* UTF-16 units count as characters, as NT counts them. */
    return clear->len / 2 >= policy->min_password_length ? NT_STATUS(SUCCESS)
                                                         : NT_STATUS(PASSWORD_RESTRICTION);
}

/* --- shut out and in --- */

ntstatus nt_op_account_disable(struct nt_txn *txn, uint32_t rid, bool disabled, const char *who,
                               const char *peer)
{
    char by[80];
    ntstatus status;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if (((a->acb & NT_ACB_DISABLED) != 0) == disabled) {
        nt_record_unref(a);
        return NT_STATUS(SUCCESS);
    }
    a->acb ^= NT_ACB_DISABLED;
    nt_txn_event(txn, NT_EVENT_INFO, disabled ? "account-disabled" : "account-enabled", a->name,
                 peer, "the %s was %s%s", kind_of(a->acb), disabled ? "disabled" : "enabled",
                 nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

ntstatus nt_op_account_lock(struct nt_txn *txn, uint32_t rid, const char *peer)
{
    ntstatus status;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if (nt_account_locked(a, nt_dir_policy(nt_txn_dir(txn)), nt_txn_now(txn))) {
        nt_record_unref(a);
        return NT_STATUS(SUCCESS);
    }
    a->locked_at = nt_txn_now(txn);
    nt_txn_event(txn, NT_EVENT_WARNING, "account-locked", a->name, peer,
                 "too many wrong passwords: the account is locked out");
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

ntstatus nt_op_account_unlock(struct nt_txn *txn, uint32_t rid, const char *who, const char *peer)
{
    char by[80];
    ntstatus status;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if (a->locked_at == 0) {
        nt_record_unref(a);
        return NT_STATUS(SUCCESS);
    }
    a->locked_at = 0;
    nt_txn_event(txn, NT_EVENT_INFO, "account-unlocked", a->name, peer,
                 "the account was unlocked%s", nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}
