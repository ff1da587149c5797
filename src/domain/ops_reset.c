/*
 * ops_reset.c - the halves of a trust that stand in this domain begin anew with a reset code, in
 * one transaction: so an interruption leaves all of it or nothing.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/owf.h"
#include "domain/ops_internal.h"

static const char *type_of(uint32_t acb)
{
    return (acb & NT_ACB_WORKSTATION) != 0 ? "a workstation trust account"
           : (acb & NT_ACB_SERVER) != 0    ? "a server trust account"
                                           : "a user";
}

/* The interdomain trust account, enabled and as it was but for its password; made when there is
 * none. */
static ntstatus permit_anew(struct nt_txn *txn, const struct nt_reset_new *reset, const char *who,
                            const char *peer, struct nt_why *why)
{
    char name[32], by[80];
    uint32_t rid = 0;
    ntstatus status;
    struct nt_secret hash;
    NT_SCOPED_PASSWORD initial = { .len = 0 };
    nt_reset_code_password(reset->code, &initial);
    nt_owf(&initial, &hash);
    snprintf(name, sizeof name, "%.20s$", reset->name);
    const struct nt_account *there = nt_dir_account(nt_txn_dir(txn), name);
    if (there == NULL) {
        status = nt_op_permit_add(txn, reset->name, &hash, 0, who, peer, &rid, why);
    } else if ((there->acb & NT_ACB_INTERDOMAIN) == 0) {
        status = nt_op_because(NT_STATUS(USER_EXISTS), why,
                               "%s is %s here, not a trust's. Remove or rename it first; nothing "
                               "was changed",
                               there->name, type_of(there->acb));
    } else {
        rid = there->rid;
        status = NT_STATUS(SUCCESS);
    }
    struct nt_account *a = nt_status_ok(status) ? nt_op_account_copy(txn, rid, &status) : NULL;
    if (a == NULL || nt_account_in(a) == NULL) {
        nt_record_unref(a);
        nt_secret_wipe(&hash);
        return a == NULL ? status : NT_STATUS(NO_MEMORY);
    }
    a->acb &= ~(uint32_t)NT_ACB_DISABLED;
    nt_in_permit(a->in, &hash, nt_dir_policy(nt_txn_dir(txn))->trust_attempts, nt_txn_now(txn));
    a->in->initial_until = reset->until;
    nt_reset_code_mark(reset->code, a->in->code_mark);
    a->password_set = nt_txn_now(txn);
    nt_secret_wipe(&hash);
    nt_txn_event(txn, NT_EVENT_INFO, "trust-reset", reset->name, peer,
                 "%s may trust this domain anew, once it proves the reset code%s", reset->name,
                 nt_op_by(who, by));
    return nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
}

/* The TDO, as it was but for its password, and for its SID: should the other domain have been built
 * anew, both administrators mean the new one, and it is learned when the code has opened a channel.
 */
static ntstatus trust_anew(struct nt_txn *txn, const struct nt_reset_new *reset, const char *who,
                           const char *peer, struct nt_why *why)
{
    static const struct nt_sid unknown;
    ntstatus status;
    NT_SCOPED_PASSWORD initial = { .len = 0 };
    nt_reset_code_password(reset->code, &initial);
    const struct nt_tdo *there = nt_dir_tdo(nt_txn_dir(txn), reset->name);
    if (there == NULL) {
        const struct nt_trust_new trust = { .name = reset->name,
                                            .servers = reset->servers,
                                            .initial = &initial };
        status = nt_op_trust_add(txn, &trust, who, peer, why);
    } else {
        status = nt_op_trust_reset(txn, reset->name, &initial, who, peer, why);
    }
    if (!nt_status_ok(status))
        return status;
    there = nt_dir_tdo(nt_txn_dir(txn), reset->name);
    struct nt_tdo *t = there != NULL ? nt_record_clone(there) : NULL;
    if (t == NULL)
        return NT_STATUS(NO_MEMORY);
    if (reset->servers != NULL && reset->servers[0] != '\0' &&
        !nt_text_set(&t->servers, reset->servers)) {
        nt_record_unref(t);
        return NT_STATUS(NO_MEMORY);
    }
    t->sid = unknown;
    t->out.initial_until = reset->made_here ? reset->until : 0;
    nt_reset_code_mark(reset->code, t->out.code_mark);
    return nt_op_put(txn, t, NT_STATUS(INTERNAL_ERROR));
}

ntstatus nt_op_reset(struct nt_txn *txn, const struct nt_reset_new *reset, const char *who,
                     const char *peer, struct nt_why *why)
{
    ntstatus status = NT_STATUS(SUCCESS);
    if ((reset->ends & NT_RESET_TRUSTED) != 0)
        status = permit_anew(txn, reset, who, peer, why);
    if (nt_status_ok(status) && (reset->ends & NT_RESET_TRUSTING) != 0)
        status = trust_anew(txn, reset, who, peer, why);
    return status;
}
