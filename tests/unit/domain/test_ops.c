/* test_ops.c - what can be done to a domain, what is refused and why, and what the trail says. */
#include <stdio.h>

#include "support.h"

#define WHO "tester", "192.0.2.1"

struct fixture {
    struct world w;
    struct nt_dir *dir;
    struct nt_txn *txn;
    struct nt_why why;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    world_init(&f->w, 5);
    f->dir = domain_new(&f->w);
    f->txn = nt_txn_begin(f->dir, &f->w.env);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nt_txn_free(f->txn);
    nt_dir_unref(f->dir);
    test_free(f);
    return 0;
}

/* Commits, and begins the next transaction. */
static void commit(struct fixture *f)
{
    finish(f->txn, &f->dir);
    f->txn = nt_txn_begin(f->dir, &f->w.env);
    assert_non_null(f->txn);
}

static const struct nt_dir *now(const struct fixture *f)
{
    return nt_txn_dir(f->txn);
}

static uint32_t user(struct fixture *f, const char *name)
{
    uint32_t rid = 0;
    assert_ok(nt_op_account_create(f->txn, name, NT_ACB_NORMAL, WHO, &rid, &f->why));
    return rid;
}

static bool has_event(const struct fixture *f, const char *kind, const char *subject)
{
    const struct nt_event *e;
    size_t count = nt_txn_events(f->txn, &e);
    for (size_t i = 0; i < count; i++)
        if (strcmp(e[i].kind, kind) == 0 && strcmp(e[i].subject, subject) == 0)
            return true;
    return false;
}

/* --- the domain --- */

static void a_new_domain_has_what_every_domain_has(void **state)
{
    struct fixture *f = *state;
    const struct nt_dir *d = now(f);
    assert_string_equal(nt_dir_domain(d)->name, "EAST");
    assert_string_equal(nt_dir_domain(d)->computer, "EASTDC");
    assert_int_equal(nt_dir_account_rid(d, NT_RID_ADMINISTRATOR)->acb & NT_ACB_DISABLED, 0);
    assert_int_not_equal(nt_dir_account_rid(d, NT_RID_GUEST)->acb & NT_ACB_DISABLED, 0);
    for (uint32_t rid = NT_RID_DOMAIN_ADMINS; rid <= NT_RID_DOMAIN_CONTROLLERS; rid++)
        assert_non_null(nt_dir_group_rid(d, rid));
    static const uint32_t aliases[] = { 544, 545, 546, 548 };
    for (size_t i = 0; i < NT_COUNT(aliases); i++)
        assert_non_null(nt_dir_alias_rid(d, true, aliases[i]));
    assert_int_equal(nt_dir_alias_rid(d, true, 544)->member_count, 2);
    struct nt_domain_new again = { .name = "A", .computer = "B" };
    assert_status(nt_op_domain_init(f->txn, &again, &f->why), DOMAIN_EXISTS);
}

static void domain_names_are_checked_and_sids_are_random(void **state)
{
    static const char *const bad[] = { "", "SIXTEENCHARACTER", "A B", "A/B", ".A" };
    struct fixture *f = *state;
    struct nt_sid sids[2];
    for (size_t i = 0; i < NT_COUNT(bad) + 1; i++) {
        struct nt_dir *dir = nt_dir_new();
        struct nt_txn *txn = nt_txn_begin(dir, &f->w.env);
        struct nt_domain_new in = { .name = i < NT_COUNT(bad) ? bad[i] : "SAME",
                                    .computer = "SAME" };
        assert_status(nt_op_domain_init(txn, &in, &f->why), OBJECT_NAME_INVALID);
        nt_txn_free(txn);
        nt_dir_unref(dir);
    }
    for (int i = 0; i < 2; i++) {
        struct nt_dir *dir = nt_dir_new();
        struct nt_txn *txn = nt_txn_begin(dir, &f->w.env);
        struct nt_domain_new in = { .name = "WEST", .computer = "DC" };
        assert_ok(nt_op_domain_init(txn, &in, NULL));
        sids[i] = nt_dir_domain(nt_txn_dir(txn))->sid;
        assert_int_equal(sids[i].sub_count, 4);
        assert_int_equal(sids[i].sub[0], 21);
        nt_txn_free(txn);
        nt_dir_unref(dir);
    }
    assert_false(nt_sid_equal(&sids[0], &sids[1]));
}

/* --- accounts --- */

static void rids_ascend_and_are_never_given_twice(void **state)
{
    struct fixture *f = *state;
    uint32_t a = user(f, "alice"), b = user(f, "bob"), group = 0;
    assert_int_equal(a, NT_RID_FIRST);
    assert_int_equal(b, NT_RID_FIRST + 1);
    assert_ok(nt_op_group_create(f->txn, "Sales", "", WHO, &group, &f->why));
    assert_int_equal(group, NT_RID_FIRST + 2);
    assert_ok(nt_op_account_delete(f->txn, b, WHO));
    commit(f);
    assert_int_equal(user(f, "carol"), NT_RID_FIRST + 3);
}

static void account_names_and_types_are_checked(void **state)
{
    struct fixture *f = *state;
    uint32_t rid = 0;
    (void)user(f, "alice");
    assert_ok(nt_op_group_create(f->txn, "Sales", "", WHO, &rid, &f->why));
    const struct {
        const char *name;
        uint32_t acb;
        ntstatus status;
    } table[] = {
        { "ALICE", NT_ACB_NORMAL, NT_STATUS(USER_EXISTS) },
        { "sales", NT_ACB_NORMAL, NT_STATUS(GROUP_EXISTS) },
        { "", NT_ACB_NORMAL, NT_STATUS(INVALID_ACCOUNT_NAME) },
        { "a/b", NT_ACB_NORMAL, NT_STATUS(INVALID_ACCOUNT_NAME) },
        { "123456789012345678901", NT_ACB_NORMAL, NT_STATUS(INVALID_ACCOUNT_NAME) },
        { "PC1", NT_ACB_WORKSTATION, NT_STATUS(INVALID_ACCOUNT_NAME) },
        { "WEST", NT_ACB_INTERDOMAIN, NT_STATUS(INVALID_ACCOUNT_NAME) },
        { "dave", 0, NT_STATUS(INVALID_PARAMETER) },
        { "dave$", (uint32_t)NT_ACB_NORMAL | (uint32_t)NT_ACB_SERVER,
          NT_STATUS(INVALID_PARAMETER) },
        { "PC1$", NT_ACB_WORKSTATION, NT_STATUS(SUCCESS) },
        { "DC2$", NT_ACB_SERVER, NT_STATUS(SUCCESS) },
    };
    for (size_t i = 0; i < NT_COUNT(table); i++)
        assert_string_equal(nt_status_name(nt_op_account_create(f->txn, table[i].name, table[i].acb,
                                                                WHO, &rid, &f->why)),
                            nt_status_name(table[i].status));
    assert_int_equal(nt_dir_account(now(f), "PC1$")->primary_rid, NT_RID_DOMAIN_COMPUTERS);
    assert_int_equal(nt_dir_account(now(f), "DC2$")->primary_rid, NT_RID_DOMAIN_CONTROLLERS);
}

static void a_deleted_account_leaves_groups_and_aliases(void **state)
{
    struct fixture *f = *state;
    uint32_t alice = user(f, "alice"), bob = user(f, "bob"), group = 0, alias = 0;
    struct nt_sid sid;
    assert_true(nt_sid_with_rid(&nt_dir_domain(now(f))->sid, alice, &sid));
    assert_ok(nt_op_group_create(f->txn, "Sales", "", WHO, &group, NULL));
    assert_ok(nt_op_alias_create(f->txn, "Local", "", WHO, &alias, NULL));
    assert_ok(nt_op_group_member(f->txn, group, bob, true, WHO));
    assert_ok(nt_op_group_member(f->txn, group, alice, true, WHO));
    assert_ok(nt_op_alias_member(f->txn, false, alias, &sid, true, WHO));
    assert_ok(nt_op_alias_member(f->txn, true, NT_RID_ALIAS_ADMINS, &sid, true, WHO));
    assert_ok(nt_op_account_delete(f->txn, alice, WHO));
    assert_int_equal(nt_dir_group_rid(now(f), group)->member_count, 1);
    assert_int_equal(nt_dir_group_rid(now(f), group)->members[0], bob);
    assert_int_equal(nt_dir_alias_rid(now(f), false, alias)->member_count, 0);
    assert_int_equal(nt_dir_alias_rid(now(f), true, NT_RID_ALIAS_ADMINS)->member_count, 2);
    assert_status(nt_op_account_delete(f->txn, alice, WHO), NO_SUCH_USER);
    assert_status(nt_op_account_delete(f->txn, NT_RID_ADMINISTRATOR, WHO), SPECIAL_ACCOUNT);
    assert_true(has_event(f, "account-deleted", "alice"));
}

static void renaming_and_fields(void **state)
{
    struct fixture *f = *state;
    uint32_t rid = user(f, "alice");
    (void)user(f, "bob");
    assert_status(nt_op_account_rename(f->txn, rid, "Bob", WHO, &f->why), USER_EXISTS);
    assert_status(nt_op_account_rename(f->txn, rid, "a*b", WHO, &f->why), INVALID_ACCOUNT_NAME);
    assert_ok(nt_op_account_rename(f->txn, rid, "Alice", WHO, &f->why));
    assert_ok(nt_op_account_rename(f->txn, rid, "carol", WHO, &f->why));
    assert_null(nt_dir_account(now(f), "alice"));
    struct nt_account_fields fields = { .which = (uint32_t)NT_FIELD_FULL_NAME |
                                                 (uint32_t)NT_FIELD_EXPIRES,
                                        .full_name = "Carol C.",
                                        .comment = "not asked for",
                                        .expires = T0 + 5 };
    assert_ok(nt_op_account_set(f->txn, rid, &fields, WHO));
    const struct nt_account *a = nt_dir_account_rid(now(f), rid);
    assert_string_equal(a->full_name, "Carol C.");
    assert_string_equal(a->comment, "");
    assert_int_equal(a->expires, T0 + 5);
    fields = (struct nt_account_fields){ .which = NT_FIELD_PRIMARY_RID,
                                         .primary_rid = NT_RID_DOMAIN_ADMINS };
    assert_status(nt_op_account_set(f->txn, rid, &fields, WHO), MEMBER_NOT_IN_GROUP);
    assert_ok(nt_op_group_member(f->txn, NT_RID_DOMAIN_ADMINS, rid, true, WHO));
    assert_ok(nt_op_account_set(f->txn, rid, &fields, WHO));
}

static void users_change_their_own_password_with_the_old_one(void **state)
{
    struct fixture *f = *state;
    uint32_t rid = user(f, "alice");
    struct nt_secret one = hash_of("one"), two = hash_of("two");
    assert_status(nt_op_account_password_change(f->txn, rid, &one, &two, "p"), WRONG_PASSWORD);
    assert_ok(nt_op_account_password(f->txn, rid, &one, true, WHO));
    assert_int_equal(nt_dir_account_rid(now(f), rid)->password_set, 0);
    assert_status(nt_op_account_password_change(f->txn, rid, &two, &one, "p"), WRONG_PASSWORD);
    assert_status(nt_op_account_password_change(f->txn, rid, &one, &one, "p"),
                  PASSWORD_RESTRICTION);
    assert_ok(nt_op_account_password_change(f->txn, rid, &one, &two, "p"));
    assert_true(nt_secret_equal(&nt_dir_account_rid(now(f), rid)->nt_hash, &two));
    assert_ok(nt_op_policy_set(f->txn, "min_password_age_s", 3600, WHO, &f->why));
    assert_status(nt_op_account_password_change(f->txn, rid, &two, &one, "p"),
                  PASSWORD_RESTRICTION);
    struct nt_policy policy = { .min_password_length = 4 };
    struct nt_password three = password_of("abc"), four = password_of("abcd");
    assert_status(nt_password_check(&policy, &three), PASSWORD_RESTRICTION);
    assert_ok(nt_password_check(&policy, &four));
}

static void locking_and_disabling(void **state)
{
    struct fixture *f = *state;
    uint32_t rid = user(f, "alice");
    assert_ok(nt_op_account_lock(f->txn, rid, "192.0.2.9"));
    assert_int_equal(nt_dir_account_rid(now(f), rid)->locked_at, T0);
    assert_ok(nt_op_account_unlock(f->txn, rid, WHO));
    assert_int_equal(nt_dir_account_rid(now(f), rid)->locked_at, 0);
    assert_ok(nt_op_account_disable(f->txn, rid, true, WHO));
    assert_int_not_equal(nt_dir_account_rid(now(f), rid)->acb & NT_ACB_DISABLED, 0);
    assert_ok(nt_op_account_disable(f->txn, rid, false, WHO));
    assert_int_equal(nt_dir_account_rid(now(f), rid)->acb, NT_ACB_NORMAL);
}

/* As `net rpc trustdom add` does it: an ordinary account, then its type and password. */
static void a_normal_account_becomes_a_permission(void **state)
{
    struct fixture *f = *state;
    struct nt_secret hash = hash_of("agreed");
    for (int password_first = 0; password_first < 2; password_first++) {
        const char *name = password_first ? "NORTH$" : "WEST$";
        uint32_t rid = user(f, name);
        if (password_first)
            assert_ok(nt_op_account_password(f->txn, rid, &hash, false, WHO));
        assert_ok(nt_op_account_acb(f->txn, rid, NT_ACB_INTERDOMAIN, WHO, &f->why));
        if (!password_first) {
            assert_int_equal(nt_dir_account_rid(now(f), rid)->in->state, NT_IN_NONE);
            assert_ok(nt_op_account_password(f->txn, rid, &hash, false, WHO));
        }
        const struct nt_account *a = nt_dir_account_rid(now(f), rid);
        assert_int_equal(a->acb & NT_ACB_TYPE_MASK, NT_ACB_INTERDOMAIN);
        assert_int_equal(a->in->state, NT_IN_PERMITTED);
        assert_int_equal(a->in->attempts_left, 1);
        assert_true(nt_in_accepts(a->in, nt_dir_policy(now(f)), &hash));
        assert_int_equal(a->nt_hash.len, 0); /* one place alone */
        assert_status(nt_op_account_acb(f->txn, rid, NT_ACB_NORMAL, WHO, &f->why), ACCESS_DENIED);
    }
    uint32_t plain = user(f, "plain");
    assert_status(nt_op_account_acb(f->txn, plain, NT_ACB_INTERDOMAIN, WHO, &f->why),
                  INVALID_ACCOUNT_NAME);
    assert_status(nt_op_account_acb(f->txn, NT_RID_ADMINISTRATOR, NT_ACB_INTERDOMAIN, WHO, &f->why),
                  SPECIAL_ACCOUNT);
}

/* --- groups and aliases --- */

static void members_come_and_go_in_order(void **state)
{
    struct fixture *f = *state;
    uint32_t rids[5], group = 0;
    assert_ok(nt_op_group_create(f->txn, "Sales", "sells", WHO, &group, NULL));
    for (uint32_t i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof name, "u%u", i);
        rids[i] = user(f, name);
    }
    static const int order[] = { 3, 0, 4, 1, 2 };
    for (size_t i = 0; i < 5; i++)
        assert_ok(nt_op_group_member(f->txn, group, rids[order[i]], true, WHO));
    const struct nt_group *g = nt_dir_group_rid(now(f), group);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(g->members[i], rids[i]);
    assert_status(nt_op_group_member(f->txn, group, rids[2], true, WHO), MEMBER_IN_GROUP);
    assert_ok(nt_op_group_member(f->txn, group, rids[2], false, WHO));
    assert_status(nt_op_group_member(f->txn, group, rids[2], false, WHO), MEMBER_NOT_IN_GROUP);
    assert_status(nt_op_group_member(f->txn, group, 9999, true, WHO), NO_SUCH_USER);
    assert_status(nt_op_group_member(f->txn, 9999, rids[0], true, WHO), NO_SUCH_GROUP);
    assert_status(nt_op_group_member(f->txn, NT_RID_DOMAIN_USERS, rids[0], false, WHO),
                  MEMBERS_PRIMARY_GROUP);
    assert_status(
        nt_op_group_member(f->txn, NT_RID_DOMAIN_ADMINS, NT_RID_ADMINISTRATOR, false, WHO),
        LAST_ADMIN);
    uint32_t found[4];
    size_t count = nt_dir_groups_of(now(f), nt_dir_account_rid(now(f), rids[0]), found, 4);
    assert_int_equal(count, 2);
    assert_int_equal(found[0], NT_RID_DOMAIN_USERS);
    assert_int_equal(found[1], group);
    assert_int_equal(nt_dir_groups_of(now(f), nt_dir_account_rid(now(f), rids[0]), found, 0), 2);
    assert_status(nt_op_group_delete(f->txn, NT_RID_DOMAIN_USERS, WHO), SPECIAL_GROUP);
    assert_ok(nt_op_group_delete(f->txn, group, WHO));
}

static void aliases_take_sids_of_other_domains(void **state)
{
    struct fixture *f = *state;
    uint32_t alias = 0, found[4];
    struct nt_sid foreign, nobody, null = { 0 };
    assert_true(nt_sid_parse("S-1-5-21-7-8-9-1105", &foreign));
    assert_true(nt_sid_parse("S-1-5-21-1-2-3-4711", &nobody)); /* ours, but of nobody */
    assert_ok(nt_op_alias_create(f->txn, "Local", "", WHO, &alias, NULL));
    assert_ok(nt_op_alias_member(f->txn, false, alias, &foreign, true, WHO));
    assert_status(nt_op_alias_member(f->txn, false, alias, &foreign, true, WHO), MEMBER_IN_ALIAS);
    assert_status(nt_op_alias_member(f->txn, false, alias, &nobody, true, WHO), NO_SUCH_MEMBER);
    assert_status(nt_op_alias_member(f->txn, false, alias, &null, true, WHO), INVALID_SID);
    assert_status(nt_op_alias_member(f->txn, false, alias, &nobody, false, WHO),
                  MEMBER_NOT_IN_ALIAS);
    assert_status(nt_op_alias_member(f->txn, false, 9999, &foreign, true, WHO), NO_SUCH_ALIAS);
    assert_int_equal(nt_dir_aliases_of(now(f), false, &foreign, 1, found, 4), 1);
    assert_int_equal(found[0], alias);
    assert_status(nt_op_alias_delete(f->txn, true, NT_RID_ALIAS_ADMINS, WHO), SPECIAL_GROUP);
    assert_ok(nt_op_alias_member(f->txn, false, alias, &foreign, false, WHO));
    assert_ok(nt_op_alias_delete(f->txn, false, alias, WHO));
}

/* --- trusts --- */

static uint32_t permit(struct fixture *f, const char *name, const char *password)
{
    uint32_t rid = 0;
    struct nt_secret hash = hash_of(password);
    assert_ok(nt_op_permit_add(f->txn, name, &hash, 0, WHO, &rid, &f->why));
    return rid;
}

static void permitting_twice_explains_that_one_end_is_not_enough(void **state)
{
    struct fixture *f = *state;
    struct nt_secret hash = hash_of("");
    uint32_t rid = permit(f, "west", "");
    const struct nt_account *a = nt_dir_permit(now(f), "WEST");
    assert_int_equal(a->rid, rid);
    assert_string_equal(a->name, "WEST$");
    assert_int_equal(a->in->state, NT_IN_PERMITTED);
    assert_status(nt_op_permit_add(f->txn, "West", &hash, 0, WHO, &rid, &f->why), USER_EXISTS);
    assert_non_null(strstr(f->why.text, "repairs nothing"));
    assert_non_null(strstr(f->why.text, "ntrust reset"));
    assert_status(nt_op_permit_add(f->txn, "EAST", &hash, 0, WHO, &rid, &f->why),
                  INVALID_PARAMETER);
    assert_status(nt_op_permit_add(f->txn, "A B", &hash, 0, WHO, &rid, &f->why),
                  OBJECT_NAME_INVALID);
    assert_ok(nt_op_permit_remove(f->txn, "west", WHO, &f->why));
    assert_null(nt_dir_permit(now(f), "WEST"));
    assert_status(nt_op_permit_remove(f->txn, "west", WHO, &f->why), NO_SUCH_USER);
    assert_int_not_equal(permit(f, "WEST", "again"), rid); /* a fresh one */
}

static void one_wrong_password_burns_and_only_a_new_permission_helps(void **state)
{
    struct fixture *f = *state;
    bool burned = false;
    struct nt_secret right = hash_of("agreed");
    uint32_t rid = permit(f, "WEST", "agreed");
    commit(f);
    assert_ok(nt_op_channel_refused(f->txn, rid, "192.0.2.66:9", &burned));
    assert_true(burned);
    assert_true(has_event(f, "initial-password-burned", "WEST"));
    commit(f);
    assert_status(nt_op_channel_opened(f->txn, rid, &right, "192.0.2.7:1"), ACCESS_DENIED);
    assert_ok(nt_op_channel_refused(f->txn, rid, "192.0.2.66:9", &burned));
    assert_false(burned); /* once */
    assert_ok(nt_op_permit_remove(f->txn, "WEST", WHO, NULL));
    rid = permit(f, "WEST", "agreed");
    assert_ok(nt_op_channel_opened(f->txn, rid, &right, "192.0.2.7:1"));
    assert_status(nt_op_channel_refused(f->txn, 9999, "", &burned), NO_TRUST_SAM_ACCOUNT);
}

static void a_trusts_password_moves_on_and_versions_with_it(void **state)
{
    struct fixture *f = *state;
    struct nt_secret initial = hash_of("agreed"), one = hash_of("one"), two = hash_of("two");
    uint32_t rid = permit(f, "WEST", "agreed"), version = 7;
    assert_status(nt_op_machine_password(f->txn, rid, &one, NULL, "p"), ACCESS_DENIED);
    assert_ok(nt_op_channel_opened(f->txn, rid, &initial, "p"));
    assert_true(has_event(f, "trust-proven", "WEST"));
    assert_ok(nt_op_machine_password(f->txn, rid, &one, NULL, "p"));
    assert_int_equal(nt_dir_account_rid(now(f), rid)->in->version, 1);
    assert_status(nt_op_channel_opened(f->txn, rid, &initial, "p"), ACCESS_DENIED);
    assert_ok(nt_op_channel_opened(f->txn, rid, &one, "p"));
    assert_ok(nt_op_machine_password(f->txn, rid, &two, &version, "p"));
    assert_int_equal(nt_dir_account_rid(now(f), rid)->in->version, 7);
    assert_ok(nt_op_channel_opened(f->txn, rid, &one, "p"));
    assert_true(has_event(f, "trust-previous-used", "WEST"));
    assert_ok(nt_op_account_disable(f->txn, rid, true, WHO));
    assert_status(nt_op_machine_password(f->txn, rid, &one, NULL, "p"), NO_TRUST_SAM_ACCOUNT);
    assert_status(nt_op_machine_password(f->txn, 9999, &one, NULL, "p"), NO_TRUST_SAM_ACCOUNT);
    assert_status(nt_op_machine_password(f->txn, NT_RID_ADMINISTRATOR, &one, NULL, "p"),
                  NO_TRUST_SAM_ACCOUNT);
}

static void a_computer_changes_its_password_unless_changes_are_refused(void **state)
{
    struct fixture *f = *state;
    uint32_t rid = 0;
    struct nt_secret one = hash_of("one"), two = hash_of("two");
    assert_ok(nt_op_account_create(f->txn, "PC1$", NT_ACB_WORKSTATION, WHO, &rid, NULL));
    assert_status(nt_op_channel_opened(f->txn, rid, &one, "p"), ACCESS_DENIED);
    assert_ok(nt_op_account_password(f->txn, rid, &one, false, WHO));
    assert_ok(nt_op_channel_opened(f->txn, rid, &one, "p"));
    assert_ok(nt_op_machine_password(f->txn, rid, &two, NULL, "p"));
    assert_status(nt_op_channel_opened(f->txn, rid, &one, "p"), ACCESS_DENIED);
    assert_ok(nt_op_policy_set(f->txn, "refuse_password_change", 1, WHO, NULL));
    assert_status(nt_op_machine_password(f->txn, rid, &one, NULL, "p"), WRONG_PASSWORD);
}

static void a_trust_is_added_reset_and_removed(void **state)
{
    struct fixture *f = *state;
    struct nt_password initial = password_of("agreed"), other = password_of("other");
    struct nt_trust_new in = { .name = "west", .servers = "dc.west:135", .initial = &initial };
    assert_ok(nt_op_trust_add(f->txn, &in, WHO, &f->why));
    const struct nt_tdo *t = nt_dir_tdo(now(f), "WEST");
    uint64_t epoch = t->out.epoch;
    assert_string_equal(t->name, "WEST");
    assert_int_equal(t->direction, 2);
    assert_int_equal(t->out.state, NT_OUT_PENDING);
    assert_status(nt_op_trust_add(f->txn, &in, WHO, &f->why), OBJECT_NAME_COLLISION);
    assert_non_null(strstr(f->why.text, "repairs nothing"));
    assert_ok(nt_op_trust_reset(f->txn, "WEST", &other, WHO, &f->why));
    t = nt_dir_tdo(now(f), "WEST");
    assert_int_not_equal(t->out.epoch, epoch);
    struct nt_secret hash = hash_of("other");
    assert_true(nt_secret_equal(&t->out.current.hash, &hash));
    assert_ok(nt_op_trust_want(f->txn, "WEST", true, WHO));
    assert_true(nt_dir_tdo(now(f), "WEST")->out.change_wanted);
    assert_ok(nt_op_trust_remove(f->txn, "WEST", WHO, &f->why));
    assert_status(nt_op_trust_remove(f->txn, "WEST", WHO, &f->why), OBJECT_NAME_NOT_FOUND);
    assert_status(nt_op_trust_want(f->txn, "WEST", false, WHO), OBJECT_NAME_NOT_FOUND);
    in.name = "EAST";
    assert_status(nt_op_trust_add(f->txn, &in, WHO, &f->why), INVALID_PARAMETER);
}

static void a_restored_store_checks_every_trust_at_once(void **state)
{
    static const char *const names[] = { "NORTH", "SOUTH", "WEST" };
    struct fixture *f = *state;
    for (size_t i = 0; i < NT_COUNT(names); i++) {
        struct nt_trust_new in = { .name = names[i] };
        assert_ok(nt_op_trust_add(f->txn, &in, WHO, NULL));
        struct nt_tdo *t = nt_record_clone(nt_dir_tdo(now(f), names[i]));
        t->out.next_check = T0 + NT_TIME_DAY;
        assert_int_equal(nt_txn_put(f->txn, t), NT_OK);
    }
    assert_ok(nt_op_store_restored(f->txn, T0, true, "It has gone back."));
    for (size_t i = 0; i < NT_COUNT(names); i++)
        assert_int_equal(nt_dir_tdo(now(f), names[i])->out.next_check, 0);
}

/* --- reset codes --- */

static struct nt_reset_new reset_with(struct fixture *f, struct nt_reset_code *code,
                                      enum nt_reset_ends ends)
{
    const struct nt_reset_pair pair = { "EAST", "WEST" };
    nt_reset_code_make(&f->w.env, &pair, ends, 3600, code);
    return (struct nt_reset_new){ .name = "WEST",
                                  .ends = ends,
                                  .code = code,
                                  .until = nt_reset_code_until(code, f->w.now),
                                  .made_here = true };
}

static void a_reset_code_makes_what_is_missing_and_keeps_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct nt_reset_code code;
    struct nt_reset_new reset = reset_with(f, &code, NT_RESET_BOTH);
    assert_ok(nt_op_reset(f->txn, &reset, WHO, &f->why));
    const struct nt_account *a = nt_dir_permit(now(f), "WEST");
    const struct nt_tdo *t = nt_dir_tdo(now(f), "WEST");
    uint32_t rid = a->rid;
    assert_int_equal(a->in->state, NT_IN_PERMITTED);
    assert_int_equal(a->in->initial_until, reset.until);
    assert_int_equal(t->out.state, NT_OUT_PENDING);
    assert_int_equal(t->out.initial_until, reset.until);
    assert_memory_equal(a->in->code_mark, t->out.code_mark, NT_CODE_MARK);
    assert_true(nt_secret_equal(&a->in->current, &t->out.current.hash));

    /* Again: another code; the account, its comment and the object's servers stay. */
    const struct nt_trust_fields servers = { .which = NT_TRUST_SERVERS, .servers = "dc.west" };
    assert_ok(nt_op_trust_set(f->txn, "WEST", &servers, WHO));
    assert_ok(nt_op_account_disable(f->txn, rid, true, WHO));
    struct nt_secret before = nt_dir_permit(now(f), "WEST")->in->current;
    reset = reset_with(f, &code, NT_RESET_BOTH);
    reset.made_here = false;
    assert_ok(nt_op_reset(f->txn, &reset, WHO, &f->why));
    a = nt_dir_permit(now(f), "WEST");
    t = nt_dir_tdo(now(f), "WEST");
    assert_int_equal(a->rid, rid);
    assert_int_equal(a->acb & (uint32_t)NT_ACB_DISABLED, 0);
    assert_false(nt_secret_equal(&a->in->current, &before));
    assert_string_equal(t->servers, "dc.west");
    assert_int_equal(t->out.initial_until, 0); /* typed here: it does not wait */
}

static void a_computer_is_not_taken_for_a_trusts_account(void **state)
{
    struct fixture *f = *state;
    struct nt_reset_code code;
    uint32_t rid;
    assert_ok(nt_op_account_create(f->txn, "WEST$", NT_ACB_WORKSTATION, WHO, &rid, &f->why));
    struct nt_reset_new reset = reset_with(f, &code, NT_RESET_TRUSTED);
    assert_status(nt_op_reset(f->txn, &reset, WHO, &f->why), USER_EXISTS);
    assert_non_null(strstr(f->why.text, "workstation trust account"));
}

static void the_proof_of_one_half_has_the_other_one_tried(void **state)
{
    struct fixture *f = *state;
    struct nt_reset_code code;
    struct nt_reset_new reset = reset_with(f, &code, NT_RESET_BOTH);
    assert_ok(nt_op_reset(f->txn, &reset, WHO, &f->why));
    const struct nt_tdo *t = nt_dir_tdo(now(f), "WEST");
    struct nt_tdo *waiting = nt_record_clone(t);
    waiting->out.retry_at = waiting->out.next_check = f->w.now + NT_TIME_HOUR;
    assert_int_equal(nt_txn_put(f->txn, waiting), NT_OK);
    const struct nt_account *a = nt_dir_permit(now(f), "WEST");
    struct nt_secret hash = a->in->current;
    assert_ok(nt_op_channel_opened(f->txn, a->rid, &hash, "192.0.2.7"));
    t = nt_dir_tdo(now(f), "WEST");
    assert_int_equal(t->out.retry_at, 0);
    assert_int_equal(t->out.next_check, 0);
}

/* --- policy and secrets --- */

static void every_setting_can_be_set_within_its_bounds(void **state)
{
    struct fixture *f = *state;
    const struct nt_policy_setting *settings;
    size_t count = nt_policy_settings(&settings);
    uint64_t value;
    assert_int_equal(count, 18);
    for (size_t i = 0; i < count; i++) {
        const char *name = settings[i].name;
        assert_ok(nt_op_policy_set(f->txn, name, settings[i].most, WHO, &f->why));
        assert_true(nt_policy_get(nt_dir_policy(now(f)), name, &value));
        assert_int_equal(value, settings[i].most);
        assert_ok(nt_op_policy_set(f->txn, name, settings[i].least, WHO, &f->why));
        assert_true(nt_policy_get(nt_dir_policy(now(f)), name, &value));
        assert_int_equal(value, settings[i].least);
        assert_status(nt_op_policy_set(f->txn, name, settings[i].most + 1, WHO, &f->why),
                      INVALID_PARAMETER);
    }
    assert_status(nt_op_policy_set(f->txn, "no_such", 1, WHO, &f->why), INVALID_PARAMETER);
    assert_non_null(strstr(f->why.text, "no_such"));
    const struct nt_change *c;
    size_t before = nt_txn_changes(f->txn, &c);
    assert_ok(nt_op_policy_set(f->txn, settings[0].name, settings[0].least, WHO, NULL));
    assert_int_equal(nt_txn_changes(f->txn, &c), before); /* as it was: nothing written */
}

static void settings_are_read_with_units(void **state)
{
    static const struct {
        const char *name, *text;
        bool good;
        uint64_t value;
    } table[] = {
        { "change_interval_s", "7d", true, 7 * 86400 },
        { "change_interval_s", "36h", true, 36 * 3600 },
        { "check_interval_s", "15m", true, 900 },
        { "retry_first_s", "30s", true, 30 },
        { "check_interval_s", "120", true, 120 },
        { "disable_password_change", "yes", true, 1 },
        { "disable_password_change", "no", true, 0 },
        { "change_interval_s", "", false, 0 },
        { "change_interval_s", "d", false, 0 },
        { "change_interval_s", "-1", false, 0 },
        { "change_interval_s", "7x", false, 0 },
        { "change_interval_s", "99999999999999999999d", false, 0 },
        { "change_interval_s", "18446744073709551615d", false, 0 },
        { "trust_attempts", "1d", false, 0 },
        { "trust_attempts", "yes", false, 0 },
        { "disable_password_change", "maybe", false, 0 },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < NT_COUNT(table); i++) {
        uint64_t value = 0;
        ntstatus st = nt_op_policy_set_text(f->txn, table[i].name, table[i].text, WHO, &f->why);
        if (nt_status_ok(st) != table[i].good)
            fail_msg("%s = '%s': %s", table[i].name, table[i].text, nt_status_name(st));
        assert_true(nt_policy_get(nt_dir_policy(now(f)), table[i].name, &value));
        if (table[i].good)
            assert_int_equal(value, table[i].value);
    }
}

static void secrets_shift_and_are_never_told(void **state)
{
    struct fixture *f = *state;
    static const uint8_t one[] = "swordfish", two[] = "trombone";
    const struct nt_event *e;
    assert_ok(nt_op_secret_set(f->txn, "G$$WEST", one, sizeof one, NULL, 0, WHO));
    assert_ok(nt_op_secret_set(f->txn, "G$$WEST", two, sizeof two, NULL, 0, WHO));
    const struct nt_lsa_secret *s = nt_dir_secret(now(f), "g$$west");
    assert_memory_equal(s->current, two, sizeof two);
    assert_memory_equal(s->old, one, sizeof one);
    assert_ok(nt_op_secret_set(f->txn, "G$$WEST", NULL, 0, two, 0, WHO));
    s = nt_dir_secret(now(f), "G$$WEST");
    assert_int_equal(s->old_len, 0);
    assert_memory_equal(s->current, two, sizeof two);
    assert_status(nt_op_secret_set(f->txn, "BIG", one, 65537, NULL, 0, WHO), INVALID_PARAMETER);
    size_t count = nt_txn_events(f->txn, &e);
    for (size_t i = 0; i < count; i++) {
        assert_null(strstr(e[i].text, "swordfish"));
        assert_null(strstr(e[i].text, "trombone"));
    }
    assert_ok(nt_op_secret_delete(f->txn, "G$$WEST", WHO));
    assert_status(nt_op_secret_delete(f->txn, "G$$WEST", WHO), OBJECT_NAME_NOT_FOUND);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_new_domain_has_what_every_domain_has),
        WITH(domain_names_are_checked_and_sids_are_random),
        WITH(rids_ascend_and_are_never_given_twice),
        WITH(account_names_and_types_are_checked),
        WITH(a_deleted_account_leaves_groups_and_aliases),
        WITH(renaming_and_fields),
        WITH(users_change_their_own_password_with_the_old_one),
        WITH(locking_and_disabling),
        WITH(a_normal_account_becomes_a_permission),
        WITH(members_come_and_go_in_order),
        WITH(aliases_take_sids_of_other_domains),
        WITH(permitting_twice_explains_that_one_end_is_not_enough),
        WITH(one_wrong_password_burns_and_only_a_new_permission_helps),
        WITH(a_trusts_password_moves_on_and_versions_with_it),
        WITH(a_computer_changes_its_password_unless_changes_are_refused),
        WITH(a_trust_is_added_reset_and_removed),
        WITH(a_restored_store_checks_every_trust_at_once),
        WITH(a_reset_code_makes_what_is_missing_and_keeps_what_is_there),
        WITH(a_computer_is_not_taken_for_a_trusts_account),
        WITH(the_proof_of_one_half_has_the_other_one_tried),
        WITH(every_setting_can_be_set_within_its_bounds),
        WITH(settings_are_read_with_units),
        WITH(secrets_shift_and_are_never_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
