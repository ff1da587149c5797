/*
 * lockouts.h - bad password counts by account, shared by all loops: checking and counting are one
 * step, so that parallel guesses cannot slip through. Counts live in memory; the lockout itself is
 * a durable change of the account. CVE-2021-20251
 */
#ifndef NT_SERVICE_LOCKOUTS_H
#define NT_SERVICE_LOCKOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/nttime.h"
#include "domain/model.h"

struct nt_lockouts *nt_lockouts_new(void);
void nt_lockouts_free(struct nt_lockouts *t);
/* Before a password is compared: false when the count has already reached the threshold inside
 * the window (answer ACCOUNT_LOCKED_OUT without comparing). Takes one try provisionally: compare
 * and call nt_lockouts_result at once, in the same thread, since others may wait for it. */
bool nt_lockouts_try(struct nt_lockouts *t, const struct nt_policy *policy, uint32_t rid,
                     nt_time now);
/* After the comparison: a right one clears the count; a wrong one stays counted. True when this
 * wrong one has reached the threshold: the caller makes the lockout durable. */
bool nt_lockouts_result(struct nt_lockouts *t, const struct nt_policy *policy, uint32_t rid,
                        bool right, nt_time now);
void nt_lockouts_clear(struct nt_lockouts *t, uint32_t rid); /* unlocked by an administrator */
uint32_t nt_lockouts_count(struct nt_lockouts *t, uint32_t rid, nt_time *last_bad);

#endif
