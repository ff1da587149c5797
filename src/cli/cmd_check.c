/* check: gathers what can be seen of a trust, has it judged (repair/diagnose.h), and shows it. */
#include "cli/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/utf16.h"
#include "cli/verdict.h"
#include "repair/diagnose.h"

#define PEER_MS 30000
#define EVENTS  "&max=200"

/* What all checks of one run share. */
struct run {
    const struct cli *cli;
    json_t *domain, *policy;
    const char *own;
    nt_time now;
    enum nt_grade grade;
    size_t shown;
    json_t *results; /* with --json */
    /* the administrator's session with the other end, when asked for */
    bool peer_tried, peer_ok;
    struct cli_peer peer;
};

/* One trust, seen from one end. */
struct item {
    bool trusting; /* this end is */
    const char *name;
    const json_t *here; /* NULL: nothing is here */
    json_t *there;      /* NULL: not looked at */
    struct nt_diagnosis d;
    struct {
        const char *label;
        char here[80], there[80];
    } row[8];
    size_t rows;
};

/* --- showing --- */

static void add_row(struct item *it, const char *label, const char *here, const char *there)
{
    if (it->rows == NT_COUNT(it->row))
        return;
    it->row[it->rows].label = label;
    snprintf(it->row[it->rows].here, sizeof it->row[0].here, "%s", here);
    snprintf(it->row[it->rows].there, sizeof it->row[0].there, "%s", there);
    it->rows++;
}

static void print_both(const struct run *r, const struct item *it)
{
    char here[NT_ADMIN_NAME + 32], there[NT_ADMIN_NAME + 32];
    snprintf(here, sizeof here, "here: %s (%s)", r->own, it->trusting ? "trusting" : "trusted");
    snprintf(there, sizeof there, "there: %s (%s)", it->name,
             it->trusting ? "trusted" : "trusting");
    printf("\n  %-14s %-42s %s\n", "", here, there);
    for (size_t i = 0; i < it->rows; i++)
        printf("  %-14s %-42s %s\n", it->row[i].label, it->row[i].here, it->row[i].there);
    putchar('\n');
}

static void print_item(const struct run *r, const struct item *it)
{
    const struct nt_diagnosis *d = &it->d;
    char state[64];
    printf("%s %s %s: %s\n", r->own,
           it->trusting       ? "trusts"
           : it->here != NULL ? "is trusted by"
                              : "and",
           it->name, cli_state(r->cli, nt_grade_name(d->grade), 0, state));
    cli_print_findings(r->cli, d);
    if (it->there != NULL)
        print_both(r, it);
    cli_print_verdict(d);
}

static json_t *item_json(const struct item *it)
{
    const struct nt_diagnosis *d = &it->d;
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:O?,s:O?}", "domain", it->name,
                     "this_end", it->trusting ? "trusting" : "trusted", "result",
                     nt_grade_name(d->grade), "reason", d->reason, "verdict", d->verdict,
                     "end_at_fault", d->end, "cause", d->cause, "next", d->remedy, "findings",
                     cli_findings_json(d), "here", it->here, "there", it->there);
}

static void show(struct run *r, struct item *it)
{
    if (r->cli->json) {
        json_array_append_new(r->results, item_json(it));
    } else {
        if (r->shown++ > 0)
            putchar('\n');
        print_item(r, it);
    }
    r->grade = nt_grade_worse(r->grade, it->d.grade);
    json_decref(it->there);
}

/* --- the other end --- */

/* Opens the session once, with the trust's servers or those of --server. */
static enum nt_look look(struct run *r, const char *name, const json_t *servers)
{
    char text[4096];
    if (r->cli->peer_user == NULL && !r->cli->kerberos)
        return NT_LOOK_NOT_ASKED;
    if (!r->peer_tried) {
        r->peer_tried = true;
        r->peer_ok =
            cli_peer_open(r->cli, name, cli_servers_text(r->cli, name, servers, text, sizeof text),
                          PEER_MS, &r->peer);
    }
    return r->peer_ok ? NT_LOOK_SEEN : NT_LOOK_FAILED;
}

static enum nt_look failed(struct run *r)
{
    r->peer.error = *nt_admin_error(r->peer.admin);
    return NT_LOOK_FAILED;
}

static const char *time_text(nt_time t, char out[NT_TIME_TEXT])
{
    return nt_time_format(t, out);
}

static void tell_account(const struct run *r, struct item *it, const struct nt_trust_facts *f)
{
    char here[128], there[128], t1[NT_TIME_TEXT], t2[NT_TIME_TEXT], s1[NT_SID_TEXT],
        s2[NT_SID_TEXT];
    const struct nt_admin_account *a = &f->account;
    if (f->there == NT_LOOK_FAILED) {
        it->there = json_pack("{s:o}", "error", cli_error_json(&r->peer.error));
        add_row(it, "half", "trusted domain object", "could not be looked at");
        return;
    }
    it->there = json_pack("{s:s,s:s,s:s,s:b,s:s,s:b,s:o}", "domain", f->there_domain.name, "sid",
                          nt_sid_format(&f->there_domain.sid, s2), "controller", r->peer.server,
                          "account_exists", a->exists, "account_type",
                          a->exists ? nt_admin_account_type_name(a->type) : "", "disabled",
                          a->disabled, "password_set", cli_time_json(a->password_set));
    snprintf(here, sizeof here, "trusted domain object %s", f->peer);
    snprintf(there, sizeof there, "account %s$: %s", f->own, a->exists ? "there" : "not there");
    add_row(it, "half", here, there);
    snprintf(here, sizeof here, "%s%s%s%s", f->state, *f->reason != '\0' ? " (" : "", f->reason,
             *f->reason != '\0' ? ")" : "");
    snprintf(there, sizeof there, "%s%s%s",
             !a->exists    ? "-"
             : a->disabled ? "disabled"
                           : "enabled",
             a->exists ? ", " : "", a->exists ? nt_admin_account_type_name(a->type) : "");
    add_row(it, "state", here, there);
    add_row(it, "its SID", nt_sid_is_null(&f->sid) ? "not known yet" : nt_sid_format(&f->sid, s1),
            s2);
    add_row(it, "password set", time_text(f->changed != 0 ? f->changed : f->established, t1),
            a->exists ? time_text(a->password_set, t2) : "-");
    add_row(it, "controller", f->controller, r->peer.server);
    add_row(it, "last proven", time_text(f->checked, t1), "only the trusting end knows");
}

/* --- the trusting end is here --- */

/* When this end found its account missing at the other one, since the trust was established last;
 * 0: it did not. The audit trail says so, newest last. */
static nt_time missing_since(const struct run *r, const char *name)
{
    static const char missing[] = "removed-at-trusted-end";
    char path[1024];
    unsigned http;
    nt_time at = 0;
    json_t *answer = cli_call_quiet(
        r->cli, "GET", cli_path(path, sizeof path, "/v1/events?subject=", name, EVENTS), NULL,
        &http);
    const json_t *list = http < 400 ? json_object_get(answer, "events") : NULL;
    for (size_t i = json_array_size(list); i-- > 0 && at == 0;) {
        const json_t *event = json_array_get(list, i);
        const char *kind = cli_text(event, "kind");
        if (strcmp(kind, "trust-established") == 0 || strcmp(kind, "trust-recovered") == 0)
            break;
        if (strcmp(kind, "trust-broken") == 0 &&
            strncmp(cli_text(event, "text"), missing, sizeof missing - 1) == 0)
            at = cli_nt_time(event, "time");
    }
    json_decref(answer);
    return at;
}

/* "DC2 (2 changes behind)" of all that lag. */
static const char *laggards_text(const json_t *seen, char *text, size_t size)
{
    const json_t *list = json_object_get(seen, "laggards");
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(list) && at < size; i++) {
        const json_t *one = json_array_get(list, i);
        long long behind = (long long)cli_number(one, "behind");
        char how[64] = "accepts none of our passwords";
        if (behind > 0)
            snprintf(how, sizeof how, "%lld change%s behind", behind, behind == 1 ? "" : "s");
        int n = snprintf(text + at, size - at, "%s%s (%s)", i > 0 ? ", " : "",
                         cli_text(one, "controller"), how);
        at += n > 0 ? (size_t)n : 0;
    }
    return text;
}

/* An initial password that was refused is not offered again just to look: that would cost an
 * attempt at the other end. */
static bool costs_an_attempt(const json_t *listed)
{
    const char *reason = cli_text(listed, "reason");
    return strcmp(cli_text(listed, "state"), "broken") == 0 &&
           *cli_text(listed, "established") == '\0' &&
           (strcmp(reason, "password-mismatch") == 0 ||
            strcmp(reason, "initial-password-burned") == 0);
}

static void check_trust(struct run *r, const json_t *listed)
{
    const struct cli *cli = r->cli;
    const char *name = cli_text(listed, "name");
    char path[1024];
    unsigned http = 0;
    struct item it = { .trusting = true, .name = name };
    json_t *asked =
        costs_an_attempt(listed)
            ? NULL
            : cli_call_quiet(cli, "POST",
                             cli_path(path, sizeof path, "/v1/trusts/", name, "/verify"), NULL,
                             &http);
    it.here = asked != NULL && http < 400 ? asked : listed;
    const json_t *error = json_object_get(it.here, "last_error");
    const json_t *seen = json_object_get(it.here, "seen");
    char laggards[400];
    struct nt_trust_facts f = {
        .own = r->own,
        .peer = name,
        .state = cli_text(it.here, "state"),
        .reason = cli_text(it.here, "reason"),
        .text = cli_text(it.here, "text"),
        .next = cli_text(it.here, "next"),
        .controller = cli_text(it.here, "controller"),
        .degraded = cli_bool(it.here, "degraded"),
        .weak_allowed = cli_bool(it.here, "allow_weak_crypto"),
        .changes_disabled = cli_bool(r->policy, "disable_password_change"),
        .error_status = cli_text(error, "status"),
        .error_text = cli_text(error, "text"),
        .error_at = cli_nt_time(error, "time"),
        .established = cli_nt_time(it.here, "established"),
        .changed = cli_nt_time(it.here, "changed"),
        .checked = cli_nt_time(it.here, "checked"),
        .now = r->now,
        .change_interval_s = (uint64_t)cli_number(r->policy, "change_interval_s"),
        .restored_to = cli_nt_time(seen, "restored_to"),
        .cloned = cli_bool(seen, "cloned"),
        .laggards = laggards_text(seen, laggards, sizeof laggards),
        .there_error = &r->peer.error,
    };
    cli_sid(it.here, "sid", &f.sid);
    if (strcmp(f.reason, "password-mismatch") == 0 ||
        strcmp(f.reason, "initial-password-burned") == 0)
        f.missing_at = missing_since(r, name);
    f.there = look(r, name, json_object_get(it.here, "servers"));
    if (f.there == NT_LOOK_SEEN) {
        f.there_domain = r->peer.domain;
        if (!nt_admin_account_get(r->peer.admin, r->own, &f.account))
            f.there = failed(r);
    }
    nt_diagnose_trust(&f, &it.d);
    if (f.there != NT_LOOK_NOT_ASKED)
        tell_account(r, &it, &f);
    show(r, &it);
    json_decref(asked);
}

/* --- the trusted end is here --- */

/* The newest event of that kind about the subject; a new reference, or NULL. */
static json_t *newest_event(const struct run *r, const char *subject, const char *suffix,
                            const char *kind)
{
    char path[1024], end[64];
    unsigned http;
    snprintf(end, sizeof end, "%s" EVENTS, suffix);
    json_t *answer = cli_call_quiet(
        r->cli, "GET", cli_path(path, sizeof path, "/v1/events?subject=", subject, end), NULL,
        &http);
    json_t *found = NULL;
    if (answer != NULL && http < 400) {
        const json_t *list = json_object_get(answer, "events");
        for (size_t i = json_array_size(list); i-- > 0 && found == NULL;)
            if (strcmp(cli_text(json_array_get(list, i), "kind"), kind) == 0)
                found = json_incref(json_array_get(list, i));
    }
    json_decref(answer);
    return found;
}

/* What the audit trail says of a permission that was removed. `keep` owns the texts. */
static void read_trace(const struct run *r, const char *name, struct nt_permit_facts *f,
                       json_t *keep)
{
    json_t *removed = newest_event(r, name, "", "trust-permission-removed");
    json_t *deleted = newest_event(r, name, "%24", "account-deleted");
    json_t *refused = newest_event(r, name, "%24", "channel-refused");
    /* Removed by an administrator's client, without saying what for. */
    if (deleted != NULL && cli_nt_time(deleted, "time") > cli_nt_time(removed, "time")) {
        json_t *swap = removed;
        removed = deleted;
        deleted = swap;
    }
    f->removed_at = cli_nt_time(removed, "time");
    f->removed_text = cli_text(removed, "text");
    if (cli_nt_time(refused, "time") >= f->removed_at) {
        f->refused_at = cli_nt_time(refused, "time");
        f->refused_from = cli_text(refused, "peer");
    }
    json_t *untrusted = newest_event(r, name, "", "trust-removed");
    f->untrusted_at = cli_nt_time(untrusted, "time");
    f->untrusted_text = cli_text(untrusted, "text");
    json_array_append_new(keep, untrusted);
    json_array_append_new(keep, removed);
    json_array_append_new(keep, deleted);
    json_array_append_new(keep, refused);
}

static void tell_tdo(const struct run *r, struct item *it, const struct nt_permit_facts *f)
{
    char here[128], there[128], t1[NT_TIME_TEXT], s1[NT_SID_TEXT], s2[NT_SID_TEXT];
    const struct nt_admin_tdo *t = &f->tdo;
    snprintf(here, sizeof here, "account %s$: %s", f->peer, f->exists ? "here" : "not here");
    if (f->there == NT_LOOK_FAILED) {
        it->there = json_pack("{s:o}", "error", cli_error_json(&r->peer.error));
        add_row(it, "half", here, "could not be looked at");
        return;
    }
    it->there = json_pack("{s:s,s:s,s:b,s:s,s:I}", "domain", f->there_domain.name, "controller",
                          r->peer.server, "tdo_exists", t->exists, "trusted_sid",
                          nt_sid_is_null(&t->sid) ? "" : nt_sid_format(&t->sid, s2), "direction",
                          (json_int_t)t->direction);
    snprintf(there, sizeof there, "trusted domain object %s: %s", f->own,
             t->exists ? "there" : "not there");
    add_row(it, "half", here, there);
    add_row(it, "state", f->exists ? f->disabled ? "disabled" : f->state : "-",
            !t->exists                                ? "-"
            : (t->direction & NT_ADMIN_OUTBOUND) != 0 ? "outbound"
                                                      : "inbound only");
    add_row(it, "trusted SID", nt_sid_format(&f->own_sid, s1),
            nt_sid_is_null(&t->sid) ? "not known yet" : nt_sid_format(&t->sid, s2));
    add_row(it, "password set", time_text(f->changed != 0 ? f->changed : f->permitted, t1),
            "cannot be read there");
    if (f->verified) {
        snprintf(there, sizeof there, "%u %s", f->werr, nt_werror_name(f->werr));
        json_object_set_new(it->there, "verified", json_integer(f->werr));
        json_object_set_new(it->there, "verified_by", json_string(f->verified_by));
    } else {
        snprintf(there, sizeof there, "could not be asked");
    }
    add_row(it, "last proven", time_text(f->last_ok, t1), there);
}

static void look_at_tdo(struct run *r, struct nt_permit_facts *f, char by[NT_ADMIN_NAME])
{
    f->there = look(r, f->peer, NULL);
    if (f->there != NT_LOOK_SEEN)
        return;
    f->there_domain = r->peer.domain;
    if (!nt_admin_tdo_get(r->peer.admin, r->own, &f->tdo)) {
        f->there = failed(r);
        return;
    }
    if (f->exists && f->tdo.exists && (f->tdo.direction & NT_ADMIN_OUTBOUND) != 0)
        f->verified = nt_admin_trust_verify(r->peer.admin, r->own, &f->werr, by);
    f->verified_by = by;
}

static json_t *present_status(const struct run *r)
{
    unsigned http;
    json_t *status = cli_call_quiet(r->cli, "GET", "/v1/status", NULL, &http);
    return http < 400 ? status : NULL;
}

/* The trouble of a domain that asks for a trust which is not permitted; NULL: none. */
static const json_t *stranger(const json_t *status, const char *name)
{
    const json_t *list = json_object_get(status, "troubles");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i);
        if (strcmp(cli_text(t, "state"), "absent") == 0 && strcmp(cli_text(t, "domain"), name) == 0)
            return t;
    }
    return NULL;
}

/* permit NULL: there is none. */
static void check_permit(struct run *r, const char *name, const json_t *permit)
{
    struct item it = { .name = name, .here = permit };
    char by[NT_ADMIN_NAME] = "";
    json_t *keep = json_array(), *status = permit == NULL ? present_status(r) : NULL;
    const json_t *trouble = permit != NULL ? permit : stranger(status, name);
    struct nt_permit_facts f = {
        .own = r->own,
        .peer = name,
        .exists = permit != NULL,
        .disabled = cli_bool(permit, "disabled"),
        .weak_allowed = cli_bool(permit, "allow_weak_crypto"),
        .changes_refused = cli_bool(r->policy, "refuse_password_change"),
        .state = cli_text(permit, "state"),
        .permitted = cli_nt_time(permit, "permitted"),
        .proven = cli_nt_time(permit, "proven"),
        .changed = cli_nt_time(permit, "changed"),
        .burned = cli_nt_time(permit, "burned"),
        .last_ok = cli_nt_time(permit, "last_ok"),
        .last_bad = cli_nt_time(permit, "last_bad"),
        .now = r->now,
        .burned_from = cli_text(permit, "burned_from"),
        .last_from = cli_text(permit, "last_from"),
        .attempts_left = (uint64_t)cli_number(permit, "attempts_left"),
        .change_interval_s = (uint64_t)cli_number(r->policy, "change_interval_s"),
        .check_interval_s = (uint64_t)cli_number(r->policy, "check_interval_s"),
        .removed_text = "",
        .refused_from = "",
        .untrusted_text = "",
        .trouble = cli_text(trouble, "reason"),
        .trouble_text = cli_text(trouble, "text"),
        .trouble_next = cli_text(trouble, "next"),
        .there_error = &r->peer.error,
        .verified_by = "",
    };
    cli_sid(r->domain, "sid", &f.own_sid);
    read_trace(r, name, &f, keep);
    look_at_tdo(r, &f, by);
    nt_diagnose_permit(&f, &it.d);
    if (f.there != NT_LOOK_NOT_ASKED)
        tell_tdo(r, &it, &f);
    show(r, &it);
    json_decref(keep);
    json_decref(status);
}

/* --- all of it --- */

/* NULL: there is none, or *http tells another failure. */
static json_t *get(const struct run *r, const char *prefix, const char *name, unsigned *http)
{
    char path[1024];
    json_t *answer =
        cli_call_quiet(r->cli, "GET", cli_path(path, sizeof path, prefix, name, ""), NULL, http);
    if (answer != NULL && *http >= 400) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

static bool was_permitted(const struct run *r, const char *name)
{
    struct nt_permit_facts f = { .removed_text = "", .refused_from = "" };
    json_t *keep = json_array();
    read_trace(r, name, &f, keep);
    json_decref(keep);
    return f.removed_at != 0;
}

static void check_one(struct run *r, const char *typed)
{
    unsigned http;
    json_t *trust = get(r, "/v1/trusts/", typed, &http);
    json_t *permit = get(r, "/v1/permits/", typed, &http);
    char upper[NT_ADMIN_NAME];
    size_t len = 0;
    for (; typed[len] != '\0' && len + 1 < sizeof upper; len++)
        upper[len] = (char)(typed[len] >= 'a' && typed[len] <= 'z' ? typed[len] - 32 : typed[len]);
    upper[len] = '\0';
    if (trust != NULL)
        check_trust(r, trust);
    if (permit != NULL)
        check_permit(r, cli_text(permit, "name"), permit);
    else if (trust == NULL || was_permitted(r, upper))
        check_permit(r, upper, NULL);
    json_decref(trust);
    json_decref(permit);
}

static void check_all(struct run *r)
{
    unsigned http;
    size_t i;
    json_t *trusts = get(r, "/v1/trusts", "", &http), *permits = get(r, "/v1/permits", "", &http),
           *value;
    json_array_foreach(json_object_get(trusts, "trusts"), i, value) check_trust(r, value);
    json_array_foreach(json_object_get(permits, "permits"), i, value)
        check_permit(r, cli_text(value, "name"), value);
    if (trusts == NULL || permits == NULL) {
        cli_fail("ntrustd does not tell its trusts");
        r->grade = nt_grade_worse(r->grade, NT_GRADE_UNKNOWN);
    } else if (!r->cli->json && json_array_size(json_object_get(trusts, "trusts")) == 0 &&
               json_array_size(json_object_get(permits, "permits")) == 0) {
        puts("There are no trusts to check.");
    }
    json_decref(trusts);
    json_decref(permits);
}

int cli_check(const struct cli *cli)
{
    int code;
    struct run r = { .cli = cli };
    bool mistake, asked = cli_peer_asked(cli, &mistake);
    if (mistake)
        return CHECK_UNKNOWN;
    if (asked && cli->arg_count == 0) {
        cli_usage("--user and --kerberos need the DOMAIN whose administrator it is");
        return CHECK_UNKNOWN;
    }
    if (!asked && (cli->servers.count > 0 || cli->peer_password_fd >= 0)) {
        cli_usage("--server and --peer-password-fd go with --user or --kerberos");
        return CHECK_UNKNOWN;
    }
    r.domain = cli_call(cli, "GET", "/v1/domain", NULL, &code);
    r.policy = r.domain != NULL ? cli_call(cli, "GET", "/v1/policy", NULL, &code) : NULL;
    if (r.policy == NULL) {
        if (cli->json)
            puts("{\"result\": \"unknown\", \"checks\": []}");
        json_decref(r.domain);
        return CHECK_UNKNOWN;
    }
    r.own = cli_text(r.domain, "name");
    r.now = nt_time_from_unix((int64_t)time(NULL), 0);
    r.results = cli->json ? json_array() : NULL;
    if (cli->arg_count > 0)
        check_one(&r, cli->args[0]);
    else
        check_all(&r);
    if (cli->json) {
        json_t *all = json_pack("{s:s,s:s,s:i,s:O}", "domain", r.own, "result",
                                nt_grade_name(r.grade), "code", (int)r.grade, "checks", r.results);
        cli_print_json(all);
        json_decref(all);
    }
    cli_peer_close(&r.peer);
    json_decref(r.results);
    json_decref(r.policy);
    json_decref(r.domain);
    return (int)r.grade;
}
