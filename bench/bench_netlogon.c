/*
 * bench_netlogon.c - a load generator for ntrustd: one process, one thread, many clients. bench/run
 * drives it. Prints one line of JSON; ends with 1 as soon as any answer is not what it must be.
 *
 *     bench_netlogon fill STORE KEY COMPUTERS USERS [permits | EPM_PORT]
 *                                                         make a domain to measure with: one that
 *                                                         permits a trust, or one that trusts it
 *     bench_netlogon logons  PORT PID CLIENTS SECONDS USERS [trusting]
 *     bench_netlogon setups  PORT PID CLIENTS SECONDS
 *     bench_netlogon changes PORT PID CLIENTS SECONDS FIRST
 *     bench_netlogon hold    PORT CLIENTS                 "open" when all are; closed with stdin
 *
 * PID is ntrustd's, whose processor time is read; FIRST the number of the first computer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/load.h"

#define WARM_UP_NS   500000000ull
#define SET_UP_NS    60000000000ull
#define LATENCY_ROOM 4000000u

struct times {
    uint64_t wall_ns;
    double server_s, own_s;
};

/* utime and stime of a process, fields 14 and 15 of its stat, in seconds. */
static double process_s(const char *pid)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(line, sizeof line, f) == NULL)
        load_die("%s: there is no such process", path);
    fclose(f);
    const char *p = strrchr(line, ')');
    if (p == NULL ||
        sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        load_die("%s cannot be read", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double own_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static struct times times_now(const char *pid)
{
    return (struct times){ load_now_ns(), process_s(pid), own_s() };
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t percentile(const struct load *l, double part)
{
    size_t n = l->done < l->latency_room ? l->done : l->latency_room;
    return n > 0 ? l->latency_us[(size_t)((double)(n - 1) * part)] : 0;
}

static void report(struct load *l, const struct times *from, const struct times *to)
{
    double wall = (double)(to->wall_ns - from->wall_ns) / 1e9;
    double done = l->done > 0 ? (double)l->done : 1;
    qsort(l->latency_us, l->done < l->latency_room ? l->done : l->latency_room, sizeof(uint32_t),
          by_size);
    printf("{\"per_s\": %.1f, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, "
           "\"server_cpu_us\": %.1f, \"server_busy\": %.3f, \"generator_busy\": %.3f, "
           "\"done\": %llu}\n",
           (double)l->done / wall, percentile(l, 0.5), percentile(l, 0.99), percentile(l, 1),
           (to->server_s - from->server_s) * 1e6 / done, (to->server_s - from->server_s) / wall,
           (to->own_s - from->own_s) / wall, (unsigned long long)l->done);
}

static void measure(struct load *l, unsigned first, unsigned clients, const char *pid,
                    double seconds)
{
    l->latency_room = LATENCY_ROOM;
    l->latency_us = malloc(LATENCY_ROOM * sizeof *l->latency_us);
    if (l->latency_us == NULL)
        load_die("out of memory");
    memset(l->latency_us, 0, LATENCY_ROOM * sizeof *l->latency_us); /* pages are taken now */
    load_begin(l, first, clients);
    if (l->mode != LOAD_SETUPS) {
        load_run(l, load_now_ns() + SET_UP_NS, true);
        if (l->opened < l->count)
            load_die("the channels could not be set up in time");
    }
    load_run(l, load_now_ns() + WARM_UP_NS, false);
    l->measuring = true;
    struct times from = times_now(pid);
    load_run(l, from.wall_ns + (uint64_t)(seconds * 1e9), false);
    struct times to = times_now(pid);
    l->measuring = false;
    report(l, &from, &to);
    load_end(l);
}

static void hold(struct load *l, unsigned clients)
{
    load_begin(l, 0, clients);
    load_run(l, load_now_ns() + SET_UP_NS, true);
    if (l->opened < l->count)
        load_die("the channels could not be set up in time");
    puts("open");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    load_end(l);
}

static void raise_file_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct load l = { 0 };
    raise_file_limit();
    if ((argc == 6 || argc == 7) && strcmp(what, "fill") == 0) {
        bool permits = argc == 7 && strcmp(argv[6], "permits") == 0;
        load_fill(&(struct load_fill){
            .store = argv[2],
            .key = argv[3],
            .computers = number(argv[4]),
            .users = number(argv[5]),
            .permits = permits,
            .trusts = (uint16_t)(argc == 7 && !permits ? number(argv[6]) : 0) });
        return 0;
    }
    l.domain = LOAD_DOMAIN;
    l.port = (uint16_t)(argc > 2 ? number(argv[2]) : 0);
    if (argc == 4 && strcmp(what, "hold") == 0) {
        l.mode = LOAD_HOLD;
        hold(&l, number(argv[3]));
    } else if ((argc == 7 || argc == 8) && strcmp(what, "logons") == 0) {
        if (argc == 8) /* the channels are with a controller that passes the logons on */
            l.domain = LOAD_RESOURCE;
        l.mode = LOAD_LOGONS;
        l.users = number(argv[6]);
        measure(&l, 0, number(argv[4]), argv[3], atof(argv[5]));
    } else if (argc == 6 && strcmp(what, "setups") == 0) {
        l.mode = LOAD_SETUPS;
        measure(&l, 0, number(argv[4]), argv[3], atof(argv[5]));
    } else if (argc == 7 && strcmp(what, "changes") == 0) {
        l.mode = LOAD_CHANGES;
        measure(&l, number(argv[6]), number(argv[4]), argv[3], atof(argv[5]));
    } else {
        load_die("wrong arguments; see bench/run");
    }
    return 0;
}
