/*
 * computer_try.h - does this secret open the secure channel of a member computer with that
 * controller? A channel is set up and closed again; what the controller itself holds for the
 * account is read on the way, where it says so. At the edge: blocks until it is known, or too late.
 * [MS-NRPC] 3.4.5.2.2-5, 3.5.4.4.6-9; field guide 1.3
 */
#ifndef NT_REPAIR_COMPUTER_TRY_H
#define NT_REPAIR_COMPUTER_TRY_H

#include "base/env.h"
#include "channel/servers.h"
#include "repair/computer.h"

struct nt_try_config {
    const struct nt_server *server;
    const char *domain;   /* NetBIOS */
    const char *computer; /* NetBIOS; its account has a dollar behind */
    uint16_t type;        /* NETLOGON_SECURE_CHANNEL_TYPE; 2: workstation or member server */
    const struct nt_secret *current, *previous; /* NT hashes; previous may have len 0 */
    const struct nt_env *env;
    uint32_t limit_ms; /* 0: 20 s */
};

void nt_try(const struct nt_try_config *config, struct nt_trial *out);

#endif
