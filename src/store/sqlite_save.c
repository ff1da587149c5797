/*
 * sqlite_save.c - the SQLite backend: records to rows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/policy_names.h"
#include "store/sqlite_internal.h"

/* A statement being filled: parameters from the left, one sticky result code. */
struct row {
    sqlite3_stmt *stmt;
    int at;
    int rc;
};

static struct row row_of(struct sqlite_store *s, enum sqlite_statement which)
{
    return (struct row){ s->stmt[which], 0, SQLITE_OK };
}

static void put_int(struct row *r, int64_t value)
{
    if (r->rc == SQLITE_OK)
        r->rc = sqlite3_bind_int64(r->stmt, ++r->at, value);
}

static void put_u64(struct row *r, uint64_t value)
{
    int64_t same_bits;
    memcpy(&same_bits, &value, sizeof same_bits);
    put_int(r, same_bits);
}

/* The text or bytes must stay until the row is done. */
static void put_text(struct row *r, const char *value)
{
    if (r->rc == SQLITE_OK)
        r->rc = sqlite3_bind_text(r->stmt, ++r->at, value, -1, SQLITE_STATIC);
}

static void put_blob(struct row *r, const void *value, size_t len)
{
    if (r->rc == SQLITE_OK)
        r->rc = sqlite3_bind_blob64(r->stmt, ++r->at, value, len, SQLITE_STATIC);
}

static void put_null(struct row *r)
{
    if (r->rc == SQLITE_OK)
        r->rc = sqlite3_bind_null(r->stmt, ++r->at);
}

/* NULL for the null SID. text[] must stay until the row is done. */
static void put_sid(struct row *r, const struct nt_sid *sid, char text[NT_SID_TEXT])
{
    if (nt_sid_is_null(sid))
        put_null(r);
    else
        put_text(r, nt_sid_format(sid, text));
}

static int row_done(struct row *r)
{
    if (r->rc == SQLITE_OK) {
        int rc = sqlite3_step(r->stmt);
        r->rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    sqlite3_reset(r->stmt);
    sqlite3_clear_bindings(r->stmt);
    return r->rc;
}

/* --- one function a kind --- */

static int save_domain(struct sqlite_store *s, const struct nt_domain *d)
{
    char sid[NT_SID_TEXT];
    struct row r = row_of(s, STMT_DOMAIN_PUT);
    put_text(&r, d->name);
    put_text(&r, d->computer);
    put_text(&r, d->dns_name);
    put_sid(&r, &d->sid, sid);
    put_int(&r, d->next_rid);
    put_u64(&r, d->created);
    put_u64(&r, d->serial);
    put_blob(&r, d->store_id, sizeof d->store_id);
    put_u64(&r, d->changed);
    put_u64(&r, d->restored_at);
    put_u64(&r, d->restored_to);
    put_int(&r, d->restored_surely);
    return row_done(&r);
}

static int save_policy(struct sqlite_store *s, const struct nt_policy *p)
{
    for (size_t i = 0; i < nt_policy_names_count; i++) {
        struct row r = row_of(s, STMT_POLICY_PUT);
        put_text(&r, nt_policy_names[i].name);
        put_u64(&r, nt_policy_value(p, i));
        if (row_done(&r) != SQLITE_OK)
            return r.rc;
    }
    return SQLITE_OK;
}

static int save_account(struct sqlite_store *s, const struct nt_account *a, enum nt_err *err)
{
    struct nt_buf sealed;
    char row_name[NT_BLOB_ROW];
    snprintf(row_name, sizeof row_name, "account/%" PRIu32, a->rid);
    *err = nt_blob_account_seal(a, &s->key, s->env, row_name, &sealed);
    if (*err != NT_OK)
        return SQLITE_OK;
    struct row r = row_of(s, STMT_ACCOUNT_PUT);
    put_int(&r, a->rid);
    put_text(&r, a->name);
    put_int(&r, a->acb);
    put_int(&r, a->primary_rid);
    put_text(&r, a->full_name);
    put_text(&r, a->comment);
    put_text(&r, a->user_comment);
    put_text(&r, a->home_dir);
    put_text(&r, a->home_drive);
    put_text(&r, a->script);
    put_text(&r, a->profile);
    put_text(&r, a->workstations);
    put_text(&r, a->parameters);
    put_u64(&r, a->created);
    put_u64(&r, a->password_set);
    put_u64(&r, a->expires);
    put_u64(&r, a->locked_at);
    if (a->logon_hours_len == 0)
        put_null(&r);
    else
        put_blob(&r, a->logon_hours, a->logon_hours_len);
    put_int(&r, a->allow_weak_crypto);
    put_blob(&r, sealed.data, sealed.len);
    row_done(&r);
    nt_buf_free(&sealed);
    return r.rc;
}

/* The RIDs that stand in the table, ascending, on the heap. */
static int stored_members(struct sqlite_store *s, uint32_t rid, uint32_t **members, size_t *count)
{
    sqlite3_stmt *stmt = s->stmt[STMT_GROUP_MEMBERS];
    size_t room = 0;
    *members = NULL;
    *count = 0;
    int rc = sqlite3_bind_int64(stmt, 1, rid);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        if (*count == room) {
            room = room == 0 ? 64 : room * 2;
            uint32_t *more = reallocarray(*members, room, sizeof *more);
            if (more == NULL) {
                rc = SQLITE_NOMEM;
                break;
            }
            *members = more;
        }
        (*members)[(*count)++] = (uint32_t)sqlite3_column_int64(stmt, 0);
    }
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int change_member(struct sqlite_store *s, enum sqlite_statement how, uint32_t rid,
                         uint32_t member)
{
    struct row r = row_of(s, how);
    put_int(&r, rid);
    put_int(&r, member);
    return row_done(&r);
}

/* Writes only what differs: one more member of a group of thousands is one row. */
static int save_group(struct sqlite_store *s, const struct nt_group *g)
{
    struct row r = row_of(s, STMT_GROUP_PUT);
    put_int(&r, g->rid);
    put_int(&r, g->attributes);
    put_text(&r, g->name);
    put_text(&r, g->comment);
    int rc = row_done(&r);
    if (rc != SQLITE_OK)
        return rc;

    uint32_t *old;
    size_t old_count, i = 0, k = 0;
    rc = stored_members(s, g->rid, &old, &old_count);
    while (rc == SQLITE_OK && (i < old_count || k < g->member_count)) {
        if (k == g->member_count || (i < old_count && old[i] < g->members[k]))
            rc = change_member(s, STMT_GROUP_MEMBER_DROP, g->rid, old[i++]);
        else if (i == old_count || g->members[k] < old[i])
            rc = change_member(s, STMT_GROUP_MEMBER_PUT, g->rid, g->members[k++]);
        else
            i++, k++;
    }
    free(old);
    return rc;
}

static int drop_by_rid(struct sqlite_store *s, enum sqlite_statement how, uint32_t rid)
{
    struct row r = row_of(s, how);
    put_int(&r, rid);
    return row_done(&r);
}

static int drop_alias_rows(struct sqlite_store *s, enum sqlite_statement how, bool builtin,
                           uint32_t rid)
{
    struct row r = row_of(s, how);
    put_int(&r, builtin);
    put_int(&r, rid);
    return row_done(&r);
}

static int save_alias(struct sqlite_store *s, const struct nt_alias *a)
{
    struct row r = row_of(s, STMT_ALIAS_PUT);
    put_int(&r, a->builtin);
    put_int(&r, a->rid);
    put_text(&r, a->name);
    put_text(&r, a->comment);
    int rc = row_done(&r);
    if (rc == SQLITE_OK)
        rc = drop_alias_rows(s, STMT_ALIAS_MEMBERS_DROP, a->builtin, a->rid);
    for (size_t i = 0; i < a->member_count && rc == SQLITE_OK; i++) {
        char sid[NT_SID_TEXT];
        r = row_of(s, STMT_ALIAS_MEMBER_PUT);
        put_int(&r, a->builtin);
        put_int(&r, a->rid);
        put_text(&r, nt_sid_format(&a->members[i], sid));
        rc = row_done(&r);
    }
    return rc;
}

static int save_tdo(struct sqlite_store *s, const struct nt_tdo *t, enum nt_err *err)
{
    struct nt_buf sealed;
    char key[NT_KEY_MAX], row_name[NT_BLOB_ROW], sid[NT_SID_TEXT];
    if (!nt_sqlite_key(t->name, key)) {
        *err = NT_E_INVALID;
        return SQLITE_OK;
    }
    snprintf(row_name, sizeof row_name, "tdo/%s", key);
    *err = nt_blob_tdo_seal(t, &s->key, s->env, row_name, &sealed);
    if (*err != NT_OK)
        return SQLITE_OK;
    struct row r = row_of(s, STMT_TDO_PUT);
    put_text(&r, key);
    put_text(&r, t->name);
    put_text(&r, t->dns_name);
    put_sid(&r, &t->sid, sid);
    put_int(&r, t->direction);
    put_int(&r, t->type);
    put_int(&r, t->attributes);
    put_int(&r, t->enc_types);
    put_text(&r, t->servers);
    put_u64(&r, t->created);
    put_int(&r, t->allow_weak_crypto);
    put_blob(&r, sealed.data, sealed.len);
    row_done(&r);
    nt_buf_free(&sealed);
    return r.rc;
}

static int save_secret(struct sqlite_store *s, const struct nt_lsa_secret *x, enum nt_err *err)
{
    struct nt_buf sealed;
    char key[NT_KEY_MAX], row_name[NT_BLOB_ROW];
    if (!nt_sqlite_key(x->name, key)) {
        *err = NT_E_INVALID;
        return SQLITE_OK;
    }
    snprintf(row_name, sizeof row_name, "secret/%s", key);
    *err = nt_blob_secret_seal(x, &s->key, s->env, row_name, &sealed);
    if (*err != NT_OK)
        return SQLITE_OK;
    struct row r = row_of(s, STMT_SECRET_PUT);
    put_text(&r, key);
    put_text(&r, x->name);
    put_u64(&r, x->current_set);
    put_u64(&r, x->old_set);
    put_blob(&r, sealed.data, sealed.len);
    row_done(&r);
    nt_buf_free(&sealed);
    return r.rc;
}

static int drop_by_name(struct sqlite_store *s, enum sqlite_statement how, const char *name,
                        enum nt_err *err)
{
    char key[NT_KEY_MAX];
    if (!nt_sqlite_key(name, key)) {
        *err = NT_E_INVALID;
        return SQLITE_OK;
    }
    struct row r = row_of(s, how);
    put_text(&r, key);
    return row_done(&r);
}

static int drop_record(struct sqlite_store *s, const struct nt_change *c, enum nt_err *err)
{
    int rc = SQLITE_OK;
    struct row r;
    switch (c->kind) {
    case NT_KIND_DOMAIN:
        r = row_of(s, STMT_DOMAIN_DROP);
        return row_done(&r);
    case NT_KIND_POLICY:
        r = row_of(s, STMT_POLICY_DROP);
        return row_done(&r);
    case NT_KIND_ACCOUNT:
        return drop_by_rid(s, STMT_ACCOUNT_DROP, c->rid);
    case NT_KIND_GROUP:
        rc = drop_by_rid(s, STMT_GROUP_MEMBERS_DROP, c->rid);
        return rc != SQLITE_OK ? rc : drop_by_rid(s, STMT_GROUP_DROP, c->rid);
    case NT_KIND_ALIAS:
        rc = drop_alias_rows(s, STMT_ALIAS_MEMBERS_DROP, c->builtin, c->rid);
        return rc != SQLITE_OK ? rc : drop_alias_rows(s, STMT_ALIAS_DROP, c->builtin, c->rid);
    case NT_KIND_TDO:
        return drop_by_name(s, STMT_TDO_DROP, c->name, err);
    case NT_KIND_SECRET:
        return drop_by_name(s, STMT_SECRET_DROP, c->name, err);
    case NT_KIND_COUNT:
        break;
    }
    *err = NT_E_INVALID;
    return SQLITE_OK;
}

int nt_sqlite_save(struct sqlite_store *s, const struct nt_change *change, enum nt_err *err)
{
    *err = NT_OK;
    if (change->record == NULL)
        return drop_record(s, change, err);
    switch (change->kind) {
    case NT_KIND_DOMAIN:
        return save_domain(s, change->record);
    case NT_KIND_POLICY:
        return save_policy(s, change->record);
    case NT_KIND_ACCOUNT:
        return save_account(s, change->record, err);
    case NT_KIND_GROUP:
        return save_group(s, change->record);
    case NT_KIND_ALIAS:
        return save_alias(s, change->record);
    case NT_KIND_TDO:
        return save_tdo(s, change->record, err);
    case NT_KIND_SECRET:
        return save_secret(s, change->record, err);
    case NT_KIND_COUNT:
        break;
    }
    *err = NT_E_INVALID;
    return SQLITE_OK;
}

/* The key under which nt_sqlite_load_newer finds the record: a name, or a RID with "builtin" where
 * there are two of each. False: no memory. */
static bool key_of(const struct nt_change *c, char name[NT_KEY_MAX], uint32_t *rid)
{
    const struct nt_change *d =
        c->record == NULL ? c : NULL; /* deleted: the key is in the change */
    bool builtin = false;
    name[0] = '\0';
    *rid = 0;
    switch (c->kind) {
    case NT_KIND_ACCOUNT:
        *rid = d != NULL ? d->rid : ((const struct nt_account *)c->record)->rid;
        return true;
    case NT_KIND_GROUP:
        *rid = d != NULL ? d->rid : ((const struct nt_group *)c->record)->rid;
        return true;
    case NT_KIND_ALIAS:
        *rid = d != NULL ? d->rid : ((const struct nt_alias *)c->record)->rid;
        builtin = d != NULL ? d->builtin : ((const struct nt_alias *)c->record)->builtin;
        memcpy(name, builtin ? "builtin" : "", builtin ? sizeof "builtin" : 1);
        return true;
    case NT_KIND_TDO:
        return nt_sqlite_key(d != NULL ? d->name : ((const struct nt_tdo *)c->record)->name, name);
    case NT_KIND_SECRET:
        return nt_sqlite_key(d != NULL ? d->name : ((const struct nt_lsa_secret *)c->record)->name,
                             name);
    case NT_KIND_DOMAIN:
    case NT_KIND_POLICY:
    case NT_KIND_COUNT:
        break;
    }
    return true;
}

int nt_sqlite_save_changed(struct sqlite_store *s, const struct nt_change *change, uint64_t serial,
                           enum nt_err *err)
{
    char name[NT_KEY_MAX];
    uint32_t rid;
    if (!key_of(change, name, &rid)) {
        *err = NT_E_INVALID;
        return SQLITE_OK;
    }
    struct row r = row_of(s, STMT_CHANGED_PUT);
    put_int(&r, (int64_t)change->kind);
    put_text(&r, name);
    put_int(&r, rid);
    put_u64(&r, serial);
    return row_done(&r);
}

int nt_sqlite_save_event(struct sqlite_store *s, const struct nt_event *event)
{
    char key[NT_KEY_MAX];
    if (!nt_sqlite_key(event->subject, key))
        return SQLITE_NOMEM;
    struct row r = row_of(s, STMT_EVENT_ADD);
    put_u64(&r, event->when);
    put_int(&r, (int64_t)event->level);
    put_text(&r, event->kind);
    put_text(&r, event->subject);
    put_text(&r, key);
    put_text(&r, event->peer);
    put_text(&r, event->text);
    return row_done(&r);
}
