/*
 * watch.h - a check that is repeated until Ctrl-C and tells what is other than before, a line each
 * with its time; with --json an object a line.
 */
#ifndef NT_CLI_WATCH_H
#define NT_CLI_WATCH_H

#include "cli/cli.h"
#include "repair/diagnose.h"

struct cli_watch {
    const struct cli *cli;
    unsigned seconds;
    struct cli_watched *list; /* what was seen of each trust last; heap */
    size_t count;
};

/* --watch[=SECONDS]. False: that is no number of seconds, told on stderr. */
bool cli_watch_begin(struct cli_watch *w, const struct cli *cli);
void cli_watch_end(struct cli_watch *w);
/* A round is over, and this came of it: before what it saw is told. With the last one's code Ctrl-C
 * ends the process. */
void cli_watch_code(int code);
/* What a round saw of a trust: prints it the first time, and when it is another thing. */
void cli_watch_note(struct cli_watch *w, const char *a, const char *b,
                    const struct nt_diagnosis *d);
/* Waits for the next round. */
void cli_watch_wait(const struct cli_watch *w);

#endif
