/* Many trusts at once: each is looked at once, however many take part, and ends that are not there
 * are told. */
#include "../test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "crypto/sysenv.h"
#include "repair/crew.h"
#include "repair/survey.h"

/* --- the crew --- */

#define THINGS 1000

struct counted {
    atomic_int done[THINGS];
    atomic_int at_once, most;
};

static void count_one(void *ctx, size_t i)
{
    struct counted *c = ctx;
    int now = atomic_fetch_add(&c->at_once, 1) + 1, most = atomic_load(&c->most);
    while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
        ;
    atomic_fetch_add(&c->done[i], 1);
    atomic_fetch_sub(&c->at_once, 1);
}

static void each_thing_is_done_once_by_however_many(void **state)
{
    static const size_t threads[] = { 0, 1, 2, 8, NT_CREW_MAX, 10 * NT_CREW_MAX };
    (void)state;
    for (size_t t = 0; t < NT_COUNT(threads); t++) {
        struct counted c = { .most = 0 };
        nt_crew_run(THINGS, threads[t], count_one, &c);
        for (size_t i = 0; i < THINGS; i++)
            assert_int_equal(atomic_load(&c.done[i]), 1);
        size_t most = threads[t] < 1 ? 1 : threads[t] < NT_CREW_MAX ? threads[t] : NT_CREW_MAX;
        assert_in_range(atomic_load(&c.most), 1, most);
    }
    nt_crew_run(0, 8, count_one, NULL);
}

/* --- the survey --- */

struct told {
    unsigned times[8];
    struct nt_diagnosis last;
};

static void on_done(void *ctx, size_t trust, const struct nt_ends_facts *f,
                    const struct nt_diagnosis *d)
{
    struct told *t = ctx;
    assert_non_null(f);
    assert_string_equal(f->end[0].typed, "west");
    t->times[trust]++;
    t->last = *d;
}

static size_t add(struct nt_survey *s, const char *name, const char *domain)
{
    const struct nt_credentials nobody = { .kerberos = false };
    struct nt_end end = { .servers = "smb:127.0.0.1:1" }; /* where nothing listens */
    size_t index;
    snprintf(end.name, sizeof end.name, "%s", name);
    snprintf(end.domain, sizeof end.domain, "%s", domain);
    assert_true(nt_survey_add(s, &end, &nobody, &index));
    return index;
}

static void a_trust_is_looked_at_once_from_whichever_end_it_was_found(void **state)
{
    (void)state;
    struct told told = { .times = { 0 } };
    struct nt_survey *s =
        nt_survey_new(&(struct nt_survey_config){ .look = { .env = nt_env_system() },
                                                  .at_once = NT_CREW_MAX,
                                                  .done = on_done,
                                                  .ctx = &told });
    assert_non_null(s);
    size_t west = add(s, "west", "west.test"), east = add(s, "east", "EAST");
    size_t south = add(s, "south", "south.test");
    nt_survey_open(s);
    assert_true(nt_survey_pair(s, west, east));
    assert_true(nt_survey_pair(s, east, west));
    assert_true(nt_survey_pair(s, west, south));
    assert_int_equal(nt_survey_count(s), 2);
    nt_survey_run(s);
    assert_int_equal(told.times[0], 1);
    assert_int_equal(told.times[1], 1);
    assert_int_equal(told.last.grade, NT_GRADE_CRITICAL);
    assert_string_equal(told.last.reason, "unreachable");
    nt_survey_free(s);
}

static void a_partner_is_found_by_either_of_its_names(void **state)
{
    (void)state;
    const struct nt_admin_names *names;
    struct nt_admin_trusts trusts;
    struct nt_admin_tdo_full t = { .tdo = { .name = "WEST" }, .dns = "West.Test" };
    char why[400];
    size_t end = 7;
    struct nt_survey *s = nt_survey_new(
        &(struct nt_survey_config){ .look = { .env = nt_env_system() }, .done = on_done });
    assert_non_null(s);
    add(s, "other", "other.test");
    size_t west = add(s, "west", "west.test"), east = add(s, "east", "EAST");
    assert_true(nt_survey_find(s, &t, &end));
    assert_int_equal(end, west);
    t = (struct nt_admin_tdo_full){ .tdo = { .name = "East" } };
    assert_true(nt_survey_find(s, &t, &end));
    assert_int_equal(end, east);
    t = (struct nt_admin_tdo_full){ .tdo = { .name = "SOUTH" } };
    assert_false(nt_survey_find(s, &t, &end));
    nt_survey_open(s);
    assert_string_equal(nt_survey_end(s, west, &names)->domain, "west.test");
    assert_string_equal(names->name, "");
    assert_false(nt_survey_trusts_of(s, west, &trusts, why, sizeof why));
    assert_non_null(strstr(why, "127.0.0.1"));
    nt_survey_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_is_done_once_by_however_many),
        cmocka_unit_test(a_trust_is_looked_at_once_from_whichever_end_it_was_found),
        cmocka_unit_test(a_partner_is_found_by_either_of_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
