/*
 * trust_internal.h - seen by the trust_out*.c files only.
 */
#ifndef NT_DOMAIN_TRUST_INTERNAL_H
#define NT_DOMAIN_TRUST_INTERNAL_H

#include "domain/trust_out.h"

/* After so many refusals in a row a broken trust is left alone until a person asks: every further
 * try with an old password could burn a permission that was just made anew. */
#define NT_OUT_REFUSALS_MAX 3

/* A controller that was seen to lag counts as lagging for so many intervals of the checks. */
#define NT_OUT_LAG_CHECKS 4

/* A proof older than this is not one for a change. */
#define NT_OUT_PROOF_FRESH (60 * NT_TIME_SECOND)

/* True when t is still ahead. One that lies further ahead than it can have been set was set by a
 * clock that has gone back since: it counts as reached. */
static inline bool nt_out_ahead(nt_time t, nt_time now, uint64_t most_s)
{
    return t > now && t - now <= most_s * 2 * NT_TIME_SECOND;
}

/* Whether a broken trust is tried again without being asked. */
bool nt_out_retries(const struct nt_trust_out *out);

/* The initial password is all there is, and it has not opened a channel yet. */
static inline bool nt_out_untried(const struct nt_trust_out *out)
{
    return out->current.initial && out->current.proven == 0;
}

/* What a reason means for this record: nt_broken_text, where its history does not say more. */
const char *nt_out_reason_text(const struct nt_trust_out *out, enum nt_broken reason);

/* Tells one set of candidates from another; never 0. */
static inline uint64_t nt_out_offer(const struct nt_trust_out *out)
{
    uint64_t offer = (out->changes + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return (offer ^ (out->next.set ? out->next.created : 0)) | 1;
}

#endif
