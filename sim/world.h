/*
 * world.h - the simulated world: domains with their disks and controllers, the trusts between
 * them, and what is known of both from the outside (ledger.h).
 */
#ifndef NT_SIM_WORLD_H
#define NT_SIM_WORLD_H

#include "channel/runner.h"
#include "core.h"
#include "disk.h"
#include "ledger.h"
#include "net.h"
#include "rpc/server.h"
#include "service/logon.h"

#define SIM_DOMAINS_MAX   500
#define SIM_DCS_MAX       3 /* controllers of a domain */
#define SIM_SNAPSHOTS_MAX 3
#define SIM_PASSWORDS_MAX 3 /* that a user changes between */
#define SIM_EPM_PORT      135
#define SIM_RPC_PORT      49153
#define SIM_TEXT_MARK     "S3cr" /* in every password that a person types here */

struct sim_domain;
struct sim_trust;
struct sim_leg;
struct sim_serving;

/* A clock that is off, and a source of randomness: what the code under test is handed. */
struct sim_clock {
    struct sim_core *core;
    int64_t off_us;
    struct sim_rng rng;
    struct nt_env env;
};
void sim_clock_init(struct sim_clock *clock, struct sim_core *core, uint64_t number);

/* One controller: a process with its service, the connections that it serves, and the trusts that
 * it holds to others. Those over one store all run each of its trusts. */
struct sim_dc {
    struct sim_domain *domain;
    struct sim_host host;
    struct sim_clock clock;
    struct nt_service service;
    struct nt_token *anonymous;
    struct sim_serving *serving; /* connections */
    struct sim_leg *legs;
    struct nt_engine *own; /* its copy of the store, which lags; NULL: the common one */
    struct sim_event own_work;
    struct sim_event start;   /* again, after a crash */
    struct sim_event refresh; /* the directory has changed */
};

struct sim_snapshot {
    struct nt_dir *dir; /* NULL: none */
    sim_time when;
    struct sim_view_out *out; /* of the domain's trusts, in the order of its lists */
    struct sim_view_in *in;
};

struct sim_domain {
    struct sim_world *world;
    unsigned number;
    char name[16];
    struct sim_clock clock; /* the engine's */
    struct sim_disk disk;
    struct nt_engine *engine; /* NULL: no process has it open */
    struct sim_event work;    /* the engine's next commit */
    struct sim_event stop;    /* the crash that its disk told of */
    unsigned life;            /* of the engine: which one */
    bool mute;                /* a commit is the last thing that happens: nobody is told of it */
    sim_time commit_time;     /* about so long a commit takes */
    struct sim_dc dcs[SIM_DCS_MAX];
    unsigned dc_count;
    struct sim_trust **out, **in; /* where it trusts, where it is trusted */
    size_t out_count, in_count;
    struct sim_trust **by_trusted, **by_trusting; /* by the other domain's number */
    struct sim_snapshot snapshots[SIM_SNAPSHOTS_MAX];
    uint64_t acked_serial; /* of a change that somebody was told of */
    unsigned password;     /* of its user, as it is durable: an index */
    bool restored;         /* its store is a copy of before, and it knows */
    sim_time lagged_at;    /* when one of its controllers lagged last */
};

struct sim_trust {
    struct sim_domain *trusting, *trusted;
    struct sim_ledger ledger;
    struct sim_event use, admin, intruder, later;
    /* an administrator who establishes it, at both ends */
    unsigned attempt;  /* tells one initial password from the next */
    bool establishing; /* not done yet */
    sim_time began_at;
    sim_time busy_since; /* for the watch on runners that spin */
    unsigned busy;
    sim_time attempts_since;
    unsigned attempts;
    uint64_t changes; /* proven */
};

struct sim_config {
    uint64_t seed;
    uint64_t steps;   /* of disturbances, before the calm; 0: by days */
    unsigned days;    /* instead */
    unsigned domains; /* 0: by chance */
    bool faults;      /* anything at all goes wrong */
    bool verbose;
};

/* What was seen, for people. */
struct sim_counts {
    uint64_t logons, logons_good, denied, intrusions;
    uint64_t crashes, disk_crashes, freezes, partitions, jumps, fulls, reverts, lags;
    uint64_t changes, resets, burns, excused, broken_seen;
    uint64_t adopted, behind, lagging, elsewhere; /* what trusting ends found by themselves */
};

struct sim_world {
    struct sim_core core;
    struct sim_config config;
    struct sim_rng rng;
    struct sim_net net;
    struct sim_host *hosts[SIM_DOMAINS_MAX * SIM_DCS_MAX];
    size_t host_count;
    struct sim_domain *domains;
    size_t domain_count;
    struct sim_trust *trusts;
    size_t trust_count, trust_room;
    uint64_t check_interval_s, change_interval_s, retry_most_s;
    sim_time fault_every; /* about so often something goes wrong in a domain */
    bool calm;            /* nothing is disturbed, nobody changes anything */
    bool clocks_jumped;
    struct sim_domain outside; /* where intruders are: a host of no domain */
    struct sim_event fault;
    struct sim_logon *logons; /* under way */
    struct sim_intruder *intruders;
    struct sim_counts counts;
};

struct sim_world *sim_world_new(const struct sim_config *config);
void sim_world_run(struct sim_world *w); /* w->core.failed tells */
void sim_world_free(struct sim_world *w);

static inline struct sim_world *sim_world_of(struct sim_core *core)
{
    return (struct sim_world *)(void *)core; /* its first member */
}

/* --- domain.c: processes --- */

void sim_domain_init(struct sim_world *w, struct sim_domain *d, unsigned number);
void sim_domain_done(struct sim_domain *d);
void sim_domain_boot(struct sim_domain *d); /* the engine and all controllers that are down */
void sim_dc_boot(struct sim_dc *dc);
/* A controller's process ends here and now; of a domain with one controller, the engine's too. */
void sim_dc_crash(struct sim_dc *dc, bool lost_power);
/* Engine and controllers end. */
void sim_domain_crash(struct sim_domain *d, bool lost_power);
/* Something may wait for the engine. */
void sim_domain_poke(struct sim_domain *d);
void sim_dc_poke(struct sim_dc *dc);
/* From now on that controller knows what stands on the common disk now, and takes no change, until
 * it is started anew after so long. Nothing when nobody else would run the trusts. */
void sim_dc_lag(struct sim_dc *dc, sim_time how_long);
bool sim_domain_lags(const struct sim_domain *d, sim_time since);
uint64_t sim_dc_ms(const struct sim_dc *dc); /* its monotonic clock */
/* One of those that run the trusts; NULL: none does. */
struct sim_dc *sim_domain_runner(struct sim_domain *d);
void sim_domain_snapshot(struct sim_domain *d);
/* To the snapshot at that place. */
void sim_domain_revert(struct sim_domain *d, size_t place);

/* A change by an administrator, which somebody is told of. fn runs in the engine; ctx is copied. */
typedef ntstatus sim_change_fn(struct nt_txn *txn, void *ctx);
/* Told: acknowledged with that status. Not called when the process ended before. */
typedef void sim_told_fn(struct sim_domain *d, void *ctx, ntstatus status);
void sim_domain_change(struct sim_domain *d, sim_change_fn *fn, sim_told_fn *told, const void *ctx,
                       size_t ctx_size);

/* --- serve.c: connections that a controller serves --- */

bool sim_serve(void *ctx, struct sim_flow *flow, uint16_t port, const char *peer);
void sim_serve_end(struct sim_dc *dc); /* the process ends: no more callbacks */

/* --- wire.c: the client's side of a connection for one link at a time, as channel/net.h --- */

struct sim_wire {
    struct sim_dc *dc; /* where it is */
    struct nt_link *link;
    struct sim_flow *flow;
    unsigned number;
    bool connected, in_progress;
    struct sim_event timer;
    void (*progress)(void *ctx);
    void *ctx;
    uint64_t wakes; /* by itself: for the watch on runners that spin */
};
void sim_wire_init(struct sim_wire *wire, struct sim_dc *dc, void (*progress)(void *ctx),
                   void *ctx);
void sim_wire_done(struct sim_wire *wire, bool process_died);
void sim_wire_drive(struct sim_wire *wire, struct nt_link *link, uint64_t owner_deadline_ms);

/* --- leg.c: the trusts that a controller holds to others --- */

void sim_legs_refresh(struct sim_dc *dc);
void sim_legs_end(struct sim_dc *dc);
void sim_leg_forward(void *ctx, struct nt_forward *fwd);

/* --- people.c, intruder.c: users, administrators, and those who are neither --- */

void sim_people_begin(struct sim_world *w);
void sim_people_rest(struct sim_world *w); /* nobody begins anything any more */
void sim_people_done(struct sim_world *w);
/* At both ends, whatever is there: also a reset. */
void sim_trust_establish(struct sim_trust *t);
/* A user of the trusted domain logs on in the trusting one; `must`: it has to work. */
void sim_logon(struct sim_trust *t, bool must);
void sim_password_text(const struct sim_domain *d, unsigned index, char *text, size_t size);
/* Now and then somebody resets a trust in the very moment in which its runner is at work. */
void sim_people_hasten(struct sim_trust *t);
/* Somebody who does not know the password tries one that must not open the channel. */
void sim_intrude(struct sim_trust *t);
void sim_guess(struct sim_trust *t);
void sim_intruders_done(struct sim_world *w);

/* --- faults.c --- */

void sim_faults_begin(struct sim_world *w);
void sim_faults_end(struct sim_world *w); /* all that is wrong, too; what is down starts */

/* --- watch.c: what must never be shown, and what must not happen too often --- */

void sim_watch_log(struct sim_core *core);
void sim_watch_text(struct sim_core *core, const char *where, const char *text);
void sim_watch_events(struct sim_domain *d, const struct nt_txn *txn);

#endif
