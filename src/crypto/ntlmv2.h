/*
 * ntlmv2.h - NTLM version 2 responses: checking one, making one, reading what it carries; the key
 * exchange of NTLMSSP. Version 1 and LM do not exist here. Pure: challenge and time are arguments.
 * Source: [MS-NLMP] 2.2.2.7 (response), 2.2.2.8 (LMv2), 2.2.2.1 (AV_PAIR), 3.3.2, 3.4.5.
 */
#ifndef NT_CRYPTO_NTLMV2_H
#define NT_CRYPTO_NTLMV2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/nttime.h"
#include "base/secret.h"

#define NT_NTLMV2_MIN    (16 + 28) /* proof, and a client blob without AV pairs */
#define NT_NTLMV2_MAX    65535     /* bytes of a response that is looked at */
#define NT_NTLMV2_LM_LEN 24        /* an LMv2 response */

/* AV_PAIR ids, [MS-NLMP] 2.2.2.1 */
enum nt_av_id {
    NT_AV_EOL = 0,
    NT_AV_NB_COMPUTER = 1,
    NT_AV_NB_DOMAIN = 2,
    NT_AV_DNS_COMPUTER = 3,
    NT_AV_DNS_DOMAIN = 4,
    NT_AV_DNS_TREE = 5,
    NT_AV_FLAGS = 6,
    NT_AV_TIMESTAMP = 7,
    NT_AV_SINGLE_HOST = 8,
    NT_AV_TARGET_NAME = 9,
    NT_AV_CHANNEL_BINDINGS = 10
};
#define NT_AV_FLAG_MIC 0x00000002u /* the AUTHENTICATE message has a MIC */

/*
 * NTOWFv2: the key of all responses of that user. user and domain are UTF-8; the user is put in
 * upper case, the domain is taken as it was sent. NT_E_MALFORMED when either is not UTF-8,
 * NT_E_INVALID when nt_hash is not 16 bytes.
 */
enum nt_err nt_ntowfv2(const struct nt_secret *nt_hash, const char *user, const char *domain,
                       struct nt_secret *key) NT_MUST_USE;

/*
 * Checks an NT response (NtChallengeResponse) of len bytes. base_key: the session base key, 16
 * bytes, written on success only. NT_E_AUTH for a wrong response and for lengths outside
 * NT_NTLMV2_MIN..MAX (24 bytes would be version 1). Takes the same time wherever it differs.
 */
enum nt_err nt_ntlmv2_verify(const struct nt_secret *nt_hash, const char *user, const char *domain,
                             const uint8_t challenge[8], const uint8_t *response, size_t len,
                             struct nt_secret *base_key) NT_MUST_USE;

/* Checks an LMv2 response (24 bytes, not all zero), for clients that send nothing better. */
enum nt_err nt_lmv2_verify(const struct nt_secret *nt_hash, const char *user, const char *domain,
                           const uint8_t challenge[8], const uint8_t *response, size_t len,
                           struct nt_secret *base_key) NT_MUST_USE;

/*
 * Makes an NT response and appends it to `out`. target_info: AV pairs with their end mark, put in
 * as given. when: the server's NT_AV_TIMESTAMP if it sent one, else ours.
 */
enum nt_err nt_ntlmv2_respond(const struct nt_secret *nt_hash, const char *user, const char *domain,
                              const uint8_t challenge[8], const uint8_t client_challenge[8],
                              nt_time when, const uint8_t *target_info, size_t target_len,
                              struct nt_buf *out, struct nt_secret *base_key) NT_MUST_USE;

/* Makes the 24-byte LMv2 response. */
enum nt_err nt_lmv2_respond(const struct nt_secret *nt_hash, const char *user, const char *domain,
                            const uint8_t challenge[8], const uint8_t client_challenge[8],
                            uint8_t out[NT_NTLMV2_LM_LEN]) NT_MUST_USE;

/*
 * Finds an AV pair in an NT response, as received. Returns its value in place (UTF-16LE bytes for
 * names, 4 bytes for NT_AV_FLAGS) and its length; NULL when it is not there or the list is broken
 * before it. Trust the value only after nt_ntlmv2_verify: the proof covers it.
 */
const uint8_t *nt_ntlmv2_av_find(const uint8_t *response, size_t len, enum nt_av_id id,
                                 size_t *value_len);

/* The same in a list of AV pairs by itself, as the CHALLENGE message's target info. */
const uint8_t *nt_av_find(const uint8_t *pairs, size_t len, enum nt_av_id id, size_t *value_len);
/* True when the list is well formed up to its end mark. */
bool nt_av_list_ok(const uint8_t *pairs, size_t len);
void nt_av_put(struct nt_buf *b, enum nt_av_id id, const void *value, uint16_t len);

/* The NT_AV_FLAGS of a response; 0 when there are none. */
uint32_t nt_ntlmv2_flags(const uint8_t *response, size_t len);

/* Key exchange, [MS-NLMP] 3.1.5.1.2: the 16-byte session key travels RC4-encrypted under the
 * session base key. One function for both directions. */
void nt_ntlm_key_exchange(const struct nt_secret *base_key, const uint8_t in[16], uint8_t out[16]);

#endif
