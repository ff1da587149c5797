/*
 * test_parallel.c - several connections at once, each in a thread of its own, with the writer in
 * another: channels, password changes and logons keep out of each other's way.
 */
#include "../test.h"

#include <pthread.h>
#include <stdio.h>

#include "crypto/sysenv.h"
#include "fixture.h"

enum { THREADS = 6, ROUNDS = 20 };

struct worker {
    struct fix f; /* its own connection and arena; engine and service are shared */
    sem_t wake;
    unsigned number;
    unsigned good;
    pthread_t thread;
};

static void *work(void *ctx)
{
    struct worker *w = ctx;
    char computer[16], account[16], password[32];
    snprintf(computer, sizeof computer, "HOST%u", w->number);
    snprintf(account, sizeof account, "HOST%u$", w->number);
    snprintf(password, sizeof password, "Start.%u", w->number);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct client c = fix_client(computer, account, password, 2);
        if (!nt_status_ok(fix_setup(&w->f, &c)) || !nt_status_ok(fix_bind(&w->f, &c)))
            break;
        snprintf(password, sizeof password, "Round.%u.%u", w->number, round);
        if (nt_status_ok(fix_set_password(&w->f, &c, password, 0)))
            w->good++;
        struct client wrong = fix_client("EVIL", "RESOURCES$", "wrong", 4);
        (void)fix_setup(&w->f, &wrong); /* everybody at the same record, too */
        fix_drop(&c);
        nt_arena_reset(&w->f.arena);
    }
    return NULL;
}

static void connections_work_side_by_side(void **state)
{
    (void)state;
    struct fix f;
    struct worker *workers = calloc(THREADS, sizeof *workers);
    assert_non_null(workers);
    fix_open(&f);
    f.service.env = nt_env_system(); /* the fixture's own is for one thread */
    for (unsigned i = 0; i < THREADS; i++) {
        char account[16], password[32];
        snprintf(account, sizeof account, "HOST%u$", i);
        snprintf(password, sizeof password, "Start.%u", i);
        fix_account(&f, account, password, NT_ACB_WORKSTATION);
    }
    assert_int_equal(nt_engine_start(f.engine), NT_OK);

    for (unsigned i = 0; i < THREADS; i++) {
        struct worker *w = &workers[i];
        w->f = f;
        w->f.env.ctx = &w->f;
        w->f.seed = i + 1;
        w->number = i;
        sem_init(&w->wake, 0, 0);
        w->f.wake = &w->wake;
        w->f.conn = nt_conn_new(&f.service, "192.0.2.7:1", "192.0.2.1:49153");
        assert_non_null(w->f.conn);
        nt_arena_init(&w->f.arena, 16u << 20);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].good, ROUNDS);
        nt_conn_free(workers[i].f.conn);
        nt_arena_free(&workers[i].f.arena);
        sem_destroy(&workers[i].wake);
    }
    assert_int_equal(fix_trust_state(&f, "RESOURCES$"), NT_IN_BURNED);
    free(workers);
    fix_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(connections_work_side_by_side) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
