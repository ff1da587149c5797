/* computer check: the secure channel of a member computer, looked at from both sides. */
#include <stdio.h>

#include "cli/computer.h"
#include "cli/verdict.h"

static void report(const struct cli_computer *c, const struct nt_diagnosis *d)
{
    char state[64];
    if (c->cli->json) {
        json_t *all = json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:o}", "result",
                                nt_grade_name(d->grade), "code", (int)d->grade, "reason", d->reason,
                                "verdict", d->verdict, "end_at_fault", d->end, "cause", d->cause,
                                "next", d->remedy, "findings", cli_findings_json(d));
        json_t *seen = cli_computer_json(c);
        json_object_update(all, seen);
        json_decref(seen);
        cli_print_json(all);
        json_decref(all);
        return;
    }
    printf("%s in %s: %s\n", c->facts.computer, nt_computer_domain(&c->facts),
           cli_state(c->cli, nt_grade_name(d->grade), 0, state));
    cli_print_findings(c->cli, d);
    putchar('\n');
    cli_computer_print(c);
    cli_print_verdict(d);
}

int cli_computer_check(const struct cli *cli)
{
    struct cli_computer c;
    struct nt_diagnosis d = { .grade = NT_GRADE_UNKNOWN };
    if (cli_computer_begin(cli, true, &c)) {
        cli_computer_look(&c);
        nt_computer_judge(&c.facts, &d);
        report(&c, &d);
    }
    cli_computer_close(&c);
    return (int)d.grade;
}
