/* test_trust_out.c - the trusting end: the plan, the evidence table, failures and schedules. */
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
    struct nt_out_action action;
    uint8_t counter;
};

static enum nt_out_step plan(struct end *e)
{
    nt_out_plan(&e->out, &e->policy, &e->s, e->when.now, &e->action);
    return e->action.step;
}

static void begin(struct end *e, const char *initial)
{
    struct nt_password password = password_of(initial);
    memset(e, 0, sizeof *e);
    nt_policy_default(&e->policy);
    e->when = (struct nt_out_when){ .policy = &e->policy, .now = T0, .random = 0x80008000u };
    nt_out_establish(&e->out, &password, T0);
}

static void open_with(struct end *e, const struct nt_secret *hash, const char *dc)
{
    struct nt_secret copy = *hash;
    nt_out_opened(&e->out, &e->s, &e->when, &copy, dc, &e->result);
}

static void evidence(struct end *e, const struct nt_secret *now, const struct nt_secret *old)
{
    struct nt_secret a = { .len = 0 }, b = { .len = 0 };
    if (now != NULL)
        a = *now;
    if (old != NULL)
        b = *old;
    nt_out_evidence(&e->out, &e->s, &e->when, now != NULL ? &a : NULL, old != NULL ? &b : NULL,
                    &e->result);
}

static void store_next(struct end *e)
{
    uint8_t random[NT_OUT_SECRET_BYTES];
    memset(random, ++e->counter, sizeof random);
    nt_out_store_next(&e->out, &e->s, &e->when, random, &e->result);
}

/* One whole change, from a due one to its proof. */
static void change(struct end *e)
{
    assert_int_equal(plan(e), NT_OUT_STORE_NEXT);
    store_next(e);
    assert_int_equal(e->result.effect, NT_OUT_COMMIT);
    assert_int_equal(plan(e), NT_OUT_SEND);
    assert_ptr_equal(e->action.candidates[0], &e->out.next);
    nt_out_sent(&e->out, &e->s, &e->when, &e->result);
    assert_int_equal(plan(e), NT_OUT_PROVE);
    open_with(e, &e->out.next.hash, "DC1");
    assert_int_equal(e->result.effect, NT_OUT_COMMIT);
}

/* An established trust with `changes` passwords behind it, at rest, without a channel. */
static void established(struct end *e, unsigned changes)
{
    begin(e, "agreed");
    open_with(e, &e->out.current.hash, "DC1");
    evidence(e, &e->out.current.hash, NULL);
    change(e);
    for (unsigned i = 1; i < changes; i++) {
        evidence(e, &e->out.current.hash, NULL);
        nt_out_want_change(&e->out, e->when.now);
        change(e);
    }
    nt_out_closed(&e->s);
    assert_int_equal(e->out.state, NT_OUT_ACTIVE);
    assert_false(e->out.next.set);
}

/* --- establishment --- */

static void establishment_offers_the_initial_password_and_replaces_it_at_once(void **state)
{
    static const char *const initials[] = { "", "agreed" };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(initials); i++) {
        struct end e;
        struct nt_secret initial = hash_of(initials[i]);
        begin(&e, initials[i]);
        assert_int_equal(e.out.state, NT_OUT_PENDING);
        assert_false(nt_out_may_forward(&e.out));
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        assert_int_equal(e.action.count, 1);
        assert_true(nt_secret_equal(&e.action.candidates[0]->hash, &initial));
        open_with(&e, &initial, "DC1");
        assert_int_equal(e.out.state, NT_OUT_ESTABLISHING);
        assert_int_equal(e.result.effect, NT_OUT_COMMIT);
        assert_int_equal(plan(&e), NT_OUT_READ_EVIDENCE);
        evidence(&e, &initial, NULL);
        e.policy.disable_password_change = true; /* does not keep an initial one alive */
        change(&e);
        assert_int_equal(e.out.state, NT_OUT_ACTIVE);
        assert_true(e.out.established);
        assert_string_equal(e.result.kind, "trust-established");
        assert_int_equal(e.out.current.version, 1);
        assert_int_equal(e.out.history_count, 0); /* the initial one goes no further */
        assert_true(nt_out_may_forward(&e.out));
    }
}

static void a_reset_code_waits_for_the_other_end_and_no_longer(void **state)
{
    static const uint32_t refusals[] = { (uint32_t)NT_STATUS_CODE_NO_TRUST_SAM_ACCOUNT,
                                         (uint32_t)NT_STATUS_CODE_ACCESS_DENIED };
    struct end e;
    char text[400];
    (void)state;
    begin(&e, "agreed");
    e.out.initial_until = T0 + NT_TIME_HOUR;
    assert_non_null(strstr(nt_out_describe(&e.out, "A", "R", text, sizeof text), "typed at A"));
    for (unsigned i = 0; i < 20; i++) {
        ntstatus status = { refusals[i % 2] };
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        nt_out_refused(&e.out, &e.s, &e.when, status, NULL, "DC1", &e.result);
        assert_int_equal(e.out.state, NT_OUT_PENDING);
        assert_null(e.result.kind);
        assert_int_equal(plan(&e), NT_OUT_WAIT);
        assert_true(e.action.until <= e.when.now + 30 * NT_TIME_SECOND);
        e.when.now = e.action.until;
    }
    struct end late = e;
    late.when.now = e.out.initial_until;
    assert_int_equal(plan(&late), NT_OUT_WAIT);
    assert_int_equal(late.action.until, NT_TIME_NEVER);
    nt_out_want_check(&late.out, late.when.now);
    assert_int_equal(plan(&late), NT_OUT_WAIT);
    /* Typed in time, it is an initial password as any, and its end is forgotten. */
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    open_with(&e, &e.out.current.hash, "DC1");
    e.when.now += NT_TIME_DAY;
    assert_false(nt_out_code_expired(&e.out, e.when.now));
    assert_int_equal(plan(&e), NT_OUT_READ_EVIDENCE);
}

static void made_passwords_are_text_of_120_units_and_differ(void **state)
{
    struct end e;
    struct nt_secret hash, first;
    (void)state;
    established(&e, 1);
    first = e.out.current.hash;
    assert_int_equal(e.out.current.clear.len, 240);
    for (size_t i = 0; i < 240; i += 2) {
        unsigned unit = e.out.current.clear.b[i] | (unsigned)e.out.current.clear.b[i + 1] << 8;
        assert_in_range(unit, 0x0100, 0x40FF);
    }
    nt_owf(&e.out.current.clear, &hash);
    assert_true(nt_secret_equal(&hash, &first));
    established(&e, 2);
    assert_false(nt_secret_equal(&e.out.current.hash, &first));
    assert_int_equal(e.out.current.version, 2);
    assert_true(nt_secret_equal(&e.out.history[0].hash, &first));
}

static void a_refused_initial_password_is_not_offered_again_unless_a_person_asks(void **state)
{
    struct end e;
    char text[500];
    (void)state;
    const struct {
        ntstatus status;
        enum nt_broken reason;
        const char *next;
    } table[] = {
        { NT_STATUS(ACCOUNT_LOCKED_OUT), NT_BROKEN_BURNED, "permit remove EAST" },
        { NT_STATUS(ACCESS_DENIED), NT_BROKEN_MISMATCH, "permit show EAST" },
    };
    for (size_t i = 0; i < NT_COUNT(table); i++) {
        begin(&e, "wrong");
        nt_out_refused(&e.out, &e.s, &e.when, table[i].status, NULL, "DC1", &e.result);
        assert_int_equal(e.out.state, NT_OUT_BROKEN);
        assert_int_equal(e.out.broken, table[i].reason);
        assert_int_equal(e.result.effect, NT_OUT_COMMIT);
        assert_string_equal(e.result.kind, "trust-broken");
        assert_non_null(strstr(e.result.text, "initial"));
        e.when.now += 400 * NT_TIME_DAY;
        assert_int_equal(plan(&e), NT_OUT_WAIT);
        assert_int_equal(e.action.until, NT_TIME_NEVER);
        nt_out_next(&e.out, "WEST", "EAST", text, sizeof text);
        assert_non_null(strstr(text, table[i].next));
        assert_non_null(strstr(text, "trust add WEST"));
        nt_out_want_check(&e.out, e.when.now);
        assert_int_equal(plan(&e), NT_OUT_OPEN);
    }
}

/* The old secret of an established trust can burn a permission that was given anew. */
static void a_permission_burned_by_the_secret_of_before_is_told_as_that(void **state)
{
    struct end e;
    char text[500];
    (void)state;
    established(&e, 1);
    nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(ACCOUNT_LOCKED_OUT), NULL, "DC1", &e.result);
    assert_int_equal(e.out.broken, NT_BROKEN_BURNED);
    assert_non_null(strstr(e.result.text, "permitted this trust anew"));
    nt_out_describe(&e.out, "WEST", "EAST", text, sizeof text);
    assert_non_null(strstr(text, "permitted this trust anew"));
    nt_out_next(&e.out, "WEST", "EAST", text, sizeof text);
    assert_non_null(strstr(text, "ntrust reset WEST"));
}

static void a_trust_that_is_not_permitted_yet_is_tried_again(void **state)
{
    struct end e;
    (void)state;
    begin(&e, "agreed");
    nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(NO_TRUST_SAM_ACCOUNT), NULL, "DC1", &e.result);
    assert_int_equal(e.out.broken, NT_BROKEN_REMOVED);
    for (int i = 0; i < 20; i++) {
        e.when.now += e.policy.check_interval_s * NT_TIME_SECOND;
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(NO_TRUST_SAM_ACCOUNT), NULL, "DC1",
                       &e.result);
        assert_null(e.result.kind); /* said once */
    }
}

/* --- the evidence table of field-guide 1.3 --- */

enum whose { NOBODY, NEXT, CURRENT, PREVIOUS, OLDER, STRANGER, STRANGER2 };

static const struct nt_secret *secret_of(struct end *e, enum whose whose)
{
    static struct nt_secret strangers[2];
    switch (whose) {
    case NEXT:
        return &e->out.next.hash;
    case CURRENT:
        return &e->out.current.hash;
    case PREVIOUS:
        return &e->out.history[0].hash;
    case OLDER:
        return &e->out.history[1].hash;
    case STRANGER:
    case STRANGER2:
        strangers[whose - STRANGER] = hash_of(whose == STRANGER ? "stranger" : "stranger 2");
        return &strangers[whose - STRANGER];
    case NOBODY:
        break;
    }
    return NULL;
}

static void the_evidence_table(void **state)
{
    /* clang-format off: a table */
    static const struct {
        enum whose opened, now, old;
        bool pending; /* a next is stored */
        enum nt_out_verdict verdict;
        enum nt_out_step step;
        enum whose sent; /* SEND: which */
    } table[] = {
        /* healthy */
        { CURRENT, CURRENT, NOBODY, false, NT_VERDICT_HEALTHY, NT_OUT_WAIT, NOBODY },
        { CURRENT, CURRENT, PREVIOUS, false, NT_VERDICT_HEALTHY, NT_OUT_WAIT, NOBODY },
        { CURRENT, CURRENT, STRANGER, false, NT_VERDICT_HEALTHY, NT_OUT_WAIT, NOBODY },
        /* our change never arrived, or their side went back */
        { PREVIOUS, PREVIOUS, OLDER, false, NT_VERDICT_RESEND, NT_OUT_SEND, CURRENT },
        { PREVIOUS, PREVIOUS, NOBODY, false, NT_VERDICT_RESEND, NT_OUT_SEND, CURRENT },
        { OLDER, OLDER, NOBODY, false, NT_VERDICT_RESEND, NT_OUT_SEND, CURRENT },
        { PREVIOUS, OLDER, PREVIOUS, false, NT_VERDICT_RESEND, NT_OUT_SEND, CURRENT },
        /* we went back */
        { CURRENT, STRANGER, CURRENT, false, NT_VERDICT_ADOPT, NT_OUT_PROVE, NOBODY },
        { CURRENT, STRANGER, STRANGER2, false, NT_VERDICT_ADOPT, NT_OUT_PROVE, NOBODY },
        /* both moved */
        { CURRENT, STRANGER, PREVIOUS, false, NT_VERDICT_BOTH_MOVED, NT_OUT_SEND, CURRENT },
        { PREVIOUS, STRANGER, PREVIOUS, false, NT_VERDICT_BOTH_MOVED, NT_OUT_SEND, CURRENT },
        { OLDER, STRANGER, OLDER, false, NT_VERDICT_BOTH_MOVED, NT_OUT_SEND, CURRENT },
        /* the same while a change is under way: always with the same next */
        { CURRENT, CURRENT, PREVIOUS, true, NT_VERDICT_HEALTHY, NT_OUT_SEND, NEXT },
        { CURRENT, NEXT, CURRENT, true, NT_VERDICT_HEALTHY, NT_OUT_PROVE, NOBODY },
        { PREVIOUS, PREVIOUS, NOBODY, true, NT_VERDICT_RESEND, NT_OUT_SEND, NEXT },
        { CURRENT, STRANGER, CURRENT, true, NT_VERDICT_BOTH_MOVED, NT_OUT_SEND, NEXT },
        { PREVIOUS, STRANGER, PREVIOUS, true, NT_VERDICT_BOTH_MOVED, NT_OUT_SEND, NEXT },
        /* a server without the calls is judged by what opened it */
        { CURRENT, NOBODY, NOBODY, false, NT_VERDICT_HEALTHY, NT_OUT_WAIT, NOBODY },
        { PREVIOUS, NOBODY, NOBODY, false, NT_VERDICT_RESEND, NT_OUT_SEND, CURRENT },
        { CURRENT, NOBODY, NOBODY, true, NT_VERDICT_HEALTHY, NT_OUT_SEND, NEXT },
    };
    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < NT_COUNT(table); i++) {
        struct end e;
        established(&e, 3);
        if (table[i].pending) {
            open_with(&e, &e.out.current.hash, "DC1");
            evidence(&e, &e.out.current.hash, NULL);
            nt_out_want_change(&e.out, e.when.now);
            store_next(&e);
            nt_out_closed(&e.s);
            e.out.change_wanted = false;
        }
        open_with(&e, secret_of(&e, table[i].opened), "DC1");
        evidence(&e, secret_of(&e, table[i].now), secret_of(&e, table[i].old));
        if (e.result.verdict != table[i].verdict || plan(&e) != table[i].step)
            fail_msg("row %zu: verdict %s, step %d (%s)", i, nt_out_verdict_name(e.result.verdict),
                     (int)plan(&e), e.action.why);
        if (table[i].step == NT_OUT_SEND)
            assert_ptr_equal(&e.action.candidates[0]->hash, secret_of(&e, table[i].sent));
        if (table[i].verdict == NT_VERDICT_BOTH_MOVED)
            assert_int_equal(e.result.level, NT_EVENT_WARNING); /* loudly */
    }
}

static void nothing_of_ours_opens_it_needs_a_reset(void **state)
{
    struct end e;
    char text[600];
    (void)state;
    established(&e, 3);
    e.when.now = e.out.next_check;
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    assert_int_equal(e.action.count, 3);
    nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(ACCESS_DENIED), NULL, "DC1", &e.result);
    assert_int_equal(e.result.verdict, NT_VERDICT_RESET);
    assert_int_equal(e.out.broken, NT_BROKEN_MISMATCH);
    assert_false(nt_out_may_forward(&e.out));
    assert_non_null(
        strstr(nt_out_next(&e.out, "WEST", "EAST", text, sizeof text), "ntrust reset WEST"));
    /* Confirmed soon, and then left alone: each try could burn a new permission. */
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(plan(&e), NT_OUT_WAIT);
        e.when.now = e.action.until;
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(ACCESS_DENIED), NULL, "DC1", &e.result);
    }
    e.when.now += 30 * NT_TIME_DAY;
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    assert_int_equal(e.action.until, NT_TIME_NEVER);
}

static void an_adopted_password_is_proven_and_then_replaced_at_once(void **state)
{
    struct end e;
    struct nt_secret theirs = hash_of("newer");
    (void)state;
    established(&e, 2);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &theirs, &e.out.current.hash);
    assert_int_equal(e.result.effect, NT_OUT_COMMIT);
    assert_string_equal(e.result.kind, "trust-end-reverted");
    assert_int_equal(e.out.state, NT_OUT_CHANGING);
    assert_false(e.out.next.has_clear);
    nt_out_closed(&e.s); /* a crash here changes nothing */
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    assert_true(nt_secret_equal(&e.action.candidates[0]->hash, &theirs));
    open_with(&e, &theirs, "DC1");
    assert_string_equal(e.result.kind, "trust-password-adopted");
    assert_true(nt_secret_equal(&e.out.current.hash, &theirs));
    evidence(&e, &theirs, NULL);
    change(&e);
    assert_true(e.out.current.has_clear);
    assert_int_equal(e.out.adoptions, 1);
}

static void a_refused_adoption_falls_back_to_a_change(void **state)
{
    struct end e;
    struct nt_secret theirs = hash_of("a lie");
    (void)state;
    established(&e, 2);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &theirs, &e.out.current.hash);
    assert_int_equal(plan(&e), NT_OUT_PROVE);
    open_with(&e, &e.out.current.hash, "DC1"); /* the adopted one was refused */
    assert_false(e.out.next.set);
    evidence(&e, &theirs, &e.out.current.hash);
    assert_false(e.out.next.set); /* not again */
    change(&e);
}

/* Two controllers open a channel with what there was; one of them adopts a newer password before
 * the other hears that its own is in. That says nothing of the newer one. */
static void an_adopted_password_that_was_not_offered_stays(void **state)
{
    struct end e;
    struct nt_secret theirs = hash_of("newer");
    (void)state;
    established(&e, 2);
    struct nt_secret ours = e.out.current.hash;
    nt_out_want_check(&e.out, e.when.now);
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    struct nt_out_session other = { .offer = e.action.offer };
    e.s.offer = e.action.offer;
    open_with(&e, &ours, "DC1");
    evidence(&e, &theirs, &ours);
    assert_int_equal(e.result.verdict, NT_VERDICT_ADOPT);
    nt_out_opened(&e.out, &other, &e.when, &ours, "DC1", &e.result);
    assert_true(e.out.next.set);
    assert_true(other.open);
    assert_int_equal(e.out.state, NT_OUT_CHANGING);
    /* and with it among those that were offered it goes */
    assert_int_equal(plan(&e), NT_OUT_PROVE);
    e.s.offer = e.action.offer;
    open_with(&e, &ours, "DC1");
    assert_false(e.out.next.set);
}

/* Both ends went back, one after the other: nobody has the adopted one any more. */
static void an_adopted_password_is_let_go_when_the_trusted_end_went_back_too(void **state)
{
    struct end e;
    struct nt_secret theirs = hash_of("newer");
    (void)state;
    established(&e, 3);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &theirs, &e.out.current.hash);
    assert_int_equal(plan(&e), NT_OUT_PROVE);
    struct nt_secret older = e.out.history[0].hash;
    open_with(&e, &older, "DC1");
    assert_false(e.out.next.set);
    assert_int_equal(e.result.effect, NT_OUT_COMMIT);
    evidence(&e, &older, NULL);
    assert_int_equal(plan(&e), NT_OUT_SEND);
    assert_ptr_equal(e.action.candidates[0], &e.out.current);
}

/* It says that it holds our newest, and opens with an older one alone. */
static void a_server_whose_word_and_deed_differ_is_not_asked_in_a_loop(void **state)
{
    struct end e;
    nt_time last = 0;
    (void)state;
    established(&e, 2);
    for (int i = 0; i < 6; i++) {
        struct nt_secret older = e.out.history[0].hash;
        open_with(&e, &older, "DC1");
        evidence(&e, &e.out.current.hash, &older);
        if (i > 0) { /* the first time it may be a change that has just arrived */
            assert_int_equal(plan(&e), NT_OUT_WAIT);
            assert_true(e.action.until - e.when.now > last);
            last = e.action.until - e.when.now;
            e.when.now = e.action.until;
        }
        assert_int_equal(plan(&e), NT_OUT_PROVE);
    }
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    assert_int_equal(e.out.rounds, 0);
    assert_int_equal(e.out.retry_at, 0);
}

/* --- the order of a change --- */

static void no_second_secret_while_one_is_unproven(void **state)
{
    struct end e;
    struct nt_secret next;
    (void)state;
    established(&e, 1);
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    store_next(&e);
    next = e.out.next.hash;
    for (int i = 0; i < 5; i++) { /* crashes and lost answers */
        nt_out_closed(&e.s);
        e.when.now += NT_TIME_HOUR;
        nt_out_want_change(&e.out, e.when.now);
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        assert_true(nt_secret_equal(&e.action.candidates[0]->hash, &next));
        open_with(&e, &e.out.current.hash, "DC1");
        evidence(&e, &e.out.current.hash, NULL);
        store_next(&e);
        assert_int_equal(e.result.effect, NT_OUT_NONE);
        assert_int_equal(plan(&e), NT_OUT_SEND);
        assert_true(nt_secret_equal(&e.action.candidates[0]->hash, &next));
        assert_int_equal(e.action.candidates[0]->version, 2);
    }
}

static void no_change_without_a_fresh_proof(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    e.when.now = e.out.next_change; /* days later, on the same channel */
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    change(&e);
}

static void a_send_whose_proof_fails_is_repeated_with_growing_pauses(void **state)
{
    struct end e;
    nt_time last = 0;
    (void)state;
    established(&e, 1);
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    store_next(&e);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(plan(&e), NT_OUT_SEND);
        nt_out_sent(&e.out, &e.s, &e.when, &e.result);
        assert_int_equal(plan(&e), NT_OUT_PROVE);
        open_with(&e, &e.out.current.hash, "DC1"); /* it said yes, and did not do it */
        evidence(&e, &e.out.current.hash, NULL);
        assert_int_equal(plan(&e), NT_OUT_WAIT);
        assert_true(e.action.until - e.when.now > last);
        last = e.action.until - e.when.now;
        e.when.now = e.action.until;
    }
}

static void a_server_that_refuses_changes_is_not_asked_in_a_loop(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    store_next(&e);
    nt_out_send_refused(&e.out, &e.s, &e.when, NT_STATUS(WRONG_PASSWORD), &e.result);
    assert_string_equal(e.result.kind, "trust-change-refused");
    assert_int_equal(e.out.state, NT_OUT_ACTIVE);
    assert_true(nt_out_may_forward(&e.out));
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    nt_out_closed(&e.s);
    e.when.now = e.out.next_check;
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    assert_ptr_equal(e.action.candidates[0], &e.out.current); /* what it has, first */
    assert_ptr_equal(e.action.candidates[1], &e.out.next);    /* and still, should it have it */
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    e.when.now = e.out.next_change; /* at the next interval: the same one */
    e.s.proven_at = e.when.now;
    assert_int_equal(plan(&e), NT_OUT_SEND);
    assert_ptr_equal(e.action.candidates[0], &e.out.next);
}

/* The answer to a change was lost, and its repetition refused by a policy that is new there. */
static void a_refused_change_that_had_arrived_is_proven(void **state)
{
    struct end e;
    (void)state;
    established(&e, 2);
    struct nt_secret current = e.out.current.hash;
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &current, "DC1");
    evidence(&e, &current, NULL);
    store_next(&e);
    struct nt_secret next = e.out.next.hash;
    nt_out_send_refused(&e.out, &e.s, &e.when, NT_STATUS(WRONG_PASSWORD), &e.result);
    assert_true(e.out.next.refused != 0);
    nt_out_closed(&e.s);
    open_with(&e, &current, "DC1"); /* it accepts the previous one, too */
    evidence(&e, &next, &current);
    assert_int_equal(e.result.effect, NT_OUT_COMMIT);
    assert_int_equal(plan(&e), NT_OUT_PROVE);
    assert_true(nt_secret_equal(&e.action.candidates[0]->hash, &next));
    open_with(&e, &next, "DC1");
    assert_true(nt_secret_equal(&e.out.current.hash, &next));
    assert_int_equal(e.out.state, NT_OUT_ACTIVE);
}

static void access_denied_to_a_change_asks_for_a_new_channel(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    store_next(&e);
    nt_out_send_refused(&e.out, &e.s, &e.when, NT_STATUS(ACCESS_DENIED), &e.result);
    assert_false(e.s.open);
    assert_int_equal(e.out.state, NT_OUT_CHANGING);
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    e.when.now = e.action.until;
    assert_int_equal(plan(&e), NT_OUT_OPEN);
}

static void a_full_disk_there_postpones_the_change_and_keeps_the_channel(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    store_next(&e);
    nt_out_send_refused(&e.out, &e.s, &e.when, NT_STATUS(DISK_FULL), &e.result);
    assert_true(e.s.open);
    assert_string_equal(e.result.kind, "trust-change-postponed");
    assert_true(nt_out_may_forward(&e.out));
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    e.when.now = e.action.until;
    assert_int_equal(plan(&e), NT_OUT_SEND);
    nt_out_send_refused(&e.out, &e.s, &e.when, NT_STATUS(DISK_FULL), &e.result);
    assert_null(e.result.kind); /* told once */
}

static void disabled_changes_happen_only_when_a_person_asks(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    e.policy.disable_password_change = true;
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    for (int i = 0; i < 50; i++) {
        e.when.now += NT_TIME_DAY;
        e.s.proven_at = e.when.now;
        assert_int_not_equal(plan(&e), NT_OUT_STORE_NEXT);
        evidence(&e, &e.out.current.hash, NULL);
    }
    nt_out_want_change(&e.out, e.when.now);
    e.s.proven_at = e.when.now;
    change(&e);
    assert_false(e.out.change_wanted);
}

static void history_is_bounded_by_the_policy(void **state)
{
    struct end e;
    (void)state;
    established(&e, 14);
    assert_int_equal(e.out.history_count, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(e.out.history[i].version, 13 - i);
    e.policy.history_kept = 2;
    nt_out_want_change(&e.out, e.when.now);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    change(&e);
    assert_int_equal(e.out.history_count, 2);
    assert_int_equal(e.out.history[2].hash.len, 0); /* wiped */
}

/* --- controllers that lag --- */

static void a_controller_that_lags_is_not_repaired(void **state)
{
    struct end e;
    (void)state;
    established(&e, 2); /* DC1 has taken it */
    open_with(&e, &e.out.history[0].hash, "DC2");
    assert_string_equal(e.result.kind, "trust-controller-lags");
    evidence(&e, &e.out.history[0].hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_WAIT); /* and not SEND */
    e.when.now = e.action.until;
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    assert_string_equal(e.action.prefer_dc, "DC1");
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, &e.out.history[0].hash);
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    assert_int_equal(e.out.resends, 0);
}

static void the_same_controller_or_a_long_lag_is_repaired(void **state)
{
    struct end e;
    (void)state;
    established(&e, 2);
    open_with(&e, &e.out.history[0].hash, "DC1"); /* it had the newer one: it went back */
    evidence(&e, &e.out.history[0].hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_SEND);

    established(&e, 2);
    open_with(&e, &e.out.history[0].hash, "DC2");
    e.when.now += e.policy.check_interval_s * NT_TIME_SECOND + 1;
    nt_out_closed(&e.s);
    open_with(&e, &e.out.history[0].hash, "DC2"); /* DC1 is gone for good */
    evidence(&e, &e.out.history[0].hash, NULL);
    assert_int_equal(plan(&e), NT_OUT_SEND);
}

/* --- failures --- */

static void unreachable_is_degraded_not_broken_and_backs_off(void **state)
{
    struct end e;
    nt_time wait, last = 0;
    (void)state;
    established(&e, 1);
    e.when.now = e.out.next_check;
    for (int i = 0; i < 12; i++) {
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        nt_out_unreachable(&e.out, &e.s, &e.when, NT_STATUS(HOST_UNREACHABLE), "no route",
                           &e.result);
        assert_int_equal(e.result.kind != NULL, i == 0); /* said once */
        assert_int_equal(e.out.state, NT_OUT_ACTIVE);
        assert_true(e.out.degraded);
        assert_true(nt_out_may_forward(&e.out));
        assert_int_equal(plan(&e), NT_OUT_WAIT);
        wait = e.action.until - e.when.now;
        assert_true(wait >= last);
        assert_true(wait <= e.policy.retry_most_s * NT_TIME_SECOND);
        last = wait;
        e.when.now = e.action.until;
    }
    assert_true(last > e.policy.retry_most_s * NT_TIME_SECOND / 2);
    open_with(&e, &e.out.current.hash, "DC1");
    assert_string_equal(e.result.kind, "trust-recovered");
    assert_false(e.out.degraded);
    assert_int_equal(e.out.backoff_s, 0);
}

static void every_status_has_its_reason_and_every_reason_its_words(void **state)
{
    const struct {
        ntstatus status;
        enum nt_broken reason;
    } table[] = {
        { NT_STATUS(NO_TRUST_SAM_ACCOUNT), NT_BROKEN_REMOVED },
        { NT_STATUS(ACCESS_DENIED), NT_BROKEN_MISMATCH },
        { NT_STATUS(ACCOUNT_DISABLED), NT_BROKEN_DISABLED },
        { NT_STATUS(ACCOUNT_LOCKED_OUT), NT_BROKEN_BURNED },
        { NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT), NT_BROKEN_ACCOUNT_TYPE },
        { NT_STATUS(IO_TIMEOUT), NT_BROKEN_UNREACHABLE },
        { NT_STATUS(DOMAIN_CONTROLLER_NOT_FOUND), NT_BROKEN_NAME },
        { NT_STATUS(DOMAIN_TRUST_INCONSISTENT), NT_BROKEN_DOMAIN },
        { NT_STATUS(DOWNGRADE_DETECTED), NT_BROKEN_CRYPTO },
        { NT_STATUS(TIME_DIFFERENCE_AT_DC), NT_BROKEN_TIME },
        { NT_STATUS(NOT_SUPPORTED), NT_BROKEN_DENIED },
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(table); i++)
        assert_int_equal(nt_broken_of(table[i].status), table[i].reason);
    for (int r = NT_BROKEN_NONE + 1; r < NT_BROKEN_COUNT; r++) {
        char text[600] = "";
        enum nt_broken reason = (enum nt_broken)r;
        assert_true(nt_broken_name(reason)[0] != '\0');
        assert_true(nt_broken_end(reason)[0] != '\0');
        assert_true(nt_broken_text(reason)[0] != '\0');
        nt_broken_remedy(reason, "WEST", "EAST", text, sizeof text);
        assert_true(strlen(text) > 20 && strlen(text) < sizeof text - 1);
    }
}

static void reasons_that_can_pass_are_tried_again_and_recover(void **state)
{
    static const enum nt_broken reasons[] = { NT_BROKEN_DISABLED, NT_BROKEN_ACCOUNT_TYPE,
                                              NT_BROKEN_DOMAIN,   NT_BROKEN_CRYPTO,
                                              NT_BROKEN_TIME,     NT_BROKEN_DENIED };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(reasons); i++) {
        struct end e;
        established(&e, 1);
        nt_out_failed(&e.out, &e.s, &e.when, reasons[i], NT_STATUS(ACCOUNT_DISABLED), NULL,
                      &e.result);
        assert_int_equal(e.out.state, NT_OUT_BROKEN);
        assert_int_equal(e.out.broken, reasons[i]);
        e.when.now += e.policy.check_interval_s * NT_TIME_SECOND;
        assert_int_equal(plan(&e), NT_OUT_OPEN);
        open_with(&e, &e.out.current.hash, "DC1");
        assert_int_equal(e.out.state, NT_OUT_ACTIVE);
        assert_int_equal(e.out.broken, NT_BROKEN_NONE);
        assert_int_equal(e.result.effect, NT_OUT_COMMIT);
    }
}

static void a_refusal_of_candidates_that_are_no_longer_all_is_not_judged(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    nt_out_want_change(&e.out, e.when.now);
    struct end other = e; /* another controller, over the same store */
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    e.s.offer = e.action.offer;
    open_with(&other, &other.out.current.hash, "DC1");
    evidence(&other, &other.out.current.hash, NULL);
    other.when.now++;
    store_next(&other);
    e.out = other.out;
    nt_out_refused(&e.out, &e.s, &e.when, NT_STATUS(ACCESS_DENIED), NULL, "DC1", &e.result);
    assert_int_equal(e.result.effect, NT_OUT_NONE);
    assert_int_equal(e.out.state, NT_OUT_CHANGING);
}

/* --- schedule --- */

static void changes_are_spread_by_the_jitter_and_within_it(void **state)
{
    (void)state;
    nt_time least = NT_TIME_NEVER, most = 0;
    for (uint32_t random = 0; random < 0x10000; random += 257) {
        struct end e;
        begin(&e, "agreed");
        e.when.random = random | random << 16;
        open_with(&e, &e.out.current.hash, "DC1");
        evidence(&e, &e.out.current.hash, NULL);
        change(&e);
        nt_time wait = e.out.next_change - T0;
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    nt_time interval = 7 * NT_TIME_DAY;
    assert_true(least >= interval - interval / 10 && least < interval - interval / 11);
    assert_true(most <= interval + interval / 10 && most > interval + interval / 11);
}

/* --- many trusts --- */

#define MANY 10000

/* As each runner draws its own: xorshift from a seed of its own. */
static uint32_t draw(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

/* The most of these moments that fall into one second. */
static unsigned most_in_a_second(const nt_time *moments, size_t count, nt_time from,
                                 uint64_t *span_s)
{
    static uint16_t in_second[400 * 3600];
    unsigned most = 0;
    *span_s = 0;
    memset(in_second, 0, sizeof in_second);
    for (size_t i = 0; i < count; i++) {
        uint64_t s = (moments[i] - from) / NT_TIME_SECOND;
        assert_true(s < NT_COUNT(in_second));
        if (++in_second[s] > most)
            most = in_second[s];
        if (s > *span_s)
            *span_s = s;
    }
    return most;
}

/* All of them established in one moment, which is the worst that can happen. */
static void ten_thousand_trusts_do_not_change_or_check_in_one_second(void **state)
{
    static nt_time change_at[MANY], check_at[MANY], retry_at[MANY];
    static struct end e;
    uint64_t span;
    (void)state;
    established(&e, 1);
    struct nt_trust_out at_rest = e.out;
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t x = (i + 1) * 2654435761u | 1;
        for (int n = 0; n < 8; n++)
            e.when.random = draw(&x);
        e.out = at_rest;
        open_with(&e, &e.out.current.hash, "DC1");
        nt_out_want_change(&e.out, e.when.now);
        evidence(&e, &e.out.current.hash, NULL);
        check_at[i] = e.out.next_check;
        change(&e);
        change_at[i] = e.out.next_change;
        nt_out_unreachable(&e.out, &e.s, &e.when, NT_STATUS(IO_TIMEOUT), NULL, &e.result);
        retry_at[i] = e.out.retry_at;
    }
    unsigned changes = most_in_a_second(change_at, MANY, T0, &span);
    print_message("changes: at most %u a second; 10000 spread over 33 hours\n", changes);
    assert_true(changes <= 5);
    unsigned checks = most_in_a_second(check_at, MANY, T0, &span);
    print_message("checks: at most %u a second; 10000 spread over 90 seconds\n", checks);
    assert_true(checks <= 180); /* 111 on average */
    (void)most_in_a_second(retry_at, MANY, T0, &span);
    assert_true(span <= e.policy.retry_first_s);
}

/* A controller that was away for a month: everything is due. */
static void after_a_pause_trusts_begin_in_turn(void **state)
{
    static nt_time begin_at[MANY];
    static struct end e;
    uint64_t span;
    (void)state;
    established(&e, 1);
    e.when.now += 30 * NT_TIME_DAY;
    struct nt_trust_out at_rest = e.out;
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t x = (i + 1) * 2654435761u | 1;
        e.when.random = draw(&x);
        e.out = at_rest;
        nt_out_resumed(&e.out, &e.when, MANY);
        begin_at[i] = plan(&e) == NT_OUT_WAIT ? e.action.until : e.when.now;
    }
    unsigned most = most_in_a_second(begin_at, MANY, e.when.now, &span);
    print_message("after a pause: at most %u a second, the last after %u s\n", most,
                  (unsigned)span);
    assert_true(most <= 2 * NT_OUT_BEGIN_A_SECOND);
    assert_in_range(span, 90, 100);
}

static void who_is_asked_or_in_the_middle_does_not_wait_for_a_turn(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    e.when.now += 30 * NT_TIME_DAY;
    struct nt_trust_out due = e.out;
    e.when.random = UINT32_MAX;
    nt_out_resumed(&e.out, &e.when, 1); /* the only one */
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    nt_out_resumed(&e.out, &e.when, MANY);
    assert_int_equal(plan(&e), NT_OUT_WAIT);
    nt_out_want_check(&e.out, e.when.now); /* a logon needs it */
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    e.out = due;
    nt_out_want_change(&e.out, e.when.now);
    nt_out_resumed(&e.out, &e.when, MANY);
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    e.out = due;
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    store_next(&e);
    nt_out_closed(&e.s);
    nt_out_resumed(&e.out, &e.when, MANY);
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    e.out = due;
    e.out.next_check = e.out.next_change = e.when.now + NT_TIME_DAY;
    nt_time before = e.out.retry_at;
    nt_out_resumed(&e.out, &e.when, MANY); /* nothing is due */
    assert_true(e.out.retry_at == before);
}

static void a_clock_that_goes_back_stops_nothing(void **state)
{
    struct end e;
    (void)state;
    established(&e, 1);
    e.when.now -= 365 * NT_TIME_DAY;
    assert_int_equal(plan(&e), NT_OUT_OPEN);
    nt_out_unreachable(&e.out, &e.s, &e.when, NT_STATUS(IO_TIMEOUT), NULL, &e.result);
    e.when.now -= 365 * NT_TIME_DAY;
    assert_int_equal(plan(&e), NT_OUT_OPEN);
}

static void a_wait_is_never_in_the_past(void **state)
{
    struct end e;
    (void)state;
    established(&e, 2);
    open_with(&e, &e.out.current.hash, "DC1");
    evidence(&e, &e.out.current.hash, NULL);
    for (int i = 0; i < 100; i++) {
        if (plan(&e) != NT_OUT_WAIT)
            break;
        assert_true(e.action.until > e.when.now);
        e.when.now = e.action.until;
    }
    assert_int_not_equal(plan(&e), NT_OUT_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(establishment_offers_the_initial_password_and_replaces_it_at_once),
        cmocka_unit_test(a_reset_code_waits_for_the_other_end_and_no_longer),
        cmocka_unit_test(made_passwords_are_text_of_120_units_and_differ),
        cmocka_unit_test(a_refused_initial_password_is_not_offered_again_unless_a_person_asks),
        cmocka_unit_test(a_permission_burned_by_the_secret_of_before_is_told_as_that),
        cmocka_unit_test(a_trust_that_is_not_permitted_yet_is_tried_again),
        cmocka_unit_test(the_evidence_table),
        cmocka_unit_test(nothing_of_ours_opens_it_needs_a_reset),
        cmocka_unit_test(an_adopted_password_is_proven_and_then_replaced_at_once),
        cmocka_unit_test(a_refused_adoption_falls_back_to_a_change),
        cmocka_unit_test(an_adopted_password_that_was_not_offered_stays),
        cmocka_unit_test(an_adopted_password_is_let_go_when_the_trusted_end_went_back_too),
        cmocka_unit_test(a_server_whose_word_and_deed_differ_is_not_asked_in_a_loop),
        cmocka_unit_test(no_second_secret_while_one_is_unproven),
        cmocka_unit_test(no_change_without_a_fresh_proof),
        cmocka_unit_test(a_send_whose_proof_fails_is_repeated_with_growing_pauses),
        cmocka_unit_test(a_server_that_refuses_changes_is_not_asked_in_a_loop),
        cmocka_unit_test(a_refused_change_that_had_arrived_is_proven),
        cmocka_unit_test(access_denied_to_a_change_asks_for_a_new_channel),
        cmocka_unit_test(a_full_disk_there_postpones_the_change_and_keeps_the_channel),
        cmocka_unit_test(disabled_changes_happen_only_when_a_person_asks),
        cmocka_unit_test(history_is_bounded_by_the_policy),
        cmocka_unit_test(a_controller_that_lags_is_not_repaired),
        cmocka_unit_test(the_same_controller_or_a_long_lag_is_repaired),
        cmocka_unit_test(unreachable_is_degraded_not_broken_and_backs_off),
        cmocka_unit_test(every_status_has_its_reason_and_every_reason_its_words),
        cmocka_unit_test(reasons_that_can_pass_are_tried_again_and_recover),
        cmocka_unit_test(a_refusal_of_candidates_that_are_no_longer_all_is_not_judged),
        cmocka_unit_test(changes_are_spread_by_the_jitter_and_within_it),
        cmocka_unit_test(ten_thousand_trusts_do_not_change_or_check_in_one_second),
        cmocka_unit_test(after_a_pause_trusts_begin_in_turn),
        cmocka_unit_test(who_is_asked_or_in_the_middle_does_not_wait_for_a_turn),
        cmocka_unit_test(a_clock_that_goes_back_stops_nothing),
        cmocka_unit_test(a_wait_is_never_in_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
