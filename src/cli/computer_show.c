/* computer_show.c - what was seen of a member computer's secure channel, from both sides. */
#include <stdio.h>

#include "cli/computer.h"
#include "cli/verdict.h"

/* --- words --- */

static const char *trial_word(const struct nt_trial *t)
{
    switch (t->end) {
    case NT_TRIAL_CURRENT:
        return t->kept_current ? "accepted, newer one held" : "accepted";
    case NT_TRIAL_PREVIOUS:
        return "only the previous one";
    case NT_TRIAL_REFUSED:
        return "refused";
    case NT_TRIAL_FAILED:
        return "not answered";
    case NT_TRIAL_NOT_MADE:
        break;
    }
    return "-";
}

static const char *source_word(const struct nt_computer_facts *f)
{
    static const char *const words[] = {
        [NT_COMPUTER_UNSEEN] = "not seen",
        [NT_COMPUTER_STORED] = "secrets.tdb",
        [NT_COMPUTER_FILE] = "file",
        [NT_COMPUTER_SAMBA] = "net rpc testjoin",
    };
    return words[f->source];
}

static const char *winbind_word(const struct nt_computer_facts *f)
{
    static const char *const words[] = {
        [NT_WINBIND_UNSEEN] = "not asked",
        [NT_WINBIND_DOWN] = "does not run",
        [NT_WINBIND_GOOD] = "good",
        [NT_WINBIND_BAD] = "fails",
    };
    return words[f->winbind];
}

static const char *keytab_word(const struct nt_computer_facts *f)
{
    return f->keytab == NT_KEYTAB_GOOD  ? "good"
           : f->keytab == NT_KEYTAB_BAD ? "of another secret"
                                        : "not seen";
}

static const char *account_text(const struct nt_computer_dc *dc, char out[80])
{
    const struct nt_admin_account *a = &dc->account;
    if (dc->account_asked.look != NT_LOOK_SEEN)
        snprintf(out, 80, "unknown");
    else if (!a->exists)
        snprintf(out, 80, "not there");
    else
        snprintf(out, 80, "%s%s", nt_admin_account_type_name(a->type),
                 a->disabled ? ", disabled" : "");
    return out;
}

static const char *when(const struct nt_computer_dc *dc, char out[NT_TIME_TEXT])
{
    if (dc->account_asked.look != NT_LOOK_SEEN || !dc->account.exists)
        return "-";
    return dc->account.password_set != 0 ? nt_time_format(dc->account.password_set, out) : "never";
}

/* --- the table --- */

static void print_member(const struct nt_computer_facts *f)
{
    char time[NT_TIME_TEXT];
    if (f->source == NT_COMPUTER_STORED && f->joined)
        printf("  its secret     stored %s\n",
               f->changed != 0 ? nt_time_format(f->changed, time) : "at an unknown time");
    else
        printf("  its secret     %s%s%s\n", source_word(f), f->unseen[0] != '\0' ? ": " : "",
               f->unseen);
    if (f->winbind != NT_WINBIND_UNSEEN)
        printf("  its winbindd   %s%s%s\n", winbind_word(f), f->winbind_text[0] != '\0' ? ": " : "",
               f->winbind_text);
    if (f->keytab != NT_KEYTAB_UNSEEN)
        printf("  its keytab     %s\n", keytab_word(f));
    if (f->there.look == NT_LOOK_FAILED)
        printf("  asked itself   %s\n", f->there.error.text);
    else if (f->there.look == NT_LOOK_SEEN)
        printf("  asked itself   a member of %s; %s\n", f->it_says.name,
               f->channel_asked.look == NT_LOOK_SEEN
                   ? nt_werror_name(f->channel.werr)
                   : "its Netlogon cannot be asked (Samba's members have none)");
}

void cli_computer_print(const struct cli_computer *c)
{
    const struct nt_computer_facts *f = &c->facts;
    char account[80], time[NT_TIME_TEXT], clock[16];
    if (f->count > 0)
        printf("  %-24s %-24s %-20s %-8s %s\n", "CONTROLLER", "ACCOUNT", "PASSWORD SET", "CLOCK",
               "SECRET");
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_computer_dc *dc = &f->dc[k];
        snprintf(clock, sizeof clock, "-");
        if (dc->clock_known)
            snprintf(clock, sizeof clock, "%+.1f s", (double)dc->ahead_100ns / NT_TIME_SECOND);
        printf("  %-24s %-24s %-20s %-8s %s\n", dc->host, account_text(dc, account), when(dc, time),
               clock, trial_word(&dc->trial));
    }
    print_member(f);
    putchar('\n');
}

/* --- JSON --- */

static json_t *trial_json(const struct nt_trial *t)
{
    static const char *const names[] = {
        [NT_TRIAL_NOT_MADE] = "not tried", [NT_TRIAL_CURRENT] = "accepted",
        [NT_TRIAL_PREVIOUS] = "previous",  [NT_TRIAL_REFUSED] = "refused",
        [NT_TRIAL_FAILED] = "failed",
    };
    const char *holds = !t->evidence ? "unknown" : t->holds_current ? "the same" : "another";
    return json_pack("{s:s,s:s,s:s,s:s}", "result", names[t->end], "status",
                     t->end != NT_TRIAL_NOT_MADE ? nt_status_name(t->status) : "", "text", t->why,
                     "controller_holds", holds);
}

static json_t *controller_json(const struct nt_computer_dc *dc)
{
    const struct nt_admin_account *a = &dc->account;
    json_t *account = json_pack("{s:b,s:s,s:b,s:o}", "exists", a->exists, "type",
                                a->exists ? nt_admin_account_type_name(a->type) : "", "disabled",
                                a->disabled, "password_set", cli_time_json(a->password_set));
    return json_pack(
        "{s:s,s:o,s:o,s:o,s:o}", "host", dc->host, "reached",
        cli_asked_json(&dc->reached, json_true()), "clock_ahead_s",
        dc->clock_known ? json_real((double)dc->ahead_100ns / NT_TIME_SECOND) : json_null(),
        "account", cli_asked_json(&dc->account_asked, account), "secret", trial_json(&dc->trial));
}

static json_t *sid_json(const struct nt_sid *sid)
{
    char text[NT_SID_TEXT];
    return nt_sid_is_null(sid) ? json_null() : json_string(nt_sid_format(sid, text));
}

static json_t *member_json(const struct nt_computer_facts *f)
{
    json_t *channel =
        json_pack("{s:I,s:s,s:s}", "code", (json_int_t)f->channel.werr, "name",
                  nt_werror_name(f->channel.werr), "controller", f->channel.controller);
    json_t *there = json_pack("{s:s,s:o}", "domain", f->it_says.name, "channel",
                              cli_asked_json(&f->channel_asked, channel));
    return json_pack("{s:b,s:s,s:s,s:b,s:o,s:o,s:s,s:s,s:s,s:o}", "here", f->here, "secret_from",
                     source_word(f), "why", f->unseen, "joined", f->joined, "secret_stored",
                     cli_time_json(f->changed), "domain_sid", sid_json(&f->sid), "winbindd",
                     winbind_word(f), "winbindd_text", f->winbind_text, "keytab", keytab_word(f),
                     "asked", cli_asked_json(&f->there, there));
}

json_t *cli_computer_json(const struct cli_computer *c)
{
    const struct nt_computer_facts *f = &c->facts;
    json_t *controllers = json_array();
    for (size_t k = 0; k < f->count; k++)
        json_array_append_new(controllers, controller_json(&f->dc[k]));
    return json_pack("{s:s,s:{s:s,s:s,s:s,s:o,s:s},s:o,s:o}", "computer", f->computer, "domain",
                     "end", f->typed_domain, "name", f->names.name, "dns", f->names.dns, "sid",
                     sid_json(&f->names.sid), "why", f->lost, "member", member_json(f),
                     "controllers", controllers);
}
