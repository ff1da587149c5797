/*
 * protocol.h - the protocols that listeners (listener.h) speak: DCE/RPC over TCP, and SMB with
 * DCE/RPC on its named pipes. What both need is in one struct.
 */
#ifndef NT_DAEMON_PROTOCOL_H
#define NT_DAEMON_PROTOCOL_H

#include <stdatomic.h>

#include "daemon/config.h"
#include "daemon/listener.h"
#include "service/service.h"

/* What there is of SMB at this moment, in all loops. */
struct nt_smb_counts {
    atomic_uint connections, pipes;
};

/* What a protocol's connections share: the ctx of its listener. Kept by its owner. */
struct nt_protocol_host {
    struct nt_service *service;
    const struct nt_config *config;
    struct nt_token *anonymous;                   /* the caller without a logon */
    atomic_uint *parked;                          /* calls and questions under way */
    const struct nt_ndr_interface *const *ifaces; /* RPC over TCP: offered on this port */
    size_t iface_count;
    char secondary[8];            /* RPC over TCP: the port, for bind_ack */
    uint8_t guid[16];             /* SMB: of this server */
    struct nt_smb_counts *counts; /* SMB */
};

extern const struct nt_protocol nt_protocol_rpc; /* [MS-RPCE] 2.1.1.1 */
extern const struct nt_protocol nt_protocol_smb; /* [MS-SMB2] 2.1; [MS-RPCE] 2.1.1.2 */

#endif
