/*
 * api_troubles.c - what is wrong with this domain's trusts, by reason: of each permit for itself,
 * and all of it in the status. The trusting end's reasons are the lifecycle's (domain/trust_out.h);
 * the trusted end's are drawn here from its account and from what it refused.
 */
#include "daemon/api_internal.h"

#include <stdio.h>
#include <string.h>

#include "service/refusals.h"

#define FAULT_HERE  "here"
#define FAULT_THERE "there"

static void say(struct nt_permit_trouble *t, const char *reason, const char *end)
{
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    snprintf(t->end, sizeof t->end, "%s", end);
}

/* ", and refused X from Y on Z" */
static void tried(const struct nt_permit_trouble *t, const char *name, char *out, size_t size)
{
    char when[NT_TIME_TEXT];
    out[0] = '\0';
    if (t->refused)
        snprintf(out, size, " %.20s was refused last on %s, from %.60s.", name,
                 nt_time_format(t->last.last, when), t->last.peer);
}

static void disabled(struct nt_permit_trouble *t, const char *name, const char *own)
{
    char more[160];
    tried(t, name, more, sizeof more);
    say(t, nt_broken_name(NT_BROKEN_DISABLED), FAULT_HERE);
    snprintf(t->text, sizeof t->text, "The account %s$ is disabled here: nothing opens it.%s", name,
             more);
    snprintf(t->next, sizeof t->next,
             "Ask why; then ntrust permit enable %s, and at %s: ntrust trust verify %s.", name,
             name, own);
}

static void burned(struct nt_permit_trouble *t, const char *name, const char *own)
{
    say(t, nt_broken_name(NT_BROKEN_BURNED), FAULT_THERE);
    snprintf(t->next, sizeof t->next,
             "ntrust permit remove %s, then ntrust permit add %s, and tell %s's administrator the "
             "new initial password; or at %s: ntrust reset %s.",
             name, name, name, name, own);
}

static void mismatch(struct nt_permit_trouble *t, const struct nt_account *a, const char *name,
                     const char *own)
{
    const struct nt_trust_in *in = a->in;
    char when[NT_TIME_TEXT];
    say(t, nt_broken_name(NT_BROKEN_MISMATCH), FAULT_THERE);
    snprintf(t->text, sizeof t->text,
             "%s's last attempt, on %s from %.60s, came with a password that this end does not "
             "accept.",
             name, nt_time_format(t->refused ? t->last.last : in->last_bad, when),
             t->refused ? t->last.peer : in->last_from);
    if (a->past != NULL && a->past->behind != 0)
        (void)nt_past_describe(a, t->text, sizeof t->text);
    if (in->state == NT_IN_PERMITTED)
        snprintf(t->next, sizeof t->next,
                 "At %s, with the right initial password (attempts left here: %u): ntrust trust "
                 "remove %s, then ntrust trust add %s.",
                 name, in->attempts_left, own, own);
    else
        snprintf(t->next, sizeof t->next,
                 "At %s: ntrust check %s; if it is broken there: ntrust reset %s. If that address "
                 "is not %s's, somebody is guessing.",
                 name, own, own, name);
}

static void crypto(struct nt_permit_trouble *t, const char *name)
{
    char when[NT_TIME_TEXT];
    say(t, nt_broken_name(NT_BROKEN_CRYPTO), FAULT_THERE);
    snprintf(t->text, sizeof t->text,
             "%s does not offer AES for the secure channel, which is required here: refused "
             "(DOWNGRADE_DETECTED) on %s, from %.60s.",
             name, nt_time_format(t->last.last, when), t->last.peer);
    snprintf(t->next, sizeof t->next, "Have %s's controller offer AES (and sealing).", name);
}

static void silent(struct nt_permit_trouble *t, const struct nt_trust_in *in, const char *name,
                   const char *own)
{
    char when[NT_TIME_TEXT];
    say(t, "silent", FAULT_THERE);
    snprintf(
        t->text, sizeof t->text,
        "%s has not opened a channel since %s, longer than two check intervals: its controller "
        "is down, cannot reach this one, or does not check its trusts.",
        name, nt_time_format(in->last_ok, when));
    snprintf(t->next, sizeof t->next, "At %s: ntrust check %s.", name, own);
}

void nt_permit_trouble(struct nt_request *rq, const struct nt_dir *dir, const struct nt_account *a,
                       struct nt_permit_trouble *t)
{
    const struct nt_trust_in *in = a->in;
    const char *own = nt_dir_domain(dir)->name;
    uint64_t interval = nt_dir_policy(dir)->check_interval_s;
    nt_time now = nt_now(rq->service->env);
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(strlen(a->name) - 1), a->name);
    *t = (struct nt_permit_trouble){ .reason = "" };
    t->refused = nt_refusals_get(rq->service->refusals, a->name, &t->last) &&
                 t->last.last >= in->last_ok && t->last.last >= in->permitted_at;
    if ((a->acb & NT_ACB_DISABLED) != 0)
        disabled(t, name, own);
    else if (in->state == NT_IN_BURNED)
        burned(t, name, own);
    else if (t->refused && t->last.reason == NT_BROKEN_CRYPTO)
        crypto(t, name);
    else if ((t->refused && t->last.reason == NT_BROKEN_MISMATCH) || in->last_bad > in->last_ok)
        mismatch(t, a, name, own);
    else if (in->last_ok != 0 && now > in->last_ok &&
             now - in->last_ok > 2 * interval * NT_TIME_SECOND)
        silent(t, in, name, own);
}

/* --- all of it --- */

static void add_trust(struct nt_request *rq, const struct nt_dir *dir, const struct nt_tdo *t,
                      json_t *list)
{
    json_t *whole = nt_api_trust_json(rq, dir, t);
    const json_t *reason = json_object_get(whole, "reason");
    if (json_string_length(reason) > 0) {
        const json_t *error = json_object_get(whole, "last_error");
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:O,s:O,s:O,s:O,s:O,s:O,s:O}", "domain", t->name, "this_end",
                            "trusting", "state", json_object_get(whole, "state"), "reason", reason,
                            "end_at_fault", json_object_get(whole, "end_at_fault"), "status",
                            json_object_get(error, "status"), "text",
                            json_object_get(whole, "text"), "seen", json_object_get(error, "text"),
                            "next", json_object_get(whole, "next")));
    }
    json_decref(whole);
}

static void add_permit(struct nt_request *rq, const struct nt_dir *dir, const struct nt_account *a,
                       json_t *list)
{
    json_t *whole = nt_api_permit_json(rq, dir, a);
    if (json_string_length(json_object_get(whole, "reason")) > 0)
        json_array_append_new(list, json_pack("{s:O,s:s,s:O,s:O,s:O,s:s,s:O,s:s,s:O}", "domain",
                                              json_object_get(whole, "name"), "this_end", "trusted",
                                              "state", json_object_get(whole, "state"), "reason",
                                              json_object_get(whole, "reason"), "end_at_fault",
                                              json_object_get(whole, "end_at_fault"), "status", "",
                                              "text", json_object_get(whole, "text"), "seen", "",
                                              "next", json_object_get(whole, "next")));
    json_decref(whole);
}

/* Somebody tries to open a trust's channel for which there is no interdomain trust account. */
static void add_stranger(const struct nt_dir *dir, const struct nt_refusal *r, json_t *list)
{
    char name[40], text[400], next[300], when[NT_TIME_TEXT];
    const char *own = nt_dir_domain(dir)->name;
    bool kind = r->reason == NT_BROKEN_ACCOUNT_TYPE;
    size_t len = strlen(r->account);
    snprintf(name, sizeof name, "%.*s", (int)(len > 0 ? len - 1 : 0), r->account);
    snprintf(
        text, sizeof text,
        kind ? "%s asks for a trust's channel with the account %s, which here is a computer's "
               "or a user's: refused on %s, from %s (%s)."
             : "%s asks for a trust's channel, and there is no account %s here (it was removed, "
               "or never permitted): refused on %s, from %s (%s).",
        name, r->account, nt_time_format(r->last, when), r->peer, r->computer);
    if (kind)
        snprintf(next, sizeof next,
                 "Rename or remove that account here, then ntrust permit add %s; at %s: ntrust "
                 "reset %s.",
                 name, name, own);
    else
        snprintf(next, sizeof next,
                 "If the trust is wanted, at %s: ntrust reset %s (adding it again here alone does "
                 "not repair it). If not, at %s: ntrust trust remove %s.",
                 name, own, name, own);
    json_array_append_new(list,
                          json_pack("{s:o,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:o}", "domain",
                                    nt_api_string(name), "this_end", "trusted", "state", "absent",
                                    "reason", nt_broken_name(r->reason), "end_at_fault", FAULT_HERE,
                                    "status", "NO_TRUST_SAM_ACCOUNT", "text", nt_api_string(text),
                                    "seen", "", "next", nt_api_string(next)));
}

json_t *nt_api_troubles(struct nt_request *rq, const struct nt_dir *dir)
{
    struct nt_refusal refusals[NT_REFUSALS_MAX];
    json_t *list = json_array();
    for (const struct nt_tdo *t = nt_dir_tdo_after(dir, ""); t != NULL;
         t = nt_dir_tdo_after(dir, t->name))
        if ((t->direction & 2) != 0)
            add_trust(rq, dir, t, list);
    for (const struct nt_account *a = nt_dir_account_after(dir, 0); a != NULL;
         a = nt_dir_account_after(dir, a->rid))
        if ((a->acb & NT_ACB_INTERDOMAIN) != 0)
            add_permit(rq, dir, a, list);
    size_t count = nt_refusals_list(rq->service->refusals, refusals);
    nt_time lately = nt_dir_policy(dir)->check_interval_s * 2 * NT_TIME_SECOND;
    nt_time now = nt_now(rq->service->env);
    for (size_t i = 0; i < count; i++) {
        const struct nt_account *a = nt_dir_account(dir, refusals[i].account);
        bool permit = a != NULL && (a->acb & NT_ACB_INTERDOMAIN) != 0;
        bool kind = a != NULL && refusals[i].reason == NT_BROKEN_ACCOUNT_TYPE;
        bool gone = a == NULL && refusals[i].reason == NT_BROKEN_REMOVED;
        if (!permit && (kind || gone) && now - refusals[i].last <= lately)
            add_stranger(dir, &refusals[i], list);
    }
    return list;
}
