/*
 * test_channel.c - a secure channel by itself, to the real server: what it tells of its opening,
 * its calls, its end.
 */
#include "world.h"

#include <string.h>

#include "channel/channel.h"

#define assert_status(got, name)                                                                   \
    assert_string_equal(nt_status_name(got), nt_status_name(NT_STATUS(name)))

static struct nt_channel *make(struct world *w, const char *const *passwords, size_t count,
                               const char *account)
{
    struct nt_secret hashes[NT_CHANNEL_CANDIDATES];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(nt_owf_text(passwords[i], &hashes[i]), NT_OK);
    struct nt_channel *ch = nt_channel_new(&(struct nt_channel_config){ .domain = "ACCOUNTS",
                                                                        .computer = "RESPDC",
                                                                        .account = account,
                                                                        .type = 4,
                                                                        .host = "accpdc",
                                                                        .env = &w->res.env,
                                                                        .candidates = hashes,
                                                                        .candidate_count = count },
                                           w->now_ms);
    assert_non_null(ch);
    return ch;
}

static struct nt_channel *make_one(struct world *w, const char *password)
{
    return make(w, &password, 1, "RESOURCES$");
}

/* The next event, when everything has happened that happens at once; false: there is none. */
static bool next(struct world *w, struct nt_channel *ch, struct nt_channel_event *ev)
{
    for (int i = 0; i < 10000; i++) {
        if (nt_channel_next(ch, ev, w->now_ms))
            return true;
        if (!world_drive(w, nt_channel_link(ch)))
            return false;
    }
    fail();
    return false;
}

static void end(struct world *w, struct nt_channel *ch)
{
    world_drive(w, NULL);
    nt_channel_free(ch);
    world_close(w);
}

static void it_opens_and_tells_what_it_saw(void **state)
{
    struct world w;
    struct nt_channel_event ev;
    (void)state;
    world_open(&w, 1);
    struct nt_channel *ch = make_one(&w, WORLD_INITIAL);
    assert_false(nt_channel_is_open(ch));
    assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_E_STATE);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_OPEN);
    assert_int_equal(ev.candidate, 0);
    assert_true(nt_channel_is_open(ch));
    struct nt_dir *dir = nt_engine_dir(w.acc.engine);
    assert_true(nt_sid_equal(&ev.sid, &nt_dir_domain(dir)->sid));
    nt_dir_unref(dir);
    assert_true(ev.has_evidence);
    struct nt_secret hash;
    assert_int_equal(nt_owf_text(WORLD_INITIAL, &hash), NT_OK);
    assert_true(nt_secret_equal(&ev.evidence_new, &hash));
    assert_true(nt_secret_equal(nt_channel_opened_with(ch), &hash));
    assert_false(next(&w, ch, &ev));
    end(&w, ch);
}

/* Opens against a server without NetrLogonGetDomainInfo. */
static void open_without_domain_info(struct world *w, bool want_sid, struct nt_channel **ch)
{
    struct nt_secret hash;
    world_open(w, 1);
    w->no_domain_info = true;
    assert_int_equal(nt_owf_text(WORLD_INITIAL, &hash), NT_OK);
    *ch = nt_channel_new(&(struct nt_channel_config){ .domain = "ACCOUNTS",
                                                      .computer = "RESPDC",
                                                      .account = "RESOURCES$",
                                                      .type = 4,
                                                      .host = "accpdc",
                                                      .want_sid = want_sid,
                                                      .env = &w->res.env,
                                                      .candidates = &hash,
                                                      .candidate_count = 1 },
                         w->now_ms);
    assert_non_null(*ch);
}

static void the_lsa_tells_the_sid_that_netlogon_does_not(void **state)
{
    struct world w;
    struct nt_channel *ch;
    struct nt_channel_event ev;
    (void)state;
    open_without_domain_info(&w, true, &ch);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_OPEN);
    struct nt_dir *dir = nt_engine_dir(w.acc.engine);
    assert_true(nt_sid_equal(&ev.sid, &nt_dir_domain(dir)->sid));
    nt_dir_unref(dir);
    assert_true(ev.has_evidence);
    /* The chain goes on where it was. */
    assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_OK);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_ALIVE);
    end(&w, ch);
}

static void the_lsa_is_asked_only_where_the_sid_is_wanted(void **state)
{
    struct world w;
    struct nt_channel *ch;
    struct nt_channel_event ev;
    (void)state;
    open_without_domain_info(&w, false, &ch);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_OPEN);
    assert_true(nt_sid_is_null(&ev.sid));
    end(&w, ch);
}

static void a_channel_opens_without_a_sid_too(void **state)
{
    struct world w;
    struct nt_channel *ch;
    struct nt_channel_event ev;
    (void)state;
    open_without_domain_info(&w, true, &ch);
    w.no_lsa = true;
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_OPEN);
    assert_true(nt_sid_is_null(&ev.sid));
    end(&w, ch);
}

/* Others take and give back its authenticators; a step that is taken back leaves the chain where
 * the controller's stands. */
static void a_bare_channel_is_open_once_it_is_proven(void **state)
{
    struct world w;
    struct nt_channel_event ev;
    struct nt_authenticator a, b;
    struct nt_secret hash;
    (void)state;
    world_open(&w, 1);
    assert_int_equal(nt_owf_text(WORLD_INITIAL, &hash), NT_OK);
    struct nt_channel *ch = nt_channel_new(&(struct nt_channel_config){ .domain = "ACCOUNTS",
                                                                        .computer = "RESPDC",
                                                                        .account = "RESOURCES$",
                                                                        .type = 4,
                                                                        .host = "accpdc",
                                                                        .bare = true,
                                                                        .env = &w.res.env,
                                                                        .candidates = &hash,
                                                                        .candidate_count = 1 },
                                           w.now_ms);
    assert_non_null(ch);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_OPEN);
    assert_false(ev.has_evidence);
    assert_true(nt_sid_is_null(&ev.sid));
    nt_channel_step(ch, &a);
    assert_false(nt_channel_step_check(ch, &a));
    nt_channel_step_back(ch);
    nt_channel_step(ch, &b);
    assert_memory_equal(a.credential, b.credential, sizeof a.credential);
    nt_channel_step_back(ch);
    assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_OK);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_ALIVE);
    assert_status(ev.status, SUCCESS);
    struct nt_sec *sec = nt_channel_sec(ch);
    assert_non_null(sec);
    sec->ops->free(sec);
    end(&w, ch);
}

static void an_older_candidate_is_tried_after_a_newer_one(void **state)
{
    static const char *const passwords[] = { "Never.1", "Never.2", WORLD_INITIAL };
    struct world w;
    struct nt_channel_event ev;
    (void)state;
    world_open(&w, 2);
    world_policy(&w.acc, "trust_attempts", 5);
    world_unpermit(&w);
    world_permit(&w, WORLD_INITIAL);
    struct nt_channel *ch = make(&w, passwords, 3, "RESOURCES$");
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_OPEN);
    assert_int_equal(ev.candidate, 2);
    assert_int_equal(w.authenticates, 3);
    end(&w, ch);
}

static void a_refusal_names_the_call_and_the_status(void **state)
{
    struct world w;
    struct nt_channel_event ev;
    (void)state;
    world_open(&w, 3);
    struct nt_channel *ch = make_one(&w, "Wrong.1");
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_REFUSED);
    assert_status(ev.status, ACCOUNT_LOCKED_OUT); /* it is burned */
    assert_string_equal(ev.step, "NetrServerAuthenticate3");
    assert_null(nt_channel_link(ch));
    assert_false(next(&w, ch, &ev)); /* told once */
    world_drive(&w, NULL);
    nt_channel_free(ch);

    const char *right = WORLD_INITIAL;
    ch = make(&w, &right, 1, "NOBODY$");
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_REFUSED);
    assert_status(ev.status, NO_TRUST_SAM_ACCOUNT);
    assert_non_null(strstr(ev.why, "NetrServerAuthenticate3"));
    end(&w, ch);
}

static void pings_and_passwords_go_one_at_a_time(void **state)
{
    struct world w;
    struct nt_channel_event ev;
    struct nt_password password = { .len = 0 };
    (void)state;
    world_open(&w, 4);
    assert_true(nt_password_from_utf8(&password, "A new and long password"));
    struct nt_channel *ch = make_one(&w, WORLD_INITIAL);
    assert_true(next(&w, ch, &ev));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_OK);
        assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_E_STATE);
        assert_int_equal(nt_channel_set_password(ch, &password, 1, w.now_ms), NT_E_STATE);
        assert_true(next(&w, ch, &ev));
        assert_int_equal(ev.kind, NT_CHANNEL_ALIVE);
        assert_status(ev.status, SUCCESS);
    }
    assert_int_equal(nt_channel_set_password(ch, &password, 1, w.now_ms), NT_OK);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_SET);
    assert_status(ev.status, SUCCESS);
    struct nt_secret hash;
    assert_int_equal(nt_owf_text("A new and long password", &hash), NT_OK);
    struct nt_trust_in in = world_in(&w);
    assert_true(nt_secret_equal(&in.current, &hash));
    /* A refused one leaves the chain where the peer's stands. */
    world_policy(&w.acc, "refuse_password_change", 1);
    assert_int_equal(nt_channel_set_password(ch, &password, 2, w.now_ms), NT_OK);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_SET);
    assert_false(nt_status_ok(ev.status));
    assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_OK);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_ALIVE);
    assert_status(ev.status, SUCCESS);
    end(&w, ch);
}

static void done(struct nt_forward *fwd)
{
    *(unsigned *)fwd->owner += 1;
}

static void logons_in_flight_end_with_the_channel(void **state)
{
    struct world w;
    struct nt_channel_event ev;
    NETLOGON_NETWORK_INFO network = { 0 };
    NETLOGON_LEVEL level = { .LogonNetwork = &network };
    struct nt_forward fwd[70];
    struct nt_arena arena;
    unsigned ended = 0;
    (void)state;
    world_open(&w, 5);
    nt_arena_init(&arena, 1u << 20);
    struct nt_channel *ch = make_one(&w, WORLD_INITIAL);
    for (size_t i = 0; i < NT_COUNT(fwd); i++)
        fwd[i] = (struct nt_forward){ .kind = NT_FORWARD_LOGON,
                                      .domain = "ACCOUNTS",
                                      .logon_level = NetlogonNetworkInformation,
                                      .level = &level,
                                      .arena = &arena,
                                      .done = done,
                                      .owner = &ended };
    assert_int_equal(nt_channel_logon(ch, &fwd[0], w.now_ms), NT_E_STATE);
    assert_true(next(&w, ch, &ev));
    size_t sent = 0;
    while (sent < NT_COUNT(fwd) && nt_channel_logon(ch, &fwd[sent], w.now_ms) == NT_OK)
        sent++;
    assert_int_equal(sent, 64); /* the 65th has to wait */
    assert_int_equal(nt_channel_logon(ch, &fwd[sent], w.now_ms), NT_E_LIMIT);
    assert_int_equal(nt_channel_logons(ch), 64);
    world_drive(&w, NULL);
    nt_channel_free(ch);
    assert_int_equal(ended, 64);
    for (size_t i = 0; i < sent; i++)
        assert_status(fwd[i].status, CONNECTION_ABORTED);
    nt_arena_free(&arena);
    world_close(&w);
}

/* Bytes that are lost anywhere end the channel with a reason, and never twice. */
static void it_ends_once_wherever_the_connection_does(void **state)
{
    (void)state;
    for (size_t at = 1;; at++) {
        struct world w;
        struct nt_channel_event ev;
        world_open(&w, 6);
        w.cut_at = at;
        struct nt_channel *ch = make_one(&w, WORLD_INITIAL);
        assert_true(next(&w, ch, &ev));
        bool opened = ev.kind == NT_CHANNEL_OPEN;
        if (!opened) {
            assert_int_equal(ev.kind, NT_CHANNEL_FAILED);
            assert_true(ev.why[0] != '\0' && ev.step[0] != '\0');
            assert_false(next(&w, ch, &ev));
        }
        end(&w, ch);
        if (opened)
            break;
        assert_true(at < 20000);
    }
}

static void what_a_mute_peer_owes_is_given_up(void **state)
{
    struct world w;
    struct nt_channel_event ev;
    (void)state;
    world_open(&w, 7);
    struct nt_channel *ch = make_one(&w, WORLD_INITIAL);
    assert_true(next(&w, ch, &ev));
    w.mute = true;
    assert_int_equal(nt_channel_ping(ch, w.now_ms), NT_OK);
    assert_false(next(&w, ch, &ev));
    uint64_t at = nt_link_deadline(nt_channel_link(ch));
    assert_in_range(at, w.now_ms + 1, w.now_ms + 60000);
    w.now_ms = at;
    nt_link_tick(nt_channel_link(ch), w.now_ms);
    assert_true(next(&w, ch, &ev));
    assert_int_equal(ev.kind, NT_CHANNEL_FAILED);
    end(&w, ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_and_tells_what_it_saw),
        cmocka_unit_test(the_lsa_tells_the_sid_that_netlogon_does_not),
        cmocka_unit_test(the_lsa_is_asked_only_where_the_sid_is_wanted),
        cmocka_unit_test(a_channel_opens_without_a_sid_too),
        cmocka_unit_test(a_bare_channel_is_open_once_it_is_proven),
        cmocka_unit_test(an_older_candidate_is_tried_after_a_newer_one),
        cmocka_unit_test(a_refusal_names_the_call_and_the_status),
        cmocka_unit_test(pings_and_passwords_go_one_at_a_time),
        cmocka_unit_test(logons_in_flight_end_with_the_channel),
        cmocka_unit_test(it_ends_once_wherever_the_connection_does),
        cmocka_unit_test(what_a_mute_peer_owes_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
