/* ops_past.c - an account that comes with a password of another time. */
#include <stdio.h>
#include <string.h>

#include "domain/ops_internal.h"

ntstatus nt_op_channel_behind(struct nt_txn *txn, uint32_t rid, uint32_t behind, const char *peer)
{
    ntstatus status;
    char until[NT_TIME_TEXT], subject[64];
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    if (a->past == NULL || behind == 0 || behind > a->past->count) {
        nt_record_unref(a);
        return NT_STATUS(SUCCESS); /* it has changed meanwhile */
    }
    nt_past_behind(a->past, behind, nt_txn_now(txn));
    nt_time_format(a->past->behind_to, until);
    const char *s = behind == 1 ? "" : "s";
    if (a->in != NULL) {
        snprintf(subject, sizeof subject, "%.*s", (int)strlen(a->name) - 1, a->name);
        nt_txn_event(txn, NT_EVENT_ERROR, "trust-end-behind", subject, peer,
                     "%s came with the password that was in use until %s, %u change%s ago: that "
                     "end was restored from an older copy. So old a one is not accepted (policy "
                     "previous_accepted); at %s: ntrust reset %s",
                     subject, until, behind, s, subject, nt_dir_domain(nt_txn_dir(txn))->name);
    } else {
        nt_txn_event(txn, NT_EVENT_WARNING, "member-behind", a->name, peer,
                     "%s came with the password that was in use until %s, %u change%s ago: the "
                     "computer was restored from an older copy, or two have its name. It is not "
                     "accepted: join it again",
                     a->name, until, behind, s);
    }
    return nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
}

bool nt_op_may_be_ahead(const struct nt_dir *dir, const struct nt_account *a)
{
    const struct nt_domain *domain = nt_dir_domain(dir);
    return a->in == NULL && domain != NULL && domain->restored_at != 0 &&
           a->password_set < domain->restored_at;
}

ntstatus nt_op_channel_ahead(struct nt_txn *txn, uint32_t rid, const char *peer)
{
    ntstatus status;
    char to[NT_TIME_TEXT];
    struct nt_account *a = nt_op_account_copy(txn, rid, &status);
    if (a == NULL)
        return status;
    struct nt_past *past = nt_account_past(a);
    if (past == NULL) {
        nt_record_unref(a);
        return NT_STATUS(NO_MEMORY);
    }
    nt_past_right(past);
    past->ahead_at = nt_txn_now(txn);
    nt_txn_event(txn, NT_EVENT_WARNING, "member-ahead", a->name, peer,
                 "%s came with a password that is not known here. This store was restored from a "
                 "backup of %s, so the computer has probably changed it since. If it does not come "
                 "back with the one of before, join it again",
                 a->name, nt_time_format(nt_dir_domain(nt_txn_dir(txn))->restored_to, to));
    return nt_op_put(txn, a, NT_STATUS(INTERNAL_ERROR));
}

const char *nt_past_describe(const struct nt_account *a, char *text, size_t size)
{
    char at[NT_TIME_TEXT], until[NT_TIME_TEXT];
    const struct nt_past *p = a->past;
    text[0] = '\0';
    if (p != NULL && p->behind != 0)
        snprintf(
            text, size,
            "At %s it came with the password that was in use until %s, %u change%s ago: it was "
            "restored from an older copy%s.",
            nt_time_format(p->behind_at, at), nt_time_format(p->behind_to, until), p->behind,
            p->behind == 1 ? "" : "s", a->in == NULL ? ", or two have its name" : "");
    else if (p != NULL && p->ahead_at != 0)
        snprintf(text, size,
                 "At %s it came with a password that is not known here: this store was restored "
                 "from a backup, and it has probably changed its password since.",
                 nt_time_format(p->ahead_at, at));
    return text;
}
