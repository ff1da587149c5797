/* Calls as JSON: what a person writes, what a controller answered, and the mistakes in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ndr/message.h"
#include "../test.h"
#include "base/bytes.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "repair/rpc_value.h"

#define MAX_STUB 8192

static const char *captured; /* tests/unit/ndr/captured.txt */

static struct nt_arena arena;
static char why[NT_RPC_VALUE_WHY];

static int set_up(void **state)
{
    (void)state;
    nt_arena_init(&arena, 16u * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nt_arena_free(&arena);
    return 0;
}

/* The struct of a request; NULL with why[]. */
static void *read_text(const struct nt_ndr_op *op, const char *text)
{
    void *args;
    json_error_t error;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    assert_non_null(j);
    bool ok = nt_rpc_value_read(op, NT_NDR_REQUEST, j, &arena, &args, why);
    json_decref(j);
    assert_true(ok == (args != NULL) && ok == (why[0] == '\0'));
    return args;
}

static void expect_encoded(const struct nt_ndr_op *op, const void *args, const char *hex)
{
    static uint8_t want[MAX_STUB];
    struct nt_buf out;
    size_t len = message_hex(hex, want, sizeof want);
    nt_buf_init(&out, MAX_STUB);
    assert_int_equal(nt_ndr_encode(op, NT_NDR_REQUEST, args, NULL, &out), NT_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, want, len);
    nt_buf_free(&out);
}

static void expect_refused(const struct nt_ndr_op *op, const char *text, const char *message)
{
    assert_null(read_text(op, text));
    assert_string_equal(why, message);
}

#define HANDLE     "\"PolicyHandle\":\"12345678-1234-1234-1234-123456789abc\""
#define USER       "\"UserHandle\":\"12345678-1234-1234-1234-123456789abc\""
#define HEX_HANDLE "00000000 78563412 3412 3412 1234 123456789abc"

/* --- what is taken --- */

static void enumerations_go_by_name_or_number(void **state)
{
    (void)state;
    static const char *const ways[] = { "12", "\"12\"", "\"0xC\"", "\"PolicyDnsDomainInformation\"",
                                        "\"policydnsdomaininformation\"" };
    for (size_t i = 0; i < NT_COUNT(ways); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" HANDLE ",\"InformationClass\":%s}", ways[i]);
        void *args = read_text(&ndr_LsarQueryInformationPolicy2, text);
        assert_string_equal(why, "");
        expect_encoded(&ndr_LsarQueryInformationPolicy2, args, HEX_HANDLE "0c00");
    }
}

static void counts_that_were_left_out_are_filled_in(void **state)
{
    (void)state;
    const struct LsarLookupNames3 *a =
        read_text(&ndr_LsarLookupNames3,
                  "{" HANDLE ",\"Names\":[\"a\",\"b\",\"\xF0\x9F\x98\x80\"],\"LookupLevel\":1,"
                  "\"LookupOptions\":0,\"ClientRevision\":2}");
    assert_non_null(a);
    assert_int_equal(a->Count, 3);
    assert_int_equal(a->Names[1].Length, 2);
    assert_int_equal(a->Names[2].Length, 4); /* a surrogate pair */
    assert_int_equal(a->Names[2].Buffer[0], 0xD83D);

    /* a count of another kind: bits in bytes */
    const struct SamrSetInformationUser2 *u =
        read_text(&ndr_SamrSetInformationUser2,
                  "{" USER ",\"Buffer\":{\"LogonHours\":{\"LogonHours\":"
                  "{\"LogonHours\":\"ffffffffffffffffffffffffffffffffffffffffff\"}}}}");
    assert_non_null(u);
    assert_int_equal(u->UserInformationClass, UserLogonHoursInformation);
    assert_int_equal(u->Buffer.LogonHours.LogonHours.UnitsPerWeek, 168);
}

/* One count, two arrays: 0 elements must not become 3 behind their back. */
static void a_count_that_an_array_was_made_by_stays(void **state)
{
    (void)state;
    expect_refused(&ndr_NetrLogonGetDomainInfo,
                   "{\"ServerName\":\"a\",\"Authenticator\":{},\"ReturnAuthenticator\":{},"
                   "\"Level\":1,\"WkstaBuffer\":{\"WorkstationInfo\":{\"LsaPolicy\":"
                   "{\"LsaPolicySize\":2,\"LsaPolicy\":\"010203\"}}}}",
                   "WkstaBuffer.WorkstationInfo.LsaPolicy.LsaPolicy: has 3 elements, but "
                   "LsaPolicySize says 2");
    expect_refused(&ndr_LsarSetInformationPolicy2,
                   "{" HANDLE ",\"InformationClass\":\"PolicyAccountDomainInformation\","
                   "\"PolicyInformation\":{\"PolicyAccountDomainInfo\":{\"DomainSid\":"
                   "{\"Revision\":1,\"SubAuthorityCount\":5}}}}",
                   "PolicyInformation.PolicyAccountDomainInfo.DomainSid.SubAuthority: has 0 "
                   "elements, but SubAuthorityCount says 5");
}

static void an_arm_goes_by_its_name_its_case_or_its_number(void **state)
{
    (void)state;
    static const char *const ways[] = { "Control", "UserControlInformation", "16" };
    for (size_t i = 0; i < NT_COUNT(ways); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" USER ",\"Buffer\":{\"%s\":{\"UserAccountControl\":17}}}",
                 ways[i]);
        const struct SamrSetInformationUser2 *u = read_text(&ndr_SamrSetInformationUser2, text);
        assert_string_equal(why, "");
        assert_int_equal(u->UserInformationClass, UserControlInformation);
        assert_int_equal(u->Buffer.Control.UserAccountControl, 17);
    }
}

static void sids_times_and_bytes_have_their_usual_form(void **state)
{
    (void)state;
    const struct LsarOpenTrustedDomain *t = read_text(
        &ndr_LsarOpenTrustedDomain, "{" HANDLE ",\"TrustedDomainSid\":\"S-1-5-21-1-2-4294967295\","
                                    "\"DesiredAccess\":\"0x02000000\"}");
    assert_non_null(t);
    assert_int_equal(t->TrustedDomainSid->SubAuthorityCount, 4);
    assert_int_equal(t->TrustedDomainSid->SubAuthority[3], 0xFFFFFFFFu);
    assert_int_equal(t->DesiredAccess, 0x02000000);

    const struct {
        const char *text;
        int64_t value;
    } times[] = {
        { "\"never\"", INT64_MAX },
        { "\"-never\"", INT64_MIN },
        { "0", 0 },
        { "\"-25\"", -25 },
        { "\"90.5 s\"", -905000000 },
        { "\"1601-01-01T00:00:00Z\"", 0 },
        { "\"1970-01-01T00:00:00Z\"", 116444736000000000 },
        { "\"2024-02-29T23:59:59.0000001Z\"", 133537247990000001 },
        { "\"2000-03-01 00:00:00Z\"", 125963424000000000 },
    };
    for (size_t i = 0; i < NT_COUNT(times); i++) {
        char text[256];
        snprintf(text, sizeof text, "{" USER ",\"Buffer\":{\"Expires\":{\"AccountExpires\":%s}}}",
                 times[i].text);
        const struct SamrSetInformationUser2 *u = read_text(&ndr_SamrSetInformationUser2, text);
        assert_string_equal(why, "");
        assert_int_equal(
            (int64_t)((uint64_t)(uint32_t)u->Buffer.Expires.AccountExpires.HighPart << 32 |
                      u->Buffer.Expires.AccountExpires.LowPart),
            times[i].value);
    }
}

/* --- what is not --- */

static void a_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    const struct nt_ndr_op *op = &ndr_LsarSetInformationPolicy2;
    expect_refused(op, "[]", "the parameters have to be an object");
    expect_refused(op, "{}", "PolicyHandle: is missing");
    expect_refused(op, "{\"PolicyHandle\":\"x\"}",
                   "PolicyHandle: a handle is wanted, as another call gave it");
    expect_refused(op, "{" HANDLE ",\"policyhandle\":null}", "PolicyHandle is there twice");
    expect_refused(op, "{" HANDLE ",\"Foo\":1}",
                   "there is no 'Foo' here, but PolicyHandle, InformationClass, PolicyInformation");
    expect_refused(op, "{" HANDLE ",\"InformationClass\":\"Polic\"}",
                   "InformationClass: 'Polic' is no number, and no name of "
                   "POLICY_INFORMATION_CLASS");
    expect_refused(op, "{" HANDLE ",\"InformationClass\":65536}",
                   "InformationClass: 65536 does not fit into 16 bits");
    expect_refused(op, "{" HANDLE ",\"InformationClass\":3}", "PolicyInformation: is missing");
    expect_refused(op, "{" HANDLE ",\"PolicyInformation\":{\"PolicyPrimaryDomainInfo\":7}}",
                   "PolicyInformation.PolicyPrimaryDomainInfo: an object is wanted: a "
                   "LSAPR_POLICY_PRIMARY_DOM_INFO");
    expect_refused(op,
                   "{" HANDLE ",\"PolicyInformation\":{\"PolicyPrimaryDomainInfo\":"
                   "{\"Name\":[\"a\"]}}}",
                   "PolicyInformation.PolicyPrimaryDomainInfo.Name: a text is wanted");
    expect_refused(op,
                   "{" HANDLE ",\"InformationClass\":5,\"PolicyInformation\":"
                   "{\"PolicyPrimaryDomainInfo\":{}}}",
                   "PolicyInformation: 'PolicyPrimaryDomainInfo' is not the arm of "
                   "InformationClass = 5: that has PolicyAccountDomainInfo");
    expect_refused(op,
                   "{" HANDLE ",\"PolicyInformation\":{\"PolicyAuditEventsInfo\":"
                   "{\"EventAuditingOptions\":[1,\"x\"]}}}",
                   "PolicyInformation.PolicyAuditEventsInfo.EventAuditingOptions[1]: a number is "
                   "wanted, not 'x'");
    expect_refused(op,
                   "{" HANDLE ",\"PolicyInformation\":{\"PolicyAuditEventsInfo\":"
                   "{\"MaximumAuditEventCount\":1001}}}",
                   "PolicyInformation.PolicyAuditEventsInfo.MaximumAuditEventCount: has to be from "
                   "0 to 1000");
    expect_refused(&ndr_SamrSetInformationUser2,
                   "{" USER ",\"Buffer\":{\"Internal1\":{\"EncryptedNtOwfPassword\":"
                   "\"(hidden)\"}}}",
                   "Buffer.Internal1.EncryptedNtOwfPassword: this value was hidden where it comes "
                   "from");
    expect_refused(&ndr_SamrSetInformationUser2,
                   "{" USER ",\"Buffer\":{\"Internal1\":{\"EncryptedNtOwfPassword\":"
                   "{\"data\":\"00112233\"}}}}",
                   "Buffer.Internal1.EncryptedNtOwfPassword.data: has 4 elements, but 16 are "
                   "wanted");
    expect_refused(&ndr_NetrServerReqChallenge,
                   "{\"ComputerName\":\"a\\u0000b\",\"ClientChallenge\":{}}",
                   "ComputerName: this text cannot hold U+0000");
    expect_refused(&ndr_NetrServerReqChallenge, "{\"ClientChallenge\":{}}",
                   "ComputerName: is missing");
    expect_refused(&ndr_NetrServerReqChallenge, "{\"ComputerName\":null}",
                   "ComputerName: may not be null");
}

static void what_does_not_fit_into_the_arena_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{" HANDLE ",\"Names\":[\"abc\",\"def\"],\"LookupLevel\":1,"
                               "\"LookupOptions\":0,\"ClientRevision\":2}";
    for (size_t limit = 0;; limit += 16) {
        nt_arena_free(&arena);
        nt_arena_init(&arena, limit);
        if (read_text(&ndr_LsarLookupNames3, text) != NULL)
            break;
        assert_non_null(strstr(why, "more than fits into one call"));
    }
}

/* --- there and back --- */

/* A captured stub as JSON, that as a struct, that as a stub: its JSON is the same. */
static void returns(const struct message *m, const struct message *request)
{
    struct nt_buf out;
    void *args = NULL, *again = NULL, *third = NULL;
    nt_arena_reset(&arena);
    if (request != NULL)
        assert_int_equal(nt_ndr_decode(request->op, NT_NDR_REQUEST, false, request->stub,
                                       request->len, &arena, &args, NULL, NULL),
                         NT_OK);
    assert_int_equal(
        nt_ndr_decode(m->op, m->dir, false, m->stub, m->len, &arena, &args, NULL, NULL), NT_OK);
    json_t *first = nt_rpc_value_write(m->op, m->dir, args, true, NULL);
    assert_non_null(first);
    if (!nt_rpc_value_read(m->op, m->dir, first, &arena, &again, why))
        fail_msg("%s: %s", m->op->name, why);
    nt_buf_init(&out, 4 * MAX_STUB);
    assert_int_equal(nt_ndr_encode(m->op, m->dir, again, NULL, &out), NT_OK);
    assert_int_equal(
        nt_ndr_decode(m->op, m->dir, false, out.data, out.len, &arena, &third, NULL, NULL), NT_OK);
    json_t *second = nt_rpc_value_write(m->op, m->dir, third, true, NULL);
    if (!json_equal(first, second))
        fail_msg("%s: %s\n%s", m->op->name, json_dumps(first, 0), json_dumps(second, 0));
    json_decref(first);
    json_decref(second);
    nt_buf_free(&out);
}

static void captured_calls_come_back_from_json(void **state)
{
    static char line[4 * MAX_STUB + 256], hex[2][2 * MAX_STUB + 1];
    static uint8_t stub[2][MAX_STUB];
    char name[32];
    unsigned opnum, count = 0;
    (void)state;
    FILE *f = fopen(captured, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%31s %u %*s %16384s %16384s", name, &opnum, hex[0], hex[1]),
                         4);
        const struct nt_ndr_op *op = nt_ndr_interface_by_name(name)->ops[opnum];
        struct message request = { .op = op, .dir = NT_NDR_REQUEST, .stub = stub[0] };
        struct message response = { .op = op, .dir = NT_NDR_RESPONSE, .stub = stub[1] };
        request.len = message_hex(hex[0], stub[0], MAX_STUB);
        returns(&request, NULL);
        count++;
        if (strcmp(hex[1], "-") == 0)
            continue;
        response.len = message_hex(hex[1], stub[1], MAX_STUB);
        returns(&response, &request);
    }
    fclose(f);
    assert_true(count > 50);
}

static void secrets_are_shown_to_those_who_ask(void **state)
{
    (void)state;
    size_t hidden;
    void *args = read_text(&ndr_SamrSetInformationUser2,
                           "{" USER ",\"Buffer\":{\"Internal1\":{\"EncryptedNtOwfPassword\":"
                           "{\"data\":\"00112233445566778899aabbccddeeff\"}}}}");
    assert_non_null(args);
    json_t *j =
        nt_rpc_value_write(&ndr_SamrSetInformationUser2, NT_NDR_REQUEST, args, false, &hidden);
    char *text = json_dumps(j, 0);
    assert_int_equal(hidden, 2); /* the LM hash beside it, although it is zero */
    assert_non_null(strstr(text, "\"EncryptedNtOwfPassword\": \"(hidden)\""));
    assert_null(strstr(text, "0011"));
    free(text);
    json_decref(j);
    j = nt_rpc_value_write(&ndr_SamrSetInformationUser2, NT_NDR_REQUEST, args, true, &hidden);
    text = json_dumps(j, 0);
    assert_int_equal(hidden, 0);
    assert_non_null(strstr(text, "00112233445566778899aabbccddeeff"));
    free(text);
    json_decref(j);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(enumerations_go_by_name_or_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_that_were_left_out_are_filled_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_count_that_an_array_was_made_by_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_arm_goes_by_its_name_its_case_or_its_number, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sids_times_and_bytes_have_their_usual_form, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_mistake_is_told_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_into_the_arena_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(captured_calls_come_back_from_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets_are_shown_to_those_who_ask, set_up, tear_down),
    };
    if (argc < 2)
        return 2;
    captured = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
