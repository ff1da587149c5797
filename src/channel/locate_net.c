#include "channel/locate_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "channel/dns.h"
#include "channel/locate_internal.h"

struct nt_locator {
    uv_loop_t *loop;
    struct nt_locate_config config;
    char dns_servers[256], lmhosts[512];
    struct nt_search *searches;
};

/* --- life of a search --- */

static void on_closed(uv_handle_t *handle)
{
    nt_search_unref(handle->data);
}

void nt_search_unref(struct nt_search *s)
{
    if (--s->refs > 0)
        return;
    nt_buf_free(&s->packet.data);
    free(s);
}

/* Takes it out of the locator and closes what is open; what is under way lets go when it ends. */
static void search_end(struct nt_search *s)
{
    struct nt_dns *dns = s->dns;
    if (s->ended)
        return;
    s->ended = true;
    for (struct nt_search **at = &s->locator->searches; *at != NULL; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    s->dns = NULL;
    nt_dns_free(dns);
    nt_probe_end(s);
    for (size_t i = 0; i < s->lookup_count; i++)
        s->refs -= !s->lookup_ended[i]; /* the handles below keep it */
    if (s->udp_open)
        uv_close((uv_handle_t *)&s->udp, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    uv_close((uv_handle_t *)&s->later, on_closed);
}

static void finish(struct nt_search *s)
{
    struct nt_locate *owner = s->owner;
    s->owner = NULL;
    if (owner != NULL) {
        owner->search = NULL;
        owner->done(owner, &s->located);
    }
    search_end(s);
}

/* All methods have ended, or all probes: the next thing, in a turn of its own, since callbacks of
 * others may be on the stack. */
static void on_later(uv_idle_t *later)
{
    struct nt_search *s = later->data;
    uv_idle_stop(later);
    if (s->ended || s->pending > 0)
        return;
    if (s->probe && !s->probing) {
        s->probing = true;
        nt_located_sort(&s->located, s->config->mode == NT_NB_M);
        nt_probe_begin(s);
        if (s->pending > 0)
            return;
    }
    if (!s->probing)
        nt_located_sort(&s->located, s->config->mode == NT_NB_M);
    finish(s);
}

void nt_search_begin(struct nt_search *s)
{
    s->pending++;
    s->refs++;
}

void nt_search_done(struct nt_search *s)
{
    if (--s->pending == 0 && !s->ended)
        uv_idle_start(&s->later, on_later);
    nt_search_unref(s);
}

/* --- configured --- */

static void find_configured(struct nt_search *s, const char *text)
{
    struct nt_servers servers;
    char why[160];
    if (*text == '\0')
        return;
    if (!nt_servers_parse(text, &servers, why, sizeof why)) {
        nt_located_miss(&s->located, NT_LOCATE_CONFIGURED, "the trust's servers", why);
        return;
    }
    for (size_t i = 0; i < servers.count; i++)
        nt_located_add(&s->located, NT_LOCATE_CONFIGURED, "the trust's servers", &servers.list[i],
                       "", (uint32_t)i);
}

/* --- lmhosts --- */

struct reading {
    uv_work_t work;
    struct nt_search *search;
    int error; /* errno, or 0 */
    size_t len;
    char path[512];
    char text[NT_LMHOSTS_MAX];
};

static void read_file(uv_work_t *work)
{
    struct reading *r = work->data;
    FILE *f = fopen(r->path, "re");
    if (f == NULL) {
        r->error = errno;
        return;
    }
    r->len = fread(r->text, 1, sizeof r->text, f);
    r->error = ferror(f) ? EIO : 0;
    fclose(f);
}

static void on_read(uv_work_t *work, int status)
{
    struct reading *r = work->data;
    struct nt_search *s = r->search;
    (void)status;
    if (r->error != 0)
        nt_located_miss(&s->located, NT_LOCATE_LMHOSTS, r->path,
                        r->error == ENOENT ? "no such file" : strerror(r->error));
    else
        nt_lmhosts_find(r->text, r->len, s->domain, r->path, &s->located);
    free(r);
    nt_search_done(s);
}

static void find_lmhosts(struct nt_search *s, const char *path)
{
    struct reading *r;
    if (*path == '\0')
        return;
    r = malloc(sizeof *r);
    if (r == NULL) {
        nt_located_miss(&s->located, NT_LOCATE_LMHOSTS, path, "out of memory");
        return;
    }
    r->search = s;
    r->error = EIO;
    r->len = 0;
    snprintf(r->path, sizeof r->path, "%s", path);
    r->work.data = r;
    nt_search_begin(s);
    if (uv_queue_work(s->locator->loop, &r->work, read_file, on_read) != 0)
        on_read(&r->work, 0);
}

/* --- DNS --- */

/* One question and what comes of it: the record, then the addresses of each host in it. */
struct record {
    struct nt_search *search;
    char name[NT_SERVER_NAME + 32];
    uint32_t base; /* the primary's record goes first */
};

struct target {
    struct nt_search *search;
    char asked[NT_LOCATE_ASKED];
    char host[NT_SERVER_NAME];
    uint32_t rank;
};

static void on_target(void *ctx, const char *why, char addresses[NT_DNS_ADDRESSES][NT_DNS_TEXT],
                      size_t count)
{
    struct target *t = ctx;
    struct nt_search *s = t->search;
    for (size_t i = 0; i < count; i++) {
        struct nt_server server = { .road = NT_ROAD_ANY };
        snprintf(server.host, sizeof server.host, "%s", addresses[i]);
        nt_located_add(&s->located, NT_LOCATE_DNS, t->asked, &server, t->host, t->rank);
    }
    if (count == 0 && !s->ended)
        nt_located_miss(&s->located, NT_LOCATE_DNS, t->host, why);
    free(t);
    nt_search_done(s);
}

static void on_record(void *ctx, const char *why, const struct nt_srv *rows, size_t count)
{
    struct record *r = ctx;
    struct nt_search *s = r->search;
    struct nt_srv sorted[NT_DNS_SRV];
    memcpy(sorted, rows, count * sizeof rows[0]);
    nt_srv_sort(sorted, count);
    if (why != NULL && !s->ended)
        nt_located_miss(&s->located, NT_LOCATE_DNS, r->name, why);
    for (size_t i = 0; i < count && s->dns != NULL; i++) {
        struct target *t = malloc(sizeof *t);
        if (t == NULL)
            break;
        *t = (struct target){ .search = s, .rank = r->base + (uint32_t)i };
        snprintf(t->asked, sizeof t->asked, "%s", r->name);
        memcpy(t->host, sorted[i].target, sizeof t->host);
        nt_search_begin(s);
        nt_dns_addresses(s->dns, t->host, on_target, t);
    }
    free(r);
    nt_search_done(s);
}

static void ask_record(struct nt_search *s, const char *service, const char *domain, uint32_t base)
{
    struct record *r = malloc(sizeof *r);
    if (r == NULL)
        return;
    *r = (struct record){ .search = s, .base = base };
    snprintf(r->name, sizeof r->name, "%s.%s", service, domain);
    nt_search_begin(s);
    nt_dns_srv(s->dns, r->name, on_record, r);
}

/* The records of [MS-ADTS] 6.3.2.3: the primary controller's, then those of all. */
static void find_dns(struct nt_search *s, const char *name)
{
    if (!s->config->dns)
        return;
    if (strchr(name, '.') == NULL || strlen(name) >= NT_SERVER_NAME) {
        nt_located_miss(&s->located, NT_LOCATE_DNS, name, "not a DNS name, not asked");
        return;
    }
    s->dns = nt_dns_new(s->locator->loop, s->locator->dns_servers);
    if (s->dns == NULL) {
        nt_located_miss(&s->located, NT_LOCATE_DNS, name, "DNS cannot be used here");
        return;
    }
    ask_record(s, "_ldap._tcp.pdc._msdcs", name, 0);
    ask_record(s, "_ldap._tcp.dc._msdcs", name, 64);
}

/* --- NetBIOS --- */

static void on_nb_timer(uv_timer_t *timer);

static void nb_send(struct nt_search *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(s->packet.port),
                              .sin_addr.s_addr = htonl(s->packet.to) };
    uv_buf_t buf = uv_buf_init((char *)s->packet.data.data, (unsigned)s->packet.data.len);
    /* One that cannot be sent is like one that is lost. */
    (void)uv_udp_try_send(&s->udp, &buf, 1, (const struct sockaddr *)&to);
}

static void nb_text(uint32_t address, char out[INET_ADDRSTRLEN])
{
    snprintf(out, INET_ADDRSTRLEN, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
}

static void nb_ended(struct nt_search *s, const struct nt_nb_lookup *l)
{
    enum nt_locate_method method =
        l->config.how == NT_NB_ASK_WINS ? NT_LOCATE_WINS : NT_LOCATE_BROADCAST;
    bool pdc = l->config.name.b[NT_NB_NAME_LEN - 1] == NT_NB_PDC;
    char asked[NT_NB_NAME_TEXT];
    nt_nb_name_format(&l->config.name, asked);
    if (l->outcome != NT_NB_FOUND) {
        nt_located_miss(&s->located, method, asked,
                        l->outcome == NT_NB_NO_NAME ? "no such name" : "no answer");
        return;
    }
    for (size_t i = 0; i < l->address_count; i++) {
        struct nt_server server = { .road = NT_ROAD_ANY };
        nb_text(l->addresses[i].address, server.host);
        nt_located_add(&s->located, method, asked, &server, "", (pdc ? 0u : 64u) + (uint32_t)i);
    }
}

/* Sends what is due, ends what has ended, and sets the timer. */
void nt_search_netbios(struct nt_search *s)
{
    uint64_t now = uv_now(s->locator->loop), at = UINT64_MAX;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) - the open handles keep it, which it cannot see */
    for (size_t i = 0; i < s->lookup_count; i++) {
        struct nt_nb_lookup *l = &s->lookups[i];
        while (nt_nb_lookup_next(l, now, &s->packet))
            nb_send(s);
        if (nt_nb_lookup_deadline(l) < at)
            at = nt_nb_lookup_deadline(l);
        if (l->outcome == NT_NB_PENDING || s->lookup_ended[i])
            continue;
        s->lookup_ended[i] = true;
        if (l->config.how == NT_NB_ASK_STATUS)
            nt_probe_status(s, l);
        else
            nb_ended(s, l);
        nt_search_done(s);
    }
    if (at == UINT64_MAX)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_nb_timer, at > now ? at - now : 0, 0);
}

static void on_nb_timer(uv_timer_t *timer)
{
    struct nt_search *s = timer->data;
    if (!s->ended)
        nt_search_netbios(s);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct nt_search *s = handle->data;
    (void)suggested;
    *buf = uv_buf_init(s->received, sizeof s->received);
}

static void on_packet(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                      unsigned flags)
{
    struct nt_search *s = udp->data;
    if (s->ended || n <= 0 || from == NULL || from->sa_family != AF_INET ||
        (flags & UV_UDP_PARTIAL) != 0)
        return;
    struct sockaddr_in in;
    memcpy(&in, from, sizeof in);
    uint64_t now = uv_now(s->locator->loop);
    for (size_t i = 0; i < s->lookup_count; i++)
        if (nt_nb_lookup_feed(&s->lookups[i], ntohl(in.sin_addr.s_addr), (const uint8_t *)buf->base,
                              (size_t)n, now))
            break;
    nt_search_netbios(s);
}

bool nt_search_socket(struct nt_search *s)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    if (s->udp_open)
        return true;
    if (uv_udp_init(s->locator->loop, &s->udp) != 0)
        return false;
    s->udp.data = s;
    s->udp_open = true;
    s->refs++;
    return uv_udp_bind(&s->udp, (const struct sockaddr *)&any, 0) == 0 &&
           uv_udp_set_broadcast(&s->udp, 1) == 0 &&
           uv_udp_recv_start(&s->udp, on_alloc, on_packet) == 0;
}

void nt_search_ask(struct nt_search *s, const struct nt_nb_lookup_config *config)
{
    if (s->lookup_count == NT_SEARCH_LOOKUPS)
        return;
    nt_nb_lookup_init(&s->lookups[s->lookup_count], config, uv_now(s->locator->loop));
    s->lookup_ended[s->lookup_count++] = false;
    nt_search_begin(s);
}

static void find_netbios(struct nt_search *s)
{
    const struct nt_locate_config *c = s->config;
    static const uint8_t types[] = { NT_NB_PDC, NT_NB_CONTROLLERS };
    struct nt_nb_lookup_config wins = {
        .how = NT_NB_ASK_WINS, .target_count = c->wins_count, .port = c->name_port, .env = c->env
    };
    struct nt_nb_lookup_config cast = { .how = NT_NB_ASK_BROADCAST,
                                        .port = c->name_port,
                                        .env = c->env };
    memcpy(wins.targets, c->wins, sizeof c->wins);
    if (c->broadcasts != NULL && c->mode != NT_NB_P)
        cast.target_count = c->broadcasts(c->ctx, cast.targets);
    if (!c->netbios)
        return;
    if (wins.target_count == 0 && cast.target_count == 0) {
        nt_located_miss(&s->located, NT_LOCATE_BROADCAST, s->domain,
                        "no network to ask on, no WINS server");
        return;
    }
    if (!nt_nb_name_set(&wins.name, s->domain, NT_NB_PDC)) {
        nt_located_miss(&s->located, NT_LOCATE_BROADCAST, s->domain,
                        "not a NetBIOS name, not asked");
        return;
    }
    if (!nt_search_socket(s)) {
        nt_located_miss(&s->located, NT_LOCATE_BROADCAST, s->domain, "no socket for it");
        return;
    }
    for (size_t i = 0; i < NT_COUNT(types); i++) {
        nt_nb_name_set(&wins.name, s->domain, types[i]);
        cast.name = wins.name;
        if (wins.target_count > 0 && c->mode != NT_NB_B)
            nt_search_ask(s, &wins);
        if (cast.target_count > 0)
            nt_search_ask(s, &cast);
    }
    nt_search_netbios(s);
}

/* --- the whole --- */

enum nt_err nt_locate_start(struct nt_locator *locator, struct nt_locate *locate)
{
    struct nt_search *s = calloc(1, sizeof *s);
    locate->search = NULL;
    if (s == NULL)
        return NT_E_NOMEM;
    s->locator = locator;
    s->loop = locator->loop;
    s->config = &locator->config;
    s->owner = locate;
    s->probe = locate->probe;
    snprintf(s->domain, sizeof s->domain, "%s", locate->domain);
    snprintf(s->computer, sizeof s->computer, "%s", locate->computer);
    nt_buf_init(&s->packet.data, NT_NB_PACKET_MAX);
    if (uv_timer_init(locator->loop, &s->timer) != 0 ||
        uv_idle_init(locator->loop, &s->later) != 0) {
        free(s); /* neither of the two ever fails */
        return NT_E_NOMEM;
    }
    s->timer.data = s->later.data = s;
    s->refs = 2; /* the two handles */
    s->next = locator->searches;
    locator->searches = s;
    locate->search = s;
    nt_search_begin(s); /* held until all have begun */
    find_configured(s, locate->servers);
    find_lmhosts(s, locator->lmhosts);
    find_dns(s, *locate->dns_name != '\0' ? locate->dns_name : locate->domain);
    find_netbios(s);
    nt_search_done(s);
    return NT_OK;
}

void nt_locate_cancel(struct nt_locate *locate)
{
    struct nt_search *s = locate->search;
    if (s == NULL)
        return;
    locate->search = NULL;
    s->owner = NULL;
    search_end(s);
}

struct nt_locator *nt_locator_new(uv_loop_t *loop, const struct nt_locate_config *config)
{
    struct nt_locator *locator = calloc(1, sizeof *locator);
    if (locator == NULL)
        return NULL;
    locator->loop = loop;
    locator->config = *config;
    snprintf(locator->dns_servers, sizeof locator->dns_servers, "%s", config->dns_servers);
    snprintf(locator->lmhosts, sizeof locator->lmhosts, "%s", config->lmhosts);
    locator->config.dns_servers = locator->dns_servers;
    locator->config.lmhosts = locator->lmhosts;
    return locator;
}

void nt_locator_free(struct nt_locator *locator)
{
    if (locator == NULL)
        return;
    while (locator->searches != NULL) {
        struct nt_search *s = locator->searches;
        if (s->owner != NULL)
            s->owner->search = NULL;
        s->owner = NULL;
        search_end(s);
    }
    free(locator);
}
