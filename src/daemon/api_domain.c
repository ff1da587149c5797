#include "daemon/api_internal.h"

#include <stdio.h>
#include <string.h>

#include "daemon/netbios_listener.h"
#include "daemon/protocol.h"
#include "service/chains.h"
#include "store/backup.h"

/* Counts by state, as {"active": 2, ...}. */
static void count(json_t *states, const char *state)
{
    json_int_t n = json_integer_value(json_object_get(states, state));
    json_object_set_new(states, state, json_integer(n + 1));
}

static json_t *trust_states(const struct nt_dir *dir)
{
    json_t *states = json_object();
    for (const struct nt_tdo *t = nt_dir_tdo_after(dir, ""); t != NULL;
         t = nt_dir_tdo_after(dir, t->name))
        if ((t->direction & 2) != 0)
            count(states, nt_out_state_name(t->out.state));
    return states;
}

static json_t *permit_states(const struct nt_dir *dir)
{
    json_t *states = json_object();
    for (const struct nt_account *a = nt_dir_account_after(dir, 0); a != NULL;
         a = nt_dir_account_after(dir, a->rid))
        if ((a->acb & NT_ACB_INTERDOMAIN) != 0)
            count(states, nt_in_state_name(a->in->state));
    return states;
}

/* The ports, 0 for those that are off. */
static json_t *listening(const struct nt_config *config)
{
    return json_pack("{s:i,s:i,s:i}", "epm_port", config->epm_port, "rpc_port", config->rpc_port,
                     "smb_port", config->smb_port);
}

static json_t *smb_counts(const struct nt_smb_counts *counts)
{
    return json_pack("{s:I,s:I}", "connections", (json_int_t)atomic_load(&counts->connections),
                     "pipes", (json_int_t)atomic_load(&counts->pipes));
}

/* How each name of the domain stands: {"node", "names": [...]}; null when NetBIOS is off. */
static json_t *netbios_json(const struct nt_request *rq)
{
    struct nt_netbios_name names[NT_NB_NAMES];
    size_t count = nt_netbios_names(rq->config->netbios, names);
    json_t *list = json_array();
    if (rq->config->netbios == NULL) {
        json_decref(list);
        return json_null();
    }
    for (size_t i = 0; i < count; i++) {
        const struct nt_netbios_name *n = &names[i];
        json_array_append_new(
            list, json_pack("{s:s,s:b,s:s,s:s,s:o,s:o,s:o}", "name", n->name, "group", n->group,
                            "broadcast", nt_nb_claim_state_name(n->broadcast), "wins",
                            nt_nb_claim_state_name(n->wins), "wins_server", nt_api_ipv4(n->wins_by),
                            "conflict", nt_api_ipv4(n->conflict_by), "conflict_time",
                            nt_api_time(n->conflict_at)));
    }
    return json_pack("{s:s,s:o}", "node", nt_nb_mode_name(nt_netbios_mode(rq->config->config)),
                     "names", list);
}

void nt_api_status_get(struct nt_request *rq)
{
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_domain *d = nt_dir_domain(dir);
    nt_time now = nt_now(rq->service->env);
    nt_api_ok(
        rq,
        json_pack(
            "{s:s,s:s,s:s,s:o,s:o,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:{s:s,s:o,s:o},s:o}",
            "version", rq->config->version, "domain", d->name, "computer",
            nt_service_computer(rq->service, dir), "sid", nt_api_sid(&d->sid), "started",
            nt_api_time(rq->started), "uptime_s",
            (json_int_t)((now - rq->started) / NT_TIME_SECOND), "serial", (json_int_t)d->serial,
            "channels_in", (json_int_t)nt_chains_count(rq->service->chains), "connections",
            (json_int_t)nt_clients_count(rq->config->clients), "smb",
            smb_counts(rq->config->smb_counts), "listen", listening(rq->config->config), "trusts",
            trust_states(dir), "permits", permit_states(dir), "netbios", netbios_json(rq), "store",
            "path", rq->config->config->store, "restored", nt_api_time(d->restored_at),
            "restored_to", nt_api_time(d->restored_to), "troubles", nt_api_troubles(rq, dir)));
    nt_dir_unref(dir);
}

void nt_api_domain_get(struct nt_request *rq)
{
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_domain *d = nt_dir_domain(dir);
    json_int_t users = 0, computers = 0, permits = 0;
    for (const struct nt_account *a = nt_dir_account_after(dir, 0); a != NULL;
         a = nt_dir_account_after(dir, a->rid)) {
        users += (a->acb & NT_ACB_NORMAL) != 0;
        computers += (a->acb & (NT_ACB_WORKSTATION | NT_ACB_SERVER)) != 0;
        permits += (a->acb & NT_ACB_INTERDOMAIN) != 0;
    }
    nt_api_ok(rq,
              json_pack("{s:s,s:s,s:o,s:o,s:I,s:I,s:I,s:I,s:I}", "name", d->name, "computer",
                        nt_service_computer(rq->service, dir), "sid", nt_api_sid(&d->sid),
                        "created", nt_api_time(d->created), "users", users, "groups",
                        (json_int_t)nt_dir_count(dir, NT_KIND_GROUP), "computers", computers,
                        "trusts", (json_int_t)nt_dir_count(dir, NT_KIND_TDO), "permits", permits));
    nt_dir_unref(dir);
}

/* --- policy --- */

void nt_api_policy_get(struct nt_request *rq)
{
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_policy *policy = nt_dir_policy(dir);
    const struct nt_policy_setting *settings;
    size_t n = nt_policy_settings(&settings);
    json_t *out = json_object();
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 0;
        if (nt_policy_get(policy, settings[i].name, &value))
            json_object_set_new(out, settings[i].name,
                                settings[i].unit == NT_UNIT_BOOL ? json_boolean(value != 0)
                                                                 : json_integer((json_int_t)value));
    }
    nt_dir_unref(dir);
    nt_api_ok(rq, out);
}

struct policy_change {
    const json_t *body;
    const char *who;
};

static ntstatus set_one(struct nt_txn *txn, const char *name, const json_t *value, const char *who,
                        struct nt_why *why)
{
    if (json_is_string(value))
        return nt_op_policy_set_text(txn, name, json_string_value(value), who, "", why);
    if (json_is_boolean(value))
        return nt_op_policy_set(txn, name, json_is_true(value), who, "", why);
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return nt_op_policy_set(txn, name, (uint64_t)json_integer_value(value), who, "", why);
    snprintf(why->text, sizeof why->text,
             "the value of '%.60s' must be a number, a text or a "
             "boolean",
             name);
    return NT_STATUS(INVALID_PARAMETER);
}

/* All or nothing: the transaction is undone when one of them is refused. */
static ntstatus set_policy(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    const struct policy_change *c = ctx;
    ntstatus status = NT_STATUS(SUCCESS);
    for (void *it = json_object_iter((json_t *)(uintptr_t)c->body);
         it != NULL && nt_status_ok(status);
         it = json_object_iter_next((json_t *)(uintptr_t)c->body, it))
        status = set_one(txn, json_object_iter_key(it), json_object_iter_value(it), c->who, why);
    return status;
}

void nt_api_policy_patch(struct nt_request *rq)
{
    struct policy_change c = { .body = rq->body, .who = rq->who };
    if (nt_api_change(rq, set_policy, &c))
        nt_api_policy_get(rq);
}

/* --- events --- */

static void add_event(void *ctx, const struct nt_event *e)
{
    static const char *const levels[] = { "info", "warning", "error" };
    json_array_append_new(ctx,
                          json_pack("{s:I,s:o,s:s,s:s,s:o,s:o,s:o}", "id", (json_int_t)e->id,
                                    "time", nt_api_time(e->when), "level", levels[e->level], "kind",
                                    e->kind, "subject", nt_api_string(e->subject), "peer",
                                    nt_api_string(e->peer), "text", nt_api_string(e->text)));
}

void nt_api_events_get(struct nt_request *rq)
{
    const char *subject = rq->query(rq->query_ctx, "subject");
    uint64_t after = nt_api_number(rq, "after", UINT64_MAX);
    uint64_t max = nt_api_number(rq, "max", 50);
    json_t *events = json_array();
    enum nt_err err = nt_store_events(nt_engine_store(rq->service->engine), after, subject,
                                      max < 1000 ? max : 1000, add_event, events);
    if (err == NT_OK) {
        nt_api_ok(rq, json_pack("{s:o}", "events", events));
        return;
    }
    json_decref(events);
    nt_api_fail(rq, nt_status_of(err), "the audit trail cannot be read", "");
}

/* --- backup --- */

void nt_api_backup_post(struct nt_request *rq)
{
    static const char *const keys[] = { "path", NULL };
    char why[300] = "";
    const char *path = nt_api_only(rq, keys) ? nt_api_text(rq, "path", true) : NULL;
    if (path == NULL)
        return;
    enum nt_err err =
        nt_store_backup(rq->config->config->store, path, rq->service->env, why, sizeof why);
    if (err == NT_OK)
        nt_api_ok(rq, json_object());
    else
        nt_api_fail(rq, nt_status_of(err), why, "");
}
