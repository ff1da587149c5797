/*
 * packet.h - from a captured frame to the TCP segment or UDP datagram in it. Bounded reads, no
 * heap. Link layers: Ethernet with up to two VLAN tags, Linux cooked (both versions), BSD loopback,
 * raw IP. IPv4 and IPv6; a datagram in fragments is passed over. Source: RFC 791, 8200, 9293, 768;
 * the link types' numbers are those of pcap-linktype(7).
 */
#ifndef NT_CAPTURE_PACKET_H
#define NT_CAPTURE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_ADDRESS_TEXT 46

struct nt_address {
    bool v6;
    uint8_t b[16]; /* IPv4: the first four */
};
bool nt_address_equal(const struct nt_address *a, const struct nt_address *b);
const char *nt_address_format(const struct nt_address *a, char out[NT_ADDRESS_TEXT]);

#define NT_TCP_FIN 0x01u
#define NT_TCP_SYN 0x02u
#define NT_TCP_RST 0x04u
#define NT_TCP_ACK 0x10u

struct nt_packet {
    struct nt_address from, to;
    uint16_t from_port, to_port;
    bool tcp;
    uint8_t flags; /* TCP */
    uint32_t seq;  /* TCP: of the first byte of data (of SYN, if that is set) */
    const uint8_t *data;
    size_t len;
    size_t missing; /* bytes behind `data` that the capture cut off */
};

enum nt_packet_kind {
    NT_PACKET_GOOD,
    NT_PACKET_OTHER,   /* no TCP or UDP over IP */
    NT_PACKET_FRAGMENT /* of a datagram */
};

/* link: the capture's link type as libpcap gives it. What p points to lives as long as `frame`. */
enum nt_packet_kind nt_packet_read(int link, const uint8_t *frame, size_t len, struct nt_packet *p);

#endif
