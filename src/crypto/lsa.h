/*
 * lsa.h - secrets and trust passwords as LSARPC's calls carry them. `key` is the RPC session key.
 * Source: [MS-LSAD] 5.1.1-3 (ciphers), 2.2.7.16-18 (auth blobs), 2.2.7.29-30 (AES form);
 * [MS-ADTS] 6.1.6.9.1 (trustAuthInfo).
 */
#ifndef NT_CRYPTO_LSA_H
#define NT_CRYPTO_LSA_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "base/nttime.h"
#include "base/secret.h"

#define NT_LSA_SECRET_MAX 65536 /* bytes of a secret's cipher text that is looked at */

/* LSAPR_CR_CIPHER_VALUE. Decrypts `len` bytes; `out` has room for len bytes, *out_len says how many
 * the secret has. NT_E_MALFORMED: not a multiple of 8, too short, or the inside is not right (the
 * key was another one); out is wiped then. [MS-LSAD] 5.1.2 */
enum nt_err nt_lsa_secret_decrypt(const struct nt_secret *key, const uint8_t *in, size_t len,
                                  uint8_t *out, size_t *out_len) NT_MUST_USE;
/* Bytes that encryption makes of len bytes. */
size_t nt_lsa_secret_size(size_t len);
/* `out` has room for nt_lsa_secret_size(len) bytes. */
void nt_lsa_secret_encrypt(const struct nt_secret *key, const uint8_t *in, size_t len,
                           uint8_t *out);

/* LSAPR_AUTH_INFORMATION types, [MS-LSAD] 2.2.7.17 */
enum nt_trust_auth_type {
    NT_TRUST_AUTH_NONE = 0,
    NT_TRUST_AUTH_NT4OWF = 1, /* 16 bytes: the NT hash */
    NT_TRUST_AUTH_CLEAR = 2,  /* UTF-16LE password */
    NT_TRUST_AUTH_VERSION = 3 /* 4 bytes: the password's version number */
};

#define NT_TRUST_AUTH_MAX      4    /* entries of one list that we keep */
#define NT_TRUST_AUTH_BLOB_MAX 8192 /* bytes of a blob that is looked at */

struct nt_trust_auth_info {
    nt_time last_update;
    uint32_t type; /* enum nt_trust_auth_type */
    const uint8_t *data;
    size_t len;
};
struct nt_trust_auth_list {
    struct nt_trust_auth_info info[NT_TRUST_AUTH_MAX];
    size_t count;
};
/* One direction: what is valid now, and what was before. */
struct nt_trust_auth_half {
    struct nt_trust_auth_list current, previous;
};
/* LSAPR_TRUSTED_DOMAIN_AUTH_INFORMATION; outgoing: what we prove to them. data points into the
 * decoder's input. */
struct nt_trust_auth {
    struct nt_trust_auth_half outgoing, incoming;
};

/*
 * The content of LSAPR_TRUSTED_DOMAIN_AUTH_BLOB, RC4 under the session key. Decrypts in place,
 * checks every offset and fills *out with pointers into `blob`. NT_E_MALFORMED, NT_E_LIMIT.
 * [MS-LSAD] 5.1.1, 2.2.7.16
 */
enum nt_err nt_lsa_auth_blob_decode(const struct nt_secret *key, uint8_t *blob, size_t len,
                                    struct nt_trust_auth *out) NT_MUST_USE;
/* Appends the encrypted blob with its 512 random bytes; the result is also in out->err. */
enum nt_err nt_lsa_auth_blob_encode(const struct nt_secret *key, const struct nt_env *env,
                                    const struct nt_trust_auth *in, struct nt_buf *out) NT_MUST_USE;

/* One half as AD stores it (trustAuthInfo) and as it stands inside the blob. [MS-ADTS] 6.1.6.9.1 */
enum nt_err nt_trust_auth_half_decode(const uint8_t *data, size_t len,
                                      struct nt_trust_auth_half *out) NT_MUST_USE;
void nt_trust_auth_half_encode(const struct nt_trust_auth_half *in, struct nt_buf *out);

/* The first entry of that type in a list, or NULL. */
const struct nt_trust_auth_info *nt_trust_auth_find(const struct nt_trust_auth_list *list,
                                                    enum nt_trust_auth_type type);

/* LSAPR_TRUSTED_DOMAIN_AUTH_INFORMATION_INTERNAL_AES (LsarCreateTrustedDomainEx3): AES-256-CBC and
 * HMAC-SHA512 under the session key. The plain text has the layout of the blob above.
 * NT_E_AUTH: the MAC is wrong. [MS-LSAD] 5.1.5 */
struct nt_lsa_auth_aes {
    uint8_t auth_data[64];
    uint8_t salt[16];
    uint8_t *cipher; /* decrypted in place */
    size_t cipher_len;
};
enum nt_err nt_lsa_auth_aes_decode(const struct nt_secret *key, const struct nt_lsa_auth_aes *in,
                                   struct nt_trust_auth *out) NT_MUST_USE;
/* Appends the cipher text to `cipher` and points out->cipher to it. */
enum nt_err nt_lsa_auth_aes_encode(const struct nt_secret *key, const struct nt_env *env,
                                   const struct nt_trust_auth *in, struct nt_buf *cipher,
                                   struct nt_lsa_auth_aes *out) NT_MUST_USE;

#endif
