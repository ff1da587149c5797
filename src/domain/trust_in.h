/*
 * trust_in.h - the trusted end of a trust: which passwords of an interdomain trust account open the
 * secure channel, and when a wrong one burns the permission. Pure: no clock, store or heap; lives
 * inside the account's record. Design section 5; field-guide 1.2, 1.3.
 *
 *     none -> permitted -> proven -> active          burned opens nothing, until the account is
 *                 \-> burned                         removed and permitted anew
 */
#ifndef NT_DOMAIN_TRUST_IN_H
#define NT_DOMAIN_TRUST_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nttime.h"
#include "base/secret.h"
#include "base/status.h"

struct nt_policy;

#define NT_IN_PREVIOUS_MAX   8
#define NT_IN_CANDIDATES_MAX (1 + NT_IN_PREVIOUS_MAX)
#define NT_IN_FROM           64
#define NT_CODE_MARK         16 /* bytes of a reset code's mark, domain/reset_code.h */

enum nt_in_state {
    NT_IN_NONE,      /* no password set yet: nothing opens it */
    NT_IN_PERMITTED, /* the initial password waits for its one chance */
    NT_IN_PROVEN,    /* it opened the channel; a change is expected at once */
    NT_IN_ACTIVE,    /* changed by the trusting end's system at least once */
    NT_IN_BURNED     /* wrong initial password: nothing opens it any more */
};

/* A password that was current before. */
struct nt_in_previous {
    struct nt_secret hash;
    uint32_t version;
    bool proven; /* it has opened a channel */
    nt_time replaced_at;
};

struct nt_trust_in {
    enum nt_in_state state;
    uint32_t attempts_left; /* PERMITTED: wrong passwords until burned */
    uint32_t version;    /* TrustPasswordVersion of the current, [MS-NRPC] 2.2.1.3.8; 0: initial */
    bool current_proven; /* the current one has opened a channel */
    struct nt_secret current;                           /* NT hash */
    struct nt_in_previous previous[NT_IN_PREVIOUS_MAX]; /* newest first; never the initial one */
    uint32_t previous_count;
    nt_time permitted_at, proven_at, changed_at, burned_at; /* 0: not happened */
    nt_time last_ok, last_bad;
    char burned_from[NT_IN_FROM], last_from[NT_IN_FROM]; /* peer addresses */
    nt_time initial_until; /* the initial password is a reset code and proves nothing from then on;
                              0: it serves without a limit */
    uint8_t code_mark[NT_CODE_MARK]; /* of the reset code that this began with; zeros: none */
};

/* A fresh permission: `hash` is the NT hash of the initial password (which may be empty). Whatever
 * was before is wiped. attempts 0 counts as 1. */
void nt_in_permit(struct nt_trust_in *in, const struct nt_secret *hash, uint32_t attempts,
                  nt_time now);
void nt_in_wipe(struct nt_trust_in *in);
/* The initial password is a reset code whose time is over, unproven. */
bool nt_in_expired(const struct nt_trust_in *in, nt_time now);

/* The hashes to try, newest first; returns how many. They point into `in`. None when burned. With
 * P = policy->previous_accepted: everything down to the (P + 1)th password that was ever proven, so
 * that a change which nobody has proven yet shuts nobody out. */
size_t nt_in_candidates(const struct nt_trust_in *in, const struct nt_policy *policy,
                        const struct nt_secret *list[NT_IN_CANDIDATES_MAX]);
bool nt_in_accepts(const struct nt_trust_in *in, const struct nt_policy *policy,
                   const struct nt_secret *hash);

/*
 * What NetrServerGetTrustInfo and NetrServerTrustPasswordsGet answer: the current hash and the one
 * before it (len 0: none). [MS-NRPC] 3.5.4.4.6, 3.5.4.4.9
 */
void nt_in_evidence(const struct nt_trust_in *in, const struct nt_policy *policy,
                    struct nt_secret *new_hash, struct nt_secret *old_hash);

/* True when opening with this hash, or refusing an attempt, changes something that must be durable
 * before the peer is answered: then call the function below in a transaction first. Otherwise
 * recording is for people only and may be skipped or done later. */
bool nt_in_opened_changes(const struct nt_trust_in *in, const struct nt_secret *hash);
bool nt_in_refused_changes(const struct nt_trust_in *in);

enum nt_in_what {
    NT_IN_NOTHING,         /* nothing but times */
    NT_IN_INITIAL_PROVEN,  /* permitted -> proven */
    NT_IN_CHANGE_PROVEN,   /* the current password is proven; older ones were dropped by policy */
    NT_IN_PREVIOUS_PROVEN, /* an unproven previous one was; counts from now on */
    NT_IN_USED_PREVIOUS,   /* the trusting end is behind: it came with a previous password */
    NT_IN_ATTEMPT_LOST,    /* a wrong initial password; attempts are left */
    NT_IN_NOW_BURNED,      /* that was the last attempt */
    NT_IN_CHANGED,         /* new password */
    NT_IN_FIRST_CHANGED,   /* proven -> active: the initial password is gone */
    NT_IN_SAME             /* set to what it is already: a repeated message */
};

/* The holder of `hash` opened the channel. ACCESS_DENIED, and nothing changed, when the hash is not
 * accepted (any more): the decision was made on an older record. ACCOUNT_EXPIRED: likewise, since
 * the reset code has. */
ntstatus nt_in_opened(struct nt_trust_in *in, const struct nt_policy *policy,
                      const struct nt_secret *hash, const char *from, nt_time now,
                      enum nt_in_what *what);
/* A wrong password was offered. Before the first proof it costs an attempt; afterwards nothing, or
 * anybody could break a live trust. */
enum nt_in_what nt_in_refused(struct nt_trust_in *in, const char *from, nt_time now);

/*
 * The trusting end sets a new password over its channel. WRONG_PASSWORD: policy refuses changes, or
 * the new one is empty, or is the initial one again (it serves once). ACCESS_DENIED: not in a state
 * that can have a channel.
 */
ntstatus nt_in_set(struct nt_trust_in *in, const struct nt_policy *policy,
                   const struct nt_secret *hash, uint32_t version, const char *from, nt_time now,
                   enum nt_in_what *what);

const char *nt_in_state_name(enum nt_in_state state); /* "permitted" */
/* For people: what the state means, and what to do next ("" for nothing). `trusting` is the
 * trusting domain's name, `own` ours. Each returns `text`. */
const char *nt_in_describe(const struct nt_trust_in *in, const char *trusting, const char *own,
                           char *text, size_t size);
const char *nt_in_next(const struct nt_trust_in *in, const char *trusting, const char *own,
                       char *text, size_t size);

#endif
