/*
 * smb.h - the cryptography of SMB 2 and 3: the preauthentication hash, the keys that a session key
 * gives, signatures of messages, and their encryption. Messages are whole, from their header on.
 * Pure; no heap.
 * Source: [MS-SMB2] 3.1.4.1-3 (signing, keys, encryption), 3.1.5.1 (checking), 3.2.5.3.1 and
 * 3.3.5.5.3 (which keys); SP 800-108 5.1; SP 800-38B, C, D.
 */
#ifndef NT_CRYPTO_SMB_H
#define NT_CRYPTO_SMB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

#define NT_SMB_PREAUTH_LEN   64 /* SHA-512 */
#define NT_SMB_SIGNATURE_LEN 16

/* As on the wire, [MS-SMB2] 2.2.3.1.2. */
enum nt_smb_cipher {
    NT_SMB_NO_CIPHER = 0,
    NT_SMB_AES128_CCM = 1,
    NT_SMB_AES128_GCM = 2,
    NT_SMB_AES256_CCM = 3,
    NT_SMB_AES256_GCM = 4
};

/* As on the wire, [MS-SMB2] 2.2.3.1.7. Below 3.0: HMAC; 3.0 and 3.0.2: CMAC; 3.1.1: as agreed,
 * CMAC when the peer sends no such context. */
enum nt_smb_signing { NT_SMB_HMAC_SHA256 = 0, NT_SMB_AES_CMAC = 1, NT_SMB_AES_GMAC = 2 };

/* The hash over all messages of negotiate and session set-up, [MS-SMB2] 3.1.1.2: begins with
 * zeros. */
void nt_smb_preauth_update(uint8_t hash[NT_SMB_PREAUTH_LEN], const void *msg, size_t len);

/* What one end of a session signs and encrypts with. */
struct nt_smb_keys {
    enum nt_smb_signing signing;
    enum nt_smb_cipher cipher;
    struct nt_secret sign;        /* both directions */
    struct nt_secret encrypt;     /* of what this end sends; empty without a cipher */
    struct nt_secret decrypt;     /* of what the peer sends */
    struct nt_secret application; /* for the blobs of SAMR and LSA; below 3.0 the session key */
};

/*
 * Derives all keys. session_key: of the security context; its first 16 bytes count (fewer are
 * filled with zeros), all of it for the 256-bit ciphers. preauth: the session's hash, read for
 * 3.1.1 only. server: which end this is. dialect: 0x0202, 0x0210, 0x0300, 0x0302, 0x0311.
 */
void nt_smb_keys_derive(struct nt_smb_keys *keys, const struct nt_secret *session_key,
                        uint16_t dialect, enum nt_smb_signing signing, enum nt_smb_cipher cipher,
                        const uint8_t preauth[NT_SMB_PREAUTH_LEN], bool server);
void nt_smb_keys_wipe(struct nt_smb_keys *keys);

/* SP 800-108 in counter mode with HMAC-SHA-256, 32-bit counter and length; out_len: 16 or 32.
 * Labels and contexts include what the document counts as theirs (a NUL behind a text). */
void nt_smb_kdf(const void *key, size_t key_len, const void *label, size_t label_len,
                const void *context, size_t context_len, uint8_t *out, size_t out_len);

/*
 * The signature of one message (one of a compound, with its padding), which stands at offset 48 and
 * counts as zero. The header is complete otherwise; len >= 64. from_server: who sends it: with GMAC
 * it goes into the nonce, as do message id and command.
 */
void nt_smb_sign(const struct nt_smb_keys *keys, uint8_t *msg, size_t len, bool from_server);
/* NT_E_AUTH: it was not made with this key, or something has changed. */
enum nt_err nt_smb_sign_check(const struct nt_smb_keys *keys, const uint8_t *msg, size_t len,
                              bool from_server) NT_MUST_USE;

#define NT_SMB_TRANSFORM_LEN 52 /* SMB2 TRANSFORM_HEADER, [MS-SMB2] 2.2.41 */

/* Bytes of the nonce that are used; the rest of its 16 stay zero. One is never used twice with a
 * key: count it. */
size_t nt_smb_nonce_len(enum nt_smb_cipher cipher);

/* Encrypts in place what stands behind the transform header, which is complete but for its
 * signature (offset 4), and writes that. len: with the header. */
void nt_smb_encrypt(const struct nt_smb_keys *keys, uint8_t *msg, size_t len);
/* The reverse. NT_E_AUTH: not made with this key, or changed; what stands behind the header is
 * wiped then. NT_E_TRUNCATED: shorter than the header. */
enum nt_err nt_smb_decrypt(const struct nt_smb_keys *keys, uint8_t *msg, size_t len) NT_MUST_USE;

#endif
