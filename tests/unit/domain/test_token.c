/* test_token.c - who a caller is, and whom another domain may vouch for. */
#include "domain/token.h"
#include "support.h"

static bool has(const struct nt_token *t, const char *text)
{
    struct nt_sid sid;
    assert_true(nt_sid_parse(text, &sid));
    return nt_token_has(t, &sid);
}

static void the_administrator_has_its_groups_and_aliases(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    struct nt_token *t = nt_token_account(dir, nt_dir_account(dir, "administrator"));
    assert_non_null(t);
    assert_true(nt_token_is_admin(t));
    assert_false(nt_token_is_anonymous(t));
    assert_true(t->local);
    assert_int_equal(t->rid, NT_RID_ADMINISTRATOR);
    static const char *const expected[] = {
        "S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-513",
        "S-1-5-21-1-2-3-512", "S-1-1-0",
        "S-1-5-11",           "S-1-5-2",
        "S-1-5-32-544",       "S-1-5-32-545",
    };
    for (size_t i = 0; i < NT_COUNT(expected); i++)
        assert_true(has(t, expected[i]));
    assert_int_equal(t->sid_count, NT_COUNT(expected)); /* each once, no more */
    assert_string_equal(t->domain, "EAST");
    struct nt_sid user;
    assert_true(nt_sid_parse(expected[0], &user));
    assert_true(nt_sid_equal(nt_token_user(t), &user));
    nt_token_unref(nt_token_ref(t));
    nt_token_unref(t);
    nt_token_unref(NULL);
    nt_dir_unref(dir);
}

static void ordinary_and_anonymous_callers_are_no_administrators(void **state)
{
    struct world w;
    uint32_t rid = 0;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    struct nt_txn *txn = nt_txn_begin(dir, &w.env);
    assert_ok(nt_op_account_create(txn, "PC1$", NT_ACB_WORKSTATION, "", "", &rid, NULL));
    struct nt_token *t = nt_token_account(nt_txn_dir(txn), nt_dir_account(nt_txn_dir(txn), "PC1$"));
    assert_true(t->machine);
    assert_false(nt_token_is_admin(t));
    nt_token_unref(t);
    t = nt_token_account(nt_txn_dir(txn), nt_dir_account(nt_txn_dir(txn), "Guest"));
    assert_false(nt_token_is_admin(t));
    assert_false(t->machine);
    nt_token_unref(t);
    t = nt_token_anonymous();
    assert_true(nt_token_is_anonymous(t));
    assert_false(nt_token_is_admin(t));
    assert_false(has(t, "S-1-5-11"));
    assert_false(has(t, "S-1-1-0"));
    nt_token_unref(t);
    t = nt_token_system();
    assert_true(nt_token_is_admin(t));
    nt_token_unref(t);
    nt_txn_free(txn);
    nt_dir_unref(dir);
}

static void only_sids_of_the_trusted_domain_pass(void **state)
{
    static const struct {
        const char *sid;
        bool passes;
    } table[] = {
        { "S-1-5-21-7-8-9-1000", true },
        { "S-1-5-21-7-8-9-512", true },
        { "S-1-5-21-7-8-9", false },        /* the domain itself */
        { "S-1-5-21-7-8-9-1000-1", false }, /* below it, but no RID */
        { "S-1-5-21-1-2-3-512", false },    /* our own administrators */
        { "S-1-5-21-1-2-3-1000", false },
        { "S-1-5-21-7-8-10-1000", false }, /* a third domain */
        { "S-1-5-21-7-8-1000", false },
        { "S-1-5-32-544", false }, /* BUILTIN */
        { "S-1-5-18", false },
        { "S-1-1-0", false },
        { "S-1-5-9", false },
        { "S-1-18-1", false },
    };
    struct nt_sid trusted, sid, null = { 0 };
    (void)state;
    assert_true(nt_sid_parse("S-1-5-21-7-8-9", &trusted));
    for (size_t i = 0; i < NT_COUNT(table); i++) {
        assert_true(nt_sid_parse(table[i].sid, &sid));
        if (nt_sid_passes(&sid, &trusted) != table[i].passes)
            fail_msg("%s", table[i].sid);
        assert_false(nt_sid_passes(&sid, &null)); /* a trust whose SID is not known yet */
    }
}

static void a_foreign_user_gets_our_aliases_but_never_our_groups(void **state)
{
    struct world w;
    struct nt_sid trusted, member, extras[4];
    uint32_t alias = 0, groups[] = { 513, 1200 };
    size_t filtered = 99;
    bool refused = true;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    struct nt_txn *txn = nt_txn_begin(dir, &w.env);
    assert_true(nt_sid_parse("S-1-5-21-7-8-9", &trusted));
    assert_true(nt_sid_parse("S-1-5-21-7-8-9-1200", &member));
    assert_ok(nt_op_alias_create(txn, "Readers", "", "", "", &alias, NULL));
    assert_ok(nt_op_alias_member(txn, false, alias, &member, true, "", ""));
    assert_true(nt_sid_parse("S-1-5-21-1-2-3-512", &extras[0])); /* ours */
    assert_true(nt_sid_parse("S-1-5-32-544", &extras[1]));
    assert_true(nt_sid_parse("S-1-5-21-4-4-4-1000", &extras[2]));
    assert_true(nt_sid_parse("S-1-5-21-7-8-9-1300", &extras[3]));
    struct nt_foreign_user user = { .domain = "WEST",
                                    .name = "alice",
                                    .domain_sid = trusted,
                                    .user_rid = 1100,
                                    .primary_rid = 513,
                                    .group_rids = groups,
                                    .group_count = 2,
                                    .extra_sids = extras,
                                    .extra_count = 4 };
    struct nt_token *t = nt_token_foreign(nt_txn_dir(txn), &trusted, &user, &filtered, &refused);
    assert_non_null(t);
    assert_false(refused);
    assert_int_equal(filtered, 3);
    assert_false(nt_token_is_admin(t));
    assert_false(t->local);
    assert_int_equal(t->rid, 0);
    assert_true(has(t, "S-1-5-21-7-8-9-1100"));
    assert_true(has(t, "S-1-5-21-7-8-9-1300"));
    assert_false(has(t, "S-1-5-21-1-2-3-512"));
    struct nt_sid ours;
    assert_true(nt_sid_with_rid(&nt_dir_domain(dir)->sid, alias, &ours));
    assert_true(nt_token_has(t, &ours));
    nt_token_unref(t);

    user.domain_sid = nt_dir_domain(dir)->sid; /* vouches for a user of ours */
    assert_null(nt_token_foreign(nt_txn_dir(txn), &trusted, &user, &filtered, &refused));
    assert_true(refused);
    memset(&trusted, 0, sizeof trusted); /* SID not known yet */
    memset(&user.domain_sid, 0, sizeof user.domain_sid);
    assert_null(nt_token_foreign(nt_txn_dir(txn), &trusted, &user, NULL, &refused));
    assert_true(refused);
    nt_txn_free(txn);
    nt_dir_unref(dir);
}

static void more_groups_than_fit_are_refused_not_cut(void **state)
{
    struct world w;
    struct nt_sid trusted;
    static uint32_t groups[NT_TOKEN_SIDS_MAX + 1];
    bool refused = true;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    assert_true(nt_sid_parse("S-1-5-21-7-8-9", &trusted));
    for (uint32_t i = 0; i < NT_COUNT(groups); i++)
        groups[i] = 2000 + i;
    struct nt_foreign_user user = { .domain = "WEST",
                                    .name = "alice",
                                    .domain_sid = trusted,
                                    .user_rid = 1100,
                                    .primary_rid = 513,
                                    .group_rids = groups,
                                    .group_count = NT_COUNT(groups) };
    assert_null(nt_token_foreign(dir, &trusted, &user, NULL, &refused));
    assert_false(refused);
    nt_dir_unref(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_administrator_has_its_groups_and_aliases),
        cmocka_unit_test(ordinary_and_anonymous_callers_are_no_administrators),
        cmocka_unit_test(only_sids_of_the_trusted_domain_pass),
        cmocka_unit_test(a_foreign_user_gets_our_aliases_but_never_our_groups),
        cmocka_unit_test(more_groups_than_fit_are_refused_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
