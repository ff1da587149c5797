/*
 * past.h - passwords that a trust account had before: kept only to be recognised, and opening
 * nothing. Whoever comes with one has gone back to an older copy of itself (a snapshot, a backup),
 * and is told apart from one that guesses. Part of the account's record, for workstation, server
 * and interdomain trust accounts. Pure. Field guide 1.3 ("time travel"), 2 (P1, P2, P6).
 */
#ifndef NT_DOMAIN_PAST_H
#define NT_DOMAIN_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/nttime.h"
#include "base/secret.h"

#define NT_PAST_MAX 8

struct nt_past {
    uint32_t count;
    struct nt_secret hash[NT_PAST_MAX]; /* newest first; never an initial one of a trust */
    nt_time replaced[NT_PAST_MAX];
    /* It came with one of these last, and not with the current one since. */
    uint32_t behind; /* changes; 0: it did not */
    nt_time behind_at;
    nt_time behind_to; /* until when that one was in use */
    /* Since this store was restored it came with one that is not known here; 0: it did not. */
    nt_time ahead_at;
};

/* `old` was replaced by `fresh`. */
void nt_past_push(struct nt_past *past, const struct nt_secret *old, const struct nt_secret *fresh,
                  nt_time now);
void nt_past_behind(struct nt_past *past, uint32_t behind, nt_time now);
/* It came with the current one: true when something else was noted before. */
bool nt_past_right(struct nt_past *past);

#endif
