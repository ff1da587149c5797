/*
 * clients.h - how many connections there are, in all and by client address, shared by all loops.
 */
#ifndef NT_DAEMON_CLIENTS_H
#define NT_DAEMON_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct nt_clients;

/* most: connections in all; most_per_address: from one address. NULL: no memory. */
struct nt_clients *nt_clients_new(uint32_t most, uint32_t most_per_address);
void nt_clients_free(struct nt_clients *c);
/* Counts one more from there; false: a limit is reached, and it was not counted. */
bool nt_clients_enter(struct nt_clients *c, const struct sockaddr_storage *from);
void nt_clients_leave(struct nt_clients *c, const struct sockaddr_storage *from);
size_t nt_clients_count(struct nt_clients *c);

#endif
