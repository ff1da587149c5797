#include "support.h"

#include "crypto/hash.h"
#include "crypto/netlogon.h"
#include "vectors.h"

static struct nt_chain chain_with(enum nt_nl_crypto crypto, const char *key)
{
    struct nt_chain c = { .crypto = crypto };
    c.key = secret_of(key);
    return c;
}

/* Both ends of a channel from one vector. */
static void open_channel(const struct channel_vector *v, struct nt_chain *server,
                         struct nt_chain *client)
{
    struct nt_secret hash = secret_of(v->nt_hash);
    uint8_t cc[8], sc[8], credential[8], answer[8];

    from_hex(v->client_challenge, cc, 8);
    from_hex(v->server_challenge, sc, 8);
    assert_int_equal(nt_chain_start(client, v->crypto, &hash, cc, sc, credential), NT_OK);
    assert_hex(credential, 8, v->client_credential);
    assert_int_equal(nt_chain_init(server, v->crypto, &hash, cc, sc, credential, answer), NT_OK);
    assert_hex(answer, 8, v->server_credential);
    assert_int_equal(nt_chain_accept(client, sc, answer), NT_OK);
    answer[3] ^= 1;
    assert_int_equal(nt_chain_accept(client, sc, answer), NT_E_AUTH);
}

static void captured_channels_are_reproduced(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(channel_vectors); i++) {
        const struct channel_vector *v = &channel_vectors[i];
        struct nt_chain server, client;
        struct nt_authenticator a, b;

        open_channel(v, &server, &client);
        assert_hex(server.key.b, server.key.len, v->key);
        assert_hex(client.key.b, client.key.len, v->key);
        if (v->timestamp == 0)
            continue;
        nt_chain_next(&client, v->timestamp, &a);
        assert_hex(a.credential, 8, v->authenticator);
        assert_int_equal(nt_chain_verify(&server, &a, &b), NT_OK);
        assert_hex(b.credential, 8, v->returned);
        assert_int_equal(b.timestamp, 0);
        assert_int_equal(nt_chain_check(&client, &b), NT_OK);
        assert_memory_equal(server.seed, client.seed, 8);
    }
}

static void a_forged_or_replayed_call_does_not_move_the_chain(void **state)
{
    (void)state;
    struct nt_chain server, client, before;
    struct nt_authenticator first, second, answer, forged;

    open_channel(&channel_vectors[0], &server, &client);
    nt_chain_next(&client, 100, &first);
    assert_int_equal(nt_chain_verify(&server, &first, &answer), NT_OK);
    assert_int_equal(nt_chain_check(&client, &answer), NT_OK);
    before = server;
    memset(&answer, 0x77, sizeof answer);
    assert_int_equal(nt_chain_verify(&server, &first, &answer), NT_E_AUTH); /* replayed */
    assert_int_equal(answer.credential[0], 0x77);                           /* nothing written */

    nt_chain_next(&client, 101, &second);
    for (unsigned bit = 0; bit < 64; bit++) {
        forged = second;
        forged.credential[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(nt_chain_verify(&server, &forged, &answer), NT_E_AUTH);
    }
    forged = second;
    forged.timestamp++;
    assert_int_equal(nt_chain_verify(&server, &forged, &answer), NT_E_AUTH);
    assert_memory_equal(&before, &server, sizeof before);

    assert_int_equal(nt_chain_verify(&server, &second, &second), NT_OK); /* in and out may be one */
    assert_int_equal(nt_chain_check(&client, &second), NT_OK);
    second.credential[0] ^= 1;
    nt_chain_next(&client, 102, &first);
    assert_int_equal(nt_chain_check(&client, &second), NT_E_AUTH);
}

static void calls_out_of_order_are_refused(void **state)
{
    (void)state;
    struct nt_chain server, client;
    struct nt_authenticator first, second, answer;

    open_channel(&channel_vectors[0], &server, &client);
    nt_chain_next(&client, 1000, &first);
    nt_chain_next(&client, 1000, &second);
    assert_int_equal(nt_chain_verify(&server, &second, &answer), NT_E_AUTH);
    assert_int_equal(nt_chain_verify(&server, &first, &answer), NT_OK);
}

/* CVE-2020-1472 */
static void challenges_without_a_unique_byte_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool ok;
    } cases[] = {
        { "0000000000000000", false }, { "0000000000abcdef", false }, { "4141414141414142", false },
        { "0101020202030405", false }, { "0102010201000000", false }, { "0000000001000000", true },
        { "0100000000000000", true },  { "2ed027b7eb546f54", true },  { "0101020203000000", true },
    };
    struct nt_secret hash = secret_of("31d6cfe0d16ae931b73c59d7e0c089c0");
    uint8_t challenge[8];

    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        from_hex(cases[i].hex, challenge, 8);
        assert_int_equal(nt_nl_challenge_ok(challenge), cases[i].ok);
    }
    for (int i = 0; i < 100; i++) {
        nt_nl_challenge(&test_env, challenge);
        assert_true(nt_nl_challenge_ok(challenge));
    }

    /* 2000 zero challenges with zero credentials; one in 256 would be right without the rule. */
    unsigned would_pass = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct nt_chain c;
        struct nt_secret key;
        const uint8_t zero[8] = { 0 };
        uint8_t server[8] = { (uint8_t)i, (uint8_t)(i >> 8), 3, 4, 5, 6, 7, 8 }, answer[8], made[8];

        assert_int_equal(nt_chain_init(&c, NT_NL_AES, &hash, zero, server, zero, answer),
                         NT_E_AUTH);
        assert_int_equal(c.key.len, 0);
        assert_int_equal(nt_nl_session_key(NT_NL_AES, &hash, zero, server, &key), NT_OK);
        nt_nl_credential(NT_NL_AES, &key, zero, made);
        would_pass += memcmp(made, zero, 8) == 0;
    }
    assert_true(would_pass > 0);
}

static void a_wrong_password_opens_no_channel(void **state)
{
    (void)state;
    struct nt_secret hash = secret_of("31d6cfe0d16ae931b73c59d7e0c089c0"), none = { .len = 0 };
    uint8_t cc[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, sc[8] = { 9 }, credential[8], answer[8];
    static const enum nt_nl_crypto kinds[] = { NT_NL_AES, NT_NL_STRONG, NT_NL_DES };

    for (size_t i = 0; i < NT_COUNT(kinds); i++) {
        struct nt_chain client, server;
        hash.b[0] = 0x31;
        assert_int_equal(nt_chain_start(&client, kinds[i], &hash, cc, sc, credential), NT_OK);
        hash.b[0] = 0x33;
        assert_int_equal(nt_chain_init(&server, kinds[i], &hash, cc, sc, credential, answer),
                         NT_E_AUTH);
        assert_hex(answer, 8, "0000000000000000");
        assert_int_equal(nt_chain_init(&server, kinds[i], &none, cc, sc, credential, answer),
                         NT_E_INVALID);
        assert_int_equal(nt_chain_start(&client, kinds[i], &none, cc, sc, credential),
                         NT_E_INVALID);
    }
}

static void flags_choose_the_strongest_crypto(void **state)
{
    (void)state;
    assert_int_equal(nt_nl_crypto_of_flags(0x610fffff), NT_NL_AES);
    assert_int_equal(nt_nl_crypto_of_flags(0x6007ffff), NT_NL_STRONG);
    assert_int_equal(nt_nl_crypto_of_flags(0x600001ff), NT_NL_DES);
}

/* f5-authuser packets 160, 163, 167 */
static void logon_data_is_encrypted_in_the_channel(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *wire;
    } cases[] = {
        { "5858d47a41e40b40f294b3100bea611f", "f5c3cd231bb1109fb3574f7b842a8e6d" },
        { "b34ce522c3e4c87738f10713b629b565", "1ed2b48356a126bc7c861f264bfd97b9" },
        { "d28d978de3cb547c8028e4624414c24c", "7fbb799e8e0a3978e1c56b54dc5b20bb" },
        { "6158512827fa634bc2272b2de2a349ef", "ccfc7912e4ab54093e333e35d047d643" },
    };
    struct nt_chain c = chain_with(NT_NL_AES, "d4d0a9b0087d31bf41cb490d3e1f0916");
    uint8_t data[16];

    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        from_hex(cases[i].plain, data, 16);
        nt_nl_crypt_buffer(&c, true, data, 16);
        assert_hex(data, 16, cases[i].wire);
        nt_nl_crypt_buffer(&c, false, data, 16);
        assert_hex(data, 16, cases[i].plain);
    }
}

static void captured_password_buffers_are_read(void **state)
{
    (void)state;
    struct nt_chain aes = chain_with(NT_NL_AES, "4fa813e27051f1e73fb56eef466e9d37");
    struct nt_chain rc4 = chain_with(NT_NL_STRONG, "cd6180226a69b88d53157cb43effc1f9");
    struct nt_nl_password out;
    uint8_t buf[NT_NL_PASSWORD_LEN];

    from_hex(set2_aes_cipher, buf, sizeof buf);
    assert_int_equal(nt_nl_password_decode(&aes, buf, &out), NT_OK);
    assert_hex(out.password.b, out.password.len,
               "3fb78f7c29a6f32ffe255d6d517605a13c6e6faa22ef08f85bb64166");
    assert_false(out.has_version);
    assert_int_equal(nt_nl_password_decode(&rc4, buf, &out), NT_E_MALFORMED); /* the wrong key */
    assert_int_equal(out.password.len, 0);

    from_hex(set2_rc4_cipher, buf, sizeof buf);
    assert_int_equal(nt_nl_password_decode(&rc4, buf, &out), NT_OK);
    assert_hex(out.password.b, out.password.len, "49006d007000770073002e00700077003300");
    nt_nl_crypt_buffer(&rc4, false, buf, sizeof buf);
    assert_hex(buf, sizeof buf, set2_rc4_plain);
    from_hex(set2_aes_plain, buf, sizeof buf);
    nt_nl_crypt_buffer(&aes, true, buf, sizeof buf);
    assert_hex(buf, sizeof buf, set2_aes_cipher);
}

static void a_password_travels_with_its_version(void **state)
{
    (void)state;
    static const enum nt_nl_crypto kinds[] = { NT_NL_AES, NT_NL_STRONG, NT_NL_DES };
    static const uint16_t lens[] = { 2, 28, 240, 500, 502, 512 };
    uint8_t buf[NT_NL_PASSWORD_LEN];

    for (size_t k = 0; k < NT_COUNT(kinds); k++) {
        struct nt_chain c = chain_with(kinds[k], "4fa813e27051f1e73fb56eef466e9d37");
        for (size_t i = 0; i < NT_COUNT(lens); i++) {
            struct nt_nl_password in = { .has_version = lens[i] <= 500, .version = 0x01020304 };
            struct nt_nl_password out;
            in.password.len = lens[i];
            nt_random(&test_env, in.password.b, lens[i]);
            assert_int_equal(nt_nl_password_encode(&c, &test_env, &in, buf), NT_OK);
            assert_int_equal(nt_nl_password_decode(&c, buf, &out), NT_OK);
            assert_int_equal(out.password.len, lens[i]);
            assert_memory_equal(out.password.b, in.password.b, lens[i]);
            assert_int_equal(out.has_version, in.has_version);
            assert_int_equal(out.version, in.has_version ? 0x01020304 : 0);
        }
    }
}

static void passwords_of_a_bad_length_are_refused(void **state)
{
    (void)state;
    static const uint32_t bad[] = { 0, 1, 3, 511, 513, 514, 516, 0x10000, 0x80000000, 0xffffffff };
    struct nt_chain c = chain_with(NT_NL_AES, "4fa813e27051f1e73fb56eef466e9d37");
    struct nt_nl_password out, in = { .has_version = true };
    uint8_t buf[NT_NL_PASSWORD_LEN];

    for (size_t i = 0; i < NT_COUNT(bad); i++) {
        nt_random(&test_env, buf, sizeof buf);
        nt_put_le32(buf + 512, bad[i]);
        nt_nl_crypt_buffer(&c, true, buf, sizeof buf);
        assert_int_equal(nt_nl_password_decode(&c, buf, &out), NT_E_MALFORMED);
        assert_int_equal(out.password.len, 0);
    }
    assert_int_equal(nt_nl_password_encode(&c, &test_env, &in, buf), NT_E_INVALID);
    in.password.len = 15;
    assert_int_equal(nt_nl_password_encode(&c, &test_env, &in, buf), NT_E_INVALID);
    in.password.len = 502;
    assert_int_equal(nt_nl_password_encode(&c, &test_env, &in, buf), NT_E_INVALID);
}

static void a_buffer_that_nobody_encrypted_is_refused(void **state)
{
    (void)state;
    struct nt_chain c = chain_with(NT_NL_AES, "4fa813e27051f1e73fb56eef466e9d37");
    struct nt_nl_password out;
    uint8_t buf[NT_NL_PASSWORD_LEN] = { 0 };

    assert_int_equal(nt_nl_password_decode(&c, buf, &out), NT_E_AUTH);
    nt_put_le32(buf + 512, 28);
    assert_int_equal(nt_nl_password_decode(&c, buf, &out), NT_E_AUTH);
    memcpy(buf + 500, "s\0e\0c\0r\0e\0t", 12);
    assert_int_equal(nt_nl_password_decode(&c, buf, &out), NT_E_AUTH);
    memset(buf, 0xa5, 512);
    assert_int_equal(nt_nl_password_decode(&c, buf, &out), NT_E_AUTH);
}

static void a_hash_travels_under_des(void **state)
{
    (void)state;
    struct nt_chain c = chain_with(NT_NL_AES, "9c9fd44337131b2387755f9cd8596f1b");
    uint8_t hash[16];

    /* The same cipher as SAMR's level 18: f1-np-modify packet 98 */
    from_hex("0f992885a949453f6ffcd0bc103cd055", hash, 16);
    nt_nl_owf_encrypt(&c, hash, hash);
    assert_hex(hash, 16, "1b8e24608d7b6c65104c7b0d8ca0eb7d");
    nt_nl_owf_decrypt(&c, hash, hash);
    assert_hex(hash, 16, "0f992885a949453f6ffcd0bc103cd055");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_channels_are_reproduced),
        cmocka_unit_test(a_forged_or_replayed_call_does_not_move_the_chain),
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(challenges_without_a_unique_byte_are_refused),
        cmocka_unit_test(a_wrong_password_opens_no_channel),
        cmocka_unit_test(flags_choose_the_strongest_crypto),
        cmocka_unit_test(logon_data_is_encrypted_in_the_channel),
        cmocka_unit_test(captured_password_buffers_are_read),
        cmocka_unit_test(a_password_travels_with_its_version),
        cmocka_unit_test(passwords_of_a_bad_length_are_refused),
        cmocka_unit_test(a_buffer_that_nobody_encrypted_is_refused),
        cmocka_unit_test(a_hash_travels_under_des),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
