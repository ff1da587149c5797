/* What a person is shown is found as it is typed, and says where to look. */
#include "../test.h"

#include <string.h>
#include <strings.h>

#include "base/status.h"
#include "repair/symptoms.h"

static void assert_found(const char *typed, enum nt_symptom_kind kind, uint32_t number)
{
    const struct nt_symptom *s = nt_symptom_find(typed);
    assert_non_null(s);
    assert_int_equal(s->kind, kind);
    assert_int_equal(s->number, number);
}

static void a_code_is_found_in_each_of_its_forms(void **state)
{
    (void)state;
    static const char *const forms[] = { "1787",
                                         "0x6fb",
                                         "0xC000018B",
                                         "c000018b",
                                         "NO_TRUST_SAM_ACCOUNT",
                                         "NT_STATUS_NO_TRUST_SAM_ACCOUNT",
                                         "STATUS_NO_TRUST_SAM_ACCOUNT",
                                         "error 1787",
                                         "WERR_NO_TRUST_SAM_ACCOUNT" };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        assert_found(forms[i], NT_SYMPTOM_CODE, 1787);
    assert_found("WERR_TIME_SKEW", NT_SYMPTOM_CODE, 1398);
    assert_found("0x721", NT_SYMPTOM_CODE, 1825);
    assert_found("5", NT_SYMPTOM_CODE, 5);
}

static void an_event_and_an_error_of_kerberos_are_found(void **state)
{
    (void)state;
    assert_found("event 5722", NT_SYMPTOM_EVENT, 5722);
    assert_found("5722", NT_SYMPTOM_EVENT, 5722);
    assert_found("5818", NT_SYMPTOM_EVENT, 5816);
    assert_found("KDC 14", NT_SYMPTOM_KERBEROS, 14);
    assert_found("KRB_AP_ERR_SKEW", NT_SYMPTOM_KERBEROS, 37);
}

static void anything_else_is_not_guessed(void **state)
{
    (void)state;
    static const char *const others[] = { "",         "0",    "event 1787",  "event",
                                          "KDC 5722", "5820", "0xC0000064",  "event ",
                                          "member",   "-5",   "17870000000", "1787x" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_null(nt_symptom_find(others[i]));
}

/* The last letter decides which end an administrator works on. */
static void the_two_that_are_often_confused_name_their_ends(void **state)
{
    (void)state;
    assert_string_equal(nt_symptom_find("C000018A")->end, "the trusting domain");
    assert_string_equal(nt_symptom_find("C000018B")->end, "the trusted domain");
}

static void every_row_is_whole_and_found_by_its_own_number(void **state)
{
    (void)state;
    size_t count;
    const struct nt_symptom *list = nt_symptoms(&count);
    for (size_t i = 0; i < count; i++) {
        const struct nt_symptom *s = &list[i];
        const ntstatus status = { s->status };
        const char *name = nt_status_name(status);
        assert_true(s->number != 0 && s->last >= s->number);
        assert_true(*s->name != '\0' && *s->means != '\0' && *s->end != '\0' && *s->next != '\0');
        if (s->kind != NT_SYMPTOM_CODE)
            continue;
        assert_ptr_equal(nt_symptom_find(s->name), s);
        if (s->status != 0)
            assert_string_equal(name, s->name); /* the name that the rest of ntrust has for it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_found_in_each_of_its_forms),
        cmocka_unit_test(an_event_and_an_error_of_kerberos_are_found),
        cmocka_unit_test(anything_else_is_not_guessed),
        cmocka_unit_test(the_two_that_are_often_confused_name_their_ends),
        cmocka_unit_test(every_row_is_whole_and_found_by_its_own_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
