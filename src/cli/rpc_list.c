/* rpc --list: interfaces, their methods, and what a method takes and gives. */
#include <stdio.h>
#include <string.h>

#include "cli/rpc.h"

const struct nt_ndr_interface *cli_rpc_interface(const char *name)
{
    const struct nt_ndr_interface *iface = nt_ndr_interface_by_name(name);
    char list[200] = "";
    if (iface != NULL)
        return iface;
    for (size_t i = 0; nt_ndr_interfaces[i] != NULL; i++) {
        size_t len = strlen(list);
        snprintf(list + len, sizeof list - len, "%s%s", len > 0 ? ", " : "",
                 nt_ndr_interfaces[i]->name);
    }
    cli_usage("there is no interface '%s', but %s", name, list);
    return NULL;
}

const struct nt_ndr_op *cli_rpc_method(const struct nt_ndr_interface *iface, const char *name)
{
    const struct nt_ndr_op *op = nt_ndr_op_by_name(iface, name);
    if (op == NULL)
        cli_usage("%s has no method '%s'; 'ntrust rpc --list %s' shows what it has", iface->name,
                  name, iface->name);
    return op;
}

static int list_interfaces(const struct cli *cli)
{
    json_t *all = json_array();
    for (size_t i = 0; nt_ndr_interfaces[i] != NULL; i++) {
        const struct nt_ndr_interface *n = nt_ndr_interfaces[i];
        char uuid[NT_UUID_TEXT];
        int methods = 0;
        for (size_t k = 0; k < n->op_count; k++)
            methods += n->ops[k] != NULL;
        nt_uuid_format(&n->uuid, uuid);
        if (cli->json)
            json_array_append_new(all, json_pack("{s:s,s:s,s:i,s:i,s:i}", "name", n->name, "uuid",
                                                 uuid, "major", n->major, "minor", n->minor,
                                                 "methods", methods));
        else
            printf("%-10s %s %u.%u  %3d methods\n", n->name, uuid, n->major, n->minor, methods);
    }
    if (cli->json)
        cli_print_json(all);
    json_decref(all);
    return EXIT_GOOD;
}

static int list_methods(const struct cli *cli, const struct nt_ndr_interface *iface)
{
    json_t *all = json_array();
    for (size_t i = 0; i < iface->op_count; i++) {
        if (iface->ops[i] == NULL)
            continue;
        if (cli->json)
            json_array_append_new(
                all, json_pack("{s:i,s:s}", "opnum", (int)i, "method", iface->ops[i]->name));
        else
            printf("%3zu %s\n", i, iface->ops[i]->name);
    }
    if (cli->json)
        cli_print_json(all);
    json_decref(all);
    return EXIT_GOOD;
}

static int list_parameters(const struct cli *cli, const struct nt_ndr_op *op)
{
    struct nt_buf text;
    int code = EXIT_GOOD;
    nt_buf_init(&text, 4u * 1024 * 1024);
    if (nt_ndr_describe(op, &text) != NT_OK) {
        code = cli_fail("out of memory");
    } else if (cli->json) {
        json_t *out = json_pack("{s:s,s:i,s:s%}", "method", op->name, "opnum", op->opnum,
                                "description", (const char *)text.data, text.len);
        cli_print_json(out);
        json_decref(out);
    } else {
        fwrite(text.data, 1, text.len, stdout);
    }
    nt_buf_free(&text);
    return code;
}

/* A server may stand before the interface, as it does in a call: it is not asked. */
int cli_rpc_list(const struct cli *cli)
{
    size_t at = cli->arg_count > 0 && nt_ndr_interface_by_name(cli->args[0]) == NULL &&
                        (cli->arg_count != 2 || nt_ndr_interface_by_name(cli->args[1]) != NULL)
                    ? 1
                    : 0;
    if (cli->arg_count > at + 2)
        return cli_usage("--list goes with an INTERFACE and a METHOD");
    if (cli->arg_count <= at)
        return list_interfaces(cli);
    const struct nt_ndr_interface *iface = cli_rpc_interface(cli->args[at]);
    if (iface == NULL)
        return EXIT_USAGE;
    if (cli->arg_count == at + 1)
        return list_methods(cli, iface);
    const struct nt_ndr_op *op = cli_rpc_method(iface, cli->args[at + 1]);
    return op != NULL ? list_parameters(cli, op) : EXIT_USAGE;
}
