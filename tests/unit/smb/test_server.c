/* The server machine: stream, negotiation, message ids, time. */
#include "../test.h"

#include "server_fixture.h"

static const uint16_t all_dialects[] = { NT_SMB2_202, NT_SMB2_210, NT_SMB2_300, NT_SMB2_302,
                                         NT_SMB2_311 };

static void expect(struct peer *p, ntstatus status)
{
    assert_true(peer_take(p));
    assert_string_equal(nt_status_name(p->h.status), nt_status_name(status));
}

static void expect_closed(struct peer *p, const char *why)
{
    const char *said;
    assert_false(peer_take(p));
    assert_true(nt_smb_server_closed(p->m, &said));
    assert_string_equal(said, why);
}

/* --- negotiation --- */

static void the_greatest_common_dialect_is_agreed_on(void **state)
{
    (void)state;
    struct peer p;
    for (size_t n = 1; n <= NT_COUNT(all_dialects); n++) {
        assert_true(peer_open(&p, NULL));
        peer_send_negotiate(&p, all_dialects, n);
        expect(&p, NT_STATUS(SUCCESS));
        assert_int_equal(nt_smb2_negotiate_rsp_read(p.msg, p.len, &p.negotiated), NT_OK);
        assert_int_equal(p.negotiated.dialect, all_dialects[n - 1]);
        assert_int_equal(p.negotiated.security_mode,
                         NT_SMB2_SIGNING_ENABLED | NT_SMB2_SIGNING_REQUIRED);
        assert_int_equal(p.negotiated.max_transact, n == 1 ? 65536 : 256 * 1024);
        bool encrypts = (p.negotiated.capabilities & NT_SMB2_CAP_ENCRYPTION) != 0;
        assert_int_equal(encrypts, n == 3 || n == 4);
        assert_int_equal(p.negotiated.guid[0], 0x11);
        assert_true(p.negotiated.token.len > 0);
        peer_close(&p);
    }
}

static void what_is_not_spoken_is_refused(void **state)
{
    (void)state;
    static const uint16_t odd[] = { 0x0222, 0x0310 };
    struct peer p;
    assert_true(peer_open(&p, NULL));
    peer_send_negotiate(&p, odd, 0);
    expect(&p, NT_STATUS(INVALID_PARAMETER));
    peer_send_negotiate(&p, odd, 2);
    expect(&p, NT_STATUS(NOT_SUPPORTED));
    assert_true(peer_negotiate(&p, NT_SMB2_210)); /* and may be tried again */
    peer_close(&p);
}

static void dialect_3_1_1_needs_its_contexts(void **state)
{
    (void)state;
    struct nt_smb2_negotiate_req req = { .dialects = { NT_SMB2_311 }, .dialect_count = 1 };
    struct peer p;
    assert_true(peer_open(&p, NULL));
    nt_smb2_negotiate_req_write(peer_part(&p, NT_SMB2_NEGOTIATE, 0), &req);
    peer_send(&p);
    expect(&p, NT_STATUS(INVALID_PARAMETER));
    req.contexts.has_preauth = true;
    req.contexts.hashes[0] = 0x55;
    req.contexts.hash_count = 1;
    nt_smb2_negotiate_req_write(peer_part(&p, NT_SMB2_NEGOTIATE, 0), &req);
    peer_send(&p);
    expect(&p, NT_STATUS(NO_PREAUTH_INTEGRITY_HASH_OVERLAP));
    peer_close(&p);
}

static void algorithms_are_the_clients_first_that_are_known(void **state)
{
    (void)state;
    static const uint16_t ciphers[] = { 0, NT_SMB_AES128_CCM, NT_SMB_AES256_GCM, 0x66 };
    struct peer p;
    for (size_t i = 0; i < NT_COUNT(ciphers); i++) {
        assert_true(peer_open(&p, NULL));
        p.cipher = ciphers[i];
        p.signing = NT_SMB_AES_GMAC;
        assert_true(peer_negotiate(&p, NT_SMB2_311));
        const struct nt_smb2_contexts *c = &p.negotiated.contexts;
        assert_true(c->has_preauth && c->hash_count == 1 && c->hashes[0] == NT_SMB2_SHA512);
        assert_int_equal(c->has_ciphers, i > 0);
        if (i > 0)
            assert_int_equal(c->ciphers[0], ciphers[i] == 0x66 ? 0 : ciphers[i]);
        assert_int_equal(c->signings[0], NT_SMB_AES_GMAC);
        peer_close(&p);
    }
    assert_true(peer_open(&p, NULL));
    p.signing = 0x44; /* none in common: CMAC */
    assert_true(peer_negotiate(&p, NT_SMB2_311));
    assert_int_equal(p.negotiated.contexts.signings[0], NT_SMB_AES_CMAC);
    peer_close(&p);
}

static void smb1_send(struct peer *p, const char *const *dialects, size_t count)
{
    struct nt_buf b;
    nt_buf_init(&b, 1024);
    nt_smb1_negotiate_write(&b, dialects, count);
    peer_frame(p, b.data, b.len);
    nt_buf_free(&b);
}

static void smb1_form_leads_to_smb2(void **state)
{
    (void)state;
    static const char *const offer[] = { "NT LM 0.12", "SMB 2.002", "SMB 2.???" };
    struct peer p;
    assert_true(peer_open(&p, NULL));
    smb1_send(&p, offer, 3);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(nt_smb2_negotiate_rsp_read(p.msg, p.len, &p.negotiated), NT_OK);
    assert_int_equal(p.negotiated.dialect, NT_SMB2_WILD);
    p.message_id = 1;
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    peer_close(&p);

    assert_true(peer_open(&p, NULL));
    smb1_send(&p, offer, 2);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(nt_smb2_negotiate_rsp_read(p.msg, p.len, &p.negotiated), NT_OK);
    assert_int_equal(p.negotiated.dialect, NT_SMB2_202);
    p.message_id = 1;
    p.dialect = NT_SMB2_202;
    assert_true(peer_logon(&p, "alice"));
    smb1_send(&p, offer, 2);
    expect_closed(&p, "protocol error: SMB 1 after negotiation");
    peer_close(&p);
}

static void smb1_alone_is_refused_without_an_answer(void **state)
{
    (void)state;
    static const char *const offer[] = { "LANMAN1.0", "NT LM 0.12" };
    struct peer p;
    assert_true(peer_open(&p, NULL));
    smb1_send(&p, offer, 2);
    expect_closed(&p, "the client speaks SMB 1 only");
    peer_close(&p);
}

static void negotiation_comes_first_and_once(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    peer_empty(&p, NT_SMB2_ECHO);
    expect_closed(&p, "protocol error: a request before negotiation");
    peer_close(&p);

    assert_true(peer_open(&p, NULL));
    assert_true(peer_negotiate(&p, NT_SMB2_300));
    assert_false(peer_negotiate(&p, NT_SMB2_202));
    expect_closed(&p, "protocol error: a second negotiation");
    peer_close(&p);
}

static void send_validate(struct peer *p, const struct nt_smb2_validate_req *in)
{
    struct nt_buf b;
    nt_buf_init(&b, 1024);
    nt_smb2_validate_req_write(&b, in);
    p->s->fid = (struct nt_smb2_fid){ UINT64_MAX, UINT64_MAX };
    peer_ioctl_part(p, NT_SMB2_FSCTL_VALIDATE, b.data, b.len, 24, 0);
    peer_send(p);
    nt_buf_free(&b);
}

static void a_negotiation_is_validated(void **state)
{
    (void)state;
    const struct nt_smb2_validate_req good = {
        .capabilities = NT_SMB2_CAP_ENCRYPTION | NT_SMB2_CAP_LARGE_MTU,
        .guid = { 9, 9, 9 },
        .security_mode = NT_SMB2_SIGNING_ENABLED,
        .dialects = { NT_SMB2_302 },
        .dialect_count = 1,
    };
    for (int i = 0; i < 6; i++) {
        struct nt_smb2_validate_req in = good;
        struct nt_smb2_ioctl_rsp rsp;
        struct nt_smb2_validate_rsp out;
        struct peer p;
        assert_true(peer_open(&p, NULL));
        assert_true(peer_negotiate(&p, i == 5 ? NT_SMB2_311 : NT_SMB2_302));
        assert_true(peer_logon(&p, "alice") && peer_tree(&p, "\\\\dc\\ipc$"));
        in.capabilities ^= i == 1;
        in.guid[15] ^= i == 2;
        in.security_mode ^= i == 3;
        if (i == 4) /* what an attacker took off the list */
            in.dialects[in.dialect_count++] = NT_SMB2_311;
        send_validate(&p, &in);
        if (i > 0) {
            expect_closed(&p, "the negotiation was tampered with");
        } else {
            expect(&p, NT_STATUS(SUCCESS));
            assert_int_equal(nt_smb2_ioctl_rsp_read(p.msg, p.len, &rsp), NT_OK);
            assert_int_equal(nt_smb2_validate_rsp_read(rsp.output.data, rsp.output.len, &out),
                             NT_OK);
            assert_int_equal(out.dialect, NT_SMB2_302);
            assert_int_equal(out.capabilities, p.negotiated.capabilities);
            assert_int_equal(out.security_mode, p.negotiated.security_mode);
            assert_memory_equal(out.guid, p.negotiated.guid, 16);
        }
        peer_close(&p);
    }
}

/* --- message ids and credits --- */

static void a_message_id_serves_once(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_negotiate(&p, NT_SMB2_210));
    peer_empty(&p, NT_SMB2_ECHO);
    expect(&p, NT_STATUS(SUCCESS));
    p.message_id--;
    peer_empty(&p, NT_SMB2_ECHO);
    expect_closed(&p, "protocol error: a message id that was not granted");
    peer_close(&p);

    assert_true(peer_open(&p, NULL));
    assert_true(peer_negotiate(&p, NT_SMB2_210));
    p.message_id += 100;
    peer_empty(&p, NT_SMB2_ECHO);
    expect_closed(&p, "protocol error: a message id that was not granted");
    peer_close(&p);
}

static void credits_are_granted_up_to_the_limit(void **state)
{
    (void)state;
    struct nt_smb_limits lim = nt_smb_limits_default;
    struct peer p;
    lim.max_credits = 10;
    assert_true(peer_open(&p, &lim));
    assert_true(peer_negotiate(&p, NT_SMB2_210));
    assert_int_equal(p.h.credits, 8);
    peer_empty(&p, NT_SMB2_ECHO);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.h.credits, 3);
    peer_empty(&p, NT_SMB2_ECHO);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.h.credits, 1);
    peer_close(&p);
}

static void large_payloads_are_paid_for(void **state)
{
    (void)state;
    static const struct {
        uint16_t dialect, charge;
        uint32_t length;
        ntstatus status;
    } cases[] = {
        { NT_SMB2_210, 1, 65536, { NT_STATUS_CODE_SUCCESS } },
        { NT_SMB2_210, 1, 65537, { (uint32_t)NT_STATUS_CODE_INVALID_PARAMETER } },
        { NT_SMB2_210, 2, 65537, { NT_STATUS_CODE_SUCCESS } },
        { NT_SMB2_311, 4, 262144, { NT_STATUS_CODE_SUCCESS } },
        { NT_SMB2_311, 5, 262145, { (uint32_t)NT_STATUS_CODE_INVALID_PARAMETER } },
        { NT_SMB2_202, 1, 65536, { NT_STATUS_CODE_SUCCESS } },
        { NT_SMB2_202, 1, 65537, { (uint32_t)NT_STATUS_CODE_INVALID_PARAMETER } },
    };
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct peer p;
        assert_true(peer_open(&p, NULL));
        assert_true(peer_ready(&p, cases[i].dialect, "alice"));
        assert_int_equal(nt_smb_server_pipe_put(p.m, p.opened.pipe, (const uint8_t *)"pdu", 3),
                         NT_OK);
        p.charge = cases[i].charge;
        peer_read_part(&p, cases[i].length, 0);
        peer_send(&p);
        expect(&p, cases[i].status);
        p.charge = cases[i].charge;
        peer_ioctl_part(&p, NT_SMB2_FSCTL_PIPE_PEEK, "", 0, cases[i].length, 0);
        peer_send(&p);
        expect(&p, cases[i].status);
        peer_close(&p);
    }
}

/* --- the stream --- */

/* All that a server says in a short life, as one text. */
static size_t story(size_t cut, uint8_t *said, size_t size)
{
    struct peer p;
    const uint8_t *data;
    size_t len = 0;

    assert_true(peer_open(&p, NULL));
    p.cut = cut;
    p.echo = true;
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    peer_send_transceive(&p, "a pdu", 4280);
    peer_write_part(&p, "more", 0);
    peer_read_part(&p, 100, 0);
    peer_close_part(&p, 0);
    peer_send(&p);
    len = nt_smb_server_pending(p.m, &data);
    assert_true(len > 0 && len <= size);
    memcpy(said, data, len);
    peer_close(&p);
    return len;
}

static void answers_do_not_depend_on_how_bytes_arrive(void **state)
{
    (void)state;
    static uint8_t whole[4096], cut[4096];
    size_t len = story(0, whole, sizeof whole);
    for (size_t step = 1; step < 300; step++) {
        assert_int_equal(story(step, cut, sizeof cut), len);
        assert_memory_equal(cut, whole, len);
    }
}

static void frames_are_bounded(void **state)
{
    (void)state;
    static const struct {
        uint8_t head[4];
        const char *why;
    } cases[] = {
        { { 0, 0, 0, 0 }, "protocol error: an empty message" },
        { { 0, 1, 0, 0 }, "limit: a message is too long" },
        { { 0x85, 0, 0, 1 }, "protocol error: not a frame of SMB" },
        { { 'G', 'E', 'T', ' ' }, "protocol error: not a frame of SMB" },
    };
    struct peer p;
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        assert_true(peer_open(&p, NULL));
        peer_feed(&p, cases[i].head, 4);
        expect_closed(&p, cases[i].why);
        peer_close(&p);
    }
    assert_true(peer_open(&p, NULL));
    peer_frame(&p,
               (const uint8_t *)"\xFC"
                                "SMB and more",
               12);
    expect_closed(&p, "protocol error: not a message of SMB 2");
    peer_close(&p);
    assert_true(peer_open(&p, NULL));
    assert_true(peer_negotiate(&p, NT_SMB2_210));
    peer_frame(&p,
               (const uint8_t *)"\xFE"
                                "SMB and more",
               12);
    expect_closed(&p, "protocol error: a malformed header");
    peer_close(&p);
    assert_true(peer_open(&p, NULL));
    assert_true(peer_negotiate(&p, NT_SMB2_210));
    nt_smb2_empty_write(peer_part(&p, NT_SMB2_ECHO, NT_SMB2_FLAG_RESPONSE));
    peer_send(&p);
    expect_closed(&p, "protocol error: a response from a client");
    peer_close(&p);
}

static void a_netbios_session_is_accepted(void **state)
{
    (void)state;
    uint8_t request[4 + 68] = { 0x81, 0, 0, 68 };
    static const uint8_t alive[] = { 0x85, 0, 0, 0 };
    static const uint8_t positive[] = { 0x82, 0, 0, 0 };
    const uint8_t *out;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    p.cut = 7;
    peer_feed(&p, request, sizeof request);
    assert_int_equal(nt_smb_server_pending(p.m, &out), 4);
    assert_memory_equal(out, positive, 4);
    nt_smb_server_sent(p.m, 4);
    peer_feed(&p, alive, sizeof alive);
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    assert_int_equal(p.negotiated.max_transact, 65536); /* no large messages there */
    peer_feed(&p, request, sizeof request);
    expect_closed(&p, "protocol error: not a frame of SMB");
    peer_close(&p);
}

static void a_peer_that_does_not_read_is_not_served_on(void **state)
{
    (void)state;
    static uint8_t echo[NT_SMB_FRAME_LEN + NT_SMB2_HEADER_LEN + 4];
    const uint8_t *out;
    struct peer p;
    struct nt_buf b;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_negotiate(&p, NT_SMB2_210));
    nt_buf_init(&b, sizeof echo);
    bool stopped = false;
    for (uint64_t id = 1; id < 10000 && !stopped; id++) {
        struct nt_smb2_header h = { .credits = 8, .command = NT_SMB2_ECHO, .message_id = id };
        nt_buf_clear(&b);
        nt_buf_u32be(&b, sizeof echo - NT_SMB_FRAME_LEN);
        nt_smb2_header_write(&b, &h);
        nt_smb2_empty_write(&b);
        stopped = nt_smb_server_feed(p.m, b.data, b.len, p.now_ms) < b.len;
    }
    assert_true(stopped);
    assert_in_range(nt_smb_server_pending(p.m, &out), 256 * 1024, 257 * 1024);
    nt_smb_server_sent(p.m, 200 * 1024);
    assert_int_equal(nt_smb_server_feed(p.m, b.data, b.len, p.now_ms), b.len);
    nt_buf_free(&b);
    peer_close(&p);
}

/* --- time --- */

static void a_silent_peer_is_dropped_at_its_deadline(void **state)
{
    (void)state;
    struct peer p;
    const char *why;
    assert_true(peer_open(&p, NULL));
    assert_int_equal(nt_smb_server_deadline(p.m), 1000 + 30000);
    p.now_ms = 20000; /* to negotiate is not to log on */
    assert_true(peer_negotiate(&p, NT_SMB2_311));
    assert_int_equal(nt_smb_server_deadline(p.m), 1000 + 30000);
    assert_int_equal(nt_smb_server_tick(p.m, 30999), NT_OK);
    assert_int_equal(nt_smb_server_tick(p.m, 31000), NT_E_TIMEOUT);
    assert_true(nt_smb_server_closed(p.m, &why));
    assert_string_equal(why, "no session in time");
    peer_close(&p);
}

static void an_idle_peer_is_dropped_later(void **state)
{
    (void)state;
    struct peer p;
    const char *why;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    assert_int_equal(nt_smb_server_deadline(p.m), 1000 + 900000);
    p.now_ms = 500000;
    peer_empty(&p, NT_SMB2_ECHO);
    assert_int_equal(nt_smb_server_tick(p.m, 901000), NT_OK);
    assert_int_equal(nt_smb_server_tick(p.m, 1400000), NT_E_TIMEOUT);
    assert_true(nt_smb_server_closed(p.m, &why));
    assert_string_equal(why, "idle for too long");
    peer_close(&p);
}

static void who_has_logged_off_must_log_on_again_in_time(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    p.now_ms = 500000;
    peer_empty(&p, NT_SMB2_LOGOFF);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(nt_smb_server_deadline(p.m), 530000);
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greatest_common_dialect_is_agreed_on),
        cmocka_unit_test(what_is_not_spoken_is_refused),
        cmocka_unit_test(dialect_3_1_1_needs_its_contexts),
        cmocka_unit_test(algorithms_are_the_clients_first_that_are_known),
        cmocka_unit_test(smb1_form_leads_to_smb2),
        cmocka_unit_test(smb1_alone_is_refused_without_an_answer),
        cmocka_unit_test(negotiation_comes_first_and_once),
        cmocka_unit_test(a_negotiation_is_validated),
        cmocka_unit_test(a_message_id_serves_once),
        cmocka_unit_test(credits_are_granted_up_to_the_limit),
        cmocka_unit_test(large_payloads_are_paid_for),
        cmocka_unit_test(answers_do_not_depend_on_how_bytes_arrive),
        cmocka_unit_test(frames_are_bounded),
        cmocka_unit_test(a_netbios_session_is_accepted),
        cmocka_unit_test(a_peer_that_does_not_read_is_not_served_on),
        cmocka_unit_test(a_silent_peer_is_dropped_at_its_deadline),
        cmocka_unit_test(an_idle_peer_is_dropped_later),
        cmocka_unit_test(who_has_logged_off_must_log_on_again_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
