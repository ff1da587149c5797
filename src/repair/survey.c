#include "repair/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/utf16.h"
#include "repair/crew.h"
#include "repair/pair.h"

/* A controller, and the sessions with it that nobody uses at present. */
struct controller {
    struct nt_server server;
    struct nt_controller_facts seen; /* when it was opened; without a trust */
    struct nt_admin *idle[NT_SURVEY_SESSIONS];
    size_t idle_count, open; /* open: also those in use */
};

struct end {
    struct nt_end end;
    struct nt_credentials credentials;
    struct nt_admin_names names;
    char lost[NT_ADMIN_WHY];
    struct controller *dc; /* heap */
    size_t count, main;
    bool opened;
};

struct trust {
    size_t end[2];
};

struct nt_survey {
    struct nt_survey_config config;
    struct end **ends;
    size_t end_count, end_room;
    struct trust *trusts;
    size_t trust_count, trust_room;
    uv_mutex_t lock; /* of the sessions, and of `done` */
    uv_cond_t given_back;
};

/* --- life --- */

struct nt_survey *nt_survey_new(const struct nt_survey_config *config)
{
    struct nt_survey *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->config = *config;
    if (uv_mutex_init(&s->lock) != 0) {
        free(s);
        return NULL;
    }
    if (uv_cond_init(&s->given_back) != 0) {
        uv_mutex_destroy(&s->lock);
        free(s);
        return NULL;
    }
    return s;
}

static void free_end(struct end *e)
{
    for (size_t k = 0; k < e->count; k++)
        for (size_t i = 0; i < e->dc[k].idle_count; i++)
            nt_admin_free(e->dc[k].idle[i]);
    nt_credentials_wipe(&e->credentials);
    free(e->dc);
    free(e);
}

void nt_survey_free(struct nt_survey *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->end_count; i++)
        free_end(s->ends[i]);
    free(s->ends);
    free(s->trusts);
    uv_cond_destroy(&s->given_back);
    uv_mutex_destroy(&s->lock);
    free(s);
}

/* Room for one more; false: no memory, or more than `most`. */
static bool grow(void **list, size_t *room, size_t count, size_t most, size_t size)
{
    if (count < *room)
        return true;
    size_t more = *room > 0 ? 2 * *room : 16;
    void *grown = count < most ? realloc(*list, more * size) : NULL;
    if (grown == NULL)
        return false;
    *list = grown;
    *room = more;
    return true;
}

bool nt_survey_add(struct nt_survey *s, const struct nt_end *end, const struct nt_credentials *c,
                   size_t *index)
{
    void *list = s->ends;
    bool room = grow(&list, &s->end_room, s->end_count, NT_SURVEY_ENDS, sizeof(struct end *));
    s->ends = list;
    struct end *e = room ? calloc(1, sizeof *e) : NULL;
    if (e == NULL)
        return false;
    e->end = *end;
    e->credentials = *c;
    *index = s->end_count;
    s->ends[s->end_count++] = e;
    return true;
}

/* --- the ends --- */

/* What was opened is kept: the session with each controller is the first of its pool. */
static void keep(struct end *e, struct nt_look_end *look, const struct nt_end_facts *f)
{
    e->dc = f->count > 0 ? calloc(f->count, sizeof *e->dc) : NULL;
    if (e->dc == NULL && f->count > 0) {
        snprintf(e->lost, sizeof e->lost, "out of memory");
        for (size_t k = 0; k < f->count; k++)
            nt_admin_free(look->admin[k]);
        return;
    }
    e->count = f->count;
    e->main = f->main;
    e->names = f->names;
    for (size_t k = 0; k < f->count; k++) {
        struct controller *dc = &e->dc[k];
        dc->server = look->servers.list[k];
        dc->seen = f->dc[k];
        if (f->dc[k].reached.look != NT_LOOK_SEEN) {
            nt_admin_free(look->admin[k]);
            continue;
        }
        dc->idle[dc->idle_count++] = look->admin[k];
        dc->open = 1;
    }
}

static void open_end(void *ctx, size_t i)
{
    struct nt_survey *s = ctx;
    struct end *e = s->ends[i];
    if (e->opened)
        return;
    e->opened = true;
    struct nt_look_end look = { .end = &e->end, .credentials = &e->credentials };
    struct nt_end_facts *f = malloc(sizeof *f);
    if (f == NULL) {
        snprintf(e->lost, sizeof e->lost, "out of memory");
        return;
    }
    (void)nt_pair_controllers(s->config.look.env, &e->end, &e->credentials, &look.servers, e->lost,
                              sizeof e->lost); /* lost[] says what came of it */
    look.lost = e->lost;
    nt_look_open_end(&s->config.look, &look, f);
    keep(e, &look, f);
    free(f);
}

void nt_survey_open(struct nt_survey *s)
{
    nt_crew_run(s->end_count, NT_CREW_MAX, open_end, s);
}

size_t nt_survey_ends(const struct nt_survey *s)
{
    return s->end_count;
}

const struct nt_end *nt_survey_end(const struct nt_survey *s, size_t end,
                                   const struct nt_admin_names **names)
{
    *names = &s->ends[end]->names;
    return &s->ends[end]->end;
}

/* --- sessions --- */

/* Waits where as many are in use as there may be. NULL: no memory. */
static struct nt_admin *borrow(struct nt_survey *s, const struct end *e, struct controller *dc)
{
    struct nt_admin *a = NULL;
    uv_mutex_lock(&s->lock);
    while (dc->idle_count == 0 && dc->open == NT_SURVEY_SESSIONS)
        uv_cond_wait(&s->given_back, &s->lock);
    if (dc->idle_count > 0)
        a = dc->idle[--dc->idle_count];
    else
        dc->open++;
    uv_mutex_unlock(&s->lock);
    if (a != NULL) {
        nt_admin_more_time(a, s->config.look.session_ms);
        return a;
    }
    a = nt_look_session(&s->config.look, &dc->server, &e->credentials);
    if (a == NULL) {
        uv_mutex_lock(&s->lock);
        dc->open--;
        uv_mutex_unlock(&s->lock);
    }
    return a;
}

static void give_back(struct nt_survey *s, struct controller *dc, struct nt_admin *a)
{
    bool spent = nt_admin_is_spent(a);
    if (spent)
        nt_admin_free(a);
    uv_mutex_lock(&s->lock);
    if (spent)
        dc->open--;
    else
        dc->idle[dc->idle_count++] = a;
    uv_cond_broadcast(&s->given_back);
    uv_mutex_unlock(&s->lock);
}

bool nt_survey_trusts_of(struct nt_survey *s, size_t end, struct nt_admin_trusts *out, char *why,
                         size_t why_size)
{
    struct end *e = s->ends[end];
    *out = (struct nt_admin_trusts){ .count = 0 };
    if (e->main >= e->count) {
        const struct nt_asked *r = e->count > 0 ? &e->dc[0].seen.reached : NULL;
        snprintf(why, why_size, "%s",
                 r == NULL                   ? e->lost
                 : r->look == NT_LOOK_FAILED ? r->error.text
                                             : "its controllers were not asked");
        return false;
    }
    struct nt_admin *a = borrow(s, e, &e->dc[e->main]);
    bool ok = a != NULL && nt_admin_trusts(a, out);
    if (!ok)
        snprintf(why, why_size, "%s", a != NULL ? nt_admin_error(a)->text : "out of memory");
    if (a != NULL)
        give_back(s, &e->dc[e->main], a);
    return ok;
}

/* --- which trusts --- */

static bool is_named(const struct end *e, const char *name)
{
    return name[0] != '\0' &&
           (nt_name_equal(e->names.name, name) || nt_name_equal(e->names.dns, name) ||
            nt_name_equal(e->end.domain, name));
}

bool nt_survey_find(const struct nt_survey *s, const struct nt_admin_tdo_full *trust, size_t *end)
{
    for (size_t i = 0; i < s->end_count; i++)
        if (is_named(s->ends[i], trust->dns) || is_named(s->ends[i], trust->tdo.name)) {
            *end = i;
            return true;
        }
    return false;
}

bool nt_survey_pair(struct nt_survey *s, size_t a, size_t b)
{
    for (size_t i = 0; i < s->trust_count; i++) {
        const struct trust *t = &s->trusts[i];
        if ((t->end[0] == a && t->end[1] == b) || (t->end[0] == b && t->end[1] == a))
            return true;
    }
    void *list = s->trusts;
    bool room = grow(&list, &s->trust_room, s->trust_count, NT_SURVEY_TRUSTS, sizeof(struct trust));
    s->trusts = list;
    if (room)
        s->trusts[s->trust_count++] = (struct trust){ { a, b } };
    return room;
}

size_t nt_survey_count(const struct nt_survey *s)
{
    return s->trust_count;
}

/* --- looking --- */

static void begin_facts(const struct end *e, struct nt_end_facts *f)
{
    f->typed = e->end.name;
    f->asked = e->end.domain;
    f->names = e->names;
    f->count = e->count;
    f->main = e->main;
    memcpy(f->lost, e->lost, sizeof f->lost);
    for (size_t k = 0; k < e->count; k++)
        f->dc[k] = e->dc[k].seen;
}

static void look_by(struct nt_survey *s, struct end *e, const struct nt_end_facts *other,
                    struct nt_controller_facts *dc, size_t k)
{
    struct nt_admin *a = borrow(s, e, &e->dc[k]);
    if (a == NULL)
        return;
    nt_look_controller(&s->config.look, a, e->names.dns, other, dc);
    give_back(s, &e->dc[k], a);
}

static void look_at_trust(void *ctx, size_t i)
{
    struct nt_survey *s = ctx;
    const struct trust *t = &s->trusts[i];
    struct nt_diagnosis d = { .grade = NT_GRADE_UNKNOWN, .verdict = "out of memory" };
    struct nt_ends_facts *f = calloc(1, sizeof *f);
    if (f != NULL) {
        f->now = nt_now(s->config.look.env);
        for (size_t n = 0; n < 2; n++)
            begin_facts(s->ends[t->end[n]], &f->end[n]);
        for (size_t n = 0; n < 2; n++)
            for (size_t k = 0; k < f->end[n].count; k++)
                if (f->end[n].dc[k].reached.look == NT_LOOK_SEEN)
                    look_by(s, s->ends[t->end[n]], &f->end[1 - n], &f->end[n].dc[k], k);
        nt_compare_ends(f, &d);
    }
    uv_mutex_lock(&s->lock);
    s->config.done(s->config.ctx, i, f, &d);
    uv_mutex_unlock(&s->lock);
    free(f);
}

void nt_survey_run(struct nt_survey *s)
{
    nt_crew_run(s->trust_count, s->config.at_once, look_at_trust, s);
}
