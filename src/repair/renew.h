/*
 * renew.h - makes a broken trust between two Active Directory domains good again, at both ends in
 * one run: new random secrets, and whatever of the two halves is missing or does not fit. The plan
 * is pure; nt_renew_run is at the edge and blocks.
 *
 * Kept as they are: SID filter, selective authentication and every other attribute of an object
 * that is there. Nothing is half done in secret: the rights at both ends are tried before either
 * is touched, and a run that was interrupted is finished by another one, since each begins anew
 * from what is seen.
 */
#ifndef NT_REPAIR_RENEW_H
#define NT_REPAIR_RENEW_H

#include "repair/look.h"

enum nt_renew_action {
    NT_RENEW_SECRETS, /* the object fits: new secrets only */
    NT_RENEW_KIND,    /* and its directions */
    NT_RENEW_MAKE,    /* there is none */
    NT_RENEW_REMAKE   /* it is another domain's, or this was asked for: deleted and made */
};

struct nt_renew_end {
    enum nt_renew_action action;
    struct nt_admin_tdo_full want; /* as it is to be */
    char old_name[NT_ADMIN_NAME];  /* REMAKE, SECRETS, KIND: under which it is found now */
    bool encryption;               /* want.enc_types is to be set */
    bool enable;                   /* the account of the other end */
};

struct nt_renew_plan {
    bool trusts[2]; /* end i trusts the other one */
    struct nt_renew_end end[2];
};

enum nt_renew_goal {
    NT_RENEW_RESET,   /* good again, with as little change as that needs */
    NT_RENEW_RECREATE /* both halves made anew */
};

struct nt_renew_wish {
    enum nt_renew_goal goal;
};

/* False: it cannot or must not be done; why[] is a sentence. */
bool nt_renew_plan(const struct nt_ends_facts *f, const struct nt_renew_wish *wish,
                   struct nt_renew_plan *out, char *why, size_t why_size);
/* What the plan does at end i, in words. */
void nt_renew_text(const struct nt_ends_facts *f, const struct nt_renew_plan *plan, size_t i,
                   char *out, size_t size);

struct nt_renew_result {
    bool touched;  /* something may have been changed */
    size_t failed; /* the end whose call failed; 2: none */
    struct nt_admin_error error;
    uint64_t proven_ms; /* from the last change until every controller proved the trust */
    bool proven;
};

/* Carries it out with the sessions of `ends`, then looks at the trust again, into *f, until every
 * controller that was reached before proves it, or patience_ms are over. */
void nt_renew_run(const struct nt_look_config *config, struct nt_look_end ends[2],
                  const struct nt_renew_plan *plan, uint32_t patience_ms, struct nt_ends_facts *f,
                  struct nt_renew_result *out);

#endif
