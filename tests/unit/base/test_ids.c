/* SIDs, UUIDs, times, statuses. */
#include "../test.h"

#include <string.h>

#include "base/nttime.h"
#include "base/sid.h"
#include "base/status.h"
#include "base/uuid.h"

static void a_sid_survives_text_and_bytes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "S-1-0", "S-1-5-32-544", "S-1-5-21-1891221087-3989210506-246316314-500",
        "S-1-0xffffffffffff-1-2-3-4-5-6-7-8-9-10-11-12-13-14-4294967295"
    };
    for (size_t i = 0; i < NT_COUNT(texts); i++) {
        struct nt_sid sid, back;
        struct nt_buf b;
        struct nt_cursor c;
        char text[NT_SID_TEXT];
        assert_true(nt_sid_parse(texts[i], &sid));
        assert_string_equal(nt_sid_format(&sid, text), texts[i]);
        nt_buf_init(&b, 100);
        nt_sid_write(&b, &sid);
        nt_cursor_init(&c, b.data, b.len);
        assert_true(nt_sid_read(&c, &back));
        assert_int_equal(nt_cursor_left(&c), 0);
        assert_true(nt_sid_equal(&sid, &back));
        for (size_t cut = 0; cut < b.len; cut++) {
            nt_cursor_init(&c, b.data, cut);
            assert_false(nt_sid_read(&c, &back));
        }
        nt_buf_free(&b);
    }
}

static void what_is_no_sid_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "S",
                                         "S-1",
                                         "S-2-5",
                                         "S-1-5-",
                                         "S-1-5-x",
                                         "S-1-5--1",
                                         "S-1-5-4294967296",
                                         "S-1-281474976710656",
                                         "S-1-5 ",
                                         "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
                                         "S-1-5-99999999999999999999999" };
    struct nt_sid sid;
    struct nt_cursor c;
    for (size_t i = 0; i < NT_COUNT(texts); i++)
        assert_false(nt_sid_parse(texts[i], &sid));
    uint8_t too_many[8 + 64] = { 1, 16 };
    nt_cursor_init(&c, too_many, sizeof too_many);
    assert_false(nt_sid_read(&c, &sid));
}

static void a_rid_belongs_to_its_domain_only(void **state)
{
    (void)state;
    struct nt_sid domain, other, user, full;
    uint32_t rid;
    assert_true(nt_sid_parse("S-1-5-21-1-2-3", &domain));
    assert_true(nt_sid_parse("S-1-5-21-1-2-4", &other));
    assert_true(nt_sid_with_rid(&domain, 1000, &user));
    assert_true(nt_sid_in_domain(&user, &domain, &rid));
    assert_int_equal(rid, 1000);
    assert_false(nt_sid_in_domain(&user, &other, NULL));
    assert_false(nt_sid_in_domain(&domain, &domain, NULL));
    assert_true(nt_sid_parse("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15", &full));
    assert_false(nt_sid_with_rid(&full, 1, &user));
    assert_true(nt_sid_compare(&domain, &other) < 0 && nt_sid_compare(&other, &domain) > 0);
}

static void a_uuid_survives_text_and_bytes(void **state)
{
    (void)state;
    static const char text[] = "12345678-1234-abcd-ef00-01234567cffb";
    struct nt_uuid u, back;
    struct nt_buf b;
    struct nt_cursor c;
    char out[NT_UUID_TEXT];
    assert_true(nt_uuid_parse(text, &u));
    assert_string_equal(nt_uuid_format(&u, out), text);
    nt_buf_init(&b, 16);
    nt_uuid_write(&b, &u);
    assert_memory_equal(b.data, "\x78\x56\x34\x12\x34\x12\xcd\xab\xef\x00\x01\x23\x45\x67\xcf\xfb",
                        16);
    nt_cursor_init(&c, b.data, b.len);
    back = nt_uuid_read(&c);
    assert_true(nt_uuid_equal(&u, &back));
    nt_buf_free(&b);
    assert_false(nt_uuid_parse("12345678-1234-abcd-ef00-01234567cff", &u));
    assert_false(nt_uuid_parse("12345678-1234-abcd-ef00_01234567cffb", &u));
}

static void times_are_written_for_people_and_programs(void **state)
{
    (void)state;
    char out[NT_TIME_TEXT];
    nt_time t = nt_time_from_unix(1795245637, 123456700);
    assert_int_equal(nt_time_to_unix(t), 1795245637);
    assert_string_equal(nt_time_format(t, out), "2026-11-21 07:20:37Z");
    assert_string_equal(nt_time_rfc3339(t, out), "2026-11-21T07:20:37Z");
    assert_string_equal(nt_time_format(0, out), "never");
    assert_string_equal(nt_time_format(UINT64_MAX, out), "never");
    assert_int_equal(nt_time_from_unix(INT64_MIN, 0), 0);
    assert_int_equal(nt_time_from_unix(INT64_MAX, 0), NT_TIME_NEVER);
    assert_int_equal(nt_time_from_unix(0, 0), UINT64_C(116444736000000000));
}

static void statuses_have_names(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(nt_status_format(NT_STATUS(ACCESS_DENIED), out),
                        "0xC0000022 ACCESS_DENIED");
    assert_string_equal(nt_status_name((ntstatus){ 0x12345678 }), "UNKNOWN");
    assert_true(nt_status_ok(NT_STATUS(MORE_ENTRIES)));
    assert_false(nt_status_ok(NT_STATUS(NO_MORE_ENTRIES)));
    for (int e = NT_OK; e <= NT_E_TOO_NEW; e++) {
        assert_string_not_equal(nt_err_text((enum nt_err)e), "unknown error");
        assert_int_equal(nt_status_ok(nt_status_of((enum nt_err)e)), e == NT_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sid_survives_text_and_bytes),
        cmocka_unit_test(what_is_no_sid_is_refused),
        cmocka_unit_test(a_rid_belongs_to_its_domain_only),
        cmocka_unit_test(a_uuid_survives_text_and_bytes),
        cmocka_unit_test(times_are_written_for_people_and_programs),
        cmocka_unit_test(statuses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
