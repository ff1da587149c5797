/*
 * SPNEGO: any bytes as each token, at both ends. Property: what the reader gives lies inside the
 * token; writing it again and reading that gives the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/sec_ntlm.h"
#include "rpc/sec_spnego.h"

static nt_time fixed_now(void *ctx)
{
    (void)ctx;
    return UINT64_C(134281732460000000);
}

static void fixed_random(void *ctx, void *to, size_t len)
{
    (void)ctx;
    memset(to, 0x5a, len);
}

static const struct nt_env env = { fixed_now, fixed_random, NULL };

static void inside(const struct nt_spnego_bytes *b, const uint8_t *data, size_t size)
{
    assert(b->data == NULL || (b->data >= data && b->len <= size - (size_t)(b->data - data)));
}

static void read_and_write(const uint8_t *data, size_t size)
{
    struct nt_spnego_msg m, again;
    struct nt_buf out;

    if (nt_spnego_read(data, size, &m) != NT_OK)
        return;
    inside(&m.mech_list, data, size);
    inside(&m.token, data, size);
    inside(&m.mic, data, size);
    if (m.init)
        return;
    nt_buf_init(&out, size + 64);
    nt_spnego_resp_write(&out, m.state, m.mech_is_ntlm, m.token, m.mic);
    if (out.err == NT_OK) { /* which does not write lengths above 65535 */
        enum nt_err err = nt_spnego_read(out.data, out.len, &again);
        assert(err == NT_OK && again.state == m.state && again.token.len == m.token.len &&
               again.mic.len == m.mic.len && again.mech_is_ntlm == m.mech_is_ntlm);
        (void)err;
    }
    nt_buf_free(&out);
}

static struct nt_sec *client(void)
{
    static const struct nt_secret hash = { .len = 16 };
    return nt_sec_spnego_client(nt_sec_ntlm_client(&(struct nt_ntlm_client_config){
        .domain = "EAST", .user = "alice", .computer = "HERE", .nt_hash = &hash, .env = &env }));
}

static struct nt_sec *server(void)
{
    return nt_sec_spnego_server(nt_sec_ntlm_server(
        &(struct nt_ntlm_server_config){ .domain = "EAST", .computer = "DC1", .env = &env }));
}

/* Feeds the input after `good` steps of an exchange between our own two ends. */
static void after(unsigned good, const uint8_t *data, size_t size)
{
    struct nt_sec_answer answer = { .status = NT_STATUS(SUCCESS), .key = { .len = 16 } };
    struct nt_sec *c = client(), *s = server();
    struct nt_buf a, b;

    nt_buf_init(&a, 1u << 16);
    nt_buf_init(&b, 1u << 16);
    if (c != NULL && s != NULL) {
        struct nt_sec *to = s;
        struct nt_buf *out = &b;
        (void)c->ops->step(c, NULL, 0, &a);
        if (good >= 1) { /* the server has answered: the input is its answer */
            (void)s->ops->step(s, a.data, a.len, &b);
            to = c;
        }
        if (good >= 2) { /* the client went on: the input is its second token, or the last word */
            nt_buf_clear(&a);
            (void)c->ops->step(c, b.data, b.len, &a);
            to = good == 2 ? s : c;
        }
        nt_buf_clear(out);
        enum nt_sec_step step = to->ops->step(to, data, size, out);
        if (step == NT_SEC_ASK)
            step = to->ops->answer(to, &answer, out);
        assert((step == NT_SEC_DONE) == (to->ops->session_key(to) != NULL));
    }
    nt_buf_free(&a);
    nt_buf_free(&b);
    if (c != NULL)
        c->ops->free(c);
    if (s != NULL)
        s->ops->free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_and_write(data, size);
    for (unsigned good = 0; good < 4; good++)
        after(good, data, size);
    return 0;
}
