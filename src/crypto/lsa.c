#include "crypto/lsa.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

#define SECRET_HEAD    8u /* length and version before a secret's bytes */
#define SECRET_VERSION 1u
#define RANDOM_LEN     512u /* before the two halves of an auth blob */
#define SIZES_LEN      8u   /* behind them */
#define HALF_HEAD      12u  /* count and two offsets */
#define ENTRY_HEAD     16u  /* LastUpdateTime, AuthType, AuthInfoLength */

/* Seven bytes of the key for each block; where fewer are left, it starts again so many bytes in.
 * [MS-LSAD] 5.1.2 */
static void secret_crypt(const struct nt_secret *key, bool encrypt, uint8_t *data, size_t len)
{
    size_t k = 0;

    assert(key->len >= 14);
    for (size_t i = 0; i < len; i += 8) {
        if (encrypt)
            nt_des_block(key->b + k, data + i, data + i);
        else
            nt_des_unblock(key->b + k, data + i, data + i);
        k += 7;
        if (key->len - k < 7)
            k = key->len - k;
    }
}

enum nt_err nt_lsa_secret_decrypt(const struct nt_secret *key, const uint8_t *in, size_t len,
                                  uint8_t *out, size_t *out_len)
{
    *out_len = 0;
    if (len > NT_LSA_SECRET_MAX)
        return NT_E_LIMIT;
    if (len < SECRET_HEAD || len % 8 != 0)
        return NT_E_MALFORMED;
    memmove(out, in, len);
    secret_crypt(key, false, out, len);

    uint32_t n = nt_le32(out);
    if (nt_le32(out + 4) != SECRET_VERSION || n > len - SECRET_HEAD) {
        nt_wipe(out, len);
        return NT_E_MALFORMED;
    }
    memmove(out, out + SECRET_HEAD, n);
    nt_wipe(out + n, len - n);
    *out_len = n;
    return NT_OK;
}

size_t nt_lsa_secret_size(size_t len)
{
    return SECRET_HEAD + (len + 7) / 8 * 8;
}

void nt_lsa_secret_encrypt(const struct nt_secret *key, const uint8_t *in, size_t len, uint8_t *out)
{
    size_t total = nt_lsa_secret_size(len);

    memset(out, 0, total);
    nt_put_le32(out, (uint32_t)len);
    nt_put_le32(out + 4, SECRET_VERSION);
    if (len > 0)
        memcpy(out + SECRET_HEAD, in, len);
    secret_crypt(key, true, out, total);
}

/* LSAPR_AUTH_INFORMATION in self-relative form. An entry may end the data without its padding. */
static void list_read(struct nt_cursor *c, uint32_t count, struct nt_trust_auth_list *out)
{
    for (uint32_t i = 0; i < count && nt_cursor_left(c) > 0; i++) {
        struct nt_trust_auth_info *e = &out->info[i];
        e->last_update = nt_cursor_u64le(c);
        e->type = nt_cursor_u32le(c);
        e->len = nt_cursor_u32le(c);
        e->data = nt_cursor_take(c, e->len);
        nt_cursor_skip(c, nt_cursor_left(c) < 3 ? nt_cursor_left(c) : (4 - c->pos % 4) % 4);
        if (c->err == NT_OK)
            out->count = i + 1;
    }
}

enum nt_err nt_trust_auth_half_decode(const uint8_t *data, size_t len,
                                      struct nt_trust_auth_half *out)
{
    struct nt_cursor c;

    memset(out, 0, sizeof *out);
    if (len == 0)
        return NT_OK;
    nt_cursor_init(&c, data, len);
    uint32_t count = nt_cursor_u32le(&c);
    if (c.err != NT_OK || count == 0)
        return c.err;
    uint32_t current = nt_cursor_u32le(&c), previous = nt_cursor_u32le(&c);
    if (count > NT_TRUST_AUTH_MAX)
        return NT_E_LIMIT;
    if (c.err == NT_OK && (current < HALF_HEAD || (previous != 0 && previous < current)))
        return NT_E_MALFORMED;

    nt_cursor_seek(&c, current);
    list_read(&c, count, &out->current);
    if (c.err == NT_OK && out->current.count != count)
        nt_cursor_fail(&c, NT_E_TRUNCATED);
    if (previous != 0) { /* at the end of the data when there is none */
        nt_cursor_seek(&c, previous);
        list_read(&c, count, &out->previous);
    }
    if (c.err != NT_OK)
        memset(out, 0, sizeof *out);
    return c.err;
}

static void list_write(const struct nt_trust_auth_list *list, struct nt_buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct nt_trust_auth_info *e = &list->info[i];
        nt_buf_u64le(out, e->last_update);
        nt_buf_u32le(out, e->type);
        nt_buf_u32le(out, (uint32_t)e->len);
        nt_buf_put(out, e->data, e->len);
        nt_buf_zero(out, (4 - e->len % 4) % 4);
    }
}

static size_t list_size(const struct nt_trust_auth_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++)
        n += ENTRY_HEAD + (list->info[i].len + 3) / 4 * 4;
    return n;
}

static size_t half_size(const struct nt_trust_auth_half *half)
{
    return HALF_HEAD + list_size(&half->current) + list_size(&half->previous);
}

void nt_trust_auth_half_encode(const struct nt_trust_auth_half *in, struct nt_buf *out)
{
    nt_buf_u32le(out, (uint32_t)in->current.count);
    nt_buf_u32le(out, HALF_HEAD);
    nt_buf_u32le(out, (uint32_t)(HALF_HEAD + list_size(&in->current)));
    list_write(&in->current, out);
    list_write(&in->previous, out);
}

const struct nt_trust_auth_info *nt_trust_auth_find(const struct nt_trust_auth_list *list,
                                                    enum nt_trust_auth_type type)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->info[i].type == (uint32_t)type)
            return &list->info[i];
    }
    return NULL;
}

/* The layout that both ciphers carry; the sizes of the halves stand behind them. */
static enum nt_err auth_read(const uint8_t *plain, size_t len, struct nt_trust_auth *out)
{
    memset(out, 0, sizeof *out);
    if (len < RANDOM_LEN + SIZES_LEN)
        return NT_E_TRUNCATED;
    size_t room = len - RANDOM_LEN - SIZES_LEN;
    uint32_t outgoing = nt_le32(plain + len - 8), incoming = nt_le32(plain + len - 4);
    if (outgoing > room || incoming > room - outgoing)
        return NT_E_MALFORMED;

    enum nt_err err = nt_trust_auth_half_decode(plain + RANDOM_LEN, outgoing, &out->outgoing);
    if (err == NT_OK)
        err = nt_trust_auth_half_decode(plain + RANDOM_LEN + outgoing, incoming, &out->incoming);
    if (err != NT_OK)
        memset(out, 0, sizeof *out);
    return err;
}

static void auth_write(const struct nt_env *env, const struct nt_trust_auth *in, struct nt_buf *out)
{
    uint8_t *random = nt_buf_extend(out, RANDOM_LEN);

    if (random != NULL)
        nt_random(env, random, RANDOM_LEN);
    nt_trust_auth_half_encode(&in->outgoing, out);
    nt_trust_auth_half_encode(&in->incoming, out);
    nt_buf_u32le(out, (uint32_t)half_size(&in->outgoing));
    nt_buf_u32le(out, (uint32_t)half_size(&in->incoming));
}

enum nt_err nt_lsa_auth_blob_decode(const struct nt_secret *key, uint8_t *blob, size_t len,
                                    struct nt_trust_auth *out)
{
    memset(out, 0, sizeof *out);
    if (len > NT_TRUST_AUTH_BLOB_MAX)
        return NT_E_LIMIT;
    nt_rc4(key->b, key->len, 0, blob, len);
    return auth_read(blob, len, out);
}

enum nt_err nt_lsa_auth_blob_encode(const struct nt_secret *key, const struct nt_env *env,
                                    const struct nt_trust_auth *in, struct nt_buf *out)
{
    size_t start = out->len;

    auth_write(env, in, out);
    if (out->err == NT_OK)
        nt_rc4(key->b, key->len, 0, out->data + start, out->len - start);
    return out->err;
}

enum nt_err nt_lsa_auth_aes_decode(const struct nt_secret *key, const struct nt_lsa_auth_aes *in,
                                   struct nt_trust_auth *out)
{
    size_t plain_len;

    memset(out, 0, sizeof *out);
    if (in->cipher_len > NT_TRUST_AUTH_BLOB_MAX)
        return NT_E_LIMIT;
    enum nt_err err = nt_aead_open(NT_AEAD_LSAD, key, in->salt, in->auth_data, in->cipher,
                                   in->cipher_len, &plain_len);
    return err == NT_OK ? auth_read(in->cipher, plain_len, out) : err;
}

enum nt_err nt_lsa_auth_aes_encode(const struct nt_secret *key, const struct nt_env *env,
                                   const struct nt_trust_auth *in, struct nt_buf *cipher,
                                   struct nt_lsa_auth_aes *out)
{
    size_t start = cipher->len;

    memset(out, 0, sizeof *out);
    nt_random(env, out->salt, sizeof out->salt);
    auth_write(env, in, cipher);
    size_t len = cipher->len - start;
    nt_buf_zero(cipher, nt_aead_size(len) - len);
    if (cipher->err != NT_OK)
        return cipher->err;
    out->cipher = cipher->data + start;
    out->cipher_len = cipher->len - start;
    nt_aead_seal(NT_AEAD_LSAD, key, out->salt, out->cipher, len, out->auth_data);
    return NT_OK;
}
