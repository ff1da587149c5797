/*
 * server_negotiate.c - dialect, capabilities and algorithms of a connection. [MS-SMB2] 3.3.5.3-4
 */
#include <string.h>

#include "rpc/sec_spnego.h"
#include "smb/server_internal.h"

#define SALT_LEN 32u

/* The sender's first one that we know; false: none. */
static bool choose(const uint16_t *offered, size_t count, uint16_t low, uint16_t high,
                   uint16_t *chosen)
{
    for (size_t i = 0; i < count; i++) {
        if (offered[i] >= low && offered[i] <= high) {
            *chosen = offered[i];
            return true;
        }
    }
    return false;
}

/* The greatest dialect that both speak; 0: none. */
static uint16_t greatest(const uint16_t *dialects, size_t count)
{
    static const uint16_t ours[] = { NT_SMB2_311, NT_SMB2_302, NT_SMB2_300, NT_SMB2_210,
                                     NT_SMB2_202 };
    for (size_t i = 0; i < NT_COUNT(ours); i++)
        for (size_t j = 0; j < count; j++)
            if (dialects[j] == ours[i])
                return ours[i];
    return 0;
}

/* The response, with the contexts of 3.1.1; also to SMB1's form. */
static void write_response(struct nt_smb_server *m, struct nt_buf *b, uint16_t dialect,
                           const struct nt_smb2_contexts *contexts)
{
    struct nt_buf hint;
    struct nt_smb2_negotiate_rsp rsp = {
        .security_mode = NT_SMB2_SIGNING_ENABLED | NT_SMB2_SIGNING_REQUIRED,
        .dialect = dialect,
        .capabilities = m->capabilities,
        .max_transact = m->max_transact,
        .max_read = m->max_transact,
        .max_write = m->max_transact,
        .system_time = nt_now(m->config.env),
    };

    memcpy(rsp.guid, m->config.guid, sizeof rsp.guid);
    if (contexts != NULL)
        rsp.contexts = *contexts;
    nt_buf_init(&hint, NT_SEC_MAX_TOKEN);
    nt_spnego_init_write(&hint, NULL, 0);
    if (hint.err != NT_OK)
        nt_buf_fail(b, hint.err);
    rsp.token = (struct nt_smb2_bytes){ hint.data, hint.len };
    nt_smb2_negotiate_rsp_write(b, &rsp);
    nt_buf_free(&hint);
}

/* What follows from a dialect alone; 3.1.1 has contexts for the rest. */
static void settle_dialect(struct nt_smb_server *m, uint16_t dialect)
{
    bool large = dialect >= NT_SMB2_210 && !m->netbios;

    m->multi_credit = large && dialect != NT_SMB2_WILD;
    m->max_transact = m->config.limits.max_transact;
    if (!m->multi_credit && m->max_transact > 65536)
        m->max_transact = 65536;
    m->capabilities = m->multi_credit ? NT_SMB2_CAP_LARGE_MTU : 0;
    m->signing =
        dialect >= NT_SMB2_300 && dialect != NT_SMB2_WILD ? NT_SMB_AES_CMAC : NT_SMB_HMAC_SHA256;
    m->cipher = NT_SMB_NO_CIPHER;
    if ((dialect == NT_SMB2_300 || dialect == NT_SMB2_302) &&
        (m->client_capabilities & NT_SMB2_CAP_ENCRYPTION) != 0) {
        m->cipher = NT_SMB_AES128_CCM;
        m->capabilities |= NT_SMB2_CAP_ENCRYPTION;
    }
}

/* 3.3.5.4: the contexts of 3.1.1. What we do not know is ignored. salt: SALT_LEN bytes. */
static ntstatus settle_contexts(struct nt_smb_server *m, const struct nt_smb2_contexts *in,
                                uint8_t *salt, struct nt_smb2_contexts *out)
{
    uint16_t id;

    if (!in->has_preauth)
        return NT_STATUS(INVALID_PARAMETER);
    if (!choose(in->hashes, in->hash_count, NT_SMB2_SHA512, NT_SMB2_SHA512, &id))
        return NT_STATUS(NO_PREAUTH_INTEGRITY_HASH_OVERLAP);
    nt_random(m->config.env, salt, SALT_LEN);
    out->has_preauth = true;
    out->hashes[out->hash_count++] = id;
    out->salt = (struct nt_smb2_bytes){ salt, SALT_LEN };

    if (in->has_ciphers) {
        id = NT_SMB_NO_CIPHER; /* said so when there is no common one */
        if (choose(in->ciphers, in->cipher_count, NT_SMB_AES128_CCM, NT_SMB_AES256_GCM, &id))
            m->cipher = (enum nt_smb_cipher)id;
        out->has_ciphers = true;
        out->ciphers[out->cipher_count++] = id;
    }
    if (in->has_signing) {
        id = NT_SMB_AES_CMAC; /* also when there is no common one */
        if (choose(in->signings, in->signing_count, NT_SMB_HMAC_SHA256, NT_SMB_AES_GMAC, &id))
            m->signing = (enum nt_smb_signing)id;
        out->has_signing = true;
        out->signings[out->signing_count++] = id;
    }
    return NT_STATUS(SUCCESS);
}

ntstatus smb_serve_negotiate(struct nt_smb_server *m, struct chain *c)
{
    struct nt_smb2_negotiate_req req;
    struct nt_smb2_contexts contexts = { 0 };
    uint8_t salt[SALT_LEN];

    if (m->dialect != 0) {
        smb_close(m, "protocol error: a second negotiation");
        return NT_STATUS(PENDING);
    }
    if (nt_smb2_negotiate_req_read(smb_chain_part(c), c->part_len, &req) != NT_OK ||
        req.dialect_count == 0)
        return NT_STATUS(INVALID_PARAMETER);
    uint16_t dialect = greatest(req.dialects, req.dialect_count);
    if (dialect == 0)
        return NT_STATUS(NOT_SUPPORTED);
    m->client_capabilities = req.capabilities;
    settle_dialect(m, dialect);
    if (dialect == NT_SMB2_311) {
        ntstatus st = settle_contexts(m, &req.contexts, salt, &contexts);
        if (!nt_status_ok(st))
            return st;
    }
    m->dialect = dialect;
    m->client_mode = req.security_mode;
    memcpy(m->client_guid, req.guid, sizeof m->client_guid);
    memcpy(m->client_dialects, req.dialects, sizeof m->client_dialects);
    m->client_dialect_count = req.dialect_count;

    struct nt_buf *b = smb_chain_reply(m, c, NT_STATUS(SUCCESS));
    write_response(m, b, dialect, &contexts);
    if (dialect == NT_SMB2_311) {
        nt_smb_preauth_update(m->preauth, smb_chain_part(c), c->part_len);
        m->part_hash = m->preauth;
    }
    return NT_STATUS(SUCCESS);
}

void smb_negotiate_smb1(struct nt_smb_server *m, const uint8_t *msg, size_t len)
{
    struct nt_smb1_negotiate req;
    struct chain c = { .h = { .command = NT_SMB2_NEGOTIATE, .credits = 1 } };

    if (m->dialect != 0 || m->wild) {
        smb_close(m, "protocol error: SMB 1 after negotiation");
        return;
    }
    if (nt_smb1_negotiate_read(msg, len, &req) != NT_OK) {
        smb_close(m, "protocol error: not a negotiation");
        return;
    }
    if (!req.smb2_002 && !req.smb2_wild) { /* 3.3.5.3: no reply */
        smb_close(m, "the client speaks SMB 1 only");
        return;
    }
    if (!nt_smb_credits_take(&m->credits, 0, 1)) {
        smb_close(m, "protocol error: a message id that was not granted");
        return;
    }
    uint16_t dialect = req.smb2_wild ? NT_SMB2_WILD : NT_SMB2_202;
    settle_dialect(m, dialect);
    m->wild = req.smb2_wild;
    m->dialect = req.smb2_wild ? 0 : dialect;
    write_response(m, smb_chain_reply(m, &c, NT_STATUS(SUCCESS)), dialect, NULL);
    smb_frame_end(m);
}

/* The client asks again, signed, what was agreed unsigned. 3.3.5.15.12: who sees a difference ends
 * the connection. */
ntstatus smb_validate_negotiate(struct nt_smb_server *m, struct chain *c,
                                const struct nt_smb2_ioctl_req *req)
{
    struct nt_smb2_validate_req in;
    struct nt_smb2_validate_rsp rsp = {
        .capabilities = m->capabilities,
        .security_mode = NT_SMB2_SIGNING_ENABLED | NT_SMB2_SIGNING_REQUIRED,
        .dialect = m->dialect,
    };
    struct nt_buf out;

    if (nt_smb2_validate_req_read(req->input.data, req->input.len, &in) != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    bool same_offer =
        m->client_dialect_count == 0 || /* SMB1's form has made no offer that counts */
        (in.dialect_count == m->client_dialect_count &&
         memcmp(in.dialects, m->client_dialects, in.dialect_count * sizeof in.dialects[0]) == 0);
    if (m->dialect == NT_SMB2_311 || req->max_output < NT_SMB2_VALIDATE_RSP_LEN || !same_offer ||
        greatest(in.dialects, in.dialect_count) != m->dialect ||
        memcmp(in.guid, m->client_guid, sizeof in.guid) != 0 ||
        in.security_mode != m->client_mode || in.capabilities != m->client_capabilities) {
        smb_close(m, "the negotiation was tampered with");
        return NT_STATUS(PENDING);
    }
    memcpy(rsp.guid, m->config.guid, sizeof rsp.guid);
    nt_buf_init(&out, NT_SMB2_VALIDATE_RSP_LEN);
    nt_smb2_validate_rsp_write(&out, &rsp);
    struct nt_buf *b = smb_chain_reply(m, c, NT_STATUS(SUCCESS));
    if (out.err != NT_OK)
        nt_buf_fail(b, out.err);
    struct nt_smb2_ioctl_rsp answer = { .code = req->code,
                                        .fid = req->fid,
                                        .output = { out.data, out.len } };
    nt_smb2_ioctl_rsp_write(b, &answer);
    nt_buf_free(&out);
    return NT_STATUS(SUCCESS);
}
