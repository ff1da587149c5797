#include "fake_ends.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../test.h"
#include "base/utf16.h"
#include "crypto/sysenv.h"

/* An administrator's session is no more than a place in the fake. */
struct nt_admin {
    struct fake *fake;
    struct fake_domain *own, *other;
    struct nt_admin_error error;
};

static struct nt_admin sessions[2];

void fake_init(struct fake *f, bool nt_first, bool nt_second)
{
    static const struct nt_end typed[2] = { { .name = "WEST" }, { .name = "EAST" } };
    const bool nt[2] = { nt_first, nt_second };
    memset(f, 0, sizeof *f);
    f->clock = 1000;
    for (size_t i = 0; i < 2; i++) {
        struct nt_admin_names *n = &f->domain[i].names;
        f->domain[i].may = true;
        f->domain[i].keeps_old = !nt[i];
        f->domain[i].computer = i == 0 ? "WESTDC" : "EASTDC";
        snprintf(n->name, sizeof n->name, "%s", typed[i].name);
        snprintf(n->dns, sizeof n->dns, "%s", nt[i] ? "" : i == 0 ? "west.test" : "east.test");
        assert_true(nt_sid_parse(i == 0 ? "S-1-5-21-1-1-1" : "S-1-5-21-2-2-2", &n->sid));
        f->ends[i].end = &typed[i];
        f->ends[i].admin[0] = &sessions[i];
        sessions[i] =
            (struct nt_admin){ .fake = f, .own = &f->domain[i], .other = &f->domain[1 - i] };
    }
    f->config.env = nt_env_system();
    fake_look(f);
}

static void look(struct fake *f)
{
    for (size_t i = 0; i < 2; i++) {
        const struct fake_domain *d = &f->domain[i];
        struct nt_end_facts *e = &f->facts.end[i];
        struct nt_controller_facts *dc = &e->dc[0];
        e->typed = d->names.name;
        e->names = d->names;
        e->count = 1;
        *dc = (struct nt_controller_facts){ .host = "dc" };
        dc->reached.look = dc->tdo_asked.look = dc->account_asked.look = NT_LOOK_SEEN;
        dc->tdo = d->tdo;
        dc->account = d->account;
        if ((d->tdo.tdo.direction & NT_ADMIN_OUTBOUND) == 0)
            continue;
        dc->channel_asked.look = NT_LOOK_SEEN;
        dc->channel.werr = fake_proves(f, i) ? 0 : NT_WERR_ACCESS_DENIED;
    }
}

void fake_look(struct fake *f)
{
    f->dead = false;
    f->changes = f->fail_at = 0;
    look(f);
}

bool fake_proves(const struct fake *f, size_t trusting)
{
    const struct fake_domain *a = &f->domain[trusting], *b = &f->domain[1 - trusting];
    return a->tdo.tdo.exists && b->account.exists && !b->account.disabled && a->out.len > 0 &&
           a->out.len == b->in.len && memcmp(a->out.b, b->in.b, a->out.len) == 0;
}

bool fake_has_nothing(const struct fake *f)
{
    for (size_t i = 0; i < 2; i++)
        if (f->domain[i].tdo.tdo.exists || f->domain[i].account.exists)
            return false;
    return true;
}

/* --- one change --- */

static bool fails(struct nt_admin *a, enum nt_admin_fail kind, const char *text)
{
    a->error = (struct nt_admin_error){ .kind = kind };
    snprintf(a->error.text, sizeof a->error.text, "%s", text);
    return false;
}

/* Whether the change happens; *ok: what is said of it. */
static bool happens(struct nt_admin *a, bool *ok)
{
    struct fake *f = a->fake;
    bool now = ++f->changes == f->fail_at;
    if (now && f->how == FAKE_KILLED)
        f->dead = true;
    *ok = !f->dead && !now;
    if (!*ok)
        fails(a, NT_ADMIN_NETWORK, "the connection ended");
    return *ok || (now && f->how == FAKE_ANSWER_LOST);
}

static void set_account(struct fake_domain *d, nt_time when, const struct nt_password *password)
{
    d->account.exists = true;
    d->account.type = NT_ADMIN_INTERDOMAIN;
    d->account.password_set = when;
    d->in = *password;
}

static void set_object(struct nt_admin *a, const struct nt_admin_tdo_full *want,
                       const struct nt_password *outgoing, const struct nt_password *incoming)
{
    a->own->tdo = *want;
    a->own->out = outgoing != NULL ? *outgoing : (struct nt_password){ .len = 0 };
    if (incoming != NULL && a->own->names.dns[0] != '\0')
        set_account(a->own, ++a->fake->clock, incoming);
}

static void drop_object(struct nt_admin *a)
{
    a->own->tdo = (struct nt_admin_tdo_full){ .enc_known = false };
    a->own->out.len = 0;
    if (a->own->names.dns[0] != '\0')
        a->own->account.exists = false;
}

/* --- what renew_run.c calls --- */

const struct nt_admin_error *nt_admin_error(const struct nt_admin *a)
{
    return &a->error;
}

const char *nt_admin_fail_name(enum nt_admin_fail kind)
{
    return kind == NT_ADMIN_FINE ? "" : "failed";
}

const char *nt_admin_account_type_name(enum nt_admin_account_type type)
{
    return type == NT_ADMIN_WORKSTATION ? "workstation" : "another";
}

bool nt_admin_may_change_trusts(struct nt_admin *a)
{
    return a->own->may || fails(a, NT_ADMIN_RIGHTS, "an administrator is needed");
}

bool nt_admin_may_change_accounts(struct nt_admin *a)
{
    return nt_admin_may_change_trusts(a);
}

bool nt_admin_trust_may_delete(struct nt_admin *a, const char *trusted)
{
    (void)trusted;
    return nt_admin_may_change_trusts(a);
}

bool nt_admin_computer(struct nt_admin *a, char out[NT_ADMIN_NAME])
{
    snprintf(out, NT_ADMIN_NAME, "%s", a->own->computer);
    return true;
}

bool nt_admin_account_get(struct nt_admin *a, const char *trusting, struct nt_admin_account *out)
{
    *out = (struct nt_admin_account){ .exists = false };
    if (a->own->taken != NULL && strcmp(trusting, a->own->taken) == 0)
        *out = (struct nt_admin_account){ .exists = true, .type = NT_ADMIN_WORKSTATION };
    else if (strcmp(trusting, a->other->names.name) == 0)
        *out = a->own->account;
    return !a->fake->dead;
}

bool nt_admin_account_create(struct nt_admin *a, const char *trusting,
                             const struct nt_password *initial)
{
    bool ok;
    assert_string_equal(trusting, a->other->names.name);
    if (a->own->account.exists)
        return fails(a, NT_ADMIN_EXISTS, "it is there");
    if (happens(a, &ok)) {
        set_account(a->own, ++a->fake->clock, initial);
        a->own->account.disabled = true;
    }
    return ok;
}

bool nt_admin_account_enable(struct nt_admin *a, const char *trusting)
{
    bool ok;
    assert_string_equal(trusting, a->other->names.name);
    if (happens(a, &ok))
        a->own->account.disabled = false;
    return ok;
}

bool nt_admin_account_delete(struct nt_admin *a, const char *trusting)
{
    bool ok;
    assert_string_equal(trusting, a->other->names.name);
    if (!a->own->account.exists)
        return fails(a, NT_ADMIN_MISSING, "there is none");
    if (happens(a, &ok))
        a->own->account = (struct nt_admin_account){ .exists = false };
    return ok;
}

bool nt_admin_tdo_delete(struct nt_admin *a, const char *trusted)
{
    bool ok;
    (void)trusted;
    if (!a->own->tdo.tdo.exists)
        return fails(a, NT_ADMIN_MISSING, "there is none");
    if (happens(a, &ok))
        drop_object(a);
    return ok;
}

bool nt_admin_tdo_set_password(struct nt_admin *a, const char *trusted,
                               const struct nt_password *initial)
{
    bool ok;
    (void)trusted;
    if (happens(a, &ok))
        a->own->out = *initial;
    return ok;
}

bool nt_admin_trust_set_secrets(struct nt_admin *a, const char *trusted,
                                const struct nt_password *outgoing,
                                const struct nt_password *incoming)
{
    bool ok;
    const struct nt_admin_tdo_full now = a->own->tdo;
    (void)trusted;
    if (happens(a, &ok) && !a->own->keeps_old)
        set_object(a, &now, outgoing, incoming);
    return ok;
}

bool nt_admin_trust_set_kind(struct nt_admin *a, const char *trusted,
                             const struct nt_admin_tdo_full *want,
                             const struct nt_password *outgoing, const struct nt_password *incoming)
{
    bool ok;
    (void)trusted;
    if (happens(a, &ok)) {
        if (a->own->keeps_old)
            a->own->tdo = *want;
        else
            set_object(a, want, outgoing, incoming);
    }
    return ok;
}

bool nt_admin_trust_set_encryption(struct nt_admin *a, const char *trusted, uint32_t enc_types)
{
    bool ok;
    (void)trusted;
    if (happens(a, &ok))
        a->own->tdo.enc_types = enc_types;
    return ok;
}

bool nt_admin_trust_make(struct nt_admin *a, const struct nt_admin_tdo_full *want,
                         const struct nt_password *outgoing, const struct nt_password *incoming)
{
    bool ok;
    if (a->own->tdo.tdo.exists || (incoming != NULL && a->own->account.exists))
        return fails(a, NT_ADMIN_EXISTS, "it is there");
    if (happens(a, &ok))
        set_object(a, want, outgoing, incoming);
    return ok;
}

/* Two changes, as it is over the wire. */
bool nt_admin_trust_remake(struct nt_admin *a, const char *trusted,
                           const struct nt_admin_tdo_full *want, const struct nt_password *outgoing,
                           const struct nt_password *incoming)
{
    if (!nt_admin_tdo_delete(a, trusted))
        return false;
    if (a->fake->slow)
        usleep(500);
    return nt_admin_trust_make(a, want, outgoing, incoming);
}

bool nt_admin_trust_take_suffixes(struct nt_admin *a, const char *trusted, struct nt_admin *of)
{
    (void)trusted;
    (void)of;
    return !a->fake->dead;
}

bool nt_admin_order_change(struct nt_admin *a, const char *trusted, uint32_t *werr)
{
    bool ok;
    (void)trusted;
    *werr = 0;
    if (happens(a, &ok)) {
        struct nt_password fresh = { .b = { (uint8_t)++a->fake->clock }, .len = 2 };
        a->own->out = fresh;
        set_account(a->other, a->fake->clock, &fresh);
    }
    return ok;
}

bool nt_look_prove(struct nt_admin *a, const char *trusted, struct nt_admin_channel *out)
{
    (void)trusted;
    size_t i = a->own == &a->fake->domain[0] ? 0 : 1;
    *out = (struct nt_admin_channel){ .werr = fake_proves(a->fake, i) ? 0 : NT_WERR_ACCESS_DENIED };
    return !a->fake->dead;
}

void nt_look_trust(const struct nt_look_config *config, struct nt_look_end ends[2],
                   struct nt_ends_facts *f)
{
    struct fake *fake = ends[0].admin[0]->fake;
    (void)config;
    look(fake);
    *f = fake->facts;
}
