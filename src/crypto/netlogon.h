/*
 * netlogon.h - the secure channel's cryptography: session key, credentials, the credential chain,
 * and what travels encrypted inside the calls. Pure: no socket, clock, store or heap; randomness
 * and time are arguments. A chain is not for use from two threads.
 * Source: [MS-NRPC] 3.1.4.1 (challenges), 3.1.4.3 (session key), 3.1.4.4 (credential), 3.1.4.5
 * (authenticator), 2.2.1.3.7-8 (password buffers), 3.4.5.2.5-6.
 */
#ifndef NT_CRYPTO_NETLOGON_H
#define NT_CRYPTO_NETLOGON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"

/* What the negotiated flags select, strongest first. */
enum nt_nl_crypto {
    NT_NL_AES,    /* 0x01000000: AES-128 CFB8, HMAC-SHA256 */
    NT_NL_STRONG, /* 0x00004000: RC4 and HMAC-MD5 under a 128-bit key */
    NT_NL_DES     /* neither: a 56-bit key; sealing as NT_NL_STRONG */
};

/* NetLogon negotiation flags that decide about cryptography, [MS-NRPC] 3.1.4.2 */
#define NT_NL_FLAG_STRONG 0x00004000u
#define NT_NL_FLAG_AES    0x01000000u
enum nt_nl_crypto nt_nl_crypto_of_flags(uint32_t negotiated);

/*
 * False for a client challenge that must not open a session: none of its first five bytes is
 * unique among them (five equal ones above all). Zero-filled challenges once let a peer without
 * the password guess an all-zero credential one time in 256 (CVE-2020-1472), so this holds for
 * every nt_nl_crypto. [MS-NRPC] 3.1.4.1
 */
bool nt_nl_challenge_ok(const uint8_t challenge[8]);
/* A fresh challenge that passes the rule above. */
void nt_nl_challenge(const struct nt_env *env, uint8_t challenge[8]);

/* The 16-byte session key. nt_hash: of the account's password; NT_E_INVALID unless 16 bytes. */
enum nt_err nt_nl_session_key(enum nt_nl_crypto crypto, const struct nt_secret *nt_hash,
                              const uint8_t client_challenge[8], const uint8_t server_challenge[8],
                              struct nt_secret *key) NT_MUST_USE;

/* The Netlogon credential of 8 bytes under the session key. in and out may be one. */
void nt_nl_credential(enum nt_nl_crypto crypto, const struct nt_secret *key, const uint8_t in[8],
                      uint8_t out[8]);

/* NETLOGON_AUTHENTICATOR, [MS-NRPC] 2.2.1.1.5 */
struct nt_authenticator {
    uint8_t credential[8];
    uint32_t timestamp; /* seconds since 1970-01-01 UTC; 0 in a returned one */
};

struct nt_chain {
    struct nt_secret key; /* session key; 16 bytes */
    enum nt_nl_crypto crypto;
    uint8_t seed[8]; /* stored client credential, moved on by every verified call */
};

/*
 * Server: checks the client's credential and starts the chain. server_credential is the one to
 * return. NT_E_AUTH when the credential differs or nt_nl_challenge_ok is false, NT_E_INVALID for a
 * hash of another length than 16; chain and server_credential are zeroed then.
 */
enum nt_err nt_chain_init(struct nt_chain *chain, enum nt_nl_crypto crypto,
                          const struct nt_secret *nt_hash, const uint8_t client_challenge[8],
                          const uint8_t server_challenge[8], const uint8_t client_credential[8],
                          uint8_t server_credential[8]) NT_MUST_USE;

/*
 * Server: checks the authenticator of a call and makes the one to return.
 *
 *   in   as received; in->timestamp only varies the credential: it is not compared with our time,
 *        since peers' clocks may be far off.
 *   out  written on success only; may be `in`
 *
 * Returns NT_OK or NT_E_AUTH. After NT_E_AUTH the chain is as it was, so a forged call cannot
 * push a live channel out of step. [MS-NRPC] 3.1.4.5
 */
enum nt_err nt_chain_verify(struct nt_chain *chain, const struct nt_authenticator *in,
                            struct nt_authenticator *out) NT_MUST_USE;

/* Client: starts a chain from the two challenges; client_credential goes to the server. */
enum nt_err nt_chain_start(struct nt_chain *chain, enum nt_nl_crypto crypto,
                           const struct nt_secret *nt_hash, const uint8_t client_challenge[8],
                           const uint8_t server_challenge[8],
                           uint8_t client_credential[8]) NT_MUST_USE;
/* Client: checks the credential that the server returned. NT_E_AUTH: it does not know the secret.
 */
enum nt_err nt_chain_accept(const struct nt_chain *chain, const uint8_t server_challenge[8],
                            const uint8_t server_credential[8]) NT_MUST_USE;
/* Client: the authenticator of the next call; moves the chain. now_s: seconds since 1970. */
void nt_chain_next(struct nt_chain *chain, uint32_t now_s, struct nt_authenticator *out);
/* Client: checks the returned authenticator of that call; moves the chain. After NT_E_AUTH (or a
 * call without an answer) the two ends may be out of step: set the channel up again. */
enum nt_err nt_chain_check(struct nt_chain *chain,
                           const struct nt_authenticator *returned) NT_MUST_USE;
void nt_chain_wipe(struct nt_chain *chain);

/*
 * En- or decrypts, in place, a field of a call: UserSessionKey, the hashes of interactive logons,
 * NL_TRUST_PASSWORD. AES: CFB8 with a zero IV; else RC4; each field starts its stream anew.
 * [MS-NRPC] 3.4.5.3.2-3, 3.5.4.5.1-2
 */
void nt_nl_crypt_buffer(const struct nt_chain *chain, bool encrypt, uint8_t *data, size_t len);

/*
 * The encrypted NT hash of NetrServerPasswordSet, PasswordGet, TrustPasswordsGet, GetTrustInfo: DES
 * with the two 7-byte halves of the session key, also on AES channels. [MS-NRPC] 3.4.5.2.5,
 * 3.5.4.4.5 (ENCRYPTED_NT_OWF_PASSWORD, [MS-SAMR] 2.2.11.1.1). `in` and `out` may be one.
 */
void nt_nl_owf_encrypt(const struct nt_chain *chain, const uint8_t in[16], uint8_t out[16]);
void nt_nl_owf_decrypt(const struct nt_chain *chain, const uint8_t in[16], uint8_t out[16]);

#define NT_NL_PASSWORD_LEN           516 /* NL_TRUST_PASSWORD: 512 bytes and the length */
#define NT_NL_PASSWORD_VERSIONED_MAX (NT_PASSWORD_MAX - 12) /* with NL_PASSWORD_VERSION */

/* A decoded NL_TRUST_PASSWORD. */
struct nt_nl_password {
    struct nt_password password;
    bool has_version; /* an NL_PASSWORD_VERSION stood before it: interdomain trusts */
    uint32_t version; /* PasswordVersionNumber */
};

/*
 * Decrypts and reads the buffer of NetrServerPasswordSet2. NT_E_MALFORMED: length 0, odd or above
 * 512 (what an unencrypted or wrongly keyed buffer gives); NT_E_AUTH: the buffer as received is
 * not encrypted at all (one repeated byte, or already a plain buffer of zeros), CVE-2020-1472. *out
 * is wiped on failure; the caller wipes it later (nt_password_wipe).
 */
enum nt_err nt_nl_password_decode(const struct nt_chain *chain,
                                  const uint8_t in[NT_NL_PASSWORD_LEN],
                                  struct nt_nl_password *out) NT_MUST_USE;
/* Fills the unused part with random bytes and encrypts. NT_E_INVALID: the password is empty, odd,
 * or has no room beside its version. */
enum nt_err nt_nl_password_encode(const struct nt_chain *chain, const struct nt_env *env,
                                  const struct nt_nl_password *in,
                                  uint8_t out[NT_NL_PASSWORD_LEN]) NT_MUST_USE;

#endif
