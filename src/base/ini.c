#include "base/ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 4096

struct parser {
    struct nt_ini_where at;
    char section[64], name[128];
    nt_ini_key *fn;
    void *ctx;
    char *why;
    size_t why_size;
};

static enum nt_err complain(const struct parser *p, enum nt_err err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum nt_err complain(const struct parser *p, enum nt_err err, const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(p->why, p->why_size, "%s:%u: %s", p->at.file, p->at.line, what);
    return err;
}

/* Cuts white space at both ends, in place. */
static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
        s[--n] = '\0';
    return s;
}

static enum nt_err section_line(struct parser *p, char *line)
{
    size_t n = strlen(line);
    if (line[n - 1] != ']')
        return complain(p, NT_E_MALFORMED, "a section must end with ']'");
    line[n - 1] = '\0';
    char *head = trim(line + 1);
    char *name = head + strcspn(head, " \t");
    if (*name != '\0')
        *name++ = '\0';
    name = trim(name);
    if (*head == '\0' || strlen(head) >= sizeof p->section || strlen(name) >= sizeof p->name)
        return complain(p, NT_E_MALFORMED, "a section's name is empty or too long");
    memcpy(p->section, head, strlen(head) + 1);
    memcpy(p->name, name, strlen(name) + 1);
    return NT_OK;
}

static enum nt_err key_line(struct parser *p, char *line)
{
    char *value = strchr(line, '=');
    if (value == NULL)
        return complain(p, NT_E_MALFORMED, "expected 'key = value' or '[section]'");
    *value++ = '\0';
    char *key = trim(line), why[400] = "not accepted";
    if (*key == '\0')
        return complain(p, NT_E_MALFORMED, "there is no key before '='");
    if (p->section[0] == '\0')
        return complain(p, NT_E_MALFORMED, "'%s' stands before any [section]", key);
    enum nt_err err = p->fn(p->ctx, &p->at, p->section, p->name, key, trim(value), why, sizeof why);
    return err == NT_OK ? NT_OK : complain(p, err, "%s", why);
}

static enum nt_err one_line(struct parser *p, const char *text, size_t len)
{
    char line[LINE_MAX_LEN];
    if (len >= sizeof line)
        return complain(p, NT_E_LIMIT, "the line is longer than %d bytes", LINE_MAX_LEN - 1);
    if (memchr(text, '\0', len) != NULL)
        return complain(p, NT_E_MALFORMED, "the line has a NUL byte: this is not a text file");
    memcpy(line, text, len);
    line[len] = '\0';
    char *s = trim(line);
    if (*s == '\0' || *s == '#' || *s == ';')
        return NT_OK;
    return *s == '[' ? section_line(p, s) : key_line(p, s);
}

enum nt_err nt_ini_parse(const char *file, const char *text, size_t len, nt_ini_key *fn, void *ctx,
                         char *why, size_t why_size)
{
    struct parser p = { .at = { file, 0 }, .fn = fn, .ctx = ctx, .why = why, .why_size = why_size };
    if (len > NT_INI_MAX)
        return complain(&p, NT_E_LIMIT, "the file is larger than %u bytes", NT_INI_MAX);
    for (size_t pos = 0; pos < len;) {
        const char *end = memchr(text + pos, '\n', len - pos);
        size_t n = end != NULL ? (size_t)(end - (text + pos)) : len - pos;
        p.at.line++;
        enum nt_err err = one_line(&p, text + pos, n);
        if (err != NT_OK)
            return err;
        pos += n + 1;
    }
    return NT_OK;
}

enum nt_err nt_ini_load(const char *file, nt_ini_key *fn, void *ctx, char *why, size_t why_size)
{
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        snprintf(why, why_size, "%s: %s", file, strerror(errno));
        return errno == ENOENT ? NT_E_NOT_FOUND : NT_E_IO;
    }
    /* One byte more than allowed, so that a longer file is seen to be longer. */
    char *text = malloc(NT_INI_MAX + 1);
    enum nt_err err = NT_E_NOMEM;
    snprintf(why, why_size, "%s: out of memory", file);
    if (text != NULL) {
        size_t len = fread(text, 1, NT_INI_MAX + 1, f);
        if (ferror(f)) {
            err = NT_E_IO;
            snprintf(why, why_size, "%s: cannot be read: %s", file, strerror(errno));
        } else {
            err = nt_ini_parse(file, text, len, fn, ctx, why, why_size);
        }
    }
    free(text);
    fclose(f);
    return err;
}
