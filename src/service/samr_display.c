/*
 * samr_display.c - lists for people: sorted by name, entered at any index. [MS-SAMR] 3.1.5.3
 *
 * A page is made from a sorted list of the whole directory: for ten thousand accounts that takes
 * a few milliseconds, and nothing needs to be kept between two calls.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf16.h"
#include "service/samr_internal.h"

struct shown {
    const char *name, *comment, *full_name;
    uint32_t rid, control; /* control: group attributes for groups */
};

static int by_name(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->name, y->name);
}

static bool level_shows(uint32_t level, const struct nt_account *account)
{
    uint32_t wanted = level == DomainDisplayMachine ? NT_ACB_WORKSTATION | NT_ACB_SERVER
                                                    : (uint32_t)NT_ACB_NORMAL;
    return (account->acb & wanted) != 0;
}

static size_t collect(struct nt_call *call, uint32_t level, struct shown *list, size_t max)
{
    size_t count = 0;
    uint32_t rid = 0;
    if (level == DomainDisplayGroup || level == DomainDisplayOemGroup) {
        const struct nt_group *group;
        while (count < max && (group = nt_dir_group_after(call->dir, rid)) != NULL) {
            rid = group->rid;
            list[count++] = (struct shown){ .name = group->name,
                                            .comment = group->comment,
                                            .rid = rid,
                                            .control = group->attributes };
        }
        return count;
    }
    const struct nt_policy *policy = nt_dir_policy(call->dir);
    const struct nt_account *account;
    nt_time now = nt_now(call->service->env);
    while (count < max && (account = nt_dir_account_after(call->dir, rid)) != NULL) {
        rid = account->rid;
        if (level_shows(level, account))
            list[count++] = (struct shown){ .name = account->name,
                                            .comment = account->comment,
                                            .full_name = account->full_name,
                                            .rid = rid,
                                            .control = nt_account_acb(account, policy, now) };
    }
    return count;
}

/* Everything a level shows, in order; NULL: no memory. */
static struct shown *sorted(struct nt_call *call, bool builtin, uint32_t level, size_t *count)
{
    bool groups = level == DomainDisplayGroup || level == DomainDisplayOemGroup;
    size_t max = nt_dir_count(call->dir, groups ? NT_KIND_GROUP : NT_KIND_ACCOUNT);
    struct shown *list = nt_arena_array(&call->arena, max + 1, sizeof *list);
    *count = 0;
    if (list == NULL || builtin)
        return list;
    *count = collect(call, level, list, max);
    qsort(list, *count, sizeof *list, by_name);
    return list;
}

static bool oem_string(struct nt_call *call, const char *name, RPC_STRING *out)
{
    size_t len = strlen(name);
    *out = (RPC_STRING){ .Length = (uint16_t)len, .MaximumLength = (uint16_t)len };
    out->Buffer = nt_arena_dup(&call->arena, name, len);
    return out->Buffer != NULL;
}

static size_t entry_size(uint32_t level, const struct shown *e)
{
    size_t texts = strlen(e->name);
    if (level == DomainDisplayOemUser || level == DomainDisplayOemGroup)
        return 12 + texts;
    texts += strlen(e->comment) + (e->full_name != NULL ? strlen(e->full_name) : 0);
    return 36 + 2 * texts;
}

static bool users(struct nt_call *call, const struct shown *list, uint32_t first, uint32_t count,
                  SAMPR_DOMAIN_DISPLAY_USER_BUFFER *out)
{
    out->Buffer = nt_arena_array(&call->arena, count, sizeof *out->Buffer);
    out->EntriesRead = count;
    for (uint32_t i = 0; out->Buffer != NULL && i < count; i++) {
        SAMPR_DOMAIN_DISPLAY_USER *e = &out->Buffer[i];
        e->Index = first + i + 1;
        e->Rid = list[i].rid;
        e->AccountControl = list[i].control;
        if (!nt_wire_string(call, list[i].name, &e->AccountName) ||
            !nt_wire_string(call, list[i].comment, &e->AdminComment) ||
            !nt_wire_string(call, list[i].full_name, &e->FullName))
            return false;
    }
    return out->Buffer != NULL;
}

static bool machines(struct nt_call *call, const struct shown *list, uint32_t first, uint32_t count,
                     SAMPR_DOMAIN_DISPLAY_MACHINE_BUFFER *out)
{
    out->Buffer = nt_arena_array(&call->arena, count, sizeof *out->Buffer);
    out->EntriesRead = count;
    for (uint32_t i = 0; out->Buffer != NULL && i < count; i++) {
        SAMPR_DOMAIN_DISPLAY_MACHINE *e = &out->Buffer[i];
        e->Index = first + i + 1;
        e->Rid = list[i].rid;
        e->AccountControl = list[i].control;
        if (!nt_wire_string(call, list[i].name, &e->AccountName) ||
            !nt_wire_string(call, list[i].comment, &e->AdminComment))
            return false;
    }
    return out->Buffer != NULL;
}

static bool groups(struct nt_call *call, const struct shown *list, uint32_t first, uint32_t count,
                   SAMPR_DOMAIN_DISPLAY_GROUP_BUFFER *out)
{
    out->Buffer = nt_arena_array(&call->arena, count, sizeof *out->Buffer);
    out->EntriesRead = count;
    for (uint32_t i = 0; out->Buffer != NULL && i < count; i++) {
        SAMPR_DOMAIN_DISPLAY_GROUP *e = &out->Buffer[i];
        e->Index = first + i + 1;
        e->Rid = list[i].rid;
        e->Attributes = list[i].control;
        if (!nt_wire_string(call, list[i].name, &e->AccountName) ||
            !nt_wire_string(call, list[i].comment, &e->AdminComment))
            return false;
    }
    return out->Buffer != NULL;
}

static bool oem_users(struct nt_call *call, const struct shown *list, uint32_t first,
                      uint32_t count, SAMPR_DOMAIN_DISPLAY_OEM_USER_BUFFER *out)
{
    out->Buffer = nt_arena_array(&call->arena, count, sizeof *out->Buffer);
    out->EntriesRead = count;
    for (uint32_t i = 0; out->Buffer != NULL && i < count; i++) {
        out->Buffer[i].Index = first + i + 1;
        if (!oem_string(call, list[i].name, &out->Buffer[i].OemAccountName))
            return false;
    }
    return out->Buffer != NULL;
}

static bool oem_groups(struct nt_call *call, const struct shown *list, uint32_t first,
                       uint32_t count, SAMPR_DOMAIN_DISPLAY_OEM_GROUP_BUFFER *out)
{
    out->Buffer = nt_arena_array(&call->arena, count, sizeof *out->Buffer);
    out->EntriesRead = count;
    for (uint32_t i = 0; out->Buffer != NULL && i < count; i++) {
        out->Buffer[i].Index = first + i + 1;
        if (!oem_string(call, list[i].name, &out->Buffer[i].OemAccountName))
            return false;
    }
    return out->Buffer != NULL;
}

struct asked {
    const SAMPR_HANDLE *handle;
    uint32_t level, index, count, preferred_max;
};

static ntstatus display(struct nt_call *call, const struct asked *ask, uint32_t *total,
                        uint32_t *returned, SAMPR_DISPLAY_INFO_BUFFER *out)
{
    ntstatus st;
    if (ask->level < DomainDisplayUser || ask->level > DomainDisplayOemGroup)
        return nt_call_fault(call, NT_FAULT_INVALID_TAG); /* the answer has no such arm */
    struct nt_handle *handle =
        nt_access_handle(call, ask->handle, NT_HANDLE_SAM_DOMAIN, DOMAIN_LIST, &st);
    if (handle == NULL)
        return st;
    size_t all;
    struct shown *list = sorted(call, handle->builtin, ask->level, &all);
    if (list == NULL)
        return nt_call_nomem(call);

    struct nt_wire_page page = nt_wire_page(ask->preferred_max);
    size_t bytes = 0, first = ask->index < all ? ask->index : all;
    for (size_t i = 0; i < all; i++)
        bytes += entry_size(ask->level, &list[i]);
    while (first + page.count < all && page.count < ask->count &&
           nt_wire_page_fits(&page, entry_size(ask->level, &list[first + page.count])))
        ;
    *total = (uint32_t)bytes;
    *returned = page.used;

    const struct shown *from = list + first;
    uint32_t at = (uint32_t)first;
    bool good = false;
    switch (ask->level) {
    case DomainDisplayUser:
        good = users(call, from, at, page.count, &out->UserInformation);
        break;
    case DomainDisplayMachine:
        good = machines(call, from, at, page.count, &out->MachineInformation);
        break;
    case DomainDisplayGroup:
        good = groups(call, from, at, page.count, &out->GroupInformation);
        break;
    case DomainDisplayOemUser:
        good = oem_users(call, from, at, page.count, &out->OemUserInformation);
        break;
    case DomainDisplayOemGroup:
        good = oem_groups(call, from, at, page.count, &out->OemGroupInformation);
        break;
    default:
        break;
    }
    if (!good)
        return nt_call_nomem(call);
    return first + page.count < all ? NT_STATUS(MORE_ENTRIES) : NT_STATUS(SUCCESS);
}

/* [MS-SAMR] 3.1.5.3.3 */
ntstatus samr_query_display(struct nt_call *call, void *args)
{
    struct SamrQueryDisplayInformation *a = args;
    struct asked ask = { &a->DomainHandle, a->DisplayInformationClass, a->Index, a->EntryCount,
                         a->PreferredMaximumLength };
    return display(call, &ask, &a->TotalAvailable, &a->TotalReturned, &a->Buffer);
}

/* [MS-SAMR] 3.1.5.3.2 */
ntstatus samr_query_display2(struct nt_call *call, void *args)
{
    struct SamrQueryDisplayInformation2 *a = args;
    struct asked ask = { &a->DomainHandle, a->DisplayInformationClass, a->Index, a->EntryCount,
                         a->PreferredMaximumLength };
    return display(call, &ask, &a->TotalAvailable, &a->TotalReturned, &a->Buffer);
}

/* [MS-SAMR] 3.1.5.3.1 */
ntstatus samr_query_display3(struct nt_call *call, void *args)
{
    struct SamrQueryDisplayInformation3 *a = args;
    struct asked ask = { &a->DomainHandle, a->DisplayInformationClass, a->Index, a->EntryCount,
                         a->PreferredMaximumLength };
    return display(call, &ask, &a->TotalAvailable, &a->TotalReturned, &a->Buffer);
}

/* Where in the list a name or its beginning stands. */
static ntstatus index_of(struct nt_call *call, const SAMPR_HANDLE *context, uint32_t level,
                         const RPC_UNICODE_STRING *prefix, uint32_t *index)
{
    ntstatus st;
    size_t count;
    struct nt_handle *handle =
        nt_access_handle(call, context, NT_HANDLE_SAM_DOMAIN, DOMAIN_LIST, &st);
    if (handle == NULL)
        return st;
    if (level < DomainDisplayUser || level > DomainDisplayGroup)
        return NT_STATUS(INVALID_INFO_CLASS);
    const char *text = nt_wire_text(call, prefix);
    struct shown *list = sorted(call, handle->builtin, level, &count);
    if (list == NULL)
        return nt_call_nomem(call);
    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcasecmp(list[i].name, text) >= 0) {
            *index = (uint32_t)i;
            return NT_STATUS(SUCCESS);
        }
    }
    return NT_STATUS(NO_MORE_ENTRIES);
}

/* [MS-SAMR] 3.1.5.3.5 */
ntstatus samr_get_display_index(struct nt_call *call, void *args)
{
    struct SamrGetDisplayEnumerationIndex *a = args;
    return index_of(call, &a->DomainHandle, a->DisplayInformationClass, &a->Prefix, &a->Index);
}

/* [MS-SAMR] 3.1.5.3.4 */
ntstatus samr_get_display_index2(struct nt_call *call, void *args)
{
    struct SamrGetDisplayEnumerationIndex2 *a = args;
    return index_of(call, &a->DomainHandle, a->DisplayInformationClass, &a->Prefix, &a->Index);
}
