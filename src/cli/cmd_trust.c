/* permit: the trusted end. trust: the trusting end. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool several_passwords(const struct cli *cli)
{
    return cli->generate + cli->empty_password + (cli->password_fd >= 0) > 1;
}

/* Adds "password" (or "generate") to a body as the options say. False: told. */
static bool add_password(const struct cli *cli, json_t *body, const char *prompt, bool confirm)
{
    char text[1024] = "";
    if (cli->generate) {
        json_object_set_new(body, "generate", json_true());
        return true;
    }
    if (!cli->empty_password &&
        !cli_read_password(cli->password_fd, prompt, confirm, text, sizeof text))
        return false;
    json_t *value = json_string(text);
    nt_wipe(text, sizeof text);
    if (value == NULL) {
        cli_fail("the password is not UTF-8");
        return false;
    }
    json_object_set_new(body, "password", value);
    return true;
}

static void line(const char *name, const char *value)
{
    if (*value != '\0')
        printf("  %-16s %s\n", name, value);
}

static void time_line(const json_t *object, const char *name, const char *key)
{
    char text[32];
    if (*cli_text(object, key) != '\0')
        line(name, cli_time(cli_text(object, key), text));
}

static void next_line(const json_t *object)
{
    if (*cli_text(object, "next") != '\0')
        printf("  %-16s %s\n", "Next:", cli_text(object, "next"));
}

/* --- permit --- */

static void print_permit(const struct cli *cli, const json_t *p)
{
    char state[64];
    printf("%s may trust this domain: %s\n", cli_text(p, "name"),
           cli_state(cli, cli_text(p, "state"), 0, state));
    line("account", cli_text(p, "account"));
    line("reason", cli_text(p, "reason"));
    line("end at fault", cli_text(p, "end_at_fault"));
    printf("  %-16s %s\n", "state", cli_text(p, "text"));
    if (strcmp(cli_text(p, "state"), "permitted") == 0)
        printf("  %-16s %lld\n", "attempts left", (long long)cli_number(p, "attempts_left"));
    time_line(p, "permitted", "permitted");
    time_line(p, "proven", "proven");
    time_line(p, "changed", "changed");
    time_line(p, "burned", "burned");
    line("burned from", cli_text(p, "burned_from"));
    time_line(p, "last good", "last_ok");
    time_line(p, "last wrong", "last_bad");
    line("last from", cli_text(p, "last_from"));
    next_line(p);
}

static int show_permit(const struct cli *cli, json_t *p)
{
    if (cli->json)
        cli_print_json(p);
    else
        print_permit(cli, p);
    json_decref(p);
    return EXIT_GOOD;
}

/* What the administrator of the other end is to type for this domain. */
static void own_name(const struct cli *cli, char out[64])
{
    unsigned http;
    json_t *domain = cli_call_quiet(cli, "GET", "/v1/domain", NULL, &http);
    const char *name = http == 200 ? cli_text(domain, "name") : "THIS-DOMAIN";
    snprintf(out, 64, "%s", name);
    json_decref(domain);
}

static int permit_add(const struct cli *cli)
{
    int code;
    char own[64], *end = NULL;
    long attempts = cli->attempts != NULL ? strtol(cli->attempts, &end, 10) : 0;
    if (end != NULL && (*end != '\0' || attempts < 1 || attempts > 100))
        return cli_usage("--attempts must be a number from 1 to 100, not '%s'", cli->attempts);
    if (several_passwords(cli))
        return cli_usage("give one of --generate, --empty-password and --password-fd");
    json_t *body = json_pack("{s:s}", "name", cli->args[0]);
    if (body == NULL)
        return cli_fail("the name is not UTF-8");
    if (!add_password(cli, body, "Initial password of the trust", true)) {
        json_decref(body);
        return EXIT_FAILED;
    }
    if (attempts > 0)
        json_object_set_new(body, "attempts", json_integer(attempts));
    json_t *p = cli_call(cli, "POST", "/v1/permits", body, &code);
    if (p == NULL)
        return code;
    if (cli->json)
        return show_permit(cli, p);
    printf("The domain %s may now trust this one, once it proves the initial password.\n",
           cli_text(p, "name"));
    if (*cli_text(p, "generated_password") != '\0')
        printf("\n  Initial password: %s\n\nIt is shown this once.\n",
               cli_text(p, "generated_password"));
    own_name(cli, own);
    printf("A wrong one burns the permission (attempts left: %lld). Next, at %s:\n"
           "  ntrust trust add %s --server THIS-HOST\n",
           (long long)cli_number(p, "attempts_left"), cli_text(p, "name"), own);
    json_decref(p);
    return EXIT_GOOD;
}

static int permit_remove(const struct cli *cli)
{
    char path[1024];
    int code;
    json_t *answer = cli_call(
        cli, "DELETE", cli_path(path, sizeof path, "/v1/permits/", cli->args[0], ""), NULL, &code);
    if (answer == NULL)
        return code;
    json_decref(answer);
    if (cli->json)
        puts("{}");
    else
        printf("%s may no longer trust this domain. Its trust is broken from now on: permitting it "
               "again at this end alone does not repair it.\n",
               cli->args[0]);
    return EXIT_GOOD;
}

static int permit_able(const struct cli *cli, int disabled)
{
    char path[1024];
    int code;
    json_t *p =
        cli_call(cli, "PATCH", cli_path(path, sizeof path, "/v1/permits/", cli->args[0], ""),
                 json_pack("{s:b}", "disabled", disabled), &code);
    return p != NULL ? show_permit(cli, p) : code;
}

static int permit_disable(const struct cli *cli)
{
    return permit_able(cli, 1);
}

static int permit_enable(const struct cli *cli)
{
    return permit_able(cli, 0);
}

static int permit_show(const struct cli *cli)
{
    char path[1024];
    int code;
    json_t *p = cli_call(cli, "GET", cli_path(path, sizeof path, "/v1/permits/", cli->args[0], ""),
                         NULL, &code);
    return p != NULL ? show_permit(cli, p) : code;
}

static int permit_list(const struct cli *cli)
{
    int code;
    json_t *answer = cli_call(cli, "GET", "/v1/permits", NULL, &code);
    if (answer == NULL)
        return code;
    const json_t *list = json_object_get(answer, "permits");
    if (cli->json) {
        cli_print_json(answer);
    } else if (json_array_size(list) == 0) {
        puts("No domain is permitted to trust this one.");
    } else {
        printf("%-16s %-13s %-22s %s\n", "DOMAIN", "STATE", "LAST CHANGE", "LAST SEEN");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *p = json_array_get(list, i);
            char state[64], changed[32], seen[32];
            printf("%-16s %s %-22s %s\n", cli_text(p, "name"),
                   cli_state(cli, cli_text(p, "state"), 13, state),
                   cli_time(cli_text(p, "changed"), changed),
                   cli_time(cli_text(p, "last_ok"), seen));
        }
    }
    json_decref(answer);
    return EXIT_GOOD;
}

/* --- trust --- */

static void print_trust(const struct cli *cli, const json_t *t)
{
    char state[64];
    const json_t *servers = json_object_get(t, "servers");
    printf("this domain trusts %s: %s%s%s%s\n", cli_text(t, "name"),
           cli_state(cli, cli_text(t, "state"), 0, state),
           *cli_text(t, "reason") != '\0' ? " (" : "", cli_text(t, "reason"),
           *cli_text(t, "reason") != '\0' ? ")" : "");
    printf("  %-16s %s\n", "state", cli_text(t, "text"));
    line("SID", cli_text(t, "sid"));
    for (size_t i = 0; i < json_array_size(servers); i++)
        line(i == 0 ? "servers" : "", json_string_value(json_array_get(servers, i)));
    if (json_array_size(servers) == 0)
        line("servers", "none named: they are looked for");
    line("DNS name", cli_text(t, "dns_name"));
    line("answered last", cli_text(t, "controller"));
    time_line(t, "established", "established");
    time_line(t, "last change", "changed");
    printf("  %-16s %lld\n", "version", (long long)cli_number(t, "version"));
    time_line(t, "last good check", "checked");
    time_line(t, "next change", "next_change");
    line("end at fault", cli_text(t, "end_at_fault"));
    const json_t *error = json_object_get(t, "last_error");
    if (*cli_text(t, "reason") != '\0' && *cli_text(error, "status") != '\0') {
        char when[32];
        printf("  %-16s %s %s, %s\n", "last error", cli_text(error, "code"),
               cli_text(error, "status"), cli_time(cli_text(error, "time"), when));
        line("", cli_text(error, "text"));
    }
    next_line(t);
}

/* A trust that is not active is a failure of the command that should have made it so. */
static int show_trust(const struct cli *cli, json_t *t, bool must_be_active)
{
    bool active = strcmp(cli_text(t, "state"), "active") == 0 && !cli_bool(t, "degraded");
    if (cli->json)
        cli_print_json(t);
    else
        print_trust(cli, t);
    json_decref(t);
    return active || !must_be_active ? EXIT_GOOD : EXIT_FAILED;
}

static json_t *server_list(const struct cli *cli)
{
    json_t *list = json_array();
    for (size_t i = 0; i < cli->servers.count; i++)
        json_array_append_new(list, json_string(cli->servers.item[i]));
    return list;
}

static int trust_add(const struct cli *cli)
{
    int code;
    if (several_passwords(cli))
        return cli_usage("give one of --empty-password and --password-fd");
    json_t *body = json_pack("{s:s,s:o}", "name", cli->args[0], "servers", server_list(cli));
    if (body == NULL)
        return cli_fail("the name is not UTF-8");
    if (!add_password(cli, body, "Initial password of the trust", false)) {
        json_decref(body);
        return EXIT_FAILED;
    }
    if (cli->weak)
        json_object_set_new(body, "allow_weak_crypto", json_true());
    if (cli->dns_name != NULL)
        json_object_set_new(body, "dns_name", json_string(cli->dns_name));
    json_t *t = cli_call(cli, "POST", "/v1/trusts", body, &code);
    if (t == NULL)
        return code;
    if (!cli->json && strcmp(cli_text(t, "state"), "active") == 0)
        puts("The trust is established. The initial password has been replaced and opens nothing "
             "any more.");
    return show_trust(cli, t, true);
}

static int trust_remove(const struct cli *cli)
{
    char path[1024], own[64];
    int code;
    json_t *answer = cli_call(
        cli, "DELETE", cli_path(path, sizeof path, "/v1/trusts/", cli->args[0], ""), NULL, &code);
    if (answer == NULL)
        return code;
    json_decref(answer);
    if (cli->json) {
        puts("{}");
        return EXIT_GOOD;
    }
    own_name(cli, own);
    printf("This domain no longer trusts %s. Next, at %s: ntrust permit remove %s\n", cli->args[0],
           cli->args[0], own);
    return EXIT_GOOD;
}

static int trust_show(const struct cli *cli)
{
    char path[1024];
    int code;
    json_t *t = cli_call(cli, "GET", cli_path(path, sizeof path, "/v1/trusts/", cli->args[0], ""),
                         NULL, &code);
    return t != NULL ? show_trust(cli, t, false) : code;
}

static int trust_list(const struct cli *cli)
{
    int code;
    json_t *answer = cli_call(cli, "GET", "/v1/trusts", NULL, &code);
    if (answer == NULL)
        return code;
    const json_t *list = json_object_get(answer, "trusts");
    if (cli->json) {
        cli_print_json(answer);
    } else if (json_array_size(list) == 0) {
        puts("This domain trusts no other.");
    } else {
        printf("%-16s %-13s %-22s %s\n", "DOMAIN", "STATE", "LAST CHANGE", "REASON");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *t = json_array_get(list, i);
            char state[64], changed[32];
            printf("%-16s %s %-22s %s\n", cli_text(t, "name"),
                   cli_state(cli, cli_text(t, "state"), 13, state),
                   cli_time(cli_text(t, "changed"), changed), cli_text(t, "reason"));
        }
    }
    json_decref(answer);
    return EXIT_GOOD;
}

static int ask(const struct cli *cli, const char *what)
{
    char path[1024];
    int code;
    json_t *t = cli_call(
        cli, "POST", cli_path(path, sizeof path, "/v1/trusts/", cli->args[0], what), NULL, &code);
    return t != NULL ? show_trust(cli, t, true) : code;
}

static int trust_verify(const struct cli *cli)
{
    return ask(cli, "/verify");
}

static int trust_rotate(const struct cli *cli)
{
    return ask(cli, "/rotate");
}

static int trust_servers(const struct cli *cli)
{
    char path[1024];
    int code;
    if ((cli->servers.count == 0) != cli->locate)
        return cli_usage("name the controllers with --server HOST[:PORT], or have them looked for "
                         "with --locate");
    json_t *body = json_pack("{s:o}", "servers", server_list(cli));
    if (cli->dns_name != NULL)
        json_object_set_new(body, "dns_name", json_string(cli->dns_name));
    json_t *t = cli_call(cli, "PATCH", cli_path(path, sizeof path, "/v1/trusts/", cli->args[0], ""),
                         body, &code);
    return t != NULL ? show_trust(cli, t, false) : code;
}

const struct cli_command cli_trust_commands[] = {
    { "permit add", "DOMAIN", 1, 1, "generate empty-password password-fd attempts",
      "Permit another domain to trust this one (trusted end)",
      "Makes the interdomain trust account DOMAIN$ with an initial password, which you tell the\n"
      "administrator of DOMAIN. It serves once: as soon as DOMAIN has proven it, DOMAIN's system\n"
      "replaces it. A wrong one burns the permission: remove it and add it again. With --generate\n"
      "a good one is made and shown; --empty-password is allowed, and safe only for the moment.",
      permit_add },
    { "permit remove", "DOMAIN", 1, 1, "", "Withdraw that permission",
      "Removes the account DOMAIN$. The trust is broken at once, and adding the permission again\n"
      "does not repair it: then use 'ntrust reset' at the other end.",
      permit_remove },
    { "permit disable", "DOMAIN", 1, 1, "", "Suspend that permission",
      "The account DOMAIN$ opens nothing until 'ntrust permit enable'. Nothing is lost by it.",
      permit_disable },
    { "permit enable", "DOMAIN", 1, 1, "", "Undo 'permit disable'",
      "The trust works again as soon as DOMAIN tries it next.", permit_enable },
    { "permit list", "", 0, 0, "", "List the domains that may trust this one",
      "STATE is permitted (waiting for the initial password), proven, active or burned.",
      permit_list },
    { "permit show", "DOMAIN", 1, 1, "", "Show one of them",
      "When it was permitted, proven, "
      "changed or burned, from where, and what to do next.",
      permit_show },
    { "trust add", "DOMAIN", 1, 1, "server dns-name empty-password password-fd weak",
      "Trust another domain (trusting end)",
      "Proves the initial password that DOMAIN's administrator has set with 'ntrust permit add',\n"
      "and has it replaced at once by a random one. There is one chance: if the password is "
      "wrong,\n"
      "the permission is burned and must be given again. Without --server the controllers are\n"
      "looked for, by what 'ntrust locate' tells; --dns-name is for a domain that has one.",
      trust_add },
    { "trust remove", "DOMAIN", 1, 1, "", "Stop trusting a domain",
      "Removes this end. The other end keeps the permission until it is removed there too.",
      trust_remove },
    { "trust list", "", 0, 0, "", "List the domains that this one trusts",
      "STATE is pending, establishing, active, changing or broken; REASON says why.", trust_list },
    { "trust show", "DOMAIN", 1, 1, "", "Show one of them",
      "Its state, controllers, last change and check, and what to do next.", trust_show },
    { "trust verify", "DOMAIN", 1, 1, "", "Prove the trust now",
      "Opens a new secure channel to DOMAIN's controller. Exits 0 when it is good, 1 when not.",
      trust_verify },
    { "trust rotate", "DOMAIN", 1, 1, "", "Change the trust's password now",
      "The system does that by itself at the policy's interval. The new password is random; it is\n"
      "made durable here before it is sent, and proven afterwards.",
      trust_rotate },
    { "trust servers", "DOMAIN", 1, 1, "server locate dns-name",
      "Set where the trusted domain's controllers are",
      "Replaces the list. Each is HOST or HOST:PORT, the port being its endpoint mapper's; "
      "Netlogon's\n"
      "pipe over SMB is the second road. smb:HOST[:PORT] takes that alone, tcp:HOST[:PORT] never.\n"
      "With --locate there is no list, and they are looked for: see 'ntrust locate'.",
      trust_servers },
    { 0 },
};
