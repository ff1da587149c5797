/*
 * netlogon.c - the Netlogon interface: its table of methods, and the secure channel behind a call.
 * Source: [MS-NRPC] 3.5.4.
 */
#include <string.h>

#include "base/utf16.h"
#include "service/netlogon_internal.h"

#define EVENT_EVERY NT_TIME_MINUTE
#define NOTE_EVERY  (5 * NT_TIME_MINUTE)

/* What is not here is answered with nca_s_op_rng_error, as NT-style controllers do: sites, DNS
 * records, forest trusts, LAN Manager's replication, replication to a BDC. Calls over the secure
 * channel check it by themselves, since they answer ACCESS_DENIED as a status and not as a fault
 * (clients tell the two apart). */
static const struct nt_op ops[] = {
    [2] = { &ndr_NetrLogonSamLogon, nl_sam_logon, NT_NEEDS_NOTHING },
    [3] = { &ndr_NetrLogonSamLogoff, nl_sam_logoff, NT_NEEDS_NOTHING },
    [4] = { &ndr_NetrServerReqChallenge, nl_req_challenge, NT_NEEDS_NOTHING },
    [5] = { &ndr_NetrServerAuthenticate, nl_authenticate, NT_NEEDS_NOTHING },
    [6] = { &ndr_NetrServerPasswordSet, nl_password_set, NT_NEEDS_NOTHING },
    [11] = { &ndr_NetrGetDCName, nl_get_dc_name, NT_NEEDS_NOTHING },
    [12] = { &ndr_NetrLogonControl, nl_control, NT_NEEDS_NOTHING },
    [13] = { &ndr_NetrGetAnyDCName, nl_get_any_dc_name, NT_NEEDS_NOTHING },
    [14] = { &ndr_NetrLogonControl2, nl_control2, NT_NEEDS_NOTHING },
    [15] = { &ndr_NetrServerAuthenticate2, nl_authenticate2, NT_NEEDS_NOTHING },
    [18] = { &ndr_NetrLogonControl2Ex, nl_control2_ex, NT_NEEDS_NOTHING },
    [19] = { &ndr_NetrEnumerateTrustedDomains, nl_enumerate_trusted_domains, NT_NEEDS_AUTH },
    [20] = { &ndr_DsrGetDcName, nl_dsr_get_dc_name, NT_NEEDS_NOTHING },
    [21] = { &ndr_NetrLogonGetCapabilities, nl_get_capabilities, NT_NEEDS_NOTHING },
    [23] = { &ndr_NetrLogonGetTrustRid, nl_get_trust_rid, NT_NEEDS_AUTH },
    [26] = { &ndr_NetrServerAuthenticate3, nl_authenticate3, NT_NEEDS_NOTHING },
    [27] = { &ndr_DsrGetDcNameEx, nl_dsr_get_dc_name_ex, NT_NEEDS_NOTHING },
    [28] = { &ndr_DsrGetSiteName, nl_dsr_get_site_name, NT_NEEDS_NOTHING },
    [29] = { &ndr_NetrLogonGetDomainInfo, nl_get_domain_info, NT_NEEDS_NOTHING },
    [30] = { &ndr_NetrServerPasswordSet2, nl_password_set2, NT_NEEDS_NOTHING },
    [31] = { &ndr_NetrServerPasswordGet, nl_password_get, NT_NEEDS_NOTHING },
    [34] = { &ndr_DsrGetDcNameEx2, nl_dsr_get_dc_name_ex2, NT_NEEDS_NOTHING },
    [36] = { &ndr_NetrEnumerateTrustedDomainsEx, nl_enumerate_trusted_domains_ex, NT_NEEDS_AUTH },
    [39] = { &ndr_NetrLogonSamLogonEx, nl_sam_logon_ex, NT_NEEDS_NOTHING },
    [40] = { &ndr_DsrEnumerateDomainTrusts, nl_dsr_enumerate_domain_trusts, NT_NEEDS_AUTH },
    [42] = { &ndr_NetrServerTrustPasswordsGet, nl_trust_passwords_get, NT_NEEDS_NOTHING },
    [45] = { &ndr_NetrLogonSamLogonWithFlags, nl_sam_logon_with_flags, NT_NEEDS_NOTHING },
    [46] = { &ndr_NetrServerGetTrustInfo, nl_get_trust_info, NT_NEEDS_NOTHING },
};

const struct nt_interface nt_netlogon_interface = {
    .layout = &ndr_netlogon,
    .ops = ops,
    .op_count = NT_COUNT(ops),
};

void nl_entry_wipe(struct nt_chain_entry *entry)
{
    nt_wipe(entry, sizeof *entry);
}

bool nl_account_fits(const struct nt_account *account, uint16_t channel_type)
{
    uint32_t type = account->acb & NT_ACB_TYPE_MASK;
    if ((account->acb & NT_ACB_DISABLED) != 0)
        return false;
    switch (channel_type) {
    case WorkstationSecureChannel:
        return type == NT_ACB_WORKSTATION;
    case TrustedDomainSecureChannel:
        return type == NT_ACB_INTERDOMAIN;
    case ServerSecureChannel:
        return type == NT_ACB_SERVER;
    default:
        return false;
    }
}

/* The channel of this computer must be the one that the call came over (a key that was agreed
 * under another name proves nothing about this one), and its account must still be good. */
static bool usable(struct nt_call *call, const struct nt_chain_entry *entry)
{
    const struct nt_account *account = nt_dir_account_rid(call->dir, entry->rid);
    if (account == NULL || !nl_account_fits(account, entry->channel_type) ||
        !nt_name_equal(account->name, entry->account) ||
        (account->in != NULL && account->in->state != NT_IN_PROVEN &&
         account->in->state != NT_IN_ACTIVE)) {
        nt_chains_drop_account(call->service->chains, entry->rid);
        return false;
    }
    return call->token->local && call->token->rid == entry->rid;
}

static bool sealed_channel(const struct nt_call *call)
{
    return call->auth_type == NT_AUTH_SCHANNEL && call->auth_level == NT_LEVEL_PRIVACY;
}

ntstatus nl_channel(struct nt_call *call, const char *computer, struct nt_chain_entry *entry)
{
    *entry = (struct nt_chain_entry){ 0 };
    if (sealed_channel(call) && nt_chains_get(call->service->chains, computer, entry) == NT_OK &&
        usable(call, entry))
        return NT_STATUS(SUCCESS);
    nl_entry_wipe(entry);
    return NT_STATUS(ACCESS_DENIED);
}

ntstatus nl_verify(struct nt_call *call, const char *computer, const NETLOGON_AUTHENTICATOR *in,
                   NETLOGON_AUTHENTICATOR *out, struct nt_chain_entry *entry)
{
    struct nt_authenticator given = { .timestamp = in->Timestamp }, returned;
    memcpy(given.credential, in->Credential.data, sizeof given.credential);
    *out = (NETLOGON_AUTHENTICATOR){ 0 };

    ntstatus status = nl_channel(call, computer, entry);
    if (!nt_status_is(status, NT_STATUS(SUCCESS)))
        return status;
    if (nt_chains_verify(call->service->chains, computer, &given, &returned, entry) != NT_OK) {
        nl_entry_wipe(entry);
        return NT_STATUS(ACCESS_DENIED);
    }
    memcpy(out->Credential.data, returned.credential, sizeof returned.credential);
    out->Timestamp = returned.timestamp;
    return NT_STATUS(SUCCESS);
}

ntstatus nl_nomem(struct nt_call *call)
{
    return nt_call_fault(call, NT_FAULT_NO_MEMORY);
}

bool nl_worth_an_event(struct nt_service *s, uint32_t rid, nt_time now)
{
    _Atomic nt_time *last = &s->last_event[rid % NT_COUNT(s->last_event)];
    nt_time before = atomic_load(last);
    if (before != 0 && now >= before && now - before < EVENT_EVERY)
        return false;
    return atomic_compare_exchange_strong(last, &before, now);
}

bool nl_worth_noting(const struct nt_account *account, const struct nt_policy *policy, nt_time now)
{
    nt_time every = policy->check_interval_s / 2 * NT_TIME_SECOND;
    if (every > NOTE_EVERY)
        every = NOTE_EVERY;
    const struct nt_trust_in *in = account->in;
    if (in == NULL || (in->state != NT_IN_ACTIVE && in->state != NT_IN_PROVEN))
        return false;
    /* The right password after a wrong one ends a warning. */
    return now < in->last_ok || now - in->last_ok >= every || in->last_bad > in->last_ok;
}
