/* renew_notes.c - what was there before a run that has not ended, in a file: see renew.h. */
#include "repair/renew_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ini.h"
#include "base/utf16.h"

#define TEXT_MAX 4096
#define LIVES    NT_TIME_DAY /* longer, and who knows what was meant since */

/* --- the name --- */

/* A NetBIOS name may have what a file's may not. */
static void put_name(char *out, const char *name)
{
    for (; *name != '\0'; name++) {
        char c = *name;
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        *out++ = (char)(!plain ? '_' : c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    *out = '\0';
}

bool nt_renew_notes_path(const char *dir, const struct nt_ends_facts *f, char *out, size_t size)
{
    char a[NT_ADMIN_NAME], b[NT_ADMIN_NAME];
    put_name(a, f->end[0].names.name);
    put_name(b, f->end[1].names.name);
    bool swapped = strcmp(a, b) > 0; /* the same however the two were typed */
    int len = snprintf(out, size, "%s/reset-%s-%s", dir, swapped ? b : a, swapped ? a : b);
    return len > 0 && (size_t)len < size;
}

/* --- written --- */

static size_t put_object(const struct nt_ends_facts *f, size_t i,
                         const struct nt_admin_tdo_full *was, char *out, size_t size)
{
    char domain[NT_SID_TEXT], sid[NT_SID_TEXT];
    if (!was->tdo.exists)
        return 0;
    int len = snprintf(out, size,
                       "[domain %s]\nname = %s\ndns = %s\nsid = %s\ndirection = %u\ntype = %u\n"
                       "attributes = %u\n",
                       nt_sid_format(&f->end[i].names.sid, domain), was->tdo.name, was->dns,
                       nt_sid_format(&was->tdo.sid, sid), was->tdo.direction, was->tdo.type,
                       was->tdo.attributes);
    return len > 0 && (size_t)len < size ? (size_t)len : size;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return false;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0;
}

bool renew_note(const struct nt_renew_plan *plan, const struct nt_ends_facts *f)
{
    char text[TEXT_MAX], fresh[TEXT_MAX];
    int head = snprintf(text, sizeof text,
                        "# ntrust reset: what was there before a run that has not ended\n"
                        "[begun]\nat = %llu\n",
                        (unsigned long long)f->now);
    size_t len = (size_t)head;
    for (size_t i = 0; i < 2 && len < sizeof text; i++)
        len += put_object(f, i, &plan->before[i], text + len, sizeof text - len);
    int n = snprintf(fresh, sizeof fresh, "%s.new", plan->notes);
    if (len >= sizeof text || n < 0 || (size_t)n >= sizeof fresh)
        return false;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text, len);
    ok = close(fd) == 0 && ok;
    return ok && rename(fresh, plan->notes) == 0;
}

void renew_forget(const struct nt_renew_plan *plan)
{
    if (plan->notes != NULL)
        (void)unlink(plan->notes); /* there may be none */
}

/* --- read --- */

struct recalling {
    const struct nt_ends_facts *f;
    struct nt_admin_tdo_full *before;
    nt_time begun;
};

static bool take_number(const char *value, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    *out = n;
    return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0 && n <= most;
}

static bool take_text(const char *value, char *out, size_t size)
{
    size_t len = strlen(value);
    if (len >= size)
        return false;
    memcpy(out, value, len + 1);
    return true;
}

static bool take_object(struct nt_admin_tdo_full *was, const char *key, const char *value)
{
    const struct {
        const char *key;
        uint32_t *to;
    } numbers[] = { { "direction", &was->tdo.direction },
                    { "type", &was->tdo.type },
                    { "attributes", &was->tdo.attributes } };
    uint64_t n;
    if (strcmp(key, "name") == 0)
        return take_text(value, was->tdo.name, sizeof was->tdo.name);
    if (strcmp(key, "dns") == 0)
        return take_text(value, was->dns, sizeof was->dns);
    if (strcmp(key, "sid") == 0)
        return nt_sid_parse(value, &was->tdo.sid);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(key, numbers[i].key) == 0) {
            bool ok = take_number(value, UINT32_MAX, &n);
            *numbers[i].to = (uint32_t)n;
            return ok;
        }
    return false;
}

static enum nt_err take(void *ctx, const struct nt_ini_where *at, const char *section,
                        const char *name, const char *key, const char *value, char *why,
                        size_t why_size)
{
    struct recalling *r = ctx;
    struct nt_sid domain;
    (void)at;
    if (strcmp(section, "begun") == 0 && take_number(value, NT_TIME_NEVER, &r->begun))
        return NT_OK;
    if (strcmp(section, "domain") == 0 && nt_sid_parse(name, &domain)) {
        struct nt_admin_tdo_full other = { .enc_known = false }, *was = &other;
        for (size_t i = 0; i < 2; i++)
            if (nt_sid_equal(&domain, &r->f->end[i].names.sid))
                was = &r->before[i];
        if (take_object(was, key, value))
            return NT_OK;
    }
    snprintf(why, why_size, "not understood");
    return NT_E_MALFORMED;
}

bool nt_renew_recall(const char *path, const struct nt_ends_facts *f,
                     struct nt_admin_tdo_full before[2])
{
    struct recalling r = { .f = f, .before = before };
    char why[400];
    before[0] = before[1] = (struct nt_admin_tdo_full){ .enc_known = false };
    bool ok = nt_ini_load(path, take, &r, why, sizeof why) == NT_OK && r.begun <= f->now &&
              f->now - r.begun < LIVES;
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        /* Of the two domains that are there now, and no others. */
        before[i].tdo.exists = ok && before[i].tdo.name[0] != '\0' &&
                               nt_sid_equal(&before[i].tdo.sid, &f->end[1 - i].names.sid);
        any = any || before[i].tdo.exists;
    }
    return any;
}
