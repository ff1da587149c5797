/*
 * faulty.c - a disk that fails on purpose: preloaded into ntrustd by the torture. What it does to
 * which of the next operations on the store's files stands in a small file, $NTRUST_FAULTY, that
 * the test and this library share (faulty.py is its other side); the store is in
 * $NTRUST_FAULTY_DIR.
 *
 * A power cut is more than a SIGKILL: of what was written since a file's last sync, the disk has
 * kept any part, in sectors. So each write remembers what stood there before, a sync forgets it,
 * and the cut takes some of it back before the process dies.
 */
/* It would make one symbol of pwrite and pwrite64, and both are needed. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define SECTOR 512

enum op { OP_WRITE = 1, OP_SYNC = 2, OP_TRUNCATE = 4 };
enum what { FAIL = 1, SHORT = 2, KILL_BEFORE = 3, KILL_AFTER = 4, POWER_CUT = 5 };

/* Shared with the test; all in the machine's byte order. */
struct control {
    atomic_uint armed; /* written last; 0: nothing happens */
    uint32_t ops;      /* which operations count: a set of enum op */
    uint32_t after;    /* so many of them still go well */
    uint32_t times;    /* then so many fail */
    uint32_t what;     /* enum what */
    uint32_t error;    /* FAIL, and what a SHORT one leads to */
    uint32_t random;   /* of the power cut; not 0 */
    atomic_uint hits;  /* failed, since the start */
    atomic_uint seen;  /* operations of all kinds, since the start */
};

/* What a write since the last sync has replaced, or one that no sync helps any more. */
struct undo {
    struct undo *before;
    dev_t dev;
    ino_t ino;
    char path[256];
    off_t at, old_size;
    size_t len, old_len; /* written; of those, how many bytes were there before */
    bool truncated;      /* not a write: the file was cut at `at` */
    bool lost;           /* its sync failed: the system takes it for written, and it is not */
    uint8_t old[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct control *control;
static struct undo *newest;
static const char *folder;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t);

static void *next_of(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (f == NULL)
        abort();
    return f;
}

__attribute__((constructor)) static void begin(void)
{
    *(void **)&real_pwrite = next_of("pwrite64");
    *(void **)&real_write = next_of("write");
    *(void **)&real_fsync = next_of("fsync");
    *(void **)&real_fdatasync = next_of("fdatasync");
    *(void **)&real_ftruncate = next_of("ftruncate64");
    const char *path = getenv("NTRUST_FAULTY");
    folder = getenv("NTRUST_FAULTY_DIR");
    int fd = path != NULL && folder != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED)
        control = p;
}

/* A file of the store: the database or its log. Its index (-shm) is no promise of anything. */
static bool is_store(int fd, char path[256])
{
    char link[64];
    int saved = errno;
    if (control == NULL)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 255);
    errno = saved;
    if (n <= 0)
        return false;
    path[n] = '\0';
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/' && strstr(path, ".db") != NULL &&
           strstr(path, "-shm") == NULL && strstr(path, ".lock") == NULL;
}

static uint32_t random_next(void)
{
    uint32_t x = control->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    control->random = x;
    return x;
}

/* --- what is not durable yet --- */

/* What is lost is written again: that counts, once it is synced. */
static void supersede(const struct stat *st, off_t at, size_t len)
{
    for (struct undo **p = &newest; *p != NULL;) {
        struct undo *u = *p;
        bool same = u->dev == st->st_dev && u->ino == st->st_ino;
        if (u->lost && same && at < u->at + (off_t)u->len && u->at < at + (off_t)len) {
            *p = u->before;
            free(u);
        } else {
            p = &u->before;
        }
    }
}

static void remember(int fd, const char *path, off_t at, size_t len, bool truncated)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    supersede(&st, at, truncated ? (size_t)(st.st_size > at ? st.st_size - at : 0) : len);
    size_t there = at < st.st_size ? (size_t)(st.st_size - at) : 0;
    size_t old_len = truncated || there < len ? there : len;
    struct undo *u = malloc(sizeof *u + old_len);
    if (u == NULL)
        return;
    *u = (struct undo){ .before = newest,
                        .dev = st.st_dev,
                        .ino = st.st_ino,
                        .at = at,
                        .old_size = st.st_size,
                        .len = len,
                        .truncated = truncated };
    snprintf(u->path, sizeof u->path, "%s", path);
    /* The descriptor may be for writing only. */
    int in = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = in >= 0 && old_len > 0 ? pread(in, u->old, old_len, at) : 0;
    if (in >= 0)
        close(in);
    u->old_len = n > 0 ? (size_t)n : 0;
    newest = u;
}

/* A sync that failed: as Linux has it, the pages count as written from now on, and the next sync
 * finds nothing to do. */
static void lose(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    for (struct undo *u = newest; u != NULL; u = u->before)
        if (u->dev == st.st_dev && u->ino == st.st_ino && !u->truncated)
            u->lost = true;
}

static void forget(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    for (struct undo **p = &newest; *p != NULL;) {
        struct undo *u = *p;
        if (u->dev == st.st_dev && u->ino == st.st_ino && !u->lost) {
            *p = u->before;
            free(u);
        } else {
            p = &u->before;
        }
    }
}

/* Takes the write back from its `keep`th byte on. */
static void take_back(const struct undo *u, size_t keep)
{
    static const uint8_t zeros[4096];
    struct stat st;
    int fd = open(u->path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_ino != u->ino)
        return; /* another file has its name by now */
    if (u->old_len > keep)
        (void)!real_pwrite(fd, u->old + keep, u->old_len - keep, u->at + (off_t)keep);
    off_t from = u->at + (off_t)(keep > u->old_len ? keep : u->old_len);
    off_t end = u->at + (off_t)u->len;
    if (!u->truncated && from < end) { /* it had made the file longer */
        for (off_t at = from; at < end; at += (off_t)sizeof zeros) {
            size_t n = end - at < (off_t)sizeof zeros ? (size_t)(end - at) : sizeof zeros;
            (void)!real_pwrite(fd, zeros, n, at);
        }
        if (st.st_size == end)
            (void)!real_ftruncate(fd, from);
    }
    close(fd);
}

static _Noreturn void power_cut(void)
{
    /* One cut in four loses all, one in four the newest only, the others any. */
    uint32_t kind = random_next() & 3u;
    for (const struct undo *u = newest; u != NULL; u = u->before) {
        uint32_t r = random_next();
        if (u->lost || kind == 0 || (kind == 1 && u == newest) || (kind > 1 && (r & 3u) == 0))
            take_back(u, 0);
        else if (kind > 1 && (r & 3u) == 1 && !u->truncated)
            take_back(u, (r >> 8) % (u->len / SECTOR + 1) * SECTOR);
    }
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* --- what happens to an operation --- */

/* Under the lock. What to do to this one; 0: nothing. */
static enum what fate(enum op op)
{
    atomic_fetch_add(&control->seen, 1);
    if (atomic_load(&control->armed) == 0 || (control->ops & (uint32_t)op) == 0)
        return 0;
    if (control->after > 0) {
        control->after--;
        return 0;
    }
    if (control->times == 0)
        return 0;
    control->times--;
    atomic_fetch_add(&control->hits, 1);
    if (control->what == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    if (control->what == POWER_CUT)
        power_cut();
    return (enum what)control->what;
}

static int outcome(enum what what, int result)
{
    if (what == KILL_AFTER)
        kill(getpid(), SIGKILL);
    return result;
}

static ssize_t write_at(int fd, const char *path, const void *data, size_t len, off_t at)
{
    pthread_mutex_lock(&lock);
    enum what what = fate(OP_WRITE);
    ssize_t n = -1;
    if (what == FAIL) {
        errno = (int)control->error;
    } else {
        /* A short one is followed by the error, as on a disk that gets full in the middle. */
        size_t part = what == SHORT ? len / 2 : len;
        remember(fd, path, at, part, false);
        n = real_pwrite(fd, data, part, at);
        if (what == SHORT) {
            control->what = FAIL;
            control->times++;
        }
    }
    (void)outcome(what, 0);
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    char path[256];
    return is_store(fd, path) ? write_at(fd, path, data, len, at) : real_pwrite(fd, data, len, at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite64(fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len)
{
    char path[256];
    if (!is_store(fd, path))
        return real_write(fd, data, len);
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t n = write_at(fd, path, data, len, at);
    if (n > 0)
        lseek(fd, at + n, SEEK_SET);
    return n;
}

static int sync_with(int (*real)(int), int fd)
{
    char path[256];
    if (!is_store(fd, path))
        return real(fd);
    pthread_mutex_lock(&lock);
    enum what what = fate(OP_SYNC);
    int rc = -1;
    if (what == FAIL || what == SHORT) {
        lose(fd);
        errno = (int)control->error;
    } else {
        rc = real(fd);
        if (rc == 0)
            forget(fd);
    }
    rc = outcome(what, rc);
    pthread_mutex_unlock(&lock);
    return rc;
}

int fsync(int fd)
{
    return sync_with(real_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_with(real_fdatasync, fd);
}

int ftruncate64(int fd, off64_t len)
{
    char path[256];
    if (!is_store(fd, path))
        return real_ftruncate(fd, len);
    pthread_mutex_lock(&lock);
    enum what what = fate(OP_TRUNCATE);
    int rc = -1;
    if (what == FAIL || what == SHORT) {
        errno = (int)control->error;
    } else {
        remember(fd, path, len, 0, true);
        rc = real_ftruncate(fd, len);
    }
    rc = outcome(what, rc);
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}
