/*
 * runner.h - one outbound trust, run: asks the lifecycle machine (domain/trust_out.h) what to do,
 * does it over the secure channel, makes durable what must be, and carries logons. No sockets and
 * no timers: its owner drives the link it shows, steps it, and brings it back to its thread.
 */
#ifndef NT_CHANNEL_RUNNER_H
#define NT_CHANNEL_RUNNER_H

#include "channel/channel.h"
#include "channel/locate.h"

#define NT_RUNNER_QUEUE 1024 /* forwards that wait for a channel */

struct nt_runner;

struct nt_runner_config {
    struct nt_service *service; /* kept: engine, env */
    const char *name;           /* of the TDO; copied */
    bool shared; /* other controllers run this trust too, over the same store: domain/lease.h */
    /* A change was stored: have nt_runner_stored called in the runner's thread. Any thread. */
    void (*post)(void *ctx);
    /* Find the controllers of a domain for which none are named; nt_runner_located gets them later.
     * False: it cannot be done now. NULL: never. */
    bool (*locate)(void *ctx, const char *dns_name);
    void *ctx;
};

/* NULL: no memory, or there is no outbound TDO of that name. */
struct nt_runner *nt_runner_new(const struct nt_runner_config *config);
/* True when it may be freed: no commit is under way. Its forwards end as soon as this is called. */
bool nt_runner_stop(struct nt_runner *r);
void nt_runner_free(struct nt_runner *r);

const char *nt_runner_name(const struct nt_runner *r);
/* True when it runs this very trust (and not one that was removed and added again since). */
bool nt_runner_is_for(const struct nt_runner *r, const struct nt_tdo *tdo);
/* The TDO has another list of servers, ... : take over what is not the machine's own, and all of it
 * where another controller has written it. True: that, or an administrator asked for a check or a
 * change; step it. */
bool nt_runner_refresh(struct nt_runner *r, const struct nt_tdo *tdo);

/* Goes on as far as it can. Then: the link to drive (or NULL), and when to step again at the
 * latest (in now_ms; UINT64_MAX: not by time). */
void nt_runner_step(struct nt_runner *r, uint64_t now_ms);
struct nt_link *nt_runner_link(struct nt_runner *r);
uint64_t nt_runner_deadline(const struct nt_runner *r);
void nt_runner_stored(struct nt_runner *r, uint64_t now_ms);
/* What `locate` came to. */
void nt_runner_located(struct nt_runner *r, const struct nt_located *located, uint64_t now_ms);

/* Carries out a forward; its done is called in this or a later step. */
void nt_runner_forward(struct nt_runner *r, struct nt_forward *fwd, uint64_t now_ms);

#endif
