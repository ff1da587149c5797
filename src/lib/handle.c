/* handle.c - the life of a handle, and what is set on it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/sysenv.h"
#include "lib/lib_internal.h"

#define PATIENCE_MS 30000

/* --- life --- */

/* The system's randomness is there for good once it was there: sysenv.h, which ends the process
 * without, is not asked before that. */
static bool has_randomness(void)
{
    uint8_t one;
    return getrandom(&one, sizeof one, 0) == (ssize_t)sizeof one;
}

struct ntrust *ntrust_new(void)
{
    struct ntrust *t = has_randomness() ? calloc(1, sizeof *t) : NULL;
    if (t == NULL)
        return NULL;
    atomic_init(&t->busy, false);
    t->patience_ms = PATIENCE_MS;
    t->config.env = nt_env_system();
    return t;
}

void ntrust_free(struct ntrust *t)
{
    if (t == NULL)
        return;
    lib_close(t);
    nt_ends_free(&t->ends);
    nt_wipe(t, sizeof *t);
    free(t);
}

const char *ntrust_error(const struct ntrust *t)
{
    return t != NULL ? t->error : "out of memory";
}

const char *ntrust_version(void)
{
    return NT_VERSION;
}

enum ntrust_result lib_enter(struct ntrust *t)
{
    if (t == NULL)
        return NTRUST_E_MEMORY;
    if (atomic_exchange(&t->busy, true))
        return NTRUST_E_BUSY;
    t->error[0] = '\0';
    return NTRUST_OK;
}

enum ntrust_result lib_leave(struct ntrust *t, enum ntrust_result result)
{
    atomic_store(&t->busy, false);
    return result;
}

enum ntrust_result lib_fail(struct ntrust *t, enum ntrust_result result, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->error, sizeof t->error, fmt, ap);
    va_end(ap);
    return result;
}

/* --- the ends --- */

/* Enters a call about an end; *e is NULL when there is none of that number. */
static enum ntrust_result enter_end(struct ntrust *t, unsigned end, bool named, struct lib_end **e)
{
    enum ntrust_result r = lib_enter(t);
    *e = NULL;
    if (r != NTRUST_OK)
        return r;
    if (end > 1)
        return lib_leave(t, lib_fail(t, NTRUST_E_ARGUMENT, "there is no end %u: 0 or 1", end));
    if (named && t->end[end].end.name[0] == '\0')
        return lib_leave(t, lib_fail(t, NTRUST_E_ARGUMENT, "end %u has no name yet", end));
    *e = &t->end[end];
    return NTRUST_OK;
}

static bool copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size)
        return false;
    memcpy(to, from, len + 1);
    return true;
}

void lib_forget_change(struct ntrust *t)
{
    for (size_t i = 0; i < 2; i++)
        t->end[i].plan[0] = '\0';
    nt_renew_wipe(&t->result);
    t->changed = false;
}

/* Nothing that was seen stays when an end becomes another one. */
static void forget(struct ntrust *t, struct lib_end *e)
{
    nt_wipe(e, sizeof *e);
    lib_forget_change(t);
    t->looked = false;
}

enum ntrust_result ntrust_load_ends(struct ntrust *t, const char *path)
{
    enum ntrust_result r = lib_enter(t);
    char usual[NT_END_PATH], why[600];
    struct nt_ends ends;
    if (r != NTRUST_OK)
        return r;
    const char *home = path == NULL ? getenv("HOME") : NULL;
    if (path == NULL)
        snprintf(usual, sizeof usual, "%s/" NT_END_FILE_LOCAL, home != NULL ? home : "");
    if (!nt_ends_load(path != NULL ? path : usual, path == NULL, &ends, why, sizeof why))
        return lib_leave(t, lib_fail(t, NTRUST_E_FILE, "%s", why));
    nt_ends_free(&t->ends);
    t->ends = ends;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_end(struct ntrust *t, unsigned end, const char *name)
{
    struct lib_end *e;
    struct nt_end found;
    char why[400];
    enum ntrust_result r = enter_end(t, end, false, &e);
    if (e == NULL)
        return r;
    if (name == NULL || !nt_end_find(&t->ends, name, &found, why, sizeof why))
        return lib_leave(
            t, lib_fail(t, NTRUST_E_ARGUMENT, "%s", name != NULL ? why : "the name is NULL"));
    forget(t, e);
    e->end = found;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_servers(struct ntrust *t, unsigned end, const char *servers)
{
    struct lib_end *e;
    struct nt_servers parsed;
    char why[400] = "the list of servers is empty, or too long";
    enum ntrust_result r = enter_end(t, end, true, &e);
    if (e == NULL)
        return r;
    if (servers == NULL || strlen(servers) >= sizeof e->end.servers ||
        !nt_servers_parse(servers, &parsed, why, sizeof why) || parsed.count == 0)
        return lib_leave(t, lib_fail(t, NTRUST_E_ARGUMENT, "%s", why));
    copy(e->end.servers, sizeof e->end.servers, servers);
    return lib_leave(t, NTRUST_OK);
}

/* --- their administrators --- */

enum ntrust_result ntrust_set_password(struct ntrust *t, unsigned end, const char *user,
                                       const char *password)
{
    struct lib_end *e;
    struct nt_credentials c = { .kerberos = false };
    enum ntrust_result r = enter_end(t, end, true, &e);
    if (e == NULL)
        return r;
    const char *who = user != NULL ? user : e->end.user;
    if (*who == '\0')
        r = lib_fail(t, NTRUST_E_ARGUMENT, "no user of %s is named", e->end.name);
    else if (!nt_credentials_user(&c, who, e->end.domain))
        r = lib_fail(t, NTRUST_E_ARGUMENT, "'%s' has to be NAME or DOMAIN\\NAME", who);
    else if (password == NULL || !nt_credentials_password(&c, password))
        r = lib_fail(t, NTRUST_E_ARGUMENT, "the password of %s is not text", who);
    if (r == NTRUST_OK && copy(e->user, sizeof e->user, who)) {
        e->who = LIB_WHO_PASSWORD;
        e->hash = c.hash;
    }
    nt_credentials_wipe(&c);
    return lib_leave(t, r);
}

enum ntrust_result ntrust_set_credentials_file(struct ntrust *t, unsigned end, const char *path)
{
    struct lib_end *e;
    enum ntrust_result r = enter_end(t, end, true, &e);
    if (e == NULL)
        return r;
    if (path == NULL || *path == '\0' || !copy(e->file, sizeof e->file, path))
        return lib_leave(t, lib_fail(t, NTRUST_E_ARGUMENT, "the path is empty, or too long"));
    e->who = LIB_WHO_FILE;
    return lib_leave(t, NTRUST_OK);
}

static enum ntrust_result set_who(struct ntrust *t, unsigned end, enum lib_who who)
{
    struct lib_end *e;
    enum ntrust_result r = enter_end(t, end, true, &e);
    if (e == NULL)
        return r;
    e->who = who;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_kerberos(struct ntrust *t, unsigned end)
{
    return set_who(t, end, LIB_WHO_KERBEROS);
}

enum ntrust_result ntrust_set_environment(struct ntrust *t, unsigned end)
{
    return set_who(t, end, LIB_WHO_ENV);
}

/* --- how --- */

enum ntrust_result ntrust_on_progress(struct ntrust *t, ntrust_progress_fn *progress, void *ctx)
{
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    t->progress = progress;
    t->progress_ctx = ctx;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_timeout(struct ntrust *t, uint32_t timeout_ms)
{
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    t->timeout_ms = timeout_ms;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_patience(struct ntrust *t, uint32_t patience_ms)
{
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    t->patience_ms = patience_ms;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_kind(struct ntrust *t, unsigned trusts, int forest)
{
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    if (trusts < 1 || trusts > 3)
        return lib_leave(t,
                         lib_fail(t, NTRUST_E_ARGUMENT, "who trusts is 1, 2 or 3, not %u", trusts));
    for (unsigned i = 0; i < 2; i++)
        t->wish.trusts[i] = (trusts & 1u << i) != 0;
    t->wish.forest = forest != 0;
    return lib_leave(t, NTRUST_OK);
}

enum ntrust_result ntrust_set_notes(struct ntrust *t, const char *directory)
{
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    if (!copy(t->notes_directory, sizeof t->notes_directory, directory != NULL ? directory : ""))
        return lib_leave(t, lib_fail(t, NTRUST_E_ARGUMENT, "the path is too long"));
    return lib_leave(t, NTRUST_OK);
}
