/* The calls that trusts are made of, in words. [MS-NRPC] 3.5.4, [MS-LSAD] 3.1.4.7, [MS-SAMR] 3.1.5
 */
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "capture/capture_internal.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"

/* --- text --- */

static const char *wide(struct nt_capture *c, const uint16_t *text)
{
    size_t units = 0;
    while (text != NULL && text[units] != 0)
        units++;
    const char *shown = text != NULL ? nt_utf8_show(&c->arena, text, units) : "";
    return shown != NULL ? shown : "?";
}

static const char *unicode(struct nt_capture *c, const RPC_UNICODE_STRING *s)
{
    const char *shown = s->Buffer != NULL ? nt_utf8_show(&c->arena, s->Buffer, s->Length / 2) : "";
    return shown != NULL ? shown : "?";
}

static const char *backslashes_off(const char *name)
{
    while (*name == '\\')
        name++;
    return name;
}

/* What came of it. */
static const char *outcome(struct nt_capture *c, struct nt_call_seen *call, const char *good)
{
    if (!call->has_result)
        return "; the answer cannot be read";
    if (call->result == 0)
        return good;
    const char *text =
        nt_arena_printf(&c->arena, ": refused, %s", nt_capture_status(c, call->result));
    return text != NULL ? text : ": refused";
}

/* --- secure channels --- */

static const char *channel_kind(uint16_t type)
{
    switch (type) {
    case WorkstationSecureChannel:
        return "a member's";
    case TrustedDnsDomainSecureChannel:
    case TrustedDomainSecureChannel:
        return "a trust's";
    case ServerSecureChannel:
    case CdcServerSecureChannel:
        return "a controller's";
    default:
        return "an unknown kind of";
    }
}

const char *nt_capture_meaning(uint16_t type, ntstatus status)
{
    bool trust = type == TrustedDomainSecureChannel || type == TrustedDnsDomainSecureChannel;
    if (nt_status_is(status, NT_STATUS(ACCESS_DENIED)))
        return trust ? "the two ends of the trust do not hold the same password, or the account is "
                       "disabled: 'ntrust check' at both ends tells which"
                     : "the computer and its account do not have the same password: one of the two "
                       "was restored, or the account was made anew";
    if (nt_status_is(status, NT_STATUS(NO_TRUST_SAM_ACCOUNT)))
        return trust ? "the trusted domain has no usable account for the trusting one: it was "
                       "removed, or is disabled or of another type"
                     : "the domain has no usable account for the computer: it was removed, or is "
                       "disabled or of another type";
    if (nt_status_is(status, NT_STATUS(NO_TRUST_LSA_SECRET)))
        return "the trusting end has lost its secret: make its half of the trust anew";
    if (nt_status_is(status, NT_STATUS(DOWNGRADE_DETECTED)))
        return "one end demands AES and the other does not offer it";
    return "";
}

static void count_channel(struct nt_capture *c, struct nt_call_seen *call, const char *account,
                          const char *computer, uint16_t type)
{
    struct nt_capture_channel seen = { .type = type };
    struct nt_capture_channel *row = NULL;
    snprintf(seen.account, sizeof seen.account, "%s", account);
    snprintf(seen.computer, sizeof seen.computer, "%s", computer);
    nt_address_format(&call->ends->server, seen.server);
    for (size_t i = 0; i < c->totals.channel_count && row == NULL; i++)
        if (nt_name_equal(c->channels[i].account, seen.account) &&
            nt_name_equal(c->channels[i].computer, seen.computer) &&
            strcmp(c->channels[i].server, seen.server) == 0 && c->channels[i].type == type)
            row = &c->channels[i];
    if (row == NULL && c->totals.channel_count < NT_CAPTURE_CHANNELS) {
        row = &c->channels[c->totals.channel_count++];
        *row = seen;
    }
    if (row == NULL || !call->has_result)
        return;
    *(call->result == 0 ? &row->granted : &row->refused) += 1;
    row->last = (ntstatus){ call->result };
    row->last_at = call->at;
}

static const char *protection(uint32_t flags)
{
    return (flags & 0x01000000u) != 0   ? "AES"       /* [MS-NRPC] 3.1.4.2, W */
           : (flags & 0x00004000u) != 0 ? "RC4, weak" /* O */
                                        : "DES, weak";
}

static const char *authenticated(struct nt_capture *c, struct nt_call_seen *call,
                                 const uint16_t *account16, const uint16_t *computer16,
                                 uint16_t type, const uint32_t *flags)
{
    const char *account = wide(c, account16), *computer = wide(c, computer16);
    count_channel(c, call, account, computer, type);
    const char *meaning =
        call->has_result ? nt_capture_meaning(type, (ntstatus){ call->result }) : "";
    const char *good = nt_arena_printf(&c->arena, ": granted (%s)",
                                       flags != NULL ? protection(*flags) : "DES, weak");
    return nt_arena_printf(&c->arena, "%s opens %s secure channel as %s%s%s%s", computer,
                           channel_kind(type), account, outcome(c, call, good != NULL ? good : ""),
                           *meaning != '\0' ? ". That is: " : "", meaning);
}

/* The three share their first members by name, not by layout. */
#define AUTHENTICATE(name, flags)                                                                  \
    static const char *tell_##name(struct nt_capture *c, struct nt_call_seen *call)                \
    {                                                                                              \
        const struct name *a = call->request;                                                      \
        return authenticated(c, call, a->AccountName, a->ComputerName, a->SecureChannelType,       \
                             flags);                                                               \
    }
AUTHENTICATE(NetrServerAuthenticate, NULL)
AUTHENTICATE(NetrServerAuthenticate2, &a->NegotiateFlags)
AUTHENTICATE(NetrServerAuthenticate3, &a->NegotiateFlags)

#define FOR_ACCOUNT(name, does, done)                                                              \
    static const char *tell_##name(struct nt_capture *c, struct nt_call_seen *call)                \
    {                                                                                              \
        const struct name *a = call->request;                                                      \
        return nt_arena_printf(&c->arena, "%s %s of %s%s", wide(c, a->ComputerName), does,         \
                               wide(c, a->AccountName), outcome(c, call, done));                   \
    }
FOR_ACCOUNT(NetrServerPasswordSet, "changes the password", ": changed (in the older form)")
FOR_ACCOUNT(NetrServerPasswordSet2, "changes the password", ": changed")
FOR_ACCOUNT(NetrServerPasswordGet, "reads the password", ": told")
FOR_ACCOUNT(NetrServerTrustPasswordsGet, "reads the passwords' hashes", ": told")
FOR_ACCOUNT(NetrServerGetTrustInfo, "reads the trust information", ": told")

/* --- logons --- */

static const NETLOGON_LOGON_IDENTITY_INFO *identity(uint16_t level, const NETLOGON_LEVEL *info)
{
    switch (level) {
    case NetlogonInteractiveInformation:
    case NetlogonInteractiveTransitiveInformation:
        return info->LogonInteractive != NULL ? &info->LogonInteractive->Identity : NULL;
    case NetlogonNetworkInformation:
    case NetlogonNetworkTransitiveInformation:
        return info->LogonNetwork != NULL ? &info->LogonNetwork->Identity : NULL;
    default:
        return NULL;
    }
}

static const char *logon(struct nt_capture *c, struct nt_call_seen *call, uint16_t level,
                         const NETLOGON_LEVEL *info, const uint16_t *computer)
{
    const NETLOGON_LOGON_IDENTITY_INFO *who = identity(level, info);
    if (who == NULL)
        return NULL;
    return nt_arena_printf(
        &c->arena, "%s asks for the logon of %s\\%s from %s%s", backslashes_off(wide(c, computer)),
        unicode(c, &who->LogonDomainName), unicode(c, &who->UserName),
        backslashes_off(unicode(c, &who->Workstation)), outcome(c, call, ": granted"));
}

#define SAM_LOGON(name)                                                                            \
    static const char *tell_##name(struct nt_capture *c, struct nt_call_seen *call)                \
    {                                                                                              \
        const struct name *a = call->request;                                                      \
        return logon(c, call, a->LogonLevel, &a->LogonInformation, a->ComputerName);               \
    }
SAM_LOGON(NetrLogonSamLogon)
SAM_LOGON(NetrLogonSamLogonEx)
SAM_LOGON(NetrLogonSamLogonWithFlags)

/* --- an administrator's questions --- */

static const char *control(struct nt_capture *c, struct nt_call_seen *call, uint32_t function,
                           const NETLOGON_CONTROL_DATA_INFORMATION *data, uint32_t level,
                           const NETLOGON_CONTROL_QUERY_INFORMATION *answer)
{
    /* [MS-NRPC] 3.5.4.9.1 */
    const char *does = function == 5    ? "find its channel anew to"
                       : function == 6  ? "tell how its channel stands to"
                       : function == 9  ? "change its password with"
                       : function == 10 ? "verify its channel to"
                                        : NULL;
    const char *state = "";
    if (does == NULL)
        return NULL;
    const NETLOGON_INFO_2 *info =
        call->response != NULL && level == 2 && call->result == 0 ? answer->NetlogonInfo2 : NULL;
    if (info != NULL && info->netlog2_tc_connection_status != 0) {
        call->bad = true;
        state = nt_arena_printf(&c->arena, ": broken, %s",
                                nt_capture_status(c, info->netlog2_tc_connection_status));
    } else if (info != NULL) {
        state = nt_arena_printf(&c->arena, ": good, with %s",
                                backslashes_off(wide(c, info->netlog2_trusted_dc_name)));
    } else {
        state = outcome(c, call, "");
    }
    return nt_arena_printf(&c->arena, "has the server %s %s%s", does,
                           wide(c, data->TrustedDomainName), state != NULL ? state : "");
}

static const char *tell_NetrLogonControl2(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct NetrLogonControl2 *a = call->request;
    return control(c, call, a->FunctionCode, &a->Data, a->QueryLevel, &a->Buffer);
}

static const char *tell_NetrLogonControl2Ex(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct NetrLogonControl2Ex *a = call->request;
    return control(c, call, a->FunctionCode, &a->Data, a->QueryLevel, &a->Buffer);
}

/* --- the halves of a trust --- */

static const char *direction(uint32_t bits)
{
    static const char *const names[] = { "disabled", "inbound", "outbound", "two-way" };
    return names[bits & 3];
}

static const char *tdo_created(struct nt_capture *c, struct nt_call_seen *call,
                               const LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *t)
{
    return nt_arena_printf(&c->arena, "makes the trusted domain object of %s (%s, %s)%s",
                           unicode(c, &t->FlatName), unicode(c, &t->Name),
                           direction(t->TrustDirection), outcome(c, call, ": made"));
}

static const char *tell_LsarCreateTrustedDomainEx2(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct LsarCreateTrustedDomainEx2 *a = call->request;
    return tdo_created(c, call, &a->TrustedDomainInformation);
}

static const char *tell_LsarCreateTrustedDomainEx(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct LsarCreateTrustedDomainEx *a = call->request;
    return tdo_created(c, call, &a->TrustedDomainInformation);
}

static const char *tell_LsarCreateTrustedDomain(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct LsarCreateTrustedDomain *a = call->request;
    return nt_arena_printf(&c->arena, "makes the trusted domain object of %s%s",
                           unicode(c, &a->TrustedDomainInformation.Name),
                           outcome(c, call, ": made"));
}

#define TDO_BY_NAME(name, does, done)                                                              \
    static const char *tell_##name(struct nt_capture *c, struct nt_call_seen *call)                \
    {                                                                                              \
        const struct name *a = call->request;                                                      \
        return nt_arena_printf(&c->arena, "%s the trusted domain object of %s%s", does,            \
                               unicode(c, &a->TrustedDomainName), outcome(c, call, done));         \
    }
TDO_BY_NAME(LsarQueryTrustedDomainInfoByName, "reads", ": told")
TDO_BY_NAME(LsarSetTrustedDomainInfoByName, "changes", ": changed")
TDO_BY_NAME(LsarOpenTrustedDomainByName, "opens", ": opened")

static const char *tell_LsarDeleteTrustedDomain(struct nt_capture *c, struct nt_call_seen *call)
{
    return nt_arena_printf(&c->arena, "removes a trusted domain object%s",
                           outcome(c, call, ": removed"));
}

static const char *account_kind(uint32_t bits)
{
    /* USER_*_TRUST_ACCOUNT, [MS-SAMR] 2.2.1.12 */
    return (bits & 0x40) != 0    ? "interdomain trust account"
           : (bits & 0x80) != 0  ? "workstation account"
           : (bits & 0x100) != 0 ? "controller's account"
                                 : "user";
}

static const char *tell_SamrCreateUser2InDomain(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct SamrCreateUser2InDomain *a = call->request;
    return nt_arena_printf(&c->arena, "makes the %s %s%s", account_kind(a->AccountType),
                           unicode(c, &a->Name), outcome(c, call, ": made"));
}

static const char *tell_SamrDeleteUser(struct nt_capture *c, struct nt_call_seen *call)
{
    return nt_arena_printf(&c->arena, "removes an account%s", outcome(c, call, ": removed"));
}

/* --- the table --- */

#define TELL(name)                                                                                 \
    {                                                                                              \
#name, tell_##name                                                                         \
    }
static const struct teller {
    const char *name;
    const char *(*tell)(struct nt_capture *c, struct nt_call_seen *call);
} tellers[] = {
    TELL(NetrServerAuthenticate),
    TELL(NetrServerAuthenticate2),
    TELL(NetrServerAuthenticate3),
    TELL(NetrServerPasswordSet),
    TELL(NetrServerPasswordSet2),
    TELL(NetrServerPasswordGet),
    TELL(NetrServerTrustPasswordsGet),
    TELL(NetrServerGetTrustInfo),
    TELL(NetrLogonSamLogon),
    TELL(NetrLogonSamLogonEx),
    TELL(NetrLogonSamLogonWithFlags),
    TELL(NetrLogonControl2),
    TELL(NetrLogonControl2Ex),
    TELL(LsarCreateTrustedDomain),
    TELL(LsarCreateTrustedDomainEx),
    TELL(LsarCreateTrustedDomainEx2),
    TELL(LsarQueryTrustedDomainInfoByName),
    TELL(LsarSetTrustedDomainInfoByName),
    TELL(LsarOpenTrustedDomainByName),
    TELL(LsarDeleteTrustedDomain),
    TELL(SamrCreateUser2InDomain),
    TELL(SamrDeleteUser),
    /* Nothing to add to their names, but they matter. */
    { "NetrServerReqChallenge", NULL },
    { "NetrLogonGetDomainInfo", NULL },
    { "LsarOpenTrustedDomain", NULL },
    { "LsarSetInformationTrustedDomain", NULL },
    { "LsarQueryInfoTrustedDomain", NULL },
    { "LsarDeleteObject", NULL },
    { "SamrSetInformationUser", NULL },
    { "SamrSetInformationUser2", NULL },
};

static const struct teller *teller_of(const char *name)
{
    for (size_t i = 0; i < NT_COUNT(tellers); i++)
        if (strcmp(tellers[i].name, name) == 0)
            return &tellers[i];
    return NULL;
}

bool nt_call_matters(const char *op_name)
{
    return teller_of(op_name) != NULL;
}

const char *nt_call_tell(struct nt_capture *c, struct nt_call_seen *call)
{
    const struct teller *t = teller_of(call->op->name);
    return t != NULL && t->tell != NULL && call->request != NULL ? t->tell(c, call) : NULL;
}
