/*
 * epm.c - the endpoint mapper: which interfaces are served here, at which TCP port and pipe.
 * Source: [C706] appendix O, [MS-RPCE] 2.2.1.2, 3.1.2.5.1.
 */
#include <stdio.h>
#include <string.h>

#include "idl/epm.h"
#include "service/service_internal.h"
#include "service/tower.h"

/* Status codes of the endpoint mapper, [C706] appendix E. */
#define EPT_OK             0u
#define EPT_CANT_PERFORM   0x16C9A0CDu
#define EPT_NOT_REGISTERED 0x16C9A0D6u

/* VersOption of ept_lookup, [C706] appendix O */
enum { VERS_ALL = 1, VERS_COMPATIBLE, VERS_EXACT, VERS_MAJOR_ONLY, VERS_UPTO };

/* What stands in the map: everything that is served beside the mapper itself. */
static const struct {
    const struct nt_interface *iface;
    const char *annotation;
    const char *pipe; /* NULL: the TCP port */
} map[] = {
    { &nt_netlogon_interface, "Net Logon", NULL },
    { &nt_lsarpc_interface, "LSA", NULL },
    { &nt_samr_interface, "SAM", NULL },
    { &nt_netlogon_interface, "Net Logon", "\\pipe\\lsass" },
    { &nt_lsarpc_interface, "LSA", "\\pipe\\lsass" },
    { &nt_samr_interface, "SAM", "\\pipe\\lsass" },
    { &nt_dssetup_interface, "Role of the server", "\\pipe\\lsass" },
    { &nt_srvsvc_interface, "Server service", "\\pipe\\ntsvcs" },
    { &nt_wkssvc_interface, "Workstation service", "\\pipe\\ntsvcs" },
};

static const struct nt_uuid ndr32 = {
    0x8A885D04, 0x1CEB, 0x11C9, { 0x9F, 0xE8, 0x08, 0x00, 0x2B, 0x10, 0x48, 0x60 }
};

static ntstatus ept(uint32_t code)
{
    return (ntstatus){ code };
}

static bool is_served(const struct nt_call *call, size_t entry)
{
    return map[entry].pipe == NULL || call->service->settings.smb;
}

/* The tower of an entry, in the arena; NULL: no memory. */
static twr_t *make_tower(struct nt_call *call, size_t entry)
{
    const struct nt_ndr_interface *layout = map[entry].iface->layout;
    char host[64];
    struct nt_tower tower = {
        .iface = layout->uuid,
        .major = layout->major,
        .minor = layout->minor,
        .transfer = ndr32,
        .transfer_version = 2,
        .transport = map[entry].pipe != NULL ? NT_TOWER_PIPE : NT_TOWER_TCP,
        .pipe = map[entry].pipe,
        .host = host,
        .port = call->service->settings.rpc_port,
        .address = call->service->settings.rpc_address,
    };
    snprintf(host, sizeof host, "\\\\%s", nt_service_computer(call->service, call->dir));
    if (tower.address == 0)
        nt_tower_address(nt_conn_local(call->conn), &tower.address);

    struct nt_buf b;
    nt_buf_init(&b, NT_TOWER_MAX);
    nt_tower_write(&b, &tower);
    twr_t *out = NULL;
    if (b.err == NT_OK)
        out = nt_arena_alloc(&call->arena, sizeof *out + b.len);
    if (out != NULL) {
        out->tower_length = (uint32_t)b.len;
        memcpy(out->tower_octet_string, b.data, b.len);
    }
    nt_buf_free(&b);
    return out;
}

/* At most one tower answers: each interface is served at one place of a transport. */
static ntstatus ept_map_call(struct nt_call *call, void *args)
{
    struct ept_map *a = args;
    struct nt_tower asked;
    a->num_towers = 0;
    a->ITowers = nt_arena_array(&call->arena, 1, sizeof *a->ITowers);
    if (a->ITowers == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    if (a->max_towers == 0)
        return ept(EPT_CANT_PERFORM);
    if (a->map_tower == NULL || nt_tower_read(a->map_tower->tower_octet_string,
                                              a->map_tower->tower_length, &asked) != NT_OK)
        return ept(EPT_NOT_REGISTERED);
    if (asked.transport != NT_TOWER_TCP && asked.transport != NT_TOWER_PIPE)
        return ept(EPT_NOT_REGISTERED);

    for (size_t i = 0; i < NT_COUNT(map); i++) {
        const struct nt_ndr_interface *layout = map[i].iface->layout;
        if (!is_served(call, i) || (map[i].pipe != NULL) != (asked.transport == NT_TOWER_PIPE))
            continue;
        if (!nt_uuid_equal(&layout->uuid, &asked.iface) || layout->major != asked.major ||
            asked.minor > layout->minor)
            continue;
        a->ITowers[0] = make_tower(call, i);
        if (a->ITowers[0] == NULL)
            return nt_call_fault(call, NT_FAULT_NO_MEMORY);
        a->num_towers = 1;
        return ept(EPT_OK);
    }
    return ept(EPT_NOT_REGISTERED);
}

static bool version_fits(const struct nt_ndr_interface *have, const RPC_IF_ID *want,
                         uint32_t option)
{
    switch (option) {
    case VERS_ALL:
        return true;
    case VERS_COMPATIBLE:
        return have->major == want->VersMajor && have->minor >= want->VersMinor;
    case VERS_EXACT:
        return have->major == want->VersMajor && have->minor == want->VersMinor;
    case VERS_MAJOR_ONLY:
        return have->major == want->VersMajor;
    case VERS_UPTO:
        return have->major < want->VersMajor ||
               (have->major == want->VersMajor && have->minor <= want->VersMinor);
    default:
        return false;
    }
}

/* Our entries have no object, so asking for one finds nothing. */
static bool entry_fits(size_t entry, const struct ept_lookup *a)
{
    const struct nt_ndr_interface *have = map[entry].iface->layout;
    switch (a->InquiryType) {
    case RPC_C_EP_ALL_ELTS:
        return true;
    case RPC_C_EP_MATCH_BY_IF:
        return a->Ifid != NULL && nt_uuid_equal(&a->Ifid->Uuid, &have->uuid) &&
               version_fits(have, a->Ifid, a->VersOption);
    default:
        return false;
    }
}

/* Where a client stands in the list is in its handle; nil begins. The handle ends with an answer
 * that has room left, with the empty one that says "no more", or with the connection. */
static struct nt_handle *position(struct nt_call *call, struct nt_ndr_context *context)
{
    static const struct nt_handle fresh = { .kind = NT_HANDLE_EPM };
    if (!nt_uuid_is_nil(&context->uuid))
        return nt_handle_get(call, context, NT_HANDLE_EPM);
    return nt_handle_open(call, &fresh, context);
}

/* Deviation: status 0 goes with the last entries, and not registered only with an empty answer:
 * other servers give both at once, and some clients then show nothing. */
static ntstatus ept_lookup_call(struct nt_call *call, void *args)
{
    struct ept_lookup *a = args;
    uint32_t max = a->maxEnts, n = 0;
    a->numEnts = 0;
    a->entries = nt_arena_array(&call->arena, NT_COUNT(map), sizeof *a->entries);
    if (a->entries == NULL)
        return nt_call_fault(call, NT_FAULT_NO_MEMORY);
    struct nt_handle *handle = position(call, &a->entry_handle);
    if (handle == NULL || max == 0)
        return ept(EPT_CANT_PERFORM);

    for (; handle->cursor < NT_COUNT(map) && n < max; handle->cursor++) {
        ept_entry_t *entry = &a->entries[n];
        if (!is_served(call, handle->cursor) || !entry_fits(handle->cursor, a))
            continue;
        entry->tower = make_tower(call, handle->cursor);
        if (entry->tower == NULL)
            return nt_call_fault(call, NT_FAULT_NO_MEMORY);
        const char *annotation = map[handle->cursor].annotation;
        memcpy(entry->annotation, annotation, strlen(annotation) + 1);
        n++;
    }
    a->numEnts = n;
    /* A page with room left is the last: some clients ask on until the handle is nil. After a full
     * page it is not, since clients that ask for one entry at a time go by the status alone. */
    if (n < max) {
        nt_handle_close(call, handle);
        a->entry_handle = (struct nt_ndr_context){ 0 };
    }
    return ept(n > 0 ? EPT_OK : EPT_NOT_REGISTERED);
}

static ntstatus ept_lookup_handle_free_call(struct nt_call *call, void *args)
{
    struct ept_lookup_handle_free *a = args;
    if (!nt_uuid_is_nil(&a->entry_handle.uuid)) {
        struct nt_handle *handle = nt_handle_get(call, &a->entry_handle, NT_HANDLE_EPM);
        if (handle != NULL)
            nt_handle_close(call, handle);
    }
    a->entry_handle = (struct nt_ndr_context){ 0 };
    return ept(EPT_OK);
}

static const struct nt_op ops[] = {
    [2] = { &ndr_ept_lookup, ept_lookup_call, NT_NEEDS_NOTHING },
    [3] = { &ndr_ept_map, ept_map_call, NT_NEEDS_NOTHING },
    [4] = { &ndr_ept_lookup_handle_free, ept_lookup_handle_free_call, NT_NEEDS_NOTHING },
};

const struct nt_interface nt_epm_interface = {
    .layout = &ndr_epm,
    .ops = ops,
    .op_count = NT_COUNT(ops),
};
