/*
 * test_client.c - the client machine with the server machine, and with somebody between them. That
 * it works with Samba is shown by tests/interop/test_smb_client.py.
 */
#include "../test.h"

#include <stdio.h>

#include "base/bytes.h"
#include "client_fixture.h"
#include "smb/client_internal.h"

static const uint16_t all_dialects[] = { NT_SMB2_202, NT_SMB2_210, NT_SMB2_300, NT_SMB2_302,
                                         NT_SMB2_311 };

static void start(struct wire *w, const struct nt_smb_client_config *more)
{
    assert_true(wire_open(w, more, NULL));
}

static void end(struct wire *w)
{
    wire_close(w);
    assert_int_equal(toy_live, 0);
}

static const struct nt_smb_client_config plain = { .max_dialect = 0 };

#define assert_status(got, name)                                                                   \
    assert_string_equal(nt_status_name(got), nt_status_name(NT_STATUS(name)))

static void ask(struct wire *w, uint32_t pipe, const char *text)
{
    assert_int_equal(
        nt_smb_client_write(w->c, pipe, (const uint8_t *)text, strlen(text), true, 1000, w->now_ms),
        NT_OK);
    wire_run(w);
}

static void assert_data(struct wire *w, const char *text)
{
    assert_int_equal(w->data_len, strlen(text));
    assert_memory_equal(w->data, text, strlen(text));
    w->data_len = 0;
}

/* --- what works --------------------------------------------------------------------------- */

static void every_dialect_carries_a_pipe_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(all_dialects); i++) {
        struct wire w;
        start(&w, &(struct nt_smb_client_config){ .max_dialect = all_dialects[i] });
        w.server.echo = true;
        assert_true(wire_pipe(&w, "lsarpc"));
        assert_int_equal(nt_smb_client_dialect(w.c), all_dialects[i]);
        assert_true(nt_smb_client_is_signed(w.c));
        assert_false(nt_smb_client_is_encrypted(w.c));
        assert_true(w.server.opened.is_signed);
        ask(&w, w.pipe, "a question");
        assert_data(&w, "a question");
        const struct nt_secret *key = nt_smb_client_session_key(w.c);
        assert_non_null(key);
        assert_true(nt_secret_equal(key, &w.server.opened_key));
        end(&w);
    }
}

/* [MS-SMB2] 2.2.4: SystemTime of the negotiation's answer, ten minutes later. */
static void ten_minutes_on(void *ctx, bool from_server, unsigned number, uint8_t *msg, size_t len)
{
    (void)ctx;
    uint8_t *at = msg + 64 + 40;
    if (from_server && number == 0 && len >= 64 + 48)
        nt_put_le64(at, nt_le64(at) + 10 * NT_TIME_MINUTE);
}

static void the_servers_clock_is_told_even_when_the_session_fails(void **state)
{
    (void)state;
    struct wire w;
    int64_t ahead;
    start(&w, &(struct nt_smb_client_config){ .max_dialect = 0 });
    assert_false(nt_smb_client_clock(w.c, &ahead));
    w.between = ten_minutes_on; /* which breaks what both signed of the negotiation */
    assert_false(wire_pipe(&w, "lsarpc"));
    assert_true(nt_smb_client_clock(w.c, &ahead));
    assert_int_equal(ahead, 10 * NT_TIME_MINUTE);
    end(&w);
    start(&w, &(struct nt_smb_client_config){ .max_dialect = 0 });
    assert_true(wire_pipe(&w, "lsarpc"));
    assert_true(nt_smb_client_clock(w.c, &ahead));
    assert_int_equal(ahead, 0);
    end(&w);
}

static void encryption_is_taken_where_it_is_wanted_and_possible(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(all_dialects); i++) {
        struct wire w;
        bool can = all_dialects[i] >= NT_SMB2_300;
        start(&w, &(struct nt_smb_client_config){ .max_dialect = all_dialects[i],
                                                  .encrypt = NT_SMB_ENCRYPT_IF_POSSIBLE });
        w.server.echo = true;
        assert_true(wire_pipe(&w, "lsarpc"));
        assert_int_equal(nt_smb_client_is_encrypted(w.c), can);
        assert_int_equal(w.server.opened.is_encrypted, can);
        ask(&w, w.pipe, "secret");
        assert_data(&w, "secret");
        end(&w);

        start(&w, &(struct nt_smb_client_config){ .max_dialect = all_dialects[i],
                                                  .encrypt = NT_SMB_ENCRYPT_ALWAYS });
        wire_run(&w);
        assert_int_equal(w.ready, can);
        assert_int_equal(w.failed, !can);
        if (!can) {
            assert_int_equal(w.step, NT_SMB_STEP_SIGNING);
            assert_status(w.status, DOWNGRADE_DETECTED);
        }
        end(&w);
    }
}

static void bytes_may_come_one_by_one(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    w.cut = 1;
    w.server.echo = true;
    assert_true(wire_pipe(&w, "samr"));
    ask(&w, w.pipe, "piecemeal");
    assert_data(&w, "piecemeal");
    end(&w);
}

static void pipes_of_a_session_are_told_apart(void **state)
{
    struct wire w;
    uint32_t pipes[NT_SMB_CLIENT_PIPES], more;
    (void)state;
    start(&w, &plain);
    w.server.echo = true;
    for (size_t i = 0; i < NT_SMB_CLIENT_PIPES; i++) {
        assert_true(wire_pipe(&w, i % 2 ? "lsarpc" : "samr"));
        pipes[i] = w.pipe;
    }
    assert_int_equal(nt_smb_client_open(w.c, "samr", 1000, w.now_ms, &more), NT_E_LIMIT);
    for (size_t i = 0; i < NT_SMB_CLIENT_PIPES; i++) {
        char text[2] = { (char)('a' + i), 0 };
        ask(&w, pipes[i], text);
        assert_data(&w, text);
    }
    nt_smb_client_close(w.c, pipes[3], w.now_ms);
    assert_int_equal(nt_smb_client_write(w.c, pipes[3], (const uint8_t *)"x", 1, true, 1, w.now_ms),
                     NT_E_NOT_FOUND);
    wire_run(&w);
    assert_int_equal(w.server.closes, 1);
    assert_int_equal(w.closed, 0); /* who closes it need not be told */
    assert_true(wire_pipe(&w, "netlogon"));
    assert_int_not_equal(w.pipe, pipes[3]);
    end(&w);
}

static void a_message_longer_than_a_read_comes_in_pieces(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    assert_true(wire_pipe(&w, "lsarpc"));
    w.c->max_data = 5;
    ask(&w, w.pipe, "q");
    assert_int_equal(w.data_len, 0);
    assert_int_equal(nt_smb_server_pipe_put(w.server.m, w.server.opened.pipe,
                                            (const uint8_t *)"0123456789AB", 12),
                     NT_OK);
    wire_run(&w);
    assert_data(&w, "0123456789AB");
    assert_int_equal(w.pieces, 3);
    end(&w);
}

static void a_written_message_may_be_answered_by_a_read(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    w.server.echo = true;
    assert_true(wire_pipe(&w, "lsarpc"));
    assert_int_equal(
        nt_smb_client_write(w.c, w.pipe, (const uint8_t *)"one", 3, false, 1000, w.now_ms), NT_OK);
    assert_int_equal(nt_smb_client_read(w.c, w.pipe, 1000, w.now_ms), NT_OK);
    wire_run(&w);
    assert_data(&w, "one");
    end(&w);
}

/* [MS-SMB2] 3.2.5.1.5: the interim answer is not the answer. */
static void a_request_may_be_put_off(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    assert_true(wire_pipe(&w, "lsarpc"));
    ask(&w, w.pipe, "slow one");
    unsigned before = w.down;
    assert_int_equal(nt_smb_server_tick(w.server.m, nt_smb_server_deadline(w.server.m)), NT_OK);
    wire_run(&w);
    assert_int_equal(w.down, before + 1); /* STATUS_PENDING */
    assert_int_equal(w.data_len, 0);
    assert_int_equal(
        nt_smb_server_pipe_put(w.server.m, w.server.opened.pipe, (const uint8_t *)"at last", 7),
        NT_OK);
    wire_run(&w);
    assert_data(&w, "at last");
    end(&w);
}

/* --- what fails, and how it is told ---------------------------------------------------------- */

static void a_refused_logon_is_a_matter_of_credentials(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    w.server.say = NT_STATUS(NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    wire_run(&w);
    assert_true(w.failed);
    assert_int_equal(w.step, NT_SMB_STEP_CREDENTIALS);
    assert_status(w.status, NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    assert_non_null(strstr(w.why, "right password, no logon"));
    end(&w);
}

static void a_pipe_that_is_not_there_leaves_the_session(void **state)
{
    struct wire w;
    uint32_t pipe;
    (void)state;
    start(&w, &plain);
    wire_run(&w);
    assert_int_equal(nt_smb_client_open(w.c, "spoolss", 1000, w.now_ms, &pipe), NT_OK);
    wire_run(&w);
    assert_int_equal(w.closed, 1);
    assert_status(w.status, OBJECT_NAME_NOT_FOUND);
    assert_non_null(strstr(w.why, "the pipe spoolss cannot be opened"));
    assert_true(wire_pipe(&w, "lsarpc"));
    end(&w);
}

static void an_ended_pipe_leaves_the_session(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    assert_true(wire_pipe(&w, "lsarpc"));
    uint32_t first = w.pipe;
    nt_smb_server_pipe_end(w.server.m, w.server.opened.pipe);
    ask(&w, first, "anybody?");
    assert_int_equal(w.closed, 1);
    assert_int_equal(nt_smb_client_read(w.c, first, 1, w.now_ms), NT_E_NOT_FOUND);
    assert_true(wire_pipe(&w, "samr"));
    end(&w);
}

static void silence_ends_at_its_deadline(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    assert_int_equal(nt_smb_client_deadline(w.c), w.now_ms + 10000);
    nt_smb_client_tick(w.c, w.now_ms + 9999);
    wire_events(&w);
    assert_false(w.failed);
    assert_true(wire_pipe(&w, "lsarpc"));
    assert_true(nt_smb_client_deadline(w.c) == UINT64_MAX);
    ask(&w, w.pipe, "?");
    assert_int_equal(nt_smb_client_deadline(w.c), w.now_ms + 1000);
    nt_smb_client_tick(w.c, w.now_ms + 1000);
    wire_events(&w);
    assert_true(w.failed);
    assert_int_equal(w.step, NT_SMB_STEP_NETWORK);
    assert_status(w.status, IO_TIMEOUT);
    assert_int_equal(nt_smb_client_open(w.c, "samr", 1, 1, &w.pipe), NT_E_STATE);
    end(&w);
}

static void a_broken_connection_says_when(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    nt_smb_client_eof(w.c);
    wire_events(&w);
    assert_status(w.status, CONNECTION_ABORTED);
    assert_non_null(strstr(w.why, "during the negotiation"));
    end(&w);
}

static void what_is_not_smb_ends_it(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum nt_smb_step step;
    } rows[] = { { "HTTP/1.1 400", 12, NT_SMB_STEP_NETWORK },
                 { "\0\0\0\4\xff"
                   "SMB",
                   8, NT_SMB_STEP_DIALECT },
                 { "\0\xff\xff\xff", 4, NT_SMB_STEP_NETWORK },
                 { "\0\0\0\0", 4, NT_SMB_STEP_NETWORK },
                 { "\0\0\0\5hello", 9, NT_SMB_STEP_NETWORK } };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(rows); i++) {
        struct wire w;
        start(&w, &plain);
        wire_to_client(&w, (const uint8_t *)rows[i].bytes, rows[i].len);
        wire_events(&w);
        assert_true(w.failed);
        assert_int_equal(w.step, rows[i].step);
        end(&w);
    }
}

/* --- somebody between ------------------------------------------------------------------------ */

struct flip {
    bool from_server;
    unsigned number;
    size_t bit;
    bool done;
};

static void flip_bit(void *ctx, bool from_server, unsigned number, uint8_t *msg, size_t len)
{
    struct flip *f = ctx;
    if (from_server != f->from_server || number != f->number || f->bit / 8 >= len)
        return;
    msg[f->bit / 8] ^= (uint8_t)(1u << f->bit % 8);
    f->done = true;
}

/* 3.1.1: no message before the session's keys may be changed by anybody, in either direction. */
static void no_bit_of_the_set_up_can_be_changed(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++)
        for (unsigned number = 0; number < 3; number++)
            for (size_t bit = 3;; bit += 11) {
                struct flip f = { .from_server = way == 1, .number = number, .bit = bit };
                struct wire w;
                start(&w, &plain);
                w.between = flip_bit;
                w.ctx = &f;
                wire_run(&w);
                assert_true(!f.done || !w.ready);
                end(&w);
                if (!f.done)
                    break;
            }
}

/* Nor any of the session, signed or sealed, in any dialect. */
static void no_bit_of_an_answer_can_be_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(all_dialects); i++)
        for (unsigned seal = 0; seal < 2; seal++)
            for (size_t bit = 1;; bit += 13) {
                struct flip f = { .from_server = true, .bit = bit };
                struct wire w;
                start(&w,
                      &(struct nt_smb_client_config){ .max_dialect = all_dialects[i],
                                                      .encrypt = seal ? NT_SMB_ENCRYPT_IF_POSSIBLE
                                                                      : NT_SMB_ENCRYPT_IF_ASKED });
                w.server.echo = true;
                assert_true(wire_pipe(&w, "lsarpc"));
                w.between = flip_bit;
                w.ctx = &f;
                f.number = w.down;
                ask(&w, w.pipe, "a question");
                assert_true(!f.done || w.failed);
                assert_true(!f.done || w.data_len == 0);
                end(&w);
                if (!f.done)
                    break;
            }
}

/* Takes 3.1.1, and then whatever else, out of the client's offer. */
static void take_dialects_away(void *ctx, bool from_server, unsigned number, uint8_t *msg,
                               size_t len)
{
    const uint16_t *most = ctx;
    if (from_server || number != 0)
        return;
    for (size_t at = NT_SMB2_HEADER_LEN + 36; at + 2 <= len && at < NT_SMB2_HEADER_LEN + 46;
         at += 2)
        if (nt_le16(msg + at) > *most)
            nt_put_le16(msg + at, *most);
}

static void a_downgrade_is_found_out(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < NT_COUNT(all_dialects); i++) {
        uint16_t most = all_dialects[i];
        struct wire w;
        start(&w, &plain);
        w.between = take_dialects_away;
        w.ctx = &most;
        wire_run(&w);
        assert_int_equal(nt_smb_client_dialect(w.c), most);
        assert_true(w.failed);
        assert_false(w.ready);
        assert_int_equal(w.step, NT_SMB_STEP_SIGNING);
        end(&w);
    }
}

/* Says that a signed answer is none. */
static void unsign(void *ctx, bool from_server, unsigned number, uint8_t *msg, size_t len)
{
    (void)ctx;
    (void)number;
    if (from_server && len >= NT_SMB2_HEADER_LEN)
        msg[16] &= (uint8_t)~NT_SMB2_FLAG_SIGNED;
}

static void unsigned_answers_are_not_taken(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    assert_true(wire_pipe(&w, "lsarpc"));
    w.server.echo = true;
    w.between = unsign;
    ask(&w, w.pipe, "?");
    assert_true(w.failed);
    assert_int_equal(w.step, NT_SMB_STEP_SIGNING);
    assert_int_equal(w.data_len, 0);
    end(&w);

    start(&w, &plain); /* nor the one that ends the session set-up */
    w.between = unsign;
    wire_run(&w);
    assert_false(w.ready);
    assert_int_equal(w.step, NT_SMB_STEP_SIGNING);
    end(&w);
}

/* A guest's session proves nothing about the credentials, nor about the server. */
static void let_in_as_guest(void *ctx, bool from_server, unsigned number, uint8_t *msg, size_t len)
{
    (void)ctx;
    if (from_server && number == 2 && len > NT_SMB2_HEADER_LEN + 4)
        msg[NT_SMB2_HEADER_LEN + 2] = NT_SMB2_SESSION_GUEST;
}

static void a_guest_session_is_refused(void **state)
{
    struct wire w;
    (void)state;
    start(&w, &plain);
    w.between = let_in_as_guest;
    wire_run(&w);
    assert_false(w.ready);
    assert_int_equal(w.step, NT_SMB_STEP_CREDENTIALS);
    assert_non_null(strstr(w.why, "guest"));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_carries_a_pipe_signed),
        cmocka_unit_test(the_servers_clock_is_told_even_when_the_session_fails),
        cmocka_unit_test(encryption_is_taken_where_it_is_wanted_and_possible),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(pipes_of_a_session_are_told_apart),
        cmocka_unit_test(a_message_longer_than_a_read_comes_in_pieces),
        cmocka_unit_test(a_written_message_may_be_answered_by_a_read),
        cmocka_unit_test(a_request_may_be_put_off),
        cmocka_unit_test(a_refused_logon_is_a_matter_of_credentials),
        cmocka_unit_test(a_pipe_that_is_not_there_leaves_the_session),
        cmocka_unit_test(an_ended_pipe_leaves_the_session),
        cmocka_unit_test(silence_ends_at_its_deadline),
        cmocka_unit_test(a_broken_connection_says_when),
        cmocka_unit_test(what_is_not_smb_ends_it),
        cmocka_unit_test(no_bit_of_the_set_up_can_be_changed),
        cmocka_unit_test(no_bit_of_an_answer_can_be_changed),
        cmocka_unit_test(a_downgrade_is_found_out),
        cmocka_unit_test(unsigned_answers_are_not_taken),
        cmocka_unit_test(a_guest_session_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
