/*
 * disk.h - a store backend (store.h) whose disk can fail: what was written and not synced is gone
 * after a crash, a commit may be the last thing a process does, a disk may be full, fail, lie, or
 * go back to a snapshot. Transactions are all or nothing, as the SQL backends promise; what is read
 * back after a restart has gone through the codecs and the encryption of secrets at rest.
 */
#ifndef NT_SIM_DISK_H
#define NT_SIM_DISK_H

#include "core.h"
#include "store/store.h"

/* What becomes of the commit in which the process is to crash. */
enum sim_disk_crash {
    SIM_DISK_WORKS,
    SIM_DISK_CRASH_BEFORE, /* nothing of it was written */
    SIM_DISK_CRASH_TORN,   /* written, not synced: there or not there, by chance */
    SIM_DISK_CRASH_AFTER   /* durable, but nobody was told */
};

#define SIM_DISK_CACHE 64

struct sim_disk {
    struct sim_core *core;
    struct sim_rng rng;
    const struct nt_env *env;
    struct nt_secret key; /* at rest */
    struct nt_dir *platter;
    struct nt_dir *cache[SIM_DISK_CACHE]; /* written after it, not synced; oldest first */
    size_t cached;
    struct nt_dir *ghost; /* of a commit whose sync failed: a crash may bring it back */

    /* what goes wrong */
    bool full;
    unsigned fail_per_mille;
    enum sim_disk_crash crash; /* in the next commit that changes something */

    /* A transaction is durable / the disk stopped in the middle of a commit: the process has to end
     * now. Called inside the commit. */
    void (*on_durable)(void *ctx, const struct nt_txn *txn);
    void (*on_crash)(void *ctx);
    void *ctx;

    bool dead; /* the process is gone: nothing is written any more */
    uint64_t commits, refused;
};

void sim_disk_init(struct sim_disk *disk, struct sim_core *core, uint64_t number,
                   const struct nt_env *env);
void sim_disk_done(struct sim_disk *disk);
/* The process that had it open is gone. True: a commit came back that had failed. */
bool sim_disk_settle(struct sim_disk *disk);
/* A store for one process's life; loses its meaning at the next settle. */
struct nt_store *sim_disk_open(struct sim_disk *disk);
/* A store that has what the disk has now, and takes no change. */
struct nt_store *sim_disk_open_copy(struct sim_disk *disk);
/* The disk as it was in that directory (referenced). */
void sim_disk_revert(struct sim_disk *disk, const struct nt_dir *to);

#endif
