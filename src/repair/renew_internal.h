/*
 * renew_internal.h - how one end is changed; seen by renew_*.c only.
 */
#ifndef NT_REPAIR_RENEW_INTERNAL_H
#define NT_REPAIR_RENEW_INTERNAL_H

#include "repair/renew.h"

/* What one end is changed with. */
struct renew_change {
    struct nt_admin *admin;
    const struct nt_renew_plan *plan;
    const struct nt_renew_end *end;
    const struct nt_password *outgoing, *incoming; /* NULL: not that direction */
    const char *other;                             /* the other end's NetBIOS name */
    nt_time before;                                /* the account's password was set */
    struct nt_admin *partner;                      /* the other end's session */
    struct nt_admin_error own;                     /* kind FINE: what failed is the session's */
    bool failed, made_account;
};

/* A fresh one, as long as the two ends take it. */
void renew_secret(const struct nt_env *env, const struct nt_renew_plan *plan,
                  struct nt_password *out);
void renew_pause(uint32_t ms);

/* What the plan does at this end with the other end's account, with the object, with an account
 * that is disabled. False: c->own, else the session's error. */
bool renew_account(struct renew_change *c);
bool renew_object(struct renew_change *c);
bool renew_enable(struct renew_change *c);
/* plan->before into plan->notes, on the disk; and gone from there. */
bool renew_note(const struct nt_renew_plan *plan, const struct nt_ends_facts *f);
void renew_forget(const struct nt_renew_plan *plan);

/* Once both ends have the secrets: an object of the outgoing direction alone took its own. */
bool renew_make_sure(struct renew_change *c);

#endif
