/* INI files and the log. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini.h"
#include "base/log.h"

static enum nt_err collect(void *ctx, const struct nt_ini_where *at, const char *section,
                           const char *name, const char *key, const char *value, char *why,
                           size_t why_size)
{
    char *out = ctx;
    if (strcmp(key, "bad") == 0) {
        snprintf(why, why_size, "no such key 'bad'");
        return NT_E_INVALID;
    }
    sprintf(out + strlen(out), "%u %s/%s %s=%s;", at->line, section, name, key, value);
    return NT_OK;
}

static void keys_come_with_section_and_line(void **state)
{
    (void)state;
    char out[512] = "", why[256] = "";
    static const char text[] = "# comment\n[listen]\n port = 135 \r\n\n[peer  EAST]\na=b = c\n"
                               "; more\nempty=";
    assert_int_equal(nt_ini_parse("x.conf", text, sizeof text - 1, collect, out, why, sizeof why),
                     NT_OK);
    assert_string_equal(out, "3 listen/ port=135;6 peer/EAST a=b = c;8 peer/EAST empty=;");
}

static void an_error_names_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "[a]\nbad = 1\n", "x.conf:2: no such key 'bad'" },
        { "k = v\n", "x.conf:1: 'k' stands before any [section]" },
        { "[a\n", "x.conf:1: a section must end with ']'" },
        { "[]\n", "x.conf:1: a section's name is empty or too long" },
        { "[a]\n\nnonsense\n", "x.conf:3: expected 'key = value' or '[section]'" },
        { "[a]\n = v\n", "x.conf:2: there is no key before '='" },
    };
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        char out[512] = "", why[256] = "";
        assert_int_not_equal(nt_ini_parse("x.conf", cases[i].text, strlen(cases[i].text), collect,
                                          out, why, sizeof why),
                             NT_OK);
        assert_string_equal(why, cases[i].why);
    }
}

static void size_is_bounded(void **state)
{
    (void)state;
    char out[512] = "", why[256] = "";
    char *big = malloc(NT_INI_MAX + 1);
    assert_non_null(big);
    memset(big, '\n', NT_INI_MAX + 1);
    assert_int_equal(nt_ini_parse("x", big, NT_INI_MAX, collect, out, why, sizeof why), NT_OK);
    assert_int_equal(nt_ini_parse("x", big, NT_INI_MAX + 1, collect, out, why, sizeof why),
                     NT_E_LIMIT);
    memset(big, 'a', 5000);
    assert_int_equal(nt_ini_parse("x", big, 5000, collect, out, why, sizeof why), NT_E_LIMIT);
    assert_int_equal(nt_ini_parse("x", "[a]\0", 4, collect, out, why, sizeof why), NT_E_MALFORMED);
    free(big);
    assert_int_equal(nt_ini_load("/nonexistent/x.conf", collect, out, why, sizeof why),
                     NT_E_NOT_FOUND);
    assert_string_equal(why, "/nonexistent/x.conf: No such file or directory");
}

static void keep_line(void *ctx, enum nt_log_level level, const char *line)
{
    snprintf(ctx, 256, "%s %s", nt_log_level_name(level), line);
}

static void a_peers_text_cannot_forge_a_log_line(void **state)
{
    (void)state;
    char got[256] = "";
    nt_log_set(NT_LOG_INFO, keep_line, got);
    nt_log(NT_LOG_WARN, "refused account=%s", "EAST$\nadmin granted");
    assert_string_equal(got, "warning refused account=EAST$?admin granted");
    got[0] = '\0';
    nt_log(NT_LOG_DEBUG, "not at this level");
    assert_string_equal(got, "");
    nt_log_set(NT_LOG_INFO, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_with_section_and_line),
        cmocka_unit_test(an_error_names_file_and_line),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(a_peers_text_cannot_forge_a_log_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
