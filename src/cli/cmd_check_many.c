/* check A, check --all: every trust of a domain, or of all ends of the ends file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/utf16.h"
#include "cli/ends.h"
#include "cli/verdict.h"
#include "cli/watch.h"
#include "crypto/sysenv.h"
#include "repair/crew.h"
#include "repair/survey.h"

/* What came of one trust. */
struct outcome {
    char name[2][NT_END_NAME];
    struct nt_diagnosis d;
    char *json; /* heap; with --json */
};

/* An end whose trusts could not be listed. */
struct untold {
    char name[NT_END_NAME];
    char why[NT_ADMIN_WHY];
};

/* Who administers an end; found out, and asked for, once. Never moved in memory, which would leave
 * the secret behind. */
struct identity {
    struct identity *next;
    char name[NT_END_NAME];
    struct nt_credentials credentials;
};

struct many {
    const struct cli *cli;
    struct nt_ends file;
    struct identity *identities; /* heap */
    struct nt_survey *survey;
    struct outcome *outcomes; /* heap */
    size_t count, done, bad;
    struct untold *untold; /* heap */
    size_t untold_count;
    enum nt_grade grade;
    bool progress;
};

/* --- the ends --- */

static bool refuse(const char *text)
{
    cli_fail("%s", text);
    return false;
}

/* i: of the ends that were typed. */
static const struct nt_credentials *identify(struct many *m, const struct nt_end *end, size_t i)
{
    for (const struct identity *k = m->identities; k != NULL; k = k->next)
        if (strcmp(k->name, end->name) == 0)
            return &k->credentials;
    struct identity *new = calloc(1, sizeof *new);
    if (new == NULL) {
        refuse("out of memory");
        return NULL;
    }
    memcpy(new->name, end->name, sizeof new->name);
    if (!cli_ends_identify(m->cli, end, i, &new->credentials)) {
        nt_credentials_wipe(&new->credentials);
        free(new);
        return NULL;
    }
    new->next = m->identities;
    m->identities = new;
    return &new->credentials;
}

static void forget_identities(struct many *m)
{
    while (m->identities != NULL) {
        struct identity *first = m->identities;
        m->identities = first->next;
        nt_credentials_wipe(&first->credentials);
        free(first);
    }
}

static bool add_end(struct many *m, const struct nt_end *end, size_t i, size_t *index)
{
    const struct nt_credentials *c = identify(m, end, i);
    return c != NULL &&
           (nt_survey_add(m->survey, end, c, index) || refuse("there are too many domains"));
}

/* Another domain of the ends file, by either of its names; or one that nothing is known of. */
static void partner(const struct many *m, const struct nt_admin_tdo_full *t, struct nt_end *out)
{
    const char *names[] = { t->dns, t->tdo.name };
    for (size_t n = 0; n < NT_COUNT(names); n++)
        for (size_t i = 0; names[n][0] != '\0' && i < m->file.count; i++) {
            const struct nt_end *e = &m->file.list[i];
            if (nt_name_equal(e->domain, names[n]) || nt_name_equal(e->name, names[n])) {
                *out = *e;
                return;
            }
        }
    *out = (struct nt_end){ .line = 0 };
    snprintf(out->name, sizeof out->name, "%s", t->tdo.name);
    snprintf(out->domain, sizeof out->domain, "%s", t->dns[0] != '\0' ? t->dns : t->tdo.name);
}

static bool note_untold(struct many *m, size_t end, const char *why)
{
    const struct nt_admin_names *names;
    const struct nt_end *e = nt_survey_end(m->survey, end, &names);
    struct untold *list = realloc(m->untold, (m->untold_count + 1) * sizeof *list);
    if (list == NULL)
        return refuse("out of memory");
    m->untold = list;
    struct untold *u = &list[m->untold_count++];
    memcpy(u->name, e->name, sizeof u->name);
    snprintf(u->why, sizeof u->why, "%s", why);
    m->grade = nt_grade_worse(m->grade, NT_GRADE_UNKNOWN);
    return true;
}

/* Pairs an end with its partners. add: also with those that are no ends yet. */
static bool pair_partners(struct many *m, size_t end, bool add)
{
    struct nt_admin_trusts trusts;
    char why[NT_ADMIN_WHY];
    bool ok = true;
    if (!nt_survey_trusts_of(m->survey, end, &trusts, why, sizeof why))
        return note_untold(m, end, why);
    for (size_t i = 0; ok && i < trusts.count; i++) {
        const struct nt_admin_tdo_full *t = &trusts.list[i];
        struct nt_end other;
        size_t k;
        bool known = nt_survey_find(m->survey, t, &k);
        if (!known && !add)
            continue;
        if (!known) {
            partner(m, t, &other);
            ok = add_end(m, &other, CLI_ENDS_UNTYPED, &k);
        }
        if (ok && k != end && !nt_survey_pair(m->survey, end, k))
            ok = refuse("too many trusts");
    }
    nt_admin_trusts_free(&trusts);
    return ok;
}

static bool find_trusts_of_one(struct many *m)
{
    struct nt_end end;
    char why[400];
    size_t index;
    if (!nt_end_find(&m->file, m->cli->args[0], &end, why, sizeof why))
        return refuse(why);
    if (!add_end(m, &end, 0, &index))
        return false;
    nt_survey_open(m->survey);
    if (!pair_partners(m, index, true))
        return false;
    nt_survey_open(m->survey);
    return true;
}

static bool find_trusts_of_all(struct many *m)
{
    size_t index;
    if (m->file.count == 0)
        return refuse("the ends file names no end (--ends, ~/" NT_END_FILE_LOCAL ")");
    for (size_t i = 0; i < m->file.count; i++)
        if (!add_end(m, &m->file.list[i], CLI_ENDS_UNTYPED, &index))
            return false;
    nt_survey_open(m->survey);
    for (size_t i = 0; i < nt_survey_ends(m->survey); i++)
        if (!pair_partners(m, i, false))
            return false;
    return true;
}

/* --- the trusts --- */

static char *outcome_json(const struct outcome *o, const struct nt_ends_facts *f)
{
    const struct nt_diagnosis *d = &o->d;
    json_t *all = json_pack("{s:[s,s],s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "trust", o->name[0],
                            o->name[1], "result", nt_grade_name(d->grade), "code", (int)d->grade,
                            "reason", d->reason, "verdict", d->verdict, "end_at_fault", d->end,
                            "cause", d->cause, "next", d->remedy, "findings", cli_findings_json(d),
                            "ends", f != NULL ? cli_facts_json(f) : json_null());
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static void on_done(void *ctx, size_t trust, const struct nt_ends_facts *f,
                    const struct nt_diagnosis *d)
{
    struct many *m = ctx;
    struct outcome *o = &m->outcomes[trust];
    o->d = *d;
    for (size_t i = 0; f != NULL && i < 2; i++)
        snprintf(o->name[i], sizeof o->name[i], "%s", nt_end_name(&f->end[i]));
    if (m->cli->json && !m->cli->watching)
        o->json = outcome_json(o, f);
    m->grade = nt_grade_worse(m->grade, d->grade);
    m->done++;
    m->bad += d->grade != NT_GRADE_GOOD;
    if (m->progress)
        fprintf(stderr, "\r\033[K%zu of %zu trusts looked at, %zu not good", m->done, m->count,
                m->bad);
}

static bool look_at_all(struct many *m)
{
    m->count = nt_survey_count(m->survey);
    m->outcomes = calloc(m->count > 0 ? m->count : 1, sizeof *m->outcomes);
    if (m->outcomes == NULL)
        return refuse("out of memory");
    nt_survey_run(m->survey);
    if (m->progress)
        fputs("\r\033[K", stderr);
    return true;
}

/* --- telling --- */

static void print_lines(const struct many *m)
{
    char state[64];
    for (size_t i = 0; i < m->count; i++) {
        const struct outcome *o = &m->outcomes[i];
        printf("%s  %s - %s%s%s\n", cli_state(m->cli, nt_grade_name(o->d.grade), 8, state),
               o->name[0], o->name[1], o->d.grade != NT_GRADE_GOOD ? ": " : "",
               o->d.grade != NT_GRADE_GOOD ? o->d.verdict : "");
    }
    for (size_t i = 0; i < m->untold_count; i++)
        printf("%s  %s: its trusts cannot be listed: %s\n", cli_state(m->cli, "unknown", 8, state),
               m->untold[i].name, m->untold[i].why);
    if (m->count == 0 && m->untold_count == 0)
        puts("There are no trusts to check.");
}

static void print_details(const struct many *m)
{
    char state[64];
    for (size_t i = 0; i < m->count; i++) {
        const struct outcome *o = &m->outcomes[i];
        if (o->d.grade == NT_GRADE_GOOD)
            continue;
        printf("\n%s and %s: %s\n", o->name[0], o->name[1],
               cli_state(m->cli, nt_grade_name(o->d.grade), 0, state));
        cli_print_findings(m->cli, &o->d);
        cli_print_verdict(&o->d);
    }
}

/* One object a trust, put together from their texts: many of them need not be held twice. */
static void print_json(const struct many *m)
{
    printf("{\"result\": \"%s\", \"code\": %d, \"trusts\": [", nt_grade_name(m->grade),
           (int)m->grade);
    for (size_t i = 0; i < m->count; i++)
        printf("%s\n%s", i > 0 ? "," : "",
               m->outcomes[i].json != NULL ? m->outcomes[i].json : "{}");
    printf("],\n\"not_listed\": [");
    for (size_t i = 0; i < m->untold_count; i++) {
        json_t *one = json_pack("{s:s,s:s}", "end", m->untold[i].name, "why", m->untold[i].why);
        char *text = json_dumps(one, JSON_COMPACT);
        printf("%s\n%s", i > 0 ? "," : "", text != NULL ? text : "{}");
        free(text);
        json_decref(one);
    }
    puts("]}");
}

static void tell(const struct many *m, struct cli_watch *watch)
{
    if (m->cli->watching)
        cli_watch_code((int)m->grade);
    if (m->cli->watching)
        for (size_t i = 0; i < m->count; i++)
            cli_watch_note(watch, m->outcomes[i].name[0], m->outcomes[i].name[1],
                           &m->outcomes[i].d);
    else if (m->cli->json)
        print_json(m);
    else {
        print_lines(m);
        print_details(m);
    }
}

/* --- all of it --- */

static void close_round(struct many *m)
{
    nt_survey_free(m->survey);
    for (size_t i = 0; m->outcomes != NULL && i < m->count; i++)
        free(m->outcomes[i].json);
    free(m->outcomes);
    free(m->untold);
    m->survey = NULL;
    m->outcomes = NULL;
    m->untold = NULL;
    m->count = m->done = m->bad = m->untold_count = 0;
    m->grade = NT_GRADE_GOOD;
}

static bool one_round(struct many *m, struct cli_watch *watch)
{
    const struct nt_survey_config config = {
        .look = { .env = nt_env_system() }, .at_once = NT_CREW_MAX, .done = on_done, .ctx = m
    };
    m->survey = nt_survey_new(&config);
    if (m->survey == NULL)
        return refuse("out of memory");
    bool ok = (m->cli->all ? find_trusts_of_all(m) : find_trusts_of_one(m)) && look_at_all(m);
    if (ok)
        tell(m, watch);
    else
        m->grade = NT_GRADE_UNKNOWN;
    return ok;
}

/* Each session takes several descriptors. */
static void more_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)!setrlimit(RLIMIT_NOFILE, &limit);
}

int cli_check_many(const struct cli *cli)
{
    struct many m = { .cli = cli, .progress = isatty(STDERR_FILENO) && !cli->json };
    struct cli_watch watch = { .cli = cli };
    if ((cli->watching && !cli_watch_begin(&watch, cli)) || !cli_ends_file(cli, &m.file))
        return CHECK_UNKNOWN;
    more_files();
    int code;
    bool ok;
    do {
        ok = one_round(&m, &watch);
        code = (int)m.grade;
        close_round(&m);
        if (ok && cli->watching)
            cli_watch_wait(&watch);
    } while (ok && cli->watching);
    forget_identities(&m);
    cli_watch_end(&watch);
    nt_ends_free(&m.file);
    return code;
}
