/* The window of message ids. */
#include "../test.h"

#include "smb/credits.h"

static void an_id_is_used_once_and_in_any_order(void **state)
{
    (void)state;
    struct nt_smb_credits c;
    nt_smb_credits_init(&c);
    assert_false(nt_smb_credits_take(&c, 1, 1));
    assert_true(nt_smb_credits_take(&c, 0, 1));
    assert_false(nt_smb_credits_take(&c, 0, 1));
    assert_int_equal(nt_smb_credits_grant(&c, 4, 100), 4);
    assert_true(nt_smb_credits_take(&c, 3, 1));
    assert_true(nt_smb_credits_take(&c, 1, 1));
    assert_false(nt_smb_credits_take(&c, 3, 1));
    assert_false(nt_smb_credits_take(&c, 1, 1));
    assert_true(nt_smb_credits_take(&c, 2, 1));
    assert_int_equal(c.low, 4);
    assert_false(nt_smb_credits_take(&c, 5, 1));
    assert_false(nt_smb_credits_take(&c, UINT64_MAX, 1));
}

static void several_ids_go_together_or_not_at_all(void **state)
{
    (void)state;
    struct nt_smb_credits c;
    nt_smb_credits_init(&c);
    (void)nt_smb_credits_grant(&c, 9, 100);
    assert_false(nt_smb_credits_take(&c, 0, 0));
    assert_false(nt_smb_credits_take(&c, 5, 6));
    assert_false(nt_smb_credits_take(&c, 5, UINT32_MAX));
    assert_true(nt_smb_credits_take(&c, 6, 1));
    assert_false(nt_smb_credits_take(&c, 5, 3));
    assert_true(nt_smb_credits_take(&c, 0, 6));
    assert_int_equal(c.held, 3);
    assert_int_equal(c.low, 7);
}

static void no_more_are_held_than_allowed(void **state)
{
    (void)state;
    struct nt_smb_credits c;
    nt_smb_credits_init(&c);
    assert_int_equal(nt_smb_credits_grant(&c, 1000, 16), 15);
    assert_int_equal(nt_smb_credits_grant(&c, 1, 16), 0);
    assert_true(nt_smb_credits_take(&c, 0, 1));
    assert_int_equal(nt_smb_credits_grant(&c, 0, 16), 1);
}

static void a_hole_holds_the_window_and_the_client_keeps_that_credit(void **state)
{
    (void)state;
    struct nt_smb_credits c;
    nt_smb_credits_init(&c);
    (void)nt_smb_credits_grant(&c, 3, 4);
    for (uint64_t id = 1; id < 5 * NT_SMB_WINDOW; id++) {
        if (!nt_smb_credits_take(&c, id, 1))
            break;
        (void)nt_smb_credits_grant(&c, 1, 4);
    }
    assert_int_equal(c.high, NT_SMB_WINDOW);
    assert_int_equal(c.held, 1);
    assert_true(nt_smb_credits_take(&c, 0, 1));
    assert_int_equal(c.low, NT_SMB_WINDOW);
    assert_int_equal(nt_smb_credits_grant(&c, 1, 4), 1);
    assert_true(nt_smb_credits_take(&c, NT_SMB_WINDOW, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_used_once_and_in_any_order),
        cmocka_unit_test(several_ids_go_together_or_not_at_all),
        cmocka_unit_test(no_more_are_held_than_allowed),
        cmocka_unit_test(a_hole_holds_the_window_and_the_client_keeps_that_credit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
