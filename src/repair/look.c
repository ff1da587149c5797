#include "repair/look.h"

#include <stdio.h>
#include <string.h>

#include "base/utf16.h"

#define SESSION_MS 30000

static void tell(const struct nt_look_config *config, const char *host, const char *what)
{
    if (config->step != NULL)
        config->step(config->ctx, host, what);
}

/* What came of a call of the session. */
static bool asked(struct nt_asked *to, const struct nt_admin *a, bool ok)
{
    to->look = ok ? NT_LOOK_SEEN : NT_LOOK_FAILED;
    if (!ok)
        to->error = *nt_admin_error(a);
    return ok;
}

/* --- the sessions --- */

static bool is_of(const struct nt_admin_names *names, const char *domain)
{
    return nt_name_equal(names->name, domain) ||
           (names->dns[0] != '\0' && nt_name_equal(names->dns, domain));
}

static void not_of(struct nt_controller_facts *dc, const struct nt_admin_names *names,
                   const char *domain)
{
    dc->reached.look = NT_LOOK_FAILED;
    dc->reached.error = (struct nt_admin_error){ .kind = NT_ADMIN_NAME_UNKNOWN,
                                                 .status = NT_STATUS(NO_SUCH_DOMAIN) };
    char text[NT_ADMIN_WHY];
    snprintf(text, sizeof text, "%.100s is a controller of %s, not of %.100s", dc->host,
             names->name, domain);
    memcpy(dc->reached.error.text, text, sizeof text);
}

static void open_controller(const struct nt_look_config *config, struct nt_look_end *e,
                            struct nt_end_facts *f, size_t k)
{
    struct nt_controller_facts *dc = &f->dc[k];
    const struct nt_server *server = &e->servers.list[k];
    const struct nt_credentials *c = e->credentials;
    const struct nt_admin_config admin = {
        .host = server->host,
        .road = NT_ROAD_SMB, /* LSARPC is refused over TCP by many, and SMB tells the clock */
        .port = server->road == NT_ROAD_SMB ? server->port : 0,
        .domain = c->domain,
        .user = c->user,
        .hash = c->has_password ? &c->hash : NULL,
        .kerberos = c->kerberos,
        .env = config->env,
        .total_ms = config->session_ms != 0 ? config->session_ms : SESSION_MS,
    };
    struct nt_admin_names names;
    snprintf(dc->host, sizeof dc->host, "%s", server->host);
    if (!c->kerberos && c->user[0] == '\0')
        return;
    tell(config, dc->host, "logging on");
    e->admin[k] = nt_admin_new(&admin);
    if (e->admin[k] == NULL)
        return;
    bool ok = asked(&dc->reached, e->admin[k], nt_admin_names(e->admin[k], &names));
    dc->clock_known = nt_admin_clock(e->admin[k], &dc->ahead_100ns);
    if (ok && !is_of(&names, e->end->domain))
        not_of(dc, &names, e->end->domain);
    else if (ok && f->main == f->count) {
        f->main = k;
        f->names = names;
    }
}

static void open_end(const struct nt_look_config *config, struct nt_look_end *e,
                     struct nt_end_facts *f)
{
    f->typed = e->end->name;
    f->count = e->servers.count < NT_ENDS_CONTROLLERS ? e->servers.count : NT_ENDS_CONTROLLERS;
    f->main = f->count;
    snprintf(f->lost, sizeof f->lost, "%s", e->lost);
    for (size_t k = 0; k < f->count; k++)
        open_controller(config, e, f, k);
}

void nt_look_open(const struct nt_look_config *config, struct nt_look_end ends[2],
                  struct nt_ends_facts *f)
{
    *f = (struct nt_ends_facts){ .now = nt_now(config->env) };
    for (size_t i = 0; i < 2; i++)
        open_end(config, &ends[i], &f->end[i]);
}

void nt_look_close(struct nt_look_end ends[2])
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < NT_ENDS_CONTROLLERS; k++) {
            nt_admin_free(ends[i].admin[k]);
            ends[i].admin[k] = NULL;
        }
}

/* --- the trust --- */

/* The object may stand under either name of the other domain. */
static bool read_tdo(struct nt_admin *a, const struct nt_end_facts *other,
                     struct nt_admin_tdo_full *out)
{
    const char *names[] = { other->names.dns, other->names.name, other->typed };
    *out = (struct nt_admin_tdo_full){ .enc_known = false };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i][0] == '\0')
            continue;
        if (!nt_admin_tdo_read(a, names[i], out))
            return false;
        if (out->tdo.exists)
            return true;
    }
    return true;
}

bool nt_look_prove(struct nt_admin *a, const char *trusted, struct nt_admin_channel *out)
{
    struct nt_admin_channel fresh, last;
    if (!nt_admin_channel(a, NT_ADMIN_TC_VERIFY, trusted, out))
        return false;
    /* Its ACCESS_DENIED is the partner's: to us the first call was granted. */
    if (nt_admin_channel(a, NT_ADMIN_REDISCOVER, trusted, &fresh) && fresh.werr == NT_WERR_OK &&
        out->werr == NT_WERR_OK)
        return true;
    if (nt_admin_channel(a, NT_ADMIN_TC_VERIFY, trusted, &last))
        *out = last;
    return true;
}

static void look_at(const struct nt_look_config *config, struct nt_admin *a,
                    const struct nt_end_facts *other, struct nt_controller_facts *dc)
{
    tell(config, dc->host, "reading its half");
    if (!asked(&dc->tdo_asked, a, read_tdo(a, other, &dc->tdo)))
        return;
    const struct nt_admin_tdo *t = &dc->tdo.tdo;
    const char *flat = other->names.name[0] != '\0' ? other->names.name
                       : t->exists                  ? t->name
                                                    : other->typed;
    asked(&dc->account_asked, a, nt_admin_account_get(a, flat, &dc->account));
    if (!t->exists || (t->direction & NT_ADMIN_OUTBOUND) == 0)
        return;
    tell(config, dc->host, "proving its secure channel");
    asked(&dc->channel_asked, a,
          nt_look_prove(a, dc->tdo.dns[0] != '\0' ? dc->tdo.dns : t->name, &dc->channel));
}

void nt_look_trust(const struct nt_look_config *config, struct nt_look_end ends[2],
                   struct nt_ends_facts *f)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < f->end[i].count; k++)
            if (f->end[i].dc[k].reached.look == NT_LOOK_SEEN)
                look_at(config, ends[i].admin[k], &f->end[1 - i], &f->end[i].dc[k]);
}
