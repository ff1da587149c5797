/*
 * A server machine against any stream, cut as the first byte says: it always comes to rest, bounds
 * what it holds, and what it sends is RPC. The second byte chooses the owner's behaviour.
 */
#include "../unit/rpc/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_output(struct nt_rpc_server *m, bool all)
{
    static struct nt_rpc_pdu pdu;
    const uint8_t *out;
    size_t len = nt_rpc_server_pending(m, &out);
    while (len > 0) {
        assert(len >= NT_RPC_HEADER_LEN);
        size_t frag = nt_le16(out + 8);
        assert(frag <= len);
        enum nt_err err = nt_rpc_pdu_read(&pdu, out, frag);
        assert(err == NT_OK);
        nt_rpc_server_sent(m, frag);
        len = nt_rpc_server_pending(m, &out);
        if (!all)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct toy_owner owner = { .ask = false };
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    struct nt_rpc_event ev;
    uint64_t now = 1000;

    if (size < 2)
        return 0;
    size_t step = (size_t)data[0] + 1;
    uint8_t mode = data[1];
    owner.ask = (mode & 1) != 0;
    if ((mode & 2) != 0) {
        lim.max_call = 3000;
        lim.max_contexts = 2;
        lim.max_auth = 2;
        lim.max_in_flight = 2;
    }
    struct nt_rpc_server *m = toy_server(&owner, &lim);
    for (size_t off = 2; off < size;) {
        size_t n = size - off < step ? size - off : step;
        size_t took = nt_rpc_server_feed(m, data + off, n, now);
        assert(took <= n);
        bool any = false;
        while (nt_rpc_server_next(m, &ev)) {
            any = true;
            if (ev.kind == NT_RPC_ASK)
                toy_answer_ask(m, &owner, &ev,
                               (mode & 4) != 0 ? NT_STATUS(ACCESS_DENIED) : NT_STATUS(SUCCESS));
            else if ((mode & 8) == 0)
                toy_serve(m, &ev);
        }
        check_output(m, (mode & 16) == 0);
        now += mode & 32 ? 500 : 0;
        (void)nt_rpc_server_tick(m, now);
        off += took;
        if (took == 0 && !any && (mode & 24) != 0)
            break; /* this owner never answers or reads: the machine waits for it */
        assert(took > 0 || any || nt_rpc_server_closed(m, NULL));
    }
    (void)nt_rpc_server_deadline(m);
    nt_rpc_server_free(m);
    assert(owner.callers == 0 && toy_live == 0);
    return 0;
}
