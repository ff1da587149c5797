/* A plan carried out on two domains in memory: whichever of its changes fails, and however, nothing
 * is left that another run does not finish. */
#include "../test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_ends.h"

static const struct mode {
    const char *name;
    bool nt[2], trusts[2];
} modes[] = {
    { "AD, both ways", { false, false }, { true, true } },
    { "AD, the first trusts", { false, false }, { true, false } },
    { "AD, the second trusts", { false, false }, { false, true } },
    { "NT, both ways", { true, true }, { true, true } },
    { "NT, the first trusts", { true, true }, { true, false } },
    { "NT trusts AD", { true, false }, { true, false } },
    { "AD and NT, both ways", { false, true }, { true, true } },
};

static bool plan(struct fake *f, const struct nt_renew_wish *wish, struct nt_renew_plan *out)
{
    char why[800] = "";
    bool ok = nt_renew_plan(&f->facts, wish, out, why, sizeof why);
    if (!ok)
        print_message("%s\n", why);
    return ok;
}

static bool run(struct fake *f, enum nt_renew_goal goal, const struct mode *m,
                struct nt_renew_result *r)
{
    struct nt_renew_wish wish = { .goal = goal };
    struct nt_renew_plan p;
    memcpy(wish.trusts, m->trusts, sizeof wish.trusts);
    assert_true(plan(f, &wish, &p));
    nt_renew_run(&f->config, f->ends, &p, 0, &f->facts, r);
    return r->failed == 2 && r->proven;
}

static void assert_trusts(const struct fake *f, const struct mode *m)
{
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(fake_proves(f, i), m->trusts[i]);
}

/* The two ends in a good trust. */
static void make_good(struct fake *f, const struct mode *m)
{
    struct nt_renew_result r;
    fake_init(f, m->nt[0], m->nt[1]);
    assert_true(run(f, NT_RENEW_ESTABLISH, m, &r));
    assert_trusts(f, m);
    fake_look(f);
}

static void a_trust_is_made_renewed_and_removed_in_every_mode(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        make_good(&f, &modes[i]);
        struct nt_password before[2] = { f.domain[0].out, f.domain[1].out };
        assert_true(run(&f, NT_RENEW_RESET, &modes[i], &r));
        assert_trusts(&f, &modes[i]);
        for (size_t k = 0; k < 2; k++)
            if (modes[i].trusts[k])
                assert_memory_not_equal(before[k].b, f.domain[k].out.b, before[k].len);
        assert_true(run(&f, NT_RENEW_RECREATE, &modes[i], &r));
        assert_trusts(&f, &modes[i]);
        assert_true(run(&f, NT_RENEW_REMOVE, &modes[i], &r));
        assert_true(fake_has_nothing(&f));
    }
}

static void secrets_are_as_long_as_the_ends_take_them(void **state)
{
    static struct fake f;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        size_t who = modes[i].trusts[0] ? 0 : 1;
        make_good(&f, &modes[i]);
        assert_int_equal(f.domain[who].out.len, modes[i].nt[0] || modes[i].nt[1] ? 28 : 240);
    }
}

/* Breaks the trust at the end `at`, as when it was deleted there. */
static void delete_at(struct fake *f, size_t at)
{
    struct fake_domain *d = &f->domain[at];
    d->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    d->account.exists = false;
    d->out.len = 0;
    fake_look(f);
}

static void another_run_finishes_a_reset_that_failed_anywhere(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    unsigned failures = 0;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        for (unsigned how = FAKE_REFUSED; how <= FAKE_KILLED; how++)
            for (size_t at = 0; at < 3; at++)
                for (unsigned n = 1;; n++) {
                    make_good(&f, &modes[i]);
                    if (at < 2)
                        delete_at(&f, at);
                    f.how = (enum fake_failure)how;
                    f.fail_at = n;
                    if (run(&f, NT_RENEW_RESET, &modes[i], &r) && n > f.changes)
                        break;
                    assert_true(r.touched);
                    failures++;
                    fake_look(&f);
                    assert_true(run(&f, NT_RENEW_RESET, &modes[i], &r));
                    assert_trusts(&f, &modes[i]);
                }
    assert_true(failures > 100);
}

static void an_account_without_its_object_is_no_obstacle(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (unsigned remove = 0; remove < 2; remove++) {
        make_good(&f, &modes[0]);
        f.domain[1].tdo = (struct nt_admin_tdo_full){ .enc_known = false };
        fake_look(&f);
        assert_true(run(&f, remove != 0 ? NT_RENEW_REMOVE : NT_RENEW_RESET, &modes[0], &r));
        if (remove != 0)
            assert_true(fake_has_nothing(&f));
        else
            assert_trusts(&f, &modes[0]);
    }
}

static void a_new_trust_that_fails_is_taken_back(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        for (unsigned how = FAKE_REFUSED; how <= FAKE_ANSWER_LOST; how++)
            for (unsigned n = 1;; n++) {
                fake_init(&f, modes[i].nt[0], modes[i].nt[1]);
                f.how = (enum fake_failure)how;
                f.fail_at = n;
                if (run(&f, NT_RENEW_ESTABLISH, &modes[i], &r) && n > f.changes)
                    break;
                assert_true(r.undone);
                assert_true(fake_has_nothing(&f));
            }
}

/* Killed: what was made is there, and either of the two commands that are named goes on. */
static void a_new_trust_that_was_killed_can_be_reset_or_removed(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        for (unsigned remove = 0; remove < 2; remove++)
            for (unsigned n = 2;; n++) {
                fake_init(&f, modes[i].nt[0], modes[i].nt[1]);
                f.how = FAKE_KILLED;
                f.fail_at = n;
                if (run(&f, NT_RENEW_ESTABLISH, &modes[i], &r) && n > f.changes)
                    break;
                fake_look(&f);
                assert_true(run(&f, remove != 0 ? NT_RENEW_REMOVE : NT_RENEW_RESET, &modes[i], &r));
                if (remove != 0)
                    assert_true(fake_has_nothing(&f));
            }
}

static void another_run_finishes_a_removal(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        for (unsigned how = FAKE_REFUSED; how <= FAKE_KILLED; how++)
            for (unsigned n = 1;; n++) {
                make_good(&f, &modes[i]);
                f.how = (enum fake_failure)how;
                f.fail_at = n;
                if (run(&f, NT_RENEW_REMOVE, &modes[i], &r) && n > f.changes)
                    break;
                fake_look(&f);
                if (!fake_has_nothing(&f))
                    assert_true(run(&f, NT_RENEW_REMOVE, &modes[i], &r));
                assert_true(fake_has_nothing(&f));
            }
}

/* --- notes of a run that has not ended --- */

#define NOTES "renew-notes.test"

/* A reset with notes, of what they say and what is seen. */
static bool reset_noted(struct fake *f, struct nt_renew_result *r)
{
    struct nt_renew_wish wish = { .goal = NT_RENEW_RESET };
    struct nt_renew_plan p;
    (void)nt_renew_recall(NOTES, &f->facts, wish.before);
    assert_true(plan(f, &wish, &p));
    p.notes = NOTES;
    nt_renew_run(&f->config, f->ends, &p, 0, &f->facts, r);
    return r->failed == 2 && r->proven;
}

static void what_is_noted_comes_back_when_both_halves_are_gone(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make_good(&f, &modes[i]);
        f.domain[0].tdo.tdo.attributes = f.domain[1].tdo.tdo.attributes =
            NT_TRUST_FOREST | NT_TRUST_SELECTIVE;
        fake_look(&f);
        f.how = FAKE_KILLED;
        f.fail_at = 1;
        assert_false(reset_noted(&f, &r));
        delete_at(&f, 0);
        delete_at(&f, 1);
        assert_true(reset_noted(&f, &r));
        assert_trusts(&f, &modes[i]);
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(f.domain[k].tdo.tdo.attributes, NT_TRUST_FOREST | NT_TRUST_SELECTIVE);
    }
}

static void a_reset_with_notes_is_finished_in_full_wherever_it_failed(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (unsigned how = FAKE_REFUSED; how <= FAKE_KILLED; how++)
            for (unsigned n = 1;; n++) {
                make_good(&f, &modes[i]);
                f.domain[0].tdo.tdo.attributes = NT_TRUST_SELECTIVE | 0x800;
                fake_look(&f);
                f.slow = true;
                f.how = (enum fake_failure)how;
                f.fail_at = n;
                if (reset_noted(&f, &r) && n > f.changes)
                    break;
                fake_look(&f);
                assert_true(reset_noted(&f, &r));
                assert_trusts(&f, &modes[i]);
                assert_int_equal(f.domain[0].tdo.tdo.attributes, NT_TRUST_SELECTIVE | 0x800);
                assert_int_not_equal(access(NOTES, F_OK), 0);
            }
}

static void write_notes(const char *text)
{
    FILE *out = fopen(NOTES, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void notes_count_for_a_day_and_for_these_domains(void **state)
{
    static struct fake f;
    struct nt_admin_tdo_full before[2];
    char text[400];
    (void)state;
    fake_init(&f, false, false);
    f.facts.now = 10 * NT_TIME_DAY;
    for (unsigned age = 0; age < 3; age++)
        for (unsigned other = 0; other < 2; other++) {
            snprintf(text, sizeof text,
                     "[begun]\nat = %llu\n[domain S-1-5-21-1-1-1]\nname = EAST\ndns = east.test\n"
                     "sid = S-1-5-21-2-2-%u\ndirection = 3\ntype = 2\nattributes = 16\n",
                     (unsigned long long)(f.facts.now - age * (NT_TIME_DAY - 1)), 2 + other);
            write_notes(text);
            bool counts = age < 2 && other == 0;
            assert_int_equal(nt_renew_recall(NOTES, &f.facts, before), counts);
            assert_int_equal(before[0].tdo.exists, counts);
            assert_false(before[1].tdo.exists);
        }
    assert_int_equal(before[0].tdo.attributes, 16);
}

static void notes_that_make_no_sense_are_none(void **state)
{
    static const char *const texts[] = { "",
                                         "nonsense",
                                         "[begun]\nat = soon\n",
                                         "[domain S-1-5-21-1-1-1]\ndirection = 99999999999\n",
                                         "[domain S-1-5-21-1-1-1]\nsid = EAST\n",
                                         "[domain EAST]\nname = EAST\n" };
    static struct fake f;
    struct nt_admin_tdo_full before[2];
    (void)state;
    fake_init(&f, false, false);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_notes(texts[i]);
        assert_false(nt_renew_recall(NOTES, &f.facts, before));
    }
    assert_int_equal(unlink(NOTES), 0);
    assert_false(nt_renew_recall(NOTES, &f.facts, before));
}

static void notes_have_one_place_however_the_ends_are_typed(void **state)
{
    static struct fake f, g;
    char a[100], b[100], small[8];
    (void)state;
    fake_init(&f, false, false);
    fake_init(&g, false, false);
    g.facts.end[0].names = f.facts.end[1].names;
    g.facts.end[1].names = f.facts.end[0].names;
    assert_true(nt_renew_notes_path("/x", &f.facts, a, sizeof a));
    assert_true(nt_renew_notes_path("/x", &g.facts, b, sizeof b));
    assert_string_equal(a, b);
    assert_string_equal(a, "/x/reset-EAST-WEST");
    assert_false(nt_renew_notes_path("/x", &f.facts, small, sizeof small));
    snprintf(f.facts.end[0].names.name, NT_ADMIN_NAME, "../x");
    assert_true(nt_renew_notes_path("/x", &f.facts, a, sizeof a));
    assert_string_equal(a, "/x/reset-EAST-___X");
}

static void without_rights_at_either_end_nothing_is_touched(void **state)
{
    static const enum nt_renew_goal goals[] = { NT_RENEW_RESET, NT_RENEW_RECREATE,
                                                NT_RENEW_REMOVE };
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        for (size_t g = 0; g < sizeof goals / sizeof goals[0]; g++)
            for (size_t at = 0; at < 2; at++) {
                make_good(&f, &modes[i]);
                f.domain[at].may = false;
                assert_false(run(&f, goals[g], &modes[i], &r));
                assert_int_equal(r.failed, at);
                assert_false(r.touched);
                assert_int_equal(f.changes, 0);
                assert_trusts(&f, &modes[i]);
            }
}

static void what_was_removed_is_told_by_its_parts(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    make_good(&f, &modes[3]); /* NT, both ways */
    f.fail_at = 3;            /* after both objects */
    assert_false(run(&f, NT_RENEW_REMOVE, &modes[3], &r));
    assert_true(r.object[0] && r.object[1]);
    assert_false(r.account[0] || r.account[1]);
}

/* Nothing that an end still has can burn the new initial password. */
static void an_nt_style_account_opens_only_when_both_ends_have_its_password(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    make_good(&f, &modes[4]);
    for (unsigned n = 3; n <= 4; n++) { /* deleted, made; then the object, then enabled */
        f.how = FAKE_REFUSED;
        f.fail_at = n;
        assert_false(run(&f, NT_RENEW_RESET, &modes[4], &r));
        assert_true(f.domain[1].account.exists && f.domain[1].account.disabled);
        fake_look(&f);
    }
}

static void a_computer_with_the_name_of_the_others_controller_forbids_a_new_trust(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    fake_init(&f, false, false);
    f.domain[1].taken = "WESTDC";
    assert_false(run(&f, NT_RENEW_ESTABLISH, &modes[0], &r));
    assert_int_equal(r.failed, 1);
    assert_non_null(strstr(r.error.text, "WESTDC"));
    assert_true(fake_has_nothing(&f));
}

static void a_rotation_is_ordered_and_its_effect_looked_for(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        make_good(&f, &modes[i]);
        nt_time before[2] = { f.domain[0].account.password_set, f.domain[1].account.password_set };
        assert_true(run(&f, NT_RENEW_ROTATE, &modes[i], &r));
        assert_trusts(&f, &modes[i]);
        for (size_t k = 0; k < 2; k++)
            assert_int_equal(f.domain[k].account.password_set != before[k], modes[i].trusts[1 - k]);
    }
    f.fail_at = 1;
    fake_look(&f);
    f.fail_at = 1;
    assert_false(run(&f, NT_RENEW_ROTATE, &modes[2], &r));
}

/* Its trusted end is asked first: so nothing has changed yet. */
static void secrets_alone_do_not_come_to_a_controller_that_keeps_the_old(void **state)
{
    static struct fake f;
    struct nt_renew_result r;
    (void)state;
    make_good(&f, &modes[0]);
    f.domain[0].out.b[0] ^= 1; /* not proven: they are set, not ordered */
    fake_look(&f);
    assert_false(run(&f, NT_RENEW_PASSWORD, &modes[0], &r));
    assert_non_null(strstr(r.error.text, "--only-password"));
    assert_true(f.domain[0].tdo.tdo.exists && f.domain[1].tdo.tdo.exists);
    f.domain[0].keeps_old = f.domain[1].keeps_old = false;
    fake_look(&f);
    assert_true(run(&f, NT_RENEW_PASSWORD, &modes[0], &r));
    assert_trusts(&f, &modes[0]);
}

static void what_takes_no_secret_is_left_to_a_person_with_the_password(void **state)
{
    static struct fake f;
    const struct nt_renew_wish wish = { .goal = NT_RENEW_ESTABLISH,
                                        .by_hand = true,
                                        .trusts = { true, false } };
    struct nt_renew_plan p;
    struct nt_renew_result r;
    (void)state;
    fake_init(&f, true, true);
    f.domain[0].tdo.fixed = true;
    fake_look(&f);
    assert_true(plan(&f, &wish, &p));
    nt_renew_run(&f.config, f.ends, &p, 0, &f.facts, &r);
    assert_true(r.failed == 2 && r.proven);
    assert_int_equal(r.by_hand[0].len, 28);
    assert_memory_equal(r.by_hand[0].b, f.domain[1].in.b, 28);
    assert_int_equal(r.by_hand[1].len, 0);
    nt_renew_wipe(&r);
    assert_int_equal(r.by_hand[0].len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trust_is_made_renewed_and_removed_in_every_mode),
        cmocka_unit_test(secrets_are_as_long_as_the_ends_take_them),
        cmocka_unit_test(another_run_finishes_a_reset_that_failed_anywhere),
        cmocka_unit_test(an_account_without_its_object_is_no_obstacle),
        cmocka_unit_test(a_new_trust_that_fails_is_taken_back),
        cmocka_unit_test(a_new_trust_that_was_killed_can_be_reset_or_removed),
        cmocka_unit_test(another_run_finishes_a_removal),
        cmocka_unit_test(what_is_noted_comes_back_when_both_halves_are_gone),
        cmocka_unit_test(a_reset_with_notes_is_finished_in_full_wherever_it_failed),
        cmocka_unit_test(notes_count_for_a_day_and_for_these_domains),
        cmocka_unit_test(notes_that_make_no_sense_are_none),
        cmocka_unit_test(notes_have_one_place_however_the_ends_are_typed),
        cmocka_unit_test(without_rights_at_either_end_nothing_is_touched),
        cmocka_unit_test(what_was_removed_is_told_by_its_parts),
        cmocka_unit_test(an_nt_style_account_opens_only_when_both_ends_have_its_password),
        cmocka_unit_test(a_computer_with_the_name_of_the_others_controller_forbids_a_new_trust),
        cmocka_unit_test(a_rotation_is_ordered_and_its_effect_looked_for),
        cmocka_unit_test(secrets_alone_do_not_come_to_a_controller_that_keeps_the_old),
        cmocka_unit_test(what_takes_no_secret_is_left_to_a_person_with_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
