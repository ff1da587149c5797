/*
 * dir.h - the directory: an immutable picture of the whole domain at one commit, shared by
 * reference count between threads, and the transaction that makes the next one. Lookups touch no
 * disk and take no lock. Names are found without regard to case.
 */
#ifndef NT_DOMAIN_DIR_H
#define NT_DOMAIN_DIR_H

#include "base/env.h"
#include "domain/model.h"

struct nt_dir;

struct nt_dir *nt_dir_new(void); /* empty; NULL: no memory */
struct nt_dir *nt_dir_ref(const struct nt_dir *dir);
void nt_dir_unref(const struct nt_dir *dir);

/* What is found lives as long as the directory is held; take nt_record_ref to keep it longer. */
const struct nt_domain *nt_dir_domain(const struct nt_dir *dir); /* NULL in an empty directory */
const struct nt_policy *nt_dir_policy(const struct nt_dir *dir); /* the default if never set */

const struct nt_account *nt_dir_account(const struct nt_dir *dir, const char *name);
const struct nt_account *nt_dir_account_rid(const struct nt_dir *dir, uint32_t rid);
const struct nt_group *nt_dir_group(const struct nt_dir *dir, const char *name);
const struct nt_group *nt_dir_group_rid(const struct nt_dir *dir, uint32_t rid);
const struct nt_alias *nt_dir_alias(const struct nt_dir *dir, bool builtin, const char *name);
const struct nt_alias *nt_dir_alias_rid(const struct nt_dir *dir, bool builtin, uint32_t rid);
const struct nt_tdo *nt_dir_tdo(const struct nt_dir *dir, const char *name); /* flat or DNS name */
const struct nt_tdo *nt_dir_tdo_sid(const struct nt_dir *dir, const struct nt_sid *sid);
const struct nt_lsa_secret *nt_dir_secret(const struct nt_dir *dir, const char *name);

/* In order: the first record behind that RID (0: the first) or name ("": the first); NULL: no
 * more. So an enumeration can be resumed in another call and another directory. */
const struct nt_account *nt_dir_account_after(const struct nt_dir *dir, uint32_t rid);
const struct nt_group *nt_dir_group_after(const struct nt_dir *dir, uint32_t rid);
const struct nt_alias *nt_dir_alias_after(const struct nt_dir *dir, bool builtin, uint32_t rid);
const struct nt_tdo *nt_dir_tdo_after(const struct nt_dir *dir, const char *name);
/* The TDOs that are not the same in two directories, each with what it was and is (NULL: not
 * there). Costs what was changed between the two, not what there is. */
typedef void nt_tdo_changed_fn(void *ctx, const struct nt_tdo *was, const struct nt_tdo *is);
void nt_dir_tdos_changed(const struct nt_dir *before, const struct nt_dir *now,
                         nt_tdo_changed_fn *fn, void *ctx);
size_t nt_dir_count(const struct nt_dir *dir, enum nt_kind kind);

/* RIDs of the global groups an account is a member of, its primary group first; returns how many
 * there are, of which at most `max` were written. */
size_t nt_dir_groups_of(const struct nt_dir *dir, const struct nt_account *account, uint32_t *rids,
                        size_t max);
/* A group record lists only members whose primary group it is not. */
bool nt_group_has(const struct nt_group *group, uint32_t rid);
bool nt_alias_has(const struct nt_alias *alias, const struct nt_sid *sid);
/* Aliases (builtin or not) that have any of these SIDs as member; as above, RIDs ascending. */
size_t nt_dir_aliases_of(const struct nt_dir *dir, bool builtin, const struct nt_sid *sids,
                         size_t count, uint32_t *rids, size_t max);

/* --- changes --- */

struct nt_txn;

/* What one transaction changed: for the store. */
struct nt_change {
    enum nt_kind kind;
    const void *record; /* NULL: deleted */
    /* the key of a deleted record */
    uint32_t rid;
    bool builtin;
    const char *name;
};

/* What is found in a transaction's directory lives until the transaction ends or the change that
 * put it is undone. On top of `base` (referenced). env gives time and randomness. NULL: no memory.
 */
struct nt_txn *nt_txn_begin(const struct nt_dir *base, const struct nt_env *env);
void nt_txn_free(struct nt_txn *txn); /* gives up what was not finished */

/* The directory as this transaction sees it, its own changes included. */
const struct nt_dir *nt_txn_dir(const struct nt_txn *txn);
nt_time nt_txn_now(const struct nt_txn *txn); /* one moment for the whole transaction */
const struct nt_env *nt_txn_env(const struct nt_txn *txn);

/* Puts a record (new or changed), taking over the caller's reference, also on failure. A rename is
 * a put under the same RID. NT_E_NOMEM; NT_E_EXISTS when another account, group or alias of the
 * domain has the name. */
enum nt_err nt_txn_put(struct nt_txn *txn, void *record) NT_MUST_USE;
enum nt_err nt_txn_delete(struct nt_txn *txn, const void *record) NT_MUST_USE;
/* Adds a line to the audit trail of this transaction. text is a printf format. */
void nt_txn_event(struct nt_txn *txn, enum nt_event_level level, const char *kind,
                  const char *subject, const char *peer, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* True when an event could not be recorded (no memory): then the transaction must not be kept. */
bool nt_txn_failed(const struct nt_txn *txn);

/* All in the order in which they were made: a record that was put twice is there twice. */
size_t nt_txn_changes(const struct nt_txn *txn, const struct nt_change **changes);
size_t nt_txn_events(const struct nt_txn *txn, const struct nt_event **events);
/* A savepoint inside the transaction: undo everything since the mark (several requests share one
 * commit, and one that fails halfway must leave nothing). */
struct nt_txn_mark {
    size_t changes, events;
    struct nt_dir *dir;
};
enum nt_err nt_txn_mark(struct nt_txn *txn, struct nt_txn_mark *mark) NT_MUST_USE;
void nt_txn_undo(struct nt_txn *txn, struct nt_txn_mark *mark); /* back to the mark */
void nt_txn_keep(struct nt_txn *txn, struct nt_txn_mark *mark); /* drop the mark */

#endif
