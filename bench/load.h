/*
 * load.h - the clients of the load generator: each is a machine account that sets up a secure
 * channel with a domain controller on the loopback interface and then calls it, one call at a time,
 * over TCP or through pipes of an SMB session. All of them share one thread and one epoll set.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/netlogon.h"
#include "idl/lsarpc.h"
#include "rpc/client.h"
#include "smb/client.h"

#define LOAD_DOMAIN     "BENCH"    /* the users' */
#define LOAD_RESOURCE   "RESBENCH" /* a domain that trusts it */
#define LOAD_CONTROLLER "BENCHPDC"
#define LOAD_USER       "user%05u"
#define LOAD_COMPUTER   "BOX%05u" /* its account: with a dollar */

enum load_mode {
    LOAD_LOGONS,  /* NetrLogonSamLogonEx over the channel, sealed */
    LOAD_SETUPS,  /* the set-up of the channel, again and again */
    LOAD_CHANGES, /* NetrServerPasswordSet2 over the channel */
    LOAD_LOOKUPS, /* LsarLookupNames with a policy handle, SMB only, without a channel */
    LOAD_HOLD,    /* the channel is set up and stays idle */
    LOAD_SESSIONS /* the SMB session alone is set up and stays idle */
};

/* What a client waits for. */
enum load_step {
    STEP_BIND,
    STEP_CHALLENGE,
    STEP_AUTHENTICATE,
    STEP_SEALED_BIND,
    STEP_FIRST,
    STEP_POLICY_BIND,
    STEP_POLICY,
    STEP_CALL
};

struct client {
    struct load *load;
    unsigned number; /* of the computer account */
    int fd;
    bool connecting, want_write;
    unsigned connections; /* it has had */
    enum load_step step;
    struct nt_smb_client *smb; /* NULL: over TCP */
    uint32_t pipe;             /* in it; 0: none yet */
    struct nt_rpc_client_config binding;
    struct nt_rpc_client *rpc;
    char computer[16];
    uint8_t client_challenge[8], server_challenge[8];
    struct nt_chain chain;
    struct nt_secret hash;
    LSAPR_HANDLE policy; /* LOAD_LOOKUPS */
    uint8_t **stubs;     /* LOAD_LOGONS and LOAD_LOOKUPS: requests made beforehand */
    size_t *stub_lens;
    size_t next_stub;
    uint64_t begun_ns; /* the operation in progress */
};

struct load {
    enum load_mode mode;
    const char *domain; /* that the computers belong to */
    uint16_t port;
    int epoll;
    struct client *clients;
    unsigned count;
    unsigned users; /* LOAD_LOGONS and LOAD_LOOKUPS: accounts that log on, or are looked up */
    unsigned session_users; /* accounts of which each client's SMB session is one; 0: over TCP */
    char session[64];       /* what was agreed: dialect, signing */
    unsigned opened;        /* clients whose channel is up */
    unsigned source;        /* counts connections, for their source addresses */
    bool measuring;
    uint64_t done;        /* operations finished while measuring */
    uint32_t *latency_us; /* of each of them */
    size_t latency_room;
};

/* An account's password is its name. */
void load_hash(const char *account, struct nt_secret *hash);

/* Makes `count` clients for the computers from `first` on and begins their set-up. */
void load_begin(struct load *l, unsigned first, unsigned count);
/* Serves the clients until the moment given, or until all channels are up (all_open). */
void load_run(struct load *l, uint64_t until_ns, bool all_open);
void load_end(struct load *l);

/* load_link.c: connections. load.c gets what happens on them. */
#define LOAD_CALL_MS 30000
/* Connects and sets an SMB session up, until load_session_ready. */
void load_session(struct client *c);
/* Begins an association, until load_bound: on a connection of its own or, where there is a session,
 * in a new pipe. The one before ends. sec: of a secure channel, or NULL. */
void load_bind(struct client *c, const struct nt_ndr_interface *iface, struct nt_sec *sec);
void load_disconnect(struct client *c);
void load_flush(struct client *c);
void load_on_event(struct client *c, uint32_t events);
void load_session_ready(struct client *c);
void load_bound(struct client *c);
void load_answered(struct client *c, const uint8_t *stub, size_t len);

/* load_tree.c: user and system time that a process and its descendants have used. */
double load_tree_s(int root);

uint64_t load_now_ns(void);
_Noreturn void load_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* load_calls.c: the stubs. Each is malloc'ed. */
uint8_t *load_challenge(struct client *c, size_t *len);
uint8_t *load_authenticate(struct client *c, size_t *len);
uint8_t *load_capabilities(struct client *c, size_t *len);
uint8_t *load_password(struct client *c, size_t *len);
uint8_t *load_logon(const struct client *c, unsigned user, size_t *len);
#define LOAD_NAMES 10u /* looked up by one call */
uint8_t *load_policy(size_t *len);
uint8_t *load_lookup(const struct client *c, unsigned first_user, size_t *len);
/* The answers; each ends the program when it is not what it must be. */
void load_take_challenge(struct client *c, const uint8_t *stub, size_t len);
void load_take_authenticate(struct client *c, const uint8_t *stub, size_t len);
void load_take_capabilities(struct client *c, const uint8_t *stub, size_t len);
void load_take_password(struct client *c, const uint8_t *stub, size_t len);
void load_take_logon(struct client *c, const uint8_t *stub, size_t len);
void load_take_policy(struct client *c, const uint8_t *stub, size_t len);
void load_take_lookup(struct client *c, const uint8_t *stub, size_t len);

/*
 * load_fill.c: a new store with that many machine accounts and users.
 *   permits   it is LOAD_DOMAIN, and permits LOAD_RESOURCE to trust it
 *   trusts    0, or the endpoint mapper's port of LOAD_DOMAIN's controller: then it is
 * LOAD_RESOURCE
 */
struct load_fill {
    const char *store, *key;
    unsigned computers, users;
    bool permits;
    uint16_t trusts;
};
void load_fill(const struct load_fill *fill);

#endif
