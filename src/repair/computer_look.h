/*
 * computer_look.h - looks at the secure channel of a member computer from both sides: asks every
 * controller as its administrator, tries the member's secret with every one, asks the member. At
 * the edge: blocks until it is done. Changes nothing.
 */
#ifndef NT_REPAIR_COMPUTER_LOOK_H
#define NT_REPAIR_COMPUTER_LOOK_H

#include "repair/computer.h"
#include "repair/credentials.h"

struct nt_computer_look {
    const struct nt_env *env;
    const struct nt_end *end;                 /* the domain */
    const struct nt_credentials *credentials; /* user "": nobody, so nothing can be read there */
    struct nt_servers servers;                /* the one that changes are made at first */
    const char *lost;                         /* why there are none; "" */
    const struct nt_member *member;           /* this computer, where it is the one; else NULL */
    const struct nt_member_secret *secret;    /* of it, or from a file */
    bool from_file;
    const char *address;                        /* of the computer elsewhere; NULL: not asked */
    const struct nt_credentials *administrator; /* there */
    /* Called before each step, for a person who waits; NULL: nobody. */
    void (*step)(void *ctx, const char *host, const char *what);
    void *ctx;
    struct nt_admin *admin[NT_ENDS_CONTROLLERS]; /* NULL: none; closed by nt_computer_close */
};

/* computer: kept in *f. */
void nt_computer_look(struct nt_computer_look *l, const char *computer,
                      struct nt_computer_facts *f);
/* winbindd's word. To be asked last: a controller keeps one session key for a computer, so what was
 * tried here, or by Samba's own net, has spoilt winbindd's channel, which this makes anew. */
void nt_computer_look_winbind(struct nt_computer_look *l, struct nt_computer_facts *f);
/* Only what may have changed since: the accounts, and the trial of this secret. */
void nt_computer_look_again(struct nt_computer_look *l, struct nt_computer_facts *f);
void nt_computer_close(struct nt_computer_look *l);

#endif
