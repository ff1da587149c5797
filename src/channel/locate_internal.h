/*
 * locate_internal.h - one search from the inside: between locate_net.c (the methods) and
 * locate_probe.c (whether a controller is there).
 */
#ifndef NT_CHANNEL_LOCATE_INTERNAL_H
#define NT_CHANNEL_LOCATE_INTERNAL_H

#include "channel/locate_net.h"

#define NT_SEARCH_LOOKUPS (4 + NT_SERVERS_MAX) /* two names on two roads, a status of each */

struct nt_dns;
struct nt_probe;

struct nt_search {
    struct nt_search *next;
    struct nt_locator *locator; /* gone once it has ended */
    uv_loop_t *loop;
    const struct nt_locate_config *config; /* the locator's */
    struct nt_locate *owner;               /* NULL: nobody waits any more */
    char domain[NT_SERVER_NAME], computer[64];
    bool probe, probing, ended;
    unsigned refs;    /* handles, and what is under way */
    unsigned pending; /* what is under way in this part */
    struct nt_located located;
    struct nt_dns *dns;
    uv_udp_t udp;
    uv_timer_t timer;
    uv_idle_t later;
    bool udp_open;
    struct nt_nb_lookup lookups[NT_SEARCH_LOOKUPS];
    bool lookup_ended[NT_SEARCH_LOOKUPS];
    size_t lookup_count;
    struct nt_nb_packet packet;
    char received[NT_NB_PACKET_MAX];
    struct nt_probe *probes;
};

/* Something more is under way, and has ended. */
void nt_search_begin(struct nt_search *s);
void nt_search_done(struct nt_search *s);
void nt_search_unref(struct nt_search *s);

bool nt_search_socket(struct nt_search *s); /* opens it if need be; false: there is none */
void nt_search_ask(struct nt_search *s, const struct nt_nb_lookup_config *config);
void nt_search_netbios(struct nt_search *s); /* goes on with the look-ups */

void nt_probe_begin(struct nt_search *s); /* asks each controller that was found */
void nt_probe_end(struct nt_search *s);   /* gives up those under way */
void nt_probe_status(struct nt_search *s, const struct nt_nb_lookup *l);

#endif
