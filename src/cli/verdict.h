/*
 * verdict.h - a diagnosis (repair/diagnose.h) as people and programs read it; the same for trusts
 * of ntrustd and of two foreign domains.
 */
#ifndef NT_CLI_VERDICT_H
#define NT_CLI_VERDICT_H

#include "cli/cli.h"
#include "repair/compare.h"

/* The groups, a line each; and the verdict with what follows from it. */
void cli_print_findings(const struct cli *cli, const struct nt_diagnosis *d);
void cli_print_verdict(const struct nt_diagnosis *d);
/* A text behind a label, folded at words. */
void cli_print_folded(const char *label, const char *text);
json_t *cli_findings_json(const struct nt_diagnosis *d);

/* What it was made of. */
json_t *cli_time_json(nt_time t);
json_t *cli_error_json(const struct nt_admin_error *error);
/* `seen` (taken over) where it was seen, null where nobody asked, else the error. */
json_t *cli_asked_json(const struct nt_asked *a, json_t *seen);

#endif
