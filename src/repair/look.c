#include "repair/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/utf16.h"
#include "repair/crew.h"
#include "repair/observe.h"

#define SESSION_MS 30000

static uv_once_t telling_once = UV_ONCE_INIT;
static uv_mutex_t telling;

static void make_telling(void)
{
    if (uv_mutex_init(&telling) != 0)
        abort();
}

static void tell(const struct nt_look_config *config, const char *host, const char *what)
{
    if (config->step == NULL)
        return;
    uv_once(&telling_once, make_telling);
    uv_mutex_lock(&telling);
    config->step(config->ctx, host, what);
    uv_mutex_unlock(&telling);
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

struct nt_admin *nt_look_session(const struct nt_look_config *config,
                                 const struct nt_server *server, const struct nt_credentials *c)
{
    return nt_admin_new(&(struct nt_admin_config){
        .host = server->host,
        .road = NT_ROAD_SMB, /* LSARPC is refused over TCP by many, and SMB tells the clock */
        .port = server->road == NT_ROAD_SMB ? server->port : 0,
        .domain = c->domain,
        .user = c->user,
        .hash = c->has_password ? &c->hash : NULL,
        .kerberos = c->kerberos,
        .all_pipes = true,
        .env = config->env,
        .total_ms = config->session_ms != 0 ? config->session_ms : SESSION_MS,
    });
}

static void open_session(const struct nt_look_config *config, struct nt_look_end *e,
                         struct nt_end_facts *f, size_t k, struct nt_admin_names *names)
{
    struct nt_controller_facts *dc = &f->dc[k];
    struct nt_admin_role role;
    tell(config, dc->host, "logging on");
    struct nt_admin *a = nt_look_session(config, &e->servers.list[k], e->credentials);
    e->admin[k] = a;
    if (a == NULL)
        return;
    bool ok = asked(&dc->reached, a, nt_admin_names(a, names));
    dc->clock_known = nt_admin_clock(a, &dc->ahead_100ns);
    dc->protection_known = nt_admin_protection(a, &dc->protection);
    if (ok && !is_of(names, e->end->domain)) {
        not_of(dc, names, e->end->domain);
        return;
    }
    if (!ok || f->count < 2) /* of one there is nothing to choose */
        return;
    dc->role_known = nt_admin_role(a, &role);
    dc->pdc = dc->role_known && role.pdc;
}

/* What is done at once: for each controller of both ends two things. */
struct looking {
    const struct nt_look_config *config;
    struct nt_look_end *ends;
    struct nt_ends_facts *f;
    struct nt_admin_names names[2][NT_ENDS_CONTROLLERS];
    bool ahead; /* to the trust, without waiting for the other end */
};

/* The i-th thing to be done: of which end, which controller, and the first or the second. */
static bool pick(const struct nt_ends_facts *f, size_t i, size_t *end, size_t *k)
{
    size_t of = i / 2;
    *end = of < f->end[0].count ? 0 : 1;
    *k = *end == 0 ? of : of - f->end[0].count;
    return i % 2 == 0;
}

static size_t all_of(const struct nt_ends_facts *f)
{
    return 2 * (f->end[0].count + f->end[1].count);
}

/* What takes no logon; while others log on. */
static void observe(const struct nt_look_config *config, struct nt_controller_facts *dc)
{
    if (config->bare)
        return;
    nt_observe_ping(dc->host, &dc->ping);
    nt_observe_ports(dc->host, dc->ports);
}

static void open_one(void *ctx, size_t i)
{
    struct looking *l = ctx;
    size_t end, k;
    if (pick(l->f, i, &end, &k))
        open_session(l->config, &l->ends[end], &l->f->end[end], k, &l->names[end][k]);
    else
        observe(l->config, &l->f->end[end].dc[k]);
}

/* What there is to be seen of the trust under the name that the other end was given. Another one of
 * its names finds the object later, if need be. */
static void open_and_look(void *ctx, size_t i)
{
    struct looking *l = ctx;
    size_t end, k;
    open_one(ctx, i);
    struct nt_controller_facts *dc = pick(l->f, i, &end, &k) ? &l->f->end[end].dc[k] : NULL;
    if (dc == NULL || dc->reached.look != NT_LOOK_SEEN)
        return;
    const struct nt_end_facts other = { .asked = l->ends[1 - end].end->domain };
    nt_look_controller(l->config, l->ends[end].admin[k], l->names[end][k].dns, &other, dc);
}

static void swap(struct nt_look_end *e, struct nt_end_facts *f, struct nt_admin_names *names,
                 size_t a, size_t b)
{
    const struct nt_server server = e->servers.list[a];
    const struct nt_controller_facts dc = f->dc[a];
    const struct nt_admin_names name = names[a];
    struct nt_admin *admin = e->admin[a];
    e->servers.list[a] = e->servers.list[b];
    e->servers.list[b] = server;
    f->dc[a] = f->dc[b];
    f->dc[b] = dc;
    names[a] = names[b];
    names[b] = name;
    e->admin[a] = e->admin[b];
    e->admin[b] = admin;
}

/* Names without a SID, of an end whose controllers let nobody in; so that its partner's half is
 * found all the same. */
static void take_ping(const char *domain, const struct nt_ping *ping, struct nt_admin_names *out)
{
    const struct nt_cldap_answer *a = &ping->answer;
    struct nt_admin_names names = { .name = "" };
    if (ping->look != NT_LOOK_SEEN || strlen(a->domain) >= sizeof names.name)
        return;
    snprintf(names.name, sizeof names.name, "%s", a->domain);
    snprintf(names.dns, sizeof names.dns, "%s", a->dns);
    snprintf(names.forest, sizeof names.forest, "%s", a->forest);
    if (is_of(&names, domain))
        *out = names;
}

/* A controller of Active Directory says by the ping which it is, also without the call. */
static void take_role(struct nt_controller_facts *dc)
{
    if (dc->role_known || dc->ping.look != NT_LOOK_SEEN)
        return;
    dc->role_known = true;
    dc->pdc = (dc->ping.answer.flags & NT_CLDAP_PDC) != 0;
}

/* The PDC goes to the front: changes are made there. [MS-ADTS] 6.1.5.3 */
static void settle(struct nt_look_end *e, struct nt_end_facts *f, struct nt_admin_names *names)
{
    for (size_t k = 0; k < f->count; k++)
        take_role(&f->dc[k]);
    for (size_t k = 1; k < f->count; k++)
        if (f->dc[k].pdc && f->dc[k].reached.look == NT_LOOK_SEEN && !f->dc[0].pdc)
            swap(e, f, names, 0, k);
    for (size_t k = 0; k < f->count && f->main == f->count; k++)
        if (f->dc[k].reached.look == NT_LOOK_SEEN) {
            f->main = k;
            f->names = names[k];
        }
    for (size_t k = 0; k < f->count && f->names.name[0] == '\0'; k++)
        take_ping(e->end->domain, &f->dc[k].ping, &f->names);
}

static void begin_end(const struct nt_look_end *e, struct nt_end_facts *f)
{
    f->typed = e->end->name;
    f->asked = e->end->domain;
    f->count = e->servers.count < NT_ENDS_CONTROLLERS ? e->servers.count : NT_ENDS_CONTROLLERS;
    f->main = f->count;
    snprintf(f->lost, sizeof f->lost, "%s", e->lost);
    for (size_t k = 0; k < f->count; k++) {
        snprintf(f->dc[k].host, sizeof f->dc[k].host, "%s", e->servers.list[k].host);
        f->dc[k].nobody = !e->credentials->kerberos && e->credentials->user[0] == '\0';
    }
}

void nt_look_open_end(const struct nt_look_config *config, struct nt_look_end *e,
                      struct nt_end_facts *f)
{
    struct nt_admin_names names[NT_ENDS_CONTROLLERS];
    *f = (struct nt_end_facts){ .count = 0 };
    begin_end(e, f);
    for (size_t k = 0; k < f->count; k++) {
        open_session(config, e, f, k, &names[k]);
        observe(config, &f->dc[k]);
    }
    settle(e, f, names);
}

static void open_ends(struct looking *l, void (*work)(void *ctx, size_t i))
{
    struct nt_ends_facts *f = l->f;
    *f = (struct nt_ends_facts){ .now = nt_now(l->config->env) };
    for (size_t i = 0; i < 2; i++)
        begin_end(&l->ends[i], &f->end[i]);
    nt_crew_run(all_of(f), NT_CREW_MAX, work, l);
    for (size_t i = 0; i < 2; i++)
        settle(&l->ends[i], &f->end[i], l->names[i]);
}

void nt_look_open(const struct nt_look_config *config, struct nt_look_end ends[2],
                  struct nt_ends_facts *f)
{
    struct looking l = { .config = config, .ends = ends, .f = f };
    open_ends(&l, open_one);
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
    const char *names[] = { other->names.dns, other->names.name, other->asked };
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

static bool is_good(const struct nt_admin_channel *c)
{
    return c->werr == NT_WERR_OK;
}

/* Sets the channel up anew, and proves it again where that or the first proof failed. */
static void renew_channel(struct nt_admin *a, const char *trusted, struct nt_admin_channel *out)
{
    struct nt_admin_channel fresh, last;
    /* Its ACCESS_DENIED is the partner's: to us the first call was granted. */
    if (nt_admin_channel(a, NT_ADMIN_REDISCOVER, trusted, &fresh) && is_good(&fresh) &&
        is_good(out))
        return;
    if (nt_admin_channel(a, NT_ADMIN_TC_VERIFY, trusted, &last))
        *out = last;
}

bool nt_look_prove(struct nt_admin *a, const char *trusted, struct nt_admin_channel *out)
{
    if (!nt_admin_channel(a, NT_ADMIN_TC_VERIFY, trusted, out))
        return false;
    renew_channel(a, trusted, out);
    return true;
}

/* By which name a controller is told of the trust that it is to prove. */
static const char *trusted_name(const struct nt_controller_facts *dc)
{
    return dc->tdo.dns[0] != '\0' ? dc->tdo.dns : dc->tdo.tdo.name;
}

static bool trusts(const struct nt_controller_facts *dc)
{
    return dc->tdo_asked.look == NT_LOOK_SEEN && dc->tdo.tdo.exists &&
           (dc->tdo.tdo.direction & NT_ADMIN_OUTBOUND) != 0;
}

/* The other end's name in DNS: as it says itself, or as this controller knows it, or as it was
 * named. */
static const char *dns_of(const struct nt_end_facts *e, const struct nt_controller_facts *dc)
{
    if (e->names.dns[0] != '\0')
        return e->names.dns;
    if (dc->tdo_asked.look == NT_LOOK_SEEN && dc->tdo.tdo.exists)
        return dc->tdo.dns;
    return strchr(e->asked, '.') != NULL ? e->asked : "";
}

/* What does not need the channel, while the controller proves it. */
static void look_meanwhile(const struct nt_look_config *config, struct nt_admin *a,
                           const char *own_dns, const struct nt_end_facts *other,
                           struct nt_controller_facts *dc)
{
    const struct nt_admin_tdo *t = &dc->tdo.tdo;
    const char *flat = other->names.name[0] != '\0' ? other->names.name
                       : t->exists                  ? t->name
                                                    : other->asked;
    asked(&dc->account_asked, a, nt_admin_account_get(a, flat, &dc->account));
    if (!config->bare && own_dns[0] != '\0' && dns_of(other, dc)[0] != '\0')
        nt_observe_dns(dc->host, own_dns, dns_of(other, dc), &dc->dns);
}

/* A proof over a channel that was there says nothing about finding the partner again. Where its DNS
 * server tells that, the channel is left alone: what works is not to be broken by a look. */
static bool wants_anew(const struct nt_controller_facts *dc)
{
    return !dc->anew && (!is_good(&dc->channel) || dc->dns.look == NT_LOOK_FAILED);
}

/* How it stands in memory first: the proof changes that. */
static void prove(const struct nt_look_config *config, struct nt_admin *a, const char *own_dns,
                  const struct nt_end_facts *other, struct nt_controller_facts *dc)
{
    const char *trusted = trusted_name(dc);
    struct nt_admin_channel fresh;
    tell(config, dc->host, "proving its secure channel");
    if (config->anew)
        dc->anew = nt_admin_channel(a, NT_ADMIN_REDISCOVER, trusted, &fresh);
    else
        asked(&dc->before_asked, a, nt_admin_channel(a, NT_ADMIN_TC_QUERY, trusted, &dc->before));
    bool begun =
        asked(&dc->channel_asked, a, nt_admin_channel_begin(a, NT_ADMIN_TC_VERIFY, trusted));
    look_meanwhile(config, a, own_dns, other, dc);
    if (!begun || !asked(&dc->channel_asked, a, nt_admin_channel_end(a, &dc->channel)) ||
        !wants_anew(dc))
        return;
    tell(config, dc->host, "setting its secure channel up anew");
    renew_channel(a, trusted, &dc->channel);
    dc->anew = true;
}

void nt_look_controller(const struct nt_look_config *config, struct nt_admin *a,
                        const char *own_dns, const struct nt_end_facts *other,
                        struct nt_controller_facts *dc)
{
    tell(config, dc->host, "reading its half");
    dc->anew = false;
    dc->account_asked.look = dc->channel_asked.look = dc->before_asked.look = NT_LOOK_NOT_ASKED;
    if (!asked(&dc->tdo_asked, a, read_tdo(a, other, &dc->tdo)))
        return;
    /* An administrator's order: [MS-NRPC] 3.5.4.9.1 */
    if (trusts(dc) && !dc->nobody && !config->halves)
        prove(config, a, own_dns, other, dc);
    else
        look_meanwhile(config, a, own_dns, other, dc);
}

/* What was seen ahead is seen: where the object was found by the name that the other end has. */
static void look_one(void *ctx, size_t i)
{
    struct looking *l = ctx;
    size_t end, k;
    if (!pick(l->f, i, &end, &k))
        return;
    struct nt_controller_facts *dc = &l->f->end[end].dc[k];
    bool done = l->ahead && dc->tdo_asked.look == NT_LOOK_SEEN && dc->tdo.tdo.exists;
    if (dc->reached.look == NT_LOOK_SEEN && !done)
        nt_look_controller(l->config, l->ends[end].admin[k], l->f->end[end].names.dns,
                           &l->f->end[1 - end], dc);
}

static void look_rest(struct looking *l)
{
    nt_crew_run(all_of(l->f), NT_CREW_MAX, look_one, l);
}

void nt_look_trust(const struct nt_look_config *config, struct nt_look_end ends[2],
                   struct nt_ends_facts *f)
{
    struct looking l = { .config = config, .ends = ends, .f = f };
    look_rest(&l);
}

void nt_look_both(const struct nt_look_config *config, struct nt_look_end ends[2],
                  struct nt_ends_facts *f)
{
    struct looking l = { .config = config, .ends = ends, .f = f, .ahead = true };
    open_ends(&l, open_and_look);
    look_rest(&l);
}
