/* The client machine against the server machine, whatever way the bytes arrive. */
#include "pair.h"

static struct nt_rpc_client_config client_config(enum nt_auth_type type, enum nt_auth_level level)
{
    struct nt_rpc_client_config config = { .iface = &toy_first,
                                           .auth_type = type,
                                           .auth_level = level };
    if (type != NT_AUTH_NONE)
        config.sec = &toy_new(false, type == NT_AUTH_SCHANNEL ? TOY_TWO
                                     : type == NT_AUTH_NTLM   ? TOY_AUTH3
                                                              : TOY_ALTER)
                          ->base;
    return config;
}

static const struct {
    enum nt_auth_type type;
    enum nt_auth_level level;
} ways[] = {
    { NT_AUTH_NONE, NT_LEVEL_NONE },        { NT_AUTH_NTLM, NT_LEVEL_CONNECT },
    { NT_AUTH_NTLM, NT_LEVEL_CALL },        { NT_AUTH_NTLM, NT_LEVEL_PACKET },
    { NT_AUTH_NTLM, NT_LEVEL_INTEGRITY },   { NT_AUTH_NTLM, NT_LEVEL_PRIVACY },
    { NT_AUTH_SPNEGO, NT_LEVEL_CONNECT },   { NT_AUTH_SPNEGO, NT_LEVEL_INTEGRITY },
    { NT_AUTH_SPNEGO, NT_LEVEL_PRIVACY },   { NT_AUTH_SCHANNEL, NT_LEVEL_INTEGRITY },
    { NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY },
};

static void run_all_calls(struct pair *p, enum nt_auth_level level)
{
    static uint8_t big[60000];
    uint8_t count[4];

    settle(p);
    assert_true(p->bound);
    assert_int_equal(nt_rpc_client_session_key(p->c) != NULL, level != NT_LEVEL_NONE);
    call(p, 0, "hello", 5);
    settle(p);
    assert_int_equal(p->answers, 1);
    assert_int_equal(p->last.kind, NT_RPC_RESPONSE);
    /* The first protected one carries the verification trailer behind its stub. */
    assert_int_equal(p->last.len, level >= NT_LEVEL_CALL ? 8 + 60 : 5);
    assert_memory_equal(p->got, "hello", 5);
    call(p, 0, NULL, 0);
    settle(p);
    assert_int_equal(p->answers, 2);
    assert_int_equal(p->last.len, 0);
    call(p, 1, "x", 1);
    settle(p);
    assert_int_equal(p->last.kind, NT_RPC_FAULT);
    assert_int_equal(p->last.fault, NT_FAULT_OP_RANGE);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 31 >> 3);
    call(p, 0, big, sizeof big);
    settle(p);
    assert_int_equal(p->last.kind, NT_RPC_RESPONSE);
    assert_int_equal(p->last.len, sizeof big);
    assert_memory_equal(p->got, big, sizeof big);
    nt_put_le32(count, 99999);
    uint32_t first = call(p, 2, count, 4); /* both at once: the machine keeps them apart */
    uint32_t second = call(p, 0, "end", 3);
    assert_int_not_equal(first, second);
    settle(p);
    assert_int_equal(p->answers, 6);
    assert_int_equal(p->last.call_id, second);
    assert_int_equal(p->last.len, 3);
    assert_false(p->failed);
}

static void every_way_to_bind_carries_calls_however_bytes_arrive(void **state)
{
    (void)state;
    static const size_t cuts[] = { 4096, 1, 7, 15, 16, 17, 23, 24, 61, 1000 };
    for (size_t w = 0; w < NT_COUNT(ways); w++) {
        for (size_t i = 0; i < 2 * NT_COUNT(cuts); i++) {
            static struct pair p;
            struct nt_rpc_client_config config = client_config(ways[w].type, ways[w].level);
            open_pair(&p, &config, NULL, cuts[i / 2]);
            p.owner.ask = i % 2 != 0;
            run_all_calls(&p, ways[w].level);
            close_pair(&p);
        }
    }
}

/* Arrival is not meaning: one cut anywhere in the stream changes no byte of what is sent. */
static void a_cut_at_every_position_changes_nothing(void **state)
{
    (void)state;
    uint64_t whole_server = 0, whole_client = 0;
    for (size_t cut = 700; cut > 0; cut--) {
        static struct pair p;
        struct nt_rpc_client_config config = client_config(NT_AUTH_SPNEGO, NT_LEVEL_PRIVACY);
        open_pair(&p, &config, NULL, cut);
        p.owner.ask = true;
        settle(&p);
        call(&p, 0, "some words", 10);
        settle(&p);
        assert_int_equal(p.answers, 1);
        if (whole_server == 0) {
            whole_server = p.server_sum;
            whole_client = p.client_sum;
        }
        assert_true(p.server_sum == whole_server && p.client_sum == whole_client);
        close_pair(&p);
    }
}

static void small_fragments_both_ways(void **state)
{
    (void)state;
    static struct pair p;
    struct nt_rpc_client_config config = client_config(NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY);
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    lim.max_frag = 1432;
    config.max_frag = 2000;
    open_pair(&p, &config, &lim, 333);
    run_all_calls(&p, NT_LEVEL_PRIVACY);
    close_pair(&p);
}

static void a_failed_logon_fails_the_bind_or_the_first_call(void **state)
{
    (void)state;
    static const enum nt_auth_type types[] = { NT_AUTH_SCHANNEL, NT_AUTH_SPNEGO, NT_AUTH_NTLM };
    for (size_t i = 0; i < NT_COUNT(types); i++) {
        static struct pair p;
        struct nt_rpc_client_config config = client_config(types[i], NT_LEVEL_PRIVACY);
        open_pair(&p, &config, NULL, 4096);
        p.owner.ask = true;
        p.say = NT_STATUS(LOGON_FAILURE);
        settle(&p);
        if (types[i] == NT_AUTH_NTLM) {
            assert_true(p.bound);
            call(&p, 0, "x", 1);
            settle(&p);
            assert_int_equal(p.last.kind, NT_RPC_FAULT);
            assert_int_equal(p.last.fault, NT_FAULT_ACCESS_DENIED);
        } else {
            assert_false(p.bound);
            assert_true(p.failed);
            assert_int_equal(p.last.status.code, NT_STATUS(ACCESS_DENIED).code);
        }
        assert_true(nt_rpc_server_closed(p.s, NULL));
        close_pair(&p);
    }
}

static void an_interface_that_is_not_offered(void **state)
{
    (void)state;
    static struct pair p;
    struct nt_ndr_interface other = toy_first;
    struct nt_rpc_client_config config = client_config(NT_AUTH_NONE, NT_LEVEL_NONE);
    other.uuid.b++;
    config.iface = &other;
    open_pair(&p, &config, NULL, 4096);
    settle(&p);
    assert_true(p.failed);
    assert_int_equal(p.last.status.code, NT_STATUS(RPC_UNKNOWN_IF).code);
    uint32_t id;
    assert_int_equal(nt_rpc_client_call(p.c, 0, NULL, 0, 1, 1000, &id), NT_E_STATE);
    close_pair(&p);
}

/* Every byte that passes is covered once header signing and sealing are agreed: one flipped bit
 * in a protected exchange never gives another answer than the right one. */
static void no_flipped_bit_goes_unnoticed(void **state)
{
    (void)state;
    static struct pair p;
    for (size_t at = 0;; at++) {
        struct nt_rpc_client_config config = client_config(NT_AUTH_NTLM, NT_LEVEL_PRIVACY);
        open_pair(&p, &config, NULL, 4096);
        settle(&p);
        call(&p, 0, "transfer ten", 12);
        const uint8_t *data;
        uint8_t copy[4096];
        size_t len = nt_rpc_client_pending(p.c, &data);
        if (at == len) {
            close_pair(&p);
            break;
        }
        memcpy(copy, data, len);
        copy[at] ^= 1;
        (void)nt_rpc_server_feed(p.s, copy, len, 1000);
        struct nt_rpc_event ev;
        bool served = nt_rpc_server_next(p.s, &ev);
        /* The token's unused half, and nothing else. */
        assert_true(!served || at >= len - 8);
        close_pair(&p);
    }
}

static void a_forged_trailer_is_noticed(void **state)
{
    (void)state;
    /* A man in the middle who takes the header signing flag out of the bind: the sealed trailer
     * still says that the client offered it. */
    static struct pair p;
    struct nt_rpc_client_config config = client_config(NT_AUTH_NTLM, NT_LEVEL_PRIVACY);
    open_pair(&p, &config, NULL, 4096);
    const uint8_t *data;
    uint8_t copy[4096];
    size_t len = nt_rpc_client_pending(p.c, &data);
    memcpy(copy, data, len);
    copy[3] &= (uint8_t)~NT_PFC_HEADER_SIGN;
    assert_int_equal(nt_rpc_server_feed(p.s, copy, len, 1000), len);
    nt_rpc_client_sent(p.c, len);
    settle(&p);
    assert_true(p.bound);
    call(&p, 0, "x", 1);
    settle(&p);
    assert_int_equal(p.last.kind, NT_RPC_FAULT);
    assert_int_equal(p.last.fault, NT_FAULT_ACCESS_DENIED);
    const char *why;
    assert_true(nt_rpc_server_closed(p.s, &why));
    assert_string_equal(why, "the verification trailer contradicts the connection");
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_bind_carries_calls_however_bytes_arrive),
        cmocka_unit_test(a_cut_at_every_position_changes_nothing),
        cmocka_unit_test(small_fragments_both_ways),
        cmocka_unit_test(a_failed_logon_fails_the_bind_or_the_first_call),
        cmocka_unit_test(an_interface_that_is_not_offered),
        cmocka_unit_test(no_flipped_bit_goes_unnoticed),
        cmocka_unit_test(a_forged_trailer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
