/* A store that several have open: each sees what the others have committed, decides on the newest
 * state, and loses nothing to them. On both backends. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "samples.h"
#include "store/backup.h"
#include "store/memory.h"

/* Two engines, as in two processes. */
struct pair {
    struct place place;
    struct nt_engine *a, *b;
};

static struct nt_store *must_share(const struct place *p)
{
    struct nt_store *store;
    char why[512] = "";
    enum nt_err err =
        nt_store_open_shared(p->store, p->key, nt_env_system(), &store, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(err, NT_OK);
    assert_true(nt_store_shared(store));
    return store;
}

static void make_place(struct place *p)
{
    place_make(p);
    struct nt_store *store = must_create(p);
    struct nt_dir *dir = must_load(store);
    commit_put(store, &dir, new_domain());
    nt_dir_unref(dir);
    nt_store_close(store);
}

static void open_files(struct pair *p)
{
    make_place(&p->place);
    p->a = must_run(must_share(&p->place));
    p->b = must_run(must_share(&p->place));
}

static ntstatus decide_domain(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    return nt_status_of(nt_txn_put(txn, new_domain()));
}

static void open_memories(struct pair *p)
{
    struct nt_wish domain = { .decide = decide_domain };
    struct nt_store *one = nt_store_memory(), *other = nt_store_memory_share(one);
    memset(&p->place, 0, sizeof p->place);
    p->a = must_run(one);
    assert_int_equal(nt_engine_wish_wait(p->a, &domain).code, 0);
    p->b = must_run(other);
}

static void close_pair(struct pair *p)
{
    nt_engine_free(p->a);
    nt_engine_free(p->b);
    if (p->place.dir[0] != '\0')
        place_remove(&p->place);
}

static void (*const ways[])(struct pair *p) = { open_files, open_memories };

/* --- what one puts, the other has --- */

struct put_wish {
    struct nt_wish wish; /* first */
    void *record;
    const void *gone; /* a record of the directory to be deleted instead */
};

static ntstatus decide_put(struct nt_wish *wish, struct nt_txn *txn)
{
    struct put_wish *w = (struct put_wish *)wish;
    enum nt_err err =
        w->gone != NULL ? nt_txn_delete(txn, w->gone) : nt_txn_put(txn, nt_record_clone(w->record));
    return nt_status_of(err);
}

static void put(struct nt_engine *e, void *record)
{
    struct put_wish w = { .wish.decide = decide_put, .record = record };
    assert_int_equal(nt_engine_wish_wait(e, &w.wish).code, 0);
    nt_record_unref(record);
}

static void drop(struct nt_engine *e, const void *record)
{
    struct put_wish w = { .wish.decide = decide_put, .gone = record };
    assert_int_equal(nt_engine_wish_wait(e, &w.wish).code, 0);
}

static struct nt_group *new_group(uint32_t rid, const char *name, uint32_t members)
{
    struct nt_group *g = nt_record_new(NT_KIND_GROUP);
    assert_non_null(g);
    assert_true(nt_text_set(&g->name, name));
    g->rid = rid;
    g->members = calloc(members > 0 ? members : 1, sizeof *g->members);
    assert_non_null(g->members);
    for (uint32_t i = 0; i < members; i++)
        g->members[g->member_count++] = 5000 + i;
    return g;
}

static struct nt_alias *new_alias(bool builtin, const char *name)
{
    struct nt_alias *a = nt_record_new(NT_KIND_ALIAS);
    assert_non_null(a);
    assert_true(nt_text_set(&a->name, name));
    a->builtin = builtin;
    a->rid = 700;
    a->members = calloc(1, sizeof *a->members);
    assert_non_null(a->members);
    assert_true(nt_sid_parse("S-1-5-21-7-8-9-1000", &a->members[0]));
    a->member_count = 1;
    return a;
}

static void every_kind_of_record_comes_over(struct pair *p)
{
    struct nt_policy *policy = nt_record_new(NT_KIND_POLICY);
    assert_non_null(policy);
    nt_policy_default(policy);
    policy->history_kept = 3;
    put(p->a, policy);
    put(p->a, full_account(1000, false));
    put(p->a, new_group(1001, "Staff", 3));
    put(p->a, new_alias(false, "Local"));
    put(p->a, new_alias(true, "Local"));
    put(p->a, full_tdo("EAST", false));
    put(p->a, full_secret("X", 40, 0));

    struct nt_dir *at_a = nt_engine_dir(p->a), *before = nt_engine_dir(p->b),
                  *dir = nt_engine_dir_now(p->b);
    assert_null(nt_dir_account_rid(before, 1000));
    assert_int_equal(nt_dir_policy(dir)->history_kept, 3);
    same_account(nt_dir_account_rid(at_a, 1000), nt_dir_account_rid(dir, 1000));
    assert_int_equal(nt_dir_group(dir, "staff")->member_count, 3);
    assert_int_equal(nt_dir_alias(dir, true, "local")->member_count, 1);
    assert_int_equal(nt_dir_alias(dir, false, "local")->member_count, 1);
    same_tdo(nt_dir_tdo(at_a, "EAST"), nt_dir_tdo(dir, "EAST"));
    same_secret(nt_dir_secret(at_a, "X"), nt_dir_secret(dir, "X"));
    assert_true(nt_dir_domain(dir)->serial == nt_dir_domain(at_a)->serial);

    /* and back: changed, and gone */
    put(p->b, new_group(1001, "Staff", 2));
    drop(p->b, nt_dir_account_rid(dir, 1000));
    drop(p->b, nt_dir_alias_rid(dir, true, 700));
    drop(p->b, nt_dir_tdo(dir, "EAST"));
    drop(p->b, nt_dir_secret(dir, "X"));
    struct nt_dir *back = nt_engine_dir_now(p->a);
    assert_int_equal(nt_dir_group_rid(back, 1001)->member_count, 2);
    assert_null(nt_dir_account_rid(back, 1000));
    assert_null(nt_dir_alias_rid(back, true, 700));
    assert_non_null(nt_dir_alias_rid(back, false, 700));
    assert_null(nt_dir_tdo(back, "EAST"));
    assert_null(nt_dir_secret(back, "X"));
    assert_int_equal(nt_dir_count(back, NT_KIND_ALIAS), 1);
    nt_dir_unref(at_a);
    nt_dir_unref(before);
    nt_dir_unref(dir);
    nt_dir_unref(back);
}

static void what_one_stores_the_other_has_at_its_next_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(ways); i++) {
        struct pair p;
        ways[i](&p);
        every_kind_of_record_comes_over(&p);
        close_pair(&p);
    }
}

/* Two names change hands between two looks, so that record by record they are in the way of each
 * other. */
static void names_that_change_hands_come_over(void **state)
{
    (void)state;
    struct pair p;
    open_files(&p);
    put(p.a, new_account(1000, "ann", 1));
    put(p.a, new_account(1001, "bob", 2));
    nt_dir_unref(nt_engine_dir_now(p.b));
    put(p.a, new_account(1000, "tmp", 1));
    put(p.a, new_account(1001, "ann", 2));
    put(p.a, new_account(1000, "bob", 1));
    struct nt_dir *dir = nt_engine_dir_now(p.b);
    assert_int_equal(nt_dir_account(dir, "ann")->rid, 1001);
    assert_int_equal(nt_dir_account(dir, "bob")->rid, 1000);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), 2);
    nt_dir_unref(dir);
    close_pair(&p);
}

static void count_call(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void who_catches_up_is_told_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(ways); i++) {
        struct pair p;
        unsigned told = 0;
        ways[i](&p);
        nt_engine_on_commit(p.b, count_call, &told);
        nt_dir_unref(nt_engine_dir_now(p.b));
        assert_int_equal(told, 0);
        put(p.a, new_account(1000, "ann", 1));
        nt_dir_unref(nt_engine_dir_now(p.b));
        nt_dir_unref(nt_engine_dir_now(p.b));
        assert_int_equal(told, 1);
        close_pair(&p);
    }
}

/* --- who decides, decides on the newest --- */

#define EACH 200

/* Counts an account's RID of the primary group up: a lost update would show. */
static ntstatus decide_count(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    struct nt_account *a = nt_record_clone(nt_dir_account_rid(nt_txn_dir(txn), 1000));
    a->primary_rid++;
    return nt_status_of(nt_txn_put(txn, a));
}

static void *count_main(void *arg)
{
    struct nt_engine *e = arg;
    for (int i = 0; i < EACH; i++) {
        struct nt_wish w = { .decide = decide_count };
        if (!nt_status_ok(nt_engine_wish_wait(e, &w)))
            return e;
        nt_dir_unref(nt_engine_dir_now(e));
    }
    return NULL;
}

static void no_change_is_lost_to_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(ways); i++) {
        struct pair p;
        pthread_t threads[4];
        ways[i](&p);
        put(p.a, new_account(1000, "ann", 1));
        struct nt_dir *dir = nt_engine_dir_now(p.b);
        uint32_t first = nt_dir_account_rid(dir, 1000)->primary_rid;
        nt_dir_unref(dir);
        assert_int_equal(nt_engine_start(p.a), NT_OK);
        assert_int_equal(nt_engine_start(p.b), NT_OK);
        for (size_t t = 0; t < NT_COUNT(threads); t++)
            assert_int_equal(pthread_create(&threads[t], NULL, count_main, t % 2 ? p.a : p.b), 0);
        for (size_t t = 0; t < NT_COUNT(threads); t++) {
            void *failed;
            pthread_join(threads[t], &failed);
            assert_null(failed);
        }
        struct nt_engine *both[] = { p.a, p.b };
        for (size_t t = 0; t < 2; t++) {
            dir = nt_engine_dir_now(both[t]);
            assert_int_equal(nt_dir_account_rid(dir, 1000)->primary_rid, first + 4 * EACH);
            nt_dir_unref(dir);
        }
        close_pair(&p);
    }
}

/* --- accidents --- */

static void a_failed_commit_holds_nobody_up(void **state)
{
    (void)state;
    struct nt_store *one = nt_store_memory(), *other = nt_store_memory_share(one);
    struct pair p = { .a = must_run(one), .b = must_run(other) };
    struct nt_wish domain = { .decide = decide_domain };
    assert_int_equal(nt_engine_wish_wait(p.a, &domain).code, 0);
    nt_store_memory_fail(one, 1, NT_E_FULL);
    struct put_wish w = { .wish.decide = decide_put, .record = new_account(1000, "ann", 1) };
    assert_false(nt_status_ok(nt_engine_wish_wait(p.a, &w.wish)));
    assert_int_equal(nt_engine_wish_wait(p.b, &w.wish).code, 0);
    nt_record_unref(w.record);
    close_pair(&p);
}

/* One dies in the middle of a transaction. */
static void a_process_that_dies_leaves_nothing_locked(void **state)
{
    (void)state;
    struct place place;
    int ready[2];
    char byte;
    make_place(&place);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct nt_dir *newer;
        char why[256];
        struct nt_store *store = must_share(&place);
        struct nt_dir *dir = must_load(store);
        bool begun = nt_store_begin(store, dir, &newer, why, sizeof why) == NT_OK;
        if (!begun || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct nt_engine *e = must_run(must_share(&place));
    put(e, new_account(1000, "ann", 1));
    nt_engine_free(e);
    close(ready[0]);
    close(ready[1]);
    place_remove(&place);
}

/* Whoever comes and goes in whatever order: the store has not gone back. Unless it has. */
static void a_shared_store_knows_whether_it_has_gone_back(void **state)
{
    (void)state;
    struct place place;
    struct nt_engine *e[2] = { NULL, NULL };
    struct nt_store_origin origin;
    char copy[128], why[256];
    uint32_t x = 7;
    make_place(&place);
    for (uint32_t i = 0; i < 60; i++) {
        x = x * 1664525 + 1013904223;
        struct nt_engine **one = &e[x >> 16 & 1];
        if (*one != NULL && (x >> 17 & 3) == 0) {
            nt_engine_free(*one);
            *one = NULL;
        }
        if (*one == NULL) {
            *one = must_run(must_share(&place));
            nt_store_origin(nt_engine_store(*one), &origin);
            assert_int_equal(origin.what, NT_ORIGIN_OWN);
        }
        put(*one, new_account(1000, "ann", (uint8_t)i));
        if (i == 30) {
            snprintf(copy, sizeof copy, "%s.copy", place.store);
            assert_int_equal(nt_store_backup(place.store, copy, nt_env_system(), why, sizeof why),
                             NT_OK);
        }
    }
    nt_engine_free(e[0]);
    nt_engine_free(e[1]);
    assert_int_equal(rename(copy, place.store), 0);
    struct nt_store *store = must_share(&place);
    nt_store_origin(store, &origin);
    assert_int_equal(origin.what, NT_ORIGIN_RESTORED);
    nt_store_close(store);
    place_remove(&place);
}

/* --- who may have it open --- */

static void is_refused(const struct place *p, bool shared, const char *says)
{
    struct nt_store *store;
    char why[512] = "";
    enum nt_err err = (shared ? nt_store_open_shared : nt_store_open)(
        p->store, p->key, nt_env_system(), &store, why, sizeof why);
    assert_int_equal(err, NT_E_LOCKED);
    assert_non_null(strstr(why, says));
    assert_null(store);
}

static void a_store_is_shared_by_all_or_by_none(void **state)
{
    (void)state;
    struct place p;
    make_place(&p);
    struct nt_store *store = must_open(&p);
    assert_false(nt_store_shared(store));
    is_refused(&p, true, "which does not share it");
    nt_store_close(store);
    store = must_share(&p);
    is_refused(&p, false, "is in use by process");
    nt_store_close(must_share(&p));
    nt_store_close(store);
    nt_store_close(must_open(&p));
    place_remove(&p);
}

static void a_store_that_others_have_open_is_not_migrated(void **state)
{
    (void)state;
    struct place p;
    make_place(&p);
    struct nt_store *store = must_share(&p);
    run_sql(p.store, "DROP TABLE changed; PRAGMA user_version = 2;");
    is_refused(&p, true, "others have it open");
    nt_store_close(store);
    nt_store_close(must_share(&p)); /* alone it can be */
    place_remove(&p);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1000;
}

/* Figures for bench/README.md; and bounds that only a mistake breaks. */
static void a_look_costs_microseconds(void **state)
{
    (void)state;
    struct pair p;
    const int looks = 20000, finds = 100;
    double nothing, found = 0;
    open_files(&p);
    nt_dir_unref(nt_engine_dir_now(p.a));
    nothing = now_us();
    for (int i = 0; i < looks; i++)
        nt_dir_unref(nt_engine_dir_now(p.a));
    nothing = (now_us() - nothing) / looks;
    for (int i = 0; i < finds; i++) {
        put(p.b, full_account(1000, false));
        double from = now_us();
        nt_dir_unref(nt_engine_dir_now(p.a));
        found += now_us() - from;
    }
    print_message("a look that finds nothing new: %.2f us; one changed account: %.0f us\n", nothing,
                  found / finds);
    assert_true(nothing < 5000);
    assert_true(found / finds < 50000);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_stores_the_other_has_at_its_next_use),
        cmocka_unit_test(names_that_change_hands_come_over),
        cmocka_unit_test(who_catches_up_is_told_once),
        cmocka_unit_test(no_change_is_lost_to_another),
        cmocka_unit_test(a_failed_commit_holds_nobody_up),
        cmocka_unit_test(a_process_that_dies_leaves_nothing_locked),
        cmocka_unit_test(a_shared_store_knows_whether_it_has_gone_back),
        cmocka_unit_test(a_store_is_shared_by_all_or_by_none),
        cmocka_unit_test(a_store_that_others_have_open_is_not_migrated),
        cmocka_unit_test(a_look_costs_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
