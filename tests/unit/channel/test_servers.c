/*
 * test_servers.c - lists of controllers as people write them.
 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "channel/servers.h"

static bool parse(const char *text, struct nt_servers *out)
{
    char why[200] = "";
    bool ok = nt_servers_parse(text, out, why, sizeof why);
    assert_int_equal(ok, why[0] == '\0'); /* a refusal says why */
    return ok;
}

static void assert_one(const char *text, const char *host, uint16_t port)
{
    struct nt_servers s;
    assert_true(parse(text, &s));
    assert_int_equal(s.count, 1);
    assert_string_equal(s.list[0].host, host);
    assert_int_equal(s.list[0].port, port);
}

static void names_and_addresses_are_read(void **state)
{
    (void)state;
    assert_one("pdc", "pdc", 0);
    assert_one("  pdc.accounts.example:11135 ", "pdc.accounts.example", 11135);
    assert_one("192.0.2.7:135", "192.0.2.7", 135);
    assert_one("2001:db8::7", "2001:db8::7", 0);
    assert_one("[2001:db8::7]", "2001:db8::7", 0);
    assert_one("[2001:db8::7]:65535", "2001:db8::7", 65535);
}

static void assert_road(const char *text, const char *host, uint16_t port, enum nt_road road)
{
    struct nt_servers s;
    assert_one(text, host, port);
    assert_true(parse(text, &s));
    assert_int_equal(s.list[0].road, road);
}

static void a_road_may_stand_before_the_host(void **state)
{
    (void)state;
    assert_road("pdc", "pdc", 0, NT_ROAD_ANY);
    assert_road("pdc:445", "pdc", 445, NT_ROAD_ANY);
    assert_road("smb:pdc", "pdc", 0, NT_ROAD_SMB);
    assert_road("smb:pdc:1445", "pdc", 1445, NT_ROAD_SMB);
    assert_road("smb:[2001:db8::7]:1445", "2001:db8::7", 1445, NT_ROAD_SMB);
    assert_road("tcp:192.0.2.7", "192.0.2.7", 0, NT_ROAD_TCP);
    assert_road("\\\\pdc", "pdc", 0, NT_ROAD_SMB);
    assert_road("//pdc", "pdc", 0, NT_ROAD_SMB);
    assert_road("smb:445", "smb", 445, NT_ROAD_ANY); /* a host of that name */
    assert_road("tcp", "tcp", 0, NT_ROAD_ANY);
    struct nt_servers s;
    assert_false(parse("smb:", &s));
    assert_false(parse("//", &s));
}

static void an_empty_text_is_an_empty_list(void **state)
{
    struct nt_servers s;
    (void)state;
    assert_true(parse("", &s));
    assert_int_equal(s.count, 0);
    assert_true(parse("    ", &s));
    assert_int_equal(s.count, 0);
}

static void the_order_is_kept(void **state)
{
    struct nt_servers s;
    (void)state;
    assert_true(parse("a b:1   c", &s));
    assert_int_equal(s.count, 3);
    assert_string_equal(s.list[0].host, "a");
    assert_string_equal(s.list[1].host, "b");
    assert_int_equal(s.list[1].port, 1);
    assert_string_equal(s.list[2].host, "c");
}

static void what_breaks_the_form_is_refused(void **state)
{
    static const char *const bad[] = {
        ":135", "a:",     "a:0",    "a:65536", "a:100000", "a:x",     "a:1x",    "a:-1", "[::1",
        "[]:5", "[::1]5", "[::1]:", "[::1]:0", "good a:0", "a:99999", "[::1]:x", "a:+1",
    };
    struct nt_servers s;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(parse(bad[i], &s));
}

static void limits_hold(void **state)
{
    char text[NT_SERVERS_MAX * 2 + 8] = "", name[NT_SERVER_NAME + 2];
    struct nt_servers s;
    (void)state;
    for (int i = 0; i < NT_SERVERS_MAX; i++)
        strcat(text, "a ");
    assert_true(parse(text, &s));
    assert_int_equal(s.count, NT_SERVERS_MAX);
    strcat(text, "b");
    assert_false(parse(text, &s));

    memset(name, 'a', sizeof name);
    name[NT_SERVER_NAME - 1] = '\0';
    assert_true(parse(name, &s));
    name[NT_SERVER_NAME - 1] = 'a';
    name[NT_SERVER_NAME] = '\0';
    assert_false(parse(name, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses_are_read),
        cmocka_unit_test(a_road_may_stand_before_the_host),
        cmocka_unit_test(an_empty_text_is_an_empty_list),
        cmocka_unit_test(the_order_is_kept),
        cmocka_unit_test(what_breaks_the_form_is_refused),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
