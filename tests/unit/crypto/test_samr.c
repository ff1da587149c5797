#include "support.h"

#include "crypto/hash.h"
#include "crypto/owf.h"
#include "crypto/samr.h"
#include "vectors.h"

#define APP_KEY "9c9fd44337131b2387755f9cd8596f1b"

static void assert_password(const struct nt_password *p, const char *text)
{
    struct nt_password expected;
    assert_true(nt_password_from_utf8(&expected, text));
    assert_int_equal(p->len, expected.len);
    assert_memory_equal(p->b, expected.b, expected.len);
}

static void captured_password_buffers_are_read(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(APP_KEY);
    struct nt_secret trust_key = secret_of("3af02a3d2006dc67bed1ac53bdfd67e4");
    struct nt_password p;
    uint8_t buf[NT_SAMR_PASSWORD_EX_LEN];

    from_hex(samr_level24, buf, sizeof buf);
    assert_int_equal(nt_samr_password_decode(&key, buf, &p), NT_OK);
    assert_password(&p, "Secret.123");
    assert_int_equal(nt_samr_password_decode(&trust_key, buf, &p), NT_E_MALFORMED);
    assert_int_equal(p.len, 0);
    from_hex(samr_level23, buf, sizeof buf);
    assert_int_equal(nt_samr_password_decode(&key, buf, &p), NT_OK);
    assert_password(&p, "Secret.126");
    from_hex(samr_level26, buf, sizeof buf);
    assert_int_equal(nt_samr_password_ex_decode(&key, buf, &p), NT_OK);
    assert_password(&p, "Secret.124");
    from_hex(samr_level25, buf, sizeof buf);
    assert_int_equal(nt_samr_password_ex_decode(&key, buf, &p), NT_OK);
    assert_password(&p, "Secret.125");
    from_hex(samr_trust_level23, buf, sizeof buf);
    assert_int_equal(nt_samr_password_decode(&trust_key, buf, &p), NT_OK);
    assert_password(&p, "Trust.pw1");
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    static const uint16_t lens[] = { 0, 2, 240, 510, 512 };
    struct nt_secret key = secret_of(APP_KEY);

    for (size_t i = 0; i < NT_COUNT(lens); i++) {
        struct nt_password in = { .len = lens[i] }, out;
        uint8_t buf[NT_SAMR_PASSWORD_EX_LEN], cipher[NT_SAMR_AES_CIPHER_LEN];
        struct nt_samr_aes aes;

        nt_random(&test_env, in.b, in.len);
        nt_samr_password_encode(&key, &test_env, &in, buf);
        assert_int_equal(nt_samr_password_decode(&key, buf, &out), NT_OK);
        assert_int_equal(out.len, in.len);
        assert_memory_equal(out.b, in.b, sizeof in.b);
        nt_samr_password_ex_encode(&key, &test_env, &in, buf);
        assert_int_equal(nt_samr_password_ex_decode(&key, buf, &out), NT_OK);
        assert_memory_equal(out.b, in.b, sizeof in.b);
        nt_samr_aes_encode(&key, &test_env, &in, cipher, &aes);
        assert_int_equal(nt_samr_aes_decode(&key, &aes, &out), NT_OK);
        assert_int_equal(out.len, in.len);
        assert_memory_equal(out.b, in.b, sizeof in.b);
    }
}

static void impossible_lengths_are_refused(void **state)
{
    (void)state;
    static const uint32_t bad[] = { 1, 511, 513, 514, 0x10000, 0xffffffff };
    struct nt_secret key = secret_of(APP_KEY);

    for (size_t i = 0; i < NT_COUNT(bad); i++) {
        uint8_t buf[NT_SAMR_PASSWORD_LEN] = { 0 };
        struct nt_password p;
        nt_put_le32(buf + 512, bad[i]);
        nt_rc4(key.b, key.len, 0, buf, sizeof buf);
        assert_int_equal(nt_samr_password_decode(&key, buf, &p), NT_E_MALFORMED);
    }
}

static void captured_hashes_are_read(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(APP_KEY), hash;
    uint8_t wire[16];

    from_hex("1b8e24608d7b6c65104c7b0d8ca0eb7d", wire, 16);
    nt_samr_hash_decrypt(&key, wire, &hash);
    assert_hex(hash.b, hash.len, "0f992885a949453f6ffcd0bc103cd055");
    from_hex("b4593a743cc6e6d353580bff4c7db60a", wire, 16);
    nt_samr_hash_decrypt(&key, wire, &hash);
    assert_hex(hash.b, hash.len, "86cb6661fbcd19070fe1754425373d74");
    nt_samr_hash_encrypt(&key, &hash, wire);
    assert_hex(wire, 16, "b4593a743cc6e6d353580bff4c7db60a");
    nt_samr_rid_hash_encrypt(500, &hash, wire);
    assert_memory_not_equal(wire, hash.b, 16);
    nt_samr_rid_hash_decrypt(500, wire, &hash);
    assert_hex(hash.b, hash.len, "86cb6661fbcd19070fe1754425373d74");
}

static void captured_changes_are_verified(void **state)
{
    (void)state;
    static const struct {
        const char *old_hash, *buffer, *verifier, *password, *new_hash;
    } cases[] = {
        { "21b3f2a262e9278f00f67249796fa2f4", samr_change1, "34584d2ed28556a44f49207c7634d635",
          "Secret.130", "2f758ca642d178d1702a269e3c263804" },
        { "2f758ca642d178d1702a269e3c263804", samr_change2, "f5ebaaa5b50d1d73de4883ff9090b885",
          "Secret.131", "3a3998f6942d424d9fe6787eaa11a114" },
    };

    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct nt_secret old_hash = secret_of(cases[i].old_hash), new_hash;
        uint8_t buf[NT_SAMR_PASSWORD_LEN], verifier[16];
        struct nt_password p;

        from_hex(cases[i].buffer, buf, sizeof buf);
        from_hex(cases[i].verifier, verifier, 16);
        assert_int_equal(nt_samr_change_decode(&old_hash, buf, verifier, &p, &new_hash), NT_OK);
        assert_password(&p, cases[i].password);
        assert_hex(new_hash.b, new_hash.len, cases[i].new_hash);

        verifier[15] ^= 1;
        assert_int_equal(nt_samr_change_decode(&old_hash, buf, verifier, &p, &new_hash), NT_E_AUTH);
        assert_int_equal(p.len, 0);
        assert_int_equal(new_hash.len, 0);
        verifier[15] ^= 1;
        old_hash.b[0] ^= 1;
        assert_int_equal(nt_samr_change_decode(&old_hash, buf, verifier, &p, &new_hash), NT_E_AUTH);

        assert_true(nt_password_from_utf8(&p, "Another.1"));
        nt_samr_change_encode(&old_hash, &test_env, &p, buf, verifier);
        assert_int_equal(nt_samr_change_decode(&old_hash, buf, verifier, &p, &new_hash), NT_OK);
        assert_password(&p, "Another.1");
    }
}

/* Made with another implementation of AES, HMAC and PBKDF2: salt 00..0f, 5000 iterations, old
 * password Passw0rd1, new one Secret.130, zero fill. */
static void the_aes_form_is_what_the_specification_says(void **state)
{
    (void)state;
    struct nt_secret old_hash = secret_of("5858d47a41e40b40f294b3100bea611f"), cek;
    struct nt_samr_aes in = { .iterations = 5000 };
    struct nt_password p;
    uint8_t cipher[NT_SAMR_AES_CIPHER_LEN], digest[32];

    for (size_t i = 0; i < 16; i++)
        in.salt[i] = (uint8_t)i;
    assert_int_equal(nt_samr_aes_cek(&old_hash, in.salt, 4999, &cek), NT_E_INVALID);
    assert_int_equal(nt_samr_aes_cek(&old_hash, in.salt, 1000001, &cek), NT_E_INVALID);
    assert_int_equal(nt_samr_aes_cek(&old_hash, in.salt, 5000, &cek), NT_OK);
    assert_hex(cek.b, cek.len, "1e299e24d5549bfd15336d2f854c43fd");

    /* Its cipher text again from the pieces, so that only its digest need stand here. */
    static const char label[] = "Microsoft SAM encryption key AEAD-AES-256-CBC-HMAC-SHA512 16";
    uint8_t key[64];
    memset(cipher, 0, sizeof cipher);
    cipher[0] = 20;
    assert_true(nt_password_from_utf8(&p, "Secret.130"));
    memcpy(cipher + 2, p.b, p.len);
    memset(cipher + 514, 14, 14);
    nt_hmac_sha512(cek.b, cek.len, NT_PARTS({ label, sizeof label }), key);
    nt_aes256_cbc_encrypt(key, in.salt, cipher, sizeof cipher);
    nt_sha256(NT_PARTS({ cipher, sizeof cipher }), digest);
    assert_hex(digest, 32, "71683cb6d5508e9f8110f49cb0695183afff281dae0168345d6e25df00d1a3f5");

    from_hex("5e702e0d2e8d20a7f2c2f4352bac2ef860596ae439d0923fd4ef9a95e3286792"
             "6524f132324915a54e294fbc82ba9dfde3a4433d565d9c71705ef482fc8c6cce",
             in.auth_data, 64);
    in.cipher = cipher;
    in.cipher_len = sizeof cipher;
    assert_int_equal(nt_samr_aes_decode(&cek, &in, &p), NT_OK);
    assert_password(&p, "Secret.130");
}

static void a_changed_aes_buffer_is_refused(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(APP_KEY);
    struct nt_password in = { .len = 20 }, out;
    uint8_t cipher[NT_SAMR_AES_CIPHER_LEN];
    struct nt_samr_aes aes;

    nt_samr_aes_encode(&key, &test_env, &in, cipher, &aes);
    for (size_t i = 0; i < sizeof cipher; i += 5) {
        cipher[i] ^= 8;
        assert_int_equal(nt_samr_aes_decode(&key, &aes, &out), NT_E_AUTH);
        cipher[i] ^= 8;
    }
    aes.salt[0] ^= 1;
    assert_int_equal(nt_samr_aes_decode(&key, &aes, &out), NT_E_AUTH);
    aes.salt[0] ^= 1;
    aes.auth_data[63] ^= 1;
    assert_int_equal(nt_samr_aes_decode(&key, &aes, &out), NT_E_AUTH);
    aes.cipher_len = 512;
    assert_int_equal(nt_samr_aes_decode(&key, &aes, &out), NT_E_MALFORMED);
    aes.cipher_len = 0;
    assert_int_equal(nt_samr_aes_decode(&key, &aes, &out), NT_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_password_buffers_are_read),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(impossible_lengths_are_refused),
        cmocka_unit_test(captured_hashes_are_read),
        cmocka_unit_test(captured_changes_are_verified),
        cmocka_unit_test(the_aes_form_is_what_the_specification_says),
        cmocka_unit_test(a_changed_aes_buffer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
