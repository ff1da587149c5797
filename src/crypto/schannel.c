#include "crypto/schannel.h"

#include <assert.h>
#include <string.h>

#include <nettle/cfb.h>

#include "base/bytes.h"
#include "crypto/hash.h"

/* Where things stand in either token. */
enum { ALGORITHMS = 0, SEQUENCE = 8, CHECKSUM = 16, CONFOUNDER = 24 };

static const uint8_t aes_seal[8] = { 0x13, 0x00, 0x1a, 0x00, 0xff, 0xff, 0x00, 0x00 };
static const uint8_t aes_sign[8] = { 0x13, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00 };
static const uint8_t rc4_seal[8] = { 0x77, 0x00, 0x7a, 0x00, 0xff, 0xff, 0x00, 0x00 };
static const uint8_t rc4_sign[8] = { 0x77, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00 };

static void xor_f0(const struct nt_secret *key, uint8_t out[16])
{
    for (size_t i = 0; i < 16; i++)
        out[i] = key->b[i] ^ 0xf0;
}

void nt_schannel_init(struct nt_schannel *s, enum nt_nl_crypto crypto, const struct nt_secret *key,
                      bool initiator)
{
    assert(key->len == 16);
    memset(s, 0, sizeof *s);
    s->key = *key;
    s->crypto = crypto;
    s->initiator = initiator;
    if (crypto == NT_NL_AES) {
        uint8_t seal_key[16];
        xor_f0(key, seal_key);
        aes128_set_encrypt_key(&s->seal_sched, seal_key);
        aes128_set_encrypt_key(&s->plain_sched, key->b);
        nt_wipe(seal_key, sizeof seal_key);
    }
}

void nt_schannel_wipe(struct nt_schannel *s)
{
    nt_wipe(s, sizeof *s);
}

size_t nt_schannel_token_size(enum nt_nl_crypto crypto)
{
    return crypto == NT_NL_AES ? NT_SCHANNEL_TOKEN_AES : NT_SCHANNEL_TOKEN_RC4;
}

/* CopySeqNumber of [MS-NRPC] 3.3.4.2.1 step 5; the top bit tells the initiator's messages. */
static void sequence_block(uint64_t sequence, bool from_initiator, uint8_t out[8])
{
    nt_put_be32(out, (uint32_t)sequence);
    nt_put_be32(out + 4, (uint32_t)(sequence >> 32) | (from_initiator ? 0x80000000u : 0));
}

static void checksum(const struct nt_schannel *s, const struct nt_schannel_msg *m,
                     const uint8_t algorithms[8], const uint8_t confounder[8], bool seal,
                     uint8_t out[8])
{
    static const uint8_t zero[4];
    const struct nt_part parts[] = {
        { zero, sizeof zero },    { algorithms, 8 },        { confounder, seal ? 8 : 0 },
        { m->head, m->head_len }, { m->stub, m->stub_len }, { m->trailer, m->trailer_len },
    };
    uint8_t mac[32];

    if (s->crypto == NT_NL_AES) {
        nt_hmac_sha256(s->key.b, s->key.len, parts + 1, NT_COUNT(parts) - 1, mac);
    } else {
        uint8_t digest[16];
        nt_md5(parts, NT_COUNT(parts), digest);
        nt_hmac_md5(s->key.b, s->key.len, NT_PARTS({ digest, sizeof digest }), mac);
    }
    memcpy(out, mac, 8);
}

static void cipher(const void *ctx, size_t len, uint8_t *dst, const uint8_t *src)
{
    aes128_encrypt(ctx, len, dst, src);
}

/* The IV of both AES steps: eight bytes twice. */
static void double_iv(const uint8_t half[8], uint8_t iv[16])
{
    memcpy(iv, half, 8);
    memcpy(iv + 8, half, 8);
}

/* HMAC-MD5 of four zero bytes, and that as the key over `salt`. [MS-NRPC] 3.3.4.2.1 */
static void rc4_key(const uint8_t key[16], const uint8_t salt[8], uint8_t out[16])
{
    static const uint8_t zero[4];
    uint8_t middle[16];

    nt_hmac_md5(key, 16, NT_PARTS({ zero, sizeof zero }), middle);
    nt_hmac_md5(middle, 16, NT_PARTS({ salt, 8 }), out);
    nt_wipe(middle, sizeof middle);
}

/* Confounder and stub: with AES one stream, with RC4 the same stream for each. */
static void crypt_body(const struct nt_schannel *s, bool encrypt, const uint8_t sequence[8],
                       uint8_t confounder[8], uint8_t *stub, size_t stub_len)
{
    uint8_t key[16], iv[16];

    if (s->crypto == NT_NL_AES) {
        void (*crypt)(const void *, nettle_cipher_func *, size_t, uint8_t *, size_t, uint8_t *,
                      const uint8_t *) = encrypt ? cfb8_encrypt : cfb8_decrypt;
        double_iv(sequence, iv);
        crypt(&s->seal_sched, cipher, AES_BLOCK_SIZE, iv, 8, confounder, confounder);
        crypt(&s->seal_sched, cipher, AES_BLOCK_SIZE, iv, stub_len, stub, stub);
    } else {
        xor_f0(&s->key, key);
        rc4_key(key, sequence, key);
        nt_rc4(key, sizeof key, 0, confounder, 8);
        nt_rc4(key, sizeof key, 0, stub, stub_len);
        nt_wipe(key, sizeof key);
    }
}

static void crypt_sequence(const struct nt_schannel *s, bool encrypt, const uint8_t sum[8],
                           uint8_t sequence[8])
{
    uint8_t key[16], iv[16];

    if (s->crypto == NT_NL_AES) {
        double_iv(sum, iv);
        if (encrypt)
            cfb8_encrypt(&s->plain_sched, cipher, AES_BLOCK_SIZE, iv, 8, sequence, sequence);
        else
            cfb8_decrypt(&s->plain_sched, cipher, AES_BLOCK_SIZE, iv, 8, sequence, sequence);
    } else {
        rc4_key(s->key.b, sum, key);
        nt_rc4(key, sizeof key, 0, sequence, 8);
        nt_wipe(key, sizeof key);
    }
}

static const uint8_t *algorithms_of(const struct nt_schannel *s, bool seal)
{
    if (s->crypto == NT_NL_AES)
        return seal ? aes_seal : aes_sign;
    return seal ? rc4_seal : rc4_sign;
}

void nt_schannel_protect(struct nt_schannel *s, bool seal, const struct nt_schannel_msg *msg,
                         const uint8_t confounder[8], uint8_t *token)
{
    uint8_t sequence[8];

    memset(token, 0, nt_schannel_token_size(s->crypto));
    memcpy(token + ALGORITHMS, algorithms_of(s, seal), 8);
    sequence_block(s->sequence, s->initiator, sequence);
    checksum(s, msg, token + ALGORITHMS, confounder, seal, token + CHECKSUM);
    if (seal) {
        memcpy(token + CONFOUNDER, confounder, 8);
        crypt_body(s, true, sequence, token + CONFOUNDER, msg->stub, msg->stub_len);
    }
    memcpy(token + SEQUENCE, sequence, 8);
    crypt_sequence(s, true, token + CHECKSUM, token + SEQUENCE);
    s->sequence++;
}

enum nt_err nt_schannel_unprotect(struct nt_schannel *s, bool seal,
                                  const struct nt_schannel_msg *msg, const uint8_t *token,
                                  size_t token_len)
{
    uint8_t sequence[8], expected[8], confounder[8], sum[8];

    /* A signature of the peer's own making may leave out the confounder's room when it only
     * signs: 24 bytes are all that is used then, [MS-NRPC] 2.2.1.3.3. */
    size_t need = seal ? CONFOUNDER + 8 : CONFOUNDER;
    if (token_len < need || memcmp(token, algorithms_of(s, seal), 8) != 0)
        return NT_E_AUTH;

    memcpy(sequence, token + SEQUENCE, 8);
    crypt_sequence(s, false, token + CHECKSUM, sequence);
    sequence_block(s->sequence, !s->initiator, expected);
    if (!nt_ct_equal(sequence, expected, 8))
        return NT_E_AUTH;

    if (seal) {
        memcpy(confounder, token + CONFOUNDER, 8);
        crypt_body(s, false, sequence, confounder, msg->stub, msg->stub_len);
    }
    checksum(s, msg, token + ALGORITHMS, confounder, seal, sum);
    if (!nt_ct_equal(sum, token + CHECKSUM, 8))
        return NT_E_AUTH;
    s->sequence++;
    return NT_OK;
}
