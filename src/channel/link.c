#include "channel/link.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "channel/pipe.h"
#include "idl/epm.h"
#include "rpc/pdu.h"
#include "service/tower.h"

enum stage {
    MAP_CONNECT, /* to the endpoint mapper */
    MAP_BIND,
    MAP_CALL,
    CONNECT, /* to the interface */
    SMB_CONNECT,
    SMB_SESSION, /* until its pipe is open */
    BIND,
    READY,
    FAILED
};

struct nt_link {
    enum stage stage;
    unsigned number;
    char *host;
    enum nt_road road;
    bool by_smb; /* the road that is tried now */
    uint16_t epm_port, port, smb_port;
    struct nt_pipe_config pipe_config;      /* .sec is ours until the session */
    struct nt_pipe *pipe;                   /* SMB: under the association */
    struct nt_link *lead;                   /* whose session the pipe is in; NULL: its own */
    struct nt_link *guests, *next;          /* those in this one's, by `next` */
    struct nt_rpc_client_config rpc_config; /* .sec is ours until the bind */
    struct nt_rpc_client *rpc;              /* of the present connection */
    uint64_t connect_deadline;
    bool told; /* READY or FAILED was given out */
    ntstatus status;
    enum nt_smb_step step;
    char why[600];
    char tcp_why[256]; /* NT_ROAD_ANY: why the first road did not lead there */
};

/* Unique in the process: a link may be made where one that was freed has stood in memory, and must
 * not be taken for it. 0 is never given. */
static unsigned next_number(void)
{
    static atomic_uint last;
    unsigned number;
    do
        number = atomic_fetch_add(&last, 1) + 1;
    while (number == 0);
    return number;
}

static void sec_free(struct nt_sec *sec)
{
    if (sec != NULL)
        sec->ops->free(sec);
}

static void lose_guests(struct nt_link *l, ntstatus status, const char *why);
static void follow_pipe(struct nt_link *l, enum nt_pipe_state state, uint64_t now_ms);

/* Into the session of another link, whose connection is there already. */
static bool join(struct nt_link *l, struct nt_link *lead, uint64_t now_ms)
{
    l->pipe_config.beside = lead->pipe;
    l->pipe = nt_pipe_new(&l->pipe_config, now_ms);
    if (l->pipe == NULL)
        return false;
    l->stage = SMB_SESSION;
    l->lead = lead;
    l->next = lead->guests;
    lead->guests = l;
    follow_pipe(l, nt_pipe_state_of(l->pipe), now_ms);
    return true;
}

static void leave(struct nt_link *l)
{
    struct nt_link **at = &l->lead->guests;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
}

/* What came may have been for those that share the session. */
static void follow_guests(struct nt_link *l, uint64_t now_ms)
{
    for (struct nt_link *g = l->guests; g != NULL; g = g->next)
        if (g->stage != FAILED)
            follow_pipe(g, nt_pipe_state_of(g->pipe), now_ms);
}

static enum stage first_stage(const struct nt_link_config *config)
{
    if (config->road == NT_ROAD_SMB)
        return SMB_CONNECT;
    return config->port != 0 ? CONNECT : MAP_CONNECT;
}

struct nt_link *nt_link_new(const struct nt_link_config *config, uint64_t now_ms)
{
    struct nt_link *l = calloc(1, sizeof *l);
    if (l == NULL || (l->host = strdup(config->host)) == NULL) {
        free(l);
        sec_free(config->sec);
        sec_free(config->smb_sec);
        return NULL;
    }
    l->stage = first_stage(config);
    l->road = config->road;
    l->by_smb = config->road == NT_ROAD_SMB;
    l->number = next_number();
    l->smb_port = config->smb_port != 0 ? config->smb_port : 445;
    l->pipe_config = (struct nt_pipe_config){ .host = l->host,
                                              .iface = config->iface,
                                              .sec = config->smb_sec,
                                              .encrypt = config->smb_encrypt,
                                              .env = config->env };
    l->epm_port = config->epm_port != 0 ? config->epm_port : 135;
    l->port = config->port;
    l->rpc_config = (struct nt_rpc_client_config){
        .iface = config->iface,
        .sec = config->sec,
        .auth_type = config->auth_type,
        .auth_level = config->auth_level,
    };
    l->connect_deadline = now_ms + NT_LINK_CONNECT_MS;
    if (config->beside == NULL || join(l, config->beside, now_ms))
        return l;
    nt_link_free(l);
    return NULL;
}

void nt_link_free(struct nt_link *l)
{
    if (l == NULL)
        return;
    lose_guests(l, NT_STATUS(CONNECTION_ABORTED), "the connection was closed");
    for (struct nt_link *g = l->guests; g != NULL; g = g->next)
        g->lead = NULL;
    if (l->lead != NULL)
        leave(l);
    nt_rpc_client_free(l->rpc);
    nt_pipe_free(l->pipe);
    sec_free(l->rpc_config.sec);
    sec_free(l->pipe_config.sec);
    free(l->host);
    free(l);
}

/* --- failure, and the second road --- */

/* True when it makes sense to try the pipe: nothing was sent to the interface yet, and the name at
 * least is known. */
static bool has_other_road(const struct nt_link *l, ntstatus status)
{
    return l->road == NT_ROAD_ANY && l->stage <= CONNECT &&
           nt_pipe_name(l->rpc_config.iface) != NULL &&
           !nt_status_is(status, NT_STATUS(DOMAIN_CONTROLLER_NOT_FOUND)) &&
           !nt_status_is(status, NT_STATUS(NO_MEMORY));
}

/* Where it was tried, as the beginning of a sentence. */
static void place(const struct nt_link *l, char *out, size_t size)
{
    if (l->by_smb)
        snprintf(out, size, "%s through a pipe of \\\\%.100s (SMB port %u)",
                 l->rpc_config.iface->name, l->host, l->smb_port);
    else if (l->stage <= MAP_CALL)
        snprintf(out, size, "endpoint mapper at %.100s port %u", l->host, l->epm_port);
    else
        snprintf(out, size, "%s at %.100s port %u", l->rpc_config.iface->name, l->host, l->port);
}

/* Before what the second road says stands what the first one said. */
static void end(struct nt_link *l, enum nt_smb_step step, ntstatus status, const char *why)
{
    char at[200];
    place(l, at, sizeof at);
    snprintf(l->why, sizeof l->why, "%s%s%s: %s", l->tcp_why, l->tcp_why[0] != '\0' ? "; " : "", at,
             why);
    l->stage = FAILED;
    l->status = status;
    l->step = step;
    lose_guests(l, status, why);
}

/* With the connection goes what shares it. */
static void lose_guests(struct nt_link *l, ntstatus status, const char *why)
{
    for (struct nt_link *g = l->guests; g != NULL; g = g->next)
        if (g->stage == FAILED)
            continue;
        else if (g->rpc != NULL)
            nt_rpc_client_eof(g->rpc); /* see nt_link_lost */
        else
            end(g, NT_SMB_STEP_NETWORK, status, why);
}

static void take_other_road(struct nt_link *l, const char *why)
{
    char at[200];
    place(l, at, sizeof at);
    snprintf(l->tcp_why, sizeof l->tcp_why, "%s: %s", at, why);
    nt_rpc_client_free(l->rpc);
    l->rpc = NULL;
    l->by_smb = true;
    l->stage = SMB_CONNECT;
    l->number = next_number();
    l->connect_deadline = 0; /* from the next tick on */
}

static void fail(struct nt_link *l, ntstatus status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The first failure stays. The deadline of the second road begins when it is asked for. */
static void fail(struct nt_link *l, ntstatus status, const char *fmt, ...)
{
    char why[300];
    va_list ap;
    if (l->stage == FAILED)
        return;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (has_other_road(l, status))
        take_other_road(l, why);
    else
        end(l, NT_SMB_STEP_NETWORK, status, why);
}

static void pipe_failed(struct nt_link *l)
{
    ntstatus status;
    enum nt_smb_step step;
    const char *why = nt_pipe_failure(l->pipe, &status, &step);
    if (l->stage != FAILED)
        end(l, step, status, why);
}

bool nt_link_wants(const struct nt_link *l, const char **host, uint16_t *port, unsigned *number)
{
    if (l->stage == FAILED || l->pipe_config.beside != NULL)
        return false;
    *host = l->host;
    *port = l->by_smb ? l->smb_port : l->stage <= MAP_CALL ? l->epm_port : l->port;
    *number = l->number;
    return true;
}

/* Begins the association itself, on the connection or in the pipe. */
static void bind_interface(struct nt_link *l, uint64_t now_ms)
{
    l->rpc = nt_rpc_client_new(&l->rpc_config, now_ms);
    l->rpc_config.sec = NULL; /* taken over */
    l->stage = BIND;
    if (l->rpc == NULL)
        fail(l, NT_STATUS(NO_MEMORY), "out of memory");
}

void nt_link_connected(struct nt_link *l, uint64_t now_ms)
{
    static const struct nt_rpc_client_config mapper = { .iface = &ndr_epm };
    switch (l->stage) {
    case MAP_CONNECT:
        l->rpc = nt_rpc_client_new(&mapper, now_ms);
        l->stage = MAP_BIND;
        if (l->rpc == NULL)
            fail(l, NT_STATUS(NO_MEMORY), "out of memory");
        break;
    case CONNECT:
        bind_interface(l, now_ms);
        break;
    case SMB_CONNECT:
        l->pipe = nt_pipe_new(&l->pipe_config, now_ms);
        l->pipe_config.sec = NULL; /* taken over */
        l->stage = SMB_SESSION;
        if (l->pipe == NULL)
            fail(l, NT_STATUS(NO_MEMORY), "out of memory");
        break;
    case MAP_BIND:
    case MAP_CALL:
    case SMB_SESSION:
    case BIND:
    case READY:
    case FAILED:
        break;
    }
}

void nt_link_lost(struct nt_link *l, ntstatus status, const char *why)
{
    if (l->stage == FAILED)
        return;
    lose_guests(l, status, why);
    if (l->rpc != NULL)
        nt_rpc_client_eof(l->rpc); /* it knows better what was under way; see nt_link_next */
    else if (l->pipe != NULL && nt_pipe_eof(l->pipe) == NT_PIPE_FAILED)
        pipe_failed(l);
    else
        fail(l, status, "%s", why);
}

/* After something happened in the pipe: the association begins, ends, or goes on. */
static void follow_pipe(struct nt_link *l, enum nt_pipe_state state, uint64_t now_ms)
{
    if (state == NT_PIPE_OPEN && l->stage == SMB_SESSION)
        bind_interface(l, now_ms);
    if (state == NT_PIPE_OPEN && l->rpc != NULL && l->stage != FAILED)
        state = nt_pipe_move(l->pipe, l->rpc, now_ms);
    /* What the association has received before is told first; see nt_link_next. */
    if (state == NT_PIPE_FAILED && l->rpc == NULL)
        pipe_failed(l);
    else if (state == NT_PIPE_FAILED)
        nt_rpc_client_eof(l->rpc);
}

void nt_link_feed(struct nt_link *l, const uint8_t *data, size_t len, uint64_t now_ms)
{
    if (l->stage == FAILED)
        return;
    if (l->pipe != NULL) {
        follow_pipe(l, nt_pipe_feed(l->pipe, data, len, now_ms), now_ms);
        follow_guests(l, now_ms);
        return;
    }
    while (l->rpc != NULL && len > 0) {
        size_t took = nt_rpc_client_feed(l->rpc, data, len, now_ms);
        if (took == 0)
            break; /* the association has ended */
        data += took;
        len -= took;
    }
}

size_t nt_link_pending(const struct nt_link *l, const uint8_t **data)
{
    if (l->stage == FAILED)
        return 0;
    if (l->pipe != NULL)
        return nt_pipe_pending(l->pipe, data);
    return l->rpc != NULL ? nt_rpc_client_pending(l->rpc, data) : 0;
}

void nt_link_sent(struct nt_link *l, size_t len)
{
    if (l->pipe != NULL)
        nt_pipe_sent(l->pipe, len);
    else
        nt_rpc_client_sent(l->rpc, len);
}

uint64_t nt_link_deadline(const struct nt_link *l)
{
    if (l->stage == FAILED)
        return UINT64_MAX;
    if (l->rpc == NULL && l->pipe == NULL)
        return l->connect_deadline;
    uint64_t at = l->rpc != NULL ? nt_rpc_client_deadline(l->rpc) : UINT64_MAX;
    uint64_t pipe = l->pipe != NULL ? nt_pipe_deadline(l->pipe) : UINT64_MAX;
    for (const struct nt_link *g = l->guests; g != NULL; g = g->next) {
        uint64_t theirs = g->stage != FAILED ? nt_link_deadline(g) : UINT64_MAX;
        at = theirs < at ? theirs : at;
    }
    return at < pipe ? at : pipe;
}

void nt_link_tick(struct nt_link *l, uint64_t now_ms)
{
    if (l->stage == FAILED)
        return;
    if (l->rpc != NULL)
        nt_rpc_client_tick(l->rpc, now_ms);
    if (l->pipe != NULL)
        follow_pipe(l, nt_pipe_tick(l->pipe, now_ms), now_ms);
    for (struct nt_link *g = l->guests; g != NULL; g = g->next)
        nt_link_tick(g, now_ms);
    if (l->rpc != NULL || l->pipe != NULL)
        return;
    if (l->connect_deadline == 0)
        l->connect_deadline = now_ms + NT_LINK_CONNECT_MS;
    else if (now_ms >= l->connect_deadline)
        fail(l, NT_STATUS(IO_TIMEOUT), "no connection within %d s", NT_LINK_CONNECT_MS / 1000);
}

enum nt_err nt_link_call(struct nt_link *l, const struct nt_ndr_op *op, const void *args,
                         uint64_t now_ms, uint32_t *call_id)
{
    struct nt_buf stub;
    if (l->rpc == NULL || (l->stage != READY && l->stage != MAP_CALL))
        return NT_E_STATE;
    nt_buf_init(&stub, 1u << 20);
    enum nt_err err = nt_ndr_encode(op, NT_NDR_REQUEST, args, NULL, &stub);
    if (err == NT_OK)
        err = nt_rpc_client_call(l->rpc, op->opnum, stub.data, stub.len, NT_LINK_CALL_MS, now_ms,
                                 call_id);
    nt_buf_free(&stub);
    if (err == NT_OK && l->pipe != NULL)
        follow_pipe(l, NT_PIPE_OPEN, now_ms);
    return err;
}

/* Asks the mapper for the interface's TCP port. */
static void ask_mapper(struct nt_link *l, uint64_t now_ms)
{
    struct nt_tower wanted = { .iface = l->rpc_config.iface->uuid,
                               .major = l->rpc_config.iface->major,
                               .minor = l->rpc_config.iface->minor,
                               .transfer = nt_rpc_ndr32.uuid,
                               .transfer_version = nt_rpc_ndr32.major,
                               .transport = NT_TOWER_TCP };
    struct nt_buf bytes;
    uint32_t id;
    nt_buf_init(&bytes, NT_TOWER_MAX);
    nt_tower_write(&bytes, &wanted);
    twr_t *tower = bytes.err == NT_OK ? calloc(1, sizeof *tower + bytes.len) : NULL;
    l->stage = MAP_CALL;
    if (tower != NULL) {
        struct ept_map args = { .map_tower = tower, .max_towers = 4 };
        tower->tower_length = (uint32_t)bytes.len;
        memcpy(tower->tower_octet_string, bytes.data, bytes.len);
        if (nt_link_call(l, &ndr_ept_map, &args, now_ms, &id) != NT_OK)
            fail(l, NT_STATUS(NO_MEMORY), "the call cannot be made");
    } else {
        fail(l, NT_STATUS(NO_MEMORY), "out of memory");
    }
    free(tower);
    nt_buf_free(&bytes);
}

/* The port of a tower that the mapper gave; 0: not for TCP. */
static uint16_t port_of(const twr_t *tower)
{
    struct nt_tower t;
    return tower != NULL &&
                   nt_tower_read(tower->tower_octet_string, tower->tower_length, &t) == NT_OK &&
                   t.transport == NT_TOWER_TCP
               ? t.port
               : 0;
}

/* Reads the mapper's answer and goes on to the interface. */
static void take_port(struct nt_link *l, const struct nt_rpc_client_event *ev, uint64_t now_ms)
{
    struct nt_arena arena;
    void *decoded = NULL;
    nt_arena_init(&arena, NT_NDR_ARENA_LIMIT(ev->len));
    enum nt_err err = nt_ndr_decode(&ndr_ept_map, NT_NDR_RESPONSE, ev->big_endian, ev->stub,
                                    ev->len, &arena, &decoded, NULL, NULL);
    uint16_t port = 0;
    if (err == NT_OK) {
        const struct ept_map *args = decoded;
        for (uint32_t i = 0; i < args->num_towers && port == 0; i++)
            port = port_of(args->ITowers[i]);
    }
    nt_arena_free(&arena);
    if (err != NT_OK) {
        fail(l, NT_STATUS(INVALID_NETWORK_RESPONSE), "its answer does not decode: %s",
             nt_err_text(err));
    } else if (port == 0) {
        fail(l, NT_STATUS(RPC_UNKNOWN_IF),
             "it has no TCP port for %s: the service is not running "
             "there or offers named pipes only",
             l->rpc_config.iface->name);
    } else {
        nt_rpc_client_free(l->rpc);
        l->rpc = NULL;
        l->port = port;
        l->stage = CONNECT;
        l->number = next_number();
        l->connect_deadline = now_ms + NT_LINK_CONNECT_MS;
    }
}

static bool give_failure(struct nt_link *l, struct nt_link_event *ev)
{
    if (l->told)
        return false;
    l->told = true;
    *ev = (struct nt_link_event){ .kind = NT_LINK_FAILED, .status = l->status, .why = l->why };
    return true;
}

/* One event of the association while the link is still being made. */
static void set_up(struct nt_link *l, const struct nt_rpc_client_event *e, uint64_t now_ms)
{
    if (e->kind == NT_RPC_BOUND && l->stage == MAP_BIND)
        ask_mapper(l, now_ms);
    else if (e->kind == NT_RPC_RESPONSE && l->stage == MAP_CALL)
        take_port(l, e, now_ms);
    else if (e->kind == NT_RPC_FAULT && l->stage == MAP_CALL)
        fail(l, NT_STATUS(RPC_CALL_FAILED), "%s", nt_fault_name(e->fault));
}

/* The association has ended: by itself, or with the pipe under it. */
static void rpc_failed(struct nt_link *l, const struct nt_rpc_client_event *e)
{
    ntstatus status;
    enum nt_smb_step step;
    if (l->pipe != NULL && nt_pipe_failure(l->pipe, &status, &step) != NULL)
        pipe_failed(l);
    else
        fail(l, e->status, "%s", e->why);
}

bool nt_link_next(struct nt_link *l, struct nt_link_event *ev, uint64_t now_ms)
{
    struct nt_rpc_client_event e;
    while (l->rpc != NULL && l->stage != FAILED && nt_rpc_client_next(l->rpc, &e)) {
        if (e.kind == NT_RPC_FAILED) {
            rpc_failed(l, &e);
            break;
        }
        if (e.kind == NT_RPC_BOUND && l->stage == BIND) {
            l->stage = READY;
            *ev = (struct nt_link_event){ .kind = NT_LINK_READY };
            return true;
        }
        if (l->stage == READY) {
            *ev = (struct nt_link_event){
                .kind = e.kind == NT_RPC_FAULT ? NT_LINK_FAULT : NT_LINK_RESPONSE,
                .call_id = e.call_id,
                .stub = e.stub,
                .len = e.len,
                .big_endian = e.big_endian,
                .fault = e.fault,
            };
            return true;
        }
        set_up(l, &e, now_ms);
    }
    return l->stage == FAILED && give_failure(l, ev);
}

const struct nt_secret *nt_link_session_key(const struct nt_link *l)
{
    const struct nt_secret *own = l->rpc != NULL ? nt_rpc_client_session_key(l->rpc) : NULL;
    return own == NULL && l->pipe != NULL ? nt_pipe_session_key(l->pipe) : own;
}

uint16_t nt_link_port(const struct nt_link *l)
{
    return l->by_smb ? 0 : l->port;
}

enum nt_road nt_link_road(const struct nt_link *l)
{
    return l->by_smb ? NT_ROAD_SMB : NT_ROAD_TCP;
}

enum nt_smb_step nt_link_step(const struct nt_link *l)
{
    return l->step;
}

const struct nt_smb_client *nt_link_smb(const struct nt_link *l)
{
    return l->pipe != NULL ? nt_pipe_smb(l->pipe) : NULL;
}

bool nt_link_clock(const struct nt_link *l, int64_t *ahead_100ns)
{
    const struct nt_smb_client *smb = nt_link_smb(l);
    return smb != NULL && nt_smb_client_clock(smb, ahead_100ns);
}
