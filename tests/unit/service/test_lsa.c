/*
 * test_lsa.c - the LSA's policy, rights, names and SIDs, and who reaches them.
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

/* --- reach --- */

static void the_policy_is_open_to_sealed_callers_over_tcp_unless_turned_off(void **state)
{
    struct world *w = *state;
    struct LsarOpenPolicy a = { .DesiredAccess = 1 };
    struct LsarOpenPolicy2 b = { .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenPolicy, &a), SUCCESS);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenPolicy2, &b), SUCCESS);
    w->as[USER].level = NT_LEVEL_INTEGRITY;
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarOpenPolicy2, &b), ACCESS_DENIED);
    w->as[USER].level = NT_LEVEL_PRIVACY;
    w->f.service.settings.lsa_over_tcp = false;
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarOpenPolicy2, &b), ACCESS_DENIED);
    ASSERT_FAULT(lsa(w, ADMIN, &ndr_LsarOpenPolicy2, &b), ACCESS_DENIED);
}

static void a_secure_channel_reaches_the_two_lookups_only(void **state)
{
    struct world *w = *state;
    RPC_UNICODE_STRING names[] = { fix_unicode(&w->f, "ACCOUNTS\\alice") };
    LSAPR_SID_INFORMATION sids[] = { { world_sid(w, &w->domain) } };
    struct LsarLookupNames4 n = { .Count = 1, .Names = names, .LookupLevel = LsapLookupPDC };
    struct LsarLookupSids3 s = { .SidEnumBuffer = { 1, sids }, .LookupLevel = LsapLookupWksta };
    struct LsarOpenPolicy2 o = { .DesiredAccess = 1 };
    struct LsarGetUserName u = { .SystemName = NULL };
    ASSERT_FAULT(lsa(w, ADMIN, &ndr_LsarLookupNames4, &n), ACCESS_DENIED);
    ASSERT_FAULT(lsa(w, ADMIN, &ndr_LsarLookupSids3, &s), ACCESS_DENIED);
    w->as[USER].type = NT_AUTH_SCHANNEL;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupNames4, &n), SUCCESS);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupSids3, &s), SUCCESS);
    assert_string_equal(shown(w, &s.TranslatedNames.Names[0].Name), "ACCOUNTS");
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarOpenPolicy2, &o), ACCESS_DENIED);
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarGetUserName, &u), ACCESS_DENIED);
}

static void an_opnum_that_is_not_served_is_the_known_fault(void **state)
{
    struct world *w = *state;
    static const uint16_t not_served[] = {
        1, 5, 8, 9, 10, 19, 37, 47, 52, 53, 60, 75, 78, 130, 200
    };
    for (size_t i = 0; i < NT_COUNT(not_served); i++) {
        struct nt_call call;
        assert_int_equal(fix_serve(&w->f, w->f.conn, &call, &ndr_lsarpc, not_served[i],
                                   w->as[ADMIN], (const uint8_t *)"", 0),
                         NT_SERVE_FAULT);
        assert_int_equal(call.fault, NT_FAULT_OP_RANGE);
        nt_call_free(&call);
    }
}

/* --- policy --- */

static void the_policy_tells_name_sid_and_role(void **state)
{
    struct world *w = *state;
    struct nt_sid sid;
    struct LsarQueryInformationPolicy a = { .PolicyHandle = open_policy(w, USER) };
    const LSAPR_POLICY_INFORMATION *info;
    a.InformationClass = PolicyAccountDomainInformation;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInformationPolicy, &a), SUCCESS);
    info = a.PolicyInformation;
    assert_string_equal(shown(w, &info->PolicyAccountDomainInfo.DomainName), "ACCOUNTS");
    assert_true(nt_rpc_sid_get(info->PolicyAccountDomainInfo.DomainSid, &sid));
    assert_true(nt_sid_equal(&sid, &w->domain));
    a.InformationClass = PolicyPrimaryDomainInformation;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInformationPolicy, &a), SUCCESS);
    info = a.PolicyInformation;
    assert_string_equal(shown(w, &info->PolicyPrimaryDomainInfo.Name), "ACCOUNTS");
    a.InformationClass = PolicyLsaServerRoleInformation;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInformationPolicy, &a), SUCCESS);
    assert_int_equal(a.PolicyInformation->PolicyServerRoleInfo.LsaServerRole, 3);
}

static void policy_levels_follow_access_and_kind(void **state)
{
    struct world *w = *state;
    struct LsarQueryInformationPolicy a = { .PolicyHandle = open_policy(w, ADMIN) };
    for (a.InformationClass = 1; a.InformationClass <= 7; a.InformationClass++)
        ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQueryInformationPolicy, &a), SUCCESS);
    a.InformationClass = 9;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQueryInformationPolicy, &a), INVALID_PARAMETER);
    a.InformationClass = 12;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQueryInformationPolicy, &a), INVALID_INFO_CLASS);
    a.PolicyHandle = open_policy(w, USER);
    a.InformationClass = PolicyAuditEventsInformation;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInformationPolicy, &a), ACCESS_DENIED);

    struct LsarQueryInformationPolicy2 b = { .PolicyHandle = a.PolicyHandle,
                                             .InformationClass = 5 };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInformationPolicy2, &b), SUCCESS);
    b.InformationClass = PolicyDnsDomainInformation;
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarQueryInformationPolicy2, &b), OP_RANGE);
}

static void a_caller_is_told_its_name(void **state)
{
    struct world *w = *state;
    RPC_UNICODE_STRING *none = NULL;
    struct LsarGetUserName a = { .DomainName = &none };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarGetUserName, &a), SUCCESS);
    assert_string_equal(shown(w, a.UserName), "alice");
    assert_string_equal(shown(w, *a.DomainName), "ACCOUNTS");
    struct LsarGetUserName b = { .DomainName = NULL };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarGetUserName, &b), SUCCESS);
    assert_string_equal(shown(w, b.UserName), "Administrator");
}

static void a_policy_closes_once(void **state)
{
    struct world *w = *state;
    struct LsarClose a = { .ObjectHandle = open_policy(w, USER) }, again = a;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarClose, &a), SUCCESS);
    ASSERT_FAULT(lsa(w, USER, &ndr_LsarClose, &again), CONTEXT_MISMATCH);
    struct LsarClose sam = { .ObjectHandle = open_server(w, USER) };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarClose, &sam), INVALID_HANDLE);
}

/* --- rights --- */

static void privileges_are_listed_in_pages_and_looked_up(void **state)
{
    struct world *w = *state;
    uint32_t seen = 0;
    ntstatus st;
    struct LsarEnumeratePrivileges a = { .PolicyHandle = open_policy(w, USER),
                                         .PreferedMaximumLength = 1 };
    do {
        st = lsa(w, USER, &ndr_LsarEnumeratePrivileges, &a);
        assert_true(nt_status_ok(st));
        seen += a.EnumerationBuffer.Entries;
    } while (nt_status_is(st, NT_STATUS(MORE_ENTRIES)));
    assert_true(seen >= 5);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumeratePrivileges, &a), NO_MORE_ENTRIES);

    struct LsarLookupPrivilegeValue v = { .PolicyHandle = a.PolicyHandle,
                                          .Name = fix_unicode(&w->f, "sebackupprivilege") };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupPrivilegeValue, &v), SUCCESS);
    struct LsarLookupPrivilegeName n = { .PolicyHandle = a.PolicyHandle, .Value = v.Value };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupPrivilegeName, &n), SUCCESS);
    assert_string_equal(shown(w, n.Name), "SeBackupPrivilege");
    struct LsarLookupPrivilegeDisplayName d = { .PolicyHandle = a.PolicyHandle, .Name = *n.Name };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupPrivilegeDisplayName, &d), SUCCESS);
    v.Name = fix_unicode(&w->f, "SeNothing");
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupPrivilegeValue, &v), NO_SUCH_PRIVILEGE);
}

static void accounts_with_rights_are_listed(void **state)
{
    struct world *w = *state;
    struct nt_sid admins = parsed("S-1-5-32-544"), nobody = parsed("S-1-5-21-1-2-3-4");
    RPC_UNICODE_STRING right = fix_unicode(&w->f, "SeBackupPrivilege");
    struct LsarEnumerateAccounts a = { .PolicyHandle = open_policy(w, USER),
                                       .PreferedMaximumLength = 0x1000 };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateAccounts, &a), SUCCESS);
    assert_true(a.EnumerationBuffer.EntriesRead >= 3);
    struct LsarEnumerateAccountRights r = { .PolicyHandle = a.PolicyHandle,
                                            .AccountSid = world_sid(w, &admins) };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateAccountRights, &r), SUCCESS);
    assert_true(r.UserRights.Entries >= 5);
    r.AccountSid = world_sid(w, &nobody);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateAccountRights, &r), OBJECT_NAME_NOT_FOUND);
    struct LsarEnumerateAccountsWithUserRight u = { .PolicyHandle = a.PolicyHandle,
                                                    .UserRight = &right };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateAccountsWithUserRight, &u), SUCCESS);
    assert_int_equal(u.EnumerationBuffer.EntriesRead, 1);
    right = fix_unicode(&w->f, "SeNothing");
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateAccountsWithUserRight, &u), NO_SUCH_PRIVILEGE);

    struct LsarOpenAccount o = { .PolicyHandle = a.PolicyHandle,
                                 .AccountSid = world_sid(w, &admins),
                                 .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenAccount, &o), SUCCESS);
    struct LsarEnumeratePrivilegesAccount p = { .AccountHandle = o.AccountHandle };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumeratePrivilegesAccount, &p), SUCCESS);
    assert_true(p.Privileges->PrivilegeCount >= 5);
    struct LsarGetSystemAccessAccount s = { .AccountHandle = o.AccountHandle };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarGetSystemAccessAccount, &s), SUCCESS);
    assert_int_equal(s.SystemAccess, 3);
}

/* --- names --- */

struct name_case {
    const char *name;
    uint16_t use;
    uint32_t rid;
    const char *domain; /* NULL: none */
};

static void names_of_every_form_are_found(void **state)
{
    struct world *w = *state;
    const uint32_t none = 0xFFFFFFFF, alice = rid_of(w, "alice");
    const struct name_case cases[] = {
        { "alice", SidTypeUser, alice, "ACCOUNTS" },
        { "accounts\\ALICE", SidTypeUser, alice, "ACCOUNTS" },
        { "alice@ACCOUNTS", SidTypeUser, alice, "ACCOUNTS" },
        { "Domain Admins", SidTypeGroup, 512, "ACCOUNTS" },
        { "ACCOUNTS", SidTypeDomain, none, "ACCOUNTS" },
        { "BUILTIN\\Administrators", SidTypeAlias, 544, "BUILTIN" },
        { "Administrators", SidTypeAlias, 544, "BUILTIN" },
        { "Everyone", SidTypeWellKnownGroup, 0, "" },
        { "NT AUTHORITY\\SYSTEM", SidTypeWellKnownGroup, 18, "NT AUTHORITY" },
        { "PARTNER", SidTypeDomain, none, "PARTNER" },
        { "PARTNER\\bob", SidTypeUnknown, none, "PARTNER" },
        { "NOWHERE\\bob", SidTypeUnknown, none, NULL },
        { "nobody", SidTypeUnknown, none, NULL },
        { "", SidTypeUnknown, none, NULL },
    };
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        RPC_UNICODE_STRING name = fix_unicode(&w->f, cases[i].name);
        struct LsarLookupNames a = { .PolicyHandle = open_policy(w, USER),
                                     .Count = 1,
                                     .Names = &name,
                                     .LookupLevel = LsapLookupWksta };
        ntstatus st = lsa(w, USER, &ndr_LsarLookupNames, &a);
        bool known = cases[i].use != SidTypeUnknown;
        assert_true(nt_status_is(st, known ? NT_STATUS(SUCCESS) : NT_STATUS(NONE_MAPPED)));
        assert_int_equal(a.MappedCount, known ? 1 : 0);
        const LSA_TRANSLATED_SID *got = &a.TranslatedSids.Sids[0];
        assert_int_equal(got->Use, cases[i].use);
        assert_int_equal(got->RelativeId, cases[i].rid);
        if (cases[i].domain == NULL)
            assert_int_equal(got->DomainIndex, -1);
        else
            assert_string_equal(shown(w, &a.ReferencedDomains->Domains[got->DomainIndex].Name),
                                cases[i].domain);
        struct LsarClose c = { .ObjectHandle = a.PolicyHandle };
        ASSERT_STATUS(lsa(w, USER, &ndr_LsarClose, &c), SUCCESS);
    }
}

static void levels_narrow_where_names_are_sought(void **state)
{
    struct world *w = *state;
    RPC_UNICODE_STRING names[] = { fix_unicode(&w->f, "Everyone"), fix_unicode(&w->f, "PARTNER"),
                                   fix_unicode(&w->f, "alice") };
    struct LsarLookupNames2 a = { .PolicyHandle = open_policy(w, USER),
                                  .Count = 3,
                                  .Names = names,
                                  .LookupLevel = LsapLookupPDC };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupNames2, &a), SOME_NOT_MAPPED);
    assert_int_equal(a.MappedCount, 2);
    a.LookupLevel = LsapLookupTDL;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupNames2, &a), SOME_NOT_MAPPED);
    assert_int_equal(a.MappedCount, 1);
    a.LookupLevel = LsapLookupWksta;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupNames2, &a), SUCCESS);
    a.LookupLevel = 8;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupNames2, &a), INVALID_PARAMETER);
}

static void full_sids_come_with_the_third_form(void **state)
{
    struct world *w = *state;
    struct nt_sid sid, want;
    RPC_UNICODE_STRING names[] = { fix_unicode(&w->f, "alice"), fix_unicode(&w->f, "nobody") };
    struct LsarLookupNames3 a = { .PolicyHandle = open_policy(w, USER),
                                  .Count = 2,
                                  .Names = names,
                                  .LookupLevel = LsapLookupWksta };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupNames3, &a), SOME_NOT_MAPPED);
    assert_true(nt_sid_with_rid(&w->domain, rid_of(w, "alice"), &want));
    assert_true(nt_rpc_sid_get(a.TranslatedSids.Sids[0].Sid, &sid) && nt_sid_equal(&sid, &want));
    assert_null(a.TranslatedSids.Sids[1].Sid);
}

/* --- SIDs --- */

static void sids_are_named_or_shown(void **state)
{
    struct world *w = *state;
    struct nt_sid own;
    assert_true(nt_sid_with_rid(&w->domain, 500, &own));
    const struct {
        struct nt_sid sid;
        uint16_t use;
        const char *name, *domain;
    } cases[] = {
        { own, SidTypeUser, "Administrator", "ACCOUNTS" },
        { w->domain, SidTypeDomain, "ACCOUNTS", "ACCOUNTS" },
        { parsed("S-1-5-32-545"), SidTypeAlias, "Users", "BUILTIN" },
        { parsed("S-1-5-32"), SidTypeDomain, "BUILTIN", "BUILTIN" },
        { parsed("S-1-1-0"), SidTypeWellKnownGroup, "Everyone", "" },
        { parsed("S-1-5-18"), SidTypeWellKnownGroup, "SYSTEM", "NT AUTHORITY" },
        { parsed("S-1-5-21-11-22-33"), SidTypeDomain, "PARTNER", "PARTNER" },
        { parsed("S-1-5-21-11-22-33-1104"), SidTypeUnknown, "00000450", "PARTNER" },
        { parsed("S-1-5-21-9-9-9-1104"), SidTypeUnknown, "S-1-5-21-9-9-9-1104", NULL },
    };
    LSAPR_SID_INFORMATION sids[NT_COUNT(cases)];
    for (size_t i = 0; i < NT_COUNT(cases); i++)
        sids[i].Sid = world_sid(w, &cases[i].sid);
    struct LsarLookupSids a = { .PolicyHandle = open_policy(w, USER),
                                .SidEnumBuffer = { NT_COUNT(cases), sids },
                                .LookupLevel = LsapLookupWksta };
    struct LsarLookupSids2 b = { .PolicyHandle = a.PolicyHandle,
                                 .SidEnumBuffer = a.SidEnumBuffer,
                                 .LookupLevel = LsapLookupWksta };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupSids, &a), SOME_NOT_MAPPED);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupSids2, &b), SOME_NOT_MAPPED);
    assert_int_equal(a.MappedCount, NT_COUNT(cases) - 2);
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        const LSAPR_TRANSLATED_NAME *got = &a.TranslatedNames.Names[i];
        assert_int_equal(got->Use, cases[i].use);
        assert_int_equal(b.TranslatedNames.Names[i].Use, cases[i].use);
        assert_string_equal(shown(w, &got->Name), cases[i].name);
        if (cases[i].domain == NULL)
            assert_int_equal(got->DomainIndex, -1);
        else
            assert_string_equal(shown(w, &a.ReferencedDomains->Domains[got->DomainIndex].Name),
                                cases[i].domain);
    }
}

static void absent_sids_are_an_invalid_parameter(void **state)
{
    struct world *w = *state;
    LSAPR_SID_INFORMATION sids[] = { { NULL } };
    struct LsarLookupSids a = { .PolicyHandle = open_policy(w, USER),
                                .SidEnumBuffer = { 1, sids },
                                .LookupLevel = LsapLookupWksta };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarLookupSids, &a), INVALID_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_policy_is_open_to_sealed_callers_over_tcp_unless_turned_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secure_channel_reaches_the_two_lookups_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_opnum_that_is_not_served_is_the_known_fault, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_policy_tells_name_sid_and_role, setup, teardown),
        cmocka_unit_test_setup_teardown(policy_levels_follow_access_and_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(a_caller_is_told_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_policy_closes_once, setup, teardown),
        cmocka_unit_test_setup_teardown(privileges_are_listed_in_pages_and_looked_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(accounts_with_rights_are_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_every_form_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(levels_narrow_where_names_are_sought, setup, teardown),
        cmocka_unit_test_setup_teardown(full_sids_come_with_the_third_form, setup, teardown),
        cmocka_unit_test_setup_teardown(sids_are_named_or_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(absent_sids_are_an_invalid_parameter, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
