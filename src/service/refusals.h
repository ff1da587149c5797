/*
 * refusals.h - the last set-ups of trusts' channels that were refused here, one for each account
 * name, shared by all loops: so that the trusted end can say why a partner does not come through,
 * also where there is no account, or one of another kind, that could remember it. In memory: the
 * partner's next try after a restart fills it again. The audit trail keeps the history.
 */
#ifndef NT_SERVICE_REFUSALS_H
#define NT_SERVICE_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nttime.h"
#include "domain/trust_out.h"

#define NT_REFUSALS_MAX 32

struct nt_refusal {
    char account[32];  /* "RESOURCES$" */
    char computer[32]; /* as the caller called itself */
    char peer[64];
    bool known;            /* the account is here */
    enum nt_broken reason; /* never NONE */
    nt_time last;
    uint64_t count;
};

struct nt_refusals *nt_refusals_new(void); /* NULL: no memory */
void nt_refusals_free(struct nt_refusals *t);
/* Counts one. When there is no room, the oldest makes place; one about an account that is here
 * only for another such, so that made-up names drive out nothing of worth. */
void nt_refusals_note(struct nt_refusals *t, const struct nt_refusal *refusal);
/* The account has opened a channel, or was removed. */
void nt_refusals_forget(struct nt_refusals *t, const char *account);
bool nt_refusals_get(struct nt_refusals *t, const char *account, struct nt_refusal *out);
size_t nt_refusals_list(struct nt_refusals *t, struct nt_refusal out[NT_REFUSALS_MAX]);

#endif
