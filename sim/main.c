/*
 * sim - whole domains through years of faults, from one seed. See sim/README.md.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sim_bugs.h"
#include "world.h"

static const char usage[] =
    "Usage: sim [OPTION...]\n"
    "  --seed N       the world; the same number, the same run to the byte (1)\n"
    "  --seeds N      this many worlds, from --seed on\n"
    "  --steps N      events with disturbances (100000)\n"
    "  --days N       days instead of steps\n"
    "  --domains N    how many; otherwise the seed says\n"
    "  --no-faults    daily use alone\n"
    "  --fresh S      worlds of new seeds for S seconds\n"
    "  --bug NAME     with this mistake planted in the code\n"
    "  --bugs         plants each mistake in turn; good when each is found\n"
    "  --verbose      says what happens\n";

enum nt_sim_bug nt_sim_bug;

static double seconds_since(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

static void print_counts(const struct sim_world *w)
{
    const struct sim_counts *c = &w->counts;
#define U(x) ((unsigned long long)(x))
    printf("  logons %llu (%llu good, %llu denied), changes %llu, resets %llu, burned %llu, "
           "intrusions %llu\n",
           U(c->logons), U(c->logons_good), U(c->denied), U(c->changes), U(c->resets), U(c->burns),
           U(c->intrusions));
    printf("  crashes %llu (%llu in a commit), stops %llu, partitions %llu, cuts %llu, stalls "
           "%llu, full disks %llu, clock jumps %llu, lags %llu\n",
           U(c->crashes), U(c->disk_crashes), U(c->freezes), U(c->partitions), U(w->net.cuts),
           U(w->net.stalls), U(c->fulls), U(c->jumps), U(c->lags));
    printf("  reverts %llu (%llu trusts beyond the policy); healed: peer behind %llu, own end "
           "behind %llu, changed elsewhere %llu, controller lagged %llu\n",
           U(c->reverts), U(c->excused), U(c->behind), U(c->adopted), U(c->elsewhere),
           U(c->lagging));
#undef U
}

/* True: nothing broke. */
static bool run_one(const struct sim_config *config, bool quiet)
{
    struct timespec begun;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    struct sim_world *w = sim_world_new(config);
    sim_world_run(w);
    bool good = !w->core.failed;
    double days = (double)w->core.now / (double)SIM_DAY, spent = seconds_since(&begun);
    if (!quiet || !good) {
        printf("seed %llu: %zu domains, %zu trusts, %llu steps, %.1f days, hash %016llx",
               (unsigned long long)config->seed, w->domain_count, w->trust_count,
               (unsigned long long)w->core.steps, days, (unsigned long long)w->core.hash);
        printf(good ? ", good\n" : ", FAILED\n");
    }
    if (!good)
        printf("  %s\n  again: sim --seed %llu --steps %llu --days %u --domains %u%s --verbose\n",
               w->core.failure, (unsigned long long)config->seed, (unsigned long long)config->steps,
               config->days, config->domains, config->faults ? "" : " --no-faults");
    if (!quiet) {
        print_counts(w);
        fprintf(stderr, "  %.0f trust-days in %.2f s: %.0f a second\n",
                days * (double)w->trust_count, spent, days * (double)w->trust_count / spent);
    }
    fflush(stdout);
    sim_world_free(w);
    return good;
}

/* --- planted mistakes --- */

#define BUG_SEEDS 40 /* worlds in which a mistake must be found */

static const struct {
    const char *name;
    enum nt_sim_bug bug;
} bugs[] = {
#define NAMED(bug, name) { name, NT_BUG_##bug },
    NT_SIM_BUGS_LIST(NAMED)
#undef NAMED
};

/* In a process of its own: a mistake may also end in an assertion of the code itself. */
static bool finds(size_t i, const struct sim_config *config)
{
    struct sim_config c = *config;
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (unsigned n = 0; n < BUG_SEEDS; n++, c.seed++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            nt_sim_bug = bugs[i].bug;
            struct sim_world *w = sim_world_new(&c);
            sim_world_run(w);
            if (w->core.failed)
                printf("%-24s found with seed %llu: %s\n", bugs[i].name, (unsigned long long)c.seed,
                       w->core.failure);
            fflush(stdout);
            _exit(w->core.failed ? 1 : 0);
        }
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return false;
        if (WIFSIGNALED(status))
            printf("%-24s found with seed %llu: an assertion failed\n", bugs[i].name,
                   (unsigned long long)c.seed);
        if (status != 0)
            return true;
    }
    printf("%-24s NOT FOUND in %d worlds\n", bugs[i].name, BUG_SEEDS);
    return false;
}

static int find_all(const struct sim_config *config)
{
    size_t found = 0;
    for (size_t i = 0; i < NT_COUNT(bugs); i++)
        found += finds(i, config);
    printf("%zu of %zu planted mistakes found\n", found, NT_COUNT(bugs));
    return found == NT_COUNT(bugs) ? 0 : 1;
}

static bool plant(const char *name)
{
    for (size_t i = 0; i < NT_COUNT(bugs); i++)
        if (strcmp(bugs[i].name, name) == 0) {
            nt_sim_bug = bugs[i].bug;
            return true;
        }
    fprintf(stderr, "sim: there is no mistake '%s'; there are:\n", name);
    for (size_t i = 0; i < NT_COUNT(bugs); i++)
        fprintf(stderr, "  %s\n", bugs[i].name);
    return false;
}

/* --- several worlds --- */

static int run_several(struct sim_config config, unsigned seeds)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < seeds; i++, config.seed++)
        bad += !run_one(&config, seeds > 1);
    if (seeds > 1)
        printf("%u worlds, %u failed\n", seeds, bad);
    return bad == 0 ? 0 : 1;
}

static int run_fresh(struct sim_config config, unsigned seconds)
{
    unsigned worlds = 0;
    time_t end = time(NULL) + (time_t)seconds;
    config.seed = (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
    for (; time(NULL) < end; worlds++, config.seed++)
        if (!run_one(&config, true))
            return 1;
    printf("%u fresh worlds, none failed\n", worlds);
    return 0;
}

int main(int argc, char **argv)
{
    enum { SEED = 256, SEEDS, STEPS, DAYS, DOMAINS, NO_FAULTS, FRESH, BUG, BUGS, VERBOSE };
    static const struct option options[] = { { "seed", required_argument, NULL, SEED },
                                             { "seeds", required_argument, NULL, SEEDS },
                                             { "steps", required_argument, NULL, STEPS },
                                             { "days", required_argument, NULL, DAYS },
                                             { "domains", required_argument, NULL, DOMAINS },
                                             { "no-faults", no_argument, NULL, NO_FAULTS },
                                             { "fresh", required_argument, NULL, FRESH },
                                             { "bug", required_argument, NULL, BUG },
                                             { "bugs", no_argument, NULL, BUGS },
                                             { "verbose", no_argument, NULL, VERBOSE },
                                             { 0 } };
    struct sim_config config = { .seed = 1, .steps = 100000, .faults = true };
    unsigned seeds = 1, fresh = 0;
    bool all_bugs = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned long long n = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
        switch (c) {
        case SEED:
            config.seed = n;
            break;
        case SEEDS:
            seeds = (unsigned)n;
            break;
        case STEPS:
            config.steps = n;
            break;
        case DAYS:
            config.days = (unsigned)n;
            break;
        case DOMAINS:
            config.domains = (unsigned)n;
            break;
        case NO_FAULTS:
            config.faults = false;
            break;
        case FRESH:
            fresh = (unsigned)n;
            break;
        case BUG:
            if (!plant(optarg != NULL ? optarg : ""))
                return 2;
            break;
        case BUGS:
            all_bugs = true;
            break;
        case VERBOSE:
            config.verbose = true;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (all_bugs)
        return find_all(&config);
    return fresh > 0 ? run_fresh(config, fresh) : run_several(config, seeds);
}
