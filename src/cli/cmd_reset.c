/*
 * reset: re-establishes a trust. With an administrator of the other domain it mends both ends in
 * one go, in an order that an interruption at any point leaves to be finished by the same command;
 * with a code each administrator does their own end.
 */
#include "cli/reset.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"

#define PEER_MS 120000

/* --- both ends from here --- */

static unsigned wanted(const struct cli *cli)
{
    return cli->as == NULL                    ? RESET_NONE
           : strcmp(cli->as, "trusting") == 0 ? RESET_TRUSTING
           : strcmp(cli->as, "trusted") == 0  ? RESET_TRUSTED
                                              : RESET_BOTH;
}

/* A half that is at one end alone is what was lost: it counts, whichever end that is. */
static bool find_ends(struct reset *r)
{
    unsigned here =
        (r->trust != NULL ? RESET_TRUSTING : 0) | (r->permit != NULL ? RESET_TRUSTED : 0);
    unsigned there = 0;
    bool seen = nt_admin_account_get(r->peer.admin, r->own, &r->account);
    if (seen && r->account.exists && r->account.type == NT_ADMIN_INTERDOMAIN)
        there |= RESET_TRUSTING;
    if (!seen && here == 0)
        return reset_peer_failed(r);
    seen = nt_admin_tdo_get(r->peer.admin, r->own, &r->tdo);
    if (seen && r->tdo.exists && (r->tdo.direction & NT_ADMIN_OUTBOUND) != 0)
        there |= RESET_TRUSTED;
    if (!seen && here == 0)
        return reset_peer_failed(r);
    r->ends = r->cli->as != NULL ? wanted(r->cli) : here | there;
    if (r->ends == RESET_NONE)
        return reset_failed(r, r->own,
                            "there is no half of a trust with %s, neither here nor there. To make "
                            "one: 'ntrust permit add' at the end that has the users, 'ntrust trust "
                            "add' at the other",
                            r->name);
    if ((r->ends & ~here & RESET_TRUSTING) != 0)
        reset_note(r, r->own, "that this domain trusts %s is not known here (any more)", r->name);
    if ((r->ends & ~here & RESET_TRUSTED) != 0)
        reset_note(r, r->own, "that %s trusts this domain is not known here (any more)", r->name);
    return true;
}

static bool mend_both(struct reset *r)
{
    char servers[4096];
    const char *from = cli_servers_text(r->cli, r->name, json_object_get(r->trust, "servers"),
                                        servers, sizeof servers);
    reset_done(r, r->own, "this end answers%s%s%s%s", r->trust != NULL ? ": it trusts " : "",
               r->trust != NULL ? r->name : "",
               r->permit == NULL  ? ""
               : r->trust != NULL ? ", and is trusted by "
                                  : ": it is trusted by ",
               r->permit != NULL ? r->name : "");
    if (!cli_peer_open(r->cli, r->name, from, PEER_MS, &r->peer))
        return reset_failed(r, r->name, "%s", r->peer.error.text);
    if (!find_ends(r))
        return false;
    bool trusting = (r->ends & RESET_TRUSTING) != 0, trusted = (r->ends & RESET_TRUSTED) != 0;
    if ((trusting && !reset_look_trusting(r)) || (trusted && !reset_look_trusted(r)))
        return false;
    if (r->cli->dry_run) {
        if (trusting)
            reset_plan_trusting(r);
        if (trusted)
            reset_plan_trusted(r);
        return true;
    }
    return (!trusting || reset_mend_trusting(r)) && (!trusted || reset_mend_trusted(r));
}

/* --- what was typed --- */

/* EXIT_GOOD when it makes sense. */
static int check_options(const struct cli *cli)
{
    bool mistake, admin = cli_peer_asked(cli, &mistake);
    if (mistake)
        return EXIT_USAGE;
    if (cli->reset_here && cli->reset_code)
        return cli_usage("--here makes a code, --code takes one: give one of them");
    if ((cli->reset_here || cli->reset_code) && admin)
        return cli_usage("with --here and --code each administrator does their own end: no --user");
    if (!cli->reset_here && !cli->reset_code && !admin)
        return cli_usage("name an administrator of %s with -U NAME, or log on with -k; or let each "
                         "end's administrator do it: ntrust reset --here %s",
                         cli->args[0], cli->args[0]);
    if (cli->password_fd >= 0 && !cli->reset_code)
        return cli_usage("--password-fd is for --code; the other administrator's password comes "
                         "with --peer-password-fd");
    if (cli->as != NULL && cli->reset_code)
        return cli_usage("the code itself says which end this is: no --as with --code");
    if (cli->as != NULL && strcmp(cli->as, "trusting") != 0 && strcmp(cli->as, "trusted") != 0 &&
        strcmp(cli->as, "both") != 0)
        return cli_usage("--as is trusting, trusted or both, not '%s'", cli->as);
    if (!nt_netbios_name_ok(cli->args[0]))
        return cli_usage("'%s' is no NetBIOS domain name", cli->args[0]);
    return EXIT_GOOD;
}

int cli_reset(const struct cli *cli)
{
    struct reset r = { .cli = cli };
    char upper[NT_ADMIN_NAME];
    int code = check_options(cli);
    if (code != EXIT_GOOD)
        return code;
    r.domain = cli_call(cli, "GET", "/v1/domain", NULL, &code);
    if (r.domain == NULL)
        return code;
    reset_catch_interrupts();
    setlocale(LC_CTYPE, "");
    r.ticks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    size_t len = 0;
    for (const char *c = cli->args[0]; *c != '\0' && len + 1 < sizeof upper; c++)
        upper[len++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    upper[len] = '\0';
    r.own = cli_text(r.domain, "name");
    r.name = upper;
    reset_look_here(&r);
    bool ok = cli->reset_here   ? reset_make_code(&r)
              : cli->reset_code ? reset_take_code(&r)
                                : mend_both(&r);
    code = reset_conclude(&r, ok);
    cli_peer_close(&r.peer);
    json_decref(r.trust);
    json_decref(r.permit);
    json_decref(r.code);
    json_decref(r.domain);
    return code;
}
