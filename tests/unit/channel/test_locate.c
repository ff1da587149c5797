/* The list of a domain's controllers: doubles, order, words; lmhosts files; DNS records. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/locate.h"

static void add(struct nt_located *l, enum nt_locate_method method, const char *host,
                const char *name, uint32_t rank)
{
    struct nt_server server = { .road = NT_ROAD_ANY };
    snprintf(server.host, sizeof server.host, "%s", host);
    nt_located_add(l, method, "asked", &server, name, rank);
}

static void assert_order(struct nt_located *l, const char *expected)
{
    char text[512] = "";
    for (size_t i = 0; i < l->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", i > 0 ? ", " : "",
                 l->list[i].server.host, nt_locate_methods_text(l->list[i].methods));
    assert_string_equal(text, expected);
}

static void one_that_several_methods_find_is_one(void **state)
{
    struct nt_located l = { .count = 0 };
    (void)state;
    add(&l, NT_LOCATE_BROADCAST, "192.0.2.1", "", 0);
    add(&l, NT_LOCATE_WINS, "192.0.2.1", "", 5);
    add(&l, NT_LOCATE_DNS, "192.0.2.1", "dc1.east.example", 7);
    add(&l, NT_LOCATE_CONFIGURED, "DC1.east.example", "", 0);
    add(&l, NT_LOCATE_BROADCAST, "192.0.2.2", "", 1);
    nt_located_sort(&l, false);
    assert_order(&l, "192.0.2.1 configured+dns+wins+broadcast, 192.0.2.2 broadcast");
    assert_string_equal(l.list[0].name, "dc1.east.example");
}

static void methods_come_in_their_order_whoever_was_faster(void **state)
{
    struct nt_located l = { .count = 0 };
    (void)state;
    add(&l, NT_LOCATE_BROADCAST, "192.0.2.5", "", 0);
    add(&l, NT_LOCATE_WINS, "192.0.2.4", "", 64);
    add(&l, NT_LOCATE_WINS, "192.0.2.3", "", 0);
    add(&l, NT_LOCATE_DNS, "192.0.2.2", "", 0);
    add(&l, NT_LOCATE_LMHOSTS, "192.0.2.1", "", 0);
    nt_located_sort(&l, false);
    assert_order(&l, "192.0.2.1 lmhosts, 192.0.2.2 dns, 192.0.2.3 wins, 192.0.2.4 wins, 192.0.2.5 "
                     "broadcast");
    nt_located_sort(&l, true);
    assert_order(&l, "192.0.2.1 lmhosts, 192.0.2.2 dns, 192.0.2.5 broadcast, 192.0.2.3 wins, "
                     "192.0.2.4 wins");
}

static void more_than_fit_are_left_out(void **state)
{
    struct nt_located l = { .count = 0 };
    struct nt_servers servers;
    (void)state;
    for (int i = 0; i < 100; i++) {
        char host[32];
        snprintf(host, sizeof host, "192.0.2.%d", i);
        add(&l, NT_LOCATE_WINS, host, "", (uint32_t)i);
        nt_located_miss(&l, NT_LOCATE_DNS, host, "no such name");
    }
    assert_int_equal(l.count, NT_SERVERS_MAX);
    assert_int_equal(l.miss_count, NT_LOCATE_MISSES);
    nt_located_servers(&l, &servers);
    assert_int_equal(servers.count, NT_SERVERS_MAX);
    assert_string_equal(servers.list[15].host, "192.0.2.15");
}

static void the_sentence_names_each_name_and_method(void **state)
{
    struct nt_located l = { .count = 0 };
    char text[400], small[40];
    (void)state;
    nt_located_miss(&l, NT_LOCATE_DNS, "_ldap._tcp.pdc._msdcs.east.example", "no such name");
    nt_located_miss(&l, NT_LOCATE_WINS, "EAST<1c>", "no answer");
    nt_located_text(&l, "EAST", text, sizeof text);
    assert_string_equal(text, "no controller of EAST was found: dns "
                              "_ldap._tcp.pdc._msdcs.east.example (no such name); wins EAST<1c> "
                              "(no answer)");
    nt_located_text(&l, "EAST", small, sizeof small);
    assert_int_equal(strlen(small), sizeof small - 1);
}

static struct nt_located find(const char *text, const char *domain)
{
    struct nt_located l = { .count = 0 };
    size_t len = strlen(text);
    char *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    nt_lmhosts_find(exact, len, domain, "/etc/lmhosts", &l);
    free(exact);
    return l;
}

static void lines_of_an_lmhosts_file_are_found(void **state)
{
    struct nt_located l = find("# a comment with #DOM:EAST\r\n"
                               "192.0.2.1\tEASTBDC  #PRE #DOM:east  # the second\r\n"
                               "192.0.2.2 WESTDC #PRE #DOM:WEST\n"
                               "192.0.2.3 EAST#1c\n"
                               "192.0.2.4 \"EAST           \\0x1b\" #PRE\n"
                               "192.0.2.5 EAST\n"
                               "192.0.2.6 EAST#20\n"
                               "192.0.2.7 EASTX#1b\n"
                               "2001:db8::1 EASTSIX #DOM:EAST\n"
                               "name EASTDC #DOM:EAST\n"
                               "#INCLUDE \\\\server\\lmhosts\n"
                               "192.0.2.8 LAST #DOM:EAST",
                               "EAST");
    (void)state;
    nt_located_sort(&l, false);
    assert_order(&l, "192.0.2.4 lmhosts, 192.0.2.1 lmhosts, 192.0.2.3 lmhosts, 2001:db8::1 "
                     "lmhosts, 192.0.2.8 lmhosts");
    assert_string_equal(l.list[1].name, "EASTBDC");
    assert_int_equal(l.miss_count, 0);
}

static void a_file_without_the_domain_is_told(void **state)
{
    struct nt_located l = find("192.0.2.1 EASTDC #DOM:EAST\n", "WEST");
    (void)state;
    assert_int_equal(l.count, 0);
    assert_string_equal(l.misses[0].asked, "/etc/lmhosts");
    l = find("", "WEST");
    assert_int_equal(l.miss_count, 1);
    l = find("192.0.2.1", "WEST");
    assert_int_equal(l.count, 0);
    l = find("192.0.2.1 \"WEST", "WEST");
    assert_int_equal(l.count, 0);
}

static void records_come_by_priority_and_weight(void **state)
{
    struct nt_srv rows[] = { { 10, 0, 389, "c" }, { 0, 1, 389, "b" }, { 0, 100, 389, "a" } };
    (void)state;
    nt_srv_sort(rows, 3);
    assert_string_equal(rows[0].target, "a");
    assert_string_equal(rows[1].target, "b");
    assert_string_equal(rows[2].target, "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_several_methods_find_is_one),
        cmocka_unit_test(methods_come_in_their_order_whoever_was_faster),
        cmocka_unit_test(more_than_fit_are_left_out),
        cmocka_unit_test(the_sentence_names_each_name_and_method),
        cmocka_unit_test(lines_of_an_lmhosts_file_are_found),
        cmocka_unit_test(a_file_without_the_domain_is_told),
        cmocka_unit_test(records_come_by_priority_and_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
