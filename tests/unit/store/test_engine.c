/* The writer: what is acknowledged is durable, what fails leaves nothing, and readers see committed
 * states only. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/memory.h"
#include "store/sqlite_internal.h"
#include "support.h"

static uint64_t serial_of(struct nt_engine *e)
{
    struct nt_dir *dir = nt_engine_dir(e);
    uint64_t serial = nt_dir_domain(dir)->serial;
    nt_dir_unref(dir);
    return serial;
}

static size_t accounts_of(struct nt_engine *e)
{
    struct nt_dir *dir = nt_engine_dir(e);
    size_t count = nt_dir_count(dir, NT_KIND_ACCOUNT);
    nt_dir_unref(dir);
    return count;
}

static uint8_t byte_of(struct nt_engine *e, uint32_t rid)
{
    struct nt_dir *dir = nt_engine_dir(e);
    const struct nt_account *a = nt_dir_account_rid(dir, rid);
    uint8_t byte = a != NULL ? a->nt_hash.b[0] : 0;
    nt_dir_unref(dir);
    return byte;
}

static ntstatus decide_domain(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    return nt_status_of(nt_txn_put(txn, new_domain()));
}

/* An engine on a memory store that has a domain. */
static struct nt_engine *memory_engine(struct nt_store **store)
{
    *store = nt_store_memory();
    assert_non_null(*store);
    struct nt_engine *e = must_run(*store);
    struct nt_wish domain = { .decide = decide_domain };
    assert_int_equal(nt_engine_wish_wait(e, &domain).code, 0);
    return e;
}

/* An owner without the thread steps the engine when there is something to do, and not before. */
static void an_owner_sees_whether_something_waits(void **state)
{
    (void)state;
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    struct account_wish w;
    assert_false(nt_engine_waiting(e));
    account_wish(&w, 1000, 1);
    nt_engine_wish(e, &w.wish);
    assert_true(nt_engine_waiting(e));
    assert_false(w.told);
    nt_engine_run(e);
    assert_true(w.told);
    assert_false(nt_engine_waiting(e));
    nt_engine_free(e);
}

static void waiting_wishes_share_one_commit_and_one_serial(void **state)
{
    (void)state;
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    uint64_t serial = serial_of(e), commits = nt_store_memory_commits(store);
    struct account_wish w[50];
    for (uint32_t i = 0; i < 50; i++) {
        account_wish(&w[i], 1000 + i, 1);
        nt_engine_wish(e, &w[i].wish);
    }
    assert_int_equal(accounts_of(e), 0); /* nothing shows before the commit */
    nt_engine_run(e);
    assert_int_equal(accounts_of(e), 50);
    assert_int_equal(serial_of(e), serial + 1);
    assert_int_equal(nt_store_memory_commits(store), commits + 1);
    for (size_t i = 0; i < 50; i++) {
        assert_true(w[i].told);
        assert_int_equal(w[i].wish.status.code, 0);
    }
    nt_engine_free(e);
}

static void a_flood_is_split_into_several_commits(void **state)
{
    (void)state;
    static struct account_wish w[2000];
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    uint64_t commits = nt_store_memory_commits(store);
    for (uint32_t i = 0; i < NT_COUNT(w); i++) {
        account_wish(&w[i], 1000 + i, 1);
        nt_engine_wish(e, &w[i].wish);
    }
    nt_engine_run(e);
    assert_int_equal(accounts_of(e), NT_COUNT(w));
    commits = nt_store_memory_commits(store) - commits;
    assert_in_range(commits, 2, 20);
    nt_engine_free(e);
}

/* Every decision sees the ones before it in the same batch. */
struct add_wish {
    struct nt_wish wish;
    ntstatus fail_with; /* after putting */
    unsigned decided;
};

static ntstatus decide_add(struct nt_wish *wish, struct nt_txn *txn)
{
    struct add_wish *w = (struct add_wish *)wish;
    const struct nt_account *a = nt_dir_account_rid(nt_txn_dir(txn), 1000);
    struct nt_account *next = a != NULL ? nt_record_clone(a) : new_account(1000, "counter", 0);
    next->nt_hash.b[0]++;
    w->decided++;
    nt_txn_event(txn, NT_EVENT_INFO, "counted", "counter", "", "one more");
    enum nt_err err = nt_txn_put(txn, next);
    return err != NT_OK ? nt_status_of(err) : w->fail_with;
}

static void count_event(void *ctx, const struct nt_event *event)
{
    (void)event;
    ++*(size_t *)ctx;
}

static size_t events_of(struct nt_engine *e)
{
    size_t count = 0;
    assert_int_equal(nt_store_events(nt_engine_store(e), 0, NULL, 1000000, count_event, &count),
                     NT_OK);
    return count;
}

static void a_wish_that_fails_leaves_nothing_and_the_others_stand(void **state)
{
    (void)state;
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    struct add_wish w[10] = { 0 };
    for (size_t i = 0; i < 10; i++) {
        w[i].wish.decide = decide_add;
        if (i % 3 == 1)
            w[i].fail_with = NT_STATUS(ACCESS_DENIED);
        nt_engine_wish(e, &w[i].wish);
    }
    nt_engine_run(e);
    assert_int_equal(byte_of(e, 1000), 7);
    assert_int_equal(events_of(e), 7);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(w[i].wish.status.code, w[i].fail_with.code);

    /* Where all fail there is no commit, and the serial stays. */
    uint64_t serial = serial_of(e), commits = nt_store_memory_commits(store);
    w[1].wish.decide = decide_add;
    nt_engine_wish(e, &w[1].wish);
    nt_engine_run(e);
    assert_int_equal(serial_of(e), serial);
    assert_int_equal(nt_store_memory_commits(store), commits);
    nt_engine_free(e);
}

static void a_failed_commit_shows_nothing_and_tells_all(void **state)
{
    (void)state;
    static const struct {
        enum nt_err err;
        uint32_t status;
    } cases[] = {
        { NT_E_FULL, (uint32_t)NT_STATUS_CODE_DISK_FULL },
        { NT_E_IO, (uint32_t)NT_STATUS_CODE_INTERNAL_ERROR },
        { NT_E_READONLY, (uint32_t)NT_STATUS_CODE_MEDIA_WRITE_PROTECTED },
        { NT_E_CORRUPT, (uint32_t)NT_STATUS_CODE_INTERNAL_DB_CORRUPTION },
    };
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    for (size_t k = 0; k < NT_COUNT(cases); k++) {
        struct add_wish w[5] = { 0 };
        uint8_t before = byte_of(e, 1000);
        uint64_t serial = serial_of(e);
        size_t events = events_of(e);
        nt_store_memory_fail(store, 1, cases[k].err);
        for (size_t i = 0; i < 5; i++) {
            w[i].wish.decide = decide_add;
            nt_engine_wish(e, &w[i].wish);
        }
        nt_engine_run(e);
        assert_int_equal(byte_of(e, 1000), before);
        assert_int_equal(serial_of(e), serial);
        assert_int_equal(events_of(e), events);
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(w[i].wish.status.code, cases[k].status);
            assert_int_equal(w[i].decided, 1);
        }
        /* The next one builds on what is committed. */
        struct add_wish next = { .wish = { .decide = decide_add } };
        assert_int_equal(nt_engine_wish_wait(e, &next.wish).code, 0);
        assert_int_equal(byte_of(e, 1000), before + 1);
        assert_int_equal(serial_of(e), serial + 1);
    }
    nt_engine_free(e);
}

static void a_failure_of_one_wish_does_not_take_the_batch_with_it(void **state)
{
    (void)state;
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    struct add_wish w[6] = { 0 };
    nt_store_memory_fail(store, 1, NT_E_LIMIT);
    for (size_t i = 0; i < 6; i++) {
        w[i].wish.decide = decide_add;
        nt_engine_wish(e, &w[i].wish);
    }
    nt_engine_run(e);
    assert_int_equal(byte_of(e, 1000), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(w[i].wish.status.code, 0);
        assert_int_equal(w[i].decided, 2);
    }
    nt_engine_free(e);
}

/* A record that the store cannot hold: only who asked for it hears of it. */
static ntstatus decide_oversized(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    static uint8_t value[NT_BLOB_SECRET_MAX + 1];
    struct nt_lsa_secret *s = nt_record_new(NT_KIND_SECRET);
    assert_non_null(s);
    assert_true(nt_text_set(&s->name, "huge"));
    s->current = malloc(sizeof value);
    assert_non_null(s->current);
    memcpy(s->current, value, sizeof value);
    s->current_len = sizeof value;
    return nt_status_of(nt_txn_put(txn, s));
}

static void an_oversized_record_is_refused_alone(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct nt_engine *e = must_run(must_create(&p));
    struct nt_wish huge = { .decide = decide_oversized };
    struct account_wish w[4];
    for (uint32_t i = 0; i < 4; i++) {
        account_wish(&w[i], 1000 + i, 9);
        nt_engine_wish(e, &w[i].wish);
        if (i == 1)
            nt_engine_wish(e, &huge);
    }
    nt_engine_run(e);
    assert_int_equal(huge.status.code, (uint32_t)NT_STATUS_CODE_INVALID_PARAMETER);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(w[i].wish.status.code, 0);
    assert_int_equal(accounts_of(e), 4);
    nt_engine_free(e);
    struct nt_store *store = must_open(&p);
    struct nt_dir *dir = must_load(store);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), 4);
    assert_null(nt_dir_secret(dir, "huge"));
    nt_dir_unref(dir);
    nt_store_close(store);
    place_remove(&p);
}

static void one_more(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void watchers_hear_of_every_commit_that_changed_something(void **state)
{
    (void)state;
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    unsigned heard = 0;
    struct account_wish w;
    nt_engine_on_commit(e, one_more, &heard);
    account_wish(&w, 1000, 1);
    assert_int_equal(nt_engine_wish_wait(e, &w.wish).code, 0);
    assert_int_equal(heard, 1);
    assert_true(w.told);
    nt_store_memory_fail(store, 1, NT_E_FULL);
    assert_int_equal(nt_engine_wish_wait(e, &w.wish).code, (uint32_t)NT_STATUS_CODE_DISK_FULL);
    assert_int_equal(heard, 1);
    nt_engine_free(e);
}

/* --- threads --- */

#define WRITERS 8
#define EACH    1000

struct crowd {
    struct nt_engine *engine;
    uint32_t first_rid;
    uint32_t failures;
};

static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    for (uint32_t i = 0; i < EACH; i++) {
        struct account_wish w;
        account_wish(&w, c->first_rid + i % 50, (uint8_t)(i / 50 + 1));
        if (nt_engine_wish_wait(c->engine, &w.wish).code != 0 || !w.told ||
            byte_of(c->engine, w.rid) != w.hash_byte)
            c->failures++;
    }
    return NULL;
}

struct watch {
    struct nt_engine *engine;
    atomic_bool stop;
    uint64_t seen;
    unsigned failures;
};

/* Serials only ever rise, and one picture does not change while it is held. */
static void *watch_main(void *arg)
{
    struct watch *w = arg;
    while (!atomic_load(&w->stop)) {
        struct nt_dir *dir = nt_engine_dir(w->engine);
        uint64_t serial = nt_dir_domain(dir)->serial;
        size_t count = nt_dir_count(dir, NT_KIND_ACCOUNT), walked = 0;
        uint32_t rid = 0;
        for (const struct nt_account *a; (a = nt_dir_account_after(dir, rid)) != NULL; walked++)
            rid = a->rid;
        if (serial < w->seen || walked != count || nt_dir_domain(dir)->serial != serial)
            w->failures++;
        w->seen = serial;
        nt_dir_unref(dir);
    }
    return NULL;
}

static void crowds_of_writers_and_readers_agree(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct nt_engine *e = must_run(must_create(&p));
    struct nt_wish domain = { .decide = decide_domain };
    assert_int_equal(nt_engine_wish_wait(e, &domain).code, 0);
    assert_int_equal(nt_engine_start(e), NT_OK);
    unsigned commits = 0;
    nt_engine_on_commit(e, one_more, &commits);
    uint64_t serial = serial_of(e);

    pthread_t writers[WRITERS], watchers[2];
    struct crowd crowd[WRITERS];
    struct watch watch[2] = { { .engine = e }, { .engine = e } };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&watchers[i], NULL, watch_main, &watch[i]), 0);
    for (uint32_t i = 0; i < WRITERS; i++) {
        crowd[i] = (struct crowd){ e, 1000 + i * 50, 0 };
        assert_int_equal(pthread_create(&writers[i], NULL, crowd_main, &crowd[i]), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], NULL);
        assert_int_equal(crowd[i].failures, 0);
    }
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&watch[i].stop, true);
        pthread_join(watchers[i], NULL);
        assert_int_equal(watch[i].failures, 0);
    }
    assert_int_equal(accounts_of(e), WRITERS * 50);
    assert_int_equal(serial_of(e), serial + commits);
    assert_true(commits < WRITERS * EACH); /* some shared one */
    uint64_t last = serial_of(e);
    nt_engine_free(e);

    struct nt_store *store = must_open(&p);
    struct nt_dir *dir = must_load(store);
    assert_int_equal(nt_dir_domain(dir)->serial, last);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), WRITERS * 50);
    for (uint32_t rid = 1000; rid < 1000 + WRITERS * 50; rid++)
        assert_int_equal(nt_dir_account_rid(dir, rid)->nt_hash.b[0], EACH / 50);
    size_t events = 0;
    assert_int_equal(nt_store_events(store, 0, NULL, 1000000, count_event, &events), NT_OK);
    assert_int_equal(events, WRITERS * EACH);
    nt_dir_unref(dir);
    nt_store_close(store);
    place_remove(&p);
}

static void events_can_be_read_while_others_write(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct nt_engine *e = must_run(must_create(&p));
    assert_int_equal(nt_engine_start(e), NT_OK);
    pthread_t writer;
    struct crowd crowd = { e, 1000, 0 };
    assert_int_equal(pthread_create(&writer, NULL, crowd_main, &crowd), 0);
    size_t last = 0;
    for (int i = 0; i < 50; i++) {
        size_t now = events_of(e);
        assert_true(now >= last);
        last = now;
    }
    pthread_join(writer, NULL);
    assert_int_equal(crowd.failures, 0);
    assert_int_equal(events_of(e), EACH);
    nt_engine_free(e);
    place_remove(&p);
}

static void stopping_commits_what_waits(void **state)
{
    (void)state;
    static struct account_wish w[300];
    struct place p;
    place_make(&p);
    for (int with_thread = 0; with_thread < 2; with_thread++) {
        struct nt_engine *e = must_run(with_thread ? must_open(&p) : must_create(&p));
        if (with_thread)
            assert_int_equal(nt_engine_start(e), NT_OK);
        for (uint32_t i = 0; i < NT_COUNT(w); i++) {
            account_wish(&w[i], 1000 + i, (uint8_t)(with_thread + 1));
            nt_engine_wish(e, &w[i].wish);
        }
        nt_engine_free(e);
        for (size_t i = 0; i < NT_COUNT(w); i++)
            assert_true(w[i].told);
        struct nt_store *store = must_open(&p);
        struct nt_dir *dir = must_load(store);
        for (uint32_t i = 0; i < NT_COUNT(w); i++)
            assert_int_equal(nt_dir_account_rid(dir, 1000 + i)->nt_hash.b[0], with_thread + 1);
        nt_dir_unref(dir);
        nt_store_close(store);
    }
    place_remove(&p);
}

/* A memory store can be copied as it is on "disk", to crash or go back in time. */
static void a_memory_copy_stays_as_it_was(void **state)
{
    (void)state;
    struct nt_store *store;
    struct nt_engine *e = memory_engine(&store);
    struct account_wish w;
    account_wish(&w, 1000, 1);
    assert_int_equal(nt_engine_wish_wait(e, &w.wish).code, 0);
    struct nt_store *copy = nt_store_memory_copy(store);
    assert_non_null(copy);
    account_wish(&w, 1000, 2);
    assert_int_equal(nt_engine_wish_wait(e, &w.wish).code, 0);

    struct nt_engine *before = must_run(copy);
    assert_int_equal(byte_of(before, 1000), 1);
    assert_int_equal(byte_of(e, 1000), 2);
    assert_int_equal(events_of(before), 1);
    assert_int_equal(events_of(e), 2);
    nt_engine_free(before);
    nt_engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_sees_whether_something_waits),
        cmocka_unit_test(waiting_wishes_share_one_commit_and_one_serial),
        cmocka_unit_test(a_flood_is_split_into_several_commits),
        cmocka_unit_test(a_wish_that_fails_leaves_nothing_and_the_others_stand),
        cmocka_unit_test(a_failed_commit_shows_nothing_and_tells_all),
        cmocka_unit_test(a_failure_of_one_wish_does_not_take_the_batch_with_it),
        cmocka_unit_test(an_oversized_record_is_refused_alone),
        cmocka_unit_test(watchers_hear_of_every_commit_that_changed_something),
        cmocka_unit_test(crowds_of_writers_and_readers_agree),
        cmocka_unit_test(events_can_be_read_while_others_write),
        cmocka_unit_test(stopping_commits_what_waits),
        cmocka_unit_test(a_memory_copy_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
