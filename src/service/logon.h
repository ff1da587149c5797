/*
 * logon.h - one logon, wherever it comes from: the Netlogon SamLogon calls, an NTLM bind, the
 * admin API. Users of this domain are checked here; those of a trusted domain at its controller,
 * over the secure channel (pass-through), and what comes back is filtered. [MS-NRPC] 3.5.4.5.1,
 * [MS-APDS] 3.1
 */
#ifndef NT_SERVICE_LOGON_H
#define NT_SERVICE_LOGON_H

#include "idl/netlogon.h"
#include "service/service.h"

/* What the outbound side can be asked to do for a trusted domain. */
enum nt_forward_kind {
    NT_FORWARD_LOGON,      /* NetrLogonSamLogonEx there */
    NT_FORWARD_QUERY,      /* the channel's state as known */
    NT_FORWARD_VERIFY,     /* ask the peer now */
    NT_FORWARD_REDISCOVER, /* find a controller anew */
    NT_FORWARD_ROTATE      /* change the trust's password now */
};

struct nt_forward {
    enum nt_forward_kind kind;
    const char *domain; /* the TDO's name */
    /* LOGON: as it goes to the peer; hashes of an interactive logon in the clear, encrypted by the
     * channel. Both live until done. */
    uint16_t logon_level;
    const NETLOGON_LEVEL *level;
    struct nt_arena *arena;               /* what comes back is decoded to here */
    void (*done)(struct nt_forward *fwd); /* in any thread: only post from it */
    void *owner;

    /* results */
    ntstatus status;
    bool authoritative;
    NETLOGON_VALIDATION_SAM_INFO4 *info; /* LOGON; UserSessionKey in the clear */
    char dc_name[64];                    /* the controller that answered; "" */
    char text[256];                      /* for people: what happened; "" */
};

struct nt_logon {
    /* asked */
    struct nt_service *service;
    const struct nt_dir *dir;
    struct nt_arena *arena;
    const char *domain, *user, *workstation, *peer; /* UTF-8 */
    bool interactive;
    uint8_t challenge[8]; /* network */
    const uint8_t *nt, *lm;
    size_t nt_len, lm_len;
    struct nt_secret nt_hash; /* interactive: MD4 of the password */
    uint32_t parameter_control;
    bool
        pass_through; /* may be forwarded: not for logons that came over a trust (not transitive) */
    const char *channel_computer; /* the computer whose channel brought it, for the NTLMv2 blob's
                                     name check; NULL: none */
    bool
        unknown_is_local; /* a domain that is not known counts as this one: a session's own logon */
    void (*done)(struct nt_logon *logon); /* only when start said false; any thread: only post */
    void *owner;

    /* answered */
    ntstatus status;
    bool authoritative;
    NETLOGON_VALIDATION_SAM_INFO4 *info; /* on success, in the arena */
    struct nt_secret session_key;        /* session base key, 16 bytes */

    /* private */
    struct nt_forward fwd;
    struct nt_wish wish;
    uint32_t rid;                           /* of the local account */
    NETLOGON_INTERACTIVE_INFO level_hashes; /* wiped when the forward is done */
};

/* True: answered at once. False: `done` will be called. */
bool nt_logon_start(struct nt_logon *logon);

/*
 * What a security context of a bind asks (sec.h), answered in the same way: NTLM by a logon,
 * schannel by the table of chains. The question's texts are copied.
 */
struct nt_ask {
    struct nt_service *service;
    struct nt_arena arena;
    const char *peer;
    void (*done)(struct nt_ask *ask); /* only when start said false; any thread: only post */
    void *owner;
    struct nt_sec_answer answer; /* caller: a struct nt_token reference for the association */

    /* private */
    struct nt_dir *dir;
    struct nt_logon logon;
};
void nt_ask_init(struct nt_ask *ask, struct nt_service *s, const char *peer);
void nt_ask_free(struct nt_ask *ask); /* wipes; a caller that was not taken is given back */
bool nt_ask_start(struct nt_ask *ask, const struct nt_sec_question *question);

#endif
