#include "support.h"

#include <stdlib.h>

#include "crypto/lsa.h"

#define KEY "9c9fd44337131b2387755f9cd8596f1b"

/* Made with another implementation */
static const char secret_text[] = "Trust.pw1-and-a-longer-one";
static const char secret_wire[] =
    "ae83fcdf7492613df385388eb6e607c521f5fac5141115184ab3072042b37bee"
    "4d502feeffe139f24368c37ec2c5689aa4b9a3fe00c357c4c47a1260426f14c5";

static void a_secret_is_encrypted_with_a_moving_key(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(KEY);
    struct nt_password p;
    uint8_t wire[64], out[64];
    size_t len;

    assert_true(nt_password_from_utf8(&p, secret_text));
    assert_int_equal(nt_lsa_secret_size(p.len), sizeof wire);
    nt_lsa_secret_encrypt(&key, p.b, p.len, wire);
    assert_hex(wire, sizeof wire, secret_wire);
    assert_int_equal(nt_lsa_secret_decrypt(&key, wire, sizeof wire, out, &len), NT_OK);
    assert_int_equal(len, p.len);
    assert_memory_equal(out, p.b, len);
    /* in place too */
    assert_int_equal(nt_lsa_secret_decrypt(&key, wire, sizeof wire, wire, &len), NT_OK);
    assert_memory_equal(wire, p.b, len);
}

static void every_length_of_secret_comes_back(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(KEY);
    uint8_t in[64], wire[80], out[80];
    size_t len;

    nt_random(&test_env, in, sizeof in);
    for (size_t n = 0; n <= sizeof in; n++) {
        size_t size = nt_lsa_secret_size(n);
        assert_true(size <= sizeof wire);
        nt_lsa_secret_encrypt(&key, in, n, wire);
        assert_int_equal(nt_lsa_secret_decrypt(&key, wire, size, out, &len), NT_OK);
        assert_int_equal(len, n);
        assert_memory_equal(out, in, n);
    }
}

static void a_secret_under_another_key_is_refused(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(KEY), other = secret_of("00112233445566778899aabbccddeeff");
    uint8_t wire[64], out[64];
    size_t len;

    from_hex(secret_wire, wire, sizeof wire);
    assert_int_equal(nt_lsa_secret_decrypt(&other, wire, 64, out, &len), NT_E_MALFORMED);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0);
    assert_int_equal(nt_lsa_secret_decrypt(&key, wire, 63, out, &len), NT_E_MALFORMED);
    assert_int_equal(nt_lsa_secret_decrypt(&key, wire, 0, out, &len), NT_E_MALFORMED);
    assert_int_equal(nt_lsa_secret_decrypt(&key, wire, 48, out, &len), NT_E_MALFORMED);
    assert_int_equal(nt_lsa_secret_decrypt(&key, wire, 65544, out, &len), NT_E_LIMIT);
}

/* As Samba's marshalling makes them: password "Trust", version 7, before it "Old1", version 6. */
static const char half_full[] =
    "020000000c0000003c0000000080209bcb82d801020000000a0000005400720075007300740000000180209b"
    "cb82d80103000000040000000700000000005af64cf5d40102000000080000004f006c00640031000100"
    "5af64cf5d401030000000400000006000000";
static const char half_no_previous[] =
    "010000000c000000280000000080209bcb82d801020000000a000000540072007500730074000000";

static void a_half_is_read_and_written_as_peers_do(void **state)
{
    (void)state;
    struct nt_trust_auth_half h;
    struct nt_buf out;
    uint8_t data[256];

    nt_buf_init(&out, 1024);
    size_t len = from_hex(half_full, data, sizeof data);
    assert_int_equal(nt_trust_auth_half_decode(data, len, &h), NT_OK);
    assert_int_equal(h.current.count, 2);
    assert_int_equal(h.previous.count, 2);
    const struct nt_trust_auth_info *clear = nt_trust_auth_find(&h.current, NT_TRUST_AUTH_CLEAR);
    assert_non_null(clear);
    assert_hex(clear->data, clear->len, "54007200750073007400");
    assert_int_equal(clear->last_update, UINT64_C(133000000000000000));
    const struct nt_trust_auth_info *version =
        nt_trust_auth_find(&h.previous, NT_TRUST_AUTH_VERSION);
    assert_non_null(version);
    assert_int_equal(nt_le32(version->data), 6);
    assert_null(nt_trust_auth_find(&h.current, NT_TRUST_AUTH_NT4OWF));
    nt_trust_auth_half_encode(&h, &out);
    assert_hex(out.data, out.len, half_full);

    nt_buf_clear(&out);
    len = from_hex(half_no_previous, data, sizeof data);
    assert_int_equal(nt_trust_auth_half_decode(data, len, &h), NT_OK);
    assert_int_equal(h.current.count, 1);
    assert_int_equal(h.previous.count, 0);
    nt_trust_auth_half_encode(&h, &out);
    assert_hex(out.data, out.len, half_no_previous);
    nt_buf_free(&out);
}

static void an_empty_half_may_be_written_in_any_way(void **state)
{
    (void)state;
    static const char *const ways[] = { "", "00000000", "000000000000000000000000",
                                        "000000000c0000000c000000" };
    for (size_t i = 0; i < NT_COUNT(ways); i++) {
        struct nt_trust_auth_half h;
        uint8_t data[16];
        size_t len = from_hex(ways[i], data, sizeof data);
        assert_int_equal(nt_trust_auth_half_decode(data, len, &h), NT_OK);
        assert_int_equal(h.current.count + h.previous.count, 0);
    }
}

static void a_cut_or_lying_half_is_refused(void **state)
{
    (void)state;
    struct nt_trust_auth_half h;
    uint8_t data[256];
    size_t len = from_hex(half_full, data, sizeof data);

    for (size_t cut = 1; cut < len; cut++) {
        uint8_t *exact = malloc(cut);
        assert_non_null(exact);
        memcpy(exact, data, cut);
        enum nt_err err = nt_trust_auth_half_decode(exact, cut, &h);
        /* A list of previous entries may end early, at an entry's end. */
        if (err == NT_OK)
            assert_true(h.current.count == 2 && h.previous.count < 2);
        free(exact);
    }
    for (size_t at = 0; at < 12; at++) {
        uint8_t keep = data[at];
        for (unsigned v = 0; v < 256; v++) {
            data[at] = (uint8_t)v;
            if (nt_trust_auth_half_decode(data, len, &h) == NT_OK && h.current.count > 0)
                assert_true(h.current.info[0].data >= data && h.current.info[0].data <= data + len);
        }
        data[at] = keep;
    }
    nt_put_le32(data, 5);
    assert_int_equal(nt_trust_auth_half_decode(data, len, &h), NT_E_LIMIT);
    nt_put_le32(data, 0xffffffff);
    assert_int_equal(nt_trust_auth_half_decode(data, len, &h), NT_E_LIMIT);
}

static struct nt_trust_auth sample(void)
{
    static const uint8_t password[] = { 'P', 0, 'w', 0, '1', 0 };
    static const uint8_t version[] = { 3, 0, 0, 0 };
    struct nt_trust_auth a = { 0 };
    a.outgoing.current.info[0] =
        (struct nt_trust_auth_info){ 11, NT_TRUST_AUTH_CLEAR, password, sizeof password };
    a.outgoing.current.info[1] =
        (struct nt_trust_auth_info){ 12, NT_TRUST_AUTH_VERSION, version, sizeof version };
    a.outgoing.current.count = 2;
    return a;
}

static void a_blob_comes_back_under_either_cipher(void **state)
{
    (void)state;
    struct nt_secret key = secret_of(KEY), other = secret_of("00112233445566778899aabbccddeeff");
    struct nt_trust_auth in = sample(), out;
    struct nt_lsa_auth_aes aes;
    struct nt_buf buf, again;

    nt_buf_init(&buf, NT_TRUST_AUTH_BLOB_MAX);
    nt_buf_init(&again, NT_TRUST_AUTH_BLOB_MAX);
    assert_int_equal(nt_lsa_auth_blob_encode(&key, &test_env, &in, &buf), NT_OK);
    nt_buf_put(&again, buf.data, buf.len);
    assert_int_equal(nt_lsa_auth_blob_decode(&key, buf.data, buf.len, &out), NT_OK);
    assert_int_equal(out.outgoing.current.count, 2);
    assert_int_equal(out.incoming.current.count, 0);
    assert_hex(out.outgoing.current.info[0].data, out.outgoing.current.info[0].len, "500077003100");
    assert_int_not_equal(nt_lsa_auth_blob_decode(&other, again.data, again.len, &out), NT_OK);
    assert_int_equal(nt_lsa_auth_blob_decode(&key, again.data, 519, &out), NT_E_TRUNCATED);
    assert_int_equal(nt_lsa_auth_blob_decode(&key, again.data, 1000000, &out), NT_E_LIMIT);

    nt_buf_clear(&buf);
    assert_int_equal(nt_lsa_auth_aes_encode(&key, &test_env, &in, &buf, &aes), NT_OK);
    assert_int_equal(nt_lsa_auth_aes_decode(&other, &aes, &out), NT_E_AUTH);
    assert_int_equal(nt_lsa_auth_aes_decode(&key, &aes, &out), NT_OK);
    assert_int_equal(nt_le32(out.outgoing.current.info[1].data), 3);

    struct nt_buf small;
    nt_buf_init(&small, 600 - 80);
    assert_int_equal(nt_lsa_auth_blob_encode(&key, &test_env, &in, &small), NT_E_LIMIT);
    nt_buf_free(&small);
    nt_buf_free(&buf);
    nt_buf_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_encrypted_with_a_moving_key),
        cmocka_unit_test(every_length_of_secret_comes_back),
        cmocka_unit_test(a_secret_under_another_key_is_refused),
        cmocka_unit_test(a_half_is_read_and_written_as_peers_do),
        cmocka_unit_test(an_empty_half_may_be_written_in_any_way),
        cmocka_unit_test(a_cut_or_lying_half_is_refused),
        cmocka_unit_test(a_blob_comes_back_under_either_cipher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
