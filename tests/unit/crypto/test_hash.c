#include "support.h"

#include "crypto/hash.h"
#include "crypto/owf.h"
#include "crypto/rest.h"
#include "crypto/sysenv.h"

/* RFC 1320 A.5, RFC 1321 A.5, FIPS 180-4's "abc" */
static void hashes_give_the_published_digests(void **state)
{
    (void)state;
    uint8_t out[64];

    nt_md4(NT_PARTS({ "abc", 3 }), out);
    assert_hex(out, 16, "a448017aaf21d8525fc10ae87aa6729d");
    nt_md5(NT_PARTS({ "message", 7 }, { NULL, 0 }, { " digest", 7 }), out);
    assert_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
    nt_sha256(NT_PARTS({ "abc", 3 }), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    nt_sha512(NT_PARTS({ "a", 1 }, { "bc", 2 }), out);
    assert_hex(out, 64,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

/* RFC 2202 case 2, RFC 4231 case 2 */
static void macs_give_the_published_values(void **state)
{
    (void)state;
    static const char text[] = "what do ya want for nothing?";
    uint8_t out[64];

    nt_hmac_md5("Jefe", 4, NT_PARTS({ text, 28 }), out);
    assert_hex(out, 16, "750c783e6ab0b503eaa86e310a5db738");
    nt_hmac_sha256("Jefe", 4, NT_PARTS({ text, 10 }, { text + 10, 18 }), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    nt_hmac_sha512("Jefe", 4, NT_PARTS({ text, 28 }), out);
    assert_hex(out, 64,
               "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
               "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

/* RFC 6229, 128-bit key 01..10: offsets 0 and 240 */
static void rc4_can_start_later_and_go_on(void **state)
{
    (void)state;
    uint8_t key[16], data[32] = { 0 }, again[32] = { 0 };
    struct nt_rc4 s;

    for (unsigned i = 0; i < 16; i++)
        key[i] = (uint8_t)(i + 1);
    nt_rc4(key, 16, 0, data, 16);
    assert_hex(data, 16, "9ac7cc9a609d1ef7b2932899cde41b97");
    memset(data, 0, 16);
    nt_rc4(key, 16, 240, data, 16);
    assert_hex(data, 16, "065902e4b620f6cc36c8589f66432f2b");

    memset(data, 0, sizeof data);
    nt_rc4(key, 16, 0, data, 32);
    nt_rc4_init(&s, key, 16);
    nt_rc4_crypt(&s, again, 5);
    nt_rc4_crypt(&s, again + 5, 27);
    nt_rc4_wipe(&s);
    assert_memory_equal(data, again, 32);
}

/* [MS-NLMP] 4.2.2: an LM response is three such blocks; first of them */
static void des_spreads_a_seven_byte_key(void **state)
{
    (void)state;
    uint8_t key[7], in[8], out[8];

    from_hex("e52cac67419a9a", key, 7);
    from_hex("0123456789abcdef", in, 8);
    nt_des_block(key, in, out);
    assert_hex(out, 8, "98def7b87f88aa5d");
    nt_des_unblock(key, out, out);
    assert_memory_equal(in, out, 8);
}

/* SP 800-38A F.3.7 (CFB8-AES128) */
static void cfb8_continues_its_stream(void **state)
{
    (void)state;
    uint8_t key[16], iv[16], data[18];

    from_hex("2b7e151628aed2a6abf7158809cf4f3c", key, 16);
    from_hex("000102030405060708090a0b0c0d0e0f", iv, 16);
    from_hex("6bc1bee22e409f96e93d7e117393172aae2d", data, 18);
    nt_aes_cfb8_encrypt(key, iv, data, 7);
    nt_aes_cfb8_encrypt(key, iv, data + 7, 11);
    assert_hex(data, 18, "3b79424c9c0dd436bace9e0ed4586a4f32b9");
    from_hex("000102030405060708090a0b0c0d0e0f", iv, 16);
    nt_aes_cfb8_decrypt(key, iv, data, 1);
    nt_aes_cfb8_decrypt(key, iv, data + 1, 17);
    assert_hex(data, 18, "6bc1bee22e409f96e93d7e117393172aae2d");
}

/* SP 800-38A F.2.5 (CBC-AES256), first two blocks */
static void cbc_gives_the_published_blocks(void **state)
{
    (void)state;
    static const char plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
    uint8_t key[32], iv[16], data[32];

    from_hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", key, 32);
    from_hex("000102030405060708090a0b0c0d0e0f", iv, 16);
    from_hex(plain, data, 32);
    nt_aes256_cbc_encrypt(key, iv, data, 32);
    assert_hex(data, 32, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d");
    nt_aes256_cbc_decrypt(key, iv, data, 32);
    assert_hex(data, 32, plain);
}

static void pbkdf2_gives_the_known_key(void **state)
{
    (void)state;
    uint8_t out[16];

    nt_pbkdf2_sha512("password", 8, 2, "salt", 4, out, 16);
    assert_hex(out, 16, "e1d9c16aa681708a45f5c7c4e215ceb6");
}

static void an_nt_hash_is_of_the_bytes_not_of_the_text(void **state)
{
    (void)state;
    struct nt_secret hash, opaque;
    struct nt_password p = { .len = 28 };

    assert_int_equal(nt_owf_text("Passw0rd1", &hash), NT_OK);
    assert_hex(hash.b, hash.len, "5858d47a41e40b40f294b3100bea611f");
    assert_int_equal(nt_owf_text("", &hash), NT_OK);
    assert_hex(hash.b, hash.len, "31d6cfe0d16ae931b73c59d7e0c089c0");
    assert_int_equal(nt_owf_text("\xff", &hash), NT_E_MALFORMED);
    assert_int_equal(hash.len, 0);

    from_hex("3fb78f7c29a6f32ffe255d6d517605a13c6e6faa22ef08f85bb64166", p.b, sizeof p.b);
    nt_owf(&p, &opaque);
    assert_hex(opaque.b, opaque.len, "de774577a635dd2d0a5e06bc22794cfa");
}

/* The GCM specification's test case 16, without its AAD split */
static void a_sealed_secret_is_aes_gcm(void **state)
{
    (void)state;
    struct nt_secret key =
        secret_of("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    uint8_t nonce[12], aad[20], plain[60], out[60 + NT_REST_OVERHEAD];

    from_hex("cafebabefacedbaddecaf888", nonce, 12);
    from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad, 20);
    from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
             plain, 60);
    nt_rest_seal(&key, nonce, aad, 20, plain, 60, out);
    assert_hex(out, sizeof out,
               "cafebabefacedbaddecaf888"
               "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
               "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
               "76fc6ece0f4e1768cddf8853bb2d551b");
}

static void a_sealed_secret_opens_in_its_own_row_only(void **state)
{
    (void)state;
    struct nt_secret master = { .len = 32 }, other, same;
    uint8_t nonce[12] = { 1 }, blob[5 + NT_REST_OVERHEAD], out[5];

    nt_rest_derive(&master, "one", &other);
    nt_rest_derive(&master, "one", &same);
    assert_true(nt_secret_equal(&other, &same));
    nt_rest_derive(&master, "two", &same);
    assert_false(nt_secret_equal(&other, &same));

    nt_rest_seal(&master, nonce, "row 1", 5, "hello", 5, blob);
    assert_int_equal(nt_rest_open(&master, "row 1", 5, blob, sizeof blob, out), NT_OK);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(nt_rest_open(&master, "row 2", 5, blob, sizeof blob, out), NT_E_CORRUPT);
    assert_int_equal(nt_rest_open(&other, "row 1", 5, blob, sizeof blob, out), NT_E_CORRUPT);
    for (size_t len = 0; len < sizeof blob; len++)
        assert_int_equal(nt_rest_open(&master, "row 1", 5, blob, len, out), NT_E_CORRUPT);
    for (size_t i = 0; i < sizeof blob; i++) {
        blob[i] ^= 0x40;
        memset(out, 0x55, sizeof out);
        assert_int_equal(nt_rest_open(&master, "row 1", 5, blob, sizeof blob, out), NT_E_CORRUPT);
        assert_hex(out, 5, "0000000000");
        blob[i] ^= 0x40;
    }
    nt_rest_seal(&master, nonce, NULL, 0, NULL, 0, blob);
    assert_int_equal(nt_rest_open(&master, NULL, 0, blob, NT_REST_OVERHEAD, NULL), NT_OK);
}

/* RFC 5869 A.3: HKDF-SHA256 without salt; with an empty info it is another input length than
 * ours, so the structure is checked with two MACs made by hand. */
static void a_derived_key_is_hkdf(void **state)
{
    (void)state;
    struct nt_secret master = { .len = 22 }, key;
    uint8_t zero[32] = { 0 }, prk[32], okm[32];

    memset(master.b, 0x0b, 22);
    nt_hmac_sha256(zero, 32, NT_PARTS({ master.b, 22 }), prk);
    assert_hex(prk, 32, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    nt_hmac_sha256(prk, 32, NT_PARTS({ "\x01", 1 }), okm);
    assert_hex(okm, 32, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    nt_rest_derive(&master, "", &key);
    assert_memory_equal(key.b, okm, 32);
}

static void the_system_environment_has_a_clock_and_randomness(void **state)
{
    (void)state;
    const struct nt_env *env = nt_env_system();
    uint8_t a[64] = { 0 }, b[64] = { 0 };

    nt_random(env, a, sizeof a);
    nt_random(env, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(nt_now(env) > nt_time_from_unix(1700000000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_give_the_published_digests),
        cmocka_unit_test(macs_give_the_published_values),
        cmocka_unit_test(rc4_can_start_later_and_go_on),
        cmocka_unit_test(des_spreads_a_seven_byte_key),
        cmocka_unit_test(cfb8_continues_its_stream),
        cmocka_unit_test(cbc_gives_the_published_blocks),
        cmocka_unit_test(pbkdf2_gives_the_known_key),
        cmocka_unit_test(an_nt_hash_is_of_the_bytes_not_of_the_text),
        cmocka_unit_test(a_sealed_secret_is_aes_gcm),
        cmocka_unit_test(a_sealed_secret_opens_in_its_own_row_only),
        cmocka_unit_test(a_derived_key_is_hkdf),
        cmocka_unit_test(the_system_environment_has_a_clock_and_randomness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
