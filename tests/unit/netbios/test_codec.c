/* Names, packets of the name service, datagrams, mailslots: known answers from captures. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "netbios/dgm.h"
#include "netbios/mailslot.h"
#include "netbios/ns.h"

static void assert_name(const struct nt_nb_name *n, const char *text)
{
    char out[NT_NB_NAME_TEXT];
    assert_string_equal(nt_nb_name_format(n, out), text);
}

/* --- names --- */

static enum nt_err read_name(const uint8_t *data, size_t len, size_t at, struct nt_nb_name *n,
                             size_t *end)
{
    struct nt_cursor c;
    nt_cursor_init(&c, data, len);
    nt_cursor_seek(&c, at);
    nt_nb_name_read(&c, true, n);
    *end = c.pos;
    return c.err;
}

static void a_name_is_upper_case_and_padded(void **state)
{
    (void)state;
    struct nt_nb_name n;
    assert_true(nt_nb_name_set(&n, "bluePDC", NT_NB_SERVER));
    assert_memory_equal(n.b, "BLUEPDC         ", 15);
    assert_name(&n, "BLUEPDC<20>");
    assert_true(nt_nb_name_set(&n, "FIFTEEN-LETTERS", NT_NB_PDC));
    assert_false(nt_nb_name_set(&n, "SIXTEEN-LETTERS.", NT_NB_PDC));
    assert_false(nt_nb_name_set(&n, "", NT_NB_PDC));
    assert_false(nt_nb_name_set(&n, "M\303\234NCHEN", NT_NB_PDC));
}

static void a_name_with_a_scope_comes_back(void **state)
{
    (void)state;
    struct nt_nb_name n, back;
    struct nt_buf b;
    size_t end;
    assert_true(nt_nb_name_set(&n, "BLUE", NT_NB_CONTROLLERS));
    snprintf(n.scope, sizeof n.scope, "east.example");
    nt_buf_init(&b, 300);
    nt_nb_name_write(&b, &n);
    assert_int_equal(read_name(b.data, b.len, 0, &back, &end), NT_OK);
    assert_int_equal(end, b.len);
    assert_string_equal(back.scope, "east.example");
    assert_true(nt_nb_name_equal(&n, &back));
    back.scope[0] = '\0';
    assert_false(nt_nb_name_equal(&n, &back));
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(read_name(b.data, len, 0, &back, &end), NT_E_TRUNCATED);
    nt_buf_free(&b);
}

static void pointers_lead_backwards_only_and_not_in_a_circle(void **state)
{
    (void)state;
    uint8_t data[64] = { 32 };
    struct nt_nb_name n;
    size_t end;
    memset(data + 1, 'A', 32);
    data[33] = 0;
    nt_put_be16(data + 34, 0xC000); /* to the name */
    nt_put_be16(data + 36, 0xC022); /* to that pointer */
    nt_put_be16(data + 38, 0xC026); /* to itself */
    nt_put_be16(data + 40, 0xC02A); /* forwards */
    nt_put_be16(data + 44, 0xC022);
    assert_int_equal(read_name(data, sizeof data, 34, &n, &end), NT_OK);
    assert_int_equal(end, 36);
    assert_int_equal(read_name(data, sizeof data, 36, &n, &end), NT_OK);
    assert_int_equal(end, 38);
    assert_int_equal(read_name(data, sizeof data, 38, &n, &end), NT_E_MALFORMED);
    assert_int_equal(read_name(data, sizeof data, 40, &n, &end), NT_E_MALFORMED);
}

static void a_chain_of_pointers_has_an_end(void **state)
{
    (void)state;
    uint8_t data[256] = { 32 };
    struct nt_nb_name n;
    size_t end;
    memset(data + 1, 'A', 32);
    nt_put_be16(data + 34, 0xC000);
    for (unsigned i = 1; i < 8; i++)
        nt_put_be16(data + 34 + 2 * i, (uint16_t)(0xC000 | (34 + 2 * (i - 1))));
    assert_int_equal(read_name(data, sizeof data, 34 + 2 * (NT_NB_POINTERS - 1), &n, &end), NT_OK);
    assert_int_equal(read_name(data, sizeof data, 34 + 2 * NT_NB_POINTERS, &n, &end),
                     NT_E_MALFORMED);
}

static void a_scope_longer_than_a_name_may_be_is_refused(void **state)
{
    (void)state;
    struct nt_buf b;
    struct nt_nb_name n;
    size_t end;
    nt_buf_init(&b, 1024);
    nt_nb_name_star(&n);
    nt_nb_name_write(&b, &n);
    b.len--;
    for (int i = 0; i < 4; i++) {
        nt_buf_u8(&b, 63);
        memset(nt_buf_extend(&b, 63), 'x', 63);
    }
    nt_buf_u8(&b, 0);
    assert_int_equal(read_name(b.data, b.len, 0, &n, &end), NT_E_LIMIT);
    b.data[34] = '.';
    assert_int_equal(read_name(b.data, b.len, 0, &n, &end), NT_E_MALFORMED);
    nt_buf_free(&b);
}

/* --- the name service --- */

static struct nt_ns_packet read_ns(const struct bytes *b)
{
    struct nt_ns_packet p;
    assert_int_equal(nt_ns_read(b->data, b->len, &p), NT_OK);
    return p;
}

static void captured_packets_are_understood(void **state)
{
    (void)state;
    struct nt_ns_address a[NT_NS_ADDRESSES];
    struct bytes b = bytes_of(registration_wins);
    struct nt_ns_packet p = read_ns(&b);
    assert_false(p.response);
    assert_int_equal(p.opcode, NT_NS_MULTIHOMED);
    assert_int_equal(p.flags, NT_NS_RD);
    assert_name(&p.name, "BLUEPDC<20>");
    assert_int_equal(p.ttl, 259200);
    assert_int_equal(nt_ns_addresses(&p, a), 1);
    assert_int_equal(a[0].address, BLUE);
    assert_int_equal(a[0].flags, NT_NB_H_NODE);

    b = bytes_of(registration_group);
    p = read_ns(&b);
    assert_int_equal(p.flags, NT_NS_RD | NT_NS_BROADCAST);
    assert_int_equal(nt_ns_addresses(&p, a), 1);
    assert_int_equal(a[0].flags, NT_NB_GROUP | NT_NB_H_NODE);

    b = bytes_of(query_negative);
    p = read_ns(&b);
    assert_true(p.response);
    assert_int_equal(p.rcode, NT_NS_NAM_ERR);
    assert_name(&p.name, "BLUE<1b>");
    assert_int_equal(nt_ns_addresses(&p, a), 0);

    b = bytes_of(query_masters);
    p = read_ns(&b);
    assert_int_equal(nt_ns_addresses(&p, a), 2);
    assert_int_equal(a[0].address, RED);
    assert_int_equal(a[1].address, BLUE);
}

static void a_captured_node_status_has_its_names(void **state)
{
    (void)state;
    struct nt_ns_status_name names[NT_NS_STATUS_NAMES];
    struct bytes b = bytes_of(status_answer);
    struct nt_ns_packet p = read_ns(&b);
    assert_true(nt_nb_name_is_star(&p.name));
    assert_int_equal(nt_ns_status_names(&p, names), 9);
    assert_name(&names[0].name, "REDPDC<00>");
    assert_name(&names[6].name, "RED<1c>");
    assert_int_equal(names[6].flags, NT_NB_GROUP | NT_NB_H_NODE | NT_NB_ACTIVE);
    b.data[56] = 255; /* more names than there are */
    p = read_ns(&b);
    assert_true(nt_ns_status_names(&p, names) < 12);
}

/* Samba writes the same bytes as we do, so what was read can be written and compared. */
static void captured_packets_come_back_byte_by_byte(void **state)
{
    (void)state;
    const char *const all[] = { registration_broadcast, registration_group, registration_wins,
                                registration_answer,    query_wins,         query_negative,
                                query_broadcast,        query_answer,       query_masters,
                                status_query,           status_answer };
    for (size_t i = 0; i < NT_COUNT(all); i++) {
        struct bytes b = bytes_of(all[i]);
        struct nt_ns_packet p = read_ns(&b);
        struct nt_buf out;
        p.additional = p.has_question;
        nt_buf_init(&out, 1024);
        nt_ns_write(&out, &p);
        assert_int_equal(out.len, b.len);
        assert_memory_equal(out.data, b.data, b.len);
        nt_buf_free(&out);
    }
}

static void every_prefix_of_a_packet_is_refused(void **state)
{
    (void)state;
    const char *const all[] = { registration_wins, query_masters, status_answer };
    for (size_t i = 0; i < NT_COUNT(all); i++) {
        struct bytes b = bytes_of(all[i]);
        struct nt_ns_packet p;
        for (size_t len = 0; len < b.len; len++) {
            uint8_t *exact = malloc(len + 1);
            assert_non_null(exact);
            memcpy(exact, b.data, len);
            assert_int_not_equal(nt_ns_read(exact, len, &p), NT_OK);
            free(exact);
        }
    }
}

static void what_netbios_does_not_have_is_refused(void **state)
{
    (void)state;
    struct nt_ns_packet p;
    struct bytes b = bytes_of(query_wins);
    b.data[5] = 2; /* questions */
    assert_int_equal(nt_ns_read(b.data, b.len, &p), NT_E_LIMIT);
    b.data[5] = 0;
    assert_int_equal(nt_ns_read(b.data, b.len, &p), NT_E_MALFORMED);
    b = bytes_of(query_wins);
    b.data[b.len - 1] = 2; /* class */
    assert_int_equal(nt_ns_read(b.data, b.len, &p), NT_E_MALFORMED);
    b = bytes_of(query_answer);
    nt_put_be16(b.data + 6, 5); /* records */
    assert_int_equal(nt_ns_read(b.data, b.len, &p), NT_E_LIMIT);
}

static void our_node_status_is_as_sambas(void **state)
{
    (void)state;
    struct nt_ns_status_name names[NT_NS_STATUS_NAMES];
    struct bytes b = bytes_of(status_answer);
    struct nt_ns_packet p = read_ns(&b);
    struct nt_buf out;
    nt_buf_init(&out, 1024);
    nt_ns_status_write(&out, names, nt_ns_status_names(&p, names));
    assert_int_equal(out.len, p.rdata_len);
    assert_memory_equal(out.data, p.rdata, out.len);
    nt_buf_free(&out);
}

/* --- datagrams --- */

static void captured_datagrams_come_back_byte_by_byte(void **state)
{
    (void)state;
    const char *const all[] = { getdc_request,        getdc_answer,        getdc_member,
                                getdc_request_no_sid, getdc_member_answer, browser_announcement };
    for (size_t i = 0; i < NT_COUNT(all); i++) {
        struct bytes b = bytes_of(all[i]);
        struct nt_dgm d;
        struct nt_mailslot m;
        struct nt_buf smb, out;
        assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_OK);
        assert_int_equal(nt_mailslot_read(d.data, d.len, &m), NT_OK);
        nt_buf_init(&smb, 1024);
        nt_mailslot_write(&smb, &m);
        assert_int_equal(smb.len, d.len);
        assert_memory_equal(smb.data, d.data, d.len);
        nt_buf_init(&out, 1024);
        nt_dgm_write(&out, &d);
        assert_int_equal(out.len, b.len);
        assert_memory_equal(out.data, b.data, b.len);
        nt_buf_free(&out);
        nt_buf_free(&smb);
    }
}

static void every_prefix_of_a_datagram_is_refused(void **state)
{
    (void)state;
    struct bytes b = bytes_of(getdc_request);
    struct nt_dgm d;
    struct nt_mailslot m;
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(nt_dgm_read(b.data, len, &d), NT_E_TRUNCATED);
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_OK);
    for (size_t len = 0; len < d.len; len++)
        assert_int_not_equal(nt_mailslot_read(d.data, len, &m), NT_OK);
}

static void fragments_and_errors_are_not_taken(void **state)
{
    (void)state;
    struct bytes b = bytes_of(getdc_request);
    struct nt_dgm d;
    b.data[1] |= 1; /* more to come */
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_E_UNSUPPORTED);
    b.data[1] = 0;
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_E_UNSUPPORTED);
    b = bytes_of(getdc_request);
    b.data[13] = 1; /* offset */
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_E_UNSUPPORTED);
    b = bytes_of(getdc_request);
    b.data[0] = 0x13;
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_E_UNSUPPORTED);
}

static void a_mailslots_name_is_bounded_and_printable(void **state)
{
    (void)state;
    struct bytes b = bytes_of(getdc_request);
    struct nt_dgm d;
    struct nt_mailslot m;
    uint8_t smb[400];
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_OK);
    memcpy(smb, d.data, d.len);
    smb[69] = 1;
    assert_int_equal(nt_mailslot_read(smb, d.len, &m), NT_E_MALFORMED);
    memset(smb + 69, 'x', sizeof smb - 69);
    assert_int_equal(nt_mailslot_read(smb, sizeof smb, &m), NT_E_LIMIT);
    memcpy(smb, d.data, d.len);
    nt_put_le16(smb + 33 + 24, 20); /* the data inside the header */
    assert_int_equal(nt_mailslot_read(smb, d.len, &m), NT_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_upper_case_and_padded),
        cmocka_unit_test(a_name_with_a_scope_comes_back),
        cmocka_unit_test(pointers_lead_backwards_only_and_not_in_a_circle),
        cmocka_unit_test(a_chain_of_pointers_has_an_end),
        cmocka_unit_test(a_scope_longer_than_a_name_may_be_is_refused),
        cmocka_unit_test(captured_packets_are_understood),
        cmocka_unit_test(a_captured_node_status_has_its_names),
        cmocka_unit_test(captured_packets_come_back_byte_by_byte),
        cmocka_unit_test(every_prefix_of_a_packet_is_refused),
        cmocka_unit_test(what_netbios_does_not_have_is_refused),
        cmocka_unit_test(our_node_status_is_as_sambas),
        cmocka_unit_test(captured_datagrams_come_back_byte_by_byte),
        cmocka_unit_test(every_prefix_of_a_datagram_is_refused),
        cmocka_unit_test(fragments_and_errors_are_not_taken),
        cmocka_unit_test(a_mailslots_name_is_bounded_and_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
