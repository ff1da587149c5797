/*
 * cli.h - the ntrust command from the inside: its options, its commands, and what they share.
 */
#ifndef NT_CLI_CLI_H
#define NT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

#define CLI_LIST_MAX 32 /* of one option that may be repeated */
#define CLI_ARGS_MAX 64 /* behind the words of a command */

/* Exit codes. `check` has its own, for monitoring systems: 0 good, 1 warning, 2 critical, 3
 * unknown. */
enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };
enum { CHECK_GOOD = 0, CHECK_WARNING = 1, CHECK_CRITICAL = 2, CHECK_UNKNOWN = 3 };

struct cli_list {
    const char *item[CLI_LIST_MAX];
    size_t count;
};

/* Everything that was typed. */
struct cli {
    const char *socket;
    bool json, color, help;
    const char *args[CLI_ARGS_MAX]; /* behind the command's words */
    size_t arg_count;

    struct cli_list servers, groups;
    struct cli_list users, credentials; /* of the ends, in their order */
    int password_fd, peer_password_fd;  /* -1: none */
    bool empty_password, generate, weak, dry_run, follow, response, hex, all;
    bool locate;
    bool list, secrets; /* of rpc */
    const char *script, *protect, *channel;
    bool kerberos;                                   /* instead of peer_user */
    const char *domain, *samba_config, *secret_file; /* of a member computer */
    bool create;
    bool recreate, only_password, yes;
    const char *ends;  /* the file; NULL: the usual one */
    bool socket_named; /* ntrustd's, by option or environment */
    bool watching;
    const char *watch; /* seconds; NULL: as usual */
    bool reset_here, reset_code;
    const char *trust_type, *direction; /* of a new trust */
    const char *as; /* of a trust: "trusting", "trusted", "both"; NULL: not given */
    const char *attempts, *computer, *store, *key, *peer_user, *full_name, *comment, *kind,
        *subject, *max, *interface, *opnum, *file, *pcap, *workstation, *dns_name;
    uint64_t given; /* options given, a bit each in the order of the table in main.c */
};

/* --- errors and output --- */

/* One line to stderr with "ntrust: " before it. Returns EXIT_FAILED. */
int cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and where the help is. Returns EXIT_USAGE. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_print_json(const json_t *value);
/* A time of the API ("2026-11-21T07:20:37Z") as it is shown; "never" for "". */
const char *cli_time(const char *rfc3339, char out[32]);
/* Paints a word by what it means ("active" green, "broken" red), on a terminal only. Fixed to
 * `width` columns. Returns out. */
const char *cli_state(const struct cli *cli, const char *word, int width, char out[64]);

const char *cli_text(const json_t *object, const char *key); /* "" when absent */
int64_t cli_number(const json_t *object, const char *key);
bool cli_bool(const json_t *object, const char *key);

/* --- the daemon --- */

/* One request. body may be NULL, and is given up. NULL after a failure that has been told on
 * stderr (or as JSON on stdout); *code is then the exit code. */
json_t *cli_call(const struct cli *cli, const char *method, const char *path, json_t *body,
                 int *code);
/* The same without telling: *http is the HTTP status, 0 when ntrustd cannot be reached. */
json_t *cli_call_quiet(const struct cli *cli, const char *method, const char *path, json_t *body,
                       unsigned *http);
/* "/v1/users/" and a name, with what HTTP needs escaped. */
const char *cli_path(char *out, size_t size, const char *prefix, const char *name,
                     const char *suffix);
/* Tells an error answer. Returns EXIT_FAILED. */
int cli_tell_error(const struct cli *cli, const json_t *answer);

/* --- passwords --- */

/* From the file descriptor if one is given, else from the terminal, typed twice if `confirm`.
 * text: wiped by the caller. False: told on stderr. */
bool cli_read_password(int fd, const char *prompt, bool confirm, char *text, size_t size);

/* A line that is no secret while it is typed, likewise. */
bool cli_read_line(int fd, const char *prompt, char *text, size_t size);

/* --- the store's files --- */

#define CLI_STORE_DEFAULT "/var/lib/ntrust/domain.db"

/* The key lies beside the store unless it is named. Returns out. */
const char *cli_key_beside(const char *store, char *out, size_t size);
/* What root makes in the folder of ntrustd's own user is for that user to open. A file that is not
 * there is fine. */
bool cli_give_to_owner(const char *path, const char *suffix);

/* --- commands --- */

struct cli_command {
    const char *words;   /* "permit add" */
    const char *args;    /* "DOMAIN" */
    size_t least, most;  /* arguments */
    const char *options; /* long names that it takes, separated by spaces; the common ones aside */
    const char *summary; /* one line */
    const char *help;    /* paragraphs that teach */
    int (*run)(const struct cli *cli);
};
extern const struct cli_command cli_domain_commands[], cli_trust_commands[], cli_account_commands[],
    cli_computer_commands[], cli_repair_commands[], cli_locate_commands[], cli_store_commands[],
    cli_misc_commands[], cli_decode_commands[], cli_ends_commands[], cli_rpc_commands[],
    cli_explain_commands[]; /* each ends with words NULL */

#endif
