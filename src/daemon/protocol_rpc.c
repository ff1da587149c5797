/*
 * protocol_rpc.c - DCE/RPC over TCP: a connection is an association. [MS-RPCE] 2.1.1.1
 */
#include "daemon/assoc.h"
#include "daemon/protocol.h"

static bool ready(void *ctx)
{
    return nt_stream_ready(ctx);
}

static void wake(void *ctx)
{
    nt_stream_wake(ctx);
}

static void *rpc_open(void *ctx, struct nt_stream *stream, const char *peer, const char *local)
{
    const struct nt_protocol_host *host = ctx;
    return nt_assoc_new(&(struct nt_assoc_config){
        .service = host->service,
        .loop = nt_stream_loop(stream),
        .parked = host->parked,
        .ifaces = host->ifaces,
        .iface_count = host->iface_count,
        .secondary = host->secondary,
        .idle_ms = host->config->idle_timeout_s * 1000,
        .anonymous_idle_ms = host->config->anonymous_timeout_s * 1000,
        .auth_ms = host->config->handshake_timeout_s * 1000,
        .peer = peer,
        .local = local,
        .transport = NT_TRANSPORT_TCP,
        .caller = host->anonymous,
        .ready = ready,
        .wake = wake,
        .ctx = stream,
    });
}

static size_t rpc_feed(void *conn, const uint8_t *data, size_t len, uint64_t now_ms)
{
    (void)now_ms; /* the association asks its loop */
    return nt_assoc_feed(conn, data, len);
}

static void rpc_serve(void *conn)
{
    nt_assoc_serve(conn);
}

static size_t rpc_pending(const void *conn, const uint8_t **data)
{
    return nt_assoc_pending(conn, data);
}

static void rpc_sent(void *conn, size_t len)
{
    nt_assoc_sent(conn, len);
}

static uint64_t rpc_deadline(const void *conn)
{
    return nt_assoc_deadline(conn);
}

static bool rpc_tick(void *conn, uint64_t now_ms)
{
    return nt_assoc_tick(conn, now_ms);
}

static bool rpc_closed(const void *conn, const char **why)
{
    return nt_assoc_closed(conn, why);
}

static void rpc_close(void *conn)
{
    nt_assoc_close(conn);
}

const struct nt_protocol nt_protocol_rpc = {
    .open = rpc_open,
    .feed = rpc_feed,
    .serve = rpc_serve,
    .pending = rpc_pending,
    .sent = rpc_sent,
    .deadline = rpc_deadline,
    .tick = rpc_tick,
    .closed = rpc_closed,
    .close = rpc_close,
};
