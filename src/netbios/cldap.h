/*
 * cldap.h - the ping by which controllers of Active Directory say who they are, to anybody: one
 * datagram of LDAP each way. [MS-ADTS] 6.3.3, 6.3.1.2, 6.3.1.9; RFC 4511 4.5
 */
#ifndef NT_NETBIOS_CLDAP_H
#define NT_NETBIOS_CLDAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"

#define NT_CLDAP_PORT 389
#define NT_CLDAP_MAX  4096 /* bytes of an answer that are looked at */
#define NT_CLDAP_NAME 256  /* bytes of a name in it with its NUL */

/* [MS-ADTS] 6.3.1.2: of the flags */
#define NT_CLDAP_PDC      0x00000001u
#define NT_CLDAP_KDC      0x00000020u
#define NT_CLDAP_WRITABLE 0x00000100u

struct nt_cldap_answer {
    uint32_t flags;
    char forest[NT_CLDAP_NAME], dns[NT_CLDAP_NAME]; /* DNS names of the forest and the domain */
    char host[NT_CLDAP_NAME];                       /* of the controller */
    char domain[NT_CLDAP_NAME], computer[NT_CLDAP_NAME]; /* NetBIOS names */
};

/* Asks a controller for its own domain. id: from 1 to 127, and in the answer again. */
void nt_cldap_request_write(struct nt_buf *b, uint8_t id);
/*
 * NT_E_NOT_FOUND: it answers, but has nothing to say; NT_E_UNSUPPORTED: another form of answer, or
 * to another question; NT_E_TRUNCATED, NT_E_MALFORMED, NT_E_LIMIT.
 */
enum nt_err nt_cldap_answer_read(const uint8_t *data, size_t len, uint8_t id,
                                 struct nt_cldap_answer *out) NT_MUST_USE;

#endif
