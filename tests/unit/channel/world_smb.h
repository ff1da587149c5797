/*
 * world_smb.h - an SMB server in front of an RPC server, for one connection with one pipe: so the
 * trusted end of a world is reached through a pipe. Lets in anonymous sessions alone.
 */
#ifndef NT_TESTS_CHANNEL_WORLD_SMB_H
#define NT_TESTS_CHANNEL_WORLD_SMB_H

#include "rpc/server.h"
#include "smb/server.h"

struct front;

struct front *front_new(const struct nt_env *env, uint64_t now_ms);
void front_free(struct front *f);
/* Bytes of the client; what they bring the pipe goes to rpc. Returns how many it took. */
size_t front_feed(struct front *f, struct nt_rpc_server *rpc, const uint8_t *data, size_t len,
                  uint64_t now_ms);
/* What rpc has to say goes into the pipe; then what is to be sent, of which front_sent tells. */
size_t front_pending(struct front *f, struct nt_rpc_server *rpc, const uint8_t **data);
void front_sent(struct front *f, size_t len);

#endif
