/* The server machine against PDUs made by hand. */
#include "../test.h"

#include "fixture.h"
#include "rpc/rpc_internal.h"

struct peer {
    struct toy_owner owner;
    struct nt_rpc_server *m;
    uint8_t got[70000]; /* the PDU that take() gave last */
};

static void open_peer(struct peer *p, const struct nt_rpc_limits *limits)
{
    memset(p, 0, sizeof *p);
    p->m = toy_server(&p->owner, limits);
}

static void close_peer(struct peer *p)
{
    nt_rpc_server_free(p->m);
    assert_int_equal(p->owner.callers, 0);
    assert_int_equal(toy_live, 0);
}

static void feed(struct peer *p, const struct nt_rpc_pdu *pdu)
{
    struct nt_buf b;
    nt_buf_init(&b, 1u << 20);
    nt_rpc_pdu_write(pdu, &b);
    assert_int_equal(b.err, NT_OK);
    assert_int_equal(nt_rpc_server_feed(p->m, b.data, b.len, 1000), b.len);
    nt_buf_free(&b);
}

/* The next PDU that the server sends. */
static bool take(struct peer *p, struct nt_rpc_pdu *pdu)
{
    const uint8_t *data;
    size_t len = nt_rpc_server_pending(p->m, &data);
    if (len < NT_RPC_HEADER_LEN)
        return false;
    size_t frag = nt_le16(data + 8);
    assert_true(frag <= len && frag <= sizeof p->got);
    memcpy(p->got, data, frag);
    nt_rpc_server_sent(p->m, frag);
    assert_int_equal(nt_rpc_pdu_read(pdu, p->got, frag), NT_OK);
    return true;
}

static bool closed(struct peer *p)
{
    const char *why;
    return nt_rpc_server_closed(p->m, &why);
}

static void bind_plain(struct peer *p)
{
    struct nt_rpc_pdu pdu;
    pdu_bind(&pdu, NT_PT_BIND, 1);
    feed(p, &pdu);
    assert_true(take(p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_BIND_ACK);
}

static void request(struct nt_rpc_pdu *pdu, uint32_t call_id, uint16_t context, uint16_t opnum,
                    const char *stub)
{
    pdu_begin(pdu, NT_PT_REQUEST, call_id);
    pdu->request.context_id = context;
    pdu->request.opnum = opnum;
    pdu->rest = (const uint8_t *)stub;
    pdu->rest_len = strlen(stub);
}

static void expect_fault(struct peer *p, uint32_t call_id, uint32_t status)
{
    struct nt_rpc_pdu pdu;
    assert_true(take(p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_FAULT);
    assert_int_equal(pdu.header.call_id, call_id);
    assert_int_equal(pdu.fault.status, status);
}

static void expect_nak(struct peer *p, uint16_t reason)
{
    struct nt_rpc_pdu pdu;
    assert_true(take(p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_BIND_NAK);
    assert_int_equal(pdu.nak.reason, reason);
    assert_true(closed(p));
}

static void bind_auth3(struct peer *p, enum nt_auth_level level, const char *third);

static void a_bind_is_acknowledged_with_what_was_agreed(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    open_peer(&p, NULL);
    pdu_bind(&pdu, NT_PT_BIND, 9);
    pdu.bind.max_xmit = 5840;
    pdu.bind.max_recv = 2000;
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_BIND_ACK);
    assert_int_equal(pdu.header.call_id, 9);
    assert_int_equal(pdu.header.flags, NT_PFC_FIRST | NT_PFC_LAST);
    assert_int_equal(pdu.ack.max_xmit, 2000);
    assert_int_equal(pdu.ack.max_recv, 4280);
    assert_int_equal(pdu.ack.assoc_group, 0x1234);
    assert_int_equal(pdu.ack.sec_addr_len, 6);
    assert_memory_equal(pdu.ack.sec_addr, "49153", 6);
    assert_int_equal(pdu.ack.count, 1);
    assert_int_equal(pdu.ack.results[0].result, NT_RESULT_ACCEPT);
    assert_true(nt_rpc_syntax_equal(&pdu.ack.results[0].transfer, &nt_rpc_ndr32));
    close_peer(&p);
}

static void sizes_never_fall_below_what_everybody_takes(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    open_peer(&p, NULL);
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu.bind.max_xmit = 1;
    pdu.bind.max_recv = 0;
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    assert_int_equal(pdu.ack.max_xmit, NT_RPC_MUST_RECV);
    assert_int_equal(pdu.ack.max_recv, NT_RPC_MUST_RECV);
    close_peer(&p);
}

static void each_context_gets_a_result_of_its_own(void **state)
{
    (void)state;
    static const uint8_t ndr64[20] = { 0x33, 0x05, 0x71, 0x71, 0xba, 0xbe, 0x37, 0x49, 0x83, 0x19,
                                       0xb5, 0xdb, 0xef, 0x9c, 0xcc, 0x36, 1,    0,    0,    0 };
    static const uint8_t features[20] = { 0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45, 0x07, 0,
                                          0,    0,    0,    0,    0,    0,    1,    0,    0,    0 };
    struct nt_ndr_interface unknown = toy_first, older = toy_first, newer = toy_first;
    uint8_t both[40];
    struct peer p;
    struct nt_rpc_pdu pdu;
    unknown.uuid.a++;
    older.minor = 0;
    newer.minor = 3;
    memcpy(both, ndr64, 20);
    memcpy(both + 20, ndr32_le, 20);
    open_peer(&p, NULL);
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu.bind.assoc_group = 0x77;
    pdu_element(&pdu, 1, &toy_first, ndr64, 1);
    pdu_element(&pdu, 2, &toy_first, features, 1);
    pdu_element(&pdu, 3, &unknown, ndr32_le, 1);
    pdu_element(&pdu, 4, &older, both, 2);
    pdu_element(&pdu, 5, &newer, ndr32_le, 1);
    pdu_element(&pdu, 4, &toy_second, ndr32_le, 1); /* an id that means another already */
    pdu_element(&pdu, 6, &toy_first, NULL, 0);
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    static const struct {
        uint16_t result, reason;
    } want[] = {
        { NT_RESULT_ACCEPT, 0 },
        { NT_RESULT_PROVIDER_REJECT, NT_REASON_TRANSFER_SYNTAX },
        { NT_RESULT_NEGOTIATE_ACK, 3 },
        { NT_RESULT_PROVIDER_REJECT, NT_REASON_ABSTRACT_SYNTAX },
        { NT_RESULT_ACCEPT, 0 },
        { NT_RESULT_PROVIDER_REJECT, NT_REASON_ABSTRACT_SYNTAX },
        { NT_RESULT_PROVIDER_REJECT, NT_REASON_NONE },
        { NT_RESULT_PROVIDER_REJECT, NT_REASON_TRANSFER_SYNTAX },
    };
    assert_int_equal(pdu.ack.count, NT_COUNT(want));
    assert_int_equal(pdu.ack.assoc_group, 0x77);
    for (size_t i = 0; i < NT_COUNT(want); i++) {
        assert_int_equal(pdu.ack.results[i].result, want[i].result);
        assert_int_equal(pdu.ack.results[i].reason, want[i].reason);
    }
    close_peer(&p);
}

static void contexts_beyond_the_limit_are_rejected_one_by_one(void **state)
{
    (void)state;
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    struct peer p;
    struct nt_rpc_pdu pdu;
    lim.max_contexts = 2;
    open_peer(&p, &lim);
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu_element(&pdu, 1, &toy_second, ndr32_le, 1);
    pdu_element(&pdu, 2, &toy_second, ndr32_le, 1);
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    assert_int_equal(pdu.ack.results[1].result, NT_RESULT_ACCEPT);
    assert_int_equal(pdu.ack.results[2].result, NT_RESULT_PROVIDER_REJECT);
    assert_int_equal(pdu.ack.results[2].reason, NT_REASON_LOCAL_LIMIT);
    close_peer(&p);
}

static void a_request_is_an_event_and_its_answer_a_response(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    request(&pdu, 5, 0, 3, "hello");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.kind, NT_RPC_CALL);
    assert_int_equal(ev.call_id, 5);
    assert_int_equal(ev.opnum, 3);
    assert_ptr_equal(ev.iface, &toy_first);
    assert_int_equal(ev.auth_level, NT_LEVEL_NONE);
    assert_null(ev.caller);
    assert_null(ev.session_key);
    assert_int_equal(ev.len, 5);
    assert_memory_equal(ev.stub, "hello", 5);
    assert_false(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(nt_rpc_server_reply(p.m, 6, NULL, 0), NT_E_NOT_FOUND);
    assert_int_equal(nt_rpc_server_reply(p.m, 5, (const uint8_t *)"bye", 3), NT_OK);
    assert_int_equal(nt_rpc_server_reply(p.m, 5, (const uint8_t *)"bye", 3), NT_E_NOT_FOUND);
    assert_true(take(&p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_RESPONSE);
    assert_int_equal(pdu.header.call_id, 5);
    assert_int_equal(pdu.response.alloc_hint, 3);
    assert_int_equal(pdu.rest_len, 3);
    assert_memory_equal(pdu.rest, "bye", 3);
    request(&pdu, 6, 0, 3, "");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(nt_rpc_server_fault(p.m, 6, NT_FAULT_OP_RANGE), NT_OK);
    expect_fault(&p, 6, NT_FAULT_OP_RANGE);
    assert_false(closed(&p));
    close_peer(&p);
}

static void an_object_uuid_and_big_endian_requests_are_taken(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    request(&pdu, 5, 0, 3, "hello");
    pdu.header.big_endian = true;
    pdu.header.flags |= NT_PFC_OBJECT;
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_true(ev.big_endian);
    assert_int_equal(ev.call_id, 5);
    assert_int_equal(ev.opnum, 3);
    assert_int_equal(ev.len, 5);
    assert_memory_equal(ev.stub, "hello", 5);
    close_peer(&p);
}

static void alter_context_adds_an_interface(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    pdu_begin(&pdu, NT_PT_ALTER, 2);
    pdu_element(&pdu, 7, &toy_second, ndr32_le, 1);
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_ALTER_RESP);
    assert_int_equal(pdu.ack.sec_addr_len, 0);
    assert_int_equal(pdu.ack.results[0].result, NT_RESULT_ACCEPT);
    request(&pdu, 3, 7, 0, "x");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_ptr_equal(ev.iface, &toy_second);
    close_peer(&p);
}

static void an_unknown_context_is_a_fault_and_no_more(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    request(&pdu, 3, 9, 0, "part one");
    pdu.header.flags = NT_PFC_FIRST;
    feed(&p, &pdu);
    expect_fault(&p, 3, NT_FAULT_UNKNOWN_IF);
    request(&pdu, 3, 9, 0, "part two");
    pdu.header.flags = NT_PFC_LAST;
    feed(&p, &pdu);
    assert_false(nt_rpc_server_next(p.m, &ev));
    request(&pdu, 4, 0, 0, "x");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.call_id, 4);
    close_peer(&p);
}

static void fragments_become_one_stub(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    request(&pdu, 3, 0, 4, "one ");
    pdu.header.flags = NT_PFC_FIRST;
    feed(&p, &pdu);
    request(&pdu, 3, 0, 4, "two ");
    pdu.header.flags = 0;
    feed(&p, &pdu);
    assert_false(nt_rpc_server_next(p.m, &ev));
    request(&pdu, 3, 0, 4, "three");
    pdu.header.flags = NT_PFC_LAST;
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.len, 13);
    assert_memory_equal(ev.stub, "one two three", 13);
    close_peer(&p);
}

static void fragments_that_do_not_fit_end_the_association(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct peer p;
        struct nt_rpc_pdu pdu;
        open_peer(&p, NULL);
        bind_plain(&p);
        request(&pdu, 3, 0, 4, "one ");
        pdu.header.flags = NT_PFC_FIRST;
        if (i > 0)
            feed(&p, &pdu);
        switch (i) {
        case 0: /* no first one */
            pdu.header.flags = NT_PFC_LAST;
            break;
        case 1: /* a first one again */
            break;
        case 2: /* another call's */
            pdu.header.call_id = 4;
            break;
        case 3:
            pdu.header.flags = 0;
            pdu.request.opnum = 5;
            break;
        case 4:
            pdu.header.flags = 0;
            pdu.request.context_id = 5;
            break;
        default:
            pdu.header.flags = 0;
            pdu.header.big_endian = true;
            break;
        }
        feed(&p, &pdu);
        expect_fault(&p, pdu.header.call_id, NT_FAULT_PROTO_ERROR);
        assert_true(closed(&p));
        close_peer(&p);
    }
}

static void a_request_longer_than_the_limit_is_refused(void **state)
{
    (void)state;
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    static char part[1001];
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    memset(part, 'x', 1000);
    lim.max_call = 3000;
    open_peer(&p, &lim);
    bind_plain(&p);
    for (int i = 0; i < 3; i++) {
        request(&pdu, 3, 0, 4, part);
        pdu.request.alloc_hint = 0xFFFFFFFF; /* only a hint: nothing is allocated by it */
        pdu.header.flags = i == 0 ? NT_PFC_FIRST : i == 2 ? NT_PFC_LAST : 0;
        feed(&p, &pdu);
    }
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.len, 3000);
    assert_int_equal(nt_rpc_server_reply(p.m, 3, NULL, 0), NT_OK);
    assert_true(take(&p, &pdu));
    for (int i = 0; i < 4; i++) {
        request(&pdu, 4, 0, 4, i == 3 ? "y" : part);
        pdu.header.flags = i == 0 ? NT_PFC_FIRST : 0;
        feed(&p, &pdu);
    }
    expect_fault(&p, 4, NT_FAULT_NO_MEMORY);
    assert_true(closed(&p));
    close_peer(&p);
}

static void callers_without_security_have_a_smaller_limit(void **state)
{
    (void)state;
    static char part[4001];
    for (int auth = 0; auth < 2; auth++) {
        struct peer p;
        struct nt_rpc_pdu pdu;
        memset(part, 'x', 4000);
        open_peer(&p, NULL);
        if (auth)
            bind_auth3(&p, NT_LEVEL_CONNECT, "c-two");
        else
            bind_plain(&p);
        for (int i = 0; i < 40 && !closed(&p); i++) {
            request(&pdu, 3, 0, 4, part);
            pdu.header.flags = i == 0 ? NT_PFC_FIRST : 0;
            feed(&p, &pdu);
        }
        assert_int_equal(closed(&p), !auth);
        close_peer(&p);
    }
}

static void a_pdu_longer_than_agreed_is_refused_by_its_header(void **state)
{
    (void)state;
    struct peer p;
    uint8_t head[16] = { 5, 0, NT_PT_REQUEST, 3, 0x10, 0, 0, 0, 0, 0x20, 0, 0, 8 };
    open_peer(&p, NULL);
    bind_plain(&p);
    assert_int_equal(nt_rpc_server_feed(p.m, head, sizeof head, 1000), sizeof head);
    expect_fault(&p, 8, NT_FAULT_PROTO_ERROR);
    assert_true(closed(&p));
    close_peer(&p);
}

static void another_rpc_version_is_named_in_the_nak(void **state)
{
    (void)state;
    struct peer p;
    uint8_t head[16] = { 4, 0, NT_PT_BIND, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 8 };
    open_peer(&p, NULL);
    assert_int_equal(nt_rpc_server_feed(p.m, head, sizeof head, 1000), sizeof head);
    expect_nak(&p, NT_NAK_VERSION);
    close_peer(&p);
}

static void garbage_ends_the_association(void **state)
{
    (void)state;
    struct peer p;
    open_peer(&p, NULL);
    const char *http = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(nt_rpc_server_feed(p.m, (const uint8_t *)http, strlen(http), 1000),
                     strlen(http));
    assert_true(closed(&p));
    const uint8_t *data;
    assert_int_equal(nt_rpc_server_pending(p.m, &data), 0);
    close_peer(&p);
}

/* [C706] 12.6.4: what each state takes. All else is answered and ends the association. */
static void every_pdu_type_in_every_state(void **state)
{
    (void)state;
    for (int bound = 0; bound < 2; bound++) {
        for (unsigned ptype = 0; ptype < 40; ptype++) {
            struct peer p;
            struct nt_rpc_pdu pdu;
            uint8_t raw[72];
            open_peer(&p, NULL);
            if (bound)
                bind_plain(&p);
            pdu_bind(&pdu, NT_PT_BIND, 3); /* bytes of a good bind under another name */
            struct nt_buf b;
            nt_buf_init(&b, 4096);
            nt_rpc_pdu_write(&pdu, &b);
            assert_int_equal(b.len, sizeof raw);
            memcpy(raw, b.data, sizeof raw);
            nt_buf_free(&b);
            raw[2] = (uint8_t)ptype;
            assert_int_equal(nt_rpc_server_feed(p.m, raw, sizeof raw, 1000), sizeof raw);
            bool good = bound ? ptype == NT_PT_ALTER || ptype == NT_PT_CO_CANCEL ||
                                    ptype == NT_PT_ORPHANED || ptype == NT_PT_REQUEST
                              : ptype == NT_PT_BIND;
            assert_int_equal(closed(&p), !good);
            if (!good) {
                assert_true(take(&p, &pdu));
                assert_int_equal(pdu.header.ptype,
                                 ptype == NT_PT_BIND ? NT_PT_BIND_NAK : NT_PT_FAULT);
            }
            close_peer(&p);
        }
    }
}

static void a_bind_without_contexts_or_in_fragments_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct peer p;
        struct nt_rpc_pdu pdu;
        open_peer(&p, NULL);
        pdu_bind(&pdu, NT_PT_BIND, 1);
        if (i == 0)
            pdu.bind.count = 0;
        else
            pdu.header.flags = i == 1 ? NT_PFC_FIRST : NT_PFC_LAST;
        feed(&p, &pdu);
        expect_nak(&p, NT_NAK_NOT_SPECIFIED);
        close_peer(&p);
    }
}

static void unknown_authentication_is_refused_by_its_reason(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, level;
    } bad[] = { { 16, 6 }, { 0, 6 }, { 10, 0 }, { 10, 1 }, { 10, 7 } };
    for (size_t i = 0; i < NT_COUNT(bad); i++) {
        struct peer p;
        struct nt_rpc_pdu pdu;
        open_peer(&p, NULL);
        pdu_bind(&pdu, NT_PT_BIND, 1);
        pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_PRIVACY, 1, "c-one");
        pdu.auth.type = bad[i].type;
        pdu.auth.level = bad[i].level;
        feed(&p, &pdu);
        expect_nak(&p, NT_NAK_AUTH_TYPE);
        close_peer(&p);
    }
}

static void a_failed_authentication_in_the_bind_is_a_nak(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu_auth(&pdu, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, 1, "bogus");
    feed(&p, &pdu);
    expect_nak(&p, NT_NAK_INVALID_CHECKSUM);
    close_peer(&p);

    open_peer(&p, NULL); /* the same by the owner's word */
    p.owner.ask = true;
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu_auth(&pdu, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, 1, "c-one");
    feed(&p, &pdu);
    assert_false(take(&p, &pdu));
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.kind, NT_RPC_ASK);
    assert_string_equal(ev.question->user, "alice");
    toy_answer_ask(p.m, &p.owner, &ev, NT_STATUS(ACCESS_DENIED));
    expect_nak(&p, NT_NAK_INVALID_CHECKSUM);
    close_peer(&p);
}

/* Binds with NTLM's three legs; the third is AUTH3 with this token. */
static void bind_auth3(struct peer *p, enum nt_auth_level level, const char *third)
{
    struct nt_rpc_pdu pdu;
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu_auth(&pdu, NT_AUTH_NTLM, level, 1, "c-one");
    feed(p, &pdu);
    assert_true(take(p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_BIND_ACK);
    assert_int_equal(pdu.auth.token_len, 5);
    assert_int_equal(pdu.auth.context_id, 1);
    pdu_begin(&pdu, NT_PT_AUTH3, 1);
    pdu_auth(&pdu, NT_AUTH_NTLM, level, 1, third);
    feed(p, &pdu);
    assert_false(take(p, &pdu));
    assert_false(closed(p));
}

static void a_failed_auth3_is_told_to_the_first_request(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    open_peer(&p, NULL);
    bind_auth3(&p, NT_LEVEL_CONNECT, "wrong");
    request(&pdu, 2, 0, 0, "x");
    feed(&p, &pdu);
    expect_fault(&p, 2, NT_FAULT_ACCESS_DENIED);
    assert_true(closed(&p));
    close_peer(&p);
}

static void a_request_before_the_last_leg_is_refused(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    open_peer(&p, NULL);
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_CONNECT, 1, "c-one");
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    request(&pdu, 2, 0, 0, "x");
    feed(&p, &pdu);
    expect_fault(&p, 2, NT_FAULT_ACCESS_DENIED);
    assert_true(closed(&p));
    close_peer(&p);
}

static void the_connect_level_authenticates_the_bind_only(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_auth3(&p, NT_LEVEL_CONNECT, "c-two");
    request(&pdu, 2, 0, 0, "bare");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.auth_level, NT_LEVEL_CONNECT);
    assert_int_equal(ev.auth_type, NT_AUTH_NTLM);
    assert_non_null(ev.session_key);
    assert_int_equal(nt_rpc_server_reply(p.m, 2, ev.stub, ev.len), NT_OK);
    assert_true(take(&p, &pdu));
    assert_false(pdu.auth.present);
    request(&pdu, 3, 0, 0, "with a verifier "); /* as Windows does */
    pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_CONNECT, 1, "sixteen bytes...");
    pdu.auth.pad_len = 1;
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.len, 15);
    close_peer(&p);
}

/* CVE-2021-23192 */
static void requests_without_the_protection_agreed_on_end_the_connection(void **state)
{
    (void)state;
    static const char token[] = "sixteen bytes...";
    for (int i = 0; i < 6; i++) {
        struct peer p;
        struct nt_rpc_pdu pdu;
        struct nt_rpc_event ev;
        open_peer(&p, NULL);
        bind_auth3(&p, NT_LEVEL_PACKET, "c-two");
        request(&pdu, 2, 0, 0, "x");
        pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_PACKET, 1, token);
        if (i == 0)
            pdu.auth.present = false;
        else if (i == 1)
            pdu.auth.type = NT_AUTH_SPNEGO;
        else if (i == 2)
            pdu.auth.level = NT_LEVEL_CONNECT;
        else if (i == 3)
            pdu.auth.level = NT_LEVEL_INTEGRITY;
        else if (i == 4)
            pdu.auth.context_id = 2;
        feed(&p, &pdu);
        expect_fault(&p, 2, i == 5 ? NT_FAULT_SEC_PKG_ERROR : NT_FAULT_ACCESS_DENIED);
        assert_false(nt_rpc_server_next(p.m, &ev));
        assert_true(closed(&p));
        close_peer(&p);
    }
}

static void a_context_from_before_the_authentication_needs_none(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    pdu_begin(&pdu, NT_PT_ALTER, 2);
    pdu_element(&pdu, 1, &toy_second, ndr32_le, 1);
    pdu_auth(&pdu, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, 5, "c-one");
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    assert_int_equal(pdu.header.ptype, NT_PT_ALTER_RESP);
    assert_int_equal(pdu.auth.token_len, 5);
    request(&pdu, 3, 0, 0, "open");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.auth_level, NT_LEVEL_NONE);
    assert_int_equal(nt_rpc_server_reply(p.m, 3, NULL, 0), NT_OK);
    assert_true(take(&p, &pdu));
    request(&pdu, 4, 1, 0, "the other wants protection");
    feed(&p, &pdu);
    expect_fault(&p, 4, NT_FAULT_ACCESS_DENIED);
    assert_true(closed(&p));
    close_peer(&p);
}

/* A stub in the client's byte order, its trailer little endian all the same. [MS-RPCE] 2 */
static void a_protected_big_endian_request_with_its_trailer(void **state)
{
    (void)state;
    static const uint8_t token[TOY_TOKEN] = { 0 };
    const struct nt_rpc_vt vt = { .abstract = { toy_first.uuid, 1, 2 }, .transfer = nt_rpc_ndr32 };
    struct toy *client = toy_new(false, TOY_AUTH3);
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    struct nt_buf stub, b;
    open_peer(&p, NULL);
    bind_auth3(&p, NT_LEVEL_PRIVACY, "c-two");
    nt_buf_init(&stub, 4096);
    nt_buf_init(&b, 4096);
    nt_buf_u32be(&stub, 17);
    nt_rpc_vt_write(&stub, &vt);
    request(&pdu, 2, 0, 0, "");
    pdu.header.big_endian = true;
    pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_PRIVACY, 1, "");
    pdu.auth.token = token;
    pdu.auth.token_len = sizeof token;
    pdu.rest = stub.data;
    pdu.rest_len = stub.len;
    nt_rpc_pdu_write(&pdu, &b);
    uint8_t *at = b.data + NT_RPC_HEAD_LEN, *trailer = at + stub.len;
    assert_int_equal(toy_protect(&client->base, NT_LEVEL_PRIVACY, false, b.data, NT_RPC_HEAD_LEN,
                                 at, stub.len, trailer, trailer + 8),
                     NT_OK);
    assert_int_equal(nt_rpc_server_feed(p.m, b.data, b.len, 1000), b.len);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_true(ev.big_endian);
    assert_int_equal(nt_be32(ev.stub), 17);
    toy_free(&client->base);
    nt_buf_free(&stub);
    nt_buf_free(&b);
    close_peer(&p);
}

static void security_contexts_are_limited(void **state)
{
    (void)state;
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    struct peer p;
    struct nt_rpc_pdu pdu;
    lim.max_auth = 3;
    open_peer(&p, &lim);
    bind_plain(&p);
    for (uint32_t i = 0; i < 4; i++) {
        pdu_bind(&pdu, NT_PT_ALTER, 2);
        pdu_auth(&pdu, NT_AUTH_SCHANNEL, NT_LEVEL_PRIVACY, i, "c-one");
        feed(&p, &pdu);
        assert_int_equal(closed(&p), i == 3);
        assert_true(take(&p, &pdu));
    }
    assert_int_equal(pdu.header.ptype, NT_PT_FAULT);
    close_peer(&p);
}

static void a_finished_context_is_not_begun_again(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    open_peer(&p, NULL);
    bind_auth3(&p, NT_LEVEL_PACKET, "c-two");
    pdu_begin(&pdu, NT_PT_AUTH3, 1);
    pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_PACKET, 1, "c-two");
    feed(&p, &pdu);
    assert_true(closed(&p));
    close_peer(&p);
}

static void pdus_behind_a_question_wait_for_its_answer(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    struct nt_buf b;
    open_peer(&p, NULL);
    p.owner.ask = true;
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_CONNECT, 1, "c-one");
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    nt_buf_init(&b, 4096);
    pdu_begin(&pdu, NT_PT_AUTH3, 1);
    pdu_auth(&pdu, NT_AUTH_NTLM, NT_LEVEL_CONNECT, 1, "c-two");
    nt_rpc_pdu_write(&pdu, &b);
    request(&pdu, 2, 0, 0, "first");
    nt_rpc_pdu_write(&pdu, &b);
    size_t two = b.len;
    request(&pdu, 3, 0, 0, "second");
    nt_rpc_pdu_write(&pdu, &b);
    assert_int_equal(nt_rpc_server_feed(p.m, b.data, b.len, 1000), two);
    assert_int_equal(nt_rpc_server_feed(p.m, b.data + two, b.len - two, 1000), 0);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.kind, NT_RPC_ASK);
    struct nt_rpc_event none;
    assert_false(nt_rpc_server_next(p.m, &none));
    struct nt_sec_answer a = { .status = NT_STATUS(SUCCESS), .caller = &p.owner };
    assert_int_equal(nt_rpc_server_answer(p.m, ev.ask_id + 1, &a), NT_E_NOT_FOUND);
    p.owner.callers++;
    assert_int_equal(nt_rpc_server_answer(p.m, ev.ask_id, &a), NT_OK);
    assert_int_equal(nt_rpc_server_answer(p.m, ev.ask_id, &a), NT_E_NOT_FOUND);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.kind, NT_RPC_CALL);
    assert_ptr_equal(ev.caller, &p.owner);
    assert_int_equal(nt_rpc_server_reply(p.m, 2, NULL, 0), NT_OK);
    assert_int_equal(nt_rpc_server_feed(p.m, b.data + two, b.len - two, 1000), b.len - two);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(ev.call_id, 3);
    nt_buf_free(&b);
    close_peer(&p);
}

static void calls_overlap_only_when_that_was_negotiated(void **state)
{
    (void)state;
    for (int mpx = 0; mpx < 2; mpx++) {
        struct peer p;
        struct nt_rpc_pdu pdu;
        struct nt_rpc_event ev;
        open_peer(&p, NULL);
        pdu_bind(&pdu, NT_PT_BIND, 1);
        if (mpx)
            pdu.header.flags |= NT_PFC_CONC_MPX;
        feed(&p, &pdu);
        assert_true(take(&p, &pdu));
        assert_int_equal((pdu.header.flags & NT_PFC_CONC_MPX) != 0, mpx);
        for (uint32_t id = 2; id < 5; id++) {
            request(&pdu, id, 0, 0, "x");
            feed(&p, &pdu);
        }
        assert_true(nt_rpc_server_next(p.m, &ev));
        assert_int_equal(ev.call_id, 2);
        assert_int_equal(nt_rpc_server_next(p.m, &ev), mpx);
        if (mpx) { /* answered in any order */
            assert_int_equal(nt_rpc_server_reply(p.m, 3, NULL, 0), NT_OK);
            assert_true(take(&p, &pdu));
            assert_int_equal(pdu.header.call_id, 3);
        }
        assert_int_equal(nt_rpc_server_reply(p.m, 2, NULL, 0), NT_OK);
        assert_true(nt_rpc_server_next(p.m, &ev));
        assert_int_equal(ev.call_id, mpx ? 4 : 3);
        close_peer(&p);
    }
}

static void more_calls_than_the_limit_wait_outside(void **state)
{
    (void)state;
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    struct nt_buf b;
    size_t size = 0;
    lim.max_in_flight = 2;
    open_peer(&p, &lim);
    bind_plain(&p);
    nt_buf_init(&b, 4096);
    for (uint32_t id = 2; id < 6; id++) {
        request(&pdu, id, 0, 0, "x");
        nt_rpc_pdu_write(&pdu, &b);
        size = size != 0 ? size : b.len;
    }
    size_t took = nt_rpc_server_feed(p.m, b.data, b.len, 1000);
    assert_int_equal(took, 3 * size); /* the third is complete, and waits */
    for (uint32_t id = 2; id < 6; id++) {
        assert_true(nt_rpc_server_next(p.m, &ev));
        assert_int_equal(ev.call_id, id);
        assert_int_equal(nt_rpc_server_reply(p.m, id, NULL, 0), NT_OK);
        took += nt_rpc_server_feed(p.m, b.data + took, b.len - took, 1000);
    }
    assert_int_equal(took, b.len);
    nt_buf_free(&b);
    close_peer(&p);
}

static void half_sent_calls_beyond_the_limit_end_the_association(void **state)
{
    (void)state;
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    struct peer p;
    struct nt_rpc_pdu pdu;
    lim.max_in_flight = 2;
    open_peer(&p, &lim);
    pdu_bind(&pdu, NT_PT_BIND, 1);
    pdu.header.flags |= NT_PFC_CONC_MPX;
    feed(&p, &pdu);
    assert_true(take(&p, &pdu));
    for (uint32_t id = 2; id < 5; id++) {
        request(&pdu, id, 0, 0, "x");
        pdu.header.flags = NT_PFC_FIRST;
        feed(&p, &pdu);
        assert_int_equal(closed(&p), id == 4);
    }
    expect_fault(&p, 4, NT_FAULT_SERVER_BUSY);
    close_peer(&p);
}

static void a_peer_that_does_not_read_is_not_served_for_ever(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    struct nt_buf b;
    static uint8_t big[100000];
    open_peer(&p, NULL);
    bind_plain(&p);
    nt_buf_init(&b, 4096);
    int served = 0;
    for (uint32_t id = 2; id < 100; id++) {
        nt_buf_clear(&b);
        request(&pdu, id, 0, 0, "x");
        nt_rpc_pdu_write(&pdu, &b);
        if (nt_rpc_server_feed(p.m, b.data, b.len, 1000) < b.len)
            break;
        while (nt_rpc_server_next(p.m, &ev)) {
            assert_int_equal(nt_rpc_server_reply(p.m, ev.call_id, big, sizeof big), NT_OK);
            served++;
        }
    }
    assert_in_range(served, 2, 5);
    while (take(&p, &pdu)) /* it reads: the one that waited is there */
        ;
    assert_true(nt_rpc_server_next(p.m, &ev));
    nt_buf_free(&b);
    close_peer(&p);
}

static void an_orphaned_call_is_not_answered(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    request(&pdu, 2, 0, 0, "x");
    feed(&p, &pdu);
    request(&pdu, 3, 0, 0, "x");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    pdu_begin(&pdu, NT_PT_CO_CANCEL, 2); /* a wish that is not granted */
    feed(&p, &pdu);
    for (uint32_t id = 2; id < 5; id++) {
        pdu_begin(&pdu, NT_PT_ORPHANED, id);
        feed(&p, &pdu);
    }
    assert_int_equal(nt_rpc_server_reply(p.m, 2, NULL, 0), NT_OK);
    assert_false(take(&p, &pdu));
    assert_false(nt_rpc_server_next(p.m, &ev));
    assert_false(closed(&p));
    close_peer(&p);
}

static void a_silent_peer_is_dropped_at_its_deadline(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    const char *why;
    struct nt_rpc_limits lim = nt_rpc_limits_default;
    lim.auth_ms = 5000;
    lim.idle_ms = 60000;
    open_peer(&p, &lim); /* connects at 1000 */
    bind_plain(&p);
    assert_int_equal(nt_rpc_server_deadline(p.m), 6000);
    assert_int_equal(nt_rpc_server_tick(p.m, 5999), NT_OK);
    assert_int_equal(nt_rpc_server_tick(p.m, 6000), NT_E_TIMEOUT);
    assert_true(nt_rpc_server_closed(p.m, &why));
    assert_string_equal(why, "no call in time");
    close_peer(&p);

    open_peer(&p, &lim);
    bind_plain(&p);
    request(&pdu, 2, 0, 0, "x");
    feed(&p, &pdu);
    assert_int_equal(nt_rpc_server_deadline(p.m), UINT64_MAX); /* it is our turn */
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(nt_rpc_server_tick(p.m, 1000000), NT_OK);
    assert_int_equal(nt_rpc_server_reply(p.m, 2, NULL, 0), NT_OK);
    assert_int_equal(nt_rpc_server_deadline(p.m), 61000);
    assert_int_equal(nt_rpc_server_tick(p.m, 61000), NT_E_TIMEOUT);
    close_peer(&p);
}

static void answers_after_the_end_find_nothing(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    open_peer(&p, NULL);
    bind_plain(&p);
    request(&pdu, 2, 0, 0, "hello");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    pdu_begin(&pdu, NT_PT_SHUTDOWN, 0);
    feed(&p, &pdu);
    assert_true(closed(&p));
    assert_memory_equal(ev.stub, "hello", 5); /* still there: it was not answered yet */
    assert_int_equal(nt_rpc_server_reply(p.m, 2, NULL, 0), NT_E_NOT_FOUND);
    assert_int_equal(nt_rpc_server_fault(p.m, 2, 5), NT_E_NOT_FOUND);
    assert_int_equal(nt_rpc_server_feed(p.m, (const uint8_t *)"more", 4, 1000), 4);
    close_peer(&p);
}

static void an_idle_association_holds_no_buffers(void **state)
{
    (void)state;
    struct peer p;
    struct nt_rpc_pdu pdu;
    struct nt_rpc_event ev;
    const uint8_t *data;
    open_peer(&p, NULL);
    bind_auth3(&p, NT_LEVEL_CONNECT, "c-two");
    request(&pdu, 2, 0, 0, "x");
    feed(&p, &pdu);
    assert_true(nt_rpc_server_next(p.m, &ev));
    assert_int_equal(nt_rpc_server_reply(p.m, 2, ev.stub, ev.len), NT_OK);
    assert_true(take(&p, &pdu));
    assert_int_equal(nt_rpc_server_pending(p.m, &data), 0);
    assert_null(data);
    close_peer(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bind_is_acknowledged_with_what_was_agreed),
        cmocka_unit_test(sizes_never_fall_below_what_everybody_takes),
        cmocka_unit_test(each_context_gets_a_result_of_its_own),
        cmocka_unit_test(contexts_beyond_the_limit_are_rejected_one_by_one),
        cmocka_unit_test(a_request_is_an_event_and_its_answer_a_response),
        cmocka_unit_test(an_object_uuid_and_big_endian_requests_are_taken),
        cmocka_unit_test(alter_context_adds_an_interface),
        cmocka_unit_test(an_unknown_context_is_a_fault_and_no_more),
        cmocka_unit_test(fragments_become_one_stub),
        cmocka_unit_test(fragments_that_do_not_fit_end_the_association),
        cmocka_unit_test(a_request_longer_than_the_limit_is_refused),
        cmocka_unit_test(callers_without_security_have_a_smaller_limit),
        cmocka_unit_test(a_pdu_longer_than_agreed_is_refused_by_its_header),
        cmocka_unit_test(another_rpc_version_is_named_in_the_nak),
        cmocka_unit_test(garbage_ends_the_association),
        cmocka_unit_test(every_pdu_type_in_every_state),
        cmocka_unit_test(a_bind_without_contexts_or_in_fragments_is_refused),
        cmocka_unit_test(unknown_authentication_is_refused_by_its_reason),
        cmocka_unit_test(a_failed_authentication_in_the_bind_is_a_nak),
        cmocka_unit_test(a_failed_auth3_is_told_to_the_first_request),
        cmocka_unit_test(a_request_before_the_last_leg_is_refused),
        cmocka_unit_test(the_connect_level_authenticates_the_bind_only),
        cmocka_unit_test(requests_without_the_protection_agreed_on_end_the_connection),
        cmocka_unit_test(a_context_from_before_the_authentication_needs_none),
        cmocka_unit_test(a_protected_big_endian_request_with_its_trailer),
        cmocka_unit_test(security_contexts_are_limited),
        cmocka_unit_test(a_finished_context_is_not_begun_again),
        cmocka_unit_test(pdus_behind_a_question_wait_for_its_answer),
        cmocka_unit_test(calls_overlap_only_when_that_was_negotiated),
        cmocka_unit_test(more_calls_than_the_limit_wait_outside),
        cmocka_unit_test(half_sent_calls_beyond_the_limit_end_the_association),
        cmocka_unit_test(a_peer_that_does_not_read_is_not_served_for_ever),
        cmocka_unit_test(an_orphaned_call_is_not_answered),
        cmocka_unit_test(a_silent_peer_is_dropped_at_its_deadline),
        cmocka_unit_test(answers_after_the_end_find_nothing),
        cmocka_unit_test(an_idle_association_holds_no_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
