/* UTF-8, UTF-16, names. */
#include "../test.h"

#include "base/utf16.h"

static struct nt_arena arena;

static int setup(void **state)
{
    (void)state;
    nt_arena_init(&arena, 1u << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nt_arena_free(&arena);
    return 0;
}

static void text_survives_the_way_to_utf16_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "EAST$", "caf\xc3\xa9", "\xe5\xb1\xb1",
                                         "\xf0\x9f\x94\x91" };
    for (size_t i = 0; i < NT_COUNT(texts); i++) {
        uint16_t *units;
        size_t count;
        char *back;
        assert_int_equal(nt_utf16_from_utf8(&arena, texts[i], &units, &count), NT_OK);
        assert_int_equal(units[count], 0);
        assert_int_equal(nt_utf8_from_utf16(&arena, units, count, &back), NT_OK);
        assert_string_equal(back, texts[i]);
    }
}

static void what_is_not_text_is_refused_but_can_be_shown(void **state)
{
    (void)state;
    static const uint16_t half[] = { 'a', 0xD800, 'b' }, nul[] = { 'a', 0, 'b' };
    uint16_t *units;
    char *out;
    assert_int_equal(nt_utf8_from_utf16(&arena, half, 3, &out), NT_E_MALFORMED);
    assert_int_equal(nt_utf8_from_utf16(&arena, nul, 3, &out), NT_E_MALFORMED);
    assert_int_equal(nt_utf8_from_utf16le(&arena, (const uint8_t *)"a\0b", 3, &out),
                     NT_E_MALFORMED);
    assert_int_equal(nt_utf16_from_utf8(&arena, "\xff", &units, NULL), NT_E_MALFORMED);
    assert_string_equal(nt_utf8_show(&arena, half, 3), "a\xef\xbf\xbd"
                                                       "b");
    assert_string_equal(nt_utf8_show(&arena, nul, 3), "a?b");
}

static void names_compare_without_regard_to_case(void **state)
{
    (void)state;
    assert_true(nt_name_equal("East$", "eAST$"));
    assert_true(nt_name_equal("\xc3\xa9t\xc3\xa9", "\xc3\x89T\xc3\x89"));
    assert_false(nt_name_equal("EAST", "EAST$")); /* a name is never its account */
    assert_false(nt_name_equal("", "a"));
    assert_string_equal(nt_name_fold(&arena, "caf\xc3\xa9 1"), "CAF\xc3\x89 1");
    assert_null(nt_name_fold(&arena, "\xff"));
}

static void names_are_checked(void **state)
{
    (void)state;
    assert_true(nt_netbios_name_ok("ACCOUNTS"));
    assert_true(nt_netbios_name_ok("A23456789012345"));
    assert_false(nt_netbios_name_ok("A234567890123456"));
    assert_false(nt_netbios_name_ok(""));
    assert_false(nt_netbios_name_ok(".A"));
    assert_false(nt_netbios_name_ok("A B"));
    assert_false(nt_netbios_name_ok("A\\B"));
    assert_false(nt_netbios_name_ok("A\nB"));
    assert_true(nt_text_ok("caf\xc3\xa9 / 1"));
    assert_false(nt_text_ok("a\nb"));
    assert_false(nt_text_ok("\x1b[2J"));
    assert_false(nt_text_ok("\xc2\x9b"
                            "2J")); /* the same in one character */
    assert_false(nt_text_ok("\xff"));
    assert_true(nt_account_name_ok("alice"));
    assert_true(nt_account_name_ok("Alice Liddell"));
    assert_true(nt_account_name_ok("12345678901234567890"));
    assert_false(nt_account_name_ok("123456789012345678901"));
    assert_false(nt_account_name_ok(" . "));
    assert_false(nt_account_name_ok("a@b"));
    assert_false(nt_account_name_ok("a\\b"));
    assert_false(nt_account_name_ok("\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_survives_the_way_to_utf16_and_back),
        cmocka_unit_test(what_is_not_text_is_refused_but_can_be_shown),
        cmocka_unit_test(names_compare_without_regard_to_case),
        cmocka_unit_test(names_are_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
