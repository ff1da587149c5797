/*
 * env.h - what the edge hands in to code that does no I/O: the clock and randomness.
 */
#ifndef NT_BASE_ENV_H
#define NT_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "base/nttime.h"

struct nt_env {
    nt_time (*now)(void *ctx);
    void (*random)(void *ctx, void *to, size_t len); /* never fails: the edge ends the process */
    void *ctx;
};

static inline nt_time nt_now(const struct nt_env *env)
{
    return env->now(env->ctx);
}

static inline void nt_random(const struct nt_env *env, void *to, size_t len)
{
    env->random(env->ctx, to, len);
}

#endif
