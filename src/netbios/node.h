/*
 * node.h - a node of the NetBIOS name service that speaks for one domain's controller: claims its
 * names by broadcast and at WINS servers, keeps them, defends them, and answers for them. No I/O:
 * packets and the time go in, packets and the next deadline come out. Takes its storage from the
 * caller and does not grow, whatever comes from the network.
 * RFC 1001 15, RFC 1002 5.1, [MS-NBTE] 3
 */
#ifndef NT_NETBIOS_NODE_H
#define NT_NETBIOS_NODE_H

#include "base/env.h"
#include "netbios/ns.h"
#include "netbios/packet.h"
#include "netbios/rate.h"

#define NT_NB_IFACES 8
#define NT_NB_WINS   4
#define NT_NB_NAMES  5 /* that it claims */

/* How names are claimed and looked for, RFC 1001 10. */
enum nt_nb_mode {
    NT_NB_B, /* broadcast alone */
    NT_NB_P, /* WINS alone */
    NT_NB_M, /* broadcast, then WINS */
    NT_NB_H  /* WINS, then broadcast */
};
const char *nt_nb_mode_name(enum nt_nb_mode mode); /* "b" */

struct nt_nb_iface {
    uint32_t address, broadcast; /* broadcast 0: none */
};

/* One name on one road (broadcast, or WINS) from one of our addresses. */
enum nt_nb_claim_state {
    NT_NB_OFF,     /* not claimed on this road */
    NT_NB_ASKING,  /* the request is out */
    NT_NB_HELD,    /* ours */
    NT_NB_REFUSED, /* somebody else has it; tried again later */
    NT_NB_SILENT   /* no WINS server answers; tried again later */
};
const char *nt_nb_claim_state_name(enum nt_nb_claim_state state);

struct nt_nb_claim {
    enum nt_nb_claim_state state;
    uint16_t id;                  /* of the request that is out */
    uint8_t tries;                /* of this request; with WINS: at this server */
    uint8_t server, server_tries; /* WINS: the one in use, and how many were tried in vain */
    bool refresh;                 /* WINS: the name was ours before */
    uint32_t by;                  /* REFUSED: who said so; HELD at WINS: the server */
    uint64_t due_ms;              /* when something is to be done; UINT64_MAX: nothing */
};

enum nt_nb_road { NT_NB_BY_BROADCAST, NT_NB_BY_WINS, NT_NB_ROADS };

struct nt_nb_own {
    struct nt_nb_name name;
    bool group;
    struct nt_nb_claim claims[NT_NB_ROADS][NT_NB_IFACES];
    uint64_t told_ms; /* when its last conflict was told */
};

/* Something for the log. */
enum nt_nb_event_kind {
    NT_NB_EV_HELD,       /* a name is ours now, on that road */
    NT_NB_EV_REFUSED,    /* it belongs to somebody else, says `address` */
    NT_NB_EV_CONFLICT,   /* `address` claims it though it is ours, or says that it is in conflict */
    NT_NB_EV_WINS_SILENT /* no WINS server answers */
};
struct nt_nb_event {
    enum nt_nb_event_kind kind;
    enum nt_nb_road road;
    size_t name; /* index of the name */
    uint32_t address;
};
#define NT_NB_EVENTS 16 /* kept until taken; later ones are lost */

struct nt_nb_node_config {
    const char *domain, *computer;
    enum nt_nb_mode mode;
    uint32_t wins[NT_NB_WINS];
    size_t wins_count;
    uint16_t port;            /* of the name service everywhere: 137 */
    const struct nt_env *env; /* kept: random */
};

struct nt_nb_node {
    struct nt_nb_node_config config; /* its texts are not kept */
    struct nt_nb_iface ifaces[NT_NB_IFACES];
    size_t iface_count;
    struct nt_nb_own names[NT_NB_NAMES];
    size_t name_count; /* fewer where a name cannot be a NetBIOS name */
    struct nt_nb_rate rate;
    struct nt_nb_event events[NT_NB_EVENTS];
    size_t event_count;
    bool stopping;
};

void nt_nb_node_init(struct nt_nb_node *n, const struct nt_nb_node_config *config);
/* The addresses that it has now; names are claimed from those that are new. */
void nt_nb_node_set_ifaces(struct nt_nb_node *n, const struct nt_nb_iface *ifaces, size_t count,
                           uint64_t now_ms);

/*
 * A packet came to `local`, one of our addresses; broadcast: to its network's broadcast address.
 * True: `out` has the answer. What is malformed, and what passes the limits, is silence.
 */
bool nt_nb_node_feed(struct nt_nb_node *n, uint32_t from, uint16_t port, uint32_t local,
                     bool broadcast, const uint8_t *data, size_t len, uint64_t now_ms,
                     struct nt_nb_packet *out);
/* The next packet that is due; false: none. */
bool nt_nb_node_next(struct nt_nb_node *n, uint64_t now_ms, struct nt_nb_packet *out);
uint64_t nt_nb_node_deadline(const struct nt_nb_node *n);
bool nt_nb_node_event(struct nt_nb_node *n, struct nt_nb_event *ev);
/* Gives the names back: their releases are due at once, and nothing is claimed any more. */
void nt_nb_node_stop(struct nt_nb_node *n, uint64_t now_ms);

/* Whether the name is one of its own, so that a datagram to it is for us. */
bool nt_nb_node_is_own(const struct nt_nb_node *n, const struct nt_nb_name *name);
/* The best that a name is on a road, over all addresses; *by as in the claim. */
enum nt_nb_claim_state nt_nb_node_state(const struct nt_nb_node *n, size_t name,
                                        enum nt_nb_road road, uint32_t *by);

#endif
