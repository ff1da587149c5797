/* ends.c - from what was typed to sessions with the controllers of both ends. */
#include "cli/ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "repair/find.h"
#include "repair/gss.h"

#define TYPED 1024 /* bytes of a password that is typed */

/* --- the ends file --- */

static bool load(const struct cli *cli, struct nt_ends *file)
{
    char path[NT_END_PATH], why[600];
    const char *home = getenv("HOME");
    if (cli->ends != NULL)
        snprintf(path, sizeof path, "%s", cli->ends);
    else
        snprintf(path, sizeof path, "%s/" NT_END_FILE_LOCAL, home != NULL ? home : "");
    if (nt_ends_load(path, cli->ends == NULL, file, why, sizeof why))
        return true;
    cli_fail("%s", why);
    return false;
}

/* --- the administrators --- */

static bool ask_password(const struct cli *cli, struct nt_credentials *c)
{
    char typed[TYPED], prompt[NT_END_USER * 2];
    snprintf(prompt, sizeof prompt, "Password of %s\\%s", c->domain, c->user);
    if (!cli_read_password(cli->peer_password_fd, prompt, false, typed, sizeof typed))
        return false;
    bool ok = nt_credentials_password(c, typed);
    nt_wipe(typed, sizeof typed);
    if (!ok)
        cli_fail("the password of %s\\%s is not text", c->domain, c->user);
    return ok;
}

static bool by_user(const struct cli *cli, struct nt_credentials *c, const char *user,
                    const char *domain)
{
    if (nt_credentials_user(c, user, domain))
        return ask_password(cli, c);
    cli_fail("'%s' has to be NAME or DOMAIN\\NAME", user);
    return false;
}

static bool by_file(struct nt_credentials *c, const char *path, const char *domain)
{
    char why[600];
    if (nt_credentials_file(c, path, domain, why, sizeof why))
        return true;
    cli_fail("%s", why);
    return false;
}

/* For showing only: the tickets are found by the library. */
static bool by_ticket(struct nt_credentials *c)
{
    char principal[NT_END_USER];
    nt_gss_user(principal, sizeof principal);
    char *at = strchr(principal, '@');
    if (at == NULL) {
        cli_fail("there is no Kerberos ticket to log on with: get one with kinit(1)");
        return false;
    }
    *at = '\0';
    c->kerberos = true;
    snprintf(c->user, sizeof c->user, "%.255s", principal);
    snprintf(c->domain, sizeof c->domain, "%.255s", at + 1);
    return true;
}

/* The i-th -U and -A are of the i-th end. */
static bool identify(struct cli_ends *e, size_t i)
{
    const struct cli *cli = e->cli;
    const struct nt_end *end = &e->end[i];
    struct nt_credentials *c = &e->credentials[i];
    if (i < cli->credentials.count)
        return by_file(c, cli->credentials.item[i], end->domain);
    if (i < cli->users.count)
        return by_user(cli, c, cli->users.item[i], end->domain);
    if (cli->kerberos || end->kerberos)
        return by_ticket(c);
    if (end->credentials[0] != '\0')
        return by_file(c, end->credentials, end->domain);
    if (end->user[0] != '\0')
        return by_user(cli, c, end->user, end->domain);
    nt_credentials_env(c, end->name, end->domain);
    return true; /* nobody: what can be seen without rights */
}

/* --- the controllers --- */

static bool locate(struct cli_ends *e, size_t i)
{
    const struct nt_end *end = &e->end[i];
    struct nt_look_end *look = &e->look[i];
    char why[400];
    *look =
        (struct nt_look_end){ .end = end, .credentials = &e->credentials[i], .lost = e->lost[i] };
    if (end->servers[0] == '\0') {
        nt_find_controllers(e->config.env, end->domain, e->credentials[i].kerberos, &look->servers,
                            e->lost[i], sizeof e->lost[i]);
        return true;
    }
    if (nt_servers_parse(end->servers, &look->servers, why, sizeof why))
        return true;
    cli_fail("%s", why);
    return false;
}

static void show_step(void *ctx, const char *host, const char *what)
{
    const struct cli_ends *e = ctx;
    if (e->progress)
        fprintf(stderr, "\r\033[K%s: %s", host, what);
}

bool cli_ends_begin(const struct cli *cli, struct cli_ends *e)
{
    char why[400];
    *e = (struct cli_ends){ .cli = cli, .progress = isatty(STDERR_FILENO) && !cli->json };
    e->config = (struct nt_look_config){ .env = nt_env_system(), .step = show_step, .ctx = e };
    if (!load(cli, &e->file))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (!nt_end_find(&e->file, cli->args[i], &e->end[i], why, sizeof why)) {
            cli_usage("%s", why);
            return false;
        }
    for (size_t i = 0; i < 2; i++)
        if (!identify(e, i))
            return false;
    for (size_t i = 0; i < 2; i++)
        if (!locate(e, i))
            return false;
    return true;
}

void cli_ends_look(struct cli_ends *e)
{
    nt_look_open(&e->config, e->look, &e->facts);
    nt_look_trust(&e->config, e->look, &e->facts);
    if (e->progress)
        fputs("\r\033[K", stderr);
}

void cli_ends_close(struct cli_ends *e)
{
    nt_look_close(e->look);
    nt_ends_free(&e->file);
    for (size_t i = 0; i < 2; i++)
        nt_credentials_wipe(&e->credentials[i]);
}
