#include "netbios/rate.h"

void nt_nb_rate_init(struct nt_nb_rate *r, uint32_t per_s, uint32_t burst, uint32_t seed)
{
    *r = (struct nt_nb_rate){ .per_s = per_s, .burst = burst, .seed = seed };
}

/* Multiplicative hashing with an odd factor drawn at the start. */
static uint32_t row_of(const struct nt_nb_rate *r, uint32_t address)
{
    uint64_t h = (uint64_t)(address ^ r->seed) * ((uint64_t)r->seed << 1 | 0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 40) % NT_NB_RATE_ROWS;
}

/* Each answer moves the time at which the bucket is full by 1/per_s; it is empty when that lies
 * `burst` answers ahead. */
bool nt_nb_rate_take(struct nt_nb_rate *r, uint32_t address, uint64_t now_ms)
{
    uint64_t *full = &r->rows[row_of(r, address)].full_ms;
    uint64_t step = 1000 / r->per_s, from = *full > now_ms ? *full : now_ms;
    if (from + step > now_ms + (uint64_t)r->burst * step)
        return false;
    *full = from + step;
    return true;
}
