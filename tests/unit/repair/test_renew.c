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

static struct nt_renew_plan goal_of(const struct nt_ends_facts *f, enum nt_renew_goal goal)
{
    const struct nt_renew_wish wish = { .goal = goal, .trusts = { true, false } };
    struct nt_renew_plan plan;
    char why[800] = "";
    assert_true(nt_renew_plan(f, &wish, &plan, why, sizeof why));
    return plan;
}

static void assert_goal_refused(const struct nt_ends_facts *f, const struct nt_renew_wish *wish,
                                const char *part)
{
    struct nt_renew_plan plan;
    char why[800] = "";
    assert_false(nt_renew_plan(f, wish, &plan, why, sizeof why));
    assert_non_null(strstr(why, part));
}

static struct nt_ends_facts *nothing(void)
{
    struct nt_ends_facts *f = good();
    for (size_t i = 0; i < 2; i++) {
        f->end[i].dc[0].tdo = (struct nt_admin_tdo_full){ .enc_known = false };
        f->end[i].dc[0].account.exists = false;
        f->end[i].dc[0].channel_asked.look = NT_LOOK_NOT_ASKED;
    }
    return f;
}

static void only_what_works_rotates(void **state)
{
    (void)state;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_ROTATE };
    struct nt_ends_facts *f = good();
    struct nt_renew_plan plan = goal_of(f, NT_RENEW_ROTATE);
    assert_int_equal(plan.end[0].object, NT_RENEW_ORDER);
    assert_int_equal(plan.end[1].object, NT_RENEW_ORDER);
    EAST(f)->channel.werr = 5;
    assert_goal_refused(f, &wish, "ntrust check");
    f = good();
    controller(f, 1, "eastdc2"); /* which a change has not reached */
    f->end[1].dc[1].account.password_set--;
    assert_goal_refused(f, &wish, "ntrust reset");
}

/* One that works is left to its systems; else it is refused where it takes more than secrets. */
static void secrets_only_is_no_more_than_that(void **state)
{
    (void)state;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_PASSWORD };
    struct nt_ends_facts *f = good();
    assert_int_equal(goal_of(f, NT_RENEW_PASSWORD).end[0].object, NT_RENEW_ORDER);
    EAST(f)->channel.werr = 5;
    EAST(f)->tdo.enc_types = NT_ENC_RC4;
    struct nt_renew_plan plan = goal_of(f, NT_RENEW_PASSWORD);
    assert_int_equal(plan.end[1].object, NT_RENEW_SECRETS);
    assert_false(plan.end[1].encryption);
    EAST(f)->account.disabled = true;
    assert_goal_refused(f, &wish, "missing or disabled");
    EAST(f)->account.disabled = false;
    EAST(f)->tdo.tdo.direction = NT_ADMIN_INBOUND;
    assert_goal_refused(f, &wish, "kind or direction");
    EAST(f)->tdo.tdo.exists = false;
    assert_goal_refused(f, &wish, "--only-password");
}

static void a_new_trust_is_refused_where_there_is_a_half(void **state)
{
    (void)state;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_ESTABLISH, .trusts = { true, true } };
    assert_goal_refused(good(), &wish, "ntrust reset west.test east.test");
    struct nt_ends_facts *f = good();
    snprintf(WEST(f)->tdo.dns, sizeof WEST(f)->tdo.dns, "old.test"); /* another EAST */
    assert_goal_refused(f, &wish, "another domain that is named EAST (old.test");
    f = nothing();
    EAST(f)->account.exists = true;
    assert_goal_refused(f, &wish, "EAST has the account");
    EAST(f)->account.type = NT_ADMIN_WORKSTATION;
    assert_goal_refused(f, &wish, "rename");
    EAST(f)->account.exists = false;
    struct nt_renew_plan plan = goal_of(f, NT_RENEW_ESTABLISH);
    assert_int_equal(plan.end[0].want.tdo.direction, NT_ADMIN_OUTBOUND);
    assert_int_equal(plan.end[1].want.tdo.direction, NT_ADMIN_INBOUND);
    assert_int_equal(plan.end[0].want.tdo.attributes, NT_TRUST_QUARANTINED);
}

static void domains_that_cannot_be_told_apart_get_no_trust(void **state)
{
    (void)state;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_ESTABLISH, .trusts = { true, true } };
    struct nt_ends_facts *f = nothing();
    f->end[1].names.sid = f->end[0].names.sid;
    assert_goal_refused(f, &wish, "copied");
    f = nothing();
    memcpy(f->end[1].names.name, "WEST", 5);
    assert_goal_refused(f, &wish, "NetBIOS name WEST");
    f->end[1].names.sid = f->end[0].names.sid;
    assert_goal_refused(f, &wish, "both ends are the domain");
}

static void a_forest_trust_is_of_two_roots(void **state)
{
    (void)state;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_ESTABLISH,
                                        .trusts = { true, true },
                                        .forest = true };
    struct nt_renew_plan plan;
    char why[800];
    struct nt_ends_facts *f = nothing();
    assert_true(nt_renew_plan(f, &wish, &plan, why, sizeof why));
    assert_int_equal(plan.end[0].want.tdo.attributes, NT_TRUST_FOREST);
    snprintf(f->end[1].names.forest, sizeof f->end[1].names.forest, "test");
    assert_goal_refused(f, &wish, "root");
    f->end[1].names.dns[0] = '\0';
    assert_goal_refused(f, &wish, "--type external");
}

static void a_removal_takes_what_is_there(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    struct nt_renew_plan plan = goal_of(f, NT_RENEW_REMOVE);
    assert_int_equal(plan.end[0].object, NT_RENEW_DELETE);
    assert_int_equal(plan.end[0].account, NT_RENEW_NOTHING); /* it goes with the object */
    EAST(f)->tdo.tdo.exists = false;
    plan = goal_of(f, NT_RENEW_REMOVE);
    assert_int_equal(plan.end[1].object, NT_RENEW_NOTHING);
    assert_int_equal(plan.end[1].account, NT_RENEW_DELETE);
    EAST(f)->account.type = NT_ADMIN_WORKSTATION; /* not a trust's */
    plan = goal_of(f, NT_RENEW_REMOVE);
    assert_false(nt_renew_does(&plan, 1));
    plan = goal_of(nothing(), NT_RENEW_REMOVE);
    assert_false(nt_renew_does(&plan, 0) || nt_renew_does(&plan, 1));
}

static void who_removes_a_trust_with_a_domain_that_is_no_more_is_told_how(void **state)
{
    (void)state;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_REMOVE };
    struct nt_ends_facts *f = good();
    f->end[1].main = f->end[1].count;
    failed(&EAST(f)->reached, NT_ADMIN_NETWORK, "connection refused");
    f->end[1].asked = "east.test";
    assert_goal_refused(f, &wish, "connection refused. If EAST is gone for good, its half at WEST");
}

/* NT-style, WEST trusts EAST: an object here, an account there. */
static struct nt_ends_facts *good_nt(void)
{
    struct nt_ends_facts *f = good();
    for (size_t i = 0; i < 2; i++) {
        f->end[i].names.dns[0] = f->end[i].dc[0].tdo.dns[0] = '\0';
        f->end[i].dc[0].tdo.tdo.type = 1;
        f->end[i].dc[0].tdo.tdo.direction = NT_ADMIN_OUTBOUND;
    }
    EAST(f)->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    EAST(f)->channel_asked.look = NT_LOOK_NOT_ASKED;
    WEST(f)->account.exists = false;
    return f;
}

static void an_nt_style_half_is_an_object_or_an_account(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good_nt();
    struct nt_renew_plan plan = plan_of(f, false);
    assert_true(plan.trusts[0] && !plan.trusts[1]);
    assert_int_equal(plan.end[0].object, NT_RENEW_SECRETS);
    assert_int_equal(plan.end[0].account, NT_RENEW_NOTHING);
    assert_int_equal(plan.end[1].object, NT_RENEW_NOTHING);
    assert_int_equal(plan.end[1].account, NT_RENEW_REMAKE);
    WEST(f)->tdo.tdo.exists = false; /* the account alone tells of the trust */
    assert_int_equal(plan_of(f, false).end[0].object, NT_RENEW_MAKE);
    f = good_nt();
    EAST(f)->account.exists = false;
    assert_int_equal(plan_of(f, false).end[1].account, NT_RENEW_MAKE);
}

static void a_controller_that_takes_no_secret_needs_a_person(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good_nt();
    WEST(f)->tdo.fixed = true;
    assert_refused(f, false, "--generate");
    const struct nt_renew_wish wish = { .goal = NT_RENEW_RESET, .by_hand = true };
    struct nt_renew_plan plan;
    char why[800];
    assert_true(nt_renew_plan(f, &wish, &plan, why, sizeof why));
    assert_int_equal(plan.end[0].object, NT_RENEW_BY_HAND);
    assert_int_equal(plan.end[1].account, NT_RENEW_REMAKE);
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
        cmocka_unit_test(only_what_works_rotates),
        cmocka_unit_test(secrets_only_is_no_more_than_that),
        cmocka_unit_test(a_new_trust_is_refused_where_there_is_a_half),
        cmocka_unit_test(domains_that_cannot_be_told_apart_get_no_trust),
        cmocka_unit_test(a_forest_trust_is_of_two_roots),
        cmocka_unit_test(a_removal_takes_what_is_there),
        cmocka_unit_test(who_removes_a_trust_with_a_domain_that_is_no_more_is_told_how),
        cmocka_unit_test(an_nt_style_half_is_an_object_or_an_account),
        cmocka_unit_test(a_controller_that_takes_no_secret_needs_a_person),
        cmocka_unit_test(the_plan_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
