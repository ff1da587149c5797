#include "store/epoch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "crypto/hash.h"

#define PLACES     2
#define PLACE_SIZE 512 /* a sector each: one is not torn while the other is written */
#define MARK_LEN   80
#define RECORD_LEN (MARK_LEN + 32)

static const uint8_t magic[8] = { 'n', 't', 'e', 'p', 'o', 'c', 'h', '1' };

void nt_epoch_init(struct nt_epoch *e, const char *store_path)
{
    memset(e, 0, sizeof *e);
    e->fd = -1;
    snprintf(e->path, sizeof e->path, "%s.epoch", store_path);
}

static void checksum(const uint8_t *record, uint8_t sum[32])
{
    nt_sha256(&(struct nt_part){ record, MARK_LEN }, 1, sum);
}

static void encode(const struct nt_epoch *e, uint8_t record[RECORD_LEN])
{
    memcpy(record, magic, 8);
    memcpy(record + 8, e->mark.store, NT_EPOCH_ID);
    memcpy(record + 24, e->mark.life, NT_EPOCH_ID);
    memcpy(record + 40, e->mark.before, NT_EPOCH_ID);
    nt_put_le64(record + 56, e->mark.serial);
    nt_put_le64(record + 64, e->mark.at);
    nt_put_le64(record + 72, e->turn);
    checksum(record, record + MARK_LEN);
}

/* Takes the record when it is whole and newer than what was read before. */
static bool decode(struct nt_epoch *e, const uint8_t record[RECORD_LEN], bool any)
{
    uint8_t sum[32];
    checksum(record, sum);
    if (memcmp(record, magic, 8) != 0 || memcmp(sum, record + MARK_LEN, sizeof sum) != 0)
        return false;
    uint64_t turn = nt_le64(record + 72);
    if (any && turn < e->turn)
        return true;
    memcpy(e->mark.store, record + 8, NT_EPOCH_ID);
    memcpy(e->mark.life, record + 24, NT_EPOCH_ID);
    memcpy(e->mark.before, record + 40, NT_EPOCH_ID);
    e->mark.serial = nt_le64(record + 56);
    e->mark.at = nt_le64(record + 64);
    e->turn = turn;
    return true;
}

static bool read_places(struct nt_epoch *e, int fd)
{
    uint8_t record[RECORD_LEN];
    bool any = false;
    for (off_t place = 0; place < PLACES; place++)
        if (pread(fd, record, sizeof record, place * PLACE_SIZE) == (ssize_t)sizeof record)
            any = decode(e, record, any) || any;
    return any;
}

enum nt_epoch_found nt_epoch_read(struct nt_epoch *e)
{
    int fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        e->error = errno;
        return errno == ENOENT ? NT_EPOCH_MISSING : NT_EPOCH_UNREADABLE;
    }
    bool any = read_places(e, fd);
    close(fd);
    return any ? NT_EPOCH_FOUND : NT_EPOCH_DAMAGED;
}

static bool write_place(struct nt_epoch *e)
{
    uint8_t record[RECORD_LEN];
    e->turn++;
    encode(e, record);
    errno = ENOSPC; /* what a short write means */
    return pwrite(e->fd, record, sizeof record, (off_t)(e->turn % PLACES) * PLACE_SIZE) ==
           (ssize_t)sizeof record;
}

/* Nothing more is kept for now: the file stays as it was, which is behind the store and so no lie.
 */
static void give_up(struct nt_epoch *e, int error)
{
    e->error = error;
    close(e->fd);
    e->fd = -1;
}

/* One at a time, where several write. */
static void lock(struct nt_epoch *e, int how)
{
    while (e->shared && e->fd >= 0 && flock(e->fd, how) != 0 && errno == EINTR)
        ;
}

enum nt_err nt_epoch_begin(struct nt_epoch *e, const struct nt_epoch_mark *mark)
{
    bool there = access(e->path, F_OK) == 0;
    e->mark = *mark;
    e->begun = true;
    e->synced = mark->at;
    e->fd = open(e->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (e->fd < 0) {
        e->error = errno;
        return nt_file_err(e->error);
    }
    lock(e, LOCK_EX);
    if (e->shared && read_places(e, e->fd)) /* whose turn it is */
        e->mark = *mark;
    if (!write_place(e) || (there ? fdatasync(e->fd) : fsync(e->fd)) != 0) {
        give_up(e, errno);
        return nt_file_err(e->error);
    }
    lock(e, LOCK_UN);
    enum nt_err err = there ? NT_OK : nt_file_sync_dir(e->path);
    if (err != NT_OK)
        give_up(e, EIO);
    return err;
}

enum nt_err nt_epoch_join(struct nt_epoch *e)
{
    e->begun = true;
    e->fd = open(e->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (e->fd >= 0 && read_places(e, e->fd)) {
        e->synced = e->mark.at;
        return NT_OK;
    }
    e->error = e->fd < 0 ? errno : EIO;
    if (e->fd >= 0)
        give_up(e, EIO);
    return nt_file_err(e->error);
}

/* The file could not be written at the last try. */
static void try_again(struct nt_epoch *e)
{
    struct nt_epoch_mark mark = e->mark;
    nt_time at = mark.at;
    enum nt_err err = e->shared ? nt_epoch_join(e) : nt_epoch_begin(e, &mark);
    if (err == NT_OK)
        nt_log(NT_LOG_INFO, "epoch file is written again file=%s", e->path);
    e->synced = at;
}

/* False: with e->error. */
static bool write_move(struct nt_epoch *e, uint64_t serial, nt_time at, bool sync)
{
    lock(e, LOCK_EX);
    bool further = e->shared && read_places(e, e->fd) && e->mark.serial >= serial;
    if (!further) {
        e->mark.serial = serial;
        e->mark.at = at;
    }
    bool wrote = further || write_place(e);
    e->error = errno;
    lock(e, LOCK_UN); /* the next one sees it; only the disk is waited for */
    if (wrote && sync) {
        wrote = fdatasync(e->fd) == 0;
        e->error = errno;
    }
    return wrote;
}

void nt_epoch_move(struct nt_epoch *e, uint64_t serial, nt_time at)
{
    if (!e->begun)
        return;
    bool sync = at < e->synced || at - e->synced >= NT_EPOCH_SYNC;
    if (e->fd < 0) {
        e->mark.serial = serial;
        e->mark.at = at;
        if (sync)
            try_again(e);
        return;
    }
    if (!write_move(e, serial, at, sync)) {
        give_up(e, e->error);
        nt_log(NT_LOG_WARN,
               "epoch file cannot be written: until it can, whether this store is restored later "
               "will not be noticed file=%s reason=%s",
               e->path, strerror(e->error));
        return;
    }
    e->moved = !sync;
    if (sync)
        e->synced = at;
}

void nt_epoch_end(struct nt_epoch *e)
{
    if (e->fd < 0)
        return;
    if (e->moved && fdatasync(e->fd) != 0)
        nt_log(NT_LOG_WARN, "epoch file cannot be written file=%s reason=%s", e->path,
               strerror(errno));
    close(e->fd);
    e->fd = -1;
}
