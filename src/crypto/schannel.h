/*
 * schannel.h - signs and seals RPC messages of a Netlogon secure channel. One struct an end of an
 * association: its counter runs over both directions. No heap; randomness is handed in.
 * Source: [MS-NRPC] 2.2.1.3.2-3 (tokens), 3.3.4.2 (generating and verifying);
 * [MS-RPCE] 3.3.1.5.2.2 (what is covered when the header is signed).
 */
#ifndef NT_CRYPTO_SCHANNEL_H
#define NT_CRYPTO_SCHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/aes.h>

#include "base/err.h"
#include "base/secret.h"
#include "crypto/netlogon.h"

#define NT_SCHANNEL_TOKEN_AES 56 /* NL_AUTH_SHA2_SIGNATURE */
#define NT_SCHANNEL_TOKEN_RC4 32 /* NL_AUTH_SIGNATURE */
#define NT_SCHANNEL_TOKEN_MAX 56

struct nt_schannel {
    struct nt_secret key; /* session key */
    enum nt_nl_crypto crypto;
    bool initiator;
    uint64_t sequence;            /* of the next message, whichever end sends it */
    struct aes128_ctx seal_sched; /* AES: key XOR F0 */
    struct aes128_ctx plain_sched;
};

/* One message. head and trailer are covered by the signature and may be empty: they are the PDU
 * header and the sec_trailer when header signing was negotiated. stub is changed in place. */
struct nt_schannel_msg {
    const uint8_t *head;
    size_t head_len;
    uint8_t *stub;
    size_t stub_len;
    const uint8_t *trailer;
    size_t trailer_len;
};

/* key: 16 bytes, copied. initiator: the client of the association. */
void nt_schannel_init(struct nt_schannel *s, enum nt_nl_crypto crypto, const struct nt_secret *key,
                      bool initiator);
void nt_schannel_wipe(struct nt_schannel *s);
size_t nt_schannel_token_size(enum nt_nl_crypto crypto);

/* Signs, and with `seal` encrypts, the next message to send; confounder: 8 random bytes, not used
 * for signing alone. Writes nt_schannel_token_size() bytes of token. */
void nt_schannel_protect(struct nt_schannel *s, bool seal, const struct nt_schannel_msg *msg,
                         const uint8_t confounder[8], uint8_t *token);

/* Decrypts and checks the next message received. NT_E_AUTH: signature, sequence number, algorithm
 * or token length are not what they must be; the counter stays and the stub is of no use. */
enum nt_err nt_schannel_unprotect(struct nt_schannel *s, bool seal,
                                  const struct nt_schannel_msg *msg, const uint8_t *token,
                                  size_t token_len) NT_MUST_USE;

#endif
