#include "crypto/ntlmv2.h"

#include <string.h>

#include <nettle/hmac.h>
#include <unistr.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/utf16.h"
#include "crypto/hash.h"
#include "crypto/owf.h"

#define PROOF_LEN 16
#define BLOB_HEAD 28 /* of NTLMv2_CLIENT_CHALLENGE, up to its AV pairs */

/* Feeds a text as UTF-16LE without building it anywhere. False: not UTF-8. */
static bool feed_text(struct hmac_md5_ctx *ctx, const char *text, bool upper)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t left = strlen(text);

    while (left > 0) {
        ucs4_t c;
        uint8_t units[4];
        int n = u8_mbtoucr(&c, p, left);
        if (n <= 0)
            return false;
        p += n;
        left -= (size_t)n;
        if (upper)
            c = nt_upcase(c);
        if (c < 0x10000) {
            nt_put_le16(units, (uint16_t)c);
            hmac_md5_update(ctx, 2, units);
        } else {
            nt_put_le16(units, (uint16_t)(0xD800 + ((c - 0x10000) >> 10)));
            nt_put_le16(units + 2, (uint16_t)(0xDC00 + ((c - 0x10000) & 0x3FF)));
            hmac_md5_update(ctx, 4, units);
        }
    }
    return true;
}

enum nt_err nt_ntowfv2(const struct nt_secret *nt_hash, const char *user, const char *domain,
                       struct nt_secret *key)
{
    struct hmac_md5_ctx ctx;
    enum nt_err err = NT_E_MALFORMED;

    *key = (struct nt_secret){ .len = 0 };
    if (nt_hash->len != NT_HASH_LEN)
        return NT_E_INVALID;
    hmac_md5_set_key(&ctx, NT_HASH_LEN, nt_hash->b);
    if (feed_text(&ctx, user, true) && feed_text(&ctx, domain, false)) {
        key->len = 16;
        hmac_md5_digest(&ctx, 16, key->b);
        err = NT_OK;
    }
    nt_wipe(&ctx, sizeof ctx);
    return err;
}

/* NTProofStr over challenge and blob, and the session base key over the proof. [MS-NLMP] 3.3.2 */
static void prove(const struct nt_secret *key, const uint8_t challenge[8], const uint8_t *blob,
                  size_t blob_len, uint8_t proof[PROOF_LEN], struct nt_secret *base_key)
{
    nt_hmac_md5(key->b, key->len, NT_PARTS({ challenge, 8 }, { blob, blob_len }), proof);
    base_key->len = 16;
    nt_hmac_md5(key->b, key->len, NT_PARTS({ proof, PROOF_LEN }), base_key->b);
}

static enum nt_err verify(const struct nt_secret *nt_hash, const char *user, const char *domain,
                          const uint8_t challenge[8], const uint8_t *response, size_t len,
                          struct nt_secret *base_key)
{
    NT_SCOPED_SECRET key = { .len = 0 };
    NT_SCOPED_SECRET base = { .len = 0 };
    uint8_t proof[PROOF_LEN];

    enum nt_err err = nt_ntowfv2(nt_hash, user, domain, &key);
    if (err != NT_OK)
        return err == NT_E_MALFORMED ? NT_E_AUTH : err;
    prove(&key, challenge, response + PROOF_LEN, len - PROOF_LEN, proof, &base);
    bool same = nt_ct_equal(proof, response, PROOF_LEN);
    nt_wipe(proof, sizeof proof);
    if (!same)
        return NT_E_AUTH;
    *base_key = base;
    return NT_OK;
}

enum nt_err nt_ntlmv2_verify(const struct nt_secret *nt_hash, const char *user, const char *domain,
                             const uint8_t challenge[8], const uint8_t *response, size_t len,
                             struct nt_secret *base_key)
{
    if (len < NT_NTLMV2_MIN || len > NT_NTLMV2_MAX)
        return NT_E_AUTH;
    return verify(nt_hash, user, domain, challenge, response, len, base_key);
}

enum nt_err nt_lmv2_verify(const struct nt_secret *nt_hash, const char *user, const char *domain,
                           const uint8_t challenge[8], const uint8_t *response, size_t len,
                           struct nt_secret *base_key)
{
    static const uint8_t none[NT_NTLMV2_LM_LEN];

    if (len != NT_NTLMV2_LM_LEN || memcmp(response, none, sizeof none) == 0)
        return NT_E_AUTH;
    return verify(nt_hash, user, domain, challenge, response, len, base_key);
}

enum nt_err nt_ntlmv2_respond(const struct nt_secret *nt_hash, const char *user, const char *domain,
                              const uint8_t challenge[8], const uint8_t client_challenge[8],
                              nt_time when, const uint8_t *target_info, size_t target_len,
                              struct nt_buf *out, struct nt_secret *base_key)
{
    NT_SCOPED_SECRET key = { .len = 0 };

    base_key->len = 0;
    enum nt_err err = nt_ntowfv2(nt_hash, user, domain, &key);
    if (err != NT_OK)
        return err;
    if (target_len > NT_NTLMV2_MAX - NT_NTLMV2_MIN - 4)
        return NT_E_LIMIT;

    size_t len = NT_NTLMV2_MIN + target_len + 4;
    uint8_t *p = nt_buf_extend(out, len);
    if (p == NULL)
        return out->err;
    uint8_t *blob = p + PROOF_LEN;
    blob[0] = 1; /* RespType */
    blob[1] = 1; /* HiRespType */
    nt_put_le64(blob + 8, when);
    memcpy(blob + 16, client_challenge, 8);
    if (target_len > 0)
        memcpy(blob + BLOB_HEAD, target_info, target_len);
    prove(&key, challenge, blob, len - PROOF_LEN, p, base_key);
    return NT_OK;
}

enum nt_err nt_lmv2_respond(const struct nt_secret *nt_hash, const char *user, const char *domain,
                            const uint8_t challenge[8], const uint8_t client_challenge[8],
                            uint8_t out[NT_NTLMV2_LM_LEN])
{
    NT_SCOPED_SECRET key = { .len = 0 };
    NT_SCOPED_SECRET base = { .len = 0 };

    enum nt_err err = nt_ntowfv2(nt_hash, user, domain, &key);
    if (err != NT_OK)
        return err;
    prove(&key, challenge, client_challenge, 8, out, &base);
    memcpy(out + PROOF_LEN, client_challenge, 8);
    return NT_OK;
}

/* Moves over one AV pair. False at the end mark, or with c->err set where the list breaks off. */
static bool av_next(struct nt_cursor *c, uint16_t *id, const uint8_t **value, size_t *len)
{
    *id = nt_cursor_u16le(c);
    *len = nt_cursor_u16le(c);
    *value = nt_cursor_take(c, *len);
    return c->err == NT_OK && *id != NT_AV_EOL;
}

const uint8_t *nt_av_find(const uint8_t *pairs, size_t len, enum nt_av_id id, size_t *value_len)
{
    struct nt_cursor c;
    const uint8_t *value;
    uint16_t have;
    size_t n;

    *value_len = 0;
    nt_cursor_init(&c, pairs, len);
    while (av_next(&c, &have, &value, &n)) {
        if (have == id) {
            *value_len = n;
            return value;
        }
    }
    return NULL;
}

bool nt_av_list_ok(const uint8_t *pairs, size_t len)
{
    struct nt_cursor c;
    const uint8_t *value;
    uint16_t id;
    size_t n;

    nt_cursor_init(&c, pairs, len);
    while (av_next(&c, &id, &value, &n))
        ;
    return c.err == NT_OK;
}

const uint8_t *nt_ntlmv2_av_find(const uint8_t *response, size_t len, enum nt_av_id id,
                                 size_t *value_len)
{
    *value_len = 0;
    if (len < NT_NTLMV2_MIN || len > NT_NTLMV2_MAX)
        return NULL;
    return nt_av_find(response + NT_NTLMV2_MIN, len - NT_NTLMV2_MIN, id, value_len);
}

uint32_t nt_ntlmv2_flags(const uint8_t *response, size_t len)
{
    size_t n;
    const uint8_t *value = nt_ntlmv2_av_find(response, len, NT_AV_FLAGS, &n);

    return value != NULL && n == 4 ? nt_le32(value) : 0;
}

void nt_av_put(struct nt_buf *b, enum nt_av_id id, const void *value, uint16_t len)
{
    nt_buf_u16le(b, (uint16_t)id);
    nt_buf_u16le(b, len);
    nt_buf_put(b, value, len);
}

void nt_ntlm_key_exchange(const struct nt_secret *base_key, const uint8_t in[16], uint8_t out[16])
{
    memmove(out, in, 16);
    nt_rc4(base_key->b, base_key->len, 0, out, 16);
}
