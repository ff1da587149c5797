/* Every kind of record comes back as it was put, with all its fields, from both backends, in this
 * process and after reopening. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "store/sqlite_internal.h"

/* What is committed to *store, read back by another opening of it. */
struct fixture {
    struct place place;
    bool sqlite;
    struct nt_store *store;
    struct nt_dir *dir; /* as the transactions left it */
};

static void begin(struct fixture *f, bool sqlite)
{
    f->sqlite = sqlite;
    if (sqlite)
        place_make(&f->place);
    f->store = sqlite ? must_create(&f->place) : nt_store_memory();
    assert_non_null(f->store);
    f->dir = must_load(f->store);
}

static struct nt_dir *again(struct fixture *f)
{
    if (f->sqlite) {
        nt_store_close(f->store);
        f->store = must_open(&f->place);
    }
    return must_load(f->store);
}

static void end(struct fixture *f)
{
    nt_dir_unref(f->dir);
    nt_store_close(f->store);
    if (f->sqlite)
        place_remove(&f->place);
}

static void an_empty_store_gives_an_empty_directory(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    struct nt_dir *dir = again(&f);
    assert_null(nt_dir_domain(dir));
    for (enum nt_kind k = NT_KIND_ACCOUNT; k < NT_KIND_COUNT; k++)
        assert_int_equal(nt_dir_count(dir, k), 0);
    nt_dir_unref(dir);
    end(&f);
}

static void a_domain_comes_back(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    struct nt_domain *d = new_domain();
    assert_true(nt_text_set(&d->dns_name, "accounts.example"));
    d->next_rid = UINT32_MAX;
    d->created = UINT64_MAX;
    d->serial = UINT64_MAX - 1;
    memset(d->store_id, 0xA5, sizeof d->store_id);
    commit_put(f.store, &f.dir, d);

    struct nt_dir *dir = again(&f);
    const struct nt_domain *e = nt_dir_domain(dir);
    assert_non_null(e);
    assert_string_equal(e->name, "ACCOUNTS");
    assert_string_equal(e->computer, "DC1");
    assert_string_equal(e->dns_name, "accounts.example");
    assert_true(nt_sid_equal(&e->sid, &nt_dir_domain(f.dir)->sid));
    assert_int_equal(e->next_rid, UINT32_MAX);
    assert_true(e->created == UINT64_MAX);
    assert_true(e->serial == UINT64_MAX - 1);
    assert_memory_equal(e->store_id, nt_dir_domain(f.dir)->store_id, sizeof e->store_id);
    nt_dir_unref(dir);
    end(&f);
}

static void a_policy_comes_back(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    struct nt_policy *p = nt_record_new(NT_KIND_POLICY);
    assert_non_null(p);
    nt_policy_default(p);
    p->min_password_length = 1;
    p->password_history = 2;
    p->max_password_age_s = UINT64_MAX;
    p->min_password_age_s = 4;
    p->lockout_threshold = UINT32_MAX;
    p->lockout_duration_s = 6;
    p->lockout_window_s = 7;
    p->trust_attempts = 8;
    p->change_interval_s = 9;
    p->change_jitter_percent = 10;
    p->check_interval_s = 11;
    p->retry_first_s = 12;
    p->retry_most_s = 13;
    p->previous_accepted = 14;
    p->history_kept = 15;
    p->reset_code_lifetime_s = 16;
    p->refuse_password_change = true;
    p->disable_password_change = true;
    commit_put(f.store, &f.dir, p);

    struct nt_dir *dir = again(&f);
    const size_t head = sizeof p->record;
    assert_memory_equal((const uint8_t *)nt_dir_policy(dir) + head,
                        (const uint8_t *)nt_dir_policy(f.dir) + head, sizeof *p - head);
    nt_dir_unref(dir);
    end(&f);
}

static void accounts_come_back(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    commit_put(f.store, &f.dir, full_account(1000, false));
    commit_put(f.store, &f.dir, full_account(UINT32_MAX, true));
    commit_put(f.store, &f.dir, new_account(1, "plain", 7));
    struct nt_account *none = nt_record_new(NT_KIND_ACCOUNT); /* every field empty but its key */
    none->rid = 2;
    assert_true(nt_text_set(&none->name, "none"));
    commit_put(f.store, &f.dir, none);

    struct nt_dir *dir = again(&f);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ACCOUNT), 4);
    static const uint32_t rids[] = { 1, 2, 1000, UINT32_MAX };
    for (size_t i = 0; i < NT_COUNT(rids); i++)
        same_account(nt_dir_account_rid(dir, rids[i]), nt_dir_account_rid(f.dir, rids[i]));
    assert_ptr_equal(nt_dir_account(dir, "\xC3\xA4RGER$"), nt_dir_account_rid(dir, UINT32_MAX));
    nt_dir_unref(dir);

    /* Changed, renamed, deleted. */
    struct nt_account *a = nt_record_clone(nt_dir_account_rid(f.dir, 1000));
    assert_non_null(a);
    fill_in(nt_account_in(a), true);
    assert_true(nt_text_set(&a->name, "WEST$"));
    commit_put(f.store, &f.dir, a);
    commit_delete(f.store, &f.dir, nt_dir_account_rid(f.dir, 1));
    dir = again(&f);
    assert_null(nt_dir_account(dir, "EAST$"));
    assert_null(nt_dir_account(dir, "plain"));
    same_account(nt_dir_account(dir, "WEST$"), nt_dir_account_rid(f.dir, 1000));
    nt_dir_unref(dir);
    end(&f);
}

static void set_members(struct nt_group *g, const uint32_t *members, size_t count)
{
    free(g->members);
    g->members = NULL;
    g->member_count = count;
    if (count > 0) {
        g->members = malloc(count * sizeof *members);
        assert_non_null(g->members);
        memcpy(g->members, members, count * sizeof *members);
    }
}

static void same_group(const struct nt_group *a, const struct nt_group *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->comment, b->comment);
    assert_int_equal(a->attributes, b->attributes);
    assert_int_equal(a->member_count, b->member_count);
    if (a->member_count > 0)
        assert_memory_equal(a->members, b->members, a->member_count * sizeof *a->members);
}

static struct nt_group *new_group(uint32_t rid, const char *name)
{
    struct nt_group *g = nt_record_new(NT_KIND_GROUP);
    assert_non_null(g);
    g->rid = rid;
    g->attributes = 7;
    assert_true(nt_text_set(&g->name, name));
    assert_true(nt_text_set(&g->comment, "a comment"));
    return g;
}

/* Members are stored by difference: every way from one set to another must give the other. */
static void groups_come_back_through_all_changes(bool sqlite)
{
    static const struct {
        uint32_t members[6];
        size_t count;
    } steps[] = { { { 1, 2, 3 }, 3 },
                  { { 1, 2, 3 }, 3 },
                  { { 0, 1, 2, 3, UINT32_MAX }, 5 },
                  { { 2 }, 1 },
                  { { 1, 2, 3, 4, 5, 6 }, 6 },
                  { { 7, 8 }, 2 },
                  { { 0 }, 0 },
                  { { 5 }, 1 },
                  { { 1, 3, 5, 7, 9, 11 }, 6 },
                  { { 2, 4, 6, 8, 10 }, 5 } };
    struct fixture f;
    begin(&f, sqlite);
    commit_put(f.store, &f.dir, new_group(999, "before"));
    commit_put(f.store, &f.dir, new_group(2000, "behind"));
    for (size_t i = 0; i < NT_COUNT(steps); i++) {
        struct nt_group *g = new_group(1000, "group");
        g->attributes = (uint32_t)i;
        set_members(g, steps[i].members, steps[i].count);
        commit_put(f.store, &f.dir, g);
        struct nt_dir *dir = again(&f);
        same_group(nt_dir_group_rid(dir, 1000), nt_dir_group_rid(f.dir, 1000));
        nt_dir_unref(dir);
    }
    commit_delete(f.store, &f.dir, nt_dir_group_rid(f.dir, 1000));
    commit_put(f.store, &f.dir, new_group(1000, "again"));
    struct nt_dir *dir = again(&f);
    assert_int_equal(nt_dir_count(dir, NT_KIND_GROUP), 3);
    assert_int_equal(nt_dir_group_rid(dir, 1000)->member_count, 0);
    nt_dir_unref(dir);
    end(&f);
}

/* Two changes of one group in one transaction, as when wishes share a commit. */
static void the_last_of_several_changes_counts(bool sqlite)
{
    static const uint32_t some[] = { 1, 2, 3 }, others[] = { 3, 4 };
    struct fixture f;
    begin(&f, sqlite);
    struct nt_txn *txn = nt_txn_begin(f.dir, nt_env_system());
    struct nt_group *g = new_group(1000, "first");
    set_members(g, some, NT_COUNT(some));
    assert_int_equal(nt_txn_put(txn, g), NT_OK);
    assert_int_equal(nt_txn_delete(txn, nt_dir_group_rid(nt_txn_dir(txn), 1000)), NT_OK);
    g = new_group(1000, "second");
    set_members(g, some, NT_COUNT(some));
    assert_int_equal(nt_txn_put(txn, g), NT_OK);
    g = new_group(1000, "third");
    set_members(g, others, NT_COUNT(others));
    assert_int_equal(nt_txn_put(txn, g), NT_OK);
    char why[256];
    assert_int_equal(nt_store_commit(f.store, txn, why, sizeof why), NT_OK);
    struct nt_dir *dir = again(&f);
    same_group(nt_dir_group_rid(dir, 1000), nt_dir_group_rid(nt_txn_dir(txn), 1000));
    nt_dir_unref(dir);
    nt_txn_free(txn);
    end(&f);
}

static void aliases_come_back(bool sqlite)
{
    /* Ascending as numbers, not as text. */
    static const char *const members[] = { "S-1-5-21-1-2-3-9", "S-1-5-21-1-2-3-10",
                                           "S-1-5-21-1-2-3-4294967295" };
    struct fixture f;
    begin(&f, sqlite);
    for (int builtin = 0; builtin < 2; builtin++) {
        struct nt_alias *a = nt_record_new(NT_KIND_ALIAS);
        assert_non_null(a);
        a->builtin = builtin != 0;
        a->rid = NT_RID_ALIAS_ADMINS;
        assert_true(nt_text_set(&a->name, builtin ? "Administrators" : "Printers"));
        assert_true(nt_text_set(&a->comment, "c"));
        a->member_count = builtin ? NT_COUNT(members) : 0;
        a->members = calloc(NT_COUNT(members), sizeof *a->members);
        assert_non_null(a->members);
        for (size_t i = 0; i < a->member_count; i++)
            assert_true(nt_sid_parse(members[i], &a->members[i]));
        commit_put(f.store, &f.dir, a);
    }
    struct nt_dir *dir = again(&f);
    const struct nt_alias *a = nt_dir_alias(dir, true, "administrators");
    assert_non_null(a);
    assert_int_equal(a->member_count, NT_COUNT(members));
    assert_memory_equal(a->members, nt_dir_alias_rid(f.dir, true, NT_RID_ALIAS_ADMINS)->members,
                        NT_COUNT(members) * sizeof *a->members);
    assert_int_equal(nt_dir_alias_rid(dir, false, NT_RID_ALIAS_ADMINS)->member_count, 0);
    nt_dir_unref(dir);

    struct nt_alias *less = nt_record_clone(nt_dir_alias_rid(f.dir, true, NT_RID_ALIAS_ADMINS));
    less->member_count = 1;
    commit_put(f.store, &f.dir, less);
    commit_delete(f.store, &f.dir, nt_dir_alias_rid(f.dir, false, NT_RID_ALIAS_ADMINS));
    dir = again(&f);
    assert_int_equal(nt_dir_count(dir, NT_KIND_ALIAS), 1);
    assert_int_equal(nt_dir_alias(dir, true, "Administrators")->member_count, 1);
    nt_dir_unref(dir);
    end(&f);
}

static void tdos_come_back(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    commit_put(f.store, &f.dir, full_tdo("EAST", false));
    commit_put(f.store, &f.dir, full_tdo("WEST", true));
    struct nt_tdo *empty = nt_record_new(NT_KIND_TDO);
    assert_true(nt_text_set(&empty->name, "NORTH")); /* its SID is not learned yet */
    commit_put(f.store, &f.dir, empty);
    struct nt_dir *dir = again(&f);
    static const char *const names[] = { "EAST", "WEST", "NORTH" };
    for (size_t i = 0; i < NT_COUNT(names); i++)
        same_tdo(nt_dir_tdo(dir, names[i]), nt_dir_tdo(f.dir, names[i]));
    nt_dir_unref(dir);

    commit_delete(f.store, &f.dir, nt_dir_tdo(f.dir, "WEST"));
    dir = again(&f);
    assert_int_equal(nt_dir_count(dir, NT_KIND_TDO), 2);
    assert_null(nt_dir_tdo(dir, "WEST"));
    nt_dir_unref(dir);
    end(&f);
}

static void lsa_secrets_come_back(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    commit_put(f.store, &f.dir, full_secret("G$both", 100, 32));
    commit_put(f.store, &f.dir, full_secret("never", SIZE_MAX, SIZE_MAX));
    commit_put(f.store, &f.dir, full_secret("empty", 0, SIZE_MAX));
    commit_put(f.store, &f.dir, full_secret("old", SIZE_MAX, 0));
    commit_put(f.store, &f.dir, full_secret("\xC3\xA4", NT_BLOB_SECRET_MAX, NT_BLOB_SECRET_MAX));
    struct nt_dir *dir = again(&f);
    static const char *const names[] = { "g$BOTH", "never", "empty", "old", "\xC3\x84" };
    assert_int_equal(nt_dir_count(dir, NT_KIND_SECRET), NT_COUNT(names));
    for (size_t i = 0; i < NT_COUNT(names); i++)
        same_secret(nt_dir_secret(dir, names[i]), nt_dir_secret(f.dir, names[i]));
    nt_dir_unref(dir);

    /* One name in another spelling is the same secret. */
    commit_put(f.store, &f.dir, full_secret("NEVER", 5, 5));
    commit_delete(f.store, &f.dir, nt_dir_secret(f.dir, "G$BOTH"));
    dir = again(&f);
    assert_int_equal(nt_dir_count(dir, NT_KIND_SECRET), NT_COUNT(names) - 1);
    same_secret(nt_dir_secret(dir, "never"), nt_dir_secret(f.dir, "never"));
    assert_null(nt_dir_secret(dir, "g$both"));
    nt_dir_unref(dir);
    end(&f);
}

/* --- events --- */

struct heard {
    size_t count;
    uint64_t ids[64];
    char last[sizeof(struct nt_event)];
    enum nt_event_level level;
    nt_time when;
    char subject[64], peer[96], kind[64];
};

static void hear(void *ctx, const struct nt_event *event)
{
    struct heard *h = ctx;
    h->ids[h->count++ % NT_COUNT(h->ids)] = event->id;
    snprintf(h->last, sizeof h->last, "%s", event->text);
    snprintf(h->kind, sizeof h->kind, "%s", event->kind);
    memcpy(h->subject, event->subject, sizeof h->subject);
    memcpy(h->peer, event->peer, sizeof h->peer);
    h->level = event->level;
    h->when = event->when;
}

static void commit_events(struct fixture *f, unsigned first, unsigned count)
{
    char why[256];
    struct nt_txn *txn = nt_txn_begin(f->dir, nt_env_system());
    for (unsigned i = first; i < first + count; i++)
        nt_txn_event(txn, i % 2 != 0 ? NT_EVENT_ERROR : NT_EVENT_WARNING, "tested",
                     i % 2 != 0 ? "Odd$" : "Even$", "192.0.2.7", "number %u", i);
    assert_int_equal(nt_store_commit(f->store, txn, why, sizeof why), NT_OK);
    nt_txn_free(txn);
}

static struct heard ask(struct fixture *f, uint64_t after, const char *subject, size_t max)
{
    struct heard h = { 0 };
    assert_int_equal(nt_store_events(f->store, after, subject, max, hear, &h), NT_OK);
    for (size_t i = 1; i < h.count && i < NT_COUNT(h.ids); i++)
        assert_true(h.ids[i] > h.ids[i - 1]);
    return h;
}

static void events_are_kept_in_order(bool sqlite)
{
    struct fixture f;
    begin(&f, sqlite);
    assert_int_equal(ask(&f, 0, NULL, 10).count, 0);
    assert_int_equal(ask(&f, UINT64_MAX, NULL, 10).count, 0);
    commit_events(&f, 0, 10);
    nt_dir_unref(again(&f));
    commit_events(&f, 10, 10);

    struct heard h = ask(&f, 0, NULL, 100);
    assert_int_equal(h.count, 20);
    assert_string_equal(h.last, "number 19");
    assert_string_equal(h.kind, "tested");
    assert_string_equal(h.subject, "Odd$");
    assert_string_equal(h.peer, "192.0.2.7");
    assert_int_equal(h.level, NT_EVENT_ERROR);
    assert_true(h.when > 0);
    uint64_t fifth = h.ids[4];

    h = ask(&f, fifth, NULL, 3);
    assert_int_equal(h.count, 3);
    assert_string_equal(h.last, "number 7");
    h = ask(&f, 0, "oDD$", 100); /* names know no case */
    assert_int_equal(h.count, 10);
    h = ask(&f, fifth, "EVEN$", 2);
    assert_int_equal(h.count, 2);
    assert_string_equal(h.last, "number 8");
    h = ask(&f, UINT64_MAX, "", 4);
    assert_int_equal(h.count, 4);
    assert_string_equal(h.last, "number 19");
    h = ask(&f, UINT64_MAX, "even$", 2);
    assert_int_equal(h.count, 2);
    assert_string_equal(h.last, "number 18");
    assert_int_equal(ask(&f, UINT64_MAX - 1, NULL, 5).count, 0);
    assert_int_equal(ask(&f, 0, "nobody", 5).count, 0);
    assert_int_equal(ask(&f, 0, NULL, 0).count, 0);
    assert_int_equal(ask(&f, UINT64_MAX, NULL, 0).count, 0);
    end(&f);
}

static void the_audit_trail_only_grows(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, true);
    commit_events(&f, 0, 3);
    sqlite3 *db = ((struct sqlite_store *)f.store)->db;
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM event", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "UPDATE event SET text = ''", NULL, NULL, NULL),
                         SQLITE_OK);
    assert_int_equal(ask(&f, 0, NULL, 10).count, 3);
    end(&f);
}

/* Nothing that is secret stands in the file as it is. */
static void no_secret_stands_in_the_file(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, true);
    struct nt_account *a = full_account(1000, false);
    memset(a->nt_hash.b, 0xE1, 16);
    memset(a->in->current.b, 0xE2, 16);
    commit_put(f.store, &f.dir, a);
    struct nt_tdo *t = full_tdo("EAST", false);
    memset(t->out.next.clear.b, 0xE3, t->out.next.clear.len);
    commit_put(f.store, &f.dir, t);
    struct nt_lsa_secret *s = full_secret("S", 64, 64);
    memset(s->current, 0xE4, 64);
    commit_put(f.store, &f.dir, s);

    char wal[128];
    snprintf(wal, sizeof wal, "%s-wal", f.place.store);
    const char *const files[] = { f.place.store, wal };
    for (size_t i = 0; i < NT_COUNT(files); i++) {
        size_t size = file_size(files[i]);
        uint8_t *bytes = malloc(size + 1), run[8];
        FILE *in = fopen(files[i], "r");
        assert_non_null(in);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, size, in), size);
        fclose(in);
        for (int byte = 0xE1; byte <= 0xE4; byte++) {
            memset(run, byte, sizeof run);
            assert_null(memmem(bytes, size, run, sizeof run));
        }
        free(bytes);
    }
    end(&f);
}

#define ON_BOTH(claim)                                                                             \
    static void claim##_sqlite(void **state)                                                       \
    {                                                                                              \
        (void)state;                                                                               \
        claim(true);                                                                               \
    }                                                                                              \
    static void claim##_memory(void **state)                                                       \
    {                                                                                              \
        (void)state;                                                                               \
        claim(false);                                                                              \
    }

ON_BOTH(an_empty_store_gives_an_empty_directory)
ON_BOTH(a_domain_comes_back)
ON_BOTH(a_policy_comes_back)
ON_BOTH(accounts_come_back)
ON_BOTH(groups_come_back_through_all_changes)
ON_BOTH(the_last_of_several_changes_counts)
ON_BOTH(aliases_come_back)
ON_BOTH(tdos_come_back)
ON_BOTH(lsa_secrets_come_back)
ON_BOTH(events_are_kept_in_order)

#define BOTH(claim) cmocka_unit_test(claim##_sqlite), cmocka_unit_test(claim##_memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(an_empty_store_gives_an_empty_directory),
        BOTH(a_domain_comes_back),
        BOTH(a_policy_comes_back),
        BOTH(accounts_come_back),
        BOTH(groups_come_back_through_all_changes),
        BOTH(the_last_of_several_changes_counts),
        BOTH(aliases_come_back),
        BOTH(tdos_come_back),
        BOTH(lsa_secrets_come_back),
        BOTH(events_are_kept_in_order),
        cmocka_unit_test(the_audit_trail_only_grows),
        cmocka_unit_test(no_secret_stands_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
