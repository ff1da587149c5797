/*
 * support.h - what the tests of the domain share: a clock and randomness that a test decides, and
 * transactions in one line.
 */
#ifndef NT_TESTS_DOMAIN_SUPPORT_H
#define NT_TESTS_DOMAIN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/env.h"
#include "domain/ops.h"

/* A moment to begin at. */
#define T0 (UINT64_C(13400000000) * NT_TIME_SECOND)

struct world {
    nt_time now;
    uint64_t seed;
    struct nt_env env;
};
void world_init(struct world *w, uint64_t seed);
uint64_t world_random(struct world *w);           /* 64 random bits */
uint32_t below(struct world *w, uint32_t n);      /* 0 to n - 1 */
bool chance(struct world *w, uint32_t per_mille); /* true so often */

/* The hash of a text, for brevity. */
struct nt_secret hash_of(const char *text);
struct nt_password password_of(const char *text);

/* A directory with the domain EAST, controller EASTDC, SID S-1-5-21-1-2-3. */
struct nt_dir *domain_new(struct world *w);
/* The transaction's directory in place of *dir; ends the transaction. */
void finish(struct nt_txn *txn, struct nt_dir **dir);

#define assert_status(got, name)                                                                   \
    assert_string_equal(nt_status_name(got), nt_status_name(NT_STATUS(name)))
#define assert_ok(status) assert_status(status, SUCCESS)

#endif
