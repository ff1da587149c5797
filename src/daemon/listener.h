/*
 * listener.h - TCP: accepts connections in every loop and moves their bytes to and from the machine
 * of a protocol, which is a table of functions (protocol_rpc.c, protocol_smb.c).
 */
#ifndef NT_DAEMON_LISTENER_H
#define NT_DAEMON_LISTENER_H

#include "daemon/clients.h"
#include "daemon/config.h"
#include "daemon/loop.h"

struct nt_listener;
struct nt_stream; /* one connection */

/* All is called in the connection's own loop. */
struct nt_protocol {
    /* The state for an accepted connection; ctx: the listener's. NULL: no memory. */
    void *(*open)(void *ctx, struct nt_stream *stream, const char *peer, const char *local);
    /* Takes bytes; returns how many (fewer: full until it was served). */
    size_t (*feed)(void *conn, const uint8_t *data, size_t len, uint64_t now_ms);
    /* Acts on what was fed, as long as nt_stream_ready. */
    void (*serve)(void *conn);
    size_t (*pending)(const void *conn, const uint8_t **data); /* to send */
    void (*sent)(void *conn, size_t len);
    uint64_t (*deadline)(const void *conn);             /* when tick is to be called */
    bool (*tick)(void *conn, uint64_t now_ms);          /* false: close */
    bool (*closed)(const void *conn, const char **why); /* to be closed once all is sent */
    void (*close)(void *conn); /* the connection has gone: frees; the stream must not be used */
};

/* True while the peer takes what is sent: more may be served. */
bool nt_stream_ready(const struct nt_stream *stream);
struct nt_loop *nt_stream_loop(const struct nt_stream *stream);
/* Something that had to wait has happened: serves, and sends what came of it. */
void nt_stream_wake(struct nt_stream *stream);

struct nt_listener_config {
    const struct nt_protocol *protocol; /* kept */
    void *ctx;                          /* for its open */
    struct nt_clients *clients;         /* kept */
    const struct nt_config *config;     /* kept */
    uint16_t port;
    const char *rival; /* who may have the port already, as " (smbd of Samba?)", or ""; kept */
};

/* Binds the port on every configured address; accepts nothing yet. On failure why[] has one line
 * ("port 135 of 0.0.0.0 is in use ..."). */
enum nt_err nt_listener_bind(const struct nt_listener_config *config, size_t loop_count,
                             struct nt_listener **listener, char *why, size_t why_size) NT_MUST_USE;
/* Accepts in that loop (index below loop_count); call before the loop runs or in its thread. */
enum nt_err nt_listener_start(struct nt_listener *listener, size_t index,
                              struct nt_loop *loop) NT_MUST_USE;
/* In the loop's thread: stops accepting and closes that loop's connections. */
void nt_listener_stop(struct nt_listener *listener, size_t index);
void nt_listener_free(struct nt_listener *listener); /* after the loops have ended; NULL is fine */

#endif
