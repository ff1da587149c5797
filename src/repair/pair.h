/*
 * pair.h - from the ends of a trust as a person named them to what look.h wants: who the
 * administrator of each is, and where its controllers are. Prints nothing and asks nobody; the
 * caller does. At the edge: reads files and the environment, and looks for controllers.
 */
#ifndef NT_REPAIR_PAIR_H
#define NT_REPAIR_PAIR_H

#include "base/env.h"
#include "channel/servers.h"
#include "repair/credentials.h"

/* Who was named as an end's administrator. The first that is given counts; after all of them what
 * the ends file says of the end, then the environment, where `env` says so, then nobody (user "").
 */
struct nt_pair_who {
    const char *file; /* of credentials.h */
    const char *user; /* "[DOMAIN\]NAME" */
    bool kerberos;    /* by the ticket cache */
    bool env;
    /* For a user without a password: puts it into *c by nt_credentials_password. False: why[] has
     * the reason, or "" when the person was told. NULL: there is nobody to ask. */
    bool (*ask)(void *ctx, struct nt_credentials *c, char *why, size_t why_size);
    void *ctx;
};

/* False: why[] has one line. The caller wipes *out, also then. */
bool nt_pair_identify(const struct nt_end *end, const struct nt_pair_who *who,
                      struct nt_credentials *out, char *why, size_t why_size);

/* The end's controllers: those that it names, else those that are found (up to 10 s). None is no
 * failure: lost[] says why then, else it is "". False: the list that was named breaks the form;
 * lost[] says how. */
bool nt_pair_controllers(const struct nt_env *env, const struct nt_end *end,
                         const struct nt_credentials *c, struct nt_servers *out, char *lost,
                         size_t lost_size);

#endif
