/* The node: how names are claimed, kept, defended, answered for, and given back. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "netbios/node.h"

#define WINS1 0x0A4E0011u
#define WINS2 0x0A4E0012u

struct net {
    struct nt_nb_node node;
    struct nt_nb_packet out;
    struct nt_ns_packet sent; /* of the last packet */
    uint64_t now_ms;
};

static void begin(struct net *t, enum nt_nb_mode mode, size_t wins)
{
    const struct nt_nb_iface iface = { BLUE, CAST };
    const struct nt_nb_node_config config = { .domain = "BLUE",
                                              .computer = "BLUEPDC",
                                              .mode = mode,
                                              .wins = { WINS1, WINS2 },
                                              .wins_count = wins,
                                              .port = PORT,
                                              .env = &env };
    memset(t, 0, sizeof *t);
    t->now_ms = 1000;
    t->out = packet_new();
    nt_nb_node_init(&t->node, &config);
    nt_nb_node_set_ifaces(&t->node, &iface, 1, t->now_ms);
}

static bool next(struct net *t)
{
    if (!nt_nb_node_next(&t->node, t->now_ms, &t->out))
        return false;
    assert_int_equal(nt_ns_read(t->out.data.data, t->out.data.len, &t->sent), NT_OK);
    assert_int_equal(t->out.local, BLUE);
    assert_int_equal(t->out.port, PORT);
    return true;
}

static size_t next_all(struct net *t)
{
    size_t count = 0;
    while (next(t))
        count++;
    return count;
}

/* Lets time pass as far as the machine has something to do. */
static void run(struct net *t, uint64_t ms)
{
    uint64_t until = t->now_ms + ms;
    for (;;) {
        next_all(t);
        uint64_t at = nt_nb_node_deadline(&t->node);
        if (at > until)
            break;
        assert_true(at > t->now_ms);
        t->now_ms = at;
    }
    t->now_ms = until;
}

static bool feed(struct net *t, uint32_t from, bool cast, const struct nt_ns_packet *p)
{
    struct nt_buf b;
    nt_buf_init(&b, 1000);
    nt_ns_write(&b, p);
    bool said =
        nt_nb_node_feed(&t->node, from, 1137, BLUE, cast, b.data, b.len, t->now_ms, &t->out);
    nt_buf_free(&b);
    if (said) {
        assert_int_equal(t->out.to, from);
        assert_int_equal(t->out.port, 1137);
        assert_int_equal(nt_ns_read(t->out.data.data, t->out.data.len, &t->sent), NT_OK);
        assert_true(t->sent.response);
    }
    return said;
}

static struct nt_ns_packet query(const char *name, uint8_t type, bool cast)
{
    struct nt_ns_packet p = { .id = 77,
                              .flags = (uint16_t)(NT_NS_RD | (cast ? NT_NS_BROADCAST : 0)),
                              .has_question = true,
                              .question_type = NT_NS_NB };
    assert_true(nt_nb_name_set(&p.name, name, type));
    return p;
}

static struct nt_ns_packet claim(const char *name, uint8_t type, bool group, uint8_t rdata[6])
{
    struct nt_ns_packet p = query(name, type, true);
    nt_put_be16(rdata, group ? NT_NB_GROUP : 0);
    nt_put_be32(rdata + 2, MEM);
    p.opcode = NT_NS_REGISTRATION;
    p.has_record = p.additional = true;
    p.record_type = NT_NS_NB;
    p.rdata = rdata;
    p.rdata_len = 6;
    return p;
}

/* The answer to what was sent last. */
static struct nt_ns_packet answer_to(const struct net *t, uint8_t rcode, uint32_t ttl,
                                     uint8_t rdata[6])
{
    struct nt_ns_packet p = t->sent;
    memcpy(rdata, t->sent.rdata, 6);
    p.response = true;
    p.opcode = NT_NS_REGISTRATION;
    p.flags = NT_NS_AA | NT_NS_RD | NT_NS_RA;
    p.rcode = rcode;
    p.has_question = p.additional = false;
    p.ttl = ttl;
    p.rdata = rdata;
    return p;
}

static enum nt_nb_claim_state state_of(const struct net *t, size_t name, enum nt_nb_road road)
{
    uint32_t by;
    return nt_nb_node_state(&t->node, name, road, &by);
}

static size_t events(struct net *t, enum nt_nb_event_kind kind)
{
    struct nt_nb_event ev;
    size_t count = 0;
    while (nt_nb_node_event(&t->node, &ev))
        count += ev.kind == kind;
    return count;
}

/* --- broadcast --- */

static void a_broadcast_node_asks_three_times_and_then_takes_the_names(void **state)
{
    (void)state;
    struct net t;
    begin(&t, NT_NB_B, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next_all(&t), NT_NB_NAMES);
        assert_int_equal(t.sent.opcode, NT_NS_REGISTRATION);
        assert_int_equal(t.sent.flags, NT_NS_RD | NT_NS_BROADCAST);
        assert_int_equal(t.out.to, CAST);
        assert_int_equal(nt_nb_node_deadline(&t.node), t.now_ms + 250);
        assert_int_equal(state_of(&t, 0, NT_NB_BY_BROADCAST), NT_NB_ASKING);
        t.now_ms += 250;
    }
    assert_int_equal(next_all(&t), NT_NB_NAMES);
    assert_int_equal(t.sent.flags, NT_NS_BROADCAST); /* the overwrite demand */
    assert_int_equal(nt_nb_node_deadline(&t.node), UINT64_MAX);
    for (size_t i = 0; i < NT_NB_NAMES; i++) {
        assert_int_equal(state_of(&t, i, NT_NB_BY_BROADCAST), NT_NB_HELD);
        assert_int_equal(state_of(&t, i, NT_NB_BY_WINS), NT_NB_OFF);
    }
    assert_int_equal(events(&t, NT_NB_EV_HELD), NT_NB_NAMES);
    nt_buf_free(&t.out.data);
}

static void what_is_sent_is_what_samba_sends(void **state)
{
    (void)state;
    struct net t;
    struct bytes b = bytes_of(registration_broadcast);
    struct nt_ns_packet samba;
    begin(&t, NT_NB_H, 1);
    assert_int_equal(nt_ns_read(b.data, b.len, &samba), NT_OK);
    do
        assert_true(next(&t));
    while (!nt_nb_name_equal(&t.sent.name, &samba.name) || t.out.to != CAST);
    assert_int_equal(t.out.data.len, b.len);
    assert_memory_equal(t.out.data.data + 2, b.data + 2, b.len - 2);
    nt_buf_free(&t.out.data);
}

static void a_name_that_another_has_is_not_answered_for_and_tried_again(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_B, 0);
    assert_int_equal(next_all(&t), NT_NB_NAMES); /* the last one is the domain's <1b> */
    struct nt_ns_packet no = answer_to(&t, NT_NS_ACT_ERR, 0, rdata);
    assert_false(feed(&t, MEM, false, &no));
    assert_int_equal(state_of(&t, 4, NT_NB_BY_BROADCAST), NT_NB_REFUSED);
    assert_int_equal(events(&t, NT_NB_EV_REFUSED), 1);
    run(&t, 2000);
    struct nt_ns_packet q = query("BLUE", NT_NB_PDC, true);
    assert_false(feed(&t, MEM, true, &q));
    q = query("BLUE", NT_NB_CONTROLLERS, true);
    assert_true(feed(&t, MEM, true, &q));
    run(&t, 400000);
    assert_int_equal(state_of(&t, 4, NT_NB_BY_BROADCAST), NT_NB_HELD);
    nt_buf_free(&t.out.data);
}

static void an_objection_with_another_number_is_none(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_B, 0);
    next_all(&t);
    struct nt_ns_packet no = answer_to(&t, NT_NS_ACT_ERR, 0, rdata);
    no.id++;
    feed(&t, MEM, false, &no);
    assert_int_equal(state_of(&t, 4, NT_NB_BY_BROADCAST), NT_NB_ASKING);
    no.id--;
    feed(&t, BLUE, false, &no); /* from ourselves */
    assert_int_equal(state_of(&t, 4, NT_NB_BY_BROADCAST), NT_NB_ASKING);
    nt_buf_free(&t.out.data);
}

/* --- WINS --- */

static void give_all(struct net *t, uint32_t from, uint8_t rcode, uint32_t ttl)
{
    uint8_t rdata[6];
    while (next(t)) {
        if (t->out.to == CAST)
            continue;
        struct nt_ns_packet yes = answer_to(t, rcode, ttl, rdata);
        feed(t, from, false, &yes);
    }
}

static void wins_gives_the_names_and_they_are_refreshed_in_time(void **state)
{
    (void)state;
    struct net t;
    begin(&t, NT_NB_P, 2);
    assert_true(next(&t));
    assert_int_equal(t.out.to, WINS1);
    assert_int_equal(t.sent.opcode, NT_NS_MULTIHOMED);
    nt_buf_free(&t.out.data);
    begin(&t, NT_NB_P, 2);
    give_all(&t, WINS1, NT_NS_OK, 1000);
    for (size_t i = 0; i < NT_NB_NAMES; i++)
        assert_int_equal(state_of(&t, i, NT_NB_BY_WINS), NT_NB_HELD);
    assert_int_equal(nt_nb_node_deadline(&t.node), t.now_ms + 500000);
    t.now_ms += 500000;
    assert_true(next(&t));
    assert_int_equal(t.sent.opcode, NT_NS_REFRESH);
    assert_int_equal(t.out.to, WINS1);
    /* It has forgotten the name: it is registered again, and held meanwhile. */
    uint8_t rdata[6];
    struct nt_ns_packet no = answer_to(&t, NT_NS_NAM_ERR, 0, rdata);
    feed(&t, WINS1, false, &no);
    assert_true(next(&t));
    assert_int_equal(t.sent.opcode, NT_NS_MULTIHOMED);
    nt_buf_free(&t.out.data);
}

static void a_silent_wins_server_makes_the_next_one_be_asked(void **state)
{
    (void)state;
    struct net t;
    begin(&t, NT_NB_P, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next_all(&t), NT_NB_NAMES);
        assert_int_equal(t.out.to, WINS1);
        t.now_ms += 1500;
    }
    give_all(&t, WINS2, NT_NS_OK, 1000);
    assert_int_equal(state_of(&t, 0, NT_NB_BY_WINS), NT_NB_HELD);
    assert_int_equal(events(&t, NT_NB_EV_WINS_SILENT), 0);

    nt_buf_free(&t.out.data);
    begin(&t, NT_NB_P, 2);
    run(&t, 9100);
    assert_int_equal(state_of(&t, 0, NT_NB_BY_WINS), NT_NB_SILENT);
    assert_int_equal(events(&t, NT_NB_EV_WINS_SILENT), NT_NB_NAMES);
    run(&t, 60000);
    assert_int_equal(events(&t, NT_NB_EV_WINS_SILENT), 0); /* told once */
    nt_buf_free(&t.out.data);
}

static void wins_may_ask_for_time(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_P, 1);
    t.node.name_count = 1;
    assert_int_equal(next_all(&t), 1);
    struct nt_ns_packet wait = answer_to(&t, NT_NS_OK, 0xFFFFFFFF, rdata);
    wait.opcode = NT_NS_WACK;
    feed(&t, WINS1, false, &wait);
    assert_int_equal(nt_nb_node_deadline(&t.node), t.now_ms + 60000); /* and no longer */
    struct nt_ns_packet yes = answer_to(&t, NT_NS_OK, 0, rdata);
    feed(&t, WINS1, false, &yes);
    assert_int_equal(state_of(&t, 0, NT_NB_BY_WINS), NT_NB_HELD);
    nt_buf_free(&t.out.data);
}

static void only_the_server_that_was_asked_may_answer(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_P, 2);
    t.node.name_count = 1;
    next_all(&t);
    struct nt_ns_packet no = answer_to(&t, NT_NS_ACT_ERR, 0, rdata);
    feed(&t, WINS2, false, &no);
    feed(&t, MEM, false, &no);
    assert_int_equal(state_of(&t, 0, NT_NB_BY_WINS), NT_NB_ASKING);
    feed(&t, WINS1, false, &no);
    assert_int_equal(state_of(&t, 0, NT_NB_BY_WINS), NT_NB_REFUSED);
    nt_buf_free(&t.out.data);
}

/* --- answers --- */

static void held_names_are_answered_for(void **state)
{
    (void)state;
    struct net t;
    struct nt_ns_address a[NT_NS_ADDRESSES];
    begin(&t, NT_NB_B, 0);
    struct nt_ns_packet q = query("blue", NT_NB_CONTROLLERS, true);
    assert_false(feed(&t, MEM, true, &q)); /* not ours yet */
    run(&t, 2000);
    assert_true(feed(&t, MEM, true, &q));
    assert_int_equal(t.sent.id, 77);
    assert_int_equal(t.sent.flags, NT_NS_AA | NT_NS_RD);
    assert_int_equal(nt_ns_addresses(&t.sent, a), 1);
    assert_int_equal(a[0].address, BLUE);
    assert_int_equal(a[0].flags, NT_NB_GROUP | NT_NB_B_NODE);
    q = query("BLUE", NT_NB_PDC, false);
    assert_true(feed(&t, MEM, false, &q));
    nt_buf_free(&t.out.data);
}

static void a_foreign_name_is_silence_by_broadcast_and_no_when_asked_alone(void **state)
{
    (void)state;
    struct net t;
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    struct nt_ns_packet q = query("RED", NT_NB_CONTROLLERS, true);
    assert_false(feed(&t, MEM, true, &q));
    assert_true(feed(&t, MEM, false, &q));
    assert_int_equal(t.sent.rcode, NT_NS_NAM_ERR);
    nt_buf_free(&t.out.data);
}

static void the_status_of_the_node_has_its_names(void **state)
{
    (void)state;
    struct net t;
    struct nt_ns_status_name names[NT_NS_STATUS_NAMES];
    char text[NT_NB_NAME_TEXT];
    struct bytes b = bytes_of(status_query);
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    assert_true(nt_nb_node_feed(&t.node, MEM, 40000, BLUE, false, b.data, b.len, t.now_ms, &t.out));
    assert_int_equal(nt_ns_read(t.out.data.data, t.out.data.len, &t.sent), NT_OK);
    assert_int_equal(nt_ns_status_names(&t.sent, names), NT_NB_NAMES);
    assert_string_equal(nt_nb_name_format(&names[0].name, text), "BLUEPDC<00>");
    assert_int_equal(names[3].flags, NT_NB_GROUP | NT_NB_ACTIVE);
    /* By one of its names too; not by another's. */
    struct nt_ns_packet q = query("BLUE", NT_NB_CONTROLLERS, false);
    q.question_type = NT_NS_NBSTAT;
    assert_true(feed(&t, MEM, false, &q));
    q = query("RED", NT_NB_CONTROLLERS, false);
    q.question_type = NT_NS_NBSTAT;
    assert_false(feed(&t, MEM, false, &q));
    nt_buf_free(&t.out.data);
}

static void several_addresses_are_told_the_asked_one_first(void **state)
{
    (void)state;
    struct net t;
    struct nt_ns_address a[NT_NS_ADDRESSES];
    const struct nt_nb_iface two[] = { { RED, CAST }, { BLUE, CAST } };
    begin(&t, NT_NB_B, 0);
    nt_nb_node_set_ifaces(&t.node, two, 2, t.now_ms);
    while (nt_nb_node_deadline(&t.node) != UINT64_MAX) {
        while (nt_nb_node_next(&t.node, t.now_ms, &t.out))
            ;
        t.now_ms += 250;
    }
    struct nt_ns_packet q = query("BLUE", NT_NB_PDC, true);
    assert_true(feed(&t, MEM, true, &q));
    assert_int_equal(nt_ns_addresses(&t.sent, a), 2);
    assert_int_equal(a[0].address, BLUE);
    assert_int_equal(a[1].address, RED);
    nt_buf_free(&t.out.data);
}

static void an_address_that_comes_later_claims_the_names_too(void **state)
{
    (void)state;
    struct net t;
    const struct nt_nb_iface two[] = { { RED, CAST }, { BLUE, CAST } };
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    assert_false(nt_nb_node_next(&t.node, t.now_ms, &t.out));
    nt_nb_node_set_ifaces(&t.node, two, 2, t.now_ms);
    size_t count = 0;
    while (nt_nb_node_next(&t.node, t.now_ms, &t.out)) {
        assert_int_equal(t.out.local, RED);
        count++;
    }
    assert_int_equal(count, NT_NB_NAMES);
    assert_int_equal(state_of(&t, 0, NT_NB_BY_BROADCAST), NT_NB_HELD); /* on the other */
    nt_buf_free(&t.out.data);
}

static void one_address_gets_so_many_answers_and_then_none(void **state)
{
    (void)state;
    struct net t;
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    struct nt_ns_packet q = query("BLUE", NT_NB_PDC, false);
    unsigned answers = 0;
    for (int i = 0; i < 1000; i++)
        answers += feed(&t, MEM, false, &q);
    assert_in_range(answers, 10, 100);
    assert_true(feed(&t, RED, false, &q)); /* others still do */
    t.now_ms += 60000;
    assert_true(feed(&t, MEM, false, &q));
    nt_buf_free(&t.out.data);
}

/* --- defence --- */

static void a_name_of_ours_is_defended_and_the_conflict_told(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    events(&t, NT_NB_EV_HELD);
    struct nt_ns_packet c = claim("BLUEPDC", NT_NB_WORKSTATION, false, rdata);
    assert_true(feed(&t, MEM, true, &c));
    assert_int_equal(t.sent.opcode, NT_NS_REGISTRATION);
    assert_int_equal(t.sent.rcode, NT_NS_ACT_ERR);
    assert_int_equal(events(&t, NT_NB_EV_CONFLICT), 1);
    assert_true(feed(&t, MEM, true, &c));
    assert_int_equal(events(&t, NT_NB_EV_CONFLICT), 0); /* once a minute */
    t.now_ms += 60000;
    c.flags = NT_NS_BROADCAST; /* it takes the name and does not ask */
    assert_false(feed(&t, MEM, true, &c));
    assert_int_equal(events(&t, NT_NB_EV_CONFLICT), 1);
    nt_buf_free(&t.out.data);
}

static void other_members_of_a_group_are_welcome(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    struct nt_ns_packet c = claim("BLUE", NT_NB_CONTROLLERS, true, rdata);
    assert_false(feed(&t, MEM, true, &c));
    c = claim("BLUE", NT_NB_CONTROLLERS, false, rdata); /* as a unique name: no */
    assert_true(feed(&t, MEM, true, &c));
    nt_buf_free(&t.out.data);
}

static void nobody_can_take_a_name_away_by_saying_so(void **state)
{
    (void)state;
    struct net t;
    uint8_t rdata[6];
    begin(&t, NT_NB_B, 0);
    run(&t, 2000);
    events(&t, NT_NB_EV_HELD);
    struct nt_ns_packet c = claim("BLUE", NT_NB_PDC, false, rdata);
    c.opcode = NT_NS_RELEASE;
    assert_false(feed(&t, MEM, false, &c));
    c.response = true; /* the name conflict demand */
    c.opcode = NT_NS_REGISTRATION;
    c.rcode = NT_NS_CFT_ERR;
    c.has_question = c.additional = false;
    assert_false(feed(&t, MEM, false, &c));
    assert_int_equal(events(&t, NT_NB_EV_CONFLICT), 1);
    struct nt_ns_packet q = query("BLUE", NT_NB_PDC, true);
    assert_true(feed(&t, RED, true, &q));
    nt_buf_free(&t.out.data);
}

static void at_the_end_the_names_are_given_back(void **state)
{
    (void)state;
    struct net t;
    begin(&t, NT_NB_M, 1);
    give_all(&t, WINS1, NT_NS_OK, 1000);
    run(&t, 2000);
    nt_nb_node_stop(&t.node, t.now_ms);
    size_t cast = 0, wins = 0;
    while (next(&t)) {
        assert_int_equal(t.sent.opcode, NT_NS_RELEASE);
        cast += t.out.to == CAST;
        wins += t.out.to == WINS1;
    }
    assert_int_equal(cast, NT_NB_NAMES);
    assert_int_equal(wins, NT_NB_NAMES);
    assert_int_equal(nt_nb_node_deadline(&t.node), UINT64_MAX);
    struct nt_ns_packet q = query("BLUE", NT_NB_PDC, true);
    assert_false(feed(&t, RED, true, &q));
    nt_buf_free(&t.out.data);
}

static void a_domain_whose_name_netbios_cannot_say_has_fewer_names(void **state)
{
    (void)state;
    static struct nt_nb_node n;
    const struct nt_nb_node_config config = {
        .domain = "M\303\234NCHEN", .computer = "DC", .mode = NT_NB_B, .port = PORT, .env = &env
    };
    nt_nb_node_init(&n, &config);
    assert_int_equal(n.name_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broadcast_node_asks_three_times_and_then_takes_the_names),
        cmocka_unit_test(what_is_sent_is_what_samba_sends),
        cmocka_unit_test(a_name_that_another_has_is_not_answered_for_and_tried_again),
        cmocka_unit_test(an_objection_with_another_number_is_none),
        cmocka_unit_test(wins_gives_the_names_and_they_are_refreshed_in_time),
        cmocka_unit_test(a_silent_wins_server_makes_the_next_one_be_asked),
        cmocka_unit_test(wins_may_ask_for_time),
        cmocka_unit_test(only_the_server_that_was_asked_may_answer),
        cmocka_unit_test(held_names_are_answered_for),
        cmocka_unit_test(a_foreign_name_is_silence_by_broadcast_and_no_when_asked_alone),
        cmocka_unit_test(the_status_of_the_node_has_its_names),
        cmocka_unit_test(several_addresses_are_told_the_asked_one_first),
        cmocka_unit_test(an_address_that_comes_later_claims_the_names_too),
        cmocka_unit_test(one_address_gets_so_many_answers_and_then_none),
        cmocka_unit_test(a_name_of_ours_is_defended_and_the_conflict_told),
        cmocka_unit_test(other_members_of_a_group_are_welcome),
        cmocka_unit_test(nobody_can_take_a_name_away_by_saying_so),
        cmocka_unit_test(at_the_end_the_names_are_given_back),
        cmocka_unit_test(a_domain_whose_name_netbios_cannot_say_has_fewer_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
