/* rpc_fill.c - what a person need not write: the server's name, usual values, handles, and what a
 * secure channel asks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/sid.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "repair/rpc_call_internal.h"

#define MAXIMUM_ALLOWED 0x02000000 /* [MS-SAMR] 2.2.1.1 */

static bool has(json_t *object, const char *name)
{
    return caller_member(object, name, strlen(name)) != NULL;
}

/* --- handles --- */

/* The calls that open: where a name has to become a number or a SID first, a function does that. */
typedef json_t *opener(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);

static json_t *open_policy(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_trust(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_secret(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_account(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_server(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_domain(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_user(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_group(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);
static json_t *open_alias(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name);

static const struct {
    const char *word;
    const struct nt_ndr_interface *iface;
    opener *open;
    bool named, may_be_named;
} openers[] = {
    { "policy", &ndr_lsarpc, open_policy, false, false },
    { "trust", &ndr_lsarpc, open_trust, true, true },
    { "secret", &ndr_lsarpc, open_secret, true, true },
    { "account", &ndr_lsarpc, open_account, true, true },
    { "server", &ndr_samr, open_server, false, false },
    { "domain", &ndr_samr, open_domain, false, true },
    { "user", &ndr_samr, open_user, true, true },
    { "group", &ndr_samr, open_group, true, true },
    { "alias", &ndr_samr, open_alias, true, true },
};

/* Makes a call on the way to a handle; parameters is taken over. Its reply as JSON. NULL: told. */
static json_t *ask(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *method,
                   json_t *parameters)
{
    struct nt_rpc_call inner;
    json_t *reply = NULL;
    const struct nt_ndr_op *op = nt_ndr_op_by_name(call->iface, method);
    bool ok =
        nt_rpc_call_prepare(c, call->iface, op, parameters, &inner) && nt_rpc_call_make(c, &inner);
    if (ok && nt_rpc_call_good(&inner)) {
        reply = nt_rpc_value_write(op, NT_NDR_RESPONSE, inner.reply_args, true, NULL);
    } else {
        call->state = inner.state;
        call->fault = inner.fault;
        call->has_result = inner.has_result;
        call->by_nt = inner.by_nt;
        call->result = inner.result;
        char code[64];
        const ntstatus status = { inner.result };
        if (ok)
            snprintf(call->why, sizeof call->why, "%s answered %s: %s", op->name,
                     nt_status_format(status, code), nt_status_text(status));
        else
            memcpy(call->why, inner.why, sizeof call->why);
    }
    json_decref(parameters);
    nt_rpc_call_free(&inner);
    return reply;
}

/* One member of a reply that is given up, as a reference of its own. */
static json_t *take(json_t *reply, const char *name)
{
    json_t *value = json_incref(json_object_get(reply, name));
    json_decref(reply);
    return value;
}

static json_t *open_policy(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    (void)name;
    return take(ask(c, call, "LsarOpenPolicy2", json_object()), "PolicyHandle");
}

static bool is_sid(const char *text)
{
    struct nt_sid sid;
    return nt_sid_parse(text, &sid);
}

static json_t *open_trust(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    bool sid = is_sid(name);
    return take(ask(c, call, sid ? "LsarOpenTrustedDomain" : "LsarOpenTrustedDomainByName",
                    json_pack("{s:s}", sid ? "TrustedDomainSid" : "TrustedDomainName", name)),
                "TrustedDomainHandle");
}

static json_t *open_secret(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    return take(ask(c, call, "LsarOpenSecret", json_pack("{s:s}", "SecretName", name)),
                "SecretHandle");
}

static json_t *open_account(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    return take(ask(c, call, "LsarOpenAccount", json_pack("{s:s}", "AccountSid", name)),
                "AccountHandle");
}

static json_t *open_server(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    (void)name;
    return take(ask(c, call, "SamrConnect2", json_object()), "ServerHandle");
}

/* The domain that has the accounts: the one that is not Builtin. The caller frees the text. */
static char *account_domain(struct nt_rpc_caller *c, struct nt_rpc_call *call)
{
    json_t *reply = ask(c, call, "SamrEnumerateDomainsInSamServer", json_object());
    json_t *list = json_object_get(json_object_get(reply, "Buffer"), "Buffer"), *row;
    char *name = NULL;
    size_t i;
    json_array_foreach(list, i, row)
    {
        const char *text = json_string_value(json_object_get(row, "Name"));
        if (name == NULL && text != NULL && strcasecmp(text, "Builtin") != 0)
            name = strdup(text);
    }
    if (name == NULL && call->why[0] == '\0')
        caller_wrong(call, "the server names no domain of accounts");
    json_decref(reply);
    return name;
}

static json_t *open_domain(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    char *found = name == NULL ? account_domain(c, call) : NULL;
    json_t *sid = NULL;
    if (name != NULL && is_sid(name))
        sid = json_string(name);
    else if (name != NULL || found != NULL)
        sid = take(ask(c, call, "SamrLookupDomainInSamServer",
                       json_pack("{s:s}", "Name", name != NULL ? name : found)),
                   "DomainId");
    free(found);
    if (sid == NULL)
        return NULL;
    return take(ask(c, call, "SamrOpenDomain", json_pack("{s:o}", "DomainId", sid)),
                "DomainHandle");
}

/* A RID, or a name as the domain has it. NULL: told. */
static json_t *rid_of(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *domain,
                      const char *name)
{
    if (name[strspn(name, "0123456789")] == '\0')
        return json_string(name);
    json_t *reply = ask(c, call, "SamrLookupNamesInDomain",
                        json_pack("{s:s,s:[s]}", "DomainHandle", domain, "Names", name));
    json_t *rid =
        json_array_get(json_object_get(json_object_get(reply, "RelativeIds"), "Element"), 0);
    rid = json_incref(rid);
    json_decref(reply);
    if (rid == NULL && call->why[0] == '\0')
        caller_wrong(call, "the server gives no RID for %.60s", name);
    return rid;
}

/* "NAME" of the domain of accounts, or "DOMAIN/NAME". */
static json_t *open_member(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name,
                           const char *method, const char *id, const char *handle)
{
    char domain[300] = "@domain";
    const char *slash = strchr(name, '/');
    if (slash != NULL) {
        snprintf(domain, sizeof domain, "@domain:%.*s", (int)(slash - name), name);
        name = slash + 1;
    }
    json_t *rid = rid_of(c, call, domain, name);
    if (rid == NULL)
        return NULL;
    return take(ask(c, call, method, json_pack("{s:s,s:o}", "DomainHandle", domain, id, rid)),
                handle);
}

static json_t *open_user(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    return open_member(c, call, name, "SamrOpenUser", "UserId", "UserHandle");
}

static json_t *open_group(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    return open_member(c, call, name, "SamrOpenGroup", "GroupId", "GroupHandle");
}

static json_t *open_alias(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *name)
{
    return open_member(c, call, name, "SamrOpenAlias", "AliasId", "AliasHandle");
}

/* "@domain:WEST" as a handle of its own. NULL: told. */
static json_t *open_handle(struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *text)
{
    size_t len = strcspn(text + 1, ":"), i = 0;
    const char *name = text[1 + len] == ':' ? text + len + 2 : NULL;
    json_t *handle = json_object_get(c->handles, text);
    if (handle != NULL)
        return json_incref(handle);
    while (i < NT_COUNT(openers) &&
           (openers[i].iface != call->iface || strlen(openers[i].word) != len ||
            strncasecmp(openers[i].word, text + 1, len) != 0))
        i++;
    if (i == NT_COUNT(openers)) {
        caller_wrong(call, "'%.60s' is no handle that can be opened for %s", text,
                     call->iface->name);
        return NULL;
    }
    if ((name == NULL && openers[i].named) || (name != NULL && !openers[i].may_be_named) ||
        (name != NULL && *name == '\0')) {
        caller_wrong(call, "'%.60s': @%s goes %s name", text, openers[i].word,
                     openers[i].may_be_named ? "with a" : "without a");
        return NULL;
    }
    if (c->session == NULL)
        return json_string("00000000-0000-0000-0000-000000000000");
    if (c->depth == CALLER_DEPTH) {
        caller_wrong(call, "too many handles depend on each other");
        return NULL;
    }
    c->depth++;
    handle = openers[i].open(c, call, name);
    c->depth--;
    if (handle != NULL) {
        json_object_set(c->handles, text, handle);
    } else {
        char why[NT_RPC_CALL_WHY];
        memcpy(why, call->why, sizeof why);
        snprintf(call->why, sizeof call->why, "%.60s: %.500s", text, why);
    }
    return handle;
}

/* --- usual values --- */

static json_t *usual_handle(const struct nt_rpc_call *call, const char *name)
{
    if (call->iface == &ndr_lsarpc && strcmp(name, "PolicyHandle") == 0)
        return json_string("@policy");
    if (call->iface == &ndr_samr && strcmp(name, "ServerHandle") == 0)
        return json_string("@server");
    if (call->iface == &ndr_samr && strcmp(name, "DomainHandle") == 0)
        return json_string("@domain");
    return NULL;
}

/* Whether the call is one of a channel's computer: elsewhere "ComputerName" may be the server. */
static bool by_computer(const struct nt_rpc_call *call)
{
    struct nt_rpc_parameter p;
    for (size_t i = 0; nt_rpc_parameter(call->op, i, &p); i++)
        if (p.kind == NT_RPC_AUTHENTICATOR || strcmp(p.name, "LogonServer") == 0)
            return true;
    return false;
}

static json_t *usual_text(const struct nt_rpc_caller *c, const struct nt_rpc_call *call,
                          const struct nt_rpc_parameter *p)
{
    static const char *const servers[] = { "ServerName", "SystemName", "PrimaryName", "LogonServer",
                                           "TrustedDcName" };
    for (size_t i = 0; i < NT_COUNT(servers); i++)
        if (strcmp(p->name, servers[i]) == 0)
            return json_sprintf("\\\\%s", c->host);
    if (call->iface != &ndr_netlogon || c->account == NULL)
        return NULL;
    if (strcmp(p->name, "ComputerName") == 0 && (p->wanted || by_computer(call)))
        return json_string(c->computer);
    return strcmp(p->name, "AccountName") == 0 ? json_string(c->account) : NULL;
}

static json_t *usual_number(const struct nt_rpc_caller *c, const struct nt_rpc_call *call,
                            const char *name)
{
    static const struct {
        const char *name;
        uint32_t value;
    } rows[] = {
        { "DesiredAccess", MAXIMUM_ALLOWED },
        { "PreferedMaximumLength", UINT32_MAX },
        { "PreferredMaximumLength", UINT32_MAX },
        { "LookupLevel", 1 }, /* [MS-LSAT] 2.2.16: all that the controller can ask */
        { "LookupOptions", 0 },
        { "ClientRevision", 2 }, /* [MS-LSAT] 2.2.16 */
    };
    for (size_t i = 0; i < NT_COUNT(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return json_integer(rows[i].value);
    if (call->iface == &ndr_netlogon && c->account != NULL &&
        strcmp(name, "SecureChannelType") == 0)
        return json_integer(c->channel_type);
    return NULL;
}

/* The next one of the channel, which is opened if need be. NULL: told. */
static json_t *authenticator(struct nt_rpc_caller *c, struct nt_rpc_call *call)
{
    struct nt_authenticator a = { .timestamp = 0 };
    struct nt_rpc_answer answer;
    char hex[17];
    if (c->session != NULL) {
        if (!nt_rpc_session_channel(c->session, &answer)) {
            call->state = NT_RPC_CALL_LOST;
            snprintf(call->why, sizeof call->why, "%s", answer.why);
            return NULL;
        }
        nt_rpc_session_step(c->session, &a);
    }
    for (size_t i = 0; i < sizeof a.credential; i++)
        snprintf(hex + 2 * i, 3, "%02x", a.credential[i]);
    return json_pack("{s:{s:s},s:I}", "Credential", "data", hex, "Timestamp",
                     (json_int_t)a.timestamp);
}

/* NULL: nothing is usual there, or told. The one that comes back is made last, so that a mistake
 * elsewhere does not move the chain. */
static json_t *usual(struct nt_rpc_caller *c, struct nt_rpc_call *call,
                     const struct nt_rpc_parameter *p)
{
    switch (p->kind) {
    case NT_RPC_HANDLE:
        return usual_handle(call, p->name);
    case NT_RPC_TEXT:
        return usual_text(c, call, p);
    case NT_RPC_NUMBER:
        return usual_number(c, call, p->name);
    case NT_RPC_AUTHENTICATOR:
        return p->out && c->account != NULL ? json_object() : NULL;
    case NT_RPC_OTHER:
        break;
    }
    return strcmp(p->name, "ObjectAttributes") == 0 ? json_pack("{s:i}", "Length", 24) : NULL;
}

static bool add_usual(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t *parameters)
{
    struct nt_rpc_parameter p;
    for (size_t i = 0; nt_rpc_parameter(call->op, i, &p); i++) {
        if (!p.in || has(parameters, p.name))
            continue;
        json_t *value = usual(c, call, &p);
        if (value != NULL && json_object_set_new(parameters, p.name, value) != 0)
            return caller_wrong(call, "out of memory");
    }
    return true;
}

static bool add_handles(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t *parameters)
{
    struct nt_rpc_parameter p;
    for (size_t i = 0; nt_rpc_parameter(call->op, i, &p); i++) {
        const char *key;
        json_t *value;
        void *next;
        if (!p.in || p.kind != NT_RPC_HANDLE)
            continue;
        json_object_foreach_safe(parameters, next, key, value)
        {
            const char *text = json_string_value(value);
            if (strcasecmp(key, p.name) != 0 || text == NULL || text[0] != '@')
                continue;
            json_t *handle = open_handle(c, call, text);
            if (handle == NULL)
                return false;
            if (json_object_set_new(parameters, key, handle) != 0)
                return caller_wrong(call, "out of memory");
        }
    }
    return true;
}

static bool add_authenticator(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t *parameters)
{
    struct nt_rpc_parameter p;
    if (c->account == NULL)
        return true;
    for (size_t i = 0; nt_rpc_parameter(call->op, i, &p); i++) {
        if (p.kind != NT_RPC_AUTHENTICATOR || !p.in || p.out || has(parameters, p.name))
            continue;
        json_t *value = authenticator(c, call);
        if (value == NULL)
            return call->why[0] != '\0' ? false : caller_wrong(call, "out of memory");
        if (json_object_set_new(parameters, p.name, value) != 0)
            return caller_wrong(call, "out of memory");
        call->authenticated = c->session != NULL;
    }
    return true;
}

json_t *caller_fill(struct nt_rpc_caller *c, struct nt_rpc_call *call, const json_t *parameters)
{
    if (!json_is_object(parameters)) {
        caller_wrong(call, "the parameters have to be an object");
        return NULL;
    }
    json_t *copy = json_deep_copy(parameters);
    if (copy == NULL) {
        caller_wrong(call, "out of memory");
        return NULL;
    }
    if (caller_refer(c, call, &copy) && add_usual(c, call, copy) && add_handles(c, call, copy) &&
        add_authenticator(c, call, copy))
        return copy;
    json_decref(copy);
    return NULL;
}
