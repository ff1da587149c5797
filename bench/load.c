/* load.c - the clients' connections and steps; see load.h. */
#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "idl/netlogon.h"

#define STUBS   32u /* logon requests made beforehand for each client */
#define CALL_MS 30000
#define SOURCES                                                                                    \
    200u /* addresses 127.0.0.1 and on: closed connections keep their ports a minute               \
          */
#define OPENING_MAX 64u /* set-ups under way at once, ahead of a measurement */
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

static uint64_t now_ms(void)
{
    return load_now_ns() / 1000000u;
}

/* --- the connection --- */

static void watch(struct client *c, int op)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    if (c->connecting || c->want_write)
        e.events |= EPOLLOUT;
    if (epoll_ctl(c->load->epoll, op, c->fd, &e) != 0)
        load_die("epoll: %s", strerror(errno));
}

static void disconnect(struct client *c)
{
    nt_rpc_client_free(c->rpc);
    c->rpc = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void connect_to(struct client *c, struct nt_sec *sec)
{
    int one = 1;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(c->load->port) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + c->load->source++ % SOURCES);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        load_die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (const struct sockaddr *)&from, sizeof from) != 0)
        load_die("bind: %s", strerror(errno));
    if (connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        load_die("connect: %s", strerror(errno));
    struct nt_rpc_client_config config = {
        .iface = &ndr_netlogon,
        .sec = sec,
        .auth_type = sec != NULL ? NT_AUTH_SCHANNEL : NT_AUTH_NONE,
        .auth_level = sec != NULL ? NT_LEVEL_PRIVACY : NT_LEVEL_NONE,
        .bind_ms = CALL_MS,
    };
    c->rpc = nt_rpc_client_new(&config, now_ms());
    if (c->rpc == NULL)
        load_die("out of memory");
    c->connecting = true;
    c->want_write = false;
    watch(c, EPOLL_CTL_ADD);
}

static void flush(struct client *c)
{
    const uint8_t *data;
    size_t len;
    bool full = false;
    while (!c->connecting && !full && (len = nt_rpc_client_pending(c->rpc, &data)) > 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            load_die("send: %s", strerror(errno));
        full = n < 0;
        if (n > 0)
            nt_rpc_client_sent(c->rpc, (size_t)n);
    }
    if (full != c->want_write) {
        c->want_write = full;
        watch(c, EPOLL_CTL_MOD);
    }
}

/* --- steps --- */

static void call(struct client *c, uint16_t opnum, const uint8_t *stub, size_t len)
{
    uint32_t id;
    enum nt_err err = nt_rpc_client_call(c->rpc, opnum, stub, len, CALL_MS, now_ms(), &id);
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
    if (c->load->mode == LOAD_LOGONS) {
        size_t i = c->next_stub++ % STUBS;
        call(c, OPNUM_NetrLogonSamLogonEx, c->stubs[i], c->stub_lens[i]);
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
        disconnect(c);
        start(c);
        return;
    }
    l->opened++;
    if (l->opened + OPENING_MAX <= l->count)
        start(&l->clients[l->opened + OPENING_MAX - 1]);
    next_operation(c);
}

static void bound(struct client *c)
{
    size_t len;
    uint8_t *stub;
    if (c->step == STEP_BIND) {
        c->step = STEP_CHALLENGE;
        stub = load_challenge(c, &len);
        call_made(c, OPNUM_NetrServerReqChallenge, stub, len);
    } else {
        c->step = STEP_FIRST;
        stub = load_capabilities(c, &len);
        call_made(c, OPNUM_NetrLogonGetCapabilities, stub, len);
    }
}

static void bind_sealed(struct client *c)
{
    struct nt_schannel_client_config config = { .domain = c->load->domain,
                                                .computer = c->computer,
                                                .key = &c->chain.key,
                                                .crypto = c->chain.crypto,
                                                .env = nt_env_system() };
    disconnect(c);
    c->step = STEP_SEALED_BIND;
    connect_to(c, nt_sec_schannel_client(&config));
}

static void answered(struct client *c, const uint8_t *stub, size_t len)
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
    case STEP_CALL:
        if (c->load->mode == LOAD_LOGONS)
            load_take_logon(c, stub, len);
        else
            load_take_password(c, stub, len);
        finished(c);
        next_operation(c);
        return;
    case STEP_BIND:
    case STEP_SEALED_BIND:
        break;
    }
    load_die("an answer to no question");
}

static void serve(struct client *c)
{
    struct nt_rpc_client_event ev;
    /* A step may end this association and begin another, which has no events yet. */
    while (c->rpc != NULL && nt_rpc_client_next(c->rpc, &ev)) {
        switch (ev.kind) {
        case NT_RPC_BOUND:
            bound(c);
            break;
        case NT_RPC_RESPONSE:
            answered(c, ev.stub, ev.len);
            break;
        case NT_RPC_FAULT:
            load_die("%s: fault 0x%08X", c->computer, ev.fault);
        case NT_RPC_FAILED:
            load_die("%s: %s", c->computer, ev.why);
        }
    }
    flush(c);
}

static void on_event(struct client *c, uint32_t events)
{
    static uint8_t buffer[65536];
    if (c->connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int why = 0;
        socklen_t len = sizeof why;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0 || why != 0)
            load_die("connect: %s", strerror(why));
        c->connecting = false;
        watch(c, EPOLL_CTL_MOD);
    }
    if ((events & EPOLLIN) != 0) {
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            load_die("%s: the connection ended: %s", c->computer, n == 0 ? "" : strerror(errno));
        for (size_t taken = 0; n > 0 && taken < (size_t)n;) {
            size_t took = nt_rpc_client_feed(c->rpc, buffer + taken, (size_t)n - taken, now_ms());
            taken += took;
            if (taken < (size_t)n)
                load_die("%s: more than one answer at once", c->computer);
        }
    }
    serve(c);
}

static void start(struct client *c)
{
    c->step = STEP_BIND;
    c->begun_ns = load_now_ns();
    connect_to(c, NULL);
}

/* --- all of them --- */

static void make_stubs(struct client *c)
{
    c->stubs = calloc(STUBS, sizeof *c->stubs);
    c->stub_lens = calloc(STUBS, sizeof *c->stub_lens);
    if (c->stubs == NULL || c->stub_lens == NULL)
        load_die("out of memory");
    for (unsigned i = 0; i < STUBS; i++)
        c->stubs[i] = load_logon(c, (c->number * STUBS + i) % c->load->users, &c->stub_lens[i]);
}

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
            on_event(events[i].data.ptr, events[i].events);
    }
}

void load_end(struct load *l)
{
    for (unsigned i = 0; i < l->count; i++) {
        struct client *c = &l->clients[i];
        disconnect(c);
        for (unsigned k = 0; c->stubs != NULL && k < STUBS; k++)
            free(c->stubs[k]);
        free(c->stubs);
        free(c->stub_lens);
    }
    free(l->clients);
    free(l->latency_us);
    close(l->epoll);
}
