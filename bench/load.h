/*
 * load.h - the clients of the load generator: each is a machine account that sets up a secure
 * channel with ntrustd on the loopback interface and then calls it, one call at a time. All of them
 * share one thread and one epoll set.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/netlogon.h"
#include "rpc/client.h"

#define LOAD_DOMAIN     "BENCH"    /* the users' */
#define LOAD_RESOURCE   "RESBENCH" /* a domain that trusts it */
#define LOAD_CONTROLLER "BENCHPDC"
#define LOAD_USER       "user%05u"
#define LOAD_COMPUTER   "BOX%05u" /* its account: with a dollar */

enum load_mode {
    LOAD_LOGONS,  /* NetrLogonSamLogonEx over the channel, sealed */
    LOAD_SETUPS,  /* the set-up of the channel, again and again */
    LOAD_CHANGES, /* NetrServerPasswordSet2 over the channel */
    LOAD_HOLD     /* the channel is set up and stays idle */
};

/* What a client waits for. */
enum load_step {
    STEP_BIND,
    STEP_CHALLENGE,
    STEP_AUTHENTICATE,
    STEP_SEALED_BIND,
    STEP_FIRST,
    STEP_CALL
};

struct client {
    struct load *load;
    unsigned number; /* of the computer account */
    int fd;
    bool connecting, want_write;
    enum load_step step;
    struct nt_rpc_client *rpc;
    char computer[16];
    uint8_t client_challenge[8], server_challenge[8];
    struct nt_chain chain;
    struct nt_secret hash;
    uint8_t **stubs; /* LOAD_LOGONS: requests made beforehand */
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
    unsigned users;  /* LOAD_LOGONS: accounts that log on */
    unsigned opened; /* clients whose channel is up */
    unsigned source; /* counts connections, for their source addresses */
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

uint64_t load_now_ns(void);
_Noreturn void load_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* load_calls.c: the stubs. Each is malloc'ed. */
uint8_t *load_challenge(struct client *c, size_t *len);
uint8_t *load_authenticate(struct client *c, size_t *len);
uint8_t *load_capabilities(struct client *c, size_t *len);
uint8_t *load_password(struct client *c, size_t *len);
uint8_t *load_logon(const struct client *c, unsigned user, size_t *len);
/* The answers; each ends the program when it is not what it must be. */
void load_take_challenge(struct client *c, const uint8_t *stub, size_t len);
void load_take_authenticate(struct client *c, const uint8_t *stub, size_t len);
void load_take_capabilities(struct client *c, const uint8_t *stub, size_t len);
void load_take_password(struct client *c, const uint8_t *stub, size_t len);
void load_take_logon(struct client *c, const uint8_t *stub, size_t len);

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
