/*
 * mailslot.h - the SMB message that a datagram to a mailslot carries: SMB_COM_TRANSACTION with the
 * three setup words of a mailslot write. [MS-MAIL] 2.2.1, [MS-CIFS] 2.2.4.33, 2.2.5.12
 */
#ifndef NT_NETBIOS_MAILSLOT_H
#define NT_NETBIOS_MAILSLOT_H

#include "base/buf.h"
#include "base/cursor.h"

#define NT_MAILSLOT_NAME 64 /* bytes of its name with the NUL; those of NETLOGON have fewer */

struct nt_mailslot {
    char name[NT_MAILSLOT_NAME]; /* "\MAILSLOT\NET\NETLOGON" */
    uint16_t priority;
    const uint8_t *data; /* reading: within the message */
    size_t len;
};

/* NT_E_UNSUPPORTED: an SMB message, but no write to a mailslot. */
enum nt_err nt_mailslot_read(const uint8_t *data, size_t len, struct nt_mailslot *m) NT_MUST_USE;
void nt_mailslot_write(struct nt_buf *b, const struct nt_mailslot *m);

#endif
