#include <string.h>

#include "ndr/ndr.h"

const struct nt_ndr_interface *nt_ndr_interface_by_name(const char *name)
{
    for (size_t i = 0; nt_ndr_interfaces[i] != NULL; i++)
        if (strcmp(nt_ndr_interfaces[i]->name, name) == 0)
            return nt_ndr_interfaces[i];
    return NULL;
}
