/*
 * test_config.c - the settings of ntrustd: each one, its bounds, and what is refused with file and
 * line.
 */
#include "../test.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "daemon/config.h"

static enum nt_err parse(struct nt_config *c, const char *text, char why[512])
{
    nt_config_default(c);
    why[0] = '\0';
    return nt_config_parse(c, "test.conf", text, strlen(text), why, 512);
}

static void assert_good(struct nt_config *c, const char *text)
{
    char why[512];
    if (parse(c, text, why) != NT_OK)
        fail_msg("%s: %s", text, why);
}

/* Refused, with the place and these words. */
static void assert_bad(const char *text, const char *words)
{
    struct nt_config c;
    char why[512];
    if (parse(&c, text, why) == NT_OK)
        fail_msg("accepted: %s", text);
    assert_non_null(strstr(why, "test.conf"));
    if (strstr(why, words) == NULL)
        fail_msg("'%s' does not say '%s'", why, words);
    assert_null(strchr(why, '\n'));
}

static void collect(void *ctx, const char *line)
{
    strcat(ctx, line);
    strcat(ctx, "\n");
}

/* By what they say: there is padding between the members. */
static void assert_same(const struct nt_config *a, const struct nt_config *b)
{
    char text_a[4096] = "", text_b[4096] = "";
    nt_config_print(a, collect, text_a);
    nt_config_print(b, collect, text_b);
    assert_string_equal(text_a, text_b);
}

static void without_settings_the_defaults_stand(void **state)
{
    struct nt_config c, defaults;
    (void)state;
    nt_config_default(&defaults);
    assert_good(&c, "");
    assert_same(&c, &defaults);
    assert_int_equal(c.epm_port, 135);
    assert_int_equal(c.smb_port, 445);
    assert_string_equal(c.address[0], "0.0.0.0");
    assert_true(c.lsa_over_tcp);
}

static void every_setting_is_read(void **state)
{
    struct nt_config c;
    (void)state;
    assert_good(&c, "# a comment\n"
                    "[domain]\nstore = /a/b.db\nmaster_key=/a/key\nshared = yes\n"
                    "computer = dc2\n"
                    "[listen]\naddress = 127.0.0.1   ::1 192.0.2.1\nepm_port = 0\n"
                    "rpc_port = 65535\nsmb_port = 10445\nloops = 64\n"
                    "; another\n"
                    "[limits]\nconnections = 1\nconnections_per_address = 1000000\n"
                    "idle_timeout_s = 864000\nanonymous_timeout_s = 2\nhandshake_timeout_s = 1\n"
                    "sessions_per_connection = 3\nsetups_per_connection = 4\n"
                    "pipes_per_session = 5\nsmb_in_flight_kib = 512\n"
                    "[rpc]\nlsa_over_tcp = no\n"
                    "[netbios]\nname_port = 1137\ndatagram_port = 0\nnode = m\n"
                    "wins = 192.0.2.5  192.0.2.6\nbroadcast = 192.0.2.255\n"
                    "[locate]\ndns = no\ndns_servers = 127.0.0.1:5353 [::1]:53 192.0.2.1\n"
                    "lmhosts =\n"
                    "[admin]\nsocket = /a/sock\ngroup = wheel\n"
                    "[log]\nlevel = debug\n"
                    "[process]\nuser = ntrust\r\n");
    assert_string_equal(c.store, "/a/b.db");
    assert_string_equal(c.master_key, "/a/key");
    assert_int_equal(c.address_count, 3);
    assert_string_equal(c.address[1], "::1");
    assert_int_equal(c.epm_port, 0);
    assert_int_equal(c.rpc_port, 65535);
    assert_int_equal(c.smb_port, 10445);
    assert_int_equal(c.loops, 64);
    assert_int_equal(c.connections, 1);
    assert_int_equal(c.connections_per_address, 1000000);
    assert_int_equal(c.idle_timeout_s, 864000);
    assert_true(c.shared);
    assert_string_equal(c.computer, "DC2");
    assert_int_equal(c.anonymous_timeout_s, 2);
    assert_int_equal(c.handshake_timeout_s, 1);
    assert_int_equal(c.sessions_per_connection, 3);
    assert_int_equal(c.setups_per_connection, 4);
    assert_int_equal(c.pipes_per_session, 5);
    assert_int_equal(c.smb_in_flight_kib, 512);
    assert_false(c.lsa_over_tcp);
    assert_int_equal(c.name_port, 1137);
    assert_int_equal(c.datagram_port, 0);
    assert_int_equal(c.node, NT_NODE_M);
    assert_int_equal(c.wins.count, 2);
    assert_int_equal(c.wins.address[1], 0xC0000206);
    assert_int_equal(c.broadcast.address[0], 0xC00002FF);
    assert_false(c.dns);
    assert_string_equal(c.dns_servers, "127.0.0.1:5353 [::1]:53 192.0.2.1");
    assert_string_equal(c.lmhosts, "");
    assert_string_equal(c.admin_socket, "/a/sock");
    assert_string_equal(c.admin_group, "wheel");
    assert_int_equal(c.log_level, NT_LOG_DEBUG);
    assert_string_equal(c.user, "ntrust");
}

static void bounds_hold(void **state)
{
    static const struct {
        const char *section, *key;
        long long least, most;
    } numbers[] = {
        { "listen", "epm_port", 0, 65535 },
        { "listen", "rpc_port", 1, 65535 },
        { "listen", "loops", 0, 64 },
        { "netbios", "name_port", 0, 65535 },
        { "netbios", "datagram_port", 0, 65535 },
        { "limits", "connections", 1, 1000000 },
        { "limits", "connections_per_address", 1, 1000000 },
        { "limits", "idle_timeout_s", 1, 864000 },
        { "limits", "handshake_timeout_s", 1, 3600 },
        { "listen", "smb_port", 0, 65535 },
        { "limits", "anonymous_timeout_s", 1, 864000 },
        { "limits", "sessions_per_connection", 1, 1024 },
        { "limits", "setups_per_connection", 1, 1024 },
        { "limits", "pipes_per_session", 1, 1024 },
        { "limits", "smb_in_flight_kib", 512, 65536 },
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(numbers); i++) {
        struct nt_config c;
        char text[200];
#define SET(fmt, value)                                                                            \
    (snprintf(text, sizeof text, "[%s]\n%s = " fmt "\n", numbers[i].section, numbers[i].key,       \
              value),                                                                              \
     text)
        assert_good(&c, SET("%lld", numbers[i].least));
        assert_good(&c, SET("%lld", numbers[i].most));
        assert_bad(SET("%lld", numbers[i].most + 1), "must be a number from");
        assert_bad(SET("%lld", numbers[i].least - 1), ":2: ");
        static const char *const bad[] = { "",    "x",     "1x",        "+1",
                                           "1 2", "0x1",   "1.0",       "99999999999999999999999",
                                           "--1", "\"1\"", "4294967297" };
        for (size_t j = 0; j < NT_COUNT(bad); j++)
            assert_bad(SET("%s", bad[j]), ":2: ");
    }
}

static void what_is_not_known_is_refused(void **state)
{
    (void)state;
    assert_bad("[listen]\nepm_prot = 135\n", ":2: unknown setting 'epm_prot' in [listen]");
    assert_bad("\n\n[lisen]\nepm_port = 135\n", ":4: unknown section [lisen]");
    assert_bad("[listen here]\nepm_port = 135\n", "unknown section [listen here]");
    assert_bad("[domain]\nepm_port = 135\n", "unknown setting");
    assert_bad("epm_port = 135\n", ":1: ");
    assert_bad("[listen]\nepm_port\n", ":2: ");
    assert_bad("[listen\nepm_port = 1\n", ":1: ");
    assert_bad("[rpc]\nlsa_over_tcp = true\n", "'yes' or 'no'");
    assert_bad("[log]\nlevel = loud\n", "error, warning, info or debug");
    assert_bad("[domain]\nstore =\n", "must not be empty");
    assert_bad("[listen]\naddress = localhost\n", "not an IPv4 or IPv6 address");
    assert_bad("[listen]\naddress =\n", "at least one address");
    assert_bad("[listen]\naddress = ::1 ::1\n", "twice");
    assert_bad("[listen]\naddress = 1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 "
               "1.1.1.8 1.1.1.9\n",
               "at most 8");
    assert_bad("[netbios]\nnode = x\n", "auto, b, p, m or h");
    assert_bad("[netbios]\nnode = p\n", "needs wins servers");
    assert_bad("[netbios]\nwins = ::1\n", "not an IPv4 address");
    assert_bad("[netbios]\nwins = 1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5\n", "at most 4");
    static const char *const resolvers[] = { "localhost", "127.0.0.1:", "127.0.0.1:0",    "[::1]53",
                                             "[::1",      "::1",        "127.0.0.1:65536" };
    for (size_t i = 0; i < NT_COUNT(resolvers); i++) {
        char text[100];
        snprintf(text, sizeof text, "[locate]\ndns_servers = %s\n", resolvers[i]);
        assert_bad(text, "is not address, address:port");
    }
    assert_bad("[netbios]\nname_port = 138\n", "must differ");
    assert_bad("[listen]\nepm_port = 700\nrpc_port = 700\n", "epm_port and rpc_port are both 700");
    assert_bad("[listen]\nsmb_port = 49153\n", "rpc_port and smb_port are both 49153");
    assert_bad("[listen]\nsmb_port = 135\n", "must differ");
}

static void texts_fit_or_are_refused(void **state)
{
    static const struct {
        const char *section, *key;
        size_t size;
    } texts[] = {
        { "domain", "store", 512 }, { "domain", "master_key", 512 }, { "admin", "socket", 108 },
        { "admin", "group", 64 },   { "process", "user", 64 },
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(texts); i++) {
        struct nt_config c;
        char value[600], text[700];
        memset(value, 'a', sizeof value);
        value[texts[i].size - 1] = '\0';
        snprintf(text, sizeof text, "[%s]\n%s = %s\n", texts[i].section, texts[i].key, value);
        assert_good(&c, text);
        value[texts[i].size - 1] = 'a';
        value[texts[i].size] = '\0';
        snprintf(text, sizeof text, "[%s]\n%s = %s\n", texts[i].section, texts[i].key, value);
        assert_bad(text, "longer than");
    }
}

static void nul_bytes_are_no_text(void **state)
{
    static const char text[] = "[log]\nlevel = in\0fo\n";
    struct nt_config c;
    char why[512];
    (void)state;
    nt_config_default(&c);
    assert_int_not_equal(nt_config_parse(&c, "f", text, sizeof text - 1, why, sizeof why), NT_OK);
    assert_string_equal(why, "f:2: the line has a NUL byte: this is not a text file");
}

static void what_is_printed_reads_back_the_same(void **state)
{
    static const char *const texts[] = {
        "",
        "[listen]\naddress = 127.0.0.1 ::1\nrpc_port = 1\n[rpc]\nlsa_over_tcp = no\n",
        "[domain]\nstore = /a b/c=d;e#f.db\n[admin]\ngroup = x y\n[log]\nlevel = error\n",
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(texts); i++) {
        struct nt_config c, again;
        char printed[4096] = "";
        assert_good(&c, texts[i]);
        nt_config_print(&c, collect, printed);
        assert_good(&again, printed);
        assert_same(&again, &c);
    }
}

static void a_missing_file_is_told(void **state)
{
    struct nt_config c;
    char why[512];
    (void)state;
    nt_config_default(&c);
    assert_int_equal(nt_config_load(&c, "/nonexistent/ntrustd.conf", why, sizeof why),
                     NT_E_NOT_FOUND);
    assert_non_null(strstr(why, "/nonexistent/ntrustd.conf"));
    assert_int_equal(nt_config_load(&c, "/", why, sizeof why), NT_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_settings_the_defaults_stand),
        cmocka_unit_test(every_setting_is_read),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(what_is_not_known_is_refused),
        cmocka_unit_test(texts_fit_or_are_refused),
        cmocka_unit_test(nul_bytes_are_no_text),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(a_missing_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
