/*
 * A client machine against any server, whose bytes arrive as the first byte says: one failure at
 * most is told, nothing comes after it, and nothing is left. The second byte chooses the
 * authentication.
 */
#include "../unit/rpc/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nt_auth_type types[] = { NT_AUTH_NONE, NT_AUTH_NTLM, NT_AUTH_SPNEGO,
                                               NT_AUTH_SCHANNEL };
    static const enum nt_auth_level levels[] = { NT_LEVEL_CONNECT, NT_LEVEL_PACKET,
                                                 NT_LEVEL_INTEGRITY, NT_LEVEL_PRIVACY };
    struct nt_rpc_client_event ev;
    const uint8_t *out;
    uint32_t id;
    bool failed = false;

    if (size < 2)
        return 0;
    size_t step = (size_t)data[0] + 1;
    struct nt_rpc_client_config config = {
        .iface = &toy_first,
        .auth_type = types[data[1] & 3],
        .auth_level = levels[data[1] >> 2 & 3],
        .max_reply = 100000,
    };
    if (config.auth_type != NT_AUTH_NONE)
        config.sec = &toy_new(false, config.auth_type == NT_AUTH_SCHANNEL ? TOY_TWO
                                     : config.auth_type == NT_AUTH_NTLM   ? TOY_AUTH3
                                                                          : TOY_ALTER)
                          ->base;
    struct nt_rpc_client *m = nt_rpc_client_new(&config, 1000);
    assert(m != NULL);
    for (size_t off = 2; off < size; off += step) {
        size_t n = size - off < step ? size - off : step;
        size_t took = nt_rpc_client_feed(m, data + off, n, 1000);
        assert(took == n);
        while (nt_rpc_client_next(m, &ev)) {
            assert(!failed);
            failed = ev.kind == NT_RPC_FAILED;
            assert(!failed || (!nt_status_ok(ev.status) && ev.why[0] != '\0'));
            assert(ev.len <= config.max_reply);
            if (!failed)
                (void)nt_rpc_client_call(m, 1, data, step < size ? step : size, 1000, 1000, &id);
        }
        nt_rpc_client_sent(m, nt_rpc_client_pending(m, &out));
    }
    nt_rpc_client_tick(m, UINT64_MAX - 1);
    nt_rpc_client_eof(m);
    while (nt_rpc_client_next(m, &ev))
        failed = true;
    assert(failed);
    nt_rpc_client_free(m);
    assert(toy_live == 0);
    return 0;
}
