/* The server machine: sessions, signing, encryption, tree connects. */
#include "../test.h"

#include "server_fixture.h"

static const uint16_t all_dialects[] = { NT_SMB2_202, NT_SMB2_210, NT_SMB2_300, NT_SMB2_302,
                                         NT_SMB2_311 };

static void expect(struct peer *p, ntstatus status)
{
    assert_true(peer_take(p));
    assert_string_equal(nt_status_name(p->h.status), nt_status_name(status));
}

static void open_negotiated(struct peer *p, uint16_t dialect, const struct nt_smb_limits *limits)
{
    assert_true(peer_open(p, limits));
    assert_true(peer_negotiate(p, dialect));
}

static bool is_signed(const struct peer *p)
{
    return (p->h.flags & NT_SMB2_FLAG_SIGNED) != 0;
}

/* --- signing --- */

static void a_session_is_signed_in_every_dialect_and_algorithm(void **state)
{
    (void)state;
    static const struct {
        uint16_t dialect, signing;
    } cases[] = {
        { NT_SMB2_202, 0 },
        { NT_SMB2_210, 0 },
        { NT_SMB2_300, 0 },
        { NT_SMB2_302, 0 },
        { NT_SMB2_311, NT_SMB_HMAC_SHA256 },
        { NT_SMB2_311, NT_SMB_AES_CMAC },
        { NT_SMB2_311, NT_SMB_AES_GMAC },
    };
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct nt_smb2_session_setup_rsp rsp;
        struct peer p;
        assert_true(peer_open(&p, NULL));
        p.signing = cases[i].signing;
        assert_true(peer_negotiate(&p, cases[i].dialect));
        assert_true(peer_logon(&p, "alice"));
        assert_true(is_signed(&p)); /* the last response already */
        assert_int_equal(nt_smb2_session_setup_rsp_read(p.msg, p.len, &rsp), NT_OK);
        assert_int_equal(rsp.session_flags, 0);
        assert_int_equal(rsp.token.len, 7);
        assert_true(peer_tree(&p, "\\\\dc\\IPC$") && is_signed(&p));
        assert_true(peer_create(&p, "lsarpc") && is_signed(&p));
        assert_true(p.opened.is_signed && !p.opened.is_encrypted && !p.opened.anonymous);
        assert_int_equal(p.opened.dialect, cases[i].dialect);
        assert_true(nt_secret_equal(&p.opened_key, &p.s->keys.application));
        assert_ptr_equal(p.opened.caller, &p.callers);
        peer_close(&p);
    }
}

static void what_is_not_signed_is_denied_and_not_done(void **state)
{
    (void)state;
    for (size_t i = 0; i < NT_COUNT(all_dialects); i++) {
        for (int spoil = 0; spoil < 2; spoil++) {
            struct peer p;
            assert_true(peer_open(&p, NULL));
            assert_true(peer_ready(&p, all_dialects[i], "alice"));
            p.sign = p.spoil = spoil != 0;
            peer_close_part(&p, 0);
            peer_send(&p);
            expect(&p, NT_STATUS(ACCESS_DENIED));
            assert_false(is_signed(&p));
            peer_empty(&p, NT_SMB2_LOGOFF);
            expect(&p, NT_STATUS(ACCESS_DENIED));
            peer_send_setup(&p, "hi", 0, 0); /* nor may a stranger authenticate it again */
            expect(&p, NT_STATUS(ACCESS_DENIED));
            assert_int_equal(p.closes, 0);
            p.sign = true;
            p.spoil = false;
            peer_close_part(&p, 0);
            peer_send(&p);
            expect(&p, NT_STATUS(SUCCESS));
            assert_int_equal(p.closes, 1);
            peer_close(&p);
        }
    }
}

static void nobody_need_not_sign_but_may(void **state)
{
    (void)state;
    struct nt_smb2_session_setup_rsp rsp;
    struct peer p;
    for (size_t i = 0; i < NT_COUNT(all_dialects); i++) {
        open_negotiated(&p, all_dialects[i], NULL);
        assert_true(peer_logon(&p, ""));
        assert_false(is_signed(&p));
        assert_int_equal(nt_smb2_session_setup_rsp_read(p.msg, p.len, &rsp), NT_OK);
        assert_int_equal(rsp.session_flags, NT_SMB2_SESSION_NULL);
        assert_true(peer_tree(&p, "\\\\dc\\IPC$") && peer_create(&p, "lsarpc"));
        assert_false(is_signed(&p));
        assert_true(p.opened.anonymous);
        assert_null(p.opened.session_key);
        p.sign = true;
        assert_true(peer_create(&p, "samr") && is_signed(&p));
        p.spoil = true;
        assert_false(peer_create(&p, "samr"));
        assert_string_equal(nt_status_name(p.h.status), "ACCESS_DENIED");
        peer_close(&p);
    }
    open_negotiated(&p, NT_SMB2_311, NULL);
    p.keyless = true;
    assert_true(peer_logon(&p, "") && peer_tree(&p, "\\\\dc\\IPC$"));
    p.sign = true; /* with what? */
    assert_false(peer_create(&p, "samr"));
    assert_string_equal(nt_status_name(p.h.status), "ACCESS_DENIED");
    peer_close(&p);
}

static void a_user_without_a_key_gets_no_session(void **state)
{
    (void)state;
    struct peer p;
    open_negotiated(&p, NT_SMB2_311, NULL);
    p.keyless = true;
    assert_false(peer_logon(&p, "alice"));
    assert_string_equal(nt_status_name(p.h.status), "ACCESS_DENIED");
    peer_close(&p);
}

/* --- set-up --- */

static void a_failed_logon_says_why_and_leaves_nothing(void **state)
{
    (void)state;
    static const ntstatus why[] = {
        { (uint32_t)NT_STATUS_CODE_LOGON_FAILURE },
        { (uint32_t)NT_STATUS_CODE_NOLOGON_INTERDOMAIN_TRUST_ACCOUNT },
        { (uint32_t)NT_STATUS_CODE_NOLOGON_WORKSTATION_TRUST_ACCOUNT },
    };
    struct peer p;
    open_negotiated(&p, NT_SMB2_311, NULL);
    for (size_t i = 0; i < NT_COUNT(why); i++) {
        p.say = why[i];
        assert_false(peer_logon(&p, "EAST$"));
        assert_int_equal(p.h.status.code, why[i].code);
        assert_false(is_signed(&p));
        assert_int_equal(toy_live, 0);
        peer_send_setup(&p, "EAST$", 0, 0);
        expect(&p, NT_STATUS(USER_SESSION_DELETED));
    }
    p.say = NT_STATUS(SUCCESS);
    assert_true(peer_logon(&p, "alice"));
    peer_close(&p);
}

static void an_answer_may_take_its_time(void **state)
{
    (void)state;
    struct nt_sec_answer late = { .status = NT_STATUS(SUCCESS) };
    struct peer p;
    open_negotiated(&p, NT_SMB2_311, NULL);
    p.silent = true;
    assert_false(peer_logon(&p, "alice")); /* no answer yet */
    peer_send_setup(&p, "alice", 0, 0);
    expect(&p, NT_STATUS(REQUEST_NOT_ACCEPTED));
    assert_int_equal(nt_smb_server_tick(p.m, 100000), NT_OK); /* it is not the client's fault */
    assert_int_equal(nt_smb_server_answer(p.m, p.ask_id + 1, &late), NT_E_NOT_FOUND);
    owner_answer(&p, p.ask_id);
    assert_true(peer_take(&p) && is_signed(&p));
    assert_int_equal(p.h.flags & NT_SMB2_FLAG_ASYNC, 0);
    assert_int_equal(nt_smb_server_answer(p.m, p.ask_id, &late), NT_E_NOT_FOUND);
    p.sign = true;
    assert_true(peer_tree(&p, "\\\\dc\\IPC$"));
    peer_close(&p);

    open_negotiated(&p, NT_SMB2_202, NULL); /* and the connection may end before */
    p.silent = true;
    assert_false(peer_logon(&p, "alice"));
    peer_close(&p);
}

static void sessions_on_one_connection_are_strangers(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    p.s = &p.second;
    assert_true(peer_logon(&p, "bob"));
    assert_int_not_equal(p.first.id, p.second.id);
    p.s->tree = p.first.tree;
    p.s->fid = p.first.fid;
    peer_close_part(&p, 0);
    peer_send(&p);
    expect(&p, NT_STATUS(NETWORK_NAME_DELETED));
    assert_true(peer_tree(&p, "\\\\dc\\IPC$"));
    peer_close_part(&p, 0);
    peer_send(&p);
    expect(&p, NT_STATUS(FILE_CLOSED));
    p.second.keys = p.first.keys;
    assert_false(peer_create(&p, "samr"));
    assert_string_equal(nt_status_name(p.h.status), "ACCESS_DENIED");
    p.s = &p.first;
    assert_true(peer_create(&p, "samr"));
    peer_close(&p);
}

static void sessions_and_set_ups_are_limited(void **state)
{
    (void)state;
    struct nt_smb_limits lim = nt_smb_limits_default;
    struct peer p;
    lim.max_sessions = 3;
    lim.max_setups = 2;
    open_negotiated(&p, NT_SMB2_311, &lim);
    assert_true(peer_logon(&p, "alice"));
    p.sign = false;
    p.s = &p.second;
    for (int i = 0; i < 2; i++) {
        p.s->id = 0;
        peer_send_setup(&p, "hi", 0, 0);
        expect(&p, NT_STATUS(MORE_PROCESSING_REQUIRED));
    }
    p.s->id = 0;
    peer_send_setup(&p, "hi", 0, 0);
    expect(&p, NT_STATUS(TOO_MANY_SESSIONS));
    /* Those that do not go on are dropped, and the others not. */
    assert_int_equal(nt_smb_server_deadline(p.m), 31000);
    p.now_ms = 31000;
    assert_int_equal(nt_smb_server_tick(p.m, 31000), NT_OK);
    assert_true(peer_logon(&p, "bob"));
    p.s = &p.first;
    assert_true(peer_tree(&p, "\\\\dc\\IPC$"));
    peer_close(&p);
}

/* Once more in an established session. */
static void again(struct peer *p, const char *user)
{
    peer_send_setup(p, "hi", 0, 0);
    expect(p, NT_STATUS(MORE_PROCESSING_REQUIRED));
    assert_true(is_signed(p));
    peer_send_setup(p, user, 0, 0);
    assert_true(peer_take(p));
}

static void authenticating_again_keeps_keys_and_pipes(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    again(&p, "alice");
    assert_true(nt_status_ok(p.h.status) && is_signed(&p));
    assert_int_equal(p.callers, 2); /* the open pipe is still the first one's */
    assert_int_equal(p.closes, 0);
    peer_close_part(&p, 0);
    peer_send(&p);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.callers, 1);
    assert_true(peer_create(&p, "samr"));
    peer_close(&p);
}

static void failing_to_authenticate_again_ends_the_session(void **state)
{
    (void)state;
    struct peer p;
    for (int nobody = 0; nobody < 2; nobody++) {
        assert_true(peer_open(&p, NULL));
        assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
        p.say = nobody ? NT_STATUS(SUCCESS) : NT_STATUS(LOGON_FAILURE);
        again(&p, nobody ? "" : "alice");
        assert_string_equal(nt_status_name(p.h.status), nobody ? "ACCESS_DENIED" : "LOGON_FAILURE");
        assert_int_equal(owner_turn(&p), 0);
        assert_int_equal(p.closes, 1);
        assert_int_equal(p.callers, 0);
        assert_false(peer_tree(&p, "\\\\dc\\IPC$"));
        assert_string_equal(nt_status_name(p.h.status), "USER_SESSION_DELETED");
        peer_close(&p);
    }
}

static void a_session_that_the_client_has_lost_ends(void **state)
{
    (void)state;
    static const char *const users[] = { "bob", "ALICE" };
    for (size_t i = 0; i < NT_COUNT(users); i++) {
        struct peer p;
        assert_true(peer_open(&p, NULL));
        assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
        p.s = &p.second;
        assert_true(peer_logon_after(&p, users[i], p.first.id));
        assert_int_equal(p.closes, i);
        p.s = &p.first;
        assert_int_equal(peer_create(&p, "samr"), i == 0);
        peer_close(&p);
    }
}

static void sessions_are_not_bound_to_a_second_connection(void **state)
{
    (void)state;
    struct peer p;
    open_negotiated(&p, NT_SMB2_311, NULL);
    p.s->id = UINT64_C(0x1234567812345678);
    peer_derive(&p);
    p.sign = true;
    peer_send_setup(&p, "hi", 0, NT_SMB2_SESSION_BINDING);
    expect(&p, NT_STATUS(REQUEST_NOT_ACCEPTED));
    peer_send_setup(&p, "hi", 0, 0);
    expect(&p, NT_STATUS(USER_SESSION_DELETED));
    peer_close(&p);
}

static void logging_off_closes_everything(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    assert_true(peer_create(&p, "samr"));
    peer_read_part(&p, 100, 0);
    peer_send(&p);
    peer_empty(&p, NT_SMB2_LOGOFF);
    expect(&p, NT_STATUS(SUCCESS));
    assert_true(is_signed(&p));
    expect(&p, NT_STATUS(CANCELLED));
    assert_int_equal(p.closes, 2);
    assert_int_equal(p.callers, 0);
    peer_empty(&p, NT_SMB2_LOGOFF);
    expect(&p, NT_STATUS(USER_SESSION_DELETED));
    peer_close(&p);
}

/* --- encryption --- */

static void answers_to_encrypted_requests_are_encrypted(void **state)
{
    (void)state;
    static const struct {
        uint16_t dialect, cipher;
    } cases[] = {
        { NT_SMB2_300, 0 },
        { NT_SMB2_302, 0 },
        { NT_SMB2_311, NT_SMB_AES128_CCM },
        { NT_SMB2_311, NT_SMB_AES128_GCM },
        { NT_SMB2_311, NT_SMB_AES256_CCM },
        { NT_SMB2_311, NT_SMB_AES256_GCM },
    };
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        struct peer p;
        assert_true(peer_open(&p, NULL));
        p.cipher = cases[i].cipher;
        p.echo = true;
        assert_true(peer_ready(&p, cases[i].dialect, "alice"));
        assert_false(p.frame_encrypted);
        p.encrypt = true;
        assert_true(peer_create(&p, "samr"));
        assert_true(p.frame_encrypted && !is_signed(&p));
        assert_true(p.opened.is_encrypted && !p.opened.is_signed);
        peer_send_transceive(&p, "secret", 4280);
        expect(&p, NT_STATUS(SUCCESS));
        assert_true(p.frame_encrypted);
        assert_string_equal(peer_text(&p), "secret");
        peer_create_part(&p, "nothing", 0); /* failures too, and compounds as one */
        peer_close_part(&p, NT_SMB2_FLAG_RELATED);
        peer_send(&p);
        expect(&p, NT_STATUS(OBJECT_NAME_NOT_FOUND));
        assert_true(p.frame_encrypted && p.h.next != 0);
        expect(&p, NT_STATUS(OBJECT_NAME_NOT_FOUND));
        peer_empty(&p, NT_SMB2_LOGOFF);
        expect(&p, NT_STATUS(SUCCESS));
        assert_true(p.frame_encrypted);
        peer_close(&p);
    }
}

static void what_cannot_be_decrypted_ends_the_connection(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct peer p;
        const char *why;
        assert_true(peer_open(&p, NULL));
        p.cipher = i == 3 ? 0 : NT_SMB_AES128_GCM;
        assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
        p.encrypt = true;
        p.spoil = i == 0;
        uint64_t id = p.s->id;
        nt_smb2_empty_write(peer_part(&p, NT_SMB2_ECHO, 0));
        if (i == 1) /* inside stands another session */
            p.b.data[40] ^= 1;
        if (i == 2) /* outside does */
            p.s->id ^= 1;
        if (i == 3) { /* 3.1.1 without a cipher agreed on */
            p.cipher = NT_SMB_AES128_GCM;
            peer_derive(&p);
        }
        peer_send(&p);
        assert_false(peer_take(&p));
        assert_true(nt_smb_server_closed(p.m, &why));
        assert_string_equal(why, i == 1 ? "protocol error: encrypted with another session's key"
                                        : "protocol error: a message that cannot be decrypted");
        p.s->id = id;
        peer_close(&p);
    }
}

/* --- trees --- */

static void only_ipc_is_shared(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool good;
    } cases[] = {
        { "\\\\dc\\IPC$", true },
        { "\\\\192.0.2.1\\ipc$", true },
        { "\\\\dc.east.example\\Ipc$", true },
        { "\\\\dc\\C$", false },
        { "\\\\dc\\IPC", false },
        { "\\\\dc\\IPC$\\x", false },
        { "\\\\dc\\x\\IPC$", false },
        { "\\\\IPC$", false },
        { "dc\\IPC$", false },
        { "IPC$", false },
        { "", false },
        { "\\\\dc\\", false },
    };
    struct peer p;
    open_negotiated(&p, NT_SMB2_311, NULL);
    assert_true(peer_logon(&p, "alice"));
    for (size_t i = 0; i < NT_COUNT(cases); i++) {
        assert_int_equal(peer_tree(&p, cases[i].path), cases[i].good);
        if (!cases[i].good)
            assert_string_equal(nt_status_name(p.h.status), "BAD_NETWORK_NAME");
    }
    peer_close(&p);
}

static void tree_connects_are_limited_and_end(void **state)
{
    (void)state;
    struct peer p;
    assert_true(peer_open(&p, NULL));
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    uint32_t first = p.s->tree;
    size_t count = 1;
    while (peer_tree(&p, "\\\\dc\\IPC$"))
        count++;
    assert_int_equal(count, 16);
    assert_string_equal(nt_status_name(p.h.status), "INSUFFICIENT_RESOURCES");
    p.s->tree = first;
    peer_empty(&p, NT_SMB2_TREE_DISCONNECT);
    expect(&p, NT_STATUS(SUCCESS));
    assert_int_equal(p.closes, 1);
    peer_empty(&p, NT_SMB2_TREE_DISCONNECT);
    expect(&p, NT_STATUS(NETWORK_NAME_DELETED));
    assert_true(peer_tree(&p, "\\\\dc\\IPC$"));
    peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_signed_in_every_dialect_and_algorithm),
        cmocka_unit_test(what_is_not_signed_is_denied_and_not_done),
        cmocka_unit_test(nobody_need_not_sign_but_may),
        cmocka_unit_test(a_user_without_a_key_gets_no_session),
        cmocka_unit_test(a_failed_logon_says_why_and_leaves_nothing),
        cmocka_unit_test(an_answer_may_take_its_time),
        cmocka_unit_test(sessions_on_one_connection_are_strangers),
        cmocka_unit_test(sessions_and_set_ups_are_limited),
        cmocka_unit_test(authenticating_again_keeps_keys_and_pipes),
        cmocka_unit_test(failing_to_authenticate_again_ends_the_session),
        cmocka_unit_test(a_session_that_the_client_has_lost_ends),
        cmocka_unit_test(sessions_are_not_bound_to_a_second_connection),
        cmocka_unit_test(logging_off_closes_everything),
        cmocka_unit_test(answers_to_encrypted_requests_are_encrypted),
        cmocka_unit_test(what_cannot_be_decrypted_ends_the_connection),
        cmocka_unit_test(only_ipc_is_shared),
        cmocka_unit_test(tree_connects_are_limited_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
