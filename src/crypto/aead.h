/*
 * aead.h - AEAD-AES-256-CBC-HMAC-SHA512, the form that SAMR and LSARPC share for passwords in newer
 * calls; they differ in two labels. Seen by samr.c and lsa.c only.
 * Source: [MS-SAMR] 3.2.2.4, 2.2.1.18; [MS-LSAD] 5.1.5, 2.2.1.4.
 */
#ifndef NT_CRYPTO_AEAD_H
#define NT_CRYPTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

enum nt_aead_kind { NT_AEAD_SAM, NT_AEAD_LSAD };

/* Bytes that encryption makes of len bytes: padded up, by at least one byte, to the block. */
static inline size_t nt_aead_size(size_t len)
{
    return (len / 16 + 1) * 16;
}

/* Pads and encrypts `data` in place, which has room for nt_aead_size(len); cek: 16 bytes. */
void nt_aead_seal(enum nt_aead_kind kind, const struct nt_secret *cek, const uint8_t iv[16],
                  uint8_t *data, size_t len, uint8_t auth_data[64]);

/* Checks and decrypts in place; *plain_len is without the padding. NT_E_AUTH: not made with this
 * key, or changed; `data` is untouched then. NT_E_MALFORMED: length or padding are not right. */
enum nt_err nt_aead_open(enum nt_aead_kind kind, const struct nt_secret *cek, const uint8_t iv[16],
                         const uint8_t auth_data[64], uint8_t *data, size_t len,
                         size_t *plain_len) NT_MUST_USE;

#endif
