/*
 * cause.h - why a controller refuses the secure channel. NetrServerAuthenticate3 has one status for
 * several causes (an account that is missing, disabled or of another kind), and Samba's NT-style
 * controllers have one for all of them. What else a stranger or the account's holder may see tells
 * them apart: whether the account opens another kind of channel, the domain's SID, the account's
 * control bits where SAMR shows them, and what a logon over SMB with the trust's own secret is
 * answered. No I/O, as channel.h.
 * [MS-NRPC] 3.5.4.4.2, [MS-LSAD] 3.1.4.4.4, [MS-SAMR] 3.1.5.5.5, field-guide 1.2 step 2, 2 H2.
 */
#ifndef NT_CHANNEL_CAUSE_H
#define NT_CHANNEL_CAUSE_H

#include "base/env.h"
#include "base/sid.h"
#include "channel/link.h"

#define NT_CAUSE_TEXT 400

struct nt_cause;

struct nt_cause_config {
    const char *domain, *computer, *account; /* as in nt_channel_config; copied */
    const char *host;
    enum nt_road road; /* TCP: nothing is asked over SMB */
    uint16_t smb_port; /* 0: the usual one */
    struct nt_sid sid; /* the trusted domain's, as known here; null: not known */
    const struct nt_env *env;
    ntstatus refused; /* what NetrServerAuthenticate3 answered */
    /* Hashes to log on with over SMB, newest first; copied. 0: none is risked. */
    const struct nt_secret *candidates;
    size_t candidate_count;
};

/* netlogon: the unprotected association over which it was refused; taken over, also on failure.
 * NULL: no memory. */
struct nt_cause *nt_cause_new(const struct nt_cause_config *config, struct nt_link *netlogon,
                              uint64_t now_ms);
void nt_cause_free(struct nt_cause *c);

/* The link that is to be driven now; another one after each step. NULL: it is done. */
struct nt_link *nt_cause_link(struct nt_cause *c);
/* Works through what the link has received; true: it is done. */
bool nt_cause_next(struct nt_cause *c, uint64_t now_ms);

/*
 * What it found, when it is done: the status that names the cause (NO_TRUST_SAM_ACCOUNT,
 * ACCOUNT_DISABLED, NOLOGON_WORKSTATION_TRUST_ACCOUNT, NOLOGON_SERVER_TRUST_ACCOUNT,
 * NOLOGON_INTERDOMAIN_TRUST_ACCOUNT: the password is right, and the channel refused all the same;
 * DOMAIN_TRUST_INCONSISTENT), or the one of the refusal where nothing more could be seen. `why`
 * says in words what was seen, and what could not be told apart.
 */
ntstatus nt_cause_status(const struct nt_cause *c);
const char *nt_cause_why(const struct nt_cause *c); /* until free */

#endif
