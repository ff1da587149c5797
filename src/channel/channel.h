/*
 * channel.h - the trusting end's secure channel to one controller of the trusted domain: set it up
 * with one of several candidate passwords, read the evidence, then carry logons and changes of the
 * password over it. No I/O: it drives links (link.h), which its owner connects.
 * [MS-NRPC] 3.1.4.1, 3.4.5.2, 3.4.5.3
 */
#ifndef NT_CHANNEL_CHANNEL_H
#define NT_CHANNEL_CHANNEL_H

#include "base/env.h"
#include "base/sid.h"
#include "channel/link.h"
#include "service/logon.h"

#define NT_CHANNEL_CANDIDATES 20

struct nt_channel;

struct nt_channel_config {
    const char *domain;   /* the trusted domain, NetBIOS */
    const char *computer; /* ours */
    const char *account;  /* "EAST$": our domain's name and a dollar */
    uint16_t type;        /* NETLOGON_SECURE_CHANNEL_TYPE: 4 for a trust */
    const char *host;
    enum nt_road road;
    uint16_t port;   /* the endpoint mapper's, or SMB's for NT_ROAD_SMB; 0: the usual one */
    bool allow_weak; /* RC4 channel if the peer has no AES */
    bool bare;       /* open as soon as it is proven: no evidence, no SID */
    bool want_sid;   /* ask the LSA for the domain's SID if Netlogon does not tell it */
    const struct nt_env *env;
    const struct nt_secret *candidates; /* NT hashes, newest first; copied */
    size_t candidate_count;             /* 1 to NT_CHANNEL_CANDIDATES */
    /* When the account is refused, look for the cause (cause.h): with the domain's SID as known
     * here, and, where a wrong password cannot burn anything, by a logon. */
    bool ask_why, may_log_on;
    struct nt_sid sid;
};

/* Texts are copied. NULL: no memory. */
struct nt_channel *nt_channel_new(const struct nt_channel_config *config, uint64_t now_ms);
void nt_channel_free(struct nt_channel *ch); /* forwards in progress end as CONNECTION_ABORTED */

/* The link that is to be driven now; another one after each step of the set-up. NULL: none. */
struct nt_link *nt_channel_link(struct nt_channel *ch);

enum nt_channel_event_kind {
    NT_CHANNEL_OPEN,    /* proven: candidate, evidence, domain SID */
    NT_CHANNEL_REFUSED, /* no candidate opens it, or the peer refuses for another reason: status */
    NT_CHANNEL_FAILED,  /* could not be reached, or ended: status, why */
    NT_CHANNEL_SET,     /* the answer to set_password: status */
    NT_CHANNEL_ALIVE    /* the answer to ping */
};

struct nt_channel_event {
    enum nt_channel_event_kind kind;
    size_t candidate;
    bool has_evidence; /* what the peer holds for our account; hashes len 0: none */
    struct nt_secret evidence_new, evidence_old;
    struct nt_sid sid; /* of the peer's domain; null: it did not say */
    char dc_name[64];  /* the controller's name; "" */
    ntstatus status;
    const char *why;  /* in words; until free */
    const char *step; /* the call in which it happened: "NetrServerAuthenticate3"; until free */
    bool stranger;    /* REFUSED: before anything about the account or its password was said */
};

/* The next event; works through what the link has received. */
bool nt_channel_next(struct nt_channel *ch, struct nt_channel_event *ev, uint64_t now_ms);

/* While open. NT_E_STATE otherwise. */
enum nt_err nt_channel_set_password(struct nt_channel *ch, const struct nt_password *password,
                                    uint32_t version, uint64_t now_ms) NT_MUST_USE;
enum nt_err nt_channel_ping(struct nt_channel *ch, uint64_t now_ms) NT_MUST_USE;
/* Sends a logon through; its done is called when answered, or when the channel ends. */
enum nt_err nt_channel_logon(struct nt_channel *ch, struct nt_forward *fwd,
                             uint64_t now_ms) NT_MUST_USE;
bool nt_channel_is_open(const struct nt_channel *ch);

/* While open, for calls that this file does not know: a context that seals another association
 * (NULL: no memory), the authenticator of the next call, and the check of the one that came back
 * with its answer. After an answer without one, or with a wrong one, the two ends may be out of
 * step: then, or when the call never ran, nt_channel_step_back takes the authenticator back. */
struct nt_sec *nt_channel_sec(const struct nt_channel *ch);
void nt_channel_step(struct nt_channel *ch, struct nt_authenticator *out);
bool nt_channel_step_check(struct nt_channel *ch, const struct nt_authenticator *returned);
void nt_channel_step_back(struct nt_channel *ch);
size_t nt_channel_logons(const struct nt_channel *ch); /* under way */
/* The candidate that opened it; as long as the channel lives. */
const struct nt_secret *nt_channel_opened_with(const struct nt_channel *ch);

#endif
