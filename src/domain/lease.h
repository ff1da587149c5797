/*
 * lease.h - which of several controllers over one store writes a trust's record, and so changes its
 * password. Pure: no clock, store or randomness; lives inside the TDO's record. The rules:
 *
 *   1. Every write moves the record's number on by one. While it leaves a change of password under
 *      way it gives its writer the lease for a while, or renews it; else it lets it go, so that
 *      nobody holds the lease of a trust at rest.
 *   2. A write is made on a copy of the record, and taken only while the record still has that
 *      copy's number: a stale copy never overwrites what somebody else has stored.
 *   3. While the lease runs, it is taken from its holder alone.
 *   4. A password is sent by the holder alone, after its lease was stored.
 *
 * Rules 2 and 3 are judged inside the store's transaction. Who is refused reads the record again
 * and goes on with that: losing the lease is no error. Should a holder that slept through the end
 * of its lease send its password late, that is a repeated message, which both ends survive by
 * trust_in.h and trust_out.h; model/README.md, "Two controllers".
 */
#ifndef NT_DOMAIN_LEASE_H
#define NT_DOMAIN_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/nttime.h"

#define NT_LEASE_HOLDER 16
#define NT_LEASE_S      30 /* more than one exchange with a peer commonly takes */

/* Zeroed: nobody's. */
struct nt_lease {
    uint8_t holder[NT_LEASE_HOLDER]; /* random, anew with each start of a controller */
    nt_time until;
    uint64_t number; /* of the writes so far: the fence */
};

enum nt_lease_verdict {
    NT_LEASE_GOOD,  /* the write may be made: then nt_lease_write */
    NT_LEASE_STALE, /* somebody has written since the copy was made */
    NT_LEASE_OTHERS /* another controller holds it */
};

/* May `holder` write a record that it knows as of `number`? `alone`: no other controller has the
 * store open, so a lease that still runs is that of one that has ended. */
enum nt_lease_verdict nt_lease_judge(const struct nt_lease *lease,
                                     const uint8_t holder[NT_LEASE_HOLDER], uint64_t number,
                                     bool alone, nt_time now);
/* Rule 1, for a write that was judged good. */
void nt_lease_write(struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER], bool under_way,
                    nt_time now);
/* Until when another controller than `holder` has the lease; 0: none has. */
nt_time nt_lease_others(const struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER],
                        nt_time now);
/* Rule 4: `holder` has it, and for long enough that a message can be sent and answered. */
bool nt_lease_may_send(const struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER],
                       nt_time now);

#endif
