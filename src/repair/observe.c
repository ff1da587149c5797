#include "repair/observe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "channel/dns.h"

#define PORTS_MS 1000
#define DNS_PORT "53"

/* The first address; false: it has none. */
static bool resolve(const char *host, const char *service, struct sockaddr_storage *to,
                    socklen_t *len)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC };
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0 || found == NULL)
        return false;
    memcpy(to, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* --- ports --- */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* -1: it was decided at once. */
static int begin(const char *host, enum nt_port_of port, enum nt_port_state *out)
{
    struct sockaddr_storage to;
    socklen_t len;
    char service[8];
    snprintf(service, sizeof service, "%u", nt_port_number(port));
    if (!resolve(host, service, &to, &len))
        return -1;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&to, len) == 0)
        *out = NT_PORT_OPEN;
    else if (errno == EINPROGRESS)
        return fd;
    else
        *out = NT_PORT_CLOSED;
    close(fd);
    return -1;
}

static void end(struct pollfd *p, enum nt_port_state *out)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        *out = NT_PORT_CLOSED;
    else
        *out = NT_PORT_OPEN;
    close(p->fd);
    p->fd = -1;
}

void nt_observe_ports(const char *host, enum nt_port_state out[NT_PORT_COUNT])
{
    struct pollfd waits[NT_PORT_COUNT];
    size_t open = 0;
    for (size_t i = 0; i < NT_PORT_COUNT; i++) {
        out[i] = NT_PORT_NOT_TRIED;
        waits[i] =
            (struct pollfd){ .fd = begin(host, (enum nt_port_of)i, &out[i]), .events = POLLOUT };
        open += waits[i].fd >= 0;
    }
    for (uint64_t now, until = now_ms() + PORTS_MS; open > 0 && (now = now_ms()) < until;) {
        if (poll(waits, NT_PORT_COUNT, (int)(until - now)) < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < NT_PORT_COUNT; i++)
            if (waits[i].fd >= 0 && waits[i].revents != 0) {
                end(&waits[i], &out[i]);
                open--;
            }
    }
    for (size_t i = 0; i < NT_PORT_COUNT; i++)
        if (waits[i].fd >= 0) {
            out[i] = NT_PORT_SILENT;
            close(waits[i].fd);
        }
}

/* --- who it says to be --- */

#define PING_TRIES 2
#define PING_MS    500
#define PING_ID    1

/* What comes is only told, so an answer of somebody else's does no harm; the socket is connected,
 * so that it has to come from there. */
static bool take_answer(int fd, struct nt_cldap_answer *out)
{
    uint8_t data[NT_CLDAP_MAX];
    ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);
    return n > 0 && nt_cldap_answer_read(data, (size_t)n, PING_ID, out) == NT_OK;
}

void nt_observe_ping(const char *host, struct nt_ping *out)
{
    struct sockaddr_storage to;
    socklen_t len;
    struct nt_buf b;
    *out = (struct nt_ping){ .look = NT_LOOK_FAILED };
    if (!resolve(host, "389", &to, &len))
        return;
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    nt_buf_init(&b, 256);
    nt_cldap_request_write(&b, PING_ID);
    bool ok = fd >= 0 && b.err == NT_OK && connect(fd, (const struct sockaddr *)&to, len) == 0;
    for (int i = 0; ok && i < PING_TRIES && out->look != NT_LOOK_SEEN; i++) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (send(fd, b.data, b.len, 0) < 0 || poll(&wait, 1, PING_MS) < 0 ||
            (wait.revents & (POLLERR | POLLHUP)) != 0)
            break; /* nobody is there */
        if (wait.revents != 0 && take_answer(fd, &out->answer))
            out->look = NT_LOOK_SEEN;
    }
    if (fd >= 0)
        close(fd);
    nt_buf_free(&b);
}

/* --- names --- */

struct answers {
    struct nt_dns_view *view;
    unsigned pending;
    bool own; /* it knows its own domain's controllers */
    char own_why[NT_LOCATE_WHY];
};

static void on_own(void *ctx, const char *why, const struct nt_srv *rows, size_t count)
{
    struct answers *a = ctx;
    (void)rows;
    a->pending--;
    a->own = why == NULL && count > 0;
    snprintf(a->own_why, sizeof a->own_why, "%s", why != NULL ? why : "");
}

static void on_other(void *ctx, const char *why, const struct nt_srv *rows, size_t count)
{
    struct answers *a = ctx;
    a->pending--;
    a->view->found = why == NULL ? count : 0;
    snprintf(a->view->why, sizeof a->view->why, "%s", why != NULL ? why : "");
    if (a->view->found > 0)
        memcpy(a->view->first, rows[0].target, sizeof a->view->first);
}

/* As nt_dns_new takes it. */
static bool server_text(const char *host, char *out, size_t size)
{
    struct sockaddr_storage to;
    socklen_t len;
    char text[NT_DNS_TEXT];
    if (!resolve(host, DNS_PORT, &to, &len) ||
        getnameinfo((const struct sockaddr *)&to, len, text, sizeof text, NULL, 0,
                    NI_NUMERICHOST) != 0)
        return false;
    snprintf(out, size, to.ss_family == AF_INET6 ? "[%s]:" DNS_PORT : "%s:" DNS_PORT, text);
    return true;
}

/* False: out of memory. */
static bool ask(const char *server, const char *own, struct answers *a)
{
    char name[NT_LOCATE_ASKED];
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        return false;
    struct nt_dns *dns = nt_dns_new(&loop, server);
    if (dns != NULL) {
        a->pending = 2;
        snprintf(name, sizeof name, "_ldap._tcp.dc._msdcs.%.100s", own);
        nt_dns_srv(dns, name, on_own, a);
        nt_dns_srv(dns, a->view->asked, on_other, a);
        while (a->pending > 0 && uv_run(&loop, UV_RUN_ONCE) != 0)
            ;
        nt_dns_free(dns);
    }
    uv_run(&loop, UV_RUN_DEFAULT); /* until all is closed */
    uv_loop_close(&loop);
    return dns != NULL;
}

void nt_observe_dns(const char *host, const char *own, const char *other, struct nt_dns_view *out)
{
    char server[NT_DNS_TEXT + 8];
    struct answers a = { .view = out };
    *out = (struct nt_dns_view){ .look = NT_LOOK_FAILED };
    snprintf(out->asked, sizeof out->asked, "_ldap._tcp.dc._msdcs.%.100s", other);
    if (!server_text(host, server, sizeof server) || !ask(server, own, &a))
        snprintf(out->why, sizeof out->why, "it could not be asked");
    else if (a.own || out->found > 0)
        out->look = NT_LOOK_SEEN;
    else
        memcpy(out->why, a.own_why, sizeof out->why);
}
