/*
 * netbios_listener.h - NetBIOS over UDP: the sockets, timer and log of the name service's node
 * (netbios/node.h), and of the datagrams by which controllers are found (netbios/getdc.h). Lives in
 * one loop. Loopback addresses take no part in it: nobody else is there.
 */
#ifndef NT_DAEMON_NETBIOS_LISTENER_H
#define NT_DAEMON_NETBIOS_LISTENER_H

#include "channel/locate_net.h"
#include "daemon/config.h"
#include "daemon/loop.h"
#include "netbios/node.h"
#include "service/service.h"

struct nt_netbios;

/* Binds the ports; *nb is NULL when both are off, or no configured address is for them. On failure
 * why[] has one line. */
enum nt_err nt_netbios_bind(const struct nt_config *config, struct nt_netbios **nb, char *why,
                            size_t why_size) NT_MUST_USE;
/* Claims the domain's names and answers, in that loop: call before it runs or in its thread. */
enum nt_err nt_netbios_start(struct nt_netbios *nb, struct nt_loop *loop,
                             struct nt_service *service) NT_MUST_USE;
/* In the loop's thread: gives the names back and closes. NULL is fine, here and below. */
void nt_netbios_stop(struct nt_netbios *nb);
void nt_netbios_free(struct nt_netbios *nb); /* after the loop has ended */

/* The kind of node that the settings make of this host. */
enum nt_nb_mode nt_netbios_mode(const struct nt_config *config);
/* Where look-ups by broadcast go to: networks of the addresses that are listened on. */
size_t nt_netbios_broadcasts(const struct nt_config *config, uint32_t out[NT_NB_TARGETS]);

/* How a name stands; any thread. */
struct nt_netbios_name {
    char name[NT_NB_NAME_TEXT];
    bool group;
    enum nt_nb_claim_state broadcast, wins;
    uint32_t wins_by;     /* the server that has it, or refuses it; 0 */
    uint32_t conflict_by; /* who claimed or refused it last; 0: nobody */
    nt_time conflict_at;
};
size_t nt_netbios_names(struct nt_netbios *nb, struct nt_netbios_name out[NT_NB_NAMES]);

/* struct nt_locate_net_config's ask_dc: in the loop's thread. */
bool nt_netbios_ask_dc(void *ctx, struct nt_locate_dc *ask);

#endif
