#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "repair/rpc_call_internal.h"

#define ARENA_BYTES (16u * 1024 * 1024)
#define STUB_BYTES  (1u << 20) /* of a request, as nt_link_call takes it */
#define REPLY_BYTES (8u << 20)
#define REPLIES_MAX 4096

/* --- the caller --- */

struct nt_rpc_caller *nt_rpc_caller_new(const struct nt_rpc_caller_config *config)
{
    struct nt_rpc_caller *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->session = config->session;
    c->host = strdup(config->host);
    c->account = config->account != NULL ? strdup(config->account) : NULL;
    c->computer = config->account != NULL ? strdup(config->computer) : NULL;
    c->channel_type = config->channel_type;
    c->replies = json_array();
    c->named = json_object();
    c->handles = json_object();
    bool channel = config->account == NULL || (c->account != NULL && c->computer != NULL);
    if (c->host == NULL || !channel || c->replies == NULL || c->named == NULL ||
        c->handles == NULL) {
        nt_rpc_caller_free(c);
        return NULL;
    }
    return c;
}

void nt_rpc_caller_free(struct nt_rpc_caller *c)
{
    if (c == NULL)
        return;
    json_decref(c->replies);
    json_decref(c->named);
    json_decref(c->handles);
    free(c->host);
    free(c->account);
    free(c->computer);
    free(c);
}

bool nt_rpc_call_remember(struct nt_rpc_caller *c, const struct nt_rpc_call *call, const char *name)
{
    if (call->reply_args == NULL || json_array_size(c->replies) >= REPLIES_MAX)
        return false;
    json_t *reply = nt_rpc_value_write(call->op, NT_NDR_RESPONSE, call->reply_args, true, NULL);
    bool ok = reply != NULL && json_array_append(c->replies, reply) == 0 &&
              (name == NULL || json_object_set(c->named, name, reply) == 0);
    json_decref(reply);
    return ok;
}

/* --- the call --- */

bool caller_wrong(struct nt_rpc_call *call, const char *fmt, ...)
{
    va_list ap;
    call->state = NT_RPC_CALL_WRONG;
    va_start(ap, fmt);
    vsnprintf(call->why, sizeof call->why, fmt, ap);
    va_end(ap);
    return false;
}

/* An authenticator that was made and will not be sent. */
static void give_back(struct nt_rpc_caller *c, struct nt_rpc_call *call)
{
    if (call->authenticated)
        nt_rpc_session_step_back(c->session);
    call->authenticated = false;
}

bool nt_rpc_call_prepare(struct nt_rpc_caller *c, const struct nt_ndr_interface *iface,
                         const struct nt_ndr_op *op, const json_t *parameters,
                         struct nt_rpc_call *out)
{
    char why[NT_RPC_VALUE_WHY];
    *out = (struct nt_rpc_call){ .iface = iface, .op = op };
    nt_arena_init(&out->arena, ARENA_BYTES);
    nt_buf_init(&out->request, STUB_BYTES);
    nt_buf_init(&out->reply, REPLY_BYTES);
    json_t *all = caller_fill(c, out, parameters);
    if (all == NULL)
        return false;
    bool ok = nt_rpc_value_read(op, NT_NDR_REQUEST, all, &out->arena, &out->request_args, why) ||
              caller_wrong(out, "%s", why);
    json_decref(all);
    enum nt_err err =
        ok ? nt_ndr_encode(op, NT_NDR_REQUEST, out->request_args, NULL, &out->request) : NT_OK;
    if (err != NT_OK)
        ok = caller_wrong(out, "these parameters do not encode: %s", nt_err_text(err));
    if (ok)
        out->state = NT_RPC_CALL_PREPARED;
    else
        give_back(c, out);
    return ok;
}

/* The request again, for the reply to be decoded into: what [in] says belongs to it. */
static bool decode(struct nt_rpc_call *call, const struct nt_rpc_answer *answer)
{
    void *args = NULL;
    call->arena.limit =
        call->arena.used + NT_NDR_ARENA_LIMIT(call->request.len) + NT_NDR_ARENA_LIMIT(answer->len);
    enum nt_err err = nt_ndr_decode(call->op, NT_NDR_REQUEST, false, call->request.data,
                                    call->request.len, &call->arena, &args, NULL, NULL);
    if (err == NT_OK)
        err = nt_ndr_decode(call->op, NT_NDR_RESPONSE, answer->big_endian, answer->stub,
                            answer->len, &call->arena, &args, NULL, NULL);
    if (err != NT_OK) {
        call->state = NT_RPC_CALL_BAD;
        snprintf(call->why, sizeof call->why, "the answer to %s does not decode: %s",
                 call->op->name, nt_err_text(err));
        return false;
    }
    call->reply_args = args;
    return true;
}

/* The authenticator in a reply, read as JSON. */
static bool returned(const json_t *reply, const struct nt_rpc_call *call,
                     struct nt_authenticator *out)
{
    struct nt_rpc_parameter p;
    for (size_t i = 0; nt_rpc_parameter(call->op, i, &p); i++) {
        if (p.kind != NT_RPC_AUTHENTICATOR || !p.out)
            continue;
        const json_t *a = json_object_get(reply, p.name);
        const char *hex =
            json_string_value(json_object_get(json_object_get(a, "Credential"), "data"));
        out->timestamp = (uint32_t)json_integer_value(json_object_get(a, "Timestamp"));
        return hex != NULL && strlen(hex) == 2 * sizeof out->credential &&
               nt_unhex(hex, out->credential, sizeof out->credential);
    }
    return false;
}

/* An error may come without one; a good answer has to be by who knows the session key.
 * [MS-NRPC] 3.1.4.5 */
static bool genuine(struct nt_rpc_caller *c, struct nt_rpc_call *call)
{
    struct nt_authenticator a;
    if (!call->authenticated)
        return true;
    json_t *reply = nt_rpc_value_write(call->op, NT_NDR_RESPONSE, call->reply_args, true, NULL);
    bool right = returned(reply, call, &a) && nt_rpc_session_step_check(c->session, &a);
    json_decref(reply);
    if (right)
        return true;
    give_back(c, call);
    if (!nt_rpc_call_good(call))
        return true;
    call->state = NT_RPC_CALL_BAD;
    snprintf(call->why, sizeof call->why,
             "the authenticator that came with the answer to %s is not right: it is not by the "
             "secure channel's other end, or the two are out of step",
             call->op->name);
    return false;
}

bool nt_rpc_call_make(struct nt_rpc_caller *c, struct nt_rpc_call *call)
{
    struct nt_rpc_answer answer;
    nt_rpc_session_call(c->session, call->iface, call->op, call->request_args, &answer);
    if (answer.end != NT_RPC_END_ANSWER) {
        call->state = answer.end == NT_RPC_END_FAULT ? NT_RPC_CALL_FAULT : NT_RPC_CALL_LOST;
        call->fault = answer.fault;
        snprintf(call->why, sizeof call->why, "%s", answer.why);
        give_back(c, call);
        return false;
    }
    nt_buf_put(&call->reply, answer.stub, answer.len);
    if (!decode(call, &answer)) {
        give_back(c, call);
        return false;
    }
    call->has_result = nt_rpc_result(call->op, call->reply_args, &call->by_nt, &call->result);
    if (!genuine(c, call))
        return false;
    call->state = NT_RPC_CALL_ANSWERED;
    return true;
}

bool nt_rpc_call_good(const struct nt_rpc_call *call)
{
    if (!call->has_result)
        return true;
    return call->by_nt ? call->result >> 30 != 3 : call->result == 0;
}

void nt_rpc_call_free(struct nt_rpc_call *call)
{
    nt_arena_free(&call->arena);
    nt_buf_free(&call->request);
    nt_buf_free(&call->reply);
}
