/*
 * pair.h - a server and a client machine joined by bytes that are cut as one likes.
 */
#ifndef NT_TEST_RPC_PAIR_H
#define NT_TEST_RPC_PAIR_H

#include "../test.h"

#include "fixture.h"

struct pair {
    struct toy_owner owner;
    struct nt_rpc_server *s;
    struct nt_rpc_client *c;
    size_t cut;   /* bytes handed over at once */
    ntstatus say; /* the answer to questions, where `answer` is NULL */
    void (*answer)(struct pair *p, const struct nt_rpc_event *ev);
    bool bound, failed;
    struct nt_rpc_client_event last; /* its stub is copied to got */
    uint8_t got[200000];
    int answers;
    uint64_t server_sum, client_sum; /* of all bytes that passed */
};

FIXTURE void open_pair(struct pair *p, const struct nt_rpc_client_config *config,
                       const struct nt_rpc_limits *limits, size_t cut)
{
    memset(p, 0, sizeof *p);
    p->cut = cut;
    p->say = NT_STATUS(SUCCESS);
    p->s = toy_server(&p->owner, limits);
    p->c = nt_rpc_client_new(config, 1000);
    assert_non_null(p->c);
}

FIXTURE void close_pair(struct pair *p)
{
    nt_rpc_server_free(p->s);
    nt_rpc_client_free(p->c);
    assert_int_equal(p->owner.callers, 0);
    assert_int_equal(toy_live, 0);
}

FIXTURE bool to_server(struct pair *p)
{
    const uint8_t *data;
    struct nt_rpc_event ev;
    size_t len = nt_rpc_client_pending(p->c, &data);
    len = len < p->cut ? len : p->cut;
    if (len > 0) {
        uint8_t copy[4096]; /* as a socket would: the machine's own bytes are gone when sent */
        len = len < sizeof copy ? len : sizeof copy;
        memcpy(copy, data, len);
        size_t took = nt_rpc_server_feed(p->s, copy, len, 1000);
        p->client_sum = toy_sum(p->client_sum, copy, took);
        nt_rpc_client_sent(p->c, took);
    }
    while (nt_rpc_server_next(p->s, &ev)) {
        if (ev.kind == NT_RPC_ASK && p->answer != NULL)
            p->answer(p, &ev);
        else if (ev.kind == NT_RPC_ASK)
            toy_answer_ask(p->s, &p->owner, &ev, p->say);
        else
            toy_serve(p->s, &ev);
    }
    return len > 0;
}

FIXTURE bool to_client(struct pair *p)
{
    const uint8_t *data;
    struct nt_rpc_client_event ev;
    size_t len = nt_rpc_server_pending(p->s, &data);
    len = len < p->cut ? len : p->cut;
    if (len > 0) {
        uint8_t copy[4096];
        len = len < sizeof copy ? len : sizeof copy;
        memcpy(copy, data, len);
        p->server_sum = toy_sum(p->server_sum, copy, len);
        assert_int_equal(nt_rpc_client_feed(p->c, copy, len, 1000), len);
        nt_rpc_server_sent(p->s, len);
    }
    while (nt_rpc_client_next(p->c, &ev)) {
        p->last = ev;
        if (ev.kind == NT_RPC_BOUND) {
            p->bound = true;
        } else if (ev.kind == NT_RPC_FAILED) {
            p->failed = true;
        } else {
            p->answers++;
            assert_true(ev.len <= sizeof p->got);
            if (ev.len > 0)
                memcpy(p->got, ev.stub, ev.len);
        }
    }
    return len > 0;
}

FIXTURE void settle(struct pair *p)
{
    for (bool more = true; more;) {
        more = to_server(p);
        more = to_client(p) || more;
    }
}

FIXTURE uint32_t call(struct pair *p, uint16_t opnum, const void *stub, size_t len)
{
    uint32_t id = 0;
    assert_int_equal(nt_rpc_client_call(p->c, opnum, stub, len, 1000, 1000, &id), NT_OK);
    return id;
}

#endif
