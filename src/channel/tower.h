/*
 * tower.h - protocol towers as the endpoint mapper exchanges them: interface, transfer syntax,
 * connection-oriented RPC, TCP port, IPv4 address. [C706] appendix L, appendix I
 */
#ifndef NT_CHANNEL_TOWER_H
#define NT_CHANNEL_TOWER_H

#include "base/arena.h"
#include "idl/epm.h"
#include "ndr/ndr.h"

#define NT_TOWER_LEN 75 /* bytes of a tower for RPC over TCP */

/* port and address (host order) may be 0: asked for. */
void nt_tower_write(const struct nt_ndr_interface *iface, uint16_t port, uint32_t address,
                    uint8_t out[NT_TOWER_LEN]);
/* The bytes as the IDL's type, in the arena; NULL: no memory. */
twr_t *nt_tower_twr(struct nt_arena *arena, const uint8_t bytes[NT_TOWER_LEN]);
/* The TCP port of a tower that a peer sent; 0 when it has none or breaks the format. */
uint16_t nt_tower_port(const twr_t *tower);

#endif
