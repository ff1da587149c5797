/*
 * reset: re-establishes both ends of a trust. The order is one that an interruption at any point
 * leaves to be finished by the same command, and in which nothing can burn the fresh permission:
 * the account is not there, or disabled, until the trusting end knows its password.
 */
#include "cli/repair.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf16.h"
#include "crypto/sysenv.h"

#define PEER_MS   120000
#define SECRET    41 /* letters of the initial password, with the NUL: 40 of 32 kinds, 200 bits */
#define PROVE_TRY 4

struct reset {
    const struct cli *cli;
    json_t *domain, *trust, *permit; /* NULL: none here */
    const char *own, *name;          /* this domain, the other one */
    struct cli_peer peer;
    bool ticks;       /* the terminal can show them */
    unsigned changes; /* steps done that changed something */
    char failure[NT_ADMIN_WHY + 200];
};

/* --- what is shown --- */

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

#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

static void PRINTF(3, 4) done(struct reset *r, const char *where, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    say(r, "done", where, text);
}

static bool PRINTF(3, 4) failed(struct reset *r, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->failure, sizeof r->failure, fmt, ap);
    va_end(ap);
    say(r, "failed", where, r->failure);
    return false;
}

static bool peer_failed(struct reset *r)
{
    return failed(r, r->name, "%s", nt_admin_error(r->peer.admin)->text);
}

static void on_interrupt(int number)
{
    static const char text[] = "\nntrust: interrupted. Nothing is lost: the same command, run "
                               "again, finishes.\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(130);
}

/* --- the admin API --- */

/* A request about NAME; NULL with r->failure told. */
static json_t *ask(struct reset *r, const char *method, const char *prefix, const char *suffix,
                   json_t *body)
{
    char path[1024];
    unsigned http;
    json_t *answer = cli_call_quiet(
        r->cli, method, cli_path(path, sizeof path, prefix, r->name, suffix), body, &http);
    if (answer != NULL && http < 400)
        return answer;
    const json_t *error = json_object_get(answer, "error");
    failed(r, r->own, "%s", answer != NULL ? cli_text(error, "text") : "ntrustd does not answer");
    json_decref(answer);
    return NULL;
}

static bool ask_only(struct reset *r, const char *method, const char *prefix, const char *suffix,
                     json_t *body)
{
    json_t *answer = ask(r, method, prefix, suffix, body);
    json_decref(answer);
    return answer != NULL;
}

/* A new reference, NULL when there is none. */
static json_t *have(const struct cli *cli, const char *prefix, const char *name)
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

/* --- the secret --- */

static void make_secret(char text[SECRET], struct nt_password *password)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t random[SECRET - 1];
    nt_random(nt_env_system(), random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        text[i] = letters[random[i] % 32];
    text[sizeof random] = '\0';
    nt_wipe(random, sizeof random);
    (void)nt_password_from_utf8(password, text);
}

/* --- the trusting end is here --- */

static bool is_active(const json_t *trust)
{
    return strcmp(cli_text(trust, "state"), "active") == 0 && !cli_bool(trust, "degraded");
}

static bool sid_differs(const struct reset *r)
{
    struct nt_sid known;
    return r->trust != NULL && cli_sid(r->trust, "sid", &known) &&
           !nt_sid_equal(&known, &r->peer.domain.sid);
}

static bool check_there(struct reset *r, struct nt_admin_account *account)
{
    if (!nt_admin_may_change_accounts(r->peer.admin) ||
        !nt_admin_account_get(r->peer.admin, r->own, account))
        return peer_failed(r);
    if (account->exists && account->type != NT_ADMIN_INTERDOMAIN)
        return failed(
            r, r->name,
            "%s$ is a %s account there: a computer or user has this domain's name. Rename "
            "it first; nothing was changed",
            r->own, nt_admin_account_type_name(account->type));
    done(r, r->name, "%s may change accounts at %s; %s$ %s", r->peer.user, r->peer.server, r->own,
         !account->exists    ? "is not there"
         : account->disabled ? "is there, disabled"
                             : "is there");
    return true;
}

/* Here: the same password; the servers and all else stay as they are. */
static bool begin_here(struct reset *r, const char *secret)
{
    json_t *body = json_pack("{s:s}", "password", secret);
    char sid[NT_SID_TEXT];
    if (r->trust != NULL) {
        bool rebuilt = sid_differs(r);
        if (rebuilt)
            json_object_set_new(body, "sid", json_string(nt_sid_format(&r->peer.domain.sid, sid)));
        if (!ask_only(r, "POST", "/v1/trusts/", "/reset", body))
            return false;
        done(r, r->own, "the trust with %s begins anew with the same password%s", r->name,
             rebuilt ? " and its new SID" : "");
    } else {
        json_t *list = json_array();
        for (size_t i = 0; i < r->cli->servers.count; i++)
            json_array_append_new(list, json_string(r->cli->servers.item[i]));
        json_object_set_new(body, "name", json_string(r->name));
        json_object_set_new(body, "servers", list);
        char path[] = "/v1/trusts";
        unsigned http;
        json_t *answer = cli_call_quiet(r->cli, "POST", path, body, &http);
        bool ok = answer != NULL && http < 400;
        if (!ok)
            failed(r, r->own, "%s",
                   answer != NULL ? cli_text(json_object_get(answer, "error"), "text")
                                  : "ntrustd does not answer");
        json_decref(answer);
        if (!ok)
            return false;
        done(r, r->own, "this domain is to trust %s, with the same password", r->name);
    }
    r->changes++;
    return true;
}

static bool prove_here(struct reset *r)
{
    for (unsigned i = 0; i < PROVE_TRY; i++) {
        if (i > 0)
            sleep(1);
        json_t *trust = ask(r, "POST", "/v1/trusts/", "/verify", NULL);
        if (trust == NULL)
            return false;
        json_decref(r->trust);
        r->trust = trust;
        if (is_active(trust)) {
            done(r, r->own, "proven with %s; the system has replaced the password (version %lld)",
                 cli_text(trust, "controller"), (long long)cli_number(trust, "version"));
            return true;
        }
    }
    const json_t *error = json_object_get(r->trust, "last_error");
    return failed(r, r->own, "the trust is %s%s%s: %s", cli_text(r->trust, "state"),
                  *cli_text(r->trust, "reason") != '\0' ? ", " : "", cli_text(r->trust, "reason"),
                  *cli_text(error, "text") != '\0' ? cli_text(error, "text")
                                                   : cli_text(r->trust, "text"));
}

/* From the other end: the account is as it should be, and its password is the system's. */
static bool verify_there(struct reset *r)
{
    struct nt_admin_account account;
    char when[NT_TIME_TEXT];
    if (!nt_admin_account_get(r->peer.admin, r->own, &account))
        return peer_failed(r);
    if (!account.exists || account.disabled || account.type != NT_ADMIN_INTERDOMAIN)
        return failed(r, r->name, "%s$ is not as it was left: %s", r->own,
                      !account.exists    ? "it is gone"
                      : account.disabled ? "it is disabled"
                                         : "it is of another type");
    done(r, r->name, "%s$ is enabled, its password was last set %s", r->own,
         nt_time_format(account.password_set, when));
    return true;
}

static bool recreate_account(struct reset *r, bool exists, const struct nt_password *secret)
{
    if (exists) {
        if (!nt_admin_account_delete(r->peer.admin, r->own) &&
            nt_admin_error(r->peer.admin)->kind != NT_ADMIN_MISSING)
            return peer_failed(r);
        r->changes++;
        done(r, r->name, "%s$ removed", r->own);
    }
    if (!nt_admin_account_create(r->peer.admin, r->own, secret))
        return peer_failed(r);
    r->changes++;
    done(r, r->name, "%s$ made with a fresh random password, disabled as yet", r->own);
    return true;
}

static void plan(struct reset *r, const char *where, const char *text)
{
    say(r, "would", where, text);
}

static bool reset_trusting(struct reset *r)
{
    struct nt_admin_account account = { 0 };
    char text[200], secret[SECRET];
    NT_SCOPED_PASSWORD password = { .len = 0 };
    if (!check_there(r, &account))
        return false;
    if (sid_differs(r))
        done(r, r->name, "it was built anew: its SID is not the one that this domain trusted");
    if (r->cli->dry_run) {
        snprintf(text, sizeof text, "remove %s$", r->own);
        if (account.exists)
            plan(r, r->name, text);
        snprintf(text, sizeof text, "make %s$ with a fresh random password", r->own);
        plan(r, r->name, text);
        snprintf(text, sizeof text, "%s %s with the same password",
                 r->trust != NULL ? "begin anew the trust with" : "trust", r->name);
        plan(r, r->own, text);
        plan(r, r->own, "prove it, and have the system replace the password");
        return true;
    }
    make_secret(secret, &password);
    bool ok = recreate_account(r, account.exists, &password) && begin_here(r, secret);
    nt_wipe(secret, sizeof secret);
    if (!ok)
        return false;
    if (!nt_admin_account_enable(r->peer.admin, r->own))
        return peer_failed(r);
    r->changes++;
    done(r, r->name, "%s$ enabled", r->own);
    return prove_here(r) && verify_there(r);
}

/* --- the trusted end is here --- */

static bool check_tdo(struct reset *r)
{
    struct nt_admin_tdo tdo;
    struct nt_sid own;
    if (!nt_admin_may_change_trusts(r->peer.admin) ||
        !nt_admin_tdo_get(r->peer.admin, r->own, &tdo))
        return peer_failed(r);
    if (!tdo.exists || (tdo.direction & NT_ADMIN_OUTBOUND) == 0)
        return failed(r, r->name,
                      "it does not trust %s, and cannot be told from here where this domain's "
                      "controllers are. Nothing was changed. At %s: ntrust reset %s -U "
                      "'%s\\Administrator' --server HOST",
                      r->own, r->name, r->own, r->own);
    if (cli_sid(r->domain, "sid", &own) && !nt_sid_is_null(&tdo.sid) &&
        !nt_sid_equal(&own, &tdo.sid))
        return failed(r, r->name,
                      "it trusts an older domain of this name, with another SID. Nothing was "
                      "changed. At %s: ntrust reset %s -U '%s\\Administrator'",
                      r->name, r->own, r->own);
    done(r, r->name, "%s may change trusts at %s; its object for %s is there", r->peer.user,
         r->peer.server, r->own);
    return true;
}

/* Has the other end prove it, and looks at what came of it here. */
static bool prove_there(struct reset *r)
{
    char controller[NT_ADMIN_NAME] = "";
    uint32_t werr = 0;
    bool asked = false;
    for (unsigned i = 0; i < PROVE_TRY; i++) {
        if (i > 0)
            sleep(1);
        asked = nt_admin_trust_verify(r->peer.admin, r->own, &werr, controller);
        json_t *permit = have(r->cli, "/v1/permits/", r->name);
        bool active = strcmp(cli_text(permit, "state"), "active") == 0;
        if (permit != NULL) {
            json_decref(r->permit);
            r->permit = permit;
        }
        if (active && asked && werr == NT_WERR_OK) {
            done(r, r->name, "proven with %s", *controller != '\0' ? controller : r->own);
            done(r, r->own, "%s's system has replaced the password (version %lld)", r->name,
                 (long long)cli_number(r->permit, "version"));
            return true;
        }
    }
    if (!asked)
        return peer_failed(r);
    return failed(r, r->name, "asked to prove the trust, it answers %u %s; the permission is %s",
                  werr, nt_admin_werr_name(werr), cli_text(r->permit, "state"));
}

static bool reset_trusted(struct reset *r)
{
    char text[200], secret[SECRET];
    NT_SCOPED_PASSWORD password = { .len = 0 };
    if (!check_tdo(r))
        return false;
    if (r->cli->dry_run) {
        snprintf(text, sizeof text, "withdraw the permission of %s", r->name);
        if (r->permit != NULL)
            plan(r, r->own, text);
        snprintf(text, sizeof text, "give its object for %s a fresh random password", r->own);
        plan(r, r->name, text);
        snprintf(text, sizeof text, "permit %s with the same password", r->name);
        plan(r, r->own, text);
        plan(r, r->name, "prove it, and have the system replace the password");
        return true;
    }
    if (r->permit != NULL) {
        if (!ask_only(r, "DELETE", "/v1/permits/", "", NULL))
            return false;
        r->changes++;
        done(r, r->own, "%s$ removed", r->name);
    }
    make_secret(secret, &password);
    bool ok = nt_admin_tdo_set_password(r->peer.admin, r->own, &password);
    if (!ok) {
        nt_wipe(secret, sizeof secret);
        return peer_failed(r);
    }
    r->changes++;
    done(r, r->name, "its trust with %s begins anew with a fresh random password", r->own);
    json_t *body = json_pack("{s:s,s:s}", "name", r->name, "password", secret);
    nt_wipe(secret, sizeof secret);
    unsigned http;
    json_t *answer = cli_call_quiet(r->cli, "POST", "/v1/permits", body, &http);
    ok = answer != NULL && http < 400;
    if (!ok)
        failed(r, r->own, "%s",
               answer != NULL ? cli_text(json_object_get(answer, "error"), "text")
                              : "ntrustd does not answer");
    json_decref(answer);
    if (!ok)
        return false;
    r->changes++;
    done(r, r->own, "%s$ made with the same password", r->name);
    return prove_there(r);
}

/* --- which end is here --- */

enum end { NEITHER, TRUSTING = 1, TRUSTED = 2 };

/* What is left tells which end this is: a half here, else a half there. */
static unsigned which_ends(struct reset *r)
{
    struct nt_admin_account account;
    struct nt_admin_tdo tdo;
    unsigned ends = (r->trust != NULL ? TRUSTING : 0) | (r->permit != NULL ? TRUSTED : 0);
    if (ends != 0)
        return ends;
    if (!nt_admin_account_get(r->peer.admin, r->own, &account) ||
        !nt_admin_tdo_get(r->peer.admin, r->own, &tdo)) {
        peer_failed(r);
        return NEITHER;
    }
    if (tdo.exists && (tdo.direction & NT_ADMIN_OUTBOUND) != 0)
        ends |= TRUSTED;
    if (account.exists && account.type == NT_ADMIN_INTERDOMAIN)
        ends |= TRUSTING;
    if (ends == NEITHER)
        failed(r, r->own,
               "there is no half of a trust with %s, neither here nor there. To make one: 'ntrust "
               "permit add' at the end that has the users, 'ntrust trust add' at the other",
               r->name);
    return ends;
}

static bool run(struct reset *r)
{
    char servers[4096];
    const char *from = cli_servers_text(r->cli, r->name, json_object_get(r->trust, "servers"),
                                        servers, sizeof servers);
    done(r, r->own, "this end answers: %s%s", r->trust != NULL ? "it trusts " : "",
         r->trust != NULL    ? r->name
         : r->permit != NULL ? "it permits the other end"
                             : "no half of the trust is here");
    if (!cli_peer_open(r->cli, r->name, from, PEER_MS, &r->peer))
        return failed(r, r->name, "%s", r->peer.error.text);
    unsigned ends = which_ends(r);
    bool ok = ends != NEITHER;
    if (ok && (ends & TRUSTING) != 0)
        ok = reset_trusting(r);
    if (ok && (ends & TRUSTED) != 0)
        ok = reset_trusted(r);
    return ok;
}

/* --- the end of it --- */

static void command_again(const struct reset *r, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "ntrust reset %s ", r->name);
    at += r->cli->kerberos ? (size_t)snprintf(out + at, size - at, "-k")
                           : (size_t)snprintf(out + at, size - at, "-U '%s'", r->cli->peer_user);
    for (size_t i = 0; i < r->cli->servers.count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, " --server %s", r->cli->servers.item[i]);
}

static int conclude(const struct reset *r, bool ok)
{
    char again[1024];
    command_again(r, again, sizeof again);
    if (r->cli->json) {
        json_t *last = json_pack("{s:s,s:s,s:b,s:i,s:s,s:s,s:O?,s:O?}", "result",
                                 !ok               ? "failed"
                                 : r->cli->dry_run ? "dry-run"
                                                   : "good",
                                 "domain", r->name, "final", 1, "changes", (int)r->changes,
                                 "failure", r->failure, "next", ok && !r->cli->dry_run ? "" : again,
                                 "trust", r->trust, "permit", r->permit);
        char *out = json_dumps(last, JSON_COMPACT);
        puts(out != NULL ? out : "{}");
        free(out);
        json_decref(last);
    } else if (ok && r->cli->dry_run) {
        puts("Nothing was changed (--dry-run).");
    } else if (ok) {
        printf("The trust between %s and %s is re-established at both ends.\n", r->own, r->name);
    } else if (r->changes == 0) {
        printf("Nothing was changed at either end. When that is put right: %s\n", again);
    } else {
        printf("The steps above that are ticked are done; the trust does not work yet. Next, when "
               "that is put right: %s\nIt begins again and finishes.\n",
               again);
    }
    return ok ? EXIT_GOOD : EXIT_FAILED;
}

int cli_reset(const struct cli *cli)
{
    int code;
    struct reset r = { .cli = cli };
    char upper[NT_ADMIN_NAME];
    bool mistake;
    if (!cli_peer_asked(cli, &mistake))
        return mistake ? EXIT_USAGE
                       : cli_usage("name an administrator of %s with -U NAME, or log on with -k",
                                   cli->args[0]);
    if (!nt_netbios_name_ok(cli->args[0]))
        return cli_usage("'%s' is no NetBIOS domain name", cli->args[0]);
    r.domain = cli_call(cli, "GET", "/v1/domain", NULL, &code);
    if (r.domain == NULL)
        return code;
    const struct sigaction interrupt = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &interrupt, NULL);
    setlocale(LC_CTYPE, "");
    r.ticks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    size_t len = 0;
    for (const char *c = cli->args[0]; *c != '\0' && len + 1 < sizeof upper; c++)
        upper[len++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    upper[len] = '\0';
    r.own = cli_text(r.domain, "name");
    r.name = upper;
    r.trust = have(cli, "/v1/trusts/", upper);
    r.permit = have(cli, "/v1/permits/", upper);
    code = conclude(&r, run(&r));
    cli_peer_close(&r.peer);
    json_decref(r.trust);
    json_decref(r.permit);
    json_decref(r.domain);
    return code;
}
