/* test_trust_in.c - the trusted end: what opens the channel, and what burns it. */
#include <stdio.h>

#include "domain/model.h"
#include "support.h"

struct end {
    struct nt_trust_in in;
    struct nt_policy policy;
};

static void permitted(struct end *e, const char *password, uint32_t attempts)
{
    struct nt_secret hash = hash_of(password);
    memset(e, 0, sizeof *e);
    nt_policy_default(&e->policy);
    nt_in_permit(&e->in, &hash, attempts, T0);
}

/* Offers a password as a peer does: refused ones count. */
static bool offer(struct end *e, const char *password, enum nt_in_what *what)
{
    struct nt_secret hash = hash_of(password);
    bool yes = nt_in_accepts(&e->in, &e->policy, &hash);
    if (!yes)
        *what = nt_in_refused(&e->in, "192.0.2.9:1234", T0 + 1);
    else
        assert_ok(nt_in_opened(&e->in, &e->policy, &hash, "192.0.2.7:4321", T0 + 1, what));
    return yes;
}

static bool opens(struct end *e, const char *password)
{
    struct nt_secret hash = hash_of(password);
    return nt_in_accepts(&e->in, &e->policy, &hash);
}

static ntstatus set(struct end *e, const char *password, uint32_t version, enum nt_in_what *what)
{
    struct nt_secret hash = hash_of(password);
    return nt_in_set(&e->in, &e->policy, &hash, version, "192.0.2.7:4321", T0 + 2, what);
}

/* Set and proven. */
static void change(struct end *e, const char *password, uint32_t version)
{
    enum nt_in_what what;
    assert_ok(set(e, password, version, &what));
    assert_true(offer(e, password, &what));
    assert_int_equal(what, NT_IN_CHANGE_PROVEN);
}

static void nothing_opens_an_account_without_a_password(void **state)
{
    struct end e = { .in = { .state = NT_IN_NONE } };
    enum nt_in_what what;
    (void)state;
    nt_policy_default(&e.policy);
    assert_false(opens(&e, ""));
    assert_false(offer(&e, "", &what));
    assert_int_equal(what, NT_IN_NOTHING);
    assert_status(set(&e, "x", 1, &what), ACCESS_DENIED);
}

static void an_initial_password_may_be_empty_and_serves_once(void **state)
{
    static const char *const initials[] = { "", "agreed" };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(initials); i++) {
        struct end e;
        enum nt_in_what what;
        permitted(&e, initials[i], 0);
        assert_int_equal(e.in.attempts_left, 1);
        assert_true(offer(&e, initials[i], &what));
        assert_int_equal(what, NT_IN_INITIAL_PROVEN);
        assert_int_equal(e.in.state, NT_IN_PROVEN);
        assert_true(offer(&e, initials[i], &what)); /* until it is changed */
        assert_int_equal(what, NT_IN_NOTHING);
        assert_ok(set(&e, "random-1", 1, &what));
        assert_int_equal(what, NT_IN_FIRST_CHANGED);
        assert_int_equal(e.in.state, NT_IN_ACTIVE);
        assert_false(opens(&e, initials[i]));
        assert_true(opens(&e, "random-1"));
        assert_int_equal(e.in.previous_count, 0);
    }
}

static void one_wrong_initial_password_burns_it_for_the_right_one_too(void **state)
{
    struct end e;
    enum nt_in_what what;
    char text[400];
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(nt_in_refused_changes(&e.in));
    assert_false(offer(&e, "agread", &what));
    assert_int_equal(what, NT_IN_NOW_BURNED);
    assert_int_equal(e.in.state, NT_IN_BURNED);
    assert_false(offer(&e, "agreed", &what));
    assert_int_equal(e.in.state, NT_IN_BURNED);
    assert_int_equal(e.in.current.len, 0);
    assert_string_equal(e.in.burned_from, "192.0.2.9:1234");
    assert_int_equal(e.in.burned_at, T0 + 1);
    nt_in_describe(&e.in, "EAST", "WEST", text, sizeof text);
    assert_non_null(strstr(text, "192.0.2.9:1234"));
    nt_in_next(&e.in, "EAST", "WEST", text, sizeof text);
    assert_non_null(strstr(text, "permit remove EAST"));
    assert_non_null(strstr(text, "trust add WEST"));
}

static void attempts_are_counted_down_to_the_policys_number(void **state)
{
    struct end e;
    enum nt_in_what what;
    (void)state;
    permitted(&e, "agreed", 3);
    assert_false(offer(&e, "a", &what));
    assert_int_equal(what, NT_IN_ATTEMPT_LOST);
    assert_false(offer(&e, "b", &what));
    assert_int_equal(e.in.attempts_left, 1);
    assert_true(offer(&e, "agreed", &what)); /* in time */
    assert_int_equal(what, NT_IN_INITIAL_PROVEN);
}

static void once_proven_wrong_attempts_burn_nothing(void **state)
{
    struct end e;
    enum nt_in_what what;
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(offer(&e, "agreed", &what));
    assert_false(nt_in_refused_changes(&e.in));
    for (int i = 0; i < 100; i++) {
        assert_false(offer(&e, "wrong", &what));
        assert_int_equal(what, NT_IN_NOTHING);
    }
    assert_true(opens(&e, "agreed"));
    change(&e, "random-1", 1);
    for (int i = 0; i < 100; i++)
        assert_false(offer(&e, "wrong", &what));
    assert_true(opens(&e, "random-1"));
}

static void previous_passwords_are_accepted_until_the_next_change_is_proven(void **state)
{
    static const struct {
        uint32_t accepted;
        const char *unproven, *proven; /* which of 1 to 5 open, 5 being set last */
    } table[] = {
        { 0, "45", "5" },
        { 1, "345", "45" },
        { 2, "2345", "345" },
        { 3, "12345", "2345" },
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(table); i++) {
        struct end e;
        enum nt_in_what what;
        permitted(&e, "agreed", 1);
        e.policy.previous_accepted = table[i].accepted;
        assert_true(offer(&e, "agreed", &what));
        for (char c = '1'; c <= '4'; c++)
            change(&e, (char[]){ c, '\0' }, (uint32_t)(c - '0'));
        assert_ok(set(&e, "5", 5, &what));
        assert_int_equal(what, NT_IN_CHANGED);
        for (char c = '1'; c <= '5'; c++)
            assert_int_equal(opens(&e, (char[]){ c, '\0' }), strchr(table[i].unproven, c) != NULL);
        assert_false(opens(&e, "agreed"));
        assert_true(offer(&e, "5", &what));
        for (char c = '1'; c <= '5'; c++)
            assert_int_equal(opens(&e, (char[]){ c, '\0' }), strchr(table[i].proven, c) != NULL);
    }
}

static void changes_that_nobody_proves_do_not_push_the_proven_one_out(void **state)
{
    struct end e;
    enum nt_in_what what;
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(offer(&e, "agreed", &what));
    change(&e, "known", 1);
    for (uint32_t i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "lost-%u", i);
        assert_ok(set(&e, name, 2 + i, &what));
        assert_true(opens(&e, "known"));
        assert_true(e.in.previous_count <= NT_IN_PREVIOUS_MAX);
    }
    assert_true(offer(&e, "known", &what));
    assert_int_equal(what, NT_IN_USED_PREVIOUS);
}

static void a_repeated_change_is_the_same_change(void **state)
{
    struct end e;
    enum nt_in_what what;
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(offer(&e, "agreed", &what));
    change(&e, "one", 1);
    assert_ok(set(&e, "two", 2, &what));
    assert_ok(set(&e, "two", 2, &what));
    assert_int_equal(what, NT_IN_SAME);
    assert_int_equal(e.in.previous_count, 1);
    assert_true(opens(&e, "one"));
    assert_true(offer(&e, "two", &what));
    assert_ok(set(&e, "two", 2, &what)); /* and does not take the proof away */
    assert_true(e.in.current_proven);
}

static void a_password_that_comes_back_stands_there_once(void **state)
{
    struct end e;
    enum nt_in_what what;
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(offer(&e, "agreed", &what));
    change(&e, "one", 1);
    change(&e, "two", 2);
    assert_ok(set(&e, "one", 3, &what));
    assert_int_equal(e.in.previous_count, 1);
    assert_true(opens(&e, "one"));
    assert_true(opens(&e, "two"));
}

/* Two controllers: one changes A to B; the other one's repetition of A comes after it, and B is
 * sent again. The trusting end that then goes back one change, to A, is not shut out. */
static void a_password_that_is_set_again_stays_proven(void **state)
{
    struct end e;
    enum nt_in_what what;
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(offer(&e, "agreed", &what));
    change(&e, "A", 1);
    assert_ok(set(&e, "B", 2, &what));
    assert_ok(set(&e, "A", 1, &what));
    assert_true(e.in.current_proven);
    assert_true(offer(&e, "B", &what));
    assert_int_equal(what, NT_IN_PREVIOUS_PROVEN);
    assert_ok(set(&e, "B", 2, &what));
    assert_true(offer(&e, "B", &what));
    assert_int_equal(e.in.previous_count, 1);
    assert_true(opens(&e, "A"));
}

static void the_initial_or_an_empty_password_is_refused_as_a_change(void **state)
{
    struct end e;
    enum nt_in_what what;
    struct nt_secret none = { .len = 0 };
    (void)state;
    permitted(&e, "agreed", 1);
    assert_status(set(&e, "random", 1, &what), ACCESS_DENIED); /* no channel before the proof */
    assert_true(offer(&e, "agreed", &what));
    assert_status(set(&e, "agreed", 1, &what), WRONG_PASSWORD);
    assert_status(set(&e, "", 1, &what), WRONG_PASSWORD);
    assert_status(nt_in_set(&e.in, &e.policy, &none, 1, "", T0, &what), WRONG_PASSWORD);
    assert_int_equal(e.in.state, NT_IN_PROVEN);
    e.policy.refuse_password_change = true;
    assert_status(set(&e, "random", 1, &what), WRONG_PASSWORD);
}

static void a_decision_on_an_older_record_is_taken_back(void **state)
{
    struct end e;
    enum nt_in_what what;
    struct nt_secret hash = hash_of("agreed");
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(nt_in_opened_changes(&e.in, &hash));
    assert_int_equal(nt_in_refused(&e.in, "", T0), NT_IN_NOW_BURNED); /* somebody was first */
    assert_status(nt_in_opened(&e.in, &e.policy, &hash, "", T0, &what), ACCESS_DENIED);
    assert_int_equal(e.in.state, NT_IN_BURNED);
}

static void only_what_changes_the_record_asks_for_the_disk(void **state)
{
    struct end e;
    enum nt_in_what what;
    struct nt_secret initial = hash_of("agreed"), one = hash_of("one"), two = hash_of("two");
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(nt_in_opened_changes(&e.in, &initial));
    assert_true(offer(&e, "agreed", &what));
    assert_false(nt_in_opened_changes(&e.in, &initial));
    assert_ok(set(&e, "one", 1, &what));
    assert_true(nt_in_opened_changes(&e.in, &one));
    assert_true(offer(&e, "one", &what));
    assert_false(nt_in_opened_changes(&e.in, &one));
    assert_ok(set(&e, "two", 2, &what));
    assert_false(nt_in_opened_changes(&e.in, &one)); /* a proven previous one */
    assert_true(nt_in_opened_changes(&e.in, &two));
}

static void evidence_is_the_current_and_the_one_before(void **state)
{
    struct end e;
    enum nt_in_what what;
    struct nt_secret now, old, one = hash_of("one"), two = hash_of("two");
    (void)state;
    permitted(&e, "agreed", 1);
    assert_true(offer(&e, "agreed", &what));
    change(&e, "one", 1);
    nt_in_evidence(&e.in, &e.policy, &now, &old);
    assert_true(nt_secret_equal(&now, &one));
    assert_int_equal(old.len, 0); /* never the initial one */
    change(&e, "two", 2);
    nt_in_evidence(&e.in, &e.policy, &now, &old);
    assert_true(nt_secret_equal(&now, &two));
    assert_true(nt_secret_equal(&old, &one));
}

static void an_expired_reset_code_proves_nothing(void **state)
{
    struct end e;
    enum nt_in_what what;
    char text[400];
    struct nt_secret code = hash_of("agreed");
    (void)state;
    permitted(&e, "agreed", 1);
    e.in.initial_until = T0 + 100;
    assert_non_null(strstr(nt_in_describe(&e.in, "R", "A", text, sizeof text), "valid until"));
    assert_false(nt_in_expired(&e.in, T0 + 99));
    assert_true(nt_in_expired(&e.in, T0 + 100));
    assert_status(nt_in_opened(&e.in, &e.policy, &code, "192.0.2.7", T0 + 100, &what),
                  ACCOUNT_EXPIRED);
    assert_int_equal(e.in.state, NT_IN_PERMITTED);
    assert_ok(nt_in_opened(&e.in, &e.policy, &code, "192.0.2.7", T0 + 99, &what));
    assert_int_equal(e.in.state, NT_IN_PROVEN);
    /* Proven in time, the trust has no end. */
    assert_false(nt_in_expired(&e.in, T0 + 1000));
    assert_ok(nt_in_opened(&e.in, &e.policy, &code, "192.0.2.7", T0 + 1000, &what));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_opens_an_account_without_a_password),
        cmocka_unit_test(an_initial_password_may_be_empty_and_serves_once),
        cmocka_unit_test(one_wrong_initial_password_burns_it_for_the_right_one_too),
        cmocka_unit_test(attempts_are_counted_down_to_the_policys_number),
        cmocka_unit_test(once_proven_wrong_attempts_burn_nothing),
        cmocka_unit_test(previous_passwords_are_accepted_until_the_next_change_is_proven),
        cmocka_unit_test(changes_that_nobody_proves_do_not_push_the_proven_one_out),
        cmocka_unit_test(a_repeated_change_is_the_same_change),
        cmocka_unit_test(a_password_that_comes_back_stands_there_once),
        cmocka_unit_test(a_password_that_is_set_again_stays_proven),
        cmocka_unit_test(the_initial_or_an_empty_password_is_refused_as_a_change),
        cmocka_unit_test(a_decision_on_an_older_record_is_taken_back),
        cmocka_unit_test(only_what_changes_the_record_asks_for_the_disk),
        cmocka_unit_test(evidence_is_the_current_and_the_one_before),
        cmocka_unit_test(an_expired_reset_code_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
