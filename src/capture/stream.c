#include "capture/stream.h"

#include <stdlib.h>
#include <string.h>

void nt_stream_init(struct nt_stream *s)
{
    memset(s, 0, sizeof *s);
    nt_buf_init(&s->bytes, NT_STREAM_MAX);
}

void nt_stream_free(struct nt_stream *s)
{
    for (size_t i = 0; i < s->late_count; i++)
        free(s->late[i].data);
    s->late_count = 0;
    nt_buf_free(&s->bytes);
}

void nt_stream_start(struct nt_stream *s, uint32_t seq)
{
    if (s->started)
        return;
    s->started = true;
    s->next = seq;
}

static void skip_to(struct nt_stream *s, uint32_t seq)
{
    nt_buf_clear(&s->bytes);
    s->next = seq;
    s->gap = true;
}

/* Bytes that are the next ones, or begin with some that are known. */
static void append(struct nt_stream *s, uint32_t seq, const uint8_t *data, size_t len)
{
    uint32_t known = s->next - seq;
    if (known >= len)
        return;
    if (s->bytes.len + (len - known) > NT_STREAM_MAX) /* the reader finds no end in all this */
        skip_to(s, s->next);
    nt_buf_put(&s->bytes, data + known, len - known);
    if (s->bytes.err != NT_OK)
        skip_to(s, s->next);
    s->next += (uint32_t)(len - known);
}

static void keep(struct nt_stream *s, uint32_t seq, const uint8_t *data, size_t len)
{
    struct nt_late *late = &s->late[s->late_count];
    late->data = malloc(len);
    if (late->data == NULL)
        return; /* as if it was lost */
    memcpy(late->data, data, len);
    late->seq = seq;
    late->len = len;
    s->late_bytes += len;
    s->late_count++;
}

static bool is_ahead(const struct nt_stream *s, uint32_t seq)
{
    return (int32_t)(seq - s->next) > 0;
}

/* Takes what has become the next. */
static void take_late(struct nt_stream *s)
{
    for (size_t i = 0; i < s->late_count;) {
        if (is_ahead(s, s->late[i].seq)) {
            i++;
            continue;
        }
        append(s, s->late[i].seq, s->late[i].data, s->late[i].len);
        s->late_bytes -= s->late[i].len;
        free(s->late[i].data);
        s->late[i] = s->late[--s->late_count];
        i = 0; /* an earlier one may fit now */
    }
}

bool nt_stream_flush(struct nt_stream *s)
{
    if (s->late_count == 0)
        return false;
    uint32_t first = s->late[0].seq;
    for (size_t i = 1; i < s->late_count; i++)
        if ((int32_t)(s->late[i].seq - first) < 0)
            first = s->late[i].seq;
    skip_to(s, first);
    take_late(s);
    return true;
}

void nt_stream_segment(struct nt_stream *s, uint32_t seq, const uint8_t *data, size_t len,
                       size_t missing)
{
    nt_stream_start(s, seq);
    if (len > 0 && is_ahead(s, seq)) {
        if (s->late_count == NT_STREAM_LATE || s->late_bytes + len > NT_STREAM_MAX)
            (void)nt_stream_flush(s);
        if (is_ahead(s, seq)) {
            keep(s, seq, data, len);
            return;
        }
    }
    append(s, seq, data, len);
    take_late(s);
    if (missing > 0 && !is_ahead(s, seq + (uint32_t)len))
        skip_to(s, seq + (uint32_t)(len + missing));
}
