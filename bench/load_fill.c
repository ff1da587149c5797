/* load_fill.c - a domain of any size for a measurement, put into its store while no ntrustd runs.
 */
#include <stdio.h>

#include "bench/load.h"
#include "crypto/sysenv.h"
#include "domain/ops.h"
#include "store/engine.h"

#define BATCH 500u

struct fill {
    struct nt_wish wish;
    const struct load_fill *what;
    unsigned first, count;
    bool computers;
    struct nt_why why;
};

static ntstatus decide_domain(struct nt_wish *wish, struct nt_txn *txn)
{
    struct fill *f = (struct fill *)wish;
    struct nt_domain_new domain = { .name = f->what->trusts != 0 ? LOAD_RESOURCE : LOAD_DOMAIN,
                                    .computer = LOAD_CONTROLLER };
    return nt_op_domain_init(txn, &domain, &f->why);
}

#define INITIAL "an initial password"

static ntstatus decide_permit(struct nt_wish *wish, struct nt_txn *txn)
{
    struct fill *f = (struct fill *)wish;
    struct nt_secret hash;
    uint32_t rid;
    load_hash(INITIAL, &hash);
    return nt_op_permit_add(txn, LOAD_RESOURCE, &hash, 0, "bench", "", &rid, &f->why);
}

static ntstatus decide_trust(struct nt_wish *wish, struct nt_txn *txn)
{
    struct fill *f = (struct fill *)wish;
    char servers[32];
    struct nt_password initial;
    snprintf(servers, sizeof servers, "127.0.0.1:%u", f->what->trusts);
    if (!nt_password_from_utf8(&initial, INITIAL))
        return NT_STATUS(INVALID_PARAMETER);
    struct nt_trust_new trust = { .name = LOAD_DOMAIN, .servers = servers, .initial = &initial };
    return nt_op_trust_add(txn, &trust, "bench", "", &f->why);
}

static ntstatus decide_accounts(struct nt_wish *wish, struct nt_txn *txn)
{
    struct fill *f = (struct fill *)wish;
    ntstatus status = NT_STATUS(SUCCESS);
    for (unsigned i = f->first; i < f->first + f->count && nt_status_ok(status); i++) {
        char name[32];
        uint32_t rid;
        struct nt_secret hash;
        snprintf(name, sizeof name, f->computers ? LOAD_COMPUTER "$" : LOAD_USER, i);
        load_hash(name, &hash);
        status = nt_op_account_create(txn, name, f->computers ? NT_ACB_WORKSTATION : NT_ACB_NORMAL,
                                      "bench", "", &rid, &f->why);
        if (nt_status_ok(status))
            status = nt_op_account_password(txn, rid, &hash, false, "bench", "");
    }
    return status;
}

static void wish(struct nt_engine *engine, struct fill *f)
{
    if (!nt_status_ok(nt_engine_wish_wait(engine, &f->wish)))
        load_die("fill: %s %s", nt_status_name(f->wish.status), f->why.text);
}

static void fill_with(struct nt_engine *engine, bool computers, unsigned count)
{
    for (unsigned done = 0; done < count; done += BATCH) {
        unsigned n = count - done < BATCH ? count - done : BATCH;
        struct fill f = {
            .wish.decide = decide_accounts, .first = done, .count = n, .computers = computers
        };
        wish(engine, &f);
    }
}

void load_fill(const struct load_fill *fill)
{
    struct nt_store *s;
    struct nt_engine *engine;
    char why[512] = "";
    if (nt_store_create(fill->store, fill->key, nt_env_system(), &s, why, sizeof why) != NT_OK ||
        nt_engine_new(s, nt_env_system(), &engine, why, sizeof why) != NT_OK)
        load_die("%s: %s", fill->store, why);
    struct fill domain = { .wish.decide = decide_domain, .what = fill };
    wish(engine, &domain);
    fill_with(engine, true, fill->computers);
    fill_with(engine, false, fill->users);
    struct fill link = { .wish.decide = fill->permits ? decide_permit : decide_trust,
                         .what = fill };
    if (fill->permits || fill->trusts != 0)
        wish(engine, &link);
    nt_engine_free(engine);
}
