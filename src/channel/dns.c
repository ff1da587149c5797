#include "channel/dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_MS 1500
#define TRIES  2

/* One socket of c-ares that the loop watches. */
struct watch {
    struct nt_dns *dns;
    uv_poll_t poll;
    ares_socket_t fd;
    struct watch *next;
};

struct nt_dns {
    uv_loop_t *loop;
    ares_channel channel;
    struct watch *watches;
    uv_timer_t timer;
};

static void set_timer(struct nt_dns *dns);

/* --- sockets --- */

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct nt_dns *dns = w->dns;
    ares_socket_t fd = w->fd;
    bool readable = status < 0 || (events & UV_READABLE) != 0;
    bool writable = status < 0 || (events & UV_WRITABLE) != 0;
    ares_process_fd(dns->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    set_timer(dns);
}

/* c-ares opens, uses and closes its sockets itself and says what it waits for. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct nt_dns *dns = ctx;
    struct watch **at = &dns->watches;
    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    struct watch *w = *at;
    if (!readable && !writable) {
        if (w == NULL)
            return;
        *at = w->next;
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        return;
    }
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL || uv_poll_init(dns->loop, &w->poll, fd) != 0) {
            free(w); /* the question ends by its time */
            return;
        }
        w->dns = dns;
        w->fd = fd;
        w->poll.data = w;
        w->next = dns->watches;
        dns->watches = w;
    }
    uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_ready);
}

static void on_timer(uv_timer_t *timer)
{
    struct nt_dns *dns = timer->data;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(dns);
}

static void set_timer(struct nt_dns *dns)
{
    struct timeval room, *wait = ares_timeout(dns->channel, NULL, &room);
    if (wait == NULL)
        uv_timer_stop(&dns->timer);
    else
        uv_timer_start(&dns->timer, on_timer,
                       (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000 + 1, 0);
}

/* --- life --- */

static bool use_servers(struct nt_dns *dns, const char *servers)
{
    char list[512];
    snprintf(list, sizeof list, "%s", servers);
    for (char *p = list; (p = strchr(p, ' ')) != NULL;)
        *p = ',';
    return *list == '\0' || ares_set_servers_ports_csv(dns->channel, list) == ARES_SUCCESS;
}

/* Once for the process: c-ares counts without a lock, and loops run in several threads. */
static uv_once_t library = UV_ONCE_INIT;
static int library_status;

static void open_library(void)
{
    library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

struct nt_dns *nt_dns_new(uv_loop_t *loop, const char *servers)
{
    struct nt_dns *dns = calloc(1, sizeof *dns);
    struct ares_options options = { .timeout = TRY_MS,
                                    .tries = TRIES,
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = dns };
    if (dns == NULL)
        return NULL;
    dns->loop = loop;
    uv_once(&library, open_library);
    if (library_status != ARES_SUCCESS) {
        free(dns);
        return NULL;
    }
    if (ares_init_options(&dns->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS) {
        free(dns);
        return NULL;
    }
    dns->timer.data = dns;
    if (!use_servers(dns, servers) || uv_timer_init(loop, &dns->timer) != 0) {
        ares_destroy(dns->channel);
        free(dns);
        return NULL;
    }
    return dns;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void nt_dns_free(struct nt_dns *dns)
{
    if (dns == NULL)
        return;
    ares_destroy(dns->channel);
    uv_close((uv_handle_t *)&dns->timer, on_timer_closed);
}

/* --- questions --- */

struct question {
    nt_dns_srv_done *srv;
    nt_dns_addresses_done *addresses;
    void *ctx;
};

static const char *why_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return NULL;
    case ARES_ENOTFOUND:
        return "no such name";
    case ARES_ENODATA:
        return "the name has no such record";
    case ARES_ETIMEOUT:
        return "no answer";
    case ARES_ECONNREFUSED:
        return "no DNS server answers";
    case ARES_ENOMEM:
        return "out of memory";
    default:
        return ares_strerror(status);
    }
}

static void on_srv(void *arg, int status, int timeouts, unsigned char *data, int len)
{
    struct question *q = arg;
    struct ares_srv_reply *list = NULL;
    struct nt_srv rows[NT_DNS_SRV];
    size_t count = 0;
    (void)timeouts;
    if (status == ARES_SUCCESS)
        status = ares_parse_srv_reply(data, len, &list);
    for (const struct ares_srv_reply *r = list; r != NULL && count < NT_DNS_SRV; r = r->next) {
        struct nt_srv *row = &rows[count];
        /* A target of "." says that the service is not offered: RFC 2782. */
        if (r->host == NULL || *r->host == '\0' || strlen(r->host) >= sizeof row->target)
            continue;
        *row = (struct nt_srv){ .priority = r->priority, .weight = r->weight, .port = r->port };
        memcpy(row->target, r->host, strlen(r->host) + 1);
        count++;
    }
    const char *why = status != ARES_SUCCESS ? why_of(status)
                      : count == 0           ? "the record names no host"
                                             : NULL;
    q->srv(q->ctx, why, rows, count);
    if (list != NULL)
        ares_free_data(list);
    free(q);
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct question *q = arg;
    char addresses[NT_DNS_ADDRESSES][NT_DNS_TEXT];
    size_t count = 0;
    (void)timeouts;
    for (const struct ares_addrinfo_node *n = found != NULL ? found->nodes : NULL;
         n != NULL && count < NT_DNS_ADDRESSES; n = n->ai_next)
        if (getnameinfo(n->ai_addr, n->ai_addrlen, addresses[count], NT_DNS_TEXT, NULL, 0,
                        NI_NUMERICHOST) == 0)
            count++;
    const char *why = status != ARES_SUCCESS ? why_of(status)
                      : count == 0           ? "the name has no address"
                                             : NULL;
    q->addresses(q->ctx, why, addresses, count);
    if (found != NULL)
        ares_freeaddrinfo(found);
    free(q);
}

void nt_dns_srv(struct nt_dns *dns, const char *name, nt_dns_srv_done *done, void *ctx)
{
    struct question *q = malloc(sizeof *q);
    if (q == NULL) {
        done(ctx, "out of memory", NULL, 0);
        return;
    }
    *q = (struct question){ .srv = done, .ctx = ctx };
    ares_query(dns->channel, name, ns_c_in, ns_t_srv, on_srv, q);
    set_timer(dns);
}

void nt_dns_addresses(struct nt_dns *dns, const char *host, nt_dns_addresses_done *done, void *ctx)
{
    const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
                                               .ai_flags = ARES_AI_NOSORT,
                                               .ai_socktype = SOCK_STREAM };
    struct question *q = malloc(sizeof *q);
    if (q == NULL) {
        done(ctx, "out of memory", NULL, 0);
        return;
    }
    *q = (struct question){ .addresses = done, .ctx = ctx };
    ares_getaddrinfo(dns->channel, host, NULL, &hints, on_addresses, q);
    set_timer(dns);
}
