#include <string.h>
#include <strings.h>

#include "ndr/ndr.h"

const struct nt_ndr_interface *nt_ndr_interface_by_name(const char *name)
{
    for (size_t i = 0; nt_ndr_interfaces[i] != NULL; i++)
        if (strcmp(nt_ndr_interfaces[i]->name, name) == 0)
            return nt_ndr_interfaces[i];
    return NULL;
}

const struct nt_ndr_op *nt_ndr_op_by_name(const struct nt_ndr_interface *iface, const char *name)
{
    size_t digits = strspn(name, "0123456789"), opnum = 0;
    for (size_t i = 0; i < digits && opnum < iface->op_count; i++)
        opnum = opnum * 10 + (size_t)(name[i] - '0');
    if (digits > 0 && name[digits] == '\0')
        return opnum < iface->op_count ? iface->ops[opnum] : NULL;
    for (size_t i = 0; i < iface->op_count; i++)
        if (iface->ops[i] != NULL && strcasecmp(iface->ops[i]->name, name) == 0)
            return iface->ops[i];
    return NULL;
}
