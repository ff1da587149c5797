/* Asking for names: by broadcast, at WINS servers, for the status of a node. */
#include "fixture.h"

#include "netbios/lookup.h"

static struct nt_nb_lookup l;
static struct nt_nb_packet out;
static uint64_t now_ms;

static void begin(enum nt_nb_lookup_how how, const char *name, uint32_t first, uint32_t second)
{
    struct nt_nb_lookup_config config = { .how = how,
                                          .targets = { first, second },
                                          .target_count = first == 0    ? 0
                                                          : second == 0 ? 1
                                                                        : 2,
                                          .port = PORT,
                                          .env = &env };
    if (name != NULL)
        assert_true(nt_nb_name_set(&config.name, name, NT_NB_CONTROLLERS));
    else
        nt_nb_name_star(&config.name);
    now_ms = 1000;
    nt_buf_free(&out.data);
    out = packet_new();
    nt_nb_lookup_init(&l, &config, now_ms);
}

static bool next(void)
{
    return nt_nb_lookup_next(&l, now_ms, &out);
}

/* A captured answer with the number of our question. */
static bool feed(uint32_t from, const char *hex)
{
    struct bytes b = bytes_of(hex);
    nt_put_be16(b.data, l.id);
    return nt_nb_lookup_feed(&l, from, b.data, b.len, now_ms);
}

static void what_is_asked_is_what_samba_asks(void **state)
{
    (void)state;
    struct bytes b = bytes_of(query_broadcast);
    begin(NT_NB_ASK_BROADCAST, "BLUE", CAST, 0);
    assert_true(next());
    assert_int_equal(out.to, CAST);
    assert_int_equal(out.data.len, b.len);
    assert_memory_equal(out.data.data + 2, b.data + 2, b.len - 2);
    b = bytes_of(status_query);
    begin(NT_NB_ASK_STATUS, NULL, RED, 0);
    assert_true(next());
    assert_int_equal(out.data.len, b.len);
    assert_memory_equal(out.data.data + 2, b.data + 2, b.len - 2);
}

static void a_broadcast_collects_the_answers_of_all(void **state)
{
    (void)state;
    begin(NT_NB_ASK_BROADCAST, "BLUE", CAST, 0);
    assert_true(next());
    assert_false(next());
    assert_true(feed(BLUE, query_answer));
    assert_int_equal(l.outcome, NT_NB_PENDING);
    now_ms += 300;
    assert_false(next()); /* does not ask again */
    struct bytes b = bytes_of(query_answer);
    nt_put_be16(b.data, l.id);
    nt_put_be32(b.data + b.len - 4, MEM);
    assert_true(nt_nb_lookup_feed(&l, MEM, b.data, b.len, now_ms));
    assert_true(feed(BLUE, query_answer)); /* twice, as Samba does */
    now_ms = nt_nb_lookup_deadline(&l);
    assert_false(next());
    assert_int_equal(l.outcome, NT_NB_FOUND);
    assert_int_equal(l.address_count, 2);
    assert_int_equal(l.addresses[0].address, BLUE);
    assert_int_equal(l.addresses[1].address, MEM);
    assert_int_equal(l.by, BLUE);
}

static void silence_ends_after_three_tries_to_every_target(void **state)
{
    (void)state;
    unsigned count = 0;
    begin(NT_NB_ASK_BROADCAST, "BLUE", CAST, CAST + 256);
    while (l.outcome == NT_NB_PENDING) {
        while (next())
            count++;
        now_ms = l.outcome == NT_NB_PENDING ? nt_nb_lookup_deadline(&l) : now_ms;
    }
    assert_int_equal(count, 6);
    assert_int_equal(l.outcome, NT_NB_NO_ANSWER);
    assert_in_range(now_ms, 1500, 2500);
    assert_int_equal(nt_nb_lookup_deadline(&l), UINT64_MAX);
}

static void wins_servers_are_asked_one_after_the_other(void **state)
{
    (void)state;
    begin(NT_NB_ASK_WINS, "BLUE", RED, MEM);
    for (int i = 0; i < 3; i++) {
        assert_true(next());
        assert_int_equal(out.to, RED);
        assert_false(feed(MEM, query_answer)); /* it was not asked */
        now_ms = nt_nb_lookup_deadline(&l);
    }
    assert_true(next());
    assert_int_equal(out.to, MEM);
    assert_true(feed(MEM, query_answer));
    assert_int_equal(l.outcome, NT_NB_FOUND);
    assert_int_equal(l.by, MEM);
}

static void a_no_of_the_servers_is_told_from_silence(void **state)
{
    (void)state;
    struct nt_ns_packet no = {
        .response = true, .rcode = NT_NS_NAM_ERR, .has_record = true, .record_type = NT_NS_NULL
    };
    struct nt_buf b;
    begin(NT_NB_ASK_WINS, "BLUE", RED, 0);
    assert_true(next());
    no.id = l.id;
    no.name = l.config.name;
    nt_buf_init(&b, 200);
    nt_ns_write(&b, &no);
    assert_true(nt_nb_lookup_feed(&l, RED, b.data, b.len, now_ms));
    assert_int_equal(l.outcome, NT_NB_NO_NAME);
    nt_buf_free(&b);
}

static void only_the_answer_to_this_question_counts(void **state)
{
    (void)state;
    struct bytes b = bytes_of(query_answer);
    begin(NT_NB_ASK_BROADCAST, "BLUE", CAST, 0);
    assert_true(next());
    nt_put_be16(b.data, (uint16_t)(l.id + 1));
    assert_false(nt_nb_lookup_feed(&l, BLUE, b.data, b.len, now_ms));
    assert_false(feed(BLUE, query_broadcast)); /* a question */
    assert_false(feed(BLUE, query_masters));   /* another name */
    b = bytes_of(query_answer);
    nt_put_be16(b.data, l.id);
    nt_put_be32(b.data + b.len - 4, 0xE0000001); /* nobody's address */
    assert_false(nt_nb_lookup_feed(&l, BLUE, b.data, b.len, now_ms));
    for (size_t len = 0; len < b.len; len++)
        assert_false(nt_nb_lookup_feed(&l, BLUE, b.data, len, now_ms));
    assert_int_equal(l.outcome, NT_NB_PENDING);
}

static void a_node_tells_its_names(void **state)
{
    (void)state;
    begin(NT_NB_ASK_STATUS, NULL, RED, 0);
    assert_true(next());
    assert_false(feed(MEM, status_answer));
    assert_true(feed(RED, status_answer));
    assert_int_equal(l.outcome, NT_NB_FOUND);
    assert_int_equal(l.name_count, 9);
}

static void with_nobody_to_ask_it_ends_at_once(void **state)
{
    (void)state;
    begin(NT_NB_ASK_WINS, "BLUE", 0, 0);
    assert_false(next());
    assert_int_equal(l.outcome, NT_NB_NO_ANSWER);
}

static int tear_down(void **state)
{
    (void)state;
    nt_buf_free(&out.data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_is_what_samba_asks),
        cmocka_unit_test(a_broadcast_collects_the_answers_of_all),
        cmocka_unit_test(silence_ends_after_three_tries_to_every_target),
        cmocka_unit_test(wins_servers_are_asked_one_after_the_other),
        cmocka_unit_test(a_no_of_the_servers_is_told_from_silence),
        cmocka_unit_test(only_the_answer_to_this_question_counts),
        cmocka_unit_test(a_node_tells_its_names),
        cmocka_unit_test(with_nobody_to_ask_it_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
