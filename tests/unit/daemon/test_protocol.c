/*
 * test_protocol.c - the protocols of the listeners, without sockets: real clients' machines on one
 * side, a domain in memory on the other, and a stream in between that a test can hold up.
 */
#include "../test.h"

#include "../service/fixture.h"
#include "channel/link.h"
#include "daemon/protocol.h"
#include "service/wire.h"

/* --- the stream, in place of the listener's --- */

struct nt_stream {
    struct nt_loop *loop;
    bool held;  /* the peer does not take what is sent */
    bool woken; /* something that had to wait has happened */
};

bool nt_stream_ready(const struct nt_stream *stream)
{
    return !stream->held;
}

struct nt_loop *nt_stream_loop(const struct nt_stream *stream)
{
    return stream->loop;
}

void nt_stream_wake(struct nt_stream *stream)
{
    stream->woken = true;
}

/* --- a daemon without listeners --- */

static const struct nt_ndr_interface *const tcp_ifaces[] = { &ndr_netlogon, &ndr_lsarpc,
                                                             &ndr_samr };

struct world {
    struct fix f;
    struct nt_loop loop;
    struct nt_config config;
    struct nt_smb_counts counts;
    atomic_uint parked;
    struct nt_token *anonymous;
    struct nt_protocol_host host;
    bool disk_waits; /* changes are not committed yet */
};

/* A client's connection to it. */
struct peer {
    struct world *w;
    const struct nt_protocol *protocol;
    struct nt_stream stream;
    void *conn;
    struct nt_link *link;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fix_open(&w->f);
    assert_int_equal(nt_loop_init(&w->loop), NT_OK);
    nt_config_default(&w->config);
    w->anonymous = nt_token_anonymous();
    w->host = (struct nt_protocol_host){ .service = &w->f.service,
                                         .config = &w->config,
                                         .anonymous = w->anonymous,
                                         .parked = &w->parked,
                                         .ifaces = tcp_ifaces,
                                         .iface_count = NT_COUNT(tcp_ifaces),
                                         .secondary = "49153",
                                         .counts = &w->counts };
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(w->parked, 0);
    assert_int_equal(w->counts.connections, 0);
    assert_int_equal(w->counts.pipes, 0);
    nt_loop_done(&w->loop);
    nt_token_unref(w->anonymous);
    fix_close(&w->f);
    free(w);
    return 0;
}

static uint64_t now(const struct peer *p)
{
    return nt_loop_now(&p->w->loop);
}

/* A user's NTLM client in SPNEGO; "NAME/password", NULL: nobody. */
static struct nt_sec *logon(struct world *w, const char *who)
{
    struct nt_secret hash = { 0 };
    char user[64] = "";
    if (who != NULL) {
        const char *slash = strchr(who, '/');
        assert_non_null(slash);
        memcpy(user, who, (size_t)(slash - who));
        assert_int_equal(nt_owf_text(slash + 1, &hash), NT_OK);
    }
    struct nt_ntlm_client_config config = { .domain = who != NULL ? "ACCOUNTS" : "",
                                            .user = user,
                                            .computer = "DESK",
                                            .nt_hash = who != NULL ? &hash : NULL,
                                            .seal = true,
                                            .env = &w->f.env };
    struct nt_sec *inner = nt_sec_ntlm_client(&config);
    nt_secret_wipe(&hash);
    assert_non_null(inner);
    struct nt_sec *sec = nt_sec_spnego_client(inner);
    assert_non_null(sec);
    return sec;
}

static void peer_open(struct world *w, struct peer *p, const struct nt_protocol *protocol,
                      const struct nt_link_config *config)
{
    *p = (struct peer){ .w = w, .protocol = protocol, .stream.loop = &w->loop };
    p->conn = protocol->open(&w->host, &p->stream, "192.0.2.7:51234", "192.0.2.1:445");
    assert_non_null(p->conn);
    p->link = nt_link_new(config, now(p));
    assert_non_null(p->link);
    nt_link_connected(p->link, now(p));
}

/* Through a pipe: smb is whose session it is, rpc (may be NULL) who authenticates inside. */
static void peer_pipe(struct world *w, struct peer *p, const struct nt_ndr_interface *iface,
                      const char *smb, const char *rpc)
{
    struct nt_link_config config = { .host = "accpdc",
                                     .road = NT_ROAD_SMB,
                                     .smb_sec = smb != NULL ? logon(w, smb) : NULL,
                                     .env = &w->f.env,
                                     .iface = iface };
    if (rpc != NULL) {
        config.sec = logon(w, rpc);
        config.auth_type = NT_AUTH_SPNEGO;
        config.auth_level = NT_LEVEL_PRIVACY;
    }
    peer_open(w, p, &nt_protocol_smb, &config);
}

static void peer_tcp(struct world *w, struct peer *p, const struct nt_ndr_interface *iface,
                     const char *rpc)
{
    struct nt_link_config config = {
        .host = "accpdc", .road = NT_ROAD_TCP, .port = 49153, .env = &w->f.env, .iface = iface
    };
    if (rpc != NULL) {
        config.sec = logon(w, rpc);
        config.auth_type = NT_AUTH_SPNEGO;
        config.auth_level = NT_LEVEL_PRIVACY;
    }
    peer_open(w, p, &nt_protocol_rpc, &config);
}

/* The client goes away. */
static void peer_close(struct peer *p)
{
    p->protocol->close(p->conn);
    nt_link_free(p->link);
}

/* Moves bytes both ways, once; false: nothing moved. */
static bool move(struct peer *p)
{
    const uint8_t *data;
    size_t len;
    bool moved = false;
    while ((len = nt_link_pending(p->link, &data)) > 0) {
        size_t took = p->protocol->feed(p->conn, data, len, now(p));
        if (took == 0)
            break;
        nt_link_sent(p->link, took);
        moved = true;
    }
    p->protocol->serve(p->conn);
    if (!p->w->disk_waits)
        nt_engine_run(p->w->f.engine);
    p->stream.woken = false;
    uv_run(&p->w->loop.uv, UV_RUN_NOWAIT);
    moved = moved || p->stream.woken;
    while (!p->stream.held && (len = p->protocol->pending(p->conn, &data)) > 0) {
        nt_link_feed(p->link, data, len, now(p));
        p->protocol->sent(p->conn, len);
        moved = true;
    }
    return moved;
}

/* The next that the client sees; false: it waits. */
static bool next(struct peer *p, struct nt_link_event *ev)
{
    do
        if (nt_link_next(p->link, ev, now(p)))
            return true;
    while (move(p));
    return nt_link_next(p->link, ev, now(p));
}

static void assert_ready(struct peer *p)
{
    struct nt_link_event ev;
    assert_true(next(p, &ev));
    if (ev.kind == NT_LINK_FAILED)
        fail_msg("%s (%s)", ev.why, nt_status_name(ev.status));
    assert_int_equal(ev.kind, NT_LINK_READY);
}

/* The result of the call that was sent, its answer in args; a fault comes as it is. */
static ntstatus answer(struct peer *p, const struct nt_ndr_op *op, void *args)
{
    struct nt_link_event ev;
    assert_true(next(p, &ev));
    if (ev.kind == NT_LINK_FAULT)
        return (ntstatus){ ev.fault };
    assert_int_equal(ev.kind, NT_LINK_RESPONSE);
    assert_int_equal(nt_ndr_decode(op, NT_NDR_RESPONSE, ev.big_endian, ev.stub, ev.len,
                                   &p->w->f.arena, &args, NULL, NULL),
                     NT_OK);
    return (ntstatus){ nt_le32(ev.stub + ev.len - 4) };
}

static ntstatus call(struct peer *p, const struct nt_ndr_op *op, void *args)
{
    uint32_t id;
    assert_int_equal(nt_link_call(p->link, op, args, now(p), &id), NT_OK);
    return answer(p, op, args);
}

#define assert_status(st, name) assert_int_equal((st).code, NT_STATUS(name).code)

/* What the server takes the caller for. */
static void assert_caller(struct peer *p, const char *name)
{
    struct LsarGetUserName a = { .SystemName = NULL };
    char *text = NULL;
    assert_status(call(p, &ndr_LsarGetUserName, &a), SUCCESS);
    assert_int_equal(
        nt_utf8_from_utf16(&p->w->f.arena, a.UserName->Buffer, a.UserName->Length / 2u, &text),
        NT_OK);
    assert_string_equal(text, name);
}

static SAMPR_HANDLE open_domain(struct peer *p)
{
    struct SamrConnect5 server = { .DesiredAccess = 0x02000000, .InVersion = 1 };
    struct SamrOpenDomain domain = { .DesiredAccess = 0x02000000 };
    struct nt_dir *dir = fix_dir(&p->w->f);
    domain.DomainId = nt_rpc_sid_put(&p->w->f.arena, &nt_dir_domain(dir)->sid);
    nt_dir_unref(dir);
    assert_status(call(p, &ndr_SamrConnect5, &server), SUCCESS);
    domain.ServerHandle = server.ServerHandle;
    assert_status(call(p, &ndr_SamrOpenDomain, &domain), SUCCESS);
    return domain.DomainHandle;
}

static struct SamrCreateUser2InDomain new_user(struct peer *p, const char *name)
{
    return (struct SamrCreateUser2InDomain){ .DomainHandle = open_domain(p),
                                             .Name = fix_unicode(&p->w->f, name),
                                             .AccountType = 0x10,
                                             .DesiredAccess = 0x02000000 };
}

static bool is_user(struct world *w, const char *name)
{
    struct nt_dir *dir = fix_dir(&w->f);
    bool there = nt_dir_account(dir, name) != NULL;
    nt_dir_unref(dir);
    return there;
}

/* --- who calls --- */

static void the_caller_on_a_pipe_is_that_of_its_session(void **state)
{
    struct peer p;
    peer_pipe(*state, &p, &ndr_lsarpc, "alice/Alice.pw1", NULL);
    assert_ready(&p);
    assert_caller(&p, "alice");
    peer_close(&p);
}

static void a_security_context_inside_comes_before_the_session(void **state)
{
    struct peer p;
    peer_pipe(*state, &p, &ndr_lsarpc, "alice/Alice.pw1", "Administrator/Admin.pw1");
    assert_ready(&p);
    assert_caller(&p, "Administrator");
    peer_close(&p);
    peer_tcp(*state, &p, &ndr_lsarpc, "alice/Alice.pw1");
    assert_ready(&p);
    assert_caller(&p, "alice");
    peer_close(&p);
}

static void without_a_logon_a_pipe_tells_the_domain_only(void **state)
{
    struct peer p;
    struct LsarOpenPolicy2 open = { .DesiredAccess = 0x02000000 };
    struct LsarGetUserName who = { .SystemName = NULL };
    peer_pipe(*state, &p, &ndr_lsarpc, NULL, NULL);
    assert_ready(&p);
    assert_status(call(&p, &ndr_LsarOpenPolicy2, &open), SUCCESS);
    assert_int_equal(call(&p, &ndr_LsarGetUserName, &who).code, NT_FAULT_ACCESS_DENIED);
    peer_close(&p);
    peer_tcp(*state, &p, &ndr_lsarpc, NULL);
    assert_ready(&p);
    assert_int_equal(call(&p, &ndr_LsarOpenPolicy2, &open).code, NT_FAULT_ACCESS_DENIED);
    peer_close(&p);
}

/* --- logons --- */

static ntstatus refused(struct world *w, const char *who)
{
    struct peer p;
    struct nt_link_event ev;
    peer_pipe(w, &p, &ndr_lsarpc, who, NULL);
    assert_true(next(&p, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    peer_close(&p);
    return ev.status;
}

static void a_trust_account_is_told_apart_and_burns_when_wrong(void **state)
{
    struct world *w = *state;
    assert_status(refused(w, "alice/wrong"), LOGON_FAILURE);
    assert_status(refused(w, "RESOURCES$/Initial.pw1"), NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    assert_int_equal(fix_trust_state(&w->f, "RESOURCES$"), NT_IN_PERMITTED);
    assert_status(refused(w, "RESOURCES$/wrong"), LOGON_FAILURE);
    assert_int_equal(fix_trust_state(&w->f, "RESOURCES$"), NT_IN_BURNED);
}

static void a_machine_has_a_session_of_its_own(void **state)
{
    struct peer p;
    peer_pipe(*state, &p, &ndr_lsarpc, "WKS$/Wks.pw1", NULL);
    assert_ready(&p);
    assert_caller(&p, "WKS$");
    peer_close(&p);
}

static void a_client_may_go_while_its_logon_waits(void **state)
{
    struct world *w = *state;
    struct peer p;
    struct nt_link_event ev;
    w->disk_waits = true; /* a wrong initial password is noted first */
    peer_pipe(w, &p, &ndr_lsarpc, "RESOURCES$/wrong", NULL);
    assert_false(next(&p, &ev));
    assert_int_equal(w->parked, 1);
    peer_close(&p);
    assert_int_equal(w->parked, 1);
    nt_engine_run(w->f.engine);
    uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(w->parked, 0);
    assert_int_equal(fix_trust_state(&w->f, "RESOURCES$"), NT_IN_BURNED);
}

/* --- calls that wait --- */

static void open_as_admin(struct world *w, struct peer *p, bool by_pipe)
{
    if (by_pipe)
        peer_pipe(w, p, &ndr_samr, "Administrator/Admin.pw1", NULL);
    else
        peer_tcp(w, p, &ndr_samr, "Administrator/Admin.pw1");
    assert_ready(p);
}

static void a_change_is_answered_when_it_is_durable(void **state)
{
    struct world *w = *state;
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        struct peer p;
        struct nt_link_event ev;
        uint32_t id;
        const char *user = by_pipe ? "carol" : "dave";
        open_as_admin(w, &p, by_pipe);
        struct SamrCreateUser2InDomain a = new_user(&p, user);
        w->disk_waits = true;
        assert_int_equal(nt_link_call(p.link, &ndr_SamrCreateUser2InDomain, &a, now(&p), &id),
                         NT_OK);
        assert_false(next(&p, &ev));
        assert_int_equal(w->parked, 1);
        w->disk_waits = false;
        assert_status(answer(&p, &ndr_SamrCreateUser2InDomain, &a), SUCCESS);
        assert_int_equal(w->parked, 0);
        assert_true(is_user(w, user));
        peer_close(&p);
    }
}

static void a_client_may_go_while_its_call_waits(void **state)
{
    struct world *w = *state;
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        struct peer p;
        struct nt_link_event ev;
        uint32_t id;
        const char *user = by_pipe ? "carol" : "dave";
        open_as_admin(w, &p, by_pipe);
        struct SamrCreateUser2InDomain a = new_user(&p, user);
        w->disk_waits = true;
        assert_int_equal(nt_link_call(p.link, &ndr_SamrCreateUser2InDomain, &a, now(&p), &id),
                         NT_OK);
        assert_false(next(&p, &ev));
        peer_close(&p);
        assert_int_equal(w->parked, 1);
        nt_engine_run(w->f.engine);
        uv_run(&w->loop.uv, UV_RUN_NOWAIT);
        assert_int_equal(w->parked, 0);
        assert_true(is_user(w, user));
        w->disk_waits = false;
    }
}

static void a_peer_that_does_not_read_is_not_served(void **state)
{
    struct world *w = *state;
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        struct peer p;
        struct nt_link_event ev;
        uint32_t id;
        const char *user = by_pipe ? "carol" : "dave";
        open_as_admin(w, &p, by_pipe);
        struct SamrCreateUser2InDomain a = new_user(&p, user);
        p.stream.held = true;
        assert_int_equal(nt_link_call(p.link, &ndr_SamrCreateUser2InDomain, &a, now(&p), &id),
                         NT_OK);
        assert_false(next(&p, &ev));
        assert_false(is_user(w, user));
        p.stream.held = false;
        assert_status(answer(&p, &ndr_SamrCreateUser2InDomain, &a), SUCCESS);
        assert_true(is_user(w, user));
        peer_close(&p);
    }
}

/* --- long answers --- */

static void a_long_answer_arrives_whole(void **state)
{
    struct world *w = *state;
    for (int n = 0; n < 300; n++) {
        char name[32];
        snprintf(name, sizeof name, "somebody-%03d", n);
        fix_account(&w->f, name, "Some.pw1", NT_ACB_NORMAL);
    }
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        struct peer p;
        open_as_admin(w, &p, by_pipe);
        struct SamrEnumerateUsersInDomain a = { .DomainHandle = open_domain(&p),
                                                .UserAccountControl = NT_ACB_NORMAL,
                                                .PreferedMaximumLength = 65536 };
        assert_status(call(&p, &ndr_SamrEnumerateUsersInDomain, &a), SUCCESS);
        assert_int_equal(a.CountReturned, 303); /* Administrator, Guest, alice */
        peer_close(&p);
    }
}

/* --- what there is, and how long --- */

static void what_there_is_of_smb_is_counted(void **state)
{
    struct world *w = *state;
    struct peer a, b;
    peer_pipe(w, &a, &ndr_lsarpc, "alice/Alice.pw1", NULL);
    assert_int_equal(w->counts.connections, 1);
    assert_int_equal(w->counts.pipes, 0);
    assert_ready(&a);
    assert_int_equal(w->counts.pipes, 1);
    peer_pipe(w, &b, &ndr_samr, "alice/Alice.pw1", NULL);
    assert_ready(&b);
    assert_int_equal(w->counts.connections, 2);
    assert_int_equal(w->counts.pipes, 2);
    peer_close(&a);
    assert_int_equal(w->counts.connections, 1);
    assert_int_equal(w->counts.pipes, 1);
    peer_close(&b);
}

/* Milliseconds until it is closed when nothing more is said. */
static uint64_t patience(const struct peer *p)
{
    uint64_t deadline = p->protocol->deadline(p->conn);
    assert_true(deadline > now(p));
    assert_true(p->protocol->tick(p->conn, deadline - 1));
    assert_false(p->protocol->tick(p->conn, deadline));
    return deadline - now(p);
}

static void strangers_are_kept_for_a_shorter_time(void **state)
{
    struct world *w = *state;
    struct LsarOpenPolicy2 open = { .DesiredAccess = 1 };
    w->config.handshake_timeout_s = 7;
    w->config.anonymous_timeout_s = 50;
    w->config.idle_timeout_s = 600;
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        struct peer p;
        const struct nt_protocol *protocol = by_pipe ? &nt_protocol_smb : &nt_protocol_rpc;
        struct nt_link_config silent = { .host = "accpdc", .port = 1, .iface = &ndr_lsarpc };
        peer_open(w, &p, protocol, &silent); /* says nothing at all */
        assert_in_range(patience(&p), 1, 7000);
        peer_close(&p);

        if (by_pipe)
            peer_pipe(w, &p, &ndr_lsarpc, NULL, NULL);
        else
            peer_tcp(w, &p, &ndr_lsarpc, NULL);
        assert_ready(&p);
        (void)call(&p, &ndr_LsarOpenPolicy2, &open);
        assert_in_range(patience(&p), 7001, 50000);
        peer_close(&p);

        if (by_pipe)
            peer_pipe(w, &p, &ndr_lsarpc, "alice/Alice.pw1", NULL);
        else
            peer_tcp(w, &p, &ndr_lsarpc, "alice/Alice.pw1");
        assert_ready(&p);
        assert_caller(&p, "alice");
        assert_in_range(patience(&p), 50001, 600000);
        peer_close(&p);
    }
    struct peer p; /* who authenticates inside a pipe is no stranger either */
    peer_pipe(w, &p, &ndr_lsarpc, NULL, "alice/Alice.pw1");
    assert_ready(&p);
    assert_caller(&p, "alice");
    assert_in_range(patience(&p), 50001, 600000);
    peer_close(&p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_caller_on_a_pipe_is_that_of_its_session),
        T(a_security_context_inside_comes_before_the_session),
        T(without_a_logon_a_pipe_tells_the_domain_only),
        T(a_trust_account_is_told_apart_and_burns_when_wrong),
        T(a_machine_has_a_session_of_its_own),
        T(a_client_may_go_while_its_logon_waits),
        T(a_change_is_answered_when_it_is_durable),
        T(a_client_may_go_while_its_call_waits),
        T(a_peer_that_does_not_read_is_not_served),
        T(a_long_answer_arrives_whole),
        T(what_there_is_of_smb_is_counted),
        T(strangers_are_kept_for_a_shorter_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
