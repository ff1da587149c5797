#include "netbios/ns.h"

#include "base/bytes.h"

#define CLASS_IN       1
#define STATISTICS_LEN 46 /* RFC 1002 4.2.18: from UNIT_ID to PCB_SIZE */
#define ADDRESS_ROW    6
#define FLAGS_MASK     (NT_NS_BROADCAST | NT_NS_RA | NT_NS_RD | NT_NS_TC | NT_NS_AA)
#define QUESTION_AT    0xC00C /* pointer to the first name of a packet */

/* --- reading --- */

static void read_question(struct nt_cursor *c, struct nt_ns_packet *p)
{
    nt_nb_name_read(c, true, &p->name);
    p->question_type = nt_cursor_u16be(c);
    if (nt_cursor_u16be(c) != CLASS_IN)
        nt_cursor_fail(c, NT_E_MALFORMED);
    p->has_question = true;
}

static void read_record(struct nt_cursor *c, struct nt_ns_packet *p)
{
    struct nt_nb_name name;
    nt_nb_name_read(c, true, &name);
    uint16_t type = nt_cursor_u16be(c), class = nt_cursor_u16be(c);
    uint32_t ttl = nt_cursor_u32be(c);
    size_t len = nt_cursor_u16be(c);
    const uint8_t *data = nt_cursor_take(c, len);
    if (data == NULL || p->has_record)
        return;
    if (class != CLASS_IN || (p->has_question && !nt_nb_name_equal(&name, &p->name))) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return;
    }
    p->name = name;
    p->has_record = true;
    p->record_type = type;
    p->ttl = ttl;
    p->rdata = data;
    p->rdata_len = len;
}

enum nt_err nt_ns_read(const uint8_t *data, size_t len, struct nt_ns_packet *p)
{
    struct nt_cursor c;
    nt_cursor_init(&c, data, len);
    *p = (struct nt_ns_packet){ .id = nt_cursor_u16be(&c) };
    uint16_t word = nt_cursor_u16be(&c);
    p->response = (word & 0x8000) != 0;
    p->opcode = (uint8_t)(word >> 11 & 15);
    p->flags = word & FLAGS_MASK;
    p->rcode = (uint8_t)(word & 15);
    unsigned questions = nt_cursor_u16be(&c), records = nt_cursor_u16be(&c);
    records += nt_cursor_u16be(&c);
    records += nt_cursor_u16be(&c);
    if (questions > 1 || records > NT_NS_RECORDS)
        nt_cursor_fail(&c, NT_E_LIMIT);
    else if (questions + records == 0)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    if (questions > 0)
        read_question(&c, p);
    for (unsigned i = 0; c.err == NT_OK && i < records; i++)
        read_record(&c, p);
    return c.err;
}

size_t nt_ns_addresses(const struct nt_ns_packet *p, struct nt_ns_address out[NT_NS_ADDRESSES])
{
    size_t count = 0;
    if (!p->has_record || p->record_type != NT_NS_NB)
        return 0;
    for (size_t at = 0; p->rdata_len - at >= ADDRESS_ROW && count < NT_NS_ADDRESSES;
         at += ADDRESS_ROW, count++)
        out[count] = (struct nt_ns_address){ nt_be16(p->rdata + at), nt_be32(p->rdata + at + 2) };
    return count;
}

size_t nt_ns_status_names(const struct nt_ns_packet *p,
                          struct nt_ns_status_name out[NT_NS_STATUS_NAMES])
{
    struct nt_cursor c;
    if (!p->has_record || p->record_type != NT_NS_NBSTAT)
        return 0;
    nt_cursor_init(&c, p->rdata, p->rdata_len);
    size_t count = nt_cursor_u8(&c), read = 0;
    for (; read < count && read < NT_NS_STATUS_NAMES; read++) {
        out[read] = (struct nt_ns_status_name){ .flags = 0 };
        nt_cursor_bytes(&c, out[read].name.b, NT_NB_NAME_LEN);
        out[read].flags = nt_cursor_u16be(&c);
        if (c.err != NT_OK)
            break;
    }
    return read;
}

/* --- writing --- */

void nt_ns_write(struct nt_buf *b, const struct nt_ns_packet *p)
{
    nt_buf_u16be(b, p->id);
    nt_buf_u16be(b, (uint16_t)((p->response ? 0x8000u : 0u) | (p->opcode & 15u) << 11 |
                               (p->flags & FLAGS_MASK) | (p->rcode & 15u)));
    nt_buf_u16be(b, p->has_question);
    nt_buf_u16be(b, p->has_record && !p->additional);
    nt_buf_u16be(b, 0);
    nt_buf_u16be(b, p->has_record && p->additional);
    if (p->has_question) {
        nt_nb_name_write(b, &p->name);
        nt_buf_u16be(b, p->question_type);
        nt_buf_u16be(b, CLASS_IN);
    }
    if (!p->has_record)
        return;
    if (p->has_question)
        nt_buf_u16be(b, QUESTION_AT);
    else
        nt_nb_name_write(b, &p->name);
    nt_buf_u16be(b, p->record_type);
    nt_buf_u16be(b, CLASS_IN);
    nt_buf_u32be(b, p->ttl);
    nt_buf_u16be(b, (uint16_t)p->rdata_len);
    nt_buf_put(b, p->rdata, p->rdata_len);
}

void nt_ns_status_write(struct nt_buf *b, const struct nt_ns_status_name *names, size_t count)
{
    nt_buf_u8(b, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        nt_buf_put(b, names[i].name.b, NT_NB_NAME_LEN);
        nt_buf_u16be(b, names[i].flags);
    }
    nt_buf_zero(b, STATISTICS_LEN);
}
