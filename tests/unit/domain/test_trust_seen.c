/* test_trust_seen.c - what the trusting end says of an end that went back, of clones and of
 * controllers that lag. */
#include <stdio.h>

#include "crypto/owf.h"
#include "domain/model.h"
#include "support.h"

struct end {
    struct nt_trust_out out;
    struct nt_out_session s;
    struct nt_policy policy;
    struct nt_out_when when;
    struct nt_out_result result;
    uint8_t counter;
};

static void open_with(struct end *e, const struct nt_secret *hash, const char *dc)
{
    struct nt_secret copy = *hash;
    nt_out_opened(&e->out, &e->s, &e->when, &copy, dc, &e->result);
}

static void evidence(struct end *e, const struct nt_secret *now, const struct nt_secret *old)
{
    struct nt_secret a = *now, b = { .len = 0 };
    if (old != NULL)
        b = *old;
    nt_out_evidence(&e->out, &e->s, &e->when, &a, old != NULL ? &b : NULL, &e->result);
}

static enum nt_out_step plan(struct end *e)
{
    struct nt_out_action action;
    nt_out_plan(&e->out, &e->policy, &e->s, e->when.now, &action);
    return action.step;
}

static void change(struct end *e)
{
    uint8_t random[NT_OUT_SECRET_BYTES];
    memset(random, ++e->counter, sizeof random);
    e->when.now += NT_TIME_MINUTE;
    nt_out_store_next(&e->out, &e->s, &e->when, random, &e->result);
    nt_out_sent(&e->out, &e->s, &e->when, &e->result);
    open_with(e, &e->out.next.hash, "DC1");
    evidence(e, &e->out.current.hash, NULL);
}

static void established(struct end *e, unsigned changes)
{
    struct nt_password password = password_of("agreed");
    memset(e, 0, sizeof *e);
    nt_policy_default(&e->policy);
    e->when = (struct nt_out_when){ .policy = &e->policy, .now = T0, .random = 7 };
    nt_out_establish(&e->out, &password, T0);
    open_with(e, &e->out.current.hash, "DC1");
    evidence(e, &e->out.current.hash, NULL);
    while (changes-- > 0)
        change(e);
    nt_out_closed(&e->s);
    assert_int_equal(e->out.state, NT_OUT_ACTIVE);
}

static void expect(const struct end *e, const char *kind, const char *text)
{
    assert_non_null(e->result.kind);
    assert_string_equal(e->result.kind, kind);
    if (strstr(e->result.text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, e->result.text);
}

static void an_event_says_how_far_back_the_trusted_end_was(void **state)
{
    (void)state;
    for (uint32_t back = 1; back <= 8; back++) {
        struct end e;
        char text[64], until[NT_TIME_TEXT];
        established(&e, 10);
        open_with(&e, &e.out.history[back - 1].hash, "DC1");
        snprintf(text, sizeof text, "is %u change%s behind", back, back == 1 ? "" : "s");
        expect(&e, "trust-peer-behind", text);
        nt_time_format(back == 1 ? e.out.current.created : e.out.history[back - 2].created, until);
        expect(&e, "trust-peer-behind", until);
        assert_int_equal(e.out.seen.behind, back);

        evidence(&e, &e.out.history[back - 1].hash, NULL);
        assert_int_equal(plan(&e), NT_OUT_SEND);
        nt_out_sent(&e.out, &e.s, &e.when, &e.result);
        assert_int_equal(plan(&e), NT_OUT_PROVE);
        open_with(&e, &e.out.current.hash, "DC1");
        expect(&e, "trust-peer-healed", "version 10, proven");
        assert_int_equal(e.result.effect, NT_OUT_COMMIT);
        assert_int_equal(e.out.seen.behind, 0);
    }
}

/* The trusted end holds a password that is not ours, and ours as its previous one. */
static void changed_elsewhere(struct end *e)
{
    struct nt_secret ours = e->out.current.hash, theirs;
    uint8_t bytes[16];
    memset(bytes, 0xA0 + ++e->counter, sizeof bytes);
    nt_secret_set(&theirs, bytes, sizeof bytes);
    open_with(e, &ours, "DC1");
    evidence(e, &theirs, &ours);
    assert_int_equal(e->result.verdict, NT_VERDICT_ADOPT);
}

static void adopted(struct end *e)
{
    open_with(e, &e->out.next.hash, "DC1");
    assert_string_equal(e->result.kind, "trust-password-adopted");
}

static void once_is_a_snapshot_and_twice_is_a_clone(void **state)
{
    struct end e;
    (void)state;
    established(&e, 3);
    changed_elsewhere(&e);
    expect(&e, "trust-end-reverted", "gone back");
    assert_false(nt_seen_cloned(&e.out.seen));
    adopted(&e);
    assert_int_equal(e.out.next_change, e.when.now); /* replaced at once */
    change(&e);

    e.when.now += NT_TIME_DAY;
    changed_elsewhere(&e);
    expect(&e, "trust-cloned", "identity");
    assert_int_equal(e.result.level, NT_EVENT_ERROR);
    assert_true(nt_seen_cloned(&e.out.seen));
    adopted(&e);
    assert_true(e.out.next_change > e.when.now); /* or both would change it for ever */
    change(&e);
    assert_true(nt_seen_cloned(&e.out.seen));

    /* Long after that it is forgotten. */
    e.when.now += 3 * e.policy.change_interval_s * NT_TIME_SECOND;
    change(&e);
    assert_false(nt_seen_cloned(&e.out.seen));
    changed_elsewhere(&e);
    expect(&e, "trust-end-reverted", "gone back");
}

static void a_store_that_is_known_to_be_restored_is_no_clone(void **state)
{
    struct end e;
    (void)state;
    established(&e, 3);
    for (int i = 0; i < 3; i++) {
        nt_seen_restored(&e.out.seen);
        changed_elsewhere(&e);
        expect(&e, "trust-end-reverted", "gone back");
        adopted(&e);
        change(&e);
    }
}

static void a_mismatch_after_a_restoration_names_the_backup(void **state)
{
    struct end e, other;
    struct nt_domain domain = { .restored_at = T0 + NT_TIME_DAY,
                                .restored_to = T0 + NT_TIME_HOUR,
                                .restored_surely = true };
    char when[NT_TIME_TEXT];
    (void)state;
    established(&e, 3);
    e.when.domain = &domain;
    e.when.now = domain.restored_at + NT_TIME_SECOND;
    other = e;
    nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(ACCESS_DENIED), NULL, "DC1", &e.result);
    expect(&e, "trust-broken", "password-mismatch: this end was restored from a backup of");
    expect(&e, "trust-broken", nt_time_format(domain.restored_to, when));
    expect(&e, "trust-broken", "reset needed");

    /* Once it has worked since, a mismatch has another cause. */
    open_with(&other, &other.out.current.hash, "DC1");
    nt_out_closed(&other.s);
    nt_out_refused(&other.out, &other.s, &other.when, NT_STATUS(ACCESS_DENIED), NULL, "DC1",
                   &other.result);
    assert_string_equal(other.result.kind, "trust-broken");
    assert_null(strstr(other.result.text, "restored"));
}

static void laggards_are_named_until_they_have_caught_up(void **state)
{
    struct end e;
    char text[400];
    (void)state;
    established(&e, 4);
    open_with(&e, &e.out.history[1].hash, "DC2");
    expect(&e, "trust-controller-lags", "DC2 is 2 changes behind");
    assert_string_equal(nt_seen_laggards(&e.out.seen, text, sizeof text), "DC2 (2 changes behind)");
    nt_out_closed(&e.s);
    open_with(&e, &e.out.history[1].hash, "DC2");
    assert_null(e.result.kind); /* said once */
    open_with(&e, &e.out.current.hash, "DC1");
    assert_int_equal(e.out.seen.laggard_count, 1);
    assert_true(nt_seen_lags(&e.out.seen, "DC3", 0, e.when.now));
    assert_string_equal(nt_seen_laggards(&e.out.seen, text, sizeof text),
                        "DC2 (2 changes behind), DC3 (accepts none of our passwords)");
    open_with(&e, &e.out.current.hash, "DC2");
    assert_string_equal(nt_seen_laggards(&e.out.seen, text, sizeof text),
                        "DC3 (accepts none of our passwords)");
    for (unsigned i = 0; i < 2 * NT_SEEN_LAGGARDS; i++) {
        snprintf(text, sizeof text, "X%u", i);
        assert_true(nt_seen_lags(&e.out.seen, text, 1, e.when.now));
    }
    assert_int_equal(e.out.seen.laggard_count, NT_SEEN_LAGGARDS);
    assert_non_null(strstr(nt_seen_laggards(&e.out.seen, text, 20), "X4"));
}

static void nothing_is_changed_while_controllers_differ(void **state)
{
    struct end e;
    (void)state;
    established(&e, 4);
    (void)nt_seen_lags(&e.out.seen, "DC2", 1, e.when.now);
    e.out.next_change = e.when.now;
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    /* A person may insist, and what was not seen to lag for long does not count. */
    struct end asked = e;
    nt_out_want_change(&asked.out, asked.when.now);
    assert_int_equal(plan(&asked), NT_OUT_STORE_NEXT);
    e.when.now += NT_TIME_DAY;
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_STORE_NEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_says_how_far_back_the_trusted_end_was),
        cmocka_unit_test(once_is_a_snapshot_and_twice_is_a_clone),
        cmocka_unit_test(a_store_that_is_known_to_be_restored_is_no_clone),
        cmocka_unit_test(a_mismatch_after_a_restoration_names_the_backup),
        cmocka_unit_test(laggards_are_named_until_they_have_caught_up),
        cmocka_unit_test(nothing_is_changed_while_controllers_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
