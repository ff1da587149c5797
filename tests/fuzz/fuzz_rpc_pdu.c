/* A PDU that can be read is written again as bytes that read the same. */
#include <assert.h>
#include <string.h>

#include "rpc/pdu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nt_rpc_pdu first, second;
    struct nt_buf once, twice;

    if (nt_rpc_pdu_read(&first, data, size) != NT_OK)
        return 0;
    nt_buf_init(&once, 1u << 20);
    nt_buf_init(&twice, 1u << 20);
    nt_rpc_pdu_write(&first, &once);
    /* Reserved fields that are written as zero may differ from the input, nothing else. */
    assert(once.err == NT_OK && once.len == size);
    enum nt_err err = nt_rpc_pdu_read(&second, once.data, once.len);
    assert(err == NT_OK);
    nt_rpc_pdu_write(&second, &twice);
    assert(twice.err == NT_OK && twice.len == once.len);
    assert(memcmp(once.data, twice.data, once.len) == 0);
    nt_buf_free(&once);
    nt_buf_free(&twice);
    return 0;
}
