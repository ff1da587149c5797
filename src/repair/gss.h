/*
 * gss.h - Kerberos from the ticket cache, by GSSAPI, as the security context of an SMB session:
 * SPNEGO with Kerberos alone, both ends proven. At the edge: it asks the KDC and blocks, so it is
 * for the command line only. It makes a session key; it does not protect RPC by itself.
 * Source: RFC 4178, RFC 4121; [MS-SMB2] 3.2.4.2.3 (service "cifs"); [MS-KILE] 3.1.1.2.
 */
#ifndef NT_REPAIR_GSS_H
#define NT_REPAIR_GSS_H

#include <stddef.h>

#include "rpc/sec.h"

/* A client context for cifs/host; gets the ticket now. NULL: *status and why[] (a sentence part as
 * from the Kerberos library) tell the reason: LOGON_FAILURE (no ticket, or it has expired),
 * NO_LOGON_SERVERS (no KDC answers), OBJECT_NAME_NOT_FOUND (the KDC does not know the host),
 * TIME_DIFFERENCE_AT_DC, NO_MEMORY. */
struct nt_sec *nt_sec_gss_client(const char *host, ntstatus *status, char *why, size_t why_size);

/* The principal of the ticket cache, "administrator@EXAMPLE.ORG"; "" when there is none. */
void nt_gss_user(char *out, size_t size);

#endif
