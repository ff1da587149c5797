/*
 * computer_run.h - runs a program of another package: Samba's own commands, which are the supported
 * way to what Samba keeps. At the edge: forks, waits. No shell is between, so that no name is taken
 * for more than a name.
 */
#ifndef NT_REPAIR_COMPUTER_RUN_H
#define NT_REPAIR_COMPUTER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_RUN_WORDS  12
#define NT_RUN_OUTPUT 65536

struct nt_run {
    /* Ends with NULL, at most NT_RUN_WORDS; the first is looked for in PATH and where system tools
     * are. */
    const char *const *argv;
    const char *input; /* on its standard input, a secret perhaps; NULL: none */
    uint32_t limit_ms; /* it is killed then; 0: half a minute */
    bool errors;       /* what it says on its standard error is output as well */
};

enum nt_run_end {
    NT_RUN_EXITED,  /* *code is its exit code */
    NT_RUN_MISSING, /* there is no such program */
    NT_RUN_TIMEOUT,
    NT_RUN_FAILED /* it could not be started, or was killed by somebody else */
};

/* out: what it said, with a NUL, cut at `size`; the caller wipes it where it may be secret. */
enum nt_run_end nt_run(const struct nt_run *run, int *code, char *out, size_t size);

#endif
