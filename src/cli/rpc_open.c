/* rpc: to which server, as which user, and by which secure channel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ends.h"
#include "cli/rpc.h"
#include "crypto/sysenv.h"
#include "idl/netlogon.h"
#include "repair/pair.h"

#define TYPED 1024 /* bytes of a password that is typed */

void cli_rpc_peer_wipe(struct cli_rpc_peer *p)
{
    nt_credentials_wipe(&p->user);
    nt_secret_wipe(&p->secret);
}

/* --- the server --- */

/* DOMAIN@SERVER, an end of the file, or else a server: its domain is not known then. */
static bool take_end(const struct cli *cli, struct nt_end *end)
{
    struct nt_ends file = { 0 };
    char why[400];
    const char *typed = cli->args[0];
    bool at = strchr(typed, '@') != NULL;
    if (!cli_ends_file(cli, &file))
        return false;
    bool ok = nt_end_find(&file, typed, end, why, sizeof why);
    nt_ends_free(&file);
    if (!ok && at) {
        cli_usage("%s", why);
        return false;
    }
    if (!ok || (!at && end->line == 0)) {
        *end = (struct nt_end){ .line = 0 };
        snprintf(end->name, sizeof end->name, "%s", typed);
        snprintf(end->servers, sizeof end->servers, "%s", typed);
    }
    return true;
}

static bool take_server(const struct cli *cli, const struct nt_end *end, struct cli_rpc_peer *out)
{
    struct nt_servers list;
    char why[400];
    if (cli->dry_run && end->servers[0] == '\0') { /* nobody is asked, nor looked for */
        snprintf(out->host, sizeof out->host, "%s", end->domain);
        return true;
    }
    if (!nt_pair_controllers(nt_env_system(), end, &out->user, &list, why, sizeof why) ||
        list.count == 0) {
        cli_fail("%s", *why != '\0' ? why : "no controller was found");
        return false;
    }
    snprintf(out->host, sizeof out->host, "%s", list.list[0].host);
    out->road = list.list[0].road;
    out->port = list.list[0].port;
    return true;
}

/* --- the user --- */

/* Nobody with -U %, in a dry run, and where a secure channel was named without a user. */
static bool identify(const struct cli *cli, const struct nt_end *end, struct nt_credentials *out)
{
    const char *user = cli->users.count > 0 ? cli->users.item[0] : NULL;
    bool named = user != NULL || cli->credentials.count > 0 || cli->kerberos;
    if (cli->dry_run || (user != NULL && strcmp(user, "%") == 0) ||
        (cli->channel != NULL && !named))
        return true;
    if (user != NULL && end->domain[0] == '\0' && strpbrk(user, "\\/") == NULL) {
        cli_usage("'%s' has to be DOMAIN\\NAME: the server's domain is not known", user);
        return false;
    }
    return cli_ends_identify(cli, end, 0, out);
}

/* --- the secure channel --- */

static bool take_kind(const struct cli *cli, uint16_t *type)
{
    static const struct {
        const char *name;
        uint16_t type;
    } rows[] = {
        { "workstation", WorkstationSecureChannel },
        { "server", ServerSecureChannel },
        { "trust", TrustedDomainSecureChannel },
        { "dns-trust", TrustedDnsDomainSecureChannel },
    };
    for (size_t i = 0; i < NT_COUNT(rows); i++)
        if (strcmp(cli->kind != NULL ? cli->kind : "workstation", rows[i].name) == 0) {
            *type = rows[i].type;
            return true;
        }
    cli_usage("--kind of a channel is workstation, server, trust or dns-trust");
    return false;
}

static bool take_secret(const struct cli *cli, const char *account, struct nt_secret *out)
{
    char typed[TYPED], prompt[100], why[600];
    if (cli->secret_file != NULL && nt_credentials_secret(cli->secret_file, out, why, sizeof why))
        return true;
    if (cli->secret_file != NULL) {
        cli_fail("%s", why);
        return false;
    }
    snprintf(prompt, sizeof prompt, "Password of the account %.60s", account);
    if (!cli_read_password(cli->password_fd, prompt, false, typed, sizeof typed))
        return false;
    bool ok = nt_credentials_secret_text(typed, out);
    nt_wipe(typed, sizeof typed);
    if (!ok)
        cli_fail("this is no password, and no nt: with 32 hexadecimal digits");
    return ok;
}

/* "[DOMAIN\]ACCOUNT$": the domain is the server's. */
static int take_channel(const struct cli *cli, const struct nt_end *end, struct cli_rpc_peer *out)
{
    const char *slash = strpbrk(cli->channel, "\\/");
    const char *account = slash != NULL ? slash + 1 : cli->channel;
    size_t len = slash != NULL ? (size_t)(slash - cli->channel) : 0;
    if (*account == '\0' || strlen(account) >= sizeof out->account || len >= sizeof out->domain)
        return cli_usage("--channel is ACCOUNT or DOMAIN\\ACCOUNT");
    if (!take_kind(cli, &out->channel_type))
        return EXIT_USAGE;
    out->has_channel = true;
    snprintf(out->account, sizeof out->account, "%s", account);
    snprintf(out->domain, sizeof out->domain, "%.*s", slash != NULL ? (int)len : NT_END_NAME - 1,
             slash != NULL ? cli->channel : end->domain);
    if (cli->computer != NULL && strlen(cli->computer) >= sizeof out->computer)
        return cli_usage("--computer is a NetBIOS name");
    snprintf(out->computer, sizeof out->computer, "%s",
             cli->computer != NULL ? cli->computer : account);
    len = strlen(out->computer);
    if (cli->computer == NULL && len > 1 && out->computer[len - 1] == '$')
        out->computer[len - 1] = '\0';
    if (cli->dry_run)
        return EXIT_GOOD;
    return take_secret(cli, account, &out->secret) ? EXIT_GOOD : EXIT_USAGE;
}

int cli_rpc_peer(const struct cli *cli, struct cli_rpc_peer *out)
{
    struct nt_end end;
    *out = (struct cli_rpc_peer){ .port = 0 };
    if (!take_end(cli, &end) || !identify(cli, &end, &out->user))
        return EXIT_USAGE;
    if (cli->channel != NULL) {
        int code = take_channel(cli, &end, out);
        if (code != EXIT_GOOD)
            return code;
    } else if (cli->secret_file != NULL || cli->kind != NULL || cli->weak ||
               cli->computer != NULL) {
        return cli_usage("--secret-file, --kind, --weak and --computer go with --channel");
    }
    return take_server(cli, &end, out) ? EXIT_GOOD : EXIT_NOT_REACHED;
}

/* --- the session --- */

static bool take_level(const struct cli *cli, enum nt_auth_level *level)
{
    static const struct {
        const char *name;
        enum nt_auth_level level;
    } rows[] = {
        { "none", NT_LEVEL_NONE },
        { "connect", NT_LEVEL_CONNECT },
        { "integrity", NT_LEVEL_INTEGRITY },
        { "privacy", NT_LEVEL_PRIVACY },
    };
    *level = 0;
    for (size_t i = 0; cli->protect != NULL && i < NT_COUNT(rows); i++)
        if (strcmp(cli->protect, rows[i].name) == 0)
            *level = rows[i].level;
    if (cli->protect == NULL || *level != 0)
        return true;
    cli_usage("--protect is none, connect, integrity or privacy");
    return false;
}

struct nt_rpc_session *cli_rpc_session(const struct cli *cli, const struct cli_rpc_peer *p)
{
    const struct nt_channel_config channel = {
        .domain = p->domain,
        .computer = p->computer,
        .account = p->account,
        .type = p->channel_type,
        .allow_weak = cli->weak,
        .candidates = &p->secret,
        .candidate_count = 1,
    };
    struct nt_rpc_session_config config = {
        .host = p->host,
        .road = p->road,
        .port = p->port,
        .domain = p->user.domain,
        .user = p->user.user,
        .hash = &p->user.hash,
        .kerberos = p->user.kerberos,
        .channel = p->has_channel ? &channel : NULL,
        .env = nt_env_system(),
    };
    if (!take_level(cli, &config.level))
        return NULL;
    struct nt_rpc_session *s = nt_rpc_session_new(&config);
    if (s == NULL)
        cli_fail("out of memory");
    return s;
}
