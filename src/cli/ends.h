/*
 * ends.h - commands about a trust between two domains that ntrustd does not run: their ends as they
 * were typed, who their administrators are, and what was seen. Seen by ends.c and cmd_*_ends.c.
 */
#ifndef NT_CLI_ENDS_H
#define NT_CLI_ENDS_H

#include "cli/cli.h"
#include "repair/look.h"

struct cli_ends {
    const struct cli *cli;
    struct nt_ends file;
    struct nt_end end[2];
    struct nt_credentials credentials[2];
    char lost[2][400];
    struct nt_look_end look[2];
    struct nt_look_config config;
    struct nt_ends_facts facts;
    bool progress; /* a terminal shows what is under way */
};

/*
 * args[0] and args[1]: reads the ends file, finds out who the administrators are (-U, -A, -k, the
 * ends file, the environment; asks for what is missing), finds the controllers. False: told on
 * stderr; to be closed also then.
 */
bool cli_ends_begin(const struct cli *cli, struct cli_ends *e);
void cli_ends_look(struct cli_ends *e); /* opens the sessions and fills facts */
void cli_ends_close(struct cli_ends *e);

/* The steps of it, for commands about more than one trust: the ends file, and who administers an
 * end. The i-th -U and -A are of the i-th end that was typed; for an end that was not, i is
 * CLI_ENDS_UNTYPED, and only what the file or the environment says of itself counts. False: told on
 * stderr. */
#define CLI_ENDS_UNTYPED CLI_LIST_MAX
bool cli_ends_file(const struct cli *cli, struct nt_ends *file);
bool cli_ends_identify(const struct cli *cli, const struct nt_end *end, size_t i,
                       struct nt_credentials *out);

/* What was seen, ends side by side, and as JSON. */
void cli_ends_print(const struct cli_ends *e);
json_t *cli_ends_json(const struct cli_ends *e);
json_t *cli_facts_json(const struct nt_ends_facts *f);   /* the same */
const char *cli_dialect(uint16_t dialect, char out[16]); /* "3.1.1" */

int cli_check_ends(const struct cli *cli);
int cli_check_many(const struct cli *cli); /* of one end, or --all */
int cli_reset_ends(const struct cli *cli);

#endif
