/* The sealed part of records: what is written is read back, nothing else is, and nothing opens in
 * another place. */
#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "store/blob.h"

static const struct nt_secret key = { .b = { 1, 2, 3 }, .len = 32 };

static void written_and_read(bool extreme)
{
    struct nt_buf b;
    struct nt_cursor c;
    nt_buf_init(&b, 1 << 20);

    struct nt_account *a = full_account(1000, extreme), *a2 = nt_record_new(NT_KIND_ACCOUNT);
    nt_blob_account_write(&b, a);
    assert_int_equal(b.err, NT_OK);
    nt_cursor_init(&c, b.data, b.len);
    assert_int_equal(nt_blob_account_read(&c, a2), NT_OK);
    assert_non_null(a2->in);
    assert_memory_equal(a->in, a2->in, sizeof *a->in);
    assert_memory_equal(&a->nt_hash, &a2->nt_hash, sizeof a->nt_hash);
    nt_record_unref(a);
    nt_record_unref(a2);

    struct nt_tdo *t = full_tdo("EAST", extreme), *t2 = nt_record_new(NT_KIND_TDO);
    nt_buf_clear(&b);
    nt_blob_tdo_write(&b, t);
    assert_int_equal(b.err, NT_OK);
    nt_cursor_init(&c, b.data, b.len);
    assert_int_equal(nt_blob_tdo_read(&c, t2), NT_OK);
    assert_memory_equal(&t->out, &t2->out, sizeof t->out);
    assert_memory_equal(&t->lease, &t2->lease, sizeof t->lease);
    nt_record_unref(t);
    nt_record_unref(t2);
    nt_buf_free(&b);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    written_and_read(false);
    written_and_read(true);
}

/* A TDO as it was written before there were leases: nobody's. */
/* A blob of an older version, which ends so many bytes before. */
static void read_tdo(struct nt_buf *b, uint8_t version, size_t less, struct nt_tdo *t)
{
    struct nt_cursor c;
    b->data[0] = version;
    nt_cursor_init(&c, b->data, b->len - less);
    assert_int_equal(nt_blob_tdo_read(&c, t), NT_OK);
}

static void an_older_blob_is_read(void **state)
{
    (void)state;
    const size_t code = sizeof(nt_time) + NT_CODE_MARK;
    const size_t lease = sizeof((struct nt_tdo *)0)->lease.holder + 2 * sizeof(uint64_t);
    const size_t seen = 4 + 8 + 8 + 4 + 8 + 8 + 1; /* without laggards */
    struct nt_buf b;
    struct nt_cursor c;
    struct nt_tdo *t = full_tdo("EAST", false), *t1 = nt_record_new(NT_KIND_TDO),
                  *t2 = nt_record_new(NT_KIND_TDO), *t3 = nt_record_new(NT_KIND_TDO);
    nt_buf_init(&b, 1 << 20);
    memset(&t->out.seen, 0, sizeof t->out.seen);
    nt_blob_tdo_write(&b, t);
    assert_int_equal(b.err, NT_OK);
    read_tdo(&b, 3, seen, t3);
    assert_memory_equal(&t->out, &t3->out, sizeof t->out);
    read_tdo(&b, 2, seen + code, t2);
    assert_int_equal(t2->lease.number, t->lease.number);
    read_tdo(&b, 1, seen + code + lease, t1);
    assert_int_equal(t1->lease.number, 0);
    t->out.initial_until = 0;
    memset(t->out.code_mark, 0, sizeof t->out.code_mark);
    assert_memory_equal(&t->out, &t1->out, sizeof t->out);
    assert_memory_equal(&t->out, &t2->out, sizeof t->out);
    nt_record_unref(t);
    nt_record_unref(t1);
    nt_record_unref(t2);
    nt_record_unref(t3);

    nt_buf_clear(&b);
    struct nt_account *a = full_account(1, false), *a1 = nt_record_new(NT_KIND_ACCOUNT);
    free(a->past);
    a->past = NULL;
    nt_blob_account_write(&b, a);
    b.data[0] = 1;
    nt_cursor_init(&c, b.data, b.len - code - 1); /* and no past */
    assert_int_equal(nt_blob_account_read(&c, a1), NT_OK);
    assert_string_equal(a1->in->last_from, a->in->last_from);
    assert_int_equal(a1->in->initial_until, 0);
    nt_record_unref(a);
    nt_record_unref(a1);
    nt_buf_free(&b);
}

/* Every prefix is refused, and so is one byte more. */
static void only_the_whole_is_read(void **state)
{
    (void)state;
    struct nt_buf b;
    struct nt_cursor c;
    nt_buf_init(&b, 1 << 20);
    struct nt_tdo *t = full_tdo("EAST", false);
    nt_blob_tdo_write(&b, t);
    nt_record_unref(t);
    for (size_t len = 0; len < b.len; len++) {
        t = nt_record_new(NT_KIND_TDO);
        nt_cursor_init(&c, b.data, len);
        assert_int_equal(nt_blob_tdo_read(&c, t), NT_E_TRUNCATED);
        nt_record_unref(t);
    }
    nt_buf_u8(&b, 0);
    t = nt_record_new(NT_KIND_TDO);
    nt_cursor_init(&c, b.data, b.len);
    assert_int_equal(nt_blob_tdo_read(&c, t), NT_E_MALFORMED);
    nt_record_unref(t);

    nt_buf_clear(&b);
    struct nt_account *a = full_account(1, true);
    nt_blob_account_write(&b, a);
    nt_record_unref(a);
    for (size_t len = 0; len < b.len; len++) {
        a = nt_record_new(NT_KIND_ACCOUNT);
        nt_cursor_init(&c, b.data, len);
        assert_int_equal(nt_blob_account_read(&c, a), NT_E_TRUNCATED);
        nt_record_unref(a);
    }

    nt_buf_clear(&b);
    struct nt_lsa_secret *s = full_secret("X", 40, 0);
    nt_blob_secret_write(&b, s);
    nt_record_unref(s);
    for (size_t len = 0; len < b.len; len++) {
        s = nt_record_new(NT_KIND_SECRET);
        nt_cursor_init(&c, b.data, len);
        assert_int_equal(nt_blob_secret_read(&c, s), NT_E_TRUNCATED);
        nt_record_unref(s);
    }
    nt_buf_free(&b);
}

static void a_newer_or_senseless_layout_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } cases[] = {
        { { 0, 0, 0 }, 3 },     /* version 0 */
        { { 4, 0, 0 }, 3 },     /* a newer version */
        { { 1, 33, 0 }, 3 },    /* a hash longer than any */
        { { 1, 0, 2 }, 3 },     /* neither true nor false */
        { { 1, 0, 1, 99 }, 4 }, /* an unknown state */
    };
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct nt_cursor c;
        struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
        nt_cursor_init(&c, cases[i].bytes, cases[i].len);
        assert_int_equal(nt_blob_account_read(&c, a), NT_E_MALFORMED);
        nt_record_unref(a);
    }
}

static void a_seal_opens_only_as_it_was_made(void **state)
{
    (void)state;
    struct nt_buf sealed;
    struct nt_account *a = full_account(1000, false);
    assert_int_equal(nt_blob_account_seal(a, &key, nt_env_system(), "account/1000", &sealed),
                     NT_OK);

    /* None of the secrets shows. */
    assert_null(memmem(sealed.data, sealed.len, a->nt_hash.b, 8));
    assert_null(memmem(sealed.data, sealed.len, a->in->current.b, 8));

    struct nt_account *b = nt_record_new(NT_KIND_ACCOUNT);
    struct nt_secret other = key;
    other.b[31] ^= 1;
    assert_int_equal(nt_blob_account_open(b, &key, "account/1001", sealed.data, sealed.len),
                     NT_E_CORRUPT);
    assert_int_equal(nt_blob_account_open(b, &other, "account/1000", sealed.data, sealed.len),
                     NT_E_CORRUPT);
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_equal(nt_blob_account_open(b, &key, "account/1000", sealed.data, len),
                         NT_E_CORRUPT);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        assert_int_equal(nt_blob_account_open(b, &key, "account/1000", sealed.data, sealed.len),
                         NT_E_CORRUPT);
        sealed.data[i] ^= 1;
    }
    assert_int_equal(nt_blob_account_open(b, &key, "account/1000", sealed.data, sealed.len), NT_OK);
    assert_non_null(b->in);
    assert_memory_equal(a->in, b->in, sizeof *a->in);
    nt_buf_free(&sealed);
    nt_record_unref(a);
    nt_record_unref(b);
}

static void two_seals_of_one_record_differ(void **state)
{
    (void)state;
    struct nt_buf one, two;
    struct nt_account *a = full_account(1000, false);
    assert_int_equal(nt_blob_account_seal(a, &key, nt_env_system(), "account/1000", &one), NT_OK);
    assert_int_equal(nt_blob_account_seal(a, &key, nt_env_system(), "account/1000", &two), NT_OK);
    assert_int_equal(one.len, two.len);
    assert_memory_not_equal(one.data, two.data, one.len);
    nt_buf_free(&one);
    nt_buf_free(&two);
    nt_record_unref(a);
}

/* A reminder: who adds a field adds it to blob.c (with a new version byte when stores of the old
 * layout are about), to samples.c, and then here. */
static void the_layouts_know_all_fields(void **state)
{
    (void)state;
    if (sizeof(void *) != 8)
        skip();
    assert_int_equal(sizeof(struct nt_trust_in), 712);
    assert_int_equal(sizeof(struct nt_trust_out), 11784);
    assert_int_equal(sizeof(struct nt_policy), 128);
    assert_int_equal(sizeof(struct nt_past), 424);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(an_older_blob_is_read),
        cmocka_unit_test(only_the_whole_is_read),
        cmocka_unit_test(a_newer_or_senseless_layout_is_refused),
        cmocka_unit_test(a_seal_opens_only_as_it_was_made),
        cmocka_unit_test(two_seals_of_one_record_differ),
        cmocka_unit_test(the_layouts_know_all_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
