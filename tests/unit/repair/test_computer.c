/* What is seen of a member computer's secure channel from both sides, and the verdict. */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "repair/computer.h"

#define NOW (400 * NT_TIME_DAY)

static void seen(struct nt_asked *a)
{
    a->look = NT_LOOK_SEEN;
}

static void failed(struct nt_asked *a, enum nt_admin_fail kind, const char *text)
{
    a->look = NT_LOOK_FAILED;
    a->error.kind = kind;
    snprintf(a->error.text, sizeof a->error.text, "%s", text);
}

static void controller(struct nt_computer_facts *f, const char *host)
{
    struct nt_computer_dc *dc = &f->dc[f->count++];
    snprintf(dc->host, sizeof dc->host, "%s", host);
    seen(&dc->reached);
    seen(&dc->account_asked);
    dc->clock_known = true;
    dc->account = (struct nt_admin_account){ .exists = true,
                                             .type = NT_ADMIN_WORKSTATION,
                                             .password_set = NOW - NT_TIME_DAY };
    dc->trial =
        (struct nt_trial){ .end = NT_TRIAL_CURRENT, .evidence = true, .holds_current = true };
}

/* A member of an NT-style domain with one controller, looked at on itself as its administrator. */
static struct nt_computer_facts *good(void)
{
    static struct nt_computer_facts f;
    f = (struct nt_computer_facts){ .computer = "MEM",
                                    .typed_domain = "RED",
                                    .now = NOW,
                                    .here = true,
                                    .source = NT_COMPUTER_STORED,
                                    .joined = true,
                                    .changed = NOW - NT_TIME_DAY,
                                    .interval_s = 604800,
                                    .winbind = NT_WINBIND_GOOD };
    snprintf(f.names.name, sizeof f.names.name, "RED");
    assert_true(nt_sid_parse("S-1-5-21-1-1-1", &f.names.sid));
    f.sid = f.names.sid;
    controller(&f, "reddc");
    return &f;
}

static void make_ad(struct nt_computer_facts *f)
{
    snprintf(f->names.dns, sizeof f->names.dns, "red.test");
    f->ads = true;
}

static void refuse(struct nt_computer_dc *dc, ntstatus status)
{
    dc->trial = (struct nt_trial){ .end = NT_TRIAL_REFUSED, .status = status };
}

static void assert_judged(const struct nt_computer_facts *f, enum nt_grade grade,
                          const char *reason, const char *end, enum nt_group_of group,
                          const char *remedy)
{
    struct nt_diagnosis d;
    nt_computer_judge(f, &d);
    assert_string_equal(d.reason, reason);
    assert_string_equal(d.end, end);
    assert_int_equal(d.grade, grade);
    assert_int_equal(d.group[group].grade, grade);
    assert_true(d.verdict[0] != '\0');
    if (strstr(d.remedy, remedy) == NULL)
        fail_msg("'%s' is not in '%s'", remedy, d.remedy);
}

static void assert_refused(const struct nt_computer_facts *f, bool create, bool file,
                           const char *text)
{
    struct nt_computer_plan plan;
    char why[600];
    assert_false(nt_computer_plan(f, create, file, &plan, why, sizeof why));
    if (strstr(why, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, why);
}

static void a_secret_that_every_controller_accepts_is_good(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    nt_computer_judge(good(), &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    assert_string_equal(d.reason, "");
    for (int g = 0; g < NT_GROUP_COUNT; g++)
        assert_true(d.group[g].looked);
}

/* --- network and rights --- */

static void a_domain_that_cannot_be_reached_is_named(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->main = f->count;
    failed(&f->dc[0].reached, NT_ADMIN_NETWORK, "reddc port 445: connection refused");
    f->dc[0].trial.end = NT_TRIAL_FAILED;
    assert_judged(f, NT_GRADE_CRITICAL, "unreachable", "RED", NT_GROUP_NETWORK, "RED@SERVER");
    f->count = f->main = 0;
    assert_judged(f, NT_GRADE_CRITICAL, "name-unresolvable", "RED", NT_GROUP_NETWORK, "RED@SERVER");
}

static void a_second_controller_that_is_down_is_a_warning(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    controller(f, "reddc2");
    failed(&f->dc[1].reached, NT_ADMIN_NETWORK, "reddc2 port 445: connection refused");
    f->dc[1].account_asked.look = NT_LOOK_NOT_ASKED;
    f->dc[1].trial.end = NT_TRIAL_FAILED;
    assert_judged(f, NT_GRADE_WARNING, "controller-down", "RED", NT_GROUP_NETWORK, "reddc2");
    /* and no news beside a secret that is wrong */
    refuse(&f->dc[0], NT_STATUS(ACCESS_DENIED));
    f->dc[0].account.password_set = NOW;
    assert_judged(f, NT_GRADE_CRITICAL, "computer-behind", "MEM", NT_GROUP_PASSWORDS, "reset");
}

/* The administrator is refused, which is said; the member's own secret tells all the same. */
static void wrong_credentials_hide_the_account_only(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->main = f->count;
    failed(&f->dc[0].reached, NT_ADMIN_CREDENTIALS, "reddc does not accept the logon");
    f->dc[0].account_asked.look = NT_LOOK_NOT_ASKED;
    struct nt_diagnosis d;
    assert_judged(f, NT_GRADE_UNKNOWN, "credentials", "", NT_GROUP_HALVES, "-U");
    nt_computer_judge(f, &d);
    assert_int_equal(d.group[NT_GROUP_PASSWORDS].grade, NT_GRADE_GOOD);
    f->dc[0].trial.end = NT_TRIAL_NOT_MADE;
    f->source = NT_COMPUTER_UNSEEN;
    assert_judged(f, NT_GRADE_UNKNOWN, "credentials", "", NT_GROUP_HALVES, "-U");
    refuse(&f->dc[0], NT_STATUS(ACCESS_DENIED));
    nt_computer_judge(f, &d);
    assert_int_equal(d.grade, NT_GRADE_CRITICAL);
    assert_string_equal(d.reason, "secrets-differ");
}

/* --- halves --- */

static void each_fault_of_the_account_is_named(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    refuse(&f->dc[0], NT_STATUS(NO_TRUST_SAM_ACCOUNT));
    f->dc[0].account.exists = false;
    assert_judged(f, NT_GRADE_CRITICAL, "account-missing", "RED", NT_GROUP_HALVES,
                  "ntrust computer reset -U Administrator --create");
    make_ad(f);
    assert_judged(f, NT_GRADE_CRITICAL, "account-missing", "RED", NT_GROUP_HALVES, "net ads join");
    f = good();
    refuse(&f->dc[0], NT_STATUS(NO_TRUST_SAM_ACCOUNT));
    f->dc[0].account.disabled = true;
    assert_judged(f, NT_GRADE_CRITICAL, "account-disabled", "RED", NT_GROUP_HALVES,
                  "ntrust computer reset");
    f->dc[0].account.disabled = false;
    f->dc[0].account.type = NT_ADMIN_USER;
    assert_judged(f, NT_GRADE_CRITICAL, "wrong-type", "RED", NT_GROUP_HALVES, "delete or rename");
    f->dc[0].account.type = NT_ADMIN_SERVER; /* a controller's: this is a member */
    assert_judged(f, NT_GRADE_CRITICAL, "wrong-type", "RED", NT_GROUP_HALVES, "delete or rename");
}

/* Without an administrator only Netlogon's one answer for three causes is seen. */
static void an_unfit_account_is_not_guessed_at(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->main = f->count;
    f->dc[0].reached.look = f->dc[0].account_asked.look = NT_LOOK_NOT_ASKED;
    refuse(&f->dc[0], NT_STATUS(NO_TRUST_SAM_ACCOUNT));
    assert_judged(f, NT_GRADE_CRITICAL, "account-unfit", "RED", NT_GROUP_HALVES,
                  "check -U Administrator");
}

static void a_member_without_a_secret_has_to_join(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->joined = false;
    f->dc[0].trial.end = NT_TRIAL_NOT_MADE;
    assert_judged(f, NT_GRADE_CRITICAL, "not-joined", "MEM", NT_GROUP_HALVES, "net rpc join");
}

/* It was asked for with a domain that is not its own. */
static void a_member_of_another_domain_is_told_so(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    snprintf(f->it_says.name, sizeof f->it_says.name, "BLUE");
    assert_true(nt_sid_parse("S-1-5-21-9-9-9", &f->sid));
    assert_judged(f, NT_GRADE_CRITICAL, "not-joined", "MEM", NT_GROUP_HALVES, "-d BLUE");
    assert_refused(f, false, false, "belongs to BLUE");
}

static void a_domain_that_was_built_anew_is_named(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    assert_true(nt_sid_parse("S-1-5-21-9-9-9", &f->sid));
    assert_judged(f, NT_GRADE_CRITICAL, "other-domain", "MEM", NT_GROUP_HALVES, "net rpc join");
}

/* --- passwords --- */

static void the_side_that_changed_last_is_told_by_the_times(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    struct nt_diagnosis d;
    refuse(&f->dc[0], NT_STATUS(ACCESS_DENIED));
    f->dc[0].account.password_set = f->changed + 3 * NT_TIME_DAY;
    nt_computer_judge(f, &d);
    assert_string_equal(d.reason, "computer-behind");
    assert_non_null(strstr(d.cause, "the domain's side changed last"));
    assert_non_null(strstr(d.cause, "3 days after MEM"));
    f->dc[0].account.password_set = f->changed - 3 * NT_TIME_DAY;
    nt_computer_judge(f, &d);
    assert_string_equal(d.reason, "domain-behind");
    assert_string_equal(d.end, "RED");
    assert_non_null(strstr(d.cause, "the computer's side changed last"));
}

static void times_that_are_close_or_unknown_tell_nothing(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    refuse(&f->dc[0], NT_STATUS(ACCESS_DENIED));
    assert_judged(f, NT_GRADE_CRITICAL, "secrets-differ", "", NT_GROUP_PASSWORDS, "reset");
    f->changed = 0;
    assert_judged(f, NT_GRADE_CRITICAL, "secrets-differ", "", NT_GROUP_PASSWORDS, "reset");
    f = good();
    refuse(&f->dc[0], NT_STATUS(ACCESS_DENIED));
    f->dc[0].account_asked.look = NT_LOOK_NOT_ASKED;
    assert_judged(f, NT_GRADE_CRITICAL, "secrets-differ", "", NT_GROUP_PASSWORDS, "reset");
}

/* An hour between the times, and an hour between the clocks. */
static void the_controllers_clock_is_allowed_for(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    refuse(&f->dc[0], NT_STATUS(ACCESS_DENIED));
    f->dc[0].ahead_100ns = (int64_t)(60 * NT_TIME_MINUTE);
    f->dc[0].account.password_set = f->changed + 60 * NT_TIME_MINUTE;
    assert_judged(f, NT_GRADE_CRITICAL, "secrets-differ", "", NT_GROUP_PASSWORDS, "reset");
    f->dc[0].ahead_100ns = 0;
    assert_judged(f, NT_GRADE_CRITICAL, "computer-behind", "MEM", NT_GROUP_PASSWORDS, "reset");
}

static void the_secret_of_before_tells_who_is_behind(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->dc[0].trial.end = NT_TRIAL_PREVIOUS;
    assert_judged(f, NT_GRADE_CRITICAL, "domain-behind", "RED", NT_GROUP_PASSWORDS, "reset");
    f->dc[0].trial =
        (struct nt_trial){ .end = NT_TRIAL_CURRENT, .evidence = true, .kept_current = true };
    assert_judged(f, NT_GRADE_WARNING, "computer-behind", "MEM", NT_GROUP_PASSWORDS, "reset");
}

static void controllers_that_differ_are_a_fault_of_replication(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    struct nt_computer_plan plan;
    char why[600];
    controller(f, "reddc2");
    refuse(&f->dc[1], NT_STATUS(ACCESS_DENIED));
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "RED", NT_GROUP_PASSWORDS, "replicate");
    assert_false(nt_computer_plan(f, false, false, &plan, why, sizeof why));
    assert_non_null(strstr(why, "replicate"));
    f->dc[1].trial.end = NT_TRIAL_CURRENT;
    f->dc[1].account.exists = false;
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "RED", NT_GROUP_HALVES, "replicate");
}

/* Seen from elsewhere. */
static void what_is_not_seen_is_unknown(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->here = f->joined = false;
    f->source = NT_COMPUTER_UNSEEN;
    f->winbind = NT_WINBIND_UNSEEN;
    f->dc[0].trial.end = NT_TRIAL_NOT_MADE;
    assert_judged(f, NT_GRADE_UNKNOWN, "not-seen", "", NT_GROUP_PASSWORDS, "on MEM: ");
    /* unless the computer itself can be asked */
    seen(&f->there);
    snprintf(f->it_says.name, sizeof f->it_says.name, "RED");
    seen(&f->channel_asked);
    struct nt_diagnosis d;
    nt_computer_judge(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    f->channel.werr = NT_WERR_ACCESS_DENIED;
    assert_judged(f, NT_GRADE_CRITICAL, "channel-fails", "", NT_GROUP_PASSWORDS, "netdom resetpwd");
    snprintf(f->it_says.name, sizeof f->it_says.name, "BLUE");
    assert_judged(f, NT_GRADE_CRITICAL, "not-joined", "MEM", NT_GROUP_HALVES, "on MEM: net");
}

static void a_winbindd_that_fails_with_a_good_secret_is_named(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->winbind = NT_WINBIND_BAD;
    snprintf(f->winbind_text, sizeof f->winbind_text, "NT_STATUS_NO_LOGON_SERVERS");
    assert_judged(f, NT_GRADE_CRITICAL, "winbindd", "MEM", NT_GROUP_POLICY, "restart winbind");
}

/* P8 */
static void a_keytab_of_another_secret_is_a_warning(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->keytab = NT_KEYTAB_BAD;
    assert_judged(f, NT_GRADE_WARNING, "keytab-behind", "MEM", NT_GROUP_POLICY, "keytab create");
}

static void a_password_that_is_not_changed_any_more_is_a_warning(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->dc[0].account.password_set = f->changed = NOW - 90 * NT_TIME_DAY;
    assert_judged(f, NT_GRADE_WARNING, "password-old", "MEM", NT_GROUP_POLICY, "--change-secret");
    f->interval_s = 0; /* as configured */
    struct nt_diagnosis d;
    nt_computer_judge(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

/* --- the plan of a reset --- */

static void a_reset_hands_the_secret_to_the_member_that_is_here(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    struct nt_computer_plan plan;
    char why[600];
    assert_true(nt_computer_plan(f, false, false, &plan, why, sizeof why));
    assert_true(plan.hand && !plan.create && !plan.enable);
    f->dc[0].account.disabled = true;
    assert_true(nt_computer_plan(f, false, false, &plan, why, sizeof why));
    assert_true(plan.enable);
    f->here = false;
    assert_refused(f, false, false, "netdom resetpwd /s:reddc");
    assert_true(nt_computer_plan(f, false, true, &plan, why, sizeof why));
    assert_false(plan.hand);
}

static void a_reset_makes_an_account_only_when_told(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    struct nt_computer_plan plan;
    char why[600];
    f->dc[0].account.exists = false;
    assert_refused(f, false, false, "--create");
    assert_true(nt_computer_plan(f, true, false, &plan, why, sizeof why));
    assert_true(plan.create);
    make_ad(f);
    assert_refused(f, true, false, "net ads join");
}

static void a_reset_leaves_what_it_must_not_touch(void **state)
{
    (void)state;
    struct nt_computer_facts *f = good();
    f->dc[0].account.type = NT_ADMIN_INTERDOMAIN;
    assert_refused(f, true, false, "left alone");
    f = good();
    assert_true(nt_sid_parse("S-1-5-21-9-9-9", &f->sid));
    assert_refused(f, false, false, "net rpc join");
    f = good();
    f->joined = false;
    assert_refused(f, false, false, "never joined");
    f = good();
    f->main = f->count;
    f->dc[0].reached.look = NT_LOOK_NOT_ASKED;
    assert_refused(f, false, false, "-U Administrator");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_that_every_controller_accepts_is_good),
        cmocka_unit_test(a_domain_that_cannot_be_reached_is_named),
        cmocka_unit_test(a_second_controller_that_is_down_is_a_warning),
        cmocka_unit_test(wrong_credentials_hide_the_account_only),
        cmocka_unit_test(each_fault_of_the_account_is_named),
        cmocka_unit_test(an_unfit_account_is_not_guessed_at),
        cmocka_unit_test(a_member_without_a_secret_has_to_join),
        cmocka_unit_test(a_member_of_another_domain_is_told_so),
        cmocka_unit_test(a_domain_that_was_built_anew_is_named),
        cmocka_unit_test(the_side_that_changed_last_is_told_by_the_times),
        cmocka_unit_test(times_that_are_close_or_unknown_tell_nothing),
        cmocka_unit_test(the_controllers_clock_is_allowed_for),
        cmocka_unit_test(the_secret_of_before_tells_who_is_behind),
        cmocka_unit_test(controllers_that_differ_are_a_fault_of_replication),
        cmocka_unit_test(what_is_not_seen_is_unknown),
        cmocka_unit_test(a_winbindd_that_fails_with_a_good_secret_is_named),
        cmocka_unit_test(a_keytab_of_another_secret_is_a_warning),
        cmocka_unit_test(a_password_that_is_not_changed_any_more_is_a_warning),
        cmocka_unit_test(a_reset_hands_the_secret_to_the_member_that_is_here),
        cmocka_unit_test(a_reset_makes_an_account_only_when_told),
        cmocka_unit_test(a_reset_leaves_what_it_must_not_touch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
