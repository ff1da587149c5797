/* check.c - looking at a trust. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/lib_internal.h"

/* --- SIGPIPE --- */

static void pipe_alone(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

void lib_hold_pipe(struct lib_pipe_guard *g)
{
    sigset_t pipe, pending;
    pipe_alone(&pipe);
    sigpending(&pending);
    g->pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &g->before);
}

/* One that came meanwhile is taken away; one that the program held back itself is left to it. */
void lib_release_pipe(const struct lib_pipe_guard *g)
{
    const struct timespec now = { .tv_sec = 0 };
    sigset_t pipe;
    pipe_alone(&pipe);
    while (!g->pending && (sigtimedwait(&pipe, NULL, &now) == SIGPIPE || errno == EINTR))
        ;
    pthread_sigmask(SIG_SETMASK, &g->before, NULL);
}

/* --- who and where --- */

static void step(void *ctx, const char *host, const char *what)
{
    const struct ntrust *t = ctx;
    if (t->progress != NULL)
        t->progress(t->progress_ctx, host, what);
}

/* The password was given as its hash. */
static bool give_hash(void *ctx, struct nt_credentials *c, char *why, size_t why_size)
{
    const struct lib_end *e = ctx;
    (void)why, (void)why_size;
    c->hash = e->hash;
    c->has_password = true;
    return true;
}

static enum ntrust_result identify(struct ntrust *t, struct lib_end *e)
{
    char why[600];
    struct nt_pair_who who = { .kerberos = e->who == LIB_WHO_KERBEROS,
                               .env = e->who == LIB_WHO_ENV };
    bool named = e->who == LIB_WHO_PASSWORD || e->who == LIB_WHO_KERBEROS;
    bool by_file =
        e->who == LIB_WHO_FILE || (!named && !e->end.kerberos && e->end.credentials[0] != '\0');
    if (e->who == LIB_WHO_FILE)
        who.file = e->file;
    if (e->who == LIB_WHO_PASSWORD) {
        who.user = e->user;
        who.ask = give_hash;
        who.ctx = e;
    }
    if (nt_pair_identify(&e->end, &who, &e->credentials, why, sizeof why))
        return NTRUST_OK;
    return lib_fail(t, by_file ? NTRUST_E_FILE : NTRUST_E_ARGUMENT, "%s", why);
}

static enum ntrust_result locate(struct ntrust *t, size_t i)
{
    struct lib_end *e = &t->end[i];
    t->look[i] =
        (struct nt_look_end){ .end = &e->end, .credentials = &e->credentials, .lost = e->lost };
    if (e->end.servers[0] == '\0')
        step(t, e->end.domain, "looking for its controllers");
    if (nt_pair_controllers(t->config.env, &e->end, &e->credentials, &t->look[i].servers, e->lost,
                            sizeof e->lost))
        return NTRUST_OK;
    return lib_fail(t, NTRUST_E_ARGUMENT, "%s", e->lost);
}

enum ntrust_result lib_look(struct ntrust *t, uint32_t usual_ms)
{
    enum ntrust_result r = NTRUST_OK;
    for (size_t i = 0; i < 2; i++)
        if (t->end[i].end.name[0] == '\0')
            return lib_fail(t, NTRUST_E_ARGUMENT, "end %zu has no name yet", i);
    for (size_t i = 0; i < 2 && r == NTRUST_OK; i++)
        r = identify(t, &t->end[i]);
    for (size_t i = 0; i < 2 && r == NTRUST_OK; i++)
        r = locate(t, i);
    if (r != NTRUST_OK)
        return r;
    t->config.step = step;
    t->config.ctx = t;
    t->config.session_ms = t->timeout_ms != 0 ? t->timeout_ms : usual_ms;
    nt_look_both(&t->config, t->look, &t->facts);
    return NTRUST_OK;
}

void lib_close(struct ntrust *t)
{
    nt_look_close(t->look);
    for (size_t i = 0; i < 2; i++)
        nt_credentials_wipe(&t->end[i].credentials);
}

/* --- check --- */

static void name_sids(struct ntrust *t)
{
    for (size_t i = 0; i < 2; i++) {
        const struct nt_end_facts *f = &t->facts.end[i];
        t->end[i].sid[0] = '\0';
        if (nt_end_main(f) != NULL)
            nt_sid_format(&f->names.sid, t->end[i].sid);
        for (size_t k = 0; k < f->count; k++) {
            t->end[i].object_sid[k][0] = '\0';
            if (f->dc[k].tdo_asked.look == NT_LOOK_SEEN && f->dc[k].tdo.tdo.exists)
                nt_sid_format(&f->dc[k].tdo.tdo.sid, t->end[i].object_sid[k]);
        }
    }
}

void lib_judge(struct ntrust *t)
{
    t->looked = true;
    name_sids(t);
    nt_compare_ends(&t->facts, &t->diagnosis);
}

enum ntrust_result ntrust_check(struct ntrust *t)
{
    struct lib_pipe_guard guard;
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    lib_hold_pipe(&guard);
    r = lib_look(t, 0);
    if (r == NTRUST_OK)
        lib_judge(t);
    lib_close(t);
    lib_release_pipe(&guard);
    return lib_leave(t, r);
}
