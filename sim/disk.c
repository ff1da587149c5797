#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sim_bugs.h"
#include "store/blob.h"
#include "store/store_internal.h"

struct opened {
    struct nt_store store; /* first */
    struct sim_disk *disk;
    struct nt_dir *copy; /* read alone; NULL: the disk itself */
};

static struct sim_disk *disk_of(struct nt_store *store)
{
    return ((struct opened *)store)->disk;
}

/* --- reading back, through the codecs and the encryption at rest --- */

static bool contains(const struct nt_buf *sealed, const void *secret, size_t len)
{
    return len >= 8 && memmem(sealed->data, sealed->len, secret, len) != NULL;
}

/* Both written out: paddings and what stands behind a text's end do not count. */
static bool equal(struct nt_buf *a, struct nt_buf *b)
{
    bool same = a->err == NT_OK && b->err == NT_OK && a->len == b->len &&
                memcmp(a->data, b->data, a->len) == 0;
    nt_buf_free(a);
    nt_buf_free(b);
    return same;
}

static bool equal_tdo(const struct nt_tdo *x, const struct nt_tdo *y)
{
    struct nt_buf a, b;
    nt_buf_init(&a, 1u << 20);
    nt_buf_init(&b, 1u << 20);
    nt_blob_tdo_write(&a, x);
    nt_blob_tdo_write(&b, y);
    return equal(&a, &b);
}

static bool equal_account(const struct nt_account *x, const struct nt_account *y)
{
    struct nt_buf a, b;
    nt_buf_init(&a, 1u << 20);
    nt_buf_init(&b, 1u << 20);
    nt_blob_account_write(&a, x);
    nt_blob_account_write(&b, y);
    return equal(&a, &b);
}

static struct nt_tdo *reread_tdo(struct sim_disk *disk, const struct nt_tdo *tdo)
{
    char row[NT_BLOB_ROW];
    struct nt_buf sealed = { 0 };
    struct nt_tdo *copy = nt_record_clone(tdo);
    snprintf(row, sizeof row, "tdo/%s", tdo->name);
    nt_out_wipe(&copy->out);
    if (nt_blob_tdo_seal(tdo, &disk->key, disk->env, row, &sealed) != NT_OK ||
        nt_blob_tdo_open(copy, &disk->key, row, sealed.data, sealed.len) != NT_OK)
        sim_fail(disk->core, "the TDO %s cannot be read back from the disk", tdo->name);
    const struct nt_out_candidate *c = &tdo->out.current;
    if (contains(&sealed, c->hash.b, c->hash.len) || contains(&sealed, c->clear.b, c->clear.len))
        sim_fail(disk->core, "I4: the password of the TDO %s is on the disk in the clear",
                 tdo->name);
    if (!equal_tdo(copy, tdo))
        sim_fail(disk->core, "the TDO %s is read back with another content", tdo->name);
    nt_buf_free(&sealed);
    return copy;
}

static struct nt_account *reread_account(struct sim_disk *disk, const struct nt_account *account)
{
    char row[NT_BLOB_ROW];
    struct nt_buf sealed = { 0 };
    struct nt_account *copy = nt_record_clone(account);
    snprintf(row, sizeof row, "account/%u", account->rid);
    nt_secret_wipe(&copy->nt_hash);
    if (copy->in != NULL)
        nt_in_wipe(copy->in);
    if (nt_blob_account_seal(account, &disk->key, disk->env, row, &sealed) != NT_OK ||
        nt_blob_account_open(copy, &disk->key, row, sealed.data, sealed.len) != NT_OK)
        sim_fail(disk->core, "the account %s cannot be read back from the disk", account->name);
    const struct nt_secret *hash = account->in != NULL ? &account->in->current : &account->nt_hash;
    if (contains(&sealed, hash->b, hash->len))
        sim_fail(disk->core, "I4: the password of %s is on the disk in the clear", account->name);
    if (!equal_account(copy, account))
        sim_fail(disk->core, "the account %s is read back with another content", account->name);
    nt_buf_free(&sealed);
    return copy;
}

static enum nt_err load(struct nt_store *store, struct nt_dir **dir, char *why, size_t why_size)
{
    struct sim_disk *disk = disk_of(store);
    const struct nt_dir *copy = ((struct opened *)store)->copy;
    const struct nt_dir *from = copy != NULL ? copy : disk->platter;
    struct nt_txn *txn = nt_txn_begin(from, disk->env);
    enum nt_err err = NT_OK;
    const struct nt_account *a = nt_dir_account_after(from, 0);
    for (; a != NULL && err == NT_OK; a = nt_dir_account_after(from, a->rid))
        err = nt_txn_put(txn, reread_account(disk, a));
    const struct nt_tdo *t = nt_dir_tdo_after(from, "");
    for (; t != NULL && err == NT_OK; t = nt_dir_tdo_after(from, t->name))
        err = nt_txn_put(txn, reread_tdo(disk, t));
    *dir = nt_dir_ref(nt_txn_dir(txn));
    nt_txn_free(txn);
    nt_store_why(why, why_size, "%s", nt_err_text(err));
    return err;
}

/* --- writing --- */

static void replace(struct nt_dir **at, const struct nt_dir *dir)
{
    struct nt_dir *before = *at;
    *at = dir != NULL ? nt_dir_ref(dir) : NULL;
    if (before != NULL)
        nt_dir_unref(before);
}

static void forget_cache(struct sim_disk *disk)
{
    while (disk->cached > 0)
        replace(&disk->cache[--disk->cached], NULL);
    replace(&disk->ghost, NULL);
}

static void keep(struct sim_disk *disk, const struct nt_txn *txn)
{
    replace(&disk->platter, nt_txn_dir(txn));
    forget_cache(disk);
    disk->commits++;
    disk->on_durable(disk->ctx, txn);
}

static enum nt_err refuse(struct sim_disk *disk, enum nt_err err, char *why, size_t why_size)
{
    disk->refused++;
    nt_store_why(why, why_size, "the disk says: %s", nt_err_text(err));
    return err;
}

static enum nt_err crash_in(struct sim_disk *disk, const struct nt_txn *txn, char *why,
                            size_t why_size)
{
    enum sim_disk_crash how = disk->crash;
    disk->crash = SIM_DISK_WORKS;
    if (how == SIM_DISK_CRASH_AFTER || (how == SIM_DISK_CRASH_TORN && sim_chance(&disk->rng, 500)))
        keep(disk, txn);
    disk->dead = true;
    disk->on_crash(disk->ctx);
    return refuse(disk, NT_E_IO, why, why_size);
}

static enum nt_err commit(struct nt_store *store, const struct nt_txn *txn, char *why,
                          size_t why_size)
{
    struct sim_disk *disk = disk_of(store);
    const struct nt_change *changes;
    size_t count = nt_txn_changes(txn, &changes);
    if (((struct opened *)store)->copy != NULL)
        return refuse(disk, NT_E_READONLY, why, why_size);
    if (disk->dead)
        return refuse(disk, NT_E_IO, why, why_size);
    if (disk->crash != SIM_DISK_WORKS && count > 0)
        return crash_in(disk, txn, why, why_size);
    if (disk->full)
        return refuse(disk, NT_E_FULL, why, why_size);
    if (sim_chance(&disk->rng, disk->fail_per_mille)) {
        if (sim_chance(&disk->rng, 500)) /* written, and the sync failed */
            replace(&disk->ghost, nt_txn_dir(txn));
        return refuse(disk, NT_E_IO, why, why_size);
    }
    if (NT_SIM_BUG(SKIP_SYNC) && disk->cached < SIM_DISK_CACHE && sim_chance(&disk->rng, 500)) {
        disk->cache[disk->cached++] = nt_dir_ref(nt_txn_dir(txn));
        disk->on_durable(disk->ctx, txn);
        return NT_OK;
    }
    keep(disk, txn);
    return NT_OK;
}

static enum nt_err events(struct nt_store *store, uint64_t after, const char *subject, size_t max,
                          nt_event_fn *fn, void *ctx)
{
    (void)store;
    (void)after;
    (void)subject;
    (void)max;
    (void)fn;
    (void)ctx;
    return NT_OK; /* the trail is looked at as it is written */
}

static void close_store(struct nt_store *store)
{
    struct opened *o = (struct opened *)store;
    replace(&o->copy, NULL);
    free(o);
}

static const struct nt_store_ops ops = {
    .load = load,
    .commit = commit,
    .events = events,
    .close = close_store,
};

/* --- life --- */

void sim_disk_init(struct sim_disk *disk, struct sim_core *core, uint64_t number,
                   const struct nt_env *env)
{
    *disk = (struct sim_disk){ .core = core, .env = env, .rng = sim_stream(core, number) };
    disk->key.len = sizeof disk->key.b;
    sim_fill(&disk->rng, disk->key.b, sizeof disk->key.b);
    disk->platter = nt_dir_new();
}

void sim_disk_done(struct sim_disk *disk)
{
    forget_cache(disk);
    replace(&disk->platter, NULL);
}

bool sim_disk_settle(struct sim_disk *disk)
{
    bool ghost = disk->ghost != NULL && sim_chance(&disk->rng, 500);
    if (ghost) {
        replace(&disk->platter, disk->ghost);
    } else if (disk->cached > 0) {
        size_t survive = sim_below(&disk->rng, disk->cached + 1);
        if (survive > 0)
            replace(&disk->platter, disk->cache[survive - 1]);
    }
    forget_cache(disk);
    disk->crash = SIM_DISK_WORKS;
    return ghost;
}

struct nt_store *sim_disk_open(struct sim_disk *disk)
{
    struct opened *o = sim_new(sizeof *o);
    o->store.ops = &ops;
    o->disk = disk;
    disk->dead = false;
    return &o->store;
}

struct nt_store *sim_disk_open_copy(struct sim_disk *disk)
{
    struct opened *o = sim_new(sizeof *o);
    o->store.ops = &ops;
    o->disk = disk;
    o->copy = nt_dir_ref(disk->platter);
    return &o->store;
}

void sim_disk_revert(struct sim_disk *disk, const struct nt_dir *to)
{
    forget_cache(disk);
    replace(&disk->platter, to);
}
