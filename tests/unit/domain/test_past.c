/* test_past.c - passwords of before are recognised, and never accepted. */
#include <stdio.h>

#include "domain/model.h"
#include "domain/ops.h"
#include "support.h"

static struct nt_secret hash(uint8_t byte)
{
    struct nt_secret s = { .len = 16 };
    memset(s.b, byte, s.len);
    return s;
}

static void the_newest_stand_first_and_the_oldest_go(void **state)
{
    struct nt_past past = { 0 };
    (void)state;
    for (uint8_t i = 1; i <= NT_PAST_MAX + 3; i++) {
        struct nt_secret old = hash(i), fresh = hash((uint8_t)(i + 1));
        nt_past_push(&past, &old, &fresh, i);
    }
    assert_int_equal(past.count, NT_PAST_MAX);
    assert_int_equal(past.hash[0].b[0], NT_PAST_MAX + 3);
    assert_int_equal(past.replaced[0], NT_PAST_MAX + 3);
    assert_int_equal(past.hash[NT_PAST_MAX - 1].b[0], 4);
    /* One that is current again is of before no more; none and the same are not kept. */
    struct nt_secret old = hash(200), fresh = hash(NT_PAST_MAX), none = { .len = 0 };
    nt_past_push(&past, &old, &fresh, 99);
    assert_int_equal(past.count, NT_PAST_MAX);
    for (uint32_t i = 0; i < past.count; i++)
        assert_false(nt_secret_equal(&past.hash[i], &fresh));
    uint32_t count = past.count;
    nt_past_push(&past, &none, &fresh, 99);
    nt_past_push(&past, &fresh, &fresh, 99);
    assert_int_equal(past.count, count);
}

static void what_was_noted_ends_with_the_right_one(void **state)
{
    struct nt_past past = { 0 };
    struct nt_secret old = hash(1), fresh = hash(2);
    (void)state;
    nt_past_push(&past, &old, &fresh, 77);
    assert_false(nt_past_right(&past));
    nt_past_behind(&past, 1, 88);
    assert_int_equal(past.behind_to, 77);
    assert_true(nt_past_right(&past));
    assert_false(nt_past_right(&past));
    past.ahead_at = 5;
    assert_true(nt_past_right(&past));
}

/* Adds an account of that kind, sets its first password, changes it `changes` times. */
static uint32_t member(struct world *w, struct nt_dir **dir, unsigned changes)
{
    uint32_t rid;
    struct nt_txn *txn = nt_txn_begin(*dir, &w->env);
    assert_true(
        nt_status_ok(nt_op_account_create(txn, "WS1$", NT_ACB_WORKSTATION, "", "", &rid, NULL)));
    struct nt_secret h = hash(1);
    assert_true(nt_status_ok(nt_op_account_password(txn, rid, &h, false, "", "")));
    for (unsigned i = 0; i < changes; i++) {
        h = hash((uint8_t)(2 + i));
        assert_true(nt_status_ok(nt_op_machine_password(txn, rid, &h, NULL, "")));
    }
    finish(txn, dir);
    return rid;
}

static const struct nt_event *last_event(const struct nt_txn *txn)
{
    const struct nt_event *events;
    size_t count = nt_txn_events(txn, &events);
    return count > 0 ? &events[count - 1] : NULL;
}

static void a_member_that_is_behind_is_told_until_it_is_right(void **state)
{
    struct world w;
    char text[400];
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    uint32_t rid = member(&w, &dir, 3);
    struct nt_secret now = hash(4), first = hash(1);
    const struct nt_account *a = nt_dir_account_rid(dir, rid);
    assert_int_equal(a->past->count, 3);
    assert_true(nt_secret_equal(&a->past->hash[2], &first));
    assert_string_equal(nt_past_describe(a, text, sizeof text), "");

    struct nt_txn *txn = nt_txn_begin(dir, &w.env);
    assert_true(nt_status_ok(nt_op_channel_behind(txn, rid, 4, ""))); /* no such one */
    assert_null(last_event(txn));
    assert_true(nt_status_ok(nt_op_channel_behind(txn, rid, 3, "")));
    assert_string_equal(last_event(txn)->kind, "member-behind");
    assert_non_null(strstr(last_event(txn)->text, "3 changes ago"));
    a = nt_dir_account_rid(nt_txn_dir(txn), rid);
    assert_non_null(strstr(nt_past_describe(a, text, sizeof text), "3 changes ago"));
    assert_true(nt_status_ok(nt_op_channel_opened(txn, rid, &now, "")));
    assert_string_equal(last_event(txn)->kind, "member-recovered");
    a = nt_dir_account_rid(nt_txn_dir(txn), rid);
    assert_string_equal(nt_past_describe(a, text, sizeof text), "");
    nt_txn_free(txn);
    nt_dir_unref(dir);
}

static void only_a_restored_store_finds_members_ahead(void **state)
{
    struct world w;
    char text[400];
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    uint32_t rid = member(&w, &dir, 1);
    assert_false(nt_op_may_be_ahead(dir, nt_dir_account_rid(dir, rid)));
    w.now += NT_TIME_DAY;
    struct nt_txn *txn = nt_txn_begin(dir, &w.env);
    assert_true(nt_status_ok(nt_op_store_restored(txn, w.now - NT_TIME_HOUR, true, "Gone back.")));
    assert_true(nt_op_may_be_ahead(nt_txn_dir(txn), nt_dir_account_rid(nt_txn_dir(txn), rid)));
    assert_true(nt_status_ok(nt_op_channel_ahead(txn, rid, "")));
    assert_string_equal(last_event(txn)->kind, "member-ahead");
    const struct nt_account *a = nt_dir_account_rid(nt_txn_dir(txn), rid);
    assert_non_null(strstr(nt_past_describe(a, text, sizeof text), "restored from a backup"));
    nt_txn_free(txn);
    nt_dir_unref(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_stand_first_and_the_oldest_go),
        cmocka_unit_test(what_was_noted_ends_with_the_right_one),
        cmocka_unit_test(a_member_that_is_behind_is_told_until_it_is_right),
        cmocka_unit_test(only_a_restored_store_finds_members_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
