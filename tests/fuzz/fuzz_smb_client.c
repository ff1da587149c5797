/*
 * An SMB client machine against what a server sends, as a sequence of messages. The first byte says
 * how far the session had come with a real server and what was agreed on, the second how bytes
 * arrive. Before a session the rest is a stream; in one it is records of an answer each: flags,
 * status, length of the body, body. Ids, signatures and encryption are added as a server has them,
 * so that the inside of an authenticated session is reached. Some flags make the owner act.
 */
#include "../unit/smb/client_fixture.h"
#include "smb/client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum flag {
    FLAG_ASYNC = 1,
    FLAG_SPOIL = 2,  /* the signature, or the encryption */
    FLAG_NEWEST = 4, /* an answer to the newest request, not the oldest */
    FLAG_LATER = 8,  /* time passes before it */
    FLAG_OPEN = 16,  /* the owner opens another pipe */
    FLAG_ASK = 32,   /* the owner asks through the last pipe */
    FLAG_CLOSE = 64, /* the owner closes it */
    FLAG_PLAIN = 128 /* neither signed nor encrypted */
};

static const uint16_t dialects[] = { NT_SMB2_202, NT_SMB2_210, NT_SMB2_300, NT_SMB2_302,
                                     NT_SMB2_311 };

static void check_events(struct wire *w)
{
    struct nt_smb_client_event ev;
    while (nt_smb_client_next(w->c, &ev, w->now_ms)) {
        assert(ev.kind != NT_SMB_CLIENT_DATA || ev.len <= NT_SMB_CLIENT_MAX_DATA);
        assert((ev.kind != NT_SMB_CLIENT_FAILED && ev.kind != NT_SMB_CLIENT_CLOSED) ||
               ev.why[0] != '\0');
        wire_event(w, &ev);
    }
}

static void feed(struct wire *w, const uint8_t *data, size_t len, size_t step)
{
    while (len > 0 && !w->failed) {
        size_t took = nt_smb_client_feed(w->c, data, len < step ? len : step, w->now_ms);
        data += took;
        len -= took;
        check_events(w);
    }
}

static const struct request *choose(const struct nt_smb_client *c, bool newest)
{
    const struct request *found = NULL;
    for (const struct request *r = c->requests; r != NULL && (newest || found == NULL); r = r->next)
        if (r->sent)
            found = r;
    return found;
}

static void act(struct wire *w, uint8_t flags)
{
    uint32_t pipe;
    const uint8_t *out;
    if (flags & FLAG_LATER) {
        w->now_ms += 700;
        nt_smb_client_tick(w->c, w->now_ms);
        check_events(w);
    }
    if ((flags & FLAG_OPEN) && nt_smb_client_open(w->c, "samr", 2000, w->now_ms, &pipe) == NT_OK)
        w->pipe = w->opened > 0 ? w->pipe : pipe;
    if (flags & FLAG_ASK)
        (void)!nt_smb_client_write(w->c, w->pipe, (const uint8_t *)"?", 1, flags & FLAG_NEWEST,
                                   2000, w->now_ms);
    if (flags & FLAG_CLOSE)
        nt_smb_client_close(w->c, w->pipe, w->now_ms);
    nt_smb_client_sent(w->c, nt_smb_client_pending(w->c, &out));
}

/* The answer as the server would send it. */
static void answer(struct wire *w, uint8_t flags, uint8_t which, const uint8_t *body, size_t len,
                   size_t step)
{
    static const uint32_t statuses[] = { 0, 0x103, 0x80000005, 0xC0000022, 0xC0000016, 0xC00000B0 };
    const struct request *r = choose(w->c, flags & FLAG_NEWEST);
    struct nt_smb_keys keys = w->c->keys; /* the server's */
    struct nt_buf out;
    uint8_t head[NT_SMB_FRAME_LEN];
    if (r == NULL)
        return;
    keys.encrypt = w->c->keys.decrypt;
    bool seal = w->c->must_encrypt && !(flags & FLAG_PLAIN);
    bool sign = !seal && w->c->must_sign && !(flags & FLAG_PLAIN);
    const struct nt_smb2_header h = {
        .status = { statuses[which % NT_COUNT(statuses)] },
        .command = r->command,
        .credits = which / NT_COUNT(statuses),
        .flags = NT_SMB2_FLAG_RESPONSE | (flags & FLAG_ASYNC ? NT_SMB2_FLAG_ASYNC : 0) |
                 (sign ? NT_SMB2_FLAG_SIGNED : 0),
        .message_id = r->message_id,
        .async_id = 9,
        .session_id = w->c->session_id,
    };
    nt_buf_init(&out, 1u << 20);
    if (seal)
        nt_smb2_transform_write(
            &out, &(const struct nt_smb2_transform){ .nonce = { (uint8_t)w->down++ },
                                                     .size = (uint32_t)(NT_SMB2_HEADER_LEN + len),
                                                     .flags = 1,
                                                     .session_id = w->c->session_id });
    nt_smb2_header_write(&out, &h);
    nt_buf_put(&out, body, len);
    if (out.err == NT_OK && sign)
        nt_smb_sign(&keys, out.data, out.len, true);
    if (out.err == NT_OK && seal)
        nt_smb_encrypt(&keys, out.data, out.len);
    if (out.err == NT_OK && (flags & FLAG_SPOIL))
        out.data[out.len - 1] ^= 1;
    nt_smb_frame_write(head, (uint32_t)out.len);
    feed(w, head, sizeof head, step);
    feed(w, out.data, out.len, step);
    nt_buf_free(&out);
    nt_smb_keys_wipe(&keys);
}

static void records(struct wire *w, const uint8_t *data, size_t size, size_t step)
{
    while (size >= 3 && !w->failed) {
        size_t len = data[2] < size - 3 ? data[2] : size - 3;
        act(w, data[0]);
        answer(w, data[0], data[1], data + 3, len, step);
        data += 3 + len;
        size -= 3 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire w;
    if (size < 2)
        return 0;
    size_t step = (size_t)data[1] + 1;
    bool session = data[0] & 1;
    const struct nt_smb_client_config config = {
        .max_dialect = dialects[data[0] / 4 % NT_COUNT(dialects)],
        .encrypt = data[0] & 2 ? NT_SMB_ENCRYPT_IF_POSSIBLE : NT_SMB_ENCRYPT_IF_ASKED,
    };
    bool open = wire_open(&w, &config, NULL);
    assert(open);
    if (open && session)
        wire_run(&w);
    if (open && session)
        records(&w, data + 2, size - 2, step);
    else if (open)
        feed(&w, data + 2, size - 2, step);
    if (!w.failed) {
        nt_smb_client_eof(w.c);
        check_events(&w);
        assert(w.failed);
    }
    wire_close(&w);
    assert(toy_live == 0);
    return 0;
}
