#include "base/nttime.h"

#include <stdio.h>
#include <time.h>

/* Seconds from 1601-01-01 to 1970-01-01. */
#define EPOCH_GAP INT64_C(11644473600)

nt_time nt_time_from_unix(int64_t seconds, uint32_t nanoseconds)
{
    if (seconds < -EPOCH_GAP)
        return 0;
    if (seconds > (int64_t)(NT_TIME_NEVER / NT_TIME_SECOND) - EPOCH_GAP - 1)
        return NT_TIME_NEVER;
    return (uint64_t)(seconds + EPOCH_GAP) * NT_TIME_SECOND + nanoseconds / 100;
}

int64_t nt_time_to_unix(nt_time t)
{
    return (int64_t)(t / NT_TIME_SECOND) - EPOCH_GAP;
}

static const char *format(nt_time t, char out[NT_TIME_TEXT], char between, const char *never)
{
    struct tm tm;
    time_t s = (time_t)nt_time_to_unix(t);
    if (t == 0 || t >= NT_TIME_NEVER || gmtime_r(&s, &tm) == NULL)
        snprintf(out, NT_TIME_TEXT, "%s", never);
    else if (tm.tm_year > 9999 - 1900)
        snprintf(out, NT_TIME_TEXT, "9999-12-31%c23:59:59Z", between);
    else
        snprintf(out, NT_TIME_TEXT, "%04u-%02u-%02u%c%02u:%02u:%02uZ",
                 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
                 (unsigned)tm.tm_mday % 100, between, (unsigned)tm.tm_hour % 100,
                 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
    return out;
}

const char *nt_time_format(nt_time t, char out[NT_TIME_TEXT])
{
    return format(t, out, ' ', "never");
}

const char *nt_time_rfc3339(nt_time t, char out[NT_TIME_TEXT])
{
    return format(t, out, 'T', "");
}
