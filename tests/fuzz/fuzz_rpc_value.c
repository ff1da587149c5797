/*
 * A call's parameters as JSON (repair/rpc_value.h). Input: the interface, the opnum, then the text
 * of a request. What is read must print, and encode unless it breaks its own layout; what was
 * encoded must decode, and come back from JSON as the same JSON.
 */
#include <assert.h>

#include "repair/rpc_text.h"
#include "repair/rpc_value.h"

#define ARENA (4u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *rewritten(const struct nt_ndr_op *op, const void *args, struct nt_arena *arena)
{
    struct nt_buf stub;
    void *again = NULL;
    json_t *out = NULL;
    nt_buf_init(&stub, ARENA);
    enum nt_err err = nt_ndr_encode(op, NT_NDR_REQUEST, args, NULL, &stub);
    assert(err == NT_OK || err == NT_E_INVALID || err == NT_E_LIMIT);
    if (err == NT_OK) {
        arena->limit = arena->used + NT_NDR_ARENA_LIMIT(stub.len);
        err = nt_ndr_decode(op, NT_NDR_REQUEST, false, stub.data, stub.len, arena, &again, NULL,
                            NULL);
        assert(err == NT_OK);
        out = nt_rpc_value_write(op, NT_NDR_REQUEST, again, true, NULL);
        assert(out != NULL);
    }
    nt_buf_free(&stub);
    return out;
}

/* NULL: neither one nor the other. */
static json_t *parameters(const char *text, size_t len)
{
    char line[256], why[NT_RPC_TEXT_WHY];
    json_t *j = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    if (j != NULL)
        return j;
    j = json_object();
    for (size_t at = 0; at < len && j != NULL; at++) {
        size_t n = 0;
        while (at < len && text[at] != '\n' && text[at] != '\0' && n < sizeof line - 1)
            line[n++] = text[at++];
        line[n] = '\0';
        if (!nt_rpc_text_put(j, line, why)) {
            assert(why[0] != '\0');
            json_decref(j);
            j = NULL;
        }
    }
    return j;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_arena arena;
    char why[NT_RPC_VALUE_WHY];
    void *args;
    size_t count = 0;
    while (nt_ndr_interfaces[count] != NULL)
        count++;
    if (size < 2 || size > 65536)
        return 0;
    const struct nt_ndr_interface *iface = nt_ndr_interfaces[data[0] % count];
    const struct nt_ndr_op *op = iface->ops[data[1] % iface->op_count];
    json_t *j = parameters((const char *)data + 2, size - 2);
    nt_arena_init(&arena, ARENA);
    bool ok =
        op != NULL && j != NULL && nt_rpc_value_read(op, NT_NDR_REQUEST, j, &arena, &args, why);
    json_t *first = ok ? rewritten(op, args, &arena) : NULL;
    if (first != NULL) {
        arena.limit = arena.used + ARENA;
        if (nt_rpc_value_read(op, NT_NDR_REQUEST, first, &arena, &args, why)) {
            json_t *second = rewritten(op, args, &arena);
            assert(second != NULL && json_equal(first, second));
            json_decref(second);
        }
        json_decref(first);
    }
    json_decref(j);
    nt_arena_free(&arena);
    return 0;
}
