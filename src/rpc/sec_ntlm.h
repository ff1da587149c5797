/*
 * sec_ntlm.h - NTLMSSP's messages, and what SPNEGO needs of its context besides sec.h.
 * Source: [MS-NLMP] 2.2.1 (messages), 2.2.2.5 (flags), 3.1.5, 3.2.5, 3.4 (session security).
 */
#ifndef NT_RPC_SEC_NTLM_H
#define NT_RPC_SEC_NTLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "rpc/sec.h"

/* NEGOTIATE flags, [MS-NLMP] 2.2.2.5 */
#define NT_NTLM_UNICODE        0x00000001u
#define NT_NTLM_REQUEST_TARGET 0x00000004u
#define NT_NTLM_SIGN           0x00000010u
#define NT_NTLM_SEAL           0x00000020u
#define NT_NTLM_NTLM           0x00000200u
#define NT_NTLM_ANONYMOUS      0x00000800u
#define NT_NTLM_ALWAYS_SIGN    0x00008000u
#define NT_NTLM_TARGET_DOMAIN  0x00010000u
#define NT_NTLM_ESS            0x00080000u /* extended session security */
#define NT_NTLM_TARGET_INFO    0x00800000u
#define NT_NTLM_VERSION        0x02000000u
#define NT_NTLM_128            0x20000000u
#define NT_NTLM_KEY_EXCH       0x40000000u

#define NT_NTLM_SIGNATURE_LEN 16

/* A stretch of a received message. */
struct nt_ntlm_field {
    const uint8_t *data;
    size_t len;
};

/* AUTHENTICATE_MESSAGE; fields point into the message. */
struct nt_ntlm_authenticate {
    struct nt_ntlm_field lm, nt, domain, user, workstation, session_key;
    uint32_t flags;
    size_t mic_at; /* offset of the 16 bytes; 0: the message has no room for them */
};

/* CHALLENGE_MESSAGE. */
struct nt_ntlm_challenge {
    struct nt_ntlm_field target_name, target_info;
    uint32_t flags;
    uint8_t challenge[8];
};

/* Readers; every offset and length is checked. NT_E_TRUNCATED, NT_E_MALFORMED. */
enum nt_err nt_ntlm_negotiate_read(const uint8_t *msg, size_t len, uint32_t *flags) NT_MUST_USE;
enum nt_err nt_ntlm_challenge_read(const uint8_t *msg, size_t len,
                                   struct nt_ntlm_challenge *out) NT_MUST_USE;
enum nt_err nt_ntlm_authenticate_read(const uint8_t *msg, size_t len,
                                      struct nt_ntlm_authenticate *out) NT_MUST_USE;

/* True for a context of this file. */
bool nt_sec_is_ntlm(const struct nt_sec *s);
/* True when the context can sign: an anonymous one often cannot. */
bool nt_sec_ntlm_can_sign(const struct nt_sec *s);

/*
 * SPNEGO's mechListMIC: signs, or checks, with the first sequence number of that direction. The RC4
 * state stays what it was, so that the first message signed after it starts the key stream again.
 * [MS-SPNG] 3.3.5.1. The check returns NT_E_AUTH.
 */
void nt_sec_ntlm_mic(struct nt_sec *s, const uint8_t *data, size_t len,
                     uint8_t out[NT_NTLM_SIGNATURE_LEN]);
enum nt_err nt_sec_ntlm_mic_check(struct nt_sec *s, const uint8_t *data, size_t len,
                                  const uint8_t *mic, size_t mic_len) NT_MUST_USE;

#endif
