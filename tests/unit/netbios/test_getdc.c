/* The mailslot exchange with which a controller is found; answers as in the captures. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "netbios/getdc.h"

static struct nt_nb_node node;
static struct nt_getdc_self self;

static int set_up(void **state)
{
    (void)state;
    const struct nt_nb_node_config config = {
        .domain = "BLUE", .computer = "BLUEPDC", .mode = NT_NB_B, .port = PORT, .env = &env
    };
    nt_nb_node_init(&node, &config);
    self = (struct nt_getdc_self){ .domain = "BLUE", .computer = "BLUEPDC", .node = &node };
    assert_true(nt_sid_parse("S-1-5-21-3040782795-329419565-2732997438", &self.sid));
    node.config.mode = NT_NB_H;
    return 0;
}

static bool ask(const struct bytes *b, struct nt_nb_packet *out)
{
    return nt_getdc_answer(&self, RED, BLUE, 0x660C, b->data, b->len, out);
}

static void the_captured_request_gets_the_captured_answer(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new();
    struct bytes b = bytes_of(getdc_request), answer = bytes_of(getdc_answer);
    assert_true(ask(&b, &out));
    assert_int_equal(out.to, RED);
    assert_int_equal(out.port, 138);
    assert_int_equal(out.data.len, answer.len);
    assert_memory_equal(out.data.data, answer.data, answer.len);
    b = bytes_of(getdc_request_no_sid);
    assert_true(ask(&b, &out));
    assert_true(out.data.len < b.len);
    nt_buf_free(&out.data);
}

static void another_domains_sid_or_name_is_silence(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new();
    struct bytes b = bytes_of(getdc_request), member = bytes_of(getdc_member);
    assert_false(ask(&member, &out)); /* to RED<1c> */
    self.sid.sub[3]++;
    assert_false(ask(&b, &out));
    self.sid.sub[3]--;
    nt_buf_free(&out.data);
}

static void every_prefix_and_every_other_kind_is_silence(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new();
    struct bytes b = bytes_of(getdc_request), browser = bytes_of(browser_announcement);
    struct bytes answer = bytes_of(getdc_answer);
    for (size_t len = 0; len < b.len; len++) {
        struct bytes cut = b;
        cut.len = len;
        assert_false(ask(&cut, &out));
    }
    assert_false(ask(&browser, &out));
    assert_false(ask(&answer, &out));
    nt_buf_free(&out.data);
}

/* Any byte of the request may be anything: an answer or silence, within the size of the question.
 */
static void no_changed_byte_makes_the_answer_larger(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new();
    struct bytes b = bytes_of(getdc_request);
    for (size_t i = 0; i < b.len; i++)
        for (unsigned v = 0; v < 256; v += 5) {
            struct bytes changed = b;
            changed.data[i] = (uint8_t)v;
            if (ask(&changed, &out))
                assert_true(out.data.len <= changed.len + 16);
        }
    nt_buf_free(&out.data);
}

static size_t primary_query(bool oem_only, struct nt_buf *datagram)
{
    struct nt_nl_request rq = { .opcode = NT_NL_PRIMARY_QUERY,
                                .computer = "WS1",
                                .mailslot = "\\MAILSLOT\\NET\\GETDC77",
                                .oem_only = oem_only,
                                .version = NT_NL_VERSION_1 };
    struct nt_dgm d = { .type = NT_DGM_GROUP };
    struct nt_mailslot m = { .name = NT_MAILSLOT_NETLOGON };
    struct nt_buf message, smb;
    nt_buf_init(&message, 500);
    nt_buf_init(&smb, 500);
    nt_nl_request_write(&message, &rq);
    m.data = message.data;
    m.len = message.len;
    nt_mailslot_write(&smb, &m);
    d.data = smb.data;
    d.len = smb.len;
    assert_true(nt_nb_name_set(&d.source, "WS1", NT_NB_WORKSTATION));
    assert_true(nt_nb_name_set(&d.destination, "BLUE", NT_NB_PDC));
    nt_buf_clear(datagram);
    nt_dgm_write(datagram, &d);
    nt_buf_free(&message);
    nt_buf_free(&smb);
    return datagram->len;
}

static void who_asks_for_the_primary_controller_gets_its_name(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new();
    struct nt_buf b;
    nt_buf_init(&b, 1000);
    for (int oem = 0; oem < 2; oem++) {
        struct nt_dgm d;
        struct nt_mailslot m;
        struct nt_nl_response r;
        primary_query(oem, &b);
        assert_true(nt_getdc_answer(&self, MEM, BLUE, 1, b.data, b.len, &out));
        assert_int_equal(nt_dgm_read(out.data.data, out.data.len, &d), NT_OK);
        assert_int_equal(nt_mailslot_read(d.data, d.len, &m), NT_OK);
        assert_string_equal(m.name, "\\MAILSLOT\\NET\\GETDC77");
        assert_int_equal(nt_nl_response_read(m.data, m.len, &r), NT_OK);
        assert_int_equal(r.opcode, NT_NL_PRIMARY_RESPONSE);
        assert_string_equal(r.server, "BLUEPDC");
        assert_string_equal(r.domain, oem ? "" : "BLUE");
    }
    nt_buf_free(&b);
    nt_buf_free(&out.data);
}

static void the_answer_goes_to_netlogons_mailslots_alone(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new();
    struct bytes b = bytes_of(getdc_request);
    uint8_t *slot = memmem(b.data, b.len, "GETDC", 5);
    assert_non_null(slot);
    memcpy(slot, "LANMA", 5);
    assert_false(ask(&b, &out));
    nt_buf_free(&out.data);
}

static void our_own_question_is_answered_and_known_again(void **state)
{
    (void)state;
    struct nt_nb_packet out = packet_new(), back = packet_new();
    struct nt_nl_response r;
    struct nt_getdc_question q = { .domain = "BLUE",
                                   .computer = "REDPDC",
                                   .account = "REDPDC$",
                                   .number = 0x2004E0A,
                                   .sid = &self.sid };
    assert_true(nt_getdc_ask(&q, RED, BLUE, 7, &out));
    assert_int_equal(out.port, 138);
    assert_true(nt_getdc_answer(&self, RED, BLUE, 8, out.data.data, out.data.len, &back));
    assert_true(nt_getdc_take(&q, back.data.data, back.data.len, &r));
    assert_string_equal(r.server, "BLUEPDC");
    assert_string_equal(r.domain, "BLUE");
    assert_string_equal(r.user, "REDPDC$");
    for (size_t len = 0; len < back.data.len; len++)
        assert_false(nt_getdc_take(&q, back.data.data, len, &r));
    q.number++;
    assert_false(nt_getdc_take(&q, back.data.data, back.data.len, &r));
    nt_buf_free(&out.data);
    nt_buf_free(&back.data);
}

/* The captured request is what we would have written but for the number's digits. */
static void our_request_is_as_sambas(void **state)
{
    (void)state;
    struct bytes b = bytes_of(getdc_request);
    struct nt_dgm d;
    struct nt_mailslot m;
    struct nt_nl_request rq;
    struct nt_buf out;
    assert_int_equal(nt_dgm_read(b.data, b.len, &d), NT_OK);
    assert_int_equal(nt_mailslot_read(d.data, d.len, &m), NT_OK);
    assert_int_equal(nt_nl_request_read(m.data, m.len, &rq), NT_OK);
    assert_string_equal(rq.computer, "REDPDC");
    assert_string_equal(rq.user, "REDPDC$");
    assert_string_equal(rq.mailslot, "\\MAILSLOT\\NET\\GETDC2004E0A");
    assert_int_equal(rq.account_control, 0x80);
    assert_true(nt_sid_equal(&rq.sid, &self.sid));
    nt_buf_init(&out, 500);
    nt_nl_request_write(&out, &rq);
    assert_int_equal(out.len, m.len);
    assert_memory_equal(out.data, m.data, m.len);
    nt_buf_free(&out);
}

static void names_of_other_scripts_come_back(void **state)
{
    (void)state;
    struct nt_nl_response r = { .opcode = NT_NL_SAM_LOGON_RESPONSE,
                                .server = "M\303\234NCHEN",
                                .user = "\346\235\261$",
                                .domain = "EAST" },
                          back;
    struct nt_buf out;
    nt_buf_init(&out, 500);
    nt_nl_response_write(&out, &r);
    assert_int_equal(nt_nl_response_read(out.data, out.len, &back), NT_OK);
    assert_string_equal(back.server, r.server);
    assert_string_equal(back.user, r.user);
    nt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_captured_request_gets_the_captured_answer),
        cmocka_unit_test(another_domains_sid_or_name_is_silence),
        cmocka_unit_test(every_prefix_and_every_other_kind_is_silence),
        cmocka_unit_test(no_changed_byte_makes_the_answer_larger),
        cmocka_unit_test(who_asks_for_the_primary_controller_gets_its_name),
        cmocka_unit_test(the_answer_goes_to_netlogons_mailslots_alone),
        cmocka_unit_test(our_own_question_is_answered_and_known_again),
        cmocka_unit_test(our_request_is_as_sambas),
        cmocka_unit_test(names_of_other_scripts_come_back),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
