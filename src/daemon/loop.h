/*
 * loop.h - an event loop with its thread, and the one way into it from other threads: post.
 */
#ifndef NT_DAEMON_LOOP_H
#define NT_DAEMON_LOOP_H

#include <stdbool.h>

#include <uv.h>

#include "base/err.h"

/* Something to do in the loop's thread. Embedded in what it is about; owned by the poster until
 * `run` is called. */
struct nt_post {
    void (*run)(struct nt_post *post);
    struct nt_post *next;
};

struct nt_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_mutex_t lock;
    struct nt_post *first, **last; /* behind the lock */
    uv_thread_t thread;
    bool threaded;
    char read_buffer[65536]; /* shared by the loop's connections: each read is used up at once */
};

enum nt_err nt_loop_init(struct nt_loop *loop) NT_MUST_USE;
/* Runs it in a thread of its own, until nt_loop_stop. */
enum nt_err nt_loop_start(struct nt_loop *loop) NT_MUST_USE;
/* All handles but the loop's own must be closing; waits for the thread; runs what was posted. */
void nt_loop_done(struct nt_loop *loop);

/* Any thread; never blocks for long; in the order posted. */
void nt_loop_post(struct nt_loop *loop, struct nt_post *post);

/* Milliseconds that only go forward, as the machines count time. */
uint64_t nt_loop_now(const struct nt_loop *loop);

#endif
