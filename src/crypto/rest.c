#include "crypto/rest.h"

#include <assert.h>
#include <string.h>

#include <nettle/gcm.h>

#include "crypto/hash.h"

void nt_rest_seal(const struct nt_secret *master, const uint8_t nonce[NT_REST_NONCE],
                  const void *aad, size_t aad_len, const void *plain, size_t len, uint8_t *out)
{
    struct gcm_aes256_ctx ctx;

    assert(master->len == 32);
    memcpy(out, nonce, NT_REST_NONCE);
    gcm_aes256_set_key(&ctx, master->b);
    gcm_aes256_set_iv(&ctx, NT_REST_NONCE, nonce);
    gcm_aes256_update(&ctx, aad_len, aad);
    gcm_aes256_encrypt(&ctx, len, out + NT_REST_NONCE, plain);
    gcm_aes256_digest(&ctx, NT_REST_TAG, out + NT_REST_NONCE + len);
    nt_wipe(&ctx, sizeof ctx);
}

enum nt_err nt_rest_open(const struct nt_secret *master, const void *aad, size_t aad_len,
                         const uint8_t *in, size_t len, void *plain)
{
    struct gcm_aes256_ctx ctx;
    uint8_t tag[NT_REST_TAG];

    assert(master->len == 32);
    if (len < NT_REST_OVERHEAD)
        return NT_E_CORRUPT;
    size_t n = len - NT_REST_OVERHEAD;
    gcm_aes256_set_key(&ctx, master->b);
    gcm_aes256_set_iv(&ctx, NT_REST_NONCE, in);
    gcm_aes256_update(&ctx, aad_len, aad);
    gcm_aes256_decrypt(&ctx, n, plain, in + NT_REST_NONCE);
    gcm_aes256_digest(&ctx, sizeof tag, tag);
    nt_wipe(&ctx, sizeof ctx);
    bool same = nt_ct_equal(tag, in + NT_REST_NONCE + n, sizeof tag);
    if (!same && n > 0)
        nt_wipe(plain, n);
    return same ? NT_OK : NT_E_CORRUPT;
}

void nt_rest_derive(const struct nt_secret *master, const char *purpose, struct nt_secret *key)
{
    static const uint8_t no_salt[32], first = 1;
    uint8_t prk[32];

    key->len = 32;
    nt_hmac_sha256(no_salt, sizeof no_salt, NT_PARTS({ master->b, master->len }), prk);
    nt_hmac_sha256(prk, sizeof prk, NT_PARTS({ purpose, strlen(purpose) }, { &first, 1 }), key->b);
    nt_wipe(prk, sizeof prk);
}
