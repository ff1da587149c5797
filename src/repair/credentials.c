#include "repair/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/owf.h"

#define FILE_MAX 4096

void nt_credentials_wipe(struct nt_credentials *c)
{
    nt_secret_wipe(&c->hash);
    *c = (struct nt_credentials){ .kerberos = false };
}

bool nt_credentials_user(struct nt_credentials *c, const char *typed, const char *domain)
{
    const char *slash = strpbrk(typed, "\\/");
    size_t len = slash != NULL ? (size_t)(slash - typed) : strlen(domain);
    const char *from = slash != NULL ? typed : domain, *plain = slash != NULL ? slash + 1 : typed;
    if (len == 0 || len >= sizeof c->domain || *plain == '\0' || strlen(plain) >= sizeof c->user)
        return false;
    memcpy(c->domain, from, len);
    c->domain[len] = '\0';
    memcpy(c->user, plain, strlen(plain) + 1);
    return true;
}

bool nt_credentials_password(struct nt_credentials *c, const char *password)
{
    c->has_password = nt_owf_text(password, &c->hash) == NT_OK;
    return c->has_password;
}

/* --- the file --- */

struct reading {
    struct nt_credentials *c;
    char domain[NT_END_NAME], user[NT_END_USER];
};

static bool put(char *to, size_t size, const char *value)
{
    size_t len = strlen(value);
    if (len >= size)
        return false;
    memcpy(to, value, len + 1);
    return true;
}

/* "key = value": a password keeps what it has inside and behind. */
static bool take_line(struct reading *r, char *line)
{
    line += strspn(line, " \t");
    char *value = strchr(line, '=');
    if (*line == '\0' || *line == '#' || *line == ';')
        return true;
    if (value == NULL)
        return false;
    size_t key = strcspn(line, " \t=");
    value += 1 + strspn(value + 1, " \t");
    if (key == 8 && strncmp(line, "username", key) == 0)
        return put(r->user, sizeof r->user, value);
    if (key == 8 && strncmp(line, "password", key) == 0)
        return nt_credentials_password(r->c, value);
    return key == 6 && strncmp(line, "domain", key) == 0 && put(r->domain, sizeof r->domain, value);
}

/* The line that cannot be read; 0: all could. Takes the text apart. */
static unsigned take_lines(struct reading *r, char *text)
{
    unsigned at = 0;
    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\r')
            line[len - 1] = '\0';
        at++;
        if (!take_line(r, line))
            return at;
    }
    return 0;
}

static bool refuse(char *why, size_t why_size, const char *path, const char *what)
{
    snprintf(why, why_size, "%s: %s", path, what);
    return false;
}

/* Judged by what is open, so that it cannot be exchanged in between. */
static bool is_private(int fd, const char *path, char *why, size_t why_size)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return refuse(why, why_size, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(why, why_size, path, "is no plain file");
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return refuse(why, why_size, path, "belongs to another user");
    if ((st.st_mode & 077) != 0)
        return refuse(why, why_size, path,
                      "others may read or write it; its mode has to be 0600: chmod 600");
    return true;
}

static bool read_all(int fd, char *text, size_t size, size_t *len)
{
    *len = 0;
    for (;;) {
        ssize_t n = read(fd, text + *len, size - 1 - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        *len += (size_t)n;
        if (*len + 1 >= size)
            return false;
    }
}

/* A private file with a NUL behind its text. */
static bool read_private(const char *path, char text[FILE_MAX], size_t *len, char *why,
                         size_t why_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    *len = 0;
    if (fd < 0)
        return refuse(why, why_size, path, strerror(errno));
    bool ok = is_private(fd, path, why, why_size);
    if (ok && !read_all(fd, text, FILE_MAX, len))
        ok = refuse(why, why_size, path, "cannot be read, or is too long");
    close(fd);
    text[ok ? *len : 0] = '\0';
    return ok;
}

bool nt_credentials_file(struct nt_credentials *c, const char *path, const char *domain, char *why,
                         size_t why_size)
{
    struct reading r = { .c = c };
    char text[FILE_MAX];
    size_t len;
    bool ok = read_private(path, text, &len, why, why_size);
    unsigned bad = 0;
    if (ok)
        bad = strlen(text) == len ? take_lines(&r, text) : 1;
    nt_wipe(text, sizeof text);
    if (!ok)
        return false;
    if (bad != 0) {
        snprintf(why, why_size, "%s:%u: expected username, password or domain, and a value", path,
                 bad);
        return false;
    }
    if (!c->has_password || r.user[0] == '\0')
        return refuse(why, why_size, path, "it needs a username and a password");
    return nt_credentials_user(c, r.user, r.domain[0] != '\0' ? r.domain : domain) ||
           refuse(why, why_size, path, "the username has to be NAME or DOMAIN\\NAME");
}

bool nt_credentials_secret_text(const char *line, struct nt_secret *hash)
{
    uint8_t raw[16];
    if (strncmp(line, "nt:", 3) != 0)
        return nt_owf_text(line, hash) == NT_OK;
    bool ok = strlen(line) == 3 + 2 * sizeof raw && nt_unhex(line + 3, raw, sizeof raw);
    if (ok)
        nt_secret_set(hash, raw, sizeof raw);
    nt_wipe(raw, sizeof raw);
    return ok;
}

bool nt_credentials_secret(const char *path, struct nt_secret *hash, char *why, size_t why_size)
{
    char text[FILE_MAX];
    size_t len;
    bool ok = read_private(path, text, &len, why, why_size);
    if (ok) {
        size_t line = strcspn(text, "\r\n");
        bool alone = strspn(text + line, "\r\n") == len - line;
        text[line] = '\0';
        ok =
            (alone && nt_credentials_secret_text(text, hash)) ||
            refuse(why, why_size, path, "has to be one line: the password, or nt: and its NT hash");
    }
    nt_wipe(text, sizeof text);
    return ok;
}

/* --- the environment --- */

static const char *own_variable(const char *what, const char *end_name)
{
    char name[NT_END_NAME + 32];
    snprintf(name, sizeof name, "NTRUST_%s_%s", what, end_name);
    for (char *p = name; *p != '\0'; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
        else if ((*p < 'A' || *p > 'Z') && (*p < '0' || *p > '9'))
            *p = '_';
    }
    return getenv(name);
}

static const char *variable(const char *what, const char *end_name)
{
    char name[32];
    const char *value = own_variable(what, end_name);
    if (value != NULL)
        return value;
    snprintf(name, sizeof name, "NTRUST_%s", what);
    return getenv(name);
}

bool nt_credentials_named(const char *end_name)
{
    return own_variable("USER", end_name) != NULL && own_variable("PASSWORD", end_name) != NULL;
}

bool nt_credentials_env(struct nt_credentials *c, const char *end_name, const char *domain)
{
    const char *user = variable("USER", end_name), *password = variable("PASSWORD", end_name);
    return user != NULL && password != NULL && nt_credentials_user(c, user, domain) &&
           nt_credentials_password(c, password);
}
