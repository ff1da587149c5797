/*
 * rpc_listener.h - DCE/RPC over TCP: accepts connections in every loop and joins the association
 * machine (src/rpc) with the interfaces (src/service). [MS-RPCE] 2.1.1.1
 */
#ifndef NT_DAEMON_RPC_LISTENER_H
#define NT_DAEMON_RPC_LISTENER_H

#include "daemon/clients.h"
#include "daemon/config.h"
#include "daemon/loop.h"
#include "service/service.h"

struct nt_rpc_listener;

struct nt_rpc_listener_config {
    struct nt_service *service;                   /* kept */
    struct nt_clients *clients;                   /* kept */
    const struct nt_config *config;               /* kept */
    const struct nt_ndr_interface *const *ifaces; /* offered on this port; kept */
    size_t iface_count;
    uint16_t port;
};

/* Binds the port on every configured address; accepts nothing yet. On failure why[] has one line
 * ("port 135 of 0.0.0.0 is in use ..."). */
enum nt_err nt_rpc_listener_bind(const struct nt_rpc_listener_config *config, size_t loop_count,
                                 struct nt_rpc_listener **listener, char *why,
                                 size_t why_size) NT_MUST_USE;
/* Accepts in that loop (index below loop_count); call before the loop runs or in its thread. */
enum nt_err nt_rpc_listener_start(struct nt_rpc_listener *listener, size_t index,
                                  struct nt_loop *loop) NT_MUST_USE;
/* In the loop's thread: stops accepting and closes that loop's connections. */
void nt_rpc_listener_stop(struct nt_rpc_listener *listener, size_t index);
/* Calls that are not answered yet, of all loops; any thread. */
unsigned nt_rpc_listener_parked(struct nt_rpc_listener *listener);
void nt_rpc_listener_free(struct nt_rpc_listener *listener); /* after the loops have ended */

#endif
