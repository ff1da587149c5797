/* What is filled into a call before it is sent; without a server, as in a dry run. */
#include <stdlib.h>
#include <string.h>

#include "../test.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "repair/rpc_call.h"

#define NIL "\"00000000-0000-0000-0000-000000000000\""

static struct nt_rpc_caller *caller;

static int set_up(void **state)
{
    (void)state;
    caller = nt_rpc_caller_new(&(struct nt_rpc_caller_config){ .host = "dc1" });
    return caller == NULL;
}

static int set_up_channel(void **state)
{
    (void)state;
    caller = nt_rpc_caller_new(&(struct nt_rpc_caller_config){
        .host = "dc1", .account = "WS$", .computer = "WS", .channel_type = 2 });
    return caller == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    nt_rpc_caller_free(caller);
    return 0;
}

/* The request as JSON, or why there is none. The caller frees it. */
static char *prepared(const struct nt_ndr_interface *iface, const struct nt_ndr_op *op,
                      const char *text)
{
    struct nt_rpc_call call;
    char *out;
    json_t *parameters = json_loads(text, 0, NULL), *before = json_deep_copy(parameters);
    assert_non_null(parameters);
    if (nt_rpc_call_prepare(caller, iface, op, parameters, &call)) {
        assert_int_equal(call.state, NT_RPC_CALL_PREPARED);
        json_t *j = nt_rpc_value_write(op, NT_NDR_REQUEST, call.request_args, true, NULL);
        out = json_dumps(j, JSON_COMPACT);
        json_decref(j);
    } else {
        assert_int_equal(call.state, NT_RPC_CALL_WRONG);
        out = strdup(call.why);
    }
    nt_rpc_call_free(&call);
    assert_true(json_equal(parameters, before));
    json_decref(parameters);
    json_decref(before);
    return out;
}

static void gives(const struct nt_ndr_interface *iface, const struct nt_ndr_op *op,
                  const char *text, const char *expected)
{
    char *got = prepared(iface, op, text);
    assert_string_equal(got, expected);
    free(got);
}

/* A reply as a server would give it. */
static void remember(const struct nt_ndr_op *op, const char *reply, const char *name)
{
    char why[NT_RPC_VALUE_WHY];
    struct nt_rpc_call call = { .op = op };
    json_t *j = json_loads(reply, 0, NULL);
    nt_arena_init(&call.arena, 65536);
    assert_true(nt_rpc_value_read(op, NT_NDR_RESPONSE, j, &call.arena, &call.reply_args, why));
    assert_true(nt_rpc_call_remember(caller, &call, name));
    nt_rpc_call_free(&call);
    json_decref(j);
}

static void what_is_usual_need_not_be_written(void **state)
{
    (void)state;
    gives(&ndr_lsarpc, &ndr_LsarOpenPolicy2, "{}",
          "{\"SystemName\":\"\\\\\\\\dc1\",\"ObjectAttributes\":{\"Length\":24,"
          "\"RootDirectory\":null,\"ObjectName\":null,\"Attributes\":0,\"SecurityDescriptor\":null,"
          "\"SecurityQualityOfService\":null},\"DesiredAccess\":\"0x02000000\"}");
    gives(&ndr_samr, &ndr_SamrEnumerateDomainsInSamServer, "{}",
          "{\"ServerHandle\":" NIL ",\"EnumerationContext\":0,"
          "\"PreferedMaximumLength\":4294967295}");
    gives(&ndr_samr, &ndr_SamrConnect2, "{\"servername\":null,\"DesiredAccess\":1}",
          "{\"ServerName\":null,\"DesiredAccess\":1}");
    gives(&ndr_samr, &ndr_SamrOpenUser, "{}", "UserId: is missing");
}

static void handles_go_by_their_words(void **state)
{
    (void)state;
    gives(&ndr_samr, &ndr_SamrCloseHandle, "{\"SamHandle\":\"@user:bob\"}",
          "{\"SamHandle\":" NIL "}");
    gives(&ndr_samr, &ndr_SamrCloseHandle, "{\"SamHandle\":\"@domain\"}",
          "{\"SamHandle\":" NIL "}");
    gives(&ndr_samr, &ndr_SamrCloseHandle, "{\"SamHandle\":\"@user\"}",
          "'@user': @user goes with a name");
    gives(&ndr_samr, &ndr_SamrCloseHandle, "{\"SamHandle\":\"@server:x\"}",
          "'@server:x': @server goes without a name");
    gives(&ndr_samr, &ndr_SamrCloseHandle, "{\"SamHandle\":\"@policy\"}",
          "'@policy' is no handle that can be opened for samr");
    gives(&ndr_lsarpc, &ndr_LsarClose, "{\"ObjectHandle\":\"@nothing:x\"}",
          "'@nothing:x' is no handle that can be opened for lsarpc");
}

static void values_of_replies_go_into_later_calls(void **state)
{
    (void)state;
    remember(&ndr_SamrLookupNamesInDomain,
             "{\"RelativeIds\":{\"Element\":[1000,1001]},\"Use\":{\"Element\":[1,2]}}", "who");
    remember(&ndr_SamrRidToSid, "{\"Sid\":\"S-1-5-32-544\"}", NULL);
    gives(&ndr_samr, &ndr_SamrOpenUser, "{\"UserId\":\"$who.RelativeIds.Element[1]\"}",
          "{\"DomainHandle\":" NIL ",\"DesiredAccess\":33554432,\"UserId\":1001}");
    gives(&ndr_samr, &ndr_SamrLookupIdsInDomain, "{\"RelativeIds\":\"$1.relativeids.element\"}",
          "{\"DomainHandle\":" NIL ",\"Count\":2,\"RelativeIds\":[1000,1001]}");
    gives(&ndr_samr, &ndr_SamrOpenDomain, "{\"DomainId\":\"$2.Sid\"}",
          "{\"ServerHandle\":" NIL ",\"DesiredAccess\":33554432,\"DomainId\":\"S-1-5-32-544\"}");
    gives(&ndr_samr, &ndr_SamrLookupNamesInDomain, "{\"Names\":[\"$$1\",\"a$b\",\"$2.Sid\"]}",
          "{\"DomainHandle\":" NIL ",\"Count\":3,\"Names\":[\"$1\",\"a$b\",\"S-1-5-32-544\"]}");
    static const char *const wrong[][2] = {
        { "$3.Sid", "$3.Sid: there is no such reply yet" },
        { "$0.Sid", "$0.Sid: there is no such reply yet" },
        { "$", "$: there is no such reply yet" },
        { "$whom.Sid", "$whom.Sid: there is no such reply yet" },
        { "$2.Sit", "$2.Sit: the reply has nothing there" },
        { "$2[0]", "$2[0]: the reply has nothing there" },
        { "$1.Use.Element[2]", "$1.Use.Element[2]: the reply has nothing there" },
        { "$1.Use.Element[x]", "$1.Use.Element[x]: the reply has nothing there" },
        { "$1.Use.Element[0]x", "$1.Use.Element[0]x: the reply has nothing there" },
        { "$1.", "$1.: the reply has nothing there" },
    };
    for (size_t i = 0; i < NT_COUNT(wrong); i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"DomainId\":\"%s\"}", wrong[i][0]);
        gives(&ndr_samr, &ndr_SamrOpenDomain, text, wrong[i][1]);
    }
}

static void a_channel_names_its_account_and_computer(void **state)
{
    (void)state;
    gives(&ndr_netlogon, &ndr_NetrLogonGetCapabilities, "{\"QueryLevel\":1}",
          "{\"ServerName\":\"\\\\\\\\dc1\",\"ComputerName\":\"WS\",\"Authenticator\":{"
          "\"Credential\":{\"data\":\"0000000000000000\"},\"Timestamp\":0},"
          "\"ReturnAuthenticator\":{\"Credential\":{\"data\":\"0000000000000000\"},"
          "\"Timestamp\":0},\"QueryLevel\":1}");
    gives(&ndr_netlogon, &ndr_NetrServerTrustPasswordsGet, "{}",
          "{\"TrustedDcName\":\"\\\\\\\\dc1\",\"AccountName\":\"WS$\","
          "\"SecureChannelType\":\"WorkstationSecureChannel\",\"ComputerName\":\"WS\","
          "\"Authenticator\":{\"Credential\":{\"data\":\"0000000000000000\"},\"Timestamp\":0}}");
    gives(&ndr_netlogon, &ndr_DsrGetDcNameEx, "{\"Flags\":0}",
          "{\"ComputerName\":null,\"DomainName\":null,\"DomainGuid\":null,\"SiteName\":null,"
          "\"Flags\":0}");
}

static void without_a_channel_an_authenticator_is_missing(void **state)
{
    (void)state;
    gives(&ndr_netlogon, &ndr_NetrLogonGetCapabilities, "{\"QueryLevel\":1}",
          "Authenticator: is missing");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_usual_need_not_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(handles_go_by_their_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_of_replies_go_into_later_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_channel_names_its_account_and_computer, set_up_channel,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_channel_an_authenticator_is_missing, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
