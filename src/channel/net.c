#include "channel/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One attempt at a connection: name look-up, then each address in turn. Lives until libuv has let
 * go of all its parts, also when the net that made it has gone on. */
struct attempt {
    struct nt_net *net; /* NULL: given up */
    uv_getaddrinfo_t look_up;
    uv_connect_t connect;
    uv_tcp_t tcp;
    struct addrinfo *addresses, *next;
    int why; /* of the last address that failed */
    bool tcp_open, resolving, connecting, connected;
    char buffer[16384];
};

struct nt_net {
    uv_loop_t *loop;
    void (*progress)(void *ctx);
    void *ctx;
    struct nt_link *link;
    struct attempt *attempt;
    unsigned number; /* the link's wish that the attempt is for */
    uv_timer_t timer;
    bool freed, in_progress;
    bool again; /* something happened that `progress` has not been called for */
};

static void step(struct nt_net *net);
static void try_next(struct attempt *a, int why);

/* --- the end of an attempt --- */

static void attempt_release(struct attempt *a)
{
    if (a->resolving || a->connecting || a->tcp_open)
        return;
    if (a->addresses != NULL)
        uv_freeaddrinfo(a->addresses);
    explicit_bzero(a->buffer, sizeof a->buffer);
    free(a);
}

static void on_tcp_closed(uv_handle_t *handle)
{
    struct attempt *a = handle->data;
    a->tcp_open = false;
    if (a->net != NULL)
        try_next(a, 0);
    else
        attempt_release(a);
}

static void attempt_give_up(struct attempt *a)
{
    a->net = NULL;
    if (a->resolving)
        uv_cancel((uv_req_t *)&a->look_up); /* its callback releases */
    if (a->tcp_open && !uv_is_closing((uv_handle_t *)&a->tcp))
        uv_close((uv_handle_t *)&a->tcp, on_tcp_closed);
    attempt_release(a);
}

/* --- connecting --- */

static ntstatus status_of(int uv_err)
{
    switch (uv_err) {
    case UV_ECONNREFUSED:
        return NT_STATUS(CONNECTION_REFUSED);
    case UV_ENETUNREACH:
    case UV_ENETDOWN:
        return NT_STATUS(NETWORK_UNREACHABLE);
    case UV_EHOSTUNREACH:
        return NT_STATUS(HOST_UNREACHABLE);
    case UV_ETIMEDOUT:
        return NT_STATUS(IO_TIMEOUT);
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_AGAIN:
    case UV_EAI_FAIL:
        return NT_STATUS(DOMAIN_CONTROLLER_NOT_FOUND);
    default:
        return NT_STATUS(CONNECTION_ABORTED);
    }
}

static void lost(struct attempt *a, int uv_err)
{
    struct nt_net *net = a->net;
    net->attempt = NULL;
    attempt_give_up(a);
    if (uv_err == UV_EOF)
        nt_link_lost(net->link, NT_STATUS(CONNECTION_ABORTED), "the peer closed the connection");
    else
        nt_link_lost(net->link, status_of(uv_err), uv_strerror(uv_err));
    step(net);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct attempt *a = handle->data;
    (void)suggested;
    *buf = uv_buf_init(a->buffer, sizeof a->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct attempt *a = stream->data;
    if (a->net == NULL || n == 0)
        return;
    if (n < 0) {
        lost(a, (int)n);
        return;
    }
    nt_link_feed(a->net->link, (const uint8_t *)buf->base, (size_t)n, uv_now(a->net->loop));
    step(a->net);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct attempt *a = req->data;
    a->connecting = false;
    if (a->net == NULL) {
        attempt_release(a);
        return;
    }
    if (status < 0) {
        try_next(a, status);
        return;
    }
    a->connected = true;
    uv_tcp_nodelay(&a->tcp, 1);
    if (uv_read_start((uv_stream_t *)&a->tcp, on_alloc, on_read) != 0) {
        lost(a, UV_ECONNABORTED);
        return;
    }
    nt_link_connected(a->net->link, uv_now(a->net->loop));
    step(a->net);
}

/* The next address; the handle of the one before is closed first. why: 0 or what failed. */
static void try_next(struct attempt *a, int why)
{
    struct nt_net *net = a->net;
    if (why != 0)
        a->why = why;
    if (a->next == NULL) {
        lost(a, a->why);
        return;
    }
    if (a->tcp_open) {
        uv_close((uv_handle_t *)&a->tcp, on_tcp_closed); /* which comes back here */
        return;
    }
    struct addrinfo *to = a->next;
    a->next = to->ai_next;
    int err = uv_tcp_init(net->loop, &a->tcp);
    if (err != 0) {
        lost(a, err);
        return;
    }
    a->tcp_open = true;
    a->tcp.data = a;
    a->connect.data = a;
    err = uv_tcp_connect(&a->connect, &a->tcp, to->ai_addr, on_connected);
    a->connecting = err == 0;
    if (err != 0) /* as for an IPv6 address where there is no IPv6 */
        try_next(a, err);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct attempt *a = req->data;
    a->resolving = false;
    a->addresses = res;
    a->next = res;
    if (a->net == NULL)
        attempt_release(a);
    else if (status < 0)
        lost(a, status);
    else
        try_next(a, 0);
}

static bool is_address(const char *host, const char *service, struct addrinfo **out)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_family = AF_UNSPEC,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    return getaddrinfo(host, service, &hints, out) == 0;
}

static void connect_to(struct nt_net *net, const char *host, uint16_t port)
{
    char service[8];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
    struct attempt *a = calloc(1, sizeof *a);
    net->again = true; /* a failure right here is told in a step of its own */
    if (a == NULL) {
        nt_link_lost(net->link, NT_STATUS(NO_MEMORY), "out of memory");
        return;
    }
    snprintf(service, sizeof service, "%u", port);
    a->net = net;
    a->look_up.data = a;
    net->attempt = a;
    if (is_address(host, service, &a->addresses)) { /* no thread has to look that up */
        a->next = a->addresses;
        net->again = false;
        try_next(a, 0);
        return;
    }
    int err = uv_getaddrinfo(net->loop, &a->look_up, on_resolved, host, service, &hints);
    if (err != 0) {
        net->attempt = NULL;
        a->net = NULL;
        attempt_release(a);
        nt_link_lost(net->link, status_of(err), uv_strerror(err));
        return;
    }
    a->resolving = true;
    net->again = false;
}

/* --- moving --- */

struct write {
    uv_write_t req;
    char data[];
};

static void on_written(uv_write_t *req, int status)
{
    (void)status; /* a failure shows on the reading side too */
    free(req);
}

static void flush(struct nt_net *net)
{
    const uint8_t *data;
    size_t len;
    struct attempt *a = net->attempt;
    while (a != NULL && a->connected && (len = nt_link_pending(net->link, &data)) > 0) {
        union {
            const uint8_t *in;
            char *base;
        } u = { data }; /* libuv takes char *, and only reads */
        uv_buf_t now = uv_buf_init(u.base, (unsigned)len);
        int sent = uv_try_write((uv_stream_t *)&a->tcp, &now, 1); /* fails behind a queue */
        if (sent > 0) {
            nt_link_sent(net->link, (size_t)sent);
            continue;
        }
        struct write *w = malloc(sizeof *w + len);
        if (w == NULL) {
            lost(a, UV_ENOMEM);
            return;
        }
        memcpy(w->data, data, len);
        nt_link_sent(net->link, len);
        uv_buf_t buf = uv_buf_init(w->data, (unsigned)len);
        if (uv_write(&w->req, (uv_stream_t *)&a->tcp, &buf, 1, on_written) != 0) {
            free(w);
            lost(a, UV_ECONNABORTED);
            return;
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct nt_net *net = timer->data;
    if (net->link != NULL)
        nt_link_tick(net->link, uv_now(net->loop));
    step(net);
}

/* Gives the link the connection it wants, or takes away the one it does not. */
static void serve_wish(struct nt_net *net)
{
    const char *host;
    uint16_t port;
    unsigned number;
    bool wants = net->link != NULL && nt_link_wants(net->link, &host, &port, &number);
    if (net->attempt != NULL && (!wants || number != net->number)) {
        struct attempt *old = net->attempt;
        net->attempt = NULL;
        attempt_give_up(old);
    }
    if (wants && net->attempt == NULL && number != net->number) {
        net->number = number;
        connect_to(net, host, port);
    }
}

static void set_timer(struct nt_net *net)
{
    uint64_t at = net->link != NULL ? nt_link_deadline(net->link) : UINT64_MAX;
    uint64_t now = uv_now(net->loop);
    if (net->again)
        at = now;
    net->again = false;
    if (at == UINT64_MAX)
        uv_timer_stop(&net->timer);
    else
        uv_timer_start(&net->timer, on_timer, at > now ? at - now : 0, 0);
}

/* After anything happened: tell the owner, then do what the link wants. */
static void step(struct nt_net *net)
{
    if (net->freed || net->in_progress)
        return;
    net->in_progress = true;
    net->progress(net->ctx);
    net->in_progress = false;
    if (net->freed)
        return;
    serve_wish(net);
    flush(net);
    if (net->link != NULL)
        set_timer(net);
    else
        uv_timer_stop(&net->timer);
}

struct nt_net *nt_net_new(uv_loop_t *loop, void (*progress)(void *ctx), void *ctx)
{
    struct nt_net *net = calloc(1, sizeof *net);
    if (net == NULL)
        return NULL;
    net->loop = loop;
    net->progress = progress;
    net->ctx = ctx;
    net->timer.data = net;
    if (uv_timer_init(loop, &net->timer) != 0) {
        free(net);
        return NULL;
    }
    return net;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void nt_net_free(struct nt_net *net)
{
    if (net == NULL)
        return;
    net->freed = true;
    net->link = NULL;
    if (net->attempt != NULL)
        attempt_give_up(net->attempt);
    net->attempt = NULL;
    uv_close((uv_handle_t *)&net->timer, on_timer_closed);
}

void nt_net_drive(struct nt_net *net, struct nt_link *link)
{
    if (net->link == link)
        return;
    if (net->attempt != NULL)
        attempt_give_up(net->attempt);
    net->attempt = NULL;
    net->link = link;
    net->number = 0;
    /* From inside `progress` the step that called it goes on and serves the new link. */
    if (!net->in_progress)
        nt_net_poke(net);
}

void nt_net_poke(struct nt_net *net)
{
    uv_timer_start(&net->timer, on_timer, 0, 0);
}
