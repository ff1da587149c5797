/*
 * core.h - the heart of the simulator: one seed, one clock, one queue of moments, one thread. What
 * happens is a function of the seed alone, and a running hash over all of it tells two runs apart.
 */
#ifndef NT_SIM_CORE_H
#define NT_SIM_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t sim_time; /* microseconds since the world began */

#define SIM_MS     UINT64_C(1000)
#define SIM_SECOND (1000 * SIM_MS)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR   (60 * SIM_MINUTE)
#define SIM_DAY    (24 * SIM_HOUR)

/* --- chance (splitmix64): a stream of its own for each that draws --- */

struct sim_rng {
    uint64_t state;
};
uint64_t sim_draw(struct sim_rng *rng);
uint64_t sim_below(struct sim_rng *rng, uint64_t n);                    /* 0 to n - 1; n not 0 */
uint64_t sim_between(struct sim_rng *rng, uint64_t low, uint64_t high); /* both included */
bool sim_chance(struct sim_rng *rng, unsigned per_mille);
void sim_fill(struct sim_rng *rng, void *to, size_t len);

/* --- moments --- */

struct sim_core;
struct sim_event;
typedef void sim_event_fn(struct sim_core *core, struct sim_event *event);

/* Stands inside what it is about; zeroed, it is not set. Freed only when cancelled or run. */
struct sim_event {
    sim_time at;
    uint64_t order; /* of two at the same moment, the one that was set first */
    size_t place;   /* in the queue, from 1; 0: not set */
    sim_event_fn *run;
    uint16_t kind; /* enum sim_kind: goes into the hash */
};

enum sim_kind {
    SIM_KIND_ENGINE = 1,
    SIM_KIND_FLOW,
    SIM_KIND_WIRE,
    SIM_KIND_STORED,
    SIM_KIND_RESUME,
    SIM_KIND_TICK,
    SIM_KIND_START,
    SIM_KIND_REFRESH,
    SIM_KIND_CRASH,
    SIM_KIND_FAULT,
    SIM_KIND_USE,
    SIM_KIND_LOGON,
    SIM_KIND_ADMIN,
    SIM_KIND_ACK,
    SIM_KIND_INTRUDER,
    SIM_KIND_STATUS,
    SIM_KIND_BYTES
};

struct sim_core {
    uint64_t seed;
    sim_time now;
    uint64_t steps; /* events that were run */
    uint64_t hash;
    struct sim_event **queue;
    size_t count, room;
    uint64_t order;
    bool failed;
    char failure[800];
    bool verbose; /* says what happens, on stderr */
};

void sim_core_init(struct sim_core *core, uint64_t seed, bool verbose);
void sim_core_done(struct sim_core *core);
struct sim_rng sim_stream(const struct sim_core *core, uint64_t number); /* that number's own */

/* Sets it, or moves it when it is set already. */
void sim_at(struct sim_core *core, struct sim_event *event, sim_time at);
void sim_after(struct sim_core *core, struct sim_event *event, sim_time wait);
void sim_cancel(struct sim_core *core, struct sim_event *event);
/* Runs the earliest one, if it is not after `end`; false: there is none, or something failed. */
bool sim_step(struct sim_core *core, sim_time end);

/* Into the hash. */
void sim_note(struct sim_core *core, enum sim_kind kind, uint64_t a, uint64_t b);
void sim_note_bytes(struct sim_core *core, const void *data, size_t len);

/* The first failure stays, and ends the run. */
void sim_fail(struct sim_core *core, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_say(struct sim_core *core, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Memory: the simulator ends when there is none. */
void *sim_new(size_t size);

#endif
