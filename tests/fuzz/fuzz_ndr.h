/*
 * fuzz_ndr.h - the fuzz target of one interface, FUZZ_INTERFACE. Input: the opnum, a byte of flags,
 * the length of the request part (2 bytes, little endian), then stubs. What decodes, within
 * NT_NDR_ARENA_LIMIT, must print, and encode with its notes to the bytes that were read (for a big
 * endian stub: to as many).
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "ndr/ndr.h"

#define BIG_ENDIAN_STUB 1u
#define HAS_RESPONSE    2u /* what follows the request part is its response */
#define ALONE           4u /* and the request is not there to help */

extern const struct nt_ndr_interface FUZZ_INTERFACE;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *one(const struct nt_ndr_op *op, enum nt_ndr_dir dir, bool big_endian,
                 const uint8_t *stub, size_t len, void *args, struct nt_arena *arena)
{
    struct nt_ndr_notes *notes = NULL;
    struct nt_buf out;
    size_t used = 0;

    arena->limit = arena->used + NT_NDR_ARENA_LIMIT(len);
    if (nt_ndr_decode(op, dir, big_endian, stub, len, arena, &args, &used, &notes) != NT_OK) {
        assert(args == NULL);
        return NULL;
    }
    assert(used <= len && args != NULL && notes != NULL);
    nt_buf_init(&out, 1u << 24);
    enum nt_err err = nt_ndr_encode(op, dir, args, notes, &out);
    assert(err == NT_OK && out.len == used);
    assert(used == 0 || big_endian || memcmp(out.data, stub, used) == 0);
    nt_buf_clear(&out);
    err = nt_ndr_print(op, dir, args, &out);
    assert(err == NT_OK);
    nt_buf_clear(&out);
    err = nt_ndr_print_json(op, dir, args, &out);
    assert(err == NT_OK);
    nt_buf_free(&out);
    return args;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_arena arena;
    void *args = NULL;

    if (size < 4)
        return 0;
    const struct nt_ndr_op *op = FUZZ_INTERFACE.ops[data[0] % FUZZ_INTERFACE.op_count];
    const unsigned flags = data[1];
    const bool big_endian = flags & BIG_ENDIAN_STUB;
    size_t request = nt_le16(data + 2);
    if (op == NULL)
        return 0;
    if (request > size - 4 || !(flags & HAS_RESPONSE))
        request = size - 4;
    nt_arena_init(&arena, 0);
    if (!(flags & ALONE))
        args = one(op, NT_NDR_REQUEST, big_endian, data + 4, request, NULL, &arena);
    if (flags & HAS_RESPONSE && (flags & ALONE || args != NULL))
        (void)one(op, NT_NDR_RESPONSE, big_endian, data + 4 + request, size - 4 - request, args,
                  &arena);
    nt_arena_free(&arena);
    return 0;
}
