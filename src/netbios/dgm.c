#include "netbios/dgm.h"

#define FLAG_MORE  0x01
#define FLAG_FIRST 0x02
#define NODE_SHIFT 2

enum nt_err nt_dgm_read(const uint8_t *data, size_t len, struct nt_dgm *d)
{
    struct nt_cursor c;
    nt_cursor_init(&c, data, len);
    uint8_t type = nt_cursor_u8(&c), flags = nt_cursor_u8(&c);
    *d = (struct nt_dgm){ .id = nt_cursor_u16be(&c) };
    d->source_address = nt_cursor_u32be(&c);
    d->source_port = nt_cursor_u16be(&c);
    if (type != NT_DGM_UNIQUE && type != NT_DGM_GROUP && type != NT_DGM_BROADCAST)
        nt_cursor_fail(&c, NT_E_UNSUPPORTED);
    d->type = (enum nt_dgm_type)(c.err == NT_OK ? type : NT_DGM_UNIQUE);
    d->node = (enum nt_dgm_node)(flags >> NODE_SHIFT & 3);
    size_t rest = nt_cursor_u16be(&c), offset = nt_cursor_u16be(&c);
    if ((flags & FLAG_MORE) != 0 || (flags & FLAG_FIRST) == 0 || offset != 0)
        nt_cursor_fail(&c, NT_E_UNSUPPORTED);
    if (c.err == NT_OK && rest > nt_cursor_left(&c))
        nt_cursor_fail(&c, NT_E_TRUNCATED);
    if (c.err != NT_OK)
        return c.err;
    c.len = c.pos + rest;
    nt_nb_name_read(&c, false, &d->source);
    nt_nb_name_read(&c, false, &d->destination);
    d->len = nt_cursor_left(&c);
    d->data = nt_cursor_take(&c, d->len);
    return c.err;
}

void nt_dgm_write(struct nt_buf *b, const struct nt_dgm *d)
{
    nt_buf_u8(b, (uint8_t)d->type);
    nt_buf_u8(b, (uint8_t)((unsigned)d->node << NODE_SHIFT | FLAG_FIRST));
    nt_buf_u16be(b, d->id);
    nt_buf_u32be(b, d->source_address);
    nt_buf_u16be(b, d->source_port);
    size_t at = b->len;
    nt_buf_u16be(b, 0);
    nt_buf_u16be(b, 0);
    nt_nb_name_write(b, &d->source);
    nt_nb_name_write(b, &d->destination);
    nt_buf_put(b, d->data, d->len);
    if (b->err != NT_OK)
        return;
    size_t rest = b->len - at - 4;
    b->data[at] = (uint8_t)(rest >> 8);
    b->data[at + 1] = (uint8_t)rest;
}
