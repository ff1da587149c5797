/*
 * lsa_secret.c - LSA secrets: named values of administrators, encrypted on the wire under the
 * session key. The secrets of trusts are not among them: they live in their TDOs and are never
 * given out. [MS-LSAD] 3.1.1.4, 3.1.4.6, 3.1.4.9.3
 */
#include <string.h>
#include <strings.h>

#include "crypto/lsa.h"
#include "service/lsa_internal.h"

#define CIPHER_MOST 65552 /* of 64 KiB, with the header; NT_LSA_SECRET_MAX bounds it as well */

ntstatus lsa_decrypt(struct nt_call *call, const LSAPR_CR_CIPHER_VALUE *in, struct lsa_plain *out)
{
    *out = (struct lsa_plain){ 0 };
    if (in == NULL)
        return NT_STATUS(SUCCESS);
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    if (in->Buffer == NULL || in->Length > CIPHER_MOST)
        return NT_STATUS(INVALID_PARAMETER);
    uint8_t *plain = nt_arena_alloc(&call->arena, in->Length + 1u);
    if (plain == NULL)
        return nt_call_nomem(call);
    enum nt_err err =
        nt_lsa_secret_decrypt(call->session_key, in->Buffer, in->Length, plain, &out->len);
    if (err != NT_OK)
        return NT_STATUS(INVALID_PARAMETER);
    out->data = plain;
    return NT_STATUS(SUCCESS);
}

static ntstatus encrypt(struct nt_call *call, const uint8_t *data, size_t len,
                        LSAPR_CR_CIPHER_VALUE **out)
{
    *out = NULL;
    if (data == NULL)
        return NT_STATUS(SUCCESS);
    if (call->session_key == NULL)
        return NT_STATUS(ACCESS_DENIED);
    size_t size = nt_lsa_secret_size(len);
    LSAPR_CR_CIPHER_VALUE *value = nt_arena_alloc(&call->arena, sizeof *value);
    uint8_t *cipher = nt_arena_alloc(&call->arena, size);
    if (value == NULL || cipher == NULL)
        return nt_call_nomem(call);
    nt_lsa_secret_encrypt(call->session_key, data, len, cipher);
    value->Length = value->MaximumLength = (uint32_t)size;
    value->Buffer = cipher;
    *out = value;
    return NT_STATUS(SUCCESS);
}

static bool begins(const char *name, const char *prefix)
{
    return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* The name of a secret that clients may use; NULL with *status set. "G$$..." are those of trusts.
 * [MS-LSAD] 3.1.1.4 */
static const char *secret_name(struct nt_call *call, const RPC_UNICODE_STRING *in, ntstatus *status)
{
    struct nt_handle *handle = NULL;
    const char *name = nt_wire_text(call, in);
    *status = NT_STATUS(INVALID_PARAMETER);
    if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof handle->name ||
        strchr(name, '\\') != NULL)
        return NULL;
    *status = NT_STATUS(SUCCESS);
    return name;
}

/* Secrets that never leave the computer, [MS-LSAD] 3.1.1.4 */
static bool is_local(const char *name)
{
    return begins(name, "L$") || begins(name, "M$") || begins(name, "G$$");
}

/* --- objects --- */

static ntstatus open_secret(struct nt_call *call, const char *name, uint32_t desired,
                            LSAPR_HANDLE *out)
{
    struct nt_handle like = { .kind = NT_HANDLE_LSA_SECRET };
    if (!nt_access_grant(desired, &lsa_secret_generic, lsa_is_admin(call) ? SECRET_ALL : 0,
                         &like.access))
        return NT_STATUS(ACCESS_DENIED);
    memcpy(like.name, name, strlen(name) + 1);
    return nt_access_open(call, &like, out);
}

/* [MS-LSAD] 3.1.4.6.2 */
ntstatus lsa_open_secret(struct nt_call *call, void *args)
{
    struct LsarOpenSecret *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, 0, &st) == NULL)
        return st;
    const char *name = secret_name(call, &a->SecretName, &st);
    if (name == NULL)
        return st;
    if (!lsa_is_admin(call))
        return NT_STATUS(ACCESS_DENIED);
    const struct nt_lsa_secret *secret = nt_dir_secret(call->dir, name);
    if (secret == NULL || begins(name, "G$$"))
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return open_secret(call, name, a->DesiredAccess, &a->SecretHandle);
}

struct secret_change {
    const char *name;
    struct lsa_plain current, old;
    bool must_exist, must_be_new;
};

static ntstatus decide_secret(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct secret_change *c = call->state;
    bool exists = nt_dir_secret(nt_txn_dir(txn), c->name) != NULL;
    (void)args;
    if (c->must_be_new && exists)
        return NT_STATUS(OBJECT_NAME_COLLISION);
    if (c->must_exist && !exists)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return nt_op_secret_set(txn, c->name, c->current.data, c->current.len, c->old.data, c->old.len,
                            call->token->name, nt_conn_peer(call->conn));
}

static ntstatus decide_delete(struct nt_call *call, void *args, struct nt_txn *txn)
{
    const struct secret_change *c = call->state;
    (void)args;
    return nt_op_secret_delete(txn, c->name, call->token->name, nt_conn_peer(call->conn));
}

static struct secret_change *prepare(struct nt_call *call, const char *name)
{
    struct secret_change *c = nt_arena_alloc(&call->arena, sizeof *c);
    char *copy = nt_arena_strdup(&call->arena, name);
    if (c == NULL || copy == NULL)
        return NULL;
    c->name = copy;
    call->state = c;
    return c;
}

static ntstatus created(struct nt_call *call, void *args, ntstatus status)
{
    struct LsarCreateSecret *a = args;
    const struct secret_change *c = call->state;
    return nt_status_ok(status) ? open_secret(call, c->name, a->DesiredAccess, &a->SecretHandle)
                                : status;
}

/* [MS-LSAD] 3.1.4.6.1 */
ntstatus lsa_create_secret(struct nt_call *call, void *args)
{
    struct LsarCreateSecret *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_CREATE_SECRET, &st) ==
        NULL)
        return st;
    const char *name = secret_name(call, &a->SecretName, &st);
    if (name == NULL)
        return st;
    if (begins(name, "G$$"))
        return NT_STATUS(ACCESS_DENIED);
    struct secret_change *c = prepare(call, name);
    if (c == NULL)
        return nt_call_nomem(call);
    c->must_be_new = true;
    return nt_call_change(call, decide_secret, created);
}

/* [MS-LSAD] 3.1.4.6.3 */
ntstatus lsa_set_secret(struct nt_call *call, void *args)
{
    struct LsarSetSecret *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->SecretHandle, NT_HANDLE_LSA_SECRET, SECRET_SET, &st);
    if (handle == NULL)
        return st;
    struct secret_change *c = prepare(call, handle->name);
    if (c == NULL)
        return nt_call_nomem(call);
    c->must_exist = true;
    st = lsa_decrypt(call, a->EncryptedCurrentValue, &c->current);
    if (nt_status_ok(st))
        st = lsa_decrypt(call, a->EncryptedOldValue, &c->old);
    return nt_status_ok(st) ? nt_call_change(call, decide_secret, lsa_as_decided) : st;
}

/* [MS-LSAD] 3.1.4.6.4 */
ntstatus lsa_query_secret(struct nt_call *call, void *args)
{
    struct LsarQuerySecret *a = args;
    ntstatus st;
    struct nt_handle *handle =
        nt_access_handle(call, &a->SecretHandle, NT_HANDLE_LSA_SECRET, SECRET_QUERY, &st);
    if (handle == NULL)
        return st;
    const struct nt_lsa_secret *secret = nt_dir_secret(call->dir, handle->name);
    if (secret == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    if (is_local(handle->name))
        return NT_STATUS(ACCESS_DENIED);
    st = NT_STATUS(SUCCESS);
    if (a->EncryptedCurrentValue != NULL)
        st = encrypt(call, secret->current, secret->current_len, a->EncryptedCurrentValue);
    if (nt_status_ok(st) && a->EncryptedOldValue != NULL)
        st = encrypt(call, secret->old, secret->old_len, a->EncryptedOldValue);
    if (a->CurrentValueSetTime != NULL)
        a->CurrentValueSetTime->QuadPart = (int64_t)secret->current_set;
    if (a->OldValueSetTime != NULL)
        a->OldValueSetTime->QuadPart = (int64_t)secret->old_set;
    return st;
}

ntstatus lsa_delete_secret(struct nt_call *call, const char *name)
{
    if (prepare(call, name) == NULL)
        return nt_call_nomem(call);
    return nt_call_change(call, decide_delete, lsa_as_decided);
}

/* --- private data: secrets without handles --- */

/* [MS-LSAD] 3.1.4.6.5; no data deletes. */
ntstatus lsa_store_private_data(struct nt_call *call, void *args)
{
    struct LsarStorePrivateData *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_CREATE_SECRET, &st) ==
        NULL)
        return st;
    const char *name = secret_name(call, &a->KeyName, &st);
    if (name == NULL)
        return st;
    if (begins(name, "G$$"))
        return NT_STATUS(ACCESS_DENIED);
    if (a->EncryptedData == NULL)
        return lsa_delete_secret(call, name);
    struct secret_change *c = prepare(call, name);
    if (c == NULL)
        return nt_call_nomem(call);
    st = lsa_decrypt(call, a->EncryptedData, &c->current);
    return nt_status_ok(st) ? nt_call_change(call, decide_secret, lsa_as_decided) : st;
}

/* [MS-LSAD] 3.1.4.6.6 */
ntstatus lsa_retrieve_private_data(struct nt_call *call, void *args)
{
    struct LsarRetrievePrivateData *a = args;
    ntstatus st;
    a->EncryptedData = NULL;
    if (nt_access_handle(call, &a->PolicyHandle, NT_HANDLE_LSA_POLICY, POLICY_GET_PRIVATE, &st) ==
        NULL)
        return st;
    const char *name = secret_name(call, &a->KeyName, &st);
    if (name == NULL)
        return st;
    if (is_local(name))
        return NT_STATUS(ACCESS_DENIED);
    const struct nt_lsa_secret *secret = nt_dir_secret(call->dir, name);
    if (secret == NULL)
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    return encrypt(call, secret->current, secret->current_len, &a->EncryptedData);
}
