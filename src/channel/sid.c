/*
 * sid.c - the trusted domain's SID from its LSA, for a controller whose Netlogon does not tell it
 * (Samba's NT-style controller has no NetrLogonGetDomainInfo). The question goes over the secure
 * channel, so that nobody else can answer it: by the policy on a named pipe; by a look-up of the
 * domain's own name on TCP, where such servers give no policy handle ([MS-LSAT] 3.1.4.5).
 */
#include "channel/channel_internal.h"

#include "idl/lsarpc.h"
#include "service/wire.h"

#define POLICY_VIEW 0x00000001u /* [MS-LSAD] 2.2.1.1.2: view local information */

static bool by_policy(const struct nt_channel *ch)
{
    return ch->road == NT_ROAD_SMB;
}

/* A sealed link to `iface` in place of the present one. */
static void redial(struct nt_channel *ch, const struct nt_ndr_interface *iface, uint16_t port,
                   enum nt_channel_stage stage, uint64_t now_ms)
{
    struct nt_link *link = nt_channel_dial_sealed(ch, iface, port, now_ms);
    if (link == NULL) {
        nt_channel_no_memory(ch);
        return;
    }
    nt_link_free(ch->link);
    ch->link = link;
    ch->stage = stage;
}

void nt_channel_ask_lsa(struct nt_channel *ch, uint64_t now_ms)
{
    ch->netlogon_port = nt_link_port(ch->link);
    redial(ch, &ndr_lsarpc, 0, LSA_LINK, now_ms);
}

bool nt_channel_in_lsa(const struct nt_channel *ch)
{
    return ch->stage >= LSA_LINK && ch->stage <= LSA_DOMAIN;
}

/* To Netlogon again, with or without what was asked for. */
void nt_channel_leave_lsa(struct nt_channel *ch, uint64_t now_ms)
{
    redial(ch, &ndr_netlogon, ch->netlogon_port, BACK_LINK, now_ms);
}

static void send(struct nt_channel *ch, const struct nt_ndr_op *op, const void *args,
                 enum nt_channel_stage stage, uint64_t now_ms)
{
    if (nt_channel_send(ch, op, args, now_ms))
        ch->stage = stage;
}

static void send_open_policy(struct nt_channel *ch, uint64_t now_ms)
{
    uint16_t nothing[] = { 0 };
    const struct LsarOpenPolicy2 args = { .SystemName = nothing, .DesiredAccess = POLICY_VIEW };
    send(ch, &ndr_LsarOpenPolicy2, &args, LSA_POLICY, now_ms);
}

static void send_lookup(struct nt_channel *ch, uint64_t now_ms)
{
    RPC_UNICODE_STRING name;
    nt_arena_reset(&ch->arena);
    const struct LsarLookupNames4 args = {
        .Count = 1, .Names = &name, .LookupLevel = LsapLookupWksta, .ClientRevision = 2
    };
    if (!nt_unicode_put(&ch->arena, ch->domain, &name))
        nt_channel_no_memory(ch);
    else
        send(ch, &ndr_LsarLookupNames4, &args, LSA_DOMAIN, now_ms);
}

static void take_looked_up(struct nt_channel *ch, const struct LsarLookupNames4 *a)
{
    const LSAPR_TRANSLATED_SIDS_EX2 *found = &a->TranslatedSids;
    if (nt_status_ok(a->result) && found->Entries == 1 && found->Sids != NULL &&
        found->Sids[0].Use == SidTypeDomain && found->Sids[0].Sid != NULL)
        (void)nt_rpc_sid_get(found->Sids[0].Sid, &ch->event.sid);
}

static void take_policy(struct nt_channel *ch, const struct LsarQueryInformationPolicy *a)
{
    const LSAPR_POLICY_INFORMATION *info = a->PolicyInformation;
    if (nt_status_ok(a->result) && info != NULL && info->PolicyAccountDomainInfo.DomainSid != NULL)
        (void)nt_rpc_sid_get(info->PolicyAccountDomainInfo.DomainSid, &ch->event.sid);
}

static void on_policy(struct nt_channel *ch, const struct LsarOpenPolicy2 *a, uint64_t now_ms)
{
    const struct LsarQueryInformationPolicy args = { .PolicyHandle = a->PolicyHandle,
                                                     .InformationClass =
                                                         PolicyAccountDomainInformation };
    if (nt_status_ok(a->result))
        send(ch, &ndr_LsarQueryInformationPolicy, &args, LSA_DOMAIN, now_ms);
    else
        nt_channel_leave_lsa(ch, now_ms);
}

/* The call that is under way. */
static const struct nt_ndr_op *present(const struct nt_channel *ch)
{
    if (ch->stage == LSA_POLICY)
        return &ndr_LsarOpenPolicy2;
    return by_policy(ch) ? &ndr_LsarQueryInformationPolicy : &ndr_LsarLookupNames4;
}

void nt_channel_on_lsa(struct nt_channel *ch, const struct nt_link_event *e, uint64_t now_ms)
{
    if (e->kind == NT_LINK_READY) {
        if (by_policy(ch))
            send_open_policy(ch, now_ms);
        else
            send_lookup(ch, now_ms);
        return;
    }
    if (ch->stage == LSA_LINK || e->call_id != ch->call_id)
        return;
    const struct nt_ndr_op *op = present(ch);
    void *args = e->kind == NT_LINK_RESPONSE ? nt_channel_decode(ch, op, e) : NULL;
    if (args != NULL && ch->stage == LSA_POLICY) {
        on_policy(ch, args, now_ms);
        return;
    }
    if (args != NULL && by_policy(ch))
        take_policy(ch, args);
    else if (args != NULL)
        take_looked_up(ch, args);
    nt_channel_leave_lsa(ch, now_ms);
}
