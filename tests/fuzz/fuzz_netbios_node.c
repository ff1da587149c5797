/*
 * The name service's two machines against a sequence of packets: first byte the node's kind, then
 * records of how (1), length (1) and packet. Between them time passes. What they send is a packet
 * of the name service, of bounded size; they come to rest.
 */
#include <assert.h>
#include <string.h>

#include "netbios/lookup.h"
#include "netbios/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OWN  0x0A4E0002u
#define WINS 0x0A4E0001u
#define CAST 0x0A4E00FFu

/* Numbers that a fuzzer can guess. */
static void same(void *ctx, void *to, size_t len)
{
    (void)ctx;
    memset(to, 1, len);
}

static const struct nt_env env = { .random = same };

static void check(const struct nt_nb_packet *out)
{
    struct nt_ns_packet p;
    assert(out->data.len <= 300 && nt_ns_read(out->data.data, out->data.len, &p) == NT_OK);
}

static void drain(struct nt_nb_node *n, uint64_t now_ms, struct nt_nb_packet *out)
{
    struct nt_nb_event ev;
    unsigned count = 0;
    while (nt_nb_node_next(n, now_ms, out)) {
        check(out);
        assert(++count < 100);
    }
    assert(nt_nb_node_deadline(n) > now_ms);
    while (nt_nb_node_event(n, &ev))
        assert(ev.name < NT_NB_NAMES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nt_nb_node n;
    static struct nt_nb_lookup l;
    const struct nt_nb_iface iface = { OWN, CAST };
    struct nt_nb_packet out = { .port = 0 };
    uint64_t now_ms = 1000;

    if (size < 1)
        return 0;
    struct nt_nb_node_config config = { .domain = "BLUE",
                                        .computer = "BLUEPDC",
                                        .mode = (enum nt_nb_mode)(data[0] & 3),
                                        .wins = { WINS, WINS + 9 },
                                        .wins_count = data[0] >> 2 & 1u,
                                        .port = 137,
                                        .env = &env };
    struct nt_nb_lookup_config asked = { .how = (enum nt_nb_lookup_how)((data[0] >> 3) % 3),
                                         .targets = { WINS },
                                         .target_count = 1,
                                         .port = 137,
                                         .env = &env };
    (void)nt_nb_name_set(&asked.name, "BLUE", NT_NB_CONTROLLERS);
    nt_buf_init(&out.data, NT_NB_PACKET_MAX);
    nt_nb_node_init(&n, &config);
    nt_nb_node_set_ifaces(&n, &iface, 1, now_ms);
    nt_nb_lookup_init(&l, &asked, now_ms);
    for (size_t off = 1; size - off >= 2;) {
        uint8_t how = data[off];
        size_t len = data[off + 1];
        off += 2;
        len = len < size - off ? len : size - off;
        uint32_t from = (how & 1) != 0 ? WINS : OWN + 1;
        drain(&n, now_ms, &out);
        while (nt_nb_lookup_next(&l, now_ms, &out))
            check(&out);
        if (nt_nb_node_feed(&n, from, 137, OWN, (how & 2) != 0, data + off, len, now_ms, &out))
            check(&out);
        (void)nt_nb_lookup_feed(&l, from, data + off, len, now_ms);
        now_ms += (how & 4) != 0 ? 250 : 0;
        now_ms += (how & 8) != 0 ? 400000 : 0;
        off += len;
    }
    for (unsigned i = 0; l.outcome == NT_NB_PENDING; i++) {
        assert(i < 100);
        while (nt_nb_lookup_next(&l, now_ms, &out))
            check(&out);
        if (l.outcome == NT_NB_PENDING)
            now_ms = nt_nb_lookup_deadline(&l);
    }
    nt_nb_node_stop(&n, now_ms);
    drain(&n, now_ms, &out);
    assert(nt_nb_node_deadline(&n) == UINT64_MAX);
    nt_buf_free(&out.data);
    return 0;
}
