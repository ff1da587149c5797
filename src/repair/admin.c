/* admin.c - the session itself: links, calls, failures. See admin.h. */
#include "repair/admin_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "idl/dssetup.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "repair/gss.h"

#define TOTAL_MS    60000
#define ARENA_BYTES (8u * 1024 * 1024) /* of what one public call decodes */

/* --- failures --- */

static enum nt_admin_fail kind_of(ntstatus status)
{
    switch (status.code) {
    case (uint32_t)NT_STATUS_CODE_DOMAIN_CONTROLLER_NOT_FOUND:
        return NT_ADMIN_NAME_UNKNOWN;
    case (uint32_t)NT_STATUS_CODE_CONNECTION_REFUSED:
    case (uint32_t)NT_STATUS_CODE_CONNECTION_ABORTED:
    case (uint32_t)NT_STATUS_CODE_NETWORK_UNREACHABLE:
    case (uint32_t)NT_STATUS_CODE_HOST_UNREACHABLE:
    case (uint32_t)NT_STATUS_CODE_IO_TIMEOUT:
    case (uint32_t)NT_STATUS_CODE_RPC_UNKNOWN_IF:
    case (uint32_t)NT_STATUS_CODE_RPC_SERVER_UNAVAILABLE:
        return NT_ADMIN_NETWORK;
    case (uint32_t)NT_STATUS_CODE_LOGON_FAILURE:
    case (uint32_t)NT_STATUS_CODE_WRONG_PASSWORD:
    case (uint32_t)NT_STATUS_CODE_ACCOUNT_DISABLED:
    case (uint32_t)NT_STATUS_CODE_ACCOUNT_LOCKED_OUT:
    case (uint32_t)NT_STATUS_CODE_ACCOUNT_EXPIRED:
    case (uint32_t)NT_STATUS_CODE_ACCOUNT_RESTRICTION:
    case (uint32_t)NT_STATUS_CODE_PASSWORD_EXPIRED:
    case (uint32_t)NT_STATUS_CODE_PASSWORD_MUST_CHANGE:
        return NT_ADMIN_CREDENTIALS;
    case (uint32_t)NT_STATUS_CODE_ACCESS_DENIED:
        return NT_ADMIN_RIGHTS;
    case (uint32_t)NT_STATUS_CODE_RPC_SEC_PKG_ERROR:
    case (uint32_t)NT_STATUS_CODE_DOWNGRADE_DETECTED:
    case (uint32_t)NT_STATUS_CODE_NTLM_BLOCKED:
        return NT_ADMIN_CRYPTO;
    case (uint32_t)NT_STATUS_CODE_NO_SUCH_USER:
    case (uint32_t)NT_STATUS_CODE_NONE_MAPPED:
    case (uint32_t)NT_STATUS_CODE_OBJECT_NAME_NOT_FOUND:
    case (uint32_t)NT_STATUS_CODE_NO_SUCH_DOMAIN:
        return NT_ADMIN_MISSING;
    case (uint32_t)NT_STATUS_CODE_USER_EXISTS:
    case (uint32_t)NT_STATUS_CODE_OBJECT_NAME_COLLISION:
    case (uint32_t)NT_STATUS_CODE_DOMAIN_EXISTS:
        return NT_ADMIN_EXISTS;
    default:
        return NT_ADMIN_OTHER;
    }
}

bool admin_fail(struct nt_admin *a, enum nt_admin_fail kind, ntstatus status, const char *fmt, ...)
{
    va_list ap;
    a->error.kind = kind;
    a->error.status = status;
    va_start(ap, fmt);
    vsnprintf(a->error.text, sizeof a->error.text, fmt, ap);
    va_end(ap);
    return false;
}

bool admin_nomem(struct nt_admin *a)
{
    return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(NO_MEMORY), "out of memory");
}

bool admin_status(struct nt_admin *a, const struct nt_ndr_op *op, ntstatus status)
{
    char code[64];
    enum nt_admin_fail kind = kind_of(status);
    snprintf(a->error.step, sizeof a->error.step, "%s", op->name);
    if (kind == NT_ADMIN_RIGHTS && a->user[0] == '\0')
        return admin_fail(a, kind, status,
                          "%s tells this to its administrators only: %s answered %s to nobody",
                          a->host, op->name, nt_status_format(status, code));
    if (kind == NT_ADMIN_RIGHTS)
        return admin_fail(a, kind, status,
                          "%s\\%s may not do this at %s: %s answered %s. An administrator of that "
                          "domain is needed",
                          a->domain, a->user, a->host, op->name, nt_status_format(status, code));
    return admin_fail(a, kind, status, "%s at %s answered %s: %s", op->name, a->host,
                      nt_status_format(status, code), nt_status_text(status));
}

const struct nt_admin_error *nt_admin_error(const struct nt_admin *a)
{
    return &a->error;
}

const char *nt_admin_fail_name(enum nt_admin_fail kind)
{
    static const char *const names[] = {
        [NT_ADMIN_FINE] = "",           [NT_ADMIN_NAME_UNKNOWN] = "name",
        [NT_ADMIN_NETWORK] = "network", [NT_ADMIN_CREDENTIALS] = "credentials",
        [NT_ADMIN_RIGHTS] = "rights",   [NT_ADMIN_CRYPTO] = "crypto",
        [NT_ADMIN_MISSING] = "missing", [NT_ADMIN_EXISTS] = "exists",
        [NT_ADMIN_OTHER] = "other",
    };
    return names[kind];
}

/* The logon is judged by the first answer: a controller that did not accept it has no other way to
 * say so than a refused bind, or a fault to the first call. */
static bool refused_logon(struct nt_admin *a, ntstatus status, const char *what)
{
    return admin_fail(a, NT_ADMIN_CREDENTIALS, status,
                      "%s does not accept the logon of %s\\%s: the name or the password is wrong, "
                      "or the account may not log on (%s)",
                      a->host, a->domain, a->user, what);
}

/* A failure of the SMB session says by its step what kind it is. */
static enum nt_admin_fail smb_kind(enum nt_smb_step step, ntstatus status)
{
    enum nt_admin_fail kind = kind_of(status);
    switch (step) {
    case NT_SMB_STEP_CREDENTIALS:
        return nt_status_is(status, NT_STATUS(NTLM_BLOCKED)) ? NT_ADMIN_CRYPTO
                                                             : NT_ADMIN_CREDENTIALS;
    case NT_SMB_STEP_SHARE:
        return kind == NT_ADMIN_RIGHTS ? kind : NT_ADMIN_NETWORK;
    case NT_SMB_STEP_SIGNING:
    case NT_SMB_STEP_DIALECT:
        return NT_ADMIN_CRYPTO;
    case NT_SMB_STEP_NETWORK:
        break;
    }
    return kind == NT_ADMIN_RIGHTS ? NT_ADMIN_CRYPTO : kind;
}

static void smb_failed(struct admin_pipe *p, const struct nt_link_event *ev)
{
    struct nt_admin *a = p->admin;
    enum nt_admin_fail kind = smb_kind(nt_link_step(p->link), ev->status);
    if (kind == NT_ADMIN_CREDENTIALS)
        refused_logon(a, ev->status, ev->why);
    else if (kind == NT_ADMIN_RIGHTS)
        admin_fail(a, kind, ev->status, "%s\\%s may not use this at %s: %s", a->domain, a->user,
                   a->host, ev->why);
    else
        admin_fail(a, kind, ev->status, "%s", ev->why);
}

static void tell_failed(struct admin_pipe *p, const struct nt_link_event *ev)
{
    struct nt_admin *a = p->admin;
    enum nt_admin_fail kind = kind_of(ev->status);
    if (kind == NT_ADMIN_NAME_UNKNOWN)
        admin_fail(a, kind, ev->status, "the name %s has no address (%s)", a->host, ev->why);
    else if (nt_link_road(p->link) == NT_ROAD_SMB)
        smb_failed(p, ev);
    else if (!p->told && (kind == NT_ADMIN_RIGHTS || kind == NT_ADMIN_CREDENTIALS))
        refused_logon(a, ev->status, ev->why);
    else
        admin_fail(a, kind == NT_ADMIN_RIGHTS ? NT_ADMIN_CRYPTO : kind, ev->status, "%s", ev->why);
}

static void keep_error(struct admin_pipe *p, const struct nt_admin_error *before);

static void link_failed(struct admin_pipe *p, const struct nt_link_event *ev)
{
    const struct nt_admin_error before = p->admin->error;
    p->failed = true;
    tell_failed(p, ev);
    keep_error(p, &before);
}

static void tell_fault(struct admin_pipe *p, uint32_t fault)
{
    struct nt_admin *a = p->admin;
    if (fault == NT_FAULT_ACCESS_DENIED && !p->told)
        refused_logon(a, NT_STATUS(ACCESS_DENIED), "access denied to the first call");
    else if (fault == NT_FAULT_ACCESS_DENIED)
        admin_fail(a, NT_ADMIN_RIGHTS, NT_STATUS(ACCESS_DENIED), "%s refuses %s over %s: %s",
                   a->host, p->op->name, p->by_smb ? "SMB" : "TCP", nt_fault_name(fault));
    else
        admin_fail(a, fault == NT_FAULT_SEC_PKG_ERROR ? NT_ADMIN_CRYPTO : NT_ADMIN_OTHER,
                   NT_STATUS(RPC_CALL_FAILED), "%s at %s did not run: %s (0x%08x)", p->op->name,
                   a->host, nt_fault_name(fault), fault);
}

/* What a pipe that nobody waits for at present has to say is kept for who will. */
static void keep_error(struct admin_pipe *p, const struct nt_admin_error *before)
{
    struct nt_admin *a = p->admin;
    if (a->awaited == p)
        return;
    p->error = a->error;
    a->error = *before;
}

static void call_fault(struct admin_pipe *p, uint32_t fault)
{
    const struct nt_admin_error before = p->admin->error;
    p->failed = true;
    tell_fault(p, fault);
    keep_error(p, &before);
}

/* --- events --- */

#define PIPES 4

static void all_pipes(struct nt_admin *a, struct admin_pipe *out[PIPES])
{
    out[0] = &a->lsa;
    out[1] = &a->samr;
    out[2] = &a->netlogon;
    out[3] = &a->dssetup;
}

static void take_response(struct admin_pipe *p, const struct nt_link_event *ev)
{
    struct nt_admin *a = p->admin;
    void *args = p->args;
    enum nt_err err = nt_ndr_decode(p->op, NT_NDR_RESPONSE, ev->big_endian, ev->stub, ev->len,
                                    p->later ? &a->later : &a->arena, &args, NULL, NULL);
    if (err != NT_OK) {
        const struct nt_admin_error before = a->error;
        p->failed = true;
        admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(INVALID_NETWORK_RESPONSE),
                   "the answer of %s to %s does not decode: %s", a->host, p->op->name,
                   nt_err_text(err));
        keep_error(p, &before);
        return;
    }
    p->told = true;
    p->done = true;
}

/* An SMB session that is ready has its logon behind it, signed by both ends. */
static void take_ready(struct admin_pipe *p)
{
    p->ready = true;
    p->by_smb = p->told = nt_link_road(p->link) == NT_ROAD_SMB;
}

static void drain(struct admin_pipe *p)
{
    struct nt_link_event ev;
    while (p->link != NULL && nt_link_next(p->link, &ev, uv_now(&p->admin->loop))) {
        if (ev.kind == NT_LINK_READY)
            take_ready(p);
        else if (ev.kind == NT_LINK_FAILED)
            link_failed(p, &ev);
        else if (p->op == NULL || ev.call_id != p->call_id)
            continue; /* of a call that was given up */
        else if (ev.kind == NT_LINK_RESPONSE)
            take_response(p, &ev);
        else
            call_fault(p, ev.fault);
    }
}

/* What came by one connection may be for each that shares it. */
static void on_progress(void *ctx)
{
    struct nt_admin *a = ctx;
    struct admin_pipe *all[PIPES];
    all_pipes(a, all);
    for (size_t i = 0; i < PIPES; i++)
        drain(all[i]);
}

static void on_watchdog(uv_timer_t *timer)
{
    struct nt_admin *a = timer->data;
    a->expired = true;
}

/* Runs the loop until *flag, a failure, or the end of the session's time. */
static bool run(struct admin_pipe *p, const bool *flag)
{
    struct nt_admin *a = p->admin;
    a->awaited = p;
    while (!*flag && !p->failed) {
        if (a->expired)
            return admin_fail(a, NT_ADMIN_NETWORK, NT_STATUS(IO_TIMEOUT),
                              "%s did not answer in time", a->host);
        uv_run(&a->loop, UV_RUN_ONCE);
    }
    return !p->failed;
}

/* --- calls --- */

static bool kerberos_failed(struct nt_admin *a, ntstatus status, const char *why)
{
    enum nt_admin_fail kind = NT_ADMIN_CREDENTIALS;
    if (nt_status_is(status, NT_STATUS(NO_LOGON_SERVERS)))
        kind = NT_ADMIN_NETWORK;
    else if (nt_status_is(status, NT_STATUS(OBJECT_NAME_NOT_FOUND)))
        kind = NT_ADMIN_NAME_UNKNOWN;
    return admin_fail(a, kind, status, "no Kerberos ticket for cifs/%s: %s", a->host, why);
}

/* The context of the SMB session, for the roads that may need it. */
static bool session_sec(struct nt_admin *a, const struct nt_ntlm_client_config *ntlm,
                        struct nt_sec **out)
{
    ntstatus status;
    char why[200];
    *out = NULL;
    if (a->kerberos) {
        *out = nt_sec_gss_client(a->host, &status, why, sizeof why);
        return *out != NULL || kerberos_failed(a, status, why);
    }
    if (a->road == NT_ROAD_TCP || a->user[0] == '\0')
        return true;
    struct nt_sec *inner = nt_sec_ntlm_client(ntlm);
    *out = inner != NULL ? nt_sec_spnego_client(inner) : NULL;
    return *out != NULL || admin_nomem(a);
}

/* The one whose SMB session the others share: one session a controller, each interface in a pipe of
 * its own. NULL: there is none yet, or it has ended. */
static struct admin_pipe *lead_of(struct nt_admin *a)
{
    struct admin_pipe *all[PIPES];
    all_pipes(a, all);
    for (size_t i = 0; i < PIPES; i++)
        if (all[i]->by_smb && all[i]->ready && !all[i]->failed && all[i]->lead == NULL)
            return all[i];
    return NULL;
}

/* Over TCP the association protects itself, over SMB the session does: so a link has one road here,
 * and the second one is another link's. */
static bool open_link(struct nt_admin *a, struct admin_pipe *p)
{
    const struct nt_ntlm_client_config ntlm = {
        .domain = a->domain,
        .user = a->user,
        .computer = "",
        .nt_hash = &a->hash,
        .seal = true,
        .env = a->env,
    };
    struct nt_link_config config = {
        .host = a->host,
        .road = a->road == NT_ROAD_SMB ? NT_ROAD_SMB : NT_ROAD_TCP,
        .iface = p->iface,
        .smb_encrypt = NT_SMB_ENCRYPT_IF_POSSIBLE,
        .env = a->env,
    };
    if (config.road == NT_ROAD_SMB) {
        config.smb_port = a->port;
        if (!session_sec(a, &ntlm, &config.smb_sec))
            return false;
    } else {
        config.epm_port = a->port;
        config.auth_type = NT_AUTH_NTLM;
        config.auth_level = NT_LEVEL_PRIVACY;
        config.sec = nt_sec_ntlm_client(&ntlm);
        if (config.sec == NULL)
            return admin_nomem(a);
    }
    uv_update_time(&a->loop);
    p->link = nt_link_new(&config, uv_now(&a->loop));
    if (p->link == NULL)
        return admin_nomem(a);
    nt_net_drive(p->net, p->link);
    return run(p, &p->ready);
}

/* In the session that another one has opened; does not wait. */
static bool join_session(struct nt_admin *a, struct admin_pipe *p, struct admin_pipe *lead)
{
    const struct nt_link_config config = { .host = a->host,
                                           .road = NT_ROAD_SMB,
                                           .smb_port = a->port,
                                           .beside = lead->link,
                                           .iface = p->iface,
                                           .env = a->env };
    uv_update_time(&a->loop);
    p->link = nt_link_new(&config, uv_now(&a->loop));
    p->lead = lead;
    nt_net_poke(lead->net);
    return p->link != NULL || admin_nomem(a);
}

void admin_reroute(struct nt_admin *a, struct admin_pipe *p, enum nt_road road, uint16_t port)
{
    nt_net_drive(p->net, NULL);
    nt_link_free(p->link);
    p->link = NULL;
    p->lead = NULL;
    p->ready = p->told = p->failed = p->by_smb = false;
    a->road = road;
    a->port = port;
}

/* TCP did not lead to the interface, and the pipe may. */
static bool try_pipe(const struct nt_admin *a)
{
    return a->road == NT_ROAD_ANY && !a->expired && a->error.kind == NT_ADMIN_NETWORK;
}

static bool open_session(struct nt_admin *a, struct admin_pipe *p)
{
    char first[NT_ADMIN_WHY];
    if (p->net == NULL)
        p->net = nt_net_new(&a->loop, on_progress, a);
    if (p->net == NULL)
        return admin_nomem(a);
    if (open_link(a, p))
        return true;
    if (!try_pipe(a))
        return false;
    memcpy(first, a->error.text, sizeof first);
    admin_reroute(a, p, NT_ROAD_SMB, 0); /* the port was the endpoint mapper's */
    if (open_link(a, p))
        return true;
    char second[NT_ADMIN_WHY];
    memcpy(second, a->error.text, sizeof second);
    snprintf(a->error.text, sizeof a->error.text, "%.180s; %.200s", first, second);
    return false;
}

static bool open_pipe(struct nt_admin *a, struct admin_pipe *p)
{
    struct admin_pipe *lead = lead_of(a);
    if (lead == NULL) {
        if (!open_session(a, p))
            return false;
        if (a->all_pipes && p->by_smb && p == &a->lsa)
            return join_session(a, &a->samr, p) && join_session(a, &a->netlogon, p);
        return true;
    }
    return join_session(a, p, lead) && run(p, &p->ready);
}

void admin_post(struct nt_admin *a, struct admin_pipe *p, const struct nt_ndr_op *op,
                const void *args)
{
    uint32_t ignored;
    if (p->link != NULL && p->ready && !p->failed &&
        nt_link_call(p->link, op, args, uv_now(&a->loop), &ignored) == NT_OK)
        nt_net_poke(p->lead != NULL ? p->lead->net : p->net);
}

bool admin_call_begin(struct nt_admin *a, struct admin_pipe *p, const struct nt_ndr_op *op,
                      void *args)
{
    snprintf(a->error.step, sizeof a->error.step, "%s", op->name);
    if (p->failed && p->error.kind != NT_ADMIN_FINE) {
        a->error = p->error;
        return false;
    }
    if (p->failed)
        return admin_fail(a, NT_ADMIN_NETWORK, NT_STATUS(CONNECTION_ABORTED),
                          "the connection to %s has ended", a->host);
    p->op = op;
    p->args = args;
    p->done = false;
    if (p->link == NULL ? !open_pipe(a, p) : !run(p, &p->ready)) {
        p->op = NULL;
        return false;
    }
    uv_update_time(&a->loop);
    enum nt_err err = nt_link_call(p->link, op, args, uv_now(&a->loop), &p->call_id);
    if (err != NT_OK)
        return admin_fail(a, NT_ADMIN_OTHER, nt_status_of(err), "%s cannot be called at %s: %s",
                          op->name, a->host, nt_err_text(err));
    nt_net_poke(p->lead != NULL ? p->lead->net : p->net);
    a->awaited = NULL;
    return true;
}

bool admin_call_end(struct nt_admin *a, struct admin_pipe *p)
{
    snprintf(a->error.step, sizeof a->error.step, "%s", p->op->name);
    bool ok = run(p, &p->done);
    if (!ok && p->error.kind != NT_ADMIN_FINE)
        a->error = p->error;
    p->op = NULL;
    if (!ok && a->error.kind != NT_ADMIN_NETWORK && p->told && a->error.kind != NT_ADMIN_CRYPTO)
        p->failed = false; /* a fault ends the call, not the association */
    if (!p->failed)
        p->error.kind = NT_ADMIN_FINE;
    return ok;
}

bool admin_call(struct nt_admin *a, struct admin_pipe *p, const struct nt_ndr_op *op, void *args)
{
    p->later = false;
    return admin_call_begin(a, p, op, args) && admin_call_end(a, p);
}

bool admin_key(struct nt_admin *a, const struct admin_pipe *p, const struct nt_secret **key)
{
    *key = p->link != NULL ? nt_link_session_key(p->link) : NULL;
    if (*key == NULL)
        return admin_fail(a, NT_ADMIN_CRYPTO, NT_STATUS(RPC_SEC_PKG_ERROR),
                          "there is no session key with %s to hide a password under", a->host);
    return true;
}

void admin_begin(struct nt_admin *a)
{
    nt_arena_reset(&a->arena);
    a->error = (struct nt_admin_error){ .kind = NT_ADMIN_FINE };
}

/* --- the session --- */

void nt_admin_more_time(struct nt_admin *a, uint32_t total_ms)
{
    a->expired = false;
    uv_update_time(&a->loop);
    uv_timer_start(&a->watchdog, on_watchdog, total_ms != 0 ? total_ms : TOTAL_MS, 0);
}

struct nt_admin *nt_admin_new(const struct nt_admin_config *config)
{
    struct nt_admin *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    if (uv_loop_init(&a->loop) != 0) {
        free(a);
        return NULL;
    }
    nt_arena_init(&a->arena, ARENA_BYTES);
    nt_arena_init(&a->later, ARENA_BYTES);
    a->env = config->env;
    a->road = config->kerberos ? NT_ROAD_SMB : config->road;
    a->port = config->kerberos && config->road != NT_ROAD_SMB ? 0 : config->port;
    a->kerberos = config->kerberos;
    a->all_pipes = config->all_pipes;
    if (config->hash != NULL)
        a->hash = *config->hash;
    a->host = strdup(config->host);
    a->domain = strdup(config->domain);
    a->user = strdup(config->user);
    a->samr = (struct admin_pipe){ .admin = a, .iface = &ndr_samr };
    a->lsa = (struct admin_pipe){ .admin = a, .iface = &ndr_lsarpc };
    a->netlogon = (struct admin_pipe){ .admin = a, .iface = &ndr_netlogon };
    a->dssetup = (struct admin_pipe){ .admin = a, .iface = &ndr_dssetup };
    uv_timer_init(&a->loop, &a->watchdog);
    a->watchdog.data = a;
    uv_timer_start(&a->watchdog, on_watchdog, config->total_ms != 0 ? config->total_ms : TOTAL_MS,
                   0);
    if (a->host == NULL || a->domain == NULL || a->user == NULL) {
        nt_admin_free(a);
        return NULL;
    }
    return a;
}

static void close_pipe(struct admin_pipe *p)
{
    nt_net_free(p->net);
    nt_link_free(p->link);
}

void nt_admin_free(struct nt_admin *a)
{
    if (a == NULL)
        return;
    struct admin_pipe *all[PIPES];
    all_pipes(a, all);
    for (size_t i = 0; i < PIPES; i++) /* those that share a session before its owner */
        if (all[i]->lead != NULL)
            close_pipe(all[i]);
    for (size_t i = 0; i < PIPES; i++)
        if (all[i]->lead == NULL)
            close_pipe(all[i]);
    uv_close((uv_handle_t *)&a->watchdog, NULL);
    uv_run(&a->loop, UV_RUN_DEFAULT); /* until all is closed */
    uv_loop_close(&a->loop);
    nt_arena_free(&a->arena);
    nt_arena_free(&a->later);
    nt_secret_wipe(&a->hash);
    free(a->host);
    free(a->domain);
    free(a->user);
    free(a);
}
