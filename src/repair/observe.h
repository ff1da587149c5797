/*
 * observe.h - what this computer sees of a controller without a logon: which ports are open, who it
 * says to be, and whether its DNS server finds the other end of a trust. At the edge: each blocks,
 * for a second or three at most; may be called in several threads.
 */
#ifndef NT_REPAIR_OBSERVE_H
#define NT_REPAIR_OBSERVE_H

#include "repair/compare.h"

/* A port that neither opens nor refuses within a second is silent. */
void nt_observe_ports(const char *host, enum nt_port_state out[NT_PORT_COUNT]);
void nt_observe_ping(const char *host, struct nt_ping *out);
/* own, other: DNS names of the domains. */
void nt_observe_dns(const char *host, const char *own, const char *other, struct nt_dns_view *out);

#endif
