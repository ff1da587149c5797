#include "world_smb.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct front {
    struct nt_smb_server *smb;
    const struct nt_env *env;
    uint32_t pipe; /* 0: none */
};

static struct nt_sec *make_sec(void *ctx)
{
    const struct front *f = ctx;
    const struct nt_ntlm_server_config names = { .domain = "ACCOUNTS",
                                                 .computer = "ACCPDC",
                                                 .dns_domain = "",
                                                 .dns_computer = "",
                                                 .env = f->env };
    return nt_sec_spnego_server(nt_sec_ntlm_server(&names));
}

struct front *front_new(const struct nt_env *env, uint64_t now_ms)
{
    static const char *const pipes[] = { "netlogon", "lsarpc", "samr", NULL };
    struct front *f = calloc(1, sizeof *f);
    assert(f != NULL);
    f->env = env;
    f->smb = nt_smb_server_new(&(struct nt_smb_server_config){ .env = env,
                                                               .pipes = pipes,
                                                               .make_sec = make_sec,
                                                               .ctx = f,
                                                               .limits = nt_smb_limits_default },
                               now_ms);
    assert(f->smb != NULL);
    return f;
}

void front_free(struct front *f)
{
    if (f == NULL)
        return;
    nt_smb_server_free(f->smb);
    free(f);
}

static void take_event(struct front *f, struct nt_rpc_server *rpc, const struct nt_smb_event *ev,
                       uint64_t now_ms)
{
    struct nt_sec_answer answer = { .status = NT_STATUS(LOGON_FAILURE), .key = { .len = 16 } };
    switch (ev->kind) {
    case NT_SMB_ASK:
        if (ev->question->anonymous)
            answer.status = NT_STATUS(SUCCESS);
        (void)!nt_smb_server_answer(f->smb, ev->ask_id, &answer);
        break;
    case NT_SMB_OPEN:
        f->pipe = ev->pipe;
        break;
    case NT_SMB_DATA:
        for (size_t at = 0, took = 1; took > 0 && at < ev->len; at += took)
            took = nt_rpc_server_feed(rpc, ev->data + at, ev->len - at, now_ms);
        break;
    case NT_SMB_CLOSE:
        f->pipe = 0;
        break;
    }
}

size_t front_feed(struct front *f, struct nt_rpc_server *rpc, const uint8_t *data, size_t len,
                  uint64_t now_ms)
{
    struct nt_smb_event ev;
    size_t took = nt_smb_server_feed(f->smb, data, len, now_ms);
    while (nt_smb_server_next(f->smb, &ev))
        take_event(f, rpc, &ev, now_ms);
    return took;
}

size_t front_pending(struct front *f, struct nt_rpc_server *rpc, const uint8_t **data)
{
    const uint8_t *pdu;
    size_t len;
    while (f->pipe != 0 && (len = nt_rpc_server_pending(rpc, &pdu)) > 0) {
        size_t one = nt_le16(pdu + 8);
        assert(one <= len);
        if (nt_smb_server_pipe_put(f->smb, f->pipe, pdu, one) != NT_OK)
            break;
        nt_rpc_server_sent(rpc, one);
    }
    return nt_smb_server_pending(f->smb, data);
}

void front_sent(struct front *f, size_t len)
{
    nt_smb_server_sent(f->smb, len);
}
