/*
 * capture_internal.h - what the readers of a capture share. A connection is read by one of smb.c
 * and rpc.c; smb.c makes an RPC association (rpc.c) of each pipe; calls.c puts calls into words.
 */
#ifndef NT_CAPTURE_INTERNAL_H
#define NT_CAPTURE_INTERNAL_H

#include "base/arena.h"
#include "capture/capture.h"
#include "capture/stream.h"
#include "ndr/ndr.h"

struct nt_capture {
    struct nt_capture_config config;
    struct nt_connection *buckets[256];
    size_t connection_count;
    struct nt_capture_totals totals;
    struct nt_capture_channel channels[NT_CAPTURE_CHANNELS];
    struct nt_arena arena; /* of one packet */
};

/* Who talks to whom; what a line begins with. */
struct nt_ends {
    struct nt_address client, server;
    uint16_t client_port, server_port;
};

void nt_capture_tell(struct nt_capture *c, const struct nt_ends *ends, nt_time at,
                     const char *protocol, enum nt_capture_tone tone, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* "0xC0000022 ACCESS_DENIED (access denied)"; Win32 codes as "Win32 error 1787
 * NO_TRUST_SAM_ACCOUNT"; in the arena. */
const char *nt_capture_status(struct nt_capture *c, uint32_t code);

/* --- auth.c: who somebody says to be --- */

struct nt_claim {
    char who[NT_CAPTURE_NAME * 2 + 8]; /* "EAST\\anna from PC7", "anonymous", "a Kerberos ticket" */
    const char *how;                   /* "NTLMv2"; NULL: nothing was claimed */
    bool weak;                         /* NTLMv1 or LM */
    bool final;                        /* the token that decides: an answer follows */
};
/* Reads NTLM's and Kerberos' tokens, raw or within SPNEGO. */
void nt_claim_read(struct nt_arena *a, const uint8_t *token, size_t len, struct nt_claim *claim);
/* UTF-16LE of a message, for showing: never fails. */
const char *nt_capture_utf16le(struct nt_arena *a, const uint8_t *text, size_t len);

/* --- rpc.c: one association --- */

struct nt_rpc_talk;
struct nt_rpc_talk *nt_rpc_talk_new(const struct nt_ends *ends, const char *road, const char *who);
/* Tells what was only counted. */
void nt_rpc_talk_end(struct nt_capture *c, struct nt_rpc_talk *t, nt_time at);
/* Bytes in order. */
void nt_rpc_talk_feed(struct nt_capture *c, struct nt_rpc_talk *t, nt_time at, bool from_client,
                      const uint8_t *data, size_t len);
/* Bytes are missing: what was begun is forgotten. */
void nt_rpc_talk_gap(struct nt_rpc_talk *t, bool from_client);

/* --- smb.c: one connection --- */

struct nt_smb_talk;
struct nt_smb_talk *nt_smb_talk_new(const struct nt_ends *ends);
void nt_smb_talk_end(struct nt_capture *c, struct nt_smb_talk *t, nt_time at);
/* One frame's contents. */
void nt_smb_talk_feed(struct nt_capture *c, struct nt_smb_talk *t, nt_time at, bool from_client,
                      const uint8_t *msg, size_t len);
void nt_smb_talk_gap(struct nt_smb_talk *t, bool from_client);

/* --- calls.c: a call in words --- */

struct nt_call_seen {
    const struct nt_ndr_op *op;
    const void *request;  /* the op's struct, or NULL: it could not be decoded */
    const void *response; /* likewise */
    bool has_result;
    uint32_t result;
    const struct nt_ends *ends;
    nt_time at;
    bool bad; /* what came of it; set by who calls nt_call_tell when refused, and by it when it
                 knows more */
};
/* The sentence, in the arena; NULL: the call tells nothing of trusts. Counts secure channels. */
const char *nt_call_tell(struct nt_capture *c, struct nt_call_seen *call);
/* Whether calls of this name matter when they cannot be read. */
bool nt_call_matters(const char *op_name);

/* --- netbios.c --- */

void nt_capture_name_service(struct nt_capture *c, nt_time at, const struct nt_packet *p);
void nt_capture_datagram(struct nt_capture *c, nt_time at, const struct nt_packet *p);

#endif
