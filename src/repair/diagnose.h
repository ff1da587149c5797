/*
 * diagnose.h - from what can be seen of a trust to a verdict: what is wrong, at which end, why, and
 * what to do. Pure: facts in, words out. Where something could not be read it is said to be
 * unknown; nothing is guessed. The groups and their order are the field guide's, section 2: a later
 * one is judged only when those before it are good.
 */
#ifndef NT_REPAIR_DIAGNOSE_H
#define NT_REPAIR_DIAGNOSE_H

#include "repair/admin.h"

/* The numbers are the exit codes that monitoring systems know. */
enum nt_grade { NT_GRADE_GOOD, NT_GRADE_WARNING, NT_GRADE_CRITICAL, NT_GRADE_UNKNOWN };
const char *nt_grade_name(enum nt_grade grade); /* "good" */
/* The one that matters more: critical, then unknown, warning, good. */
enum nt_grade nt_grade_worse(enum nt_grade a, enum nt_grade b);

enum nt_group_of {
    NT_GROUP_NETWORK,
    NT_GROUP_CLOCK,
    NT_GROUP_CRYPTO,
    NT_GROUP_HALVES,
    NT_GROUP_PASSWORDS,
    NT_GROUP_POLICY,
    NT_GROUP_COUNT
};
const char *nt_group_name(enum nt_group_of group); /* "network" */

struct nt_finding {
    bool looked; /* false: not judged, since something before it is not good, or not to be seen */
    enum nt_grade grade;
    char text[400];
};

struct nt_diagnosis {
    struct nt_finding group[NT_GROUP_COUNT];
    enum nt_grade grade;
    char reason[40];   /* "removed-at-trusted-end"; "" when good */
    char verdict[200]; /* one sentence */
    char end[96];      /* the domain at fault; "the network"; "" for none */
    char cause[600];
    char remedy[400]; /* a command where there is one */
};

/* Whether the other end was looked at as its administrator. */
enum nt_look { NT_LOOK_NOT_ASKED, NT_LOOK_SEEN, NT_LOOK_FAILED };

/* The trusting end is here. Texts are the admin API's, never NULL; times 0: never. */
struct nt_trust_facts {
    const char *own, *peer; /* this domain, and the one that it trusts */
    const char *state, *reason, *text, *next, *controller;
    bool degraded, weak_allowed, changes_disabled;
    const char *error_status, *error_text; /* of the last failure */
    nt_time error_at, established, changed, checked, now;
    uint64_t change_interval_s;
    nt_time
        missing_at; /* since it was established last, this end found its account missing there */
    nt_time restored_to; /* this end was restored, and that explains the mismatch; 0: it does not */
    bool cloned;         /* the password was changed elsewhere, again and again */
    const char *laggards; /* controllers there that lag, with how far; "" for none */
    struct nt_sid sid;    /* of the trusted domain, as known here; null: not learned */
    enum nt_look there;
    const struct nt_admin_error *there_error; /* FAILED */
    struct nt_admin_domain there_domain;
    struct nt_admin_account account;
};
void nt_diagnose_trust(const struct nt_trust_facts *f, struct nt_diagnosis *out);

/* The trusted end is here. */
struct nt_permit_facts {
    const char *own, *peer; /* this domain, and the one that is permitted to trust it */
    bool exists, disabled, weak_allowed, changes_refused;
    const char *state;
    nt_time permitted, proven, changed, burned, last_ok, last_bad, now;
    const char *burned_from, *last_from;
    uint64_t attempts_left, change_interval_s, check_interval_s;
    /* what the audit trail says of a permission before; texts "" when it says nothing */
    const char *removed_text, *refused_from, *untrusted_text;
    /* what the daemon says is wrong at present, api_troubles.c; "" for nothing */
    const char *trouble, *trouble_text, *trouble_next;
    nt_time removed_at, refused_at; /* refused_at: of the last attempt, after the removal */
    nt_time untrusted_at;           /* this end trusted the other one, until then */
    enum nt_look there;
    const struct nt_admin_error *there_error;
    struct nt_sid own_sid;
    struct nt_admin_domain there_domain;
    struct nt_admin_tdo tdo;
    bool verified; /* the other end was asked to prove the trust: werr, controller */
    uint32_t werr;
    const char *verified_by;
};
void nt_diagnose_permit(const struct nt_permit_facts *f, struct nt_diagnosis *out);

#endif
