/*
 * test_tables.c - what all calls share: the table of channels, the counts of bad passwords, context
 * handles, towers.
 */
#include "../test.h"

#include <pthread.h>
#include <stdio.h>

#include "fixture.h"
#include "service/handles.h"
#include "service/tower.h"

static struct nt_chain_entry entry_of(const char *computer, uint32_t rid)
{
    struct nt_chain_entry e = { .rid = rid };
    strncpy(e.computer, computer, sizeof e.computer - 1);
    return e;
}

static void the_newest_channel_of_a_name_replaces_the_one_before(void **state)
{
    (void)state;
    struct nt_chains *t = nt_chains_new();
    struct nt_chain_entry a = entry_of("EAST", 1000), b = entry_of("east", 1001), got;
    assert_int_equal(nt_chains_put(t, &a), NT_OK);
    assert_int_equal(nt_chains_put(t, &b), NT_OK);
    assert_int_equal(nt_chains_count(t), 1);
    assert_int_equal(nt_chains_get(t, "East", &got), NT_OK);
    assert_int_equal(got.rid, 1001);
    assert_int_equal(nt_chains_get(t, "WEST", &got), NT_E_NOT_FOUND);
    nt_chains_drop_account(t, 1001);
    assert_int_equal(nt_chains_get(t, "East", &got), NT_E_NOT_FOUND);
    nt_chains_free(t);
}

static void the_quietest_channel_makes_room(void **state)
{
    (void)state;
    struct nt_chains *t = nt_chains_new();
    struct nt_chain_entry got;
    char name[16];
    for (unsigned i = 0; i < NT_CHAINS_MAX; i++) {
        snprintf(name, sizeof name, "C%u", i);
        struct nt_chain_entry e = entry_of(name, i);
        assert_int_equal(nt_chains_put(t, &e), NT_OK);
    }
    assert_int_equal(nt_chains_get(t, "C0", &got), NT_OK); /* no longer the quietest */
    struct nt_chain_entry e = entry_of("NEW", 7);
    assert_int_equal(nt_chains_put(t, &e), NT_OK);
    assert_int_equal(nt_chains_count(t), NT_CHAINS_MAX);
    assert_int_equal(nt_chains_get(t, "C0", &got), NT_OK);
    assert_int_equal(nt_chains_get(t, "C1", &got), NT_E_NOT_FOUND);
    nt_chains_free(t);
}

/* --- lockouts --- */

static struct nt_policy policy_of(uint32_t threshold)
{
    struct nt_policy p;
    memset(&p, 0, sizeof p);
    p.lockout_threshold = threshold;
    p.lockout_window_s = 60;
    return p;
}

static void wrong_passwords_reach_the_threshold(void **state)
{
    (void)state;
    struct nt_lockouts *t = nt_lockouts_new();
    struct nt_policy p = policy_of(3);
    nt_time now = 1000 * NT_TIME_SECOND, last;
    for (int i = 0; i < 3; i++) {
        assert_true(nt_lockouts_try(t, &p, 1000, now));
        assert_int_equal(nt_lockouts_result(t, &p, 1000, false, now), i == 2);
    }
    assert_false(nt_lockouts_try(t, &p, 1000, now));
    assert_int_equal(nt_lockouts_count(t, 1000, &last), 3);
    assert_int_equal(last, now);
    assert_true(nt_lockouts_try(t, &p, 1001, now)); /* somebody else */
    nt_lockouts_result(t, &p, 1001, true, now);
    assert_true(nt_lockouts_try(t, &p, 1000, now + 61 * NT_TIME_SECOND)); /* window over */
    nt_lockouts_result(t, &p, 1000, true, now + 61 * NT_TIME_SECOND);
    assert_int_equal(nt_lockouts_count(t, 1000, NULL), 0);
    nt_lockouts_free(t);
}

struct guesses {
    struct nt_lockouts *t;
    struct nt_policy p;
    atomic_int compared;
    bool right;
};

static void *guess(void *ctx)
{
    struct guesses *g = ctx;
    for (int i = 0; i < 25; i++) {
        if (!nt_lockouts_try(g->t, &g->p, 1000, NT_TIME_SECOND))
            continue;
        atomic_fetch_add(&g->compared, 1);
        nt_lockouts_result(g->t, &g->p, 1000, g->right, NT_TIME_SECOND);
    }
    return NULL;
}

static int guess_in_parallel(bool right)
{
    struct guesses g = { .t = nt_lockouts_new(), .p = policy_of(3), .right = right };
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &g), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    nt_lockouts_free(g.t);
    return g.compared;
}

static void parallel_guesses_get_no_more_tries_than_guesses_in_a_row(void **state)
{
    (void)state;
    assert_int_equal(guess_in_parallel(false), 3);
}

static void parallel_right_passwords_lock_nobody_out(void **state)
{
    (void)state;
    assert_int_equal(guess_in_parallel(true), 200);
}

/* --- handles --- */

static void handles_belong_to_one_connection_and_are_bounded(void **state)
{
    (void)state;
    struct fix f;
    struct nt_call a, b;
    struct nt_ndr_context context, kept = { 0 };
    const struct nt_handle like = { .kind = NT_HANDLE_SAM_USER, .rid = 1000 };
    fix_open(&f);
    struct nt_conn *other = nt_conn_new(&f.service, "192.0.2.8:1", "");
    nt_call_init(&a, &f.service, f.conn);
    nt_call_init(&b, &f.service, other);
    for (int i = 0; i < NT_HANDLES_MAX; i++) {
        assert_non_null(nt_handle_open(&a, &like, &context));
        if (i == 17)
            kept = context;
    }
    assert_null(nt_handle_open(&a, &like, &context));
    assert_null(nt_handle_get(&b, &kept, 0));
    assert_int_equal(b.fault, NT_FAULT_CONTEXT_MISMATCH);
    assert_null(nt_handle_get(&a, &kept, NT_HANDLE_LSA_POLICY));
    assert_int_equal(a.fault, 0); /* of another kind: a status, not a fault */
    struct nt_handle *handle = nt_handle_get(&a, &kept, NT_HANDLE_SAM_USER);
    assert_non_null(handle);
    nt_handle_close(&a, handle);
    assert_null(nt_handle_get(&a, &kept, 0));
    assert_int_equal(a.fault, NT_FAULT_CONTEXT_MISMATCH);
    nt_call_free(&a);
    nt_call_free(&b);
    nt_conn_free(other);
    fix_close(&f);
}

/* --- towers --- */

static struct nt_buf tower_bytes(void)
{
    struct nt_tower tower = { .iface = ndr_netlogon.uuid,
                              .major = 1,
                              .transfer = { .a = 0x8A885D04 },
                              .transfer_version = 2,
                              .port = 49153,
                              .address = 0xC0000201 };
    struct nt_buf b;
    nt_buf_init(&b, NT_TOWER_MAX);
    nt_tower_write(&b, &tower);
    assert_int_equal(b.err, NT_OK);
    return b;
}

static void towers_come_back_as_written(void **state)
{
    (void)state;
    struct nt_buf b = tower_bytes();
    struct nt_tower t;
    assert_int_equal(b.len, 75);
    assert_int_equal(nt_tower_read(b.data, b.len, &t), NT_OK);
    assert_true(nt_uuid_equal(&t.iface, &ndr_netlogon.uuid));
    assert_int_equal(t.port, 49153);
    assert_int_equal(t.address, 0xC0000201);
    assert_int_equal(t.transport, NT_TOWER_TCP);
    for (size_t len = 0; len < b.len; len++) /* every prefix */
        assert_int_not_equal(nt_tower_read(b.data, len, &t), NT_OK);
    nt_buf_free(&b);
}

static void addresses_are_read_with_and_without_port(void **state)
{
    (void)state;
    uint32_t a = 0;
    assert_true(nt_tower_address("192.0.2.1:49153", &a));
    assert_int_equal(a, 0xC0000201);
    assert_true(nt_tower_address("10.0.0.255", &a));
    assert_int_equal(a, 0x0A0000FF);
    static const char *const bad[] = { "",        "1.2.3",  "1.2.3.256", "1.2.3.4x",
                                       "[::1]:5", "1..2.3", "1234.1.1.1" };
    for (size_t i = 0; i < NT_COUNT(bad); i++)
        assert_false(nt_tower_address(bad[i], &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_channel_of_a_name_replaces_the_one_before),
        cmocka_unit_test(the_quietest_channel_makes_room),
        cmocka_unit_test(wrong_passwords_reach_the_threshold),
        cmocka_unit_test(parallel_guesses_get_no_more_tries_than_guesses_in_a_row),
        cmocka_unit_test(parallel_right_passwords_lock_nobody_out),
        cmocka_unit_test(handles_belong_to_one_connection_and_are_bounded),
        cmocka_unit_test(towers_come_back_as_written),
        cmocka_unit_test(addresses_are_read_with_and_without_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
