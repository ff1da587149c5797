#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "domain/ops_internal.h"

#define OUTBOUND 2u

/* --- the trusted end --- */

static void account_name(const char *trusting, char out[32])
{
    snprintf(out, 32, "%.20s$", trusting);
}

const struct nt_account *nt_dir_permit(const struct nt_dir *dir, const char *trusting)
{
    char name[32];
    account_name(trusting, name);
    const struct nt_account *a = nt_dir_account(dir, name);
    return a != NULL && (a->acb & NT_ACB_INTERDOMAIN) != 0 ? a : NULL;
}

static ntstatus check_partner(const struct nt_dir *dir, const char *name, struct nt_why *why)
{
    if (!nt_netbios_name_ok(name))
        return nt_op_because(
            NT_STATUS(OBJECT_NAME_INVALID), why,
            "'%.60s' is no NetBIOS domain name: 1 to 15 characters, without \\ / : "
            "* ? \" < > | , and spaces",
            name);
    if (nt_name_equal(name, nt_dir_domain(dir)->name))
        return nt_op_because(NT_STATUS(INVALID_PARAMETER), why,
                             "%s is this domain itself: a trust is between two domains", name);
    return NT_STATUS(SUCCESS);
}

ntstatus nt_op_permit_add(struct nt_txn *txn, const char *trusting, const struct nt_secret *nt_hash,
                          uint32_t attempts, const char *who, const char *peer, uint32_t *rid,
                          struct nt_why *why)
{
    char name[32], folded[64], by[80], text[300];
    const struct nt_dir *dir = nt_txn_dir(txn);
    ntstatus status = check_partner(dir, trusting, why);
    if (!nt_status_ok(status))
        return status;
    struct nt_arena arena;
    nt_arena_init(&arena, 256);
    const char *upper = nt_name_fold(&arena, trusting);
    snprintf(folded, sizeof folded, "%s", upper != NULL ? upper : trusting);
    nt_arena_free(&arena);
    account_name(folded, name);
    const struct nt_account *there = nt_dir_permit(dir, folded);
    if (there != NULL)
        return nt_op_because(
            NT_STATUS(USER_EXISTS), why,
            "%s is permitted already (%s). Adding it again at this end alone repairs nothing: for "
            "a "
            "fresh initial password remove it first, or run 'ntrust reset' at %s",
            folded, nt_in_describe(there->in, folded, nt_dir_domain(dir)->name, text, sizeof text),
            folded);
    status = nt_op_account_create(txn, name, NT_ACB_INTERDOMAIN, who, peer, rid, why);
    struct nt_account *a = nt_status_ok(status) ? nt_op_account_copy(txn, *rid, &status) : NULL;
    if (a == NULL)
        return status;
    if (nt_account_in(a) == NULL) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    nt_in_permit(a->in, nt_hash,
                 attempts != 0 ? attempts : nt_dir_policy(nt_txn_dir(txn))->trust_attempts,
                 nt_txn_now(txn));
    a->password_set = nt_txn_now(txn);
    nt_txn_event(txn, NT_EVENT_INFO, "trust-permitted", folded, peer,
                 "%s may trust this domain once it proves the initial password%s", folded,
                 nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(USER_EXISTS));
}

ntstatus nt_op_permit_remove(struct nt_txn *txn, const char *trusting, const char *who,
                             const char *peer, struct nt_why *why)
{
    char by[80], name[32];
    const struct nt_account *a = nt_dir_permit(nt_txn_dir(txn), trusting);
    if (a == NULL)
        return nt_op_because(NT_STATUS(NO_SUCH_USER), why,
                             "the domain %.60s is not permitted to trust this one", trusting);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(a->name) - 1), a->name);
    nt_txn_event(txn, NT_EVENT_WARNING, "trust-permission-removed", name, peer,
                 "%s may no longer trust this domain%s: the trust is broken at this end", name,
                 nt_op_by(who, by));
    return nt_op_account_delete(txn, a->rid, who, peer);
}

/* --- secure channels to us --- */

/* The subject of events about an account: for a trust, the other domain's name. */
static const char *subject_of(const struct nt_account *a, char out[64])
{
    size_t len = strlen(a->name);
    if ((a->acb & NT_ACB_INTERDOMAIN) != 0 && len > 1)
        len--;
    snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), a->name);
    return out;
}

static void tell_opened(struct nt_txn *txn, const struct nt_account *a, enum nt_in_what what,
                        const char *peer)
{
    char subject[64];
    subject_of(a, subject);
    switch (what) {
    case NT_IN_INITIAL_PROVEN:
        nt_txn_event(txn, NT_EVENT_INFO, "trust-proven", subject, peer,
                     "%s has proven the initial password; its system replaces it now", subject);
        break;
    case NT_IN_CHANGE_PROVEN:
        nt_txn_event(txn, NT_EVENT_INFO, "trust-change-proven", subject, peer,
                     "%s has proven its new password, version %u", subject, a->in->version);
        break;
    case NT_IN_PREVIOUS_PROVEN:
    case NT_IN_USED_PREVIOUS:
        nt_txn_event(txn, NT_EVENT_WARNING, "trust-previous-used", subject, peer,
                     "%s came with a previous password: that end is behind, or a change was lost",
                     subject);
        break;
    case NT_IN_NOTHING:
    case NT_IN_ATTEMPT_LOST:
    case NT_IN_NOW_BURNED:
    case NT_IN_CHANGED:
    case NT_IN_FIRST_CHANGED:
    case NT_IN_SAME:
        break;
    }
}

/* The other end of a two-way trust has typed the reset code and proven its half of it: it takes
 * ours now, too. */
static ntstatus try_own_half(struct nt_txn *txn, const char *name)
{
    const struct nt_tdo *there = nt_dir_tdo(nt_txn_dir(txn), name);
    if (there == NULL || !nt_out_code_waits(&there->out, nt_txn_now(txn)))
        return NT_STATUS(SUCCESS);
    struct nt_tdo *t = nt_record_clone(there);
    if (t == NULL)
        return NT_STATUS(NO_MEMORY);
    nt_out_want_check(&t->out, nt_txn_now(txn));
    return nt_op_put(txn, t, NT_STATUS(INTERNAL_ERROR));
}

ntstatus nt_op_channel_opened(struct nt_txn *txn, uint32_t rid, const struct nt_secret *nt_hash,
                              const char *peer)
{
    ntstatus status;
    enum nt_in_what what = NT_IN_NOTHING;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return nt_status_is(status, NT_STATUS(NO_SUCH_USER)) ? NT_STATUS(NO_TRUST_SAM_ACCOUNT)
                                                             : status;
    if ((a->acb & NT_ACB_INTERDOMAIN) == 0) {
        bool right = a->nt_hash.len != 0 && nt_secret_equal(&a->nt_hash, nt_hash);
        if (right && a->past != NULL && nt_past_right(a->past)) {
            nt_txn_event(txn, NT_EVENT_INFO, "member-recovered", a->name, peer,
                         "%s came with the current password again", a->name);
            return nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
        }
        nt_record_unref(a);
        return right ? NT_STATUS(SUCCESS) : NT_STATUS(ACCESS_DENIED);
    }
    status = a->in != NULL ? nt_in_opened(a->in, nt_dir_policy(nt_txn_dir(txn)), nt_hash, peer,
                                          nt_txn_now(txn), &what)
                           : NT_STATUS(NO_TRUST_SAM_ACCOUNT);
    if (!nt_status_ok(status)) {
        nt_record_unref(a);
        return status;
    }
    tell_opened(txn, a, what, peer);
    if (a->past != NULL)
        (void)nt_past_right(a->past);
    char name[64];
    subject_of(a, name);
    status = nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
    if (nt_status_ok(status) && what == NT_IN_INITIAL_PROVEN)
        status = try_own_half(txn, name);
    return status;
}

ntstatus nt_op_channel_refused(struct nt_txn *txn, uint32_t rid, const char *peer, bool *burned)
{
    ntstatus status;
    char subject[64];
    *burned = false;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return nt_status_is(status, NT_STATUS(NO_SUCH_USER)) ? NT_STATUS(NO_TRUST_SAM_ACCOUNT)
                                                             : status;
    if ((a->acb & NT_ACB_INTERDOMAIN) == 0 || a->in == NULL) {
        nt_record_unref(a);
        return NT_STATUS(SUCCESS);
    }
    enum nt_in_what what = nt_in_refused(a->in, peer, nt_txn_now(txn));
    subject_of(a, subject);
    if (what == NT_IN_NOW_BURNED) {
        *burned = true;
        nt_txn_event(
            txn, NT_EVENT_ERROR, "initial-password-burned", subject, peer,
            "a wrong initial password was offered for %s: the permission is burned. Remove "
            "it and add it again, then let %s try with the new password",
            subject, subject);
    } else if (what == NT_IN_ATTEMPT_LOST) {
        nt_txn_event(txn, NT_EVENT_WARNING, "initial-password-wrong", subject, peer,
                     "a wrong initial password was offered for %s; attempts left: %u", subject,
                     a->in->attempts_left);
    }
    /* The caller is answered ACCESS_DENIED by the protocol; the record itself must be kept. */
    return nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
}

static ntstatus set_interdomain(struct nt_txn *txn, struct nt_account *a,
                                const struct nt_secret *nt_hash, const uint32_t *version,
                                const char *peer)
{
    char subject[64];
    enum nt_in_what what = NT_IN_NOTHING;
    if (a->in == NULL)
        return NT_STATUS(NO_TRUST_SAM_ACCOUNT);
    struct nt_past *past = nt_account_past(a);
    if (past == NULL)
        return NT_STATUS(NO_MEMORY);
    NT_SCOPED_SECRET before = a->in->current;
    ntstatus status =
        nt_in_set(a->in, nt_dir_policy(nt_txn_dir(txn)), nt_hash,
                  version != NULL ? *version : a->in->version + 1, peer, nt_txn_now(txn), &what);
    if (!nt_status_ok(status))
        return status;
    a->password_set = nt_txn_now(txn);
    subject_of(a, subject);
    if (what == NT_IN_CHANGED)
        nt_past_push(past, &before, nt_hash, nt_txn_now(txn));
    if (what == NT_IN_FIRST_CHANGED)
        nt_txn_event(txn, NT_EVENT_INFO, "trust-first-change", subject, peer,
                     "%s replaced the initial password, which opens nothing any more", subject);
    else if (what == NT_IN_CHANGED)
        nt_txn_event(txn, NT_EVENT_INFO, "trust-password-set", subject, peer,
                     "%s changed the trust's password to version %u", subject, a->in->version);
    return NT_STATUS(SUCCESS);
}

ntstatus nt_op_machine_password(struct nt_txn *txn, uint32_t rid, const struct nt_secret *nt_hash,
                                const uint32_t *version, const char *peer)
{
    ntstatus status;
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return nt_status_is(status, NT_STATUS(NO_SUCH_USER)) ? NT_STATUS(NO_TRUST_SAM_ACCOUNT)
                                                             : status;
    bool machine = (a->acb & ((uint32_t)NT_ACB_INTERDOMAIN | (uint32_t)NT_ACB_WORKSTATION |
                              (uint32_t)NT_ACB_SERVER)) != 0;
    if (!machine || (a->acb & NT_ACB_DISABLED) != 0) {
        status = NT_STATUS(NO_TRUST_SAM_ACCOUNT);
    } else if ((a->acb & NT_ACB_INTERDOMAIN) != 0) {
        status = set_interdomain(txn, a, nt_hash, version, peer);
    } else if (nt_dir_policy(nt_txn_dir(txn))->refuse_password_change) {
        status = NT_STATUS(WRONG_PASSWORD);
    } else if (nt_account_past(a) == NULL) {
        status = NT_STATUS(NO_MEMORY);
    } else {
        nt_past_push(a->past, &a->nt_hash, nt_hash, nt_txn_now(txn));
        a->nt_hash = *nt_hash;
        a->password_set = nt_txn_now(txn);
        nt_txn_event(txn, NT_EVENT_INFO, "machine-password-set", a->name, peer,
                     "the computer changed its password");
    }
    if (!nt_status_ok(status)) {
        nt_record_unref(a);
        return status;
    }
    return nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
}

/* --- the trusting end --- */

/* A copy of a TDO to change; NULL with *status. */
static struct nt_tdo *tdo_copy(struct nt_txn *txn, const char *name, ntstatus *status)
{
    const struct nt_tdo *now = nt_dir_tdo(nt_txn_dir(txn), name);
    struct nt_tdo *t = now != NULL ? nt_record_clone(now) : NULL;
    *status = t != NULL     ? NT_STATUS(SUCCESS)
              : now == NULL ? NT_STATUS(OBJECT_NAME_NOT_FOUND)
                            : NT_STATUS(NO_MEMORY);
    return t;
}

static void establish(struct nt_txn *txn, struct nt_tdo *t, const struct nt_password *initial)
{
    static const struct nt_password none = { .len = 0 };
    uint64_t epoch;
    nt_out_establish(&t->out, initial != NULL ? initial : &none, nt_txn_now(txn));
    /* Unlike any before: what a runner still reports of an older one is dropped. */
    nt_random(nt_txn_env(txn), &epoch, sizeof epoch);
    t->out.epoch = epoch >> 1; /* fits a signed column */
    t->lease = (struct nt_lease){ .number = t->lease.number + 1 };
}

ntstatus nt_op_trust_add(struct nt_txn *txn, const struct nt_trust_new *trust, const char *who,
                         const char *peer, struct nt_why *why)
{
    char by[80];
    const struct nt_dir *dir = nt_txn_dir(txn);
    ntstatus status = check_partner(dir, trust->name, why);
    if (!nt_status_ok(status))
        return status;
    const struct nt_tdo *there = nt_dir_tdo(dir, trust->name);
    if (there != NULL)
        return nt_op_because(NT_STATUS(OBJECT_NAME_COLLISION), why,
                             "this domain trusts %s already (%s). Adding it again at this end "
                             "alone repairs nothing: "
                             "run 'ntrust reset %s', which re-establishes both ends",
                             there->name, nt_out_state_name(there->out.state), there->name);
    struct nt_tdo *t = nt_record_new(NT_KIND_TDO);
    struct nt_arena arena;
    nt_arena_init(&arena, 256);
    const char *upper = nt_name_fold(&arena, trust->name);
    bool ok = t != NULL && upper != NULL && nt_text_set(&t->name, upper) &&
              nt_text_set(&t->dns_name, trust->dns_name != NULL ? trust->dns_name : "") &&
              nt_text_set(&t->servers, trust->servers != NULL ? trust->servers : "");
    nt_arena_free(&arena);
    if (!ok) {
        nt_record_unref(t);
        return NT_STATUS(NO_MEMORY);
    }
    if (trust->sid != NULL)
        t->sid = *trust->sid;
    t->direction = trust->direction != 0 ? trust->direction : OUTBOUND;
    t->type = trust->type != 0 ? trust->type : 1;
    t->attributes = trust->attributes;
    t->allow_weak_crypto = trust->allow_weak_crypto;
    t->created = nt_txn_now(txn);
    if ((t->direction & OUTBOUND) != 0)
        establish(txn, t, trust->initial);
    nt_txn_event(txn, t->allow_weak_crypto ? NT_EVENT_WARNING : NT_EVENT_INFO, "trust-added",
                 t->name, peer, "this domain is to trust %s%s%s", t->name, nt_op_by(who, by),
                 t->allow_weak_crypto ? ", with weak cryptography allowed" : "");
    return nt_op_put(txn, t, NT_STATUS(OBJECT_NAME_COLLISION));
}

ntstatus nt_op_trust_remove(struct nt_txn *txn, const char *name, const char *who, const char *peer,
                            struct nt_why *why)
{
    char by[80];
    const struct nt_tdo *t = nt_dir_tdo(nt_txn_dir(txn), name);
    if (t == NULL)
        return nt_op_because(NT_STATUS(OBJECT_NAME_NOT_FOUND), why,
                             "this domain does not trust %.60s", name);
    nt_txn_event(txn, NT_EVENT_WARNING, "trust-removed", t->name, peer,
                 "this domain no longer trusts %s%s", t->name, nt_op_by(who, by));
    return nt_status_of(nt_txn_delete(txn, t));
}

ntstatus nt_op_trust_reset(struct nt_txn *txn, const char *name, const struct nt_password *initial,
                           const char *who, const char *peer, struct nt_why *why)
{
    char by[80];
    ntstatus status;
    struct nt_tdo *t = tdo_copy(txn, name, &status);
    if (t == NULL)
        return nt_op_because(status, why, "this domain does not trust %.60s", name);
    t->direction |= OUTBOUND;
    establish(txn, t, initial);
    nt_txn_event(txn, NT_EVENT_INFO, "trust-reset", t->name, peer,
                 "the trust with %s is established anew%s", t->name, nt_op_by(who, by));
    return nt_op_put(txn, t, NT_STATUS(INTERNAL_ERROR));
}

ntstatus nt_op_trust_set(struct nt_txn *txn, const char *name, const struct nt_trust_fields *fields,
                         const char *who, const char *peer)
{
    char by[80];
    ntstatus status;
    struct nt_tdo *t = tdo_copy(txn, name, &status);
    if (t == NULL)
        return status;
    if (((fields->which & NT_TRUST_SERVERS) != 0 && !nt_text_set(&t->servers, fields->servers)) ||
        ((fields->which & NT_TRUST_DNS_NAME) != 0 &&
         !nt_text_set(&t->dns_name, fields->dns_name))) {
        nt_record_unref(t);
        return NT_STATUS(NO_MEMORY);
    }
    if ((fields->which & NT_TRUST_DIRECTION) != 0)
        t->direction = fields->direction;
    if ((fields->which & NT_TRUST_TYPE) != 0)
        t->type = fields->type;
    if ((fields->which & NT_TRUST_ATTRIBUTES) != 0)
        t->attributes = fields->attributes;
    if ((fields->which & NT_TRUST_ENC_TYPES) != 0)
        t->enc_types = fields->enc_types;
    if ((fields->which & NT_TRUST_WEAK_CRYPTO) != 0)
        t->allow_weak_crypto = fields->allow_weak_crypto;
    if ((fields->which & NT_TRUST_SID) != 0 && fields->sid != NULL)
        t->sid = *fields->sid;
    nt_txn_event(txn, NT_EVENT_INFO, "trust-settings", t->name, peer,
                 "settings of the trust were changed%s", nt_op_by(who, by));
    return nt_op_put(txn, t, NT_STATUS(INTERNAL_ERROR));
}

ntstatus nt_op_trust_want(struct nt_txn *txn, const char *name, bool change, const char *who,
                          const char *peer)
{
    char by[80];
    ntstatus status;
    struct nt_tdo *t = tdo_copy(txn, name, &status);
    if (t == NULL)
        return status;
    if (change)
        nt_out_want_change(&t->out, nt_txn_now(txn));
    else
        nt_out_want_check(&t->out, nt_txn_now(txn));
    nt_txn_event(txn, NT_EVENT_INFO, change ? "trust-change-asked" : "trust-check-asked", t->name,
                 peer, "a %s of the trust was asked for%s", change ? "change of password" : "check",
                 nt_op_by(who, by));
    return nt_op_put(txn, t, NT_STATUS(INTERNAL_ERROR));
}
