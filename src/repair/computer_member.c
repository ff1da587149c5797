#include "repair/computer_member.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/owf.h"
#include "repair/computer_run.h"

#define SECRET_MAX  1024 /* bytes of a record, or of a password as text */
#define TESTJOIN_MS 20000
#define KINIT_MS    10000

static bool say(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Always false. */
static bool say(char *why, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return false;
}

/* What a program said, in one line: its last one that is not empty. */
static void last_line(const char *text, char *out, size_t size)
{
    size_t end = strlen(text), begin;
    while (end > 0 && isspace((unsigned char)text[end - 1]))
        end--;
    for (begin = end; begin > 0 && text[begin - 1] != '\n'; begin--)
        ;
    snprintf(out, size, "%.*s", (int)(end - begin < size ? end - begin : size - 1), text + begin);
}

static bool not_run(enum nt_run_end end, const char *program, char *why, size_t size)
{
    switch (end) {
    case NT_RUN_MISSING:
        return say(why, size, "there is no %s on this computer", program);
    case NT_RUN_TIMEOUT:
        return say(why, size, "%s did not end in time", program);
    case NT_RUN_FAILED:
        return say(why, size, "%s could not be run", program);
    case NT_RUN_EXITED:
        break;
    }
    return true;
}

/* --- the configuration --- */

bool nt_member_read(const char *config, struct nt_member *out, char *why, size_t why_size)
{
    char text[NT_RUN_OUTPUT], file[NT_MEMBER_PATH];
    int code;
    *out = (struct nt_member){ .is_member = false };
    snprintf(file, sizeof file, "%s", config != NULL ? config : "");
    memcpy(out->config, file, sizeof file);
    const char *argv[] = { "testparm", "-s", "-v", config != NULL ? file : NULL, NULL };
    const struct nt_run run = { .argv = argv };
    if (!not_run(nt_run(&run, &code, text, sizeof text), "testparm", why, why_size))
        return false;
    if (code != 0)
        return say(why, why_size, "Samba's testparm does not accept %s",
                   config != NULL ? config : "its configuration");
    return nt_member_parse(text, out) ||
           say(why, why_size, "testparm does not say what this computer's name is");
}

/* --- running net --- */

/* With the configuration before the words. */
static enum nt_run_end run_net(const struct nt_member *m, const char *const *words,
                               const char *input, int *code, char *out, size_t size)
{
    const char *argv[NT_RUN_WORDS + 1] = { "net" };
    size_t n = 1;
    if (m->config[0] != '\0') {
        argv[n++] = "--configfile";
        argv[n++] = m->config;
    }
    for (size_t i = 0; words[i] != NULL && n < NT_RUN_WORDS; i++)
        argv[n++] = words[i];
    const struct nt_run run = {
        .argv = argv, .input = input, .limit_ms = TESTJOIN_MS, .errors = true
    };
    return nt_run(&run, code, out, size);
}

/* --- the secret --- */

void nt_member_secret_wipe(struct nt_member_secret *s)
{
    nt_secret_wipe(&s->current);
    nt_secret_wipe(&s->previous);
    s->found = NT_MEMBER_UNSEEN;
}

enum record { RECORD, NO_RECORD, UNREADABLE, DENIED };

/* One record of secrets.tdb. */
static enum record dump(const struct nt_member *m, const char *what, uint8_t *out, size_t size,
                        size_t *len, char *why, size_t why_size)
{
    char key[NT_MEMBER_NAME + 64], path[NT_MEMBER_PATH + 16], text[4 * SECRET_MAX];
    char domain[NT_MEMBER_NAME];
    const char *const argv[] = { "tdbdump", "-k", key, path, NULL };
    const struct nt_run run = { .argv = argv, .errors = true };
    int code;
    for (size_t i = 0; i < sizeof domain; i++)
        domain[i] = (char)toupper((unsigned char)m->domain[i]);
    snprintf(key, sizeof key, "SECRETS/%s/%s", what, domain);
    snprintf(path, sizeof path, "%s/secrets.tdb", m->private_dir);
    if (access(path, R_OK) != 0) {
        int err = errno;
        say(why, why_size, err == ENOENT ? "there is no %s" : "only root may read %s", path);
        return err == ENOENT ? NO_RECORD : DENIED;
    }
    if (!not_run(nt_run(&run, &code, text, sizeof text), "tdbdump (package tdb-tools)", why,
                 why_size))
        return UNREADABLE;
    enum record got = UNREADABLE;
    if (code == 0 && nt_member_record(text, out, size, len))
        got = RECORD;
    else if (code == 1 && text[0] == '\0')
        got = NO_RECORD; /* of one that it cannot open it says so */
    else
        say(why, why_size, "tdbdump does not read %s", path);
    nt_wipe(text, sizeof text);
    return got;
}

/* A password as Samba keeps it: text in UTF-8, with its NUL. */
static bool hash_text(uint8_t *text, size_t len, size_t size, struct nt_secret *hash)
{
    bool ok = len > 0 && len < size;
    if (ok) {
        text[len] = '\0';
        ok = nt_owf_text((const char *)text, hash) == NT_OK;
    }
    nt_wipe(text, size);
    return ok;
}

void nt_member_secret(const struct nt_member *m, struct nt_member_secret *out)
{
    uint8_t b[SECRET_MAX];
    size_t len;
    *out = (struct nt_member_secret){ .found = NT_MEMBER_UNSEEN };
    enum record got = dump(m, "MACHINE_PASSWORD", b, sizeof b, &len, out->why, sizeof out->why);
    if (got == DENIED)
        out->found = NT_MEMBER_DENIED;
    if (got == NO_RECORD) {
        out->found = NT_MEMBER_NONE;
        snprintf(out->why, sizeof out->why, "%s/secrets.tdb has no secret for %s", m->private_dir,
                 m->domain);
    }
    if (got != RECORD)
        return;
    if (!hash_text(b, len, sizeof b, &out->current)) {
        snprintf(out->why, sizeof out->why, "the secret in %s/secrets.tdb is no text in UTF-8",
                 m->private_dir);
        return;
    }
    out->found = NT_MEMBER_SECRET;
    out->why[0] = '\0';
    char unused[NT_MEMBER_WHY];
    if (dump(m, "MACHINE_PASSWORD.PREV", b, sizeof b, &len, unused, sizeof unused) == RECORD)
        hash_text(b, len, sizeof b, &out->previous);
    if (dump(m, "MACHINE_LAST_CHANGE_TIME", b, sizeof b, &len, unused, sizeof unused) == RECORD &&
        len == 4)
        out->changed = nt_time_from_unix((int64_t)((uint32_t)b[0] | (uint32_t)b[1] << 8 |
                                                   (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24),
                                         0);
}

bool nt_member_secret_text(const char *path, char *text, size_t size, char *why, size_t why_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return say(why, why_size, "%s: %s", path, strerror(errno));
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) == 0 &&
              (st.st_uid == geteuid() || st.st_uid == 0);
    ssize_t n = ok ? read(fd, text, size - 1) : 0;
    close(fd);
    if (!ok)
        return say(why, why_size,
                   "%s: has to be a plain file of this user's that nobody else may read: chmod 600",
                   path);
    size_t len = n > 0 ? (size_t)n : 0;
    text[len] = '\0';
    bool whole = strlen(text) == len;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    if (len > 0 && whole && strchr(text, '\n') == NULL)
        return true;
    nt_wipe(text, size);
    return say(why, why_size, "%s: has to have the secret in its only line", path);
}

bool nt_member_secret_file(const char *path, struct nt_member_secret *out)
{
    char text[SECRET_MAX];
    *out = (struct nt_member_secret){ .found = NT_MEMBER_UNSEEN };
    if (!nt_member_secret_text(path, text, sizeof text, out->why, sizeof out->why))
        return false;
    bool ok = nt_owf_text(text, &out->current) == NT_OK;
    nt_wipe(text, sizeof text);
    if (!ok)
        return say(out->why, sizeof out->why, "%s: is no text in UTF-8", path);
    out->found = NT_MEMBER_SECRET;
    return true;
}

/* --- the domain's SID --- */

bool nt_member_domain_sid(const struct nt_member *m, struct nt_sid *out)
{
    static const char *const words[] = { "getdomainsid", NULL };
    char text[4096];
    int code;
    *out = (struct nt_sid){ 0 };
    return run_net(m, words, NULL, &code, text, sizeof text) == NT_RUN_EXITED && code == 0 &&
           nt_member_sid_parse(text, out);
}

/* --- the controllers --- */

/* Adds each address of a text with one a line, unless it is there. */
static void add_lines(const char *text, char *out, size_t size)
{
    static const char in_address[] = "0123456789abcdefABCDEF.:";
    for (const char *line = text; *line != '\0';) {
        char one[64];
        size_t len = strcspn(line, "\n"), at = strlen(out);
        size_t address = strspn(line, in_address);
        if (address > 0 && address == len && address < sizeof one) {
            snprintf(one, sizeof one, "%.*s", (int)address, line);
            if (strstr(out, one) == NULL && at + address + 2 < size)
                snprintf(out + at, size - at, "%s%s", at > 0 ? " " : "", one);
        }
        line += len;
        line += *line == '\n' ? 1 : 0;
    }
}

bool nt_member_controllers(const struct nt_member *m, char *out, size_t size)
{
    static const char *const kinds[] = { "pdc", "dc" };
    char text[4096];
    int code;
    out[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        const char *const words[] = { "lookup", kinds[i], m->domain, NULL };
        if (run_net(m, words, NULL, &code, text, sizeof text) == NT_RUN_EXITED && code == 0)
            add_lines(text, out, size);
    }
    return out[0] != '\0';
}

/* --- what Samba makes of it --- */

bool nt_member_testjoin(const struct nt_member *m, const char *host, ntstatus *status, char *why,
                        size_t why_size)
{
    const char *const words[] = { "rpc", "testjoin", "-S", host, NULL };
    char text[4096];
    int code;
    *status = NT_STATUS(UNSUCCESSFUL);
    enum nt_run_end end = run_net(m, words, NULL, &code, text, sizeof text);
    if (!not_run(end, "net rpc testjoin", why, why_size))
        return false;
    *status = nt_member_testjoin_parse(code, text);
    last_line(text, why, why_size);
    return true;
}

enum nt_member_winbind nt_member_winbind(const struct nt_member *m, char *why, size_t why_size)
{
    char text[4096];
    const char *argv[] = { "wbinfo", "-p", NULL };
    const struct nt_run run = { .argv = argv, .limit_ms = TESTJOIN_MS, .errors = true };
    int code;
    *why = '\0';
    enum nt_run_end end = nt_run(&run, &code, text, sizeof text);
    if (end == NT_RUN_MISSING)
        return NT_WINBIND_UNSEEN;
    if (end != NT_RUN_EXITED || code != 0)
        return NT_WINBIND_DOWN;
    argv[1] = "--own-domain";
    end = nt_run(&run, &code, text, sizeof text);
    text[strcspn(text, "\n")] = '\0';
    if (end != NT_RUN_EXITED || code != 0 || strcasecmp(text, m->domain) != 0)
        return NT_WINBIND_UNSEEN; /* of another configuration */
    argv[1] = "-t";
    end = nt_run(&run, &code, text, sizeof text);
    if (end == NT_RUN_EXITED && code == 0)
        return NT_WINBIND_GOOD;
    if (geteuid() != 0)
        return NT_WINBIND_UNSEEN;
    /* The first line has the status. */
    snprintf(why, why_size, "%.*s", (int)strcspn(text, "\n"), text);
    return NT_WINBIND_BAD;
}

enum nt_member_keytab nt_member_keytab(const struct nt_member *m)
{
    char principal[NT_MEMBER_NAME + NT_MEMBER_REALM + 4], text[4096];
    const char *const argv[] = { "kinit", "-c", "MEMORY:", "-k", principal, NULL };
    const struct nt_run run = { .argv = argv, .limit_ms = KINIT_MS, .errors = true };
    int code;
    if (!m->keytab || m->realm[0] == '\0' || geteuid() != 0)
        return NT_KEYTAB_UNSEEN;
    snprintf(principal, sizeof principal, "%s$@%s", m->computer, m->realm);
    if (nt_run(&run, &code, text, sizeof text) != NT_RUN_EXITED)
        return NT_KEYTAB_UNSEEN;
    if (code == 0)
        return NT_KEYTAB_GOOD;
    return strstr(text, "Preauthentication failed") != NULL ? NT_KEYTAB_BAD : NT_KEYTAB_UNSEEN;
}

/* --- a new one --- */

bool nt_member_may_store(const struct nt_member *m, char *why, size_t why_size)
{
    static const char *const words[] = { "help", NULL };
    char path[NT_MEMBER_PATH + 16], text[4096];
    int code;
    snprintf(path, sizeof path, "%s/secrets.tdb", m->private_dir);
    if (access(path, R_OK | W_OK) != 0)
        return say(why, why_size, "%s: %s%s", path, strerror(errno),
                   errno == EACCES ? "; run it as root" : "; this computer has not joined");
    return not_run(run_net(m, words, NULL, &code, text, sizeof text), "net", why, why_size);
}

/* Runs it; false: why[] has what it said last. */
static bool do_net(const struct nt_member *m, const char *const *words, const char *input,
                   const char *name, char *why, size_t why_size)
{
    char text[4096];
    int code;
    enum nt_run_end end = run_net(m, words, input, &code, text, sizeof text);
    if (!not_run(end, name, why, why_size))
        return false;
    if (code != 0)
        last_line(text, why, why_size);
    return code == 0;
}

bool nt_member_store(const struct nt_member *m, const char *secret, char *why, size_t why_size)
{
    static const char *const words[] = { "changesecretpw", "-f", "-i", NULL };
    char input[SECRET_MAX];
    snprintf(input, sizeof input, "%s\n", secret);
    bool ok = do_net(m, words, input, "net changesecretpw", why, why_size);
    nt_wipe(input, sizeof input);
    return ok;
}

bool nt_member_renew_keytab(const struct nt_member *m, char *why, size_t why_size)
{
    static const char *const words[] = { "ads", "keytab", "create", "-P", NULL };
    return do_net(m, words, NULL, "net ads keytab create", why, why_size);
}
