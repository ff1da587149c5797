/* PDUs: captured ones, both byte orders, prefixes and contradictions. */
#include "../test.h"

#include "fixture.h"

/* PDUs between Samba 4.17 hosts, from captures of rpcclient and winbindd. */
static const struct {
    const char *what, *hex;
} captured[] = {
    { "bind to the endpoint mapper",
      "05000b03100000004800000001000000b810b8100000000001000000000001000883afe11f5dc91191a40800"
      "2b14a0fa03000000045d888aeb1cc9119fe808002b10486002000000" },
    { "bind_ack",
      "05000c03100000003c00000001000000b810b810d26a000004003133350000000100000000000000045d888a"
      "eb1cc9119fe808002b10486002000000" },
    { "ept_map request",
      "05000003100000008c00000002000000740000000000030000000000010000004b0000004b00000005001300"
      "0d785734123412cdabef000123456789ab00000200000013000d045d888aeb1cc9119fe808002b1048600200"
      "0200000001000b02000000010007020000000100090400000000000000000000000000000000000000000000"
      "0000000001000000" },
    { "ept_map response",
      "0500020310000000980000000200000080000000000000000000000000000000000000000000000000000000"
      "01000000010000000000000001000000020000004b0000004b000000050013000d785734123412cdabef0001"
      "23456789ab00000200000013000d045d888aeb1cc9119fe808002b10486002000200000001000b0200000001"
      "00070200c00101000904000a4e00020000000000" },
    { "bind with NTLMSSP",
      "05000b07100000007800280003000000b810b810000000000100000000000100785734123412cdabef000123"
      "456789ab00000000045d888aeb1cc9119fe808002b104860020000000a060000010000004e544c4d53535000"
      "010000003582086200000000280000000000000028000000060100000000000f" },
    { "bind_ack with NTLMSSP",
      "05000c0710000000b600760003000000b810b8100f450000000000000100000000000000045d888aeb1cc911"
      "9fe808002b104860020000000a060000010000004e544c4d5353500002000000080008003800000035828962"
      "736a205bb53be14400000000000000003600360040000000060100000000000f42004c005500450002000800"
      "42004c005500450001000e0042004c00550045005000440043000400000003000000070008007059810d6879"
      "dd0100000000" },
    { "AUTH3",
      "050010031000000088016c0103000000000000000a060000010000004e544c4d535350000300000018001800"
      "58000000d200d20070000000060006004201000008000800480100000c000c0050010000100010005c010000"
      "35820862060100000000000fe53962c3255e84c45c75b9cb1777751300000000000000000000000000000000"
      "0000000000000000dbb56621b00992c3289ed65f9a2c724f01010000000000007059810d6879dd0162a5ff76"
      "7381197d000000000200080042004c005500450001000e0042004c0055004500500044004300040000000300"
      "0000070008007059810d6879dd0106000400020000000800300030000000000000000000000000000000b5aa"
      "7d2afb1559c69337f5215d83a501de0f64441befa8fdddcf3f5df991c7460a00100000000000000000000000"
      "00000000000009001c0068006f00730074002f00310030002e00370038002e0030002e003200000000005200"
      "4500440072006f006f0074005200450044005000440043004fe3e675c72cb85b95cf83abede226ad" },
    { "sealed request",
      "0500000310000000a0001000040000006800000000000600c2830eb39dc85b548b29f810d72b0c20f329eae9"
      "4b1fbf76abfc6a8037f167d59b564689a44bbd8d4cb4a5ba8cc7b152aa81ebe90cba6b132d179ba3cdf8bf09"
      "1a33125be843eefaf941e7d0a9e9da94ff5bd108564b39b792d484d6eb2d623ac90d252160ea4b9d35117b31"
      "27cf88200a0608000100000001000000764d4532f97e697c00000000" },
    { "fault", "0500030310000000200000000400000018000000000000000500000000000000" },
    { "alter_context with SPNEGO",
      "05000e0310000000dc018c010d000000b810b810000000000100000000000100785734123412cdabef000123"
      "456789ab00000000045d888aeb1cc9119fe808002b104860020000000906000001000000a182018830820184"
      "a282016c048201684e544c4d53535000030000001800180058000000ce00ce0070000000080008003e010000"
      "06000600460100000c000c004c010000100010005801000035820862060100000000000f07500e02ce1d4ca3"
      "ea2f8c5e2a3e5571000000000000000000000000000000000000000000000000931930a8dd1ed037501ad719"
      "88ef061a0101000000000000c268391f6a79dd01af1b1621b600bd51000000000200080042004c0055004500"
      "01000e0042004c0055004500500044004300040000000300000007000800c268391f6a79dd01060004000200"
      "000008003000300000000000000000000000000000001321c6b986db37b03d1a841fceb1b608a054a27b8270"
      "bd7f05723290fc2b4b040a001000000000000000000000000000000000000900180068006f00730074002f00"
      "42004c00550045005000440043000000000042004c005500450062006f006200520045004400500044004300"
      "57881efd709a576a5f186655e70a3211a31204100100000062d6833d4adce1d900000000" },
    { "alter_context_resp with SPNEGO",
      "05000f03100000005d001d000d000000b810b810217f0001000000000100000000000000045d888aeb1cc911"
      "9fe808002b104860020000000906000001000000a11b3019a0030a0100a31204100100000060a3896457a6ee"
      "4800000000" },
    { "bind of a secure channel",
      "05000b07100000006300130003000000b810b810000000000100000000000100785734123412cdabef000123"
      "456789ab00000000045d888aeb1cc9119fe808002b1048600200000044060000010000000000000003000000"
      "524544005245444d454d00" },
    { "bind_ack of a secure channel",
      "05000c07100000004c000c0003000000b810b810c7310002000000000100000000000000045d888aeb1cc911"
      "9fe808002b104860020000004406000001000000010000000000000000006c00" },
    { "request over a secure channel",
      "0500000310000000d8003800040000007c00000000004d004acd00e0ed5cb629de665cedce944c87d0ddb21b"
      "f47c7590aebad252a9200d56be5be63d63b38166cda722fbd8ebdd9e59654e5f25b09a16d9cb341af27cbf52"
      "a05493a4402b8256da1bb16fe9c3e33b60eaa9af2f5b7fe59df11ff83b1809ae43a1d0a5b57acc97cb453638"
      "64c2218375bc3493a226089b98e5cdad53ebe7d0440604000100000013001a00ffff0000f2a5c36c2919d878"
      "ce214de1b185c8cb3d93ae9afb2d118c000000000000000000000000000000000000000000000000" },
    { "impacket's bind",
      "05000b03100000006900190001000000b810b810000000000100000000000100785634123412cdabef000123"
      "4567cffb01000000045d888aeb1cc9119fe808002b10486002000000440600007f3501000000000013000000"
      "52454400494d5057530005494d50575300" },
};

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        assert_true(nt_unhex((char[]){ hex[0], hex[1], 0 }, out + n, 1));
        n++;
        hex += 2;
    }
    return n;
}

static void captured_pdus_encode_back_to_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(captured); i++) {
        uint8_t data[1024];
        struct nt_rpc_pdu pdu;
        struct nt_buf out;
        size_t len = from_hex(captured[i].hex, data);
        assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_OK);
        nt_buf_init(&out, 65536);
        nt_rpc_pdu_write(&pdu, &out);
        assert_int_equal(out.err, NT_OK);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, data, len);
        nt_buf_free(&out);
    }
}

static void fields_are_read_where_they_stand(void **state)
{
    (void)state;
    uint8_t data[1024];
    struct nt_rpc_pdu pdu;
    size_t len = from_hex(captured[5].hex, data);
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_OK);
    assert_int_equal(pdu.header.ptype, NT_PT_BIND_ACK);
    assert_int_equal(pdu.header.flags, NT_PFC_FIRST | NT_PFC_LAST | NT_PFC_HEADER_SIGN);
    assert_int_equal(pdu.header.call_id, 3);
    assert_int_equal(pdu.ack.max_xmit, 4280);
    assert_int_equal(pdu.ack.assoc_group, 0x450f);
    assert_int_equal(pdu.ack.count, 1);
    assert_int_equal(pdu.ack.results[0].result, NT_RESULT_ACCEPT);
    assert_true(nt_rpc_syntax_equal(&pdu.ack.results[0].transfer, &nt_rpc_ndr32));
    assert_true(pdu.auth.present);
    assert_int_equal(pdu.auth.type, NT_AUTH_NTLM);
    assert_int_equal(pdu.auth.level, NT_LEVEL_PRIVACY);
    assert_int_equal(pdu.auth.context_id, 1);
    assert_int_equal(pdu.auth.token_len, 0x76);
    assert_memory_equal(pdu.auth.token, "NTLMSSP", 8);
}

/* A copy of exactly the prefix lets the sanitizer see a read beyond it. */
static void no_prefix_reads_beyond_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(captured); i++) {
        uint8_t data[1024];
        size_t len = from_hex(captured[i].hex, data);
        for (size_t n = 0; n < len; n++) {
            struct nt_rpc_pdu pdu;
            uint8_t *part = malloc(n + 1);
            assert_non_null(part);
            memcpy(part, data, n);
            assert_int_not_equal(nt_rpc_pdu_read(&pdu, part, n), NT_OK);
            if (n >= NT_RPC_HEADER_LEN) { /* and with a header that agrees */
                nt_put_le16(part + 8, (uint16_t)n);
                enum nt_err err = nt_rpc_pdu_read(&pdu, part, n);
                assert_true(err != NT_OK || pdu.rest_len <= n);
            }
            free(part);
        }
    }
}

static void both_byte_orders_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(captured); i++) {
        uint8_t data[1024], turned[64 * 20];
        struct nt_rpc_pdu little, big;
        struct nt_buf out;
        size_t len = from_hex(captured[i].hex, data);
        assert_int_equal(nt_rpc_pdu_read(&little, data, len), NT_OK);
        bool is_bind = little.header.ptype == NT_PT_BIND || little.header.ptype == NT_PT_ALTER;
        nt_buf_init(&out, 65536);
        big = little;
        big.header.big_endian = true;
        if (is_bind) { /* transfer syntaxes are kept as bytes */
            struct nt_rpc_syntax s = nt_rpc_syntax_read(little.bind.elements[0].transfers, false);
            nt_rpc_syntax_write(turned, &s, true);
            big.bind.elements[0].transfers = turned;
        }
        nt_rpc_pdu_write(&big, &out);
        assert_int_equal(out.data[4], 0);
        assert_int_equal(nt_be16(out.data + 8), len);
        assert_int_equal(nt_rpc_pdu_read(&big, out.data, out.len), NT_OK);
        assert_true(big.header.big_endian);
        assert_int_equal(big.header.call_id, little.header.call_id);
        assert_int_equal(big.rest_len, little.rest_len);
        assert_int_equal(big.auth.context_id, little.auth.context_id);
        if (is_bind) {
            assert_true(nt_rpc_syntax_equal(&big.bind.elements[0].abstract,
                                            &little.bind.elements[0].abstract));
            assert_int_equal(big.bind.max_recv, little.bind.max_recv);
        }
        if (little.header.ptype == NT_PT_FAULT)
            assert_int_equal(big.fault.status, 5);
        nt_buf_free(&out);
    }
}

static void headers_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum nt_err err;
    } bad[] = {
        { 0, 4, NT_E_UNSUPPORTED },   { 1, 2, NT_E_UNSUPPORTED }, { 4, 0x11, NT_E_MALFORMED },
        { 4, 0x20, NT_E_MALFORMED },  { 5, 1, NT_E_MALFORMED },   { 8, 15, NT_E_MALFORMED },
        { 10, 0x70, NT_E_MALFORMED }, { 2, 1, NT_E_UNSUPPORTED }, { 2, 20, NT_E_UNSUPPORTED },
    };
    for (size_t i = 0; i < NT_COUNT(bad); i++) {
        uint8_t data[1024];
        struct nt_rpc_pdu pdu;
        size_t len = from_hex(captured[4].hex, data);
        data[bad[i].at] = bad[i].value;
        if (bad[i].at == 10)
            data[11] = 1;
        assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), bad[i].err);
    }
}

static void counts_from_the_peer_are_bounded(void **state)
{
    (void)state;
    uint8_t data[1024];
    struct nt_rpc_pdu pdu;
    size_t len = from_hex(captured[0].hex, data);
    data[24] = 255; /* contexts */
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_E_LIMIT);
    data[24] = 2; /* more than there are */
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_E_TRUNCATED);
    data[24] = 1;
    data[30] = 255; /* transfer syntaxes */
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_E_TRUNCATED);
    len = from_hex(captured[1].hex, data);
    data[24] = 0xFF; /* secondary address */
    data[25] = 0xFF;
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_E_LIMIT);
    len = from_hex(captured[5].hex, data);
    data[len - 0x76 - 6] = 200; /* padding that is longer than what it pads */
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_E_MALFORMED);
}

static void an_object_uuid_stands_before_the_stub(void **state)
{
    (void)state;
    struct nt_rpc_pdu pdu;
    struct nt_buf out;
    nt_buf_init(&out, 65536);
    pdu_begin(&pdu, NT_PT_REQUEST, 7);
    pdu.header.flags |= NT_PFC_OBJECT;
    pdu.request.object = toy_first.uuid;
    pdu.rest = (const uint8_t *)"stub";
    pdu.rest_len = 4;
    nt_rpc_pdu_write(&pdu, &out);
    assert_int_equal(out.len, 44);
    assert_int_equal(nt_rpc_pdu_read(&pdu, out.data, out.len), NT_OK);
    assert_true(nt_uuid_equal(&pdu.request.object, &toy_first.uuid));
    assert_int_equal(pdu.rest_len, 4);
    assert_memory_equal(pdu.rest, "stub", 4);
    nt_buf_free(&out);
}

static void a_pdu_longer_than_its_length_field_is_not_written(void **state)
{
    (void)state;
    static uint8_t much[70000];
    struct nt_rpc_pdu pdu;
    struct nt_buf out;
    nt_buf_init(&out, 1u << 20);
    pdu_begin(&pdu, NT_PT_REQUEST, 7);
    pdu.rest = much;
    pdu.rest_len = sizeof much;
    nt_rpc_pdu_write(&pdu, &out);
    assert_int_equal(out.err, NT_E_LIMIT);
    nt_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_pdus_encode_back_to_the_same_bytes),
        cmocka_unit_test(fields_are_read_where_they_stand),
        cmocka_unit_test(no_prefix_reads_beyond_its_end),
        cmocka_unit_test(both_byte_orders_say_the_same),
        cmocka_unit_test(headers_that_contradict_themselves_are_refused),
        cmocka_unit_test(counts_from_the_peer_are_bounded),
        cmocka_unit_test(an_object_uuid_stands_before_the_stub),
        cmocka_unit_test(a_pdu_longer_than_its_length_field_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
