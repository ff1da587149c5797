#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

void cli_print_findings(const struct cli *cli, const struct nt_diagnosis *d)
{
    char state[64];
    for (int g = 0; g < NT_GROUP_COUNT; g++) {
        const struct nt_finding *f = &d->group[g];
        printf("  %-10s %s  %s\n", nt_group_name((enum nt_group_of)g),
               cli_state(cli, f->looked ? nt_grade_name(f->grade) : "-", 8, state), f->text);
    }
}

void cli_print_folded(const char *label, const char *text)
{
    const size_t width = 78, indent = 13;
    size_t at = indent;
    printf("  %-*s", (int)(indent - 2), label);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (at > indent && at + 1 + len > width) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void cli_print_verdict(const struct nt_diagnosis *d)
{
    cli_print_folded("Verdict:", d->verdict);
    if (*d->reason == '\0')
        return;
    if (*d->end != '\0' || d->grade == NT_GRADE_CRITICAL)
        cli_print_folded("At fault:",
                         *d->end != '\0' ? d->end : "cannot be told from what is seen");
    if (*d->cause != '\0')
        cli_print_folded("Cause:", d->cause);
    if (*d->remedy != '\0')
        printf("  %-11s%s\n", "Next:", d->remedy); /* not folded: to be copied */
}

json_t *cli_findings_json(const struct nt_diagnosis *d)
{
    json_t *findings = json_array();
    for (int g = 0; g < NT_GROUP_COUNT; g++) {
        const struct nt_finding *f = &d->group[g];
        json_array_append_new(
            findings,
            json_pack("{s:s,s:s,s:s}", "group", nt_group_name((enum nt_group_of)g), "result",
                      f->looked ? nt_grade_name(f->grade) : "not judged", "text", f->text));
    }
    return findings;
}

json_t *cli_time_json(nt_time t)
{
    char text[NT_TIME_TEXT];
    return json_string(nt_time_rfc3339(t, text));
}

json_t *cli_error_json(const struct nt_admin_error *error)
{
    char code[16];
    snprintf(code, sizeof code, "0x%08X", error->status.code);
    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "kind", nt_admin_fail_name(error->kind), "status",
                     nt_status_name(error->status), "code", code, "step", error->step, "text",
                     error->text);
}

json_t *cli_asked_json(const struct nt_asked *a, json_t *seen)
{
    if (a->look == NT_LOOK_SEEN)
        return seen;
    json_decref(seen);
    return a->look == NT_LOOK_NOT_ASKED ? json_null()
                                        : json_pack("{s:o}", "error", cli_error_json(&a->error));
}
