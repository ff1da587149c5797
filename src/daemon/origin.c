#include "daemon/origin.h"

#include "base/container.h"
#include "base/log.h"
#include "domain/ops.h"

struct judgement {
    struct nt_wish wish;
    const struct nt_store_origin *origin;
};

static ntstatus decide(struct nt_wish *wish, struct nt_txn *txn)
{
    const struct judgement *j = NT_CONTAINER(wish, struct judgement, wish);
    return nt_op_store_restored(txn, j->origin->as_of, j->origin->what == NT_ORIGIN_RESTORED,
                                j->origin->text);
}

void nt_origin_judge(struct nt_engine *engine)
{
    struct nt_store_origin origin;
    struct judgement j = { .wish.decide = decide, .origin = &origin };
    char code[64];
    nt_store_origin(nt_engine_store(engine), &origin);
    if (origin.what == NT_ORIGIN_OWN)
        return;
    nt_log(NT_LOG_WARN, "%s text=%s",
           origin.what == NT_ORIGIN_RESTORED ? "store-restored" : "store-epoch-missing",
           origin.text);
    nt_engine_wish(engine, &j.wish);
    nt_engine_run(engine);
    if (nt_status_ok(j.wish.status))
        nt_store_accept(nt_engine_store(engine));
    else
        nt_log(NT_LOG_ERROR, "restored store cannot be taken over status=%s",
               nt_status_format(j.wish.status, code));
}
