/*
 * node_internal.h - between node.c (answers) and node_claim.c (claims).
 */
#ifndef NT_NETBIOS_NODE_INTERNAL_H
#define NT_NETBIOS_NODE_INTERNAL_H

#include "netbios/node.h"

/* Sets up the claim of a name from an address that is new. */
void nb_claim_begin(struct nt_nb_node *n, struct nt_nb_claim *c, enum nt_nb_road road,
                    uint64_t now_ms);
/* A response of the name service: it may be about one of our claims. */
void nb_claim_answered(struct nt_nb_node *n, uint32_t from, const struct nt_ns_packet *p,
                       uint64_t now_ms);
void nb_event(struct nt_nb_node *n, enum nt_nb_event_kind kind, enum nt_nb_road road, size_t name,
              uint32_t address);
/* The flags of our node's kind, with the group bit for a group. */
uint16_t nb_flags(const struct nt_nb_node *n, bool group);

#endif
