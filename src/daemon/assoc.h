/*
 * assoc.h - one DCE/RPC association with the calls that are made on it: joins the association
 * machine (rpc/server.h) with the interfaces (src/service). A TCP connection has one, an SMB
 * connection one for each open pipe. Calls that wait (for the disk, for another controller) outlive
 * it. In the thread of its loop.
 */
#ifndef NT_DAEMON_ASSOC_H
#define NT_DAEMON_ASSOC_H

#include <stdatomic.h>

#include "daemon/loop.h"
#include "service/service.h"

struct nt_assoc;

struct nt_assoc_config {
    struct nt_service *service; /* kept */
    struct nt_loop *loop;       /* kept */
    atomic_uint *parked;        /* kept: counts calls and questions in progress, of all loops */
    const struct nt_ndr_interface *const *ifaces; /* offered here; kept */
    size_t iface_count;
    const char *secondary;       /* bind_ack's secondary address; copied */
    uint32_t idle_ms;            /* no byte for so long: close (nt_rpc_limits) */
    uint32_t anonymous_idle_ms;  /* likewise, while nobody has authenticated */
    uint32_t auth_ms;            /* as in nt_rpc_limits */
    const char *peer, *local;    /* addresses, for logs and answers; copied */
    enum nt_transport transport; /* what it runs over, and for a pipe: */
    bool is_signed, is_encrypted;
    struct nt_token *caller;             /* who calls without a security context of RPC; taken as a
                                            reference of its own */
    const struct nt_secret *session_key; /* of the SMB session; copied; NULL: none */

    /* May a call be begun now? False while answers are not taken by the peer. */
    bool (*ready)(void *ctx);
    /* A call or question that had to wait is answered: nt_assoc_serve, and send. Not called from
     * within a function of this file, nor after nt_assoc_close. */
    void (*wake)(void *ctx);
    /* Somebody has authenticated on it: it is worth keeping longer. NULL: not of interest. */
    void (*known)(void *ctx);
    void *ctx;
};

/* The config is copied, but for what it says is kept. NULL: no memory. */
struct nt_assoc *nt_assoc_new(const struct nt_assoc_config *config);
/* The connection or pipe is gone; the memory goes when no call waits any more. NULL is fine. */
void nt_assoc_close(struct nt_assoc *a);

/* Takes bytes; returns how many (fewer: full until events are served). */
size_t nt_assoc_feed(struct nt_assoc *a, const uint8_t *data, size_t len);
/* Begins all calls that have arrived, as far as the owner is ready. */
void nt_assoc_serve(struct nt_assoc *a);
size_t nt_assoc_pending(const struct nt_assoc *a, const uint8_t **data);
void nt_assoc_sent(struct nt_assoc *a, size_t len);
uint64_t nt_assoc_deadline(const struct nt_assoc *a);
bool nt_assoc_tick(struct nt_assoc *a, uint64_t now_ms); /* false: close */
/* True when it has ended; why as in nt_rpc_server_closed. */
bool nt_assoc_closed(const struct nt_assoc *a, const char **why);

#endif
