/* The nth allocation fails, for every n: the client machine ends in good order. */
#include "../test.h"

#include "client_fixture.h"

static long countdown; /* the allocation that fails; 0: none */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *s);

static bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

static struct nt_buf said; /* all that the server said */

static void record(void *ctx, bool from_server, unsigned number, uint8_t *msg, size_t len)
{
    uint8_t head[NT_SMB_FRAME_LEN];
    (void)ctx;
    (void)number;
    if (!from_server)
        return;
    nt_smb_frame_write(head, (uint32_t)len);
    nt_buf_put(&said, head, sizeof head);
    nt_buf_put(&said, msg, len);
}

static const struct nt_smb_client_config config = { .encrypt = NT_SMB_ENCRYPT_IF_POSSIBLE };

/* What the owner of a client does in a life with everything in it, one step an event. */
static void act(struct wire *w, const struct nt_smb_client_event *ev)
{
    uint32_t pipe;
    const uint8_t *text = (const uint8_t *)"a question";
    enum nt_err err = NT_OK;
    if (ev->kind == NT_SMB_CLIENT_READY)
        err = nt_smb_client_open(w->c, "samr", 1000, w->now_ms, &pipe);
    else if (ev->kind == NT_SMB_CLIENT_OPENED)
        err = nt_smb_client_write(w->c, ev->pipe, text, 10, true, 1000, w->now_ms);
    else if (ev->kind == NT_SMB_CLIENT_DATA)
        nt_smb_client_close(w->c, ev->pipe, w->now_ms);
    assert_true(err == NT_OK || countdown == 0); /* it failed, or it has failed once */
}

/* A life with the real server, whose part is kept. */
static void live(void)
{
    struct wire w;
    struct nt_smb_client_event ev;
    assert_true(wire_open(&w, &config, NULL));
    w.server.echo = true;
    w.between = record;
    bool any = true;
    while (any) {
        any = wire_turn(&w);
        if (w.ready || w.opened > 0 || w.pieces > 0) {
            ev = (struct nt_smb_client_event){ .kind = w.ready        ? NT_SMB_CLIENT_READY
                                                       : w.opened > 0 ? NT_SMB_CLIENT_OPENED
                                                                      : NT_SMB_CLIENT_DATA,
                                               .pipe = w.pipe };
            w.ready = false;
            w.opened = 0;
            w.pieces = 0;
            act(&w, &ev);
            any = true;
        }
    }
    assert_int_equal(w.data_len, 10);
    wire_close(&w);
}

/* The same again to a client with that luck. False: it had no part in the failure any more. */
static bool relive(long n)
{
    struct wire w = { .now_ms = 1000, .seed = 77 };
    struct nt_smb_client_event ev;
    const uint8_t *out;
    w.env = (struct nt_env){ .now = fixture_now, .random = fixture_random, .ctx = &w.seed };
    struct nt_smb_client_config c = config;
    c.host = "dc";
    c.env = &w.env;
    c.sec = toy_client_make("bob");
    assert_non_null(c.sec);
    countdown = n;
    w.c = nt_smb_client_new(&c, w.now_ms);
    for (size_t at = 0; w.c != NULL && at < said.len;) {
        size_t took = nt_smb_client_feed(w.c, said.data + at, said.len - at, w.now_ms);
        at += took;
        while (nt_smb_client_next(w.c, &ev, w.now_ms))
            act(&w, &ev);
        nt_smb_client_sent(w.c, nt_smb_client_pending(w.c, &out));
        if (took == 0)
            break; /* it has failed */
    }
    bool met = countdown == 0;
    countdown = 0;
    nt_smb_client_free(w.c);
    assert_int_equal(toy_live, 0);
    return met;
}

static void the_nth_allocation_may_fail(void **state)
{
    long n = 1;
    (void)state;
    nt_buf_init(&said, 1u << 20);
    live();
    while (relive(n))
        n++;
    assert_true(n > 20);
    nt_buf_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_nth_allocation_may_fail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
