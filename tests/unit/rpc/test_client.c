/* The client machine against a server made by hand, mostly a bad one. */
#include "../test.h"

#include "fixture.h"

static struct nt_rpc_client *open_client(enum nt_auth_type type)
{
    struct nt_rpc_client_config config = {
        .iface = &toy_first, .auth_type = type, .auth_level = NT_LEVEL_PRIVACY, .max_reply = 5000
    };
    if (type != NT_AUTH_NONE)
        config.sec = &toy_new(false, type == NT_AUTH_SCHANNEL ? TOY_TWO
                                     : type == NT_AUTH_NTLM   ? TOY_AUTH3
                                                              : TOY_ALTER)
                          ->base;
    struct nt_rpc_client *m = nt_rpc_client_new(&config, 1000);
    assert_non_null(m);
    return m;
}

static void drain(struct nt_rpc_client *m)
{
    const uint8_t *data;
    nt_rpc_client_sent(m, nt_rpc_client_pending(m, &data));
}

static void feed(struct nt_rpc_client *m, const struct nt_rpc_pdu *pdu)
{
    struct nt_buf b;
    nt_buf_init(&b, 1u << 20);
    nt_rpc_pdu_write(pdu, &b);
    assert_int_equal(b.err, NT_OK);
    assert_int_equal(nt_rpc_client_feed(m, b.data, b.len, 1000), b.len);
    nt_buf_free(&b);
}

static void ack(struct nt_rpc_pdu *pdu, uint8_t ptype)
{
    pdu_begin(pdu, ptype, 1);
    pdu->ack.max_xmit = pdu->ack.max_recv = 4280;
    pdu->ack.count = 1;
    pdu->ack.results[0].transfer = nt_rpc_ndr32;
}

static void expect_failed(struct nt_rpc_client *m, ntstatus status)
{
    struct nt_rpc_client_event ev;
    assert_true(nt_rpc_client_next(m, &ev));
    assert_int_equal(ev.kind, NT_RPC_FAILED);
    assert_int_equal(ev.status.code, status.code);
    assert_true(ev.why[0] != '\0');
    assert_false(nt_rpc_client_next(m, &ev));
    const uint8_t *data;
    assert_int_equal(nt_rpc_client_pending(m, &data), 0);
    assert_int_equal(nt_rpc_client_deadline(m), UINT64_MAX);
    nt_rpc_client_free(m);
    assert_int_equal(toy_live, 0);
}

static struct nt_rpc_client *bound(uint32_t *call_id)
{
    struct nt_rpc_client *m = open_client(NT_AUTH_NONE);
    struct nt_rpc_pdu pdu;
    struct nt_rpc_client_event ev;
    ack(&pdu, NT_PT_BIND_ACK);
    feed(m, &pdu);
    assert_true(nt_rpc_client_next(m, &ev));
    assert_int_equal(ev.kind, NT_RPC_BOUND);
    drain(m);
    assert_int_equal(nt_rpc_client_call(m, 3, (const uint8_t *)"q", 1, 500, 2000, call_id), NT_OK);
    drain(m);
    return m;
}

static void the_bind_stands_ready_from_the_start(void **state)
{
    (void)state;
    struct nt_rpc_client *m = open_client(NT_AUTH_NTLM);
    struct nt_rpc_pdu pdu;
    const uint8_t *data;
    size_t len = nt_rpc_client_pending(m, &data);
    assert_int_equal(nt_rpc_pdu_read(&pdu, data, len), NT_OK);
    assert_int_equal(pdu.header.ptype, NT_PT_BIND);
    assert_int_equal(pdu.header.flags, NT_PFC_FIRST | NT_PFC_LAST | NT_PFC_HEADER_SIGN);
    assert_int_equal(pdu.bind.count, 1);
    assert_true(nt_uuid_equal(&pdu.bind.elements[0].abstract.uuid, &toy_first.uuid));
    assert_int_equal(pdu.auth.level, NT_LEVEL_PRIVACY);
    assert_int_equal(pdu.auth.token_len, 5);
    assert_int_equal((pdu.auth.trailer - data) % 4, 0);
    uint32_t id;
    assert_int_equal(nt_rpc_client_call(m, 0, NULL, 0, 1, 1000, &id), NT_E_STATE);
    nt_rpc_client_free(m);
}

static void each_reason_of_a_nak_has_its_status(void **state)
{
    (void)state;
    static const struct {
        uint16_t reason;
        bool auth;
        ntstatus status;
    } rows[] = {
        { NT_NAK_NOT_SPECIFIED, true, { 0xC0000022 } },
        { NT_NAK_NOT_SPECIFIED, false, { 0xC002001D } },
        { NT_NAK_LOCAL_LIMIT, false, { 0xC000009A } },
        { NT_NAK_CONGESTION, false, { 0xC000009A } },
        { NT_NAK_VERSION, false, { 0xC00000BB } },
        { NT_NAK_AUTH_TYPE, true, { 0xC0020057 } },
        { NT_NAK_INVALID_CHECKSUM, true, { 0xC0000022 } },
        { 777, false, { 0xC002001D } },
    };
    for (size_t i = 0; i < NT_COUNT(rows); i++) {
        struct nt_rpc_client *m = open_client(rows[i].auth ? NT_AUTH_NTLM : NT_AUTH_NONE);
        struct nt_rpc_pdu pdu;
        pdu_begin(&pdu, NT_PT_BIND_NAK, 1);
        pdu.nak.reason = rows[i].reason;
        feed(m, &pdu);
        expect_failed(m, rows[i].status);
    }
}

static void acks_that_agree_on_nothing_fail(void **state)
{
    (void)state;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_client *m;

    ack(&pdu, NT_PT_BIND_ACK);
    pdu.ack.count = 0;
    m = open_client(NT_AUTH_NONE);
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));

    ack(&pdu, NT_PT_BIND_ACK);
    pdu.ack.results[0].transfer.major = 3;
    m = open_client(NT_AUTH_NONE);
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));

    ack(&pdu, NT_PT_BIND_ACK);
    pdu.ack.results[0].result = NT_RESULT_PROVIDER_REJECT;
    pdu.ack.results[0].reason = NT_REASON_TRANSFER_SYNTAX;
    m = open_client(NT_AUTH_NONE);
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(NOT_SUPPORTED));

    ack(&pdu, NT_PT_BIND_ACK);
    pdu.header.call_id = 2;
    m = open_client(NT_AUTH_NONE);
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));
}

static void a_server_that_leaves_authentication_out_is_not_trusted(void **state)
{
    (void)state;
    static const enum nt_auth_type types[] = { NT_AUTH_NTLM, NT_AUTH_SPNEGO, NT_AUTH_SCHANNEL };
    for (size_t i = 0; i < NT_COUNT(types); i++) {
        struct nt_rpc_pdu pdu;
        struct nt_rpc_client *m = open_client(types[i]);
        ack(&pdu, NT_PT_BIND_ACK);
        feed(m, &pdu);
        expect_failed(m, NT_STATUS(ACCESS_DENIED));

        m = open_client(types[i]); /* nor one that answers with nonsense */
        pdu_auth(&pdu, types[i], NT_LEVEL_PRIVACY, 1, "nonsense");
        feed(m, &pdu);
        expect_failed(m, NT_STATUS(LOGON_FAILURE));

        m = open_client(types[i]); /* nor at a lower level */
        pdu_auth(&pdu, types[i], NT_LEVEL_INTEGRITY, 1, "s-one");
        feed(m, &pdu);
        expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));
    }
}

static void a_fault_in_the_middle_of_authentication(void **state)
{
    (void)state;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_client *m = open_client(NT_AUTH_SPNEGO);
    ack(&pdu, NT_PT_BIND_ACK);
    pdu_auth(&pdu, NT_AUTH_SPNEGO, NT_LEVEL_PRIVACY, 1, "s-one");
    feed(m, &pdu);
    drain(m);
    pdu_begin(&pdu, NT_PT_FAULT, 1);
    pdu.fault.status = NT_FAULT_ACCESS_DENIED;
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(ACCESS_DENIED));
}

static void an_unprotected_response_is_not_believed(void **state)
{
    (void)state;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_client_event ev;
    uint32_t id;
    struct nt_rpc_client *m = open_client(NT_AUTH_SCHANNEL);
    ack(&pdu, NT_PT_BIND_ACK);
    pdu_auth(&pdu, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, 1, "s-one");
    feed(m, &pdu);
    assert_true(nt_rpc_client_next(m, &ev));
    assert_int_equal(ev.kind, NT_RPC_BOUND);
    assert_int_equal(nt_rpc_client_call(m, 3, NULL, 0, 500, 2000, &id), NT_OK);
    drain(m);
    pdu_begin(&pdu, NT_PT_RESPONSE, id);
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));
}

static void responses_that_answer_nothing_fail(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint32_t id;
        struct nt_rpc_pdu pdu;
        struct nt_rpc_client *m = bound(&id);
        pdu_begin(&pdu, NT_PT_RESPONSE, id);
        if (i == 0) {
            pdu.header.call_id++;
        } else if (i == 1) {
            pdu.header.flags = NT_PFC_LAST; /* nothing began */
        } else {
            pdu.header.flags = NT_PFC_FIRST;
            feed(m, &pdu);
            pdu.header.flags = i == 2 ? NT_PFC_FIRST : 0;
            pdu.header.big_endian = i == 3;
        }
        feed(m, &pdu);
        expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));
    }
}

static void a_response_beyond_the_limit_fails(void **state)
{
    (void)state;
    static uint8_t part[2000];
    uint32_t id;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_client *m = bound(&id);
    for (int i = 0; i < 3; i++) {
        pdu_begin(&pdu, NT_PT_RESPONSE, id);
        pdu.response.alloc_hint = UINT32_MAX;
        pdu.header.flags = i == 0 ? NT_PFC_FIRST : 0;
        pdu.rest = part;
        pdu.rest_len = sizeof part;
        feed(m, &pdu);
    }
    expect_failed(m, nt_status_of(NT_E_LIMIT));
}

static void garbage_and_long_pdus_fail(void **state)
{
    (void)state;
    uint32_t id;
    struct nt_rpc_client *m = open_client(NT_AUTH_NONE);
    assert_int_equal(nt_rpc_client_feed(m, (const uint8_t *)"SSH-2.0-OpenSSH_9.2", 19, 1000), 19);
    expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));

    const uint8_t head[16] = { 5, 0, NT_PT_RESPONSE, 3, 0x10, 0, 0, 0, 0xFF, 0xFF, 0, 0, 2 };
    m = bound(&id);
    assert_int_equal(nt_rpc_client_feed(m, head, sizeof head, 1000), sizeof head);
    expect_failed(m, NT_STATUS(RPC_PROTOCOL_ERROR));
}

static void every_pdu_type_in_every_state(void **state)
{
    (void)state;
    for (int where = 0; where < 3; where++) {
        for (unsigned ptype = 0; ptype < 40; ptype++) {
            uint32_t id = 1;
            struct nt_rpc_pdu pdu;
            struct nt_rpc_client *m;
            if (where == 0) {
                m = open_client(NT_AUTH_NONE);
            } else if (where == 1) {
                m = open_client(NT_AUTH_SPNEGO);
                ack(&pdu, NT_PT_BIND_ACK);
                pdu_auth(&pdu, NT_AUTH_SPNEGO, NT_LEVEL_PRIVACY, 1, "s-one");
                feed(m, &pdu);
            } else {
                m = bound(&id);
            }
            struct nt_buf b;
            nt_buf_init(&b, 4096);
            pdu_begin(&pdu, NT_PT_RESPONSE, id);
            pdu.rest = (const uint8_t[64]){ 0 };
            pdu.rest_len = 64;
            nt_rpc_pdu_write(&pdu, &b);
            b.data[2] = (uint8_t)ptype;
            assert_int_equal(nt_rpc_client_feed(m, b.data, b.len, 1000), b.len);
            nt_buf_free(&b);
            struct nt_rpc_client_event ev;
            assert_true(nt_rpc_client_next(m, &ev));
            bool good = where == 2 && (ptype == NT_PT_RESPONSE || ptype == NT_PT_FAULT);
            assert_int_equal(ev.kind != NT_RPC_FAILED, good);
            nt_rpc_client_free(m);
        }
    }
    assert_int_equal(toy_live, 0);
}

static void deadlines_of_bind_and_call(void **state)
{
    (void)state;
    uint32_t id;
    struct nt_rpc_client *m = open_client(NT_AUTH_NONE);
    assert_int_equal(nt_rpc_client_deadline(m), 11000);
    nt_rpc_client_tick(m, 11000);
    expect_failed(m, NT_STATUS(IO_TIMEOUT));

    m = bound(&id);
    assert_int_equal(nt_rpc_client_deadline(m), 2500);
    nt_rpc_client_tick(m, 2499);
    struct nt_rpc_client_event ev;
    assert_false(nt_rpc_client_next(m, &ev));
    nt_rpc_client_tick(m, 2500);
    expect_failed(m, NT_STATUS(IO_TIMEOUT));
}

static void the_end_of_the_stream_fails_what_is_in_flight(void **state)
{
    (void)state;
    uint32_t id;
    struct nt_rpc_client *m = bound(&id);
    nt_rpc_client_eof(m);
    expect_failed(m, NT_STATUS(CONNECTION_ABORTED));
    m = open_client(NT_AUTH_SCHANNEL);
    nt_rpc_client_eof(m);
    expect_failed(m, NT_STATUS(CONNECTION_ABORTED));

    m = bound(&id);
    struct nt_rpc_pdu pdu;
    pdu_begin(&pdu, NT_PT_SHUTDOWN, 0);
    feed(m, &pdu);
    expect_failed(m, NT_STATUS(CONNECTION_ABORTED));
}

static void an_answer_that_came_before_the_end_is_not_lost(void **state)
{
    (void)state;
    uint32_t id;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_client_event ev;
    struct nt_rpc_client *m = bound(&id);
    pdu_begin(&pdu, NT_PT_RESPONSE, id);
    pdu.rest = (const uint8_t *)"yes";
    pdu.rest_len = 3;
    feed(m, &pdu);
    nt_rpc_client_eof(m);
    assert_true(nt_rpc_client_next(m, &ev));
    assert_int_equal(ev.kind, NT_RPC_RESPONSE);
    assert_memory_equal(ev.stub, "yes", 3);
    expect_failed(m, NT_STATUS(CONNECTION_ABORTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bind_stands_ready_from_the_start),
        cmocka_unit_test(each_reason_of_a_nak_has_its_status),
        cmocka_unit_test(acks_that_agree_on_nothing_fail),
        cmocka_unit_test(a_server_that_leaves_authentication_out_is_not_trusted),
        cmocka_unit_test(a_fault_in_the_middle_of_authentication),
        cmocka_unit_test(an_unprotected_response_is_not_believed),
        cmocka_unit_test(responses_that_answer_nothing_fail),
        cmocka_unit_test(a_response_beyond_the_limit_fails),
        cmocka_unit_test(garbage_and_long_pdus_fail),
        cmocka_unit_test(every_pdu_type_in_every_state),
        cmocka_unit_test(deadlines_of_bind_and_call),
        cmocka_unit_test(the_end_of_the_stream_fails_what_is_in_flight),
        cmocka_unit_test(an_answer_that_came_before_the_end_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
