/* check and reset: their place in the table of commands, and what they share. */
#include "cli/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf16.h"
#include "cli/ends.h"
#include "crypto/owf.h"
#include "crypto/sysenv.h"
#include "repair/gss.h"

#define TYPED 1024 /* bytes of a password that is typed */

/* --- the administrator of the other domain --- */

/* "[DOMAIN\]NAME" of --user; room for NT_ADMIN_NAME bytes each. */
static bool split_user(const struct cli *cli, const char *name, char *domain, char *user)
{
    const char *typed = cli->peer_user, *slash = strpbrk(typed, "\\/");
    size_t len = slash != NULL ? (size_t)(slash - typed) : strlen(name);
    const char *plain = slash != NULL ? slash + 1 : typed;
    if (len == 0 || len >= NT_ADMIN_NAME || *plain == '\0' || strlen(plain) >= NT_ADMIN_NAME)
        return false;
    memcpy(domain, slash != NULL ? typed : name, len);
    domain[len] = '\0';
    memcpy(user, plain, strlen(plain) + 1);
    return true;
}

static bool fail_peer(struct cli_peer *peer, enum nt_admin_fail kind, const char *text)
{
    peer->error = (struct nt_admin_error){ .kind = kind, .status = NT_STATUS(INVALID_PARAMETER) };
    snprintf(peer->error.text, sizeof peer->error.text, "%s", text);
    return false;
}

static bool worth_another(enum nt_admin_fail kind)
{
    return kind == NT_ADMIN_NAME_UNKNOWN || kind == NT_ADMIN_NETWORK;
}

/* One server. */
static bool try_server(struct cli_peer *peer, const struct nt_admin_config *config,
                       const char *name)
{
    char text[NT_ADMIN_WHY];
    peer->admin = nt_admin_new(config);
    if (peer->admin == NULL)
        return fail_peer(peer, NT_ADMIN_OTHER, "out of memory");
    if (!nt_admin_domain(peer->admin, &peer->domain)) {
        peer->error = *nt_admin_error(peer->admin);
        return false;
    }
    if (!nt_name_equal(peer->domain.name, name)) {
        snprintf(text, sizeof text, "%s is a controller of %s, not of %s", peer->server,
                 peer->domain.name, name);
        return fail_peer(peer, NT_ADMIN_OTHER, text);
    }
    return true;
}

static bool read_hash(const struct cli *cli, const char *who, struct nt_secret *hash)
{
    char typed[TYPED], prompt[200];
    snprintf(prompt, sizeof prompt, "Password of %s", who);
    if (!cli_read_password(cli->peer_password_fd, prompt, false, typed, sizeof typed))
        return false;
    bool ok = nt_owf_text(typed, hash) == NT_OK;
    nt_wipe(typed, sizeof typed);
    return ok;
}

/* Who the administrator is, and what proves it. */
struct who {
    char domain[NT_ADMIN_NAME * 4], user[NT_ADMIN_NAME];
    struct nt_secret hash;
};

/* "name@REALM" of the ticket cache. */
static bool ticket_user(struct who *who, struct cli_peer *peer)
{
    char principal[NT_ADMIN_NAME * 5];
    nt_gss_user(principal, sizeof principal);
    char *at = strchr(principal, '@');
    if (at == NULL)
        return fail_peer(peer, NT_ADMIN_CREDENTIALS,
                         "there is no Kerberos ticket to log on with: get one with kinit(1)");
    *at = '\0';
    snprintf(who->user, sizeof who->user, "%s", principal);
    snprintf(who->domain, sizeof who->domain, "%s", at + 1);
    return true;
}

static bool identify(const struct cli *cli, const char *name, struct who *who,
                     struct cli_peer *peer)
{
    if (cli->kerberos) {
        if (!ticket_user(who, peer))
            return false;
    } else if (!split_user(cli, name, who->domain, who->user)) {
        return fail_peer(peer, NT_ADMIN_CREDENTIALS, "--user must be NAME or DOMAIN\\NAME");
    }
    snprintf(peer->user, sizeof peer->user, "%s\\%s", who->domain, who->user);
    return true;
}

static bool open_one_of(const struct nt_servers *list, const struct cli *cli, const struct who *who,
                        const char *name, uint32_t total_ms, struct cli_peer *peer)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct nt_admin_config config = {
            .host = list->list[i].host,
            .road = list->list[i].road,
            .port = list->list[i].port,
            .domain = who->domain,
            .user = who->user,
            .hash = cli->kerberos ? NULL : &who->hash,
            .kerberos = cli->kerberos,
            .env = nt_env_system(),
            .total_ms = total_ms,
        };
        nt_admin_free(peer->admin);
        snprintf(peer->server, sizeof peer->server, "%s", list->list[i].host);
        if (try_server(peer, &config, name))
            return true;
        if (!worth_another(peer->error.kind))
            break;
    }
    nt_admin_free(peer->admin);
    peer->admin = NULL;
    return false;
}

bool cli_peer_open(const struct cli *cli, const char *name, const char *servers, uint32_t total_ms,
                   struct cli_peer *peer)
{
    char why[200];
    struct nt_servers list;
    struct who who = { .hash = { .len = 0 } };
    *peer = (struct cli_peer){ 0 };
    if (!identify(cli, name, &who, peer))
        return false;
    if (!nt_servers_parse(servers, &list, why, sizeof why))
        return fail_peer(peer, NT_ADMIN_NAME_UNKNOWN, why);
    if (list.count == 0)
        return fail_peer(peer, NT_ADMIN_NAME_UNKNOWN,
                         "no controller of that domain is known; name one with --server "
                         "HOST[:PORT]");
    if (!cli->kerberos && !read_hash(cli, peer->user, &who.hash))
        return fail_peer(peer, NT_ADMIN_CREDENTIALS, "there is no password to log on with");
    bool ok = open_one_of(&list, cli, &who, name, total_ms, peer);
    nt_secret_wipe(&who.hash);
    return ok;
}

bool cli_peer_asked(const struct cli *cli, bool *mistake)
{
    *mistake = cli->peer_user != NULL && cli->kerberos;
    if (*mistake)
        cli_usage("give --user or --kerberos, not both");
    return !*mistake && (cli->peer_user != NULL || cli->kerberos);
}

void cli_peer_close(struct cli_peer *peer)
{
    nt_admin_free(peer->admin);
    peer->admin = NULL;
}

static void add_server(char *out, size_t size, const char *server)
{
    size_t at = strlen(out);
    snprintf(out + at, size - at, "%s%s", at > 0 ? " " : "", server);
}

/* Those that answer. */
static void find_servers(const struct cli *cli, const char *name, char *out, size_t size)
{
    char path[1024];
    unsigned http;
    json_t *found = cli_call_quiet(cli, "GET", cli_path(path, sizeof path, "/v1/locate/", name, ""),
                                   NULL, &http);
    const json_t *list = json_object_get(found, "controllers");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (cli_bool(json_array_get(list, i), "answers"))
            add_server(out, size, cli_text(json_array_get(list, i), "host"));
    json_decref(found);
}

const char *cli_servers_text(const struct cli *cli, const char *name, const json_t *list, char *out,
                             size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < cli->servers.count; i++)
        add_server(out, size, cli->servers.item[i]);
    for (size_t i = 0; cli->servers.count == 0 && i < json_array_size(list); i++)
        add_server(out, size, json_string_value(json_array_get(list, i)));
    if (out[0] == '\0')
        find_servers(cli, name, out, size);
    return out;
}

/* --- facts of the API's answers --- */

nt_time cli_nt_time(const json_t *object, const char *key)
{
    struct tm tm = { 0 };
    const char *text = cli_text(object, key);
    const char *end = *text != '\0' ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    return end != NULL ? nt_time_from_unix(timegm(&tm), 0) : 0;
}

bool cli_sid(const json_t *object, const char *key, struct nt_sid *sid)
{
    *sid = (struct nt_sid){ 0 };
    return nt_sid_parse(cli_text(object, key), sid);
}

/* --- commands --- */

/* Two names: both ends are foreign to ntrustd, or treated so. */
static bool needs_two(const struct cli *cli)
{
    bool needs = cli->credentials.count > 0 || cli->ends != NULL || cli->recreate ||
                 cli->only_password || cli->generate;
    if (needs)
        cli_usage("--credentials, --ends, --recreate, --only-password and --generate go with two "
                  "domains");
    return needs;
}

/* DOMAIN is the partner of the domain that ntrustd runs here, unless what was typed belongs to
 * foreign domains only, or there is no ntrustd. */
static bool is_foreign(const struct cli *cli)
{
    if (cli->arg_count != 1)
        return false;
    return strchr(cli->args[0], '@') != NULL || cli->credentials.count > 0 || cli->ends != NULL ||
           (!cli->socket_named && access(cli->socket, F_OK) != 0);
}

static int check(const struct cli *cli)
{
    if (cli->arg_count == 2)
        return cli_check_ends(cli);
    if (cli->all && cli->arg_count > 0) {
        cli_usage("--all is every trust of the ends file, and takes no DOMAIN");
        return CHECK_UNKNOWN;
    }
    if (cli->all || is_foreign(cli))
        return cli_check_many(cli);
    if (cli->watching) {
        cli_usage("--watch is for domains that ntrustd does not run; its own are watched by the "
                  "daemon: ntrust events --follow");
        return CHECK_UNKNOWN;
    }
    return needs_two(cli) ? CHECK_UNKNOWN : cli_check(cli);
}

static int reset(const struct cli *cli)
{
    if (cli->arg_count == 2)
        return cli_reset_ends(cli);
    return needs_two(cli) ? EXIT_USAGE : cli_reset(cli);
}

const struct cli_command cli_repair_commands[] = {
    { "check", "[DOMAIN [OTHER]]", 0, 2,
      "user credentials ends kerberos peer-password-fd server all watch",
      "Check trusts, and say what is wrong and what to do",
      "Runs at either end. At the trusting end it has the trust proven now; at the trusted end it\n"
      "tells what is known of the other. With -U or -k (and, at the trusted end, --server) it also "
      "looks\n"
      "at the other end as that domain's administrator, and shows both side by side. Without\n"
      "DOMAIN it checks all trusts and permissions.\n\n"
      "With two names it checks the trust between any two domains, Samba's or Windows', without\n"
      "ntrustd: each is a NetBIOS or DNS name, DOMAIN@SERVER, or a name of the ends file. The "
      "first\n"
      "-U or -A is for the first of them, the second for the second.\n\n"
      "DOMAIN@SERVER, or DOMAIN with -A, --ends or where no ntrustd runs, checks every trust that\n"
      "this domain has; of its partners those are looked at as administrator that the ends file "
      "or\n"
      "the environment (NTRUST_USER_NAME) knows. --all checks every trust between the ends of the\n"
      "ends file. Many are looked at at once: a line each, then what is wrong with those not "
      "good.\n\n"
      "What cannot be seen with the given rights is said to be unknown. Exits 0 when all is good,\n"
      "1 with a warning, 2 when a trust is broken, burned or missing, 3 when it cannot be told.",
      check },
    { "reset", "DOMAIN [OTHER]", 1, 2,
      "user credentials ends kerberos peer-password-fd server as here code password-fd dry-run "
      "recreate only-password generate",
      "Re-establish a trust at both ends",
      "Removes and makes anew both halves of the trust with DOMAIN, in one go: the interdomain\n"
      "trust account at the trusted end, and the trusted domain object at the trusting end, with "
      "a\n"
      "fresh random password that nobody sees. The system then proves and replaces it. Runs at\n"
      "either end. -U names an administrator of DOMAIN, or -k takes the one of the Kerberos "
      "ticket\n"
      "cache; --server names one of its controllers, where this domain does not know any.\n\n"
      "First it looks at both ends and checks the rights there; nothing is changed unless both "
      "are\n"
      "good. When it is interrupted, run it again: it finishes.\n\n"
      "Where no one is administrator of both domains, each does their own end: 'ntrust reset\n"
      "--here DOMAIN' at either one makes this end anew and prints a one-time code; 'ntrust reset\n"
      "--code' with this domain's name at the other end asks for it. A mistyped code is noticed\n"
      "before anything is sent. It expires (policy: reset_code_lifetime_s) and serves once.\n\n"
      "With two names it renews the trust between any two domains, Active Directory's or\n"
      "NT-style: new random secrets at both ends, and whatever of the two halves is missing or\n"
      "does not fit; then every controller has to prove it. Attributes that an administrator\n"
      "has set stay. Ends and their administrators are named as for 'ntrust check A B'.",
      reset },
    { 0 },
};
