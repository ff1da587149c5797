/*
 * test_smb.c - keys, signatures and encryption of SMB. What real peers sent is in tests/traces
 * (test_trace_smb.c): 1804 signatures of all three algorithms and 243 encrypted messages.
 */
#include "../test.h"

#include <string.h>

#include "base/bytes.h"
#include "crypto/smb.h"

static void assert_hex(const uint8_t *got, size_t len, const char *want)
{
    char text[130];
    assert_true(len <= 64);
    nt_hex(got, len, text);
    assert_string_equal(text, want);
}

static void unhex(const char *text, uint8_t *out, size_t len)
{
    assert_true(nt_unhex(text, out, len));
}

/* From Microsoft's "SMB 3.1.1 Pre-authentication integrity in Windows 10". */
static const char session_key_text[] = "270e1ba896585eeb7af3472d3b4c75a7";
static const char preauth_text[] =
    "0dd13628cc3ed218ef9df9772d436d0887ab9814bfae63a80aa845f36909db79"
    "28622dddad522d9751640a459762c5a9d6bb084cbb3ce6bdadef5d5bce3c6c01";

static void the_published_signing_key_comes_out(void **state)
{
    struct nt_secret key = { .len = 16 };
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
    struct nt_smb_keys keys;
    (void)state;
    unhex(session_key_text, key.b, 16);
    unhex(preauth_text, preauth, sizeof preauth);
    nt_smb_keys_derive(&keys, &key, 0x0311, NT_SMB_AES_CMAC, NT_SMB_AES128_GCM, preauth, false);
    assert_hex(keys.sign.b, keys.sign.len, "73fe7a9a77bef0bde49c650d8ccb5f76");
}

/* One end encrypts with what the other decrypts with, and what is for both is the same. */
static void the_ends_of_a_session_fit(void **state)
{
    static const struct {
        uint16_t dialect;
        enum nt_smb_cipher cipher;
        size_t key_len, cipher_key;
    } rows[] = {
        { 0x0300, NT_SMB_AES128_CCM, 16, 16 }, { 0x0302, NT_SMB_AES128_CCM, 16, 16 },
        { 0x0311, NT_SMB_AES128_GCM, 16, 16 }, { 0x0311, NT_SMB_AES256_GCM, 32, 32 },
        { 0x0311, NT_SMB_AES256_CCM, 16, 32 },
    };
    uint8_t preauth[NT_SMB_PREAUTH_LEN] = { 1, 2, 3 };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(rows); i++) {
        struct nt_secret key = { .len = rows[i].key_len };
        struct nt_smb_keys client, server;
        memset(key.b, 0x42, key.len);
        nt_smb_keys_derive(&client, &key, rows[i].dialect, NT_SMB_AES_CMAC, rows[i].cipher, preauth,
                           false);
        nt_smb_keys_derive(&server, &key, rows[i].dialect, NT_SMB_AES_CMAC, rows[i].cipher, preauth,
                           true);
        assert_true(nt_secret_equal(&client.sign, &server.sign));
        assert_true(nt_secret_equal(&client.application, &server.application));
        assert_true(nt_secret_equal(&client.encrypt, &server.decrypt));
        assert_true(nt_secret_equal(&client.decrypt, &server.encrypt));
        assert_false(nt_secret_equal(&client.encrypt, &client.decrypt));
        assert_int_equal(client.encrypt.len, rows[i].cipher_key);
    }
}

/* [MS-SMB2] 3.2.1.3: the first 16 bytes, and zeros where there are fewer. */
static void keys_of_other_lengths_are_cut_and_filled(void **state)
{
    struct nt_secret long_key = { .len = 32 }, short_key = { .b = { 1, 2, 3 }, .len = 8 };
    struct nt_smb_keys keys;
    (void)state;
    memset(long_key.b, 7, 32);
    nt_smb_keys_derive(&keys, &long_key, 0x0202, NT_SMB_HMAC_SHA256, NT_SMB_NO_CIPHER, NULL, false);
    assert_hex(keys.sign.b, keys.sign.len, "07070707070707070707070707070707");
    assert_hex(keys.application.b, keys.application.len, "07070707070707070707070707070707");
    nt_smb_keys_derive(&keys, &short_key, 0x0210, NT_SMB_HMAC_SHA256, NT_SMB_NO_CIPHER, NULL,
                       false);
    assert_hex(keys.sign.b, keys.sign.len, "01020300000000000000000000000000");
    assert_int_equal(keys.encrypt.len, 0);
}

/* Every bit of a signed message counts, and so does who sends it where the nonce says so. */
static void any_change_breaks_a_signature(void **state)
{
    (void)state;
    for (int signing = NT_SMB_HMAC_SHA256; signing <= NT_SMB_AES_GMAC; signing++) {
        struct nt_smb_keys keys = { .signing = (enum nt_smb_signing)signing,
                                    .sign = { .b = { 9 }, .len = 16 } };
        uint8_t msg[77] = { 0xFE, 'S', 'M', 'B' };
        msg[24] = 5; /* message id */
        nt_smb_sign(&keys, msg, sizeof msg, false);
        assert_int_equal(nt_smb_sign_check(&keys, msg, sizeof msg, false), NT_OK);
        for (size_t bit = 0; bit < 8 * sizeof msg; bit++) {
            msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(nt_smb_sign_check(&keys, msg, sizeof msg, false), NT_E_AUTH);
            msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(nt_smb_sign_check(&keys, msg, sizeof msg - 1, false), NT_E_AUTH);
        assert_int_equal(nt_smb_sign_check(&keys, msg, sizeof msg, true),
                         signing == NT_SMB_AES_GMAC ? NT_E_AUTH : NT_OK);
    }
}

static void any_change_breaks_an_encryption(void **state)
{
    static const enum nt_smb_cipher ciphers[] = { NT_SMB_AES128_CCM, NT_SMB_AES128_GCM,
                                                  NT_SMB_AES256_CCM, NT_SMB_AES256_GCM };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(ciphers); i++) {
        struct nt_secret key = { .len = 32 };
        uint8_t preauth[NT_SMB_PREAUTH_LEN] = { 0 };
        struct nt_smb_keys client, server;
        uint8_t plain[NT_SMB_TRANSFORM_LEN + 70], sealed[sizeof plain], work[sizeof plain];
        nt_smb_keys_derive(&client, &key, 0x0311, NT_SMB_AES_CMAC, ciphers[i], preauth, false);
        nt_smb_keys_derive(&server, &key, 0x0311, NT_SMB_AES_CMAC, ciphers[i], preauth, true);
        for (size_t k = 0; k < sizeof plain; k++)
            plain[k] = (uint8_t)k;
        memcpy(sealed, plain, sizeof plain);
        nt_smb_encrypt(&client, sealed, sizeof sealed);
        for (size_t bit = 8 * 4; bit < 8 * sizeof sealed; bit++) {
            /* CCM's nonce is 11 bytes; the rest of its field is covered all the same. */
            memcpy(work, sealed, sizeof work);
            work[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(nt_smb_decrypt(&server, work, sizeof work), NT_E_AUTH);
            assert_int_equal(work[NT_SMB_TRANSFORM_LEN + 3], 0); /* nothing of it is left */
        }
        memcpy(work, sealed, sizeof work);
        assert_int_equal(nt_smb_decrypt(&client, work, sizeof work), NT_E_AUTH);
        memcpy(work, sealed, sizeof work);
        assert_int_equal(nt_smb_decrypt(&server, work, sizeof work), NT_OK);
        assert_memory_equal(work + NT_SMB_TRANSFORM_LEN, plain + NT_SMB_TRANSFORM_LEN, 70);
        assert_int_equal(nt_smb_decrypt(&server, work, NT_SMB_TRANSFORM_LEN - 1), NT_E_TRUNCATED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_signing_key_comes_out),
        cmocka_unit_test(the_ends_of_a_session_fit),
        cmocka_unit_test(keys_of_other_lengths_are_cut_and_filled),
        cmocka_unit_test(any_change_breaks_a_signature),
        cmocka_unit_test(any_change_breaks_an_encryption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
