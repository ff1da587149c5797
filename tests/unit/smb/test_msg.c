/*
 * test_msg.c - the codec's edges. That it reads what real peers send and writes the same bytes is
 * shown with the captures (tests/traces/test_trace_smb.c).
 */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "smb/msg.h"

/* A header and room for a body. */
static struct nt_buf begin(uint16_t command)
{
    struct nt_buf b;
    nt_buf_init(&b, 4096);
    nt_smb2_header_write(&b, &(struct nt_smb2_header){ .command = command });
    return b;
}

static const struct nt_smb2_bytes text = { (const uint8_t *)"abcdef", 6 };

static const struct nt_smb2_contexts contexts = {
    .has_preauth = true,
    .hashes = { NT_SMB2_SHA512 },
    .hash_count = 1,
    .salt = { (const uint8_t *)"0123456789", 10 },
    .has_ciphers = true,
    .ciphers = { 2, 1, 4 },
    .cipher_count = 3,
    .has_signing = true,
    .signings = { 2, 1, 0 },
    .signing_count = 3,
    .netname = { (const uint8_t *)"d\0c\0", 4 },
};

/* Reads any of the messages below, whichever it is. */
typedef enum nt_err (*reader)(const uint8_t *msg, size_t len);

#define READER(name)                                                                               \
    static enum nt_err read_##name(const uint8_t *msg, size_t len)                                 \
    {                                                                                              \
        static struct nt_smb2_##name m;                                                            \
        return nt_smb2_##name##_read(msg, len, &m);                                                \
    }
READER(negotiate_req)
READER(negotiate_rsp)
READER(session_setup_req)
READER(session_setup_rsp)
READER(tree_connect_req)
READER(tree_connect_rsp)
READER(create_req)
READER(create_rsp)
READER(close_req)
READER(close_rsp)
READER(read_req)
READER(read_rsp)
READER(write_req)
READER(ioctl_req)
READER(ioctl_rsp)
READER(query_info_req)

struct sample {
    reader read;
    struct nt_buf b;
    bool tail_is_optional; /* StructureSize counts a byte that nothing is in */
};

static size_t make_samples(struct sample *s)
{
    size_t n = 0;
#define SAMPLE(name, ...)                                                                          \
    do {                                                                                           \
        s[n] = (struct sample){ .read = read_##name, .b = begin(0) };                              \
        nt_smb2_##name##_write(&s[n++].b, &(const struct nt_smb2_##name)__VA_ARGS__);              \
    } while (0)
    SAMPLE(negotiate_req,
           { .dialects = { NT_SMB2_210, NT_SMB2_311 }, .dialect_count = 2, .contexts = contexts });
    SAMPLE(negotiate_rsp, { .dialect = NT_SMB2_311, .token = text, .contexts = contexts });
    SAMPLE(session_setup_req, { .token = text });
    SAMPLE(session_setup_rsp, { .token = text });
    SAMPLE(tree_connect_req, { .path = text });
    SAMPLE(tree_connect_rsp, { .share_type = NT_SMB2_SHARE_PIPE });
    SAMPLE(create_req, { .name = text });
    SAMPLE(create_rsp, { .fid = { 1, 2 } });
    SAMPLE(close_req, { .fid = { 1, 2 } });
    SAMPLE(close_rsp, { .facts.size = 3 });
    SAMPLE(read_rsp, { .data = text });
    SAMPLE(write_req, { .data = text });
    SAMPLE(ioctl_req, { .code = 5, .input = text });
    SAMPLE(ioctl_rsp, { .code = 5, .output = text });
    SAMPLE(query_info_req, { .type = 1, .input = text });
    SAMPLE(read_req, { .length = 7 });
    s[n - 1].tail_is_optional = true;
    return n;
}

/* Each prefix stands in a block of its own size, so that a sanitizer sees a step too far. */
static void no_prefix_of_a_message_reads(void **state)
{
    struct sample s[20];
    size_t count = make_samples(s);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(s[i].b.err, NT_OK);
        assert_int_equal(s[i].read(s[i].b.data, s[i].b.len), NT_OK);
        size_t least = s[i].b.len - (s[i].tail_is_optional ? 1 : 0);
        for (size_t len = 0; len < least; len++) {
            uint8_t *part = malloc(len > 0 ? len : 1);
            assert_non_null(part);
            memcpy(part, s[i].b.data, len);
            assert_int_not_equal(s[i].read(part, len), NT_OK);
            free(part);
        }
        nt_buf_free(&s[i].b);
    }
}

static void a_wrong_structure_size_is_malformed(void **state)
{
    struct sample s[20];
    size_t count = make_samples(s);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        s[i].b.data[NT_SMB2_HEADER_LEN] ^= 2;
        assert_int_equal(s[i].read(s[i].b.data, s[i].b.len), NT_E_MALFORMED);
        nt_buf_free(&s[i].b);
    }
}

static void buffers_stay_inside_and_off_the_fixed_part(void **state)
{
    struct nt_smb2_ioctl_rsp rsp;
    struct nt_buf b = begin(NT_SMB2_IOCTL);
    (void)state;
    nt_smb2_ioctl_rsp_write(&b, &(const struct nt_smb2_ioctl_rsp){ .output = text });
    uint8_t *offset = b.data + NT_SMB2_HEADER_LEN + 32, *len = offset + 4;
    nt_put_le32(offset, 111); /* the fixed part's last byte */
    assert_int_equal(nt_smb2_ioctl_rsp_read(b.data, b.len, &rsp), NT_E_MALFORMED);
    nt_put_le32(offset, 113);
    assert_int_equal(nt_smb2_ioctl_rsp_read(b.data, b.len, &rsp), NT_E_TRUNCATED);
    nt_put_le32(offset, 112);
    nt_put_le32(len, UINT32_MAX);
    assert_int_equal(nt_smb2_ioctl_rsp_read(b.data, b.len, &rsp), NT_E_TRUNCATED);
    nt_put_le32(offset, UINT32_MAX);
    nt_put_le32(len, 2);
    assert_int_equal(nt_smb2_ioctl_rsp_read(b.data, b.len, &rsp), NT_E_TRUNCATED);
    nt_put_le32(len, 0); /* an empty one may stand anywhere */
    assert_int_equal(nt_smb2_ioctl_rsp_read(b.data, b.len, &rsp), NT_OK);
    assert_int_equal(rsp.output.len, 0);
    nt_buf_free(&b);
}

static void negotiate_contexts_come_back(void **state)
{
    static struct nt_smb2_negotiate_req req;
    struct nt_buf b = begin(NT_SMB2_NEGOTIATE);
    (void)state;
    nt_smb2_negotiate_req_write(
        &b, &(const struct nt_smb2_negotiate_req){ .dialects = { NT_SMB2_202, NT_SMB2_311 },
                                                   .dialect_count = 2,
                                                   .contexts = contexts });
    assert_int_equal(nt_smb2_negotiate_req_read(b.data, b.len, &req), NT_OK);
    assert_int_equal(req.dialect_count, 2);
    assert_int_equal(req.contexts.hashes[0], NT_SMB2_SHA512);
    assert_int_equal(req.contexts.salt.len, 10);
    assert_memory_equal(req.contexts.salt.data, "0123456789", 10);
    assert_int_equal(req.contexts.cipher_count, 3);
    assert_int_equal(req.contexts.ciphers[2], 4);
    assert_int_equal(req.contexts.signing_count, 3);
    assert_int_equal(req.contexts.netname.len, 4);
    nt_buf_free(&b);
}

/* [MS-SMB2] 3.3.5.4 */
static void a_context_that_comes_twice_is_malformed(void **state)
{
    static struct nt_smb2_negotiate_req req;
    struct nt_buf b = begin(NT_SMB2_NEGOTIATE);
    struct nt_smb2_contexts only = { .has_ciphers = true, .ciphers = { 1 }, .cipher_count = 1 };
    (void)state;
    nt_smb2_negotiate_req_write(
        &b, &(const struct nt_smb2_negotiate_req){
                .dialects = { NT_SMB2_311 }, .dialect_count = 1, .contexts = only });
    nt_buf_align(&b, 8);
    size_t at = b.len - 16;
    uint8_t again[12];
    memcpy(again, b.data + at, sizeof again);
    nt_buf_put(&b, again, sizeof again);
    assert_int_equal(nt_smb2_negotiate_req_read(b.data, b.len, &req), NT_OK);
    nt_put_le16(b.data + NT_SMB2_HEADER_LEN + 32, 2); /* NegotiateContextCount */
    assert_int_equal(nt_smb2_negotiate_req_read(b.data, b.len, &req), NT_E_MALFORMED);
    nt_buf_free(&b);
}

static void numbers_of_entries_are_bounded(void **state)
{
    static struct nt_smb2_negotiate_req req;
    struct nt_buf b = begin(NT_SMB2_NEGOTIATE);
    (void)state;
    nt_smb2_negotiate_req_write(&b, &(const struct nt_smb2_negotiate_req){
                                        .dialects = { NT_SMB2_311 }, .dialect_count = 1 });
    nt_buf_zero(&b, 300);
    nt_put_le16(b.data + NT_SMB2_HEADER_LEN + 2, NT_SMB2_MAX_DIALECTS + 1);
    assert_int_equal(nt_smb2_negotiate_req_read(b.data, b.len, &req), NT_E_LIMIT);
    nt_put_le16(b.data + NT_SMB2_HEADER_LEN + 2, 1);
    nt_put_le16(b.data + NT_SMB2_HEADER_LEN + 32, NT_SMB2_MAX_CONTEXTS + 1);
    assert_int_equal(nt_smb2_negotiate_req_read(b.data, b.len, &req), NT_E_LIMIT);
    nt_buf_free(&b);
}

static void a_compounds_next_offset_is_checked(void **state)
{
    struct nt_smb2_header h;
    struct nt_buf b = begin(NT_SMB2_ECHO);
    (void)state;
    nt_smb2_empty_write(&b);
    nt_buf_zero(&b, 100);
    static const struct {
        uint32_t next;
        enum nt_err err;
    } rows[] = { { 0, NT_OK },
                 { 72, NT_OK },
                 { 70, NT_E_MALFORMED },
                 { 56, NT_E_MALFORMED },
                 { 8, NT_E_MALFORMED },
                 { 168, NT_E_MALFORMED },
                 { 0xFFFFFFF8u, NT_E_MALFORMED } };
    for (size_t i = 0; i < NT_COUNT(rows); i++) {
        nt_put_le32(b.data + 20, rows[i].next);
        assert_int_equal(nt_smb2_header_read(b.data, b.len, &h), rows[i].err);
    }
    nt_buf_free(&b);
}

static void the_smb1_form_tells_what_it_offers(void **state)
{
    static const char *const all[] = { "NT LM 0.12", "SMB 2.002", "SMB 2.???" };
    struct nt_smb1_negotiate m;
    struct nt_buf b;
    (void)state;
    nt_buf_init(&b, 1024);
    nt_smb1_negotiate_write(&b, all, 3);
    assert_int_equal(nt_smb_kind(b.data, b.len), NT_SMB_KIND_SMB1);
    assert_int_equal(nt_smb1_negotiate_read(b.data, b.len, &m), NT_OK);
    assert_true(m.smb2_002 && m.smb2_wild);
    for (size_t len = 0; len < b.len; len++)
        assert_int_not_equal(nt_smb1_negotiate_read(b.data, len, &m), NT_OK);
    nt_buf_clear(&b);
    nt_smb1_negotiate_write(&b, all, 2);
    assert_int_equal(nt_smb1_negotiate_read(b.data, b.len, &m), NT_OK);
    assert_true(m.smb2_002 && !m.smb2_wild);
    b.data[b.len - 1] = 'x'; /* the last text does not end */
    assert_int_equal(nt_smb1_negotiate_read(b.data, b.len, &m), NT_E_MALFORMED);
    nt_buf_free(&b);
}

static void a_transform_header_tells_its_own_size(void **state)
{
    struct nt_smb2_transform t = { .size = 5, .flags = 1, .session_id = 77 }, got;
    struct nt_buf b;
    (void)state;
    nt_buf_init(&b, 1024);
    nt_smb2_transform_write(&b, &t);
    nt_buf_put(&b, "hello", 5);
    assert_int_equal(nt_smb2_transform_read(b.data, b.len, &got), NT_OK);
    assert_int_equal(got.session_id, 77);
    assert_int_equal(nt_smb2_transform_read(b.data, b.len - 1, &got), NT_E_MALFORMED);
    nt_put_le16(b.data + 42, 2); /* not encrypted, or with something unknown */
    assert_int_equal(nt_smb2_transform_read(b.data, b.len, &got), NT_E_MALFORMED);
    nt_buf_free(&b);
}

static void a_frame_has_24_bits_of_length(void **state)
{
    uint8_t head[NT_SMB_FRAME_LEN];
    uint32_t len;
    (void)state;
    nt_smb_frame_write(head, 0x123456);
    assert_true(nt_smb_frame_read(head, &len));
    assert_int_equal(len, 0x123456);
    head[0] = 0x85; /* a NetBIOS keep-alive */
    assert_false(nt_smb_frame_read(head, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_prefix_of_a_message_reads),
        cmocka_unit_test(a_wrong_structure_size_is_malformed),
        cmocka_unit_test(buffers_stay_inside_and_off_the_fixed_part),
        cmocka_unit_test(negotiate_contexts_come_back),
        cmocka_unit_test(a_context_that_comes_twice_is_malformed),
        cmocka_unit_test(numbers_of_entries_are_bounded),
        cmocka_unit_test(a_compounds_next_offset_is_checked),
        cmocka_unit_test(the_smb1_form_tells_what_it_offers),
        cmocka_unit_test(a_transform_header_tells_its_own_size),
        cmocka_unit_test(a_frame_has_24_bits_of_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
