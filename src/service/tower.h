/*
 * tower.h - protocol towers: how the endpoint mapper writes "this interface, over this transport,
 * at this address". Pure. Source: [C706] appendix L, [MS-RPCE] 2.2.1.2.
 */
#ifndef NT_SERVICE_TOWER_H
#define NT_SERVICE_TOWER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/uuid.h"

#define NT_TOWER_MAX 256 /* bytes of a tower that is looked at */

/* Protocol identifiers of a floor, [C706] appendix I. */
enum nt_tower_protocol { NT_TOWER_TCP = 0x07, NT_TOWER_PIPE = 0x0F };

struct nt_tower {
    struct nt_uuid iface;
    uint16_t major, minor;
    struct nt_uuid transfer;
    uint16_t transfer_version;
    uint8_t transport; /* enum nt_tower_protocol, or what else the fourth floor says */
    uint16_t port;     /* TCP */
    uint32_t address;  /* TCP: IPv4, host order */
    const char *pipe;  /* PIPE, when written: "\\pipe\\lsass" */
    const char *host;  /* PIPE, when written: "\\\\ACCPDC" */
};

/* NT_E_TRUNCATED, NT_E_MALFORMED, NT_E_LIMIT; NT_E_UNSUPPORTED when it is not connection-oriented
 * RPC. A transport that is not TCP leaves port and address at zero; pipe and host are not read. */
enum nt_err nt_tower_read(const uint8_t *data, size_t len, struct nt_tower *tower) NT_MUST_USE;
/* Five floors: interface, transfer syntax, RPC, then TCP and IP, or pipe and NetBIOS name. */
void nt_tower_write(struct nt_buf *b, const struct nt_tower *tower);

/* The IPv4 address (host order) of a text like "192.0.2.7" or "192.0.2.7:49153"; false when it is
 * anything else. */
bool nt_tower_address(const char *text, uint32_t *address);

#endif
