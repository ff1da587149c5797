/*
 * net.h - the edge of this layer: resolves, connects and moves the bytes of one link at a time, in
 * a libuv loop. For the daemon and the command line; the simulator has its own.
 */
#ifndef NT_CHANNEL_NET_H
#define NT_CHANNEL_NET_H

#include <uv.h>

#include "channel/link.h"

struct nt_net;

/* progress: called after each step; drain the link's events in it, and nt_net_drive another if
 * need be. NULL: no memory. */
struct nt_net *nt_net_new(uv_loop_t *loop, void (*progress)(void *ctx), void *ctx);
/* Closes what is open; `progress` is not called any more. The memory goes when libuv is done. */
void nt_net_free(struct nt_net *net);

/* Drives that link from now on (NULL: none), with a connection of its own. The link must live
 * until another one, or none, is driven. */
void nt_net_drive(struct nt_net *net, struct nt_link *link);
/* After a call was put on the link from outside `progress`. */
void nt_net_poke(struct nt_net *net);

#endif
