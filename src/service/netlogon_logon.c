/*
 * netlogon_logon.c - the calls that bring somebody's logon over a secure channel.
 * Source: [MS-NRPC] 3.5.4.5.
 */
#include <string.h>

#include "service/logon.h"
#include "service/netlogon_internal.h"

/* One SamLogon call, whichever of the three it is. In the arena, which wipes it. */
struct sam_logon {
    const char *computer;
    uint16_t level, validation_level;
    const NETLOGON_LEVEL *information;
    NETLOGON_VALIDATION *validation;
    UCHAR *authoritative;
    struct nt_chain_entry entry;
    struct nt_logon logon;
};

/* --- what came --- */

static bool take_identity(struct nt_call *call, const NETLOGON_LOGON_IDENTITY_INFO *id,
                          struct nt_logon *l)
{
    l->domain = nt_unicode_get(&call->arena, &id->LogonDomainName);
    l->user = nt_unicode_get(&call->arena, &id->UserName);
    l->workstation = nt_unicode_get(&call->arena, &id->Workstation);
    l->parameter_control = id->ParameterControl;
    return l->domain != NULL && l->user != NULL && l->workstation != NULL;
}

static bool take_network(struct nt_call *call, const NETLOGON_NETWORK_INFO *info,
                         struct nt_logon *l)
{
    if (info == NULL || !take_identity(call, &info->Identity, l))
        return false;
    memcpy(l->challenge, info->LmChallenge.data, sizeof l->challenge);
    l->nt = (const uint8_t *)info->NtChallengeResponse.Buffer;
    l->nt_len = l->nt != NULL ? info->NtChallengeResponse.Length : 0;
    l->lm = (const uint8_t *)info->LmChallengeResponse.Buffer;
    l->lm_len = l->lm != NULL ? info->LmChallengeResponse.Length : 0;
    return true;
}

/* The hash travels encrypted by the channel. 3.5.4.5.1 */
static bool take_hash(struct nt_call *call, const struct nt_chain_entry *entry,
                      const NETLOGON_LOGON_IDENTITY_INFO *id, const NT_OWF_PASSWORD *hash,
                      struct nt_logon *l)
{
    if (!take_identity(call, id, l))
        return false;
    l->interactive = true;
    nt_secret_set(&l->nt_hash, hash->data, sizeof hash->data);
    nt_nl_crypt_buffer(&entry->chain, false, l->nt_hash.b, l->nt_hash.len);
    return true;
}

static bool take_level(struct nt_call *call, struct sam_logon *s)
{
    struct nt_logon *l = &s->logon;
    switch (s->level) {
    case NetlogonNetworkInformation:
    case NetlogonNetworkTransitiveInformation:
        return take_network(call, s->information->LogonNetwork, l);
    case NetlogonInteractiveInformation:
    case NetlogonInteractiveTransitiveInformation: {
        const NETLOGON_INTERACTIVE_INFO *info = s->information->LogonInteractive;
        return info != NULL && take_hash(call, &s->entry, &info->Identity, &info->NtOwfPassword, l);
    }
    case NetlogonServiceInformation:
    case NetlogonServiceTransitiveInformation: {
        const NETLOGON_SERVICE_INFO *info = s->information->LogonService;
        return info != NULL && take_hash(call, &s->entry, &info->Identity, &info->NtOwfPassword, l);
    }
    default:
        return false;
    }
}

/* --- what goes --- */

/* Validation information of the older levels begins with the same members, level 6 has more. */
#define COPY_COMMON(to, from)                                                                      \
    do {                                                                                           \
        (to)->LogonTime = (from)->LogonTime;                                                       \
        (to)->LogoffTime = (from)->LogoffTime;                                                     \
        (to)->KickOffTime = (from)->KickOffTime;                                                   \
        (to)->PasswordLastSet = (from)->PasswordLastSet;                                           \
        (to)->PasswordCanChange = (from)->PasswordCanChange;                                       \
        (to)->PasswordMustChange = (from)->PasswordMustChange;                                     \
        (to)->EffectiveName = (from)->EffectiveName;                                               \
        (to)->FullName = (from)->FullName;                                                         \
        (to)->LogonScript = (from)->LogonScript;                                                   \
        (to)->ProfilePath = (from)->ProfilePath;                                                   \
        (to)->HomeDirectory = (from)->HomeDirectory;                                               \
        (to)->HomeDirectoryDrive = (from)->HomeDirectoryDrive;                                     \
        (to)->LogonCount = (from)->LogonCount;                                                     \
        (to)->BadPasswordCount = (from)->BadPasswordCount;                                         \
        (to)->UserId = (from)->UserId;                                                             \
        (to)->PrimaryGroupId = (from)->PrimaryGroupId;                                             \
        (to)->GroupCount = (from)->GroupCount;                                                     \
        (to)->GroupIds = (from)->GroupIds;                                                         \
        (to)->UserFlags = (from)->UserFlags;                                                       \
        (to)->UserSessionKey = (from)->UserSessionKey;                                             \
        (to)->LogonServer = (from)->LogonServer;                                                   \
        (to)->LogonDomainName = (from)->LogonDomainName;                                           \
        (to)->LogonDomainId = (from)->LogonDomainId;                                               \
        (to)->ExpansionRoom[2] = (from)->UserAccountControl;                                       \
    } while (0)

/* A key of zeros (an interactive logon has none) stays as it is: its encryption would only give
 * away key stream, and Samba's clients leave zeros alone too. */
static void hide_key(const struct nt_chain_entry *entry, USER_SESSION_KEY *key)
{
    static const USER_SESSION_KEY zero;
    if (memcmp(key, &zero, sizeof zero) != 0)
        nt_nl_crypt_buffer(&entry->chain, true, key->data, sizeof key->data);
}

/* Level 6 is for sealed channels alone and carries the session key as it is; the older levels
 * encrypt it once more. */
static bool put_validation(struct nt_call *call, struct sam_logon *s)
{
    NETLOGON_VALIDATION_SAM_INFO4 *info = s->logon.info;
    switch (s->validation_level) {
    case NetlogonValidationSamInfo: {
        NETLOGON_VALIDATION_SAM_INFO *out = nt_arena_alloc(&call->arena, sizeof *out);
        if (out == NULL)
            return false;
        COPY_COMMON(out, info);
        out->UserFlags &= ~0x20u; /* no extra SIDs in this one */
        hide_key(&s->entry, &out->UserSessionKey);
        s->validation->ValidationSam = out;
        return true;
    }
    case NetlogonValidationSamInfo2: {
        NETLOGON_VALIDATION_SAM_INFO2 *out = nt_arena_alloc(&call->arena, sizeof *out);
        if (out == NULL)
            return false;
        COPY_COMMON(out, info);
        out->SidCount = info->SidCount;
        out->ExtraSids = info->ExtraSids;
        hide_key(&s->entry, &out->UserSessionKey);
        s->validation->ValidationSam2 = out;
        return true;
    }
    default:
        s->validation->ValidationSam4 = info;
        return true;
    }
}

static ntstatus finish(struct nt_call *call, struct sam_logon *s)
{
    *s->authoritative = s->logon.authoritative;
    if (!nt_status_ok(s->logon.status))
        return s->logon.status;

    /* The newest key of the computer's name is the one that clients decrypt with, though the
     * connection lives on an older one. */
    uint32_t rid = s->entry.rid;
    if (nt_chains_get(call->service->chains, s->computer, &s->entry) != NT_OK ||
        s->entry.rid != rid)
        return NT_STATUS(ACCESS_DENIED);
    return put_validation(call, s) ? NT_STATUS(SUCCESS) : nl_nomem(call);
}

static ntstatus waited(struct nt_call *call, void *args, ntstatus status)
{
    (void)args;
    (void)status;
    return finish(call, call->state);
}

/* In any thread. */
static void logon_done(struct nt_logon *logon)
{
    struct nt_call *call = logon->owner;
    call->resume(call);
}

/* --- the calls --- */

/* NULL: no memory. */
static struct sam_logon *begin(struct nt_call *call, const uint16_t *computer, uint16_t level,
                               const NETLOGON_LEVEL *information, uint16_t validation_level,
                               NETLOGON_VALIDATION *validation, UCHAR *authoritative)
{
    struct sam_logon *s = nt_arena_alloc(&call->arena, sizeof *s);
    if (s == NULL || (s->computer = nt_call_text(call, computer)) == NULL)
        return NULL;
    s->level = level;
    s->information = information;
    s->validation_level = validation_level;
    s->validation = validation;
    s->authoritative = authoritative;
    *authoritative = 1;
    call->state = s;
    return s;
}

/* Before the authenticator is looked at: a client that asks in vain keeps its chain. */
static bool known_validation(const struct sam_logon *s)
{
    return s->validation_level == NetlogonValidationSamInfo ||
           s->validation_level == NetlogonValidationSamInfo2 ||
           s->validation_level == NetlogonValidationSamInfo4;
}

static ntstatus start(struct nt_call *call, struct sam_logon *s)
{
    struct nt_logon *l = &s->logon;
    if (!take_level(call, s))
        return NT_STATUS(INVALID_PARAMETER);
    l->service = call->service;
    l->dir = call->dir;
    l->arena = &call->arena;
    l->peer = nt_conn_peer(call->conn);
    /* A member's or BDC's user may be of a domain that this one trusts; what a trusting domain
     * brings is not passed on: trusts are not transitive. */
    l->pass_through = s->entry.channel_type != TrustedDomainSecureChannel;
    /* A member brings its own sessions only; a controller also those of its members. */
    if (s->entry.channel_type == WorkstationSecureChannel)
        l->channel_computer = s->entry.computer;
    l->done = logon_done;
    l->owner = call;
    return nt_logon_start(l) ? finish(call, s) : nt_call_park(call, waited);
}

/* With an authenticator, which the IDL allows to be absent and the protocol does not. */
static ntstatus start_verified(struct nt_call *call, struct sam_logon *s,
                               const NETLOGON_AUTHENTICATOR *in, NETLOGON_AUTHENTICATOR *out)
{
    if (!known_validation(s))
        return NT_STATUS(INVALID_INFO_CLASS);
    if (in == NULL || out == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus status = nl_verify(call, s->computer, in, out, &s->entry);
    return nt_status_ok(status) ? start(call, s) : status;
}

ntstatus nl_sam_logon(struct nt_call *call, void *args)
{
    struct NetrLogonSamLogon *a = args;
    struct sam_logon *s = begin(call, a->ComputerName, a->LogonLevel, &a->LogonInformation,
                                a->ValidationLevel, &a->ValidationInformation, &a->Authoritative);
    if (s == NULL)
        return nl_nomem(call);
    return start_verified(call, s, a->Authenticator, a->ReturnAuthenticator);
}

ntstatus nl_sam_logon_with_flags(struct nt_call *call, void *args)
{
    struct NetrLogonSamLogonWithFlags *a = args;
    struct sam_logon *s = begin(call, a->ComputerName, a->LogonLevel, &a->LogonInformation,
                                a->ValidationLevel, &a->ValidationInformation, &a->Authoritative);
    if (s == NULL)
        return nl_nomem(call);
    a->ExtraFlags = 0;
    return start_verified(call, s, a->Authenticator, a->ReturnAuthenticator);
}

ntstatus nl_sam_logon_ex(struct nt_call *call, void *args)
{
    struct NetrLogonSamLogonEx *a = args;
    struct sam_logon *s = begin(call, a->ComputerName, a->LogonLevel, &a->LogonInformation,
                                a->ValidationLevel, &a->ValidationInformation, &a->Authoritative);
    if (s == NULL)
        return nl_nomem(call);
    a->ExtraFlags = 0;
    if (!known_validation(s))
        return NT_STATUS(INVALID_INFO_CLASS);
    ntstatus status = nl_channel(call, s->computer, &s->entry);
    return nt_status_ok(status) ? start(call, s) : status;
}

/* Nothing is kept of a logon, so there is nothing to end. 3.5.4.5.4 */
ntstatus nl_sam_logoff(struct nt_call *call, void *args)
{
    struct NetrLogonSamLogoff *a = args;
    NL_SCOPED_ENTRY entry;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    if (a->Authenticator == NULL || a->ReturnAuthenticator == NULL)
        return NT_STATUS(INVALID_PARAMETER);
    ntstatus status = nl_verify(call, computer, a->Authenticator, a->ReturnAuthenticator, &entry);
    if (!nt_status_ok(status))
        return status;
    bool interactive = a->LogonLevel == NetlogonInteractiveInformation &&
                       a->LogonInformation.LogonInteractive != NULL;
    return interactive ? NT_STATUS(SUCCESS) : NT_STATUS(INVALID_PARAMETER);
}
