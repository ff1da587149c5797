/*
 * dgm.h - packets of the datagram service. Only whole datagrams: what NETLOGON sends is never in
 * fragments. RFC 1002 4.4, [MS-NBTE] 2.2.4
 */
#ifndef NT_NETBIOS_DGM_H
#define NT_NETBIOS_DGM_H

#include "netbios/name.h"

enum nt_dgm_type { NT_DGM_UNIQUE = 0x10, NT_DGM_GROUP = 0x11, NT_DGM_BROADCAST = 0x12 };

enum nt_dgm_node { NT_DGM_B_NODE = 0, NT_DGM_P_NODE = 1, NT_DGM_M_NODE = 2 };

struct nt_dgm {
    enum nt_dgm_type type;
    enum nt_dgm_node node; /* what the sender is */
    uint16_t id;
    uint32_t source_address; /* as the sender says, which is not the packet's behind NAT */
    uint16_t source_port;
    struct nt_nb_name source, destination;
    const uint8_t *data; /* reading: within the packet */
    size_t len;
};

/* NT_E_UNSUPPORTED: a fragment, an error message or a query. */
enum nt_err nt_dgm_read(const uint8_t *data, size_t len, struct nt_dgm *d) NT_MUST_USE;
void nt_dgm_write(struct nt_buf *b, const struct nt_dgm *d);

#endif
