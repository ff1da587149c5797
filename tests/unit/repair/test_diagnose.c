/* The verdicts of `ntrust check`: the group, the end, the reason and the remedy. */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "repair/diagnose.h"

#define NOW  (UINT64_C(13400000000) * NT_TIME_SECOND)
#define WEEK (7 * NT_TIME_DAY)

static struct nt_sid sid_of(const char *text)
{
    struct nt_sid sid;
    assert_true(nt_sid_parse(text, &sid));
    return sid;
}

static struct nt_trust_facts good_trust(void)
{
    return (struct nt_trust_facts){
        .own = "RESOURCES",
        .peer = "ACCOUNTS",
        .state = "active",
        .reason = "",
        .text = "well",
        .next = "",
        .controller = "ACCDC",
        .error_status = "",
        .error_text = "",
        .laggards = "",
        .established = NOW - 3 * NT_TIME_DAY,
        .changed = NOW - NT_TIME_DAY,
        .checked = NOW,
        .now = NOW,
        .change_interval_s = WEEK / NT_TIME_SECOND,
        .sid = sid_of("S-1-5-21-1-2-3"),
    };
}

static struct nt_trust_facts looked_at(void)
{
    struct nt_trust_facts f = good_trust();
    f.there = NT_LOOK_SEEN;
    f.there_domain.sid = f.sid;
    f.account = (struct nt_admin_account){ .exists = true,
                                           .type = NT_ADMIN_INTERDOMAIN,
                                           .password_set = f.changed };
    return f;
}

static struct nt_permit_facts good_permit(void)
{
    return (struct nt_permit_facts){
        .own = "ACCOUNTS",
        .peer = "RESOURCES",
        .exists = true,
        .state = "active",
        .permitted = NOW - 3 * NT_TIME_DAY,
        .proven = NOW - 3 * NT_TIME_DAY,
        .changed = NOW - NT_TIME_DAY,
        .last_ok = NOW - NT_TIME_MINUTE,
        .now = NOW,
        .burned_from = "",
        .last_from = "192.0.2.7",
        .change_interval_s = WEEK / NT_TIME_SECOND,
        .check_interval_s = 900,
        .removed_text = "",
        .refused_from = "",
        .trouble = "",
        .trouble_text = "",
        .trouble_next = "",
        .own_sid = sid_of("S-1-5-21-1-2-3"),
        .verified_by = "",
    };
}

static void assert_says(const struct nt_diagnosis *d, enum nt_grade grade, const char *reason,
                        const char *end)
{
    assert_int_equal(d->grade, grade);
    assert_string_equal(d->reason, reason);
    assert_string_equal(d->end, end);
    assert_true(d->verdict[0] != '\0');
    if (grade != NT_GRADE_GOOD) {
        assert_true(d->cause[0] != '\0');
        assert_true(d->remedy[0] != '\0');
    }
}

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

/* --- the trusting end --- */

static void a_trust_that_works_is_good(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = good_trust();
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_GOOD, "", "");
    assert_false(d.group[NT_GROUP_CLOCK].looked); /* not compared is not good */
    f = looked_at();
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_GOOD, "", "");
}

/* Before a trust was ever established, its initial password is all there is to be wrong. */
static void an_initial_password_is_told_from_a_secret(void **state)
{
    struct nt_diagnosis d;
    struct nt_trust_facts f = good_trust();
    (void)state;
    f.state = "broken";
    f.established = f.changed = 0;
    f.error_status = "ACCESS_DENIED";
    f.reason = "password-mismatch";
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "");
    assert_contains(d.remedy, "ntrust trust add ACCOUNTS");
    f.reason = "initial-password-burned";
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "initial-password-burned", "RESOURCES");
}

static void the_trusted_end_tells_what_it_refused(void **state)
{
    struct nt_diagnosis d;
    struct nt_permit_facts f = good_permit();
    (void)state;
    f.trouble = "crypto-refused";
    f.trouble_text = "no AES was offered";
    f.trouble_next = "have it offer AES";
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "crypto-refused", "RESOURCES");
    f.exists = false;
    f.trouble = "wrong-account-type";
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "wrong-account-type", "ACCOUNTS");
}

static void each_reason_stands_in_its_group(void **state)
{
    static const struct {
        const char *reason, *end, *remedy;
        enum nt_group_of group;
    } cases[] = {
        { "name-unresolvable", "the network", "ntrust trust servers ACCOUNTS", NT_GROUP_NETWORK },
        { "peer-unreachable", "the network", "start ntrustd at ACCOUNTS", NT_GROUP_NETWORK },
        { "time-skew", "", "clock", NT_GROUP_CLOCK },
        { "crypto-refused", "ACCOUNTS", "AES", NT_GROUP_CRYPTO },
        { "removed-at-trusted-end", "ACCOUNTS", "ntrust reset ACCOUNTS -U", NT_GROUP_HALVES },
        { "account-disabled", "ACCOUNTS", "ntrust permit enable RESOURCES", NT_GROUP_HALVES },
        { "wrong-account-type", "ACCOUNTS", "rename", NT_GROUP_HALVES },
        { "domain-changed", "ACCOUNTS", "ntrust reset ACCOUNTS", NT_GROUP_HALVES },
        { "password-mismatch", "", "ntrust reset ACCOUNTS", NT_GROUP_PASSWORDS },
        { "initial-password-burned", "ACCOUNTS", "ntrust reset ACCOUNTS", NT_GROUP_PASSWORDS },
        { "denied", "ACCOUNTS", "log of the other end", NT_GROUP_POLICY },
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct nt_diagnosis d;
        struct nt_trust_facts f = good_trust();
        f.state = "broken";
        f.reason = cases[i].reason;
        f.error_status = "ACCESS_DENIED";
        f.error_text = "what the other end said";
        nt_diagnose_trust(&f, &d);
        assert_says(&d, NT_GRADE_CRITICAL, cases[i].reason, cases[i].end);
        assert_contains(d.remedy, cases[i].remedy);
        for (int g = 0; g < NT_GROUP_COUNT; g++) {
            if (g == (int)cases[i].group)
                assert_int_equal(d.group[g].grade, NT_GRADE_CRITICAL);
            else
                assert_int_equal(d.group[g].grade, NT_GRADE_GOOD);
            if (g > (int)cases[i].group)
                assert_false(d.group[g].looked);
        }
    }
}

static void unreachable_is_not_broken(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = good_trust();
    f.degraded = true;
    f.reason = "peer-unreachable";
    f.error_text = "connection refused";
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "peer-unreachable", "the network");
}

/* One status stands for three things at the other end. */
static void who_looks_can_tell_missing_from_disabled_and_wrong(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = looked_at();
    f.state = "broken";
    f.reason = "removed-at-trusted-end";
    f.account.disabled = true;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "account-disabled", "ACCOUNTS");
    f.account.disabled = false;
    f.account.type = NT_ADMIN_WORKSTATION;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "wrong-account-type", "ACCOUNTS");
    assert_contains(d.cause, "a workstation account");
    f.account.exists = false;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "removed-at-trusted-end", "ACCOUNTS");
    f.there_domain.sid = sid_of("S-1-5-21-9-9-9");
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "domain-changed", "ACCOUNTS");
    assert_contains(d.cause, "S-1-5-21-9-9-9");
}

/* What works is not called broken because it could not be looked at, nor called good. */
static void what_cannot_be_read_is_unknown(void **state)
{
    struct nt_admin_error error = { .kind = NT_ADMIN_CREDENTIALS, .text = "the password is wrong" };
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = good_trust();
    f.there = NT_LOOK_FAILED;
    f.there_error = &error;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_UNKNOWN, "credentials", "");
    f.state = "broken";
    f.reason = "password-mismatch";
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "");
}

static void the_times_of_both_ends_tell_which_one_moved(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = looked_at();
    f.state = "broken";
    f.reason = "password-mismatch";
    f.account.password_set = f.changed - NT_TIME_DAY;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "ACCOUNTS");
    assert_contains(d.cause, "older copy");
    f.account.password_set = f.changed + NT_TIME_HOUR;
    nt_diagnose_trust(&f, &d);
    assert_contains(d.cause, "added again there alone");
    f.account.password_set = f.changed + NT_TIME_SECOND;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "");
    f.missing_at = NOW;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "ACCOUNTS");
}

static void what_was_seen_over_time_is_said(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    struct nt_trust_facts f = good_trust();
    f.laggards = "DC2 (2 changes behind)";
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "controllers-lag", "ACCOUNTS");
    assert_contains(d.cause, "DC2 (2 changes behind)");
    f.cloned = true;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "cloned", "RESOURCES");
    assert_contains(d.cause, "identity");

    f = good_trust();
    f.state = "broken";
    f.reason = "password-mismatch";
    f.restored_to = NOW - 9 * NT_TIME_DAY;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "RESOURCES");
    assert_contains(d.cause, "restored from a backup of");
    assert_contains(d.cause, "reset needed");
    assert_contains(d.remedy, "ntrust reset ACCOUNTS");
}

static void an_old_password_is_a_warning(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = good_trust();
    f.changed = NOW - 2 * WEEK - NT_TIME_MINUTE;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "password-old", "RESOURCES");
    f.changed = NOW - 2 * WEEK + NT_TIME_MINUTE;
    nt_diagnose_trust(&f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    f.changed = NOW + WEEK; /* the clock went backwards */
    nt_diagnose_trust(&f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

static void weak_settings_are_warnings(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_trust_facts f = good_trust();
    f.weak_allowed = true;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "weak-crypto", "RESOURCES");
    f.weak_allowed = false;
    f.changes_disabled = true;
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "changes-disabled", "RESOURCES");
    f = good_trust();
    f.state = "pending";
    nt_diagnose_trust(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "not-established", "");
}

/* --- the trusted end --- */

static void a_permission_in_use_is_good(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_permit_facts f = good_permit();
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_GOOD, "", "");
}

static void a_removed_permission_says_when_and_who_still_tries(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_permit_facts f = good_permit();
    f.exists = false;
    f.removed_at = NOW - NT_TIME_HOUR;
    f.removed_text = "it was withdrawn by root";
    f.refused_at = NOW;
    f.refused_from = "192.0.2.7:4711";
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "removed-at-trusted-end", "ACCOUNTS");
    assert_contains(d.cause, "by root");
    assert_contains(d.cause, "192.0.2.7:4711");
    assert_contains(d.remedy, "at RESOURCES: ntrust reset ACCOUNTS");
    f.removed_at = 0;
    nt_diagnose_permit(&f, &d);
    assert_string_equal(d.reason, "not-permitted");
    assert_int_equal(d.grade, NT_GRADE_CRITICAL);
    f.untrusted_at = NOW;
    f.untrusted_text = "this domain no longer trusts RESOURCES by root";
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "removed-at-trusting-end", "ACCOUNTS");
    assert_contains(d.cause, "by root");
}

static void burned_disabled_unused_and_unchanged_are_told_apart(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_permit_facts f = good_permit();
    f.state = "burned";
    f.burned = NOW;
    f.burned_from = "192.0.2.9";
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "initial-password-burned", "RESOURCES");
    assert_contains(d.cause, "192.0.2.9");
    f = good_permit();
    f.disabled = true;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "account-disabled", "ACCOUNTS");
    f = good_permit();
    f.state = "permitted";
    f.last_ok = f.proven = f.changed = 0;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "never-used", "");
    f = good_permit();
    f.state = "proven";
    f.changed = 0;
    f.proven = f.last_ok = NOW - NT_TIME_SECOND;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "never-changed", "RESOURCES");
    assert_non_null(strstr(d.verdict, "has not changed it"));
    f.proven = f.last_ok = NOW - 61 * NT_TIME_SECOND;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "never-changed", "RESOURCES");
    assert_non_null(strstr(d.verdict, "never changes it"));
    assert_non_null(strstr(d.remedy, "--generate"));
}

static void silence_is_counted_in_check_intervals(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_permit_facts f = good_permit();
    f.last_ok = NOW - 1801 * NT_TIME_SECOND;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "silent", "RESOURCES");
    f.last_ok = NOW - 1799 * NT_TIME_SECOND;
    nt_diagnose_permit(&f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

/* Anybody can offer a wrong password; who also fell silent is the partner with another secret. */
static void a_wrong_password_alone_does_not_break_a_trust(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_permit_facts f = good_permit();
    f.last_bad = NOW;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_WARNING, "password-mismatch", "");
    f.last_ok = NOW - NT_TIME_HOUR;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "password-mismatch", "RESOURCES");
}

static void the_other_half_is_judged_when_it_is_seen(void **state)
{
    struct nt_diagnosis d;
    (void)state;
    struct nt_permit_facts f = good_permit();
    f.there = NT_LOOK_SEEN;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "removed-at-trusting-end", "RESOURCES");
    f.tdo = (struct nt_admin_tdo){ .exists = true, .direction = NT_ADMIN_INBOUND };
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "removed-at-trusting-end", "RESOURCES");
    f.tdo.direction = NT_ADMIN_OUTBOUND;
    f.tdo.sid = sid_of("S-1-5-21-9-9-9");
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_CRITICAL, "domain-changed", "ACCOUNTS");
    f.tdo.sid = f.own_sid;
    nt_diagnose_permit(&f, &d);
    assert_says(&d, NT_GRADE_GOOD, "", "");
    f.verified = true;
    f.werr = NT_WERR_NO_TRUST_SAM_ACCOUNT;
    nt_diagnose_permit(&f, &d);
    assert_int_equal(d.grade, NT_GRADE_CRITICAL);
    assert_contains(d.cause, "NO_TRUST_SAM_ACCOUNT");
}

static void the_worse_grade_wins(void **state)
{
    (void)state;
    assert_int_equal(nt_grade_worse(NT_GRADE_GOOD, NT_GRADE_WARNING), NT_GRADE_WARNING);
    assert_int_equal(nt_grade_worse(NT_GRADE_UNKNOWN, NT_GRADE_WARNING), NT_GRADE_UNKNOWN);
    assert_int_equal(nt_grade_worse(NT_GRADE_UNKNOWN, NT_GRADE_CRITICAL), NT_GRADE_CRITICAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trust_that_works_is_good),
        cmocka_unit_test(each_reason_stands_in_its_group),
        cmocka_unit_test(an_initial_password_is_told_from_a_secret),
        cmocka_unit_test(the_trusted_end_tells_what_it_refused),
        cmocka_unit_test(unreachable_is_not_broken),
        cmocka_unit_test(who_looks_can_tell_missing_from_disabled_and_wrong),
        cmocka_unit_test(what_cannot_be_read_is_unknown),
        cmocka_unit_test(the_times_of_both_ends_tell_which_one_moved),
        cmocka_unit_test(what_was_seen_over_time_is_said),
        cmocka_unit_test(an_old_password_is_a_warning),
        cmocka_unit_test(weak_settings_are_warnings),
        cmocka_unit_test(a_permission_in_use_is_good),
        cmocka_unit_test(a_removed_permission_says_when_and_who_still_tries),
        cmocka_unit_test(burned_disabled_unused_and_unchanged_are_told_apart),
        cmocka_unit_test(silence_is_counted_in_check_intervals),
        cmocka_unit_test(a_wrong_password_alone_does_not_break_a_trust),
        cmocka_unit_test(the_other_half_is_judged_when_it_is_seen),
        cmocka_unit_test(the_worse_grade_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
