/* explain: what a code, event or error of a lost trust means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/verdict.h"
#include "repair/symptoms.h"

/* "1787, 0xC000018B, NO_TRUST_SAM_ACCOUNT", "event 5722" */
static void title(const struct nt_symptom *s, char *out, size_t size)
{
    char status[16] = "", range[32] = "";
    if (s->status != 0)
        snprintf(status, sizeof status, ", 0x%08X", s->status);
    if (s->last != s->number)
        snprintf(range, sizeof range, " to %u", s->last);
    if (s->kind == NT_SYMPTOM_EVENT)
        snprintf(out, size, "event %u%s, in the log of %s", s->number, range, s->name);
    else if (s->kind == NT_SYMPTOM_KERBEROS)
        snprintf(out, size, "Kerberos error %u, %s", s->number, s->name);
    else
        snprintf(out, size, "%u%s, %s", s->number, status, s->name);
}

static json_t *as_json(const struct nt_symptom *s)
{
    static const char *const kinds[] = { "code", "event", "kerberos" };
    return json_pack("{s:s,s:I,s:I,s:I,s:s,s:s,s:s,s:s}", "kind", kinds[s->kind], "number",
                     (json_int_t)s->number, "last", (json_int_t)s->last, "status",
                     (json_int_t)s->status, "name", s->name, "means", s->means, "end_at_fault",
                     s->end, "next", s->next);
}

static int explain(const struct cli *cli)
{
    char typed[128], text[200];
    snprintf(typed, sizeof typed, "%s%s%s", cli->args[0], cli->arg_count > 1 ? " " : "",
             cli->arg_count > 1 ? cli->args[1] : "");
    const struct nt_symptom *s = nt_symptom_find(typed);
    if (s == NULL)
        return cli_fail("'%s' is none of those that lost trusts show: a code (1787, 0xC000018B, "
                        "NO_TRUST_SAM_ACCOUNT), 'event 5722', 'KDC 14'",
                        typed);
    if (cli->json) {
        json_t *all = as_json(s);
        cli_print_json(all);
        json_decref(all);
        return EXIT_GOOD;
    }
    title(s, text, sizeof text);
    puts(text);
    cli_print_folded("Means:", s->means);
    cli_print_folded("At fault:", s->end);
    printf("  %-11s%s\n", "Next:", s->next);
    return EXIT_GOOD;
}

const struct cli_command cli_explain_commands[] = {
    { "explain", "CODE", 1, 2, "", "Say what an error of a lost trust means, and what to do",
      "CODE is what was shown: a Windows code (1787, 0xC000018B, NO_TRUST_SAM_ACCOUNT), an event "
      "of\n"
      "Netlogon ('event 5722'), or an error of Kerberos ('KDC 14'). No domain is asked; the next\n"
      "step, 'ntrust check', is what asks them.",
      explain },
    { 0 },
};
