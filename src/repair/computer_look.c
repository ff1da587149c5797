#include "repair/computer_look.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "repair/computer_try.h"

#define SESSION_MS 180000
#define MEMBER_MS  20000
/* [MS-NRPC] 2.2.1.3.13 */
#define MEMBERS_CHANNEL     2
#define CONTROLLERS_CHANNEL 6

static void tell(const struct nt_computer_look *l, const char *host, const char *what)
{
    if (l->step != NULL)
        l->step(l->ctx, host, what);
}

static bool asked(struct nt_asked *to, const struct nt_admin *a, bool ok)
{
    to->look = ok ? NT_LOOK_SEEN : NT_LOOK_FAILED;
    if (!ok)
        to->error = *nt_admin_error(a);
    return ok;
}

/* --- the domain's side --- */

static struct nt_admin *session(const struct nt_computer_look *l, const struct nt_credentials *c,
                                const char *host, uint16_t port, uint32_t total_ms)
{
    const struct nt_admin_config config = {
        .host = host,
        .road = NT_ROAD_SMB, /* LSARPC is refused over TCP by many, and SMB tells the clock */
        .port = port,
        .domain = c->domain,
        .user = c->user,
        .hash = c->has_password ? &c->hash : NULL,
        .kerberos = c->kerberos,
        .env = l->env,
        .total_ms = total_ms,
    };
    return nt_admin_new(&config);
}

static bool is_of(const struct nt_admin_names *names, const char *domain)
{
    return nt_name_equal(names->name, domain) ||
           (names->dns[0] != '\0' && nt_name_equal(names->dns, domain));
}

static void not_of(struct nt_asked *reached, const char *host, const struct nt_admin_names *names,
                   const char *domain)
{
    reached->look = NT_LOOK_FAILED;
    reached->error = (struct nt_admin_error){ .kind = NT_ADMIN_NAME_UNKNOWN,
                                              .status = NT_STATUS(NO_SUCH_DOMAIN) };
    snprintf(reached->error.text, sizeof reached->error.text,
             "%.100s is a controller of %.60s, not of %.100s", host, names->name, domain);
}

/* Of several: the account is changed at the primary one, where that is known. */
static bool is_primary(struct nt_admin *a, const struct nt_computer_facts *f)
{
    struct nt_admin_role role;
    return f->count > 1 && nt_admin_role(a, &role) && role.pdc;
}

static void open_controller(struct nt_computer_look *l, struct nt_computer_facts *f, size_t k)
{
    struct nt_computer_dc *dc = &f->dc[k];
    const struct nt_server *server = &l->servers.list[k];
    const struct nt_credentials *c = l->credentials;
    struct nt_admin_names names;
    snprintf(dc->host, sizeof dc->host, "%s", server->host);
    if (!c->kerberos && c->user[0] == '\0')
        return;
    tell(l, dc->host, "logging on");
    l->admin[k] =
        session(l, c, server->host, server->road == NT_ROAD_SMB ? server->port : 0, SESSION_MS);
    if (l->admin[k] == NULL)
        return;
    bool ok = asked(&dc->reached, l->admin[k], nt_admin_names(l->admin[k], &names));
    dc->clock_known = nt_admin_clock(l->admin[k], &dc->ahead_100ns);
    if (ok && !is_of(&names, l->end->domain)) {
        not_of(&dc->reached, server->host, &names, l->end->domain);
    } else if (ok && (is_primary(l->admin[k], f) || f->main == f->count)) {
        f->main = k;
        f->names = names;
    }
}

static void look_at_account(struct nt_computer_look *l, struct nt_computer_facts *f, size_t k)
{
    struct nt_computer_dc *dc = &f->dc[k];
    if (dc->reached.look != NT_LOOK_SEEN)
        return;
    tell(l, dc->host, "reading the account");
    asked(&dc->account_asked, l->admin[k],
          nt_admin_account_get(l->admin[k], f->computer, &dc->account));
}

/* --- the member's side --- */

/* Samba's own word, where the secret cannot be read by us. */
static void have_samba_try(struct nt_computer_look *l, struct nt_computer_facts *f,
                           struct nt_computer_dc *dc)
{
    struct nt_trial *t = &dc->trial;
    char why[NT_MEMBER_WHY];
    *t = (struct nt_trial){ .end = NT_TRIAL_FAILED };
    if (!nt_member_testjoin(l->member, dc->host, &t->status, why, sizeof why)) {
        snprintf(f->unseen, sizeof f->unseen, "%s", why);
        *t = (struct nt_trial){ .end = NT_TRIAL_NOT_MADE };
        return;
    }
    f->source = NT_COMPUTER_SAMBA;
    snprintf(t->why, sizeof t->why, "net rpc testjoin: %.300s", why);
    if (nt_status_ok(t->status))
        t->end = NT_TRIAL_CURRENT;
    else if (nt_status_is(t->status, NT_STATUS(ACCESS_DENIED)) ||
             nt_status_is(t->status, NT_STATUS(NO_TRUST_SAM_ACCOUNT)) ||
             nt_status_is(t->status, NT_STATUS(ACCOUNT_DISABLED)) ||
             nt_status_is(t->status, NT_STATUS(DOWNGRADE_DETECTED)))
        t->end = NT_TRIAL_REFUSED;
}

static void try_secret(struct nt_computer_look *l, struct nt_computer_facts *f, size_t k)
{
    struct nt_computer_dc *dc = &f->dc[k];
    const char *flat = f->names.name[0] != '\0' ? f->names.name
                       : l->member != NULL      ? l->member->domain
                                                : l->end->domain;
    const struct nt_try_config config = {
        .server = &l->servers.list[k],
        .domain = flat,
        .computer = f->computer,
        .type = dc->account_asked.look == NT_LOOK_SEEN && dc->account.type == NT_ADMIN_SERVER
                    ? CONTROLLERS_CHANNEL
                    : MEMBERS_CHANNEL,
        .current = &l->secret->current,
        .previous = &l->secret->previous,
        .env = l->env,
    };
    if (l->secret->found == NT_MEMBER_SECRET) {
        tell(l, dc->host, "trying the secret");
        nt_try(&config, &dc->trial);
    } else if (l->secret->found == NT_MEMBER_UNSEEN && l->member != NULL && !l->from_file) {
        tell(l, dc->host, "having Samba try its secret");
        have_samba_try(l, f, dc);
    }
}

static void look_at_member(struct nt_computer_look *l, struct nt_computer_facts *f)
{
    const struct nt_member_secret *s = l->secret;
    if (s->found == NT_MEMBER_SECRET)
        f->source = l->from_file ? NT_COMPUTER_FILE : NT_COMPUTER_STORED;
    else if (s->found == NT_MEMBER_NONE)
        f->source = NT_COMPUTER_STORED;
    f->joined = s->found == NT_MEMBER_SECRET;
    f->changed = s->changed;
    snprintf(f->unseen, sizeof f->unseen, "%s", s->why);
    if (l->member == NULL)
        return;
    f->here = true;
    snprintf(f->it_says.name, sizeof f->it_says.name, "%s", l->member->domain);
    f->ads = l->member->ads;
    f->interval_s = l->member->interval_s;
    tell(l, f->computer, "asking Samba");
    nt_member_domain_sid(l->member, &f->sid);
}

void nt_computer_look_winbind(struct nt_computer_look *l, struct nt_computer_facts *f)
{
    if (l->member == NULL)
        return;
    tell(l, f->computer, "asking winbindd");
    f->winbind = nt_member_winbind(l->member, f->winbind_text, sizeof f->winbind_text);
}

/* A Windows member's Netlogon proves its own channel for an administrator; Samba's members have no
 * Netlogon to be asked. [MS-NRPC] 3.5.4.9.1 */
static void ask_member(struct nt_computer_look *l, struct nt_computer_facts *f)
{
    const struct nt_credentials *c = l->administrator;
    if (l->address == NULL || (!c->kerberos && c->user[0] == '\0'))
        return;
    tell(l, l->address, "asking the computer itself");
    struct nt_admin *a = session(l, c, l->address, 0, MEMBER_MS);
    if (a == NULL)
        return;
    if (asked(&f->there, a, nt_admin_member_of(a, &f->it_says)))
        asked(&f->channel_asked, a,
              nt_admin_channel(a, NT_ADMIN_TC_VERIFY, f->it_says.name, &f->channel));
    nt_admin_free(a);
}

/* --- all of it --- */

void nt_computer_look(struct nt_computer_look *l, const char *computer, struct nt_computer_facts *f)
{
    *f = (struct nt_computer_facts){ .computer = computer,
                                     .typed_domain = l->end->name,
                                     .now = nt_now(l->env) };
    f->count = l->servers.count < NT_ENDS_CONTROLLERS ? l->servers.count : NT_ENDS_CONTROLLERS;
    f->main = f->count;
    snprintf(f->lost, sizeof f->lost, "%.*s", (int)sizeof f->lost - 1, l->lost);
    for (size_t k = 0; k < f->count; k++)
        open_controller(l, f, k);
    look_at_member(l, f);
    for (size_t k = 0; k < f->count; k++)
        look_at_account(l, f, k);
    for (size_t k = 0; k < f->count; k++)
        try_secret(l, f, k);
    ask_member(l, f);
    if (l->member != NULL && l->member->keytab) {
        tell(l, f->computer, "trying the keytab");
        f->keytab = nt_member_keytab(l->member);
    }
    nt_computer_look_winbind(l, f);
}

void nt_computer_look_again(struct nt_computer_look *l, struct nt_computer_facts *f)
{
    f->source = NT_COMPUTER_UNSEEN;
    look_at_member(l, f);
    for (size_t k = 0; k < f->count; k++)
        look_at_account(l, f, k);
    for (size_t k = 0; k < f->count; k++)
        try_secret(l, f, k);
}

void nt_computer_close(struct nt_computer_look *l)
{
    for (size_t k = 0; k < NT_ENDS_CONTROLLERS; k++) {
        nt_admin_free(l->admin[k]);
        l->admin[k] = NULL;
    }
}
