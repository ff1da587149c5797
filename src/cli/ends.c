/* ends.c - from what was typed to sessions with the controllers of both ends. */
#include "cli/ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "repair/crew.h"
#include "repair/pair.h"

#define TYPED 1024 /* bytes of a password that is typed */

/* --- the ends file --- */

bool cli_ends_file(const struct cli *cli, struct nt_ends *file)
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

static bool ask_password(void *ctx, struct nt_credentials *c, char *why, size_t why_size)
{
    const struct cli *cli = ctx;
    char typed[TYPED], prompt[NT_END_USER * 2];
    snprintf(prompt, sizeof prompt, "Password of %s\\%s", c->domain, c->user);
    if (!cli_read_password(cli->peer_password_fd, prompt, false, typed, sizeof typed))
        return false;
    bool ok = nt_credentials_password(c, typed);
    nt_wipe(typed, sizeof typed);
    if (!ok)
        snprintf(why, why_size, "the password of %s\\%s is not text", c->domain, c->user);
    return ok;
}

bool cli_ends_identify(const struct cli *cli, const struct nt_end *end, size_t i,
                       struct nt_credentials *out)
{
    char why[600];
    union {
        const struct cli *in;
        void *out;
    } ctx = { cli }; /* handed to ask_password, which only reads */
    const struct nt_pair_who who = {
        .file = i < cli->credentials.count ? cli->credentials.item[i] : NULL,
        .user = i < cli->users.count ? cli->users.item[i] : NULL,
        .kerberos = cli->kerberos && i < 2,
        .env = i < 2 || nt_credentials_named(end->name),
        .ask = ask_password,
        .ctx = ctx.out,
    };
    if (nt_pair_identify(end, &who, out, why, sizeof why))
        return true;
    if (*why != '\0')
        cli_fail("%s", why);
    return false;
}

/* --- the controllers --- */

static void locate(void *ctx, size_t i)
{
    struct cli_ends *e = ctx;
    struct nt_look_end *look = &e->look[i];
    *look = (struct nt_look_end){ .end = &e->end[i],
                                  .credentials = &e->credentials[i],
                                  .lost = e->lost[i] };
    /* A list that breaks the form was refused with the name or the file that has it. */
    (void)nt_pair_controllers(e->config.env, &e->end[i], &e->credentials[i], &look->servers,
                              e->lost[i], sizeof e->lost[i]);
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
    if (!cli_ends_file(cli, &e->file))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (!nt_end_find(&e->file, cli->args[i], &e->end[i], why, sizeof why)) {
            cli_usage("%s", why);
            return false;
        }
    for (size_t i = 0; i < 2; i++)
        if (!cli_ends_identify(cli, &e->end[i], i, &e->credentials[i]))
            return false;
    nt_crew_run(2, 2, locate, e);
    return true;
}

void cli_ends_look(struct cli_ends *e)
{
    nt_look_both(&e->config, e->look, &e->facts);
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
