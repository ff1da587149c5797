/* An administrator's session against controllers that are not there, do not speak, or speak
 * nonsense: a clear failure in time. What a good one answers is tried on the real daemon. */
#include "../test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "repair/admin.h"

/* A listener on loopback that answers every connection with `say`, and then closes or waits. */
struct peer {
    int fd;
    uint16_t port;
    const char *say;
    size_t len;
    bool hang;
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct peer *p = arg;
    int fd = accept(p->fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    char in[1024];
    ssize_t n = read(fd, in, sizeof in);
    if (n > 0 && p->len > 0)
        n = write(fd, p->say, p->len);
    while (p->hang && read(fd, in, sizeof in) > 0)
        ;
    close(fd);
    return NULL;
}

static void peer_start(struct peer *p)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(p->fd >= 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(p->fd, 4), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void peer_stop(struct peer *p)
{
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
}

static struct nt_admin *session(const char *host, uint16_t port, uint32_t total_ms)
{
    const struct nt_secret hash = { .len = 16 };
    const struct nt_admin_config config = {
        .host = host,
        .port = port,
        .domain = "EAST",
        .user = "Administrator",
        .hash = &hash,
        .env = nt_env_system(),
        .total_ms = total_ms,
    };
    struct nt_admin *a = nt_admin_new(&config);
    assert_non_null(a);
    return a;
}

static void assert_fails(struct nt_admin *a, enum nt_admin_fail kind)
{
    struct nt_admin_domain domain;
    assert_false(nt_admin_domain(a, &domain));
    assert_int_equal(nt_admin_error(a)->kind, kind);
    assert_true(nt_admin_error(a)->text[0] != '\0');
    /* It stays failed, and says so again. */
    assert_false(nt_admin_may_change_accounts(a));
    assert_true(nt_admin_error(a)->text[0] != '\0');
    nt_admin_free(a);
}

static void a_name_without_an_address_is_a_failure_of_the_name(void **state)
{
    (void)state;
    assert_fails(session("no-such-host.invalid", 0, 20000), NT_ADMIN_NAME_UNKNOWN);
}

static void a_closed_port_is_a_failure_of_the_network(void **state)
{
    (void)state;
    struct peer p = { .hang = false };
    peer_start(&p);
    peer_stop(&p);
    assert_fails(session("127.0.0.1", p.port, 20000), NT_ADMIN_NETWORK);
}

static void a_peer_that_closes_is_a_failure_of_the_network(void **state)
{
    (void)state;
    struct peer p = { .hang = false };
    peer_start(&p);
    assert_fails(session("127.0.0.1", p.port, 20000), NT_ADMIN_NETWORK);
    peer_stop(&p);
}

static void a_silent_peer_ends_at_the_sessions_time(void **state)
{
    (void)state;
    struct peer p = { .hang = true };
    peer_start(&p);
    assert_fails(session("127.0.0.1", p.port, 300), NT_ADMIN_NETWORK);
    peer_stop(&p);
}

static void nonsense_is_refused(void **state)
{
    static const char web[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    (void)state;
    struct peer p = { .say = web, .len = sizeof web - 1, .hang = true };
    peer_start(&p);
    assert_fails(session("127.0.0.1", p.port, 20000), NT_ADMIN_OTHER);
    peer_stop(&p);
}

static void a_session_that_was_never_used_ends_cleanly(void **state)
{
    (void)state;
    nt_admin_free(session("127.0.0.1", 1, 0));
    nt_admin_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_without_an_address_is_a_failure_of_the_name),
        cmocka_unit_test(a_closed_port_is_a_failure_of_the_network),
        cmocka_unit_test(a_peer_that_closes_is_a_failure_of_the_network),
        cmocka_unit_test(a_silent_peer_ends_at_the_sessions_time),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_session_that_was_never_used_ends_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
