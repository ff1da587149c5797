/*
 * rate.h - how many answers an address gets: a bucket each, that fills with time. The table has a
 * fixed size: addresses that share a row share its bucket, so a flood from many (or forged)
 * addresses costs no memory and gains nothing.
 */
#ifndef NT_NETBIOS_RATE_H
#define NT_NETBIOS_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define NT_NB_RATE_ROWS 1024

struct nt_nb_rate {
    uint32_t per_s, burst; /* of one row */
    uint32_t seed;         /* so that nobody can choose whom to share a row with */
    struct {
        uint64_t full_ms; /* when the bucket is full again */
    } rows[NT_NB_RATE_ROWS];
};

void nt_nb_rate_init(struct nt_nb_rate *r, uint32_t per_s, uint32_t burst, uint32_t seed);
/* Takes one from the address's bucket; false: it is empty. */
bool nt_nb_rate_take(struct nt_nb_rate *r, uint32_t address, uint64_t now_ms);

#endif
