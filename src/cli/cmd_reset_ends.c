/* reset A B: a trust between two domains that ntrustd does not run, made good at both ends. */
#include <stdio.h>
#include <string.h>

#include "cli/ends.h"
#include "cli/verdict.h"
#include "repair/renew.h"

#define SESSION_MS  120000
#define PATIENCE_MS 30000

static json_t *error_json(const struct nt_admin_error *error)
{
    return json_pack("{s:s,s:s,s:s}", "kind", nt_admin_fail_name(error->kind), "status",
                     nt_status_name(error->status), "text", error->text);
}

static int refused(const struct cli *cli, const char *why)
{
    if (cli->json) {
        json_t *all = json_pack("{s:s,s:s}", "result", "refused", "text", why);
        cli_print_json(all);
        json_decref(all);
        return EXIT_FAILED;
    }
    return cli_fail("nothing was changed: %s", why);
}

static json_t *plan_json(const struct cli_ends *e, const struct nt_renew_plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < 2; i++) {
        char text[400];
        nt_renew_text(&e->facts, plan, i, text, sizeof text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static int show_plan(const struct cli_ends *e, const struct nt_renew_plan *plan)
{
    json_t *list = plan_json(e, plan);
    if (e->cli->json) {
        json_t *all = json_pack("{s:s,s:O}", "result", "planned", "plan", list);
        cli_print_json(all);
        json_decref(all);
    } else {
        for (size_t i = 0; i < 2; i++)
            printf("would, at %s\n", json_string_value(json_array_get(list, i)));
    }
    json_decref(list);
    return EXIT_GOOD;
}

/* What a person has to know after a change that stopped half way. */
static void tell_half(const struct cli_ends *e, const struct nt_renew_result *r)
{
    const char *there = nt_end_name(&e->facts.end[r->failed]);
    cli_fail("%s: %s", there, r->error.text);
    if (!r->touched)
        fputs("Nothing was changed.\n", stderr);
    else
        fprintf(stderr,
                "The trust is half changed and does not work. When the cause is gone, run again:\n"
                "  ntrust reset %s %s\n",
                e->cli->args[0], e->cli->args[1]);
}

static int report(const struct cli_ends *e, const struct nt_renew_plan *plan,
                  const struct nt_renew_result *r)
{
    const char *a = nt_end_name(&e->facts.end[0]), *b = nt_end_name(&e->facts.end[1]);
    bool good = r->failed == 2 && r->proven;
    if (e->cli->json) {
        json_t *all = json_pack("{s:s,s:o,s:o,s:I,s:o}", "result",
                                good             ? "good"
                                : r->failed == 2 ? "not proven"
                                : r->touched     ? "half changed"
                                                 : "refused",
                                "plan", plan_json(e, plan), "error",
                                r->failed < 2 ? error_json(&r->error) : json_null(), "proven_ms",
                                (json_int_t)r->proven_ms, "ends", cli_ends_json(e));
        cli_print_json(all);
        json_decref(all);
    } else if (r->failed < 2) {
        tell_half(e, r);
    } else if (good) {
        printf("The trust between %s and %s is good again: every controller that was asked proves "
               "it, %llu.%03llu s after the change.\n",
               a, b, (unsigned long long)r->proven_ms / 1000,
               (unsigned long long)r->proven_ms % 1000);
    } else {
        struct nt_diagnosis d;
        nt_compare_ends(&e->facts, &d);
        cli_fail("both halves of the trust between %s and %s are new, but not all controllers "
                 "prove it yet",
                 a, b);
        cli_print_findings(e->cli, &d);
        cli_print_verdict(&d);
    }
    return good ? EXIT_GOOD : EXIT_FAILED;
}

static int reset(struct cli_ends *e)
{
    struct nt_renew_plan plan;
    struct nt_renew_result result;
    char why[600];
    const struct nt_renew_wish wish = { .goal =
                                            e->cli->recreate ? NT_RENEW_RECREATE : NT_RENEW_RESET };
    e->config.session_ms = SESSION_MS;
    cli_ends_look(e);
    if (!nt_renew_plan(&e->facts, &wish, &plan, why, sizeof why))
        return refused(e->cli, why);
    if (e->cli->dry_run)
        return show_plan(e, &plan);
    nt_renew_run(&e->config, e->look, &plan, PATIENCE_MS, &e->facts, &result);
    if (e->progress)
        fputs("\r\033[K", stderr);
    return report(e, &plan, &result);
}

int cli_reset_ends(const struct cli *cli)
{
    struct cli_ends e;
    int code = EXIT_FAILED;
    if (cli->reset_here || cli->reset_code || cli->servers.count > 0)
        return cli_usage("--here, --code and --server go with one DOMAIN");
    if (cli_ends_begin(cli, &e))
        code = reset(&e);
    cli_ends_close(&e);
    return code;
}
