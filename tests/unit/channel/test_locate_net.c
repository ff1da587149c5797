/*
 * The search itself, on loopback: a DNS server and a WINS server of the test's own answer in the
 * same loop, an lmhosts file is in a temporary folder.
 */
#include "../test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel/locate_net.h"
#include "crypto/sysenv.h"

#define TYPE_A    1
#define TYPE_AAAA 28
#define TYPE_SRV  33

struct server {
    uv_udp_t udp;
    uint16_t port;
    bool silent;
    unsigned asked;
    char buffer[2048];
};

struct place {
    uv_loop_t loop;
    struct server dns, wins;
    uv_tcp_t controller; /* takes connections */
    uint16_t controller_port;
    struct nt_locator *locator;
    struct nt_located located;
    bool done;
    char folder[32], lmhosts[64], dns_servers[64];
};

/* --- DNS --- */

static void put_name(struct nt_buf *b, const char *name)
{
    while (*name != '\0') {
        size_t len = strcspn(name, ".");
        nt_buf_u8(b, (uint8_t)len);
        nt_buf_put(b, name, len);
        name += len + (name[len] == '.');
    }
    nt_buf_u8(b, 0);
}

static void put_srv(struct nt_buf *b, uint16_t priority, const char *target)
{
    nt_buf_u16be(b, 0xC00C);
    nt_buf_u16be(b, TYPE_SRV);
    nt_buf_u16be(b, 1);
    nt_buf_u32be(b, 60);
    nt_buf_u16be(b, (uint16_t)(6 + strlen(target) + 2));
    nt_buf_u16be(b, priority);
    nt_buf_u16be(b, 0);
    nt_buf_u16be(b, 389);
    put_name(b, target);
}

static uint16_t put_answers(struct nt_buf *b, const char *name, uint16_t type, uint8_t *rcode)
{
    if (strcmp(name, "_ldap._tcp.pdc._msdcs.east.example") == 0 && type == TYPE_SRV) {
        put_srv(b, 0, "dc2.east.example");
        return 1;
    }
    if (strcmp(name, "_ldap._tcp.dc._msdcs.east.example") == 0 && type == TYPE_SRV) {
        put_srv(b, 10, "dc3.east.example");
        put_srv(b, 0, "dc1.east.example");
        put_srv(b, 0, "dc2.east.example");
        return 3;
    }
    bool host = strlen(name) == 16 && strncmp(name, "dc", 2) == 0;
    *rcode = host ? 0 : 3;
    if (!host || type != TYPE_A || name[2] == '3')
        return 0;
    nt_buf_u16be(b, 0xC00C);
    nt_buf_u16be(b, TYPE_A);
    nt_buf_u16be(b, 1);
    nt_buf_u32be(b, 60);
    nt_buf_u16be(b, 4);
    nt_buf_u32be(b, 0x7F000000u + (uint32_t)(name[2] - '0'));
    return 1;
}

static void dns_answer(struct nt_cursor *c, struct nt_buf *b)
{
    char name[256] = "";
    uint8_t rcode = 0, len;
    uint16_t id = nt_cursor_u16be(c);
    nt_cursor_skip(c, 10);
    size_t from = c->pos;
    while ((len = nt_cursor_u8(c)) != 0 && c->err == NT_OK) {
        const char *label = (const char *)nt_cursor_take(c, len);
        assert_non_null(label);
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s%.*s",
                 *name != '\0' ? "." : "", len, label);
    }
    uint16_t type = nt_cursor_u16be(c);
    nt_cursor_skip(c, 2);
    assert_int_equal(c->err, NT_OK);
    nt_buf_u16be(b, id);
    nt_buf_zero(b, 10);
    nt_buf_put(b, c->buf + from, c->pos - from);
    uint16_t answers = put_answers(b, name, type, &rcode);
    b->data[2] = 0x85;
    b->data[3] = (uint8_t)(0x80 | rcode);
    b->data[5] = 1;
    b->data[7] = (uint8_t)answers;
}

/* --- WINS --- */

static void wins_answer(const uint8_t *data, size_t len, struct nt_buf *b)
{
    struct nt_ns_packet p;
    char name[NT_NB_NAME_TEXT];
    uint8_t rdata[12] = { 0xE0, 0, 127, 0, 0, 4, 0xE0, 0, 127, 0, 0, 1 };
    assert_int_equal(nt_ns_read(data, len, &p), NT_OK);
    nt_nb_name_format(&p.name, name);
    if (p.question_type == NT_NS_NBSTAT) {
        struct nt_ns_status_name own = { .flags = NT_NB_ACTIVE };
        struct nt_buf names;
        assert_true(nt_nb_name_set(&own.name, "EASTDC", NT_NB_WORKSTATION));
        nt_buf_init(&names, 500);
        nt_ns_status_write(&names, &own, 1);
        p.record_type = NT_NS_NBSTAT;
        p.rdata = names.data;
        p.rdata_len = names.len;
        p.response = p.has_record = true;
        p.has_question = false;
        nt_ns_write(b, &p);
        nt_buf_free(&names);
        return;
    }
    bool known = strcmp(name, "EAST<1c>") == 0;
    p.response = p.has_record = true;
    p.has_question = false;
    p.rcode = known ? NT_NS_OK : NT_NS_NAM_ERR;
    p.record_type = known ? NT_NS_NB : NT_NS_NULL;
    p.rdata = rdata;
    p.rdata_len = known ? sizeof rdata : 0;
    nt_ns_write(b, &p);
}

/* --- the loop --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct server *s = handle->data;
    (void)suggested;
    *buf = uv_buf_init(s->buffer, sizeof s->buffer);
}

static struct place *the_place;

static void on_packet(uv_udp_t *udp, ssize_t n, const uv_buf_t *in, const struct sockaddr *from,
                      unsigned flags)
{
    struct server *s = udp->data;
    struct nt_buf b;
    (void)flags;
    if (n <= 0 || from == NULL)
        return;
    s->asked++;
    if (s->silent)
        return;
    nt_buf_init(&b, 2000);
    if (s == &the_place->dns) {
        struct nt_cursor c;
        nt_cursor_init(&c, in->base, (size_t)n);
        dns_answer(&c, &b);
    } else {
        wins_answer((const uint8_t *)in->base, (size_t)n, &b);
    }
    uv_buf_t out = uv_buf_init((char *)b.data, (unsigned)b.len);
    assert_int_equal(uv_udp_try_send(udp, &out, 1, from), b.len);
    nt_buf_free(&b);
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
    return ntohs(((const struct sockaddr_in *)(const void *)at)->sin_port);
}

static void serve(struct place *p, struct server *s)
{
    struct sockaddr_in at;
    struct sockaddr_storage got;
    int len = sizeof got;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &at), 0);
    assert_int_equal(uv_udp_init(&p->loop, &s->udp), 0);
    s->udp.data = s;
    assert_int_equal(uv_udp_bind(&s->udp, (const struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_udp_getsockname(&s->udp, (struct sockaddr *)&got, &len), 0);
    s->port = port_of(&got);
    assert_int_equal(uv_udp_recv_start(&s->udp, on_alloc, on_packet), 0);
}

static void on_connection(uv_stream_t *server, int status)
{
    (void)server;
    (void)status; /* it is in the queue, which is enough */
}

static void listen_here(struct place *p)
{
    struct sockaddr_in at;
    struct sockaddr_storage got;
    int len = sizeof got;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &at), 0);
    assert_int_equal(uv_tcp_init(&p->loop, &p->controller), 0);
    assert_int_equal(uv_tcp_bind(&p->controller, (const struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&p->controller, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&p->controller, (struct sockaddr *)&got, &len), 0);
    p->controller_port = port_of(&got);
}

static size_t broadcast_to_loopback(void *ctx, uint32_t out[NT_NB_TARGETS])
{
    (void)ctx;
    out[0] = 0x7F000001;
    return 1;
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    the_place = p;
    assert_int_equal(uv_loop_init(&p->loop), 0);
    serve(p, &p->dns);
    serve(p, &p->wins);
    listen_here(p);
    snprintf(p->folder, sizeof p->folder, "/tmp/nt-locate-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->lmhosts, sizeof p->lmhosts, "%s/lmhosts", p->folder);
    snprintf(p->dns_servers, sizeof p->dns_servers, "127.0.0.1:%u", p->dns.port);
    const struct nt_locate_config config = { .dns = true,
                                             .dns_servers = p->dns_servers,
                                             .lmhosts = p->lmhosts,
                                             .mode = NT_NB_H,
                                             .wins = { 0x7F000001 },
                                             .wins_count = 1,
                                             .netbios = true,
                                             .name_port = p->wins.port,
                                             .epm_port = p->controller_port,
                                             .smb_port = 1,
                                             .env = nt_env_system(),
                                             .broadcasts = broadcast_to_loopback };
    p->locator = nt_locator_new(&p->loop, &config);
    assert_non_null(p->locator);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    nt_locator_free(p->locator);
    uv_close((uv_handle_t *)&p->dns.udp, NULL);
    uv_close((uv_handle_t *)&p->wins.udp, NULL);
    uv_close((uv_handle_t *)&p->controller, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p->loop), 0); /* nothing is left open */
    unlink(p->lmhosts);
    rmdir(p->folder);
    free(p);
    return 0;
}

static void on_done(struct nt_locate *locate, const struct nt_located *located)
{
    struct place *p = locate->owner;
    assert_false(p->done);
    p->done = true;
    p->located = *located;
}

static struct nt_locate search(struct place *p, const char *domain)
{
    return (struct nt_locate){ .domain = domain,
                               .dns_name = "",
                               .servers = "",
                               .computer = "RESPDC",
                               .done = on_done,
                               .owner = p };
}

static void run(struct place *p, struct nt_locate *locate)
{
    assert_int_equal(nt_locate_start(p->locator, locate), NT_OK);
    while (!p->done)
        assert_true(uv_run(&p->loop, UV_RUN_ONCE) != 0);
    assert_null(locate->search);
}

static const struct nt_controller *of(const struct place *p, const char *host)
{
    for (size_t i = 0; i < p->located.count; i++)
        if (strcmp(p->located.list[i].server.host, host) == 0)
            return &p->located.list[i];
    fail_msg("%s is not among the %zu", host, p->located.count);
    abort();
}

static bool missed(const struct place *p, enum nt_locate_method method, const char *asked,
                   const char *why)
{
    for (size_t i = 0; i < p->located.miss_count; i++) {
        const struct nt_locate_miss *m = &p->located.misses[i];
        if (m->method == method && strstr(m->asked, asked) != NULL && strstr(m->why, why) != NULL)
            return true;
    }
    return false;
}

static void all_methods_are_merged(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "EAST");
    FILE *f = fopen(p->lmhosts, "w");
    assert_non_null(f);
    fputs("127.0.0.9 EASTDC9 #PRE #DOM:EAST\n", f);
    fclose(f);
    l.dns_name = "east.example";
    l.servers = "127.0.0.8 smb:127.0.0.7";
    run(p, &l);
    assert_string_equal(p->located.list[0].server.host, "127.0.0.8");
    assert_string_equal(p->located.list[1].server.host, "127.0.0.7");
    assert_string_equal(p->located.list[2].server.host, "127.0.0.9");
    assert_string_equal(p->located.list[3].server.host, "127.0.0.2"); /* the primary */
    assert_string_equal(p->located.list[4].server.host, "127.0.0.1");
    assert_string_equal(p->located.list[5].server.host, "127.0.0.4");
    assert_int_equal(p->located.count, 6);
    assert_string_equal(nt_locate_methods_text(of(p, "127.0.0.1")->methods), "dns+wins+broadcast");
    assert_string_equal(of(p, "127.0.0.1")->name, "dc1.east.example");
    assert_true(missed(p, NT_LOCATE_DNS, "dc3.east.example", "no such record"));
    assert_true(missed(p, NT_LOCATE_WINS, "EAST<1b>", "no such name"));
}

static void an_unknown_domain_names_all_that_was_asked(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "NORTH");
    l.dns_name = "north.example";
    run(p, &l);
    assert_int_equal(p->located.count, 0);
    assert_true(missed(p, NT_LOCATE_DNS, "_ldap._tcp.pdc._msdcs.north.example", "no such name"));
    assert_true(missed(p, NT_LOCATE_DNS, "_ldap._tcp.dc._msdcs.north.example", "no such name"));
    assert_true(missed(p, NT_LOCATE_LMHOSTS, p->lmhosts, "no such file"));
    assert_true(missed(p, NT_LOCATE_WINS, "NORTH<1b>", "no such name"));
    assert_true(missed(p, NT_LOCATE_WINS, "NORTH<1c>", "no such name"));
    assert_true(missed(p, NT_LOCATE_BROADCAST, "NORTH<1c>", "no answer"));
}

static void silent_servers_end_by_their_time(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "EAST");
    p->dns.silent = p->wins.silent = true;
    l.dns_name = "east.example";
    uint64_t from = uv_hrtime();
    run(p, &l);
    assert_true((uv_hrtime() - from) / 1000000 < 10000);
    assert_int_equal(p->located.count, 0);
    assert_true(p->dns.asked >= 2);
    assert_true(missed(p, NT_LOCATE_DNS, "_ldap._tcp.dc._msdcs.east.example", "no answer"));
    assert_true(missed(p, NT_LOCATE_WINS, "EAST<1c>", "no answer"));
}

static void a_domain_without_dns_name_is_not_asked_for_in_dns(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "EAST");
    run(p, &l);
    assert_int_equal(p->dns.asked, 0);
    assert_true(missed(p, NT_LOCATE_DNS, "EAST", "not asked"));
    assert_int_equal(p->located.count, 2);
}

static void a_name_that_netbios_cannot_say_is_asked_for_in_dns_alone(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "the-whole-east.example");
    run(p, &l);
    assert_int_equal(p->wins.asked, 0);
    assert_true(missed(p, NT_LOCATE_BROADCAST, "the-whole-east.example", "not asked"));
}

static void controllers_are_asked_whether_they_are_there(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "EAST");
    l.probe = true;
    run(p, &l);
    assert_true(of(p, "127.0.0.1")->answers);
    char port[32];
    snprintf(port, sizeof port, "port %u", p->controller_port);
    assert_string_equal(of(p, "127.0.0.1")->answer, port);
    assert_string_equal(of(p, "127.0.0.1")->computer, "EASTDC");
    /* Nobody listens there: neither on the first port nor on the second. */
    assert_true(of(p, "127.0.0.4")->probed);
    assert_false(of(p, "127.0.0.4")->answers);
    assert_non_null(strstr(of(p, "127.0.0.4")->answer, "port 1: connection refused"));
}

/* Wherever it is given up, everything is closed, and nobody is told. */
static void a_search_can_be_given_up_at_any_turn(void **state)
{
    struct place *p = *state;
    for (int turns = 0; turns < 40; turns++) {
        struct nt_locate l = search(p, "EAST");
        l.dns_name = "east.example";
        l.servers = "127.0.0.1 localhost";
        l.probe = true;
        assert_int_equal(nt_locate_start(p->locator, &l), NT_OK);
        for (int i = 0; i < turns && !p->done; i++)
            uv_run(&p->loop, UV_RUN_ONCE);
        bool was_done = p->done;
        nt_locate_cancel(&l);
        nt_locate_cancel(&l);
        p->done = false;
        for (int i = 0; i < 5; i++)
            uv_run(&p->loop, UV_RUN_NOWAIT);
        assert_false(p->done);
        if (was_done)
            break;
    }
}

static void the_locator_may_go_while_it_searches(void **state)
{
    struct place *p = *state;
    struct nt_locate l = search(p, "EAST");
    l.dns_name = "east.example";
    l.probe = true;
    assert_int_equal(nt_locate_start(p->locator, &l), NT_OK);
    uv_run(&p->loop, UV_RUN_ONCE);
    nt_locator_free(p->locator);
    p->locator = NULL;
    assert_null(l.search);
    assert_false(p->done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(all_methods_are_merged),
        T(an_unknown_domain_names_all_that_was_asked),
        T(silent_servers_end_by_their_time),
        T(a_domain_without_dns_name_is_not_asked_for_in_dns),
        T(a_name_that_netbios_cannot_say_is_asked_for_in_dns_alone),
        T(controllers_are_asked_whether_they_are_there),
        T(a_search_can_be_given_up_at_any_turn),
        T(the_locator_may_go_while_it_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
