/*
 * bench_store.c - how fast the embedded store is: durable password changes a second from 32 clients
 * at once, and the time to open and load 10,000 accounts. Prints figures; fails only on errors.
 *     bench_store [DIRECTORY [SECONDS]]      the directory (default: the current one) decides which
 *                                            disk is measured
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "store/engine.h"

#define ACCOUNTS 10000u
#define CLIENTS  32u

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

/* --- wishes --- */

struct fill_wish {
    struct nt_wish wish;
    uint32_t first, count;
};

static ntstatus decide_fill(struct nt_wish *wish, struct nt_txn *txn)
{
    const struct fill_wish *w = (const struct fill_wish *)wish;
    for (uint32_t rid = w->first; rid < w->first + w->count; rid++) {
        char name[32];
        struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
        if (a == NULL)
            return NT_STATUS(NO_MEMORY);
        snprintf(name, sizeof name, "user%u", rid);
        a->rid = rid;
        a->acb = NT_ACB_NORMAL;
        a->primary_rid = NT_RID_DOMAIN_USERS;
        a->nt_hash.len = 16;
        enum nt_err err = nt_text_set(&a->name, name) && nt_text_set(&a->full_name, "A. N. Other")
                              ? nt_txn_put(txn, a)
                              : NT_E_NOMEM;
        if (err != NT_OK)
            return nt_status_of(err);
    }
    return NT_STATUS(SUCCESS);
}

struct change_wish {
    struct nt_wish wish;
    uint32_t rid;
};

static ntstatus decide_change(struct nt_wish *wish, struct nt_txn *txn)
{
    const struct change_wish *w = (const struct change_wish *)wish;
    struct nt_account *a = nt_record_clone(nt_dir_account_rid(nt_txn_dir(txn), w->rid));
    if (a == NULL)
        return NT_STATUS(NO_MEMORY);
    nt_random(nt_txn_env(txn), a->nt_hash.b, 16);
    a->password_set = nt_txn_now(txn);
    nt_txn_event(txn, NT_EVENT_INFO, "password-changed", a->name, "127.0.0.1", "password of %s",
                 a->name);
    return nt_status_of(nt_txn_put(txn, a));
}

/* --- clients --- */

struct client {
    struct nt_engine *engine;
    uint32_t number;
    atomic_bool *stop;
    uint64_t done;
    double longest_s;
};

static void *client_main(void *arg)
{
    struct client *c = arg;
    for (uint32_t i = 0; !atomic_load(c->stop); i++) {
        struct change_wish w = { { .decide = decide_change },
                                 1000 + (c->number * 307 + i * 13) % ACCOUNTS };
        double start = now_s();
        if (nt_engine_wish_wait(c->engine, &w.wish).code != 0)
            die("change", nt_status_text(w.wish.status));
        double took = now_s() - start;
        c->longest_s = took > c->longest_s ? took : c->longest_s;
        c->done++;
    }
    return NULL;
}

static void count_commit(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void bench_changes(struct nt_engine *engine, unsigned clients, double seconds)
{
    pthread_t threads[CLIENTS];
    struct client client[CLIENTS];
    atomic_bool stop = false;
    unsigned commits = 0;
    uint64_t done = 0;
    double longest = 0;
    nt_engine_on_commit(engine, count_commit, &commits);
    double start = now_s();
    for (uint32_t i = 0; i < clients; i++) {
        client[i] = (struct client){ engine, i, &stop, 0, 0 };
        if (pthread_create(&threads[i], NULL, client_main, &client[i]) != 0)
            die("thread", "cannot start");
    }
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    for (size_t i = 0; i < clients; i++) {
        pthread_join(threads[i], NULL);
        done += client[i].done;
        longest = client[i].longest_s > longest ? client[i].longest_s : longest;
    }
    double took = now_s() - start;
    nt_engine_on_commit(engine, NULL, NULL);
    printf(
        "durable password changes, %2u clients: %8.0f a second (%.1f a commit, longest %.1f ms)\n",
        clients, (double)done / took, (double)done / (commits > 0 ? commits : 1), longest * 1e3);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : ".";
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    char made[512], path[600], key[600], why[512] = "";
    struct nt_store *store;
    struct nt_engine *engine;
    snprintf(made, sizeof made, "%s/bench-store-XXXXXX", dir);
    if (mkdtemp(made) == NULL)
        die(made, "cannot be made");
    snprintf(path, sizeof path, "%s/domain.db", made);
    snprintf(key, sizeof key, "%s/master.key", made);

    if (nt_store_create(path, key, nt_env_system(), &store, why, sizeof why) != NT_OK ||
        nt_engine_new(store, nt_env_system(), &engine, why, sizeof why) != NT_OK)
        die("create", why);
    double start = now_s();
    struct fill_wish fill = { { .decide = decide_fill }, 1000, ACCOUNTS };
    if (nt_engine_wish_wait(engine, &fill.wish).code != 0)
        die("fill", nt_status_text(fill.wish.status));
    printf("%u accounts in one commit:              %8.1f ms\n", ACCOUNTS, (now_s() - start) * 1e3);
    if (nt_engine_start(engine) != NT_OK)
        die("start", "no thread");
    bench_changes(engine, 1, seconds);
    bench_changes(engine, CLIENTS, seconds);
    nt_engine_free(engine);

    start = now_s();
    if (nt_store_open(path, key, nt_env_system(), &store, why, sizeof why) != NT_OK)
        die("open", why);
    double opened = now_s();
    if (nt_engine_new(store, nt_env_system(), &engine, why, sizeof why) != NT_OK)
        die("load", why);
    double loaded = now_s();
    printf("open and check:                            %8.1f ms\n", (opened - start) * 1e3);
    printf("load %u accounts:                       %8.1f ms\n", ACCOUNTS, (loaded - opened) * 1e3);
    nt_engine_free(engine);

    static const char *const files[] = { "domain.db", "domain.db.lock", "master.key" };
    for (size_t i = 0; i < NT_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", made, files[i]);
        unlink(path);
    }
    rmdir(made);
    return 0;
}
