/* check A B: a trust between two domains, looked at from both. */
#include <stdio.h>

#include "cli/ends.h"
#include "cli/verdict.h"
#include "cli/watch.h"

static json_t *diagnosis_json(const struct cli_ends *e, const struct nt_diagnosis *d)
{
    return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "result", nt_grade_name(d->grade),
                     "code", (int)d->grade, "reason", d->reason, "verdict", d->verdict,
                     "end_at_fault", d->end, "cause", d->cause, "next", d->remedy, "findings",
                     cli_findings_json(d), "ends", cli_ends_json(e));
}

static void tell(const struct cli_ends *e, const struct nt_diagnosis *d)
{
    char state[64];
    if (e->cli->json) {
        json_t *all = diagnosis_json(e, d);
        cli_print_json(all);
        json_decref(all);
        return;
    }
    printf("%s and %s: %s\n", nt_end_name(&e->facts.end[0]), nt_end_name(&e->facts.end[1]),
           cli_state(e->cli, nt_grade_name(d->grade), 0, state));
    cli_print_findings(e->cli, d);
    putchar('\n');
    cli_ends_print(e);
    cli_print_verdict(d);
}

/* Until Ctrl-C; with sessions of its own each time. */
static void watch(struct cli_ends *e, struct nt_diagnosis *d)
{
    struct cli_watch w;
    if (!cli_watch_begin(&w, e->cli))
        return;
    for (;;) {
        cli_ends_look(e);
        nt_look_close(e->look);
        nt_compare_ends(&e->facts, d);
        cli_watch_code((int)d->grade);
        cli_watch_note(&w, e->end[0].name, e->end[1].name, d);
        cli_watch_wait(&w);
    }
}

int cli_check_ends(const struct cli *cli)
{
    struct cli_ends e;
    struct nt_diagnosis d = { .grade = NT_GRADE_UNKNOWN };
    if (cli->servers.count > 0) {
        cli_usage("--server goes with one DOMAIN; with two it is END@SERVER");
        return CHECK_UNKNOWN;
    }
    if (cli_ends_begin(cli, &e)) {
        if (cli->watching) {
            watch(&e, &d);
        } else {
            cli_ends_look(&e);
            nt_compare_ends(&e.facts, &d);
            tell(&e, &d);
        }
    }
    cli_ends_close(&e);
    return (int)d.grade;
}
