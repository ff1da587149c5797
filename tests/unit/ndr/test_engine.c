/*
 * The engine on constructs.idl: each construct against bytes worked out by hand from [C706] 14.
 */
#include <stdlib.h>
#include <string.h>

#include "../test.h"
#include "idl/lsarpc.h"
#include "message.h"
#include "tests/unit/ndr/constructs.h"

static uint8_t bytes[2][1024];

static struct message message(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const char *hex)
{
    struct message m = { .op = op, .dir = dir, .stub = bytes[dir] };
    m.len = message_hex(hex, bytes[dir], sizeof bytes[0]);
    return m;
}

/* The struct gives these bytes, the bytes give themselves, and nothing less or damaged passes. */
static void is_on_the_wire(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                           const char *hex, const struct message *request)
{
    struct message m = message(op, dir, hex);
    struct nt_buf out;
    m.request = request;
    nt_buf_init(&out, 4096);
    assert_int_equal(nt_ndr_encode(op, dir, args, NULL, &out), NT_OK);
    assert_int_equal(out.len, m.len);
    assert_memory_equal(out.data, m.stub, m.len);
    nt_buf_free(&out);
    message_returns(&m);
    message_prefixes_fail(&m);
    message_survives_damage(&m);
}

static void *decoded(const struct nt_ndr_op *op, enum nt_ndr_dir dir, bool big_endian,
                     const char *hex, struct nt_arena *arena, enum nt_err *err)
{
    struct message m = message(op, dir, hex);
    void *args;
    m.big_endian = big_endian;
    *err = message_decode(&m, arena, &args, NULL, NULL);
    return args;
}

static void is_refused(const struct nt_ndr_op *op, const char *hex, enum nt_err why)
{
    struct nt_arena arena;
    enum nt_err err;
    nt_arena_init(&arena, 0);
    assert_null(decoded(op, NT_NDR_REQUEST, false, hex, &arena, &err));
    assert_int_equal(err, why);
    nt_arena_free(&arena);
}

static void cannot_be_sent(const struct nt_ndr_op *op, enum nt_ndr_dir dir, const void *args,
                           enum nt_err why)
{
    struct nt_buf out;
    nt_buf_init(&out, 4096);
    nt_buf_put(&out, "kept", 4);
    assert_int_equal(nt_ndr_encode(op, dir, args, NULL, &out), why);
    assert_int_equal(out.len, 4);
    nt_buf_free(&out);
}

static const struct Scalars some_scalars = {
    .all = { .c = 0x41,
             .s8 = -2,
             .s16 = -3,
             .u16 = 0x1234,
             .s32 = -4,
             .u32 = 0x89ABCDEF,
             .flag = 1,
             .s64 = -5,
             .u64 = 0x0102030405060708,
             .unit = 'x',
             .colour = Green,
             .wide = Large,
             .id = { 0x11223344,
                     0x5566,
                     0x7788,
                     { 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0 } } },
};

static void scalars_stand_at_their_own_alignment(void **state)
{
    (void)state;
    is_on_the_wire(&ndr_Scalars, NT_NDR_REQUEST, &some_scalars,
                   "41 fe fdff 3412 0000 fcffffff efcdab89 01 00000000000000"
                   "fbffffffffffffff 0807060504030201 7800 0200 00000100"
                   "44332211 6655 8877 99aabbccddeeff00",
                   NULL);
}

static void a_big_endian_peer_is_understood(void **state)
{
    struct nt_arena arena;
    enum nt_err err;
    (void)state;
    nt_arena_init(&arena, 0);
    const struct Scalars *s = decoded(&ndr_Scalars, NT_NDR_REQUEST, true,
                                      "41 fe fffd 1234 0000 fffffffc 89abcdef 01 00000000000000"
                                      "fffffffffffffffb 0102030405060708 0078 0002 00010000"
                                      "11223344 5566 7788 99aabbccddeeff00",
                                      &arena, &err);
    assert_int_equal(err, NT_OK);
    assert_int_equal(s->all.s16, -3);
    assert_int_equal(s->all.u32, 0x89ABCDEF);
    assert_true(s->all.s64 == -5 && s->all.u64 == 0x0102030405060708);
    assert_int_equal(s->all.colour, Green);
    assert_int_equal(s->all.wide, Large);
    assert_true(nt_uuid_equal(&s->all.id, &some_scalars.all.id));

    const struct Strings *t = decoded(
        &ndr_Strings, NT_NDR_REQUEST, true,
        "00000000 00000002 00000000 00000002 0041 0000 00000000 00000001 005c", &arena, &err);
    assert_int_equal(err, NT_OK);
    assert_int_equal(t->must[0], 'A');
    assert_int_equal(t->must[1], 0);
    assert_int_equal(*t->one, '\\');
    nt_arena_free(&arena);
}

static void strings_end_with_their_nul(void **state)
{
    static uint16_t server[] = { '\\', 'X', 0 }, must[] = { 0 }, one = 'o', answer[] = { 'y', 0 };
    char narrow[] = "abc";
    struct Strings s = { server, must, narrow, &one, answer, { 0 } };
    (void)state;
    is_on_the_wire(&ndr_Strings, NT_NDR_REQUEST, &s,
                   "00000200 03000000 00000000 03000000 5c0058000000 0000"
                   "01000000 00000000 01000000 0000 0000"
                   "04000200 04000000 00000000 04000000 61626300"
                   "08000200 6f00",
                   NULL);
    is_on_the_wire(&ndr_Strings, NT_NDR_RESPONSE, &s,
                   "00000200 02000000 00000000 02000000 79000000 00000000", NULL);
    /* no NUL, one too early, none of a length of 0, an offset, more than the bound */
    is_refused(&ndr_Strings, "00000000 01000000 00000000 01000000 4100", NT_E_MALFORMED);
    is_refused(&ndr_Strings, "00000000 03000000 00000000 03000000 410000000000", NT_E_MALFORMED);
    is_refused(&ndr_Strings, "00000000 01000000 00000000 00000000 0000", NT_E_MALFORMED);
    is_refused(&ndr_Strings, "00000000 02000000 01000000 01000000 0000", NT_E_MALFORMED);
    is_refused(&ndr_Strings, "00000000 01000000 00000000 02000000 41000000", NT_E_MALFORMED);
    s.must = NULL;
    cannot_be_sent(&ndr_Strings, NT_NDR_REQUEST, &s, NT_E_INVALID);
}

static void pointees_follow_the_outermost_construct(void **state)
{
    static uint16_t a[] = { 'A', 0 }, b[] = { 'B', 0 }, full = 9;
    uint32_t must = 7;
    LEAF leaf = { NULL, 2 };
    struct Trees t = { .tree = { .a = { a, 1 },
                                 .b = &leaf,
                                 .pair = { { b, 3 }, { NULL, 4 } },
                                 .must = &must,
                                 .full = &full } };
    (void)state;
    is_on_the_wire(&ndr_Trees, NT_NDR_REQUEST, &t,
                   "00000200 01000000 04000200 08000200 03000000 00000000 04000000"
                   "0c000200 10000200"
                   "02000000 00000000 02000000 41000000"
                   "00000000 02000000"
                   "02000000 00000000 02000000 42000000"
                   "07000000 0900",
                   NULL);
    t.tree.must = NULL;
    cannot_be_sent(&ndr_Trees, NT_NDR_REQUEST, &t, NT_E_INVALID);
}

static void a_chain_longer_than_the_depth_is_refused(void **state)
{
    NODE nodes[40] = { { 0, NULL } };
    struct Trees t = { .list = &nodes[0] };
    struct nt_arena arena;
    void *args = NULL;
    (void)state;
    nodes[0].value = 1;
    nodes[0].next = &nodes[1];
    nodes[1].value = 2;
    is_on_the_wire(&ndr_Trees, NT_NDR_RESPONSE, &t,
                   "00000200 01000000 04000200 02000000 00000000 00000000", NULL);
    for (size_t i = 0; i + 1 < NT_COUNT(nodes); i++)
        nodes[i].next = &nodes[i + 1];
    cannot_be_sent(&ndr_Trees, NT_NDR_RESPONSE, &t, NT_E_LIMIT);

    uint8_t stub[400];
    memset(stub, 1, sizeof stub);
    nt_arena_init(&arena, NT_NDR_ARENA_LIMIT(sizeof stub));
    assert_int_equal(nt_ndr_decode(&ndr_Trees, NT_NDR_RESPONSE, false, stub, sizeof stub, &arena,
                                   &args, NULL, NULL),
                     NT_E_LIMIT);
    nt_arena_free(&arena);
}

static void a_failed_response_leaves_no_half_results(void **state)
{
    struct Trees t = { .result = 5 };
    struct nt_arena arena;
    void *args = &t;
    (void)state;
    /* the list's first element says that there is another, which is cut off */
    struct message m = message(&ndr_Trees, NT_NDR_RESPONSE, "00000200 01000000 04000200 0200");
    nt_arena_init(&arena, NT_NDR_ARENA_LIMIT(m.len));
    assert_int_equal(nt_ndr_decode(m.op, m.dir, false, m.stub, m.len, &arena, &args, NULL, NULL),
                     NT_E_TRUNCATED);
    assert_null(args);
    assert_null(t.list);
    assert_int_equal(t.result, 0);
    nt_arena_free(&arena);
}

static const char counts_request[] = "03000000 aabbcc 00 03000000"
                                     "0900 0100 00000200 04000200 08000200"
                                     "02000000 b1b2 0000"
                                     "02000000 00000000 01000000 3412 0000"
                                     "01000000 0c000200 05000000 00000000"
                                     "01000000 0100 000000000000 0807060504030201"
                                     "0a000000 00000000 03000000 0100 0200 0300 0000"
                                     "00000000";

static void counts_are_what_their_expressions_say(void **state)
{
    uint8_t late[128] = { 0xAA, 0xBB, 0xCC }, bits[] = { 0xB1, 0xB2 }, echo[] = { 'x', 'y', 'z' };
    uint16_t units[] = { 0x1234 }, list[] = { 1, 2, 3 }, z[] = { 'Z', 0 };
    uint32_t five = 5;
    NODE node = { 5, NULL }, *nodes[] = { &node };
    LEAF leaves[] = { { NULL, 1 }, { z, 2 } };
    TAIL *tail = malloc(sizeof *tail + sizeof tail->values[0]);
    assert_non_null(tail);
    tail->count = 1;
    tail->values[0] = 0x0102030405060708;
    struct Counts c = { .late = late,
                        .n = 3,
                        .counted = { 9, 1, bits, units, nodes },
                        .tail = tail,
                        .list = list,
                        .found = 2,
                        .leaves = leaves,
                        .echo = echo };
    (void)state;
    is_on_the_wire(&ndr_Counts, NT_NDR_REQUEST, &c, counts_request, NULL);

    struct message request = message(&ndr_Counts, NT_NDR_REQUEST, counts_request);
    c.maybe = &five;
    static const char response[] = "02000000 00000200 02000000 00000000 01000000 04000200 02000000"
                                   "02000000 00000000 02000000 5a000000"
                                   "08000200 05000000 03000000 78797a 00 00000000";
    is_on_the_wire(&ndr_Counts, NT_NDR_RESPONSE, &c, response, &request);
    is_on_the_wire(&ndr_Counts, NT_NDR_RESPONSE, &c, response, NULL);

    c.n = 101; /* outside its range */
    cannot_be_sent(&ndr_Counts, NT_NDR_REQUEST, &c, NT_E_INVALID);
    c.n = 11; /* more than size_is */
    cannot_be_sent(&ndr_Counts, NT_NDR_REQUEST, &c, NT_E_INVALID);
    c.n = 3;
    c.tail = NULL;
    cannot_be_sent(&ndr_Counts, NT_NDR_REQUEST, &c, NT_E_INVALID);
    free(tail);
}

static void counts_that_disagree_are_refused(void **state)
{
    (void)state;
    /* n says 2 where 3 bytes came; it stands behind them */
    char text[sizeof counts_request];
    memcpy(text, counts_request, sizeof text);
    char *n = strstr(text, "00 03000000") + 3;
    memcpy(n, "02000000", 8);
    is_refused(&ndr_Counts, text, NT_E_MALFORMED);
    memcpy(n, "65000000", 8); /* out of range */
    is_refused(&ndr_Counts, text, NT_E_MALFORMED);
    /* a count of 4 milliards in front of nothing */
    is_refused(&ndr_Counts, "ffffffff aabbcc 00", NT_E_TRUNCATED);
    is_refused(&ndr_Counts, "ffffff7f aabbcc 00 ffffff7f", NT_E_TRUNCATED);
}

static void arrays_and_strings_stand_in_place(void **state)
{
    struct InPlace p = { .place = {
                             .key = { 1, 2, 3 }, .name = "ab", .used = 2, .some = { 17, 34 } } };
    (void)state;
    is_on_the_wire(&ndr_InPlace, NT_NDR_REQUEST, &p,
                   "01020300000000000000000000000000 00000000 03000000 616200 00"
                   "02000000 00000000 02000000 1100 2200",
                   NULL);
    memcpy(p.place.name, "12345678", 8);
    cannot_be_sent(&ndr_InPlace, NT_NDR_REQUEST, &p, NT_E_INVALID);
    p.place.name[7] = '\0';
    p.place.used = 5;
    cannot_be_sent(&ndr_InPlace, NT_NDR_REQUEST, &p, NT_E_INVALID);
}

static void a_union_follows_its_discriminant(void **state)
{
    uint16_t q[] = { 'Q', 0 };
    CHOICE behind = { .leaf = { NULL, 8 } };
    struct Unions u = { .which = Green,
                        .direct = { .leaf = { q, 5 } },
                        .chosen = { .which = 6,
                                    .choice = { .octet = 0x77 },
                                    .inner = -1,
                                    .more = { .big = 0x0102030405060708 } },
                        .behind = &behind };
    static const char hex[] = "0200 0200 00000200 05000000 02000000 00000000 02000000 51000000"
                              "00000000 0600 0600 77 00 ffff ffff 000000000000 0807060504030201";
    (void)state;
    is_on_the_wire(&ndr_Unions, NT_NDR_REQUEST, &u, hex, NULL);
    struct message request = message(&ndr_Unions, NT_NDR_REQUEST, hex);
    is_on_the_wire(&ndr_Unions, NT_NDR_RESPONSE, &u,
                   "00000200 0200 0000 00000000 08 000000 00000000", &request);
    /* the parameter says 2, the union 1 */
    is_refused(
        &ndr_Unions,
        "0200 0100 00000200 00000000 0600 0600 77 00 ffff ffff 000000000000 0807060504030201",
        NT_E_MALFORMED);
    u.chosen.inner = 2; /* no such case and no default */
    cannot_be_sent(&ndr_Unions, NT_NDR_REQUEST, &u, NT_E_INVALID);
    u.which = 4; /* an empty arm */
    u.chosen.which = 999;
    u.chosen.inner = 1;
    is_on_the_wire(&ndr_Unions, NT_NDR_REQUEST, &u, "0400 0400 00000000 e703 e703 0100 0100", NULL);
}

static void context_handles_are_twenty_bytes(void **state)
{
    struct Handles h = { .old = { 0, { 0x01020304, 0x0506, 0x0708, { 1, 2, 3, 4, 5, 6, 7, 8 } } } };
    (void)state;
    is_on_the_wire(&ndr_Handles, NT_NDR_REQUEST, &h,
                   "00000000 04030201 0605 0807 0102030405060708"
                   "00000000 00000000 0000 0000 0000000000000000",
                   NULL);
}

/* Referent ids, gaps and bounds are the sender's; a proxy or a judge wants them as they were. */
static void notes_keep_what_values_do_not_tell(void **state)
{
    struct message m = message(&ndr_Strings, NT_NDR_REQUEST,
                               "efbeadde 09000000 00000000 02000000 5c000000"
                               "02000000 00000000 01000000 0000 ddee 34120000"
                               "05000000 00000000 02000000 6100 ccbb 21430000 6f00");
    (void)state;
    message_returns(&m);
    message_prefixes_fail(&m);
    message_survives_damage(&m);
}

static void values_print_as_people_know_them(void **state)
{
    static const char hex[] = "0400 0600 00000200 03000000 00000000 02000000 6100 2200"
                              "01000000 01 01 000000000005 20000000"
                              "00000000 00000000 0080f0e1dcd1da01";
    struct nt_arena arena;
    struct nt_buf out;
    enum nt_err err;
    (void)state;
    nt_arena_init(&arena, 0);
    nt_buf_init(&out, 4096);
    const void *args = decoded(&ndr_Basics, NT_NDR_REQUEST, false, hex, &arena, &err);
    assert_int_equal(err, NT_OK);
    assert_int_equal(nt_ndr_print(&ndr_Basics, NT_NDR_REQUEST, args, &out), NT_OK);
    nt_buf_u8(&out, 0);
    assert_string_equal(out.data, "Basics (opnum 8) request:\n"
                                  "  name: \"a\\\"\"\n"
                                  "  sid: S-1-5-32\n"
                                  "  maybe: NULL\n"
                                  "  when: 2024-07-09 08:49:17Z\n");
    nt_buf_clear(&out);
    assert_int_equal(nt_ndr_print_json(&ndr_Basics, NT_NDR_REQUEST, args, &out), NT_OK);
    nt_buf_u8(&out, 0);
    assert_string_equal(
        out.data, "{\"method\":\"Basics\",\"opnum\":8,\"direction\":\"request\",\"parameters\":"
                  "{\"name\":\"a\\\"\",\"sid\":\"S-1-5-32\",\"maybe\":null,"
                  "\"when\":\"2024-07-09T08:49:17.4496256Z\"}}");
    nt_buf_free(&out);
    nt_buf_init(&out, 20); /* the sink decides how much is said */
    assert_int_equal(nt_ndr_print(&ndr_Basics, NT_NDR_REQUEST, args, &out), NT_E_LIMIT);
    nt_buf_free(&out);
    nt_arena_free(&arena);
}

static void a_call_is_described_with_what_its_parameters_hold(void **state)
{
    struct nt_buf out;
    (void)state;
    nt_buf_init(&out, 65536);
    assert_int_equal(nt_ndr_describe(&ndr_LsarSetInformationTrustedDomain, &out), NT_OK);
    nt_buf_u8(&out, 0);
    const char *text = (const char *)out.data;
    static const char *const lines[] = {
        "LsarSetInformationTrustedDomain (opnum 27)\n  [in] TrustedDomainHandle: handle\n",
        "\n  [in] InformationClass: TRUSTED_INFORMATION_CLASS\n"
        "    1 TrustedDomainNameInformation\n",
        "\n  [in] TrustedDomainInformation: LSAPR_TRUSTED_DOMAIN_INFO by InformationClass\n"
        "    1 TrustedDomainNameInfo: ",
        "\n      Password: LSAPR_CR_CIPHER_VALUE, or null, secret\n"
        "        Length: ULONG (0 to 131088)\n",
        "\n        Buffer: bytes [Length], or null\n",
        "\n      Sid: RPC_SID, or null\n",
        "\n  [out] result: NTSTATUS\n",
    };
    for (size_t i = 0; i < NT_COUNT(lines); i++)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("not there: %s\n%s", lines[i], text);
    nt_buf_free(&out);
}

static void a_method_goes_by_its_name_or_number(void **state)
{
    (void)state;
    assert_ptr_equal(nt_ndr_op_by_name(&ndr_lsarpc, "lsarclose"), &ndr_LsarClose);
    assert_ptr_equal(nt_ndr_op_by_name(&ndr_lsarpc, "0"), &ndr_LsarClose);
    assert_null(nt_ndr_op_by_name(&ndr_lsarpc, ""));
    assert_null(nt_ndr_op_by_name(&ndr_lsarpc, "LsarClos"));
    assert_null(nt_ndr_op_by_name(&ndr_lsarpc, "0x"));
    assert_null(nt_ndr_op_by_name(&ndr_lsarpc, "18446744073709551616"));
}

static void single_structures_travel_alone(void **state)
{
    struct nt_arena arena;
    struct nt_buf out;
    void *value;
    (void)state;
    size_t len = message_hex("0500 0000 01000000 00000000 01000000 01000000", bytes[0], 64);
    RPC_SID *sid;
    nt_arena_init(&arena, NT_NDR_ARENA_LIMIT(len));
    len = message_hex("01000000 01 01 000000000005 20000000", bytes[0], 64);
    assert_int_equal(
        nt_ndr_decode_type(&ndr_type_RPC_SID, sizeof *sid, bytes[0], len, &arena, &value), NT_OK);
    sid = value;
    assert_int_equal(sid->SubAuthority[0], 32);
    nt_buf_init(&out, 256);
    assert_int_equal(nt_ndr_encode_type(&ndr_type_RPC_SID, sid, &out), NT_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes[0], len);
    nt_buf_clear(&out);
    assert_int_equal(nt_ndr_print_type(&ndr_type_RPC_SID, sid, &out), NT_OK);
    assert_int_equal(out.len, 8);
    assert_memory_equal(out.data, "S-1-5-32", 8);
    assert_int_equal(nt_ndr_decode_type(&ndr_type_RPC_SID, 3, bytes[0], len, &arena, &value),
                     NT_E_INVALID);
    nt_buf_free(&out);
    nt_arena_free(&arena);
}

static void an_arena_that_is_too_small_ends_the_decode(void **state)
{
    struct message m = message(&ndr_Counts, NT_NDR_REQUEST, counts_request);
    struct nt_arena arena;
    (void)state;
    for (size_t limit = 0;; limit += 8) {
        struct nt_ndr_notes *notes;
        void *args = NULL;
        nt_arena_init(&arena, limit);
        enum nt_err err =
            nt_ndr_decode(m.op, m.dir, false, m.stub, m.len, &arena, &args, NULL, &notes);
        nt_arena_free(&arena);
        if (err == NT_OK)
            break;
        assert_int_equal(err, NT_E_NOMEM);
        assert_null(args);
        assert_true(limit < NT_NDR_ARENA_LIMIT(m.len));
    }
}

static void reserved_numbers_have_no_layout(void **state)
{
    (void)state;
    assert_int_equal(ndr_constructs.op_count, 11);
    assert_null(ndr_constructs.ops[1]);
    assert_null(ndr_constructs.ops[10]);
    assert_ptr_equal(ndr_constructs.ops[OPNUM_Nothing], &ndr_Nothing);
    assert_int_equal(ndr_constructs.major, 2);
    assert_int_equal(ndr_constructs.minor, 1);
    assert_int_equal(FROM_CONST, 13);
    for (size_t i = 0; nt_ndr_interfaces[i] != NULL; i++)
        assert_ptr_equal(nt_ndr_interface_by_name(nt_ndr_interfaces[i]->name),
                         nt_ndr_interfaces[i]);
    assert_null(nt_ndr_interface_by_name("nobody"));
}

static void an_empty_stub_is_enough_for_no_parameters(void **state)
{
    struct message m = { .op = &ndr_Nothing, .dir = NT_NDR_REQUEST };
    (void)state;
    m.stub = bytes[0];
    message_returns(&m);
    m.stub = NULL;
    struct nt_arena arena;
    void *args;
    nt_arena_init(&arena, 0);
    assert_int_equal(message_decode(&m, &arena, &args, NULL, NULL), NT_OK);
    m.op = &ndr_Scalars;
    assert_int_equal(message_decode(&m, &arena, &args, NULL, NULL), NT_E_TRUNCATED);
    nt_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_stand_at_their_own_alignment),
        cmocka_unit_test(a_big_endian_peer_is_understood),
        cmocka_unit_test(strings_end_with_their_nul),
        cmocka_unit_test(pointees_follow_the_outermost_construct),
        cmocka_unit_test(a_chain_longer_than_the_depth_is_refused),
        cmocka_unit_test(a_failed_response_leaves_no_half_results),
        cmocka_unit_test(counts_are_what_their_expressions_say),
        cmocka_unit_test(counts_that_disagree_are_refused),
        cmocka_unit_test(arrays_and_strings_stand_in_place),
        cmocka_unit_test(a_union_follows_its_discriminant),
        cmocka_unit_test(context_handles_are_twenty_bytes),
        cmocka_unit_test(notes_keep_what_values_do_not_tell),
        cmocka_unit_test(values_print_as_people_know_them),
        cmocka_unit_test(a_call_is_described_with_what_its_parameters_hold),
        cmocka_unit_test(a_method_goes_by_its_name_or_number),
        cmocka_unit_test(single_structures_travel_alone),
        cmocka_unit_test(an_arena_that_is_too_small_ends_the_decode),
        cmocka_unit_test(reserved_numbers_have_no_layout),
        cmocka_unit_test(an_empty_stub_is_enough_for_no_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
