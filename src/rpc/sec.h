/*
 * sec.h - what a security context of an RPC association can do: one small table of functions over
 * NTLMSSP, SPNEGO and the Netlogon secure channel, in both roles. No I/O: tokens in, tokens out.
 * What a server context cannot know by itself (is this user's answer right? what is this channel's
 * key?) it asks its owner, who may take its time to answer.
 * Source: [MS-RPCE] 2.2.1.1.7-8, 3.3.1.5; [MS-NLMP]; [MS-SPNG]; [MS-NRPC] 3.3.
 */
#ifndef NT_RPC_SEC_H
#define NT_RPC_SEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/secret.h"
#include "base/status.h"
#include "crypto/netlogon.h"

enum nt_auth_type {
    NT_AUTH_NONE = 0,
    NT_AUTH_SPNEGO = 9,
    NT_AUTH_NTLM = 10,
    NT_AUTH_SCHANNEL = 68
};

enum nt_auth_level {
    NT_LEVEL_NONE = 1,
    NT_LEVEL_CONNECT = 2,
    NT_LEVEL_CALL = 3, /* treated as PACKET, [MS-RPCE] 2.2.1.1.8 */
    NT_LEVEL_PACKET = 4,
    NT_LEVEL_INTEGRITY = 5,
    NT_LEVEL_PRIVACY = 6
};

#define NT_SEC_MAX_TOKEN 16384 /* bytes of a token that a peer may send */

enum nt_sec_step {
    NT_SEC_CONTINUE, /* send the token, expect another */
    NT_SEC_DONE,     /* send the token if there is one; the context is ready */
    NT_SEC_ASK,      /* server: ask the owner (question), then call answer */
    NT_SEC_FAILED    /* the context is of no use any more; status tells why */
};

/* What a server context needs to know. Texts are UTF-8 and live in the context until the answer. */
struct nt_sec_question {
    enum nt_auth_type type;   /* NT_AUTH_NTLM (also inside SPNEGO) or NT_AUTH_SCHANNEL */
    bool anonymous;           /* NTLM: no credentials at all were given */
    const char *domain;       /* NTLM: the user's; schannel: the domain the client asks for */
    const char *user;         /* NTLM; "" when anonymous */
    const char *computer;     /* NTLM: the workstation; schannel: the channel's owner */
    const uint8_t *challenge; /* NTLM: the 8 bytes this server gave */
    const uint8_t *nt;        /* NTLM: the responses as received */
    size_t nt_len;
    const uint8_t *lm;
    size_t lm_len;
};

struct nt_sec_answer {
    ntstatus status;          /* anything but SUCCESS fails the context with this status */
    struct nt_secret key;     /* NTLM: session base key; schannel: the channel's session key */
    enum nt_nl_crypto crypto; /* schannel */
    void *caller;             /* the owner's, kept by the association (see server.h) */
};

struct nt_sec;

struct nt_sec_ops {
    /* Takes the peer's token (client's first call: NULL, 0) and appends the one to send. */
    enum nt_sec_step (*step)(struct nt_sec *s, const uint8_t *in, size_t len, struct nt_buf *out);
    const struct nt_sec_question *(*question)(const struct nt_sec *s); /* after NT_SEC_ASK */
    enum nt_sec_step (*answer)(struct nt_sec *s, const struct nt_sec_answer *answer,
                               struct nt_buf *out);
    /* Bytes of the authentication token of a protected PDU; 0: this level protects nothing. */
    size_t (*token_size)(const struct nt_sec *s, enum nt_auth_level level);
    /*
     * Signs, and seals at NT_LEVEL_PRIVACY, one PDU in place. `head` (the PDU header with what
     * stands before the stub) and `trailer` (sec_trailer, 8 bytes) are covered by the signature
     * when sign_header is set, [MS-RPCE] 3.3.1.5.2.2. stub includes the auth padding.
     */
    enum nt_err (*protect)(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                           const uint8_t *head, size_t head_len, uint8_t *stub, size_t stub_len,
                           const uint8_t *trailer, uint8_t *token);
    /* The reverse; NT_E_AUTH when the signature is not right. */
    enum nt_err (*unprotect)(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                             const uint8_t *head, size_t head_len, uint8_t *stub, size_t stub_len,
                             const uint8_t *trailer, const uint8_t *token, size_t token_len);
    /* The session key that SAMR and LSA encrypt their blobs with; NULL: none. */
    const struct nt_secret *(*session_key)(const struct nt_sec *s);
    ntstatus (*status)(const struct nt_sec *s); /* why NT_SEC_FAILED */
    void (*free)(struct nt_sec *s);             /* wipes */
};

/* The first member of every implementation's struct. */
struct nt_sec {
    const struct nt_sec_ops *ops;
};

/* NTLMSSP, [MS-NLMP]. Names are ours as they go into the target info; copied. NULL: no memory. */
struct nt_ntlm_server_config {
    const char *domain;                    /* NetBIOS */
    const char *computer;                  /* NetBIOS */
    const char *dns_domain, *dns_computer; /* "" for an NT-style domain */
    const struct nt_env *env;              /* kept */
};
struct nt_sec *nt_sec_ntlm_server(const struct nt_ntlm_server_config *config);

struct nt_ntlm_client_config {
    const char *domain, *user, *computer; /* user "" and no hash: anonymous */
    const struct nt_secret *nt_hash;      /* copied */
    bool seal;                            /* ask for sealing, not only signing */
    const struct nt_env *env;             /* kept */
};
struct nt_sec *nt_sec_ntlm_client(const struct nt_ntlm_client_config *config);

/* SPNEGO around NTLMSSP; takes the inner context over. */
struct nt_sec *nt_sec_spnego_server(struct nt_sec *inner);
struct nt_sec *nt_sec_spnego_client(struct nt_sec *inner);

/* The Netlogon secure channel, [MS-NRPC] 3.3. The server asks for the key by computer name. */
struct nt_sec *nt_sec_schannel_server(const struct nt_env *env);
struct nt_schannel_client_config {
    const char *domain;          /* the server's NetBIOS domain */
    const char *computer;        /* ours */
    const struct nt_secret *key; /* session key from ServerAuthenticate; copied */
    enum nt_nl_crypto crypto;
    const struct nt_env *env;
};
struct nt_sec *nt_sec_schannel_client(const struct nt_schannel_client_config *config);

#endif
