/*
 * ledger.h - what both ends of a trust may know, kept from the outside: each durable record is
 * compared with the one before, and only the steps that design section 5 allows are taken over. A
 * second opinion: none of the code under test decides here.
 *
 *   I1  some candidate of the trusting end is accepted by the trusted end, unless a person removed
 *       one, or an end went back further than the policy allows (then the trust is excused)
 *   I3  the initial password opens nothing once it was changed or burned
 *   and: one secret at a time is unproven, nothing is promoted unproven, no history is lost, no
 *   password is accepted beyond the policy, no working trust is called broken
 */
#ifndef NT_SIM_LEDGER_H
#define NT_SIM_LEDGER_H

#include "core.h"
#include "domain/dir.h"

struct sim_trust;
struct sim_domain;

struct sim_hash {
    uint8_t b[16];
};

#define SIM_HISTORY  NT_OUT_HISTORY_MAX
#define SIM_PREVIOUS NT_IN_PREVIOUS_MAX

/* The trusting end. */
struct sim_view_out {
    bool there;
    enum nt_out_state state;
    uint64_t epoch;
    nt_time last_ok;
    bool initial;                              /* the current one is */
    bool next_set, next_adopted, next_refused; /* refused: the trusted end takes no changes */
    struct sim_hash current, next, history[SIM_HISTORY];
    unsigned history_count;
    struct nt_lease lease;
};

/* The trusted end. */
struct sim_view_in {
    bool there;
    uint32_t rid;
    nt_time permitted_at;
    enum nt_in_state state;
    bool current_proven;
    struct sim_hash current, initial;
    struct sim_previous {
        struct sim_hash hash;
        bool proven;
    } previous[SIM_PREVIOUS];
    unsigned previous_count;
};

#define SIM_PROVEN 64 /* hashes that opened a channel, remembered */

struct sim_ledger {
    struct sim_view_out out;
    struct sim_view_in in;
    struct sim_hash proven[SIM_PROVEN]; /* a ring */
    unsigned proven_count;
    bool sound;     /* some candidate is accepted */
    bool excused;   /* it need not be: a person or a snapshot broke it */
    bool disturbed; /* an administrator is at it just now, at one end or the other */
    sim_time unsound_until, opened_at; /* a channel was opened, as the trusting end noted */
};

/* A durable change of either end. */
void sim_ledger_out(struct sim_trust *t, const struct nt_tdo *tdo, const struct nt_policy *policy);
void sim_ledger_in(struct sim_trust *t, const struct nt_account *account,
                   const struct nt_policy *policy);
/* Everything of a domain, as its disk has it after a start. jump: its disk went back, or a commit
 * came back that had failed. */
void sim_ledger_reload(struct sim_domain *d, const struct nt_dir *dir, bool jump);
/* Its disk goes back to when these were its views. */
void sim_ledger_revert(struct sim_domain *d, const struct sim_view_out *out,
                       const struct sim_view_in *in);
/* One transaction of the domain is durable. */
void sim_ledger_durable(struct sim_domain *d, const struct nt_txn *txn);

/* Both ends agree on one current password, proven, and nothing is under way. */
bool sim_ledger_agrees(const struct sim_trust *t);
/* For people: why not. */
void sim_ledger_explain(const struct sim_trust *t, char *text, size_t size);

#endif
