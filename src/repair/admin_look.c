/*
 * admin_look.c - what a controller says of itself: its role, its clock, how a session with it is
 * protected, and which trusts its domain has. [MS-DSSP] 3.2.5.1, [MS-LSAD] 3.1.4.7.8
 */
#include "repair/admin_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "idl/dssetup.h"
#include "service/wire.h"

#define ENUMERATE_BYTES 0x10000u
#define ENUMERATE_CALLS 64u

/* --- the role --- */

bool nt_admin_role(struct nt_admin *a, struct nt_admin_role *out)
{
    struct DsRolerGetPrimaryDomainInformation args = { .InfoLevel = DsRolePrimaryDomainInfoBasic };
    *out = (struct nt_admin_role){ .pdc = false };
    admin_begin(a);
    if (!admin_call(a, &a->dssetup, &ndr_DsRolerGetPrimaryDomainInformation, &args))
        return false;
    if (args.result != NT_WERR_OK || args.DomainInfo == NULL)
        return admin_fail(a, NT_ADMIN_OTHER, NT_STATUS(NOT_SUPPORTED),
                          "%s does not tell its role: %u %s", a->host, args.result,
                          nt_werror_name(args.result));
    const DSROLER_PRIMARY_DOMAIN_INFO_BASIC *info = &args.DomainInfo->DomainInfoBasic;
    out->pdc = info->MachineRole == DsRole_RolePrimaryDomainController;
    out->read_only = (info->Flags & DSROLE_PRIMARY_DS_READONLY) != 0;
    return true;
}

/* --- the trusts --- */

/* One that has no names of a sensible size is passed over. */
static void take_trust(struct nt_admin *a, const LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *ex,
                       struct nt_admin_trusts *out)
{
    struct nt_admin_tdo_full t = { .tdo = { .exists = true,
                                            .direction = ex->TrustDirection,
                                            .type = ex->TrustType,
                                            .attributes = ex->TrustAttributes } };
    if (!admin_take_name(a, &ex->FlatName, t.tdo.name, sizeof t.tdo.name) ||
        !admin_take_name(a, &ex->Name, t.dns, sizeof t.dns))
        return;
    if (strcmp(t.dns, t.tdo.name) == 0)
        t.dns[0] = '\0';
    if (!nt_rpc_sid_get(ex->Sid, &t.tdo.sid))
        t.tdo.sid = (struct nt_sid){ 0 };
    out->list[out->count++] = t;
}

static bool take_trusts(struct nt_admin *a, const LSAPR_TRUSTED_ENUM_BUFFER_EX *buffer,
                        struct nt_admin_trusts *out)
{
    size_t more = buffer->EnumerationBuffer != NULL ? buffer->EntriesRead : 0;
    if (more > NT_ADMIN_TRUSTS - out->count)
        more = NT_ADMIN_TRUSTS - out->count;
    if (more == 0)
        return true;
    struct nt_admin_tdo_full *list = realloc(out->list, (out->count + more) * sizeof *out->list);
    if (list == NULL)
        return admin_nomem(a);
    out->list = list;
    for (size_t i = 0; i < more; i++)
        take_trust(a, &buffer->EnumerationBuffer[i], out);
    return true;
}

bool nt_admin_trusts(struct nt_admin *a, struct nt_admin_trusts *out)
{
    struct LsarEnumerateTrustedDomainsEx args = { .PreferedMaximumLength = ENUMERATE_BYTES };
    *out = (struct nt_admin_trusts){ .count = 0 };
    admin_begin(a);
    if (!admin_open_policy(a, ADMIN_POLICY_READ))
        return false;
    args.PolicyHandle = a->policy;
    /* [MS-LSAD] 3.1.4.7.8: until NO_MORE_ENTRIES; a controller that has told all may also just
     * say success. */
    for (unsigned calls = 0; calls < ENUMERATE_CALLS && out->count < NT_ADMIN_TRUSTS; calls++) {
        args.EnumerationBuffer = (LSAPR_TRUSTED_ENUM_BUFFER_EX){ .EntriesRead = 0 };
        bool ok = admin_call(a, &a->lsa, &ndr_LsarEnumerateTrustedDomainsEx, &args);
        bool end = ok && nt_status_is(args.result, NT_STATUS(NO_MORE_ENTRIES));
        if (ok && !end && !nt_status_ok(args.result))
            ok = admin_status(a, &ndr_LsarEnumerateTrustedDomainsEx, args.result);
        if (ok && !end)
            ok = take_trusts(a, &args.EnumerationBuffer, out);
        if (!ok) {
            nt_admin_trusts_free(out);
            return false;
        }
        if (end || !nt_status_is(args.result, NT_STATUS(MORE_ENTRIES)))
            break;
    }
    return true;
}

void nt_admin_trusts_free(struct nt_admin_trusts *trusts)
{
    free(trusts->list);
    *trusts = (struct nt_admin_trusts){ .count = 0 };
}

/* --- the session --- */

static const struct nt_smb_client *smb_of(const struct nt_admin *a)
{
    const struct admin_pipe *const pipes[] = { &a->lsa, &a->netlogon, &a->samr, &a->dssetup };
    for (size_t i = 0; i < NT_COUNT(pipes); i++) {
        const struct nt_smb_client *smb =
            pipes[i]->link != NULL ? nt_link_smb(pipes[i]->link) : NULL;
        if (smb != NULL)
            return smb;
    }
    return NULL;
}

bool nt_admin_clock(const struct nt_admin *a, int64_t *ahead_100ns)
{
    const struct nt_smb_client *smb = smb_of(a);
    return smb != NULL && nt_smb_client_clock(smb, ahead_100ns);
}

bool nt_admin_protection(const struct nt_admin *a, struct nt_admin_protection *out)
{
    const struct nt_smb_client *smb = smb_of(a);
    *out = (struct nt_admin_protection){ .is_signed = false };
    if (smb == NULL || !nt_smb_client_offer(smb, &out->offer))
        return false;
    out->is_signed = nt_smb_client_is_signed(smb);
    out->is_encrypted = nt_smb_client_is_encrypted(smb);
    return true;
}

bool nt_admin_is_spent(const struct nt_admin *a)
{
    return a->expired || a->lsa.failed || a->samr.failed || a->netlogon.failed || a->dssetup.failed;
}
