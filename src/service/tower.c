/*
 * tower.c - protocol towers: reader beside writer.
 */
#include "service/tower.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"

enum { FLOOR_UUID = 0x0D, FLOOR_RPC_CO = 0x0B, FLOOR_IP = 0x09, FLOOR_NETBIOS = 0x11 };

#define FLOORS_MIN 4 /* interface, transfer syntax, RPC, transport */
#define FLOORS_MAX 8

struct half {
    const uint8_t *data;
    size_t len;
};

static struct half read_half(struct nt_cursor *c)
{
    struct half h = { .len = nt_cursor_u16le(c) };
    h.data = nt_cursor_take(c, h.len);
    return h;
}

/* Floors 1 and 2: an identifier with its major version, and the minor version on the right. */
static void read_uuid_floor(struct nt_cursor *c, struct half left, struct half right,
                            struct nt_uuid *uuid, uint16_t *major, uint16_t *minor)
{
    struct nt_cursor l, r;
    if (c->err != NT_OK)
        return;
    nt_cursor_init(&l, left.data, left.len);
    nt_cursor_init(&r, right.data, right.len);
    uint8_t kind = nt_cursor_u8(&l);
    *uuid = nt_uuid_read(&l);
    *major = nt_cursor_u16le(&l);
    *minor = nt_cursor_u16le(&r);
    if (l.err != NT_OK || r.err != NT_OK || kind != FLOOR_UUID)
        nt_cursor_fail(c, NT_E_MALFORMED);
}

enum nt_err nt_tower_read(const uint8_t *data, size_t len, struct nt_tower *tower)
{
    struct nt_cursor c;
    *tower = (struct nt_tower){ 0 };
    if (len > NT_TOWER_MAX)
        return NT_E_LIMIT;
    nt_cursor_init(&c, data, len);
    uint16_t floors = nt_cursor_u16le(&c);
    if (c.err == NT_OK && (floors < FLOORS_MIN || floors > FLOORS_MAX))
        return NT_E_MALFORMED;

    for (unsigned i = 0; c.err == NT_OK && i < floors; i++) {
        struct half left = read_half(&c), right = read_half(&c);
        uint16_t ignored;
        if (c.err != NT_OK)
            break;
        uint8_t kind = left.len > 0 ? left.data[0] : 0;
        if (i == 0) {
            read_uuid_floor(&c, left, right, &tower->iface, &tower->major, &tower->minor);
        } else if (i == 1) {
            read_uuid_floor(&c, left, right, &tower->transfer, &tower->transfer_version, &ignored);
        } else if (i == 2) {
            if (kind != FLOOR_RPC_CO)
                nt_cursor_fail(&c, NT_E_UNSUPPORTED);
        } else if (i == 3) {
            tower->transport = kind;
            if (kind == NT_TOWER_TCP && right.len == 2)
                tower->port = nt_be16(right.data);
        } else if (i == 4 && kind == FLOOR_IP && right.len == 4) {
            tower->address = nt_be32(right.data);
        }
    }
    return c.err;
}

static void write_uuid_floor(struct nt_buf *b, const struct nt_uuid *uuid, uint16_t major,
                             uint16_t minor)
{
    nt_buf_u16le(b, 1 + 16 + 2);
    nt_buf_u8(b, FLOOR_UUID);
    nt_uuid_write(b, uuid);
    nt_buf_u16le(b, major);
    nt_buf_u16le(b, 2);
    nt_buf_u16le(b, minor);
}

static void write_protocol(struct nt_buf *b, uint8_t kind, uint16_t right_len)
{
    nt_buf_u16le(b, 1);
    nt_buf_u8(b, kind);
    nt_buf_u16le(b, right_len);
}

static void write_text_floor(struct nt_buf *b, uint8_t kind, const char *text)
{
    size_t len = strlen(text) + 1; /* with its NUL */
    write_protocol(b, kind, (uint16_t)len);
    nt_buf_put(b, text, len);
}

void nt_tower_write(struct nt_buf *b, const struct nt_tower *tower)
{
    nt_buf_u16le(b, 5);
    write_uuid_floor(b, &tower->iface, tower->major, tower->minor);
    write_uuid_floor(b, &tower->transfer, tower->transfer_version, 0);
    write_protocol(b, FLOOR_RPC_CO, 2);
    nt_buf_u16le(b, 0); /* minor version of the RPC protocol */
    if (tower->transport == NT_TOWER_PIPE) {
        write_text_floor(b, NT_TOWER_PIPE, tower->pipe);
        write_text_floor(b, FLOOR_NETBIOS, tower->host);
        return;
    }
    write_protocol(b, NT_TOWER_TCP, 2);
    nt_buf_u16be(b, tower->port);
    write_protocol(b, FLOOR_IP, 4);
    nt_buf_u32be(b, tower->address);
}

bool nt_tower_address(const char *text, uint32_t *address)
{
    uint32_t value = 0;
    for (unsigned part = 0; part < 4; part++) {
        unsigned n = 0, digits = 0;
        for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
            n = n * 10 + (unsigned)(*text - '0');
        if (digits == 0 || n > 255 || (part < 3 && *text++ != '.'))
            return false;
        value = value << 8 | n;
    }
    *address = value;
    return *text == '\0' || *text == ':';
}
