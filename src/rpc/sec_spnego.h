/*
 * sec_spnego.h - SPNEGO's messages, in the little DER that they use.
 * Source: RFC 4178 4.2 (messages), 5 (mechListMIC); [MS-SPNG] 2.2.1, 3.1.5, 3.3.5.1.
 */
#ifndef NT_RPC_SEC_SPNEGO_H
#define NT_RPC_SEC_SPNEGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "rpc/sec.h"

#define NT_SPNEGO_MAX_MECHS 16 /* mechanisms of a list that are looked at */

enum nt_spnego_state {
    NT_SPNEGO_COMPLETED = 0,
    NT_SPNEGO_INCOMPLETE = 1,
    NT_SPNEGO_REJECT = 2,
    NT_SPNEGO_REQUEST_MIC = 3,
    NT_SPNEGO_NO_STATE = 255 /* the field is not there */
};

struct nt_spnego_bytes {
    const uint8_t *data; /* NULL: the field is not there */
    size_t len;
};

/* Either message as received; everything points into it. */
struct nt_spnego_msg {
    bool init;                         /* NegTokenInit, else NegTokenResp */
    struct nt_spnego_bytes mech_list;  /* init: MechTypeList with its tag, as a MIC covers it */
    bool ntlm_offered, ntlm_preferred; /* init: in the list; first in it */
    bool krb5_offered;                 /* init: Kerberos, by either of its two numbers */
    uint8_t state;                     /* resp: enum nt_spnego_state */
    bool mech_given, mech_is_ntlm;     /* resp: supportedMech */
    struct nt_spnego_bytes token;      /* mechToken or responseToken */
    struct nt_spnego_bytes mic;
};

/* NT_E_TRUNCATED, NT_E_MALFORMED, NT_E_LIMIT. Lengths are definite and nesting is fixed, so there
 * is no recursion. */
enum nt_err nt_spnego_read(const uint8_t *msg, size_t len, struct nt_spnego_msg *out) NT_MUST_USE;

/* NegTokenInit that offers NTLMSSP alone. token NULL: left out, as a server says what it offers
 * before the client begins ([MS-SPNG] 3.2.5.2). */
void nt_spnego_init_write(struct nt_buf *b, const uint8_t *token, size_t len);
/* NegTokenResp; fields with data NULL (state NT_SPNEGO_NO_STATE, name_mech false) are left out. */
void nt_spnego_resp_write(struct nt_buf *b, uint8_t state, bool name_mech,
                          struct nt_spnego_bytes token, struct nt_spnego_bytes mic);

#endif
