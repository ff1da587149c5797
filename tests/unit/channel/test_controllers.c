/*
 * test_controllers.c - two controllers of RESOURCES over one store, each with its own runner for
 * the same trust: they take turns by the lease, and no accident of one harms the secret of both.
 * The invariants are those of test_runner.c.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#define HOUR (3600u * 1000)

struct pair {
    struct world w[2];
};

static struct nt_lease lease_of(struct pair *p)
{
    struct nt_dir *dir = nt_engine_dir_now(p->w[0].res.engine);
    struct nt_lease lease = nt_dir_tdo(dir, "ACCOUNTS")->lease;
    nt_dir_unref(dir);
    return lease;
}

/* As the daemon does when the directory has changed. */
static void refresh(struct world *w)
{
    struct nt_dir *dir = nt_engine_dir_now(w->res.engine);
    if (w->runner != NULL && nt_runner_refresh(w->runner, nt_dir_tdo(dir, "ACCOUNTS")))
        nt_runner_step(w->runner, w->now_ms);
    nt_dir_unref(dir);
}

static bool round_of(struct pair *p)
{
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        any = world_round(&p->w[i]) || any;
        refresh(&p->w[i]);
    }
    return any;
}

static void settle(struct pair *p)
{
    for (int i = 0; round_of(p); i++)
        assert_true(i < 20000);
}

/* In steps of a second: deadlines need not be met to the millisecond. */
static void run(struct pair *p, uint64_t ms)
{
    for (uint64_t end = p->w[0].now_ms + ms; p->w[0].now_ms < end;) {
        settle(p);
        for (size_t i = 0; i < 2; i++) {
            struct nt_link *link = nt_runner_link(p->w[i].runner);
            p->w[i].now_ms += 1000;
            if (link != NULL)
                nt_link_tick(link, p->w[i].now_ms);
        }
        p->w[1].now_ms = p->w[0].now_ms;
    }
    settle(p);
}

static void assert_good(struct pair *p)
{
    for (size_t i = 0; i < 2; i++) {
        nt_dir_unref(nt_engine_dir_now(p->w[i].res.engine));
        world_assert_good(&p->w[i]);
    }
}

static void open_pair(struct pair *p)
{
    world_open(&p->w[0], 42);
    world_second(&p->w[1], &p->w[0], 4242);
    world_trust(&p->w[0], WORLD_INITIAL, false);
    nt_dir_unref(nt_engine_dir_now(p->w[1].res.engine));
    world_runner(&p->w[1]);
    run(p, 60 * 1000);
    assert_good(p);
}

static void close_pair(struct pair *p)
{
    world_close(&p->w[1]);
    world_close(&p->w[0]);
}

/* Both see the initial password and its one chance; one of them changes it. */
static void a_trust_is_established_once(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p);
    assert_int_equal(world_out(&p.w[0]).changes, 1);
    assert_int_equal(world_events(&p.w[0].res, "trust-established"), 1);
    assert_true(lease_of(&p).number > 0);
    assert_true(nt_status_ok(world_logon(&p.w[0], "alice", "Alice.pw1")));
    assert_true(nt_status_ok(world_logon(&p.w[1], "alice", "Alice.pw1")));
    close_pair(&p);
}

static void a_change_that_is_due_is_made_by_one_of_them(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p);
    world_policy(&p.w[0].res, "change_interval_s", 24u * 3600);
    uint64_t before = world_out(&p.w[0]).changes;
    unsigned sets = p.w[0].sets + p.w[1].sets;
    for (int day = 0; day < 10; day++)
        run(&p, 24u * HOUR);
    assert_good(&p);
    uint64_t changes = world_out(&p.w[0]).changes - before;
    assert_in_range(changes, 8, 12);
    assert_int_equal(p.w[0].sets + p.w[1].sets - sets, changes);
    assert_int_equal(world_events(&p.w[0].res, "trust-broken"), 0);
    close_pair(&p);
}

/* Whoever is asked: the other one sees the new password at its next use. */
static void both_asked_at_once_both_get_their_change(void **state)
{
    struct pair p;
    (void)state;
    open_pair(&p);
    struct ask a, b;
    world_ask(&p.w[0], &a, NT_FORWARD_ROTATE);
    world_ask(&p.w[1], &b, NT_FORWARD_ROTATE);
    run(&p, 120u * 1000);
    assert_true(a.done && b.done);
    assert_true(nt_status_ok(a.fwd.status));
    assert_true(nt_status_ok(b.fwd.status));
    assert_good(&p);
    assert_true(nt_status_ok(world_logon(&p.w[0], "alice", "Alice.pw1")));
    assert_true(nt_status_ok(world_logon(&p.w[1], "alice", "Alice.pw1")));
    close_pair(&p);
}

/* It sleeps with its change stored and not sent; the other one finishes it and makes another. What
 * the sleeper then still stores is refused, and what it sends late is cured. */
static void a_holder_that_slept_is_fenced(void **state)
{
    (void)state;
    for (int rounds = 1; rounds < 60; rounds += 2) {
        struct pair p;
        struct ask a, b;
        open_pair(&p);
        world_ask(&p.w[0], &a, NT_FORWARD_ROTATE);
        for (int i = 0; i < rounds; i++)
            world_round(&p.w[0]);
        world_drive(&p.w[0], nt_runner_link(p.w[0].runner));
        nt_runner_step(p.w[0].runner, p.w[0].now_ms); /* what it stores now comes late */
        world_ask(&p.w[1], &b, NT_FORWARD_ROTATE);
        for (int s = 0; s < 120; s++) { /* the other one alone */
            p.w[0].now_ms = p.w[1].now_ms;
            world_run(&p.w[1], 1000);
        }
        assert_true(b.done);
        nt_dir_unref(nt_engine_dir_now(p.w[0].res.engine));
        world_assert_i1(&p.w[0]);
        p.w[0].now_ms = p.w[1].now_ms;
        struct nt_trust_out newest = world_out(&p.w[0]);
        nt_engine_run(p.w[0].res.engine);
        struct nt_trust_out now = world_out(&p.w[0]);
        assert_memory_equal(&now, &newest, sizeof now);
        run(&p, HOUR);
        assert_true(a.done);
        assert_good(&p);
        assert_int_equal(world_events(&p.w[0].res, "trust-broken"), 0);
        close_pair(&p);
    }
}

/* Two that both want to change it, and one of them dies or loses its connection, at any moment. */
static void an_accident_of_one_harms_nobody(void **state)
{
    (void)state;
    for (int rounds = 1; rounds < 80; rounds += 3) {
        struct pair p;
        struct ask a, b;
        open_pair(&p);
        world_ask(&p.w[0], &a, NT_FORWARD_ROTATE);
        world_ask(&p.w[1], &b, NT_FORWARD_ROTATE);
        for (int i = 0; i < rounds; i++)
            round_of(&p);
        struct world *hit = &p.w[rounds / 3 % 2];
        if (rounds / 3 % 3 == 0)
            hit->cut_at = hit->moved + 1;
        else
            world_crash_res(hit);
        for (size_t i = 0; i < 2; i++)
            nt_dir_unref(nt_engine_dir_now(p.w[i].res.engine));
        world_assert_i1(&p.w[0]);
        run(&p, HOUR);
        assert_true(a.done && b.done);
        assert_good(&p);
        assert_int_equal(world_events(&p.w[0].res, "trust-broken"), 0);
        close_pair(&p);
    }
}

/* No change is under way, and the present password has to be sent again: by one of them. */
static void a_trusted_end_that_went_back_gets_ours_again(void **state)
{
    struct pair p;
    struct ask ask;
    (void)state;
    open_pair(&p);
    struct nt_store *old = world_copy(&p.w[0].acc);
    world_ask(&p.w[1], &ask, NT_FORWARD_ROTATE);
    run(&p, 60u * 1000);
    assert_true(ask.done && nt_status_ok(ask.fwd.status));
    world_restart_acc(&p.w[0], old);
    run(&p, HOUR);
    assert_good(&p);
    assert_in_range(world_out(&p.w[0]).resends, 1, 2);
    assert_true(nt_status_ok(world_logon(&p.w[0], "alice", "Alice.pw1")));
    assert_true(nt_status_ok(world_logon(&p.w[1], "alice", "Alice.pw1")));
    close_pair(&p);
}

/* Changes wanted, deaths, cuts and logons, in any order, for weeks. */
static void anything_may_happen_to_either(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct pair p;
        uint64_t x = seed * UINT64_C(0x9E3779B97F4A7C15);
        open_pair(&p);
        for (int n = 0; n < 60; n++) {
            struct ask asks[2] = { { .done = true }, { .done = true } };
            x = x * 6364136223846793005u + 1442695040888963407u;
            struct world *w = &p.w[x >> 40 & 1];
            if ((x >> 41 & 1) != 0)
                world_ask(&p.w[0], &asks[0], NT_FORWARD_ROTATE);
            if ((x >> 42 & 1) != 0)
                world_ask(&p.w[1], &asks[1], NT_FORWARD_ROTATE);
            for (uint64_t i = x >> 43 & 63; i > 0; i--)
                round_of(&p);
            switch (x >> 50 & 3) {
            case 0:
                world_crash_res(w);
                break;
            case 1:
                w->cut_at = w->moved + 1 + (x >> 52 & 1023);
                break;
            case 2:
                w->unreachable = true;
                break;
            default:
                break;
            }
            run(&p, 1000 * (1 + (x >> 56 & 127)));
            for (size_t i = 0; i < 2; i++)
                p.w[i].unreachable = false;
            for (int s = 0; s < 60 && !(asks[0].done && asks[1].done); s++)
                run(&p, 60u * 1000);
            assert_true(asks[0].done && asks[1].done);
            nt_dir_unref(nt_engine_dir_now(p.w[0].res.engine));
            world_assert_i1(&p.w[0]);
            world_assert_i3(&p.w[0]);
        }
        run(&p, HOUR);
        assert_good(&p);
        assert_int_equal(world_events(&p.w[0].res, "trust-broken"), 0);
        close_pair(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trust_is_established_once),
        cmocka_unit_test(a_change_that_is_due_is_made_by_one_of_them),
        cmocka_unit_test(both_asked_at_once_both_get_their_change),
        cmocka_unit_test(a_holder_that_slept_is_fenced),
        cmocka_unit_test(an_accident_of_one_harms_nobody),
        cmocka_unit_test(a_trusted_end_that_went_back_gets_ours_again),
        cmocka_unit_test(anything_may_happen_to_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
