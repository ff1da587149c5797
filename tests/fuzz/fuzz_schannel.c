/*
 * The Netlogon secure channel: any bytes as the binding token, and as a protected PDU. Property:
 * names fit and are text, and nothing forged is accepted.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/schannel.h"
#include "rpc/sec_schannel.h"

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

static void token(const uint8_t *data, size_t size)
{
    struct nt_sec_answer answer = { .status = NT_STATUS(SUCCESS), .key = { .len = 16 } };
    struct nt_sec *s = nt_sec_schannel_server(&env);
    struct nt_nl_auth m;
    struct nt_buf out;

    if (nt_nl_auth_read(data, size, &m) == NT_OK)
        assert(strlen(m.domain) < sizeof m.domain && strlen(m.dns_host) < sizeof m.dns_host);
    if (s == NULL)
        return;
    nt_buf_init(&out, 4096);
    if (s->ops->step(s, data, size, &out) == NT_SEC_ASK) {
        assert(s->ops->question(s)->computer[0] != '\0');
        enum nt_sec_step step = s->ops->answer(s, &answer, &out);
        assert(step == NT_SEC_DONE);
        (void)step;
    }
    nt_buf_free(&out);
    s->ops->free(s);
}

/* One byte chooses, 24 are the header, 8 the trailer, 56 the token, the rest is the stub. */
static void pdu(const uint8_t *data, size_t size)
{
    static const struct nt_secret key = { .b = { 0x48, 0x3f, 0x3c, 0xb1, 0x5b, 0x87, 0x80, 0xce,
                                                 0x39, 0x82, 0x58, 0xca, 0xd6, 0x6e, 0xe6, 0x3e },
                                          .len = 16 };
    struct nt_schannel s;

    if (size < 1 + 24 + 8 + 56)
        return;
    size_t stub_len = size - (1 + 24 + 8 + 56);
    uint8_t *stub = malloc(stub_len + 1);
    if (stub == NULL)
        return;
    memcpy(stub, data + 1 + 24 + 8 + 56, stub_len);
    struct nt_schannel_msg m = { .stub = stub, .stub_len = stub_len };
    if (data[0] & 1) {
        m.head = data + 1;
        m.head_len = 24;
        m.trailer = data + 25;
        m.trailer_len = 8;
    }
    nt_schannel_init(&s, data[0] & 2 ? NT_NL_STRONG : NT_NL_AES, &key, data[0] & 4);
    enum nt_err err = nt_schannel_unprotect(&s, data[0] & 8, &m, data + 33, 56);
    assert(err == NT_OK || (err == NT_E_AUTH && s.sequence == 0));
    (void)err;
    nt_schannel_wipe(&s);
    free(stub);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    token(data, size);
    pdu(data, size);
    return 0;
}
