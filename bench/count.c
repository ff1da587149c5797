/*
 * count.c - preloaded into ntrustd by `bench/run --costs`: counts what it takes from the heap, and
 * writes the counts, one a line, to the file that $BENCH_COUNTS names, at every SIGUSR2.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong taken, bytes, given_back;

/* glibc's own names for what is replaced here. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static void count(size_t n)
{
    atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes, n, memory_order_relaxed);
}

void *malloc(size_t n)
{
    count(n);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count(n * size);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count(n);
    return __libc_realloc(p, n);
}

void free(void *p)
{
    if (p != NULL)
        atomic_fetch_add_explicit(&given_back, 1, memory_order_relaxed);
    __libc_free(p);
}

static void write_counts(int signum)
{
    char text[128];
    (void)signum;
    const char *path = getenv("BENCH_COUNTS");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    int n = snprintf(text, sizeof text, "taken %lu\nbytes %lu\ngiven_back %lu\n",
                     atomic_load(&taken), atomic_load(&bytes), atomic_load(&given_back));
    if (n <= 0 || write(fd, text, (size_t)n) != n)
        unlink(path);
    close(fd);
}

__attribute__((constructor)) static void begin(void)
{
    signal(SIGUSR2, write_counts);
}
