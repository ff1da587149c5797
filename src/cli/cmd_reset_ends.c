/* reset, rotate, establish and remove of a trust between two domains that ntrustd does not run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/renew_show.h"

#define SESSION_MS  120000
#define PATIENCE_MS 30000

/* For a removal, which nothing brings back: --yes, or a person at a terminal. */
static bool confirmed(const struct cli_renewal *r)
{
    char line[16];
    if (r->plan.goal != NT_RENEW_REMOVE || r->ends->cli->yes)
        return true;
    cli_renewal_print_plan(r, stderr, "to do, at ");
    fputs("Remove it? [y/N] ", stderr);
    return fgets(line, sizeof line, stdin) != NULL &&
           (strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0);
}

static int carry_out(struct cli_renewal *r)
{
    struct cli_ends *e = r->ends;
    nt_renew_run(&e->config, e->look, &r->plan, PATIENCE_MS, &e->facts, &r->result);
    if (e->progress)
        fputs("\r\033[K", stderr);
    int code = cli_renewal_done(r);
    nt_renew_wipe(&r->result);
    return code;
}

/* The directory of notes; "": there is no home to have it in. make: unless it is there. */
static void notes_directory(bool make, char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool own = state != NULL && *state == '/';
    int len = own ? snprintf(out, size, "%s/ntrust", state)
                  : snprintf(out, size, "%s/.local/state/ntrust", home != NULL ? home : "");
    if (len < 0 || (size_t)len >= size || (!own && (home == NULL || *home != '/'))) {
        out[0] = '\0';
        return;
    }
    for (char *p = out + 1; make && (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(out, 0700); /* most are there; what fails shows when the file is written */
        *p = '/';
    }
    if (make)
        (void)mkdir(out, 0700);
}

/* That what is made is by notes, and from where, for who wonders. */
static void tell_recalled(const struct cli_renewal *r)
{
    for (size_t i = 0; i < 2 && !r->ends->cli->json; i++) {
        const struct nt_end_facts *e = &r->ends->facts.end[i];
        if (r->plan.before[i].tdo.exists && !nt_end_main(e)->tdo.tdo.exists)
            fprintf(stderr, "%s had a half before a run that did not end, as %s says.\n",
                    nt_end_name(e), r->notes);
    }
}

static int renew(struct cli_renewal *r, const struct nt_renew_wish *asked)
{
    struct cli_ends *e = r->ends;
    struct nt_renew_wish full = *asked;
    const struct nt_renew_wish *wish = &full;
    struct nt_admin_error error;
    char why[1200], directory[900];
    size_t end;
    e->config.session_ms = SESSION_MS;
    e->config.bare = true;
    e->config.halves = wish->goal != NT_RENEW_ROTATE && wish->goal != NT_RENEW_PASSWORD;
    cli_ends_look(e);
    notes_directory(!e->cli->dry_run, directory, sizeof directory);
    bool noting = directory[0] != '\0' &&
                  nt_renew_notes_path(directory, &e->facts, r->notes, sizeof r->notes);
    if (noting)
        (void)nt_renew_recall(r->notes, &e->facts, full.before);
    if (!nt_renew_plan(&e->facts, wish, &r->plan, why, sizeof why))
        return cli_renewal_refused(e->cli, why);
    r->plan.notes = noting ? r->notes : NULL;
    tell_recalled(r);
    if (!nt_renew_does(&r->plan, 0) && !nt_renew_does(&r->plan, 1))
        return cli_renewal_nothing(r);
    if (!nt_renew_ready(e->look, &e->facts, &r->plan, &end, &error))
        return cli_renewal_refused(e->cli, error.text);
    if (e->cli->dry_run)
        return cli_renewal_planned(r);
    return confirmed(r) ? carry_out(r) : cli_renewal_refused(e->cli, "it was not confirmed");
}

static int begin(const struct cli *cli, const struct nt_renew_wish *wish)
{
    struct cli_ends ends;
    struct cli_renewal r = { .ends = &ends };
    int code = EXIT_FAILED;
    if (cli_ends_begin(cli, &ends))
        code = renew(&r, wish);
    cli_ends_close(&ends);
    return code;
}

int cli_reset_ends(const struct cli *cli)
{
    struct nt_renew_wish wish = { .goal = NT_RENEW_RESET, .by_hand = cli->generate };
    if (cli->reset_here || cli->reset_code || cli->servers.count > 0)
        return cli_usage("--here, --code and --server go with one DOMAIN");
    if (cli->recreate && cli->only_password)
        return cli_usage("--recreate and --only-password contradict each other");
    if (cli->recreate)
        wish.goal = NT_RENEW_RECREATE;
    else if (cli->only_password)
        wish.goal = NT_RENEW_PASSWORD;
    return begin(cli, &wish);
}

static int rotate(const struct cli *cli)
{
    const struct nt_renew_wish wish = { .goal = NT_RENEW_ROTATE };
    return begin(cli, &wish);
}

static int delete_both(const struct cli *cli)
{
    const struct nt_renew_wish wish = { .goal = NT_RENEW_REMOVE };
    if (!cli->yes && !cli->dry_run && !isatty(STDIN_FILENO))
        return cli_usage("nobody can be asked here whether to remove it: give --yes, or --dry-run "
                         "to see what would be done");
    return begin(cli, &wish);
}

/* The directions as a person may put them: of the first domain. */
static bool take_direction(const char *text, struct nt_renew_wish *wish)
{
    bool both = strcmp(text, "both") == 0;
    wish->trusts[0] = both || strcmp(text, "out") == 0 || strcmp(text, "trusting") == 0;
    wish->trusts[1] = both || strcmp(text, "in") == 0 || strcmp(text, "trusted") == 0;
    return wish->trusts[0] || wish->trusts[1];
}

static int ask_direction(const struct cli *cli)
{
    const char *a = cli->args[0], *b = cli->args[1];
    int x = (int)strcspn(a, "@"), y = (int)strcspn(b, "@");
    return cli_usage("which one trusts the other? --direction out: %.*s trusts %.*s, so users of "
                     "%.*s may be let in at %.*s; in: the reverse; both: both",
                     x, a, y, b, y, b, x, a);
}

static int establish(const struct cli *cli)
{
    const char *type = cli->trust_type != NULL ? cli->trust_type : "external";
    struct nt_renew_wish wish = { .goal = NT_RENEW_ESTABLISH, .by_hand = cli->generate };
    if (cli->direction == NULL || !take_direction(cli->direction, &wish))
        return ask_direction(cli);
    wish.forest = strcmp(type, "forest") == 0;
    if (!wish.forest && strcmp(type, "external") != 0)
        return cli_usage("--type is external or forest, not '%s'", type);
    return begin(cli, &wish);
}

#define WHO "user credentials ends kerberos peer-password-fd dry-run"

const struct cli_command cli_ends_commands[] = {
    { "establish", "DOMAIN OTHER", 2, 2, WHO " type direction generate",
      "Make a trust between two domains, at both ends",
      "--direction says which of them trusts the other: 'out' that DOMAIN trusts OTHER, so users "
      "of\n"
      "OTHER may be let in at DOMAIN; 'in' the reverse; 'both' both. --type external (an NT-style\n"
      "trust where either domain is one) or forest. Ends and their administrators are named as "
      "for\n"
      "'ntrust check A B'. Refused where a half of such a trust is there already, and where "
      "names,\n"
      "SIDs or computers of the two domains could be mistaken for each other. What was made is\n"
      "taken back when the other end fails; at last every controller has to prove the trust.",
      establish },
    { "remove", "DOMAIN OTHER", 2, 2, WHO " yes", "Remove a trust at both ends",
      "Opens both ends and tries the rights at both before it touches either; then deletes the\n"
      "trusted domain objects and the interdomain trust accounts, and says which. It asks before "
      "it\n"
      "does, unless --yes is given. Should the second end fail after the first, it says so, with\n"
      "the command that finishes.",
      delete_both },
    { "rotate", "DOMAIN OTHER", 2, 2, WHO, "Have a trust that works change its secrets now",
      "Has the trusting end's controller change the password by its own system, over its secure\n"
      "channel: nothing is made, deleted or set by hand. Only for a trust that every controller\n"
      "proves now; one that is broken is for 'ntrust reset'. Both directions, where there are two.",
      rotate },
    { 0 },
};
