/* load_link.c - the clients' connections: TCP for one association, or SMB for a session whose pipes
 * carry them one after the other. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load.h"
#include "crypto/sysenv.h"
#include "idl/netlogon.h"

#define SOURCES                                                                                    \
    200u /* addresses 127.0.0.1 and on: closed connections keep their ports a minute               \
          */

static uint64_t now_ms(void)
{
    return load_now_ns() / 1000000u;
}

static void watch(struct client *c, int op)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    if (c->connecting || c->want_write)
        e.events |= EPOLLOUT;
    if (epoll_ctl(c->load->epoll, op, c->fd, &e) != 0)
        load_die("epoll: %s", strerror(errno));
}

static void connect_socket(struct client *c)
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
    c->connecting = true;
    c->want_write = false;
    c->connections++;
    watch(c, EPOLL_CTL_ADD);
}

static void begin_association(struct client *c)
{
    c->rpc = nt_rpc_client_new(&c->binding, now_ms());
    if (c->rpc == NULL)
        load_die("out of memory");
}

void load_session(struct client *c)
{
    char user[32];
    struct nt_secret hash;
    snprintf(user, sizeof user, LOAD_USER, c->number % c->load->session_users);
    load_hash(user, &hash);
    const struct nt_ntlm_client_config who = { .domain = LOAD_DOMAIN,
                                               .user = user,
                                               .computer = c->computer,
                                               .nt_hash = &hash,
                                               .env = nt_env_system() };
    struct nt_sec *ntlm = nt_sec_ntlm_client(&who);
    struct nt_sec *spnego = ntlm != NULL ? nt_sec_spnego_client(ntlm) : NULL;
    if (spnego == NULL)
        load_die("out of memory");
    connect_socket(c);
    c->smb = nt_smb_client_new(&(struct nt_smb_client_config){ .host = LOAD_CONTROLLER,
                                                               .sec = spnego,
                                                               .env = nt_env_system(),
                                                               .setup_ms = LOAD_CALL_MS },
                               now_ms());
    if (c->smb == NULL)
        load_die("out of memory");
}

void load_bind(struct client *c, const struct nt_ndr_interface *iface, struct nt_sec *sec)
{
    c->binding = (struct nt_rpc_client_config){
        .iface = iface,
        .sec = sec,
        .auth_type = sec != NULL ? NT_AUTH_SCHANNEL : NT_AUTH_NONE,
        .auth_level = sec != NULL ? NT_LEVEL_PRIVACY : NT_LEVEL_NONE,
        .bind_ms = LOAD_CALL_MS,
    };
    if (c->smb == NULL) {
        load_disconnect(c);
        connect_socket(c);
        begin_association(c);
        return;
    }
    nt_rpc_client_free(c->rpc);
    c->rpc = NULL;
    if (c->pipe != 0)
        nt_smb_client_close(c->smb, c->pipe, now_ms());
    enum nt_err err = nt_smb_client_open(c->smb, iface->name, LOAD_CALL_MS, now_ms(), &c->pipe);
    if (err != NT_OK)
        load_die("%s: %s", iface->name, nt_err_text(err));
}

void load_disconnect(struct client *c)
{
    nt_rpc_client_free(c->rpc);
    nt_smb_client_free(c->smb);
    c->rpc = NULL;
    c->smb = NULL;
    c->pipe = 0;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* --- out --- */

/* Every PDU of a client is a question of one fragment. */
static void fill_pipe(struct client *c)
{
    const uint8_t *data;
    size_t len = c->rpc != NULL ? nt_rpc_client_pending(c->rpc, &data) : 0;
    if (len == 0)
        return;
    enum nt_err err = nt_smb_client_write(c->smb, c->pipe, data, len, true, LOAD_CALL_MS, now_ms());
    if (err != NT_OK)
        load_die("%s: writing to the pipe: %s", c->computer, nt_err_text(err));
    nt_rpc_client_sent(c->rpc, len);
}

static size_t pending(const struct client *c, const uint8_t **data)
{
    return c->smb != NULL ? nt_smb_client_pending(c->smb, data)
                          : nt_rpc_client_pending(c->rpc, data);
}

static void sent(struct client *c, size_t len)
{
    if (c->smb != NULL)
        nt_smb_client_sent(c->smb, len);
    else
        nt_rpc_client_sent(c->rpc, len);
}

void load_flush(struct client *c)
{
    const uint8_t *data;
    size_t len;
    bool full = false;
    if (c->smb != NULL)
        fill_pipe(c);
    while (!c->connecting && !full && (len = pending(c, &data)) > 0) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            load_die("send: %s", strerror(errno));
        full = n < 0;
        if (n > 0)
            sent(c, (size_t)n);
    }
    if (full != c->want_write) {
        c->want_write = full;
        watch(c, EPOLL_CTL_MOD);
    }
}

/* --- in --- */

/* A step may end the association and begin another, which has no events yet. */
static void serve_association(struct client *c)
{
    struct nt_rpc_client_event ev;
    while (c->rpc != NULL && nt_rpc_client_next(c->rpc, &ev)) {
        switch (ev.kind) {
        case NT_RPC_BOUND:
            load_bound(c);
            break;
        case NT_RPC_RESPONSE:
            load_answered(c, ev.stub, ev.len);
            break;
        case NT_RPC_FAULT:
            load_die("%s: fault 0x%08X", c->computer, ev.fault);
        case NT_RPC_FAILED:
            load_die("%s: %s", c->computer, ev.why);
        }
    }
}

static void take_message(struct client *c, const uint8_t *data, size_t len)
{
    if (nt_rpc_client_feed(c->rpc, data, len, now_ms()) != len)
        load_die("%s: more than one answer at once", c->computer);
    serve_association(c);
}

/* All sessions of a run must be alike. */
static void note_session(const struct client *c)
{
    static const char *const signing[] = { "HMAC-SHA256", "AES-CMAC", "AES-GMAC" };
    char text[sizeof c->load->session];
    uint16_t dialect = nt_smb_client_dialect(c->smb);
    snprintf(text, sizeof text, "SMB %x.%x.%x, %s%s%s", dialect >> 8, dialect >> 4 & 15u,
             dialect & 15u, nt_smb_client_is_signed(c->smb) ? "signed by " : "not signed: ",
             signing[nt_smb_client_signing(c->smb)],
             nt_smb_client_is_encrypted(c->smb) ? ", encrypted" : "");
    if (c->load->session[0] == '\0')
        memcpy(c->load->session, text, sizeof text);
    else if (strcmp(c->load->session, text) != 0)
        load_die("%s: %s, but others: %s", c->computer, text, c->load->session);
}

/* An answer may be the last one of this session, and the next one's connection be there. */
static void serve_session(struct client *c)
{
    struct nt_smb_client_event ev;
    unsigned connection = c->connections;
    while (c->connections == connection && nt_smb_client_next(c->smb, &ev, now_ms())) {
        switch (ev.kind) {
        case NT_SMB_CLIENT_READY:
            note_session(c);
            load_session_ready(c);
            break;
        case NT_SMB_CLIENT_OPENED:
            begin_association(c);
            break;
        case NT_SMB_CLIENT_DATA:
            take_message(c, ev.data, ev.len);
            break;
        case NT_SMB_CLIENT_CLOSED:
            load_die("%s: the pipe was closed: %s", c->computer, ev.why);
        case NT_SMB_CLIENT_FAILED:
            load_die("%s: %s: %s", c->computer, nt_status_name(ev.status), ev.why);
        }
    }
}

/* What was received over the connection that is there now; it may end while that is looked at. */
static void take(struct client *c, const uint8_t *data, size_t len)
{
    unsigned connection = c->connections;
    while (len > 0 && c->connections == connection) {
        if (c->smb == NULL) {
            take_message(c, data, len);
            return;
        }
        size_t took = nt_smb_client_feed(c->smb, data, len, now_ms());
        data += took;
        len -= took;
        serve_session(c);
    }
}

void load_on_event(struct client *c, uint32_t events)
{
    static uint8_t buffer[65536];
    if (c->connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int why = 0;
        socklen_t len = sizeof why;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0 || why != 0)
            load_die("connect to port %u: %s", c->load->port, strerror(why));
        c->connecting = false;
        watch(c, EPOLL_CTL_MOD);
    }
    if ((events & EPOLLIN) != 0) {
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            load_die("%s: the connection ended: %s", c->computer, n == 0 ? "" : strerror(errno));
        if (n > 0)
            take(c, buffer, (size_t)n);
    }
    load_flush(c);
}
