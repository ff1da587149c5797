/*
 * find.h - the controllers of a domain for a command that waits: channel/locate_net.h in a loop of
 * its own, with DNS and lmhosts as this computer has them. At the edge; blocks for up to 10 s.
 */
#ifndef NT_REPAIR_FIND_H
#define NT_REPAIR_FIND_H

#include "base/env.h"
#include "channel/servers.h"

/*
 * domain: NetBIOS or DNS name. by_name: as names, for Kerberos, where they are known. False: none,
 * and why[] is one sentence with every name that was asked for.
 */
bool nt_find_controllers(const struct nt_env *env, const char *domain, bool by_name,
                         struct nt_servers *out, char *why, size_t why_size);

#endif
