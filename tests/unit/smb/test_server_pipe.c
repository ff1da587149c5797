/* The server machine: pipes and what moves through them. */
#include "../test.h"

#include "server_fixture.h"

static void expect(struct peer *p, ntstatus status)
{
    assert_true(peer_take(p));
    assert_string_equal(nt_status_name(p->h.status), nt_status_name(status));
}

static void expect_text(struct peer *p, ntstatus status, const char *text)
{
    expect(p, status);
    assert_string_equal(peer_text(p), text);
}

static void open_ready(struct peer *p, const struct nt_smb_limits *limits)
{
    assert_true(peer_open(p, limits));
    assert_true(peer_ready(p, NT_SMB2_311, "alice"));
}

static enum nt_err put(struct peer *p, const char *text)
{
    return nt_smb_server_pipe_put(p->m, p->opened.pipe, (const uint8_t *)text, strlen(text));
}

static void send_read(struct peer *p, uint32_t length)
{
    peer_read_part(p, length, 0);
    peer_send(p);
}

static void send_write(struct peer *p, const char *text)
{
    peer_write_part(p, text, 0);
    peer_send(p);
}

static void send_close(struct peer *p)
{
    peer_close_part(p, 0);
    peer_send(p);
}

/* --- create --- */

static void pipes_are_found_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *found;
    } cases[] = {
        { "lsarpc", "lsarpc" },   { "LsaRpc", "lsarpc" },
        { "\\lsarpc", "lsarpc" }, { "\\PIPE\\samr", "samr" },
        { "pipe\\samr", "samr" }, { "netlogon", "netlogon" },
        { "lsarp", NULL },        { "lsarpc2", NULL },
        { "pipe\\", NULL },       { "\\pipe\\pipe\\samr", NULL },
        { "..\\lsarpc", NULL },   { "\\\\lsarpc", NULL },
    };
    struct peer p;
    open_ready(&p, NULL);
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        bool good = peer_create(&p, cases[i].name);
        assert_int_equal(good, cases[i].found != NULL);
        if (good)
            assert_string_equal(p.opened.name, cases[i].found);
        else
            assert_string_equal(nt_status_name(p.h.status), "OBJECT_NAME_NOT_FOUND");
    }
    peer_close(&p);
}

static void odd_ways_to_open_are_refused(void **state)
{
    (void)state;
    const struct nt_smb2_create_req good = { .impersonation = 2,
                                             .access = 1,
                                             .disposition = NT_SMB2_FILE_OPEN };
    uint8_t text[32];
    struct peer p;
    open_ready(&p, NULL);
    for (int i = 0; i < 6; i++) {
        static const uint32_t want[] = { NT_STATUS_CODE_SUCCESS,
                                         (uint32_t)NT_STATUS_CODE_BAD_IMPERSONATION_LEVEL,
                                         (uint32_t)NT_STATUS_CODE_OBJECT_NAME_COLLISION,
                                         (uint32_t)NT_STATUS_CODE_INVALID_PARAMETER,
                                         (uint32_t)NT_STATUS_CODE_NOT_A_DIRECTORY,
                                         NT_STATUS_CODE_SUCCESS };
        struct nt_smb2_create_req req = good;
        req.name = wide("samr", text);
        req.impersonation = i == 1 ? 4 : 2;
        req.disposition = i == 2 ? NT_SMB2_FILE_CREATE : i == 3 ? 6 : i == 5 ? 3 : 1;
        req.options = i == 4 ? 1 : 0x40;
        nt_smb2_create_req_write(peer_part(&p, NT_SMB2_CREATE, 0), &req);
        peer_send(&p);
        assert_true(peer_take(&p));
        assert_int_equal(p.h.status.code, want[i]);
    }
    peer_close(&p);
}

static void open_pipes_are_limited(void **state)
{
    (void)state;
    struct nt_smb_limits lim = nt_smb_limits_default;
    struct peer p;
    lim.max_pipes = 3;
    open_ready(&p, &lim);
    assert_true(peer_create(&p, "samr") && peer_create(&p, "samr"));
    assert_false(peer_create(&p, "samr"));
    assert_string_equal(nt_status_name(p.h.status), "INSUFFICIENT_RESOURCES");
    send_close(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_true(peer_create(&p, "samr"));
    assert_int_equal(p.opened.pipe, 4); /* an id does not come back */
    peer_close(&p);
}

/* --- messages --- */

static void a_transceive_is_answered_in_one_turn(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    p.echo = true;
    for (int i = 0; i < 3; i++) {
        peer_send_transceive(&p, "request", 4280);
        expect_text(&p, NT_STATUS(SUCCESS), "request");
        assert_int_equal(p.h.flags & NT_SMB2_FLAG_ASYNC, 0);
        assert_false(peer_take(&p));
    }
    peer_close(&p);
}

static void a_message_is_read_in_parts(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    p.echo = true;
    peer_send_transceive(&p, "0123456789", 4);
    expect_text(&p, NT_STATUS(BUFFER_OVERFLOW), "0123");
    peer_send_transceive(&p, "too early", 4);
    expect(&p, NT_STATUS(PIPE_BUSY));
    send_read(&p, 4);
    expect_text(&p, NT_STATUS(BUFFER_OVERFLOW), "4567");
    send_read(&p, 0);
    expect_text(&p, NT_STATUS(BUFFER_OVERFLOW), "");
    send_read(&p, 4);
    expect_text(&p, NT_STATUS(SUCCESS), "89");
    peer_close(&p);
}

static void one_read_gives_one_message(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    assert_int_equal(put(&p, "one"), NT_OK);
    assert_int_equal(put(&p, "two"), NT_OK);
    send_read(&p, 100);
    expect_text(&p, NT_STATUS(SUCCESS), "one");
    send_read(&p, 100);
    expect_text(&p, NT_STATUS(SUCCESS), "two");
    peer_close(&p);
}

static void in_byte_mode_a_part_is_no_overflow(void **state)
{
    (void)state;
    static const uint8_t mode[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    struct peer p;
    open_ready(&p, NULL);
    struct nt_buf *b = peer_part(&p, NT_SMB2_SET_INFO, 0);
    nt_buf_u16le(b, 33);
    nt_buf_u8(b, NT_SMB2_INFO_FILE);
    nt_buf_u8(b, NT_SMB2_FILE_PIPE);
    nt_buf_u32le(b, sizeof mode);
    nt_buf_u16le(b, NT_SMB2_HEADER_LEN + 32);
    nt_buf_zero(b, 6);
    nt_buf_u64le(b, p.s->fid.persistent);
    nt_buf_u64le(b, p.s->fid.temporary);
    nt_buf_put(b, mode, sizeof mode);
    peer_send(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(put(&p, "message"), NT_OK);
    send_read(&p, 4);
    expect_text(&p, NT_STATUS(SUCCESS), "mess");
    send_read(&p, 4);
    expect_text(&p, NT_STATUS(SUCCESS), "age");
    peer_close(&p);
}

static void writes_and_reads_do_as_well(void **state)
{
    (void)state;
    uint32_t count;
    struct peer p;
    open_ready(&p, NULL);
    send_write(&p, "half a ");
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(nt_smb2_write_rsp_read(p.msg, p.len, &count), NT_OK);
    assert_int_equal(count, 7);
    send_write(&p, "request");
    expect(&p, NT_STATUS(SUCCESS));
    send_write(&p, "");
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.data_len, 14);
    assert_memory_equal(p.data, "half a request", 14);
    send_read(&p, 100);
    assert_false(peer_take(&p));
    assert_int_equal(put(&p, "answer"), NT_OK);
    expect_text(&p, NT_STATUS(SUCCESS), "answer");
    peer_close(&p);
}

static void an_answer_goes_to_who_waits_longest(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    peer_send_transceive(&p, "a", 100);
    uint64_t first = p.message_id - 1;
    send_read(&p, 100);
    assert_int_equal(put(&p, "one"), NT_OK);
    expect_text(&p, NT_STATUS(SUCCESS), "one");
    assert_int_equal(p.h.message_id, first);
    assert_int_equal(put(&p, "two"), NT_OK);
    expect_text(&p, NT_STATUS(SUCCESS), "two");
    assert_int_equal(p.h.message_id, first + 1);
    peer_close(&p);
}

/* --- waiting --- */

static void who_waits_is_told_so_once(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    peer_send_transceive(&p, "a", 100);
    uint64_t id = p.message_id - 1;
    assert_false(peer_take(&p));
    assert_int_equal(nt_smb_server_deadline(p.m), 1100);
    assert_int_equal(nt_smb_server_tick(p.m, 1099), NT_OK);
    assert_false(peer_take(&p));
    assert_int_equal(nt_smb_server_tick(p.m, 1100), NT_OK);
    expect(&p, NT_STATUS(PENDING));
    assert_int_equal(p.h.message_id, id);
    assert_int_equal(p.h.flags, NT_SMB2_FLAG_RESPONSE | NT_SMB2_FLAG_ASYNC);
    assert_true(p.h.credits > 0);
    uint64_t async_id = p.h.async_id;
    assert_int_equal(nt_smb_server_tick(p.m, 5000), NT_OK);
    assert_false(peer_take(&p));
    assert_int_equal(put(&p, "late"), NT_OK);
    expect_text(&p, NT_STATUS(SUCCESS), "late");
    assert_int_equal(p.h.flags, NT_SMB2_FLAG_RESPONSE | NT_SMB2_FLAG_ASYNC | NT_SMB2_FLAG_SIGNED);
    assert_int_equal(p.h.async_id, async_id);
    assert_int_equal(p.h.credits, 0);
    assert_int_equal(p.h.message_id, id);
    peer_close(&p);
}

static void send_cancel(struct peer *p, uint64_t message_id, uint64_t async_id)
{
    struct nt_smb2_header h = { .command = NT_SMB2_CANCEL,
                                .flags = async_id != 0 ? NT_SMB2_FLAG_ASYNC : 0,
                                .message_id = message_id,
                                .async_id = async_id,
                                .session_id = p->s->id };
    p->part_at = 0;
    nt_smb2_header_write(&p->b, &h);
    nt_smb2_empty_write(&p->b);
    peer_send(p);
}

static void what_waits_can_be_cancelled(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    send_read(&p, 100);
    send_cancel(&p, p.message_id, 0); /* another's: nothing happens */
    assert_false(peer_take(&p));
    p.sign = false; /* a stranger's likewise */
    send_cancel(&p, p.message_id - 1, 0);
    p.sign = true;
    assert_false(peer_take(&p));
    send_cancel(&p, p.message_id - 1, 0);
    expect(&p, NT_STATUS(CANCELLED));
    send_read(&p, 100);
    (void)nt_smb_server_tick(p.m, 2000);
    expect(&p, NT_STATUS(PENDING));
    send_cancel(&p, 0, p.h.async_id + 1);
    assert_false(peer_take(&p));
    send_cancel(&p, 0, p.h.async_id);
    expect(&p, NT_STATUS(CANCELLED));
    assert_int_equal(p.h.flags & NT_SMB2_FLAG_ASYNC, NT_SMB2_FLAG_ASYNC);
    assert_false(peer_take(&p));
    assert_int_equal(put(&p, "x"), NT_OK);
    send_read(&p, 100);
    expect_text(&p, NT_STATUS(SUCCESS), "x");
    peer_close(&p);
}

static void a_full_owner_holds_the_pipe(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    p.keep = true;
    send_write(&p, "12345678");
    send_write(&p, "abc");
    assert_memory_equal(p.data, "1234", p.data_len);
    assert_false(peer_take(&p));
    p.keep = false;
    assert_int_equal(owner_turn(&p), 0);
    nt_smb_server_pipe_resume(p.m, p.opened.pipe);
    assert_int_equal(owner_turn(&p), 2);
    assert_int_equal(p.data_len, 11);
    assert_memory_equal(p.data, "12345678abc", 11);
    expect(&p, NT_STATUS(SUCCESS));
    expect(&p, NT_STATUS(SUCCESS));
    peer_close(&p);
}

static void a_write_in_part_taken_cannot_be_cancelled(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    p.keep = true;
    send_write(&p, "12345678");
    send_write(&p, "abc");
    send_cancel(&p, p.message_id - 2, 0);
    assert_false(peer_take(&p));
    send_cancel(&p, p.message_id - 1, 0);
    expect(&p, NT_STATUS(CANCELLED));
    p.keep = false;
    nt_smb_server_pipe_resume(p.m, p.opened.pipe);
    (void)owner_turn(&p);
    assert_memory_equal(p.data, "12345678", p.data_len);
    peer_close(&p);
}

static void requests_that_wait_are_limited(void **state)
{
    (void)state;
    struct nt_smb_limits lim = nt_smb_limits_default;
    struct peer p;
    lim.max_in_flight = 1000;
    open_ready(&p, &lim);
    int waiting = 0;
    do {
        send_read(&p, 100);
        waiting++;
    } while (!peer_take(&p) && waiting < 100);
    assert_in_range(waiting, 5, 15);
    assert_string_equal(nt_status_name(p.h.status), "INSUFFICIENT_RESOURCES");
    assert_int_equal(put(&p, "x"), NT_OK);
    expect_text(&p, NT_STATUS(SUCCESS), "x");
    send_read(&p, 100); /* room again */
    assert_false(peer_take(&p));
    peer_close(&p);
}

static void what_nobody_reads_is_limited(void **state)
{
    (void)state;
    static const uint8_t pdu[4000];
    struct peer p;
    open_ready(&p, NULL);
    size_t ready = 0, all = 0;
    while (nt_smb_server_pipe_put(p.m, p.opened.pipe, pdu, sizeof pdu) == NT_OK) {
        all++;
        ready += nt_smb_server_pipe_ready(p.m, p.opened.pipe);
    }
    assert_int_equal(all, 1024 * 1024 / sizeof pdu);
    assert_int_equal(ready, 64 * 1024 / sizeof pdu);
    assert_int_equal(put(&p, ""), NT_E_LIMIT);
    for (size_t i = ready; i <= all; i++) {
        assert_false(nt_smb_server_pipe_ready(p.m, p.opened.pipe));
        send_read(&p, 8000);
        expect(&p, NT_STATUS(SUCCESS));
        if (i + 1 >= all)
            break;
    }
    send_close(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(put(&p, "x"), NT_E_NOT_FOUND);
    assert_false(nt_smb_server_pipe_ready(p.m, p.opened.pipe));
    peer_close(&p);
}

static void an_answer_owed_keeps_the_connection(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    send_read(&p, 100); /* nobody owes this one */
    assert_int_equal(nt_smb_server_tick(p.m, 2000), NT_OK);
    assert_int_equal(nt_smb_server_deadline(p.m), 901000);
    peer_send_transceive(&p, "a", 100);
    assert_int_equal(nt_smb_server_tick(p.m, 3000), NT_OK);
    assert_int_equal(nt_smb_server_deadline(p.m), UINT64_MAX);
    assert_int_equal(put(&p, "x"), NT_OK);
    assert_int_equal(put(&p, "y"), NT_OK);
    assert_int_equal(nt_smb_server_deadline(p.m), 902000);
    peer_close(&p);
}

/* --- ends --- */

static void a_closed_pipe_is_gone(void **state)
{
    (void)state;
    struct nt_smb2_close_rsp rsp;
    struct peer p;
    open_ready(&p, NULL);
    send_read(&p, 100);
    send_close(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(nt_smb2_close_rsp_read(p.msg, p.len, &rsp), NT_OK);
    assert_int_equal(rsp.facts.attributes, NT_SMB2_ATTRIBUTE_NORMAL);
    expect(&p, NT_STATUS(CANCELLED));
    assert_int_equal(p.closed_pipe, p.opened.pipe);
    send_close(&p);
    expect(&p, NT_STATUS(FILE_CLOSED));
    peer_send_transceive(&p, "a", 100);
    expect(&p, NT_STATUS(FILE_CLOSED));
    send_read(&p, 100);
    expect(&p, NT_STATUS(FILE_CLOSED));
    send_write(&p, "a");
    expect(&p, NT_STATUS(FILE_CLOSED));
    peer_close(&p);
}

static void an_ended_association_is_read_to_its_end(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    assert_int_equal(put(&p, "a fault"), NT_OK);
    nt_smb_server_pipe_end(p.m, p.opened.pipe);
    assert_int_equal(put(&p, "more"), NT_E_NOT_FOUND);
    send_write(&p, "a");
    expect(&p, NT_STATUS(PIPE_DISCONNECTED));
    send_read(&p, 100);
    expect_text(&p, NT_STATUS(SUCCESS), "a fault");
    send_read(&p, 100);
    expect(&p, NT_STATUS(PIPE_DISCONNECTED));
    assert_int_equal(p.closes, 0);
    send_close(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.closes, 1);

    assert_true(peer_create(&p, "samr")); /* and those who wait learn it */
    send_read(&p, 100);
    p.keep = true;
    send_write(&p, "1234");
    nt_smb_server_pipe_end(p.m, p.opened.pipe);
    expect(&p, NT_STATUS(PIPE_DISCONNECTED));
    expect(&p, NT_STATUS(PIPE_DISCONNECTED));
    peer_close(&p);
}

static void a_pipe_opened_and_closed_in_one_turn_is_no_event(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    peer_create_part(&p, "samr", 0);
    peer_close_part(&p, NT_SMB2_FLAG_RELATED);
    peer_send(&p);
    expect(&p, NT_STATUS(SUCCESS));
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.opens, 1);
    assert_int_equal(p.closes, 0);
    peer_close(&p);
}

/* --- compounds --- */

static void related_requests_share_what_the_first_opened(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    p.echo = true;
    p.s->fid = (struct nt_smb2_fid){ UINT64_MAX, UINT64_MAX };
    peer_create_part(&p, "samr", 0);
    peer_write_part(&p, "question", NT_SMB2_FLAG_RELATED);
    peer_read_part(&p, 100, NT_SMB2_FLAG_RELATED);
    peer_ioctl_part(&p, NT_SMB2_FSCTL_PIPE_TRANSCEIVE, "again", 5, 100, NT_SMB2_FLAG_RELATED);
    peer_close_part(&p, NT_SMB2_FLAG_RELATED);
    peer_send(&p);
    static const uint16_t order[] = { NT_SMB2_CREATE, NT_SMB2_WRITE, NT_SMB2_READ, NT_SMB2_IOCTL,
                                      NT_SMB2_CLOSE };
    for (size_t i = 0; i < NT_COUNT(order); i++) {
        expect(&p, NT_STATUS(SUCCESS));
        assert_int_equal(p.h.command, order[i]);
        assert_true((p.h.flags & NT_SMB2_FLAG_SIGNED) != 0);
        assert_int_equal(p.h.session_id, p.s->id);
        if (i == 2)
            assert_string_equal(peer_text(&p), "question");
        if (i == 3)
            assert_string_equal(peer_text(&p), "again");
    }
    assert_false(peer_take(&p));
    assert_int_equal(p.opens, 2);
    assert_int_equal(p.closes, 1);
    peer_close(&p);
}

static void answers_to_a_compound_are_one_when_none_waits(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    assert_int_equal(put(&p, "odd"), NT_OK);
    peer_read_part(&p, 100, 0);
    nt_smb2_empty_write(peer_part(&p, NT_SMB2_ECHO, 0));
    peer_close_part(&p, 0);
    peer_send(&p);
    expect_text(&p, NT_STATUS(SUCCESS), "odd");
    assert_int_equal(p.h.next, 88); /* 64 + 16 + 3, at a multiple of 8 */
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_not_equal(p.h.next, 0);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.h.next, 0);
    peer_close(&p);
}

static void a_failed_request_fails_its_relatives(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    peer_create_part(&p, "nothing", 0);
    peer_write_part(&p, "a", NT_SMB2_FLAG_RELATED);
    peer_close_part(&p, NT_SMB2_FLAG_RELATED);
    peer_send(&p);
    for (int i = 0; i < 3; i++)
        expect(&p, NT_STATUS(OBJECT_NAME_NOT_FOUND));
    peer_close_part(&p, NT_SMB2_FLAG_RELATED); /* related to nothing */
    peer_send(&p);
    expect(&p, NT_STATUS(INVALID_PARAMETER));
    nt_smb2_empty_write(peer_part(&p, NT_SMB2_ECHO, 0));
    peer_close_part(&p, NT_SMB2_FLAG_RELATED);
    peer_send(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_true(peer_take(&p));
    assert_string_equal(nt_status_name(p.h.status), "INVALID_HANDLE");
    assert_int_equal(p.closes, 0);
    peer_close(&p);
}

static void a_compound_goes_on_when_its_request_was_answered(void **state)
{
    (void)state;
    struct peer p;
    open_ready(&p, NULL);
    peer_read_part(&p, 100, 0);
    peer_close_part(&p, NT_SMB2_FLAG_RELATED);
    peer_send(&p);
    assert_false(peer_take(&p));
    assert_int_equal(p.closes, 0);
    assert_int_equal(put(&p, "now"), NT_OK);
    expect_text(&p, NT_STATUS(SUCCESS), "now");
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(owner_turn(&p), 1);
    assert_int_equal(p.closes, 1);
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes_are_found_by_name),
        cmocka_unit_test(odd_ways_to_open_are_refused),
        cmocka_unit_test(open_pipes_are_limited),
        cmocka_unit_test(a_transceive_is_answered_in_one_turn),
        cmocka_unit_test(a_message_is_read_in_parts),
        cmocka_unit_test(one_read_gives_one_message),
        cmocka_unit_test(in_byte_mode_a_part_is_no_overflow),
        cmocka_unit_test(writes_and_reads_do_as_well),
        cmocka_unit_test(an_answer_goes_to_who_waits_longest),
        cmocka_unit_test(who_waits_is_told_so_once),
        cmocka_unit_test(what_waits_can_be_cancelled),
        cmocka_unit_test(a_full_owner_holds_the_pipe),
        cmocka_unit_test(a_write_in_part_taken_cannot_be_cancelled),
        cmocka_unit_test(requests_that_wait_are_limited),
        cmocka_unit_test(what_nobody_reads_is_limited),
        cmocka_unit_test(an_answer_owed_keeps_the_connection),
        cmocka_unit_test(a_closed_pipe_is_gone),
        cmocka_unit_test(an_ended_association_is_read_to_its_end),
        cmocka_unit_test(a_pipe_opened_and_closed_in_one_turn_is_no_event),
        cmocka_unit_test(related_requests_share_what_the_first_opened),
        cmocka_unit_test(answers_to_a_compound_are_one_when_none_waits),
        cmocka_unit_test(a_failed_request_fails_its_relatives),
        cmocka_unit_test(a_compound_goes_on_when_its_request_was_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
