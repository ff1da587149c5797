/*
 * test_loop.c - posting into a loop's thread.
 */
#include "../test.h"

#include <pthread.h>
#include <stdlib.h>

#include "daemon/loop.h"

struct item {
    struct nt_post post;
    unsigned from, number;
    unsigned *last; /* of each poster */
    unsigned *count;
    struct nt_loop *loop;
    uv_thread_t *thread;
};

static void run(struct nt_post *post)
{
    struct item *i = (struct item *)post;
    uv_thread_t self = uv_thread_self();
    if (i->thread != NULL)
        assert_true(uv_thread_equal(&self, i->thread));
    assert_int_equal(i->last[i->from] + 1, i->number); /* in the order posted */
    i->last[i->from] = i->number;
    (*i->count)++;
    free(i);
}

struct poster {
    struct nt_loop *loop;
    unsigned from, *last, *count;
};

static void *post_many(void *arg)
{
    const struct poster *p = arg;
    for (unsigned n = 1; n <= 5000; n++) {
        struct item *i = calloc(1, sizeof *i);
        if (i == NULL)
            abort();
        i->post.run = run;
        i->from = p->from;
        i->number = n;
        i->last = p->last;
        i->count = p->count;
        i->thread = &p->loop->thread;
        nt_loop_post(p->loop, &i->post);
    }
    return NULL;
}

static void all_that_is_posted_runs_there_in_order(void **state)
{
    struct nt_loop *loop = malloc(sizeof *loop);
    pthread_t threads[3];
    struct poster posters[3];
    unsigned last[3] = { 0 }, count = 0;
    (void)state;
    assert_int_equal(nt_loop_init(loop), NT_OK);
    assert_int_equal(nt_loop_start(loop), NT_OK);
    for (unsigned i = 0; i < 3; i++) {
        posters[i] = (struct poster){ loop, i, last, &count };
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    nt_loop_done(loop); /* runs what was posted before */
    assert_int_equal(count, 15000);
    free(loop);
}

struct chain {
    struct nt_post post;
    struct nt_loop *loop;
    unsigned left;
};

static void again(struct nt_post *post)
{
    struct chain *c = (struct chain *)post;
    if (--c->left > 0)
        nt_loop_post(c->loop, post); /* its owner may use it again from here on */
}

static void a_post_may_post_itself_again(void **state)
{
    struct nt_loop *loop = malloc(sizeof *loop);
    struct chain c = { .post.run = again, .loop = loop, .left = 100 };
    (void)state;
    assert_int_equal(nt_loop_init(loop), NT_OK);
    nt_loop_post(loop, &c.post);
    for (int i = 0; i < 1000 && c.left > 0; i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(c.left, 0);
    nt_loop_done(loop);
    free(loop);
}

static void a_loop_that_did_nothing_ends(void **state)
{
    struct nt_loop *loop = malloc(sizeof *loop);
    (void)state;
    assert_int_equal(nt_loop_init(loop), NT_OK);
    uint64_t now = nt_loop_now(loop);
    assert_true(nt_loop_now(loop) >= now);
    nt_loop_done(loop);
    free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_posted_runs_there_in_order),
        cmocka_unit_test(a_post_may_post_itself_again),
        cmocka_unit_test(a_loop_that_did_nothing_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
