#include "repair/renew.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf16.h"

#define SECRET_BYTES 240 /* 120 UTF-16 units: field guide 1.4 */
#define PAUSE_MS     250 /* between two looks */

/* --- the plan --- */

static bool refuse(char *why, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(char *why, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return false;
}

/* Both ends must have been seen in full. */
static bool is_seen(const struct nt_end_facts *e, char *why, size_t size)
{
    const struct nt_controller_facts *dc = nt_end_main(e);
    const char *name = nt_end_name(e);
    if (e->count == 0)
        return refuse(why, size, "%s", e->lost);
    if (dc == NULL)
        return e->dc[0].reached.look == NT_LOOK_FAILED
                   ? refuse(why, size, "%s", e->dc[0].reached.error.text)
                   : refuse(why, size, "no administrator of %s was named", name);
    if (dc->tdo_asked.look != NT_LOOK_SEEN)
        return refuse(why, size, "%s", dc->tdo_asked.error.text);
    if (dc->account_asked.look != NT_LOOK_SEEN)
        return refuse(why, size, "%s", dc->account_asked.error.text);
    if (e->names.dns[0] == '\0')
        return refuse(why, size,
                      "%s is an NT-style domain: its half is mended at its own controller", name);
    return true;
}

/* The object of `e` is for another domain than the other end. */
static bool is_foreign(const struct nt_end_facts *e, const struct nt_end_facts *other)
{
    const struct nt_admin_tdo_full *t = &nt_end_main(e)->tdo;
    return t->tdo.exists && (!nt_sid_equal(&t->tdo.sid, &other->names.sid) ||
                             !nt_name_equal(t->tdo.name, other->names.name) ||
                             (t->dns[0] != '\0' && !nt_name_equal(t->dns, other->names.dns)));
}

static bool is_forest(const struct nt_end_facts *e)
{
    return (nt_end_main(e)->tdo.tdo.attributes & NT_TRUST_FOREST) != 0;
}

/* An external trust filters SIDs unless an administrator decides otherwise. [MS-ADTS] 6.1.6.7.9 */
static uint32_t attributes_of(const struct nt_end_facts *e, bool forest)
{
    const struct nt_admin_tdo *t = &nt_end_main(e)->tdo.tdo;
    if (!t->exists)
        return forest ? NT_TRUST_FOREST : NT_TRUST_QUARANTINED;
    return forest ? t->attributes | NT_TRUST_FOREST : t->attributes & ~NT_TRUST_FOREST;
}

static void plan_end(const struct nt_ends_facts *f, size_t i, bool recreate, bool forest,
                     const bool trusts[2], struct nt_renew_end *out)
{
    const struct nt_end_facts *e = &f->end[i], *other = &f->end[1 - i];
    const struct nt_controller_facts *dc = nt_end_main(e);
    const struct nt_admin_tdo *now = &dc->tdo.tdo;
    struct nt_admin_tdo_full *want = &out->want;
    *out = (struct nt_renew_end){ .action = NT_RENEW_SECRETS };
    memcpy(want->tdo.name, other->names.name, sizeof want->tdo.name);
    memcpy(want->dns, other->names.dns, sizeof want->dns);
    memcpy(out->old_name, now->name, sizeof out->old_name);
    want->tdo.exists = true;
    want->tdo.sid = other->names.sid;
    want->tdo.type = 2; /* uplevel: [MS-ADTS] 6.1.6.7.15 */
    want->tdo.attributes = attributes_of(e, forest);
    want->tdo.direction =
        (trusts[i] ? NT_ADMIN_OUTBOUND : 0u) | (trusts[1 - i] ? NT_ADMIN_INBOUND : 0u);
    want->enc_types = NT_ENC_AES;
    if (!now->exists)
        out->action = NT_RENEW_MAKE;
    else if (recreate || (trusts[1 - i] && !dc->account.exists))
        out->action = NT_RENEW_REMAKE;
    else if (now->direction != want->tdo.direction || now->attributes != want->tdo.attributes)
        out->action = NT_RENEW_KIND;
    out->encryption = out->action == NT_RENEW_MAKE || out->action == NT_RENEW_REMAKE ||
                      (dc->tdo.enc_known && dc->tdo.enc_types != want->enc_types);
    out->enable = trusts[1 - i] && dc->account.exists && dc->account.disabled;
}

bool nt_renew_plan(const struct nt_ends_facts *f, const struct nt_renew_wish *wish,
                   struct nt_renew_plan *out, char *why, size_t why_size)
{
    const struct nt_end_facts *e = f->end;
    bool recreate = wish->goal == NT_RENEW_RECREATE;
    *out = (struct nt_renew_plan){ .trusts = { false } };
    if (!is_seen(&e[0], why, why_size) || !is_seen(&e[1], why, why_size))
        return false;
    for (size_t i = 0; i < 2; i++)
        out->trusts[i] = nt_ends_direction(f, i) == 1;
    if (!out->trusts[0] && !out->trusts[1])
        return refuse(why, why_size, "there is no trust between %s and %s that could be renewed",
                      nt_end_name(&e[0]), nt_end_name(&e[1]));
    for (size_t i = 0; i < 2 && !recreate; i++)
        if (is_foreign(&e[i], &e[1 - i]))
            return refuse(why, why_size,
                          "%s has a trust with another domain of that name (its SID or names "
                          "differ); --recreate makes both halves anew",
                          nt_end_name(&e[i]));
    bool both = nt_end_main(&e[0])->tdo.tdo.exists && nt_end_main(&e[1])->tdo.tdo.exists;
    if (both && !recreate && is_forest(&e[0]) != is_forest(&e[1]))
        return refuse(why, why_size,
                      "it is a forest trust at one end and an external one at the other; "
                      "--recreate makes both as %s has it",
                      nt_end_name(&e[0]));
    bool forest = nt_end_main(&e[0])->tdo.tdo.exists ? is_forest(&e[0]) : is_forest(&e[1]);
    for (size_t i = 0; i < 2; i++)
        plan_end(f, i, recreate, forest, out->trusts, &out->end[i]);
    return true;
}

void nt_renew_text(const struct nt_ends_facts *f, const struct nt_renew_plan *plan, size_t i,
                   char *out, size_t size)
{
    static const char *const what[] = {
        [NT_RENEW_SECRETS] = "give its trusted domain object",
        [NT_RENEW_KIND] = "set direction and kind of its trusted domain object, and give it",
        [NT_RENEW_MAKE] = "make a trusted domain object with",
        [NT_RENEW_REMAKE] = "delete its trusted domain object, and make it anew with",
    };
    const struct nt_renew_end *e = &plan->end[i];
    const char *secrets = plan->trusts[0] && plan->trusts[1] ? "new incoming and outgoing secrets"
                          : plan->trusts[i]                  ? "a new outgoing secret"
                                                             : "a new incoming secret";
    snprintf(out, size, "%s: %s %s%s%s", nt_end_name(&f->end[i]), what[e->action], secrets,
             e->encryption ? ", encryption types AES" : "",
             e->enable ? ", enable the account of the other end" : "");
}

/* --- carrying it out --- */

/* Valid text without NUL, so that no controller that keeps it as text spoils it: each unit from
 * U+0100 to U+40FF. */
static void make_secret(const struct nt_env *env, struct nt_password *out)
{
    nt_random(env, out->b, SECRET_BYTES);
    out->len = SECRET_BYTES;
    for (size_t i = 0; i < SECRET_BYTES; i += 2) {
        unsigned unit = 0x0100u + (((unsigned)out->b[i] | (unsigned)out->b[i + 1] << 8) & 0x3FFFu);
        out->b[i] = (uint8_t)unit;
        out->b[i + 1] = (uint8_t)(unit >> 8);
    }
}

/* What one end is changed with. */
struct change {
    struct nt_admin *admin;
    const struct nt_renew_end *plan;
    const struct nt_password *outgoing, *incoming; /* NULL: not that direction */
    nt_time before;                                /* the account's password was set */
};

static bool set_encryption(const struct change *c)
{
    const struct nt_admin_tdo_full *want = &c->plan->want;
    return nt_admin_trust_set_encryption(c->admin, want->tdo.name, want->enc_types);
}

/* A new object lists no encryption types. */
static bool remake(const struct change *c)
{
    const struct nt_renew_end *e = c->plan;
    return nt_admin_trust_remake(c->admin, e->old_name, &e->want, c->outgoing, c->incoming) &&
           set_encryption(c);
}

static bool change_object(const struct change *c)
{
    const struct nt_renew_end *e = c->plan;
    switch (e->action) {
    case NT_RENEW_SECRETS:
        return nt_admin_trust_set_secrets(c->admin, e->old_name, c->outgoing, c->incoming);
    case NT_RENEW_KIND:
        return nt_admin_trust_set_kind(c->admin, e->old_name, &e->want, c->outgoing, c->incoming);
    case NT_RENEW_REMAKE:
        return remake(c);
    case NT_RENEW_MAKE:
        break;
    }
    return nt_admin_trust_make(c->admin, &e->want, c->outgoing, c->incoming);
}

static bool was_set(const struct nt_renew_end *e)
{
    return e->action == NT_RENEW_SECRETS || e->action == NT_RENEW_KIND;
}

/* A controller may say yes to new secrets of an object that is there, and keep the old ones: Samba
 * 4.17 does. The account of the incoming direction has a date that tells; then the object has to be
 * made anew, which every controller takes. */
static bool make_sure(const struct change *c)
{
    struct nt_admin_account account;
    if (!was_set(c->plan) || c->incoming == NULL)
        return true;
    if (!nt_admin_account_get(c->admin, c->plan->want.tdo.name, &account))
        return false;
    return (account.exists && account.password_set != c->before) || remake(c);
}

/* The outgoing direction alone has no such date: the partner tells. */
static bool make_sure_alone(const struct change *c)
{
    const struct nt_admin_tdo_full *want = &c->plan->want;
    struct nt_admin_channel channel;
    if (!was_set(c->plan) || c->incoming != NULL)
        return true;
    if (!nt_look_prove(c->admin, want->dns, &channel))
        return false;
    return channel.werr == NT_WERR_OK || remake(c);
}

static bool change_end(const struct change *c)
{
    const struct nt_renew_end *e = c->plan;
    if (!change_object(c) || !make_sure(c))
        return false;
    if (e->encryption && !set_encryption(c))
        return false;
    return !e->enable || nt_admin_account_enable(c->admin, e->want.tdo.name);
}

static bool note(struct nt_renew_result *out, size_t i, const struct change *c, bool ok)
{
    if (!ok) {
        out->failed = i;
        out->error = *nt_admin_error(c->admin);
    }
    return ok;
}

static bool change_both(const struct nt_look_config *config, struct nt_admin *const admin[2],
                        const struct nt_renew_plan *plan, const struct nt_ends_facts *f,
                        struct nt_renew_result *out)
{
    NT_SCOPED_PASSWORD first = { .len = 0 };
    NT_SCOPED_PASSWORD second = { .len = 0 };
    const struct nt_password *secret[2] = { plan->trusts[0] ? &first : NULL,
                                            plan->trusts[1] ? &second : NULL };
    struct change change[2];
    make_secret(config->env, &first);
    make_secret(config->env, &second);
    for (size_t i = 0; i < 2; i++) {
        const struct nt_controller_facts *dc = nt_end_main(&f->end[i]);
        change[i] = (struct change){ admin[i], &plan->end[i], secret[i], secret[1 - i],
                                     dc->account.password_set };
        if (config->step != NULL)
            config->step(config->ctx, dc->host, "changing its half");
        out->touched = true;
        if (!note(out, i, &change[i], change_end(&change[i])))
            return false;
    }
    for (size_t i = 0; i < 2; i++)
        if (!note(out, i, &change[i], make_sure_alone(&change[i])))
            return false;
    return true;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool all_prove(const struct nt_ends_facts *f, const struct nt_renew_plan *plan)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; plan->trusts[i] && k < f->end[i].count; k++) {
            const struct nt_controller_facts *dc = &f->end[i].dc[k];
            if (dc->reached.look == NT_LOOK_SEEN &&
                (dc->channel_asked.look != NT_LOOK_SEEN || dc->channel.werr != NT_WERR_OK))
                return false;
        }
    return true;
}

static void prove(const struct nt_look_config *config, struct nt_look_end ends[2],
                  const struct nt_renew_plan *plan, uint32_t patience_ms, struct nt_ends_facts *f,
                  struct nt_renew_result *out)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
    uint64_t began = now_ms();
    for (;;) {
        nt_look_trust(config, ends, f);
        out->proven_ms = now_ms() - began;
        out->proven = all_prove(f, plan);
        if (out->proven || out->proven_ms >= patience_ms)
            return;
        nanosleep(&pause, NULL);
    }
}

void nt_renew_run(const struct nt_look_config *config, struct nt_look_end ends[2],
                  const struct nt_renew_plan *plan, uint32_t patience_ms, struct nt_ends_facts *f,
                  struct nt_renew_result *out)
{
    struct nt_admin *const admin[2] = { ends[0].admin[f->end[0].main],
                                        ends[1].admin[f->end[1].main] };
    *out = (struct nt_renew_result){ .failed = 2 };
    for (size_t i = 0; i < 2; i++)
        if (!nt_admin_may_change_trusts(admin[i])) {
            out->failed = i;
            out->error = *nt_admin_error(admin[i]);
            return;
        }
    if (change_both(config, admin, plan, f, out))
        prove(config, ends, plan, patience_ms, f, out);
}
