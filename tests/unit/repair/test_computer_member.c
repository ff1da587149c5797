/* What Samba's own commands say of this computer, as it is read; and how they are run. */
#include "../test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/owf.h"
#include "repair/computer_member.h"
#include "repair/computer_run.h"

/* --- testparm --- */

static void a_members_configuration_is_read(void **state)
{
    (void)state;
    struct nt_member m = { .is_member = false };
    assert_true(nt_member_parse("# Global parameters\n"
                                "[global]\n"
                                "\tkerberos method = secrets and keytab\n"
                                "\tmachine password timeout = 604800\n"
                                "\tnetbios name = WESTMEM\n"
                                "\tprivate dir = /var/lib/samba/private\n"
                                "\trealm = WEST.TEST\n"
                                "\tsecurity = ADS\n"
                                "\tworkgroup = WEST\n"
                                "[share]\n"
                                "\trealm = no such thing\n",
                                &m));
    assert_string_equal(m.computer, "WESTMEM");
    assert_string_equal(m.domain, "WEST");
    assert_string_equal(m.realm, "WEST.TEST");
    assert_string_equal(m.private_dir, "/var/lib/samba/private");
    assert_true(m.is_member && m.ads && m.keytab);
    assert_int_equal(m.interval_s, 604800);
}

static void a_stand_alone_server_is_no_member(void **state)
{
    (void)state;
    struct nt_member m = { .is_member = false };
    assert_true(nt_member_parse("[global]\nnetbios name = LONE\nworkgroup = W\nrealm =\n"
                                "security = USER\nkerberos method = default",
                                &m));
    assert_false(m.is_member || m.ads || m.keytab);
    assert_string_equal(m.realm, "");
    m = (struct nt_member){ .is_member = false };
    assert_false(nt_member_parse("", &m));
    assert_false(nt_member_parse("[global]\nnetbios name\n=\n", &m));
}

/* --- tdbdump --- */

static void a_record_is_read_with_what_is_escaped(void **state)
{
    (void)state;
    uint8_t out[16];
    size_t len;
    assert_true(nt_member_record("a\\22b\\5C\\EE\\00\n", out, sizeof out, &len));
    assert_int_equal(len, 6);
    assert_memory_equal(out, "a\"b\\\xEE", 6);
}

static void a_record_that_breaks_the_form_is_none(void **state)
{
    static const char *const bad[] = { "", "\n", "a\\", "a\\2", "a\\zz", "0123456789abcdefg" };
    (void)state;
    uint8_t out[16];
    size_t len;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(nt_member_record(bad[i], out, sizeof out, &len));
}

/* --- net --- */

static void the_domains_sid_is_read(void **state)
{
    (void)state;
    struct nt_sid sid, want;
    assert_true(nt_sid_parse("S-1-5-21-4-5-6", &want));
    assert_true(nt_member_sid_parse("SID for local machine MEM is: S-1-5-21-1-2-3\n"
                                    "SID for domain RED is: S-1-5-21-4-5-6\n",
                                    &sid));
    assert_true(nt_sid_equal(&sid, &want));
    assert_false(nt_member_sid_parse("SID for local machine MEM is: S-1-5-21-1-2-3\n"
                                     "Could not fetch domain SID\n",
                                     &sid));
    assert_false(nt_member_sid_parse("SID for domain RED is: S-1-5-x\n", &sid));
}

static void what_testjoin_says_is_a_status(void **state)
{
    (void)state;
    assert_true(nt_status_ok(nt_member_testjoin_parse(0, "Join to 'RED' is OK\n")));
    ntstatus st = nt_member_testjoin_parse(
        255, "Join to domain 'RED' is not valid: NT_STATUS_ACCESS_DENIED\n");
    assert_true(nt_status_is(st, NT_STATUS(ACCESS_DENIED)));
    st = nt_member_testjoin_parse(255, "Join to domain 'RED' is not valid: NT_STATUS_ODD\n");
    assert_true(nt_status_is(st, NT_STATUS(UNSUCCESSFUL)));
}

/* --- the file --- */

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void a_secret_comes_out_of_a_private_file_only(void **state)
{
    (void)state;
    char path[] = "/tmp/ntrust-secret-XXXXXX";
    struct nt_member_secret s;
    struct nt_secret want;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(nt_owf_text("hello.world1", &want), NT_OK);
    write_file(path, "hello.world1\n", 0600);
    assert_true(nt_member_secret_file(path, &s));
    assert_true(nt_secret_equal(&s.current, &want));
    write_file(path, "hello.world1\n", 0640);
    assert_false(nt_member_secret_file(path, &s));
    assert_non_null(strstr(s.why, "chmod 600"));
    write_file(path, "two\nlines\n", 0600);
    assert_false(nt_member_secret_file(path, &s));
    write_file(path, "\n", 0600);
    assert_false(nt_member_secret_file(path, &s));
    unlink(path);
    assert_false(nt_member_secret_file(path, &s));
}

/* --- running programs --- */

static enum nt_run_end shell(const char *script, const char *input, uint32_t limit_ms, int *code,
                             char *out, size_t size)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    const struct nt_run run = {
        .argv = argv, .input = input, .limit_ms = limit_ms, .errors = true
    };
    return nt_run(&run, code, out, size);
}

static void a_program_gets_its_input_and_gives_its_output(void **state)
{
    (void)state;
    char out[64];
    int code;
    assert_int_equal(
        shell("read x; echo got $x; echo wrong >&2; exit 3", "this\n", 0, &code, out, sizeof out),
        NT_RUN_EXITED);
    assert_int_equal(code, 3);
    assert_string_equal(out, "got this\nwrong\n");
}

static void output_that_does_not_fit_is_cut(void **state)
{
    (void)state;
    char out[8];
    int code;
    assert_int_equal(shell("i=0; while [ $i -lt 5000 ]; do echo 0123456789; i=$((i+1)); done", NULL,
                           0, &code, out, sizeof out),
                     NT_RUN_EXITED);
    assert_int_equal(code, 0);
    assert_string_equal(out, "0123456");
}

static void a_program_that_takes_too_long_is_ended(void **state)
{
    (void)state;
    char out[64];
    int code;
    assert_int_equal(shell("echo begun; exec sleep 60", NULL, 200, &code, out, sizeof out),
                     NT_RUN_TIMEOUT);
    assert_string_equal(out, "begun\n");
}

static void a_program_that_does_not_read_its_input_does_no_harm(void **state)
{
    (void)state;
    char out[64];
    int code;
    assert_int_equal(shell("exec <&-; echo done", "unread\n", 0, &code, out, sizeof out),
                     NT_RUN_EXITED);
    assert_string_equal(out, "done\n");
}

static void a_program_that_is_not_there_is_missing(void **state)
{
    (void)state;
    const char *const argv[] = { "no-such-program-anywhere", NULL };
    const struct nt_run run = { .argv = argv };
    char out[8];
    int code;
    assert_int_equal(nt_run(&run, &code, out, sizeof out), NT_RUN_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_members_configuration_is_read),
        cmocka_unit_test(a_stand_alone_server_is_no_member),
        cmocka_unit_test(a_record_is_read_with_what_is_escaped),
        cmocka_unit_test(a_record_that_breaks_the_form_is_none),
        cmocka_unit_test(the_domains_sid_is_read),
        cmocka_unit_test(what_testjoin_says_is_a_status),
        cmocka_unit_test(a_secret_comes_out_of_a_private_file_only),
        cmocka_unit_test(a_program_gets_its_input_and_gives_its_output),
        cmocka_unit_test(output_that_does_not_fit_is_cut),
        cmocka_unit_test(a_program_that_takes_too_long_is_ended),
        cmocka_unit_test(a_program_that_does_not_read_its_input_does_no_harm),
        cmocka_unit_test(a_program_that_is_not_there_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
