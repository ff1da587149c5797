#include "core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* --- chance --- */

uint64_t sim_draw(struct sim_rng *rng)
{
    rng->state += GOLDEN;
    return mix(rng->state);
}

uint64_t sim_below(struct sim_rng *rng, uint64_t n)
{
    return sim_draw(rng) % n;
}

uint64_t sim_between(struct sim_rng *rng, uint64_t low, uint64_t high)
{
    return low + sim_below(rng, high - low + 1);
}

bool sim_chance(struct sim_rng *rng, unsigned per_mille)
{
    return sim_below(rng, 1000) < per_mille;
}

void sim_fill(struct sim_rng *rng, void *to, size_t len)
{
    uint8_t *p = to;
    while (len > 0) {
        uint64_t x = sim_draw(rng);
        size_t n = len < sizeof x ? len : sizeof x;
        memcpy(p, &x, n);
        p += n;
        len -= n;
    }
}

struct sim_rng sim_stream(const struct sim_core *core, uint64_t number)
{
    return (struct sim_rng){ mix(core->seed + GOLDEN) ^ mix(number * GOLDEN + 1) };
}

/* --- life --- */

void sim_core_init(struct sim_core *core, uint64_t seed, bool verbose)
{
    *core = (struct sim_core){ .seed = seed, .verbose = verbose, .hash = mix(seed + GOLDEN) };
}

void sim_core_done(struct sim_core *core)
{
    free(core->queue);
    core->queue = NULL;
}

void *sim_new(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL) {
        fputs("sim: out of memory\n", stderr);
        exit(3);
    }
    return p;
}

/* --- the queue: a binary heap by moment and order --- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct sim_core *core, size_t place, struct sim_event *event)
{
    core->queue[place - 1] = event;
    event->place = place;
}

static void rise(struct sim_core *core, size_t place, struct sim_event *event)
{
    while (place > 1 && before(event, core->queue[place / 2 - 1])) {
        put(core, place, core->queue[place / 2 - 1]);
        place /= 2;
    }
    put(core, place, event);
}

static void sink(struct sim_core *core, size_t place, struct sim_event *event)
{
    for (;;) {
        size_t child = 2 * place;
        if (child > core->count)
            break;
        if (child < core->count && before(core->queue[child], core->queue[child - 1]))
            child++;
        if (!before(core->queue[child - 1], event))
            break;
        put(core, place, core->queue[child - 1]);
        place = child;
    }
    put(core, place, event);
}

void sim_cancel(struct sim_core *core, struct sim_event *event)
{
    size_t place = event->place;
    if (place == 0)
        return;
    event->place = 0;
    struct sim_event *last = core->queue[--core->count];
    if (last == event)
        return;
    if (place > 1 && before(last, core->queue[place / 2 - 1]))
        rise(core, place, last);
    else
        sink(core, place, last);
}

void sim_at(struct sim_core *core, struct sim_event *event, sim_time at)
{
    sim_cancel(core, event);
    if (core->count == core->room) {
        core->room = 2 * core->room + 256;
        core->queue = reallocarray(core->queue, core->room, sizeof *core->queue);
        if (core->queue == NULL) {
            fputs("sim: out of memory\n", stderr);
            exit(3);
        }
    }
    event->at = at > core->now ? at : core->now;
    event->order = core->order++;
    core->count++;
    rise(core, core->count, event);
}

void sim_after(struct sim_core *core, struct sim_event *event, sim_time wait)
{
    sim_at(core, event, core->now + wait);
}

bool sim_step(struct sim_core *core, sim_time end)
{
    if (core->failed || core->count == 0 || core->queue[0]->at > end)
        return false;
    struct sim_event *event = core->queue[0];
    sim_cancel(core, event);
    core->now = event->at;
    core->steps++;
    sim_note(core, event->kind, event->at, 0);
    event->run(core, event);
    return !core->failed;
}

/* --- the record of it --- */

void sim_note(struct sim_core *core, enum sim_kind kind, uint64_t a, uint64_t b)
{
    core->hash = mix(core->hash ^ (a * GOLDEN + (uint64_t)kind)) ^ b;
}

void sim_note_bytes(struct sim_core *core, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t h = core->hash ^ len;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        h = (h ^ x) * UINT64_C(0xBF58476D1CE4E5B9);
        h ^= h >> 29;
    }
    for (; len > 0; p++, len--)
        h = (h ^ *p) * UINT64_C(0x100000001B3);
    core->hash = mix(h);
}

static void stamp(const struct sim_core *core, char *text, size_t size)
{
    uint64_t s = core->now / SIM_SECOND;
    snprintf(text, size, "step %llu, day %llu %02u:%02u:%02u.%06u", (unsigned long long)core->steps,
             (unsigned long long)(s / 86400), (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
             (unsigned)(s % 60), (unsigned)(core->now % SIM_SECOND));
}

void sim_fail(struct sim_core *core, const char *fmt, ...)
{
    va_list args;
    if (core->failed)
        return;
    core->failed = true;
    stamp(core, core->failure, sizeof core->failure);
    size_t at = strlen(core->failure);
    at += (size_t)snprintf(core->failure + at, sizeof core->failure - at, ": ");
    va_start(args, fmt);
    vsnprintf(core->failure + at, sizeof core->failure - at, fmt, args);
    va_end(args);
    sim_say(core, "FAILED");
}

void sim_say(struct sim_core *core, const char *fmt, ...)
{
    char at[80];
    va_list args;
    if (!core->verbose)
        return;
    stamp(core, at, sizeof at);
    fprintf(stderr, "%s  ", at);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}
