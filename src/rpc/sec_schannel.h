/*
 * sec_schannel.h - NL_AUTH_MESSAGE, the token with which a Netlogon secure channel is bound.
 * Source: [MS-NRPC] 2.2.1.3.1, 3.3.4.1; RFC 1035 4.1.4 (its compressed names).
 */
#ifndef NT_RPC_SEC_SCHANNEL_H
#define NT_RPC_SEC_SCHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "rpc/sec.h"

enum { NT_NL_AUTH_REQUEST = 0, NT_NL_AUTH_RESPONSE = 1 };

/* Flags: which names follow, in this order */
#define NT_NL_AUTH_DOMAIN        0x01u /* NetBIOS domain, OEM text */
#define NT_NL_AUTH_COMPUTER      0x02u /* NetBIOS computer, OEM text */
#define NT_NL_AUTH_DNS_DOMAIN    0x04u /* compressed UTF-8 */
#define NT_NL_AUTH_DNS_HOST      0x08u /* compressed UTF-8 */
#define NT_NL_AUTH_COMPUTER_UTF8 0x10u /* NetBIOS computer, compressed UTF-8 */

#define NT_NL_AUTH_NAME 256 /* bytes of a name here, with its NUL */

/* Names are UTF-8; one whose flag is not set is "". */
struct nt_nl_auth {
    uint32_t type, flags;
    char domain[NT_NL_AUTH_NAME];
    char computer[NT_NL_AUTH_NAME];
    char dns_domain[NT_NL_AUTH_NAME];
    char dns_host[NT_NL_AUTH_NAME];
    char computer_utf8[NT_NL_AUTH_NAME];
};

/* NT_E_TRUNCATED, NT_E_MALFORMED (unknown flag or type, name too long or not text). */
enum nt_err nt_nl_auth_read(const uint8_t *msg, size_t len, struct nt_nl_auth *out) NT_MUST_USE;

/* Writes the names that flags asks for. NT_E_INVALID: a name with an empty or overlong label. */
enum nt_err nt_nl_auth_write(const struct nt_nl_auth *msg, struct nt_buf *out) NT_MUST_USE;

#endif
