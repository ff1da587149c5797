#include "channel/channel_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"

/* sec: taken over; NULL: unprotected. */
static struct nt_link *dial(struct nt_channel *ch, const struct nt_ndr_interface *iface,
                            uint16_t known_port, struct nt_sec *sec, uint64_t now_ms)
{
    if (ch->host == NULL)
        return NULL;
    const struct nt_link_config config = {
        .host = ch->host,
        .road = ch->road,
        .epm_port = ch->road != NT_ROAD_SMB ? ch->port : 0,
        .smb_port = ch->road == NT_ROAD_SMB ? ch->port : 0,
        .port = known_port,
        .env = ch->env,
        .iface = iface,
        .sec = sec,
        .auth_type = sec != NULL ? NT_AUTH_SCHANNEL : NT_AUTH_NONE,
        .auth_level = sec != NULL ? NT_LEVEL_PRIVACY : NT_LEVEL_NONE,
    };
    return nt_link_new(&config, now_ms);
}

struct nt_sec *nt_channel_sec(const struct nt_channel *ch)
{
    return nt_sec_schannel_client(&(struct nt_schannel_client_config){ .domain = ch->domain,
                                                                       .computer = ch->computer,
                                                                       .key = &ch->chain.key,
                                                                       .crypto = ch->chain.crypto,
                                                                       .env = ch->env });
}

struct nt_link *nt_channel_dial_sealed(struct nt_channel *ch, const struct nt_ndr_interface *iface,
                                       uint16_t known_port, uint64_t now_ms)
{
    struct nt_sec *sec = nt_channel_sec(ch);
    return sec != NULL ? dial(ch, iface, known_port, sec, now_ms) : NULL;
}

struct nt_channel *nt_channel_new(const struct nt_channel_config *config, uint64_t now_ms)
{
    struct nt_channel *ch = calloc(1, sizeof *ch);
    if (ch == NULL)
        return NULL;
    nt_arena_init(&ch->arena, NT_CHANNEL_ARENA);
    ch->domain = strdup(config->domain);
    ch->computer = strdup(config->computer);
    ch->account = strdup(config->account);
    ch->host = strdup(config->host);
    ch->type = config->type;
    ch->road = config->road;
    ch->port = config->port;
    ch->allow_weak = config->allow_weak;
    ch->bare = config->bare;
    ch->want_sid = config->want_sid;
    ch->ask_why = config->ask_why;
    ch->may_log_on = config->may_log_on;
    ch->sid = config->sid;
    ch->env = config->env;
    ch->validation = NetlogonValidationSamInfo4;
    ch->candidate_count = config->candidate_count < NT_CHANNEL_CANDIDATES ? config->candidate_count
                                                                          : NT_CHANNEL_CANDIDATES;
    for (size_t i = 0; i < ch->candidate_count; i++)
        ch->candidates[i] = config->candidates[i];
    ch->link = dial(ch, &ndr_netlogon, 0, NULL, now_ms);
    if (ch->domain == NULL || ch->computer == NULL || ch->account == NULL || ch->host == NULL ||
        ch->link == NULL) {
        nt_channel_free(ch);
        return NULL;
    }
    return ch;
}

void nt_channel_free(struct nt_channel *ch)
{
    if (ch == NULL)
        return;
    nt_channel_end_flights(ch, NT_STATUS(CONNECTION_ABORTED), "the secure channel was closed");
    nt_link_free(ch->link);
    nt_cause_free(ch->cause);
    nt_arena_free(&ch->arena);
    free(ch->domain);
    free(ch->computer);
    free(ch->account);
    free(ch->host);
    nt_wipe(ch, sizeof *ch);
    free(ch);
}

struct nt_link *nt_channel_link(struct nt_channel *ch)
{
    if (ch->stage == CAUSE)
        return nt_cause_link(ch->cause);
    return ch->stage != ENDED ? ch->link : NULL;
}

bool nt_channel_is_open(const struct nt_channel *ch)
{
    return ch->stage == OPEN;
}

size_t nt_channel_logons(const struct nt_channel *ch)
{
    return ch->flight_count;
}

const struct nt_secret *nt_channel_opened_with(const struct nt_channel *ch)
{
    return &ch->candidates[ch->candidate];
}

/* --- outcomes --- */

const char *nt_channel_step_name(enum nt_channel_stage stage)
{
    switch (stage) {
    case AUTH_LINK:
        return "connect";
    case CHALLENGE:
        return "NetrServerReqChallenge";
    case AUTHENTICATE:
        return "NetrServerAuthenticate3";
    case SEALED_LINK:
        return "secure channel bind";
    case CAPABILITIES:
        return "NetrLogonGetCapabilities";
    case TRUST_INFO:
        return "NetrServerGetTrustInfo";
    case TRUST_PASSWORDS:
        return "NetrServerTrustPasswordsGet";
    case DOMAIN_INFO:
        return "NetrLogonGetDomainInfo";
    case LSA_LINK:
        return "LSA bind over the secure channel";
    case LSA_POLICY:
        return "LsarOpenPolicy2";
    case LSA_DOMAIN:
        return "the LSA's answer about its domain";
    case BACK_LINK:
        return "secure channel bind";
    case CAUSE:
        return "NetrServerAuthenticate3";
    case OPEN:
    case ENDED:
        break;
    }
    return "open channel";
}

void nt_channel_end(struct nt_channel *ch, enum nt_channel_event_kind kind, ntstatus status,
                    const char *why)
{
    if (ch->stage == ENDED)
        return;
    snprintf(ch->why, sizeof ch->why, "%s", why);
    ch->event.kind = kind;
    ch->event.candidate = ch->candidate;
    ch->event.status = status;
    ch->event.why = ch->why;
    ch->event.step = nt_channel_step_name(ch->stage);
    ch->event.stranger = kind == NT_CHANNEL_REFUSED && ch->stage < AUTHENTICATE;
    ch->tell = true;
    ch->stage = ENDED;
    nt_channel_end_flights(ch, status, ch->why);
}

void nt_channel_refused(struct nt_channel *ch, ntstatus status, const char *why, uint64_t now_ms)
{
    bool unclear = nt_status_is(status, NT_STATUS(ACCESS_DENIED)) ||
                   nt_status_is(status, NT_STATUS(NO_TRUST_SAM_ACCOUNT));
    if (ch->ask_why && unclear) {
        const struct nt_cause_config config = {
            .domain = ch->domain,
            .computer = ch->computer,
            .account = ch->account,
            .host = ch->host,
            .road = ch->road,
            .smb_port = ch->road == NT_ROAD_SMB ? ch->port : 0,
            .sid = ch->sid,
            .env = ch->env,
            .refused = status,
            .candidates = ch->candidates,
            .candidate_count = ch->may_log_on ? ch->candidate_count : 0,
        };
        ch->cause = nt_cause_new(&config, ch->link, now_ms);
        ch->link = NULL; /* taken over */
    }
    if (ch->cause != NULL)
        ch->stage = CAUSE;
    else
        nt_channel_end(ch, NT_CHANNEL_REFUSED, status, why);
}

void nt_channel_no_memory(struct nt_channel *ch)
{
    nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(NO_MEMORY), "out of memory");
}

void nt_channel_bad_answer(struct nt_channel *ch)
{
    nt_channel_end(ch, NT_CHANNEL_FAILED, NT_STATUS(INVALID_NETWORK_RESPONSE),
                   "the controller's answer does not decode");
}

/* --- sending --- */

uint16_t *nt_channel_wide(struct nt_channel *ch, const char *text)
{
    uint16_t *out = NULL;
    return nt_utf16_from_utf8(&ch->arena, text, &out, NULL) == NT_OK ? out : NULL;
}

uint16_t *nt_channel_server(struct nt_channel *ch)
{
    const char *name = ch->event.dc_name[0] != '\0' ? ch->event.dc_name : ch->host;
    char *text = nt_arena_printf(&ch->arena, "\\\\%s", name);
    return text != NULL ? nt_channel_wide(ch, text) : NULL;
}

bool nt_channel_send(struct nt_channel *ch, const struct nt_ndr_op *op, const void *args,
                     uint64_t now_ms)
{
    enum nt_err err = nt_link_call(ch->link, op, args, now_ms, &ch->call_id);
    if (err != NT_OK)
        nt_channel_end(ch, NT_CHANNEL_FAILED, nt_status_of(err), nt_err_text(err));
    return err == NT_OK;
}

void nt_channel_step(struct nt_channel *ch, struct nt_authenticator *out)
{
    ch->before = ch->chain;
    nt_chain_next(&ch->chain, (uint32_t)nt_time_to_unix(nt_now(ch->env)), out);
}

bool nt_channel_step_check(struct nt_channel *ch, const struct nt_authenticator *returned)
{
    return nt_chain_check(&ch->chain, returned) == NT_OK;
}

void nt_channel_step_back(struct nt_channel *ch)
{
    ch->chain = ch->before;
}

NETLOGON_AUTHENTICATOR nt_channel_authenticator(struct nt_channel *ch)
{
    struct nt_authenticator a;
    NETLOGON_AUTHENTICATOR out;
    nt_channel_step(ch, &a);
    memcpy(out.Credential.data, a.credential, sizeof a.credential);
    out.Timestamp = a.timestamp;
    return out;
}

bool nt_channel_check(struct nt_channel *ch, const NETLOGON_AUTHENTICATOR *in)
{
    struct nt_authenticator a = { .timestamp = in->Timestamp };
    memcpy(a.credential, in->Credential.data, sizeof a.credential);
    return nt_channel_step_check(ch, &a);
}

/* --- events --- */

bool nt_channel_next(struct nt_channel *ch, struct nt_channel_event *ev, uint64_t now_ms)
{
    struct nt_link_event e;
    while (!ch->tell && ch->stage < CAUSE && nt_link_next(ch->link, &e, now_ms)) {
        if (e.kind == NT_LINK_FAILED && nt_channel_in_lsa(ch)) {
            nt_channel_leave_lsa(ch, now_ms);
        } else if (e.kind == NT_LINK_FAILED) {
            /* Once it has authenticated us, a refusal says nothing about the password: it has lost
             * the session, or somebody garbles what it says. */
            bool refused =
                nt_status_is(e.status, NT_STATUS(ACCESS_DENIED)) && ch->stage <= AUTHENTICATE;
            nt_channel_end(ch, refused ? NT_CHANNEL_REFUSED : NT_CHANNEL_FAILED, e.status, e.why);
        } else if (ch->stage == OPEN) {
            nt_channel_on_call(ch, &e, now_ms);
        } else {
            nt_channel_set_up(ch, &e, now_ms);
        }
    }
    if (ch->stage == CAUSE && nt_cause_next(ch->cause, now_ms))
        nt_channel_end(ch, NT_CHANNEL_REFUSED, nt_cause_status(ch->cause), nt_cause_why(ch->cause));
    if (!ch->tell)
        return false;
    ch->tell = false;
    *ev = ch->event;
    return true;
}
