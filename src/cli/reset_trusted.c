/*
 * reset: the other domain trusts this one. Its end learns the password first, while there is no
 * account here that a wrong one could burn.
 */
#include "cli/reset.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 4

/* Where the other administrator is to do it instead. */
static void from_there(struct reset *r)
{
    snprintf(r->next, sizeof r->next, "at %s: ntrust reset %s -U '%s\\Administrator'", r->name,
             r->own, r->own);
}

bool reset_look_trusted(struct reset *r)
{
    const struct nt_admin_tdo *tdo = &r->tdo;
    struct nt_sid own;
    if (!nt_admin_may_change_trusts(r->peer.admin) ||
        !nt_admin_tdo_get(r->peer.admin, r->own, &r->tdo))
        return reset_peer_failed(r);
    if (tdo->exists && (tdo->direction & NT_ADMIN_OUTBOUND) == 0) {
        from_there(r);
        return reset_failed(r, r->name,
                            "its object for %s is not for trusting it, and cannot be made so from "
                            "here. Nothing was changed",
                            r->own);
    }
    if (tdo->exists && cli_sid(r->domain, "sid", &own) && !nt_sid_is_null(&tdo->sid) &&
        !nt_sid_equal(&own, &tdo->sid)) {
        from_there(r);
        return reset_failed(r, r->name,
                            "it trusts an older domain of this name, with another SID. Nothing was "
                            "changed");
    }
    json_t *computer = reset_have(r->cli, "/v1/computers/", r->name);
    json_decref(computer);
    if (computer != NULL) {
        snprintf(r->next, sizeof r->next,
                 "ntrust computer remove %s, if no computer uses it; then this command again",
                 r->name);
        return reset_failed(r, r->own,
                            "%s$ is a computer's account here, not a trust's. Nothing was changed",
                            r->name);
    }
    reset_done(r, r->name, "%s may change trusts at %s; its object for %s is %sthere", r->peer.user,
               r->peer.server, r->own, tdo->exists ? "" : "not ");
    return true;
}

void reset_plan_trusted(struct reset *r)
{
    if (r->permit != NULL)
        reset_would(r, r->own, "withdraw the permission of %s", r->name);
    reset_would(r, r->name, "%s %s a fresh random password",
                r->tdo.exists ? "give its object for" : "make an object for", r->own);
    reset_would(r, r->own, "permit %s with the same password", r->name);
    reset_would(r, r->name, "prove it, and have the system replace the password");
}

static bool begin_there(struct reset *r, const struct nt_password *password)
{
    struct nt_sid own;
    bool made = !r->tdo.exists && cli_sid(r->domain, "sid", &own) &&
                nt_admin_tdo_create(r->peer.admin, r->own, &own, password);
    /* What a command that was interrupted just before had under way can come to pass only now. */
    bool there = r->tdo.exists || (!made && nt_admin_error(r->peer.admin)->kind == NT_ADMIN_EXISTS);
    if (there ? !nt_admin_tdo_set_password(r->peer.admin, r->own, password) : !made)
        return reset_peer_failed(r);
    r->changes++;
    reset_done(r, r->name,
               there ? "its trust with %s begins anew with a fresh random password"
                     : "it is to trust %s, with a fresh random password",
               r->own);
    return true;
}

static json_t *post_permit(struct reset *r, const char *secret, unsigned *http)
{
    json_t *body = json_pack("{s:s,s:s}", "name", r->name, "password", secret);
    return cli_call_quiet(r->cli, "POST", "/v1/permits", body, http);
}

static bool permit_here(struct reset *r, const char *secret)
{
    unsigned http;
    json_t *answer = post_permit(r, secret, &http);
    if (answer != NULL && http == 409) { /* likewise */
        json_decref(answer);
        if (!reset_ask_only(r, "DELETE", "/v1/permits/", "", NULL))
            return false;
        answer = post_permit(r, secret, &http);
    }
    bool ok = reset_answered(r, answer, http);
    json_decref(answer);
    if (!ok)
        return false;
    r->changes++;
    reset_done(r, r->own, "%s$ made with the same password", r->name);
    return true;
}

/* Has the other end prove it, and looks at what came of it here. */
static bool prove_there(struct reset *r)
{
    char controller[NT_ADMIN_NAME] = "";
    uint32_t werr = 0;
    bool asked = false;
    for (unsigned i = 0; i < TRIES; i++) {
        if (i > 0)
            sleep(1);
        asked = nt_admin_trust_verify(r->peer.admin, r->own, &werr, controller);
        json_t *permit = reset_have(r->cli, "/v1/permits/", r->name);
        bool active = strcmp(cli_text(permit, "state"), "active") == 0;
        if (permit != NULL) {
            json_decref(r->permit);
            r->permit = permit;
        }
        if (active && asked && werr == NT_WERR_OK) {
            reset_done(r, r->name, "proven with %s", *controller != '\0' ? controller : r->own);
            reset_done(r, r->own, "%s's system has replaced the password (version %lld)", r->name,
                       (long long)cli_number(r->permit, "version"));
            return true;
        }
    }
    if (!asked)
        return reset_peer_failed(r);
    if (!r->tdo.exists && strcmp(cli_text(r->permit, "state"), "permitted") == 0)
        snprintf(r->next, sizeof r->next,
                 "at %s, should it not find this domain: ntrust trust servers %s --server HOST",
                 r->name, r->own);
    return reset_failed(r, r->name,
                        "asked to prove the trust, it answers %u %s; the permission is %s", werr,
                        nt_werror_name(werr), cli_text(r->permit, "state"));
}

bool reset_mend_trusted(struct reset *r)
{
    char secret[RESET_SECRET];
    NT_SCOPED_PASSWORD password = { .len = 0 };
    if (r->permit != NULL) {
        if (!reset_ask_only(r, "DELETE", "/v1/permits/", "", NULL))
            return false;
        r->changes++;
        reset_done(r, r->own, "%s$ removed", r->name);
    }
    reset_make_secret(secret, &password);
    bool ok = begin_there(r, &password) && permit_here(r, secret);
    nt_wipe(secret, sizeof secret);
    return ok && prove_there(r);
}
