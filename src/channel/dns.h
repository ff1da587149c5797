/*
 * dns.h - asks DNS in a libuv loop, without ever blocking it: c-ares speaks the protocol, the loop
 * waits on its sockets.
 */
#ifndef NT_CHANNEL_DNS_H
#define NT_CHANNEL_DNS_H

#include <uv.h>

#include "channel/locate.h"

#define NT_DNS_ADDRESSES 8  /* taken of one name */
#define NT_DNS_SRV       16 /* records taken of one answer */
#define NT_DNS_TEXT      46 /* bytes of an address's text */

struct nt_dns;

/* servers: "192.0.2.1 192.0.2.2:5353 [2001:db8::1]:53", "": the system's. NULL: no memory, or the
 * system's settings cannot be read. */
struct nt_dns *nt_dns_new(uv_loop_t *loop, const char *servers);
/* Ends all questions: their callbacks are called in it. */
void nt_dns_free(struct nt_dns *dns);

/* why: NULL, or why there is no answer ("no such name"). Rows are in no order. A callback may be
 * called before the function returns. */
typedef void nt_dns_srv_done(void *ctx, const char *why, const struct nt_srv *rows, size_t count);
void nt_dns_srv(struct nt_dns *dns, const char *name, nt_dns_srv_done *done, void *ctx);

typedef void nt_dns_addresses_done(void *ctx, const char *why,
                                   char addresses[NT_DNS_ADDRESSES][NT_DNS_TEXT], size_t count);
void nt_dns_addresses(struct nt_dns *dns, const char *host, nt_dns_addresses_done *done, void *ctx);

#endif
