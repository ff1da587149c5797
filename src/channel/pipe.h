/*
 * pipe.h - one RPC association through a named pipe of an SMB session: sets the session up, opens
 * the pipe of the interface, then moves the association's PDUs as messages. No I/O.
 * [MS-RPCE] 2.1.1.2: one PDU a message; a request and its answer in one FSCTL_PIPE_TRANSCEIVE.
 */
#ifndef NT_CHANNEL_PIPE_H
#define NT_CHANNEL_PIPE_H

#include "rpc/client.h"
#include "smb/client.h"

struct nt_pipe;

struct nt_pipe_config {
    const char *host;
    const struct nt_ndr_interface *iface;
    struct nt_sec *sec; /* of the SMB session; taken over, also on failure. NULL: anonymous */
    /* Another one whose session this one shares, instead of setting one up: bytes are fed to, and
     * come from, that one. Where it is freed, or fails, this one has failed. */
    struct nt_pipe *beside;
    enum nt_smb_encrypt encrypt;
    const struct nt_env *env; /* kept */
};

/* For a connection that is open. NULL: no memory. */
struct nt_pipe *nt_pipe_new(const struct nt_pipe_config *config, uint64_t now_ms);
void nt_pipe_free(struct nt_pipe *p);

/* The pipe on which the interface is offered: "netlogon", "lsarpc", ... NULL: on none. */
const char *nt_pipe_name(const struct nt_ndr_interface *iface);

enum nt_pipe_state {
    NT_PIPE_OPENING,
    NT_PIPE_OPEN,  /* the association may begin */
    NT_PIPE_FAILED /* nt_pipe_failure tells why */
};
/* Takes bytes and works through what they bring; the association gets its, and so do those that
 * share the session. */
enum nt_pipe_state nt_pipe_feed(struct nt_pipe *p, const uint8_t *data, size_t len,
                                uint64_t now_ms);
enum nt_pipe_state nt_pipe_tick(struct nt_pipe *p, uint64_t now_ms);
enum nt_pipe_state nt_pipe_eof(struct nt_pipe *p);
/* Moves what the association wants to send into the session. It is the one that answers go to, and
 * lives until the pipe is freed. */
enum nt_pipe_state nt_pipe_move(struct nt_pipe *p, struct nt_rpc_client *rpc, uint64_t now_ms);

enum nt_pipe_state nt_pipe_state_of(const struct nt_pipe *p); /* of one that shares: as it is now */

/* The session, to be asked about; NULL when it is another pipe's that was freed. */
const struct nt_smb_client *nt_pipe_smb(const struct nt_pipe *p);

/* One sentence, NULL when it has not failed; the step tells the kinds of failure apart
 * (smb/client.h). */
const char *nt_pipe_failure(const struct nt_pipe *p, ntstatus *status, enum nt_smb_step *step);

size_t nt_pipe_pending(const struct nt_pipe *p, const uint8_t **data);
void nt_pipe_sent(struct nt_pipe *p, size_t len);
uint64_t nt_pipe_deadline(const struct nt_pipe *p);
const struct nt_secret *nt_pipe_session_key(const struct nt_pipe *p); /* the SMB session's */

#endif
