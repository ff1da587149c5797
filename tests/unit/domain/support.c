#include "support.h"

#include "crypto/owf.h"

/* splitmix64: small, and the same everywhere */
uint64_t world_random(struct world *w)
{
    uint64_t z = w->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint32_t below(struct world *w, uint32_t n)
{
    return (uint32_t)(world_random(w) % n);
}

bool chance(struct world *w, uint32_t per_mille)
{
    return below(w, 1000) < per_mille;
}

static nt_time env_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static void env_random(void *ctx, void *to, size_t len)
{
    uint8_t *p = to;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(world_random(ctx) >> 24);
}

void world_init(struct world *w, uint64_t seed)
{
    w->now = T0;
    w->seed = seed;
    w->env = (struct nt_env){ env_now, env_random, w };
}

struct nt_password password_of(const char *text)
{
    struct nt_password p;
    assert_true(nt_password_from_utf8(&p, text));
    return p;
}

struct nt_secret hash_of(const char *text)
{
    struct nt_secret hash;
    struct nt_password p = password_of(text);
    nt_owf(&p, &hash);
    return hash;
}

void finish(struct nt_txn *txn, struct nt_dir **dir)
{
    struct nt_dir *next = nt_dir_ref(nt_txn_dir(txn));
    nt_txn_free(txn);
    nt_dir_unref(*dir);
    *dir = next;
}

struct nt_dir *domain_new(struct world *w)
{
    struct nt_sid sid;
    struct nt_secret hash = hash_of("Adm1nistrator");
    struct nt_dir *dir = nt_dir_new();
    struct nt_txn *txn = nt_txn_begin(dir, &w->env);
    struct nt_domain_new in = { .name = "East", .computer = "EastDC", .administrator = &hash };
    assert_non_null(txn);
    assert_true(nt_sid_parse("S-1-5-21-1-2-3", &sid));
    in.sid = &sid;
    assert_ok(nt_op_domain_init(txn, &in, NULL));
    finish(txn, &dir);
    return dir;
}
