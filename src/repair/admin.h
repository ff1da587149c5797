/*
 * admin.h - an administrator's session with one controller of a domain: who the domain is, its half
 * of a trust, and changes of it. At the edge: each call runs an event loop of its own until it is
 * answered or the session's time is over. Not for use from two threads.
 * Sources: [MS-SAMR] 3.1.5, [MS-LSAD] 3.1.4.7, [MS-NRPC] 3.5.4.9.1.
 *
 * Roads: sealed RPC over TCP with NTLM; or named pipes of an SMB session with NTLM or Kerberos,
 * encrypted where the controller can and signed always, whose key hides the passwords. With
 * NT_ROAD_ANY TCP comes first, and SMB when an interface cannot be reached there or is refused:
 * many controllers take LSARPC by its pipe only.
 */
#ifndef NT_REPAIR_ADMIN_H
#define NT_REPAIR_ADMIN_H

#include "base/env.h"
#include "base/nttime.h"
#include "base/secret.h"
#include "base/sid.h"
#include "base/status.h"
#include "channel/link.h"

#define NT_ADMIN_NAME 64 /* bytes of a NetBIOS name with its NUL */
#define NT_ADMIN_WHY  400

struct nt_admin;

struct nt_admin_config {
    const char *host; /* name or address; for Kerberos the name that the KDC knows */
    enum nt_road road;
    uint16_t port; /* the endpoint mapper's, for NT_ROAD_SMB SMB's; 0: the usual */
    /* The administrator's; with Kerberos only for showing. user "": nobody, over SMB only, who sees
     * what the controller tells to all. */
    const char *domain, *user;
    const struct nt_secret *hash; /* NT hash of the password; NULL with Kerberos */
    bool kerberos;                /* by the ticket cache, over SMB whatever the road says */
    /* Over SMB, of a controller: all that a look at a trust needs is opened with the session,
     * without waiting for it, so that the first call of each interface finds it ready. */
    bool all_pipes;
    const struct nt_env *env; /* kept */
    uint32_t total_ms;        /* for all that the session does; 0: one minute */
};

/* What kind of failure it was, so that a person knows where to look. */
enum nt_admin_fail {
    NT_ADMIN_FINE,
    NT_ADMIN_NAME_UNKNOWN, /* the host's name has no address */
    NT_ADMIN_NETWORK,      /* not reached, or the connection ended */
    NT_ADMIN_CREDENTIALS,  /* the user name or password is not right */
    NT_ADMIN_RIGHTS,       /* logged on, but not allowed to do this */
    NT_ADMIN_CRYPTO,       /* the two ends do not agree on protection */
    NT_ADMIN_MISSING,      /* the object is not there */
    NT_ADMIN_EXISTS,       /* it is there already */
    NT_ADMIN_OTHER         /* any other status */
};

struct nt_admin_error {
    enum nt_admin_fail kind;
    ntstatus status;
    char step[48];           /* the call: "SamrOpenDomain"; "" when nothing was called yet */
    char text[NT_ADMIN_WHY]; /* one sentence with the host and the reason */
};

/* Prepares; connects when the first call needs it. NULL: no memory. */
struct nt_admin *nt_admin_new(const struct nt_admin_config *config);
void nt_admin_free(struct nt_admin *a); /* closes, wipes */
/* Begins the session's time anew. */
void nt_admin_more_time(struct nt_admin *a, uint32_t total_ms);
/* The session cannot carry calls any more: its time is over, or its connection is lost. */
bool nt_admin_is_spent(const struct nt_admin *a);

/* Of the last call that returned false. */
const struct nt_admin_error *nt_admin_error(const struct nt_admin *a);
const char *nt_admin_fail_name(enum nt_admin_fail kind); /* "network", for --json */

/* --- the domain --- */

/* Its NetBIOS name and SID, by SAMR. */
struct nt_admin_domain {
    char name[NT_ADMIN_NAME];
    struct nt_sid sid;
};
bool nt_admin_domain(struct nt_admin *a, struct nt_admin_domain *out);

/* Opens the domain with the rights that making and deleting trust accounts needs: false with
 * NT_ADMIN_RIGHTS when the user lacks them. Changes nothing. */
bool nt_admin_may_change_accounts(struct nt_admin *a);
/* The same for trusted domain objects. */
bool nt_admin_may_change_trusts(struct nt_admin *a);

/* --- the trusted end: the interdomain trust account --- */

enum nt_admin_account_type {
    NT_ADMIN_USER,
    NT_ADMIN_INTERDOMAIN,
    NT_ADMIN_WORKSTATION,
    NT_ADMIN_SERVER
};
struct nt_admin_account {
    bool exists;
    enum nt_admin_account_type type;
    bool disabled;
    uint32_t rid;
    uint32_t control;     /* all of its bits, [MS-SAMR] 2.2.1.12 */
    nt_time password_set; /* 0: never */
};
/* trusting: the trusting domain's NetBIOS name. True also when there is none: exists is false. */
bool nt_admin_account_get(struct nt_admin *a, const char *trusting, struct nt_admin_account *out);
const char *nt_admin_account_type_name(enum nt_admin_account_type type); /* "interdomain trust" */

/* Makes the account with its initial password, still disabled: nothing opens it, so nothing burns
 * it, until nt_admin_account_enable. What was made is deleted again when the password cannot be
 * set. NT_ADMIN_EXISTS, NT_ADMIN_RIGHTS. */
bool nt_admin_account_create(struct nt_admin *a, const char *trusting,
                             const struct nt_password *initial);
bool nt_admin_account_enable(struct nt_admin *a, const char *trusting);
/* NT_ADMIN_MISSING when there is none; NT_ADMIN_OTHER when it is no interdomain trust account. */
bool nt_admin_account_delete(struct nt_admin *a, const char *trusting);

/* --- the account of a member computer: admin_machine.c. Read by nt_admin_account_get. --- */

/* Whether this administrator may give the account of that computer another password, disable and
 * enable it; where there is none, whether one may be made. Changes nothing. NT_ADMIN_RIGHTS. */
bool nt_admin_machine_may_set(struct nt_admin *a, const char *computer);
/* Gives it that password, and enables it. NT_ADMIN_MISSING when there is none; NT_ADMIN_OTHER when
 * it is the account of something else than a computer. */
bool nt_admin_machine_set(struct nt_admin *a, const char *computer,
                          const struct nt_password *password);
/* Makes the account of a workstation or member server, with its password, enabled. What was made is
 * deleted again when the password cannot be set. NT_ADMIN_EXISTS. */
bool nt_admin_machine_create(struct nt_admin *a, const char *computer,
                             const struct nt_password *password);

/* The domain that a member computer belongs to, asked of itself; a controller names its own. Its
 * DNS names are not told. */
bool nt_admin_member_of(struct nt_admin *a, struct nt_admin_domain *out);

/* --- the trusting end: the trusted domain object --- */

#define NT_ADMIN_INBOUND  0x1u
#define NT_ADMIN_OUTBOUND 0x2u

struct nt_admin_tdo {
    bool exists;
    char name[NT_ADMIN_NAME]; /* flat */
    struct nt_sid sid;        /* null: not known yet */
    uint32_t direction, type, attributes;
};
bool nt_admin_tdo_get(struct nt_admin *a, const char *trusted, struct nt_admin_tdo *out);

/* Gives the outbound half another initial password; all else of the object stays. */
bool nt_admin_tdo_set_password(struct nt_admin *a, const char *trusted,
                               const struct nt_password *initial);
/* Makes an outbound object. LSA has no place for a list of controllers: the system there has to
 * find them by itself. */
bool nt_admin_tdo_create(struct nt_admin *a, const char *trusted, const struct nt_sid *sid,
                         const struct nt_password *initial);
bool nt_admin_tdo_delete(struct nt_admin *a, const char *trusted);

/* --- a trust between domains that are not ours: admin_trust.c --- */

#define NT_ADMIN_DNS 256 /* bytes of a DNS name with its NUL */

/* The domain's names and SID, by LSARPC. dns and forest are "" for an NT-style domain. */
struct nt_admin_names {
    char name[NT_ADMIN_NAME];
    char dns[NT_ADMIN_DNS], forest[NT_ADMIN_DNS];
    struct nt_sid sid;
};
bool nt_admin_names(struct nt_admin *a, struct nt_admin_names *out);

/* All of a trusted domain object that may be read; trusted: its NetBIOS or DNS name. True also when
 * there is none: exists is false. enc_types: [MS-KILE] 2.2.7; not known: the controller does not
 * tell. */
struct nt_admin_tdo_full {
    struct nt_admin_tdo tdo;
    char dns[NT_ADMIN_DNS]; /* "" where the object has one name only */
    bool enc_known;
    uint32_t enc_types;
    /* Such an object can be deleted there by a call, but neither made nor given another secret:
     * Samba's NT-style controllers. Also told where there is none. */
    bool fixed;
};
bool nt_admin_tdo_read(struct nt_admin *a, const char *trusted, struct nt_admin_tdo_full *out);

/* What a controller says about its secure channel to a domain that it trusts. [MS-NRPC] 2.2.1.7.5
 */
enum nt_admin_control {
    NT_ADMIN_REDISCOVER = 5, /* find a controller and set the channel up anew */
    NT_ADMIN_TC_QUERY = 6,   /* how it stands, out of memory */
    NT_ADMIN_TC_VERIFY = 10  /* prove it now */
};
struct nt_admin_channel {
    uint32_t werr;                 /* what came of it, a Win32 code; 0: good */
    char controller[NT_ADMIN_DNS]; /* the trusted domain's that it has, or had; "" */
};
/* False only when the order was not carried out: its error is nt_admin_error's. */
bool nt_admin_channel(struct nt_admin *a, enum nt_admin_control what, const char *trusted,
                      struct nt_admin_channel *out);

/* The same in two steps, since it takes long where the partner is asked: other calls but those of
 * this kind may be made in between. */
bool nt_admin_channel_begin(struct nt_admin *a, enum nt_admin_control what, const char *trusted);
bool nt_admin_channel_end(struct nt_admin *a, struct nt_admin_channel *out);

/* Has the controller change the password of its trust now, by its own system and over its secure
 * channel: 9 of [MS-NRPC] 3.5.4.9.1. *werr as above; some say yes and do nothing. */
bool nt_admin_order_change(struct nt_admin *a, const char *trusted, uint32_t *werr);
/* The NetBIOS name of the domain's primary controller. */
bool nt_admin_computer(struct nt_admin *a, char out[NT_ADMIN_NAME]);

/* Which controller it is. [MS-DSSP] 2.2.1, admin_look.c */
struct nt_admin_role {
    bool pdc;
    bool read_only;
};
bool nt_admin_role(struct nt_admin *a, struct nt_admin_role *out);

/* The trusts that the controller's domain has, in either direction. */
struct nt_admin_trusts {
    struct nt_admin_tdo_full *list; /* heap; encryption types are not among what is told */
    size_t count;
};
#define NT_ADMIN_TRUSTS 4096 /* of one domain; what passes that is not told */
/* False: *out is empty. */
bool nt_admin_trusts(struct nt_admin *a, struct nt_admin_trusts *out);
void nt_admin_trusts_free(struct nt_admin_trusts *trusts);

/* How the session is protected, and what the controller says of itself before a logon. False: there
 * is no answer by SMB yet. */
struct nt_admin_protection {
    struct nt_smb_offer offer;
    bool is_signed, is_encrypted;
};
bool nt_admin_protection(const struct nt_admin *a, struct nt_admin_protection *out);

/* How far the controller's clock is ahead of ours, from any SMB session of `a`, also one that
 * failed. False: not known. */
bool nt_admin_clock(const struct nt_admin *a, int64_t *ahead_100ns);

/* New secrets of the directions that the object has (NULL: no such direction); the old ones are
 * gone at once, since nobody can read them to keep them. All else of the object stays. */
bool nt_admin_trust_set_secrets(struct nt_admin *a, const char *trusted,
                                const struct nt_password *outgoing,
                                const struct nt_password *incoming);
/* The same, and direction, type and attributes anew as well. */
bool nt_admin_trust_set_kind(struct nt_admin *a, const char *trusted,
                             const struct nt_admin_tdo_full *want,
                             const struct nt_password *outgoing,
                             const struct nt_password *incoming);
bool nt_admin_trust_set_encryption(struct nt_admin *a, const char *trusted, uint32_t enc_types);
/* Makes the object, and at the trusted end its account with it. NT_ADMIN_EXISTS. */
bool nt_admin_trust_make(struct nt_admin *a, const struct nt_admin_tdo_full *want,
                         const struct nt_password *outgoing, const struct nt_password *incoming);
/* Deletes the object and makes it anew; a forest trust gets its name suffixes back. After a failure
 * it may be gone. */
bool nt_admin_trust_remake(struct nt_admin *a, const char *trusted,
                           const struct nt_admin_tdo_full *want, const struct nt_password *outgoing,
                           const struct nt_password *incoming);

/* Stores the names of of's forest with the trust's object, as a new forest trust needs: the two are
 * sessions with its two ends. A controller that tells no such names leaves it as it is: true. */
bool nt_admin_trust_take_suffixes(struct nt_admin *a, const char *trusted, struct nt_admin *of);
/* Opens the object with the rights that deleting it needs, and changes nothing. True also when
 * there is none. */
bool nt_admin_trust_may_delete(struct nt_admin *a, const char *trusted);

/* Has the controller open its secure channel to a domain that it trusts, now. *werr is what came of
 * it, a Win32 code (0: the trust is good); controller: who answered, "" for nobody. */
bool nt_admin_trust_verify(struct nt_admin *a, const char *trusted, uint32_t *werr,
                           char controller[NT_ADMIN_NAME]);

#endif
