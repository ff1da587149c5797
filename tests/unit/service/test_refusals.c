/* test_refusals.c - what the trusted end remembers of the set-ups that it refused. */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "service/refusals.h"

static void note(struct nt_refusals *t, const char *account, bool known, nt_time when)
{
    struct nt_refusal r = { .known = known, .reason = NT_BROKEN_REMOVED, .last = when };
    snprintf(r.account, sizeof r.account, "%s", account);
    nt_refusals_note(t, &r);
}

static void an_account_has_one_place_and_a_count(void **state)
{
    struct nt_refusals *t = nt_refusals_new();
    struct nt_refusal r;
    (void)state;
    assert_non_null(t);
    note(t, "EAST$", true, 1);
    note(t, "east$", true, 2);
    assert_true(nt_refusals_get(t, "EAST$", &r));
    assert_int_equal(r.count, 2);
    assert_int_equal(r.last, 2);
    nt_refusals_forget(t, "East$");
    assert_false(nt_refusals_get(t, "EAST$", &r));
    nt_refusals_forget(t, "EAST$"); /* nothing there: nothing happens */
    nt_refusals_free(t);
}

/* Anybody may ask with any name. */
static void made_up_names_drive_out_no_account_that_is_here(void **state)
{
    struct nt_refusals *t = nt_refusals_new();
    struct nt_refusal r, list[NT_REFUSALS_MAX];
    char name[16];
    (void)state;
    note(t, "EAST$", true, 1);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "X%u$", i);
        note(t, name, false, 10 + i);
    }
    assert_true(nt_refusals_get(t, "EAST$", &r));
    assert_true(nt_refusals_get(t, "X199$", &r)); /* the newest stay */
    assert_false(nt_refusals_get(t, "X0$", &r));
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "K%u$", i);
        note(t, name, true, 1000 + i);
    }
    assert_int_equal(nt_refusals_list(t, list), NT_REFUSALS_MAX);
    note(t, "Y$", false, 5000); /* no room is made for it */
    assert_false(nt_refusals_get(t, "Y$", &r));
    nt_refusals_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_has_one_place_and_a_count),
        cmocka_unit_test(made_up_names_drive_out_no_account_that_is_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
