#include "channel/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/sim_bugs.h"
#include "channel/servers.h"

_Static_assert(NT_SERVERS_MAX <= 32, "tried_now has a bit each");

#define EVENTS_MAX      8
#define COMMIT_RETRY_MS 5000    /* after the store refused a change */
#define SERVER_WAIT_MS  60000   /* that a controller which did not answer waits behind the others */
#define LOCATED_MS      3600000 /* that controllers which were found are taken for good */
#define TRUSTED_DOMAIN  4       /* TrustedDomainSecureChannel, [MS-NRPC] 2.2.1.3.13 */

struct note {
    const char *kind;
    int level;
    char text[NT_OUT_TEXT];
};

struct nt_runner {
    struct nt_service *service;
    void (*post)(void *ctx);
    void *ctx;
    char *name;
    char *own, *computer; /* our domain's and controller's names */
    struct nt_sid sid;    /* the TDO's; null until learned */
    bool allow_weak;
    struct nt_servers servers;
    uint32_t tried_now;                /* in this attempt: a bit each */
    uint64_t waits_ms[NT_SERVERS_MAX]; /* until when each waits, since it did not answer */
    /* A trust that names no servers: they are looked for. */
    bool (*locate)(void *ctx, const char *dns_name);
    char *dns_name;
    bool search;               /* it names none */
    bool locating;             /* under way */
    bool located_now;          /* just done: what was found is to be tried */
    uint64_t located_ms;       /* until when the servers are taken for good; 0: they are not */
    char nowhere[NT_OUT_TEXT]; /* why none was found */

    struct nt_trust_out out; /* the record as it will be stored */
    uint64_t number;         /* of the stored record that it was made from, domain/lease.h */
    uint8_t identity[NT_LEASE_HOLDER];
    bool shared;           /* other controllers may have the store open */
    struct nt_lease lease; /* as we have stored or read it last */
    bool wants_lease;      /* to send a password again: no change is under way in the record */
    struct nt_out_session session;
    struct note notes[EVENTS_MAX]; /* lines for the audit trail of the next commit */
    size_t note_count;

    /* the commit under way */
    struct nt_wish wish;
    struct nt_trust_out storing;
    struct nt_sid storing_sid;
    struct note storing_notes[EVENTS_MAX];
    size_t storing_count;
    bool storing_must; /* nothing goes on before it is stored */
    uint64_t storing_number;
    bool storing_lease_wanted;
    struct nt_lease storing_lease;         /* as it is stored, or as it was found */
    enum nt_lease_verdict storing_verdict; /* set by decide_store */
    bool committing, must_commit, want_commit;
    uint64_t commit_after_ms;
    ntstatus store_status; /* of the last commit that failed */
    /* What the store is known to have: a wish that differs from it came from somebody else. */
    struct seen {
        bool wanted;
        nt_time check;
    } seen, storing_seen;
    bool asked_meanwhile; /* while the commit was under way */

    struct nt_channel *channel;
    bool draining;        /* a new channel is due: logons under way end on the old one first */
    bool opening;         /* the channel is being set up for OPEN or PROVE */
    bool sending;         /* PasswordSet2 is under way */
    size_t server, tried; /* the one in use; how many this attempt has tried */
    struct refusal {
        bool any, by_best; /* by the one that took our newest password last */
        bool stranger;     /* before anything about the account was said */
        ntstatus status;
        char host[NT_SERVER_NAME], text[NT_OUT_TEXT];
    } refusal;   /* of this attempt */
    bool missed; /* another one could not be asked in this attempt */
    /* A round: each controller is asked once which password it knows, field guide 2, P3. */
    bool round_wanted;
    bool visiting;             /* the channel is there for the round alone */
    uint32_t round;            /* those still to be asked: a bit each */
    size_t home;               /* the one to come back to */
    nt_time round_at;          /* when the last one began */
    char host[NT_SERVER_NAME]; /* of the channel */
    bool has_evidence;         /* of the channel */
    bool evidence_told;        /* the machine has it: for another look a new channel is needed */
    struct nt_secret evidence_new, evidence_old;
    bool reopen; /* VERIFY: a new channel, also while one is open */
    uint64_t deadline_ms;
    uint32_t jitter; /* not 0 */

    struct nt_forward *queue[NT_RUNNER_QUEUE]; /* logons that wait for the channel */
    size_t queue_count;
    struct nt_forward *waiters[NT_RUNNER_QUEUE]; /* VERIFY, ROTATE: until the machine rests */
    size_t waiter_count;
    uint64_t changes_before; /* of the oldest ROTATE */
    bool stopped;
};

static const struct nt_policy *policy_of(const struct nt_dir *dir)
{
    return nt_dir_policy(dir);
}

/* --- making durable --- */

static uint64_t ms_until(const struct nt_runner *r, nt_time until, uint64_t now_ms)
{
    nt_time now = nt_now(r->service->env);
    if (until >= NT_TIME_NEVER)
        return UINT64_MAX;
    if (until <= now)
        return now_ms;
    return now_ms + (until - now) / 10000 + 1;
}

/* Whether this record, read from the directory, asks for a change or a check that was not seen. */
static bool asks(const struct nt_trust_out *out, const struct seen *seen)
{
    return (out->change_wanted && !seen->wanted) || (out->next_check == 0 && seen->check != 0);
}

static ntstatus decide_store(struct nt_wish *wish, struct nt_txn *txn)
{
    struct nt_runner *r = NT_CONTAINER(wish, struct nt_runner, wish);
    const struct nt_tdo *now = nt_dir_tdo(nt_txn_dir(txn), r->name);
    if (now == NULL || (now->out.epoch != r->storing.epoch && !NT_SIM_BUG(IGNORE_EPOCH)))
        return NT_STATUS(OBJECT_NAME_NOT_FOUND); /* removed, or added anew, meanwhile */
    r->storing_lease = now->lease;
    r->storing_verdict = nt_lease_judge(
        &now->lease, r->identity, NT_SIM_BUG(NO_FENCE) ? now->lease.number : r->storing_number,
        !r->shared, nt_txn_now(txn));
    if (r->storing_verdict != NT_LEASE_GOOD && now->out.epoch == r->storing.epoch)
        return NT_STATUS(ACCESS_DENIED);
    struct nt_tdo *next = nt_record_clone(now);
    if (next == NULL)
        return NT_STATUS(NO_MEMORY);
    nt_lease_write(&next->lease, r->identity, r->storing_lease_wanted || r->storing.next.set,
                   nt_txn_now(txn));
    r->storing_lease = next->lease;
    bool asked = asks(&now->out, &r->storing_seen);
    bool wanted = now->out.change_wanted;
    next->out = r->storing;
    /* What was asked for in the meantime stands; nt_runner_refresh takes it over from there. */
    if (asked)
        nt_out_want_check(&next->out, nt_txn_now(txn));
    if (asked && wanted)
        next->out.change_wanted = true;
    if (nt_sid_is_null(&next->sid))
        next->sid = r->storing_sid;
    enum nt_err err = nt_txn_put(txn, next);
    if (err != NT_OK)
        return nt_status_of(err);
    for (size_t i = 0; i < r->storing_count; i++)
        nt_txn_event(txn, (enum nt_event_level)r->storing_notes[i].level, r->storing_notes[i].kind,
                     r->name, r->storing.last_dc, "%s", r->storing_notes[i].text);
    return NT_STATUS(SUCCESS);
}

static void on_stored(struct nt_wish *wish)
{
    struct nt_runner *r = NT_CONTAINER(wish, struct nt_runner, wish);
    r->post(r->ctx);
}

static void commit(struct nt_runner *r)
{
    r->storing = r->out;
    r->storing_sid = r->sid;
    memcpy(r->storing_notes, r->notes, sizeof r->notes);
    r->storing_count = r->note_count;
    r->note_count = 0;
    r->storing_must = r->must_commit;
    r->storing_number = r->number;
    r->storing_lease_wanted = r->wants_lease;
    r->storing_verdict = NT_LEASE_GOOD;
    r->storing_seen = r->seen;
    r->asked_meanwhile = false;
    r->must_commit = r->want_commit = false;
    r->committing = true;
    r->wish = (struct nt_wish){ .decide = decide_store, .done = on_stored };
    nt_engine_wish(r->service->engine, &r->wish);
}

/* The lines of a commit that failed go before those that came since; the newest may be lost. */
static void take_notes_back(struct nt_runner *r)
{
    size_t room = EVENTS_MAX - r->storing_count;
    size_t later = r->note_count < room ? r->note_count : room;
    memmove(r->notes + r->storing_count, r->notes, later * sizeof r->notes[0]);
    memcpy(r->notes, r->storing_notes, r->storing_count * sizeof r->notes[0]);
    r->note_count = r->storing_count + later;
}

/* The record as the store has it now goes over ours, which was made from an older one. */
static void take_over(struct nt_runner *r, const struct nt_tdo *tdo)
{
    if (NT_SIM_BUG(NO_FENCE))
        return;
    /* What was just found out is lost with our copy: a new channel finds out again. */
    r->reopen = r->reopen || (r->must_commit && r->session.open);
    r->out = tdo->out;
    r->number = tdo->lease.number;
    r->lease = tdo->lease;
    r->seen = (struct seen){ tdo->out.change_wanted, tdo->out.next_check };
    r->note_count = 0;
    r->must_commit = r->want_commit = false;
    for (size_t i = 0; i < r->waiter_count; i++) {
        if (r->waiters[i]->kind == NT_FORWARD_ROTATE && r->out.changes == r->changes_before)
            nt_out_want_change(&r->out, nt_now(r->service->env));
        else
            nt_out_want_check(&r->out, nt_now(r->service->env));
    }
}

/* Until when the record is another controller's to write; 0: it is not. */
static nt_time held_until(const struct nt_runner *r)
{
    return r->shared ? nt_lease_others(&r->lease, r->identity, nt_now(r->service->env)) : 0;
}

/* When what is to be stored may be. */
static uint64_t commit_moment(const struct nt_runner *r, uint64_t now_ms)
{
    nt_time held = held_until(r);
    uint64_t at = held != 0 ? ms_until(r, held, now_ms) : 0;
    return at > r->commit_after_ms ? at : r->commit_after_ms;
}

void nt_runner_stored(struct nt_runner *r, uint64_t now_ms)
{
    r->committing = false;
    if (nt_status_is(r->wish.status, NT_STATUS(OBJECT_NAME_NOT_FOUND))) {
        (void)nt_runner_stop(r);
        return;
    }
    if (nt_status_ok(r->wish.status)) {
        if (!r->asked_meanwhile)
            r->seen = (struct seen){ r->storing.change_wanted, r->storing.next_check };
        r->number = r->storing_lease.number;
        r->lease = r->storing_lease;
    } else if (r->storing_verdict != NT_LEASE_GOOD) {
        /* Kept until the other one's lease ends, or its record is taken over. */
        r->lease = r->storing_lease;
        take_notes_back(r);
        r->must_commit = r->must_commit || r->storing_must;
        r->want_commit = true;
    } else {
        /* Nothing goes on before it is stored: the peer must never know more than our disk. What
         * only people read holds up nothing. */
        char code[64];
        nt_log(NT_LOG_ERROR, "trust state cannot be stored trust=%s status=%s", r->name,
               nt_status_format(r->wish.status, code));
        take_notes_back(r);
        r->store_status = r->wish.status;
        r->must_commit = r->must_commit || r->storing_must;
        r->want_commit = true;
        r->commit_after_ms = now_ms + COMMIT_RETRY_MS;
    }
    nt_wipe(&r->storing, sizeof r->storing);
    struct nt_dir *dir = nt_engine_dir(r->service->engine);
    const struct nt_tdo *tdo = nt_dir_tdo(dir, r->name);
    /* Who overtook us may have failed to store it: then ours is as new as any, and is kept. */
    if (tdo != NULL && nt_runner_is_for(r, tdo) && tdo->lease.number != r->number)
        take_over(r, tdo);
    nt_dir_unref(dir);
    nt_runner_step(r, now_ms);
}

/* Takes over what an event function of the machine said. */
static void apply(struct nt_runner *r, const struct nt_out_result *result)
{
    if (result->kind != NULL && r->note_count < EVENTS_MAX) {
        struct note *n = &r->notes[r->note_count++];
        n->kind = result->kind;
        n->level = result->level;
        memcpy(n->text, result->text, sizeof n->text);
    }
    if (result->kind != NULL)
        nt_log(result->level == NT_EVENT_ERROR     ? NT_LOG_ERROR
               : result->level == NT_EVENT_WARNING ? NT_LOG_WARN
                                                   : NT_LOG_INFO,
               "%s trust=%s dc=%s text=%s", result->kind, r->name, r->out.last_dc, result->text);
    if (result->effect == NT_OUT_COMMIT)
        r->must_commit = true;
    else if (result->effect == NT_OUT_NOTE || result->kind != NULL)
        r->want_commit = true;
}

/* --- forwards --- */

static void finish(struct nt_forward *fwd, ntstatus status, const char *text)
{
    fwd->status = status;
    fwd->authoritative = true;
    if (text != NULL)
        snprintf(fwd->text, sizeof fwd->text, "%s", text);
    fwd->done(fwd);
}

static void fail_queue(struct nt_runner *r, ntstatus status, const char *text)
{
    size_t count = r->queue_count;
    r->queue_count = 0;
    for (size_t i = 0; i < count; i++)
        finish(r->queue[i], status, text);
}

/* What a logon is told when the trust cannot carry it. */
static ntstatus why_not(const struct nt_runner *r)
{
    if (r->out.state == NT_OUT_BROKEN || r->out.state == NT_OUT_PENDING)
        return NT_STATUS(TRUSTED_DOMAIN_FAILURE);
    return NT_STATUS(NO_LOGON_SERVERS);
}

static void send_queue(struct nt_runner *r, uint64_t now_ms)
{
    while (r->queue_count > 0 && nt_channel_is_open(r->channel)) {
        enum nt_err err = nt_channel_logon(r->channel, r->queue[0], now_ms);
        if (err == NT_E_LIMIT)
            return; /* goes on when one of those under way is answered */
        struct nt_forward *fwd = r->queue[0];
        r->queue_count--;
        memmove(r->queue, r->queue + 1, r->queue_count * sizeof r->queue[0]);
        if (err != NT_OK)
            finish(fwd, nt_status_of(err), nt_err_text(err));
    }
}

/* The machine rests: whoever waited for a check or a change gets the outcome. */
static void finish_waiters(struct nt_runner *r)
{
    size_t count = r->waiter_count;
    r->waiter_count = 0;
    if (r->must_commit) {
        for (size_t i = 0; i < count; i++)
            finish(r->waiters[i], r->store_status,
                   "the state of the trust cannot be stored here, so nothing is sent; it is tried "
                   "again");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct nt_forward *fwd = r->waiters[i];
        bool good =
            r->session.open && r->out.trouble == NT_BROKEN_NONE && r->out.state == NT_OUT_ACTIVE;
        if (fwd->kind == NT_FORWARD_ROTATE && r->out.changes == r->changes_before)
            good = false;
        snprintf(fwd->dc_name, sizeof fwd->dc_name, "%s", r->out.last_dc);
        ntstatus bad = nt_status_ok(r->out.last_status) ? NT_STATUS(TRUSTED_DOMAIN_FAILURE)
                                                        : r->out.last_status;
        finish(fwd, good ? NT_STATUS(SUCCESS) : bad, good ? "" : r->out.last_text);
    }
}

/* A runner is stopped because its trust was removed, or because the daemon ends or the trust was
 * begun anew: only the first is said to be so, since a client gives up a domain that does not
 * exist. */
static void finish_stopped(const struct nt_runner *r, struct nt_forward *fwd)
{
    struct nt_dir *dir = nt_engine_dir(r->service->engine);
    if (nt_dir_tdo(dir, r->name) == NULL)
        finish(fwd, NT_STATUS(NO_SUCH_DOMAIN), "the trust was removed");
    else
        finish(fwd, NT_STATUS(CONNECTION_ABORTED), "the secure channel ends here; try again");
    nt_dir_unref(dir);
}

void nt_runner_forward(struct nt_runner *r, struct nt_forward *fwd, uint64_t now_ms)
{
    nt_time now = nt_now(r->service->env);
    if (r->stopped) {
        finish_stopped(r, fwd);
        return;
    }
    switch (fwd->kind) {
    case NT_FORWARD_QUERY:
        snprintf(fwd->dc_name, sizeof fwd->dc_name, "%s", r->out.last_dc);
        finish(fwd, r->session.open ? NT_STATUS(SUCCESS) : why_not(r), r->out.last_text);
        return;
    case NT_FORWARD_LOGON:
        if (!nt_out_may_forward(&r->out)) {
            finish(fwd, why_not(r), r->out.last_text);
            return;
        }
        if (r->queue_count == NT_RUNNER_QUEUE) {
            finish(fwd, NT_STATUS(INSUFFICIENT_RESOURCES), "too many logons wait for the channel");
            return;
        }
        r->queue[r->queue_count++] = fwd;
        if (!r->session.open && !r->opening)
            nt_out_want_check(&r->out, now);
        break;
    case NT_FORWARD_VERIFY:
    case NT_FORWARD_REDISCOVER:
    case NT_FORWARD_ROTATE:
        if (r->waiter_count == NT_RUNNER_QUEUE) {
            finish(fwd, NT_STATUS(INSUFFICIENT_RESOURCES), "too many requests wait");
            return;
        }
        if (fwd->kind == NT_FORWARD_ROTATE) {
            nt_out_want_change(&r->out, now);
            r->changes_before = r->out.changes;
        } else {
            nt_out_want_check(&r->out, now);
            /* One that is just being set up is new enough. */
            r->reopen = r->session.open;
            r->round_wanted = true;
            if (fwd->kind == NT_FORWARD_REDISCOVER)
                r->located_ms = 0;
        }
        r->waiters[r->waiter_count++] = fwd;
        r->commit_after_ms = 0; /* a person gets today's answer of the disk, not the last one's */
        break;
    }
    nt_runner_step(r, now_ms);
}

/* --- the channel --- */

static void close_channel(struct nt_runner *r)
{
    nt_channel_free(r->channel);
    r->channel = NULL;
    r->opening = r->sending = r->draining = r->wants_lease = false;
    nt_out_closed(&r->session);
    nt_secret_wipe(&r->evidence_new);
    nt_secret_wipe(&r->evidence_old);
    r->has_evidence = r->evidence_told = false;
}

static struct nt_out_when moment(struct nt_runner *r, const struct nt_dir *dir)
{
    /* Every step asks for a moment, so its jitter comes from a generator of ours (xorshift): it
     * only spreads what happens in time. */
    r->jitter ^= r->jitter << 13;
    r->jitter ^= r->jitter >> 17;
    r->jitter ^= r->jitter << 5;
    return (struct nt_out_when){ .policy = policy_of(dir),
                                 .domain = nt_dir_domain(dir),
                                 .now = nt_now(r->service->env),
                                 .random = r->jitter };
}

/* From `first` on, around the list: the first of those not tried in this attempt that need not
 * wait, or need it least, since they did not answer lately. */
static size_t least_waiting(const struct nt_runner *r, size_t first, uint64_t now_ms)
{
    size_t best = first;
    uint64_t least = UINT64_MAX;
    for (size_t n = 0; n < r->servers.count; n++) {
        size_t i = (first + n) % r->servers.count;
        uint64_t wait = r->waits_ms[i] > now_ms ? r->waits_ms[i] : 0;
        if ((r->tried_now >> i & 1u) == 0 && wait < least) {
            least = wait;
            best = i;
        }
    }
    return best;
}

/* The server that the action prefers, else the one in use. */
static size_t first_server(const struct nt_runner *r, const char *prefer, uint64_t now_ms)
{
    size_t first = r->server < r->servers.count ? r->server : 0;
    for (size_t i = 0; prefer != NULL && i < r->servers.count; i++)
        if (strcmp(r->servers.list[i].host, prefer) == 0) {
            first = i;
            break;
        }
    return least_waiting(r, first, now_ms);
}

/* Begins to open a channel to the present server with all candidates of the action. */
static bool open_channel(struct nt_runner *r, const struct nt_out_action *action, uint64_t now_ms)
{
    struct nt_secret hashes[NT_CHANNEL_CANDIDATES];
    size_t count = 0;
    r->session.offer = action->offer;
    for (size_t i = 0; i < action->count && count < NT_CHANNEL_CANDIDATES; i++)
        hashes[count++] = action->candidates[i]->hash;
    char account[64];
    snprintf(account, sizeof account, "%s$", r->own);
    const struct nt_server *to = &r->servers.list[r->server];
    memcpy(r->host, to->host, sizeof r->host);
    r->tried_now |= 1u << r->server;
    /* Who else is asked after a refusal may take us in: the cause is looked for at the last. */
    bool last = !r->out.established || r->tried >= r->servers.count;
    r->channel = nt_channel_new(&(struct nt_channel_config){ .domain = r->name,
                                                             .computer = r->computer,
                                                             .account = account,
                                                             .type = TRUSTED_DOMAIN,
                                                             .host = to->host,
                                                             .road = to->road,
                                                             .port = to->port,
                                                             .allow_weak = r->allow_weak,
                                                             .want_sid = nt_sid_is_null(&r->sid),
                                                             .env = r->service->env,
                                                             .candidates = hashes,
                                                             .candidate_count = count,
                                                             .ask_why = last,
                                                             .may_log_on = r->out.established,
                                                             .sid = r->sid },
                                now_ms);
    nt_wipe(hashes, sizeof hashes);
    r->opening = r->channel != NULL;
    return r->opening;
}

static void unreachable(struct nt_runner *r, const struct nt_dir *dir, ntstatus status,
                        const char *text)
{
    struct nt_out_result result = { 0 };
    struct nt_out_when when = moment(r, dir);
    nt_out_unreachable(&r->out, &r->session, &when, status, text, &result);
    apply(r, &result);
    fail_queue(r, NT_STATUS(NO_LOGON_SERVERS), text);
}

static void start_opening(struct nt_runner *r, const struct nt_dir *dir,
                          const struct nt_out_action *action, uint64_t now_ms)
{
    close_channel(r);
    r->reopen = false;
    if (r->search && r->located_ms <= now_ms && !r->located_now && r->locate != NULL &&
        r->locate(r->ctx, r->dns_name)) {
        r->locating = true;
        return;
    }
    r->located_now = false;
    if (r->servers.count == 0) {
        unreachable(r, dir, NT_STATUS(DOMAIN_CONTROLLER_NOT_FOUND),
                    r->nowhere[0] != '\0' ? r->nowhere
                                          : "no controller of the trusted domain is known: name "
                                            "one with 'ntrust trust servers'");
        return;
    }
    r->tried_now = 0;
    r->server = first_server(r, action->prefer_dc, now_ms);
    r->tried = 1;
    r->refusal.any = r->missed = false;
    if (!open_channel(r, action, now_ms))
        unreachable(r, dir, NT_STATUS(NO_MEMORY), "out of memory");
}

/* The next controller of the list, with the candidates as they are now. */
static bool try_next_server(struct nt_runner *r, const struct nt_dir *dir, uint64_t now_ms)
{
    struct nt_out_action action;
    if (r->tried >= r->servers.count)
        return false;
    nt_out_plan(&r->out, policy_of(dir), &r->session, nt_now(r->service->env), &action);
    if (action.step != NT_OUT_OPEN && action.step != NT_OUT_PROVE)
        return false;
    size_t tried = r->tried + 1;
    r->server = least_waiting(r, (r->server + 1) % r->servers.count, now_ms);
    close_channel(r);
    r->tried = tried;
    return open_channel(r, &action, now_ms);
}

/* One controller refused what another one took: nothing is changed for its sake. */
static void name_the_laggard(struct nt_runner *r)
{
    struct nt_out_result result = { .effect = NT_OUT_NOTE,
                                    .kind = "trust-controller-lags",
                                    .level = NT_EVENT_WARNING };
    snprintf(result.text, sizeof result.text,
             "Controller %.60s refuses the passwords of which %.60s accepts one: it lags behind, "
             "or has gone back alone.",
             r->refusal.host, r->host);
    if (!nt_seen_lags(&r->out.seen, r->refusal.host, 0, nt_now(r->service->env)))
        result.kind = NULL; /* said before */
    r->refusal.any = false;
    apply(r, &result);
}

static void on_open(struct nt_runner *r, const struct nt_dir *dir,
                    const struct nt_channel_event *ev, const struct nt_secret *hash)
{
    struct nt_out_result result = { 0 };
    struct nt_out_when when = moment(r, dir);
    r->opening = false;
    if (!nt_sid_is_null(&ev->sid) && !nt_sid_is_null(&r->sid) && !nt_sid_equal(&ev->sid, &r->sid)) {
        char was[NT_SID_TEXT], is[NT_SID_TEXT], text[2 * NT_SID_TEXT + 64];
        snprintf(text, sizeof text, "the domain's SID was %s and is now %s",
                 nt_sid_format(&r->sid, was), nt_sid_format(&ev->sid, is));
        nt_out_failed(&r->out, &r->session, &when, NT_BROKEN_DOMAIN,
                      NT_STATUS(DOMAIN_TRUST_INCONSISTENT), text, &result);
        apply(r, &result);
        close_channel(r);
        return;
    }
    if (nt_sid_is_null(&r->sid) && !nt_sid_is_null(&ev->sid)) {
        r->sid = ev->sid;
        r->must_commit = true;
    }
    r->has_evidence = ev->has_evidence;
    r->evidence_new = ev->evidence_new;
    r->evidence_old = ev->evidence_old;
    nt_out_opened(&r->out, &r->session, &when, hash, r->host, &result);
    apply(r, &result);
    if (r->refusal.any)
        name_the_laggard(r);
}

/* The one that took our newest password last, or nobody of the list did. */
static bool knows_best(const struct nt_runner *r, const char *host)
{
    for (size_t i = 0; i < r->servers.count; i++)
        if (strcmp(r->servers.list[i].host, r->out.proven_dc) == 0)
            return strcmp(host, r->out.proven_dc) == 0;
    return true;
}

static void note_refusal(struct nt_runner *r, const struct nt_channel_event *ev)
{
    struct refusal *f = &r->refusal;
    if (f->any && f->by_best)
        return;
    f->any = true;
    f->by_best = knows_best(r, r->host);
    f->status = ev->status;
    f->stranger = ev->stranger;
    memcpy(f->host, r->host, sizeof f->host);
    snprintf(f->text, sizeof f->text, "%.200s", ev->why);
}

/* All controllers were tried, and one at least refused. */
static void judge_refusal(struct nt_runner *r, const struct nt_dir *dir)
{
    const struct refusal *f = &r->refusal;
    struct nt_out_result result = { 0 };
    struct nt_out_when when = moment(r, dir);
    enum nt_broken reason = nt_broken_of(f->status);
    if (r->missed && !f->by_best && r->out.established) {
        /* It may lag behind the one that could not be asked; field-guide 2, P3. */
        char text[NT_OUT_TEXT];
        snprintf(text, sizeof text,
                 "%.60s refuses our passwords, and %.60s, which took the newest one, could not be "
                 "asked",
                 f->host, r->out.proven_dc);
        close_channel(r);
        unreachable(r, dir, NT_STATUS(NO_LOGON_SERVERS), text);
        return;
    }
    if (f->stranger && reason == NT_BROKEN_MISMATCH)
        reason = NT_BROKEN_DENIED; /* no password was looked at */
    if (reason == NT_BROKEN_CRYPTO || reason == NT_BROKEN_TIME || reason == NT_BROKEN_DENIED)
        nt_out_failed(&r->out, &r->session, &when, reason, f->status, f->text, &result);
    else
        nt_out_refused(&r->out, &r->session, &when, f->status, f->text, f->host, &result);
    apply(r, &result);
    close_channel(r);
    fail_queue(r, NT_STATUS(TRUSTED_DOMAIN_FAILURE), f->text);
}

/* One of a round refuses what the one at home accepts. */
static void note_laggard(struct nt_runner *r, const struct nt_dir *dir, ntstatus status)
{
    struct nt_out_when when = moment(r, dir);
    struct nt_out_result result = { .effect = NT_OUT_NOTE, .level = NT_EVENT_WARNING };
    enum nt_broken reason = nt_broken_of(status);
    if (reason != NT_BROKEN_MISMATCH && reason != NT_BROKEN_REMOVED)
        return;
    if (nt_seen_lags(&r->out.seen, r->host, 0, when.now)) {
        result.kind = "trust-controller-lags";
        snprintf(result.text, sizeof result.text,
                 "Controller %.60s accepts no password of ours, and %.60s the newest one: it lags "
                 "behind, or has gone back alone. Nothing is changed for its sake.",
                 r->host, r->servers.list[r->home].host);
    }
    apply(r, &result);
}

static void on_refused(struct nt_runner *r, const struct nt_dir *dir,
                       const struct nt_channel_event *ev, uint64_t now_ms)
{
    if (r->visiting) {
        note_laggard(r, dir, ev->status);
        close_channel(r);
        return;
    }
    note_refusal(r, ev);
    /* One controller of several may lag behind or have gone back alone. Before the first change
     * nobody else is asked: a wrong password costs the permission. */
    if (!r->out.established || !try_next_server(r, dir, now_ms))
        judge_refusal(r, dir);
}

static void on_failed(struct nt_runner *r, const struct nt_dir *dir,
                      const struct nt_channel_event *ev, uint64_t now_ms)
{
    char text[NT_OUT_TEXT];
    ntstatus status = ev->status;
    bool was_opening = r->opening, was_sending = r->sending;
    snprintf(text, sizeof text, "%.230s", ev->why);
    r->missed = r->missed || was_opening;
    if (was_opening)
        r->waits_ms[r->server] = now_ms + SERVER_WAIT_MS;
    if (was_opening && r->visiting) {
        close_channel(r); /* nothing is known of it */
        return;
    }
    if (was_opening && try_next_server(r, dir, now_ms))
        return;
    if (was_opening && r->refusal.any) {
        judge_refusal(r, dir);
        return;
    }
    close_channel(r);
    if (was_opening)
        r->located_ms = 0; /* none of them answers: the next time they are looked for anew */
    /* An idle channel that ends is nobody's fault: it is opened again when it is needed. */
    if (was_opening || was_sending)
        unreachable(r, dir, status, text);
}

static void on_set(struct nt_runner *r, const struct nt_dir *dir, const struct nt_channel_event *ev)
{
    struct nt_out_result result = { 0 };
    struct nt_out_when when = moment(r, dir);
    r->sending = r->wants_lease = false;
    if (nt_status_ok(ev->status))
        nt_out_sent(&r->out, &r->session, &when, &result);
    else
        nt_out_send_refused(&r->out, &r->session, &when, ev->status, &result);
    apply(r, &result);
}

/* The hash that opened the channel: candidates were given in the plan's order. */
static void take_event(struct nt_runner *r, const struct nt_dir *dir,
                       const struct nt_channel_event *ev, uint64_t now_ms)
{
    switch (ev->kind) {
    case NT_CHANNEL_OPEN:
        on_open(r, dir, ev, nt_channel_opened_with(r->channel));
        break;
    case NT_CHANNEL_REFUSED:
        on_refused(r, dir, ev, now_ms);
        break;
    case NT_CHANNEL_FAILED:
        on_failed(r, dir, ev, now_ms);
        break;
    case NT_CHANNEL_SET:
        on_set(r, dir, ev);
        break;
    case NT_CHANNEL_ALIVE:
        break;
    }
}

/* --- the plan --- */

/* A new channel is due: logons under way end on the old one first. True: none is. */
static bool drained(struct nt_runner *r)
{
    r->draining = r->channel != NULL && nt_channel_logons(r->channel) > 0;
    return !r->draining;
}

/* Whether the plan's next step is one to go round before: rest that a person waits for, or a change
 * that is due. */
static bool round_due(struct nt_runner *r, const struct nt_out_action *action,
                      const struct nt_out_when *when)
{
    bool store = action->step == NT_OUT_STORE_NEXT;
    bool change = store && !r->out.change_wanted && r->out.current.has_clear &&
                  when->now - r->round_at > when->policy->check_interval_s * NT_TIME_SECOND;
    if (!r->session.open || r->session.lagging || r->visiting ||
        !(store || action->step == NT_OUT_WAIT))
        return false;
    bool due = (change || r->round_wanted) && r->out.established && r->servers.count > 1;
    r->round_wanted = false;
    return due;
}

static void begin_round(struct nt_runner *r, nt_time now, uint64_t now_ms)
{
    r->round_at = now;
    r->home = r->server;
    r->round = 0;
    for (size_t i = 0; i < r->servers.count; i++)
        if (i != r->home && r->waits_ms[i] <= now_ms)
            r->round |= 1u << i;
    r->visiting = r->round != 0;
}

/* On to the next one of the round, or home at its end. The trust works: only the one that is asked
 * is judged. */
static void go_round(struct nt_runner *r, const struct nt_dir *dir, uint64_t now_ms)
{
    struct nt_out_action action;
    nt_time now = nt_now(r->service->env);
    size_t next = 0;
    close_channel(r);
    nt_out_want_check(&r->out, now);
    while (next < r->servers.count && (r->round >> next & 1u) == 0)
        next++;
    r->visiting = next < r->servers.count;
    nt_out_plan(&r->out, policy_of(dir), &r->session, now, &action);
    if (!r->visiting || action.step != NT_OUT_OPEN) {
        r->visiting = false;
        r->round = 0;
        r->server = r->home < r->servers.count ? r->home : 0;
        return;
    }
    r->round &= ~(1u << next);
    r->server = next;
    r->tried_now = 0;
    r->tried = r->servers.count;
    r->refusal.any = r->missed = false;
    if (!open_channel(r, &action, now_ms))
        r->round = 0;
}

/* Does the next step; false: there is nothing more to do before something happens. */
static bool act(struct nt_runner *r, const struct nt_dir *dir, uint64_t now_ms)
{
    struct nt_out_action action;
    struct nt_out_result result = { 0 };
    struct nt_out_when when = moment(r, dir);
    uint8_t random[NT_OUT_SECRET_BYTES];
    r->draining = false;
    /* What was just sent is proven on a new channel anyway, which serves the check as well. */
    if (r->reopen && r->session.open && !r->session.prove) {
        if (!drained(r))
            return false;
        close_channel(r);
    }
    nt_out_plan(&r->out, when.policy, &r->session, when.now, &action);
    bool begins = round_due(r, &action, &when);
    if (begins)
        begin_round(r, when.now, now_ms);
    bool visited = r->visiting && (begins || !r->session.open || r->session.lagging ||
                                   action.step == NT_OUT_WAIT || action.step == NT_OUT_STORE_NEXT);
    if (visited) {
        if (!drained(r))
            return false;
        go_round(r, dir, now_ms);
        return !r->opening;
    }
    switch (action.step) {
    case NT_OUT_WAIT:
        r->deadline_ms = ms_until(r, action.until, now_ms);
        return false;
    case NT_OUT_OPEN:
    case NT_OUT_PROVE:
        if (!drained(r))
            return false;
        start_opening(r, dir, &action, now_ms);
        return !r->opening && !r->locating;
    case NT_OUT_READ_EVIDENCE:
        if (r->evidence_told) {
            /* A check: what was read when this channel was opened tells nothing about now. */
            if (!drained(r))
                return false;
            close_channel(r);
            return true;
        }
        r->evidence_told = true;
        nt_out_evidence(&r->out, &r->session, &when, r->has_evidence ? &r->evidence_new : NULL,
                        r->has_evidence ? &r->evidence_old : NULL, &result);
        apply(r, &result);
        return true;
    case NT_OUT_STORE_NEXT:
        nt_random(r->service->env, random, sizeof random);
        nt_out_store_next(&r->out, &r->session, &when, random, &result);
        nt_wipe(random, sizeof random);
        apply(r, &result);
        return true;
    case NT_OUT_SEND:
        if (r->shared && !nt_lease_may_send(&r->lease, r->identity, when.now)) {
            r->wants_lease = r->must_commit = true; /* first */
            return true;
        }
        if (nt_channel_set_password(r->channel, &action.candidates[0]->clear,
                                    action.candidates[0]->version, now_ms) != NT_OK) {
            close_channel(r);
            unreachable(r, dir, NT_STATUS(CONNECTION_ABORTED), "the change could not be sent");
            return true;
        }
        r->sending = true;
        return false;
    }
    return false;
}

/* The directory to act on; what another controller has stored counts from here on. */
static struct nt_dir *look(struct nt_runner *r)
{
    struct nt_dir *dir = nt_engine_dir_now(r->service->engine);
    if (!r->shared)
        return dir;
    const struct nt_tdo *tdo = nt_dir_tdo(dir, r->name);
    if (!r->committing && tdo != NULL && nt_runner_is_for(r, tdo) && tdo->lease.number > r->number)
        take_over(r, tdo);
    return dir;
}

void nt_runner_step(struct nt_runner *r, uint64_t now_ms)
{
    struct nt_dir *dir = look(r);
    bool more = !r->stopped;
    while (more && !r->stopped) {
        struct nt_channel_event ev;
        r->deadline_ms = UINT64_MAX;
        if (r->must_commit && !r->committing && now_ms >= commit_moment(r, now_ms))
            commit(r);
        if (r->committing && !NT_SIM_BUG(SEND_EARLY))
            break;
        if (r->channel != NULL && nt_channel_next(r->channel, &ev, now_ms)) {
            take_event(r, dir, &ev, now_ms);
            nt_secret_wipe(&ev.evidence_new);
            nt_secret_wipe(&ev.evidence_old);
            continue;
        }
        if (r->must_commit) { /* the store refuses, or it is another's turn; logons go on */
            r->deadline_ms = commit_moment(r, now_ms);
            break;
        }
        more = !r->opening && !r->sending && !r->locating && act(r, dir, now_ms);
    }
    bool busy = r->committing || r->opening || r->sending || r->draining || r->locating;
    /* Who asked reads the outcome in the directory: it must stand there first. */
    if (!r->stopped && !busy && r->waiter_count > 0 && r->want_commit && !r->must_commit &&
        now_ms >= commit_moment(r, now_ms)) {
        commit(r);
        busy = true;
    }
    if (!r->stopped && !busy) {
        if (!r->must_commit || held_until(r) == 0)
            finish_waiters(r);
        if (r->session.open)
            send_queue(r, now_ms);
        else
            fail_queue(r, why_not(r), r->out.last_text);
        uint64_t at = commit_moment(r, now_ms);
        if (r->want_commit && !r->must_commit && now_ms >= at)
            commit(r);
        else if (r->want_commit && at < r->deadline_ms)
            r->deadline_ms = at;
    }
    nt_dir_unref(dir);
}

struct nt_link *nt_runner_link(struct nt_runner *r)
{
    return r->channel != NULL ? nt_channel_link(r->channel) : NULL;
}

uint64_t nt_runner_deadline(const struct nt_runner *r)
{
    return r->deadline_ms;
}

/* --- life --- */

const char *nt_runner_name(const struct nt_runner *r)
{
    return r->name;
}

bool nt_runner_is_for(const struct nt_runner *r, const struct nt_tdo *tdo)
{
    return !r->stopped && r->out.epoch == tdo->out.epoch;
}

/* The list that an administrator named; where it is empty, what was found stays. */
static void take_servers(struct nt_runner *r, const struct nt_servers *named)
{
    bool search = named->count == 0;
    bool same = r->search == search &&
                (search ||
                 (r->servers.count == named->count &&
                  memcmp(r->servers.list, named->list, named->count * sizeof named->list[0]) == 0));
    r->search = search;
    if (same)
        return;
    r->servers = *named;
    r->round = 0;
    r->located_ms = 0;
    memset(r->waits_ms, 0, sizeof r->waits_ms);
}

void nt_runner_located(struct nt_runner *r, const struct nt_located *located, uint64_t now_ms)
{
    r->locating = false;
    if (r->search) {
        nt_located_servers(located, &r->servers);
        memset(r->waits_ms, 0, sizeof r->waits_ms);
        nt_located_text(located, r->name, r->nowhere, sizeof r->nowhere);
        r->located_ms = located->count > 0 ? now_ms + LOCATED_MS : 0;
    }
    r->located_now = true;
    nt_runner_step(r, now_ms);
}

bool nt_runner_refresh(struct nt_runner *r, const struct nt_tdo *tdo)
{
    char why[128];
    struct nt_servers servers = { .count = 0 };
    r->allow_weak = tdo->allow_weak_crypto;
    if (strcmp(r->dns_name != NULL ? r->dns_name : "", tdo->dns_name) != 0) {
        char *dns_name = strdup(tdo->dns_name);
        if (dns_name != NULL) {
            free(r->dns_name);
            r->dns_name = dns_name;
            r->located_ms = 0;
        }
    }
    if (nt_servers_parse(tdo->servers, &servers, why, sizeof why))
        take_servers(r, &servers);
    else
        nt_log(NT_LOG_ERROR, "servers of a trust not understood trust=%s reason=%s", r->name, why);
    if (!nt_sid_is_null(&tdo->sid))
        r->sid = tdo->sid;
    if (!r->committing && nt_runner_is_for(r, tdo) && tdo->lease.number > r->number) {
        take_over(r, tdo);
        return true;
    }
    /* The directory may be as it was before our commit under way, or as it is after it. */
    bool ours = r->committing && tdo->out.change_wanted == r->storing.change_wanted &&
                tdo->out.next_check == r->storing.next_check;
    if (ours || !asks(&tdo->out, &r->seen))
        return false;
    r->seen = (struct seen){ tdo->out.change_wanted, tdo->out.next_check };
    r->asked_meanwhile = r->committing;
    nt_out_want_check(&r->out, nt_now(r->service->env));
    if (tdo->out.change_wanted)
        r->out.change_wanted = true;
    r->reopen = r->session.open;
    return true;
}

struct nt_runner *nt_runner_new(const struct nt_runner_config *config)
{
    struct nt_runner *r = calloc(1, sizeof *r);
    struct nt_dir *dir = nt_engine_dir(config->service->engine);
    const struct nt_tdo *tdo = nt_dir_tdo(dir, config->name);
    const struct nt_domain *domain = nt_dir_domain(dir);
    if (r != NULL && tdo != NULL && (tdo->direction & 2) != 0) {
        r->service = config->service;
        r->post = config->post;
        r->locate = config->locate;
        r->dns_name = strdup("");
        r->search = true;
        r->ctx = config->ctx;
        nt_random(r->service->env, &r->jitter, sizeof r->jitter);
        r->jitter |= 1;
        nt_random(r->service->env, r->identity, sizeof r->identity);
        r->shared = config->shared;
        r->name = strdup(tdo->name);
        r->own = strdup(domain->name);
        r->computer = strdup(nt_service_computer(r->service, dir));
        r->sid = tdo->sid;
        r->out = tdo->out;
        r->number = tdo->lease.number;
        r->lease = tdo->lease;
        r->seen = (struct seen){ tdo->out.change_wanted, tdo->out.next_check };
        (void)nt_runner_refresh(r, tdo);
        struct nt_out_when when = moment(r, dir);
        nt_out_resumed(&r->out, &when, nt_dir_count(dir, NT_KIND_TDO));
    }
    nt_dir_unref(dir);
    if (r != NULL &&
        (r->name == NULL || r->own == NULL || r->computer == NULL || r->dns_name == NULL)) {
        nt_runner_free(r);
        r = NULL;
    }
    return r;
}

bool nt_runner_stop(struct nt_runner *r)
{
    if (!r->stopped) {
        r->stopped = true;
        close_channel(r);
        size_t queued = r->queue_count, waiting = r->waiter_count;
        r->queue_count = r->waiter_count = 0;
        for (size_t i = 0; i < queued; i++)
            finish_stopped(r, r->queue[i]);
        for (size_t i = 0; i < waiting; i++)
            finish_stopped(r, r->waiters[i]);
        r->deadline_ms = UINT64_MAX;
    }
    return !r->committing;
}

void nt_runner_free(struct nt_runner *r)
{
    if (r == NULL)
        return;
    nt_channel_free(r->channel);
    nt_out_session_wipe(&r->session);
    free(r->name);
    free(r->own);
    free(r->computer);
    free(r->dns_name);
    nt_wipe(r, sizeof *r);
    free(r);
}
