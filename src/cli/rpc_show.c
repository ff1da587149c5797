/* rpc: requests and replies for people and for programs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rpc.h"

#define TEXT_MAX (64u * 1024 * 1024)

/* --- bytes --- */

static void print_hex(const struct nt_buf *b)
{
    for (size_t i = 0; i < b->len; i += 16) {
        printf("  %04zx ", i);
        for (size_t k = i; k < i + 16 && k < b->len; k++)
            printf(" %02x", b->data[k]);
        putchar('\n');
    }
    if (b->len == 0)
        puts("  (no bytes)");
}

static json_t *hex_json(const struct nt_buf *b)
{
    struct nt_buf text;
    nt_buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < b->len; i++)
        nt_buf_printf(&text, "%02x", b->data[i]);
    json_t *out = text.err == NT_OK
                      ? json_stringn(text.len > 0 ? (const char *)text.data : "", text.len)
                      : json_null();
    nt_buf_free(&text);
    return out;
}

/* --- one direction --- */

/* Bytes would show what the text hides. */
static void show_text(struct cli_rpc_output *o, const struct nt_rpc_call *call, enum nt_ndr_dir dir)
{
    bool request = dir == NT_NDR_REQUEST;
    const void *args = request ? call->request_args : call->reply_args;
    const struct nt_buf *stub = request ? &call->request : &call->reply;
    struct nt_buf text;
    size_t hidden = 0;
    nt_buf_init(&text, TEXT_MAX);
    if (o->any)
        putchar('\n');
    o->any = true;
    if (nt_ndr_show(call->op, dir, args, NT_NDR_TEXT, o->cli->secrets, &hidden, &text) == NT_OK)
        fwrite(text.data, 1, text.len, stdout);
    else
        puts("(too long to be shown)");
    nt_buf_free(&text);
    if (hidden > 0)
        printf("  (--secrets shows what is hidden%s)\n", o->cli->hex ? ", and the bytes" : "");
    else if (o->cli->hex)
        print_hex(stub);
}

static void add_json(struct cli_rpc_output *o, const struct nt_rpc_call *call, enum nt_ndr_dir dir,
                     json_t *row)
{
    bool request = dir == NT_NDR_REQUEST;
    size_t hidden = 0;
    json_object_set_new(row, request ? "request" : "reply",
                        nt_rpc_value_write(call->op, dir,
                                           request ? call->request_args : call->reply_args,
                                           o->cli->secrets, &hidden));
    if (o->cli->hex && hidden == 0)
        json_object_set_new(row, request ? "request_hex" : "reply_hex",
                            hex_json(request ? &call->request : &call->reply));
}

/* --- results --- */

static const char *result_name(const struct nt_rpc_call *call)
{
    if (call->by_nt)
        return nt_status_name((ntstatus){ call->result });
    return call->result == 0 ? "OK" : nt_werror_name(call->result);
}

static json_t *result_json(const struct nt_rpc_call *call)
{
    char code[16];
    snprintf(code, sizeof code, "0x%08" PRIx32, call->result);
    return json_pack("{s:s,s:s,s:b}", "code", code, "name", result_name(call), "good",
                     nt_rpc_call_good(call));
}

void cli_rpc_show_request(struct cli_rpc_output *o, const struct nt_rpc_call *call)
{
    if (o->calls == NULL) {
        show_text(o, call, NT_NDR_REQUEST);
        return;
    }
    json_t *row = json_pack("{s:s,s:s,s:i}", "interface", call->iface->name, "method",
                            call->op->name, "opnum", call->op->opnum);
    if (call->request_args != NULL)
        add_json(o, call, NT_NDR_REQUEST, row);
    json_array_append_new(o->calls, row);
}

/* What passwords in these calls are hidden under. */
static void show_key(const struct nt_secret *key, json_t *row)
{
    char hex[2 * sizeof key->b + 1] = "";
    for (size_t i = 0; i < key->len; i++)
        snprintf(hex + 2 * i, 3, "%02x", key->b[i]);
    if (row != NULL)
        json_object_set_new(row, "session_key", json_string(hex));
    else
        printf("  session key: %s\n", hex);
    nt_wipe(hex, sizeof hex);
}

void cli_rpc_show_reply(struct cli_rpc_output *o, const struct nt_rpc_call *call,
                        const struct nt_secret *key)
{
    char text[NT_RPC_CALL_WHY + 200];
    bool with_key = call->reply_args != NULL && key != NULL && o->cli->secrets;
    if (o->calls == NULL) {
        if (call->reply_args != NULL)
            show_text(o, call, NT_NDR_RESPONSE);
        if (with_key)
            show_key(key, NULL);
        return;
    }
    json_t *row = json_array_get(o->calls, json_array_size(o->calls) - 1);
    if (call->reply_args != NULL)
        add_json(o, call, NT_NDR_RESPONSE, row);
    if (with_key)
        show_key(key, row);
    if (call->has_result)
        json_object_set_new(row, "result", result_json(call));
    if (call->state == NT_RPC_CALL_FAULT)
        json_object_set_new(row, "fault", json_sprintf("0x%08" PRIx32, call->fault));
    cli_rpc_outcome(call, text, sizeof text);
    if (text[0] != '\0')
        json_object_set_new(row, "error", json_string(text));
}

int cli_rpc_outcome(const struct nt_rpc_call *call, char *text, size_t size)
{
    char code[64];
    *text = '\0';
    if (call->state == NT_RPC_CALL_PREPARED ||
        (call->state == NT_RPC_CALL_ANSWERED && nt_rpc_call_good(call)))
        return EXIT_GOOD;
    if (call->why[0] != '\0')
        snprintf(text, size, "%s: %s", call->op->name, call->why);
    else if (call->by_nt)
        snprintf(text, size, "%s answered %s: %s", call->op->name,
                 nt_status_format((ntstatus){ call->result }, code),
                 nt_status_text((ntstatus){ call->result }));
    else
        snprintf(text, size, "%s answered %" PRIu32 "%s%s", call->op->name, call->result,
                 *nt_werror_name(call->result) != '\0' ? " " : "", nt_werror_name(call->result));
    if (call->state == NT_RPC_CALL_ANSWERED)
        return EXIT_FAILED;
    return call->state == NT_RPC_CALL_WRONG ? EXIT_USAGE : EXIT_NOT_REACHED;
}

void cli_rpc_show_all(struct cli_rpc_output *o, bool script)
{
    if (o->calls == NULL)
        return;
    json_t *out = script ? o->calls : json_array_get(o->calls, 0);
    /* Names in it are a peer's: in ASCII they cannot steer a terminal. */
    char *text = out != NULL ? json_dumps(out, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    if (text != NULL) {
        puts(text);
        nt_wipe(text, strlen(text));
    }
    free(text);
    json_decref(o->calls);
    o->calls = NULL;
}
