/*
 * locate_probe.c - whether the controllers that were found are there: a connection to the endpoint
 * mapper's port, or SMB's where that is the road; and the name that they give themselves, by
 * datagram or by their node's status.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "channel/locate_internal.h"

#define CONNECT_MS 3000
#define EPM_PORT   135
#define SMB_PORT   445

/* One controller that is asked. Lives until libuv has let go of all its parts. */
struct nt_probe {
    struct nt_probe *next;
    struct nt_search *search; /* NULL: given up */
    size_t index;             /* of the controller */
    uv_getaddrinfo_t look_up;
    uv_connect_t connect;
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct sockaddr_storage address;
    uint16_t port, second; /* 0: no other */
    unsigned open;         /* handles and requests that libuv has */
    bool tcp_open, settled;
    struct nt_locate_dc ask;
    bool asking;
};

static void connect_next(struct nt_probe *p);

static struct nt_controller *controller(struct nt_probe *p)
{
    return &p->search->located.list[p->index];
}

/* --- the end --- */

static void let_go(struct nt_probe *p)
{
    if (--p->open > 0 || p->asking)
        return;
    if (p->search != NULL) {
        struct nt_search *s = p->search;
        for (struct nt_probe **at = &s->probes; *at != NULL; at = &(*at)->next)
            if (*at == p) {
                *at = p->next;
                break;
            }
        free(p);
        nt_search_done(s);
        return;
    }
    free(p);
}

static void on_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

/* The handle may be used for the other port only now. */
static void on_tcp_closed(uv_handle_t *handle)
{
    struct nt_probe *p = handle->data;
    if (!p->settled) {
        p->port = p->second;
        p->second = 0;
        connect_next(p);
    }
    let_go(p);
}

static void close_tcp(struct nt_probe *p)
{
    if (p->tcp_open)
        uv_close((uv_handle_t *)&p->tcp, on_tcp_closed);
    p->tcp_open = false;
}

static void settle(struct nt_probe *p, bool answers, const char *answer)
{
    if (p->settled)
        return;
    p->settled = true;
    if (p->search != NULL) {
        struct nt_controller *c = controller(p);
        c->probed = true;
        c->answers = answers;
        snprintf(c->answer, sizeof c->answer, "%s", answer);
    }
    close_tcp(p);
    if (!uv_is_closing((uv_handle_t *)&p->timer))
        uv_close((uv_handle_t *)&p->timer, on_closed);
}

/* --- the connection --- */

static void failed(struct nt_probe *p, const char *why)
{
    char text[NT_LOCATE_WHY];
    snprintf(text, sizeof text, "port %u: %s", p->port, why);
    if (p->second == 0)
        settle(p, false, text);
    else
        close_tcp(p); /* which goes on with the other port */
}

static void on_connected(uv_connect_t *req, int status)
{
    struct nt_probe *p = req->data;
    char text[NT_LOCATE_WHY];
    if (status == 0 && !p->settled) {
        snprintf(text, sizeof text, "port %u", p->port);
        settle(p, true, text);
    } else if (status != UV_ECANCELED) {
        failed(p, uv_strerror(status));
    }
    let_go(p);
}

static void on_late(uv_timer_t *timer)
{
    struct nt_probe *p = timer->data;
    failed(p, "no answer");
}

static void connect_next(struct nt_probe *p)
{
    struct sockaddr *to = (struct sockaddr *)&p->address;
    if (to->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)to)->sin6_port = htons(p->port);
    else
        ((struct sockaddr_in *)(void *)to)->sin_port = htons(p->port);
    uv_timer_start(&p->timer, on_late, CONNECT_MS, 0);
    if (uv_tcp_init(p->search->loop, &p->tcp) != 0) {
        settle(p, false, "no socket for it");
        return;
    }
    p->tcp.data = p->connect.data = p;
    p->tcp_open = true;
    p->open++;
    int err = uv_tcp_connect(&p->connect, &p->tcp, to, on_connected);
    if (err != 0)
        failed(p, uv_strerror(err));
    else
        p->open++;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct nt_probe *p = req->data;
    if (p->search != NULL && !p->settled) {
        if (status != 0) {
            settle(p, false, uv_strerror(status));
        } else {
            memcpy(&p->address, found->ai_addr, found->ai_addrlen);
            connect_next(p);
        }
    }
    uv_freeaddrinfo(found);
    let_go(p);
}

/* --- the name --- */

static void on_dc(struct nt_locate_dc *ask, const struct nt_nl_response *r)
{
    struct nt_probe *p = NT_CONTAINER(ask, struct nt_probe, ask);
    p->asking = false;
    if (p->search != NULL && r != NULL)
        snprintf(controller(p)->computer, sizeof controller(p)->computer, "%.63s", r->server);
    p->open++;
    let_go(p);
}

static void ask_name(struct nt_probe *p)
{
    const struct nt_locate_config *config = p->search->config;
    struct nt_nb_lookup_config status = {
        .how = NT_NB_ASK_STATUS, .target_count = 1, .port = config->name_port, .env = config->env
    };
    struct in_addr address;
    if (!config->netbios || inet_pton(AF_INET, controller(p)->server.host, &address) != 1)
        return;
    status.targets[0] = ntohl(address.s_addr);
    nt_nb_name_star(&status.name);
    if (nt_search_socket(p->search))
        nt_search_ask(p->search, &status);
    p->ask = (struct nt_locate_dc){
        .question = { .domain = p->search->domain, .computer = p->search->computer, .account = "" },
        .to = status.targets[0],
        .answered = on_dc
    };
    p->asking = config->ask_dc != NULL && config->ask_dc(config->ctx, &p->ask);
}

/* A node's own name: unique, of a workstation; a controller has the domain's group too. */
void nt_probe_status(struct nt_search *s, const struct nt_nb_lookup *l)
{
    char host[INET_ADDRSTRLEN], name[NT_NB_NAME_LEN];
    const struct in_addr address = { htonl(l->config.targets[0]) };
    inet_ntop(AF_INET, &address, host, sizeof host);
    for (size_t i = 0; i < s->located.count; i++) {
        struct nt_controller *c = &s->located.list[i];
        if (strcmp(c->server.host, host) != 0 || c->computer[0] != '\0')
            continue;
        for (size_t n = 0; n < l->name_count && c->computer[0] == '\0'; n++)
            if ((l->names[n].flags & NT_NB_GROUP) == 0 &&
                l->names[n].name.b[NT_NB_NAME_LEN - 1] == NT_NB_WORKSTATION)
                snprintf(c->computer, sizeof c->computer, "%s",
                         nt_nb_name_text(&l->names[n].name, name));
    }
}

/* --- all --- */

static void probe_one(struct nt_search *s, size_t index)
{
    struct nt_probe *p = calloc(1, sizeof *p);
    const struct nt_server *server = &s->located.list[index].server;
    const struct nt_locate_config *config = s->config;
    uint16_t epm = config->epm_port != 0 ? config->epm_port : EPM_PORT;
    uint16_t smb = config->smb_port != 0 ? config->smb_port : SMB_PORT;
    bool pipe = server->road == NT_ROAD_SMB;
    if (p == NULL || uv_timer_init(s->loop, &p->timer) != 0) {
        free(p);
        return;
    }
    p->search = s;
    p->index = index;
    p->open = 1; /* the timer */
    p->timer.data = p;
    p->port = server->port != 0 ? server->port : pipe ? smb : epm;
    p->second = server->road == NT_ROAD_ANY ? smb : 0;
    p->next = s->probes;
    s->probes = p;
    nt_search_begin(s);
    ask_name(p);
    p->look_up.data = p;
    p->open++;
    if (uv_getaddrinfo(s->loop, &p->look_up, on_resolved, server->host, NULL,
                       &(struct addrinfo){ .ai_socktype = SOCK_STREAM }) != 0) {
        settle(p, false, "out of memory");
        let_go(p);
    }
}

void nt_probe_begin(struct nt_search *s)
{
    nt_search_begin(s);
    for (size_t i = 0; i < s->located.count; i++)
        probe_one(s, i);
    nt_search_netbios(s);
    nt_search_done(s);
}

void nt_probe_end(struct nt_search *s)
{
    for (struct nt_probe *p = s->probes; p != NULL; p = p->next) {
        p->search = NULL;
        settle(p, false, "");
        nt_search_done(s);
    }
    s->probes = NULL;
}
