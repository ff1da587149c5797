/* user, group, computer. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int show_or_json(const struct cli *cli, json_t *answer, void (*print)(const json_t *))
{
    if (cli->json)
        cli_print_json(answer);
    else
        print(answer);
    json_decref(answer);
    return EXIT_GOOD;
}

/* A request whose answer is one object, printed. */
static int request(const struct cli *cli, const char *method, const char *prefix,
                   const char *suffix, json_t *body, void (*print)(const json_t *))
{
    char path[1024];
    int code;
    json_t *answer = cli_call(
        cli, method, cli_path(path, sizeof path, prefix, cli->args[0], suffix), body, &code);
    return answer != NULL ? show_or_json(cli, answer, print) : code;
}

static int remove_it(const struct cli *cli, const char *prefix)
{
    char path[1024];
    int code;
    json_t *answer =
        cli_call(cli, "DELETE", cli_path(path, sizeof path, prefix, cli->args[0], ""), NULL, &code);
    if (answer == NULL)
        return code;
    if (cli->json)
        cli_print_json(answer);
    else
        printf("Removed %s.\n", cli->args[0]);
    json_decref(answer);
    return EXIT_GOOD;
}

static bool add_password(const struct cli *cli, json_t *body, const char *prompt)
{
    char text[1024] = "";
    if (!cli->empty_password &&
        !cli_read_password(cli->password_fd, prompt, true, text, sizeof text))
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

static void add_text(json_t *body, const char *key, const char *value)
{
    if (value != NULL)
        json_object_set_new(body, key, json_string(value));
}

/* All pages of a list, one after the other. */
static int list(const struct cli *cli, const char *path, const char *key, const char *head,
                void (*print)(const json_t *))
{
    long long after = 0;
    bool more = true, first = true;
    json_t *all = json_array();
    while (more) {
        char page_path[128];
        int code;
        snprintf(page_path, sizeof page_path, "%s?after=%lld&max=1000", path, after);
        json_t *page = cli_call(cli, "GET", page_path, NULL, &code);
        if (page == NULL) {
            json_decref(all);
            return code;
        }
        const json_t *items = json_object_get(page, key);
        if (first && !cli->json)
            puts(head);
        first = false;
        for (size_t i = 0; i < json_array_size(items); i++) {
            json_t *item = json_array_get(items, i);
            after = (long long)cli_number(item, "rid");
            if (cli->json)
                json_array_append(all, item);
            else
                print(item);
        }
        more = cli_bool(page, "more");
        json_decref(page);
    }
    json_t *out = json_pack("{s:o}", key, all);
    if (cli->json)
        cli_print_json(out);
    json_decref(out);
    return EXIT_GOOD;
}

/* --- users --- */

static void print_user(const json_t *u)
{
    char when[32];
    const json_t *groups = json_object_get(u, "groups");
    printf("%s%s%s\n  SID           %s\n", cli_text(u, "name"),
           cli_bool(u, "disabled") ? " (disabled)" : "", cli_bool(u, "locked") ? " (locked)" : "",
           cli_text(u, "sid"));
    if (*cli_text(u, "full_name") != '\0')
        printf("  full name     %s\n", cli_text(u, "full_name"));
    if (*cli_text(u, "comment") != '\0')
        printf("  comment       %s\n", cli_text(u, "comment"));
    printf("  password set  %s\n  groups        ", cli_time(cli_text(u, "password_set"), when));
    for (size_t i = 0; i < json_array_size(groups); i++)
        printf("%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(groups, i)));
    putchar('\n');
}

static void print_user_line(const json_t *u)
{
    printf("%-21s %6lld  %-8s %s\n", cli_text(u, "name"), (long long)cli_number(u, "rid"),
           cli_bool(u, "disabled") ? "disabled"
           : cli_bool(u, "locked") ? "locked"
                                   : "good",
           cli_text(u, "full_name"));
}

static int user_add(const struct cli *cli)
{
    int code;
    json_t *body = json_pack("{s:s}", "name", cli->args[0]);
    if (body == NULL)
        return cli_fail("the name is not UTF-8");
    if (!add_password(cli, body, "Password of the user")) {
        json_decref(body);
        return EXIT_FAILED;
    }
    add_text(body, "full_name", cli->full_name);
    add_text(body, "comment", cli->comment);
    if (cli->groups.count > 0) {
        json_t *groups = json_array();
        for (size_t i = 0; i < cli->groups.count; i++)
            json_array_append_new(groups, json_string(cli->groups.item[i]));
        json_object_set_new(body, "groups", groups);
    }
    json_t *answer = cli_call(cli, "POST", "/v1/users", body, &code);
    return answer != NULL ? show_or_json(cli, answer, print_user) : code;
}

static int user_remove(const struct cli *cli)
{
    return remove_it(cli, "/v1/users/");
}

static int user_show(const struct cli *cli)
{
    return request(cli, "GET", "/v1/users/", "", NULL, print_user);
}

static int user_list(const struct cli *cli)
{
    return list(cli, "/v1/users", "users", "NAME                     RID  STATE    FULL NAME",
                print_user_line);
}

static int user_password(const struct cli *cli)
{
    json_t *body = json_object();
    if (!add_password(cli, body, "New password")) {
        json_decref(body);
        return EXIT_FAILED;
    }
    return request(cli, "PATCH", "/v1/users/", "", body, print_user);
}

static int user_disable(const struct cli *cli)
{
    return request(cli, "PATCH", "/v1/users/", "", json_pack("{s:b}", "disabled", 1), print_user);
}

static int user_enable(const struct cli *cli)
{
    return request(cli, "PATCH", "/v1/users/", "", json_pack("{s:b}", "disabled", 0), print_user);
}

static int user_unlock(const struct cli *cli)
{
    return request(cli, "PATCH", "/v1/users/", "", json_pack("{s:b}", "locked", 0), print_user);
}

/* --- groups --- */

static void print_group(const json_t *g)
{
    const json_t *members = json_object_get(g, "members");
    printf("%s (%s%s)\n", cli_text(g, "name"), cli_bool(g, "builtin") ? "built-in " : "",
           cli_text(g, "kind"));
    if (*cli_text(g, "comment") != '\0')
        printf("  comment  %s\n", cli_text(g, "comment"));
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *m = json_array_get(members, i);
        printf("  member   %s\n", cli_text(m, "name"));
    }
}

static void print_group_line(const json_t *g)
{
    printf("%-32s %6lld  %-6s %6zu  %s\n", cli_text(g, "name"), (long long)cli_number(g, "rid"),
           cli_text(g, "kind"), json_array_size(json_object_get(g, "members")),
           cli_text(g, "comment"));
}

static int group_add(const struct cli *cli)
{
    int code;
    json_t *body = json_pack("{s:s}", "name", cli->args[0]);
    if (body == NULL)
        return cli_fail("the name is not UTF-8");
    add_text(body, "comment", cli->comment);
    add_text(body, "kind", cli->kind);
    json_t *answer = cli_call(cli, "POST", "/v1/groups", body, &code);
    return answer != NULL ? show_or_json(cli, answer, print_group) : code;
}

static int group_remove(const struct cli *cli)
{
    return remove_it(cli, "/v1/groups/");
}

static int group_show(const struct cli *cli)
{
    return request(cli, "GET", "/v1/groups/", "", NULL, print_group);
}

static int group_list(const struct cli *cli)
{
    return list(cli, "/v1/groups", "groups",
                "NAME                                RID  KIND   MEMBERS COMMENT",
                print_group_line);
}

static int group_members(const struct cli *cli, const char *key)
{
    json_t *names = json_array();
    for (size_t i = 1; i < cli->arg_count; i++)
        json_array_append_new(names, json_string(cli->args[i]));
    return request(cli, "POST", "/v1/groups/", "/members", json_pack("{s:o}", key, names),
                   print_group);
}

static int group_join(const struct cli *cli)
{
    return group_members(cli, "add");
}

static int group_leave(const struct cli *cli)
{
    return group_members(cli, "remove");
}

/* --- computers --- */

static void print_computer(const json_t *c)
{
    char when[32];
    printf("%s (%s)%s\n  password set  %s\n", cli_text(c, "name"), cli_text(c, "kind"),
           cli_bool(c, "disabled") ? " disabled" : "", cli_time(cli_text(c, "password_set"), when));
    if (cli_bool(c, "allow_weak_crypto"))
        puts("  cryptography  WEAK: RC4 is allowed");
    if (*cli_text(c, "text") != '\0')
        printf("  password      %s: %s\n", cli_text(c, "password"), cli_text(c, "text"));
}

static void print_computer_line(const json_t *c)
{
    char when[32];
    const char *password = cli_text(c, "password");
    printf("%-21s %6lld  %-11s %-8s %s\n", cli_text(c, "name"), (long long)cli_number(c, "rid"),
           cli_text(c, "kind"),
           cli_bool(c, "disabled") ? "disabled"
           : *password != '\0'     ? password
                                   : "good",
           cli_time(cli_text(c, "password_set"), when));
}

static int computer_add(const struct cli *cli)
{
    int code;
    json_t *body = json_pack("{s:s,s:s}", "name", cli->args[0], "kind",
                             cli->kind != NULL ? cli->kind : "workstation");
    if (body == NULL)
        return cli_fail("the name or kind is not UTF-8");
    if (cli->password_fd >= 0 && !add_password(cli, body, "")) {
        json_decref(body);
        return EXIT_FAILED;
    }
    if (cli->weak)
        json_object_set_new(body, "allow_weak_crypto", json_true());
    json_t *answer = cli_call(cli, "POST", "/v1/computers", body, &code);
    return answer != NULL ? show_or_json(cli, answer, print_computer) : code;
}

static int computer_remove(const struct cli *cli)
{
    return remove_it(cli, "/v1/computers/");
}

static int computer_show(const struct cli *cli)
{
    return request(cli, "GET", "/v1/computers/", "", NULL, print_computer);
}

static int computer_list(const struct cli *cli)
{
    return list(cli, "/v1/computers", "computers",
                "NAME                     RID  KIND        STATE    PASSWORD SET",
                print_computer_line);
}

static int computer_disable(const struct cli *cli)
{
    return request(cli, "PATCH", "/v1/computers/", "", json_pack("{s:b}", "disabled", 1),
                   print_computer);
}

static int computer_enable(const struct cli *cli)
{
    return request(cli, "PATCH", "/v1/computers/", "", json_pack("{s:b}", "disabled", 0),
                   print_computer);
}

const struct cli_command cli_account_commands[] = {
    { "user add", "NAME", 1, 1, "password-fd full-name comment group", "Add a user",
      "The password is asked for, twice.", user_add },
    { "user remove", "NAME", 1, 1, "", "Remove a user", "Its SID is never given again.",
      user_remove },
    { "user list", "", 0, 0, "", "List the users", "In the order they were made.", user_list },
    { "user show", "NAME", 1, 1, "", "Show a user", "With the groups it is in.", user_show },
    { "user password", "NAME", 1, 1, "password-fd", "Set a user's password",
      "As an administrator: the old one is not needed.", user_password },
    { "user disable", "NAME", 1, 1, "", "Shut a user out", "Until 'ntrust user enable'.",
      user_disable },
    { "user enable", "NAME", 1, 1, "", "Let a user in again", "Undoes 'ntrust user disable'.",
      user_enable },
    { "user unlock", "NAME", 1, 1, "", "Unlock a user",
      "After too many wrong passwords. By itself a lock ends after the policy's "
      "lockout_duration_s.",
      user_unlock },
    { "group add", "NAME", 1, 1, "comment kind", "Add a group or alias",
      "A group has members of this domain. An alias (local group) may also have members of "
      "trusted\n"
      "domains, by their SID.",
      group_add },
    { "group remove", "NAME", 1, 1, "", "Remove a group or alias", "Its members stay.",
      group_remove },
    { "group list", "", 0, 0, "", "List groups and aliases", "The built-in ones too.", group_list },
    { "group show", "NAME", 1, 1, "", "Show a group with its members",
      "A member of another domain is shown by its SID.", group_show },
    { "group join", "GROUP MEMBER...", 2, 16, "", "Put members into a group",
      "A MEMBER is a user's name, or a SID.", group_join },
    { "group leave", "GROUP MEMBER...", 2, 16, "", "Take members out of a group",
      "A MEMBER is a user's name, or a SID.", group_leave },
    { "computer add", "NAME", 1, 1, "kind password-fd weak", "Add a member computer's account",
      "Without --password-fd the first password is the name in lower case; the computer replaces "
      "it\n"
      "when it joins.",
      computer_add },
    { "computer remove", "NAME", 1, 1, "", "Remove a computer's account",
      "The computer loses its secure channel at once.", computer_remove },
    { "computer list", "", 0, 0, "", "List the computers",
      "PASSWORD SET tells when each last changed its password. STATE says behind of one that came "
      "last\n"
      "with a password of before, as after a snapshot, and ahead of one that has changed it since\n"
      "this store was restored.",
      computer_list },
    { "computer show", "NAME", 1, 1, "", "Show a computer", "Its account.", computer_show },
    { "computer disable", "NAME", 1, 1, "", "Shut a computer out", "Until it is enabled again.",
      computer_disable },
    { "computer enable", "NAME", 1, 1, "", "Let a computer in again", "Undoes 'computer disable'.",
      computer_enable },
    { 0 },
};
