/* load.c - the clients' steps; see load.h. */
#include "bench/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"

#define STUBS       32u /* requests made beforehand for each client */
#define OPENING_MAX 16u /* set-ups under way at once, ahead of a measurement */
#define EVENTS      256

static void start(struct client *c);

void load_die(const char *fmt, ...)
{
    va_list ap;
    fputs("bench_netlogon: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

uint64_t load_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- steps --- */

/* For a lookup they need the policy's handle. */
static void make_stubs(struct client *c)
{
    c->stubs = calloc(STUBS, sizeof *c->stubs);
    c->stub_lens = calloc(STUBS, sizeof *c->stub_lens);
    if (c->stubs == NULL || c->stub_lens == NULL)
        load_die("out of memory");
    for (unsigned i = 0; i < STUBS; i++) {
        unsigned user = (c->number * STUBS + i) % c->load->users;
        c->stubs[i] = c->load->mode == LOAD_LOGONS ? load_logon(c, user, &c->stub_lens[i])
                                                   : load_lookup(c, user, &c->stub_lens[i]);
    }
}

static void call(struct client *c, uint16_t opnum, const uint8_t *stub, size_t len)
{
    uint32_t id;
    enum nt_err err =
        nt_rpc_client_call(c->rpc, opnum, stub, len, LOAD_CALL_MS, load_now_ns() / 1000000u, &id);
    if (err != NT_OK)
        load_die("call %u: %s", opnum, nt_err_text(err));
}

static void call_made(struct client *c, uint16_t opnum, uint8_t *stub, size_t len)
{
    call(c, opnum, stub, len);
    free(stub);
}

static void finished(struct client *c)
{
    struct load *l = c->load;
    uint64_t now = load_now_ns();
    if (!l->measuring)
        return;
    if (l->done < l->latency_room)
        l->latency_us[l->done] = (uint32_t)((now - c->begun_ns) / 1000u);
    l->done++;
}

/* The next operation over an open channel. */
static void next_operation(struct client *c)
{
    size_t len;
    c->begun_ns = load_now_ns();
    c->step = STEP_CALL;
    if (c->stubs != NULL) {
        size_t i = c->next_stub++ % STUBS;
        bool logon = c->load->mode == LOAD_LOGONS;
        call(c, logon ? OPNUM_NetrLogonSamLogonEx : OPNUM_LsarLookupNames, c->stubs[i],
             c->stub_lens[i]);
    } else if (c->load->mode == LOAD_CHANGES) {
        uint8_t *stub = load_password(c, &len);
        call_made(c, OPNUM_NetrServerPasswordSet2, stub, len);
    }
}

static void opened(struct client *c)
{
    struct load *l = c->load;
    if (l->mode == LOAD_SETUPS) {
        finished(c);
        load_disconnect(c);
        start(c);
        return;
    }
    l->opened++;
    if (l->opened + OPENING_MAX <= l->count)
        start(&l->clients[l->opened + OPENING_MAX - 1]);
    next_operation(c);
}

void load_bound(struct client *c)
{
    size_t len;
    uint8_t *stub;
    switch (c->step) {
    case STEP_BIND:
        c->step = STEP_CHALLENGE;
        stub = load_challenge(c, &len);
        call_made(c, OPNUM_NetrServerReqChallenge, stub, len);
        return;
    case STEP_SEALED_BIND:
        c->step = STEP_FIRST;
        stub = load_capabilities(c, &len);
        call_made(c, OPNUM_NetrLogonGetCapabilities, stub, len);
        return;
    case STEP_POLICY_BIND:
        c->step = STEP_POLICY;
        stub = load_policy(&len);
        call_made(c, OPNUM_LsarOpenPolicy2, stub, len);
        return;
    case STEP_CHALLENGE:
    case STEP_AUTHENTICATE:
    case STEP_FIRST:
    case STEP_POLICY:
    case STEP_CALL:
        load_die("a bind is answered that was not made");
    }
}

static void bind_sealed(struct client *c)
{
    struct nt_schannel_client_config config = { .domain = c->load->domain,
                                                .computer = c->computer,
                                                .key = &c->chain.key,
                                                .crypto = c->chain.crypto,
                                                .env = nt_env_system() };
    c->step = STEP_SEALED_BIND;
    load_bind(c, &ndr_netlogon, nt_sec_schannel_client(&config));
}

static void operation_answered(struct client *c, const uint8_t *stub, size_t len)
{
    if (c->load->mode == LOAD_LOGONS)
        load_take_logon(c, stub, len);
    else if (c->load->mode == LOAD_LOOKUPS)
        load_take_lookup(c, stub, len);
    else
        load_take_password(c, stub, len);
    finished(c);
    next_operation(c);
}

void load_answered(struct client *c, const uint8_t *stub, size_t len)
{
    switch (c->step) {
    case STEP_CHALLENGE: {
        load_take_challenge(c, stub, len);
        c->step = STEP_AUTHENTICATE;
        uint8_t *next = load_authenticate(c, &len);
        call_made(c, OPNUM_NetrServerAuthenticate3, next, len);
        return;
    }
    case STEP_AUTHENTICATE:
        load_take_authenticate(c, stub, len);
        bind_sealed(c);
        return;
    case STEP_FIRST:
        load_take_capabilities(c, stub, len);
        opened(c);
        return;
    case STEP_POLICY:
        load_take_policy(c, stub, len);
        make_stubs(c);
        opened(c);
        return;
    case STEP_CALL:
        operation_answered(c, stub, len);
        return;
    case STEP_BIND:
    case STEP_SEALED_BIND:
    case STEP_POLICY_BIND:
        break;
    }
    load_die("an answer to no question");
}

static void begin_channel(struct client *c)
{
    c->step = STEP_BIND;
    load_bind(c, &ndr_netlogon, NULL);
}

void load_session_ready(struct client *c)
{
    if (c->load->mode == LOAD_SESSIONS) {
        opened(c);
    } else if (c->load->mode == LOAD_LOOKUPS) {
        c->step = STEP_POLICY_BIND;
        load_bind(c, &ndr_lsarpc, NULL);
    } else {
        begin_channel(c);
    }
}

static void start(struct client *c)
{
    c->begun_ns = load_now_ns();
    if (c->load->session_users != 0)
        load_session(c);
    else
        begin_channel(c);
}

/* --- all of them --- */

void load_begin(struct load *l, unsigned first, unsigned count)
{
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->clients = calloc(count, sizeof *l->clients);
    if (l->epoll < 0 || l->clients == NULL)
        load_die("cannot begin: %s", strerror(errno));
    l->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct client *c = &l->clients[i];
        char account[32];
        c->load = l;
        c->number = first + i;
        c->fd = -1;
        snprintf(c->computer, sizeof c->computer, LOAD_COMPUTER, c->number);
        snprintf(account, sizeof account, "%s$", c->computer);
        load_hash(account, &c->hash);
        if (l->mode == LOAD_LOGONS)
            make_stubs(c);
    }
    for (unsigned i = 0; i < count && i < OPENING_MAX; i++)
        start(&l->clients[i]);
}

void load_run(struct load *l, uint64_t until_ns, bool all_open)
{
    struct epoll_event events[EVENTS];
    for (uint64_t now; (now = load_now_ns()) < until_ns;) {
        if (all_open && l->opened == l->count)
            return;
        int n = epoll_wait(l->epoll, events, EVENTS, (int)((until_ns - now) / 1000000u) + 1);
        for (int i = 0; i < n; i++)
            load_on_event(events[i].data.ptr, events[i].events);
    }
}

void load_end(struct load *l)
{
    for (unsigned i = 0; i < l->count; i++) {
        struct client *c = &l->clients[i];
        load_disconnect(c);
        for (unsigned k = 0; c->stubs != NULL && k < STUBS; k++)
            free(c->stubs[k]);
        free(c->stubs);
        free(c->stub_lens);
    }
    free(l->clients);
    free(l->latency_us);
    close(l->epoll);
}
