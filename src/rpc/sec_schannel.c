#include "rpc/sec_schannel.h"

#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "crypto/schannel.h"

#define ALL_FLAGS 0x1fu
#define LABEL_MAX 63u
#define JUMPS_MAX 16u

/* --- NL_AUTH_MESSAGE --- */

/* OEM text up to its NUL. What is not ASCII depends on the peer's code page: it becomes '?', which
 * no name has, and peers with such names send the UTF-8 form as well. */
static void oem_read(struct nt_cursor *c, char out[NT_NL_AUTH_NAME])
{
    for (size_t i = 0;; i++) {
        uint8_t b = nt_cursor_u8(c);
        if (c->err == NT_OK && i == NT_NL_AUTH_NAME - 1 && b != 0)
            nt_cursor_fail(c, NT_E_MALFORMED);
        if (c->err != NT_OK || b == 0) {
            out[c->err == NT_OK ? i : 0] = '\0';
            return;
        }
        out[i] = b >= 0x20 && b < 0x7f ? (char)b : '?';
    }
}

/* Labels joined by dots. A pointer leads backwards only, counted from the message's start, and the
 * cursor goes on behind the first one. */
static void compressed_read(struct nt_cursor *c, char out[NT_NL_AUTH_NAME])
{
    struct nt_cursor walk = *c;
    size_t len = 0, jumps = 0, least = c->pos;

    out[0] = '\0';
    for (;;) {
        uint8_t n = nt_cursor_u8(&walk);
        if (walk.err != NT_OK || n == 0)
            break;
        if ((n & 0xc0) == 0xc0) {
            size_t to = (size_t)(n & 0x3f) << 8 | nt_cursor_u8(&walk);
            if (jumps++ == 0)
                c->pos = walk.err == NT_OK ? walk.pos : c->pos;
            if (walk.err == NT_OK && (to >= least || jumps > JUMPS_MAX))
                nt_cursor_fail(&walk, NT_E_MALFORMED);
            nt_cursor_seek(&walk, to);
            least = to;
            continue;
        }
        const uint8_t *label = nt_cursor_take(&walk, n);
        if (n > LABEL_MAX || (label != NULL && len + 1 + n >= NT_NL_AUTH_NAME))
            nt_cursor_fail(&walk, NT_E_MALFORMED);
        if (walk.err != NT_OK || label == NULL)
            break;
        if (len > 0)
            out[len++] = '.';
        memcpy(out + len, label, n);
        len += n;
    }
    if (walk.err == NT_OK &&
        (memchr(out, '\0', len) != NULL || u8_check((const uint8_t *)out, len) != NULL))
        nt_cursor_fail(&walk, NT_E_MALFORMED);
    if (walk.err != NT_OK) {
        nt_cursor_fail(c, walk.err);
        len = 0;
    } else if (jumps == 0) {
        c->pos = walk.pos;
    }
    out[len] = '\0';
}

enum nt_err nt_nl_auth_read(const uint8_t *msg, size_t len, struct nt_nl_auth *out)
{
    struct nt_cursor c;

    memset(out, 0, sizeof *out);
    nt_cursor_init(&c, msg, len);
    out->type = nt_cursor_u32le(&c);
    out->flags = nt_cursor_u32le(&c);
    if (c.err != NT_OK)
        return c.err;
    if (out->type > NT_NL_AUTH_RESPONSE || (out->flags & ~ALL_FLAGS) != 0)
        return NT_E_MALFORMED;
    if (out->flags & NT_NL_AUTH_DOMAIN)
        oem_read(&c, out->domain);
    if (out->flags & NT_NL_AUTH_COMPUTER)
        oem_read(&c, out->computer);
    if (out->flags & NT_NL_AUTH_DNS_DOMAIN)
        compressed_read(&c, out->dns_domain);
    if (out->flags & NT_NL_AUTH_DNS_HOST)
        compressed_read(&c, out->dns_host);
    if (out->flags & NT_NL_AUTH_COMPUTER_UTF8)
        compressed_read(&c, out->computer_utf8);
    return c.err; /* a response has four more bytes, without meaning */
}

static void compressed_write(struct nt_buf *b, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");
        if (n == 0 || n > LABEL_MAX) {
            nt_buf_fail(b, NT_E_INVALID);
            return;
        }
        nt_buf_u8(b, (uint8_t)n);
        nt_buf_put(b, name, n);
        name += name[n] == '.' ? n + 1 : n;
    }
    nt_buf_u8(b, 0);
}

enum nt_err nt_nl_auth_write(const struct nt_nl_auth *msg, struct nt_buf *out)
{
    nt_buf_u32le(out, msg->type);
    nt_buf_u32le(out, msg->flags);
    if (msg->flags & NT_NL_AUTH_DOMAIN)
        nt_buf_put(out, msg->domain, strlen(msg->domain) + 1);
    if (msg->flags & NT_NL_AUTH_COMPUTER)
        nt_buf_put(out, msg->computer, strlen(msg->computer) + 1);
    if (msg->flags & NT_NL_AUTH_DNS_DOMAIN)
        compressed_write(out, msg->dns_domain);
    if (msg->flags & NT_NL_AUTH_DNS_HOST)
        compressed_write(out, msg->dns_host);
    if (msg->flags & NT_NL_AUTH_COMPUTER_UTF8)
        compressed_write(out, msg->computer_utf8);
    if (msg->type == NT_NL_AUTH_RESPONSE)
        nt_buf_zero(out, 4);
    return out->err;
}

/* --- the context --- */

enum state { CLIENT_REQUEST, CLIENT_RESPONSE, SERVER_REQUEST, SERVER_ANSWER, READY, FAILED };

/* The names are needed until the channel is bound and then given back. */
struct schannel {
    struct nt_sec base;
    const struct nt_env *env;
    enum state state;
    ntstatus status;
    struct nt_nl_auth *names;
    struct nt_sec_question question;
    struct nt_schannel channel;
};

static struct schannel *self(struct nt_sec *s)
{
    return (struct schannel *)s;
}

static const struct schannel *self_const(const struct nt_sec *s)
{
    return (const struct schannel *)s;
}

static enum nt_sec_step fail(struct schannel *c, ntstatus status)
{
    c->state = FAILED;
    c->status = status;
    return NT_SEC_FAILED;
}

static void become_ready(struct schannel *c)
{
    free(c->names);
    c->names = NULL;
    memset(&c->question, 0, sizeof c->question);
    c->state = READY;
}

static enum nt_sec_step server_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                    struct nt_buf *out)
{
    struct schannel *c = self(s);
    struct nt_nl_auth *names = c->names;

    (void)out;
    if (c->state != SERVER_REQUEST || len > NT_SEC_MAX_TOKEN)
        return fail(c, NT_STATUS(INVALID_PARAMETER));
    if (nt_nl_auth_read(in, len, names) != NT_OK || names->type != NT_NL_AUTH_REQUEST)
        return fail(c, NT_STATUS(INVALID_PARAMETER));
    bool utf8 = names->computer_utf8[0] != '\0';
    c->question = (struct nt_sec_question){
        .type = NT_AUTH_SCHANNEL,
        .domain = names->domain[0] != '\0' ? names->domain : names->dns_domain,
        .user = "",
        .computer = utf8 ? names->computer_utf8 : names->computer,
    };
    if (c->question.computer[0] == '\0') /* a channel has an owner */
        return fail(c, NT_STATUS(INVALID_PARAMETER));
    c->state = SERVER_ANSWER;
    return NT_SEC_ASK;
}

static const struct nt_sec_question *schannel_question(const struct nt_sec *s)
{
    const struct schannel *c = self_const(s);
    return c->state == SERVER_ANSWER ? &c->question : NULL;
}

static enum nt_sec_step server_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                      struct nt_buf *out)
{
    const struct nt_nl_auth response = { .type = NT_NL_AUTH_RESPONSE };
    struct schannel *c = self(s);

    if (c->state != SERVER_ANSWER)
        return fail(c, NT_STATUS(INTERNAL_ERROR));
    if (!nt_status_is(answer->status, NT_STATUS(SUCCESS)))
        return fail(c, answer->status);
    if (answer->key.len != 16)
        return fail(c, NT_STATUS(INTERNAL_ERROR));
    if (nt_nl_auth_write(&response, out) != NT_OK)
        return fail(c, NT_STATUS(NO_MEMORY));
    nt_schannel_init(&c->channel, answer->crypto, &answer->key, false);
    become_ready(c);
    return NT_SEC_DONE;
}

static enum nt_sec_step client_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                    struct nt_buf *out)
{
    struct schannel *c = self(s);

    if (c->state == CLIENT_REQUEST) {
        if (nt_nl_auth_write(c->names, out) != NT_OK)
            return fail(c, NT_STATUS(NO_MEMORY));
        c->state = CLIENT_RESPONSE;
        return NT_SEC_CONTINUE;
    }
    if (c->state != CLIENT_RESPONSE || nt_nl_auth_read(in, len, c->names) != NT_OK ||
        c->names->type != NT_NL_AUTH_RESPONSE)
        return fail(c, NT_STATUS(INVALID_NETWORK_RESPONSE));
    become_ready(c);
    return NT_SEC_DONE;
}

static enum nt_sec_step client_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                      struct nt_buf *out)
{
    (void)answer;
    (void)out;
    return fail(self(s), NT_STATUS(INTERNAL_ERROR));
}

static size_t schannel_token_size(const struct nt_sec *s, enum nt_auth_level level)
{
    return level >= NT_LEVEL_CALL ? nt_schannel_token_size(self_const(s)->channel.crypto) : 0;
}

/* The PDU as the cryptography wants it: what stands around the stub counts when it is signed too.
 */
static struct nt_schannel_msg message(bool sign_header, const uint8_t *head, size_t head_len,
                                      uint8_t *stub, size_t stub_len, const uint8_t *trailer)
{
    struct nt_schannel_msg m = { .stub = stub, .stub_len = stub_len };

    if (sign_header) {
        m.head = head;
        m.head_len = head_len;
        m.trailer = trailer;
        m.trailer_len = 8;
    }
    return m;
}

static enum nt_err schannel_protect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                    const uint8_t *head, size_t head_len, uint8_t *stub,
                                    size_t stub_len, const uint8_t *trailer, uint8_t *token)
{
    struct schannel *c = self(s);
    uint8_t confounder[8];

    if (c->state != READY)
        return NT_E_STATE;
    struct nt_schannel_msg m = message(sign_header, head, head_len, stub, stub_len, trailer);
    nt_random(c->env, confounder, sizeof confounder);
    nt_schannel_protect(&c->channel, level == NT_LEVEL_PRIVACY, &m, confounder, token);
    return NT_OK;
}

static enum nt_err schannel_unprotect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                      const uint8_t *head, size_t head_len, uint8_t *stub,
                                      size_t stub_len, const uint8_t *trailer, const uint8_t *token,
                                      size_t token_len)
{
    struct schannel *c = self(s);

    if (c->state != READY)
        return NT_E_STATE;
    struct nt_schannel_msg m = message(sign_header, head, head_len, stub, stub_len, trailer);
    return nt_schannel_unprotect(&c->channel, level == NT_LEVEL_PRIVACY, &m, token, token_len);
}

static const struct nt_secret *schannel_session_key(const struct nt_sec *s)
{
    const struct schannel *c = self_const(s);
    return c->state == READY ? &c->channel.key : NULL;
}

static ntstatus schannel_status(const struct nt_sec *s)
{
    return self_const(s)->status;
}

static void schannel_free(struct nt_sec *s)
{
    struct schannel *c = self(s);

    if (c == NULL)
        return;
    free(c->names);
    nt_wipe(c, sizeof *c);
    free(c);
}

static const struct nt_sec_ops server_ops = {
    .step = server_step,
    .question = schannel_question,
    .answer = server_answer,
    .token_size = schannel_token_size,
    .protect = schannel_protect,
    .unprotect = schannel_unprotect,
    .session_key = schannel_session_key,
    .status = schannel_status,
    .free = schannel_free,
};

static const struct nt_sec_ops client_ops = {
    .step = client_step,
    .question = schannel_question,
    .answer = client_answer,
    .token_size = schannel_token_size,
    .protect = schannel_protect,
    .unprotect = schannel_unprotect,
    .session_key = schannel_session_key,
    .status = schannel_status,
    .free = schannel_free,
};

static struct schannel *schannel_new(const struct nt_sec_ops *ops, enum state state,
                                     const struct nt_env *env)
{
    struct schannel *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->names = calloc(1, sizeof *c->names);
    if (c->names == NULL) {
        free(c);
        return NULL;
    }
    c->base.ops = ops;
    c->env = env;
    c->state = state;
    c->status = NT_STATUS(SUCCESS);
    return c;
}

struct nt_sec *nt_sec_schannel_server(const struct nt_env *env)
{
    struct schannel *c = schannel_new(&server_ops, SERVER_REQUEST, env);
    return c != NULL ? &c->base : NULL;
}

struct nt_sec *nt_sec_schannel_client(const struct nt_schannel_client_config *config)
{
    struct schannel *c = schannel_new(&client_ops, CLIENT_REQUEST, config->env);

    if (c == NULL)
        return NULL;
    c->names->flags = NT_NL_AUTH_DOMAIN | NT_NL_AUTH_COMPUTER;
    strncpy(c->names->domain, config->domain, NT_NL_AUTH_NAME - 1);
    strncpy(c->names->computer, config->computer, NT_NL_AUTH_NAME - 1);
    nt_schannel_init(&c->channel, config->crypto, config->key, true);
    return &c->base;
}
