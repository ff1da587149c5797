#include "daemon/netbios_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define RESCAN_MS     30000 /* how often the host's addresses are looked at */
#define ASK_MS        1500  /* for the answer of a controller */
#define READ_AT_ONCE  64    /* packets, until others in the loop have their turn */
#define ANSWERS_PER_S 20
#define ANSWERS_BURST 60

enum service { NAMES, DATAGRAMS, SERVICES };

/* One socket: of an address, of its network's broadcast address, or of all (local 0). */
struct port {
    struct nt_netbios *nb;
    uv_poll_t poll;
    int fd;
    uint32_t local; /* 0: any */
    enum service service;
    bool receives_only; /* bound to a broadcast address */
    bool open;          /* the poll handle is */
};

#define PORTS_MAX (SERVICES * 2 * NT_NB_IFACES)

struct nt_netbios {
    const struct nt_config *config;
    struct nt_loop *loop;
    struct nt_service *domain; /* NULL until it is started */
    struct port ports[PORTS_MAX];
    size_t port_count;
    bool any; /* all addresses of the host */
    uv_timer_t timer, rescan;
    struct nt_nb_packet packet;
    struct nt_nb_rate rate; /* of answers by datagram */
    char computer[64], name[64];
    struct nt_sid sid;
    uint16_t next_id;
    struct nt_locate_dc *asks;

    uv_mutex_t lock; /* of what follows, which the admin API reads */
    struct nt_nb_node node;
    struct {
        uint32_t by;
        nt_time at;
    } conflicts[NT_NB_NAMES];
};

static const char *address_text(uint32_t address, char out[INET_ADDRSTRLEN])
{
    snprintf(out, INET_ADDRSTRLEN, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
    return out;
}

/* --- which addresses --- */

static bool listened_on(const struct nt_config *config, uint32_t address)
{
    for (size_t i = 0; i < config->address_count; i++) {
        struct in_addr a;
        if (inet_pton(AF_INET, config->address[i], &a) == 1 &&
            (a.s_addr == INADDR_ANY || ntohl(a.s_addr) == address))
            return true;
    }
    return false;
}

/* The network's own, or the one of the settings that lies in it. */
static uint32_t broadcast_of(const struct nt_config *config, uint32_t address, uint32_t mask)
{
    if (config->broadcast.count == 0)
        return mask == 0xFFFFFFFF ? 0 : address | ~mask;
    for (size_t i = 0; i < config->broadcast.count; i++)
        if (((config->broadcast.address[i] ^ address) & mask) == 0)
            return config->broadcast.address[i];
    return 0;
}

static size_t find_ifaces(const struct nt_config *config, struct nt_nb_iface out[NT_NB_IFACES])
{
    uv_interface_address_t *list = NULL;
    int all = 0;
    size_t count = 0;
    if (uv_interface_addresses(&list, &all) != 0)
        return 0;
    for (int i = 0; i < all && count < NT_NB_IFACES; i++) {
        if (list[i].is_internal || list[i].address.address4.sin_family != AF_INET)
            continue;
        uint32_t address = ntohl(list[i].address.address4.sin_addr.s_addr);
        uint32_t mask = ntohl(list[i].netmask.netmask4.sin_addr.s_addr);
        if (listened_on(config, address))
            out[count++] = (struct nt_nb_iface){ address, broadcast_of(config, address, mask) };
    }
    uv_free_interface_addresses(list, all);
    return count;
}

size_t nt_netbios_broadcasts(const struct nt_config *config, uint32_t out[NT_NB_TARGETS])
{
    struct nt_nb_iface ifaces[NT_NB_IFACES];
    size_t n = find_ifaces(config, ifaces), count = 0;
    for (size_t i = 0; i < n && count < NT_NB_TARGETS; i++) {
        size_t k = 0;
        while (k < count && out[k] != ifaces[i].broadcast)
            k++;
        if (k == count && ifaces[i].broadcast != 0)
            out[count++] = ifaces[i].broadcast;
    }
    return count;
}

enum nt_nb_mode nt_netbios_mode(const struct nt_config *config)
{
    static const enum nt_nb_mode modes[] = {
        [NT_NODE_B] = NT_NB_B, [NT_NODE_P] = NT_NB_P, [NT_NODE_M] = NT_NB_M, [NT_NODE_H] = NT_NB_H
    };
    if (config->node == NT_NODE_AUTO)
        return config->wins.count > 0 ? NT_NB_H : NT_NB_B;
    return modes[config->node];
}

/* --- binding --- */

static int make_socket(uint32_t address, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(address) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Shared: a broadcast address is everybody's on this host. */
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

static bool add_port(struct nt_netbios *nb, enum service service, uint32_t address, uint32_t local,
                     char *why, size_t why_size)
{
    uint16_t number = service == NAMES ? nb->config->name_port : nb->config->datagram_port;
    char text[INET_ADDRSTRLEN];
    if (number == 0)
        return true;
    int fd = make_socket(address, number);
    if (fd < 0) {
        snprintf(why, why_size,
                 "UDP port %u of %s cannot be used for NetBIOS: %s; [netbios] %s = 0 turns it off",
                 number, address_text(address, text), strerror(errno),
                 service == NAMES ? "name_port" : "datagram_port");
        return false;
    }
    nb->ports[nb->port_count++] = (struct port){
        .nb = nb, .fd = fd, .local = local, .service = service, .receives_only = address != local
    };
    return true;
}

static bool bind_all(struct nt_netbios *nb, char *why, size_t why_size)
{
    struct nt_nb_iface ifaces[NT_NB_IFACES];
    size_t count = nb->any ? 0 : find_ifaces(nb->config, ifaces);
    for (int service = 0; service < SERVICES; service++) {
        enum service s = (enum service)service;
        if (nb->any && !add_port(nb, s, 0, 0, why, why_size))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!add_port(nb, s, ifaces[i].address, ifaces[i].address, why, why_size) ||
                (ifaces[i].broadcast != 0 &&
                 !add_port(nb, s, ifaces[i].broadcast, ifaces[i].address, why, why_size)))
                return false;
    }
    return true;
}

enum nt_err nt_netbios_bind(const struct nt_config *config, struct nt_netbios **out, char *why,
                            size_t why_size)
{
    struct nt_netbios *nb = calloc(1, sizeof *nb);
    *out = NULL;
    if (nb == NULL || uv_mutex_init(&nb->lock) != 0) {
        snprintf(why, why_size, "out of memory");
        free(nb);
        return NT_E_NOMEM;
    }
    nb->config = config;
    nb->any = listened_on(config, 0);
    nt_buf_init(&nb->packet.data, NT_NB_PACKET_MAX);
    bool ok = bind_all(nb, why, why_size);
    if (ok && nb->port_count > 0) {
        *out = nb;
        return NT_OK;
    }
    nt_netbios_free(nb);
    return ok ? NT_OK : NT_E_IO;
}

void nt_netbios_free(struct nt_netbios *nb)
{
    if (nb == NULL)
        return;
    for (size_t i = 0; i < nb->port_count; i++)
        close(nb->ports[i].fd);
    nt_buf_free(&nb->packet.data);
    uv_mutex_destroy(&nb->lock);
    free(nb);
}

/* --- sending --- */

static struct port *port_for(struct nt_netbios *nb, enum service service, uint32_t local)
{
    for (size_t i = 0; i < nb->port_count; i++) {
        struct port *p = &nb->ports[i];
        if (p->service == service && !p->receives_only && (p->local == 0 || p->local == local))
            return p;
    }
    return NULL;
}

/* A packet that cannot be sent is like one that is lost. */
static void send_packet(struct nt_netbios *nb, enum service service,
                        const struct nt_nb_packet *packet)
{
    const struct port *p = port_for(nb, service, packet->local);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(packet->port),
                              .sin_addr.s_addr = htonl(packet->to) };
    struct iovec data = { packet->data.data, packet->data.len };
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = { .room = { 0 } };
    struct msghdr m = { .msg_name = &to,
                        .msg_namelen = sizeof to,
                        .msg_iov = &data,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof control };
    const struct in_pktinfo from = { .ipi_spec_dst.s_addr = htonl(packet->local) };
    if (p == NULL)
        return;
    control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof from),
                                       .cmsg_level = IPPROTO_IP,
                                       .cmsg_type = IP_PKTINFO };
    memcpy(CMSG_DATA(&control.header), &from, sizeof from);
    if (sendmsg(p->fd, &m, MSG_DONTWAIT) < 0)
        nt_log(NT_LOG_DEBUG, "netbios packet not sent reason=%s", strerror(errno));
}

/* --- the names --- */

static void tell_event(struct nt_netbios *nb, const struct nt_nb_event *ev)
{
    char name[NT_NB_NAME_TEXT], by[INET_ADDRSTRLEN];
    const char *road = ev->road == NT_NB_BY_WINS ? "wins" : "broadcast";
    nt_nb_name_format(&nb->node.names[ev->name].name, name);
    address_text(ev->address, by);
    switch (ev->kind) {
    case NT_NB_EV_HELD:
        nt_log(NT_LOG_INFO, "netbios name registered name=%s by=%s at=%s", name, road, by);
        return;
    case NT_NB_EV_WINS_SILENT:
        nt_log(NT_LOG_WARN,
               "netbios name not registered name=%s by=wins reason=no WINS server "
               "answers",
               name);
        return;
    case NT_NB_EV_REFUSED:
        nt_log(NT_LOG_WARN,
               "netbios name conflict name=%s by=%s peer=%s reason=another computer has this name; "
               "it is tried again",
               name, road, by);
        break;
    case NT_NB_EV_CONFLICT:
        nt_log(NT_LOG_WARN,
               "netbios name conflict name=%s by=%s peer=%s reason=that computer claims a name of "
               "ours; it is not given up",
               name, road, by);
        break;
    }
    nb->conflicts[ev->name].by = ev->address;
    nb->conflicts[ev->name].at = nt_now(nb->domain->env);
}

static void on_timer(uv_timer_t *timer);

/* Sends what is due, tells what happened, sets the timer. */
static void go_on(struct nt_netbios *nb)
{
    uint64_t now = nt_loop_now(nb->loop);
    struct nt_nb_event ev;
    uv_mutex_lock(&nb->lock);
    while (nt_nb_node_next(&nb->node, now, &nb->packet))
        send_packet(nb, NAMES, &nb->packet);
    while (nt_nb_node_event(&nb->node, &ev))
        tell_event(nb, &ev);
    uint64_t at = nt_nb_node_deadline(&nb->node);
    uv_mutex_unlock(&nb->lock);
    for (const struct nt_locate_dc *ask = nb->asks; ask != NULL; ask = ask->next)
        at = ask->until_ms < at ? ask->until_ms : at;
    if (uv_is_closing((uv_handle_t *)&nb->timer))
        return;
    if (at == UINT64_MAX)
        uv_timer_stop(&nb->timer);
    else
        uv_timer_start(&nb->timer, on_timer, at > now ? at - now : 0, 0);
}

static void names_received(struct nt_netbios *nb, uint32_t from, uint16_t port, uint32_t local,
                           bool broadcast, const uint8_t *data, size_t len)
{
    uv_mutex_lock(&nb->lock);
    bool said = nt_nb_node_feed(&nb->node, from, port, local, broadcast, data, len,
                                nt_loop_now(nb->loop), &nb->packet);
    uv_mutex_unlock(&nb->lock);
    if (said)
        send_packet(nb, NAMES, &nb->packet);
}

/* --- the controllers --- */

static void end_ask(struct nt_netbios *nb, struct nt_locate_dc *ask, const struct nt_nl_response *r)
{
    for (struct nt_locate_dc **at = &nb->asks; *at != NULL; at = &(*at)->next)
        if (*at == ask) {
            *at = ask->next;
            break;
        }
    ask->answered(ask, r);
}

static bool is_answer(struct nt_netbios *nb, uint32_t from, const uint8_t *data, size_t len)
{
    struct nt_nl_response r;
    for (struct nt_locate_dc *ask = nb->asks; ask != NULL; ask = ask->next)
        if (from == ask->to && nt_getdc_take(&ask->question, data, len, &r)) {
            end_ask(nb, ask, &r);
            return true;
        }
    return false;
}

static void datagram_received(struct nt_netbios *nb, uint32_t from, uint32_t local,
                              const uint8_t *data, size_t len)
{
    const struct nt_getdc_self self = {
        .domain = nb->name, .computer = nb->computer, .sid = nb->sid, .node = &nb->node
    };
    if (is_answer(nb, from, data, len))
        return;
    if (nt_getdc_answer(&self, from, local, nb->next_id, data, len, &nb->packet) &&
        nt_nb_rate_take(&nb->rate, from, nt_loop_now(nb->loop))) {
        nb->next_id++;
        send_packet(nb, DATAGRAMS, &nb->packet);
    }
}

bool nt_netbios_ask_dc(void *ctx, struct nt_locate_dc *ask)
{
    struct nt_netbios *nb = ctx;
    /* The answer comes to port 138, so that it must be ours. */
    if (nb == NULL || nb->domain == NULL || nb->node.iface_count == 0 ||
        nb->config->datagram_port != NT_NB_DGM_PORT)
        return false;
    /* From the address that is nearest to it. */
    const struct nt_nb_iface *iface = nb->node.ifaces;
    for (size_t i = 1; i < nb->node.iface_count; i++)
        if ((nb->node.ifaces[i].address ^ ask->to) < (iface->address ^ ask->to))
            iface = &nb->node.ifaces[i];
    nt_random(nb->domain->env, &ask->question.number, sizeof ask->question.number);
    if (!nt_getdc_ask(&ask->question, iface->address, ask->to, nb->next_id++, &nb->packet))
        return false;
    send_packet(nb, DATAGRAMS, &nb->packet);
    ask->until_ms = nt_loop_now(nb->loop) + ASK_MS;
    ask->next = nb->asks;
    nb->asks = ask;
    go_on(nb);
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct nt_netbios *nb = timer->data;
    uint64_t now = nt_loop_now(nb->loop);
    for (struct nt_locate_dc *ask = nb->asks, *next; ask != NULL; ask = next) {
        next = ask->next;
        if (ask->until_ms <= now)
            end_ask(nb, ask, NULL);
    }
    go_on(nb);
}

/* --- receiving --- */

static bool read_one(struct port *p)
{
    struct nt_netbios *nb = p->nb;
    uint8_t data[NT_NB_PACKET_MAX];
    char room[CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8)));
    struct sockaddr_in from = { .sin_port = 0 };
    struct iovec iov = { data, sizeof data };
    struct in_pktinfo to = { .ipi_ifindex = 0 };
    struct msghdr m = { .msg_name = &from,
                        .msg_namelen = sizeof from,
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = room,
                        .msg_controllen = sizeof room };
    ssize_t n = recvmsg(p->fd, &m, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            memcpy(&to, CMSG_DATA(c), sizeof to);
    uint32_t source = ntohl(from.sin_addr.s_addr), local = ntohl(to.ipi_spec_dst.s_addr);
    bool broadcast = to.ipi_addr.s_addr != to.ipi_spec_dst.s_addr;
    if (p->local != 0)
        local = p->local;
    if ((m.msg_flags & MSG_TRUNC) != 0 || from.sin_family != AF_INET || local >> 24 == 127)
        return true;
    if (p->service == NAMES)
        names_received(nb, source, ntohs(from.sin_port), local, broadcast, data, (size_t)n);
    else
        datagram_received(nb, source, local, data, (size_t)n);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct port *p = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < READ_AT_ONCE && p->open; i++)
        if (!read_one(p))
            break;
    go_on(p->nb);
}

/* --- life --- */

static void look_at_ifaces(struct nt_netbios *nb)
{
    struct nt_nb_iface ifaces[NT_NB_IFACES];
    size_t count = find_ifaces(nb->config, ifaces);
    uv_mutex_lock(&nb->lock);
    nt_nb_node_set_ifaces(&nb->node, ifaces, count, nt_loop_now(nb->loop));
    uv_mutex_unlock(&nb->lock);
    go_on(nb);
}

static void on_rescan(uv_timer_t *timer)
{
    look_at_ifaces(timer->data);
}

static void init_node(struct nt_netbios *nb)
{
    struct nt_dir *dir = nt_engine_dir(nb->domain->engine);
    const struct nt_domain *d = nt_dir_domain(dir);
    struct nt_nb_node_config config = { .domain = d->name,
                                        .computer = nt_service_computer(nb->domain, dir),
                                        .mode = nt_netbios_mode(nb->config),
                                        .wins_count = nb->config->wins.count,
                                        .port = nb->config->name_port,
                                        .env = nb->domain->env };
    memcpy(config.wins, nb->config->wins.address, sizeof config.wins);
    uv_mutex_lock(&nb->lock);
    nt_nb_node_init(&nb->node, &config);
    uv_mutex_unlock(&nb->lock);
    snprintf(nb->name, sizeof nb->name, "%s", d->name);
    snprintf(nb->computer, sizeof nb->computer, "%s", nt_service_computer(nb->domain, dir));
    nb->sid = d->sid;
    nt_dir_unref(dir);
}

enum nt_err nt_netbios_start(struct nt_netbios *nb, struct nt_loop *loop,
                             struct nt_service *service)
{
    uint32_t seed;
    if (nb == NULL)
        return NT_OK;
    nb->loop = loop;
    nb->domain = service;
    nt_random(service->env, &seed, sizeof seed);
    nt_random(service->env, &nb->next_id, sizeof nb->next_id);
    nt_nb_rate_init(&nb->rate, ANSWERS_PER_S, ANSWERS_BURST, seed);
    init_node(nb);
    nb->timer.data = nb->rescan.data = nb;
    if (uv_timer_init(&loop->uv, &nb->timer) != 0 || uv_timer_init(&loop->uv, &nb->rescan) != 0)
        return NT_E_NOMEM;
    for (size_t i = 0; i < nb->port_count; i++) {
        struct port *p = &nb->ports[i];
        p->poll.data = p;
        if (uv_poll_init(&loop->uv, &p->poll, p->fd) != 0 ||
            uv_poll_start(&p->poll, UV_READABLE, on_readable) != 0)
            return NT_E_IO;
        p->open = true;
    }
    if (nb->config->name_port == 0)
        return NT_OK;
    uv_timer_start(&nb->rescan, on_rescan, RESCAN_MS, RESCAN_MS);
    look_at_ifaces(nb);
    return NT_OK;
}

void nt_netbios_stop(struct nt_netbios *nb)
{
    if (nb == NULL || nb->domain == NULL)
        return;
    while (nb->asks != NULL)
        end_ask(nb, nb->asks, NULL);
    uv_mutex_lock(&nb->lock);
    nt_nb_node_stop(&nb->node, nt_loop_now(nb->loop));
    uv_mutex_unlock(&nb->lock);
    go_on(nb);
    uv_close((uv_handle_t *)&nb->timer, NULL);
    uv_close((uv_handle_t *)&nb->rescan, NULL);
    for (size_t i = 0; i < nb->port_count; i++) {
        nb->ports[i].open = false;
        uv_close((uv_handle_t *)&nb->ports[i].poll, NULL);
    }
}

size_t nt_netbios_names(struct nt_netbios *nb, struct nt_netbios_name out[NT_NB_NAMES])
{
    size_t count = 0;
    uint32_t ignored;
    if (nb == NULL || nb->config->name_port == 0)
        return 0;
    uv_mutex_lock(&nb->lock);
    for (; count < nb->node.name_count; count++) {
        struct nt_netbios_name *n = &out[count];
        *n = (struct nt_netbios_name){ .group = nb->node.names[count].group };
        nt_nb_name_format(&nb->node.names[count].name, n->name);
        n->broadcast = nt_nb_node_state(&nb->node, count, NT_NB_BY_BROADCAST, &ignored);
        n->wins = nt_nb_node_state(&nb->node, count, NT_NB_BY_WINS, &n->wins_by);
        n->conflict_by = nb->conflicts[count].by;
        n->conflict_at = nb->conflicts[count].at;
    }
    uv_mutex_unlock(&nb->lock);
    return count;
}
