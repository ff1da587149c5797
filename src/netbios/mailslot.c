#include "netbios/mailslot.h"

#include <string.h>

#define SMB_HEADER_LEN 32
#define TRANSACTION    0x25
#define WORDS          17 /* 14 and three setup words */
#define SETUP_WRITE    1
#define CLASS_SECOND   2 /* unreliable: the only one that datagrams have */
#define PREFIX         "\\MAILSLOT\\"

static const uint8_t magic[4] = { 0xFF, 'S', 'M', 'B' };

static void read_name(struct nt_cursor *c, char out[NT_MAILSLOT_NAME])
{
    size_t n = 0;
    for (char letter; (letter = (char)nt_cursor_u8(c)) != '\0' && c->err == NT_OK;) {
        if (n + 1 == NT_MAILSLOT_NAME)
            nt_cursor_fail(c, NT_E_LIMIT);
        else if (letter < 0x20 || letter > 0x7E)
            nt_cursor_fail(c, NT_E_MALFORMED);
        else
            out[n++] = letter;
    }
    out[n] = '\0';
    if (strncasecmp(out, PREFIX, sizeof PREFIX - 1) != 0)
        nt_cursor_fail(c, NT_E_UNSUPPORTED);
}

enum nt_err nt_mailslot_read(const uint8_t *data, size_t len, struct nt_mailslot *m)
{
    struct nt_cursor c;
    nt_cursor_init(&c, data, len);
    *m = (struct nt_mailslot){ .name = "" };
    const uint8_t *header = nt_cursor_take(&c, SMB_HEADER_LEN);
    if (header == NULL)
        return c.err;
    if (memcmp(header, magic, sizeof magic) != 0)
        return NT_E_MALFORMED;
    if (header[4] != TRANSACTION || nt_cursor_u8(&c) != WORDS)
        return NT_E_UNSUPPORTED;
    nt_cursor_skip(&c, 22); /* counts, flags and time-out, which mean nothing here */
    size_t count = nt_cursor_u16le(&c), offset = nt_cursor_u16le(&c);
    uint8_t setup_count = nt_cursor_u8(&c);
    nt_cursor_skip(&c, 1);
    uint16_t write = nt_cursor_u16le(&c);
    m->priority = nt_cursor_u16le(&c);
    nt_cursor_skip(&c, 4); /* class, byte count: the offset says where the data is */
    if (setup_count != 3 || write != SETUP_WRITE)
        nt_cursor_fail(&c, NT_E_UNSUPPORTED);
    read_name(&c, m->name);
    if (c.err == NT_OK && offset < c.pos)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    nt_cursor_seek(&c, offset);
    m->data = nt_cursor_take(&c, count);
    m->len = count;
    return c.err;
}

void nt_mailslot_write(struct nt_buf *b, const struct nt_mailslot *m)
{
    size_t name_len = strlen(m->name) + 1;
    size_t data_at = SMB_HEADER_LEN + 1 + 2 * WORDS + 2 + name_len;
    nt_buf_put(b, magic, sizeof magic);
    nt_buf_u8(b, TRANSACTION);
    nt_buf_zero(b, SMB_HEADER_LEN - sizeof magic - 1);
    nt_buf_u8(b, WORDS);
    nt_buf_u16le(b, 0); /* total parameter count */
    nt_buf_u16le(b, (uint16_t)m->len);
    nt_buf_zero(b, 18); /* up to the parameters' count and offset, of which there are none */
    nt_buf_u16le(b, (uint16_t)m->len);
    nt_buf_u16le(b, (uint16_t)data_at);
    nt_buf_u16le(b, 3); /* setup words */
    nt_buf_u16le(b, SETUP_WRITE);
    nt_buf_u16le(b, m->priority);
    nt_buf_u16le(b, CLASS_SECOND);
    nt_buf_u16le(b, (uint16_t)(name_len + m->len));
    nt_buf_put(b, m->name, name_len);
    nt_buf_put(b, m->data, m->len);
}
