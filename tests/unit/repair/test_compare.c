/* What is seen of a trust at two foreign ends, and the verdict: the field guide's symptoms. */
#include "ends_fixture.h"

static void assert_judged(const struct nt_ends_facts *f, enum nt_grade grade, const char *reason,
                          const char *end, enum nt_group_of group, const char *remedy)
{
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_string_equal(d.reason, reason);
    assert_string_equal(d.end, end);
    assert_int_equal(d.grade, grade);
    assert_int_equal(d.group[group].grade, grade);
    assert_true(d.verdict[0] != '\0');
    assert_non_null(strstr(d.remedy, remedy));
    if (grade != NT_GRADE_CRITICAL)
        return;
    for (enum nt_group_of g = 0; g < group; g++)
        assert_int_not_equal(d.group[g].grade, NT_GRADE_CRITICAL);
    for (enum nt_group_of g = group + 1; g < NT_GROUP_COUNT; g++)
        assert_false(d.group[g].looked);
}

static void assert_critical(const struct nt_ends_facts *f, const char *reason, const char *end,
                            enum nt_group_of group)
{
    assert_judged(f, NT_GRADE_CRITICAL, reason, end, group, "ntrust reset");
}

static void two_halves_that_agree_are_good(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    nt_compare_ends(good(), &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    assert_string_equal(d.reason, "");
    for (int g = 0; g < NT_GROUP_COUNT; g++)
        assert_true(d.group[g].looked);
}

/* --- network, clock, crypto --- */

static void an_end_that_is_down_is_named(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    f->end[1].main = f->end[1].count;
    failed(&EAST(f)->reached, NT_ADMIN_NETWORK, "eastdc port 445: connection refused");
    assert_judged(f, NT_GRADE_CRITICAL, "unreachable", "EAST", NT_GROUP_NETWORK,
                  "east.test@SERVER");
    f->end[1].count = f->end[1].main = 0;
    assert_judged(f, NT_GRADE_CRITICAL, "name-unresolvable", "EAST", NT_GROUP_NETWORK,
                  "east.test@SERVER");
}

/* N1: it answers us, but not the other end. */
static void an_end_that_does_not_find_the_other_is_named(void **state)
{
    static const uint32_t codes[] = { 1311, 1355, 1908, 1722, 1753 };
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct nt_ends_facts *f = good();
        WEST(f)->channel.werr = codes[i];
        assert_judged(f, NT_GRADE_CRITICAL, "name-resolution", "WEST", NT_GROUP_NETWORK,
                      "_ldap._tcp.dc._msdcs.east.test westdc");
    }
}

static void a_controller_whose_dns_finds_the_other_has_another_cause(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->dns = (struct nt_dns_view){ .look = NT_LOOK_SEEN, .found = 1 };
    WEST(f)->channel.werr = 1311; /* it remembers that the other was down */
    assert_judged(f, NT_GRADE_CRITICAL, "peer-unreachable", "WEST", NT_GROUP_NETWORK,
                  "net cache flush at westdc");
    WEST(f)->channel.werr = 1355; /* the object was replicated after it had started */
    assert_judged(f, NT_GRADE_CRITICAL, "trust-not-loaded", "WEST", NT_GROUP_NETWORK,
                  "restart samba-ad-dc at westdc");
}

/* A channel of before may live on where users' clients find nobody any more. */
static void dns_that_lost_the_other_end_is_a_warning_while_the_channel_lives(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->dns = (struct nt_dns_view){ .look = NT_LOOK_SEEN,
                                         .asked = "_ldap._tcp.dc._msdcs.east.test",
                                         .why = "no such name" };
    assert_judged(f, NT_GRADE_WARNING, "name-resolution", "WEST", NT_GROUP_NETWORK,
                  "host -t SRV _ldap._tcp.dc._msdcs.east.test westdc");
    WEST(f)->dns.look = NT_LOOK_FAILED; /* no DNS server: nothing follows */
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

static void a_port_that_is_closed_is_named(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    for (int p = 0; p < NT_PORT_COUNT; p++)
        WEST(f)->ports[p] = EAST(f)->ports[p] = NT_PORT_OPEN;
    EAST(f)->ports[NT_PORT_DNS] = NT_PORT_CLOSED; /* which may be elsewhere */
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    EAST(f)->ports[NT_PORT_KERBEROS] = NT_PORT_SILENT;
    assert_judged(f, NT_GRADE_WARNING, "port-closed", "EAST", NT_GROUP_NETWORK, "open port 88");
    nt_compare_ends(f, &d);
    assert_non_null(strstr(d.cause, "a firewall drops"));
    f->end[1].names.dns[0] = '\0'; /* an NT-style domain has no such service */
    nt_compare_ends(f, &d);
    assert_string_not_equal(d.reason, "port-closed");
}

static void a_second_controller_that_is_down_is_a_warning(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    controller(f, 1, "eastdc2");
    failed(&f->end[1].dc[1].reached, NT_ADMIN_NETWORK, "eastdc2 port 445: connection refused");
    f->end[1].dc[1].channel_asked.look = NT_LOOK_NOT_ASKED;
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_string_equal(d.reason, "controller-down");
    assert_int_equal(d.grade, NT_GRADE_WARNING);
    assert_int_equal(d.group[NT_GROUP_PASSWORDS].grade, NT_GRADE_GOOD);
    assert_int_equal(d.group[NT_GROUP_NETWORK].grade, NT_GRADE_WARNING);
    /* one that refuses the administrator is not down, and was not seen */
    failed(&f->end[1].dc[1].reached, NT_ADMIN_CREDENTIALS, "it refused the logon");
    nt_compare_ends(f, &d);
    assert_string_equal(d.reason, "not-seen");
    assert_int_equal(d.grade, NT_GRADE_UNKNOWN);
}

static void the_clock_that_is_off_is_the_one_that_is_far_from_ours(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->ahead_100ns = 10 * (int64_t)NT_TIME_MINUTE;
    assert_judged(f, NT_GRADE_CRITICAL, "time-skew", "EAST", NT_GROUP_CLOCK, "eastdc");
    EAST(f)->ahead_100ns = 0;
    WEST(f)->ahead_100ns = -10 * (int64_t)NT_TIME_MINUTE;
    assert_judged(f, NT_GRADE_CRITICAL, "time-skew", "WEST", NT_GROUP_CLOCK, "westdc");
    WEST(f)->ahead_100ns = -2 * (int64_t)NT_TIME_MINUTE;
    assert_judged(f, NT_GRADE_WARNING, "time-skew", "WEST", NT_GROUP_CLOCK, "westdc");
    /* Ours may be the one that is off. */
    WEST(f)->ahead_100ns = EAST(f)->ahead_100ns = (int64_t)NT_TIME_HOUR;
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

static void encryption_types_that_do_not_meet_are_named(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->tdo.enc_types = NT_ENC_RC4;
    assert_critical(f, "encryption-types", "EAST", NT_GROUP_CRYPTO);
    EAST(f)->tdo.enc_types = 0; /* stands for RC4 */
    assert_critical(f, "encryption-types", "EAST", NT_GROUP_CRYPTO);
    WEST(f)->tdo.enc_types = NT_ENC_RC4 | NT_ENC_AES;
    assert_judged(f, NT_GRADE_WARNING, "rc4-only", "EAST", NT_GROUP_CRYPTO, "ntrust reset");
    EAST(f)->tdo.enc_known = false;
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    WEST(f)->channel.werr = 1265;
    assert_judged(f, NT_GRADE_CRITICAL, "crypto-refused", "", NT_GROUP_CRYPTO, "up to date");
}

/* --- halves --- */

static void a_half_that_was_removed_is_named(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    EAST(f)->account.exists = false;
    EAST(f)->channel_asked.look = NT_LOOK_NOT_ASKED;
    WEST(f)->channel.werr = 1787;
    assert_critical(f, "removed", "EAST", NT_GROUP_HALVES);
}

static void no_half_at_all_is_no_trust(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    for (size_t i = 0; i < 2; i++) {
        f->end[i].dc[0].tdo = (struct nt_admin_tdo_full){ .enc_known = false };
        f->end[i].dc[0].account.exists = false;
        f->end[i].dc[0].channel_asked.look = NT_LOOK_NOT_ASKED;
    }
    assert_judged(f, NT_GRADE_CRITICAL, "no-trust", "", NT_GROUP_HALVES, "establish");
}

static void a_domain_that_was_made_anew_is_told_by_its_sid(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    assert_true(nt_sid_parse("S-1-5-21-9-9-9", &WEST(f)->tdo.tdo.sid));
    assert_critical(f, "domain-changed", "WEST", NT_GROUP_HALVES);
    /* Even when the new one knows nothing of the trust. */
    EAST(f)->tdo.tdo.exists = false;
    EAST(f)->account.exists = false;
    assert_critical(f, "domain-changed", "WEST", NT_GROUP_HALVES);
}

static void names_that_differ_are_told(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    snprintf(WEST(f)->tdo.dns, sizeof WEST(f)->tdo.dns, "old.test");
    assert_critical(f, "domain-changed", "WEST", NT_GROUP_HALVES);
    f = good();
    snprintf(EAST(f)->tdo.dns, sizeof EAST(f)->tdo.dns, "WEST.Test"); /* names have no case */
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

static void the_end_that_lacks_a_direction_is_named(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->tdo.tdo.direction = NT_ADMIN_INBOUND;
    EAST(f)->channel_asked.look = NT_LOOK_NOT_ASKED;
    assert_critical(f, "wrong-direction", "EAST", NT_GROUP_HALVES);
    /* A one-way trust is fine when both say so: EAST trusts nobody, WEST trusts EAST. */
    WEST(f)->tdo.tdo.direction = NT_ADMIN_OUTBOUND;
    WEST(f)->account.exists = false;
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    assert_int_equal(nt_ends_direction(f, 0), 1);
    assert_int_equal(nt_ends_direction(f, 1), 0);
}

static void an_account_that_cannot_be_used_is_named(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->account.disabled = true;
    WEST(f)->channel.werr = 1787;
    assert_critical(f, "account-disabled", "EAST", NT_GROUP_HALVES);
    EAST(f)->account.disabled = false;
    EAST(f)->account.type = NT_ADMIN_USER;
    assert_critical(f, "wrong-account-type", "EAST", NT_GROUP_HALVES);
    EAST(f)->account.exists = false;
    assert_critical(f, "account-missing", "EAST", NT_GROUP_HALVES);
}

static void kinds_that_differ_are_told(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->tdo.tdo.attributes = NT_TRUST_FOREST;
    assert_critical(f, "kinds-differ", "", NT_GROUP_HALVES);
    WEST(f)->tdo.tdo.attributes = NT_TRUST_QUARANTINED | NT_TRUST_SELECTIVE; /* its own affair */
    struct nt_diagnosis d;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
    assert_non_null(strstr(d.group[NT_GROUP_POLICY].text, "selective"));
}

/* An NT-style trusted end keeps an account, and no object. */
/* WEST trusts EAST, which is NT-style: it has no more than the account. */
static struct nt_ends_facts *trusts_nt(void)
{
    struct nt_ends_facts *f = good();
    f->end[1].names.dns[0] = '\0';
    WEST(f)->tdo.dns[0] = '\0';
    WEST(f)->tdo.tdo.type = 1;
    WEST(f)->tdo.tdo.direction = NT_ADMIN_OUTBOUND;
    WEST(f)->account.exists = false;
    EAST(f)->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    EAST(f)->channel_asked.look = NT_LOOK_NOT_ASKED;
    return f;
}

static void an_nt_style_trusted_end_needs_no_object(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    nt_compare_ends(trusts_nt(), &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

/* An NT-style trust has no Kerberos whose types could be compared. */
static void an_nt_style_trust_may_list_rc4_alone(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    struct nt_ends_facts *f = trusts_nt();
    WEST(f)->tdo.enc_types = NT_ENC_RC4;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_GOOD);
}

static void an_nt_style_trust_is_told_by_its_account_alone(void **state)
{
    (void)state;
    struct nt_ends_facts *f = trusts_nt();
    f->end[0].names.dns[0] = '\0';
    WEST(f)->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    WEST(f)->channel_asked.look = NT_LOOK_NOT_ASKED;
    assert_critical(f, "removed", "WEST", NT_GROUP_HALVES);
}

static void where_a_secret_is_stored_by_hand_the_remedy_says_so(void **state)
{
    (void)state;
    struct nt_ends_facts *f = trusts_nt();
    f->end[0].names.dns[0] = '\0';
    WEST(f)->tdo.fixed = true;
    EAST(f)->account.exists = false;
    assert_judged(f, NT_GRADE_CRITICAL, "account-missing", "EAST", NT_GROUP_HALVES,
                  "ntrust reset --generate");
}

/* Samba's: the account is there, and is not what it asks for. */
static void an_ad_domain_that_names_itself_by_dns_cannot_trust_nt_style(void **state)
{
    (void)state;
    struct nt_ends_facts *f = trusts_nt();
    WEST(f)->channel.werr = 1787;
    assert_judged(f, NT_GRADE_CRITICAL, "unsupported", "WEST", NT_GROUP_PASSWORDS, "ntrust remove");
}

/* --- passwords --- */

static void the_end_that_set_its_half_alone_is_told_by_the_accounts(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->channel.werr = EAST(f)->channel.werr = 5;
    EAST(f)->account.password_set = NOW - NT_TIME_HOUR;
    assert_critical(f, "password-mismatch", "EAST", NT_GROUP_PASSWORDS);
    WEST(f)->account.password_set = EAST(f)->account.password_set; /* then nothing tells */
    assert_critical(f, "password-mismatch", "", NT_GROUP_PASSWORDS);
}

static void a_missing_secret_and_a_missing_account_are_of_different_ends(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->channel.werr = 1786;
    assert_critical(f, "no-secret", "WEST", NT_GROUP_PASSWORDS);
    WEST(f)->channel.werr = 1787;
    assert_critical(f, "account-missing", "EAST", NT_GROUP_PASSWORDS);
}

static void what_the_controller_says_by_its_code_is_believed(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    WEST(f)->channel.werr = 1810;
    assert_critical(f, "domain-changed", "WEST", NT_GROUP_PASSWORDS);
    WEST(f)->channel.werr = 1937;
    assert_judged(f, NT_GRADE_CRITICAL, "ntlm-blocked", "", NT_GROUP_PASSWORDS, "policies");
    WEST(f)->channel.werr = 1398;
    assert_judged(f, NT_GRADE_CRITICAL, "time-skew", "", NT_GROUP_PASSWORDS, "clocks");
    WEST(f)->channel.werr = 4711;
    assert_critical(f, "channel-failed", "", NT_GROUP_PASSWORDS);
}

/* P3: changing the secret again would make it worse. */
static void controllers_that_differ_are_not_reset(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    controller(f, 0, "westdc2");
    f->end[0].dc[1].channel.werr = 5;
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "WEST", NT_GROUP_PASSWORDS,
                  "replicate westdc2 westdc DC=west,DC=test");
    snprintf(f->end[0].dc[0].host, sizeof f->end[0].dc[0].host, "192.0.2.1");
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "WEST", NT_GROUP_PASSWORDS,
                  "replicate westdc2 SOURCE DC=west,DC=test, SOURCE being the name of 192.0.2.1");
    struct nt_ping *ping = &f->end[0].dc[0].ping;
    ping->look = NT_LOOK_SEEN;
    snprintf(ping->answer.host, sizeof ping->answer.host, "westdc.west.test");
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "WEST", NT_GROUP_PASSWORDS,
                  "replicate westdc2 westdc.west.test DC=west,DC=test");
    snprintf(ping->answer.host, sizeof ping->answer.host, "x; reboot");
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "WEST", NT_GROUP_PASSWORDS,
                  "replicate westdc2 SOURCE");

    f = good(); /* nor where the object itself is not everywhere */
    controller(f, 0, "westdc2");
    f->end[0].dc[1].tdo.tdo.exists = false;
    f->end[0].dc[1].channel_asked.look = NT_LOOK_NOT_ASKED;
    assert_judged(f, NT_GRADE_CRITICAL, "not-replicated", "WEST", NT_GROUP_HALVES,
                  "replicate westdc2 westdc DC=west,DC=test");
}

static void an_old_secret_is_a_warning(void **state)
{
    (void)state;
    struct nt_ends_facts *f = good();
    EAST(f)->account.password_set = NOW - 90 * NT_TIME_DAY;
    assert_judged(f, NT_GRADE_WARNING, "rotation-stopped", "WEST", NT_GROUP_PASSWORDS,
                  "ntrust reset");
}

/* --- what could not be seen --- */

static void what_cannot_be_read_is_unknown_and_not_guessed(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    struct nt_ends_facts *f = good();
    f->end[1].main = f->end[1].count;
    failed(&EAST(f)->reached, NT_ADMIN_CREDENTIALS, "eastdc does not accept the logon");
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_UNKNOWN);
    assert_string_equal(d.end, "");
    assert_string_equal(d.reason, "credentials");
    EAST(f)->reached.error.kind = NT_ADMIN_CRYPTO;
    EAST(f)->reached.error.status = NT_STATUS(NTLM_BLOCKED);
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_UNKNOWN);
    assert_string_equal(d.reason, "ntlm-blocked");
    assert_non_null(strstr(d.remedy, "-k"));
    WEST(f)->channel.werr = 1787; /* what is broken comes first */
    nt_compare_ends(f, &d);
    assert_string_equal(d.reason, "account-missing");
    f = good();
    failed(&WEST(f)->channel_asked, NT_ADMIN_RIGHTS, "an administrator is needed");
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_UNKNOWN);
    assert_int_equal(d.group[NT_GROUP_PASSWORDS].grade, NT_GRADE_UNKNOWN);
    f = good();
    failed(&EAST(f)->tdo_asked, NT_ADMIN_RIGHTS, "an administrator is needed");
    EAST(f)->account_asked.look = EAST(f)->channel_asked.look = NT_LOOK_NOT_ASKED;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_UNKNOWN);
}

/* Without rights at the other end this one's view still tells a fault. */
static void one_end_alone_still_tells_what_it_sees(void **state)
{
    (void)state;
    struct nt_diagnosis d;
    struct nt_ends_facts *f = good();
    f->end[1].main = f->end[1].count;
    f->end[1].dc[0] = (struct nt_controller_facts){ .host = "eastdc" };
    WEST(f)->channel.werr = 1787;
    nt_compare_ends(f, &d);
    assert_int_equal(d.grade, NT_GRADE_CRITICAL);
    assert_string_equal(d.reason, "account-missing");
    assert_string_equal(d.end, "EAST");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_halves_that_agree_are_good),
        cmocka_unit_test(an_end_that_is_down_is_named),
        cmocka_unit_test(an_end_that_does_not_find_the_other_is_named),
        cmocka_unit_test(a_controller_whose_dns_finds_the_other_has_another_cause),
        cmocka_unit_test(dns_that_lost_the_other_end_is_a_warning_while_the_channel_lives),
        cmocka_unit_test(a_port_that_is_closed_is_named),
        cmocka_unit_test(a_second_controller_that_is_down_is_a_warning),
        cmocka_unit_test(the_clock_that_is_off_is_the_one_that_is_far_from_ours),
        cmocka_unit_test(encryption_types_that_do_not_meet_are_named),
        cmocka_unit_test(a_half_that_was_removed_is_named),
        cmocka_unit_test(no_half_at_all_is_no_trust),
        cmocka_unit_test(a_domain_that_was_made_anew_is_told_by_its_sid),
        cmocka_unit_test(names_that_differ_are_told),
        cmocka_unit_test(the_end_that_lacks_a_direction_is_named),
        cmocka_unit_test(an_account_that_cannot_be_used_is_named),
        cmocka_unit_test(kinds_that_differ_are_told),
        cmocka_unit_test(an_nt_style_trusted_end_needs_no_object),
        cmocka_unit_test(an_nt_style_trust_may_list_rc4_alone),
        cmocka_unit_test(an_nt_style_trust_is_told_by_its_account_alone),
        cmocka_unit_test(where_a_secret_is_stored_by_hand_the_remedy_says_so),
        cmocka_unit_test(an_ad_domain_that_names_itself_by_dns_cannot_trust_nt_style),
        cmocka_unit_test(the_end_that_set_its_half_alone_is_told_by_the_accounts),
        cmocka_unit_test(a_missing_secret_and_a_missing_account_are_of_different_ends),
        cmocka_unit_test(what_the_controller_says_by_its_code_is_believed),
        cmocka_unit_test(controllers_that_differ_are_not_reset),
        cmocka_unit_test(an_old_secret_is_a_warning),
        cmocka_unit_test(what_cannot_be_read_is_unknown_and_not_guessed),
        cmocka_unit_test(one_end_alone_still_tells_what_it_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
