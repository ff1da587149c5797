/*
 * handles.c - context handles: a small table of a connection, found by its random identifier.
 */
#include <stdlib.h>

#include "service/service_internal.h"

static struct nt_uuid random_uuid(const struct nt_env *env)
{
    uint8_t raw[16];
    struct nt_cursor c;
    nt_random(env, raw, sizeof raw);
    raw[7] = (uint8_t)((raw[7] & 0x0F) | 0x40); /* RFC 4122 version 4: never nil */
    raw[8] = (uint8_t)((raw[8] & 0x3F) | 0x80);
    nt_cursor_init(&c, raw, sizeof raw);
    return nt_uuid_read(&c);
}

struct nt_handle *nt_handle_open(struct nt_call *call, const struct nt_handle *like,
                                 struct nt_ndr_context *out)
{
    struct nt_conn *conn = call->conn;
    if (conn->handle_count == NT_HANDLES_MAX)
        return NULL;
    struct nt_handle *handle = malloc(sizeof *handle);
    if (handle == NULL)
        return NULL;
    *handle = *like;
    handle->uuid = random_uuid(call->service->env);
    conn->handles[conn->handle_count++] = handle;
    *out = (struct nt_ndr_context){ .uuid = handle->uuid };
    return handle;
}

struct nt_handle *nt_handle_get(struct nt_call *call, const struct nt_ndr_context *context,
                                enum nt_handle_kind kind)
{
    struct nt_conn *conn = call->conn;
    for (size_t i = 0; i < conn->handle_count; i++) {
        struct nt_handle *handle = conn->handles[i];
        if (!nt_uuid_equal(&handle->uuid, &context->uuid))
            continue;
        return kind == 0 || handle->kind == kind ? handle : NULL;
    }
    call->fault = NT_FAULT_CONTEXT_MISMATCH;
    return NULL;
}

void nt_handle_close(struct nt_call *call, struct nt_handle *handle)
{
    struct nt_conn *conn = call->conn;
    for (size_t i = 0; i < conn->handle_count; i++) {
        if (conn->handles[i] != handle)
            continue;
        conn->handles[i] = conn->handles[--conn->handle_count];
        free(handle);
        return;
    }
}

void nt_handles_free(struct nt_conn *conn)
{
    for (size_t i = 0; i < conn->handle_count; i++)
        free(conn->handles[i]);
    conn->handle_count = 0;
}
