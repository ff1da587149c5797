#include "channel/channel_internal.h"

#include <stdio.h>
#include <string.h>

bool nt_channel_send_capabilities(struct nt_channel *ch, uint64_t now_ms)
{
    nt_arena_reset(&ch->arena);
    struct NetrLogonGetCapabilities args = { .ServerName = nt_channel_server(ch),
                                             .ComputerName = nt_channel_wide(ch, ch->computer),
                                             .Authenticator = nt_channel_authenticator(ch),
                                             .QueryLevel = 1 };
    if (args.ServerName == NULL || args.ComputerName == NULL) {
        nt_channel_no_memory(ch);
        return false;
    }
    return nt_channel_send(ch, &ndr_NetrLogonGetCapabilities, &args, now_ms);
}

enum nt_err nt_channel_ping(struct nt_channel *ch, uint64_t now_ms)
{
    if (ch->stage != OPEN || ch->chained != NO_CALL)
        return NT_E_STATE;
    if (!nt_channel_send_capabilities(ch, now_ms))
        return NT_E_NOMEM;
    ch->chained = PING;
    return NT_OK;
}

enum nt_err nt_channel_set_password(struct nt_channel *ch, const struct nt_password *password,
                                    uint32_t version, uint64_t now_ms)
{
    if (ch->stage != OPEN || ch->chained != NO_CALL)
        return NT_E_STATE;
    nt_arena_reset(&ch->arena);
    struct NetrServerPasswordSet2 args = { .PrimaryName = nt_channel_server(ch),
                                           .AccountName = nt_channel_wide(ch, ch->account),
                                           .SecureChannelType = ch->type,
                                           .ComputerName = nt_channel_wide(ch, ch->computer) };
    struct nt_nl_password clear = { .password = *password,
                                    .has_version = true,
                                    .version = version };
    uint8_t buffer[NT_NL_PASSWORD_LEN];
    enum nt_err err = nt_nl_password_encode(&ch->chain, ch->env, &clear, buffer);
    nt_password_wipe(&clear.password);
    if (err != NT_OK)
        return err;
    for (size_t i = 0; i < NT_COUNT(args.ClearNewPassword.Buffer); i++)
        args.ClearNewPassword.Buffer[i] = (uint16_t)(buffer[2 * i] | buffer[2 * i + 1] << 8);
    args.ClearNewPassword.Length = (uint32_t)buffer[512] | (uint32_t)buffer[513] << 8 |
                                   (uint32_t)buffer[514] << 16 | (uint32_t)buffer[515] << 24;
    if (args.PrimaryName == NULL || args.AccountName == NULL || args.ComputerName == NULL)
        return NT_E_NOMEM;
    args.Authenticator = nt_channel_authenticator(ch);
    if (!nt_channel_send(ch, &ndr_NetrServerPasswordSet2, &args, now_ms))
        return NT_E_STATE;
    ch->chained = PASSWORD_SET;
    return NT_OK;
}

static void tell(struct nt_channel *ch, enum nt_channel_event_kind kind, ntstatus status)
{
    ch->event.kind = kind;
    ch->event.status = status;
    ch->event.step = kind == NT_CHANNEL_SET ? "NetrServerPasswordSet2" : "NetrLogonGetCapabilities";
    ch->event.why = nt_status_text(status);
    ch->tell = true;
}

/* The answer to a call with an authenticator. */
static void on_chained(struct nt_channel *ch, const struct nt_link_event *e)
{
    bool set = ch->chained == PASSWORD_SET;
    const struct nt_ndr_op *op = set ? &ndr_NetrServerPasswordSet2 : &ndr_NetrLogonGetCapabilities;
    ntstatus status = NT_STATUS(RPC_CALL_FAILED);
    const NETLOGON_AUTHENTICATOR *returned = NULL;
    ch->chained = NO_CALL;
    if (e->kind == NT_LINK_RESPONSE) {
        nt_arena_reset(&ch->arena);
        void *args = nt_arena_alloc(&ch->arena, op->args_size);
        if (args != NULL && !set)
            ((struct NetrLogonGetCapabilities *)args)->QueryLevel = 1;
        if (args == NULL || nt_ndr_decode(op, NT_NDR_RESPONSE, e->big_endian, e->stub, e->len,
                                          &ch->arena, &args, NULL, NULL) != NT_OK) {
            nt_channel_bad_answer(ch);
            return;
        }
        if (set) {
            status = ((struct NetrServerPasswordSet2 *)args)->result;
            returned = &((struct NetrServerPasswordSet2 *)args)->ReturnAuthenticator;
        } else {
            status = ((struct NetrLogonGetCapabilities *)args)->result;
            returned = &((struct NetrLogonGetCapabilities *)args)->ReturnAuthenticator;
        }
    } else if (e->fault == NT_FAULT_ACCESS_DENIED) {
        status = NT_STATUS(ACCESS_DENIED);
    }
    bool genuine = returned != NULL && nt_channel_check(ch, returned);
    if (!genuine && nt_status_ok(status)) {
        /* An answer that the peer cannot have given: whether it took the password is unknown. */
        nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(ACCESS_DENIED),
                       "the controller's authenticator is not right");
        return;
    }
    if (!genuine)
        ch->chain = ch->before;
    tell(ch, set ? NT_CHANNEL_SET : NT_CHANNEL_ALIVE, status);
}

/* --- logons --- */

static void flight_end(struct nt_channel *ch, size_t i)
{
    struct nt_forward *fwd = ch->flights[i].fwd;
    ch->flights[i] = ch->flights[--ch->flight_count];
    fwd->done(fwd);
}

void nt_channel_end_flights(struct nt_channel *ch, ntstatus status, const char *why)
{
    while (ch->flight_count > 0) {
        struct nt_forward *fwd = ch->flights[0].fwd;
        fwd->status = status;
        snprintf(fwd->text, sizeof fwd->text, "%s", why);
        flight_end(ch, 0);
    }
}

/* The hashes of an interactive logon, encrypted for the way; other levels go as they are. */
static enum nt_err prepare_level(struct nt_channel *ch, const struct nt_forward *fwd,
                                 NETLOGON_LEVEL *level)
{
    *level = *fwd->level;
    if (fwd->logon_level != NetlogonInteractiveInformation &&
        fwd->logon_level != NetlogonInteractiveTransitiveInformation)
        return NT_OK;
    if (level->LogonInteractive == NULL)
        return NT_E_INVALID;
    NETLOGON_INTERACTIVE_INFO *copy = nt_arena_alloc(&ch->arena, sizeof *copy);
    if (copy == NULL)
        return NT_E_NOMEM;
    *copy = *level->LogonInteractive;
    nt_nl_crypt_buffer(&ch->chain, true, copy->LmOwfPassword.data, sizeof copy->LmOwfPassword.data);
    nt_nl_crypt_buffer(&ch->chain, true, copy->NtOwfPassword.data, sizeof copy->NtOwfPassword.data);
    level->LogonInteractive = copy;
    return NT_OK;
}

static enum nt_err send_logon(struct nt_channel *ch, struct nt_forward *fwd, uint64_t now_ms)
{
    nt_arena_reset(&ch->arena);
    struct NetrLogonSamLogonEx args = { .LogonServer = nt_channel_server(ch),
                                        .ComputerName = nt_channel_wide(ch, ch->computer),
                                        .LogonLevel = fwd->logon_level,
                                        .ValidationLevel = ch->validation };
    enum nt_err err = prepare_level(ch, fwd, &args.LogonInformation);
    if (err != NT_OK)
        return err;
    if (args.LogonServer == NULL || args.ComputerName == NULL)
        return NT_E_NOMEM;
    struct nt_channel_flight *f = &ch->flights[ch->flight_count];
    err = nt_link_call(ch->link, &ndr_NetrLogonSamLogonEx, &args, now_ms, &f->call_id);
    if (err != NT_OK)
        return err;
    f->fwd = fwd;
    f->validation = ch->validation;
    ch->flight_count++;
    return NT_OK;
}

enum nt_err nt_channel_logon(struct nt_channel *ch, struct nt_forward *fwd, uint64_t now_ms)
{
    if (ch->stage != OPEN)
        return NT_E_STATE;
    if (ch->flight_count == NT_CHANNEL_FLIGHTS)
        return NT_E_LIMIT;
    return send_logon(ch, fwd, now_ms);
}

/* SAM_INFO2 says less than SAM_INFO4; the members that both have are moved over. */
static NETLOGON_VALIDATION_SAM_INFO4 *widen(struct nt_arena *arena,
                                            const NETLOGON_VALIDATION_SAM_INFO2 *in)
{
    NETLOGON_VALIDATION_SAM_INFO4 *out = nt_arena_alloc(arena, sizeof *out);
    if (out == NULL)
        return NULL;
    out->LogonTime = in->LogonTime;
    out->LogoffTime = in->LogoffTime;
    out->KickOffTime = in->KickOffTime;
    out->PasswordLastSet = in->PasswordLastSet;
    out->PasswordCanChange = in->PasswordCanChange;
    out->PasswordMustChange = in->PasswordMustChange;
    out->EffectiveName = in->EffectiveName;
    out->FullName = in->FullName;
    out->LogonScript = in->LogonScript;
    out->ProfilePath = in->ProfilePath;
    out->HomeDirectory = in->HomeDirectory;
    out->HomeDirectoryDrive = in->HomeDirectoryDrive;
    out->LogonCount = in->LogonCount;
    out->BadPasswordCount = in->BadPasswordCount;
    out->UserId = in->UserId;
    out->PrimaryGroupId = in->PrimaryGroupId;
    out->GroupCount = in->GroupCount;
    out->GroupIds = in->GroupIds;
    out->UserFlags = in->UserFlags;
    out->UserSessionKey = in->UserSessionKey;
    out->LogonServer = in->LogonServer;
    out->LogonDomainName = in->LogonDomainName;
    out->LogonDomainId = in->LogonDomainId;
    /* ExpansionRoom[0..1] is LMKey and [2] UserAccountControl in the wider form. */
    for (size_t i = 0; i < 4; i++) {
        out->LMKey[i] = (uint8_t)(in->ExpansionRoom[0] >> (8 * i));
        out->LMKey[4 + i] = (uint8_t)(in->ExpansionRoom[1] >> (8 * i));
    }
    out->UserAccountControl = in->ExpansionRoom[2];
    out->SidCount = in->SidCount;
    out->ExtraSids = in->ExtraSids;
    return out;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static void take_logon(struct nt_channel *ch, struct nt_forward *fwd, uint16_t validation,
                       const struct NetrLogonSamLogonEx *args)
{
    fwd->status = args->result;
    fwd->authoritative = args->Authoritative != 0;
    if (!nt_status_ok(args->result))
        return;
    NETLOGON_VALIDATION_SAM_INFO4 *info =
        validation == NetlogonValidationSamInfo4 ? args->ValidationInformation.ValidationSam4
        : args->ValidationInformation.ValidationSam2 != NULL
            ? widen(fwd->arena, args->ValidationInformation.ValidationSam2)
            : NULL;
    if (info == NULL) {
        fwd->status = NT_STATUS(INVALID_NETWORK_RESPONSE);
        return;
    }
    /* Levels 2 and 3 encrypt the keys once more, level 6 leaves that to the sealed channel. A key
     * of zeros means none, and is sent as it is. [MS-NRPC] 3.4.5.3.2 */
    bool encrypted = validation != NetlogonValidationSamInfo4;
    if (encrypted && !all_zero(info->UserSessionKey.data, sizeof info->UserSessionKey.data))
        nt_nl_crypt_buffer(&ch->chain, false, info->UserSessionKey.data,
                           sizeof info->UserSessionKey.data);
    if (encrypted && !all_zero(info->LMKey, sizeof info->LMKey))
        nt_nl_crypt_buffer(&ch->chain, false, info->LMKey, sizeof info->LMKey);
    fwd->info = info;
}

static void on_logon(struct nt_channel *ch, size_t i, const struct nt_link_event *e,
                     uint64_t now_ms)
{
    struct nt_forward *fwd = ch->flights[i].fwd;
    uint16_t validation = ch->flights[i].validation;
    fwd->authoritative = true;
    if (e->kind == NT_LINK_FAULT) {
        fwd->status = NT_STATUS(RPC_CALL_FAILED);
        snprintf(fwd->text, sizeof fwd->text, "NetrLogonSamLogonEx ended in the fault 0x%08X: %s",
                 e->fault, nt_fault_name(e->fault));
        flight_end(ch, i);
        return;
    }
    struct NetrLogonSamLogonEx *args = nt_arena_alloc(fwd->arena, sizeof *args);
    void *decoded = args;
    fwd->status = NT_STATUS(INVALID_NETWORK_RESPONSE);
    if (args == NULL) {
        fwd->status = NT_STATUS(NO_MEMORY);
    } else {
        args->ValidationLevel = validation;
        if (nt_ndr_decode(&ndr_NetrLogonSamLogonEx, NT_NDR_RESPONSE, e->big_endian, e->stub, e->len,
                          fwd->arena, &decoded, NULL, NULL) == NT_OK)
            take_logon(ch, fwd, validation, args);
    }
    if (nt_status_is(fwd->status, NT_STATUS(INVALID_INFO_CLASS)) &&
        validation == NetlogonValidationSamInfo4) {
        /* An NT-style controller: it has only the older form. */
        ch->validation = NetlogonValidationSamInfo2;
        ch->flights[i] = ch->flights[--ch->flight_count];
        enum nt_err err = send_logon(ch, fwd, now_ms);
        if (err == NT_OK)
            return;
        fwd->status = nt_status_of(err);
        fwd->done(fwd);
        return;
    }
    snprintf(fwd->dc_name, sizeof fwd->dc_name, "%s",
             ch->event.dc_name[0] != '\0' ? ch->event.dc_name : ch->host);
    flight_end(ch, i);
}

void nt_channel_on_call(struct nt_channel *ch, const struct nt_link_event *e, uint64_t now_ms)
{
    if (ch->chained != NO_CALL && e->call_id == ch->call_id) {
        on_chained(ch, e);
        return;
    }
    for (size_t i = 0; i < ch->flight_count; i++)
        if (ch->flights[i].call_id == e->call_id) {
            on_logon(ch, i, e, now_ms);
            return;
        }
}
