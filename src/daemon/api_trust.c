#include "daemon/api_internal.h"

#include <stdio.h>
#include <string.h>

#include "channel/servers.h"
#include "crypto/owf.h"
#include "service/chains.h"
#include "service/logon.h"

/* --- permits: domains permitted to trust this one --- */

json_t *nt_api_permit_json(struct nt_request *rq, const struct nt_dir *dir,
                           const struct nt_account *a)
{
    const struct nt_trust_in *in = a->in;
    char name[64], text[400], next[400] = "";
    snprintf(name, sizeof name, "%.*s", (int)(strlen(a->name) - 1), a->name);
    struct nt_permit_trouble trouble;
    nt_in_describe(in, name, nt_dir_domain(dir)->name, text, sizeof text);
    nt_permit_trouble(rq, dir, a, &trouble);
    if (trouble.text[0] != '\0')
        snprintf(text, sizeof text, "%s", trouble.text);
    else if (a->past != NULL && a->past->behind != 0)
        (void)nt_past_describe(a, text, sizeof text);
    snprintf(next, sizeof next, "%s", trouble.next);
    if (nt_in_expired(in, nt_now(rq->service->env))) {
        char when[NT_TIME_TEXT];
        snprintf(text, sizeof text, "The reset code for %s expired at %s, unused.", name,
                 nt_time_format(in->initial_until, when));
        snprintf(next, sizeof next, "ntrust reset --here %s makes a new one", name);
    }
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:s,s:b,s:o,"
        "s:s}",
        "name", name, "reason", trouble.reason, "end_at_fault", trouble.end, "account", a->name,
        "state", nt_in_state_name(in->state), "disabled", (a->acb & NT_ACB_DISABLED) != 0,
        "attempts_left", (json_int_t)in->attempts_left, "version", (json_int_t)in->version,
        "permitted", nt_api_time(in->permitted_at), "code_until", nt_api_time(in->initial_until),
        "proven", nt_api_time(in->proven_at), "changed", nt_api_time(in->changed_at), "burned",
        nt_api_time(in->burned_at), "burned_from", in->burned_from, "last_ok",
        nt_api_time(in->last_ok), "last_bad", nt_api_time(in->last_bad), "last_from", in->last_from,
        "allow_weak_crypto", a->allow_weak_crypto, "text", nt_api_string(text), "next", next);
}

void nt_api_permits_get(struct nt_request *rq)
{
    struct nt_dir *dir = nt_api_dir(rq);
    json_t *list = json_array();
    for (const struct nt_account *a = nt_dir_account_after(dir, 0); a != NULL;
         a = nt_dir_account_after(dir, a->rid))
        if ((a->acb & NT_ACB_INTERDOMAIN) != 0)
            json_array_append_new(list, nt_api_permit_json(rq, dir, a));
    nt_dir_unref(dir);
    nt_api_ok(rq, json_pack("{s:o}", "permits", list));
}

static void show_permit(struct nt_request *rq, const char *name, const char *generated)
{
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_account *a = nt_dir_permit(dir, name);
    if (a == NULL) {
        char text[200], next[200];
        snprintf(text, sizeof text, "the domain %.60s is not permitted to trust this one", name);
        snprintf(next, sizeof next, "ntrust permit add %.60s", name);
        nt_api_fail(rq, NT_STATUS(NO_SUCH_USER), text, next);
    } else {
        json_t *out = nt_api_permit_json(rq, dir, a);
        if (generated != NULL)
            json_object_set_new(out, "generated_password", json_string(generated));
        nt_api_ok(rq, out);
    }
    nt_dir_unref(dir);
}

void nt_api_permit_get(struct nt_request *rq)
{
    show_permit(rq, rq->name, NULL);
}

/* Easy to read out on the telephone: five groups of five, from 32 letters and digits without the
 * ones that are taken for each other; 125 bits. */
static void generate(const struct nt_env *env, char out[30])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t random[25];
    char *p = out;
    nt_random(env, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && i % 5 == 0)
            *p++ = '-';
        *p++ = letters[random[i] % 32];
    }
    *p = '\0';
    nt_wipe(random, sizeof random);
}

struct permit_change {
    const char *name, *who;
    struct nt_secret hash;
    uint32_t attempts;
    bool disabled;
};

static ntstatus add_permit(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct permit_change *c = ctx;
    uint32_t rid;
    return nt_op_permit_add(txn, c->name, &c->hash, c->attempts, c->who, "", &rid, why);
}

static ntstatus remove_permit(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct permit_change *c = ctx;
    return nt_op_permit_remove(txn, c->name, c->who, "", why);
}

void nt_api_permits_post(struct nt_request *rq)
{
    static const char *const keys[] = { "name", "password", "generate", "attempts", NULL };
    struct permit_change c = { .who = rq->who };
    bool wants = false;
    char generated[30] = "";
    if (!nt_api_only(rq, keys) || (c.name = nt_api_text(rq, "name", true)) == NULL)
        return;
    nt_api_bool(rq, "generate", &wants);
    const json_t *attempts = json_object_get(rq->body, "attempts");
    if (attempts != NULL && (!json_is_integer(attempts) || json_integer_value(attempts) < 1 ||
                             json_integer_value(attempts) > 100))
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "'attempts' must be a number from 1 to 100",
                    "");
    if (nt_api_failed(rq))
        return;
    c.attempts = (uint32_t)json_integer_value(attempts);
    if (wants) {
        NT_SCOPED_PASSWORD p = { .len = 0 };
        generate(rq->service->env, generated);
        (void)nt_password_from_utf8(&p, generated);
        nt_owf(&p, &c.hash);
    } else if (!nt_api_password(rq, "password", &c.hash, NULL)) {
        return;
    }
    if (nt_api_change(rq, add_permit, &c))
        show_permit(rq, c.name, wants ? generated : NULL);
    nt_secret_wipe(&c.hash);
    nt_wipe(generated, sizeof generated);
}

static ntstatus disable_permit(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct permit_change *c = ctx;
    const struct nt_account *a = nt_dir_permit(nt_txn_dir(txn), c->name);
    (void)why;
    return a != NULL ? nt_op_account_disable(txn, a->rid, c->disabled, c->who, "")
                     : NT_STATUS(NO_SUCH_USER);
}

/* A disabled one opens nothing, and is as it was when it is enabled again. */
void nt_api_permit_patch(struct nt_request *rq)
{
    static const char *const keys[] = { "disabled", NULL };
    struct permit_change c = { .name = rq->name, .who = rq->who };
    if (!nt_api_only(rq, keys))
        return;
    bool given = nt_api_bool(rq, "disabled", &c.disabled);
    if (!nt_api_failed(rq) && (!given || nt_api_change(rq, disable_permit, &c)))
        show_permit(rq, c.name, NULL);
}

void nt_api_permit_delete(struct nt_request *rq)
{
    struct permit_change c = { .name = rq->name, .who = rq->who };
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_account *a = nt_dir_permit(dir, rq->name);
    uint32_t rid = a != NULL ? a->rid : 0;
    nt_dir_unref(dir);
    if (nt_api_change(rq, remove_permit, &c)) {
        nt_chains_drop_account(rq->service->chains, rid);
        nt_api_ok(rq, json_object());
    }
}

/* --- trusts: domains that this one trusts --- */

static json_t *servers_json(const char *text)
{
    json_t *list = json_array();
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        json_array_append_new(list, json_stringn(text, len));
        text += len;
    }
    return list;
}

static const char *end_at_fault(const struct nt_tdo *t)
{
    enum nt_broken reason = t->out.state == NT_OUT_BROKEN ? t->out.broken : t->out.trouble;
    const char *end = nt_broken_end(reason);
    if (reason == NT_BROKEN_NONE)
        return "";
    if (reason == NT_BROKEN_BURNED && t->out.established)
        return "there"; /* permitted anew at that end alone */
    return strcmp(end, "trusted") == 0    ? "there"
           : strcmp(end, "trusting") == 0 ? "here"
           : strcmp(end, "network") == 0  ? "between"
                                          : end;
}

/* What was seen of the trust over time, domain/trust_seen.h. */
static json_t *seen_json(const struct nt_dir *dir, const struct nt_trust_out *o)
{
    const struct nt_trust_seen *seen = &o->seen;
    bool broken = o->state == NT_OUT_BROKEN && o->broken == NT_BROKEN_MISMATCH;
    nt_time restored = broken ? nt_out_restored_to(o, nt_dir_domain(dir)) : 0;
    json_t *laggards = json_array();
    for (uint32_t i = 0; i < seen->laggard_count; i++)
        json_array_append_new(laggards,
                              json_pack("{s:s,s:I,s:o,s:o}", "controller", seen->laggards[i].dc,
                                        "behind", (json_int_t)seen->laggards[i].behind, "first",
                                        nt_api_time(seen->laggards[i].first), "last",
                                        nt_api_time(seen->laggards[i].last)));
    return json_pack("{s:I,s:o,s:I,s:b,s:o,s:o}", "behind", (json_int_t)seen->behind, "behind_at",
                     nt_api_time(seen->behind_at), "foreign", (json_int_t)seen->foreign, "cloned",
                     nt_seen_cloned(seen), "laggards", laggards, "restored_to",
                     nt_api_time(restored));
}

/* The same for people, behind what the state means. */
static void add_seen(const struct nt_dir *dir, const struct nt_tdo *t, char *text, size_t size)
{
    const struct nt_domain *domain = nt_dir_domain(dir);
    const struct nt_trust_out *o = &t->out;
    char to[NT_TIME_TEXT], at[NT_TIME_TEXT], lagging[400];
    bool mismatch = o->state == NT_OUT_BROKEN && o->broken == NT_BROKEN_MISMATCH;
    size_t len = strlen(text);
    nt_seen_laggards(&o->seen, lagging, sizeof lagging);
    if (mismatch && nt_out_restored_to(o, domain) != 0)
        snprintf(text + len, size - len,
                 " This end %s restored from a backup of %s (noticed %s), and %s has moved on "
                 "since: reset needed.",
                 domain->restored_surely ? "was" : "may have been",
                 nt_time_format(domain->restored_to, to), nt_time_format(domain->restored_at, at),
                 t->name);
    else if (nt_seen_cloned(&o->seen))
        snprintf(text + len, size - len,
                 " Its password was changed elsewhere %u times since %s: two controllers run with "
                 "this one's identity (a clone), or this one goes back again and again.",
                 o->seen.foreign, nt_time_format(o->seen.foreign_first, at));
    else if (*lagging != '\0')
        snprintf(text + len, size - len,
                 " Controllers of %s lag behind: %s. The password is not changed meanwhile.",
                 t->name, lagging);
}

json_t *nt_api_trust_json(struct nt_request *rq, const struct nt_dir *dir, const struct nt_tdo *t)
{
    const struct nt_trust_out *o = &t->out;
    const char *own = nt_dir_domain(dir)->name;
    enum nt_broken reason = o->state == NT_OUT_BROKEN ? o->broken : o->trouble;
    char text[1000], next[300] = "", code[16];
    nt_out_describe(o, t->name, own, text, sizeof text);
    add_seen(dir, t, text, sizeof text);
    if (reason != NT_BROKEN_NONE)
        nt_out_next(o, t->name, own, next, sizeof next);
    if (nt_out_code_waits(o, nt_now(rq->service->env)))
        snprintf(next, sizeof next, "at %s: ntrust reset --code %s", t->name, own);
    if (nt_out_code_expired(o, nt_now(rq->service->env))) {
        char when[NT_TIME_TEXT];
        snprintf(text, sizeof text, "The reset code for %s expired at %s, unused.", t->name,
                 nt_time_format(o->initial_until, when));
        snprintf(next, sizeof next, "ntrust reset --here %s makes a new one", t->name);
    }
    snprintf(code, sizeof code, "0x%08X", o->last_status.code);
    json_t *out = json_pack(
        "{s:s,s:s,s:o,s:s,s:s,s:b,s:o,s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:s,s:s,s:o,s:o},s:s,s:b,"
        "s:I,"
        "s:s,"
        "s:s}",
        "name", t->name, "dns_name", t->dns_name, "sid", nt_api_sid(&t->sid), "state",
        nt_out_state_name(o->state), "reason", nt_broken_name(reason), "degraded", o->degraded,
        "servers", servers_json(t->servers), "controller", o->last_dc, "version",
        (json_int_t)o->current.version, "established", nt_api_time(o->established_at), "changed",
        nt_api_time(o->last_change), "checked", nt_api_time(o->last_ok), "next_change",
        nt_api_time(o->next_change), "next_check", nt_api_time(o->next_check), "code_until",
        nt_api_time(o->initial_until), "last_error", "status",
        o->last_error != 0 ? nt_status_name(o->last_status) : "", "code",
        o->last_error != 0 ? code : "", "text", nt_api_string(o->last_text), "time",
        nt_api_time(o->last_error), "end_at_fault", end_at_fault(t), "allow_weak_crypto",
        t->allow_weak_crypto, "changes", (json_int_t)o->changes, "text", text, "next", next);
    json_object_set_new(out, "seen", seen_json(dir, o));
    return out;
}

void nt_api_trusts_get(struct nt_request *rq)
{
    struct nt_dir *dir = nt_api_dir(rq);
    json_t *list = json_array();
    for (const struct nt_tdo *t = nt_dir_tdo_after(dir, ""); t != NULL;
         t = nt_dir_tdo_after(dir, t->name))
        if ((t->direction & 2) != 0)
            json_array_append_new(list, nt_api_trust_json(rq, dir, t));
    nt_dir_unref(dir);
    nt_api_ok(rq, json_pack("{s:o}", "trusts", list));
}

static void show_trust(struct nt_request *rq, const char *name)
{
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_tdo *t = nt_dir_tdo(dir, name);
    if (t == NULL || (t->direction & 2) == 0) {
        char text[200], next[200];
        snprintf(text, sizeof text, "this domain does not trust %.60s", name);
        snprintf(next, sizeof next, "ntrust trust add %.60s", name);
        nt_api_fail(rq, NT_STATUS(NO_SUCH_DOMAIN), text, next);
    } else {
        nt_api_ok(rq, nt_api_trust_json(rq, dir, t));
    }
    nt_dir_unref(dir);
}

void nt_api_trust_get(struct nt_request *rq)
{
    show_trust(rq, rq->name);
}

struct trust_change {
    const char *name, *who;
    struct nt_password initial;
    char servers[2048];
    const char *dns_name; /* NULL: not given */
    bool allow_weak;
    bool has_servers, has_weak, has_sid;
    struct nt_sid sid;
};

static ntstatus add_trust(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct trust_change *c = ctx;
    const struct nt_trust_new trust = { .name = c->name,
                                        .servers = c->servers,
                                        .dns_name = c->dns_name,
                                        .initial = &c->initial,
                                        .allow_weak_crypto = c->allow_weak };
    return nt_op_trust_add(txn, &trust, c->who, "", why);
}

static ntstatus remove_trust(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct trust_change *c = ctx;
    return nt_op_trust_remove(txn, c->name, c->who, "", why);
}

static ntstatus set_trust(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct trust_change *c = ctx;
    const struct nt_trust_fields fields = {
        .which = (c->has_servers ? (uint32_t)NT_TRUST_SERVERS : 0) |
                 (c->dns_name != NULL ? (uint32_t)NT_TRUST_DNS_NAME : 0) |
                 (c->has_weak ? (uint32_t)NT_TRUST_WEAK_CRYPTO : 0),
        .servers = c->servers,
        .dns_name = c->dns_name,
        .allow_weak_crypto = c->allow_weak,
    };
    (void)why;
    return nt_op_trust_set(txn, c->name, &fields, c->who, "");
}

/* "dns_name": letters, digits, '-', '_' and dots; "" for none. */
static bool take_dns_name(struct nt_request *rq, struct trust_change *c)
{
    const char *name = nt_api_text(rq, "dns_name", false);
    if (nt_api_failed(rq))
        return false;
    if (name != NULL && (strlen(name) >= NT_SERVER_NAME ||
                         name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789-_.")] != '\0')) {
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "'dns_name' is not a DNS name", "");
        return false;
    }
    c->dns_name = name;
    return true;
}

bool nt_api_servers(struct nt_request *rq, char *out, size_t size, bool *given)
{
    const json_t *list = json_object_get(rq->body, "servers");
    struct nt_servers parsed;
    char why[200];
    size_t i, at = 0;
    json_t *value;
    *given = list != NULL;
    out[0] = '\0';
    if (list == NULL)
        return true;
    if (!json_is_array(list)) {
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "'servers' must be an array of \"host:port\"",
                    "");
        return false;
    }
    json_array_foreach(list, i, value)
    {
        const char *text = json_string_value(value);
        size_t len = text != NULL ? strlen(text) : 0;
        if (len == 0 || strchr(text, ' ') != NULL || at + len + 2 > size) {
            nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "a server is not \"host:port\"", "");
            return false;
        }
        if (at > 0)
            out[at++] = ' ';
        memcpy(out + at, text, len + 1);
        at += len;
    }
    if (!nt_servers_parse(out, &parsed, why, sizeof why)) {
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), why, "");
        return false;
    }
    return true;
}

static bool take_servers(struct nt_request *rq, struct trust_change *c)
{
    return nt_api_servers(rq, c->servers, sizeof c->servers, &c->has_servers);
}

/* Has the runner check now, and waits for what comes of it. */
static void verify(struct nt_request *rq, enum nt_forward_kind kind, const char *name)
{
    struct nt_forward fwd = { .kind = kind, .domain = name };
    nt_api_forward(rq, &fwd);
}

void nt_api_trusts_post(struct nt_request *rq)
{
    static const char *const keys[] = { "name",     "servers",           "dns_name",
                                        "password", "allow_weak_crypto", NULL };
    struct trust_change c = { .who = rq->who };
    struct nt_secret hash = { .len = 0 };
    if (!nt_api_only(rq, keys) || (c.name = nt_api_text(rq, "name", true)) == NULL ||
        !take_servers(rq, &c) || !take_dns_name(rq, &c) ||
        !nt_api_password(rq, "password", &hash, &c.initial))
        return;
    nt_secret_wipe(&hash);
    nt_api_bool(rq, "allow_weak_crypto", &c.allow_weak);
    if (!nt_api_failed(rq) && nt_api_change(rq, add_trust, &c)) {
        verify(rq, NT_FORWARD_VERIFY, c.name);
        show_trust(rq, c.name);
    }
    nt_password_wipe(&c.initial);
}

static ntstatus reset_trust(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct trust_change *c = ctx;
    const struct nt_trust_fields fields = { .which = NT_TRUST_SID, .sid = &c->sid };
    ntstatus status = nt_op_trust_reset(txn, c->name, &c->initial, c->who, "", why);
    if (nt_status_ok(status) && c->has_sid)
        status = nt_op_trust_set(txn, c->name, &fields, c->who, "");
    return status;
}

/* Begins anew with another initial password, and, for a domain that was built anew, another SID;
 * the rest of the trust stays. It is proven when the runner, or a verify, gets to it. */
void nt_api_trust_reset(struct nt_request *rq)
{
    static const char *const keys[] = { "password", "sid", NULL };
    struct trust_change c = { .name = rq->name, .who = rq->who };
    struct nt_secret hash = { .len = 0 };
    if (!nt_api_only(rq, keys) || !nt_api_password(rq, "password", &hash, &c.initial))
        return;
    nt_secret_wipe(&hash);
    const char *sid = nt_api_text(rq, "sid", false);
    c.has_sid = sid != NULL;
    if (c.has_sid && !nt_sid_parse(sid, &c.sid))
        nt_api_fail(rq, NT_STATUS(INVALID_SID), "'sid' is not a SID", "");
    if (!nt_api_failed(rq) && nt_api_change(rq, reset_trust, &c))
        show_trust(rq, c.name);
    nt_password_wipe(&c.initial);
}

void nt_api_trust_delete(struct nt_request *rq)
{
    struct trust_change c = { .name = rq->name, .who = rq->who };
    if (nt_api_change(rq, remove_trust, &c))
        nt_api_ok(rq, json_object());
}

void nt_api_trust_patch(struct nt_request *rq)
{
    static const char *const keys[] = { "servers", "dns_name", "allow_weak_crypto", NULL };
    struct trust_change c = { .name = rq->name, .who = rq->who };
    if (!nt_api_only(rq, keys) || !take_servers(rq, &c) || !take_dns_name(rq, &c))
        return;
    c.has_weak = nt_api_bool(rq, "allow_weak_crypto", &c.allow_weak);
    if (!nt_api_failed(rq) && nt_api_change(rq, set_trust, &c))
        show_trust(rq, c.name);
}

static void ask(struct nt_request *rq, enum nt_forward_kind kind)
{
    static const char *const keys[] = { NULL };
    if (!nt_api_only(rq, keys))
        return;
    show_trust(rq, rq->name);
    if (nt_api_failed(rq))
        return;
    struct nt_forward fwd = { .kind = kind, .domain = rq->name };
    nt_api_forward(rq, &fwd);
    show_trust(rq, rq->name);
    if (kind == NT_FORWARD_ROTATE && !nt_status_ok(fwd.status) && !nt_api_failed(rq)) {
        char next[300];
        snprintf(next, sizeof next, "ntrust check %.60s", rq->name);
        nt_api_fail(rq, fwd.status, fwd.text[0] != '\0' ? fwd.text : "the password was not changed",
                    next);
        rq->http = 502; /* the other end's doing, not the request's */
    }
}

void nt_api_trust_verify(struct nt_request *rq)
{
    ask(rq, NT_FORWARD_VERIFY);
}

void nt_api_trust_rotate(struct nt_request *rq)
{
    ask(rq, NT_FORWARD_ROTATE);
}
