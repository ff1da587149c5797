#include "support.h"

#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "vectors.h"

static void the_key_is_of_upper_user_and_domain_as_sent(void **state)
{
    (void)state;
    struct nt_secret hash, key, other;

    assert_int_equal(nt_owf_text("Passw0rd1", &hash), NT_OK);
    assert_int_equal(nt_ntowfv2(&hash, "root", "RED", &key), NT_OK);
    assert_hex(key.b, key.len, "7be17ca0be08ae97c224f0351025d88a");
    assert_int_equal(nt_ntowfv2(&hash, "bob", "BLUE", &key), NT_OK);
    assert_hex(key.b, key.len, "7f177f219da845f12485952b25773533");
    assert_int_equal(nt_ntowfv2(&hash, "BOB", "BLUE", &other), NT_OK);
    assert_true(nt_secret_equal(&key, &other));
    assert_int_equal(nt_ntowfv2(&hash, "bob", "blue", &other), NT_OK);
    assert_false(nt_secret_equal(&key, &other));
    assert_int_equal(nt_ntowfv2(&hash, "j\xc3\xb6rg\xf0\x9f\x98\x80", "BLUE", &key), NT_OK);
    assert_int_equal(nt_ntowfv2(&hash, "J\xc3\x96RG\xf0\x9f\x98\x80", "BLUE", &other), NT_OK);
    assert_true(nt_secret_equal(&key, &other));
    assert_int_equal(nt_ntowfv2(&hash, "\xc3", "BLUE", &key), NT_E_MALFORMED);
    hash.len = 0;
    assert_int_equal(nt_ntowfv2(&hash, "bob", "BLUE", &key), NT_E_INVALID);
}

/* [MS-NLMP] 4.2.4: user "User", domain "Domain", password "Password" */
static void the_specification_s_example_holds(void **state)
{
    (void)state;
    struct nt_secret hash, key;

    assert_int_equal(nt_owf_text("Password", &hash), NT_OK);
    assert_int_equal(nt_ntowfv2(&hash, "User", "Domain", &key), NT_OK);
    assert_hex(key.b, key.len, "0c868a403bfd7a93a3001ef22ef02e3f");
}

struct logon {
    const char *user, *domain, *challenge, *proof, *blob, *base_key;
};
static const struct logon logons[] = {
    { "root", "RED", "e535f7806828e14a", "0bdccfbe083a6739304566f84662e69f", ntlm_blob,
      "b2628f390905dbe1b9f67450763a9a58" },
    { "bob", "BLUE", "e4631a2578943efa", "2c12c9e7511bc589f567275ed1baac3a",
      "0101000000000000a8f6c2216a79dd013eaf2d15832da80c0000000002000600520045004400"
      "01000c0052004500440050004400430000000000",
      "6158512827fa634bc2272b2de2a349ef" },
};

static size_t response_of(const struct logon *l, uint8_t *out, size_t cap)
{
    size_t n = from_hex(l->proof, out, cap);
    return n + from_hex(l->blob, out + n, cap - n);
}

static void captured_responses_are_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(logons); i++) {
        const struct logon *l = &logons[i];
        struct nt_secret hash, base;
        uint8_t response[512], challenge[8];

        from_hex(l->challenge, challenge, 8);
        size_t len = response_of(l, response, sizeof response);
        assert_int_equal(nt_owf_text("Passw0rd1", &hash), NT_OK);
        assert_int_equal(
            nt_ntlmv2_verify(&hash, l->user, l->domain, challenge, response, len, &base), NT_OK);
        assert_hex(base.b, base.len, l->base_key);

        for (size_t bit = 0; bit < len * 8; bit++) {
            response[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(
                nt_ntlmv2_verify(&hash, l->user, l->domain, challenge, response, len, &base),
                NT_E_AUTH);
            response[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t n = 0; n < len; n++)
            assert_int_equal(
                nt_ntlmv2_verify(&hash, l->user, l->domain, challenge, response, n, &base),
                NT_E_AUTH);
        assert_int_equal(
            nt_ntlmv2_verify(&hash, "other", l->domain, challenge, response, len, &base),
            NT_E_AUTH);
    }
}

/* Lengths that clients have used to crash servers: they fail without a look at the bytes. */
static void odd_lengths_are_refused_unread(void **state)
{
    (void)state;
    static const size_t lens[] = { 0, 1, 16, 23, 24, 25, 43, 65536, SIZE_MAX };
    struct nt_secret hash = { .len = 16 }, base;
    const uint8_t challenge[8] = { 0 }, zero[24] = { 0 };

    for (size_t i = 0; i < NT_COUNT(lens); i++)
        assert_int_equal(nt_ntlmv2_verify(&hash, "u", "d", challenge, NULL, lens[i], &base),
                         NT_E_AUTH);
    assert_int_equal(nt_lmv2_verify(&hash, "u", "d", challenge, NULL, 23, &base), NT_E_AUTH);
    assert_int_equal(nt_lmv2_verify(&hash, "u", "d", challenge, zero, 24, &base), NT_E_AUTH);
}

static void an_lmv2_response_is_verified_and_made(void **state)
{
    (void)state;
    struct nt_secret hash, base;
    uint8_t challenge[8], response[24], made[24];

    from_hex("e4631a2578943efa", challenge, 8);
    from_hex("98619d7595c7d06680f3665774f042b8d5363d6b9f5ac0e0", response, 24);
    assert_int_equal(nt_owf_text("Passw0rd1", &hash), NT_OK);
    assert_int_equal(nt_lmv2_verify(&hash, "bob", "BLUE", challenge, response, 24, &base), NT_OK);
    assert_int_equal(nt_lmv2_respond(&hash, "bob", "BLUE", challenge, response + 16, made), NT_OK);
    assert_memory_equal(made, response, 24);
    response[5] ^= 1;
    assert_int_equal(nt_lmv2_verify(&hash, "bob", "BLUE", challenge, response, 24, &base),
                     NT_E_AUTH);
}

static void a_response_is_made_as_the_captured_one(void **state)
{
    (void)state;
    const struct logon *l = &logons[0];
    struct nt_secret hash, base;
    struct nt_buf out;
    uint8_t response[512], challenge[8];

    /* Samba puts four zero bytes after the list too. */
    from_hex(l->challenge, challenge, 8);
    size_t len = response_of(l, response, sizeof response);
    assert_int_equal(nt_owf_text("Passw0rd1", &hash), NT_OK);
    nt_buf_init(&out, 4096);
    assert_int_equal(nt_ntlmv2_respond(&hash, "root", "RED", challenge, response + 32,
                                       nt_le64(response + 24), response + NT_NTLMV2_MIN,
                                       len - NT_NTLMV2_MIN - 4, &out, &base),
                     NT_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, response, len);
    assert_hex(base.b, base.len, l->base_key);
    nt_buf_free(&out);

    nt_buf_init(&out, 40);
    assert_int_equal(
        nt_ntlmv2_respond(&hash, "root", "RED", challenge, challenge, 0, NULL, 0, &out, &base),
        NT_E_LIMIT);
    nt_buf_free(&out);
    nt_buf_init(&out, 100000);
    assert_int_equal(
        nt_ntlmv2_respond(&hash, "root", "RED", challenge, challenge, 0, NULL, 65535, &out, &base),
        NT_E_LIMIT);
    nt_buf_free(&out);
}

static void the_blob_names_computer_and_flags(void **state)
{
    (void)state;
    uint8_t response[512];
    size_t n, len = response_of(&logons[0], response, sizeof response);

    const uint8_t *name = nt_ntlmv2_av_find(response, len, NT_AV_NB_COMPUTER, &n);
    assert_non_null(name);
    assert_hex(name, n, "42004c0055004500500044004300"); /* BLUEPDC */
    assert_int_equal(nt_ntlmv2_flags(response, len), NT_AV_FLAG_MIC);
    assert_null(nt_ntlmv2_av_find(response, len, NT_AV_DNS_TREE, &n));
    assert_int_equal(n, 0);
    assert_true(nt_av_list_ok(response + NT_NTLMV2_MIN, len - NT_NTLMV2_MIN));

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t exact[512];
        memcpy(exact, response, cut);
        if (nt_ntlmv2_av_find(exact, cut, NT_AV_NB_COMPUTER, &n) != NULL)
            assert_int_equal(n, 14);
        if (cut >= NT_NTLMV2_MIN && cut < len - 4)
            assert_false(nt_av_list_ok(exact + NT_NTLMV2_MIN, cut - NT_NTLMV2_MIN));
    }
}

static void the_session_key_travels_under_the_base_key(void **state)
{
    (void)state;
    struct nt_secret base = secret_of("b2628f390905dbe1b9f67450763a9a58");
    uint8_t key[16];

    from_hex("5b9f5875992c8c6433a4766aa7a9c1bc", key, 16);
    nt_ntlm_key_exchange(&base, key, key);
    assert_hex(key, 16, "af0dfa9b0cbe89207a9ebf4d1236627c");
    nt_ntlm_key_exchange(&base, key, key);
    assert_hex(key, 16, "5b9f5875992c8c6433a4766aa7a9c1bc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_of_upper_user_and_domain_as_sent),
        cmocka_unit_test(the_specification_s_example_holds),
        cmocka_unit_test(captured_responses_are_verified),
        cmocka_unit_test(odd_lengths_are_refused_unread),
        cmocka_unit_test(an_lmv2_response_is_verified_and_made),
        cmocka_unit_test(a_response_is_made_as_the_captured_one),
        cmocka_unit_test(the_blob_names_computer_and_flags),
        cmocka_unit_test(the_session_key_travels_under_the_base_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
