#include "rpc/sec_spnego.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "rpc/sec_ntlm.h"

/* --- DER --- */

enum tag {
    TAG_BITS = 0x03,
    TAG_OCTETS = 0x04,
    TAG_OID = 0x06,
    TAG_ENUM = 0x0a,
    TAG_SEQUENCE = 0x30,
    TAG_APPLICATION = 0x60, /* GSS-API's InitialContextToken */
    TAG_FIELD = 0xa0,       /* [n], constructed */
};

static const uint8_t oid_spnego[] = { 0x2b, 6, 1, 5, 5, 2 };
static const uint8_t oid_ntlm[] = { 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10 };
/* Kerberos, and the number that its first implementation in Windows made of it: [MS-SPNG] 1.9 */
static const uint8_t oid_krb5[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 };
static const uint8_t oid_ms_krb5[] = { 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2 };
/* MechTypeList { NTLMSSP }: what our clients offer, and sign. */
static const uint8_t our_mechs[] = { TAG_SEQUENCE, 12,   TAG_OID, 10, 0x2b, 6, 1, 4, 1,
                                     0x82,         0x37, 2,       2,  10 };

/* Enters an element of that tag: `in` then covers its content and c stands behind it. */
static void enter(struct nt_cursor *c, unsigned tag, struct nt_cursor *in)
{
    if (nt_cursor_u8(c) != tag)
        nt_cursor_fail(c, NT_E_MALFORMED);
    size_t len = nt_cursor_u8(c);
    if (len & 0x80) { /* long form, at most three bytes: no message is longer */
        size_t bytes = len & 0x7f;
        if (bytes == 0 || bytes > 3)
            nt_cursor_fail(c, NT_E_MALFORMED);
        len = 0;
        for (size_t i = 0; c->err == NT_OK && i < bytes; i++)
            len = len << 8 | nt_cursor_u8(c);
    }
    const uint8_t *content = nt_cursor_take(c, len);
    nt_cursor_init(in, content, content != NULL ? len : 0);
    in->err = c->err;
}

static bool at_tag(const struct nt_cursor *c, unsigned tag)
{
    return nt_cursor_left(c) > 0 && c->buf[c->pos] == tag;
}

/* Optional field [n] holding one element of `tag`: its content; data NULL when it is not there. */
static struct nt_spnego_bytes field(struct nt_cursor *c, unsigned n, unsigned tag)
{
    struct nt_cursor wrap, in;

    if (!at_tag(c, TAG_FIELD + n))
        return (struct nt_spnego_bytes){ NULL, 0 };
    enter(c, TAG_FIELD + n, &wrap);
    enter(&wrap, tag, &in);
    if (wrap.err != NT_OK) {
        nt_cursor_fail(c, wrap.err);
        return (struct nt_spnego_bytes){ NULL, 0 };
    }
    return (struct nt_spnego_bytes){ in.buf, in.len };
}

static bool is_oid(const uint8_t *data, size_t len, const uint8_t *oid, size_t oid_len)
{
    return len == oid_len && memcmp(data, oid, len) == 0;
}

/* [0] mechTypes, kept with its tag */
static void mech_list_read(struct nt_cursor *c, struct nt_spnego_msg *out)
{
    struct nt_cursor wrap, list, oid;

    enter(c, TAG_FIELD + 0, &wrap);
    out->mech_list = (struct nt_spnego_bytes){ wrap.buf, wrap.len };
    enter(&wrap, TAG_SEQUENCE, &list);
    for (size_t i = 0; nt_cursor_left(&list) > 0; i++) {
        if (i == NT_SPNEGO_MAX_MECHS) {
            nt_cursor_fail(&list, NT_E_LIMIT);
            break;
        }
        enter(&list, TAG_OID, &oid);
        if (list.err == NT_OK && is_oid(oid.buf, oid.len, oid_ntlm, sizeof oid_ntlm)) {
            out->ntlm_offered = true;
            out->ntlm_preferred = out->ntlm_preferred || i == 0;
        }
        if (list.err == NT_OK && (is_oid(oid.buf, oid.len, oid_krb5, sizeof oid_krb5) ||
                                  is_oid(oid.buf, oid.len, oid_ms_krb5, sizeof oid_ms_krb5)))
            out->krb5_offered = true;
    }
    if (wrap.err != NT_OK)
        nt_cursor_fail(c, wrap.err);
    if (list.err != NT_OK)
        nt_cursor_fail(c, list.err);
}

static void init_read(struct nt_cursor *c, struct nt_spnego_msg *out)
{
    struct nt_cursor body;

    out->init = true;
    enter(c, TAG_SEQUENCE, &body);
    mech_list_read(&body, out);
    (void)field(&body, 1, TAG_BITS); /* reqFlags */
    out->token = field(&body, 2, TAG_OCTETS);
    /* [3] is mechListMIC, or negHints from those who follow [MS-SPNG] 2.2.1: neither is of use in
     * a first message. */
    if (body.err != NT_OK)
        nt_cursor_fail(c, body.err);
}

static void resp_read(struct nt_cursor *c, struct nt_spnego_msg *out)
{
    struct nt_cursor body;

    enter(c, TAG_SEQUENCE, &body);
    struct nt_spnego_bytes state = field(&body, 0, TAG_ENUM);
    struct nt_spnego_bytes mech = field(&body, 1, TAG_OID);
    out->token = field(&body, 2, TAG_OCTETS);
    out->mic = field(&body, 3, TAG_OCTETS);
    if (body.err == NT_OK && state.data != NULL && state.len != 1)
        nt_cursor_fail(&body, NT_E_MALFORMED);
    /* No more fields, and nothing behind: else a changed length could hide the MIC. */
    if (nt_cursor_left(&body) > 0 || nt_cursor_left(c) > 0)
        nt_cursor_fail(&body, NT_E_MALFORMED);
    if (body.err != NT_OK) {
        nt_cursor_fail(c, body.err);
        return;
    }
    out->state = state.data != NULL ? state.data[0] : NT_SPNEGO_NO_STATE;
    out->mech_given = mech.data != NULL;
    out->mech_is_ntlm = out->mech_given && is_oid(mech.data, mech.len, oid_ntlm, sizeof oid_ntlm);
}

enum nt_err nt_spnego_read(const uint8_t *msg, size_t len, struct nt_spnego_msg *out)
{
    struct nt_cursor c, outer, in;

    memset(out, 0, sizeof *out);
    out->state = NT_SPNEGO_NO_STATE;
    nt_cursor_init(&c, msg, len);
    if (at_tag(&c, TAG_APPLICATION)) {
        struct nt_cursor oid;
        enter(&c, TAG_APPLICATION, &outer);
        enter(&outer, TAG_OID, &oid);
        if (outer.err == NT_OK && !is_oid(oid.buf, oid.len, oid_spnego, sizeof oid_spnego))
            nt_cursor_fail(&outer, NT_E_MALFORMED);
        enter(&outer, TAG_FIELD + 0, &in);
        init_read(&in, out);
        if (outer.err != NT_OK)
            nt_cursor_fail(&in, outer.err);
    } else {
        enter(&c, TAG_FIELD + 1, &in);
        resp_read(&in, out);
        if (nt_cursor_left(&c) > 0)
            nt_cursor_fail(&in, NT_E_MALFORMED);
    }
    if (in.err != NT_OK)
        memset(out, 0, sizeof *out);
    return in.err;
}

/* Bytes of an element's tag and length. */
static size_t head_size(size_t len)
{
    return len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
}

static size_t element_size(size_t len)
{
    return head_size(len) + len;
}

static void head_write(struct nt_buf *b, unsigned tag, size_t len)
{
    nt_buf_u8(b, (uint8_t)tag);
    if (len > 0xffff)
        nt_buf_fail(b, NT_E_LIMIT);
    if (len < 0x80) {
        nt_buf_u8(b, (uint8_t)len);
    } else if (len < 0x100) {
        nt_buf_u8(b, 0x81);
        nt_buf_u8(b, (uint8_t)len);
    } else {
        nt_buf_u8(b, 0x82);
        nt_buf_u16be(b, (uint16_t)len);
    }
}

/* Field [n] with one element in it. */
static void field_write(struct nt_buf *b, unsigned n, unsigned tag, const uint8_t *data, size_t len)
{
    head_write(b, TAG_FIELD + n, element_size(len));
    head_write(b, tag, len);
    nt_buf_put(b, data, len);
}

static size_t field_size(size_t len)
{
    return element_size(element_size(len));
}

void nt_spnego_init_write(struct nt_buf *b, const uint8_t *token, size_t len)
{
    size_t body = element_size(sizeof our_mechs) + (token != NULL ? field_size(len) : 0);
    size_t wrap = element_size(body);

    head_write(b, TAG_APPLICATION, element_size(sizeof oid_spnego) + element_size(wrap));
    head_write(b, TAG_OID, sizeof oid_spnego);
    nt_buf_put(b, oid_spnego, sizeof oid_spnego);
    head_write(b, TAG_FIELD + 0, wrap);
    head_write(b, TAG_SEQUENCE, body);
    head_write(b, TAG_FIELD + 0, sizeof our_mechs);
    nt_buf_put(b, our_mechs, sizeof our_mechs);
    if (token != NULL)
        field_write(b, 2, TAG_OCTETS, token, len);
}

void nt_spnego_resp_write(struct nt_buf *b, uint8_t state, bool name_mech,
                          struct nt_spnego_bytes token, struct nt_spnego_bytes mic)
{
    size_t body = (state != NT_SPNEGO_NO_STATE ? field_size(1) : 0) +
                  (name_mech ? field_size(sizeof oid_ntlm) : 0) +
                  (token.data != NULL ? field_size(token.len) : 0) +
                  (mic.data != NULL ? field_size(mic.len) : 0);

    head_write(b, TAG_FIELD + 1, element_size(body));
    head_write(b, TAG_SEQUENCE, body);
    if (state != NT_SPNEGO_NO_STATE)
        field_write(b, 0, TAG_ENUM, &state, 1);
    if (name_mech)
        field_write(b, 1, TAG_OID, oid_ntlm, sizeof oid_ntlm);
    if (token.data != NULL)
        field_write(b, 2, TAG_OCTETS, token.data, token.len);
    if (mic.data != NULL)
        field_write(b, 3, TAG_OCTETS, mic.data, mic.len);
}

/* --- the context --- */

enum state { START, GOING, LAST_TOKEN, READY, FAILED };

struct spnego {
    struct nt_sec base;
    struct nt_sec *inner;
    enum state state;
    ntstatus status;
    bool raw;            /* server: the client speaks NTLMSSP without a wrapper */
    bool mic_required;   /* server: the client preferred another mechanism */
    struct nt_buf mechs; /* server: the client's MechTypeList, as its MIC covers it */
    uint8_t mic[NT_NTLM_SIGNATURE_LEN]; /* server: the client's, kept until the answer */
    size_t mic_len;
};

static const struct nt_spnego_bytes nothing = { NULL, 0 };

static struct spnego *self(struct nt_sec *s)
{
    return (struct spnego *)s;
}

static const struct spnego *self_const(const struct nt_sec *s)
{
    return (const struct spnego *)s;
}

static enum nt_sec_step fail(struct spnego *p, ntstatus status)
{
    p->state = FAILED;
    p->status = status;
    return NT_SEC_FAILED;
}

static enum nt_sec_step inner_failed(struct spnego *p)
{
    return fail(p, p->inner->ops->status(p->inner));
}

/* --- server --- */

/* The inner context is done: checks the client's mechListMIC, says so and gives ours. */
static enum nt_sec_step server_finish(struct spnego *p, const struct nt_buf *token,
                                      struct nt_buf *out)
{
    uint8_t mic[NT_NTLM_SIGNATURE_LEN];
    struct nt_spnego_bytes ours = nothing;

    if (p->mic_len > 0) {
        if (!nt_sec_ntlm_can_sign(p->inner) ||
            nt_sec_ntlm_mic_check(p->inner, p->mechs.data, p->mechs.len, p->mic, p->mic_len) !=
                NT_OK)
            return fail(p, NT_STATUS(LOGON_FAILURE));
        nt_sec_ntlm_mic(p->inner, p->mechs.data, p->mechs.len, mic);
        ours = (struct nt_spnego_bytes){ mic, sizeof mic };
    } else if (p->mic_required) {
        /* Somebody on the way may have taken a better mechanism off the list. */
        return fail(p, NT_STATUS(LOGON_FAILURE));
    }
    struct nt_spnego_bytes t = { token->len > 0 ? token->data : NULL, token->len };
    nt_spnego_resp_write(out, NT_SPNEGO_COMPLETED, false, t, ours);
    if (out->err != NT_OK)
        return fail(p, NT_STATUS(NO_MEMORY));
    nt_buf_free(&p->mechs);
    p->state = READY;
    return NT_SEC_DONE;
}

/* Feeds the inner context and wraps what it answers. first: the reply names the mechanism. */
static enum nt_sec_step server_feed(struct spnego *p, struct nt_spnego_bytes in, bool first,
                                    struct nt_buf *out)
{
    struct nt_buf token;

    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = p->inner->ops->step(p->inner, in.data, in.len, &token);
    switch (step) {
    case NT_SEC_CONTINUE:
        nt_spnego_resp_write(out, NT_SPNEGO_INCOMPLETE, first,
                             (struct nt_spnego_bytes){ token.data, token.len }, nothing);
        if (token.err != NT_OK || out->err != NT_OK)
            step = fail(p, NT_STATUS(NO_MEMORY));
        break;
    case NT_SEC_DONE:
        step = server_finish(p, &token, out);
        break;
    case NT_SEC_ASK:
        p->state = LAST_TOKEN;
        break;
    case NT_SEC_FAILED:
        step = inner_failed(p);
        break;
    }
    nt_buf_free(&token);
    return step;
}

static enum nt_sec_step server_start(struct spnego *p, const struct nt_spnego_msg *m,
                                     struct nt_buf *out)
{
    if (!m->init || !m->ntlm_offered)
        return fail(p, NT_STATUS(NOT_SUPPORTED));
    nt_buf_put(&p->mechs, m->mech_list.data, m->mech_list.len);
    if (p->mechs.err != NT_OK)
        return fail(p, NT_STATUS(NO_MEMORY));
    p->state = GOING;
    if (m->ntlm_preferred && m->token.data != NULL)
        return server_feed(p, m->token, true, out);

    /* The token, if any, was for the mechanism that the client likes better (Kerberos): choose
     * NTLMSSP, and have the choice confirmed by a MIC. RFC 4178 4.2.2, 5 */
    p->mic_required = !m->ntlm_preferred;
    nt_spnego_resp_write(out, p->mic_required ? NT_SPNEGO_REQUEST_MIC : NT_SPNEGO_INCOMPLETE, true,
                         nothing, nothing);
    return out->err == NT_OK ? NT_SEC_CONTINUE : fail(p, NT_STATUS(NO_MEMORY));
}

static enum nt_sec_step server_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                    struct nt_buf *out)
{
    struct spnego *p = self(s);
    struct nt_spnego_msg m;

    if (len > NT_SEC_MAX_TOKEN || (p->state != START && p->state != GOING))
        return fail(p, p->state == FAILED ? p->status : NT_STATUS(INVALID_PARAMETER));
    if (p->state == START && len >= 8 && memcmp(in, "NTLMSSP", 8) == 0)
        p->raw = true;
    if (p->raw) {
        enum nt_sec_step step = p->inner->ops->step(p->inner, in, len, out);
        p->state = step == NT_SEC_ASK ? LAST_TOKEN : step == NT_SEC_DONE ? READY : GOING;
        return step == NT_SEC_FAILED ? inner_failed(p) : step;
    }

    if (nt_spnego_read(in, len, &m) != NT_OK)
        return fail(p, NT_STATUS(INVALID_PARAMETER));
    if (p->state == START)
        return server_start(p, &m, out);
    if (m.init || m.token.data == NULL || m.state == NT_SPNEGO_REJECT)
        return fail(p, NT_STATUS(LOGON_FAILURE));
    if (m.mic.data != NULL) {
        if (m.mic.len != sizeof p->mic)
            return fail(p, NT_STATUS(LOGON_FAILURE));
        memcpy(p->mic, m.mic.data, m.mic.len);
        p->mic_len = m.mic.len;
    }
    return server_feed(p, m.token, false, out);
}

static enum nt_sec_step server_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                      struct nt_buf *out)
{
    struct spnego *p = self(s);
    struct nt_buf token;

    if (p->state != LAST_TOKEN)
        return fail(p, NT_STATUS(INTERNAL_ERROR));
    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = p->inner->ops->answer(p->inner, answer, p->raw ? out : &token);
    if (step == NT_SEC_DONE && p->raw)
        p->state = READY;
    else if (step == NT_SEC_DONE)
        step = server_finish(p, &token, out);
    else
        step = step == NT_SEC_FAILED ? inner_failed(p) : fail(p, NT_STATUS(INTERNAL_ERROR));
    nt_buf_free(&token);
    return step;
}

/* --- client --- */

static enum nt_sec_step client_start(struct spnego *p, struct nt_buf *out)
{
    struct nt_buf token;

    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = p->inner->ops->step(p->inner, NULL, 0, &token);
    if (step == NT_SEC_CONTINUE) {
        nt_spnego_init_write(out, token.data, token.len);
        if (out->err != NT_OK)
            step = fail(p, NT_STATUS(NO_MEMORY));
        p->state = step == NT_SEC_CONTINUE ? GOING : FAILED;
    } else {
        step = step == NT_SEC_FAILED ? inner_failed(p) : fail(p, NT_STATUS(INTERNAL_ERROR));
    }
    nt_buf_free(&token);
    return step;
}

/* The server's token: the inner context's last is the one that also brings our mechListMIC. */
static enum nt_sec_step client_go_on(struct spnego *p, const struct nt_spnego_msg *m,
                                     struct nt_buf *out)
{
    uint8_t mic[NT_NTLM_SIGNATURE_LEN];
    struct nt_spnego_bytes ours = nothing;
    struct nt_buf token;

    if (m->token.data == NULL || m->state == NT_SPNEGO_COMPLETED)
        return fail(p, NT_STATUS(INVALID_NETWORK_RESPONSE));
    nt_buf_init(&token, NT_SEC_MAX_TOKEN);
    enum nt_sec_step step = p->inner->ops->step(p->inner, m->token.data, m->token.len, &token);
    if (step == NT_SEC_DONE) {
        if (nt_sec_ntlm_can_sign(p->inner)) {
            nt_sec_ntlm_mic(p->inner, our_mechs, sizeof our_mechs, mic);
            ours = (struct nt_spnego_bytes){ mic, sizeof mic };
        }
        p->state = LAST_TOKEN;
        step = NT_SEC_CONTINUE;
    }
    if (step == NT_SEC_CONTINUE) {
        nt_spnego_resp_write(out, NT_SPNEGO_NO_STATE, false,
                             (struct nt_spnego_bytes){ token.data, token.len }, ours);
        if (token.err != NT_OK || out->err != NT_OK)
            step = fail(p, NT_STATUS(NO_MEMORY));
    } else {
        step = step == NT_SEC_FAILED ? inner_failed(p) : fail(p, NT_STATUS(INTERNAL_ERROR));
    }
    nt_buf_free(&token);
    return step;
}

static enum nt_sec_step client_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                    struct nt_buf *out)
{
    struct spnego *p = self(s);
    struct nt_spnego_msg m;

    if (p->state == START)
        return client_start(p, out);
    if (p->state == FAILED)
        return NT_SEC_FAILED;
    if (p->state == READY || len > NT_SEC_MAX_TOKEN || nt_spnego_read(in, len, &m) != NT_OK ||
        m.init || (m.mech_given && !m.mech_is_ntlm))
        return fail(p, NT_STATUS(INVALID_NETWORK_RESPONSE));
    if (m.state == NT_SPNEGO_REJECT)
        return fail(p, NT_STATUS(LOGON_FAILURE));
    if (p->state == GOING)
        return client_go_on(p, &m, out);

    if (m.state != NT_SPNEGO_COMPLETED)
        return fail(p, NT_STATUS(INVALID_NETWORK_RESPONSE));
    /* One mechanism was offered, so a server without a MIC took nothing away: RFC 4178 5. */
    if (m.mic.data != NULL && (!nt_sec_ntlm_can_sign(p->inner) ||
                               nt_sec_ntlm_mic_check(p->inner, our_mechs, sizeof our_mechs,
                                                     m.mic.data, m.mic.len) != NT_OK))
        return fail(p, NT_STATUS(ACCESS_DENIED));
    p->state = READY;
    return NT_SEC_DONE;
}

static enum nt_sec_step client_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                      struct nt_buf *out)
{
    (void)answer;
    (void)out;
    return fail(self(s), NT_STATUS(INTERNAL_ERROR));
}

/* --- both: what the inner context does --- */

static const struct nt_sec_question *spnego_question(const struct nt_sec *s)
{
    const struct spnego *p = self_const(s);
    return p->inner->ops->question(p->inner);
}

static size_t spnego_token_size(const struct nt_sec *s, enum nt_auth_level level)
{
    const struct spnego *p = self_const(s);
    return p->inner->ops->token_size(p->inner, level);
}

static enum nt_err spnego_protect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                  const uint8_t *head, size_t head_len, uint8_t *stub,
                                  size_t stub_len, const uint8_t *trailer, uint8_t *token)
{
    struct spnego *p = self(s);

    if (p->state != READY)
        return NT_E_STATE;
    return p->inner->ops->protect(p->inner, level, sign_header, head, head_len, stub, stub_len,
                                  trailer, token);
}

static enum nt_err spnego_unprotect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                    const uint8_t *head, size_t head_len, uint8_t *stub,
                                    size_t stub_len, const uint8_t *trailer, const uint8_t *token,
                                    size_t token_len)
{
    struct spnego *p = self(s);

    if (p->state != READY)
        return NT_E_STATE;
    return p->inner->ops->unprotect(p->inner, level, sign_header, head, head_len, stub, stub_len,
                                    trailer, token, token_len);
}

static const struct nt_secret *spnego_session_key(const struct nt_sec *s)
{
    const struct spnego *p = self_const(s);
    return p->state == READY ? p->inner->ops->session_key(p->inner) : NULL;
}

static ntstatus spnego_status(const struct nt_sec *s)
{
    return self_const(s)->status;
}

static void spnego_free(struct nt_sec *s)
{
    struct spnego *p = self(s);

    if (p == NULL)
        return;
    p->inner->ops->free(p->inner);
    nt_buf_free(&p->mechs);
    nt_wipe(p, sizeof *p);
    free(p);
}

static const struct nt_sec_ops server_ops = {
    .step = server_step,
    .question = spnego_question,
    .answer = server_answer,
    .token_size = spnego_token_size,
    .protect = spnego_protect,
    .unprotect = spnego_unprotect,
    .session_key = spnego_session_key,
    .status = spnego_status,
    .free = spnego_free,
};

static const struct nt_sec_ops client_ops = {
    .step = client_step,
    .question = spnego_question,
    .answer = client_answer,
    .token_size = spnego_token_size,
    .protect = spnego_protect,
    .unprotect = spnego_unprotect,
    .session_key = spnego_session_key,
    .status = spnego_status,
    .free = spnego_free,
};

/* Without memory, or around anything but NTLMSSP, the inner context goes the same way. */
static struct nt_sec *spnego_new(const struct nt_sec_ops *ops, struct nt_sec *inner)
{
    if (inner == NULL)
        return NULL;
    struct spnego *p = nt_sec_is_ntlm(inner) ? calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        inner->ops->free(inner);
        return NULL;
    }
    p->base.ops = ops;
    p->inner = inner;
    p->state = START;
    p->status = NT_STATUS(SUCCESS);
    nt_buf_init(&p->mechs, NT_SEC_MAX_TOKEN);
    return &p->base;
}

struct nt_sec *nt_sec_spnego_server(struct nt_sec *inner)
{
    return spnego_new(&server_ops, inner);
}

struct nt_sec *nt_sec_spnego_client(struct nt_sec *inner)
{
    return spnego_new(&client_ops, inner);
}
