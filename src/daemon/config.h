/*
 * config.h - ntrustd's settings: defaults, then one INI file. See ntrustd.conf(5).
 */
#ifndef NT_DAEMON_CONFIG_H
#define NT_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

#define NT_CONFIG_PATH      "/etc/ntrust/ntrustd.conf"
#define NT_CONFIG_ADDRESSES 8
#define NT_CONFIG_IPV4      4

/* [netbios] node: how names are claimed and looked for, RFC 1001 10. */
enum nt_config_node {
    NT_NODE_AUTO, /* h where there are WINS servers, else b */
    NT_NODE_B,
    NT_NODE_P,
    NT_NODE_M,
    NT_NODE_H
};

struct nt_config_ipv4 {
    uint32_t address[NT_CONFIG_IPV4]; /* the first byte highest */
    size_t count;
};

struct nt_config {
    char store[512];                       /* [domain] store */
    char master_key[512];                  /* [domain] master_key */
    bool shared;                           /* [domain] shared: with other ntrustd's */
    char computer[16];                     /* [domain] computer; "": as the store has it */
    char address[NT_CONFIG_ADDRESSES][64]; /* [listen] address, separated by spaces */
    size_t address_count;
    uint16_t epm_port;                /* [listen] epm_port; 0: off */
    uint16_t rpc_port;                /* [listen] rpc_port */
    uint16_t smb_port;                /* [listen] smb_port; 0: off */
    uint32_t loops;                   /* [listen] loops; 0: one a core */
    uint32_t connections;             /* [limits] connections, in all */
    uint32_t connections_per_address; /* [limits] connections_per_address */
    uint32_t idle_timeout_s;          /* [limits] idle_timeout_s */
    uint32_t anonymous_timeout_s;     /* [limits] anonymous_timeout_s */
    uint32_t handshake_timeout_s;     /* [limits] handshake_timeout_s */
    uint32_t sessions_per_connection; /* [limits] sessions_per_connection */
    uint32_t setups_per_connection;   /* [limits] setups_per_connection */
    uint32_t pipes_per_session;       /* [limits] pipes_per_session */
    uint32_t smb_in_flight_kib;       /* [limits] smb_in_flight_kib */
    bool lsa_over_tcp;                /* [rpc] lsa_over_tcp */
    uint16_t name_port;               /* [netbios] name_port; 0: off */
    uint16_t datagram_port;           /* [netbios] datagram_port; 0: off */
    enum nt_config_node node;         /* [netbios] node */
    struct nt_config_ipv4 wins;       /* [netbios] wins */
    struct nt_config_ipv4 broadcast;  /* [netbios] broadcast; none: each interface's own */
    bool dns;                         /* [locate] dns */
    char dns_servers[256];            /* [locate] dns_servers; "": the system's */
    char lmhosts[512];                /* [locate] lmhosts; "": none */
    char admin_socket[108];           /* [admin] socket */
    char admin_group[64];             /* [admin] group; "": root and ntrustd's own user only */
    enum nt_log_level log_level;      /* [log] level */
    char user[64];                    /* [process] user: who to become after binding; "": nobody */
};

void nt_config_default(struct nt_config *config);

/* Reads `path` over what is there. On failure why[] has one line with file and line. */
enum nt_err nt_config_load(struct nt_config *config, const char *path, char *why,
                           size_t why_size) NT_MUST_USE;
/* The same from text, as `file`. */
enum nt_err nt_config_parse(struct nt_config *config, const char *file, const char *text,
                            size_t len, char *why, size_t why_size) NT_MUST_USE;

/* Writes every setting with its value, as a configuration file. */
void nt_config_print(const struct nt_config *config, void (*line)(void *ctx, const char *text),
                     void *ctx);

#endif
