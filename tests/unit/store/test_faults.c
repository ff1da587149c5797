/* A disk that fails at its nth write, truncation or sync, for every n: what was acknowledged is
 * there after a crash, and what was denied is not. The faults come from a layer of our own between
 * SQLite and the system. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/memory.h"
#include "support.h"

/* --- the layer --- */

static unsigned until_fault; /* operations until one fails; 0: none */
static bool for_good;        /* every later one fails too */
static bool happened;

struct layer_file {
    sqlite3_file file; /* first */
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct layer_file *)f)->real;
}

static bool fault(void)
{
    if (until_fault == 0 || --until_fault > 0)
        return false;
    happened = true;
    if (for_good)
        until_fault = 1;
    return true;
}

static int layer_close(sqlite3_file *f)
{
    int rc = real_of(f)->pMethods->xClose(real_of(f));
    free(real_of(f));
    return rc;
}

static int layer_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

/* Half of what should be written comes onto the disk. */
static int layer_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    bool fails = fault();
    int rc = real_of(f)->pMethods->xWrite(real_of(f), from, fails ? n / 2 : n, at);
    return fails ? SQLITE_IOERR_WRITE : rc;
}

static int layer_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fault() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

/* The worst of failed syncs: all stands on the disk nevertheless. */
static int layer_sync(sqlite3_file *f, int flags)
{
    int rc = real_of(f)->pMethods->xSync(real_of(f), flags);
    return fault() ? SQLITE_IOERR_FSYNC : rc;
}

static int layer_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int layer_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int layer_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int layer_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int layer_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int layer_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int layer_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int layer_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, p);
}

static int layer_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void layer_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int layer_shm_unmap(sqlite3_file *f, int delete)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static const sqlite3_io_methods layer_methods = {
    .iVersion = 2,
    .xClose = layer_close,
    .xRead = layer_read,
    .xWrite = layer_write,
    .xTruncate = layer_truncate,
    .xSync = layer_sync,
    .xFileSize = layer_size,
    .xLock = layer_lock,
    .xUnlock = layer_unlock,
    .xCheckReservedLock = layer_reserved,
    .xFileControl = layer_control,
    .xSectorSize = layer_sector,
    .xDeviceCharacteristics = layer_device,
    .xShmMap = layer_shm_map,
    .xShmLock = layer_shm_lock,
    .xShmBarrier = layer_shm_barrier,
    .xShmUnmap = layer_shm_unmap,
};

static sqlite3_vfs *system_vfs;

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct layer_file *l = (struct layer_file *)f;
    l->file.pMethods = NULL;
    l->real = calloc(1, (size_t)system_vfs->szOsFile);
    if (l->real == NULL)
        return SQLITE_NOMEM;
    int rc = system_vfs->xOpen(system_vfs, name, l->real, flags, out);
    if (rc == SQLITE_OK)
        l->file.pMethods = &layer_methods;
    else
        free(l->real);
    return rc;
}

static int insert_layer(void **state)
{
    (void)state;
    static sqlite3_vfs layer;
    system_vfs = sqlite3_vfs_find(NULL);
    layer = *system_vfs;
    layer.zName = "faults";
    layer.szOsFile = sizeof(struct layer_file);
    layer.xOpen = layer_open;
    layer.pNext = NULL;
    return sqlite3_vfs_register(&layer, 1) == SQLITE_OK ? 0 : -1;
}

/* --- commits under faults --- */

struct report {
    uint32_t acked, tried;
    bool happened;
};

/* In a child: four commits, the nth operation fails. With `stop` the process crashes right after
 * the first failure, else it goes on. */
static void child_main(const struct place *p, unsigned n, bool good, bool stop, int pipe)
{
    struct report r = { 0, 0, false };
    struct nt_engine *e = must_run(must_open(p));
    until_fault = n;
    for_good = good;
    for (uint32_t value = 1; value <= 4; value++) {
        struct account_wish w;
        account_wish(&w, 1000, (uint8_t)value);
        r.tried = value;
        ntstatus st = nt_engine_wish_wait(e, &w.wish);
        if (st.code == 0)
            r.acked = value;
        else if (stop)
            break;
    }
    r.happened = happened;
    if (write(pipe, &r, sizeof r) != sizeof r)
        _exit(1);
    _exit(0);
}

static uint32_t stored_value(const struct place *p)
{
    struct nt_store *store = must_open(p);
    struct nt_dir *dir = must_load(store);
    const struct nt_account *a = nt_dir_account_rid(dir, 1000);
    uint32_t value = a != NULL ? a->nt_hash.b[0] : 0;
    nt_dir_unref(dir);
    nt_store_close(store);
    return value;
}

static void at_every_operation(bool good, bool stop)
{
    unsigned n = 1;
    for (bool reached = true; reached; n++) {
        struct place p;
        struct report r;
        int fds[2], status;
        place_make(&p);
        nt_store_close(must_create(&p));
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            if (freopen("/dev/null", "w", stderr) == NULL) /* the failures are meant */
                _exit(1);
            child_main(&p, n, good, stop, fds[1]);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(read(fds[0], &r, sizeof r), sizeof r);
        close(fds[0]);
        close(fds[1]);
        uint32_t value = stored_value(&p);
        /* A disk that never recovers and then a crash: the last one denied may have come through,
         * since nothing could be done about it any more. */
        uint32_t most = good && r.acked < r.tried ? r.tried : r.acked;
        if (value < r.acked || value > most)
            print_error("operation %u: %u stored, %u acknowledged\n", n, value, r.acked);
        assert_in_range(value, r.acked, most);
        reached = r.happened;
        place_remove(&p);
    }
    assert_true(n > 20);
}

static void a_fault_then_a_crash_loses_and_invents_nothing(void **state)
{
    (void)state;
    at_every_operation(false, true);
}

static void a_fault_is_gone_with_the_next_commit(void **state)
{
    (void)state;
    at_every_operation(false, false);
}

static void a_disk_that_stays_broken_loses_nothing(void **state)
{
    (void)state;
    at_every_operation(true, true);
}

static void a_store_is_not_made_on_a_failing_disk(void **state)
{
    (void)state;
    unsigned n = 1;
    for (bool reached = true; reached; n++) {
        struct place p;
        struct nt_store *store;
        char why[512] = "";
        place_make(&p);
        until_fault = n;
        for_good = happened = false;
        enum nt_err err = nt_store_create(p.store, p.key, nt_env_system(), &store, why, sizeof why);
        until_fault = 0;
        reached = happened;
        if (err == NT_OK)
            nt_store_close(store);
        else
            assert_true(strlen(why) > 10);
        if (file_exists(p.store))
            nt_store_close(must_open(&p));
        else
            nt_store_close(must_create(&p));
        place_remove(&p);
    }
    assert_true(n > 5);
}

/* The same on the memory store, which fails on demand: the nth commit, for every n. */
static void any_failing_commit_leaves_the_state_before_it(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 10; n++) {
        struct nt_store *store = nt_store_memory();
        struct nt_engine *e = must_run(store);
        nt_store_memory_fail(store, n, NT_E_IO);
        uint8_t acked = 0;
        for (uint8_t value = 1; value <= 10; value++) {
            struct account_wish w;
            account_wish(&w, 1000, value);
            bool good = nt_engine_wish_wait(e, &w.wish).code == 0;
            assert_int_equal(good, value != n);
            acked = good ? value : acked;
            struct nt_dir *dir = nt_engine_dir(e);
            const struct nt_account *a = nt_dir_account_rid(dir, 1000);
            assert_int_equal(a != NULL ? a->nt_hash.b[0] : 0, acked);
            nt_dir_unref(dir);
        }
        nt_engine_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_then_a_crash_loses_and_invents_nothing),
        cmocka_unit_test(a_fault_is_gone_with_the_next_commit),
        cmocka_unit_test(a_disk_that_stays_broken_loses_nothing),
        cmocka_unit_test(a_store_is_not_made_on_a_failing_disk),
        cmocka_unit_test(any_failing_commit_leaves_the_state_before_it),
    };
    return cmocka_run_group_tests(tests, insert_layer, NULL);
}
