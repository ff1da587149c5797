#include "netbios/cldap.h"

#include <string.h>

#include "base/utf16.h"

enum tag { /* RFC 4511 4.1.1, 4.5 */
           TAG_BOOLEAN = 0x01,
           TAG_INTEGER = 0x02,
           TAG_OCTETS = 0x04,
           TAG_ENUM = 0x0a,
           TAG_SEQUENCE = 0x30,
           TAG_SET = 0x31,
           TAG_SEARCH = 0x63, /* [APPLICATION 3] */
           TAG_ENTRY = 0x64,
           TAG_DONE = 0x65,
           TAG_AND = 0xa0,
           TAG_EQUAL = 0xa3
};

#define VERSION_5    0x00000002u /* [MS-ADTS] 6.3.1.1 */
#define VERSION_5EX  0x00000004u
#define RESPONSE_EX  23 /* opcodes, 6.3.1.3 */
#define PAUSED_EX    24
#define UNKNOWN_EX   25
#define GUID_BYTES   16
#define NAME_JUMPS   8 /* of one compressed name */
#define ELEMENTS_MAX 16

static const char attribute[] = "netlogon";

/* --- the request --- */

/* All of it is shorter than the short form of a length goes. */
static void put(struct nt_buf *b, enum tag tag, const void *data, uint8_t len)
{
    nt_buf_u8(b, (uint8_t)tag);
    nt_buf_u8(b, len);
    nt_buf_put(b, data, len);
}

static void put_number(struct nt_buf *b, enum tag tag, uint8_t value)
{
    put(b, tag, &value, 1);
}

void nt_cldap_request_write(struct nt_buf *b, uint8_t id)
{
    static const char version[] = "NtVer";
    const uint8_t wanted[4] = { VERSION_5 | VERSION_5EX };
    const uint8_t equal = 2 + (sizeof version - 1) + 2 + sizeof wanted;
    const uint8_t list = 2 + (sizeof attribute - 1);
    const uint8_t search = 2 + 5 * 3 + 2 + 2 + equal + 2 + list; /* "", five numbers, filter */
    nt_buf_u8(b, TAG_SEQUENCE);
    nt_buf_u8(b, (uint8_t)(3 + 2 + search));
    put_number(b, TAG_INTEGER, id);
    nt_buf_u8(b, TAG_SEARCH);
    nt_buf_u8(b, search);
    put(b, TAG_OCTETS, "", 0);     /* the root's own entry: */
    put_number(b, TAG_ENUM, 0);    /* baseObject */
    put_number(b, TAG_ENUM, 0);    /* neverDerefAliases */
    put_number(b, TAG_INTEGER, 0); /* no limit of size */
    put_number(b, TAG_INTEGER, 0); /* or time */
    put_number(b, TAG_BOOLEAN, 0); /* values, too */
    nt_buf_u8(b, TAG_AND);
    nt_buf_u8(b, (uint8_t)(2 + equal));
    nt_buf_u8(b, TAG_EQUAL);
    nt_buf_u8(b, equal);
    put(b, TAG_OCTETS, version, sizeof version - 1);
    put(b, TAG_OCTETS, wanted, sizeof wanted);
    nt_buf_u8(b, TAG_SEQUENCE);
    nt_buf_u8(b, list);
    put(b, TAG_OCTETS, attribute, sizeof attribute - 1);
}

/* --- the answer --- */

/* The next element: its tag, and a cursor over its content. Lengths are definite, RFC 4511 5.1. */
static unsigned next(struct nt_cursor *c, struct nt_cursor *in)
{
    unsigned tag = nt_cursor_u8(c);
    size_t len = nt_cursor_u8(c);
    if (len & 0x80) {
        size_t bytes = len & 0x7f;
        len = 0;
        if (bytes == 0 || bytes > 4)
            nt_cursor_fail(c, NT_E_MALFORMED);
        for (size_t i = 0; c->err == NT_OK && i < bytes; i++)
            len = len << 8 | nt_cursor_u8(c);
    }
    const uint8_t *content = nt_cursor_take(c, len);
    nt_cursor_init(in, content, content != NULL ? len : 0);
    in->err = c->err;
    return c->err == NT_OK ? tag : 0;
}

static void enter(struct nt_cursor *c, enum tag tag, struct nt_cursor *in)
{
    if (next(c, in) != (unsigned)tag) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        nt_cursor_fail(in, c->err);
    }
}

/* A name as RFC 1035 4.1.4 packs it: labels, and jumps backwards. The reading goes on behind the
 * first jump. */
static void read_name(struct nt_cursor *c, char out[NT_CLDAP_NAME])
{
    struct nt_cursor at = *c;
    size_t len = 0, start = c->pos;
    bool jumped = false;
    out[0] = '\0';
    for (unsigned jumps = 0;;) {
        uint8_t n = nt_cursor_u8(&at);
        if (at.err == NT_OK && (n & 0xc0) == 0xc0) {
            size_t to = (size_t)(n & 0x3f) << 8 | nt_cursor_u8(&at);
            if (to >= start || ++jumps > NAME_JUMPS)
                nt_cursor_fail(&at, NT_E_MALFORMED);
            if (!jumped)
                c->pos = at.pos;
            jumped = true;
            start = to;
            nt_cursor_seek(&at, to);
            continue;
        }
        if (n > 63)
            nt_cursor_fail(&at, NT_E_MALFORMED);
        const uint8_t *label = nt_cursor_take(&at, n);
        if (label != NULL && len + n + 2 > NT_CLDAP_NAME)
            nt_cursor_fail(&at, NT_E_LIMIT);
        if (label == NULL || at.err != NT_OK || n == 0)
            break;
        if (len > 0)
            out[len++] = '.';
        memcpy(out + len, label, n);
        len += n;
        out[len] = '\0';
    }
    if (at.err != NT_OK || strlen(out) != len || !nt_text_ok(out)) { /* a NUL within, or worse */
        out[0] = '\0';
        nt_cursor_fail(c, at.err != NT_OK ? at.err : NT_E_MALFORMED);
    } else if (!jumped) {
        c->pos = at.pos;
    }
}

/* NETLOGON_SAM_LOGON_RESPONSE_EX, [MS-ADTS] 6.3.1.9 */
static enum nt_err read_response(struct nt_cursor *c, struct nt_cldap_answer *out)
{
    uint16_t opcode = nt_cursor_u16le(c);
    if (c->err == NT_OK && (opcode < RESPONSE_EX || opcode > UNKNOWN_EX))
        return NT_E_UNSUPPORTED;
    nt_cursor_skip(c, 2);
    out->flags = nt_cursor_u32le(c);
    nt_cursor_skip(c, GUID_BYTES);
    read_name(c, out->forest);
    read_name(c, out->dns);
    read_name(c, out->host);
    read_name(c, out->domain);
    read_name(c, out->computer);
    return c->err;
}

static bool is_attribute(const struct nt_cursor *name)
{
    if (name->len != sizeof attribute - 1)
        return false;
    for (size_t i = 0; i < name->len; i++) /* names of attributes have no case */
        if ((name->buf[i] | 0x20) != (uint8_t)attribute[i])
            return false;
    return true;
}

/* SearchResultEntry: the first value of the attribute. */
static enum nt_err read_entry(struct nt_cursor *entry, struct nt_cldap_answer *out)
{
    struct nt_cursor ignored, list, one, type, values, value;
    enter(entry, TAG_OCTETS, &ignored);
    enter(entry, TAG_SEQUENCE, &list);
    for (unsigned i = 0; nt_cursor_left(&list) > 0 && i < ELEMENTS_MAX; i++) {
        enter(&list, TAG_SEQUENCE, &one);
        enter(&one, TAG_OCTETS, &type);
        enter(&one, TAG_SET, &values);
        if (one.err != NT_OK)
            return one.err;
        if (!is_attribute(&type) || nt_cursor_left(&values) == 0)
            continue;
        enter(&values, TAG_OCTETS, &value);
        return values.err != NT_OK ? values.err : read_response(&value, out);
    }
    return entry->err != NT_OK ? entry->err : list.err != NT_OK ? list.err : NT_E_NOT_FOUND;
}

enum nt_err nt_cldap_answer_read(const uint8_t *data, size_t len, uint8_t id,
                                 struct nt_cldap_answer *out)
{
    struct nt_cursor c, message, number, body;
    *out = (struct nt_cldap_answer){ .flags = 0 };
    if (len > NT_CLDAP_MAX)
        return NT_E_LIMIT;
    nt_cursor_init(&c, data, len);
    enter(&c, TAG_SEQUENCE, &message);
    enter(&message, TAG_INTEGER, &number);
    unsigned tag = next(&message, &body);
    if (message.err != NT_OK)
        return message.err;
    if (number.len != 1 || number.buf[0] != id)
        return NT_E_UNSUPPORTED;
    if (tag == TAG_DONE)
        return NT_E_NOT_FOUND;
    enum nt_err err = tag == TAG_ENTRY ? read_entry(&body, out) : NT_E_UNSUPPORTED;
    if (err != NT_OK)
        *out = (struct nt_cldap_answer){ .flags = 0 };
    return err;
}
