#include "crypto/samr.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/owf.h"

#define LENGTH_AT     NT_PASSWORD_MAX /* of the length field: the password stands before it */
#define AES_PLAIN_LEN (2 + NT_PASSWORD_MAX)

/* SAMPR_USER_PASSWORD, [MS-SAMR] 2.2.6.21: the password at the end of 512 bytes. */
static enum nt_err password_read(const uint8_t plain[NT_SAMR_PASSWORD_LEN], struct nt_password *out)
{
    uint32_t len = nt_le32(plain + LENGTH_AT);

    if (len > NT_PASSWORD_MAX || len % 2 != 0)
        return NT_E_MALFORMED;
    memcpy(out->b, plain + NT_PASSWORD_MAX - len, len);
    out->len = (uint16_t)len;
    return NT_OK;
}

static void password_write(const struct nt_env *env, const struct nt_password *in,
                           uint8_t out[NT_SAMR_PASSWORD_LEN])
{
    nt_random(env, out, NT_PASSWORD_MAX - in->len);
    memcpy(out + NT_PASSWORD_MAX - in->len, in->b, in->len);
    nt_put_le32(out + LENGTH_AT, in->len);
}

static enum nt_err decode_rc4(const void *key, size_t key_len,
                              const uint8_t in[NT_SAMR_PASSWORD_LEN], struct nt_password *out)
{
    uint8_t plain[NT_SAMR_PASSWORD_LEN];

    nt_password_wipe(out);
    memcpy(plain, in, sizeof plain);
    nt_rc4(key, key_len, 0, plain, sizeof plain);
    enum nt_err err = password_read(plain, out);
    nt_wipe(plain, sizeof plain);
    return err;
}

enum nt_err nt_samr_password_decode(const struct nt_secret *key,
                                    const uint8_t in[NT_SAMR_PASSWORD_LEN], struct nt_password *out)
{
    return decode_rc4(key->b, key->len, in, out);
}

void nt_samr_password_encode(const struct nt_secret *key, const struct nt_env *env,
                             const struct nt_password *in, uint8_t out[NT_SAMR_PASSWORD_LEN])
{
    password_write(env, in, out);
    nt_rc4(key->b, key->len, 0, out, NT_SAMR_PASSWORD_LEN);
}

/* [MS-SAMR] 3.2.2.2: MD5 of the salt at the buffer's end and the session key. */
static void salted_key(const struct nt_secret *key, const uint8_t salt[16], uint8_t out[16])
{
    nt_md5(NT_PARTS({ salt, 16 }, { key->b, key->len }), out);
}

enum nt_err nt_samr_password_ex_decode(const struct nt_secret *key,
                                       const uint8_t in[NT_SAMR_PASSWORD_EX_LEN],
                                       struct nt_password *out)
{
    uint8_t salted[16];

    salted_key(key, in + NT_SAMR_PASSWORD_LEN, salted);
    enum nt_err err = decode_rc4(salted, sizeof salted, in, out);
    nt_wipe(salted, sizeof salted);
    return err;
}

void nt_samr_password_ex_encode(const struct nt_secret *key, const struct nt_env *env,
                                const struct nt_password *in, uint8_t out[NT_SAMR_PASSWORD_EX_LEN])
{
    uint8_t salted[16];

    password_write(env, in, out);
    nt_random(env, out + NT_SAMR_PASSWORD_LEN, 16);
    salted_key(key, out + NT_SAMR_PASSWORD_LEN, salted);
    nt_rc4(salted, sizeof salted, 0, out, NT_SAMR_PASSWORD_LEN);
    nt_wipe(salted, sizeof salted);
}

void nt_samr_hash_encrypt(const struct nt_secret *key, const struct nt_secret *hash,
                          uint8_t out[16])
{
    nt_des_block(key->b, hash->b, out);
    nt_des_block(key->b + 7, hash->b + 8, out + 8);
}

void nt_samr_hash_decrypt(const struct nt_secret *key, const uint8_t in[16], struct nt_secret *hash)
{
    hash->len = NT_HASH_LEN;
    nt_des_unblock(key->b, in, hash->b);
    nt_des_unblock(key->b + 7, in + 8, hash->b + 8);
}

/* The two DES keys run through the RID's four bytes, the second from its last one. */
static void rid_key(uint32_t rid, struct nt_secret *key)
{
    uint8_t r[4];

    nt_put_le32(r, rid);
    key->len = 14;
    for (size_t i = 0; i < 7; i++) {
        key->b[i] = r[i % 4];
        key->b[7 + i] = r[(i + 3) % 4];
    }
}

void nt_samr_rid_hash_encrypt(uint32_t rid, const struct nt_secret *hash, uint8_t out[16])
{
    NT_SCOPED_SECRET key = { .len = 0 };

    rid_key(rid, &key);
    nt_samr_hash_encrypt(&key, hash, out);
}

void nt_samr_rid_hash_decrypt(uint32_t rid, const uint8_t in[16], struct nt_secret *hash)
{
    NT_SCOPED_SECRET key = { .len = 0 };

    rid_key(rid, &key);
    nt_samr_hash_decrypt(&key, in, hash);
}

enum nt_err nt_samr_change_decode(const struct nt_secret *old_hash,
                                  const uint8_t in[NT_SAMR_PASSWORD_LEN],
                                  const uint8_t verifier[16], struct nt_password *new_password,
                                  struct nt_secret *new_hash)
{
    uint8_t expected[16];

    nt_secret_wipe(new_hash);
    enum nt_err err = decode_rc4(old_hash->b, old_hash->len, in, new_password);
    if (err != NT_OK) /* a wrong old hash shows here already, most of the time */
        return NT_E_AUTH;
    nt_owf(new_password, new_hash);
    nt_samr_hash_encrypt(new_hash, old_hash, expected);
    if (!nt_ct_equal(expected, verifier, sizeof expected)) {
        nt_password_wipe(new_password);
        nt_secret_wipe(new_hash);
        return NT_E_AUTH;
    }
    return NT_OK;
}

void nt_samr_change_encode(const struct nt_secret *old_hash, const struct nt_env *env,
                           const struct nt_password *new_password,
                           uint8_t out[NT_SAMR_PASSWORD_LEN], uint8_t verifier[16])
{
    NT_SCOPED_SECRET new_hash = { .len = 0 };

    nt_samr_password_encode(old_hash, env, new_password, out);
    nt_owf(new_password, &new_hash);
    nt_samr_hash_encrypt(&new_hash, old_hash, verifier);
}

/* SAMPR_USER_PASSWORD_AES, [MS-SAMR] 2.2.6.33: the length first, the password behind it. */
enum nt_err nt_samr_aes_decode(const struct nt_secret *cek, const struct nt_samr_aes *in,
                               struct nt_password *out)
{
    uint8_t plain[NT_SAMR_AES_CIPHER_LEN];
    size_t plain_len;

    nt_password_wipe(out);
    if (in->cipher_len != sizeof plain)
        return NT_E_MALFORMED;
    memcpy(plain, in->cipher, sizeof plain);
    enum nt_err err =
        nt_aead_open(NT_AEAD_SAM, cek, in->salt, in->auth_data, plain, sizeof plain, &plain_len);
    if (err == NT_OK) {
        size_t len = nt_le16(plain);
        if (plain_len != AES_PLAIN_LEN || len > NT_PASSWORD_MAX || len % 2 != 0) {
            err = NT_E_MALFORMED;
        } else {
            memcpy(out->b, plain + 2, len);
            out->len = (uint16_t)len;
        }
    }
    nt_wipe(plain, sizeof plain);
    return err;
}

void nt_samr_aes_encode(const struct nt_secret *cek, const struct nt_env *env,
                        const struct nt_password *in, uint8_t cipher[NT_SAMR_AES_CIPHER_LEN],
                        struct nt_samr_aes *out)
{
    memset(out, 0, sizeof *out);
    nt_random(env, out->salt, sizeof out->salt);
    nt_put_le16(cipher, in->len);
    memcpy(cipher + 2, in->b, in->len);
    nt_random(env, cipher + 2 + in->len, NT_PASSWORD_MAX - in->len);
    nt_aead_seal(NT_AEAD_SAM, cek, out->salt, cipher, AES_PLAIN_LEN, out->auth_data);
    out->cipher = cipher;
    out->cipher_len = NT_SAMR_AES_CIPHER_LEN;
}

enum nt_err nt_samr_aes_cek(const struct nt_secret *old_hash, const uint8_t salt[16],
                            uint64_t iterations, struct nt_secret *cek)
{
    nt_secret_wipe(cek);
    if (iterations < NT_SAMR_AES_ITERATIONS_MIN || iterations > NT_SAMR_AES_ITERATIONS_MAX)
        return NT_E_INVALID;
    cek->len = 16;
    nt_pbkdf2_sha512(old_hash->b, old_hash->len, (uint32_t)iterations, salt, 16, cek->b, 16);
    return NT_OK;
}
