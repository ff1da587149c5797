/*
 * world.h - two domains in one process for the tests of src/channel: RESOURCES trusts ACCOUNTS. The
 * trusting end's machines are joined by byte pipes to the real server of the trusted end, on two
 * memory stores, one seed and one virtual clock. A test may cut, delay, refuse, crash and revert.
 */
#ifndef NT_TESTS_CHANNEL_WORLD_H
#define NT_TESTS_CHANNEL_WORLD_H

#include "../test.h"

#include "base/log.h"
#include "channel/runner.h"
#include "crypto/owf.h"
#include "domain/ops.h"
#include "service/logon.h"
#include "store/memory.h"

#define WORLD_INITIAL "Initial.pw1"

struct wire;

struct side {
    struct world *world;
    struct nt_env env;
    uint64_t seed;
    struct nt_engine *engine;
    struct nt_service service;
};

struct world {
    uint64_t now_ms;      /* since the world began */
    struct side acc;      /* the trusted end */
    struct side res;      /* the trusting end */
    struct side old;      /* "oldpdc": another controller of ACCOUNTS, which lags; see world_lag */
    struct side *trusted; /* `acc`, or the first world's: see world_second */
    struct nt_runner *runner;
    bool stored; /* the runner's commit is done, and it was not told yet */
    struct wire *wire;
    unsigned number; /* of the wish that the wire was made for */

    /* what goes wrong */
    const char *servers; /* of the TDO; NULL: "accpdc", which is where it is */
    /* The runner's; NULL: it cannot locate. */
    bool (*locate)(void *world, const char *dns_name);
    bool unreachable;    /* every connection is refused; all but accpdc are so always */
    bool pipes_only;     /* all but its SMB port is closed; else that is */
    bool mute;           /* connections open, and nothing is ever answered */
    bool garbage;        /* the server answers bytes that are no RPC */
    bool no_aes;         /* the server knows older cryptography only */
    bool no_domain_info; /* the server has no NetrLogonGetDomainInfo, */
    bool no_lsa;         /* and its LSA answers nobody */
    bool res_full;       /* no commit of the trusting end is kept */
    bool wire_silent;    /* a restart of the trusted end is not seen on the connection */
    size_t cut_at;       /* when so many bytes have moved, the connection drops; 0: never */
    size_t step;         /* bytes moved at once; 0: all */
    int drop_reply_of;   /* the answer to this Netlogon opnum is lost with its connection; once */
    int64_t skew_s;      /* the clocks are off by so much */

    /* what was seen */
    size_t moved;           /* bytes, both ways */
    unsigned connections;   /* that were opened */
    unsigned attempts;      /* also those refused */
    unsigned to_others;     /* of them, to another host than accpdc */
    unsigned authenticates; /* NetrServerAuthenticate3 calls served */
    unsigned sets;          /* NetrServerPasswordSet2 calls served */
};

/* Both domains; ACCOUNTS permits RESOURCES with WORLD_INITIAL; no TDO and no runner yet. */
void world_open(struct world *w, uint64_t seed);
void world_close(struct world *w);

/* The trusting end adds the trust with this initial password, and runs it. */
void world_trust(struct world *w, const char *initial, bool allow_weak);
void world_runner(struct world *w); /* a new runner from the store */

/* One round of everybody; true: something happened. */
bool world_round(struct world *w);
/* Connects a link of a test's own to the trusted end and moves what there is; NULL: lets go of the
 * one before. True: something happened. */
bool world_drive(struct world *w, struct nt_link *link);
/* Lets everything happen that happens at once. */
void world_settle(struct world *w);
/* The same, and the clock goes on by so much; deadlines come in their order. */
void world_run(struct world *w, uint64_t ms);

/* The process of the trusting end ends here and now, and starts again from what is durable. */
void world_crash_res(struct world *w);
/* The trusted end starts again from this store (taken over); NULL: from what is durable. */
void world_restart_acc(struct world *w, struct nt_store *store);
/* The trusting end goes back to this store (taken over). */
void world_revert_res(struct world *w, struct nt_store *store);
struct nt_store *world_copy(struct side *side); /* what is durable there now */

/* Another controller of RESOURCES, RES2, on the store of the first world's: `acc` there is the
 * trusted end of both, and the clock of each is set by the test. To be called before the first one
 * has a runner. */
void world_second(struct world *w, struct world *first, uint64_t seed);

/* ACCOUNTS has a second controller, "oldpdc", with this store of its own (taken over), and the
 * trusting end is told of both: that one first. */
void world_lag(struct world *w, struct nt_store *store);

/* A change at one end, made durable. */
ntstatus world_change(struct side *side, ntstatus (*fn)(struct nt_txn *txn, void *ctx), void *ctx);
void world_policy(struct side *side, const char *name, uint64_t value);
void world_permit(struct world *w, const char *password);
void world_unpermit(struct world *w);

/* The TDO's machine and the trust account's, as they are durable. */
struct nt_trust_out world_out(struct world *w);
struct nt_trust_in world_in(struct world *w);
size_t world_events(struct side *side, const char *kind); /* lines of that kind */

/* A forward through the runner; its status once `done`. */
struct ask {
    struct nt_forward fwd;
    bool done;
};
void world_ask(struct world *w, struct ask *ask, enum nt_forward_kind kind);
/* A network logon of a user of ACCOUNTS at RESOURCES: whole way. */
ntstatus world_logon(struct world *w, const char *user, const char *password);

/* The same, beside others: begun, and looked at when it is done. */
struct flying {
    struct nt_logon logon;
    struct nt_dir *dir;
    struct nt_arena arena;
    struct nt_buf response;
    struct nt_secret key;
    bool done;
};
void fly_start(struct world *w, struct flying *f, const char *user, const char *password);
ntstatus fly_end(struct flying *f);

/* I1: some durable candidate of the trusting end is accepted; also checked
 * whenever a PasswordSet2 was served. I2: both agree on one current password. I3: the initial
 * password opens nothing. */
void world_assert_i1(struct world *w);
void world_assert_i2(struct world *w);
void world_assert_i3(struct world *w);
#define world_assert_good(w)                                                                       \
    do {                                                                                           \
        world_assert_i1(w);                                                                        \
        world_assert_i2(w);                                                                        \
        world_assert_i3(w);                                                                        \
    } while (0)

#endif
