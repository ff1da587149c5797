#include "crypto/netlogon.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/owf.h"

#define VERSION_LEN     12              /* NL_PASSWORD_VERSION, [MS-NRPC] 2.2.1.3.8 */
#define VERSION_PRESENT 0x02231968u     /* PasswordVersionPresent */
#define LENGTH_AT       NT_PASSWORD_MAX /* of the length field in NL_TRUST_PASSWORD */

enum nt_nl_crypto nt_nl_crypto_of_flags(uint32_t negotiated)
{
    if (negotiated & NT_NL_FLAG_AES)
        return NT_NL_AES;
    return negotiated & NT_NL_FLAG_STRONG ? NT_NL_STRONG : NT_NL_DES;
}

bool nt_nl_challenge_ok(const uint8_t challenge[8])
{
    for (unsigned i = 0; i < 5; i++) {
        unsigned same = 0;
        for (unsigned j = 0; j < 5; j++)
            same += challenge[i] == challenge[j];
        if (same == 1)
            return true;
    }
    return false;
}

void nt_nl_challenge(const struct nt_env *env, uint8_t challenge[8])
{
    do
        nt_random(env, challenge, 8);
    while (!nt_nl_challenge_ok(challenge));
}

/* [MS-NRPC] 3.1.4.3.1 */
static void session_key_aes(const struct nt_secret *nt_hash, const uint8_t client[8],
                            const uint8_t server[8], uint8_t key[16])
{
    uint8_t wide[32];

    nt_hmac_sha256(nt_hash->b, nt_hash->len, NT_PARTS({ client, 8 }, { server, 8 }), wide);
    memcpy(key, wide, 16);
    nt_wipe(wide, sizeof wide);
}

/* [MS-NRPC] 3.1.4.3.2 */
static void session_key_strong(const struct nt_secret *nt_hash, const uint8_t client[8],
                               const uint8_t server[8], uint8_t key[16])
{
    static const uint8_t zero[4];
    uint8_t digest[16];

    nt_md5(NT_PARTS({ zero, 4 }, { client, 8 }, { server, 8 }), digest);
    nt_hmac_md5(nt_hash->b, nt_hash->len, NT_PARTS({ digest, 16 }), key);
    nt_wipe(digest, sizeof digest);
}

/* [MS-NRPC] 3.1.4.3.3: 64 bits of key, the other half stays zero. */
static void session_key_des(const struct nt_secret *nt_hash, const uint8_t client[8],
                            const uint8_t server[8], uint8_t key[16])
{
    uint8_t sum[8];

    nt_put_le32(sum, nt_le32(client) + nt_le32(server));
    nt_put_le32(sum + 4, nt_le32(client + 4) + nt_le32(server + 4));
    nt_des_block(nt_hash->b, sum, sum);
    nt_des_block(nt_hash->b + 9, sum, key);
    memset(key + 8, 0, 8);
    nt_wipe(sum, sizeof sum);
}

enum nt_err nt_nl_session_key(enum nt_nl_crypto crypto, const struct nt_secret *nt_hash,
                              const uint8_t client_challenge[8], const uint8_t server_challenge[8],
                              struct nt_secret *key)
{
    *key = (struct nt_secret){ .len = 0 };
    if (nt_hash->len != NT_HASH_LEN)
        return NT_E_INVALID;
    key->len = 16;
    switch (crypto) {
    case NT_NL_AES:
        session_key_aes(nt_hash, client_challenge, server_challenge, key->b);
        break;
    case NT_NL_STRONG:
        session_key_strong(nt_hash, client_challenge, server_challenge, key->b);
        break;
    case NT_NL_DES:
        session_key_des(nt_hash, client_challenge, server_challenge, key->b);
        break;
    }
    return NT_OK;
}

void nt_nl_credential(enum nt_nl_crypto crypto, const struct nt_secret *key, const uint8_t in[8],
                      uint8_t out[8])
{
    if (crypto == NT_NL_AES) { /* [MS-NRPC] 3.1.4.4.1 */
        uint8_t iv[16] = { 0 };
        memmove(out, in, 8);
        nt_aes_cfb8_encrypt(key->b, iv, out, 8);
    } else { /* [MS-NRPC] 3.1.4.4.2 */
        nt_des_block(key->b, in, out);
        nt_des_block(key->b + 7, out, out);
    }
}

/* Adds to the low word of a credential, modulo 2^32. [MS-NRPC] 3.1.4.5 */
static void seed_add(uint8_t seed[8], uint32_t n)
{
    nt_put_le32(seed, nt_le32(seed) + n);
}

enum nt_err nt_chain_init(struct nt_chain *chain, enum nt_nl_crypto crypto,
                          const struct nt_secret *nt_hash, const uint8_t client_challenge[8],
                          const uint8_t server_challenge[8], const uint8_t client_credential[8],
                          uint8_t server_credential[8])
{
    struct nt_chain made;
    enum nt_err err;

    nt_chain_wipe(chain);
    memset(server_credential, 0, 8);
    if (!nt_nl_challenge_ok(client_challenge))
        return NT_E_AUTH;
    err = nt_chain_start(&made, crypto, nt_hash, client_challenge, server_challenge, made.seed);
    if (err == NT_OK && !nt_ct_equal(made.seed, client_credential, 8))
        err = NT_E_AUTH;
    if (err == NT_OK) {
        *chain = made;
        nt_nl_credential(crypto, &made.key, server_challenge, server_credential);
    }
    nt_chain_wipe(&made);
    return err;
}

enum nt_err nt_chain_verify(struct nt_chain *chain, const struct nt_authenticator *in,
                            struct nt_authenticator *out)
{
    uint8_t seed[8], expected[8];

    memcpy(seed, chain->seed, sizeof seed);
    seed_add(seed, in->timestamp);
    nt_nl_credential(chain->crypto, &chain->key, seed, expected);
    if (!nt_ct_equal(expected, in->credential, sizeof expected))
        return NT_E_AUTH;

    seed_add(seed, 1);
    memset(out, 0, sizeof *out);
    nt_nl_credential(chain->crypto, &chain->key, seed, out->credential);
    memcpy(chain->seed, seed, sizeof seed);
    return NT_OK;
}

enum nt_err nt_chain_start(struct nt_chain *chain, enum nt_nl_crypto crypto,
                           const struct nt_secret *nt_hash, const uint8_t client_challenge[8],
                           const uint8_t server_challenge[8], uint8_t client_credential[8])
{
    memset(chain, 0, sizeof *chain);
    chain->crypto = crypto;
    enum nt_err err =
        nt_nl_session_key(crypto, nt_hash, client_challenge, server_challenge, &chain->key);
    if (err != NT_OK) {
        memset(client_credential, 0, 8);
        return err;
    }
    nt_nl_credential(crypto, &chain->key, client_challenge, chain->seed);
    memmove(client_credential, chain->seed, 8);
    return NT_OK;
}

enum nt_err nt_chain_accept(const struct nt_chain *chain, const uint8_t server_challenge[8],
                            const uint8_t server_credential[8])
{
    uint8_t expected[8];

    nt_nl_credential(chain->crypto, &chain->key, server_challenge, expected);
    return nt_ct_equal(expected, server_credential, sizeof expected) ? NT_OK : NT_E_AUTH;
}

void nt_chain_next(struct nt_chain *chain, uint32_t now_s, struct nt_authenticator *out)
{
    memset(out, 0, sizeof *out);
    out->timestamp = now_s;
    seed_add(chain->seed, now_s);
    nt_nl_credential(chain->crypto, &chain->key, chain->seed, out->credential);
}

enum nt_err nt_chain_check(struct nt_chain *chain, const struct nt_authenticator *returned)
{
    uint8_t expected[8];

    seed_add(chain->seed, 1);
    nt_nl_credential(chain->crypto, &chain->key, chain->seed, expected);
    return nt_ct_equal(expected, returned->credential, sizeof expected) ? NT_OK : NT_E_AUTH;
}

void nt_chain_wipe(struct nt_chain *chain)
{
    nt_wipe(chain, sizeof *chain);
}

void nt_nl_crypt_buffer(const struct nt_chain *chain, bool encrypt, uint8_t *data, size_t len)
{
    uint8_t iv[16] = { 0 };

    if (chain->crypto != NT_NL_AES)
        nt_rc4(chain->key.b, chain->key.len, 0, data, len);
    else if (encrypt)
        nt_aes_cfb8_encrypt(chain->key.b, iv, data, len);
    else
        nt_aes_cfb8_decrypt(chain->key.b, iv, data, len);
}

void nt_nl_owf_encrypt(const struct nt_chain *chain, const uint8_t in[16], uint8_t out[16])
{
    nt_des_block(chain->key.b, in, out);
    nt_des_block(chain->key.b + 7, in + 8, out + 8);
}

void nt_nl_owf_decrypt(const struct nt_chain *chain, const uint8_t in[16], uint8_t out[16])
{
    nt_des_unblock(chain->key.b, in, out);
    nt_des_unblock(chain->key.b + 7, in + 8, out + 8);
}

/* A buffer that nobody encrypted: of one repeated byte, as the attack on CFB8 sends it (zeros
 * encrypt to zeros for one key in 256), or with a length that stands there in the clear after
 * nothing but zeros. What encryption made looks so once in 2^3000. */
static bool looks_plain(const uint8_t in[NT_NL_PASSWORD_LEN])
{
    bool one_byte = true, zero_fill = true;

    for (size_t i = 1; i < LENGTH_AT; i++)
        one_byte = one_byte && in[i] == in[0];
    for (size_t i = 0; i < LENGTH_AT / 2; i++)
        zero_fill = zero_fill && in[i] == 0;
    return one_byte || zero_fill;
}

enum nt_err nt_nl_password_decode(const struct nt_chain *chain,
                                  const uint8_t in[NT_NL_PASSWORD_LEN], struct nt_nl_password *out)
{
    uint8_t plain[NT_NL_PASSWORD_LEN];
    enum nt_err err = NT_E_MALFORMED;

    nt_wipe(out, sizeof *out);
    if (looks_plain(in))
        return NT_E_AUTH;
    memcpy(plain, in, sizeof plain);
    nt_nl_crypt_buffer(chain, false, plain, sizeof plain);

    uint32_t len = nt_le32(plain + LENGTH_AT);
    if (len > 0 && len % 2 == 0 && len <= NT_PASSWORD_MAX) {
        const uint8_t *start = plain + NT_PASSWORD_MAX - len;
        out->password.len = (uint16_t)len;
        memcpy(out->password.b, start, len);
        if (len <= NT_NL_PASSWORD_VERSIONED_MAX) {
            const uint8_t *v = start - VERSION_LEN;
            out->has_version = nt_le32(v) == 0 && nt_le32(v + 8) == VERSION_PRESENT;
            out->version = out->has_version ? nt_le32(v + 4) : 0;
        }
        err = NT_OK;
    }
    nt_wipe(plain, sizeof plain);
    return err;
}

enum nt_err nt_nl_password_encode(const struct nt_chain *chain, const struct nt_env *env,
                                  const struct nt_nl_password *in, uint8_t out[NT_NL_PASSWORD_LEN])
{
    size_t len = in->password.len;
    size_t most = in->has_version ? NT_NL_PASSWORD_VERSIONED_MAX : NT_PASSWORD_MAX;

    memset(out, 0, NT_NL_PASSWORD_LEN);
    if (len == 0 || len % 2 != 0 || len > most)
        return NT_E_INVALID;

    uint8_t *start = out + NT_PASSWORD_MAX - len;
    nt_random(env, out, NT_PASSWORD_MAX - len);
    memcpy(start, in->password.b, len);
    if (in->has_version) {
        nt_put_le32(start - VERSION_LEN, 0); /* ReservedField */
        nt_put_le32(start - VERSION_LEN + 4, in->version);
        nt_put_le32(start - VERSION_LEN + 8, VERSION_PRESENT);
    }
    nt_put_le32(out + LENGTH_AT, (uint32_t)len);
    nt_nl_crypt_buffer(chain, true, out, NT_NL_PASSWORD_LEN);
    return NT_OK;
}
