/*
 * test_transport.c - what a call needs when it comes over a named pipe: the session under it
 * protects it and says who calls.
 */
#include "test_samr_world.h"

static int setup(void **state)
{
    *state = world_open();
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

static void over_pipe(struct world *w, enum role role)
{
    w->as[role] = fix_pipe(role == ANONYMOUS ? NULL : w->tokens[role], &w->key);
}

static void a_signed_session_protects_samr_and_lsa(void **state)
{
    struct world *w = *state;
    struct SamrConnect5 c = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    struct LsarOpenPolicy2 p = { .DesiredAccess = MAXIMUM_ALLOWED };
    struct LsarGetUserName u = { .SystemName = NULL };
    over_pipe(w, USER);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect5, &c), SUCCESS);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenPolicy2, &p), SUCCESS);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarGetUserName, &u), SUCCESS);
    assert_string_equal(shown(w, u.UserName), "alice");

    w->as[USER].is_signed = false;
    ASSERT_FAULT(samr(w, USER, &ndr_SamrConnect5, &c), ACCESS_DENIED);
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarGetUserName, &u), ACCESS_DENIED);
    w->as[USER].is_encrypted = true;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect5, &c), SUCCESS);
    w->as[USER].is_encrypted = false; /* a security context of RPC inside does as well */
    w->as[USER].type = NT_AUTH_NTLM;
    w->as[USER].level = NT_LEVEL_INTEGRITY;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect5, &c), SUCCESS);
}

static void what_an_smb_session_says_counts_on_pipes_only(void **state)
{
    struct world *w = *state;
    struct SamrConnect5 c = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    over_pipe(w, USER);
    w->as[USER].transport = NT_TRANSPORT_TCP;
    ASSERT_FAULT(samr(w, USER, &ndr_SamrConnect5, &c), ACCESS_DENIED);
}

static void the_setting_for_tcp_does_not_close_the_pipe(void **state)
{
    struct world *w = *state;
    struct LsarOpenPolicy2 p = { .DesiredAccess = MAXIMUM_ALLOWED };
    w->f.service.settings.lsa_over_tcp = false;
    over_pipe(w, USER);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenPolicy2, &p), SUCCESS);
}

/* What the trusting end asks as nobody when a trust is made: traces flow 2. */
static void a_stranger_learns_name_and_sid_and_no_more(void **state)
{
    struct world *w = *state;
    struct LsarOpenPolicy2 p = { .DesiredAccess = MAXIMUM_ALLOWED };
    struct nt_sid sid;
    over_pipe(w, ANONYMOUS);
    ASSERT_STATUS(lsa(w, ANONYMOUS, &ndr_LsarOpenPolicy2, &p), SUCCESS);
    struct LsarQueryInformationPolicy q = { .PolicyHandle = p.PolicyHandle,
                                            .InformationClass = PolicyAccountDomainInformation };
    ASSERT_STATUS(lsa(w, ANONYMOUS, &ndr_LsarQueryInformationPolicy, &q), SUCCESS);
    assert_true(nt_rpc_sid_get(q.PolicyInformation->PolicyAccountDomainInfo.DomainSid, &sid));
    assert_true(nt_sid_equal(&sid, &w->domain));
    q.InformationClass = PolicyAuditEventsInformation;
    ASSERT_STATUS(lsa(w, ANONYMOUS, &ndr_LsarQueryInformationPolicy, &q), ACCESS_DENIED);
    q.InformationClass = PolicyPdAccountInformation;
    ASSERT_STATUS(lsa(w, ANONYMOUS, &ndr_LsarQueryInformationPolicy, &q), ACCESS_DENIED);
    struct LsarEnumerateTrustedDomains e = { .PolicyHandle = p.PolicyHandle,
                                             .PreferedMaximumLength = 4096 };
    ASSERT_FAULT(lsa(w, ANONYMOUS, &ndr_LsarEnumerateTrustedDomains, &e), ACCESS_DENIED);
    struct SamrConnect5 c = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    ASSERT_FAULT(samr(w, ANONYMOUS, &ndr_SamrConnect5, &c), ACCESS_DENIED);
    struct LsarClose close = { .ObjectHandle = p.PolicyHandle };
    ASSERT_STATUS(lsa(w, ANONYMOUS, &ndr_LsarClose, &close), SUCCESS);
}

/* Netlogon's own rule stays: only the sealed secure channel, whoever the SMB session belongs to. */
static void a_logon_needs_the_secure_channel_on_a_pipe_too(void **state)
{
    struct world *w = *state;
    struct client wks = fix_channel(&w->f, "WKS", "WKS$", "Wks.pw1", 2);
    struct NetrLogonGetCapabilities a = { .ServerName = fix_text(&w->f, "\\\\ACCPDC"),
                                          .ComputerName = fix_text(&w->f, "WKS"),
                                          .QueryLevel = 1 };
    over_pipe(w, ADMIN);
    struct client before = wks;
    a.Authenticator = fix_next(&wks);
    ASSERT_STATUS(fix_call(&w->f, &ndr_NetrLogonGetCapabilities, w->as[ADMIN], &a), ACCESS_DENIED);
    wks.chain = before.chain;
    wks.how.transport = NT_TRANSPORT_PIPE;
    wks.how.is_signed = true;
    a.Authenticator = fix_next(&wks);
    ASSERT_STATUS(fix_call(&w->f, &ndr_NetrLogonGetCapabilities, wks.how, &a), SUCCESS);
    assert_true(fix_returned(&wks, &a.ReturnAuthenticator));
    fix_drop(&wks);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_signed_session_protects_samr_and_lsa),
        T(what_an_smb_session_says_counts_on_pipes_only),
        T(the_setting_for_tcp_does_not_close_the_pipe),
        T(a_stranger_learns_name_and_sid_and_no_more),
        T(a_logon_needs_the_secure_channel_on_a_pipe_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
