#include "domain/lease.h"

#include <string.h>

#include "base/sim_bugs.h"

#define LENGTH (NT_LEASE_S * NT_TIME_SECOND)

static bool is_holder(const struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER])
{
    return memcmp(lease->holder, holder, NT_LEASE_HOLDER) == 0;
}

/* How much longer it runs. One that ends further ahead than it can have been given was given by a
 * clock that has gone back since: it counts as ended, or nobody could write for that long. */
static uint64_t rest(const struct nt_lease *lease, nt_time now)
{
    bool runs = lease->until > now && lease->until - now <= LENGTH;
    return runs ? lease->until - now : 0;
}

nt_time nt_lease_others(const struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER],
                        nt_time now)
{
    bool waits = rest(lease, now) > 0 && !is_holder(lease, holder);
    return waits && !NT_SIM_BUG(IGNORE_LEASE) ? lease->until : 0;
}

enum nt_lease_verdict nt_lease_judge(const struct nt_lease *lease,
                                     const uint8_t holder[NT_LEASE_HOLDER], uint64_t number,
                                     bool alone, nt_time now)
{
    if (lease->number != number)
        return NT_LEASE_STALE;
    if (!alone && nt_lease_others(lease, holder, now) != 0)
        return NT_LEASE_OTHERS;
    return NT_LEASE_GOOD;
}

void nt_lease_write(struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER], bool under_way,
                    nt_time now)
{
    memcpy(lease->holder, holder, NT_LEASE_HOLDER);
    lease->until = under_way ? now + LENGTH : 0;
    lease->number++;
}

bool nt_lease_may_send(const struct nt_lease *lease, const uint8_t holder[NT_LEASE_HOLDER],
                       nt_time now)
{
    return is_holder(lease, holder) && rest(lease, now) >= LENGTH / 2;
}
