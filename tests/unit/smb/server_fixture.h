/*
 * server_fixture.h - a client of the SMB server machine made by hand, with a toy security context
 * (secure against nobody) and an owner that answers as the test says. For tests and fuzzers.
 */
#ifndef NT_TEST_SMB_SERVER_FIXTURE_H
#define NT_TEST_SMB_SERVER_FIXTURE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/smb.h"
#include "smb/msg.h"
#include "smb/server.h"

#define FIXTURE __attribute__((unused)) static

/* --- the toy context: "hi", "who?", a name (none: anonymous), "welcome" --- */

struct toy {
    struct nt_sec base;
    int leg;
    char user[32];
    struct nt_sec_question question;
    struct nt_secret key;
    ntstatus status;
};

static int toy_live; /* contexts not freed yet */

static enum nt_sec_step toy_fail(struct toy *t, ntstatus status)
{
    t->status = status;
    return NT_SEC_FAILED;
}

static enum nt_sec_step toy_step(struct nt_sec *s, const uint8_t *in, size_t len,
                                 struct nt_buf *out)
{
    struct toy *t = (struct toy *)s;

    if (t->leg == 0 && len == 2 && memcmp(in, "hi", 2) == 0) {
        t->leg = 1;
        nt_buf_put(out, "who?", 4);
        return NT_SEC_CONTINUE;
    }
    if (t->leg != 1 || len >= sizeof t->user)
        return toy_fail(t, NT_STATUS(INVALID_PARAMETER));
    t->leg = 2;
    if (len > 0)
        memcpy(t->user, in, len);
    t->question = (struct nt_sec_question){ .type = NT_AUTH_NTLM,
                                            .anonymous = len == 0,
                                            .domain = "EAST",
                                            .user = t->user,
                                            .computer = "PC1" };
    return NT_SEC_ASK;
}

static const struct nt_sec_question *toy_question(const struct nt_sec *s)
{
    return &((const struct toy *)s)->question;
}

static enum nt_sec_step toy_answer(struct nt_sec *s, const struct nt_sec_answer *answer,
                                   struct nt_buf *out)
{
    struct toy *t = (struct toy *)s;

    if (!nt_status_ok(answer->status))
        return toy_fail(t, answer->status);
    t->key = answer->key;
    nt_buf_put(out, "welcome", 7);
    return NT_SEC_DONE;
}

static const struct nt_secret *toy_session_key(const struct nt_sec *s)
{
    const struct toy *t = (const struct toy *)s;
    return t->key.len > 0 ? &t->key : NULL;
}

static ntstatus toy_status(const struct nt_sec *s)
{
    return ((const struct toy *)s)->status;
}

static void toy_free(struct nt_sec *s)
{
    toy_live--;
    free(s);
}

static const struct nt_sec_ops toy_ops = {
    .step = toy_step,
    .question = toy_question,
    .answer = toy_answer,
    .session_key = toy_session_key,
    .status = toy_status,
    .free = toy_free,
};

static struct nt_sec *toy_make(void *ctx)
{
    (void)ctx;
    struct toy *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->base.ops = &toy_ops;
    toy_live++;
    return &t->base;
}

/* --- the environment --- */

static nt_time fixture_now(void *ctx)
{
    (void)ctx;
    return UINT64_C(133000000000000000);
}

static void fixture_random(void *ctx, void *to, size_t len)
{
    uint64_t *seed = ctx;
    for (size_t i = 0; i < len; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ((uint8_t *)to)[i] = (uint8_t)(*seed >> 56);
    }
}

static const char *const fixture_pipes[] = { "lsarpc", "netlogon", "samr", NULL };

/* --- the peer --- */

struct peer_session {
    uint64_t id;
    uint32_t tree;
    struct nt_smb2_fid fid; /* of the pipe opened last */
    struct nt_smb_keys keys;
    bool has_keys;
    uint64_t nonce;
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
};

struct peer {
    uint64_t seed;
    struct nt_env env;
    struct nt_smb_server *m;
    uint64_t now_ms;
    size_t cut;            /* bytes fed at once; 0: all */
    struct nt_buf *record; /* gets all bytes fed; NULL: none */

    /* the owner */
    int callers; /* given out and not given back */
    bool silent; /* ASK is not answered at once */
    uint32_t ask_id;
    ntstatus say;               /* the answer to ASK */
    bool keyless;               /* without a key */
    bool echo;                  /* what is written to a pipe comes back as one message */
    bool keep;                  /* DATA is taken by halves, and then held */
    struct nt_smb_event opened; /* the last one */
    struct nt_secret opened_key;
    unsigned opens, closes;
    uint32_t closed_pipe;
    uint8_t data[4096]; /* written bytes, as they came */
    size_t data_len;

    /* the client */
    uint16_t dialect;
    uint16_t cipher, signing; /* what 3.1.1 agreed on */
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
    struct nt_smb2_negotiate_rsp negotiated;
    uint64_t message_id;
    uint16_t charge;    /* CreditCharge of the next request; 0: 1 */
    bool sign, encrypt; /* how the next requests are sent */
    bool spoil;         /* the next signature or encryption is wrong */
    struct peer_session first, second;
    struct peer_session *s; /* the one that requests are sent in */
    struct nt_buf b;        /* the message being built */
    size_t part_at;
    struct nt_buf frame; /* the last one received, decrypted */
    size_t frame_at;     /* the next response in it */
    bool frame_encrypted;
    struct nt_smb2_header h; /* of the response taken last */
    const uint8_t *msg;
    size_t len;
};

FIXTURE void owner_caller_free(void *ctx, void *caller)
{
    struct peer *p = ctx;
    (void)caller;
    p->callers--;
}

FIXTURE void owner_answer(struct peer *p, uint32_t ask_id)
{
    struct nt_sec_answer answer = { .status = p->say };

    if (nt_status_ok(p->say)) {
        answer.caller = &p->callers;
        answer.key.len = p->keyless ? 0 : 16;
        memset(answer.key.b, 0x5A, 16);
        p->callers++;
    }
    if (nt_smb_server_answer(p->m, ask_id, &answer) != NT_OK && answer.caller != NULL)
        p->callers--;
}

FIXTURE void owner_data(struct peer *p, const struct nt_smb_event *ev)
{
    size_t n = p->keep ? (ev->len + 1) / 2 : ev->len;
    size_t room = sizeof p->data - p->data_len;

    memcpy(p->data + p->data_len, ev->data, n < room ? n : room);
    p->data_len += n < room ? n : room;
    if (p->keep)
        nt_smb_server_pipe_took(p->m, ev->pipe, n);
    if (p->echo)
        (void)nt_smb_server_pipe_put(p->m, ev->pipe, ev->data, n);
}

FIXTURE unsigned owner_turn(struct peer *p)
{
    struct nt_smb_event ev;
    unsigned count = 0;

    while (nt_smb_server_next(p->m, &ev)) {
        count++;
        switch (ev.kind) {
        case NT_SMB_ASK:
            p->ask_id = ev.ask_id;
            if (!p->silent)
                owner_answer(p, ev.ask_id);
            break;
        case NT_SMB_OPEN:
            p->opened = ev;
            p->opened_key = ev.session_key != NULL ? *ev.session_key : (struct nt_secret){ 0 };
            p->opens++;
            break;
        case NT_SMB_DATA:
            owner_data(p, &ev);
            break;
        case NT_SMB_CLOSE:
            p->closes++;
            p->closed_pipe = ev.pipe;
            break;
        }
    }
    return count;
}

FIXTURE bool peer_open(struct peer *p, const struct nt_smb_limits *limits)
{
    memset(p, 0, sizeof *p);
    p->seed = 1;
    p->env = (struct nt_env){ .now = fixture_now, .random = fixture_random, .ctx = &p->seed };
    p->now_ms = 1000;
    p->say = NT_STATUS(SUCCESS);
    p->s = &p->first;
    p->signing = NT_SMB_AES_CMAC;
    const struct nt_smb_server_config config = {
        .guid = { 0x11, 0x22, 0x33 },
        .env = &p->env,
        .pipes = fixture_pipes,
        .make_sec = toy_make,
        .caller_free = owner_caller_free,
        .ctx = p,
        .limits = limits != NULL ? *limits : nt_smb_limits_default,
    };
    nt_buf_init(&p->b, 1u << 20);
    nt_buf_init(&p->frame, 1u << 22);
    p->m = nt_smb_server_new(&config, p->now_ms);
    return p->m != NULL;
}

FIXTURE void peer_close(struct peer *p)
{
    nt_smb_server_free(p->m);
    nt_buf_free(&p->b);
    nt_buf_free(&p->frame);
    assert(p->callers == 0 && toy_live == 0);
}

FIXTURE bool peer_closed(const struct peer *p)
{
    return nt_smb_server_closed(p->m, NULL);
}

FIXTURE void peer_feed(struct peer *p, const uint8_t *data, size_t len)
{
    size_t step = p->cut > 0 ? p->cut : len;

    if (p->record != NULL)
        nt_buf_put(p->record, data, len);
    for (size_t off = 0; off < len;) {
        size_t n = len - off < step ? len - off : step;
        uint8_t *exact = malloc(n); /* so that a read past the end is noticed */
        assert(exact != NULL);
        memcpy(exact, data + off, n);
        size_t took = nt_smb_server_feed(p->m, exact, n, p->now_ms);
        free(exact);
        assert(took <= n);
        off += took;
        if (owner_turn(p) == 0 && took == 0)
            return;
    }
}

/* --- building requests --- */

static void peer_finish_part(struct peer *p, bool more)
{
    if (p->b.len == 0)
        return;
    if (more) {
        nt_buf_zero(&p->b, (8 - (p->b.len - p->part_at) % 8) % 8);
        nt_buf_set_u32le(&p->b, p->part_at + 20, (uint32_t)(p->b.len - p->part_at));
    }
    if (p->sign && !p->encrypt) {
        uint8_t *part = p->b.data + p->part_at;
        nt_put_le32(part + 16, nt_le32(part + 16) | NT_SMB2_FLAG_SIGNED);
        nt_smb_sign(&p->s->keys, part, p->b.len - p->part_at, false);
        part[48] ^= p->spoil;
    }
}

/* Begins a request, which may follow others in a compound; the caller writes its body to p->b. */
FIXTURE struct nt_buf *peer_part(struct peer *p, uint16_t command, uint32_t flags)
{
    struct nt_smb2_header h = {
        .credit_charge = p->charge > 0 ? p->charge : 1,
        .command = command,
        .credits = 8,
        .flags = flags,
        .message_id = p->message_id,
        .tree_id = p->s->tree,
        .session_id = p->s->id,
    };

    peer_finish_part(p, true);
    if ((flags & NT_SMB2_FLAG_RELATED) != 0) {
        h.tree_id = UINT32_MAX;
        h.session_id = UINT64_MAX;
    }
    if (command != NT_SMB2_CANCEL)
        p->message_id += h.credit_charge;
    p->charge = 0;
    p->part_at = p->b.len;
    nt_smb2_header_write(&p->b, &h);
    return &p->b;
}

FIXTURE void peer_frame(struct peer *p, const uint8_t *msg, size_t len)
{
    uint8_t head[NT_SMB_FRAME_LEN];
    struct nt_buf out;

    nt_buf_init(&out, 1u << 21);
    nt_smb_frame_write(head, (uint32_t)len);
    nt_buf_put(&out, head, sizeof head);
    nt_buf_put(&out, msg, len);
    assert(out.err == NT_OK);
    peer_feed(p, out.data, out.len);
    nt_buf_free(&out);
}

FIXTURE void peer_send(struct peer *p)
{
    struct nt_buf out;

    peer_finish_part(p, false);
    assert(p->b.err == NT_OK);
    nt_buf_init(&out, 1u << 21);
    if (p->encrypt) {
        struct nt_smb2_transform t = { .flags = 1,
                                       .size = (uint32_t)p->b.len,
                                       .session_id = p->s->id };
        nt_put_le64(t.nonce, ++p->s->nonce);
        nt_smb2_transform_write(&out, &t);
    }
    nt_buf_put(&out, p->b.data, p->b.len);
    if (p->encrypt) {
        nt_smb_encrypt(&p->s->keys, out.data, out.len);
        out.data[out.len - 1] ^= p->spoil;
    }
    peer_frame(p, out.data, out.len);
    nt_buf_free(&out);
    nt_buf_clear(&p->b);
}

/* --- taking responses --- */

static bool peer_next_frame(struct peer *p)
{
    const uint8_t *data;
    uint32_t len;
    struct nt_smb2_transform t;

    size_t have = nt_smb_server_pending(p->m, &data);
    if (have == 0)
        return false;
    assert(have >= NT_SMB_FRAME_LEN && nt_smb_frame_read(data, &len));
    assert(have - NT_SMB_FRAME_LEN >= len);
    nt_buf_clear(&p->frame);
    nt_buf_put(&p->frame, data + NT_SMB_FRAME_LEN, len);
    nt_smb_server_sent(p->m, NT_SMB_FRAME_LEN + len);
    p->frame_at = 0;
    p->frame_encrypted = nt_smb_kind(p->frame.data, len) == NT_SMB_KIND_TRANSFORM;
    if (p->frame_encrypted) {
        enum nt_err err = nt_smb2_transform_read(p->frame.data, len, &t);
        assert(err == NT_OK);
        struct peer_session *s = t.session_id == p->second.id ? &p->second : &p->first;
        err = nt_smb_decrypt(&s->keys, p->frame.data, len);
        assert(err == NT_OK);
        p->frame_at = NT_SMB_TRANSFORM_LEN;
    }
    return true;
}

/* The next response, its signature checked if it has one; false: there is none. */
FIXTURE bool peer_take(struct peer *p)
{
    if (p->frame_at >= p->frame.len && !peer_next_frame(p))
        return false;
    p->msg = p->frame.data + p->frame_at;
    p->len = p->frame.len - p->frame_at;
    enum nt_err err = nt_smb2_header_read(p->msg, p->len, &p->h);
    assert(err == NT_OK && (p->h.flags & NT_SMB2_FLAG_RESPONSE) != 0);
    if (p->h.next != 0)
        p->len = p->h.next;
    p->frame_at += p->len;
    if ((p->h.flags & NT_SMB2_FLAG_SIGNED) != 0) {
        struct peer_session *s = p->h.session_id == p->second.id ? &p->second : &p->first;
        if (s->has_keys) {
            err = nt_smb_sign_check(&s->keys, p->msg, p->len, true);
            assert(err == NT_OK);
        }
    }
    return true;
}

/* --- what every test needs first --- */

FIXTURE void peer_send_negotiate(struct peer *p, const uint16_t *dialects, size_t count)
{
    static const uint8_t salt[32] = { 7 };
    struct nt_smb2_negotiate_req req = {
        .security_mode = NT_SMB2_SIGNING_ENABLED,
        .capabilities = NT_SMB2_CAP_ENCRYPTION | NT_SMB2_CAP_LARGE_MTU,
        .guid = { 9, 9, 9 },
        .dialect_count = count,
        .contexts = { .has_preauth = true,
                      .hashes = { NT_SMB2_SHA512 },
                      .hash_count = 1,
                      .salt = { salt, sizeof salt },
                      .has_ciphers = p->cipher != 0,
                      .ciphers = { 0x77, p->cipher },
                      .cipher_count = 2,
                      .has_signing = true,
                      .signings = { 0x99, p->signing },
                      .signing_count = 2 },
    };
    memcpy(req.dialects, dialects, count * sizeof dialects[0]);
    nt_smb2_negotiate_req_write(peer_part(p, NT_SMB2_NEGOTIATE, 0), &req);
    nt_smb_preauth_update(p->preauth, p->b.data, p->b.len);
    peer_send(p);
}

/* False: no agreement; p->h tells why. */
FIXTURE bool peer_negotiate(struct peer *p, uint16_t dialect)
{
    peer_send_negotiate(p, &dialect, 1);
    if (!peer_take(p) || !nt_status_ok(p->h.status))
        return false;
    enum nt_err err = nt_smb2_negotiate_rsp_read(p->msg, p->len, &p->negotiated);
    assert(err == NT_OK);
    nt_smb_preauth_update(p->preauth, p->msg, p->len);
    p->dialect = p->negotiated.dialect;
    return true;
}

FIXTURE void peer_send_setup(struct peer *p, const char *token, uint64_t previous, uint8_t flags)
{
    struct nt_smb2_session_setup_req req = {
        .flags = flags,
        .security_mode = NT_SMB2_SIGNING_ENABLED,
        .previous_session = previous,
        .token = { (const uint8_t *)token, strlen(token) },
    };
    nt_smb2_session_setup_req_write(peer_part(p, NT_SMB2_SESSION_SETUP, 0), &req);
    nt_smb_preauth_update(p->s->preauth, p->b.data, p->b.len);
    peer_send(p);
}

/* The keys that the owner's answer makes. */
FIXTURE void peer_derive(struct peer *p)
{
    struct nt_secret key = { .len = 16 };
    enum nt_smb_cipher cipher = NT_SMB_NO_CIPHER;
    enum nt_smb_signing signing = NT_SMB_HMAC_SHA256;

    memset(key.b, 0x5A, 16);
    if (p->dialect >= NT_SMB2_300) {
        cipher = p->dialect == NT_SMB2_311 ? (enum nt_smb_cipher)p->cipher : NT_SMB_AES128_CCM;
        signing = p->dialect == NT_SMB2_311 ? (enum nt_smb_signing)p->signing : NT_SMB_AES_CMAC;
    }
    nt_smb_keys_derive(&p->s->keys, &key, p->dialect, signing, cipher, p->s->preauth, false);
    p->s->has_keys = true;
}

/* A session in *p->s; "" is nobody. The status is in p->h. */
FIXTURE bool peer_logon_after(struct peer *p, const char *user, uint64_t previous)
{
    bool sign = p->sign, encrypt = p->encrypt;

    p->sign = p->encrypt = false;
    p->s->id = 0;
    memcpy(p->s->preauth, p->preauth, sizeof p->preauth);
    peer_send_setup(p, "hi", previous, 0);
    if (!peer_take(p) || !nt_status_is(p->h.status, NT_STATUS(MORE_PROCESSING_REQUIRED)))
        return false;
    p->s->id = p->h.session_id;
    nt_smb_preauth_update(p->s->preauth, p->msg, p->len);
    peer_send_setup(p, user, previous, 0);
    peer_derive(p);
    p->sign = sign;
    p->encrypt = encrypt;
    return peer_take(p) && nt_status_ok(p->h.status);
}

FIXTURE bool peer_logon(struct peer *p, const char *user)
{
    if (!peer_logon_after(p, user, 0))
        return false;
    p->sign = user[0] != '\0';
    return true;
}

FIXTURE struct nt_smb2_bytes wide(const char *text, uint8_t *to)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        nt_put_le16(to + 2 * i, (uint8_t)text[i]);
    return (struct nt_smb2_bytes){ to, 2 * len };
}

FIXTURE bool peer_tree(struct peer *p, const char *path)
{
    uint8_t text[256];
    struct nt_smb2_tree_connect_req req = { .path = wide(path, text) };

    nt_smb2_tree_connect_req_write(peer_part(p, NT_SMB2_TREE_CONNECT, 0), &req);
    peer_send(p);
    if (!peer_take(p) || !nt_status_ok(p->h.status))
        return false;
    p->s->tree = p->h.tree_id;
    return true;
}

FIXTURE void peer_create_part(struct peer *p, const char *name, uint32_t flags)
{
    uint8_t text[256];
    struct nt_smb2_create_req req = {
        .impersonation = NT_SMB2_IMPERSONATION,
        .access = NT_SMB2_PIPE_ACCESS,
        .share = NT_SMB2_SHARE_READ_WRITE,
        .disposition = NT_SMB2_FILE_OPEN,
        .name = wide(name, text),
    };
    nt_smb2_create_req_write(peer_part(p, NT_SMB2_CREATE, flags), &req);
}

FIXTURE bool peer_create(struct peer *p, const char *name)
{
    struct nt_smb2_create_rsp rsp;

    peer_create_part(p, name, 0);
    peer_send(p);
    if (!peer_take(p) || !nt_status_ok(p->h.status))
        return false;
    enum nt_err err = nt_smb2_create_rsp_read(p->msg, p->len, &rsp);
    assert(err == NT_OK);
    p->s->fid = rsp.fid;
    return true;
}

/* Everything up to an open pipe. */
FIXTURE bool peer_ready(struct peer *p, uint16_t dialect, const char *user)
{
    return peer_negotiate(p, dialect) && peer_logon(p, user) && peer_tree(p, "\\\\dc\\IPC$") &&
           peer_create(p, "lsarpc");
}

FIXTURE void peer_ioctl_part(struct peer *p, uint32_t code, const void *in, size_t len,
                             uint32_t max_output, uint32_t flags)
{
    struct nt_smb2_ioctl_req req = {
        .code = code,
        .fid = p->s->fid,
        .input = { in, len },
        .max_output = max_output,
        .flags = NT_SMB2_IOCTL_IS_FSCTL,
    };
    nt_smb2_ioctl_req_write(peer_part(p, NT_SMB2_IOCTL, flags), &req);
}

FIXTURE void peer_send_transceive(struct peer *p, const char *text, uint32_t max_output)
{
    peer_ioctl_part(p, NT_SMB2_FSCTL_PIPE_TRANSCEIVE, text, strlen(text), max_output, 0);
    peer_send(p);
}

FIXTURE void peer_write_part(struct peer *p, const char *text, uint32_t flags)
{
    struct nt_smb2_write_req req = { .fid = p->s->fid,
                                     .data = { (const uint8_t *)text, strlen(text) } };
    nt_smb2_write_req_write(peer_part(p, NT_SMB2_WRITE, flags), &req);
}

FIXTURE void peer_read_part(struct peer *p, uint32_t length, uint32_t flags)
{
    struct nt_smb2_read_req req = { .length = length, .fid = p->s->fid };
    nt_smb2_read_req_write(peer_part(p, NT_SMB2_READ, flags), &req);
}

FIXTURE void peer_close_part(struct peer *p, uint32_t flags)
{
    struct nt_smb2_close_req req = { .flags = NT_SMB2_CLOSE_QUERY, .fid = p->s->fid };
    nt_smb2_close_req_write(peer_part(p, NT_SMB2_CLOSE, flags), &req);
}

FIXTURE void peer_empty(struct peer *p, uint16_t command)
{
    nt_smb2_empty_write(peer_part(p, command, 0));
    peer_send(p);
}

/* The output of the last response, of IOCTL or READ, as text in a static buffer. */
FIXTURE const char *peer_text(const struct peer *p)
{
    static char text[4096];
    struct nt_smb2_ioctl_rsp ioctl = { 0 };
    struct nt_smb2_read_rsp read = { 0 };
    struct nt_smb2_bytes data;
    enum nt_err err;

    if (p->h.command == NT_SMB2_IOCTL) {
        err = nt_smb2_ioctl_rsp_read(p->msg, p->len, &ioctl);
        data = ioctl.output;
    } else {
        err = nt_smb2_read_rsp_read(p->msg, p->len, &read);
        data = read.data;
    }
    assert(err == NT_OK && data.len < sizeof text);
    memcpy(text, data.data, data.len);
    text[data.len] = '\0';
    return text;
}

#endif
