#include "repair/rpc_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "channel/net.h"
#include "channel/pipe.h"
#include "idl/epm.h"
#include "idl/netlogon.h"
#include "repair/gss.h"

#define CALL_MS        60000
#define INTERFACES_MAX 8
#define EPM_PORT       135

/* One interface of the server: a link, and the call that waits for its answer. */
struct one {
    struct nt_rpc_session *session;
    const struct nt_ndr_interface *iface;
    struct nt_net *net;
    struct nt_link *link;
    bool ready;
};

struct nt_rpc_session {
    uv_loop_t loop;
    uv_timer_t watchdog;
    uint32_t call_ms;
    bool expired;
    char *host, *domain, *user;
    enum nt_road road;
    uint16_t port;
    bool kerberos;
    enum nt_auth_level level;
    struct nt_secret hash;
    const struct nt_env *env;
    struct one list[INTERFACES_MAX];
    size_t count;
    /* the secure channel */
    bool has_channel;
    struct nt_channel_config channel_config; /* its texts are ours */
    char *channel_domain, *channel_computer, *channel_account;
    struct nt_secret channel_secret;
    struct nt_net *channel_net;
    struct nt_channel *channel;
    bool channel_told; /* open, or it has failed */
    /* the call under way */
    const struct one *current;
    uint32_t call_id;
    bool done;
    struct nt_rpc_answer answer;
    struct nt_buf stub;
    char why[640];
};

/* --- outcomes --- */

static void lost(struct nt_rpc_session *s, ntstatus status, const char *why)
{
    if (why != s->why)
        snprintf(s->why, sizeof s->why, "%s", why);
    s->answer = (struct nt_rpc_answer){ .end = NT_RPC_END_LOST, .status = status, .why = s->why };
    s->done = true;
}

static void no_memory(struct nt_rpc_session *s)
{
    lost(s, NT_STATUS(NO_MEMORY), "out of memory");
}

static void take_answer(struct nt_rpc_session *s, const struct nt_link_event *ev)
{
    nt_buf_clear(&s->stub);
    nt_buf_put(&s->stub, ev->stub, ev->len);
    if (s->stub.err != NT_OK) {
        no_memory(s);
        return;
    }
    s->answer = (struct nt_rpc_answer){ .end = NT_RPC_END_ANSWER,
                                        .stub = s->stub.data,
                                        .len = s->stub.len,
                                        .big_endian = ev->big_endian };
    s->done = true;
}

static void take_fault(struct nt_rpc_session *s, uint32_t fault)
{
    snprintf(s->why, sizeof s->why, "%s did not run the call: %s (0x%08x)", s->host,
             nt_fault_name(fault), fault);
    s->answer = (struct nt_rpc_answer){ .end = NT_RPC_END_FAULT, .fault = fault, .why = s->why };
    s->done = true;
}

/* --- events --- */

static void on_progress(void *ctx)
{
    struct one *o = ctx;
    struct nt_rpc_session *s = o->session;
    struct nt_link_event ev;
    while (o->link != NULL && nt_link_next(o->link, &ev, uv_now(&s->loop))) {
        if (o != s->current)
            continue; /* an idle one has ended: its next call will find that out */
        if (ev.kind == NT_LINK_READY) {
            o->ready = true;
            s->done = true;
        } else if (ev.kind == NT_LINK_FAILED) {
            lost(s, ev.status, ev.why);
        } else if (ev.call_id == s->call_id && ev.kind == NT_LINK_RESPONSE) {
            take_answer(s, &ev);
        } else if (ev.call_id == s->call_id) {
            take_fault(s, ev.fault);
        }
    }
}

static void on_channel(void *ctx)
{
    struct nt_rpc_session *s = ctx;
    struct nt_channel_event ev;
    while (nt_channel_next(s->channel, &ev, uv_now(&s->loop))) {
        if (ev.kind == NT_CHANNEL_OPEN) {
            s->done = true;
        } else {
            char code[64];
            snprintf(s->why, sizeof s->why, "the secure channel of %s does not open: %.400s (%s)",
                     s->channel_account, ev.why, nt_status_format(ev.status, code));
            lost(s, ev.status, s->why);
        }
        s->channel_told = true;
    }
    if (!s->channel_told)
        nt_net_drive(s->channel_net, nt_channel_link(s->channel));
}

static void on_watchdog(uv_timer_t *timer)
{
    struct nt_rpc_session *s = timer->data;
    s->expired = true;
}

/* Until the answer is there, whatever it is; true when nothing was lost. */
static bool run(struct nt_rpc_session *s)
{
    while (!s->done && !s->expired)
        uv_run(&s->loop, UV_RUN_ONCE);
    if (!s->done)
        lost(s, NT_STATUS(IO_TIMEOUT), "there was no answer in time");
    return s->answer.end != NT_RPC_END_LOST;
}

static void begin(struct nt_rpc_session *s)
{
    s->done = false;
    s->answer = (struct nt_rpc_answer){ .end = NT_RPC_END_ANSWER };
    s->expired = false;
    uv_update_time(&s->loop);
    uv_timer_start(&s->watchdog, on_watchdog, s->call_ms, 0);
}

/* --- the secure channel --- */

bool nt_rpc_session_channel(struct nt_rpc_session *s, struct nt_rpc_answer *out)
{
    if (s->channel != NULL && nt_channel_is_open(s->channel))
        return true;
    begin(s);
    if (s->channel_told || !s->has_channel) {
        lost(s, NT_STATUS(INVALID_DEVICE_STATE), "there is no secure channel");
    } else {
        s->channel_net = nt_net_new(&s->loop, on_channel, s);
        s->channel =
            s->channel_net != NULL ? nt_channel_new(&s->channel_config, uv_now(&s->loop)) : NULL;
        if (s->channel == NULL) {
            no_memory(s);
        } else {
            nt_net_drive(s->channel_net, nt_channel_link(s->channel));
            run(s);
            nt_net_drive(s->channel_net, NULL); /* the calls have associations of their own */
        }
    }
    s->channel_told = true;
    *out = s->answer;
    return s->answer.end != NT_RPC_END_LOST;
}

void nt_rpc_session_step(struct nt_rpc_session *s, struct nt_authenticator *out)
{
    nt_channel_step(s->channel, out);
}

bool nt_rpc_session_step_check(struct nt_rpc_session *s, const struct nt_authenticator *returned)
{
    return nt_channel_step_check(s->channel, returned);
}

void nt_rpc_session_step_back(struct nt_rpc_session *s)
{
    nt_channel_step_back(s->channel);
}

/* The endpoint mapper has a pipe too, but few controllers serve it. */
static enum nt_road road_of(const struct nt_rpc_session *s, const struct nt_ndr_interface *iface)
{
    if (s->road == NT_ROAD_ANY)
        return iface == &ndr_epm ? NT_ROAD_TCP : NT_ROAD_SMB;
    return s->road;
}

static bool by_channel(const struct nt_rpc_session *s, const struct nt_ndr_interface *iface)
{
    return s->has_channel && iface != &ndr_epm &&
           (iface == &ndr_netlogon || (s->user[0] == '\0' && !s->kerberos));
}

/* --- links --- */

static struct nt_sec *ntlm(const struct nt_rpc_session *s, bool seal)
{
    return nt_sec_ntlm_client(&(struct nt_ntlm_client_config){ .domain = s->domain,
                                                               .user = s->user,
                                                               .computer = "",
                                                               .nt_hash = &s->hash,
                                                               .seal = seal,
                                                               .env = s->env });
}

/* The SMB session's context; *out NULL without failure: anonymous. */
static bool session_sec(struct nt_rpc_session *s, const struct nt_ndr_interface *iface,
                        struct nt_sec **out)
{
    ntstatus status;
    char why[200];
    *out = NULL;
    if (by_channel(s, iface) || (s->user[0] == '\0' && !s->kerberos))
        return true;
    if (s->kerberos) {
        *out = nt_sec_gss_client(s->host, &status, why, sizeof why);
        if (*out != NULL)
            return true;
        snprintf(s->why, sizeof s->why, "no Kerberos ticket for cifs/%s: %s", s->host, why);
        lost(s, status, s->why);
        return false;
    }
    struct nt_sec *inner = ntlm(s, true);
    *out = inner != NULL ? nt_sec_spnego_client(inner) : NULL;
    if (*out == NULL)
        no_memory(s);
    return *out != NULL;
}

/* The association's own protection. False: told. */
static bool association_sec(struct nt_rpc_session *s, struct nt_link_config *config)
{
    bool smb = config->road == NT_ROAD_SMB, nobody = s->user[0] == '\0' || s->kerberos;
    if (s->kerberos && !smb && config->iface != &ndr_epm) {
        lost(s, NT_STATUS(INVALID_PARAMETER), "Kerberos goes over SMB only");
        return false;
    }
    enum nt_auth_level level = s->level;
    if (by_channel(s, config->iface)) {
        config->auth_type = NT_AUTH_SCHANNEL;
        config->auth_level = NT_LEVEL_PRIVACY;
        config->sec = nt_channel_sec(s->channel);
    } else {
        if (level == 0)
            level = smb || nobody || config->iface == &ndr_epm ? NT_LEVEL_NONE : NT_LEVEL_PRIVACY;
        if (level == NT_LEVEL_NONE)
            return true;
        if (nobody) {
            lost(s, NT_STATUS(INVALID_PARAMETER),
                 "only a user with a password can protect the association");
            return false;
        }
        config->auth_type = NT_AUTH_NTLM;
        config->auth_level = level;
        config->sec = ntlm(s, level == NT_LEVEL_PRIVACY);
    }
    if (config->sec == NULL)
        no_memory(s);
    return config->sec != NULL;
}

static bool configure(struct nt_rpc_session *s, const struct nt_ndr_interface *iface,
                      struct nt_link_config *config)
{
    *config = (struct nt_link_config){ .host = s->host,
                                       .road = road_of(s, iface),
                                       .iface = iface,
                                       .smb_encrypt = NT_SMB_ENCRYPT_IF_POSSIBLE,
                                       .env = s->env };
    if (config->road == NT_ROAD_SMB)
        config->smb_port = s->port;
    else if (s->road == NT_ROAD_TCP)
        config->epm_port = s->port;
    if (config->road == NT_ROAD_TCP && iface == &ndr_epm)
        config->port = config->epm_port != 0 ? config->epm_port : EPM_PORT;
    if (config->road == NT_ROAD_SMB && nt_pipe_name(iface) == NULL) {
        lost(s, NT_STATUS(RPC_UNKNOWN_IF), "the interface has no named pipe");
        return false;
    }
    return association_sec(s, config) &&
           (config->road != NT_ROAD_SMB || session_sec(s, iface, &config->smb_sec));
}

static bool connect_one(struct nt_rpc_session *s, struct one *o)
{
    struct nt_link_config config;
    struct nt_rpc_answer ignored;
    if (by_channel(s, o->iface) && !nt_rpc_session_channel(s, &ignored))
        return false;
    begin(s);
    s->current = o;
    if (!configure(s, o->iface, &config)) {
        if (config.sec != NULL)
            config.sec->ops->free(config.sec);
        return false;
    }
    o->link = nt_link_new(&config, uv_now(&s->loop));
    if (o->link == NULL) {
        no_memory(s);
        return false;
    }
    nt_net_drive(o->net, o->link);
    return run(s);
}

/* The interface's link, ready. NULL: s->answer tells why. */
static struct one *find(struct nt_rpc_session *s, const struct nt_ndr_interface *iface)
{
    struct one *o = s->list;
    while (o < s->list + s->count && o->iface != iface)
        o++;
    if (o == s->list + s->count) {
        if (s->count == INTERFACES_MAX) {
            lost(s, NT_STATUS(INSUFFICIENT_RESOURCES), "too many interfaces in one session");
            return NULL;
        }
        *o = (struct one){ .session = s, .iface = iface };
        o->net = nt_net_new(&s->loop, on_progress, o);
        if (o->net == NULL) {
            no_memory(s);
            return NULL;
        }
        s->count++;
    }
    if (o->link == NULL && !connect_one(s, o))
        return NULL;
    return o->ready ? o : NULL;
}

void nt_rpc_session_call(struct nt_rpc_session *s, const struct nt_ndr_interface *iface,
                         const struct nt_ndr_op *op, const void *args, struct nt_rpc_answer *out)
{
    begin(s);
    lost(s, NT_STATUS(CONNECTION_ABORTED), "the connection has ended");
    struct one *o = find(s, iface);
    if (o != NULL) {
        begin(s);
        s->current = o;
        enum nt_err err = nt_link_call(o->link, op, args, uv_now(&s->loop), &s->call_id);
        if (err == NT_OK) {
            nt_net_poke(o->net);
            run(s);
        } else {
            lost(s, nt_status_of(err), nt_err_text(err));
        }
    }
    *out = s->answer;
}

const struct nt_secret *nt_rpc_session_key(const struct nt_rpc_session *s,
                                           const struct nt_ndr_interface *iface)
{
    for (const struct one *o = s->list; o < s->list + s->count; o++)
        if (o->iface == iface && o->ready)
            return nt_link_session_key(o->link);
    return NULL;
}

/* --- the session --- */

static bool copy(struct nt_rpc_session *s, const struct nt_rpc_session_config *config)
{
    s->host = strdup(config->host);
    s->domain = strdup(config->domain);
    s->user = strdup(config->user);
    if (s->host == NULL || s->domain == NULL || s->user == NULL)
        return false;
    if (config->channel == NULL)
        return true;
    const struct nt_channel_config *ch = config->channel;
    s->has_channel = true;
    s->channel_domain = strdup(ch->domain);
    s->channel_computer = strdup(ch->computer);
    s->channel_account = strdup(ch->account);
    s->channel_secret = ch->candidates[0];
    s->channel_config = (struct nt_channel_config){ .domain = s->channel_domain,
                                                    .computer = s->channel_computer,
                                                    .account = s->channel_account,
                                                    .type = ch->type,
                                                    .host = s->host,
                                                    .road = road_of(s, &ndr_netlogon),
                                                    .port = s->port,
                                                    .allow_weak = ch->allow_weak,
                                                    .bare = true,
                                                    .env = s->env,
                                                    .candidates = &s->channel_secret,
                                                    .candidate_count = 1 };
    return s->channel_domain != NULL && s->channel_computer != NULL && s->channel_account != NULL;
}

struct nt_rpc_session *nt_rpc_session_new(const struct nt_rpc_session_config *config)
{
    struct nt_rpc_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    if (uv_loop_init(&s->loop) != 0) {
        free(s);
        return NULL;
    }
    uv_timer_init(&s->loop, &s->watchdog);
    s->watchdog.data = s;
    s->call_ms = config->call_ms != 0 ? config->call_ms : CALL_MS;
    nt_buf_init(&s->stub, 8u * 1024 * 1024);
    s->env = config->env;
    s->road = config->road;
    s->port = config->port;
    s->kerberos = config->kerberos;
    s->level = config->level;
    if (config->hash != NULL)
        s->hash = *config->hash;
    if (!copy(s, config)) {
        nt_rpc_session_free(s);
        return NULL;
    }
    return s;
}

void nt_rpc_session_free(struct nt_rpc_session *s)
{
    if (s == NULL)
        return;
    for (struct one *o = s->list; o < s->list + s->count; o++) {
        nt_net_free(o->net);
        nt_link_free(o->link);
    }
    nt_net_free(s->channel_net);
    nt_channel_free(s->channel);
    uv_close((uv_handle_t *)&s->watchdog, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT); /* until all is closed */
    uv_loop_close(&s->loop);
    nt_buf_free(&s->stub);
    nt_secret_wipe(&s->hash);
    nt_secret_wipe(&s->channel_secret);
    free(s->host);
    free(s->domain);
    free(s->user);
    free(s->channel_domain);
    free(s->channel_computer);
    free(s->channel_account);
    free(s);
}
