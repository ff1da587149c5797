/*
 * client_fixture.h - the client machine against the server machine (server_fixture.h), with
 * somebody between them who may change what passes. For tests and fuzzers.
 */
#ifndef NT_TEST_SMB_CLIENT_FIXTURE_H
#define NT_TEST_SMB_CLIENT_FIXTURE_H

#include <stdio.h>

#include "server_fixture.h"
#include "smb/client.h"

/* --- the toy context's other end: "hi", a name, and nothing after "welcome" --- */

struct toy_client {
    struct nt_sec base;
    int leg;
    const char *user;
    ntstatus status;
    struct nt_secret key;
};

static enum nt_sec_step toy_client_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                        struct nt_buf *out)
{
    static const char *const expected[] = { "", "who?", "welcome" };
    struct toy_client *t = (struct toy_client *)s;
    if (t->leg > 2 || len != strlen(expected[t->leg]) ||
        (len > 0 && memcmp(in, expected[t->leg], len) != 0)) {
        t->status = NT_STATUS(INVALID_NETWORK_RESPONSE);
        return NT_SEC_FAILED;
    }
    if (t->leg < 2)
        nt_buf_put(out, t->leg == 0 ? "hi" : t->user, t->leg == 0 ? 2 : strlen(t->user));
    return t->leg++ < 2 ? NT_SEC_CONTINUE : NT_SEC_DONE;
}

static const struct nt_secret *toy_client_key(const struct nt_sec *s)
{
    const struct toy_client *t = (const struct toy_client *)s;
    return t->leg > 2 ? &t->key : NULL;
}

static ntstatus toy_client_status(const struct nt_sec *s)
{
    return ((const struct toy_client *)s)->status;
}

static const struct nt_sec_ops toy_client_ops = {
    .step = toy_client_step,
    .session_key = toy_client_key,
    .status = toy_client_status,
    .free = toy_free,
};

FIXTURE struct nt_sec *toy_client_make(const char *user)
{
    struct toy_client *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->base.ops = &toy_client_ops;
    t->user = user;
    t->key.len = 16;
    memset(t->key.b, 0x5A, 16); /* as owner_answer's */
    toy_live++;
    return &t->base;
}

/* --- a client on its wire --- */

struct wire {
    uint64_t seed; /* the client's own luck: it does the same whatever the server does */
    struct nt_env env;
    struct peer server; /* of whose fixture only the server and its owner are used */
    struct nt_smb_client *c;
    uint64_t now_ms;
    size_t cut;  /* bytes moved at once; 0: all */
    bool broken; /* the connection, by the server */
    /* Called for each message (without its frame's head) before it goes on; NULL: nobody. */
    void (*between)(void *ctx, bool from_server, unsigned number, uint8_t *msg, size_t len);
    void *ctx;
    unsigned up, down;   /* messages so far */
    struct nt_buf in[2]; /* what is not yet a whole message: to the server, to the client */
    bool ready, failed;
    unsigned opened, closed;
    uint32_t pipe;   /* opened last */
    ntstatus status; /* of the last failure or closing */
    enum nt_smb_step step;
    char why[300];
    uint8_t data[4096]; /* of all pipes, as it came */
    size_t data_len;
    unsigned pieces;
};

FIXTURE bool wire_open(struct wire *w, const struct nt_smb_client_config *more,
                       const struct nt_smb_limits *limits)
{
    memset(w, 0, sizeof *w);
    w->now_ms = 1000;
    w->seed = 77;
    w->env = (struct nt_env){ .now = fixture_now, .random = fixture_random, .ctx = &w->seed };
    nt_buf_init(&w->in[0], 1u << 22);
    nt_buf_init(&w->in[1], 1u << 22);
    if (!peer_open(&w->server, limits))
        return false;
    struct nt_smb_client_config config = *more;
    config.host = "dc";
    config.env = &w->env;
    config.sec = toy_client_make("bob");
    w->c = config.sec != NULL ? nt_smb_client_new(&config, w->now_ms) : NULL;
    return w->c != NULL;
}

FIXTURE void wire_close(struct wire *w)
{
    nt_smb_client_free(w->c);
    peer_close(&w->server);
    nt_buf_free(&w->in[0]);
    nt_buf_free(&w->in[1]);
}

FIXTURE void wire_event(struct wire *w, const struct nt_smb_client_event *ev)
{
    switch (ev->kind) {
    case NT_SMB_CLIENT_READY:
        w->ready = true;
        break;
    case NT_SMB_CLIENT_OPENED:
        w->opened++;
        w->pipe = ev->pipe;
        break;
    case NT_SMB_CLIENT_DATA: {
        size_t room = sizeof w->data - w->data_len, n = ev->len < room ? ev->len : room;
        memcpy(w->data + w->data_len, ev->data, n);
        w->data_len += n;
        w->pieces++;
        break;
    }
    case NT_SMB_CLIENT_FAILED:
    case NT_SMB_CLIENT_CLOSED:
        w->failed |= ev->kind == NT_SMB_CLIENT_FAILED;
        w->closed += ev->kind == NT_SMB_CLIENT_CLOSED;
        w->status = ev->status;
        w->step = ev->step;
        snprintf(w->why, sizeof w->why, "%s", ev->why);
        break;
    }
}

FIXTURE void wire_events(struct wire *w)
{
    struct nt_smb_client_event ev;
    while (nt_smb_client_next(w->c, &ev, w->now_ms))
        wire_event(w, &ev);
}

/* Shows whole messages to whoever is between, and gives back how many bytes may go on. */
FIXTURE size_t wire_look(struct wire *w, bool from_server)
{
    struct nt_buf *b = &w->in[from_server];
    size_t at = 0;
    while (b->len - at >= NT_SMB_FRAME_LEN) {
        uint32_t len;
        if (!nt_smb_frame_read(b->data + at, &len) || len > b->len - at - NT_SMB_FRAME_LEN)
            break;
        unsigned number = from_server ? w->down++ : w->up++;
        if (w->between != NULL)
            w->between(w->ctx, from_server, number, b->data + at + NT_SMB_FRAME_LEN, len);
        at += NT_SMB_FRAME_LEN + len;
    }
    return at;
}

FIXTURE void wire_to_client(struct wire *w, const uint8_t *data, size_t len)
{
    while (len > 0 && !w->failed) {
        size_t n = w->cut != 0 && w->cut < len ? w->cut : len;
        size_t took = nt_smb_client_feed(w->c, data, n, w->now_ms);
        data += took;
        len -= took;
        wire_events(w);
    }
}

/* One move in each direction; true: something moved. */
FIXTURE bool wire_turn(struct wire *w)
{
    const uint8_t *data;
    size_t len = nt_smb_client_pending(w->c, &data), n = 0;
    bool any = len > 0;
    nt_buf_put(&w->in[0], data, len);
    nt_smb_client_sent(w->c, len);
    n = wire_look(w, false);
    if (n > 0 && !w->broken)
        peer_feed(&w->server, w->in[0].data, n);
    nt_buf_drop(&w->in[0], n);

    len = nt_smb_server_pending(w->server.m, &data);
    any = any || len > 0;
    nt_buf_put(&w->in[1], data, len);
    nt_smb_server_sent(w->server.m, len);
    n = wire_look(w, true);
    wire_to_client(w, w->in[1].data, n);
    nt_buf_drop(&w->in[1], n);
    if (!w->broken && peer_closed(&w->server)) {
        w->broken = true;
        nt_smb_client_eof(w->c);
    }
    wire_events(w);
    return any;
}

FIXTURE void wire_run(struct wire *w)
{
    while (!w->failed && wire_turn(w))
        continue;
}

/* A session and an open pipe. */
FIXTURE bool wire_pipe(struct wire *w, const char *name)
{
    uint32_t pipe;
    unsigned before = w->opened;
    wire_run(w);
    if (w->failed || nt_smb_client_open(w->c, name, 1000, w->now_ms, &pipe) != NT_OK)
        return false;
    wire_run(w);
    return w->opened == before + 1;
}

#endif
