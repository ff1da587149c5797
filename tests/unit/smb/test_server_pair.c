/* The server machine and our client machine, joined by bytes, with real NTLM in SPNEGO. */
#include "../test.h"

#include <string.h>

#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "crypto/sysenv.h"
#include "smb/client.h"
#include "smb/server.h"
#include "smb/smb2.h"

static const char *const pipes[] = { "lsarpc", "netlogon", NULL };

struct pair {
    struct nt_smb_server *s;
    struct nt_smb_client *c;
    size_t cut; /* bytes carried at once */
    uint64_t now_ms;
    struct nt_secret hash;
    struct nt_smb_event opened;
    struct nt_secret server_key;
    uint8_t to_server[65536], to_client[65536]; /* taken from one, not yet fed to the other */
    size_t to_server_len, to_client_len;
    bool ready, failed;
    ntstatus status;
    enum nt_smb_step step;
    uint32_t opens, closes; /* the client's */
    char text[70000];
    size_t text_len;
};

static struct nt_sec *make_sec(void *ctx)
{
    const struct nt_ntlm_server_config config = { .domain = "EAST",
                                                  .computer = "EASTDC",
                                                  .dns_domain = "",
                                                  .dns_computer = "",
                                                  .env = nt_env_system() };
    (void)ctx;
    return nt_sec_spnego_server(nt_sec_ntlm_server(&config));
}

static void answer(struct pair *p, const struct nt_smb_event *ev)
{
    struct nt_sec_answer a = { .status = NT_STATUS(SUCCESS) };
    const struct nt_sec_question *q = ev->question;

    if (!q->anonymous && nt_ntlmv2_verify(&p->hash, q->user, q->domain, q->challenge, q->nt,
                                          q->nt_len, &a.key) != NT_OK)
        a.status = NT_STATUS(LOGON_FAILURE);
    else if (strcmp(q->user, "WEST$") == 0)
        a.status = NT_STATUS(NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    assert_int_equal(nt_smb_server_answer(p->s, ev->ask_id, &a), NT_OK);
    nt_secret_wipe(&a.key);
}

/* An owner that gives back what it gets. */
static bool serve(struct pair *p)
{
    struct nt_smb_event ev;
    bool any = false;

    while (nt_smb_server_next(p->s, &ev)) {
        any = true;
        if (ev.kind == NT_SMB_ASK)
            answer(p, &ev);
        if (ev.kind == NT_SMB_OPEN) {
            p->opened = ev;
            p->server_key =
                ev.session_key != NULL ? *ev.session_key : (struct nt_secret){ .len = 0 };
        }
        if (ev.kind == NT_SMB_DATA)
            assert_int_equal(nt_smb_server_pipe_put(p->s, ev.pipe, ev.data, ev.len), NT_OK);
    }
    return any;
}

static bool hear(struct pair *p)
{
    struct nt_smb_client_event ev;
    bool any = false;

    while (nt_smb_client_next(p->c, &ev, p->now_ms)) {
        any = true;
        p->ready = p->ready || ev.kind == NT_SMB_CLIENT_READY;
        p->opens += ev.kind == NT_SMB_CLIENT_OPENED;
        p->closes += ev.kind == NT_SMB_CLIENT_CLOSED;
        if (ev.kind == NT_SMB_CLIENT_FAILED) {
            p->failed = true;
            p->step = ev.step;
        }
        if (ev.kind == NT_SMB_CLIENT_FAILED || ev.kind == NT_SMB_CLIENT_CLOSED)
            p->status = ev.status;
        if (ev.kind == NT_SMB_CLIENT_DATA) {
            assert_true(p->text_len + ev.len < sizeof p->text);
            memcpy(p->text + p->text_len, ev.data, ev.len);
            p->text_len += ev.len;
        }
    }
    return any;
}

/* What one end has to send, as far as it may be carried now, onto `to`; returns how much. */
static size_t carry(uint8_t *to, size_t *have, size_t room, const uint8_t *data, size_t len,
                    size_t cut)
{
    size_t n = len < cut ? len : cut;

    n = n < room - *have ? n : room - *have;
    if (n > 0)
        memcpy(to + *have, data, n);
    *have += n;
    return n;
}

static void drop_front(uint8_t *bytes, size_t *have, size_t n)
{
    *have -= n;
    memmove(bytes, bytes + n, *have);
}

static void settle(struct pair *p)
{
    const uint8_t *data;
    bool any = true;

    while (any) {
        any = hear(p);
        size_t len = nt_smb_client_pending(p->c, &data);
        size_t n = carry(p->to_server, &p->to_server_len, sizeof p->to_server, data, len, p->cut);
        nt_smb_client_sent(p->c, n);
        size_t took = nt_smb_server_feed(p->s, p->to_server, p->to_server_len, p->now_ms);
        drop_front(p->to_server, &p->to_server_len, took);
        any = serve(p) || any || n > 0 || took > 0;

        len = nt_smb_server_pending(p->s, &data);
        n = carry(p->to_client, &p->to_client_len, sizeof p->to_client, data, len, p->cut);
        nt_smb_server_sent(p->s, n);
        took = nt_smb_client_feed(p->c, p->to_client, p->to_client_len, p->now_ms);
        drop_front(p->to_client, &p->to_client_len, took);
        any = any || n > 0 || took > 0;
    }
}

static void open_pair(struct pair *p, uint16_t dialect, const char *user, bool encrypt, size_t cut)
{
    struct nt_secret wrong = { .len = 16 };

    memset(p, 0, sizeof *p);
    p->cut = cut;
    p->now_ms = 1000;
    assert_int_equal(nt_owf_text("Passw0rd1", &p->hash), NT_OK);
    const struct nt_smb_server_config server = { .guid = { 1 },
                                                 .env = nt_env_system(),
                                                 .pipes = pipes,
                                                 .make_sec = make_sec,
                                                 .limits = nt_smb_limits_default };
    const struct nt_ntlm_client_config ntlm = { .domain = "EAST",
                                                .user = user,
                                                .computer = "PC1",
                                                .nt_hash = strcmp(user, "mallory") == 0 ? &wrong
                                                           : *user != '\0'              ? &p->hash
                                                                                        : NULL,
                                                .env = nt_env_system() };
    const struct nt_smb_client_config client = {
        .host = "eastdc",
        .sec = nt_sec_spnego_client(nt_sec_ntlm_client(&ntlm)),
        .anonymous = *user == '\0',
        .encrypt = encrypt ? NT_SMB_ENCRYPT_ALWAYS : NT_SMB_ENCRYPT_IF_ASKED,
        .env = nt_env_system(),
        .max_dialect = dialect
    };
    p->s = nt_smb_server_new(&server, p->now_ms);
    p->c = nt_smb_client_new(&client, p->now_ms);
    assert_true(p->s != NULL && p->c != NULL);
    settle(p);
}

static void close_pair(struct pair *p)
{
    nt_smb_client_free(p->c);
    nt_smb_server_free(p->s);
}

/* A pipe, a question and its answer, a long one in parts, and the end of it. */
static void talk(struct pair *p)
{
    static char big[60000];
    uint32_t pipe;

    memset(big, 'x', sizeof big);
    assert_int_equal(nt_smb_client_open(p->c, "netlogon", 1000, p->now_ms, &pipe), NT_OK);
    settle(p);
    assert_int_equal(p->opens, 1);
    assert_string_equal(p->opened.name, "netlogon");
    for (int i = 0; i < 3; i++) {
        p->text_len = 0;
        assert_int_equal(
            nt_smb_client_write(p->c, pipe, (const uint8_t *)"hello", 5, true, 1000, p->now_ms),
            NT_OK);
        settle(p);
        assert_int_equal(p->text_len, 5);
        assert_memory_equal(p->text, "hello", 5);
    }
    p->text_len = 0;
    assert_int_equal(
        nt_smb_client_write(p->c, pipe, (const uint8_t *)big, sizeof big, true, 1000, p->now_ms),
        NT_OK);
    settle(p);
    assert_int_equal(p->text_len, sizeof big);
    assert_memory_equal(p->text, big, sizeof big);
    nt_smb_client_close(p->c, pipe, p->now_ms);
    assert_int_equal(nt_smb_client_open(p->c, "spoolss", 1000, p->now_ms, &pipe), NT_OK);
    settle(p);
    assert_int_equal(p->closes, 1);
    assert_string_equal(nt_status_name(p->status), "OBJECT_NAME_NOT_FOUND");
    assert_false(p->failed || nt_smb_server_closed(p->s, NULL));
}

static const uint16_t dialects[] = { NT_SMB2_202, NT_SMB2_210, NT_SMB2_300, NT_SMB2_302,
                                     NT_SMB2_311 };

static void every_dialect_carries_pipes_signed(void **state)
{
    (void)state;
    static struct pair p;
    for (size_t i = 0; i < NT_COUNT(dialects); i++) {
        open_pair(&p, dialects[i], "alice", false, i == 0 ? 7 : 65536);
        assert_true(p.ready);
        assert_int_equal(nt_smb_client_dialect(p.c), dialects[i]);
        talk(&p);
        assert_true(p.opened.is_signed && !p.opened.is_encrypted);
        assert_true(nt_secret_equal(&p.server_key, nt_smb_client_session_key(p.c)));
        close_pair(&p);
    }
}

static void every_dialect_that_can_carries_pipes_encrypted(void **state)
{
    (void)state;
    static struct pair p;
    for (size_t i = 2; i < NT_COUNT(dialects); i++) {
        open_pair(&p, dialects[i], "alice", true, 65536);
        assert_true(p.ready);
        talk(&p);
        assert_true(p.opened.is_encrypted);
        close_pair(&p);
    }
    open_pair(&p, NT_SMB2_210, "alice", true, 65536);
    assert_true(p.failed && !p.ready);
    close_pair(&p);
}

static void nobody_is_let_in_too(void **state)
{
    (void)state;
    static struct pair p;
    for (size_t i = 0; i < NT_COUNT(dialects); i++) {
        open_pair(&p, dialects[i], "", false, 100);
        assert_true(p.ready);
        talk(&p);
        assert_true(p.opened.anonymous && !p.opened.is_signed);
        close_pair(&p);
    }
}

static void a_refusal_arrives_with_its_reason(void **state)
{
    (void)state;
    static struct pair p;
    open_pair(&p, 0, "mallory", false, 65536);
    assert_true(p.failed && p.step == NT_SMB_STEP_CREDENTIALS);
    assert_string_equal(nt_status_name(p.status), "LOGON_FAILURE");
    close_pair(&p);
    open_pair(&p, 0, "WEST$", false, 65536);
    assert_true(p.failed && p.step == NT_SMB_STEP_CREDENTIALS);
    assert_string_equal(nt_status_name(p.status), "NOLOGON_INTERDOMAIN_TRUST_ACCOUNT");
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_carries_pipes_signed),
        cmocka_unit_test(every_dialect_that_can_carries_pipes_encrypted),
        cmocka_unit_test(nobody_is_let_in_too),
        cmocka_unit_test(a_refusal_arrives_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
