/* renew_show.c - see renew_show.h */
#include "cli/renew_show.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf16.h"
#include "cli/verdict.h"

/* --- who trusts whom --- */

static const char *way_text(const struct cli_renewal *r, size_t trusting, char *out, size_t size)
{
    const char *a = nt_end_name(&r->ends->facts.end[trusting]),
               *b = nt_end_name(&r->ends->facts.end[1 - trusting]);
    snprintf(out, size, "%s trusts %s: users of %s may be let in at %s", a, b, b, a);
    return out;
}

void cli_renewal_print_plan(const struct cli_renewal *r, FILE *to, const char *before)
{
    char text[600];
    for (size_t i = 0; i < 2; i++)
        if (r->plan.trusts[i])
            fprintf(to, "%s.\n", way_text(r, i, text, sizeof text));
    for (size_t i = 0; i < 2; i++) {
        nt_renew_text(&r->ends->facts, &r->plan, i, text, sizeof text);
        if (text[0] != '\0')
            fprintf(to, "%s%s\n", before, text);
    }
}

/* --- JSON --- */

static json_t *plan_json(const struct cli_renewal *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < 2; i++) {
        char text[600];
        nt_renew_text(&r->ends->facts, &r->plan, i, text, sizeof text);
        if (text[0] != '\0')
            json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *ways_json(const struct cli_renewal *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < 2; i++)
        if (r->plan.trusts[i])
            json_array_append_new(list, json_pack("{s:s,s:s}", "trusting",
                                                  nt_end_name(&r->ends->facts.end[i]), "trusted",
                                                  nt_end_name(&r->ends->facts.end[1 - i])));
    return list;
}

static json_t *controllers_json(const struct cli_renewal *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < r->ends->facts.end[i].count; k++) {
            const struct nt_controller_facts *dc = &r->ends->facts.end[i].dc[k];
            if (dc->reached.look != NT_LOOK_SEEN)
                continue;
            bool shown = r->result.dc[i][k].shown;
            json_array_append_new(
                list,
                json_pack("{s:s,s:s,s:b,s:o}", "end", nt_end_name(&r->ends->facts.end[i]), "host",
                          dc->host, "proven", shown, "ms",
                          shown ? json_integer((json_int_t)r->result.dc[i][k].ms) : json_null()));
        }
    return list;
}

static void print(json_t *all)
{
    cli_print_json(all);
    json_decref(all);
}

/* --- before a change --- */

int cli_renewal_refused(const struct cli *cli, const char *why)
{
    if (!cli->json)
        return cli_fail("nothing was changed: %s", why);
    print(json_pack("{s:s,s:s}", "result", "refused", "text", why));
    return EXIT_FAILED;
}

int cli_renewal_planned(const struct cli_renewal *r)
{
    if (r->ends->cli->json)
        print(json_pack("{s:s,s:o,s:o}", "result", "planned", "trusts", ways_json(r), "plan",
                        plan_json(r)));
    else
        cli_renewal_print_plan(r, stdout, "would, at ");
    return EXIT_GOOD;
}

int cli_renewal_nothing(const struct cli_renewal *r)
{
    const struct nt_end_facts *e = r->ends->facts.end;
    if (r->ends->cli->json)
        print(json_pack("{s:s}", "result", "nothing"));
    else
        printf("There is no trust between %s and %s, at neither end: nothing to remove.\n",
               nt_end_name(&e[0]), nt_end_name(&e[1]));
    return EXIT_GOOD;
}

/* --- after it --- */

/* One word for programs. */
static const char *result_name(const struct cli_renewal *r)
{
    const struct nt_renew_result *s = &r->result;
    bool by_hand = s->by_hand[0].len > 0 || s->by_hand[1].len > 0;
    if (s->failed < 2)
        return !s->touched ? "refused" : s->undone ? "undone" : "half changed";
    if (!s->proven)
        return "not proven";
    return r->plan.goal == NT_RENEW_REMOVE ? "removed" : by_hand ? "by hand" : "good";
}

/* What of a removal is done. */
static void print_removed(const struct cli_renewal *r, FILE *to)
{
    for (size_t i = 0; i < 2; i++) {
        const char *at = nt_end_name(&r->ends->facts.end[i]),
                   *of = nt_end_name(&r->ends->facts.end[1 - i]);
        const struct nt_renew_end *e = &r->plan.end[i];
        bool account = r->result.account[i] || (r->result.object[i] && !e->nt);
        if (r->result.object[i])
            fprintf(to, "removed at %s: the trusted domain object of %s\n", at, of);
        if (account && (r->plan.trusts[1 - i] || e->account == NT_RENEW_DELETE))
            fprintf(to, "removed at %s: the account %s$\n", at, of);
    }
}

static void tell_half(const struct cli_renewal *r)
{
    const struct nt_renew_result *s = &r->result;
    const char *const *ends = r->ends->cli->args;
    cli_fail("%s: %s", nt_end_name(&r->ends->facts.end[s->failed]), s->error.text);
    if (!s->touched) {
        fputs("Nothing was changed.\n", stderr);
    } else if (r->plan.goal == NT_RENEW_ESTABLISH) {
        if (s->undone)
            fputs("What had been made was taken back: there is no trust, as before.\n", stderr);
        else
            fprintf(stderr,
                    "What had been made could not be taken back. When the cause is gone:\n"
                    "  ntrust remove %s %s\n",
                    ends[0], ends[1]);
    } else if (r->plan.goal == NT_RENEW_REMOVE) {
        print_removed(r, stderr);
        fprintf(stderr,
                "The rest is still there, and the trust does not work. When the cause is gone, "
                "this removes it:\n  ntrust remove %s %s\n",
                ends[0], ends[1]);
    } else {
        fprintf(stderr,
                "The trust is perhaps half changed and does not work then. When the cause is gone, "
                "run:\n  ntrust reset %s%s%s %s\n",
                r->plan.goal == NT_RENEW_RECREATE ? "--recreate " : "",
                r->ends->cli->generate ? "--generate " : "", ends[0], ends[1]);
    }
}

/* Where there are several controllers, each one's time. */
static void print_controllers(const struct cli_renewal *r)
{
    const struct nt_end_facts *e = r->ends->facts.end;
    if (e[0].count + e[1].count < 3)
        return;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < e[i].count; k++) {
            uint64_t ms = r->result.dc[i][k].ms;
            if (e[i].dc[k].reached.look != NT_LOOK_SEEN)
                printf("  %-30s not reached\n", e[i].dc[k].host);
            else if (!r->result.dc[i][k].shown)
                printf("  %-30s not yet\n", e[i].dc[k].host);
            else
                printf("  %-30s after %llu.%03llu s\n", e[i].dc[k].host,
                       (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
        }
}

/* The command that stores a trust's password at a controller that takes it by no call. */
static void print_by_hand(const struct cli_renewal *r, size_t i)
{
    const struct nt_password *secret = &r->result.by_hand[i];
    const struct nt_end_facts *here = &r->ends->facts.end[i], *other = &r->ends->facts.end[1 - i];
    char sid[NT_SID_TEXT];
    if (secret->len == 0)
        return;
    printf("\nOne step is left, at %s as root. This stores the password and asks for it:\n\n"
           "  python3 -c 'import getpass, sys; from samba.samba3 import param, passdb; "
           "from samba.dcerpc.security import dom_sid; lp = param.get_context(); "
           "lp.load(\"/etc/samba/smb.conf\"); passdb.PDB(lp.get(\"passdb backend\"))"
           ".set_trusteddom_pw(sys.argv[1], getpass.getpass(), dom_sid(sys.argv[2]))' %s %s\n"
           "  systemctl restart winbind\n\nThe password, shown this once: ",
           here->dc[here->main].host, nt_end_name(other), nt_sid_format(&other->names.sid, sid));
    for (size_t k = 0; k + 1 < secret->len; k += 2) /* it is of ASCII */
        putchar(secret->b[k]);
    printf("\nThen: ntrust check %s %s\n", r->ends->cli->args[0], r->ends->cli->args[1]);
}

static void print_good(const struct cli_renewal *r)
{
    static const char *const what[] = {
        [NT_RENEW_RESET] = "is good again",      [NT_RENEW_RECREATE] = "is made anew",
        [NT_RENEW_PASSWORD] = "has new secrets", [NT_RENEW_ROTATE] = "has new secrets",
        [NT_RENEW_ESTABLISH] = "is made",        [NT_RENEW_REMOVE] = "is removed at both ends",
    };
    const struct nt_end_facts *e = r->ends->facts.end;
    const struct nt_renew_result *s = &r->result;
    bool removed = r->plan.goal == NT_RENEW_REMOVE;
    char text[600];
    if (removed)
        print_removed(r, stdout);
    for (size_t i = 0; i < 2 && r->plan.goal == NT_RENEW_ESTABLISH; i++)
        if (r->plan.trusts[i])
            printf("%s.\n", way_text(r, i, text, sizeof text));
    printf("The trust between %s and %s %s: every controller that was asked %s, %llu.%03llu s "
           "after the change.\n",
           nt_end_name(&e[0]), nt_end_name(&e[1]), what[r->plan.goal],
           removed ? "has nothing of it left" : "proves it",
           (unsigned long long)s->proven_ms / 1000, (unsigned long long)s->proven_ms % 1000);
    print_controllers(r);
}

static void tell_not_proven(const struct cli_renewal *r)
{
    const char *a = nt_end_name(&r->ends->facts.end[0]), *b = nt_end_name(&r->ends->facts.end[1]);
    struct nt_diagnosis d;
    if (r->plan.goal == NT_RENEW_REMOVE) {
        print_removed(r, stdout);
        cli_fail("not all controllers know yet that the trust between %s and %s is removed", a, b);
        print_controllers(r);
        return;
    }
    nt_compare_ends(&r->ends->facts, &d);
    if (r->plan.goal == NT_RENEW_ROTATE || r->plan.goal == NT_RENEW_PASSWORD)
        cli_fail("the controllers of %s and %s say yes to a change of the secrets, but it does not "
                 "show at all of them",
                 a, b);
    else
        cli_fail("both halves of the trust between %s and %s are new, but not all controllers "
                 "prove it yet",
                 a, b);
    print_controllers(r);
    cli_print_findings(r->ends->cli, &d);
    cli_print_verdict(&d);
}

static json_t *secret_json(const struct nt_password *secret)
{
    char text[NT_PASSWORD_MAX / 2 + 1];
    size_t n = 0;
    for (size_t k = 0; k + 1 < secret->len; k += 2)
        text[n++] = (char)secret->b[k];
    text[n] = '\0';
    json_t *out = n > 0 ? json_string(text) : json_null();
    nt_wipe(text, sizeof text);
    return out;
}

static json_t *done_json(const struct cli_renewal *r)
{
    const struct nt_renew_result *s = &r->result;
    json_t *all = json_pack("{s:s,s:o,s:o,s:o,s:I,s:o,s:o}", "result", result_name(r), "trusts",
                            ways_json(r), "plan", plan_json(r), "error",
                            s->failed < 2 ? cli_error_json(&s->error) : json_null(), "proven_ms",
                            (json_int_t)s->proven_ms, "controllers", controllers_json(r), "ends",
                            cli_ends_json(r->ends));
    if (r->ends->cli->generate && (s->by_hand[0].len > 0 || s->by_hand[1].len > 0))
        json_object_set_new(
            all, "by_hand",
            json_pack("[o,o]", secret_json(&s->by_hand[0]), secret_json(&s->by_hand[1])));
    return all;
}

int cli_renewal_done(const struct cli_renewal *r)
{
    const struct nt_renew_result *s = &r->result;
    bool good = s->failed == 2 && s->proven;
    if (r->ends->cli->json)
        print(done_json(r));
    else if (s->failed < 2)
        tell_half(r);
    else if (!good)
        tell_not_proven(r);
    else if (s->by_hand[0].len == 0 && s->by_hand[1].len == 0)
        print_good(r);
    for (size_t i = 0; i < 2 && s->failed == 2 && !r->ends->cli->json; i++)
        print_by_hand(r, i);
    return good ? EXIT_GOOD : EXIT_FAILED;
}
