/*
 * arena.h - memory of one request: all of it lives and ends together.
 * Not for use from two threads at once.
 */
#ifndef NT_BASE_ARENA_H
#define NT_BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"

struct nt_arena_block;

struct nt_arena {
    struct nt_arena_block *head; /* newest block first */
    size_t used;                 /* bytes handed out since the last reset */
    size_t limit;                /* bytes that may be handed out; 0: none at all */
};

/* Prepares an empty arena that hands out at most `limit` bytes. Allocates nothing yet. */
void nt_arena_init(struct nt_arena *a, size_t limit);

/* Zeroed and 16-byte aligned; NULL past the arena's byte limit or when the heap is exhausted.
 * n == 0 gives a valid pointer. Lives until the reset. */
void *nt_arena_alloc(struct nt_arena *a, size_t n) NT_MUST_USE;

/* As nt_arena_alloc for count elements of size bytes; NULL too when the product overflows. */
void *nt_arena_array(struct nt_arena *a, size_t count, size_t size) NT_MUST_USE;

/* A copy of len bytes (and of a NUL behind them, for text); NULL as above. */
void *nt_arena_dup(struct nt_arena *a, const void *data, size_t len) NT_MUST_USE;
char *nt_arena_strdup(struct nt_arena *a, const char *s) NT_MUST_USE;

/* Formats into the arena; NULL as above. */
char *nt_arena_printf(struct nt_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))) NT_MUST_USE;

void nt_arena_reset(struct nt_arena *a); /* wipes, and keeps one block for the next request */
void nt_arena_free(struct nt_arena *a);  /* wipes and gives everything back */

#endif
