/*
 * rest.h - secrets at rest: AES-256-GCM under the store's master key. The nonce is handed in; the
 * associated data binds a blob to its row, so that blobs cannot be swapped between rows.
 * Source: SP 800-38D; RFC 5869 for keys derived from the master key.
 */
#ifndef NT_CRYPTO_REST_H
#define NT_CRYPTO_REST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

#define NT_REST_NONCE    12
#define NT_REST_TAG      16
#define NT_REST_OVERHEAD (NT_REST_NONCE + NT_REST_TAG)

/* Writes len + NT_REST_OVERHEAD bytes: nonce, cipher text, tag. master: 32 bytes. The nonce is 12
 * random bytes, never used twice under one key. */
void nt_rest_seal(const struct nt_secret *master, const uint8_t nonce[NT_REST_NONCE],
                  const void *aad, size_t aad_len, const void *plain, size_t len, uint8_t *out);

/* Writes len - NT_REST_OVERHEAD bytes to `plain`. NT_E_CORRUPT: shorter than the overhead, changed,
 * of another row or under another key; nothing of it is left in `plain` then. */
enum nt_err nt_rest_open(const struct nt_secret *master, const void *aad, size_t aad_len,
                         const uint8_t *in, size_t len, void *plain) NT_MUST_USE;

/* A key of its own for a purpose, for example "ntrust store 1". HKDF-SHA256, no salt. */
void nt_rest_derive(const struct nt_secret *master, const char *purpose, struct nt_secret *key);

#endif
