/* computer.c - from what was typed to both sides of a member computer's secure channel. */
#include "cli/computer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf16.h"
#include "cli/ends.h"
#include "crypto/sysenv.h"
#include "repair/pair.h"

/* --- which computer --- */

static void capitals(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)toupper((unsigned char)*text);
}

/* "HOST", "host.dns.name" or "HOST$", each with @ADDRESS. A DNS name is an address as well. */
static bool take_host(struct cli_computer *c, const char *typed)
{
    const char *at = strchr(typed, '@');
    size_t len = at != NULL ? (size_t)(at - typed) : strlen(typed);
    size_t name = strcspn(typed, ".@$");
    if (name == 0 || name > 15 || len >= sizeof c->address ||
        (at != NULL && (at[1] == '\0' || strlen(at + 1) >= sizeof c->address))) {
        cli_usage("'%s' has to be a computer's name, perhaps with @ADDRESS: HOST, HOST@192.0.2.7",
                  typed);
        return false;
    }
    memcpy(c->computer, typed, name);
    c->computer[name] = '\0';
    capitals(c->computer);
    if (at != NULL)
        snprintf(c->address, sizeof c->address, "%s", at + 1);
    else if (typed[name] == '.')
        snprintf(c->address, sizeof c->address, "%.*s", (int)len, typed);
    return true;
}

/* This computer, where it was not named or is the one that was. */
static bool find_computer(struct cli_computer *c)
{
    const struct cli *cli = c->cli;
    char why[NT_MEMBER_WHY];
    bool named = cli->arg_count > 0;
    if (named && !take_host(c, cli->args[0]))
        return false;
    bool read = nt_member_read(cli->samba_config, &c->member, why, sizeof why);
    if (!read && (!named || cli->samba_config != NULL)) {
        cli_fail("%s%s", why, named ? "" : "; name a computer: HOST -d DOMAIN");
        return false;
    }
    if (!named && !c->member.is_member) {
        cli_fail("%s is no member of a domain: its Samba has neither security = domain nor ads; "
                 "name another computer: HOST -d DOMAIN",
                 c->member.computer);
        return false;
    }
    if (!named)
        snprintf(c->computer, sizeof c->computer, "%s", c->member.computer);
    c->here = read && c->member.is_member && nt_name_equal(c->member.computer, c->computer) &&
              strchr(named ? cli->args[0] : "", '@') == NULL;
    if (c->here)
        c->address[0] = '\0';
    return true;
}

/* --- which domain --- */

static bool find_domain(struct cli_computer *c)
{
    const struct cli *cli = c->cli;
    char why[600];
    const char *typed = cli->domain;
    if (typed == NULL && c->member.is_member)
        typed = c->member.ads && c->member.realm[0] != '\0' ? c->member.realm : c->member.domain;
    if (typed == NULL) {
        cli_usage("which domain does %s belong to? -d DOMAIN", c->computer);
        return false;
    }
    if (!cli_ends_file(cli, &c->file))
        return false;
    if (nt_end_find(&c->file, typed, &c->end, why, sizeof why))
        return true;
    cli_usage("%s", why);
    return false;
}

/* --- the administrators --- */

/* The second -U or -A is the computer's own administrator; by default the domain's is one. */
static bool identify_both(struct cli_computer *c)
{
    struct nt_end there = { .line = 0 };
    if (!cli_ends_identify(c->cli, &c->end, 0, &c->credentials))
        return false;
    if (c->cli->users.count < 2 && c->cli->credentials.count < 2) {
        c->administrator = c->credentials;
        return true;
    }
    memcpy(there.name, c->computer, sizeof c->computer);
    memcpy(there.domain, c->computer, sizeof c->computer);
    return cli_ends_identify(c->cli, &there, 1, &c->administrator);
}

/* --- the secret --- */

static bool find_secret(struct cli_computer *c, bool secret_file)
{
    if (secret_file && c->cli->secret_file != NULL) {
        c->look.from_file = true;
        if (nt_member_secret_file(c->cli->secret_file, &c->secret))
            return true;
        cli_fail("%s", c->secret.why);
        return false;
    }
    if (c->here)
        nt_member_secret(&c->member, &c->secret);
    else
        snprintf(c->secret.why, sizeof c->secret.why,
                 "%s keeps it, and it is only seen there, as root", c->computer);
    return true;
}

/* --- all of it --- */

static void show_step(void *ctx, const char *host, const char *what)
{
    const struct cli_computer *c = ctx;
    if (c->progress)
        fprintf(stderr, "\r\033[K%s: %s", host, what);
}

/* A member finds its controllers in ways of its own, too. */
static void ask_samba(struct cli_computer *c)
{
    char servers[NT_END_SERVERS], why[200];
    if (c->look.servers.count == 0 && c->here && nt_name_equal(c->end.domain, c->member.domain) &&
        nt_member_controllers(&c->member, servers, sizeof servers) &&
        nt_servers_parse(servers, &c->look.servers, why, sizeof why))
        c->lost[0] = '\0';
}

bool cli_computer_begin(const struct cli *cli, bool secret_file, struct cli_computer *c)
{
    *c = (struct cli_computer){ .cli = cli, .progress = isatty(STDERR_FILENO) && !cli->json };
    if (!find_computer(c) || !find_domain(c) || !identify_both(c) || !find_secret(c, secret_file))
        return false;
    struct nt_computer_look *l = &c->look;
    l->env = nt_env_system();
    l->end = &c->end;
    l->credentials = &c->credentials;
    l->lost = c->lost;
    l->member = c->here ? &c->member : NULL;
    l->secret = &c->secret;
    l->address = c->address[0] != '\0' ? c->address : NULL;
    l->administrator = &c->administrator;
    l->step = show_step;
    l->ctx = c;
    if (!nt_pair_controllers(l->env, &c->end, &c->credentials, &l->servers, c->lost,
                             sizeof c->lost)) {
        cli_fail("%s", c->lost);
        return false;
    }
    ask_samba(c);
    return true;
}

void cli_computer_look(struct cli_computer *c)
{
    nt_computer_look(&c->look, c->computer, &c->facts);
    if (c->progress)
        fputs("\r\033[K", stderr);
}

void cli_computer_close(struct cli_computer *c)
{
    nt_computer_close(&c->look);
    nt_ends_free(&c->file);
    nt_credentials_wipe(&c->credentials);
    nt_credentials_wipe(&c->administrator);
    nt_member_secret_wipe(&c->secret);
}
