/* The verification trailer. */
#include "../test.h"

#include <string.h>

#include "base/bytes.h"
#include "rpc/rpc_internal.h"

static const struct nt_rpc_vt here = {
    .client_signs_header = true,
    .abstract = { { 0x12345678, 0x1234, 0xabcd, { 0xef, 0, 1, 0x23, 0x45, 0x67, 0xcf, 0xfb } },
                  1,
                  0 },
    .transfer = { { 0x8a885d04, 0x1ceb, 0x11c9, { 0x9f, 0xe8, 8, 0, 0x2b, 0x10, 0x48, 0x60 } },
                  2,
                  0 },
    .ptype = 0,
    .drep = { 0x10 },
    .call_id = 21,
    .context_id = 0,
    .opnum = 21,
};

static enum nt_err check(const struct nt_buf *b)
{
    return nt_rpc_vt_check(b->data, b->len, &here);
}

static void stub_of(struct nt_buf *b, size_t len)
{
    nt_buf_init(b, 4096);
    for (size_t i = 0; i < len; i++)
        nt_buf_u8(b, (uint8_t)(i + 1));
}

static void without_a_trailer_nothing_is_checked(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40; len++) {
        struct nt_buf b;
        stub_of(&b, len);
        assert_int_equal(check(&b), NT_OK);
        nt_buf_free(&b);
    }
}

static void what_is_written_passes(void **state)
{
    (void)state;
    for (size_t len = 0; len < 9; len++) {
        struct nt_buf b;
        stub_of(&b, len);
        nt_rpc_vt_write(&b, &here);
        assert_int_equal(b.len, (len + 3) / 4 * 4 + 60);
        assert_int_equal(check(&b), NT_OK);
        nt_buf_free(&b);
    }
}

/* The trailer of NetrLogonGetCapabilities as winbindd sent it. */
static void the_captured_trailer_passes(void **state)
{
    (void)state;
    static const char hex[] = "8ae3137102f436710100040001000000024028007856341234"
                              "12cdabef0001234567cffb01000000045d888aeb1cc9119fe8"
                              "08002b10486002000000";
    uint8_t stub[60];
    assert_true(nt_unhex(hex, stub, sizeof stub));
    assert_int_equal(nt_rpc_vt_check(stub, sizeof stub, &here), NT_OK);
    struct nt_buf b;
    nt_buf_init(&b, 4096);
    nt_rpc_vt_write(&b, &here);
    assert_int_equal(b.len, sizeof stub);
    assert_memory_equal(b.data, stub, sizeof stub);
    nt_buf_free(&b);
}

static void contradictions_are_denied(void **state)
{
    (void)state;
    struct nt_buf b;
    struct nt_rpc_vt other = here;
    other.client_signs_header = false;
    stub_of(&b, 4);
    nt_rpc_vt_write(&b, &here);
    assert_int_equal(nt_rpc_vt_check(b.data, b.len, &other), NT_E_DENIED);
    nt_buf_free(&b);

    other = here;
    other.abstract.major = 2;
    stub_of(&b, 4);
    nt_rpc_vt_write(&b, &other);
    assert_int_equal(check(&b), NT_E_DENIED);
    nt_buf_free(&b);
}

static void trailers_cut_short_are_denied(void **state)
{
    (void)state;
    struct nt_buf b;
    stub_of(&b, 4);
    nt_rpc_vt_write(&b, &here);
    for (size_t len = 12; len < b.len; len++)
        assert_int_equal(nt_rpc_vt_check(b.data, len, &here), NT_E_DENIED);
    nt_buf_free(&b);
}

static void header2(struct nt_buf *b, const struct nt_rpc_vt *vt, bool must)
{
    static const uint8_t signature[] = { 0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71 };
    stub_of(b, 8);
    nt_buf_put(b, signature, sizeof signature);
    nt_buf_u16le(b, must ? 0x8077 : 0x0077); /* a command that nobody knows */
    nt_buf_u16le(b, 4);
    nt_buf_zero(b, 4);
    nt_buf_u16le(b, 0x4003);
    nt_buf_u16le(b, 16);
    nt_buf_u8(b, vt->ptype);
    nt_buf_zero(b, 3);
    nt_buf_put(b, vt->drep, 4);
    nt_buf_u32le(b, vt->call_id);
    nt_buf_u16le(b, vt->context_id);
    nt_buf_u16le(b, vt->opnum);
}

static void header2_repeats_the_header(void **state)
{
    (void)state;
    struct nt_buf b;
    header2(&b, &here, false);
    assert_int_equal(check(&b), NT_OK);
    nt_buf_free(&b);
    header2(&b, &here, true); /* unknown, but not to be ignored */
    assert_int_equal(check(&b), NT_E_DENIED);
    nt_buf_free(&b);
    for (int i = 0; i < 5; i++) {
        struct nt_rpc_vt other = here;
        other.ptype = i == 0 ? 2 : other.ptype;
        other.drep[0] = i == 1 ? 0 : other.drep[0];
        other.call_id += i == 2;
        other.context_id = (uint16_t)(other.context_id + (i == 3));
        other.opnum = (uint16_t)(other.opnum + (i == 4));
        header2(&b, &other, false);
        assert_int_equal(check(&b), NT_E_DENIED);
        nt_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_trailer_nothing_is_checked),
        cmocka_unit_test(what_is_written_passes),
        cmocka_unit_test(the_captured_trailer_passes),
        cmocka_unit_test(contradictions_are_denied),
        cmocka_unit_test(trailers_cut_short_are_denied),
        cmocka_unit_test(header2_repeats_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
