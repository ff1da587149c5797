/*
 * nttime.h - time as NT counts it: 100 ns steps since 1601-01-01 UTC. [MS-DTYP] 2.3.3
 */
#ifndef NT_BASE_NTTIME_H
#define NT_BASE_NTTIME_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t nt_time;

#define NT_TIME_SECOND UINT64_C(10000000)
#define NT_TIME_MINUTE (60 * NT_TIME_SECOND)
#define NT_TIME_HOUR   (60 * NT_TIME_MINUTE)
#define NT_TIME_DAY    (24 * NT_TIME_HOUR)
#define NT_TIME_NEVER  UINT64_C(0x7FFFFFFFFFFFFFFF)
#define NT_TIME_TEXT   32 /* bytes for nt_time_format */

nt_time nt_time_from_unix(int64_t seconds, uint32_t nanoseconds);
int64_t nt_time_to_unix(nt_time t); /* seconds, rounded down */

/* "2026-11-21 07:20:37Z"; "never" for 0 and NT_TIME_NEVER. Returns `out`. */
const char *nt_time_format(nt_time t, char out[NT_TIME_TEXT]);
/* RFC 3339, "2026-11-21T07:20:37Z", for JSON; "" for 0 and NT_TIME_NEVER. Returns `out`. */
const char *nt_time_rfc3339(nt_time t, char out[NT_TIME_TEXT]);

#endif
