/* renew.c - the plan: see renew.h. */
#include "repair/renew.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"

#define TYPE_DOWNLEVEL 1u /* [MS-ADTS] 6.1.6.7.15 */
#define TYPE_UPLEVEL   2u

struct planning {
    const struct nt_ends_facts *f;
    const struct nt_renew_wish *wish;
    struct nt_renew_plan *plan;
    char *why;
    size_t why_size;
};

static bool refuse(struct planning *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct planning *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->why, p->why_size, fmt, ap);
    va_end(ap);
    return false;
}

/* --- what was seen --- */

static const struct nt_admin_tdo *tdo_of(const struct nt_end_facts *e)
{
    return &nt_end_main(e)->tdo.tdo;
}

static bool has_account(const struct nt_end_facts *e)
{
    const struct nt_admin_account *a = &nt_end_main(e)->account;
    return a->exists && a->type == NT_ADMIN_INTERDOMAIN;
}

/* No controller of `e` answers. Whoever removes a trust may do so because that domain is no more.
 */
static bool not_reached(struct planning *p, const struct nt_end_facts *e, const char *why)
{
    const struct nt_end_facts *other = &p->f->end[e == &p->f->end[0] ? 1 : 0];
    if (p->wish->goal != NT_RENEW_REMOVE || nt_end_main(other) == NULL)
        return refuse(p, "%s", why);
    return refuse(p,
                  "%s. If %s is gone for good, its half at %s is deleted there: samba-tool domain "
                  "trust delete %s --delete-location=local, netdom trust /remove /force, or ntrust "
                  "trust remove and permit remove",
                  why, nt_end_name(e), nt_end_name(other), e->asked);
}

/* Its half must have been seen in full. */
static bool is_seen(struct planning *p, const struct nt_end_facts *e)
{
    const struct nt_controller_facts *dc = nt_end_main(e);
    if (e->count == 0)
        return not_reached(p, e, e->lost);
    if (e->dc[0].nobody || (dc == NULL && e->dc[0].reached.look != NT_LOOK_FAILED))
        return refuse(p, "no administrator of %s was named", nt_end_name(e));
    if (dc == NULL)
        return not_reached(p, e, e->dc[0].reached.error.text);
    if (dc->tdo_asked.look != NT_LOOK_SEEN)
        return refuse(p, "%s", dc->tdo_asked.error.text);
    if (dc->account_asked.look != NT_LOOK_SEEN)
        return refuse(p, "%s", dc->account_asked.error.text);
    return true;
}

/* The object of `e` is for another domain than the other end. */
static bool is_foreign(const struct nt_end_facts *e, const struct nt_end_facts *other)
{
    const struct nt_admin_tdo_full *t = &nt_end_main(e)->tdo;
    bool another = !nt_sid_is_null(&t->tdo.sid) && !nt_sid_equal(&t->tdo.sid, &other->names.sid);
    return t->tdo.exists && (another || !nt_name_equal(t->tdo.name, other->names.name) ||
                             (t->dns[0] != '\0' && !nt_name_equal(t->dns, other->names.dns)));
}

static bool is_forest(const struct nt_end_facts *e)
{
    return (tdo_of(e)->attributes & NT_TRUST_FOREST) != 0;
}

/* The object of end i as it is, or as it was before a run that did not end. */
static const struct nt_admin_tdo *was(const struct planning *p, size_t i)
{
    return &p->plan->before[i].tdo;
}

/* Whether the account name is another one's, so that it can be no trust's. */
static bool name_is_free(struct planning *p, size_t i)
{
    const struct nt_end_facts *e = &p->f->end[i];
    const struct nt_admin_account *a = &nt_end_main(e)->account;
    const char *of = nt_end_name(&p->f->end[1 - i]);
    if (!a->exists || a->type == NT_ADMIN_INTERDOMAIN)
        return true;
    return refuse(p, "%s$ at %s is a %s account: rename that computer or user first", of,
                  nt_end_name(e), nt_admin_account_type_name(a->type));
}

/* --- of one end --- */

/* An external trust filters SIDs unless an administrator decides otherwise. [MS-ADTS] 6.1.6.7.9 */
static uint32_t attributes_of(const struct nt_admin_tdo *t, bool forest)
{
    if (!t->exists)
        return forest ? NT_TRUST_FOREST : NT_TRUST_QUARANTINED;
    return forest ? t->attributes | NT_TRUST_FOREST : t->attributes & ~NT_TRUST_FOREST;
}

static void want_object(struct planning *p, size_t i)
{
    const struct nt_end_facts *e = &p->f->end[i], *other = &p->f->end[1 - i];
    struct nt_renew_end *out = &p->plan->end[i];
    struct nt_admin_tdo_full *want = &out->want;
    const bool *trusts = p->plan->trusts;
    *out = (struct nt_renew_end){ .nt = nt_end_is_nt(e) };
    if (tdo_of(e)->exists)
        memcpy(out->old_name, tdo_of(e)->name, sizeof out->old_name);
    want->tdo.exists = true;
    memcpy(want->tdo.name, other->names.name, sizeof want->tdo.name);
    memcpy(want->dns, other->names.dns, sizeof want->dns);
    want->tdo.sid = other->names.sid;
    want->tdo.type = nt_end_is_nt(other) ? TYPE_DOWNLEVEL : TYPE_UPLEVEL;
    want->tdo.attributes = attributes_of(was(p, i), p->plan->forest);
    want->tdo.direction =
        (trusts[i] ? NT_ADMIN_OUTBOUND : 0u) | (trusts[1 - i] ? NT_ADMIN_INBOUND : 0u);
    want->enc_types = NT_ENC_AES;
}

/* Active Directory: one object for all. */
static void plan_directory(struct planning *p, size_t i)
{
    const struct nt_controller_facts *dc = nt_end_main(&p->f->end[i]);
    const struct nt_admin_tdo *now = &dc->tdo.tdo;
    struct nt_renew_end *out = &p->plan->end[i];
    bool trusted = p->plan->trusts[1 - i], orphan = has_account(&p->f->end[i]) && !now->exists;
    if (!now->exists)
        out->object = NT_RENEW_MAKE;
    else if (p->wish->goal == NT_RENEW_RECREATE || (trusted && !dc->account.exists) ||
             now->type != out->want.tdo.type)
        out->object = NT_RENEW_REMAKE;
    else if (now->direction != out->want.tdo.direction ||
             now->attributes != out->want.tdo.attributes)
        out->object = NT_RENEW_KIND;
    else
        out->object = NT_RENEW_SECRETS;
    out->account = orphan ? NT_RENEW_DELETE : NT_RENEW_NOTHING; /* in the way of a new one */
    bool anew = out->object == NT_RENEW_MAKE || out->object == NT_RENEW_REMAKE;
    out->encryption = out->want.tdo.type == TYPE_UPLEVEL &&
                      (anew || (dc->tdo.enc_known && dc->tdo.enc_types != out->want.enc_types));
    out->enable = trusted && !anew && dc->account.exists && dc->account.disabled;
}

/* NT style: an object to trust with, an account to be trusted by. The account is made anew: so its
 * password can be an initial one that nothing has burned. */
static bool plan_nt(struct planning *p, size_t i)
{
    const struct nt_end_facts *e = &p->f->end[i], *other = &p->f->end[1 - i];
    const struct nt_admin_tdo_full *now = &nt_end_main(e)->tdo;
    struct nt_renew_end *out = &p->plan->end[i];
    out->want.tdo.type = TYPE_DOWNLEVEL;
    out->want.tdo.direction = NT_ADMIN_OUTBOUND;
    out->want.tdo.attributes = 0;
    if (p->plan->trusts[1 - i])
        out->account = has_account(e) ? NT_RENEW_REMAKE : NT_RENEW_MAKE;
    if (!p->plan->trusts[i])
        return true;
    if (now->fixed && !p->wish->by_hand)
        return refuse(p,
                      "the controller of %s, an NT-style one of Samba's, takes the password of a "
                      "trust by no call: with --generate all else is done from here, and you are "
                      "shown what to type there",
                      nt_end_name(e));
    out->object = now->fixed                                                   ? NT_RENEW_BY_HAND
                  : !now->tdo.exists                                           ? NT_RENEW_MAKE
                  : p->wish->goal == NT_RENEW_RECREATE || is_foreign(e, other) ? NT_RENEW_REMAKE
                                                                               : NT_RENEW_SECRETS;
    return true;
}

static bool plan_ends(struct planning *p)
{
    for (size_t i = 0; i < 2; i++) {
        want_object(p, i);
        if (p->plan->trusts[1 - i] && !name_is_free(p, i))
            return false;
        if (!p->plan->end[i].nt)
            plan_directory(p, i);
        else if (!plan_nt(p, i))
            return false;
    }
    return true;
}

/* --- the goals --- */

static bool was_trusting(const struct planning *p, size_t i)
{
    const struct nt_admin_tdo *a = was(p, i), *b = was(p, 1 - i);
    return (a->exists && (a->direction & NT_ADMIN_OUTBOUND) != 0) ||
           (b->exists && (b->direction & NT_ADMIN_INBOUND) != 0);
}

static bool find_directions(struct planning *p)
{
    const struct nt_end_facts *e = p->f->end;
    for (size_t i = 0; i < 2; i++)
        p->plan->trusts[i] = nt_ends_direction(p->f, i) == 1 || was_trusting(p, i);
    return p->plan->trusts[0] || p->plan->trusts[1] ||
           refuse(p,
                  "there is no trust between %s and %s that could be renewed; a new one: ntrust "
                  "establish %s %s",
                  nt_end_name(&e[0]), nt_end_name(&e[1]), e[0].typed, e[1].typed);
}

static bool plan_reset(struct planning *p)
{
    const struct nt_end_facts *e = p->f->end;
    bool recreate = p->wish->goal == NT_RENEW_RECREATE;
    if (!find_directions(p))
        return false;
    for (size_t i = 0; i < 2 && !recreate; i++)
        if (is_foreign(&e[i], &e[1 - i]))
            return refuse(p,
                          "%s has a trust with another domain of that name (its SID or names "
                          "differ); --recreate makes both halves anew",
                          nt_end_name(&e[i]));
    bool both = tdo_of(&e[0])->exists && tdo_of(&e[1])->exists;
    if (both && !recreate && is_forest(&e[0]) != is_forest(&e[1]))
        return refuse(p,
                      "it is a forest trust at one end and an external one at the other; "
                      "--recreate makes both as %s has it",
                      nt_end_name(&e[0]));
    const struct nt_admin_tdo *model = was(p, was(p, 0)->exists ? 0 : 1);
    p->plan->forest = (model->attributes & NT_TRUST_FOREST) != 0;
    return plan_ends(p);
}

/* The trust is good in each direction, at every controller that was reached. */
static bool works(const struct planning *p)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < p->f->end[i].count; k++)
            if (!nt_renew_shown(p->f, p->plan, i, k))
                return false;
    return true;
}

static bool plan_orders(struct planning *p)
{
    for (size_t i = 0; i < 2; i++) {
        want_object(p, i);
        if (!p->plan->trusts[i])
            continue;
        if (nt_end_main(&p->f->end[i])->tdo.fixed)
            return refuse(p,
                          "the controller of %s, an NT-style one of Samba's, never changes the "
                          "password of a trust; ntrust reset --generate %s %s renews it",
                          nt_end_name(&p->f->end[i]), p->f->end[0].typed, p->f->end[1].typed);
        p->plan->end[i].object = NT_RENEW_ORDER;
    }
    return true;
}

static bool plan_rotate(struct planning *p)
{
    const struct nt_end_facts *e = p->f->end;
    if (!find_directions(p))
        return false;
    if (!works(p))
        return refuse(p,
                      "not every controller proves the trust now, and its secrets are changed only "
                      "while it works: ntrust check %s %s says what is wrong, ntrust reset %s %s "
                      "mends it",
                      e[0].typed, e[1].typed, e[0].typed, e[1].typed);
    return plan_orders(p);
}

/* What it takes besides new secrets; NULL: nothing. */
static const char *more_than_secrets(const struct nt_renew_end *e)
{
    if (e->account != NT_RENEW_NOTHING && e->nt)
        return "an account of an NT-style domain has to be made anew";
    if (e->account != NT_RENEW_NOTHING || e->enable)
        return "an account is missing or disabled";
    if (e->object == NT_RENEW_MAKE)
        return "a half is missing";
    return e->object == NT_RENEW_SECRETS || e->object == NT_RENEW_NOTHING
               ? NULL
               : "a half is of another kind or direction";
}

/* What works changes them itself, which every controller can; else they are set. */
static bool plan_password(struct planning *p)
{
    const struct nt_end_facts *e = p->f->end;
    if (!find_directions(p))
        return false;
    if (works(p))
        return plan_orders(p);
    if (!plan_reset(p))
        return false;
    for (size_t i = 0; i < 2; i++) {
        const char *more = more_than_secrets(&p->plan->end[i]);
        if (more != NULL)
            return refuse(p,
                          "new secrets alone do not mend it: %s; ntrust reset %s %s does, without "
                          "--only-password",
                          more, e[0].typed, e[1].typed);
        p->plan->end[i].encryption = false;
    }
    return true;
}

static bool plan_remove(struct planning *p)
{
    for (size_t i = 0; i < 2; i++) {
        want_object(p, i);
        bool object = tdo_of(&p->f->end[i])->exists;
        p->plan->trusts[i] = nt_ends_direction(p->f, i) == 1;
        if (object)
            p->plan->end[i].object = NT_RENEW_DELETE;
        if (has_account(&p->f->end[i]) && (!object || p->plan->end[i].nt))
            p->plan->end[i].account = NT_RENEW_DELETE;
    }
    return true;
}

/* H7, as far as names and SIDs are told. */
static bool can_be_told_apart(struct planning *p)
{
    const struct nt_admin_names *a = &p->f->end[0].names, *b = &p->f->end[1].names;
    char sid[NT_SID_TEXT];
    if (nt_sid_equal(&a->sid, &b->sid) && nt_name_equal(a->name, b->name))
        return refuse(p, "both ends are the domain %s", a->name);
    if (nt_name_equal(a->name, b->name))
        return refuse(p, "both domains have the NetBIOS name %s: no trust can tell them apart",
                      a->name);
    if (a->dns[0] != '\0' && nt_name_equal(a->dns, b->dns))
        return refuse(p, "both domains have the DNS name %s: no trust can tell them apart", a->dns);
    if (nt_sid_equal(&a->sid, &b->sid))
        return refuse(p,
                      "both domains have the SID %s: one of them was copied from the other, and no "
                      "trust can tell their users apart",
                      nt_sid_format(&a->sid, sid));
    return true;
}

static bool can_be_forests(struct planning *p)
{
    for (size_t i = 0; i < 2; i++) {
        const struct nt_admin_names *n = &p->f->end[i].names;
        if (n->dns[0] == '\0')
            return refuse(p, "%s is an NT-style domain and in no forest: --type external", n->name);
        if (n->forest[0] != '\0' && !nt_name_equal(n->dns, n->forest))
            return refuse(p,
                          "%s is not the root of its forest: a forest trust is made with %s, or "
                          "one of this domain alone with --type external",
                          n->name, n->forest);
    }
    return true;
}

static bool plan_establish(struct planning *p)
{
    const struct nt_end_facts *e = p->f->end;
    memcpy(p->plan->trusts, p->wish->trusts, sizeof p->plan->trusts);
    p->plan->forest = p->wish->forest;
    if (!p->plan->trusts[0] && !p->plan->trusts[1])
        return refuse(p, "which of the two trusts the other was not said");
    if (!can_be_told_apart(p) || (p->plan->forest && !can_be_forests(p)))
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (!name_is_free(p, i))
            return false;
        bool object = tdo_of(&e[i])->exists;
        if (!object && !has_account(&e[i]))
            continue;
        if (is_foreign(&e[i], &e[1 - i]))
            return refuse(p,
                          "%s has a trust with another domain that is named %s (%s, or with "
                          "another SID): no two of them can go by one name. Where that domain is "
                          "no more, remove its trust at %s first",
                          nt_end_name(&e[i]), tdo_of(&e[i])->name,
                          nt_end_main(&e[i])->tdo.dns[0] != '\0' ? nt_end_main(&e[i])->tdo.dns
                                                                 : tdo_of(&e[i])->name,
                          nt_end_name(&e[i]));
        return refuse(p,
                      "%s has %s of a trust with %s already: ntrust reset %s %s makes it good, "
                      "ntrust remove %s %s deletes it",
                      nt_end_name(&e[i]), object ? "the trusted domain object" : "the account",
                      nt_end_name(&e[1 - i]), e[0].typed, e[1].typed, e[0].typed, e[1].typed);
    }
    return plan_ends(p);
}

bool nt_renew_plan(const struct nt_ends_facts *f, const struct nt_renew_wish *wish,
                   struct nt_renew_plan *out, char *why, size_t why_size)
{
    static bool (*const goals[])(struct planning *) = {
        [NT_RENEW_RESET] = plan_reset,         [NT_RENEW_RECREATE] = plan_reset,
        [NT_RENEW_PASSWORD] = plan_password,   [NT_RENEW_ROTATE] = plan_rotate,
        [NT_RENEW_ESTABLISH] = plan_establish, [NT_RENEW_REMOVE] = plan_remove,
    };
    struct planning p = { f, wish, out, why, why_size };
    *out = (struct nt_renew_plan){ .goal = wish->goal };
    if (!is_seen(&p, &f->end[0]) || !is_seen(&p, &f->end[1]))
        return false;
    for (size_t i = 0; i < 2; i++) {
        bool recalled = !tdo_of(&f->end[i])->exists &&
                        (wish->goal == NT_RENEW_RESET || wish->goal == NT_RENEW_RECREATE);
        out->before[i] = recalled ? wish->before[i] : nt_end_main(&f->end[i])->tdo;
    }
    return goals[wish->goal](&p);
}

/* --- what is seen afterwards --- */

bool nt_renew_does(const struct nt_renew_plan *plan, size_t i)
{
    const struct nt_renew_end *e = &plan->end[i];
    return e->object != NT_RENEW_NOTHING || e->account != NT_RENEW_NOTHING || e->enable;
}

static bool is_gone(const struct nt_controller_facts *dc)
{
    return dc->tdo_asked.look == NT_LOOK_SEEN && !dc->tdo.tdo.exists &&
           dc->account_asked.look == NT_LOOK_SEEN &&
           (!dc->account.exists || dc->account.type != NT_ADMIN_INTERDOMAIN);
}

/* A controller that has the trusted end's password of another time is one that a change has not
 * reached. */
static bool has_account_of(const struct nt_controller_facts *dc,
                           const struct nt_controller_facts *main)
{
    return dc->account_asked.look == NT_LOOK_SEEN && dc->account.exists && !dc->account.disabled &&
           main != NULL && dc->account.password_set == main->account.password_set;
}

bool nt_renew_shown(const struct nt_ends_facts *f, const struct nt_renew_plan *plan, size_t i,
                    size_t k)
{
    const struct nt_end_facts *e = &f->end[i];
    const struct nt_controller_facts *dc = &e->dc[k];
    if (dc->reached.look != NT_LOOK_SEEN)
        return true;
    if (plan->goal == NT_RENEW_REMOVE)
        return is_gone(dc);
    bool proves = plan->end[i].object == NT_RENEW_BY_HAND ||
                  (dc->channel_asked.look == NT_LOOK_SEEN && dc->channel.werr == NT_WERR_OK);
    return (!plan->trusts[i] || proves) &&
           (!plan->trusts[1 - i] || has_account_of(dc, nt_end_main(e)));
}
