/*
 * reset: this domain trusts the other one. Nothing can burn the fresh permission on the way: the
 * account there is not there, or disabled, until this end knows its password.
 */
#include "cli/reset.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 4

bool reset_is_active(const json_t *trust)
{
    return strcmp(cli_text(trust, "state"), "active") == 0 && !cli_bool(trust, "degraded");
}

static bool sid_differs(const struct reset *r)
{
    struct nt_sid known;
    return r->trust != NULL && cli_sid(r->trust, "sid", &known) && !nt_sid_is_null(&known) &&
           !nt_sid_equal(&known, &r->peer.domain.sid);
}

bool reset_look_trusting(struct reset *r)
{
    const struct nt_admin_account *a = &r->account;
    if (!nt_admin_may_change_accounts(r->peer.admin) ||
        !nt_admin_account_get(r->peer.admin, r->own, &r->account))
        return reset_peer_failed(r);
    if (a->exists && a->type != NT_ADMIN_INTERDOMAIN) {
        snprintf(r->next, sizeof r->next,
                 "at %s: ntrust computer remove %s (Samba: samba-tool computer delete %s), if no "
                 "computer uses it; then this command again",
                 r->name, r->own, r->own);
        return reset_failed(r, r->name,
                            "%s$ is a %s account there, not a trust's: a computer or user has this "
                            "domain's name. Nothing was changed",
                            r->own, nt_admin_account_type_name(a->type));
    }
    reset_done(r, r->name, "%s may change accounts at %s; %s$ %s", r->peer.user, r->peer.server,
               r->own,
               !a->exists    ? "is not there"
               : a->disabled ? "is there, disabled"
                             : "is there");
    if (sid_differs(r))
        reset_note(r, r->name,
                   "it was built anew: its SID is not the one that this domain trusted");
    return true;
}

void reset_plan_trusting(struct reset *r)
{
    if (r->account.exists)
        reset_would(r, r->name, "remove %s$", r->own);
    reset_would(r, r->name, "make %s$ with a fresh random password", r->own);
    reset_would(r, r->own, "%s %s with the same password%s",
                r->trust != NULL ? "begin anew the trust with" : "trust", r->name,
                sid_differs(r) ? " and its new SID" : "");
    reset_would(r, r->own, "prove it, and have the system replace the password");
}

static bool remove_account(struct reset *r)
{
    if (!nt_admin_account_delete(r->peer.admin, r->own) &&
        nt_admin_error(r->peer.admin)->kind != NT_ADMIN_MISSING)
        return reset_peer_failed(r);
    r->changes++;
    reset_done(r, r->name, "%s$ removed", r->own);
    return true;
}

static bool recreate_account(struct reset *r, const struct nt_password *secret)
{
    if (r->account.exists && !remove_account(r))
        return false;
    bool made = nt_admin_account_create(r->peer.admin, r->own, secret);
    /* What a command that was interrupted just before had under way can come to pass only now. */
    if (!made && nt_admin_error(r->peer.admin)->kind == NT_ADMIN_EXISTS) {
        if (!remove_account(r))
            return false;
        made = nt_admin_account_create(r->peer.admin, r->own, secret);
    }
    if (!made)
        return reset_peer_failed(r);
    r->changes++;
    reset_done(r, r->name, "%s$ made with a fresh random password, disabled as yet", r->own);
    return true;
}

/* Controllers that were named and are not known here come first from now on: the known ones may be
 * why the trust was lost. */
static bool add_servers(struct reset *r)
{
    json_t *list = reset_server_list(r);
    const json_t *known = json_object_get(r->trust, "servers");
    size_t named = json_array_size(list), fresh = named;
    for (size_t k = 0; k < json_array_size(known); k++) {
        bool same = false;
        for (size_t i = 0; i < named; i++)
            same |= json_equal(json_array_get(list, i), json_array_get(known, k)) == 1;
        fresh -= same;
        if (!same)
            json_array_append(list, json_array_get(known, k));
    }
    if (fresh == 0) {
        json_decref(list);
        return true;
    }
    if (!reset_ask_only(r, "PATCH", "/v1/trusts/", "", json_pack("{s:o}", "servers", list)))
        return false;
    r->changes++;
    reset_done(r, r->own, "%s's controllers are looked for at %s first", r->name,
               r->cli->servers.item[0]);
    return true;
}

/* Here: the same password; settings and all else stay as they are. */
static bool begin_here(struct reset *r, const char *secret)
{
    json_t *body = json_pack("{s:s}", "password", secret);
    char sid[NT_SID_TEXT];
    if (r->trust == NULL) {
        json_object_set_new(body, "name", json_string(r->name));
        json_object_set_new(body, "servers", reset_server_list(r));
        json_t *answer = reset_ask(r, "POST", "/v1/trusts", body);
        json_decref(answer);
        if (answer == NULL)
            return false;
        r->changes++;
        reset_done(r, r->own, "this domain is to trust %s, with the same password", r->name);
        return true;
    }
    bool rebuilt = sid_differs(r);
    if (rebuilt)
        json_object_set_new(body, "sid", json_string(nt_sid_format(&r->peer.domain.sid, sid)));
    if (!add_servers(r)) {
        json_decref(body);
        return false;
    }
    if (!reset_ask_only(r, "POST", "/v1/trusts/", "/reset", body))
        return false;
    r->changes++;
    reset_done(r, r->own, "the trust with %s begins anew with the same password%s", r->name,
               rebuilt ? " and its new SID" : "");
    return true;
}

bool reset_prove_here(struct reset *r)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (i > 0)
            sleep(1);
        json_t *trust = reset_ask_about(r, "POST", "/v1/trusts/", "/verify", NULL);
        if (trust == NULL)
            return false;
        json_decref(r->trust);
        r->trust = trust;
        if (reset_is_active(trust)) {
            reset_done(r, r->own,
                       "proven with %s; the system has replaced the password (version %lld)",
                       cli_text(trust, "controller"), (long long)cli_number(trust, "version"));
            return true;
        }
    }
    const json_t *error = json_object_get(r->trust, "last_error");
    return reset_failed(
        r, r->own, "the trust is %s%s%s: %s", cli_text(r->trust, "state"),
        *cli_text(r->trust, "reason") != '\0' ? ", " : "", cli_text(r->trust, "reason"),
        *cli_text(error, "text") != '\0' ? cli_text(error, "text") : cli_text(r->trust, "text"));
}

/* From the other end: the account is as it should be, and its password is the system's. */
static bool verify_there(struct reset *r)
{
    const struct nt_admin_account *a = &r->account;
    char when[NT_TIME_TEXT];
    if (!nt_admin_account_get(r->peer.admin, r->own, &r->account))
        return reset_peer_failed(r);
    if (!a->exists || a->disabled || a->type != NT_ADMIN_INTERDOMAIN)
        return reset_failed(r, r->name, "%s$ is not as it was left: %s", r->own,
                            !a->exists    ? "it is gone"
                            : a->disabled ? "it is disabled"
                                          : "it is of another type");
    reset_done(r, r->name, "%s$ is enabled, its password was last set %s", r->own,
               nt_time_format(a->password_set, when));
    return true;
}

bool reset_mend_trusting(struct reset *r)
{
    char secret[RESET_SECRET];
    NT_SCOPED_PASSWORD password = { .len = 0 };
    reset_make_secret(secret, &password);
    bool ok = recreate_account(r, &password) && begin_here(r, secret);
    nt_wipe(secret, sizeof secret);
    if (!ok)
        return false;
    if (!nt_admin_account_enable(r->peer.admin, r->own))
        return reset_peer_failed(r);
    r->changes++;
    reset_done(r, r->name, "%s$ enabled", r->own);
    return reset_prove_here(r) && verify_there(r);
}
