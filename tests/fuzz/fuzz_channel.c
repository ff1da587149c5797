/*
 * fuzz_channel.c - what a controller may answer to the trusting end's secure channel. Three inputs
 * in one, by the first byte: bytes as they come from the connection; stubs, answered to one call
 * after the other by a real server, so that what is behind the binds is reached as well; or one
 * answer to a call of the sealed channel, by a controller that knows the password.
 *
 *   raw     byte: how many bytes arrive at once; then the bytes of each connection in turn
 *   stubs   each a byte of flags (1: a fault instead, 2: drop the connection), a length byte, bytes
 *   sealed  byte: the stage, or the call of an open channel; then the stub
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "channel/channel_internal.h"
#include "idl/epm.h"
#include "idl/netlogon.h"

#define ROUNDS_MAX 2000

struct input {
    const uint8_t *data;
    size_t size;
};

static nt_time now(void *ctx)
{
    (void)ctx;
    return nt_time_from_unix(1800000000, 0);
}

static void fixed(void *ctx, void *to, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = (uint8_t)(i * 37 + 11);
}

static const struct nt_env env = { now, fixed, NULL };

static void quiet(void *ctx, enum nt_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

/* --- a server that says what the input says --- */

static struct nt_sec *no_sec(void *ctx, enum nt_auth_type type)
{
    (void)ctx;
    (void)type;
    return NULL;
}

static struct nt_rpc_server *make_server(void)
{
    static const struct nt_ndr_interface *const ifaces[] = { &ndr_epm, &ndr_netlogon };
    return nt_rpc_server_new(&(struct nt_rpc_server_config){ .ifaces = ifaces,
                                                             .iface_count = NT_COUNT(ifaces),
                                                             .secondary_address = "135",
                                                             .assoc_group = 1,
                                                             .make_sec = no_sec,
                                                             .limits = nt_rpc_limits_default },
                             0);
}

/* Answers a call by the next part of the input. False: the connection drops. */
static bool answer(struct nt_rpc_server *rpc, const struct nt_rpc_event *ev, struct input *in)
{
    static const uint8_t none[1];
    if (ev->kind != NT_RPC_CALL || in->size < 2 || (in->data[0] & 2) != 0)
        return false;
    bool fault = (in->data[0] & 1) != 0;
    size_t len = in->data[1];
    in->data += 2;
    in->size -= 2;
    if (len > in->size)
        len = in->size;
    enum nt_err err = fault ? nt_rpc_server_fault(rpc, ev->call_id, (uint32_t)len)
                            : nt_rpc_server_reply(rpc, ev->call_id, len > 0 ? in->data : none, len);
    in->data += len;
    in->size -= len;
    return err == NT_OK;
}

/* One exchange with that server; false: nothing moves any more. */
static bool serve(struct nt_rpc_server *rpc, struct nt_link *link, struct input *in)
{
    const uint8_t *data;
    struct nt_rpc_event ev;
    bool any = false;
    size_t len = nt_link_pending(link, &data);
    if (len > 0) {
        size_t took = nt_rpc_server_feed(rpc, data, len, 0);
        nt_link_sent(link, took);
        any = took > 0;
    }
    while (nt_rpc_server_next(rpc, &ev)) {
        any = true;
        if (!answer(rpc, &ev, in)) {
            nt_link_lost(link, NT_STATUS(CONNECTION_ABORTED), "closed");
            return true;
        }
    }
    while ((len = nt_rpc_server_pending(rpc, &data)) > 0) {
        nt_link_feed(link, data, len, 0);
        nt_rpc_server_sent(rpc, len);
        any = true;
    }
    return any;
}

/* --- raw bytes --- */

static bool raw(struct nt_link *link, struct input *in, size_t step)
{
    const uint8_t *data;
    size_t len = nt_link_pending(link, &data);
    if (len > 0)
        nt_link_sent(link, len);
    if (in->size == 0) {
        nt_link_lost(link, NT_STATUS(CONNECTION_ABORTED), "closed");
        return true;
    }
    len = in->size < step ? in->size : step;
    nt_link_feed(link, in->data, len, 0);
    in->data += len;
    in->size -= len;
    return true;
}

/* --- one answer on the sealed channel --- */

static void done(struct nt_forward *fwd)
{
    *(unsigned *)fwd->owner += 1;
}

static void sealed(struct nt_channel *ch, unsigned how, const struct input *in)
{
    struct nt_link_event e = { .kind = NT_LINK_RESPONSE,
                               .call_id = 7,
                               .stub = in->data,
                               .len = in->size,
                               .big_endian = (how & 0x80) != 0 };
    struct nt_arena arena;
    unsigned ended = 0;
    NETLOGON_NETWORK_INFO network = { 0 };
    const NETLOGON_LEVEL level = { .LogonNetwork = &network };
    struct nt_forward fwd = { .kind = NT_FORWARD_LOGON,
                              .logon_level = NetlogonNetworkInformation,
                              .level = &level,
                              .arena = &arena,
                              .done = done,
                              .owner = &ended };
    nt_arena_init(&arena, 1u << 20);
    ch->call_id = 7;
    ch->chain.key.len = 16;
    ch->flags = 0x612FFFFF;
    switch (how & 7) {
    case 0:
        ch->stage = CAPABILITIES;
        break;
    case 1:
        ch->stage = TRUST_INFO;
        break;
    case 2:
        ch->stage = TRUST_PASSWORDS;
        break;
    case 3:
        ch->stage = DOMAIN_INFO;
        break;
    case 4:
        ch->stage = OPEN;
        ch->chained = PING;
        break;
    case 5:
        ch->stage = OPEN;
        ch->chained = PASSWORD_SET;
        break;
    default:
        ch->stage = OPEN;
        ch->flights[0] = (struct nt_channel_flight){
            .call_id = 7,
            .fwd = &fwd,
            .validation = (how & 1) != 0 ? NetlogonValidationSamInfo4 : NetlogonValidationSamInfo2,
        };
        ch->flight_count = 1;
        break;
    }
    bool logon = ch->flight_count > 0;
    if (ch->stage == OPEN)
        nt_channel_on_call(ch, &e, 0);
    else
        nt_channel_set_up(ch, &e, 0);
    nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(CONNECTION_ABORTED), "the end");
    assert(ended == (logon ? 1 : 0));
    assert(!logon || (fwd.info != NULL) == nt_status_ok(fwd.status));
    nt_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_secret hashes[2] = { { .len = 16 }, { .b = { 1 }, .len = 16 } };
    struct nt_channel_event ev;
    unsigned number, have = 0, ends = 0;
    const char *host;
    uint16_t port;
    if (size < 2)
        return 0;
    bool stubs = (data[0] & 1) != 0;
    size_t step = (size_t)data[1] + 1;
    struct input in = { data + 2, size - 2 };
    struct nt_rpc_server *rpc = NULL;
    nt_log_set(NT_LOG_ERROR, quiet, NULL);
    struct nt_channel *ch =
        nt_channel_new(&(struct nt_channel_config){ .domain = "ACCOUNTS",
                                                    .computer = "RESPDC",
                                                    .account = "RESOURCES$",
                                                    .type = 4,
                                                    .host = "accpdc",
                                                    .allow_weak = (data[0] & 2) != 0,
                                                    .env = &env,
                                                    .candidates = hashes,
                                                    .candidate_count = 2 },
                       0);
    if (ch == NULL)
        abort();
    if ((data[0] & 4) != 0)
        sealed(ch, data[1], &in);
    for (unsigned rounds = 0; (data[0] & 4) == 0 && rounds < ROUNDS_MAX; rounds++) {
        while (nt_channel_next(ch, &ev, 0)) {
            assert(ev.why != NULL && ev.step != NULL);
            /* Nobody who does not know the password gets as far as this. */
            assert(ev.kind == NT_CHANNEL_REFUSED || ev.kind == NT_CHANNEL_FAILED);
            assert(++ends == 1);
        }
        struct nt_link *link = nt_channel_link(ch);
        if (link == NULL || !nt_link_wants(link, &host, &port, &number))
            break;
        if (number != have) {
            have = number;
            nt_rpc_server_free(rpc);
            rpc = stubs ? make_server() : NULL;
            nt_link_connected(link, 0);
        }
        if (stubs ? !serve(rpc, link, &in) : !raw(link, &in, step))
            nt_link_tick(link, UINT64_MAX - 1);
    }
    nt_rpc_server_free(rpc);
    nt_channel_free(ch);
    return 0;
}
