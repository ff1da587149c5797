/*
 * The blobs of LSARPC and AD that hold a trust's passwords. Property: entries lie inside the blob,
 * and what was read is written and read again as the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/lsa.h"

static void inside(const struct nt_trust_auth_list *l, const uint8_t *data, size_t size)
{
    assert(l->count <= NT_TRUST_AUTH_MAX);
    for (size_t i = 0; i < l->count; i++) {
        const struct nt_trust_auth_info *e = &l->info[i];
        assert(e->data >= data && e->len <= size - (size_t)(e->data - data));
    }
}

static void half(const uint8_t *data, size_t size)
{
    struct nt_trust_auth_half h, again;
    struct nt_buf out;

    if (nt_trust_auth_half_decode(data, size, &h) != NT_OK)
        return;
    inside(&h.current, data, size);
    inside(&h.previous, data, size);
    /* Overlapping entries may add up to more than the input. */
    nt_buf_init(&out, 2 * NT_TRUST_AUTH_MAX * (size + 32));
    nt_trust_auth_half_encode(&h, &out);
    assert(out.err == NT_OK);
    enum nt_err err = nt_trust_auth_half_decode(out.data, out.len, &again);
    assert(err == NT_OK && again.current.count == h.current.count &&
           again.previous.count == h.previous.count);
    (void)err;
    nt_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nt_secret key = { .len = 16 };
    struct nt_trust_auth auth;
    size_t len;

    half(data, size);
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    if (nt_lsa_auth_blob_decode(&key, copy, size, &auth) == NT_OK) {
        inside(&auth.outgoing.current, copy, size);
        inside(&auth.incoming.previous, copy, size);
    }
    memcpy(copy, data, size);
    if (nt_lsa_secret_decrypt(&key, copy, size, copy, &len) == NT_OK)
        assert(len + 8 <= size);
    free(copy);
    return 0;
}
