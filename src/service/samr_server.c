/*
 * samr_server.c - the SAM server object: connect, its two domains, close, security descriptors.
 * [MS-SAMR] 3.1.5.1, 3.1.5.12, 3.1.5.13.1
 */
#include <string.h>

#include "base/utf16.h"
#include "service/samr_internal.h"

struct nt_sid samr_domain_sid(const struct nt_call *call, bool builtin)
{
    return builtin ? nt_sid_builtin : nt_dir_domain(call->dir)->sid;
}

static ntstatus connect(struct nt_call *call, uint32_t desired, SAMPR_HANDLE *out)
{
    struct nt_handle like = { .kind = NT_HANDLE_SAM_SERVER };
    if (!nt_access_grant(desired, &samr_server_generic, samr_server_allowed(call), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, out);
}

/* [MS-SAMR] 3.1.5.1.4 */
ntstatus samr_connect(struct nt_call *call, void *args)
{
    struct SamrConnect *a = args;
    return connect(call, a->DesiredAccess, &a->ServerHandle);
}

/* [MS-SAMR] 3.1.5.1.3 */
ntstatus samr_connect2(struct nt_call *call, void *args)
{
    struct SamrConnect2 *a = args;
    return connect(call, a->DesiredAccess, &a->ServerHandle);
}

/* Opnum 61, which Windows keeps for itself; layout as SamrConnect2 with one more number. */
ntstatus samr_connect3(struct nt_call *call, void *args)
{
    struct SamrConnect3 *a = args;
    return connect(call, a->DesiredAccess, &a->ServerHandle);
}

/* [MS-SAMR] 3.1.5.1.2 */
ntstatus samr_connect4(struct nt_call *call, void *args)
{
    struct SamrConnect4 *a = args;
    return connect(call, a->DesiredAccess, &a->ServerHandle);
}

#define REVISION         3      /* this server's, [MS-SAMR] 2.2.7.1 */
#define FEATURES_AES_PWD 0x0010 /* takes AES-encrypted passwords, [MS-SAMR] 2.2.7.2 */

/* [MS-SAMR] 3.1.5.1.1 */
ntstatus samr_connect5(struct nt_call *call, void *args)
{
    struct SamrConnect5 *a = args;
    a->OutVersion = 1;
    a->OutRevisionInfo.V1.Revision = REVISION;
    a->OutRevisionInfo.V1.SupportedFeatures = FEATURES_AES_PWD;
    if (a->InVersion != 1)
        return NT_STATUS(NOT_SUPPORTED);
    return connect(call, a->DesiredAccess, &a->ServerHandle);
}

/* [MS-SAMR] 3.1.5.13.1 */
ntstatus samr_close_handle(struct nt_call *call, void *args)
{
    struct SamrCloseHandle *a = args;
    struct nt_handle *handle = nt_handle_get(call, &a->SamHandle, 0);
    if (handle == NULL)
        return NT_STATUS(INVALID_HANDLE);
    if (handle->kind < NT_HANDLE_SAM_SERVER || handle->kind > NT_HANDLE_SAM_ALIAS)
        return NT_STATUS(INVALID_HANDLE);
    nt_handle_close(call, handle);
    a->SamHandle = (struct nt_ndr_context){ 0 };
    return NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.2.1 */
ntstatus samr_enumerate_domains(struct nt_call *call, void *args)
{
    struct SamrEnumerateDomainsInSamServer *a = args;
    ntstatus st;
    struct nt_wire_page page = nt_wire_page(a->PreferedMaximumLength);
    const char *const names[] = { nt_dir_domain(call->dir)->name, "Builtin" };
    if (nt_access_handle(call, &a->ServerHandle, NT_HANDLE_SAM_SERVER, SERVER_ENUMERATE, &st) ==
        NULL)
        return st;
    a->Buffer = nt_arena_alloc(&call->arena, sizeof *a->Buffer);
    SAMPR_RID_ENUMERATION *list = nt_arena_array(&call->arena, NT_COUNT(names), sizeof *list);
    if (a->Buffer == NULL || list == NULL)
        return nt_call_nomem(call);

    uint32_t i = a->EnumerationContext;
    for (; i < NT_COUNT(names); i++) {
        SAMPR_RID_ENUMERATION *entry = &list[page.count];
        if (!nt_wire_string(call, names[i], &entry->Name))
            return nt_call_nomem(call);
        if (!nt_wire_page_fits(&page, sizeof *entry + entry->Name.Length))
            break;
    }
    a->EnumerationContext = i;
    a->Buffer->EntriesRead = page.count;
    a->Buffer->Buffer = list;
    a->CountReturned = page.count;
    return i < NT_COUNT(names) ? NT_STATUS(MORE_ENTRIES) : NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.11.1 */
ntstatus samr_lookup_domain(struct nt_call *call, void *args)
{
    struct SamrLookupDomainInSamServer *a = args;
    ntstatus st;
    if (nt_access_handle(call, &a->ServerHandle, NT_HANDLE_SAM_SERVER, SERVER_LOOKUP, &st) == NULL)
        return st;
    const char *name = nt_wire_text(call, &a->Name);
    if (name == NULL || name[0] == '\0')
        return NT_STATUS(INVALID_PARAMETER);
    bool builtin = nt_name_equal(name, "Builtin");
    if (!builtin && !nt_name_equal(name, nt_dir_domain(call->dir)->name))
        return NT_STATUS(NO_SUCH_DOMAIN);
    struct nt_sid sid = samr_domain_sid(call, builtin);
    a->DomainId = nt_wire_sid(call, &sid);
    return a->DomainId != NULL ? NT_STATUS(SUCCESS) : nt_call_nomem(call);
}

/* [MS-SAMR] 3.1.5.1.5 */
ntstatus samr_open_domain(struct nt_call *call, void *args)
{
    struct SamrOpenDomain *a = args;
    struct nt_handle like = { .kind = NT_HANDLE_SAM_DOMAIN };
    struct nt_sid sid;
    ntstatus st;
    if (nt_access_handle(call, &a->ServerHandle, NT_HANDLE_SAM_SERVER, SERVER_LOOKUP, &st) == NULL)
        return st;
    if (!nt_rpc_sid_get(a->DomainId, &sid))
        return NT_STATUS(INVALID_PARAMETER);
    like.builtin = nt_sid_equal(&sid, &nt_sid_builtin);
    if (!like.builtin && !nt_sid_equal(&sid, &nt_dir_domain(call->dir)->sid))
        return NT_STATUS(NO_SUCH_DOMAIN);
    if (!nt_access_grant(a->DesiredAccess, &samr_domain_generic,
                         samr_domain_allowed(call, like.builtin), &like.access))
        return NT_STATUS(ACCESS_DENIED);
    return nt_access_open(call, &like, &a->DomainHandle);
}

/* [MS-SAMR] 3.1.5.13.8 */
ntstatus samr_rid_to_sid(struct nt_call *call, void *args)
{
    struct SamrRidToSid *a = args;
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    struct nt_sid sid;
    if (handle == NULL)
        return NT_STATUS(INVALID_HANDLE);
    if (handle->kind < NT_HANDLE_SAM_DOMAIN || handle->kind > NT_HANDLE_SAM_ALIAS)
        return NT_STATUS(INVALID_HANDLE);
    struct nt_sid domain = samr_domain_sid(call, handle->builtin);
    if (!nt_sid_with_rid(&domain, a->Rid, &sid))
        return NT_STATUS(INTERNAL_ERROR);
    a->Sid = nt_wire_sid(call, &sid);
    return a->Sid != NULL ? NT_STATUS(SUCCESS) : nt_call_nomem(call);
}

/* --- security descriptors --- */

#define KNOWN_INFORMATION 0xFu

/* What everybody, the object's own user and administrators may do with that kind of object. */
static bool rights_of(enum nt_handle_kind kind, uint32_t *everyone, uint32_t *all)
{
    static const struct {
        uint32_t everyone, all;
    } rights[] = {
        [NT_HANDLE_SAM_SERVER] = { 0x00020031, SERVER_ALL },
        [NT_HANDLE_SAM_DOMAIN] = { 0x00020385, DOMAIN_ALL },
        [NT_HANDLE_SAM_USER] = { 0x0002035B, USER_ALL },
        [NT_HANDLE_SAM_GROUP] = { 0x00020011, GROUP_ALL },
        [NT_HANDLE_SAM_ALIAS] = { 0x0002000C, ALIAS_ALL },
    };
    if (kind < NT_HANDLE_SAM_SERVER || kind > NT_HANDLE_SAM_ALIAS)
        return false;
    *everyone = rights[kind].everyone;
    *all = rights[kind].all;
    return true;
}

/* [MS-SAMR] 3.1.5.12.2. The descriptor is made from the fixed rule of samr_access.c; clients read
 * it to see whether a user may change the own password. */
ntstatus samr_query_security(struct nt_call *call, void *args)
{
    struct SamrQuerySecurityObject *a = args;
    struct nt_wire_ace aces[4];
    uint32_t everyone, all, len;
    size_t count = 0;
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    if (handle == NULL || !rights_of(handle->kind, &everyone, &all))
        return NT_STATUS(INVALID_HANDLE);
    if ((a->SecurityInformation & ~KNOWN_INFORMATION) != 0)
        return NT_STATUS(INVALID_PARAMETER);
    if ((handle->access & NT_ACCESS_READ_CONTROL) == 0)
        return NT_STATUS(ACCESS_DENIED);

    aces[count++] = (struct nt_wire_ace){ nt_sid_everyone, everyone };
    aces[count].access = all;
    if (nt_sid_with_rid(&nt_sid_builtin, NT_RID_ALIAS_ADMINS, &aces[count].sid))
        count++;
    if (handle->kind == NT_HANDLE_SAM_USER) {
        struct nt_sid domain = samr_domain_sid(call, false);
        aces[count].access = everyone | USER_WRITE_PREFERENCES;
        if (nt_sid_with_rid(&domain, handle->rid, &aces[count].sid))
            count++;
    }
    a->SecurityDescriptor = nt_arena_alloc(&call->arena, sizeof *a->SecurityDescriptor);
    if (a->SecurityDescriptor == NULL)
        return nt_call_nomem(call);
    a->SecurityDescriptor->SecurityDescriptor = nt_wire_descriptor(call, aces, count, &len);
    a->SecurityDescriptor->Length = len;
    return a->SecurityDescriptor->SecurityDescriptor != NULL ? NT_STATUS(SUCCESS)
                                                             : nt_call_nomem(call);
}

/* [MS-SAMR] 3.1.5.12.1. Who may do what is a fixed rule here; a descriptor cannot change it. */
ntstatus samr_set_security(struct nt_call *call, void *args)
{
    struct SamrSetSecurityObject *a = args;
    struct nt_handle *handle = nt_handle_get(call, &a->ObjectHandle, 0);
    if (handle == NULL)
        return NT_STATUS(INVALID_HANDLE);
    if ((handle->access & NT_ACCESS_WRITE_DAC) == 0)
        return NT_STATUS(ACCESS_DENIED);
    return NT_STATUS(NOT_SUPPORTED);
}
