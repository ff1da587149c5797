#include "daemon/loop.h"

#include <stddef.h>
#include <string.h>

static void on_wake(uv_async_t *wake)
{
    struct nt_loop *loop = wake->data;
    uv_mutex_lock(&loop->lock);
    struct nt_post *post = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    uv_mutex_unlock(&loop->lock);
    while (post != NULL) {
        struct nt_post *next = post->next;
        post->run(post);
        post = next;
    }
}

enum nt_err nt_loop_init(struct nt_loop *loop)
{
    /* Not the read buffer: its pages are taken when they are used. */
    memset(loop, 0, offsetof(struct nt_loop, read_buffer));
    loop->last = &loop->first;
    if (uv_mutex_init(&loop->lock) != 0)
        return NT_E_NOMEM;
    if (uv_loop_init(&loop->uv) != 0) {
        uv_mutex_destroy(&loop->lock);
        return NT_E_IO;
    }
    loop->wake.data = loop;
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        uv_loop_close(&loop->uv);
        uv_mutex_destroy(&loop->lock);
        return NT_E_IO;
    }
    return NT_OK;
}

static void thread_main(void *arg)
{
    struct nt_loop *loop = arg;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

enum nt_err nt_loop_start(struct nt_loop *loop)
{
    if (uv_thread_create(&loop->thread, thread_main, loop) != 0)
        return NT_E_IO;
    loop->threaded = true;
    return NT_OK;
}

struct ending {
    struct nt_post post;
    struct nt_loop *loop;
};

static void close_wake(struct nt_post *post)
{
    struct ending *e = (struct ending *)post;
    uv_close((uv_handle_t *)&e->loop->wake, NULL);
}

void nt_loop_done(struct nt_loop *loop)
{
    struct ending e = { .post.run = close_wake, .loop = loop };
    nt_loop_post(loop, &e.post);
    if (loop->threaded)
        uv_thread_join(&loop->thread);
    else
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    uv_mutex_destroy(&loop->lock);
}

void nt_loop_post(struct nt_loop *loop, struct nt_post *post)
{
    post->next = NULL;
    uv_mutex_lock(&loop->lock);
    *loop->last = post;
    loop->last = &post->next;
    uv_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

uint64_t nt_loop_now(const struct nt_loop *loop)
{
    return uv_now(&loop->uv);
}
