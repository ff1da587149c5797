/* locate: the controllers of a domain, as every method finds them. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_controller(const json_t *c)
{
    const json_t *methods = json_object_get(c, "methods");
    const char *name = cli_text(c, "name"), *computer = cli_text(c, "computer");
    char by[80] = "";
    for (size_t i = 0, at = 0; i < json_array_size(methods) && at < sizeof by; i++)
        at += (size_t)snprintf(by + at, sizeof by - at, "%s%s", i > 0 ? "+" : "",
                               json_string_value(json_array_get(methods, i)));
    printf("%-24s %-16s %-20s %s%s\n", cli_text(c, "host"), *computer != '\0' ? computer : "-", by,
           cli_bool(c, "answers") ? "answers on " : "does not answer: ", cli_text(c, "answer"));
    printf("  found as %s%s%s\n", cli_text(c, "asked"), *name != '\0' ? ", named " : "", name);
}

static int locate(const struct cli *cli)
{
    char path[1024];
    int code;
    size_t answering = 0;
    json_t *found = cli_call(
        cli, "GET", cli_path(path, sizeof path, "/v1/locate/", cli->args[0], ""), NULL, &code);
    if (found == NULL)
        return code;
    const json_t *list = json_object_get(found, "controllers");
    const json_t *misses = json_object_get(found, "misses");
    for (size_t i = 0; i < json_array_size(list); i++)
        answering += cli_bool(json_array_get(list, i), "answers");
    if (cli->json) {
        cli_print_json(found);
    } else {
        if (json_array_size(list) > 0)
            printf("%-24s %-16s %-20s %s\n", "CONTROLLER", "COMPUTER", "FOUND BY", "STATE");
        for (size_t i = 0; i < json_array_size(list); i++)
            print_controller(json_array_get(list, i));
        if (json_array_size(misses) > 0)
            puts("Asked in vain:");
        for (size_t i = 0; i < json_array_size(misses); i++) {
            const json_t *m = json_array_get(misses, i);
            printf("  %-11s %s: %s\n", cli_text(m, "method"), cli_text(m, "asked"),
                   cli_text(m, "why"));
        }
    }
    json_decref(found);
    if (answering == 0 && !cli->json)
        return cli_fail("no controller of %s answers; name one with --server HOST, or add it to "
                        "DNS, WINS or the lmhosts file",
                        cli->args[0]);
    return answering > 0 ? EXIT_GOOD : EXIT_FAILED;
}

const struct cli_command cli_locate_commands[] = {
    { "locate", "DOMAIN", 1, 1, "", "Find a domain's controllers, by every method",
      "Asks as the system itself does for a trust that names no servers: the servers named with "
      "the\n"
      "trust, the lmhosts file, DNS (SRV records of a domain that has a DNS name), WINS and\n"
      "broadcast. Prints each controller with who found it and whether it answers, and each name\n"
      "that was asked for in vain. Exits 0 when one answers.",
      locate },
    { 0 },
};
