/*
 * buf.h - builds bytes to send or store. Grows on the heap up to a limit, with one sticky error:
 * after a failure every write changes nothing. The owner frees it.
 */
#ifndef NT_BASE_BUF_H
#define NT_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct nt_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t limit; /* len never passes it */
    enum nt_err err;
};

void nt_buf_init(struct nt_buf *b, size_t limit);
void nt_buf_free(struct nt_buf *b);  /* wipes; fine on a zeroed struct */
void nt_buf_clear(struct nt_buf *b); /* wipes, empties and keeps the memory; clears the error */
void nt_buf_fail(struct nt_buf *b, enum nt_err err);

/* Room for n more bytes at the end, zeroed and counted in len; NULL after a failure.
 * The pointer is good until the next write. */
uint8_t *nt_buf_extend(struct nt_buf *b, size_t n);
void nt_buf_put(struct nt_buf *b, const void *data, size_t n);
void nt_buf_zero(struct nt_buf *b, size_t n);
void nt_buf_align(struct nt_buf *b, size_t to); /* zeroes up to a multiple of `to` */
void nt_buf_drop(struct nt_buf *b, size_t n);   /* removes n bytes from the front */

void nt_buf_u8(struct nt_buf *b, uint8_t v);
void nt_buf_u16le(struct nt_buf *b, uint16_t v);
void nt_buf_u32le(struct nt_buf *b, uint32_t v);
void nt_buf_u64le(struct nt_buf *b, uint64_t v);
void nt_buf_u16be(struct nt_buf *b, uint16_t v);
void nt_buf_u32be(struct nt_buf *b, uint32_t v);

/* Overwrite what was written before; the range must lie inside len. */
void nt_buf_set_u16le(struct nt_buf *b, size_t at, uint16_t v);
void nt_buf_set_u32le(struct nt_buf *b, size_t at, uint32_t v);

/* Formatted text without its NUL. */
void nt_buf_printf(struct nt_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
