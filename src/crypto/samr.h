/*
 * samr.h - passwords and hashes as SAMR's calls carry them. Keys are the RPC session key (`key`, 16
 * bytes) or hashes. Decoders wipe their output on failure; callers wipe it later.
 * Source: [MS-SAMR] 2.2.6.21-22 (buffers of 516 and 532 bytes), 2.2.6.32 (AES form), 2.2.11.1
 * (DES), 3.1.5.6.4 (set), 3.1.5.10 (change), 3.2.2.1-5.
 */
#ifndef NT_CRYPTO_SAMR_H
#define NT_CRYPTO_SAMR_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"

#define NT_SAMR_PASSWORD_LEN    516 /* SAMPR_ENCRYPTED_USER_PASSWORD: levels 23, 24 */
#define NT_SAMR_PASSWORD_EX_LEN 532 /* SAMPR_ENCRYPTED_USER_PASSWORD_NEW: levels 25, 26 */

/* NT_E_MALFORMED: the length inside is odd or above 512: the key was another one. Length 0 is the
 * empty password, which policy may accept. */
enum nt_err nt_samr_password_decode(const struct nt_secret *key,
                                    const uint8_t in[NT_SAMR_PASSWORD_LEN],
                                    struct nt_password *out) NT_MUST_USE;
void nt_samr_password_encode(const struct nt_secret *key, const struct nt_env *env,
                             const struct nt_password *in, uint8_t out[NT_SAMR_PASSWORD_LEN]);
enum nt_err nt_samr_password_ex_decode(const struct nt_secret *key,
                                       const uint8_t in[NT_SAMR_PASSWORD_EX_LEN],
                                       struct nt_password *out) NT_MUST_USE;
void nt_samr_password_ex_encode(const struct nt_secret *key, const struct nt_env *env,
                                const struct nt_password *in, uint8_t out[NT_SAMR_PASSWORD_EX_LEN]);

/* A 16-byte hash under a 16-byte key (levels 18 and 21, cross-encrypted hashes of changes): DES of
 * the halves with key bytes 0..6 and 7..13. [MS-SAMR] 2.2.11.1.1 */
void nt_samr_hash_encrypt(const struct nt_secret *key, const struct nt_secret *hash,
                          uint8_t out[16]);
void nt_samr_hash_decrypt(const struct nt_secret *key, const uint8_t in[16],
                          struct nt_secret *hash);

/* SAM replication (and nothing else) hides hashes under a key made of the RID. [MS-SAMR] 2.2.11.1.3
 */
void nt_samr_rid_hash_encrypt(uint32_t rid, const struct nt_secret *hash, uint8_t out[16]);
void nt_samr_rid_hash_decrypt(uint32_t rid, const uint8_t in[16], struct nt_secret *hash);

/*
 * SamrUnicodeChangePasswordUser2 (opnum 55) and 3 (63): the new password under the old NT hash, and
 * the old hash under the new one. NT_E_AUTH: the caller does not know the old password.
 */
enum nt_err nt_samr_change_decode(const struct nt_secret *old_hash,
                                  const uint8_t in[NT_SAMR_PASSWORD_LEN],
                                  const uint8_t verifier[16], struct nt_password *new_password,
                                  struct nt_secret *new_hash) NT_MUST_USE;
void nt_samr_change_encode(const struct nt_secret *old_hash, const struct nt_env *env,
                           const struct nt_password *new_password,
                           uint8_t out[NT_SAMR_PASSWORD_LEN], uint8_t verifier[16]);

/* SAMPR_ENCRYPTED_PASSWORD_AES, [MS-SAMR] 2.2.6.32: levels 31, 32 and opnum 73. */
#define NT_SAMR_AES_CIPHER_LEN     528   /* 514 bytes padded to the block */
#define NT_SAMR_AES_ITERATIONS_MIN 5000u /* [MS-SAMR] 3.1.5.10.4 */
#define NT_SAMR_AES_ITERATIONS_MAX 1000000u
struct nt_samr_aes {
    uint8_t auth_data[64];
    uint8_t salt[16];
    const uint8_t *cipher;
    size_t cipher_len;
    uint64_t iterations; /* PBKDF2; 0 where the key is the session key */
};
/* cek: the session key (levels 31, 32) or nt_samr_aes_cek(). NT_E_AUTH: the MAC is wrong. */
enum nt_err nt_samr_aes_decode(const struct nt_secret *cek, const struct nt_samr_aes *in,
                               struct nt_password *out) NT_MUST_USE;
/* out->cipher points to `cipher`. iterations is left at 0. */
void nt_samr_aes_encode(const struct nt_secret *cek, const struct nt_env *env,
                        const struct nt_password *in, uint8_t cipher[NT_SAMR_AES_CIPHER_LEN],
                        struct nt_samr_aes *out);
/* The content key of opnum 73, from the old NT hash. NT_E_INVALID: iterations out of bounds. */
enum nt_err nt_samr_aes_cek(const struct nt_secret *old_hash, const uint8_t salt[16],
                            uint64_t iterations, struct nt_secret *cek) NT_MUST_USE;

#endif
