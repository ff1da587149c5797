/*
 * packet.h - a datagram that a machine of this layer wants sent.
 */
#ifndef NT_NETBIOS_PACKET_H
#define NT_NETBIOS_PACKET_H

#include "base/buf.h"

struct nt_nb_packet {
    uint32_t local; /* from this address of ours; 0: any */
    uint32_t to;
    uint16_t port;
    struct nt_buf data; /* initialised and freed by the owner; cleared before each use */
};

#endif
