/* The nth allocation fails, for every n: the server machine ends in good order. And what an idle
 * session costs. */
#include "../test.h"

#include <malloc.h>

#include "server_fixture.h"

static long countdown; /* the allocation that fails; 0: none */
static long count;     /* allocations seen */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

static bool fails(void)
{
    count++;
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

/* What a client sends in a life with everything in it. */
static void record(struct nt_buf *bytes, bool encrypt)
{
    struct peer p;

    nt_buf_init(bytes, 1u << 20);
    assert_true(peer_open(&p, NULL));
    p.record = bytes;
    p.echo = true;
    p.cipher = NT_SMB_AES128_GCM;
    assert_true(peer_ready(&p, NT_SMB2_311, "alice"));
    p.encrypt = encrypt;
    peer_send_transceive(&p, "a request", 4);
    peer_read_part(&p, 100, 0);
    peer_send(&p);
    peer_write_part(&p, "more", 0);
    peer_read_part(&p, 100, NT_SMB2_FLAG_RELATED);
    peer_close_part(&p, NT_SMB2_FLAG_RELATED);
    peer_send(&p);
    while (peer_take(&p))
        ;
    assert_true(peer_create(&p, "samr"));
    peer_send_setup(&p, "hi", 0, 0);
    peer_send_setup(&p, "alice", 0, 0);
    peer_read_part(&p, 100, 0);
    peer_send(&p);
    peer_empty(&p, NT_SMB2_LOGOFF);
    peer_close(&p);
}

/* The same bytes to another machine with the same luck; false: it could not even begin. */
static bool replay(const struct nt_buf *bytes)
{
    struct peer p;
    const uint8_t *out;

    if (!peer_open(&p, NULL))
        return false;
    p.echo = true;
    for (size_t off = 0; off < bytes->len && !peer_closed(&p);) {
        size_t len = NT_SMB_FRAME_LEN + nt_be32(bytes->data + off); /* as clients wait */
        off += nt_smb_server_feed(p.m, bytes->data + off, len, p.now_ms);
        (void)owner_turn(&p);
        nt_smb_server_sent(p.m, nt_smb_server_pending(p.m, &out));
        (void)nt_smb_server_tick(p.m, p.now_ms += 200);
    }
    countdown = 0;
    peer_close(&p);
    return true;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int encrypt = 0; encrypt < 2; encrypt++) {
        struct nt_buf bytes;
        record(&bytes, encrypt != 0);
        count = 0;
        assert_true(replay(&bytes));
        long all = count;
        assert_in_range(all, 30, 100);
        for (long n = 1; n <= all; n++) {
            countdown = n;
            assert_int_equal(replay(&bytes), n > 1);
        }
        countdown = 0;
        nt_buf_free(&bytes);
    }
}

/* Of 32 KiB for an authenticated session with its RPC association and its socket, this is a small
 * part. Under sanitizers the heap says nothing. */
static void an_idle_session_is_small(void **state)
{
    (void)state;
    enum { MANY = 50 };
    static struct peer peers[MANY];
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < MANY; i++) {
        assert_true(peer_open(&peers[i], NULL));
        assert_true(peer_ready(&peers[i], NT_SMB2_311, "alice"));
        nt_buf_free(&peers[i].b);
        nt_buf_free(&peers[i].frame);
    }
    size_t each = (mallinfo2().uordblks - before) / MANY;
    assert_true(each < 4096);
    for (size_t i = 0; i < MANY; i++)
        nt_smb_server_free(peers[i].m);
    assert_int_equal(toy_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(an_idle_session_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
