/* renew_text.c - a plan in words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "repair/renew.h"

struct writing {
    char *out;
    size_t size, parts;
};

static void add(struct writing *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The next part of the list. */
static void add(struct writing *w, const char *fmt, ...)
{
    size_t at = strlen(w->out);
    va_list ap;
    if (w->parts++ > 0)
        at += (size_t)snprintf(w->out + at, w->size - at, ", ");
    if (at >= w->size)
        return;
    va_start(ap, fmt);
    vsnprintf(w->out + at, w->size - at, fmt, ap);
    va_end(ap);
}

static const char *secrets_of(const struct nt_renew_plan *plan, size_t i)
{
    return plan->end[i].nt                      ? "a new secret"
           : plan->trusts[0] && plan->trusts[1] ? "new incoming and outgoing secrets"
           : plan->trusts[i]                    ? "a new outgoing secret"
                                                : "a new incoming secret";
}

static void add_object(struct writing *w, const struct nt_renew_plan *plan, size_t i,
                       const char *other)
{
    const char *secrets = secrets_of(plan, i);
    switch (plan->end[i].object) {
    case NT_RENEW_NOTHING:
        break;
    case NT_RENEW_SECRETS:
        add(w, "give its trusted domain object %s", secrets);
        break;
    case NT_RENEW_KIND:
        add(w, "set direction and kind of its trusted domain object, and give it %s", secrets);
        break;
    case NT_RENEW_MAKE:
        add(w, "make a trusted domain object with %s", secrets);
        break;
    case NT_RENEW_REMAKE:
        add(w, "delete its trusted domain object, and make it anew with %s", secrets);
        break;
    case NT_RENEW_DELETE:
        add(w, "delete its trusted domain object for %s", other);
        break;
    case NT_RENEW_ORDER:
        add(w, "have its controller change the password of its trust in %s", other);
        break;
    case NT_RENEW_BY_HAND:
        if (plan->end[i].old_name[0] != '\0')
            add(w, "delete its trusted domain object for %s", other);
        add(w, "leave it to you to store the new password there");
        break;
    }
}

static void add_account(struct writing *w, const struct nt_renew_plan *plan, size_t i,
                        const char *other)
{
    const struct nt_renew_end *e = &plan->end[i];
    if (e->account == NT_RENEW_DELETE)
        add(w, "delete the account %s$", other);
    else if (e->account == NT_RENEW_REMAKE)
        add(w, "delete the account %s$, and make it anew with the same secret", other);
    else if (e->account == NT_RENEW_MAKE)
        add(w, "make the account %s$ with the same secret", other);
}

void nt_renew_text(const struct nt_ends_facts *f, const struct nt_renew_plan *plan, size_t i,
                   char *out, size_t size)
{
    const struct nt_renew_end *e = &plan->end[i];
    const char *other = nt_end_name(&f->end[1 - i]);
    struct writing w = { out, size, 0 };
    out[0] = '\0';
    if (!nt_renew_does(plan, i))
        return;
    int len = snprintf(out, size, "%s: ", nt_end_name(&f->end[i]));
    if (len < 0 || (size_t)len >= size)
        return;
    add_account(&w, plan, i, other);
    add_object(&w, plan, i, other);
    if (e->encryption)
        add(&w, "encryption types AES");
    if (e->enable)
        add(&w, "enable the account of the other end");
}
