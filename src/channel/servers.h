/*
 * servers.h - the list of a peer's controllers as an administrator writes it: "host[:port]"
 * separated by spaces; an IPv6 address in brackets. The port is the endpoint mapper's.
 */
#ifndef NT_CHANNEL_SERVERS_H
#define NT_CHANNEL_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_SERVERS_MAX 16
#define NT_SERVER_NAME 254 /* bytes with the NUL: a DNS name */

struct nt_server {
    char host[NT_SERVER_NAME];
    uint16_t port; /* 0: not named */
};

struct nt_servers {
    struct nt_server list[NT_SERVERS_MAX];
    size_t count;
};

/* False when the text breaks the form; why[] says where. An empty text is an empty list. */
bool nt_servers_parse(const char *text, struct nt_servers *out, char *why, size_t why_size);

#endif
