/* Names that were looked for, and who answered; controllers that were asked for by datagram. */
#include <string.h>

#include "capture/capture_internal.h"
#include "netbios/dgm.h"
#include "netbios/mailslot.h"
#include "netbios/netlogon_msg.h"
#include "netbios/ns.h"

static struct nt_ends ends_of(const struct nt_packet *p, bool from_server)
{
    return from_server ? (struct nt_ends){ .client = p->to, .server = p->from }
                       : (struct nt_ends){ .client = p->from, .server = p->to };
}

/* Of a domain's controllers and computers: what else is looked for is not about trusts. */
static bool is_ours(const struct nt_nb_name *n)
{
    uint8_t type = n->b[NT_NB_NAME_LEN - 1];
    return type == NT_NB_PDC || type == NT_NB_CONTROLLERS || type == NT_NB_SERVER;
}

static const char *role(const struct nt_nb_name *n)
{
    uint8_t type = n->b[NT_NB_NAME_LEN - 1];
    return type == NT_NB_PDC           ? "the primary controller"
           : type == NT_NB_CONTROLLERS ? "the controllers"
                                       : "a server";
}

void nt_capture_name_service(struct nt_capture *c, nt_time at, const struct nt_packet *p)
{
    struct nt_ns_packet ns;
    struct nt_ns_address found[NT_NS_ADDRESSES];
    char name[NT_NB_NAME_TEXT], address[NT_ADDRESS_TEXT];
    if (nt_ns_read(p->data, p->len, &ns) != NT_OK || !is_ours(&ns.name))
        return;
    const struct nt_ends ends = ends_of(p, ns.response);
    nt_nb_name_format(&ns.name, name);
    if (ns.opcode == NT_NS_QUERY && ns.response && ns.rcode == NT_NS_OK &&
        ns.record_type == NT_NS_NB) {
        size_t count = nt_ns_addresses(&ns, found);
        if (count == 0)
            return;
        const uint32_t v4 = found[0].address;
        const struct nt_address first = { .b = { (uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16),
                                                 (uint8_t)(v4 >> 8), (uint8_t)v4 } };
        nt_capture_tell(c, &ends, at, "NetBIOS", NT_CAPTURE_PLAIN, "%s (%s) is at %s%s", name,
                        role(&ns.name), nt_address_format(&first, address),
                        count > 1 ? " and others" : "");
    } else if (ns.opcode == NT_NS_QUERY && ns.response && ns.rcode == NT_NS_NAM_ERR) {
        nt_capture_tell(c, &ends, at, "NetBIOS", NT_CAPTURE_BAD,
                        "%s (%s) is not known to this server", name, role(&ns.name));
    } else if (ns.response && (ns.rcode == NT_NS_ACT_ERR || ns.rcode == NT_NS_CFT_ERR)) {
        nt_capture_tell(c, &ends, at, "NetBIOS", NT_CAPTURE_BAD,
                        "%s may not be taken: another computer has that name", name);
    } else if (c->config.all && !ns.response && ns.opcode == NT_NS_QUERY) {
        nt_capture_tell(c, &ends, at, "NetBIOS", NT_CAPTURE_PLAIN, "looks for %s (%s)", name,
                        role(&ns.name));
    }
}

void nt_capture_datagram(struct nt_capture *c, nt_time at, const struct nt_packet *p)
{
    struct nt_dgm d;
    struct nt_mailslot m;
    struct nt_nl_request ask;
    struct nt_nl_response answer;
    char name[NT_NB_NAME_TEXT];
    if (nt_dgm_read(p->data, p->len, &d) != NT_OK || nt_mailslot_read(d.data, d.len, &m) != NT_OK)
        return;
    nt_nb_name_format(&d.destination, name);
    if (nt_nl_request_read(m.data, m.len, &ask) == NT_OK) {
        const struct nt_ends ends = ends_of(p, false);
        nt_capture_tell(c, &ends, at, "NetBIOS", NT_CAPTURE_PLAIN,
                        "%.60s asks %s for a controller%s%.60s", ask.computer, name,
                        *ask.user != '\0' ? " that knows " : "", ask.user);
    } else if (nt_nl_response_read(m.data, m.len, &answer) == NT_OK) {
        const struct nt_ends ends = ends_of(p, true);
        bool good = answer.opcode != NT_NL_SAM_PAUSE_RESPONSE;
        nt_capture_tell(c, &ends, at, "NetBIOS", good ? NT_CAPTURE_PLAIN : NT_CAPTURE_BAD,
                        "%.60s answers as a controller of %.60s%s", answer.server, answer.domain,
                        good ? "" : ", but its Netlogon is paused");
    }
}
