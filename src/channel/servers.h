/*
 * servers.h - the list of a peer's controllers as an administrator writes it, separated by spaces:
 *
 *   host[:port]       over TCP, the port being the endpoint mapper's; when Netlogon cannot be
 *                     reached there, through its named pipe over SMB
 *   tcp:host[:port]   over TCP only
 *   smb:host[:port]   through the named pipe only, the port being SMB's
 *   \\host, //host    the same
 *
 * An IPv6 address with a port stands in brackets. "smb:445" is port 445 of a host named smb.
 */
#ifndef NT_CHANNEL_SERVERS_H
#define NT_CHANNEL_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/link.h"

#define NT_SERVERS_MAX 16
#define NT_SERVER_NAME 254 /* bytes with the NUL: a DNS name */

struct nt_server {
    char host[NT_SERVER_NAME];
    uint16_t port; /* 0: not named */
    enum nt_road road;
};

struct nt_servers {
    struct nt_server list[NT_SERVERS_MAX];
    size_t count;
};

/* False when the text breaks the form; why[] says where. An empty text is an empty list. */
bool nt_servers_parse(const char *text, struct nt_servers *out, char *why, size_t why_size);

#endif
