/*
 * The one file of this layer that touches the system: everything else is pure.
 */
#include "crypto/sysenv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static nt_time system_now(void *ctx)
{
    struct timespec ts;

    (void)ctx;
    if (clock_gettime(CLOCK_REALTIME, &ts) != 0)
        abort();
    return nt_time_from_unix(ts.tv_sec, (uint32_t)ts.tv_nsec);
}

static void system_random(void *ctx, void *to, size_t len)
{
    uint8_t *p = to;

    (void)ctx;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* without randomness no key that we make is one */
            abort();
        p += n;
        len -= (size_t)n;
    }
}

static const struct nt_env system_env = { system_now, system_random, NULL };

const struct nt_env *nt_env_system(void)
{
    return &system_env;
}
