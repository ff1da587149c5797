#include "channel/tower.h"

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/cursor.h"

/* Protocol identifiers of a floor's left hand side, [C706] appendix I. */
enum { FLOOR_UUID = 0x0D, FLOOR_CO = 0x0B, FLOOR_TCP = 0x07, FLOOR_IP = 0x09 };

static uint8_t *put_uuid_floor(uint8_t *p, const struct nt_uuid *u, uint16_t major, uint16_t minor)
{
    nt_put_le16(p, 19);
    p[2] = FLOOR_UUID;
    nt_put_le32(p + 3, u->a);
    nt_put_le16(p + 7, u->b);
    nt_put_le16(p + 9, u->c);
    memcpy(p + 11, u->d, sizeof u->d);
    nt_put_le16(p + 19, major);
    nt_put_le16(p + 21, 2);
    nt_put_le16(p + 23, minor);
    return p + 25;
}

static uint8_t *put_floor(uint8_t *p, uint8_t protocol, const uint8_t *right, uint16_t len)
{
    nt_put_le16(p, 1);
    p[2] = protocol;
    nt_put_le16(p + 3, len);
    memcpy(p + 5, right, len);
    return p + 5 + len;
}

void nt_tower_write(const struct nt_ndr_interface *iface, uint16_t port, uint32_t address,
                    uint8_t out[NT_TOWER_LEN])
{
    static const struct nt_uuid ndr32 = {
        0x8a885d04, 0x1ceb, 0x11c9, { 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60 }
    };
    uint8_t minor[2] = { 0 }, port_be[2], address_be[4];
    nt_put_be16(port_be, port);
    nt_put_be32(address_be, address);
    nt_put_le16(out, 5); /* floors */
    uint8_t *p = put_uuid_floor(out + 2, &iface->uuid, iface->major, iface->minor);
    p = put_uuid_floor(p, &ndr32, 2, 0);
    p = put_floor(p, FLOOR_CO, minor, sizeof minor);
    p = put_floor(p, FLOOR_TCP, port_be, sizeof port_be);
    put_floor(p, FLOOR_IP, address_be, sizeof address_be);
}

twr_t *nt_tower_twr(struct nt_arena *arena, const uint8_t bytes[NT_TOWER_LEN])
{
    twr_t *t = nt_arena_alloc(arena, sizeof *t + NT_TOWER_LEN);
    if (t != NULL) {
        t->tower_length = NT_TOWER_LEN;
        memcpy(t->tower_octet_string, bytes, NT_TOWER_LEN);
    }
    return t;
}

uint16_t nt_tower_port(const twr_t *tower)
{
    struct nt_cursor c;
    nt_cursor_init(&c, tower->tower_octet_string, tower->tower_length);
    uint16_t floors = nt_cursor_u16le(&c);
    for (uint16_t i = 0; i < floors && i < 8 && c.err == NT_OK; i++) {
        uint16_t left_len = nt_cursor_u16le(&c);
        const uint8_t *left = nt_cursor_take(&c, left_len);
        uint16_t right_len = nt_cursor_u16le(&c);
        const uint8_t *right = nt_cursor_take(&c, right_len);
        if (c.err == NT_OK && left_len == 1 && left[0] == FLOOR_TCP && right_len == 2)
            return nt_be16(right);
    }
    return 0;
}
