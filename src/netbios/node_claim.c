/*
 * node_claim.c - how the node gets and keeps its names.
 *
 * Broadcast, RFC 1002 5.1.1.1: the request is said three times; where nobody objects the name is
 * ours, and that is said once more. WINS, 5.1.2.1 and [MS-NBTE] 3.1: the server answers, with the
 * time that the name is ours for; half of it later the name is refreshed. A server that keeps
 * silent makes the next one be asked.
 */
#include "netbios/node_internal.h"

#include "base/bytes.h"

#define BROADCAST_TRIES 3 /* RFC 1002 6 */
#define BROADCAST_MS    250
#define WINS_TRIES      3
#define WINS_MS         1500
#define WAIT_MOST_MS    60000  /* that a WACK may make us wait */
#define SILENT_MS       60000  /* until WINS is tried again */
#define REFUSED_MS      300000 /* until a name that another has is tried again */
#define TTL_WANTED_S    300000
#define TTL_LEAST_S     60
#define TTL_MOST_S      864000
#define CONFLICT_LOG_MS 60000 /* between two lines on the same name */

void nb_event(struct nt_nb_node *n, enum nt_nb_event_kind kind, enum nt_nb_road road, size_t name,
              uint32_t address)
{
    if (n->event_count < NT_NB_EVENTS)
        n->events[n->event_count++] = (struct nt_nb_event){ kind, road, name, address };
}

uint16_t nb_flags(const struct nt_nb_node *n, bool group)
{
    static const uint16_t kinds[] = { [NT_NB_B] = NT_NB_B_NODE,
                                      [NT_NB_P] = NT_NB_P_NODE,
                                      [NT_NB_M] = NT_NB_M_NODE,
                                      [NT_NB_H] = NT_NB_H_NODE };
    return (uint16_t)(kinds[n->config.mode] | (group ? NT_NB_GROUP : 0));
}

static void new_id(struct nt_nb_node *n, struct nt_nb_claim *c)
{
    nt_random(n->config.env, &c->id, sizeof c->id);
}

void nb_claim_begin(struct nt_nb_node *n, struct nt_nb_claim *c, enum nt_nb_road road,
                    uint64_t now_ms)
{
    bool on = road == NT_NB_BY_WINS ? n->config.mode != NT_NB_B && n->config.wins_count > 0
                                    : n->config.mode != NT_NB_P;
    *c = (struct nt_nb_claim){ .state = on ? NT_NB_ASKING : NT_NB_OFF,
                               .due_ms = on ? now_ms : UINT64_MAX };
    new_id(n, c);
}

/* Asks for the name anew, as at the start. */
static void again(struct nt_nb_node *n, struct nt_nb_claim *c, uint64_t due_ms)
{
    c->tries = c->server_tries = 0;
    c->due_ms = due_ms;
    new_id(n, c);
}

/* --- what is sent --- */

static void write_request(struct nt_nb_node *n, const struct nt_nb_own *own, uint32_t address,
                          uint16_t id, uint8_t opcode, uint16_t flags, uint32_t ttl_s,
                          struct nt_buf *b)
{
    uint8_t rdata[6];
    nt_put_be16(rdata, nb_flags(n, own->group));
    nt_put_be32(rdata + 2, address);
    nt_ns_write(b, &(struct nt_ns_packet){ .id = id,
                                           .opcode = opcode,
                                           .flags = flags,
                                           .name = own->name,
                                           .has_question = true,
                                           .question_type = NT_NS_NB,
                                           .has_record = true,
                                           .additional = true,
                                           .record_type = NT_NS_NB,
                                           .ttl = ttl_s,
                                           .rdata = rdata,
                                           .rdata_len = sizeof rdata });
}

/* False: the name is ours and nothing more is to be said. */
static bool broadcast_step(struct nt_nb_node *n, size_t name, const struct nt_nb_iface *i,
                           struct nt_nb_claim *c, uint64_t now_ms, struct nt_nb_packet *out)
{
    out->to = i->broadcast;
    /* The last one, without "recursion desired", is the overwrite demand: the name is taken. */
    bool taken = c->tries == BROADCAST_TRIES;
    write_request(n, &n->names[name], i->address, c->id, NT_NS_REGISTRATION,
                  (uint16_t)(NT_NS_BROADCAST | (taken ? 0 : NT_NS_RD)), 0, &out->data);
    c->state = taken ? NT_NB_HELD : NT_NB_ASKING;
    c->due_ms = taken ? UINT64_MAX : now_ms + BROADCAST_MS;
    c->tries = taken ? 0 : c->tries + 1;
    if (taken)
        nb_event(n, NT_NB_EV_HELD, NT_NB_BY_BROADCAST, name, i->address);
    return true;
}

static bool wins_step(struct nt_nb_node *n, size_t name, const struct nt_nb_iface *i,
                      struct nt_nb_claim *c, uint64_t now_ms, struct nt_nb_packet *out)
{
    const struct nt_nb_own *own = &n->names[name];
    if (c->tries == WINS_TRIES) {
        c->tries = 0;
        c->server = (uint8_t)((c->server + 1u) % n->config.wins_count);
        c->server_tries++;
        new_id(n, c);
        if (c->server_tries == n->config.wins_count) {
            if (c->state != NT_NB_SILENT)
                nb_event(n, NT_NB_EV_WINS_SILENT, NT_NB_BY_WINS, name, 0);
            c->state = NT_NB_SILENT;
            again(n, c, now_ms + SILENT_MS);
            return false;
        }
        c->refresh = false; /* another server does not know it yet */
    }
    uint8_t opcode = c->refresh   ? NT_NS_REFRESH
                     : own->group ? NT_NS_REGISTRATION
                                  : NT_NS_MULTIHOMED;
    out->to = n->config.wins[c->server];
    write_request(n, own, i->address, c->id, opcode, c->refresh ? 0 : NT_NS_RD, TTL_WANTED_S,
                  &out->data);
    if (c->state != NT_NB_HELD && c->state != NT_NB_SILENT)
        c->state = NT_NB_ASKING;
    c->tries++;
    c->due_ms = now_ms + WINS_MS;
    return true;
}

/* Gives a name back; nobody answers to that but WINS, which is not waited for. */
static bool release_step(struct nt_nb_node *n, size_t name, const struct nt_nb_iface *i,
                         enum nt_nb_road road, struct nt_nb_claim *c, struct nt_nb_packet *out)
{
    bool wins = road == NT_NB_BY_WINS;
    out->to = wins ? n->config.wins[c->server] : i->broadcast;
    new_id(n, c);
    write_request(n, &n->names[name], i->address, c->id, NT_NS_RELEASE, wins ? 0 : NT_NS_BROADCAST,
                  0, &out->data);
    c->state = NT_NB_OFF;
    c->due_ms = UINT64_MAX;
    return true;
}

bool nt_nb_node_next(struct nt_nb_node *n, uint64_t now_ms, struct nt_nb_packet *out)
{
    for (size_t name = 0; name < n->name_count; name++)
        for (int road = 0; road < NT_NB_ROADS; road++)
            for (size_t i = 0; i < n->iface_count; i++) {
                struct nt_nb_claim *c = &n->names[name].claims[road][i];
                const struct nt_nb_iface *iface = &n->ifaces[i];
                bool sent;
                if (c->due_ms > now_ms)
                    continue;
                nt_buf_clear(&out->data);
                out->local = iface->address;
                out->port = n->config.port;
                if (n->stopping)
                    sent = release_step(n, name, iface, (enum nt_nb_road)road, c, out);
                else if (road == NT_NB_BY_WINS)
                    sent = wins_step(n, name, iface, c, now_ms, out);
                else
                    sent = broadcast_step(n, name, iface, c, now_ms, out);
                if (sent && out->data.err == NT_OK)
                    return true;
            }
    return false;
}

uint64_t nt_nb_node_deadline(const struct nt_nb_node *n)
{
    uint64_t at = UINT64_MAX;
    for (size_t name = 0; name < n->name_count; name++)
        for (int road = 0; road < NT_NB_ROADS; road++)
            for (size_t i = 0; i < n->iface_count; i++)
                if (n->names[name].claims[road][i].due_ms < at)
                    at = n->names[name].claims[road][i].due_ms;
    return at;
}

void nt_nb_node_stop(struct nt_nb_node *n, uint64_t now_ms)
{
    n->stopping = true;
    for (size_t name = 0; name < n->name_count; name++)
        for (int road = 0; road < NT_NB_ROADS; road++)
            for (size_t i = 0; i < n->iface_count; i++) {
                struct nt_nb_claim *c = &n->names[name].claims[road][i];
                c->due_ms = c->state == NT_NB_HELD ? now_ms : UINT64_MAX;
            }
}

/* --- what is answered --- */

static void refused(struct nt_nb_node *n, struct nt_nb_claim *c, enum nt_nb_road road, size_t name,
                    uint32_t by, uint64_t now_ms)
{
    if (c->state != NT_NB_REFUSED || c->by != by)
        nb_event(n, NT_NB_EV_REFUSED, road, name, by);
    c->state = NT_NB_REFUSED;
    c->by = by;
    c->refresh = false;
    again(n, c, now_ms + REFUSED_MS);
}

static void wins_answered(struct nt_nb_node *n, struct nt_nb_claim *c, size_t name, uint32_t from,
                          const struct nt_ns_packet *p, uint64_t now_ms)
{
    if (p->opcode == NT_NS_WACK) {
        uint64_t wait = p->ttl < WAIT_MOST_MS / 1000 ? p->ttl * UINT64_C(1000) : WAIT_MOST_MS;
        c->due_ms = now_ms + (wait > WINS_MS ? wait : WINS_MS);
        return;
    }
    if (p->rcode == NT_NS_OK) {
        uint32_t ttl = p->ttl == 0 || p->ttl > TTL_MOST_S ? TTL_MOST_S : p->ttl;
        ttl = ttl < TTL_LEAST_S ? TTL_LEAST_S : ttl;
        if (c->state != NT_NB_HELD)
            nb_event(n, NT_NB_EV_HELD, NT_NB_BY_WINS, name, from);
        c->state = NT_NB_HELD;
        c->by = from;
        c->refresh = true;
        again(n, c, now_ms + ttl * UINT64_C(500));
    } else if (c->refresh) {
        c->refresh = false; /* it has forgotten the name, or given it away */
        again(n, c, now_ms);
    } else {
        refused(n, c, NT_NB_BY_WINS, name, from, now_ms);
    }
}

/* A name conflict demand, RFC 1002 4.2.8, would take a name from us without any proof: it is told
 * and not obeyed. CVE-2000-0673 */
static void conflict_demanded(struct nt_nb_node *n, uint32_t from, const struct nt_ns_packet *p,
                              uint64_t now_ms)
{
    for (size_t i = 0; i < n->name_count; i++) {
        struct nt_nb_own *own = &n->names[i];
        if (!nt_nb_name_equal(&own->name, &p->name) || now_ms < own->told_ms)
            continue;
        own->told_ms = now_ms + CONFLICT_LOG_MS;
        nb_event(n, NT_NB_EV_CONFLICT, NT_NB_BY_BROADCAST, i, from);
    }
}

static bool is_wins(const struct nt_nb_node *n, const struct nt_nb_claim *c, uint32_t from)
{
    return n->config.wins[c->server] == from;
}

void nb_claim_answered(struct nt_nb_node *n, uint32_t from, const struct nt_ns_packet *p,
                       uint64_t now_ms)
{
    bool about_claims = p->opcode == NT_NS_REGISTRATION || p->opcode == NT_NS_MULTIHOMED ||
                        p->opcode == NT_NS_REFRESH || p->opcode == NT_NS_REFRESH_ALT ||
                        p->opcode == NT_NS_WACK;
    if (!about_claims || n->stopping)
        return;
    for (size_t name = 0; name < n->name_count; name++) {
        if (!nt_nb_name_equal(&n->names[name].name, &p->name))
            continue;
        for (size_t i = 0; i < n->iface_count; i++) {
            struct nt_nb_claim *wins = &n->names[name].claims[NT_NB_BY_WINS][i];
            struct nt_nb_claim *cast = &n->names[name].claims[NT_NB_BY_BROADCAST][i];
            if (wins->state != NT_NB_OFF && wins->tries > 0 && wins->id == p->id &&
                is_wins(n, wins, from)) {
                wins_answered(n, wins, name, from, p, now_ms);
                return;
            }
            if (cast->state == NT_NB_ASKING && cast->tries > 0 && cast->id == p->id &&
                p->opcode == NT_NS_REGISTRATION && p->rcode != NT_NS_OK) {
                refused(n, cast, NT_NB_BY_BROADCAST, name, from, now_ms);
                return;
            }
        }
    }
    if (p->opcode == NT_NS_REGISTRATION && p->rcode == NT_NS_CFT_ERR)
        conflict_demanded(n, from, p, now_ms);
}
