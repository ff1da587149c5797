/*
 * crew.h - a piece of work for each of many things, many of them at once. For what waits for other
 * computers; at the edge.
 */
#ifndef NT_REPAIR_CREW_H
#define NT_REPAIR_CREW_H

#include <stddef.h>

#define NT_CREW_MAX 64 /* threads */

/* Calls work(ctx, i) for each i below count, up to `threads` of them at once, beginning them in
 * their order, and returns when all have ended. Where a thread cannot be made it does with fewer,
 * at worst with the caller's own, which always takes part. */
void nt_crew_run(size_t count, size_t threads, void (*work)(void *ctx, size_t i), void *ctx);

#endif
