/* renew_change.c - one end is changed: see renew_internal.h. */
#include "repair/renew_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define AD_UNITS 120  /* UTF-16 units towards AD: field guide 1.4 */
#define NT_UNITS 14   /* towards NT style: what NT 4 can type and keep */
#define TICK_MS  1100 /* by when an NT-style account's date, in seconds, is another one */

/* Of characters that a person can type, a shell leaves alone and no controller that keeps it as
 * text spoils, 6 bits each. */
void renew_secret(const struct nt_env *env, const struct nt_renew_plan *plan,
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

static bool fail(struct renew_change *c, ntstatus status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct renew_change *c, ntstatus status, const char *fmt, ...)
{
    va_list ap;
    c->own.kind = NT_ADMIN_OTHER;
    c->own.status = status;
    va_start(ap, fmt);
    vsnprintf(c->own.text, sizeof c->own.text, fmt, ap);
    va_end(ap);
    return false;
}

static const char *object_name(const struct renew_change *c)
{
    const struct nt_admin_tdo_full *want = &c->end->want;
    return want->dns[0] != '\0' ? want->dns : want->tdo.name;
}

static bool set_encryption(const struct renew_change *c)
{
    return !c->end->encryption ||
           nt_admin_trust_set_encryption(c->admin, c->end->want.tdo.name, c->end->want.enc_types);
}

/* A new object lists no encryption types. */
static bool remake(const struct renew_change *c)
{
    const struct nt_renew_end *e = c->end;
    return nt_admin_trust_remake(c->admin, e->old_name, &e->want, c->outgoing, c->incoming) &&
           (e->want.dns[0] == '\0' ||
            nt_admin_trust_set_encryption(c->admin, e->want.tdo.name, e->want.enc_types));
}

static bool make(const struct renew_change *c)
{
    const struct nt_renew_end *e = c->end;
    return nt_admin_trust_make(c->admin, &e->want, c->outgoing, c->incoming) &&
           (!c->plan->forest || nt_admin_trust_take_suffixes(c->admin, object_name(c), c->partner));
}

/* A controller may say yes to new secrets of an object that is there, and keep the old ones: Samba
 * 4.17 does. Then the object has to be made anew, which every controller takes. */
static bool keeps_old(struct renew_change *c)
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
static bool make_sure(struct renew_change *c)
{
    struct nt_admin_account account;
    if (!was_set(c->end) || c->incoming == NULL)
        return true;
    if (!nt_admin_account_get(c->admin, c->other, &account))
        return false;
    return (account.exists && account.password_set != c->before) || keeps_old(c);
}

/* The outgoing direction alone has no such date: the partner tells. */
bool renew_make_sure(struct renew_change *c)
{
    struct nt_admin_channel channel;
    if (c->end->nt || !was_set(c->end) || c->incoming != NULL)
        return true;
    if (!nt_look_prove(c->admin, object_name(c), &channel))
        return false;
    return channel.werr == NT_WERR_OK || keeps_old(c);
}

void renew_pause(uint32_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

static bool order(struct renew_change *c)
{
    uint32_t werr = NT_WERR_OK;
    if (c->end->want.dns[0] == '\0') /* the other end is NT-style */
        renew_pause(TICK_MS);
    if (!nt_admin_order_change(c->admin, object_name(c), &werr))
        return false;
    return werr == NT_WERR_OK ||
           fail(c, NT_STATUS(NOT_SUPPORTED),
                "told to change the password of its trust in %s, the controller answered %u %s",
                c->other, werr, nt_werror_name(werr));
}

static bool change_object(struct renew_change *c)
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
static bool change_nt_object(struct renew_change *c)
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
static bool wants_unix_user(struct renew_change *c)
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

bool renew_account(struct renew_change *c)
{
    enum nt_renew_action a = c->end->account;
    if (a != NT_RENEW_MAKE && !nt_admin_account_delete(c->admin, c->other))
        return false;
    return a == NT_RENEW_DELETE || nt_admin_account_create(c->admin, c->other, c->incoming) ||
           wants_unix_user(c);
}

bool renew_object(struct renew_change *c)
{
    return c->end->nt ? change_nt_object(c) : change_object(c);
}

bool renew_enable(struct renew_change *c)
{
    return nt_admin_account_enable(c->admin, c->other);
}
