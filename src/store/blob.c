/*
 * blob.c - see blob.h. All integers little endian. A reader takes every version up to its own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "crypto/rest.h"
#include "store/blob.h"

#define BLOB_MAX ((size_t)1024 * 1024) /* bytes of any blob */

static void put_secret(struct nt_buf *b, const struct nt_secret *s)
{
    if (s->len > sizeof s->b) {
        nt_buf_fail(b, NT_E_LIMIT);
        return;
    }
    nt_buf_u8(b, (uint8_t)s->len);
    nt_buf_put(b, s->b, s->len);
}

static void get_secret(struct nt_cursor *c, struct nt_secret *s)
{
    size_t len = nt_cursor_u8(c);
    if (len > sizeof s->b) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return;
    }
    const uint8_t *p = nt_cursor_take(c, len);
    if (p != NULL)
        nt_secret_set(s, p, len);
}

static bool get_bool(struct nt_cursor *c)
{
    uint8_t v = nt_cursor_u8(c);
    if (v > 1)
        nt_cursor_fail(c, NT_E_MALFORMED);
    return v == 1;
}

static uint8_t get_version(struct nt_cursor *c, uint8_t newest)
{
    uint8_t version = nt_cursor_u8(c);
    if (version < 1 || version > newest)
        nt_cursor_fail(c, NT_E_MALFORMED);
    return version;
}

/* The end of every reader: nothing may be left. */
static enum nt_err finished(struct nt_cursor *c)
{
    if (nt_cursor_left(c) > 0)
        nt_cursor_fail(c, NT_E_MALFORMED);
    return c->err;
}

/* A text of a fixed array, cut at its NUL. */
static void put_text(struct nt_buf *b, const char *text, size_t size)
{
    size_t len = strnlen(text, size - 1);
    nt_buf_u16le(b, (uint16_t)len);
    nt_buf_put(b, text, len);
}

static void get_text(struct nt_cursor *c, char *text, size_t size)
{
    size_t len = nt_cursor_u16le(c);
    if (len >= size) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return;
    }
    nt_cursor_bytes(c, text, len);
    text[len] = '\0';
    if (strlen(text) != len)
        nt_cursor_fail(c, NT_E_MALFORMED);
}

static void put_bool(struct nt_buf *b, bool value)
{
    nt_buf_u8(b, value);
}

/* An enumerator up to `most`. */
static unsigned get_enum(struct nt_cursor *c, unsigned most)
{
    unsigned v = nt_cursor_u8(c);
    if (v > most) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return 0;
    }
    return v;
}

static uint32_t get_count(struct nt_cursor *c, uint32_t most)
{
    return get_enum(c, most);
}

/* The reset code that a half began with. */
static void put_code(struct nt_buf *b, nt_time until, const uint8_t mark[NT_CODE_MARK])
{
    nt_buf_u64le(b, until);
    nt_buf_put(b, mark, NT_CODE_MARK);
}

static void get_code(struct nt_cursor *c, nt_time *until, uint8_t mark[NT_CODE_MARK])
{
    *until = nt_cursor_u64le(c);
    nt_cursor_bytes(c, mark, NT_CODE_MARK);
}

/* --- accounts: the NT hash, and the trusted end of a trust as one piece: its state is no use
 * without its secrets, and sealed, nobody can undo a burned permission with an editor --- */

static void put_in(struct nt_buf *b, const struct nt_trust_in *in)
{
    nt_buf_u8(b, (uint8_t)in->state);
    nt_buf_u32le(b, in->attempts_left);
    nt_buf_u32le(b, in->version);
    put_bool(b, in->current_proven);
    put_secret(b, &in->current);
    if (in->previous_count > NT_IN_PREVIOUS_MAX) {
        nt_buf_fail(b, NT_E_LIMIT);
        return;
    }
    nt_buf_u8(b, (uint8_t)in->previous_count);
    for (size_t i = 0; i < in->previous_count; i++) {
        const struct nt_in_previous *p = &in->previous[i];
        put_secret(b, &p->hash);
        nt_buf_u32le(b, p->version);
        put_bool(b, p->proven);
        nt_buf_u64le(b, p->replaced_at);
    }
    nt_buf_u64le(b, in->permitted_at);
    nt_buf_u64le(b, in->proven_at);
    nt_buf_u64le(b, in->changed_at);
    nt_buf_u64le(b, in->burned_at);
    nt_buf_u64le(b, in->last_ok);
    nt_buf_u64le(b, in->last_bad);
    put_text(b, in->burned_from, sizeof in->burned_from);
    put_text(b, in->last_from, sizeof in->last_from);
}

static void get_in(struct nt_cursor *c, struct nt_trust_in *in)
{
    in->state = (enum nt_in_state)get_enum(c, NT_IN_BURNED);
    in->attempts_left = nt_cursor_u32le(c);
    in->version = nt_cursor_u32le(c);
    in->current_proven = get_bool(c);
    get_secret(c, &in->current);
    in->previous_count = get_count(c, NT_IN_PREVIOUS_MAX);
    for (size_t i = 0; i < in->previous_count; i++) {
        struct nt_in_previous *p = &in->previous[i];
        get_secret(c, &p->hash);
        p->version = nt_cursor_u32le(c);
        p->proven = get_bool(c);
        p->replaced_at = nt_cursor_u64le(c);
    }
    in->permitted_at = nt_cursor_u64le(c);
    in->proven_at = nt_cursor_u64le(c);
    in->changed_at = nt_cursor_u64le(c);
    in->burned_at = nt_cursor_u64le(c);
    in->last_ok = nt_cursor_u64le(c);
    in->last_bad = nt_cursor_u64le(c);
    get_text(c, in->burned_from, sizeof in->burned_from);
    get_text(c, in->last_from, sizeof in->last_from);
}

#define ACCOUNT_VERSION 3 /* 1: without a reset code; 2: without a past */

static void put_past(struct nt_buf *b, const struct nt_past *p)
{
    if (p->count > NT_PAST_MAX) {
        nt_buf_fail(b, NT_E_LIMIT);
        return;
    }
    nt_buf_u8(b, (uint8_t)p->count);
    for (size_t i = 0; i < p->count; i++) {
        put_secret(b, &p->hash[i]);
        nt_buf_u64le(b, p->replaced[i]);
    }
    nt_buf_u32le(b, p->behind);
    nt_buf_u64le(b, p->behind_at);
    nt_buf_u64le(b, p->behind_to);
    nt_buf_u64le(b, p->ahead_at);
}

static void get_past(struct nt_cursor *c, struct nt_past *p)
{
    p->count = get_count(c, NT_PAST_MAX);
    for (size_t i = 0; i < p->count; i++) {
        get_secret(c, &p->hash[i]);
        p->replaced[i] = nt_cursor_u64le(c);
    }
    p->behind = nt_cursor_u32le(c);
    p->behind_at = nt_cursor_u64le(c);
    p->behind_to = nt_cursor_u64le(c);
    p->ahead_at = nt_cursor_u64le(c);
}

void nt_blob_account_write(struct nt_buf *b, const struct nt_account *a)
{
    bool in = a->in != NULL;
    nt_buf_u8(b, ACCOUNT_VERSION);
    put_secret(b, &a->nt_hash);
    put_bool(b, in);
    if (in) {
        put_in(b, a->in);
        put_code(b, a->in->initial_until, a->in->code_mark);
    }
    put_bool(b, a->past != NULL);
    if (a->past != NULL)
        put_past(b, a->past);
}

enum nt_err nt_blob_account_read(struct nt_cursor *c, struct nt_account *a)
{
    uint8_t version = get_version(c, ACCOUNT_VERSION);
    get_secret(c, &a->nt_hash);
    if (get_bool(c)) {
        struct nt_trust_in *in = nt_account_in(a);
        if (in == NULL)
            return NT_E_NOMEM;
        get_in(c, in);
        if (version >= 2)
            get_code(c, &in->initial_until, in->code_mark);
    }
    if (version >= 3 && get_bool(c)) {
        struct nt_past *past = nt_account_past(a);
        if (past == NULL)
            return NT_E_NOMEM;
        get_past(c, past);
    }
    return finished(c);
}

/* --- TDOs: the trusting end of a trust --- */

#define TDO_VERSION 4 /* 1: without a lease; 2: without a reset code; 3: without what was seen */

static void put_seen(struct nt_buf *b, const struct nt_trust_seen *seen)
{
    nt_buf_u32le(b, seen->behind);
    nt_buf_u64le(b, seen->behind_at);
    nt_buf_u64le(b, seen->behind_to);
    nt_buf_u32le(b, seen->foreign);
    nt_buf_u64le(b, seen->foreign_first);
    nt_buf_u64le(b, seen->foreign_last);
    if (seen->laggard_count > NT_SEEN_LAGGARDS) {
        nt_buf_fail(b, NT_E_LIMIT);
        return;
    }
    nt_buf_u8(b, (uint8_t)seen->laggard_count);
    for (size_t i = 0; i < seen->laggard_count; i++) {
        put_text(b, seen->laggards[i].dc, sizeof seen->laggards[i].dc);
        nt_buf_u64le(b, seen->laggards[i].first);
        nt_buf_u64le(b, seen->laggards[i].last);
        nt_buf_u32le(b, seen->laggards[i].behind);
    }
}

static void get_seen(struct nt_cursor *c, struct nt_trust_seen *seen)
{
    seen->behind = nt_cursor_u32le(c);
    seen->behind_at = nt_cursor_u64le(c);
    seen->behind_to = nt_cursor_u64le(c);
    seen->foreign = nt_cursor_u32le(c);
    seen->foreign_first = nt_cursor_u64le(c);
    seen->foreign_last = nt_cursor_u64le(c);
    seen->laggard_count = get_count(c, NT_SEEN_LAGGARDS);
    for (size_t i = 0; i < seen->laggard_count; i++) {
        get_text(c, seen->laggards[i].dc, sizeof seen->laggards[i].dc);
        seen->laggards[i].first = nt_cursor_u64le(c);
        seen->laggards[i].last = nt_cursor_u64le(c);
        seen->laggards[i].behind = nt_cursor_u32le(c);
    }
}

static void put_candidate(struct nt_buf *b, const struct nt_out_candidate *x)
{
    put_bool(b, x->set);
    if (!x->set)
        return;
    put_bool(b, x->has_clear);
    put_bool(b, x->initial);
    nt_buf_u32le(b, x->version);
    nt_buf_u64le(b, x->created);
    nt_buf_u64le(b, x->proven);
    nt_buf_u64le(b, x->refused);
    put_secret(b, &x->hash);
    if (x->clear.len > sizeof x->clear.b) {
        nt_buf_fail(b, NT_E_LIMIT);
        return;
    }
    nt_buf_u16le(b, x->clear.len);
    nt_buf_put(b, x->clear.b, x->clear.len);
}

static void get_candidate(struct nt_cursor *c, struct nt_out_candidate *x)
{
    x->set = get_bool(c);
    if (!x->set)
        return;
    x->has_clear = get_bool(c);
    x->initial = get_bool(c);
    x->version = nt_cursor_u32le(c);
    x->created = nt_cursor_u64le(c);
    x->proven = nt_cursor_u64le(c);
    x->refused = nt_cursor_u64le(c);
    get_secret(c, &x->hash);
    uint16_t len = nt_cursor_u16le(c);
    if (len > sizeof x->clear.b) {
        nt_cursor_fail(c, NT_E_MALFORMED);
        return;
    }
    nt_cursor_bytes(c, x->clear.b, len);
    x->clear.len = len;
}

static void put_out(struct nt_buf *b, const struct nt_trust_out *out)
{
    nt_buf_u8(b, (uint8_t)out->state);
    nt_buf_u8(b, (uint8_t)out->broken);
    nt_buf_u8(b, (uint8_t)out->trouble);
    put_bool(b, out->degraded);
    put_bool(b, out->established);
    put_bool(b, out->change_wanted);
    nt_buf_u64le(b, out->epoch);
    put_candidate(b, &out->next);
    put_candidate(b, &out->current);
    if (out->history_count > NT_OUT_HISTORY_MAX) {
        nt_buf_fail(b, NT_E_LIMIT);
        return;
    }
    nt_buf_u8(b, (uint8_t)out->history_count);
    for (size_t i = 0; i < out->history_count; i++)
        put_candidate(b, &out->history[i]);
    nt_buf_u64le(b, out->next_change);
    nt_buf_u64le(b, out->next_check);
    nt_buf_u64le(b, out->retry_at);
    nt_buf_u64le(b, out->backoff_s);
    nt_buf_u32le(b, out->refusals);
    nt_buf_u32le(b, out->rounds);
    nt_buf_u64le(b, out->created_at);
    nt_buf_u64le(b, out->established_at);
    nt_buf_u64le(b, out->last_ok);
    nt_buf_u64le(b, out->last_change);
    nt_buf_u64le(b, out->broken_at);
    nt_buf_u64le(b, out->change_refused_at);
    nt_buf_u32le(b, out->last_status.code);
    nt_buf_u64le(b, out->last_error);
    put_text(b, out->last_text, sizeof out->last_text);
    put_text(b, out->last_dc, sizeof out->last_dc);
    put_text(b, out->proven_dc, sizeof out->proven_dc);
    nt_buf_u64le(b, out->lag_since);
    nt_buf_u64le(b, out->changes);
    nt_buf_u64le(b, out->resends);
    nt_buf_u64le(b, out->adoptions);
}

static void get_out(struct nt_cursor *c, struct nt_trust_out *out)
{
    out->state = (enum nt_out_state)get_enum(c, NT_OUT_BROKEN);
    out->broken = (enum nt_broken)get_enum(c, NT_BROKEN_COUNT - 1);
    out->trouble = (enum nt_broken)get_enum(c, NT_BROKEN_COUNT - 1);
    out->degraded = get_bool(c);
    out->established = get_bool(c);
    out->change_wanted = get_bool(c);
    out->epoch = nt_cursor_u64le(c);
    get_candidate(c, &out->next);
    get_candidate(c, &out->current);
    out->history_count = get_count(c, NT_OUT_HISTORY_MAX);
    for (size_t i = 0; i < out->history_count; i++)
        get_candidate(c, &out->history[i]);
    out->next_change = nt_cursor_u64le(c);
    out->next_check = nt_cursor_u64le(c);
    out->retry_at = nt_cursor_u64le(c);
    out->backoff_s = nt_cursor_u64le(c);
    out->refusals = nt_cursor_u32le(c);
    out->rounds = nt_cursor_u32le(c);
    out->created_at = nt_cursor_u64le(c);
    out->established_at = nt_cursor_u64le(c);
    out->last_ok = nt_cursor_u64le(c);
    out->last_change = nt_cursor_u64le(c);
    out->broken_at = nt_cursor_u64le(c);
    out->change_refused_at = nt_cursor_u64le(c);
    out->last_status.code = nt_cursor_u32le(c);
    out->last_error = nt_cursor_u64le(c);
    get_text(c, out->last_text, sizeof out->last_text);
    get_text(c, out->last_dc, sizeof out->last_dc);
    get_text(c, out->proven_dc, sizeof out->proven_dc);
    out->lag_since = nt_cursor_u64le(c);
    out->changes = nt_cursor_u64le(c);
    out->resends = nt_cursor_u64le(c);
    out->adoptions = nt_cursor_u64le(c);
}

void nt_blob_tdo_write(struct nt_buf *b, const struct nt_tdo *t)
{
    nt_buf_u8(b, TDO_VERSION);
    put_out(b, &t->out);
    nt_buf_put(b, t->lease.holder, sizeof t->lease.holder);
    nt_buf_u64le(b, t->lease.until);
    nt_buf_u64le(b, t->lease.number);
    put_code(b, t->out.initial_until, t->out.code_mark);
    put_seen(b, &t->out.seen);
}

enum nt_err nt_blob_tdo_read(struct nt_cursor *c, struct nt_tdo *t)
{
    uint8_t version = get_version(c, TDO_VERSION);
    get_out(c, &t->out);
    if (version >= 2) {
        nt_cursor_bytes(c, t->lease.holder, sizeof t->lease.holder);
        t->lease.until = nt_cursor_u64le(c);
        t->lease.number = nt_cursor_u64le(c);
    }
    if (version >= 3)
        get_code(c, &t->out.initial_until, t->out.code_mark);
    if (version >= 4)
        get_seen(c, &t->out.seen);
    return finished(c);
}

/* --- LSA secrets --- */

static void put_value(struct nt_buf *b, const uint8_t *value, size_t len)
{
    nt_buf_u8(b, value != NULL);
    if (value == NULL)
        return;
    if (len > NT_BLOB_SECRET_MAX)
        nt_buf_fail(b, NT_E_LIMIT);
    nt_buf_u32le(b, (uint32_t)len);
    nt_buf_put(b, value, len);
}

static void get_value(struct nt_cursor *c, uint8_t **value, size_t *len)
{
    if (!get_bool(c))
        return;
    size_t n = nt_cursor_u32le(c);
    if (n > NT_BLOB_SECRET_MAX)
        nt_cursor_fail(c, NT_E_LIMIT);
    const uint8_t *p = nt_cursor_take(c, n);
    if (p == NULL)
        return;
    *value = malloc(n > 0 ? n : 1); /* set, and perhaps empty */
    if (*value == NULL) {
        nt_cursor_fail(c, NT_E_NOMEM);
        return;
    }
    memcpy(*value, p, n);
    *len = n;
}

void nt_blob_secret_write(struct nt_buf *b, const struct nt_lsa_secret *s)
{
    nt_buf_u8(b, 1);
    put_value(b, s->current, s->current_len);
    put_value(b, s->old, s->old_len);
}

enum nt_err nt_blob_secret_read(struct nt_cursor *c, struct nt_lsa_secret *s)
{
    (void)get_version(c, 1);
    get_value(c, &s->current, &s->current_len);
    get_value(c, &s->old, &s->old_len);
    return finished(c);
}

/* --- sealing --- */

/* Seals what `plain` holds into `out`; frees `plain` in any case. */
static enum nt_err seal(struct nt_buf *plain, const struct nt_secret *key, const struct nt_env *env,
                        const char *row, struct nt_buf *out)
{
    uint8_t nonce[NT_REST_NONCE];
    enum nt_err err = plain->err;
    nt_buf_init(out, BLOB_MAX);
    if (err == NT_OK) {
        uint8_t *to = nt_buf_extend(out, plain->len + NT_REST_OVERHEAD);
        err = out->err;
        if (to != NULL) {
            nt_random(env, nonce, sizeof nonce);
            nt_rest_seal(key, nonce, row, strlen(row), plain->data, plain->len, to);
        }
    }
    nt_buf_free(plain);
    if (err != NT_OK)
        nt_buf_free(out);
    return err;
}

/* Opens into `plain`, which the caller frees. */
static enum nt_err unseal(const struct nt_secret *key, const char *row, const void *sealed,
                          size_t len, struct nt_buf *plain)
{
    nt_buf_init(plain, BLOB_MAX);
    if (len < NT_REST_OVERHEAD || len > BLOB_MAX)
        return NT_E_CORRUPT;
    uint8_t *to = nt_buf_extend(plain, len - NT_REST_OVERHEAD);
    if (to == NULL && len > NT_REST_OVERHEAD)
        return plain->err;
    return nt_rest_open(key, row, strlen(row), sealed, len, to);
}

static enum nt_err corrupt_or_nomem(enum nt_err err)
{
    return err == NT_OK || err == NT_E_NOMEM ? err : NT_E_CORRUPT;
}

#define SEAL_AND_OPEN(name, type)                                                                  \
    enum nt_err nt_blob_##name##_seal(const struct type *record, const struct nt_secret *key,      \
                                      const struct nt_env *env, const char *row,                   \
                                      struct nt_buf *out)                                          \
    {                                                                                              \
        struct nt_buf plain;                                                                       \
        nt_buf_init(&plain, BLOB_MAX - NT_REST_OVERHEAD);                                          \
        nt_blob_##name##_write(&plain, record);                                                    \
        return seal(&plain, key, env, row, out);                                                   \
    }                                                                                              \
    enum nt_err nt_blob_##name##_open(struct type *record, const struct nt_secret *key,            \
                                      const char *row, const void *sealed, size_t len)             \
    {                                                                                              \
        struct nt_buf plain;                                                                       \
        struct nt_cursor c;                                                                        \
        enum nt_err err = unseal(key, row, sealed, len, &plain);                                   \
        if (err == NT_OK) {                                                                        \
            nt_cursor_init(&c, plain.data, plain.len);                                             \
            err = nt_blob_##name##_read(&c, record);                                               \
        }                                                                                          \
        nt_buf_free(&plain);                                                                       \
        return corrupt_or_nomem(err);                                                              \
    }

SEAL_AND_OPEN(account, nt_account)
SEAL_AND_OPEN(tdo, nt_tdo)
SEAL_AND_OPEN(secret, nt_lsa_secret)
