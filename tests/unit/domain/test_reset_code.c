/* test_reset_code.c - the code that one administrator tells the other: what it says, and that no
 * usual mistake in typing it goes unnoticed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/reset_code.h"
#include "support.h"

#define N NT_RESET_CODE_SYMBOLS

static const struct nt_reset_pair pair = { "ACCOUNTS", "RESOURCES" };

static struct nt_reset_code made(struct world *w)
{
    struct nt_reset_code code;
    nt_reset_code_make(&w->env, &pair, NT_RESET_TRUSTED, 24 * 3600, &code);
    return code;
}

/* --- the mathematics --- */

/* Of the test's own: by logarithms to the base 2. */
static uint8_t times(uint8_t a, uint8_t b)
{
    static uint8_t power[31], log[32];
    if (power[0] == 0)
        for (unsigned i = 0, x = 1; i < 31; i++) {
            power[i] = (uint8_t)x;
            log[x] = (uint8_t)i;
            x = x << 1 ^ (x >= 16 ? 0x25u : 0);
        }
    return a == 0 || b == 0 ? 0 : power[(log[a] + log[b]) % 31];
}

static uint8_t inverse(uint8_t a)
{
    uint8_t b = 1;
    while (times(a, b) != 1)
        b++;
    return b;
}

/* Remainders as vectors of five elements, highest first. */
static uint8_t element(uint32_t v, unsigned i)
{
    return v >> 5 * (4 - i) & 31;
}

static uint32_t scale(uint32_t v, uint8_t by)
{
    uint32_t out = 0;
    for (unsigned i = 0; i < 5; i++)
        out = out << 5 | times(element(v, i), by);
    return out;
}

/* What one wrong symbol at each place, by 1, leaves of the check digits. */
static void columns(struct world *w, uint32_t out[N])
{
    struct nt_reset_code code = made(w);
    for (size_t i = 0; i < N; i++) {
        code.symbol[i] ^= 1;
        out[i] = nt_reset_code_remainder(&code, &pair);
        code.symbol[i] ^= 1;
    }
}

static bool independent(const uint32_t column[5])
{
    uint8_t m[5][5];
    for (unsigned c = 0; c < 5; c++)
        for (unsigned r = 0; r < 5; r++)
            m[r][c] = element(column[c], r);
    for (unsigned c = 0; c < 5; c++) {
        unsigned pivot = c;
        while (pivot < 5 && m[pivot][c] == 0)
            pivot++;
        if (pivot == 5)
            return false;
        for (unsigned k = 0; k < 5; k++) {
            uint8_t swap = m[c][k];
            m[c][k] = m[pivot][k];
            m[pivot][k] = swap;
        }
        for (unsigned r = c + 1; r < 5; r++) {
            uint8_t factor = times(m[r][c], inverse(m[c][c]));
            for (unsigned k = 0; k < 5; k++)
                m[r][k] ^= times(factor, m[c][k]);
        }
    }
    return true;
}

/* A mistake adds to the remainder the sum of its columns, each times its size: shown here for all
 * of one and, over random ones, of many places. */
static void the_remainder_is_linear(void **state)
{
    (void)state;
    struct world w;
    uint32_t column[N];
    world_init(&w, 1);
    columns(&w, column);
    struct nt_reset_code code = made(&w);
    for (size_t i = 0; i < N; i++)
        for (uint8_t by = 1; by < 32; by++) {
            code.symbol[i] ^= by;
            assert_int_equal(nt_reset_code_remainder(&code, &pair), scale(column[i], by));
            code.symbol[i] ^= by;
        }
    for (unsigned round = 0; round < 2000; round++) {
        struct nt_reset_code wrong = made(&w);
        uint32_t sum = 0;
        for (size_t i = 0; i < N; i++) {
            uint8_t by = (uint8_t)below(&w, 32);
            wrong.symbol[i] ^= by;
            sum ^= scale(column[i], by);
        }
        assert_int_equal(nt_reset_code_remainder(&wrong, &pair), sum);
    }
}

/* So five or fewer wrong symbols never fit, wherever they are: the distance is six. */
static void any_five_columns_are_independent(void **state)
{
    (void)state;
    struct world w;
    uint32_t c[N];
    unsigned sets = 0;
    world_init(&w, 2);
    columns(&w, c);
    for (size_t i = 0; i < N; i++)
        for (size_t j = i + 1; j < N; j++)
            for (size_t k = j + 1; k < N; k++)
                for (size_t l = k + 1; l < N; l++)
                    for (size_t m = l + 1; m < N; m++) {
                        const uint32_t five[5] = { c[i], c[j], c[k], c[l], c[m] };
                        assert_true(independent(five));
                        sets++;
                    }
    assert_int_equal(sets, 53130);
}

/* --- typing it --- */

static bool fits_text(const char *text)
{
    struct nt_reset_code code;
    size_t at;
    return nt_reset_code_read(text, &code, &at) == NT_RESET_READ &&
           nt_reset_code_fits(&code, &pair);
}

static void replaced_and_exchanged_characters_are_noticed_and_located(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 3);
    struct nt_reset_code code = made(&w), wrong = code;
    for (size_t i = 0; i < N; i++) {
        for (uint8_t by = 1; by < 32; by++) {
            wrong.symbol[i] = code.symbol[i] ^ by;
            assert_false(nt_reset_code_fits(&wrong, &pair));
            assert_int_equal(nt_reset_code_suspect(&wrong, &pair), i / 5 + 1);
        }
        wrong = code;
        for (size_t k = i + 1; k < N; k++) { /* neighbours, and any other two */
            if (code.symbol[i] == code.symbol[k])
                continue;
            wrong.symbol[i] = code.symbol[k];
            wrong.symbol[k] = code.symbol[i];
            assert_false(nt_reset_code_fits(&wrong, &pair));
            assert_int_equal(nt_reset_code_suspect(&wrong, &pair), k == i + 1 ? i / 5 + 1 : 0);
            wrong = code;
        }
    }
}

static void two_wrong_characters_are_noticed(void **state)
{
    (void)state;
    struct world w;
    uint32_t c[N];
    world_init(&w, 4);
    columns(&w, c);
    for (size_t i = 0; i < N; i++)
        for (size_t k = i + 1; k < N; k++)
            for (uint8_t a = 1; a < 32; a++)
                for (uint8_t b = 1; b < 32; b++)
                    assert_int_not_equal(scale(c[i], a) ^ scale(c[k], b), 0);
}

static void case_hyphens_spaces_and_lookalikes_do_not_matter(void **state)
{
    (void)state;
    struct world w;
    char text[NT_RESET_CODE_TEXT], typed[100];
    world_init(&w, 5);
    bool had_look_alike = false;
    for (unsigned round = 0; round < 50; round++) {
        struct nt_reset_code code = made(&w), again;
        size_t at, n = 0;
        nt_reset_code_text(&code, text);
        assert_int_equal(strlen(text), NT_RESET_CODE_TEXT - 1);
        assert_int_equal(strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), strlen(text));
        for (const char *p = text; *p != '\0'; p++) {
            char c = (char)tolower(*p);
            if (c == '-')
                continue;
            had_look_alike |= c == '0' || c == '1';
            typed[n++] = c == '0' ? 'o' : c == '1' ? (round % 2 != 0 ? 'l' : 'I') : c;
            typed[n++] = round % 3 == 0 ? ' ' : '-';
        }
        typed[n] = '\0';
        assert_int_equal(nt_reset_code_read(typed, &again, &at), NT_RESET_READ);
        assert_memory_equal(&again, &code, sizeof code);
        assert_true(fits_text(typed));
    }
    assert_true(had_look_alike);
}

static void what_no_code_has_is_told_with_its_place(void **state)
{
    (void)state;
    struct nt_reset_code code;
    size_t at;
    assert_int_equal(nt_reset_code_read("", &code, &at), NT_RESET_LENGTH);
    assert_int_equal(at, 0);
    assert_int_equal(nt_reset_code_read("00000-00000-00000-00000-0000", &code, &at),
                     NT_RESET_LENGTH);
    assert_int_equal(at, 24);
    assert_int_equal(nt_reset_code_read("00000-00000-00000-00000-000000", &code, &at),
                     NT_RESET_LENGTH);
    assert_int_equal(at, 26);
    assert_int_equal(nt_reset_code_read("abU", &code, &at), NT_RESET_CHARACTER);
    assert_int_equal(at, 2);
    assert_int_equal(nt_reset_code_read("ab\xC3\xA4", &code, &at), NT_RESET_CHARACTER);
}

/* --- what it says --- */

static void it_is_for_one_pair_of_domains_in_one_order(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 6);
    for (unsigned round = 0; round < 20; round++) {
        struct nt_reset_code code = made(&w);
        const struct nt_reset_pair same = { "accounts", "Resources" };
        const struct nt_reset_pair others[] = { { "RESOURCES", "ACCOUNTS" },
                                                { "ACCOUNTS", "RESOURCE" },
                                                { "ACCOUNT", "SRESOURCES" },
                                                { "ACCOUNTS", "OTHER" } };
        assert_true(nt_reset_code_fits(&code, &pair));
        assert_true(nt_reset_code_fits(&code, &same));
        for (size_t i = 0; i < NT_COUNT(others); i++)
            assert_false(nt_reset_code_fits(&code, &others[i]));
    }
}

static void it_says_until_when_and_for_which_ends(void **state)
{
    (void)state;
    static const uint64_t lives[] = { NT_RESET_CODE_LIFE_LEAST, 3600, 24 * 3600,
                                      NT_RESET_CODE_LIFE_MOST };
    const nt_time step = 10 * NT_TIME_MINUTE;
    struct world w;
    world_init(&w, 7);
    for (unsigned round = 0; round < 400; round++) {
        struct nt_reset_code code;
        uint64_t life = lives[round % 4];
        enum nt_reset_ends ends = (enum nt_reset_ends)(1 + round % 3);
        w.now = T0 + world_random(&w) % (1000 * NT_TIME_DAY);
        nt_reset_code_make(&w.env, &pair, ends, life, &code);
        nt_time until = nt_reset_code_until(&code, w.now);
        assert_int_equal(nt_reset_code_ends(&code), ends);
        assert_true(until >= w.now + life * NT_TIME_SECOND);
        assert_true(until < w.now + life * NT_TIME_SECOND + step);
        assert_false(nt_reset_code_expired(&code, w.now));
        assert_false(nt_reset_code_expired(&code, until - 1));
        assert_true(nt_reset_code_expired(&code, until));
        for (unsigned day = 0; day < 28; day++) {
            assert_int_equal(nt_reset_code_until(&code, until + day * NT_TIME_DAY), until);
            assert_true(nt_reset_code_expired(&code, until + day * NT_TIME_DAY));
        }
        assert_true(nt_reset_code_expired(&code, until + 45 * NT_TIME_DAY));
    }
}

static void codes_differ_and_their_marks_too(void **state)
{
    (void)state;
    struct world w;
    uint8_t a[NT_CODE_MARK], b[NT_CODE_MARK], again[NT_CODE_MARK];
    world_init(&w, 8);
    struct nt_reset_code one = made(&w), two = made(&w);
    assert_memory_not_equal(one.symbol, two.symbol, 17);
    nt_reset_code_mark(&one, a);
    nt_reset_code_mark(&two, b);
    nt_reset_code_mark(&one, again);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_equal(a, again, sizeof a);
}

static void its_text_is_the_password(void **state)
{
    (void)state;
    struct world w;
    char text[NT_RESET_CODE_TEXT];
    world_init(&w, 9);
    struct nt_reset_code code = made(&w);
    struct nt_password password = { .len = 0 };
    nt_reset_code_text(&code, text);
    nt_reset_code_password(&code, &password);
    struct nt_password typed = password_of(text);
    assert_int_equal(password.len, 2 * 29);
    assert_memory_equal(password.b, typed.b, typed.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_remainder_is_linear),
        cmocka_unit_test(any_five_columns_are_independent),
        cmocka_unit_test(replaced_and_exchanged_characters_are_noticed_and_located),
        cmocka_unit_test(two_wrong_characters_are_noticed),
        cmocka_unit_test(case_hyphens_spaces_and_lookalikes_do_not_matter),
        cmocka_unit_test(what_no_code_has_is_told_with_its_place),
        cmocka_unit_test(it_is_for_one_pair_of_domains_in_one_order),
        cmocka_unit_test(it_says_until_when_and_for_which_ends),
        cmocka_unit_test(codes_differ_and_their_marks_too),
        cmocka_unit_test(its_text_is_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
