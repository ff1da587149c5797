/* A full disk: nothing of the failed commit is kept, everything before it is, and the store goes on
 * when there is room again. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sqlite_internal.h"
#include "support.h"

/* An account that takes some pages. */
static struct nt_account *big_account(uint32_t rid)
{
    static char text[60000];
    char name[24];
    snprintf(name, sizeof name, "big%u", rid);
    struct nt_account *a = new_account(rid, name, 1);
    memset(text, 'x', sizeof text - 1);
    assert_true(nt_text_set(&a->comment, text));
    return a;
}

/* Puts big accounts until one fails; returns how many were kept. */
static uint32_t fill(struct nt_store *store, struct nt_dir **dir, enum nt_err want)
{
    for (uint32_t n = 0; n < 2000; n++) {
        struct nt_txn *txn = nt_txn_begin(*dir, nt_env_system());
        char why[512] = "";
        assert_int_equal(nt_txn_put(txn, big_account(1000 + n)), NT_OK);
        nt_txn_event(txn, NT_EVENT_INFO, "added", "x", "", "number %u", n);
        enum nt_err err = nt_store_commit(store, txn, why, sizeof why);
        if (err != NT_OK) {
            if (err != want)
                print_error("got %d %s\n", (int)err, why);
            assert_int_equal(err, want);
            assert_non_null(strstr(why, "no space left"));
            nt_txn_free(txn);
            return n;
        }
        nt_dir_unref(*dir);
        *dir = nt_dir_ref(nt_txn_dir(txn));
        nt_txn_free(txn);
    }
    fail_msg("the disk never filled");
    return 0;
}

static void count_event(void *ctx, const struct nt_event *event)
{
    (void)event;
    ++*(size_t *)ctx;
}

static void exactly(struct nt_store *store, uint32_t accounts)
{
    size_t events = 0;
    struct nt_dir *dir = must_load(store);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), accounts);
    nt_dir_unref(dir);
    assert_int_equal(nt_store_events(store, 0, NULL, 100000, count_event, &events), NT_OK);
    assert_int_equal(events, accounts);
}

static void a_store_at_its_largest_keeps_what_it_has(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct nt_store *store = must_create(&p);
    struct nt_dir *dir = must_load(store);
    struct sqlite_store *s = (struct sqlite_store *)store;
    assert_int_equal(sqlite3_exec(s->db, "PRAGMA max_page_count = 200", NULL, NULL, NULL), 0);
    uint32_t kept = fill(store, &dir, NT_E_FULL);
    assert_true(kept > 3);
    exactly(store, kept);

    assert_int_equal(sqlite3_exec(s->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL), 0);
    commit_put(store, &dir, new_account(500, "after", 1));
    nt_dir_unref(dir);
    nt_store_close(store);

    store = must_open(&p);
    dir = must_load(store);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), kept + 1);
    nt_dir_unref(dir);
    nt_store_close(store);
    place_remove(&p);
}

/* The system refuses to let files grow: as a quota does, and without privileges. */
static void a_file_that_may_not_grow_is_a_full_disk(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    nt_store_close(must_create(&p));
    int result[2];
    assert_int_equal(pipe(result), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { 600 * 1024, 600 * 1024 };
        struct nt_store *store = must_open(&p);
        struct nt_dir *dir = must_load(store);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        uint32_t kept = fill(store, &dir, NT_E_FULL);
        exactly(store, kept);
        if (write(result[1], &kept, sizeof kept) != sizeof kept)
            _exit(1);
        _exit(0); /* and gone, without a clean close */
    }
    uint32_t kept = 0;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(result[0], &kept, sizeof kept), sizeof kept);
    close(result[0]);
    close(result[1]);
    assert_true(kept > 3);
    struct nt_store *store = must_open(&p);
    exactly(store, kept);
    nt_store_close(store);
    place_remove(&p);
}

/* The real thing, where the test may mount one: a file system of 1 MiB. */
static void a_full_file_system_is_survived(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    /* In mounts of its own: gone with this process, however it ends. */
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", p.dir, "tmpfs", 0, "size=1m,mode=0700") != 0) {
        place_remove(&p);
        skip();
    }
    char ballast[96];
    struct nt_store *store = must_create(&p);
    struct nt_dir *dir = must_load(store);
    snprintf(ballast, sizeof ballast, "%s/ballast", p.dir);
    FILE *f = fopen(ballast, "w");
    assert_non_null(f);
    for (int i = 0; i < 300; i++)
        fprintf(f, "%1000d", i);
    fclose(f);

    uint32_t kept = fill(store, &dir, NT_E_FULL);
    assert_true(kept > 1);
    exactly(store, kept);
    nt_dir_unref(dir);
    nt_store_close(store);

    /* Opening needs some room of its own; when there is none, that is what is said. */
    char why[512] = "";
    enum nt_err err = nt_store_open(p.store, p.key, nt_env_system(), &store, why, sizeof why);
    if (err == NT_OK)
        nt_store_close(store);
    else
        assert_int_equal(err, NT_E_FULL);

    unlink(ballast);
    store = must_open(&p);
    exactly(store, kept);
    dir = must_load(store);
    commit_put(store, &dir, new_account(500, "after", 1));
    nt_dir_unref(dir);
    nt_store_close(store);
    assert_int_equal(umount(p.dir), 0);
    place_remove(&p);
}

static void a_store_cannot_be_made_on_a_full_disk(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { 8 * 1024, 8 * 1024 };
        struct nt_store *store;
        char why[512] = "";
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        enum nt_err err = nt_store_create(p.store, p.key, nt_env_system(), &store, why, sizeof why);
        _exit(err == NT_E_FULL && strstr(why, "no space left") != NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(file_exists(p.store)); /* all or nothing */
    nt_store_close(must_create(&p));
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_at_its_largest_keeps_what_it_has),
        cmocka_unit_test(a_file_that_may_not_grow_is_a_full_disk),
        cmocka_unit_test(a_full_file_system_is_survived),
        cmocka_unit_test(a_store_cannot_be_made_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
