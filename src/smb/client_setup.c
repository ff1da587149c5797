#include <stdio.h>
#include <string.h>

#include "rpc/sec_spnego.h"
#include "smb/client_internal.h"

#define SALT_LEN 32

static const uint16_t dialects[] = { NT_SMB2_202, NT_SMB2_210, NT_SMB2_300, NT_SMB2_302,
                                     NT_SMB2_311 };
/* By preference. */
static const uint16_t ciphers[] = { NT_SMB_AES128_GCM, NT_SMB_AES128_CCM, NT_SMB_AES256_GCM,
                                    NT_SMB_AES256_CCM };
static const uint16_t signings[] = { NT_SMB_AES_GMAC, NT_SMB_AES_CMAC, NT_SMB_HMAC_SHA256 };

static void broken(struct nt_smb_client *m, const char *what)
{
    nt_smb_client_fail(m, NT_SMB_STEP_NETWORK, NT_STATUS(INVALID_NETWORK_RESPONSE), "%s", what);
}

/* --- negotiate, [MS-SMB2] 3.2.4.2.2.2 and 3.2.5.2 ------------------------------------------ */

static uint16_t our_mode(const struct nt_smb_client *m)
{
    return m->config.anonymous ? NT_SMB2_SIGNING_ENABLED
                               : NT_SMB2_SIGNING_ENABLED | NT_SMB2_SIGNING_REQUIRED;
}

static size_t our_dialects(const struct nt_smb_client *m, uint16_t *out)
{
    uint16_t most = m->config.max_dialect != 0 ? m->config.max_dialect : NT_SMB2_311;
    size_t count = 0;
    for (size_t i = 0; i < NT_COUNT(dialects); i++)
        if (dialects[i] <= most)
            out[count++] = dialects[i];
    return count;
}

static bool offered(const uint16_t *list, size_t count, uint16_t value)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == value)
            return true;
    return false;
}

/* Capabilities count for clients of 3.x only. */
static uint32_t our_capabilities(const uint16_t *list, size_t count)
{
    return list[count - 1] >= NT_SMB2_300 ? NT_SMB2_CAP_LARGE_MTU | NT_SMB2_CAP_ENCRYPTION : 0;
}

void nt_smb_client_start(struct nt_smb_client *m)
{
    struct nt_smb2_negotiate_req req = { .security_mode = our_mode(m) };
    struct nt_smb2_contexts *c = &req.contexts;
    uint8_t salt[SALT_LEN];
    struct nt_buf name;

    nt_random(m->config.env, m->guid, sizeof m->guid);
    nt_random(m->config.env, salt, sizeof salt);
    memcpy(req.guid, m->guid, sizeof req.guid);
    req.dialect_count = our_dialects(m, req.dialects);
    req.capabilities = our_capabilities(req.dialects, req.dialect_count);
    *c = (struct nt_smb2_contexts){ .has_preauth = true,
                                    .hashes = { NT_SMB2_SHA512 },
                                    .hash_count = 1,
                                    .salt = { salt, sizeof salt },
                                    .has_ciphers = true,
                                    .cipher_count = NT_COUNT(ciphers),
                                    .has_signing = true,
                                    .signing_count = NT_COUNT(signings) };
    memcpy(c->ciphers, ciphers, sizeof ciphers);
    memcpy(c->signings, signings, sizeof signings);
    nt_buf_init(&name, 1024);
    nt_smb_client_put_text(&name, m->config.host);
    c->netname = (struct nt_smb2_bytes){ name.data, name.len };

    struct request *r = nt_smb_client_request(m, NT_SMB2_NEGOTIATE, 0, UINT64_MAX);
    if (name.err != NT_OK && r != NULL)
        nt_buf_fail(&r->body, name.err);
    if (r != NULL)
        nt_smb2_negotiate_req_write(&r->body, &req);
    nt_smb_client_must_submit(m, r);
    nt_buf_free(&name);
}

/* What a server of 3.1.1 chose: each once, and of what was offered. */
static bool contexts_ok(struct nt_smb_client *m, const struct nt_smb2_contexts *c)
{
    if (!c->has_preauth || c->hash_count != 1 || c->hashes[0] != NT_SMB2_SHA512)
        return false;
    m->cipher = NT_SMB_NO_CIPHER;
    if (c->has_ciphers && c->cipher_count == 1 && c->ciphers[0] != 0) {
        if (!offered(ciphers, NT_COUNT(ciphers), c->ciphers[0]))
            return false;
        m->cipher = (enum nt_smb_cipher)c->ciphers[0];
    }
    m->signing = NT_SMB_AES_CMAC;
    if (c->has_signing) {
        if (c->signing_count != 1 || !offered(signings, NT_COUNT(signings), c->signings[0]))
            return false;
        m->signing = (enum nt_smb_signing)c->signings[0];
    }
    return true;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void send_token(struct nt_smb_client *m, const uint8_t *in, size_t len);

/* What it offers is told, not followed: our own token comes first all the same. */
static void note_mechs(struct nt_smb_client *m, struct nt_smb2_bytes token)
{
    struct nt_spnego_msg msg;
    if (token.len == 0 || nt_spnego_read(token.data, token.len, &msg) != NT_OK || !msg.init)
        return;
    m->names_mechs = true;
    m->ntlm = msg.ntlm_offered;
    m->kerberos = msg.krb5_offered;
}

static void negotiated(struct nt_smb_client *m, const struct answer *a)
{
    struct nt_smb2_negotiate_rsp rsp;
    uint16_t ours[NT_COUNT(dialects)];
    size_t count = our_dialects(m, ours);
    char text[64];

    if (!nt_status_is(a->header.status, NT_STATUS(SUCCESS))) {
        nt_smb_client_fail(m, NT_SMB_STEP_DIALECT, a->header.status,
                           "it accepts none of SMB 2.0.2 to 3.1.1: %s",
                           nt_status_format(a->header.status, text));
        return;
    }
    if (nt_smb2_negotiate_rsp_read(a->msg, a->len, &rsp) != NT_OK ||
        !offered(ours, count, rsp.dialect)) {
        broken(m, "its answer to the negotiation does not decode");
        return;
    }
    nt_smb_preauth_update(m->preauth, a->msg, a->len);
    m->dialect = rsp.dialect;
    m->server_mode = rsp.security_mode;
    m->server_capabilities = rsp.capabilities;
    memcpy(m->server_guid, rsp.guid, sizeof m->server_guid);
    m->has_clock = rsp.system_time != 0 && rsp.system_time < NT_TIME_NEVER;
    m->ahead_100ns = (int64_t)(rsp.system_time - nt_now(m->config.env));
    m->max_data =
        least(least(rsp.max_transact, rsp.max_read), least(rsp.max_write, NT_SMB_CLIENT_MAX_DATA));
    m->signing = rsp.dialect < NT_SMB2_300 ? NT_SMB_HMAC_SHA256 : NT_SMB_AES_CMAC;
    bool seals = rsp.dialect >= NT_SMB2_300 && (rsp.capabilities & NT_SMB2_CAP_ENCRYPTION);
    m->cipher = seals ? NT_SMB_AES128_CCM : NT_SMB_NO_CIPHER;
    if (m->max_data < 4096 || (rsp.dialect == NT_SMB2_311 && !contexts_ok(m, &rsp.contexts))) {
        nt_smb_client_fail(m, NT_SMB_STEP_DIALECT, NT_STATUS(INVALID_NETWORK_RESPONSE),
                           "it chose what was not offered, or messages too small");
        return;
    }
    note_mechs(m, rsp.token);
    m->stage = SESSION;
    send_token(m, NULL, 0);
}

/* --- session, 3.2.4.2.3 and 3.2.5.3 --------------------------------------------------------- */

/* Why the security context itself gave up. */
static void sec_failed(struct nt_smb_client *m)
{
    ntstatus status = m->sec->ops->status(m->sec);
    nt_smb_client_fail(m, NT_SMB_STEP_CREDENTIALS, status, "the logon failed at this end: %s",
                       nt_status_text(status));
}

/* Takes the server's token and sends ours. */
static void send_token(struct nt_smb_client *m, const uint8_t *in, size_t len)
{
    struct nt_buf token;
    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = m->sec->ops->step(m->sec, in, len, &token);
    m->sec_done = step == NT_SEC_DONE;
    if (step == NT_SEC_FAILED || step == NT_SEC_ASK) {
        sec_failed(m);
    } else if (++m->tokens > MAX_TOKENS || token.len == 0) {
        broken(m, "the session set-up does not come to an end");
    } else {
        const struct nt_smb2_session_setup_req req = { .security_mode = (uint8_t)our_mode(m),
                                                       .token = { token.data, token.len } };
        struct request *r = nt_smb_client_request(m, NT_SMB2_SESSION_SETUP, 0, UINT64_MAX);
        if (r != NULL)
            nt_smb2_session_setup_req_write(&r->body, &req);
        nt_smb_client_must_submit(m, r);
    }
    nt_buf_free(&token);
}

/* The last token is in: the context must be content. */
static bool finish_sec(struct nt_smb_client *m, struct nt_smb2_bytes token)
{
    struct nt_buf none;
    if (m->sec_done && token.len == 0)
        return true;
    nt_buf_init(&none, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step =
        m->sec_done ? NT_SEC_DONE : m->sec->ops->step(m->sec, token.data, token.len, &none);
    nt_buf_free(&none);
    if (step == NT_SEC_DONE)
        return true;
    if (step == NT_SEC_FAILED)
        sec_failed(m);
    else
        broken(m, "it ended the session set-up too early");
    return false;
}

static void refused(struct nt_smb_client *m, ntstatus status)
{
    bool full = nt_status_is(status, NT_STATUS(REQUEST_NOT_ACCEPTED)) ||
                nt_status_is(status, NT_STATUS(INSUFFICIENT_RESOURCES));
    char text[64];
    nt_smb_client_fail(m, full ? NT_SMB_STEP_NETWORK : NT_SMB_STEP_CREDENTIALS, status,
                       "it refused the %s: %s (%s)",
                       m->config.anonymous ? "anonymous session" : "logon", nt_status_text(status),
                       nt_status_format(status, text));
}

static void make_keys(struct nt_smb_client *m)
{
    const struct nt_secret *key = m->sec->ops->session_key(m->sec);
    if (key == NULL || key->len == 0)
        return;
    nt_smb_keys_derive(&m->keys, key, m->dialect, m->signing, m->cipher, m->preauth, false);
    m->has_keys = true;
}

/* From now on everything is encrypted; who: the beginning of the sentence that tells it failed. */
static bool encrypt(struct nt_smb_client *m, const char *who)
{
    if (!m->must_sign || m->cipher == NT_SMB_NO_CIPHER) {
        nt_smb_client_fail(m, NT_SMB_STEP_SIGNING, NT_STATUS(DOWNGRADE_DETECTED),
                           "%s encryption, which %s cannot do", who,
                           m->must_sign ? "the agreed dialect" : "an anonymous session");
        return false;
    }
    m->must_encrypt = true;
    return true;
}

static void connect_tree(struct nt_smb_client *m)
{
    char path[300];
    struct nt_buf text;
    nt_buf_init(&text, 2 * sizeof path);
    snprintf(path, sizeof path, "\\\\%.254s\\IPC$", m->config.host);
    nt_smb_client_put_text(&text, path);
    const struct nt_smb2_tree_connect_req req = { .path = { text.data, text.len } };
    struct request *r = nt_smb_client_request(m, NT_SMB2_TREE_CONNECT, 0, UINT64_MAX);
    if (r != NULL && text.err == NT_OK)
        nt_smb2_tree_connect_req_write(&r->body, &req);
    else if (r != NULL)
        nt_buf_fail(&r->body, text.err);
    m->stage = TREE;
    nt_smb_client_must_submit(m, r);
    nt_buf_free(&text);
}

/* The session is there; its answer proves with a signature that the server knows the key, too. */
static void established(struct nt_smb_client *m, const struct answer *a,
                        const struct nt_smb2_session_setup_rsp *rsp)
{
    bool guest = rsp->session_flags & (NT_SMB2_SESSION_GUEST | NT_SMB2_SESSION_NULL);
    if (!finish_sec(m, rsp->token))
        return;
    make_keys(m);
    if (!m->config.anonymous) {
        if (guest || !m->has_keys) {
            nt_smb_client_fail(m, NT_SMB_STEP_CREDENTIALS, NT_STATUS(LOGON_FAILURE),
                               "it let us in as a guest only: the credentials are not known there");
            return;
        }
        if (!(a->header.flags & NT_SMB2_FLAG_SIGNED) ||
            nt_smb_sign_check(&m->keys, a->msg, a->len, true) != NT_OK) {
            nt_smb_client_fail(m, NT_SMB_STEP_SIGNING, NT_STATUS(ACCESS_DENIED),
                               "the answer to the logon is not signed with the session's key: "
                               "it is not the server that it says it is, or somebody changed the "
                               "negotiation");
            return;
        }
        m->must_sign = true;
    }
    bool can = m->must_sign && m->cipher != NT_SMB_NO_CIPHER;
    bool want = m->config.encrypt == NT_SMB_ENCRYPT_ALWAYS ||
                (m->config.encrypt == NT_SMB_ENCRYPT_IF_POSSIBLE && can);
    if (want && !encrypt(m, "this end demands"))
        return;
    if ((rsp->session_flags & NT_SMB2_SESSION_ENCRYPT) && !encrypt(m, "the server demands"))
        return;
    connect_tree(m);
}

static void session_answer(struct nt_smb_client *m, const struct answer *a)
{
    bool goes_on = nt_status_is(a->header.status, NT_STATUS(MORE_PROCESSING_REQUIRED));
    struct nt_smb2_session_setup_rsp rsp;

    if (!goes_on && !nt_status_is(a->header.status, NT_STATUS(SUCCESS))) {
        refused(m, a->header.status);
        return;
    }
    if (nt_smb2_session_setup_rsp_read(a->msg, a->len, &rsp) != NT_OK ||
        a->header.session_id == 0 || (goes_on && m->sec_done)) {
        broken(m, "its answer to the session set-up does not decode");
        return;
    }
    m->session_id = a->header.session_id;
    if (!goes_on) {
        established(m, a, &rsp);
        return;
    }
    nt_smb_preauth_update(m->preauth, a->msg, a->len);
    send_token(m, rsp.token.data, rsp.token.len);
}

/* --- tree and proof of the negotiation, 3.2.5.5 ---------------------------------------------- */

/* Dialects before 3.1.1 have no hash over what was negotiated: ask again, signed. */
static void validate(struct nt_smb_client *m)
{
    struct nt_smb2_validate_req v = { .security_mode = our_mode(m) };
    struct nt_buf in;

    memcpy(v.guid, m->guid, sizeof v.guid);
    v.dialect_count = our_dialects(m, v.dialects);
    v.capabilities = our_capabilities(v.dialects, v.dialect_count);
    nt_buf_init(&in, 256);
    nt_smb2_validate_req_write(&in, &v);
    const struct nt_smb2_ioctl_req req = { .code = NT_SMB2_FSCTL_VALIDATE,
                                           .fid = { UINT64_MAX, UINT64_MAX },
                                           .input = { in.data, in.len },
                                           .max_output = NT_SMB2_VALIDATE_RSP_LEN,
                                           .flags = NT_SMB2_IOCTL_IS_FSCTL };
    struct request *r = nt_smb_client_request(m, NT_SMB2_IOCTL, 0, UINT64_MAX);
    if (r != NULL && in.err == NT_OK)
        nt_smb2_ioctl_req_write(&r->body, &req);
    else if (r != NULL)
        nt_buf_fail(&r->body, in.err);
    m->stage = VALIDATE;
    nt_smb_client_must_submit(m, r);
    nt_buf_free(&in);
}

/* True: the session is ready. */
static bool tree_answer(struct nt_smb_client *m, const struct answer *a)
{
    struct nt_smb2_tree_connect_rsp rsp;
    char text[64];

    if (!nt_status_is(a->header.status, NT_STATUS(SUCCESS))) {
        nt_smb_client_fail(m, NT_SMB_STEP_SHARE, a->header.status, "it refused IPC$%s: %s (%s)",
                           m->config.anonymous ? " to an anonymous session" : "",
                           nt_status_text(a->header.status),
                           nt_status_format(a->header.status, text));
        return false;
    }
    if (nt_smb2_tree_connect_rsp_read(a->msg, a->len, &rsp) != NT_OK ||
        rsp.share_type != NT_SMB2_SHARE_PIPE) {
        broken(m, "its IPC$ is no share for pipes");
        return false;
    }
    m->tree_id = a->header.tree_id;
    if ((rsp.share_flags & NT_SMB2_SHARE_ENCRYPT) && !encrypt(m, "the server's IPC$ demands"))
        return false;
    uint16_t ours[NT_COUNT(dialects)];
    size_t count = our_dialects(m, ours);
    if (m->must_sign && m->dialect < NT_SMB2_311 && ours[count - 1] >= NT_SMB2_300) {
        validate(m);
        return false;
    }
    m->stage = READY;
    return true;
}

/* Servers before 3.0 do not know the question and say so, signed: that is proof enough. */
static bool unknown_question(ntstatus status)
{
    return nt_status_is(status, NT_STATUS(FILE_CLOSED)) ||
           nt_status_is(status, NT_STATUS(INVALID_DEVICE_REQUEST)) ||
           nt_status_is(status, NT_STATUS(NOT_SUPPORTED));
}

static bool validated(struct nt_smb_client *m, const struct answer *a)
{
    struct nt_smb2_ioctl_rsp rsp;
    struct nt_smb2_validate_rsp v;

    bool same = unknown_question(a->header.status) && m->dialect < NT_SMB2_300;
    if (nt_status_is(a->header.status, NT_STATUS(SUCCESS)) &&
        nt_smb2_ioctl_rsp_read(a->msg, a->len, &rsp) == NT_OK &&
        nt_smb2_validate_rsp_read(rsp.output.data, rsp.output.len, &v) == NT_OK)
        same = v.dialect == m->dialect && v.capabilities == m->server_capabilities &&
               v.security_mode == m->server_mode &&
               memcmp(v.guid, m->server_guid, sizeof v.guid) == 0;
    if (!same) {
        char text[64];
        nt_smb_client_fail(m, NT_SMB_STEP_SIGNING, NT_STATUS(ACCESS_DENIED),
                           "the negotiation was not what the server says it was (%s): somebody on "
                           "the way changed it",
                           nt_status_format(a->header.status, text));
        return false;
    }
    m->stage = READY;
    return true;
}

bool nt_smb_client_set_up(struct nt_smb_client *m, const struct answer *a)
{
    switch (m->stage) {
    case NEGOTIATE:
        negotiated(m, a);
        return false;
    case SESSION:
        session_answer(m, a);
        return false;
    case TREE:
        return tree_answer(m, a);
    case VALIDATE:
        return validated(m, a);
    case READY:
    case FAILED:
        break;
    }
    return false;
}
