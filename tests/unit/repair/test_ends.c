/* How ends are named, and from where their administrators come. */
#include "../test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/owf.h"
#include "repair/credentials.h"

static struct nt_ends read_text(const char *text)
{
    struct nt_ends ends;
    char why[400];
    assert_true(nt_ends_parse("/etc/x/ends.ini", text, strlen(text), &ends, why, sizeof why));
    return ends;
}

static void an_end_of_the_file_is_found_by_its_name(void **state)
{
    (void)state;
    char why[400];
    struct nt_end e;
    struct nt_ends ends = read_text("# ends\n[end west]\ndomain = west.example\n"
                                    "servers = dc1.west.example smb:dc2\n"
                                    "user = WEST\\Administrator\ncredentials = west.cred\n"
                                    "[end EAST]\nkerberos = yes\n");
    assert_int_equal(ends.count, 2);
    assert_true(nt_end_find(&ends, "WEST", &e, why, sizeof why));
    assert_string_equal(e.domain, "west.example");
    assert_string_equal(e.servers, "dc1.west.example smb:dc2");
    assert_string_equal(e.user, "WEST\\Administrator");
    assert_string_equal(e.credentials, "/etc/x/west.cred");
    assert_true(nt_end_find(&ends, "east", &e, why, sizeof why));
    assert_string_equal(e.domain, "EAST");
    assert_true(e.kerberos);
    nt_ends_free(&ends);
}

static void what_is_typed_wins(void **state)
{
    (void)state;
    char why[400];
    struct nt_end e;
    struct nt_ends ends = read_text("[end west]\ndomain = west.example\nservers = dc1\n");
    assert_true(nt_end_find(&ends, "west@192.0.2.7,dc9", &e, why, sizeof why));
    assert_string_equal(e.domain, "west.example");
    assert_string_equal(e.servers, "192.0.2.7 dc9");
    assert_true(nt_end_find(&ends, "north.example", &e, why, sizeof why));
    assert_string_equal(e.domain, "north.example");
    assert_string_equal(e.servers, "");
    assert_false(nt_end_find(&ends, "", &e, why, sizeof why));
    assert_false(nt_end_find(&ends, "@dc1", &e, why, sizeof why));
    assert_false(nt_end_find(&ends, "west@", &e, why, sizeof why));
    nt_ends_free(&ends);
}

static void a_mistake_in_the_file_is_told_with_its_line(void **state)
{
    static const char *const texts[] = {
        "[end a]\ndomain = x\nserver = y\n",         "[end a]\ndomain = x\nkerberos = maybe\n",
        "[end a]\ndomain = x\n[ends b]\nuser = q\n", "[end a]\ndomain =\ndomain = \n",
        "[end a]\nuser = x\n[end]\nuser = y\n",      "[end a]\nuser = x\n[end b@c]\nuser = y\n",
        "[end a]\nuser = x\nservers = h:99999\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct nt_ends ends;
        char why[400] = "";
        assert_false(nt_ends_parse("f", texts[i], strlen(texts[i]), &ends, why, sizeof why));
        assert_true(strncmp(why, "f:", 2) == 0 && why[2] > '1');
        assert_null(ends.list);
    }
}

static void an_end_stands_in_the_file_once(void **state)
{
    static const char text[] = "[end a]\nuser = x\n[end b]\nuser = y\n[end A]\nuser = z\n";
    (void)state;
    struct nt_ends ends;
    char why[400];
    assert_false(nt_ends_parse("f", text, sizeof text - 1, &ends, why, sizeof why));
    assert_non_null(strstr(why, "line 2"));
}

static void an_absent_file_is_fine_when_nobody_named_it(void **state)
{
    (void)state;
    struct nt_ends ends;
    char why[400];
    assert_true(nt_ends_load("/nonexistent/ends.ini", true, &ends, why, sizeof why));
    assert_int_equal(ends.count, 0);
    assert_false(nt_ends_load("/nonexistent/ends.ini", false, &ends, why, sizeof why));
}

/* --- credentials --- */

static char path[] = "/tmp/ntrust-test-XXXXXX";

static void write_file(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_hash(const struct nt_credentials *c, const char *password)
{
    struct nt_secret hash;
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    assert_true(c->has_password);
    assert_true(nt_secret_equal(&hash, &c->hash));
}

static void a_file_gives_user_and_password(void **state)
{
    (void)state;
    struct nt_credentials c = { .kerberos = false };
    char why[400];
    write_file("# who\nusername = Administrator\r\npassword =  a = b ;c \ndomain = WEST\n", 0600);
    assert_true(nt_credentials_file(&c, path, "EAST", why, sizeof why));
    assert_string_equal(c.user, "Administrator");
    assert_string_equal(c.domain, "WEST");
    assert_hash(&c, "a = b ;c ");
    nt_credentials_wipe(&c);
    assert_false(c.has_password);
    write_file("username=NORTH\\root\npassword=x", 0400);
    assert_true(nt_credentials_file(&c, path, "EAST", why, sizeof why));
    assert_string_equal(c.user, "root");
    assert_string_equal(c.domain, "NORTH");
    nt_credentials_wipe(&c);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0660, 0602, 0610 };
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct nt_credentials c = { .kerberos = false };
        char why[400];
        write_file("username = a\npassword = b\n", modes[i]);
        assert_false(nt_credentials_file(&c, path, "EAST", why, sizeof why));
        assert_non_null(strstr(why, "0600"));
        assert_false(c.has_password);
    }
    struct nt_credentials c = { .kerberos = false };
    char why[400];
    assert_false(nt_credentials_file(&c, "/dev/null", "EAST", why, sizeof why));
    assert_false(nt_credentials_file(&c, "/", "EAST", why, sizeof why));
}

static void a_file_without_all_of_it_is_refused(void **state)
{
    static const char *const texts[] = { "",
                                         "username = a\n",
                                         "password = a\n",
                                         "username = a\npassword = b\nhash = c\n",
                                         "username\n",
                                         "username = \npassword = b\n",
                                         "username = W\\\npassword = b\n" };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct nt_credentials c = { .kerberos = false };
        char why[400];
        write_file(texts[i], 0600);
        assert_false(nt_credentials_file(&c, path, "EAST", why, sizeof why));
        assert_non_null(strstr(why, path));
        nt_credentials_wipe(&c);
    }
}

static void the_environment_has_them_for_each_end(void **state)
{
    (void)state;
    struct nt_credentials c = { .kerberos = false };
    setenv("NTRUST_USER", "root", 1);
    setenv("NTRUST_PASSWORD", "one", 1);
    setenv("NTRUST_USER_WEST_EXAMPLE", "W\\admin", 1);
    setenv("NTRUST_PASSWORD_WEST_EXAMPLE", "two", 1);
    assert_true(nt_credentials_env(&c, "west.example", "WEST"));
    assert_string_equal(c.domain, "W");
    assert_string_equal(c.user, "admin");
    assert_hash(&c, "two");
    nt_credentials_wipe(&c);
    assert_true(nt_credentials_env(&c, "east", "EAST"));
    assert_string_equal(c.domain, "EAST");
    assert_hash(&c, "one");
    nt_credentials_wipe(&c);
    unsetenv("NTRUST_PASSWORD");
    assert_false(nt_credentials_env(&c, "east", "EAST"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_of_the_file_is_found_by_its_name),
        cmocka_unit_test(what_is_typed_wins),
        cmocka_unit_test(a_mistake_in_the_file_is_told_with_its_line),
        cmocka_unit_test(an_end_stands_in_the_file_once),
        cmocka_unit_test(an_absent_file_is_fine_when_nobody_named_it),
        cmocka_unit_test(a_file_gives_user_and_password),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
        cmocka_unit_test(a_file_without_all_of_it_is_refused),
        cmocka_unit_test(the_environment_has_them_for_each_end),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failures;
}
