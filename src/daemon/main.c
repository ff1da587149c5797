/*
 * ntrustd - a domain controller for trusts. This file: start, run, stop.
 */
#include <argp.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/container.h"
#include "crypto/sysenv.h"
#include "daemon/api.h"
#include "daemon/config.h"
#include "daemon/loop.h"
#include "daemon/netbios_listener.h"
#include "daemon/notify.h"
#include "daemon/origin.h"
#include "daemon/outbound.h"
#include "daemon/protocol.h"
#include "idl/epm.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"

#ifndef NT_VERSION
#define NT_VERSION "unknown"
#endif

const char *argp_program_version = "ntrustd " NT_VERSION;

static const struct nt_ndr_interface *const mapper_ifaces[] = { &ndr_epm };
static const struct nt_ndr_interface *const rpc_ifaces[] = { &ndr_netlogon, &ndr_lsarpc, &ndr_samr,
                                                             &ndr_epm };

struct daemon {
    struct nt_config config;
    const char *config_path; /* NULL: the default, which may be missing */
    bool check_config, print_config;
    struct nt_engine *engine;
    struct nt_service service;
    struct nt_clients *clients;
    /* What is listened on: endpoint mapper, RPC over TCP, SMB. */
    struct nt_protocol_host hosts[3];
    struct nt_listener *listeners[3];
    size_t listener_count;
    struct nt_smb_counts smb_counts;
    struct nt_netbios *netbios; /* NULL: off */
    struct nt_token *anonymous;
    atomic_uint parked; /* calls and questions under way */
    struct nt_outbound *outbound;
    struct nt_api *api;
    struct nt_loop *loops; /* the first one runs in this thread */
    size_t loop_count;
    uv_signal_t terminate, interrupt;
    uv_thread_t api_stopper;
    struct nt_post api_stopped;
};

/* --- options --- */

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct daemon *d = state->input;
    switch (key) {
    case 'c':
        d->config_path = arg;
        return 0;
    case 't':
        d->check_config = true;
        return 0;
    case 'p':
        d->print_config = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "config", 'c', "FILE", 0, "read settings from FILE (default: " NT_CONFIG_PATH ")", 0 },
    { "check-config", 't', NULL, 0,
      "check the settings, say what is wrong with file and line, exit", 0 },
    { "print-config", 'p', NULL, 0, "print all settings as they take effect, and exit", 0 },
    { 0 }
};

static const struct argp argp = {
    options,
    parse_option,
    NULL,
    "A domain controller for trusts. The domain itself is made with 'ntrust domain init'.\v"
    "See ntrustd(8) and ntrustd.conf(5).",
    NULL,
    NULL,
    NULL
};

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    puts(text);
}

/* 0, or the exit code. */
static int read_config(struct daemon *d)
{
    char why[512];
    nt_config_default(&d->config);
    enum nt_err err = nt_config_load(
        &d->config, d->config_path != NULL ? d->config_path : NT_CONFIG_PATH, why, sizeof why);
    if (err == NT_E_NOT_FOUND && d->config_path == NULL)
        err = NT_OK; /* it works with none at all */
    if (err != NT_OK)
        fprintf(stderr, "ntrustd: %s\n", why);
    return err == NT_OK ? 0 : 2;
}

/* --- the log --- */

/* Under systemd: the level as sd-daemon(3) has it; the journal knows the time. */
static void to_journal(void *ctx, enum nt_log_level level, const char *line)
{
    static const int priorities[] = { 3, 4, 6, 7 };
    (void)ctx;
    fprintf(stderr, "<%d>%s\n", priorities[level], line);
}

/* --- the process --- */

/* Secrets are in this memory: it is never dumped, nor read by a debugger of the same user. */
static void close_memory(void)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

static void raise_file_limit(const struct nt_config *config)
{
    struct rlimit files;
    rlim_t want = config->connections + 256;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < want) {
        files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static bool become(const char *user)
{
    if (*user == '\0' || geteuid() != 0)
        return true;
    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (pw == NULL) {
        fprintf(stderr, "ntrustd: [process] user: there is no user '%s'\n", user);
        return false;
    }
    if (initgroups(user, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0) {
        fprintf(stderr, "ntrustd: cannot become the user '%s': %s\n", user, strerror(errno));
        return false;
    }
    return true;
}

/* --- starting --- */

static bool open_domain(struct daemon *d, char *why, size_t why_size)
{
    struct nt_store *store = NULL;
    const struct nt_env *env = nt_env_system();
    enum nt_err err = (d->config.shared ? nt_store_open_shared : nt_store_open)(
        d->config.store, d->config.master_key, env, &store, why, why_size);
    if (err != NT_OK)
        return false;
    if (nt_engine_new(store, env, &d->engine, why, why_size) != NT_OK)
        return false; /* the engine has taken the store over */
    struct nt_dir *dir = nt_engine_dir(d->engine);
    bool there = nt_dir_domain(dir) != NULL;
    nt_dir_unref(dir);
    nt_origin_judge(d->engine);
    if (!there)
        snprintf(why, why_size,
                 "%.400s: there is no domain in it; make one with 'ntrust domain init'",
                 d->config.store);
    return there && nt_engine_start(d->engine) == NT_OK;
}

static bool bind_port(struct daemon *d, const struct nt_protocol *protocol, uint16_t port,
                      const struct nt_ndr_interface *const *ifaces, size_t iface_count, char *why,
                      size_t why_size)
{
    if (port == 0)
        return true;
    struct nt_protocol_host *host = &d->hosts[d->listener_count];
    *host = (struct nt_protocol_host){ .service = &d->service,
                                       .config = &d->config,
                                       .anonymous = d->anonymous,
                                       .parked = &d->parked,
                                       .ifaces = ifaces,
                                       .iface_count = iface_count,
                                       .counts = &d->smb_counts };
    snprintf(host->secondary, sizeof host->secondary, "%u", port);
    nt_random(d->service.env, host->guid, sizeof host->guid);
    struct nt_listener_config config = { .protocol = protocol,
                                         .ctx = host,
                                         .clients = d->clients,
                                         .config = &d->config,
                                         .port = port,
                                         .rival = protocol == &nt_protocol_smb ? " (smbd of Samba?)"
                                                                               : "" };
    enum nt_err err =
        nt_listener_bind(&config, d->loop_count, &d->listeners[d->listener_count], why, why_size);
    if (err != NT_OK)
        return false;
    d->listener_count++;
    return true;
}

static bool bind_ports(struct daemon *d, char *why, size_t why_size)
{
    return bind_port(d, &nt_protocol_rpc, d->config.rpc_port, rpc_ifaces, NT_COUNT(rpc_ifaces), why,
                     why_size) &&
           bind_port(d, &nt_protocol_rpc, d->config.epm_port, mapper_ifaces,
                     NT_COUNT(mapper_ifaces), why, why_size) &&
           bind_port(d, &nt_protocol_smb, d->config.smb_port, NULL, 0, why, why_size) &&
           nt_netbios_bind(&d->config, &d->netbios, why, why_size) == NT_OK;
}

static size_t broadcasts(void *ctx, uint32_t out[NT_NB_TARGETS])
{
    const struct daemon *d = ctx;
    return nt_netbios_broadcasts(&d->config, out);
}

static bool ask_dc(void *ctx, struct nt_locate_dc *ask)
{
    const struct daemon *d = ctx;
    return nt_netbios_ask_dc(d->netbios, ask);
}

static struct nt_outbound *new_outbound(struct daemon *d)
{
    struct nt_locate_config locate = { .dns = d->config.dns,
                                       .dns_servers = d->config.dns_servers,
                                       .lmhosts = d->config.lmhosts,
                                       .mode = nt_netbios_mode(&d->config),
                                       .wins_count = d->config.wins.count,
                                       .netbios = d->config.name_port != 0,
                                       .name_port = d->config.name_port,
                                       .env = d->service.env,
                                       .broadcasts = broadcasts,
                                       .ask_dc = ask_dc,
                                       .ctx = d };
    memcpy(locate.wins, d->config.wins.address, sizeof locate.wins);
    return nt_outbound_new(&d->loops[0], &d->service, &locate);
}

static bool start_loops(struct daemon *d)
{
    if (nt_netbios_start(d->netbios, &d->loops[0], &d->service) != NT_OK)
        return false;
    for (size_t i = 0; i < d->loop_count; i++)
        for (size_t l = 0; l < d->listener_count; l++)
            if (nt_listener_start(d->listeners[l], i, &d->loops[i]) != NT_OK)
                return false;
    for (size_t i = 1; i < d->loop_count; i++)
        if (nt_loop_start(&d->loops[i]) != NT_OK)
            return false;
    return true;
}

static void on_commit(void *ctx)
{
    nt_outbound_refresh(ctx);
}

/* --- stopping --- */

struct stop {
    struct nt_post post;
    struct daemon *daemon;
    size_t index;
};

static void stop_share(struct nt_post *post)
{
    struct stop *s = (struct stop *)post;
    for (size_t l = 0; l < s->daemon->listener_count; l++)
        nt_listener_stop(s->daemon->listeners[l], s->index);
    free(s);
}

/* Requests of the admin API that wait for an answer need the loops: their end is waited for in a
 * thread, and only then the first loop leaves its run. */
static void leave_run(struct nt_post *post)
{
    struct daemon *d = NT_CONTAINER(post, struct daemon, api_stopped);
    uv_stop(&d->loops[0].uv);
}

static void stop_api(void *arg)
{
    struct daemon *d = arg;
    nt_api_stop(d->api);
    nt_loop_post(&d->loops[0], &d->api_stopped);
}

static void stop(struct daemon *d)
{
    if (uv_is_closing((uv_handle_t *)&d->terminate))
        return;
    nt_log(NT_LOG_INFO, "stopping");
    nt_notify("STOPPING=1");
    uv_close((uv_handle_t *)&d->terminate, NULL);
    uv_close((uv_handle_t *)&d->interrupt, NULL);
    /* Nobody watches for them any more: another one must not cut the orderly end short. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    nt_outbound_stop(d->outbound);
    nt_netbios_stop(d->netbios);
    for (size_t i = 0; i < d->loop_count; i++) {
        struct stop *s = calloc(1, sizeof *s);
        if (s == NULL)
            abort(); /* nothing acknowledged is lost by that: it is on the disk */
        s->post.run = stop_share;
        s->daemon = d;
        s->index = i;
        nt_loop_post(&d->loops[i], &s->post);
    }
    d->api_stopped.run = leave_run;
    if (uv_thread_create(&d->api_stopper, stop_api, d) != 0)
        abort();
}

static void on_signal(uv_signal_t *handle, int signum)
{
    (void)signum;
    stop(handle->data);
}

static bool watch_signals(struct daemon *d)
{
    signal(SIGPIPE, SIG_IGN);
    d->terminate.data = d->interrupt.data = d;
    return uv_signal_init(&d->loops[0].uv, &d->terminate) == 0 &&
           uv_signal_init(&d->loops[0].uv, &d->interrupt) == 0 &&
           uv_signal_start(&d->terminate, on_signal, SIGTERM) == 0 &&
           uv_signal_start(&d->interrupt, on_signal, SIGINT) == 0;
}

static void announce(const struct daemon *d)
{
    struct nt_dir *dir = nt_engine_dir(d->engine);
    const struct nt_domain *domain = nt_dir_domain(dir);
    char sid[NT_SID_TEXT];
    nt_log(NT_LOG_INFO,
           "ready domain=%s computer=%s sid=%s epm_port=%u rpc_port=%u smb_port=%u netbios=%s "
           "name_port=%u datagram_port=%u admin=%s",
           domain->name, nt_service_computer(&d->service, dir), nt_sid_format(&domain->sid, sid),
           d->config.epm_port, d->config.rpc_port, d->config.smb_port,
           d->netbios != NULL ? nt_nb_mode_name(nt_netbios_mode(&d->config)) : "off",
           d->netbios != NULL ? d->config.name_port : 0,
           d->netbios != NULL ? d->config.datagram_port : 0, d->config.admin_socket);
    nt_dir_unref(dir);
    nt_notify("READY=1");
}

static int run(struct daemon *d)
{
    char why[1024] = "out of memory";
    d->loop_count = d->config.loops != 0 ? d->config.loops : uv_available_parallelism();
    d->loops = calloc(d->loop_count, sizeof *d->loops);
    d->clients = nt_clients_new(d->config.connections, d->config.connections_per_address);
    d->anonymous = nt_token_anonymous();
    if (d->loops == NULL || d->clients == NULL || d->anonymous == NULL) {
        fprintf(stderr, "ntrustd: out of memory\n");
        return 1;
    }
    for (size_t i = 0; i < d->loop_count; i++)
        if (nt_loop_init(&d->loops[i]) != NT_OK) {
            fprintf(stderr, "ntrustd: cannot make an event loop: %s\n", strerror(errno));
            return 1;
        }
    /* Before anybody can be answered: a signal waits then until all runs, and stops it cleanly. */
    if (!watch_signals(d)) {
        fprintf(stderr, "ntrustd: cannot watch for signals: %s\n", strerror(errno));
        return 1;
    }
    d->service.env = nt_env_system();
    memcpy(d->service.settings.computer, d->config.computer, sizeof d->config.computer);
    d->service.settings.lsa_over_tcp = d->config.lsa_over_tcp;
    d->service.settings.smb = d->config.smb_port != 0;
    d->service.settings.rpc_port = d->config.rpc_port;
    /* Ports first: below 1024 they may need rights that are then given up. */
    bool bound = bind_ports(d, why, sizeof why);
    if (bound && !become(d->config.user)) /* it has said why */
        return 1;
    close_memory(); /* again: another user begins with the system's default */
    if (!bound || !open_domain(d, why, sizeof why)) {
        fprintf(stderr, "ntrustd: %s\n", why);
        return 1;
    }
    d->service.engine = d->engine;
    if (!nt_service_init(&d->service) || (d->outbound = new_outbound(d)) == NULL) {
        fprintf(stderr, "ntrustd: out of memory\n");
        return 1;
    }
    d->service.forward = nt_outbound_forward;
    d->service.forward_ctx = d->outbound;
    nt_engine_on_commit(d->engine, on_commit, d->outbound);
    d->api = nt_api_start(&(struct nt_api_config){ .service = &d->service,
                                                   .config = &d->config,
                                                   .clients = d->clients,
                                                   .smb_counts = &d->smb_counts,
                                                   .netbios = d->netbios,
                                                   .outbound = d->outbound,
                                                   .version = NT_VERSION },
                          why, sizeof why);
    if (d->api == NULL) {
        fprintf(stderr, "ntrustd: %s\n", why);
        return 1;
    }
    if (!start_loops(d)) {
        fprintf(stderr, "ntrustd: cannot start: %s\n", strerror(errno));
        return 1;
    }
    announce(d);
    uv_run(&d->loops[0].uv, UV_RUN_DEFAULT);
    uv_thread_join(&d->api_stopper);
    return 0;
}

static ntstatus decide_nothing(struct nt_wish *wish, struct nt_txn *txn)
{
    (void)wish;
    (void)txn;
    return NT_STATUS(SUCCESS);
}

/* Connections are closed, but calls may still wait for the disk: what a peer was told, or will
 * never be told, must be settled before the engine goes. */
static void settle_calls(struct daemon *d)
{
    do {
        struct nt_wish nothing = { .decide = decide_nothing };
        (void)nt_engine_wish_wait(d->engine, &nothing);
        uv_run(&d->loops[0].uv, UV_RUN_NOWAIT);
    } while (atomic_load(&d->parked) > 0);
}

/* After an orderly run; after a failed start the process just ends. */
static void clean_up(struct daemon *d)
{
    settle_calls(d);
    for (size_t i = d->loop_count; i-- > 0;)
        nt_loop_done(&d->loops[i]);
    nt_outbound_free(d->outbound);
    nt_netbios_free(d->netbios);
    nt_engine_free(d->engine); /* commits what waits */
    nt_service_done(&d->service);
    for (size_t l = 0; l < d->listener_count; l++)
        nt_listener_free(d->listeners[l]);
    nt_token_unref(d->anonymous);
    nt_clients_free(d->clients);
    free(d->loops);
    nt_log(NT_LOG_INFO, "stopped");
}

int main(int argc, char **argv)
{
    static struct daemon d;
    argp_parse(&argp, argc, argv, 0, NULL, &d);
    int code = read_config(&d);
    if (code != 0)
        return code;
    if (d.print_config) {
        nt_config_print(&d.config, print_line, NULL);
        return 0;
    }
    if (d.check_config) {
        puts("The settings are good.");
        return 0;
    }
    nt_log_set(d.config.log_level, getenv("JOURNAL_STREAM") != NULL ? to_journal : NULL, NULL);
    close_memory();
    raise_file_limit(&d.config);
    code = run(&d);
    if (code == 0)
        clean_up(&d);
    return code;
}
