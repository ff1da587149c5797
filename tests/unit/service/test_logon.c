/*
 * test_logon.c - logons over a secure channel and in a bind: people of this domain, people of a
 * trusted one, machines; what is filtered, refused and locked.
 */
#include <stdio.h>

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

static const uint8_t challenge[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* An NTLMv2 response that a server called `computer` would get. */
static void respond(struct fix *f, const char *domain, const char *user, const char *password,
                    const char *computer, struct nt_buf *out, struct nt_secret *key)
{
    static const uint8_t client[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
    struct nt_secret hash;
    struct nt_buf info;
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    nt_buf_init(&info, 1024);
    if (computer != NULL) {
        const uint16_t *name = fix_text(f, computer);
        nt_av_put(&info, NT_AV_NB_COMPUTER, name, (uint16_t)(2 * strlen(computer)));
    }
    nt_av_put(&info, NT_AV_EOL, NULL, 0);
    nt_buf_init(out, 4096);
    assert_int_equal(nt_ntlmv2_respond(&hash, user, domain, challenge, client, f->now, info.data,
                                       info.len, out, key),
                     NT_OK);
    nt_buf_free(&info);
}

struct result {
    ntstatus status;
    NETLOGON_VALIDATION validation;
    bool authoritative;
    struct nt_secret key; /* of the client's computation */
};

static struct result network(struct fix *f, struct client *c, const char *domain, const char *user,
                             const char *password, const char *computer, uint16_t level)
{
    struct result r = { 0 };
    struct nt_buf nt;
    respond(f, domain, user, password, computer, &nt, &r.key);
    NETLOGON_NETWORK_INFO info = { 0 };
    info.Identity.LogonDomainName = fix_unicode(f, domain);
    info.Identity.UserName = fix_unicode(f, user);
    info.Identity.Workstation = fix_unicode(f, "\\\\DESK");
    memcpy(info.LmChallenge.data, challenge, 8);
    info.NtChallengeResponse.Length = (uint16_t)nt.len;
    info.NtChallengeResponse.MaximumLength = (uint16_t)nt.len;
    info.NtChallengeResponse.Buffer = nt.data;
    struct NetrLogonSamLogonEx a = { .ComputerName = fix_text(f, c->computer),
                                     .LogonLevel = NetlogonNetworkInformation,
                                     .ValidationLevel = level };
    a.LogonInformation.LogonNetwork = &info;
    r.status = fix_call(f, &ndr_NetrLogonSamLogonEx, c->how, &a);
    r.validation = a.ValidationInformation;
    r.authoritative = a.Authoritative;
    nt_buf_free(&nt);
    return r;
}

static struct result interactive(struct fix *f, struct client *c, const char *domain,
                                 const char *user, const char *password, uint16_t level)
{
    struct result r = { 0 };
    struct nt_secret hash;
    NETLOGON_INTERACTIVE_INFO info = { 0 };
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    info.Identity.LogonDomainName = fix_unicode(f, domain);
    info.Identity.UserName = fix_unicode(f, user);
    info.Identity.Workstation = fix_unicode(f, "DESK");
    memcpy(info.NtOwfPassword.data, hash.b, 16);
    nt_nl_crypt_buffer(&c->chain, true, info.NtOwfPassword.data, 16);
    NETLOGON_AUTHENTICATOR next = fix_next(c), returned = { 0 };
    struct NetrLogonSamLogonWithFlags a = { .ComputerName = fix_text(f, c->computer),
                                            .Authenticator = &next,
                                            .ReturnAuthenticator = &returned,
                                            .LogonLevel = NetlogonInteractiveInformation,
                                            .ValidationLevel = level };
    a.LogonInformation.LogonInteractive = &info;
    r.status = fix_call(f, &ndr_NetrLogonSamLogonWithFlags, c->how, &a);
    r.validation = a.ValidationInformation;
    r.authoritative = a.Authoritative;
    if (!nt_status_is(r.status, NT_STATUS(INVALID_INFO_CLASS)))
        assert_true(fix_returned(c, a.ReturnAuthenticator));
    return r;
}

static void a_network_logon_gives_sids_and_the_session_key(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct result r = network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 3);
    assert_status(r.status, SUCCESS);
    NETLOGON_VALIDATION_SAM_INFO2 *info = r.validation.ValidationSam2;
    assert_true(info->GroupCount >= 1);
    assert_int_equal(info->PrimaryGroupId, 513);
    assert_int_equal(info->LogonDomainId->SubAuthorityCount, 4);
    nt_nl_crypt_buffer(&c.chain, false, info->UserSessionKey.data, 16);
    assert_memory_equal(info->UserSessionKey.data, r.key.b, 16);

    r = network(f, &c, "accounts", "ALICE", "Alice.pw1", "wks", 2);
    assert_status(r.status, SUCCESS);
    r = network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 6);
    assert_status(r.status, SUCCESS);
    assert_memory_equal(r.validation.ValidationSam4->UserSessionKey.data, r.key.b, 16);
    fix_drop(&c);
}

static void interactive_logons_decrypt_the_hash(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "RESPDC", "RESOURCES$", "Initial.pw1", 4);
    for (uint16_t level = 1; level <= 7; level++) {
        struct nt_chain before = c.chain;
        struct result r = interactive(f, &c, "ACCOUNTS", "alice", "Alice.pw1", level);
        if (level == 2 || level == 3 || level == 6) {
            assert_status(r.status, SUCCESS);
        } else {
            assert_status(r.status, INVALID_INFO_CLASS);
            c.chain = before; /* told before the authenticator was looked at */
        }
    }
    struct result r = interactive(f, &c, "ACCOUNTS", "alice", "wrong", 3);
    assert_status(r.status, WRONG_PASSWORD);
    assert_true(r.authoritative);
    fix_drop(&c);
}

static void unknown_users_and_domains_are_told_apart(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct result r = network(f, &c, "ACCOUNTS", "nobody", "x", "WKS", 3);
    assert_status(r.status, NO_SUCH_USER);
    assert_true(r.authoritative);
    r = network(f, &c, "ELSEWHERE", "alice", "Alice.pw1", "WKS", 3);
    assert_status(r.status, NO_SUCH_USER);
    assert_false(r.authoritative);
    fix_drop(&c);
}

static void a_response_for_another_computer_is_refused(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "OTHER", 3).status,
                  LOGON_FAILURE);
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", NULL, 3).status, LOGON_FAILURE);
    fix_drop(&c);
    c = fix_channel(f, "RESPDC", "RESOURCES$", "Initial.pw1", 4); /* a trust brings its members' */
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "OTHER", 3).status, SUCCESS);
    fix_drop(&c);
}

static void logons_need_a_sealed_secure_channel(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    c.how.level = NT_LEVEL_INTEGRITY;
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 3).status, ACCESS_DENIED);
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 4).status,
                  INVALID_INFO_CLASS);
    fix_drop(&c);
}

static void old_responses_are_refused_whatever_their_length(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    static const uint16_t lengths[] = { 0, 1, 16, 23, 24, 25, 43, 44, 45, 65535 };
    uint8_t *bytes = nt_arena_alloc(&f->arena, 65536);
    for (size_t i = 0; i < NT_COUNT(lengths); i++) {
        NETLOGON_NETWORK_INFO info = { 0 };
        info.Identity.LogonDomainName = fix_unicode(f, "ACCOUNTS");
        info.Identity.UserName = fix_unicode(f, "alice");
        info.NtChallengeResponse.Length = lengths[i];
        info.NtChallengeResponse.MaximumLength = lengths[i];
        info.NtChallengeResponse.Buffer = bytes;
        struct NetrLogonSamLogonEx a = { .ComputerName = fix_text(f, "WKS"),
                                         .LogonLevel = NetlogonNetworkInformation,
                                         .ValidationLevel = 3 };
        a.LogonInformation.LogonNetwork = &info;
        assert_status(fix_call(f, &ndr_NetrLogonSamLogonEx, c.how, &a), WRONG_PASSWORD);
    }
    fix_drop(&c);
}

static void bad_passwords_lock_the_account_durably(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    fix_policy(f, "lockout_threshold", 3);
    for (int i = 0; i < 3; i++)
        assert_status(network(f, &c, "ACCOUNTS", "alice", "wrong", "WKS", 3).status,
                      WRONG_PASSWORD);
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 3).status,
                  ACCOUNT_LOCKED_OUT);
    struct nt_dir *dir = fix_dir(f);
    assert_true(nt_dir_account(dir, "alice")->locked_at != 0);
    uint64_t duration = nt_dir_policy(dir)->lockout_duration_s;
    nt_dir_unref(dir);
    f->now += (duration + 1) * NT_TIME_SECOND;
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 3).status, SUCCESS);
    fix_drop(&c);
}

static void disabled_accounts_do_not_log_on(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct nt_dir *dir = fix_dir(f);
    uint32_t rid = nt_dir_account(dir, "alice")->rid;
    nt_dir_unref(dir);
    assert_status(fix_change(f, fix_do_disable, &rid), SUCCESS);
    assert_status(network(f, &c, "ACCOUNTS", "alice", "Alice.pw1", "WKS", 3).status,
                  ACCOUNT_DISABLED);
    fix_drop(&c);
}

static void trust_accounts_do_not_log_on_and_say_so(void **state)
{
    struct fix *f = *state;
    struct client c = fix_channel(f, "BDC1", "BDC1$", "Bdc.pw1", 6);
    assert_status(network(f, &c, "ACCOUNTS", "RESOURCES$", "Initial.pw1", NULL, 3).status,
                  NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_PERMITTED);
    assert_status(network(f, &c, "ACCOUNTS", "WKS$", "Wks.pw1", NULL, 3).status,
                  NOLOGON_WORKSTATION_TRUST_ACCOUNT);
    assert_status(network(f, &c, "ACCOUNTS", "BDC1$", "Bdc.pw1", NULL, 3).status,
                  NOLOGON_SERVER_TRUST_ACCOUNT);
    /* A wrong initial password burns here like over Netlogon. */
    assert_status(network(f, &c, "ACCOUNTS", "RESOURCES$", "wrong", NULL, 3).status,
                  WRONG_PASSWORD);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_BURNED);
    assert_status(network(f, &c, "ACCOUNTS", "RESOURCES$", "Initial.pw1", NULL, 3).status,
                  WRONG_PASSWORD);
    fix_drop(&c);
}

/* --- users of a trusted domain --- */

static RPC_SID *sid_of(struct fix *f, const char *text)
{
    struct nt_sid sid;
    assert_true(nt_sid_parse(text, &sid));
    RPC_SID *out = nt_arena_alloc(&f->arena, sizeof *out + 4u * sid.sub_count);
    out->Revision = 1;
    out->SubAuthorityCount = sid.sub_count;
    memcpy(out->IdentifierAuthority.Value, sid.authority, 6);
    memcpy(out->SubAuthority, sid.sub, 4u * sid.sub_count);
    return out;
}

static const char *partner_sid = "S-1-5-21-11-22-33";

/* A partner's controller that vouches for bob, and for more than it may. */
static void partner(struct fix *f, struct nt_forward *fwd)
{
    struct nt_dir *dir = fix_dir(f);
    char own[NT_SID_TEXT], own_admins[NT_SID_TEXT + 8];
    nt_sid_format(&nt_dir_domain(dir)->sid, own);
    nt_dir_unref(dir);
    snprintf(own_admins, sizeof own_admins, "%s-512", own);

    NETLOGON_VALIDATION_SAM_INFO4 *info = nt_arena_alloc(fwd->arena, sizeof *info);
    NETLOGON_SID_AND_ATTRIBUTES *extra = nt_arena_array(fwd->arena, 4, sizeof *extra);
    extra[0].Sid = sid_of(f, own_admins);
    extra[1].Sid = sid_of(f, "S-1-5-21-11-22-33-1500");
    extra[2].Sid = sid_of(f, "S-1-5-32-544");
    extra[3].Sid = sid_of(f, "S-1-5-21-7-7-7-1000");
    info->UserId = 1105;
    info->PrimaryGroupId = 513;
    info->UserFlags = 0x20;
    info->LogonDomainId = sid_of(f, partner_sid);
    info->ExtraSids = extra;
    info->SidCount = 4;
    info->EffectiveName = fix_unicode(f, "bob");
    memset(info->UserSessionKey.data, 0x5A, 16);
    fwd->info = info;
    fwd->status = NT_STATUS(SUCCESS);
    fwd->authoritative = true;
    fwd->done(fwd);
}

static void partner_refuses(struct fix *f, struct nt_forward *fwd)
{
    (void)f;
    fwd->status = NT_STATUS(WRONG_PASSWORD);
    fwd->authoritative = true;
    fwd->done(fwd);
}

static void what_a_trusted_domain_vouches_for_is_filtered(void **state)
{
    struct fix *f = *state;
    f->forward = partner;
    partner_sid = "S-1-5-21-11-22-33";
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct result r = network(f, &c, "PARTNER", "bob", "Bob.pw1", "WKS", 3);
    assert_status(r.status, SUCCESS);
    NETLOGON_VALIDATION_SAM_INFO2 *info = r.validation.ValidationSam2;
    assert_int_equal(info->SidCount, 1);
    assert_int_equal(info->ExtraSids[0].Sid->SubAuthority[4], 1500);
    nt_nl_crypt_buffer(&c.chain, false, info->UserSessionKey.data, 16);
    assert_int_equal(info->UserSessionKey.data[0], 0x5A);
    assert_int_equal(info->LogonDomainName.Length, 14);
    fix_drop(&c);
}

static void a_trusted_domain_with_another_sid_is_refused(void **state)
{
    struct fix *f = *state;
    f->forward = partner;
    partner_sid = "S-1-5-21-11-22-34";
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    struct result r = network(f, &c, "PARTNER", "bob", "Bob.pw1", "WKS", 3);
    assert_status(r.status, DOMAIN_TRUST_INCONSISTENT);
    assert_null(r.validation.ValidationSam2);
    fix_drop(&c);
}

static void an_interactive_logon_goes_on_with_its_hash(void **state)
{
    struct fix *f = *state;
    f->forward = partner;
    partner_sid = "S-1-5-21-11-22-33";
    struct client c = fix_channel(f, "WKS", "WKS$", "Wks.pw1", 2);
    assert_status(interactive(f, &c, "PARTNER", "bob", "Bob.pw1", 6).status, SUCCESS);
    f->forward = partner_refuses;
    assert_status(interactive(f, &c, "PARTNER", "bob", "wrong", 6).status, WRONG_PASSWORD);
    fix_drop(&c);
}

static void trusts_are_not_transitive(void **state)
{
    struct fix *f = *state;
    f->forward = partner;
    struct client c = fix_channel(f, "RESPDC", "RESOURCES$", "Initial.pw1", 4);
    struct result r = network(f, &c, "PARTNER", "bob", "Bob.pw1", NULL, 3);
    assert_status(r.status, NO_SUCH_USER);
    assert_false(r.authoritative);
    assert_null(f->forwarded);
    fix_drop(&c);
}

/* --- binds --- */

static ntstatus bind_as(struct fix *f, struct nt_ask *ask, const char *domain, const char *user,
                        const char *password)
{
    struct nt_buf nt;
    struct nt_secret key;
    respond(f, domain, user, password, "ACCPDC", &nt, &key);
    struct nt_sec_question q = { .type = NT_AUTH_NTLM,
                                 .domain = domain,
                                 .user = user,
                                 .computer = "DESK",
                                 .challenge = challenge,
                                 .nt = nt.data,
                                 .nt_len = nt.len };
    ntstatus status = fix_ask(f, ask, &q);
    if (nt_status_ok(status))
        assert_true(nt_secret_equal(&ask->answer.key, &key));
    nt_buf_free(&nt);
    return status;
}

static void a_bind_makes_a_token_of_its_user(void **state)
{
    struct fix *f = *state;
    struct nt_ask ask;
    assert_status(bind_as(f, &ask, "ACCOUNTS", "Administrator", "Admin.pw1"), SUCCESS);
    struct nt_token *token = ask.answer.caller;
    assert_true(nt_token_is_admin(token));
    nt_ask_free(&ask);
    assert_status(bind_as(f, &ask, "ACCOUNTS", "alice", "Alice.pw1"), SUCCESS);
    token = ask.answer.caller;
    assert_false(nt_token_is_admin(token));
    assert_false(nt_token_is_anonymous(token));
    nt_ask_free(&ask);
    assert_status(bind_as(f, &ask, "WORKGROUP", "alice", "Alice.pw1"), SUCCESS);
    nt_ask_free(&ask);
    assert_status(bind_as(f, &ask, "ACCOUNTS", "WKS$", "Wks.pw1"), SUCCESS);
    nt_ask_free(&ask);
}

static void a_bind_does_not_tell_what_was_wrong(void **state)
{
    struct fix *f = *state;
    struct nt_ask ask;
    assert_status(bind_as(f, &ask, "ACCOUNTS", "alice", "wrong"), LOGON_FAILURE);
    assert_null(ask.answer.caller);
    nt_ask_free(&ask);
    assert_status(bind_as(f, &ask, "ACCOUNTS", "nobody", "wrong"), LOGON_FAILURE);
    nt_ask_free(&ask);
    assert_status(bind_as(f, &ask, "ACCOUNTS", "RESOURCES$", "Initial.pw1"),
                  NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    nt_ask_free(&ask);
}

/* As `net rpc trustdom establish` tries it over SMB before it sets the channel up: design 1. */
static void a_wrong_initial_password_burns_at_a_bind_and_the_right_one_waits(void **state)
{
    struct fix *f = *state;
    struct nt_ask ask;
    for (int i = 0; i < 2; i++) {
        assert_status(bind_as(f, &ask, "ACCOUNTS", "RESOURCES$", "Initial.pw1"),
                      NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
        assert_null(ask.answer.caller);
        nt_ask_free(&ask);
        assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_PERMITTED);
    }
    assert_status(bind_as(f, &ask, "ACCOUNTS", "RESOURCES$", "wrong"), LOGON_FAILURE);
    nt_ask_free(&ask);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_BURNED);
    assert_status(bind_as(f, &ask, "ACCOUNTS", "RESOURCES$", "Initial.pw1"), LOGON_FAILURE);
    nt_ask_free(&ask);
}

static void a_trusted_domains_user_binds_without_our_rights(void **state)
{
    struct fix *f = *state;
    struct nt_ask ask;
    struct nt_buf nt;
    struct nt_secret key;
    f->forward = partner;
    partner_sid = "S-1-5-21-11-22-33";
    respond(f, "PARTNER", "bob", "Bob.pw1", "ACCPDC", &nt, &key);
    struct nt_sec_question q = { .type = NT_AUTH_NTLM,
                                 .domain = "PARTNER",
                                 .user = "bob",
                                 .computer = "DESK",
                                 .challenge = challenge,
                                 .nt = nt.data,
                                 .nt_len = nt.len };
    assert_status(fix_ask(f, &ask, &q), SUCCESS);
    assert_false(nt_token_is_admin(ask.answer.caller));
    nt_ask_free(&ask);
    nt_buf_free(&nt);
}

static void anonymous_binds_get_an_anonymous_token(void **state)
{
    struct fix *f = *state;
    struct nt_ask ask;
    struct nt_sec_question q = { .type = NT_AUTH_NTLM,
                                 .anonymous = true,
                                 .domain = "",
                                 .user = "",
                                 .computer = "",
                                 .challenge = challenge };
    assert_status(fix_ask(f, &ask, &q), SUCCESS);
    assert_true(nt_token_is_anonymous(ask.answer.caller));
    nt_ask_free(&ask);
}

static void a_secure_channel_bind_needs_a_channel(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_bind(f, &c), ACCESS_DENIED);
    fix_drop(&c);
    assert_status(fix_setup(f, &c), SUCCESS);
    struct nt_ask ask;
    struct nt_sec_question q = { .type = NT_AUTH_SCHANNEL,
                                 .domain = "ELSEWHERE",
                                 .computer = "WKS" };
    assert_status(fix_ask(f, &ask, &q), ACCESS_DENIED);
    nt_ask_free(&ask);
    assert_status(fix_bind(f, &c), SUCCESS);
    assert_true(nt_secret_equal(&c.ask->answer.key, &c.chain.key));
    fix_drop(&c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_network_logon_gives_sids_and_the_session_key),
        T(interactive_logons_decrypt_the_hash),
        T(unknown_users_and_domains_are_told_apart),
        T(a_response_for_another_computer_is_refused),
        T(logons_need_a_sealed_secure_channel),
        T(old_responses_are_refused_whatever_their_length),
        T(bad_passwords_lock_the_account_durably),
        T(disabled_accounts_do_not_log_on),
        T(trust_accounts_do_not_log_on_and_say_so),
        T(what_a_trusted_domain_vouches_for_is_filtered),
        T(a_trusted_domain_with_another_sid_is_refused),
        T(an_interactive_logon_goes_on_with_its_hash),
        T(trusts_are_not_transitive),
        T(a_bind_makes_a_token_of_its_user),
        T(a_bind_does_not_tell_what_was_wrong),
        T(a_wrong_initial_password_burns_at_a_bind_and_the_right_one_waits),
        T(a_trusted_domains_user_binds_without_our_rights),
        T(anonymous_binds_get_an_anonymous_token),
        T(a_secure_channel_bind_needs_a_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
