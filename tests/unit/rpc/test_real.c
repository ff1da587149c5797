/* The machines with the real security contexts: NTLMSSP, SPNEGO, the Netlogon secure channel. */
#include "pair.h"

#include "sec_support.h"

static struct script script = { .now = UINT64_C(134081000000000000) };
static const struct nt_env env = { script_now, script_random, &script };
static struct nt_secret hash, channel_key;
static enum nt_nl_crypto crypto;

static struct nt_sec *ntlm_server(void)
{
    const struct nt_ntlm_server_config config = {
        .domain = "EAST", .computer = "PDC1", .dns_domain = "", .dns_computer = "", .env = &env
    };
    struct nt_sec *s = nt_sec_ntlm_server(&config);
    assert_non_null(s);
    return s;
}

static struct nt_sec *ntlm_client(enum nt_auth_level level, const char *user)
{
    const struct nt_ntlm_client_config config = {
        .domain = "EAST",
        .user = user,
        .computer = "PC1",
        .nt_hash = user[0] != '\0' ? &hash : NULL,
        .seal = level == NT_LEVEL_PRIVACY,
        .env = &env,
    };
    struct nt_sec *s = nt_sec_ntlm_client(&config);
    assert_non_null(s);
    return s;
}

static struct nt_sec *make_real(void *ctx, enum nt_auth_type type)
{
    (void)ctx;
    if (type == NT_AUTH_SCHANNEL)
        return nt_sec_schannel_server(&env);
    struct nt_sec *inner = ntlm_server();
    return type == NT_AUTH_SPNEGO ? nt_sec_spnego_server(inner) : inner;
}

static void answer_real(struct pair *p, const struct nt_rpc_event *ev)
{
    const struct nt_sec_question *q = ev->question;
    struct nt_sec_answer a = { .status = NT_STATUS(SUCCESS), .caller = p, .crypto = crypto };
    if (q->type == NT_AUTH_SCHANNEL) {
        assert_string_equal(q->computer, "PDC2");
        a.key = channel_key;
    } else if (!q->anonymous && nt_ntlmv2_verify(&hash, q->user, q->domain, q->challenge, q->nt,
                                                 q->nt_len, &a.key) != NT_OK) {
        a.status = NT_STATUS(WRONG_PASSWORD);
    }
    p->owner.callers++;
    assert_int_equal(nt_rpc_server_answer(p->s, ev->ask_id, &a), NT_OK);
    nt_secret_wipe(&a.key);
}

static struct nt_rpc_server *real_server(struct pair *p,
                                         const struct nt_ndr_interface *const *iface)
{
    const struct nt_rpc_server_config config = {
        .ifaces = iface,
        .iface_count = 1,
        .secondary_address = "\\pipe\\lsass",
        .assoc_group = 0x522b,
        .make_sec = make_real,
        .ctx = &p->owner,
        .caller_free = toy_caller_free,
        .limits = nt_rpc_limits_default,
    };
    struct nt_rpc_server *s = nt_rpc_server_new(&config, 1000);
    assert_non_null(s);
    return s;
}

static void open_real(struct pair *p, enum nt_auth_type type, enum nt_auth_level level,
                      const char *user, size_t cut)
{
    struct nt_rpc_client_config config = { .iface = &toy_first,
                                           .auth_type = type,
                                           .auth_level = level };
    if (type == NT_AUTH_SCHANNEL) {
        const struct nt_schannel_client_config channel = {
            .domain = "EAST", .computer = "PDC2", .key = &channel_key, .crypto = crypto, .env = &env
        };
        config.sec = nt_sec_schannel_client(&channel);
    } else {
        config.sec = ntlm_client(level, user);
        if (type == NT_AUTH_SPNEGO)
            config.sec = nt_sec_spnego_client(config.sec);
    }
    assert_non_null(config.sec);
    memset(p, 0, sizeof *p);
    p->cut = cut;
    p->answer = answer_real;
    p->s = real_server(p, toy_ifaces);
    p->c = nt_rpc_client_new(&config, 1000);
    assert_non_null(p->c);
}

static void exchange(struct pair *p)
{
    static uint8_t big[20000];
    uint8_t count[4];
    settle(p);
    assert_true(p->bound);
    for (int i = 0; i < 3; i++) {
        call(p, 0, "over and over", 13);
        settle(p);
        assert_int_equal(p->answers, i + 1);
        assert_int_equal(p->last.kind, NT_RPC_RESPONSE);
        assert_memory_equal(p->got, "over and over", 13);
    }
    call(p, 1, "x", 1); /* a fault moves no counter */
    settle(p);
    assert_int_equal(p->last.kind, NT_RPC_FAULT);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 5 >> 2);
    call(p, 0, big, sizeof big);
    settle(p);
    assert_int_equal(p->last.len, sizeof big);
    assert_memory_equal(p->got, big, sizeof big);
    nt_put_le32(count, 50000);
    call(p, 2, count, 4);
    settle(p);
    assert_int_equal(p->last.len, 50000);
    assert_false(p->failed);
    assert_false(nt_rpc_server_closed(p->s, NULL));
}

static void set_secrets(void)
{
    nt_secret_set(&hash, "\x58\x58\xd4\x7a\x41\xe4\x0b\x40\xf2\x94\xb3\x10\x0b\xea\x61\x1f", 16);
    nt_secret_set(&channel_key, "sixteen byte key", 16);
    crypto = NT_NL_AES;
}

static void every_real_context_carries_calls_however_bytes_arrive(void **state)
{
    (void)state;
    static const enum nt_auth_type types[] = { NT_AUTH_NTLM, NT_AUTH_SPNEGO, NT_AUTH_SCHANNEL };
    static const enum nt_auth_level levels[] = { NT_LEVEL_CONNECT, NT_LEVEL_PACKET,
                                                 NT_LEVEL_INTEGRITY, NT_LEVEL_PRIVACY };
    static const size_t cuts[] = { 4096, 1, 19, 100 };
    set_secrets();
    for (size_t t = 0; t < NT_COUNT(types); t++) {
        for (size_t l = 0; l < NT_COUNT(levels); l++) {
            if (types[t] == NT_AUTH_SCHANNEL && levels[l] < NT_LEVEL_INTEGRITY)
                continue; /* the secure channel signs or seals */
            for (size_t c = 0; c < NT_COUNT(cuts); c++) {
                static struct pair p;
                open_real(&p, types[t], levels[l], "alice", cuts[c]);
                exchange(&p);
                close_pair(&p);
            }
        }
    }
    crypto = NT_NL_STRONG;
    static struct pair p;
    open_real(&p, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, "", 4096);
    exchange(&p);
    close_pair(&p);
}

static void a_cut_at_every_position_of_a_real_bind(void **state)
{
    (void)state;
    set_secrets();
    for (size_t cut = 1; cut < 500; cut += 3) {
        static struct pair p;
        open_real(&p, NT_AUTH_SPNEGO, NT_LEVEL_PRIVACY, "alice", cut);
        settle(&p);
        assert_true(p.bound);
        call(&p, 0, "x", 1);
        settle(&p);
        assert_int_equal(p.answers, 1);
        close_pair(&p);
    }
}

static void both_ends_have_one_session_key(void **state)
{
    (void)state;
    static const enum nt_auth_type types[] = { NT_AUTH_NTLM, NT_AUTH_SPNEGO };
    set_secrets();
    for (size_t i = 0; i < NT_COUNT(types); i++) {
        static struct pair p;
        struct nt_rpc_event ev;
        const uint8_t *data;
        open_real(&p, types[i], NT_LEVEL_PRIVACY, "alice", 4096);
        settle(&p);
        call(&p, 0, "x", 1);
        size_t len = nt_rpc_client_pending(p.c, &data);
        assert_int_equal(nt_rpc_server_feed(p.s, data, len, 1000), len);
        assert_true(nt_rpc_server_next(p.s, &ev));
        assert_ptr_equal(ev.caller, &p);
        assert_non_null(ev.session_key);
        assert_true(nt_secret_equal(ev.session_key, nt_rpc_client_session_key(p.c)));
        close_pair(&p);
    }
}

static void a_wrong_password_is_refused(void **state)
{
    (void)state;
    static const enum nt_auth_type types[] = { NT_AUTH_NTLM, NT_AUTH_SPNEGO };
    for (size_t i = 0; i < NT_COUNT(types); i++) {
        static struct pair p;
        set_secrets();
        open_real(&p, types[i], NT_LEVEL_PRIVACY, "alice", 4096);
        hash.b[0] ^= 1; /* what the server knows */
        settle(&p);
        if (p.bound) {
            call(&p, 0, "x", 1);
            settle(&p);
            assert_int_equal(p.last.kind, NT_RPC_FAULT);
            assert_int_equal(p.last.fault, NT_FAULT_ACCESS_DENIED);
        } else {
            assert_true(p.failed);
        }
        assert_true(nt_rpc_server_closed(p.s, NULL));
        close_pair(&p);
    }
}

static void another_channel_key_is_noticed_at_the_first_call(void **state)
{
    (void)state;
    static struct pair p;
    set_secrets();
    open_real(&p, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, "", 4096);
    channel_key.b[3] ^= 1;
    settle(&p);
    assert_true(p.bound); /* the bind itself proves nothing, [MS-NRPC] 3.3 */
    call(&p, 0, "x", 1);
    settle(&p);
    assert_int_equal(p.last.kind, NT_RPC_FAULT);
    assert_true(nt_rpc_server_closed(p.s, NULL));
    close_pair(&p);
}

/* winbindd on REDPDC to BLUEPDC over the trust's secure channel: bind, Samba's bind_ack without the
 * last 4 bytes (not initialised there), and the first sealed request, with its verification
 * trailer. */
static const char samba_bind[] =
    "05000b07100000006400140004000000b810b810000000000100000000000100785634123412cdabef000123"
    "4567cffb01000000045d888aeb1cc9119fe808002b1048600200000044060000010000000000000003000000"
    "424c55450052454450444300";
static const char samba_ack[] =
    "05000c071000000058000c0004000000b810b8102b5200000c005c706970655c6c7361737300000001000000"
    "00000000045d888aeb1cc9119fe808002b1048600200000044060000010000000100000000000000";
static const char samba_request[] =
    "0500000310000000f80038000500000098000000000015001143a66ff1d37d52faa88625abb179af55fe5954"
    "d98da61c93591c1564ec7b4dfe9109904ce0821dced0fc3443d0afd6c56f205bde0eeda336c1377215d98879"
    "00916196f984bb13c14b230463add72d5353e30bf7331ad68a1926e196e733e3ee32fe88277c1cee0708d978"
    "c2cd1613af9fa669ab5ef1b52b89c5f07d27818d40bb38062c70450249cae121aaa5b2a790decbaca586eaf2"
    "cf3ee1a64e10309f440608000100000013001a00ffff0000b09a0d8c711fa5d84d1b76b8bee6afda0a28b7d2"
    "44978b6a000000000000000000000000000000000000000000000000";

static void the_machine_opens_what_samba_sealed(void **state)
{
    (void)state;
    static const struct nt_ndr_interface netlogon = {
        .uuid = { 0x12345678, 0x1234, 0xabcd, { 0xef, 0, 1, 0x23, 0x45, 0x67, 0xcf, 0xfb } },
        .major = 1,
    };
    static const struct nt_ndr_interface *const ifaces[] = { &netlogon };
    static struct pair p;
    uint8_t data[1024];
    struct nt_rpc_event ev;
    size_t len;
    memset(&p, 0, sizeof p);
    p.s = real_server(&p, ifaces);
    len = from_hex(samba_bind, data, sizeof data);
    assert_int_equal(nt_rpc_server_feed(p.s, data, len, 1000), len);
    assert_true(nt_rpc_server_next(p.s, &ev));
    assert_int_equal(ev.kind, NT_RPC_ASK);
    assert_string_equal(ev.question->computer, "REDPDC");
    assert_string_equal(ev.question->domain, "BLUE");
    struct nt_sec_answer a = { .status = NT_STATUS(SUCCESS), .crypto = NT_NL_AES };
    a.key.len = from_hex("483f3cb15b8780ce398258cad66ee63e", a.key.b, sizeof a.key.b);
    assert_int_equal(nt_rpc_server_answer(p.s, ev.ask_id, &a), NT_OK);
    const uint8_t *out;
    size_t sent = nt_rpc_server_pending(p.s, &out);
    uint8_t want[128];
    size_t known = from_hex(samba_ack, want, sizeof want);
    assert_int_equal(sent, known + 4);
    assert_memory_equal(out, want, known);
    nt_rpc_server_sent(p.s, sent);
    len = from_hex(samba_request, data, sizeof data);
    assert_int_equal(nt_rpc_server_feed(p.s, data, len, 1000), len);
    assert_true(nt_rpc_server_next(p.s, &ev)); /* also: the verification trailer is right */
    assert_int_equal(ev.kind, NT_RPC_CALL);
    assert_int_equal(ev.opnum, 21);
    assert_int_equal(ev.auth_level, NT_LEVEL_PRIVACY);
    assert_int_equal(nt_le32(ev.stub), 10); /* units of the server's name */
    assert_memory_equal(ev.stub + 12, "\\\0\\\0B\0L\0U\0E\0P\0D\0C\0", 18);
    nt_rpc_server_free(p.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_real_context_carries_calls_however_bytes_arrive),
        cmocka_unit_test(a_cut_at_every_position_of_a_real_bind),
        cmocka_unit_test(both_ends_have_one_session_key),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(another_channel_key_is_noticed_at_the_first_call),
        cmocka_unit_test(the_machine_opens_what_samba_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
