#include "daemon/rpc_listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/logon.h"

#define BACKLOG 1024
#define TICK_MS 1000
/* Connections whose memory is worth giving back to the system once they have closed. */
#define TRIM_AFTER 1000u
/* Calls and questions of one connection that may be parked at once; the association machine gives
 * one at a time unless the client multiplexes. */
#define STASH_MAX (256u * 1024) /* bytes received that the machine could not take yet */

struct conn;

/* One loop's share of a listener. */
struct share {
    struct nt_rpc_listener *listener;
    struct nt_loop *loop;
    uv_tcp_t sockets[NT_CONFIG_ADDRESSES];
    size_t socket_count;
    uv_timer_t tick;
    struct conn *conns; /* all open ones */
    bool stopping;
};

struct nt_rpc_listener {
    struct nt_rpc_listener_config config;
    struct nt_token *anonymous;
    char secondary[8];
    atomic_uint next_group;
    atomic_uint parked;              /* calls and questions in progress, of all loops */
    atomic_uint freed;               /* connections since their memory was given back */
    unsigned freed_then;             /* as it was at the last tick of the first loop */
    int (*fds)[NT_CONFIG_ADDRESSES]; /* a row for each loop; -1 once given away */
    size_t loop_count;
    struct share shares[];
};

struct conn {
    uv_tcp_t tcp;
    struct share *share;
    struct conn *next, **prev;
    struct sockaddr_storage peer;
    struct nt_rpc_server *rpc;
    struct nt_conn *state;
    struct nt_buf stash; /* received, but not taken by the machine yet */
    unsigned parked;     /* calls and questions that are not finished */
    bool reading, closing, closed, serving;
};

/* A call or a question, alive until it is answered, also when its connection is not. */
struct task {
    struct nt_post post;
    struct conn *conn;
    uint32_t id; /* call id or ask id */
    struct nt_call call;
    struct nt_ask ask;
};

static void serve_events(struct conn *c);
static void conn_close(struct conn *c, const char *why);

/* --- the end of a connection --- */

static void conn_free(struct conn *c)
{
    nt_rpc_server_free(c->rpc);
    nt_conn_free(c->state);
    nt_buf_free(&c->stash);
    atomic_fetch_add_explicit(&c->share->listener->freed, 1, memory_order_relaxed);
    free(c);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    nt_clients_leave(c->share->listener->config.clients, &c->peer);
    *c->prev = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    c->closed = true;
    if (c->parked == 0)
        conn_free(c);
}

static void conn_close(struct conn *c, const char *why)
{
    if (c->closing)
        return;
    c->closing = true;
    if (why != NULL && *why != '\0')
        nt_log(NT_LOG_INFO, "connection closed peer=%s reason=%s", nt_conn_peer(c->state), why);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void park(struct conn *c)
{
    c->parked++;
    assert(c->parked > 0);
    atomic_fetch_add(&c->share->listener->parked, 1);
}

static void unpark(struct conn *c)
{
    c->parked--;
    atomic_fetch_sub(&c->share->listener->parked, 1);
#ifndef __clang_analyzer__ /* it cannot count, and sees the connection freed too early */
    if (c->closed && c->parked == 0)
        conn_free(c);
#endif
}

/* --- sending --- */

struct write {
    uv_write_t req;
    struct conn *conn;
    char data[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;
    struct conn *c = w->conn;
    free(w);
    if (status < 0 && !c->closing)
        conn_close(c, uv_strerror(status));
    else if (!c->closing)
        serve_events(c);
}

/* Sends what the machine has; closes an association that has ended. */
static void flush(struct conn *c)
{
    const uint8_t *data;
    size_t len;
    while (!c->closing && (len = nt_rpc_server_pending(c->rpc, &data)) > 0) {
        union {
            const uint8_t *in;
            char *base;
        } u = { data }; /* libuv takes char *, and only reads */
        uv_buf_t buf = uv_buf_init(u.base, (unsigned)len);
        int sent = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) == 0
                       ? uv_try_write((uv_stream_t *)&c->tcp, &buf, 1)
                       : UV_EAGAIN;
        if (sent > 0) {
            nt_rpc_server_sent(c->rpc, (size_t)sent);
            continue;
        }
        if (sent != UV_EAGAIN && sent < 0) {
            conn_close(c, uv_strerror(sent));
            return;
        }
        /* The peer does not read: keep a copy until it does; nothing more is served meanwhile. */
        struct write *w = malloc(sizeof *w + len);
        if (w == NULL) {
            conn_close(c, "out of memory");
            return;
        }
        w->conn = c;
        memcpy(w->data, data, len);
        nt_rpc_server_sent(c->rpc, len);
        buf = uv_buf_init(w->data, (unsigned)len);
        if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0) {
            free(w);
            conn_close(c, "cannot send");
            return;
        }
    }
    const char *why = "";
    if (!c->closing && nt_rpc_server_closed(c->rpc, &why) &&
        uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) == 0)
        conn_close(c, why);
}

/* --- calls --- */

/* False: parked; the task goes on later. Otherwise it is gone, and its park is the caller's. */
static bool finish_call(struct task *t, enum nt_serve how)
{
    struct conn *c = t->conn;
    if (how == NT_SERVE_PENDING)
        return false;
    if (!c->closed) {
        enum nt_err err =
            how == NT_SERVE_REPLY
                ? nt_rpc_server_reply(c->rpc, t->id, t->call.out.data, t->call.out.len)
                : nt_rpc_server_fault(c->rpc, t->id, t->call.fault);
        if (err != NT_OK && err != NT_E_NOT_FOUND)
            conn_close(c, nt_err_text(err));
    }
    nt_token_unref(t->call.token);
    nt_call_free(&t->call);
    free(t);
    return true;
}

static void continue_call(struct nt_post *post)
{
    struct task *t = (struct task *)post;
    struct conn *c = t->conn;
    assert(c->parked > 0); /* by this very task */
    bool done = finish_call(t, nt_service_continue(&t->call));
    if (!c->closing)
        serve_events(c);
    if (done)      /* the count kept c so far, which the analyzer cannot follow */
        unpark(c); // NOLINT(clang-analyzer-unix.Malloc)
}

static void resume_call(struct nt_call *call)
{
    struct task *t = call->owner;
    nt_loop_post(t->conn->share->loop, &t->post);
}

static void start_call(struct conn *c, const struct nt_rpc_event *ev)
{
    struct nt_rpc_listener *l = c->share->listener;
    struct task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        if (nt_rpc_server_fault(c->rpc, ev->call_id, NT_FAULT_NO_MEMORY) != NT_OK)
            conn_close(c, "out of memory");
        return;
    }
    t->post.run = continue_call;
    t->conn = c;
    t->id = ev->call_id;
    nt_call_init(&t->call, l->config.service, c->state);
    t->call.iface = ev->iface;
    t->call.opnum = ev->opnum;
    t->call.auth_type = ev->auth_type;
    t->call.auth_level = ev->auth_level;
    t->call.token = nt_token_ref(ev->caller != NULL ? ev->caller : l->anonymous);
    t->call.session_key = ev->session_key;
    t->call.resume = resume_call;
    t->call.owner = t;
    park(c);
    if (finish_call(t, nt_service_serve(&t->call, ev->big_endian, ev->stub, ev->len)))
        unpark(c);
}

/* --- questions of security contexts --- */

static void finish_ask(struct task *t)
{
    struct conn *c = t->conn;
    if (!c->closed) {
        if (nt_rpc_server_answer(c->rpc, t->id, &t->ask.answer) == NT_OK)
            t->ask.answer.caller = NULL; /* the association has it now */
        else
            conn_close(c, "");
    }
    nt_ask_free(&t->ask);
    free(t);
}

static void continue_ask(struct nt_post *post)
{
    struct task *t = (struct task *)post;
    struct conn *c = t->conn;
    assert(c->parked > 0); /* by this very task */
    finish_ask(t);
    if (!c->closing)
        serve_events(c);
    unpark(c);
}

static void on_ask_done(struct nt_ask *ask)
{
    struct task *t = ask->owner;
    nt_loop_post(t->conn->share->loop, &t->post);
}

static void start_ask(struct conn *c, const struct nt_rpc_event *ev)
{
    struct task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        conn_close(c, "out of memory");
        return;
    }
    t->post.run = continue_ask;
    t->conn = c;
    t->id = ev->ask_id;
    nt_ask_init(&t->ask, c->share->listener->config.service, nt_conn_peer(c->state));
    t->ask.done = on_ask_done;
    t->ask.owner = t;
    park(c);
    if (nt_ask_start(&t->ask, ev->question)) {
        finish_ask(t);
        unpark(c);
    }
}

static void give_back_caller(void *ctx, void *caller)
{
    (void)ctx;
    nt_token_unref(caller);
}

/* --- receiving --- */

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->share->loop->read_buffer, sizeof c->share->loop->read_buffer);
}

/* Reads on only while the machine keeps up with what has come. */
static void read_or_wait(struct conn *c)
{
    bool want = c->stash.len == 0;
    if (want && !c->reading)
        want = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
    else if (!want && c->reading)
        uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = want;
}

/* Serves all that has arrived, then sends all that came of it. */
static void serve_events(struct conn *c)
{
    if (c->serving)
        return; /* the loop below, further out, goes on */
    c->serving = true;
    park(c);
    for (bool more = true; more && !c->closing;) {
        struct nt_rpc_event ev;
        more = false;
        while (!c->closing && uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) == 0 &&
               nt_rpc_server_next(c->rpc, &ev)) {
            if (ev.kind == NT_RPC_CALL)
                start_call(c, &ev);
            else
                start_ask(c, &ev);
        }
        if (!c->closing && c->stash.len > 0) {
            size_t took = nt_rpc_server_feed(c->rpc, c->stash.data, c->stash.len,
                                             nt_loop_now(c->share->loop));
            nt_buf_drop(&c->stash, took);
            if (c->stash.len == 0)
                nt_buf_free(&c->stash);
            more = took > 0;
        }
    }
    c->serving = false;
    if (!c->closing)
        flush(c);
    if (!c->closing)
        read_or_wait(c);
    unpark(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n == 0 || c->closing)
        return;
    if (n < 0) {
        conn_close(c, n == UV_EOF ? "" : uv_strerror((int)n));
        return;
    }
    size_t took = 0;
    if (c->stash.len == 0)
        took = nt_rpc_server_feed(c->rpc, (const uint8_t *)buf->base, (size_t)n,
                                  nt_loop_now(c->share->loop));
    if (took < (size_t)n) {
        nt_buf_put(&c->stash, buf->base + took, (size_t)n - took);
        if (c->stash.err != NT_OK) {
            conn_close(c, "too much received ahead of its turn");
            return;
        }
    }
    serve_events(c);
}

/* --- accepting --- */

static void address_text(const struct sockaddr_storage *sa, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (sa->ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, sa, sizeof in);
        inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(in.sin6_port));
    } else {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(in.sin_port));
    }
}

static struct nt_sec *make_sec(void *ctx, enum nt_auth_type type)
{
    struct nt_service *s = ctx;
    if (type == NT_AUTH_SCHANNEL)
        return nt_sec_schannel_server(s->env);
    if (type != NT_AUTH_NTLM && type != NT_AUTH_SPNEGO)
        return NULL;
    struct nt_dir *dir = nt_engine_dir(s->engine);
    const struct nt_domain *domain = nt_dir_domain(dir);
    struct nt_sec *sec =
        nt_sec_ntlm_server(&(struct nt_ntlm_server_config){ .domain = domain->name,
                                                            .computer = domain->computer,
                                                            .dns_domain = domain->dns_name,
                                                            .dns_computer = "",
                                                            .env = s->env });
    nt_dir_unref(dir);
    if (sec == NULL || type == NT_AUTH_NTLM)
        return sec;
    return nt_sec_spnego_server(sec); /* takes sec over, also on failure */
}

/* Makes machine and state for an accepted socket; false: no memory. */
static bool conn_open(struct conn *c)
{
    struct nt_rpc_listener *l = c->share->listener;
    struct sockaddr_storage local;
    int len = sizeof local;
    char peer[80], here[80] = "?";
    address_text(&c->peer, peer, sizeof peer);
    if (uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&local, &len) == 0)
        address_text(&local, here, sizeof here);
    c->state = nt_conn_new(l->config.service, peer, here);
    uint32_t group = atomic_fetch_add(&l->next_group, 1) & 0x7FFFFFFF;
    struct nt_rpc_server_config config = {
        .ifaces = l->config.ifaces,
        .iface_count = l->config.iface_count,
        .secondary_address = l->secondary,
        .assoc_group = group != 0 ? group : 1,
        .make_sec = make_sec,
        .ctx = l->config.service,
        .caller_free = give_back_caller,
        .limits = nt_rpc_limits_default,
    };
    config.limits.idle_ms = l->config.config->idle_timeout_s * 1000;
    config.limits.auth_ms = l->config.config->handshake_timeout_s * 1000;
    c->rpc = nt_rpc_server_new(&config, nt_loop_now(c->share->loop));
    return c->state != NULL && c->rpc != NULL;
}

static void on_refused(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    conn_free(c);
}

static void on_connection(uv_stream_t *socket, int status)
{
    struct share *s = socket->data;
    if (status < 0) {
        nt_log(NT_LOG_WARN, "cannot accept port=%u reason=%s", s->listener->config.port,
               uv_strerror(status));
        return;
    }
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;
    c->share = s;
    nt_buf_init(&c->stash, STASH_MAX);
    uv_tcp_init(&s->loop->uv, &c->tcp);
    c->tcp.data = c;
    int len = sizeof c->peer;
    if (uv_accept(socket, (uv_stream_t *)&c->tcp) != 0 ||
        uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&c->peer, &len) != 0) {
        uv_close((uv_handle_t *)&c->tcp, on_refused);
        return;
    }
    if (!nt_clients_enter(s->listener->config.clients, &c->peer)) {
        char peer[80];
        address_text(&c->peer, peer, sizeof peer);
        nt_log(NT_LOG_WARN, "connection refused peer=%s reason=too many connections", peer);
        uv_close((uv_handle_t *)&c->tcp, on_refused);
        return;
    }
    if (!conn_open(c)) {
        nt_clients_leave(s->listener->config.clients, &c->peer);
        uv_close((uv_handle_t *)&c->tcp, on_refused);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    c->next = s->conns;
    c->prev = &s->conns;
    if (s->conns != NULL)
        s->conns->prev = &c->next;
    s->conns = c;
    read_or_wait(c);
}

/* Of many connections that have come and gone the C library keeps the memory; it is given back once
 * no more of them end, so that a busy time does not pay for it. */
static void trim(struct nt_rpc_listener *l)
{
    unsigned freed = atomic_load_explicit(&l->freed, memory_order_relaxed);
    if (freed >= TRIM_AFTER && freed == l->freed_then) {
        malloc_trim(0);
        atomic_fetch_sub_explicit(&l->freed, freed, memory_order_relaxed);
        freed = 0;
    }
    l->freed_then = freed;
}

/* Once a second: deadlines, and reading again where it had to stop. */
static void on_tick(uv_timer_t *timer)
{
    struct share *s = timer->data;
    uint64_t now = nt_loop_now(s->loop);
    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        if (c->closing)
            continue;
        if (nt_rpc_server_deadline(c->rpc) <= now && nt_rpc_server_tick(c->rpc, now) != NT_OK)
            conn_close(c, "timeout");
    }
    if (s == s->listener->shares)
        trim(s->listener);
}

/* --- binding, starting and stopping --- */

static bool make_address(const char *text, uint16_t port, struct sockaddr_storage *sa)
{
    memset(sa, 0, sizeof *sa);
    return uv_ip4_addr(text, port, (struct sockaddr_in *)sa) == 0 ||
           uv_ip6_addr(text, port, (struct sockaddr_in6 *)sa) == 0;
}

/* share_port: several of our own sockets, one a loop. Without it another process on the port shows
 * as an error, which is why each address is first tried so. */
static int bind_one(const struct sockaddr_storage *sa, bool share_port)
{
    int one = 1;
    int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (share_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        (sa->ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
        bind(fd, (const struct sockaddr *)sa, sizeof *sa) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static enum nt_err bind_address(struct nt_rpc_listener *l, size_t index, char *why, size_t why_size)
{
    const char *text = l->config.config->address[index];
    struct sockaddr_storage sa;
    int fd = -1;
    if (make_address(text, l->config.port, &sa) && (fd = bind_one(&sa, false)) >= 0) {
        close(fd);
        for (size_t i = 0; i < l->loop_count; i++) {
            fd = l->fds[i][index] = bind_one(&sa, true);
            if (fd < 0)
                break;
        }
    }
    if (fd >= 0)
        return NT_OK;
    snprintf(why, why_size, "cannot listen on port %u of %s: %s%s", l->config.port, text,
             strerror(errno),
             errno == EADDRINUSE ? ": another program has it; stop that one, or set another port "
                                   "in [listen]"
             : errno == EACCES   ? ": ports below 1024 need root or CAP_NET_BIND_SERVICE"
                                 : "");
    return errno == EACCES ? NT_E_DENIED : NT_E_IO;
}

enum nt_err nt_rpc_listener_bind(const struct nt_rpc_listener_config *config, size_t loop_count,
                                 struct nt_rpc_listener **listener, char *why, size_t why_size)
{
    struct nt_rpc_listener *l = calloc(1, sizeof *l + loop_count * sizeof l->shares[0]);
    if (l == NULL)
        return NT_E_NOMEM;
    l->config = *config;
    l->loop_count = loop_count;
    atomic_init(&l->next_group, 1);
    atomic_init(&l->parked, 0);
    atomic_init(&l->freed, 0);
    snprintf(l->secondary, sizeof l->secondary, "%u", config->port);
    l->fds = malloc(loop_count * sizeof *l->fds);
    l->anonymous = nt_token_anonymous();
    enum nt_err err = l->fds != NULL && l->anonymous != NULL ? NT_OK : NT_E_NOMEM;
    for (size_t i = 0; l->fds != NULL && i < loop_count; i++)
        for (size_t a = 0; a < NT_CONFIG_ADDRESSES; a++)
            l->fds[i][a] = -1;
    for (size_t a = 0; err == NT_OK && a < config->config->address_count; a++)
        err = bind_address(l, a, why, why_size);
    if (err != NT_OK) {
        nt_rpc_listener_free(l);
        return err;
    }
    *listener = l;
    return NT_OK;
}

enum nt_err nt_rpc_listener_start(struct nt_rpc_listener *l, size_t index, struct nt_loop *loop)
{
    struct share *s = &l->shares[index];
    s->listener = l;
    s->loop = loop;
    for (size_t a = 0; a < l->config.config->address_count; a++) {
        uv_tcp_t *tcp = &s->sockets[a];
        uv_tcp_init(&loop->uv, tcp);
        tcp->data = s;
        s->socket_count++;
        if (uv_tcp_open(tcp, l->fds[index][a]) != 0)
            return NT_E_IO;
        l->fds[index][a] = -1;
        if (uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection) != 0)
            return NT_E_IO;
    }
    uv_timer_init(&loop->uv, &s->tick);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    return NT_OK;
}

void nt_rpc_listener_stop(struct nt_rpc_listener *l, size_t index)
{
    struct share *s = &l->shares[index];
    if (s->loop == NULL || s->stopping)
        return;
    s->stopping = true;
    for (size_t a = 0; a < s->socket_count; a++)
        uv_close((uv_handle_t *)&s->sockets[a], NULL);
    uv_close((uv_handle_t *)&s->tick, NULL);
    for (struct conn *c = s->conns; c != NULL; c = c->next)
        conn_close(c, "");
}

unsigned nt_rpc_listener_parked(struct nt_rpc_listener *l)
{
    return atomic_load(&l->parked);
}

void nt_rpc_listener_free(struct nt_rpc_listener *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; l->fds != NULL && i < l->loop_count; i++)
        for (size_t a = 0; a < NT_CONFIG_ADDRESSES; a++)
            if (l->fds[i][a] >= 0)
                close(l->fds[i][a]);
    free(l->fds);
    nt_token_unref(l->anonymous);
    free(l);
}
