#include "channel/channel_internal.h"

#include <stdio.h>
#include <string.h>

#include "idl/lsarpc.h"
#include "service/wire.h"

/* What we offer: all that [MS-NRPC] 3.1.4.2 has for a domain controller but a read-only one's. */
#define OFFER 0x610FFFFFu

static void send(struct nt_channel *ch, const struct nt_ndr_op *op, const void *args,
                 enum nt_channel_stage stage, uint64_t now_ms)
{
    if (nt_channel_send(ch, op, args, now_ms))
        ch->stage = stage;
}

static void send_challenge(struct nt_channel *ch, uint64_t now_ms)
{
    nt_arena_reset(&ch->arena);
    struct NetrServerReqChallenge args = { .PrimaryName = nt_channel_server(ch),
                                           .ComputerName = nt_channel_wide(ch, ch->computer) };
    nt_nl_challenge(ch->env, ch->client_challenge);
    memcpy(args.ClientChallenge.data, ch->client_challenge, 8);
    if (args.PrimaryName == NULL || args.ComputerName == NULL)
        nt_channel_no_memory(ch);
    else
        send(ch, &ndr_NetrServerReqChallenge, &args, CHALLENGE, now_ms);
}

static void send_authenticate(struct nt_channel *ch, uint64_t now_ms)
{
    uint32_t flags = ch->crypto == NT_NL_AES ? OFFER : OFFER & ~NT_NL_FLAG_AES;
    nt_arena_reset(&ch->arena);
    struct NetrServerAuthenticate3 args = { .PrimaryName = nt_channel_server(ch),
                                            .AccountName = nt_channel_wide(ch, ch->account),
                                            .SecureChannelType = ch->type,
                                            .ComputerName = nt_channel_wide(ch, ch->computer),
                                            .NegotiateFlags = flags };
    if (nt_chain_start(&ch->chain, ch->crypto, &ch->candidates[ch->candidate], ch->client_challenge,
                       ch->server_challenge, args.ClientCredential.data) != NT_OK) {
        nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(INTERNAL_ERROR),
                       "the stored secret is not a hash");
        return;
    }
    ch->flags = flags;
    if (args.PrimaryName == NULL || args.AccountName == NULL || args.ComputerName == NULL)
        nt_channel_no_memory(ch);
    else
        send(ch, &ndr_NetrServerAuthenticate3, &args, AUTHENTICATE, now_ms);
}

static void send_trust_info(struct nt_channel *ch, uint64_t now_ms)
{
    nt_arena_reset(&ch->arena);
    struct NetrServerGetTrustInfo args = { .TrustedDcName = nt_channel_server(ch),
                                           .AccountName = nt_channel_wide(ch, ch->account),
                                           .SecureChannelType = ch->type,
                                           .ComputerName = nt_channel_wide(ch, ch->computer),
                                           .Authenticator = nt_channel_authenticator(ch) };
    if (args.TrustedDcName == NULL || args.AccountName == NULL || args.ComputerName == NULL)
        nt_channel_no_memory(ch);
    else
        send(ch, &ndr_NetrServerGetTrustInfo, &args, TRUST_INFO, now_ms);
}

static void send_trust_passwords(struct nt_channel *ch, uint64_t now_ms)
{
    nt_arena_reset(&ch->arena);
    struct NetrServerTrustPasswordsGet args = { .TrustedDcName = nt_channel_server(ch),
                                                .AccountName = nt_channel_wide(ch, ch->account),
                                                .SecureChannelType = ch->type,
                                                .ComputerName = nt_channel_wide(ch, ch->computer),
                                                .Authenticator = nt_channel_authenticator(ch) };
    if (args.TrustedDcName == NULL || args.AccountName == NULL || args.ComputerName == NULL)
        nt_channel_no_memory(ch);
    else
        send(ch, &ndr_NetrServerTrustPasswordsGet, &args, TRUST_PASSWORDS, now_ms);
}

static void send_domain_info(struct nt_channel *ch, uint64_t now_ms)
{
    nt_arena_reset(&ch->arena);
    NETLOGON_WORKSTATION_INFO *info = nt_arena_alloc(&ch->arena, sizeof *info);
    struct NetrLogonGetDomainInfo args = { .ServerName = nt_channel_server(ch),
                                           .ComputerName = nt_channel_wide(ch, ch->computer),
                                           .Authenticator = nt_channel_authenticator(ch),
                                           .Level = 1,
                                           .WkstaBuffer.WorkstationInfo = info };
    if (args.ServerName == NULL || args.ComputerName == NULL || info == NULL)
        nt_channel_no_memory(ch);
    else
        send(ch, &ndr_NetrLogonGetDomainInfo, &args, DOMAIN_INFO, now_ms);
}

/* --- the set-up, answer by answer --- */

static void next_candidate(struct nt_channel *ch, ntstatus status, uint64_t now_ms)
{
    if (ch->candidate + 1 < ch->candidate_count) {
        ch->candidate++;
        send_challenge(ch, now_ms);
    } else {
        nt_channel_refused(ch, status,
                           ch->candidate_count > 1
                               ? "none of the passwords that this end has opens the secure channel"
                               : "the password that this end has does not open the secure channel",
                           now_ms);
    }
}

static void refuse(struct nt_channel *ch, ntstatus status, uint64_t now_ms)
{
    char code[64], why[200];
    snprintf(why, sizeof why, "%s answered %s: %s", nt_channel_step_name(ch->stage),
             nt_status_format(status, code), nt_status_text(status));
    if (ch->stage == AUTHENTICATE)
        nt_channel_refused(ch, status, why, now_ms);
    else
        nt_channel_end(ch, NT_CHANNEL_REFUSED, status, why);
}

static void open_sealed(struct nt_channel *ch, uint64_t now_ms)
{
    if (nt_link_road(ch->link) == NT_ROAD_SMB && ch->road == NT_ROAD_ANY)
        ch->port = 0;                  /* it was the endpoint mapper's */
    ch->road = nt_link_road(ch->link); /* TCP did not lead there a moment ago, or did */
    struct nt_link *sealed =
        nt_channel_dial_sealed(ch, &ndr_netlogon, nt_link_port(ch->link), now_ms);
    if (sealed == NULL) {
        nt_channel_no_memory(ch);
        return;
    }
    nt_link_free(ch->link);
    ch->link = sealed;
    ch->stage = SEALED_LINK;
}

static void on_authenticate(struct nt_channel *ch, const struct NetrServerAuthenticate3 *args,
                            uint64_t now_ms)
{
    uint32_t agreed = args->NegotiateFlags & ch->flags;
    enum nt_nl_crypto crypto = nt_nl_crypto_of_flags(agreed);
    if (args->NegotiateFlags != 0 && crypto != ch->chain.crypto) {
        /* Its flags tell that it compared our AES credential with another kind: this says nothing
         * about the password yet. */
        if (ch->allow_weak && crypto == NT_NL_STRONG && ch->crypto == NT_NL_AES) {
            ch->crypto = NT_NL_STRONG;
            send_challenge(ch, now_ms);
        } else {
            nt_channel_end(
                ch, NT_CHANNEL_REFUSED, NT_STATUS(DOWNGRADE_DETECTED),
                "the controller does not offer AES for the secure channel, and this trust's "
                "policy does not allow weak cryptography");
        }
    } else if (nt_status_is(args->result, NT_STATUS(ACCESS_DENIED))) {
        next_candidate(ch, args->result, now_ms);
    } else if (!nt_status_ok(args->result)) {
        refuse(ch, args->result, now_ms);
    } else if (nt_chain_accept(&ch->chain, ch->server_challenge, args->ServerCredential.data) !=
               NT_OK) {
        nt_channel_end(
            ch, NT_CHANNEL_REFUSED, NT_STATUS(ACCESS_DENIED),
            "the controller accepted the password without knowing it: this is not a controller "
            "of the trusted domain");
    } else {
        ch->flags = agreed;
        open_sealed(ch, now_ms);
    }
}

/* It has taken our password a moment ago: this is no word about that. */
static const char session_lost[] = "the controller does not know the session that it has just made";

static void opened(struct nt_channel *ch)
{
    ch->stage = OPEN;
    ch->event.kind = NT_CHANNEL_OPEN;
    ch->event.candidate = ch->candidate;
    ch->event.status = NT_STATUS(SUCCESS);
    ch->event.why = "";
    ch->event.step = "";
    ch->tell = true;
}

static void on_capabilities(struct nt_channel *ch, const struct NetrLogonGetCapabilities *args,
                            uint64_t now_ms)
{
    if (nt_status_is(args->result, NT_STATUS(ACCESS_DENIED)))
        nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(ACCESS_DENIED), session_lost);
    else if (!nt_status_ok(args->result))
        refuse(ch, args->result, now_ms);
    else if (!nt_channel_check(ch, &args->ReturnAuthenticator))
        nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(ACCESS_DENIED),
                       "the controller's authenticator is not right");
    else if (args->Capabilities.ServerCapabilities != ch->flags)
        nt_channel_end(
            ch, NT_CHANNEL_REFUSED, NT_STATUS(DOWNGRADE_DETECTED),
            "the flags of the secure channel were changed on the way: somebody is between the "
            "controllers");
    else if (ch->bare)
        opened(ch);
    else
        send_trust_info(ch, now_ms);
}

static void take_evidence(struct nt_channel *ch, const ENCRYPTED_NT_OWF_PASSWORD *new_owf,
                          const ENCRYPTED_NT_OWF_PASSWORD *old_owf)
{
    uint8_t owf[16];
    nt_nl_owf_decrypt(&ch->chain, new_owf->data, owf);
    nt_secret_set(&ch->event.evidence_new, owf, sizeof owf);
    nt_nl_owf_decrypt(&ch->chain, old_owf->data, owf);
    nt_secret_set(&ch->event.evidence_old, owf, sizeof owf);
    nt_wipe(owf, sizeof owf);
    ch->event.has_evidence = true;
}

/* An evidence call that the controller does not offer, or refuses, is no failure: the chain goes
 * on from where the controller's stands. */
static void not_offered(struct nt_channel *ch, const NETLOGON_AUTHENTICATOR *returned)
{
    if (returned == NULL || !nt_channel_check(ch, returned))
        ch->chain = ch->before;
}

static void on_trust_info(struct nt_channel *ch, const struct NetrServerGetTrustInfo *args,
                          uint64_t now_ms)
{
    if (args != NULL && nt_status_ok(args->result)) {
        if (!nt_channel_check(ch, &args->ReturnAuthenticator)) {
            nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(ACCESS_DENIED),
                           "the controller's authenticator is not right");
            return;
        }
        take_evidence(ch, &args->EncryptedNewOwfPassword, &args->EncryptedOldOwfPassword);
        send_domain_info(ch, now_ms);
    } else {
        not_offered(ch, args != NULL ? &args->ReturnAuthenticator : NULL);
        send_trust_passwords(ch, now_ms);
    }
}

static void on_trust_passwords(struct nt_channel *ch,
                               const struct NetrServerTrustPasswordsGet *args, uint64_t now_ms)
{
    if (args != NULL && nt_status_ok(args->result) &&
        nt_channel_check(ch, &args->ReturnAuthenticator))
        take_evidence(ch, &args->EncryptedNewOwfPassword, &args->EncryptedOldOwfPassword);
    else
        not_offered(ch, args != NULL ? &args->ReturnAuthenticator : NULL);
    send_domain_info(ch, now_ms);
}

static void on_domain_info(struct nt_channel *ch, const struct NetrLogonGetDomainInfo *args,
                           uint64_t now_ms)
{
    if (args != NULL && nt_status_ok(args->result) &&
        nt_channel_check(ch, &args->ReturnAuthenticator)) {
        const NETLOGON_DOMAIN_INFO *info = args->DomBuffer.DomainInfo;
        if (info != NULL && info->PrimaryDomain.DomainSid != NULL)
            (void)nt_rpc_sid_get(info->PrimaryDomain.DomainSid, &ch->event.sid);
    } else {
        not_offered(ch, args != NULL ? &args->ReturnAuthenticator : NULL);
    }
    if (ch->want_sid && nt_sid_is_null(&ch->event.sid))
        nt_channel_ask_lsa(ch, now_ms);
    else
        opened(ch);
}

static const struct nt_ndr_op *op_of(enum nt_channel_stage stage)
{
    switch (stage) {
    case CHALLENGE:
        return &ndr_NetrServerReqChallenge;
    case AUTHENTICATE:
        return &ndr_NetrServerAuthenticate3;
    case CAPABILITIES:
        return &ndr_NetrLogonGetCapabilities;
    case TRUST_INFO:
        return &ndr_NetrServerGetTrustInfo;
    case TRUST_PASSWORDS:
        return &ndr_NetrServerTrustPasswordsGet;
    case DOMAIN_INFO:
        return &ndr_NetrLogonGetDomainInfo;
    case AUTH_LINK:
    case SEALED_LINK:
    case LSA_LINK:
    case LSA_POLICY:
    case LSA_DOMAIN:
    case BACK_LINK:
    case OPEN:
    case CAUSE:
    case ENDED:
        break;
    }
    return NULL;
}

void *nt_channel_decode(struct nt_channel *ch, const struct nt_ndr_op *op,
                        const struct nt_link_event *e)
{
    nt_arena_reset(&ch->arena);
    void *args = nt_arena_alloc(&ch->arena, op->args_size);
    if (args == NULL)
        return NULL;
    if (op == &ndr_NetrLogonGetCapabilities)
        ((struct NetrLogonGetCapabilities *)args)->QueryLevel = 1;
    else if (op == &ndr_NetrLogonGetDomainInfo)
        ((struct NetrLogonGetDomainInfo *)args)->Level = 1;
    else if (op == &ndr_LsarQueryInformationPolicy)
        ((struct LsarQueryInformationPolicy *)args)->InformationClass =
            PolicyAccountDomainInformation;
    return nt_ndr_decode(op, NT_NDR_RESPONSE, e->big_endian, e->stub, e->len, &ch->arena, &args,
                         NULL, NULL) == NT_OK
               ? args
               : NULL;
}

/* args NULL: the call ended in a fault. */
static void on_answer(struct nt_channel *ch, void *args, uint64_t now_ms)
{
    switch (ch->stage) {
    case CHALLENGE: {
        const struct NetrServerReqChallenge *a = args;
        if (!nt_status_ok(a->result)) {
            refuse(ch, a->result, now_ms);
            return;
        }
        memcpy(ch->server_challenge, a->ServerChallenge.data, 8);
        send_authenticate(ch, now_ms);
        return;
    }
    case AUTHENTICATE:
        on_authenticate(ch, args, now_ms);
        return;
    case CAPABILITIES:
        on_capabilities(ch, args, now_ms);
        return;
    case TRUST_INFO:
        on_trust_info(ch, args, now_ms);
        return;
    case TRUST_PASSWORDS:
        on_trust_passwords(ch, args, now_ms);
        return;
    case DOMAIN_INFO:
        on_domain_info(ch, args, now_ms);
        return;
    case AUTH_LINK:
    case SEALED_LINK:
    case LSA_LINK:
    case LSA_POLICY:
    case LSA_DOMAIN:
    case BACK_LINK:
    case OPEN:
    case CAUSE:
    case ENDED:
        return;
    }
}

void nt_channel_set_up(struct nt_channel *ch, const struct nt_link_event *e, uint64_t now_ms)
{
    const struct nt_ndr_op *op = op_of(ch->stage);
    if (nt_channel_in_lsa(ch)) {
        nt_channel_on_lsa(ch, e, now_ms);
        return;
    }
    if (e->kind == NT_LINK_READY && ch->stage == BACK_LINK) {
        opened(ch);
        return;
    }
    if (e->kind == NT_LINK_READY && ch->stage == AUTH_LINK) {
        send_challenge(ch, now_ms);
        return;
    }
    if (e->kind == NT_LINK_READY && ch->stage == SEALED_LINK) {
        if (nt_channel_send_capabilities(ch, now_ms))
            ch->stage = CAPABILITIES;
        return;
    }
    if (op == NULL || e->call_id != ch->call_id)
        return;
    if (e->kind == NT_LINK_FAULT) {
        if (ch->stage >= TRUST_INFO) {
            on_answer(ch, NULL, now_ms);
        } else {
            char why[160];
            snprintf(why, sizeof why, "%s ended in the fault 0x%08X: %s",
                     nt_channel_step_name(ch->stage), e->fault, nt_fault_name(e->fault));
            bool denied = e->fault == NT_FAULT_ACCESS_DENIED;
            if (denied && ch->stage == CAPABILITIES)
                nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(ACCESS_DENIED), session_lost);
            else
                nt_channel_end(ch, NT_CHANNEL_REFUSED,
                               denied ? NT_STATUS(ACCESS_DENIED) : NT_STATUS(RPC_CALL_FAILED), why);
        }
        return;
    }
    void *args = nt_channel_decode(ch, op, e);
    if (args == NULL)
        nt_channel_bad_answer(ch);
    else
        on_answer(ch, args, now_ms);
}
