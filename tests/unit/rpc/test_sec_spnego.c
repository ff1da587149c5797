#include "sec_support.h"
#include "sec_vectors.h"

static struct script script;
static const struct nt_env env = { script_now, script_random, &script };

static struct nt_secret password(void)
{
    struct nt_secret hash;
    assert_int_equal(nt_owf_text("Passw0rd1", &hash), NT_OK);
    return hash;
}

/* BLUEPDC as it was when the capture was made. */
static struct nt_sec *captured_server(void)
{
    struct nt_spnego_msg m;
    struct nt_ntlm_challenge c;
    uint8_t data[512];
    size_t n;

    assert_int_equal(nt_spnego_read(data, from_hex(spnego_tokens[1], data, sizeof data), &m),
                     NT_OK);
    assert_int_equal(nt_ntlm_challenge_read(m.token.data, m.token.len, &c), NT_OK);
    const uint8_t *t = nt_av_find(c.target_info.data, c.target_info.len, NT_AV_TIMESTAMP, &n);
    assert_true(t != NULL && n == 8);
    script = (struct script){ .now = nt_le64(t), .len = 8 };
    memcpy(script.bytes, c.challenge, 8);
    return nt_sec_spnego_server(nt_sec_ntlm_server(
        &(struct nt_ntlm_server_config){ .domain = "BLUE", .computer = "BLUEPDC", .env = &env }));
}

static void a_captured_exchange_is_reproduced(void **state)
{
    (void)state;
    struct nt_secret hash = password();
    struct nt_sec *s = captured_server();
    struct nt_buf out = new_buf();
    struct cut c;

    assert_int_equal(step_hex(s, spnego_tokens[0], &out), NT_SEC_CONTINUE);
    assert_hex(out.data, out.len, spnego_tokens[1]);
    assert_int_equal(step_hex(s, spnego_tokens[2], &out), NT_SEC_ASK);
    assert_string_equal(s->ops->question(s)->user, "bob");
    assert_int_equal(answer_with(s, &hash, &out), NT_SEC_DONE);
    assert_hex(out.data, out.len, spnego_tokens[3]); /* our mechListMIC is theirs */

    /* The key stream starts again behind the MICs, the sequence numbers do not. */
    for (size_t i = 0; i < NT_COUNT(spnego_pdus); i += 2) {
        cut_pdu(spnego_pdus[i], &c);
        assert_int_equal(open_pdu(s, NT_LEVEL_PRIVACY, true, &c), NT_OK);
    }
    nt_buf_free(&out);
    end(s);
}

static void any_changed_bit_of_the_last_token_fails(void **state)
{
    (void)state;
    struct nt_secret hash = password();
    struct nt_buf out = new_buf();
    uint8_t data[1024];
    size_t len = from_hex(spnego_tokens[2], data, sizeof data);

    for (size_t bit = 0; bit < len * 8; bit++) {
        struct nt_sec *s = captured_server();
        assert_int_equal(step_hex(s, spnego_tokens[0], &out), NT_SEC_CONTINUE);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum nt_sec_step step = step_bytes(s, data, len, &out);
        if (step == NT_SEC_ASK)
            step = answer_with(s, &hash, &out);
        assert_int_equal(step, NT_SEC_FAILED);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        end(s);
    }
    nt_buf_free(&out);
}

static void tokens_cut_anywhere_fail(void **state)
{
    (void)state;
    struct nt_buf out = new_buf();
    uint8_t data[1024];

    size_t len = from_hex(spnego_tokens[0], data, sizeof data);
    for (size_t cut = 0; cut < len; cut++) {
        struct nt_sec *s = captured_server();
        assert_int_equal(step_bytes(s, data, cut, &out), NT_SEC_FAILED);
        end(s);
    }
    len = from_hex(spnego_tokens[2], data, sizeof data);
    for (size_t cut = 0; cut < len; cut++) {
        struct nt_sec *s = captured_server();
        assert_int_equal(step_hex(s, spnego_tokens[0], &out), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(s, data, cut, &out), NT_SEC_FAILED);
        end(s);
    }
    nt_buf_free(&out);
}

static struct nt_sec *own_client(const struct nt_secret *hash)
{
    return nt_sec_spnego_client(
        nt_sec_ntlm_client(&(struct nt_ntlm_client_config){ .domain = "EAST",
                                                            .user = hash != NULL ? "alice" : "",
                                                            .computer = "HERE",
                                                            .nt_hash = hash,
                                                            .seal = true,
                                                            .env = &test_env }));
}

static struct nt_sec *own_server(void)
{
    return nt_sec_spnego_server(nt_sec_ntlm_server(
        &(struct nt_ntlm_server_config){ .domain = "EAST", .computer = "DC1", .env = &test_env }));
}

static void our_client_and_server_understand_each_other(void **state)
{
    (void)state;
    struct nt_secret hash = password();
    const struct nt_secret *who[] = { &hash, NULL };

    for (size_t i = 0; i < 2; i++) {
        struct nt_sec *client = own_client(who[i]), *server = own_server();
        struct nt_buf a = new_buf(), b = new_buf();
        assert_int_equal(client->ops->step(client, NULL, 0, &a), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(server, a.data, a.len, &b), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(client, b.data, b.len, &a), NT_SEC_CONTINUE);
        assert_null(client->ops->session_key(client)); /* not before the server's last word */
        assert_int_equal(step_bytes(server, a.data, a.len, &b), NT_SEC_ASK);
        assert_int_equal(answer_with(server, &hash, &b), NT_SEC_DONE);
        assert_int_equal(step_bytes(client, b.data, b.len, &a), NT_SEC_DONE);
        assert_true(
            nt_secret_equal(client->ops->session_key(client), server->ops->session_key(server)));
        for (size_t n = 0; n < 10; n++) {
            assert_true(carry(client, server, NT_LEVEL_PRIVACY, true, n * 11));
            assert_true(carry(server, client, NT_LEVEL_INTEGRITY, true, n * 7));
        }
        nt_buf_free(&a);
        nt_buf_free(&b);
        end(client);
        end(server);
    }
}

static void our_client_refuses_a_forged_last_word(void **state)
{
    (void)state;
    struct nt_secret hash = password();

    for (int what = 0; what < 3; what++) {
        struct nt_sec *client = own_client(&hash), *server = own_server();
        struct nt_buf a = new_buf(), b = new_buf();
        assert_int_equal(client->ops->step(client, NULL, 0, &a), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(server, a.data, a.len, &b), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(client, b.data, b.len, &a), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(server, a.data, a.len, &b), NT_SEC_ASK);
        assert_int_equal(answer_with(server, &hash, &b), NT_SEC_DONE);
        size_t at[] = { b.len - 1, 8, 0 }; /* the MIC; negState; the outer tag */
        b.data[at[what]] ^= 1;
        assert_int_equal(step_bytes(client, b.data, b.len, &a), NT_SEC_FAILED);
        nt_buf_free(&a);
        nt_buf_free(&b);
        end(client);
        end(server);
    }
}

/* MechTypeList { Kerberos, NTLMSSP } */
static const char kerberos_first[] = "3017"
                                     "06092a864886f712010202"
                                     "060a2b06010401823702020a";

/* A NegTokenInit with that list and a token that is not for us. */
static void put_kerberos_first(struct nt_buf *b)
{
    uint8_t list[64];
    size_t n = from_hex(kerberos_first, list, sizeof list);

    nt_buf_u8(b, 0x60);
    nt_buf_u8(b, (uint8_t)(8 + 4 + 2 + n + 8));
    nt_buf_put(b, "\x06\x06\x2b\x06\x01\x05\x05\x02", 8);
    nt_buf_u8(b, 0xa0);
    nt_buf_u8(b, (uint8_t)(2 + 2 + n + 8));
    nt_buf_u8(b, 0x30);
    nt_buf_u8(b, (uint8_t)(2 + n + 8));
    nt_buf_u8(b, 0xa0);
    nt_buf_u8(b, (uint8_t)n);
    nt_buf_put(b, list, n);
    nt_buf_put(b, "\xa2\x06\x04\x04krb5", 8);
}

/* Plays such a client with our raw NTLMSSP client inside. */
static enum nt_sec_step prefer_kerberos(bool send_mic, bool true_list)
{
    struct nt_secret hash = password();
    struct nt_sec *server = own_server();
    struct nt_sec *ntlm = nt_sec_ntlm_client(&(struct nt_ntlm_client_config){ .domain = "EAST",
                                                                              .user = "alice",
                                                                              .computer = "HERE",
                                                                              .nt_hash = &hash,
                                                                              .seal = true,
                                                                              .env = &test_env });
    struct nt_buf msg = new_buf(), out = new_buf(), token = new_buf();
    struct nt_spnego_bytes none = { NULL, 0 };
    struct nt_spnego_msg m;
    uint8_t list[64], mic[16];
    size_t n = from_hex(kerberos_first, list, sizeof list);

    put_kerberos_first(&msg);
    assert_int_equal(step_bytes(server, msg.data, msg.len, &out), NT_SEC_CONTINUE);
    assert_int_equal(nt_spnego_read(out.data, out.len, &m), NT_OK);
    assert_int_equal(m.state, NT_SPNEGO_REQUEST_MIC);
    assert_true(m.mech_is_ntlm);
    assert_null(m.token.data);

    assert_int_equal(ntlm->ops->step(ntlm, NULL, 0, &token), NT_SEC_CONTINUE);
    nt_buf_clear(&msg);
    nt_spnego_resp_write(&msg, NT_SPNEGO_NO_STATE, false,
                         (struct nt_spnego_bytes){ token.data, token.len }, none);
    assert_int_equal(step_bytes(server, msg.data, msg.len, &out), NT_SEC_CONTINUE);
    assert_int_equal(nt_spnego_read(out.data, out.len, &m), NT_OK);
    assert_int_equal(step_bytes(ntlm, m.token.data, m.token.len, &token), NT_SEC_DONE);
    if (!true_list)
        list[12] ^= 1;
    nt_sec_ntlm_mic(ntlm, list, n, mic);
    nt_buf_clear(&msg);
    nt_spnego_resp_write(&msg, NT_SPNEGO_NO_STATE, false,
                         (struct nt_spnego_bytes){ token.data, token.len },
                         send_mic ? (struct nt_spnego_bytes){ mic, 16 } : none);
    assert_int_equal(step_bytes(server, msg.data, msg.len, &out), NT_SEC_ASK);
    enum nt_sec_step step = answer_with(server, &hash, &out);
    nt_buf_free(&msg);
    nt_buf_free(&out);
    nt_buf_free(&token);
    end(ntlm);
    end(server);
    return step;
}

static void kerberos_first_gets_ntlmssp_with_a_mic(void **state)
{
    (void)state;
    assert_int_equal(prefer_kerberos(true, true), NT_SEC_DONE);
    assert_int_equal(prefer_kerberos(true, false), NT_SEC_FAILED); /* another list was signed */
    assert_int_equal(prefer_kerberos(false, true), NT_SEC_FAILED);
}

static void a_client_without_ntlmssp_is_refused(void **state)
{
    (void)state;
    /* MechTypeList { Kerberos } */
    static const char only[] = "601f06062b0601050502a0153013a00d300b06092a864886f712010202"
                               "a2020400";
    struct nt_sec *s = own_server();
    struct nt_buf out = new_buf();

    assert_int_equal(step_hex(s, only, &out), NT_SEC_FAILED);
    assert_true(nt_status_is(s->ops->status(s), NT_STATUS(NOT_SUPPORTED)));
    nt_buf_free(&out);
    end(s);
}

static void ntlmssp_without_a_wrapper_is_served(void **state)
{
    (void)state;
    struct nt_secret hash = password();
    struct nt_sec *server = own_server();
    struct nt_sec *client = nt_sec_ntlm_client(&(struct nt_ntlm_client_config){ .domain = "EAST",
                                                                                .user = "alice",
                                                                                .computer = "HERE",
                                                                                .nt_hash = &hash,
                                                                                .seal = true,
                                                                                .env = &test_env });
    struct nt_buf a = new_buf(), b = new_buf();

    assert_int_equal(client->ops->step(client, NULL, 0, &a), NT_SEC_CONTINUE);
    assert_int_equal(step_bytes(server, a.data, a.len, &b), NT_SEC_CONTINUE);
    assert_int_equal(step_bytes(client, b.data, b.len, &a), NT_SEC_DONE);
    assert_int_equal(step_bytes(server, a.data, a.len, &b), NT_SEC_ASK);
    assert_int_equal(answer_with(server, &hash, &b), NT_SEC_DONE);
    assert_int_equal(b.len, 0);
    assert_true(carry(client, server, NT_LEVEL_PRIVACY, true, 60));
    nt_buf_free(&a);
    nt_buf_free(&b);
    end(client);
    end(server);
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum nt_err err;
    } cases[] = {
        { "", NT_E_MALFORMED },
        { "a1", NT_E_TRUNCATED },
        { "a180", NT_E_MALFORMED },         /* indefinite */
        { "a184ffffffff", NT_E_MALFORMED }, /* more than three bytes of length */
        { "a183ffffff", NT_E_TRUNCATED },
        { "a1023000", NT_OK },
        { "a10430020400", NT_E_MALFORMED }, /* an unknown field */
        { "a102300000", NT_E_MALFORMED },   /* something behind */
        { "a1073005a0030a0101", NT_OK },
        { "a1083006a0040a020101", NT_E_MALFORMED }, /* a state of two bytes */
        { "a1073005a0030a0201", NT_E_TRUNCATED },
        { "60023000", NT_E_MALFORMED },
    };

    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct nt_spnego_msg m;
        uint8_t data[64];
        size_t len = from_hex(cases[i].hex, data, sizeof data);
        enum nt_err err = nt_spnego_read(data, len, &m);
        if (cases[i].hex[0] == '\0')
            assert_int_not_equal(err, NT_OK);
        else
            assert_int_equal(err, cases[i].err);
    }
}

static void long_tokens_keep_their_length(void **state)
{
    (void)state;
    static uint8_t token[20000];
    static const size_t lens[] = { 0, 1, 100, 127, 128, 255, 256, 5000, 20000 };
    struct nt_buf b = new_buf();

    for (size_t i = 0; i < NT_COUNT(lens); i++) {
        struct nt_spnego_msg m;
        nt_buf_clear(&b);
        nt_spnego_init_write(&b, token, lens[i]);
        assert_int_equal(b.err, NT_OK);
        assert_int_equal(nt_spnego_read(b.data, b.len, &m), NT_OK);
        assert_true(m.init && m.ntlm_preferred && m.token.data != NULL);
        assert_int_equal(m.token.len, lens[i]);
        nt_buf_clear(&b);
        nt_spnego_resp_write(&b, NT_SPNEGO_INCOMPLETE, true,
                             (struct nt_spnego_bytes){ token, lens[i] },
                             (struct nt_spnego_bytes){ token, 16 });
        assert_int_equal(nt_spnego_read(b.data, b.len, &m), NT_OK);
        assert_true(!m.init && m.mech_is_ntlm && m.state == NT_SPNEGO_INCOMPLETE);
        assert_int_equal(m.token.len, lens[i]);
        assert_int_equal(m.mic.len, 16);
    }
    nt_buf_free(&b);
}

static void too_many_mechanisms_are_refused(void **state)
{
    (void)state;
    struct nt_buf b = new_buf();
    struct nt_spnego_msg m;
    const size_t n = NT_SPNEGO_MAX_MECHS + 1;

    nt_buf_put(&b, "\x60", 1);
    nt_buf_u8(&b, (uint8_t)(8 + 6 + 2 + n * 3));
    nt_buf_put(&b, "\x06\x06\x2b\x06\x01\x05\x05\x02", 8);
    for (size_t i = 0; i < 4; i++) {
        nt_buf_u8(&b, i % 2 == 0 ? 0xa0 : 0x30);
        nt_buf_u8(&b, (uint8_t)((3 - i) * 2 + n * 3));
    }
    for (size_t i = 0; i < n; i++)
        nt_buf_put(&b, "\x06\x01\x2a", 3);
    assert_int_equal(nt_spnego_read(b.data, b.len, &m), NT_E_LIMIT);
    nt_buf_free(&b);
}

static void only_ntlmssp_goes_inside(void **state)
{
    (void)state;
    assert_null(nt_sec_spnego_server(NULL));
    assert_null(nt_sec_spnego_server(nt_sec_schannel_server(&test_env))); /* freed, too */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_captured_exchange_is_reproduced),
        cmocka_unit_test(any_changed_bit_of_the_last_token_fails),
        cmocka_unit_test(tokens_cut_anywhere_fail),
        cmocka_unit_test(our_client_and_server_understand_each_other),
        cmocka_unit_test(our_client_refuses_a_forged_last_word),
        cmocka_unit_test(kerberos_first_gets_ntlmssp_with_a_mic),
        cmocka_unit_test(a_client_without_ntlmssp_is_refused),
        cmocka_unit_test(ntlmssp_without_a_wrapper_is_served),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(long_tokens_keep_their_length),
        cmocka_unit_test(too_many_mechanisms_are_refused),
        cmocka_unit_test(only_ntlmssp_goes_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
