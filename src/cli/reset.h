/*
 * reset.h - re-establishing a trust, from the inside; seen by cmd_reset.c and reset_*.c only.
 *
 * A trust has up to two halves on each side: this domain trusts the other (an object here, an
 * account there), is trusted by it (an account here, an object there), or both. Each is looked at
 * first, at both ends; nothing is changed unless all can be mended. Then one after the other.
 */
#ifndef NT_CLI_RESET_H
#define NT_CLI_RESET_H

#include "cli/repair.h"

enum reset_ends { RESET_NONE, RESET_TRUSTING = 1, RESET_TRUSTED = 2, RESET_BOTH = 3 };

struct reset {
    const struct cli *cli;
    json_t *domain, *trust, *permit; /* NULL: none here */
    const char *own, *name;          /* this domain, the other one */
    unsigned ends;                   /* what this domain is to be: enum reset_ends */
    struct cli_peer peer;
    struct nt_admin_account account; /* there, for this domain */
    struct nt_admin_tdo tdo;
    bool ticks;       /* the terminal can show them */
    unsigned changes; /* steps done that changed something */
    char failure[NT_ADMIN_WHY + 400];
    const char *verdict; /* instead of the usual last line of a failure; NULL: that one */
    char next[600];      /* a command to run instead of this one again; "" for none */
    json_t *code;        /* the answer that has a fresh code; NULL: none */
};

/* --- what is shown --- */

#define RESET_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
/* A step that is done, at this domain or that one. */
void RESET_PRINTF(3, 4) reset_done(struct reset *r, const char *where, const char *fmt, ...);
/* One that would be done. */
void RESET_PRINTF(3, 4) reset_would(struct reset *r, const char *where, const char *fmt, ...);
/* Something to know or to wait for. */
void RESET_PRINTF(3, 4) reset_note(struct reset *r, const char *where, const char *fmt, ...);
/* False, with r->failure set and shown. */
bool RESET_PRINTF(3, 4) reset_failed(struct reset *r, const char *where, const char *fmt, ...);
bool reset_peer_failed(struct reset *r); /* what the session with the other domain says */
/* An interruption from here on says that nothing is lost. */
void reset_catch_interrupts(void);
/* Commands as they are typed at either end. */
const char *reset_again(const struct reset *r, char *out, size_t size);
int reset_conclude(struct reset *r, bool ok); /* the exit code */

/* --- the admin API --- */

/* False, with the failure told, when it is none or an error. */
bool reset_answered(struct reset *r, const json_t *answer, unsigned http);
/* body may be NULL, and is given up. NULL with the failure told. */
json_t *reset_ask(struct reset *r, const char *method, const char *path, json_t *body);
/* About the other domain: "/v1/trusts/", "/verify". */
json_t *reset_ask_about(struct reset *r, const char *method, const char *prefix, const char *suffix,
                        json_t *body);
bool reset_ask_only(struct reset *r, const char *method, const char *prefix, const char *suffix,
                    json_t *body);
/* A new reference, NULL when there is none. */
json_t *reset_have(const struct cli *cli, const char *prefix, const char *name);
/* The halves here once more. */
void reset_look_here(struct reset *r);
json_t *reset_server_list(const struct reset *r); /* of --server */

/* --- the initial password of both ends, which nobody sees --- */

#define RESET_SECRET 41 /* letters with the NUL: 40 of 32 kinds, 200 bits */
void reset_make_secret(char text[RESET_SECRET], struct nt_password *password);

/* --- the halves --- */

bool reset_is_active(const json_t *trust);
/* Has this domain prove its trust; the failure is told. */
bool reset_prove_here(struct reset *r);

bool reset_look_trusting(struct reset *r);
void reset_plan_trusting(struct reset *r);
bool reset_mend_trusting(struct reset *r);

bool reset_look_trusted(struct reset *r);
void reset_plan_trusted(struct reset *r);
bool reset_mend_trusted(struct reset *r);

/* --- each administrator at its own end --- */

bool reset_make_code(struct reset *r);
bool reset_take_code(struct reset *r);

#endif
