/*
 * cursor.h - reads received bytes. One function moves it, one sticky error: after a failure every
 * read gives zero and changes nothing, so a decoder is checked once, at its end.
 */
#ifndef NT_BASE_CURSOR_H
#define NT_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct nt_cursor {
    const uint8_t *buf;
    size_t len;
    size_t pos;
    enum nt_err err;
};

void nt_cursor_init(struct nt_cursor *c, const void *buf, size_t len);
size_t nt_cursor_left(const struct nt_cursor *c); /* bytes not yet read; 0 after a failure */
void nt_cursor_fail(struct nt_cursor *c, enum nt_err err); /* the first failure stays */

/* The next n bytes in place, or NULL with NT_E_TRUNCATED. */
const uint8_t *nt_cursor_take(struct nt_cursor *c, size_t n);
void nt_cursor_skip(struct nt_cursor *c, size_t n);
void nt_cursor_bytes(struct nt_cursor *c, void *to, size_t n); /* zeroes `to` on failure */
/* Moves to an absolute offset, forwards or backwards; past the end is NT_E_TRUNCATED. */
void nt_cursor_seek(struct nt_cursor *c, size_t pos);
/* Skips to the next multiple of `to` (a power of two), counted from the start of the buffer. */
void nt_cursor_align(struct nt_cursor *c, size_t to);

uint8_t nt_cursor_u8(struct nt_cursor *c);
uint16_t nt_cursor_u16le(struct nt_cursor *c);
uint32_t nt_cursor_u32le(struct nt_cursor *c);
uint64_t nt_cursor_u64le(struct nt_cursor *c);
uint16_t nt_cursor_u16be(struct nt_cursor *c);
uint32_t nt_cursor_u32be(struct nt_cursor *c);
uint64_t nt_cursor_u64be(struct nt_cursor *c);

#endif
