#include "domain/dir_internal.h"

#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "base/utf16.h"

struct nt_dir *nt_dir_new(void)
{
    struct nt_dir *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    atomic_init(&d->refs, 1);
    d->policy = nt_record_new(NT_KIND_POLICY);
    if (d->policy == NULL) {
        free(d);
        return NULL;
    }
    nt_policy_default(d->policy);
    return d;
}

struct nt_dir *nt_dir_ref(const struct nt_dir *dir)
{
    union {
        const struct nt_dir *in;
        struct nt_dir *out;
    } u = { dir };
    atomic_fetch_add_explicit(&u.out->refs, 1, memory_order_relaxed);
    return u.out;
}

void nt_dir_unref(const struct nt_dir *dir)
{
    union {
        const struct nt_dir *in;
        struct nt_dir *out;
    } u = { dir };
    struct nt_dir *d = u.out;
    if (d == NULL || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < NT_MAP_COUNT; i++)
        nt_pmap_unref(&d->maps[i]);
    nt_record_unref(d->domain);
    nt_record_unref(d->policy);
    free(d);
}

struct nt_dir *nt_dir_copy(const struct nt_dir *dir)
{
    struct nt_dir *d = malloc(sizeof *d);
    if (d == NULL)
        return NULL;
    memcpy(d, dir, sizeof *d);
    atomic_init(&d->refs, 1);
    for (size_t i = 0; i < NT_MAP_COUNT; i++)
        d->maps[i] = nt_pmap_ref(&dir->maps[i]);
    if (d->domain != NULL)
        nt_record_ref(d->domain);
    nt_record_ref(d->policy);
    return d;
}

bool nt_fold(const char *name, struct nt_folded *out)
{
    /* Without the heap: a lookup must not be able to fail for want of memory, which would read as
     * "no such name", and it is made for every call that names something. */
    const uint8_t *p = (const uint8_t *)name;
    uint8_t *to = (uint8_t *)out->text;
    size_t left = strlen(name), n = 0;
    while (left > 0) {
        ucs4_t c;
        int took = u8_mbtoucr(&c, p, left);
        int put =
            took > 0 ? u8_uctomb(to + n, nt_upcase(c), (ptrdiff_t)(sizeof out->text - n)) : -1;
        if (put <= 0)
            return false;
        p += took;
        left -= (size_t)took;
        n += (size_t)put;
        if (n >= sizeof out->text)
            return false;
    }
    out->text[n] = '\0';
    return true;
}

static const void *by_name(const struct nt_dir *dir, enum nt_map map, const char *name)
{
    struct nt_folded key;
    return nt_fold(name, &key) ? nt_pmap_get(&dir->maps[map], nt_key_text(key.text)) : NULL;
}

static const void *by_rid(const struct nt_dir *dir, enum nt_map map, uint32_t rid)
{
    return nt_pmap_get(&dir->maps[map], nt_key_number(rid));
}

static const void *after_name(const struct nt_dir *dir, enum nt_map map, const char *name)
{
    struct nt_folded key;
    return nt_fold(name, &key) ? nt_pmap_after(&dir->maps[map], nt_key_text(key.text)) : NULL;
}

static const void *after_rid(const struct nt_dir *dir, enum nt_map map, uint32_t rid)
{
    return nt_pmap_after(&dir->maps[map], nt_key_number(rid));
}

const struct nt_domain *nt_dir_domain(const struct nt_dir *dir)
{
    return dir->domain;
}

const struct nt_policy *nt_dir_policy(const struct nt_dir *dir)
{
    return dir->policy;
}

const struct nt_account *nt_dir_account(const struct nt_dir *dir, const char *name)
{
    return by_name(dir, NT_MAP_ACCOUNT_NAME, name);
}

const struct nt_account *nt_dir_account_rid(const struct nt_dir *dir, uint32_t rid)
{
    return by_rid(dir, NT_MAP_ACCOUNT_RID, rid);
}

const struct nt_group *nt_dir_group(const struct nt_dir *dir, const char *name)
{
    return by_name(dir, NT_MAP_GROUP_NAME, name);
}

const struct nt_group *nt_dir_group_rid(const struct nt_dir *dir, uint32_t rid)
{
    return by_rid(dir, NT_MAP_GROUP_RID, rid);
}

const struct nt_alias *nt_dir_alias(const struct nt_dir *dir, bool builtin, const char *name)
{
    return by_name(dir, builtin ? NT_MAP_BUILTIN_NAME : NT_MAP_ALIAS_NAME, name);
}

const struct nt_alias *nt_dir_alias_rid(const struct nt_dir *dir, bool builtin, uint32_t rid)
{
    return by_rid(dir, builtin ? NT_MAP_BUILTIN_RID : NT_MAP_ALIAS_RID, rid);
}

const struct nt_lsa_secret *nt_dir_secret(const struct nt_dir *dir, const char *name)
{
    return by_name(dir, NT_MAP_SECRET, name);
}

const struct nt_tdo *nt_dir_tdo(const struct nt_dir *dir, const char *name)
{
    const struct nt_tdo *t = by_name(dir, NT_MAP_TDO, name);
    if (t != NULL || strchr(name, '.') == NULL)
        return t;
    /* By its DNS name: there are few TDOs, and this is asked seldom. */
    for (t = nt_dir_tdo_after(dir, ""); t != NULL; t = nt_dir_tdo_after(dir, t->name))
        if (t->dns_name[0] != '\0' && nt_name_equal(t->dns_name, name))
            return t;
    return NULL;
}

const struct nt_tdo *nt_dir_tdo_sid(const struct nt_dir *dir, const struct nt_sid *sid)
{
    const struct nt_tdo *t = nt_dir_tdo_after(dir, "");
    while (t != NULL && (nt_sid_is_null(&t->sid) || !nt_sid_equal(&t->sid, sid)))
        t = nt_dir_tdo_after(dir, t->name);
    return t;
}

const struct nt_account *nt_dir_account_after(const struct nt_dir *dir, uint32_t rid)
{
    return after_rid(dir, NT_MAP_ACCOUNT_RID, rid);
}

const struct nt_group *nt_dir_group_after(const struct nt_dir *dir, uint32_t rid)
{
    return after_rid(dir, NT_MAP_GROUP_RID, rid);
}

const struct nt_alias *nt_dir_alias_after(const struct nt_dir *dir, bool builtin, uint32_t rid)
{
    return after_rid(dir, builtin ? NT_MAP_BUILTIN_RID : NT_MAP_ALIAS_RID, rid);
}

const struct nt_tdo *nt_dir_tdo_after(const struct nt_dir *dir, const char *name)
{
    return after_name(dir, NT_MAP_TDO, name);
}

size_t nt_dir_count(const struct nt_dir *dir, enum nt_kind kind)
{
    return kind < NT_KIND_COUNT ? dir->counts[kind] : 0;
}

bool nt_group_has(const struct nt_group *g, uint32_t rid)
{
    size_t low = 0, high = g->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->members[middle] == rid)
            return true;
        if (g->members[middle] < rid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

size_t nt_dir_groups_of(const struct nt_dir *dir, const struct nt_account *account, uint32_t *rids,
                        size_t max)
{
    size_t n = 0;
    if (max > 0)
        rids[0] = account->primary_rid;
    n++;
    /* Groups are few, and each lookup is a binary search. */
    for (const struct nt_group *g = nt_dir_group_after(dir, 0); g != NULL;
         g = nt_dir_group_after(dir, g->rid)) {
        if (g->rid == account->primary_rid || !nt_group_has(g, account->rid))
            continue;
        if (n < max)
            rids[n] = g->rid;
        n++;
    }
    return n;
}

bool nt_alias_has(const struct nt_alias *a, const struct nt_sid *sid)
{
    size_t low = 0, high = a->member_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = nt_sid_compare(&a->members[middle], sid);
        if (c == 0)
            return true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool has_any(const struct nt_alias *a, const struct nt_sid *sids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nt_alias_has(a, &sids[i]))
            return true;
    return false;
}

size_t nt_dir_aliases_of(const struct nt_dir *dir, bool builtin, const struct nt_sid *sids,
                         size_t count, uint32_t *rids, size_t max)
{
    size_t n = 0;
    for (const struct nt_alias *a = nt_dir_alias_after(dir, builtin, 0); a != NULL;
         a = nt_dir_alias_after(dir, builtin, a->rid)) {
        if (!has_any(a, sids, count))
            continue;
        if (n < max)
            rids[n] = a->rid;
        n++;
    }
    return n;
}

struct tdos_changed {
    nt_tdo_changed_fn *fn;
    void *ctx;
};

static void tdo_changed(void *ctx, const void *was, const void *is)
{
    const struct tdos_changed *c = ctx;
    c->fn(c->ctx, was, is);
}

void nt_dir_tdos_changed(const struct nt_dir *before, const struct nt_dir *now,
                         nt_tdo_changed_fn *fn, void *ctx)
{
    struct tdos_changed c = { fn, ctx };
    nt_pmap_diff(&before->maps[NT_MAP_TDO], &now->maps[NT_MAP_TDO], tdo_changed, &c);
}
