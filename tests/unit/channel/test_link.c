/*
 * test_link.c - an association by way of the endpoint mapper: what it wants, gets and tells.
 */
#include "world.h"

#include <string.h>

#include "channel/link.h"
#include "idl/netlogon.h"
#include "idl/srvsvc.h"

#define assert_status(got, name)                                                                   \
    assert_string_equal(nt_status_name(got), nt_status_name(NT_STATUS(name)))

static struct nt_link *make(struct world *w, const struct nt_ndr_interface *iface, uint16_t port)
{
    struct nt_link *link = nt_link_new(
        &(struct nt_link_config){ .host = "accpdc", .port = port, .iface = iface }, w->now_ms);
    assert_non_null(link);
    return link;
}

static bool next(struct world *w, struct nt_link *link, struct nt_link_event *ev)
{
    for (int i = 0; i < 10000; i++) {
        if (nt_link_next(link, ev, w->now_ms))
            return true;
        if (!world_drive(w, link))
            return false;
    }
    fail();
    return false;
}

static void end(struct world *w, struct nt_link *link)
{
    world_drive(w, NULL);
    nt_link_free(link);
    world_close(w);
}

static void the_mapper_is_asked_for_the_port(void **state)
{
    struct world w;
    struct nt_link_event ev;
    const char *host;
    uint16_t port;
    unsigned first, second;
    (void)state;
    world_open(&w, 1);
    struct nt_link *link = make(&w, &ndr_netlogon, 0);
    assert_true(nt_link_wants(link, &host, &port, &first));
    assert_string_equal(host, "accpdc");
    assert_int_equal(port, 135);
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_READY);
    assert_true(nt_link_wants(link, &host, &port, &second));
    assert_int_equal(port, 49153);
    assert_int_not_equal(first, second);
    assert_int_equal(nt_link_port(link), 49153);
    end(&w, link);
}

/* A link where a freed one stood must not be given its connection. */
static void wishes_are_told_apart_for_good(void **state)
{
    const char *host;
    uint16_t port;
    unsigned last = 0;
    struct world w;
    (void)state;
    world_open(&w, 2);
    for (int i = 0; i < 1000; i++) {
        unsigned number;
        struct nt_link *link = make(&w, &ndr_netlogon, 0);
        assert_true(nt_link_wants(link, &host, &port, &number));
        assert_true(number > last);
        last = number;
        nt_link_free(link);
    }
    world_close(&w);
}

static void an_interface_that_is_not_there_is_told(void **state)
{
    struct world w;
    struct nt_link_event ev;
    (void)state;
    world_open(&w, 3);
    struct nt_link *link = make(&w, &ndr_srvsvc, 49153); /* the port, but not the interface */
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_status(ev.status, RPC_UNKNOWN_IF);
    assert_non_null(strstr(ev.why, "srvsvc at accpdc port 49153: "));
    assert_false(next(&w, link, &ev));
    end(&w, link);
}

static void failures_name_the_place_once(void **state)
{
    struct world w;
    struct nt_link_event ev;
    const char *host;
    uint16_t port;
    unsigned number;
    (void)state;
    world_open(&w, 4);
    w.unreachable = true;
    struct nt_link *link = make(&w, &ndr_netlogon, 0);
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_status(ev.status, CONNECTION_REFUSED);
    assert_string_equal(ev.why, "endpoint mapper at accpdc port 135: connection refused");
    assert_false(next(&w, link, &ev));
    assert_false(nt_link_wants(link, &host, &port, &number));
    assert_true(nt_link_deadline(link) == UINT64_MAX);
    uint32_t id;
    assert_int_equal(nt_link_call(link, &ndr_NetrServerReqChallenge, NULL, w.now_ms, &id),
                     NT_E_STATE);
    end(&w, link);
}

static struct nt_link *make_by(struct world *w, enum nt_road road)
{
    struct nt_link *link = nt_link_new(
        &(struct nt_link_config){
            .host = "accpdc", .road = road, .iface = &ndr_netlogon, .env = &w->res.env },
        w->now_ms);
    assert_non_null(link);
    return link;
}

static void what_is_not_on_tcp_is_reached_through_its_pipe(void **state)
{
    static const enum nt_road roads[] = { NT_ROAD_ANY, NT_ROAD_SMB };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(roads); i++) {
        struct world w;
        struct nt_link_event ev;
        world_open(&w, 7);
        w.pipes_only = true;
        w.step = i; /* byte by byte, too */
        struct nt_link *link = make_by(&w, roads[i]);
        assert_true(next(&w, link, &ev));
        assert_int_equal(ev.kind, NT_LINK_READY);
        assert_int_equal(nt_link_road(link), NT_ROAD_SMB);
        assert_int_equal(nt_link_port(link), 0);
        struct NetrServerReqChallenge args = { .ComputerName = (uint16_t[]){ 'X', 0 } };
        uint32_t id;
        assert_int_equal(nt_link_call(link, &ndr_NetrServerReqChallenge, &args, w.now_ms, &id),
                         NT_OK);
        assert_true(next(&w, link, &ev));
        assert_int_equal(ev.kind, NT_LINK_RESPONSE);
        assert_int_equal(ev.call_id, id);
        end(&w, link);
    }
}

/* On what the other one's connection brings, and no longer than it. */
static void a_session_that_is_shared_ends_for_all(void **state)
{
    (void)state;
    for (int freed = 0; freed < 2; freed++) {
        struct world w;
        struct nt_link_event ev;
        const char *host;
        uint16_t port;
        unsigned number;
        int64_t ahead;
        world_open(&w, 8);
        w.pipes_only = true;
        struct nt_link *lead = make_by(&w, NT_ROAD_SMB);
        assert_true(next(&w, lead, &ev));
        assert_int_equal(ev.kind, NT_LINK_READY);
        struct nt_link *guest = nt_link_new(&(struct nt_link_config){ .host = "accpdc",
                                                                      .road = NT_ROAD_SMB,
                                                                      .beside = lead,
                                                                      .iface = &ndr_netlogon,
                                                                      .env = &w.res.env },
                                            w.now_ms);
        assert_non_null(guest);
        assert_false(nt_link_wants(guest, &host, &port, &number));
        while (world_drive(&w, lead))
            ;
        assert_int_equal(w.connections, 1);
        assert_true(nt_link_clock(guest, &ahead));
        if (freed) {
            world_drive(&w, NULL);
            nt_link_free(lead);
        } else {
            nt_link_lost(lead, NT_STATUS(CONNECTION_ABORTED), "cut");
            assert_true(nt_link_next(lead, &ev, w.now_ms));
            assert_int_equal(ev.kind, NT_LINK_FAILED);
        }
        while (nt_link_next(guest, &ev, w.now_ms) && ev.kind != NT_LINK_FAILED)
            ;
        assert_int_equal(ev.kind, NT_LINK_FAILED);
        nt_link_free(guest);
        end(&w, freed ? NULL : lead);
    }
}

static void a_failure_tells_of_both_roads(void **state)
{
    struct world w;
    struct nt_link_event ev;
    (void)state;
    world_open(&w, 8);
    w.unreachable = true;
    struct nt_link *link = make_by(&w, NT_ROAD_ANY);
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_int_equal(nt_link_step(link), NT_SMB_STEP_NETWORK);
    assert_string_equal(ev.why,
                        "endpoint mapper at accpdc port 135: connection refused; netlogon through "
                        "a pipe of \\\\accpdc (SMB port 445): connection refused");
    end(&w, link);
}

static void a_chosen_road_is_the_only_one(void **state)
{
    struct world w;
    struct nt_link_event ev;
    (void)state;
    world_open(&w, 9);
    struct nt_link *link = make_by(&w, NT_ROAD_SMB); /* this world has TCP only */
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_null(strstr(ev.why, "135"));
    end(&w, link);
    world_open(&w, 10);
    w.pipes_only = true;
    link = make_by(&w, NT_ROAD_TCP);
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_null(strstr(ev.why, "SMB"));
    end(&w, link);
}

/* Its own connect has a time of its own. */
static void the_second_road_is_given_up_too(void **state)
{
    struct world w;
    struct nt_link_event ev;
    (void)state;
    world_open(&w, 11);
    struct nt_link *link = make_by(&w, NT_ROAD_ANY);
    nt_link_tick(link, w.now_ms + NT_LINK_CONNECT_MS);
    assert_false(nt_link_next(link, &ev, w.now_ms));
    assert_int_equal(nt_link_road(link), NT_ROAD_SMB);
    uint64_t begun = w.now_ms + NT_LINK_CONNECT_MS;
    nt_link_tick(link, begun); /* the deadline is there from now on */
    assert_int_equal(nt_link_deadline(link), begun + NT_LINK_CONNECT_MS);
    nt_link_tick(link, begun + NT_LINK_CONNECT_MS);
    assert_true(nt_link_next(link, &ev, begun + NT_LINK_CONNECT_MS));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_status(ev.status, IO_TIMEOUT);
    end(&w, link);
}

static void a_connection_that_never_opens_is_given_up(void **state)
{
    struct world w;
    struct nt_link_event ev;
    (void)state;
    world_open(&w, 5);
    struct nt_link *link = make(&w, &ndr_netlogon, 0);
    assert_int_equal(nt_link_deadline(link), w.now_ms + NT_LINK_CONNECT_MS);
    nt_link_tick(link, w.now_ms + NT_LINK_CONNECT_MS - 1);
    assert_false(nt_link_next(link, &ev, w.now_ms));
    nt_link_tick(link, w.now_ms + NT_LINK_CONNECT_MS);
    assert_true(nt_link_next(link, &ev, w.now_ms));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_status(ev.status, IO_TIMEOUT);
    end(&w, link);
}

static void a_mute_server_is_given_up_at_each_stage(void **state)
{
    (void)state;
    for (int ready = 0; ready < 2; ready++) {
        struct world w;
        struct nt_link_event ev;
        world_open(&w, 6);
        w.mute = ready == 0;
        struct nt_link *link = make(&w, &ndr_netlogon, 0);
        if (ready == 0) {
            assert_false(next(&w, link, &ev));
        } else {
            uint32_t id;
            uint16_t name[] = { 'A', 0 };
            struct NetrServerReqChallenge args = { .ComputerName = name };
            assert_true(next(&w, link, &ev));
            assert_int_equal(ev.kind, NT_LINK_READY);
            w.mute = true;
            assert_int_equal(nt_link_call(link, &ndr_NetrServerReqChallenge, &args, w.now_ms, &id),
                             NT_OK);
            assert_false(next(&w, link, &ev));
        }
        w.now_ms = nt_link_deadline(link);
        nt_link_tick(link, w.now_ms);
        assert_true(next(&w, link, &ev));
        assert_int_equal(ev.kind, NT_LINK_FAILED);
        assert_status(ev.status, IO_TIMEOUT);
        end(&w, link);
    }
}

static void garbage_is_told_as_such(void **state)
{
    struct world w;
    struct nt_link_event ev;
    (void)state;
    world_open(&w, 7);
    w.garbage = true;
    struct nt_link *link = make(&w, &ndr_netlogon, 0);
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_FAILED);
    assert_status(ev.status, RPC_PROTOCOL_ERROR);
    end(&w, link);
}

static void a_call_is_answered_byte_by_byte(void **state)
{
    struct world w;
    struct nt_link_event ev;
    uint16_t name[] = { 'R', 'E', 'S', 0 };
    struct NetrServerReqChallenge args = { .ComputerName = name };
    uint32_t id;
    (void)state;
    world_open(&w, 8);
    w.step = 1;
    struct nt_link *link = make(&w, &ndr_netlogon, 0);
    assert_true(next(&w, link, &ev));
    assert_int_equal(nt_link_call(link, &ndr_NetrServerReqChallenge, &args, w.now_ms, &id), NT_OK);
    assert_true(next(&w, link, &ev));
    assert_int_equal(ev.kind, NT_LINK_RESPONSE);
    assert_int_equal(ev.call_id, id);
    assert_int_equal(ev.len, 12); /* challenge and status */
    end(&w, link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mapper_is_asked_for_the_port),
        cmocka_unit_test(wishes_are_told_apart_for_good),
        cmocka_unit_test(an_interface_that_is_not_there_is_told),
        cmocka_unit_test(failures_name_the_place_once),
        cmocka_unit_test(what_is_not_on_tcp_is_reached_through_its_pipe),
        cmocka_unit_test(a_session_that_is_shared_ends_for_all),
        cmocka_unit_test(a_failure_tells_of_both_roads),
        cmocka_unit_test(a_chosen_road_is_the_only_one),
        cmocka_unit_test(the_second_road_is_given_up_too),
        cmocka_unit_test(a_connection_that_never_opens_is_given_up),
        cmocka_unit_test(a_mute_server_is_given_up_at_each_stage),
        cmocka_unit_test(garbage_is_told_as_such),
        cmocka_unit_test(a_call_is_answered_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
