/* test_logon.c - may this account log on now, password apart. */
#include "domain/logon.h"
#include "support.h"

static struct nt_account *account(uint32_t acb)
{
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    assert_non_null(a);
    a->acb = acb;
    a->password_set = T0 - NT_TIME_DAY;
    return a;
}

static ntstatus check(const struct nt_account *a, const struct nt_policy *p, const char *from)
{
    const struct nt_logon_facts facts = { .now = T0, .workstation = from };
    return nt_logon_check_account(a, p, &facts);
}

/* Each reason is taken away in turn: what is answered is always the first that holds. */
static void reasons_come_in_the_documented_order(void **state)
{
    struct nt_policy p = { .max_password_age_s = 3600 };
    (void)state;
    struct nt_account *a = account((uint32_t)NT_ACB_NORMAL | (uint32_t)NT_ACB_DISABLED);
    a->expires = T0 - 1;
    a->logon_hours_len = 21; /* at no hour */
    assert_true(nt_text_set(&a->workstations, "PC1"));
    a->password_set = 0;
    assert_status(check(a, &p, "PC2"), ACCOUNT_DISABLED);
    a->acb = NT_ACB_NORMAL;
    assert_status(check(a, &p, "PC2"), ACCOUNT_EXPIRED);
    a->expires = 0;
    assert_status(check(a, &p, "PC2"), INVALID_LOGON_HOURS);
    a->logon_hours_len = 0;
    assert_status(check(a, &p, "PC2"), INVALID_WORKSTATION);
    assert_status(check(a, &p, "\\\\pc1"), PASSWORD_MUST_CHANGE);
    a->password_set = T0 - NT_TIME_DAY;
    assert_status(check(a, &p, "PC1"), PASSWORD_EXPIRED);
    p.max_password_age_s = 0;
    assert_ok(check(a, &p, "PC1"));
    nt_record_unref(a);
}

static void trust_accounts_do_not_log_on_and_never_expire(void **state)
{
    struct nt_policy p = { .max_password_age_s = 1 };
    const struct nt_logon_facts allowed = { .now = T0, .workstation = "", .allow_machines = true };
    (void)state;
    struct nt_account *a = account(NT_ACB_INTERDOMAIN);
    a->password_set = 0;
    assert_status(check(a, &p, ""), NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    assert_status(nt_logon_check_account(a, &p, &allowed), NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    a->acb = NT_ACB_WORKSTATION;
    assert_status(check(a, &p, ""), NOLOGON_WORKSTATION_TRUST_ACCOUNT);
    assert_ok(nt_logon_check_account(a, &p, &allowed));
    a->acb = NT_ACB_SERVER;
    assert_status(check(a, &p, ""), NOLOGON_SERVER_TRUST_ACCOUNT);
    assert_int_equal(nt_account_must_change(a, &p), NT_TIME_NEVER);
    assert_true(nt_account_is_machine(a));
    nt_record_unref(a);
}

static void a_lockout_ends_by_itself_but_not_when_the_clock_goes_back(void **state)
{
    struct nt_policy p = { .lockout_duration_s = 60 };
    (void)state;
    struct nt_account *a = account(NT_ACB_NORMAL);
    assert_ok(nt_logon_check_before(a, &p, T0));
    a->locked_at = T0;
    assert_status(nt_logon_check_before(a, &p, T0), ACCOUNT_LOCKED_OUT);
    assert_status(nt_logon_check_before(a, &p, T0 + 59 * NT_TIME_SECOND), ACCOUNT_LOCKED_OUT);
    assert_ok(nt_logon_check_before(a, &p, T0 + 60 * NT_TIME_SECOND));
    assert_status(nt_logon_check_before(a, &p, T0 - NT_TIME_DAY), ACCOUNT_LOCKED_OUT);
    assert_int_not_equal(nt_account_acb(a, &p, T0) & NT_ACB_AUTOLOCK, 0);
    assert_int_equal(nt_account_acb(a, &p, T0 + NT_TIME_DAY) & NT_ACB_AUTOLOCK, 0);
    p.lockout_duration_s = 0; /* until an administrator unlocks */
    assert_status(nt_logon_check_before(a, &p, T0 + 999 * NT_TIME_DAY), ACCOUNT_LOCKED_OUT);
    nt_record_unref(a);
}

/* 2026-11-21 was a Saturday; bit 0 is Sunday 0:00 UTC. */
static void logon_hours_are_bits_of_the_week_in_utc(void **state)
{
    const struct nt_policy p = { .max_password_age_s = 0 };
    const nt_time saturday_7 = nt_time_from_unix(1795244400, 0); /* 2026-11-21 07:00:00Z */
    struct nt_logon_facts facts = { .now = saturday_7, .workstation = "" };
    char text[NT_TIME_TEXT];
    (void)state;
    assert_string_equal(nt_time_format(saturday_7, text), "2026-11-21 07:00:00Z");
    struct nt_account *a = account(NT_ACB_NORMAL);
    a->logon_hours_len = 21;
    size_t hour = 6 * 24 + 7;
    a->logon_hours[hour / 8] = (uint8_t)(1u << hour % 8);
    assert_ok(nt_logon_check_account(a, &p, &facts));
    facts.now = saturday_7 + NT_TIME_HOUR - 1;
    assert_ok(nt_logon_check_account(a, &p, &facts));
    facts.now = saturday_7 + NT_TIME_HOUR;
    assert_status(nt_logon_check_account(a, &p, &facts), INVALID_LOGON_HOURS);
    facts.now = saturday_7 - 1;
    assert_status(nt_logon_check_account(a, &p, &facts), INVALID_LOGON_HOURS);
    facts.now = saturday_7 + 7 * NT_TIME_DAY;
    assert_ok(nt_logon_check_account(a, &p, &facts));
    nt_record_unref(a);
}

static void workstations_are_whole_names(void **state)
{
    static const struct {
        const char *list, *from;
        bool good;
    } table[] = {
        { "", "ANY", true },      { "PC1,PC2", "pc2", true },  { "PC1, PC2", "\\\\PC2", true },
        { "PC1", "PC10", false }, { "PC10", "PC1", false },    { "PC1", "", false },
        { ",,", "", false },      { "PC1,,PC3", "PC3", true },
    };
    const struct nt_policy p = { .max_password_age_s = 0 };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(table); i++) {
        struct nt_account *a = account(NT_ACB_NORMAL);
        assert_true(nt_text_set(&a->workstations, table[i].list));
        if (nt_status_ok(check(a, &p, table[i].from)) != table[i].good)
            fail_msg("'%s' from '%s'", table[i].list, table[i].from);
        nt_record_unref(a);
    }
}

static void ages_do_not_overflow(void **state)
{
    const struct nt_policy p = { .max_password_age_s = UINT64_MAX,
                                 .min_password_age_s = UINT64_MAX };
    (void)state;
    struct nt_account *a = account(NT_ACB_NORMAL);
    assert_int_equal(nt_account_must_change(a, &p), NT_TIME_NEVER);
    (void)nt_account_can_change(a, &p);
    nt_record_unref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_come_in_the_documented_order),
        cmocka_unit_test(trust_accounts_do_not_log_on_and_never_expire),
        cmocka_unit_test(a_lockout_ends_by_itself_but_not_when_the_clock_goes_back),
        cmocka_unit_test(logon_hours_are_bits_of_the_week_in_utc),
        cmocka_unit_test(workstations_are_whole_names),
        cmocka_unit_test(ages_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
