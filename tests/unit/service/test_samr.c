/*
 * test_samr.c - the SAM as clients browse and manage it: domains, users, groups, aliases, lists.
 */
#include "test_samr_world.h"

#include "test_samr_vectors.h"

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

/* --- server and domain --- */

static void all_five_connects_open_a_server(void **state)
{
    struct world *w = *state;
    struct SamrConnect c1 = { .DesiredAccess = MAXIMUM_ALLOWED };
    struct SamrConnect2 c2 = { .DesiredAccess = 0x30 };
    struct SamrConnect3 c3 = { .DesiredAccess = 0x20 };
    struct SamrConnect4 c4 = { .ClientRevision = 2, .DesiredAccess = 0x20000 };
    struct SamrConnect5 c5 = { .DesiredAccess = MAXIMUM_ALLOWED, .InVersion = 1 };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect, &c1), SUCCESS);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect2, &c2), SUCCESS);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect3, &c3), SUCCESS);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect4, &c4), SUCCESS);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrConnect5, &c5), SUCCESS);
    assert_int_equal(c5.OutVersion, 1);
    assert_int_equal(c5.OutRevisionInfo.V1.Revision, 3);
}

static void a_closed_handle_is_a_fault(void **state)
{
    struct world *w = *state;
    struct SamrCloseHandle a = { .SamHandle = open_server(w, USER) };
    struct SamrCloseHandle again = a;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrCloseHandle, &a), SUCCESS);
    assert_true(nt_uuid_is_nil(&a.SamHandle.uuid));
    ASSERT_FAULT(samr(w, USER, &ndr_SamrCloseHandle, &again), CONTEXT_MISMATCH);
}

static void a_handle_of_another_kind_is_invalid(void **state)
{
    struct world *w = *state;
    struct SamrQueryInformationUser2 a = { .UserHandle = open_server(w, USER),
                                           .UserInformationClass = UserAllInformation };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationUser2, &a), INVALID_HANDLE);
}

static void both_domains_are_listed_whatever_the_page_size(void **state)
{
    struct world *w = *state;
    struct SamrEnumerateDomainsInSamServer a = { .ServerHandle = open_server(w, USER),
                                                 .PreferedMaximumLength = 0xFFFF };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateDomainsInSamServer, &a), SUCCESS);
    assert_int_equal(a.CountReturned, 2);
    assert_string_equal(shown(w, &a.Buffer->Buffer[0].Name), "ACCOUNTS");
    assert_string_equal(shown(w, &a.Buffer->Buffer[1].Name), "Builtin");
    a.EnumerationContext = 0;
    a.PreferedMaximumLength = 1;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateDomainsInSamServer, &a), MORE_ENTRIES);
    assert_int_equal(a.CountReturned, 1);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateDomainsInSamServer, &a), SUCCESS);
    assert_string_equal(shown(w, &a.Buffer->Buffer[0].Name), "Builtin");
}

static void a_domain_is_found_by_name_and_opened_by_sid(void **state)
{
    struct world *w = *state;
    struct nt_sid sid, other = parsed("S-1-5-21-9-9-9");
    struct SamrLookupDomainInSamServer a = { .ServerHandle = open_server(w, USER),
                                             .Name = fix_unicode(&w->f, "accounts") };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrLookupDomainInSamServer, &a), SUCCESS);
    assert_true(nt_rpc_sid_get(a.DomainId, &sid) && nt_sid_equal(&sid, &w->domain));
    a.Name = fix_unicode(&w->f, "NOWHERE");
    ASSERT_STATUS(samr(w, USER, &ndr_SamrLookupDomainInSamServer, &a), NO_SUCH_DOMAIN);
    struct SamrOpenDomain o = { .ServerHandle = a.ServerHandle,
                                .DesiredAccess = 0x211,
                                .DomainId = world_sid(w, &other) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrOpenDomain, &o), NO_SUCH_DOMAIN);
}

static void every_domain_level_is_answered_and_others_refused(void **state)
{
    static const uint16_t known[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13 };
    struct world *w = *state;
    struct SamrQueryInformationDomain2 a = { .DomainHandle = open_domain(w, USER, false) };
    for (size_t i = 0; i < NT_COUNT(known); i++) {
        a.DomainInformationClass = known[i];
        ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationDomain2, &a), SUCCESS);
        assert_non_null(a.Buffer);
    }
    a.DomainInformationClass = DomainGeneralInformation;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationDomain2, &a), SUCCESS);
    assert_string_equal(shown(w, &a.Buffer->General.DomainName), "ACCOUNTS");
    assert_int_equal(a.Buffer->General.DomainServerRole, 3);
    a.DomainInformationClass = 10;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationDomain2, &a), INVALID_INFO_CLASS);
}

static void an_administrator_sets_the_password_and_lockout_rules(void **state)
{
    struct world *w = *state;
    struct SamrSetInformationDomain a = { .DomainHandle = open_domain(w, ADMIN, false),
                                          .DomainInformationClass = DomainLockoutInformation };
    a.DomainInformation.Lockout.LockoutDuration.QuadPart = -(INT64_C(1800) * 10000000);
    a.DomainInformation.Lockout.LockoutObservationWindow.QuadPart = -(INT64_C(900) * 10000000);
    a.DomainInformation.Lockout.LockoutThreshold = 5;
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationDomain, &a), SUCCESS);
    a.DomainInformation.Lockout.LockoutObservationWindow.QuadPart = -(INT64_C(3600) * 10000000);
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationDomain, &a), INVALID_PARAMETER);
    struct SamrSetInformationDomain p = { .DomainHandle = a.DomainHandle,
                                          .DomainInformationClass = DomainPasswordInformation };
    p.DomainInformation.Password.MinPasswordLength = 7;
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationDomain, &p), SUCCESS);
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_policy *policy = nt_dir_policy(dir);
    assert_int_equal(policy->lockout_duration_s, 1800);
    assert_int_equal(policy->lockout_window_s, 900);
    assert_int_equal(policy->lockout_threshold, 5);
    assert_int_equal(policy->min_password_length, 7);
    nt_dir_unref(dir);
    p.DomainInformation.Password.MinPasswordLength = 0xFFFF;
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationDomain, &p), INVALID_PARAMETER);
    p.DomainHandle = open_domain(w, USER, false);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrSetInformationDomain, &p), ACCESS_DENIED);
}

/* --- lists and lookups --- */

static void users_are_listed_by_type_and_in_pages_of_any_size(void **state)
{
    struct world *w = *state;
    uint32_t seen = 0, last = 0;
    struct SamrEnumerateUsersInDomain a = { .DomainHandle = open_domain(w, USER, false),
                                            .UserAccountControl = NT_ACB_INTERDOMAIN,
                                            .PreferedMaximumLength = 0xFFFF };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateUsersInDomain, &a), SUCCESS);
    assert_int_equal(a.CountReturned, 1);
    assert_string_equal(shown(w, &a.Buffer->Buffer[0].Name), "RESOURCES$");

    a.UserAccountControl = 0;
    a.EnumerationContext = 0;
    a.PreferedMaximumLength = 1;
    ntstatus st;
    do {
        st = samr(w, USER, &ndr_SamrEnumerateUsersInDomain, &a);
        assert_true(nt_status_ok(st));
        assert_int_equal(a.CountReturned, 1);
        assert_true(a.Buffer->Buffer[0].RelativeId > last);
        last = a.Buffer->Buffer[0].RelativeId;
        seen++;
    } while (nt_status_is(st, NT_STATUS(MORE_ENTRIES)));
    struct nt_dir *dir = fix_dir(&w->f);
    assert_int_equal(seen, nt_dir_count(dir, NT_KIND_ACCOUNT));
    nt_dir_unref(dir);

    a.DomainHandle = open_domain(w, USER, true);
    a.EnumerationContext = 0;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateUsersInDomain, &a), SUCCESS);
    assert_int_equal(a.CountReturned, 0);
}

static void groups_and_aliases_are_listed(void **state)
{
    struct world *w = *state;
    struct SamrEnumerateGroupsInDomain g = { .DomainHandle = open_domain(w, USER, false),
                                             .PreferedMaximumLength = 0xFFFF };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateGroupsInDomain, &g), SUCCESS);
    assert_true(g.CountReturned >= 5);
    struct SamrEnumerateAliasesInDomain a = { .DomainHandle = open_domain(w, USER, true),
                                              .PreferedMaximumLength = 0xFFFF };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrEnumerateAliasesInDomain, &a), SUCCESS);
    assert_int_equal(a.Buffer->Buffer[0].RelativeId, 544);
}

static void names_and_rids_are_found_or_not(void **state)
{
    struct world *w = *state;
    RPC_UNICODE_STRING names[] = { fix_unicode(&w->f, "ALICE"), fix_unicode(&w->f, "nobody"),
                                   fix_unicode(&w->f, "Domain Users") };
    struct SamrLookupNamesInDomain a = { .DomainHandle = open_domain(w, USER, false),
                                         .Count = 3,
                                         .Names = names };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrLookupNamesInDomain, &a), SOME_NOT_MAPPED);
    assert_int_equal(a.RelativeIds.Element[0], rid_of(w, "alice"));
    assert_int_equal(a.Use.Element[0], SidTypeUser);
    assert_int_equal(a.Use.Element[1], SidTypeUnknown);
    assert_int_equal(a.RelativeIds.Element[2], 513);
    assert_int_equal(a.Use.Element[2], SidTypeGroup);

    uint32_t rids[] = { 99999, 512 };
    struct SamrLookupIdsInDomain i = { .DomainHandle = a.DomainHandle,
                                       .Count = 2,
                                       .RelativeIds = rids };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrLookupIdsInDomain, &i), SOME_NOT_MAPPED);
    assert_int_equal(i.Use.Element[0], SidTypeUnknown);
    assert_string_equal(shown(w, &i.Names.Element[1]), "Domain Admins");
    i.Count = 1;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrLookupIdsInDomain, &i), NONE_MAPPED);
}

static void display_lists_are_sorted_and_paged_by_size(void **state)
{
    struct world *w = *state;
    fix_account(&w->f, "Bob", "Bob.pw1", NT_ACB_NORMAL);
    struct SamrQueryDisplayInformation3 a = { .DomainHandle = open_domain(w, USER, false),
                                              .DisplayInformationClass = DomainDisplayUser,
                                              .EntryCount = 1000,
                                              .PreferredMaximumLength = 0xFFFF };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryDisplayInformation3, &a), SUCCESS);
    const SAMPR_DOMAIN_DISPLAY_USER_BUFFER *list = &a.Buffer.UserInformation;
    uint32_t all = list->EntriesRead;
    assert_true(all >= 5);
    assert_string_equal(shown(w, &list->Buffer[0].AccountName), "Administrator");
    assert_string_equal(shown(w, &list->Buffer[1].AccountName), "alice");
    assert_string_equal(shown(w, &list->Buffer[2].AccountName), "Bob");
    assert_true(a.TotalReturned == a.TotalAvailable);

    a.PreferredMaximumLength = 1;
    for (a.Index = 0; a.Index < all; a.Index++) {
        ntstatus st = samr(w, USER, &ndr_SamrQueryDisplayInformation3, &a);
        assert_true(
            nt_status_is(st, a.Index + 1 < all ? NT_STATUS(MORE_ENTRIES) : NT_STATUS(SUCCESS)));
        assert_int_equal(a.Buffer.UserInformation.EntriesRead, 1);
        assert_int_equal(a.Buffer.UserInformation.Buffer[0].Index, a.Index + 1);
    }
    for (uint16_t level = 2; level <= 5; level++) {
        struct SamrQueryDisplayInformation d = { .DomainHandle = a.DomainHandle,
                                                 .DisplayInformationClass = level,
                                                 .EntryCount = 10,
                                                 .PreferredMaximumLength = 0xFFFF };
        ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryDisplayInformation, &d), SUCCESS);
    }
    a.DisplayInformationClass = 6;
    ASSERT_FAULT(samr(w, USER, &ndr_SamrQueryDisplayInformation3, &a), INVALID_TAG);

    struct SamrGetDisplayEnumerationIndex2 i = { .DomainHandle = a.DomainHandle,
                                                 .DisplayInformationClass = DomainDisplayUser,
                                                 .Prefix = fix_unicode(&w->f, "bo") };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetDisplayEnumerationIndex2, &i), SUCCESS);
    assert_int_equal(i.Index, 2);
    i.Prefix = fix_unicode(&w->f, "zz");
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetDisplayEnumerationIndex2, &i), NO_MORE_ENTRIES);
}

/* --- users --- */

static void every_user_level_is_answered_and_others_refused(void **state)
{
    static const uint16_t known[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 20 };
    struct world *w = *state;
    struct SamrQueryInformationUser2 a = { .UserHandle = open_user(w, USER, rid_of(w, "oper")) };
    for (size_t i = 0; i < NT_COUNT(known); i++) {
        a.UserInformationClass = known[i];
        ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationUser2, &a), SUCCESS);
    }
    a.UserInformationClass = UserAllInformation;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationUser2, &a), SUCCESS);
    assert_string_equal(shown(w, &a.Buffer->All.UserName), "oper");
    assert_int_equal(a.Buffer->All.UserAccountControl & 0x10, 0x10);
    assert_int_equal(a.Buffer->All.LogonHours.UnitsPerWeek, 168);
    assert_int_equal(a.Buffer->All.NtOwfPassword.Length, 0);
    static const uint16_t refused[] = { 18, 23, 24, 25, 26, 31, 32, 99 };
    for (size_t i = 0; i < NT_COUNT(refused); i++) {
        a.UserInformationClass = refused[i];
        ASSERT_STATUS(samr(w, USER, &ndr_SamrQueryInformationUser2, &a), INVALID_INFO_CLASS);
    }
}

static void a_user_shows_its_groups_and_password_rules(void **state)
{
    struct world *w = *state;
    struct SamrGetGroupsForUser g = { .UserHandle = open_user(w, USER, rid_of(w, "alice")) };
    fix_policy(&w->f, "min_password_length", 6);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetGroupsForUser, &g), SUCCESS);
    assert_int_equal(g.Groups->Groups[0].RelativeId, 513);
    assert_int_equal(g.Groups->Groups[0].Attributes, 7);
    struct SamrGetUserDomainPasswordInformation p = { .UserHandle = g.UserHandle };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetUserDomainPasswordInformation, &p), SUCCESS);
    assert_int_equal(p.PasswordInformation.MinPasswordLength, 6);
    struct SamrGetDomainPasswordInformation d = { .Unused = NULL };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetDomainPasswordInformation, &d), SUCCESS);
    assert_int_equal(d.PasswordInformation.MinPasswordLength, 6);
}

static struct SamrCreateUser2InDomain create(struct world *w, enum role role, const char *name,
                                             uint32_t type, ntstatus *st)
{
    struct SamrCreateUser2InDomain a = { .DomainHandle = open_domain(w, role, false),
                                         .Name = fix_unicode(&w->f, name),
                                         .AccountType = type,
                                         .DesiredAccess = 0xE00500B0 };
    *st = samr(w, role, &ndr_SamrCreateUser2InDomain, &a);
    return a;
}

static void a_user_is_made_once_and_deleted_once(void **state)
{
    struct world *w = *state;
    ntstatus st;
    struct SamrCreateUser2InDomain a = create(w, ADMIN, "carol", NT_ACB_NORMAL, &st);
    ASSERT_STATUS(st, SUCCESS);
    assert_int_equal(a.RelativeId, rid_of(w, "carol"));
    assert_int_equal(a.GrantedAccess & 0x500B0, 0x500B0);
    create(w, ADMIN, "CAROL", NT_ACB_NORMAL, &st);
    ASSERT_STATUS(st, USER_EXISTS);
    create(w, ADMIN, "bad/name", NT_ACB_NORMAL, &st);
    ASSERT_STATUS(st, INVALID_ACCOUNT_NAME);
    create(w, ADMIN, "x", NT_ACB_NORMAL | NT_ACB_WORKSTATION, &st);
    ASSERT_STATUS(st, INVALID_PARAMETER);

    struct SamrDeleteUser d = { .UserHandle = a.UserHandle };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrDeleteUser, &d), SUCCESS);
    assert_int_equal(rid_of(w, "carol"), 0);
    struct SamrCloseHandle c = { .SamHandle = a.UserHandle };
    ASSERT_FAULT(samr(w, ADMIN, &ndr_SamrCloseHandle, &c), CONTEXT_MISMATCH);
}

static void a_handle_of_a_user_that_is_gone_finds_nothing(void **state)
{
    struct world *w = *state;
    uint32_t rid = rid_of(w, "alice");
    struct SamrQueryInformationUser q = { .UserHandle = open_user(w, ADMIN, rid),
                                          .UserInformationClass = UserAllInformation };
    struct SamrDeleteUser d = { .UserHandle = open_user(w, ADMIN, rid) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrDeleteUser, &d), SUCCESS);
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrQueryInformationUser, &q), NO_SUCH_USER);
}

static void the_built_in_accounts_stay(void **state)
{
    struct world *w = *state;
    struct SamrDeleteUser d = { .UserHandle = open_user(w, ADMIN, 500) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrDeleteUser, &d), SPECIAL_ACCOUNT);
}

/* net rpc trustdom add, as captured; then net rpc trustdom del. */
static void a_normal_account_becomes_a_trust_account_and_goes_again(void **state)
{
    struct world *w = *state;
    ntstatus st;
    struct nt_sid sid;
    struct nt_secret hash;
    struct SamrCreateUser2InDomain a = create(w, ADMIN, "RED$", NT_ACB_NORMAL, &st);
    ASSERT_STATUS(st, SUCCESS);
    world_key(w, TRUST_SESSION_KEY);
    struct SamrSetInformationUser2 s = { .UserHandle = a.UserHandle,
                                         .UserInformationClass = UserInternal4Information };
    s.Buffer.Internal4.I1.WhichFields = 0x01100000;
    s.Buffer.Internal4.I1.UserAccountControl = NT_ACB_INTERDOMAIN;
    assert_true(nt_unhex(level23_trust_wire, s.Buffer.Internal4.UserPassword.Buffer, 516));
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationUser2, &s), SUCCESS);

    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_permit(dir, "RED");
    assert_non_null(account);
    assert_int_equal(nt_owf_text("Trust.pw1", &hash), NT_OK);
    assert_int_equal(account->acb & (NT_ACB_TYPE_MASK | NT_ACB_DISABLED), NT_ACB_INTERDOMAIN);
    assert_true(nt_in_accepts(account->in, nt_dir_policy(dir), &hash));
    nt_dir_unref(dir);
    assert_int_equal(fix_trust_state(&w->f, "RED$"), NT_IN_PERMITTED);

    SAMPR_HANDLE user = open_user(w, ADMIN, a.RelativeId);
    assert_true(nt_sid_with_rid(&w->domain, a.RelativeId, &sid));
    struct SamrRemoveMemberFromForeignDomain r = { .DomainHandle = user,
                                                   .MemberSid = world_sid(w, &sid) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrRemoveMemberFromForeignDomain, &r), SUCCESS);
    struct SamrDeleteUser d = { .UserHandle = user };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrDeleteUser, &d), SUCCESS);
    assert_int_equal(rid_of(w, "RED$"), 0);
}

/* --- groups --- */

static void a_group_lives_through_its_calls(void **state)
{
    struct world *w = *state;
    uint32_t alice = rid_of(w, "alice");
    struct SamrCreateGroupInDomain c = { .DomainHandle = open_domain(w, OPERATOR, false),
                                         .Name = fix_unicode(&w->f, "Sales"),
                                         .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrCreateGroupInDomain, &c), SUCCESS);
    struct SamrAddMemberToGroup add = { .GroupHandle = c.GroupHandle, .MemberId = alice };
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrAddMemberToGroup, &add), SUCCESS);
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrAddMemberToGroup, &add), MEMBER_IN_GROUP);
    struct SamrGetMembersInGroup m = { .GroupHandle = c.GroupHandle };
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrGetMembersInGroup, &m), SUCCESS);
    assert_int_equal(m.Members->MemberCount, 1);
    assert_int_equal(m.Members->Members[0], alice);

    struct SamrSetInformationGroup s = { .GroupHandle = c.GroupHandle,
                                         .GroupInformationClass = GroupAdminCommentInformation };
    s.Buffer.AdminComment.AdminComment = fix_unicode(&w->f, "who sells");
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrSetInformationGroup, &s), SUCCESS);
    struct SamrQueryInformationGroup q = { .GroupHandle = c.GroupHandle };
    for (q.GroupInformationClass = 1; q.GroupInformationClass <= 5; q.GroupInformationClass++)
        ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrQueryInformationGroup, &q), SUCCESS);
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrQueryInformationGroup, &q), INVALID_INFO_CLASS);
    q.GroupInformationClass = 1;
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrQueryInformationGroup, &q), SUCCESS);
    assert_string_equal(shown(w, &q.Buffer->General.AdminComment), "who sells");
    assert_int_equal(q.Buffer->General.MemberCount, 1);

    struct SamrRemoveMemberFromGroup r = { .GroupHandle = c.GroupHandle, .MemberId = alice };
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrRemoveMemberFromGroup, &r), SUCCESS);
    struct SamrDeleteGroup d = { .GroupHandle = c.GroupHandle };
    ASSERT_STATUS(samr(w, OPERATOR, &ndr_SamrDeleteGroup, &d), SUCCESS);
    ASSERT_FAULT(samr(w, OPERATOR, &ndr_SamrGetMembersInGroup, &m), CONTEXT_MISMATCH);
}

static void members_by_primary_group_are_members(void **state)
{
    struct world *w = *state;
    struct SamrOpenGroup o = { .DomainHandle = open_domain(w, USER, false),
                               .DesiredAccess = MAXIMUM_ALLOWED,
                               .GroupId = 513 };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrOpenGroup, &o), SUCCESS);
    struct SamrGetMembersInGroup m = { .GroupHandle = o.GroupHandle };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetMembersInGroup, &m), SUCCESS);
    bool found = false;
    for (uint32_t i = 0; i < m.Members->MemberCount; i++)
        found = found || m.Members->Members[i] == rid_of(w, "alice");
    assert_true(found);
}

/* --- aliases --- */

static void an_alias_holds_sids_of_a_trusted_domain(void **state)
{
    struct world *w = *state;
    struct nt_sid foreign = parsed("S-1-5-21-11-22-33-1105"), got;
    struct SamrCreateAliasInDomain c = { .DomainHandle = open_domain(w, ADMIN, false),
                                         .AccountName = fix_unicode(&w->f, "Printers"),
                                         .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrCreateAliasInDomain, &c), SUCCESS);
    struct SamrAddMemberToAlias add = { .AliasHandle = c.AliasHandle,
                                        .MemberId = world_sid(w, &foreign) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrAddMemberToAlias, &add), SUCCESS);
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrAddMemberToAlias, &add), MEMBER_IN_ALIAS);

    struct SamrGetMembersInAlias m = { .AliasHandle = c.AliasHandle };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrGetMembersInAlias, &m), SUCCESS);
    assert_int_equal(m.Members.Count, 1);
    assert_true(nt_rpc_sid_get(m.Members.Sids[0].SidPointer, &got));
    assert_true(nt_sid_equal(&got, &foreign));

    SAMPR_SID_INFORMATION sids[] = { { world_sid(w, &foreign) } };
    struct SamrGetAliasMembership g = { .DomainHandle = open_domain(w, USER, false),
                                        .SidArray = { 1, sids } };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrGetAliasMembership, &g), SUCCESS);
    assert_int_equal(g.Membership.Count, 1);
    assert_int_equal(g.Membership.Element[0], c.RelativeId);

    struct SamrAddMultipleMembersToAlias many = { .AliasHandle = c.AliasHandle,
                                                  .MembersBuffer = { 1, sids } };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrAddMultipleMembersToAlias, &many), SUCCESS);

    struct SamrQueryInformationAlias q = { .AliasHandle = c.AliasHandle };
    for (q.AliasInformationClass = 1; q.AliasInformationClass <= 3; q.AliasInformationClass++)
        ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrQueryInformationAlias, &q), SUCCESS);
    struct SamrSetInformationAlias s = { .AliasHandle = c.AliasHandle,
                                         .AliasInformationClass = AliasNameInformation };
    s.Buffer.Name.Name = fix_unicode(&w->f, "Plotters");
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationAlias, &s), SUCCESS);

    struct SamrRemoveMemberFromForeignDomain r = { .DomainHandle = open_domain(w, ADMIN, false),
                                                   .MemberSid = world_sid(w, &foreign) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrRemoveMemberFromForeignDomain, &r), SUCCESS);
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrGetMembersInAlias, &m), SUCCESS);
    assert_int_equal(m.Members.Count, 0);
    struct SamrRemoveMemberFromAlias one = { .AliasHandle = c.AliasHandle,
                                             .MemberId = world_sid(w, &foreign) };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrRemoveMemberFromAlias, &one), MEMBER_NOT_IN_ALIAS);
    struct SamrDeleteAlias d = { .AliasHandle = c.AliasHandle };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrDeleteAlias, &d), SUCCESS);
}

static void an_object_tells_who_may_do_what(void **state)
{
    struct world *w = *state;
    struct SamrQuerySecurityObject a = { .ObjectHandle = open_user(w, USER, rid_of(w, "alice")),
                                         .SecurityInformation = 4 };
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQuerySecurityObject, &a), SUCCESS);
    const uint8_t *sd = a.SecurityDescriptor->SecurityDescriptor;
    assert_int_equal(sd[0], 1);
    assert_int_equal(nt_le16(sd + 2), 0x8004);
    uint32_t dacl = nt_le32(sd + 16);
    assert_int_equal(dacl + nt_le16(sd + dacl + 2), a.SecurityDescriptor->Length);
    assert_int_equal(nt_le16(sd + dacl + 4), 3);
    a.SecurityInformation = 0x80;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrQuerySecurityObject, &a), INVALID_PARAMETER);
}

static void an_opnum_that_is_not_served_is_the_known_fault(void **state)
{
    struct world *w = *state;
    static const uint16_t not_served[] = { 4, 38, 42, 43, 54, 59, 60, 66, 67, 68, 72, 74, 77, 500 };
    for (size_t i = 0; i < NT_COUNT(not_served); i++) {
        struct nt_call call;
        assert_int_equal(fix_serve(&w->f, w->f.conn, &call, &ndr_samr, not_served[i], w->as[ADMIN],
                                   (const uint8_t *)"", 0),
                         NT_SERVE_FAULT);
        assert_int_equal(call.fault, NT_FAULT_OP_RANGE);
        nt_call_free(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_five_connects_open_a_server, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_handle_is_a_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handle_of_another_kind_is_invalid, setup, teardown),
        cmocka_unit_test_setup_teardown(both_domains_are_listed_whatever_the_page_size, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_domain_is_found_by_name_and_opened_by_sid, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_domain_level_is_answered_and_others_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_administrator_sets_the_password_and_lockout_rules, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(users_are_listed_by_type_and_in_pages_of_any_size, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(groups_and_aliases_are_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_rids_are_found_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(display_lists_are_sorted_and_paged_by_size, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_user_level_is_answered_and_others_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_user_shows_its_groups_and_password_rules, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_user_is_made_once_and_deleted_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handle_of_a_user_that_is_gone_finds_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_built_in_accounts_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_normal_account_becomes_a_trust_account_and_goes_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_lives_through_its_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(members_by_primary_group_are_members, setup, teardown),
        cmocka_unit_test_setup_teardown(an_alias_holds_sids_of_a_trusted_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(an_object_tells_who_may_do_what, setup, teardown),
        cmocka_unit_test_setup_teardown(an_opnum_that_is_not_served_is_the_known_fault, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
