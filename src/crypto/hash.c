#include "crypto/hash.h"

#include <assert.h>
#include <string.h>

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/cfb.h>
#include <nettle/des.h>
#include <nettle/hmac.h>
#include <nettle/md4.h>
#include <nettle/md5.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha2.h>

#include "base/secret.h"

/* Every hash has the same shape in nettle: init, update, digest on a context of its own. */
#define HASH(name, algorithm, size)                                                                \
    void name(const struct nt_part *parts, size_t count, uint8_t out[size])                        \
    {                                                                                              \
        struct algorithm##_ctx ctx;                                                                \
        algorithm##_init(&ctx);                                                                    \
        for (size_t i = 0; i < count; i++)                                                         \
            algorithm##_update(&ctx, parts[i].len, parts[i].data);                                 \
        algorithm##_digest(&ctx, size, out);                                                       \
        nt_wipe(&ctx, sizeof ctx);                                                                 \
    }

#define HMAC(name, algorithm, size)                                                                \
    void name(const void *key, size_t key_len, const struct nt_part *parts, size_t count,          \
              uint8_t out[size])                                                                   \
    {                                                                                              \
        struct algorithm##_ctx ctx;                                                                \
        algorithm##_set_key(&ctx, key_len, key);                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            algorithm##_update(&ctx, parts[i].len, parts[i].data);                                 \
        algorithm##_digest(&ctx, size, out);                                                       \
        nt_wipe(&ctx, sizeof ctx);                                                                 \
    }

HASH(nt_md4, md4, 16)
HASH(nt_md5, md5, 16)
HASH(nt_sha256, sha256, 32)
HASH(nt_sha512, sha512, 64)
HMAC(nt_hmac_md5, hmac_md5, 16)
HMAC(nt_hmac_sha256, hmac_sha256, 32)
HMAC(nt_hmac_sha512, hmac_sha512, 64)

void nt_rc4_init(struct nt_rc4 *s, const void *key, size_t key_len)
{
    assert(key_len >= 1 && key_len <= ARCFOUR_MAX_KEY_SIZE);
    arcfour_set_key(&s->ctx, key_len, key);
}

void nt_rc4_crypt(struct nt_rc4 *s, uint8_t *data, size_t len)
{
    arcfour_crypt(&s->ctx, len, data, data);
}

void nt_rc4_wipe(struct nt_rc4 *s)
{
    nt_wipe(s, sizeof *s);
}

void nt_rc4(const void *key, size_t key_len, size_t skip, uint8_t *data, size_t len)
{
    struct nt_rc4 s;
    uint8_t dropped[64];

    nt_rc4_init(&s, key, key_len);
    while (skip > 0) {
        size_t n = skip < sizeof dropped ? skip : sizeof dropped;
        memset(dropped, 0, n);
        nt_rc4_crypt(&s, dropped, n);
        skip -= n;
    }
    nt_rc4_crypt(&s, data, len);
    nt_wipe(dropped, sizeof dropped);
    nt_rc4_wipe(&s);
}

/* 56 bits over eight bytes, seven in each, the lowest left for parity. [MS-NRPC] 3.1.4.4.2 */
static void des_key(struct des_ctx *ctx, const uint8_t key[7])
{
    uint8_t wide[DES_KEY_SIZE];

    wide[0] = key[0] >> 1;
    for (unsigned i = 1; i < 7; i++)
        wide[i] = (uint8_t)((unsigned)key[i - 1] << (7 - i) | (unsigned)key[i] >> (i + 1));
    wide[7] = key[6];
    for (unsigned i = 0; i < sizeof wide; i++)
        wide[i] = (uint8_t)((unsigned)wide[i] << 1);
    des_fix_parity(sizeof wide, wide, wide);
    /* A weak key is the peer's affair: it is used all the same. */
    (void)des_set_key(ctx, wide);
    nt_wipe(wide, sizeof wide);
}

void nt_des_block(const uint8_t key[7], const uint8_t in[8], uint8_t out[8])
{
    struct des_ctx ctx;

    des_key(&ctx, key);
    des_encrypt(&ctx, DES_BLOCK_SIZE, out, in);
    nt_wipe(&ctx, sizeof ctx);
}

void nt_des_unblock(const uint8_t key[7], const uint8_t in[8], uint8_t out[8])
{
    struct des_ctx ctx;

    des_key(&ctx, key);
    des_decrypt(&ctx, DES_BLOCK_SIZE, out, in);
    nt_wipe(&ctx, sizeof ctx);
}

static void aes128_cipher(const void *ctx, size_t len, uint8_t *dst, const uint8_t *src)
{
    aes128_encrypt(ctx, len, dst, src);
}

void nt_aes_cfb8_encrypt(const uint8_t key[16], uint8_t iv[16], uint8_t *data, size_t len)
{
    struct aes128_ctx ctx;

    aes128_set_encrypt_key(&ctx, key);
    cfb8_encrypt(&ctx, aes128_cipher, AES_BLOCK_SIZE, iv, len, data, data);
    nt_wipe(&ctx, sizeof ctx);
}

void nt_aes_cfb8_decrypt(const uint8_t key[16], uint8_t iv[16], uint8_t *data, size_t len)
{
    struct aes128_ctx ctx;

    aes128_set_encrypt_key(&ctx, key); /* CFB runs the block cipher forwards both ways */
    cfb8_decrypt(&ctx, aes128_cipher, AES_BLOCK_SIZE, iv, len, data, data);
    nt_wipe(&ctx, sizeof ctx);
}

static void aes256_cipher(const void *ctx, size_t len, uint8_t *dst, const uint8_t *src)
{
    aes256_encrypt(ctx, len, dst, src);
}

static void aes256_decipher(const void *ctx, size_t len, uint8_t *dst, const uint8_t *src)
{
    aes256_decrypt(ctx, len, dst, src);
}

void nt_aes256_cbc_encrypt(const uint8_t key[32], const uint8_t iv[16], uint8_t *data, size_t len)
{
    struct aes256_ctx ctx;
    uint8_t chain[AES_BLOCK_SIZE];

    assert(len % AES_BLOCK_SIZE == 0);
    memcpy(chain, iv, sizeof chain);
    aes256_set_encrypt_key(&ctx, key);
    cbc_encrypt(&ctx, aes256_cipher, AES_BLOCK_SIZE, chain, len, data, data);
    nt_wipe(&ctx, sizeof ctx);
}

void nt_aes256_cbc_decrypt(const uint8_t key[32], const uint8_t iv[16], uint8_t *data, size_t len)
{
    struct aes256_ctx ctx;
    uint8_t chain[AES_BLOCK_SIZE];

    assert(len % AES_BLOCK_SIZE == 0);
    memcpy(chain, iv, sizeof chain);
    aes256_set_decrypt_key(&ctx, key);
    cbc_decrypt(&ctx, aes256_decipher, AES_BLOCK_SIZE, chain, len, data, data);
    nt_wipe(&ctx, sizeof ctx);
}

void nt_pbkdf2_sha512(const void *secret, size_t secret_len, uint32_t iterations, const void *salt,
                      size_t salt_len, uint8_t *out, size_t out_len)
{
    pbkdf2_hmac_sha512(secret_len, secret, iterations, salt_len, salt, out_len, out);
}
