/*
 * sqlite_load.c - the SQLite backend: rows to records, and the whole directory at once. A stored
 * value that does not fit its field is damage, and damage is refused.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/policy_names.h"
#include "store/sqlite_internal.h"

uint64_t nt_column_u64(sqlite3_stmt *stmt, int i, bool *bad)
{
    if (sqlite3_column_type(stmt, i) != SQLITE_INTEGER)
        *bad = true;
    return (uint64_t)sqlite3_column_int64(stmt, i);
}

uint32_t nt_column_u32(sqlite3_stmt *stmt, int i, bool *bad)
{
    uint64_t value = nt_column_u64(stmt, i, bad);
    if (value > UINT32_MAX)
        *bad = true;
    return (uint32_t)value;
}

const char *nt_column_text(sqlite3_stmt *stmt, int i, bool *bad)
{
    const char *text = NULL;
    if (sqlite3_column_type(stmt, i) == SQLITE_TEXT)
        text = (const char *)sqlite3_column_text(stmt, i);
    if (text != NULL && strlen(text) == (size_t)sqlite3_column_bytes(stmt, i))
        return text;
    *bad = true; /* of another type, or with a NUL inside */
    return "";
}

/* --- rows --- */

/* A result row being read: columns from the left, sticky failures. */
struct row {
    sqlite3_stmt *stmt;
    int at;
    bool bad; /* a value does not fit */
    bool no_memory;
};

static uint64_t get_u64(struct row *r)
{
    return nt_column_u64(r->stmt, r->at++, &r->bad);
}

static uint32_t get_u32(struct row *r)
{
    return nt_column_u32(r->stmt, r->at++, &r->bad);
}

static bool get_bool(struct row *r)
{
    uint32_t value = get_u32(r);
    if (value > 1)
        r->bad = true;
    return value != 0;
}

static void get_text(struct row *r, char **text)
{
    const char *value = nt_column_text(r->stmt, r->at++, &r->bad);
    if (!nt_text_set(text, value))
        r->no_memory = true;
}

/* NULL stands for the null SID. */
static void get_sid(struct row *r, struct nt_sid *sid)
{
    int i = r->at++;
    memset(sid, 0, sizeof *sid);
    if (sqlite3_column_type(r->stmt, i) == SQLITE_NULL)
        return;
    if (!nt_sid_parse(nt_column_text(r->stmt, i, &r->bad), sid))
        r->bad = true;
}

/* At most `size` bytes; returns how many. */
static size_t get_bytes(struct row *r, void *to, size_t size)
{
    int i = r->at++;
    size_t len = (size_t)sqlite3_column_bytes(r->stmt, i);
    const void *from = sqlite3_column_blob(r->stmt, i);
    if (len > size) {
        r->bad = true;
        return 0;
    }
    if (len > 0)
        memcpy(to, from, len);
    return len;
}

static const void *get_sealed(struct row *r, size_t *len)
{
    int i = r->at++;
    const void *bytes = sqlite3_column_blob(r->stmt, i); /* before its length */
    *len = (size_t)sqlite3_column_bytes(r->stmt, i);
    return bytes != NULL ? bytes : "";
}

/* --- the directory --- */

struct loader {
    struct sqlite_store *s;
    sqlite3 *db;
    struct nt_txn *txn;
    /* one record: bound as ?1 and ?2 where a statement has them */
    const char *name;
    uint32_t rid;
    size_t found;
    char *why;
    size_t why_size;
};

static enum nt_err damaged(struct loader *l, const char *what)
{
    nt_store_why(l->why, l->why_size,
                 "the store %s is damaged (%s): stop the daemon and restore it from a backup",
                 l->s->path, what);
    return NT_E_CORRUPT;
}

static enum nt_err no_memory(struct loader *l)
{
    nt_store_why(l->why, l->why_size, "out of memory while the store %s was read", l->s->path);
    return NT_E_NOMEM;
}

/* Puts a record that was read; takes it over in any case. */
static enum nt_err put(struct loader *l, struct row *r, enum nt_err err, void *record,
                       const char *what)
{
    if (record == NULL || r->no_memory || err == NT_E_NOMEM) {
        nt_record_unref(record);
        return no_memory(l);
    }
    if (r->bad || err != NT_OK) {
        nt_record_unref(record);
        return damaged(l, what);
    }
    err = nt_txn_put(l->txn, record);
    if (err == NT_E_NOMEM)
        return no_memory(l);
    return err == NT_OK ? NT_OK : damaged(l, what);
}

static int prepare(struct loader *l, const char *sql, sqlite3_stmt **stmt)
{
    int rc = sqlite3_prepare_v2(l->db, sql, -1, stmt, NULL);
    int count = rc == SQLITE_OK ? sqlite3_bind_parameter_count(*stmt) : 0;
    if (count >= 1)
        rc = sqlite3_bind_text(*stmt, 1, l->name, -1, SQLITE_STATIC);
    if (count >= 2)
        rc = sqlite3_bind_int64(*stmt, 2, l->rid);
    return rc;
}

typedef enum nt_err read_fn(struct loader *l, struct row *r);

static enum nt_err each_row(struct loader *l, const char *sql, read_fn *fn)
{
    struct row r = { NULL, 0, false, false };
    enum nt_err err = NT_OK;
    int rc = prepare(l, sql, &r.stmt);
    while (rc == SQLITE_OK && err == NT_OK && (rc = sqlite3_step(r.stmt)) == SQLITE_ROW) {
        r.at = 0;
        l->found++;
        err = fn(l, &r);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(r.stmt);
    if (err != NT_OK)
        return err;
    if ((rc & 0xff) == SQLITE_ERROR)
        return damaged(l, sqlite3_errmsg(l->db));
    return rc == SQLITE_DONE ? NT_OK : nt_sqlite_why(l->db, rc, l->s->path, l->why, l->why_size);
}

static enum nt_err read_domain(struct loader *l, struct row *r)
{
    struct nt_domain *d = nt_record_new(NT_KIND_DOMAIN);
    if (d == NULL)
        return no_memory(l);
    get_text(r, &d->name);
    get_text(r, &d->computer);
    get_text(r, &d->dns_name);
    get_sid(r, &d->sid);
    d->next_rid = get_u32(r);
    d->created = get_u64(r);
    d->serial = get_u64(r);
    if (get_bytes(r, d->store_id, sizeof d->store_id) != sizeof d->store_id)
        r->bad = true;
    d->changed = get_u64(r);
    d->restored_at = get_u64(r);
    d->restored_to = get_u64(r);
    d->restored_surely = get_bool(r);
    return put(l, r, NT_OK, d, "the domain's row");
}

static enum nt_err load_policy(struct loader *l)
{
    struct row r = { NULL, 0, false, false };
    size_t found = 0;
    struct nt_policy *p = nt_record_new(NT_KIND_POLICY);
    if (p == NULL)
        return no_memory(l);
    nt_policy_default(p);
    int rc = sqlite3_prepare_v2(l->db, "SELECT name, value FROM policy", -1, &r.stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(r.stmt)) == SQLITE_ROW) {
        const char *name = nt_column_text(r.stmt, 0, &r.bad);
        uint64_t value = nt_column_u64(r.stmt, 1, &r.bad);
        for (size_t i = 0; i < nt_policy_names_count; i++)
            if (strcmp(name, nt_policy_names[i].name) == 0 && !nt_policy_value_set(p, i, value))
                r.bad = true;
        found++;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(r.stmt);
    if (rc != SQLITE_DONE) {
        nt_record_unref(p);
        return nt_sqlite_why(l->db, rc, l->s->path, l->why, l->why_size);
    }
    if (found == 0) { /* never set */
        nt_record_unref(p);
        return NT_OK;
    }
    return put(l, &r, NT_OK, p, "the policy");
}

static enum nt_err read_account(struct loader *l, struct row *r)
{
    char row_name[NT_BLOB_ROW], what[40];
    size_t len;
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    if (a == NULL)
        return no_memory(l);
    a->rid = get_u32(r);
    get_text(r, &a->name);
    a->acb = get_u32(r);
    a->primary_rid = get_u32(r);
    char **texts[] = { &a->full_name, &a->comment, &a->user_comment, &a->home_dir,  &a->home_drive,
                       &a->script,    &a->profile, &a->workstations, &a->parameters };
    for (size_t i = 0; i < NT_COUNT(texts); i++)
        get_text(r, texts[i]);
    a->created = get_u64(r);
    a->password_set = get_u64(r);
    a->expires = get_u64(r);
    a->locked_at = get_u64(r);
    a->logon_hours_len = (uint8_t)get_bytes(r, a->logon_hours, sizeof a->logon_hours);
    a->allow_weak_crypto = get_bool(r);
    const void *sealed = get_sealed(r, &len);
    snprintf(row_name, sizeof row_name, "account/%" PRIu32, a->rid);
    snprintf(what, sizeof what, "account with RID %" PRIu32, a->rid);
    enum nt_err err = nt_blob_account_open(a, &l->s->key, row_name, sealed, len);
    return put(l, r, err, a, what);
}

/* Takes the members of group `rid` from a statement that walks all members in order of groups; it
 * stands on the first row that is not used up yet. */
static int take_members(sqlite3_stmt *stmt, int rc, struct nt_group *g, struct row *r)
{
    size_t room = 0;
    while (rc == SQLITE_ROW && nt_column_u32(stmt, 0, &r->bad) == g->rid) {
        if (g->member_count == room) {
            room = room == 0 ? 16 : room * 2;
            uint32_t *more = reallocarray(g->members, room, sizeof *more);
            if (more == NULL) {
                r->no_memory = true;
                return rc;
            }
            g->members = more;
        }
        g->members[g->member_count++] = nt_column_u32(stmt, 1, &r->bad);
        rc = sqlite3_step(stmt);
    }
    return rc;
}

static enum nt_err load_groups(struct loader *l, const char *sql, const char *members_sql)
{
    sqlite3_stmt *members = NULL;
    struct row r = { NULL, 0, false, false };
    enum nt_err err = NT_OK;
    int members_rc = SQLITE_OK;
    int rc = prepare(l, sql, &r.stmt);
    if (rc == SQLITE_OK)
        rc = prepare(l, members_sql, &members);
    if (rc == SQLITE_OK)
        members_rc = sqlite3_step(members);
    while (rc == SQLITE_OK && err == NT_OK && (rc = sqlite3_step(r.stmt)) == SQLITE_ROW) {
        char what[40] = "a group";
        struct nt_group *g = nt_record_new(NT_KIND_GROUP);
        r.at = 0;
        l->found++;
        if (g != NULL) {
            g->rid = get_u32(&r);
            g->attributes = get_u32(&r);
            get_text(&r, &g->name);
            get_text(&r, &g->comment);
            members_rc = take_members(members, members_rc, g, &r);
            snprintf(what, sizeof what, "group with RID %" PRIu32, g->rid);
        }
        err = put(l, &r, NT_OK, g, what);
        rc = SQLITE_OK;
    }
    if (err == NT_OK && rc == SQLITE_DONE && members_rc == SQLITE_ROW)
        err = damaged(l, "members of a group that is not there");
    else if (rc == SQLITE_DONE && members_rc != SQLITE_DONE)
        rc = members_rc;
    sqlite3_finalize(members);
    sqlite3_finalize(r.stmt);
    if (err != NT_OK || rc == SQLITE_DONE)
        return err;
    return nt_sqlite_why(l->db, rc, l->s->path, l->why, l->why_size);
}

static int compare_sids(const void *a, const void *b)
{
    return nt_sid_compare(a, b);
}

/* Aliases are few and small: a query for the members of each. */
static enum nt_err load_alias_members(struct loader *l, struct nt_alias *a, struct row *alias_row)
{
    struct row r = { NULL, 0, false, false };
    size_t room = 0;
    int rc = sqlite3_prepare_v2(l->db, "SELECT sid FROM alias_member WHERE builtin = ? AND rid = ?",
                                -1, &r.stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int(r.stmt, 1, a->builtin);
        sqlite3_bind_int64(r.stmt, 2, a->rid);
    }
    while (rc == SQLITE_OK && (rc = sqlite3_step(r.stmt)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        if (a->member_count == room) {
            room = room == 0 ? 8 : room * 2;
            struct nt_sid *more = reallocarray(a->members, room, sizeof *more);
            if (more == NULL) {
                rc = SQLITE_NOMEM;
                break;
            }
            a->members = more;
        }
        r.at = 0;
        get_sid(&r, &a->members[a->member_count]);
        if (nt_sid_is_null(&a->members[a->member_count++]))
            r.bad = true;
    }
    sqlite3_finalize(r.stmt);
    if (a->member_count > 0)
        qsort(a->members, a->member_count, sizeof *a->members, compare_sids);
    alias_row->bad = alias_row->bad || r.bad;
    if (rc == SQLITE_DONE)
        return NT_OK;
    return nt_sqlite_why(l->db, rc, l->s->path, l->why, l->why_size);
}

static enum nt_err read_alias(struct loader *l, struct row *r)
{
    struct nt_alias *a = nt_record_new(NT_KIND_ALIAS);
    if (a == NULL)
        return no_memory(l);
    a->builtin = get_bool(r);
    a->rid = get_u32(r);
    get_text(r, &a->name);
    get_text(r, &a->comment);
    enum nt_err err = load_alias_members(l, a, r);
    if (err != NT_OK) {
        nt_record_unref(a);
        return err;
    }
    return put(l, r, NT_OK, a, "an alias");
}

static enum nt_err read_tdo(struct loader *l, struct row *r)
{
    char row_name[NT_BLOB_ROW], what[64];
    size_t len;
    struct nt_tdo *t = nt_record_new(NT_KIND_TDO);
    if (t == NULL)
        return no_memory(l);
    snprintf(row_name, sizeof row_name, "tdo/%s", nt_column_text(r->stmt, r->at++, &r->bad));
    get_text(r, &t->name);
    get_text(r, &t->dns_name);
    get_sid(r, &t->sid);
    t->direction = get_u32(r);
    t->type = get_u32(r);
    t->attributes = get_u32(r);
    t->enc_types = get_u32(r);
    get_text(r, &t->servers);
    t->created = get_u64(r);
    t->allow_weak_crypto = get_bool(r);
    const void *sealed = get_sealed(r, &len);
    snprintf(what, sizeof what, "trusted domain object %.20s", t->name);
    enum nt_err err = nt_blob_tdo_open(t, &l->s->key, row_name, sealed, len);
    return put(l, r, err, t, what);
}

static enum nt_err read_secret(struct loader *l, struct row *r)
{
    char row_name[NT_BLOB_ROW];
    size_t len;
    struct nt_lsa_secret *x = nt_record_new(NT_KIND_SECRET);
    if (x == NULL)
        return no_memory(l);
    snprintf(row_name, sizeof row_name, "secret/%s", nt_column_text(r->stmt, r->at++, &r->bad));
    get_text(r, &x->name);
    x->current_set = get_u64(r);
    x->old_set = get_u64(r);
    const void *sealed = get_sealed(r, &len);
    enum nt_err err = nt_blob_secret_open(x, &l->s->key, row_name, sealed, len);
    return put(l, r, err, x, "an LSA secret");
}

#define DOMAIN_ROW                                                                                 \
    "SELECT name, computer, dns_name, sid, next_rid, created, serial, store_id, changed,"          \
    " restored_at, restored_to, restored_surely FROM domain"
#define GROUP_ROWS  "SELECT rid, attributes, name, comment FROM grp "
#define MEMBER_ROWS "SELECT rid, member FROM grp_member "
#define ACCOUNT_ROWS                                                                               \
    "SELECT rid, name, acb, primary_rid, full_name, comment, user_comment, home_dir, home_drive,"  \
    " script, profile, workstations, parameters, created, password_set, expires, locked_at,"       \
    " logon_hours, allow_weak_crypto, sealed FROM account "
#define ALIAS_ROWS "SELECT builtin, rid, name, comment FROM alias "
#define TDO_ROWS                                                                                   \
    "SELECT key, name, dns_name, sid, direction, type, attributes, enc_types, servers, created,"   \
    " allow_weak_crypto, sealed FROM tdo "
#define SECRET_ROWS "SELECT key, name, current_set, old_set, sealed FROM secret "

static enum nt_err load_all(struct loader *l)
{
    enum nt_err err = each_row(l, DOMAIN_ROW, read_domain);
    if (err == NT_OK)
        err = load_policy(l);
    if (err == NT_OK)
        err = load_groups(l, GROUP_ROWS "ORDER BY rid", MEMBER_ROWS "ORDER BY rid, member");
    if (err == NT_OK)
        err = each_row(l, ACCOUNT_ROWS "ORDER BY rid", read_account);
    if (err == NT_OK)
        err = each_row(l, ALIAS_ROWS "ORDER BY builtin, rid", read_alias);
    if (err == NT_OK)
        err = each_row(l, TDO_ROWS "ORDER BY key", read_tdo);
    if (err == NT_OK)
        err = each_row(l, SECRET_ROWS "ORDER BY key", read_secret);
    return err;
}

/* Loads with `how` on top of `base`. */
static enum nt_err load_onto(struct loader *l, const struct nt_dir *base,
                             enum nt_err (*how)(struct loader *l), struct nt_dir **dir)
{
    *dir = NULL;
    l->txn = base != NULL ? nt_txn_begin(base, l->s->env) : NULL;
    if (l->txn == NULL)
        return no_memory(l);
    enum nt_err err = how(l);
    if (err == NT_OK)
        *dir = nt_dir_ref(nt_txn_dir(l->txn));
    nt_txn_free(l->txn);
    return err;
}

static enum nt_err load_whole(struct loader *l, struct nt_dir **dir)
{
    struct nt_dir *empty = nt_dir_new();
    enum nt_err err = load_onto(l, empty, load_all, dir);
    nt_dir_unref(empty);
    return err;
}

enum nt_err nt_sqlite_load(struct nt_store *store, struct nt_dir **dir, char *why, size_t why_size)
{
    struct sqlite_store *s = (struct sqlite_store *)store;
    struct loader l = { .s = s, .db = s->db, .why = why, .why_size = why_size };
    enum nt_err err = load_whole(&l, dir);
    sqlite3_db_release_memory(s->db); /* the directory is in memory now */
    return err;
}

/* --- what others have changed --- */

/* What the transaction has under the key of a row that is there no more. */
static const void *present(struct loader *l, enum nt_kind kind)
{
    const struct nt_dir *dir = nt_txn_dir(l->txn);
    switch (kind) {
    case NT_KIND_ACCOUNT:
        return nt_dir_account_rid(dir, l->rid);
    case NT_KIND_GROUP:
        return nt_dir_group_rid(dir, l->rid);
    case NT_KIND_ALIAS:
        return nt_dir_alias_rid(dir, l->name[0] != '\0', l->rid);
    case NT_KIND_TDO:
        return nt_dir_tdo(dir, l->name);
    case NT_KIND_SECRET:
        return nt_dir_secret(dir, l->name);
    case NT_KIND_DOMAIN:
    case NT_KIND_POLICY:
    case NT_KIND_COUNT:
        break;
    }
    return NULL;
}

/* Reads the record of that kind with the loader's key anew. */
static enum nt_err load_one(struct loader *l, enum nt_kind kind)
{
    enum nt_err err = NT_OK;
    l->found = 0;
    switch (kind) {
    case NT_KIND_DOMAIN:
        return each_row(l, DOMAIN_ROW, read_domain);
    case NT_KIND_POLICY:
        return load_policy(l);
    case NT_KIND_ACCOUNT:
        err = each_row(l, ACCOUNT_ROWS "WHERE rid = ?2", read_account);
        break;
    case NT_KIND_GROUP:
        err = load_groups(l, GROUP_ROWS "WHERE rid = ?2",
                          MEMBER_ROWS "WHERE rid = ?2 ORDER BY member");
        break;
    case NT_KIND_ALIAS:
        err = each_row(l, ALIAS_ROWS "WHERE builtin = (?1 <> '') AND rid = ?2", read_alias);
        break;
    case NT_KIND_TDO:
        err = each_row(l, TDO_ROWS "WHERE key = ?1", read_tdo);
        break;
    case NT_KIND_SECRET:
        err = each_row(l, SECRET_ROWS "WHERE key = ?1", read_secret);
        break;
    case NT_KIND_COUNT:
        return NT_E_INVALID;
    }
    const void *gone = err == NT_OK && l->found == 0 ? present(l, kind) : NULL;
    return gone != NULL ? nt_txn_delete(l->txn, gone) : err;
}

static enum nt_err load_changed(struct loader *l)
{
    static const char sql[] =
        "SELECT kind, name, rid FROM changed WHERE serial > ? ORDER BY serial, kind, name, rid";
    sqlite3_stmt *stmt = NULL;
    enum nt_err err = NT_OK;
    bool bad = false;
    int rc = sqlite3_prepare_v2(l->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(stmt, 1, (sqlite3_int64)nt_store_serial(nt_txn_dir(l->txn)));
    while (rc == SQLITE_OK && err == NT_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint32_t kind = nt_column_u32(stmt, 0, &bad);
        l->name = nt_column_text(stmt, 1, &bad);
        l->rid = nt_column_u32(stmt, 2, &bad);
        err = bad || kind >= NT_KIND_COUNT ? NT_E_CORRUPT : load_one(l, (enum nt_kind)kind);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    l->name = NULL;
    if (err != NT_OK || rc == SQLITE_DONE)
        return err;
    return nt_sqlite_why(l->db, rc, l->s->path, l->why, l->why_size);
}

/* The serial of the newest commit. */
static int newest_serial(sqlite3 *db, uint64_t *serial)
{
    sqlite3_stmt *stmt = NULL;
    *serial = 0;
    int rc = sqlite3_prepare_v2(db, "SELECT serial FROM domain", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *serial = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

enum nt_err nt_sqlite_load_newer(struct sqlite_store *s, sqlite3 *db, const struct nt_dir *have,
                                 struct nt_dir **newer, char *why, size_t why_size)
{
    struct loader l = { .s = s, .db = db, .why = why, .why_size = why_size };
    uint64_t serial;
    *newer = NULL;
    int rc = newest_serial(db, &serial);
    if (rc != SQLITE_OK)
        return nt_sqlite_why(db, rc, s->path, why, why_size);
    if (serial == nt_store_serial(have))
        return NT_OK;
    enum nt_err err = load_onto(&l, have, load_changed, newer);
    /* Names that went from one record to another between two looks may stand in each other's way:
     * then all of it is read. */
    if (err != NT_OK && err != NT_E_NOMEM)
        err = load_whole(&l, newer);
    return err;
}
