/*
 * uuid.h - interface and context handle identifiers. [C706] appendix A; [MS-DTYP] 2.3.4
 */
#ifndef NT_BASE_UUID_H
#define NT_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"

#define NT_UUID_TEXT 37

struct nt_uuid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

struct nt_uuid nt_uuid_read(struct nt_cursor *c); /* little endian, 16 bytes */
void nt_uuid_write(struct nt_buf *b, const struct nt_uuid *u);
bool nt_uuid_equal(const struct nt_uuid *a, const struct nt_uuid *b);
bool nt_uuid_is_nil(const struct nt_uuid *u);
const char *nt_uuid_format(const struct nt_uuid *u, char out[NT_UUID_TEXT]);
bool nt_uuid_parse(const char *text, struct nt_uuid *u);

#endif
