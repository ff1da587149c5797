/*
 * epoch.h - how a store knows that it has gone back: a small file beside it, named like it with
 * ".epoch", that no copy of the store takes along. It says how far the store had come: a store that
 * is opened and is not so far, or has another past, was restored.
 *
 * Order of writes. After a commit the file is moved on, never before: whatever a crash cuts off,
 * the file is behind the store and not ahead of it, so that no crash looks like a restored store.
 * With the first commit after a store was opened (at once, where it is shared) a new `life` goes
 * into the file first, with the one before it, and then into the store: either of both is the
 * store's own. The file has two places that are written in turn, each with a checksum: one of them
 * is whole at any moment.
 */
#ifndef NT_STORE_EPOCH_H
#define NT_STORE_EPOCH_H

#include "base/nttime.h"
#include "store/files.h"

#define NT_EPOCH_ID   16
#define NT_EPOCH_SYNC (10 * NT_TIME_SECOND) /* how long a move may wait for the disk */

/* How far a store had come. */
struct nt_epoch_mark {
    uint8_t store[NT_EPOCH_ID];                     /* which store: its uuid */
    uint8_t life[NT_EPOCH_ID], before[NT_EPOCH_ID]; /* since it was opened last; and before that */
    uint64_t serial;                                /* of its newest commit */
    nt_time at;                                     /* when that was */
};

enum nt_epoch_found {
    NT_EPOCH_FOUND,
    NT_EPOCH_MISSING,
    NT_EPOCH_DAMAGED,   /* neither place is whole */
    NT_EPOCH_UNREADABLE /* error: errno's value */
};

struct nt_epoch {
    char path[NT_STORE_PATH];
    int fd;     /* -1: nothing is kept: not begun, or the file cannot be written at present */
    bool begun; /* whether the file could be written or not */
    int error;
    struct nt_epoch_mark mark;
    uint64_t turn;
    nt_time synced; /* or tried to */
    bool moved;     /* since then */
    bool shared;    /* others move it, too: each goes on from what is there */
};

void nt_epoch_init(struct nt_epoch *e, const char *store_path);
/* Reads what is there into e->mark. */
enum nt_epoch_found nt_epoch_read(struct nt_epoch *e);
/* From now on the file has this mark; durable when it returns. On failure e->error says why, and
 * nothing is kept until a later move can. */
enum nt_err nt_epoch_begin(struct nt_epoch *e, const struct nt_epoch_mark *mark) NT_MUST_USE;
/* Goes on with the mark of those who have the store open already, without a life of its own. */
enum nt_err nt_epoch_join(struct nt_epoch *e) NT_MUST_USE;
/* A commit is durable. Waits for the disk at most every NT_EPOCH_SYNC: what a crash of the system
 * takes away of the file only makes it older. A file that could not be written is begun again, as
 * often. */
void nt_epoch_move(struct nt_epoch *e, uint64_t serial, nt_time at);
void nt_epoch_end(struct nt_epoch *e);

#endif
