/* compare_network.c - whether the ends are reached, let us look, and find each other: N1, N2. */
#include "repair/compare_internal.h"

/* --- ports --- */

static const struct {
    uint16_t number;
    const char *name;
} ports[NT_PORT_COUNT] = {
    [NT_PORT_DNS] = { 53, "DNS" },
    [NT_PORT_KERBEROS] = { 88, "Kerberos" },
    [NT_PORT_EPM] = { 135, "endpoint mapper" },
    [NT_PORT_LDAP] = { 389, "LDAP" },
};

uint16_t nt_port_number(enum nt_port_of port)
{
    return ports[port].number;
}

const char *nt_port_name(enum nt_port_of port)
{
    return ports[port].name;
}

const char *nt_port_state_name(enum nt_port_state state)
{
    static const char *const names[] = { "not tried", "open", "closed", "silent" };
    return names[state];
}

/* --- network, and whether the ends let us look --- */

static void judge_unseen(struct compare *j, const struct nt_end_facts *e)
{
    const char *name = nt_end_name(e);
    if (e->count == 0) {
        compare_find(j, NT_GRADE_CRITICAL, "%s", e->lost);
        if (compare_blame(j, "name-unresolvable", name)) {
            VERDICT(j, "no controller of %s is known", name);
            CAUSE(j, "%s", e->lost);
            REMEDY(j, "name one: %s@SERVER", e->typed);
        }
        return;
    }
    const struct nt_admin_error *error = &e->dc[0].reached.error;
    if (e->dc[0].reached.look != NT_LOOK_FAILED) {
        compare_find(j, NT_GRADE_UNKNOWN, "%s was not looked at: no administrator of it was named",
                     name);
        return;
    }
    bool network = error->kind == NT_ADMIN_NETWORK;
    if (!network && error->kind != NT_ADMIN_NAME_UNKNOWN) {
        compare_find(j, NT_GRADE_UNKNOWN, "%s: %s", name, error->text);
        return;
    }
    compare_find(j, NT_GRADE_CRITICAL, "%s: %s", name, error->text);
    if (!compare_blame(j, network ? "unreachable" : "name-unresolvable", name))
        return;
    VERDICT(j, "the controller of %s cannot be reached", name);
    CAUSE(j, "%s", error->text);
    REMEDY(j, "start the controller of %s, or name one that runs: %s@SERVER", name, e->typed);
}

static bool finds_nobody(uint32_t werr)
{
    return werr == NT_WERR_NO_LOGON_SERVERS || werr == COMPARE_DC_NOT_FOUND ||
           werr == NT_WERR_NO_SUCH_DOMAIN || werr == COMPARE_RPC_UNAVAILABLE ||
           werr == COMPARE_NO_ENDPOINT || werr == COMPARE_TRUST_FAILURE;
}

/* Its DNS leads to the other end, so what it says has another cause. */
static void blame_memory(struct compare *j, const struct nt_controller_facts *dc,
                         const struct nt_end_facts *e, const struct nt_end_facts *other)
{
    const char *name = nt_end_name(other);
    bool unknown = dc->channel.werr == NT_WERR_NO_SUCH_DOMAIN;
    if (!compare_blame(j, unknown ? "trust-not-loaded" : "peer-unreachable", nt_end_name(e)))
        return;
    if (unknown) {
        VERDICT(j, "%s does not know the trust with %s yet", dc->host, name);
        CAUSE(j,
              "its directory has the trusted domain object and its DNS finds %s, but it says that "
              "there is no such domain: Samba reads the list of trusts when it starts, and misses "
              "one that came by replication afterwards",
              name);
        REMEDY(j, "systemctl restart samba-ad-dc at %s, then check again", dc->host);
        return;
    }
    VERDICT(j, "%s does not reach the controllers of %s", nt_end_name(e), name);
    CAUSE(j,
          "%s answers here (%s), and the DNS of %s leads there; but it remembers for a minute that "
          "the other was down, or a firewall stands between the two",
          name, other->dc[other->main].host, dc->host);
    REMEDY(j, "wait a minute, or net cache flush at %s, then check again", dc->host);
}

static void blame_names(struct compare *j, const struct nt_controller_facts *dc,
                        const struct nt_end_facts *e, const struct nt_end_facts *other)
{
    const char *name = nt_end_name(other), *dns = other->names.dns;
    if (!compare_blame(j, "name-resolution", nt_end_name(e)))
        return;
    VERDICT(j, "%s does not find the controllers of %s", nt_end_name(e), name);
    CAUSE(j,
          "%s answers here (%s), but %s does not find it: its name resolution does not lead "
          "there (a DNS forwarder, WINS), a firewall stands between the two, or it remembers "
          "for a minute that the other was down",
          name, other->dc[other->main].host, dc->host);
    if (dns[0] != '\0')
        REMEDY(j, "host -t SRV _ldap._tcp.dc._msdcs.%s %s", dns, dc->host);
    else
        REMEDY(j, "make the names %s<1b> and %s<1c> known at %s (WINS, lmhosts)", name, name,
               dc->host);
}

/* N1: we reach both, and the one does not find the other. */
static void judge_finding(struct compare *j, size_t i)
{
    const struct nt_end_facts *e = &j->f->end[i], *other = &j->f->end[1 - i];
    for (size_t k = 0; k < e->count; k++) {
        const struct nt_controller_facts *dc = &e->dc[k];
        if (dc->channel_asked.look != NT_LOOK_SEEN || !compare_has(dc, NT_ADMIN_OUTBOUND) ||
            !finds_nobody(dc->channel.werr))
            continue;
        compare_find(j, NT_GRADE_CRITICAL, "%s finds no controller of %s (%u %s)", dc->host,
                     nt_end_name(other), dc->channel.werr, nt_werror_name(dc->channel.werr));
        if (nt_end_main(other) == NULL)
            continue;
        if (dc->dns.look == NT_LOOK_SEEN && dc->dns.found > 0)
            blame_memory(j, dc, e, other);
        else
            blame_names(j, dc, e, other);
    }
}

/* The channel may live on from before the domain's DNS lost the other one; users' tickets do not.
 */
static void judge_dns(struct compare *j, size_t i)
{
    const struct nt_end_facts *e = &j->f->end[i];
    const char *name = nt_end_name(e), *other = nt_end_name(&j->f->end[1 - i]);
    for (size_t k = 0; k < e->count; k++) {
        const struct nt_controller_facts *dc = &e->dc[k];
        if (dc->dns.look != NT_LOOK_SEEN || dc->dns.found > 0 ||
            !compare_has(dc, NT_ADMIN_OUTBOUND))
            continue;
        compare_find(j, NT_GRADE_WARNING, "the DNS server of %s has no %s: %s", dc->host,
                     dc->dns.asked, dc->dns.why);
        if (!compare_blame(j, "name-resolution", name))
            continue;
        VERDICT(j, "the DNS of %s does not find the controllers of %s", name, other);
        CAUSE(
            j,
            "%s answers for its own domain, but to %s: %s. Its forwarder or zone for %s is wrong; "
            "a secure channel from before goes on working until it is set up anew",
            dc->host, dc->dns.asked, dc->dns.why, other);
        REMEDY(j, "host -t SRV %s %s", dc->dns.asked, dc->host);
    }
}

/* N2. What an Active Directory controller offers; DNS may be elsewhere. */
static void judge_ports(struct compare *j, const struct nt_end_facts *e)
{
    static const enum nt_port_of needed[] = { NT_PORT_KERBEROS, NT_PORT_EPM, NT_PORT_LDAP };
    if (e->names.dns[0] == '\0')
        return;
    for (size_t k = 0; k < e->count; k++)
        for (size_t p = 0; p < NT_COUNT(needed); p++) {
            const struct nt_controller_facts *dc = &e->dc[k];
            enum nt_port_state state = dc->ports[needed[p]];
            if (dc->reached.look != NT_LOOK_SEEN ||
                (state != NT_PORT_CLOSED && state != NT_PORT_SILENT))
                continue;
            compare_find(j, NT_GRADE_WARNING, "port %u (%s) of %s is %s from here",
                         nt_port_number(needed[p]), nt_port_name(needed[p]), dc->host,
                         nt_port_state_name(state));
            if (!compare_blame(j, "port-closed", nt_end_name(e)))
                continue;
            VERDICT(j, "a port that trusts need is not open at %s", nt_end_name(e));
            CAUSE(j, "port %u (%s) of %s %s, seen from this computer", nt_port_number(needed[p]),
                  nt_port_name(needed[p]), dc->host,
                  state == NT_PORT_CLOSED
                      ? "refuses connections: the service does not run, or a firewall rejects"
                      : "does not answer: a firewall drops what is sent there");
            REMEDY(j, "open port %u of %s, or start its service", nt_port_number(needed[p]),
                   dc->host);
        }
}

static void judge_others(struct compare *j, const struct nt_end_facts *e)
{
    for (size_t k = 0; k < e->count; k++) {
        const struct nt_asked *r = &e->dc[k].reached;
        if (r->look != NT_LOOK_FAILED)
            continue;
        if (!compare_is_away(&e->dc[k])) { /* it runs, and lets this administrator see nothing */
            compare_find(j, NT_GRADE_UNKNOWN, "%s", r->error.text);
            continue;
        }
        compare_find(j, NT_GRADE_WARNING, "%s", r->error.text);
        if (compare_blame(j, "controller-down", nt_end_name(e))) {
            VERDICT(j, "a controller of %s does not answer", nt_end_name(e));
            CAUSE(j, "%s", r->error.text);
            REMEDY(j, "start %s, or remove its records from DNS", e->dc[k].host);
        }
    }
}

void compare_network(struct compare *j)
{
    size_t seen = 0;
    for (size_t i = 0; i < 2; i++)
        if (nt_end_main(&j->f->end[i]) == NULL)
            judge_unseen(j, &j->f->end[i]);
        else
            seen++;
    for (size_t i = 0; i < 2; i++)
        judge_finding(j, i);
    for (size_t i = 0; i < 2; i++)
        if (nt_end_main(&j->f->end[i]) != NULL)
            judge_others(j, &j->f->end[i]);
    for (size_t i = 0; i < 2; i++) {
        judge_dns(j, i);
        judge_ports(j, &j->f->end[i]);
    }
    if (seen == 2)
        compare_find(j, NT_GRADE_GOOD, "%s and %s answer", j->f->end[0].dc[j->f->end[0].main].host,
                     j->f->end[1].dc[j->f->end[1].main].host);
}
