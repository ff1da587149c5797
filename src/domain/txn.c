#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/dir_internal.h"

struct nt_txn {
    struct nt_dir *dir; /* as this transaction sees it */
    const struct nt_env *env;
    nt_time now;
    struct nt_change *changes;
    size_t change_count, change_cap;
    struct nt_event *events;
    size_t event_count, event_cap;
    bool failed; /* an event could not be recorded */
};

struct nt_txn *nt_txn_begin(const struct nt_dir *base, const struct nt_env *env)
{
    struct nt_txn *txn = calloc(1, sizeof *txn);
    if (txn == NULL)
        return NULL;
    txn->dir = nt_dir_copy(base);
    if (txn->dir == NULL) {
        free(txn);
        return NULL;
    }
    txn->env = env;
    txn->now = nt_now(env);
    return txn;
}

/* Forgets the changes and events behind these numbers. */
static void truncate_to(struct nt_txn *txn, size_t changes, size_t events)
{
    while (txn->change_count > changes) {
        struct nt_change *c = &txn->changes[--txn->change_count];
        union {
            const char *in;
            char *out;
        } name = { c->name };
        nt_record_unref(c->record);
        free(name.out);
    }
    txn->event_count = events;
}

void nt_txn_free(struct nt_txn *txn)
{
    if (txn == NULL)
        return;
    truncate_to(txn, 0, 0);
    free(txn->changes);
    free(txn->events);
    nt_dir_unref(txn->dir);
    free(txn);
}

const struct nt_dir *nt_txn_dir(const struct nt_txn *txn)
{
    return txn->dir;
}

nt_time nt_txn_now(const struct nt_txn *txn)
{
    return txn->now;
}

const struct nt_env *nt_txn_env(const struct nt_txn *txn)
{
    return txn->env;
}

size_t nt_txn_changes(const struct nt_txn *txn, const struct nt_change **changes)
{
    *changes = txn->changes;
    return txn->change_count;
}

size_t nt_txn_events(const struct nt_txn *txn, const struct nt_event **events)
{
    *events = txn->events;
    return txn->event_count;
}

/* Room for one more element; false: no memory. */
static bool grow(void **array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    size_t more = *cap > 0 ? *cap * 2 : 8;
    void *bigger = realloc(*array, more * size);
    if (bigger == NULL)
        return false;
    *array = bigger;
    *cap = more;
    return true;
}

static struct nt_change *change_room(struct nt_txn *txn)
{
    void *array = txn->changes;
    bool ok = grow(&array, txn->change_count, &txn->change_cap, sizeof *txn->changes);
    txn->changes = array;
    return ok ? &txn->changes[txn->change_count] : NULL;
}

/* --- where a record stands --- */

/* The maps of a kind that has both names and RIDs. */
struct place {
    enum nt_map names, rids;
    const char *name;
    uint32_t rid;
    bool builtin;
};

static struct place place_of(const struct nt_record *r)
{
    const void *p = r;
    switch (r->kind) {
    case NT_KIND_ACCOUNT: {
        const struct nt_account *a = p;
        return (struct place){ NT_MAP_ACCOUNT_NAME, NT_MAP_ACCOUNT_RID, a->name, a->rid, false };
    }
    case NT_KIND_GROUP: {
        const struct nt_group *g = p;
        return (struct place){ NT_MAP_GROUP_NAME, NT_MAP_GROUP_RID, g->name, g->rid, false };
    }
    case NT_KIND_ALIAS: {
        const struct nt_alias *a = p;
        return a->builtin
                   ? (struct place){ NT_MAP_BUILTIN_NAME, NT_MAP_BUILTIN_RID, a->name, a->rid,
                                     true }
                   : (struct place){ NT_MAP_ALIAS_NAME, NT_MAP_ALIAS_RID, a->name, a->rid, false };
    }
    case NT_KIND_TDO:
        return (struct place){ NT_MAP_TDO, NT_MAP_COUNT, ((const struct nt_tdo *)p)->name, 0,
                               false };
    case NT_KIND_SECRET:
        return (struct place){ NT_MAP_SECRET, NT_MAP_COUNT, ((const struct nt_lsa_secret *)p)->name,
                               0, false };
    case NT_KIND_DOMAIN:
    case NT_KIND_POLICY:
    case NT_KIND_COUNT:
        break;
    }
    return (struct place){ NT_MAP_COUNT, NT_MAP_COUNT, "", 0, false };
}

/* Names of accounts, groups and aliases of the domain are one space, and so are their RIDs;
 * BUILTIN's are another. [MS-SAMR] 3.1.1.8.4 */
static bool is_taken(const struct nt_dir *dir, const struct place *p, const char *folded)
{
    static const enum nt_map own[][2] = { { NT_MAP_ACCOUNT_NAME, NT_MAP_ACCOUNT_RID },
                                          { NT_MAP_GROUP_NAME, NT_MAP_GROUP_RID },
                                          { NT_MAP_ALIAS_NAME, NT_MAP_ALIAS_RID } };
    if (p->rids == NT_MAP_COUNT)
        return false;
    if (p->builtin) {
        const struct nt_alias *other = nt_pmap_get(&dir->maps[p->names], nt_key_text(folded));
        return other != NULL && other->rid != p->rid;
    }
    for (size_t i = 0; i < NT_COUNT(own); i++) {
        const struct nt_record *other = nt_pmap_get(&dir->maps[own[i][0]], nt_key_text(folded));
        bool itself = other != NULL && own[i][0] == p->names && place_of(other).rid == p->rid;
        if (other != NULL && !itself)
            return true;
        if (own[i][0] != p->names &&
            nt_pmap_get(&dir->maps[own[i][1]], nt_key_number(p->rid)) != NULL)
            return true;
    }
    return false;
}

/* Puts a named record into its maps, in place of the one that it replaces. */
static enum nt_err put_named(struct nt_dir *dir, const struct nt_record *r)
{
    struct place p = place_of(r);
    struct nt_folded key, old_key;
    if (!nt_fold(p.name, &key) || key.text[0] == '\0')
        return NT_E_INVALID;
    if (is_taken(dir, &p, key.text))
        return NT_E_EXISTS;
    const struct nt_record *old = p.rids != NT_MAP_COUNT
                                      ? nt_pmap_get(&dir->maps[p.rids], nt_key_number(p.rid))
                                      : nt_pmap_get(&dir->maps[p.names], nt_key_text(key.text));
    bool renamed =
        old != NULL && nt_fold(place_of(old).name, &old_key) && strcmp(old_key.text, key.text) != 0;
    enum nt_err err = nt_pmap_put(&dir->maps[p.names], nt_key_text(key.text), r);
    if (err != NT_OK)
        return err;
    if (renamed)
        err = nt_pmap_remove(&dir->maps[p.names], nt_key_text(old_key.text));
    if (err == NT_OK && p.rids != NT_MAP_COUNT)
        err = nt_pmap_put(&dir->maps[p.rids], nt_key_number(p.rid), r);
    if (err == NT_OK && old == NULL)
        dir->counts[r->kind]++;
    return err;
}

/* --- changes --- */

/* After a failure halfway the maps may disagree: the caller undoes to its mark or gives up the
 * transaction. */
static enum nt_err put_into(struct nt_txn *txn, struct nt_record *r)
{
    struct nt_dir *d = txn->dir;
    const void *old;
    switch (r->kind) {
    case NT_KIND_DOMAIN:
        old = d->domain;
        d->domain = nt_record_ref(r);
        nt_record_unref(old);
        d->counts[NT_KIND_DOMAIN] = 1;
        return NT_OK;
    case NT_KIND_POLICY:
        old = d->policy;
        d->policy = nt_record_ref(r);
        nt_record_unref(old);
        d->counts[NT_KIND_POLICY] = 1;
        return NT_OK;
    case NT_KIND_ACCOUNT:
    case NT_KIND_GROUP:
    case NT_KIND_ALIAS:
    case NT_KIND_TDO:
    case NT_KIND_SECRET:
        return put_named(d, r);
    case NT_KIND_COUNT:
        break;
    }
    return NT_E_INVALID;
}

enum nt_err nt_txn_put(struct nt_txn *txn, void *record)
{
    struct nt_record *r = record;
    struct nt_change *c = change_room(txn);
    enum nt_err err = c != NULL ? put_into(txn, r) : NT_E_NOMEM;
    if (err != NT_OK) {
        nt_record_unref(r);
        return err;
    }
    *c = (struct nt_change){ .kind = r->kind, .record = r };
    txn->change_count++;
    return NT_OK;
}

enum nt_err nt_txn_delete(struct nt_txn *txn, const void *record)
{
    const struct nt_record *r = record;
    struct place p = place_of(r);
    struct nt_folded key;
    struct nt_change *c = change_room(txn);
    char *name = strdup(p.name);
    enum nt_err err = c != NULL && name != NULL ? NT_OK : NT_E_NOMEM;
    enum nt_kind kind = r->kind;
    if (err == NT_OK && (p.names == NT_MAP_COUNT || !nt_fold(p.name, &key)))
        err = NT_E_INVALID; /* the domain and its policy stay */
    if (err == NT_OK)
        err = nt_pmap_remove(&txn->dir->maps[p.names], nt_key_text(key.text));
    if (err == NT_OK && p.rids != NT_MAP_COUNT)
        err = nt_pmap_remove(&txn->dir->maps[p.rids], nt_key_number(p.rid));
    if (err != NT_OK) {
        free(name);
        return err;
    }
    txn->dir->counts[kind]--;
    *c = (struct nt_change){ .kind = kind, .rid = p.rid, .builtin = p.builtin, .name = name };
    txn->change_count++;
    return NT_OK;
}

void nt_txn_event(struct nt_txn *txn, enum nt_event_level level, const char *kind,
                  const char *subject, const char *peer, const char *fmt, ...)
{
    void *array = txn->events;
    bool ok = grow(&array, txn->event_count, &txn->event_cap, sizeof *txn->events);
    txn->events = array;
    if (!ok) {
        txn->failed = true;
        return;
    }
    struct nt_event *e = &txn->events[txn->event_count++];
    *e = (struct nt_event){ .when = txn->now, .level = level, .kind = kind };
    snprintf(e->subject, sizeof e->subject, "%s", subject);
    snprintf(e->peer, sizeof e->peer, "%s", peer);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
}

bool nt_txn_failed(const struct nt_txn *txn)
{
    return txn->failed;
}

/* --- savepoints --- */

enum nt_err nt_txn_mark(struct nt_txn *txn, struct nt_txn_mark *mark)
{
    struct nt_dir *next = nt_dir_copy(txn->dir);
    if (next == NULL)
        return NT_E_NOMEM;
    *mark = (struct nt_txn_mark){ txn->change_count, txn->event_count, txn->dir };
    txn->dir = next;
    return NT_OK;
}

void nt_txn_undo(struct nt_txn *txn, struct nt_txn_mark *mark)
{
    truncate_to(txn, mark->changes, mark->events);
    txn->failed = false;
    nt_dir_unref(txn->dir);
    txn->dir = mark->dir;
    mark->dir = NULL;
}

void nt_txn_keep(struct nt_txn *txn, struct nt_txn_mark *mark)
{
    (void)txn;
    nt_dir_unref(mark->dir);
    mark->dir = NULL;
}
