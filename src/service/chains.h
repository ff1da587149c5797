/*
 * chains.h - the secure channels that others hold to this controller, by computer name: session
 * key, credential chain, and whose account it is. Shared by all loops behind one lock; the newest
 * set-up of a computer name replaces the one before. [MS-NRPC] 3.5.1, 3.5.4.4.2
 */
#ifndef NT_SERVICE_CHAINS_H
#define NT_SERVICE_CHAINS_H

#include "base/err.h"
#include "base/nttime.h"
#include "crypto/netlogon.h"

#define NT_CHAINS_MAX 65536 /* the one that was quiet longest makes room */

struct nt_chain_entry {
    char computer[64];     /* as the peer calls itself; compared without regard to case */
    char account[64];      /* "EAST$" */
    uint32_t rid;          /* of the account */
    uint16_t channel_type; /* NETLOGON_SECURE_CHANNEL_TYPE */
    uint32_t flags;        /* negotiated */
    uint32_t requested;    /* as the peer asked */
    nt_time opened;
    struct nt_chain chain;
};

struct nt_chains *nt_chains_new(void);
void nt_chains_free(struct nt_chains *t);
enum nt_err nt_chains_put(struct nt_chains *t, const struct nt_chain_entry *entry) NT_MUST_USE;
/* A copy; the caller wipes it. NT_E_NOT_FOUND. */
enum nt_err nt_chains_get(struct nt_chains *t, const char *computer,
                          struct nt_chain_entry *entry) NT_MUST_USE;
/* Verifies an authenticator and moves that chain on, in one step; gives a copy as above.
 * NT_E_AUTH, NT_E_NOT_FOUND. */
enum nt_err nt_chains_verify(struct nt_chains *t, const char *computer,
                             const struct nt_authenticator *in, struct nt_authenticator *out,
                             struct nt_chain_entry *entry) NT_MUST_USE;
/* Ends every channel of an account (deleted, disabled, burned). */
void nt_chains_drop_account(struct nt_chains *t, uint32_t rid);
size_t nt_chains_count(struct nt_chains *t);

#endif
