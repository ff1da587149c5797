/*
 * lsa_common.c - see lsa_common.h.
 */
#include <string.h>

#include "service/lsa_common.h"

#define PAGE_MOST 0x20000 /* bytes of one answer of an enumeration, whatever the caller prefers */

ntstatus nt_call_nomem(struct nt_call *call)
{
    return nt_call_fault(call, NT_FAULT_NO_MEMORY);
}

enum nt_caller nt_caller_of(const struct nt_call *call)
{
    struct nt_sid operators;
    if (nt_token_is_anonymous(call->token))
        return NT_CALLER_ANONYMOUS;
    if (nt_token_is_admin(call->token))
        return NT_CALLER_ADMIN;
    if (nt_sid_with_rid(&nt_sid_builtin, NT_RID_ALIAS_ACCOUNT_OPS, &operators) &&
        nt_token_has(call->token, &operators))
        return NT_CALLER_OPERATOR;
    return NT_CALLER_USER;
}

/* --- access --- */

#define GENERIC_ALL     0x10000000u
#define GENERIC_EXECUTE 0x20000000u
#define GENERIC_WRITE   0x40000000u
#define GENERIC_READ    0x80000000u
#define GENERIC_ANY     0xF0000000u

bool nt_access_grant(uint32_t desired, const struct nt_generic *map, uint32_t allowed,
                     uint32_t *granted)
{
    uint32_t asked = desired & ~(GENERIC_ANY | (uint32_t)NT_ACCESS_MAXIMUM);
    asked |= (desired & GENERIC_READ) != 0 ? map->read : 0;
    asked |= (desired & GENERIC_WRITE) != 0 ? map->write : 0;
    asked |= (desired & GENERIC_EXECUTE) != 0 ? map->execute : 0;
    asked |= (desired & GENERIC_ALL) != 0 ? map->all : 0;
    if ((asked & ~allowed) != 0)
        return false;
    *granted = (desired & NT_ACCESS_MAXIMUM) != 0 ? allowed : asked;
    return allowed != 0;
}

struct nt_handle *nt_access_handle(struct nt_call *call, const struct nt_ndr_context *context,
                                   enum nt_handle_kind kind, uint32_t access, ntstatus *status)
{
    struct nt_handle *handle = nt_handle_get(call, context, kind);
    *status = NT_STATUS(SUCCESS);
    if (handle == NULL) {
        *status = NT_STATUS(INVALID_HANDLE);
        return NULL;
    }
    if ((handle->access & access) != access) {
        *status = NT_STATUS(ACCESS_DENIED);
        return NULL;
    }
    return handle;
}

ntstatus nt_access_open(struct nt_call *call, const struct nt_handle *like,
                        struct nt_ndr_context *out)
{
    return nt_handle_open(call, like, out) != NULL ? NT_STATUS(SUCCESS)
                                                   : NT_STATUS(INSUFFICIENT_RESOURCES);
}

/* --- values on the wire --- */

bool nt_wire_string(struct nt_call *call, const char *text, RPC_UNICODE_STRING *out)
{
    return nt_unicode_put(&call->arena, text, out);
}

const char *nt_wire_text(struct nt_call *call, const RPC_UNICODE_STRING *in)
{
    return nt_unicode_get(&call->arena, in);
}

RPC_SID *nt_wire_sid(struct nt_call *call, const struct nt_sid *sid)
{
    return nt_rpc_sid_put(&call->arena, sid);
}

int64_t nt_wire_span(uint64_t seconds)
{
    if (seconds >= (uint64_t)INT64_MAX / NT_TIME_SECOND)
        return INT64_MIN;
    return -(int64_t)(seconds * NT_TIME_SECOND);
}

uint64_t nt_wire_span_read(int64_t span)
{
    if (span == INT64_MIN || span >= 0)
        return 0;
    return (uint64_t)(-span) / NT_TIME_SECOND;
}

struct nt_wire_page nt_wire_page(uint32_t preferred_max)
{
    return (struct nt_wire_page){ .max = preferred_max < PAGE_MOST ? preferred_max : PAGE_MOST };
}

bool nt_wire_page_fits(struct nt_wire_page *page, size_t bytes)
{
    if (page->count > 0 && bytes > page->max - (page->used < page->max ? page->used : page->max))
        return false;
    page->used += (uint32_t)bytes;
    page->count++;
    return true;
}

/* --- security descriptors --- */

#define SD_HEADER       20
#define SD_CONTROL      0x8004u /* self-relative, DACL present */
#define ACCESS_ALLOWED  0
#define ACL_REVISION    2
#define DESCRIPTOR_MOST 1024

uint8_t *nt_wire_descriptor(struct nt_call *call, const struct nt_wire_ace *aces, size_t count,
                            uint32_t *len)
{
    struct nt_sid admins;
    struct nt_buf b;
    uint8_t *out = NULL;
    *len = 0;
    if (!nt_sid_with_rid(&nt_sid_builtin, NT_RID_ALIAS_ADMINS, &admins))
        return NULL;
    nt_buf_init(&b, DESCRIPTOR_MOST);
    uint32_t sid_len = 8 + 4u * admins.sub_count;
    nt_buf_u8(&b, 1); /* revision */
    nt_buf_u8(&b, 0);
    nt_buf_u16le(&b, SD_CONTROL);
    nt_buf_u32le(&b, SD_HEADER);               /* owner */
    nt_buf_u32le(&b, SD_HEADER + sid_len);     /* group */
    nt_buf_u32le(&b, 0);                       /* no SACL */
    nt_buf_u32le(&b, SD_HEADER + 2 * sid_len); /* DACL */
    nt_sid_write(&b, &admins);
    nt_sid_write(&b, &admins);

    uint32_t acl_len = 8;
    for (size_t i = 0; i < count; i++)
        acl_len += 8 + 8 + 4u * aces[i].sid.sub_count;
    nt_buf_u8(&b, ACL_REVISION);
    nt_buf_u8(&b, 0);
    nt_buf_u16le(&b, (uint16_t)acl_len);
    nt_buf_u16le(&b, (uint16_t)count);
    nt_buf_u16le(&b, 0);
    for (size_t i = 0; i < count; i++) {
        nt_buf_u8(&b, ACCESS_ALLOWED);
        nt_buf_u8(&b, 0);
        nt_buf_u16le(&b, (uint16_t)(8 + 8 + 4u * aces[i].sid.sub_count));
        nt_buf_u32le(&b, aces[i].access);
        nt_sid_write(&b, &aces[i].sid);
    }
    if (b.err == NT_OK) {
        out = nt_arena_dup(&call->arena, b.data, b.len);
        *len = (uint32_t)b.len;
    }
    nt_buf_free(&b);
    return out;
}
