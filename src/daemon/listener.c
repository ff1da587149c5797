#include "daemon/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

#define BACKLOG 1024
#define TICK_MS 1000
/* Connections whose memory is worth giving back to the system once they have closed. */
#define TRIM_AFTER 1000u
#define STASH_MAX  (256u * 1024) /* bytes received that the machine could not take yet */

/* One loop's share of a listener. */
struct share {
    struct nt_listener *listener;
    struct nt_loop *loop;
    uv_tcp_t sockets[NT_CONFIG_ADDRESSES];
    size_t socket_count;
    uv_timer_t tick;
    struct nt_stream *streams; /* all open ones */
    bool stopping;
};

struct nt_listener {
    struct nt_listener_config config;
    atomic_uint freed;               /* connections since their memory was given back */
    unsigned freed_then;             /* as it was at the last tick of the first loop */
    int (*fds)[NT_CONFIG_ADDRESSES]; /* a row for each loop; -1 once given away */
    size_t loop_count;
    struct share shares[];
};

struct nt_stream {
    uv_tcp_t tcp;
    struct share *share;
    struct nt_stream *next, **prev;
    struct sockaddr_storage peer;
    const struct nt_protocol *protocol;
    void *conn;          /* the protocol's */
    struct nt_buf stash; /* received, but not taken by the machine yet */
    bool reading, closing, serving;
};

static void serve(struct nt_stream *c);

bool nt_stream_ready(const struct nt_stream *c)
{
    return !c->closing && uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) == 0;
}

struct nt_loop *nt_stream_loop(const struct nt_stream *c)
{
    return c->share->loop;
}

void nt_stream_wake(struct nt_stream *c)
{
    if (!c->closing)
        serve(c);
}

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

/* --- the end of a connection --- */

static void on_closed(uv_handle_t *handle)
{
    struct nt_stream *c = handle->data;
    if (c->prev != NULL) {
        *c->prev = c->next;
        if (c->next != NULL)
            c->next->prev = c->prev;
        nt_clients_leave(c->share->listener->config.clients, &c->peer);
    }
    if (c->conn != NULL)
        c->protocol->close(c->conn);
    nt_buf_free(&c->stash);
    atomic_fetch_add_explicit(&c->share->listener->freed, 1, memory_order_relaxed);
    free(c);
}

static void stream_close(struct nt_stream *c, const char *why)
{
    if (c->closing)
        return;
    c->closing = true;
    if (why != NULL && *why != '\0') {
        char peer[80];
        address_text(&c->peer, peer, sizeof peer);
        nt_log(NT_LOG_INFO, "connection closed peer=%s reason=%s", peer, why);
    }
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* --- sending --- */

struct write {
    uv_write_t req;
    struct nt_stream *stream;
    char data[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;
    struct nt_stream *c = w->stream;
    free(w);
    if (status < 0 && !c->closing)
        stream_close(c, uv_strerror(status));
    else if (!c->closing)
        serve(c);
}

/* Sends what the machine has; closes an association that has ended. */
static void flush(struct nt_stream *c)
{
    const uint8_t *data;
    size_t len;
    while (!c->closing && (len = c->protocol->pending(c->conn, &data)) > 0) {
        union {
            const uint8_t *in;
            char *base;
        } u = { data }; /* libuv takes char *, and only reads */
        uv_buf_t buf = uv_buf_init(u.base, (unsigned)len);
        int sent = nt_stream_ready(c) ? uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) : UV_EAGAIN;
        if (sent > 0) {
            c->protocol->sent(c->conn, (size_t)sent);
            continue;
        }
        if (sent != UV_EAGAIN && sent < 0) {
            stream_close(c, uv_strerror(sent));
            return;
        }
        /* The peer does not read: keep a copy until it does; nothing more is served meanwhile. */
        struct write *w = malloc(sizeof *w + len);
        if (w == NULL) {
            stream_close(c, "out of memory");
            return;
        }
        w->stream = c;
        memcpy(w->data, data, len);
        c->protocol->sent(c->conn, len);
        buf = uv_buf_init(w->data, (unsigned)len);
        if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0) {
            free(w);
            stream_close(c, "cannot send");
            return;
        }
    }
    const char *why = "";
    if (!c->closing && c->protocol->closed(c->conn, &why) &&
        uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) == 0)
        stream_close(c, why);
}

/* --- receiving --- */

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct nt_stream *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->share->loop->read_buffer, sizeof c->share->loop->read_buffer);
}

/* Reads on only while the machine keeps up with what has come. */
static void read_or_wait(struct nt_stream *c)
{
    bool want = c->stash.len == 0;
    if (want && !c->reading)
        want = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
    else if (!want && c->reading)
        uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = want;
}

/* Serves all that has arrived, then sends all that came of it. */
static void serve(struct nt_stream *c)
{
    if (c->serving)
        return; /* the loop below, further out, goes on */
    c->serving = true;
    for (bool more = true; more && !c->closing;) {
        more = false;
        c->protocol->serve(c->conn);
        if (!c->closing && c->stash.len > 0) {
            size_t took = c->protocol->feed(c->conn, c->stash.data, c->stash.len,
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
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct nt_stream *c = stream->data;
    if (n == 0 || c->closing)
        return;
    if (n < 0) {
        stream_close(c, n == UV_EOF ? "" : uv_strerror((int)n));
        return;
    }
    size_t took = 0;
    if (c->stash.len == 0)
        took = c->protocol->feed(c->conn, (const uint8_t *)buf->base, (size_t)n,
                                 nt_loop_now(c->share->loop));
    if (took < (size_t)n) {
        nt_buf_put(&c->stash, buf->base + took, (size_t)n - took);
        if (c->stash.err != NT_OK) {
            stream_close(c, "too much received ahead of its turn");
            return;
        }
    }
    serve(c);
}

/* --- accepting --- */

/* Makes the protocol's state for an accepted socket; false: no memory. */
static bool stream_open(struct nt_stream *c)
{
    struct sockaddr_storage local;
    int len = sizeof local;
    char peer[80], here[80] = "?";
    address_text(&c->peer, peer, sizeof peer);
    if (uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&local, &len) == 0)
        address_text(&local, here, sizeof here);
    c->conn = c->protocol->open(c->share->listener->config.ctx, c, peer, here);
    return c->conn != NULL;
}

static void on_connection(uv_stream_t *socket, int status)
{
    struct share *s = socket->data;
    const struct nt_listener_config *config = &s->listener->config;
    if (status < 0) {
        nt_log(NT_LOG_WARN, "cannot accept port=%u reason=%s", config->port, uv_strerror(status));
        return;
    }
    struct nt_stream *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;
    c->share = s;
    c->protocol = config->protocol;
    nt_buf_init(&c->stash, STASH_MAX);
    uv_tcp_init(&s->loop->uv, &c->tcp);
    c->tcp.data = c;
    int len = sizeof c->peer;
    if (uv_accept(socket, (uv_stream_t *)&c->tcp) != 0 ||
        uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&c->peer, &len) != 0) {
        stream_close(c, "");
        return;
    }
    if (!nt_clients_enter(config->clients, &c->peer)) {
        char peer[80];
        address_text(&c->peer, peer, sizeof peer);
        nt_log(NT_LOG_WARN, "connection refused peer=%s reason=too many connections", peer);
        stream_close(c, "");
        return;
    }
    c->next = s->streams;
    c->prev = &s->streams;
    if (s->streams != NULL)
        s->streams->prev = &c->next;
    s->streams = c;
    if (!stream_open(c)) {
        stream_close(c, "out of memory");
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    read_or_wait(c);
}

/* Of many connections that have come and gone the C library keeps the memory; it is given back once
 * no more of them end, so that a busy time does not pay for it. */
static void trim(struct nt_listener *l)
{
    unsigned freed = atomic_load_explicit(&l->freed, memory_order_relaxed);
    if (freed >= TRIM_AFTER && freed == l->freed_then) {
        malloc_trim(0);
        atomic_fetch_sub_explicit(&l->freed, freed, memory_order_relaxed);
        freed = 0;
    }
    l->freed_then = freed;
}

/* Once a second: deadlines. */
static void on_tick(uv_timer_t *timer)
{
    struct share *s = timer->data;
    uint64_t now = nt_loop_now(s->loop);
    for (struct nt_stream *c = s->streams, *next; c != NULL; c = next) {
        next = c->next;
        if (c->closing || c->protocol->deadline(c->conn) > now)
            continue;
        if (!c->protocol->tick(c->conn, now))
            stream_close(c, "timeout");
        else
            serve(c);
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

static enum nt_err bind_address(struct nt_listener *l, size_t index, char *why, size_t why_size)
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
    int error = errno;
    snprintf(why, why_size, "cannot listen on port %u of %s: %s%s%s%s", l->config.port, text,
             strerror(error), error == EADDRINUSE ? ": another program has it" : "",
             error == EADDRINUSE ? l->config.rival : "",
             error == EADDRINUSE ? "; stop that one, or set another port or address in [listen]"
             : error == EACCES   ? ": ports below 1024 need root or CAP_NET_BIND_SERVICE"
                                 : "");
    return error == EACCES ? NT_E_DENIED : NT_E_IO;
}

enum nt_err nt_listener_bind(const struct nt_listener_config *config, size_t loop_count,
                             struct nt_listener **listener, char *why, size_t why_size)
{
    struct nt_listener *l = calloc(1, sizeof *l + loop_count * sizeof l->shares[0]);
    if (l == NULL)
        return NT_E_NOMEM;
    l->config = *config;
    l->loop_count = loop_count;
    atomic_init(&l->freed, 0);
    l->fds = malloc(loop_count * sizeof *l->fds);
    enum nt_err err = l->fds != NULL ? NT_OK : NT_E_NOMEM;
    for (size_t i = 0; l->fds != NULL && i < loop_count; i++)
        for (size_t a = 0; a < NT_CONFIG_ADDRESSES; a++)
            l->fds[i][a] = -1;
    for (size_t a = 0; err == NT_OK && a < config->config->address_count; a++)
        err = bind_address(l, a, why, why_size);
    if (err != NT_OK) {
        nt_listener_free(l);
        return err;
    }
    *listener = l;
    return NT_OK;
}

enum nt_err nt_listener_start(struct nt_listener *l, size_t index, struct nt_loop *loop)
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

void nt_listener_stop(struct nt_listener *l, size_t index)
{
    struct share *s = &l->shares[index];
    if (s->loop == NULL || s->stopping)
        return;
    s->stopping = true;
    for (size_t a = 0; a < s->socket_count; a++)
        uv_close((uv_handle_t *)&s->sockets[a], NULL);
    uv_close((uv_handle_t *)&s->tick, NULL);
    for (struct nt_stream *c = s->streams; c != NULL; c = c->next)
        stream_close(c, "");
}

void nt_listener_free(struct nt_listener *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; l->fds != NULL && i < l->loop_count; i++)
        for (size_t a = 0; a < NT_CONFIG_ADDRESSES; a++)
            if (l->fds[i][a] >= 0)
                close(l->fds[i][a]);
    free(l->fds);
    free(l);
}
