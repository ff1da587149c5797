/* Every way in which a store or its key can be wrong is told apart, in one line that says what to
 * do, and changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/backup.h"
#include "support.h"

/* Opening fails with `want`; the line names what `says` says. */
static void refused(const struct place *p, enum nt_err want, const char *says)
{
    struct nt_store *store;
    char why[512] = "";
    enum nt_err err = nt_store_open(p->store, p->key, nt_env_system(), &store, why, sizeof why);
    if (err != want || strstr(why, says) == NULL)
        print_error("got %d \"%s\", want %d \"%s\"\n", (int)err, why, (int)want, says);
    assert_int_equal(err, want);
    assert_non_null(strstr(why, says));
    assert_null(strchr(why, '\n'));
    assert_null(store);
}

static void make_closed(struct place *p)
{
    place_make(p);
    struct nt_store *store = must_create(p);
    struct nt_dir *dir = must_load(store);
    commit_put(store, &dir, new_domain());
    commit_accounts(store, &dir, 1000, 100);
    nt_dir_unref(dir);
    nt_store_close(store);
}

static void a_missing_store_or_key_is_named(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    refused(&p, NT_E_NOT_FOUND, "domain init");
    nt_store_close(must_create(&p));
    unlink(p.key);
    refused(&p, NT_E_NOT_FOUND, "master key");
    place_remove(&p);
}

static void creation_never_overwrites_and_keeps_a_key_that_is_there(void **state)
{
    (void)state;
    struct place p;
    struct nt_store *store;
    char why[512];
    make_closed(&p);
    assert_int_equal(nt_store_create(p.store, p.key, nt_env_system(), &store, why, sizeof why),
                     NT_E_EXISTS);
    assert_non_null(strstr(why, p.store));
    store = must_open(&p);
    nt_store_close(store);

    struct place second = p;
    snprintf(second.store, sizeof second.store, "%s/second.db", p.dir);
    nt_store_close(must_create(&second));
    nt_store_close(must_open(&p));
    nt_store_close(must_open(&second));

    struct stat st;
    assert_int_equal(stat(p.key, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(stat(p.store, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    place_remove(&p);
}

static void creation_in_a_missing_directory_says_so(void **state)
{
    (void)state;
    struct nt_store *store;
    char why[512];
    assert_int_equal(nt_store_create("/tmp/ntrust-nowhere/a.db", "/tmp/ntrust-nowhere/a.key",
                                     nt_env_system(), &store, why, sizeof why),
                     NT_E_NOT_FOUND);
    assert_non_null(strstr(why, "/tmp/ntrust-nowhere"));
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    static const mode_t open_modes[] = { 0644, 0640, 0604, 0610, 0602 };
    for (size_t i = 0; i < NT_COUNT(open_modes); i++) {
        assert_int_equal(chmod(p.key, open_modes[i]), 0);
        refused(&p, NT_E_DENIED, "chmod 600");
    }
    assert_int_equal(chmod(p.key, 0400), 0);
    nt_store_close(must_open(&p));
    place_remove(&p);
}

static void a_key_of_the_wrong_size_or_kind_is_refused(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    assert_int_equal(truncate(p.key, 31), 0);
    refused(&p, NT_E_CORRUPT, "31 bytes");
    assert_int_equal(truncate(p.key, 33), 0);
    refused(&p, NT_E_CORRUPT, "33 bytes");
    unlink(p.key);
    assert_int_equal(mkfifo(p.key, 0600), 0);
    refused(&p, NT_E_CORRUPT, "not a plain file");
    place_remove(&p);
}

static void the_key_of_another_store_is_recognised(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    file_flip(p.key, 7, 1);
    refused(&p, NT_E_AUTH, "does not open the store");
    file_flip(p.key, 7, 1);
    nt_store_close(must_open(&p));
    place_remove(&p);
}

static void a_store_of_a_newer_version_is_refused(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    run_sql(p.store, "PRAGMA user_version = 999");
    refused(&p, NT_E_TOO_NEW, "newer ntrust");
    place_remove(&p);
}

static void what_is_not_a_store_is_refused(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    run_sql(p.store, "PRAGMA application_id = 7");
    refused(&p, NT_E_CORRUPT, "another program");

    FILE *f = fopen(p.store, "w");
    assert_non_null(f);
    for (int i = 0; i < 500; i++)
        fputs("not a database at all ", f);
    fclose(f);
    refused(&p, NT_E_CORRUPT, "not a store");
    assert_int_equal(truncate(p.store, 0), 0);
    refused(&p, NT_E_CORRUPT, "empty");
    unlink(p.store);
    assert_int_equal(mkdir(p.store, 0700), 0);
    refused(&p, NT_E_CORRUPT, "not a file");
    rmdir(p.store);
    place_remove(&p);
}

/* Opened and read, damage is either refused as such or does not show: never a crash, never another
 * reason. */
static void damage_anywhere_is_called_damage(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    size_t size = file_size(p.store), refusals = 0;
    for (size_t at = 0; at < size; at += 509) {
        struct nt_store *store;
        struct nt_dir *dir = NULL;
        char why[512] = "";
        file_flip(p.store, at, 3);
        enum nt_err err = nt_store_open(p.store, p.key, nt_env_system(), &store, why, sizeof why);
        if (err == NT_OK)
            err = nt_store_load(store, &dir, why, sizeof why);
        if (err != NT_OK) {
            refusals++;
            assert_true(strlen(why) > 20);
            bool expected = err == NT_E_CORRUPT || err == NT_E_AUTH || err == NT_E_TOO_NEW;
            if (!expected)
                print_error("at %zu: %d %s\n", at, (int)err, why);
            assert_true(expected);
        }
        nt_dir_unref(dir);
        nt_store_close(store);
        file_flip(p.store, at, 3);
    }
    assert_true(refusals > 20);
    place_remove(&p);
}

static void a_truncated_store_is_damaged(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    size_t size = file_size(p.store);
    assert_true(size > 3 * 4096);
    assert_int_equal(truncate(p.store, (off_t)size - 4096), 0);
    refused(&p, NT_E_CORRUPT, "backup");
    assert_int_equal(truncate(p.store, (off_t)size / 2 + 100), 0);
    refused(&p, NT_E_CORRUPT, "backup");
    assert_int_equal(truncate(p.store, 50), 0);
    refused(&p, NT_E_CORRUPT, "backup");
    place_remove(&p);
}

/* A sealed value is bound to its row: what somebody with the file but not the key can do to it is
 * noticed. */
static void a_sealed_value_cannot_move_or_change(void **state)
{
    (void)state;
    static const char *const tampering[] = {
        "UPDATE account SET sealed=(SELECT sealed FROM account WHERE rid=1001) WHERE rid=1002",
        "UPDATE account SET sealed = NULL WHERE rid = 1002",
        "UPDATE account SET sealed = zeroblob(60) WHERE rid = 1002",
        "UPDATE account SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE rid = 1002",
        "UPDATE account SET sealed = CAST(sealed || x'00' AS BLOB) WHERE rid = 1002",
        "UPDATE account SET rid = 5000 WHERE rid = 1002",
        "UPDATE account SET acb = -1 WHERE rid = 1002",
        "UPDATE account SET name = 'a' || char(0) || 'b' WHERE rid = 1002",
        "UPDATE account SET name = (SELECT name FROM account WHERE rid = 1001) WHERE rid = 1002",
        "UPDATE domain SET sid = 'S-2-x'",
        "INSERT INTO grp_member VALUES (777, 1001)",
    };
    for (size_t i = 0; i < NT_COUNT(tampering); i++) {
        struct place p;
        make_closed(&p);
        run_sql(p.store, tampering[i]);
        struct nt_store *store = must_open(&p);
        struct nt_dir *dir;
        char why[512] = "";
        enum nt_err err = nt_store_load(store, &dir, why, sizeof why);
        if (err != NT_E_CORRUPT)
            print_error("%s: %d %s\n", tampering[i], (int)err, why);
        assert_int_equal(err, NT_E_CORRUPT);
        assert_non_null(strstr(why, "damaged"));
        assert_null(dir);
        nt_store_close(store);
        place_remove(&p);
    }
}

/* --- other processes and other users --- */

static void two_processes_cannot_open_one_store(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    int ready[2], end[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    pid_t child = fork();
    if (child == 0) {
        struct nt_store *store;
        char why[512], byte = 'x';
        enum nt_err err = nt_store_open(p.store, p.key, nt_env_system(), &store, why, sizeof why);
        if (err != NT_OK || write(ready[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 1)
            _exit(1);
        _exit(0); /* without a clean close, as a crash would */
    }
    char byte, holder[32];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    snprintf(holder, sizeof holder, "process %d:", (int)child);
    refused(&p, NT_E_LOCKED, holder);

    /* Another name of the same file is the same store. */
    struct place other = p;
    snprintf(other.store, sizeof other.store, "%s/other.db", p.dir);
    assert_int_equal(symlink(p.store, other.store), 0);
    refused(&other, NT_E_LOCKED, holder);

    assert_int_equal(write(end[1], "x", 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    nt_store_close(must_open(&p));
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(end[i]);
    }
    place_remove(&p);
}

/* Runs `refused` as a user without privileges; root may do everything anyway. */
static void refused_as_nobody(const struct place *p, enum nt_err want, const char *says)
{
    if (geteuid() != 0) {
        refused(p, want, says);
        return;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct nt_store *store;
        char why[512] = "";
        if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        enum nt_err err = nt_store_open(p->store, p->key, nt_env_system(), &store, why, sizeof why);
        if (err != want || strstr(why, says) == NULL) {
            fprintf(stderr, "got %d \"%s\"\n", (int)err, why);
            _exit(1);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void give_away(const struct place *p)
{
    if (geteuid() != 0)
        return;
    char lock[128];
    snprintf(lock, sizeof lock, "%s.lock", p->store);
    assert_int_equal(chown(p->dir, 65534, 65534), 0);
    assert_int_equal(chown(p->store, 65534, 65534), 0);
    assert_int_equal(chown(p->key, 65534, 65534), 0);
    assert_int_equal(chown(lock, 65534, 65534), 0);
}

static void read_only_and_forbidden_are_told_apart(void **state)
{
    (void)state;
    struct place p;
    make_closed(&p);
    give_away(&p);
    chmod(p.store, 0400);
    refused_as_nobody(&p, NT_E_READONLY, "read-only");
    chmod(p.store, 0000);
    refused_as_nobody(&p, NT_E_DENIED, "permission");
    chmod(p.store, 0600);
    chmod(p.dir, 0500);
    refused_as_nobody(&p, NT_E_READONLY, "directory");
    chmod(p.dir, 0000);
    refused_as_nobody(&p, NT_E_DENIED, p.dir);
    chmod(p.dir, 0700);
    chmod(p.key, 0000);
    refused_as_nobody(&p, NT_E_DENIED, p.key);
    place_remove(&p);
}

static void the_key_of_another_user_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct place p;
    make_closed(&p);
    assert_int_equal(chown(p.key, 12345, 12345), 0);
    refused(&p, NT_E_DENIED, "another user");
    place_remove(&p);
}

/* --- copies --- */

static void a_copy_holds_what_was_committed_even_beside_a_running_store(void **state)
{
    (void)state;
    struct place p, copy;
    char why[512] = "";
    make_closed(&p);
    copy = p;
    snprintf(copy.store, sizeof copy.store, "%s/copy.db", p.dir);

    struct nt_store *store = must_open(&p);
    struct nt_dir *dir = must_load(store);
    commit_put(store, &dir, new_account(7777, "late", 7));
    assert_int_equal(nt_store_backup(p.store, copy.store, nt_env_system(), why, sizeof why), NT_OK);
    commit_put(store, &dir, new_account(7778, "later", 7));
    nt_dir_unref(dir);
    assert_int_equal(nt_store_backup(p.store, copy.store, nt_env_system(), why, sizeof why),
                     NT_E_EXISTS);
    assert_int_equal(nt_store_check(p.store, why, sizeof why), NT_OK);
    nt_store_close(store);

    assert_int_equal(nt_store_check(copy.store, why, sizeof why), NT_OK);
    store = must_open(&copy);
    dir = must_load(store);
    assert_non_null(nt_dir_account(dir, "late"));
    assert_null(nt_dir_account(dir, "later"));
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), 101);
    nt_dir_unref(dir);
    nt_store_close(store);
    place_remove(&p);
}

static void a_damaged_store_gives_no_copy(void **state)
{
    (void)state;
    struct place p;
    char to[96], why[512];
    make_closed(&p);
    snprintf(to, sizeof to, "%s/copy.db", p.dir);
    assert_int_equal(truncate(p.store, (off_t)file_size(p.store) / 2), 0);
    assert_int_equal(nt_store_backup(p.store, to, nt_env_system(), why, sizeof why), NT_E_CORRUPT);
    assert_int_equal(nt_store_check(p.store, why, sizeof why), NT_E_CORRUPT);
    assert_false(file_exists(to));
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_store_or_key_is_named),
        cmocka_unit_test(creation_never_overwrites_and_keeps_a_key_that_is_there),
        cmocka_unit_test(creation_in_a_missing_directory_says_so),
        cmocka_unit_test(a_key_that_others_can_read_is_refused),
        cmocka_unit_test(a_key_of_the_wrong_size_or_kind_is_refused),
        cmocka_unit_test(the_key_of_another_store_is_recognised),
        cmocka_unit_test(a_store_of_a_newer_version_is_refused),
        cmocka_unit_test(what_is_not_a_store_is_refused),
        cmocka_unit_test(damage_anywhere_is_called_damage),
        cmocka_unit_test(a_truncated_store_is_damaged),
        cmocka_unit_test(a_sealed_value_cannot_move_or_change),
        cmocka_unit_test(two_processes_cannot_open_one_store),
        cmocka_unit_test(read_only_and_forbidden_are_told_apart),
        cmocka_unit_test(the_key_of_another_user_is_refused),
        cmocka_unit_test(a_copy_holds_what_was_committed_even_beside_a_running_store),
        cmocka_unit_test(a_damaged_store_gives_no_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
