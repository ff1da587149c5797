/*
 * ends.h - how a person names the end of a trust: DOMAIN, dns.domain, either with @SERVER (or
 * @SERVER,SERVER), or a name out of the ends file. Pure but for nt_ends_load, which reads the file.
 *
 *   [end west]
 *   domain = west.example                NetBIOS or DNS name; by default the end's own name
 *   servers = dc1.west.example dc2       as in channel/servers.h; none: they are looked for
 *   user = WEST\Administrator
 *   credentials = /root/west.cred        see credentials.h; a relative one is beside the ends file
 *   kerberos = yes                       the ticket cache instead
 */
#ifndef NT_REPAIR_ENDS_H
#define NT_REPAIR_ENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define NT_ENDS_MAX       4096
#define NT_END_NAME       256 /* bytes of a DNS name with its NUL */
#define NT_END_SERVERS    1024
#define NT_END_USER       320 /* "DOMAIN\user" */
#define NT_END_PATH       1024
#define NT_END_FILE_LOCAL ".config/ntrust/ends.ini" /* in the home directory */

struct nt_end {
    char name[NT_END_NAME]; /* as it was named, without the servers */
    char domain[NT_END_NAME];
    char servers[NT_END_SERVERS]; /* "" : to be looked for */
    char user[NT_END_USER];       /* "": not named */
    char credentials[NT_END_PATH];
    bool kerberos;
    unsigned line; /* of the file; 0: from nowhere */
};

struct nt_ends {
    struct nt_end *list; /* heap */
    size_t count;
};

/* Reads the file; an absent one is an empty list when `optional`. On failure why[] has one line
 * with file and line, and the list is empty. */
bool nt_ends_load(const char *path, bool optional, struct nt_ends *out, char *why, size_t why_size);
/* The same for a text; path: for messages, and where relative credentials are. */
bool nt_ends_parse(const char *path, const char *text, size_t len, struct nt_ends *out, char *why,
                   size_t why_size);
void nt_ends_free(struct nt_ends *ends);

/* What was typed: an end of the file by its name, with other servers where some are typed; or a
 * domain that the file does not know. False: it breaks the form; why[] says how. */
bool nt_end_find(const struct nt_ends *ends, const char *typed, struct nt_end *out, char *why,
                 size_t why_size);

#endif
