/*
 * stream.h - one direction of a TCP connection as bytes in order, from segments that come in any
 * order, twice, or not at all. Bounded: what would wait too long for a missing segment is given up.
 * Source: RFC 9293 3.4 (numbers that wrap).
 */
#ifndef NT_CAPTURE_STREAM_H
#define NT_CAPTURE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define NT_STREAM_MAX  (256u * 1024) /* bytes that wait: to be read; for an earlier segment */
#define NT_STREAM_LATE 64            /* segments that wait for an earlier one */

struct nt_late {
    uint32_t seq;
    size_t len;
    uint8_t *data;
};

struct nt_stream {
    bool started;
    uint32_t next;       /* number of the byte behind `bytes` */
    struct nt_buf bytes; /* in order, not read yet; the reader drops from its front */
    struct nt_late late[NT_STREAM_LATE];
    size_t late_count, late_bytes;
    /* Bytes are missing before those in `bytes`: what is read now begins a segment, and the reader
     * has to find its place again. Cleared by the reader. */
    bool gap;
};

void nt_stream_init(struct nt_stream *s);
void nt_stream_free(struct nt_stream *s);
/* The first byte will have this number. */
void nt_stream_start(struct nt_stream *s, uint32_t seq);
/* missing: bytes behind `data` that the capture does not have. */
void nt_stream_segment(struct nt_stream *s, uint32_t seq, const uint8_t *data, size_t len,
                       size_t missing);
/* Nothing more comes: what waits for missing bytes goes on without them. True: there was some. */
bool nt_stream_flush(struct nt_stream *s);

#endif
