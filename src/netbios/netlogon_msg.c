#include "netbios/netlogon_msg.h"

#include <string.h>

#define SID_MAX   68         /* bytes of the longest SID */
#define NO_TOKENS 0xFFFFFFFF /* LmNtToken and Lm20Token */

/* --- texts --- */

/* Zero-terminated, in the sender's OEM character set: ASCII is taken, '?' for the rest. */
static void read_oem(struct nt_cursor *c, char *out, size_t size)
{
    size_t n = 0;
    for (uint8_t letter; (letter = nt_cursor_u8(c)) != 0 && c->err == NT_OK;) {
        if (n + 1 == size)
            nt_cursor_fail(c, NT_E_LIMIT);
        else
            out[n++] = (char)(letter >= 0x20 && letter <= 0x7E ? letter : '?');
    }
    out[n] = '\0';
}

static size_t put_utf8(char *out, uint32_t v)
{
    if (v < 0x80) {
        out[0] = (char)v;
        return 1;
    }
    if (v < 0x800) {
        out[0] = (char)(0xC0 | v >> 6);
        out[1] = (char)(0x80 | (v & 63));
        return 2;
    }
    out[0] = (char)(0xE0 | v >> 12);
    out[1] = (char)(0x80 | (v >> 6 & 63));
    out[2] = (char)(0x80 | (v & 63));
    return 3;
}

/* Zero-terminated UTF-16LE at any alignment; what a name cannot have (a control character, a
 * surrogate) breaks the format. */
static void read_unicode(struct nt_cursor *c, char *out, size_t size)
{
    size_t n = 0;
    for (uint16_t unit; (unit = nt_cursor_u16le(c)) != 0 && c->err == NT_OK;) {
        if (unit < 0x20 || unit == 0x7F || (unit >= 0xD800 && unit <= 0xDFFF))
            nt_cursor_fail(c, NT_E_MALFORMED);
        else if (n + 4 > size)
            nt_cursor_fail(c, NT_E_LIMIT);
        else
            n += put_utf8(out + n, unit);
    }
    out[n] = '\0';
}

static void write_oem(struct nt_buf *b, const char *text)
{
    nt_buf_put(b, text, strlen(text) + 1);
}

static void write_unicode(struct nt_buf *b, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    while (*p != 0) {
        uint32_t v = *p++;
        int more = v >= 0xE0 ? 2 : v >= 0xC0 ? 1 : 0;
        v = more == 2 ? v & 15 : more == 1 ? v & 31 : v;
        while (more-- > 0 && (*p & 0xC0) == 0x80)
            v = v << 6 | (*p++ & 63);
        nt_buf_u16le(b, (uint16_t)v);
    }
    nt_buf_u16le(b, 0);
}

/* --- requests --- */

static void read_sid(struct nt_cursor *c, size_t len, struct nt_sid *sid)
{
    if (len == 0)
        return;
    if (len > SID_MAX)
        nt_cursor_fail(c, NT_E_LIMIT);
    nt_cursor_align(c, 4);
    size_t from = c->pos;
    nt_sid_read(c, sid);
    if (c->err == NT_OK && c->pos - from != len)
        nt_cursor_fail(c, NT_E_MALFORMED);
}

static void read_sam_logon(struct nt_cursor *c, struct nt_nl_request *r)
{
    nt_cursor_skip(c, 2); /* RequestCount */
    read_unicode(c, r->computer, sizeof r->computer);
    read_unicode(c, r->user, sizeof r->user);
    read_oem(c, r->mailslot, sizeof r->mailslot);
    r->account_control = nt_cursor_u32le(c);
    read_sid(c, nt_cursor_u32le(c), &r->sid);
    r->version = nt_cursor_u32le(c);
}

static void read_primary_query(struct nt_cursor *c, struct nt_nl_request *r)
{
    read_oem(c, r->computer, sizeof r->computer);
    read_oem(c, r->mailslot, sizeof r->mailslot);
    /* LAN Manager's end here, or with a token. */
    r->oem_only = nt_cursor_left(c) < 6;
    if (r->oem_only)
        return;
    nt_cursor_align(c, 2);
    read_unicode(c, r->computer, sizeof r->computer);
    r->version = nt_cursor_u32le(c);
}

enum nt_err nt_nl_request_read(const uint8_t *data, size_t len, struct nt_nl_request *r)
{
    struct nt_cursor c;
    nt_cursor_init(&c, data, len);
    uint16_t opcode = nt_cursor_u16le(&c);
    *r = (struct nt_nl_request){ .opcode = (enum nt_nl_opcode)opcode };
    if (opcode == NT_NL_SAM_LOGON)
        read_sam_logon(&c, r);
    else if (opcode == NT_NL_PRIMARY_QUERY)
        read_primary_query(&c, r);
    else
        nt_cursor_fail(&c, NT_E_UNSUPPORTED);
    return c.err;
}

void nt_nl_request_write(struct nt_buf *b, const struct nt_nl_request *r)
{
    size_t start = b->len;
    nt_buf_u16le(b, (uint16_t)r->opcode);
    if (r->opcode == NT_NL_PRIMARY_QUERY) {
        write_oem(b, r->computer);
        write_oem(b, r->mailslot);
        if (r->oem_only) {
            nt_buf_u16le(b, 0xFFFF);
            return;
        }
        nt_buf_zero(b, (b->len - start) % 2);
        write_unicode(b, r->computer);
    } else {
        nt_buf_u16le(b, 0);
        write_unicode(b, r->computer);
        write_unicode(b, r->user);
        write_oem(b, r->mailslot);
        nt_buf_u32le(b, r->account_control);
        nt_buf_u32le(b, nt_sid_is_null(&r->sid) ? 0 : 8 + 4u * r->sid.sub_count);
        if (!nt_sid_is_null(&r->sid)) {
            nt_buf_zero(b, (4 - (b->len - start) % 4) % 4);
            nt_sid_write(b, &r->sid);
        }
    }
    nt_buf_u32le(b, r->version);
    nt_buf_u32le(b, NO_TOKENS);
}

/* --- answers --- */

static void without_slashes(char *name)
{
    if (strncmp(name, "\\\\", 2) == 0)
        memmove(name, name + 2, strlen(name + 2) + 1);
}

enum nt_err nt_nl_response_read(const uint8_t *data, size_t len, struct nt_nl_response *r)
{
    struct nt_cursor c;
    nt_cursor_init(&c, data, len);
    uint16_t opcode = nt_cursor_u16le(&c);
    *r = (struct nt_nl_response){ .opcode = (enum nt_nl_opcode)opcode };
    switch (opcode) {
    case NT_NL_PRIMARY_RESPONSE:
        read_oem(&c, r->server, sizeof r->server);
        r->oem_only = nt_cursor_left(&c) < 6;
        if (r->oem_only)
            break;
        nt_cursor_align(&c, 2);
        read_unicode(&c, r->server, sizeof r->server);
        read_unicode(&c, r->domain, sizeof r->domain);
        break;
    case NT_NL_SAM_LOGON_RESPONSE:
    case NT_NL_SAM_PAUSE_RESPONSE:
    case NT_NL_SAM_USER_UNKNOWN:
        read_unicode(&c, r->server, sizeof r->server);
        read_unicode(&c, r->user, sizeof r->user);
        read_unicode(&c, r->domain, sizeof r->domain);
        break;
    default:
        nt_cursor_fail(&c, NT_E_UNSUPPORTED);
    }
    without_slashes(r->server);
    return c.err;
}

void nt_nl_response_write(struct nt_buf *b, const struct nt_nl_response *r)
{
    size_t start = b->len;
    nt_buf_u16le(b, (uint16_t)r->opcode);
    if (r->opcode == NT_NL_PRIMARY_RESPONSE) {
        write_oem(b, r->server);
        if (r->oem_only) {
            nt_buf_u16le(b, 0xFFFF);
            return;
        }
        nt_buf_zero(b, (b->len - start) % 2);
        write_unicode(b, r->server);
    } else {
        nt_buf_put(b, "\\\0\\", 4);
        write_unicode(b, r->server);
        write_unicode(b, r->user);
    }
    write_unicode(b, r->domain);
    nt_buf_u32le(b, NT_NL_VERSION_1);
    nt_buf_u32le(b, NO_TOKENS);
}
