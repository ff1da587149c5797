/*
 * test_dir.c - records, maps, the directory and its transactions; each is tried once more with
 * the nth allocation failing, for every n.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "domain/pmap.h"
#include "support.h"

/* --- allocations that fail; the linker sends malloc and the others here --- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static long left_until_failure = -1; /* -1: never */

static bool fails(void)
{
    if (left_until_failure < 0)
        return false;
    return left_until_failure-- == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

/* --- helpers --- */

static struct nt_account *account(uint32_t rid, const char *name)
{
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    if (a == NULL || !nt_text_set(&a->name, name)) {
        nt_record_unref(a);
        return NULL;
    }
    a->rid = rid;
    a->acb = NT_ACB_NORMAL;
    a->primary_rid = NT_RID_DOMAIN_USERS;
    return a;
}

/* Where nothing is to fail. */
static struct nt_account *sure_account(uint32_t rid, const char *name)
{
    struct nt_account *a = account(rid, name);
    if (a == NULL || nt_account_in(a) == NULL)
        abort();
    return a;
}

static enum nt_err put_account(struct nt_txn *txn, uint32_t rid, const char *name)
{
    struct nt_account *a = account(rid, name);
    return a != NULL ? nt_txn_put(txn, a) : NT_E_NOMEM;
}

static enum nt_err put_group(struct nt_txn *txn, uint32_t rid, const char *name)
{
    struct nt_group *g = nt_record_new(NT_KIND_GROUP);
    assert_non_null(g);
    assert_true(nt_text_set(&g->name, name));
    g->rid = rid;
    return nt_txn_put(txn, g);
}

static enum nt_err put_alias(struct nt_txn *txn, bool builtin, uint32_t rid, const char *name)
{
    struct nt_alias *a = nt_record_new(NT_KIND_ALIAS);
    assert_non_null(a);
    assert_true(nt_text_set(&a->name, name));
    a->builtin = builtin;
    a->rid = rid;
    return nt_txn_put(txn, a);
}

static struct nt_txn *txn_on_empty(struct world *w)
{
    struct nt_dir *dir = nt_dir_new();
    struct nt_txn *txn = nt_txn_begin(dir, &w->env);
    nt_dir_unref(dir);
    assert_non_null(txn);
    return txn;
}

/* --- records --- */

static void a_clone_owns_everything(void **state)
{
    struct nt_lsa_secret *s = nt_record_new(NT_KIND_SECRET);
    struct nt_account *a = sure_account(1000, "alice");
    (void)state;
    assert_true(nt_text_set(&s->name, "G$X"));
    s->current = malloc(3);
    memcpy(s->current, "abc", 3);
    s->current_len = 3;
    struct nt_lsa_secret *t = nt_record_clone(s);
    assert_ptr_not_equal(t->current, s->current);
    nt_record_unref(s);
    assert_memory_equal(t->current, "abc", 3);
    assert_string_equal(t->name, "G$X");
    assert_null(t->old);
    nt_record_unref(t);

    a->in->state = NT_IN_ACTIVE;
    struct nt_account *b = nt_record_clone(a);
    a->in->state = NT_IN_BURNED;
    nt_record_unref(a);
    assert_int_equal(b->in->state, NT_IN_ACTIVE);
    assert_string_equal(b->full_name, "");
    nt_record_unref(b);
    nt_record_unref(NULL);
}

static void texts_are_kept_when_memory_runs_out(void **state)
{
    struct nt_account *a = sure_account(1000, "alice");
    (void)state;
    left_until_failure = 0;
    assert_false(nt_text_set(&a->name, "bob"));
    left_until_failure = -1;
    assert_string_equal(a->name, "alice");
    assert_true(nt_text_set(&a->name, a->name)); /* its own */
    assert_string_equal(a->name, "alice");
    nt_record_unref(a);
}

/* --- the map --- */

static void old_versions_of_a_map_stay_as_they_are(void **state)
{
    enum { KEYS = 200, ROUNDS = 4000, OLD = 16 };
    static struct nt_pmap versions[OLD];
    static bool had[OLD][KEYS];
    struct nt_account *records[KEYS];
    struct nt_pmap map = { 0 };
    bool has[KEYS] = { false };
    struct world w;
    (void)state;
    world_init(&w, 7);
    for (uint32_t i = 0; i < KEYS; i++)
        records[i] = account(i + 1, "x");
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t i = below(&w, KEYS);
        struct nt_pmap_key key = { .number = i + 1 };
        if (chance(&w, 500)) {
            assert_int_equal(nt_pmap_put(&map, key, records[i]), NT_OK);
            has[i] = true;
        } else {
            assert_int_equal(nt_pmap_remove(&map, key), has[i] ? NT_OK : NT_E_NOT_FOUND);
            has[i] = false;
        }
        if (chance(&w, 100)) {
            uint32_t v = below(&w, OLD);
            nt_pmap_unref(&versions[v]);
            versions[v] = nt_pmap_ref(&map);
            memcpy(had[v], has, sizeof has);
        }
    }
    for (int v = 0; v < OLD; v++) {
        uint32_t at = 0;
        for (uint32_t i = 0; i < KEYS; i++) {
            const struct nt_account *a =
                nt_pmap_get(&versions[v], (struct nt_pmap_key){ .number = i + 1 });
            assert_int_equal(a != NULL, had[v][i]);
            if (!had[v][i])
                continue;
            a = nt_pmap_after(&versions[v], (struct nt_pmap_key){ .number = at });
            assert_int_equal(a->rid, i + 1); /* in order, none left out */
            at = a->rid;
        }
        assert_null(nt_pmap_after(&versions[v], (struct nt_pmap_key){ .number = at }));
        nt_pmap_unref(&versions[v]);
    }
    nt_pmap_unref(&map);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_int_equal(records[i]->record.refs, 1);
        nt_record_unref(records[i]);
    }
}

struct differing {
    uint8_t told[3000]; /* by RID: 1 gone, 2 new, 3 another one */
    size_t calls;
};

static void note_difference(void *ctx, const void *in_a, const void *in_b)
{
    struct differing *d = ctx;
    const struct nt_account *a = in_a, *b = in_b;
    uint32_t rid = (a != NULL ? a : b)->rid;
    assert_int_equal(d->told[rid], 0); /* once each */
    d->told[rid] = (uint8_t)((a != NULL ? 1 : 0) + (b != NULL ? 2 : 0));
    d->calls++;
}

static void the_difference_of_two_versions_is_what_was_changed(void **state)
{
    enum { KEYS = 2000, ROUNDS = 200 };
    static struct nt_account *records[2][KEYS];
    static uint8_t is[KEYS], was[KEYS]; /* 0 not there, else which record */
    struct nt_pmap map = { 0 };
    struct world w;
    (void)state;
    world_init(&w, 11);
    for (uint32_t i = 0; i < KEYS; i++) {
        records[0][i] = account(i + 1, "x");
        records[1][i] = account(i + 1, "y");
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct nt_pmap before = nt_pmap_ref(&map);
        struct differing d = { .calls = 0 };
        memcpy(was, is, sizeof is);
        for (uint32_t n = round == 0 ? KEYS : 1 + below(&w, 5); n > 0; n--) {
            uint32_t i = below(&w, KEYS), which = below(&w, 3);
            struct nt_pmap_key key = { .number = i + 1 };
            if (which > 0)
                assert_int_equal(nt_pmap_put(&map, key, records[which - 1][i]), NT_OK);
            else if (is[i] != 0)
                assert_int_equal(nt_pmap_remove(&map, key), NT_OK);
            is[i] = (uint8_t)which;
        }
        nt_pmap_diff(&before, &map, note_difference, &d);
        for (uint32_t i = 0; i < KEYS; i++) {
            unsigned want = was[i] == is[i] ? 0 : (was[i] != 0 ? 1u : 0) + (is[i] != 0 ? 2u : 0);
            assert_int_equal(d.told[i + 1], want);
        }
        nt_pmap_unref(&before);
    }
    nt_pmap_unref(&map);
    for (uint32_t i = 0; i < KEYS; i++) {
        nt_record_unref(records[0][i]);
        nt_record_unref(records[1][i]);
    }
}

static void a_map_without_memory_holds_what_it_held(void **state)
{
    struct nt_account *records[64];
    (void)state;
    for (uint32_t i = 0; i < 64; i++)
        records[i] = account(i + 1, "x");
    for (long n = 0; n < 40; n++) {
        struct nt_pmap map = { 0 };
        for (uint32_t i = 0; i < 60; i++)
            assert_int_equal(nt_pmap_put(&map, (struct nt_pmap_key){ .number = i + 1 }, records[i]),
                             NT_OK);
        struct nt_pmap held = nt_pmap_ref(&map); /* so that every change has to copy */
        left_until_failure = n;
        enum nt_err put = nt_pmap_put(&map, (struct nt_pmap_key){ .number = 62 }, records[61]);
        enum nt_err removed = nt_pmap_remove(&map, (struct nt_pmap_key){ .number = 30 });
        left_until_failure = -1;
        for (uint32_t i = 0; i < 60; i++) {
            struct nt_pmap_key key = { .number = i + 1 };
            assert_ptr_equal(nt_pmap_get(&held, key), records[i]);
            if (i != 29 || removed != NT_OK)
                assert_ptr_equal(nt_pmap_get(&map, key), records[i]);
        }
        assert_int_equal(nt_pmap_get(&map, (struct nt_pmap_key){ .number = 62 }) != NULL,
                         put == NT_OK);
        assert_int_equal(nt_pmap_get(&map, (struct nt_pmap_key){ .number = 30 }) == NULL,
                         removed == NT_OK);
        nt_pmap_unref(&map);
        nt_pmap_unref(&held);
    }
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(records[i]->record.refs, 1);
        nt_record_unref(records[i]);
    }
}

/* --- names --- */

static void names_are_one_space_over_users_groups_and_aliases(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_int_equal(put_account(txn, 1000, "Alice"), NT_OK);
    assert_int_equal(put_group(txn, 1001, "Sales"), NT_OK);
    assert_int_equal(put_alias(txn, false, 1002, "Printers"), NT_OK);
    assert_int_equal(put_account(txn, 1010, "ALICE"), NT_E_EXISTS);
    assert_int_equal(put_account(txn, 1010, "sales"), NT_E_EXISTS);
    assert_int_equal(put_account(txn, 1010, "PRINTERS"), NT_E_EXISTS);
    assert_int_equal(put_group(txn, 1010, "alice"), NT_E_EXISTS);
    assert_int_equal(put_alias(txn, false, 1010, "alice"), NT_E_EXISTS);
    assert_int_equal(put_alias(txn, true, 544, "alice"), NT_OK);    /* BUILTIN is another space */
    assert_int_equal(put_account(txn, 1001, "other"), NT_E_EXISTS); /* a group's RID */
    const struct nt_dir *dir = nt_txn_dir(txn);
    assert_non_null(nt_dir_account(dir, "aLiCe"));
    assert_null(nt_dir_account(dir, "sales"));
    assert_non_null(nt_dir_group(dir, "SALES"));
    assert_non_null(nt_dir_alias(dir, false, "printers"));
    assert_null(nt_dir_alias(dir, true, "printers"));
    assert_non_null(nt_dir_alias(dir, true, "ALICE"));
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), 1);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ALIAS), 2);
    nt_txn_free(txn);
}

static void a_rename_frees_the_old_name_and_keeps_the_rid(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_int_equal(put_account(txn, 1000, "alice"), NT_OK);
    assert_int_equal(put_account(txn, 1001, "bob"), NT_OK);
    assert_int_equal(put_account(txn, 1000, "Bob"), NT_E_EXISTS);
    assert_int_equal(put_account(txn, 1000, "carol"), NT_OK);
    assert_null(nt_dir_account(nt_txn_dir(txn), "alice"));
    assert_int_equal(nt_dir_account(nt_txn_dir(txn), "carol")->rid, 1000);
    assert_int_equal(put_account(txn, 1000, "CAROL"), NT_OK); /* by case alone */
    assert_string_equal(nt_dir_account_rid(nt_txn_dir(txn), 1000)->name, "CAROL");
    assert_int_equal(put_account(txn, 1002, "alice"), NT_OK);
    assert_int_equal(nt_dir_count(nt_txn_dir(txn), NT_KIND_ACCOUNT), 3);
    nt_txn_free(txn);
}

static void names_compare_by_upper_case_beyond_ascii(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_int_equal(put_account(txn, 1000, "Jürgen"), NT_OK);
    assert_non_null(nt_dir_account(nt_txn_dir(txn), "JÜRGEN"));
    assert_null(nt_dir_account(nt_txn_dir(txn), "Jurgen"));
    assert_null(nt_dir_account(nt_txn_dir(txn), "J\xFFrgen"));
    nt_txn_free(txn);
}

static void a_trust_is_found_by_both_names_and_its_sid(void **state)
{
    struct world w;
    struct nt_sid sid, null = { 0 };
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_true(nt_sid_parse("S-1-5-21-4-5-6", &sid));
    for (int i = 0; i < 2; i++) {
        struct nt_tdo *t = nt_record_new(NT_KIND_TDO);
        assert_true(nt_text_set(&t->name, i == 0 ? "WEST" : "NORTH"));
        assert_true(nt_text_set(&t->dns_name, i == 0 ? "west.example.net" : ""));
        if (i == 0)
            t->sid = sid;
        assert_int_equal(nt_txn_put(txn, t), NT_OK);
    }
    const struct nt_dir *dir = nt_txn_dir(txn);
    assert_non_null(nt_dir_tdo(dir, "west"));
    assert_string_equal(nt_dir_tdo(dir, "West.Example.NET")->name, "WEST");
    assert_string_equal(nt_dir_tdo_sid(dir, &sid)->name, "WEST");
    assert_null(nt_dir_tdo_sid(dir, &null)); /* not the one whose SID is unknown */
    assert_null(nt_dir_tdo(dir, ""));
    assert_string_equal(nt_dir_tdo_after(dir, "")->name, "NORTH");
    assert_string_equal(nt_dir_tdo_after(dir, "NORTH")->name, "WEST");
    assert_null(nt_dir_tdo_after(dir, "WEST"));
    nt_txn_free(txn);
}

/* --- transactions --- */

static void readers_keep_the_directory_that_they_hold(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_int_equal(put_account(txn, 1000, "alice"), NT_OK);
    struct nt_dir *first = nt_dir_ref(nt_txn_dir(txn));
    nt_txn_free(txn);
    txn = nt_txn_begin(first, &w.env);
    assert_int_equal(nt_txn_delete(txn, nt_dir_account(first, "alice")), NT_OK);
    assert_int_equal(put_account(txn, 1001, "bob"), NT_OK);
    assert_null(nt_dir_account(nt_txn_dir(txn), "alice"));
    assert_non_null(nt_dir_account(first, "alice"));
    assert_null(nt_dir_account(first, "bob"));
    struct nt_dir *second = nt_dir_ref(nt_txn_dir(txn));
    nt_txn_free(txn);
    nt_dir_unref(first);
    assert_non_null(nt_dir_account(second, "bob"));
    nt_dir_unref(second);
}

static void changes_are_listed_in_order_with_the_keys_of_what_is_gone(void **state)
{
    struct world w;
    const struct nt_change *c;
    const struct nt_event *e;
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_int_equal(put_account(txn, 1000, "alice"), NT_OK);
    assert_int_equal(put_alias(txn, true, 544, "Administrators"), NT_OK);
    assert_int_equal(nt_txn_delete(txn, nt_dir_account(nt_txn_dir(txn), "alice")), NT_OK);
    assert_int_equal(nt_txn_delete(txn, nt_dir_alias_rid(nt_txn_dir(txn), true, 544)), NT_OK);
    nt_txn_event(txn, NT_EVENT_WARNING, "kind", "subject", "192.0.2.1", "%s %d", "text", 5);
    assert_int_equal(nt_txn_changes(txn, &c), 4);
    assert_non_null(c[0].record);
    assert_null(c[2].record);
    assert_int_equal(c[2].kind, NT_KIND_ACCOUNT);
    assert_int_equal(c[2].rid, 1000);
    assert_string_equal(c[2].name, "alice");
    assert_int_equal(c[3].rid, 544);
    assert_true(c[3].builtin);
    assert_int_equal(nt_txn_events(txn, &e), 1);
    assert_string_equal(e[0].text, "text 5");
    assert_int_equal(e[0].when, T0);
    struct nt_account *ghost = account(4711, "ghost");
    assert_int_equal(nt_txn_delete(txn, ghost), NT_E_NOT_FOUND);
    nt_record_unref(ghost);
    nt_txn_free(txn);
}

static void a_mark_undoes_what_came_behind_it_and_nothing_else(void **state)
{
    struct world w;
    const struct nt_change *c;
    const struct nt_event *e;
    struct nt_txn_mark outer, inner;
    (void)state;
    world_init(&w, 1);
    struct nt_txn *txn = txn_on_empty(&w);
    assert_int_equal(put_account(txn, 1000, "alice"), NT_OK);
    assert_int_equal(nt_txn_mark(txn, &outer), NT_OK);
    assert_int_equal(put_account(txn, 1001, "bob"), NT_OK);
    nt_txn_event(txn, NT_EVENT_INFO, "k", "s", "", "one");
    assert_int_equal(nt_txn_mark(txn, &inner), NT_OK);
    assert_int_equal(put_account(txn, 1000, "carol"), NT_OK);
    assert_int_equal(nt_txn_delete(txn, nt_dir_account(nt_txn_dir(txn), "bob")), NT_OK);
    nt_txn_undo(txn, &inner);
    assert_non_null(nt_dir_account(nt_txn_dir(txn), "alice"));
    assert_non_null(nt_dir_account(nt_txn_dir(txn), "bob"));
    assert_null(nt_dir_account(nt_txn_dir(txn), "carol"));
    assert_int_equal(nt_txn_changes(txn, &c), 2);
    assert_int_equal(nt_txn_mark(txn, &inner), NT_OK);
    assert_int_equal(put_account(txn, 1002, "dave"), NT_OK);
    nt_txn_keep(txn, &inner);
    assert_int_equal(nt_txn_changes(txn, &c), 3);
    assert_int_equal(nt_dir_count(nt_txn_dir(txn), NT_KIND_ACCOUNT), 3);
    nt_txn_undo(txn, &outer);
    assert_int_equal(nt_dir_count(nt_txn_dir(txn), NT_KIND_ACCOUNT), 1);
    assert_null(nt_dir_account(nt_txn_dir(txn), "dave"));
    assert_int_equal(nt_txn_changes(txn, &c), 1);
    assert_int_equal(nt_txn_events(txn, &e), 0);
    nt_txn_free(txn);
}

/* What many commits of a writer do, with marks that are undone at random, against a plain table. */
static void transactions_agree_with_a_plain_table(void **state)
{
    enum { N = 60 };
    struct world w;
    char names[N][8] = { "" }, saved[N][8];
    (void)state;
    world_init(&w, 99);
    struct nt_dir *dir = nt_dir_new();
    for (int round = 0; round < 300; round++) {
        struct nt_txn *txn = nt_txn_begin(dir, &w.env);
        for (int wish = 0; wish < 6; wish++) {
            struct nt_txn_mark mark;
            memcpy(saved, names, sizeof names);
            assert_int_equal(nt_txn_mark(txn, &mark), NT_OK);
            for (int step = 0; step < 4; step++) {
                uint32_t i = below(&w, N);
                char name[8];
                bool taken = false;
                snprintf(name, sizeof name, "n%u", below(&w, N));
                for (uint32_t k = 0; k < N; k++)
                    taken = taken || (k != i && strcmp(names[k], name) == 0);
                if (chance(&w, 300) && names[i][0] != '\0') {
                    assert_int_equal(
                        nt_txn_delete(txn, nt_dir_account_rid(nt_txn_dir(txn), 1000 + i)), NT_OK);
                    names[i][0] = '\0';
                } else {
                    assert_int_equal(put_account(txn, 1000 + i, name), taken ? NT_E_EXISTS : NT_OK);
                    if (!taken)
                        memcpy(names[i], name, sizeof name);
                }
            }
            if (chance(&w, 400)) {
                nt_txn_undo(txn, &mark);
                memcpy(names, saved, sizeof names);
            } else {
                nt_txn_keep(txn, &mark);
            }
        }
        finish(txn, &dir);
        size_t count = 0;
        for (uint32_t i = 0; i < N; i++) {
            const struct nt_account *a = nt_dir_account_rid(dir, 1000 + i);
            assert_int_equal(a != NULL, names[i][0] != '\0');
            if (a == NULL)
                continue;
            count++;
            assert_string_equal(a->name, names[i]);
            assert_ptr_equal(nt_dir_account(dir, names[i]), a);
        }
        assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), count);
    }
    nt_dir_unref(dir);
}

/* Put, rename, delete and mark, with the nth allocation failing: after the undo all is as before.
 */
static void a_transaction_without_memory_leaves_nothing_behind(void **state)
{
    struct world w;
    bool finished = false;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    for (long n = 0; !finished; n++) {
        struct nt_txn_mark mark;
        struct nt_txn *txn = nt_txn_begin(dir, &w.env);
        assert_non_null(txn);
        assert_int_equal(nt_txn_mark(txn, &mark), NT_OK);
        left_until_failure = n;
        bool ok = put_account(txn, 2000, "alice") == NT_OK &&
                  put_account(txn, 2000, "bob") == NT_OK &&
                  put_account(txn, 2001, "carol") == NT_OK &&
                  nt_txn_delete(txn, nt_dir_account_rid(nt_txn_dir(txn), NT_RID_GUEST)) == NT_OK;
        finished = ok && left_until_failure >= 0;
        left_until_failure = -1;
        assert_true(n < 2000);
        nt_txn_undo(txn, &mark);
        const struct nt_change *c;
        assert_int_equal(nt_txn_changes(txn, &c), 0);
        assert_non_null(nt_dir_account(nt_txn_dir(txn), "Guest"));
        assert_null(nt_dir_account(nt_txn_dir(txn), "alice"));
        assert_null(nt_dir_account(nt_txn_dir(txn), "bob"));
        assert_null(nt_dir_account(nt_txn_dir(txn), "carol"));
        assert_int_equal(nt_dir_count(nt_txn_dir(txn), NT_KIND_ACCOUNT),
                         nt_dir_count(dir, NT_KIND_ACCOUNT));
        assert_int_equal(put_account(txn, 2000, "alice"), NT_OK); /* and goes on */
        nt_txn_free(txn);
    }
    assert_non_null(nt_dir_account(dir, "Guest"));
    nt_dir_unref(dir);
}

/* Every operation, with the nth allocation failing: an error and no change, or all of it. */
static ntstatus many_operations(struct nt_txn *txn)
{
    uint32_t rid, group, alias;
    struct nt_why why;
    struct nt_secret hash = hash_of("x");
    struct nt_password initial = password_of("y");
    struct nt_trust_new trust = { .name = "WEST", .servers = "dc.west", .initial = &initial };
    struct nt_sid sid;
    const char *const who = "tester", *const peer = "192.0.2.1";
    ntstatus st = nt_op_account_create(txn, "alice", NT_ACB_NORMAL, who, peer, &rid, &why);
    if (nt_status_ok(st))
        st = nt_op_account_password(txn, rid, &hash, false, who, peer);
    if (nt_status_ok(st))
        st = nt_op_group_create(txn, "Sales", "", who, peer, &group, &why);
    if (nt_status_ok(st))
        st = nt_op_group_member(txn, group, rid, true, who, peer);
    if (nt_status_ok(st))
        st = nt_op_alias_create(txn, "Local", "", who, peer, &alias, &why);
    if (nt_status_ok(st) && nt_sid_with_rid(&nt_dir_domain(nt_txn_dir(txn))->sid, rid, &sid))
        st = nt_op_alias_member(txn, false, alias, &sid, true, who, peer);
    if (nt_status_ok(st))
        st = nt_op_permit_add(txn, "NORTH", &hash, 0, who, peer, &group, &why);
    if (nt_status_ok(st))
        st = nt_op_trust_add(txn, &trust, who, peer, &why);
    if (nt_status_ok(st))
        st = nt_op_policy_set(txn, "history_kept", 3, who, peer, &why);
    if (nt_status_ok(st))
        st = nt_op_secret_set(txn, "G$X", (const uint8_t *)"abc", 3, NULL, 0, who, peer);
    if (nt_status_ok(st))
        st = nt_op_account_delete(txn, rid, who, peer);
    return st;
}

static void operations_without_memory_say_so(void **state)
{
    struct world w;
    bool finished = false;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = domain_new(&w);
    for (long n = 0; !finished; n++) {
        struct nt_txn_mark mark;
        struct nt_txn *txn = nt_txn_begin(dir, &w.env);
        assert_int_equal(nt_txn_mark(txn, &mark), NT_OK);
        left_until_failure = n;
        ntstatus st = many_operations(txn);
        finished = left_until_failure >= 0;
        left_until_failure = -1;
        assert_true(n < 5000);
        if (!nt_status_ok(st)) {
            assert_status(st, NO_MEMORY);
            nt_txn_undo(txn, &mark);
            assert_int_equal(nt_dir_count(nt_txn_dir(txn), NT_KIND_ACCOUNT), 2);
            assert_int_equal(nt_dir_count(nt_txn_dir(txn), NT_KIND_TDO), 0);
        } else {
            assert_non_null(nt_dir_permit(nt_txn_dir(txn), "NORTH"));
            nt_txn_keep(txn, &mark);
        }
        nt_txn_free(txn);
    }
    nt_dir_unref(dir);
}

/* --- many --- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ten_thousand_accounts(void **state)
{
    enum { N = 10000 };
    struct world w;
    uint32_t rid = 0;
    size_t seen = 0;
    char name[16];
    (void)state;
    world_init(&w, 1);
    double start = seconds();
    struct nt_txn *txn = txn_on_empty(&w);
    for (uint32_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "user%05u", (i * 7919u) % N);
        assert_int_equal(put_account(txn, NT_RID_FIRST + i, name), NT_OK);
    }
    struct nt_dir *dir = nt_dir_ref(nt_txn_dir(txn));
    nt_txn_free(txn);
    double built = seconds();
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), N);
    for (const struct nt_account *a; (a = nt_dir_account_after(dir, rid)) != NULL; rid = a->rid) {
        assert_true(a->rid > rid);
        seen++;
    }
    assert_int_equal(seen, N);
    assert_non_null(nt_dir_account(dir, "USER04711"));
    double one = seconds();
    for (uint32_t i = 0; i < 1000; i++) { /* a commit each, the earlier one still being read */
        struct nt_dir *old = nt_dir_ref(dir);
        txn = nt_txn_begin(dir, &w.env);
        assert_int_equal(put_account(txn, NT_RID_FIRST + i, "renamed"), NT_OK);
        snprintf(name, sizeof name, "user%05u", (i * 7919u) % N);
        assert_int_equal(put_account(txn, NT_RID_FIRST + i, name), NT_OK);
        finish(txn, &dir);
        nt_dir_unref(old);
    }
    print_message("built in %.1f ms; %.1f us a commit\n", (built - start) * 1e3,
                  (seconds() - one) * 1e3);
    nt_dir_unref(dir);
}

static void an_enumeration_goes_on_in_another_directory(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 1);
    struct nt_dir *dir = nt_dir_new();
    struct nt_txn *txn = nt_txn_begin(dir, &w.env);
    for (uint32_t i = 1; i <= 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "u%u", i);
        assert_int_equal(put_account(txn, 1000 + i * 10, name), NT_OK);
    }
    finish(txn, &dir);
    const struct nt_account *a = nt_dir_account_after(dir, 1040);
    assert_int_equal(a->rid, 1050);
    uint32_t at = a->rid;
    txn = nt_txn_begin(dir, &w.env);
    assert_int_equal(nt_txn_delete(txn, a), NT_OK); /* the one where it stopped */
    assert_int_equal(nt_txn_delete(txn, nt_dir_account_rid(dir, 1060)), NT_OK);
    assert_int_equal(put_account(txn, 1065, "new"), NT_OK);
    finish(txn, &dir);
    assert_int_equal(nt_dir_account_after(dir, at)->rid, 1065);
    assert_null(nt_dir_account_after(dir, 1100));
    assert_null(nt_dir_account_after(dir, UINT32_MAX));
    nt_dir_unref(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clone_owns_everything),
        cmocka_unit_test(texts_are_kept_when_memory_runs_out),
        cmocka_unit_test(old_versions_of_a_map_stay_as_they_are),
        cmocka_unit_test(the_difference_of_two_versions_is_what_was_changed),
        cmocka_unit_test(a_map_without_memory_holds_what_it_held),
        cmocka_unit_test(names_are_one_space_over_users_groups_and_aliases),
        cmocka_unit_test(a_rename_frees_the_old_name_and_keeps_the_rid),
        cmocka_unit_test(names_compare_by_upper_case_beyond_ascii),
        cmocka_unit_test(a_trust_is_found_by_both_names_and_its_sid),
        cmocka_unit_test(readers_keep_the_directory_that_they_hold),
        cmocka_unit_test(changes_are_listed_in_order_with_the_keys_of_what_is_gone),
        cmocka_unit_test(a_mark_undoes_what_came_behind_it_and_nothing_else),
        cmocka_unit_test(transactions_agree_with_a_plain_table),
        cmocka_unit_test(a_transaction_without_memory_leaves_nothing_behind),
        cmocka_unit_test(operations_without_memory_say_so),
        cmocka_unit_test(ten_thousand_accounts),
        cmocka_unit_test(an_enumeration_goes_on_in_another_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
