/* rpc: any call that the tables know, for the cases that no other command foresees. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rpc.h"
#include "repair/rpc_text.h"

struct run {
    const struct cli *cli;
    struct nt_rpc_session *session; /* NULL: a dry run */
    struct nt_rpc_caller *caller;
    struct cli_rpc_output output;
};

/* --- one call --- */

static int done(const struct nt_rpc_call *call)
{
    char text[NT_RPC_CALL_WHY + 200];
    int code = cli_rpc_outcome(call, text, sizeof text);
    fflush(stdout);
    if (text[0] != '\0')
        cli_fail("%s", text);
    return code;
}

/* Shows, sends, shows. name: for later calls; NULL: by its number alone. */
static int one_call(struct run *r, const struct nt_ndr_interface *iface, const struct nt_ndr_op *op,
                    const json_t *parameters, const char *name)
{
    struct nt_rpc_call call;
    bool ready = nt_rpc_call_prepare(r->caller, iface, op, parameters, &call);
    if (ready || r->output.calls != NULL)
        cli_rpc_show_request(&r->output, &call);
    if (ready && !r->cli->dry_run)
        nt_rpc_call_make(r->caller, &call);
    if (!r->cli->dry_run || !ready)
        cli_rpc_show_reply(&r->output, &call,
                           r->session != NULL ? nt_rpc_session_key(r->session, iface) : NULL);
    int code = done(&call);
    if (call.reply_args != NULL && !nt_rpc_call_remember(r->caller, &call, name))
        code = cli_fail("out of memory");
    nt_rpc_call_free(&call);
    return code;
}

/* --- as it was typed --- */

/* The call as a script of one. NULL: told. */
static json_t *typed(const struct cli *cli)
{
    char why[NT_RPC_TEXT_WHY];
    if (cli->arg_count < 3) {
        cli_usage("which call? 'ntrust rpc --list%s%s' shows what there is",
                  cli->arg_count > 1 ? " " : "", cli->arg_count > 1 ? cli->args[1] : "");
        return NULL;
    }
    const struct nt_ndr_interface *iface = cli_rpc_interface(cli->args[1]);
    const struct nt_ndr_op *op = iface != NULL ? cli_rpc_method(iface, cli->args[2]) : NULL;
    if (op == NULL)
        return NULL;
    json_t *parameters = json_object();
    for (size_t i = 3; i < cli->arg_count; i++)
        if (!nt_rpc_text_put(parameters, cli->args[i], why)) {
            cli_usage("%s", why);
            json_decref(parameters);
            return NULL;
        }
    return json_pack("[{s:s,s:s,s:o}]", "interface", iface->name, "call", op->name, "args",
                     parameters);
}

/* --- a script --- */

static char *read_all(const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rbe");
    if (f == NULL) {
        cli_fail("%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(NT_RPC_VALUE_TEXT + 1);
    size_t len = text != NULL ? fread(text, 1, NT_RPC_VALUE_TEXT + 1, f) : 0;
    bool ok = text != NULL && !ferror(f) && len <= NT_RPC_VALUE_TEXT;
    if (!standard)
        fclose(f);
    if (ok) {
        text[len] = '\0';
        return text;
    }
    cli_fail("%s: cannot be read, or is longer than 1 MiB", path);
    free(text);
    return NULL;
}

/* The list of calls; NULL: told. */
static json_t *read_script(const char *script)
{
    json_error_t error;
    bool literal = script[0] == '[' || script[0] == '{';
    char *text = literal ? strdup(script) : read_all(script);
    if (text == NULL)
        return NULL;
    json_t *all = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    nt_wipe(text, strlen(text));
    free(text);
    if (all == NULL)
        cli_fail("the script, line %d, column %d: %s", error.line, error.column, error.text);
    if (json_is_object(all)) {
        json_t *list = json_pack("[o]", all);
        all = list;
    }
    return all;
}

static bool known_keys(json_t *item, size_t number)
{
    static const char *const known[] = { "interface", "call", "args", "as", "go_on" };
    const char *key;
    json_t *value;
    json_object_foreach(item, key, value)
    {
        size_t i = 0;
        while (i < NT_COUNT(known) && strcmp(known[i], key) != 0)
            i++;
        if (i == NT_COUNT(known)) {
            cli_usage("call %zu of the script: '%s' is none of interface, call, args, as, go_on",
                      number, key);
            return false;
        }
    }
    return true;
}

/* {"call": METHOD, "interface": ..., "args": {...}, "as": NAME, "go_on": true} */
static int scripted_call(struct run *r, json_t *item, size_t number)
{
    const char *method = json_string_value(json_object_get(item, "call"));
    const char *name = json_string_value(json_object_get(item, "interface"));
    json_t *args = json_object_get(item, "args");
    if (name == NULL)
        name = r->cli->arg_count > 1 ? r->cli->args[1] : NULL;
    if (!json_is_object(item) || method == NULL)
        return cli_usage("call %zu of the script has to be an object with \"call\"", number);
    if (!known_keys(item, number))
        return EXIT_USAGE;
    if (name == NULL)
        return cli_usage("call %zu of the script names no interface, nor does the command", number);
    const struct nt_ndr_interface *iface = cli_rpc_interface(name);
    const struct nt_ndr_op *op = iface != NULL ? cli_rpc_method(iface, method) : NULL;
    if (op == NULL)
        return EXIT_USAGE;
    json_t *parameters = args != NULL ? json_incref(args) : json_object();
    int code = one_call(r, iface, op, parameters, json_string_value(json_object_get(item, "as")));
    json_decref(parameters);
    return code;
}

/* Stops at the first call that fails, unless that has "go_on". The first failure is the outcome. */
static int scripted(struct run *r, json_t *all)
{
    int first = EXIT_GOOD;
    size_t i;
    json_t *item;
    json_array_foreach(all, i, item)
    {
        int code = scripted_call(r, item, i + 1);
        if (first == EXIT_GOOD)
            first = code;
        if (code != EXIT_GOOD &&
            (code == EXIT_USAGE || !json_is_true(json_object_get(item, "go_on"))))
            break;
    }
    return first;
}

/* --- all of it --- */

static int run_calls(const struct cli *cli, const struct cli_rpc_peer *peer, json_t *calls)
{
    struct run r = { .cli = cli, .output = { .cli = cli } };
    r.session = cli->dry_run ? NULL : cli_rpc_session(cli, peer);
    if (r.session == NULL && !cli->dry_run)
        return EXIT_USAGE;
    const struct nt_rpc_caller_config config = {
        .session = r.session,
        .host = peer->host,
        .account = peer->has_channel ? peer->account : NULL,
        .computer = peer->computer,
        .channel_type = peer->channel_type,
    };
    int code = EXIT_FAILED;
    r.caller = nt_rpc_caller_new(&config);
    r.output.calls = cli->json ? json_array() : NULL;
    if (r.caller == NULL)
        cli_fail("out of memory");
    else
        code = scripted(&r, calls);
    cli_rpc_show_all(&r.output, cli->script != NULL);
    nt_rpc_caller_free(r.caller);
    nt_rpc_session_free(r.session);
    return code;
}

/* Replies with hashes and keys go through JSON: its memory does not keep them. */
static void free_wiped(void *p)
{
    if (p != NULL)
        nt_wipe(p, malloc_usable_size(p));
    free(p);
}

static int rpc(const struct cli *cli)
{
    struct cli_rpc_peer peer;
    json_set_alloc_funcs(malloc, free_wiped);
    if (cli->list)
        return cli_rpc_list(cli);
    if (cli->arg_count == 0)
        return cli_usage("which server?");
    if (cli->script != NULL && cli->arg_count > 2)
        return cli_usage("with --script the calls are in it: ntrust rpc SERVER [INTERFACE]");
    json_t *calls = cli->script != NULL ? read_script(cli->script) : typed(cli);
    if (calls == NULL)
        return EXIT_USAGE;
    int code = cli_rpc_peer(cli, &peer);
    if (code == EXIT_GOOD)
        code = run_calls(cli, &peer, calls);
    cli_rpc_peer_wipe(&peer);
    json_decref(calls);
    return code;
}

const struct cli_command cli_rpc_commands[] = {
    { "rpc", "SERVER INTERFACE METHOD ...", 0, CLI_ARGS_MAX,
      "list script user credentials kerberos ends peer-password-fd protect channel kind "
      "secret-file "
      "password-fd computer weak secrets hex dry-run",
      "Make any call of Netlogon, LSA, SAMR and their neighbours",
      "For the cases that no other command foresees. 'ntrust rpc --list [INTERFACE [METHOD]]' "
      "shows\n"
      "what there is and what a method takes. A parameter is NAME=VALUE: a number, the name of an\n"
      "enumerator, a text, a SID, a GUID, a time, hexadecimal digits or JSON; Buffer.Name=x goes\n"
      "into structures and unions. Counts, the server's name, usual rights and the handles of the\n"
      "policy, the SAM server and its domain need not be written; @domain:NAME, @user:NAME,\n"
      "@group:NAME, @alias:NAME, @trust:NAME, @secret:NAME and @account:SID open others.\n\n"
      "  ntrust rpc EAST@dc1 lsarpc LsarQueryInformationPolicy2 InformationClass=12 -U admin\n"
      "  ntrust rpc EAST@dc1 samr SamrQueryInformationUser2 UserHandle=@user:bob \\\n"
      "    UserInformationClass=UserControlInformation -U admin\n"
      "  ntrust rpc EAST@dc1 netlogon NetrLogonGetCapabilities QueryLevel=1 \\\n"
      "    --channel 'HOST$' --secret-file host.secret\n\n"
      "SERVER is HOST[:PORT] by named pipes, tcp:HOST[:PORT] by the endpoint mapper, "
      "DOMAIN@SERVER,\n"
      "or an end of the ends file. Without a user, or with -U %, the calls are anonymous. "
      "--script\n"
      "has several calls in JSON; see ntrust-rpc(1). Exit: 0, 1 the call answered an error, 2 "
      "usage,\n"
      "3 not reached, or the call did not run.",
      rpc },
    { 0 },
};
