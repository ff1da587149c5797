/*
 * A datagram to a controller: silence, or an answer that is a datagram itself and not much larger
 * than the question. The same bytes as an answer to a question of ours.
 */
#include <assert.h>
#include <string.h>

#include "netbios/getdc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(void *ctx, void *to, size_t len)
{
    (void)ctx;
    memset(to, 1, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nt_env env = { .random = same };
    static struct nt_nb_node node;
    const struct nt_nb_node_config config = {
        .domain = "BLUE", .computer = "BLUEPDC", .mode = NT_NB_B, .port = 137, .env = &env
    };
    struct nt_getdc_self self = { .domain = "BLUE", .computer = "BLUEPDC", .node = &node };
    const struct nt_getdc_question q = {
        .domain = "BLUE", .computer = "REDPDC", .account = "REDPDC$", .number = 0x2004E0A
    };
    struct nt_nb_packet out = { .port = 0 };
    struct nt_nl_response r;
    struct nt_dgm d;
    struct nt_mailslot m;

    nt_nb_node_init(&node, &config);
    (void)nt_sid_parse("S-1-5-21-3040782795-329419565-2732997438", &self.sid);
    nt_buf_init(&out.data, NT_NB_PACKET_MAX);
    if (nt_getdc_answer(&self, 1, 2, 3, data, size, &out)) {
        assert(out.data.len <= 2 * size && out.to == 1 && out.port == 138);
        assert(nt_dgm_read(out.data.data, out.data.len, &d) == NT_OK);
        assert(nt_mailslot_read(d.data, d.len, &m) == NT_OK);
        assert(nt_nl_response_read(m.data, m.len, &r) == NT_OK);
        assert(strcmp(r.server, "BLUEPDC") == 0);
    }
    (void)nt_getdc_take(&q, data, size, &r);
    nt_buf_free(&out.data);
    return 0;
}
