/*
 * channel_internal.h - the secure channel from the inside; seen by channel.c, setup.c and calls.c.
 */
#ifndef NT_CHANNEL_CHANNEL_INTERNAL_H
#define NT_CHANNEL_CHANNEL_INTERNAL_H

#include "channel/cause.h"
#include "channel/channel.h"
#include "idl/netlogon.h"

#define NT_CHANNEL_FLIGHTS 64 /* logons under way at once */
#define NT_CHANNEL_ARENA   (256u * 1024)

/* The set-up in the order it goes; each stage waits for the answer to the call it is named for. */
enum nt_channel_stage {
    AUTH_LINK,       /* unprotected association */
    CHALLENGE,       /* NetrServerReqChallenge */
    AUTHENTICATE,    /* NetrServerAuthenticate3 */
    SEALED_LINK,     /* association over the secure channel */
    CAPABILITIES,    /* NetrLogonGetCapabilities: no flag was cleared on the way */
    TRUST_INFO,      /* NetrServerGetTrustInfo, */
    TRUST_PASSWORDS, /* else NetrServerTrustPasswordsGet */
    DOMAIN_INFO,     /* NetrLogonGetDomainInfo: the domain's SID */
    LSA_LINK,        /* else, if it is wanted: association with the LSA over the secure channel, */
    LSA_POLICY,      /* LsarOpenPolicy2, */
    LSA_DOMAIN,      /* LsarQueryInformationPolicy or LsarLookupNames4, */
    BACK_LINK,       /* and one with Netlogon again */
    OPEN,
    CAUSE, /* refused; why is being looked for */
    ENDED
};

/* Calls with an authenticator go one at a time, since their answers move the chain. */
enum nt_channel_chained { NO_CALL, PASSWORD_SET, PING };

struct nt_channel_flight {
    uint32_t call_id;
    struct nt_forward *fwd;
    uint16_t validation;
};

struct nt_channel {
    enum nt_channel_stage stage;
    char *domain, *computer, *account, *host;
    uint16_t type, port;
    uint16_t netlogon_port; /* while the LSA is asked */
    enum nt_road road;      /* from the first association on: the one that it took */
    bool allow_weak, bare, want_sid, ask_why, may_log_on;
    struct nt_sid sid;        /* as known here */
    struct nt_cause *cause;   /* CAUSE: has the link */
    enum nt_nl_crypto crypto; /* that is tried */
    const struct nt_env *env;
    struct nt_link *link;
    struct nt_arena arena; /* arguments of the call in progress */
    struct nt_secret candidates[NT_CHANNEL_CANDIDATES];
    size_t candidate_count, candidate; /* the one being tried */
    uint8_t client_challenge[8], server_challenge[8];
    uint32_t flags;                /* negotiated */
    struct nt_chain chain, before; /* before: as it was ahead of the call in progress */
    uint32_t call_id;              /* of the set-up's or the chained call */
    enum nt_channel_chained chained;
    uint16_t validation;
    struct nt_channel_flight flights[NT_CHANNEL_FLIGHTS];
    size_t flight_count;
    struct nt_channel_event event; /* collected on the way to OPEN; then what is to be told */
    bool tell;
    char why[640];
};

/* channel.c: a link by the channel's road, sealed by the secure channel. known_port: of the
 * interface; 0: not known. NULL: no memory. */
struct nt_link *nt_channel_dial_sealed(struct nt_channel *ch, const struct nt_ndr_interface *iface,
                                       uint16_t known_port, uint64_t now_ms);
/* Ends the channel with an event, and every logon under way; the first end stays. */
void nt_channel_end(struct nt_channel *ch, enum nt_channel_event_kind kind, ntstatus status,
                    const char *why);
/* The call that a stage waits for, by its name. */
const char *nt_channel_step_name(enum nt_channel_stage stage);
void nt_channel_no_memory(struct nt_channel *ch);
void nt_channel_bad_answer(struct nt_channel *ch);
/* Texts as calls want them, in the arena of the call in progress; NULL: no memory. */
uint16_t *nt_channel_wide(struct nt_channel *ch, const char *text);
uint16_t *nt_channel_server(struct nt_channel *ch);
/* Encodes and sends; ch->call_id names it. False: the channel has ended. */
bool nt_channel_send(struct nt_channel *ch, const struct nt_ndr_op *op, const void *args,
                     uint64_t now_ms);
/* The next authenticator; ch->before keeps the chain for a call that never ran. */
NETLOGON_AUTHENTICATOR nt_channel_authenticator(struct nt_channel *ch);
bool nt_channel_check(struct nt_channel *ch, const NETLOGON_AUTHENTICATOR *returned);

/* The account or its password was refused: ends the channel, perhaps after having looked for the
 * cause. */
void nt_channel_refused(struct nt_channel *ch, ntstatus status, const char *why, uint64_t now_ms);

/* setup.c */
void nt_channel_set_up(struct nt_channel *ch, const struct nt_link_event *e, uint64_t now_ms);
/* Decodes an answer of the set-up into the arena; NULL: it does not decode. */
void *nt_channel_decode(struct nt_channel *ch, const struct nt_ndr_op *op,
                        const struct nt_link_event *e);

/* sid.c: from a link to Netlogon to one to the LSA, what happens there, and back. */
void nt_channel_ask_lsa(struct nt_channel *ch, uint64_t now_ms);
bool nt_channel_in_lsa(const struct nt_channel *ch);
void nt_channel_on_lsa(struct nt_channel *ch, const struct nt_link_event *e, uint64_t now_ms);
void nt_channel_leave_lsa(struct nt_channel *ch, uint64_t now_ms);

/* calls.c */
void nt_channel_on_call(struct nt_channel *ch, const struct nt_link_event *e, uint64_t now_ms);
void nt_channel_end_flights(struct nt_channel *ch, ntstatus status, const char *why);
bool nt_channel_send_capabilities(struct nt_channel *ch, uint64_t now_ms);

#endif
