/*
 * lookup.h - asks for a name, by broadcast or at WINS servers, or for the status of a node. One
 * lookup is one question on one road. No I/O; storage of the caller.
 * RFC 1002 4.2.12 to 4.2.18, 5.1.1.2, 5.1.2.2
 */
#ifndef NT_NETBIOS_LOOKUP_H
#define NT_NETBIOS_LOOKUP_H

#include "base/env.h"
#include "netbios/ns.h"
#include "netbios/packet.h"

#define NT_NB_TARGETS 8

enum nt_nb_lookup_how {
    NT_NB_ASK_BROADCAST, /* all targets are broadcast addresses; several may answer */
    NT_NB_ASK_WINS,      /* the targets are name servers, asked one after the other */
    NT_NB_ASK_STATUS     /* the target is a node: which names it has */
};

enum nt_nb_outcome {
    NT_NB_PENDING,
    NT_NB_FOUND,
    NT_NB_NO_NAME, /* a server says that there is no such name */
    NT_NB_NO_ANSWER
};

struct nt_nb_lookup_config {
    enum nt_nb_lookup_how how;
    struct nt_nb_name name; /* STATUS: "*" mostly */
    uint32_t targets[NT_NB_TARGETS];
    size_t target_count;
    uint16_t port; /* 137 */
    const struct nt_env *env;
};

struct nt_nb_lookup {
    struct nt_nb_lookup_config config;
    enum nt_nb_outcome outcome;
    uint16_t id;
    size_t target;  /* the one to be asked next */
    unsigned tries; /* WINS: at this server; BROADCAST: of all */
    bool negative;  /* some server said no */
    uint64_t due_ms;
    /* FOUND */
    struct nt_ns_address addresses[NT_NS_ADDRESSES]; /* without doubles */
    size_t address_count;
    struct nt_ns_status_name names[NT_NS_STATUS_NAMES]; /* STATUS */
    size_t name_count;
    uint32_t by; /* who answered first */
};

void nt_nb_lookup_init(struct nt_nb_lookup *l, const struct nt_nb_lookup_config *config,
                       uint64_t now_ms);
/* The next packet that is due; false: none. */
bool nt_nb_lookup_next(struct nt_nb_lookup *l, uint64_t now_ms, struct nt_nb_packet *out);
/* A packet came; true when it was an answer to this lookup. */
bool nt_nb_lookup_feed(struct nt_nb_lookup *l, uint32_t from, const uint8_t *data, size_t len,
                       uint64_t now_ms);
uint64_t nt_nb_lookup_deadline(const struct nt_nb_lookup *l); /* UINT64_MAX: it has ended */

#endif
