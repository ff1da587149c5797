/* SIGKILL at any moment: every acknowledged change is there afterwards, and none stands by half.
 * NT_SEED=n repeats a run. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

#define ROUNDS  20
#define WRITERS 4

static unsigned seed;

static unsigned next_random(void)
{
    seed = seed * 1103515245u + 12345u;
    return seed >> 8;
}

/* --- the child: writers that acknowledge on a pipe --- */

/* A wish that moves two accounts, which always say the same, and adds an event. */
struct pair_wish {
    struct nt_wish wish; /* first */
    uint32_t writer, value;
};

struct ack {
    uint32_t writer, value;
};

static struct nt_account *with_value(uint32_t rid, uint32_t value)
{
    char name[24];
    snprintf(name, sizeof name, "user%u", rid);
    struct nt_account *a = new_account(rid, name, 0);
    memcpy(a->nt_hash.b, &value, sizeof value);
    return a;
}

static uint32_t value_of(const struct nt_dir *dir, uint32_t rid)
{
    const struct nt_account *a = nt_dir_account_rid(dir, rid);
    uint32_t value = 0;
    if (a != NULL)
        memcpy(&value, a->nt_hash.b, sizeof value);
    return value;
}

static ntstatus decide_pair(struct nt_wish *wish, struct nt_txn *txn)
{
    struct pair_wish *w = (struct pair_wish *)wish;
    char subject[24];
    snprintf(subject, sizeof subject, "writer%u", w->writer);
    nt_txn_event(txn, NT_EVENT_INFO, "moved", subject, "", "%u", w->value);
    enum nt_err err = nt_txn_put(txn, with_value(1000 + w->writer, w->value));
    if (err == NT_OK)
        err = nt_txn_put(txn, with_value(2000 + w->writer, w->value));
    return nt_status_of(err);
}

struct writer {
    struct nt_engine *engine;
    uint32_t number, value;
    int pipe;
};

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    for (;;) {
        struct pair_wish wish = { { .decide = decide_pair }, w->number, ++w->value };
        if (nt_engine_wish_wait(w->engine, &wish.wish).code != 0)
            _exit(3);
        struct ack ack = { w->number, w->value };
        if (write(w->pipe, &ack, sizeof ack) != sizeof ack)
            _exit(4);
    }
    return NULL;
}

static void child_main(const struct place *p, int pipe)
{
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    struct nt_engine *engine = must_run(must_open(p));
    struct nt_dir *dir = nt_engine_dir(engine);
    if (nt_engine_start(engine) != NT_OK)
        _exit(2);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ engine, i, value_of(dir, 1000 + i), pipe };
        if (pthread_create(&threads[i], NULL, writer_main, &writers[i]) != 0)
            _exit(2);
    }
    for (;;)
        pause();
}

/* --- the parent --- */

static void last_event(void *ctx, const struct nt_event *event)
{
    *(uint32_t *)ctx = (uint32_t)strtoul(event->text, NULL, 10);
}

static void nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    struct place p;
    uint32_t acked[WRITERS] = { 0 };
    unsigned acks = 0;
    place_make(&p);
    nt_store_close(must_create(&p));
    for (int round = 0; round < ROUNDS; round++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            child_main(&p, fds[1]);
        }
        close(fds[1]);
        /* The first acknowledgement shows that it is at work; then some moment later. */
        struct ack ack;
        ssize_t n = read(fds[0], &ack, sizeof ack);
        for (bool first = true; n == (ssize_t)sizeof ack; n = read(fds[0], &ack, sizeof ack)) {
            assert_true(ack.writer < WRITERS);
            acked[ack.writer] = ack.value;
            acks++;
            if (first) {
                usleep(next_random() % 60000);
                kill(child, SIGKILL);
                first = false;
            }
        }
        close(fds[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        struct nt_store *store = must_open(&p);
        struct nt_dir *dir = must_load(store);
        for (uint32_t i = 0; i < WRITERS; i++) {
            char subject[24];
            uint32_t value = value_of(dir, 1000 + i), event = 0;
            snprintf(subject, sizeof subject, "writer%u", i);
            assert_int_equal(nt_store_events(store, UINT64_MAX, subject, 1, last_event, &event),
                             NT_OK);
            /* At most the one that was on its way may stand without an acknowledgement. */
            assert_in_range(value, acked[i], acked[i] + 1);
            assert_int_equal(value_of(dir, 2000 + i), value);
            assert_int_equal(event, value);
            acked[i] = value;
        }
        nt_dir_unref(dir);
        nt_store_close(store);
    }
    assert_true(acks > ROUNDS);
    place_remove(&p);
}

static void a_store_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    unsigned made = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct place p;
        place_make(&p);
        pid_t child = fork();
        if (child == 0) {
            struct nt_store *store;
            char why[512];
            enum nt_err err =
                nt_store_create(p.store, p.key, nt_env_system(), &store, why, sizeof why);
            _exit(err == NT_OK ? 0 : 1);
        }
        usleep(next_random() % 30000);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (file_exists(p.store)) {
            made++;
            nt_store_close(must_open(&p));
        } else {
            nt_store_close(must_create(&p)); /* nothing is in the way */
        }
        place_remove(&p);
    }
    print_message("%u of %d stores were made before the kill\n", made, ROUNDS);
}

int main(void)
{
    const char *given = getenv("NT_SEED");
    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("NT_SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost),
        cmocka_unit_test(a_store_is_made_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
