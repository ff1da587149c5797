/*
 * test_samr_access.c - who may do what: every caller against every kind of change, and what no
 * caller may do however the call comes in.
 */
#include "test_samr_world.h"

#include "crypto/samr.h"

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

/* --- operations, each on a fresh domain --- */

static ntstatus reads_a_user(struct world *w, enum role role)
{
    struct SamrQueryInformationUser2 a = { .UserHandle = open_user(w, role, rid_of(w, "oper")),
                                           .UserInformationClass = UserAllInformation };
    return samr(w, role, &ndr_SamrQueryInformationUser2, &a);
}

static ntstatus create(struct world *w, enum role role, const char *name, uint32_t type)
{
    struct SamrCreateUser2InDomain a = { .DomainHandle = open_domain(w, role, false),
                                         .Name = fix_unicode(&w->f, name),
                                         .AccountType = type,
                                         .DesiredAccess = MAXIMUM_ALLOWED };
    return samr(w, role, &ndr_SamrCreateUser2InDomain, &a);
}

static ntstatus makes_a_user(struct world *w, enum role role)
{
    return create(w, role, "carol", NT_ACB_NORMAL);
}

static ntstatus makes_a_machine(struct world *w, enum role role)
{
    return create(w, role, "PC1$", NT_ACB_WORKSTATION);
}

static ntstatus makes_a_trust_account(struct world *w, enum role role)
{
    return create(w, role, "RED$", NT_ACB_INTERDOMAIN);
}

static ntstatus set_control(struct world *w, enum role role, const char *name, uint32_t acb)
{
    struct SamrSetInformationUser2 a = { .UserHandle = open_user(w, role, rid_of(w, name)),
                                         .UserInformationClass = UserControlInformation };
    a.Buffer.Control.UserAccountControl = acb;
    return samr(w, role, &ndr_SamrSetInformationUser2, &a);
}

static ntstatus disables_a_user(struct world *w, enum role role)
{
    return set_control(w, role, "alice", NT_ACB_NORMAL | NT_ACB_DISABLED);
}

static ntstatus turns_a_user_into_a_server(struct world *w, enum role role)
{
    fix_account(&w->f, "evil$", "Evil.pw1", NT_ACB_NORMAL);
    return set_control(w, role, "evil$", NT_ACB_SERVER);
}

static ntstatus disables_an_administrator(struct world *w, enum role role)
{
    return set_control(w, role, "Administrator", NT_ACB_NORMAL | NT_ACB_DISABLED);
}

static ntstatus disables_a_trust(struct world *w, enum role role)
{
    return set_control(w, role, "RESOURCES$", NT_ACB_INTERDOMAIN | NT_ACB_DISABLED);
}

static ntstatus reset(struct world *w, enum role role, const char *name)
{
    struct nt_password password;
    struct SamrSetInformationUser2 a = { .UserHandle = open_user(w, role, rid_of(w, name)),
                                         .UserInformationClass = UserInternal5Information };
    assert_true(nt_password_from_utf8(&password, "Reset.pw1"));
    nt_samr_password_encode(&w->key, &w->f.env, &password, a.Buffer.Internal5.UserPassword.Buffer);
    return samr(w, role, &ndr_SamrSetInformationUser2, &a);
}

static ntstatus resets_a_password(struct world *w, enum role role)
{
    return reset(w, role, "alice");
}

static ntstatus resets_an_administrators_password(struct world *w, enum role role)
{
    return reset(w, role, "Administrator");
}

static ntstatus writes_the_own_comment(struct world *w, enum role role)
{
    const char *const own[ROLES] = { "alice", "alice", "oper", "Administrator" };
    struct SamrSetInformationUser2 a = { .UserHandle = open_user(w, role, rid_of(w, own[role])),
                                         .UserInformationClass = UserPreferencesInformation };
    a.Buffer.Preferences.UserComment = fix_unicode(&w->f, "me");
    return samr(w, role, &ndr_SamrSetInformationUser2, &a);
}

static ntstatus deletes_a_user(struct world *w, enum role role)
{
    struct SamrDeleteUser a = { .UserHandle = open_user(w, role, rid_of(w, "alice")) };
    return samr(w, role, &ndr_SamrDeleteUser, &a);
}

static ntstatus deletes_a_trust_account(struct world *w, enum role role)
{
    struct SamrDeleteUser a = { .UserHandle = open_user(w, role, rid_of(w, "RESOURCES$")) };
    return samr(w, role, &ndr_SamrDeleteUser, &a);
}

static ntstatus makes_a_group(struct world *w, enum role role)
{
    struct SamrCreateGroupInDomain a = { .DomainHandle = open_domain(w, role, false),
                                         .Name = fix_unicode(&w->f, "Sales"),
                                         .DesiredAccess = MAXIMUM_ALLOWED };
    return samr(w, role, &ndr_SamrCreateGroupInDomain, &a);
}

static ntstatus joins_domain_admins(struct world *w, enum role role)
{
    struct SamrOpenGroup o = { .DomainHandle = open_domain(w, role, false),
                               .DesiredAccess = MAXIMUM_ALLOWED,
                               .GroupId = 512 };
    ntstatus st = samr(w, role, &ndr_SamrOpenGroup, &o);
    struct SamrAddMemberToGroup a = { .GroupHandle = o.GroupHandle,
                                      .MemberId = rid_of(w, "alice") };
    return nt_status_ok(st) ? samr(w, role, &ndr_SamrAddMemberToGroup, &a) : st;
}

static ntstatus joins_the_administrators(struct world *w, enum role role)
{
    struct nt_sid sid;
    struct SamrOpenAlias o = { .DomainHandle = open_domain(w, role, true),
                               .DesiredAccess = MAXIMUM_ALLOWED,
                               .AliasId = 544 };
    ntstatus st = samr(w, role, &ndr_SamrOpenAlias, &o);
    assert_true(nt_sid_with_rid(&w->domain, rid_of(w, "alice"), &sid));
    struct SamrAddMemberToAlias a = { .AliasHandle = o.AliasHandle,
                                      .MemberId = world_sid(w, &sid) };
    return nt_status_ok(st) ? samr(w, role, &ndr_SamrAddMemberToAlias, &a) : st;
}

static ntstatus makes_a_trust(struct world *w, enum role role)
{
    struct nt_sid sid = parsed("S-1-5-21-7-7-7");
    struct LsarCreateTrustedDomain a = { .PolicyHandle = open_policy(w, role),
                                         .TrustedDomainInformation = { fix_unicode(&w->f, "BLUE"),
                                                                       world_sid(w, &sid) },
                                         .DesiredAccess = MAXIMUM_ALLOWED };
    return lsa(w, role, &ndr_LsarCreateTrustedDomain, &a);
}

static ntstatus deletes_a_trust(struct world *w, enum role role)
{
    struct nt_sid sid = parsed("S-1-5-21-11-22-33");
    struct LsarDeleteTrustedDomain a = { .PolicyHandle = open_policy(w, role),
                                         .TrustedDomainSid = world_sid(w, &sid) };
    return lsa(w, role, &ndr_LsarDeleteTrustedDomain, &a);
}

static ntstatus makes_a_secret(struct world *w, enum role role)
{
    struct LsarCreateSecret a = { .PolicyHandle = open_policy(w, role),
                                  .SecretName = fix_unicode(&w->f, "G$backup"),
                                  .DesiredAccess = MAXIMUM_ALLOWED };
    return lsa(w, role, &ndr_LsarCreateSecret, &a);
}

static const struct {
    const char *name;
    ntstatus (*run)(struct world *w, enum role role);
    bool user, operator, admin;
} matrix[] = {
    { "reads a user", reads_a_user, true, true, true },
    { "writes the own comment", writes_the_own_comment, true, true, true },
    { "makes a user", makes_a_user, false, true, true },
    { "disables a user", disables_a_user, false, true, true },
    { "resets a password", resets_a_password, false, true, true },
    { "deletes a user", deletes_a_user, false, true, true },
    { "makes a group", makes_a_group, false, true, true },
    { "makes a machine", makes_a_machine, false, false, true },
    { "makes a trust account", makes_a_trust_account, false, false, true },
    { "turns a user into a server", turns_a_user_into_a_server, false, false, true },
    { "disables an administrator", disables_an_administrator, false, false, true },
    { "resets an administrator", resets_an_administrators_password, false, false, true },
    { "disables a trust", disables_a_trust, false, false, true },
    { "deletes a trust account", deletes_a_trust_account, false, false, true },
    { "joins Domain Admins", joins_domain_admins, false, false, true },
    { "joins Administrators", joins_the_administrators, false, false, true },
    { "makes a trust", makes_a_trust, false, false, true },
    { "deletes a trust", deletes_a_trust, false, false, true },
    { "makes a secret", makes_a_secret, false, false, true },
};

static void each_caller_may_do_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(matrix); i++) {
        const bool allowed[ROLES] = { false, matrix[i].user, matrix[i].operator, matrix[i].admin };
        for (enum role role = USER; role < ROLES; role++) {
            struct world *w = world_open();
            ntstatus st = matrix[i].run(w, role);
            if (nt_status_is(st, allowed[role] ? NT_STATUS(SUCCESS) : NT_STATUS(ACCESS_DENIED))) {
                world_close(w);
                continue;
            }
            fail_msg("%s as %d: 0x%08X %s", matrix[i].name, role, st.code, nt_status_name(st));
        }
    }
}

static void anonymous_callers_are_stopped_before_the_first_handle(void **state)
{
    struct world *w = *state;
    struct SamrConnect5 c = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    struct SamrGetDomainPasswordInformation p = { .Unused = NULL };
    struct LsarOpenPolicy2 o = { .DesiredAccess = 1 };
    struct LsarGetUserName u = { .SystemName = NULL };
    ASSERT_FAULT(samr(w, ANONYMOUS, &ndr_SamrConnect5, &c), ACCESS_DENIED);
    ASSERT_FAULT(samr(w, ANONYMOUS, &ndr_SamrGetDomainPasswordInformation, &p), ACCESS_DENIED);
    ASSERT_FAULT(lsa(w, ANONYMOUS, &ndr_LsarOpenPolicy2, &o), ACCESS_DENIED);
    ASSERT_FAULT(lsa(w, ANONYMOUS, &ndr_LsarGetUserName, &u), ACCESS_DENIED);
}

static void calls_that_are_not_signed_are_refused(void **state)
{
    struct world *w = *state;
    struct SamrConnect5 c = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    w->as[ADMIN].level = NT_LEVEL_CONNECT;
    ASSERT_FAULT(samr(w, ADMIN, &ndr_SamrConnect5, &c), ACCESS_DENIED);
    w->as[ADMIN].level = NT_LEVEL_INTEGRITY;
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrConnect5, &c), SUCCESS);
}

static void a_handle_is_of_use_on_its_own_connection_only(void **state)
{
    struct world *w = *state;
    ntstatus st;
    struct nt_conn *other = nt_conn_new(&w->f.service, "192.0.2.8:1", "192.0.2.1:49153");
    struct SamrEnumerateUsersInDomain a = { .DomainHandle = open_domain(w, ADMIN, false),
                                            .PreferedMaximumLength = 0xFFFF };
    assert_non_null(other);
    assert_int_equal(fix_call_on(&w->f, other, &ndr_samr, &ndr_SamrEnumerateUsersInDomain,
                                 w->as[ADMIN], &a, &st),
                     NT_FAULT_CONTEXT_MISMATCH);
    nt_conn_free(other);
}

static void a_handle_gives_no_more_than_was_asked_for(void **state)
{
    struct world *w = *state;
    SAMPR_HANDLE user;
    uint32_t rid = rid_of(w, "alice");
    ASSERT_STATUS(try_open_user(w, USER, rid, 0x00010000, &user), ACCESS_DENIED);
    ASSERT_STATUS(try_open_user(w, USER, rid, 0x10000000, &user), ACCESS_DENIED);
    ASSERT_STATUS(try_open_user(w, ADMIN, rid, 0x1, &user), SUCCESS);
    struct SamrDeleteUser d = { .UserHandle = user };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrDeleteUser, &d), ACCESS_DENIED);
    struct SamrQueryInformationUser2 q = { .UserHandle = user,
                                           .UserInformationClass = UserControlInformation };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrQueryInformationUser2, &q), ACCESS_DENIED);
    q.UserInformationClass = UserAllInformation;
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrQueryInformationUser2, &q), SUCCESS);
    assert_int_equal(q.Buffer->All.WhichFields & 0x00100000, 0);
    assert_int_equal(q.Buffer->All.UserAccountControl, 0);
}

static void handles_are_bounded_in_number(void **state)
{
    struct world *w = *state;
    struct SamrConnect2 c = { .DesiredAccess = MAXIMUM_ALLOWED };
    ntstatus st = NT_STATUS(SUCCESS);
    for (int i = 0; i < 1000 && nt_status_ok(st); i++)
        st = samr(w, USER, &ndr_SamrConnect2, &c);
    ASSERT_STATUS(st, INSUFFICIENT_RESOURCES);
}

static void every_prefix_of_a_request_is_refused(void **state)
{
    struct world *w = *state;
    struct nt_buf stub;
    struct SamrSetInformationUser2 a = { .UserHandle = open_user(w, ADMIN, rid_of(w, "alice")),
                                         .UserInformationClass = UserInternal5Information };
    nt_buf_init(&stub, 4096);
    assert_int_equal(nt_ndr_encode(&ndr_SamrSetInformationUser2, NT_NDR_REQUEST, &a, NULL, &stub),
                     NT_OK);
    for (size_t len = 0; len < stub.len; len++) {
        struct nt_call call;
        assert_int_equal(
            fix_serve(&w->f, w->f.conn, &call, &ndr_samr, 58, w->as[ADMIN], stub.data, len),
            NT_SERVE_FAULT);
        nt_call_free(&call);
    }
    nt_buf_free(&stub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_caller_may_do_what_the_table_says),
        cmocka_unit_test_setup_teardown(anonymous_callers_are_stopped_before_the_first_handle,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(calls_that_are_not_signed_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handle_is_of_use_on_its_own_connection_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_handle_gives_no_more_than_was_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(handles_are_bounded_in_number, setup, teardown),
        cmocka_unit_test_setup_teardown(every_prefix_of_a_request_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
