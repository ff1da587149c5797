/*
 * rpc.h - the command 'rpc' from the inside; seen by cmd_rpc.c and rpc_*.c.
 */
#ifndef NT_CLI_RPC_H
#define NT_CLI_RPC_H

#include "cli/cli.h"
#include "repair/credentials.h"
#include "repair/rpc_call.h"

/* Exit code beside cli.h's: not reached, or the call did not run. */
enum { EXIT_NOT_REACHED = 3 };

/* --- what there is: rpc_list.c --- */
int cli_rpc_list(const struct cli *cli);
/* NULL: told on stderr, with what there is. */
const struct nt_ndr_interface *cli_rpc_interface(const char *name);
const struct nt_ndr_op *cli_rpc_method(const struct nt_ndr_interface *iface, const char *name);

/* --- to whom, and as whom: rpc_open.c --- */
struct cli_rpc_peer {
    char host[256];
    enum nt_road road;
    uint16_t port;
    struct nt_credentials user;
    bool has_channel;
    char domain[NT_END_NAME], account[64], computer[64]; /* of the channel */
    uint16_t channel_type;
    struct nt_secret secret;
};
/* From what was typed; asks for passwords unless it is a dry run. EXIT_GOOD, or told on stderr. To
 * be wiped in any case. */
int cli_rpc_peer(const struct cli *cli, struct cli_rpc_peer *out);
void cli_rpc_peer_wipe(struct cli_rpc_peer *p);
/* NULL: told. */
struct nt_rpc_session *cli_rpc_session(const struct cli *cli, const struct cli_rpc_peer *p);

/* --- what is said: rpc_show.c --- */
struct cli_rpc_output {
    const struct cli *cli;
    json_t *calls; /* with --json */
    bool any;      /* something was printed already */
};
void cli_rpc_show_request(struct cli_rpc_output *o, const struct nt_rpc_call *call);
/* key: the session key, shown with the other secrets; NULL: none. */
void cli_rpc_show_reply(struct cli_rpc_output *o, const struct nt_rpc_call *call,
                        const struct nt_secret *key);
/* One line for stderr about what went wrong; "" for nothing. Returns the exit code. */
int cli_rpc_outcome(const struct nt_rpc_call *call, char *text, size_t size);
/* The whole as JSON; one call alone is not a list. */
void cli_rpc_show_all(struct cli_rpc_output *o, bool script);

#endif
