/* The nth allocation fails, for every n: the machines end in good order. */
#include "pair.h"

static long countdown; /* the allocation that fails; 0: none */
static long count;     /* allocations seen */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

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

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

/* A whole association; false when it could not even begin. */
static bool run(struct pair *p, enum nt_auth_type type, enum toy_style style)
{
    static const uint8_t big[9000];
    uint8_t len[4] = { 0x88, 0x13 };
    uint32_t id;
    struct nt_rpc_client_config config = { .iface = &toy_first,
                                           .auth_type = type,
                                           .auth_level = NT_LEVEL_PRIVACY };
    const struct nt_rpc_server_config server = {
        .ifaces = toy_ifaces,
        .iface_count = NT_COUNT(toy_ifaces),
        .secondary_address = "49153",
        .assoc_group = 1,
        .make_sec = toy_make,
        .ctx = &p->owner,
        .caller_free = toy_caller_free,
        .limits = nt_rpc_limits_default,
    };
    memset(p, 0, sizeof *p);
    p->cut = 4096;
    p->say = NT_STATUS(SUCCESS);
    p->owner.ask = true;
    p->s = nt_rpc_server_new(&server, 1000);
    if (p->s == NULL)
        return false;
    struct toy *toy = toy_new(false, style);
    if (toy == NULL)
        return false;
    config.sec = &toy->base;
    p->c = nt_rpc_client_new(&config, 1000);
    if (p->c == NULL)
        return false;
    settle(p);
    (void)nt_rpc_client_call(p->c, 0, big, sizeof big, 1000, 1000, &id);
    settle(p);
    (void)nt_rpc_client_call(p->c, 2, len, sizeof len, 1000, 1000, &id);
    settle(p);
    return true;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct {
        enum nt_auth_type type;
        enum toy_style style;
    } ways[] = { { NT_AUTH_NTLM, TOY_AUTH3 },
                 { NT_AUTH_SPNEGO, TOY_ALTER },
                 { NT_AUTH_SCHANNEL, TOY_TWO } };
    for (size_t w = 0; w < NT_COUNT(ways); w++) {
        static struct pair p;
        countdown = count = 0;
        assert_true(run(&p, ways[w].type, ways[w].style));
        assert_int_equal(p.answers, 2);
        close_pair(&p);
        long all = count;
        for (long n = 1; n <= all; n++) {
            countdown = n;
            bool began = run(&p, ways[w].type, ways[w].style);
            countdown = 0;
            /* One end says so: by a fault, a failure or its end; nobody is left waiting. */
            assert_true(!began || p.failed || nt_rpc_server_closed(p.s, NULL) || p.answers > 0);
            close_pair(&p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
