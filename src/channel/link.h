/*
 * link.h - one RPC association with one interface of one server, by one of two roads: over TCP,
 * where the server's endpoint mapper is asked for the port, or through a named pipe over SMB. No
 * I/O: it says where to connect, takes and gives bytes.
 * [C706] appendix L (towers), [MS-RPCE] 2.1.1, 3.3
 */
#ifndef NT_CHANNEL_LINK_H
#define NT_CHANNEL_LINK_H

#include "rpc/client.h"
#include "smb/client.h"

#define NT_LINK_CONNECT_MS 5000  /* to open a TCP connection */
#define NT_LINK_CALL_MS    15000 /* for the answer to a call */

struct nt_link;

enum nt_road {
    NT_ROAD_TCP,
    NT_ROAD_SMB,
    NT_ROAD_ANY /* TCP; when the interface cannot be reached there at all, SMB */
};

struct nt_link_config {
    const char *host; /* name or address; copied */
    enum nt_road road;
    uint16_t epm_port; /* the endpoint mapper's; 0: 135 */
    uint16_t port;     /* the interface's, if known; 0: the endpoint mapper is asked */
    uint16_t smb_port; /* 0: 445 */
    /* SMB: the session's context, SPNEGO; taken over, also on failure. NULL: anonymous. */
    struct nt_sec *smb_sec;
    /* SMB: a link that is READY by that road, to the same host: through its session, on a pipe of
     * its own. Such a link wants no connection and has no bytes: what drives the other one drives
     * it too, and it has to be freed first or fails with it. */
    struct nt_link *beside;
    enum nt_smb_encrypt smb_encrypt;
    const struct nt_env *env; /* kept; may be NULL for NT_ROAD_TCP */
    const struct nt_ndr_interface *iface;
    struct nt_sec *sec; /* taken over, also on failure; NULL: none */
    enum nt_auth_type auth_type;
    enum nt_auth_level auth_level;
};

/* NULL: no memory. */
struct nt_link *nt_link_new(const struct nt_link_config *config, uint64_t now_ms);
void nt_link_free(struct nt_link *link);

/* The connection that it wants now: host, port, and a number that no other wish has, of this or any
 * other link (a connection made for another one is to be closed). False: none, it has failed. */
bool nt_link_wants(const struct nt_link *link, const char **host, uint16_t *port, unsigned *number);
void nt_link_connected(struct nt_link *link, uint64_t now_ms);
/* It could not be opened, or ended: status as CONNECTION_REFUSED, HOST_UNREACHABLE,
 * DOMAIN_CONTROLLER_NOT_FOUND (name), CONNECTION_ABORTED (closed by the peer). why: copied. */
void nt_link_lost(struct nt_link *link, ntstatus status, const char *why);

void nt_link_feed(struct nt_link *link, const uint8_t *data, size_t len, uint64_t now_ms);
size_t nt_link_pending(const struct nt_link *link, const uint8_t **data);
void nt_link_sent(struct nt_link *link, size_t len);
uint64_t nt_link_deadline(const struct nt_link *link);
void nt_link_tick(struct nt_link *link, uint64_t now_ms);

enum nt_link_event_kind { NT_LINK_READY, NT_LINK_RESPONSE, NT_LINK_FAULT, NT_LINK_FAILED };
struct nt_link_event {
    enum nt_link_event_kind kind;
    uint32_t call_id;
    const uint8_t *stub; /* RESPONSE: until the next feed or next */
    size_t len;
    bool big_endian;
    uint32_t fault;
    ntstatus status; /* FAILED */
    const char *why; /* FAILED: one sentence with host and port; until free */
};
bool nt_link_next(struct nt_link *link, struct nt_link_event *ev, uint64_t now_ms);

/* Encodes and sends a call; NT_E_STATE before READY. */
enum nt_err nt_link_call(struct nt_link *link, const struct nt_ndr_op *op, const void *args,
                         uint64_t now_ms, uint32_t *call_id) NT_MUST_USE;
/* The association's own; without a security context of its own that of the SMB session, if any. */
const struct nt_secret *nt_link_session_key(const struct nt_link *link);
uint16_t nt_link_port(const struct nt_link *link);     /* of the interface; 0 until known, or SMB */
enum nt_road nt_link_road(const struct nt_link *link); /* TCP or SMB: what is tried, or was taken */
/* How far the server's clock is ahead of ours, when the road is SMB and it said so (smb/client.h);
 * also after a failure. */
bool nt_link_clock(const struct nt_link *link, int64_t *ahead_100ns);
/* The SMB session under it, to be asked about, also after a failure; NULL: none. */
const struct nt_smb_client *nt_link_smb(const struct nt_link *link);
/* FAILED: which kind of failure it was; each has another cure (smb/client.h). */
enum nt_smb_step nt_link_step(const struct nt_link *link);

#endif
