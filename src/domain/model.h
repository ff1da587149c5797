/*
 * model.h - the records of a domain: what the store keeps and the directory shows. Every record is
 * immutable once it stands in a directory, shared by reference count, and replaced as a whole.
 * Texts are UTF-8, owned by the record, never NULL ("" for none).
 * Sources: [MS-SAMR] 3.1.1, [MS-LSAD] 3.1.1.5, design section 5.
 */
#ifndef NT_DOMAIN_MODEL_H
#define NT_DOMAIN_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/nttime.h"
#include "base/secret.h"
#include "base/sid.h"
#include "domain/lease.h"
#include "domain/past.h"
#include "domain/trust_in.h"
#include "domain/trust_out.h"

enum nt_kind {
    NT_KIND_DOMAIN,
    NT_KIND_POLICY,
    NT_KIND_ACCOUNT,
    NT_KIND_GROUP,
    NT_KIND_ALIAS,
    NT_KIND_TDO,
    NT_KIND_SECRET,
    NT_KIND_COUNT
};

/* First member of every record. */
struct nt_record {
    enum nt_kind kind;
    atomic_uint refs;
};

/* Account control bits, [MS-SAMR] 2.2.1.12 (USER_ACCOUNT codes). */
enum nt_acb {
    NT_ACB_DISABLED = 0x00000001,
    NT_ACB_HOMEDIRREQ = 0x00000002,
    NT_ACB_PWNOTREQ = 0x00000004,
    NT_ACB_NORMAL = 0x00000010,
    NT_ACB_INTERDOMAIN = 0x00000040,
    NT_ACB_WORKSTATION = 0x00000080,
    NT_ACB_SERVER = 0x00000100,
    NT_ACB_PWNOEXP = 0x00000200,
    NT_ACB_AUTOLOCK = 0x00000400,
    NT_ACB_TYPE_MASK = 0x000001F8
};

/* RIDs that every domain has, [MS-DTYP] 2.4.2.4 */
enum nt_rid {
    NT_RID_ADMINISTRATOR = 500,
    NT_RID_GUEST = 501,
    NT_RID_DOMAIN_ADMINS = 512,
    NT_RID_DOMAIN_USERS = 513,
    NT_RID_DOMAIN_GUESTS = 514,
    NT_RID_DOMAIN_COMPUTERS = 515,
    NT_RID_DOMAIN_CONTROLLERS = 516,
    NT_RID_FIRST = 1000,
    NT_RID_ALIAS_ADMINS = 544,
    NT_RID_ALIAS_USERS = 545,
    NT_RID_ALIAS_GUESTS = 546,
    NT_RID_ALIAS_ACCOUNT_OPS = 548
};

/* The domain itself: one row. */
struct nt_domain {
    struct nt_record record;
    char *name;     /* NetBIOS, upper case */
    char *computer; /* this controller's NetBIOS name, upper case */
    char *dns_name; /* "" for an NT-style domain */
    struct nt_sid sid;
    uint32_t next_rid;
    nt_time created;
    uint64_t serial; /* moves on by one with every commit */
    nt_time changed; /* when that was last */
    uint8_t store_id[16];
    /* When it was noticed last that this store had gone back, and to what time; 0: never. */
    nt_time restored_at, restored_to;
    bool restored_surely; /* false: its epoch file was missing, so it may have been */
};

/* One row; every field has a default (nt_policy_default) and a name in the admin API. */
struct nt_policy {
    struct nt_record record;
    /* accounts */
    uint32_t min_password_length; /* characters */
    uint32_t password_history;    /* kept for clients' sake; 0 */
    uint64_t max_password_age_s;  /* 0: never expires */
    uint64_t min_password_age_s;
    uint32_t lockout_threshold;  /* bad passwords; 0: never locks */
    uint64_t lockout_duration_s; /* 0: until an administrator unlocks */
    uint64_t lockout_window_s;
    /* trusts */
    uint32_t trust_attempts;        /* wrong initial passwords until burned; 1 */
    uint64_t change_interval_s;     /* between changes of a trust's password; 7 days */
    uint32_t change_jitter_percent; /* of the interval; 10 */
    uint64_t check_interval_s;      /* between checks of a trust; 15 minutes */
    uint64_t retry_first_s;         /* backoff: first wait; 5 s */
    uint64_t retry_most_s;          /* backoff: longest wait; 15 minutes */
    uint32_t previous_accepted;     /* previous passwords the trusted end accepts; 1 */
    uint32_t history_kept;          /* previous passwords the trusting end keeps; 8 */
    uint64_t reset_code_lifetime_s; /* how long a reset code can be typed; 24 hours */
    bool refuse_password_change;    /* trusted end: RefusePasswordChange */
    bool disable_password_change;   /* trusting end: DisablePasswordChange */
};

/* A user, or a workstation, server or interdomain trust account (by acb). */
struct nt_account {
    struct nt_record record;
    uint32_t rid;
    uint32_t acb;
    uint32_t primary_rid;
    char *name;
    char *full_name;
    char *comment; /* AdminComment */
    char *user_comment;
    char *home_dir, *home_drive, *script, *profile, *workstations, *parameters;
    nt_time created, password_set, expires; /* expires 0: never; password_set 0: must change */
    nt_time locked_at;                      /* 0: not locked; acb AUTOLOCK is derived from it */
    struct nt_secret nt_hash;               /* users and machines; len 0: no password set yet.
                                               Interdomain: not used, see `in` */
    uint8_t logon_hours[21];
    uint8_t logon_hours_len; /* 0: always */
    bool allow_weak_crypto;  /* RC4/MD5 secure channel allowed for this account */
    struct nt_trust_in *in;  /* NT_ACB_INTERDOMAIN only, else NULL; owned, see nt_account_in */
    struct nt_past
        *past; /* trust accounts: passwords of before; NULL: none; owned, nt_account_past */
};

struct nt_group { /* global group of the domain */
    struct nt_record record;
    uint32_t rid;
    uint32_t attributes; /* 7: mandatory, enabled by default, enabled */
    char *name;
    char *comment;
    uint32_t *members; /* RIDs, ascending */
    size_t member_count;
};

struct nt_alias { /* local group, of the domain or of BUILTIN */
    struct nt_record record;
    bool builtin;
    uint32_t rid;
    char *name;
    char *comment;
    struct nt_sid *members; /* ascending by nt_sid_compare */
    size_t member_count;
};

/* Trusted domain object, [MS-LSAD] 3.1.1.5. The inbound half of a two-way trust is an interdomain
 * trust account; a TDO that is only inbound remembers what LSA clients said about the partner. */
struct nt_tdo {
    struct nt_record record;
    char *name;          /* NetBIOS (flat) name, upper case: the key */
    char *dns_name;      /* "" for NT-style */
    struct nt_sid sid;   /* null until learned */
    uint32_t direction;  /* bit 0 inbound, bit 1 outbound, [MS-LSAD] 2.2.7.9 */
    uint32_t type;       /* 1 downlevel, 2 uplevel */
    uint32_t attributes; /* [MS-LSAD] 2.2.7.9 */
    uint32_t enc_types;
    char *servers; /* the peer's controllers as the administrator named them:
                      "host[:port]" separated by spaces; port is the endpoint mapper's */
    nt_time created;
    bool allow_weak_crypto;
    struct nt_trust_out out; /* outbound bit only */
    struct nt_lease lease;   /* on `out` */
};

/* An LSA secret object, [MS-LSAD] 3.1.1.4. */
struct nt_lsa_secret {
    struct nt_record record;
    char *name;
    uint8_t *current, *old; /* wiped when freed; NULL: never set */
    size_t current_len, old_len;
    nt_time current_set, old_set;
};

/* One line of the audit trail. Only ever added. */
enum nt_event_level { NT_EVENT_INFO, NT_EVENT_WARNING, NT_EVENT_ERROR };
struct nt_event {
    uint64_t id; /* given by the store, ascending */
    nt_time when;
    enum nt_event_level level;
    const char *kind; /* "trust-established", "initial-password-burned", ... (static texts) */
    char subject[64]; /* the trust or account it is about */
    char peer[96];    /* address or computer it came from; "" for here */
    char text[400];   /* one sentence for people */
};

/* Records: each starts with one reference. new gives a zeroed record with "" texts; clone a deep
 * copy with one reference, to be changed and put. NULL: no memory. */
void *nt_record_new(enum nt_kind kind);
void *nt_record_clone(const void *record);
void *nt_record_ref(const void *record);  /* returns the same record */
void nt_record_unref(const void *record); /* NULL is fine; the last one wipes and frees */
/* Replaces an owned text by a copy of `value`; false: no memory, and nothing changed. Texts of
 * records are set by this alone: the empty one is shared. */
bool nt_text_set(char **text, const char *value);
/* The inbound machine of an account that is being made or changed, allocated when there is none.
 * NULL: no memory. */
struct nt_trust_in *nt_account_in(struct nt_account *account);
/* The same for the passwords of before. */
struct nt_past *nt_account_past(struct nt_account *account);

void nt_policy_default(struct nt_policy *p);

#endif
