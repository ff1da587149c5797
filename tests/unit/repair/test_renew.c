/* The plan of a renewal: what is done at each end, what is kept, and what is refused. */
#include "ends_fixture.h"

#include "repair/renew.h"

static struct nt_renew_plan plan_of(const struct nt_ends_facts *f, bool recreate)
{
    const struct nt_renew_wish wish = { .goal = recreate ? NT_RENEW_RECREATE : NT_RENEW_RESET };
    struct nt_renew_plan plan;
    char why[600] = "";
    assert_true(nt_renew_plan(f, &wish, &plan, why, sizeof why));
    return plan;
}

static void assert_refused(const struct nt_ends_facts *f, bool recreate, const char *part)
{
    const struct nt_renew_wish wish = { .goal = recreate ? NT_RENEW_RECREATE : NT_RENEW_RESET };
    struct nt_renew_plan plan;
    char why[600] = "";
    assert_false(nt_renew_plan(f, &wish, &plan, why, sizeof why));
    assert_non_null(strstr(why, part));
}

static void halves_that_fit_get_new_secrets_only(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->tdo.tdo.attributes = NT_TRUST_QUARANTINED | NT_TRUST_SELECTIVE | 0x800;
    struct nt_renew_plan plan = plan_of(f, false);
    for (size_t i = 0; i < 2; i++) {
        assert_true(plan.trusts[i]);
        assert_int_equal(plan.end[i].object, NT_RENEW_SECRETS);
        assert_int_equal(plan.end[i].want.tdo.direction, 3);
        assert_false(plan.end[i].encryption);
        assert_false(plan.end[i].enable);
    }
}

static void a_missing_half_is_made_as_the_other_one_is(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->tdo.tdo.direction = NT_ADMIN_OUTBOUND;
    WEST(f)->tdo.tdo.attributes = NT_TRUST_FOREST;
    EAST(f)->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    EAST(f)->account.exists = false;
    struct nt_renew_plan plan = plan_of(f, false);
    const struct nt_renew_end *east = &plan.end[1];
    assert_int_equal(plan.end[0].object, NT_RENEW_SECRETS);
    assert_int_equal(east->object, NT_RENEW_MAKE);
    assert_int_equal(east->want.tdo.direction, NT_ADMIN_INBOUND);
    assert_int_equal(east->want.tdo.attributes, NT_TRUST_FOREST);
    assert_int_equal(east->want.tdo.type, 2);
    assert_string_equal(east->want.tdo.name, "WEST");
    assert_string_equal(east->want.dns, "west.test");
    assert_true(nt_sid_equal(&east->want.tdo.sid, &f->end[0].names.sid));
    assert_true(east->encryption);
}

/* Where nothing says otherwise SIDs are filtered, as the stock tools have it. */
static void a_missing_half_of_an_external_trust_filters_sids(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    EAST(f)->account.exists = false;
    assert_int_equal(plan_of(f, false).end[1].want.tdo.attributes, NT_TRUST_QUARANTINED);
}

static void a_direction_that_is_lacking_is_added(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->tdo.tdo.direction = NT_ADMIN_INBOUND;
    struct nt_renew_plan plan = plan_of(f, false);
    assert_int_equal(plan.end[0].object, NT_RENEW_SECRETS);
    assert_int_equal(plan.end[1].object, NT_RENEW_KIND);
    assert_int_equal(plan.end[1].want.tdo.direction, 3);
}

static void what_an_account_lacks_is_mended(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->account.disabled = true;
    struct nt_renew_plan plan = plan_of(f, false);
    assert_int_equal(plan.end[1].object, NT_RENEW_SECRETS);
    assert_true(plan.end[1].enable);
    assert_false(plan.end[0].enable);
    EAST(f)->account.exists = false;
    assert_int_equal(plan_of(f, false).end[1].object, NT_RENEW_REMAKE);
}

static void encryption_types_become_aes(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->tdo.enc_types = NT_ENC_RC4;
    struct nt_renew_plan plan = plan_of(f, false);
    assert_false(plan.end[0].encryption);
    assert_true(plan.end[1].encryption);
    assert_int_equal(plan.end[1].want.enc_types, NT_ENC_AES);
}

static void another_domains_object_is_replaced_only_when_asked(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    assert_true(nt_sid_parse("S-1-5-21-9-9-9", &WEST(f)->tdo.tdo.sid));
    WEST(f)->tdo.tdo.attributes = NT_TRUST_SELECTIVE;
    assert_refused(f, false, "--recreate");
    struct nt_renew_plan plan = plan_of(f, true);
    assert_int_equal(plan.end[0].object, NT_RENEW_REMAKE);
    assert_int_equal(plan.end[1].object, NT_RENEW_REMAKE);
    assert_int_equal(plan.end[0].want.tdo.attributes, NT_TRUST_SELECTIVE); /* kept */
    assert_true(nt_sid_equal(&plan.end[0].want.tdo.sid, &f->end[1].names.sid));
}

static void kinds_that_differ_are_settled_only_when_asked(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->tdo.tdo.attributes = NT_TRUST_FOREST;
    assert_refused(f, false, "--recreate");
    assert_int_equal(plan_of(f, true).end[1].want.tdo.attributes, NT_TRUST_FOREST);
}

static void nothing_is_planned_on_what_was_not_seen(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    f->end[1].main = f->end[1].count;
    failed(&EAST(f)->reached, NT_ADMIN_NETWORK, "connection refused");
    assert_refused(f, false, "connection refused");
    f = good();
    f->end[1].main = f->end[1].count;
    EAST(f)->reached.look = NT_LOOK_NOT_ASKED;
    assert_refused(f, false, "no administrator");
    f = good();
    failed(&WEST(f)->tdo_asked, NT_ADMIN_RIGHTS, "an administrator is needed");
    assert_refused(f, false, "needed");
    f = good();
    WEST(f)->tdo.tdo.exists = EAST(f)->tdo.tdo.exists = false;
    assert_refused(f, false, "ntrust establish");
}

static void the_plan_is_told_in_words(void **state)
{
    (void)state;
    char text[400];
    struct nt_ends_facts *f = good();
    EAST(f)->account.disabled = true;
    struct nt_renew_plan plan = plan_of(f, false);
    nt_renew_text(f, &plan, 1, text, sizeof text);
    assert_non_null(strstr(text, "EAST: "));
    assert_non_null(strstr(text, "incoming and outgoing"));
    assert_non_null(strstr(text, "enable"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_that_fit_get_new_secrets_only),
        cmocka_unit_test(a_missing_half_is_made_as_the_other_one_is),
        cmocka_unit_test(a_missing_half_of_an_external_trust_filters_sids),
        cmocka_unit_test(a_direction_that_is_lacking_is_added),
        cmocka_unit_test(what_an_account_lacks_is_mended),
        cmocka_unit_test(encryption_types_become_aes),
        cmocka_unit_test(another_domains_object_is_replaced_only_when_asked),
        cmocka_unit_test(kinds_that_differ_are_settled_only_when_asked),
        cmocka_unit_test(nothing_is_planned_on_what_was_not_seen),
        cmocka_unit_test(the_plan_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
