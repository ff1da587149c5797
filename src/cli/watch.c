#include "cli/watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sysenv.h"

#define SECONDS_USUAL 60
#define SECONDS_MOST  86400

struct cli_watched {
    char ends[2][NT_ADMIN_DNS];
    enum nt_grade grade;
    char reason[40];
};

static volatile sig_atomic_t last_code = CHECK_UNKNOWN;

/* All that was to be said is flushed after each line. */
static void on_end(int signal)
{
    (void)signal;
    _exit(last_code);
}

bool cli_watch_begin(struct cli_watch *w, const struct cli *cli)
{
    const struct sigaction end = { .sa_handler = on_end };
    *w = (struct cli_watch){ .cli = cli, .seconds = SECONDS_USUAL };
    if (cli->watch != NULL) {
        char *rest;
        unsigned long n = strtoul(cli->watch, &rest, 10);
        if (cli->watch[0] < '1' || cli->watch[0] > '9' || *rest != '\0' || n > SECONDS_MOST) {
            cli_usage("--watch=SECONDS needs a number from 1 to %d, not '%s'", SECONDS_MOST,
                      cli->watch);
            return false;
        }
        w->seconds = (unsigned)n;
    }
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    return true;
}

void cli_watch_end(struct cli_watch *w)
{
    free(w->list);
    *w = (struct cli_watch){ .count = 0 };
}

static void print_json(const char *when, const char *a, const char *b, const struct nt_diagnosis *d,
                       const struct cli_watched *before)
{
    json_t *line = json_pack("{s:s,s:[s,s],s:s,s:i,s:s?,s:s,s:s,s:s,s:s,s:s}", "time", when, "ends",
                             a, b, "result", nt_grade_name(d->grade), "code", (int)d->grade,
                             "before", before != NULL ? nt_grade_name(before->grade) : NULL,
                             "reason", d->reason, "verdict", d->verdict, "end_at_fault", d->end,
                             "cause", d->cause, "next", d->remedy);
    char *text = json_dumps(line, JSON_COMPACT);
    if (text != NULL)
        puts(text);
    free(text);
    json_decref(line);
}

static void print_text(const struct cli *cli, const char *when, const char *a, const char *b,
                       const struct nt_diagnosis *d, const struct cli_watched *before)
{
    char shown[32], state[64];
    printf("%s  %s  %s - %s", cli_time(when, shown),
           cli_state(cli, nt_grade_name(d->grade), 8, state), a, b);
    if (before != NULL)
        printf(" (was %s)", nt_grade_name(before->grade));
    if (d->grade != NT_GRADE_GOOD)
        printf(": %s", d->verdict);
    putchar('\n');
    if (d->grade != NT_GRADE_GOOD && d->remedy[0] != '\0')
        printf("    Next: %s\n", d->remedy);
}

static struct cli_watched *find(struct cli_watch *w, const char *a, const char *b)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->list[i].ends[0], a) == 0 && strcmp(w->list[i].ends[1], b) == 0)
            return &w->list[i];
    return NULL;
}

static struct cli_watched *add(struct cli_watch *w, const char *a, const char *b)
{
    if ((w->count & (w->count - 1)) == 0) { /* room doubles at each power of two */
        size_t room = w->count > 0 ? 2 * w->count : 1;
        struct cli_watched *list = realloc(w->list, room * sizeof *list);
        if (list == NULL)
            return NULL;
        w->list = list;
    }
    struct cli_watched *new = &w->list[w->count++];
    snprintf(new->ends[0], sizeof new->ends[0], "%s", a);
    snprintf(new->ends[1], sizeof new->ends[1], "%s", b);
    return new;
}

void cli_watch_note(struct cli_watch *w, const char *a, const char *b, const struct nt_diagnosis *d)
{
    char when[NT_TIME_TEXT];
    struct cli_watched *known = find(w, a, b);
    if (known != NULL && known->grade == d->grade && strcmp(known->reason, d->reason) == 0)
        return;
    nt_time_rfc3339(nt_now(nt_env_system()), when);
    if (w->cli->json)
        print_json(when, a, b, d, known);
    else
        print_text(w->cli, when, a, b, d, known);
    fflush(stdout);
    if (known == NULL)
        known = add(w, a, b);
    if (known == NULL)
        return; /* it is told again the next time */
    known->grade = d->grade;
    snprintf(known->reason, sizeof known->reason, "%s", d->reason);
}

void cli_watch_code(int code)
{
    last_code = code;
}

void cli_watch_wait(const struct cli_watch *w)
{
    if (ferror(stdout)) /* whoever read it is gone: SIGPIPE is ignored */
        exit(last_code);
    sleep(w->seconds);
}
