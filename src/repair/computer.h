/*
 * computer.h - the secure channel of a member computer (workstation or member server) with its
 * domain: what was seen from both sides, the verdict that follows, and what a reset has to do.
 * Pure: facts in, words out. What could not be read is unknown, and is not guessed. Groups and
 * their order: field guide, section 2.
 */
#ifndef NT_REPAIR_COMPUTER_H
#define NT_REPAIR_COMPUTER_H

#include "repair/compare.h"
#include "repair/computer_member.h"

/* A secure channel that was set up with the member's secret. */
enum nt_trial_end {
    NT_TRIAL_NOT_MADE,
    NT_TRIAL_CURRENT,  /* it opens */
    NT_TRIAL_PREVIOUS, /* the one before opens it, the current one does not */
    NT_TRIAL_REFUSED,  /* status: ACCESS_DENIED for another password, and others */
    NT_TRIAL_FAILED /* it could not be reached, or answered nonsense: says nothing of the secret */
};
struct nt_trial {
    enum nt_trial_end end;
    ntstatus status;
    char why[NT_ADMIN_WHY];
    bool evidence;      /* the controller told what it holds for the account: */
    bool holds_current; /* its newest is our current one */
    bool kept_current;  /* its newest is another one, and the one before is our current one */
};

struct nt_computer_dc {
    char host[NT_SERVER_NAME];
    struct nt_asked reached; /* its names could be read with these credentials */
    bool clock_known;
    int64_t ahead_100ns; /* of our clock */
    struct nt_asked account_asked;
    struct nt_admin_account account;
    struct nt_trial trial;
};

/* Where the member's secret was seen. */
enum nt_computer_source {
    NT_COMPUTER_UNSEEN,
    NT_COMPUTER_STORED, /* in its secrets.tdb */
    NT_COMPUTER_FILE,   /* the administrator gave it */
    NT_COMPUTER_SAMBA   /* not seen, but Samba proved it itself: net rpc testjoin */
};

struct nt_computer_facts {
    const char *computer;        /* NetBIOS name, capitals */
    const char *typed_domain;    /* as the domain was named */
    struct nt_admin_names names; /* as the controllers say; before that as it was named */
    struct nt_computer_dc dc[NT_ENDS_CONTROLLERS];
    size_t count; /* 0: no controller is known: lost */
    size_t main;  /* the one whose view of the account counts; count: none was seen */
    char lost[NT_ADMIN_WHY];
    nt_time now;
    /* the member's side */
    bool here; /* it is this computer, and Samba is its member software */
    bool ads;  /* the member uses Active Directory's ways */
    enum nt_computer_source source;
    bool joined;               /* STORED: it has a secret */
    char unseen[NT_ADMIN_WHY]; /* why the secret was not seen */
    nt_time changed;           /* STORED: when it got its secret; 0: not known */
    struct nt_sid sid;         /* of the domain, as the member has it; null: not known */
    uint32_t interval_s;       /* after which it changes its password; 0: never, or not known */
    enum nt_member_winbind winbind;
    char winbind_text[NT_MEMBER_WHY];
    enum nt_member_keytab keytab;
    /* The domain that it says it belongs to: by its configuration; or asked from elsewhere, with an
     * administrator's logon. */
    struct nt_admin_domain it_says;
    struct nt_asked there;
    struct nt_asked channel_asked; /* its Netlogon, which Samba's members do not offer */
    struct nt_admin_channel channel;
};

/* The controller whose view counts, or NULL. */
const struct nt_computer_dc *nt_computer_main(const struct nt_computer_facts *f);
const char *nt_computer_domain(const struct nt_computer_facts *f); /* its NetBIOS name if known */

void nt_computer_judge(const struct nt_computer_facts *f, struct nt_diagnosis *out);

/* --- reset --- */

struct nt_computer_plan {
    bool create; /* there is no account */
    bool enable; /* it is disabled */
    bool hand;   /* the member is here: it is handed its new secret; else it goes into a file */
};

/* False: it cannot or must not be done; why[] is a sentence, with the command that helps. */
bool nt_computer_plan(const struct nt_computer_facts *f, bool may_create, bool has_file,
                      struct nt_computer_plan *out, char *why, size_t why_size);

#endif
