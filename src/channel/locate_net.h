/*
 * locate_net.h - the edge of locate.h: asks all methods at once, in a libuv loop, and never blocks
 * it: DNS through c-ares, NetBIOS from a socket of its own, the lmhosts file in a worker.
 */
#ifndef NT_CHANNEL_LOCATE_NET_H
#define NT_CHANNEL_LOCATE_NET_H

#include <uv.h>

#include "channel/locate.h"
#include "netbios/getdc.h"
#include "netbios/lookup.h"

/* A datagram to a possible controller, from who holds the datagram service's port. */
struct nt_locate_dc {
    struct nt_getdc_question question; /* its texts live until it has ended */
    uint32_t to;
    void (*answered)(struct nt_locate_dc *ask,
                     const struct nt_nl_response *r); /* NULL: no answer */
    void *ctx;
    struct nt_locate_dc *next; /* of who asks */
    uint64_t until_ms;
};

struct nt_locate_config {
    bool dns;
    const char *dns_servers; /* "" or as nt_dns_new takes them; copied */
    const char *lmhosts;     /* path; "": none; copied */
    enum nt_nb_mode mode;
    uint32_t wins[NT_NB_WINS];
    size_t wins_count;
    bool netbios;                /* whether names are asked for by NetBIOS at all */
    uint16_t name_port;          /* 137 */
    uint16_t epm_port, smb_port; /* of controllers where nothing else is said; 0: 135, 445 */
    const struct nt_env *env;    /* kept */
    /* Where broadcasts go, as it is now; NULL: nowhere. */
    size_t (*broadcasts)(void *ctx, uint32_t out[NT_NB_TARGETS]);
    /* Asks a controller by datagram; false: it cannot be asked. NULL: never. */
    bool (*ask_dc)(void *ctx, struct nt_locate_dc *ask);
    void *ctx;
};

struct nt_locator;

/* NULL: no memory. */
struct nt_locator *nt_locator_new(uv_loop_t *loop, const struct nt_locate_config *config);
/* Ends every search, without a word to its owner; the memory goes when libuv is done. */
void nt_locator_free(struct nt_locator *locator);

struct nt_locate {
    /* asked; copied */
    const char *domain;   /* NetBIOS name, or DNS name */
    const char *dns_name; /* "" where `domain` is all that is known */
    const char *servers;  /* as an administrator named them; "" */
    const char *computer; /* our own name, for datagrams */
    bool probe;           /* also ask each controller whether it is there */
    /* called once, in the loop */
    void (*done)(struct nt_locate *locate, const struct nt_located *located);
    void *owner;
    struct nt_search *search; /* private; NULL: none under way */
};

/* Always ends with `done`, in a later turn of the loop, within about 10 s; unless cancelled. */
enum nt_err nt_locate_start(struct nt_locator *locator, struct nt_locate *locate) NT_MUST_USE;
void nt_locate_cancel(struct nt_locate *locate); /* fine when none is under way */

#endif
