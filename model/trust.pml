/*
 * trust.pml - the life of one trust: both ends' machines as src/domain/trust_in.c, trust_out.c and
 * trust_out_plan.c have them, the runner that drives the trusting end (src/channel/runner.c), the
 * network between, and whatever happens to them. Names are the code's; README.md has the map.
 *
 * Time is what may happen next; there are no clocks. Passwords are small numbers that are given
 * again once nobody holds them, and are numbered anew whenever one is made, so that two states that
 * differ in the names of secrets alone are one. Changes of the password therefore go on for ever;
 * only the disturbances are counted.
 *
 * Set with -D (defaults below): the policy, the partner, how many disturbances of each kind. A
 * -DBUG_... plants one bug.
 */

/* --- parameters --- */

#ifndef ACCEPTED
#define ACCEPTED 1 /* policy: previous_accepted */
#endif
#ifndef KEPT
#define KEPT 2 /* policy: history_kept */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 1 /* policy: trust_attempts */
#endif
#ifndef RUNNERS
#define RUNNERS 1 /* controllers of the trusting domain, over one store */
#endif
#ifndef PEER
#define PEER 0 /* trusted end: 0 ntrust, 1 keeps current and previous (AD), 2 current only (NT) */
#endif
#ifndef EVIDENCE
#define EVIDENCE 1 /* it has NetrServerGetTrustInfo */
#endif
#ifndef ESTABLISH
#define ESTABLISH 0 /* 1: people make the trust, perhaps wrongly; 0: both have done their part */
#endif
#ifndef LOSSES
#define LOSSES 0 /* questions or answers lost, late or repeated */
#endif
#ifndef OUT_CRASHES
#define OUT_CRASHES 0
#endif
#ifndef IN_CRASHES
#define IN_CRASHES 0
#endif
#ifndef OUT_REVERTS
#define OUT_REVERTS 0
#endif
#ifndef IN_REVERTS
#define IN_REVERTS 0
#endif
#ifndef SAME_PAST
#define SAME_PAST 0 /* 1: a snapshot of one end outlives that the other went back */
#endif
#ifndef DECLINES
#define DECLINES 0 /* changes that the trusted end answers with WRONG_PASSWORD */
#endif
#ifndef STRANGERS
#define STRANGERS 0 /* wrong passwords that somebody else offers for the account */
#endif
#ifndef SLEEPS
#define SLEEPS 0 /* with two controllers: the lease of one that is at work runs out */
#endif
#ifndef ASKS
#define ASKS 0 /* changes that a person asks for, at any moment */
#endif
#ifndef RESETS
#define RESETS 0 /* with ESTABLISH: a broken trust is removed at both ends and made anew */
#endif
#ifndef STRICT
#define STRICT 0 /* 1: with two controllers, too, a live trust is not called broken for a moment */
#endif
#ifndef CHECKS
#define CHECKS 1 /* checks between two changes, at most */
#endif
#ifndef PREVIOUS
#define PREVIOUS 4 /* room for previous passwords: NT_IN_PREVIOUS_MAX; asserted to be enough */
#endif
#ifndef NAMES
#define NAMES 15 /* numbers for passwords; asserted to be enough */
#endif

#define INITIAL 1 /* what the trusted end's administrator typed */
#define TYPO    2 /* what the trusting end's did, if wrongly */
#define MADE    3 /* the first one that a system made */

#define HISTORY    (KEPT + 1) /* Promela has no arrays of nothing */
#define CANDIDATES (KEPT + 2)

/* --- the records --- */

mtype = { in_absent, in_none, in_permitted, in_proven, in_active, in_burned };
mtype = { out_pending, out_establishing, out_active, out_changing, out_broken };
mtype = { reason_none, reason_mismatch, reason_burned, reason_removed };

typedef trust_in { /* struct nt_trust_in */
    mtype state;
    byte attempts_left;
    byte current;
    bit current_proven;
    byte previous[PREVIOUS]; /* newest first; 0: none */
    bit proven[PREVIOUS]
}

typedef trust_out { /* struct nt_trust_out */
    mtype state;
    mtype broken;
    byte refusals;
    bit established;
    bit due; /* next_change has come */
    byte next;
    bit next_clear; /* has_clear */
    bit next_refused;
    byte current;
    bit current_clear;
    bit current_initial;
    bit current_proven;
    byte history[HISTORY] /* newest first */
}

typedef session { /* struct nt_out_session */
    bit open;
    byte opened_with;
    bit evidence_read;
    bit resend;
    bit prove;
    bit fallback_only;
    bit stale /* the record is no longer the one that `offer` was noted of */
}

/* What a runner waits for. */
mtype = { idle, authenticating, reading, sending };
/* A message: question or answer. */
mtype = { nothing, authenticate, trust_info, password_set };
mtype = { ok, denied, no_account, declined, failed };

typedef runner {
    mtype doing;
    byte candidate[CANDIDATES];
    byte at;
    byte evidence_new;
    byte evidence_old;
    bit must /* must_commit */
}

trust_in in;             /* durable; what is shown is what is stored (store/engine.h) */
trust_out disk;          /* the stored record of the trusting end */
trust_out out[RUNNERS]; /* a runner's copy, stored as a whole when it says so (channel/runner.c) */
#define O out[me]
#define REC(x) out[x]
#if RUNNERS > 1
byte lease; /* 0: nobody's, or it has run out; else whose, plus one (domain/lease.h) */
#define HOLDS(x) (lease == x + 1)
#define MAY_WRITE(x) (lease == 0 || HOLDS(x))
#else
#define HOLDS(x) true
#define MAY_WRITE(x) true
#endif
session s[RUNNERS];
runner r[RUNNERS];
mtype message[RUNNERS] = nothing; /* between a runner and the trusted end: one call at a time */
byte carries[RUNNERS], carries_old[RUNNERS];
mtype late[RUNNERS] = nothing; /* a question that its asker has given up */
byte late_carries[RUNNERS];
bit live[RUNNERS]; /* the chain that the trusted end has is the one of this runner's channel */

/* Disturbances that may still come. */
byte losses = LOSSES, out_crashes = OUT_CRASHES, in_crashes = IN_CRASHES;
byte out_reverts = OUT_REVERTS, in_reverts = IN_REVERTS;
byte declines = DECLINES, strangers = STRANGERS, asks = ASKS, resets = RESETS;
byte sleeps = SLEEPS;

/* --- ghosts: what only the checks read --- */

bit healthy;    /* permitted and added with one password, and nobody has spoiled it: I1 holds */
bit resetting;  /* a person is between the two ends */
bit initial_gone;
bit looked;     /* a runner began to open a channel after the last disturbance */
byte checks;    /* since the last change */

#if IN_REVERTS > 0
trust_in in_shot;
byte in_age;
#endif
#if OUT_REVERTS > 0
trust_out out_shot;
byte out_age;
#endif
#ifdef BUG_ANSWER_BEFORE_DISK
trust_in in_disk;
bit in_unsynced;
#endif
#ifdef BUG_SECOND_SECRET
bit second; /* once is enough */
#endif

/* Scratch: set before it is read in each d_step, and not part of the state. */
hidden byte i, j, n, other, room, count, yes, theirs_new, theirs_old, now_is, old_is;
hidden byte names[NAMES + 1];

/* --- records as a whole --- */

inline wipe_session(me)
{
    s[me].open = 0;
    s[me].opened_with = 0;
    s[me].evidence_read = 0;
    s[me].resend = 0;
    s[me].prove = 0;
    s[me].fallback_only = 0;
}

inline copy_out(to, from)
{
    to.state = from.state;
    to.broken = from.broken;
    to.refusals = from.refusals;
    to.established = from.established;
    to.due = from.due;
    to.next = from.next;
    to.next_clear = from.next_clear;
    to.next_refused = from.next_refused;
    to.current = from.current;
    to.current_clear = from.current_clear;
    to.current_initial = from.current_initial;
    to.current_proven = from.current_proven;
    for (i : 0 .. KEPT - 1) { to.history[i] = from.history[i] };
    skip
}

inline copy_in(to, from)
{
    to.state = from.state;
    to.attempts_left = from.attempts_left;
    to.current = from.current;
    to.current_proven = from.current_proven;
    for (i : 0 .. PREVIOUS - 1) {
        to.previous[i] = from.previous[i];
        to.proven[i] = from.proven[i]
    };
    skip
}

/* --- the trusted end: src/domain/trust_in.c --- */

/* accepted_previous: into `count` */
inline accepted_previous()
{
    count = 0;
    if
    :: in.state != in_active
    :: else ->
#if PEER == 0
#ifdef BUG_ACCEPT_ANY
        room = 255;
#else
        room = ACCEPTED + 1;
#endif
        n = in.current_proven;
        do
        :: count < PREVIOUS && in.previous[count] != 0 && n < room ->
            n = n + in.proven[count];
            count++
        :: else -> break
        od
#elif PEER == 1
        if
        :: in.previous[0] != 0 -> count = 1
        :: else
        fi
#endif
    fi
}

/* nt_in_accepts: into `yes` */
inline accepts(hash)
{
    yes = 0;
    if
    :: hash != 0 && in.current != 0 &&
       (in.state == in_permitted || in.state == in_proven || in.state == in_active) ->
        accepted_previous();
        yes = (in.current == hash);
        for (i : 0 .. PREVIOUS - 1) {
            if
            :: i < count && in.previous[i] == hash -> yes = 1
            :: else
            fi
        }
    :: else
    fi
}

inline drop_previous(at)
{
    for (i : at .. PREVIOUS - 2) {
        in.previous[i] = in.previous[i + 1];
        in.proven[i] = in.proven[i + 1]
    }
    in.previous[PREVIOUS - 1] = 0;
    in.proven[PREVIOUS - 1] = 0
}

inline trim_previous()
{
    n = 0; /* kept */
    do
    :: n < PREVIOUS && in.previous[n] != 0 ->
        if
        :: in.proven[n] && n < ACCEPTED -> n++
        :: else -> drop_previous(n)
        fi
    :: else -> break
    od
}

/* nt_in_opened, of a hash that is accepted */
inline in_opened(hash)
{
    assert(!(hash == INITIAL && initial_gone)); /* I3 */
    if
    :: in.current == hash ->
        if
        :: in.state == in_permitted -> in.state = in_proven
        :: in.state != in_permitted && !in.current_proven ->
#if PEER == 0
            trim_previous()
#else
            skip
#endif
        :: else
        fi;
        in.current_proven = 1
    :: else ->
#if PEER == 0
        for (i : 0 .. PREVIOUS - 1) {
            if
            :: in.previous[i] == hash -> in.proven[i] = 1
            :: else
            fi
        }
#else
        skip
#endif
    fi
}

/* nt_in_refused */
inline in_refused()
{
    if
#ifdef BUG_BURN_LIVE
    :: in.state == in_permitted || in.state == in_proven || in.state == in_active ->
#else
    :: in.state == in_permitted ->
#endif
        if
        :: in.attempts_left > 1 -> in.attempts_left--
        :: else ->
            in.attempts_left = 0;
            in.state = in_burned;
            in.current = 0;
            initial_gone = 1
        fi
    :: else
    fi
}

/* push_previous */
inline push_previous()
{
    assert(in.previous[PREVIOUS - 1] == 0); /* raise PREVIOUS: the code's room is not so small */
    i = PREVIOUS - 1;
    do
    :: i > 0 ->
        in.previous[i] = in.previous[i - 1];
        in.proven[i] = in.proven[i - 1];
        i--
    :: else -> break
    od;
    in.previous[0] = in.current;
    in.proven[0] = in.current_proven
}

/* nt_in_set, of a state that can have a channel and a policy that lets it */
inline in_set(hash)
{
    if
    :: in.current == hash /* NT_IN_SAME */
    :: else ->
        yes = 0;
#if PEER == 0
        for (j : 0 .. PREVIOUS - 1) {
            if
            :: in.previous[j] == hash ->
#ifndef BUG_SET_FORGETS_PROOF
                yes = in.proven[j]; /* it has opened a channel, and goes on having done so */
#endif
                drop_previous(j)
            :: else
            fi
        }
#ifndef BUG_ACCEPT_ANY
        if
        :: in.state == in_active -> push_previous()
        :: else
        fi;
#else
        push_previous();
#endif
#else
        if
        :: in.state == in_active ->
            in.previous[0] = in.current;
            in.proven[0] = in.current_proven
        :: else
        fi;
#endif
        in.state = in_active;
        in.current = hash;
        in.current_proven = yes;
        initial_gone = 1
    fi
}

/* nt_in_evidence, and hashes_of of service/netlogon_password.c */
inline in_evidence()
{
    accepted_previous();
    theirs_new = in.current;
    theirs_old = (count > 0 -> in.previous[0] : in.current)
}

#if IN_REVERTS > 0
inline forget_in_shot()
{
    in_age = 0;
    in_shot.state = in_absent;
    in_shot.current = 0;
    in_shot.current_proven = 0;
    in_shot.attempts_left = 0;
    for (i : 0 .. PREVIOUS - 1) {
        in_shot.previous[i] = 0;
        in_shot.proven[i] = 0
    }
}
#endif

#if OUT_REVERTS > 0
inline forget_out_shot()
{
    out_age = 0;
    out_shot.state = out_pending;
    out_shot.broken = reason_none;
    out_shot.refusals = 0;
    out_shot.established = 0;
    out_shot.due = 0;
    out_shot.next = 0;
    out_shot.next_clear = 0;
    out_shot.next_refused = 0;
    out_shot.current = 0;
    out_shot.current_clear = 0;
    out_shot.current_initial = 0;
    out_shot.current_proven = 0;
    for (i : 0 .. KEPT - 1) { out_shot.history[i] = 0 }
}
#endif

/* --- what is checked --- */

/* Whether the trusted end takes a candidate of this record: into `now_is` */
inline common_secret(record)
{
    now_is = 0;
    accepts(record.next);
    now_is = now_is | yes;
    accepts(record.current);
    now_is = now_is | yes;
    for (j : 0 .. KEPT - 1) {
        accepts(record.history[j]);
        now_is = now_is | yes
    }
}

/* nt_out_retries */
#define RETRIES(record)                                                                            \
    (record.broken != reason_burned && (record.refusals < 3 ||                                     \
        (record.broken == reason_removed && !record.current_proven)))

/* Where a change shuts out the password before it at once. README.md, "In doubt". */
#define IN_DOUBT (PEER == 2 || (RUNNERS > 1 && !STRICT) || !disk.established)

#define AGREED(record)                                                                             \
    (in.state == in_active && in.current_proven && record.state == out_active &&                   \
     record.established && record.current == in.current)
#define agreed AGREED(disk)

/* After every change of what is stored at either end. */
inline check()
{
    if
    :: healthy ->
        common_secret(disk);
        assert(now_is); /* I1 */
#if RUNNERS == 1
        common_secret(out[0]);
        assert(now_is); /* I1, as the running one has it */
#endif
        /* And so it is not called broken either; or only for the moment that it takes to try again,
         * when a change arrived between two candidates: the older one was refused after it, the
         * newer one before. */
        assert(disk.state != out_broken || (IN_DOUBT && RETRIES(disk)))
    :: else
    fi;
    accepts(INITIAL);
    assert(!(yes && initial_gone)); /* I3 */
    for (j : 0 .. KEPT - 1) {
        assert(disk.history[j] != INITIAL)
    };
    skip
}

inline disturbed()
{
    looked = 0
}

/* --- making passwords --- */

inline name(x)
{
    if
    :: x >= MADE ->
        if
        :: names[x] == 0 -> n++; names[x] = n
        :: else
        fi;
        x = names[x]
    :: else
    fi
}

inline name_out(record)
{
    name(record.next);
    name(record.current);
    for (i : 0 .. KEPT - 1) { name(record.history[i]) }
}

inline name_in(record)
{
    name(record.current);
    for (i : 0 .. PREVIOUS - 1) { name(record.previous[i]) }
}

/* Numbers all passwords anew in the order in which they stand; `n` is the last number given. */
inline rename()
{
    n = MADE - 1;
    for (i : 0 .. NAMES) { names[i] = 0 }
    name_in(in);
    name_out(disk);
    for (j : 0 .. RUNNERS - 1) {
        name_out(out[j]);
        name(s[j].opened_with);
        for (i : 0 .. CANDIDATES - 1) { name(r[j].candidate[i]) }
        name(r[j].evidence_new);
        name(r[j].evidence_old);
        name(carries[j]);
        name(carries_old[j]);
        name(late_carries[j])
    }
#if IN_REVERTS > 0
    name_in(in_shot);
#endif
#if OUT_REVERTS > 0
    name_out(out_shot);
#endif
#ifdef BUG_ANSWER_BEFORE_DISK
    name_in(in_disk);
#endif
    skip
}

/* --- the trusting end: src/domain/trust_out.c --- */

/* find: 0 none, 1 next, 2 current, 3 history; into `result` */
inline find(record, hash, result)
{
    result = 0;
    if
    :: hash == 0
    :: hash != 0 && record.next == hash -> result = 1
    :: hash != 0 && record.next != hash && record.current == hash -> result = 2
    :: else ->
        for (i : 0 .. KEPT - 1) {
            if
            :: record.history[i] == hash -> result = 3
            :: else
            fi
        }
    fi
}

inline drop_next(record)
{
    record.next = 0;
    record.next_clear = 0;
    record.next_refused = 0
}

inline push_history(record)
{
#ifndef BUG_FORGET_HISTORY
    if
    :: !record.current_initial && KEPT > 0 ->
        i = KEPT - 1;
        do
        :: i > 0 -> record.history[i] = record.history[i - 1]; i--
        :: else -> break
        od;
        record.history[0] = record.current
    :: else
    fi
#else
    skip
#endif
}

/* One more change is done: snapshots are older by one, and out of the policy's bounds one day. */
inline grow_older()
{
#if IN_REVERTS > 0
    if
    :: in_shot.state == in_absent
    :: else ->
        in_age++;
        if
        :: in_age > KEPT -> forget_in_shot()
        :: else
        fi
    fi;
#endif
#if OUT_REVERTS > 0
    if
    :: out_shot.current == 0
    :: else ->
        out_age++;
        if
        :: out_age > ACCEPTED -> forget_out_shot()
        :: else
        fi
    fi;
#endif
    skip
}

inline promote(record)
{
    push_history(record);
    record.current = record.next;
    record.current_clear = record.next_clear;
    record.current_initial = 0;
    record.current_proven = 1;
    record.due = !record.next_clear; /* adopted: its clear text is not known */
    drop_next(record);
    record.state = out_active;
    record.established = 1;
    checks = 0
}

#ifdef BUG_DROP_NOT_OFFERED
#define OFFERED(me) true
#else
#define OFFERED(me) (!s[me].stale)
#endif
#define UNDER_WAY(record) (record.next != 0 && !record.next_refused)

/* nt_out_opened, for the hash r[me].candidate[r[me].at] */
inline opened(me)
{
    find(O, r[me].candidate[r[me].at], now_is);
    wipe_session(me);
    if
    :: now_is == 0 /* the record has moved on since */
    :: else ->
        s[me].open = 1;
        s[me].opened_with = r[me].candidate[r[me].at];
        O.broken = reason_none;
        O.refusals = 0;
        r[me].must = r[me].must | (O.state == out_broken);
        if
        :: now_is == 1 ->
            promote(O);
            r[me].must = 1
        :: now_is == 2 ->
            r[me].must = r[me].must | !O.current_proven;
            O.current_proven = 1;
            if
            :: O.next != 0 && !O.next_clear && OFFERED(me) ->
                /* what was adopted does not open it */
                drop_next(O);
                s[me].fallback_only = 1;
                O.due = 1;
                r[me].must = 1
            :: else
            fi;
            O.state = (O.current_initial -> out_establishing
                       : (UNDER_WAY(O) -> out_changing : out_active))
        :: now_is == 3 ->
            O.state = (UNDER_WAY(O) -> out_changing : out_active);
#ifndef BUG_KEEP_ADOPTED
            if
            :: O.next != 0 && !O.next_clear -> /* the trusted end has gone back since */
                drop_next(O);
                O.state = out_active;
                r[me].must = 1
            :: else
            fi;
#endif
#ifndef BUG_GIVE_UP_ON_PREVIOUS
            s[me].resend = 1
#endif
        fi
    fi
}

/* nt_out_evidence */
inline evidence(me)
{
    find(O, s[me].opened_with, now_is);
    if
    :: now_is == 0 -> wipe_session(me)
    :: else ->
        yes = (now_is == 2); /* by current */
        s[me].evidence_read = 1;
#if EVIDENCE
        find(O, r[me].evidence_new, now_is);
        find(O, r[me].evidence_old, old_is);
        if
        :: now_is == 0 -> /* judge_unknown */
            if
            :: yes && old_is != 3 && !(O.next != 0 && O.next_clear) ->
                if
                :: s[me].fallback_only
                :: else -> /* adopt */
#ifndef BUG_NEVER_ADOPT
                    O.next = r[me].evidence_new;
                    O.next_clear = 0;
                    O.next_refused = 0;
                    if
                    :: !O.current_initial -> O.state = out_changing
                    :: else
                    fi;
                    s[me].prove = 1;
                    r[me].must = 1
#else
                    skip
#endif
                fi
            :: else -> s[me].resend = 1
            fi
        :: now_is == 1 || now_is == 2 ->
            s[me].resend = 0;
            s[me].prove = (now_is == 1 || s[me].opened_with != r[me].evidence_new);
#ifndef BUG_REFUSED_NEXT_LAST
            if
            :: now_is == 1 && O.next_refused -> /* it took it all the same */
                O.next_refused = 0;
                O.state = (O.current_initial -> out_establishing : out_changing);
                r[me].must = 1
            :: else
            fi
#endif
        :: now_is == 3 ->
#ifndef BUG_GIVE_UP_ON_PREVIOUS
            s[me].resend = 1
#else
            skip
#endif
        fi
#endif
    fi;
    r[me].evidence_new = 0;
    r[me].evidence_old = 0
}

/* nt_out_store_next */
inline store_next(me)
{
    if
#ifdef BUG_SECOND_SECRET
    :: s[me].open ->
#else
    :: O.next == 0 && s[me].open ->
#endif
        rename();
        n++;
        assert(n <= NAMES); /* raise NAMES */
        O.next = n;
        O.next_clear = 1;
        O.next_refused = 0;
        O.state = (O.current_initial -> out_establishing : out_changing);
        r[me].must = 1
    :: else
    fi
}

/* nt_out_sent */
inline sent(me)
{
    s[me].prove = 1;
    s[me].resend = 0;
    O.next_refused = 0
}

/* nt_out_send_refused, where the trusted end declines */
inline send_declined(me)
{
    s[me].resend = 0;
    if
    :: O.next != 0 ->
        O.next_refused = 1;
        O.state = (O.current_initial -> out_establishing : out_active);
        O.due = 0
    :: else
    fi;
    r[me].must = 1
}

/* nt_out_refused: no candidate opens it */
inline refused(me, reason)
{
    if
    :: s[me].stale -> wipe_session(me)
    :: else ->
        wipe_session(me);
        O.state = out_broken;
        if
        :: reason == reason_mismatch && O.current_initial && !O.current_proven ->
            O.broken = reason_burned
        :: else -> O.broken = reason
        fi;
        if
        :: O.refusals < 3 -> O.refusals++
        :: else
        fi;
        r[me].must = 1
    fi
}

/* --- the trusting end: src/domain/trust_out_plan.c --- */

/* The steps of the plan; exactly one holds for a runner that is idle and has nothing to store. */
#define OPENED(x) (s[x].open && s[x].evidence_read)
#define STUCK(x) (REC(x).state == out_broken && !RETRIES(REC(x))) /* until a person acts */
#define WANT_OPEN(x)                                                                               \
    (REC(x).current != 0 && !s[x].open && !STUCK(x) && (REC(x).state != out_active || REC(x).due))
#define WANT_EVIDENCE(x) (s[x].open && !s[x].evidence_read)
#define WANT_PROVE(x)                                                                              \
    (OPENED(x) && (s[x].prove || (REC(x).next != 0 && !REC(x).next_clear)))
#define SENDS(x) ((REC(x).next != 0 && (!REC(x).next_refused || REC(x).due)) || s[x].resend)
#define SENDABLE(x)                                                                                \
    ((REC(x).next != 0 && REC(x).next_clear) || (REC(x).next == 0 && REC(x).current_clear))
#define BEGINS(x) (!SENDS(x) && REC(x).next == 0 && REC(x).due)
#define WANT_SEND(x) (OPENED(x) && !WANT_PROVE(x) && SENDS(x) && SENDABLE(x))
#define WANT_NEXT(x)                                                                               \
    (OPENED(x) && !WANT_PROVE(x) && ((SENDS(x) && !SENDABLE(x)) || BEGINS(x)))
#define WAITS(x)                                                                                   \
    ((OPENED(x) && !WANT_PROVE(x) && !SENDS(x) && !BEGINS(x)) ||                                   \
     (!s[x].open && REC(x).state == out_active && !REC(x).due))

/* list_candidates */
inline list_candidates(me)
{
    n = 0;
    if
    :: O.next != 0 && !O.next_refused -> r[me].candidate[n] = O.next; n++
    :: else
    fi;
    r[me].candidate[n] = O.current;
    n++;
    if
    :: O.next != 0 && O.next_refused -> r[me].candidate[n] = O.next; n++
    :: else
    fi;
    for (i : 0 .. KEPT - 1) {
        if
        :: O.history[i] != 0 -> r[me].candidate[n] = O.history[i]; n++
        :: else
        fi
    }
}

/* --- the runner: src/channel/runner.c --- */

inline forget_candidates(me)
{
    for (i : 0 .. CANDIDATES - 1) { r[me].candidate[i] = 0 }
    r[me].at = 0;
    s[me].stale = 0
}

inline end_call(me)
{
    r[me].doing = idle;
    message[me] = nothing;
    carries[me] = 0;
    carries_old[me] = 0
}

/* nt_out_unreachable: nothing but times change in the record. */
inline unreachable(me)
{
    wipe_session(me);
    forget_candidates(me);
    r[me].evidence_new = 0;
    r[me].evidence_old = 0;
    end_call(me)
}

/* start_opening: the first candidate is offered */
inline start_opening(me)
{
    wipe_session(me);
    r[me].evidence_new = 0;
    r[me].evidence_old = 0;
    forget_candidates(me);
    list_candidates(me);
    looked = 1;
    r[me].doing = authenticating;
    message[me] = authenticate;
    carries[me] = r[me].candidate[0]
}

inline ask(me, what, hash)
{
    message[me] = what;
    carries[me] = hash;
    carries_old[me] = 0
}

/* take_over: what another controller has stored goes over the copy of this one, which was made from
 * an older record and would be refused. What was found out meanwhile is found out again. */
inline take_over(who)
{
    if
    :: r[who].must && s[who].open && !s[who].prove -> wipe_session(who)
    :: else
    fi;
    r[who].must = 0;
#ifndef BUG_OLD_OFFER
    if /* nt_out_offer */
    :: (r[who].doing == authenticating || r[who].doing == reading) &&
       (out[who].next != disk.next || out[who].current != disk.current) -> s[who].stale = 1
    :: else
    fi;
#endif
    copy_out(out[who], disk)
}

/* decide_store, which MAY_WRITE lets through */
inline store(me)
{
    if
    :: disk.current != out[me].current -> grow_older()
    :: else
    fi;
    copy_out(disk, out[me]);
#if RUNNERS > 1
    lease = me + 1;
#ifndef BUG_OWN_COPY
    other = 1 - me;
    take_over(other);
#endif
#endif
    skip
}

#define SAME(x, f) (out[x].f == disk.f)
#define STORED(x)                                                                                  \
    (SAME(x, state) && SAME(x, broken) && SAME(x, refusals) && SAME(x, established) &&             \
     SAME(x, due) && SAME(x, next) && SAME(x, next_refused) && SAME(x, current) &&                 \
     SAME(x, current_proven))

/* The machine is lost with all that it had not stored, and runs again. */
inline restart(me)
{
    unreachable(me);
    r[me].must = 0;
#if RUNNERS > 1
    if /* its next life is another holder, and waits for this one's lease */
    :: HOLDS(me) -> lease = 0
    :: else
    fi;
#endif
    copy_out(out[me], disk)
}

/* A moment of the clock: for all who have this record. */
inline change_due(me)
{
    out[me].due = 1;
    disk.due = 1;
#if RUNNERS > 1
    out[1 - me].due = 1;
#endif
    skip
}

/* I2, within one check interval: after a look at the undisturbed other end both agree; or they hold
 * one password still, and the trusted end has declined the next until the change after this. */
inline at_rest(me)
{
#if RUNNERS == 1 && EVIDENCE
    assert(!looked || !healthy || agreed || (O.next_refused && O.current == in.current));
#endif
    skip
}

proctype trusting(byte me)
{
end:
    do
    :: d_step { /* commit; on_stored */
        r[me].must && MAY_WRITE(me) ->
        r[me].must = 0;
        store(me);
        check()
       }

    /* --- what the plan says --- */
    :: d_step { /* NT_OUT_OPEN */
        r[me].doing == idle && !r[me].must && WANT_OPEN(me) ->
        start_opening(me)
       }
    :: d_step { /* NT_OUT_READ_EVIDENCE */
        r[me].doing == idle && !r[me].must && WANT_EVIDENCE(me) ->
        evidence(me)
       }
    :: d_step { /* NT_OUT_PROVE */
        r[me].doing == idle && !r[me].must && WANT_PROVE(me) ->
        start_opening(me)
       }
    :: d_step { /* NT_OUT_SEND */
        r[me].doing == idle && !r[me].must && WANT_SEND(me) && HOLDS(me) ->
        r[me].doing = sending;
        if
        :: O.next != 0 -> ask(me, password_set, O.next)
        :: else -> ask(me, password_set, O.current)
        fi;
        find(disk, carries[me], now_is);
        assert(now_is == 1 || now_is == 2); /* intent first: durable before it is told */
#ifdef BUG_PROMOTE_BEFORE_PROOF
        if
        :: O.next != 0 -> promote(O); r[me].must = 1
        :: else
        fi;
#endif
        skip
       }
#if RUNNERS > 1
    :: d_step { /* nt_lease_may_send: the lease first */
        r[me].doing == idle && !r[me].must && WANT_SEND(me) && !HOLDS(me) -> r[me].must = 1
       }
    :: d_step { /* the lease of one at rest runs out: nothing is done in it */
        HOLDS(me) && r[me].doing == idle && !r[me].must && (WAITS(me) || STUCK(me)) -> lease = 0
       }
#if SLEEPS > 0
    :: d_step { /* and of one that is slow, at any moment */
        sleeps > 0 && HOLDS(me) -> sleeps--; disturbed(); lease = 0
       }
#endif
#endif
    :: d_step { /* NT_OUT_STORE_NEXT */
        r[me].doing == idle && !r[me].must && WANT_NEXT(me) ->
        assert(O.next == 0); /* never another while one is unproven */
        store_next(me);
#ifdef BUG_SEND_BEFORE_DISK
        r[me].must = 0;
#endif
        skip
       }
#ifdef BUG_SECOND_SECRET
    :: d_step { /* the change did not get through: another try with another secret */
        r[me].doing == idle && !r[me].must && WANT_SEND(me) && O.next != 0 && !second ->
        second = 1;
        store_next(me)
       }
#endif

    /* --- nothing to do: time goes on --- */
    :: d_step { /* want_commit */
        r[me].doing == idle && !r[me].must && WAITS(me) && !STORED(me) && MAY_WRITE(me) ->
        store(me);
        check()
       }
#define IDLE(x) (r[x].doing == idle && !r[x].must && WAITS(x) && STORED(x))
#if RUNNERS == 1
#define TIME_PASSES IDLE(me)
#else
/* Calls live seconds, and what is waited for is further away. */
#define TIME_PASSES (IDLE(0) && IDLE(1))
#endif
    :: d_step { /* a check is due */
        TIME_PASSES && checks < CHECKS ->
        at_rest(me);
        checks++;
        start_opening(me)
       }
    :: d_step { /* a change is due; the proof of the channel is fresh enough */
        TIME_PASSES && s[me].open ->
        at_rest(me);
        change_due(me)
       }
    :: d_step { /* a change is due, and is not begun without a new proof */
        TIME_PASSES ->
        at_rest(me);
        change_due(me);
        start_opening(me)
       }

    /* --- answers --- */
    :: d_step { /* this one opens it: read the evidence */
        r[me].doing == authenticating && message[me] == ok ->
        r[me].doing = reading;
        ask(me, trust_info, 0)
       }
    :: d_step { /* the next candidate */
        r[me].doing == authenticating && message[me] == denied &&
        r[me].at + 1 < CANDIDATES && r[me].candidate[r[me].at + 1] != 0 ->
        r[me].at++;
        ask(me, authenticate, r[me].candidate[r[me].at])
       }
    :: d_step { /* NT_CHANNEL_REFUSED: no candidate opens it */
        r[me].doing == authenticating && message[me] == denied &&
        (r[me].at + 1 == CANDIDATES || r[me].candidate[r[me].at + 1] == 0) ->
        refused(me, reason_mismatch);
        forget_candidates(me);
        end_call(me)
       }
    :: d_step { /* NT_CHANNEL_REFUSED: there is no account */
        r[me].doing == authenticating && message[me] == no_account ->
        refused(me, reason_removed);
        forget_candidates(me);
        end_call(me)
       }
    :: d_step { /* NT_CHANNEL_OPEN */
        r[me].doing == reading && message[me] == ok ->
        r[me].evidence_new = carries[me];
        r[me].evidence_old = carries_old[me];
        opened(me);
        if
        :: s[me].open
        :: else -> r[me].evidence_new = 0; r[me].evidence_old = 0
        fi;
        forget_candidates(me);
        end_call(me)
       }
    :: d_step { /* NT_CHANNEL_SET: it has taken the password */
        r[me].doing == sending && message[me] == ok ->
        if
        :: s[me].open -> sent(me)
        :: else
        fi;
        end_call(me)
       }
    :: d_step { /* NT_CHANNEL_SET: it declines */
        r[me].doing == sending && message[me] == declined ->
        send_declined(me);
        end_call(me)
       }
    :: d_step { /* ACCESS_DENIED asks for a new channel */
        r[me].doing == sending && message[me] == denied ->
        wipe_session(me);
        end_call(me)
       }
    :: d_step { /* the session is gone, or so is the connection */
        message[me] == failed || (r[me].doing == reading && message[me] == denied) ->
        unreachable(me)
       }
    od
}

/* --- the trusted end: src/service/netlogon_setup.c, netlogon_password.c --- */

inline say(me, what)
{
    message[me] = what;
    carries[me] = 0;
    carries_old[me] = 0
}

/* Authenticate with this hash: into `yes` */
inline serve_authenticate(hash)
{
    accepts(hash);
    if
    :: yes -> in_opened(hash); in_changed(); yes = 1
    :: else -> in_refused(); in_changed(); yes = 0
    fi
}

/* It is durable before it is answered, and shown only then. */
inline in_changed()
{
#ifdef BUG_ANSWER_BEFORE_DISK
    in_unsynced = 1;
#endif
    check()
}

inline serve(me)
{
    if
    :: message[me] == authenticate && in.state == in_absent -> say(me, no_account)
    :: message[me] == authenticate && in.state != in_absent ->
        serve_authenticate(carries[me]);
        if
        :: yes -> live[me] = 1; say(me, ok)
        :: else -> say(me, denied)
        fi
    :: message[me] == trust_info ->
        in_evidence();
        if
        :: live[me] ->
            message[me] = ok;
            carries[me] = theirs_new;
            carries_old[me] = theirs_old
        :: else -> say(me, denied)
        fi
    :: message[me] == password_set ->
        forget_late(me); /* one writer, first come first served: it is behind us or lost */
        if
        :: live[me] && (in.state == in_proven || in.state == in_active) ->
            in_set(carries[me]);
            in_changed();
            say(me, ok)
        :: else -> say(me, denied)
        fi
    fi
}

inline forget_late(me)
{
    late[me] = nothing;
    late_carries[me] = 0
}

/* What its asker has given up arrives, or comes out of the writer's queue, only now. */
inline serve_late(me)
{
    disturbed();
    if
    :: late[me] == authenticate && in.state != in_absent ->
        serve_authenticate(late_carries[me]);
        live[me] = 0 /* the channel of the same computer that is open now is replaced */
    :: late[me] == password_set && (in.state == in_proven || in.state == in_active) ->
        in_set(late_carries[me]);
        in_changed()
    :: else
    fi;
    forget_late(me)
}

#define IS(me, what) (message[me] == what)
#define ASKED(me) (IS(me, authenticate) || IS(me, trust_info) || IS(me, password_set))
#define ANSWERED(me) (IS(me, ok) || IS(me, denied) || IS(me, no_account) || IS(me, declined))

/* policy: refuse_password_change, for this one */
#define DECLINING(me) (declines > 0 && IS(me, password_set))
inline decline(me)
{
    declines--;
    disturbed();
    say(me, declined)
}

proctype trusted()
{
end:
    do
    :: d_step { ASKED(0) -> serve(0) }
    :: d_step { late[0] != nothing -> serve_late(0) }
#if DECLINES > 0
    :: d_step { DECLINING(0) -> decline(0) }
#endif
#if RUNNERS > 1
#if DECLINES > 0
    :: d_step { DECLINING(1) -> decline(1) }
#endif
    :: d_step { ASKED(1) -> serve(1) }
    :: d_step { late[1] != nothing -> serve_late(1) }
#endif
#ifdef BUG_ANSWER_BEFORE_DISK
    :: d_step { in_unsynced -> in_unsynced = 0; copy_in(in_disk, in) }
#endif
    od
}

/* --- what happens to them --- */

/* Every channel and every question on its way ends with the process. */
inline crash_in()
{
    for (j : 0 .. RUNNERS - 1) {
        live[j] = 0;
        forget_late(j);
        if
        :: message[j] != nothing -> say(j, failed)
        :: else
        fi
    }
#ifdef BUG_ANSWER_BEFORE_DISK
    copy_in(in, in_disk);
    in_unsynced = 0;
#endif
    skip
}

inline losing(me)
{
    losses--;
    disturbed()
}

inline delay(me)
{
    late[me] = message[me];
    late_carries[me] = carries[me]
}

/* Only one at a time; and a change only on a channel that is still good when it is received. */
#define LATE_FREE(me)                                                                              \
    (late[me] == nothing &&                                                                        \
     (message[me] == authenticate || (message[me] == password_set && live[me])))

#if LOSSES > 0
#define NETWORK(me)                                                                                \
    :: d_step { losses > 0 && ASKED(me) -> losing(me); say(me, failed) }                           \
    :: d_step { losses > 0 && ANSWERED(me) -> losing(me); say(me, failed) }                        \
    :: d_step {                                                                                    \
        losses > 0 && ASKED(me) && LATE_FREE(me) ->                                                \
        losing(me); delay(me); say(me, failed)                                                     \
       }                                                                                           \
    :: d_step { losses > 0 && ASKED(me) && LATE_FREE(me) -> losing(me); delay(me) }
#else
#define NETWORK(me)
#endif

#if OUT_CRASHES > 0
#define CRASH(me)                                                                                  \
    :: d_step { out_crashes > 0 -> out_crashes--; disturbed(); restart(me) }                       \
    :: d_step {                                                                                    \
        out_crashes > 0 && ASKED(me) && LATE_FREE(me) ->                                           \
        out_crashes--; disturbed(); delay(me); restart(me)                                         \
       }
#else
#define CRASH(me)
#endif

/* Snapshots may be taken of an established trust at any moment, as it is stored; but not of an end
 * that is behind itself: to that one its own steps would have to be added. */
#define IN_STEP(record)                                                                            \
    (in.current == record.current || (record.next_clear && in.current == record.next))
#define SETTLED (disk.established && in.state == in_active && IN_STEP(disk))
/* A change that the trusted end has seen proven counts, also before this end has heard of it. */
#define PROVEN_SLOT(x, pw) (in.previous[x] == pw && in.proven[x])
#define PROVEN_THERE(pw)                                                                           \
    (pw != 0 && ((in.current == pw && in.current_proven) || PROVEN_SLOT(0, pw) ||                  \
                 PROVEN_SLOT(1, pw) || PROVEN_SLOT(2, pw)))
#define UNHEARD PROVEN_THERE(disk.next)
#define IN_LIKE(f) (in_shot.f == in.f)
#define IN_SLOT(x) (in_shot.previous[x] == in.previous[x] && in_shot.proven[x] == in.proven[x])
#define IN_SHOT                                                                                    \
    (in_age == 0 && IN_LIKE(state) && IN_LIKE(current) && IN_LIKE(current_proven) && IN_SLOT(0) && \
     IN_SLOT(1))
#define OUT_LIKE(f) (out_shot.f == disk.f)
#define OUT_SHOT                                                                                   \
    (out_age == 0 && OUT_LIKE(state) && OUT_LIKE(due) && OUT_LIKE(next) &&                         \
     OUT_LIKE(next_refused) && OUT_LIKE(current) && OUT_LIKE(current_proven))

proctype disturbances()
{
end:
    do
    NETWORK(0)
    CRASH(0)
#if RUNNERS > 1
    NETWORK(1)
    CRASH(1)
#endif
#if IN_CRASHES > 0
    :: d_step { in_crashes > 0 -> in_crashes--; disturbed(); crash_in(); check() }
#endif
#if ASKS > 0
    :: d_step { /* nt_out_want_change: whatever goes on */
        asks > 0 && disk.current != 0 ->
        asks--;
        disturbed();
        change_due(0)
       }
#endif
#if STRANGERS > 0
    :: d_step { /* costs a permission that waits for its proof; a live trust nothing */
        strangers > 0 && in.state != in_absent ->
        strangers--;
        disturbed();
        if
        :: in.state == in_permitted && in.attempts_left <= 1 -> healthy = 0
        :: else
        fi;
        in_refused();
        check()
       }
#endif
#if IN_REVERTS > 0
    :: d_step { /* a snapshot of the trusted end */
        in_reverts > 0 && SETTLED && !IN_SHOT ->
        in_age = 0;
        copy_in(in_shot, in)
       }
    :: d_step { /* the trusted end goes back */
        in_reverts > 0 && in_shot.state != in_absent && in_age + UNHEARD <= KEPT ->
        in_reverts--;
        disturbed();
        copy_in(in, in_shot);
        crash_in();
        forget_in_shot();
#if OUT_REVERTS > 0 && !SAME_PAST
        forget_out_shot();
#endif
        check()
       }
#endif
#if OUT_REVERTS > 0
    :: d_step { /* a snapshot of the trusting end */
        out_reverts > 0 && SETTLED && !OUT_SHOT ->
        out_age = 0;
        copy_out(out_shot, disk)
       }
    :: d_step { /* the trusting end goes back */
        out_reverts > 0 && out_shot.current != 0 && out_age + UNHEARD <= ACCEPTED ->
        out_reverts--;
        disturbed();
        copy_out(disk, out_shot);
        for (j : 0 .. RUNNERS - 1) {
            restart(j);
            forget_late(j) /* going back takes longer than a message lives */
        }
#if IN_REVERTS > 0
        if /* in_age is counted from where the trusting end stands */
        :: SAME_PAST && in_shot.state != in_absent && in_age >= out_age ->
            in_age = in_age - out_age
        :: else -> forget_in_shot()
        fi;
#endif
        forget_out_shot();
        check()
       }
#endif
    :: false
    od
}

/* --- people --- */

/* nt_in_permit, nt_op_permit_add */
inline permit()
{
    in.state = in_permitted;
    in.attempts_left = ATTEMPTS;
    in.current = INITIAL;
    in.current_proven = 0;
    for (i : 0 .. PREVIOUS - 1) {
        in.previous[i] = 0;
        in.proven[i] = 0
    }
    initial_gone = 0
}

/* nt_out_establish, nt_op_trust_add: the runner of the old one ends, and a new one begins */
inline establish(password)
{
    disk.state = out_pending;
    disk.broken = reason_none;
    disk.refusals = 0;
    disk.established = 0;
    disk.due = 1;
    drop_next(disk);
    disk.current = password;
    disk.current_clear = 1;
    disk.current_initial = 1;
    disk.current_proven = 0;
    for (i : 0 .. KEPT - 1) { disk.history[i] = 0 }
    checks = 0;
    for (j : 0 .. RUNNERS - 1) {
        restart(j);
        forget_late(j) /* a person is slower than any message */
    }
    looked = 0;
    healthy = (password == INITIAL && in.state == in_permitted)
}

#if ESTABLISH
proctype people()
{
end:
    do
    :: d_step { /* made without a password it refuses: the trusting end takes that for burned */
        in.state == in_absent -> in.state = in_none
       }
    :: d_step { in.state == in_none -> permit(); check() }
    :: d_step { in.state == in_absent -> permit(); healthy = (disk.current == INITIAL); check() }
    :: d_step { disk.current == 0 -> establish(INITIAL); check() }
    :: d_step { disk.current == 0 -> establish(TYPO); check() }
#if RESETS > 0
    :: d_step { /* nothing is repaired at one end alone: the trusted end first */
        resets > 0 && disk.state == out_broken && disk.broken != reason_removed ->
        resets--;
        healthy = 0;
        crash_in();
        permit();
        resetting = 1;
        check()
       }
    :: d_step { resetting -> resetting = 0; establish(INITIAL); check() }
#endif
    od
}
#endif

init {
    d_step {
#if ESTABLISH
        in.state = in_absent;
        disk.state = out_pending;
        disk.broken = reason_none;
        for (j : 0 .. RUNNERS - 1) {
            out[j].state = out_pending;
            out[j].broken = reason_none
        };
#else
        permit();
        establish(INITIAL);
#endif
#ifdef BUG_ANSWER_BEFORE_DISK
        copy_in(in_disk, in);
#endif
#if IN_REVERTS > 0
        in_shot.state = in_absent;
#endif
#if OUT_REVERTS > 0
        out_shot.state = out_pending;
        out_shot.broken = reason_none;
#endif
        for (j : 0 .. RUNNERS - 1) { r[j].doing = idle }
    };
    atomic {
        run trusting(0);
#if RUNNERS > 1
        run trusting(1);
#endif
        run trusted();
        run disturbances();
#if ESTABLISH
        run people();
#endif
    }
}

/* I2: when disturbances stop, both ends agree on one proven password. Disturbances are counted, so
 * they stop; changes go on for ever, so agreement comes again and again. */
ltl i2 { [] <> (agreed || !healthy) }
