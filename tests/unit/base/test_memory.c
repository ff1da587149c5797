/* Arena, growing buffer, cursor, secrets. */
#include "../test.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "base/secret.h"

static void an_arena_never_hands_out_more_than_its_limit(void **state)
{
    (void)state;
    struct nt_arena a;
    nt_arena_init(&a, 1000);
    assert_non_null(nt_arena_alloc(&a, 600));
    assert_null(nt_arena_alloc(&a, 401));
    assert_non_null(nt_arena_alloc(&a, 400));
    assert_null(nt_arena_alloc(&a, 1));
    assert_non_null(nt_arena_alloc(&a, 0));
    assert_null(nt_arena_array(&a, SIZE_MAX / 2, 3));
    nt_arena_reset(&a);
    assert_non_null(nt_arena_alloc(&a, 1000));
    nt_arena_free(&a);
    nt_arena_init(&a, 0);
    assert_null(nt_arena_alloc(&a, 1));
    nt_arena_free(&a);
}

static void arena_memory_is_zeroed_and_aligned_also_when_used_again(void **state)
{
    (void)state;
    struct nt_arena a;
    nt_arena_init(&a, 1u << 20);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 9000; n = n * 3 + 1) {
            uint8_t *p = nt_arena_alloc(&a, n);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xAA, n);
        }
        nt_arena_reset(&a);
    }
    assert_string_equal(nt_arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_string_equal(nt_arena_strdup(&a, "copy"), "copy");
    nt_arena_free(&a);
}

static void a_buffer_stops_at_its_limit_and_stays_stopped(void **state)
{
    (void)state;
    struct nt_buf b;
    nt_buf_init(&b, 10);
    nt_buf_u32le(&b, 0x04030201);
    nt_buf_u32be(&b, 0x05060708);
    nt_buf_u32le(&b, 1);
    assert_int_equal(b.err, NT_E_LIMIT);
    assert_int_equal(b.len, 8);
    nt_buf_u8(&b, 9); /* it would fit, but the error is sticky */
    assert_int_equal(b.len, 8);
    assert_memory_equal(b.data, "\1\2\3\4\5\6\7\10", 8);
    nt_buf_clear(&b);
    assert_int_equal(b.err, NT_OK);
    nt_buf_printf(&b, "%s", "123456789"); /* leaves room for no NUL, and needs none after */
    assert_int_equal(b.len, 9);
    nt_buf_drop(&b, 4);
    assert_memory_equal(b.data, "56789", 5);
    nt_buf_free(&b);
}

static void a_cursor_gives_zero_after_the_end_and_stays_there(void **state)
{
    (void)state;
    static const uint8_t data[] = { 1, 2, 3, 4, 5 };
    struct nt_cursor c;
    nt_cursor_init(&c, data, sizeof data);
    assert_int_equal(nt_cursor_u16le(&c), 0x0201);
    nt_cursor_align(&c, 4);
    assert_int_equal(nt_cursor_u16be(&c), 0);
    assert_int_equal(c.err, NT_E_TRUNCATED);
    assert_int_equal(nt_cursor_u8(&c), 0); /* one byte is there, but the error is sticky */
    assert_int_equal(nt_cursor_left(&c), 0);

    nt_cursor_init(&c, data, sizeof data);
    assert_null(nt_cursor_take(&c, SIZE_MAX));
    nt_cursor_init(&c, data, sizeof data);
    nt_cursor_seek(&c, 5);
    assert_int_equal(c.err, NT_OK);
    nt_cursor_seek(&c, 6);
    assert_int_equal(c.err, NT_E_TRUNCATED);
    nt_cursor_init(&c, NULL, 0);
    assert_non_null(nt_cursor_take(&c, 0));
    assert_int_equal(nt_cursor_u64be(&c), 0);
}

static void comparison_and_hexadecimal(void **state)
{
    (void)state;
    struct nt_secret a = { { 1, 2 }, 2 }, b = { { 1, 2 }, 2 }, c = { { 1, 2, 0 }, 3 };
    assert_true(nt_secret_equal(&a, &b));
    assert_false(nt_secret_equal(&a, &c));
    b.b[1] = 3;
    assert_false(nt_secret_equal(&a, &b));
    nt_secret_wipe(&a);
    assert_int_equal(a.len, 0);
    char text[9];
    uint8_t back[4];
    nt_hex((const uint8_t[]){ 0, 0x7f, 0xab, 0xff }, 4, text);
    assert_string_equal(text, "007fabff");
    assert_true(nt_unhex("007FabFF", back, 4));
    assert_int_equal(nt_be32(back), 0x007fabff);
    assert_false(nt_unhex("007fabf", back, 4));
    assert_false(nt_unhex("007fabfg", back, 4));
}

static void a_typed_password_becomes_utf16(void **state)
{
    (void)state;
    struct nt_password p;
    assert_true(nt_password_from_utf8(&p, "a\xc3\xa9\xf0\x9f\x94\x91"));
    assert_int_equal(p.len, 8);
    assert_memory_equal(p.b, "a\0\xe9\0\x3d\xd8\x11\xdd", 8);
    assert_true(nt_password_from_utf8(&p, ""));
    assert_int_equal(p.len, 0);
    assert_false(nt_password_from_utf8(&p, "\xff"));
    assert_false(nt_password_from_utf8(&p, "\xc0\xaf"));         /* overlong */
    assert_false(nt_password_from_utf8(&p, "\xed\xa0\x80"));     /* a surrogate */
    assert_false(nt_password_from_utf8(&p, "\xf4\x90\x80\x80")); /* past U+10FFFF */
    assert_false(nt_password_from_utf8(&p, "\xe2\x82"));         /* cut */
    char longest[258];
    memset(longest, 'x', sizeof longest);
    longest[256] = '\0';
    assert_true(nt_password_from_utf8(&p, longest));
    assert_int_equal(p.len, 512);
    longest[256] = 'x';
    longest[257] = '\0';
    assert_false(nt_password_from_utf8(&p, longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_never_hands_out_more_than_its_limit),
        cmocka_unit_test(arena_memory_is_zeroed_and_aligned_also_when_used_again),
        cmocka_unit_test(a_buffer_stops_at_its_limit_and_stays_stopped),
        cmocka_unit_test(a_cursor_gives_zero_after_the_end_and_stays_there),
        cmocka_unit_test(comparison_and_hexadecimal),
        cmocka_unit_test(a_typed_password_becomes_utf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
