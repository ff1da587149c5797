/*
 * computer.h - commands about the secure channel of a member computer: what was typed, who the
 * administrators are, and what was seen. Seen by computer*.c and cmd_computer*.c.
 */
#ifndef NT_CLI_COMPUTER_H
#define NT_CLI_COMPUTER_H

#include "cli/cli.h"
#include "repair/computer_look.h"

struct cli_computer {
    const struct cli *cli;
    char computer[NT_MEMBER_NAME]; /* capitals */
    char address[NT_END_NAME];     /* of a computer elsewhere; "": not asked */
    bool here;                     /* it is this one */
    struct nt_member member;       /* this computer */
    struct nt_member_secret secret;
    struct nt_ends file;
    struct nt_end end;
    struct nt_credentials credentials, administrator; /* of the domain; of the computer elsewhere */
    char lost[400];
    struct nt_computer_look look;
    struct nt_computer_facts facts;
    bool progress; /* a terminal shows what is under way */
};

/*
 * From HOST, -d, the ends file and the options of administrators to what can be looked at; asks for
 * passwords. secret_file: it has the secret that the computer is to have. False: told on stderr; to
 * be closed also then.
 */
bool cli_computer_begin(const struct cli *cli, bool secret_file, struct cli_computer *c);
void cli_computer_look(struct cli_computer *c);
void cli_computer_close(struct cli_computer *c);

void cli_computer_print(const struct cli_computer *c);
/* The members "computer", "domain", "member" and "controllers" of an object. */
json_t *cli_computer_json(const struct cli_computer *c);

int cli_computer_check(const struct cli *cli);
int cli_computer_reset(const struct cli *cli);

#endif
