/*
 * sysenv.h - the real clock and the kernel's random source as an nt_env. For the edge (daemon,
 * command line) alone: everything below it takes the nt_env that it is given.
 */
#ifndef NT_CRYPTO_SYSENV_H
#define NT_CRYPTO_SYSENV_H

#include "base/env.h"

/* Randomness from getrandom(2); a failure there ends the process, since nothing safe is left to do.
 * From any thread. Static: never freed. */
const struct nt_env *nt_env_system(void);

#endif
