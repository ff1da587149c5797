/* renew_run.c - a plan, tried and carried out: see renew.h. At the edge. */
#include "repair/renew.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf16.h"
#include "repair/crew.h"

#define AD_UNITS 120  /* UTF-16 units towards AD: field guide 1.4 */
#define NT_UNITS 14   /* towards NT style: what NT 4 can type and keep */
#define PAUSE_MS 250  /* between two looks */
#define TICK_MS  1100 /* by when an NT-style account's date, in seconds, is another one */

/* --- secrets --- */

/* Of characters that a person can type, a shell leaves alone and no controller that keeps it as
 * text spoils, 6 bits each. */
static void make_secret(const struct nt_env *env, const struct nt_renew_plan *plan,
                        struct nt_password *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bool nt = plan->end[0].nt || plan->end[1].nt;
    size_t units = nt ? NT_UNITS : AD_UNITS;
    uint8_t random[AD_UNITS];
    nt_random(env, random, units);
    out->len = (uint16_t)(2 * units);
    for (size_t i = 0; i < units; i++) {
        out->b[2 * i] = (uint8_t)letters[random[i] & 63];
        out->b[2 * i + 1] = 0;
    }
    nt_wipe(random, sizeof random);
}

/* --- one end --- */

/* What one end is changed with. */
struct change {
    struct nt_admin *admin;
    const struct nt_renew_plan *plan;
    const struct nt_renew_end *end;
    const struct nt_password *outgoing, *incoming; /* NULL: not that direction */
    const char *other;                             /* the other end's NetBIOS name */
    nt_time before;                                /* the account's password was set */
    struct nt_admin *partner;                      /* the other end's session */
    struct nt_admin_error own;                     /* kind FINE: what failed is the session's */
    bool failed, made_account;
};

static bool fail(struct change *c, ntstatus status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct change *c, ntstatus status, const char *fmt, ...)
{
    va_list ap;
    c->own.kind = NT_ADMIN_OTHER;
    c->own.status = status;
    va_start(ap, fmt);
    vsnprintf(c->own.text, sizeof c->own.text, fmt, ap);
    va_end(ap);
    return false;
}

static const char *object_name(const struct change *c)
{
    const struct nt_admin_tdo_full *want = &c->end->want;
    return want->dns[0] != '\0' ? want->dns : want->tdo.name;
}

static bool set_encryption(const struct change *c)
{
    return !c->end->encryption ||
           nt_admin_trust_set_encryption(c->admin, c->end->want.tdo.name, c->end->want.enc_types);
}

/* A new object lists no encryption types. */
static bool remake(const struct change *c)
{
    const struct nt_renew_end *e = c->end;
    return nt_admin_trust_remake(c->admin, e->old_name, &e->want, c->outgoing, c->incoming) &&
           (e->want.dns[0] == '\0' ||
            nt_admin_trust_set_encryption(c->admin, e->want.tdo.name, e->want.enc_types));
}

static bool make(const struct change *c)
{
    const struct nt_renew_end *e = c->end;
    return nt_admin_trust_make(c->admin, &e->want, c->outgoing, c->incoming) &&
           (!c->plan->forest || nt_admin_trust_take_suffixes(c->admin, object_name(c), c->partner));
}

/* A controller may say yes to new secrets of an object that is there, and keep the old ones: Samba
 * 4.17 does. Then the object has to be made anew, which every controller takes. */
static bool keeps_old(struct change *c)
{
    if (c->plan->goal == NT_RENEW_PASSWORD)
        return fail(c, NT_STATUS(NOT_SUPPORTED),
                    "the controller said yes to new secrets and kept the old ones, as Samba's do; "
                    "they come only with an object that is made anew, which --only-password "
                    "forbids");
    return remake(c);
}

static bool was_set(const struct nt_renew_end *e)
{
    return e->object == NT_RENEW_SECRETS || e->object == NT_RENEW_KIND;
}

/* The account of the incoming direction has a date that tells. */
static bool make_sure(struct change *c)
{
    struct nt_admin_account account;
    if (!was_set(c->end) || c->incoming == NULL)
        return true;
    if (!nt_admin_account_get(c->admin, c->other, &account))
        return false;
    return (account.exists && account.password_set != c->before) || keeps_old(c);
}

/* The outgoing direction alone has no such date: the partner tells. */
static bool make_sure_alone(struct change *c)
{
    struct nt_admin_channel channel;
    if (c->end->nt || !was_set(c->end) || c->incoming != NULL)
        return true;
    if (!nt_look_prove(c->admin, object_name(c), &channel))
        return false;
    return channel.werr == NT_WERR_OK || keeps_old(c);
}

static void pause_ms(uint32_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

static bool order(struct change *c)
{
    uint32_t werr = NT_WERR_OK;
    if (c->end->want.dns[0] == '\0') /* the other end is NT-style */
        pause_ms(TICK_MS);
    if (!nt_admin_order_change(c->admin, object_name(c), &werr))
        return false;
    return werr == NT_WERR_OK ||
           fail(c, NT_STATUS(NOT_SUPPORTED),
                "told to change the password of its trust in %s, the controller answered %u %s",
                c->other, werr, nt_werror_name(werr));
}

static bool change_object(struct change *c)
{
    const struct nt_renew_end *e = c->end;
    switch (e->object) {
    case NT_RENEW_NOTHING:
        return true;
    case NT_RENEW_SECRETS:
        return nt_admin_trust_set_secrets(c->admin, e->old_name, c->outgoing, c->incoming) &&
               make_sure(c) && set_encryption(c);
    case NT_RENEW_KIND:
        return nt_admin_trust_set_kind(c->admin, e->old_name, &e->want, c->outgoing, c->incoming) &&
               make_sure(c) && set_encryption(c);
    case NT_RENEW_MAKE:
        return make(c) && set_encryption(c);
    case NT_RENEW_REMAKE:
        return remake(c);
    case NT_RENEW_DELETE:
        return nt_admin_tdo_delete(c->admin, e->old_name);
    case NT_RENEW_ORDER:
        return order(c);
    case NT_RENEW_BY_HAND:
        break;
    }
    return e->old_name[0] == '\0' || nt_admin_tdo_delete(c->admin, e->old_name);
}

/* NT style: the outgoing secret is an initial one. */
static bool change_nt_object(struct change *c)
{
    const struct nt_renew_end *e = c->end;
    if (e->object == NT_RENEW_SECRETS)
        return nt_admin_tdo_set_password(c->admin, e->old_name, c->outgoing);
    if (e->object == NT_RENEW_REMAKE && !nt_admin_tdo_delete(c->admin, e->old_name))
        return false;
    if (e->object == NT_RENEW_REMAKE || e->object == NT_RENEW_MAKE)
        return nt_admin_trust_make(c->admin, &e->want, c->outgoing, NULL);
    return change_object(c);
}

/* --- the steps --- */

/* Samba's NT-style controllers keep an account for a user that their Unix has. */
static bool wants_unix_user(struct change *c)
{
    const struct nt_admin_error *error = nt_admin_error(c->admin);
    char name[NT_ADMIN_NAME];
    if (!nt_status_is(error->status, NT_STATUS(NO_SUCH_USER)))
        return false;
    snprintf(name, sizeof name, "%s", c->other);
    for (char *p = name; *p != '\0'; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    return fail(c, error->status,
                "its Unix has no user for the account %s$ and no \"add machine script\" makes one; "
                "there as root: useradd -M -N -s /bin/false '%s$'",
                c->other, name);
}

static bool step_account(struct change *c)
{
    enum nt_renew_action a = c->end->account;
    if (a != NT_RENEW_MAKE && !nt_admin_account_delete(c->admin, c->other))
        return false;
    return a == NT_RENEW_DELETE || nt_admin_account_create(c->admin, c->other, c->incoming) ||
           wants_unix_user(c);
}

static bool step_object(struct change *c)
{
    return c->end->nt ? change_nt_object(c) : change_object(c);
}

static bool step_enable(struct change *c)
{
    return nt_admin_account_enable(c->admin, c->other);
}

static bool lacks_object(const struct change *c)
{
    return c->plan->goal != NT_RENEW_ESTABLISH && c->end->object == NT_RENEW_MAKE;
}

/* Active Directory's account without its object is in the way of a new one. */
static bool has_orphan(const struct change *c)
{
    return !c->end->nt && c->end->account == NT_RENEW_DELETE;
}

static bool has_account(const struct change *c)
{
    return c->end->nt && c->end->account != NT_RENEW_NOTHING;
}

static bool has_directory_object(const struct change *c)
{
    return !c->end->nt && c->end->object != NT_RENEW_NOTHING && !lacks_object(c);
}

static bool has_nt_object(const struct change *c)
{
    return c->end->nt && c->end->object != NT_RENEW_NOTHING && !lacks_object(c);
}

static bool has_enabling(const struct change *c)
{
    const struct nt_renew_end *e = c->end;
    return e->enable || e->account == NT_RENEW_MAKE || e->account == NT_RENEW_REMAKE;
}

enum done { NOTHING, ACCOUNT, OBJECT };

struct step {
    bool (*due)(const struct change *c);
    bool (*run)(struct change *c);
    enum done done;
    const char *what;
};

/* A half that is missing comes first: it says what trust this is, should the other one be gone for
 * a moment. Otherwise a password is at the trusted end before the trusting one; at an NT-style end
 * it opens nothing before both have it, so no wrong one that the trusting end still has burns it.
 */
static const struct step making[] = {
    { has_orphan, step_account, NOTHING, "deleting an account without its half" },
    { lacks_object, step_object, OBJECT, "making its half" },
    { has_account, step_account, NOTHING, "making the account of the other end" },
    { has_directory_object, step_object, OBJECT, "changing its half" },
    { has_nt_object, step_object, OBJECT, "changing its half" },
    { has_enabling, step_enable, ACCOUNT, "enabling the account of the other end" },
    { 0 },
};

/* Nobody is left knocking at a door that is gone. */
static const struct step removing[] = {
    { has_nt_object, step_object, OBJECT, "deleting its half" },
    { has_directory_object, step_object, OBJECT, "deleting its half" },
    { has_orphan, step_account, ACCOUNT, "deleting the account of the other end" },
    { has_account, step_account, ACCOUNT, "deleting the account of the other end" },
    { 0 },
};

struct run {
    const struct nt_look_config *config;
    const struct nt_renew_plan *plan;
    struct nt_ends_facts *f;
    struct nt_renew_result *out;
    struct change change[2];
};

static bool note(struct run *r, size_t i, bool ok)
{
    struct change *c = &r->change[i];
    c->failed = !ok;
    if (!ok && r->out->failed == 2) {
        r->out->failed = i;
        r->out->error = c->own.kind != NT_ADMIN_FINE ? c->own : *nt_admin_error(c->admin);
    }
    return ok;
}

static bool begin_step(struct run *r, const struct step *s, size_t i)
{
    if (!s->due(&r->change[i]))
        return false;
    if (r->config->step != NULL)
        r->config->step(r->config->ctx, nt_end_main(&r->f->end[i])->host, s->what);
    r->out->touched = true;
    return true;
}

static bool end_step(struct run *r, const struct step *s, size_t i, bool ok)
{
    if (ok && s->run == step_account)
        r->change[i].made_account = true;
    if (ok && s->done == OBJECT)
        r->out->object[i] = true;
    else if (ok && s->done == ACCOUNT)
        r->out->account[i] = true;
    return note(r, i, ok);
}

static bool take_step(struct run *r, const struct step *s, size_t i)
{
    return !begin_step(r, s, i) || end_step(r, s, i, s->run(&r->change[i]));
}

/* At both ends at once, which have a session and a thread each. */
struct together {
    struct run *r;
    const struct step *s;
    bool due[2], ok[2];
};

static void run_one(void *ctx, size_t i)
{
    struct together *t = ctx;
    if (t->due[i])
        t->ok[i] = t->s->run(&t->r->change[i]);
}

static bool take_together(struct run *r, const struct step *s)
{
    struct together t = { .r = r, .s = s };
    bool good = true;
    for (size_t i = 0; i < 2; i++)
        t.due[i] = begin_step(r, s, i);
    nt_crew_run(2, 2, run_one, &t);
    for (size_t i = 0; i < 2; i++)
        good = (!t.due[i] || end_step(r, s, i, t.ok[i])) && good;
    return good;
}

/* Not where one session serves both ends: a new forest trust takes the other's names. Nor where
 * the first end's failure spares the second one. */
static bool goes_together(const struct run *r, const struct step *s)
{
    return s->run == step_object && s->due == has_directory_object && !r->plan->forest &&
           r->plan->goal != NT_RENEW_REMOVE && r->plan->goal != NT_RENEW_PASSWORD;
}

/* The trusted end of a trust of one direction first; when it is removed, last. */
static size_t first_end(const struct nt_renew_plan *plan)
{
    bool one = plan->trusts[0] != plan->trusts[1];
    if (!one)
        return 0;
    return plan->trusts[plan->goal == NT_RENEW_REMOVE ? 0 : 1] ? 0 : 1;
}

static bool take_steps(struct run *r)
{
    bool remove = r->plan->goal == NT_RENEW_REMOVE;
    size_t first = first_end(r->plan);
    for (const struct step *s = remove ? removing : making; s->due != NULL; s++)
        if (goes_together(r, s) ? !take_together(r, s)
                                : !take_step(r, s, first) || !take_step(r, s, 1 - first))
            return false;
    for (size_t i = 0; i < 2; i++)
        if (!note(r, i, make_sure_alone(&r->change[i])))
            return false;
    return true;
}

static bool is_gone(const struct change *c, bool deleted)
{
    return deleted || nt_admin_error(c->admin)->kind == NT_ADMIN_MISSING;
}

/* What was made of a new trust that cannot be finished is taken back; so is what a call may have
 * made that failed, since nothing was there before. */
static void undo(struct run *r)
{
    bool ok = true;
    for (size_t i = 0; i < 2; i++) {
        const struct change *c = &r->change[i];
        bool maybe = c->failed && nt_admin_error(c->admin)->kind != NT_ADMIN_EXISTS;
        if (c->end->object == NT_RENEW_MAKE && (r->out->object[i] || maybe))
            ok = is_gone(c, nt_admin_tdo_delete(c->admin, c->end->want.tdo.name)) && ok;
        if (c->end->account == NT_RENEW_MAKE && (c->made_account || maybe))
            ok = is_gone(c, nt_admin_account_delete(c->admin, c->other)) && ok;
    }
    r->out->undone = ok;
}

/* --- what the plan could not see --- */

static bool may(struct nt_admin *a, const struct nt_renew_end *e)
{
    bool object = e->object != NT_RENEW_NOTHING && e->object != NT_RENEW_ORDER;
    bool account = e->account != NT_RENEW_NOTHING || e->enable;
    if (object && !nt_admin_may_change_trusts(a))
        return false;
    if (object && e->old_name[0] != '\0' && !nt_admin_trust_may_delete(a, e->old_name))
        return false;
    return !account || nt_admin_may_change_accounts(a);
}

/* H7: a computer of the one domain that has the name of the other's controller. */
static bool computers_differ(struct nt_admin *const admin[2], const struct nt_ends_facts *f,
                             size_t i, struct nt_admin_error *error)
{
    char name[NT_ADMIN_NAME];
    struct nt_admin_account account;
    if (!nt_admin_computer(admin[1 - i], name))
        return true; /* it does not tell: not every one does */
    if (!nt_admin_account_get(admin[i], name, &account)) {
        *error = *nt_admin_error(admin[i]);
        return false;
    }
    if (!account.exists)
        return true;
    error->kind = NT_ADMIN_EXISTS;
    error->status = NT_STATUS(USER_EXISTS);
    snprintf(error->text, sizeof error->text,
             "%s has a computer named %s, as the controller of %s is: the two would be mistaken "
             "for each other. Rename one of them first",
             nt_end_name(&f->end[i]), name, nt_end_name(&f->end[1 - i]));
    return false;
}

struct trying {
    struct nt_admin *admin[2];
    const struct nt_renew_plan *plan;
    bool ok[2];
};

static void try_one(void *ctx, size_t i)
{
    struct trying *t = ctx;
    t->ok[i] = may(t->admin[i], &t->plan->end[i]);
}

bool nt_renew_ready(struct nt_look_end ends[2], const struct nt_ends_facts *f,
                    const struct nt_renew_plan *plan, size_t *end, struct nt_admin_error *error)
{
    struct nt_admin *const admin[2] = { ends[0].admin[f->end[0].main],
                                        ends[1].admin[f->end[1].main] };
    struct trying t = { .admin = { admin[0], admin[1] }, .plan = plan };
    nt_crew_run(2, 2, try_one, &t);
    for (*end = 0; *end < 2; ++*end)
        if (!t.ok[*end]) {
            *error = *nt_admin_error(admin[*end]);
            return false;
        }
    for (*end = 0; *end < 2 && plan->goal == NT_RENEW_ESTABLISH; ++*end)
        if (!computers_differ(admin, f, *end, error))
            return false;
    return true;
}

/* --- all of it --- */

static bool carry_out(struct run *r, struct nt_admin *const admin[2])
{
    NT_SCOPED_PASSWORD first = { .len = 0 };
    NT_SCOPED_PASSWORD second = { .len = 0 };
    const struct nt_password *const secret[2] = { &first, &second };
    const struct nt_renew_plan *plan = r->plan;
    make_secret(r->config->env, plan, &first);
    make_secret(r->config->env, plan, &second);
    for (size_t i = 0; i < 2; i++) {
        r->change[i] = (struct change){
            .admin = admin[i],
            .plan = plan,
            .end = &plan->end[i],
            .outgoing = plan->trusts[i] ? secret[i] : NULL,
            .incoming = plan->trusts[1 - i] ? secret[1 - i] : NULL,
            .other = nt_end_name(&r->f->end[1 - i]),
            .before = nt_end_main(&r->f->end[i])->account.password_set,
            .partner = admin[1 - i],
        };
        if (plan->end[i].object == NT_RENEW_BY_HAND)
            r->out->by_hand[i] = *secret[i];
    }
    if (take_steps(r))
        return true;
    nt_renew_wipe(r->out);
    if (plan->goal == NT_RENEW_ESTABLISH)
        undo(r);
    return false;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* An order that was obeyed shows by the date of the account at the trusted end. */
static bool is_shown(const struct run *r, size_t i, size_t k)
{
    bool ordered = r->plan->end[1 - i].object == NT_RENEW_ORDER;
    const struct nt_controller_facts *dc = &r->f->end[i].dc[k];
    return nt_renew_shown(r->f, r->plan, i, k) && (!ordered || dc->reached.look != NT_LOOK_SEEN ||
                                                   dc->account.password_set != r->change[i].before);
}

static bool all_shown(struct run *r, uint64_t ms)
{
    bool all = true;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < r->f->end[i].count; k++) {
            bool shown = is_shown(r, i, k), before = r->out->dc[i][k].shown;
            if (shown && !before)
                r->out->dc[i][k].ms = ms;
            r->out->dc[i][k].shown = shown;
            all = all && shown;
        }
    return all;
}

static void watch(struct run *r, struct nt_look_end ends[2], uint32_t patience_ms)
{
    struct nt_look_config config = *r->config;
    uint64_t began = now_ms();
    config.anew = true; /* a channel from before the change proves nothing */
    config.halves = r->plan->goal == NT_RENEW_REMOVE;
    config.bare = true;
    for (;;) {
        nt_look_trust(&config, ends, r->f);
        r->out->proven_ms = now_ms() - began;
        r->out->proven = all_shown(r, r->out->proven_ms);
        if (r->out->proven || r->out->proven_ms >= patience_ms)
            break;
        pause_ms(PAUSE_MS);
    }
    config.bare = false; /* the cause may be around it */
    if (!r->out->proven)
        nt_look_trust(&config, ends, r->f);
}

void nt_renew_run(const struct nt_look_config *config, struct nt_look_end ends[2],
                  const struct nt_renew_plan *plan, uint32_t patience_ms, struct nt_ends_facts *f,
                  struct nt_renew_result *out)
{
    struct nt_admin *const admin[2] = { ends[0].admin[f->end[0].main],
                                        ends[1].admin[f->end[1].main] };
    struct run r = { .config = config, .plan = plan, .f = f, .out = out };
    size_t end;
    *out = (struct nt_renew_result){ .failed = 2 };
    if (!nt_renew_ready(ends, f, plan, &end, &out->error)) {
        out->failed = end;
        return;
    }
    if (carry_out(&r, admin))
        watch(&r, ends, patience_ms);
}

void nt_renew_wipe(struct nt_renew_result *r)
{
    for (size_t i = 0; i < 2; i++)
        nt_password_wipe(&r->by_hand[i]);
}
