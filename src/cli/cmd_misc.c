/* status, events, logon. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/utf16.h"
#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "crypto/sysenv.h"

#define FOLLOW_MS 1000

/* --- status --- */

static void print_states(const char *label, const json_t *states)
{
    const char *key;
    json_t *value;
    printf("  %-12s", label);
    if (json_object_size(states) == 0)
        printf(" none");
    json_object_foreach((json_t *)(uintptr_t)states, key, value)
        printf(" %lld %s", (long long)json_integer_value(value), key);
    putchar('\n');
}

/* One line a name: how it stands by broadcast and at WINS, and who else claims it. */
static void print_netbios(const json_t *netbios)
{
    const json_t *names = json_object_get(netbios, "names");
    if (json_array_size(names) == 0)
        printf("  %-12s off\n", "NetBIOS");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *n = json_array_get(names, i);
        const char *wins = cli_text(n, "wins"), *server = cli_text(n, "wins_server");
        const char *conflict = cli_text(n, "conflict");
        char when[32];
        printf("  %-12s %-20s broadcast %s, WINS %s", i == 0 ? "NetBIOS" : "", cli_text(n, "name"),
               cli_text(n, "broadcast"), wins);
        if (*server != '\0')
            printf(" (%s)", server);
        if (*conflict != '\0')
            printf("; CONFLICT with %s at %s", conflict,
                   cli_time(cli_text(n, "conflict_time"), when));
        putchar('\n');
    }
}

static void print_restored(const json_t *store)
{
    char at[32], to[32];
    if (*cli_text(store, "restored") != '\0')
        printf("  %-12s %s, to a copy of %s\n", "restored",
               cli_time(cli_text(store, "restored"), at),
               cli_time(cli_text(store, "restored_to"), to));
}

/* What fails, at which end, why, and the next step. */
static void print_troubles(const struct cli *cli, const json_t *troubles)
{
    for (size_t i = 0; i < json_array_size(troubles); i++) {
        const json_t *t = json_array_get(troubles, i);
        const char *end = cli_text(t, "end_at_fault"), *status = cli_text(t, "status");
        char state[64];
        printf("\n%s %s: %s, %s%s%s\n",
               strcmp(cli_text(t, "this_end"), "trusting") == 0 ? "trusts" : "is trusted by",
               cli_text(t, "domain"), cli_state(cli, cli_text(t, "state"), 0, state),
               cli_text(t, "reason"), *end != '\0' ? ", at fault: " : "", end);
        printf("  %s\n", cli_text(t, "text"));
        if (*cli_text(t, "seen") != '\0')
            printf("  %s%s%s\n", status, *status != '\0' ? ": " : "", cli_text(t, "seen"));
        printf("  Next: %s\n", cli_text(t, "next"));
    }
}

static int status(const struct cli *cli)
{
    int code;
    char when[32];
    json_t *s = cli_call(cli, "GET", "/v1/status", NULL, &code);
    if (s == NULL)
        return code;
    if (cli->json) {
        cli_print_json(s);
    } else {
        printf("%s\\%s  ntrustd %s\n  %-12s %s\n  %-12s %s\n", cli_text(s, "domain"),
               cli_text(s, "computer"), cli_text(s, "version"), "SID", cli_text(s, "sid"),
               "running", cli_time(cli_text(s, "started"), when));
        print_restored(json_object_get(s, "store"));
        print_netbios(json_object_get(s, "netbios"));
        print_states("trusts", json_object_get(s, "trusts"));
        print_states("permits", json_object_get(s, "permits"));
        const json_t *smb = json_object_get(s, "smb");
        printf("  %-12s %lld\n  %-12s %lld, %lld of them SMB with %lld open pipes\n", "channels in",
               (long long)cli_number(s, "channels_in"), "connections",
               (long long)cli_number(s, "connections"), (long long)cli_number(smb, "connections"),
               (long long)cli_number(smb, "pipes"));
        print_troubles(cli, json_object_get(s, "troubles"));
    }
    json_decref(s);
    return EXIT_GOOD;
}

/* --- events --- */

static long long print_events(const struct cli *cli, const json_t *events, long long last)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        char when[32], level[64];
        last = (long long)cli_number(e, "id");
        if (cli->json && cli->follow) {
            char *text = json_dumps(e, JSON_COMPACT);
            puts(text != NULL ? text : "{}");
            free(text);
        } else if (!cli->json) {
            printf("%s %s %-26s %-16s %s%s%s%s\n", cli_time(cli_text(e, "time"), when),
                   cli_state(cli, cli_text(e, "level"), 7, level), cli_text(e, "kind"),
                   cli_text(e, "subject"), cli_text(e, "text"),
                   *cli_text(e, "peer") != '\0' ? " [" : "", cli_text(e, "peer"),
                   *cli_text(e, "peer") != '\0' ? "]" : "");
        }
    }
    fflush(stdout);
    return last;
}

static json_t *get_events(const struct cli *cli, const char *after, int *code)
{
    char path[1024], subject[400] = "";
    if (cli->subject != NULL)
        cli_path(subject, sizeof subject, "&subject=", cli->subject, "");
    snprintf(path, sizeof path, "/v1/events?max=%s%s%s", cli->max != NULL ? cli->max : "50", after,
             subject);
    return cli_call(cli, "GET", path, NULL, code);
}

static int events(const struct cli *cli)
{
    int code;
    long long last = 0;
    json_t *answer = get_events(cli, "", &code);
    while (answer != NULL) {
        if (cli->json && !cli->follow)
            cli_print_json(answer);
        last = print_events(cli, json_object_get(answer, "events"), last);
        json_decref(answer);
        if (!cli->follow || ferror(stdout)) /* nobody reads it any more */
            return EXIT_GOOD;
        char after[40];
        const struct timespec pause = { 0, FOLLOW_MS * 1000000L - 1 };
        nanosleep(&pause, NULL);
        snprintf(after, sizeof after, "&after=%lld", last);
        answer = get_events(cli, after, &code);
    }
    return code;
}

/* --- logon --- */

/* "DOMAIN\user" into its two parts; false: it is not that. */
static bool split_user(const char *text, char domain[64], char user[128])
{
    const char *slash = strpbrk(text, "\\/");
    if (slash == NULL || slash == text || slash[1] == '\0' || (size_t)(slash - text) >= 64 ||
        strlen(slash + 1) >= 128)
        return false;
    memcpy(domain, text, (size_t)(slash - text));
    domain[slash - text] = '\0';
    memcpy(user, slash + 1, strlen(slash + 1) + 1);
    return true;
}

/* The answer to a challenge of our own, as a server would get it from its client: the password
 * itself stays in this process. */
static json_t *logon_body(const struct cli *cli, const char *domain, const char *user,
                          const struct nt_secret *hash)
{
    const struct nt_env *env = nt_env_system();
    uint8_t challenge[8], client[8];
    struct nt_buf pairs, response;
    NT_SCOPED_SECRET key = { .len = 0 };
    json_t *body = NULL;
    nt_random(env, challenge, sizeof challenge);
    nt_random(env, client, sizeof client);
    nt_buf_init(&pairs, 1024);
    nt_buf_init(&response, 4096);
    nt_av_put(&pairs, NT_AV_EOL, NULL, 0);
    if (nt_ntlmv2_respond(hash, user, domain, challenge, client, nt_now(env), pairs.data, pairs.len,
                          &response, &key) == NT_OK) {
        char challenge_hex[17], *response_hex = malloc(2 * response.len + 1);
        nt_hex(challenge, sizeof challenge, challenge_hex);
        if (response_hex != NULL) {
            nt_hex(response.data, response.len, response_hex);
            body = json_pack("{s:s,s:s,s:s,s:s}", "domain", domain, "user", user, "challenge",
                             challenge_hex, "nt_response", response_hex);
        }
        free(response_hex);
        if (body != NULL && cli->workstation != NULL)
            json_object_set_new(body, "workstation", json_string(cli->workstation));
    }
    nt_buf_free(&pairs);
    nt_buf_free(&response);
    return body;
}

static int logon(const struct cli *cli)
{
    char domain[64], user[128], password[1024], prompt[256];
    if (!split_user(cli->args[0], domain, user))
        return cli_usage("the user is named DOMAIN\\user (in a shell: 'DOMAIN\\user'), not '%s'",
                         cli->args[0]);
    snprintf(prompt, sizeof prompt, "Password of %s\\%s", domain, user);
    if (!cli_read_password(cli->password_fd, prompt, false, password, sizeof password))
        return EXIT_FAILED;
    NT_SCOPED_PASSWORD clear = { .len = 0 };
    NT_SCOPED_SECRET hash = { .len = 0 };
    bool ok = nt_password_from_utf8(&clear, password);
    nt_wipe(password, sizeof password);
    nt_owf(&clear, &hash);
    json_t *body = ok ? logon_body(cli, domain, user, &hash) : NULL;
    if (body == NULL)
        return cli_fail("the name or password is too long or not UTF-8");
    int code;
    json_t *answer = cli_call(cli, "POST", "/v1/logon", body, &code);
    if (answer == NULL)
        return code;
    bool good = strcmp(cli_text(answer, "status"), "SUCCESS") == 0;
    if (cli->json) {
        cli_print_json(answer);
    } else if (good) {
        const json_t *groups = json_object_get(answer, "groups");
        printf("%s\\%s is logged on.\n  SID         %s\n  controller  %s\n", domain,
               cli_text(answer, "user"), cli_text(answer, "user_sid"),
               cli_text(answer, "controller"));
        for (size_t i = 0; i < json_array_size(groups); i++)
            printf("  group       %s\n", json_string_value(json_array_get(groups, i)));
    } else {
        fprintf(stderr, "ntrust: the logon was refused: %s (%s %s)\n", cli_text(answer, "text"),
                cli_text(answer, "code"), cli_text(answer, "status"));
    }
    json_decref(answer);
    return good ? EXIT_GOOD : EXIT_FAILED;
}

const struct cli_command cli_misc_commands[] = {
    { "status", "", 0, 0, "", "Show how ntrustd is",
      "Its domain, NetBIOS names, trusts by state, connections.", status },
    { "events", "", 0, 0, "subject max follow", "Show the audit trail",
      "What happened to trusts and accounts, oldest first, with the address it came from.",
      events },
    { "logon", "DOMAIN\\USER", 1, 1, "password-fd workstation",
      "Log a user on, of this domain or through a trust",
      "A real network logon (NTLMv2), as a server of this domain would ask for it: for a user of "
      "a\n"
      "trusted domain it goes through the trust to that domain's controller.",
      logon },
    { 0 },
};
