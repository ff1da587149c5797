#include "crypto/aead.h"

#include <string.h>

#include "crypto/hash.h"

#define BLOCK 16u

/* The labels count with their NUL. */
struct labels {
    const char *enc, *mac;
};
static const struct labels labels[] = {
    [NT_AEAD_SAM] = { "Microsoft SAM encryption key AEAD-AES-256-CBC-HMAC-SHA512 16",
                      "Microsoft SAM MAC key AEAD-AES-256-CBC-HMAC-SHA512 16" },
    [NT_AEAD_LSAD] = { "Microsoft LSAD encryption key AEAD-AES-256-CBC-HMAC-SHA512 16",
                       "Microsoft LSAD MAC key AEAD-AES-256-CBC-HMAC-SHA512 16" },
};

static void derive(const struct nt_secret *cek, const char *label, uint8_t out[64])
{
    nt_hmac_sha512(cek->b, cek->len, NT_PARTS({ label, strlen(label) + 1 }), out);
}

static void mac(enum nt_aead_kind kind, const struct nt_secret *cek, const uint8_t iv[16],
                const uint8_t *cipher, size_t len, uint8_t out[64])
{
    static const uint8_t version = 1, version_len = 1;
    uint8_t key[64];

    derive(cek, labels[kind].mac, key);
    nt_hmac_sha512(key, sizeof key,
                   NT_PARTS({ &version, 1 }, { iv, BLOCK }, { cipher, len }, { &version_len, 1 }),
                   out);
    nt_wipe(key, sizeof key);
}

void nt_aead_seal(enum nt_aead_kind kind, const struct nt_secret *cek, const uint8_t iv[16],
                  uint8_t *data, size_t len, uint8_t auth_data[64])
{
    size_t padded = nt_aead_size(len);
    uint8_t key[64];

    memset(data + len, (int)(padded - len), padded - len); /* PKCS #7 */
    derive(cek, labels[kind].enc, key);
    nt_aes256_cbc_encrypt(key, iv, data, padded);
    nt_wipe(key, sizeof key);
    mac(kind, cek, iv, data, padded, auth_data);
}

enum nt_err nt_aead_open(enum nt_aead_kind kind, const struct nt_secret *cek, const uint8_t iv[16],
                         const uint8_t auth_data[64], uint8_t *data, size_t len, size_t *plain_len)
{
    uint8_t expected[64], key[64];

    *plain_len = 0;
    if (len == 0 || len % BLOCK != 0)
        return NT_E_MALFORMED;
    mac(kind, cek, iv, data, len, expected);
    if (!nt_ct_equal(expected, auth_data, sizeof expected))
        return NT_E_AUTH;

    derive(cek, labels[kind].enc, key);
    nt_aes256_cbc_decrypt(key, iv, data, len);
    nt_wipe(key, sizeof key);
    /* The MAC was right, so what the padding looks like tells an attacker nothing. */
    size_t pad = data[len - 1];
    if (pad == 0 || pad > BLOCK)
        return NT_E_MALFORMED;
    for (size_t i = len - pad; i < len; i++) {
        if (data[i] != pad)
            return NT_E_MALFORMED;
    }
    *plain_len = len - pad;
    return NT_OK;
}
