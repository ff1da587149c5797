/* computer_plan.c - what a reset has to do, and when it must not. */
#include <stdarg.h>
#include <stdio.h>

#include "repair/computer_internal.h"

static bool JUDGE_PRINTF(3, 4) refuse(char *why, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return false;
}

/* P3: another password would only be one more that has to be replicated. */
static bool is_split(const struct nt_computer_facts *f)
{
    bool takes = false, refuses = false;
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_trial *t = &f->dc[k].trial;
        takes = takes || t->end == NT_TRIAL_CURRENT;
        refuses = refuses || t->end == NT_TRIAL_PREVIOUS ||
                  (t->end == NT_TRIAL_REFUSED && nt_status_is(t->status, NT_STATUS(ACCESS_DENIED)));
    }
    return takes && refuses;
}

static bool is_seen(const struct nt_computer_facts *f, char *why, size_t size)
{
    const struct nt_computer_dc *main = nt_computer_main(f);
    if (f->count == 0)
        return refuse(why, size, "%s", f->lost);
    if (main == NULL)
        return f->dc[0].reached.look == NT_LOOK_FAILED
                   ? refuse(why, size, "%s", f->dc[0].reached.error.text)
                   : refuse(why, size, "no administrator of %s was named: -U Administrator",
                            nt_computer_domain(f));
    return main->account_asked.look == NT_LOOK_SEEN ||
           refuse(why, size, "%s", main->account_asked.error.text);
}

bool nt_computer_plan(const struct nt_computer_facts *f, bool may_create, bool has_file,
                      struct nt_computer_plan *out, char *why, size_t why_size)
{
    const char *domain = nt_computer_domain(f);
    *out = (struct nt_computer_plan){ .hand = f->here && !has_file };
    if (!is_seen(f, why, why_size))
        return false;
    const struct nt_admin_account *a = &nt_computer_main(f)->account;
    const char *join = judge_is_ad(f) ? "net ads join" : "net rpc join";
    out->create = !a->exists;
    out->enable = a->exists && a->disabled;
    if (!f->here && !has_file)
        return refuse(why, why_size,
                      "%s is not this computer, and nobody can give a member its secret from "
                      "elsewhere. Run it there, or have the new secret put into a file: "
                      "--secret-file FILE. On Windows: Reset-ComputerMachinePassword -Server %s "
                      "-Credential %s\\Administrator, or: netdom resetpwd /s:%s "
                      "/ud:%s\\Administrator /pd:*",
                      f->computer, nt_computer_main(f)->host, domain, nt_computer_main(f)->host,
                      domain);
    if (out->hand && f->source == NT_COMPUTER_STORED && !f->joined)
        return refuse(why, why_size, "%s has never joined %s: %s -U Administrator", f->computer,
                      domain, join);
    if (judge_is_elsewhere(f))
        return refuse(why, why_size, "%s belongs to %s, not to %s", f->computer, f->it_says.name,
                      domain);
    if (!nt_sid_is_null(&f->sid) && !nt_sid_is_null(&f->names.sid) &&
        !nt_sid_equal(&f->sid, &f->names.sid))
        return refuse(why, why_size,
                      "%s joined another domain %s than the one that answers (their SIDs differ): "
                      "%s -U Administrator",
                      f->computer, domain, join);
    if (out->create && judge_is_ad(f))
        return refuse(why, why_size,
                      "%s has no account %s$; joining makes it with all that Active Directory "
                      "wants of it: net ads join -U Administrator",
                      domain, f->computer);
    if (out->create && !may_create)
        return refuse(why, why_size,
                      "%s has no account %s$; --create makes one (with a new SID: it is in none of "
                      "the groups of the one before)",
                      domain, f->computer);
    if (a->exists && !judge_fits(f, a))
        return refuse(why, why_size,
                      "%s$ in %s is a %s account, not a computer's: it is left alone; delete or "
                      "rename it first",
                      f->computer, domain, nt_admin_account_type_name(a->type));
    return !is_split(f) ||
           refuse(why, why_size,
                  "only some controllers of %s know the present secret: have them replicate first, "
                  "or name one alone: -d %s@SERVER",
                  domain, f->typed_domain);
}
