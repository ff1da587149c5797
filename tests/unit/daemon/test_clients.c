/*
 * test_clients.c - counting connections by client address.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "daemon/clients.h"

static struct sockaddr_storage from(const char *text)
{
    struct sockaddr_storage sa;
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    memset(&sa, 0, sizeof sa);
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&sa, &in, sizeof in);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&sa, &in6, sizeof in6);
    }
    return sa;
}

static void both_limits_hold(void **state)
{
    struct sockaddr_storage a = from("192.0.2.1"), b = from("192.0.2.2"), c = from("192.0.2.3");
    struct nt_clients *clients = nt_clients_new(3, 2);
    (void)state;
    assert_true(nt_clients_enter(clients, &a));
    assert_true(nt_clients_enter(clients, &a));
    assert_false(nt_clients_enter(clients, &a)); /* two from one address */
    assert_true(nt_clients_enter(clients, &b));
    assert_false(nt_clients_enter(clients, &c)); /* three in all */
    assert_int_equal(nt_clients_count(clients), 3);
    nt_clients_leave(clients, &a);
    assert_true(nt_clients_enter(clients, &c));
    nt_clients_leave(clients, &a);
    nt_clients_leave(clients, &b);
    nt_clients_leave(clients, &c);
    assert_int_equal(nt_clients_count(clients), 0);
    nt_clients_free(clients);
}

static void one_customer_is_one_address(void **state)
{
    struct sockaddr_storage a = from("2001:db8:1:2::1"), b = from("2001:db8:1:2:ffff::9"),
                            other = from("2001:db8:1:3::1"), mapped = from("::ffff:192.0.2.1"),
                            plain = from("192.0.2.1");
    struct nt_clients *clients = nt_clients_new(100, 1);
    (void)state;
    assert_true(nt_clients_enter(clients, &a));
    assert_false(nt_clients_enter(clients, &b)); /* the same /64 */
    assert_true(nt_clients_enter(clients, &other));
    assert_true(nt_clients_enter(clients, &mapped));
    assert_false(nt_clients_enter(clients, &plain)); /* the same host */
    nt_clients_free(clients);
}

static void many_addresses_come_and_go(void **state)
{
    struct nt_clients *clients = nt_clients_new(100000, 1);
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_storage sa;
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            in.sin_addr.s_addr = htonl(0x0A000000 + i);
            memset(&sa, 0, sizeof sa);
            memcpy(&sa, &in, sizeof in);
            assert_true(nt_clients_enter(clients, &sa));
        }
        assert_int_equal(nt_clients_count(clients), 5000);
        for (uint32_t i = 5000; i-- > 0;) {
            in.sin_addr.s_addr = htonl(0x0A000000 + i);
            memset(&sa, 0, sizeof sa);
            memcpy(&sa, &in, sizeof in);
            nt_clients_leave(clients, &sa);
        }
        assert_int_equal(nt_clients_count(clients), 0);
    }
    nt_clients_free(clients);
    nt_clients_free(NULL);
}

static void *come_and_go(void *arg)
{
    struct sockaddr_storage a = from("192.0.2.1");
    for (int i = 0; i < 20000; i++)
        if (nt_clients_enter(arg, &a))
            nt_clients_leave(arg, &a);
    return NULL;
}

static void threads_do_not_lose_count(void **state)
{
    struct nt_clients *clients = nt_clients_new(3, 3);
    pthread_t threads[4];
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, clients), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(nt_clients_count(clients), 0);
    nt_clients_free(clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_limits_hold),
        cmocka_unit_test(one_customer_is_one_address),
        cmocka_unit_test(many_addresses_come_and_go),
        cmocka_unit_test(threads_do_not_lose_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
