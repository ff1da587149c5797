/*
 * test_runner.c - an outbound trust, run against the real trusted end: its whole life, with every
 * accident at every place. The invariants are those of the trust's design: I1 some candidate of the
 * trusting end is always accepted, I2 both agree in the end, I3 the initial password is dead.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/servers.h"

#define HOUR     (3600u * 1000)
#define OP_AUTH3 26
#define OP_SET2  30
#define assert_status(got, name)                                                                   \
    assert_string_equal(nt_status_name(got), nt_status_name(NT_STATUS(name)))
#define assert_state(w, name) assert_string_equal(nt_out_state_name(world_out(w).state), name)

static void open_world(struct world *w)
{
    world_open(w, 42);
}

/* Established and at rest. */
static void open_trust(struct world *w)
{
    open_world(w);
    world_trust(w, WORLD_INITIAL, false);
    world_settle(w);
    world_assert_good(w);
}

/* --- what administrators do --- */

static ntstatus do_reset(struct nt_txn *txn, void *ctx)
{
    struct nt_why why;
    return nt_op_trust_reset(txn, "ACCOUNTS", ctx, "test", "", &why);
}

static ntstatus do_want(struct nt_txn *txn, void *ctx)
{
    return nt_op_trust_want(txn, "ACCOUNTS", *(bool *)ctx, "test", "");
}

static ntstatus do_remove(struct nt_txn *txn, void *ctx)
{
    struct nt_why why;
    (void)ctx;
    return nt_op_trust_remove(txn, "ACCOUNTS", "test", "", &why);
}

static ntstatus do_sid(struct nt_txn *txn, void *ctx)
{
    const struct nt_trust_fields fields = { .which = NT_TRUST_SID, .sid = ctx };
    return nt_op_trust_set(txn, "ACCOUNTS", &fields, "test", "");
}

static ntstatus do_weak(struct nt_txn *txn, void *ctx)
{
    struct nt_account_fields fields = { .which = NT_FIELD_WEAK_CRYPTO };
    fields.allow_weak_crypto = *(bool *)ctx;
    return nt_op_account_set(txn, nt_dir_permit(nt_txn_dir(txn), "RESOURCES")->rid, &fields, "test",
                             "");
}

/* As the daemon does after each commit. */
static void refresh(struct world *w)
{
    struct nt_dir *dir = nt_engine_dir(w->res.engine);
    (void)nt_runner_refresh(w->runner, nt_dir_tdo(dir, "ACCOUNTS"));
    nt_dir_unref(dir);
}

static void a_trust_is_established_and_its_initial_password_dies(void **state)
{
    struct world w;
    (void)state;
    open_trust(&w);
    struct nt_trust_out out = world_out(&w);
    assert_int_equal(out.current.version, 1);
    assert_int_equal(w.sets, 1);
    assert_int_equal(world_events(&w.res, "trust-established"), 1);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    assert_status(world_logon(&w, "alice", "wrong"), WRONG_PASSWORD);
    world_close(&w);
}

/* --- before the first proof --- */

static void a_wrong_initial_password_burns_the_permission(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    world_trust(&w, "Wrong.pw1", false);
    world_run(&w, HOUR);
    assert_int_equal(world_in(&w).state, NT_IN_BURNED);
    struct nt_trust_out out = world_out(&w);
    assert_int_equal(out.state, NT_OUT_BROKEN);
    assert_int_equal(out.broken, NT_BROKEN_BURNED);
    assert_int_equal(w.authenticates, 1); /* it serves one try */
    world_assert_i3(&w);
    world_close(&w);
}

static void a_wrong_one_of_several_attempts_is_not_called_burned(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    world_unpermit(&w);
    world_policy(&w.acc, "trust_attempts", 3);
    world_permit(&w, WORLD_INITIAL);
    world_trust(&w, "Wrong.pw1", false);
    world_run(&w, HOUR);
    assert_int_equal(world_in(&w).state, NT_IN_PERMITTED);
    assert_int_equal(world_in(&w).attempts_left, 2); /* the others are for a person */
    assert_int_equal(world_out(&w).broken, NT_BROKEN_MISMATCH);
    world_close(&w);
}

static void the_right_one_after_a_burn_opens_nothing(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    world_trust(&w, "Wrong.pw1", false);
    world_settle(&w);
    /* As if the trusting end were made anew with the right one. */
    struct nt_password right = { .len = 0 };
    assert_true(nt_password_from_utf8(&right, WORLD_INITIAL));
    assert_true(nt_status_ok(world_change(&w.res, do_reset, &right)));
    world_crash_res(&w);
    world_run(&w, HOUR);
    assert_int_equal(world_out(&w).broken, NT_BROKEN_BURNED);
    assert_int_equal(world_in(&w).state, NT_IN_BURNED);
    world_assert_i3(&w);

    /* Permitted anew at the trusted end, and begun anew at this one, it works. */
    world_unpermit(&w);
    world_permit(&w, "Second.pw1");
    assert_true(nt_password_from_utf8(&right, "Second.pw1"));
    assert_true(nt_status_ok(world_change(&w.res, do_reset, &right)));
    world_crash_res(&w);
    world_settle(&w);
    world_assert_good(&w);
    world_close(&w);
}

static void a_removed_trust_is_told_and_needs_both_ends(void **state)
{
    struct world w;
    (void)state;
    open_trust(&w);
    world_unpermit(&w);
    world_restart_acc(&w, NULL);
    struct ask ask;
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_settle(&w);
    assert_true(ask.done);
    assert_false(nt_status_ok(ask.fwd.status));
    assert_int_equal(world_out(&w).broken, NT_BROKEN_REMOVED);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), TRUSTED_DOMAIN_FAILURE);

    world_permit(&w, WORLD_INITIAL); /* at one end alone */
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_settle(&w);
    assert_true(ask.done && !nt_status_ok(ask.fwd.status));
    assert_state(&w, "broken");
    world_close(&w);
}

/* --- changes --- */

static void a_change_is_made_when_it_is_due(void **state)
{
    struct world w;
    (void)state;
    open_trust(&w);
    world_run(&w, 8 * 24 * HOUR);
    assert_int_equal(world_out(&w).current.version, 2);
    assert_int_equal(w.sets, 2);
    world_assert_good(&w);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    world_close(&w);
}

static void a_person_gets_a_change_and_its_outcome(void **state)
{
    struct world w;
    struct ask ask, second;
    (void)state;
    open_trust(&w);
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_ask(&w, &second, NT_FORWARD_ROTATE);
    world_settle(&w);
    assert_true(ask.done && second.done);
    assert_status(ask.fwd.status, SUCCESS);
    assert_status(second.fwd.status, SUCCESS);
    assert_true(world_out(&w).current.version >= 2);
    world_assert_good(&w);

    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_settle(&w);
    assert_true(ask.done);
    assert_status(ask.fwd.status, SUCCESS);
    world_ask(&w, &ask, NT_FORWARD_QUERY);
    assert_true(ask.done);
    assert_status(ask.fwd.status, SUCCESS);
    assert_string_equal(ask.fwd.dc_name, "accpdc");
    world_close(&w);
}

static void a_change_asked_for_in_the_store_is_made(void **state)
{
    struct world w;
    bool change = true;
    (void)state;
    open_trust(&w);
    assert_true(nt_status_ok(world_change(&w.res, do_want, &change)));
    refresh(&w);
    world_settle(&w);
    assert_int_equal(world_out(&w).current.version, 2);
    assert_false(world_out(&w).change_wanted);
    world_assert_good(&w);
    world_close(&w);
}

/* A wish that falls into the runner's own commit is not overwritten by it. */
static void a_wish_beside_a_commit_is_not_lost(void **state)
{
    struct world w;
    bool change = true;
    struct ask ask;
    (void)state;
    open_trust(&w);
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    /* The runner is somewhere on its way; each commit of it may meet the wish. */
    assert_true(nt_status_ok(world_change(&w.res, do_want, &change)));
    world_settle(&w);
    refresh(&w);
    world_settle(&w);
    assert_int_equal(world_out(&w).current.version, 2);
    world_assert_good(&w);
    world_close(&w);
}

static void a_lost_answer_to_a_change_is_cured(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    w.drop_reply_of = OP_SET2; /* the trusted end has it, and this end does not know */
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_settle(&w);
    assert_int_equal(w.drop_reply_of, -1);
    world_assert_i1(&w);
    world_run(&w, HOUR);
    assert_true(ask.done);
    assert_int_equal(world_out(&w).current.version, 2);
    world_assert_good(&w);
    world_close(&w);
}

static void a_lost_answer_to_the_first_change_is_cured(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.drop_reply_of = OP_SET2;
    world_trust(&w, WORLD_INITIAL, false);
    world_run(&w, HOUR);
    assert_int_equal(world_out(&w).current.version, 1);
    world_assert_good(&w);
    world_close(&w);
}

/* The first answer of all is lost: the initial password was taken, and nobody here knows. */
static void a_lost_answer_to_the_first_authentication_is_cured(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.drop_reply_of = OP_AUTH3;
    world_trust(&w, WORLD_INITIAL, false);
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

/* --- cuts, anywhere --- */

static size_t bytes_of_an_establishment(void)
{
    struct world w;
    open_trust(&w);
    size_t moved = w.moved;
    world_close(&w);
    return moved;
}

static void an_establishment_survives_a_cut_anywhere(void **state)
{
    size_t all = bytes_of_an_establishment();
    (void)state;
    assert_true(all > 3000);
    for (size_t at = 1; at < all; at += at % 7 + 1) {
        struct world w;
        open_world(&w);
        w.cut_at = at;
        world_trust(&w, WORLD_INITIAL, false);
        world_run(&w, HOUR);
        world_assert_good(&w);
        world_close(&w);
    }
}

/* The same by the other road, with a session and a pipe to be opened each time. */
static void a_partner_with_pipes_only_is_as_good(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.pipes_only = true;
    world_trust(&w, WORLD_INITIAL, false);
    world_run(&w, HOUR);
    world_assert_good(&w);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    size_t all = w.moved;
    world_close(&w);
    for (size_t at = 1; at < all; at += at % 37 + 61) {
        open_world(&w);
        w.pipes_only = true;
        w.cut_at = at;
        w.step = at % 3 == 0 ? 100 : 0;
        world_trust(&w, WORLD_INITIAL, false);
        world_run(&w, HOUR);
        world_assert_good(&w);
        world_close(&w);
    }
}

static void a_change_survives_a_cut_anywhere(void **state)
{
    size_t first = bytes_of_an_establishment();
    (void)state;
    for (size_t at = 1; at < first; at += at % 11 + 3) {
        struct world w;
        struct ask ask;
        open_trust(&w);
        w.cut_at = first + at;
        world_ask(&w, &ask, NT_FORWARD_ROTATE);
        world_settle(&w);
        world_assert_i1(&w);
        world_assert_i3(&w);
        world_run(&w, HOUR);
        assert_true(ask.done);
        world_assert_good(&w);
        assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
        world_close(&w);
    }
}

static void bytes_may_come_one_by_one(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.step = 1;
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    world_assert_good(&w);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    world_close(&w);
}

/* --- crashes between any two commits --- */

/* Runs until n commits were stored; false: it rests before. */
static bool run_commits(struct world *w, uint64_t n)
{
    uint64_t begin = nt_store_memory_commits(nt_engine_store(w->res.engine));
    for (int i = 0; i < 2000; i++) {
        if (nt_store_memory_commits(nt_engine_store(w->res.engine)) >= begin + n)
            return true;
        world_round(w);
    }
    return false;
}

static void a_crash_after_any_commit_loses_nothing(void **state)
{
    (void)state;
    bool more = true;
    for (uint64_t n = 1; more; n++) {
        struct world w;
        struct ask ask;
        assert_true(n < 40);
        open_world(&w);
        world_trust(&w, WORLD_INITIAL, false);
        more = run_commits(&w, n);
        if (!more) { /* beyond the establishment: in the change */
            world_assert_good(&w);
            world_close(&w);
            break;
        }
        world_crash_res(&w);
        world_run(&w, HOUR);
        world_assert_good(&w);
        world_ask(&w, &ask, NT_FORWARD_ROTATE);
        (void)run_commits(&w, n);
        world_crash_res(&w);
        world_assert_i1(&w);
        world_run(&w, HOUR);
        world_assert_good(&w);
        world_close(&w);
    }
}

static void a_crash_after_any_round_loses_nothing(void **state)
{
    (void)state;
    for (int n = 1; n < 90; n++) {
        struct world w;
        struct ask ask;
        open_trust(&w);
        world_ask(&w, &ask, NT_FORWARD_ROTATE);
        for (int i = 0; i < n; i++)
            world_round(&w);
        if (n % 2 == 0)
            world_crash_res(&w);
        else
            world_restart_acc(&w, NULL);
        world_assert_i1(&w);
        world_run(&w, HOUR);
        world_assert_good(&w);
        world_close(&w);
    }
}

/* --- going back --- */

static void a_trusted_end_that_went_back_gets_ours_again(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    struct nt_store *old = world_copy(&w.acc);
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_settle(&w);
    assert_int_equal(world_out(&w).current.version, 2);
    world_restart_acc(&w, old);
    world_run(&w, HOUR);
    assert_true(world_events(&w.res, "trust-peer-behind") > 0);
    world_assert_good(&w);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    world_close(&w);
}

/* So far behind that it accepts nothing of ours: asked first, it is named, and no more. */
static void one_controller_that_refuses_does_not_break_the_trust(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_world(&w);
    struct nt_store *old = world_copy(&w.acc); /* it knows the initial password alone */
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    world_lag(&w, old);
    unsigned sets = w.sets;
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_settle(&w);
    assert_true(ask.done && nt_status_ok(ask.fwd.status));
    assert_state(&w, "active");
    assert_string_equal(world_out(&w).last_dc, "accpdc");
    assert_int_equal(world_events(&w.res, "trust-controller-lags"), 1);
    assert_int_equal(world_events(&w.res, "trust-broken"), 0);
    assert_int_equal(w.sets, sets); /* nothing is rotated for it */
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    world_assert_good(&w);
    world_close(&w);
}

/* One that knows an older password: named by a check, and before a change that is due, which then
 * waits for as long as it lags. */
static void nothing_is_changed_while_a_controller_lags(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_world(&w);
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    struct nt_store *old = world_copy(&w.acc);
    for (int i = 0; i < 2; i++) {
        world_ask(&w, &ask, NT_FORWARD_ROTATE);
        world_settle(&w);
        assert_true(ask.done && nt_status_ok(ask.fwd.status));
    }
    world_lag(&w, old);
    unsigned sets = w.sets;
    world_run(&w, 10 * 24 * HOUR);
    assert_int_equal(w.sets, sets);
    assert_int_equal(world_out(&w).seen.laggard_count, 1);
    assert_string_equal(world_out(&w).seen.laggards[0].dc, "oldpdc");
    assert_int_equal(world_out(&w).seen.laggards[0].behind, 2);
    assert_int_equal(world_events(&w.res, "trust-controller-lags"), 1);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    world_assert_good(&w);
    world_close(&w);
}

/* The one that knows best cannot be asked: what another one says is no word about the trust, and it
 * is tried again without being asked. */
static void a_refusal_by_another_controller_is_not_judged_alone(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_world(&w);
    struct nt_store *old = world_copy(&w.acc);
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    world_lag(&w, old);
    w.unreachable = true;
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_run(&w, 2 * HOUR);
    assert_true(ask.done && !nt_status_ok(ask.fwd.status));
    assert_state(&w, "active");
    assert_true(world_out(&w).degraded);
    assert_int_equal(world_events(&w.res, "trust-broken"), 0);
    w.unreachable = false;
    world_run(&w, HOUR);
    assert_false(world_out(&w).degraded);
    world_assert_good(&w);
    world_close(&w);
}

/* When all refuse, or the one that took our newest password does, it is broken. */
static void a_trust_that_all_controllers_refuse_is_broken(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        open_world(&w);
        struct nt_store *old = world_copy(&w.acc);
        world_trust(&w, WORLD_INITIAL, false);
        world_settle(&w);
        if (alone == 0)
            world_lag(&w, old);
        else
            nt_store_close(old);
        world_unpermit(&w);
        world_permit(&w, "Another.pw1");
        world_ask(&w, &ask, NT_FORWARD_VERIFY);
        world_settle(&w);
        assert_true(ask.done && !nt_status_ok(ask.fwd.status));
        /* Permitted anew at one end alone: our secret has burned that. */
        assert_int_equal(world_out(&w).broken, NT_BROKEN_BURNED);
        assert_string_equal(world_out(&w).last_dc, "accpdc");
        world_close(&w);
    }
}

static void a_trusting_end_that_went_back_takes_over_the_newer_one(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    struct nt_store *old = world_copy(&w.res);
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_settle(&w);
    world_revert_res(&w, old);
    world_assert_i1(&w);
    world_run(&w, HOUR);
    world_assert_good(&w);
    assert_int_equal(world_out(&w).adoptions, 1);
    assert_true(world_out(&w).current.has_clear); /* and replaced it */
    world_close(&w);
}

/* The trusted end went back without anybody seeing a connection end: the next check finds it. */
static void a_check_of_an_open_channel_looks_anew(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    struct nt_store *old = world_copy(&w.acc);
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_settle(&w);
    unsigned before = w.authenticates;
    world_run(&w, HOUR);
    assert_true(w.authenticates >= before + 3); /* each check proves the password anew */
    w.wire_silent = true;                       /* the restart is not seen here */
    world_restart_acc(&w, old);
    w.wire_silent = false;
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

/* --- an unreachable peer --- */

static void an_unreachable_peer_is_tried_with_growing_pauses(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.unreachable = true;
    world_trust(&w, WORLD_INITIAL, false);
    world_run(&w, HOUR);
    unsigned first = w.attempts;
    assert_in_range(first, 6, 14); /* 5 s, doubled up to 15 min */
    world_run(&w, 10 * HOUR);
    assert_in_range(w.attempts - first, 35, 70);
    assert_true(world_out(&w).degraded);
    assert_int_equal(world_events(&w.res, "trust-degraded"), 1);
    w.unreachable = false;
    world_run(&w, HOUR);
    world_assert_good(&w);
    assert_false(world_out(&w).degraded);
    world_close(&w);
}

/* The one that answered last is tried first, and one that did not answer waits behind the others.
 */
static void a_dead_controller_is_passed_over(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.servers = "dead1 dead2 accpdc";
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    world_assert_good(&w);
    unsigned before = w.to_others;
    assert_int_equal(before, 2);
    world_run(&w, 10 * HOUR);
    assert_int_equal(w.to_others, before); /* none of the checks went there */
    /* It goes away and comes back: the dead ones are tried, and it is found again. */
    w.unreachable = true;
    world_run(&w, HOUR);
    assert_true(w.to_others > before);
    w.unreachable = false;
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

/* --- a trust that names no servers --- */

static unsigned located; /* how often it was asked for */

static bool count_locate(void *ctx, const char *dns_name)
{
    (void)ctx;
    (void)dns_name;
    located++;
    return true;
}

static void found(struct world *w, const char *host)
{
    struct nt_located list = { .count = 0 };
    struct nt_server server = { .road = NT_ROAD_ANY };
    if (host != NULL) {
        snprintf(server.host, sizeof server.host, "%s", host);
        nt_located_add(&list, NT_LOCATE_WINS, "ACCOUNTS<1c>", &server, "", 0);
    } else {
        nt_located_miss(&list, NT_LOCATE_WINS, "ACCOUNTS<1c>", "no such name");
        nt_located_miss(&list, NT_LOCATE_BROADCAST, "ACCOUNTS<1b>", "no answer");
    }
    nt_runner_located(w->runner, &list, w->now_ms);
    world_settle(w);
}

static void controllers_are_looked_for_where_none_are_named(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.servers = "";
    w.locate = count_locate;
    located = 0;
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    assert_int_equal(located, 1);
    assert_int_equal(w.attempts, 0);
    found(&w, "accpdc");
    world_assert_good(&w);
    assert_int_equal(located, 1);
    assert_string_equal(world_out(&w).last_dc, "accpdc");
    /* It dies: the next time it is looked for anew, and found elsewhere. */
    w.unreachable = true;
    world_run(&w, HOUR / 2);
    assert_int_equal(located, 2);
    w.unreachable = false;
    found(&w, "accpdc");
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

static void what_was_asked_in_vain_is_told(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.servers = "";
    w.locate = count_locate;
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    found(&w, NULL);
    struct nt_trust_out out = world_out(&w);
    assert_true(out.degraded);
    assert_int_equal(out.trouble, NT_BROKEN_NAME);
    assert_non_null(strstr(out.last_text, "wins ACCOUNTS<1c> (no such name)"));
    assert_non_null(strstr(out.last_text, "broadcast ACCOUNTS<1b> (no answer)"));
    /* The initial password is not spent by that. */
    world_run(&w, 60000);
    found(&w, "accpdc");
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

static ntstatus do_servers(struct nt_txn *txn, void *ctx)
{
    const struct nt_trust_fields fields = { .which = NT_TRUST_SERVERS, .servers = ctx };
    return nt_op_trust_set(txn, "ACCOUNTS", &fields, "test", "");
}

static void a_named_server_ends_the_search(void **state)
{
    struct world w;
    char accpdc[] = "accpdc";
    (void)state;
    open_world(&w);
    w.servers = "";
    w.locate = count_locate;
    world_trust(&w, WORLD_INITIAL, false);
    world_settle(&w);
    found(&w, NULL);
    assert_true(nt_status_ok(world_change(&w.res, do_servers, accpdc)));
    refresh(&w);
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

/* Other changes in the directory do not cut the pauses short. */
static void pauses_hold_while_the_store_is_busy(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.unreachable = true;
    world_trust(&w, WORLD_INITIAL, false);
    for (int i = 0; i < 3000; i++) {
        struct nt_dir *stale = nt_engine_dir(w.res.engine);
        world_policy(&w.res, "lockout_threshold", (uint64_t)(i % 2));
        world_round(&w);
        (void)nt_runner_refresh(w.runner, nt_dir_tdo(stale, "ACCOUNTS"));
        nt_dir_unref(stale);
        w.now_ms += 10;
    }
    assert_in_range(w.attempts, 2, 6);
    world_close(&w);
}

static void a_mute_peer_is_given_up(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.mute = true;
    world_trust(&w, WORLD_INITIAL, false);
    world_run(&w, 60000);
    assert_true(world_out(&w).degraded);
    w.mute = false;
    world_run(&w, HOUR);
    world_assert_good(&w);

    w.mute = true; /* while the channel is open, and somebody waits */
    struct ask ask;
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_run(&w, 60000);
    assert_true(ask.done && !nt_status_ok(ask.fwd.status));
    world_assert_i1(&w);
    w.mute = false;
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

static void garbage_is_no_reason_to_break(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.garbage = true;
    world_trust(&w, WORLD_INITIAL, false);
    world_run(&w, 60000);
    assert_true(world_out(&w).degraded);
    assert_int_equal(world_in(&w).state, NT_IN_PERMITTED);
    w.garbage = false;
    world_run(&w, HOUR);
    world_assert_good(&w);
    world_close(&w);
}

/* --- another domain, weaker cryptography --- */

static void another_sid_behind_the_name_is_told(void **state)
{
    struct world w;
    struct nt_sid other;
    struct ask ask;
    (void)state;
    open_trust(&w);
    assert_true(nt_sid_parse("S-1-5-21-1-2-3", &other));
    assert_true(nt_status_ok(world_change(&w.res, do_sid, &other)));
    refresh(&w);
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_settle(&w);
    assert_true(ask.done && !nt_status_ok(ask.fwd.status));
    assert_int_equal(world_out(&w).broken, NT_BROKEN_DOMAIN);
    /* The administrator's SID was not overwritten by the runner's. */
    struct nt_dir *dir = nt_engine_dir(w.res.engine);
    assert_true(nt_sid_equal(&nt_dir_tdo(dir, "ACCOUNTS")->sid, &other));
    nt_dir_unref(dir);
    world_close(&w);
}

static void the_sid_is_learned(void **state)
{
    struct world w;
    (void)state;
    open_trust(&w);
    struct nt_dir *res = nt_engine_dir(w.res.engine), *acc = nt_engine_dir(w.acc.engine);
    assert_true(nt_sid_equal(&nt_dir_tdo(res, "ACCOUNTS")->sid, &nt_dir_domain(acc)->sid));
    nt_dir_unref(res);
    nt_dir_unref(acc);
    world_close(&w);
}

/* An RC4 channel only when both ends' policies say so; and trying does not burn the chance. */
static void weak_cryptography_needs_both_policies(void **state)
{
    (void)state;
    for (int here = 0; here < 2; here++)
        for (int there = 0; there < 2; there++) {
            struct world w;
            bool weak = there != 0;
            open_world(&w);
            assert_true(nt_status_ok(world_change(&w.acc, do_weak, &weak)));
            w.no_aes = true; /* the peer's flags come back without AES */
            world_trust(&w, WORLD_INITIAL, here != 0);
            world_run(&w, HOUR);
            if (here != 0 && there != 0) {
                world_assert_good(&w);
                assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
            } else {
                assert_int_equal(world_out(&w).broken, NT_BROKEN_CRYPTO);
                assert_int_equal(w.sets, 0);
                assert_int_equal(world_in(&w).state, NT_IN_PERMITTED);
            }
            world_close(&w);
        }
}

/* --- a full disk --- */

/* Whatever commit fails, nothing is sent before it is durable (checked in each PasswordSet2), and
 * it goes on when there is room. */
static void a_commit_that_fails_stops_what_needs_it(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 12; n++) {
        struct world w;
        struct ask ask;
        open_world(&w);
        world_trust(&w, WORLD_INITIAL, false);
        nt_store_memory_fail(nt_engine_store(w.res.engine), n, NT_E_FULL);
        world_run(&w, HOUR);
        world_assert_good(&w);
        nt_store_memory_fail(nt_engine_store(w.res.engine), n, NT_E_FULL);
        world_ask(&w, &ask, NT_FORWARD_ROTATE);
        world_run(&w, HOUR);
        assert_true(ask.done);
        world_assert_good(&w);
        world_close(&w);
    }
}

static void a_full_disk_there_is_tried_again(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        struct world w;
        open_world(&w);
        nt_store_memory_fail(nt_engine_store(w.acc.engine), n, NT_E_FULL);
        world_trust(&w, WORLD_INITIAL, false);
        world_run(&w, 2 * HOUR);
        world_assert_good(&w);
        world_close(&w);
    }
}

static void while_the_disk_is_full_people_are_told_and_logons_go_on(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    unsigned sets = w.sets;
    w.res_full = true;
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_run(&w, 20000);
    assert_true(ask.done);
    assert_status(ask.fwd.status, DISK_FULL);
    assert_int_equal(w.sets, sets); /* what is not durable was not sent */
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    w.res_full = false;
    world_run(&w, HOUR);
    assert_int_equal(w.sets, sets + 1);
    world_assert_good(&w);
    assert_int_equal(world_events(&w.res, "trust-password-changed"), 1);
    world_close(&w);
}

/* What a person asks is tried at once, however short ago the store refused something. */
static void a_person_need_not_wait_once_the_disk_has_room(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    w.res_full = true;
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_run(&w, 100);
    assert_true(ask.done);
    assert_status(ask.fwd.status, DISK_FULL);
    w.res_full = false;
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_run(&w, 1000);
    assert_true(ask.done);
    assert_status(ask.fwd.status, SUCCESS);
    world_assert_good(&w);
    world_close(&w);
}

/* --- logons and the channel --- */

static void a_logon_opens_a_channel_that_has_gone(void **state)
{
    struct world w;
    (void)state;
    open_trust(&w);
    world_restart_acc(&w, NULL);
    world_settle(&w);
    assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
    world_close(&w);
}

static void logons_end_when_the_peer_dies(void **state)
{
    struct world w;
    (void)state;
    open_trust(&w);
    world_restart_acc(&w, NULL);
    w.unreachable = true;
    assert_status(world_logon(&w, "alice", "Alice.pw1"), NO_LOGON_SERVERS);
    world_close(&w);
}

static void a_change_waits_for_logons_and_they_for_it(void **state)
{
    struct world w;
    struct ask ask;
    struct flying fly[100];
    (void)state;
    open_trust(&w);
    for (size_t i = 0; i < NT_COUNT(fly); i++) /* more than go at once */
        fly_start(&w, &fly[i], "alice", "Alice.pw1");
    world_ask(&w, &ask, NT_FORWARD_VERIFY);
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    world_settle(&w);
    assert_true(ask.done);
    assert_status(ask.fwd.status, SUCCESS);
    for (size_t i = 0; i < NT_COUNT(fly); i++)
        assert_status(fly_end(&fly[i]), SUCCESS);
    world_assert_good(&w);
    world_close(&w);
}

static void stopping_ends_everything(void **state)
{
    (void)state;
    for (int n = 0; n < 60; n++) {
        struct world w;
        struct ask ask;
        struct flying fly;
        open_trust(&w);
        world_ask(&w, &ask, NT_FORWARD_ROTATE);
        fly_start(&w, &fly, "alice", "Alice.pw1");
        for (int i = 0; i < n; i++)
            world_round(&w);
        (void)nt_runner_stop(w.runner);
        assert_true(ask.done);
        assert_true(fly.done);
        assert_false(
            nt_status_is(ask.fwd.status, NT_STATUS(NO_SUCH_DOMAIN))); /* it was not removed */
        assert_false(nt_status_is(fly_end(&fly), NT_STATUS(NO_SUCH_DOMAIN)));
        struct ask late;
        world_ask(&w, &late, NT_FORWARD_VERIFY);
        assert_true(late.done);
        assert_status(late.fwd.status, CONNECTION_ABORTED);
        world_settle(&w);
        assert_int_equal(nt_runner_deadline(w.runner), UINT64_MAX);
        assert_null(nt_runner_link(w.runner));
        world_close(&w);
    }
}

static void a_trust_removed_here_ends_its_runner(void **state)
{
    struct world w;
    struct ask ask;
    (void)state;
    open_trust(&w);
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    assert_true(nt_status_ok(world_change(&w.res, do_remove, NULL)));
    world_settle(&w);
    assert_true(ask.done);
    assert_status(ask.fwd.status, NO_SUCH_DOMAIN);
    world_close(&w);
}

/* A runner of an older establishment does not write over a newer one. */
static void a_trust_begun_anew_is_not_overwritten(void **state)
{
    struct world w;
    struct nt_password initial = { .len = 0 };
    (void)state;
    open_trust(&w);
    uint64_t epoch = world_out(&w).epoch;
    struct ask ask;
    world_ask(&w, &ask, NT_FORWARD_ROTATE);
    w.now_ms += 1000;
    assert_true(nt_status_ok(world_change(&w.res, do_reset, &initial)));
    world_settle(&w);
    assert_true(ask.done);
    assert_true(world_out(&w).epoch != epoch);
    assert_true(world_out(&w).current.initial);
    struct nt_dir *dir = nt_engine_dir(w.res.engine);
    assert_false(nt_runner_is_for(w.runner, nt_dir_tdo(dir, "ACCOUNTS")));
    nt_dir_unref(dir);
    world_close(&w);
}

static void a_clock_that_jumps_breaks_nothing(void **state)
{
    static const int64_t jumps_s[] = { -86400, 86400, -90 * 86400, 365 * 86400 };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(jumps_s); i++) {
        struct world w;
        open_trust(&w);
        w.skew_s = jumps_s[i];
        world_run(&w, 2 * HOUR);
        world_assert_good(&w);
        w.skew_s = 0;
        world_run(&w, 2 * HOUR);
        world_assert_good(&w);
        world_close(&w);
    }
}

/* Accidents one after the other, by the seed; when they stop, all is well within a check. */
static void anything_may_happen_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w;
        uint64_t dice = seed * 0x9E3779B97F4A7C15u;
        print_message("seed %u\n", (unsigned)seed); /* the last one shown is the one that broke */
        world_open(&w, seed);
        world_trust(&w, WORLD_INITIAL, false);
        world_run(&w, HOUR);
        world_assert_good(&w);
        world_policy(&w.res, "change_interval_s", 600);
        for (int i = 0; i < 25; i++) {
            struct ask ask;
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            unsigned roll = (unsigned)(dice >> 40);
            switch (roll % 9) {
            case 0:
                world_crash_res(&w);
                break;
            case 1:
                world_restart_acc(&w, NULL);
                break;
            case 2:
                w.cut_at = w.moved + 1 + (roll >> 4) % 4000;
                break;
            case 3:
                w.drop_reply_of = (roll >> 4) % 2 == 0 ? OP_SET2 : OP_AUTH3;
                break;
            case 4:
                w.unreachable = !w.unreachable;
                break;
            case 5:
                nt_store_memory_fail(nt_engine_store(w.res.engine), 1 + (roll >> 4) % 4, NT_E_FULL);
                break;
            case 6:
                nt_store_memory_fail(nt_engine_store(w.acc.engine), 1 + (roll >> 4) % 4, NT_E_FULL);
                break;
            case 7:
                world_ask(&w, &ask, NT_FORWARD_ROTATE);
                for (unsigned n = (roll >> 4) % 60; n > 0; n--)
                    world_round(&w);
                world_crash_res(&w);
                assert_true(ask.done);
                break;
            default:
                world_run(&w, (roll >> 4) % 600000);
                break;
            }
            world_assert_i1(&w);
            world_assert_i3(&w);
            world_run(&w, (roll >> 8) % 30000);
        }
        w.unreachable = false;
        w.cut_at = 0;
        w.drop_reply_of = -1;
        nt_store_memory_fail(nt_engine_store(w.res.engine), 0, NT_OK);
        nt_store_memory_fail(nt_engine_store(w.acc.engine), 0, NT_OK);
        world_policy(&w.res, "change_interval_s", 7 * 24 * 3600);
        world_run(&w, HOUR);
        world_assert_good(&w);
        assert_status(world_logon(&w, "alice", "Alice.pw1"), SUCCESS);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trust_is_established_and_its_initial_password_dies),
        cmocka_unit_test(a_wrong_initial_password_burns_the_permission),
        cmocka_unit_test(a_wrong_one_of_several_attempts_is_not_called_burned),
        cmocka_unit_test(the_right_one_after_a_burn_opens_nothing),
        cmocka_unit_test(a_removed_trust_is_told_and_needs_both_ends),
        cmocka_unit_test(a_change_is_made_when_it_is_due),
        cmocka_unit_test(a_person_gets_a_change_and_its_outcome),
        cmocka_unit_test(a_change_asked_for_in_the_store_is_made),
        cmocka_unit_test(a_wish_beside_a_commit_is_not_lost),
        cmocka_unit_test(a_lost_answer_to_a_change_is_cured),
        cmocka_unit_test(a_lost_answer_to_the_first_change_is_cured),
        cmocka_unit_test(a_lost_answer_to_the_first_authentication_is_cured),
        cmocka_unit_test(an_establishment_survives_a_cut_anywhere),
        cmocka_unit_test(a_partner_with_pipes_only_is_as_good),
        cmocka_unit_test(a_change_survives_a_cut_anywhere),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(a_crash_after_any_commit_loses_nothing),
        cmocka_unit_test(a_crash_after_any_round_loses_nothing),
        cmocka_unit_test(a_trusted_end_that_went_back_gets_ours_again),
        cmocka_unit_test(one_controller_that_refuses_does_not_break_the_trust),
        cmocka_unit_test(nothing_is_changed_while_a_controller_lags),
        cmocka_unit_test(a_refusal_by_another_controller_is_not_judged_alone),
        cmocka_unit_test(a_trust_that_all_controllers_refuse_is_broken),
        cmocka_unit_test(a_trusting_end_that_went_back_takes_over_the_newer_one),
        cmocka_unit_test(a_check_of_an_open_channel_looks_anew),
        cmocka_unit_test(an_unreachable_peer_is_tried_with_growing_pauses),
        cmocka_unit_test(a_dead_controller_is_passed_over),
        cmocka_unit_test(controllers_are_looked_for_where_none_are_named),
        cmocka_unit_test(what_was_asked_in_vain_is_told),
        cmocka_unit_test(a_named_server_ends_the_search),
        cmocka_unit_test(pauses_hold_while_the_store_is_busy),
        cmocka_unit_test(a_mute_peer_is_given_up),
        cmocka_unit_test(garbage_is_no_reason_to_break),
        cmocka_unit_test(another_sid_behind_the_name_is_told),
        cmocka_unit_test(the_sid_is_learned),
        cmocka_unit_test(weak_cryptography_needs_both_policies),
        cmocka_unit_test(a_commit_that_fails_stops_what_needs_it),
        cmocka_unit_test(a_full_disk_there_is_tried_again),
        cmocka_unit_test(while_the_disk_is_full_people_are_told_and_logons_go_on),
        cmocka_unit_test(a_person_need_not_wait_once_the_disk_has_room),
        cmocka_unit_test(a_logon_opens_a_channel_that_has_gone),
        cmocka_unit_test(logons_end_when_the_peer_dies),
        cmocka_unit_test(a_change_waits_for_logons_and_they_for_it),
        cmocka_unit_test(stopping_ends_everything),
        cmocka_unit_test(a_trust_removed_here_ends_its_runner),
        cmocka_unit_test(a_trust_begun_anew_is_not_overwritten),
        cmocka_unit_test(a_clock_that_jumps_breaks_nothing),
        cmocka_unit_test(anything_may_happen_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
