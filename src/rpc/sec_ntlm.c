#include "rpc/sec_ntlm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "base/utf16.h"
#include "crypto/hash.h"
#include "crypto/ntlmv2.h"

#define TYPE_NEGOTIATE    1u
#define TYPE_CHALLENGE    2u
#define TYPE_AUTHENTICATE 3u
#define NEGOTIATE_LEN     40u /* ours: no names, with version */
#define CHALLENGE_HEAD    56u /* ours, with version */
#define AUTHENTICATE_HEAD 64u /* the shortest that peers send: no version, no MIC */
#define AUTHENTICATE_FULL 88u /* with both */
#define MIC_AT            72u
#define MIC_LEN           16u
#define NAME_MAX_LEN      1024u /* bytes of a name that a peer sends */

/* What both ends must speak, and what of the peer's wishes we go along with. */
#define FLAGS_NEEDED (NT_NTLM_UNICODE | NT_NTLM_NTLM | NT_NTLM_ESS | NT_NTLM_128)
#define FLAGS_OPTIONAL                                                                             \
    (NT_NTLM_REQUEST_TARGET | NT_NTLM_SIGN | NT_NTLM_SEAL | NT_NTLM_ALWAYS_SIGN |                  \
     NT_NTLM_KEY_EXCH | NT_NTLM_VERSION)
/* What nobody on the way may take back once it was agreed (CVE-2016-2110). */
#define FLAGS_KEPT                                                                                 \
    (NT_NTLM_UNICODE | NT_NTLM_SIGN | NT_NTLM_SEAL | NT_NTLM_ESS | NT_NTLM_128 | NT_NTLM_KEY_EXCH)

static const uint8_t signature[8] = "NTLMSSP";
static const uint8_t version[8] = { 6, 1, 0, 0, 0, 0, 0, 15 }; /* NTLMSSP_REVISION_W2K3 */

enum state {
    CLIENT_NEGOTIATE,
    CLIENT_AUTHENTICATE,
    SERVER_CHALLENGE,
    SERVER_AUTHENTICATE,
    SERVER_ANSWER,
    READY,
    FAILED
};

/* One direction of session security, [MS-NLMP] 3.4 */
struct direction {
    uint8_t sign_key[16];
    struct nt_rc4 seal;
    uint32_t sequence;
};

struct ntlm {
    struct nt_sec base;
    const struct nt_env *env;
    enum state state;
    ntstatus status;
    bool anonymous;
    uint32_t flags; /* ours in the CHALLENGE; from then on what both ends agreed on */
    uint8_t challenge[8];
    struct nt_arena names; /* of the config and of the question */
    struct nt_buf transcript;
    size_t negotiate_len, challenge_len; /* in the transcript; the AUTHENTICATE follows */
    struct nt_ntlm_authenticate auth;
    struct nt_sec_question question;
    /* config */
    const char *domain, *user, *computer, *dns_domain, *dns_computer;
    struct nt_secret nt_hash;
    bool seal;
    /* once ready */
    struct nt_secret key; /* ExportedSessionKey */
    struct direction out, in;
};

static struct ntlm *self(struct nt_sec *s)
{
    return (struct ntlm *)s;
}

static const struct ntlm *self_const(const struct nt_sec *s)
{
    return (const struct ntlm *)s;
}

static enum nt_sec_step fail(struct ntlm *n, ntstatus status)
{
    n->state = FAILED;
    n->status = status;
    return NT_SEC_FAILED;
}

static ntstatus status_of_message(enum nt_err err)
{
    return err == NT_E_NOMEM ? NT_STATUS(NO_MEMORY) : NT_STATUS(INVALID_PARAMETER);
}

/* --- messages --- */

static void head_read(struct nt_cursor *c, uint32_t type)
{
    const uint8_t *p = nt_cursor_take(c, sizeof signature);

    if (p != NULL && memcmp(p, signature, sizeof signature) != 0)
        nt_cursor_fail(c, NT_E_MALFORMED);
    if (nt_cursor_u32le(c) != type)
        nt_cursor_fail(c, NT_E_MALFORMED);
}

/* Length, maximum length, offset from the start of the message. An empty field's offset is not
 * looked at: peers put anything there. */
static void field_read(struct nt_cursor *c, struct nt_ntlm_field *out, size_t *first)
{
    uint16_t len = nt_cursor_u16le(c);
    (void)nt_cursor_u16le(c);
    uint32_t at = nt_cursor_u32le(c);

    *out = (struct nt_ntlm_field){ NULL, 0 };
    if (c->err != NT_OK || len == 0)
        return;
    if (at > c->len || len > c->len - at) {
        nt_cursor_fail(c, NT_E_TRUNCATED);
        return;
    }
    *out = (struct nt_ntlm_field){ c->buf + at, len };
    if (at < *first)
        *first = at;
}

enum nt_err nt_ntlm_negotiate_read(const uint8_t *msg, size_t len, uint32_t *flags)
{
    struct nt_cursor c;

    nt_cursor_init(&c, msg, len);
    head_read(&c, TYPE_NEGOTIATE);
    *flags = nt_cursor_u32le(&c);
    return c.err; /* names and version may follow; nothing depends on them */
}

enum nt_err nt_ntlm_challenge_read(const uint8_t *msg, size_t len, struct nt_ntlm_challenge *out)
{
    struct nt_cursor c;
    size_t first = len;

    memset(out, 0, sizeof *out);
    nt_cursor_init(&c, msg, len);
    head_read(&c, TYPE_CHALLENGE);
    field_read(&c, &out->target_name, &first);
    out->flags = nt_cursor_u32le(&c);
    nt_cursor_bytes(&c, out->challenge, sizeof out->challenge);
    nt_cursor_skip(&c, 8); /* Reserved */
    if (out->flags & NT_NTLM_TARGET_INFO)
        field_read(&c, &out->target_info, &first);
    if (c.err == NT_OK && first < c.pos)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    return c.err;
}

enum nt_err nt_ntlm_authenticate_read(const uint8_t *msg, size_t len,
                                      struct nt_ntlm_authenticate *out)
{
    struct nt_cursor c;
    size_t first = len;

    memset(out, 0, sizeof *out);
    nt_cursor_init(&c, msg, len);
    head_read(&c, TYPE_AUTHENTICATE);
    field_read(&c, &out->lm, &first);
    field_read(&c, &out->nt, &first);
    field_read(&c, &out->domain, &first);
    field_read(&c, &out->user, &first);
    field_read(&c, &out->workstation, &first);
    field_read(&c, &out->session_key, &first);
    out->flags = nt_cursor_u32le(&c);
    if (c.err == NT_OK && first < AUTHENTICATE_HEAD)
        nt_cursor_fail(&c, NT_E_MALFORMED);
    /* Nothing says whether version and MIC are there but where the first field begins. */
    if (c.err == NT_OK && first >= AUTHENTICATE_FULL)
        out->mic_at = MIC_AT;
    return c.err;
}

/* A field whose data is put at the end of `b`, its eight bytes at `at`. */
static void field_write(struct nt_buf *b, size_t start, size_t at, const void *data, size_t len)
{
    nt_buf_set_u16le(b, start + at, (uint16_t)len);
    nt_buf_set_u16le(b, start + at + 2, (uint16_t)len);
    nt_buf_set_u32le(b, start + at + 4, (uint32_t)(b->len - start));
    nt_buf_put(b, data, len);
}

/* A UTF-8 name as UTF-16LE bytes in the context's arena. */
static const uint8_t *wide(struct ntlm *n, const char *name, size_t *len)
{
    uint16_t *units;
    size_t count;

    *len = 0;
    if (nt_utf16_from_utf8(&n->names, name, &units, &count) != NT_OK || count > NAME_MAX_LEN / 2)
        return NULL;
    uint8_t *out = nt_arena_alloc(&n->names, count * 2);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        nt_put_le16(out + 2 * i, units[i]);
    *len = count * 2;
    return out;
}

/* --- session security, [MS-NLMP] 3.4 --- */

/* Magic constants of 3.4.5.2 and 3.4.5.3, which count with their NUL. */
static void direction_init(struct direction *d, const struct nt_secret *key, bool to_server)
{
    static const char sign_to_server[] =
        "session key to client-to-server signing key magic constant";
    static const char sign_to_client[] =
        "session key to server-to-client signing key magic constant";
    static const char seal_to_server[] =
        "session key to client-to-server sealing key magic constant";
    static const char seal_to_client[] =
        "session key to server-to-client sealing key magic constant";
    _Static_assert(sizeof sign_to_server == sizeof seal_to_client, "one length");
    const size_t len = sizeof sign_to_server;
    uint8_t seal_key[16];

    nt_md5(NT_PARTS({ key->b, key->len }, { to_server ? sign_to_server : sign_to_client, len }),
           d->sign_key);
    nt_md5(NT_PARTS({ key->b, key->len }, { to_server ? seal_to_server : seal_to_client, len }),
           seal_key);
    nt_rc4_init(&d->seal, seal_key, sizeof seal_key);
    nt_wipe(seal_key, sizeof seal_key);
    d->sequence = 0;
}

/* The signature over parts, [MS-NLMP] 3.4.4.2; moves the direction on. */
static void sign(const struct ntlm *n, struct direction *d, const struct nt_part *parts,
                 size_t count, uint8_t out[NT_NTLM_SIGNATURE_LEN])
{
    struct nt_part all[5];
    uint8_t sequence[4], mac[16];

    assert(count < NT_COUNT(all));
    nt_put_le32(sequence, d->sequence++);
    all[0] = (struct nt_part){ sequence, sizeof sequence };
    for (size_t i = 0; i < count; i++)
        all[i + 1] = parts[i];
    nt_hmac_md5(d->sign_key, sizeof d->sign_key, all, count + 1, mac);
    if (n->flags & NT_NTLM_KEY_EXCH)
        nt_rc4_crypt(&d->seal, mac, 8);
    nt_put_le32(out, 1); /* Version */
    memcpy(out + 4, mac, 8);
    memcpy(out + 12, sequence, 4);
}

bool nt_sec_ntlm_can_sign(const struct nt_sec *s)
{
    const struct ntlm *n = self_const(s);

    return n->state == READY && (n->flags & NT_NTLM_ESS) &&
           (n->flags & (NT_NTLM_SIGN | NT_NTLM_SEAL | NT_NTLM_ALWAYS_SIGN));
}

void nt_sec_ntlm_mic(struct nt_sec *s, const uint8_t *data, size_t len,
                     uint8_t out[NT_NTLM_SIGNATURE_LEN])
{
    struct ntlm *n = self(s);
    struct nt_rc4 before = n->out.seal;

    sign(n, &n->out, (const struct nt_part[]){ { data, len } }, 1, out);
    n->out.seal = before;
    nt_rc4_wipe(&before);
}

enum nt_err nt_sec_ntlm_mic_check(struct nt_sec *s, const uint8_t *data, size_t len,
                                  const uint8_t *mic, size_t mic_len)
{
    struct ntlm *n = self(s);
    struct nt_rc4 before = n->in.seal;
    uint8_t expected[NT_NTLM_SIGNATURE_LEN];

    sign(n, &n->in, (const struct nt_part[]){ { data, len } }, 1, expected);
    n->in.seal = before;
    nt_rc4_wipe(&before);
    return mic_len == sizeof expected && nt_ct_equal(expected, mic, mic_len) ? NT_OK : NT_E_AUTH;
}

static size_t ntlm_token_size(const struct nt_sec *s, enum nt_auth_level level)
{
    (void)s;
    return level >= NT_LEVEL_CALL ? NT_NTLM_SIGNATURE_LEN : 0;
}

static enum nt_err may_protect(const struct nt_sec *s, enum nt_auth_level level)
{
    if (!nt_sec_ntlm_can_sign(s))
        return NT_E_STATE;
    return level == NT_LEVEL_PRIVACY && !(self_const(s)->flags & NT_NTLM_SEAL) ? NT_E_STATE : NT_OK;
}

/* With extended session security NTLMSSP covers the PDU's header and trailer in any case: peers do
 * so whether header signing was negotiated or not. */
static enum nt_err ntlm_protect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                const uint8_t *head, size_t head_len, uint8_t *stub,
                                size_t stub_len, const uint8_t *trailer, uint8_t *token)
{
    struct ntlm *n = self(s);
    enum nt_err err = may_protect(s, level);

    (void)sign_header;
    if (err != NT_OK)
        return err;
    const struct nt_part parts[] = { { head, head_len }, { stub, stub_len }, { trailer, 8 } };
    if (level == NT_LEVEL_PRIVACY) {
        /* The MAC is of the plain text, its encryption comes after the message's: so it is made
         * first and encrypted last. */
        uint32_t agreed = n->flags;
        n->flags &= ~NT_NTLM_KEY_EXCH;
        sign(n, &n->out, parts, NT_COUNT(parts), token);
        n->flags = agreed;
        nt_rc4_crypt(&n->out.seal, stub, stub_len);
        if (n->flags & NT_NTLM_KEY_EXCH)
            nt_rc4_crypt(&n->out.seal, token + 4, 8);
    } else {
        sign(n, &n->out, parts, NT_COUNT(parts), token);
    }
    return NT_OK;
}

static enum nt_err ntlm_unprotect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                                  const uint8_t *head, size_t head_len, uint8_t *stub,
                                  size_t stub_len, const uint8_t *trailer, const uint8_t *token,
                                  size_t token_len)
{
    struct ntlm *n = self(s);
    uint8_t expected[NT_NTLM_SIGNATURE_LEN];
    enum nt_err err = may_protect(s, level);

    (void)sign_header;
    if (err != NT_OK)
        return err;
    if (level == NT_LEVEL_PRIVACY)
        nt_rc4_crypt(&n->in.seal, stub, stub_len);
    const struct nt_part parts[] = { { head, head_len }, { stub, stub_len }, { trailer, 8 } };
    sign(n, &n->in, parts, NT_COUNT(parts), expected);
    if (token_len == sizeof expected && nt_ct_equal(expected, token, token_len))
        return NT_OK;
    /* The key stream has moved: nothing that follows could be right. */
    fail(n, NT_STATUS(ACCESS_DENIED));
    return NT_E_AUTH;
}

static const struct nt_secret *ntlm_session_key(const struct nt_sec *s)
{
    const struct ntlm *n = self_const(s);
    return n->state == READY ? &n->key : NULL;
}

static ntstatus ntlm_status(const struct nt_sec *s)
{
    return self_const(s)->status;
}

static const struct nt_sec_question *ntlm_question(const struct nt_sec *s)
{
    const struct ntlm *n = self_const(s);
    return n->state == SERVER_ANSWER ? &n->question : NULL;
}

static void ntlm_free(struct nt_sec *s)
{
    struct ntlm *n = self(s);

    if (n == NULL)
        return;
    nt_buf_free(&n->transcript);
    nt_arena_free(&n->names);
    nt_wipe(n, sizeof *n);
    free(n);
}

/* HMAC-MD5 over the three messages, the third with its MIC field zeroed. [MS-NLMP] 3.1.5.1.2 */
static void message_mic(const struct ntlm *n, uint8_t out[MIC_LEN])
{
    static const uint8_t zero[MIC_LEN];
    const uint8_t *all = n->transcript.data;
    size_t mic = n->negotiate_len + n->challenge_len + MIC_AT;

    nt_hmac_md5(n->key.b, n->key.len,
                NT_PARTS({ all, mic }, { zero, MIC_LEN },
                         { all + mic + MIC_LEN, n->transcript.len - mic - MIC_LEN }),
                out);
}

/* Names and messages have served: an idle association keeps only what it signs with. */
static void become_ready(struct ntlm *n, bool server)
{
    direction_init(&n->out, &n->key, !server);
    direction_init(&n->in, &n->key, server);
    nt_buf_free(&n->transcript);
    nt_arena_free(&n->names);
    memset(&n->auth, 0, sizeof n->auth);
    memset(&n->question, 0, sizeof n->question);
    nt_secret_wipe(&n->nt_hash);
    n->state = READY;
}

/* --- server --- */

static void target_info_write(struct ntlm *n, struct nt_buf *b)
{
    const struct {
        enum nt_av_id id;
        const char *name;
    } names[] = {
        { NT_AV_NB_DOMAIN, n->domain },
        { NT_AV_NB_COMPUTER, n->computer },
        { NT_AV_DNS_DOMAIN, n->dns_domain },
        { NT_AV_DNS_COMPUTER, n->dns_computer },
    };
    uint8_t now[8];
    size_t len;

    for (size_t i = 0; i < NT_COUNT(names); i++) {
        const uint8_t *w = wide(n, names[i].name, &len);
        if (w == NULL)
            nt_buf_fail(b, NT_E_NOMEM);
        nt_av_put(b, names[i].id, w, (uint16_t)len);
    }
    nt_put_le64(now, nt_now(n->env));
    nt_av_put(b, NT_AV_TIMESTAMP, now, sizeof now);
    nt_av_put(b, NT_AV_EOL, NULL, 0);
}

/* [MS-NLMP] 2.2.1.2, 3.2.5.1.1 */
static enum nt_err challenge_write(struct ntlm *n, struct nt_buf *b)
{
    size_t start = b->len, len;
    const uint8_t *target = wide(n, n->domain, &len);

    if (target == NULL)
        return NT_E_NOMEM;
    nt_buf_put(b, signature, sizeof signature);
    nt_buf_u32le(b, TYPE_CHALLENGE);
    nt_buf_zero(b, 8); /* TargetNameFields */
    nt_buf_u32le(b, n->flags);
    nt_buf_put(b, n->challenge, sizeof n->challenge);
    nt_buf_zero(b, 8 + 8); /* Reserved, TargetInfoFields */
    nt_buf_put(b, version, sizeof version);
    if (b->err != NT_OK)
        return b->err;
    field_write(b, start, 12, target, len);

    size_t info = b->len;
    target_info_write(n, b);
    if (b->err != NT_OK)
        return b->err;
    nt_buf_set_u16le(b, start + 40, (uint16_t)(b->len - info));
    nt_buf_set_u16le(b, start + 42, (uint16_t)(b->len - info));
    nt_buf_set_u32le(b, start + 44, (uint32_t)(info - start));
    return NT_OK;
}

static enum nt_sec_step take_negotiate(struct ntlm *n, const uint8_t *in, size_t len,
                                       struct nt_buf *out)
{
    uint32_t offered;
    enum nt_err err = nt_ntlm_negotiate_read(in, len, &offered);

    if (err != NT_OK)
        return fail(n, status_of_message(err));
    if ((offered & FLAGS_NEEDED) != FLAGS_NEEDED)
        return fail(n, NT_STATUS(DOWNGRADE_DETECTED));
    n->flags = FLAGS_NEEDED | (offered & FLAGS_OPTIONAL) | NT_NTLM_TARGET_INFO |
               NT_NTLM_TARGET_DOMAIN | NT_NTLM_ALWAYS_SIGN | NT_NTLM_VERSION;
    nt_random(n->env, n->challenge, sizeof n->challenge);

    size_t start = out->len;
    err = challenge_write(n, out);
    if (err == NT_OK) {
        nt_buf_put(&n->transcript, in, len);
        nt_buf_put(&n->transcript, out->data + start, out->len - start);
        err = n->transcript.err;
    }
    if (err != NT_OK)
        return fail(n, NT_STATUS(NO_MEMORY));
    n->negotiate_len = len;
    n->challenge_len = out->len - start;
    n->state = SERVER_AUTHENTICATE;
    return NT_SEC_CONTINUE;
}

/* A name of the message as UTF-8 in the arena; NULL: not text, or too long. */
static const char *name_of(struct ntlm *n, const struct nt_ntlm_field *f)
{
    char *text;

    if (f->len > NAME_MAX_LEN || nt_utf8_from_utf16le(&n->names, f->data, f->len, &text) != NT_OK)
        return NULL;
    return text;
}

static enum nt_sec_step take_authenticate(struct ntlm *n, const uint8_t *in, size_t len)
{
    struct nt_ntlm_authenticate *a = &n->auth;
    struct nt_sec_question *q = &n->question;

    /* Kept whole: the question and the MIC look at it until the answer comes. */
    size_t start = n->transcript.len;
    nt_buf_put(&n->transcript, in, len);
    if (n->transcript.err != NT_OK)
        return fail(n, NT_STATUS(NO_MEMORY));
    enum nt_err err = nt_ntlm_authenticate_read(n->transcript.data + start, len, a);
    if (err != NT_OK)
        return fail(n, status_of_message(err));

    /* [MS-NLMP] 3.2.5.1.2: neither a name nor an answer; LM may be one zero byte. */
    n->anonymous = a->user.len == 0 && a->nt.len == 0 && a->lm.len <= 1;
    uint32_t kept = n->flags & FLAGS_KEPT;
    if (n->anonymous) /* peers drop it, having no key that would be worth anything */
        kept &= ~NT_NTLM_ESS;
    if ((a->flags & kept) != kept)
        return fail(n, NT_STATUS(LOGON_FAILURE));
    n->flags &= a->flags | ~FLAGS_KEPT;
    if ((n->flags & NT_NTLM_KEY_EXCH) && a->session_key.len != 16)
        return fail(n, NT_STATUS(INVALID_PARAMETER));

    q->type = NT_AUTH_NTLM;
    q->anonymous = n->anonymous;
    q->domain = name_of(n, &a->domain);
    q->user = name_of(n, &a->user);
    q->computer = name_of(n, &a->workstation);
    if (q->domain == NULL || q->user == NULL || q->computer == NULL)
        return fail(n, NT_STATUS(INVALID_PARAMETER));
    q->challenge = n->challenge;
    q->nt = a->nt.data;
    q->nt_len = a->nt.len;
    q->lm = a->lm.data;
    q->lm_len = a->lm.len;
    n->state = SERVER_ANSWER;
    return NT_SEC_ASK;
}

/* KXKEY is the session base key with NTLMv2; [MS-NLMP] 3.4.5.1, 3.2.5.1.2. */
static void exported_key(struct ntlm *n, const struct nt_secret *base_key)
{
    if (n->flags & NT_NTLM_KEY_EXCH) {
        n->key.len = 16;
        nt_ntlm_key_exchange(base_key, n->auth.session_key.data, n->key.b);
    } else {
        n->key = *base_key;
    }
}

static enum nt_sec_step ntlm_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                    struct nt_buf *out)
{
    static const struct nt_secret no_key = { .len = 16 };
    struct ntlm *n = self(s);
    const struct nt_secret *base_key = n->anonymous ? &no_key : &answer->key;

    (void)out;
    if (n->state != SERVER_ANSWER)
        return fail(n, NT_STATUS(INTERNAL_ERROR));
    if (!nt_status_is(answer->status, NT_STATUS(SUCCESS)))
        return fail(n, answer->status);
    if (base_key->len != 16)
        return fail(n, NT_STATUS(INTERNAL_ERROR));
    exported_key(n, base_key);

    /* The flag stands in the part that the user's key has signed: nobody could take it away, and
     * where it stands the MIC must be there and right (CVE-2019-1040). */
    if (nt_ntlmv2_flags(n->auth.nt.data, n->auth.nt.len) & NT_AV_FLAG_MIC) {
        uint8_t mic[MIC_LEN];
        const uint8_t *sent = n->transcript.data + n->negotiate_len + n->challenge_len + MIC_AT;
        if (n->auth.mic_at == 0)
            return fail(n, NT_STATUS(LOGON_FAILURE));
        message_mic(n, mic);
        if (!nt_ct_equal(mic, sent, sizeof mic))
            return fail(n, NT_STATUS(LOGON_FAILURE));
    }
    become_ready(n, true);
    return NT_SEC_DONE;
}

static enum nt_sec_step server_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                    struct nt_buf *out)
{
    struct ntlm *n = self(s);

    if (len > NT_SEC_MAX_TOKEN)
        return fail(n, NT_STATUS(INVALID_PARAMETER));
    if (n->state == SERVER_CHALLENGE)
        return take_negotiate(n, in, len, out);
    if (n->state == SERVER_AUTHENTICATE)
        return take_authenticate(n, in, len);
    return fail(n, n->state == FAILED ? n->status : NT_STATUS(INVALID_PARAMETER));
}

/* --- client --- */

static enum nt_sec_step put_negotiate(struct ntlm *n, struct nt_buf *out)
{
    size_t start = out->len;

    n->flags = FLAGS_NEEDED | NT_NTLM_REQUEST_TARGET | NT_NTLM_SIGN | NT_NTLM_ALWAYS_SIGN |
               NT_NTLM_KEY_EXCH | NT_NTLM_VERSION | (n->seal ? NT_NTLM_SEAL : 0);
    nt_buf_put(out, signature, sizeof signature);
    nt_buf_u32le(out, TYPE_NEGOTIATE);
    nt_buf_u32le(out, n->flags);
    for (int i = 0; i < 2; i++) { /* DomainNameFields, WorkstationFields: none */
        nt_buf_u32le(out, 0);
        nt_buf_u32le(out, NEGOTIATE_LEN);
    }
    nt_buf_put(out, version, sizeof version);
    if (out->err == NT_OK)
        nt_buf_put(&n->transcript, out->data + start, out->len - start);
    if (out->err != NT_OK || n->transcript.err != NT_OK)
        return fail(n, NT_STATUS(NO_MEMORY));
    n->negotiate_len = NEGOTIATE_LEN;
    n->state = CLIENT_AUTHENTICATE;
    return NT_SEC_CONTINUE;
}

/* The server's AV pairs with our flags before the end mark. */
static void own_target_info(const struct nt_ntlm_challenge *c, struct nt_buf *b)
{
    uint8_t flags[4];

    if (c->target_info.len == 0)
        return;
    nt_put_le32(flags, NT_AV_FLAG_MIC);
    struct nt_cursor pairs;
    nt_cursor_init(&pairs, c->target_info.data, c->target_info.len);
    for (;;) { /* well formed: nt_av_list_ok() has been asked */
        enum nt_av_id id = (enum nt_av_id)nt_cursor_u16le(&pairs);
        uint16_t len = nt_cursor_u16le(&pairs);
        const uint8_t *value = nt_cursor_take(&pairs, len);
        if (pairs.err != NT_OK || id == NT_AV_EOL)
            break;
        if (id != NT_AV_FLAGS)
            nt_av_put(b, id, value, len);
    }
    nt_av_put(b, NT_AV_FLAGS, flags, sizeof flags);
    nt_av_put(b, NT_AV_EOL, NULL, 0);
}

/* NT response, session base key, and from it the exported key with its encrypted form. */
static enum nt_err client_answer(struct ntlm *n, const struct nt_ntlm_challenge *c,
                                 struct nt_buf *nt, uint8_t encrypted_key[16])
{
    NT_SCOPED_SECRET base_key = { .len = 16 };
    enum nt_err err = NT_OK;

    if (!n->anonymous) {
        struct nt_buf info;
        uint8_t client_challenge[8];
        size_t time_len;
        const uint8_t *t =
            nt_av_find(c->target_info.data, c->target_info.len, NT_AV_TIMESTAMP, &time_len);
        nt_time when = t != NULL && time_len == 8 ? nt_le64(t) : nt_now(n->env);

        nt_random(n->env, client_challenge, sizeof client_challenge);
        nt_buf_init(&info, NT_SEC_MAX_TOKEN);
        own_target_info(c, &info);
        err = info.err;
        if (err == NT_OK)
            err = nt_ntlmv2_respond(&n->nt_hash, n->user, n->domain, c->challenge, client_challenge,
                                    when, info.data, info.len, nt, &base_key);
        nt_buf_free(&info);
        if (err != NT_OK)
            return err;
    }
    n->key.len = 16;
    nt_random(n->env, n->key.b, 16);
    nt_ntlm_key_exchange(&base_key, n->key.b, encrypted_key);
    return err;
}

/* [MS-NLMP] 2.2.1.3, 3.1.5.1.2 */
static enum nt_err authenticate_write(struct ntlm *n, const struct nt_ntlm_challenge *c,
                                      struct nt_buf *b)
{
    static const uint8_t no_lm[NT_NTLMV2_LM_LEN]; /* Z(24): [MS-NLMP] 3.1.5.1.2 */
    uint8_t encrypted_key[16];
    struct nt_buf nt;
    size_t start = b->len, domain_len, user_len, computer_len;
    const uint8_t *domain = wide(n, n->anonymous ? "" : n->domain, &domain_len);
    const uint8_t *user = wide(n, n->user, &user_len);
    const uint8_t *computer = wide(n, n->anonymous ? "" : n->computer, &computer_len);

    if (domain == NULL || user == NULL || computer == NULL)
        return NT_E_INVALID;
    nt_buf_init(&nt, NT_SEC_MAX_TOKEN);
    enum nt_err err = client_answer(n, c, &nt, encrypted_key);
    if (err == NT_OK) {
        nt_buf_put(b, signature, sizeof signature);
        nt_buf_u32le(b, TYPE_AUTHENTICATE);
        nt_buf_zero(b, 6 * 8);
        nt_buf_u32le(b, n->flags | (n->anonymous ? NT_NTLM_ANONYMOUS : 0));
        nt_buf_put(b, version, sizeof version);
        nt_buf_zero(b, MIC_LEN);
        err = b->err;
    }
    if (err == NT_OK) {
        field_write(b, start, 12, no_lm, n->anonymous ? 0 : sizeof no_lm);
        field_write(b, start, 20, nt.data, nt.len);
        field_write(b, start, 28, domain, domain_len);
        field_write(b, start, 36, user, user_len);
        field_write(b, start, 44, computer, computer_len);
        field_write(b, start, 52, encrypted_key, sizeof encrypted_key);
        err = b->err;
    }
    nt_buf_free(&nt);
    return err;
}

static enum nt_sec_step take_challenge(struct ntlm *n, const uint8_t *in, size_t len,
                                       struct nt_buf *out)
{
    struct nt_ntlm_challenge c;
    enum nt_err err = nt_ntlm_challenge_read(in, len, &c);

    if (err == NT_OK && c.target_info.len > 0 &&
        !nt_av_list_ok(c.target_info.data, c.target_info.len))
        err = NT_E_MALFORMED;
    if (err != NT_OK)
        return fail(n, NT_STATUS(INVALID_NETWORK_RESPONSE));
    uint32_t wanted = n->flags & FLAGS_KEPT;
    if ((c.flags & wanted) != wanted)
        return fail(n, NT_STATUS(DOWNGRADE_DETECTED));

    size_t start = out->len;
    err = authenticate_write(n, &c, out);
    if (err == NT_OK) {
        nt_buf_put(&n->transcript, in, len);
        nt_buf_put(&n->transcript, out->data + start, out->len - start);
        err = n->transcript.err;
    }
    if (err != NT_OK)
        return fail(n, err == NT_E_NOMEM || err == NT_E_LIMIT ? NT_STATUS(NO_MEMORY)
                                                              : NT_STATUS(INVALID_PARAMETER));
    n->challenge_len = len;
    message_mic(n, out->data + start + MIC_AT);
    become_ready(n, false);
    return NT_SEC_DONE;
}

static enum nt_sec_step client_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                    struct nt_buf *out)
{
    struct ntlm *n = self(s);

    if (n->state == CLIENT_NEGOTIATE)
        return put_negotiate(n, out);
    if (n->state == CLIENT_AUTHENTICATE && len <= NT_SEC_MAX_TOKEN)
        return take_challenge(n, in, len, out);
    return fail(n, n->state == FAILED ? n->status : NT_STATUS(INVALID_NETWORK_RESPONSE));
}

static enum nt_sec_step client_no_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                         struct nt_buf *out)
{
    (void)answer;
    (void)out;
    return fail(self(s), NT_STATUS(INTERNAL_ERROR));
}

static const struct nt_sec_ops server_ops = {
    .step = server_step,
    .question = ntlm_question,
    .answer = ntlm_answer,
    .token_size = ntlm_token_size,
    .protect = ntlm_protect,
    .unprotect = ntlm_unprotect,
    .session_key = ntlm_session_key,
    .status = ntlm_status,
    .free = ntlm_free,
};

static const struct nt_sec_ops client_ops = {
    .step = client_step,
    .question = ntlm_question,
    .answer = client_no_answer,
    .token_size = ntlm_token_size,
    .protect = ntlm_protect,
    .unprotect = ntlm_unprotect,
    .session_key = ntlm_session_key,
    .status = ntlm_status,
    .free = ntlm_free,
};

bool nt_sec_is_ntlm(const struct nt_sec *s)
{
    return s->ops == &server_ops || s->ops == &client_ops;
}

static struct ntlm *ntlm_new(const struct nt_sec_ops *ops, const struct nt_env *env)
{
    struct ntlm *n = calloc(1, sizeof *n);

    if (n == NULL)
        return NULL;
    n->base.ops = ops;
    n->env = env;
    n->status = NT_STATUS(SUCCESS);
    nt_arena_init(&n->names, 32768);
    nt_buf_init(&n->transcript, 3 * NT_SEC_MAX_TOKEN);
    return n;
}

/* An absent name is an empty one. */
static const char *keep(struct ntlm *n, const char *name)
{
    return nt_arena_strdup(&n->names, name != NULL ? name : "");
}

struct nt_sec *nt_sec_ntlm_server(const struct nt_ntlm_server_config *config)
{
    struct ntlm *n = ntlm_new(&server_ops, config->env);

    if (n == NULL)
        return NULL;
    n->state = SERVER_CHALLENGE;
    n->domain = keep(n, config->domain);
    n->computer = keep(n, config->computer);
    n->dns_domain = keep(n, config->dns_domain);
    n->dns_computer = keep(n, config->dns_computer);
    if (n->domain == NULL || n->computer == NULL || n->dns_domain == NULL ||
        n->dns_computer == NULL) {
        ntlm_free(&n->base);
        return NULL;
    }
    return &n->base;
}

struct nt_sec *nt_sec_ntlm_client(const struct nt_ntlm_client_config *config)
{
    struct ntlm *n = ntlm_new(&client_ops, config->env);

    if (n == NULL)
        return NULL;
    n->state = CLIENT_NEGOTIATE;
    n->domain = keep(n, config->domain);
    n->user = keep(n, config->user);
    n->computer = keep(n, config->computer);
    if (n->domain == NULL || n->user == NULL || n->computer == NULL) {
        ntlm_free(&n->base);
        return NULL;
    }
    if (config->nt_hash != NULL)
        n->nt_hash = *config->nt_hash;
    n->anonymous = n->user[0] == '\0' && n->nt_hash.len == 0;
    n->seal = config->seal;
    return &n->base;
}
