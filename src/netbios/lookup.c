#include "netbios/lookup.h"

#define TRIES        3 /* RFC 1002 6 */
#define BROADCAST_MS 250
#define COLLECT_MS   500 /* after the first answer to a broadcast, for those of others */
#define UNICAST_MS   700

void nt_nb_lookup_init(struct nt_nb_lookup *l, const struct nt_nb_lookup_config *config,
                       uint64_t now_ms)
{
    *l = (struct nt_nb_lookup){ .config = *config, .due_ms = now_ms };
    nt_random(config->env, &l->id, sizeof l->id);
    if (config->target_count == 0) {
        l->outcome = NT_NB_NO_ANSWER;
        l->due_ms = UINT64_MAX;
    }
}

static void end(struct nt_nb_lookup *l, enum nt_nb_outcome outcome)
{
    l->outcome = outcome;
    l->due_ms = UINT64_MAX;
}

/* The next server, or the end. */
static void next_server(struct nt_nb_lookup *l, uint64_t now_ms)
{
    l->tries = 0;
    l->due_ms = now_ms;
    if (++l->target == l->config.target_count)
        end(l, l->negative ? NT_NB_NO_NAME : NT_NB_NO_ANSWER);
}

/* Says what there is to say now. Each try of a broadcast goes to every target. */
static bool ask(struct nt_nb_lookup *l, uint64_t now_ms, struct nt_nb_packet *out)
{
    bool cast = l->config.how == NT_NB_ASK_BROADCAST, status = l->config.how == NT_NB_ASK_STATUS;
    out->local = 0;
    out->to = l->config.targets[l->target];
    out->port = l->config.port;
    nt_buf_clear(&out->data);
    nt_ns_write(&out->data,
                &(struct nt_ns_packet){
                    .id = l->id,
                    .opcode = NT_NS_QUERY,
                    .flags = status ? 0 : (uint16_t)(NT_NS_RD | (cast ? NT_NS_BROADCAST : 0)),
                    .name = l->config.name,
                    .has_question = true,
                    .question_type = status ? NT_NS_NBSTAT : NT_NS_NB });
    if (cast && ++l->target < l->config.target_count)
        return out->data.err == NT_OK; /* the next target is due at once */
    l->target = cast ? 0 : l->target;
    l->tries++;
    l->due_ms = now_ms + (cast ? BROADCAST_MS : UNICAST_MS);
    return out->data.err == NT_OK;
}

bool nt_nb_lookup_next(struct nt_nb_lookup *l, uint64_t now_ms, struct nt_nb_packet *out)
{
    bool cast = l->config.how == NT_NB_ASK_BROADCAST;
    while (l->outcome == NT_NB_PENDING && l->due_ms <= now_ms) {
        if (l->address_count > 0)
            end(l, NT_NB_FOUND); /* all had their time */
        else if (l->tries < TRIES)
            return ask(l, now_ms, out);
        else if (cast)
            end(l, NT_NB_NO_ANSWER);
        else
            next_server(l, now_ms);
    }
    return false;
}

static void take_addresses(struct nt_nb_lookup *l, const struct nt_ns_packet *p)
{
    struct nt_ns_address got[NT_NS_ADDRESSES];
    size_t count = nt_ns_addresses(p, got);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        /* What is no address of a host is no answer. */
        if (got[i].address == 0 || got[i].address >> 28 >= 14)
            continue;
        while (k < l->address_count && l->addresses[k].address != got[i].address)
            k++;
        if (k == l->address_count && k < NT_NS_ADDRESSES)
            l->addresses[l->address_count++] = got[i];
    }
}

bool nt_nb_lookup_feed(struct nt_nb_lookup *l, uint32_t from, const uint8_t *data, size_t len,
                       uint64_t now_ms)
{
    struct nt_ns_packet p;
    bool cast = l->config.how == NT_NB_ASK_BROADCAST;
    if (l->outcome != NT_NB_PENDING || nt_ns_read(data, len, &p) != NT_OK)
        return false;
    if (!p.response || p.id != l->id || !nt_nb_name_equal(&p.name, &l->config.name) ||
        (p.opcode != NT_NS_QUERY && p.opcode != NT_NS_WACK) ||
        (!cast && from != l->config.targets[l->target]))
        return false;
    if (p.opcode == NT_NS_WACK)
        return true; /* the tries go on, which is wait enough */
    if (p.rcode != NT_NS_OK) {
        l->negative = true;
        if (!cast)
            next_server(l, now_ms);
        return true;
    }
    if (l->config.how == NT_NB_ASK_STATUS) {
        l->name_count = nt_ns_status_names(&p, l->names);
        l->by = from;
        end(l, NT_NB_FOUND);
        return true;
    }
    bool first = l->address_count == 0;
    take_addresses(l, &p);
    if (l->address_count == 0)
        return false;
    if (first)
        l->by = from;
    if (!cast)
        end(l, NT_NB_FOUND);
    else if (first)
        l->due_ms = now_ms + COLLECT_MS;
    return true;
}

uint64_t nt_nb_lookup_deadline(const struct nt_nb_lookup *l)
{
    return l->due_ms;
}
