/* Frames of each link layer, whole and cut anywhere; streams out of order, twice and with holes. */

#include "../test.h"

#include <string.h>

#include "base/buf.h"
#include "capture/packet.h"
#include "capture/stream.h"

#define LINK_NULL     0
#define LINK_ETHERNET 1
#define LINK_RAW      101
#define LINK_LINUX_2  276
#define TEXT          "what is carried"

static const uint8_t v4[] = { 192, 0, 2, 1, 192, 0, 2, 9 };

/* An IPv4 header and a TCP one, with TEXT behind. */
static void put_ipv4_tcp(struct nt_buf *b, uint16_t fragment)
{
    nt_buf_u8(b, 0x45);
    nt_buf_u8(b, 0);
    nt_buf_u16be(b, (uint16_t)(20 + 20 + strlen(TEXT)));
    nt_buf_u16be(b, 7);
    nt_buf_u16be(b, fragment);
    nt_buf_u8(b, 64);
    nt_buf_u8(b, 6);
    nt_buf_u16be(b, 0);
    nt_buf_put(b, v4, sizeof v4);
    nt_buf_u16be(b, 40000);
    nt_buf_u16be(b, 445);
    nt_buf_u32be(b, 0xFFFFFFF0u);
    nt_buf_u32be(b, 0);
    nt_buf_u8(b, 0x50);
    nt_buf_u8(b, NT_TCP_ACK);
    nt_buf_zero(b, 6);
    nt_buf_put(b, TEXT, strlen(TEXT));
}

static void assert_ours(const struct nt_packet *p)
{
    char text[NT_ADDRESS_TEXT];
    assert_string_equal(nt_address_format(&p->from, text), "192.0.2.1");
    assert_string_equal(nt_address_format(&p->to, text), "192.0.2.9");
    assert_int_equal(p->from_port, 40000);
    assert_int_equal(p->to_port, 445);
    assert_true(p->tcp);
    assert_int_equal(p->seq, 0xFFFFFFF0u);
    assert_int_equal(p->len, strlen(TEXT));
    assert_memory_equal(p->data, TEXT, strlen(TEXT));
    assert_int_equal(p->missing, 0);
}

static void each_link_layer_leads_to_the_same_segment(void **state)
{
    static const struct {
        int link;
        uint8_t head[20];
        size_t len;
    } links[] = {
        { LINK_RAW, { 0 }, 0 },
        { LINK_NULL, { 2, 0, 0, 0 }, 4 },
        { LINK_ETHERNET, { [12] = 0x08, [13] = 0x00 }, 14 },
        { LINK_ETHERNET, { [12] = 0x81, [13] = 0x00, [14] = 0, [15] = 5, [16] = 0x08 }, 18 },
        { LINK_LINUX_2, { 0x08, 0x00 }, 20 },
    };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(links); i++) {
        struct nt_buf b;
        struct nt_packet p;
        nt_buf_init(&b, 1024);
        nt_buf_put(&b, links[i].head, links[i].len);
        put_ipv4_tcp(&b, 0);
        nt_buf_zero(&b, 6); /* the padding of a short frame */
        assert_int_equal(nt_packet_read(links[i].link, b.data, b.len, &p), NT_PACKET_GOOD);
        assert_ours(&p);
        nt_buf_free(&b);
    }
}

static void a_frame_cut_anywhere_is_no_packet_or_says_what_is_missing(void **state)
{
    struct nt_buf b;
    struct nt_packet p;
    (void)state;
    nt_buf_init(&b, 1024);
    put_ipv4_tcp(&b, 0);
    for (size_t len = 0; len < b.len; len++) {
        enum nt_packet_kind kind = nt_packet_read(LINK_RAW, b.data, len, &p);
        assert_int_equal(kind, len < 40 ? NT_PACKET_OTHER : NT_PACKET_GOOD);
        if (kind == NT_PACKET_GOOD)
            assert_int_equal(p.len + p.missing, strlen(TEXT));
    }
    nt_buf_free(&b);
}

static void a_fragment_is_passed_over(void **state)
{
    static const uint16_t fields[] = { 0x2000, 0x0001, 0x3FFF };
    (void)state;
    for (size_t i = 0; i < NT_COUNT(fields); i++) {
        struct nt_buf b;
        struct nt_packet p;
        nt_buf_init(&b, 1024);
        put_ipv4_tcp(&b, fields[i]);
        assert_int_equal(nt_packet_read(LINK_RAW, b.data, b.len, &p), NT_PACKET_FRAGMENT);
        nt_buf_free(&b);
    }
}

static void ipv6_with_options_leads_to_a_datagram(void **state)
{
    static const uint8_t to[16] = { 0x20, 0x01, 0x0D, 0xB8, [15] = 2 };
    struct nt_buf b;
    struct nt_packet p;
    char text[NT_ADDRESS_TEXT];
    (void)state;
    nt_buf_init(&b, 1024);
    nt_buf_u32be(&b, 0x60000000);
    nt_buf_u16be(&b, 8 + 8 + 3);
    nt_buf_u8(&b, 60); /* destination options */
    nt_buf_u8(&b, 64);
    nt_buf_zero(&b, 16);
    nt_buf_put(&b, to, sizeof to);
    nt_buf_u8(&b, 17);
    nt_buf_u8(&b, 0);
    nt_buf_zero(&b, 6);
    nt_buf_u16be(&b, 137);
    nt_buf_u16be(&b, 138);
    nt_buf_u16be(&b, 11);
    nt_buf_u16be(&b, 0);
    nt_buf_put(&b, "abc", 3);
    assert_int_equal(nt_packet_read(LINK_RAW, b.data, b.len, &p), NT_PACKET_GOOD);
    assert_false(p.tcp);
    assert_int_equal(p.to_port, 138);
    assert_int_equal(p.len, 3);
    assert_string_equal(nt_address_format(&p.to, text), "2001:db8::2");
    nt_buf_free(&b);
}

/* --- streams --- */

static const char whole[] = "The quick brown fox jumps over the lazy dog and comes to rest";

static void feed(struct nt_stream *s, uint32_t base, size_t from, size_t to)
{
    nt_stream_segment(s, base + (uint32_t)from, (const uint8_t *)whole + from, to - from, 0);
}

static void assert_whole(const struct nt_stream *s)
{
    assert_false(s->gap);
    assert_int_equal(s->bytes.len, sizeof whole - 1);
    assert_memory_equal(s->bytes.data, whole, sizeof whole - 1);
}

static void segments_in_any_order_and_twice_give_the_bytes_once(void **state)
{
    static const uint32_t bases[] = { 0, 1000, 0xFFFFFFF8u }; /* the last one wraps */
    const size_t end = sizeof whole - 1;
    (void)state;
    for (size_t i = 0; i < NT_COUNT(bases); i++) {
        struct nt_stream s;
        nt_stream_init(&s);
        nt_stream_start(&s, bases[i]);
        feed(&s, bases[i], 40, end);
        feed(&s, bases[i], 20, 40);
        feed(&s, bases[i], 20, 45); /* again, and more */
        feed(&s, bases[i], 0, 10);
        feed(&s, bases[i], 5, 22);
        feed(&s, bases[i], 0, end);
        assert_whole(&s);
        nt_stream_free(&s);
    }
}

static void what_never_came_is_a_gap(void **state)
{
    struct nt_stream s;
    (void)state;
    nt_stream_init(&s);
    nt_stream_start(&s, 100);
    feed(&s, 100, 0, 10);
    feed(&s, 100, 20, 30);
    assert_int_equal(s.bytes.len, 10);
    assert_true(nt_stream_flush(&s));
    assert_true(s.gap);
    assert_int_equal(s.bytes.len, 10);
    assert_memory_equal(s.bytes.data, whole + 20, 10);
    nt_stream_free(&s);
}

static void what_the_capture_cut_off_is_a_gap(void **state)
{
    struct nt_stream s;
    (void)state;
    nt_stream_init(&s);
    nt_stream_start(&s, 100);
    nt_stream_segment(&s, 100, (const uint8_t *)whole, 10, 5);
    assert_true(s.gap);
    assert_int_equal(s.bytes.len, 0);
    feed(&s, 100, 15, 20);
    assert_memory_equal(s.bytes.data, whole + 15, 5);
    nt_stream_free(&s);
}

static void a_hole_that_is_never_filled_takes_no_more_than_its_bound(void **state)
{
    static uint8_t block[60000];
    struct nt_stream s;
    (void)state;
    nt_stream_init(&s);
    nt_stream_start(&s, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        nt_stream_segment(&s, 10 + i * 60001u, block, sizeof block, 0);
        assert_true(s.late_count <= NT_STREAM_LATE && s.late_bytes <= NT_STREAM_MAX);
        assert_true(s.bytes.len <= NT_STREAM_MAX);
    }
    nt_stream_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_link_layer_leads_to_the_same_segment),
        cmocka_unit_test(a_frame_cut_anywhere_is_no_packet_or_says_what_is_missing),
        cmocka_unit_test(a_fragment_is_passed_over),
        cmocka_unit_test(ipv6_with_options_leads_to_a_datagram),
        cmocka_unit_test(segments_in_any_order_and_twice_give_the_bytes_once),
        cmocka_unit_test(what_never_came_is_a_gap),
        cmocka_unit_test(what_the_capture_cut_off_is_a_gap),
        cmocka_unit_test(a_hole_that_is_never_filled_takes_no_more_than_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
