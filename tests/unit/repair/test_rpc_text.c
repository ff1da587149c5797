/* Parameters as they are typed. */
#include <stdlib.h>
#include <string.h>

#include "../test.h"
#include "repair/rpc_text.h"

static char why[NT_RPC_TEXT_WHY];

/* Puts up to three into one object. The caller frees the text; NULL with why[]. */
static char *put(const char *a, const char *b, const char *c)
{
    const char *typed[] = { a, b, c };
    json_t *all = json_object();
    bool ok = true;
    why[0] = '\0';
    for (size_t i = 0; i < 3 && typed[i] != NULL && ok; i++)
        ok = nt_rpc_text_put(all, typed[i], why);
    char *text = ok ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    assert_true(ok == (why[0] == '\0'));
    return text;
}

static void gives(const char *a, const char *b, const char *c, const char *json)
{
    char *text = put(a, b, c);
    assert_string_equal(why, "");
    assert_string_equal(text, json);
    free(text);
}

static void refused(const char *a, const char *b, const char *message)
{
    assert_null(put(a, b, NULL));
    assert_string_equal(why, message);
}

static void values_are_texts_unless_they_look_like_json(void **state)
{
    (void)state;
    gives("A=12", "B=S-1-5-32", "C=a=b c", "{\"A\":\"12\",\"B\":\"S-1-5-32\",\"C\":\"a=b c\"}");
    gives("A=null", "B=\"null\"", "C=", "{\"A\":null,\"B\":\"null\",\"C\":\"\"}");
    gives("A=[1,\"b\"]", "B={\"c\":{}}", "C=\"\\u0000\"",
          "{\"A\":[1,\"b\"],\"B\":{\"c\":{}},\"C\":\"\\u0000\"}");
}

static void paths_lead_into_structures_and_lists(void **state)
{
    (void)state;
    gives("A.B.C=1", "A.B.D=2", "A.E=3", "{\"A\":{\"B\":{\"C\":\"1\",\"D\":\"2\"},\"E\":\"3\"}}");
    gives("A[0]=x", "A[1].B=y", "A[1].C[0]=z", "{\"A\":[\"x\",{\"B\":\"y\",\"C\":[\"z\"]}]}");
    gives("A={\"B\":1}", "A.C=2", NULL, "{\"A\":{\"B\":1,\"C\":\"2\"}}");
    gives("A.16.B=1", NULL, NULL, "{\"A\":{\"16\":{\"B\":\"1\"}}}");
}

static void a_mistake_is_told(void **state)
{
    (void)state;
    refused("", NULL, "'' is no NAME=VALUE");
    refused("A", NULL, "'A' is no NAME=VALUE");
    refused("=1", NULL, "'=1' is no NAME=VALUE");
    refused("[0]=1", NULL, "'[0]=1' is no NAME=VALUE");
    refused("A..B=1", NULL, "'..B=1' is no NAME=VALUE");
    refused("A-B=1", NULL, "'-B=1': members stand behind a dot");
    refused("A[x]=1", NULL, "'[x]=1': [ and ] have a number between them");
    refused("A[-1]=1", NULL, "'[-1]=1': [ and ] have a number between them");
    refused("A[0=1", NULL, "'[0=1': [ and ] have a number between them");
    refused("A[1]=1", NULL, "element 1 comes before element 0 was given");
    refused("A[18446744073709551615]=1", NULL,
            "element 18446744073709551615 comes before element 0 was given");
    refused("A=1", "A=2", "'A' is given twice");
    refused("A=1", "A.B=2", "one name stands for two kinds of value");
    refused("A.B=1", "A[0]=2", "one name stands for two kinds of value");
    refused("A=[1", NULL, "[1: column 2: ']' expected near end of file");
    refused("A=\xFF", NULL, "the value is not UTF-8");
}

static void a_path_is_not_endless(void **state)
{
    char typed[200];
    (void)state;
    for (size_t i = 0; i < 90; i++)
        memcpy(typed + 2 * i, i == 89 ? "A=" : "A.", 2);
    typed[180] = '\0';
    assert_null(put(typed, NULL, NULL));
    assert_non_null(strstr(why, "is no NAME=VALUE"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_texts_unless_they_look_like_json),
        cmocka_unit_test(paths_lead_into_structures_and_lists),
        cmocka_unit_test(a_mistake_is_told),
        cmocka_unit_test(a_path_is_not_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
