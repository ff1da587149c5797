/*
 * test_server_info.c - what the server service, the workstation service and the role of the server
 * tell, and to whom.
 */
#include "test_samr_world.h"

static int setup(void **state)
{
    *state = world_open();
    for (enum role role = ANONYMOUS; role < ROLES; role++) {
        struct world *w = *state;
        struct nt_token *token = role == ANONYMOUS ? NULL : w->tokens[role];
        w->as[role] = fix_pipe(token, &w->key);
    }
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

/* The Win32 code, or the fault. */
static uint32_t ask(struct world *w, enum role role, const struct nt_ndr_interface *iface,
                    const struct nt_ndr_op *op, void *args)
{
    ntstatus st;
    uint32_t fault = fix_call_on(&w->f, w->f.conn, iface, op, w->as[role], args, &st);
    return fault != 0 ? fault : st.code;
}

static const char *text(struct world *w, const uint16_t *s)
{
    size_t n = 0;
    char *out;
    assert_non_null(s);
    while (s[n] != 0)
        n++;
    assert_int_equal(nt_utf8_from_utf16(&w->f.arena, s, n, &out), NT_OK);
    return out;
}

/* Every level with a container of its own, as clients send it. */
static uint32_t shares(struct world *w, enum role role, uint32_t level,
                       struct NetrShareEnum *answer)
{
    SHARE_INFO_502_CONTAINER *empty = nt_arena_alloc(&w->f.arena, sizeof *empty);
    *answer = (struct NetrShareEnum){ .PreferedMaximumLength = UINT32_MAX };
    answer->InfoStruct.Level = level;
    answer->InfoStruct.ShareInfo.Level502 = empty; /* alike at every level */
    return ask(w, role, &ndr_srvsvc, &ndr_NetrShareEnum, answer);
}

static void the_one_share_is_listed_at_every_level(void **state)
{
    struct world *w = *state;
    struct NetrShareEnum a;
    static const uint32_t levels[] = { 0, 1, 2, 501, 502 };
    for (size_t i = 0; i < NT_COUNT(levels); i++) {
        assert_int_equal(shares(w, ADMIN, levels[i], &a), NT_WERR_OK);
        assert_int_equal(a.TotalEntries, 1);
    }
    assert_int_equal(shares(w, USER, 1, &a), NT_WERR_OK);
    const SHARE_INFO_1_CONTAINER *list = a.InfoStruct.ShareInfo.Level1;
    assert_int_equal(list->EntriesRead, 1);
    assert_string_equal(text(w, list->Buffer[0].shi1_netname), "IPC$");
    assert_int_equal(list->Buffer[0].shi1_type, 0x80000003);
}

static void paths_are_for_administrators_and_nothing_for_strangers(void **state)
{
    struct world *w = *state;
    struct NetrShareEnum a;
    assert_int_equal(shares(w, USER, 2, &a), NT_WERR_ACCESS_DENIED);
    assert_int_equal(shares(w, OPERATOR, 502, &a), NT_WERR_ACCESS_DENIED);
    assert_int_equal(shares(w, ANONYMOUS, 0, &a), NT_WERR_ACCESS_DENIED);
    assert_int_equal(shares(w, ANONYMOUS, 1, &a), NT_WERR_ACCESS_DENIED);
    struct NetrShareGetInfo g = { .NetName = fix_text(&w->f, "IPC$"), .Level = 1 };
    assert_int_equal(ask(w, ANONYMOUS, &ndr_srvsvc, &ndr_NetrShareGetInfo, &g),
                     NT_WERR_ACCESS_DENIED);
    struct NetrServerGetInfo s = { .Level = 101 };
    assert_int_equal(ask(w, ANONYMOUS, &ndr_srvsvc, &ndr_NetrServerGetInfo, &s),
                     NT_WERR_ACCESS_DENIED);
    struct NetrRemoteTOD t = { 0 };
    assert_int_equal(ask(w, ANONYMOUS, &ndr_srvsvc, &ndr_NetrRemoteTOD, &t),
                     NT_FAULT_ACCESS_DENIED);
    struct NetrWkstaGetInfo k = { .Level = 100 };
    assert_int_equal(ask(w, ANONYMOUS, &ndr_wkssvc, &ndr_NetrWkstaGetInfo, &k),
                     NT_WERR_ACCESS_DENIED);
}

static void a_list_is_resumed_behind_its_end(void **state)
{
    struct world *w = *state;
    SHARE_INFO_1_CONTAINER empty = { 0 };
    DWORD resume = 1;
    struct NetrShareEnum a = { .ResumeHandle = &resume };
    a.InfoStruct.Level = 1;
    a.InfoStruct.ShareInfo.Level1 = &empty;
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrShareEnum, &a), NT_WERR_OK);
    assert_int_equal(a.TotalEntries, 0);
    assert_int_equal(a.InfoStruct.ShareInfo.Level1->EntriesRead, 0);
    assert_int_equal(*a.ResumeHandle, 0);
}

static void shares_that_outlive_a_restart_are_none(void **state)
{
    struct world *w = *state;
    SHARE_INFO_502_CONTAINER empty = { 0 };
    struct NetrShareEnumSticky a = { .PreferedMaximumLength = UINT32_MAX };
    a.InfoStruct.Level = 502;
    a.InfoStruct.ShareInfo.Level502 = &empty;
    assert_int_equal(ask(w, ADMIN, &ndr_srvsvc, &ndr_NetrShareEnumSticky, &a), NT_WERR_OK);
    assert_int_equal(a.TotalEntries, 0);
    assert_int_equal(a.InfoStruct.ShareInfo.Level502->EntriesRead, 0);
}

static void a_share_is_found_by_its_name_in_any_case(void **state)
{
    struct world *w = *state;
    struct NetrShareGetInfo a = { .NetName = fix_text(&w->f, "ipc$"), .Level = 1 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrShareGetInfo, &a), NT_WERR_OK);
    assert_string_equal(text(w, a.InfoStruct.ShareInfo1->shi1_netname), "IPC$");
    a = (struct NetrShareGetInfo){ .NetName = fix_text(&w->f, "data"), .Level = 1 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrShareGetInfo, &a),
                     NT_WERR_NET_NAME_NOT_FOUND);
    a = (struct NetrShareGetInfo){ .NetName = fix_text(&w->f, "IPC$"), .Level = 1005 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrShareGetInfo, &a), NT_WERR_OK);
}

static void the_server_says_that_it_is_a_controller(void **state)
{
    struct world *w = *state;
    struct NetrServerGetInfo a = { .Level = 101 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrServerGetInfo, &a), NT_WERR_OK);
    assert_string_equal(text(w, a.InfoStruct.ServerInfo101->sv101_name), "ACCPDC");
    assert_true((a.InfoStruct.ServerInfo101->sv101_type & 0x8) != 0); /* SV_TYPE_DOMAIN_CTRL */
    a = (struct NetrServerGetInfo){ .Level = 100 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrServerGetInfo, &a), NT_WERR_OK);
    a = (struct NetrServerGetInfo){ .Level = 102 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrServerGetInfo, &a), NT_WERR_ACCESS_DENIED);
    assert_int_equal(ask(w, ADMIN, &ndr_srvsvc, &ndr_NetrServerGetInfo, &a), NT_WERR_OK);
    a = (struct NetrServerGetInfo){ .Level = 103 };
    assert_int_equal(ask(w, ADMIN, &ndr_srvsvc, &ndr_NetrServerGetInfo, &a), NT_WERR_INVALID_LEVEL);
}

static void the_time_of_day_is_the_clocks(void **state)
{
    struct world *w = *state;
    w->f.now = nt_time_from_unix(1785456000, 0) + 70 * (NT_TIME_SECOND / 100); /* 2026-07-31 */
    struct NetrRemoteTOD a = { 0 };
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrRemoteTOD, &a), NT_WERR_OK);
    const TIME_OF_DAY_INFO *t = a.BufferPtr;
    assert_int_equal(t->tod_elapsedt, 1785456000);
    assert_int_equal(t->tod_year, 2026);
    assert_int_equal(t->tod_month, 7);
    assert_int_equal(t->tod_day, 31);
    assert_int_equal(t->tod_weekday, 5);
    assert_int_equal(t->tod_hours, 0);
    assert_int_equal(t->tod_hunds, 70);
}

static void sessions_of_others_are_not_listed(void **state)
{
    struct world *w = *state;
    SESSION_INFO_10_CONTAINER empty = { 0 };
    struct NetrSessionEnum a = { .PreferedMaximumLength = UINT32_MAX };
    a.InfoStruct.Level = 10;
    a.InfoStruct.SessionInfo.Level10 = &empty;
    struct NetrSessionEnum b = a;
    assert_int_equal(ask(w, USER, &ndr_srvsvc, &ndr_NetrSessionEnum, &a), NT_WERR_ACCESS_DENIED);
    assert_int_equal(ask(w, ADMIN, &ndr_srvsvc, &ndr_NetrSessionEnum, &b), NT_WERR_NOT_SUPPORTED);
}

static void the_workstation_tells_its_domain(void **state)
{
    struct world *w = *state;
    struct NetrWkstaGetInfo a = { .Level = 100 };
    assert_int_equal(ask(w, USER, &ndr_wkssvc, &ndr_NetrWkstaGetInfo, &a), NT_WERR_OK);
    assert_string_equal(text(w, a.WkstaInfo.WkstaInfo100->wki100_computername), "ACCPDC");
    assert_string_equal(text(w, a.WkstaInfo.WkstaInfo100->wki100_langroup), "ACCOUNTS");
    a = (struct NetrWkstaGetInfo){ .Level = 101 };
    assert_int_equal(ask(w, USER, &ndr_wkssvc, &ndr_NetrWkstaGetInfo, &a), NT_WERR_OK);
    a = (struct NetrWkstaGetInfo){ .Level = 102 };
    assert_int_equal(ask(w, USER, &ndr_wkssvc, &ndr_NetrWkstaGetInfo, &a), NT_WERR_ACCESS_DENIED);
    assert_int_equal(ask(w, ADMIN, &ndr_wkssvc, &ndr_NetrWkstaGetInfo, &a), NT_WERR_OK);
    struct NetrGetJoinInformation j = { .NameBuffer = NULL };
    assert_int_equal(ask(w, USER, &ndr_wkssvc, &ndr_NetrGetJoinInformation, &j), NT_WERR_OK);
    assert_string_equal(text(w, j.NameBuffer), "ACCOUNTS");
    assert_int_equal(j.BufferType, NetSetupDomainName);
}

static void nobody_is_logged_on_at_the_controller_itself(void **state)
{
    struct world *w = *state;
    WKSTA_USER_INFO_1_CONTAINER empty = { 0 };
    struct NetrWkstaUserEnum a = { .PreferredMaximumLength = UINT32_MAX };
    a.UserInfo.Level = 1;
    a.UserInfo.WkstaUserInfo.Level1 = &empty;
    assert_int_equal(ask(w, USER, &ndr_wkssvc, &ndr_NetrWkstaUserEnum, &a), NT_WERR_ACCESS_DENIED);
    a.UserInfo.WkstaUserInfo.Level1 = &empty;
    assert_int_equal(ask(w, ADMIN, &ndr_wkssvc, &ndr_NetrWkstaUserEnum, &a), NT_WERR_OK);
    assert_int_equal(a.UserInfo.WkstaUserInfo.Level1->EntriesRead, 0);
}

static void anybody_learns_the_role_and_administrators_the_rest(void **state)
{
    struct world *w = *state;
    struct DsRolerGetPrimaryDomainInformation a = { .InfoLevel = 1 };
    assert_int_equal(ask(w, ANONYMOUS, &ndr_dssetup, &ndr_DsRolerGetPrimaryDomainInformation, &a),
                     NT_WERR_OK);
    const DSROLER_PRIMARY_DOMAIN_INFO_BASIC *basic = &a.DomainInfo->DomainInfoBasic;
    assert_int_equal(basic->MachineRole, DsRole_RolePrimaryDomainController);
    assert_int_equal(basic->Flags, 0); /* no directory service */
    assert_string_equal(text(w, basic->DomainNameFlat), "ACCOUNTS");
    assert_null(basic->DomainNameDns);
    for (int level = 2; level <= 3; level++) {
        struct DsRolerGetPrimaryDomainInformation b = {
            .InfoLevel = (DSROLE_PRIMARY_DOMAIN_INFO_LEVEL)level
        };
        assert_int_equal(ask(w, USER, &ndr_dssetup, &ndr_DsRolerGetPrimaryDomainInformation, &b),
                         NT_WERR_ACCESS_DENIED);
        assert_int_equal(ask(w, ADMIN, &ndr_dssetup, &ndr_DsRolerGetPrimaryDomainInformation, &b),
                         NT_WERR_OK);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_one_share_is_listed_at_every_level),
        T(paths_are_for_administrators_and_nothing_for_strangers),
        T(a_list_is_resumed_behind_its_end),
        T(shares_that_outlive_a_restart_are_none),
        T(a_share_is_found_by_its_name_in_any_case),
        T(the_server_says_that_it_is_a_controller),
        T(the_time_of_day_is_the_clocks),
        T(sessions_of_others_are_not_listed),
        T(the_workstation_tells_its_domain),
        T(nobody_is_logged_on_at_the_controller_itself),
        T(anybody_learns_the_role_and_administrators_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
