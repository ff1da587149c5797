/*
 * test_netlogon_setup.c - secure channels: who gets one, who does not, and what an attempt costs.
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

static void a_workstation_gets_a_channel_and_its_rid(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), SUCCESS);
    struct nt_dir *dir = fix_dir(f);
    assert_int_equal(c.rid, nt_dir_account(dir, "wks$")->rid);
    nt_dir_unref(dir);
    assert_true((c.flags & 0x01000000u) != 0);
    assert_int_equal(c.flags & ~FIX_FLAGS, 0);
    assert_int_equal(nt_chains_count(f->service.chains), 1);
}

static void names_are_found_without_regard_to_case(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("wks", "wks$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), SUCCESS);
    struct client b = fix_client("BDC1", "BDC1$", "Bdc.pw1", 6);
    assert_status(fix_setup(f, &b), SUCCESS);
}

static void a_wrong_key_is_denied_with_the_flags_filled_in(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("WKS", "WKS$", "wrong", 2);
    assert_status(fix_setup(f, &c), ACCESS_DENIED);
    assert_true((c.flags & 0x01000000u) != 0);
    assert_int_equal(c.rid, 0);
    assert_int_equal(nt_chains_count(f->service.chains), 0);
}

static void missing_and_unfit_accounts_are_told_apart_from_wrong_keys(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("NOBODY", "NOBODY$", "x", 2);
    assert_status(fix_setup(f, &c), NO_TRUST_SAM_ACCOUNT);
    c = fix_client("WKS", "WKS$", "Wks.pw1", 6); /* a workstation is no BDC */
    assert_status(fix_setup(f, &c), NO_TRUST_SAM_ACCOUNT);
    c = fix_client("RESPDC", "RESOURCES$", "Initial.pw1", 2);
    assert_status(fix_setup(f, &c), NO_TRUST_SAM_ACCOUNT);
    c = fix_client("alice", "alice", "Alice.pw1", 2);
    assert_status(fix_setup(f, &c), NO_TRUST_SAM_ACCOUNT);
    c = fix_client("WKS", "WKS$", "Wks.pw1", 5);
    assert_status(fix_setup(f, &c), INVALID_PARAMETER);

    struct nt_dir *dir = fix_dir(f);
    uint32_t rid = nt_dir_account(dir, "WKS$")->rid;
    nt_dir_unref(dir);
    assert_status(fix_change(f, fix_do_disable, &rid), SUCCESS);
    c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), NO_TRUST_SAM_ACCOUNT);
}

static void one_machine_cannot_take_anothers_name(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("BDC1", "WKS$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), ACCESS_DENIED);
}

static void weak_flags_are_refused_unless_the_account_allows_them(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    c.flags = 0x6007FFFF; /* strong key, no AES */
    assert_status(fix_setup(f, &c), DOWNGRADE_DETECTED);
    assert_true((c.flags & 0x4000u) != 0);
    assert_int_equal(nt_chains_count(f->service.chains), 0);

    struct NetrServerAuthenticate a = { .AccountName = fix_text(f, "WKS$"),
                                        .SecureChannelType = 2,
                                        .ComputerName = fix_text(f, "WKS") };
    a.ClientCredential.data[0] = 1;
    assert_status(fix_call(f, &ndr_NetrServerAuthenticate, fix_plain, &a), DOWNGRADE_DETECTED);

    struct fix_account old = { "OLD$", "Old.pw1", NT_ACB_WORKSTATION, 0, 0, true };
    assert_status(fix_change(f, fix_do_account, &old), SUCCESS);
    c = fix_client("OLD", "OLD$", "Old.pw1", 2);
    c.flags = 0x6007FFFF;
    assert_status(fix_setup(f, &c), SUCCESS);
    c.flags = 0x600001FF; /* not even a strong key */
    assert_status(fix_setup(f, &c), SUCCESS);
}

static void zero_challenges_never_pass(void **state)
{
    struct fix *f = *state;
    static const uint8_t zero[8];
    uint8_t server[8], answer[8];
    for (int i = 0; i < 2000; i++) {
        struct client c = fix_client("RESPDC", "RESOURCES$", "x", 4);
        assert_status(fix_challenge(f, c.computer, zero, server), SUCCESS);
        assert_status(fix_authenticate3(f, &c, zero, answer), ACCESS_DENIED);
    }
    /* Nobody offered a password, so none was lost. */
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_PERMITTED);
    static const uint8_t equal[8] = { 7, 7, 7, 7, 7, 1, 2, 3 };
    struct client c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    uint8_t credential[8];
    assert_status(fix_challenge(f, "WKS", equal, server), SUCCESS);
    assert_int_equal(nt_chain_start(&c.chain, NT_NL_AES, &c.hash, equal, server, credential),
                     NT_OK);
    assert_status(fix_authenticate3(f, &c, credential, answer), ACCESS_DENIED);
}

static void a_challenge_serves_once_and_on_its_connection(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    uint8_t ours[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, theirs[8], credential[8], answer[8];
    assert_status(fix_challenge(f, "WKS", ours, theirs), SUCCESS);
    assert_int_equal(nt_chain_start(&c.chain, NT_NL_AES, &c.hash, ours, theirs, credential), NT_OK);

    struct nt_conn *own = f->conn;
    f->conn = nt_conn_new(&f->service, "192.0.2.8:1", "192.0.2.1:49153");
    assert_status(fix_authenticate3(f, &c, credential, answer), ACCESS_DENIED);
    nt_conn_free(f->conn);
    f->conn = own;
    assert_status(fix_authenticate3(f, &c, credential, answer), SUCCESS);
    assert_status(fix_authenticate3(f, &c, credential, answer), ACCESS_DENIED);
}

static void many_challenges_on_one_connection_keep_the_newest(void **state)
{
    struct fix *f = *state;
    uint8_t ours[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, theirs[8];
    char name[16];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "X%d", i);
        assert_status(fix_challenge(f, name, ours, theirs), SUCCESS);
    }
    struct client c = fix_client("WKS", "WKS$", "Wks.pw1", 2);
    assert_status(fix_setup(f, &c), SUCCESS);
}

static void long_and_empty_computer_names_are_refused(void **state)
{
    struct fix *f = *state;
    uint8_t ours[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, theirs[8];
    char name[300];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_status(fix_challenge(f, name, ours, theirs), INVALID_PARAMETER);
    assert_status(fix_challenge(f, "", ours, theirs), INVALID_PARAMETER);
}

/* --- trusts --- */

static void the_initial_password_proves_the_trust(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("RESPDC", "RESOURCES$", "Initial.pw1", 4);
    assert_status(fix_setup(f, &c), SUCCESS);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_PROVEN);
}

static void a_wrong_initial_password_burns_the_permission(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("RESPDC", "RESOURCES$", "wrong", 4);
    assert_status(fix_setup(f, &c), ACCOUNT_LOCKED_OUT);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_BURNED);
    c = fix_client("RESPDC", "RESOURCES$", "Initial.pw1", 4); /* the right one fails too */
    assert_status(fix_setup(f, &c), ACCOUNT_LOCKED_OUT);
    assert_int_equal(nt_chains_count(f->service.chains), 0);
}

static void attempts_are_a_policy(void **state)
{
    struct fix *f = *state;
    struct fix_account a = { .name = "WEST", .password = "West.pw1", .acb = NT_ACB_INTERDOMAIN };
    a.attempts = 2;
    assert_status(fix_change(f, fix_do_account, &a), SUCCESS);
    struct client c = fix_client("WESTPDC", "WEST$", "wrong", 4);
    assert_status(fix_setup(f, &c), ACCESS_DENIED);
    assert_int_equal(fix_trust_state(f, "WEST$"), NT_IN_PERMITTED);
    c = fix_client("WESTPDC", "WEST$", "West.pw1", 4);
    assert_status(fix_setup(f, &c), SUCCESS);
}

static ntstatus disable(struct nt_txn *txn, void *ctx)
{
    return nt_op_account_disable(txn, *(const uint32_t *)ctx, true, "test", "");
}

/* Whoever holds the secret is told that the account is disabled; nobody else can tell that from an
 * account that is not there; and the initial password stays a matter of one try. */
static void a_disabled_account_is_told_to_its_partner_only(void **state)
{
    struct fix *f = *state;
    uint32_t rid = fix_account(f, "WEST", "West.pw1", NT_ACB_INTERDOMAIN);
    struct client right = fix_client("WESTPDC", "WEST$", "West.pw1", 4);
    struct client wrong = fix_client("WESTPDC", "WEST$", "wrong", 4);
    assert_status(fix_change(f, disable, &rid), SUCCESS);
    assert_status(fix_setup(f, &right), NO_TRUST_SAM_ACCOUNT);
    assert_status(fix_setup(f, &wrong), NO_TRUST_SAM_ACCOUNT);
    assert_int_equal(fix_trust_state(f, "WEST$"), NT_IN_PERMITTED);

    rid = fix_account(f, "NORTH", "North.pw1", NT_ACB_INTERDOMAIN);
    right = fix_client("NORTHPDC", "NORTH$", "North.pw1", 4);
    wrong = fix_client("NORTHPDC", "NORTH$", "wrong", 4);
    assert_status(fix_setup(f, &right), SUCCESS);
    assert_status(fix_change(f, disable, &rid), SUCCESS);
    assert_status(fix_setup(f, &right), ACCOUNT_DISABLED);
    assert_status(fix_setup(f, &wrong), NO_TRUST_SAM_ACCOUNT);
}

/* As SAMR's clients do it: the account first, its password in another call. */
static ntstatus create_bare(struct nt_txn *txn, void *ctx)
{
    uint32_t rid;
    struct nt_why why;
    (void)ctx;
    return nt_op_account_create(txn, "WEST$", NT_ACB_INTERDOMAIN, "test", "", &rid, &why);
}

static void an_account_without_a_password_is_as_good_as_none(void **state)
{
    struct fix *f = *state;
    assert_status(fix_change(f, create_bare, NULL), SUCCESS);
    struct client c = fix_client("WESTPDC", "WEST$", "", 4);
    assert_status(fix_setup(f, &c), NO_TRUST_SAM_ACCOUNT);
    assert_int_equal(fix_trust_state(f, "WEST$"), NT_IN_NONE);
}

static void once_proven_wrong_passwords_burn_nothing(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("RESPDC", "RESOURCES$", "Initial.pw1", 4);
    assert_status(fix_setup(f, &c), SUCCESS);
    struct client attacker = fix_client("EVIL", "RESOURCES$", "wrong", 4);
    for (int i = 0; i < 20; i++)
        assert_status(fix_setup(f, &attacker), ACCESS_DENIED);
    assert_status(fix_setup(f, &c), SUCCESS);
    assert_int_equal(fix_trust_state(f, "RESOURCES$"), NT_IN_PROVEN);
}

static void an_empty_initial_password_serves_too(void **state)
{
    struct fix *f = *state;
    fix_account(f, "NORTH", "", NT_ACB_INTERDOMAIN);
    struct client c = fix_client("NORTHPDC", "NORTH$", "", 4);
    assert_status(fix_setup(f, &c), SUCCESS);
}

static void count_event(void *ctx, const struct nt_event *event)
{
    if (strcmp(event->kind, "initial-password-burned") == 0) {
        assert_non_null(strstr(event->peer, "192.0.2.7"));
        ++*(int *)ctx;
    }
}

static void burning_is_told_once_with_its_address(void **state)
{
    struct fix *f = *state;
    int count = 0;
    struct client c = fix_client("RESPDC", "RESOURCES$", "wrong", 4);
    for (int i = 0; i < 5; i++)
        assert_status(fix_setup(f, &c), ACCOUNT_LOCKED_OUT);
    assert_int_equal(
        nt_store_events(nt_engine_store(f->engine), 0, NULL, 1000, count_event, &count), NT_OK);
    assert_int_equal(count, 1);
}

static void a_flood_of_failures_does_not_fill_the_audit_trail(void **state)
{
    struct fix *f = *state;
    struct client c = fix_client("WKS", "WKS$", "wrong", 2);
    struct nt_dir *dir = fix_dir(f);
    uint64_t before = nt_dir_domain(dir)->serial;
    nt_dir_unref(dir);
    for (int i = 0; i < 500; i++)
        assert_status(fix_setup(f, &c), ACCESS_DENIED);
    dir = fix_dir(f);
    assert_true(nt_dir_domain(dir)->serial <= before + 2);
    nt_dir_unref(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_workstation_gets_a_channel_and_its_rid),
        T(names_are_found_without_regard_to_case),
        T(a_wrong_key_is_denied_with_the_flags_filled_in),
        T(missing_and_unfit_accounts_are_told_apart_from_wrong_keys),
        T(one_machine_cannot_take_anothers_name),
        T(weak_flags_are_refused_unless_the_account_allows_them),
        T(zero_challenges_never_pass),
        T(a_challenge_serves_once_and_on_its_connection),
        T(many_challenges_on_one_connection_keep_the_newest),
        T(long_and_empty_computer_names_are_refused),
        T(the_initial_password_proves_the_trust),
        T(a_wrong_initial_password_burns_the_permission),
        T(attempts_are_a_policy),
        T(a_disabled_account_is_told_to_its_partner_only),
        T(an_account_without_a_password_is_as_good_as_none),
        T(once_proven_wrong_passwords_burn_nothing),
        T(an_empty_initial_password_serves_too),
        T(burning_is_told_once_with_its_address),
        T(a_flood_of_failures_does_not_fill_the_audit_trail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
