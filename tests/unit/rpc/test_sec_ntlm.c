#include "sec_support.h"
#include "sec_vectors.h"

static struct script script;
static const struct nt_env env = { script_now, script_random, &script };

/* A server that will give the captured CHALLENGE: same challenge, same time, same names. */
static struct nt_sec *server_like(const char *challenge_hex, const char *domain,
                                  const char *computer)
{
    struct nt_ntlm_challenge c;
    uint8_t msg[512];
    size_t n, len = from_hex(challenge_hex, msg, sizeof msg);

    assert_int_equal(nt_ntlm_challenge_read(msg, len, &c), NT_OK);
    const uint8_t *t = nt_av_find(c.target_info.data, c.target_info.len, NT_AV_TIMESTAMP, &n);
    assert_true(t != NULL && n == 8);
    script = (struct script){ .now = nt_le64(t), .len = 8 };
    memcpy(script.bytes, c.challenge, 8);
    return nt_sec_ntlm_server(
        &(struct nt_ntlm_server_config){ .domain = domain, .computer = computer, .env = &env });
}

static struct nt_secret password(const char *text)
{
    struct nt_secret hash;
    assert_int_equal(nt_owf_text(text, &hash), NT_OK);
    return hash;
}

static void a_captured_client_is_served(const char *const *tokens, const char *const *pdus,
                                        size_t pdu_count, enum nt_auth_level level)
{
    struct nt_secret hash = password("Passw0rd1");
    struct nt_sec *s = server_like(tokens[1], "BLUE", "BLUEPDC");
    struct nt_buf out = new_buf();
    struct cut c;

    assert_int_equal(step_hex(s, tokens[0], &out), NT_SEC_CONTINUE);
    assert_hex(out.data, out.len, tokens[1]); /* bit for bit */
    assert_int_equal(step_hex(s, tokens[2], &out), NT_SEC_ASK);
    const struct nt_sec_question *q = s->ops->question(s);
    assert_string_equal(q->domain, "RED");
    assert_string_equal(q->user, "root");
    assert_string_equal(q->computer, "REDPDC");
    assert_false(q->anonymous);
    assert_int_equal(answer_with(s, &hash, &out), NT_SEC_DONE);
    assert_int_equal(out.len, 0);
    assert_non_null(s->ops->session_key(s));

    /* Requests are opened; our own protection of the responses would have other bytes only if
     * the key stream were not where theirs is: open them with a context that is the client. */
    for (size_t i = 0; i < pdu_count; i += 2) {
        cut_pdu(pdus[i], &c);
        assert_int_equal(open_pdu(s, level, true, &c), NT_OK);
    }
    nt_buf_free(&out);
    end(s);
}

static void captured_sealed_requests_are_opened(void **state)
{
    (void)state;
    a_captured_client_is_served(ntlm_seal_tokens, ntlm_seal_pdus, NT_COUNT(ntlm_seal_pdus),
                                NT_LEVEL_PRIVACY);
}

static void captured_signed_requests_are_opened(void **state)
{
    (void)state;
    a_captured_client_is_served(ntlm_sign_tokens, ntlm_sign_pdus, NT_COUNT(ntlm_sign_pdus),
                                NT_LEVEL_INTEGRITY);
}

/* The captured responses come out bit for bit when their plain text is protected again. */
static void captured_signed_responses_are_made(void **state)
{
    (void)state;
    struct nt_secret hash = password("Passw0rd1");
    struct nt_sec *s = server_like(ntlm_sign_tokens[1], "BLUE", "BLUEPDC");
    struct nt_buf out = new_buf();
    struct cut c;

    assert_int_equal(step_hex(s, ntlm_sign_tokens[0], &out), NT_SEC_CONTINUE);
    assert_int_equal(step_hex(s, ntlm_sign_tokens[2], &out), NT_SEC_ASK);
    assert_int_equal(answer_with(s, &hash, &out), NT_SEC_DONE);
    for (size_t i = 1; i < NT_COUNT(ntlm_sign_pdus); i += 2) {
        uint8_t token[16];
        cut_pdu(ntlm_sign_pdus[i], &c);
        assert_int_equal(s->ops->protect(s, NT_LEVEL_INTEGRITY, true, c.head, 24, c.stub,
                                         c.stub_len, c.trailer, token),
                         NT_OK);
        assert_memory_equal(token, c.token, 16);
    }
    nt_buf_free(&out);
    end(s);
}

static void a_wrong_password_is_refused(void **state)
{
    (void)state;
    struct nt_secret hash = password("Passw0rd2");
    struct nt_sec *s = server_like(ntlm_seal_tokens[1], "BLUE", "BLUEPDC");
    struct nt_buf out = new_buf();

    assert_int_equal(step_hex(s, ntlm_seal_tokens[0], &out), NT_SEC_CONTINUE);
    assert_int_equal(step_hex(s, ntlm_seal_tokens[2], &out), NT_SEC_ASK);
    assert_int_equal(answer_with(s, &hash, &out), NT_SEC_FAILED);
    assert_int_equal(s->ops->status(s).code, 0xC000006A);
    assert_null(s->ops->session_key(s));
    assert_int_equal(step_hex(s, ntlm_seal_tokens[0], &out), NT_SEC_FAILED);
    nt_buf_free(&out);
    end(s);
}

/* Offers the AUTHENTICATE with one bit changed; the first outcome that is not asking. */
static enum nt_sec_step offer_changed(size_t bit)
{
    struct nt_secret hash = password("Passw0rd1");
    struct nt_sec *s = server_like(ntlm_seal_tokens[1], "BLUE", "BLUEPDC");
    struct nt_buf out = new_buf();
    uint8_t msg[1024];
    size_t len = from_hex(ntlm_seal_tokens[2], msg, sizeof msg);

    msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(step_hex(s, ntlm_seal_tokens[0], &out), NT_SEC_CONTINUE);
    enum nt_sec_step step = step_bytes(s, msg, len, &out);
    if (step == NT_SEC_ASK)
        step = answer_with(s, &hash, &out);
    nt_buf_free(&out);
    end(s);
    return step;
}

static void any_changed_bit_of_the_message_fails(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < strlen(ntlm_seal_tokens[2]) * 4; bit++)
        assert_int_equal(offer_changed(bit), NT_SEC_FAILED);
}

static void a_message_cut_anywhere_fails(void **state)
{
    (void)state;
    struct nt_secret hash = password("Passw0rd1");
    struct nt_buf out = new_buf();
    uint8_t msg[1024];
    size_t len = from_hex(ntlm_seal_tokens[2], msg, sizeof msg);

    for (size_t cut = 0; cut < len; cut++) {
        struct nt_sec *s = server_like(ntlm_seal_tokens[1], "BLUE", "BLUEPDC");
        assert_int_equal(step_hex(s, ntlm_seal_tokens[0], &out), NT_SEC_CONTINUE);
        enum nt_sec_step step = step_bytes(s, msg, cut, &out);
        if (step == NT_SEC_ASK)
            step = answer_with(s, &hash, &out);
        assert_int_equal(step, NT_SEC_FAILED);
        end(s);
    }
    len = from_hex(ntlm_seal_tokens[0], msg, sizeof msg);
    for (size_t cut = 0; cut < 16; cut++) {
        struct nt_sec *s = server_like(ntlm_seal_tokens[1], "BLUE", "BLUEPDC");
        assert_int_equal(step_bytes(s, msg, cut, &out), NT_SEC_FAILED);
        end(s);
    }
    nt_buf_free(&out);
}

static void an_anonymous_client_may_drop_session_security(void **state)
{
    (void)state;
    struct nt_sec *s = server_like(anonymous_tokens[1], "RED", "REDPDC");
    struct nt_buf out = new_buf();
    uint8_t head[24] = { 0 }, stub[8] = { 0 }, token[16];

    assert_int_equal(step_hex(s, anonymous_tokens[0], &out), NT_SEC_CONTINUE);
    assert_hex(out.data, out.len, anonymous_tokens[1]);
    assert_int_equal(step_hex(s, anonymous_tokens[2], &out), NT_SEC_ASK);
    const struct nt_sec_question *q = s->ops->question(s);
    assert_true(q->anonymous);
    assert_string_equal(q->user, "");
    assert_int_equal(q->nt_len, 0);
    assert_int_equal(answer_with(s, NULL, &out), NT_SEC_DONE);
    assert_non_null(s->ops->session_key(s));
    /* and then nothing can be signed */
    assert_int_equal(s->ops->protect(s, NT_LEVEL_INTEGRITY, true, head, 24, stub, 8, head, token),
                     NT_E_STATE);
    nt_buf_free(&out);
    end(s);
}

static struct nt_sec *client_of(const char *user, const char *domain, const struct nt_secret *hash,
                                bool seal)
{
    return nt_sec_ntlm_client(&(struct nt_ntlm_client_config){ .domain = domain,
                                                               .user = user,
                                                               .computer = "HERE",
                                                               .nt_hash = hash,
                                                               .seal = seal,
                                                               .env = &test_env });
}

static struct nt_sec *own_server(void)
{
    return nt_sec_ntlm_server(&(struct nt_ntlm_server_config){ .domain = "EAST",
                                                               .computer = "DC1",
                                                               .dns_domain = "east.example",
                                                               .dns_computer = "dc1.east.example",
                                                               .env = &test_env });
}

/* Runs both of our ends to the end; the server's last word. */
static enum nt_sec_step shake_hands(struct nt_sec *client, struct nt_sec *server,
                                    const struct nt_secret *hash)
{
    struct nt_buf a = new_buf(), b = new_buf();
    enum nt_sec_step step = NT_SEC_FAILED;

    if (client->ops->step(client, NULL, 0, &a) == NT_SEC_CONTINUE &&
        step_bytes(server, a.data, a.len, &b) == NT_SEC_CONTINUE &&
        step_bytes(client, b.data, b.len, &a) == NT_SEC_DONE) {
        step = step_bytes(server, a.data, a.len, &b);
        if (step == NT_SEC_ASK)
            step = answer_with(server, hash, &b);
    }
    nt_buf_free(&a);
    nt_buf_free(&b);
    return step;
}

static void our_client_and_server_understand_each_other(void **state)
{
    (void)state;
    static const enum nt_auth_level levels[] = { NT_LEVEL_PACKET, NT_LEVEL_INTEGRITY,
                                                 NT_LEVEL_PRIVACY };
    struct nt_secret hash = password("Passw0rd1");

    for (size_t i = 0; i < NT_COUNT(levels); i++) {
        struct nt_sec *client = client_of("j\xc3\xb6rg", "EAST", &hash, true);
        struct nt_sec *server = own_server();
        assert_int_equal(shake_hands(client, server, &hash), NT_SEC_DONE);
        assert_true(
            nt_secret_equal(client->ops->session_key(client), server->ops->session_key(server)));
        assert_int_equal(client->ops->token_size(client, levels[i]), 16);
        assert_int_equal(client->ops->token_size(client, NT_LEVEL_CONNECT), 0);
        for (size_t n = 0; n < 20; n++) {
            assert_true(carry(client, server, levels[i], n % 2 == 0, n * 11));
            assert_true(carry(server, client, levels[i], n % 2 == 0, n * 7));
        }
        end(client);
        end(server);
    }
}

static void an_anonymous_client_of_ours_is_let_through_to_the_question(void **state)
{
    (void)state;
    struct nt_sec *client = client_of("", "", NULL, true), *server = own_server();

    assert_int_equal(shake_hands(client, server, NULL), NT_SEC_DONE);
    assert_true(carry(client, server, NT_LEVEL_PRIVACY, true, 40));
    end(client);
    end(server);
}

static void a_context_for_signing_does_not_seal(void **state)
{
    (void)state;
    struct nt_secret hash = password("Passw0rd1");
    struct nt_sec *client = client_of("alice", "EAST", &hash, false), *server = own_server();

    assert_int_equal(shake_hands(client, server, &hash), NT_SEC_DONE);
    assert_true(carry(client, server, NT_LEVEL_INTEGRITY, true, 40));
    assert_false(carry(client, server, NT_LEVEL_PRIVACY, true, 40));
    end(client);
    end(server);
}

static void a_forged_or_replayed_pdu_is_refused(void **state)
{
    (void)state;
    struct nt_secret hash = password("Passw0rd1");
    uint8_t head[24] = { 5 }, stub[40], trailer[8] = { 10 }, token[16];

    for (int what = 0; what < 5; what++) {
        struct nt_sec *client = client_of("alice", "EAST", &hash, true), *server = own_server();
        assert_int_equal(shake_hands(client, server, &hash), NT_SEC_DONE);
        memset(stub, 7, sizeof stub);
        assert_int_equal(client->ops->protect(client, NT_LEVEL_INTEGRITY, false, head, 24, stub,
                                              sizeof stub, trailer, token),
                         NT_OK);
        if (what == 4)
            assert_int_equal(server->ops->unprotect(server, NT_LEVEL_INTEGRITY, false, head, 24,
                                                    stub, sizeof stub, trailer, token, 16),
                             NT_OK);
        uint8_t *parts[] = { head + 2, stub + 39, trailer + 1, token + 5, NULL };
        if (parts[what] != NULL)
            *parts[what] ^= 1;
        assert_int_equal(server->ops->unprotect(server, NT_LEVEL_INTEGRITY, false, head, 24, stub,
                                                sizeof stub, trailer, token, 16),
                         NT_E_AUTH);
        assert_null(server->ops->session_key(server)); /* of no use any more */
        if (parts[what] != NULL)
            *parts[what] ^= 1;
        end(client);
        end(server);
    }
}

/* Changes flags on the way in the NEGOTIATE (offset 12), CHALLENGE (20) or AUTHENTICATE (60). */
static void flags_taken_back_on_the_way_fail(void **state)
{
    (void)state;
    static const uint32_t flags[] = { NT_NTLM_UNICODE, NT_NTLM_SIGN, NT_NTLM_SEAL,
                                      NT_NTLM_ESS,     NT_NTLM_128,  NT_NTLM_KEY_EXCH };
    static const size_t at[] = { 12, 20, 60 };
    struct nt_secret hash = password("Passw0rd1");

    for (size_t i = 0; i < NT_COUNT(flags); i++) {
        for (size_t m = 0; m < 3; m++) {
            struct nt_sec *client = client_of("alice", "EAST", &hash, true), *server = own_server();
            struct nt_buf a = new_buf(), b = new_buf();
            bool ok = client->ops->step(client, NULL, 0, &a) == NT_SEC_CONTINUE;
            if (m == 0)
                nt_put_le32(a.data + at[0], nt_le32(a.data + at[0]) & ~flags[i]);
            ok = ok && step_bytes(server, a.data, a.len, &b) == NT_SEC_CONTINUE;
            if (ok && m == 1)
                nt_put_le32(b.data + at[1], nt_le32(b.data + at[1]) & ~flags[i]);
            ok = ok && step_bytes(client, b.data, b.len, &a) == NT_SEC_DONE;
            if (ok && m == 2)
                nt_put_le32(a.data + at[2], nt_le32(a.data + at[2]) & ~flags[i]);
            ok = ok && step_bytes(server, a.data, a.len, &b) == NT_SEC_ASK;
            ok = ok && answer_with(server, &hash, &b) == NT_SEC_DONE;
            assert_false(ok);
            nt_buf_free(&a);
            nt_buf_free(&b);
            end(client);
            end(server);
        }
    }
}

static void a_hostile_challenge_fails_at_our_client(void **state)
{
    (void)state;
    struct nt_secret hash = password("Passw0rd1");
    struct nt_buf out = new_buf();
    uint8_t msg[512];
    size_t len = from_hex(ntlm_seal_tokens[1], msg, sizeof msg);

    for (size_t cut = 0; cut < len; cut++) {
        struct nt_sec *client = client_of("alice", "EAST", &hash, true);
        assert_int_equal(client->ops->step(client, NULL, 0, &out), NT_SEC_CONTINUE);
        assert_int_equal(step_bytes(client, msg, cut, &out), NT_SEC_FAILED);
        end(client);
    }
    for (size_t at = 0; at < len; at++) { /* no crash; most of it cannot be noticed here */
        struct nt_sec *client = client_of("alice", "EAST", &hash, true);
        assert_int_equal(client->ops->step(client, NULL, 0, &out), NT_SEC_CONTINUE);
        msg[at] ^= 0xff;
        (void)step_bytes(client, msg, len, &out);
        msg[at] ^= 0xff;
        end(client);
    }
    nt_buf_free(&out);
}

static void an_answer_without_a_question_fails(void **state)
{
    (void)state;
    struct nt_sec *s = own_server();
    struct nt_buf out = new_buf();
    const struct nt_sec_answer a = { .status = { 0 }, .key = { .len = 16 } };

    assert_null(s->ops->question(s));
    assert_int_equal(s->ops->answer(s, &a, &out), NT_SEC_FAILED);
    nt_buf_free(&out);
    end(s);
}

/* What impacket sends: no version, no MIC, no session key asked for. */
static void a_plain_client_without_mic_is_served(void **state)
{
    (void)state;
    const uint32_t flags =
        NT_NTLM_UNICODE | NT_NTLM_NTLM | NT_NTLM_ESS | NT_NTLM_128 | NT_NTLM_SIGN | NT_NTLM_SEAL;
    struct nt_secret hash = password("Passw0rd1"), base;
    struct nt_sec *s = own_server();
    struct nt_buf out = new_buf(), msg = new_buf(), nt = new_buf();
    struct nt_ntlm_challenge c;

    nt_buf_put(&msg, "NTLMSSP\0\1\0\0\0", 12);
    nt_buf_u32le(&msg, flags);
    assert_int_equal(step_bytes(s, msg.data, msg.len, &out), NT_SEC_CONTINUE);
    assert_int_equal(nt_ntlm_challenge_read(out.data, out.len, &c), NT_OK);
    assert_int_equal(nt_ntlmv2_respond(&hash, "u", "", c.challenge, c.challenge, 1,
                                       c.target_info.data, c.target_info.len, &nt, &base),
                     NT_OK);
    nt_buf_clear(&msg);
    nt_buf_put(&msg, "NTLMSSP\0\3\0\0\0", 12);
    nt_buf_zero(&msg, 8);
    nt_buf_u16le(&msg, (uint16_t)nt.len);
    nt_buf_u16le(&msg, (uint16_t)nt.len);
    nt_buf_u32le(&msg, 66);
    nt_buf_zero(&msg, 8);
    nt_buf_u32le(&msg, 2 | 2 << 16);
    nt_buf_u32le(&msg, 64);
    nt_buf_zero(&msg, 16);
    nt_buf_u32le(&msg, flags);
    nt_buf_put(&msg, "u", 2);
    nt_buf_put(&msg, nt.data, nt.len);
    assert_int_equal(step_bytes(s, msg.data, msg.len, &out), NT_SEC_ASK);
    assert_int_equal(answer_with(s, &hash, &out), NT_SEC_DONE);
    assert_true(nt_secret_equal(s->ops->session_key(s), &base));
    nt_buf_free(&out);
    nt_buf_free(&msg);
    nt_buf_free(&nt);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_sealed_requests_are_opened),
        cmocka_unit_test(captured_signed_requests_are_opened),
        cmocka_unit_test(captured_signed_responses_are_made),
        cmocka_unit_test(a_wrong_password_is_refused),
        cmocka_unit_test(any_changed_bit_of_the_message_fails),
        cmocka_unit_test(a_message_cut_anywhere_fails),
        cmocka_unit_test(an_anonymous_client_may_drop_session_security),
        cmocka_unit_test(our_client_and_server_understand_each_other),
        cmocka_unit_test(an_anonymous_client_of_ours_is_let_through_to_the_question),
        cmocka_unit_test(a_context_for_signing_does_not_seal),
        cmocka_unit_test(a_forged_or_replayed_pdu_is_refused),
        cmocka_unit_test(flags_taken_back_on_the_way_fail),
        cmocka_unit_test(a_hostile_challenge_fails_at_our_client),
        cmocka_unit_test(an_answer_without_a_question_fails),
        cmocka_unit_test(a_plain_client_without_mic_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
