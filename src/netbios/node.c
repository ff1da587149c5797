#include "netbios/node_internal.h"

#include <string.h>

#include "base/bytes.h"

/* Answers to one address: an ordinary client asks a few times in a minute. */
#define ANSWERS_PER_S   20
#define ANSWERS_BURST   60
#define CONFLICT_LOG_MS 60000
#define ANSWER_TTL_S    300000 /* as long as a name is registered for */

const char *nt_nb_mode_name(enum nt_nb_mode mode)
{
    static const char *const names[] = { "b", "p", "m", "h" };
    return names[mode];
}

const char *nt_nb_claim_state_name(enum nt_nb_claim_state state)
{
    static const char *const names[] = { "off", "asking", "held", "refused", "silent" };
    return names[state];
}

/* --- life --- */

static void add_name(struct nt_nb_node *n, const char *text, uint8_t type, bool group)
{
    struct nt_nb_own *own = &n->names[n->name_count];
    *own = (struct nt_nb_own){ .group = group };
    if (nt_nb_name_set(&own->name, text, type))
        n->name_count++;
}

void nt_nb_node_init(struct nt_nb_node *n, const struct nt_nb_node_config *config)
{
    uint32_t seed;
    memset(n, 0, sizeof *n);
    n->config = *config;
    n->config.domain = n->config.computer = NULL;
    nt_random(config->env, &seed, sizeof seed);
    nt_nb_rate_init(&n->rate, ANSWERS_PER_S, ANSWERS_BURST, seed);
    add_name(n, config->computer, NT_NB_WORKSTATION, false);
    add_name(n, config->computer, NT_NB_SERVER, false);
    add_name(n, config->domain, NT_NB_WORKSTATION, true);
    add_name(n, config->domain, NT_NB_CONTROLLERS, true);
    add_name(n, config->domain, NT_NB_PDC, false);
}

void nt_nb_node_set_ifaces(struct nt_nb_node *n, const struct nt_nb_iface *ifaces, size_t count,
                           uint64_t now_ms)
{
    struct nt_nb_node before = *n;
    n->iface_count = count < NT_NB_IFACES ? count : NT_NB_IFACES;
    for (size_t i = 0; i < n->iface_count; i++) {
        size_t was = 0;
        n->ifaces[i] = ifaces[i];
        while (was < before.iface_count &&
               memcmp(&before.ifaces[was], &ifaces[i], sizeof ifaces[i]) != 0)
            was++;
        for (size_t name = 0; name < n->name_count; name++)
            for (int road = 0; road < NT_NB_ROADS; road++) {
                struct nt_nb_claim *c = &n->names[name].claims[road][i];
                if (was < before.iface_count)
                    *c = before.names[name].claims[road][was];
                else
                    nb_claim_begin(n, c, (enum nt_nb_road)road, now_ms);
                if (road == NT_NB_BY_BROADCAST && ifaces[i].broadcast == 0)
                    *c = (struct nt_nb_claim){ .due_ms = UINT64_MAX };
            }
    }
}

bool nt_nb_node_event(struct nt_nb_node *n, struct nt_nb_event *ev)
{
    if (n->event_count == 0)
        return false;
    *ev = n->events[0];
    n->event_count--;
    memmove(n->events, n->events + 1, n->event_count * sizeof n->events[0]);
    return true;
}

/* --- what there is --- */

static struct nt_nb_own *own_of(struct nt_nb_node *n, const struct nt_nb_name *name)
{
    for (size_t i = 0; i < n->name_count; i++)
        if (nt_nb_name_equal(&n->names[i].name, name))
            return &n->names[i];
    return NULL;
}

bool nt_nb_node_is_own(const struct nt_nb_node *n, const struct nt_nb_name *name)
{
    for (size_t i = 0; i < n->name_count; i++)
        if (nt_nb_name_equal(&n->names[i].name, name))
            return true;
    return false;
}

enum nt_nb_claim_state nt_nb_node_state(const struct nt_nb_node *n, size_t name,
                                        enum nt_nb_road road, uint32_t *by)
{
    static const int rank[] = { [NT_NB_OFF] = 0,
                                [NT_NB_SILENT] = 1,
                                [NT_NB_REFUSED] = 2,
                                [NT_NB_ASKING] = 3,
                                [NT_NB_HELD] = 4 };
    enum nt_nb_claim_state best = NT_NB_OFF;
    *by = 0;
    for (size_t i = 0; i < n->iface_count; i++) {
        const struct nt_nb_claim *c = &n->names[name].claims[road][i];
        if (rank[c->state] > rank[best]) {
            best = c->state;
            *by = c->by;
        }
    }
    return best;
}

/* Held on one road at least. Who has only asked for it yet does not answer for it. */
static bool held(const struct nt_nb_node *n, const struct nt_nb_own *own)
{
    for (int road = 0; road < NT_NB_ROADS; road++)
        for (size_t i = 0; i < n->iface_count; i++)
            if (own->claims[road][i].state == NT_NB_HELD)
                return true;
    return false;
}

/* --- answers --- */

static void answer(const struct nt_ns_packet *asked, uint16_t flags, uint8_t opcode, uint8_t rcode,
                   uint16_t type, uint32_t ttl, const struct nt_buf *rdata, struct nt_buf *b)
{
    nt_ns_write(b, &(struct nt_ns_packet){ .id = asked->id,
                                           .response = true,
                                           .opcode = opcode,
                                           .flags = flags,
                                           .rcode = rcode,
                                           .name = asked->name,
                                           .has_record = true,
                                           .record_type = type,
                                           .ttl = ttl,
                                           .rdata = rdata->data,
                                           .rdata_len = rdata->len });
    if (rdata->err != NT_OK)
        nt_buf_fail(b, rdata->err);
}

/* Our addresses, the one that was asked first. */
static bool answer_query(const struct nt_nb_node *n, const struct nt_nb_own *own, uint32_t local,
                         const struct nt_ns_packet *p, struct nt_buf *b)
{
    struct nt_buf rdata;
    nt_buf_init(&rdata, NT_NB_PACKET_MAX);
    for (int others = 0; others < 2; others++)
        for (size_t i = 0; i < n->iface_count; i++) {
            if ((n->ifaces[i].address != local) != (others != 0))
                continue;
            nt_buf_u16be(&rdata, nb_flags(n, own->group));
            nt_buf_u32be(&rdata, n->ifaces[i].address);
        }
    answer(p, NT_NS_AA | (p->flags & NT_NS_RD), NT_NS_QUERY, NT_NS_OK, NT_NS_NB, ANSWER_TTL_S,
           &rdata, b);
    nt_buf_free(&rdata);
    return true;
}

/* To a question that was for us alone; to a broadcast who does not have the name keeps silent. */
static bool answer_unknown(const struct nt_ns_packet *p, struct nt_buf *b)
{
    struct nt_buf none = { .limit = 0 };
    answer(p, NT_NS_AA | (p->flags & NT_NS_RD), NT_NS_QUERY, NT_NS_NAM_ERR, NT_NS_NULL, 0, &none,
           b);
    return true;
}

static bool answer_status(const struct nt_nb_node *n, const struct nt_ns_packet *p,
                          struct nt_buf *b)
{
    struct nt_ns_status_name names[NT_NB_NAMES];
    size_t count = 0;
    struct nt_buf rdata;
    for (size_t i = 0; i < n->name_count; i++)
        if (held(n, &n->names[i]))
            names[count++] =
                (struct nt_ns_status_name){ n->names[i].name,
                                            nb_flags(n, n->names[i].group) | NT_NB_ACTIVE };
    nt_buf_init(&rdata, NT_NB_PACKET_MAX);
    nt_ns_status_write(&rdata, names, count);
    answer(p, NT_NS_AA, NT_NS_QUERY, NT_NS_OK, NT_NS_NBSTAT, 0, &rdata, b);
    nt_buf_free(&rdata);
    return true;
}

static bool query(struct nt_nb_node *n, uint32_t local, bool broadcast,
                  const struct nt_ns_packet *p, struct nt_buf *b)
{
    const struct nt_nb_own *own = own_of(n, &p->name);
    bool mine = own != NULL && held(n, own);
    if (!p->has_question)
        return false;
    if (p->question_type == NT_NS_NBSTAT && (mine || nt_nb_name_is_star(&p->name)))
        return answer_status(n, p, b);
    if (p->question_type != NT_NS_NB)
        return false;
    if (mine)
        return answer_query(n, own, local, p, b);
    return !broadcast && own == NULL && answer_unknown(p, b);
}

/* --- defence --- */

static bool is_ours(const struct nt_nb_node *n, uint32_t address)
{
    for (size_t i = 0; i < n->iface_count; i++)
        if (n->ifaces[i].address == address)
            return true;
    return false;
}

/* Somebody claims a name by broadcast. Groups may have many members; anything else that meets a
 * name of ours is objected to, RFC 1002 5.1.1.5. */
static bool defend(struct nt_nb_node *n, uint32_t from, const struct nt_ns_packet *p,
                   uint64_t now_ms, struct nt_buf *b)
{
    struct nt_nb_own *own = own_of(n, &p->name);
    struct nt_ns_address claimed[NT_NS_ADDRESSES];
    size_t count = nt_ns_addresses(p, claimed);
    if (own == NULL || count == 0 || !held(n, own))
        return false;
    bool group = (claimed[0].flags & NT_NB_GROUP) != 0;
    if (group && own->group)
        return false;
    if (now_ms >= own->told_ms) {
        own->told_ms = now_ms + CONFLICT_LOG_MS;
        nb_event(n, NT_NB_EV_CONFLICT, NT_NB_BY_BROADCAST, (size_t)(own - n->names), from);
    }
    if ((p->flags & NT_NS_RD) == 0)
        return false; /* it does not ask any more */
    struct nt_buf rdata;
    nt_buf_init(&rdata, 6);
    nt_buf_put(&rdata, p->rdata, 6);
    answer(p, NT_NS_AA | NT_NS_RD | NT_NS_RA, NT_NS_REGISTRATION, NT_NS_ACT_ERR, NT_NS_NB, 0,
           &rdata, b);
    nt_buf_free(&rdata);
    return true;
}

bool nt_nb_node_feed(struct nt_nb_node *n, uint32_t from, uint16_t port, uint32_t local,
                     bool broadcast, const uint8_t *data, size_t len, uint64_t now_ms,
                     struct nt_nb_packet *out)
{
    struct nt_ns_packet p;
    bool said = false;
    nt_buf_clear(&out->data);
    if (from == 0 || port == 0 || nt_ns_read(data, len, &p) != NT_OK)
        return false;
    if (p.response) {
        if (!is_ours(n, from))
            nb_claim_answered(n, from, &p, now_ms);
        return false;
    }
    bool asks = p.opcode == NT_NS_QUERY;
    /* A registration that is not broadcast is for a WINS server, and we are none. */
    bool claims = p.opcode == NT_NS_REGISTRATION && broadcast && !is_ours(n, from);
    if (n->stopping || !(asks || claims))
        return false;
    if (n->config.mode == NT_NB_P && broadcast)
        return false;
    if (asks)
        said = query(n, local, broadcast, &p, &out->data);
    else
        said = defend(n, from, &p, now_ms, &out->data);
    said = said && out->data.err == NT_OK && nt_nb_rate_take(&n->rate, from, now_ms);
    out->local = local;
    out->to = from;
    out->port = port;
    return said;
}
