/* What a program may do with a handle of libntrust, and what cannot happen to it. */
#include "../test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ntrust/ntrust.h"

#define NOBODY "127.0.0.1:1" /* nothing listens there */

static struct ntrust *make(void)
{
    struct ntrust *t = ntrust_new();
    assert_non_null(t);
    assert_int_equal(ntrust_set_end(t, 0, "WEST@smb:" NOBODY), NTRUST_OK);
    assert_int_equal(ntrust_set_end(t, 1, "EAST@smb:" NOBODY), NTRUST_OK);
    return t;
}

static void identify(struct ntrust *t)
{
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(ntrust_set_password(t, i, "Administrator", "secret"), NTRUST_OK);
}

static void a_handle_that_is_new_knows_nothing(void **state)
{
    (void)state;
    struct ntrust_verdict v;
    struct ntrust_end e;
    struct ntrust_outcome o;
    struct ntrust *t = ntrust_new();
    assert_int_equal(ntrust_get_verdict(t, &v, sizeof v), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_get_end(t, 0, &e, sizeof e), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_get_outcome(t, &o, sizeof o), NTRUST_E_ARGUMENT);
    assert_string_equal(ntrust_get_plan(t, 0), "");
    assert_string_equal(ntrust_error(t), "");
    assert_int_equal(ntrust_check(t), NTRUST_E_ARGUMENT);
    assert_string_equal(ntrust_error(t), "end 0 has no name yet");
    ntrust_free(t);
}

static void no_handle_is_no_crash(void **state)
{
    (void)state;
    struct ntrust_verdict v;
    assert_int_equal(ntrust_set_end(NULL, 0, "WEST"), NTRUST_E_MEMORY);
    assert_int_equal(ntrust_check(NULL), NTRUST_E_MEMORY);
    assert_int_equal(ntrust_change(NULL, NTRUST_RESET), NTRUST_E_MEMORY);
    assert_int_equal(ntrust_get_verdict(NULL, &v, sizeof v), NTRUST_E_ARGUMENT);
    assert_string_equal(ntrust_error(NULL), "out of memory");
    ntrust_free(NULL);
}

static void what_breaks_its_form_is_told_and_changes_nothing(void **state)
{
    (void)state;
    char path[] = "/tmp/ntrust-handle-XXXXXX";
    struct ntrust *t = ntrust_new();
    assert_int_equal(ntrust_set_end(t, 2, "WEST"), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_end(t, 0, "@dc"), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_end(t, 0, NULL), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_servers(t, 0, "dc1"), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_end(t, 0, "WEST"), NTRUST_OK);
    assert_string_equal(ntrust_error(t), "");
    assert_int_equal(ntrust_set_servers(t, 0, "dc1:99999"), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_servers(t, 0, ""), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_servers(t, 0, "dc1 smb:dc2:445"), NTRUST_OK);
    assert_int_equal(ntrust_set_password(t, 0, NULL, "x"), NTRUST_E_ARGUMENT);
    assert_string_equal(ntrust_error(t), "no user of WEST is named");
    assert_int_equal(ntrust_set_password(t, 0, "WEST\\", "x"), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_password(t, 0, "emil", "\xff"), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_credentials_file(t, 0, ""), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_load_ends(t, "/nonexistent/ends.ini"), NTRUST_E_FILE);
    assert_int_equal(ntrust_plan(t, (enum ntrust_goal)99), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_kind(t, 4, 0), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_set_notes(t, "/tmp"), NTRUST_OK);
    assert_int_equal(ntrust_set_notes(t, NULL), NTRUST_OK);
    assert_int_equal(ntrust_plan(t, NTRUST_ESTABLISH), NTRUST_E_ARGUMENT);
    assert_string_equal(ntrust_error(t), "it is not said which end is to trust the other");
    /* a file that others may read */
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(ntrust_set_end(t, 1, "EAST@" NOBODY), NTRUST_OK);
    assert_int_equal(ntrust_set_credentials_file(t, 1, path), NTRUST_OK);
    assert_int_equal(ntrust_check(t), NTRUST_E_FILE);
    assert_non_null(strstr(ntrust_error(t), "0600"));
    close(fd);
    unlink(path);
    ntrust_free(t);
}

static void ends_that_are_not_reached_are_a_verdict(void **state)
{
    (void)state;
    struct ntrust_verdict v;
    struct ntrust_finding f;
    struct ntrust_end e;
    struct ntrust_controller c;
    struct ntrust *t = make();
    identify(t);
    assert_int_equal(ntrust_check(t), NTRUST_OK);
    assert_int_equal(ntrust_get_verdict(t, &v, sizeof v), NTRUST_OK);
    assert_int_equal(v.grade, NTRUST_CRITICAL);
    assert_string_equal(v.reason, "unreachable");
    assert_int_equal(v.findings, 6);
    assert_int_equal(ntrust_get_finding(t, 0, &f, sizeof f), NTRUST_OK);
    assert_string_equal(f.group, "network");
    assert_true(f.judged);
    assert_int_equal(ntrust_get_finding(t, 5, &f, sizeof f), NTRUST_OK);
    assert_string_equal(f.group, "policy");
    assert_false(f.judged);
    assert_int_equal(ntrust_get_finding(t, 6, &f, sizeof f), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_get_end(t, 1, &e, sizeof e), NTRUST_OK);
    assert_string_equal(e.named, "EAST");
    assert_false(e.seen);
    assert_int_equal(e.controllers, 1);
    assert_int_equal(e.main, 1);
    assert_int_equal(ntrust_get_controller(t, 1, 0, &c, sizeof c), NTRUST_OK);
    assert_int_equal(c.reached, NTRUST_NOT_SEEN);
    assert_non_null(strstr(c.reached_error, "refused"));
    assert_int_equal(c.object, NTRUST_NOT_ASKED);
    assert_string_equal(c.object_name, "");
    assert_int_equal(ntrust_get_controller(t, 1, 1, &c, sizeof c), NTRUST_E_ARGUMENT);
    assert_int_equal(ntrust_change(t, NTRUST_RESET), NTRUST_E_REFUSED);
    assert_non_null(strstr(ntrust_error(t), "refused"));
    /* another end: nothing of it was seen */
    assert_int_equal(ntrust_set_end(t, 1, "NORTH@" NOBODY), NTRUST_OK);
    assert_int_equal(ntrust_get_verdict(t, &v, sizeof v), NTRUST_E_ARGUMENT);
    ntrust_free(t);
}

static void an_older_or_newer_program_gets_what_it_knows(void **state)
{
    (void)state;
    struct {
        struct ntrust_verdict known;
        uint64_t later;
    } newer;
    union {
        struct ntrust_verdict v;
        unsigned char b[sizeof(struct ntrust_verdict)];
    } older;
    struct ntrust *t = make();
    assert_int_equal(ntrust_check(t), NTRUST_OK);
    memset(&newer, 0xAA, sizeof newer);
    assert_int_equal(ntrust_get_verdict(t, &newer.known, sizeof newer), NTRUST_OK);
    assert_int_equal(newer.known.findings, 6);
    assert_int_equal(newer.later, 0);
    memset(older.b, 0xAA, sizeof older.b);
    size_t known = offsetof(struct ntrust_verdict, cause);
    assert_int_equal(ntrust_get_verdict(t, &older.v, known), NTRUST_OK);
    assert_int_equal(older.v.grade, newer.known.grade);
    for (size_t i = known; i < sizeof older.b; i++)
        assert_int_equal(older.b[i], 0xAA);
    assert_int_equal(ntrust_get_verdict(t, &older.v, 0), NTRUST_E_ARGUMENT);
    ntrust_free(t);
}

/* --- what is told while a call is under way --- */

struct told {
    struct ntrust *t;
    unsigned count;
    enum ntrust_result set, check;
};

static void call_again(void *ctx, const char *host, const char *step)
{
    struct told *told = ctx;
    assert_string_equal(host, "127.0.0.1");
    assert_true(*step != '\0');
    told->count++;
    told->set = ntrust_set_timeout(told->t, 1);
    told->check = ntrust_check(told->t);
}

static void a_handle_in_use_is_busy(void **state)
{
    (void)state;
    struct told told = { .t = make() };
    identify(told.t);
    assert_int_equal(ntrust_on_progress(told.t, call_again, &told), NTRUST_OK);
    assert_int_equal(ntrust_check(told.t), NTRUST_OK);
    assert_true(told.count >= 2);
    assert_int_equal(told.set, NTRUST_E_BUSY);
    assert_int_equal(told.check, NTRUST_E_BUSY);
    assert_int_equal(ntrust_set_timeout(told.t, 1000), NTRUST_OK);
    ntrust_free(told.t);
}

static void break_pipe(void *ctx, const char *host, const char *step)
{
    (void)ctx, (void)host, (void)step;
    raise(SIGPIPE);
}

static void a_broken_pipe_ends_no_program(void **state)
{
    (void)state;
    sigset_t pending, blocked;
    struct ntrust *t = make();
    identify(t);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(ntrust_on_progress(t, break_pipe, NULL), NTRUST_OK);
    assert_int_equal(ntrust_check(t), NTRUST_OK);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGPIPE), 0);
    ntrust_free(t);
}

static void *check_some(void *arg)
{
    unsigned *good = arg;
    for (int i = 0; i < 5; i++) {
        struct ntrust *t = ntrust_new();
        struct ntrust_verdict v;
        if (ntrust_set_end(t, 0, "WEST@smb:" NOBODY) == NTRUST_OK &&
            ntrust_set_end(t, 1, "EAST@smb:" NOBODY) == NTRUST_OK &&
            ntrust_set_password(t, 0, "Administrator", "secret") == NTRUST_OK &&
            ntrust_check(t) == NTRUST_OK && ntrust_get_verdict(t, &v, sizeof v) == NTRUST_OK &&
            v.grade == NTRUST_CRITICAL)
            ++*good;
        ntrust_free(t);
    }
    return NULL;
}

static void threads_with_a_handle_each_do_not_meet(void **state)
{
    (void)state;
    pthread_t thread[8];
    unsigned good[8] = { 0 };
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, check_some, &good[i]), 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(good[i], 5);
    }
}

static void the_version_is_the_project_s(void **state)
{
    (void)state;
    unsigned major, minor, patch;
    assert_int_equal(sscanf(ntrust_version(), "%u.%u.%u", &major, &minor, &patch), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_that_is_new_knows_nothing),
        cmocka_unit_test(no_handle_is_no_crash),
        cmocka_unit_test(what_breaks_its_form_is_told_and_changes_nothing),
        cmocka_unit_test(ends_that_are_not_reached_are_a_verdict),
        cmocka_unit_test(an_older_or_newer_program_gets_what_it_knows),
        cmocka_unit_test(a_handle_in_use_is_busy),
        cmocka_unit_test(a_broken_pipe_ends_no_program),
        cmocka_unit_test(threads_with_a_handle_each_do_not_meet),
        cmocka_unit_test(the_version_is_the_project_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
