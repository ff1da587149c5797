/* reset: what it prints, and the admin API as it asks it. */
#include "cli/reset.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/sysenv.h"

/* --- steps --- */

static void say(const struct reset *r, const char *result, const char *where, const char *text)
{
    const char *mark = strcmp(result, "done") == 0     ? r->ticks ? "\xe2\x9c\x93" : "ok"
                       : strcmp(result, "failed") == 0 ? r->ticks ? "\xe2\x9c\x97" : "FAILED"
                                                       : "-";
    if (r->cli->json) {
        json_t *line = json_pack("{s:s,s:s,s:s}", "result", result, "at", where, "step", text);
        char *out = json_dumps(line, JSON_COMPACT);
        puts(out != NULL ? out : "{}");
        free(out);
        json_decref(line);
    } else {
        printf("  %s %s: %s\n", mark, where, text);
    }
    fflush(stdout);
}

static void RESET_PRINTF(4, 0) say_list(const struct reset *r, const char *result,
                                        const char *where, const char *fmt, va_list ap)
{
    char text[400];
    vsnprintf(text, sizeof text, fmt, ap);
    say(r, result, where, text);
}

void reset_done(struct reset *r, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say_list(r, "done", where, fmt, ap);
    va_end(ap);
}

void reset_would(struct reset *r, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say_list(r, "would", where, fmt, ap);
    va_end(ap);
}

void reset_note(struct reset *r, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say_list(r, "note", where, fmt, ap);
    va_end(ap);
}

bool reset_failed(struct reset *r, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->failure, sizeof r->failure, fmt, ap);
    va_end(ap);
    say(r, "failed", where, r->failure);
    return false;
}

bool reset_peer_failed(struct reset *r)
{
    return reset_failed(r, r->name, "%s", nt_admin_error(r->peer.admin)->text);
}

static void on_interrupt(int number)
{
    static const char text[] = "\nntrust: interrupted. Nothing is lost: the same command, run "
                               "again, finishes.\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(130);
}

void reset_catch_interrupts(void)
{
    const struct sigaction interrupt = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &interrupt, NULL);
}

/* --- the end of it --- */

const char *reset_again(const struct reset *r, char *out, size_t size)
{
    const struct cli *cli = r->cli;
    size_t at = (size_t)snprintf(out, size, "ntrust reset%s %s",
                                 cli->reset_here   ? " --here"
                                 : cli->reset_code ? " --code"
                                                   : "",
                                 r->name);
    if (cli->kerberos)
        at += (size_t)snprintf(out + at, size - at, " -k");
    else if (cli->peer_user != NULL)
        at += (size_t)snprintf(out + at, size - at, " -U '%s'", cli->peer_user);
    if (cli->as != NULL && at < size)
        at += (size_t)snprintf(out + at, size - at, " --as %s", cli->as);
    for (size_t i = 0; i < cli->servers.count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, " --server %s", cli->servers.item[i]);
    return out;
}

static void conclude_json(const struct reset *r, bool ok, const char *next)
{
    const char *result = !ok ? "failed" : r->cli->dry_run ? "dry-run" : "good";
    json_t *last = json_pack("{s:s,s:s,s:b,s:i,s:s,s:s,s:O?,s:O?}", "result", result, "domain",
                             r->name, "final", 1, "changes", (int)r->changes, "failure", r->failure,
                             "next", next, "trust", r->trust, "permit", r->permit);
    if (r->code != NULL) {
        json_object_set(last, "code", json_object_get(r->code, "code"));
        json_object_set(last, "expires", json_object_get(r->code, "expires"));
    }
    char *out = json_dumps(last, JSON_COMPACT);
    puts(out != NULL ? out : "{}");
    if (out != NULL)
        nt_wipe(out, strlen(out)); /* it may hold a code */
    free(out);
    json_decref(last);
}

int reset_conclude(struct reset *r, bool ok)
{
    char again[1024];
    const char *next = r->next[0] != '\0' ? r->next : reset_again(r, again, sizeof again);
    if (r->cli->json) {
        conclude_json(r, ok, ok && !r->cli->dry_run && r->next[0] == '\0' ? "" : next);
    } else if (ok && r->cli->dry_run) {
        puts("Nothing was changed (--dry-run).");
    } else if (ok && r->code == NULL) {
        printf("The trust between %s and %s is re-established at both ends.\n", r->own, r->name);
    } else if (!ok && r->verdict != NULL) {
        printf("%s: %s\n", r->verdict, next);
    } else if (!ok && r->changes == 0) {
        printf("Nothing was changed at either end. %s%s\n",
               r->next[0] != '\0' ? "Next: " : "When that is put right: ", next);
    } else if (!ok && r->next[0] != '\0') {
        printf("The trust does not work yet. Next: %s\n", next);
    } else if (!ok) {
        printf("The steps above that are ticked are done; the trust does not work yet. Next, when "
               "that is put right: %s\nIt begins again and finishes.\n",
               next);
    }
    return ok ? EXIT_GOOD : EXIT_FAILED;
}

/* --- the admin API --- */

bool reset_answered(struct reset *r, const json_t *answer, unsigned http)
{
    if (answer != NULL && http < 400)
        return true;
    const json_t *error = json_object_get(answer, "error");
    return reset_failed(r, r->own, "%s",
                        answer != NULL ? cli_text(error, "text") : "ntrustd does not answer");
}

json_t *reset_ask(struct reset *r, const char *method, const char *path, json_t *body)
{
    unsigned http;
    json_t *answer = cli_call_quiet(r->cli, method, path, body, &http);
    if (reset_answered(r, answer, http))
        return answer;
    json_decref(answer);
    return NULL;
}

json_t *reset_ask_about(struct reset *r, const char *method, const char *prefix, const char *suffix,
                        json_t *body)
{
    char path[1024];
    return reset_ask(r, method, cli_path(path, sizeof path, prefix, r->name, suffix), body);
}

bool reset_ask_only(struct reset *r, const char *method, const char *prefix, const char *suffix,
                    json_t *body)
{
    json_t *answer = reset_ask_about(r, method, prefix, suffix, body);
    json_decref(answer);
    return answer != NULL;
}

json_t *reset_have(const struct cli *cli, const char *prefix, const char *name)
{
    char path[1024];
    unsigned http;
    json_t *answer =
        cli_call_quiet(cli, "GET", cli_path(path, sizeof path, prefix, name, ""), NULL, &http);
    if (answer != NULL && http >= 400) {
        json_decref(answer);
        answer = NULL;
    }
    return answer;
}

void reset_look_here(struct reset *r)
{
    json_decref(r->trust);
    json_decref(r->permit);
    r->trust = reset_have(r->cli, "/v1/trusts/", r->name);
    r->permit = reset_have(r->cli, "/v1/permits/", r->name);
}

json_t *reset_server_list(const struct reset *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->cli->servers.count; i++)
        json_array_append_new(list, json_string(r->cli->servers.item[i]));
    return list;
}

void reset_make_secret(char text[RESET_SECRET], struct nt_password *password)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t random[RESET_SECRET - 1];
    nt_random(nt_env_system(), random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        text[i] = letters[random[i] % 32];
    text[sizeof random] = '\0';
    nt_wipe(random, sizeof random);
    (void)nt_password_from_utf8(password, text);
}
