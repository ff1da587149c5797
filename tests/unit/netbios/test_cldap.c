/*
 * test_cldap.c - the ping of Active Directory's controllers, against what a Samba 4.17 answers.
 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "netbios/cldap.h"

static const char asked[] = "3033020101632e04000a01000a0100020100020100010100a00fa30d04054e74566572"
                            "040406000000300a04086e65746c6f676f6e";
static const char answered[] =
    "3079020101647404003070306e04086e65746c6f676f6e3162046017000000bd1100009d1c0c6358969445bcdf75e3"
    "d02bc24f0465617374047465737400c01806656173746463c0180445415354000645415354444300001744656661"
    "756c742d46697273742d536974652d4e616d6500c03d05000000ffffffff300c02010165070a010004000400";
static const char nothing[] = "300c02010165070a010004000400";

static size_t bytes(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned v;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
    return len;
}

static void the_request_asks_for_the_extended_form(void **state)
{
    (void)state;
    uint8_t want[128];
    size_t len = bytes(asked, want);
    struct nt_buf b;
    nt_buf_init(&b, 256);
    nt_cldap_request_write(&b, 1);
    assert_int_equal(b.err, NT_OK);
    assert_int_equal(b.len, len);
    assert_memory_equal(b.data, want, len);
    nt_buf_free(&b);
}

static void a_controller_says_who_it_is(void **state)
{
    (void)state;
    uint8_t data[256];
    size_t len = bytes(answered, data);
    struct nt_cldap_answer a;
    assert_int_equal(nt_cldap_answer_read(data, len, 1, &a), NT_OK);
    assert_string_equal(a.forest, "east.test");
    assert_string_equal(a.dns, "east.test");
    assert_string_equal(a.host, "eastdc.east.test");
    assert_string_equal(a.domain, "EAST");
    assert_string_equal(a.computer, "EASTDC");
    assert_true(a.flags & NT_CLDAP_PDC);
    assert_true(a.flags & NT_CLDAP_KDC);
    assert_true(a.flags & NT_CLDAP_WRITABLE);
    assert_int_equal(nt_cldap_answer_read(data, len, 2, &a), NT_E_UNSUPPORTED);
    len = bytes(nothing, data);
    assert_int_equal(nt_cldap_answer_read(data, len, 1, &a), NT_E_NOT_FOUND);
}

static void every_prefix_and_every_flipped_byte_is_judged_and_no_more(void **state)
{
    (void)state;
    uint8_t data[256], one[256];
    size_t len = bytes(answered, data);
    struct nt_cldap_answer a;
    for (size_t n = 0; n < 125; n++) /* before the end of the entry */
        assert_int_not_equal(nt_cldap_answer_read(data, n < len ? n : len, 1, &a),
                             n < 123 ? NT_OK : NT_E_LIMIT);
    for (size_t i = 0; i < len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(one, data, len);
            one[i] ^= (uint8_t)(1u << bit);
            if (nt_cldap_answer_read(one, len, 1, &a) == NT_OK)
                assert_true(strlen(a.host) < NT_CLDAP_NAME);
        }
}

/* A name that points at itself, or in a circle, ends. */
static void jumps_go_backwards(void **state)
{
    (void)state;
    uint8_t data[256];
    size_t len = bytes(answered, data), at = 27; /* of the value */
    struct nt_cldap_answer a;
    data[at + 24] = 0xc0;
    data[at + 25] = 24; /* the first name, to itself */
    assert_int_equal(nt_cldap_answer_read(data, len, 1, &a), NT_E_MALFORMED);
    data[at + 25] = 40; /* forwards */
    assert_int_equal(nt_cldap_answer_read(data, len, 1, &a), NT_E_MALFORMED);
    assert_string_equal(a.forest, "");
}

/* Names are shown, and written into files. */
static void a_name_with_control_characters_is_none(void **state)
{
    (void)state;
    uint8_t data[256];
    size_t len = bytes(answered, data);
    struct nt_cldap_answer a;
    uint8_t *name = data;
    while (memcmp(name, "EASTDC", 6) != 0)
        name++;
    name[2] = '\x1b';
    assert_int_equal(nt_cldap_answer_read(data, len, 1, &a), NT_E_MALFORMED);
    assert_string_equal(a.computer, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_asks_for_the_extended_form),
        cmocka_unit_test(a_controller_says_who_it_is),
        cmocka_unit_test(every_prefix_and_every_flipped_byte_is_judged_and_no_more),
        cmocka_unit_test(jumps_go_backwards),
        cmocka_unit_test(a_name_with_control_characters_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
