/*
 * fixture.h - what the tests of this layer share: bytes from hexadecimal text, a random source that
 * counts, packets.
 */
#ifndef NT_TESTS_NETBIOS_FIXTURE_H
#define NT_TESTS_NETBIOS_FIXTURE_H

#include <string.h>

#include "../test.h"
#include "base/bytes.h"
#include "base/env.h"
#include "captures.h"
#include "netbios/packet.h"

#define RED  0x0A4E0001u /* 10.78.0.1 */
#define BLUE 0x0A4E0002u
#define MEM  0x0A4E0003u
#define CAST 0x0A4E00FFu
#define PORT 137

struct bytes {
    uint8_t data[1024];
    size_t len;
};

static inline struct bytes bytes_of(const char *hex)
{
    struct bytes b = { .len = strlen(hex) / 2 };
    assert_true(b.len <= sizeof b.data);
    assert_true(nt_unhex(hex, b.data, b.len));
    return b;
}

static inline void count_up(void *ctx, void *to, size_t len)
{
    memset(to, ++*(uint8_t *)ctx, len);
}

static uint8_t counter;
static const struct nt_env env = { .random = count_up, .ctx = &counter };

static inline struct nt_nb_packet packet_new(void)
{
    struct nt_nb_packet p = { .port = 0 };
    nt_buf_init(&p.data, 1024);
    return p;
}

#endif
