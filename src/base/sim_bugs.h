/*
 * sim_bugs.h - mistakes that the simulator plants in its own copy of this code, one at a time, to
 * see that it finds them (sim/README.md). In the programs NT_SIM_BUG(...) is the constant false.
 */
#ifndef NT_BASE_SIM_BUGS_H
#define NT_BASE_SIM_BUGS_H

#ifdef NT_SIM_BUGS

#define NT_SIM_BUGS_LIST(BUG)                                                                      \
    BUG(SKIP_SYNC, "skip-sync")                     /* a commit is not always synced */            \
    BUG(ANSWER_EARLY, "answer-before-durable")      /* done comes before the commit */             \
    BUG(SEND_EARLY, "send-before-durable")          /* `next` is told before it is stored */       \
    BUG(PROMOTE_UNPROVEN, "promote-before-proof")   /* as soon as it was sent */                   \
    BUG(FORGET_HISTORY, "forget-history")           /* the trusting end keeps none */              \
    BUG(SECOND_SECRET, "second-secret")             /* another one while one is unproven */        \
    BUG(IGNORE_EVIDENCE, "ignore-evidence")         /* the trusted end's hashes are not read */    \
    BUG(IGNORE_EPOCH, "ignore-epoch")               /* an old report overwrites a new trust */     \
    BUG(NO_FENCE, "no-fence")                       /* of two controllers one writes old copies */ \
    BUG(IGNORE_LEASE, "ignore-lease")               /* and does not wait for the other */          \
    BUG(NO_BACKOFF, "no-backoff")                   /* tries again at once */                      \
    BUG(ACCEPT_ANY_PREVIOUS, "accept-any-previous") /* all that the trusted end remembers */       \
    BUG(FORGET_PREVIOUS, "forget-previous")         /* at once when a new one is set */            \
    BUG(NEVER_BURN, "never-burn")                   /* a wrong initial password costs nothing */   \
    BUG(INITIAL_LIVES, "initial-lives")             /* it counts as a previous one */

enum nt_sim_bug {
    NT_BUG_NONE,
#define NT_SIM_BUG_ID(bug, name) NT_BUG_##bug,
    NT_SIM_BUGS_LIST(NT_SIM_BUG_ID)
#undef NT_SIM_BUG_ID
};
extern enum nt_sim_bug nt_sim_bug;

#define NT_SIM_BUG(which) (nt_sim_bug == NT_BUG_##which)

#else

#define NT_SIM_BUG(which) 0

#endif

#endif
