/* ends_json.c - what was seen of both ends, for programs. */
#include <stdio.h>

#include "cli/ends.h"
#include "cli/verdict.h"

const char *cli_dialect(uint16_t dialect, char out[16])
{
    if ((dialect & 0xf) != 0)
        snprintf(out, 16, "%u.%u.%u", dialect >> 8, dialect >> 4 & 0xf, dialect & 0xf);
    else
        snprintf(out, 16, "%u.%u", dialect >> 8, dialect >> 4 & 0xf);
    return out;
}

static json_t *channel_json(const struct nt_admin_channel *c)
{
    return json_pack("{s:I,s:s,s:s}", "code", (json_int_t)c->werr, "name", nt_werror_name(c->werr),
                     "controller", c->controller);
}

static json_t *ports_json(const struct nt_controller_facts *dc)
{
    json_t *ports = json_object();
    for (int p = 0; p < NT_PORT_COUNT; p++) {
        char number[8];
        snprintf(number, sizeof number, "%u", nt_port_number((enum nt_port_of)p));
        json_object_set_new(ports, number, json_string(nt_port_state_name(dc->ports[p])));
    }
    return ports;
}

static json_t *protection_json(const struct nt_controller_facts *dc)
{
    const struct nt_admin_protection *p = &dc->protection;
    char dialect[16];
    if (!dc->protection_known)
        return json_null();
    return json_pack("{s:s,s:b,s:b,s:b,s:o,s:o}", "dialect", cli_dialect(p->offer.dialect, dialect),
                     "signing_required", p->offer.signing_required, "signed", p->is_signed,
                     "encrypted", p->is_encrypted, "ntlm",
                     p->offer.mechs_known ? json_boolean(p->offer.ntlm) : json_null(), "kerberos",
                     p->offer.mechs_known ? json_boolean(p->offer.kerberos) : json_null());
}

static json_t *ping_json(const struct nt_ping *p)
{
    const struct nt_cldap_answer *a = &p->answer;
    if (p->look != NT_LOOK_SEEN)
        return json_null();
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "host", a->host, "dns", a->dns, "forest",
                     a->forest, "domain", a->domain, "computer", a->computer, "flags",
                     (json_int_t)a->flags);
}

static json_t *dns_json(const struct nt_dns_view *v)
{
    if (v->look == NT_LOOK_NOT_ASKED)
        return json_null();
    return json_pack("{s:s,s:o,s:s,s:s}", "asked", v->asked, "found",
                     v->look == NT_LOOK_SEEN ? json_integer((json_int_t)v->found) : json_null(),
                     "first", v->first, "why", v->why);
}

static json_t *controller_json(const struct nt_controller_facts *dc)
{
    char sid[NT_SID_TEXT] = "";
    const struct nt_admin_tdo *t = &dc->tdo.tdo;
    if (t->exists)
        nt_sid_format(&t->sid, sid);
    json_t *tdo =
        json_pack("{s:b,s:s,s:s,s:s,s:I,s:I,s:I,s:o}", "exists", t->exists, "name", t->name, "dns",
                  dc->tdo.dns, "sid", sid, "direction", (json_int_t)t->direction, "type",
                  (json_int_t)t->type, "attributes", (json_int_t)t->attributes, "encryption_types",
                  dc->tdo.enc_known ? json_integer((json_int_t)dc->tdo.enc_types) : json_null());
    json_t *account = json_pack(
        "{s:b,s:s,s:b,s:o}", "exists", dc->account.exists, "type",
        dc->account.exists ? nt_admin_account_type_name(dc->account.type) : "", "disabled",
        dc->account.disabled, "password_set", cli_time_json(dc->account.password_set));
    return json_pack(
        "{s:s,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "host", dc->host, "reached",
        cli_asked_json(&dc->reached, json_true()), "as_nobody", dc->nobody, "pdc",
        dc->role_known ? json_boolean(dc->pdc) : json_null(), "ports", ports_json(dc), "cldap",
        ping_json(&dc->ping), "session", protection_json(dc), "dns", dns_json(&dc->dns),
        "clock_ahead_s",
        dc->clock_known ? json_real((double)dc->ahead_100ns / NT_TIME_SECOND) : json_null(),
        "object", cli_asked_json(&dc->tdo_asked, tdo), "account",
        cli_asked_json(&dc->account_asked, account), "channel_before",
        cli_asked_json(&dc->before_asked, channel_json(&dc->before)), "channel",
        cli_asked_json(&dc->channel_asked, channel_json(&dc->channel)), "channel_anew", dc->anew);
}

json_t *cli_ends_json(const struct cli_ends *e)
{
    return cli_facts_json(&e->facts);
}

json_t *cli_facts_json(const struct nt_ends_facts *facts)
{
    json_t *ends = json_array();
    for (size_t i = 0; i < 2; i++) {
        const struct nt_end_facts *f = &facts->end[i];
        bool seen = nt_end_main(f) != NULL;
        char sid[NT_SID_TEXT] = "";
        json_t *controllers = json_array();
        for (size_t k = 0; k < f->count; k++)
            json_array_append_new(controllers, controller_json(&f->dc[k]));
        if (seen)
            nt_sid_format(&f->names.sid, sid);
        json_array_append_new(ends,
                              json_pack("{s:s,s:b,s:s,s:s,s:s,s:s,s:o}", "end", f->typed, "seen",
                                        seen, "name", f->names.name, "dns", f->names.dns, "sid",
                                        sid, "why", f->lost, "controllers", controllers));
    }
    return ends;
}
