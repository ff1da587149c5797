/*
 * vt.c - the verification trailer: what the client believes about the connection, repeated inside
 * the protected stub so that a tampered bind shows. Little endian even in a stub that is not:
 * [MS-RPCE] 2 says so of all its diagrams, and Samba's clients do it. Source:
 * [MS-RPCE] 2.2.2.13, 3.1.3.3.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "rpc/rpc_internal.h"

static const uint8_t signature[8] = { 0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71 };

/* Bytes from the end of the stub that may hold a trailer: its three commands take 80. */
#define SEARCH_MAX 512u

#define COMMAND_MASK 0x3FFFu
#define COMMAND_END  0x4000u
#define MUST_PROCESS 0x8000u

#define BITMASK_1 1u
#define PCONTEXT  2u
#define HEADER2   3u

#define CLIENT_SIGNS_HEADER 1u /* of BITMASK_1 */

void nt_rpc_vt_write(struct nt_buf *stub, const struct nt_rpc_vt *vt)
{
    uint8_t syntaxes[2 * NT_RPC_SYNTAX_LEN];

    nt_buf_align(stub, 4);
    nt_buf_put(stub, signature, sizeof signature);
    nt_buf_u16le(stub, BITMASK_1);
    nt_buf_u16le(stub, 4);
    nt_buf_u32le(stub, vt->client_signs_header ? CLIENT_SIGNS_HEADER : 0);
    nt_buf_u16le(stub, PCONTEXT | COMMAND_END);
    nt_buf_u16le(stub, sizeof syntaxes);
    nt_rpc_syntax_write(syntaxes, &vt->abstract, false);
    nt_rpc_syntax_write(syntaxes + NT_RPC_SYNTAX_LEN, &vt->transfer, false);
    nt_buf_put(stub, syntaxes, sizeof syntaxes);
}

static bool pcontext_ok(const uint8_t *p, const struct nt_rpc_vt *expect)
{
    struct nt_rpc_syntax abstract = nt_rpc_syntax_read(p, false);
    struct nt_rpc_syntax transfer = nt_rpc_syntax_read(p + NT_RPC_SYNTAX_LEN, false);
    return nt_rpc_syntax_equal(&abstract, &expect->abstract) &&
           nt_rpc_syntax_equal(&transfer, &expect->transfer);
}

static bool header2_ok(const uint8_t *p, const struct nt_rpc_vt *expect)
{
    return p[0] == expect->ptype && memcmp(p + 4, expect->drep, 4) == 0 &&
           nt_le32(p + 8) == expect->call_id && nt_le16(p + 12) == expect->context_id &&
           nt_le16(p + 14) == expect->opnum;
}

static bool command_ok(uint16_t command, const uint8_t *p, size_t len,
                       const struct nt_rpc_vt *expect)
{
    switch (command & COMMAND_MASK) {
    case BITMASK_1:
        if (len != 4)
            return false;
        return (nt_le32(p) & CLIENT_SIGNS_HEADER) == 0 || expect->client_signs_header;
    case PCONTEXT:
        return len == 2 * NT_RPC_SYNTAX_LEN && pcontext_ok(p, expect);
    case HEADER2:
        return len == 16 && header2_ok(p, expect);
    default:
        return (command & MUST_PROCESS) == 0;
    }
}

/* Where the last trailer begins, counted from the stub's beginning; len when there is none. */
static size_t find(const uint8_t *stub, size_t len)
{
    size_t lowest = len > SEARCH_MAX ? len - SEARCH_MAX : 0;

    if (len < sizeof signature)
        return len;
    for (size_t at = (len - sizeof signature) / 4 * 4;; at -= 4) {
        if (at < lowest)
            return len;
        if (memcmp(stub + at, signature, sizeof signature) == 0)
            return at;
        if (at == 0)
            return len;
    }
}

enum nt_err nt_rpc_vt_check(const uint8_t *stub, size_t len, const struct nt_rpc_vt *expect)
{
    size_t at = find(stub, len);
    if (at == len)
        return NT_OK;

    struct nt_cursor c;
    uint16_t command;
    nt_cursor_init(&c, stub, len);
    nt_cursor_seek(&c, at + sizeof signature);
    do {
        command = nt_cursor_u16le(&c);
        size_t n = nt_cursor_u16le(&c);
        const uint8_t *p = nt_cursor_take(&c, n);
        if (p == NULL || !command_ok(command, p, n, expect))
            return NT_E_DENIED;
        nt_cursor_align(&c, 4);
    } while ((command & COMMAND_END) == 0 && c.err == NT_OK);
    /* The last command may end without its alignment. */
    return (command & COMMAND_END) != 0 ? NT_OK : NT_E_DENIED;
}
