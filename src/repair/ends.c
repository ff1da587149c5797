#include "repair/ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini.h"
#include "base/utf16.h"
#include "channel/servers.h"

/* --- the file --- */

struct reading {
    struct nt_ends *ends;
    size_t room;
};

static enum nt_err put(char *to, size_t size, const char *value, char *why, size_t why_size)
{
    if (*value == '\0' || strlen(value) >= size) {
        snprintf(why, why_size, "the value is empty or too long");
        return NT_E_MALFORMED;
    }
    memcpy(to, value, strlen(value) + 1);
    return NT_OK;
}

static enum nt_err put_servers(struct nt_end *e, const char *value, char *why, size_t why_size)
{
    struct nt_servers parsed;
    if (!nt_servers_parse(value, &parsed, why, why_size))
        return NT_E_MALFORMED;
    return put(e->servers, sizeof e->servers, value, why, why_size);
}

static enum nt_err put_yes(bool *to, const char *value, char *why, size_t why_size)
{
    *to = strcmp(value, "yes") == 0;
    if (*to || strcmp(value, "no") == 0)
        return NT_OK;
    snprintf(why, why_size, "expected yes or no");
    return NT_E_MALFORMED;
}

/* A path beside the file, unless it is absolute. */
static enum nt_err put_path(struct nt_end *e, const char *file, const char *value, char *why,
                            size_t why_size)
{
    const char *slash = strrchr(file, '/');
    int dir = *value != '/' && slash != NULL ? (int)(slash - file) + 1 : 0;
    int len = snprintf(e->credentials, sizeof e->credentials, "%.*s%s", dir, file, value);
    if (*value != '\0' && (size_t)len < sizeof e->credentials)
        return NT_OK;
    snprintf(why, why_size, "the path is empty or too long");
    return NT_E_MALFORMED;
}

static enum nt_err section(struct reading *r, const struct nt_ini_where *at, const char *name,
                           struct nt_end **out, char *why, size_t why_size)
{
    struct nt_ends *ends = r->ends;
    struct nt_end *last = ends->count > 0 ? &ends->list[ends->count - 1] : NULL;
    if (last != NULL && nt_name_equal(last->name, name)) {
        *out = last;
        return NT_OK;
    }
    for (size_t i = 0; ends->list != NULL && i < ends->count; i++)
        if (nt_name_equal(ends->list[i].name, name)) {
            snprintf(why, why_size, "the end %s stands at line %u already", name,
                     ends->list[i].line);
            return NT_E_MALFORMED;
        }
    if (*name == '\0' || strlen(name) >= sizeof ends->list[0].name || strchr(name, '@') != NULL) {
        snprintf(why, why_size, "an end needs a name without '@': [end NAME]");
        return NT_E_MALFORMED;
    }
    if (ends->count == NT_ENDS_MAX)
        return NT_E_LIMIT;
    if (ends->list == NULL || ends->count == r->room) {
        size_t room = r->room > 0 ? 2 * r->room : 8;
        struct nt_end *list = realloc(ends->list, room * sizeof *list);
        if (list == NULL)
            return NT_E_NOMEM;
        ends->list = list;
        r->room = room;
    }
    *out = &ends->list[ends->count++];
    **out = (struct nt_end){ .line = at->line };
    memcpy((*out)->name, name, strlen(name) + 1);
    memcpy((*out)->domain, name, strlen(name) + 1);
    return NT_OK;
}

static enum nt_err take(void *ctx, const struct nt_ini_where *at, const char *sect,
                        const char *name, const char *key, const char *value, char *why,
                        size_t why_size)
{
    struct nt_end *e;
    if (strcmp(sect, "end") != 0) {
        snprintf(why, why_size, "there is no section [%s] here; expected [end NAME]", sect);
        return NT_E_MALFORMED;
    }
    enum nt_err err = section(ctx, at, name, &e, why, why_size);
    if (err != NT_OK)
        return err;
    if (strcmp(key, "domain") == 0)
        return put(e->domain, sizeof e->domain, value, why, why_size);
    if (strcmp(key, "servers") == 0)
        return put_servers(e, value, why, why_size);
    if (strcmp(key, "user") == 0)
        return put(e->user, sizeof e->user, value, why, why_size);
    if (strcmp(key, "credentials") == 0)
        return put_path(e, at->file, value, why, why_size);
    if (strcmp(key, "kerberos") == 0)
        return put_yes(&e->kerberos, value, why, why_size);
    snprintf(why, why_size, "unknown key '%s'", key);
    return NT_E_MALFORMED;
}

static bool finish(struct nt_ends *out, enum nt_err err)
{
    if (err == NT_OK)
        return true;
    nt_ends_free(out);
    return false;
}

bool nt_ends_parse(const char *path, const char *text, size_t len, struct nt_ends *out, char *why,
                   size_t why_size)
{
    struct reading r = { .ends = out };
    *out = (struct nt_ends){ 0 };
    return finish(out, nt_ini_parse(path, text, len, take, &r, why, why_size));
}

bool nt_ends_load(const char *path, bool optional, struct nt_ends *out, char *why, size_t why_size)
{
    struct reading r = { .ends = out };
    *out = (struct nt_ends){ 0 };
    enum nt_err err = nt_ini_load(path, take, &r, why, why_size);
    return finish(out, err == NT_E_NOT_FOUND && optional ? NT_OK : err);
}

void nt_ends_free(struct nt_ends *ends)
{
    free(ends->list);
    *ends = (struct nt_ends){ 0 };
}

/* --- what was typed --- */

/* "SERVER,SERVER" behind the '@', as nt_servers_parse takes it. */
static bool typed_servers(const char *text, struct nt_end *out, char *why, size_t why_size)
{
    struct nt_servers parsed;
    int len = snprintf(out->servers, sizeof out->servers, "%s", text);
    for (char *p = out->servers; (p = strchr(p, ',')) != NULL;)
        *p = ' ';
    if ((size_t)len >= sizeof out->servers) {
        snprintf(why, why_size, "too many servers");
        return false;
    }
    if (!nt_servers_parse(out->servers, &parsed, why, why_size))
        return false;
    if (parsed.count == 0)
        snprintf(why, why_size, "there is no server behind '@'");
    return parsed.count > 0;
}

bool nt_end_find(const struct nt_ends *ends, const char *typed, struct nt_end *out, char *why,
                 size_t why_size)
{
    const char *at = strchr(typed, '@');
    size_t len = at != NULL ? (size_t)(at - typed) : strlen(typed);
    char name[NT_END_NAME];
    if (len == 0 || len >= sizeof name) {
        snprintf(why, why_size, "'%s' names no domain: DOMAIN, dns.domain or DOMAIN@SERVER", typed);
        return false;
    }
    memcpy(name, typed, len);
    name[len] = '\0';
    *out = (struct nt_end){ 0 };
    memcpy(out->name, name, len + 1);
    memcpy(out->domain, name, len + 1);
    for (size_t i = 0; i < ends->count; i++)
        if (nt_name_equal(ends->list[i].name, name))
            *out = ends->list[i];
    return at == NULL || typed_servers(at + 1, out, why, why_size);
}
