/* Whose word counts when an end's administrator is named in more than one place. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/owf.h"
#include "crypto/sysenv.h"
#include "repair/pair.h"

static bool told(void *ctx, struct nt_credentials *c, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    return ctx != NULL && nt_credentials_password(c, ctx);
}

static void assert_is(const struct nt_credentials *c, const char *domain, const char *user,
                      const char *password)
{
    NT_SCOPED_SECRET hash = { .len = 0 };
    assert_string_equal(c->domain, domain);
    assert_string_equal(c->user, user);
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    assert_memory_equal(c->hash.b, hash.b, hash.len);
}

static void what_is_typed_counts_before_the_file_and_the_environment(void **state)
{
    (void)state;
    char why[400], typed[] = "typed";
    struct nt_credentials c;
    struct nt_end end = { .name = "west", .domain = "WEST", .user = "OTHER\\frieda" };
    struct nt_pair_who who = { .user = "emil", .env = true, .ask = told, .ctx = typed };
    setenv("NTRUST_USER_WEST", "WEST\\env", 1);
    setenv("NTRUST_PASSWORD_WEST", "of the environment", 1);
    assert_true(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_is(&c, "WEST", "emil", "typed");
    nt_credentials_wipe(&c);
    who.user = NULL;
    assert_true(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_is(&c, "OTHER", "frieda", "typed");
    nt_credentials_wipe(&c);
    end.user[0] = '\0';
    assert_true(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_is(&c, "WEST", "env", "of the environment");
    nt_credentials_wipe(&c);
    who.env = false;
    assert_true(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_string_equal(c.user, "");
    unsetenv("NTRUST_USER_WEST");
    unsetenv("NTRUST_PASSWORD_WEST");
}

static void a_user_whose_password_nobody_tells_is_no_administrator(void **state)
{
    (void)state;
    char why[400];
    struct nt_credentials c;
    const struct nt_end end = { .name = "west", .domain = "WEST" };
    struct nt_pair_who who = { .user = "emil" };
    assert_false(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_string_equal(why, "the password of WEST\\emil is missing");
    who.ask = told; /* who knows none, and has said so */
    assert_false(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_string_equal(why, "");
    who.user = "WEST\\";
    assert_false(nt_pair_identify(&end, &who, &c, why, sizeof why));
    assert_string_equal(why, "'WEST\\' has to be NAME or DOMAIN\\NAME");
}

static void controllers_that_are_named_are_not_looked_for(void **state)
{
    (void)state;
    char lost[400];
    struct nt_servers servers;
    struct nt_credentials c = { .kerberos = false };
    struct nt_end end = { .domain = "WEST", .servers = "dc1 smb:192.0.2.7" };
    assert_true(nt_pair_controllers(nt_env_system(), &end, &c, &servers, lost, sizeof lost));
    assert_int_equal(servers.count, 2);
    assert_string_equal(lost, "");
    snprintf(end.servers, sizeof end.servers, "dc1:99999");
    assert_false(nt_pair_controllers(nt_env_system(), &end, &c, &servers, lost, sizeof lost));
    assert_string_not_equal(lost, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_typed_counts_before_the_file_and_the_environment),
        cmocka_unit_test(a_user_whose_password_nobody_tells_is_no_administrator),
        cmocka_unit_test(controllers_that_are_named_are_not_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
