/*
 * bench_netlogon.c - a load generator for NT-style controllers: one process, one thread, many
 * clients. bench/run and bench/samba drive it. Prints one line of JSON; ends with 1 as soon as any
 * answer is not what it must be.
 *
 *     bench_netlogon fill STORE KEY COMPUTERS USERS [permits | EPM_PORT]
 *                                                         make a domain to measure with: one that
 *                                                         permits a trust, or one that trusts it
 *     bench_netlogon smbpasswd COMPUTERS USERS            the same accounts in the form of Samba's
 *                                                         smbpasswd(5), to standard output
 *     bench_netlogon [-s N] logons  PORT PID CLIENTS SECONDS USERS [trusting]
 *     bench_netlogon [-s N] setups  PORT PID CLIENTS SECONDS
 *     bench_netlogon [-s N] changes PORT PID CLIENTS SECONDS FIRST
 *     bench_netlogon  -s N  lookups PORT PID CLIENTS SECONDS USERS
 *     bench_netlogon [-s N] hold    PORT CLIENTS          "open" when all are; closed with stdin
 *     bench_netlogon  -s N  sessions PORT CLIENTS         the same with SMB sessions alone
 *
 * -s: through named pipes of SMB sessions, each of one of the first N users; else over TCP. PID is
 * the server's first process, whose processor time is read with that of its descendants; FIRST the
 * number of the first computer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/load.h"

#define WARM_UP_NS   500000000ull
#define SET_UP_NS    300000000000ull
#define LATENCY_ROOM 4000000u

struct times {
    uint64_t wall_ns;
    double server_s, own_s;
};

static double own_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static struct times times_now(int pid)
{
    return (struct times){ load_now_ns(), load_tree_s(pid), own_s() };
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
           "\"done\": %llu, \"session\": \"%s\"}\n",
           (double)l->done / wall, percentile(l, 0.5), percentile(l, 0.99), percentile(l, 1),
           (to->server_s - from->server_s) * 1e6 / done, (to->server_s - from->server_s) / wall,
           (to->own_s - from->own_s) / wall, (unsigned long long)l->done, l->session);
}

static void measure(struct load *l, unsigned first, unsigned clients, int pid, double seconds)
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

/* Samba takes the number of the Unix account from the system. */
static void print_account(const char *name, const char *flags)
{
    struct nt_secret hash;
    load_hash(name, &hash);
    printf("%s:0:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:", name);
    for (size_t i = 0; i < hash.len; i++)
        printf("%02X", hash.b[i]);
    printf(":[%-11s]:LCT-65000000:\n", flags);
}

static void smbpasswd(unsigned computers, unsigned users)
{
    char name[32];
    for (unsigned i = 0; i < users; i++) {
        snprintf(name, sizeof name, LOAD_USER, i);
        print_account(name, "U");
    }
    for (unsigned i = 0; i < computers; i++) {
        snprintf(name, sizeof name, LOAD_COMPUTER "$", i);
        print_account(name, "W");
    }
}

static void fill(int argc, char **argv)
{
    bool permits = argc == 6 && strcmp(argv[5], "permits") == 0;
    load_fill(
        &(struct load_fill){ .store = argv[1],
                             .key = argv[2],
                             .computers = number(argv[3]),
                             .users = number(argv[4]),
                             .permits = permits,
                             .trusts = (uint16_t)(argc == 6 && !permits ? number(argv[5]) : 0) });
}

/* The commands that open connections. */
static void drive(struct load *l, int argc, char **argv)
{
    static const struct command {
        const char *name;
        enum load_mode mode;
        int least, most; /* arguments, with the name */
    } commands[] = {
        { "logons", LOAD_LOGONS, 6, 7 },   { "setups", LOAD_SETUPS, 5, 5 },
        { "changes", LOAD_CHANGES, 6, 6 }, { "lookups", LOAD_LOOKUPS, 6, 6 },
        { "hold", LOAD_HOLD, 3, 3 },       { "sessions", LOAD_SESSIONS, 3, 3 },
    };
    const struct command *command = NULL;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (argc >= commands[i].least && argc <= commands[i].most &&
            strcmp(argv[0], commands[i].name) == 0)
            command = &commands[i];
    if (command == NULL)
        load_die("wrong arguments; see bench/run and bench/samba");
    l->mode = command->mode;
    l->port = (uint16_t)number(argv[1]);
    if (argc == 3) {
        hold(l, number(argv[2]));
        return;
    }
    l->domain = argc == 7 ? LOAD_RESOURCE : LOAD_DOMAIN; /* which passes the logons on */
    if (l->mode == LOAD_LOGONS || l->mode == LOAD_LOOKUPS)
        l->users = number(argv[5]);
    measure(l, l->mode == LOAD_CHANGES ? number(argv[5]) : 0, number(argv[3]), atoi(argv[2]),
            atof(argv[4]));
}

int main(int argc, char **argv)
{
    struct load l = { .domain = LOAD_DOMAIN };
    raise_file_limit();
    argc--;
    argv++;
    if (argc > 2 && strcmp(argv[0], "-s") == 0) {
        l.session_users = number(argv[1]);
        argc -= 2;
        argv += 2;
    }
    if ((argc == 5 || argc == 6) && strcmp(argv[0], "fill") == 0)
        fill(argc, argv);
    else if (argc == 3 && strcmp(argv[0], "smbpasswd") == 0)
        smbpasswd(number(argv[1]), number(argv[2]));
    else
        drive(&l, argc, argv);
    return 0;
}
