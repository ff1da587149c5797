/*
 * ops.h - what can be done to a domain: each decides inside a transaction against the newest state,
 * puts the changed records and writes the audit event. On an error status the transaction may hold
 * half of the change: undo it to a mark (the engine does).
 *   who   the caller's name for the audit trail, "" for the system itself
 *   peer  the address that it came from, "" for here
 *   why   may be NULL; on failure one or two sentences for people: what is wrong and what to do
 * Sources: [MS-SAMR] 3.1.5, [MS-LSAD] 3.1.4.7, design sections 1 and 5.
 */
#ifndef NT_DOMAIN_OPS_H
#define NT_DOMAIN_OPS_H

#include "base/status.h"
#include "domain/dir.h"
#include "domain/reset_code.h"

#define NT_WHY 400
struct nt_why {
    char text[NT_WHY];
};

/* --- the domain --- */

struct nt_domain_new {
    const char *name, *computer;           /* NetBIOS */
    const char *dns_name;                  /* NULL or "": NT-style */
    const struct nt_secret *administrator; /* NT hash of its first password; NULL: disabled */
    const struct nt_sid *sid;              /* NULL: a random one */
};
/* Fills an empty directory: domain, policy, Administrator, Guest (disabled), the groups 512 to 516,
 * BUILTIN's aliases. DOMAIN_EXISTS, OBJECT_NAME_INVALID. */
ntstatus nt_op_domain_init(struct nt_txn *txn, const struct nt_domain_new *domain,
                           struct nt_why *why);

/* This store has gone back to `as_of` (0: unknown; surely: false where that is only possible): the
 * domain remembers it, every trust is checked at once. `text` says how it was noticed. */
ntstatus nt_op_store_restored(struct nt_txn *txn, nt_time as_of, bool surely, const char *text);

/* --- policy --- */

/* A setting of the policy by its name in struct nt_policy. */
enum nt_policy_unit { NT_UNIT_COUNT, NT_UNIT_SECONDS, NT_UNIT_PERCENT, NT_UNIT_BOOL };
struct nt_policy_setting {
    const char *name;
    enum nt_policy_unit unit;
    uint64_t least, most;
    const char *help; /* one sentence */
};
size_t nt_policy_settings(const struct nt_policy_setting **settings); /* all, in order */
/* The value of a setting by its name; false: no such setting. */
bool nt_policy_get(const struct nt_policy *policy, const char *name, uint64_t *value);
/* INVALID_PARAMETER: no such setting, or out of its bounds. No change, no event when it is so
 * already. */
ntstatus nt_op_policy_set(struct nt_txn *txn, const char *name, uint64_t value, const char *who,
                          const char *peer, struct nt_why *why);
/* From text: "7d", "15m", "30s", "2h", a number (of seconds), "yes", "no". */
ntstatus nt_op_policy_set_text(struct nt_txn *txn, const char *name, const char *value,
                               const char *who, const char *peer, struct nt_why *why);

/* --- accounts --- */

/* acb: one type bit (NT_ACB_NORMAL, _WORKSTATION, _SERVER, _INTERDOMAIN) and others. Names of trust
 * accounts end in '$', others do not unless a client like `net rpc trustdom add` makes a NORMAL one
 * first and changes its type. Made without a password: opens nothing. USER_EXISTS, GROUP_EXISTS,
 * ALIAS_EXISTS, INVALID_ACCOUNT_NAME, INVALID_PARAMETER (type). */
ntstatus nt_op_account_create(struct nt_txn *txn, const char *name, uint32_t acb, const char *who,
                              const char *peer, uint32_t *rid, struct nt_why *why);
/* NO_SUCH_USER; SPECIAL_ACCOUNT for 500 and 501. Leaves all groups and aliases. */
ntstatus nt_op_account_delete(struct nt_txn *txn, uint32_t rid, const char *who, const char *peer);
ntstatus nt_op_account_rename(struct nt_txn *txn, uint32_t rid, const char *name, const char *who,
                              const char *peer, struct nt_why *why);

/* What to change; the rest is left. */
enum nt_account_field {
    NT_FIELD_FULL_NAME = 0x0001,
    NT_FIELD_COMMENT = 0x0002,
    NT_FIELD_USER_COMMENT = 0x0004,
    NT_FIELD_HOME_DIR = 0x0008,
    NT_FIELD_HOME_DRIVE = 0x0010,
    NT_FIELD_SCRIPT = 0x0020,
    NT_FIELD_PROFILE = 0x0040,
    NT_FIELD_WORKSTATIONS = 0x0080,
    NT_FIELD_PARAMETERS = 0x0100,
    NT_FIELD_EXPIRES = 0x0200,
    NT_FIELD_LOGON_HOURS = 0x0400,
    NT_FIELD_PRIMARY_RID = 0x0800, /* the account must be a member: MEMBER_NOT_IN_GROUP */
    NT_FIELD_WEAK_CRYPTO = 0x1000,
    NT_FIELD_MUST_CHANGE = 0x2000 /* password_set becomes 0, or now */
};
struct nt_account_fields {
    uint32_t which; /* of enum nt_account_field */
    const char *full_name, *comment, *user_comment, *home_dir, *home_drive, *script, *profile,
        *workstations, *parameters;
    nt_time expires; /* 0: never */
    uint8_t logon_hours[21];
    uint8_t logon_hours_len;
    uint32_t primary_rid;
    bool allow_weak_crypto, must_change;
};
ntstatus nt_op_account_set(struct nt_txn *txn, uint32_t rid, const struct nt_account_fields *fields,
                           const char *who, const char *peer);
/*
 * The control bits, with a change of type where the type bits differ: NORMAL to INTERDOMAIN gives a
 * permitted trust account whose initial password is the account's (its name must end in '$'); to
 * WORKSTATION or SERVER likewise. From INTERDOMAIN to another type: ACCESS_DENIED. AUTOLOCK is
 * derived: clearing it unlocks, setting it is ignored. SPECIAL_ACCOUNT: 500 cannot change its type.
 */
ntstatus nt_op_account_acb(struct nt_txn *txn, uint32_t rid, uint32_t acb, const char *who,
                           const char *peer, struct nt_why *why);
/* An administrator sets a password. For an interdomain trust account it is a new initial password:
 * a fresh permission. must_change: the user has to change it at the next logon. */
ntstatus nt_op_account_password(struct nt_txn *txn, uint32_t rid, const struct nt_secret *nt_hash,
                                bool must_change, const char *who, const char *peer);
/* The user changes its own, having proven the old one (`old`: its hash, compared again here).
 * WRONG_PASSWORD, PASSWORD_RESTRICTION (too early, or the same), ACCESS_DENIED (trust account). */
ntstatus nt_op_account_password_change(struct nt_txn *txn, uint32_t rid,
                                       const struct nt_secret *old, const struct nt_secret *nt_hash,
                                       const char *peer);
/* Length by policy; machines and trusts are free. PASSWORD_RESTRICTION. */
ntstatus nt_password_check(const struct nt_policy *policy, const struct nt_password *clear);
ntstatus nt_op_account_disable(struct nt_txn *txn, uint32_t rid, bool disabled, const char *who,
                               const char *peer);
ntstatus nt_op_account_lock(struct nt_txn *txn, uint32_t rid,
                            const char *peer); /* too many bad ones */
ntstatus nt_op_account_unlock(struct nt_txn *txn, uint32_t rid, const char *who, const char *peer);

/* --- secure channels to us: interdomain, workstation and server trust accounts --- */

/* A channel was opened with `nt_hash`. For interdomain accounts see nt_in_opened: ask
 * nt_in_opened_changes first, and answer the peer only after this is durable when it says so.
 * ACCESS_DENIED: meanwhile no longer accepted. */
ntstatus nt_op_channel_opened(struct nt_txn *txn, uint32_t rid, const struct nt_secret *nt_hash,
                              const char *peer);
/* An attempt with a wrong password: burns the initial one (nt_in_refused). Returns ACCESS_DENIED,
 * NO_TRUST_SAM_ACCOUNT when the account is gone. */
ntstatus nt_op_channel_refused(struct nt_txn *txn, uint32_t rid, const char *peer, bool *burned);
/* Refused, since it came with a password of before (account->past, `behind` changes ago); or, with
 * one that is unknown here, and this store has gone back (nt_op_may_be_ahead). For people. */
ntstatus nt_op_channel_behind(struct nt_txn *txn, uint32_t rid, uint32_t behind, const char *peer);
ntstatus nt_op_channel_ahead(struct nt_txn *txn, uint32_t rid, const char *peer);
bool nt_op_may_be_ahead(const struct nt_dir *dir, const struct nt_account *account);
/* What was noted of that; "" for nothing. Returns text. */
const char *nt_past_describe(const struct nt_account *account, char *text, size_t size);
/* The account's own channel sets its password; version NULL: none given (it then counts on).
 * WRONG_PASSWORD: changes are refused. NO_TRUST_SAM_ACCOUNT: gone or unfit. */
ntstatus nt_op_machine_password(struct nt_txn *txn, uint32_t rid, const struct nt_secret *nt_hash,
                                const uint32_t *version, const char *peer);

/* --- groups and aliases --- */

ntstatus nt_op_group_create(struct nt_txn *txn, const char *name, const char *comment,
                            const char *who, const char *peer, uint32_t *rid, struct nt_why *why);
ntstatus nt_op_group_delete(struct nt_txn *txn, uint32_t rid, const char *who, const char *peer);
/* NULL: left as it is. */
ntstatus nt_op_group_set(struct nt_txn *txn, uint32_t rid, const char *name, const char *comment,
                         const char *who, const char *peer);
/* MEMBER_IN_GROUP, MEMBER_NOT_IN_GROUP, NO_SUCH_USER, NO_SUCH_GROUP, MEMBERS_PRIMARY_GROUP,
 * LAST_ADMIN. */
ntstatus nt_op_group_member(struct nt_txn *txn, uint32_t rid, uint32_t member, bool add,
                            const char *who, const char *peer);
ntstatus nt_op_alias_create(struct nt_txn *txn, const char *name, const char *comment,
                            const char *who, const char *peer, uint32_t *rid, struct nt_why *why);
ntstatus nt_op_alias_delete(struct nt_txn *txn, bool builtin, uint32_t rid, const char *who,
                            const char *peer);
ntstatus nt_op_alias_set(struct nt_txn *txn, bool builtin, uint32_t rid, const char *name,
                         const char *comment, const char *who, const char *peer);
/* Any SID, also of trusted domains; one of this domain must exist (NO_SUCH_MEMBER). INVALID_SID,
 * MEMBER_IN_ALIAS, MEMBER_NOT_IN_ALIAS, NO_SUCH_ALIAS. */
ntstatus nt_op_alias_member(struct nt_txn *txn, bool builtin, uint32_t rid,
                            const struct nt_sid *member, bool add, const char *who,
                            const char *peer);

/* --- trusts: the trusted end --- */

/*
 * Permits a domain to trust this one: makes the interdomain trust account NAME$ with the initial
 * password, which may be empty (the hash of the empty password) and serves once.
 *   attempts  wrong ones until burned; 0: the policy's
 * OBJECT_NAME_INVALID, USER_EXISTS (permitted already: `why` says in which state, and that adding
 * it again at one end repairs nothing), INVALID_PARAMETER (our own name).
 */
ntstatus nt_op_permit_add(struct nt_txn *txn, const char *trusting, const struct nt_secret *nt_hash,
                          uint32_t attempts, const char *who, const char *peer, uint32_t *rid,
                          struct nt_why *why);
ntstatus nt_op_permit_remove(struct nt_txn *txn, const char *trusting, const char *who,
                             const char *peer, struct nt_why *why); /* NO_SUCH_USER */
/* The interdomain trust account of a trusting domain; NULL: none. */
const struct nt_account *nt_dir_permit(const struct nt_dir *dir, const char *trusting);

/* --- trusts: the trusting end --- */

struct nt_trust_new {
    const char *name;                  /* NetBIOS name of the trusted domain */
    const char *dns_name, *servers;    /* NULL or "" */
    const struct nt_sid *sid;          /* NULL: learned when the channel opens */
    uint32_t direction;                /* 0: outbound */
    uint32_t type, attributes;         /* type 0: downlevel */
    const struct nt_password *initial; /* outbound; may be empty, NULL counts as empty */
    bool allow_weak_crypto;
};
/* Replaces nothing: OBJECT_NAME_COLLISION when the TDO exists (`why` tells what to do). */
ntstatus nt_op_trust_add(struct nt_txn *txn, const struct nt_trust_new *trust, const char *who,
                         const char *peer, struct nt_why *why);
ntstatus nt_op_trust_remove(struct nt_txn *txn, const char *name, const char *who, const char *peer,
                            struct nt_why *why);
/* Establishes anew with another initial password, as removing and adding would. */
ntstatus nt_op_trust_reset(struct nt_txn *txn, const char *name, const struct nt_password *initial,
                           const char *who, const char *peer, struct nt_why *why);

enum nt_trust_field {
    NT_TRUST_SERVERS = 0x01,
    NT_TRUST_DNS_NAME = 0x02,
    NT_TRUST_DIRECTION = 0x04,
    NT_TRUST_TYPE = 0x08,
    NT_TRUST_ATTRIBUTES = 0x10,
    NT_TRUST_WEAK_CRYPTO = 0x20,
    NT_TRUST_ENC_TYPES = 0x40,
    NT_TRUST_SID = 0x80
};
struct nt_trust_fields {
    uint32_t which; /* of enum nt_trust_field */
    const char *servers, *dns_name;
    uint32_t direction, type, attributes, enc_types;
    bool allow_weak_crypto;
    const struct nt_sid *sid;
};
ntstatus nt_op_trust_set(struct nt_txn *txn, const char *name, const struct nt_trust_fields *fields,
                         const char *who, const char *peer);
/* A person asks: see nt_out_want_check and nt_out_want_change. */
ntstatus nt_op_trust_want(struct nt_txn *txn, const char *name, bool change, const char *who,
                          const char *peer);

/* --- trusts: a reset code --- */

struct nt_reset_new {
    const char *name;                 /* of the other domain, in upper case */
    enum nt_reset_ends ends;          /* which of its halves here begin anew */
    const struct nt_reset_code *code; /* the initial password of each */
    nt_time until;                    /* when it ends */
    bool made_here;                   /* else it was typed here */
    const char *servers;              /* of the TDO; NULL or "": as they are, or found */
};
/* What is missing is made, what is there keeps its settings; a disabled account is enabled.
 * USER_EXISTS: NAME$ is another kind of account. */
ntstatus nt_op_reset(struct nt_txn *txn, const struct nt_reset_new *reset, const char *who,
                     const char *peer, struct nt_why *why);

/* --- secrets --- */

/* NULL value: not changed; the current one becomes old when only `current` is given. Creates the
 * secret when there is none. LIMIT of 64 KiB each: INVALID_PARAMETER. No event shows the value. */
ntstatus nt_op_secret_set(struct nt_txn *txn, const char *name, const uint8_t *current,
                          size_t current_len, const uint8_t *old, size_t old_len, const char *who,
                          const char *peer);
ntstatus nt_op_secret_delete(struct nt_txn *txn, const char *name, const char *who,
                             const char *peer); /* OBJECT_NAME_NOT_FOUND */

#endif
