/*
 * bytes.h - integers in memory, in either byte order, at any alignment; hexadecimal text.
 */
#ifndef NT_BASE_BYTES_H
#define NT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t nt_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t nt_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t nt_le64(const uint8_t *p)
{
    return (uint64_t)nt_le32(p) | (uint64_t)nt_le32(p + 4) << 32;
}

static inline uint16_t nt_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t nt_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t nt_be64(const uint8_t *p)
{
    return (uint64_t)nt_be32(p) << 32 | nt_be32(p + 4);
}

static inline void nt_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void nt_put_le32(uint8_t *p, uint32_t v)
{
    nt_put_le16(p, (uint16_t)v);
    nt_put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void nt_put_le64(uint8_t *p, uint64_t v)
{
    nt_put_le32(p, (uint32_t)v);
    nt_put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void nt_put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void nt_put_be32(uint8_t *p, uint32_t v)
{
    nt_put_be16(p, (uint16_t)(v >> 16));
    nt_put_be16(p + 2, (uint16_t)v);
}

static inline void nt_put_be64(uint8_t *p, uint64_t v)
{
    nt_put_be32(p, (uint32_t)(v >> 32));
    nt_put_be32(p + 4, (uint32_t)v);
}

/* Writes 2*len lower-case digits and a NUL to `out`. Not for secrets. */
void nt_hex(const uint8_t *data, size_t len, char *out);
/* Reads exactly 2*len hexadecimal digits; false when the text is anything else. */
bool nt_unhex(const char *text, uint8_t *out, size_t len);

#endif
