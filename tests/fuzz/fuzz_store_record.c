/*
 * fuzz_store_record.c - the readers of stored blobs. The first byte picks the kind. What is read
 * must be written back to the same bytes: nothing is lost and nothing has two forms.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nt_kind kinds[] = { NT_KIND_ACCOUNT, NT_KIND_TDO, NT_KIND_SECRET };
    struct nt_cursor c;
    struct nt_buf b;
    enum nt_err err = NT_E_NOMEM;
    if (size == 0)
        return 0;
    enum nt_kind kind = kinds[data[0] % NT_COUNT(kinds)];
    void *record = nt_record_new(kind);
    if (record == NULL)
        return 0;
    nt_cursor_init(&c, data + 1, size - 1);
    nt_buf_init(&b, 1024 * 1024);
    if (kind == NT_KIND_ACCOUNT && (err = nt_blob_account_read(&c, record)) == NT_OK)
        nt_blob_account_write(&b, record);
    else if (kind == NT_KIND_TDO && (err = nt_blob_tdo_read(&c, record)) == NT_OK)
        nt_blob_tdo_write(&b, record);
    else if (kind == NT_KIND_SECRET && (err = nt_blob_secret_read(&c, record)) == NT_OK)
        nt_blob_secret_write(&b, record);
    if (err == NT_OK && b.err == NT_OK) {
        assert(b.len == size - 1);
        assert(memcmp(b.data, data + 1, b.len) == 0);
    }
    nt_buf_free(&b);
    nt_record_unref(record);
    return 0;
}
