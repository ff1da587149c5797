#include <stdlib.h>
#include <string.h>

#include "domain/ops_internal.h"

#define SECRET_MAX 65536

static bool replace(uint8_t **data, size_t *len, const uint8_t *value, size_t value_len)
{
    uint8_t *copy = malloc(value_len > 0 ? value_len : 1);
    if (copy == NULL)
        return false;
    if (value_len > 0)
        memcpy(copy, value, value_len);
    if (*data != NULL)
        nt_wipe(*data, *len);
    free(*data);
    *data = copy;
    *len = value_len;
    return true;
}

/* The current value becomes the old one. */
static void shift(struct nt_lsa_secret *s)
{
    if (s->old != NULL)
        nt_wipe(s->old, s->old_len);
    free(s->old);
    s->old = s->current;
    s->old_len = s->current_len;
    s->old_set = s->current_set;
    s->current = NULL;
    s->current_len = 0;
}

ntstatus nt_op_secret_set(struct nt_txn *txn, const char *name, const uint8_t *current,
                          size_t current_len, const uint8_t *old, size_t old_len, const char *who,
                          const char *peer)
{
    char by[80];
    if (current_len > SECRET_MAX || old_len > SECRET_MAX || *name == '\0' || strlen(name) > 256)
        return NT_STATUS(INVALID_PARAMETER);
    const struct nt_lsa_secret *now = nt_dir_secret(nt_txn_dir(txn), name);
    struct nt_lsa_secret *s = now != NULL ? nt_record_clone(now) : nt_record_new(NT_KIND_SECRET);
    bool ok = s != NULL && (now != NULL || nt_text_set(&s->name, name));
    if (ok && current != NULL) {
        if (old == NULL)
            shift(s);
        ok = replace(&s->current, &s->current_len, current, current_len);
        s->current_set = nt_txn_now(txn);
    }
    if (ok && old != NULL) {
        ok = replace(&s->old, &s->old_len, old, old_len);
        s->old_set = nt_txn_now(txn);
    }
    if (!ok) {
        nt_record_unref(s);
        return NT_STATUS(NO_MEMORY);
    }
    ntstatus status = nt_op_put(txn, s, NT_STATUS(OBJECT_NAME_COLLISION));
    if (nt_status_ok(status))
        nt_txn_event(txn, NT_EVENT_INFO, "secret-set", name, peer, "an LSA secret was set%s",
                     nt_op_by(who, by));
    return status;
}

ntstatus nt_op_secret_delete(struct nt_txn *txn, const char *name, const char *who,
                             const char *peer)
{
    char by[80];
    const struct nt_lsa_secret *now = nt_dir_secret(nt_txn_dir(txn), name);
    if (now == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    enum nt_err err = nt_txn_delete(txn, now);
    if (err == NT_OK)
        nt_txn_event(txn, NT_EVENT_INFO, "secret-deleted", name, peer,
                     "an LSA secret was deleted%s", nt_op_by(who, by));
    return nt_status_of(err);
}
