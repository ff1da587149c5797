/*
 * outbound.h - all trusts that this domain's controller holds to others: a runner each, in one
 * loop. It keeps the channels, changes and checks the passwords, and carries forwards. The rules
 * are in domain/trust_out.h; this is where they meet sockets, timers and the store.
 */
#ifndef NT_DAEMON_OUTBOUND_H
#define NT_DAEMON_OUTBOUND_H

#include "channel/locate_net.h"
#include "daemon/loop.h"
#include "service/logon.h"

struct nt_outbound;

/* Starts a runner for each outbound trust, and follows the directory from then on. locate: how the
 * controllers are found of a trust that names none. NULL: no memory. Call in the loop's thread or
 * before it runs. */
struct nt_outbound *nt_outbound_new(struct nt_loop *loop, struct nt_service *service,
                                    const struct nt_locate_config *locate);
/* In the loop's thread: ends all channels; forwards under way end as CONNECTION_ABORTED. */
void nt_outbound_stop(struct nt_outbound *o);
void nt_outbound_free(struct nt_outbound *o); /* after the loop has ended */

/* struct nt_service's forward: any thread. */
void nt_outbound_forward(void *ctx, struct nt_forward *fwd);
/* Looks for a domain's controllers, and whether they are there: any thread; locate->done is called
 * in the loop's, with NULL when it is stopped or out of memory. */
void nt_outbound_locate(struct nt_outbound *o, struct nt_locate *locate);
/* The directory has changed: any thread. */
void nt_outbound_refresh(struct nt_outbound *o);

#endif
