#include <stdlib.h>
#include <string.h>

#include "samples.h"

/* Values in turn: small and different, or the largest. */
struct values {
    bool extreme;
    uint8_t last;
};

static uint64_t next_u64(struct values *v)
{
    return v->extreme ? UINT64_MAX : (uint64_t)++v->last * UINT64_C(0x100000001);
}

static uint32_t next_u32(struct values *v)
{
    return v->extreme ? UINT32_MAX : (uint32_t)++v->last << 8;
}

static void next_secret(struct values *v, struct nt_secret *s)
{
    s->len = v->extreme ? sizeof s->b : 16;
    memset(s->b, ++v->last, s->len);
}

static void next_text(struct values *v, char *text, size_t size)
{
    size_t len = v->extreme ? size - 1 : 5;
    memset(text, 'a' + ++v->last % 26, len);
    text[len] = '\0';
}

static void set(char **text, const char *value)
{
    assert_true(nt_text_set(text, value));
}

/* 60,000 bytes of two-byte characters where it is extreme. */
static void set_long(struct values *v, char **text)
{
    static char longest[60001];
    if (v->extreme) {
        for (size_t i = 0; i < sizeof longest - 1; i += 2)
            memcpy(longest + i, "\xC3\xA4", 2);
        set(text, longest);
        return;
    }
    char small[8];
    next_text(v, small, sizeof small);
    set(text, small);
}

void fill_in(struct nt_trust_in *in, bool extreme)
{
    struct values v = { extreme, 0 };
    memset(in, 0, sizeof *in);
    in->state = extreme ? NT_IN_BURNED : NT_IN_ACTIVE;
    in->attempts_left = next_u32(&v);
    in->version = next_u32(&v);
    in->current_proven = true;
    next_secret(&v, &in->current);
    in->previous_count = extreme ? NT_IN_PREVIOUS_MAX : 2;
    for (size_t i = 0; i < in->previous_count; i++) {
        next_secret(&v, &in->previous[i].hash);
        in->previous[i].version = next_u32(&v);
        in->previous[i].proven = i % 2 == 0;
        in->previous[i].replaced_at = next_u64(&v);
    }
    in->permitted_at = next_u64(&v);
    in->proven_at = next_u64(&v);
    in->changed_at = next_u64(&v);
    in->burned_at = next_u64(&v);
    in->last_ok = next_u64(&v);
    in->last_bad = next_u64(&v);
    next_text(&v, in->burned_from, sizeof in->burned_from);
    next_text(&v, in->last_from, sizeof in->last_from);
    in->initial_until = next_u64(&v);
    memset(in->code_mark, extreme ? 255 : 7, sizeof in->code_mark);
}

static void fill_candidate(struct values *v, struct nt_out_candidate *c)
{
    c->set = true;
    c->has_clear = true;
    c->initial = v->extreme;
    c->version = next_u32(v);
    c->created = next_u64(v);
    c->proven = next_u64(v);
    c->refused = next_u64(v);
    next_secret(v, &c->hash);
    c->clear.len = v->extreme ? NT_PASSWORD_MAX : NT_OUT_SECRET_BYTES;
    memset(c->clear.b, ++v->last, c->clear.len);
}

void fill_out(struct nt_trust_out *out, bool extreme)
{
    struct values v = { extreme, 0 };
    memset(out, 0, sizeof *out);
    out->state = extreme ? NT_OUT_BROKEN : NT_OUT_CHANGING;
    out->broken = extreme ? NT_BROKEN_DENIED : NT_BROKEN_NONE;
    out->trouble = extreme ? NT_BROKEN_DENIED : NT_BROKEN_MISMATCH;
    out->degraded = true;
    out->established = true;
    out->change_wanted = true;
    out->epoch = next_u64(&v);
    fill_candidate(&v, &out->next);
    fill_candidate(&v, &out->current);
    out->history_count = extreme ? NT_OUT_HISTORY_MAX : 3;
    for (size_t i = 0; i < out->history_count; i++)
        fill_candidate(&v, &out->history[i]);
    out->next_change = next_u64(&v);
    out->next_check = next_u64(&v);
    out->retry_at = next_u64(&v);
    out->backoff_s = next_u64(&v);
    out->refusals = next_u32(&v);
    out->rounds = next_u32(&v);
    out->created_at = next_u64(&v);
    out->established_at = next_u64(&v);
    out->last_ok = next_u64(&v);
    out->last_change = next_u64(&v);
    out->broken_at = next_u64(&v);
    out->change_refused_at = next_u64(&v);
    out->last_status.code = next_u32(&v);
    out->last_error = next_u64(&v);
    next_text(&v, out->last_text, sizeof out->last_text);
    next_text(&v, out->last_dc, sizeof out->last_dc);
    next_text(&v, out->proven_dc, sizeof out->proven_dc);
    out->lag_since = next_u64(&v);
    out->changes = next_u64(&v);
    out->resends = next_u64(&v);
    out->adoptions = next_u64(&v);
    out->seen.behind = 3;
    out->seen.behind_at = next_u64(&v);
    out->seen.behind_to = next_u64(&v);
    out->seen.foreign = 2;
    out->seen.foreign_first = next_u64(&v);
    out->seen.foreign_last = next_u64(&v);
    (void)nt_seen_lags(&out->seen, "dc2.example", 1, next_u64(&v));
    (void)nt_seen_lags(&out->seen, "dc3.example", 0, next_u64(&v));
    out->initial_until = next_u64(&v);
    memset(out->code_mark, extreme ? 255 : 8, sizeof out->code_mark);
}

struct nt_account *full_account(uint32_t rid, bool extreme)
{
    struct values v = { extreme, 0 };
    struct nt_account *a = nt_record_new(NT_KIND_ACCOUNT);
    assert_non_null(a);
    a->rid = rid;
    a->acb = extreme ? UINT32_MAX : NT_ACB_INTERDOMAIN;
    a->primary_rid = next_u32(&v);
    set(&a->name, extreme ? "\xC3\x84rger$" : "EAST$");
    char **texts[] = { &a->full_name, &a->comment, &a->user_comment, &a->home_dir,  &a->home_drive,
                       &a->script,    &a->profile, &a->workstations, &a->parameters };
    for (size_t i = 0; i < NT_COUNT(texts); i++)
        set_long(&v, texts[i]);
    a->created = next_u64(&v);
    a->password_set = next_u64(&v);
    a->expires = next_u64(&v);
    a->locked_at = next_u64(&v);
    next_secret(&v, &a->nt_hash);
    a->logon_hours_len = extreme ? sizeof a->logon_hours : 3;
    memset(a->logon_hours, ++v.last, a->logon_hours_len);
    a->allow_weak_crypto = true;
    struct nt_trust_in *in = nt_account_in(a);
    assert_non_null(in);
    fill_in(in, extreme);
    struct nt_past *past = nt_account_past(a);
    assert_non_null(past);
    past->count = extreme ? NT_PAST_MAX : 1;
    for (uint32_t i = 0; i < past->count; i++) {
        next_secret(&v, &past->hash[i]);
        past->replaced[i] = next_u64(&v);
    }
    past->behind = 1;
    past->behind_at = next_u64(&v);
    past->behind_to = next_u64(&v);
    past->ahead_at = next_u64(&v);
    return a;
}

struct nt_tdo *full_tdo(const char *name, bool extreme)
{
    struct values v = { extreme, 0 };
    struct nt_tdo *t = nt_record_new(NT_KIND_TDO);
    assert_non_null(t);
    set(&t->name, name);
    set_long(&v, &t->dns_name);
    assert_true(nt_sid_parse(extreme ? "S-1-281474976710655-4294967295-2-3-4-5-6-7-8-9-10-11-12-13-"
                                       "14-4294967295"
                                     : "S-1-5-21-7-8-9",
                             &t->sid));
    t->direction = next_u32(&v);
    t->type = next_u32(&v);
    t->attributes = next_u32(&v);
    t->enc_types = next_u32(&v);
    set_long(&v, &t->servers);
    t->created = next_u64(&v);
    t->allow_weak_crypto = true;
    fill_out(&t->out, extreme);
    memset(t->lease.holder, 0x1E, sizeof t->lease.holder);
    t->lease.until = next_u64(&v);
    t->lease.number = next_u64(&v);
    return t;
}

static uint8_t *some_bytes(size_t len, uint8_t byte)
{
    uint8_t *p = malloc(len > 0 ? len : 1);
    assert_non_null(p);
    memset(p, byte, len);
    return p;
}

/* len SIZE_MAX: never set */
struct nt_lsa_secret *full_secret(const char *name, size_t current_len, size_t old_len)
{
    struct nt_lsa_secret *s = nt_record_new(NT_KIND_SECRET);
    assert_non_null(s);
    set(&s->name, name);
    if (current_len != SIZE_MAX) {
        s->current = some_bytes(current_len, 0xC1);
        s->current_len = current_len;
        s->current_set = 77;
    }
    if (old_len != SIZE_MAX) {
        s->old = some_bytes(old_len, 0x0D);
        s->old_len = old_len;
        s->old_set = UINT64_MAX;
    }
    return s;
}

/* Both were zeroed before their fields were set, so padding is equal too, and a field that is
 * forgotten somewhere shows. */
void same_account(const struct nt_account *a, const struct nt_account *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->rid, b->rid);
    assert_int_equal(a->acb, b->acb);
    assert_int_equal(a->primary_rid, b->primary_rid);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->full_name, b->full_name);
    assert_string_equal(a->comment, b->comment);
    assert_string_equal(a->user_comment, b->user_comment);
    assert_string_equal(a->home_dir, b->home_dir);
    assert_string_equal(a->home_drive, b->home_drive);
    assert_string_equal(a->script, b->script);
    assert_string_equal(a->profile, b->profile);
    assert_string_equal(a->workstations, b->workstations);
    assert_string_equal(a->parameters, b->parameters);
    assert_true(a->created == b->created);
    assert_true(a->password_set == b->password_set);
    assert_true(a->expires == b->expires);
    assert_true(a->locked_at == b->locked_at);
    assert_memory_equal(&a->nt_hash, &b->nt_hash, sizeof a->nt_hash);
    assert_int_equal(a->logon_hours_len, b->logon_hours_len);
    assert_memory_equal(a->logon_hours, b->logon_hours, sizeof a->logon_hours);
    assert_int_equal(a->allow_weak_crypto, b->allow_weak_crypto);
    assert_int_equal(a->in == NULL, b->in == NULL);
    if (a->in != NULL)
        assert_memory_equal(a->in, b->in, sizeof *a->in);
    assert_int_equal(a->past == NULL, b->past == NULL);
    if (a->past != NULL)
        assert_memory_equal(a->past, b->past, sizeof *a->past);
}

void same_tdo(const struct nt_tdo *a, const struct nt_tdo *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->dns_name, b->dns_name);
    assert_memory_equal(&a->sid, &b->sid, sizeof a->sid);
    assert_int_equal(a->direction, b->direction);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->attributes, b->attributes);
    assert_int_equal(a->enc_types, b->enc_types);
    assert_string_equal(a->servers, b->servers);
    assert_true(a->created == b->created);
    assert_int_equal(a->allow_weak_crypto, b->allow_weak_crypto);
    assert_memory_equal(&a->out, &b->out, sizeof a->out);
    assert_memory_equal(&a->lease, &b->lease, sizeof a->lease);
}

static void same_value(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    assert_int_equal(a == NULL, b == NULL); /* "never set" and "set to nothing" differ */
    assert_int_equal(a_len, b_len);
    if (a_len > 0)
        assert_memory_equal(a, b, a_len);
}

void same_secret(const struct nt_lsa_secret *a, const struct nt_lsa_secret *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_string_equal(a->name, b->name);
    same_value(a->current, a->current_len, b->current, b->current_len);
    same_value(a->old, a->old_len, b->old, b->old_len);
    assert_true(a->current_set == b->current_set);
    assert_true(a->old_set == b->old_set);
}
