/*
 * repair.h - what check and reset share: the administrator of the other domain, and facts of the
 * daemon's answers. Seen by cmd_repair.c, cmd_check.c and cmd_reset.c only.
 */
#ifndef NT_CLI_REPAIR_H
#define NT_CLI_REPAIR_H

#include "channel/servers.h"
#include "cli/cli.h"
#include "repair/admin.h"

/* A session with the other domain. */
struct cli_peer {
    struct nt_admin *admin; /* NULL: none */
    char user[NT_ADMIN_NAME * 5];
    char server[NT_SERVER_NAME + 8]; /* that answered */
    struct nt_admin_domain domain;
    struct nt_admin_error error; /* why there is none */
};

/* --user or --kerberos was given. False also when both were, which has been told then. */
bool cli_peer_asked(const struct cli *cli, bool *mistake);

/*
 * Asks for the administrator's password, unless Kerberos has a ticket, and opens a session with the
 * first of the servers that can be reached; checks that it is a controller of `name`. servers  as
 * in channel/servers.h False with peer->error set. The session is to be closed also then.
 */
bool cli_peer_open(const struct cli *cli, const char *name, const char *servers, uint32_t total_ms,
                   struct cli_peer *peer);
void cli_peer_close(struct cli_peer *peer);
/* The servers of --server, or of the trust's JSON array, or else what ntrustd finds for the domain
 * `name`, as such a text. */
const char *cli_servers_text(const struct cli *cli, const char *name, const json_t *list, char *out,
                             size_t size);

nt_time cli_nt_time(const json_t *object, const char *key); /* 0: never */
bool cli_sid(const json_t *object, const char *key, struct nt_sid *sid);

int cli_check(const struct cli *cli);
int cli_reset(const struct cli *cli);

#endif
