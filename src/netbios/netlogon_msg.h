/*
 * netlogon_msg.h - the messages in NETLOGON's mailslots with which controllers are found, in the
 * forms that NT-style domains use. [MS-ADTS] 6.3.1.3 to 6.3.1.7, [MS-NRPC] 3.5.1
 */
#ifndef NT_NETBIOS_NETLOGON_MSG_H
#define NT_NETBIOS_NETLOGON_MSG_H

#include "base/sid.h"
#include "netbios/mailslot.h"

/* The two names are the same thing: who asks an NT-style controller for itself takes the second. */
#define NT_MAILSLOT_NETLOGON "\\MAILSLOT\\NET\\NETLOGON"
#define NT_MAILSLOT_NTLOGON  "\\MAILSLOT\\NET\\NTLOGON"

#define NT_NL_NAME                                                                                 \
    256 /* bytes of a computer's, account's or domain's name in UTF-8 with the NUL                 \
         */

enum nt_nl_opcode { /* [MS-ADTS] 6.3.1.1 */
                    NT_NL_PRIMARY_QUERY = 7,
                    NT_NL_PRIMARY_RESPONSE = 12,
                    NT_NL_SAM_LOGON = 18,
                    NT_NL_SAM_LOGON_RESPONSE = 19,
                    NT_NL_SAM_PAUSE_RESPONSE = 20,
                    NT_NL_SAM_USER_UNKNOWN = 21
};

enum nt_nl_version { NT_NL_VERSION_1 = 1 }; /* the NT form of answers */

struct nt_nl_request {
    enum nt_nl_opcode opcode;        /* PRIMARY_QUERY or SAM_LOGON */
    char computer[NT_NL_NAME];       /* who asks */
    char user[NT_NL_NAME];           /* SAM_LOGON: the account, "" for none */
    char mailslot[NT_MAILSLOT_NAME]; /* where the answer goes */
    uint32_t account_control;
    struct nt_sid sid; /* SAM_LOGON: of the domain looked for; null when not sent */
    bool oem_only;     /* PRIMARY_QUERY: of a LAN Manager client, without the Unicode part */
    uint32_t version;  /* of enum nt_nl_version */
};

struct nt_nl_response {
    enum nt_nl_opcode opcode;
    char server[NT_NL_NAME]; /* without "\\" */
    char user[NT_NL_NAME];   /* SAM_*: as it was asked */
    char domain[NT_NL_NAME];
    bool oem_only; /* PRIMARY_RESPONSE: without the Unicode part */
};

/* NT_E_UNSUPPORTED: a well-known message of another kind, or unknown. */
enum nt_err nt_nl_request_read(const uint8_t *data, size_t len,
                               struct nt_nl_request *r) NT_MUST_USE;
void nt_nl_request_write(struct nt_buf *b, const struct nt_nl_request *r);
enum nt_err nt_nl_response_read(const uint8_t *data, size_t len,
                                struct nt_nl_response *r) NT_MUST_USE;
void nt_nl_response_write(struct nt_buf *b, const struct nt_nl_response *r);

#endif
