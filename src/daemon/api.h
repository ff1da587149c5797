/*
 * api.h - the admin API: HTTP with JSON on a Unix socket, as docs/api.md describes it. A thread a
 * request, so that a request may wait for the disk or for another domain's controller.
 */
#ifndef NT_DAEMON_API_H
#define NT_DAEMON_API_H

#include "daemon/clients.h"
#include "daemon/config.h"
#include "service/service.h"

struct nt_api;
struct nt_smb_counts; /* protocol.h */
struct nt_netbios;
struct nt_outbound;

struct nt_api_config {
    struct nt_service *service;             /* kept */
    const struct nt_config *config;         /* kept */
    struct nt_clients *clients;             /* kept */
    const struct nt_smb_counts *smb_counts; /* kept */
    struct nt_netbios *netbios;             /* kept; NULL: off */
    struct nt_outbound *outbound;           /* kept; NULL: nothing can be looked for */
    const char *version;
};

/* NULL with one line in why[]: the socket cannot be made. */
struct nt_api *nt_api_start(const struct nt_api_config *config, char *why, size_t why_size);
/* Lets requests in progress finish, for at most a few seconds; removes the socket. */
void nt_api_stop(struct nt_api *api);

#endif
