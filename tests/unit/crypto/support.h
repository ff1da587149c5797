/*
 * support.h - what the tests of cryptography share: hexadecimal in, comparison out, and an
 * environment whose clock and random source a test can predict.
 */
#ifndef NT_TESTS_CRYPTO_SUPPORT_H
#define NT_TESTS_CRYPTO_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/env.h"
#include "base/secret.h"

/* Reads hexadecimal text into `out` of `cap` bytes; the number of bytes. */
static inline size_t from_hex(const char *hex, void *out, size_t cap)
{
    size_t len = strlen(hex) / 2;
    assert_true(len <= cap);
    assert_true(nt_unhex(hex, out, len));
    return len;
}

static inline void assert_hex(const void *data, size_t len, const char *hex)
{
    uint8_t expected[4096];
    size_t n = from_hex(hex, expected, sizeof expected);
    assert_int_equal(len, n);
    if (n > 0)
        assert_memory_equal(data, expected, n);
}

static inline struct nt_secret secret_of(const char *hex)
{
    struct nt_secret s = { .len = 0 };
    s.len = from_hex(hex, s.b, sizeof s.b);
    return s;
}

static inline nt_time test_now(void *ctx)
{
    (void)ctx;
    return UINT64_C(134281732460000000);
}

/* Counts on from where it was: bytes that look different each time and are the same each run. */
static inline void test_random(void *ctx, void *to, size_t len)
{
    static uint8_t counter;
    uint8_t *p = to;
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        p[i] = counter = (uint8_t)(counter * 5 + 17);
}

static const struct nt_env test_env = { test_now, test_random, NULL };

#endif
