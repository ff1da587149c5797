#include "capture/packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_12 = 12,
    LINK_RAW_14 = 14,
    LINK_RAW = 101,
    LINK_LINUX = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_2 = 276
};

enum { ETHER_IPV4 = 0x0800, ETHER_IPV6 = 0x86DD, ETHER_VLAN = 0x8100, ETHER_QINQ = 0x88A8 };
enum {
    NEXT_HOP = 0,
    NEXT_TCP = 6,
    NEXT_UDP = 17,
    NEXT_ROUTE = 43,
    NEXT_FRAGMENT = 44,
    NEXT_OPTIONS = 60
};

bool nt_address_equal(const struct nt_address *a, const struct nt_address *b)
{
    return a->v6 == b->v6 && memcmp(a->b, b->b, a->v6 ? 16 : 4) == 0;
}

const char *nt_address_format(const struct nt_address *a, char out[NT_ADDRESS_TEXT])
{
    if (inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->b, out, NT_ADDRESS_TEXT) == NULL)
        snprintf(out, NT_ADDRESS_TEXT, "?");
    return out;
}

/* --- links --- */

/* The cursor is moved to the IP header. */
static bool skip_link(int link, struct nt_cursor *c)
{
    uint16_t type = 0;
    switch (link) {
    case LINK_RAW:
    case LINK_RAW_12:
    case LINK_RAW_14:
    case LINK_IPV4:
    case LINK_IPV6:
        return true;
    case LINK_NULL: /* a number of the family, in the byte order of who captured */
        nt_cursor_skip(c, 4);
        return true;
    case LINK_ETHERNET:
        nt_cursor_skip(c, 12);
        type = nt_cursor_u16be(c);
        for (int tags = 0; tags < 2 && (type == ETHER_VLAN || type == ETHER_QINQ); tags++) {
            nt_cursor_skip(c, 2);
            type = nt_cursor_u16be(c);
        }
        break;
    case LINK_LINUX:
        nt_cursor_skip(c, 14);
        type = nt_cursor_u16be(c);
        break;
    case LINK_LINUX_2:
        type = nt_cursor_u16be(c);
        nt_cursor_skip(c, 18);
        break;
    default:
        return false;
    }
    return type == ETHER_IPV4 || type == ETHER_IPV6;
}

/* --- IP --- */

struct body {
    uint8_t protocol;
    size_t len; /* as the header says */
    bool fragment;
};

static void read_ipv4(struct nt_cursor *c, struct nt_packet *p, struct body *body)
{
    size_t header = (size_t)(nt_cursor_u8(c) & 15) * 4;
    nt_cursor_skip(c, 1);
    size_t total = nt_cursor_u16be(c);
    nt_cursor_skip(c, 2);
    uint16_t fragment = nt_cursor_u16be(c);
    nt_cursor_skip(c, 1);
    body->protocol = nt_cursor_u8(c);
    nt_cursor_skip(c, 2);
    nt_cursor_bytes(c, p->from.b, 4);
    nt_cursor_bytes(c, p->to.b, 4);
    if (header < 20 || (total != 0 && total < header))
        nt_cursor_fail(c, NT_E_MALFORMED);
    nt_cursor_skip(c, header >= 20 ? header - 20 : 0);
    /* 0: the card cut the stream into segments after the capture */
    body->len = total != 0 ? total - header : nt_cursor_left(c);
    body->fragment = (fragment & 0x3FFF) != 0; /* more to come, or not the first */
}

static void read_ipv6(struct nt_cursor *c, struct nt_packet *p, struct body *body)
{
    nt_cursor_skip(c, 4);
    body->len = nt_cursor_u16be(c);
    body->protocol = nt_cursor_u8(c);
    nt_cursor_skip(c, 1);
    nt_cursor_bytes(c, p->from.b, 16);
    nt_cursor_bytes(c, p->to.b, 16);
    p->from.v6 = p->to.v6 = true;
    if (body->len == 0)
        body->len = nt_cursor_left(c);
    for (int i = 0; i < 8; i++) {
        if (body->protocol == NEXT_FRAGMENT)
            body->fragment = true;
        if (body->protocol != NEXT_HOP && body->protocol != NEXT_ROUTE &&
            body->protocol != NEXT_OPTIONS)
            return;
        body->protocol = nt_cursor_u8(c);
        size_t more = 6 + (size_t)nt_cursor_u8(c) * 8;
        nt_cursor_skip(c, more);
        if (more + 2 > body->len)
            nt_cursor_fail(c, NT_E_MALFORMED);
        else
            body->len -= more + 2;
    }
    nt_cursor_fail(c, NT_E_LIMIT);
}

/* --- TCP and UDP --- */

/* Gives the bytes of the header that were read. */
static size_t read_tcp(struct nt_cursor *c, struct nt_packet *p)
{
    p->from_port = nt_cursor_u16be(c);
    p->to_port = nt_cursor_u16be(c);
    p->seq = nt_cursor_u32be(c);
    nt_cursor_skip(c, 4);
    size_t header = (size_t)(nt_cursor_u8(c) >> 4) * 4;
    p->flags = nt_cursor_u8(c);
    p->tcp = true;
    if (header < 20)
        nt_cursor_fail(c, NT_E_MALFORMED);
    else
        nt_cursor_skip(c, header - 14);
    return header;
}

static size_t read_udp(struct nt_cursor *c, struct nt_packet *p)
{
    p->from_port = nt_cursor_u16be(c);
    p->to_port = nt_cursor_u16be(c);
    nt_cursor_skip(c, 4);
    return 8;
}

enum nt_packet_kind nt_packet_read(int link, const uint8_t *frame, size_t len, struct nt_packet *p)
{
    struct nt_cursor c;
    struct body body = { 0 };
    *p = (struct nt_packet){ .data = frame };
    nt_cursor_init(&c, frame, len);
    if (!skip_link(link, &c) || nt_cursor_left(&c) == 0)
        return NT_PACKET_OTHER;
    unsigned version = frame[c.pos] >> 4;
    if (version == 4)
        read_ipv4(&c, p, &body);
    else if (version == 6)
        read_ipv6(&c, p, &body);
    else
        return NT_PACKET_OTHER;
    if (c.err == NT_OK && body.fragment)
        return NT_PACKET_FRAGMENT;
    if (body.protocol != NEXT_TCP && body.protocol != NEXT_UDP)
        return NT_PACKET_OTHER;
    size_t header = body.protocol == NEXT_TCP ? read_tcp(&c, p) : read_udp(&c, p);
    if (c.err != NT_OK || header > body.len)
        return NT_PACKET_OTHER;
    size_t said = body.len - header, there = nt_cursor_left(&c);
    p->data = frame + c.pos;
    p->len = said < there ? said : there; /* behind it: the padding of a short frame */
    p->missing = said - p->len;
    return NT_PACKET_GOOD;
}
