/*
 * An SMB server machine against a sequence of messages, not only single ones. The first byte says
 * how far the client had come and what was agreed on, the second how bytes arrive, the third how
 * the owner behaves. Before negotiation the rest is a stream; after it, records of a request each:
 * command, flags, length of the body, body. Ids, signatures and encryption are added as a client
 * has them, so that the inside of an authenticated session is reached.
 *
 * What is sent is always whole frames of responses, signed and encrypted right; the machine comes
 * to rest, and everything is given back.
 */
#include "../unit/smb/server_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum stage { STREAM, NEGOTIATED, NOBODY, SIGNED, ENCRYPTED, STAGES };
enum flag {
    FLAG_RELATED = 1,
    FLAG_MORE = 2, /* a compound goes on */
    FLAG_SPOIL = 4,
    FLAG_LATER = 8, /* time passes before it */
    FLAG_CHARGE = 16,
    FLAG_PUT = 32, /* the owner has a message */
    FLAG_END = 64,
    FLAG_FID = 128 /* the open pipe's id stands where most bodies have it */
};

static bool prepare(struct peer *p, uint8_t how)
{
    static const struct {
        uint16_t dialect, cipher, signing;
    } agreed[] = {
        { NT_SMB2_202, 0, 0 },
        { NT_SMB2_210, 0, 0 },
        { NT_SMB2_300, 0, 0 },
        { NT_SMB2_302, 0, 0 },
        { NT_SMB2_311, NT_SMB_AES128_GCM, NT_SMB_AES_GMAC },
        { NT_SMB2_311, NT_SMB_AES256_CCM, NT_SMB_AES_CMAC },
    };
    enum stage stage = (enum stage)(how % STAGES);
    size_t i = how / STAGES % NT_COUNT(agreed);

    if (stage == ENCRYPTED && i < 2)
        i += 2;
    p->cipher = agreed[i].cipher;
    p->signing = agreed[i].signing;
    if (stage == STREAM)
        return true;
    if (!peer_negotiate(p, agreed[i].dialect))
        return false;
    if (stage == NEGOTIATED)
        return true;
    if (!peer_logon(p, stage == NOBODY ? "" : "alice") || !peer_tree(p, "\\\\dc\\IPC$") ||
        !peer_create(p, "lsarpc"))
        return false;
    p->encrypt = stage == ENCRYPTED;
    return true;
}

static void behave(struct peer *p, uint8_t how)
{
    p->silent = (how & 1) != 0;
    p->echo = (how & 2) != 0;
    p->keep = (how & 4) != 0;
    p->say = (how & 8) != 0 ? NT_STATUS(LOGON_FAILURE) : NT_STATUS(SUCCESS);
    p->keyless = (how & 16) != 0;
}

static void take_all(struct peer *p)
{
    const uint8_t *data;

    while (nt_smb_server_pending(p->m, &data) > 0 && data[0] == 0x82)
        nt_smb_server_sent(p->m, NT_SMB_FRAME_LEN); /* a NetBIOS session was accepted */
    while (peer_take(p))
        if (p->h.command == NT_SMB2_SESSION_SETUP && p->s->id == 0)
            p->s->id = p->h.session_id;
}

/* One request; the records of a compound are fed together. */
static void request(struct peer *p, uint8_t command, uint8_t flags, const uint8_t *body, size_t len)
{
    if (p->b.len == 0)
        p->spoil = (flags & FLAG_SPOIL) != 0;
    p->charge = (flags & FLAG_CHARGE) != 0 ? 2 : 1;
    struct nt_buf *b = peer_part(p, command, (flags & FLAG_RELATED) ? NT_SMB2_FLAG_RELATED : 0);
    size_t at = b->len;
    nt_buf_put(b, body, len);
    if ((flags & FLAG_FID) != 0) {
        size_t fid_at = command == NT_SMB2_READ || command == NT_SMB2_WRITE ? 16
                        : command == NT_SMB2_QUERY_INFO                     ? 24
                        : command == NT_SMB2_SET_INFO                       ? 16
                                                                            : 8;
        if (len >= fid_at + 16) {
            nt_put_le64(b->data + at + fid_at, p->s->fid.persistent);
            nt_put_le64(b->data + at + fid_at + 8, p->s->fid.temporary);
        }
    }
    if ((flags & FLAG_MORE) == 0 || b->len > 8192)
        peer_send(p);
}

static void around(struct peer *p, uint8_t flags)
{
    if ((flags & FLAG_LATER) != 0)
        (void)nt_smb_server_tick(p->m, p->now_ms += 150);
    if ((flags & FLAG_PUT) != 0)
        (void)nt_smb_server_pipe_put(p->m, p->opened.pipe, (const uint8_t *)"a message", 9);
    if ((flags & FLAG_END) != 0)
        nt_smb_server_pipe_end(p->m, p->opened.pipe);
    if ((flags & FLAG_LATER) != 0 && p->keep)
        nt_smb_server_pipe_resume(p->m, p->opened.pipe);
    if ((flags & FLAG_LATER) != 0 && p->silent)
        owner_answer(p, p->ask_id);
    (void)owner_turn(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_smb_limits lim = nt_smb_limits_default;
    static struct peer p;

    if (size < 3)
        return 0;
    if ((data[2] & 32) != 0) {
        lim.max_sessions = 2;
        lim.max_pipes = 2;
        lim.max_credits = 16;
        lim.max_in_flight = 2000;
    }
    if (!peer_open(&p, &lim))
        return 0;
    bool ready = prepare(&p, data[0]);
    assert(ready);
    take_all(&p);
    behave(&p, data[2]);
    p.cut = data[1];
    if (data[0] % STAGES == STREAM) {
        peer_feed(&p, data + 3, size - 3);
        take_all(&p);
    } else {
        for (size_t off = 3; size - off >= 3 && !peer_closed(&p);) {
            uint8_t command = data[off], flags = data[off + 1];
            size_t len = data[off + 2];
            off += 3;
            len = len < size - off ? len : size - off;
            around(&p, flags);
            request(&p, command, flags, data + off, len);
            off += len;
            take_all(&p);
        }
    }
    (void)nt_smb_server_deadline(p.m);
    (void)nt_smb_server_tick(p.m, p.now_ms + 40000);
    peer_close(&p);
    return 0;
}
