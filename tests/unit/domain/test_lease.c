/* test_lease.c - the rules by which controllers over one store take turns. */
#include "domain/lease.h"
#include "support.h"

#define LENGTH (NT_LEASE_S * NT_TIME_SECOND)

static const uint8_t one[NT_LEASE_HOLDER] = { 1 }, two[NT_LEASE_HOLDER] = { 2 };

static void a_new_lease_is_anybodys(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    assert_int_equal(nt_lease_judge(&lease, one, 0, false, T0), NT_LEASE_GOOD);
    assert_int_equal(nt_lease_judge(&lease, two, 0, false, T0), NT_LEASE_GOOD);
    assert_int_equal(nt_lease_others(&lease, one, T0), 0);
    assert_false(nt_lease_may_send(&lease, one, T0));
}

static void its_holder_goes_on_and_others_wait_for_its_end(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    nt_lease_write(&lease, one, true, T0);
    assert_int_equal(lease.number, 1);
    assert_int_equal(nt_lease_judge(&lease, one, 1, false, T0 + 1), NT_LEASE_GOOD);
    assert_int_equal(nt_lease_judge(&lease, two, 1, false, T0 + 1), NT_LEASE_OTHERS);
    assert_true(nt_lease_others(&lease, two, T0 + 1) == T0 + LENGTH);
    assert_int_equal(nt_lease_judge(&lease, two, 1, false, T0 + LENGTH), NT_LEASE_GOOD);
    nt_lease_write(&lease, one, true, T0 + LENGTH / 2); /* renewed by using it */
    assert_int_equal(nt_lease_judge(&lease, two, 2, false, T0 + LENGTH), NT_LEASE_OTHERS);
}

static void nobody_holds_it_at_rest(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    nt_lease_write(&lease, one, true, T0);
    nt_lease_write(&lease, one, false, T0 + 1); /* the change is done */
    assert_int_equal(nt_lease_judge(&lease, two, 2, false, T0 + 2), NT_LEASE_GOOD);
    assert_int_equal(nt_lease_judge(&lease, two, 1, false, T0 + 2), NT_LEASE_STALE);
    assert_false(nt_lease_may_send(&lease, one, T0 + 2));
}

static void a_copy_of_an_older_record_is_never_written(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    nt_lease_write(&lease, one, true, T0);
    nt_lease_write(&lease, two, true, T0 + LENGTH);
    /* the one that slept, whether its lease has run out or it comes back to it */
    assert_int_equal(nt_lease_judge(&lease, one, 1, false, T0 + LENGTH + 1), NT_LEASE_STALE);
    assert_int_equal(nt_lease_judge(&lease, one, 1, false, T0 + 9 * LENGTH), NT_LEASE_STALE);
    assert_int_equal(nt_lease_judge(&lease, one, 1, true, T0 + 9 * LENGTH), NT_LEASE_STALE);
    assert_int_equal(nt_lease_judge(&lease, one, 2, false, T0 + 9 * LENGTH), NT_LEASE_GOOD);
}

/* Its predecessor's lease binds nobody who has the store for itself. */
static void who_is_alone_does_not_wait(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    nt_lease_write(&lease, one, true, T0);
    assert_int_equal(nt_lease_judge(&lease, two, 1, true, T0 + 1), NT_LEASE_GOOD);
}

static void a_password_is_sent_with_time_left_alone(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    nt_lease_write(&lease, one, true, T0);
    assert_true(nt_lease_may_send(&lease, one, T0 + 1));
    assert_false(nt_lease_may_send(&lease, two, T0 + 1));
    assert_false(nt_lease_may_send(&lease, one, T0 + LENGTH - 1));
    assert_false(nt_lease_may_send(&lease, one, T0 + LENGTH + 1));
}

static void a_clock_that_goes_back_locks_nobody_out(void **state)
{
    struct nt_lease lease = { .number = 0 };
    (void)state;
    nt_lease_write(&lease, one, true, T0 + 1000 * NT_TIME_DAY);
    assert_int_equal(nt_lease_judge(&lease, two, 1, false, T0), NT_LEASE_GOOD);
    assert_false(nt_lease_may_send(&lease, one, T0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_lease_is_anybodys),
        cmocka_unit_test(its_holder_goes_on_and_others_wait_for_its_end),
        cmocka_unit_test(nobody_holds_it_at_rest),
        cmocka_unit_test(a_copy_of_an_older_record_is_never_written),
        cmocka_unit_test(who_is_alone_does_not_wait),
        cmocka_unit_test(a_password_is_sent_with_time_left_alone),
        cmocka_unit_test(a_clock_that_goes_back_locks_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
