/*
 * wire.c - texts, SIDs and times between Netlogon's structures and the model.
 */
#include "service/wire.h"

#include <string.h>

#include "base/utf16.h"

#define TEXT_MAX_UNITS 32000 /* of one text: both lengths on the wire are 16 bits of bytes */

bool nt_unicode_put(struct nt_arena *a, const char *text, RPC_UNICODE_STRING *out)
{
    uint16_t *units = NULL;
    size_t count = 0;
    *out = (RPC_UNICODE_STRING){ 0 };
    if (text[0] == '\0')
        return true;
    if (nt_utf16_from_utf8(a, text, &units, &count) != NT_OK || count > TEXT_MAX_UNITS)
        return false;
    out->Length = (uint16_t)(count * 2);
    out->MaximumLength = out->Length;
    out->Buffer = units;
    return true;
}

const char *nt_unicode_get(struct nt_arena *a, const RPC_UNICODE_STRING *in)
{
    char *text = NULL;
    size_t units = in->Length / 2, n = 0;
    if (in->Buffer == NULL)
        return "";
    while (n < units && in->Buffer[n] != 0)
        n++;
    return nt_utf8_from_utf16(a, in->Buffer, n, &text) == NT_OK ? text : NULL;
}

RPC_SID *nt_rpc_sid_put(struct nt_arena *a, const struct nt_sid *sid)
{
    RPC_SID *out = nt_arena_alloc(a, sizeof *out + sid->sub_count * sizeof out->SubAuthority[0]);
    if (out == NULL)
        return NULL;
    out->Revision = sid->revision;
    out->SubAuthorityCount = sid->sub_count;
    memcpy(out->IdentifierAuthority.Value, sid->authority, sizeof sid->authority);
    for (size_t i = 0; i < sid->sub_count; i++)
        out->SubAuthority[i] = sid->sub[i];
    return out;
}

bool nt_rpc_sid_get(const RPC_SID *in, struct nt_sid *out)
{
    *out = (struct nt_sid){ 0 };
    if (in == NULL || in->Revision != 1 || in->SubAuthorityCount > NT_SID_MAX_SUBS)
        return false;
    out->revision = in->Revision;
    out->sub_count = in->SubAuthorityCount;
    memcpy(out->authority, in->IdentifierAuthority.Value, sizeof out->authority);
    for (size_t i = 0; i < out->sub_count; i++)
        out->sub[i] = in->SubAuthority[i];
    return true;
}

OLD_LARGE_INTEGER nt_old_time(nt_time t)
{
    return (OLD_LARGE_INTEGER){ .LowPart = (uint32_t)t, .HighPart = (int32_t)(t >> 32) };
}
