/* A store knows when it has gone back, and no crash makes it believe so. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/ops.h"
#include "store/backup.h"
#include "store/epoch.h"
#include "store/sqlite_internal.h"

static void path_of(const struct place *p, const char *suffix, char out[160])
{
    snprintf(out, 160, "%s%s", p->store, suffix);
}

static void copy_file(const char *from, const char *to)
{
    char buf[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
        assert_int_equal(write(out, buf, (size_t)n), n);
    close(in);
    close(out);
}

static ntstatus decide_init(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    return nt_op_domain_init(txn, &(struct nt_domain_new){ .name = "ACCOUNTS", .computer = "DC1" },
                             NULL);
}

static ntstatus decide_change(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    const struct nt_policy *now = nt_dir_policy(nt_txn_dir(txn));
    struct nt_policy *next = nt_record_clone(now);
    next->min_password_length++;
    return nt_status_of(nt_txn_put(txn, next));
}

/* A domain with `count` changes, closed. */
static void make_domain(const struct place *p)
{
    struct nt_engine *e = must_run(must_create(p));
    struct nt_wish w = { .decide = decide_init };
    nt_engine_wish(e, &w);
    nt_engine_run(e);
    assert_true(nt_status_ok(w.status));
    nt_engine_free(e);
}

static void change(struct nt_engine *e, unsigned count)
{
    while (count-- > 0) {
        struct nt_wish w = { .decide = decide_change };
        nt_engine_wish(e, &w);
        nt_engine_run(e);
        assert_true(nt_status_ok(w.status));
    }
}

static void change_and_close(const struct place *p, unsigned count)
{
    struct nt_engine *e = must_run(must_open(p));
    change(e, count);
    nt_engine_free(e);
}

/* What opening it says; leaves things as they are unless `accept`. */
static struct nt_store_origin origin_of(const struct place *p, bool accept)
{
    struct nt_store_origin origin;
    struct nt_store *store = must_open(p);
    nt_store_origin(store, &origin);
    if (accept)
        nt_store_accept(store);
    nt_store_close(store);
    return origin;
}

static void a_store_that_is_only_used_is_its_own(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    make_domain(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
        change_and_close(&p, 2);
    }
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
    place_remove(&p);
}

static void an_older_copy_is_noticed(void **state)
{
    (void)state;
    struct place p;
    char old[160];
    place_make(&p);
    make_domain(&p);
    change_and_close(&p, 1);
    path_of(&p, ".old", old);
    copy_file(p.store, old);
    change_and_close(&p, 1);
    copy_file(old, p.store);

    struct nt_store_origin origin = origin_of(&p, false);
    assert_int_equal(origin.what, NT_ORIGIN_RESTORED);
    assert_true(origin.as_of != 0);
    assert_non_null(strstr(origin.text, "has gone back"));
    /* Until what follows from it is durable, it is found again; then no more. */
    assert_int_equal(origin_of(&p, true).what, NT_ORIGIN_RESTORED);
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
    place_remove(&p);
}

/* The copy goes on elsewhere, further than the store that it was made of, and comes back. */
static void a_copy_with_another_past_is_noticed_though_it_is_further(void **state)
{
    (void)state;
    struct place p;
    char old[160], epoch[160], kept[160];
    place_make(&p);
    make_domain(&p);
    path_of(&p, ".old", old);
    path_of(&p, ".epoch", epoch);
    path_of(&p, ".kept", kept);
    copy_file(p.store, old);
    change_and_close(&p, 1);
    copy_file(epoch, kept);

    copy_file(old, p.store);
    unlink(epoch);
    assert_int_equal(origin_of(&p, true).what, NT_ORIGIN_UNKNOWN);
    change_and_close(&p, 20);
    copy_file(kept, epoch);
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_RESTORED);
    place_remove(&p);
}

static void a_missing_or_damaged_epoch_file_is_explained(void **state)
{
    (void)state;
    struct place p;
    char epoch[160];
    place_make(&p);
    make_domain(&p);
    change_and_close(&p, 1);
    path_of(&p, ".epoch", epoch);
    unlink(epoch);
    struct nt_store_origin origin = origin_of(&p, true);
    assert_int_equal(origin.what, NT_ORIGIN_UNKNOWN);
    assert_non_null(strstr(origin.text, "is missing"));
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);

    assert_int_equal(truncate(epoch, 40), 0);
    origin = origin_of(&p, true);
    assert_int_equal(origin.what, NT_ORIGIN_UNKNOWN);
    assert_non_null(strstr(origin.text, "is damaged"));
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);

    /* One of its two places may be torn at any moment. */
    for (size_t place = 0; place < 2; place++) {
        change_and_close(&p, 2);
        file_flip(epoch, place * 512 + 20, 4);
        assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
    }
    place_remove(&p);
}

static void an_epoch_file_that_cannot_be_kept_stops_nobody(void **state)
{
    (void)state;
    struct place p;
    char epoch[160];
    place_make(&p);
    make_domain(&p);
    path_of(&p, ".epoch", epoch);
    unlink(epoch);
    assert_int_equal(mkdir(epoch, 0700), 0);
    for (int i = 0; i < 2; i++) {
        struct nt_store_origin origin = origin_of(&p, true);
        assert_int_equal(origin.what, NT_ORIGIN_UNKNOWN);
        change_and_close(&p, 1);
    }
    assert_int_equal(rmdir(epoch), 0);
    assert_int_equal(origin_of(&p, true).what, NT_ORIGIN_UNKNOWN);
    change_and_close(&p, 1);
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
    place_remove(&p);
}

/* A disk that fails for a while costs the file that while only. */
static void an_epoch_file_is_begun_again_when_the_disk_can(void **state)
{
    (void)state;
    struct place p;
    struct nt_epoch e, found;
    char path[160];
    nt_time at = 1000 * NT_TIME_SECOND;
    place_make(&p);
    path_of(&p, ".epoch", path);
    nt_epoch_init(&e, p.store);
    nt_epoch_init(&found, p.store);
    nt_epoch_move(&e, 6, at);
    assert_int_equal(nt_epoch_read(&found), NT_EPOCH_MISSING); /* nobody has begun it */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(nt_epoch_begin(&e, &(struct nt_epoch_mark){ .serial = 7, .at = at }),
                         NT_OK);
    nt_epoch_move(&e, 8, at + NT_EPOCH_SYNC);
    assert_int_equal(rmdir(path), 0);
    nt_epoch_move(&e, 9, at + 2 * NT_EPOCH_SYNC - 1);
    assert_int_equal(nt_epoch_read(&found), NT_EPOCH_MISSING); /* it was tried just now */
    nt_epoch_move(&e, 10, at + 2 * NT_EPOCH_SYNC);
    nt_epoch_move(&e, 11, at + 2 * NT_EPOCH_SYNC);
    assert_int_equal(nt_epoch_read(&found), NT_EPOCH_FOUND);
    assert_int_equal(found.mark.serial, 11);
    nt_epoch_end(&e);
    place_remove(&p);
}

/* Wherever a process ends, the store that it leaves is its own. */
static void a_crash_is_no_false_alarm(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    make_domain(&p);
    for (unsigned changes = 0; changes < 4; changes++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct nt_engine *e = must_run(must_open(&p));
            change(e, changes);
            _exit(0); /* nothing is closed */
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
    }
    place_remove(&p);
}

/* The file has the new life already, and the store does not: a crash between both writes. And the
 * file may be behind: its last writes were not synced. */
static void a_crash_between_file_and_store_is_no_false_alarm(void **state)
{
    (void)state;
    struct place p;
    char old[160], epoch[160], kept[160];
    place_make(&p);
    make_domain(&p);
    change_and_close(&p, 1);
    path_of(&p, ".old", old);
    path_of(&p, ".epoch", epoch);
    path_of(&p, ".kept", kept);
    copy_file(p.store, old);
    struct nt_store *store = must_open(&p);
    assert_int_equal(nt_sqlite_live((struct sqlite_store *)(void *)store), SQLITE_OK);
    nt_store_close(store);
    copy_file(old, p.store);
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);

    struct nt_engine *e = must_run(must_open(&p));
    change(e, 1);
    copy_file(epoch, kept);
    change(e, 3);
    nt_engine_free(e);
    copy_file(kept, epoch);
    assert_int_equal(origin_of(&p, false).what, NT_ORIGIN_OWN);
    place_remove(&p);
}

static void a_restored_backup_knows_it_and_the_old_store_is_kept(void **state)
{
    (void)state;
    struct place p, other;
    char copy[160], aside[NT_STORE_PATH], why[512], log[160];
    struct stat st;
    place_make(&p);
    place_make(&other);
    make_domain(&p);
    path_of(&p, ".backup", copy);
    assert_int_equal(nt_store_backup(p.store, copy, nt_env_system(), why, sizeof why), NT_OK);

    struct nt_engine *e = must_run(must_open(&p));
    change(e, 1);
    assert_int_equal(
        nt_store_restore(copy, p.store, p.key, nt_env_system(), aside, why, sizeof why),
        NT_E_LOCKED);
    assert_non_null(strstr(why, "in use by process"));
    nt_engine_free(e);

    /* A process that was killed leaves a log, which must not meet the restored store. */
    pid_t child = fork();
    if (child == 0) {
        change(must_run(must_open(&p)), 2);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    path_of(&p, "-wal", log);
    assert_true(file_exists(log));

    assert_int_equal(
        nt_store_restore(copy, p.store, p.key, nt_env_system(), aside, why, sizeof why), NT_OK);
    assert_true(file_exists(aside));
    assert_int_equal(stat(p.store, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(origin_of(&p, true).what, NT_ORIGIN_RESTORED);
    struct nt_engine *again = must_run(must_open(&p));
    struct nt_dir *dir = nt_engine_dir(again);
    struct nt_policy policy;
    nt_policy_default(&policy);
    assert_int_equal(nt_dir_policy(dir)->min_password_length, policy.min_password_length);
    nt_dir_unref(dir);
    nt_engine_free(again);
    assert_int_equal(nt_store_check(aside, why, sizeof why), NT_OK);

    /* Where there was none before, it is known, too. Another key is refused, and changes nothing.
     */
    make_domain(&other);
    assert_int_equal(
        nt_store_restore(copy, other.store, other.key, nt_env_system(), aside, why, sizeof why),
        NT_E_AUTH);
    assert_int_equal(origin_of(&other, false).what, NT_ORIGIN_OWN);
    unlink(other.store);
    path_of(&other, ".epoch", log);
    unlink(log);
    assert_int_equal(
        nt_store_restore(copy, other.store, p.key, nt_env_system(), aside, why, sizeof why), NT_OK);
    assert_string_equal(aside, "");
    copy_file(p.key, other.key);
    assert_int_equal(origin_of(&other, true).what, NT_ORIGIN_RESTORED);
    assert_int_equal(
        nt_store_restore(p.store, p.store, p.key, nt_env_system(), aside, why, sizeof why),
        NT_E_INVALID);
    place_remove(&other);
    place_remove(&p);
}

static void a_restored_store_has_every_trust_checked(void **state)
{
    (void)state;
    struct nt_dir *empty = nt_dir_new();
    struct nt_txn *txn = nt_txn_begin(empty, nt_env_system());
    struct nt_tdo *tdo = nt_record_new(NT_KIND_TDO), *burned = nt_record_new(NT_KIND_TDO);
    const struct nt_event *events;
    assert_int_equal(nt_txn_put(txn, new_domain()), NT_OK);
    assert_true(nt_text_set(&tdo->name, "ACCOUNTS") && nt_text_set(&burned->name, "BURNED"));
    tdo->direction = burned->direction = 2;
    tdo->out.next_check = burned->out.next_check = 77;
    tdo->out.retry_at = 88;
    burned->out.state = NT_OUT_BROKEN;
    burned->out.broken = NT_BROKEN_BURNED;
    assert_int_equal(nt_txn_put(txn, tdo), NT_OK);
    assert_int_equal(nt_txn_put(txn, burned), NT_OK);
    assert_true(nt_status_ok(nt_op_store_restored(txn, 4711, true, "It has gone back.")));
    const struct nt_dir *dir = nt_txn_dir(txn);
    assert_int_equal(nt_dir_tdo(dir, "ACCOUNTS")->out.next_check, 0);
    assert_int_equal(nt_dir_tdo(dir, "ACCOUNTS")->out.retry_at, 0);
    assert_int_equal(nt_dir_tdo(dir, "BURNED")->out.next_check, 77);
    assert_int_equal(nt_dir_domain(dir)->restored_to, 4711);
    assert_true(nt_dir_domain(dir)->restored_surely);
    assert_int_equal(nt_txn_events(txn, &events), 1);
    assert_string_equal(events[0].kind, "store-restored");
    assert_non_null(strstr(events[0].text, "1 trust is checked now."));
    nt_txn_free(txn);
    nt_dir_unref(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_is_only_used_is_its_own),
        cmocka_unit_test(an_older_copy_is_noticed),
        cmocka_unit_test(a_copy_with_another_past_is_noticed_though_it_is_further),
        cmocka_unit_test(a_missing_or_damaged_epoch_file_is_explained),
        cmocka_unit_test(an_epoch_file_that_cannot_be_kept_stops_nobody),
        cmocka_unit_test(an_epoch_file_is_begun_again_when_the_disk_can),
        cmocka_unit_test(a_crash_is_no_false_alarm),
        cmocka_unit_test(a_crash_between_file_and_store_is_no_false_alarm),
        cmocka_unit_test(a_restored_backup_knows_it_and_the_old_store_is_kept),
        cmocka_unit_test(a_restored_store_has_every_trust_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
