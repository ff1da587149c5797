/*
 * look.h - looks at a trust from both of its ends: opens an administrator's session with every
 * controller that is known, reads what compare.h wants to know, has each prove its secure channel.
 * At the edge: blocks until it is done. Changes nothing but the controllers' memory of their
 * partners.
 */
#ifndef NT_REPAIR_LOOK_H
#define NT_REPAIR_LOOK_H

#include "repair/compare.h"
#include "repair/credentials.h"

/* An end, and the sessions with its controllers. */
struct nt_look_end {
    const struct nt_end *end;
    const struct nt_credentials *credentials; /* user "": nobody, so nothing can be read there */
    struct nt_servers servers;                /* its controllers, the PDC first where it is known */
    const char *lost;                         /* why there are none; "" */
    struct nt_admin *admin[NT_ENDS_CONTROLLERS]; /* NULL: none; closed by nt_look_close */
};

struct nt_look_config {
    const struct nt_env *env;
    uint32_t session_ms; /* for all that one controller is asked; 0: half a minute */
    /* Called before each step, for a person who waits; NULL: nobody. */
    void (*step)(void *ctx, const char *host, const char *what);
    void *ctx;
};

/* Opens the sessions and reads the names; the rest of *f is filled by nt_look_trust. */
void nt_look_open(const struct nt_look_config *config, struct nt_look_end ends[2],
                  struct nt_ends_facts *f);
void nt_look_trust(const struct nt_look_config *config, struct nt_look_end ends[2],
                   struct nt_ends_facts *f);
void nt_look_close(struct nt_look_end ends[2]);

/* Proves the channel as it is, sets it up anew, and where either failed, proves it once more: the
 * first may speak of a channel from before a change, the second of a controller that was away. */
bool nt_look_prove(struct nt_admin *a, const char *trusted, struct nt_admin_channel *out);

#endif
