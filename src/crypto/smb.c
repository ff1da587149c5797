#include "crypto/smb.h"

#include <assert.h>
#include <string.h>

#include <nettle/ccm.h>
#include <nettle/cmac.h>
#include <nettle/gcm.h>

#include "base/bytes.h"
#include "crypto/hash.h"

/* Offsets in the SMB2 header, [MS-SMB2] 2.2.1.2 */
#define HEADER_LEN    64
#define AT_COMMAND    12
#define AT_MESSAGE_ID 24
#define AT_SIGNATURE  48
#define CANCEL        12

/* Offsets in the transform header, 2.2.41; from the nonce on it is covered by the signature. */
#define AT_TAG   4
#define AT_NONCE 20
#define AAD_LEN  (NT_SMB_TRANSFORM_LEN - AT_NONCE)

#define CCM_NONCE 11
#define GCM_NONCE 12

void nt_smb_preauth_update(uint8_t hash[NT_SMB_PREAUTH_LEN], const void *msg, size_t len)
{
    nt_sha512(NT_PARTS({ hash, NT_SMB_PREAUTH_LEN }, { msg, len }), hash);
}

void nt_smb_kdf(const void *key, size_t key_len, const void *label, size_t label_len,
                const void *context, size_t context_len, uint8_t *out, size_t out_len)
{
    static const uint8_t zero = 0;
    uint8_t first[4], bits[4], block[32];

    assert(out_len <= sizeof block); /* so that one round gives all */
    nt_put_be32(first, 1);
    nt_put_be32(bits, (uint32_t)out_len * 8);
    nt_hmac_sha256(key, key_len,
                   NT_PARTS({ first, 4 }, { label, label_len }, { &zero, 1 },
                            { context, context_len }, { bits, 4 }),
                   block);
    memcpy(out, block, out_len);
    nt_wipe(block, sizeof block);
}

/* A label and, for 3.0 and 3.0.2, its context: texts with their NUL. */
struct purpose {
    const char *label;
    size_t label_len;
    const char *context;
    size_t context_len;
};

/* clang-format off: a table, [MS-SMB2] 3.1.4.2 and 3.2.5.3.1 */
enum { SIGN, TO_SERVER, TO_CLIENT, APPLICATION };
#define TEXT(s) s, sizeof s
static const struct purpose smb30[] = {
    [SIGN] = { TEXT("SMB2AESCMAC"), TEXT("SmbSign") },
    [TO_SERVER] = { TEXT("SMB2AESCCM"), TEXT("ServerIn ") },
    [TO_CLIENT] = { TEXT("SMB2AESCCM"), TEXT("ServerOut") },
    [APPLICATION] = { TEXT("SMB2APP"), TEXT("SmbRpc") },
};
static const struct purpose smb311[] = {
    [SIGN] = { TEXT("SMBSigningKey"), NULL, 0 },
    [TO_SERVER] = { TEXT("SMBC2SCipherKey"), NULL, 0 },
    [TO_CLIENT] = { TEXT("SMBS2CCipherKey"), NULL, 0 },
    [APPLICATION] = { TEXT("SMBAppKey"), NULL, 0 },
};
/* clang-format on */

static void derive(const struct nt_secret *key, const struct purpose *p, const uint8_t *preauth,
                   struct nt_secret *out, size_t out_len)
{
    const void *context = p->context != NULL ? (const void *)p->context : preauth;
    size_t context_len = p->context != NULL ? p->context_len : NT_SMB_PREAUTH_LEN;
    nt_smb_kdf(key->b, key->len, p->label, p->label_len, context, context_len, out->b, out_len);
    out->len = out_len;
}

void nt_smb_keys_derive(struct nt_smb_keys *keys, const struct nt_secret *session_key,
                        uint16_t dialect, enum nt_smb_signing signing, enum nt_smb_cipher cipher,
                        const uint8_t preauth[NT_SMB_PREAUTH_LEN], bool server)
{
    const struct purpose *p = dialect == 0x0311 ? smb311 : smb30;
    NT_SCOPED_SECRET key = { .len = 16 };

    memcpy(key.b, session_key->b, session_key->len < 16 ? session_key->len : 16);
    *keys = (struct nt_smb_keys){ .signing = signing, .cipher = cipher };
    if (dialect < 0x0300) {
        keys->sign = key;
        keys->application = key;
        return;
    }
    derive(&key, &p[SIGN], preauth, &keys->sign, 16);
    derive(&key, &p[APPLICATION], preauth, &keys->application, 16);
    if (cipher == NT_SMB_NO_CIPHER)
        return;
    bool wide = cipher == NT_SMB_AES256_CCM || cipher == NT_SMB_AES256_GCM;
    const struct nt_secret *from = wide && session_key->len > 16 ? session_key : &key;
    size_t len = wide ? 32 : 16;
    derive(from, &p[server ? TO_CLIENT : TO_SERVER], preauth, &keys->encrypt, len);
    derive(from, &p[server ? TO_SERVER : TO_CLIENT], preauth, &keys->decrypt, len);
}

void nt_smb_keys_wipe(struct nt_smb_keys *keys)
{
    nt_wipe(keys, sizeof *keys);
}

/* --- signing ------------------------------------------------------------------------------ */

static const uint8_t no_signature[NT_SMB_SIGNATURE_LEN];

static void sign_hmac(const struct nt_secret *key, const uint8_t *msg, size_t len, uint8_t out[16])
{
    uint8_t mac[32];
    nt_hmac_sha256(key->b, key->len,
                   NT_PARTS({ msg, AT_SIGNATURE }, { no_signature, NT_SMB_SIGNATURE_LEN },
                            { msg + HEADER_LEN, len - HEADER_LEN }),
                   mac);
    memcpy(out, mac, 16);
}

static void sign_cmac(const struct nt_secret *key, const uint8_t *msg, size_t len, uint8_t out[16])
{
    struct cmac_aes128_ctx ctx;
    cmac_aes128_set_key(&ctx, key->b);
    cmac_aes128_update(&ctx, AT_SIGNATURE, msg);
    cmac_aes128_update(&ctx, NT_SMB_SIGNATURE_LEN, no_signature);
    cmac_aes128_update(&ctx, len - HEADER_LEN, msg + HEADER_LEN);
    cmac_aes128_digest(&ctx, 16, out);
    nt_wipe(&ctx, sizeof ctx);
}

/* GCM of nothing, with the message as associated data. The three parts of it are multiples of the
 * block but for the last, as nettle wants. The nonce: [MS-SMB2] 3.1.4.1. */
static void sign_gmac(const struct nt_secret *key, const uint8_t *msg, size_t len, bool from_server,
                      uint8_t out[16])
{
    struct gcm_aes128_ctx ctx;
    uint8_t nonce[GCM_NONCE] = { 0 };
    memcpy(nonce, msg + AT_MESSAGE_ID, 8);
    nonce[8] = (uint8_t)((from_server ? 1 : 0) | (nt_le16(msg + AT_COMMAND) == CANCEL ? 2 : 0));
    gcm_aes128_set_key(&ctx, key->b);
    gcm_aes128_set_iv(&ctx, sizeof nonce, nonce);
    gcm_aes128_update(&ctx, AT_SIGNATURE, msg);
    gcm_aes128_update(&ctx, NT_SMB_SIGNATURE_LEN, no_signature);
    gcm_aes128_update(&ctx, len - HEADER_LEN, msg + HEADER_LEN);
    gcm_aes128_digest(&ctx, 16, out);
    nt_wipe(&ctx, sizeof ctx);
}

static void signature(const struct nt_smb_keys *keys, const uint8_t *msg, size_t len,
                      bool from_server, uint8_t out[16])
{
    assert(len >= HEADER_LEN && keys->sign.len == 16);
    switch (keys->signing) {
    case NT_SMB_HMAC_SHA256:
        sign_hmac(&keys->sign, msg, len, out);
        break;
    case NT_SMB_AES_CMAC:
        sign_cmac(&keys->sign, msg, len, out);
        break;
    case NT_SMB_AES_GMAC:
        sign_gmac(&keys->sign, msg, len, from_server, out);
        break;
    }
}

void nt_smb_sign(const struct nt_smb_keys *keys, uint8_t *msg, size_t len, bool from_server)
{
    signature(keys, msg, len, from_server, msg + AT_SIGNATURE);
}

enum nt_err nt_smb_sign_check(const struct nt_smb_keys *keys, const uint8_t *msg, size_t len,
                              bool from_server)
{
    uint8_t right[NT_SMB_SIGNATURE_LEN];
    signature(keys, msg, len, from_server, right);
    bool same = nt_ct_equal(right, msg + AT_SIGNATURE, sizeof right);
    nt_wipe(right, sizeof right);
    return same ? NT_OK : NT_E_AUTH;
}

/* --- encryption --------------------------------------------------------------------------- */

size_t nt_smb_nonce_len(enum nt_smb_cipher cipher)
{
    return cipher == NT_SMB_AES128_CCM || cipher == NT_SMB_AES256_CCM ? CCM_NONCE : GCM_NONCE;
}

/* One message: its parts in place, and the tag that is right for it. */
struct sealing {
    const uint8_t *key, *nonce, *aad;
    uint8_t *data;
    size_t len;
    uint8_t *tag;
};

/* clang-format off: four ciphers that differ in names only */
#define CCM(bits)                                                                                  \
    static void ccm##bits(const struct sealing *s, bool encrypt)                                   \
    {                                                                                              \
        struct ccm_aes##bits##_ctx ctx;                                                            \
        ccm_aes##bits##_set_key(&ctx, s->key);                                                     \
        ccm_aes##bits##_set_nonce(&ctx, CCM_NONCE, s->nonce, AAD_LEN, s->len, 16);                 \
        ccm_aes##bits##_update(&ctx, AAD_LEN, s->aad);                                             \
        if (encrypt)                                                                               \
            ccm_aes##bits##_encrypt(&ctx, s->len, s->data, s->data);                               \
        else                                                                                       \
            ccm_aes##bits##_decrypt(&ctx, s->len, s->data, s->data);                               \
        ccm_aes##bits##_digest(&ctx, 16, s->tag);                                                  \
        nt_wipe(&ctx, sizeof ctx);                                                                 \
    }
#define GCM(bits)                                                                                  \
    static void gcm##bits(const struct sealing *s, bool encrypt)                                   \
    {                                                                                              \
        struct gcm_aes##bits##_ctx ctx;                                                            \
        gcm_aes##bits##_set_key(&ctx, s->key);                                                     \
        gcm_aes##bits##_set_iv(&ctx, GCM_NONCE, s->nonce);                                         \
        gcm_aes##bits##_update(&ctx, AAD_LEN, s->aad);                                             \
        if (encrypt)                                                                               \
            gcm_aes##bits##_encrypt(&ctx, s->len, s->data, s->data);                               \
        else                                                                                       \
            gcm_aes##bits##_decrypt(&ctx, s->len, s->data, s->data);                               \
        gcm_aes##bits##_digest(&ctx, 16, s->tag);                                                  \
        nt_wipe(&ctx, sizeof ctx);                                                                 \
    }
/* clang-format on */
CCM(128)
CCM(256)
GCM(128)
GCM(256)

/* tag: written, what is right for the message under that key. */
static void crypt(enum nt_smb_cipher cipher, const struct nt_secret *key, uint8_t *msg, size_t len,
                  bool encrypt, uint8_t tag[16])
{
    static void (*const ciphers[])(const struct sealing *s, bool encrypt) = {
        [NT_SMB_AES128_CCM] = ccm128,
        [NT_SMB_AES128_GCM] = gcm128,
        [NT_SMB_AES256_CCM] = ccm256,
        [NT_SMB_AES256_GCM] = gcm256,
    };
    const struct sealing s = { .key = key->b,
                               .nonce = msg + AT_NONCE,
                               .aad = msg + AT_NONCE,
                               .data = msg + NT_SMB_TRANSFORM_LEN,
                               .len = len - NT_SMB_TRANSFORM_LEN,
                               .tag = tag };
    assert(cipher != NT_SMB_NO_CIPHER && key->len >= 16);
    ciphers[cipher](&s, encrypt);
}

void nt_smb_encrypt(const struct nt_smb_keys *keys, uint8_t *msg, size_t len)
{
    assert(len >= NT_SMB_TRANSFORM_LEN);
    crypt(keys->cipher, &keys->encrypt, msg, len, true, msg + AT_TAG);
}

enum nt_err nt_smb_decrypt(const struct nt_smb_keys *keys, uint8_t *msg, size_t len)
{
    uint8_t tag[NT_SMB_SIGNATURE_LEN];

    if (len < NT_SMB_TRANSFORM_LEN)
        return NT_E_TRUNCATED;
    crypt(keys->cipher, &keys->decrypt, msg, len, false, tag);
    bool same = nt_ct_equal(tag, msg + AT_TAG, sizeof tag);
    if (!same)
        nt_wipe(msg + NT_SMB_TRANSFORM_LEN, len - NT_SMB_TRANSFORM_LEN);
    return same ? NT_OK : NT_E_AUTH;
}
