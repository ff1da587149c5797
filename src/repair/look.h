/*
 * look.h - looks at a trust from both of its ends: opens an administrator's session with every
 * controller that is known, reads what compare.h wants to know, has each prove its secure channel.
 * All controllers of both ends are asked at the same time, each by one session in a thread of its
 * own. At the edge: blocks until it is done. Changes nothing but the controllers' memory of their
 * partners.
 *
 * A controller tells first how its secure channel stands (TC_QUERY), then proves it with its
 * partner now (TC_VERIFY). It is set up anew (REDISCOVER) and proven again where that fails, which
 * may speak of a channel from before a change; and where nothing else tells whether the partner
 * would be found again, since a proof over a channel that is there does not. A domain's own DNS
 * server does tell: then a channel that works is left alone. [MS-NRPC] 3.5.4.9.1
 */
#ifndef NT_REPAIR_LOOK_H
#define NT_REPAIR_LOOK_H

#include "repair/compare.h"
#include "repair/credentials.h"

/* An end, and the sessions with its controllers. */
struct nt_look_end {
    const struct nt_end *end;
    const struct nt_credentials *credentials; /* user "": nobody, who sees what is told to all */
    struct nt_servers servers; /* its controllers; once they are open, the PDC first */
    const char *lost;          /* why there are none; "" */
    struct nt_admin *admin[NT_ENDS_CONTROLLERS]; /* NULL: none; closed by nt_look_close */
};

struct nt_look_config {
    const struct nt_env *env;
    uint32_t session_ms; /* for all that one controller is asked; 0: half a minute */
    bool anew;   /* have each secure channel set up anew before it is proven: after a change */
    bool bare;   /* the trust alone, not what is around it: ports, DNS */
    bool halves; /* not the secure channels either: before a change that mends both */
    /* Called before each step, for a person who waits; one at a time, in any of several threads.
     * NULL: nobody. */
    void (*step)(void *ctx, const char *host, const char *what);
    void *ctx;
};

/* Opens the sessions and reads the names; the rest of *f is filled by nt_look_trust. */
void nt_look_open(const struct nt_look_config *config, struct nt_look_end ends[2],
                  struct nt_ends_facts *f);
/* Both at once, and sooner: no end waits for the other one. */
void nt_look_both(const struct nt_look_config *config, struct nt_look_end ends[2],
                  struct nt_ends_facts *f);
void nt_look_trust(const struct nt_look_config *config, struct nt_look_end ends[2],
                   struct nt_ends_facts *f);
void nt_look_close(struct nt_look_end ends[2]);

/* Proves the channel as it is, sets it up anew, and where either failed, proves it once more: the
 * first may speak of a channel from before a change, the second of a controller that was away. */
bool nt_look_prove(struct nt_admin *a, const char *trusted, struct nt_admin_channel *out);

/* --- the steps by themselves, for who looks at many trusts (survey.h) --- */

/* A session with one controller, not connected yet; NULL: no memory. */
struct nt_admin *nt_look_session(const struct nt_look_config *config,
                                 const struct nt_server *server, const struct nt_credentials *c);
/* One end: its controllers one after the other, e->admin[] as by nt_look_open. */
void nt_look_open_end(const struct nt_look_config *config, struct nt_look_end *e,
                      struct nt_end_facts *f);
/* One controller's view of the trust with `other`, as far as that one's names are known: its half,
 * its channel, and whether its DNS server finds the other end. own_dns: of its domain; "". */
void nt_look_controller(const struct nt_look_config *config, struct nt_admin *a,
                        const char *own_dns, const struct nt_end_facts *other,
                        struct nt_controller_facts *dc);

#endif
