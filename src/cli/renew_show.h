/*
 * renew_show.h - what a change of a trust at both ends would do, has done, and left to do.
 */
#ifndef NT_CLI_RENEW_SHOW_H
#define NT_CLI_RENEW_SHOW_H

#include "cli/ends.h"
#include "repair/renew.h"

/* One of the commands that change a trust at both ends. */
struct cli_renewal {
    struct cli_ends *ends;
    char notes[1024]; /* the file of the plan's */
    struct nt_renew_plan plan;
    struct nt_renew_result result;
};

/* Each prints, as text or JSON, and gives the exit code. */
int cli_renewal_refused(const struct cli *cli, const char *why);
int cli_renewal_planned(const struct cli_renewal *r);
int cli_renewal_nothing(const struct cli_renewal *r); /* REMOVE: no half at either end */
int cli_renewal_done(const struct cli_renewal *r);

/* The plan, a line for each end, and who trusts whom in plain words, for a person who is asked. */
void cli_renewal_print_plan(const struct cli_renewal *r, FILE *to, const char *before);

#endif
