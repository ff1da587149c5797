/*
 * renew.h - makes, mends, renews and removes a trust between two domains that are not ours, at both
 * ends in one run. What is to be done is planned from what was seen (nt_renew_plan, pure), tried
 * (nt_renew_ready) and carried out (nt_renew_run); those two are at the edge and block.
 *
 * Kept as they are: SID filter, selective authentication and every other attribute of an object
 * that is there, and the name suffixes of a forest trust. Nothing is half done in secret: the
 * rights at both ends are tried before either is touched, and a run that was interrupted is
 * finished by another one, since each begins anew from what is seen.
 *
 * An Active Directory domain keeps its half in one object, and the account of the other end comes
 * and goes with it. An NT-style domain (no DNS name) keeps an object where it trusts, an account
 * where it is trusted, and a trust of two directions is two trusts there.
 */
#ifndef NT_REPAIR_RENEW_H
#define NT_REPAIR_RENEW_H

#include "repair/look.h"

enum nt_renew_goal {
    NT_RENEW_RESET,     /* good again, with as little change as that needs */
    NT_RENEW_RECREATE,  /* both halves made anew */
    NT_RENEW_PASSWORD,  /* only new secrets: nothing is made, deleted or set besides */
    NT_RENEW_ROTATE,    /* the systems of a trust that works change its secrets themselves */
    NT_RENEW_ESTABLISH, /* a new trust */
    NT_RENEW_REMOVE     /* both halves deleted */
};

struct nt_renew_wish {
    enum nt_renew_goal goal;
    /* Where a half takes no secret by any call (nt_admin_tdo_full.fixed) a person stores it there,
     * who is told it. Otherwise such a trust is refused. */
    bool by_hand;
    bool trusts[2]; /* ESTABLISH: end i trusts the other one */
    bool forest;    /* ESTABLISH: a forest trust, not an external one */
    /* RESET, RECREATE: the object of end i as a run that did not end found it (nt_renew_recall);
     * counts where there is none now. */
    struct nt_admin_tdo_full before[2];
};

enum nt_renew_action {
    NT_RENEW_NOTHING,
    NT_RENEW_SECRETS, /* it fits: new secrets only */
    NT_RENEW_KIND,    /* and its directions */
    NT_RENEW_MAKE,    /* there is none */
    NT_RENEW_REMAKE,  /* it is another domain's, or this was asked for: deleted and made */
    NT_RENEW_DELETE,
    NT_RENEW_ORDER,  /* its controller changes the password, over the secure channel */
    NT_RENEW_BY_HAND /* deleted where there is one; a person stores the new one there */
};

struct nt_renew_end {
    bool nt;                       /* NT-style */
    enum nt_renew_action object;   /* of the trusted domain object */
    enum nt_renew_action account;  /* of the other end's account, where it is apart from that */
    struct nt_admin_tdo_full want; /* the object as it is to be */
    char old_name[NT_ADMIN_NAME];  /* under which it is found now; "" : there is none */
    bool encryption;               /* want.enc_types is to be set */
    bool enable;                   /* the account of the other end */
};

struct nt_renew_plan {
    enum nt_renew_goal goal;
    bool trusts[2]; /* end i trusts the other one */
    bool forest;
    struct nt_renew_end end[2];
    struct nt_admin_tdo_full before[2]; /* the objects as they are, or were: see wish */
    /* RESET, RECREATE: where they are noted while they are deleted and made anew, so that a run
     * that was killed is finished by another in full, and both ends may be worked on at once. NULL:
     * nowhere. To be set by the caller after nt_renew_plan, and to live as long as the run. */
    const char *notes;
};

/* False: it cannot or must not be done; why[] is a sentence, with the command that helps. */
bool nt_renew_plan(const struct nt_ends_facts *f, const struct nt_renew_wish *wish,
                   struct nt_renew_plan *out, char *why, size_t why_size);
/* Whether it changes anything at end i. */
bool nt_renew_does(const struct nt_renew_plan *plan, size_t i);
/* What the plan does at end i, in words; "" for nothing. */
void nt_renew_text(const struct nt_ends_facts *f, const struct nt_renew_plan *plan, size_t i,
                   char *out, size_t size);
/* Whether controller k of end i shows the plan as carried out: proves the trust and has the
 * password of its main controller; for REMOVE: has nothing left. One that was not reached does. */
bool nt_renew_shown(const struct nt_ends_facts *f, const struct nt_renew_plan *plan, size_t i,
                    size_t k);

/* Tries what the plan could not see, without a change: the rights at both ends; for a new trust
 * that no computer of the one has a name that the other's controller has. False: *end's error. */
bool nt_renew_ready(struct nt_look_end ends[2], const struct nt_ends_facts *f,
                    const struct nt_renew_plan *plan, size_t *end, struct nt_admin_error *error);

/* The file of such notes in a directory, for these two domains. False: too long. */
bool nt_renew_notes_path(const char *dir, const struct nt_ends_facts *f, char *out, size_t size);
/* What is noted there, at most a day ago, of objects between these very domains: into before[].
 * False: nothing. */
bool nt_renew_recall(const char *path, const struct nt_ends_facts *f,
                     struct nt_admin_tdo_full before[2]);

struct nt_renew_result {
    bool touched;   /* something may have been changed */
    bool undone;    /* and was taken back: ESTABLISH that failed half way */
    size_t failed;  /* the end whose call failed; 2: none */
    bool object[2]; /* what was to be done with it is done */
    bool account[2];
    struct nt_admin_error error;
    /* From the last change until every controller that was reached showed it, and until each one
     * did. */
    bool proven;
    uint64_t proven_ms;
    struct {
        bool shown;
        uint64_t ms;
    } dc[2][NT_ENDS_CONTROLLERS];
    /* What a person has to store at end i, as the password of its trust; len 0: nothing. */
    struct nt_password by_hand[2];
};

/* The facts may be of the halves alone (nt_look_config), but for ROTATE and PASSWORD.
 * nt_renew_ready, then carries it out with the sessions of `ends`, then looks at the trust again,
 * into *f, until every controller shows it or patience_ms are over. To be wiped after use. */
void nt_renew_run(const struct nt_look_config *config, struct nt_look_end ends[2],
                  const struct nt_renew_plan *plan, uint32_t patience_ms, struct nt_ends_facts *f,
                  struct nt_renew_result *out);
void nt_renew_wipe(struct nt_renew_result *r);

#endif
