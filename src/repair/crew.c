#include "repair/crew.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#define STACK_BYTES (512u * 1024)

struct crew {
    atomic_size_t next;
    size_t count;
    void (*work)(void *ctx, size_t i);
    void *ctx;
};

static void take_part(void *arg)
{
    struct crew *c = arg;
    for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->count;)
        c->work(c->ctx, i);
}

void nt_crew_run(size_t count, size_t threads, void (*work)(void *ctx, size_t i), void *ctx)
{
    const uv_thread_options_t options = { .flags = UV_THREAD_HAS_STACK_SIZE,
                                          .stack_size = STACK_BYTES };
    struct crew crew = { .count = count, .work = work, .ctx = ctx };
    uv_thread_t others[NT_CREW_MAX];
    size_t made = 0;
    if (threads > NT_CREW_MAX)
        threads = NT_CREW_MAX;
    while (made + 1 < threads && made + 1 < count &&
           uv_thread_create_ex(&others[made], &options, take_part, &crew) == 0)
        made++;
    take_part(&crew);
    for (size_t i = 0; i < made; i++)
        uv_thread_join(&others[i]);
}
