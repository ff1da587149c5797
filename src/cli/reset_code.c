/*
 * reset --here and --code: each administrator does their own end, and carries nothing over but a
 * code. Making it and taking it are one change each, in ntrustd; here is what people see of it.
 */
#include "cli/reset.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "domain/reset_code.h"

#define TYPED     200 /* bytes of a line */
#define ASKED     3   /* times, on a terminal */
#define WAIT_S    40  /* for the other end to try; it does so every half minute */
#define WAIT_STEP 250 /* ms */

static bool has_end(const json_t *answer, const char *end)
{
    const json_t *list = json_object_get(answer, "ends");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), end) == 0)
            return true;
    return false;
}

static bool was_active(const json_t *half)
{
    return strcmp(cli_text(half, "state"), "active") == 0;
}

/* What begins anew here, or would. */
static void tell_halves(struct reset *r, const json_t *answer)
{
    void (*tell)(struct reset *, const char *, const char *, ...) =
        r->cli->dry_run ? reset_would : reset_done;
    const char *code = r->cli->reset_here ? "a one-time code" : "the code";
    if (has_end(answer, "trusted"))
        tell(r, r->own, "%s$ %s, with %s as its initial password", r->name,
             r->permit != NULL ? "begins anew" : "is made", code);
    if (has_end(answer, "trusting"))
        tell(r, r->own, "%s %s%s, with %s as its initial password",
             r->trust != NULL ? "the trust with" : "this domain trusts", r->name,
             r->trust != NULL ? " begins anew" : "", code);
}

/* --- making one --- */

/* Where the other end is not ntrust's. */
static void print_foreign(const struct reset *r)
{
    printf("\nIf %s is not run by ntrust, the code is the trust's password there, to be typed in "
           "capitals and with\nthe hyphens, as above. A wrong one burns it: then make a new one.\n",
           r->name);
    if (has_end(r->code, "trusted"))
        printf("    Samba, that it trusts %s:     net rpc trustdom establish %s\n", r->own, r->own);
    if (has_end(r->code, "trusting"))
        printf("    Samba, that %s trusts it:     smbpasswd -a -i %s\n", r->own, r->own);
    printf("    Windows: Active Directory Domains and Trusts, the trust's password\n");
}

static void print_code(const struct reset *r, bool worked)
{
    char when[32];
    printf("\n    Code:     %s\n    Expires:  %s\n\n"
           "It is shown this once, and serves once; one made before serves no longer. %sNext, at "
           "%s:\n\n    ntrust reset --code %s\n\n",
           cli_text(r->code, "code"), cli_time(cli_text(r->code, "expires"), when),
           worked ? "Until it\nis typed there, the trust does not work. " : "", r->name, r->own);
    printf(
        "which asks for it. Small letters, spaces and missing hyphens do not matter there, and a "
        "typing error is\nnoticed before anything is sent. Nothing is left to do here%s%s%s.\n",
        has_end(r->code, "trusting") ? ": this domain tries\n" : "",
        has_end(r->code, "trusting") ? r->name : "",
        has_end(r->code, "trusting") ? " every half minute until then" : "");
    print_foreign(r);
}

bool reset_make_code(struct reset *r)
{
    json_t *body =
        json_pack("{s:b,s:o}", "dry_run", r->cli->dry_run, "servers", reset_server_list(r));
    if (r->cli->servers.count == 0)
        json_object_del(body, "servers");
    if (r->cli->as != NULL)
        json_object_set_new(body, "end", json_string(r->cli->as));
    char path[1024];
    unsigned http;
    bool worked = was_active(r->trust) || was_active(r->permit);
    json_t *answer = cli_call_quiet(
        r->cli, "POST", cli_path(path, sizeof path, "/v1/reset/", r->name, "/here"), body, &http);
    if (answer == NULL || http >= 400) {
        const json_t *error = json_object_get(answer, "error");
        snprintf(r->next, sizeof r->next, "%s", cli_text(error, "next"));
        (void)reset_answered(r, answer, http);
        json_decref(answer);
        return false;
    }
    tell_halves(r, answer);
    if (r->cli->dry_run) {
        json_decref(answer);
        return true;
    }
    r->changes++;
    r->code = answer;
    reset_look_here(r);
    snprintf(r->next, sizeof r->next, "at %s: ntrust reset --code %s", r->name, r->own);
    if (!r->cli->json)
        print_code(r, worked);
    return true;
}

/* --- taking one --- */

static bool ask_code(const struct reset *r, char typed[TYPED])
{
    char prompt[100];
    snprintf(prompt, sizeof prompt, "Reset code from %s", r->name);
    return cli_read_line(r->cli->password_fd, prompt, typed, TYPED);
}

static json_t *send_code(struct reset *r, const char *typed, unsigned *http)
{
    char path[1024];
    json_t *body = json_pack("{s:s,s:b}", "code", typed, "dry_run", r->cli->dry_run);
    if (body == NULL) /* not UTF-8 */
        body = json_pack("{s:s,s:b}", "code", "?", "dry_run", r->cli->dry_run);
    if (r->cli->servers.count > 0)
        json_object_set_new(body, "servers", reset_server_list(r));
    return cli_call_quiet(r->cli, "POST",
                          cli_path(path, sizeof path, "/v1/reset/", r->name, "/code"), body, http);
}

/* Asks again after a typing error, which has cost nothing. NULL with the failure told. */
static json_t *offer_code(struct reset *r)
{
    char typed[TYPED];
    for (unsigned i = 1;; i++) {
        unsigned http;
        if (!ask_code(r, typed)) {
            snprintf(r->failure, sizeof r->failure, "no code was given");
            return NULL;
        }
        json_t *answer = send_code(r, typed, &http);
        nt_wipe(typed, sizeof typed);
        if (answer != NULL && http < 400)
            return answer;
        const json_t *error = json_object_get(answer, "error");
        bool typing = strcmp(cli_text(error, "mistake"), "typing") == 0;
        (void)reset_answered(r, answer, http);
        if (typing)
            r->verdict = "Nothing was sent, and the code is as good as before. Type it again";
        else
            snprintf(r->next, sizeof r->next, "%s", cli_text(error, "next"));
        json_decref(answer);
        if (!typing || r->cli->password_fd >= 0 || i == ASKED)
            return NULL;
    }
}

/* Until the other end has tried its half, which it does by itself. */
static bool wait_for_permit(struct reset *r)
{
    const struct timespec pause = { .tv_nsec = WAIT_STEP * 1000000L };
    bool told = false;
    for (unsigned ms = 0; ms < WAIT_S * 1000; ms += WAIT_STEP) {
        const char *state = cli_text(r->permit, "state");
        if (strcmp(state, "active") == 0) {
            reset_done(r, r->name, "proven; its system has replaced the code (version %lld)",
                       (long long)cli_number(r->permit, "version"));
            return true;
        }
        if (strcmp(state, "burned") == 0) {
            snprintf(r->next, sizeof r->next,
                     "at %s: ntrust reset --here %s, which makes a new code", r->name, r->own);
            return reset_failed(r, r->name,
                                "a wrong password was offered from %s first: the code "
                                "is burned",
                                cli_text(r->permit, "burned_from"));
        }
        if (ms >= 1000 && !told) {
            reset_note(r, r->name, "it tries this within half a minute; waiting");
            told = true;
        }
        nanosleep(&pause, NULL);
        json_t *permit = reset_have(r->cli, "/v1/permits/", r->name);
        if (permit != NULL) {
            json_decref(r->permit);
            r->permit = permit;
        }
    }
    snprintf(r->next, sizeof r->next,
             "at %s, if it does not do so by itself: ntrust trust verify %s", r->name, r->own);
    return reset_failed(r, r->name, "it has not tried the code yet; this end is done, and waits");
}

static bool check_trust(struct reset *r)
{
    const char *reason = cli_text(r->trust, "reason");
    const json_t *error = json_object_get(r->trust, "last_error");
    if (reset_is_active(r->trust)) {
        reset_done(r, r->own, "proven with %s; the system has replaced the code (version %lld)",
                   cli_text(r->trust, "controller"), (long long)cli_number(r->trust, "version"));
        return true;
    }
    if (strcmp(reason, "initial-password-burned") == 0 ||
        strcmp(reason, "removed-at-trusted-end") == 0 || strcmp(reason, "password-mismatch") == 0) {
        snprintf(r->next, sizeof r->next, "at %s: ntrust reset --here %s, which makes a new code",
                 r->name, r->own);
        return reset_failed(r, r->name,
                            "it does not accept the code (%s): it was burned, or is not the last "
                            "one that was made there",
                            reason);
    }
    snprintf(r->next, sizeof r->next, "ntrust trust verify %s", r->name);
    return reset_failed(r, r->own, "the trust is %s%s%s: %s. The code is kept and tried again",
                        cli_text(r->trust, "state"), *reason != '\0' ? ", " : "", reason,
                        *cli_text(error, "text") != '\0' ? cli_text(error, "text")
                                                         : cli_text(r->trust, "text"));
}

bool reset_take_code(struct reset *r)
{
    json_t *answer = offer_code(r);
    if (answer == NULL)
        return false;
    bool again = cli_bool(answer, "again");
    bool trusting = has_end(answer, "trusting"), trusted = has_end(answer, "trusted");
    if (again)
        reset_note(r, r->own,
                   "this code was typed here before, and a code serves once: nothing is changed");
    else
        tell_halves(r, answer);
    r->changes += !r->cli->dry_run && !again;
    json_decref(answer);
    if (r->cli->dry_run)
        return true;
    reset_look_here(r);
    bool ok = !trusting || check_trust(r);
    return ok && (!trusted || wait_for_permit(r));
}
