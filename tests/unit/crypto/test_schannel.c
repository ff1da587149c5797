#include "support.h"

#include "crypto/schannel.h"
#include "vectors.h"

/* A captured PDU's parts in memory. */
struct pdu {
    uint8_t head[24], trailer[8], confounder[8], stub[512], token[NT_SCHANNEL_TOKEN_MAX];
    size_t token_len;
    struct nt_schannel_msg msg;
};

static void load(const struct pdu_vector *v, bool received, struct pdu *p)
{
    memset(p, 0, sizeof *p);
    from_hex(v->head, p->head, sizeof p->head);
    from_hex(v->trailer, p->trailer, sizeof p->trailer);
    from_hex(v->confounder, p->confounder, sizeof p->confounder);
    const char *stub = received && v->cipher[0] != '\0' ? v->cipher : v->plain;
    p->msg.stub = p->stub;
    p->msg.stub_len = from_hex(stub, p->stub, sizeof p->stub);
    if (received)
        p->token_len = from_hex(v->token, p->token, sizeof p->token);
    if (v->header_signed) {
        p->msg.head = p->head;
        p->msg.head_len = sizeof p->head;
        p->msg.trailer = p->trailer;
        p->msg.trailer_len = sizeof p->trailer;
    }
}

static void start(const struct pdu_vector *v, bool initiator, struct nt_schannel *s)
{
    struct nt_secret key = secret_of(v->key);
    nt_schannel_init(s, v->crypto, &key, initiator);
    s->sequence = v->sequence;
}

static void captured_pdus_are_made_bit_for_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(pdu_vectors); i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        bool seal = v->cipher[0] != '\0';
        struct nt_schannel s;
        struct pdu p;

        start(v, v->from_client, &s);
        load(v, false, &p);
        nt_schannel_protect(&s, seal, &p.msg, p.confounder, p.token);
        assert_hex(p.token, nt_schannel_token_size(v->crypto), v->token);
        assert_hex(p.stub, p.msg.stub_len, seal ? v->cipher : v->plain);
        assert_int_equal(s.sequence, v->sequence + 1);
        nt_schannel_wipe(&s);
    }
}

static void captured_pdus_are_opened(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(pdu_vectors); i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        bool seal = v->cipher[0] != '\0';
        struct nt_schannel s;
        struct pdu p;

        start(v, !v->from_client, &s);
        load(v, true, &p);
        assert_int_equal(nt_schannel_unprotect(&s, seal, &p.msg, p.token, p.token_len), NT_OK);
        assert_hex(p.stub, p.msg.stub_len, v->plain);
        assert_int_equal(s.sequence, v->sequence + 1);

        load(v, true, &p); /* the same once more */
        assert_int_equal(nt_schannel_unprotect(&s, seal, &p.msg, p.token, p.token_len), NT_E_AUTH);
        assert_int_equal(s.sequence, v->sequence + 1);

        start(v, v->from_client, &s); /* sent back to its sender */
        load(v, true, &p);
        assert_int_equal(nt_schannel_unprotect(&s, seal, &p.msg, p.token, p.token_len), NT_E_AUTH);
    }
}

/* True when the PDU is refused after one bit was changed at `where`. */
static bool refused(const struct pdu_vector *v, size_t part, size_t bit)
{
    struct nt_schannel s;
    struct pdu p;

    start(v, !v->from_client, &s);
    load(v, true, &p);
    uint8_t *parts[] = { p.token, p.stub, p.head, p.trailer };
    parts[part][bit / 8] ^= (uint8_t)(1u << bit % 8);
    return nt_schannel_unprotect(&s, v->cipher[0] != '\0', &p.msg, p.token, p.token_len) ==
           NT_E_AUTH;
}

static void any_changed_bit_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(pdu_vectors); i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        size_t used = v->cipher[0] != '\0' ? 32 : 24;
        for (size_t bit = 0; bit < used * 8; bit++)
            assert_true(refused(v, 0, bit));
        for (size_t bit = 0; bit < strlen(v->plain) * 4; bit++)
            assert_true(refused(v, 1, bit));
        for (size_t bit = 0; v->header_signed && bit < 24 * 8; bit++)
            assert_true(refused(v, 2, bit));
        for (size_t bit = 0; v->header_signed && bit < 8 * 8; bit++)
            assert_true(refused(v, 3, bit));
    }
}

static void a_short_token_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(pdu_vectors); i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        bool seal = v->cipher[0] != '\0';
        for (size_t len = 0; len < (seal ? 32u : 24u); len++) {
            struct nt_schannel s;
            struct pdu p;
            uint8_t exact[NT_SCHANNEL_TOKEN_MAX];
            start(v, !v->from_client, &s);
            load(v, true, &p);
            memcpy(exact, p.token, sizeof exact);
            assert_int_equal(nt_schannel_unprotect(&s, seal, &p.msg, exact, len), NT_E_AUTH);
        }
    }
}

static void a_signed_message_does_not_pass_as_sealed(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(pdu_vectors); i++) {
        const struct pdu_vector *v = &pdu_vectors[i];
        struct nt_schannel s;
        struct pdu p;
        start(v, !v->from_client, &s);
        load(v, true, &p);
        assert_int_equal(
            nt_schannel_unprotect(&s, v->cipher[0] == '\0', &p.msg, p.token, p.token_len),
            NT_E_AUTH);
    }
}

static void two_ends_talk_for_long(void **state)
{
    (void)state;
    static const enum nt_nl_crypto kinds[] = { NT_NL_AES, NT_NL_STRONG, NT_NL_DES };
    struct nt_secret key = secret_of("483f3cb15b8780ce398258cad66ee63e");

    for (size_t k = 0; k < NT_COUNT(kinds); k++) {
        struct nt_schannel client, server;
        nt_schannel_init(&client, kinds[k], &key, true);
        nt_schannel_init(&server, kinds[k], &key, false);
        client.sequence = server.sequence = UINT64_C(0xfffffffe); /* over the low word's end */
        for (unsigned i = 0; i < 12; i++) {
            struct nt_schannel *from = i % 2 == 0 ? &client : &server;
            struct nt_schannel *to = i % 2 == 0 ? &server : &client;
            bool seal = i % 3 != 0;
            uint8_t confounder[8], token[NT_SCHANNEL_TOKEN_MAX], stub[100], copy[100];
            struct nt_schannel_msg msg = { .stub = stub, .stub_len = i * 7 };
            nt_random(&test_env, confounder, 8);
            nt_random(&test_env, stub, sizeof stub);
            memcpy(copy, stub, sizeof copy);
            nt_schannel_protect(from, seal, &msg, confounder, token);
            assert_int_equal(
                nt_schannel_unprotect(to, seal, &msg, token, nt_schannel_token_size(kinds[k])),
                NT_OK);
            assert_memory_equal(stub, copy, sizeof copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_pdus_are_made_bit_for_bit),
        cmocka_unit_test(captured_pdus_are_opened),
        cmocka_unit_test(any_changed_bit_is_noticed),
        cmocka_unit_test(a_short_token_is_refused),
        cmocka_unit_test(a_signed_message_does_not_pass_as_sealed),
        cmocka_unit_test(two_ends_talk_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
