#include "sec_support.h"
#include "sec_vectors.h"

#include "../crypto/vectors.h"

/* A server context bound by the captured token, its channel's key given. */
static struct nt_sec *bound_server(const char *key, enum nt_nl_crypto crypto)
{
    struct nt_sec *s = nt_sec_schannel_server(&test_env);
    struct nt_sec_answer a = { .status = NT_STATUS(SUCCESS), .crypto = crypto };
    struct nt_buf out = new_buf();

    a.key = secret_of(key);
    assert_int_equal(step_hex(s, schannel_tokens[0], &out), NT_SEC_ASK);
    const struct nt_sec_question *q = s->ops->question(s);
    assert_int_equal(q->type, NT_AUTH_SCHANNEL);
    assert_string_equal(q->domain, "BLUE");
    assert_string_equal(q->computer, "REDPDC");
    assert_int_equal(s->ops->answer(s, &a, &out), NT_SEC_DONE);
    assert_int_equal(out.len, 12);
    assert_hex(out.data, 8, "0100000000000000");
    nt_buf_free(&out);
    return s;
}

static struct nt_sec *bound_client(const char *key, enum nt_nl_crypto crypto)
{
    struct nt_secret k = secret_of(key);
    struct nt_sec *s = nt_sec_schannel_client(&(struct nt_schannel_client_config){
        .domain = "BLUE", .computer = "REDPDC", .key = &k, .crypto = crypto, .env = &test_env });
    struct nt_buf out = new_buf();

    assert_int_equal(s->ops->step(s, NULL, 0, &out), NT_SEC_CONTINUE);
    assert_hex(out.data, out.len, schannel_tokens[0]);
    assert_int_equal(step_hex(s, schannel_tokens[1], &out), NT_SEC_DONE);
    nt_buf_free(&out);
    return s;
}

/* The four PDUs of one captured channel in their order, each at the end that received it. */
static void a_captured_channel_is_followed(void **state)
{
    (void)state;
    struct nt_sec *server = bound_server(pdu_vectors[0].key, NT_NL_AES);
    struct nt_sec *client = bound_client(pdu_vectors[0].key, NT_NL_AES);

    for (size_t i = 0; i < 4; i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        struct nt_sec *to = v->from_client ? server : client;
        struct nt_sec *from = v->from_client ? client : server;
        uint8_t head[24], trailer[8], stub[512], token[56], own[512], own_token[56];
        from_hex(v->head, head, 24);
        from_hex(v->trailer, trailer, 8);
        size_t len = from_hex(v->cipher, stub, sizeof stub);
        from_hex(v->token, token, 56);
        assert_int_equal(
            to->ops->unprotect(to, NT_LEVEL_PRIVACY, true, head, 24, stub, len, trailer, token, 56),
            NT_OK);
        assert_hex(stub, len, v->plain);
        /* The sender's counter goes along; its confounder is its own. */
        from_hex(v->plain, own, sizeof own);
        assert_int_equal(from->ops->protect(from, NT_LEVEL_PRIVACY, true, head, 24, own, len,
                                            trailer, own_token),
                         NT_OK);
    }
    assert_hex(server->ops->session_key(server)->b, 16, pdu_vectors[0].key);
    end(server);
    end(client);
}

static void a_signed_pdu_is_followed(void **state)
{
    (void)state;
    const struct pdu_vector *v = &pdu_vectors[4];
    struct nt_sec *server = bound_server(v->key, NT_NL_AES);
    uint8_t head[24], trailer[8], stub[512], token[56];

    from_hex(v->head, head, 24);
    from_hex(v->trailer, trailer, 8);
    size_t len = from_hex(v->plain, stub, sizeof stub);
    from_hex(v->token, token, 56);
    assert_int_equal(server->ops->unprotect(server, NT_LEVEL_INTEGRITY, true, head, 24, stub, len,
                                            trailer, token, 56),
                     NT_OK);
    end(server);
}

/* RC4 and DES channels of a client that negotiates no header signing. */
static void older_channels_are_followed(void **state)
{
    (void)state;
    for (size_t i = 5; i < NT_COUNT(pdu_vectors); i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        if (v->sequence != 0)
            continue;
        struct nt_sec *server = bound_server(v->key, v->crypto);
        uint8_t head[24], trailer[8], stub[512], token[56];
        from_hex(v->head, head, 24);
        from_hex(v->trailer, trailer, 8);
        size_t len = from_hex(v->cipher, stub, sizeof stub);
        size_t token_len = from_hex(v->token, token, sizeof token);
        assert_int_equal(server->ops->token_size(server, NT_LEVEL_PRIVACY), token_len);
        assert_int_equal(server->ops->unprotect(server, NT_LEVEL_PRIVACY, false, head, 24, stub,
                                                len, trailer, token, token_len),
                         NT_OK);
        assert_hex(stub, len, v->plain);
        end(server);
    }
}

static void our_ends_understand_each_other(void **state)
{
    (void)state;
    static const enum nt_nl_crypto kinds[] = { NT_NL_AES, NT_NL_STRONG, NT_NL_DES };
    static const enum nt_auth_level levels[] = { NT_LEVEL_INTEGRITY, NT_LEVEL_PRIVACY,
                                                 NT_LEVEL_PACKET };

    for (size_t k = 0; k < NT_COUNT(kinds); k++) {
        struct nt_sec *server = bound_server(pdu_vectors[0].key, kinds[k]);
        struct nt_sec *client = bound_client(pdu_vectors[0].key, kinds[k]);
        for (size_t i = 0; i < 12; i++) {
            assert_true(carry(client, server, levels[i % 3], i % 2 == 0, i * 17));
            assert_true(carry(server, client, levels[i % 3], i % 2 == 0, i * 13));
        }
        assert_int_equal(client->ops->token_size(client, NT_LEVEL_CONNECT), 0);
        end(server);
        end(client);
    }
}

static void another_key_or_a_lost_message_is_noticed(void **state)
{
    (void)state;
    struct nt_sec *server = bound_server(pdu_vectors[0].key, NT_NL_AES);
    struct nt_sec *other = bound_client(pdu_vectors[4].key, NT_NL_AES);
    struct nt_sec *client = bound_client(pdu_vectors[0].key, NT_NL_AES);
    uint8_t head[24] = { 0 }, stub[8] = { 0 }, token[56];

    assert_false(carry(other, server, NT_LEVEL_PRIVACY, true, 64));
    assert_int_equal(
        client->ops->protect(client, NT_LEVEL_PRIVACY, true, head, 24, stub, 8, head, token),
        NT_OK); /* lost */
    assert_false(carry(client, server, NT_LEVEL_PRIVACY, true, 64));
    end(server);
    end(other);
    end(client);
}

static void an_unknown_channel_is_refused(void **state)
{
    (void)state;
    struct nt_sec *s = nt_sec_schannel_server(&test_env);
    const struct nt_sec_answer a = { .status = NT_STATUS(ACCESS_DENIED) };
    struct nt_buf out = new_buf();
    uint8_t head[24] = { 0 }, stub[8] = { 0 }, token[56] = { 0 };

    assert_int_equal(s->ops->protect(s, NT_LEVEL_PRIVACY, true, head, 24, stub, 8, head, token),
                     NT_E_STATE);
    assert_int_equal(
        s->ops->unprotect(s, NT_LEVEL_PRIVACY, true, head, 24, stub, 8, head, token, 56),
        NT_E_STATE);
    assert_int_equal(step_hex(s, schannel_tokens[0], &out), NT_SEC_ASK);
    assert_int_equal(s->ops->answer(s, &a, &out), NT_SEC_FAILED);
    assert_true(nt_status_is(s->ops->status(s), NT_STATUS(ACCESS_DENIED)));
    assert_null(s->ops->session_key(s));
    nt_buf_free(&out);
    end(s);
}

static void every_kind_of_name_is_read_back(void **state)
{
    (void)state;
    struct nt_buf out = new_buf();

    for (uint32_t flags = 0; flags <= 0x1f; flags++) {
        struct nt_nl_auth in = { .type = NT_NL_AUTH_REQUEST, .flags = flags }, back;
        strcpy(in.domain, "BLUE");
        strcpy(in.computer, "REDPDC");
        strcpy(in.dns_domain, "blue.example");
        strcpy(in.dns_host, "redpdc.red.example");
        strcpy(in.computer_utf8, "R\xc3\x84"
                                 "DPDC");
        nt_buf_clear(&out);
        assert_int_equal(nt_nl_auth_write(&in, &out), NT_OK);
        assert_int_equal(nt_nl_auth_read(out.data, out.len, &back), NT_OK);
        assert_string_equal(back.domain, flags & 1 ? in.domain : "");
        assert_string_equal(back.computer, flags & 2 ? in.computer : "");
        assert_string_equal(back.dns_domain, flags & 4 ? in.dns_domain : "");
        assert_string_equal(back.dns_host, flags & 8 ? in.dns_host : "");
        assert_string_equal(back.computer_utf8, flags & 16 ? in.computer_utf8 : "");
        for (size_t cut = 0; flags != 0 && cut < out.len; cut++) {
            uint8_t *exact = malloc(cut + 1);
            assert_non_null(exact);
            memcpy(exact, out.data, cut);
            assert_int_equal(nt_nl_auth_read(exact, cut, &back), NT_E_TRUNCATED);
            free(exact);
        }
    }
    nt_buf_free(&out);
}

/* Flags 0x13: the computer's name in both forms, the UTF-8 one behind. */
static void impacket_s_token_names_its_computer_twice(void **state)
{
    (void)state;
    struct nt_sec *s = nt_sec_schannel_server(&test_env);
    struct nt_buf out = new_buf();

    assert_int_equal(step_hex(s, "000000001300000052454400494d5057530005494d50575300", &out),
                     NT_SEC_ASK);
    assert_string_equal(s->ops->question(s)->domain, "RED");
    assert_string_equal(s->ops->question(s)->computer, "IMPWS");
    nt_buf_free(&out);
    end(s);
}

static void a_compressed_name_points_backwards_only(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum nt_err err;
        const char *host;
    } cases[] = {
        /* domain "a.bc" at 8, host "h" + pointer to it */
        { "000000000c000000"
          "016102626300"
          "0168c008",
          NT_OK, "h.a.bc" },
        { "000000000c000000"
          "016102626300"
          "c00a",
          NT_OK, "bc" },
        { "0000000008000000"
          "c008",
          NT_E_MALFORMED, "" }, /* to itself */
        { "0000000008000000"
          "0161c008",
          NT_E_MALFORMED, "" }, /* into itself */
        { "0000000008000000"
          "c00a0161c008",
          NT_E_MALFORMED, "" }, /* forwards */
        { "0000000008000000"
          "c0ff",
          NT_E_MALFORMED, "" }, /* past the end */
        { "0000000008000000"
          "c0",
          NT_E_TRUNCATED, "" },
        { "0000000008000000"
          "40",
          NT_E_TRUNCATED, "" },
        { "0000000008000000"
          "01ff00",
          NT_E_MALFORMED, "" }, /* not UTF-8 */
        { "0000000008000000"
          "010000",
          NT_E_MALFORMED, "" }, /* a NUL inside */
        { "0000000020000000", NT_E_MALFORMED, "" },
        { "0200000000000000", NT_E_MALFORMED, "" },
    };

    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct nt_nl_auth m;
        uint8_t data[64];
        size_t len = from_hex(cases[i].hex, data, sizeof data);
        assert_int_equal(nt_nl_auth_read(data, len, &m), cases[i].err);
        assert_string_equal(m.dns_host, cases[i].host);
    }
}

static void names_without_end_are_refused(void **state)
{
    (void)state;
    struct nt_nl_auth m = { .flags = NT_NL_AUTH_DNS_HOST };
    struct nt_buf out = new_buf();
    uint8_t data[1024];

    memset(data, 'A', sizeof data);
    memset(data, 0, 8);
    data[4] = NT_NL_AUTH_COMPUTER;
    assert_int_equal(nt_nl_auth_read(data, sizeof data, &m), NT_E_MALFORMED);
    for (size_t i = 8; i < sizeof data; i++)
        data[i] = (uint8_t)(i % 2 == 0 ? 1 : 'a');
    data[4] = NT_NL_AUTH_DNS_HOST;
    assert_int_equal(nt_nl_auth_read(data, sizeof data, &m), NT_E_MALFORMED);

    m = (struct nt_nl_auth){ .flags = NT_NL_AUTH_DNS_HOST, .dns_host = "a..b" };
    assert_int_equal(nt_nl_auth_write(&m, &out), NT_E_INVALID);
    nt_buf_free(&out);
}

static void a_channel_without_owner_is_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = { "0000000000000000",
                                          "0000000001000000424c554500",
                                          "000000000200000000",
                                          "0100000000000000",
                                          "",
                                          "00000000ffffffff41004100" };
    for (size_t i = 0; i < NT_COUNT(tokens); i++) {
        struct nt_sec *s = nt_sec_schannel_server(&test_env);
        struct nt_buf out = new_buf();
        assert_int_equal(step_hex(s, tokens[i], &out), NT_SEC_FAILED);
        nt_buf_free(&out);
        end(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_captured_channel_is_followed),
        cmocka_unit_test(a_signed_pdu_is_followed),
        cmocka_unit_test(older_channels_are_followed),
        cmocka_unit_test(our_ends_understand_each_other),
        cmocka_unit_test(another_key_or_a_lost_message_is_noticed),
        cmocka_unit_test(an_unknown_channel_is_refused),
        cmocka_unit_test(every_kind_of_name_is_read_back),
        cmocka_unit_test(impacket_s_token_names_its_computer_twice),
        cmocka_unit_test(a_compressed_name_points_backwards_only),
        cmocka_unit_test(names_without_end_are_refused),
        cmocka_unit_test(a_channel_without_owner_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
