/*
 * trust_seen.h - what the trusting end has seen of its trust over time: how far the trusted end was
 * behind, changes that were not made here, controllers that lag. Part of the TDO's record; for
 * people, and for the decision to leave the password alone while controllers differ. Pure.
 * Field guide 1.3 (evidence table), 2 (P1, P3, P6).
 */
#ifndef NT_DOMAIN_TRUST_SEEN_H
#define NT_DOMAIN_TRUST_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nttime.h"

#define NT_SEEN_DC       64
#define NT_SEEN_LAGGARDS 4
#define NT_SEEN_CLONE    2 /* changes in a row that were not made here: one may be a snapshot */

/* A controller of the trusted domain that another one is ahead of. */
struct nt_laggard {
    char dc[NT_SEEN_DC];
    nt_time first, last; /* when it was seen so */
    uint32_t behind;     /* changes; 0: it accepts no password of ours */
};

struct nt_trust_seen {
    /* The trusted end knows an older password. */
    uint32_t behind;   /* by so many changes; 0: it does not */
    nt_time behind_at; /* when that was noticed */
    nt_time behind_to; /* until when the password that it knows was in use */
    /* The trusted end knows a newer one, which was not set from here. */
    uint32_t foreign; /* times, one not long after the other */
    nt_time foreign_first, foreign_last;
    struct nt_laggard laggards[NT_SEEN_LAGGARDS];
    uint32_t laggard_count;
};

void nt_seen_behind(struct nt_trust_seen *seen, uint32_t behind, nt_time until, nt_time now);
/* Our newest password is proven there: returns by how many changes it was behind; 0: it was not. */
uint32_t nt_seen_healed(struct nt_trust_seen *seen);

/* window_s: what lies further apart has nothing to do with each other. */
void nt_seen_foreign(struct nt_trust_seen *seen, nt_time now, uint64_t window_s);
/* A change of ours was proven: what is older than the window is forgotten. */
void nt_seen_own(struct nt_trust_seen *seen, nt_time now, uint64_t window_s);
/* This end is known to have gone back: newer passwords there are no surprise. */
void nt_seen_restored(struct nt_trust_seen *seen);
/* Two controllers with one identity, or one that goes back again and again. */
bool nt_seen_cloned(const struct nt_trust_seen *seen);

/* Controller dc lags; true: that is news. When there are too many the one seen first goes. */
bool nt_seen_lags(struct nt_trust_seen *seen, const char *dc, uint32_t behind, nt_time now);
/* Controller dc took our newest password. */
void nt_seen_leads(struct nt_trust_seen *seen, const char *dc);
/* Whether any was seen to lag within the last window_s. */
bool nt_seen_lagging(const struct nt_trust_seen *seen, nt_time now, uint64_t window_s);
/* "DC2 (2 changes behind), DC3 (accepts none of our passwords)"; "" when none lags. Returns text.
 */
const char *nt_seen_laggards(const struct nt_trust_seen *seen, char *text, size_t size);

#endif
