/*
 * fuzz_store_record.c - the readers of stored blobs. The first byte picks the kind. What is read
 * and of the newest version must be written back to the same bytes: nothing is lost and nothing has
 * two forms. An older version is written as the newest, for which the same holds.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a blob and writes it again; false: it is not one. */
static bool rewrite(enum nt_kind kind, const uint8_t *data, size_t len, struct nt_buf *out)
{
    struct nt_cursor c;
    enum nt_err err = NT_E_NOMEM;
    void *record = nt_record_new(kind);
    if (record == NULL)
        return false;
    nt_cursor_init(&c, data, len);
    nt_buf_init(out, 1024 * 1024);
    if (kind == NT_KIND_ACCOUNT && (err = nt_blob_account_read(&c, record)) == NT_OK)
        nt_blob_account_write(out, record);
    else if (kind == NT_KIND_TDO && (err = nt_blob_tdo_read(&c, record)) == NT_OK)
        nt_blob_tdo_write(out, record);
    else if (kind == NT_KIND_SECRET && (err = nt_blob_secret_read(&c, record)) == NT_OK)
        nt_blob_secret_write(out, record);
    nt_record_unref(record);
    if (err == NT_OK && out->err == NT_OK)
        return true;
    nt_buf_free(out);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nt_kind kinds[] = { NT_KIND_ACCOUNT, NT_KIND_TDO, NT_KIND_SECRET };
    struct nt_buf first, second;
    if (size == 0)
        return 0;
    enum nt_kind kind = kinds[data[0] % NT_COUNT(kinds)];
    const uint8_t *blob = data + 1;
    if (!rewrite(kind, blob, size - 1, &first))
        return 0;
    if (first.data[0] == blob[0]) { /* the version */
        assert(first.len == size - 1);
        assert(memcmp(first.data, blob, first.len) == 0);
    }
    bool again = rewrite(kind, first.data, first.len, &second);
    assert(again);
    assert(second.len == first.len && memcmp(second.data, first.data, first.len) == 0);
    nt_buf_free(&second);
    nt_buf_free(&first);
    return 0;
}
