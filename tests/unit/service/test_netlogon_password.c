/*
 * test_netlogon_password.c - what a secure channel's owner may do with its own secret, and that
 * nobody else can, whatever is sent again, early or to the wrong place.
 */
#include "../test.h"
#include "fixture.h"

#define assert_status(st, name) assert_int_equal((st).code, NT_STATUS(name).code)

static int setup(void **state)
{
    struct fix *f = malloc(sizeof *f);
    fix_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fix_close(*state);
    free(*state);
    return 0;
}

static void a_trust_is_established_from_permit_to_first_change(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "RESPDC", "RESOURCES$", "Initial.pw1", 4);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_PROVEN);
    assert_status(fix_set_password(f, &c, "Random.pw2", 1), SUCCESS);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_ACTIVE);
    fix_drop(&c);

    /* The initial password opens nothing any more, the new one does. */
    c = fix_client("RESPDC", "RESOURCES$", "Initial.pw1", 4);
    assert_status(fix_setup(f, &c), ACCESS_DENIED);
    c = fix_channel(f, "RESPDC", "RESOURCES$", "Random.pw2", 4);
    assert_status(fix_set_password(f, &c, "Random.pw3", 2), SUCCESS);
    fix_drop(&c);

    /* Until the change is proven, and one back after it, the previous one serves. */
    c = fix_client("RESPDC", "RESOURCES$", "Random.pw2", 4);
    assert_status(fix_setup(f, &c), SUCCESS);
    c = fix_client("RESPDC", "RESOURCES$", "Random.pw3", 4);
    assert_status(fix_setup(f, &c), SUCCESS);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_ACTIVE);
}

static void a_workstation_changes_its_password(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_set_password(f, &c, "Wks.pw2", 0), SUCCESS);
    fix_drop(&c);
    c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), ACCESS_DENIED);
    c = fix_client("WKS", "WKS$", "Wks.pw2", 2);
    assert_status(fix_setup(f, &c), SUCCESS);
}

static void the_hash_form_changes_it_too(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct nt_secret hash;
    assert_int_equal(nt_owf_text("Wks.pw2", &hash), NT_OK);
    struct NetrServerPasswordSet a = { .AccountName = fix_text(f, "WKS$"),
                                       .SecureChannelType = 2,
                                       .ComputerName = fix_text(f, "WKS") };
    nt_nl_owf_encrypt(&c.chain, hash.b, a.UasNewPassword.data);
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerPasswordSet, c.how, &a), SUCCESS);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));
    fix_drop(&c);
    c = fix_client("WKS", "WKS$", "Wks.pw2", 2);
    assert_status(fix_setup(f, &c), SUCCESS);
}

static struct NetrLogonGetCapabilities capabilities(struct fix *f, struct client *c, uint32_t level)
{
    struct NetrLogonGetCapabilities a = { .ServerName = fix_text(f, "\\\\ACCPDC"),
                                          .ComputerName = fix_text(f, c->computer),
                                          .QueryLevel = level };
    a.Authenticator = fix_next(c);
    return a;
}

static void capabilities_tell_the_negotiated_flags(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct NetrLogonGetCapabilities a = capabilities(f, &c, 1);
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &a), SUCCESS);
    assert_int_equal(a.Capabilities.ServerCapabilities, c.flags);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));
    a = capabilities(f, &c, 2);
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &a), SUCCESS);
    assert_int_equal(a.Capabilities.RequestedFlags, FIX_FLAGS);
    fix_drop(&c);
}

static void an_unknown_capability_level_is_a_fault_and_moves_no_chain(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct nt_chain before = c.chain;
    /* The union has no such arm, so the request is made by hand from one of level 1. */
    struct NetrLogonGetCapabilities a = capabilities(f, &c, 1);
    struct nt_buf stub;
    struct nt_call call;
    nt_buf_init(&stub, 65536);
    assert_int_equal(nt_ndr_encode(&ndr_NetrLogonGetCapabilities, NT_NDR_REQUEST, &a, NULL, &stub),
                     NT_OK);
    nt_buf_set_u32le(&stub, stub.len - 4, 3);
    assert_int_equal(fix_serve(f, f->conn, &call, &ndr_netlogon, 21, c.how, stub.data, stub.len),
                     NT_SERVE_FAULT);
    assert_int_equal(call.fault, NT_FAULT_INVALID_TAG);
    nt_call_free(&call);
    nt_buf_free(&stub);

    c.chain = before;
    a = capabilities(f, &c, 1);
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &a), SUCCESS);
    fix_drop(&c);
}

static void a_replayed_or_reordered_call_is_denied_and_leaves_the_chain(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct NetrLogonGetCapabilities first = capabilities(f, &c, 1), again = first;
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &first), SUCCESS);
    assert_true(fix_returned(&c, &first.ReturnAuthenticator));
    for (int i = 0; i < 3; i++) {
        struct NetrLogonGetCapabilities replay = again;
        assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &replay), ACCESS_DENIED);
        static const NETLOGON_AUTHENTICATOR none;
        assert_memory_equal(&replay.ReturnAuthenticator, &none, sizeof none);
    }
    struct client ahead = c;
    (void)fix_next(&ahead); /* one call too early */
    struct NetrLogonGetCapabilities early = capabilities(f, &ahead, 1);
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &early), ACCESS_DENIED);

    struct NetrLogonGetCapabilities good = capabilities(f, &c, 1);
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &good), SUCCESS);
    fix_drop(&c);
}

static void a_password_is_not_set_without_a_sealed_secure_channel(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct nt_chain chain = c.chain;
    struct how sealed = c.how;
    c.how.level = NT_LEVEL_INTEGRITY;
    assert_status(fix_set_password(f, &c, "Evil.pw", 0), ACCESS_DENIED);
    c.chain = chain;
    c.how = fix_plain;
    assert_status(fix_set_password(f, &c, "Evil.pw", 0), ACCESS_DENIED);
    c.chain = chain;
    c.how = sealed;
    c.how.type = NT_AUTH_NTLM;
    assert_status(fix_set_password(f, &c, "Evil.pw", 0), ACCESS_DENIED);
    c.chain = chain;
    c.how = sealed;
    assert_status(fix_set_password(f, &c, "Wks.pw2", 0), SUCCESS);
    fix_drop(&c);
}

static void one_channel_cannot_act_for_another_account(void **state)
{
    struct fix *f = *state;
    struct client wks = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct client bdc = fix_channel(f, "BDC1", "BDC1$", "Bdc.pw1", 6);
    struct client mixed = wks;
    mixed.account = "BDC1$";
    assert_status(fix_set_password(f, &mixed, "Evil.pw", 0), INVALID_PARAMETER);
    fix_returned(&mixed, &(NETLOGON_AUTHENTICATOR){ 0 });
    /* The key of one channel over the connection of another proves nothing. */
    mixed = bdc;
    mixed.how = wks.how;
    assert_status(fix_set_password(f, &mixed, "Evil.pw", 0), ACCESS_DENIED);
    fix_drop(&wks);
    fix_drop(&bdc);
}

static void buffers_that_are_not_encrypted_are_refused(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct NetrServerPasswordSet2 a = { .AccountName = fix_text(f, "WKS$"),
                                        .SecureChannelType = 2,
                                        .ComputerName = fix_text(f, "WKS") };
    a.Authenticator = fix_next(&c); /* all zeros, as the attack of 2020 sent */
    assert_status(fix_call(f, &ndr_NetrServerPasswordSet2, c.how, &a), ACCESS_DENIED);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));

    fix_random(f, a.ClearNewPassword.Buffer, sizeof a.ClearNewPassword.Buffer);
    fix_random(f, &a.ClearNewPassword.Length, 4);
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerPasswordSet2, c.how, &a), WRONG_PASSWORD);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));
    fix_drop(&c);
    c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), SUCCESS);
}

static void a_domain_that_refuses_changes_says_wrong_password(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    fix_policy(f, "refuse_password_change", 1);
    assert_status(fix_set_password(f, &c, "Wks.pw2", 0), WRONG_PASSWORD);
    fix_drop(&c);
}

static void both_hashes_come_back_to_their_owner_only(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "RESPDC", "RESOURCES$", "Initial.pw1", 4);
    assert_status(fix_set_password(f, &c, "Random.pw2", 1), SUCCESS);
    assert_status(fix_set_password(f, &c, "Random.pw3", 2), SUCCESS);
    struct NetrServerGetTrustInfo a = { .AccountName = fix_text(f, "RESOURCES$"),
                                        .SecureChannelType = 4,
                                        .ComputerName = fix_text(f, "RESPDC") };
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerGetTrustInfo, c.how, &a), SUCCESS);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));
    assert_non_null(a.TrustInfo);
    assert_int_equal(a.TrustInfo->UlongEntryCount, 1);

    struct nt_secret expected;
    uint8_t hash[16];
    assert_int_equal(nt_owf_text("Random.pw3", &expected), NT_OK);
    nt_nl_owf_decrypt(&c.chain, a.EncryptedNewOwfPassword.data, hash);
    assert_memory_equal(hash, expected.b, 16);
    assert_int_equal(nt_owf_text("Random.pw2", &expected), NT_OK);
    nt_nl_owf_decrypt(&c.chain, a.EncryptedOldOwfPassword.data, hash);
    assert_memory_equal(hash, expected.b, 16);

    struct NetrServerTrustPasswordsGet b = { .AccountName = fix_text(f, "WKS$"),
                                             .SecureChannelType = 2,
                                             .ComputerName = fix_text(f, "RESPDC") };
    b.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerTrustPasswordsGet, c.how, &b), INVALID_PARAMETER);
    assert_true(fix_returned(&c, &b.ReturnAuthenticator));
    b.AccountName = fix_text(f, "RESOURCES$");
    b.SecureChannelType = 4;
    b.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerTrustPasswordsGet, c.how, &b), SUCCESS);
    fix_drop(&c);
}

static void only_a_bdc_may_ask_for_others_passwords(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct NetrServerPasswordGet a = { .AccountName = fix_text(f, "BDC1$"),
                                       .AccountType = 6,
                                       .ComputerName = fix_text(f, "WKS") };
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerPasswordGet, c.how, &a), ACCESS_DENIED);
    fix_drop(&c);

    c = fix_channel(f, "BDC1", "BDC1$", "Bdc.pw1", 6);
    a.ComputerName = fix_text(f, "BDC1");
    a.AccountName = fix_text(f, "WKS$");
    a.AccountType = 2;
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerPasswordGet, c.how, &a), SUCCESS);
    struct nt_secret expected;
    uint8_t hash[16];
    assert_int_equal(nt_owf_text("Wks.pw1", &expected), NT_OK);
    nt_nl_owf_decrypt(&c.chain, a.EncryptedNtOwfPassword.data, hash);
    assert_memory_equal(hash, expected.b, 16);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));
    a.AccountName = fix_text(f, "alice");
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrServerPasswordGet, c.how, &a), NO_TRUST_SAM_ACCOUNT);
    fix_drop(&c);
}

static void a_disabled_account_loses_its_live_channel(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    uint32_t rid = c.rid;
    assert_status(fix_change(f, fix_do_disable, &rid), SUCCESS);
    struct NetrLogonGetCapabilities a = capabilities(f, &c, 1);
    assert_status(fix_call(f, &ndr_NetrLogonGetCapabilities, c.how, &a), ACCESS_DENIED);
    assert_int_equal(nt_chains_count(f->service.chains), 0);
    fix_drop(&c);
}

static void a_new_set_up_inside_the_sealed_connection_replaces_the_chain(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct nt_chain old = c.chain;
    assert_status(fix_setup(f, &c), SUCCESS); /* the connection keeps its own key */
    assert_status(fix_set_password(f, &c, "Wks.pw2", 0), SUCCESS);
    c.chain = old;
    assert_status(fix_set_password(f, &c, "Wks.pw3", 0), ACCESS_DENIED);
    fix_drop(&c);
}

static void domain_info_names_the_domain_and_its_trusts(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    NETLOGON_WORKSTATION_INFO info = { 0 };
    struct NetrLogonGetDomainInfo a = { .ServerName = fix_text(f, "\\\\ACCPDC"),
                                        .ComputerName = fix_text(f, "WKS"),
                                        .Level = 1 };
    a.WkstaBuffer.WorkstationInfo = &info;
    a.Authenticator = fix_next(&c);
    assert_status(fix_call(f, &ndr_NetrLogonGetDomainInfo, c.how, &a), SUCCESS);
    assert_true(fix_returned(&c, &a.ReturnAuthenticator));
    assert_int_equal(a.DomBuffer.DomainInfo->TrustedDomainCount, 2);
    assert_int_equal(a.DomBuffer.DomainInfo->PrimaryDomain.DomainName.Length, 16);
    assert_non_null(a.DomBuffer.DomainInfo->PrimaryDomain.DomainSid);
    fix_drop(&c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_trust_is_established_from_permit_to_first_change),
        T(a_workstation_changes_its_password),
        T(the_hash_form_changes_it_too),
        T(capabilities_tell_the_negotiated_flags),
        T(an_unknown_capability_level_is_a_fault_and_moves_no_chain),
        T(a_replayed_or_reordered_call_is_denied_and_leaves_the_chain),
        T(a_password_is_not_set_without_a_sealed_secure_channel),
        T(one_channel_cannot_act_for_another_account),
        T(buffers_that_are_not_encrypted_are_refused),
        T(a_domain_that_refuses_changes_says_wrong_password),
        T(both_hashes_come_back_to_their_owner_only),
        T(only_a_bdc_may_ask_for_others_passwords),
        T(a_disabled_account_loses_its_live_channel),
        T(a_new_set_up_inside_the_sealed_connection_replaces_the_chain),
        T(domain_info_names_the_domain_and_its_trusts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
