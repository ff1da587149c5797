/*
 * trust_out.h - the trusting end of a trust: the candidates for its secret, and the driver that
 * says what to do next. Pure: no clock, store, socket or randomness; lives inside the TDO's record.
 * Design section 5; field-guide 1.3, 1.4.
 *
 *     pending -> establishing -> active <-> changing, and from any -> broken(reason)
 *
 * How it is driven. A runner keeps a struct nt_out_session beside the record: what it knows of the
 * channel that it holds just now. It asks nt_out_plan() what to do, does it, reports with one of
 * the event functions, and, when the result says NT_OUT_COMMIT, makes the changed record durable
 * before it asks again. The session is lost in a crash and need not be kept: with the stored record
 * and a zeroed session, the plan begins with opening a channel and finds out the rest.
 */
#ifndef NT_DOMAIN_TRUST_OUT_H
#define NT_DOMAIN_TRUST_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nttime.h"
#include "base/secret.h"
#include "base/status.h"
#include "domain/trust_seen.h"

struct nt_domain;
struct nt_policy;

#define NT_OUT_HISTORY_MAX    16
#define NT_OUT_CANDIDATES_MAX (2 + NT_OUT_HISTORY_MAX)
#define NT_OUT_SECRET_BYTES                                                                        \
    240 /* of a password that we make: 120 UTF-16 units, field-guide 1.4                           \
         */
#define NT_OUT_DC   64
#define NT_OUT_MARK 16 /* NT_CODE_MARK */
#define NT_OUT_TEXT 400

enum nt_out_state {
    NT_OUT_PENDING,      /* the initial password has not opened a channel yet */
    NT_OUT_ESTABLISHING, /* it has; the first change is under way */
    NT_OUT_ACTIVE,
    NT_OUT_CHANGING, /* a next password is stored and not yet proven */
    NT_OUT_BROKEN
};

/* Why a trust is broken or (UNREACHABLE, NAME) degraded. */
enum nt_broken {
    NT_BROKEN_NONE,
    NT_BROKEN_REMOVED,      /* removed-at-trusted-end */
    NT_BROKEN_MISMATCH,     /* password-mismatch */
    NT_BROKEN_BURNED,       /* initial-password-burned */
    NT_BROKEN_DISABLED,     /* account-disabled */
    NT_BROKEN_ACCOUNT_TYPE, /* wrong-account-type */
    NT_BROKEN_UNREACHABLE,  /* peer-unreachable */
    NT_BROKEN_NAME,         /* name-unresolvable */
    NT_BROKEN_DOMAIN,       /* domain-changed: SID differs */
    NT_BROKEN_CRYPTO,       /* crypto-refused */
    NT_BROKEN_TIME,         /* time-skew */
    NT_BROKEN_DENIED,       /* denied */
    NT_BROKEN_COUNT
};

/* One password that the trusted end may know us by. */
struct nt_out_candidate {
    bool set;
    bool has_clear;          /* false: only its hash is known (adopted from the trusted end) */
    bool initial;            /* typed by a person; serves once */
    uint32_t version;        /* TrustPasswordVersion, [MS-NRPC] 3.4.5.2.6; 0: initial */
    nt_time created, proven; /* proven 0: never opened a channel */
    nt_time refused; /* `next` only: the trusted end declined to take it (WRONG_PASSWORD); 0: not */
    struct nt_secret hash;
    struct nt_password clear;
};

struct nt_trust_out {
    enum nt_out_state state;
    enum nt_broken broken;  /* BROKEN: why */
    enum nt_broken trouble; /* of the last attempt; NONE after a good one */
    bool degraded;          /* the trusted end was not reachable at the last attempt */
    bool established;       /* the first change has been proven */
    bool change_wanted;     /* a person asked for a change now */
    uint64_t epoch;         /* of this establishment: reports about an older one are ignored */
    struct nt_out_candidate next, current;
    struct nt_out_candidate history[NT_OUT_HISTORY_MAX]; /* newest first; never an initial one */
    uint32_t history_count;

    /* schedule; 0: at once */
    nt_time next_change, next_check;
    nt_time retry_at; /* no attempt before */
    uint64_t backoff_s;
    uint32_t refusals; /* "no candidate opens it", in a row */
    uint32_t rounds;   /* sends in a row that were not proven */

    /* for people */
    nt_time created_at, established_at, last_ok, last_change, broken_at, change_refused_at;
    ntstatus last_status; /* of the last failure */
    nt_time last_error;
    char last_text[NT_OUT_TEXT];
    char last_dc[NT_OUT_DC];   /* the controller that answered last */
    char proven_dc[NT_OUT_DC]; /* the last one that took our newest password */
    nt_time lag_since; /* since when another controller lags behind proven_dc; 0: none does */
    uint64_t changes, resends, adoptions; /* counters, for metrics and checks */
    struct nt_trust_seen seen;

    /* The initial password is a reset code that was made here: until this moment it waits to be
     * typed at the other end, a refusal before means nothing, and afterwards it is not offered. 0:
     * it is not one, or was typed here. */
    nt_time initial_until;
    uint8_t code_mark[NT_OUT_MARK]; /* of the reset code that this began with; zeros: none */
};

/* What a runner knows of the channel that it holds just now. Zeroed: none. */
struct nt_out_session {
    bool open;
    nt_time proven_at;            /* when it was authenticated */
    struct nt_secret opened_with; /* the hash that did it */
    bool evidence_read;           /* verdict is set, or the server has no such call */
    bool evidence_lacking;
    bool resend;        /* it holds an older password: send it our newest again */
    bool prove;         /* it says that it holds our newest: prove that anew */
    bool doubted;       /* it has said so before, in vain: prove it after a pause */
    bool lagging;       /* another controller has taken a newer one: ask that one first */
    bool lag_confirmed; /* and it still does: nothing to repair from here */
    bool fallback_only; /* adopting was tried and refused: change from here */
    /* The offer of the action that is being carried out (OPEN, PROVE): that a candidate was refused
     * counts only while the record still has these, since another controller may have changed the
     * password meanwhile. 0: not noted, always counts. Set by the runner, kept by the events. */
    uint64_t offer;
    char dc[NT_OUT_DC];
};
void nt_out_session_wipe(struct nt_out_session *s);

/* --- what to do next --- */

enum nt_out_step {
    NT_OUT_WAIT,          /* nothing before `until` (or before somebody asks) */
    NT_OUT_OPEN,          /* open a new channel with the candidates, newest first, stop at the first
                             that does; then nt_out_opened, _refused, _unreachable or _failed */
    NT_OUT_READ_EVIDENCE, /* GetTrustInfo or TrustPasswordsGet; then nt_out_evidence. May have been
                             done in one go with OPEN. */
    NT_OUT_STORE_NEXT,    /* nt_out_store_next with NT_OUT_SECRET_BYTES of randomness; commit */
    NT_OUT_SEND,          /* PasswordSet2 with candidates[0]; then nt_out_sent or _send_refused */
    NT_OUT_PROVE          /* as OPEN: what was sent must now open a new channel. Preferably at the
                             same controller. */
};

struct nt_out_action {
    enum nt_out_step step;
    nt_time until;         /* WAIT; NT_TIME_NEVER: until a person acts */
    const char *prefer_dc; /* OPEN, PROVE: this controller first; "" for any */
    size_t count;
    const struct nt_out_candidate *candidates[NT_OUT_CANDIDATES_MAX]; /* in the record */
    uint64_t offer;  /* OPEN, PROVE: which candidates these are; goes to the session */
    const char *why; /* for the log: "check", "change due", "repeat the change", ... */
};

void nt_out_plan(const struct nt_trust_out *out, const struct nt_policy *policy,
                 const struct nt_out_session *s, nt_time now, struct nt_out_action *action);

/* --- what happened --- */

struct nt_out_when {
    const struct nt_policy *policy;
    nt_time now;
    uint32_t random;                /* any value: jitter */
    const struct nt_domain *domain; /* ours: whether its store was restored; may be NULL */
};

enum nt_out_effect {
    NT_OUT_NONE,  /* the record is as it was */
    NT_OUT_NOTE,  /* changed for people and schedules: store it when convenient */
    NT_OUT_COMMIT /* must be durable before the next step */
};

enum nt_out_verdict {
    NT_VERDICT_NONE,
    NT_VERDICT_HEALTHY,
    NT_VERDICT_RESEND,     /* our change never arrived, or their side went back */
    NT_VERDICT_ADOPT,      /* we went back; theirs is newer */
    NT_VERDICT_BOTH_MOVED, /* somebody else set the account */
    NT_VERDICT_RESET       /* nothing of ours opens it */
};

struct nt_out_result {
    enum nt_out_effect effect;
    enum nt_out_verdict verdict;
    /* a line for the audit trail; kind NULL: none */
    const char *kind;
    int level; /* enum nt_event_level */
    char text[NT_OUT_TEXT];
};

/* A trust begins (again): everything before is wiped. The clear initial password may be empty. */
void nt_out_establish(struct nt_trust_out *out, const struct nt_password *initial, nt_time now);
void nt_out_wipe(struct nt_trust_out *out);

/* A reset code that was made here: it waits for the other end, or has waited too long. */
bool nt_out_code_waits(const struct nt_trust_out *out, nt_time now);
bool nt_out_code_expired(const struct nt_trust_out *out, nt_time now);

/* The channel was opened by the candidate with this hash at controller `dc`. */
void nt_out_opened(struct nt_trust_out *out, struct nt_out_session *s,
                   const struct nt_out_when *when, const struct nt_secret *hash, const char *dc,
                   struct nt_out_result *result);
/* The hashes that the trusted end holds; both NULL: it has no such call. NULL or len 0: none. */
void nt_out_evidence(struct nt_trust_out *out, struct nt_out_session *s,
                     const struct nt_out_when *when, const struct nt_secret *theirs_new,
                     const struct nt_secret *theirs_old, struct nt_out_result *result);
/* Controller `dc` was reached and refused every candidate; the status that says most. `text` may be
 * NULL. */
void nt_out_refused(struct nt_trust_out *out, struct nt_out_session *s,
                    const struct nt_out_when *when, ntstatus status, const char *text,
                    const char *dc, struct nt_out_result *result);
/* No controller was reached, or the connection ended before an answer. `text` may be NULL. */
void nt_out_unreachable(struct nt_trust_out *out, struct nt_out_session *s,
                        const struct nt_out_when *when, ntstatus status, const char *text,
                        struct nt_out_result *result);
/* Another reason: NT_BROKEN_DOMAIN, _CRYPTO, _TIME, ... */
void nt_out_failed(struct nt_trust_out *out, struct nt_out_session *s,
                   const struct nt_out_when *when, enum nt_broken reason, ntstatus status,
                   const char *text, struct nt_out_result *result);
/* The channel is no longer there; no fault of anybody. */
void nt_out_closed(struct nt_out_session *s);

/* Makes `next` of randomness. Ignored (effect NONE) while one is unproven: never two at a time. */
void nt_out_store_next(struct nt_trust_out *out, struct nt_out_session *s,
                       const struct nt_out_when *when, const uint8_t random[NT_OUT_SECRET_BYTES],
                       struct nt_out_result *result);
/* PasswordSet2 answered success / with a status. */
void nt_out_sent(struct nt_trust_out *out, struct nt_out_session *s, const struct nt_out_when *when,
                 struct nt_out_result *result);
void nt_out_send_refused(struct nt_trust_out *out, struct nt_out_session *s,
                         const struct nt_out_when *when, ntstatus status,
                         struct nt_out_result *result);

/* A controller starts, with so many trusts to run: what has come due while it was away, it begins
 * in turn, about NT_OUT_BEGIN_A_SECOND of them a second. What was asked for, is under way, or is
 * needed by a logon, does not wait for its turn. Need not be stored. */
#define NT_OUT_BEGIN_A_SECOND 100
void nt_out_resumed(struct nt_trust_out *out, const struct nt_out_when *when, size_t trusts);

/* A person asks for a change / a check now: also when broken, and past any backoff. */
void nt_out_want_change(struct nt_trust_out *out, nt_time now);
void nt_out_want_check(struct nt_trust_out *out, nt_time now);

/* --- for people --- */

bool nt_out_may_forward(const struct nt_trust_out *out); /* logons may be tried through it */
const char *nt_out_state_name(enum nt_out_state state);  /* "active" */
const char *nt_out_verdict_name(enum nt_out_verdict verdict);
const char *nt_broken_name(enum nt_broken reason); /* "password-mismatch"; "" for NONE */
const char *nt_broken_end(enum nt_broken reason);  /* "trusted", "trusting", "both", "network" */
const char *nt_broken_text(enum nt_broken reason); /* one sentence */
/* What to do, as a command where there is one, with the names put in. Returns `text`. */
const char *nt_broken_remedy(enum nt_broken reason, const char *trusted, const char *own,
                             char *text, size_t size);
/* To what time this end went back, where that explains that no password opens the trust: its store
 * was restored, and the trust has not worked since. 0: it does not. */
nt_time nt_out_restored_to(const struct nt_trust_out *out, const struct nt_domain *domain);
/* The reason that a status stands for. */
enum nt_broken nt_broken_of(ntstatus status);
/* What the state means, and what to do next ("" for nothing). Each returns `text`. */
const char *nt_out_describe(const struct nt_trust_out *out, const char *trusted, const char *own,
                            char *text, size_t size);
const char *nt_out_next(const struct nt_trust_out *out, const char *trusted, const char *own,
                        char *text, size_t size);

#endif
