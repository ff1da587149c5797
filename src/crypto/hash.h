/*
 * hash.h - the primitives under everything else here: named, one-shot wrappers on nettle. Inputs of
 * the hashes are lists of parts, as the protocols concatenate. No heap; contexts are wiped.
 * Sources: RFC 1320 (MD4), RFC 1321, RFC 2104, FIPS 180-4, FIPS 46-3, FIPS 197, SP 800-38A 6.3
 * (CFB with 8-bit feedback), RFC 8018 5.2; [MS-NRPC] 3.1.4.3-4 for how they are used.
 */
#ifndef NT_CRYPTO_HASH_H
#define NT_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <nettle/arcfour.h>

#include "base/err.h"

/* One stretch of input; data may be NULL when len is 0. */
struct nt_part {
    const void *data;
    size_t len;
};

/* Two arguments in one: a list of parts and its count, NT_PARTS({ a, 4 }, { b, n }). */
#define NT_PARTS(...)                                                                              \
    (const struct nt_part[]){ __VA_ARGS__ },                                                       \
        (sizeof((const struct nt_part[]){ __VA_ARGS__ }) / sizeof(struct nt_part))

void nt_md4(const struct nt_part *parts, size_t count, uint8_t out[16]);
void nt_md5(const struct nt_part *parts, size_t count, uint8_t out[16]);
void nt_sha256(const struct nt_part *parts, size_t count, uint8_t out[32]);
void nt_sha512(const struct nt_part *parts, size_t count, uint8_t out[64]);
void nt_hmac_md5(const void *key, size_t key_len, const struct nt_part *parts, size_t count,
                 uint8_t out[16]);
void nt_hmac_sha256(const void *key, size_t key_len, const struct nt_part *parts, size_t count,
                    uint8_t out[32]);
void nt_hmac_sha512(const void *key, size_t key_len, const struct nt_part *parts, size_t count,
                    uint8_t out[64]);

/* RC4 as a running stream; the owner wipes it with nt_rc4_wipe. key_len 1..256. */
struct nt_rc4 {
    struct arcfour_ctx ctx;
};
void nt_rc4_init(struct nt_rc4 *s, const void *key, size_t key_len);
void nt_rc4_crypt(struct nt_rc4 *s, uint8_t *data, size_t len); /* in place */
void nt_rc4_wipe(struct nt_rc4 *s);
/* One-shot: drops `skip` bytes of key stream, then en- or decrypts data in place. */
void nt_rc4(const void *key, size_t key_len, size_t skip, uint8_t *data, size_t len);

/* DES of one block under a 7-byte key that is spread over 8 with parity; in and out may be one. */
void nt_des_block(const uint8_t key[7], const uint8_t in[8], uint8_t out[8]);
void nt_des_unblock(const uint8_t key[7], const uint8_t in[8], uint8_t out[8]); /* decrypts */

/* AES-128 in CFB8, in place. `iv` moves on, so that a second call continues the stream. */
void nt_aes_cfb8_encrypt(const uint8_t key[16], uint8_t iv[16], uint8_t *data, size_t len);
void nt_aes_cfb8_decrypt(const uint8_t key[16], uint8_t iv[16], uint8_t *data, size_t len);

/* AES-256 in CBC, in place; len is a multiple of 16. */
void nt_aes256_cbc_encrypt(const uint8_t key[32], const uint8_t iv[16], uint8_t *data, size_t len);
void nt_aes256_cbc_decrypt(const uint8_t key[32], const uint8_t iv[16], uint8_t *data, size_t len);

/* PBKDF2 with HMAC-SHA-512; iterations > 0. Takes time in proportion to iterations. */
void nt_pbkdf2_sha512(const void *secret, size_t secret_len, uint32_t iterations, const void *salt,
                      size_t salt_len, uint8_t *out, size_t out_len);

#endif
