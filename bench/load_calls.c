/* load_calls.c - the calls of the load generator, from arguments to stub and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/utf16.h"
#include "bench/load.h"
#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "crypto/sysenv.h"
#include "idl/netlogon.h"

#define OFFER               0x610FFFFFu /* as a domain controller of today offers it */
#define POLICY_LOOKUP_NAMES 0x00000800u /* [MS-LSAD] 2.2.1.1.2 */

static struct nt_arena arena = { .limit = 1u << 20 };

void load_hash(const char *account, struct nt_secret *hash)
{
    if (nt_owf_text(account, hash) != NT_OK)
        load_die("%s: not text", account);
}

static uint16_t *wide(const char *text)
{
    uint16_t *out = NULL;
    if (nt_utf16_from_utf8(&arena, text, &out, NULL) != NT_OK)
        load_die("out of memory");
    return out;
}

static RPC_UNICODE_STRING unicode(const char *text)
{
    size_t units = 0;
    RPC_UNICODE_STRING s = { 0 };
    if (nt_utf16_from_utf8(&arena, text, &s.Buffer, &units) != NT_OK)
        load_die("out of memory");
    s.Length = s.MaximumLength = (uint16_t)(2 * units);
    return s;
}

static uint8_t *encoded(const struct nt_ndr_op *op, const void *args, size_t *len)
{
    struct nt_buf out;
    nt_buf_init(&out, 1u << 20);
    enum nt_err err = nt_ndr_encode(op, NT_NDR_REQUEST, args, NULL, &out);
    if (err != NT_OK)
        load_die("%s: %s", op->name, nt_err_text(err));
    nt_arena_reset(&arena);
    *len = out.len;
    return out.data;
}

static char *account_of(const struct client *c)
{
    char *account = nt_arena_printf(&arena, "%s$", c->computer);
    if (account == NULL)
        load_die("out of memory");
    return account;
}

static NETLOGON_AUTHENTICATOR authenticator(struct client *c)
{
    struct nt_authenticator a;
    NETLOGON_AUTHENTICATOR out;
    nt_chain_next(&c->chain, (uint32_t)nt_time_to_unix(nt_now(nt_env_system())), &a);
    memcpy(out.Credential.data, a.credential, sizeof a.credential);
    out.Timestamp = a.timestamp;
    return out;
}

static void check(struct client *c, const char *call, ntstatus status,
                  const NETLOGON_AUTHENTICATOR *returned)
{
    struct nt_authenticator a;
    if (!nt_status_ok(status))
        load_die("%s of %s: %s", call, c->computer, nt_status_name(status));
    if (returned == NULL)
        return;
    a.timestamp = returned->Timestamp;
    memcpy(a.credential, returned->Credential.data, sizeof a.credential);
    if (nt_chain_check(&c->chain, &a) != NT_OK)
        load_die("%s of %s: the returned authenticator is wrong", call, c->computer);
}

static void decode(const struct nt_ndr_op *op, const uint8_t *stub, size_t len, void *args)
{
    enum nt_err err =
        nt_ndr_decode(op, NT_NDR_RESPONSE, false, stub, len, &arena, &args, NULL, NULL);
    if (err != NT_OK)
        load_die("the answer to %s: %s", op->name, nt_err_text(err));
}

/* --- the set-up --- */

uint8_t *load_challenge(struct client *c, size_t *len)
{
    struct NetrServerReqChallenge a = { .PrimaryName = wide("\\\\" LOAD_CONTROLLER),
                                        .ComputerName = wide(c->computer) };
    nt_nl_challenge(nt_env_system(), c->client_challenge);
    memcpy(a.ClientChallenge.data, c->client_challenge, 8);
    return encoded(&ndr_NetrServerReqChallenge, &a, len);
}

void load_take_challenge(struct client *c, const uint8_t *stub, size_t len)
{
    struct NetrServerReqChallenge a = { 0 };
    decode(&ndr_NetrServerReqChallenge, stub, len, &a);
    check(c, "NetrServerReqChallenge", a.result, NULL);
    memcpy(c->server_challenge, a.ServerChallenge.data, 8);
    nt_arena_reset(&arena);
}

uint8_t *load_authenticate(struct client *c, size_t *len)
{
    struct NetrServerAuthenticate3 a = { .PrimaryName = wide("\\\\" LOAD_CONTROLLER),
                                         .AccountName = wide(account_of(c)),
                                         .SecureChannelType = WorkstationSecureChannel,
                                         .ComputerName = wide(c->computer),
                                         .NegotiateFlags = OFFER };
    if (nt_chain_start(&c->chain, NT_NL_AES, &c->hash, c->client_challenge, c->server_challenge,
                       a.ClientCredential.data) != NT_OK)
        load_die("%s: cannot start the chain", c->computer);
    return encoded(&ndr_NetrServerAuthenticate3, &a, len);
}

void load_take_authenticate(struct client *c, const uint8_t *stub, size_t len)
{
    struct NetrServerAuthenticate3 a = { 0 };
    decode(&ndr_NetrServerAuthenticate3, stub, len, &a);
    check(c, "NetrServerAuthenticate3", a.result, NULL);
    if (nt_chain_accept(&c->chain, c->server_challenge, a.ServerCredential.data) != NT_OK)
        load_die("%s: the controller does not know the password", c->computer);
    nt_arena_reset(&arena);
}

uint8_t *load_capabilities(struct client *c, size_t *len)
{
    struct NetrLogonGetCapabilities a = { .ServerName = wide("\\\\" LOAD_CONTROLLER),
                                          .ComputerName = wide(c->computer),
                                          .Authenticator = authenticator(c),
                                          .QueryLevel = 1 };
    return encoded(&ndr_NetrLogonGetCapabilities, &a, len);
}

void load_take_capabilities(struct client *c, const uint8_t *stub, size_t len)
{
    struct NetrLogonGetCapabilities a = { .QueryLevel = 1 };
    decode(&ndr_NetrLogonGetCapabilities, stub, len, &a);
    check(c, "NetrLogonGetCapabilities", a.result, &a.ReturnAuthenticator);
    nt_arena_reset(&arena);
}

/* --- the password --- */

/* 120 random units, as machines choose their passwords. */
uint8_t *load_password(struct client *c, size_t *len)
{
    struct NetrServerPasswordSet2 a = { .PrimaryName = wide("\\\\" LOAD_CONTROLLER),
                                        .AccountName = wide(account_of(c)),
                                        .SecureChannelType = WorkstationSecureChannel,
                                        .ComputerName = wide(c->computer) };
    struct nt_nl_password clear = { .password.len = 240 };
    uint8_t buffer[NT_NL_PASSWORD_LEN];
    nt_random(nt_env_system(), clear.password.b, clear.password.len);
    if (nt_nl_password_encode(&c->chain, nt_env_system(), &clear, buffer) != NT_OK)
        load_die("%s: cannot encode a password", c->computer);
    for (size_t i = 0; i < 256; i++)
        a.ClearNewPassword.Buffer[i] = (uint16_t)(buffer[2 * i] | buffer[2 * i + 1] << 8);
    a.ClearNewPassword.Length = (uint32_t)buffer[512] | (uint32_t)buffer[513] << 8 |
                                (uint32_t)buffer[514] << 16 | (uint32_t)buffer[515] << 24;
    a.Authenticator = authenticator(c);
    return encoded(&ndr_NetrServerPasswordSet2, &a, len);
}

void load_take_password(struct client *c, const uint8_t *stub, size_t len)
{
    struct NetrServerPasswordSet2 a = { 0 };
    decode(&ndr_NetrServerPasswordSet2, stub, len, &a);
    check(c, "NetrServerPasswordSet2", a.result, &a.ReturnAuthenticator);
    nt_arena_reset(&arena);
}

/* --- the logon --- */

/* What a member server gave its client in the CHALLENGE message: the response answers to it. */
static void put_target(struct nt_buf *b, const struct client *c)
{
    RPC_UNICODE_STRING domain = unicode(LOAD_DOMAIN), computer = unicode(c->computer);
    uint8_t when[8];
    nt_time now = nt_now(nt_env_system());
    for (size_t i = 0; i < 8; i++)
        when[i] = (uint8_t)((uint64_t)now >> (8 * i));
    nt_buf_init(b, 1024);
    nt_av_put(b, NT_AV_NB_DOMAIN, domain.Buffer, domain.Length);
    nt_av_put(b, NT_AV_NB_COMPUTER, computer.Buffer, computer.Length);
    nt_av_put(b, NT_AV_DNS_DOMAIN, domain.Buffer, domain.Length);
    nt_av_put(b, NT_AV_DNS_COMPUTER, computer.Buffer, computer.Length);
    nt_av_put(b, NT_AV_TIMESTAMP, when, sizeof when);
    nt_av_put(b, NT_AV_EOL, NULL, 0);
}

uint8_t *load_logon(const struct client *c, unsigned user, size_t *len)
{
    char name[32];
    uint8_t challenge[8], client_challenge[8];
    struct nt_secret hash, base_key;
    struct nt_buf target, response;
    const struct nt_env *env = nt_env_system();
    snprintf(name, sizeof name, LOAD_USER, user);
    load_hash(name, &hash);
    nt_random(env, challenge, sizeof challenge);
    nt_random(env, client_challenge, sizeof client_challenge);
    put_target(&target, c);
    nt_buf_init(&response, 4096);
    if (target.err != NT_OK ||
        nt_ntlmv2_respond(&hash, name, LOAD_DOMAIN, challenge, client_challenge, nt_now(env),
                          target.data, target.len, &response, &base_key) != NT_OK)
        load_die("cannot make a response");

    struct NETLOGON_NETWORK_INFO info = {
        .Identity = { .LogonDomainName = unicode(LOAD_DOMAIN),
                      .ParameterControl = 0,
                      .UserName = unicode(name),
                      .Workstation = unicode("CLIENT") },
        .NtChallengeResponse = { .Length = (uint16_t)response.len,
                                 .MaximumLength = (uint16_t)response.len,
                                 .Buffer = response.data },
    };
    memcpy(info.LmChallenge.data, challenge, sizeof challenge);
    /* Samba's NT-style controller knows no level 4: over SMB the one that its clients ask for. */
    bool by_smb = c->load->session_users != 0;
    struct NetrLogonSamLogonEx a = { .LogonServer = wide("\\\\" LOAD_CONTROLLER),
                                     .ComputerName = wide(c->computer),
                                     .LogonLevel = NetlogonNetworkInformation,
                                     .LogonInformation.LogonNetwork = &info,
                                     .ValidationLevel = by_smb ? NetlogonValidationSamInfo2
                                                               : NetlogonValidationSamInfo4 };
    uint8_t *stub = encoded(&ndr_NetrLogonSamLogonEx, &a, len);
    nt_buf_free(&target);
    nt_buf_free(&response);
    return stub;
}

static uint32_t last_u32(const uint8_t *stub, size_t len)
{
    return len >= 4 ? nt_le32(stub + len - 4) : NT_STATUS(INVALID_NETWORK_RESPONSE).code;
}

/* Every answer's status is looked at, and now and then a whole answer. */
void load_take_logon(struct client *c, const uint8_t *stub, size_t len)
{
    static unsigned answers;
    check(c, "NetrLogonSamLogonEx", (ntstatus){ last_u32(stub, len) }, NULL);
    if (answers++ % 1024 != 0)
        return;
    bool by_smb = c->load->session_users != 0;
    struct NetrLogonSamLogonEx a = { .ValidationLevel = by_smb ? NetlogonValidationSamInfo2
                                                               : NetlogonValidationSamInfo4 };
    decode(&ndr_NetrLogonSamLogonEx, stub, len, &a);
    const NETLOGON_VALIDATION_SAM_INFO2 *info2 = a.ValidationInformation.ValidationSam2;
    const NETLOGON_VALIDATION_SAM_INFO4 *info4 = a.ValidationInformation.ValidationSam4;
    bool says = by_smb ? info2 != NULL && info2->UserId >= 1000 && info2->GroupCount > 0 &&
                             info2->LogonDomainId != NULL
                       : info4 != NULL && info4->UserId >= 1000 && info4->GroupCount > 0 &&
                             info4->LogonDomainId != NULL;
    if (!says)
        load_die("NetrLogonSamLogonEx of %s: an answer that says nothing", c->computer);
    nt_arena_reset(&arena);
}

/* --- names --- */

uint8_t *load_policy(size_t *len)
{
    struct LsarOpenPolicy2 a = { .SystemName = wide("\\\\" LOAD_CONTROLLER),
                                 .ObjectAttributes = { .Length = 24 },
                                 .DesiredAccess = POLICY_LOOKUP_NAMES };
    return encoded(&ndr_LsarOpenPolicy2, &a, len);
}

void load_take_policy(struct client *c, const uint8_t *stub, size_t len)
{
    struct LsarOpenPolicy2 a = { 0 };
    decode(&ndr_LsarOpenPolicy2, stub, len, &a);
    check(c, "LsarOpenPolicy2", a.result, NULL);
    c->policy = a.PolicyHandle;
    nt_arena_reset(&arena);
}

uint8_t *load_lookup(const struct client *c, unsigned first_user, size_t *len)
{
    RPC_UNICODE_STRING names[LOAD_NAMES];
    for (unsigned i = 0; i < LOAD_NAMES; i++) {
        char name[48];
        snprintf(name, sizeof name, LOAD_DOMAIN "\\" LOAD_USER, (first_user + i) % c->load->users);
        names[i] = unicode(name);
    }
    struct LsarLookupNames a = { .PolicyHandle = c->policy,
                                 .Count = LOAD_NAMES,
                                 .Names = names,
                                 .LookupLevel = LsapLookupWksta };
    return encoded(&ndr_LsarLookupNames, &a, len);
}

/* SUCCESS means that all names were found; now and then that is looked at, too. */
void load_take_lookup(struct client *c, const uint8_t *stub, size_t len)
{
    static unsigned answers;
    check(c, "LsarLookupNames", (ntstatus){ last_u32(stub, len) }, NULL);
    if (answers++ % 256 != 0)
        return;
    struct LsarLookupNames a = { 0 };
    decode(&ndr_LsarLookupNames, stub, len, &a);
    bool found = a.MappedCount == LOAD_NAMES && a.TranslatedSids.Entries == LOAD_NAMES;
    for (unsigned i = 0; found && i < LOAD_NAMES; i++)
        found = a.TranslatedSids.Sids[i].Use == SidTypeUser &&
                a.TranslatedSids.Sids[i].RelativeId >= 1000;
    if (!found)
        load_die("LsarLookupNames of %s: an answer that says nothing", c->computer);
    nt_arena_reset(&arena);
}
