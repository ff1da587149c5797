/* Connections, and which reader each has. */
#include "capture/capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/capture_internal.h"
#include "netbios/name.h"
#include "smb/msg.h"

#define ARENA_MAX (16u * 1024 * 1024) /* of one packet: calls decode to 32 times their size */

enum { PORT_EPM = 135, PORT_NETBIOS_SESSION = 139, PORT_SMB = 445 };

enum speech { SPEECH_UNKNOWN, SPEECH_RPC, SPEECH_SMB, SPEECH_OTHER };

struct nt_connection {
    struct nt_connection *next; /* of its bucket */
    struct nt_ends ends;
    nt_time began, last;
    bool syn, answered, client_fin, server_fin;
    enum speech speech;
    struct nt_stream in, out; /* from the client; to it */
    struct nt_rpc_talk *rpc;
    struct nt_smb_talk *smb;
};

/* --- telling --- */

void nt_capture_tell(struct nt_capture *c, const struct nt_ends *ends, nt_time at,
                     const char *protocol, enum nt_capture_tone tone, const char *fmt, ...)
{
    char text[NT_CAPTURE_TEXT];
    struct nt_capture_line line = { .at = at, .protocol = protocol, .tone = tone, .text = text };
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    nt_address_format(&ends->client, line.client);
    nt_address_format(&ends->server, line.server);
    c->config.tell(c->config.ctx, &line);
}

const char *nt_capture_status(struct nt_capture *c, uint32_t code)
{
    const ntstatus status = { code };
    char name[64];
    const char *text;
    if (code < 0x80000000u && code != 0)
        text = nt_arena_printf(&c->arena, "Win32 error %u %s", code, nt_werror_name(code));
    else
        text = nt_arena_printf(&c->arena, "%s (%s)", nt_status_format(status, name),
                               nt_status_text(status));
    return text != NULL ? text : "?";
}

/* --- connections --- */

static size_t bucket_of(const struct nt_packet *p)
{
    /* The same for both directions. */
    uint32_t sum = (uint32_t)p->from_port + p->to_port;
    for (size_t i = 0; i < 16; i++)
        sum += ((uint32_t)p->from.b[i] + p->to.b[i]) * (uint32_t)(i * 7 + 3);
    return sum % NT_COUNT(((struct nt_capture *)0)->buckets);
}

static bool is_end(const struct nt_address *a, uint16_t port, const struct nt_address *b,
                   uint16_t other)
{
    return port == other && nt_address_equal(a, b);
}

/* *from_client: which direction the packet goes. */
static struct nt_connection *find(struct nt_capture *c, const struct nt_packet *p,
                                  bool *from_client)
{
    for (struct nt_connection *k = c->buckets[bucket_of(p)]; k != NULL; k = k->next) {
        const struct nt_ends *e = &k->ends;
        *from_client = is_end(&p->from, p->from_port, &e->client, e->client_port) &&
                       is_end(&p->to, p->to_port, &e->server, e->server_port);
        if (*from_client || (is_end(&p->to, p->to_port, &e->client, e->client_port) &&
                             is_end(&p->from, p->from_port, &e->server, e->server_port)))
            return k;
    }
    return NULL;
}

static bool is_well_known(uint16_t port)
{
    return port == PORT_EPM || port == PORT_NETBIOS_SESSION || port == PORT_SMB;
}

/* Who asked for the connection; where its beginning is missing, the port tells. */
static bool sent_by_client(const struct nt_packet *p)
{
    if ((p->flags & NT_TCP_SYN) != 0)
        return (p->flags & NT_TCP_ACK) == 0;
    if (is_well_known(p->to_port) != is_well_known(p->from_port))
        return is_well_known(p->to_port);
    return p->to_port < p->from_port;
}

static void end_connection(struct nt_capture *c, struct nt_connection *k)
{
    struct nt_connection **at =
        &c->buckets[bucket_of(&(struct nt_packet){ .from = k->ends.client,
                                                   .to = k->ends.server,
                                                   .from_port = k->ends.client_port,
                                                   .to_port = k->ends.server_port })];
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    c->connection_count--;
    if (k->syn && !k->answered && is_well_known(k->ends.server_port))
        nt_capture_tell(c, &k->ends, k->began, "TCP", NT_CAPTURE_BAD,
                        "port %u does not answer: a firewall, or the host is not there",
                        k->ends.server_port);
    if (k->rpc != NULL)
        nt_rpc_talk_end(c, k->rpc, k->last);
    if (k->smb != NULL)
        nt_smb_talk_end(c, k->smb, k->last);
    nt_stream_free(&k->in);
    nt_stream_free(&k->out);
    free(k);
}

static void make_room(struct nt_capture *c)
{
    struct nt_connection *idlest = NULL;
    for (size_t i = 0; i < NT_COUNT(c->buckets); i++)
        for (struct nt_connection *k = c->buckets[i]; k != NULL; k = k->next)
            if (idlest == NULL || k->last < idlest->last)
                idlest = k;
    if (idlest != NULL)
        end_connection(c, idlest);
}

static struct nt_connection *begin(struct nt_capture *c, nt_time at, const struct nt_packet *p,
                                   bool *from_client)
{
    if (c->connection_count >= NT_CAPTURE_CONNECTIONS)
        make_room(c);
    struct nt_connection *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    *from_client = sent_by_client(p);
    k->ends = *from_client ? (struct nt_ends){ p->from, p->to, p->from_port, p->to_port }
                           : (struct nt_ends){ p->to, p->from, p->to_port, p->from_port };
    k->began = at;
    nt_stream_init(&k->in);
    nt_stream_init(&k->out);
    size_t bucket = bucket_of(p);
    k->next = c->buckets[bucket];
    c->buckets[bucket] = k;
    c->connection_count++;
    c->totals.connections++;
    return k;
}

/* --- what is spoken --- */

static enum speech guess(const struct nt_connection *k, const struct nt_buf *b)
{
    if (k->ends.server_port == PORT_SMB || k->ends.server_port == PORT_NETBIOS_SESSION)
        return SPEECH_SMB;
    if (b->len < 8)
        return SPEECH_UNKNOWN;
    if (b->data[0] == 5 && b->data[1] <= 1 && b->data[2] <= 19)
        return SPEECH_RPC;
    if (b->data[0] == 0 &&
        nt_smb_kind(b->data + NT_SMB_FRAME_LEN, b->len - NT_SMB_FRAME_LEN) != NT_SMB_KIND_NONE)
        return SPEECH_SMB;
    return SPEECH_OTHER;
}

static void choose(struct nt_connection *k, const struct nt_buf *b)
{
    if (k->speech != SPEECH_UNKNOWN || b->len == 0)
        return;
    k->speech = guess(k, b);
    if (k->speech == SPEECH_RPC)
        k->rpc = nt_rpc_talk_new(&k->ends, "over TCP", "somebody");
    else if (k->speech == SPEECH_SMB)
        k->smb = nt_smb_talk_new(&k->ends);
}

/* The frames of an SMB connection, [MS-SMB2] 2.1, among packets of the NetBIOS session service,
 * RFC 1002 4.3. */
static void read_frames(struct nt_capture *c, struct nt_connection *k, nt_time at, bool from_client,
                        struct nt_buf *b)
{
    size_t pos = 0;
    uint32_t len;
    while (b->len - pos >= NT_SMB_FRAME_LEN) {
        const uint8_t *head = b->data + pos;
        bool message = nt_smb_frame_read(head, &len);
        if (!message)
            len = head[0] >= 0x81 && head[0] <= 0x85 ? nt_be16(head + 2) : NT_SMB_FRAME_MAX;
        if (len > NT_STREAM_MAX - NT_SMB_FRAME_LEN) { /* not where a frame begins */
            c->totals.gaps++;
            nt_buf_clear(b);
            return;
        }
        if (b->len - pos - NT_SMB_FRAME_LEN < len)
            break;
        if (message)
            nt_smb_talk_feed(c, k->smb, at, from_client, head + NT_SMB_FRAME_LEN, len);
        else if (head[0] == 0x83)
            nt_capture_tell(c, &k->ends, at, "NetBIOS", NT_CAPTURE_BAD,
                            "the session is refused: the server does not go by the name that was "
                            "called");
        pos += NT_SMB_FRAME_LEN + len;
    }
    nt_buf_drop(b, pos);
}

static void read_stream(struct nt_capture *c, struct nt_connection *k, nt_time at, bool from_client)
{
    struct nt_stream *s = from_client ? &k->in : &k->out;
    if (s->gap) {
        s->gap = false;
        c->totals.gaps++;
        if (k->rpc != NULL)
            nt_rpc_talk_gap(k->rpc, from_client);
        if (k->smb != NULL)
            nt_smb_talk_gap(k->smb, from_client);
    }
    choose(k, &s->bytes);
    if (k->rpc != NULL && s->bytes.len > 0)
        nt_rpc_talk_feed(c, k->rpc, at, from_client, s->bytes.data, s->bytes.len);
    if (k->smb != NULL)
        read_frames(c, k, at, from_client, &s->bytes);
    else if (k->speech != SPEECH_UNKNOWN)
        nt_buf_clear(&s->bytes);
}

static void take_tcp(struct nt_capture *c, nt_time at, const struct nt_packet *p)
{
    bool from_client;
    struct nt_connection *k = find(c, p, &from_client);
    bool syn = (p->flags & NT_TCP_SYN) != 0;
    if (k != NULL && syn && from_client && k->answered) { /* the ports are used again */
        end_connection(c, k);
        k = NULL;
    }
    if (k == NULL)
        k = begin(c, at, p, &from_client);
    if (k == NULL)
        return;
    k->last = at;
    k->syn = k->syn || (syn && from_client);
    if (!from_client && k->syn && !k->answered && (p->flags & NT_TCP_RST) != 0) {
        nt_capture_tell(c, &k->ends, at, "TCP", NT_CAPTURE_BAD,
                        "port %u is closed: nothing listens there", k->ends.server_port);
        k->answered = true;
    }
    k->answered = k->answered || !from_client;
    struct nt_stream *s = from_client ? &k->in : &k->out;
    if (syn)
        nt_stream_start(s, p->seq + 1);
    else if (k->speech != SPEECH_OTHER)
        nt_stream_segment(s, p->seq, p->data, p->len, p->missing);
    read_stream(c, k, at, from_client);
    if ((p->flags & NT_TCP_FIN) != 0)
        *(from_client ? &k->client_fin : &k->server_fin) = true;
    if ((p->flags & NT_TCP_RST) != 0 || (k->client_fin && k->server_fin))
        end_connection(c, k);
}

/* --- the whole --- */

struct nt_capture *nt_capture_new(const struct nt_capture_config *config)
{
    struct nt_capture *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->config = *config;
    nt_arena_init(&c->arena, ARENA_MAX);
    return c;
}

void nt_capture_packet(struct nt_capture *c, nt_time at, int link, const uint8_t *frame, size_t len)
{
    struct nt_packet p;
    c->totals.packets++;
    enum nt_packet_kind kind = nt_packet_read(link, frame, len, &p);
    if (kind == NT_PACKET_FRAGMENT)
        c->totals.fragments++;
    if (kind != NT_PACKET_GOOD)
        return;
    if (p.tcp)
        take_tcp(c, at, &p);
    else if (p.from_port == NT_NB_NAME_PORT || p.to_port == NT_NB_NAME_PORT)
        nt_capture_name_service(c, at, &p);
    else if (p.from_port == NT_NB_DGM_PORT || p.to_port == NT_NB_DGM_PORT)
        nt_capture_datagram(c, at, &p);
    nt_arena_reset(&c->arena);
}

void nt_capture_end(struct nt_capture *c)
{
    for (size_t i = 0; i < NT_COUNT(c->buckets); i++)
        for (struct nt_connection *k = c->buckets[i], *next; k != NULL; k = next) {
            next = k->next;
            if (nt_stream_flush(&k->in))
                read_stream(c, k, k->last, true);
            if (nt_stream_flush(&k->out))
                read_stream(c, k, k->last, false);
            end_connection(c, k);
        }
    nt_arena_reset(&c->arena);
}

struct nt_capture_totals nt_capture_totals(const struct nt_capture *c)
{
    struct nt_capture_totals totals = c->totals;
    totals.channels = c->channels;
    return totals;
}

void nt_capture_free(struct nt_capture *c)
{
    if (c == NULL)
        return;
    c->config.tell = NULL;
    for (size_t i = 0; i < NT_COUNT(c->buckets); i++)
        while (c->buckets[i] != NULL) {
            struct nt_connection *k = c->buckets[i];
            c->buckets[i] = k->next;
            nt_stream_free(&k->in);
            nt_stream_free(&k->out);
            free(k);
        }
    nt_arena_free(&c->arena);
    free(c);
}
