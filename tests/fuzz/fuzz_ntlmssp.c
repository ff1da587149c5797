/*
 * NTLMSSP: any bytes as each message, at both ends. Property: fields lie inside the message, and
 * without the user's key no server context gets ready but an anonymous one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/ntlmv2.h"
#include "rpc/sec_ntlm.h"

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

static void inside(const struct nt_ntlm_field *f, const uint8_t *data, size_t size)
{
    assert(f->len == 0 || (f->data >= data && f->len <= size - (size_t)(f->data - data)));
}

static void read_all(const uint8_t *data, size_t size)
{
    struct nt_ntlm_authenticate a;
    struct nt_ntlm_challenge c;
    uint32_t flags;
    size_t n;

    (void)!nt_ntlm_negotiate_read(data, size, &flags);
    if (nt_ntlm_challenge_read(data, size, &c) == NT_OK) {
        inside(&c.target_name, data, size);
        inside(&c.target_info, data, size);
        (void)nt_av_list_ok(c.target_info.data, c.target_info.len);
    }
    if (nt_ntlm_authenticate_read(data, size, &a) == NT_OK) {
        inside(&a.lm, data, size);
        inside(&a.nt, data, size);
        inside(&a.domain, data, size);
        inside(&a.user, data, size);
        inside(&a.workstation, data, size);
        inside(&a.session_key, data, size);
        assert(a.mic_at == 0 || a.mic_at + 16 <= size);
        (void)nt_ntlmv2_av_find(a.nt.data, a.nt.len, NT_AV_NB_COMPUTER, &n);
    }
}

static struct nt_sec *server(void)
{
    return nt_sec_ntlm_server(&(struct nt_ntlm_server_config){
        .domain = "EAST", .computer = "DC1", .dns_domain = "east.example", .env = &env });
}

/* A good NEGOTIATE of a client that wants everything. */
static void negotiate(struct nt_sec *s, struct nt_buf *out)
{
    uint8_t msg[16] = "NTLMSSP\0\1\0\0";
    nt_put_le32(msg + 12, 0x62088235);
    enum nt_sec_step step = s->ops->step(s, msg, sizeof msg, out);
    assert(step == NT_SEC_CONTINUE);
    (void)step;
}

static void as_server(const uint8_t *data, size_t size, bool first)
{
    struct nt_sec_answer answer = { .status = NT_STATUS(SUCCESS), .key = { .len = 16 } };
    struct nt_sec *s = server();
    struct nt_buf out;

    if (s == NULL)
        return;
    nt_buf_init(&out, 1u << 16);
    if (!first)
        negotiate(s, &out);
    nt_buf_clear(&out);
    enum nt_sec_step step = s->ops->step(s, data, size, &out);
    assert(step != NT_SEC_DONE);
    if (step == NT_SEC_ASK) {
        const struct nt_sec_question *q = s->ops->question(s);
        assert(q != NULL && strlen(q->user) <= 2048 && strlen(q->domain) <= 2048);
        if (!q->anonymous && size > 0 && data[size - 1] & 1)
            answer.status = NT_STATUS(WRONG_PASSWORD);
        step = s->ops->answer(s, &answer, &out);
        assert(step == NT_SEC_DONE || step == NT_SEC_FAILED);
        assert((step == NT_SEC_DONE) == (s->ops->session_key(s) != NULL));
    }
    nt_buf_free(&out);
    s->ops->free(s);
}

static void as_client(const uint8_t *data, size_t size)
{
    const struct nt_secret hash = { .len = 16 };
    struct nt_sec *s = nt_sec_ntlm_client(&(struct nt_ntlm_client_config){
        .domain = "EAST", .user = "alice", .computer = "HERE", .nt_hash = &hash, .env = &env });
    struct nt_buf out;

    if (s == NULL)
        return;
    nt_buf_init(&out, 1u << 16);
    (void)s->ops->step(s, NULL, 0, &out);
    enum nt_sec_step step = s->ops->step(s, data, size, &out);
    assert(step == NT_SEC_DONE || step == NT_SEC_FAILED);
    (void)step;
    nt_buf_free(&out);
    s->ops->free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size);
    as_server(data, size, true);
    as_server(data, size, false);
    as_client(data, size);
    return 0;
}
