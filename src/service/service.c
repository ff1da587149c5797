/*
 * service.c - what all calls share: the tables of channels and lockouts, and which interface is
 * served by which methods.
 */
#include "service/service.h"

#include "service/chains.h"
#include "service/lockouts.h"
#include "service/refusals.h"

static const struct nt_interface *const interfaces[] = {
    &nt_netlogon_interface, &nt_lsarpc_interface, &nt_samr_interface,    &nt_epm_interface,
    &nt_srvsvc_interface,   &nt_wkssvc_interface, &nt_dssetup_interface,
};

bool nt_service_init(struct nt_service *s)
{
    s->chains = nt_chains_new();
    s->lockouts = nt_lockouts_new();
    s->refusals = nt_refusals_new();
    if (s->chains != NULL && s->lockouts != NULL && s->refusals != NULL)
        return true;
    nt_service_done(s);
    return false;
}

void nt_service_done(struct nt_service *s)
{
    nt_chains_free(s->chains);
    nt_lockouts_free(s->lockouts);
    nt_refusals_free(s->refusals);
    s->chains = NULL;
    s->lockouts = NULL;
    s->refusals = NULL;
}

const struct nt_interface *nt_interface_of(const struct nt_ndr_interface *layout)
{
    for (size_t i = 0; i < NT_COUNT(interfaces); i++)
        if (interfaces[i]->layout == layout)
            return interfaces[i];
    return NULL;
}
