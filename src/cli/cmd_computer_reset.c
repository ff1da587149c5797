/* computer reset: the secure channel of a member computer, made good at both sides. */
#include <stdio.h>
#include <string.h>

#include "cli/computer.h"
#include "cli/verdict.h"
#include "repair/computer_reset.h"

#define PATIENCE_MS 30000

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

/* --- the plan --- */

static json_t *plan_json(const struct cli_computer *c, const struct nt_computer_plan *plan)
{
    const struct nt_computer_facts *f = &c->facts;
    char text[600];
    json_t *list = json_array();
    snprintf(text, sizeof text, "at %s, %s the account %s$ of %s%s a new random secret",
             nt_computer_main(f)->host, plan->create ? "make" : "give", f->computer,
             nt_computer_domain(f),
             plan->create   ? " with"
             : plan->enable ? " (disabled now: enable it)"
                            : "");
    json_array_append_new(list, json_string(text));
    if (plan->hand)
        snprintf(text, sizeof text, "here, have %s store the same one: net changesecretpw -f -i",
                 f->computer);
    else
        snprintf(text, sizeof text, "put the same one into %.200s, for %s to store",
                 c->cli->secret_file, f->computer);
    json_array_append_new(list, json_string(text));
    snprintf(text, sizeof text, "have it proven with %zu controller%s", f->count,
             f->count == 1 ? "" : "s");
    json_array_append_new(list, json_string(text));
    return list;
}

static int show_plan(const struct cli_computer *c, const struct nt_computer_plan *plan)
{
    json_t *list = plan_json(c, plan);
    if (c->cli->json) {
        json_t *all = json_pack("{s:s,s:O}", "result", "planned", "plan", list);
        cli_print_json(all);
        json_decref(all);
    } else {
        for (size_t i = 0; i < json_array_size(list); i++)
            printf("would, %s\n", json_string_value(json_array_get(list, i)));
    }
    json_decref(list);
    return EXIT_GOOD;
}

/* --- what came of it --- */

static const char *stage_name(enum nt_computer_stage stage)
{
    switch (stage) {
    case NT_STAGE_BEFORE:
        return "refused";
    case NT_STAGE_ACCOUNT:
        return "half changed";
    case NT_STAGE_SET:
        return "not proven";
    case NT_STAGE_PROVEN:
        break;
    }
    return "good";
}

/* What is left to be done, elsewhere or by hand; "": nothing. */
static void next_step(const struct cli_computer *c, const struct nt_computer_plan *plan,
                      const struct nt_computer_result *r, char *out, size_t size)
{
    out[0] = '\0';
    if (r->stage == NT_STAGE_BEFORE)
        return;
    if (r->stage == NT_STAGE_ACCOUNT)
        snprintf(out, size, "when the cause is gone, run it again: it begins anew, and finishes");
    else if (!plan->hand)
        snprintf(out, size,
                 "on %s, as root: net changesecretpw -f -i < %.200s; then delete that file in both "
                 "places",
                 c->facts.computer, c->cli->secret_file);
    else if (c->member.keytab && !r->keytab_renewed)
        snprintf(out, size,
                 "the keytab has keys of the old secret (%.200s): net ads keytab create -U "
                 "Administrator",
                 r->keytab_why);
}

static void tell_good(const struct cli_computer *c, const struct nt_computer_plan *plan,
                      const struct nt_computer_result *r)
{
    const struct nt_computer_facts *f = &c->facts;
    printf("The secure channel between %s and %s is good%s: every controller that answers accepts "
           "the new secret, %llu.%03llu s after the change.\n",
           f->computer, nt_computer_domain(f), plan->hand ? " again" : " as far as the domain goes",
           (unsigned long long)r->proven_ms / 1000, (unsigned long long)r->proven_ms % 1000);
    if (plan->hand && r->samba_proves)
        printf("Samba agrees: net rpc testjoin%s.\n",
               f->winbind == NT_WINBIND_GOOD ? ", wbinfo -t" : "");
    else if (plan->hand)
        printf("But Samba does not agree: %s\n", r->samba_says);
    if (plan->hand && f->winbind == NT_WINBIND_BAD)
        printf("winbindd does not use it yet: %s\n", f->winbind_text);
    if (r->keytab_renewed)
        printf("The keytab has keys of the new secret: net ads keytab create.\n");
    if (plan->create)
        printf("The account is new: it is in none of the groups of the one before.\n");
}

static int report(const struct cli_computer *c, const struct nt_computer_plan *plan,
                  const struct nt_computer_result *r)
{
    char next[600];
    bool good = r->stage == NT_STAGE_PROVEN && (!plan->hand || r->samba_proves) &&
                (!plan->hand || !c->member.keytab || r->keytab_renewed);
    if (r->stage == NT_STAGE_BEFORE)
        return refused(c->cli, r->why);
    next_step(c, plan, r, next, sizeof next);
    if (c->cli->json) {
        json_t *all =
            json_pack("{s:s,s:s,s:o,s:I,s:b,s:s,s:s}", "result", stage_name(r->stage), "text",
                      r->why, "plan", plan_json(c, plan), "proven_ms", (json_int_t)r->proven_ms,
                      "samba_agrees", r->samba_proves, "samba_says", r->samba_says, "next", next);
        json_t *seen = cli_computer_json(c);
        json_object_update(all, seen);
        json_decref(seen);
        cli_print_json(all);
        json_decref(all);
        return good ? EXIT_GOOD : EXIT_FAILED;
    }
    if (r->stage == NT_STAGE_ACCOUNT)
        cli_fail("half changed: %s may have the new secret, and %s has not: %s",
                 nt_computer_domain(&c->facts), c->facts.computer, r->why);
    else if (r->stage == NT_STAGE_SET)
        cli_fail("both sides have the new secret, but it is not proven: %s", r->why);
    else
        tell_good(c, plan, r);
    if (next[0] != '\0')
        printf("Next: %s\n", next);
    return good ? EXIT_GOOD : EXIT_FAILED;
}

static int reset(struct cli_computer *c)
{
    const struct cli *cli = c->cli;
    struct nt_computer_plan plan;
    struct nt_computer_result result;
    char why[600];
    cli_computer_look(c);
    if (!nt_computer_plan(&c->facts, cli->create, cli->secret_file != NULL, &plan, why, sizeof why))
        return refused(cli, why);
    if (cli->dry_run)
        return show_plan(c, &plan);
    nt_computer_reset(&c->look, &plan, plan.hand ? NULL : cli->secret_file, PATIENCE_MS, &c->facts,
                      &result);
    if (c->progress)
        fputs("\r\033[K", stderr);
    return report(c, &plan, &result);
}

int cli_computer_reset(const struct cli *cli)
{
    struct cli_computer c;
    int code = EXIT_FAILED;
    if (cli_computer_begin(cli, false, &c))
        code = reset(&c);
    cli_computer_close(&c);
    return code;
}
